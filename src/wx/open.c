/*
 * Opening.
 *
 *   RESERVE --> CALL --> KEEP --> INDEX --> ENDED
 *                                 |   ^
 *                  the key is taken   it is free
 *                                 v   |
 *                               AGAIN --> OLDER <--> SUPERSEDE
 *
 * From each of them but RESERVE a failure leads to DROP --> ENDED.  AGAIN: WeChat gave a
 * key that it has given before.  Another caller's session keeps it; the same caller's is
 * superseded, so that one result can never pass two: OLDER looks whether it has passed
 * already, SUPERSEDE ends it.  Asleep in CALL until WeChat answers, in the others until
 * the store does.
 */
#include "wx/open.h"
#include "call.h"
#include "keys.h"
#include "protocol.h"

enum { RESERVE, CALL, KEEP, INDEX, AGAIN, OLDER, SUPERSEDE, DROP, ENDED, STATE_NR };

static const struct flow_def open_def[STATE_NR] = {
	[RESERVE] = { "reserve", TO(CALL) | TO(ENDED) },
	[CALL] = { "call", TO(KEEP) | TO(DROP) },
	[KEEP] = { "keep", TO(INDEX) | TO(DROP) },
	[INDEX] = { "index", TO(ENDED) | TO(AGAIN) | TO(DROP) },
	[AGAIN] = { "again", TO(INDEX) | TO(OLDER) | TO(DROP) | TO(ENDED) },
	[OLDER] = { "older", TO(INDEX) | TO(SUPERSEDE) | TO(DROP) },
	[SUPERSEDE] = { "supersede", TO(INDEX) | TO(OLDER) | TO(DROP) },
	[DROP] = { "drop", TO(ENDED) },
	[ENDED] = { "ended", 0 },
};

enum { EXPIRES_MOST = 86400 };

struct open_flow {
	struct wx_open *op;
	struct wx *wx;
	const struct conf_app *app;
	const struct wx_protocol *protocol;
	struct arena *arena;
	struct flow flow;
	struct digest key; /* of the session in the store */
	struct store_op store;
	uint64_t index_version; /* 0: there should be none */
	struct digest older_key;
	struct session *older; /* in the arena, once there is one */
	struct wx_call call;
};

static void open_step(struct open_flow *f);

static void fail(struct open_flow *f, enum err err, enum wx_class class, const char *word)
{
	f->op->err = err;
	f->op->class = class;
	f->op->word = word;
}

static void fail_store(struct open_flow *f, enum err err)
{
	fail(f, err, CLASS_RETRY, err == ERR_FULL ? "store_full" : "store_busy");
}

static void on_store(struct store_op *op)
{
	open_step(container_of(op, struct open_flow, store));
}

static void on_call(struct wx_call *c)
{
	open_step(container_of(c, struct open_flow, call));
}

static enum progress put_session(struct open_flow *f)
{
	session_pack(f->wx->crypt, &f->op->s, &f->store);
	f->store.key = f->key;
	return store_put(f->wx->store, &f->store, on_store);
}

static enum progress put_index(struct open_flow *f)
{
	index_write(&f->key, &f->op->s.rec.caller, &f->store);
	f->store.key = index_store_key(f->wx->crypt, f->app, &f->op->s.rec.key);
	f->store.version = f->index_version;
	f->store.expires = f->op->s.rec.expires + SESSION_LINGER_MS;
	return store_put(f->wx->store, &f->store, on_store);
}

static enum progress get_index(struct open_flow *f)
{
	f->store.kind = STORE_KEY;
	return store_get(f->wx->store, &f->store, on_store);
}

static enum progress get_older(struct open_flow *f)
{
	f->store.kind = STORE_SESSION;
	f->store.key = f->older_key;
	return store_get(f->wx->store, &f->store, on_store);
}

static enum progress put_older(struct open_flow *f)
{
	session_pack(f->wx->crypt, f->older, &f->store);
	session_wipe(f->older);
	f->store.key = f->older_key;
	return store_put(f->wx->store, &f->store, on_store);
}

static enum progress drop_session(struct open_flow *f)
{
	f->store.kind = STORE_SESSION;
	f->store.key = f->key;
	f->store.version = f->op->s.version;
	return store_del(f->wx->store, &f->store, on_store);
}

static void call_start(struct open_flow *f)
{
	wx_call_begin(f->wx, &f->call, f->arena, f->app, f->protocol->open_path);
	f->call.sign = f->protocol->key_field;
	f->protocol->put_open(f->wx->crypt, &f->op->s, &f->op->id, &f->call.body);
	wx_call_start(&f->call, on_call);
}

/* What WeChat gave, into the session.  Everything must be as documented. */
static void read_key(struct open_flow *f, const struct json *root)
{
	const struct json *errcode = json_get_type(root, "errcode", JSON_INT);
	const struct json *key = json_get_type(root, f->protocol->key_field, JSON_STRING);
	const struct json *expires = json_get_type(root, "expires_in", JSON_INT);
	struct session *s = &f->op->s;

	if (errcode == NULL) {
		fail(f, ERR_SYNTAX, CLASS_UPSTREAM, "errcode_missing");
	} else if (errcode->num != 0) {
		const struct wx_code *code = wx_code(WX_ERRCODE, errcode->num);
		fail(f, ERR_REFUSED, code->class, code->word);
	} else if (key == NULL || key->str.len == 0 || key->str.len > WX_KEY_MAX) {
		fail(f, ERR_SYNTAX, CLASS_UPSTREAM, "key_missing");
	} else if (expires == NULL || expires->num < 1 || expires->num > EXPIRES_MOST) {
		fail(f, ERR_SYNTAX, CLASS_UPSTREAM, "expires_in_missing");
	} else {
		memcpy(s->sealed.key, key->str.p, key->str.len);
		s->rec.key = wx_key_hash(f->wx->crypt, key->str);
		s->rec.opened = store_now(f->wx->store);
		s->rec.expires = s->rec.opened + expires->num * 1000;
		session_move(s, SESSION_OPENED);
	}
}

static void take_answer(struct open_flow *f)
{
	struct wx_call *c = &f->call;

	f->op->ms = c->ms;
	f->op->sent = c->sent;
	f->op->errcode = c->errcode;
	memcpy(f->op->rid, c->rid, sizeof f->op->rid);
	if (c->err != OK)
		fail(f, c->err, c->class, c->word);
	else if (c->root == NULL)
		fail(f, ERR_SYNTAX, CLASS_UPSTREAM, "unreadable_answer");
	else
		read_key(f, c->root);
	identity_wipe(&f->op->id);
	wx_call_finish(c);
}

/* --- the machine --------------------------------------------------------------- */

static unsigned on_reserve(struct open_flow *f)
{
	if (f->store.err != OK) {
		fail_store(f, f->store.err);
		return ENDED;
	}
	f->op->s.version = f->store.version;
	return CALL;
}

static unsigned on_answer(struct open_flow *f)
{
	take_answer(f);
	return f->op->err == OK ? KEEP : DROP;
}

static unsigned on_keep(struct open_flow *f)
{
	if (f->store.err != OK) {
		fail_store(f, f->store.err);
		return DROP;
	}
	f->op->s.version = f->store.version;
	return INDEX;
}

static unsigned on_index(struct open_flow *f)
{
	if (f->store.err == OK)
		return ENDED;
	if (f->store.err == ERR_CONFLICT)
		return AGAIN;
	fail_store(f, f->store.err);
	return DROP;
}

static unsigned on_again(struct open_flow *f)
{
	struct digest session, caller;

	f->index_version = 0;
	if (f->store.err == ERR_NOT_FOUND)
		return INDEX;
	if (f->store.err != OK || index_read(&f->store, &session, &caller) != OK) {
		fail_store(f, ERR_BUSY);
		return DROP;
	}
	if (!digest_equal(&caller, &f->op->s.rec.caller)) {
		fail(f, ERR_CONFLICT, CLASS_UPSTREAM, "key_of_another_caller");
		return DROP;
	}
	if (digest_equal(&session, &f->key))
		return ENDED; /* it was written, and only the store's answer was lost */
	f->index_version = f->store.version;
	f->older_key = session;
	return OLDER;
}

/* It waits for the phone no more: what comes with its key belongs to the new one. */
static unsigned supersede(struct session *s)
{
	session_end(s, SESSION_FAILED, CLASS_START_AGAIN, 0, "superseded");
	return SUPERSEDE;
}

static unsigned on_older(struct open_flow *f)
{
	if (f->store.err == ERR_NOT_FOUND)
		return INDEX;
	if (f->older == NULL)
		f->older = arena_alloc(f->arena, sizeof *f->older);
	if (f->store.err != OK || f->older == NULL ||
	    session_unpack(f->wx->crypt, &f->store, f->older) != OK) {
		fail_store(f, ERR_BUSY);
		return DROP;
	}
	switch (session_state(f->older, store_now(f->wx->store))) {
	case SESSION_OPENED:
	case SESSION_EXPIRED: /* WeChat may have been asked about it in time */
		return supersede(f->older);
	case SESSION_PASSED:
		fail(f, ERR_CONFLICT, CLASS_UPSTREAM, "key_has_passed");
		return DROP;
	case SESSION_NEW:
	case SESSION_QUERYING:
		fail(f, ERR_CONFLICT, CLASS_RETRY, "key_being_asked");
		return DROP;
	default: /* FAILED: nothing can come of it any more */
		return INDEX;
	}
}

static unsigned on_superseded(struct open_flow *f)
{
	if (f->store.err == ERR_CONFLICT)
		return OLDER;
	if (f->store.err == OK)
		return INDEX;
	fail_store(f, f->store.err);
	return DROP;
}

/* What entering a state starts. */
static enum progress enter(struct open_flow *f)
{
	switch (f->flow.state) {
	case CALL:
		call_start(f);
		return WAIT;
	case INDEX:
		return put_index(f);
	case AGAIN:
		return get_index(f);
	case OLDER:
		return get_older(f);
	case SUPERSEDE:
		return put_older(f);
	case DROP:
		return drop_session(f);
	default: /* RESERVE, KEEP */
		return put_session(f);
	}
}

/* What the state has found says where to go. */
static unsigned leave(struct open_flow *f)
{
	switch (f->flow.state) {
	case RESERVE:
		return on_reserve(f);
	case CALL:
		return on_answer(f);
	case KEEP:
		return on_keep(f);
	case INDEX:
		return on_index(f);
	case AGAIN:
		return on_again(f);
	case OLDER:
		return on_older(f);
	case SUPERSEDE:
		return on_superseded(f);
	default: /* DROP: its failure changes nothing, the slot expires by itself */
		return ENDED;
	}
}

static void open_step(struct open_flow *f)
{
	do {
		flow_move(&f->flow, leave(f));
		if (f->flow.state == ENDED) {
			identity_wipe(&f->op->id);
			f->op->done(f->op); /* the arena goes: touch nothing after this */
			return;
		}
	} while (enter(f) == DONE);
}

static void on_start(struct task *task)
{
	struct wx_open *op = container_of(task, struct wx_open, start);

	if (op->flow == NULL) {
		op->err = ERR_NOMEM;
		op->class = CLASS_RETRY;
		op->word = "no_memory";
		identity_wipe(&op->id);
		op->done(op);
	} else if (enter(op->flow) == DONE) {
		open_step(op->flow);
	}
}

void wx_open_start(struct wx *wx, struct wx_open *op, struct arena *a, const struct conf_app *app,
		   void (*done)(struct wx_open *))
{
	int64_t most = 4 * (int64_t)wx->conf->wechat.total_ms;
	struct open_flow *f = arena_alloc(a, sizeof *f);

	op->done = done;
	op->flow = f;
	op->s.rec.opened = store_now(wx->store);
	op->s.rec.expires = op->s.rec.opened + most;
	session_id(wx->crypt, &op->s, op->id_text);
	if (f != NULL) {
		f->op = op;
		f->wx = wx;
		f->app = app;
		f->arena = a;
		f->protocol = wx_protocol(app->protocol);
		f->flow.def = open_def;
		f->key = session_store_key(wx->crypt, str_of(op->id_text));
	}
	loop_defer(wx->loop, &op->start, on_start);
}
