/* FastCGI with thousands of requests in flight, without descriptors, and without traces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "web_server.h"

#include <dirent.h>
#include <sys/resource.h>

enum { MANY = 2000 };

static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static long resident_kb(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_int_equal(fscanf(f, "%*s %ld", &pages), 1);
	fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static unsigned next_random(void)
{
	static unsigned seed = 1;

	seed = seed * 1103515245 + 12345;
	return seed >> 16;
}

static void raise_descriptors(rlim_t want)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur >= want)
		return;
	limit.rlim_cur = want;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void two_thousand_in_flight_are_answered_in_any_order(void **state)
{
	static struct client clients[MANY];
	struct fcgi_conf conf = world_conf();
	char body[32];

	(void)state;
	raise_descriptors(2 * MANY + 100);
	world_open(&conf);
	unsigned fds = count_fds();
	world.hold = true;
	long before = 0;
	for (unsigned i = 0; i < MANY; i++) {
		if (i == MANY / 2)
			before = resident_kb();
		snprintf(body, sizeof body, "request %u.", i);
		client_open(&clients[i]);
		client_ask(&clients[i], 1 + i % 65535, i % 2 == 0, body);
		world_turn();
	}
	assert_int_equal(world_stats().in_flight, MANY);
	print_message("%.1f KB a request in flight, both sides\n",
		      (double)(resident_kb() - before) / (MANY / 2));

	while (world.held_nr > 0)
		world_release(next_random() % world.held_nr);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(body, sizeof body, "\"request %u.\"", i);
		client_expect(&clients[i], 1 + i % 65535, 200, body);
	}
	world_run(20);
	assert_int_equal(world_stats().connections, MANY / 2);
	for (unsigned i = 0; i < MANY; i++)
		client_close(&clients[i]);
	world_run(50);
	assert_int_equal(world_stats().connections, 0);
	assert_int_equal(world_stats().aborted, 0);
	assert_int_equal(count_fds(), fds);
	world_close();
}

static void peers_that_go_at_random_times_leave_nothing_behind(void **state)
{
	struct fcgi_conf conf = world_conf();
	struct records r = { 0 };

	(void)state;
	world_open(&conf);
	put_usual_request(&r, 1, true, "gone in between");
	unsigned fds = count_fds();
	for (int i = 0; i < 3000; i++) {
		struct client c;
		world.hold = next_random() % 2 == 0;
		client_open(&c);
		size_t n = next_random() % (r.len + 1);
		assert_int_equal(send(c.fd, r.p, n, MSG_NOSIGNAL), n);
		if (next_random() % 2 == 0)
			send(c.fd, "\x01\x02\0\x01\0\0\0\0", 8, MSG_NOSIGNAL);
		if (next_random() % 4 != 0)
			world_turn();
		client_close(&c);
		while (world.held_nr > 3)
			world_release(next_random() % world.held_nr);
	}
	while (world.held_nr > 0)
		world_release(0);
	world_run(50);
	assert_int_equal(world_stats().accepted, 3000);
	assert_int_equal(world_stats().connections, 0);
	assert_int_equal(count_fds(), fds);
	records_free(&r);
	world_close();
}

static void without_descriptors_it_waits_and_goes_on(void **state)
{
	struct fcgi_conf conf = world_conf();
	struct rlimit old, low;
	struct client c[6];

	(void)state;
	world_open(&conf);
	for (int i = 0; i < 6; i++)
		client_open(&c[i]);
	getrlimit(RLIMIT_NOFILE, &old);
	low = old;
	low.rlim_cur = (rlim_t)dup(0) + 3; /* room for two connections */
	close((int)low.rlim_cur - 3);
	low.rlim_cur--;
	setrlimit(RLIMIT_NOFILE, &low);
	for (int i = 0; i < 6; i++)
		client_ask(&c[i], 1, false, "waits");
	world.hold = true;
	world_run(50);
	assert_int_equal(world.held_nr, 2);
	world_release(0);
	world_release(0);
	int64_t start = now_ms();
	world.hold = false;
	for (int i = 0; i < 6; i++)
		client_expect(&c[i], 1, 200, "waits");
	assert_in_range(now_ms() - start, 0, 900);
	setrlimit(RLIMIT_NOFILE, &old);
	for (int i = 0; i < 6; i++)
		client_close(&c[i]);
	world_close();
}

static void over_the_limit_they_wait_in_the_queue_and_come_in_as_others_go(void **state)
{
	struct fcgi_conf conf = world_conf();
	struct client c[6];

	(void)state;
	conf.connections_max = 2;
	world_open(&conf);
	for (int i = 0; i < 6; i++) {
		client_open(&c[i]);
		client_ask(&c[i], 1, false, "waits");
	}
	world.hold = true;
	world_run(50);
	assert_int_equal(world.held_nr, 2);
	for (unsigned gone = 0; gone < 6; gone++) {
		assert_int_equal(world_stats().accepted, gone + 2 < 6 ? gone + 2 : 6);
		world_release(0);
		world_run(20);
	}
	for (int i = 0; i < 6; i++)
		client_expect(&c[i], 1, 200, "waits");
	for (int i = 0; i < 6; i++)
		client_close(&c[i]);
	world_close();
}

static void kept_connections_that_are_silent_make_room(void **state)
{
	struct fcgi_conf conf = world_conf();
	struct client kept[2], late;

	(void)state;
	conf.connections_max = 2;
	world_open(&conf);
	for (int i = 0; i < 2; i++) {
		client_open(&kept[i]);
		client_ask(&kept[i], 1, true, "kept");
		client_expect(&kept[i], 1, 200, "kept");
	}
	client_open(&late);
	client_ask(&late, 1, true, "late");
	client_expect(&late, 1, 200, "late");
	assert_true(client_is_closed_within(&kept[0], 2000)); /* the first to fall silent */
	for (int i = 0; i < 2; i++)
		client_close(&kept[i]);
	client_close(&late);
	world_close();
}

/* ---- traces ---- */

/* A sanitizer's shadow is terabytes, and it keeps what was freed. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#elif defined(__has_feature)
enum { SANITIZED = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) };
#else
enum { SANITIZED = 0 };
#endif

/* Not in the program's own data: put together when it is needed. */
static void make_canary(char dst[17])
{
	for (int i = 0; i < 16; i++)
		dst[i] = (char)("dbobsz!pg!b!obnf"[i] - 1);
	dst[16] = '\0';
}

/* How often it stands in the memory of this process, our own stack excepted. */
static unsigned count_in_memory(const char *canary)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long from, to;
	char line[512];
	unsigned found = 0;

	while (fgets(line, sizeof line, maps) != NULL) {
		if (sscanf(line, "%lx-%lx rw", &from, &to) != 2 || strstr(line, " rw-p ") == NULL ||
		    strstr(line, "[stack]") != NULL)
			continue;
		const char *p = (const char *)from, *end = (const char *)to;
		while ((p = memmem(p, (size_t)(end - p), canary, 16)) != NULL) {
			found++;
			p++;
		}
	}
	fclose(maps);
	return found;
}

static void nothing_of_a_request_stays_in_memory(void **state)
{
	struct fcgi_conf conf = world_conf();
	struct records params = { 0 }, r = { 0 };
	struct client c;
	char canary[17], query[64];

	(void)state;
	if (SANITIZED)
		skip();
	world_open(&conf);
	make_canary(canary);
	snprintf(query, sizeof query, "name=%s", canary);
	put_usual_params(&params, 16);
	put_text_pair(&params, "QUERY_STRING", query);
	put_request(&r, 1, true, &params, canary, 16);
	client_open(&c);
	client_send(&c, &r);
	explicit_bzero(params.p, params.size);
	explicit_bzero(r.p, r.size);
	explicit_bzero(query, sizeof query);
	world.hold = true;
	world_run(10);
	assert_int_equal(world.held_nr, 1);
	assert_int_equal(count_in_memory(canary), 2); /* in the arena: query and body */
	world.held[0]->body = STR("");
	world_release(0);
	client_expect(&c, 1, 200, "");
	assert_int_equal(count_in_memory(canary), 0);
	records_free(&params);
	records_free(&r);
	client_close(&c);
	world_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_thousand_in_flight_are_answered_in_any_order),
		cmocka_unit_test(peers_that_go_at_random_times_leave_nothing_behind),
		cmocka_unit_test(without_descriptors_it_waits_and_goes_on),
		cmocka_unit_test(over_the_limit_they_wait_in_the_queue_and_come_in_as_others_go),
		cmocka_unit_test(kept_connections_that_are_silent_make_room),
		cmocka_unit_test(nothing_of_a_request_stays_in_memory),
	};

	if (log_open("/dev/null", LOG_ERROR, false) != OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
