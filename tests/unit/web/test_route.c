/* From a path and a method to a handler, or to the right refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "try_request.h"
#include "web/reply.h"
#include "web/route.h"

static void start(struct req *r)
{
	reply_reason(r, web_reason(REASON_OK), r->field_nr > 0 ? "fields" : "none");
}

static const struct route routes[] = {
	{ "health", ROUTE_GET, start },
	{ "verify", ROUTE_POST | ROUTE_FIELDS, start },
	{ "identify", ROUTE_PERSONAL | ROUTE_FIELDS, start },
	{ "both", ROUTE_GET | ROUTE_POST, start },
	{ NULL, 0, NULL },
};

static int route(struct try *t, const struct route_conf *conf, const char *method, const char *path)
{
	try_init(t);
	try_method_path(t, method, path);
	try_param(t, "CONTENT_TYPE", "application/json");
	t->req.body = STR("{\"a\":1}");
	assert_int_equal(req_read_params(&t->req), OK);
	route_request(conf, &t->req);
	assert_int_equal(t->answers, 1);
	return atoi(t->head + strlen("Status: "));
}

static int status_of(const struct route_conf *conf, const char *method, const char *path)
{
	struct try t;
	int status = route(&t, conf, method, path);

	try_finish(&t);
	return status;
}

static void a_method_is_taken_or_answered_with_405(void **state)
{
	static const char *const methods[] = { "GET",    "HEAD",    "POST",    "PUT",
					       "DELETE", "OPTIONS", "TRACE",   "get",
					       "G",      "PATCH",   "CONNECT", "POST " };
	static const struct {
		const char *path;
		bool accept_get;
		const char *taken, *allow;
	} rows[] = {
		{ "/health", false, "GET HEAD", "GET, HEAD" },
		{ "/verify", true, "POST", "POST" },
		{ "/identify", false, "POST", "POST" },
		{ "/identify", true, "GET POST", "GET, POST" },
		{ "/both", false, "GET HEAD POST", "GET, HEAD, POST" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (size_t k = 0; k < ARRAY_LEN(methods); k++) {
			struct route_conf conf = { routes, "", rows[i].accept_get };
			struct try t;
			char allow[64];
			bool taken =
				strlen(methods[k]) > 2 && strstr(rows[i].taken, methods[k]) != NULL;
			int status = route(&t, &conf, methods[k], rows[i].path);
			if (status != (taken ? 200 : 405))
				fail_msg("%s %s: %d", methods[k], rows[i].path, status);
			snprintf(allow, sizeof allow, "\r\nAllow: %s\r\n", rows[i].allow);
			assert_int_equal(strstr(t.head, allow) != NULL, !taken);
			try_finish(&t);
		}
	}
}

static void a_get_where_post_is_due_is_told_how(void **state)
{
	struct route_conf conf = { routes, "", false };
	struct try t;

	(void)state;
	assert_int_equal(route(&t, &conf, "GET", "/identify"), 405);
	assert_non_null(strstr(t.body, "method: 'POST'"));
	try_finish(&t);
}

static void the_prefix_must_stand_before_the_endpoint_when_it_is_set(void **state)
{
	static const struct {
		const char *prefix, *path;
		int status;
	} rows[] = {
		{ "", "/health", 200 },
		{ "", "/face/health", 200 },
		{ "", "health", 200 },
		{ "", "/a/b/c/health", 200 },
		{ "/face", "/face/health", 200 },
		{ "/face", "/health", 404 },
		{ "/face", "/face/x/health", 404 },
		{ "/face", "/facehealth", 404 },
		{ "/face", "/facx/health", 404 },
		{ "/face", "/face//health", 404 },
		{ "/face", "//face/health", 404 },
		{ "", "/health/", 404 },
		{ "", "/healthy", 404 },
		{ "", "/Health", 404 },
		{ "", "/", 404 },
		{ "/face", "/face", 404 },
		{ "/face", "/", 404 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct route_conf conf = { routes, rows[i].prefix, false };
		if (status_of(&conf, "GET", rows[i].path) != rows[i].status)
			fail_msg("prefix '%s', path '%s'", rows[i].prefix, rows[i].path);
	}
}

static void fields_are_read_only_where_the_route_asks(void **state)
{
	struct route_conf conf = { routes, "", false };
	struct try t;

	(void)state;
	assert_int_equal(route(&t, &conf, "POST", "/verify"), 200);
	assert_non_null(strstr(t.body, "\"hint\":\"fields\""));
	try_finish(&t);
	assert_int_equal(route(&t, &conf, "POST", "/both"), 200);
	assert_non_null(strstr(t.body, "\"hint\":\"none\""));
	try_finish(&t);
}

static void fields_in_the_url_are_refused_where_get_is_not_taken(void **state)
{
	static const struct {
		const char *path;
		bool accept_get;
		int status;
	} rows[] = {
		{ "/verify", true, 400 },
		{ "/identify", false, 400 },
		{ "/identify", true, 200 },
		{ "/both", false, 200 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct route_conf conf = { routes, "", rows[i].accept_get };
		struct try t;
		try_init(&t);
		try_method_path(&t, "POST", rows[i].path);
		try_param(&t, "QUERY_STRING", "name=a");
		assert_int_equal(req_read_params(&t.req), OK);
		route_request(&conf, &t.req);
		assert_int_equal(t.answers, 1);
		if (atoi(t.head + strlen("Status: ")) != rows[i].status)
			fail_msg("%s: %s", rows[i].path, t.head);
		try_finish(&t);
	}
}

static void fields_that_cannot_be_read_never_reach_the_handler(void **state)
{
	struct route_conf conf = { routes, "", false };
	struct try t;

	(void)state;
	try_init(&t);
	try_method_path(&t, "POST", "/verify");
	try_param(&t, "CONTENT_TYPE", "text/xml");
	t.req.body = STR("<a/>");
	assert_int_equal(req_read_params(&t.req), OK);
	route_request(&conf, &t.req);
	assert_memory_equal(t.head, "Status: 415\r\n", 13);
	try_finish(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_method_is_taken_or_answered_with_405),
		cmocka_unit_test(a_get_where_post_is_due_is_told_how),
		cmocka_unit_test(the_prefix_must_stand_before_the_endpoint_when_it_is_set),
		cmocka_unit_test(fields_are_read_only_where_the_route_asks),
		cmocka_unit_test(fields_in_the_url_are_refused_where_get_is_not_taken),
		cmocka_unit_test(fields_that_cannot_be_read_never_reach_the_handler),
	};

	/* the log lines of these tests are not looked at */
	if (log_open("/dev/null", LOG_ERROR, false) != OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
