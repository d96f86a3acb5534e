/* The kinds of values, and the way from store.h to the backend. */
#include "backend.h"

/*
 * A session has a key of WeChat's, and in 1.0 a claimed verify_result; a client may
 * try a second one.  Claims stand apart, so that whoever fills them with nonsense does
 * not take the room of a key, which is written after the call was paid for.  There is
 * always room for the tokens of 64 apps, so adding one is no other segment.  Tokens are read once a
 * call and their lock is held for less than a microsecond; 8 shards are not for speed, but so that
 * a process stopped at the wrong instant does not take every app with it.
 *
 * A session's key leads to it, and so does the newest of its caller and source that has
 * ended.  A login is good for longer than a session.  A budget's daily counts outlive the
 * session by a day, and each face check is counted by four rates, two of them daily.
 * Nonces stand apart from claims, so that a business that asks often shuts nobody out.
 * There are two hosts: WeChat's, and the business's that is asked for identities.
 */
enum {
	SESSION_VALUE = 1024,
	KEY_VALUE = 96,
	CLAIM_VALUE = 96,
	TOKEN_VALUE = STORE_VALUE_MAX,
	LOGIN_VALUE = 160,
	ONCE_VALUE = 96,
	NONCE_VALUE = 8,
	BUDGET_VALUE = 48,
	HOST_VALUE = 376,
};

/* clang-format off */
const struct store_row store_rows[STORE_KIND_NR] = {
	/*                  name       layout          value_max      per session  least  shards */
	[STORE_SESSION] = { "session", SESSION_LAYOUT, SESSION_VALUE, 1,           1,     64 },
	[STORE_KEY]     = { "key",     INDEX_LAYOUT,   KEY_VALUE,     2,           1,     64 },
	[STORE_CLAIM]   = { "claim",   CLAIM_LAYOUT,   CLAIM_VALUE,   2,           1,     64 },
	[STORE_TOKEN]   = { "token",   TOKEN_LAYOUT,   TOKEN_VALUE,   0,           64,    8 },
	[STORE_LOGIN]   = { "login",   TICKET_LAYOUT,  LOGIN_VALUE,   2,           1,     64 },
	[STORE_ONCE]    = { "once",    REPEAT_LAYOUT,  ONCE_VALUE,    1,           1,     64 },
	[STORE_NONCE]   = { "nonce",   NONCE_LAYOUT,   NONCE_VALUE,   4,           1,     64 },
	[STORE_BUDGET]  = { "budget",  BUDGET_LAYOUT,  BUDGET_VALUE,  8,           1,     64 },
	[STORE_HOST]    = { "host",    HOST_LAYOUT,    HOST_VALUE,    0,           16,    1 },
};
/* clang-format on */

size_t store_value_max(enum store_kind kind)
{
	ensure(kind < STORE_KIND_NR);
	return store_rows[kind].value_max;
}

enum progress store_get(struct store *s, struct store_op *op, void (*done)(struct store_op *))
{
	ensure(op->kind < STORE_KIND_NR);
	op->done = done;
	return s->backend->get(s, op);
}

enum progress store_put(struct store *s, struct store_op *op, void (*done)(struct store_op *))
{
	op->done = done;
	if (op->len > store_value_max(op->kind)) {
		op->err = ERR_TOO_LARGE;
		return DONE;
	}
	return s->backend->put(s, op);
}

enum progress store_del(struct store *s, struct store_op *op, void (*done)(struct store_op *))
{
	ensure(op->kind < STORE_KIND_NR);
	op->done = done;
	return s->backend->del(s, op);
}

int64_t store_now(const struct store *s)
{
	return s->backend->now(s);
}

enum err store_ready(struct store *s)
{
	return s->backend->ready(s);
}

enum store_place store_follow(struct store *s, const char **ret_why)
{
	return s->backend->follow(s, ret_why);
}

const char *store_check(struct store *s)
{
	return s->backend->check(s);
}

void store_stats(struct store *s, struct store_stats *ret)
{
	*ret = (struct store_stats){ .owner_died = 0 };
	s->backend->stats(s, ret);
}

void store_close(struct store *s)
{
	if (s != NULL)
		s->backend->close(s);
}
