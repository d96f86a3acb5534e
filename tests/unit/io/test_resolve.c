#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "identity.h"
#include "io/http.h"
#include "resolve.h"
#include "tls_server.h"

#include <limits.h>
#include <sys/wait.h>

static const char ca_path[] = "test_resolve_ca.pem";
static struct identity root, leaf;
static SSL_CTX *tls;
static struct loop *loop;
static struct resolver *resolver;

static const struct http_memory no_memory;

/* The name service of these tests. */
static _Atomic(const char *) dns_answer; /* NULL: it fails */
static atomic_int dns_asked, dns_delay_ms;

/* "1.2.3.4 5.6.7.8": glibc frees a chain however it was made. */
static int getaddrinfo_each(const char *list, const char *service, const struct addrinfo *hints,
			    struct addrinfo **ret_found)
{
	char text[256], *next = text, *one;

	snprintf(text, sizeof text, "%s", list);
	while ((one = strsep(&next, " ")) != NULL) {
		int r = getaddrinfo(one, service, hints, ret_found);
		if (r != 0)
			return r;
		ret_found = &(*ret_found)->ai_next;
	}
	return 0;
}

static int fake_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
			    struct addrinfo **ret_found)
{
	const struct addrinfo numeric = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
	const char *answer = dns_answer;

	(void)hints;
	atomic_fetch_add(&dns_asked, 1);
	ensure(strcmp(host, "wechat.test") == 0);
	for (int waited = 0; waited < dns_delay_ms; waited++)
		usleep(1000);
	return answer == NULL ? EAI_AGAIN : getaddrinfo_each(answer, service, &numeric, ret_found);
}

/* The first of a name's addresses, "" for none. */
static const char *first_of(const struct name *n)
{
	static struct addresses to;

	to = name_addresses(n);
	return to.nr == 0 ? "" : to.text[0];
}

static void on_rested(struct timer *t)
{
	timer_finish(t);
	loop_stop(loop);
}

/* Until it is so; ctest's limit bounds it. */
#define await(cond)     \
	while (!(cond)) \
	rest(10)

static void rest(int ms)
{
	struct timer t;

	timer_init(loop, &t, on_rested);
	timer_start(&t, ms);
	loop_run(loop);
}

static int set_up(void **state)
{
	(void)state;
	dns_answer = "127.0.0.1";
	dns_asked = dns_delay_ms = 0;
	resolve_pace = (struct resolve_pace){ .found_ms = 20, .kept_ms = 20, .lost_ms = 20 };
	loop = loop_create();
	resolver = resolver_create(loop, &no_memory);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	resolver_destroy(resolver);
	loop_destroy(loop);
	return 0;
}

static void on_ready(struct name_wait *w)
{
	(void)w;
	loop_stop(loop);
}

static void a_name_is_looked_up_at_once_and_again(void **state)
{
	struct name_wait w;

	(void)state;
	struct name *n = resolver_name(resolver, STR("wechat.test"));
	assert_false(name_known(n));
	name_wait(n, &w, on_ready);
	loop_run(loop);
	assert_string_equal(first_of(n), "127.0.0.1");
	assert_int_equal(dns_asked, 1);
	dns_answer = "::1";
	await(strcmp(first_of(n), "::1") == 0);
	assert_true(dns_asked >= 2);
	assert_ptr_equal(resolver_name(resolver, STR("WeChat.Test")), n);
}

static void the_last_good_addresses_outlive_the_name_service(void **state)
{
	struct name_wait w;

	(void)state;
	struct name *n = resolver_name(resolver, STR("wechat.test"));
	name_wait(n, &w, on_ready);
	loop_run(loop);
	dns_answer = NULL;
	await(dns_asked >= 3);
	assert_string_equal(first_of(n), "127.0.0.1");
}

static char kept_host[64], kept[HTTP_ADDRESSES_SIZE];

static void keep(void *arg, const char *host, const char *addresses)
{
	(void)arg;
	snprintf(kept_host, sizeof kept_host, "%s", host);
	snprintf(kept, sizeof kept, "%s", addresses);
}

static bool recall(void *arg, const char *host, char dst[HTTP_ADDRESSES_SIZE])
{
	(void)arg;
	memcpy(dst, kept, sizeof kept);
	return strcmp(host, kept_host) == 0;
}

/* Another worker's, found by one that starts while the name service is dead. */
static void addresses_outlive_the_process(void **state)
{
	static const struct http_memory memory = { .keep = keep, .recall = recall };
	struct name_wait w;

	(void)state;
	struct resolver *r = resolver_create(loop, &memory);
	dns_answer = "127.0.0.1 ::1";
	struct name *n = resolver_name(r, STR("wechat.test"));
	assert_false(name_known(n));
	name_wait(n, &w, on_ready);
	loop_run(loop);
	resolver_destroy(r);
	assert_string_equal(kept, "127.0.0.1,::1");

	dns_answer = NULL;
	r = resolver_create(loop, &memory);
	n = resolver_name(r, STR("wechat.test"));
	assert_int_equal(name_addresses(n).nr, 2);
	assert_string_equal(first_of(n), "127.0.0.1");
	resolver_destroy(r);

	snprintf(kept, sizeof kept, "127.0.0.1,nonsense,,1.2.3");
	r = resolver_create(loop, &memory);
	n = resolver_name(r, STR("wechat.test"));
	assert_int_equal(name_addresses(n).nr, 1);
	resolver_destroy(r);
}

static void who_waits_hears_of_a_failure_too(void **state)
{
	struct name_wait w;

	(void)state;
	dns_answer = NULL;
	struct name *n = resolver_name(resolver, STR("wechat.test"));
	name_wait(n, &w, on_ready);
	loop_run(loop);
	assert_false(name_known(n));
	dns_answer = "127.0.0.1";
	await(name_known(n));
	assert_string_equal(first_of(n), "127.0.0.1");
}

/* It hangs for ever here; at the system's resolver for some ten seconds. */
static void a_lookup_that_hangs_does_not_hold_up_the_end_of_a_process(void **state)
{
	int status;

	(void)state;
	pid_t pid = fork();
	if (pid == 0) {
		alarm(60); /* how it would end without that */
		dns_delay_ms = INT_MAX;
		struct loop *own = loop_create();
		struct resolver *r = resolver_create(own, &no_memory);
		resolver_name(r, STR("wechat.test"));
		while (dns_asked == 0)
			usleep(1000);
		resolver_destroy(r);
		loop_destroy(own);
		exit(7);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

static void a_real_address_comes_from_the_system(void **state)
{
	int (*fake)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
		resolve_getaddrinfo;
	struct name_wait w;

	(void)state;
	resolve_getaddrinfo = getaddrinfo;
	struct name *n = resolver_name(resolver, STR("localhost"));
	name_wait(n, &w, on_ready);
	loop_run(loop);
	assert_true(strcmp(first_of(n), "127.0.0.1") == 0 || strcmp(first_of(n), "::1") == 0);
	resolver_destroy(resolver);
	resolver = resolver_create(loop, &no_memory);
	resolve_getaddrinfo = fake;
}

/* The same through the HTTP client. */

static struct http *http;
static struct http_call call;
static char url[128];

static void on_done(struct http_call *c)
{
	(void)c;
	loop_stop(loop);
}

static void begin(const struct server *s, const char *path)
{
	snprintf(url, sizeof url, "https://wechat.test:%d%s", s->port, path);
	call = (struct http_call){ .url = { url, strlen(url) } };
	http_start(http, &call, on_done);
}

static enum err ask(const struct server *s, const char *path)
{
	begin(s, path);
	loop_run(loop);
	enum err err = call.err;
	http_call_finish(&call);
	return err;
}

static void start_http(int connect_ms)
{
	const struct http_conf conf = { ca_path, connect_ms, 2000, no_memory };

	assert_int_equal(http_create(loop, &conf, &http), OK);
}

static void calls_wait_for_the_first_answer(void **state)
{
	struct server s = server_start(&(struct server_conf){ .tls = tls });

	(void)state;
	start_http(1000);
	dns_delay_ms = 50;
	assert_int_equal(ask(&s, "/echo/x"), OK);
	assert_int_equal(ask(&s, "/echo/x"), OK);
	http_destroy(http);
	server_stop(&s);
}

static void calls_do_not_wait_for_ever(void **state)
{
	struct server s = server_start(&(struct server_conf){ .tls = tls });

	(void)state;
	start_http(100);
	dns_delay_ms = 300;
	int64_t began = clock_boot_ms();
	assert_int_equal(ask(&s, "/echo/x"), ERR_CONNECT);
	assert_true(clock_boot_ms() - began >= 95);
	begin(&s, "/echo/x");
	http_cancel(&call);
	await(http_in_flight(http) == 0);
	assert_int_equal(s.seen->requests, 0);
	await(ask(&s, "/echo/x") == OK);
	dns_delay_ms = 0;
	http_destroy(http);
	server_stop(&s);
}

static void a_dead_name_service_is_told_at_once(void **state)
{
	struct server s = server_start(&(struct server_conf){ .tls = tls });

	(void)state;
	start_http(1000);
	dns_answer = NULL;
	assert_int_equal(ask(&s, "/echo/x"), ERR_CONNECT);
	dns_answer = "127.0.0.1";
	assert_int_equal(ask(&s, "/echo/x"), OK);
	http_destroy(http);
	server_stop(&s);
}

/* New connections all the time, while no lookup ever ends. */
static void a_hung_name_service_hurts_nobody(void **state)
{
	struct server s = server_start(&(struct server_conf){ .tls = tls });

	(void)state;
	start_http(1000);
	assert_int_equal(ask(&s, "/echo/x"), OK);
	int asked = dns_asked + 1;
	dns_delay_ms = 100 * 1000;
	await(dns_asked == asked);
	for (int i = 0; i < 30; i++)
		assert_int_equal(ask(&s, "/nothing"), ERR_LOST);
	assert_int_equal(s.seen->connections, 30);
	assert_int_equal(dns_asked, asked);
	http_destroy(http);
	dns_delay_ms = 0;
	server_stop(&s);
}

static void new_connections_go_to_the_new_address(void **state)
{
	struct server first = server_start(&(struct server_conf){ .tls = tls });
	struct server other = server_start(
		&(struct server_conf){ .tls = tls, .address = "127.0.0.2", .port = first.port });

	(void)state;
	start_http(1000);
	assert_int_equal(ask(&first, "/nothing"), ERR_LOST);
	assert_int_equal(ask(&first, "/echo/kept"), OK);
	int asked = dns_asked + 2; /* one may be under way */
	dns_answer = "127.0.0.2";
	await(dns_asked >= asked);
	rest(10);
	assert_int_equal(ask(&first, "/nothing"), ERR_LOST);
	assert_int_equal(first.seen->requests, 3);
	assert_int_equal(ask(&first, "/echo/moved"), OK);
	assert_int_equal(first.seen->requests, 3);
	assert_int_equal(other.seen->requests, 1);
	http_destroy(http);
	server_stop(&first);
	server_stop(&other);
}

static int set_up_group(void **state)
{
	(void)state;
	resolve_getaddrinfo = fake_getaddrinfo;
	root = identity_create((struct wish){ .name = "root", .ca = true });
	leaf = identity_create(
		(struct wish){ .name = "leaf", .san = "DNS:wechat.test", .issuer = &root });
	identity_write(&root, ca_path);
	tls = identity_tls(&leaf, NULL);
	return 0;
}

static int tear_down_group(void **state)
{
	(void)state;
	SSL_CTX_free(tls);
	identity_free(&leaf);
	identity_free(&root);
	unlink(ca_path);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_name_is_looked_up_at_once_and_again),
		TEST(the_last_good_addresses_outlive_the_name_service),
		TEST(addresses_outlive_the_process),
		TEST(who_waits_hears_of_a_failure_too),
		TEST(a_lookup_that_hangs_does_not_hold_up_the_end_of_a_process),
		TEST(a_real_address_comes_from_the_system),
		TEST(calls_wait_for_the_first_answer),
		TEST(calls_do_not_wait_for_ever),
		TEST(a_dead_name_service_is_told_at_once),
		TEST(a_hung_name_service_hurts_nobody),
		TEST(new_connections_go_to_the_new_address),
	};

	return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
