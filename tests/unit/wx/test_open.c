/* Tests of opening: at most one call, the place taken before it, nothing left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_net.h"
#include "keys.h"
#include "wx/find.h"
#include "wx/open.h"

struct
try {
	struct wx_open open;
	struct arena arena;
	char name[16], id[19]; /* where the identity stands, to see it wiped */
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

static void on_open(struct wx_open *o)
{
	struct try *t = container_of(o, struct try, open);

	assert_false(t->done);
	t->done = true;
	loop_stop(loop);
}

static const char *caller_name = USER_OPENID;

static void open_start(struct try *t, int protocol, size_t arena_cap)
{
	struct digest caller = session_caller(keys, STR("wx"), "openid", str_of(caller_name));

	*t = (struct try){ .name = PERSON_NAME, .id = PERSON_ID };
	arena_init(&t->arena, arena_cap);
	session_init(&t->open.s, &fake_apps[protocol], &caller);
	strcpy(t->open.s.sealed.openid, USER_OPENID);
	t->open.id = identity_of(t->name, t->id);
	wx_open_start(wx, &t->open, &t->arena, &fake_apps[protocol], on_open);
}

static void assert_wiped(const struct try *t)
{
	for (size_t i = 0; i < sizeof t->id; i++)
		assert_int_equal(t->id[i], 0);
	for (size_t i = 0; i < sizeof t->name; i++)
		assert_int_equal(t->name[i], 0);
	assert_true(secret_empty(t->open.id.name) && secret_empty(t->open.id.id_number));
}

static enum err open_now(struct try *t, int protocol)
{
	open_start(t, protocol, 256 * 1024);
	assert_false(t->done);
	run_until(&t->done);
	assert_wiped(t);
	arena_finish(&t->arena);
	return t->open.err;
}

static enum err find(const char *id, struct session *ret)
{
	struct store_op op = { .kind = STORE_SESSION, .key = session_store_key(keys, str_of(id)) };

	if (do_get(&op) != OK)
		return ERR_NOT_FOUND;
	return session_unpack(keys, &op, ret);
}

static void an_open_session_is_stored_and_found_by_wechats_key(void **state)
{
	(void)state;
	for (int protocol = PROTOCOL_1_0; protocol <= PROTOCOL_2_0; protocol++) {
		enum path path = protocol == PROTOCOL_1_0 ? OPEN_1 : OPEN_2;
		struct session s;
		struct digest found, whose;
		struct try t;
		assert_int_equal(open_now(&t, protocol), OK);
		assert_int_equal(fake_net.calls[path], 1);
		assert_int_equal(t.open.s.rec.expires - t.open.s.rec.opened, 3600 * 1000);
		assert_string_equal(t.open.s.sealed.key, USER_ID_KEY);
		assert_true(strstr(fake_net.last_url, "?access_token=TOKEN-1") != NULL);
		assert_int_equal(find(t.open.id_text, &s), OK);
		assert_int_equal(s.rec.state, SESSION_OPENED);
		assert_string_equal(s.sealed.key, USER_ID_KEY);
		assert_int_equal(s.rec.expires - s.rec.opened, 3600000);
		struct store_op op = { .kind = STORE_KEY,
				       .key = index_store_key(keys, &fake_apps[protocol],
							      &s.rec.key) };
		assert_int_equal(do_get(&op), OK);
		assert_int_equal(index_read(&op, &found, &whose), OK);
		assert_true(digest_equal(&whose, &s.rec.caller));
		struct digest where = session_store_key(keys, str_of(t.open.id_text));
		assert_true(digest_equal(&found, &where));
	}
	assert_int_equal(count_values(STORE_SESSION), 2);
	assert_int_equal(count_values(STORE_KEY), 2);
}

static unsigned reserved_before;

static void see_reserved(enum path path)
{
	if (path == OPEN_1)
		reserved_before = count_values(STORE_SESSION);
}

static void the_place_is_taken_before_the_call(void **state)
{
	struct try t;

	(void)state;
	reserved_before = 0;
	fake_net.on_call = see_reserved;
	assert_int_equal(open_now(&t, PROTOCOL_1_0), OK);
	assert_int_equal(reserved_before, 1);
}

static enum err no_session_fits(enum verb verb, struct store_op *op)
{
	return verb == PUT && op->kind == STORE_SESSION ? ERR_FULL : OK;
}

static void a_full_store_means_no_call(void **state)
{
	struct try t;

	(void)state;
	fake_store.meddle = no_session_fits;
	assert_int_equal(open_now(&t, PROTOCOL_1_0), ERR_FULL);
	assert_int_equal(t.open.class, CLASS_RETRY);
	assert_string_equal(t.open.word, "store_full");
	assert_int_equal(fake_net.calls[OPEN_1], 0);
	assert_int_equal(fake_net.calls[STABLE_TOKEN], 0);
}

/* Each way a call can fail: asked once, nothing is left, and what the client is told. */
static void every_failure_frees_the_place_and_is_not_tried_again(void **state)
{
	static const struct {
		enum err err;
		int status;
		const char *text;
		enum err wanted;
		enum wx_class class;
		const char *word;
	} rows[] = {
		{ ERR_CONNECT, 0, "", ERR_CONNECT, CLASS_RETRY, "wechat_unreachable" },
		{ ERR_FULL, 0, "", ERR_FULL, CLASS_RETRY, "calls_full" },
		{ ERR_TIMEOUT, 0, "", ERR_TIMEOUT, CLASS_RETRY, "wechat_timeout" },
		{ ERR_LOST, 0, "", ERR_LOST, CLASS_UPSTREAM, "answer_lost" },
		{ ERR_TLS, 0, "", ERR_TLS, CLASS_CONFIG, "wechat_tls" },
		{ ERR_TOO_LARGE, 0, "", ERR_TOO_LARGE, CLASS_UPSTREAM, "answer_unusable" },
		{ ERR_SYNTAX, 0, "", ERR_SYNTAX, CLASS_UPSTREAM, "answer_unusable" },
		{ OK, 500, "", ERR_SYNTAX, CLASS_UPSTREAM, "http_status" },
		{ OK, 302, "", ERR_SYNTAX, CLASS_UPSTREAM, "http_status" },
		{ OK, 204, "", ERR_SYNTAX, CLASS_UPSTREAM, "http_status" },
		{ OK, 503, "{\"errcode\":0,\"user_id_key\":\"k\",\"expires_in\":3600}", ERR_SYNTAX,
		  CLASS_UPSTREAM, "http_status" },
		{ OK, 200, "<html>", ERR_SYNTAX, CLASS_UPSTREAM, "unreadable_answer" },
		{ OK, 200, "", ERR_SYNTAX, CLASS_UPSTREAM, "unreadable_answer" },
		{ OK, 200, "[]", ERR_SYNTAX, CLASS_UPSTREAM, "unreadable_answer" },
		{ OK, 200, "{\"errcode\":-1,\"errmsg\":\"system error rid: 1a-2b\"}", ERR_REFUSED,
		  CLASS_RETRY, "busy" },
		{ OK, 200, "{\"errcode\":84006}", ERR_REFUSED, CLASS_CONFIG, "empty_identity" },
		{ OK, 200, "{\"errcode\":48001}", ERR_REFUSED, CLASS_CONFIG, "api_unauthorised" },
		{ OK, 200, "{\"errcode\":45009}", ERR_REFUSED, CLASS_CONFIG, "quota_day" },
		{ OK, 200, "{\"errcode\":45011}", ERR_REFUSED, CLASS_RETRY, "quota_minute" },
		{ OK, 200, "{\"errcode\":12345}", ERR_REFUSED, CLASS_UPSTREAM, "unknown_errcode" },
		{ OK, 200, "{\"errcode\":4294967296,\"user_id_key\":\"k\",\"expires_in\":1}",
		  ERR_REFUSED, CLASS_UPSTREAM, "unknown_errcode" },
		{ OK, 200, "{\"user_id_key\":\"k\",\"expires_in\":3600}", ERR_SYNTAX,
		  CLASS_UPSTREAM, "errcode_missing" },
		{ OK, 200, "{\"errcode\":\"0\",\"user_id_key\":\"k\",\"expires_in\":3600}",
		  ERR_SYNTAX, CLASS_UPSTREAM, "errcode_missing" },
		{ OK, 200, "{\"errcode\":0.0,\"user_id_key\":\"k\",\"expires_in\":3600}",
		  ERR_SYNTAX, CLASS_UPSTREAM, "errcode_missing" },
		{ OK, 200, "{\"errcode\":-0,\"user_id_key\":\"k\",\"expires_in\":3600}", ERR_SYNTAX,
		  CLASS_UPSTREAM, "errcode_missing" },
		{ OK, 200, "{\"errcode\":null,\"user_id_key\":\"k\",\"expires_in\":3600}",
		  ERR_SYNTAX, CLASS_UPSTREAM, "errcode_missing" },
		{ OK, 200,
		  "{\"errcode\":0,\"errcode\":0,\"user_id_key\":\"k\",\"expires_in\":3600}",
		  ERR_SYNTAX, CLASS_UPSTREAM, "unreadable_answer" },
		{ OK, 200, "{\"errcode\":0,\"expires_in\":3600}", ERR_SYNTAX, CLASS_UPSTREAM,
		  "key_missing" },
		{ OK, 200, "{\"errcode\":0,\"user_id_key\":\"\",\"expires_in\":3600}", ERR_SYNTAX,
		  CLASS_UPSTREAM, "key_missing" },
		{ OK, 200, "{\"errcode\":0,\"user_id_key\":7,\"expires_in\":3600}", ERR_SYNTAX,
		  CLASS_UPSTREAM, "key_missing" },
		{ OK, 200, "{\"errcode\":0,\"verify_id\":\"k\",\"expires_in\":3600}", ERR_SYNTAX,
		  CLASS_UPSTREAM, "key_missing" },
		{ OK, 200, "{\"errcode\":0,\"data\":{\"user_id_key\":\"k\"},\"expires_in\":3600}",
		  ERR_SYNTAX, CLASS_UPSTREAM, "key_missing" },
		{ OK, 200, "{\"errcode\":0,\"user_id_key\":\"k\"}", ERR_SYNTAX, CLASS_UPSTREAM,
		  "expires_in_missing" },
		{ OK, 200, "{\"errcode\":0,\"user_id_key\":\"k\",\"expires_in\":0}", ERR_SYNTAX,
		  CLASS_UPSTREAM, "expires_in_missing" },
		{ OK, 200, "{\"errcode\":0,\"user_id_key\":\"k\",\"expires_in\":-1}", ERR_SYNTAX,
		  CLASS_UPSTREAM, "expires_in_missing" },
		{ OK, 200, "{\"errcode\":0,\"user_id_key\":\"k\",\"expires_in\":4294967296}",
		  ERR_SYNTAX, CLASS_UPSTREAM, "expires_in_missing" },
		{ OK, 200, "{\"errcode\":0,\"user_id_key\":\"k\",\"expires_in\":\"3600\"}",
		  ERR_SYNTAX, CLASS_UPSTREAM, "expires_in_missing" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct try t;
		unsigned before = fake_net.calls[OPEN_1];
		fake_net.queued[OPEN_1] = fake_net.taken[OPEN_1] = 0;
		answer_next(OPEN_1, rows[i].err, rows[i].status, rows[i].text);
		open_now(&t, PROTOCOL_1_0);
		if (strcmp(t.open.word, rows[i].word) != 0)
			print_error("%s: %s\n", rows[i].text, t.open.word);
		assert_string_equal(t.open.word, rows[i].word);
		assert_int_equal(t.open.err, rows[i].wanted);
		assert_int_equal(t.open.class, rows[i].class);
		assert_int_equal(fake_net.calls[OPEN_1], before + 1);
		assert_int_equal(count_values(STORE_SESSION), 0);
		assert_int_equal(count_values(STORE_KEY), 0);
	}
}

/* Nobody knows whether WeChat does that: [?] in what it documents. */
static void a_key_given_twice_belongs_to_the_newest_session_of_its_caller_alone(void **state)
{
	struct try first, second, other;
	struct digest found, whose;
	struct session s;

	(void)state;
	assert_int_equal(open_now(&first, PROTOCOL_1_0), OK);
	assert_int_equal(open_now(&second, PROTOCOL_1_0), OK);
	assert_string_not_equal(first.open.id_text, second.open.id_text);
	caller_name = "somebody-else";
	assert_int_equal(open_now(&other, PROTOCOL_1_0), ERR_CONFLICT);
	caller_name = USER_OPENID;
	assert_string_equal(other.open.word, "key_of_another_caller");

	assert_int_equal(find(second.open.id_text, &s), OK);
	struct store_op op = { .kind = STORE_KEY,
			       .key = index_store_key(keys, &fake_apps[PROTOCOL_1_0], &s.rec.key) };
	assert_int_equal(do_get(&op), OK);
	assert_int_equal(index_read(&op, &found, &whose), OK);
	struct digest where = session_store_key(keys, str_of(second.open.id_text));
	assert_true(digest_equal(&found, &where));
	assert_int_equal(count_values(STORE_SESSION), 2);
	assert_int_equal(find(first.open.id_text, &s), OK);
	assert_int_equal(s.rec.state, SESSION_FAILED);
	assert_string_equal(s.rec.word, "superseded");
}

/* The older session as somebody has left it, when WeChat gives its key again. */
static void leave(const char *id, enum session_state state, int64_t lease_until)
{
	struct store_op op = { .kind = STORE_SESSION, .key = session_store_key(keys, str_of(id)) };
	struct session s;

	assert_int_equal(find(id, &s), OK);
	if (state == SESSION_EXPIRED)
		s.rec.expires = clock_boot_ms() - 1;
	else
		s.rec.state = (uint8_t)state;
	s.rec.lease_until = lease_until;
	session_pack(keys, &s, &op);
	assert_int_equal(do_put(&op), OK);
}

/* Or a result that has passed one, and whose claim was lost, could pass the other too. */
static void a_key_whose_session_has_passed_or_is_asked_about_is_not_given_again(void **state)
{
	static const struct {
		enum session_state left;
		int lease_ms;
		enum err err;
		const char *word;
		enum session_state after;
	} rows[] = {
		{ SESSION_OPENED, 0, OK, NULL, SESSION_FAILED },
		{ SESSION_QUERYING, -1, OK, NULL, SESSION_FAILED },
		{ SESSION_FAILED, 0, OK, NULL, SESSION_FAILED },
		/* WeChat may have been asked about it in time, and not have answered yet */
		{ SESSION_EXPIRED, 0, OK, NULL, SESSION_FAILED },
		{ SESSION_QUERYING, 9000, ERR_CONFLICT, "key_being_asked", SESSION_QUERYING },
		{ SESSION_PASSED, 0, ERR_CONFLICT, "key_has_passed", SESSION_PASSED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct try first, second;
		struct session s;
		memset(fake_store.values, 0, sizeof fake_store.values);
		assert_int_equal(open_now(&first, PROTOCOL_1_0), OK);
		leave(first.open.id_text, rows[i].left, clock_boot_ms() + rows[i].lease_ms);
		assert_int_equal(open_now(&second, PROTOCOL_1_0), rows[i].err);
		if (rows[i].err != OK)
			assert_string_equal(second.open.word, rows[i].word);
		assert_int_equal(find(first.open.id_text, &s), OK);
		assert_int_equal(s.rec.state, rows[i].after);
		assert_int_equal(count_values(STORE_SESSION), rows[i].err == OK ? 2 : 1);
	}
}

static const char *pass_id;

/* Just before it is superseded, it passes. */
static enum err passes_first(enum verb verb, struct store_op *op)
{
	const char *id = pass_id;

	if (verb != PUT || op->kind != STORE_SESSION || id == NULL)
		return OK;
	struct digest key = session_store_key(keys, str_of(id));
	if (digest_equal(&key, &op->key)) {
		pass_id = NULL;
		leave(id, SESSION_PASSED, 0);
	}
	return OK;
}

static void a_session_that_passes_at_that_moment_keeps_its_key(void **state)
{
	struct try first, second;
	struct session s;

	(void)state;
	assert_int_equal(open_now(&first, PROTOCOL_1_0), OK);
	pass_id = first.open.id_text;
	fake_store.meddle = passes_first;
	assert_int_equal(open_now(&second, PROTOCOL_1_0), ERR_CONFLICT);
	fake_store.meddle = NULL;
	assert_null(pass_id);
	assert_string_equal(second.open.word, "key_has_passed");
	assert_int_equal(find(first.open.id_text, &s), OK);
	assert_int_equal(s.rec.state, SESSION_PASSED);
}

static void a_key_may_have_256_characters_and_not_257(void **state)
{
	static char text[400], key[258];

	(void)state;
	for (unsigned len = 256; len <= 257; len++) {
		struct session s;
		struct try t;
		memset(key, 'k', len);
		snprintf(text, sizeof text,
			 "{\"errcode\":0,\"user_id_key\":\"%.*s\",\"expires_in\":60}", (int)len,
			 key);
		answer_next(OPEN_1, OK, 0, text);
		assert_int_equal(open_now(&t, PROTOCOL_1_0), len == 256 ? OK : ERR_SYNTAX);
		if (len == 256) {
			assert_int_equal(find(t.open.id_text, &s), OK);
			assert_int_equal(strlen(s.sealed.key), 256);
		}
	}
}

/* 40001, 40014, 42001 prove that the call was not executed: once more, with another token. */
static void only_a_refused_token_makes_a_second_call(void **state)
{
	static const char *const answers[] = { "{\"errcode\":40001}", "{\"errcode\":40014}",
					       "{\"errcode\":42001}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		char token[60];
		struct try t;
		unsigned before = fake_net.calls[OPEN_1];
		snprintf(token, sizeof token, "{\"access_token\":\"NEW-%zu\",\"expires_in\":7200}",
			 i);
		fake_net.by_default[STABLE_TOKEN] = token;
		answer_next(OPEN_1, OK, 0, answers[i]);
		if (i == 0)
			answer_next(STABLE_TOKEN, OK, 0, TOKEN_ANSWER("FIRST"));
		answer_next(OPEN_1, OK, 0,
			    i == 0   ? "{\"errcode\":0,\"user_id_key\":\"k0\",\"expires_in\":60}"
			    : i == 1 ? "{\"errcode\":0,\"user_id_key\":\"k1\",\"expires_in\":60}"
				     : "{\"errcode\":0,\"user_id_key\":\"k2\",\"expires_in\":60}");
		assert_int_equal(open_now(&t, PROTOCOL_1_0), OK);
		assert_int_equal(fake_net.calls[OPEN_1], before + 2);
		snprintf(token, sizeof token, "access_token=NEW-%zu", i);
		assert_non_null(strstr(fake_net.last_url, token));
	}
	assert_int_equal(fake_net.calls[STABLE_TOKEN], 4);
}

static void a_token_refused_twice_is_the_end(void **state)
{
	struct try t;

	(void)state;
	fake_net.by_default[OPEN_1] =
		"{\"errcode\":40001,\"errmsg\":\"invalid credential rid: 9-9\"}";
	answer_next(STABLE_TOKEN, OK, 0, TOKEN_ANSWER("FIRST"));
	answer_next(STABLE_TOKEN, OK, 0, TOKEN_ANSWER("SECOND"));
	assert_int_equal(open_now(&t, PROTOCOL_1_0), ERR_REFUSED);
	assert_int_equal(fake_net.calls[OPEN_1], 2);
	assert_int_equal(fake_net.calls[STABLE_TOKEN], 2);
	assert_int_equal(t.open.errcode, 40001);
	assert_string_equal(t.open.rid, "9-9");
	assert_int_equal(count_values(STORE_SESSION), 0);
}

static void without_a_token_there_is_no_call(void **state)
{
	struct try t;

	(void)state;
	fake_net.by_default[STABLE_TOKEN] = "{\"errcode\":40125}";
	assert_int_equal(open_now(&t, PROTOCOL_1_0), ERR_REFUSED);
	assert_int_equal(t.open.class, CLASS_CONFIG);
	assert_string_equal(t.open.word, "bad_secret");
	assert_int_equal(fake_net.calls[OPEN_1], 0);
	assert_int_equal(count_values(STORE_SESSION), 0);
}

static unsigned fail_at, steps; /* the n-th operation fails */
static enum err fail_with;
static bool fail_after;

static enum err fail_one(enum verb verb, struct store_op *op)
{
	(void)verb;
	if (op->kind == STORE_TOKEN) /* test_token.c does that */
		return OK;
	return steps++ == fail_at ? fail_with : OK;
}

/* A store that fails at any one step: no OK without a whole session, at most one call. */
static void whatever_the_store_fails_at_there_is_no_half_session(void **state)
{
	static const enum err errors[] = { ERR_BUSY, ERR_FULL, ERR_CONFLICT };
	unsigned failed = 0, tried = 0;

	(void)state;
	for (size_t e = 0; e < 2 * ARRAY_LEN(errors); e++) {
		for (fail_at = 0; fail_at < 6; fail_at++) {
			struct session s;
			struct try t;
			unsigned before = fake_net.calls[OPEN_1];
			memset(fake_store.values, 0, sizeof fake_store.values);
			steps = 0;
			fail_with = errors[e / 2];
			fail_after = e % 2 == 1;
			fake_store.meddle = fail_after ? NULL : fail_one;
			fake_store.after = fail_after ? fail_one : NULL;
			enum err err = open_now(&t, PROTOCOL_1_0);
			fake_store.meddle = fake_store.after = NULL;
			assert_true(fake_net.calls[OPEN_1] <= before + 1);
			if (err == OK) {
				assert_int_equal(find(t.open.id_text, &s), OK);
				assert_int_equal(s.rec.state, SESSION_OPENED);
				assert_int_equal(count_values(STORE_KEY), 1);
			}
			failed += err != OK;
			tried++;
		}
	}
	assert_true(tried == 36 && failed >= 10);
}

static void a_used_up_arena_ends_in_an_error(void **state)
{
	unsigned failed = 0;

	(void)state;
	for (size_t cap = 0; cap < 24000; cap += 40) {
		struct try t;
		open_start(&t, PROTOCOL_1_0, cap);
		run_until(&t.done);
		assert_wiped(&t);
		failed += t.open.err != OK;
		assert_true(t.open.err == OK || t.open.word != NULL);
		assert_int_equal(count_values(STORE_SESSION), t.open.err == OK);
		arena_finish(&t.arena);
		memset(fake_store.values, 0, sizeof fake_store.values);
	}
	assert_true(failed > 10);
	struct try t; /* and nothing stays stuck behind it */
	assert_int_equal(open_now(&t, PROTOCOL_1_0), OK);
}

/* With the breaker trying again, too: a call that was let through but not made. */
static void the_breaker_is_not_stuck_by_a_call_that_was_not_made(void **state)
{
	struct try t;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		fake_net.queued[OPEN_1] = fake_net.taken[OPEN_1] = 0;
		answer_next(OPEN_1, ERR_TIMEOUT, 0, "");
		open_now(&t, PROTOCOL_1_0);
	}
	assert_int_equal(open_now(&t, PROTOCOL_1_0), ERR_BUSY);
	assert_string_equal(t.open.word, "breaker_open");
	assert_int_equal(fake_net.calls[OPEN_1], 20);
	clock_skew_ms += 10001;
	for (size_t cap = 0; cap < 24000; cap += 40) {
		unsigned calls = fake_net.calls[OPEN_1];
		open_start(&t, PROTOCOL_1_0, cap);
		run_until(&t.done);
		arena_finish(&t.arena);
		if (fake_net.calls[OPEN_1] != calls)
			return; /* the first that got so far was let through */
	}
	fail_msg("no call was let through again");
}

static void two_at_once_are_two_sessions(void **state)
{
	struct try a, b;

	(void)state;
	answer_next(OPEN_1, OK, 0, "{\"errcode\":0,\"user_id_key\":\"ka\",\"expires_in\":60}");
	answer_next(OPEN_1, OK, 0, "{\"errcode\":0,\"user_id_key\":\"kb\",\"expires_in\":60}");
	open_start(&a, PROTOCOL_1_0, 65536);
	open_start(&b, PROTOCOL_1_0, 65536);
	run_until(&a.done);
	run_until(&b.done);
	assert_int_equal(a.open.err, OK);
	assert_int_equal(b.open.err, OK);
	assert_string_not_equal(a.open.id_text, b.open.id_text);
	assert_int_equal(count_values(STORE_SESSION), 2);
	assert_int_equal(fake_net.calls[STABLE_TOKEN], 1);
	arena_finish(&a.arena);
	arena_finish(&b.arena);
}

/* --- finding and cancelling ------------------------------------------------------- */

static bool found;

static void on_find(struct wx_find *f)
{
	(void)f;
	found = true;
	loop_stop(loop);
}

static enum err find_now(struct wx_find *f)
{
	found = false;
	if (wx_find(wx, f, on_find) == DONE)
		found = true;
	run_until(&found);
	return f->err;
}

static void only_its_caller_finds_a_session(void **state)
{
	struct digest stranger = session_caller(keys, STR("wx"), "openid", STR("other"));
	struct try t;

	(void)state;
	assert_int_equal(open_now(&t, PROTOCOL_1_0), OK);
	struct digest caller = t.open.s.rec.caller;
	struct wx_find mine = { .caller = &caller, .id = str_of(t.open.id_text) };
	assert_int_equal(find_now(&mine), OK);
	assert_int_equal(mine.state, SESSION_OPENED);
	struct wx_find anybody = { .id = str_of(t.open.id_text) };
	assert_int_equal(find_now(&anybody), OK);
	struct wx_find theirs = { .caller = &stranger, .id = str_of(t.open.id_text) };
	assert_int_equal(find_now(&theirs), ERR_NOT_FOUND);
	struct wx_find none = { .caller = &caller,
				.id = STR("0123456789012345678901234567890123456789012") };
	assert_int_equal(find_now(&none), ERR_NOT_FOUND);
}

static void a_stranger_cannot_cancel(void **state)
{
	struct digest stranger = session_caller(keys, STR("wx"), "openid", STR("other"));
	struct session s;
	struct try t;

	(void)state;
	assert_int_equal(open_now(&t, PROTOCOL_1_0), OK);
	struct wx_find f = { .caller = &stranger,
			     .id = str_of(t.open.id_text),
			     .cancel = wx_code(WX_CALLBACK, 90100) };
	assert_int_equal(find_now(&f), ERR_NOT_FOUND);
	assert_int_equal(find(t.open.id_text, &s), OK);
	assert_int_equal(s.rec.state, SESSION_OPENED);
}

/* Whatever the phone says, a session does not pass by it. */
static void cancelling_never_passes_a_session(void **state)
{
	static const int64_t codes[] = { 90100, 90199, 10003, -1, 10000, 424242 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		char text[100];
		struct session s;
		struct try t;
		snprintf(text, sizeof text,
			 "{\"errcode\":0,\"user_id_key\":\"key-%zu\",\"expires_in\":60}", i);
		answer_next(OPEN_1, OK, 0, text);
		assert_int_equal(open_now(&t, PROTOCOL_1_0), OK);
		struct digest caller = t.open.s.rec.caller;
		struct wx_find f = { .caller = &caller,
				     .id = str_of(t.open.id_text),
				     .cancel = wx_code(WX_CALLBACK, codes[i]) };
		assert_int_equal(find_now(&f), OK);
		assert_int_equal(f.state, SESSION_OPENED);
		assert_int_equal(find(t.open.id_text, &s), OK);
		assert_int_equal(s.rec.state, SESSION_FAILED);
		assert_int_not_equal(s.rec.class, CLASS_PASSED);
		assert_true(s.rec.ended_wall > 0);
		/* The second time it has ended already, and stays as it is. */
		f.cancel = wx_code(WX_CALLBACK, 90101);
		assert_int_equal(find_now(&f), OK);
		assert_int_equal(f.state, SESSION_FAILED);
		assert_int_equal(find(t.open.id_text, &s), OK);
		assert_string_equal(s.rec.word, wx_code(WX_CALLBACK, codes[i])->word);
	}
}

static void a_query_under_way_goes_before_a_cancelling(void **state)
{
	struct session s;
	struct try t;

	(void)state;
	assert_int_equal(open_now(&t, PROTOCOL_2_0), OK);
	struct digest caller = t.open.s.rec.caller;
	assert_int_equal(find(t.open.id_text, &s), OK);
	session_move(&s, SESSION_QUERYING);
	s.rec.lease_until = clock_boot_ms() + 5000;
	struct store_op op = { .version = 0 };
	session_pack(keys, &s, &op);
	op.key = session_store_key(keys, str_of(t.open.id_text));
	assert_int_equal(do_put(&op), OK);
	struct wx_find f = { .caller = &caller,
			     .id = str_of(t.open.id_text),
			     .cancel = wx_code(WX_CALLBACK, 90100) };
	assert_int_equal(find_now(&f), OK);
	assert_int_equal(f.state, SESSION_QUERYING);
	assert_int_equal(find(t.open.id_text, &s), OK);
	assert_int_equal(s.rec.state, SESSION_QUERYING);
	clock_skew_ms += 5001; /* whose worker died: then it can be cancelled */
	assert_int_equal(find_now(&f), OK);
	assert_int_equal(find(t.open.id_text, &s), OK);
	assert_int_equal(s.rec.state, SESSION_FAILED);
}

static void what_has_expired_cannot_be_cancelled(void **state)
{
	struct session s;
	struct try t;

	(void)state;
	assert_int_equal(open_now(&t, PROTOCOL_1_0), OK);
	struct digest caller = t.open.s.rec.caller;
	clock_skew_ms += 3600001;
	struct wx_find f = { .caller = &caller,
			     .id = str_of(t.open.id_text),
			     .cancel = wx_code(WX_CALLBACK, 90100) };
	assert_int_equal(find_now(&f), OK);
	assert_int_equal(f.state, SESSION_EXPIRED);
	assert_int_equal(find(t.open.id_text, &s), OK);
	assert_int_equal(s.rec.state, SESSION_OPENED);
	clock_skew_ms += SESSION_LINGER_MS;
	assert_int_equal(find_now(&f), ERR_NOT_FOUND);
}

#define BOTH(test)                                               \
	cmocka_unit_test_setup_teardown(test, start_done, stop), \
		cmocka_unit_test_setup_teardown(test, start_wait, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(an_open_session_is_stored_and_found_by_wechats_key),
		BOTH(the_place_is_taken_before_the_call),
		BOTH(a_full_store_means_no_call),
		BOTH(every_failure_frees_the_place_and_is_not_tried_again),
		BOTH(a_key_given_twice_belongs_to_the_newest_session_of_its_caller_alone),
		BOTH(a_key_whose_session_has_passed_or_is_asked_about_is_not_given_again),
		BOTH(a_session_that_passes_at_that_moment_keeps_its_key),
		BOTH(a_key_may_have_256_characters_and_not_257),
		BOTH(only_a_refused_token_makes_a_second_call),
		BOTH(a_token_refused_twice_is_the_end),
		BOTH(without_a_token_there_is_no_call),
		BOTH(whatever_the_store_fails_at_there_is_no_half_session),
		BOTH(a_used_up_arena_ends_in_an_error),
		BOTH(the_breaker_is_not_stuck_by_a_call_that_was_not_made),
		BOTH(two_at_once_are_two_sessions),
		BOTH(only_its_caller_finds_a_session),
		BOTH(a_stranger_cannot_cancel),
		BOTH(cancelling_never_passes_a_session),
		BOTH(a_query_under_way_goes_before_a_cancelling),
		BOTH(what_has_expired_cannot_be_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
