/* Death at every single step of a change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "try_table.h"

#include <sys/ptrace.h>

/*
 * A child makes one call and is single-stepped through it, so that it can be
 * killed (or stopped) behind any instruction of the code as the compiler made it.
 * Two instructions between which the memory does not change leave the same to those
 * that live on: so a first run notes behind which steps the memory differs, and a
 * child dies behind each of these.  (Stepping never gets through a lock on an ARM
 * without atomic instructions; there these tests fail at STEPS_MAX.)
 */
enum { STEPS_MAX = 200000, POINTS_MAX = 4000 };

static struct {
	int step[POINTS_MAX];
	int nr;
	int inside; /* one in the middle of the change */
} points;

static unsigned char start[4096]; /* the table as each child finds it */

static struct store_op ready; /* what the call is made with */

typedef enum err call_fn(const struct table *, int64_t, struct store_op *);

/* Stops before the call and behind it. */
static pid_t start_traced(call_fn *call)
{
	pid_t pid = fork_child();
	int status;

	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
			_exit(1);
		raise(SIGSTOP);
		enum err err = call(&t, NOW, &ready);
		raise(SIGSTOP);
		_exit(err == OK ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status)); /* else this machine forbids ptrace() */
	return pid;
}

/* False: it has come to the end of the call. */
static bool step(pid_t pid)
{
	int status;

	assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status));
	return WSTOPSIG(status) == SIGTRAP;
}

static pid_t step_to(call_fn *call, int n)
{
	pid_t pid = start_traced(call);

	for (int i = 0; i < n; i++)
		assert_true(step(pid));
	return pid;
}

static void kill_after(call_fn *call, int n)
{
	pid_t pid = step_to(call, n);

	kill(pid, SIGKILL);
	assert_int_equal(ending(pid), -SIGKILL);
}

static void note_points(call_fn *call)
{
	uint64_t size = table_size(&t.shape);
	unsigned char last[sizeof start];
	int first_busy = 0;
	pid_t pid = start_traced(call);

	memcpy(last, t.base, size);
	points.nr = points.inside = 0;
	for (int n = 1; step(pid); n++) {
		assert_true(n < STEPS_MAX);
		if (memcmp(last, t.base, size) == 0)
			continue;
		memcpy(last, t.base, size);
		assert_true(points.nr < POINTS_MAX);
		points.step[points.nr++] = n;
		if (shard0()->journal.busy == 0)
			continue;
		if (first_busy == 0)
			first_busy = points.nr;
		points.inside = points.step[(first_busy + points.nr) / 2];
	}
	kill(pid, SIGKILL);
	assert_int_equal(ending(pid), -SIGKILL);
}

static void keep_start(void)
{
	ensure(table_size(&t.shape) <= sizeof start);
	memcpy(start, t.base, table_size(&t.shape));
}

static void back_to_start(void)
{
	memcpy(t.base, start, table_size(&t.shape));
}

/* What others see of keys 1 and 9; also repairs. */
static uint64_t seen(void)
{
	return seed_now(1, NOW) * 1000 + seed_now(9, NOW);
}

static void one_value(void)
{
	ensure(put_seed(1, 0, 10, NOW) == OK);
}

static void full_of_expired(void)
{
	for (uint64_t n = 20; n < 20 + SLOTS - 1; n++)
		ensure(put_seed(n, 0, n, 0) == OK);
	one_value();
}

/* The call will be about key n, with that seed and what version is there now. */
static void make_ready(uint64_t n, uint64_t seed)
{
	ready = op_for(n);
	ready.version = version_now(n);
	seed_fill(&ready, seed, VALUE_MAX);
}

struct deaths {
	uint64_t killed, owner_died, undone;
};

/*
 * Kills a child at every point; afterwards the change must have happened wholly or
 * not at all, and once it has happened it stays so for later deaths.
 */
static void die_everywhere(call_fn *call, uint64_t before, uint64_t after, struct deaths *d)
{
	bool happened = false;

	*d = (struct deaths){ .killed = 0 };
	keep_start();
	note_points(call);
	for (int i = 0; i < points.nr; i++) {
		back_to_start();
		uint64_t died = shard0()->owner_died, undone = shard0()->undone;
		kill_after(call, points.step[i]);
		uint64_t now = seen();
		assert_true(now == before || now == after);
		assert_false(happened && now != after);
		happened = now == after;
		assert_null(table_check(&t));
		d->killed++;
		d->owner_died += shard0()->owner_died - died;
		d->undone += shard0()->undone - undone;
	}
	back_to_start();
}

static void a_change_happens_wholly_or_not_at_all_wherever_its_maker_dies(void **state)
{
	static const struct {
		const char *what;
		void (*prepare)(void);
		call_fn *call;
		uint64_t key, seed, before, after;
	} rows[] = {
		{ "insert", one_value, table_put, 9, 90, 10000, 10090 },
		{ "insert over expired", full_of_expired, table_put, 9, 90, 10000, 10090 },
		{ "overwrite", one_value, table_put, 1, 20, 10000, 20000 },
		{ "delete", one_value, table_del, 1, 0, 10000, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct deaths d;
		memset(t.base, 0, table_size(&t.shape));
		table_init(&t);
		rows[i].prepare();
		make_ready(rows[i].key, rows[i].seed);
		die_everywhere(rows[i].call, rows[i].before, rows[i].after, &d);
		print_message("%s: killed %d, owner died %d, undone %d\n", rows[i].what,
			      (int)d.killed, (int)d.owner_died, (int)d.undone);
		assert_true(d.owner_died > d.undone && d.undone >= 3);
	}
}

/* With the table at `start`; a child that overwrites key 1 is stopped, the lock in its hands. */
static pid_t stop_inside(void)
{
	one_value();
	make_ready(1, 20);
	keep_start();
	note_points(table_put);
	back_to_start();
	pid_t pid = step_to(table_put, points.inside);
	assert_int_equal(shard0()->journal.busy, 1);
	return pid;
}

static void who_dies_over_a_repair_leaves_it_to_the_next(void **state)
{
	struct deaths d;
	pid_t pid = stop_inside();

	(void)state;
	kill(pid, SIGKILL);
	assert_int_equal(ending(pid), -SIGKILL);
	die_everywhere(table_get, 10000, 10000, &d);
	print_message("repair: killed %d, owner died %d, undone %d\n", (int)d.killed,
		      (int)d.owner_died, (int)d.undone);
	assert_true(d.owner_died > d.killed && d.undone >= 3);
}

/* Out of that stop, and out of the one behind the call. */
static void run_on(pid_t pid)
{
	int status;

	kill(pid, SIGCONT);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	kill(pid, SIGCONT);
	assert_int_equal(ending(pid), 0);
}

static void a_stopped_owner_costs_its_shard_alone(void **state)
{
	struct store_op op = op_for(1), other = { .key = test_key(1, 1), .expires = LATER };
	struct table_counts counts;

	pid_t pid = stop_inside();

	(void)state;
	assert_int_equal(ptrace(PTRACE_DETACH, pid, NULL, (void *)(intptr_t)SIGSTOP), 0);

	int64_t began = monotonic_ms();
	assert_int_equal(table_get(&t, NOW, &op), ERR_BUSY);
	assert_in_range(monotonic_ms() - began, LOCK_BUDGET_MS - 1, LOCK_BUDGET_MS + 150);
	began = monotonic_ms();
	for (int i = 0; i < 100; i++) /* it is not waited for a second time */
		assert_int_equal(table_get(&t, NOW, &op), ERR_BUSY);
	assert_in_range(monotonic_ms() - began, 0, LOCK_BUDGET_MS - 1);
	assert_int_equal(table_put(&t, NOW, &other), OK);
	assert_int_equal(table_probe(&t, 0), ERR_BUSY);
	assert_int_equal(table_probe(&t, 1), OK);
	assert_string_equal(table_check(&t), "a shard's lock cannot be had");
	table_count(&t, NOW, &counts);
	assert_int_equal(counts.used, 1);

	run_on(pid);
	assert_int_equal(seed_now(1, NOW), 20);
	assert_int_equal(shard0()->owner_died, 0);
	assert_null(table_check(&t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TABLE_TEST(a_change_happens_wholly_or_not_at_all_wherever_its_maker_dies),
		TABLE_TEST(who_dies_over_a_repair_leaves_it_to_the_next),
		TABLE_TEST(a_stopped_owner_costs_its_shard_alone),
	};

	return cmocka_run_group_tests_name("table_death", tests, NULL, NULL);
}
