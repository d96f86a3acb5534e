/*
 * find.h - a session by its id, for the one it belongs to; and ending it early.
 */
#ifndef WX_FIND_H
#define WX_FIND_H

#include "wx/session.h"
#include "wx/wx.h"

struct wx_find {
	/* in */
	const struct digest *caller; /* NULL: whoever asks (to learn the app it belongs to) */
	struct str id;
	const struct digest *latest;  /* NULL, or wx_latest_key() instead of an id */
	const struct wx_code *cancel; /* NULL, or why a session that has not ended fails now */

	/* out */
	enum err err; /* OK, ERR_NOT_FOUND (or another caller's), ERR_BUSY, ERR_SYSTEM: the store */
	enum session_state state; /* before the cancelling */
	struct session s;

	void (*done)(struct wx_find *);
	struct wx *wx;
	struct store_op op;
};

/* What leads to the last session of this caller and source that has got a verdict. */
struct digest wx_latest_key(struct crypt *c, const struct conf_app *app,
			    const struct digest *caller, int32_t source);

/* DONE or WAIT as base/defs.h says; op stays put until then. */
enum progress wx_find(struct wx *wx, struct wx_find *op, void (*done)(struct wx_find *)) MUST_CHECK;

#endif
