/*
 * Making a token: may this user log in again? --> keep it.  Finding one: read it.
 */
#include "wx/ticket.h"
#include "wx_local.h"

#include <assert.h>

struct ticket_record {
	uint32_t layout;
	char appid[APPID_LEN + 2];
	unsigned char sealed[SEALED_SIZE(OPENID_MAX + 1)];
	unsigned char reserved[3];
};

static_assert(sizeof(struct ticket_record) == 120, "ticket_record has unexpected padding");

/* Twenty an hour: tokens live for hours, and one user must not fill the table with his. */
static const struct conf_budget most_logins = { { { 20, 3600000 } }, 1 };

static struct digest ticket_key(struct wx *wx, const char *token)
{
	struct str s = str_of(token);

	return crypt_hmac(wx->crypt, "login-token", &s, 1);
}

/* What is authenticated with the openid: a record moves to no other app and no other token. */
struct ticket_context {
	char appid[APPID_LEN + 2];
	struct digest key;
};

static struct ticket_context seal_context(const struct ticket_record *rec,
					  const struct store_op *op)
{
	struct ticket_context context = { .key = op->key };

	memcpy(context.appid, rec->appid, sizeof context.appid);
	return context;
}

static struct str context_str(const struct ticket_context *context)
{
	return (struct str){ (const char *)context, sizeof *context };
}

static void write_record(struct wx_ticket *t)
{
	struct ticket_record rec = { .layout = TICKET_LAYOUT };

	memcpy(rec.appid, t->app->appid, APPID_LEN);
	t->op.kind = STORE_LOGIN;
	t->op.key = ticket_key(t->wx, t->token);
	struct ticket_context context = seal_context(&rec, &t->op);
	crypt_seal(t->wx->crypt, context_str(&context), t->openid, sizeof t->openid, rec.sealed);
	t->op.version = 0;
	t->op.expires = store_now(t->wx->store) + (int64_t)t->wx->conf->login_lifetime * 1000;
	t->op.len = sizeof rec;
	memcpy(t->op.value, &rec, sizeof rec);
}

static enum err read_record(struct wx_ticket *t)
{
	struct ticket_record rec;

	if (t->op.err != OK)
		return t->op.err;
	if (t->op.len != sizeof rec)
		return ERR_SYSTEM;
	memcpy(&rec, t->op.value, sizeof rec);
	struct ticket_context context = seal_context(&rec, &t->op);
	if (rec.layout != TICKET_LAYOUT || memchr(rec.appid, '\0', sizeof rec.appid) == NULL ||
	    crypt_open(t->wx->crypt, context_str(&context), rec.sealed, sizeof rec.sealed,
		       t->openid) != OK)
		return ERR_SYSTEM;
	t->app = wx_app(t->wx, str_of(rec.appid));
	return t->app == NULL || t->app->caller != CALLER_LOGIN ? ERR_NOT_FOUND : OK;
}

bool wx_ticket_plausible(struct str token)
{
	return session_id_plausible(token); /* the same form */
}

/* --- making ----------------------------------------------------------------- */

static void on_put(struct store_op *op)
{
	struct wx_ticket *t = container_of(op, struct wx_ticket, op);

	t->err = op->err;
	t->done(t);
}

static enum progress keep(struct wx_ticket *t)
{
	unsigned char random[32];

	t->err = t->logins.err;
	t->wait = t->logins.wait;
	if (t->err != OK)
		return DONE;
	crypt_random(random, sizeof random);
	ensure(str_base64url(t->token, random, sizeof random) == TICKET_LEN);
	explicit_bzero(random, sizeof random);
	write_record(t);
	if (store_put(t->wx->store, &t->op, on_put) == WAIT)
		return WAIT;
	t->err = t->op.err;
	return DONE;
}

static void on_taken(struct wx_budget *b)
{
	struct wx_ticket *t = container_of(b, struct wx_ticket, logins);

	if (keep(t) == DONE)
		t->done(t);
}

enum progress wx_ticket_make(struct wx *wx, struct wx_ticket *t, void (*done)(struct wx_ticket *))
{
	const struct str whose[] = { str_of(t->app->appid), str_of(t->openid) };

	t->wx = wx;
	t->done = done;
	wx_budget_init(wx, &t->logins);
	wx_budget_add(&t->logins, "login", &most_logins, whose, ARRAY_LEN(whose));
	return wx_budget_take(&t->logins, on_taken) == WAIT ? WAIT : keep(t);
}

/* --- finding ---------------------------------------------------------------- */

static void on_get(struct store_op *op)
{
	struct wx_ticket *t = container_of(op, struct wx_ticket, op);

	t->err = read_record(t);
	t->done(t);
}

enum progress wx_ticket_find(struct wx *wx, struct wx_ticket *t, void (*done)(struct wx_ticket *))
{
	t->wx = wx;
	t->done = done;
	t->op.kind = STORE_LOGIN;
	t->op.key = ticket_key(wx, t->token);
	if (store_get(wx->store, &t->op, on_get) == WAIT)
		return WAIT;
	t->err = read_record(t);
	return DONE;
}
