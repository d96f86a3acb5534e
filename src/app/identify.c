/*
 * POST /identify: a name and an ID number in, a key for the phone out.
 *
 *   WHO --> PEEK --> LOOKUP --> CLAIM --> SPEND --> OPEN --> SETTLE --> ENDED
 *    |                            |         |         |        ^
 *    |                            |         |         +> REFUND+
 *    |                            |         +------------------+
 *    |                            +--> ENDED    opened before: the same again
 *    +--> CLAIM | SPEND
 *
 * What was sent is checked first, so that a typing error costs no login code.  LOOKUP
 * only when the client sent no identity, and PEEK before it, lest somebody who has spent
 * all he may goes on asking the business's server.  CLAIM and SETTLE only where a
 * repetition can be told (wx/repeat.h), REFUND when WeChat was never asked.  Asleep in
 * each until the business's server, WeChat or the store answers.  Every state may lead
 * to the end.
 */
#include "answer.h"
#include "asking.h"
#include "identify_input.h"
#include "spending.h"
#include "web/reply.h"
#include "wx/lookup.h"
#include "wx/open.h"
#include "wx/repeat.h"
#include "wx/told.h"

enum { WHO, PEEK, LOOKUP, CLAIM, SPEND, OPEN, REFUND, SETTLE, ENDED, STATE_NR };

static const struct flow_def def[STATE_NR] = {
	[WHO] = { "who", TO(PEEK) | TO(CLAIM) | TO(SPEND) | TO(ENDED) },
	[PEEK] = { "peek", TO(LOOKUP) | TO(ENDED) },
	[LOOKUP] = { "lookup", TO(CLAIM) | TO(SPEND) | TO(ENDED) },
	[CLAIM] = { "claim", TO(SPEND) | TO(ENDED) },
	[SPEND] = { "spend", TO(OPEN) | TO(SETTLE) | TO(ENDED) },
	[OPEN] = { "open", TO(REFUND) | TO(SETTLE) | TO(ENDED) },
	[REFUND] = { "refund", TO(SETTLE) | TO(ENDED) },
	[SETTLE] = { "settle", TO(ENDED) },
	[ENDED] = { "ended", 0 },
};

struct identify {
	struct req *req;
	struct identify_input in;
	struct identity id; /* as it will be sent; wiped by whoever has it last */
	struct flow flow;

	struct asking who;
	struct wx_lookup lookup;
	struct wx_repeat repeat;
	struct wx_budget budget;
	struct wx_open open;

	/* the answer */
	const struct session *opened; /* or NULL, and why not: */
	const struct reason *why;
	const char *hint;
};

static void identify_step(struct identify *i);

static unsigned refuse(struct identify *i, const struct reason *why, const char *hint)
{
	i->why = why;
	i->hint = hint;
	return ENDED;
}

static struct wx *wx_of(const struct identify *i)
{
	return app_of(i->req)->wx;
}

/* --- the answer ----------------------------------------------------------------- */

static void reply_opened(struct identify *i)
{
	struct req *r = i->req;
	const struct session *s = i->opened;
	int64_t left = s->rec.expires - store_now(wx_store(wx_of(i)));
	char id[SESSION_ID_LEN + 1];

	session_id(wx_crypt(wx_of(i)), s, id);
	reply_begin(r, web_reason(REASON_OK), NULL);
	if (s->rec.protocol == PROTOCOL_1_0)
		reply_put_str(r, "user_id_key", "userIdKey", str_of(s->sealed.key));
	else
		reply_put_str(r, "verify_id", "verifyId", str_of(s->sealed.key));
	reply_put_int(r, "expires_in", "expiresIn", (left + 999) / 1000);
	json_put_str(&r->reply.out, "session", str_of(id));
	explicit_bzero(id, sizeof id);
}

static void reply_refused(struct identify *i)
{
	bool by_business = i->why == answer_reason(ANSWER_NO_IDENTITY);
	const char *message = by_business ? i->lookup.message.p : NULL;
	struct json_out *o = reply_begin(i->req, i->why, message);

	if (by_business)
		json_put_str(o, "detail", i->lookup.reason);
	if (i->hint != NULL)
		json_put_str(o, "hint", str_of(i->hint));
}

static void identify_end(struct identify *i)
{
	identity_wipe(&i->id);
	if (i->opened != NULL)
		reply_opened(i);
	else
		reply_refused(i);
	session_wipe(&i->open.s);
	session_wipe(&i->repeat.s);
	reply_send(i->req);
}

/* --- who, and whose identity --------------------------------------------------------- */

static void log_who(struct identify *i)
{
	log_word(i->req->log, "app", i->who.app->appid);
	if (i->in.key.len > 0)
		log_bool(i->req->log, "idempotent", true);
}

/* The identity is there: has the same been asked for before? */
static unsigned known_identity(struct identify *i)
{
	struct wx_repeat *p = &i->repeat;

	if (!i->who.known && i->in.key.len == 0)
		return SPEND;
	p->caller = i->who.caller;
	p->key = i->in.key;
	p->what = wx_repeat_what(wx_crypt(wx_of(i)), &i->id, i->in.source, i->in.consent);
	return CLAIM;
}

static unsigned on_who(struct identify *i)
{
	struct asking *a = &i->who;

	if (a->why != NULL)
		return refuse(i, a->why, a->hint);
	log_who(i);
	if (!secret_empty(i->id.name))
		return known_identity(i);
	if (!a->known)
		return refuse(i, answer_reason(ANSWER_BAD_FIELD),
			      "send name and id_card_number: nobody knows who is asking");
	if (secret_empty(a->app->business_secret))
		return refuse(i, wx_class_reason(CLASS_CONFIG),
			      "send name and id_card_number: this app has no business_secret_file, "
			      "so nobody can be asked for them");
	i->lookup.app = a->app;
	i->lookup.openid = a->openid;
	i->lookup.source = i->in.source;
	if (a->app->caller == CALLER_PARAM)
		i->lookup.caller = a->name;
	return PEEK;
}

static unsigned on_peeked(struct identify *i)
{
	if (i->budget.err == OK)
		return LOOKUP;
	return refuse(i, spending_reason(i->req, &i->budget), NULL);
}

static unsigned on_looked_up(struct identify *i)
{
	struct wx_lookup *l = &i->lookup;

	log_int(i->req->log, "lookup_ms", l->ms);
	if (l->err != OK)
		log_word(i->req->log, "why", l->word);
	if (l->err == ERR_REFUSED)
		return refuse(i, answer_reason(ANSWER_NO_IDENTITY), NULL);
	if (l->err != OK)
		return refuse(i, answer_reason(ANSWER_LOOKUP), NULL);
	i->id = l->id;
	return known_identity(i);
}

/* --- once, and within the budgets ------------------------------------------------------ */

static unsigned on_claimed(struct identify *i)
{
	struct req *r = i->req;

	switch (i->repeat.outcome) {
	case REPEAT_NEW:
		return SPEND;
	case REPEAT_SAME:
		log_bool(r->log, "repeated", true);
		i->opened = &i->repeat.s;
		return ENDED;
	case REPEAT_ENDED:
		return refuse(i, answer_reason(ANSWER_USED),
			      "the face check of this Idempotency-Key has ended: send a new key");
	case REPEAT_OTHER:
		return refuse(i, answer_reason(ANSWER_BAD_FIELD),
			      "this Idempotency-Key was sent with other fields: send a new key");
	case REPEAT_ASKING:
		r->reply.retry_after = 1;
		return refuse(i, answer_reason(ANSWER_ASKING), NULL);
	case REPEAT_AWAY:
		break;
	}
	log_word(r->log, "why", i->repeat.err == ERR_FULL ? "store_full" : "store_busy");
	return refuse(i, wx_class_reason(CLASS_RETRY), NULL);
}

/* Whoever has a claim says in it what became of it. */
static unsigned settle_claim(struct identify *i)
{
	return i->repeat.wx == NULL ? ENDED : SETTLE;
}

static unsigned on_spent(struct identify *i)
{
	if (i->budget.err == OK)
		return OPEN;
	refuse(i, spending_reason(i->req, &i->budget), NULL);
	return settle_claim(i);
}

/* --- opening --------------------------------------------------------------------------- */

static void fill_session(struct identify *i)
{
	struct session *s = &i->open.s;
	struct crypt *c = wx_crypt(wx_of(i));
	const struct asking *a = &i->who;

	session_init(s, a->app, &a->caller);
	s->rec.source = i->in.source;
	memcpy(s->rec.consent, i->in.consent, sizeof s->rec.consent);
	s->rec.told_caller = told_caller(c, a->app, a->name);
	s->rec.told_identity = told_identity(c, a->app, &i->id);
	if (a->openid.len == 0)
		return;
	memcpy(s->sealed.openid, a->openid.p, a->openid.len);
	s->rec.openid_known = 1;
	s->rec.openid = session_hash(c, "openid", a->openid);
}

static unsigned on_opened(struct identify *i)
{
	struct wx_open *o = &i->open;
	struct req *r = i->req;

	log_int(r->log, "wechat_ms", o->ms);
	log_int(r->log, "errcode", o->errcode);
	log_word(r->log, "rid", o->rid);
	if (o->err == OK) {
		i->opened = &o->s;
		return settle_claim(i);
	}
	log_word(r->log, "why", o->word);
	refuse(i, wx_class_reason(o->class), NULL);
	return o->sent ? settle_claim(i) : REFUND;
}

/* --- the machine ------------------------------------------------------------------------ */

static void on_asking(struct asking *a)
{
	identify_step(container_of(a, struct identify, who));
}

static void on_lookup(struct wx_lookup *l)
{
	identify_step(container_of(l, struct identify, lookup));
}

static void on_repeat(struct wx_repeat *p)
{
	identify_step(container_of(p, struct identify, repeat));
}

static void on_budget(struct wx_budget *b)
{
	identify_step(container_of(b, struct identify, budget));
}

static void on_open(struct wx_open *o)
{
	identify_step(container_of(o, struct identify, open));
}

/* What entering a state starts. */
static enum progress enter(struct identify *i)
{
	switch (i->flow.state) {
	case WHO:
		return asking_start(&i->who, i->req, ASKING_OPENID, on_asking);
	case PEEK:
		spending_of_caller(&i->budget, &i->who);
		return wx_budget_peek(&i->budget, on_budget);
	case LOOKUP:
		wx_lookup(wx_of(i), &i->lookup, &i->req->arena, on_lookup);
		return WAIT;
	case CLAIM:
		wx_repeat_claim(wx_of(i), &i->repeat, i->who.app, on_repeat);
		return WAIT;
	case SPEND:
		spending_of_check(&i->budget, &i->who, &i->id);
		return wx_budget_take(&i->budget, on_budget);
	case OPEN:
		fill_session(i);
		i->open.id = i->id;
		i->id = (struct identity){ SECRET_NONE, SECRET_NONE };
		wx_open_start(wx_of(i), &i->open, &i->req->arena, i->who.app, on_open);
		return WAIT;
	case REFUND:
		return wx_budget_give_back(&i->budget, on_budget);
	default: /* SETTLE */
		return wx_repeat_settle(&i->repeat, i->opened, on_repeat);
	}
}

/* What the state has found says where to go. */
static unsigned leave(struct identify *i)
{
	switch (i->flow.state) {
	case WHO:
		return on_who(i);
	case PEEK:
		return on_peeked(i);
	case LOOKUP:
		return on_looked_up(i);
	case CLAIM:
		return on_claimed(i);
	case SPEND:
		return on_spent(i);
	case OPEN:
		return on_opened(i);
	case REFUND: /* a budget that did not take it back only counts one too many */
		return settle_claim(i);
	default: /* SETTLE: a claim that could not be settled runs out */
		return ENDED;
	}
}

static void identify_step(struct identify *i)
{
	do {
		flow_move(&i->flow, leave(i));
		if (i->flow.state == ENDED) {
			identify_end(i); /* i is gone */
			return;
		}
	} while (enter(i) == DONE);
}

/* The identity that was sent, checked; false if it was answered already. */
static bool check_identity(struct identify *i)
{
	struct identify_input *in = &i->in;
	bool sent = in->name.len > 0 || in->id_card_number.len > 0;

	if (!sent && wx_has_lookup(wx_of(i)))
		return true;
	const struct reason *flaw = identity_read(&i->req->arena, in->name, in->id_card_number,
						  identity_today(), &i->id);
	if (flaw == NULL && arena_failed(&i->req->arena))
		flaw = web_reason(REASON_BODY_TOO_LARGE);
	if (flaw != NULL)
		reply_reason(i->req, flaw, NULL);
	return flaw == NULL;
}

void identify_start(struct req *r)
{
	struct identify *i = app_alloc(r, sizeof *i);

	if (i == NULL)
		return;
	i->req = r;
	i->flow.def = def;
	const char *wrong = identify_read(r, &i->in);
	if (wrong != NULL) {
		reply_reason(r, answer_reason(ANSWER_BAD_FIELD), wrong);
		return;
	}
	if (check_identity(i) && enter(i) == DONE)
		identify_step(i);
}
