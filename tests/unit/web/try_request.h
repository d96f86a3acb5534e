/*
 * try_request.h - a request without a web server, and what it was answered.
 *
 * try_init(), try_param() and the like, then whatever is to be tried on t.req;
 * when it is answered, t.head and t.body hold the answer and the request is gone.
 */
#ifndef TRY_REQUEST_H
#define TRY_REQUEST_H

#include "web/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct
try {
	struct req req;
	struct param params[REQ_PARAM_NR];
	unsigned answers;
	char head[2048];
	char *body;
	size_t body_len;
};

static inline void try_end(struct req *r, struct str head, struct str body)
{
	struct try *t = container_of(r, struct try, req);

	assert_true(head.len < sizeof t->head);
	memcpy(t->head, head.p, head.len);
	t->head[head.len] = '\0';
	t->body = test_calloc(1, body.len + 1);
	if (body.len > 0)
		memcpy(t->body, body.p, body.len);
	t->body_len = body.len;
	t->answers++;
	arena_finish(&r->arena);
}

static inline void try_init(struct try *t)
{
	*t = (struct try){ .req.end = try_end };
	t->req.params = t->params;
	arena_init(&t->req.arena, REQ_ARENA_MAX);
}

static inline void try_param(struct try *t, const char *name, const char *value)
{
	assert_true(t->req.param_nr < REQ_PARAM_NR);
	t->params[t->req.param_nr++] = (struct param){ str_of(name), str_of(value) };
}

static inline void try_method_path(struct try *t, const char *method, const char *path)
{
	try_param(t, "REQUEST_METHOD", method);
	try_param(t, "SCRIPT_NAME", path);
}

/* Whatever became of it. */
static inline void try_finish(struct try *t)
{
	if (t->answers == 0) {
		if (t->req.log != NULL)
			log_end(t->req.log);
		arena_finish(&t->req.arena);
	}
	test_free(t->body);
	t->body = NULL;
}

#endif
