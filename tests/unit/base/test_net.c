/* Tests of addresses and networks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/net.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static struct net_address address(const char *text)
{
	struct net_address a;

	assert_int_equal(net_address_parse(str_of(text), &a), OK);
	return a;
}

static void an_address_is_read_and_nothing_else_is(void **state)
{
	static const char *const right[] = { "0.0.0.0",
					     "255.255.255.255",
					     "10.0.0.1",
					     "::",
					     "::1",
					     "2001:db8::1",
					     "2001:DB8:0:0:0:0:0:1",
					     "::ffff:10.0.0.1",
					     "::ffff:a00:1",
					     "2001:db8:aaaa:bbbb:cccc:dddd:255.255.255.255" };
	static const char *const wrong[] = { "",
					     " ",
					     "10.0.0.1 ",
					     " 10.0.0.1",
					     "10.0.0",
					     "10.1",
					     "10.0.0.256",
					     "010.0.0.1",
					     "0x0a.0.0.1",
					     "10.0.0.1.",
					     "10.0.0.1:80",
					     "10.0.0.0/8",
					     "[::1]",
					     "::1%lo",
					     "fe80::1%eth0",
					     ":::",
					     "1::2::3",
					     "2001:db8::12345",
					     "unix:",
					     "localhost",
					     "\xEF\xBC\x91.0.0.1",
					     "2001:db8:aaaa:bbbb:cccc:dddd:eeee:255.255.255.255",
					     "0000000000000000000000000000000000000000000000::1" };
	struct net_address a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(right); i++)
		assert_int_equal(net_address_parse(str_of(right[i]), &a), OK);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		if (net_address_parse(str_of(wrong[i]), &a) != ERR_SYNTAX)
			fail_msg("taken: %s", wrong[i]);
	assert_int_equal(net_address_parse(STR_NONE, &a), ERR_SYNTAX);
	assert_int_equal(net_address_parse(STR("10.0.0.1\0x"), &a), ERR_SYNTAX);
}

static void both_ways_to_write_an_ipv4_address_are_one(void **state)
{
	struct net_address a = address("10.0.0.1"), b = address("::ffff:10.0.0.1");
	struct net_address other = address("::10.0.0.1");

	(void)state;
	assert_memory_equal(&a, &b, sizeof a);
	assert_memory_not_equal(&a, &other, sizeof a);
	assert_true(net_address_is_ipv4(&a) && !net_address_is_ipv4(&other));
}

static void a_socket_address_is_the_same_as_its_text(void **state)
{
	struct sockaddr_storage from = { .ss_family = AF_UNIX };
	struct net_address a, wanted;

	(void)state;
	assert_false(net_address_of(&from, &a));
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&from;
	v4->sin_family = AF_INET;
	assert_int_equal(inet_pton(AF_INET, "192.0.2.7", &v4->sin_addr), 1);
	assert_true(net_address_of(&from, &a));
	wanted = address("192.0.2.7");
	assert_memory_equal(&a, &wanted, sizeof a);
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&from;
	*v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
	assert_int_equal(inet_pton(AF_INET6, "2001:db8::7", &v6->sin6_addr), 1);
	assert_true(net_address_of(&from, &a));
	wanted = address("2001:db8::7");
	assert_memory_equal(&a, &wanted, sizeof a);
}

static void a_network_has_nothing_behind_its_prefix(void **state)
{
	static const struct {
		const char *text;
		int prefix; /* -1: none */
		const char *why;
	} rows[] = {
		{ "10.0.0.0/8", 104, NULL },
		{ "127.0.0.1", 128, NULL },
		{ "127.0.0.1/32", 128, NULL },
		{ "0.0.0.0/0", 96, NULL },
		{ "128.0.0.0/1", 97, NULL },
		{ "::1", 128, NULL },
		{ "::/0", 0, NULL },
		{ "2001:db8::/32", 32, NULL },
		{ "2001:db8::8000:0/97", 97, NULL },
		{ "::ffff:10.0.0.0/104", 104, NULL },
		{ "10.0.0.1/8", -1, "has bits behind its prefix that are not 0" },
		{ "10.128.0.0/8", -1, "has bits behind its prefix that are not 0" },
		{ "0.0.0.1/31", -1, "has bits behind its prefix that are not 0" },
		{ "2001:db8::1/127", -1, "has bits behind its prefix that are not 0" },
		{ "::ffff:10.0.0.0/8", -1, "has bits behind its prefix that are not 0" },
		{ "10.0.0.0/33", -1, "has no prefix from /0 to /32" },
		{ "10.0.0.0/", -1, "has no prefix from /0 to /32" },
		{ "10.0.0.0/08", -1, "has no prefix from /0 to /32" },
		{ "10.0.0.0/-1", -1, "has no prefix from /0 to /32" },
		{ "10.0.0.0/255.0.0.0", -1, "has no prefix from /0 to /32" },
		{ "10.0.0.0/8/8", -1, "has no prefix from /0 to /32" },
		{ "::/129", -1, "has no prefix from /0 to /128" },
		{ "::/18446744073709551616", -1, "has no prefix from /0 to /128" },
		{ "", -1, "is neither an address nor a network" },
		{ "/8", -1, "is neither an address nor a network" },
		{ "10/8", -1, "is neither an address nor a network" },
		{ "10.0.0.0 /8", -1, "is neither an address nor a network" },
		{ "unix:", -1, "is neither an address nor a network" },
	};
	struct network n;
	const char *why;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum err err = net_parse(str_of(rows[i].text), &n, &why);
		if ((err == OK) != (rows[i].prefix >= 0))
			fail_msg("%s", rows[i].text);
		if (err == OK)
			assert_int_equal(n.prefix, rows[i].prefix);
		else
			assert_string_equal(why, rows[i].why);
	}
}

static void a_network_contains_what_its_prefix_says(void **state)
{
	static const struct {
		const char *network, *address;
		bool in;
	} rows[] = {
		{ "10.0.0.0/8", "10.0.0.0", true },
		{ "10.0.0.0/8", "10.255.255.255", true },
		{ "10.0.0.0/8", "11.0.0.0", false },
		{ "10.0.0.0/8", "::ffff:10.1.2.3", true },
		{ "10.0.0.0/8", "::10.1.2.3", false },
		{ "10.0.0.0/8", "a00::", false },
		{ "172.16.0.0/12", "172.31.255.255", true },
		{ "172.16.0.0/12", "172.32.0.0", false },
		{ "192.0.2.4/31", "192.0.2.5", true },
		{ "192.0.2.4/31", "192.0.2.6", false },
		{ "127.0.0.1", "127.0.0.1", true },
		{ "127.0.0.1", "127.0.0.2", false },
		{ "0.0.0.0/0", "203.0.113.9", true },
		{ "0.0.0.0/0", "::1", false },
		{ "::/0", "203.0.113.9", true },
		{ "::1", "::1", true },
		{ "::1", "::", false },
		{ "2001:db8::/33", "2001:db8:7fff::", true },
		{ "2001:db8::/33", "2001:db8:8000::", false },
	};
	struct network n;
	const char *why;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct net_address a = address(rows[i].address);
		assert_int_equal(net_parse(str_of(rows[i].network), &n, &why), OK);
		if (net_contains(&n, &a) != rows[i].in)
			fail_msg("%s and %s", rows[i].network, rows[i].address);
	}
}

static void a_list_contains_what_one_of_its_networks_does(void **state)
{
	struct network networks[2];
	const char *why;
	struct net_list list = { .networks = networks, .nr = ARRAY_LEN(networks) };
	struct net_address in = address("::1"), out = address("::2");

	(void)state;
	assert_int_equal(net_parse(STR("10.0.0.0/8"), &networks[0], &why), OK);
	assert_int_equal(net_parse(STR("::1"), &networks[1], &why), OK);
	assert_true(net_list_contains(&list, &in));
	assert_false(net_list_contains(&list, &out));
	list.nr = 0;
	assert_false(net_list_contains(&list, &in));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_read_and_nothing_else_is),
		cmocka_unit_test(both_ways_to_write_an_ipv4_address_are_one),
		cmocka_unit_test(a_socket_address_is_the_same_as_its_text),
		cmocka_unit_test(a_network_has_nothing_behind_its_prefix),
		cmocka_unit_test(a_network_contains_what_its_prefix_says),
		cmocka_unit_test(a_list_contains_what_one_of_its_networks_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
