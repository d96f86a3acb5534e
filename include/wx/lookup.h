/*
 * lookup.h - asking the business's own server for the name and ID number of a caller.
 *
 * For clients that send neither, because the business knows its user already.  benren
 * POSTs {"appid", "openid" or "caller", "source"} to identity.lookup_url, signed with the
 * app's business_secret (base/sign.h, purpose "identity").  The answers:
 *
 *   200  {"name": ..., "id_card_number": ...}
 *   200 or 4xx  {"reason": "account_closed", "message": "..."}   no face check for this one
 *
 * reason is 1 to 32 of a-z 0-9 _, and message, for the user, at most 200 bytes, empty or
 * absent if benren's own text will do.
 * Other members are ignored; everything else is no answer.
 */
#ifndef WX_LOOKUP_H
#define WX_LOOKUP_H

#include "base/arena.h"
#include "base/json_out.h"
#include "base/sign.h"
#include "wx/identity.h"
#include "wx/wx.h"

enum { LOOKUP_REASON_MAX = 32, LOOKUP_MESSAGE_MAX = 200 };

struct wx_lookup {
	/* in */
	const struct conf_app *app;
	struct str caller, openid; /* either may be empty */
	int32_t source;            /* -1 = not said */

	/* out */
	enum err err;     /* OK: id is there; ERR_REFUSED: reason and message say why not */
	const char *word; /* with other errors: for the log */
	struct str reason, message;
	struct identity id; /* as identity_read() gives it; in the arena, to be wiped */
	int ms;

	void (*done)(struct wx_lookup *);
	struct wx *wx;
	struct arena *arena;
	struct json_out body;
	struct http_call http;
	const char *headers[4];
	struct task start;
};

/* done() fires once, never from inside; op and arena stay put until then. */
void wx_lookup(struct wx *wx, struct wx_lookup *op, struct arena *a,
	       void (*done)(struct wx_lookup *));

#endif
