/* Finding a session, and ending it when the phone says that nothing will come. */
#include "wx/find.h"
#include "keys.h"

static bool mine(const struct wx_find *f)
{
	return f->caller == NULL || digest_equal(f->caller, &f->s.rec.caller);
}

/* Only what waits for the phone can be cancelled; a query under way goes first. */
static bool cancellable(const struct wx_find *f)
{
	return f->cancel != NULL && f->state == SESSION_OPENED;
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

static enum progress on_session(struct wx_find *f)
{
	f->err = f->op.err;
	if (f->err == OK && (session_unpack(wx_crypt(f->wx), &f->op, &f->s) != OK || !mine(f)))
		f->err = ERR_NOT_FOUND;
	if (f->err != OK)
		return DONE;
	f->state = session_state(&f->s, store_now(wx_store(f->wx)));
	if (!cancellable(f))
		return DONE;
	session_end(&f->s, SESSION_FAILED, f->cancel->class, f->cancel->code, f->cancel->word);
	session_pack(wx_crypt(f->wx), &f->s, &f->op);
	if (store_put(wx_store(f->wx), &f->op, on_put) == WAIT)
		return WAIT;
	put_end(f);
	return DONE;
}

static void on_get(struct store_op *op)
{
	struct wx_find *f = container_of(op, struct wx_find, op);

	if (on_session(f) == DONE)
		f->done(f);
}

static enum progress get_session(struct wx_find *f, struct digest key)
{
	f->op.kind = STORE_SESSION;
	f->op.key = key;
	if (store_get(wx_store(f->wx), &f->op, on_get) == WAIT)
		return WAIT;
	return on_session(f);
}

static enum progress on_index(struct wx_find *f)
{
	struct digest session, caller;

	f->err = f->op.err;
	if (f->err == OK && index_read(&f->op, &session, &caller) != OK)
		f->err = ERR_SYSTEM;
	return f->err == OK ? get_session(f, session) : DONE;
}

static void on_get_index(struct store_op *op)
{
	struct wx_find *f = container_of(op, struct wx_find, op);

	if (on_index(f) == DONE)
		f->done(f);
}

struct digest wx_latest_key(struct crypt *c, const struct conf_app *app,
			    const struct digest *caller, int32_t source)
{
	const struct str texts[] = {
		str_of(app->appid),
		digest_str(caller),
		{ (const char *)&source, sizeof source },
	};

	return crypt_hmac(c, "latest", texts, ARRAY_LEN(texts));
}

enum progress wx_find(struct wx *wx, struct wx_find *f, void (*done)(struct wx_find *))
{
	f->wx = wx;
	f->done = done;
	if (f->latest == NULL)
		return get_session(f, session_store_key(wx_crypt(wx), f->id));
	f->op.kind = STORE_KEY;
	f->op.key = *f->latest;
	if (store_get(wx_store(wx), &f->op, on_get_index) == WAIT)
		return WAIT;
	return on_index(f);
}
