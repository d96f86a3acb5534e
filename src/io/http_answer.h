/*
 * http_answer.h - collecting what a server answers, within our limits.
 */
#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H

#include "base/str.h"

/* How the answer under way has said how long it is. */
enum http_framing { FRAMED_NOT, FRAMED_LENGTH, FRAMED_CHUNKED };

struct http_answer {
	enum err err; /* why it was broken off: ERR_TOO_LARGE, ERR_SYNTAX */
	char *bytes;
	size_t len, cap;
	size_t head_len; /* bytes of header lines so far, those of 1xx answers too */
	bool in_head;    /* between a status line and the empty line */
	enum http_framing framing;
	int64_t length; /* FRAMED_LENGTH */
};

/* For libcurl's HEADERFUNCTION and WRITEFUNCTION; arg is a struct http_answer. */
size_t answer_header(char *bytes, size_t one, size_t n, void *arg);
size_t answer_body(char *bytes, size_t one, size_t n, void *arg);

/* Wipes it.  Harmless on a zeroed one. */
void answer_finish(struct http_answer *a);

#endif
