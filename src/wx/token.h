/*
 * token.h - the WeChat access token of one app, shared by all workers.
 *
 * It lives in the store, sealed.  Whoever finds it getting old takes a lease there
 * and fetches a new one (stable_token); the others go on with the old one, which
 * WeChat honours for five more minutes, or wait if there is none.  So at most one
 * fetch an app is under way in the whole pool; a lease is short and renewed while
 * its fetch lasts, so a killed worker holds the others up for two seconds.
 */
#ifndef WX_TOKEN_H
#define WX_TOKEN_H

#include "base/list.h"
#include "base/secret.h"
#include "wx_local.h"

enum { TOKEN_MAX = 768 };

struct token;

struct token *token_create(struct wx *wx, const struct conf_app *app);
void token_destroy(struct token *t);

struct token_get {
	/* in */
	int64_t deadline;          /* boot clock; ERR_TIMEOUT after it */
	bool another;              /* WeChat refused the one in value: forget that, get another */
	char value[TOKEN_MAX + 1]; /* out; wiped by token_get_finish() */

	/* out */
	enum err err;    /* OK; ERR_REFUSED: WeChat gave none; ERR_BUSY: the store is away */
	int64_t errcode; /* with ERR_REFUSED: WeChat's number, 0 if it did not answer */

	void (*done)(struct token_get *);
	struct list link; /* token.waiters */
	struct token *token;
	struct store_op op;
};

/*
 * A token that WeChat should accept now.  DONE or WAIT as base/defs.h says; the op
 * belongs to the caller and stays put until then.
 *
 * With `another`: if what the store holds is still the refused one it is dropped.
 * When the fetch brings the same one back it is refreshed by force, which WeChat
 * allows 20 times a day, 30 seconds apart; when it may not be, that one is good.
 */
enum progress token_get(struct token *t, struct token_get *g,
			void (*done)(struct token_get *)) MUST_CHECK;
void token_get_finish(struct token_get *g);

#endif
