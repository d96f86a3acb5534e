/*
 * wx_local.h - the inside of struct wx, for the files of this layer.
 */
#ifndef WX_LOCAL_H
#define WX_LOCAL_H

#include "wx/wx.h"

/*
 * WeChat does not answer: after some failures in a row it is left alone for a
 * while, so that requests are refused at once instead of piling up.  When the
 * while is over one call is let through to try.
 */
struct breaker {
	int failures;
	int64_t open_until; /* boot clock; 0 = closed */
	bool trying;
	int64_t say_full; /* boot clock: when it may be said again that we have no room */
};

/* Lines that the audit file did not take; said when it begins and ends, and once a minute. */
struct audit_trouble {
	uint64_t refused; /* since it began; 0: all is well */
	int64_t say_again;
};

enum { NEW_FIELDS_MAX = 16 };

/* Members of answers that were told to the operator, by the hash of their name. */
struct new_fields {
	struct digest names[NEW_FIELDS_MAX];
	unsigned nr; /* one more: it was said that no more are named */
};

struct json;
struct token;
struct wx_protocol;

struct wx {
	struct loop *loop;
	struct http *http;
	struct http *lookup; /* to the business's server; NULL where none is asked */
	struct store *store;
	struct crypt *crypt;
	const struct conf *conf;
	struct breaker breaker;
	struct audit *audit; /* NULL: none */
	struct audit_trouble audit_trouble;
	struct new_fields new_fields;
	struct token **tokens; /* one an app, in the order of conf->apps */
	unsigned *in_flight;   /* calls under way, likewise */
};

/* False: do not call now. */
bool wx_breaker_allows(struct wx *wx);

/*
 * Tell it how a call of WeChat went.  One that we had no room for (ERR_FULL) says nothing
 * of WeChat; why there is none goes into the log, once a minute.
 */
void wx_breaker_report(struct wx *wx, const struct http_call *call);

/*
 * Logs each member of a query's answer (an object) that the protocol does not know: once
 * a worker, by its name only, and no more than NEW_FIELDS_MAX of them.
 */
void wx_note_new_fields(struct wx *wx, const struct wx_protocol *p, const struct json *answer);

#endif
