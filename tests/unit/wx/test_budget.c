/* Tests of budgets: against a list of everything that was taken, and with a store that fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_net.h"
#include "wx/budget.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

typedef enum progress budget_op(struct wx_budget *b, void (*done)(struct wx_budget *));

/* As it stands in the store. */
struct record {
	uint32_t layout;
	uint32_t count[BUDGET_PARTS + 1];
	int64_t part;
};

/* On a boundary of the parts of every rate. */
static const int64_t midnight = (int64_t)200 * DAY;

static void clock_at(int64_t ms)
{
	clock_skew_ms += ms - clock_boot_ms();
}

static int start_done(void **state)
{
	(void)state;
	fake_start(false);
	clock_at(midnight);
	return 0;
}

static int start_wait(void **state)
{
	start_done(state);
	fake_store.wait = true;
	return 0;
}

static int stop(void **state)
{
	(void)state;
	fake_stop();
	return 0;
}

static bool finished;

static void on_done(struct wx_budget *b)
{
	(void)b;
	assert_false(finished);
	finished = true;
	loop_stop(loop);
}

static enum err now(budget_op *op, struct wx_budget *b)
{
	finished = false;
	enum progress p = op(b, on_done);
	assert_false(finished);
	assert_int_equal(p, fake_store.wait && b->nr > 0 ? WAIT : DONE);
	if (p == WAIT)
		run_until(&finished);
	return b->err;
}

static struct conf_budget limit_of(unsigned most, int64_t per_ms)
{
	return (struct conf_budget){ { { most, per_ms } }, 1 };
}

static void add(struct wx_budget *b, const char *name, unsigned most, int64_t per_ms,
		const char *whose)
{
	struct conf_budget limit = limit_of(most, per_ms);
	struct str text = str_of(whose);

	wx_budget_add(b, name, &limit, &text, 1);
}

/* Of one entry. */
static struct wx_budget budget_of(unsigned most, int64_t per_ms, const char *whose)
{
	struct wx_budget b;

	wx_budget_init(wx, &b);
	add(&b, "caller", most, per_ms, whose);
	return b;
}

static struct record record_of(const struct budget_entry *e)
{
	const struct fake_value *v = find_value(STORE_BUDGET, &e->key);
	struct record rec = { .layout = 0 };

	if (v != NULL)
		memcpy(&rec, v->bytes, sizeof rec);
	return rec;
}

/* What the store has counted for an entry, however old. */
static unsigned counted(const struct wx_budget *b, unsigned entry)
{
	struct record rec = record_of(&b->entries[entry]);
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_LEN(rec.count); i++)
		n += rec.count[i];
	return n;
}

static void put_record(const struct budget_entry *e, const void *bytes, size_t len)
{
	struct store_op op = { .kind = STORE_BUDGET, .key = e->key, .len = len };
	const struct fake_value *v = find_value(op.kind, &op.key);

	op.version = v == NULL ? 0 : v->version;
	op.expires = clock_boot_ms() + DAY;
	memcpy(op.value, bytes, len);
	assert_int_equal(do_put(&op), OK);
}

/* --- how much ----------------------------------------------------------------------- */

static void so_many_and_no_more(void **state)
{
	(void)state;
	for (unsigned most = 1; most < 40; most += 12) {
		char whose[20];
		snprintf(whose, sizeof whose, "user %u", most);
		struct wx_budget b = budget_of(most, DAY, whose);
		for (unsigned i = 0; i < most; i++) {
			assert_int_equal(now(wx_budget_take, &b), OK);
			assert_null(b.over);
		}
		for (unsigned i = 0; i < 5; i++) {
			assert_int_equal(now(wx_budget_take, &b), ERR_REFUSED);
			assert_string_equal(b.over, "caller");
			assert_true(b.wait > 0);
		}
		assert_int_equal(counted(&b, 0), most);
	}
}

static void no_limit_asks_nobody(void **state)
{
	budget_op *const ops[] = { wx_budget_take, wx_budget_give_back, wx_budget_peek };
	struct conf_budget none = { .rate_nr = 0 };
	struct str whose = STR("user");
	struct wx_budget b;

	(void)state;
	wx_budget_init(wx, &b);
	wx_budget_add(&b, "caller", &none, &whose, 1);
	assert_int_equal(b.nr, 0);
	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		assert_int_equal(now(ops[i], &b), OK);
	assert_int_equal(fake_store.ops, 0);
}

static void what_is_not_the_same_is_counted_apart(void **state)
{
	const struct conf_budget day = limit_of(1, DAY), more = limit_of(2, DAY),
				 hour = limit_of(1, HOUR);
	const struct str ab_c[] = { STR("ab"), STR("c") }, a_bc[] = { STR("a"), STR("bc") };
	const struct {
		const char *name;
		const struct conf_budget *limit;
		const struct str *whose;
		enum err first; /* in this order */
	} rows[] = {
		{ "caller", &day, ab_c, OK },
		{ "caller", &day, ab_c, ERR_REFUSED },
		{ "caller", &day, a_bc, OK },
		{ "id", &day, ab_c, OK },
		{ "caller", &hour, ab_c, OK },
		{ "caller", &more, ab_c, OK }, /* the day's, raised */
		{ "caller", &hour, a_bc, OK },
		{ "id", &day, ab_c, ERR_REFUSED },
		{ "caller", &day, a_bc, ERR_REFUSED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wx_budget b;
		wx_budget_init(wx, &b);
		wx_budget_add(&b, rows[i].name, rows[i].limit, rows[i].whose, 2);
		assert_int_equal(now(wx_budget_take, &b), rows[i].first);
	}
}

static void one_limit_may_have_several_rates(void **state)
{
	struct conf_budget limit = { { { 2, MINUTE }, { 3, HOUR }, { 4, DAY } }, 3 };
	struct str whose = STR("user");
	static const struct {
		int64_t at;
		enum err err;
		unsigned spent[3];
	} rows[] = {
		{ 0, OK, { 1, 1, 1 } },
		{ 1 * SECOND, OK, { 2, 2, 2 } },
		{ 2 * SECOND, ERR_REFUSED, { 2, 2, 2 } }, /* the minute's */
		{ 2 * MINUTE, OK, { 1, 3, 3 } },
		{ 4 * MINUTE, ERR_REFUSED, { 0, 3, 3 } }, /* the hour's; the minute's is gone */
		{ 2 * HOUR, OK, { 1, 1, 4 } },
		{ 9 * HOUR, ERR_REFUSED, { 0, 0, 4 } }, /* the day's */
		{ 28 * HOUR, OK, { 1, 1, 1 } },
	};
	struct wx_budget b;

	(void)state;
	wx_budget_init(wx, &b);
	wx_budget_add(&b, "id", &limit, &whose, 1);
	assert_int_equal(b.nr, 3);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		clock_at(midnight + rows[i].at);
		assert_int_equal(now(wx_budget_take, &b), rows[i].err);
		for (unsigned k = 0; k < 3; k++)
			assert_int_equal(counted(&b, k), rows[i].spent[k]);
	}
}

/* --- against a list ------------------------------------------------------------------ */

enum { STEPS = 4000, WHO_NR = 3, RATES = 3 };

/* Everything that is counted: when, for whom.  given_back: not any more. */
static struct taken {
	int64_t before, after;
	unsigned who;
	bool given_back;
	struct wx_budget b; /* to give it back */
} list[STEPS];
static unsigned list_nr;

static uint32_t seed;

static unsigned next_random(unsigned below)
{
	seed = seed * 1664525 + 1013904223;
	return (unsigned)(((uint64_t)seed * below) >> 32);
}

/* The rates of the model: of each user alone, and of all together. */
static const struct {
	const char *name;
	unsigned most;
	int64_t per_ms;
	bool of_all;
} rates[RATES] = { { "caller", 4, MINUTE, false },
		   { "caller", 25, HOUR, false },
		   { "app", 9, MINUTE, true } };

static struct wx_budget budget_for(unsigned who)
{
	static const char *const users[WHO_NR] = { "ann", "bob", "cat" };
	struct wx_budget b;

	wx_budget_init(wx, &b);
	for (size_t i = 0; i < RATES; i++)
		add(&b, rates[i].name, rates[i].most, rates[i].per_ms,
		    rates[i].of_all ? "all" : users[who]);
	return b;
}

static bool counts_for(const struct taken *t, unsigned rate, unsigned who)
{
	return !t->given_back && (rates[rate].of_all || t->who == who);
}

/* By the list: is there room, in this very part of the window? */
static bool has_room(unsigned rate, unsigned who)
{
	int64_t width = rates[rate].per_ms / BUDGET_PARTS, part = clock_boot_ms() / width;
	unsigned n = 0;

	for (unsigned i = 0; i < list_nr; i++)
		n += counts_for(&list[i], rate, who) &&
		     list[i].before / width >= part - BUDGET_PARTS;
	return n < rates[rate].most;
}

/* What was promised: no window sees more; and who is refused has had as many lately. */
static void check_windows(unsigned rate, unsigned who)
{
	const struct taken *last[64];
	unsigned n = 0, most = rates[rate].most;

	for (unsigned i = 0; i < list_nr; i++) {
		if (!counts_for(&list[i], rate, who))
			continue;
		if (n >= most)
			assert_true(list[i].after - last[n % most]->before > rates[rate].per_ms);
		last[n++ % most] = &list[i];
	}
}

static void check_refusal(unsigned who)
{
	bool explained = false;

	for (unsigned rate = 0; rate < RATES; rate++) {
		int64_t lately = clock_boot_ms() - rates[rate].per_ms - rates[rate].per_ms / 8;
		unsigned n = 0;
		for (unsigned i = 0; i < list_nr; i++)
			n += counts_for(&list[i], rate, who) && list[i].after >= lately - 50;
		explained = explained || n >= rates[rate].most;
	}
	assert_true(explained);
}

static void pass_time(void)
{
	static const int64_t steps[] = { 0, 50, 900, 4 * SECOND, 9 * SECOND, MINUTE, 20 * MINUTE };
	int64_t width = MINUTE / BUDGET_PARTS;

	clock_skew_ms += next_random((unsigned)steps[next_random(ARRAY_LEN(steps))] + 1);
	if (clock_boot_ms() % width > width - 200) /* not on the edge: the real clock runs, too */
		clock_skew_ms += 250;
}

static void give_back_one(void)
{
	struct taken *t =
		list_nr == 0 ? NULL : &list[list_nr - 1 - next_random(list_nr < 12 ? list_nr : 12)];

	if (t == NULL || t->given_back)
		return;
	assert_int_equal(now(wx_budget_give_back, &t->b), OK);
	t->given_back = true;
}

/* Hours of three users who take, and now and then give back, which may come late. */
static void a_list_of_all_that_was_taken_agrees(void **state)
{
	unsigned refused = 0, given_back = 0;
	int64_t began = clock_boot_ms();

	(void)state;
	seed = 20261125;
	list_nr = 0;
	for (unsigned i = 0; i < (fake_store.wait ? STEPS / 4 : STEPS); i++) {
		unsigned who = next_random(WHO_NR);
		bool room = true;
		pass_time();
		if (next_random(8) == 0) {
			give_back_one();
			continue;
		}
		for (unsigned rate = 0; rate < RATES; rate++)
			room = room && has_room(rate, who);
		struct taken t = { .before = clock_boot_ms(), .who = who, .b = budget_for(who) };
		enum err err = now(wx_budget_take, &t.b);
		t.after = clock_boot_ms();
		assert_int_equal(err, room ? OK : ERR_REFUSED);
		if (err == OK)
			list[list_nr++] = t;
		else
			check_refusal(who);
		refused += err != OK;
	}
	for (unsigned i = 0; i < list_nr; i++)
		given_back += list[i].given_back;
	for (unsigned rate = 0; rate < RATES; rate++)
		for (unsigned who = 0; who < WHO_NR; who++)
			check_windows(rate, who);
	assert_true(list_nr > 200 && refused > 50 && given_back > 20);
	assert_true(clock_boot_ms() - began > 10 * HOUR);
}

/* --- when there is some again ----------------------------------------------------------- */

static void after_the_wait_there_is_some_and_a_second_before_there_is_none(void **state)
{
	static const int64_t windows[] = { MINUTE, HOUR, DAY };
	unsigned tried = 0;

	(void)state;
	for (size_t w = 0; w < ARRAY_LEN(windows); w++) {
		for (unsigned at = 0; at <= BUDGET_PARTS; at++, tried++) {
			int64_t begin = midnight + (int64_t)tried * 10 * DAY;
			int64_t width = windows[w] / BUDGET_PARTS;
			char whose[20];
			snprintf(whose, sizeof whose, "user %u", tried);
			struct wx_budget b = budget_of(3, windows[w], whose);
			clock_at(begin + 10);
			assert_int_equal(now(wx_budget_take, &b), OK);
			clock_at(begin + at * width + 100);
			assert_int_equal(now(wx_budget_take, &b), OK);
			assert_int_equal(now(wx_budget_take, &b), OK);
			assert_int_equal(now(wx_budget_take, &b), ERR_REFUSED);
			int64_t until = clock_boot_ms() + (int64_t)b.wait * 1000;
			clock_at(until - 1000);
			assert_int_equal(now(wx_budget_take, &b), ERR_REFUSED);
			assert_in_range(b.wait, 1, 2);
			clock_at(until);
			assert_int_equal(now(wx_budget_take, &b), OK);
			/* at most the window and an eighth after the first */
			assert_true(until <= begin + windows[w] + width + 1000);
			assert_true(until >= begin + windows[w]);
		}
	}
	assert_int_equal(tried, 27);
}

static void nothing_is_left_after_the_window_and_an_eighth(void **state)
{
	struct wx_budget b = budget_of(5, HOUR, "user");

	(void)state;
	assert_int_equal(now(wx_budget_take, &b), OK);
	clock_at(midnight + HOUR + HOUR / 8 - 1000);
	assert_int_equal(count_values(STORE_BUDGET), 1);
	clock_at(midnight + HOUR + HOUR / 8);
	assert_int_equal(count_values(STORE_BUDGET), 0);
}

/* Another host's clock may be ahead: what it has counted stays counted. */
static void a_record_from_the_future_counts(void **state)
{
	struct wx_budget b = budget_of(2, HOUR, "user");

	(void)state;
	clock_at(midnight + HOUR);
	assert_int_equal(now(wx_budget_take, &b), OK);
	clock_at(midnight);
	assert_int_equal(now(wx_budget_take, &b), OK);
	assert_int_equal(now(wx_budget_take, &b), ERR_REFUSED);
	clock_at(clock_boot_ms() + (int64_t)b.wait * 1000);
	assert_int_equal(now(wx_budget_take, &b), OK);
}

/* --- giving back ----------------------------------------------------------------------- */

static void what_was_given_back_can_be_taken_again(void **state)
{
	struct wx_budget b = budget_of(3, DAY, "user");

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(now(wx_budget_take, &b), OK);
		assert_int_equal(now(wx_budget_give_back, &b), OK);
	}
	assert_int_equal(counted(&b, 0), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(now(wx_budget_take, &b), OK);
	assert_int_equal(now(wx_budget_take, &b), ERR_REFUSED);
}

/* A refund comes late, when others have taken since: theirs must not go in its place. */
static void only_ones_own_is_given_back(void **state)
{
	struct wx_budget mine = budget_of(2, MINUTE, "user"), other = mine;

	(void)state;
	clock_at(midnight + 1000);
	assert_int_equal(now(wx_budget_take, &mine), OK);
	clock_at(midnight + 50 * SECOND);
	assert_int_equal(now(wx_budget_take, &other), OK);
	assert_int_equal(now(wx_budget_give_back, &mine), OK);
	assert_int_equal(counted(&mine, 0), 1);
	clock_at(midnight + 69 * SECOND); /* what stood in the first part has dropped out */
	assert_int_equal(now(wx_budget_take, &mine), OK);
	assert_int_equal(now(wx_budget_take, &mine), ERR_REFUSED);
}

static void what_has_dropped_out_cannot_be_given_back_from_what_is_there(void **state)
{
	struct wx_budget mine = budget_of(2, MINUTE, "user"), other = mine;

	(void)state;
	assert_int_equal(now(wx_budget_take, &mine), OK);
	clock_at(midnight + 2 * MINUTE);
	assert_int_equal(now(wx_budget_give_back, &mine), OK);
	assert_int_equal(count_values(STORE_BUDGET), 0);
	assert_int_equal(now(wx_budget_take, &other), OK);
	assert_int_equal(now(wx_budget_give_back, &mine), OK);
	assert_int_equal(counted(&mine, 0), 1);
}

/* --- all or nothing --------------------------------------------------------------------- */

static void a_take_that_is_refused_takes_nothing(void **state)
{
	(void)state;
	for (unsigned full = 0; full < 4; full++) {
		static const char *const names[] = { "caller", "address", "id", "app" };
		struct wx_budget b, other;
		char whose[20];
		wx_budget_init(wx, &b);
		wx_budget_init(wx, &other);
		for (unsigned i = 0; i < 4; i++) {
			snprintf(whose, sizeof whose, "case %u", full);
			add(&b, names[i], i == full ? 2 : 10, DAY, whose);
		}
		add(&other, names[full], 2, DAY, whose);
		assert_int_equal(now(wx_budget_take, &b), OK);
		assert_int_equal(now(wx_budget_take, &other), OK);
		for (unsigned i = 0; i < 30; i++) {
			assert_int_equal(now(wx_budget_take, &b), ERR_REFUSED);
			assert_string_equal(b.over, names[full]);
			assert_true(b.wait > DAY / 1000 - 5 && b.wait <= DAY / 8000 * 9);
		}
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(counted(&b, i), i == full ? 2 : 1);
		assert_int_equal(now(wx_budget_give_back, &b), OK);
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(counted(&b, i), i == full ? 1 : 0);
		assert_int_equal(now(wx_budget_take, &b), OK);
	}
}

/* --- looking ----------------------------------------------------------------------------- */

static void a_peek_refuses_where_a_take_would_and_takes_nothing(void **state)
{
	struct wx_budget b = budget_of(3, HOUR, "user");

	(void)state;
	clock_at(midnight + 100);
	assert_int_equal(now(wx_budget_peek, &b), OK);
	assert_int_equal(count_values(STORE_BUDGET), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(now(wx_budget_peek, &b), OK);
		assert_int_equal(now(wx_budget_take, &b), OK);
	}
	assert_int_equal(now(wx_budget_peek, &b), ERR_REFUSED);
	assert_string_equal(b.over, "caller");
	int wait = b.wait;
	assert_int_equal(now(wx_budget_take, &b), ERR_REFUSED);
	assert_int_equal(b.wait, wait);
	assert_int_equal(counted(&b, 0), 3);
	clock_at(clock_boot_ms() + (int64_t)wait * 1000);
	assert_int_equal(now(wx_budget_peek, &b), OK);
}

static void a_count_has_an_end_and_does_not_begin_again(void **state)
{
	struct wx_budget b = budget_of(3, HOUR, "user");
	struct record rec = { 1, { UINT32_MAX, UINT32_MAX }, midnight / (HOUR / 8) };

	(void)state;
	put_record(&b.entries[0], &rec, sizeof rec);
	assert_int_equal(now(wx_budget_peek, &b), ERR_REFUSED);
	assert_int_equal(now(wx_budget_take, &b), ERR_REFUSED);
	assert_int_equal(record_of(&b.entries[0]).count[0], UINT32_MAX);
}

/* --- the store ---------------------------------------------------------------------------- */

static void what_cannot_be_a_record_is_no_budget(void **state)
{
	struct record rec = { 1, { 1 }, midnight / (DAY / 8) }, later = rec, none = rec;
	later.layout = 2;
	none.layout = 0;
	const struct {
		const void *bytes;
		size_t len;
		enum err err;
	} rows[] = {
		{ &rec, sizeof rec, OK },
		{ &rec, sizeof rec - 1, ERR_SYSTEM },
		{ &rec, 4, ERR_SYSTEM },
		{ &rec, 0, ERR_SYSTEM },
		{ &later, sizeof rec, ERR_SYSTEM },
		{ &none, sizeof rec, ERR_SYSTEM },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wx_budget b;
		wx_budget_init(wx, &b);
		add(&b, "first", 100, DAY, "user");
		add(&b, "bad", 100, DAY, "user");
		memset(fake_store.values, 0, sizeof fake_store.values);
		put_record(&b.entries[1], rows[i].bytes, rows[i].len);
		assert_int_equal(now(wx_budget_take, &b), rows[i].err);
		assert_int_equal(counted(&b, 0), rows[i].err == OK);
		assert_int_equal(now(wx_budget_peek, &b), rows[i].err);
	}
}

static unsigned fail_at, fail_also, steps; /* the n-th operation fails, and perhaps another */
static enum err fail_with;

static enum err fail_one(enum verb verb, struct store_op *op)
{
	(void)verb, (void)op;
	steps++;
	return steps - 1 == fail_at || steps - 1 == fail_also ? fail_with : OK;
}

/* after: the store did it, and its answer was lost. */
static enum err with_failures(budget_op *op, struct wx_budget *b, enum err err, bool after)
{
	steps = 0;
	fail_with = err;
	fake_store.meddle = after ? NULL : fail_one;
	fake_store.after = after ? fail_one : NULL;
	enum err got = now(op, b);
	fake_store.meddle = fake_store.after = NULL;
	return got;
}

static struct wx_budget three_entries(void)
{
	struct wx_budget b;

	wx_budget_init(wx, &b);
	add(&b, "a", 5, DAY, "user");
	add(&b, "b", 5, DAY, "user");
	add(&b, "c", 5, DAY, "user");
	return b;
}

/* Refused, with nothing taken; or taken from each.  A lost answer counts one too many. */
static void whatever_the_store_fails_at_a_take_is_whole(void **state)
{
	static const enum err errors[] = { ERR_BUSY, ERR_FULL, ERR_SYSTEM, ERR_CONFLICT };
	unsigned failed = 0, repeated = 0;

	(void)state;
	fail_also = UINT32_MAX;
	for (size_t e = 0; e < 2 * ARRAY_LEN(errors); e++) {
		for (fail_at = 0; fail_at < 6; fail_at++) {
			bool after = e % 2 == 1, is_put = fail_at % 2 == 1;
			struct wx_budget b = three_entries();
			memset(fake_store.values, 0, sizeof fake_store.values);
			enum err err = with_failures(wx_budget_take, &b, errors[e / 2], after);
			if (is_put && errors[e / 2] == ERR_CONFLICT) {
				assert_int_equal(err, OK);
				repeated++;
			} else {
				assert_int_equal(err, errors[e / 2]);
				failed++;
			}
			for (unsigned i = 0; i < 3; i++)
				assert_int_equal(counted(&b, i), (err == OK) + (after && is_put &&
										i == fail_at / 2));
		}
	}
	assert_true(failed == 42 && repeated == 6);
}

/* It fails while it goes back, too: then some are counted that were not used, never the reverse. */
static void whatever_fails_twice_nothing_is_used_that_is_not_counted(void **state)
{
	unsigned left = 0, tried = 0;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		for (fail_at = 0; fail_at < 6; fail_at++) {
			for (fail_also = fail_at + 1; fail_also < 12; fail_also++, tried++) {
				struct wx_budget b = three_entries();
				memset(fake_store.values, 0, sizeof fake_store.values);
				assert_int_equal(now(wx_budget_take, &b), OK);
				enum err err = with_failures(wx_budget_take, &b, ERR_BUSY, i == 1);
				assert_int_equal(err, ERR_BUSY);
				for (unsigned k = 0; k < 3; k++) {
					assert_in_range(counted(&b, k), 1, 2);
					left += counted(&b, k) - 1;
				}
			}
		}
	}
	assert_int_equal(tried, 102);
	assert_true(left > 0);
}

static const enum err errors[] = { ERR_BUSY, ERR_FULL, ERR_SYSTEM };

static void what_cannot_be_given_back_keeps_nothing_else(void **state)
{
	(void)state;
	fail_also = UINT32_MAX;
	for (size_t e = 0; e < ARRAY_LEN(errors); e++) {
		for (fail_at = 0; fail_at < 6; fail_at++) {
			struct wx_budget b = three_entries();
			unsigned kept = 2 - fail_at / 2; /* it goes from the last to the first */
			memset(fake_store.values, 0, sizeof fake_store.values);
			assert_int_equal(now(wx_budget_take, &b), OK);
			assert_int_equal(with_failures(wx_budget_give_back, &b, errors[e], false),
					 OK);
			for (unsigned i = 0; i < 3; i++)
				assert_int_equal(counted(&b, i), i == kept);
		}
	}
}

static void a_peek_that_fails_says_so(void **state)
{
	(void)state;
	fail_also = UINT32_MAX;
	for (size_t e = 0; e < ARRAY_LEN(errors); e++) {
		for (fail_at = 0; fail_at < 3; fail_at++) {
			struct wx_budget b = three_entries();
			memset(fake_store.values, 0, sizeof fake_store.values);
			assert_int_equal(with_failures(wx_budget_peek, &b, errors[e], false),
					 errors[e]);
		}
	}
}

/* --- others --------------------------------------------------------------------------------- */

static struct wx_budget *rival;
static unsigned rivalries;

/* Before we write, another worker has. */
static enum err another_is_faster(enum verb verb, struct store_op *op)
{
	bool wait = fake_store.wait;

	(void)op;
	if (verb != PUT || rivalries == 0)
		return OK;
	rivalries--;
	fake_store.meddle = NULL;
	fake_store.wait = false;
	assert_int_equal(wx_budget_take(rival, on_done), DONE);
	assert_int_equal(rival->err, OK);
	fake_store.wait = wait;
	fake_store.meddle = another_is_faster;
	return OK;
}

static void nothing_is_lost_when_another_worker_is_faster(void **state)
{
	struct wx *second = another_worker();

	(void)state;
	for (unsigned first = 0; first <= 5; first++) {
		char whose[20];
		snprintf(whose, sizeof whose, "user %u", first);
		struct wx_budget mine = budget_of(5, DAY, whose), theirs = mine;
		theirs.wx = second;
		rival = &theirs;
		rivalries = first;
		fake_store.meddle = another_is_faster;
		assert_int_equal(now(wx_budget_take, &mine), first < 5 ? OK : ERR_REFUSED);
		fake_store.meddle = NULL;
		assert_int_equal(rivalries, 0);
		assert_int_equal(counted(&mine, 0), first < 5 ? first + 1 : 5);
	}
	wx_destroy(second);
}

struct one {
	struct wx_budget b;
	bool done;
};

static void on_one(struct wx_budget *b)
{
	struct one *one = container_of(b, struct one, b);

	assert_false(one->done);
	one->done = true;
	loop_stop(loop);
}

/* Of 200 at the same time as many get one as there are, and of what all share no more is gone. */
static void a_crowd_gets_what_there_is(void **state)
{
	static struct one crowd[200];
	unsigned got = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(crowd); i++) {
		crowd[i].done = false;
		wx_budget_init(wx, &crowd[i].b);
		add(&crowd[i].b, "app", 1000, DAY, "all");
		add(&crowd[i].b, "caller", 17, DAY, "user");
		if (wx_budget_take(&crowd[i].b, on_one) == DONE)
			on_one(&crowd[i].b);
	}
	for (size_t i = 0; i < ARRAY_LEN(crowd); i++) {
		run_until(&crowd[i].done);
		assert_true(crowd[i].b.err == OK || crowd[i].b.err == ERR_REFUSED);
		got += crowd[i].b.err == OK;
	}
	assert_int_equal(got, 17);
	assert_int_equal(counted(&crowd[0].b, 0), 17);
	assert_int_equal(counted(&crowd[0].b, 1), 17);
	for (size_t i = 0; i < ARRAY_LEN(crowd); i++)
		if (crowd[i].b.err == OK)
			assert_int_equal(now(wx_budget_give_back, &crowd[i].b), OK);
	assert_int_equal(counted(&crowd[0].b, 0) + counted(&crowd[0].b, 1), 0);
}

#define BOTH(test)                                               \
	cmocka_unit_test_setup_teardown(test, start_done, stop), \
		cmocka_unit_test_setup_teardown(test, start_wait, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(so_many_and_no_more),
		BOTH(no_limit_asks_nobody),
		BOTH(what_is_not_the_same_is_counted_apart),
		BOTH(one_limit_may_have_several_rates),
		BOTH(a_list_of_all_that_was_taken_agrees),
		BOTH(after_the_wait_there_is_some_and_a_second_before_there_is_none),
		BOTH(nothing_is_left_after_the_window_and_an_eighth),
		BOTH(a_record_from_the_future_counts),
		BOTH(what_was_given_back_can_be_taken_again),
		BOTH(only_ones_own_is_given_back),
		BOTH(what_has_dropped_out_cannot_be_given_back_from_what_is_there),
		BOTH(a_take_that_is_refused_takes_nothing),
		BOTH(a_peek_refuses_where_a_take_would_and_takes_nothing),
		BOTH(a_count_has_an_end_and_does_not_begin_again),
		BOTH(what_cannot_be_a_record_is_no_budget),
		BOTH(whatever_the_store_fails_at_a_take_is_whole),
		BOTH(whatever_fails_twice_nothing_is_used_that_is_not_counted),
		BOTH(what_cannot_be_given_back_keeps_nothing_else),
		BOTH(a_peek_that_fails_says_so),
		BOTH(nothing_is_lost_when_another_worker_is_faster),
		BOTH(a_crowd_gets_what_there_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
