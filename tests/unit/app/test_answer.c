/* Tests of the answer about a session that has ended: no yes without its receipt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "answer.h"
#include "base/jwt.h"
#include "web/try_request.h"

#define JWK                                       \
	"{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"" \
	"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}"

static struct conf conf; /* without apps: nobody asks for a token */
static struct conf_app app;
static struct app the_app;
static struct crypt *keys;

static int set_up(void **state)
{
	const char *why;

	(void)state;
	keys = crypt_create((const unsigned char *)"0123456789abcdef0123456789ABCDEF");
	the_app.wx = wx_create(NULL, NULL, NULL, keys, &conf);
	app = (struct conf_app){ .appid = "wx0000000000000001", .receipt.lifetime = 300 };
	app.receipt.keys = jwt_keys_create();
	return jwt_keys_add(app.receipt.keys, secret_of(STR(JWK)), &why) == OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	jwt_keys_destroy(app.receipt.keys);
	wx_destroy(the_app.wx);
	crypt_destroy(keys);
	return 0;
}

static struct session ended_session(enum session_state end)
{
	struct digest caller = { { 0 } };
	struct session s;

	session_init(&s, &app, &caller);
	session_move(&s, SESSION_OPENED);
	session_move(&s, end);
	s.rec.class = end == SESSION_PASSED ? CLASS_PASSED : CLASS_IDENTITY;
	return s;
}

/* Its answer, with so much of the request's memory left. */
static void answer(struct try *t, const struct conf_app *of, enum session_state end, size_t left)
{
	struct session s = ended_session(end);

	try_init(t);
	try_method_path(t, "POST", "/verify");
	assert_int_equal(req_read_params(&t->req), OK);
	t->req.app = &the_app;
	t->req.arena.cap = t->req.arena.used + left;
	answer_ended(&t->req, of, &s);
}

static void a_pass_bears_a_receipt_of_its_own(void **state)
{
	struct try t;

	(void)state;
	answer(&t, &app, SESSION_PASSED, 64 * 1024);
	assert_non_null(strstr(t.head, "Status: 200\r\n"));
	assert_non_null(strstr(t.body, "\"verified\":true"));
	assert_non_null(strstr(t.body, "\"receipt\":\"ey"));
	try_finish(&t);
}

static void what_did_not_pass_bears_none(void **state)
{
	struct try t;

	(void)state;
	answer(&t, &app, SESSION_FAILED, 64 * 1024);
	assert_non_null(strstr(t.head, "Status: 403\r\n"));
	assert_null(strstr(t.body, "receipt"));
	try_finish(&t);
}

static void without_memory_for_a_receipt_nothing_reads_as_a_yes(void **state)
{
	static const char *const yes[] = { "\"verified\":true", "\"identify_ret\":0",
					   "\"identifyRet\":0", "\"errcode\":0",
					   "\"ec\":200",        "\"passed\"",
					   "\"receipt\"" };
	struct try t;

	(void)state;
	for (size_t left = 0; left < 512; left += 64) {
		answer(&t, &app, SESSION_PASSED, left);
		assert_non_null(strstr(t.head, "Status: 500\r\n"));
		assert_non_null(strstr(t.body, "\"verified\":false"));
		for (size_t i = 0; i < ARRAY_LEN(yes); i++)
			assert_null(strstr(t.body, yes[i]));
		try_finish(&t);
	}
}

static void an_app_without_keys_needs_no_memory_for_one(void **state)
{
	struct conf_app plain = { .appid = app.appid };
	struct try t;

	(void)state;
	answer(&t, &plain, SESSION_PASSED, 0);
	assert_non_null(strstr(t.head, "Status: 200\r\n"));
	assert_null(strstr(t.body, "receipt"));
	try_finish(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pass_bears_a_receipt_of_its_own),
		cmocka_unit_test(what_did_not_pass_bears_none),
		cmocka_unit_test(without_memory_for_a_receipt_nothing_reads_as_a_yes),
		cmocka_unit_test(an_app_without_keys_needs_no_memory_for_one),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
