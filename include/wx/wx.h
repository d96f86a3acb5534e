/*
 * wx.h - one worker's side of WeChat: what the calls to it share.
 */
#ifndef WX_WX_H
#define WX_WX_H

#include "base/audit.h"
#include "base/conf.h"
#include "base/crypt.h"
#include "io/http.h"
#include "io/loop.h"
#include "store/store.h"

struct wx;

enum { WX_RID_MAX = 64 }; /* WeChat's id of a request, with its NUL */

/* Everything given stays the caller's and outlives the struct wx. */
struct wx *wx_create(struct loop *l, struct http *h, struct store *s, struct crypt *c,
		     const struct conf *conf);
void wx_destroy(struct wx *wx);

/* Where identity.lookup_url is asked; NULL (the default): nobody is.  Stays the caller's. */
void wx_set_lookup(struct wx *wx, struct http *lookup);
bool wx_has_lookup(const struct wx *wx);

/*
 * Where verdicts are written down before they count; NULL, as at first: nowhere.
 * wx_conf()->audit.required says what becomes of one that cannot be.
 */
void wx_set_audit(struct wx *wx, struct audit *a);

struct crypt *wx_crypt(struct wx *wx);
struct store *wx_store(struct wx *wx);
const struct conf *wx_conf(struct wx *wx);

/* The configuration of an app; NULL if there is none of that id. */
const struct conf_app *wx_app(struct wx *wx, struct str appid);

/* What /ready says, by name. */
struct wx_ready {
	const char *store;  /* "ok", or "busy" */
	const char *wechat; /* "ok", or "breaker_open" */
	const char
		*token[CONF_APPS_MAX]; /* by app: "ok", "none", or the word WeChat refused with */
	bool ok;                       /* store and wechat, and at least one app's token */

	void (*done)(struct wx_ready *);
	struct wx *wx;
	struct ready_get *get;
	struct task start;
	enum err store_err;
	bool served;
	unsigned next; /* app */
};

enum { READY_MS = 3000 }; /* how long it waits for a token */

/* done() fires once, never from inside; r stays put until then. */
void wx_ready(struct wx *wx, struct wx_ready *r, void (*done)(struct wx_ready *));

/* Fetch the tokens of all apps that have none, so that the first user need not wait. */
void wx_warm_up(struct wx *wx);

#endif
