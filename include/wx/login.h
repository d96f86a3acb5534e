/*
 * login.h - from a wx.login code to the user's openid (jscode2session).
 *
 * A code is good once, so the call is sent once: if its answer is lost the client
 * has to call wx.login again.  The session_key in the answer is not kept.
 */
#ifndef WX_LOGIN_H
#define WX_LOGIN_H

#include "base/arena.h"
#include "wx/codes.h"
#include "wx/session.h"
#include "wx/wx.h"

struct wx_login {
	/* out */
	enum err err;        /* OK, ERR_SYNTAX (no code at all), ERR_REFUSED, ... */
	enum wx_class class; /* with err != OK */
	const char *word;    /* with err != OK: for the log */
	int64_t errcode;     /* WeChat's, 0 if none */
	char openid[OPENID_MAX + 1];
	int ms;

	void (*done)(struct wx_login *);
	struct wx *wx;
	struct str url;
	struct http_call http;
	struct task start;
};

/* done() fires once, never from inside; op and arena stay put until then. */
void wx_login(struct wx *wx, struct wx_login *op, struct arena *a, const struct conf_app *app,
	      struct str code, void (*done)(struct wx_login *));

#endif
