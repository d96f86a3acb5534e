/* Tests of asking the business whose identity it is: the signed question, and a strict look back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_net.h"
#include "wx/lookup.h"

#define SECRET "6f1ed002ab5595859014ebf0951522d9d7c3f6e18a2b4c5d7e9f00112233aabb"
#define URL    "https://business.test/face/identity"
#define PERSON "\"name\":\"" PERSON_NAME "\",\"id_card_number\":\"" PERSON_ID "\""

/* Only its address counts here: who is asked. */
static char business;

static int start(void **state)
{
	(void)state;
	fake_start(false);
	fake_conf.identity.lookup_url = URL;
	fake_apps[0].business_secret = secret_of(STR(SECRET));
	fake_apps[1].business_secret = secret_of(STR("of the second app, another secret"));
	wx_set_lookup(wx, (struct http *)(void *)&business);
	fake_net.by_default[LOOKUP] = "{" PERSON "}";
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
	struct wx_lookup lookup;
	struct arena arena;
	bool done;
};

static void on_lookup(struct wx_lookup *l)
{
	struct try *t = container_of(l, struct try, lookup);

	assert_false(t->done);
	t->done = true;
	loop_stop(loop);
}

static void ask(struct try *t, size_t arena_cap)
{
	arena_init(&t->arena, arena_cap);
	t->done = false;
	wx_lookup(wx, &t->lookup, &t->arena, on_lookup);
	assert_false(t->done);
	run_until(&t->done);
}

static struct try about(const char *openid)
{
	return (struct try){ .lookup.app = &fake_apps[0],
			     .lookup.openid = str_of(openid),
			     .lookup.source = -1 };
}

/* The answer to one question; the arena is still to be finished. */
static enum err answered(struct try *t, enum err err, int status, const char *text)
{
	*t = about(USER_OPENID);
	fake_net.queued[LOOKUP] = fake_net.taken[LOOKUP] = 0;
	answer_next(LOOKUP, err, status, text);
	ask(t, 65536);
	assert_true(t->lookup.err == OK || secret_empty(t->lookup.id.name));
	assert_true(t->lookup.err == OK || secret_empty(t->lookup.id.id_number));
	assert_true(t->lookup.err == OK || t->lookup.word != NULL);
	return t->lookup.err;
}

static void assert_secret(struct secret s, const char *wanted)
{
	assert_int_equal(s.len_, strlen(wanted));
	assert_memory_equal(s.bytes_, wanted, s.len_);
}

/* --- the question ----------------------------------------------------------------------- */

/* The value of one of the headers that were sent. */
static struct str header(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < ARRAY_LEN(fake_net.last_headers); i++) {
		const char *line = fake_net.last_headers[i];
		if (strncmp(line, name, len) == 0 && strncmp(line + len, ": ", 2) == 0)
			return str_of(line + len + 2);
	}
	return STR_NONE;
}

static struct sign sent_signature(void)
{
	return (struct sign){ header("X-Benren-Timestamp"), header("X-Benren-Nonce"),
			      header("X-Benren-Signature") };
}

static void the_business_is_asked_once_and_gets_what_it_needs(void **state)
{
	static const struct {
		unsigned app;
		const char *openid, *caller;
		int32_t source;
		const char *body;
	} rows[] = {
		{ 0, USER_OPENID, "", -1,
		  "{\"appid\":\"wx0000000000000001\",\"openid\":\"" USER_OPENID "\"}" },
		{ 0, USER_OPENID, "", 0,
		  "{\"appid\":\"wx0000000000000001\",\"openid\":\"" USER_OPENID
		  "\",\"source\":0}" },
		{ 1, USER_OPENID, "王 \"5\"", 255,
		  "{\"appid\":\"wx0000000000000002\",\"openid\":\"" USER_OPENID
		  "\",\"caller\":\"王 \\\"5\\\"\",\"source\":255}" },
		{ 0, "", "user-7", 7,
		  "{\"appid\":\"wx0000000000000001\",\"caller\":\"user-7\",\"source\":7}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct try t = about(rows[i].openid);
		t.lookup.app = &fake_apps[rows[i].app];
		t.lookup.caller = str_of(rows[i].caller);
		t.lookup.source = rows[i].source;
		ask(&t, 65536);
		assert_int_equal(t.lookup.err, OK);
		assert_int_equal(fake_net.calls[LOOKUP], i + 1);
		assert_string_equal(fake_net.last_url, URL);
		assert_string_equal(fake_net.last_body, rows[i].body);
		assert_ptr_equal(fake_net.last_http, &business);
		arena_finish(&t.arena);
	}
	assert_int_equal(fake_net.calls[STABLE_TOKEN] + fake_net.calls[OPEN_1], 0);
}

static void the_question_is_signed_for_the_business(void **state)
{
	char nonces[50][SIGN_NONCE_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(nonces); i++) {
		struct try t = about(USER_OPENID);
		t.lookup.app = &fake_apps[i % 2];
		ask(&t, 65536);
		struct secret right = fake_apps[i % 2].business_secret,
			      wrong = fake_apps[(i + 1) % 2].business_secret;
		struct str body = str_of(fake_net.last_body);
		struct sign s = sent_signature();
		int64_t now = clock_wall_ms() / 1000;
		assert_int_equal(sign_check(&s, right, "identity", body, now), OK);
		assert_int_equal(sign_check(&s, wrong, "identity", body, now), ERR_REFUSED);
		assert_int_equal(sign_check(&s, right, "result", body, now), ERR_REFUSED);
		snprintf(nonces[i], sizeof nonces[i], "%.*s", (int)s.nonce.len, s.nonce.p);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(nonces[i], nonces[k]);
		arena_finish(&t.arena);
	}
}

/* With "caller": "param" the name is the web server's, which may be in any encoding. */
static void a_caller_that_is_no_utf8_cannot_be_asked_about(void **state)
{
	struct try t = about("");

	(void)state;
	t.lookup.caller = STR("\xd5\xc5\xc8\xfd");
	ask(&t, 65536);
	assert_int_not_equal(t.lookup.err, OK);
	assert_int_not_equal(t.lookup.err, ERR_REFUSED);
	assert_string_equal(t.lookup.word, "lookup_caller");
	assert_int_equal(fake_net.calls[LOOKUP], 0);
	arena_finish(&t.arena);
}

/* --- the identity -------------------------------------------------------------------------- */

static void a_name_and_an_id_number_are_an_identity(void **state)
{
	static const struct {
		const char *text, *name, *id_number;
	} rows[] = {
		{ "{" PERSON "}", PERSON_NAME, PERSON_ID },
		{ " {\n" PERSON " }\n", PERSON_NAME, PERSON_ID },
		{ "{\"more\":[{}],\"ec\":200," PERSON ",\"message\":\"hello\"}", PERSON_NAME,
		  PERSON_ID },
		{ "{\"name\":\" 张三 \",\"id_card_number\":\" 11010519491231002x\"}", PERSON_NAME,
		  PERSON_ID },
		{ "{\"id_card_number\":\"110105194912310038\",\"name\":\"\\u9648\\u00b7\\ud840"
		  "\\udc0b\"}",
		  "陈·𠀋", "110105194912310038" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct try t;
		assert_int_equal(answered(&t, OK, 200, rows[i].text), OK);
		assert_secret(t.lookup.id.name, rows[i].name);
		assert_secret(t.lookup.id.id_number, rows[i].id_number);
		/* It is a copy, and the only one that is left. */
		struct identity id = t.lookup.id;
		assert_true(id.name.bytes_ + id.name.len_ < id.id_number.bytes_ ||
			    id.id_number.bytes_ + id.id_number.len_ < id.name.bytes_);
		identity_wipe(&t.lookup.id);
		for (size_t k = 0; k < id.id_number.len_; k++)
			assert_int_equal(id.id_number.bytes_[k], 0);
		assert_null(t.lookup.http.transfer);
		arena_finish(&t.arena);
	}
}

static void an_identity_that_cannot_be_is_none(void **state)
{
	static const struct {
		const char *name, *id_number, *word;
	} rows[] = {
		{ "", PERSON_ID, "name_missing" },
		{ " ", PERSON_ID, "name_missing" },
		{ "张3", PERSON_ID, "name_characters" },
		{ "张\\u0000三", PERSON_ID, NULL },
		{ "张\\n三", PERSON_ID, "name_characters" },
		{ "张三", "", "id_card_number_missing" },
		{ "张三", "110105491231002", "id_card_number_15" },
		{ "张三", "1101051949123100", "id_card_number_length" },
		{ "张三", "110105194912310020", "id_card_number_check" },
		{ "张三", "11010519491331002X", "id_card_number_date" },
		{ "张三", "1101051949123100 X", "id_card_number_characters" },
		{ "张三", "***************02X", "id_card_number_characters" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct try t;
		char text[400];
		snprintf(text, sizeof text, "{\"name\":\"%s\",\"id_card_number\":\"%s\"}",
			 rows[i].name, rows[i].id_number);
		assert_int_equal(answered(&t, OK, 200, text), ERR_SYNTAX);
		if (rows[i].word != NULL)
			assert_string_equal(t.lookup.word, rows[i].word);
		arena_finish(&t.arena);
	}
}

/* --- everything else ------------------------------------------------------------------------ */

static void what_is_not_as_documented_is_no_answer(void **state)
{
	static const struct {
		enum err err;
		int status;
		const char *text;
		enum err wanted;
		const char *word;
	} rows[] = {
		{ ERR_CONNECT, 0, "", ERR_CONNECT, "lookup_no_answer" },
		{ ERR_TLS, 0, "", ERR_TLS, "lookup_no_answer" },
		{ ERR_TIMEOUT, 0, "", ERR_TIMEOUT, "lookup_no_answer" },
		{ ERR_LOST, 0, "", ERR_LOST, "lookup_no_answer" },
		{ ERR_TOO_LARGE, 0, "", ERR_TOO_LARGE, "lookup_no_answer" },
		{ ERR_SYNTAX, 0, "", ERR_SYNTAX, "lookup_no_answer" },
		{ OK, 201, "{" PERSON "}", ERR_SYNTAX, "lookup_status" },
		{ OK, 204, "", ERR_SYNTAX, "lookup_status" },
		{ OK, 301, "{" PERSON "}", ERR_SYNTAX, "lookup_status" },
		{ OK, 302, "{\"reason\":\"moved\"}", ERR_SYNTAX, "lookup_status" },
		{ OK, 399, "{\"reason\":\"moved\"}", ERR_SYNTAX, "lookup_status" },
		{ OK, 400, "{" PERSON "}", ERR_SYNTAX, "lookup_status" },
		{ OK, 404, "{}", ERR_SYNTAX, "lookup_status" },
		{ OK, 404, "<html>", ERR_SYNTAX, "lookup_answer" },
		{ OK, 499, "", ERR_SYNTAX, "lookup_answer" },
		{ OK, 500, "{" PERSON "}", ERR_SYNTAX, "lookup_status" },
		{ OK, 500, "{\"reason\":\"broken\"}", ERR_SYNTAX, "lookup_status" },
		{ OK, 503, "{\"reason\":\"busy\"}", ERR_SYNTAX, "lookup_status" },
		{ OK, 200, "", ERR_SYNTAX, "lookup_answer" },
		{ OK, 200, " ", ERR_SYNTAX, "lookup_answer" },
		{ OK, 200, "<html>", ERR_SYNTAX, "lookup_answer" },
		{ OK, 200, "null", ERR_SYNTAX, "lookup_answer" },
		{ OK, 200, "true", ERR_SYNTAX, "lookup_answer" },
		{ OK, 200, "7", ERR_SYNTAX, "lookup_answer" },
		{ OK, 200, "\"name\"", ERR_SYNTAX, "lookup_answer" },
		{ OK, 200, "[]", ERR_SYNTAX, "lookup_answer" },
		{ OK, 200, "[{" PERSON "}]", ERR_SYNTAX, "lookup_answer" },
		{ OK, 200, "{}", ERR_SYNTAX, "lookup_answer" },
		{ OK, 200, "{\"data\":{" PERSON "}}", ERR_SYNTAX, "lookup_answer" },
		{ OK, 200, "{" PERSON, ERR_SYNTAX, "lookup_answer" },
		{ OK, 200, "{" PERSON "}x", ERR_SYNTAX, "lookup_answer" },
		{ OK, 200, "{" PERSON "}{" PERSON "}", ERR_SYNTAX, "lookup_answer" },
		{ OK, 200, "{" PERSON ",\"name\":\"李四\"}", ERR_SYNTAX, "lookup_answer" },
		{ OK, 200, "{" PERSON ",}", ERR_SYNTAX, "lookup_answer" },
		{ OK, 200, "{/**/" PERSON "}", ERR_SYNTAX, "lookup_answer" },
		{ OK, 200, "\xef\xbb\xbf{" PERSON "}", ERR_SYNTAX, "lookup_answer" },
		{ OK, 200, "{\"x\":\"\xff\"," PERSON "}", ERR_SYNTAX, "lookup_answer" },
		{ OK, 200, "{\"name\":\"张三\"}", ERR_SYNTAX, "lookup_answer" },
		{ OK, 200, "{\"id_card_number\":\"" PERSON_ID "\"}", ERR_SYNTAX, "lookup_answer" },
		{ OK, 200, "{\"name\":\"张三\",\"idCardNumber\":\"" PERSON_ID "\"}", ERR_SYNTAX,
		  "lookup_answer" },
		{ OK, 200, "{\"name\":\"张三\",\"id_card_number\":110105194912310038}", ERR_SYNTAX,
		  "lookup_answer" },
		{ OK, 200, "{\"name\":null,\"id_card_number\":\"" PERSON_ID "\"}", ERR_SYNTAX,
		  "lookup_answer" },
		{ OK, 200, "{\"name\":[\"张三\"],\"id_card_number\":\"" PERSON_ID "\"}", ERR_SYNTAX,
		  "lookup_answer" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct try t;
		unsigned before = fake_net.calls[LOOKUP];
		enum err err = answered(&t, rows[i].err, rows[i].status, rows[i].text);
		if (err != rows[i].wanted || strcmp(t.lookup.word, rows[i].word) != 0)
			print_error("%d %s: %s\n", rows[i].status, rows[i].text, t.lookup.word);
		assert_int_equal(err, rows[i].wanted);
		assert_string_equal(t.lookup.word, rows[i].word);
		assert_int_equal(t.lookup.reason.len + t.lookup.message.len, 0);
		assert_int_equal(fake_net.calls[LOOKUP], before + 1); /* not asked again */
		arena_finish(&t.arena);
	}
}

/* --- refusals -------------------------------------------------------------------------------- */

static void a_reason_is_a_refusal_whatever_else_there_is(void **state)
{
	static const int statuses[] = { 200, 400, 401, 403, 404, 409, 429, 451, 499 };
	static const struct {
		const char *text, *reason, *message;
	} rows[] = {
		{ "{\"reason\":\"account_closed\"}", "account_closed", NULL },
		{ "{\"reason\":\"a\"}", "a", NULL },
		{ "{\"reason\":\"abcdefghijklmnopqrstuvwxyz_01234\"}",
		  "abcdefghijklmnopqrstuvwxyz_01234", NULL },
		{ "{\"reason\":\"too_young\",\"message\":\"请先升级账户\"}", "too_young",
		  "请先升级账户" },
		{ "{\"reason\":\"x9\",\"message\":\"\"}", "x9", NULL }, /* nothing to show */
		{ "{\"reason\":\"no\"," PERSON "}", "no", NULL },
		{ "{" PERSON ",\"reason\":\"no\",\"message\":\"\\\"<b>\\\"\"}", "no", "\"<b>\"" },
	};

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(statuses); k++) {
		for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
			struct try t;
			enum err err = answered(&t, OK, statuses[k], rows[i].text);
			assert_int_equal(err, ERR_REFUSED);
			assert_string_equal(t.lookup.word, "lookup_refused");
			assert_true(str_is(t.lookup.reason, rows[i].reason));
			if (rows[i].message == NULL)
				assert_null(t.lookup.message.p);
			else
				assert_string_equal(t.lookup.message.p, rows[i].message);
			arena_finish(&t.arena);
		}
	}
}

static void a_refusal_that_is_not_as_documented_is_no_answer(void **state)
{
	static const struct {
		const char *text, *word;
	} rows[] = {
		{ "{\"reason\":\"\"}", "lookup_reason" },
		{ "{\"reason\":\"abcdefghijklmnopqrstuvwxyz_012345\"}", "lookup_reason" },
		{ "{\"reason\":\"No\"}", "lookup_reason" },
		{ "{\"reason\":\"not now\"}", "lookup_reason" },
		{ "{\"reason\":\"no\\u0000\"}", NULL },
		{ "{\"reason\":\"no\\n\"}", "lookup_reason" },
		{ "{\"reason\":\"不\"}", "lookup_reason" },
		{ "{\"reason\":null}", "lookup_reason" },
		{ "{\"reason\":false}", "lookup_reason" },
		{ "{\"reason\":403}", "lookup_reason" },
		{ "{\"reason\":{\"reason\":\"no\"}}", "lookup_reason" },
		{ "{\"reason\":\"\"," PERSON "}", "lookup_reason" },
		{ "{\"reason\":null," PERSON "}", "lookup_reason" },
		{ "{\"reason\":\"no\",\"message\":null}", "lookup_message" },
		{ "{\"reason\":\"no\",\"message\":7}", "lookup_message" },
		{ "{\"reason\":\"no\",\"message\":[\"x\"]}", "lookup_message" },
		{ "{\"reason\":\"no\",\"message\":\"a\\u0000b\"}", NULL },
		{ "{\"reason\":\"no\",\"message\":\"a\\nb\"}", "lookup_message" },
		{ "{\"reason\":\"no\",\"message\":\"a\\tb\"}", "lookup_message" },
		{ "{\"reason\":\"no\",\"message\":\"a\\u001bb\"}", "lookup_message" },
		{ "{\"reason\":\"no\",\"message\":\"a\\u007fb\"}", "lookup_message" },
		{ "{\"reason\":\"no\",\"message\":\"a\\u0080b\"}", "lookup_message" },
		{ "{\"reason\":\"no\",\"message\":\"a\\u009fb\"}", "lookup_message" },
		{ "{\"reason\":\"no\",\"message\":\"a\\u2028b\"}", "lookup_message" },
		{ "{\"reason\":\"no\",\"message\":\"a\\u2029b\"}", "lookup_message" },
		{ "{\"reason\":\"no\",\"reason\":\"yes\"}", "lookup_answer" },
		{ "{\"reason\":\"no\",\"message\":\"a\xff\"}", "lookup_answer" },
		{ "{\"reason\":\"no\"", "lookup_answer" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct try t;
		enum err err = answered(&t, OK, i % 2 == 0 ? 200 : 403, rows[i].text);
		if (err != ERR_SYNTAX ||
		    (rows[i].word != NULL && strcmp(t.lookup.word, rows[i].word) != 0))
			print_error("%s: %s\n", rows[i].text, t.lookup.word);
		assert_int_equal(err, ERR_SYNTAX);
		if (rows[i].word != NULL)
			assert_string_equal(t.lookup.word, rows[i].word);
		assert_int_equal(t.lookup.reason.len + t.lookup.message.len, 0);
		arena_finish(&t.arena);
	}
}

static void a_message_may_have_200_bytes_and_not_201(void **state)
{
	char text[300], message[202];
	struct try t;

	(void)state;
	memset(message, 'm', sizeof message);
	for (int len = 198; len <= 201; len++) {
		snprintf(text, sizeof text, "{\"reason\":\"no\",\"message\":\"%.*s\"}", len,
			 message);
		assert_int_equal(answered(&t, OK, 403, text),
				 len <= 200 ? ERR_REFUSED : ERR_SYNTAX);
		assert_int_equal(t.lookup.message.len, len <= 200 ? len : 0);
		arena_finish(&t.arena);
	}
}

/* --- memory ---------------------------------------------------------------------------------- */

/* OK only with the whole identity; and no question that is not signed. */
static void a_used_up_arena_ends_in_an_error(void **state)
{
	static const char *const texts[] = { "{" PERSON "}",
					     "{\"reason\":\"account_closed\",\"message\":\"m\"}" };
	unsigned ended[ERR_NR] = { 0 }, unasked = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		for (size_t cap = 0; cap < 500; cap++) {
			struct try t = about(USER_OPENID);
			unsigned before = fake_net.calls[LOOKUP];
			fake_net.by_default[LOOKUP] = texts[i];
			ask(&t, cap);
			struct wx_lookup *l = &t.lookup;
			ended[l->err]++;
			unasked += fake_net.calls[LOOKUP] == before;
			if (fake_net.calls[LOOKUP] != before)
				assert_int_equal(header("X-Benren-Signature").len, 64);
			if (l->err == OK) {
				assert_secret(l->id.name, PERSON_NAME);
				assert_secret(l->id.id_number, PERSON_ID);
			} else if (l->err == ERR_REFUSED) {
				assert_true(str_is(l->reason, "account_closed"));
				assert_true(str_is(l->message, "m"));
			} else {
				assert_int_equal(l->err, ERR_NOMEM);
				assert_non_null(l->word);
				identity_wipe(&l->id);
			}
			arena_finish(&t.arena);
		}
	}
	assert_true(ended[OK] > 20 && ended[ERR_REFUSED] > 20 && ended[ERR_NOMEM] > 200);
	assert_true(unasked > 100 && unasked < ended[ERR_NOMEM]);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_business_is_asked_once_and_gets_what_it_needs),
		TEST(the_question_is_signed_for_the_business),
		TEST(a_caller_that_is_no_utf8_cannot_be_asked_about),
		TEST(a_name_and_an_id_number_are_an_identity),
		TEST(an_identity_that_cannot_be_is_none),
		TEST(what_is_not_as_documented_is_no_answer),
		TEST(a_reason_is_a_refusal_whatever_else_there_is),
		TEST(a_refusal_that_is_not_as_documented_is_no_answer),
		TEST(a_message_may_have_200_bytes_and_not_201),
		TEST(a_used_up_arena_ends_in_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
