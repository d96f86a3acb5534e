/*
 * Judging a session that the client names (2.0).
 *
 *   INDEX --> FIND --> LEASE --> ASK --> SETTLE --> LATEST <--> POINT --> ENDED
 *               ^        |
 *               +--------+  somebody else changed it first: look again
 *
 * LATEST and POINT make it the one that /result finds, if it has ended.
 * INDEX only when it is named by WeChat's verify_id.  A verdict is in the audit file
 * before SETTLE writes it into the session; if it has to be and cannot, SETTLE only
 * gives the lease back.  Asleep in ASK until WeChat answers, elsewhere until the store
 * does.  From FIND any end is possible.
 */
#include "judge_flow.h"

enum { INDEX, FIND, LEASE, ASK, SETTLE, LATEST, POINT, ENDED, STATE_NR };

static const struct flow_def def[STATE_NR] = {
	[INDEX] = { "index", TO(FIND) | TO(ENDED) },
	[FIND] = { "find", TO(LEASE) | TO(ENDED) },
	[LEASE] = { "lease", TO(FIND) | TO(ASK) | TO(ENDED) },
	[ASK] = { "ask", TO(SETTLE) },
	[SETTLE] = { "settle", TO(LATEST) | TO(ENDED) },
	[LATEST] = { "latest", TO(POINT) },
	[POINT] = { "point", TO(LATEST) | TO(ENDED) },
	[ENDED] = { "ended", 0 },
};

/* Both may be given only if they mean the same session. */
static bool names_agree(const struct judge_flow *f)
{
	if (f->op->verify_id.len == 0)
		return true;
	struct digest hash = wx_key_hash(f->wx->crypt, f->op->verify_id);
	return digest_equal(&hash, &f->op->s.rec.key);
}

/* What the session's state asks for: a lease (LEASE), or an end. */
static unsigned on_find(struct judge_flow *f)
{
	struct session *s = &f->op->s;
	int64_t now = store_now(f->wx->store);

	if (judge_store_away(f))
		return ENDED;
	if (!judge_take_session(f) || !names_agree(f)) {
		judge_outcome(f, JUDGE_UNKNOWN, CLASS_START_AGAIN, "no_session");
		return ENDED;
	}
	f->op->named = true;
	switch (session_state(s, now)) {
	case SESSION_PASSED:
	case SESSION_FAILED:
		judge_outcome(f, JUDGE_ENDED, s->rec.class, s->rec.word);
		return ENDED;
	case SESSION_EXPIRED:
		judge_outcome(f, JUDGE_EXPIRED, CLASS_START_AGAIN, "expired");
		return ENDED;
	case SESSION_NEW:
	case SESSION_QUERYING:
		judge_outcome(f, JUDGE_ASKING, CLASS_PENDING, "being_asked");
		return ENDED;
	case SESSION_OPENED:
		break;
	}
	session_move(s, SESSION_QUERYING);
	s->rec.lease_until = judge_lease_until(f);
	s->rec.attempts++;
	return LEASE;
}

/* What WeChat said, as a verdict. */
static void read_verdict(struct judge_flow *f)
{
	struct wx_judge *op = f->op;

	if (f->call.err == OK) {
		judge_read(f);
		op->verdict = f->protocol->verdict(&op->s, &f->answer);
	} else {
		op->verdict = (struct verdict){ VERDICT_NONE, f->call.class, f->call.word, 0 };
		op->ms = f->call.ms;
		op->errcode = f->call.errcode;
		wx_call_finish(&f->call);
	}
}

/* Whatever it is, the lease has to go: a session that has not ended is opened again. */
static unsigned on_answer(struct judge_flow *f)
{
	struct wx_judge *op = f->op;
	enum session_state to = SESSION_OPENED;

	read_verdict(f);
	switch (op->verdict.kind) {
	case VERDICT_PASSED:
	case VERDICT_FAILED:
		if (!judge_audit_verdict(f))
			break;
		op->outcome = JUDGE_ENDED;
		to = op->verdict.kind == VERDICT_PASSED ? SESSION_PASSED : SESSION_FAILED;
		break;
	case VERDICT_PENDING:
		op->outcome = JUDGE_PENDING;
		break;
	case VERDICT_NONE:
		op->outcome = JUDGE_UNDECIDED;
		break;
	}
	judge_settle(f, to);
	return SETTLE;
}

static unsigned on_index(struct judge_flow *f)
{
	struct digest caller;

	if (judge_store_away(f))
		return ENDED;
	f->key_known = f->store.err == OK && index_read(&f->store, &f->key, &caller) == OK;
	if (f->key_known)
		return FIND;
	judge_outcome(f, JUDGE_UNKNOWN, CLASS_START_AGAIN, "no_session");
	return ENDED;
}

static unsigned on_lease(struct judge_flow *f)
{
	if (f->store.err == ERR_CONFLICT)
		return FIND;
	if (f->store.err == OK) {
		f->op->s.version = f->store.version;
		return ASK;
	}
	judge_undecided(f, f->store.err);
	return ENDED;
}

static unsigned on_settle(struct judge_flow *f)
{
	if (f->store.err != OK)
		judge_undecided(f, f->store.err);
	return judge_is_latest(f) ? LATEST : ENDED;
}

/* What entering a state starts. */
static enum progress enter(struct judge_flow *f)
{
	struct digest hash;

	switch (f->flow.state) {
	case INDEX:
		hash = wx_key_hash(f->wx->crypt, f->op->verify_id);
		return judge_get_index(f, &hash);
	case FIND:
		return judge_get_session(f);
	case ASK:
		judge_ask(f);
		return WAIT;
	case LATEST:
		return judge_get_latest(f);
	case POINT:
		return judge_put_latest(f);
	default: /* LEASE, SETTLE */
		return judge_put_session(f);
	}
}

/* What the state has found says where to go. */
static unsigned leave(struct judge_flow *f)
{
	switch (f->flow.state) {
	case INDEX:
		return on_index(f);
	case FIND:
		return on_find(f);
	case LEASE:
		return on_lease(f);
	case ASK:
		return on_answer(f);
	case SETTLE:
		return on_settle(f);
	case LATEST:
		return POINT;
	default: /* POINT: the verdict stands, whether it can be found by this or not */
		return f->store.err == ERR_CONFLICT ? LATEST : ENDED;
	}
}

const struct judge_machine judge_session = {
	.def = def,
	.enter = enter,
	.leave = leave,
	.ended = ENDED,
};

unsigned judge_session_first(struct judge_flow *f)
{
	return f->key_known ? FIND : INDEX;
}
