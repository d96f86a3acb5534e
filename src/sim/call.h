/*
 * call.h - one HTTP request to the sandbox, and what is to become of it.
 *
 * server.c fills the request in when all of it has been read, has it answered,
 * and then lets the reply travel as it says.  Everything lives in the arena.
 */
#ifndef SIM_CALL_H
#define SIM_CALL_H

#include "answer.h"
#include "base/arena.h"

struct sim;

enum travel {
	TRAVEL_WHOLE,
	TRAVEL_CLOSE,   /* the connection is closed instead */
	TRAVEL_HANG,    /* nothing is sent until the client goes away */
	TRAVEL_DRIP,    /* a byte every step_ms */
	TRAVEL_CUT,     /* the second half never comes, the connection is closed */
	TRAVEL_ENDLESS, /* a body without an end */
};

struct reply {
	int status;
	const char *content_type;
	struct str body;
	const struct json *headers; /* further ones: an object of strings, or NULL */
	int64_t delay_ms;
	enum travel travel;
	int64_t step_ms;
};

struct call {
	struct sim *sim;
	struct arena arena;
	struct str method, path, body;
	bool has_length;         /* a Content-Length was given */
	bool too_large;          /* the body was not kept */
	const struct json *json; /* the body, NULL if it is none; see json_error */
	struct json_error json_error;
	struct reply reply;
};

/* A parameter of the query string, decoded; STR_NONE if it is not there.  In server.c. */
struct str call_arg(const struct call *c, const char *name);

/* A member of the body, if it is there and a text; else STR_NONE. */
struct str call_text(const struct call *c, const char *key);

/* Fills in c->reply. */
void call_answer(struct call *c);

#endif
