/* What a request says about itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "try_request.h"

#define assert_str(s, literal)                                \
	do {                                                  \
		assert_int_equal((s).len, strlen(literal));   \
		assert_memory_equal((s).p, literal, (s).len); \
	} while (0)

static void the_endpoint_is_the_last_segment_however_the_path_is_split(void **state)
{
	static const struct {
		const char *script, *info, *path, *endpoint;
	} rows[] = {
		{ "/face/identify", NULL, "/face/identify", "identify" },
		{ "/face", "/identify", "/face/identify", "identify" },
		{ "", "/identify", "/identify", "identify" },
		{ "/~user/cgi-bin/benren.fcgi", "/verify", "/~user/cgi-bin/benren.fcgi/verify",
		  "verify" },
		{ NULL, "/login", "/login", "login" },
		{ "/login", "", "/login", "login" },
		{ "login", NULL, "login", "login" },
		{ "/face/identify/", NULL, "/face/identify/", "" },
		{ "/", NULL, "/", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct try t;
		try_init(&t);
		try_param(&t, "REQUEST_METHOD", "GET");
		if (rows[i].script != NULL)
			try_param(&t, "SCRIPT_NAME", rows[i].script);
		if (rows[i].info != NULL)
			try_param(&t, "PATH_INFO", rows[i].info);
		assert_int_equal(req_read_params(&t.req), OK);
		assert_str(t.req.path, rows[i].path);
		assert_str(t.req.endpoint, rows[i].endpoint);
		try_finish(&t);
	}
}

static void a_request_without_method_or_path_is_refused_but_can_be_answered(void **state)
{
	static const char *const names[][2] = {
		{ "REQUEST_METHOD", "GET" },
		{ "SCRIPT_NAME", "/x" },
		{ "SCRIPT_NAME", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct try t;
		try_init(&t);
		try_param(&t, names[i][0], names[i][1]);
		assert_int_equal(req_read_params(&t.req), ERR_REFUSED);
		assert_int_equal(t.req.id.len, 32);
		assert_non_null(t.req.log);
		try_finish(&t);
	}
}

static enum err read_twice(const char *name)
{
	struct try t;

	try_init(&t);
	try_method_path(&t, "POST", "/login");
	try_param(&t, name, "1");
	try_param(&t, name, "1");
	enum err err = req_read_params(&t.req);
	try_finish(&t);
	return err;
}

static void a_parameter_that_counts_is_refused_when_sent_twice(void **state)
{
	static const char *const names[] = {
		"REQUEST_METHOD",      "SCRIPT_NAME",          "PATH_INFO",
		"QUERY_STRING",        "CONTENT_TYPE",         "REMOTE_ADDR",
		"REMOTE_USER",         "HTTP_AUTHORIZATION",   "CONTENT_LENGTH",
		"BENREN_APPID",        "BENREN_ADMIN",         "HTTP_X_BENREN_SESSION",
		"HTTP_X_BENREN_TOKEN", "HTTP_IDEMPOTENCY_KEY",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(read_twice(names[i]), ERR_REFUSED);
}

static void a_header_of_ours_is_refused_as_a_list_too(void **state)
{
	static const struct {
		const char *name, *value;
		enum err err;
	} rows[] = {
		{ "HTTP_X_BENREN_TOKEN", "a, b", ERR_REFUSED },
		{ "HTTP_X_BENREN_TOKEN", "a,b", ERR_REFUSED },
		{ "HTTP_X_BENREN_TOKEN", ", b", ERR_REFUSED }, /* the first was empty */
		{ "HTTP_X_BENREN_TOKEN", "a, ", ERR_REFUSED },
		{ "HTTP_X_BENREN_TOKEN", ",", ERR_REFUSED },
		{ "HTTP_X_BENREN_TOKEN", "a", OK },
		{ "HTTP_X_BENREN_TOKEN", "", OK },
		{ "HTTP_X_BENREN_SESSION", "a, a", ERR_REFUSED },
		{ "HTTP_X_BENREN_TIMESTAMP", "1, 1", ERR_REFUSED },
		{ "HTTP_X_BENREN_NONCE", "a, b", ERR_REFUSED },
		{ "HTTP_X_BENREN_SIGNATURE", "a, b", ERR_REFUSED },
		{ "HTTP_IDEMPOTENCY_KEY", "a, b", ERR_REFUSED },
		{ "HTTP_AUTHORIZATION", "Bearer a, Bearer b", ERR_REFUSED },
		{ "HTTP_AUTHORIZATION", "bearer a, Basic b", ERR_REFUSED },
		{ "HTTP_AUTHORIZATION", "Bearer a", OK },
		{ "HTTP_AUTHORIZATION", "Bear,", OK },
		{ "HTTP_AUTHORIZATION", "Digest username=\"a\", uri=\"/\"", OK },
		{ "HTTP_X_FORWARDED_FOR", "a, b", OK },
		{ "HTTP_COOKIE", "a, b", OK },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct try t;
		try_init(&t);
		try_method_path(&t, "POST", "/login");
		try_param(&t, rows[i].name, rows[i].value);
		if (req_read_params(&t.req) != rows[i].err)
			fail_msg("%s: %s", rows[i].name, rows[i].value);
		try_finish(&t);
	}
}

static void a_harmless_header_may_be_repeated(void **state)
{
	/* X-Forwarded-For counts only behind a trusted proxy: test_address.c */
	static const char *const names[] = { "HTTP_ACCEPT",          "HTTP_CONTENT_LENGTH",
					     "HTTP_COOKIE",          "SERVER_NAME",
					     "HTTP_ACCEPT_LANGUAGE", "HTTP_X_FORWARDED_FOR",
					     "HTTP_X_REAL_IP" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(read_twice(names[i]), OK);
}

static void a_configured_parameter_can_be_asked_for_once_only(void **state)
{
	struct try t;
	struct str value;

	(void)state;
	try_init(&t);
	try_param(&t, "AUTH_USER", "alice");
	assert_int_equal(req_param_once(&t.req, "AUTH_USER", &value), OK);
	assert_str(value, "alice");
	assert_int_equal(req_param_once(&t.req, "AUTH_USE", &value), OK);
	assert_null(value.p);
	try_param(&t, "AUTH_USER", "mallory");
	assert_int_equal(req_param_once(&t.req, "AUTH_USER", &value), ERR_REFUSED);
	assert_str(req_param(&t.req, "AUTH_USER"), "alice");
	try_finish(&t);
}

static void content_length_must_be_the_length_of_the_body(void **state)
{
	static const struct {
		const char *length, *body;
		enum err err;
	} rows[] = {
		{ NULL, "", OK },
		{ NULL, "hello", OK },
		{ "", "hello", OK },
		{ "-1", "hello", OK },
		{ "5", "hello", OK },
		{ "0", "", OK },
		{ "0", "hello", ERR_REFUSED },
		{ "4", "hello", ERR_REFUSED },
		{ "6", "hello", ERR_REFUSED },
		{ "-5", "hello", ERR_REFUSED },
		{ "+5", "hello", ERR_REFUSED },
		{ " 5", "hello", ERR_REFUSED },
		{ "05", "hello", ERR_REFUSED },
		{ "0x5", "hello", ERR_REFUSED },
		{ "5,5", "hello", ERR_REFUSED },
		{ "abc", "hello", ERR_REFUSED },
		{ "4294967301", "hello", ERR_REFUSED },
		{ "18446744073709551621", "hello", ERR_REFUSED },
		{ "99999999999999999999999999", "hello", ERR_REFUSED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct try t;
		try_init(&t);
		try_method_path(&t, "POST", "/login");
		try_param(&t, "HTTP_CONTENT_LENGTH", "77"); /* nginx sends it, nobody asks */
		if (rows[i].length != NULL)
			try_param(&t, "CONTENT_LENGTH", rows[i].length);
		t.req.body = str_of(rows[i].body);
		assert_int_equal(req_read_params(&t.req), rows[i].err);
		try_finish(&t);
	}
}

static void the_id_of_the_web_server_is_kept_if_it_is_one(void **state)
{
	static const struct {
		const char *id;
		bool kept;
	} rows[] = {
		{ "4f1c.A-b_9", true },
		{ "01234567890123-01234567890123-01234567890123-01234567890123-0123", true },
		{ "01234567890123-01234567890123-01234567890123-01234567890123-01234", false },
		{ "id-11010519491231002X", false }, /* an ID number, which no log may hold */
		{ "110105491231002", false },       /* and an old one */
		{ "", false },
		{ "a b", false },
		{ "a\r\nSet-Cookie: x", false },
		{ "\xE4\xBD\xA0", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct try t;
		try_init(&t);
		try_method_path(&t, "POST", "/login");
		try_param(&t, "HTTP_X_REQUEST_ID", rows[i].id);
		assert_int_equal(req_read_params(&t.req), OK);
		assert_int_equal(str_is(t.req.id, rows[i].id), rows[i].kept);
		if (!rows[i].kept)
			assert_int_equal(t.req.id.len, 32);
		try_finish(&t);
	}
}

static void an_id_of_ours_is_never_the_same_twice(void **state)
{
	struct try a, b;

	(void)state;
	try_init(&a);
	try_init(&b);
	assert_int_equal(req_read_params(&a.req), ERR_REFUSED);
	assert_int_equal(req_read_params(&b.req), ERR_REFUSED);
	assert_false(str_eq(a.req.id, b.req.id));
	try_finish(&a);
	try_finish(&b);
}

static void the_language_is_the_one_preferred(void **state)
{
	static const struct {
		const char *list;
		bool english;
	} rows[] = {
		{ "", false },
		{ "en", true },
		{ "en-US", true },
		{ "EN-gb", true },
		{ "zh-CN", false },
		{ "fr", false },
		{ "*", false },
		{ "zh-CN,zh;q=0.9,en;q=0.8", false },
		{ "en-US,en;q=0.9,zh-CN;q=0.8", true },
		{ "fr-FR, en;q=0.5, zh;q=0.4", true },
		{ "zh;q=0.4, en;q=0.5", true },
		{ "zh;q=0.55, en;q=0.5", false },
		{ "en, zh", true },
		{ "zh, en", false },
		{ "en;q=0", false },
		{ "en;q=0.000,zh;q=0.001", false },
		{ "en;q=abc", false },
		{ "english", false },
		{ ",,;;=,", false },
		{ "en ; q=0.3 , zh ; q=0.2", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct try t;
		try_init(&t);
		try_method_path(&t, "POST", "/login");
		try_param(&t, "HTTP_ACCEPT_LANGUAGE", rows[i].list);
		assert_int_equal(req_read_params(&t.req), OK);
		if (t.req.english != rows[i].english)
			fail_msg("Accept-Language: %s", rows[i].list);
		try_finish(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_endpoint_is_the_last_segment_however_the_path_is_split),
		cmocka_unit_test(a_request_without_method_or_path_is_refused_but_can_be_answered),
		cmocka_unit_test(a_parameter_that_counts_is_refused_when_sent_twice),
		cmocka_unit_test(a_header_of_ours_is_refused_as_a_list_too),
		cmocka_unit_test(a_harmless_header_may_be_repeated),
		cmocka_unit_test(a_configured_parameter_can_be_asked_for_once_only),
		cmocka_unit_test(content_length_must_be_the_length_of_the_body),
		cmocka_unit_test(the_id_of_the_web_server_is_kept_if_it_is_one),
		cmocka_unit_test(an_id_of_ours_is_never_the_same_twice),
		cmocka_unit_test(the_language_is_the_one_preferred),
	};

	/* the log lines of these tests are not looked at */
	if (log_open("/dev/null", LOG_ERROR, false) != OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
