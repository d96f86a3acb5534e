/*
 * wire.h - FastCGI records as they come off one connection.
 *
 * Pure: no I/O, no libfcgi.  A walker takes the bytes in pieces of any size, keeps
 * where it stands, and gathers one request at a time in canonical form: BEGIN, at
 * most one PARAMS record, at most one STDIN record, both streams closed, no padding
 * and nothing else between.  What libfcgi gets is that form and never what came.
 * Management records, aborts and second requests are answered by the specification.
 *
 * A request over a limit is read to its end all the same, and what is too much of it
 * is dropped: web servers write all of a request before they look for an answer, and
 * a connection closed meanwhile becomes a 502 without a reason.
 */
#ifndef WEB_WIRE_H
#define WEB_WIRE_H

#include "base/str.h"
#include "web/request.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	WIRE_HEADER = 8,
	WIRE_REQUEST_MAX = 16 + REQ_PARAMS_MAX + REQ_BODY_MAX + 4 * WIRE_HEADER,
	WIRE_SHORT_MAX = 256, /* content of a GET_VALUES record; a longer one is not answered */
	WIRE_ANSWER_MAX = 128,
};

enum wire_verdict {
	WIRE_MORE,     /* all bytes are used; nothing to do until there are more */
	WIRE_REQUEST,  /* a whole request: look at "the request" below, then wire_release() */
	WIRE_ANSWER,   /* send `answer`, and go on */
	WIRE_FAREWELL, /* send `answer`, and close */
	WIRE_CLOSE,    /* malformed beyond answering */
};

/* Why a whole request is not to be handled. */
enum wire_fault {
	WIRE_FINE,
	WIRE_BAD_PARAMS, /* a name that is empty or holds '=', or a NUL: 400, without parameters */
	WIRE_LARGE_PARAMS, /* too long or too many: 431, without parameters */
	WIRE_LARGE_BODY,   /* 413, without body */
};

struct wire {
	/* the request, after WIRE_REQUEST; its bytes until wire_release() */
	uint16_t id;
	bool keep; /* FCGI_KEEP_CONN */
	enum wire_fault fault;
	unsigned char *bytes; /* in canonical form */
	size_t len, body_len;

	/* after WIRE_ANSWER and WIRE_FAREWELL */
	unsigned char answer[WIRE_ANSWER_MAX];
	size_t answer_len;

	/* where the walk stands: the record, and the stream it belongs to */
	unsigned char header[WIRE_HEADER];
	size_t header_len, content_left, padding_left;
	enum { SINK_NONE, SINK_UNKNOWN, SINK_VALUES, SINK_BEGIN, SINK_ABORT, SINK_STREAM } sink;
	enum { STAGE_NONE, STAGE_PARAMS, STAGE_STDIN } stage;
	unsigned char small[WIRE_SHORT_MAX];
	size_t small_len;
	size_t size; /* of bytes */
	size_t mark; /* where in bytes the header of the open stream is */
	unsigned max_reqs;
};

/* max_reqs: what FCGI_GET_VALUES is told about connections and requests at once. */
void wire_init(struct wire *w, unsigned max_reqs);

/* Wipes and frees what was gathered, at any time. */
void wire_finish(struct wire *w);

/* Takes bytes off the front of *bytes.  Not to be called again after FAREWELL or CLOSE. */
enum wire_verdict wire_walk(struct wire *w, struct str *bytes) MUST_CHECK;

/* The request has been fed: wipe it, as it holds a name and an ID number. */
void wire_release(struct wire *w);

/* Stands the walk between two requests, without a byte of the next? */
static inline bool wire_idle(const struct wire *w)
{
	return w->stage == STAGE_NONE && w->header_len == 0;
}

#endif
