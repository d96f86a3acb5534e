/*
 * repeat.h - the same /identify again gives the same key and session, without a call.
 *
 * A double tap: the same known caller, identity, source and consent within ten seconds.
 * Or the same Idempotency-Key, for as long as the session is known.  Whoever comes first
 * makes a claim in the store before WeChat is asked; who comes while it is being asked
 * waits for the outcome.  A claim whose maker died runs out.
 */
#ifndef WX_REPEAT_H
#define WX_REPEAT_H

#include "base/flow.h"
#include "wx/identity.h"
#include "wx/session.h"
#include "wx/wx.h"

enum { REPEAT_TAP_MS = 10000, REPEAT_KEY_MIN = 16, REPEAT_KEY_MAX = 128 };

enum repeat_outcome {
	REPEAT_NEW,    /* go on: the claim is ours, wx_repeat_settle() must follow */
	REPEAT_SAME,   /* s is the session of the first time */
	REPEAT_ENDED,  /* the key's session has ended, or its time is over */
	REPEAT_OTHER,  /* the key was used for another identity, source or consent */
	REPEAT_ASKING, /* WeChat is still being asked for the first time */
	REPEAT_AWAY,   /* the store did not do its part: err says why */
};

struct wx_repeat {
	/* in */
	struct digest caller;
	struct str key;     /* the Idempotency-Key, or empty */
	struct digest what; /* keyed hash of all that must be the same: wx_repeat_what() */

	/* out */
	enum repeat_outcome outcome;
	enum err err;
	struct session s;

	void (*done)(struct wx_repeat *);
	struct wx *wx;
	struct flow flow;
	struct digest claim_key, session_key;
	uint64_t version;
	int64_t patience; /* boot clock */
	struct timer timer;
	struct task start;
	struct store_op op;
};

/* Is it what an Idempotency-Key may be?  16 to 128 of letters, digits and - _ . : */
bool wx_repeat_key_fits(struct str key);

struct digest wx_repeat_what(struct crypt *c, const struct identity *i, int32_t source,
			     const char *consent);

/* done() fires once, never from inside; r stays put until then. */
void wx_repeat_claim(struct wx *wx, struct wx_repeat *r, const struct conf_app *app,
		     void (*done)(struct wx_repeat *));

/*
 * What became of it: the opened session, or NULL if none was opened, which lets the same
 * be asked again.  DONE or WAIT as base/defs.h says.
 */
enum progress wx_repeat_settle(struct wx_repeat *r, const struct session *opened,
			       void (*done)(struct wx_repeat *)) MUST_CHECK;

#endif
