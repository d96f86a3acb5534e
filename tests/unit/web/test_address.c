/* Whose address a request came from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "try_request.h"
#include "web/address.h"

static struct network networks[4];

/* Three proxies of ours, with or without Unix sockets; and none. */
static const struct net_list proxies = { networks, 3, false };
static const struct net_list proxies_and_unix = { networks, 3, true };
static const struct net_list nobody;

static int read_networks(void **state)
{
	const char *why;

	(void)state;
	assert_int_equal(net_parse(STR("10.0.0.0/8"), &networks[0], &why), OK);
	assert_int_equal(net_parse(STR("127.0.0.1"), &networks[1], &why), OK);
	assert_int_equal(net_parse(STR("2001:db8:1::/48"), &networks[2], &why), OK);
	return 0;
}

struct row {
	const struct net_list *trusted;
	const char *remote, *forwarded; /* NULL: not sent */
	const char *client;             /* "" : unknown */
};

/* The client as text: of IPv6 the /64 and no more. */
static void assert_client(const struct row *row)
{
	struct try t;
	struct client client;
	struct net_address wanted;
	struct str bytes = STR_NONE;

	try_init(&t);
	if (row->remote != NULL)
		try_param(&t, "REMOTE_ADDR", row->remote);
	if (row->forwarded != NULL)
		try_param(&t, "HTTP_X_FORWARDED_FOR", row->forwarded);
	assert_int_equal(req_client(&t.req, row->trusted, &client), OK);
	if (row->client[0] != '\0') {
		assert_int_equal(net_address_parse(str_of(row->client), &wanted), OK);
		bool v4 = net_address_is_ipv4(&wanted);
		bytes = (struct str){ (const char *)wanted.b + (v4 ? 12 : 0), v4 ? 4 : 8 };
	}
	if (!str_eq(client_str(&client), bytes))
		fail_msg("%s, X-Forwarded-For: %s", row->remote == NULL ? "-" : row->remote,
			 row->forwarded == NULL ? "-" : row->forwarded);
	try_finish(&t);
}

static void without_a_trusted_proxy_only_the_connection_counts(void **state)
{
	static const struct row rows[] = {
		{ &nobody, "192.0.2.1", NULL, "192.0.2.1" },
		{ &nobody, "192.0.2.1", "203.0.113.9", "192.0.2.1" },
		{ &nobody, "127.0.0.1", "203.0.113.9", "127.0.0.1" },
		{ &proxies, "192.0.2.1", "203.0.113.9", "192.0.2.1" },
		{ &proxies, "192.0.2.1", "203.0.113.9, 10.0.0.1", "192.0.2.1" },
		{ &proxies, "192.0.2.1", "garbage", "192.0.2.1" },
		{ &proxies, "2001:db8:2::1", "203.0.113.9", "2001:db8:2::" },
		{ &proxies, "::ffff:192.0.2.1", NULL, "192.0.2.1" },
		{ &nobody, "2001:db8:2:3:4:5:6:7", NULL, "2001:db8:2:3::" },
		{ &proxies, "unix:", "203.0.113.9", "" },
		{ &proxies, NULL, "203.0.113.9", "" },
		{ &proxies, "", "203.0.113.9", "" },
		{ &proxies, "10.0.0.1:80", "203.0.113.9", "" },
		{ &proxies, "10.0.0.1, 10.0.0.2", "203.0.113.9", "" },
		{ &proxies, "fe80::1%eth0", "203.0.113.9", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_client(&rows[i]);
}

static void behind_one_it_is_the_last_address_that_is_none(void **state)
{
	static const struct row rows[] = {
		{ &proxies, "10.0.0.1", "203.0.113.9", "203.0.113.9" },
		{ &proxies, "::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9" },
		{ &proxies, "10.0.0.1", " \t203.0.113.9 ", "203.0.113.9" },
		{ &proxies, "10.0.0.1", "::ffff:203.0.113.9", "203.0.113.9" },
		{ &proxies, "10.0.0.1", "2001:db8:2:3:4:5:6:7", "2001:db8:2:3::" },
		{ &proxies, "10.0.0.1", "203.0.113.9:5678", "203.0.113.9" },
		{ &proxies, "10.0.0.1", "203.0.113.9:65535, 10.0.0.2:1", "203.0.113.9" },
		{ &proxies, "10.0.0.1", "[2001:db8:2::1]:443", "2001:db8:2::" },
		{ &proxies, "10.0.0.1", "[2001:db8:2::1]", "2001:db8:2::" },
		/* what stands left of it is the client's own words */
		{ &proxies, "10.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9" },
		{ &proxies, "10.0.0.1", "127.0.0.1,203.0.113.9", "203.0.113.9" },
		{ &proxies, "10.0.0.1", "garbage, 203.0.113.9", "203.0.113.9" },
		{ &proxies, "10.0.0.1", ",,\", 203.0.113.9", "203.0.113.9" },
		{ &proxies, "10.0.0.1", "1.1.1.1, 203.0.113.9, 10.1.1.1,10.2.2.2", "203.0.113.9" },
		{ &proxies, "10.0.0.1", "1.1.1.1, 203.0.113.9, 2001:db8:1::5, 127.0.0.1",
		  "203.0.113.9" },
		{ &proxies, "2001:db8:1:ffff::1", "203.0.113.9", "203.0.113.9" },
		/* all of them are proxies: the first */
		{ &proxies, "10.0.0.1", NULL, "10.0.0.1" },
		{ &proxies, "10.0.0.1", "", "10.0.0.1" },
		{ &proxies, "10.0.0.1", "10.0.0.2, 10.0.0.3", "10.0.0.2" },
		{ &proxies, "10.0.0.1", "127.0.0.1", "127.0.0.1" },
		/* Unix sockets */
		{ &proxies_and_unix, "unix:", "203.0.113.9", "203.0.113.9" },
		{ &proxies_and_unix, "unix:", "1.1.1.1, 203.0.113.9, 10.0.0.1", "203.0.113.9" },
		{ &proxies_and_unix, "10.0.0.1", "203.0.113.9, unix:", "203.0.113.9" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_client(&rows[i]);
}

static void what_is_no_address_is_nobody_knows_whose(void **state)
{
	static const char *const entries[] = {
		"garbage",
		"unknown",
		"_hidden",
		"\"203.0.113.9\"",
		"'203.0.113.9'",
		"203.0.113",
		"203.0.113.9.1",
		"203.0.113.256",
		"203.0.113.9 198.51.100.1",
		"203.0.113.9;",
		"203.0.113.9/32",
		"203.0.113.9:",
		"203.0.113.9:0",
		"203.0.113.9:65536",
		"203.0.113.9:80x",
		"203.0.113.9:+80",
		"203.0.113.9: 80",
		":80",
		"[203.0.113.9]:80",
		"[2001:db8::1",
		"2001:db8::1]",
		"[2001:db8::1]80",
		"[2001:db8::1]:",
		"[]",
		"[]:80",
		"[[2001:db8::1]]:80",
		"[2001:db8::1]:443:443",
		"2001:db8::1:2:3:4:5:6:7:443",
		"fe80::1%eth0",
		"[fe80::1%25eth0]:80",
		"for=203.0.113.9",
		"unix:",
		"unix:/run/x",
		"localhost",
		" ",
		"203.0.113.9\xC2\xA0",
		"0xCB.0.113.9",
		"3405803785",
	};
	char list[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
		const struct row alone = { &proxies, "10.0.0.1", entries[i], "" };
		assert_client(&alone);
		snprintf(list, sizeof list, "198.51.100.1, %s", entries[i]);
		const struct row last = { &proxies, "10.0.0.1", list, "" };
		assert_client(&last);
		snprintf(list, sizeof list, "198.51.100.1, %s,10.0.0.2", entries[i]);
		const struct row before_a_proxy = { &proxies, "10.0.0.1", list, "" };
		assert_client(&before_a_proxy);
	}
	const struct row rows[] = {
		{ &proxies, "10.0.0.1", "203.0.113.9,", "" },
		{ &proxies, "10.0.0.1", ",", "" },
		{ &proxies, "10.0.0.1", ",10.0.0.2", "" },
		{ &proxies, "10.0.0.1", "203.0.113.9,,10.0.0.2", "" },
		{ &proxies_and_unix, "unix:", NULL, "" },
		{ &proxies_and_unix, "unix:", "unix:", "" },
		{ &proxies_and_unix, "10.0.0.1", "unix:, 10.0.0.2", "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_client(&rows[i]);
}

static enum err twice(const struct net_list *trusted, const char *remote, const char *second)
{
	struct client client;
	struct try t;

	try_init(&t);
	try_param(&t, "REMOTE_ADDR", remote);
	try_param(&t, "HTTP_X_FORWARDED_FOR", "203.0.113.9");
	try_param(&t, "HTTP_X_FORWARDED_FOR", second);
	enum err err = req_client(&t.req, trusted, &client);
	try_finish(&t);
	return err;
}

static void two_of_a_trusted_proxy_are_refused(void **state)
{
	(void)state;
	assert_int_equal(twice(&proxies, "10.0.0.1", "203.0.113.9"), ERR_REFUSED);
	assert_int_equal(twice(&proxies, "10.0.0.1", ""), ERR_REFUSED);
	assert_int_equal(twice(&proxies_and_unix, "unix:", "198.51.100.1"), ERR_REFUSED);
	/* nobody looks at them */
	assert_int_equal(twice(&proxies, "192.0.2.1", "198.51.100.1"), OK);
	assert_int_equal(twice(&proxies, "unix:", "198.51.100.1"), OK);
	assert_int_equal(twice(&nobody, "10.0.0.1", "198.51.100.1"), OK);
}

static void no_other_header_is_looked_at(void **state)
{
	static const char *const names[] = {
		"HTTP_X_REAL_IP",      "HTTP_FORWARDED",
		"HTTP_CLIENT_IP",      "HTTP_X_CLIENT_IP",
		"HTTP_X_FORWARDED",    "HTTP_X_CLUSTER_CLIENT_IP",
		"HTTP_TRUE_CLIENT_IP", "HTTP_CF_CONNECTING_IP",
		"HTTP_REMOTE_ADDR",    "HTTP_VIA",
		"X_FORWARDED_FOR",     "http_x_forwarded_for",
		"REMOTE_HOST",
	};
	struct client client;
	struct try t;

	(void)state;
	try_init(&t);
	try_param(&t, "REMOTE_ADDR", "10.0.0.1");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		try_param(&t, names[i], "203.0.113.9");
	assert_int_equal(req_client(&t.req, &proxies, &client), OK);
	assert_true(str_eq(client_str(&client), STR("\x0A\0\0\x01")));
	try_finish(&t);
}

static void a_list_as_long_as_may_be_is_walked(void **state)
{
	static char list[REQ_PARAM_VALUE_MAX + 1] = "203.0.113.9";
	struct row row = { &proxies, "10.0.0.1", list, "203.0.113.9" };

	(void)state;
	for (size_t len = strlen(list); len + 9 < sizeof list; len += 9)
		memcpy(list + len, ",10.0.0.2", 10);
	assert_client(&row);
	list[0] = 'x';
	row.client = "";
	assert_client(&row);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_trusted_proxy_only_the_connection_counts),
		cmocka_unit_test(behind_one_it_is_the_last_address_that_is_none),
		cmocka_unit_test(what_is_no_address_is_nobody_knows_whose),
		cmocka_unit_test(two_of_a_trusted_proxy_are_refused),
		cmocka_unit_test(no_other_header_is_looked_at),
		cmocka_unit_test(a_list_as_long_as_may_be_is_walked),
	};

	return cmocka_run_group_tests(tests, read_networks, NULL);
}
