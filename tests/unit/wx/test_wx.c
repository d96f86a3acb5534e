/* Tests of the rest of a worker's side: login, the breaker, readiness, its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_net.h"
#include "wx/login.h"
#include "wx_local.h"

struct
try {
	struct wx_login login;
	struct arena arena;
	bool done;
};

static int start_done(void **state)
{
	(void)state;
	fake_start(false);
	return 0;
}

static int start_wait(void **state)
{
	(void)state;
	fake_start(true);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	run_for(5, NULL);
	fake_stop();
	return 0;
}

static void on_login(struct wx_login *l)
{
	struct try *t = container_of(l, struct try, login);

	assert_false(t->done);
	t->done = true;
	loop_stop(loop);
}

static enum err log_in(struct try *t, struct str code)
{
	t->done = false;
	arena_init(&t->arena, 65536);
	wx_login(wx, &t->login, &t->arena, &fake_apps[0], code, on_login);
	assert_false(t->done);
	run_until(&t->done);
	arena_finish(&t->arena);
	return t->login.err;
}

/* --- login -------------------------------------------------------------------------- */

static void a_code_becomes_an_openid(void **state)
{
	struct try t;

	(void)state;
	assert_int_equal(log_in(&t, STR("0a1B-2_c")), OK);
	assert_string_equal(t.login.openid, USER_OPENID);
	assert_string_equal(fake_net.last_url,
			    "https://wechat.test/sns/jscode2session?appid=wx0000000000000001&"
			    "secret=sandbox-secret-0001&js_code=0a1B-2_c&"
			    "grant_type=authorization_code");
	assert_int_equal(fake_net.calls[LOGIN], 1);
	assert_int_equal(fake_net.calls[STABLE_TOKEN], 0);
	/* The session_key is nowhere in what is left. */
	assert_null(memmem(&t.login, sizeof t.login, "never", 5));
}

static void what_is_no_code_is_not_sent(void **state)
{
	static const struct str codes[] = {
		STR(""),     STR("a&appid=x"), STR("a b"),   STR("a\r\nHost: x"),
		STR("a%26"), STR("a#"),        STR("a\0b"),  STR("张"),
		STR("a?b"),  STR("a/../b"),    STR("\"a\""),
	};
	char longer[200];
	struct try t;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		assert_int_equal(log_in(&t, codes[i]), ERR_REFUSED);
		assert_string_equal(t.login.word, "bad_code");
		assert_int_equal(t.login.openid[0], '\0');
	}
	memset(longer, 'c', sizeof longer);
	assert_int_equal(log_in(&t, (struct str){ longer, 129 }), ERR_REFUSED);
	assert_int_equal(fake_net.calls[LOGIN], 0);
	assert_int_equal(log_in(&t, (struct str){ longer, 128 }), OK);
}

static void only_a_whole_answer_is_a_login(void **state)
{
	static const struct {
		enum err err;
		int status;
		const char *text;
		enum err wanted;
		const char *word;
	} rows[] = {
		{ OK, 200, "{\"errcode\":40029,\"errmsg\":\"invalid code\"}", ERR_REFUSED,
		  "bad_code" },
		{ OK, 200, "{\"errcode\":40163}", ERR_REFUSED, "code_used" },
		{ OK, 200, "{\"errcode\":40226}", ERR_REFUSED, "user_blocked" },
		{ OK, 200, "{\"errcode\":45011}", ERR_REFUSED, "quota_minute" },
		{ OK, 200, "{\"errcode\":40125}", ERR_REFUSED, "bad_secret" },
		{ OK, 200, "{\"errcode\":-1}", ERR_REFUSED, "busy" },
		{ OK, 200, "{\"errcode\":1,\"openid\":\"o\"}", ERR_REFUSED, "unknown_errcode" },
		{ OK, 200, "{\"errcode\":\"0\",\"openid\":\"o\"}", ERR_SYNTAX, "errcode_type" },
		{ OK, 200, "{\"errcode\":null,\"openid\":\"o\"}", ERR_SYNTAX, "errcode_type" },
		{ OK, 200, "{\"errcode\":0}", ERR_SYNTAX, "openid_missing" },
		{ OK, 200, "{\"openid\":\"\"}", ERR_SYNTAX, "openid_missing" },
		{ OK, 200, "{\"openid\":7}", ERR_SYNTAX, "openid_missing" },
		{ OK, 200, "{\"openid\":\"a b\"}", ERR_SYNTAX, "openid_missing" },
		{ OK, 200, "{\"openid\":\"a\",\"openid\":\"b\"}", ERR_SYNTAX, "answer_unusable" },
		{ OK, 200, "{\"openid\":\"a\"", ERR_SYNTAX, "answer_unusable" },
		{ OK, 200, "[]", ERR_SYNTAX, "answer_unusable" },
		{ OK, 500, "{\"openid\":\"a\"}", ERR_SYNTAX, "answer_unusable" },
		{ ERR_LOST, 0, "", ERR_LOST, "wechat_no_answer" },
		{ ERR_CONNECT, 0, "", ERR_CONNECT, "wechat_no_answer" },
		{ ERR_TIMEOUT, 0, "", ERR_TIMEOUT, "wechat_no_answer" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct try t;
		unsigned before = fake_net.calls[LOGIN];
		answer_next(LOGIN, rows[i].err, rows[i].status, rows[i].text);
		assert_int_equal(log_in(&t, STR("code")), rows[i].wanted);
		assert_string_equal(t.login.word, rows[i].word);
		assert_int_equal(t.login.openid[0], '\0');
		assert_int_equal(fake_net.calls[LOGIN], before + 1); /* a code is sent once */
	}
}

static void an_openid_has_an_end(void **state)
{
	static char text[200], openid[70];

	(void)state;
	memset(openid, 'o', sizeof openid);
	for (int len = OPENID_MAX; len <= OPENID_MAX + 1; len++) {
		struct try t;
		snprintf(text, sizeof text, "{\"errcode\":0,\"openid\":\"%.*s\"}", len, openid);
		answer_next(LOGIN, OK, 0, text);
		assert_int_equal(log_in(&t, STR("code")), len == OPENID_MAX ? OK : ERR_SYNTAX);
		assert_int_equal(strlen(t.login.openid), len == OPENID_MAX ? OPENID_MAX : 0);
	}
}

static void the_url_with_the_secret_is_wiped(void **state)
{
	struct try t = { .done = false };

	(void)state;
	arena_init(&t.arena, 65536);
	wx_login(wx, &t.login, &t.arena, &fake_apps[0], STR("code"), on_login);
	run_until(&t.done);
	for (size_t i = 0; i < t.login.url.len; i++)
		assert_int_equal(t.login.url.p[i], 0);
	assert_true(t.login.url.len > 100);
	arena_finish(&t.arena);
	/* And with no room for it at all. */
	t.done = false;
	arena_init(&t.arena, 10);
	wx_login(wx, &t.login, &t.arena, &fake_apps[0], STR("code"), on_login);
	run_until(&t.done);
	assert_int_equal(t.login.err, ERR_NOMEM);
	arena_finish(&t.arena);
}

/* --- the breaker -------------------------------------------------------------------- */

static const struct http_call answered = { .err = OK, .status = 200 };
static const struct http_call lost = { .err = ERR_LOST };
static const struct http_call no_room = { .err = ERR_FULL };

/* Too few descriptors are ours: WeChat has not been silent, and whoever tried may try again. */
static void a_call_that_found_no_room_says_nothing_of_wechat(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_true(wx_breaker_allows(wx));
		wx_breaker_report(wx, &no_room);
	}
	for (int i = 0; i < 20; i++)
		wx_breaker_report(wx, &lost);
	clock_skew_ms += 11 * 1000;
	assert_true(wx_breaker_allows(wx));
	wx_breaker_report(wx, &no_room);
	assert_true(wx_breaker_allows(wx)); /* the next one may try */
	assert_false(wx_breaker_allows(wx));
	wx_breaker_report(wx, &answered);
	assert_true(wx_breaker_allows(wx) && wx_breaker_allows(wx));
}

static void the_breaker_opens_tries_one_and_closes(void **state)
{
	struct try t;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		assert_true(wx_breaker_allows(wx));
		wx_breaker_report(wx, &lost);
	}
	assert_false(wx_breaker_allows(wx));
	assert_int_equal(log_in(&t, STR("code")), ERR_BUSY);
	assert_string_equal(t.login.word, "breaker_open");
	assert_int_equal(fake_net.calls[LOGIN], 0);
	clock_skew_ms += 9900;
	assert_false(wx_breaker_allows(wx));
	clock_skew_ms += 200;
	assert_true(wx_breaker_allows(wx));  /* one may try */
	assert_false(wx_breaker_allows(wx)); /* and only one */
	wx_breaker_report(wx, &lost);
	assert_false(wx_breaker_allows(wx)); /* it is left alone again */
	clock_skew_ms += 10100;
	assert_int_equal(log_in(&t, STR("code")), OK);
	assert_true(wx_breaker_allows(wx) && wx_breaker_allows(wx));
}

static void an_answer_between_starts_the_count_again(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		wx_breaker_report(wx, i % 20 == 19 ? &answered : &lost);
		assert_true(wx_breaker_allows(wx));
	}
}

static void zero_failures_turn_it_off(void **state)
{
	(void)state;
	fake_conf.breaker.failures = 0;
	for (unsigned i = 0; i < 1000; i++) {
		wx_breaker_report(wx, &lost);
		assert_true(wx_breaker_allows(wx));
	}
}

static void a_5xx_is_no_answer_and_a_4xx_is_one(void **state)
{
	struct try t;

	(void)state;
	for (unsigned i = 0; i < 19; i++) {
		answer_next(LOGIN, OK, 503, "");
		log_in(&t, STR("code"));
	}
	answer_next(LOGIN, OK, 404, "");
	log_in(&t, STR("code"));
	assert_true(wx_breaker_allows(wx));
	fake_net.queued[LOGIN] = fake_net.taken[LOGIN] = 0;
	for (unsigned i = 0; i < 20; i++) {
		answer_next(LOGIN, OK, 502, "");
		log_in(&t, STR("code"));
	}
	assert_false(wx_breaker_allows(wx));
}

/* --- readiness ------------------------------------------------------------------------ */

static bool told;

static void on_ready(struct wx_ready *r)
{
	(void)r;
	told = true;
	loop_stop(loop);
}

static bool ready(struct wx_ready *r)
{
	told = false;
	wx_ready(wx, r, on_ready);
	assert_false(told);
	run_until(&told);
	return r->ok;
}

static enum err refuse_all(enum verb verb, struct store_op *op)
{
	(void)verb, (void)op;
	return ERR_BUSY;
}

static void ready_means_store_token_and_wechat(void **state)
{
	struct wx_ready r;

	(void)state;
	assert_true(ready(&r));
	assert_string_equal(r.store, "ok");
	assert_string_equal(r.token[0], "ok");
	assert_string_equal(r.token[1], "ok");
	assert_string_equal(r.wechat, "ok");
	assert_int_equal(fake_net.calls[STABLE_TOKEN], 2); /* one an app */
	assert_true(ready(&r));
	assert_int_equal(fake_net.calls[STABLE_TOKEN], 2);
	fake_store.meddle = refuse_all;
	assert_false(ready(&r));
	assert_string_equal(r.store, "busy");
	fake_store.meddle = NULL;
	for (unsigned i = 0; i < 20; i++)
		wx_breaker_report(wx, &lost);
	assert_false(ready(&r));
	assert_string_equal(r.wechat, "breaker_open");
	assert_string_equal(r.token[0], "ok");
	assert_string_equal(r.token[1], "ok");
}

static void why_there_is_no_token_is_told_by_a_word(void **state)
{
	struct wx_ready r;

	(void)state;
	answer_next(STABLE_TOKEN, OK, 0, TOKEN_ANSWER("FIRST"));
	fake_net.by_default[STABLE_TOKEN] = "{\"errcode\":40164,\"errmsg\":\"invalid ip 1.2.3.4\"}";
	assert_true(ready(&r)); /* one bad app is not a bad pool */
	assert_string_equal(r.token[0], "ok");
	assert_string_equal(r.token[1], "ip_not_allowed");
	assert_string_equal(r.store, "ok");
}

static void an_app_is_found_by_its_whole_id(void **state)
{
	(void)state;
	assert_ptr_equal(wx_app(wx, STR("wx0000000000000001")), &fake_apps[0]);
	assert_ptr_equal(wx_app(wx, STR("wx0000000000000002")), &fake_apps[1]);
	assert_null(wx_app(wx, STR("wx000000000000000")));
	assert_null(wx_app(wx, STR("wx00000000000000011")));
	assert_null(wx_app(wx, STR_NONE));
}

/* --- the beginning and the end ---------------------------------------------------------- */

static void warming_up_fetches_every_apps_token(void **state)
{
	(void)state;
	wx_warm_up(wx);
	run_for(30, NULL);
	assert_int_equal(fake_net.calls[STABLE_TOKEN], 2);
	wx_warm_up(wx);
	run_for(30, NULL);
	assert_int_equal(fake_net.calls[STABLE_TOKEN], 2);
}

/* TERM right after the start, while WeChat has not answered yet. */
static void a_worker_may_end_while_it_warms_up(void **state)
{
	struct wx *young = another_worker();

	(void)state;
	fake_net.hold = true;
	wx_warm_up(young);
	run_for(20, NULL);
	assert_true(fake_net.calls[STABLE_TOKEN] >= 1);
	wx_destroy(young);
	release_held();
	run_for(5, NULL);
	wx_destroy(NULL);
}

/* Or before the loop has turned at all. */
static void a_worker_may_end_before_it_began(void **state)
{
	struct wx *young = another_worker();

	(void)state;
	wx_warm_up(young);
	if (fake_store.wait)
		run_for(5, NULL);
	wx_destroy(young);
	run_for(5, NULL);
}

#define BOTH(test)                                               \
	cmocka_unit_test_setup_teardown(test, start_done, stop), \
		cmocka_unit_test_setup_teardown(test, start_wait, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(a_code_becomes_an_openid),
		BOTH(what_is_no_code_is_not_sent),
		BOTH(only_a_whole_answer_is_a_login),
		BOTH(an_openid_has_an_end),
		BOTH(the_url_with_the_secret_is_wiped),
		BOTH(a_call_that_found_no_room_says_nothing_of_wechat),
		BOTH(the_breaker_opens_tries_one_and_closes),
		BOTH(an_answer_between_starts_the_count_again),
		BOTH(zero_failures_turn_it_off),
		BOTH(a_5xx_is_no_answer_and_a_4xx_is_one),
		BOTH(ready_means_store_token_and_wechat),
		BOTH(why_there_is_no_token_is_told_by_a_word),
		BOTH(an_app_is_found_by_its_whole_id),
		BOTH(warming_up_fetches_every_apps_token),
		BOTH(a_worker_may_end_while_it_warms_up),
		BOTH(a_worker_may_end_before_it_began),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
