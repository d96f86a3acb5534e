/*
 * A name with several addresses, of which some are dead, silent, refusing, hanging up, stalling
 * in TLS or somebody else: each is tried in turn, and no order of events ends the process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/crypt.h"
#include "identity.h"
#include "io/http.h"
#include "resolve.h"
#include "tls_server.h"

#include <dirent.h>
#include <sys/resource.h>

/* By the last number of the address, 127.0.0.N. */
enum kind { GOOD = 2, ALSO_GOOD, RESETS, STALLS, SILENT, REFUSES, STRANGER, KIND_END };

static const char ca_path[] = "test_addresses_ca.pem";
static struct identity root, leaf, other;
static SSL_CTX *leaf_tls, *other_tls;
static struct server servers[KIND_END];
static int port, stalls_fd, silent_fd, silent_clients[8];
static struct loop *loop;
static struct http *http;

/* "h-2-5.w.test" is 127.0.0.2 and 127.0.0.5. */
static int fake_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
			    struct addrinfo **ret_found)
{
	const struct addrinfo numeric = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
	char text[32];

	(void)hints;
	for (host = strchr(host, '-'); host != NULL; host = strchr(host + 1, '-')) {
		snprintf(text, sizeof text, "127.0.0.%d", atoi(host + 1));
		ensure(getaddrinfo(text, service, &numeric, ret_found) == 0);
		ret_found = &(*ret_found)->ai_next; /* glibc frees a chain however it was made */
	}
	return 0;
}

static struct sockaddr_in address_of(enum kind kind)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + (unsigned)kind);
	return at;
}

/* Takes connections into its queue, and never out of it. */
static int listen_only(enum kind kind, int backlog)
{
	struct sockaddr_in at = address_of(kind);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ensure(bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, backlog) == 0);
	return fd;
}

/* A full queue: further SYNs are dropped. */
static void be_silent(void)
{
	struct sockaddr_in at = address_of(SILENT);

	silent_fd = listen_only(SILENT, 0);
	for (size_t i = 0; i < ARRAY_LEN(silent_clients); i++) {
		silent_clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		connect(silent_clients[i], (struct sockaddr *)&at, sizeof at);
	}
}

static void start_server(enum kind kind, SSL_CTX *tls, bool reset)
{
	char address[32];

	snprintf(address, sizeof address, "127.0.0.%d", kind);
	servers[kind] = server_start(&(struct server_conf){
		.tls = tls, .address = address, .port = port, .reset = reset });
	port = servers[kind].port;
}

static void create(int connect_ms, int total_ms)
{
	loop = loop_create();
	assert_int_equal(
		http_create(loop, &(struct http_conf){ .ca_file = ca_path, .connect_ms = connect_ms, .total_ms = total_ms }, &http), OK);
}

static int tear_down(void **state)
{
	(void)state;
	http_destroy(http);
	loop_destroy(loop);
	return 0;
}

struct probe {
	struct http_call call;
	char url[128];
	bool has_good, cancelled;
	int calls_back;
};

static unsigned under_way;

static void on_done(struct http_call *c)
{
	container_of(c, struct probe, call)->calls_back++;
	if (--under_way == 0)
		loop_stop(loop);
}

static void begin(struct probe *p, const char *host)
{
	*p = (struct probe){ .calls_back = 0 };
	snprintf(p->url, sizeof p->url, "https://%s:%d/echo/x", host, port);
	p->call = (struct http_call){ .url = { p->url, strlen(p->url) }, .post = true,
				      .unbound = true };
	under_way++;
	http_start(http, &p->call, on_done);
}

static enum err ask(const char *host)
{
	struct probe p;

	begin(&p, host);
	loop_run(loop);
	enum err err = p.call.err;
	http_call_finish(&p.call);
	return err;
}

static unsigned requests(void)
{
	return servers[GOOD].seen->requests + servers[ALSO_GOOD].seen->requests;
}

static int set_up(void **state)
{
	(void)state;
	create(4000, 8000);
	return 0;
}

static void an_address_that_does_not_work_is_passed_over(void **state)
{
	static const char *const hosts[] = {
		"resets-4-2.w.test", "stalls-5-2.w.test", "silent-6-2.w.test", "refuses-7-2.w.test",
		"stranger-8-2.w.test", "many-4-5-8-2.w.test",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		unsigned before = requests();

		if (ask(hosts[i]) != OK)
			fail_msg("%s", hosts[i]);
		assert_int_equal(requests() - before, 1);
	}
}

/* The second call does not try the silent one again: it would take a quarter of 4 s. */
static void what_worked_last_is_tried_first(void **state)
{
	(void)state;
	assert_int_equal(ask("h-6-2.w.test"), OK);
	int64_t began = clock_boot_ms();
	for (int i = 0; i < 20; i++)
		assert_int_equal(ask("h-6-2.w.test"), OK);
	assert_true(clock_boot_ms() - began < 20 * 1000);
}

static void a_name_without_a_good_address_says_why(void **state)
{
	(void)state;
	assert_int_equal(ask("h-7-4.w.test"), ERR_CONNECT);
	assert_int_equal(ask("h-8-7.w.test"), ERR_TLS);
	assert_int_equal(ask("h-7-8.w.test"), ERR_TLS);
}

/* A call that may have been read is not sent to the next address. */
static void nothing_goes_to_a_second_address_once_it_was_sent(void **state)
{
	struct probe p = { .calls_back = 0 };
	unsigned before = requests();

	(void)state;
	snprintf(p.url, sizeof p.url, "https://h-2-3.w.test:%d/nothing", port);
	p.call = (struct http_call){ .url = { p.url, strlen(p.url) }, .post = true };
	under_way++;
	http_start(http, &p.call, on_done);
	loop_run(loop);
	assert_int_equal(p.call.err, ERR_LOST);
	http_call_finish(&p.call);
	assert_int_equal(requests() - before, 1);
}

static unsigned open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static void without_descriptors_a_call_says_so_and_the_next_one_works(void **state)
{
	struct rlimit files, few;

	(void)state;
	assert_int_equal(ask("h-2.w.test"), OK);
	getrlimit(RLIMIT_NOFILE, &files);
	few = files;
	few.rlim_cur = STDERR_FILENO + 1;
	setrlimit(RLIMIT_NOFILE, &few);
	assert_int_equal(ask("h-2.w.test"), ERR_FULL);
	setrlimit(RLIMIT_NOFILE, &files);
	assert_int_equal(ask("h-2.w.test"), OK);
}

/* --- any order of events ----------------------------------------------------------- */

enum { SEQUENCES = 1500, PACE_MS = 4, CONNECT_MS = 8000 };

static struct probe crowd[SEQUENCES];
static unsigned begun;
static struct timer pace;

/* One to four addresses of any kind, in any order. */
static void begin_random(struct probe *p, unsigned n)
{
	char host[64];
	size_t len = (size_t)snprintf(host, sizeof host, "n%u", n);
	bool has_good = false;

	for (int i = rand() % 4; i >= 0; i--) {
		int kind = GOOD + rand() % (KIND_END - GOOD);
		has_good = has_good || kind == GOOD || kind == ALSO_GOOD;
		len += (size_t)snprintf(host + len, sizeof host - len, "-%d", kind);
	}
	snprintf(host + len, sizeof host - len, ".w.test");
	begin(p, host);
	p->has_good = has_good;
}

static void cancel_random(void)
{
	struct probe *p = &crowd[(unsigned)rand() % begun];

	if (p->cancelled || p->calls_back > 0)
		return;
	p->cancelled = true;
	under_way--;
	http_cancel(&p->call);
}

static void on_pace(struct timer *t)
{
	begin_random(&crowd[begun], begun);
	begun++;
	if (rand() % 10 == 0)
		cancel_random();
	if (begun < SEQUENCES)
		timer_start(t, PACE_MS);
	else if (under_way == 0)
		loop_stop(loop);
}

static void no_order_of_events_ends_the_process(void **state)
{
	unsigned answered = 0, cancelled = 0, hopeless = 0, before, seed = (unsigned)time(NULL);

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	before = open_fds();
	create(CONNECT_MS, 2 * CONNECT_MS);
	begun = under_way = 0;
	timer_init(loop, &pace, on_pace);
	timer_start(&pace, 1);
	while (begun < SEQUENCES || under_way > 0)
		loop_run(loop);
	timer_finish(&pace);
	for (unsigned i = 0; i < SEQUENCES; i++) {
		struct probe *p = &crowd[i];

		cancelled += p->cancelled;
		if (p->cancelled)
			continue;
		assert_int_equal(p->calls_back, 1);
		bool right = p->has_good ? p->call.err == OK
					 : p->call.err == ERR_CONNECT || p->call.err == ERR_TLS;
		if (!right)
			fail_msg("%s: %s", p->url, err_text(p->call.err));
		answered += p->has_good;
		hopeless += !p->has_good;
		http_call_finish(&p->call);
	}
	print_message("%u sequences: %u answered, %u without a good address, %u cancelled\n",
		      SEQUENCES, answered, hopeless, cancelled);
	assert_true(answered > SEQUENCES / 4 && hopeless > SEQUENCES / 10 && cancelled > 0);
	http_destroy(http); /* some are still under way */
	loop_destroy(loop);
	assert_int_equal(open_fds(), before);
}

static int set_up_group(void **state)
{
	(void)state;
	resolve_getaddrinfo = fake_getaddrinfo;
	root = identity_create((struct wish){ .name = "root", .ca = true });
	leaf = identity_create(
		(struct wish){ .name = "leaf", .san = "DNS:*.w.test", .issuer = &root });
	other = identity_create(
		(struct wish){ .name = "other", .san = "DNS:else.where", .issuer = &root });
	identity_write(&root, ca_path);
	leaf_tls = identity_tls(&leaf, NULL);
	other_tls = identity_tls(&other, NULL);
	start_server(GOOD, leaf_tls, false);
	start_server(ALSO_GOOD, leaf_tls, false);
	start_server(RESETS, leaf_tls, true);
	start_server(STRANGER, other_tls, false);
	stalls_fd = listen_only(STALLS, 4096);
	be_silent();
	return 0;
}

static int tear_down_group(void **state)
{
	(void)state;
	server_stop(&servers[GOOD]);
	server_stop(&servers[ALSO_GOOD]);
	server_stop(&servers[RESETS]);
	server_stop(&servers[STRANGER]);
	SSL_CTX_free(leaf_tls);
	SSL_CTX_free(other_tls);
	identity_free(&leaf);
	identity_free(&other);
	identity_free(&root);
	close(stalls_fd);
	close(silent_fd);
	for (size_t i = 0; i < ARRAY_LEN(silent_clients); i++)
		close(silent_clients[i]);
	unlink(ca_path);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_address_that_does_not_work_is_passed_over),
		TEST(what_worked_last_is_tried_first),
		TEST(a_name_without_a_good_address_says_why),
		TEST(nothing_goes_to_a_second_address_once_it_was_sent),
		TEST(without_descriptors_a_call_says_so_and_the_next_one_works),
		cmocka_unit_test(no_order_of_events_ends_the_process),
	};

	return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
