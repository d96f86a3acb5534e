/*
 * POST /result: the verdict, for the business's own server.
 *
 *   signed? --> NONCE --> FIND --> reply
 *
 * What the phone says about a face check is worth nothing to a business; this is how it
 * asks us instead.  Signed with the app's business_secret (base/sign.h, purpose
 * "result"), so it belongs to that app and can be sent once.  Asleep until the store
 * answers; WeChat is not asked.
 */
#include "answer.h"
#include "app_local.h"
#include "asking.h"
#include "base/clock.h"
#include "base/sign.h"
#include "web/reply.h"
#include "wx/find.h"

struct result {
	struct req *req;
	const struct conf_app *app;
	struct str session, caller;
	int32_t source; /* -1 = not said */
	struct sign sign;
	struct digest latest;
	struct store_op nonce;
	struct wx_find find;
};

static void refuse(struct result *x, enum answer why, const char *hint)
{
	answer_not_verified(x->req, answer_reason(why), hint, "none");
}

/* --- the answer ------------------------------------------------------------------ */

/* Who, what for, when, which identity; nothing that is not the business's already. */
static void put_details(struct result *x, struct json_out *o)
{
	const struct session *s = &x->find.s;
	char id[SESSION_ID_LEN + 1];

	session_id(wx_crypt(app_of(x->req)->wx), s, id);
	json_put_str(o, "session", str_of(id));
	json_put_str(o, "appid", str_of(s->rec.appid));
	json_put_str(o, "protocol", str_of(s->rec.protocol == PROTOCOL_1_0 ? "1.0" : "2.0"));
	if (s->rec.consent[0] != '\0')
		json_put_str(o, "consent", str_of(s->rec.consent));
	if (x->app->caller != CALLER_ANONYMOUS)
		json_put_digest(o, "caller", &s->rec.told_caller);
	json_put_digest(o, "identity", &s->rec.told_identity);
	reply_put_int(x->req, "ended_at", "endedAt", s->rec.ended_wall / 1000);
	explicit_bzero(id, sizeof id);
}

static void reply_found(struct result *x)
{
	struct wx_find *f = &x->find;
	struct req *r = x->req;
	bool ours = f->err == OK && str_is(str_of(f->s.rec.appid), x->app->appid);

	session_wipe(&f->s);
	if (f->err == ERR_NOT_FOUND || (f->err == OK && !ours)) {
		refuse(x, ANSWER_NO_SESSION, NULL);
	} else if (f->err != OK) {
		answer_not_verified(r, wx_class_reason(CLASS_RETRY), NULL, "none");
	} else if (f->state == SESSION_PASSED || f->state == SESSION_FAILED) {
		put_details(x, answer_begin_ended(r, x->app, &f->s));
		reply_send(r);
	} else {
		answer_open(r, f->state);
	}
}

static void on_find(struct wx_find *f)
{
	reply_found(container_of(f, struct result, find));
}

/* --- the nonce ---------------------------------------------------------------------- */

static void claimed(struct result *x)
{
	struct wx *wx = app_of(x->req)->wx;
	struct digest caller;

	if (x->nonce.err == ERR_CONFLICT) {
		refuse(x, ANSWER_NOT_SIGNED,
		       "this nonce was used before: take a new one each time");
		return;
	}
	if (x->nonce.err != OK) {
		answer_not_verified(x->req, wx_class_reason(CLASS_RETRY), NULL, "none");
		return;
	}
	x->find.id = x->session;
	if (x->session.len == 0) {
		caller = session_caller(wx_crypt(wx), str_of(x->app->appid),
					x->app->caller == CALLER_LOGIN ? "openid" : "param",
					x->caller);
		x->latest = wx_latest_key(wx_crypt(wx), x->app, &caller, x->source);
		x->find.latest = &x->latest;
	}
	if (wx_find(wx, &x->find, on_find) == DONE)
		reply_found(x);
}

static void on_claimed(struct store_op *op)
{
	claimed(container_of(op, struct result, nonce));
}

/* A nonce counts as used for as long as its timestamp could be taken, and a second more. */
static int64_t nonce_ms(const struct result *x)
{
	int64_t at = 0;

	ensure(str_int(x->sign.timestamp, &at) == OK); /* sign_check() has read it */
	return (at + SIGN_WINDOW_S + 1) * 1000 - clock_wall_ms();
}

static void claim_nonce(struct result *x)
{
	struct wx *wx = app_of(x->req)->wx;
	const struct str texts[] = { str_of(x->app->appid), x->sign.nonce };

	x->nonce.kind = STORE_NONCE;
	x->nonce.key = crypt_hmac(wx_crypt(wx), "result-nonce", texts, ARRAY_LEN(texts));
	x->nonce.expires = store_now(wx_store(wx)) + nonce_ms(x);
	if (store_put(wx_store(wx), &x->nonce, on_claimed) == DONE)
		claimed(x);
}

/* --- the question --------------------------------------------------------------------- */

/* The app whose secret must have signed it; that alone makes the field appid count here. */
static const struct conf_app *read_app(struct req *r)
{
	struct wx *wx = app_of(r)->wx;
	struct str appid = req_param(r, "BENREN_APPID");

	if (appid.len == 0 && !asking_text(r, "appid", "appId", &appid))
		return NULL;
	return appid.len == 0 ? wx_conf(wx)->apps : wx_app(wx, appid);
}

static const char *read_question(struct result *x)
{
	struct req *r = x->req;

	if (!asking_text(r, "session", "session", &x->session) ||
	    !asking_text(r, "caller", "caller", &x->caller) || !asking_source(r, &x->source))
		return "session and caller must be texts, source a whole number from 0 to 255";
	if ((x->session.len > 0) == (x->caller.len > 0))
		return "send session, or caller (the openid, or the user by caller_param) and "
		       "source";
	if (x->session.len > 0)
		return session_id_plausible(x->session) ? NULL : "session is no session's id";
	return x->app->caller == CALLER_ANONYMOUS ? "this app's callers are anonymous: send session"
						  : NULL;
}

/* NULL, or why the signature does not count. */
static const char *check_signature(struct result *x)
{
	struct req *r = x->req;

	x->sign = (struct sign){
		.timestamp = req_param(r, "HTTP_X_BENREN_TIMESTAMP"),
		.nonce = req_param(r, "HTTP_X_BENREN_NONCE"),
		.signature = req_param(r, "HTTP_X_BENREN_SIGNATURE"),
	};
	if (x->app == NULL || secret_empty(x->app->business_secret))
		return "this app has no business_secret_file, so nobody can sign for it";
	switch (sign_check(&x->sign, x->app->business_secret, "result", r->body,
			   clock_wall_ms() / 1000)) {
	case OK:
		return NULL;
	case ERR_SYNTAX:
		return "send X-Benren-Timestamp, X-Benren-Nonce (16 to 64 of A-Z a-z 0-9 - _) and "
		       "X-Benren-Signature (64 hex digits)";
	case ERR_TIMEOUT:
		return "the timestamp is more than 300 s from our clock: set both by NTP";
	default:
		return "the signature is not that of this body under the app's business secret";
	}
}

void result_start(struct req *r)
{
	struct result *x = app_alloc(r, sizeof *x);

	if (x == NULL)
		return;
	x->req = r;
	x->app = read_app(r);
	const char *wrong = check_signature(x);
	if (wrong != NULL) {
		refuse(x, ANSWER_NOT_SIGNED, wrong);
		return;
	}
	log_word(r->log, "app", x->app->appid);
	wrong = read_question(x);
	if (wrong != NULL)
		refuse(x, ANSWER_BAD_FIELD, wrong);
	else
		claim_nonce(x);
}
