/*
 * asking.h - which app a request is for, and who is asking.
 *
 * The app: what the web server says in BENREN_APPID; else the one that the login token,
 * or else the named session, belongs to; else, with `app_field`, the field appid; else the
 * first.  What a client sends never leads to an app with anonymous callers, unless that is
 * the first: it could be weaker than the one the request came for.
 *
 * The caller: what that app's configuration trusts, and nothing else.
 */
#ifndef ASKING_H
#define ASKING_H

#include "app_local.h"
#include "base/reason.h"
#include "web/address.h"
#include "wx/find.h"
#include "wx/login.h"
#include "wx/ticket.h"

enum {
	ASKING_OPENID = 1,  /* an openid is needed where the protocol asks for one */
	ASKING_SESSION = 2, /* it is about a session, if one is named */
	ASKING_LOGIN = 4,   /* only a code of wx.login counts */
};

struct asking {
	/* in */
	struct req *req;
	unsigned needs;

	/* out */
	const struct reason *why; /* NULL: known; else the answer to give, */
	const char *hint;         /* and what the client developer should do */
	const struct conf_app *app;
	struct digest caller;
	bool known;         /* not anonymous */
	struct str name;    /* what caller is a hash of: openid or user; may be empty */
	struct str openid;  /* empty if nobody told us; in the arena */
	struct str session; /* the named session's id, from body or header */
	struct client client;

	void (*done)(struct asking *);
	bool token_sent;
	const struct wx_ticket *ticket; /* of the token; NULL: none was sent, or it is no good */
	struct wx_login login;
};

/* DONE or WAIT as base/defs.h says; a lives in the request's arena. */
enum progress asking_start(struct asking *a, struct req *r, unsigned needs,
			   void (*done)(struct asking *)) MUST_CHECK;

/* The value of a field that must be a text; empty if it was not sent (ret true). */
bool asking_text(struct req *r, const char *snake, const char *camel, struct str *ret_value);

/* The field source: 0-255, what the check is for; -1 if it was not sent. */
bool asking_source(struct req *r, int32_t *ret_source);

#endif
