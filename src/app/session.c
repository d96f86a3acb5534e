/*
 * POST /session: the state and result again, for a client that lost the answer; and
 * POST /cancel: the phone says that nothing will come.
 *
 *   WHO --> FIND --> reply
 *
 * Neither asks WeChat, and neither can make a session pass.
 */
#include "answer.h"
#include "asking.h"
#include "web/reply.h"

/* It gets into the log, so it must be too short for anybody's ID number. */
enum { ERR_CODE_MAX = 999999 };

struct lookup {
	struct req *req;
	bool cancel;
	int64_t err_code; /* of the phone's callback */
	struct asking who;
	struct wx_find find;
};

/* The phone knows its own number already, so its text may be told. */
static void reply_cancelled(struct lookup *l)
{
	struct req *r = l->req;
	const struct wx_code *code = wx_code(WX_CALLBACK, l->err_code);
	struct json_out *o =
		reply_begin(r, web_reason(REASON_OK), answer_text(r, code->zh, code->en));

	json_put_str(o, "state", str_of(session_state_name(SESSION_FAILED)));
	json_put_str(o, "cancelled", str_of(wx_class_reason(code->class)->word));
	reply_send(r);
}

static void reply_found(struct lookup *l)
{
	struct wx_find *f = &l->find;
	struct req *r = l->req;

	session_wipe(&f->s);
	if (f->err == ERR_NOT_FOUND) {
		answer_not_verified(r, answer_reason(ANSWER_NO_SESSION), NULL, "none");
	} else if (f->err != OK) {
		answer_not_verified(r, wx_class_reason(CLASS_RETRY), NULL, "none");
	} else if (f->state == SESSION_PASSED || f->state == SESSION_FAILED) {
		answer_ended(r, l->who.app, &f->s);
	} else if (l->cancel && f->state == SESSION_OPENED) {
		reply_cancelled(l);
	} else if (l->cancel && f->state != SESSION_EXPIRED) {
		r->reply.retry_after = 1;
		answer_not_verified(r, answer_reason(ANSWER_ASKING), NULL,
				    session_state_name(f->state));
	} else {
		answer_open(r, f->state);
	}
}

static void on_find(struct wx_find *f)
{
	reply_found(container_of(f, struct lookup, find));
}

static void on_who(struct asking *a)
{
	struct lookup *l = container_of(a, struct lookup, who);

	if (a->why != NULL) {
		answer_not_verified(l->req, a->why, a->hint, "none");
		return;
	}
	log_word(l->req->log, "app", a->app->appid);
	if (a->session.len == 0) {
		answer_not_verified(l->req, answer_reason(ANSWER_BAD_FIELD),
				    "send session, as /identify answered it, in the body or in the "
				    "header X-Benren-Session",
				    "none");
		return;
	}
	l->find.caller = &a->caller;
	l->find.id = a->session;
	if (l->cancel)
		l->find.cancel = wx_code(WX_CALLBACK, l->err_code);
	if (wx_find(app_of(l->req)->wx, &l->find, on_find) == DONE)
		reply_found(l);
}

void session_start(struct req *r)
{
	struct lookup *l = app_alloc(r, sizeof *l);

	if (l == NULL)
		return;
	l->req = r;
	if (asking_start(&l->who, r, ASKING_SESSION, on_who) == DONE)
		on_who(&l->who);
}

static bool read_err_code(const struct req *r, int64_t *ret_n)
{
	const struct field *f = req_field(r, "err_code", "errCode");

	return f != NULL && (f->type == JSON_INT || f->type == JSON_STRING) &&
	       str_int(f->value, ret_n) == OK && *ret_n >= -ERR_CODE_MAX && *ret_n <= ERR_CODE_MAX;
}

void cancel_start(struct req *r)
{
	struct lookup *l = app_alloc(r, sizeof *l);

	if (l == NULL)
		return;
	l->req = r;
	l->cancel = true;
	if (!read_err_code(r, &l->err_code)) {
		answer_not_verified(
			r, answer_reason(ANSWER_BAD_FIELD),
			"err_code must be the errCode of the phone's callback, as 90100", "none");
		return;
	}
	if (wx_code(WX_CALLBACK, l->err_code)->class == CLASS_PENDING) {
		answer_not_verified(r, answer_reason(ANSWER_BAD_FIELD),
				    "this err_code is no failure: POST /verify instead", "none");
		return;
	}
	log_int(r->log, "err_code", l->err_code);
	if (asking_start(&l->who, r, ASKING_SESSION, on_who) == DONE)
		on_who(&l->who);
}
