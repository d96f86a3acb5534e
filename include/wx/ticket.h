/*
 * ticket.h - the tokens of /login: who logged in is known by one for a while.
 *
 * A token is 256 random bits.  The store holds it only as the keyed hash it is found by,
 * and the openid sealed.  It ends `login_lifetime` seconds after it was made, however
 * often it is used.  WeChat's session_key is not kept.
 */
#ifndef WX_TICKET_H
#define WX_TICKET_H

#include "wx/budget.h"
#include "wx/session.h"

enum { TICKET_LEN = 43 }; /* base64url of 32 bytes */

struct wx_ticket {
	/* in: wx_ticket_make();  out: wx_ticket_find() */
	const struct conf_app *app;
	char openid[OPENID_MAX + 1];

	/* in: wx_ticket_find();  out: wx_ticket_make() */
	char token[TICKET_LEN + 1];

	/* out: OK; ERR_NOT_FOUND: no such token (any more); ERR_REFUSED: this user logs in
	 * too often, wait says how many seconds; else the store's */
	enum err err;
	int wait;

	void (*done)(struct wx_ticket *);
	struct wx *wx;
	struct wx_budget logins;
	struct store_op op;
};

/* Is it a text that could be a token of ours? */
bool wx_ticket_plausible(struct str token);

/* Both DONE or WAIT as base/defs.h says; t stays put until then. */
enum progress wx_ticket_make(struct wx *wx, struct wx_ticket *t,
			     void (*done)(struct wx_ticket *)) MUST_CHECK;
enum progress wx_ticket_find(struct wx *wx, struct wx_ticket *t,
			     void (*done)(struct wx_ticket *)) MUST_CHECK;

#endif
