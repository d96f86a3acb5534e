/*
 * call.h - one call of WeChat's API with an access token.
 *
 * Gets the token, posts the body, reads the answer.  On 40001, 40014 and 42001 the
 * token is dropped and the call made once more: WeChat did not execute it.  Apart
 * from that an open call is sent at most once; a query, which changes nothing, is
 * asked again once if its answer got lost.
 */
#ifndef WX_CALL_H
#define WX_CALL_H

#include "base/arena.h"
#include "base/flow.h"
#include "base/json_in.h"
#include "base/json_out.h"
#include "token.h"
#include "wx/codes.h"

enum {
	WX_ANSWER_ARENA = 16 * HTTP_ANSWER_MAX, /* the worst JSON is all small numbers */
};

struct wx_call {
	/* in */
	struct arena *arena;
	const struct conf_app *app;
	const char *path;
	bool repeatable;      /* a query */
	const char *sign;     /* an open call: the name of what its answer gives */
	struct json_out body; /* built by the caller between begin and start */

	/* out */
	enum err err;            /* OK: an HTTP 200 answer came; root may still be NULL */
	const struct json *root; /* NULL: not JSON by our rules */
	enum wx_class class;     /* with err != OK: what it is for the client */
	const char *word;        /* with err != OK: for the log */
	int64_t errcode;         /* 0 if none came */
	char rid[WX_RID_MAX];    /* WeChat's request id, "" if none */
	int ms;                  /* spent in the HTTP exchange(s) */
	bool sent;               /* it may have reached WeChat */

	void (*done)(struct wx_call *);
	struct wx *wx;
	struct flow flow;
	struct token *token;
	struct token_get get;
	struct http_call http;
	struct str url, text;
	struct arena answer;    /* root is in it; the client's arena may be nearly full */
	bool refused, repeated; /* the token was, once; the query was, once */
	struct task begin;
};

/* Then write the members of the body into c->body, and start. */
void wx_call_begin(struct wx *wx, struct wx_call *c, struct arena *a, const struct conf_app *app,
		   const char *path);

/* Always WAIT: done() fires once, never from inside. */
void wx_call_start(struct wx_call *c, void (*done)(struct wx_call *));

/* After done(); wipes what is left, and root. */
void wx_call_finish(struct wx_call *c);

/*
 * Reads an answer: JSON, errcode and the rid in errmsg.  Also for calls that need no
 * token.  Sets root, errcode and rid; false if it is no JSON object.
 */
bool wx_read_answer(struct arena *a, struct str answer, const struct json **ret_root,
		    int64_t *ret_errcode, char rid[WX_RID_MAX]);

#endif
