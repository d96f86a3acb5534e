/*
 * judge.h - asking WeChat for the result of a face check, and settling it.
 *
 * In 2.0 the client names the session; a lease on it lets one worker ask.  In 1.0
 * it brings a verify_result, and only WeChat's answer says which session that is:
 * the lease is on the claim of (app, caller, verify_result), made before WeChat is
 * asked.  Either way one query is under way at a time, the same question again
 * gets the same answer without a call, and a result ends one session.
 */
#ifndef WX_JUDGE_H
#define WX_JUDGE_H

#include "base/arena.h"
#include "wx/session.h"
#include "wx/verdict.h"
#include "wx/wx.h"

enum judge_outcome {
	JUDGE_UNDECIDED, /* no usable answer; nothing has changed */
	JUDGE_ENDED,     /* s has ended, now or before: PASSED or FAILED */
	JUDGE_PENDING,   /* the user has not finished: ask again */
	JUDGE_ASKING,    /* another request asks at this moment */
	JUDGE_USED,      /* the session ended by another result, or this result ended another */
	JUDGE_UNKNOWN,   /* there is no such session for this caller */
	JUDGE_EXPIRED,   /* its time is over */
	JUDGE_FOREIGN,   /* 1.0: not a result of a session of this caller */
	JUDGE_REFUSED,   /* 1.0: WeChat does not take this verify_result */
};

struct wx_judge {
	/* in */
	struct digest caller;
	struct str session;       /* its id; empty: not named */
	struct str verify_result; /* 1.0 */
	struct str verify_id;     /* 2.0; empty: not named */

	/* out */
	enum judge_outcome outcome;
	struct session s;       /* with ENDED and PENDING */
	struct verdict verdict; /* class and word, also with REFUSED, FOREIGN, UNDECIDED */
	bool asked;             /* WeChat was called */
	bool named;             /* s is the session that it is about */
	int64_t errcode;
	char rid[WX_RID_MAX];
	int ms;

	void (*done)(struct wx_judge *);
	struct judge_flow *flow;
	struct task start;
};

/* done() fires once, never from inside; op and arena stay put until then. */
void wx_judge_start(struct wx *wx, struct wx_judge *op, struct arena *a, const struct conf_app *app,
		    void (*done)(struct wx_judge *));

#endif
