/*
 * Claims of /identify.
 *
 *   READ --> CLAIM --> ENDED                       nobody was here before
 *    ^ |       |
 *    | +-------|--> LOOK --> ENDED                 it was opened: that session again
 *    | |       |      +----> CLAIM                 a tap whose session has ended
 *    | +--> REST                                   WeChat is being asked
 *    +-------+-------+                             somebody was faster, or look again
 *
 * Asleep in REST for 50 ms, elsewhere until the store answers.
 */
#include "wx/repeat.h"
#include "base/clock.h"
#include "wx_local.h"

#include <assert.h>

enum { REST_MS = 50 };
enum { READ, CLAIM, LOOK, REST, ENDED, STATE_NR };

static const struct flow_def def[STATE_NR] = {
	[READ] = { "read", TO(CLAIM) | TO(LOOK) | TO(REST) | TO(ENDED) },
	[CLAIM] = { "claim", TO(READ) | TO(ENDED) },
	[LOOK] = { "look", TO(CLAIM) | TO(ENDED) },
	[REST] = { "rest", TO(READ) },
	[ENDED] = { "ended", 0 },
};

struct repeat_record {
	uint32_t layout;
	uint32_t opened;     /* session is set */
	int64_t lease_until; /* store's clock; while it is not opened */
	struct digest what, session;
};

static_assert(sizeof(struct repeat_record) == 80, "repeat_record has unexpected padding");

bool wx_repeat_key_fits(struct str key)
{
	return key.len >= REPEAT_KEY_MIN && key.len <= REPEAT_KEY_MAX &&
	       str_only(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:");
}

struct digest wx_repeat_what(struct crypt *c, const struct identity *i, int32_t source,
			     const char *consent)
{
	struct digest who = identity_hash(c, "repeat-identity", i);
	const struct str texts[] = {
		digest_str(&who),
		{ (const char *)&source, sizeof source },
		str_of(consent),
	};

	return crypt_hmac(c, "repeat-what", texts, ARRAY_LEN(texts));
}

/* --- the record ----------------------------------------------------------------- */

static struct digest claim_key(const struct wx_repeat *r, const struct conf_app *app)
{
	bool keyed = r->key.len > 0;
	const struct str texts[] = {
		str_of(app->appid),
		digest_str(&r->caller),
		keyed ? r->key : digest_str(&r->what),
	};

	return crypt_hmac(r->wx->crypt, keyed ? "idempotency-key" : "repeat-tap", texts,
			  ARRAY_LEN(texts));
}

static bool read_record(const struct wx_repeat *r, struct repeat_record *ret)
{
	if (r->op.len != sizeof *ret)
		return false;
	memcpy(ret, r->op.value, sizeof *ret);
	return ret->layout == REPEAT_LAYOUT;
}

static void write_record(struct wx_repeat *r, struct repeat_record *rec, int64_t expires)
{
	rec->layout = REPEAT_LAYOUT;
	rec->what = r->what;
	r->op.kind = STORE_ONCE;
	r->op.key = r->claim_key;
	r->op.version = r->version;
	r->op.expires = expires;
	r->op.len = sizeof *rec;
	memcpy(r->op.value, rec, sizeof *rec);
}

/* Longer than opening can take: two tokens and the call. */
static int64_t lease_until(const struct wx_repeat *r)
{
	return store_now(r->wx->store) + 4 * (int64_t)r->wx->conf->wechat.total_ms + 2000;
}

/* --- the machine ------------------------------------------------------------------ */

static void repeat_step(struct wx_repeat *r);

static void on_store(struct store_op *op)
{
	repeat_step(container_of(op, struct wx_repeat, op));
}

static unsigned end(struct wx_repeat *r, enum repeat_outcome outcome, enum err err)
{
	r->outcome = outcome;
	r->err = err;
	return ENDED;
}

static unsigned on_read(struct wx_repeat *r)
{
	int64_t now = store_now(r->wx->store);
	struct repeat_record rec;

	r->version = 0;
	if (r->op.err == ERR_NOT_FOUND)
		return CLAIM;
	if (r->op.err != OK || !read_record(r, &rec))
		return end(r, REPEAT_AWAY, r->op.err == OK ? ERR_SYSTEM : r->op.err);
	r->version = r->op.version;
	if (!digest_equal(&rec.what, &r->what))
		return end(r, REPEAT_OTHER, OK);
	r->session_key = rec.session;
	if (rec.opened != 0)
		return LOOK;
	if (rec.lease_until <= now)
		return CLAIM;
	return clock_boot_ms() < r->patience ? REST : end(r, REPEAT_ASKING, OK);
}

static unsigned on_claim(struct wx_repeat *r)
{
	if (r->op.err == ERR_CONFLICT)
		return READ;
	if (r->op.err != OK)
		return end(r, REPEAT_AWAY, r->op.err);
	r->version = r->op.version;
	return end(r, REPEAT_NEW, OK);
}

/* Does it still wait for the phone, and is it this caller's? */
static bool still_open(struct wx_repeat *r)
{
	if (r->op.err != OK || session_unpack(r->wx->crypt, &r->op, &r->s) != OK)
		return false;
	enum session_state state = session_state(&r->s, store_now(r->wx->store));
	return (state == SESSION_OPENED || state == SESSION_QUERYING) &&
	       digest_equal(&r->s.rec.caller, &r->caller);
}

static unsigned on_look(struct wx_repeat *r)
{
	if (r->op.err != OK && r->op.err != ERR_NOT_FOUND)
		return end(r, REPEAT_AWAY, r->op.err);
	if (still_open(r))
		return end(r, REPEAT_SAME, OK);
	session_wipe(&r->s);
	return r->key.len > 0 ? end(r, REPEAT_ENDED, OK) : CLAIM;
}

static enum progress get(struct wx_repeat *r, enum store_kind kind, const struct digest *key)
{
	r->op.kind = kind;
	r->op.key = *key;
	return store_get(r->wx->store, &r->op, on_store);
}

/* What entering a state starts. */
static enum progress enter(struct wx_repeat *r)
{
	struct repeat_record claim = { .lease_until = lease_until(r) };

	switch (r->flow.state) {
	case READ:
		return get(r, STORE_ONCE, &r->claim_key);
	case LOOK:
		return get(r, STORE_SESSION, &r->session_key);
	case REST:
		timer_start(&r->timer, REST_MS);
		return WAIT;
	default: /* CLAIM */
		write_record(r, &claim, claim.lease_until);
		return store_put(r->wx->store, &r->op, on_store);
	}
}

/* What the state has found says where to go. */
static unsigned leave(struct wx_repeat *r)
{
	switch (r->flow.state) {
	case READ:
		return on_read(r);
	case CLAIM:
		return on_claim(r);
	case LOOK:
		return on_look(r);
	default: /* REST */
		return READ;
	}
}

static void repeat_step(struct wx_repeat *r)
{
	do {
		flow_move(&r->flow, leave(r));
		if (r->flow.state == ENDED) {
			timer_finish(&r->timer);
			r->done(r); /* r may be gone */
			return;
		}
	} while (enter(r) == DONE);
}

static void on_rested(struct timer *timer)
{
	repeat_step(container_of(timer, struct wx_repeat, timer));
}

static void on_start(struct task *task)
{
	struct wx_repeat *r = container_of(task, struct wx_repeat, start);

	if (enter(r) == DONE)
		repeat_step(r);
}

void wx_repeat_claim(struct wx *wx, struct wx_repeat *r, const struct conf_app *app,
		     void (*done)(struct wx_repeat *))
{
	r->wx = wx;
	r->done = done;
	r->flow = (struct flow){ def, READ };
	r->claim_key = claim_key(r, app);
	r->patience = clock_boot_ms() + 2 * (int64_t)wx->conf->wechat.total_ms;
	timer_init(wx->loop, &r->timer, on_rested);
	loop_defer(wx->loop, &r->start, on_start);
}

/* --- settling ---------------------------------------------------------------------- */

/* Whatever became of it: a claim that could not be settled runs out. */
static void on_settled(struct store_op *op)
{
	struct wx_repeat *r = container_of(op, struct wx_repeat, op);

	r->done(r);
}

enum progress wx_repeat_settle(struct wx_repeat *r, const struct session *opened,
			       void (*done)(struct wx_repeat *))
{
	struct repeat_record rec = { .opened = 1 };
	char id[SESSION_ID_LEN + 1];

	r->done = done;
	if (opened == NULL) {
		r->op.kind = STORE_ONCE;
		r->op.key = r->claim_key;
		r->op.version = r->version;
		return store_del(r->wx->store, &r->op, on_settled);
	}
	session_id(r->wx->crypt, opened, id);
	rec.session = session_store_key(r->wx->crypt, str_of(id));
	write_record(r, &rec,
		     r->key.len > 0 ? opened->rec.expires + SESSION_LINGER_MS
				    : store_now(r->wx->store) + REPEAT_TAP_MS);
	explicit_bzero(id, sizeof id);
	return store_put(r->wx->store, &r->op, on_settled);
}
