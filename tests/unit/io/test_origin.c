#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "origin.h"

struct row {
	const char *url, *host;
	unsigned port;
	bool tls, literal;
};

/* clang-format off */
static const struct row good[] = {
	{ "https://api.weixin.qq.com",              "api.weixin.qq.com", 443,  true,  false },
	{ "https://api.weixin.qq.com/cgi-bin/x?a=b@c:d", "api.weixin.qq.com", 443, true, false },
	{ "https://host_1.internal:8443?x",         "host_1.internal",   8443, true,  false },
	{ "https://localhost#x",                    "localhost",         443,  true,  false },
	{ "https://10.1.2.3:65535/",                "10.1.2.3",          65535, true, true },
	{ "https://[2001:db8::1]:1/x",              "2001:db8::1",       1,    true,  true },
	{ "http://127.0.0.1",                       "127.0.0.1",         80,   false, true },
	{ "http://127.9.9.9:8080/x",                "127.9.9.9",         8080, false, true },
	{ "http://[::1]:8080",                      "::1",               8080, false, true },
};

static const char *const bad[] = {
	"", "https", "https:", "https:/", "https://", "https:///x", "https://:443",
	"HTTPS://a.b", "Https://a.b", "ftp://a.b", "file:///etc/passwd", "//a.b", "a.b", " https://a.b",
	"https://a.b:", "https://a.b:0", "https://a.b:65536", "https://a.b:-1", "https://a.b:+1", "https://a.b:08",
	"https://a.b:1:2", "https://a.b:x", "https://a.b:99999999999999999999",
	"https://u@a.b", "https://u:p@a.b", "https://a.b\\@c.d", "https://a..b", "https://.a", "https://a.b.",
	"https://127.1", "https://0x7f000001", "https://2130706433", "https://1.2.3.4.5", "https://256.1.1.1",
	"https://a%2eb", "https://a b", "https://a.b/x y", "https://a.b/\t", "https://a.b/\r\nX: y", "https://\xe5\xbe\xae.cn",
	"https://[::1", "https://[::1]x", "https://[]", "https://[a.b]", "https://::1", "https://[1.2.3.4]", "https://[fe80::1%25lo]",
	"http://a.b", "http://localhost", "http://10.0.0.1", "http://128.0.0.1", "http://[2001:db8::1]", "http://[::ffff:127.0.0.1]",
};
/* clang-format on */

static void a_url_gives_its_host_and_port(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct origin o;

		if (origin_parse(str_of(good[i].url), &o) != OK)
			fail_msg("%s", good[i].url);
		assert_true(str_is(o.host, good[i].host));
		assert_int_equal(o.port, good[i].port);
		assert_int_equal(o.tls, good[i].tls);
		assert_int_equal(o.literal, good[i].literal);
	}
}

static void anything_else_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct origin o;

		if (origin_parse(str_of(bad[i]), &o) != ERR_SYNTAX)
			fail_msg("%s", bad[i]);
	}
}

static void long_names_are_refused(void **state)
{
	char url[400];
	struct origin o;

	(void)state;
	memset(url, 'a', sizeof url);
	memcpy(url, "https://", 8);
	for (size_t label = 8 + 63; label < sizeof url; label += 64)
		url[label] = '.';
	assert_int_equal(origin_parse((struct str){ url, 8 + 63 }, &o), OK);
	assert_int_equal(origin_parse((struct str){ url, 8 + 253 }, &o), OK);
	assert_int_equal(origin_parse((struct str){ url, 8 + 254 }, &o), ERR_SYNTAX);
	url[8 + 63] = 'a';
	assert_int_equal(origin_parse((struct str){ url, 8 + 64 }, &o), ERR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_url_gives_its_host_and_port),
		cmocka_unit_test(anything_else_is_refused),
		cmocka_unit_test(long_names_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
