/*
 * POST /identify: a name and an ID number in, a key for the phone out.
 *
 *   read the input --> WHO --> OPEN --> reply
 *
 * Asleep in WHO while the caller is found out, in OPEN until WeChat gave the key.
 * The input is read first, so that a typing error costs no login code.
 */
#include "answer.h"
#include "asking.h"
#include "web/reply.h"
#include "wx/open.h"

struct identify {
	struct req *req;
	int32_t source; /* -1 = not said */
	char consent[SESSION_CONSENT_MAX];
	struct asking who;
	struct wx_open open; /* open.id: the identity as it will be sent */
};

static void reply_opened(struct identify *i)
{
	struct req *r = i->req;
	struct wx_open *o = &i->open;
	struct str key = str_of(o->s.sealed.key);

	reply_begin(r, web_reason(REASON_OK), NULL);
	if (i->who.app->protocol == PROTOCOL_1_0)
		reply_put_str(r, "user_id_key", "userIdKey", key);
	else
		reply_put_str(r, "verify_id", "verifyId", key);
	reply_put_int(r, "expires_in", "expiresIn", o->expires_in);
	json_put_str(&r->reply.out, "session", str_of(o->id_text));
	session_wipe(&o->s);
	reply_send(r);
}

static void on_open(struct wx_open *o)
{
	struct identify *i = container_of(o, struct identify, open);
	struct req *r = i->req;

	log_int(r->log, "wechat_ms", o->ms);
	log_int(r->log, "errcode", o->errcode);
	log_word(r->log, "rid", o->rid);
	if (o->err == OK) {
		reply_opened(i);
		return;
	}
	const struct reason *why = wx_class_reason(o->class);
	log_word(r->log, "why", o->word);
	session_wipe(&o->s);
	reply_reason(r, why, NULL);
}

/* source: 0-255, what the check is for.  A form or query string has it as text. */
static bool read_source(struct req *r, int32_t *ret_source)
{
	const struct field *f = req_field(r, "source", "source");
	int64_t n;

	if (f == NULL)
		return true;
	if ((f->type != JSON_INT && f->type != JSON_STRING) || str_int(f->value, &n) != OK ||
	    n < 0 || n > 255)
		return false;
	*ret_source = (int32_t)n;
	return true;
}

/* consent: the version of the text that the user agreed to. */
static bool read_consent(struct req *r, char *dst)
{
	struct str consent;

	if (!asking_text(r, "consent", "consent", &consent))
		return false;
	if (consent.len >= SESSION_CONSENT_MAX ||
	    !str_only(consent,
		      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:"))
		return false;
	if (consent.len > 0)
		memcpy(dst, consent.p, consent.len);
	return true;
}

/* Reads what is asked for; false if it was answered already. */
static bool read_input(struct identify *i)
{
	struct req *r = i->req;
	struct str name, id;

	if (!asking_text(r, "name", "name", &name) ||
	    !asking_text(r, "id_card_number", "idCardNumber", &id)) {
		reply_reason(r, answer_reason(ANSWER_BAD_FIELD),
			     "name and id_card_number must be texts");
		return false;
	}
	const struct reason *flaw =
		identity_read(&r->arena, name, id, identity_today(), &i->open.id);
	if (flaw != NULL) {
		reply_reason(r, flaw, NULL);
		return false;
	}
	if (!read_source(r, &i->source)) {
		reply_reason(r, answer_reason(ANSWER_BAD_FIELD),
			     "source must be a whole number from 0 to 255");
		return false;
	}
	if (!read_consent(r, i->consent)) {
		reply_reason(r, answer_reason(ANSWER_BAD_FIELD),
			     "consent must be at most 63 of A-Z a-z 0-9 - _ . :");
		return false;
	}
	return true;
}

static void fill_session(struct identify *i)
{
	struct session *s = &i->open.s;
	struct str openid = i->who.openid;

	session_init(s, i->who.app, &i->who.caller);
	s->rec.source = i->source;
	memcpy(s->rec.consent, i->consent, sizeof s->rec.consent);
	if (openid.len == 0)
		return;
	memcpy(s->sealed.openid, openid.p, openid.len);
	s->rec.openid_known = 1;
	s->rec.openid = session_hash(wx_crypt(app_of(i->req)->wx), "openid", openid);
}

static void on_who(struct asking *a)
{
	struct identify *i = container_of(a, struct identify, who);
	struct wx *wx = app_of(i->req)->wx;

	if (a->why != NULL) {
		reply_reason(i->req, a->why, a->hint);
		return;
	}
	fill_session(i);
	log_word(i->req->log, "app", a->app->appid);
	wx_open_start(wx, &i->open, &i->req->arena, a->app, on_open);
}

void identify_start(struct req *r)
{
	struct identify *i = arena_alloc(&r->arena, sizeof *i);

	if (i == NULL) {
		reply_reason(r, web_reason(REASON_BODY_TOO_LARGE), NULL);
		return;
	}
	i->req = r;
	i->source = -1;
	if (!read_input(i))
		return;
	if (asking_start(&i->who, r, ASKING_OPENID, on_who) == DONE)
		on_who(&i->who);
}
