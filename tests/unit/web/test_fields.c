/* Fields out of bodies and query strings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "try_request.h"
#include "web/reply.h"

#define JSON "application/json"
#define FORM "application/x-www-form-urlencoded"

/* Reads the fields of one request; *ret_status is that of the refusal, or 200. */
static void read_fields(struct try *t, const char *query, const char *type, struct str body,
			int *ret_status, const char **ret_hint)
{
	const struct reason *why = web_reason(REASON_OK);

	*ret_hint = "";
	try_init(t);
	try_method_path(t, "POST", "/identify");
	try_param(t, "QUERY_STRING", query);
	if (type != NULL)
		try_param(t, "CONTENT_TYPE", type);
	t->req.body = body;
	assert_int_equal(req_read_params(&t->req), OK);
	enum err err = req_read_fields(&t->req, &why, ret_hint);
	assert_int_equal(err == OK, why->status == 200);
	*ret_status = why->status;
}

static int status_of(const char *query, const char *type, struct str body)
{
	struct try t;
	const char *hint;
	int status;

	read_fields(&t, query, type, body, &status, &hint);
	try_finish(&t);
	return status;
}

static void assert_field(struct req *r, const char *snake, const char *camel, enum json_type type,
			 const char *value)
{
	const struct field *f = req_field(r, snake, camel);

	assert_non_null(f);
	assert_int_equal(f->type, type);
	assert_true(str_is(f->value, value));
}

static void json_fields_keep_their_types(void **state)
{
	struct try t;
	const char *hint;
	int status;

	(void)state;
	read_fields(&t, "", JSON,
		    STR("{\"name\":\"\xE5\xBC\xA0\xE4\xB8\x89\",\"source\":7,\"verifyResult\":"
			"\"x\",\"b\":true,"
			"\"n\":null,\"f\":1.5,\"a\":[1,{\"name\":\"no\"}],\"o\":{\"id\":1}}"),
		    &status, &hint);
	assert_int_equal(status, 200);
	assert_int_equal(t.req.field_nr, 8);
	assert_field(&t.req, "name", "name", JSON_STRING, "\xE5\xBC\xA0\xE4\xB8\x89");
	assert_field(&t.req, "source", "source", JSON_INT, "7");
	assert_field(&t.req, "verify_result", "verifyResult", JSON_STRING, "x");
	assert_field(&t.req, "b", "b", JSON_BOOL, "");
	assert_field(&t.req, "n", "n", JSON_NULL, "");
	assert_field(&t.req, "f", "f", JSON_NUMBER, "");
	assert_field(&t.req, "a", "a", JSON_ARRAY, "");
	assert_field(&t.req, "o", "o", JSON_OBJECT, "");
	assert_null(req_field(&t.req, "id", "id"));
	try_finish(&t);
}

static void form_and_query_are_decoded_and_are_texts(void **state)
{
	struct try t;
	const char *hint;
	int status;

	(void)state;
	read_fields(&t, "source=3&flag&=x&&", FORM,
		    STR("name=%E5%BC%A0+%e4%b8%89&id_card_number=11%2B2%3d&empty="), &status,
		    &hint);
	assert_int_equal(status, 200);
	assert_field(&t.req, "source", "source", JSON_STRING, "3");
	assert_field(&t.req, "flag", "flag", JSON_STRING, "");
	assert_field(&t.req, "name", "name", JSON_STRING, "\xE5\xBC\xA0 \xE4\xB8\x89");
	assert_field(&t.req, "id_card_number", "idCardNumber", JSON_STRING, "11+2=");
	assert_field(&t.req, "empty", "empty", JSON_STRING, "");
	try_finish(&t);
}

static void what_is_malformed_is_refused(void **state)
{
	static const struct {
		const char *query, *type;
		struct str body;
		int status;
	} rows[] = {
		{ "a=%", NULL, { "", 0 }, 400 },
		{ "a=%4", NULL, { "", 0 }, 400 },
		{ "a=%4g", NULL, { "", 0 }, 400 },
		{ "a=%00", NULL, { "", 0 }, 400 },
		{ "%00=a", NULL, { "", 0 }, 400 },
		{ "a=%ff", NULL, { "", 0 }, 400 },
		{ "a=%C0%80", NULL, { "", 0 }, 400 },
		{ "a=%ED%A0%80", NULL, { "", 0 }, 400 },
		{ "a=%E4%BD", NULL, { "", 0 }, 400 },
		{ "a=\xff", NULL, { "", 0 }, 400 },
		{ "a=%u4e00", NULL, { "", 0 }, 400 },
		{ "", FORM, { "a=\0b", 4 }, 400 },
		{ "", FORM, { "a=%zz", 5 }, 400 },
		{ "", JSON, { "{", 1 }, 400 },
		{ "", JSON, { "[]", 2 }, 400 },
		{ "", JSON, { "\"a\"", 3 }, 400 },
		{ "", JSON, { "1", 1 }, 400 },
		{ "", JSON, { " ", 1 }, 400 },
		{ "", JSON, { "{}{}", 4 }, 400 },
		{ "", JSON, { "{\"a\":1,}", 8 }, 400 },
		{ "", JSON, { "{\"a\":\"\\u0000\"}", 14 }, 400 },
		{ "", JSON, { "{\"a\":\"\\ud800\"}", 14 }, 400 },
		{ "", JSON, { "{\"a\":\"\xff\"}", 9 }, 400 },
		{ "", JSON, { "{\"a\":1}\0", 8 }, 400 },
		{ "", JSON, { "a=b", 3 }, 400 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (status_of(rows[i].query, rows[i].type, rows[i].body) != rows[i].status)
			fail_msg("row %zu", i);
}

static void a_field_given_twice_is_refused_wherever(void **state)
{
	static const struct {
		const char *query, *type, *body;
	} rows[] = {
		{ "name=a&name=a", NULL, "" },
		{ "name=a", JSON, "{\"name\":\"a\"}" },
		{ "name=a", FORM, "name=b" },
		{ "", FORM, "name=b&name=b" },
		{ "", FORM, "n%61me=b&name=b" },
		{ "", JSON, "{\"name\":1,\"name\":1}" },
		{ "", JSON, "{\"name\":1,\"n\\u0061me\":1}" },
		{ "", JSON, "{\"verify_result\":\"1\",\"verifyResult\":\"1\"}" },
		{ "idCardNumber=1", FORM, "id_card_number=1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (status_of(rows[i].query, rows[i].type, str_of(rows[i].body)) != 400)
			fail_msg("row %zu", i);
	assert_int_equal(status_of("openid=1&openId=2&open__id=3&open_=4&open=5", NULL, STR("")),
			 200);
}

static void a_hint_names_the_field_only_if_its_name_is_plain(void **state)
{
	static const struct {
		const char *query, *shown;
	} rows[] = {
		{ "name=a&name=b", "the field name is given twice" },
		{ "%3Cb%3E=a&%3Cb%3E=b", "a field is given twice" },
		{ "=1&=2", "a field is given twice" },
		{ "a12345678901234567890123456789012=1&a12345678901234567890123456789012=1",
		  "a field is given twice" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct try t;
		const char *hint;
		int status;
		read_fields(&t, rows[i].query, NULL, STR(""), &status, &hint);
		assert_int_equal(status, 400);
		assert_non_null(strstr(hint, rows[i].shown));
		assert_null(strchr(hint, '<'));
		try_finish(&t);
	}
}

static void the_content_type_decides_how_a_body_is_read(void **state)
{
	static const struct {
		const char *type;
		int status;
	} rows[] = {
		{ JSON, 200 },
		{ "Application/JSON", 200 },
		{ JSON ";charset=utf-8", 200 },
		{ JSON " ; charset=UTF-8 ", 200 },
		{ JSON "; charset=\"utf-8\"", 200 },
		{ JSON "; charset=utf8", 200 },
		{ JSON "; boundary=x; Charset=utf-8", 200 },
		{ JSON ";", 200 },
		{ JSON "; charset=gbk", 415 },
		{ JSON "; charset = gbk", 415 },
		{ JSON "; charset\t=\"gbk\"", 415 },
		{ JSON "; charset = utf-8", 200 },
		{ JSON "; charsets=gbk", 200 },
		{ JSON "; charset", 200 },
		{ JSON "; charset=utf-8; charset=gbk", 415 },
		{ JSON "; charset=", 415 },
		{ JSON "; charset=\"", 415 },
		{ "application/jsonp", 415 },
		{ "text/plain", 415 },
		{ "multipart/form-data; boundary=x", 415 },
		{ "", 415 },
		{ NULL, 415 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (status_of("", rows[i].type, STR("{\"a\":1}")) != rows[i].status)
			fail_msg("Content-Type: %s", rows[i].type == NULL ? "none" : rows[i].type);
	assert_int_equal(status_of("", NULL, STR("")), 200);
	assert_int_equal(status_of("", "text/plain", STR("")), 200);
}

static void a_body_of_a_get_means_nothing(void **state)
{
	struct try t;
	const struct reason *why;
	const char *hint;

	(void)state;
	try_init(&t);
	try_method_path(&t, "GET", "/identify");
	try_param(&t, "QUERY_STRING", "a=1");
	try_param(&t, "CONTENT_TYPE", JSON);
	t.req.body = STR("{\"b\":1,");
	assert_int_equal(req_read_params(&t.req), OK);
	assert_int_equal(req_read_fields(&t.req, &why, &hint), OK);
	assert_int_equal(t.req.field_nr, 1);
	try_finish(&t);
}

/* "k0=1&k1=1..." */
static void make_pairs(char *text, size_t size, unsigned n)
{
	size_t len = 0;

	for (unsigned i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, size - len, "k%u=1&", i);
}

static void there_may_be_64_fields_and_not_one_more(void **state)
{
	char query[1024];

	(void)state;
	make_pairs(query, sizeof query, REQ_FIELD_NR);
	assert_int_equal(status_of(query, NULL, STR("")), 200);
	assert_int_equal(status_of(query, JSON, STR("{\"a\":1}")), 400);
	make_pairs(query, sizeof query, REQ_FIELD_NR + 1);
	assert_int_equal(status_of(query, NULL, STR("")), 400);
}

static void a_body_of_more_values_than_memory_is_413(void **state)
{
	static char body[REQ_BODY_MAX];

	(void)state;
	memset(body, '1', sizeof body);
	memcpy(body, "{\"a\":[", 6);
	for (size_t i = 7; i < sizeof body; i += 2)
		body[i] = ',';
	memcpy(body + sizeof body - 2, "]}", 2);
	assert_int_equal(status_of("", JSON, (struct str){ body, sizeof body }), 413);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_fields_keep_their_types),
		cmocka_unit_test(form_and_query_are_decoded_and_are_texts),
		cmocka_unit_test(what_is_malformed_is_refused),
		cmocka_unit_test(a_field_given_twice_is_refused_wherever),
		cmocka_unit_test(a_hint_names_the_field_only_if_its_name_is_plain),
		cmocka_unit_test(the_content_type_decides_how_a_body_is_read),
		cmocka_unit_test(a_body_of_a_get_means_nothing),
		cmocka_unit_test(there_may_be_64_fields_and_not_one_more),
		cmocka_unit_test(a_body_of_more_values_than_memory_is_413),
	};

	/* the log lines of these tests are not looked at */
	if (log_open("/dev/null", LOG_ERROR, false) != OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
