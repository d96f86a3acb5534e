#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "loop_uv.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;
static char trace[256];

static void note(const char *what)
{
	strncat(trace, what, sizeof trace - strlen(trace) - 1);
}

static int set_up(void **state)
{
	(void)state;
	trace[0] = '\0';
	loop = loop_create();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	loop_destroy(loop);
	return 0;
}

static void stop_on(struct timer *t)
{
	note("timer ");
	timer_finish(t);
	loop_stop(loop);
}

static void a_timer_fires_once_and_not_early(void **state)
{
	int64_t began = clock_boot_ms();
	struct timer t;

	(void)state;
	timer_init(loop, &t, stop_on);
	timer_start(&t, 500);
	timer_start(&t, 30);
	loop_run(loop);
	assert_string_equal(trace, "timer ");
	assert_true(clock_boot_ms() - began >= 29);
}

static void a_timer_is_not_early_after_a_long_pause_before_the_loop_runs(void **state)
{
	struct timer t;

	(void)state;
	timer_init(loop, &t, stop_on);
	usleep(60 * 1000);
	int64_t began = clock_boot_ms();
	timer_start(&t, 40);
	loop_run(loop);
	assert_true(clock_boot_ms() - began >= 39);
}

static void a_stopped_or_finished_timer_does_not_fire(void **state)
{
	struct timer stopped, finished, last, never = { NULL, NULL };

	(void)state;
	timer_init(loop, &stopped, stop_on);
	timer_init(loop, &finished, stop_on);
	timer_init(loop, &last, stop_on);
	timer_start(&stopped, 1);
	timer_start(&finished, 1);
	timer_start(&last, 20);
	timer_stop(&stopped);
	timer_finish(&finished);
	timer_finish(&finished);
	timer_finish(&never);
	loop_run(loop);
	timer_finish(&stopped);
	assert_string_equal(trace, "timer ");
}

static int again_left;

static void again(struct timer *t)
{
	if (--again_left > 0)
		timer_start(t, 0);
}

static void a_timer_of_0_ms_that_starts_itself_lets_others_run(void **state)
{
	struct timer busy, last;

	(void)state;
	again_left = 1000000;
	timer_init(loop, &busy, again);
	timer_init(loop, &last, stop_on);
	timer_start(&busy, 0);
	timer_start(&last, 20);
	loop_run(loop);
	assert_true(again_left > 0);
	timer_finish(&busy);
}

static struct task first, second, third;

static void run_third(struct task *t)
{
	(void)t;
	note("third ");
	loop_stop(loop);
}

static void run_second(struct task *t)
{
	(void)t;
	note("second ");
	loop_defer(loop, &third, run_third);
}

static void run_first(struct task *t)
{
	note("first ");
	memset(t, 0xee, sizeof *t);
}

static void tasks_run_in_order_and_without_sleeping(void **state)
{
	struct timer far;
	int64_t began = clock_boot_ms();

	(void)state;
	timer_init(loop, &far, stop_on);
	timer_start(&far, 2000);
	loop_defer(loop, &first, run_first);
	loop_defer(loop, &second, run_second);
	loop_run(loop);
	assert_string_equal(trace, "first second third ");
	assert_true(clock_boot_ms() - began < 2000); /* and not by the timer */
	timer_finish(&far);
}

static void defer_two(struct timer *t)
{
	note("timer ");
	loop_defer(loop, &second, run_second);
	timer_finish(t);
}

static void a_task_runs_in_the_turn_that_deferred_it(void **state)
{
	struct timer now;

	(void)state;
	timer_init(loop, &now, defer_two);
	timer_start(&now, 1);
	loop_run(loop);
	assert_string_equal(trace, "timer second third ");
}

static void tasks_still_pending_run_when_the_loop_is_destroyed(void **state)
{
	struct loop *mine = loop_create();

	(void)state;
	loop_defer(mine, &first, run_first);
	loop_destroy(mine);
	assert_string_equal(trace, "first ");
}

static void a_task_taken_back_leaves_the_loop_asleep(void **state)
{
	struct timer t;

	(void)state;
	loop_defer(loop, &first, run_first);
	list_remove(&first.link);
	timer_init(loop, &t, stop_on);
	timer_start(&t, 50);
	uint64_t before = loop_turn(loop);
	loop_run(loop);
	assert_string_equal(trace, "timer ");
	assert_in_range(loop_turn(loop) - before, 1, 5);
}

struct end {
	struct watch watch;
	int fd, calls;
	unsigned events;
};

static void on_end(struct watch *w, unsigned events)
{
	struct end *e = container_of(w, struct end, watch);

	e->events |= events;
	if (++e->calls == 3) {
		watch_finish(w);
		close(e->fd);
		loop_stop(loop);
	}
}

static void a_watch_fires_as_long_as_the_descriptor_is_ready(void **state)
{
	struct end e = { .fd = -1 };
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	e.fd = pair[0];
	assert_int_equal(watch_init(loop, &e.watch, pair[0], on_end), OK);
	watch_start(&e.watch, WATCH_READ);
	assert_int_equal(write(pair[1], "x", 1), 1);
	loop_run(loop);
	assert_int_equal(e.events, WATCH_READ);
	close(pair[1]);
}

/* A pipe without a reader is an error to epoll. */
static void an_error_is_told_again_until_the_watch_ends(void **state)
{
	struct end e = { .fd = -1 };
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	e.fd = ends[1];
	assert_int_equal(watch_init(loop, &e.watch, ends[1], on_end), OK);
	watch_start(&e.watch, WATCH_WRITE);
	loop_run(loop);
	assert_int_equal(e.calls, 3);
	assert_int_equal(e.events, WATCH_WRITE);
}

static void a_file_cannot_be_watched(void **state)
{
	struct watch w;

	(void)state;
	char path[] = "/tmp/test_loop.XXXXXX";
	int fd = mkstemp(path);
	assert_int_equal(watch_init(loop, &w, fd, NULL), ERR_SYSTEM);
	close(fd);
	unlink(path);
}

/* The linker puts this in front of every epoll_ctl() of io; libuv's own are elsewhere. */
static int no_room; /* what the next registration fails with; 0: it does not */

int __real_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);

int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
	if (op == EPOLL_CTL_ADD && no_room != 0) {
		errno = no_room;
		no_room = 0;
		return -1;
	}
	return __real_epoll_ctl(epoll, op, fd, event);
}

static void no_room_for_a_descriptor_is_an_error_of_its_own_watch(void **state)
{
	static const int errors[] = { ENOSPC, ENOMEM };

	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		struct watch w = { NULL, NULL };
		int ends[2];

		assert_int_equal(pipe(ends), 0);
		no_room = errors[i];
		assert_int_equal(watch_init(loop, &w, ends[0], NULL), ERR_SYSTEM);
		assert_int_equal(errno, errors[i]);
		watch_finish(&w);
		close(ends[0]);
		close(ends[1]);
	}
	a_watch_fires_as_long_as_the_descriptor_is_ready(state);
}

static void on_pause(struct timer *t)
{
	timer_stop(t);
	loop_stop(loop);
}

static void a_stopped_watch_hears_nothing_and_lets_the_loop_sleep(void **state)
{
	struct end e = { .fd = -1 };
	struct timer pause;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	e.fd = pair[0];
	assert_int_equal(watch_init(loop, &e.watch, pair[0], on_end), OK);
	watch_start(&e.watch, WATCH_READ);
	watch_stop(&e.watch);
	close(pair[1]);
	timer_init(loop, &pause, on_pause);
	timer_start(&pause, 30);
	uint64_t turns = loop_turn(loop);
	loop_run(loop);
	assert_int_equal(e.calls, 0);
	assert_true(loop_turn(loop) - turns < 5);
	watch_start(&e.watch, WATCH_READ); /* it is told what happened meanwhile */
	loop_run(loop);
	assert_int_equal(e.calls, 3);
	timer_finish(&pause);
}

static struct end both[2];

/* Whichever comes first takes the other one with it. */
static void on_first(struct watch *w, unsigned events)
{
	struct end *e = container_of(w, struct end, watch);

	(void)events;
	e->calls++;
	for (int i = 0; i < 2; i++)
		watch_finish(&both[i].watch);
	loop_stop(loop);
}

static void a_watch_that_another_one_finishes_does_not_fire_any_more(void **state)
{
	int pairs[2][2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		both[i].calls = 0;
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]), 0);
		assert_int_equal(watch_init(loop, &both[i].watch, pairs[i][0], on_first), OK);
		watch_start(&both[i].watch, WATCH_READ);
		assert_int_equal(write(pairs[i][1], "x", 1), 1);
	}
	loop_run(loop);
	assert_int_equal(both[0].calls + both[1].calls, 1);
	for (int i = 0; i < 4; i++)
		close(pairs[i / 2][i % 2]);
}

static void on_signal(struct signal_watch *s)
{
	note("signal ");
	signal_finish(s);
	loop_stop(loop);
}

static void a_signal_is_caught_in_the_loop(void **state)
{
	struct signal_watch s;

	(void)state;
	assert_int_equal(signal_init(loop, &s, SIGHUP, on_signal), OK);
	raise(SIGHUP);
	assert_string_equal(trace, "");
	loop_run(loop);
	assert_string_equal(trace, "signal ");
}

static void a_signal_that_cannot_be_caught_is_an_error(void **state)
{
	struct signal_watch s;

	(void)state;
	assert_int_equal(signal_init(loop, &s, SIGKILL, on_signal), ERR_SYSTEM);
}

static void a_write_to_a_peer_that_has_gone_does_not_end_the_process(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	close(pair[1]);
	assert_int_equal(write(pair[0], "x", 1), -1);
	close(pair[0]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_timer_fires_once_and_not_early),
		TEST(a_timer_is_not_early_after_a_long_pause_before_the_loop_runs),
		TEST(a_stopped_or_finished_timer_does_not_fire),
		TEST(a_timer_of_0_ms_that_starts_itself_lets_others_run),
		TEST(tasks_run_in_order_and_without_sleeping),
		TEST(a_task_runs_in_the_turn_that_deferred_it),
		TEST(tasks_still_pending_run_when_the_loop_is_destroyed),
		TEST(a_task_taken_back_leaves_the_loop_asleep),
		TEST(a_watch_fires_as_long_as_the_descriptor_is_ready),
		TEST(an_error_is_told_again_until_the_watch_ends),
		TEST(a_file_cannot_be_watched),
		TEST(no_room_for_a_descriptor_is_an_error_of_its_own_watch),
		TEST(a_stopped_watch_hears_nothing_and_lets_the_loop_sleep),
		TEST(a_watch_that_another_one_finishes_does_not_fire_any_more),
		TEST(a_signal_is_caught_in_the_loop),
		TEST(a_signal_that_cannot_be_caught_is_an_error),
		TEST(a_write_to_a_peer_that_has_gone_does_not_end_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
