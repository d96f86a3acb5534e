/*
 * wechat.h - WeChat's side of the sandbox.
 *
 * wechat.c holds the table of endpoints and what all of them are strict about;
 * the endpoints themselves are in token.c, login.c, face10.c and face20.c.  What
 * WeChat's documents leave open and we had to choose is marked [?].
 */
#ifndef SIM_WECHAT_H
#define SIM_WECHAT_H

#include "call.h"
#include "state.h"

/* One call of WeChat's API. */
struct api {
	struct call *call;
	struct sim *sim;
	struct app *app;      /* whose token or appid it carries; NULL if unknown */
	struct answer answer; /* members behind errcode and errmsg */
	const char *detail;   /* behind the errmsg, or NULL */
};

/* Answers with c->reply; counts the call; delivers armed faults. */
void wechat_answer(struct call *c);

/* Is it the last segment of an endpoint's path? */
bool wechat_is_endpoint(struct str path);

/* The object "total": how often each endpoint was called. */
void wechat_write_totals(const struct ledger *l, struct json_out *o);

/* Endpoints: the errcode, and the answer's members when that is 0. */
int token_stable(struct api *a);
int token_plain(struct api *a);
int login_code2session(struct api *a);
int face10_getuseridkey(struct api *a);
int face10_getinfo(struct api *a);
int face20_getverifyid(struct api *a);
int face20_queryverifyinfo(struct api *a);

/* Whose access token is it?  0, 40001 or 42001. */
int token_check(struct sim *s, struct str value, struct app **ret_app);

/* Makes the current tokens of an app bad: they are answered with errcode. */
void token_refuse(struct sim *s, struct app *app, int errcode);

/* Leaves the current tokens of an app that much to live. */
void token_shorten(struct sim *s, struct app *app, int64_t seconds);

/* The errcode for appid and secret: 0, 41002, 40013, 41004 or 40125. */
int login_credentials(struct sim *s, struct str appid, struct str secret);

/* A code as wx.login gives it.  openid was found to fit. */
struct str login_make_code(struct sim *s, struct app *app, struct str openid);

/* The lower-case hex MD5 by which 1.0 names a person. */
void face10_md5(char dst[MD5_HEX + 1], struct str s);

/* A new verify_result of an identity: user_id_key and md5s are the caller's to fill in. */
struct result *face10_add_result(struct sim *s, struct app *app);

bool openid_fits(struct str openid);

#endif
