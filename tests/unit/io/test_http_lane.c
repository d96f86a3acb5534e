#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "http_lane.h"
#include "tls_server.h"

enum { JOBS = 100 };

static struct server server;
static struct loop *loop;
static struct lanes *lanes;
static struct lane_job jobs[JOBS];
static char url[128];
static unsigned left;

static void on_ended(struct lane_job *job, CURLcode result)
{
	assert_int_equal(result, CURLE_OK);
	curl_easy_cleanup(job->easy);
	if (--left == 0)
		loop_stop(loop);
}

static void run(unsigned n)
{
	left = n;
	for (unsigned i = 0; i < n; i++) {
		jobs[i] = (struct lane_job){ .easy = curl_easy_init(), .ended = on_ended };
		curl_easy_setopt(jobs[i].easy, CURLOPT_URL, url);
		curl_easy_setopt(jobs[i].easy, CURLOPT_NOPROXY, "*");
		lanes_add(lanes, &jobs[i]);
	}
}

static unsigned lanes_used(unsigned n)
{
	unsigned used = 0;

	for (unsigned i = 0; i < n; i++) {
		bool seen = false;

		for (unsigned k = 0; k < i; k++)
			seen |= jobs[k].lane == jobs[i].lane;
		used += !seen;
	}
	return used;
}

static int set_up(void **state)
{
	(void)state;
	server = server_start(&(struct server_conf){ 0 });
	snprintf(url, sizeof url, "%s/delay/10/", server.base);
	loop = loop_create();
	lanes = lanes_create(loop);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	clock_skew_ms = 0;
	lanes_destroy(lanes);
	loop_destroy(loop);
	server_stop(&server);
	return 0;
}

static void jobs_are_packed_into_few_lanes(void **state)
{
	(void)state;
	run(JOBS);
	assert_int_equal(lanes_used(JOBS), (JOBS + LANE_JOBS - 1) / LANE_JOBS);
	loop_run(loop);
	assert_int_equal(server.seen->connections, JOBS);
	run(LANE_JOBS);
	assert_int_equal(lanes_used(LANE_JOBS), 1);
	loop_run(loop);
	run(JOBS);
	loop_run(loop);
	assert_int_equal(server.seen->connections, JOBS);
}

static void lanes_of_no_use_are_closed(void **state)
{
	(void)state;
	run(JOBS);
	loop_run(loop);
	clock_skew_ms += 14 * 1000;
	lanes_tidy(lanes);
	run(LANE_JOBS);
	loop_run(loop);
	assert_int_equal(server.seen->connections, JOBS);
	clock_skew_ms += 8 * 1000;
	lanes_tidy(lanes);
	run(JOBS);
	loop_run(loop);
	assert_int_equal(server.seen->connections, JOBS + JOBS - LANE_JOBS);
}

static void a_lane_at_work_is_not_closed(void **state)
{
	(void)state;
	run(JOBS);
	clock_skew_ms += 3600 * 1000;
	lanes_tidy(lanes);
	loop_run(loop);
	assert_int_equal(server.seen->requests, JOBS);
}

static void a_job_removed_does_not_end(void **state)
{
	(void)state;
	run(2);
	lanes_remove(&jobs[1]);
	curl_easy_cleanup(jobs[1].easy);
	left = 1;
	loop_run(loop);
	assert_int_equal(server.seen->requests, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(jobs_are_packed_into_few_lanes),
		TEST(lanes_of_no_use_are_closed),
		TEST(a_lane_at_work_is_not_closed),
		TEST(a_job_removed_does_not_end),
	};

	curl_global_init(CURL_GLOBAL_DEFAULT);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	curl_global_cleanup();
	return failed;
}
