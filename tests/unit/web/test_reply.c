/* Answers: headers, both dialects, and the one log line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "try_request.h"
#include "web/reply.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const struct reason teapot = { 403, "teapot", "\xE8\x8C\xB6", "I am a teapot." };

static void begin(struct try *t, const char *method)
{
	try_init(t);
	try_method_path(t, method, "/login");
	try_param(t, "HTTP_X_REQUEST_ID", "id-1");
	assert_int_equal(req_read_params(&t->req), OK);
}

static void an_answer_speaks_both_dialects(void **state)
{
	struct try t;

	(void)state;
	begin(&t, "POST");
	reply_begin(&t.req, web_reason(REASON_OK), NULL);
	reply_put_str(&t.req, "user_id_key", "userIdKey", STR("k"));
	reply_put_int(&t.req, "expires_in", "expiresIn", 3600);
	reply_send(&t.req);
	assert_string_equal(t.body, "{\"ec\":200,\"em\":\"\xE6\x88\x90\xE5\x8A\x9F\",\"errcode\":0,"
				    "\"errmsg\":\"\xE6\x88\x90\xE5\x8A\x9F\",\"reason\":\"ok\","
				    "\"user_id_key\":\"k\",\"userIdKey\":\"k\","
				    "\"expires_in\":3600,\"expiresIn\":3600}");
	try_finish(&t);
}

static void the_headers_are_these_and_no_others(void **state)
{
	struct try t;

	(void)state;
	begin(&t, "POST");
	t.req.english = true;
	reply_reason(&t.req, &teapot, NULL);
	assert_string_equal(t.body, "{\"ec\":403,\"em\":\"I am a teapot.\",\"errcode\":403,"
				    "\"errmsg\":\"I am a teapot.\",\"reason\":\"teapot\"}");
	assert_string_equal(t.head, "Status: 403\r\n"
				    "Content-Type: application/json; charset=utf-8\r\n"
				    "Content-Length: 90\r\n"
				    "Cache-Control: no-store\r\n"
				    "X-Content-Type-Options: nosniff\r\n"
				    "X-Request-Id: id-1\r\n\r\n");
	assert_int_equal(t.body_len, 90);
	try_finish(&t);
}

static void retry_after_and_allow_are_sent_when_set(void **state)
{
	struct try t;

	(void)state;
	begin(&t, "POST");
	t.req.reply.retry_after = 7;
	t.req.reply.allow = "GET, HEAD";
	reply_reason(&t.req, web_reason(REASON_BUSY), "later");
	assert_non_null(strstr(t.head, "\r\nRetry-After: 7\r\n"));
	assert_non_null(strstr(t.head, "\r\nAllow: GET, HEAD\r\n"));
	assert_non_null(strstr(t.body, "\"hint\":\"later\""));
	try_finish(&t);
}

static void a_text_of_the_handler_replaces_the_row(void **state)
{
	struct try t;

	(void)state;
	begin(&t, "POST");
	reply_begin(&t.req, &teapot, "other words");
	reply_send(&t.req);
	assert_non_null(strstr(t.body, "\"em\":\"other words\""));
	assert_non_null(strstr(t.body, "\"errmsg\":\"other words\""));
	try_finish(&t);
}

static void a_head_gets_the_length_without_the_body(void **state)
{
	struct try t;

	(void)state;
	begin(&t, "HEAD");
	reply_text(&t.req, 200, "text/plain", STR("12345"));
	assert_non_null(strstr(t.head, "Content-Type: text/plain\r\nContent-Length: 5\r\n"));
	assert_int_equal(t.body_len, 0);
	try_finish(&t);
}

static void what_cannot_be_written_becomes_a_plain_500(void **state)
{
	static char large[REPLY_MAX + 1];
	struct try t;

	(void)state;
	memset(large, 'x', sizeof large);
	const struct str values[] = { { large, sizeof large }, { "\xff", 1 } };
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		begin(&t, "POST");
		reply_begin(&t.req, web_reason(REASON_OK), NULL);
		reply_put_str(&t.req, "a", "b", values[i]);
		reply_send(&t.req);
		assert_memory_equal(t.head, "Status: 500\r\n", 13);
		assert_non_null(strstr(t.body, "\"reason\":\"internal\"}"));
		assert_null(strstr(t.body, "\"a\""));
		try_finish(&t);
	}
	begin(&t, "GET");
	reply_text(&t.req, 200, "text/plain", values[0]);
	assert_memory_equal(t.head, "Status: 500\r\n", 13);
	try_finish(&t);
}

static void an_answer_of_64_kib_is_sent(void **state)
{
	static char large[REPLY_MAX];
	struct try t;

	(void)state;
	begin(&t, "GET");
	reply_text(&t.req, 200, "text/plain", (struct str){ large, sizeof large });
	assert_int_equal(t.body_len, REPLY_MAX);
	try_finish(&t);
}

static void every_row_has_a_status_a_word_and_both_languages(void **state)
{
	(void)state;
	for (enum web_reason i = 0; i < WEB_REASON_NR; i++) {
		const struct reason *row = web_reason(i);
		assert_in_range(row->status, 200, 599);
		assert_true(str_only(str_of(row->word), "abcdefghijklmnopqrstuvwxyz_0123456789"));
		assert_true(strlen(row->zh) > 0 && str_utf8(str_of(row->zh)));
		assert_true(strlen(row->en) > 0);
	}
}

/* Everything a client can write is in this request; the log may show none of it. */
static void the_log_line_holds_nothing_of_the_client(void **state)
{
	char file[] = "/tmp/test_reply.XXXXXX", line[1024];
	int fd = mkstemp(file);
	struct try t;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(log_open(file, LOG_INFO, false), OK);
	try_init(&t);
	try_method_path(&t, "EVIL\n\"", "/EVIL");
	try_param(&t, "QUERY_STRING", "name=EVIL");
	try_param(&t, "HTTP_X_REQUEST_ID", "EVIL\n");
	assert_int_equal(req_read_params(&t.req), OK);
	log_word(t.req.log, "more", "of the handler");
	reply_reason(&t.req, &teapot, "hint");
	try_finish(&t);
	assert_int_equal(log_open("/dev/null", LOG_ERROR, false), OK);

	ssize_t n = read(fd, line, sizeof line - 1);
	assert_true(n > 0);
	line[n] = '\0';
	assert_null(strstr(line, "EVIL"));
	assert_ptr_equal(strchr(line, '\n'), line + n - 1);
	assert_non_null(strstr(line, "\"event\":\"request\""));
	assert_non_null(strstr(line, "\"more\":\"of the handler\""));
	assert_non_null(
		strstr(line, "\"method\":\"other\",\"status\":403,\"reason\":\"teapot\",\"ms\":"));
	close(fd);
	unlink(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_speaks_both_dialects),
		cmocka_unit_test(the_headers_are_these_and_no_others),
		cmocka_unit_test(retry_after_and_allow_are_sent_when_set),
		cmocka_unit_test(a_text_of_the_handler_replaces_the_row),
		cmocka_unit_test(a_head_gets_the_length_without_the_body),
		cmocka_unit_test(what_cannot_be_written_becomes_a_plain_500),
		cmocka_unit_test(an_answer_of_64_kib_is_sent),
		cmocka_unit_test(every_row_has_a_status_a_word_and_both_languages),
		cmocka_unit_test(the_log_line_holds_nothing_of_the_client),
	};

	if (log_open("/dev/null", LOG_ERROR, false) != OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
