/*
 * Budgets: one small record a rate and subject, changed by compare and put.
 *
 *   READ --> WRITE --> ENDED
 *     ^--------+  the next entry; or somebody else was faster
 *
 * A take that is refused at one entry goes back over those before it, and one that was for
 * nothing goes back over all.  Asleep in both until the store answers.
 */
#include "wx/budget.h"
#include "wx_local.h"

#include <assert.h>

enum { TAKE, GIVE_BACK, PEEK }; /* wx_budget.mode */
enum { READ, WRITE, ENDED, STATE_NR };

static const struct flow_def budget_def[STATE_NR] = {
	[READ] = { "read", TO(READ) | TO(WRITE) | TO(ENDED) },
	[WRITE] = { "write", TO(READ) | TO(ENDED) },
	[ENDED] = { "ended", 0 },
};

struct budget_record {
	uint32_t layout;
	uint32_t count[BUDGET_PARTS + 1]; /* the part of now, the one before, ... */
	int64_t part;                     /* which one is count[0], since the clock's zero */
};

static_assert(sizeof(struct budget_record) == 48, "budget_record has unexpected padding");

static int64_t width(const struct conf_rate *rate)
{
	return rate->per_ms / BUDGET_PARTS;
}

/* --- the record --------------------------------------------------------------- */

/* Moves it on to the part of now: what is older than the window drops out. */
static void turn(struct budget_record *rec, int64_t part)
{
	int64_t gone = part - rec->part;
	uint32_t count[BUDGET_PARTS + 1] = { 0 };

	if (gone <= 0)
		return;
	for (int64_t i = gone; i <= BUDGET_PARTS; i++)
		count[i] = rec->count[i - gone];
	memcpy(rec->count, count, sizeof count);
	rec->part = part;
}

static uint64_t spent(const struct budget_record *rec)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < ARRAY_LEN(rec->count); i++)
		sum += rec->count[i];
	return sum;
}

/* Seconds until so much has dropped out that there is one to take. */
static int wait_for_room(const struct budget_record *rec, const struct conf_rate *rate, int64_t now)
{
	uint64_t left = spent(rec);
	int64_t at = now;

	for (int i = BUDGET_PARTS; i >= 0 && left >= rate->most; i--) {
		left -= rec->count[i];
		at = (rec->part - i + BUDGET_PARTS + 1) * width(rate);
	}
	return (int)((at - now + 999) / 1000);
}

static void add_one(struct budget_record *rec)
{
	if (rec->count[0] < UINT32_MAX)
		rec->count[0]++;
}

/*
 * From the part it was counted in: off another, what somebody else has taken would drop
 * out too early or too late.  It may have dropped out itself.
 */
static bool take_off_one(struct budget_record *rec, int64_t part)
{
	int64_t i = rec->part - part;

	if (i < 0 || i > BUDGET_PARTS || rec->count[i] == 0)
		return false;
	rec->count[i]--;
	return true;
}

/* --- the walk over the entries -------------------------------------------------- */

/* The entry after this one; who gives back walks the other way. */
static unsigned next_entry(struct wx_budget *b)
{
	bool back = b->mode == GIVE_BACK;

	if (back ? b->at == 0 : b->at + 1 == b->nr)
		return ENDED;
	b->at += back ? -1U : 1U;
	return READ;
}

/* A take gives back what it had, and none of that changes the outcome. */
static unsigned refuse(struct wx_budget *b, enum err err)
{
	if (b->mode == GIVE_BACK)
		return next_entry(b);
	b->err = err;
	if (b->mode == PEEK)
		return ENDED;
	b->mode = GIVE_BACK;
	return next_entry(b);
}

static bool take_record(const struct wx_budget *b, struct budget_record *ret)
{
	if (b->op.err == ERR_NOT_FOUND) {
		*ret = (struct budget_record){ .layout = BUDGET_LAYOUT };
		return true;
	}
	if (b->op.err != OK || b->op.len != sizeof *ret)
		return false;
	memcpy(ret, b->op.value, sizeof *ret);
	return ret->layout == BUDGET_LAYOUT;
}

/* What the mode makes of the count; false: there is nothing to write. */
static bool change(struct wx_budget *b, struct budget_record *rec)
{
	struct budget_entry *e = &b->entries[b->at];

	switch (b->mode) {
	case TAKE:
		add_one(rec);
		e->part = rec->part;
		return true;
	case PEEK:
		return false;
	default: /* GIVE_BACK */
		return take_off_one(rec, e->part);
	}
}

static bool is_over(const struct wx_budget *b, const struct budget_record *rec)
{
	return b->mode != GIVE_BACK && spent(rec) >= b->entries[b->at].rate.most;
}

static unsigned on_read(struct wx_budget *b)
{
	const struct budget_entry *e = &b->entries[b->at];
	int64_t now = store_now(b->wx->store);
	struct budget_record rec;

	if (!take_record(b, &rec))
		return refuse(b, b->op.err == OK ? ERR_SYSTEM : b->op.err);
	turn(&rec, now / width(&e->rate));
	if (is_over(b, &rec)) {
		b->over = e->name;
		b->wait = wait_for_room(&rec, &e->rate, now);
		return refuse(b, ERR_REFUSED);
	}
	if (!change(b, &rec))
		return next_entry(b);
	b->op.version = b->op.err == OK ? b->op.version : 0;
	/* none left: no record is as good, and takes no room */
	b->op.expires = spent(&rec) == 0 ? now : (rec.part + BUDGET_PARTS + 1) * width(&e->rate);
	b->op.len = sizeof rec;
	memcpy(b->op.value, &rec, sizeof rec);
	return WRITE;
}

static unsigned on_written(struct wx_budget *b)
{
	if (b->op.err == ERR_CONFLICT)
		return READ;
	return b->op.err == OK ? next_entry(b) : refuse(b, b->op.err);
}

static void on_store(struct store_op *op);

static enum progress enter(struct wx_budget *b)
{
	if (b->flow.state == WRITE)
		return store_put(b->wx->store, &b->op, on_store);
	b->op.kind = STORE_BUDGET;
	b->op.key = b->entries[b->at].key;
	return store_get(b->wx->store, &b->op, on_store);
}

static enum progress budget_step(struct wx_budget *b)
{
	do {
		flow_move(&b->flow, b->flow.state == READ ? on_read(b) : on_written(b));
		if (b->flow.state == ENDED)
			return DONE;
	} while (enter(b) == DONE);
	return WAIT;
}

static void on_store(struct store_op *op)
{
	struct wx_budget *b = container_of(op, struct wx_budget, op);

	if (budget_step(b) == DONE)
		b->done(b);
}

/* --- for others ------------------------------------------------------------------- */

void wx_budget_init(struct wx *wx, struct wx_budget *b)
{
	b->wx = wx;
	b->nr = 0;
}

void wx_budget_add(struct wx_budget *b, const char *name, const struct conf_budget *limit,
		   const struct str *whose, size_t n)
{
	for (unsigned i = 0; i < limit->rate_nr; i++) {
		struct budget_entry *e = &b->entries[b->nr++];
		struct str texts[2 + 3] = {
			str_of(name),
			{ (const char *)&limit->rates[i].per_ms, sizeof limit->rates[i].per_ms },
		};
		ensure(b->nr <= ARRAY_LEN(b->entries) && n <= 3);
		memcpy(texts + 2, whose, n * sizeof *whose);
		e->name = name;
		e->rate = limit->rates[i];
		e->part = 0;
		e->key = crypt_hmac(b->wx->crypt, "budget", texts, 2 + n);
	}
}

static enum progress start(struct wx_budget *b, int mode, void (*done)(struct wx_budget *))
{
	b->mode = mode;
	b->done = done;
	b->err = OK;
	b->over = NULL;
	b->wait = 0;
	b->flow = (struct flow){ budget_def, READ };
	if (b->nr == 0)
		return DONE;
	b->at = mode == GIVE_BACK ? b->nr - 1 : 0;
	return enter(b) == WAIT ? WAIT : budget_step(b);
}

enum progress wx_budget_take(struct wx_budget *b, void (*done)(struct wx_budget *))
{
	return start(b, TAKE, done);
}

enum progress wx_budget_give_back(struct wx_budget *b, void (*done)(struct wx_budget *))
{
	return start(b, GIVE_BACK, done);
}

enum progress wx_budget_peek(struct wx_budget *b, void (*done)(struct wx_budget *))
{
	return start(b, PEEK, done);
}
