/* FastCGI over real sockets: what a web server sees, whatever it does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "web_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>

static int setup(void **state)
{
	struct fcgi_conf conf = world_conf();

	(void)state;
	world_open(&conf);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_close();
	return 0;
}

/* ---- the usual ---- */

static void a_request_is_answered_and_the_connection_closed(void **state)
{
	struct client c;

	(void)state;
	client_open(&c);
	client_ask(&c, 1, false, "hello");
	client_expect(&c, 1, 200,
		      "\"path\":\"/face/identify\",\"params\":5,\"body_len\":5,\"body\":\"hello\"");
	assert_true(client_is_closed_within(&c, 5000));
	client_close(&c);
	assert_int_equal(world_stats().requests, 1);
	assert_int_equal(world_stats().aborted, 0);
	assert_int_equal(world_stats().refused, 0);
}

static void a_kept_connection_serves_one_request_after_another(void **state)
{
	struct client c;

	(void)state;
	client_open(&c);
	for (unsigned id = 1; id <= 50; id++) {
		client_ask(&c, id * 1000, true, "hello");
		client_expect(&c, id * 1000, 200, "hello");
	}
	assert_false(client_is_closed_within(&c, 20));
	client_ask(&c, 9, false, "last");
	client_expect(&c, 9, 200, "last");
	assert_true(client_is_closed_within(&c, 5000));
	client_close(&c);
	assert_int_equal(world_stats().accepted, 1);
	assert_int_equal(world_stats().requests, 51);
}

static void the_answer_carries_the_headers(void **state)
{
	struct client c;
	struct answer a;

	(void)state;
	client_open(&c);
	client_ask(&c, 1, false, "");
	assert_true(client_answer(&c, &a));
	assert_non_null(strstr((const char *)a.out.p, "\r\nX-Request-Id: r-1\r\n"));
	assert_non_null(strstr((const char *)a.out.p, "\r\nCache-Control: no-store\r\n"));
	records_free(&a.out);
	client_close(&c);
}

static void a_request_may_come_byte_by_byte(void **state)
{
	struct records r = { 0 };
	struct client c;

	(void)state;
	client_open(&c);
	put_usual_request(&r, 1, true, "slowly");
	for (size_t at = 0; at < r.len; at++) {
		assert_int_equal(send(c.fd, r.p + at, 1, MSG_NOSIGNAL), 1);
		world_run(1);
		assert_int_equal(world.handled, at + 1 == r.len);
	}
	client_expect(&c, 1, 200, "slowly");
	records_free(&r);
	client_close(&c);
}

static void requests_in_one_write_are_answered_in_order(void **state)
{
	struct records r = { 0 };
	struct client c;

	(void)state;
	client_open(&c);
	for (unsigned id = 1; id <= 300; id++)
		put_usual_request(&r, id, true, "many");
	client_send(&c, &r);
	for (unsigned id = 1; id <= 300; id++)
		client_expect(&c, id, 200, "many");
	assert_true(world.highest - world.deepest < 65536); /* no recursion */
	records_free(&r);
	client_close(&c);
}

static void what_comes_behind_a_request_waits_until_that_is_answered(void **state)
{
	struct records r = { 0 };
	struct client c;

	(void)state;
	client_open(&c);
	client_ask(&c, 9, true, "so that it is watched");
	client_expect(&c, 9, 200, "watched");
	world.hold = true;
	put_usual_request(&r, 1, true, "first");
	put_usual_request(&r, 2, true, "second");
	client_send(&c, &r);
	world_run(20);
	assert_int_equal(world.held_nr, 1);
	client_ask(&c, 3, false, "third"); /* by a write of its own */
	clock_t cpu = clock();
	world_run(100);
	assert_true(clock() - cpu < CLOCKS_PER_SEC / 20); /* and the loop sleeps */
	assert_int_equal(world.held_nr, 1);
	for (unsigned id = 1; id <= 3; id++) {
		world_release(0);
		client_expect(&c, id, 200, id == 1 ? "first" : id == 2 ? "second" : "third");
		world_run(20);
	}
	assert_true(client_is_closed_within(&c, 5000));
	records_free(&r);
	client_close(&c);
}

static void a_client_that_stopped_writing_is_answered_still(void **state)
{
	struct client c;

	(void)state;
	world.hold = true;
	client_open(&c);
	client_ask(&c, 1, false, "half closed");
	assert_int_equal(shutdown(c.fd, SHUT_WR), 0);
	world_run(20);
	world_release(0);
	client_expect(&c, 1, 200, "half closed");
	client_close(&c);
}

/* ---- limits ---- */

static void the_largest_request_there_can_be_is_served(void **state)
{
	static char value[REQ_PARAM_VALUE_MAX], body[REQ_BODY_MAX];
	struct records params = { 0 }, r = { 0 };
	struct client c;

	(void)state;
	memset(value, 'v', sizeof value);
	put_usual_params(&params, sizeof body);
	while (params.len + sizeof value + 8 <= REQ_PARAMS_MAX)
		put_pair(&params, "HTTP_X", 6, value, sizeof value - 6);
	put_pair(&params, "N", 1, value, REQ_PARAMS_MAX - params.len - 6);
	assert_int_equal(params.len, REQ_PARAMS_MAX);
	put_request(&r, 1, true, &params, body, sizeof body);
	client_open(&c);
	for (int i = 0; i < 20; i++) {
		client_send(&c, &r);
		client_expect(&c, 1, 200, "\"body_len\":16384");
	}
	records_free(&params);
	records_free(&r);
	client_close(&c);
}

static void the_longest_answer_there_can_be_is_sent(void **state)
{
	struct client c;
	struct answer a;

	(void)state;
	world.answer_len = REPLY_MAX - 200;
	client_open(&c);
	client_ask(&c, 1, true, "");
	world_run(20); /* the web server is slow to read */
	assert_true(client_answer(&c, &a));
	assert_true(a.out.len > REPLY_MAX - 200);
	assert_memory_equal(a.out.p, "Status: 200\r\n", 13);
	records_free(&a.out);
	client_close(&c);
	assert_int_equal(world_stats().aborted, 0);
}

static void a_request_over_a_limit_is_answered_and_the_connection_goes_on(void **state)
{
	static char body[300000], value[REQ_PARAM_VALUE_MAX + 1];
	struct records params = { 0 }, r = { 0 };
	struct client c;

	(void)state;
	client_open(&c);
	put_usual_params(&params, sizeof body);
	put_request(&r, 1, true, &params, body, sizeof body);
	client_send(&c, &r);
	client_expect(&c, 1, 413, "body_too_large");
	put_pair(&params, "HTTP_X", 6, value, sizeof value);
	r.len = 0;
	put_request(&r, 2, true, &params, "x", 1);
	client_send(&c, &r);
	client_expect(&c, 2, 431, "header_too_large");
	client_ask(&c, 3, true, "fine");
	client_expect(&c, 3, 200, "fine");
	assert_int_equal(world.handled, 1);
	assert_int_equal(world_stats().refused, 2);
	records_free(&params);
	records_free(&r);
	client_close(&c);
}

static void put_large_body(struct records *r, size_t n)
{
	static char piece[65535];
	struct records params = { 0 };

	put_usual_params(&params, n * sizeof piece);
	put_begin(r, 1, FCGI_RESPONDER, FCGI_KEEP);
	put_stream(r, FCGI_PARAMS, 1, params.p, params.len, 65535, 0);
	for (size_t i = 0; i < n; i++)
		put_record(r, FCGI_STDIN, 1, piece, sizeof piece, 0);
	records_free(&params);
}

static void a_body_of_many_megabytes_is_answered_with_413(void **state)
{
	struct records r = { 0 };
	struct client c;

	(void)state;
	client_open(&c);
	put_large_body(&r, 400);
	put_record(&r, FCGI_STDIN, 1, NULL, 0, 0);
	client_send(&c, &r);
	client_expect(&c, 1, 413, "body_too_large");
	records_free(&r);
	client_close(&c);
}

static void a_body_without_end_runs_into_the_deadline(void **state)
{
	struct fcgi_conf conf = world_conf();
	struct records r = { 0 };
	struct client c;

	(void)state;
	conf.request_ms = 100;
	world_open(&conf);
	client_open(&c);
	put_large_body(&r, 10);
	int64_t start = now_ms();
	while (now_ms() < start + 1000 && !c.closed) {
		client_send(&c, &r);
		r.len = 0; /* then records of the same body, one by one */
		put_record(&r, FCGI_STDIN, 1, "more", 4, 4);
		world_run(5);
		client_receive(&c);
	}
	assert_true(c.closed);
	assert_in_range(now_ms() - start, 90, 500);
	assert_int_equal(c.in.len, 0);
	assert_int_equal(world_stats().refused, 1);
	records_free(&r);
	client_close(&c);
	world_close();
}

static void a_length_that_is_not_the_bodys_is_400(void **state)
{
	static const size_t lengths[] = { 0, 4, 6, 16385 };
	struct client c;

	(void)state;
	client_open(&c);
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct records params = { 0 }, r = { 0 };
		put_usual_params(&params, lengths[i]);
		put_request(&r, 1, true, &params, "hello", 5);
		client_send(&c, &r);
		client_expect(&c, 1, 400, "bad_request");
		records_free(&params);
		records_free(&r);
	}
	assert_int_equal(world.handled, 0);
	client_close(&c);
}

static void a_parameter_with_a_nul_is_400(void **state)
{
	struct records params = { 0 }, r = { 0 };
	struct client c;

	(void)state;
	put_usual_params(&params, 0);
	put_pair(&params, "REMOTE_USER", 11, "alice\0admin", 11);
	put_request(&r, 1, false, &params, "", 0);
	client_open(&c);
	client_send(&c, &r);
	client_expect(&c, 1, 400, "bad_request");
	records_free(&params);
	records_free(&r);
	client_close(&c);
}

static void over_the_limit_in_flight_it_is_busy(void **state)
{
	struct fcgi_conf conf = world_conf();
	struct client c[4];

	(void)state;
	conf.in_flight_max = 3;
	world_open(&conf);
	world.hold = true;
	for (int i = 0; i < 4; i++) {
		client_open(&c[i]);
		client_ask(&c[i], 1, true, "");
		world_run(5);
	}
	assert_int_equal(world.held_nr, 3);
	client_expect(&c[3], 1, 503, "\r\nRetry-After: 2\r\n");
	world_release(0);
	client_ask(&c[3], 2, true, "");
	world_run(5);
	assert_int_equal(world.held_nr, 3);
	while (world.held_nr > 0)
		world_release(0);
	client_expect(&c[3], 2, 200, "");
	for (int i = 0; i < 4; i++)
		client_close(&c[i]);
	world_close();
}

/* ---- the slow, the silent and the gone ---- */

static void half_a_request_holds_nobody_up(void **state)
{
	struct records r = { 0 };
	struct client half, other;

	(void)state;
	put_usual_request(&r, 1, true, "at last");
	client_open(&half);
	assert_int_equal(send(half.fd, r.p, r.len / 2, 0), r.len / 2);
	client_open(&other);
	for (unsigned id = 1; id <= 20; id++) {
		client_ask(&other, id, true, "meanwhile");
		client_expect(&other, id, 200, "meanwhile");
	}
	assert_int_equal(send(half.fd, r.p + r.len / 2, r.len - r.len / 2, 0), r.len - r.len / 2);
	client_expect(&half, 1, 200, "at last");
	records_free(&r);
	client_close(&half);
	client_close(&other);
}

static void who_is_too_slow_or_silent_is_closed(void **state)
{
	struct fcgi_conf conf = world_conf();
	struct records r = { 0 };
	struct client half, silent, kept;

	(void)state;
	conf.request_ms = 60;
	world_open(&conf);
	put_usual_request(&r, 1, true, "");
	client_open(&half);
	client_open(&silent);
	client_open(&kept);
	client_ask(&kept, 1, true, "");
	client_expect(&kept, 1, 200, "");
	int64_t start = now_ms();
	for (int i = 0; i < 10 && !half.closed; i++) { /* a byte now and then does not help */
		send(half.fd, r.p + i, 1, MSG_NOSIGNAL);
		client_is_closed_within(&half, 20);
	}
	assert_true(half.closed);
	assert_true(now_ms() - start >= 45); /* not at once */
	assert_true(client_is_closed_within(&silent, 5000));
	assert_false(client_is_closed_within(&kept, 100));
	assert_int_equal(world_stats().refused, 1);
	records_free(&r);
	client_close(&half);
	client_close(&silent);
	client_close(&kept);
	world_close();
}

static void a_kept_connection_may_be_idle_for_so_long(void **state)
{
	struct fcgi_conf conf = world_conf();
	struct client c;

	(void)state;
	conf.idle_ms = 60;
	world_open(&conf);
	client_open(&c);
	for (unsigned id = 1; id <= 4; id++) {
		client_ask(&c, id, true, "");
		client_expect(&c, id, 200, "");
		assert_false(client_is_closed_within(&c, 30));
	}
	int64_t start = now_ms();
	assert_true(client_is_closed_within(&c, 5000));
	assert_in_range(now_ms() - start, 10, 150);
	client_close(&c);
	world_close();
}

static void a_request_in_flight_has_no_deadline_here(void **state)
{
	struct fcgi_conf conf = world_conf();
	struct client c;

	(void)state;
	conf.request_ms = conf.idle_ms = 20;
	world_open(&conf);
	world.hold = true;
	client_open(&c);
	client_ask(&c, 1, true, "long");
	assert_false(client_is_closed_within(&c, 100));
	world_release(0);
	client_expect(&c, 1, 200, "long");
	client_close(&c);
	world_close();
}

static void a_peer_that_has_gone_costs_nothing(void **state)
{
	struct client c;

	(void)state;
	world.hold = true;
	for (int i = 0; i < 20; i++) {
		client_open(&c);
		client_ask(&c, 1, i % 2 == 0, "gone");
		world_run(2);
		client_close(&c);
	}
	world_run(20);
	assert_int_equal(world_stats().in_flight, 20);
	while (world.held_nr > 0)
		world_release(0);
	assert_int_equal(world_stats().in_flight, 0);
	assert_int_equal(world_stats().aborted, 20);
	assert_int_equal(world_stats().connections, 0);
}

static void a_peer_that_goes_in_the_middle_of_a_request_is_forgotten(void **state)
{
	struct records r = { 0 };
	struct client c;

	(void)state;
	put_usual_request(&r, 1, true, "half");
	client_open(&c);
	send(c.fd, r.p, r.len - 1, 0);
	world_run(5);
	assert_int_equal(world_stats().connections, 1);
	client_close(&c);
	world_run(5);
	assert_int_equal(world_stats().connections, 0);
	assert_int_equal(world_stats().aborted, 1);
	records_free(&r);
}

static void a_peer_that_never_reads_is_closed_without_a_wait(void **state)
{
	struct records r = { 0 };
	struct client deaf, other;

	(void)state;
	world.answer_len = 60000;
	for (unsigned id = 1; id <= 100; id++)
		put_usual_request(&r, id, true, "deaf");
	client_open(&deaf);
	send(deaf.fd, r.p, r.len, 0);
	int64_t start = now_ms();
	for (int i = 0; i < 100 && world_stats().aborted == 0; i++)
		world_run(1);
	assert_int_equal(world_stats().aborted, 1);
	assert_int_equal(world_stats().connections, 0);
	assert_true(now_ms() - start < 1000);
	world.answer_len = 0;
	client_open(&other);
	client_ask(&other, 1, false, "hears");
	client_expect(&other, 1, 200, "hears");
	records_free(&r);
	client_close(&deaf);
	client_close(&other);
}

/* ---- records that are no request ---- */

static void management_records_are_answered_at_any_time(void **state)
{
	struct records r = { 0 };
	const unsigned char *content = NULL;
	unsigned type = 0, id = 0;
	struct client c;
	size_t len = 0;

	(void)state;
	client_open(&c);
	put_record(&r, FCGI_GET_VALUES, 0, "\x0F\0FCGI_MPXS_CONNS", 17, 0);
	put_begin(&r, 1, FCGI_RESPONDER, FCGI_KEEP);
	put_record(&r, 200, 0, NULL, 0, 0);
	client_send(&c, &r);
	assert_true(client_wait(&c, &type, &id, &content, &len));
	assert_int_equal(type, FCGI_GET_VALUES_RESULT);
	assert_int_equal(len, 18);
	assert_memory_equal(content,
			    "\x0F\x01"
			    "FCGI_MPXS_CONNS"
			    "0",
			    18);
	assert_true(client_wait(&c, &type, &id, &content, &len));
	assert_int_equal(type, FCGI_UNKNOWN_TYPE);
	assert_int_equal(id, 0);
	assert_int_equal(content[0], 200);
	records_free(&r);
	client_close(&c);
}

static void an_aborted_half_request_is_ended_and_the_connection_goes_on(void **state)
{
	struct records r = { 0 };
	struct client c;
	struct answer a;

	(void)state;
	client_open(&c);
	put_begin(&r, 5, FCGI_RESPONDER, FCGI_KEEP);
	put_record(&r, FCGI_ABORT, 5, NULL, 0, 0);
	client_send(&c, &r);
	assert_true(client_answer(&c, &a));
	assert_int_equal(a.id, 5);
	assert_int_equal(a.out.len, 1);
	client_ask(&c, 6, true, "after");
	client_expect(&c, 6, 200, "after");
	assert_int_equal(world.handled, 1);
	records_free(&a.out);
	records_free(&r);
	client_close(&c);
}

static void an_abort_of_a_request_in_flight_waits_and_is_ignored(void **state)
{
	struct records r = { 0 };
	struct client c;

	(void)state;
	world.hold = true;
	client_open(&c);
	client_ask(&c, 5, true, "paid for");
	world_run(5);
	put_record(&r, FCGI_ABORT, 5, NULL, 0, 0);
	client_send(&c, &r);
	world_run(5);
	world_release(0);
	client_expect(&c, 5, 200, "paid for");
	client_ask(&c, 6, true, "after");
	world_run(5);
	world_release(0);
	client_expect(&c, 6, 200, "after");
	records_free(&r);
	client_close(&c);
}

static void refused_roles_and_multiplexing_are_told_so(void **state)
{
	struct records r = { 0 };
	struct client c;
	struct answer a;

	(void)state;
	client_open(&c);
	put_begin(&r, 1, 2, FCGI_KEEP);
	put_begin(&r, 2, FCGI_RESPONDER, FCGI_KEEP);
	put_begin(&r, 3, FCGI_RESPONDER, FCGI_KEEP);
	client_send(&c, &r);
	assert_true(client_answer(&c, &a));
	assert_int_equal(a.id, 1);
	assert_int_equal(a.protocol_status, 3);
	records_free(&a.out);
	assert_true(client_answer(&c, &a));
	assert_int_equal(a.id, 3);
	assert_int_equal(a.protocol_status, 1);
	records_free(&a.out);
	records_free(&r);
	client_close(&c);
}

static void rubbish_is_closed_and_does_no_harm(void **state)
{
	unsigned seed = 1;
	struct client c;

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct records r = { 0 };
		unsigned char bytes[200];
		for (size_t k = 0; k < sizeof bytes; k++) {
			seed = seed * 1103515245 + 12345;
			bytes[k] = (unsigned char)(seed >> 16);
		}
		if (i % 2 == 0)
			put_usual_request(&r, 1, true, "x");
		put_bytes(&r, bytes, sizeof bytes);
		if (i % 2 == 0) /* a request with a few bytes of it wrong */
			for (int k = 0; k < 3; k++)
				r.p[bytes[k] % r.len] = bytes[k + 3];
		client_open(&c);
		client_send(&c, &r);
		world_run(1);
		client_close(&c);
		records_free(&r);
	}
	client_open(&c);
	client_ask(&c, 1, false, "alive");
	client_expect(&c, 1, 200, "alive");
	client_close(&c);
}

/* ---- the end ---- */

static void a_drain_closes_what_is_idle_and_finishes_the_rest(void **state)
{
	struct client idle, in_flight, half, late;
	struct records r = { 0 };

	(void)state;
	client_open(&idle);
	client_ask(&idle, 1, true, "");
	client_expect(&idle, 1, 200, "");
	world.hold = true;
	client_open(&in_flight);
	client_ask(&in_flight, 1, true, "in flight");
	put_usual_request(&r, 1, true, "half");
	client_open(&half);
	send(half.fd, r.p, r.len - 1, 0);
	world_run(10);

	fcgi_drain(world.fcgi, world_drained);
	assert_true(client_is_closed_within(&idle, 5000));
	client_open(&late);
	client_ask(&late, 1, false, "for another worker");
	world_run(20);
	assert_int_equal(world.held_nr, 1);
	assert_int_equal(world.drained, 0);
	world_release(0);
	client_expect(&in_flight, 1, 200, "in flight");
	assert_true(client_is_closed_within(&in_flight, 5000));
	assert_int_equal(world.drained, 0);
	send(half.fd, r.p + r.len - 1, 1, 0);
	world_run(20);
	world_release(0);
	client_expect(&half, 1, 200, "half");
	assert_true(client_is_closed_within(&half, 5000));
	world_run(5);
	assert_int_equal(world.drained, 1);
	world.drained = 0; /* world_close() wants to see it; drain again says nothing */
	fcgi_drain(world.fcgi, world_drained);
	world_run(20);
	assert_int_equal(world.drained, 0);
	world.drained = 1;
	records_free(&r);
	client_close(&idle);
	client_close(&in_flight);
	client_close(&half);
	client_close(&late);
}

static void a_drain_ends_a_moment_after_the_last_request_and_once(void **state)
{
	struct client c[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		client_open(&c[i]);
		client_ask(&c[i], 1, true, "");
		client_expect(&c[i], 1, 200, "");
	}
	int64_t start = now_ms();
	fcgi_drain(world.fcgi, world_drained);
	assert_int_equal(world_stats().connections, 3);
	world_run(300);
	client_ask(&c[0], 2, true, "sent before it heard of the drain");
	client_expect(&c[0], 2, 200, "sent before it heard of the drain");
	assert_true(client_is_closed_within(&c[0], 100));
	assert_int_equal(world_stats().connections, 2);
	assert_int_equal(world.drained, 0);
	for (int i = 1; i < 3; i++)
		assert_true(client_is_closed_within(&c[i], 5000));
	assert_in_range(now_ms() - start, 900, 1500);
	world_run(50);
	assert_int_equal(world.drained, 1);
	for (int i = 0; i < 3; i++)
		client_close(&c[i]);
}

/* As on a busy machine: the timer has run out, and so had the time to look. */
static void a_request_that_came_in_time_is_answered_however_late_we_look(void **state)
{
	struct client c;

	(void)state;
	client_open(&c);
	client_ask(&c, 1, true, "");
	client_expect(&c, 1, 200, "");
	fcgi_drain(world.fcgi, world_drained);
	client_ask(&c, 2, true, "in time");
	usleep(1200 * 1000);
	client_expect(&c, 2, 200, "in time");
	assert_true(client_is_closed_within(&c, 100));
	client_close(&c);
}

static void a_drain_without_connections_is_not_told_from_inside_the_call(void **state)
{
	(void)state;
	fcgi_drain(world.fcgi, world_drained);
	assert_int_equal(world.drained, 0);
	world_run(50);
	assert_int_equal(world.drained, 1);
}

static void a_drain_still_takes_a_request_that_has_come(void **state)
{
	struct client kept, fresh;

	(void)state;
	client_open(&kept);
	client_ask(&kept, 1, true, "");
	client_expect(&kept, 1, 200, "");
	client_open(&fresh);
	world_run(5);
	client_ask(&kept, 2, true, "just in time");
	fcgi_drain(world.fcgi, world_drained);
	client_expect(&kept, 2, 200, "just in time");
	client_ask(&fresh, 1, true, "connected before");
	client_expect(&fresh, 1, 200, "connected before");
	assert_true(client_is_closed_within(&kept, 5000));
	assert_true(client_is_closed_within(&fresh, 5000));
	client_close(&kept);
	client_close(&fresh);
}

static void a_drain_does_not_wait_long_for_the_silent(void **state)
{
	struct client silent;

	(void)state;
	client_open(&silent);
	world_run(5);
	int64_t start = now_ms();
	fcgi_drain(world.fcgi, world_drained);
	assert_true(client_is_closed_within(&silent, 5000));
	assert_in_range(now_ms() - start, 900, 1500);
	client_close(&silent);
}

/* ---- surroundings ---- */

/* As systemd does it when it starts another worker on the same socket. */
static void a_listening_socket_made_blocking_by_others_stops_nothing(void **state)
{
	struct timeval stuck = { 0 };
	struct client kept, other;
	socklen_t len = sizeof stuck;

	(void)state;
	client_open(&kept);
	client_ask(&kept, 1, true, "before");
	client_expect(&kept, 1, 200, "before");
	int flags = fcntl(world.listen_fd, F_GETFL);
	assert_true((flags & O_NONBLOCK) != 0);
	assert_int_equal(fcntl(world.listen_fd, F_SETFL, flags & ~O_NONBLOCK), 0);
	client_open(&other);
	client_ask(&other, 1, true, "a new one");
	client_expect(&other, 1, 200, "a new one");
	client_ask(&kept, 2, true, "after"); /* the loop waits in no accept4() */
	client_expect(&kept, 2, 200, "after");
	assert_true((fcntl(world.listen_fd, F_GETFL) & O_NONBLOCK) != 0);

	/* and had it been taken away between: not for long */
	assert_int_equal(getsockopt(world.listen_fd, SOL_SOCKET, SO_RCVTIMEO, &stuck, &len), 0);
	assert_int_equal(stuck.tv_sec, 0);
	assert_in_range(stuck.tv_usec, 1, 50000);
	client_close(&kept);
	client_close(&other);
}

static void on_signal(int signum)
{
	(void)signum;
}

static void signals_stay_as_they_were_but_sigpipe_is_ignored(void **state)
{
	struct fcgi_conf conf = world_conf();
	struct sigaction usr1, term, pipe_action, mine = { .sa_handler = on_signal };

	(void)state;
	sigaction(SIGTERM, &mine, NULL);
	world_open(&conf);
	sigaction(SIGUSR1, NULL, &usr1);
	sigaction(SIGTERM, NULL, &term);
	sigaction(SIGPIPE, NULL, &pipe_action);
	assert_ptr_equal(usr1.sa_handler, SIG_DFL);
	assert_ptr_equal(term.sa_handler, on_signal);
	assert_ptr_equal(pipe_action.sa_handler, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	world_close();
}

/* Connects over TCP from 127.0.0.1 or ::1; true if the worker talks to us. */
static bool tcp_is_served(int family)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a = { .v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT } };
	struct fcgi_conf conf = world_conf();
	socklen_t len = family == AF_INET ? sizeof a.v4 : sizeof a.v6;
	struct client c = { 0 };
	struct answer answer;

	if (family == AF_INET)
		a.v4 = (struct sockaddr_in){ .sin_family = AF_INET,
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	world = (struct world){ .loop = loop_create() };
	timer_init(world.loop, &world.tick, world_tick);
	world.listen_fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(world.listen_fd, &a.any, len), 0);
	assert_int_equal(listen(world.listen_fd, 10), 0);
	assert_int_equal(getsockname(world.listen_fd, &a.any, &len), 0);
	assert_int_equal(fcgi_create(world.loop, world.listen_fd, &conf, &world.fcgi), OK);
	c.fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(c.fd, &a.any, len), 0);
	client_ask(&c, 1, false, "");
	bool served = client_answer(&c, &answer);
	assert_int_equal(world_stats().refused, !served);
	records_free(&answer.out);
	client_close(&c);
	world_close();
	return served;
}

static void tcp_is_taken_from_the_listed_addresses_only(void **state)
{
	static const struct {
		const char *list;
		bool v4, v6;
	} rows[] = {
		{ NULL, true, true },
		{ "", true, true },
		{ "127.0.0.1", true, false },
		{ "::1", false, true },
		{ "127.0.0.2, 127.0.0.1", true, false },
		{ "10.0.0.1,::1 ,127.0.0.1", true, true },
		{ "::ffff:127.0.0.1", true, false },
		{ "127.0.0.2", false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].list != NULL)
			setenv("FCGI_WEB_SERVER_ADDRS", rows[i].list, 1);
		if (tcp_is_served(AF_INET) != rows[i].v4 || tcp_is_served(AF_INET6) != rows[i].v6)
			fail_msg("list '%s'", rows[i].list);
	}
	unsetenv("FCGI_WEB_SERVER_ADDRS");
}

static void a_list_with_what_is_no_address_is_an_error(void **state)
{
	static const char *const lists[] = {
		"localhost",   "127.0.0.1,", ",",
		"127.0.0.1/8", "::1;::2",    "1234567890123456789012345678901234567890123456789"
	};
	struct fcgi_conf conf = world_conf();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct loop *l = loop_create();
		struct fcgi *f = NULL;
		setenv("FCGI_WEB_SERVER_ADDRS", lists[i], 1);
		assert_int_equal(fcgi_create(l, 0, &conf, &f), ERR_SYNTAX);
		assert_null(f);
		loop_destroy(l);
	}
	unsetenv("FCGI_WEB_SERVER_ADDRS");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		cmocka_unit_test(signals_stay_as_they_were_but_sigpipe_is_ignored),
		TEST(a_request_is_answered_and_the_connection_closed),
		TEST(a_kept_connection_serves_one_request_after_another),
		TEST(the_answer_carries_the_headers),
		TEST(a_request_may_come_byte_by_byte),
		TEST(requests_in_one_write_are_answered_in_order),
		TEST(what_comes_behind_a_request_waits_until_that_is_answered),
		TEST(a_client_that_stopped_writing_is_answered_still),
		TEST(the_largest_request_there_can_be_is_served),
		TEST(the_longest_answer_there_can_be_is_sent),
		TEST(a_request_over_a_limit_is_answered_and_the_connection_goes_on),
		TEST(a_body_of_many_megabytes_is_answered_with_413),
		cmocka_unit_test(a_body_without_end_runs_into_the_deadline),
		TEST(a_length_that_is_not_the_bodys_is_400),
		TEST(a_parameter_with_a_nul_is_400),
		cmocka_unit_test(over_the_limit_in_flight_it_is_busy),
		TEST(half_a_request_holds_nobody_up),
		cmocka_unit_test(who_is_too_slow_or_silent_is_closed),
		cmocka_unit_test(a_kept_connection_may_be_idle_for_so_long),
		cmocka_unit_test(a_request_in_flight_has_no_deadline_here),
		TEST(a_peer_that_has_gone_costs_nothing),
		TEST(a_peer_that_goes_in_the_middle_of_a_request_is_forgotten),
		TEST(a_peer_that_never_reads_is_closed_without_a_wait),
		TEST(management_records_are_answered_at_any_time),
		TEST(an_aborted_half_request_is_ended_and_the_connection_goes_on),
		TEST(an_abort_of_a_request_in_flight_waits_and_is_ignored),
		TEST(refused_roles_and_multiplexing_are_told_so),
		TEST(rubbish_is_closed_and_does_no_harm),
		TEST(a_drain_closes_what_is_idle_and_finishes_the_rest),
		TEST(a_drain_ends_a_moment_after_the_last_request_and_once),
		TEST(a_request_that_came_in_time_is_answered_however_late_we_look),
		TEST(a_drain_without_connections_is_not_told_from_inside_the_call),
		TEST(a_drain_still_takes_a_request_that_has_come),
		TEST(a_drain_does_not_wait_long_for_the_silent),
		TEST(a_listening_socket_made_blocking_by_others_stops_nothing),
		cmocka_unit_test(tcp_is_taken_from_the_listed_addresses_only),
		cmocka_unit_test(a_list_with_what_is_no_address_is_an_error),
#undef TEST
	};

	/* libfcgi may not wait, whatever it finds in the environment */
	setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "100000", 1);
	setenv("LIBFCGI_IS_AF_UNIX_KEEPER_POLL_TIMEOUT", "100000", 1);
	if (log_open("/dev/null", LOG_ERROR, false) != OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
