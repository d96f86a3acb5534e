/*
 * Judging a verify_result that the client brings (1.0).
 *
 *   NAMED --> LOOK --> CLAIM --> ASK --> INDEX --> BIND --> SETTLE --> NOTE --> ENDED
 *               |                 |        |        | ^        |        ^
 *               +-> REPLAY        +--------+--------+-|--------|--------+
 *                                 |        |        | +conflict+
 *                                 +--------+--------+-> RELEASE --> ENDED
 *
 * After NOTE, if the session has ended: LATEST <--> POINT --> ENDED, which make it the one
 * that /result finds.
 *
 * NAMED only when the client names its session too.  LOOK reads the claim: made
 * before, it answers (REPLAY); else CLAIM makes it.  NOTE keeps in the claim what
 * came of it; RELEASE gives it up, so that the same verify_result may be asked
 * about again.  A session that was asked about in time may pass, however long WeChat
 * takes to answer.  A verdict is in the audit file before SETTLE writes it into the
 * session; if it has to be and cannot, RELEASE.  Asleep in ASK until WeChat answers, elsewhere
 * until the store does.
 */
#include "judge_flow.h"

enum {
	NAMED,
	LOOK,
	REPLAY,
	CLAIM,
	ASK,
	INDEX,
	BIND,
	SETTLE,
	NOTE,
	RELEASE,
	LATEST,
	POINT,
	ENDED,
	STATE_NR
};

static const struct flow_def def[STATE_NR] = {
	[NAMED] = { "named", TO(LOOK) | TO(ENDED) },
	[LOOK] = { "look", TO(REPLAY) | TO(CLAIM) | TO(ENDED) },
	[REPLAY] = { "replay", TO(ENDED) },
	[CLAIM] = { "claim", TO(ASK) | TO(ENDED) },
	[ASK] = { "ask", TO(INDEX) | TO(NOTE) | TO(RELEASE) },
	[INDEX] = { "index", TO(BIND) | TO(NOTE) | TO(RELEASE) },
	[BIND] = { "bind", TO(SETTLE) | TO(NOTE) | TO(RELEASE) },
	[SETTLE] = { "settle", TO(BIND) | TO(NOTE) | TO(RELEASE) },
	[NOTE] = { "note", TO(LATEST) | TO(ENDED) },
	[RELEASE] = { "release", TO(ENDED) },
	[LATEST] = { "latest", TO(POINT) },
	[POINT] = { "point", TO(LATEST) | TO(ENDED) },
	[ENDED] = { "ended", 0 },
};

/* A refusal is kept long enough to stop a client that asks again and again. */
enum { REFUSED_MS = 60 * 1000 };

/* --- the claim -------------------------------------------------------------- */

static enum progress get_claim(struct judge_flow *f)
{
	f->store.kind = STORE_CLAIM;
	f->store.key = f->claim_key;
	return store_get(f->wx->store, &f->store, judge_on_store);
}

/* One that leads to a session answers for as long as the session itself would. */
static int64_t claim_expires(const struct judge_flow *f, enum claim_state state)
{
	int64_t until = store_now(f->wx->store);
	int64_t session = f->op->s.rec.expires;

	if (state == CLAIM_REFUSED)
		return until + REFUSED_MS;
	if (state == CLAIM_BOUND && session > until)
		until = session;
	return until + SESSION_LINGER_MS;
}

static enum progress put_claim(struct judge_flow *f, enum claim_state state)
{
	f->claim.state = (uint8_t)state;
	claim_write(&f->claim, &f->store);
	f->store.key = f->claim_key;
	f->store.version = f->claim_version;
	f->store.expires = claim_expires(f, state);
	return store_put(f->wx->store, &f->store, judge_on_store);
}

static enum progress make_claim(struct judge_flow *f)
{
	f->claim = (struct claim){ 0 };
	f->claim.lease_until = judge_lease_until(f);
	return put_claim(f, CLAIM_ASKING);
}

static enum progress note_claim(struct judge_flow *f)
{
	const struct verdict *v = &f->op->verdict;
	enum judge_outcome outcome = f->op->outcome;
	bool bound = outcome == JUDGE_ENDED || outcome == JUDGE_USED || outcome == JUDGE_EXPIRED;

	f->claim.lease_until = 0;
	f->claim.session = f->key;
	f->claim.class = (uint8_t)v->class;
	f->claim.code = v->code;
	strncpy(f->claim.word, v->word, sizeof f->claim.word - 1);
	return put_claim(f, bound ? CLAIM_BOUND : CLAIM_REFUSED);
}

static enum progress drop_claim(struct judge_flow *f)
{
	f->store.kind = STORE_CLAIM;
	f->store.key = f->claim_key;
	f->store.version = f->claim_version;
	return store_del(f->wx->store, &f->store, judge_on_store);
}

/* --- what each state finds -------------------------------------------------- */

/* Did this very verify_result end the session? */
static bool ended_by_this(const struct judge_flow *f)
{
	return digest_equal(&f->op->s.rec.result, &f->result);
}

static void outcome_of_ended(struct judge_flow *f)
{
	const struct session_record *rec = &f->op->s.rec;

	if (ended_by_this(f))
		judge_outcome(f, JUDGE_ENDED, rec->class, rec->word);
	else
		judge_outcome(f, JUDGE_USED, CLASS_START_AGAIN, "session_used");
}

/* The session that the client named: may it still be judged? */
static unsigned on_named(struct judge_flow *f)
{
	if (judge_store_away(f))
		return ENDED;
	if (!judge_take_session(f)) {
		judge_outcome(f, JUDGE_UNKNOWN, CLASS_START_AGAIN, "no_session");
		return ENDED;
	}
	f->op->named = true;
	switch (session_state(&f->op->s, store_now(f->wx->store))) {
	case SESSION_PASSED:
	case SESSION_FAILED:
		outcome_of_ended(f);
		return ENDED;
	case SESSION_EXPIRED:
		judge_outcome(f, JUDGE_EXPIRED, CLASS_START_AGAIN, "expired");
		return ENDED;
	default:
		return LOOK;
	}
}

static unsigned on_look(struct judge_flow *f)
{
	if (f->store.err == ERR_NOT_FOUND) {
		f->claim_version = 0;
		return CLAIM;
	}
	if (f->store.err != OK || claim_read(&f->store, &f->claim) != OK) {
		judge_undecided(f, ERR_BUSY);
		return ENDED;
	}
	f->claim_version = f->store.version;
	switch ((enum claim_state)f->claim.state) {
	case CLAIM_BOUND:
		if (!f->key_known || digest_equal(&f->claim.session, &f->key))
			return REPLAY;
		judge_outcome(f, JUDGE_USED, CLASS_START_AGAIN, "result_used");
		return ENDED;
	case CLAIM_REFUSED:
		judge_outcome(f, JUDGE_REFUSED, f->claim.class, f->claim.word);
		f->op->verdict.code = f->claim.code;
		return ENDED;
	case CLAIM_ASKING:
		break;
	}
	if (f->claim.lease_until <= store_now(f->wx->store))
		return CLAIM;
	judge_outcome(f, JUDGE_ASKING, CLASS_PENDING, "being_asked");
	return ENDED;
}

/* The claim leads to the session it is about: the same answer again. */
static void on_replay(struct judge_flow *f)
{
	if (judge_store_away(f))
		return;
	f->op->named = judge_take_session(f);
	if (!f->op->named || session_state(&f->op->s, store_now(f->wx->store)) == SESSION_EXPIRED)
		judge_outcome(f, JUDGE_EXPIRED, CLASS_START_AGAIN, "expired");
	else
		outcome_of_ended(f);
}

/* A verdict that ends no session: keep it, or let the same be asked again. */
static unsigned without_session(struct judge_flow *f)
{
	switch (f->op->verdict.kind) {
	case VERDICT_FAILED:
		f->op->outcome = JUDGE_REFUSED;
		return NOTE;
	case VERDICT_PENDING:
		f->op->outcome = JUDGE_PENDING;
		return RELEASE;
	default:
		f->op->outcome = JUDGE_UNDECIDED;
		return RELEASE;
	}
}

/* Without a key in the answer no session can be found, so nothing can pass. */
static unsigned on_answer(struct judge_flow *f)
{
	static const struct session none;

	if (f->call.err != OK) {
		f->op->verdict = (struct verdict){ VERDICT_NONE, f->call.class, f->call.word, 0 };
		f->op->ms = f->call.ms;
		f->op->errcode = f->call.errcode;
		wx_call_finish(&f->call);
		return without_session(f);
	}
	judge_read(f);
	f->op->verdict = verdict_of_call(&f->answer);
	if (f->op->verdict.kind == VERDICT_PASSED && f->answer.key.is != PRESENT)
		f->op->verdict = f->protocol->verdict(&none, &f->answer);
	return f->op->verdict.kind == VERDICT_PASSED ? INDEX : without_session(f);
}

static unsigned foreign(struct judge_flow *f, const char *word)
{
	session_wipe(&f->op->s);
	f->op->s = (struct session){ .version = 0 };
	f->op->named = false;
	judge_outcome(f, JUDGE_FOREIGN, CLASS_START_AGAIN, word);
	judge_audit_refused(f);
	return NOTE;
}

static unsigned on_index(struct judge_flow *f)
{
	struct digest found, caller;

	if (judge_store_away(f))
		return RELEASE;
	if (f->store.err != OK || index_read(&f->store, &found, &caller) != OK)
		return foreign(f, "unknown_key");
	if (f->key_known && !digest_equal(&found, &f->key)) {
		foreign(f, "other_session");
		return RELEASE; /* the wrong session was named: that is not the result's fault */
	}
	f->key = found;
	f->key_known = true;
	return BIND;
}

static unsigned judge(struct judge_flow *f)
{
	struct wx_judge *op = f->op;

	op->verdict = f->protocol->verdict(&op->s, &f->answer);
	op->s.rec.attempts++;
	if (op->verdict.kind == VERDICT_PENDING || op->verdict.kind == VERDICT_NONE)
		return without_session(f);
	if (!judge_audit_verdict(f))
		return RELEASE;
	op->outcome = JUDGE_ENDED;
	judge_settle(f, op->verdict.kind == VERDICT_PASSED ? SESSION_PASSED : SESSION_FAILED);
	return SETTLE;
}

static unsigned on_bind(struct judge_flow *f)
{
	if (judge_store_away(f))
		return RELEASE;
	if (!judge_take_session(f))
		return foreign(f, "other_caller");
	f->op->named = true;
	switch (session_state(&f->op->s, f->asked_at)) {
	case SESSION_OPENED:
		return judge(f);
	case SESSION_PASSED:
	case SESSION_FAILED:
		outcome_of_ended(f);
		return NOTE;
	case SESSION_EXPIRED:
		judge_outcome(f, JUDGE_EXPIRED, CLASS_START_AGAIN, "expired");
		return NOTE;
	default:
		judge_outcome(f, JUDGE_ASKING, CLASS_PENDING, "being_asked");
		return RELEASE;
	}
}

static unsigned on_settle(struct judge_flow *f)
{
	if (f->store.err == ERR_CONFLICT)
		return BIND;
	if (f->store.err == OK)
		return NOTE;
	judge_undecided(f, f->store.err);
	return RELEASE;
}

/* --- the machine --------------------------------------------------------------- */

/* What entering a state starts. */
static enum progress enter(struct judge_flow *f)
{
	switch (f->flow.state) {
	case NAMED:
		return judge_get_session(f);
	case LOOK:
		return get_claim(f);
	case REPLAY:
		f->key = f->claim.session;
		return judge_get_session(f);
	case CLAIM:
		return make_claim(f);
	case ASK:
		judge_ask(f);
		return WAIT;
	case INDEX:
		return judge_get_index(f, &f->answer.key.hash);
	case BIND:
		return judge_get_session(f);
	case SETTLE:
		return judge_put_session(f);
	case NOTE:
		return note_claim(f);
	case LATEST:
		return judge_get_latest(f);
	case POINT:
		return judge_put_latest(f);
	default: /* RELEASE */
		return drop_claim(f);
	}
}

static unsigned on_claim(struct judge_flow *f)
{
	if (f->store.err == OK) {
		f->claim_version = f->store.version;
		return ASK;
	}
	if (f->store.err == ERR_CONFLICT)
		judge_outcome(f, JUDGE_ASKING, CLASS_PENDING, "being_asked");
	else
		judge_undecided(f, f->store.err);
	return ENDED;
}

/* What the state has found says where to go. */
static unsigned leave(struct judge_flow *f)
{
	switch (f->flow.state) {
	case NAMED:
		return on_named(f);
	case LOOK:
		return on_look(f);
	case CLAIM:
		return on_claim(f);
	case ASK:
		return on_answer(f);
	case INDEX:
		return on_index(f);
	case BIND:
		return on_bind(f);
	case SETTLE:
		return on_settle(f);
	case REPLAY:
		on_replay(f);
		return ENDED;
	case NOTE: /* the answer stands, whatever became of the claim */
		return judge_is_latest(f) ? LATEST : ENDED;
	case LATEST:
		return POINT;
	case POINT: /* and whether it can be found by this or not */
		return f->store.err == ERR_CONFLICT ? LATEST : ENDED;
	default: /* RELEASE */
		return ENDED;
	}
}

const struct judge_machine judge_result = {
	.def = def,
	.enter = enter,
	.leave = leave,
	.ended = ENDED,
};

unsigned judge_result_first(struct judge_flow *f)
{
	f->result = session_hash(f->wx->crypt, "verify-result", f->op->verify_result);
	f->claim_key = claim_store_key(f->wx->crypt, f->app, &f->op->caller, f->op->verify_result);
	return f->key_known ? NAMED : LOOK;
}
