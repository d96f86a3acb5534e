/* Tests of repeated /identify: who comes first opens, the others get the same, nobody waits for
 * ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_net.h"
#include "wx/repeat.h"

#define KEY "0b9c3b52-2c1e-4a57"

enum { LEASE_MS = 4 * 8000 + 2000, PATIENCE_MS = 2 * 8000, SESSION_MS = 3600000 };

static struct wx *second; /* another worker */

static int start_done(void **state)
{
	(void)state;
	fake_start(false);
	second = another_worker();
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
	run_for(5, NULL);
	wx_destroy(second);
	fake_stop();
	return 0;
}

struct
try {
	struct wx_repeat r;
	bool done;
};

static void on_repeat(struct wx_repeat *r)
{
	struct try *t = container_of(r, struct try, r);

	assert_false(t->done);
	t->done = true;
	loop_stop(loop);
}

static struct digest caller_of(const char *name)
{
	return session_caller(keys, str_of(fake_apps[0].appid), "openid", str_of(name));
}

static struct digest what_of(const char *id_number)
{
	struct identity i = identity_of(PERSON_NAME, id_number);

	return wx_repeat_what(keys, &i, 1, "terms-1");
}

/* As the user of all tests asks, with a key or (NULL) without. */
static struct try asking(const char *key)
{
	return (struct try){
		.r.caller = caller_of(USER_OPENID),
		.r.key = key == NULL ? STR_NONE : str_of(key),
		.r.what = what_of(PERSON_ID),
	};
}

static void begin_as(struct wx *worker, const struct conf_app *app, struct try *t)
{
	t->done = false;
	wx_repeat_claim(worker, &t->r, app, on_repeat);
	assert_false(t->done);
}

static void begin(struct try *t)
{
	begin_as(wx, &fake_apps[0], t);
}

static enum repeat_outcome claim(struct try *t)
{
	begin(t);
	run_until(&t->done);
	return t->r.outcome;
}

static void settle(struct try *t, const struct session *opened)
{
	t->done = false;
	enum progress p = wx_repeat_settle(&t->r, opened, on_repeat);
	assert_false(t->done);
	assert_int_equal(p, fake_store.wait ? WAIT : DONE);
	if (p == WAIT)
		run_until(&t->done);
	t->done = true;
}

static void write_session(struct session *s)
{
	struct store_op op = { .len = 0 };
	char id[SESSION_ID_LEN + 1];

	session_pack(keys, s, &op);
	session_id(keys, s, id);
	op.key = session_store_key(keys, str_of(id));
	assert_int_equal(do_put(&op), OK);
	s->version = op.version;
}

/* What /identify has opened for the user of all tests. */
static struct session open_session(void)
{
	struct session s = opened_session(keys, &fake_apps[0], USER_OPENID);

	s.rec.caller = caller_of(USER_OPENID);
	s.rec.opened = clock_boot_ms();
	s.rec.expires = s.rec.opened + SESSION_MS;
	write_session(&s);
	return s;
}

static void assert_same(const struct try *t, const struct session *s)
{
	assert_int_equal(t->r.outcome, REPEAT_SAME);
	assert_memory_equal(t->r.s.rec.nonce, s->rec.nonce, sizeof s->rec.nonce);
	assert_string_equal(t->r.s.sealed.key, USER_ID_KEY);
}

static const char *const both[] = { NULL, KEY };

/* --- what is the same ------------------------------------------------------------------ */

static void a_key_is_16_to_128_plain_characters(void **state)
{
	static char text[130];
	static const struct str bad[] = {
		STR_NONE,
		STR("0123456789abcde"),
		STR("0123456789abcde "),
		STR("0123456789abcde\n"),
		STR("0123456789abcde\0"),
		STR("0123456789abcde/"),
		STR("\"0123456789abcdef\""),
		STR("0123456789abcde\xc3\xa9"),
	};

	(void)state;
	memset(text, 'k', sizeof text);
	for (size_t n = 0; n <= sizeof text; n++)
		assert_int_equal(wx_repeat_key_fits((struct str){ text, n }), n >= 16 && n <= 128);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(wx_repeat_key_fits(bad[i]));
	assert_true(wx_repeat_key_fits(STR("Az09-_.:Az09-_.:")));
}

static void identity_source_and_consent_make_it_another(void **state)
{
	struct identity i = identity_of(PERSON_NAME, PERSON_ID), again = i,
			renamed = identity_of("李四", PERSON_ID),
			other = identity_of(PERSON_NAME, "110105194912310038");
	struct digest d[] = {
		wx_repeat_what(keys, &i, 1, "a"),       wx_repeat_what(keys, &renamed, 1, "a"),
		wx_repeat_what(keys, &other, 1, "a"),   wx_repeat_what(keys, &i, 2, "a"),
		wx_repeat_what(keys, &i, -1, "a"),      wx_repeat_what(keys, &i, 0, "a"),
		wx_repeat_what(keys, &i, 1, "b"),       wx_repeat_what(keys, &i, 1, ""),
		wx_repeat_what(keys, &i, 1, "a terms"),
	};
	struct digest same = wx_repeat_what(keys, &again, 1, "a");

	(void)state;
	assert_true(digest_equal(&d[0], &same));
	for (size_t n = 0; n < ARRAY_LEN(d); n++)
		for (size_t k = 0; k < n; k++)
			assert_false(digest_equal(&d[n], &d[k]));
}

static void the_same_again_gets_the_same_session(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		struct try first = asking(both[i]), again = first;
		assert_int_equal(claim(&first), REPEAT_NEW);
		struct session s = open_session();
		settle(&first, &s);
		for (unsigned n = 0; n < 5; n++) {
			begin_as(n % 2 == 0 ? second : wx, &fake_apps[0], &again);
			run_until(&again.done);
			assert_same(&again, &s);
			session_wipe(&again.r.s);
		}
	}
}

static void another_caller_app_or_content_is_new(void **state)
{
	struct try first = asking(NULL), t;

	(void)state;
	assert_int_equal(claim(&first), REPEAT_NEW);
	struct session s = open_session();
	settle(&first, &s);
	t = asking(NULL);
	t.r.caller = caller_of("oUser-other");
	assert_int_equal(claim(&t), REPEAT_NEW);
	t = asking(NULL);
	t.r.what = what_of("110105194912310038");
	assert_int_equal(claim(&t), REPEAT_NEW);
	t = asking(NULL);
	begin_as(wx, &fake_apps[1], &t);
	run_until(&t.done);
	assert_int_equal(t.r.outcome, REPEAT_NEW);
	t = asking(KEY); /* who sends a key means it */
	assert_int_equal(claim(&t), REPEAT_NEW);
	t = asking(NULL);
	assert_int_equal(claim(&t), REPEAT_SAME);
}

static void a_key_counts_for_its_caller_and_app_only(void **state)
{
	struct try first = asking(KEY), t;

	(void)state;
	assert_int_equal(claim(&first), REPEAT_NEW);
	struct session s = open_session();
	settle(&first, &s);
	t = asking(KEY);
	t.r.caller = caller_of("oUser-other");
	assert_int_equal(claim(&t), REPEAT_NEW);
	t = asking(KEY);
	begin_as(wx, &fake_apps[1], &t);
	run_until(&t.done);
	assert_int_equal(t.r.outcome, REPEAT_NEW);
	t = asking(KEY "1");
	assert_int_equal(claim(&t), REPEAT_NEW);
	t = asking(KEY);
	assert_int_equal(claim(&t), REPEAT_SAME);
}

static void a_key_with_other_content_is_said_to_be_so(void **state)
{
	struct try first = asking(KEY), t;

	(void)state;
	assert_int_equal(claim(&first), REPEAT_NEW);
	t = asking(KEY);
	t.r.what = what_of("110105194912310038");
	assert_int_equal(claim(&t), REPEAT_OTHER); /* while WeChat is asked */
	struct session s = open_session();
	settle(&first, &s);
	assert_int_equal(claim(&t), REPEAT_OTHER); /* and afterwards */
	clock_skew_ms += SESSION_MS;
	assert_int_equal(claim(&t), REPEAT_OTHER); /* and when it is over */
	assert_int_equal(t.r.s.sealed.key[0], '\0');
}

/* --- for how long ------------------------------------------------------------------------ */

static void a_tap_is_the_same_for_ten_seconds_and_a_key_for_the_session(void **state)
{
	static const struct {
		int64_t ms;
		enum repeat_outcome tap, key;
	} rows[] = {
		{ 9900, REPEAT_SAME, REPEAT_SAME },
		{ 10000, REPEAT_NEW, REPEAT_SAME },
		{ SESSION_MS - 100, REPEAT_NEW, REPEAT_SAME },
		{ SESSION_MS, REPEAT_NEW, REPEAT_ENDED },
		{ SESSION_MS + SESSION_LINGER_MS - 100, REPEAT_NEW, REPEAT_ENDED },
		{ SESSION_MS + SESSION_LINGER_MS, REPEAT_NEW, REPEAT_NEW },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (unsigned k = 0; k < 2; k++) {
			struct try first = asking(both[k]), again = first;
			memset(fake_store.values, 0, sizeof fake_store.values);
			assert_int_equal(claim(&first), REPEAT_NEW);
			struct session s = open_session();
			int64_t opened = clock_boot_ms();
			settle(&first, &s);
			int64_t settled = clock_boot_ms();
			bool until = rows[i].ms % 1000 == 0; /* not earlier; else not later */
			clock_skew_ms += (until ? settled : opened) + rows[i].ms - clock_boot_ms();
			assert_int_equal(claim(&again), k == 0 ? rows[i].tap : rows[i].key);
		}
	}
}

/* Ended, in whatever way: a tap begins a new one, a key says that its own is over. */
static void a_session_that_has_ended_is_not_given_again(void **state)
{
	enum { PASSED, FAILED, EXPIRED, GONE, SPOILT, ANOTHERS, WAYS };

	(void)state;
	for (unsigned way = 0; way < WAYS; way++) {
		for (unsigned k = 0; k < 2; k++) {
			struct try first = asking(both[k]), again = first, third = first;
			memset(fake_store.values, 0, sizeof fake_store.values);
			assert_int_equal(claim(&first), REPEAT_NEW);
			struct session s = open_session();
			settle(&first, &s);
			if (way == PASSED || way == FAILED)
				session_move(&s, way == PASSED ? SESSION_PASSED : SESSION_FAILED);
			if (way == EXPIRED)
				s.rec.expires = clock_boot_ms();
			if (way == ANOTHERS)
				s.rec.caller = caller_of("oUser-other");
			write_session(&s);
			for (size_t i = 0; i < ARRAY_LEN(fake_store.values); i++) {
				struct fake_value *v = &fake_store.values[i];
				if (v->kind == STORE_SESSION && way == GONE)
					v->used = false;
				if (v->kind == STORE_SESSION && way == SPOILT)
					v->bytes[100] ^= 1;
			}
			assert_int_equal(claim(&again), k == 0 ? REPEAT_NEW : REPEAT_ENDED);
			assert_int_equal(again.r.s.sealed.key[0], '\0');
			if (k == 1)
				continue;
			struct session other = open_session();
			settle(&again, &other);
			assert_int_equal(claim(&third), REPEAT_SAME);
			assert_same(&third, &other);
		}
	}
}

static void a_session_under_query_is_still_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		struct try first = asking(both[i]), again = first;
		assert_int_equal(claim(&first), REPEAT_NEW);
		struct session s = open_session();
		settle(&first, &s);
		session_move(&s, SESSION_QUERYING);
		s.rec.lease_until = clock_boot_ms() + 5000;
		write_session(&s);
		assert_int_equal(claim(&again), REPEAT_SAME);
	}
}

/* --- while WeChat is asked ------------------------------------------------------------------ */

static void who_comes_meanwhile_waits_for_the_outcome(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		struct try first = asking(both[i]), waiters[20];
		assert_int_equal(claim(&first), REPEAT_NEW);
		for (size_t n = 0; n < ARRAY_LEN(waiters); n++) {
			waiters[n] = asking(both[i]);
			begin_as(n % 2 == 0 ? second : wx, &fake_apps[0], &waiters[n]);
		}
		run_for(120, NULL);
		for (size_t n = 0; n < ARRAY_LEN(waiters); n++)
			assert_false(waiters[n].done);
		struct session s = open_session();
		settle(&first, &s);
		for (size_t n = 0; n < ARRAY_LEN(waiters); n++) {
			run_until(&waiters[n].done);
			assert_same(&waiters[n], &s);
		}
	}
}

static void all_at_once_there_is_one_who_opens(void **state)
{
	static struct try crowd[100];
	unsigned opening = 0, same = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(crowd); i++) {
		crowd[i] = asking(NULL);
		begin_as(i % 2 == 0 ? second : wx, &fake_apps[0], &crowd[i]);
	}
	run_for(100, NULL);
	struct session s = open_session();
	for (size_t i = 0; i < ARRAY_LEN(crowd); i++) {
		if (!crowd[i].done)
			continue;
		assert_int_equal(crowd[i].r.outcome, REPEAT_NEW);
		settle(&crowd[i], &s);
		opening++;
	}
	assert_int_equal(opening, 1);
	for (size_t i = 0; i < ARRAY_LEN(crowd); i++) {
		run_until(&crowd[i].done);
		same += crowd[i].r.outcome == REPEAT_SAME;
	}
	assert_int_equal(same, ARRAY_LEN(crowd) - 1);
}

static void where_nothing_was_opened_the_next_one_tries(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		struct try first = asking(both[i]), waiters[2] = { first, first };
		unsigned opening = 0;
		assert_int_equal(claim(&first), REPEAT_NEW);
		for (size_t n = 0; n < ARRAY_LEN(waiters); n++)
			begin(&waiters[n]);
		run_for(60, NULL);
		settle(&first, NULL);
		run_for(150, NULL);
		for (size_t n = 0; n < ARRAY_LEN(waiters); n++) {
			if (!waiters[n].done)
				continue;
			assert_int_equal(waiters[n].r.outcome, REPEAT_NEW);
			settle(&waiters[n], NULL);
			opening++;
		}
		assert_int_equal(opening, 1); /* one, and the other waits again */
		for (size_t n = 0; n < ARRAY_LEN(waiters); n++)
			if (!waiters[n].done) {
				run_until(&waiters[n].done);
				assert_int_equal(waiters[n].r.outcome, REPEAT_NEW);
				settle(&waiters[n], NULL);
			}
		assert_int_equal(count_values(STORE_ONCE), 0);
	}
}

static void a_claim_whose_maker_died_is_taken_over(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		struct try dead = asking(both[i]), waiter = dead, third = dead;
		int64_t before = clock_boot_ms();
		assert_int_equal(claim(&dead), REPEAT_NEW);
		int64_t after = clock_boot_ms();
		clock_skew_ms += before + LEASE_MS - 1000 - clock_boot_ms();
		begin(&waiter);
		run_for(120, NULL);
		assert_false(waiter.done); /* the lease still has a second */
		clock_skew_ms += after + LEASE_MS - clock_boot_ms();
		run_until(&waiter.done);
		assert_int_equal(waiter.r.outcome, REPEAT_NEW);
		struct session s = open_session(), late = open_session();
		settle(&waiter, &s);
		/* It was only slow: what it has opened is not the one that others get. */
		settle(&dead, &late);
		settle(&dead, NULL);
		assert_int_equal(claim(&third), REPEAT_SAME);
		assert_same(&third, &s);
	}
}

static void who_has_waited_long_enough_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		struct try first = asking(both[i]), waiter = first;
		assert_int_equal(claim(&first), REPEAT_NEW);
		begin(&waiter);
		run_for(60, NULL);
		clock_skew_ms += PATIENCE_MS - 1000;
		run_for(120, NULL);
		assert_false(waiter.done);
		clock_skew_ms += 1000;
		run_for(1000, &waiter.done); /* it looks every 50 ms */
		assert_true(waiter.done);
		assert_int_equal(waiter.r.outcome, REPEAT_ASKING);
		struct session s = open_session();
		settle(&first, &s);
		assert_int_equal(claim(&waiter), REPEAT_SAME);
	}
}

/* --- the store ---------------------------------------------------------------------------------
 */

static unsigned fail_at, steps; /* the n-th operation fails */
static enum err fail_with;

static enum err fail_one(enum verb verb, struct store_op *op)
{
	(void)verb, (void)op;
	return steps++ == fail_at ? fail_with : OK;
}

static void fail_in(bool after)
{
	steps = 0;
	fake_store.meddle = after ? NULL : fail_one;
	fake_store.after = after ? fail_one : NULL;
}

static void fail_no_more(void)
{
	fake_store.meddle = fake_store.after = NULL;
}

static void when_the_store_is_away_nothing_is_opened(void **state)
{
	static const enum err errors[] = { ERR_BUSY, ERR_FULL, ERR_SYSTEM };
	unsigned away = 0;

	(void)state;
	for (size_t e = 0; e < 2 * ARRAY_LEN(errors); e++) {
		for (fail_at = 0; fail_at < 2; fail_at++, away += 2) {
			struct try first = asking(KEY), again = first;
			memset(fake_store.values, 0, sizeof fake_store.values);
			fail_with = errors[e / 2];
			fail_in(e % 2 == 1);
			assert_int_equal(claim(&first), REPEAT_AWAY); /* read, claim */
			assert_int_equal(first.r.err, errors[e / 2]);
			fail_no_more();
			/* A claim that was made and not known of runs out. */
			clock_skew_ms += LEASE_MS;
			assert_int_equal(claim(&first), REPEAT_NEW);
			struct session s = open_session();
			settle(&first, &s);
			fail_in(e % 2 == 1);
			assert_int_equal(claim(&again), REPEAT_AWAY); /* read, look */
			assert_int_equal(again.r.err, errors[e / 2]);
			assert_int_equal(again.r.s.sealed.key[0], '\0');
			fail_no_more();
			assert_int_equal(claim(&again), REPEAT_SAME);
		}
	}
	assert_int_equal(away, 24);
}

static void a_claim_that_was_made_by_another_in_between_is_read(void **state)
{
	struct try first = asking(KEY), waiter = first;

	(void)state;
	assert_int_equal(claim(&first), REPEAT_NEW);
	settle(&first, NULL);
	fail_at = 1;
	fail_with = ERR_CONFLICT;
	fail_in(false);
	assert_int_equal(claim(&waiter), REPEAT_NEW); /* and found none: theirs was given up */
	assert_int_equal(steps, 4);
	fail_no_more();
}

static void a_claim_that_cannot_be_settled_runs_out(void **state)
{
	static const enum err errors[] = { ERR_BUSY, ERR_FULL, ERR_SYSTEM, ERR_CONFLICT };

	(void)state;
	for (size_t e = 0; e < ARRAY_LEN(errors); e++) {
		for (unsigned opened = 0; opened < 2; opened++) {
			struct try first = asking(KEY), again = first;
			memset(fake_store.values, 0, sizeof fake_store.values);
			assert_int_equal(claim(&first), REPEAT_NEW);
			struct session s = open_session();
			fail_at = 0;
			fail_with = errors[e];
			fail_in(false);
			settle(&first, opened == 1 ? &s : NULL);
			assert_int_equal(steps, 1);
			fail_no_more();
			clock_skew_ms += LEASE_MS - 200;
			begin(&again);
			run_for(80, NULL);
			assert_false(again.done);
			clock_skew_ms += 200;
			run_until(&again.done);
			assert_int_equal(again.r.outcome, REPEAT_NEW);
		}
	}
}

static void what_cannot_be_a_claim_is_none(void **state)
{
	unsigned tried = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		for (unsigned len = 0; len <= 81; len++, tried++) {
			struct try first = asking(both[i]), again = first;
			memset(fake_store.values, 0, sizeof fake_store.values);
			assert_int_equal(claim(&first), REPEAT_NEW);
			struct fake_value *v = find_value(STORE_ONCE, &first.r.claim_key);
			assert_int_equal(v->len, 80);
			if (len == 80)
				v->bytes[0]++; /* another layout */
			v->len = len;
			assert_int_equal(claim(&again), REPEAT_AWAY);
			assert_int_equal(again.r.err, ERR_SYSTEM);
		}
	}
	assert_int_equal(tried, 164);
}

static void the_store_knows_neither_key_nor_identity(void **state)
{
	struct try t = asking(KEY);

	(void)state;
	assert_int_equal(claim(&t), REPEAT_NEW);
	struct session s = open_session();
	settle(&t, &s);
	for (size_t i = 0; i < ARRAY_LEN(fake_store.values); i++) {
		const struct fake_value *v = &fake_store.values[i];
		assert_null(memmem(v, sizeof *v, KEY, 9));
		assert_null(memmem(v, sizeof *v, PERSON_ID, 9));
		assert_null(memmem(v, sizeof *v, USER_OPENID, 8));
	}
	assert_int_equal(count_values(STORE_ONCE), 1);
}

#define BOTH(test)                                               \
	cmocka_unit_test_setup_teardown(test, start_done, stop), \
		cmocka_unit_test_setup_teardown(test, start_wait, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(a_key_is_16_to_128_plain_characters),
		BOTH(identity_source_and_consent_make_it_another),
		BOTH(the_same_again_gets_the_same_session),
		BOTH(another_caller_app_or_content_is_new),
		BOTH(a_key_counts_for_its_caller_and_app_only),
		BOTH(a_key_with_other_content_is_said_to_be_so),
		BOTH(a_tap_is_the_same_for_ten_seconds_and_a_key_for_the_session),
		BOTH(a_session_that_has_ended_is_not_given_again),
		BOTH(a_session_under_query_is_still_the_same),
		BOTH(who_comes_meanwhile_waits_for_the_outcome),
		BOTH(all_at_once_there_is_one_who_opens),
		BOTH(where_nothing_was_opened_the_next_one_tries),
		BOTH(a_claim_whose_maker_died_is_taken_over),
		BOTH(who_has_waited_long_enough_is_told),
		BOTH(when_the_store_is_away_nothing_is_opened),
		BOTH(a_claim_that_was_made_by_another_in_between_is_read),
		BOTH(a_claim_that_cannot_be_settled_runs_out),
		BOTH(what_cannot_be_a_claim_is_none),
		BOTH(the_store_knows_neither_key_nor_identity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
