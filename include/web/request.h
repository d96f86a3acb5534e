/*
 * request.h - one request of a web server: what came in, and where its life ends.
 *
 * A request is created by web/fcgi.c when all of it has arrived, handed to the
 * handler of its route, and ended by exactly one reply (web/reply.h), after which
 * it is gone.  Everything in it lives in its arena and is wiped with it.  If the
 * web server goes away meanwhile nothing changes for the handler: the reply is
 * dropped.
 */
#ifndef WEB_REQUEST_H
#define WEB_REQUEST_H

#include "base/arena.h"
#include "base/json_in.h"
#include "base/json_out.h"
#include "base/log.h"
#include "base/reason.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Limits; what is over them is answered with 413 or 431. */
enum {
	REQ_PARAMS_MAX = 65535,   /* all parameters with their lengths: what one record holds */
	REQ_PARAM_NR = 128,
	REQ_PARAM_NAME_MAX = 256,
	REQ_PARAM_VALUE_MAX = 8192,
	REQ_BODY_MAX = 16 * 1024,
	REQ_FIELD_NR = 64,        /* fields of body and query together */
	REQ_ARENA_MAX = 256 * 1024,
	REQ_ID_MAX = 64,          /* X-Request-Id */
};

/* A FastCGI parameter. */
struct param {
	struct str name, value;
};

/* A field of the body (JSON or form) or of the query string. */
struct field {
	struct str     name;
	enum json_type type;   /* form and query: always JSON_STRING */
	struct str     value;  /* JSON_STRING, JSON_INT: its text; else empty */
};

struct req {
	struct arena  arena;
	struct str    id;            /* X-Request-Id, ours or the web server's */
	struct str    method;        /* REQUEST_METHOD */
	struct str    path;          /* SCRIPT_NAME + PATH_INFO */
	struct str    endpoint;      /* last segment of path, without the slash */
	struct param *params;
	size_t        param_nr;
	struct str    body;
	struct field *fields;        /* after req_read_fields() */
	size_t        field_nr;
	bool          english;       /* Accept-Language prefers it over Chinese */
	bool          sandbox;       /* the answer is marked so: from fcgi_conf */
	int64_t       started;       /* boot clock; set by req_read_params() */
	void         *app;           /* what fcgi_conf.app said */

	/* filled by handlers for the one log line of this request */
	struct log_line *log;        /* open until the reply; add fields freely */

	struct reply_state {
		struct json_out out;
		int             status;
		const char     *word;
		int             retry_after;  /* seconds, 0 = none */
		const char     *allow;        /* 405: "POST" */
		bool            open;
	} reply;

	/* who ends it: set by web/fcgi.c (or by a test); r is freed by it */
	void (*end)(struct req *r, struct str head, struct str body);
};

/* The value of a parameter, the first of them; p is NULL if it was not sent. */
struct str req_param(const struct req *r, const char *name);

/*
 * The same for a name that only the configuration knows and a decision rests on.
 * ERR_REFUSED when it was sent twice: one of them may be the client's.
 */
enum err req_param_once(const struct req *r, const char *name, struct str *ret_value) MUST_CHECK;

/*
 * Takes id, method, path, endpoint and language out of the parameters and opens
 * the log line.  ERR_REFUSED when a parameter that counts (the method, the path,
 * all that is about the body, the caller and BENREN_*) was sent twice or is
 * missing; when a header of ours (X-Benren-*, Idempotency-Key, a Bearer) came twice,
 * as two parameters or as a list in one; or when CONTENT_LENGTH is not the length of
 * the body.  The request can be answered then, too.
 */
enum err req_read_params(struct req *r) MUST_CHECK;

/*
 * Reads the fields: the query string, and the body by its Content-Type
 * (application/json or application/x-www-form-urlencoded; no body, no type).  The
 * body of a GET means nothing and is not looked at.  On failure *ret_why is a row
 * of web/reply.h and *ret_hint a sentence for the client developer (in the arena).
 * A field named twice is refused, wherever, and in whichever of its two spellings.
 */
enum err req_read_fields(struct req *r, const struct reason **ret_why,
			 const char **ret_hint) MUST_CHECK;

/* The field with one of two spellings ("verify_result", "verifyResult"); NULL if absent. */
const struct field *req_field(const struct req *r, const char *snake, const char *camel);

#endif
