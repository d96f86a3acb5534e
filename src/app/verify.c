/*
 * POST /verify: did this person pass?  200 means yes, and nothing else does.
 *
 *   read the input --> WHO --> (1.0: SPEND) --> JUDGE --> (1.0: REFUND) --> reply
 *
 * A result that is none of this caller's is counted like a face check, lest he guess and use
 * up what WeChat lets us ask: SPEND takes it before WeChat is asked, so that no crowd gets
 * past it, and REFUND gives it back where the result was his own.  Asleep in WHO while the
 * caller is found out, in JUDGE while WeChat is asked, elsewhere until the store answers.
 */
#include "answer.h"
#include "asking.h"
#include "spending.h"
#include "web/reply.h"
#include "wx/judge.h"

enum { RESULT_MAX = 2048 };

struct verify {
	struct req *req;
	struct str verify_result, verify_id;
	struct asking who;
	struct wx_budget budget;
	struct wx_judge judge;
};

static void log_judged(struct req *r, const struct wx_judge *j)
{
	log_bool(r->log, "asked", j->asked);
	log_word(r->log, "why", j->verdict.word == NULL ? "" : j->verdict.word);
	log_int(r->log, "code", j->outcome == JUDGE_ENDED ? j->s.rec.code : j->verdict.code);
	if (!j->asked)
		return;
	log_int(r->log, "wechat_ms", j->ms);
	log_int(r->log, "errcode", j->errcode);
	log_word(r->log, "rid", j->rid);
}

/* What a client may be told of the session that this is about, if it is known. */
static const char *state_of(const struct wx_judge *j)
{
	if (!j->named)
		return "none";
	switch (j->outcome) {
	case JUDGE_ASKING:
		return session_state_name(SESSION_QUERYING);
	case JUDGE_EXPIRED:
		return session_state_name(SESSION_EXPIRED);
	case JUDGE_USED:
		return session_state_name(j->s.rec.state);
	default: /* nothing has changed */
		return session_state_name(SESSION_OPENED);
	}
}

/* A result that ends no session of this caller: one shape, whatever the reason was. */
static void reply_refused(struct req *r, const struct wx_judge *j)
{
	struct reason why = *wx_class_reason(j->verdict.class);

	why.status = 403;
	answer_not_verified(r, &why, NULL, "none");
}

static const struct reason *reason_of(const struct wx_judge *j)
{
	switch (j->outcome) {
	case JUDGE_PENDING:
		return wx_class_reason(CLASS_PENDING);
	case JUDGE_ASKING:
		return answer_reason(ANSWER_ASKING);
	case JUDGE_USED:
		return answer_reason(ANSWER_USED);
	case JUDGE_UNKNOWN:
		return answer_reason(ANSWER_NO_SESSION);
	case JUDGE_EXPIRED:
		return answer_reason(ANSWER_EXPIRED);
	default: /* UNDECIDED */
		return wx_class_reason(j->verdict.class);
	}
}

static void reply_judged(struct verify *v)
{
	struct wx_judge *j = &v->judge;
	struct req *r = v->req;

	if (j->outcome == JUDGE_ASKING)
		r->reply.retry_after = 1;
	if (j->outcome == JUDGE_ENDED)
		answer_ended(r, v->who.app, &j->s);
	else if (j->outcome == JUDGE_FOREIGN || j->outcome == JUDGE_REFUSED)
		reply_refused(r, j);
	else
		answer_not_verified(r, reason_of(j), NULL, state_of(j));
}

static void on_refunded(struct wx_budget *b)
{
	reply_judged(container_of(b, struct verify, budget));
}

/*
 * Has WeChat been asked in vain?  It was if what it said is about no session of this
 * caller's, whatever number it gave; but not if it was only busy, or gave no answer.
 */
static bool asked_in_vain(const struct wx_judge *j)
{
	bool foreign = j->outcome == JUDGE_FOREIGN || j->outcome == JUDGE_REFUSED;
	bool odd = !j->named && j->errcode != 0 && j->verdict.class != CLASS_RETRY;

	return j->asked && (foreign || odd);
}

static void on_judge(struct wx_judge *j)
{
	struct verify *v = container_of(j, struct verify, judge);

	log_judged(v->req, j);
	session_wipe(&j->s);
	if (asked_in_vain(j) || wx_budget_give_back(&v->budget, on_refunded) == DONE)
		reply_judged(v);
}

static void judge(struct verify *v)
{
	const struct asking *a = &v->who;

	if (v->budget.err != OK) {
		answer_not_verified(v->req, spending_reason(v->req, &v->budget), NULL, "none");
		return;
	}
	v->judge.caller = a->caller;
	v->judge.session = a->session;
	v->judge.verify_result = v->verify_result;
	v->judge.verify_id = v->verify_id;
	wx_judge_start(app_of(v->req)->wx, &v->judge, &v->req->arena, a->app, on_judge);
}

static void on_spent(struct wx_budget *b)
{
	judge(container_of(b, struct verify, budget));
}

/* What this app's protocol needs; a hint when it is not there. */
static const char *check_input(const struct verify *v)
{
	if (v->who.app->protocol == PROTOCOL_1_0) {
		if (v->verify_result.len == 0)
			return "send verify_result: the verifyResult of the success callback of "
			       "wx.startFacialRecognitionVerify";
		return v->verify_result.len <= RESULT_MAX ? NULL : "verify_result is too long";
	}
	if (v->verify_id.len > WX_KEY_MAX)
		return "verify_id must be the text that /identify answered";
	if (v->verify_id.len == 0 && v->who.session.len == 0)
		return "send session or verify_id, as /identify answered them";
	return NULL;
}

static void on_who(struct asking *a)
{
	struct verify *v = container_of(a, struct verify, who);
	struct req *r = v->req;

	if (a->why != NULL) {
		answer_not_verified(r, a->why, a->hint, "none");
		return;
	}
	log_word(r->log, "app", a->app->appid);
	const char *hint = check_input(v);
	if (hint != NULL) {
		answer_not_verified(r, answer_reason(ANSWER_BAD_FIELD), hint, "none");
		return;
	}
	if (a->app->protocol == PROTOCOL_1_0)
		spending_of_result(&v->budget, a);
	if (wx_budget_take(&v->budget, on_spent) == DONE)
		judge(v);
}

void verify_start(struct req *r)
{
	struct verify *v = app_alloc(r, sizeof *v);

	if (v == NULL)
		return;
	v->req = r;
	if (!asking_text(r, "verify_result", "verifyResult", &v->verify_result) ||
	    !asking_text(r, "verify_id", "verifyId", &v->verify_id)) {
		answer_not_verified(r, answer_reason(ANSWER_BAD_FIELD),
				    "verify_result and verify_id must be texts", "none");
		return;
	}
	if (asking_start(&v->who, r, ASKING_SESSION, on_who) == DONE)
		on_who(&v->who);
}
