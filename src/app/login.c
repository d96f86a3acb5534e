/*
 * POST /login: a code of wx.login in, a token of ours out.
 *
 *   WHO --> TICKET --> reply
 *
 * Asleep in WHO while WeChat says whose code it is, in TICKET until the store has it.
 */
#include "answer.h"
#include "asking.h"
#include "web/reply.h"

struct login {
	struct req *req;
	struct asking who;
	struct wx_ticket ticket;
};

static void reply_ticket(struct login *l)
{
	struct wx_ticket *t = &l->ticket;
	struct req *r = l->req;

	if (t->err == ERR_REFUSED) {
		r->reply.retry_after = t->wait;
		reply_reason(r, wx_class_reason(CLASS_LIMITED),
			     "a token is good for a while: keep it, and log in when it is not");
	} else if (t->err != OK) {
		reply_reason(r, wx_class_reason(CLASS_RETRY), NULL);
	} else {
		reply_begin(r, web_reason(REASON_OK), NULL);
		json_put_str(&r->reply.out, "token", str_of(t->token));
		reply_put_int(r, "expires_in", "expiresIn", wx_conf(app_of(r)->wx)->login_lifetime);
		explicit_bzero(t->token, sizeof t->token);
		reply_send(r);
	}
}

static void on_ticket(struct wx_ticket *t)
{
	reply_ticket(container_of(t, struct login, ticket));
}

static void on_who(struct asking *a)
{
	struct login *l = container_of(a, struct login, who);

	if (a->why != NULL) {
		reply_reason(l->req, a->why, a->hint);
		return;
	}
	log_word(l->req->log, "app", a->app->appid);
	l->ticket.app = a->app;
	memcpy(l->ticket.openid, a->openid.p, a->openid.len);
	if (wx_ticket_make(app_of(l->req)->wx, &l->ticket, on_ticket) == DONE)
		reply_ticket(l);
}

void login_start(struct req *r)
{
	struct login *l = app_alloc(r, sizeof *l);

	if (l == NULL)
		return;
	l->req = r;
	if (asking_start(&l->who, r, ASKING_LOGIN, on_who) == DONE)
		on_who(&l->who);
}
