/* Finding a session, and ending it when the phone says that nothing will come. */
#include "wx/find.h"

static bool mine(const struct wx_find *f)
{
	return f->caller == NULL || digest_equal(f->caller, &f->s.rec.caller);
}

/* Only what waits for the phone can be cancelled; a query under way goes first. */
static bool cancellable(const struct wx_find *f)
{
	return f->cancel != NULL && f->state == SESSION_OPENED;
}

static void mark_cancelled(struct wx_find *f)
{
	const struct wx_code *c = f->cancel;

	session_move(&f->s, SESSION_FAILED);
	f->s.rec.class = (uint8_t)c->class;
	f->s.rec.code = c->code;
	strncpy(f->s.rec.word, c->word, sizeof f->s.rec.word - 1);
}

/* Changed meanwhile: then a query has begun, and goes first. */
static void put_end(struct wx_find *f)
{
	f->err = f->op.err == ERR_CONFLICT ? OK : f->op.err;
	if (f->op.err == ERR_CONFLICT)
		f->state = SESSION_QUERYING;
}

static void on_put(struct store_op *op)
{
	struct wx_find *f = container_of(op, struct wx_find, op);

	put_end(f);
	f->done(f);
}

static enum progress take(struct wx_find *f)
{
	f->err = f->op.err;
	if (f->err == OK && (session_unpack(wx_crypt(f->wx), &f->op, &f->s) != OK || !mine(f)))
		f->err = ERR_NOT_FOUND;
	if (f->err != OK)
		return DONE;
	f->state = session_state(&f->s, store_now(wx_store(f->wx)));
	if (!cancellable(f))
		return DONE;
	mark_cancelled(f);
	session_pack(wx_crypt(f->wx), &f->s, &f->op);
	if (store_put(wx_store(f->wx), &f->op, on_put) == WAIT)
		return WAIT;
	put_end(f);
	return DONE;
}

static void on_get(struct store_op *op)
{
	struct wx_find *f = container_of(op, struct wx_find, op);

	if (take(f) == DONE)
		f->done(f);
}

enum progress wx_find(struct wx *wx, struct wx_find *f, void (*done)(struct wx_find *))
{
	f->wx = wx;
	f->done = done;
	f->op.kind = STORE_SESSION;
	f->op.key = session_store_key(wx_crypt(wx), f->id);
	if (store_get(wx_store(wx), &f->op, on_get) == WAIT)
		return WAIT;
	return take(f);
}
