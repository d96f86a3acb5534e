/*
 * T07: a verify after the session's time is over, and at the boundary.
 *
 * Must happen: in the last millisecond it passes; from the moment that WeChat's expires_in is
 * over it is EXPIRED, never passes, and WeChat is not asked about a session that was named;
 * and when it is not answered for any longer, there is nothing of it.  (A verify_result
 * alone names none: only WeChat's answer tells that its session has expired.  So it is asked
 * once, and what costs is opening.)  What was asked in time counts, whenever WeChat answers.
 * Figure: TTL - 1 ms, TTL and TTL + 1 ms, 1,000 each, for each way of asking; always whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_net.h"
#include "wx/find.h"
#include "wx/judge.h"
#include "wx/open.h"

enum { TIMES = 1000 };

/* The store's clock stands, so that a millisecond is one. */
static int start(void **state)
{
	(void)state;
	fake_start(false);
	fake_store.still = clock_boot_ms();
	return 0;
}

static int start_wait(void **state)
{
	start(state);
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

/* --- session_state() ------------------------------------------------------------------ */

/* The last millisecond, the end, the one after; in each state. */
static void time_ends_a_session_that_has_not_ended(void **state)
{
	static const struct {
		enum session_state stored, before, after;
	} rows[] = {
		{ SESSION_NEW, SESSION_NEW, SESSION_EXPIRED },
		{ SESSION_OPENED, SESSION_OPENED, SESSION_EXPIRED },
		{ SESSION_QUERYING, SESSION_QUERYING, SESSION_EXPIRED },
		{ SESSION_PASSED, SESSION_PASSED, SESSION_PASSED },
		{ SESSION_FAILED, SESSION_FAILED, SESSION_FAILED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (int64_t n = 0; n < TIMES; n++) {
			int64_t end = 1 + n * n * 86399 % 86400000;
			struct session s = { .rec = { .state = (uint8_t)rows[i].stored,
						      .expires = end,
						      .lease_until = end + 1 } };
			assert_int_equal(session_state(&s, end - 1), rows[i].before);
			assert_int_equal(session_state(&s, end), rows[i].after);
			assert_int_equal(session_state(&s, end + 1), rows[i].after);
			assert_int_equal(session_state(&s, INT64_MAX), rows[i].after);
		}
	}
}

/* --- from opening to verifying -------------------------------------------------------- */

struct
try {
	struct wx_open open;
	struct wx_judge judge;
	struct arena arena;
	bool done;
};

static void on_open(struct wx_open *o)
{
	container_of(o, struct try, open)->done = true;
	loop_stop(loop);
}

static void on_judge(struct wx_judge *j)
{
	container_of(j, struct try, judge)->done = true;
	loop_stop(loop);
}

static struct digest caller_of(int protocol)
{
	return session_caller(keys, str_of(fake_apps[protocol].appid), "openid", STR(USER_OPENID));
}

/* A session opened now in an empty store, with that time to live. */
static void open_session(struct try *t, int protocol, int64_t seconds)
{
	static char answer[256];
	char name[] = PERSON_NAME, id[] = PERSON_ID;
	struct digest caller = caller_of(protocol);
	struct session *s = &t->open.s;

	*t = (struct try){ .done = false };
	memset(fake_store.values, 0, sizeof fake_store.values);
	snprintf(answer, sizeof answer,
		 "{\"errcode\":0,\"errmsg\":\"ok\",\"%s\":\"" USER_ID_KEY "\",\"expires_in\":%lld}",
		 protocol == PROTOCOL_1_0 ? "user_id_key" : "verify_id", (long long)seconds);
	fake_net.by_default[protocol == PROTOCOL_1_0 ? OPEN_1 : OPEN_2] = answer;
	arena_init(&t->arena, 256 * 1024);
	session_init(s, &fake_apps[protocol], &caller);
	strcpy(s->sealed.openid, USER_OPENID);
	s->rec.openid_known = 1;
	s->rec.openid = session_hash(keys, "openid", STR(USER_OPENID));
	t->open.id = identity_of(name, id);
	wx_open_start(wx, &t->open, &t->arena, &fake_apps[protocol], on_open);
	run_until(&t->done);
	assert_int_equal(t->open.err, OK);
	arena_finish(&t->arena);
}

enum way { RESULT_ALONE, RESULT_AND_SESSION, SESSION_ALONE, VERIFY_ID, WAY_NR };

static int protocol_of(enum way way)
{
	return way < SESSION_ALONE ? PROTOCOL_1_0 : PROTOCOL_2_0;
}

static void judge_start(struct try *t, enum way way)
{
	int protocol = protocol_of(way);

	t->judge = (struct wx_judge){ .caller = caller_of(protocol) };
	t->done = false;
	if (protocol == PROTOCOL_1_0)
		t->judge.verify_result = STR("verify-result");
	if (way == RESULT_AND_SESSION || way == SESSION_ALONE)
		t->judge.session = str_of(t->open.id_text);
	if (way == VERIFY_ID)
		t->judge.verify_id = STR(USER_ID_KEY);
	arena_init(&t->arena, 256 * 1024);
	wx_judge_start(wx, &t->judge, &t->arena, &fake_apps[protocol], on_judge);
}

static enum judge_outcome judge_end(struct try *t)
{
	run_until(&t->done);
	arena_finish(&t->arena);
	return t->judge.outcome;
}

static enum judge_outcome judge(struct try *t, enum way way)
{
	judge_start(t, way);
	return judge_end(t);
}

static unsigned queries(void)
{
	return fake_net.calls[QUERY_1] + fake_net.calls[QUERY_2];
}

/* WeChat would say yes to anything. */
static void say_yes(void)
{
	static char info[512];
	char name[33], id[33];

	snprintf(info, sizeof info,
		 "{\"errcode\":0,\"errmsg\":\"ok\",\"identify_ret\":0,\"openid\":\"" USER_OPENID
		 "\",\"user_id_key\":\"" USER_ID_KEY "\",\"name_utf8_md5\":\"%s\","
		 "\"id_card_number_md5\":\"%s\"}",
		 md5_hex(name, PERSON_NAME), md5_hex(id, PERSON_ID));
	fake_net.by_default[QUERY_1] = info;
	fake_net.by_default[QUERY_2] = "{\"errcode\":0,\"errmsg\":\"ok\",\"verify_ret\":10000}";
}

static enum session_state stored_state(const struct try *t)
{
	struct store_op op = { .kind = STORE_SESSION,
			       .key = session_store_key(keys, str_of(t->open.id_text)) };
	struct session s;

	assert_int_equal(do_get(&op), OK);
	assert_int_equal(session_unpack(keys, &op, &s), OK);
	return (enum session_state)s.rec.state;
}

static int64_t seconds_of(int n)
{
	static const int64_t some[] = { 3600, 1, 2, 60, 3599, 7200, 86400 };

	return some[(size_t)n % ARRAY_LEN(some)];
}

static void verify_around_the_end(enum way way)
{
	unsigned passed = 0, expired = 0, opened = 0;
	struct try t;

	say_yes();
	for (int n = 0; n < 3 * TIMES; n++) {
		int64_t seconds = seconds_of(n / 3);
		int off = n % 3 - 1;
		unsigned before = queries();
		open_session(&t, protocol_of(way), seconds);
		opened++;
		fake_store.still += seconds * 1000 + off;
		enum judge_outcome outcome = judge(&t, way);
		assert_int_equal(outcome, off < 0 ? JUDGE_ENDED : JUDGE_EXPIRED);
		assert_int_equal(stored_state(&t), off < 0 ? SESSION_PASSED : SESSION_OPENED);
		bool may_ask = off < 0 || way == RESULT_ALONE;
		assert_int_equal(queries() - before, may_ask ? 1 : 0);
		assert_int_equal(judge(&t, way), outcome); /* and again, for nothing */
		assert_int_equal(queries() - before, may_ask ? 1 : 0);
		assert_true(t.judge.named && !t.judge.asked);
		passed += outcome == JUDGE_ENDED;
		expired += outcome == JUDGE_EXPIRED;
	}
	assert_int_equal(passed, TIMES);
	assert_int_equal(expired, 2 * TIMES);
	/* No paid call but those that opened. */
	assert_int_equal(fake_net.calls[OPEN_1] + fake_net.calls[OPEN_2], opened);
}

static void by_a_result_alone(void **state)
{
	(void)state;
	verify_around_the_end(RESULT_ALONE);
}

static void by_a_result_and_its_session(void **state)
{
	(void)state;
	verify_around_the_end(RESULT_AND_SESSION);
}

static void by_a_session_of_2_0(void **state)
{
	(void)state;
	verify_around_the_end(SESSION_ALONE);
}

static void by_a_verify_id(void **state)
{
	(void)state;
	verify_around_the_end(VERIFY_ID);
}

/* What has passed in time is still answered for, as what it is. */
static void what_has_passed_stays_passed(void **state)
{
	struct try t;

	(void)state;
	say_yes();
	for (enum way way = 0; way < WAY_NR; way++) {
		open_session(&t, protocol_of(way), 3600);
		fake_store.still += 3600000 - 1;
		assert_int_equal(judge(&t, way), JUDGE_ENDED);
		unsigned asked = queries();
		for (int i = 0; i < 3; i++) {
			fake_store.still++;
			assert_int_equal(judge(&t, way), JUDGE_ENDED);
			assert_int_equal(t.judge.s.rec.state, SESSION_PASSED);
		}
		assert_int_equal(queries(), asked);
	}
}

/* The user was in time; that WeChat was not is no fault of his. */
static void what_was_asked_in_time_passes_though_the_answer_is_late(void **state)
{
	struct try t;

	(void)state;
	say_yes();
	for (enum way way = 0; way < WAY_NR; way++) {
		open_session(&t, protocol_of(way), 60);
		fake_store.still += 60000 - 1;
		fake_net.hold = true;
		judge_start(&t, way);
		run_for(50, NULL);
		assert_false(t.done);
		fake_store.still += 2;
		fake_net.hold = false;
		release_held();
		assert_int_equal(judge_end(&t), JUDGE_ENDED);
		assert_int_equal(stored_state(&t), SESSION_PASSED);
	}
}

static void on_find(struct wx_find *f)
{
	(void)f;
	fail();
}

/* To look at it, or to cancel it, neither lengthens nor ends anything. */
static void the_other_endpoints_find_it_expired(void **state)
{
	struct try t;

	(void)state;
	for (int n = 0; n < 6; n++) {
		int protocol = n % 2 == 0 ? PROTOCOL_1_0 : PROTOCOL_2_0;
		struct digest caller = caller_of(protocol);
		open_session(&t, protocol, 60);
		fake_store.still += 60000 + n / 2 - 1;
		for (int cancel = 0; cancel < 2; cancel++) {
			struct wx_find f = { .caller = &caller,
					     .id = str_of(t.open.id_text),
					     .cancel =
						     cancel ? wx_code(WX_CALLBACK, 90100) : NULL };
			assert_int_equal(wx_find(wx, &f, on_find), DONE);
			assert_int_equal(f.err, OK);
			assert_int_equal(f.state, n < 2 ? SESSION_OPENED : SESSION_EXPIRED);
		}
		assert_int_equal(stored_state(&t), n < 2 ? SESSION_FAILED : SESSION_OPENED);
	}
	assert_int_equal(queries(), 0);
}

/* The last millisecond in which it is answered for, and the one after, when it is gone. */
static void in_the_end_it_is_wiped(void **state)
{
	/* that its result was asked about is known for a while longer */
	static const enum judge_outcome gone[WAY_NR] = { JUDGE_EXPIRED, JUDGE_UNKNOWN,
							 JUDGE_UNKNOWN, JUDGE_UNKNOWN };
	struct try t;

	(void)state;
	say_yes();
	for (enum way way = 0; way < WAY_NR; way++) {
		open_session(&t, protocol_of(way), 3600);
		fake_store.still += 3600000 + SESSION_LINGER_MS - 1;
		assert_int_equal(judge(&t, way), JUDGE_EXPIRED);
		assert_int_equal(count_values(STORE_SESSION), 1);
		fake_store.still++;
		assert_int_equal(count_values(STORE_SESSION) + count_values(STORE_KEY), 0);
		assert_int_equal(judge(&t, way), gone[way]);
	}
}

#define STILL(test) cmocka_unit_test_setup_teardown(test, start, stop)
#define BOTH(test)  STILL(test), cmocka_unit_test_setup_teardown(test, start_wait, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_ends_a_session_that_has_not_ended),
		STILL(by_a_result_alone),
		STILL(by_a_result_and_its_session),
		STILL(by_a_session_of_2_0),
		STILL(by_a_verify_id),
		BOTH(what_has_passed_stays_passed),
		BOTH(what_was_asked_in_time_passes_though_the_answer_is_late),
		STILL(the_other_endpoints_find_it_expired),
		BOTH(in_the_end_it_is_wiped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
