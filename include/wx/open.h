/*
 * open.h - opening a face check: getuseridkey or getverifyid, and its session.
 *
 * The session's place in the store is taken before WeChat is called, because a
 * call may cost money; the call is sent at most once; name and ID number are wiped
 * when its answer is final.
 */
#ifndef WX_OPEN_H
#define WX_OPEN_H

#include "base/arena.h"
#include "wx/identity.h"
#include "wx/session.h"
#include "wx/wx.h"

struct wx_open {
	/* in, besides the arguments of wx_open_start() */
	struct session s;   /* from session_init(); openid, source, consent filled in */
	struct identity id; /* wiped by us */

	/* out */
	enum err err;        /* OK: s is opened and stored */
	enum wx_class class; /* with err != OK: what it is for the client */
	const char *word;    /* with err != OK: for the log */
	int64_t errcode;
	char rid[WX_RID_MAX];
	char id_text[SESSION_ID_LEN + 1]; /* the session's id */
	int ms;                           /* at WeChat */
	bool sent;                        /* the call may have reached WeChat, and may cost */

	void (*done)(struct wx_open *);
	struct open_flow *flow;
	struct task start;
};

/* done() fires once, never from inside; op and arena stay put until then. */
void wx_open_start(struct wx *wx, struct wx_open *op, struct arena *a, const struct conf_app *app,
		   void (*done)(struct wx_open *));

#endif
