/* What the two ways of judging share. */
#include "judge_flow.h"
#include "wx/find.h"

int64_t judge_lease_until(const struct judge_flow *f)
{
	return store_now(f->wx->store) + 5 * (int64_t)f->wx->conf->wechat.total_ms + 2000;
}

static void judge_step(struct judge_flow *f)
{
	const struct judge_machine *m = f->machine;

	do {
		flow_move(&f->flow, m->leave(f));
		if (f->flow.state == m->ended) {
			judge_audit_end(f);
			f->op->done(f->op); /* the arena goes: touch nothing after this */
			return;
		}
	} while (m->enter(f) == DONE);
}

void judge_on_store(struct store_op *op)
{
	judge_step(container_of(op, struct judge_flow, store));
}

static void on_call(struct wx_call *c)
{
	judge_step(container_of(c, struct judge_flow, call));
}

enum progress judge_get_session(struct judge_flow *f)
{
	f->store.kind = STORE_SESSION;
	f->store.key = f->key;
	return store_get(f->wx->store, &f->store, judge_on_store);
}

enum progress judge_put_session(struct judge_flow *f)
{
	session_pack(f->wx->crypt, &f->op->s, &f->store);
	f->store.key = f->key;
	return store_put(f->wx->store, &f->store, judge_on_store);
}

enum progress judge_get_index(struct judge_flow *f, const struct digest *key_hash)
{
	f->store.kind = STORE_KEY;
	f->store.key = index_store_key(f->wx->crypt, f->app, key_hash);
	return store_get(f->wx->store, &f->store, judge_on_store);
}

bool judge_is_latest(const struct judge_flow *f)
{
	return f->op->outcome == JUDGE_ENDED && f->op->asked &&
	       f->app->caller != CALLER_ANONYMOUS && !secret_empty(f->app->business_secret);
}

static struct digest latest_key(const struct judge_flow *f)
{
	return wx_latest_key(f->wx->crypt, f->app, &f->op->caller, f->op->s.rec.source);
}

enum progress judge_get_latest(struct judge_flow *f)
{
	f->store.kind = STORE_KEY;
	f->store.key = latest_key(f);
	return store_get(f->wx->store, &f->store, judge_on_store);
}

enum progress judge_put_latest(struct judge_flow *f)
{
	uint64_t version = f->store.err == OK ? f->store.version : 0;

	index_write(&f->key, &f->op->caller, &f->store);
	f->store.key = latest_key(f);
	f->store.version = version;
	f->store.expires = f->op->s.rec.expires + SESSION_LINGER_MS;
	return store_put(f->wx->store, &f->store, judge_on_store);
}

bool judge_take_session(struct judge_flow *f)
{
	struct session *s = &f->op->s;
	const struct session_record *rec = &s->rec;

	if (f->store.err != OK || session_unpack(f->wx->crypt, &f->store, s) != OK)
		return false;
	return str_is(str_of(rec->appid), f->app->appid) && rec->protocol == f->app->protocol &&
	       digest_equal(&rec->caller, &f->op->caller);
}

void judge_ask(struct judge_flow *f)
{
	f->op->asked = true;
	f->asked_at = store_now(f->wx->store);
	wx_call_begin(f->wx, &f->call, f->arena, f->app, f->protocol->query_path);
	f->call.repeatable = true;
	f->protocol->put_query(&f->op->s, f->op->verify_result, &f->call.body);
	wx_call_start(&f->call, on_call);
}

void judge_read(struct judge_flow *f)
{
	struct wx_judge *op = f->op;

	op->ms = f->call.ms;
	op->errcode = f->call.errcode;
	memcpy(op->rid, f->call.rid, sizeof op->rid);
	f->protocol->read_query(f->wx->crypt, &op->s, f->call.root, &f->answer);
	if (f->call.root != NULL)
		wx_note_new_fields(f->wx, f->protocol, f->call.root);
	wx_call_finish(&f->call);
}

void judge_settle(struct judge_flow *f, enum session_state to)
{
	struct session *s = &f->op->s;
	const struct verdict *v = &f->op->verdict;

	if (to == SESSION_OPENED) {
		session_move(s, to);
		return;
	}
	session_end(s, to, v->class, v->code, v->word);
	s->rec.result = f->result;
}

void judge_outcome(struct judge_flow *f, enum judge_outcome outcome, enum wx_class class,
		   const char *word)
{
	f->op->outcome = outcome;
	f->op->verdict = (struct verdict){ VERDICT_NONE, class, word, 0 };
}

void judge_undecided(struct judge_flow *f, enum err store_err)
{
	judge_outcome(f, JUDGE_UNDECIDED, CLASS_RETRY,
		      store_err == ERR_FULL ? "store_full" : "store_busy");
}

bool judge_store_away(struct judge_flow *f)
{
	if (f->store.err == OK || f->store.err == ERR_NOT_FOUND)
		return false;
	judge_undecided(f, ERR_BUSY);
	return true;
}

static void on_start(struct task *task)
{
	struct wx_judge *op = container_of(task, struct wx_judge, start);
	struct judge_flow *f = op->flow;

	if (f == NULL) {
		op->outcome = JUDGE_UNDECIDED;
		op->verdict = (struct verdict){ VERDICT_NONE, CLASS_RETRY, "no_memory", 0 };
		op->done(op);
	} else {
		bool result = f->protocol->client_brings_result;
		f->machine = result ? &judge_result : &judge_session;
		f->flow.def = f->machine->def;
		f->flow.state = result ? judge_result_first(f) : judge_session_first(f);
		if (f->machine->enter(f) == DONE)
			judge_step(f);
	}
}

void wx_judge_start(struct wx *wx, struct wx_judge *op, struct arena *a, const struct conf_app *app,
		    void (*done)(struct wx_judge *))
{
	struct judge_flow *f = arena_alloc(a, sizeof *f);

	op->done = done;
	op->flow = f;
	if (f != NULL) {
		f->op = op;
		f->wx = wx;
		f->app = app;
		f->arena = a;
		f->protocol = wx_protocol(app->protocol);
		f->key_known = op->session.len > 0;
		f->key = session_store_key(wx->crypt, op->session);
	}
	loop_defer(wx->loop, &op->start, on_start);
}
