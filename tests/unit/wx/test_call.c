/* Tests of one call with a token: how many of an app's are under way, and that none is lost count
 * of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "call.h"
#include "fake_net.h"

#define FINE "{\"errcode\":0,\"errmsg\":\"ok\"}"

static int start_done(void **state)
{
	(void)state;
	fake_start(false);
	fake_conf.breaker.failures = 0;
	fake_net.by_default[OPEN_1] = fake_net.by_default[QUERY_1] = FINE;
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
	fake_stop();
	return 0;
}

struct
try {
	struct wx_call call;
	struct arena arena;
	bool done;
};

static void on_call(struct wx_call *c)
{
	struct try *t = container_of(c, struct try, call);

	assert_false(t->done);
	t->done = true;
	loop_stop(loop);
}

static void start(struct wx *worker, struct try *t, unsigned app, bool query)
{
	arena_init(&t->arena, 65536);
	t->done = false;
	wx_call_begin(worker, &t->call, &t->arena, &fake_apps[app],
		      query ? "/getinfo" : "/getuseridkey");
	t->call.repeatable = query;
	wx_call_start(&t->call, on_call);
	assert_false(t->done);
}

static void finish(struct try *t)
{
	run_until(&t->done);
	wx_call_finish(&t->call);
	arena_finish(&t->arena);
}

static enum err call_now(bool query)
{
	struct try t;

	start(wx, &t, 0, query);
	finish(&t);
	return t.call.err;
}

/* So many calls of an app at the same time; how many were let through. */
static unsigned crowd(struct wx *worker, unsigned app, unsigned n)
{
	static struct try tries[64];
	unsigned before = fake_net.calls[OPEN_1], through = 0;
	bool held[64];

	assert_true(n <= ARRAY_LEN(tries));
	fake_net.hold = true;
	for (unsigned i = 0; i < n; i++)
		start(worker, &tries[i], app, false);
	run_for(30, NULL);
	for (unsigned i = 0; i < n; i++) {
		held[i] = !tries[i].done;
		through += held[i];
		if (held[i])
			continue;
		assert_int_equal(tries[i].call.err, ERR_BUSY);
		assert_int_equal(tries[i].call.class, CLASS_RETRY);
		assert_string_equal(tries[i].call.word, "app_in_flight");
		assert_false(tries[i].call.sent);
	}
	assert_int_equal(fake_net.calls[OPEN_1], before + through);
	fake_net.hold = false;
	release_held();
	for (unsigned i = 0; i < n; i++) {
		finish(&tries[i]);
		assert_int_equal(tries[i].call.err, held[i] ? OK : ERR_BUSY);
	}
	return through;
}

/* With a token there already: otherwise its fetch would be held back, too. */
static void fetch_tokens(void)
{
	struct try t;

	for (unsigned app = 0; app < 2; app++) {
		start(wx, &t, app, false);
		finish(&t);
	}
	fake_net.most_in_flight = 0;
}

static void no_more_calls_of_an_app_than_it_may_have(void **state)
{
	(void)state;
	fetch_tokens();
	fake_apps[0].in_flight = 3;
	for (unsigned round = 0; round < 10; round++) {
		assert_int_equal(crowd(wx, 0, 20), 3);
		assert_int_equal(fake_net.most_in_flight, 3);
	}
	fake_apps[0].in_flight = 7; /* another number is another limit */
	assert_int_equal(crowd(wx, 0, 20), 7);
	fake_apps[0].in_flight = 1;
	assert_int_equal(crowd(wx, 0, 20), 1);
	assert_int_equal(crowd(wx, 0, 1), 1);
}

static void zero_is_no_limit(void **state)
{
	(void)state;
	fetch_tokens();
	assert_int_equal(crowd(wx, 0, 64), 64);
}

static void one_apps_limit_is_none_of_another_app_or_worker(void **state)
{
	struct wx *second = another_worker();
	struct try held[2];

	(void)state;
	fetch_tokens();
	fake_apps[0].in_flight = 2;
	fake_net.hold = true;
	start(wx, &held[0], 0, false);
	start(wx, &held[1], 0, false);
	run_for(20, NULL);
	fake_net.hold = false;
	assert_int_equal(call_now(false), ERR_BUSY);
	struct try t;
	start(wx, &t, 1, false);
	finish(&t);
	assert_int_equal(t.call.err, OK);
	start(second, &t, 0, false);
	finish(&t);
	assert_int_equal(t.call.err, OK);
	release_held();
	finish(&held[0]);
	finish(&held[1]);
	wx_destroy(second);
}

/* However a call ends, it has ended: the next one finds its place. */
static void after_whatever_end_there_is_room_again(void **state)
{
	static const struct {
		enum err err;
		int status;
		const char *text;
	} rows[] = {
		{ OK, 200, FINE },        { OK, 200, "<html>" },
		{ OK, 200, "" },          { OK, 200, "{\"errcode\":84001}" },
		{ OK, 500, FINE },        { OK, 404, FINE },
		{ ERR_CONNECT, 0, "" },   { ERR_TLS, 0, "" },
		{ ERR_TIMEOUT, 0, "" },   { ERR_LOST, 0, "" },
		{ ERR_TOO_LARGE, 0, "" }, { ERR_SYNTAX, 0, "" },
	};

	(void)state;
	fetch_tokens();
	fake_apps[0].in_flight = 1;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (unsigned query = 0; query < 2; query++) {
			enum path path = query == 1 ? QUERY_1 : OPEN_1;
			fake_net.queued[path] = fake_net.taken[path] = 0;
			answer_next(path, rows[i].err, rows[i].status, rows[i].text);
			call_now(query == 1);
			assert_int_equal(call_now(false), OK);
			assert_int_equal(crowd(wx, 0, 3), 1);
		}
	}
	assert_int_equal(fake_net.most_in_flight, 1);
}

/* A query that is asked again, and a call with a second token, hold one place and not two. */
static void a_second_try_takes_no_second_place(void **state)
{
	(void)state;
	fetch_tokens();
	fake_apps[0].in_flight = 1;
	answer_next(QUERY_1, ERR_LOST, 0, "");
	assert_int_equal(call_now(true), OK);
	assert_int_equal(fake_net.calls[QUERY_1], 2);
	answer_next(QUERY_1, ERR_LOST, 0, "");
	answer_next(QUERY_1, ERR_LOST, 0, "");
	assert_int_equal(call_now(true), ERR_LOST);
	unsigned before = fake_net.calls[OPEN_1];
	answer_next(OPEN_1, OK, 0, "{\"errcode\":42001}");
	answer_next(STABLE_TOKEN, OK, 0, TOKEN_ANSWER("TOKEN-2"));
	assert_int_equal(call_now(false), OK);
	assert_int_equal(fake_net.calls[OPEN_1], before + 2);
	assert_int_equal(crowd(wx, 0, 5), 1);
}

static void what_was_not_sent_says_so(void **state)
{
	static const struct {
		enum err err;
		bool sent;
	} rows[] = {
		{ OK, true },          { ERR_CONNECT, false }, { ERR_TLS, false },
		{ ERR_TIMEOUT, true }, { ERR_LOST, true },     { ERR_TOO_LARGE, true },
		{ ERR_SYNTAX, true },  { ERR_FULL, false },
	};
	struct try t;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		answer_next(OPEN_1, rows[i].err, 0, FINE);
		start(wx, &t, 0, false);
		finish(&t);
		assert_int_equal(t.call.err, rows[i].err);
		assert_int_equal(t.call.sent, rows[i].sent);
	}
	fake_net.by_default[STABLE_TOKEN] = "{\"errcode\":40125}";
	start(wx, &t, 1, false);
	finish(&t);
	assert_int_equal(t.call.err, ERR_REFUSED);
	assert_false(t.call.sent);
}

#define BOTH(test)                                               \
	cmocka_unit_test_setup_teardown(test, start_done, stop), \
		cmocka_unit_test_setup_teardown(test, start_wait, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(no_more_calls_of_an_app_than_it_may_have),
		BOTH(zero_is_no_limit),
		BOTH(one_apps_limit_is_none_of_another_app_or_worker),
		BOTH(after_whatever_end_there_is_room_again),
		BOTH(a_second_try_takes_no_second_place),
		BOTH(what_was_not_sent_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
