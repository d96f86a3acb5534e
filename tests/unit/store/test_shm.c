/* Tests of the store over shared memory, through store.h; and what it takes to break it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend.h"
#include "base/clock.h"
#include "segment.h"
#include "store_help.h"

#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

enum { SESSIONS = 64 };

static const char *why;

static struct store *open_store(unsigned sessions)
{
	struct store_shm_conf conf = { .segment = test_path(), .sessions = sessions };
	struct store *s = NULL;

	if (store_open_shm(&conf, &s, &why) != OK) {
		print_error("%s\n", why);
		abort(); /* not a failed assertion: children come here too */
	}
	return s;
}

static int make_store(void **state)
{
	unlink(test_path());
	*state = open_store(SESSIONS);
	return 0;
}

static int drop_store(void **state)
{
	clock_skew_ms = 0;
	store_close(*state);
	unlink(test_path());
	return 0;
}

static struct store_op op_for(struct store *s, enum store_kind kind, struct digest key)
{
	return (struct store_op){ .kind = kind, .key = key, .expires = store_now(s) + 60000 };
}

static enum err get(struct store *s, struct store_op *op)
{
	ensure(store_get(s, op, NULL) == DONE);
	return op->err;
}

static enum err put(struct store *s, struct store_op *op)
{
	ensure(store_put(s, op, NULL) == DONE);
	return op->err;
}

static enum err del(struct store *s, struct store_op *op)
{
	ensure(store_del(s, op, NULL) == DONE);
	return op->err;
}

static uint64_t used(struct store *s, enum store_kind kind)
{
	struct store_stats stats;

	store_stats(s, &stats);
	return stats.used[kind];
}

static void each_kind_keeps_its_own_values(void **state)
{
	struct store *s = *state;

	for (enum store_kind kind = 0; kind < STORE_KIND_NR; kind++) {
		struct store_op op = op_for(s, kind, test_key(1, 0));
		seed_fill(&op, kind + 1, store_value_max(kind));
		assert_int_equal(get(s, &op), ERR_NOT_FOUND);
		assert_int_equal(put(s, &op), OK);
		assert_int_equal(used(s, kind), 1);
	}
	for (enum store_kind kind = 0; kind < STORE_KIND_NR; kind++) {
		struct store_op op = op_for(s, kind, test_key(1, 0));
		assert_int_equal(get(s, &op), OK);
		assert_int_equal(seed_of(&op, store_value_max(kind)), kind + 1);
		assert_int_equal(del(s, &op), OK);
		assert_int_equal(get(s, &op), ERR_NOT_FOUND);
	}
	assert_null(store_check(s));
}

static void a_value_of_the_largest_size_fits_and_one_byte_more_does_not(void **state)
{
	struct store *s = *state;

	for (enum store_kind kind = 0; kind < STORE_KIND_NR; kind++) {
		struct store_op op = op_for(s, kind, test_key(1, 0));
		assert_in_range(store_value_max(kind), 1, STORE_VALUE_MAX);
		op.len = store_value_max(kind);
		memset(op.value, 0x5a, op.len);
		assert_int_equal(put(s, &op), OK);
		op.len = 0;
		assert_int_equal(get(s, &op), OK);
		assert_int_equal(op.len, store_value_max(kind));
		assert_int_equal(op.value[op.len - 1], 0x5a);
		op.len++;
		assert_int_equal(put(s, &op), ERR_TOO_LARGE);
	}
}

static void a_value_ends_on_the_stores_clock(void **state)
{
	struct store *s = *state;
	struct store_op op = op_for(s, STORE_SESSION, test_key(1, 0));

	assert_int_equal(put(s, &op), OK);
	clock_skew_ms = 59000;
	assert_int_equal(get(s, &op), OK);
	clock_skew_ms = 60001;
	assert_int_equal(get(s, &op), ERR_NOT_FOUND);
	assert_int_equal(used(s, STORE_SESSION), 0);
	op.version = 0;
	assert_int_equal(put(s, &op), OK);
}

static void values_outlive_the_process_that_put_them(void **state)
{
	struct store_op op = op_for(*state, STORE_TOKEN, test_key(1, 0));

	assert_int_equal(put(*state, &op), OK);
	store_close(*state);
	*state = open_store(SESSIONS);
	assert_int_equal(get(*state, &op), OK);
}

static int other_process(struct digest key)
{
	struct store *s = open_store(SESSIONS);
	struct store_op op = op_for(s, STORE_KEY, key);

	if (get(s, &op) != OK || seed_of(&op, store_value_max(STORE_KEY)) != 5)
		return 1;
	seed_fill(&op, 6, store_value_max(STORE_KEY));
	return put(s, &op) == OK ? 0 : 2;
}

static void two_processes_see_one_store(void **state)
{
	struct store *s = *state;
	struct store_op op = op_for(s, STORE_KEY, test_key(1, 0));

	seed_fill(&op, 5, store_value_max(STORE_KEY));
	assert_int_equal(put(s, &op), OK);
	pid_t pid = fork_child();
	if (pid == 0)
		_exit(other_process(op.key));
	assert_int_equal(ending(pid), 0);
	assert_int_equal(put(s, &op), ERR_CONFLICT);
	assert_int_equal(get(s, &op), OK);
	assert_int_equal(seed_of(&op, store_value_max(STORE_KEY)), 6);
}

static void as_many_as_configured_fit_and_full_ends_with_expiry(void **state)
{
	struct store *s = *state;
	struct store_stats stats;
	uint64_t n = 0;

	store_stats(s, &stats);
	assert_int_equal(stats.capacity[STORE_SESSION], SESSIONS);
	assert_int_equal(stats.capacity[STORE_KEY], 2 * SESSIONS);
	assert_int_equal(stats.capacity[STORE_CLAIM], 2 * SESSIONS);
	assert_int_equal(stats.capacity[STORE_TOKEN], 64);
	assert_int_equal(stats.capacity[STORE_BUDGET], 8 * SESSIONS);
	for (;; n++) {
		struct store_op op = op_for(s, STORE_SESSION, test_key(n, mix64(~n)));
		if (put(s, &op) == ERR_FULL)
			break;
		assert_int_equal(op.err, OK);
	}
	assert_true(n >= SESSIONS);
	assert_int_equal(used(s, STORE_SESSION), n);
	clock_skew_ms = 60001;
	assert_int_equal(used(s, STORE_SESSION), 0);
	struct store_op op = op_for(s, STORE_SESSION, test_key(n, mix64(~n)));
	assert_int_equal(put(s, &op), OK);
	assert_null(store_check(s));
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void sixteen_thousand_sessions_fit(void **state)
{
	enum { N = 16384 };
	struct stat st;

	store_close(*state);
	unlink(test_path());
	*state = open_store(N);
	assert_int_equal(stat(test_path(), &st), 0);

	double began = seconds();
	for (uint64_t n = 0; n < N; n++) {
		struct store_op op = op_for(*state, STORE_SESSION, test_key(n, mix64(~n)));
		op.len = 700;
		assert_int_equal(put(*state, &op), OK);
	}
	double filled = seconds();
	for (uint64_t n = 0; n < N; n++) {
		struct store_op op = op_for(*state, STORE_SESSION, test_key(n, mix64(~n)));
		assert_int_equal(get(*state, &op), OK);
	}
	print_message("%d sessions: segment %lld KiB, put %.0f/s, get %.0f/s\n", N,
		      (long long)st.st_size / 1024, (double)N / (filled - began), (double)N / (seconds() - filled));
	assert_null(store_check(*state));

	unlink(test_path());
	double removed = seconds();
	assert_int_equal(store_follow(*state, &why), STORE_MOVED);
	print_message("carried over in %.0f ms\n", (seconds() - removed) * 1000);
	assert_int_equal(used(*state, STORE_SESSION), N);
}

static void other_sizes_are_refused(void **state)
{
	static const unsigned sizes[] = { SESSIONS + 1, 10 * SESSIONS };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct store_shm_conf conf = { test_path(), sizes[i] };
		struct store *s = NULL;
		assert_int_equal(store_open_shm(&conf, &s, &why), ERR_VERSION);
		assert_null(s);
		assert_non_null(strstr(why, "other sizes"));
	}
}

static uint64_t layout_in_the_file(void)
{
	struct segment_head head;
	FILE *f = fopen(test_path(), "r");

	ensure(f != NULL && fread(&head, sizeof head, 1, f) == 1);
	fclose(f);
	return head.layout;
}

/* A build whose records differ takes no segment of this one, and this one none of its. */
static void records_of_another_form_are_another_layout(void **state)
{
	struct store_row rows[STORE_KIND_NR];

	(void)state;
	memcpy(rows, store_rows, sizeof rows);
	assert_int_equal(layout_in_the_file(), store_layout_of(rows));
	for (size_t kind = 0; kind < STORE_KIND_NR; kind++) {
		rows[kind].layout++;
		assert_int_not_equal(layout_in_the_file(), store_layout_of(rows));
		rows[kind].layout--;
	}
}

static void it_is_ready_until_somebody_takes_the_file_away(void **state)
{
	for (int i = 0; i < 200; i++)
		assert_int_equal(store_ready(*state), OK);
	assert_int_equal(truncate(test_path(), 4096), 0);
	assert_int_equal(store_ready(*state), ERR_SYSTEM);
	unlink(test_path());
	assert_int_equal(store_ready(*state), ERR_SYSTEM);
}

/* --- a segment that is removed under the workers ------------------------------ */

enum { HELD = 40 }; /* values of each kind */

static struct store_op held(struct store *s, int kind, uint64_t n)
{
	return op_for(s, (enum store_kind)kind, test_key(n, mix64(n)));
}

/* Their versions go to ret_versions. */
static void put_held(struct store *s, uint64_t first, uint64_t (*ret_versions)[HELD])
{
	for (int kind = 0; kind < STORE_HOST; kind++)
		for (uint64_t n = 0; n < HELD; n++) {
			struct store_op op = held(s, kind, first + n);
			seed_fill(&op, first + n + 1, store_value_max(op.kind));
			assert_int_equal(put(s, &op), OK);
			if (ret_versions != NULL)
				ret_versions[kind][n] = op.version;
		}
}

static void all_held(struct store *s, uint64_t first)
{
	for (int kind = 0; kind < STORE_HOST; kind++)
		for (uint64_t n = 0; n < HELD; n++) {
			struct store_op op = held(s, kind, first + n);
			assert_int_equal(get(s, &op), OK);
			assert_int_equal(seed_of(&op, store_value_max(op.kind)), first + n + 1);
		}
}

static void a_removed_segment_is_made_again_with_all_that_it_held(void **state)
{
	static uint64_t versions[STORE_KIND_NR][HELD];
	struct store *s = *state;

	assert_int_equal(store_follow(s, &why), STORE_STAYS);
	put_held(s, 0, versions);
	unlink(test_path());
	assert_int_equal(store_follow(s, &why), STORE_MOVED);
	assert_int_equal(store_follow(s, &why), STORE_STAYS);
	assert_int_equal(store_ready(s), OK);
	assert_null(store_check(s));
	all_held(s, 0);

	struct store *started = open_store(SESSIONS);
	all_held(started, 0);
	for (uint64_t n = 0; n < HELD; n++) {
		struct store_op op = held(s, STORE_SESSION, n);
		op.version = versions[STORE_SESSION][n];
		assert_int_equal(put(started, &op), OK); /* who read it before may write it now */
		assert_int_equal(get(s, &op), OK);
	}
	store_close(started);
}

/* One worker was started since, and has a segment with values of its own. */
static void two_pools_come_together_in_the_segment_at_the_path(void **state)
{
	struct store *s = *state, *idle = open_store(SESSIONS);
	struct store_op ours = op_for(s, STORE_BUDGET, test_key(1000, 0)), theirs = ours;

	put_held(s, 0, NULL);
	seed_fill(&ours, 7, store_value_max(STORE_BUDGET));
	assert_int_equal(put(s, &ours), OK);
	unlink(test_path());
	struct store *started = open_store(SESSIONS);
	put_held(started, 500, NULL);
	seed_fill(&theirs, 8, store_value_max(STORE_BUDGET));
	assert_int_equal(put(started, &theirs), OK);

	assert_int_equal(store_follow(s, &why), STORE_MOVED);
	struct store *all[] = { s, started, idle };
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		all_held(all[i], 0); /* the idle one follows by its first call */
		all_held(all[i], 500);
		assert_int_equal(get(all[i], &ours), OK);
		assert_int_equal(seed_of(&ours, store_value_max(STORE_BUDGET)), 8);
		assert_null(store_check(all[i]));
	}
	assert_int_equal(store_follow(started, &why), STORE_STAYS);
	assert_int_equal(store_follow(idle, &why), STORE_MOVED);
	assert_int_equal(store_follow(idle, &why), STORE_STAYS);
	store_close(idle);
	store_close(started);
}

static void where_another_file_is_at_the_path_the_old_segment_stays_in_use(void **state)
{
	struct store *s = *state;

	put_held(s, 0, NULL);
	unlink(test_path());
	struct store *others = open_store(2 * SESSIONS);
	assert_int_equal(store_follow(s, &why), STORE_APART);
	assert_non_null(strstr(why, "other sizes"));
	all_held(s, 0);
	store_close(others);
	unlink(test_path());
	assert_int_equal(store_follow(s, &why), STORE_MOVED);
	all_held(s, 0);
}

/* One that stopped while it made the new segment costs half a second, once a second. */
static void a_stopped_maker_of_the_new_segment_is_not_waited_for_again(void **state)
{
	struct store *s = *state;

	put_held(s, 0, NULL);
	unlink(test_path());
	int fd = open(test_path(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && flock(fd, LOCK_EX) == 0);
	assert_int_equal(store_follow(s, &why), STORE_APART);
	assert_non_null(strstr(why, "locked"));
	double began = seconds();
	for (int i = 0; i < 10; i++)
		assert_int_equal(store_follow(s, &why), STORE_APART);
	assert_true(seconds() - began < 0.4);
	all_held(s, 0);
	close(fd);
	clock_skew_ms = 1001;
	assert_int_equal(store_follow(s, &why), STORE_MOVED);
	all_held(s, 0);
}

/* Up to a millisecond. */
static void wait_a_little(uint64_t random)
{
	const struct timespec pause = { .tv_nsec = (long)(random % 1000000) };

	nanosleep(&pause, NULL);
}

/* A child that reads one key for ever, and so holds the lock of its shard now and then. */
static pid_t start_reader(struct store *s, struct store_op *op)
{
	pid_t pid = fork_child();

	while (pid == 0)
		get(s, op);
	return pid;
}

static void let_run_and_stop(pid_t pid, uint64_t random)
{
	int status;

	kill(pid, SIGCONT);
	wait_a_little(random);
	kill(pid, SIGSTOP);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
}

static void a_process_stopped_in_a_lock_makes_one_shard_busy_and_ready_finds_it(void **state)
{
	struct store *s = *state;
	struct store_op op = op_for(s, STORE_SESSION, test_key(1, 5));
	struct store_op other = op_for(s, STORE_SESSION, test_key(1, 6));
	int busy = 0;

	assert_int_equal(put(s, &op), OK);
	pid_t pid = start_reader(s, &op);
	for (uint64_t i = 0; i < 5000 && op.err == OK; i++) {
		let_run_and_stop(pid, mix64(i + 1));
		get(s, &op);
	}
	assert_int_equal(op.err, ERR_BUSY);
	assert_int_equal(put(s, &other), OK);
	for (int i = 0; i < 64; i++) /* a table of this size has 64 shards */
		busy += store_ready(s) == ERR_BUSY;
	assert_int_equal(busy, 1);

	kill(pid, SIGKILL);
	assert_int_equal(ending(pid), -SIGKILL);
	assert_int_equal(get(s, &op), OK);
	assert_null(store_check(s));
}

/* --- death at random ---------------------------------------------------------- */

/*
 * Each worker owns some keys, all of them in one shard, and writes down in a ledger
 * what he is about to do and what he has done.  He is killed at some instant; what
 * is then in the store must be the one or the other, and his successor goes on.
 * More workers than two would mostly sleep on the lock on a small machine, and who
 * sleeps holds nothing.
 */
enum { WORKERS = 3, KEYS = 5, KILLS = 600 }; /* a shard of this size holds 16 */

struct record {
	uint64_t acked, intent; /* seeds; 0: no value */
};

struct ledger {
	struct record records[WORKERS][KEYS];
	uint64_t changes[WORKERS], busy[WORKERS];
	_Atomic uint64_t looks[WORKERS]; /* store_follow() was called, and there was no need */
	uint64_t moves[WORKERS];
	_Atomic bool carrying[WORKERS];
};

struct torture {
	struct store *store;
	struct ledger *ledger; /* shared with the workers */
	pid_t pids[WORKERS];
	uint64_t random;
};

static uint64_t next_random(struct torture *t)
{
	return t->random = mix64(t->random + 1);
}

static struct store_op op_on(struct torture *t, int who, int k)
{
	return op_for(t->store, STORE_SESSION, test_key((uint64_t)(who * KEYS + k), 0));
}

/* A lock may be late when the machine is busy; one that never comes is stuck. */
static uint64_t read_seed(struct torture *t, struct store_op *op)
{
	for (int i = 0; i < 100; i++)
		if (get(t->store, op) != ERR_BUSY)
			break;
	if (op->err == ERR_NOT_FOUND) {
		op->version = 0;
		return 0;
	}
	ensure(op->err == OK);
	uint64_t seed = seed_of(op, store_value_max(STORE_SESSION));
	ensure(seed != 0); /* torn */
	return seed;
}

static void change_one(struct torture *t, int who)
{
	uint64_t r = next_random(t);
	int k = (int)(r % KEYS);
	struct record *rec = &t->ledger->records[who][k];
	struct store_op op = op_on(t, who, k);
	uint64_t seed = read_seed(t, &op);

	ensure(seed == rec->acked);
	bool drop = seed != 0 && (r >> 32) % 4 == 0;
	rec->intent = drop ? 0 : r | 1;
	if (drop) {
		del(t->store, &op);
	} else {
		op.expires = store_now(t->store) + 60000;
		seed_fill(&op, rec->intent, store_value_max(STORE_SESSION));
		put(t->store, &op);
	}
	ensure(op.err == OK || op.err == ERR_BUSY);
	if (op.err == OK)
		rec->acked = rec->intent;
	t->ledger->busy[who] += op.err == ERR_BUSY;
	t->ledger->changes[who]++;
}

static void start_worker(struct torture *t, int who)
{
	next_random(t);
	t->pids[who] = fork_child();
	while (t->pids[who] == 0) {
		change_one(t, who);
		t->ledger->carrying[who] = access(test_path(), F_OK) != 0;
		enum store_place place = store_follow(t->store, &why);
		t->ledger->carrying[who] = false;
		t->ledger->moves[who] += place == STORE_MOVED;
		t->ledger->looks[who] += place == STORE_STAYS;
	}
}

/* One or the other, and never anything else. */
static void kill_worker(struct torture *t, int who)
{
	kill(t->pids[who], SIGKILL);
	assert_int_equal(ending(t->pids[who]), -SIGKILL);
	for (int k = 0; k < KEYS; k++) {
		struct record *rec = &t->ledger->records[who][k];
		struct store_op op = op_on(t, who, k);
		uint64_t seed = read_seed(t, &op);
		assert_true(seed == rec->acked || seed == rec->intent);
		rec->acked = rec->intent = seed;
	}
}

static void report(struct torture *t, uint64_t kills, const struct store_stats *stats)
{
	uint64_t changes = 0, busy = 0;

	for (int who = 0; who < WORKERS; who++) {
		changes += t->ledger->changes[who];
		busy += t->ledger->busy[who];
	}
	print_message("%llu kills, %llu changes: %llu dead owners, %llu undone, %llu busy\n",
		      (unsigned long long)kills, (unsigned long long)changes,
		      (unsigned long long)stats->owner_died, (unsigned long long)stats->undone,
		      (unsigned long long)busy);
}

/* Goes on beyond `kills` as long as no death was inside a change, but not for ever. */
static void no_acknowledged_value_is_lost_or_torn_however_many_die(void **state)
{
	const char *longer = getenv("BENREN_TORTURE_KILLS");
	uint64_t least = longer != NULL ? strtoul(longer, NULL, 10) : KILLS, kills = 0;
	struct torture t = { .store = *state, .random = least };
	struct store_stats stats = { .undone = 0 };

	t.ledger = shared_page(sizeof *t.ledger);
	for (int who = 0; who < WORKERS; who++)
		start_worker(&t, who);
	for (; kills < least || (kills < 20 * least && stats.undone == 0); kills++) {
		int who = (int)(kills % WORKERS);
		wait_a_little(next_random(&t));
		kill_worker(&t, who);
		start_worker(&t, who);
		if (kills >= least - 1)
			store_stats(t.store, &stats);
	}
	for (int who = 0; who < WORKERS; who++)
		kill_worker(&t, who);

	assert_null(store_check(t.store));
	store_stats(t.store, &stats);
	report(&t, kills, &stats);
	assert_true(stats.owner_died > 0 && stats.undone > 0); /* or nothing was tried */
}

/* --- all at once ---------------------------------------------------------------- */

/* In a crowd on a small machine a lock may be 200 ms away. */
static enum err put_at_last(struct store *s, struct store_op *op)
{
	while (put(s, op) == ERR_BUSY)
		continue;
	return op->err;
}

static int claim(uint64_t who, _Atomic int *go, int racers)
{
	struct store_op claim_op = { .kind = STORE_KEY, .key = test_key(1, 0) };
	struct store_op own = { .kind = STORE_SESSION, .key = test_key(100 + who, mix64(who)) };

	atomic_fetch_add(go, 1);
	while (atomic_load(go) < racers)
		sched_yield();
	struct store *s = open_store(SESSIONS);
	claim_op.expires = own.expires = store_now(s) + 60000;
	if (put_at_last(s, &own) != OK)
		return 3;
	enum err err = put_at_last(s, &claim_op);
	return err == OK ? 1 : err == ERR_CONFLICT ? 2 : 3;
}

/* All are in the segment that is at the path. */
static void wait_for_looks(struct torture *t)
{
	uint64_t before;

	(void)!store_follow(t->store, &why);
	for (int who = 0; who < WORKERS; who++) {
		before = t->ledger->looks[who];
		while (t->ledger->looks[who] < before + 2)
			wait_a_little(next_random(t));
	}
}

/* As above; but one is killed while the segment that was just removed is carried over. */
static void none_is_lost_when_the_segment_is_removed_and_workers_die_over_that(void **state)
{
	enum { REMOVALS = 150 };
	struct torture t = {
		.store = *state,
		.ledger = shared_page(sizeof *t.ledger),
		.random = 2,
	};
	uint64_t moves = 0, inside = 0;

	for (int who = 0; who < WORKERS; who++)
		start_worker(&t, who);
	for (int i = 0; i < REMOVALS; i++) {
		int who = i % WORKERS;
		wait_for_looks(&t);
		unlink(test_path());
		wait_a_little(next_random(&t));
		kill_worker(&t, who);
		inside += t.ledger->carrying[who];
		t.ledger->carrying[who] = false;
		start_worker(&t, who);
	}
	wait_for_looks(&t);
	for (int who = 0; who < WORKERS; who++) {
		kill_worker(&t, who);
		moves += t.ledger->moves[who];
	}
	print_message("%d removals, %llu moves, %llu killed over one\n", REMOVALS,
		      (unsigned long long)moves, (unsigned long long)inside);
	assert_true(moves > REMOVALS && inside > 0); /* or nothing was tried */
	assert_null(store_check(t.store));
}

static void of_all_that_open_it_and_claim_a_key_at_once_one_gets_it(void **state)
{
	enum { RACERS = 32 };
	_Atomic int *go = shared_page(sizeof *go);
	pid_t pids[RACERS];
	int won = 0;

	store_close(*state);
	unlink(test_path());
	for (int i = 0; i < RACERS; i++) {
		pids[i] = fork_child();
		if (pids[i] == 0)
			_exit(claim((uint64_t)i, go, RACERS));
	}
	for (int i = 0; i < RACERS; i++) {
		int code = ending(pids[i]);
		assert_in_range(code, 1, 2);
		won += code == 1;
	}
	assert_int_equal(won, 1);
	*state = open_store(SESSIONS);
	assert_int_equal(used(*state, STORE_SESSION), RACERS);
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, make_store, drop_store)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(each_kind_keeps_its_own_values),
		STORE_TEST(a_value_of_the_largest_size_fits_and_one_byte_more_does_not),
		STORE_TEST(a_value_ends_on_the_stores_clock),
		STORE_TEST(values_outlive_the_process_that_put_them),
		STORE_TEST(two_processes_see_one_store),
		STORE_TEST(as_many_as_configured_fit_and_full_ends_with_expiry),
		STORE_TEST(sixteen_thousand_sessions_fit),
		STORE_TEST(other_sizes_are_refused),
		STORE_TEST(records_of_another_form_are_another_layout),
		STORE_TEST(it_is_ready_until_somebody_takes_the_file_away),
		STORE_TEST(a_removed_segment_is_made_again_with_all_that_it_held),
		STORE_TEST(two_pools_come_together_in_the_segment_at_the_path),
		STORE_TEST(where_another_file_is_at_the_path_the_old_segment_stays_in_use),
		STORE_TEST(a_stopped_maker_of_the_new_segment_is_not_waited_for_again),
		STORE_TEST(a_process_stopped_in_a_lock_makes_one_shard_busy_and_ready_finds_it),
		STORE_TEST(no_acknowledged_value_is_lost_or_torn_however_many_die),
		STORE_TEST(none_is_lost_when_the_segment_is_removed_and_workers_die_over_that),
		STORE_TEST(of_all_that_open_it_and_claim_a_key_at_once_one_gets_it),
	};

	return cmocka_run_group_tests_name("shm", tests, NULL, remove_test_dir);
}
