/* Tests of the access token: one fetch, leases, refused tokens, back-off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_net.h"
#include "token.h"

struct ask {
	struct token_get get;
	bool done;
};

static struct token *tokens[4]; /* keepers of four workers */

static int start_done(void **state)
{
	(void)state;
	fake_start(false);
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++)
		tokens[i] = token_create(wx, &fake_apps[0]);
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
	run_for(20, NULL);
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++)
		token_destroy(tokens[i]);
	fake_stop();
	return 0;
}

static void on_token(struct token_get *g)
{
	struct ask *a = container_of(g, struct ask, get);

	assert_false(a->done);
	a->done = true;
	loop_stop(loop);
}

static void ask(unsigned worker, struct ask *a)
{
	a->done = false;
	a->get.deadline = clock_boot_ms() + 8000;
	if (token_get(tokens[worker], &a->get, on_token) == DONE)
		on_token(&a->get);
}

/* Asks and waits; the error. */
static enum err ask_now(unsigned worker, struct ask *a)
{
	ask(worker, a);
	run_until(&a->done);
	return a->get.err;
}

/* WeChat refused the one it has. */
static enum err ask_another(unsigned worker, struct ask *a)
{
	a->get.another = true;
	enum err err = ask_now(worker, a);
	a->get.another = false;
	return err;
}

static void one_fetch_serves_everybody(void **state)
{
	static struct ask asks[400];

	(void)state;
	memset(asks, 0, sizeof asks);
	fake_net.hold = true;
	for (unsigned i = 0; i < ARRAY_LEN(asks); i++)
		ask(i % 4, &asks[i]);
	run_for(100, NULL);
	assert_int_equal(fake_net.calls[STABLE_TOKEN], 1);
	fake_net.hold = false;
	release_held();
	for (unsigned i = 0; i < ARRAY_LEN(asks); i++) {
		run_until(&asks[i].done);
		assert_int_equal(asks[i].get.err, OK);
		assert_string_equal(asks[i].get.value, "TOKEN-1");
		token_get_finish(&asks[i].get);
		assert_int_equal(asks[i].get.value[0], '\0');
	}
	assert_int_equal(fake_net.calls[STABLE_TOKEN], 1);
	assert_int_equal(fake_net.most_in_flight, 1);
}

struct bystander {
	struct task task;
	bool done;
};

static void on_bystander(struct task *task)
{
	container_of(task, struct bystander, task)->done = true;
}

/* Waking the keeper a second time must not lose what others have put off meanwhile. */
static void nobody_elses_task_gets_lost(void **state)
{
	struct ask first = { .done = false }, second = { .done = false };
	struct bystander others[3] = { { .done = false } };

	(void)state;
	loop_defer(loop, &others[0].task, on_bystander);
	ask(0, &first);
	loop_defer(loop, &others[1].task, on_bystander);
	ask(0, &second);
	loop_defer(loop, &others[2].task, on_bystander);
	run_until(&first.done);
	run_until(&second.done);
	assert_true(others[0].done && others[1].done && others[2].done);
}

static void what_is_asked_for_is_stable_token_and_not_by_force(void **state)
{
	struct ask a = { .done = false };

	(void)state;
	assert_int_equal(ask_now(0, &a), OK);
	assert_string_equal(fake_net.last_url, "https://wechat.test/cgi-bin/stable_token");
	assert_string_equal(
		fake_net.last_body,
		"{\"grant_type\":\"client_credential\",\"appid\":\"wx0000000000000001\","
		"\"secret\":\"sandbox-secret-0001\"}");
}

static void the_store_never_holds_the_token_itself(void **state)
{
	struct ask a = { .done = false };
	unsigned seen = 0;

	(void)state;
	assert_int_equal(ask_now(0, &a), OK);
	for (size_t i = 0; i < ARRAY_LEN(fake_store.values); i++) {
		const struct fake_value *v = &fake_store.values[i];
		assert_null(memmem(v->bytes, sizeof v->bytes, "TOKEN-1", 7));
		seen += v->used;
	}
	assert_int_equal(seen, 1);
}

/* T32 */
static void a_dead_lease_holder_is_taken_over(void **state)
{
	struct ask dead = { .done = false }, alive = { .done = false };

	(void)state;
	fake_net.hold = true; /* WeChat never answers the first, and its worker is killed: */
	ask(0, &dead);
	run_for(30, NULL);
	assert_int_equal(fake_net.calls[STABLE_TOKEN], 1);
	list_remove(&dead.get.link);
	token_destroy(tokens[0]);
	tokens[0] = NULL;
	fake_net.hold = false;
	ask(1, &alive);
	run_for(200, NULL);
	assert_false(alive.done);
	assert_int_equal(fake_net.calls[STABLE_TOKEN], 1);
	clock_skew_ms += 2001;
	run_until(&alive.done);
	assert_int_equal(alive.get.err, OK);
	assert_int_equal(fake_net.calls[STABLE_TOKEN], 2);
	release_held();
	run_for(5, NULL);
}

/* A fetch that lasts keeps its lease. */
static void a_slow_fetch_is_not_overtaken(void **state)
{
	struct ask slow = { .done = false }, other = { .done = false };

	(void)state;
	fake_net.hold = true;
	ask(0, &slow);
	run_for(20, NULL);
	for (int i = 0; i < 2; i++) {
		run_for(1100, NULL); /* real time: the renewal's timer is real */
		if (i == 0)
			ask(1, &other);
	}
	assert_int_equal(fake_net.calls[STABLE_TOKEN], 1);
	fake_net.hold = false;
	release_held();
	run_until(&slow.done);
	run_until(&other.done);
	assert_int_equal(other.get.err, OK);
	assert_int_equal(fake_net.calls[STABLE_TOKEN], 1);
}

static void an_ageing_token_is_handed_out_while_one_fetches(void **state)
{
	struct ask a = { .done = false };

	(void)state;
	assert_int_equal(ask_now(0, &a), OK);
	clock_skew_ms += 7200000 - 200000; /* 200 s left */
	answer_next(STABLE_TOKEN, OK, 0, TOKEN_ANSWER("TOKEN-2"));
	fake_net.hold = true;
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(ask_now(i, &a), OK);
		assert_string_equal(a.get.value, "TOKEN-1");
	}
	fake_net.hold = false;
	run_for(20, NULL);
	release_held();
	run_for(50, NULL);
	assert_int_equal(fake_net.calls[STABLE_TOKEN], 2);
	assert_int_equal(ask_now(3, &a), OK);
	assert_string_equal(a.get.value, "TOKEN-2");
}

/* WeChat gives the old one until its last five minutes: not asked again at once. */
static void the_same_ageing_token_is_not_asked_for_over_and_over(void **state)
{
	struct ask a = { .done = false };

	(void)state;
	fake_net.by_default[STABLE_TOKEN] = "{\"access_token\":\"OLD\",\"expires_in\":299}";
	assert_int_equal(ask_now(0, &a), OK);
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(ask_now(i % 4, &a), OK);
		run_for(2, NULL);
	}
	assert_int_equal(fake_net.calls[STABLE_TOKEN], 1);
	clock_skew_ms += 30001;
	assert_int_equal(ask_now(0, &a), OK);
	run_for(50, NULL);
	assert_int_equal(fake_net.calls[STABLE_TOKEN], 2);
}

static void an_old_token_serves_while_a_new_one_cannot_be_had(void **state)
{
	struct ask a = { .done = false };

	(void)state;
	assert_int_equal(ask_now(0, &a), OK);
	clock_skew_ms += 7200000 - 200000;
	fake_net.by_default[STABLE_TOKEN] = "{\"errcode\":-1,\"errmsg\":\"busy\"}";
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(ask_now(i % 4, &a), OK);
		assert_string_equal(a.get.value, "TOKEN-1");
		run_for(2, NULL);
	}
	assert_int_equal(fake_net.calls[STABLE_TOKEN], 2); /* and then the back-off */
	clock_skew_ms += 200000;
	run_for(20, NULL);
	assert_int_equal(ask_now(0, &a), ERR_REFUSED);
	assert_int_equal(a.get.errcode, -1);
}

/* T30 */
static void a_refused_token_is_dropped_if_it_is_still_the_same(void **state)
{
	static struct ask asks[4];

	(void)state;
	memset(asks, 0, sizeof asks);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(ask_now(i, &asks[i]), OK);
	answer_next(STABLE_TOKEN, OK, 0, TOKEN_ANSWER("TOKEN-2"));
	/* All four had TOKEN-1 refused; the first gets another, the rest find that. */
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(ask_another(i, &asks[i]), OK);
		assert_string_equal(asks[i].get.value, "TOKEN-2");
	}
	assert_int_equal(fake_net.calls[STABLE_TOKEN], 2);
	assert_int_equal(fake_net.forced, 0);
}

static void all_at_once_with_a_refused_token_make_one_fetch(void **state)
{
	static struct ask asks[200];

	(void)state;
	memset(asks, 0, sizeof asks);
	for (unsigned i = 0; i < ARRAY_LEN(asks); i++)
		assert_int_equal(ask_now(i % 4, &asks[i]), OK);
	answer_next(STABLE_TOKEN, OK, 0, TOKEN_ANSWER("TOKEN-2"));
	for (unsigned i = 0; i < ARRAY_LEN(asks); i++) {
		asks[i].get.another = true;
		ask(i % 4, &asks[i]);
	}
	for (unsigned i = 0; i < ARRAY_LEN(asks); i++) {
		run_until(&asks[i].done);
		assert_int_equal(asks[i].get.err, OK);
		assert_string_equal(asks[i].get.value, "TOKEN-2");
	}
	assert_int_equal(fake_net.calls[STABLE_TOKEN], 2);
}

static void the_same_token_again_is_refreshed_by_force_once(void **state)
{
	struct ask a = { .done = false };

	(void)state;
	assert_int_equal(ask_now(0, &a), OK);
	answer_next(STABLE_TOKEN, OK, 0, TOKEN_ANSWER("TOKEN-1"));
	answer_next(STABLE_TOKEN, OK, 0, TOKEN_ANSWER("TOKEN-2"));
	assert_int_equal(ask_another(0, &a), OK);
	assert_string_equal(a.get.value, "TOKEN-2");
	assert_int_equal(fake_net.calls[STABLE_TOKEN], 3);
	assert_int_equal(fake_net.forced, 1);
}

static void force_is_used_once_in_thirty_seconds_and_twenty_times_a_day(void **state)
{
	struct ask a = { .done = false };
	int64_t began = clock_boot_ms();
	char text[100];

	(void)state;
	for (unsigned i = 0; clock_boot_ms() - began < 86000000; i++) {
		/* WeChat gives a token, refuses it, and gives the same again, unless forced. */
		snprintf(text, sizeof text, "{\"access_token\":\"T%u\",\"expires_in\":7200}",
			 fake_net.forced);
		fake_net.by_default[STABLE_TOKEN] = text;
		enum err err = ask_now(i % 4, &a);
		if (err == OK) {
			unsigned forced = fake_net.forced;
			ask_another(i % 4, &a);
			assert_true(fake_net.forced <= forced + 1);
		}
		run_for(2, NULL);
		assert_true(fake_net.forced <= 20);
		clock_skew_ms += i < 100 ? 1000 : 400000;
	}
	assert_int_equal(fake_net.forced, 20);
	clock_skew_ms += 86400000;
	for (unsigned i = 0; i < 3; i++) {
		ask_now(0, &a);
		ask_another(0, &a);
		clock_skew_ms += 61000;
	}
	assert_true(fake_net.forced > 20);
}

/*
 * The token is good, and one place at WeChat says 40001 all the same: twice at once, then
 * every 31 s for a day.  Requests go on, with few fetches.
 */
static void a_good_token_that_is_refused_stays_in_use(void **state)
{
	struct ask a = { .done = false };

	(void)state;
	assert_int_equal(ask_now(0, &a), OK);
	answer_next(STABLE_TOKEN, OK, 0, TOKEN_ANSWER("TOKEN-1"));
	fake_net.by_default[STABLE_TOKEN] = TOKEN_ANSWER("TOKEN-2");
	assert_int_equal(ask_another(0, &a), OK);
	assert_string_equal(a.get.value, "TOKEN-2");
	assert_int_equal(fake_net.forced, 1);
	unsigned calls = fake_net.calls[STABLE_TOKEN];
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(ask_another(i % 4, &a), OK);
		assert_string_equal(a.get.value, "TOKEN-2");
		assert_int_equal(ask_now(i % 4, &a), OK);
	}
	assert_int_equal(fake_net.forced, 1);
	assert_int_equal(fake_net.calls[STABLE_TOKEN], calls + 1);

	for (unsigned seconds = 0; seconds < 86400; seconds += 31) {
		clock_skew_ms += 31000;
		assert_int_equal(ask_now(seconds % 4, &a), OK);
		assert_int_equal(ask_another(seconds % 4, &a), OK);
		assert_string_equal(a.get.value, "TOKEN-2");
	}
	assert_in_range(fake_net.forced, 20, 40); /* the day begins with the first */
	assert_true(fake_net.calls[STABLE_TOKEN] < 2 * 86400 / 31 + 100);
}

/* T31: ten minutes of requests, four workers, and a secret that is wrong. */
static void storm(const char *answer, enum err transport)
{
	struct ask a = { .done = false };
	int64_t began = clock_boot_ms();
	unsigned asked = 0;

	fake_net.by_default[STABLE_TOKEN] = answer;
	while (clock_boot_ms() - began < 600000) {
		if (transport != OK && fake_net.queued[STABLE_TOKEN] < 32)
			answer_next(STABLE_TOKEN, transport, 0, "");
		assert_int_not_equal(ask_now(asked++ % 4, &a), OK);
		clock_skew_ms += 500;
	}
	assert_true(asked > 1000);
	if (fake_net.calls[STABLE_TOKEN] > 20)
		print_error("%s: %u calls\n", answer, fake_net.calls[STABLE_TOKEN]);
	assert_true(fake_net.calls[STABLE_TOKEN] <= 20);
	assert_true(fake_net.calls[STABLE_TOKEN] >= 10);
	assert_int_equal(fake_net.forced, 0);
}

static void a_wrong_secret_is_no_hot_loop(void **state)
{
	(void)state;
	storm("{\"errcode\":40125,\"errmsg\":\"invalid appsecret\"}", OK);
}

static void nor_is_40001_where_a_token_is_asked_for(void **state)
{
	(void)state;
	storm("{\"errcode\":40001,\"errmsg\":\"invalid credential\"}", OK);
}

static void nor_is_an_answer_without_a_token(void **state)
{
	(void)state;
	storm("<html>", OK);
}

static void nor_is_a_token_that_is_over_before_it_arrives(void **state)
{
	(void)state;
	storm("{\"access_token\":\"T\",\"expires_in\":10}", OK);
}

static void nor_is_no_answer_at_all(void **state)
{
	(void)state;
	storm("", ERR_CONNECT);
}

static void only_a_whole_answer_is_taken(void **state)
{
	static const char *const bad[] = {
		"{\"access_token\":\"T\"}",
		"{\"access_token\":\"T\",\"expires_in\":0}",
		"{\"access_token\":\"T\",\"expires_in\":-1}",
		"{\"access_token\":\"T\",\"expires_in\":4294967296}",
		"{\"access_token\":\"T\",\"expires_in\":\"7200\"}",
		"{\"access_token\":\"T\",\"expires_in\":7200.0}",
		"{\"access_token\":\"T\",\"expires_in\":null}",
		"{\"access_token\":\"\",\"expires_in\":7200}",
		"{\"access_token\":1,\"expires_in\":7200}",
		"{\"access_token\":\"a b\",\"expires_in\":7200}",
		"{\"access_token\":\"a&appid=x\",\"expires_in\":7200}",
		"{\"access_token\":\"a\\r\\nX: y\",\"expires_in\":7200}",
		"{\"access_token\":\"T\",\"expires_in\":7200,\"errcode\":40013}",
		"{\"access_token\":\"T\",\"expires_in\":7200,\"errcode\":\"0\"}",
		"{\"access_token\":\"T\",\"access_token\":\"U\",\"expires_in\":7200}",
		"{\"expires_in\":7200}",
		"{}",
		"[]",
		"null",
		"",
		"{\"access_token\":\"T\",\"expires_in\":7200",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct ask a = { .done = false };
		unsigned before = fake_net.calls[STABLE_TOKEN];
		answer_next(STABLE_TOKEN, OK, 0, bad[i]);
		if (ask_now(0, &a) != ERR_REFUSED)
			print_error("%s\n", bad[i]);
		assert_int_equal(a.get.err, ERR_REFUSED);
		assert_int_equal(fake_net.calls[STABLE_TOKEN], before + 1);
		clock_skew_ms += 61000;
	}
	struct ask a = { .done = false };
	assert_int_equal(ask_now(0, &a), OK);
}

static void http_errors_are_no_answer(void **state)
{
	static const int statuses[] = { 204, 301, 400, 404, 429, 500, 502, 503 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		struct ask a = { .done = false };
		answer_next(STABLE_TOKEN, OK, statuses[i], TOKEN_ANSWER("WRONG"));
		assert_int_equal(ask_now(0, &a), ERR_REFUSED);
		assert_int_equal(a.get.errcode, 0);
		clock_skew_ms += 61000;
	}
}

static void the_longest_token_fits_and_a_longer_one_is_refused(void **state)
{
	static char text[TOKEN_MAX + 100], value[TOKEN_MAX + 2];

	(void)state;
	for (unsigned len = TOKEN_MAX; len <= TOKEN_MAX + 1; len++) {
		struct ask a = { .done = false };
		memset(value, 'T', len);
		value[len] = '\0';
		snprintf(text, sizeof text, "{\"access_token\":\"%s\",\"expires_in\":7200}", value);
		answer_next(STABLE_TOKEN, OK, 0, text);
		assert_int_equal(ask_now(0, &a), len == TOKEN_MAX ? OK : ERR_REFUSED);
		if (len == TOKEN_MAX)
			assert_string_equal(a.get.value, value);
		clock_skew_ms += 8000000;
	}
}

static enum err refuse_all(enum verb verb, struct store_op *op)
{
	(void)verb, (void)op;
	return ERR_BUSY;
}

static void without_the_store_there_is_no_call(void **state)
{
	struct ask a = { .done = false };

	(void)state;
	fake_store.meddle = refuse_all;
	assert_int_equal(ask_now(0, &a), ERR_BUSY);
	assert_int_equal(fake_net.calls[STABLE_TOKEN], 0);
	fake_store.meddle = NULL;
	assert_int_equal(ask_now(0, &a), OK);
}

static unsigned fail_at;
static enum err fail_with;

static enum err fail_one(enum verb verb, struct store_op *op)
{
	(void)verb, (void)op;
	return fake_store.ops - 1 == fail_at ? fail_with : OK;
}

/* Whatever step the store fails at, the next one who asks gets a token. */
static void one_failure_of_the_store_is_no_lasting_harm(void **state)
{
	static const enum err errors[] = { ERR_BUSY, ERR_FULL, ERR_CONFLICT };
	unsigned tried = 0;

	(void)state;
	for (size_t e = 0; e < ARRAY_LEN(errors); e++) {
		for (fail_at = 0; fail_at < 6; fail_at++) {
			struct ask a = { .done = false };
			memset(fake_store.values, 0, sizeof fake_store.values);
			fake_store.ops = 0;
			fail_with = errors[e];
			fake_store.meddle = fail_one;
			ask_now(0, &a);
			fake_store.meddle = NULL;
			clock_skew_ms += 2001; /* a lease left behind */
			assert_int_equal(ask_now(1, &a), OK);
			tried++;
		}
	}
	assert_int_equal(tried, 18);
}

static void who_waits_too_long_is_told(void **state)
{
	struct ask a = { .done = false }, b = { .done = false };

	(void)state;
	fake_net.hold = true;
	ask(0, &a);
	run_for(20, NULL);
	a.get.deadline = clock_boot_ms() + 10;
	b.get.deadline = 0;
	run_until(&a.done);
	assert_int_equal(a.get.err, ERR_TIMEOUT);
	fake_net.hold = false;
	release_held();
	run_for(20, NULL);
	assert_int_equal(ask_now(0, &b), OK);
	assert_int_equal(fake_net.calls[STABLE_TOKEN], 1);
}

/* A worker that stops while its first token is on its way. */
static void those_who_wait_are_told_when_it_all_ends(void **state)
{
	struct ask a = { .done = false };

	(void)state;
	fake_net.hold = true;
	ask(0, &a);
	run_for(20, NULL);
	token_destroy(tokens[0]);
	tokens[0] = NULL;
	assert_true(a.done);
	assert_int_not_equal(a.get.err, OK);
	release_held();
	run_for(5, NULL);
}

static void a_keeper_that_was_only_woken_can_end_too(void **state)
{
	struct ask a = { .done = false };

	(void)state;
	assert_int_equal(ask_now(0, &a), OK);
	clock_skew_ms += 7200000 - 200000;
	ask(0, &a); /* has it at once, and wakes the keeper */
	if (fake_store.wait)
		run_until(&a.done);
	assert_int_equal(a.get.err, OK);
	token_destroy(tokens[0]);
	tokens[0] = NULL;
	run_for(5, NULL);
}

#define BOTH(test)                                               \
	cmocka_unit_test_setup_teardown(test, start_done, stop), \
		cmocka_unit_test_setup_teardown(test, start_wait, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(one_fetch_serves_everybody),
		BOTH(nobody_elses_task_gets_lost),
		BOTH(what_is_asked_for_is_stable_token_and_not_by_force),
		BOTH(the_store_never_holds_the_token_itself),
		BOTH(a_dead_lease_holder_is_taken_over),
		cmocka_unit_test_setup_teardown(a_slow_fetch_is_not_overtaken, start_done, stop),
		BOTH(an_ageing_token_is_handed_out_while_one_fetches),
		BOTH(the_same_ageing_token_is_not_asked_for_over_and_over),
		BOTH(an_old_token_serves_while_a_new_one_cannot_be_had),
		BOTH(a_refused_token_is_dropped_if_it_is_still_the_same),
		BOTH(all_at_once_with_a_refused_token_make_one_fetch),
		BOTH(the_same_token_again_is_refreshed_by_force_once),
		BOTH(force_is_used_once_in_thirty_seconds_and_twenty_times_a_day),
		BOTH(a_good_token_that_is_refused_stays_in_use),
		BOTH(a_wrong_secret_is_no_hot_loop),
		BOTH(nor_is_40001_where_a_token_is_asked_for),
		BOTH(nor_is_an_answer_without_a_token),
		BOTH(nor_is_a_token_that_is_over_before_it_arrives),
		BOTH(nor_is_no_answer_at_all),
		BOTH(only_a_whole_answer_is_taken),
		BOTH(http_errors_are_no_answer),
		BOTH(the_longest_token_fits_and_a_longer_one_is_refused),
		BOTH(without_the_store_there_is_no_call),
		BOTH(one_failure_of_the_store_is_no_lasting_harm),
		BOTH(who_waits_too_long_is_told),
		BOTH(those_who_wait_are_told_when_it_all_ends),
		BOTH(a_keeper_that_was_only_woken_can_end_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
