/* What one table promises, and what it does with nonsense in its memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "try_table.h"

/* --- what it promises ----------------------------------------------------- */

/* Upper tail of the Poisson distribution: more than `most` where `mean` are expected. */
static double overflow(uint64_t mean, uint64_t most)
{
	double p = 1, tail = 0;

	for (uint64_t i = 0; i < mean; i++)
		p *= 0.36787944117144233; /* e^-1 */
	for (uint64_t k = 1; k < most + 200; k++) {
		p = p * (double)mean / (double)k;
		if (k > most)
			tail += p;
	}
	return tail;
}

static void what_was_asked_for_fits_whatever_the_keys_are(void **state)
{
	static const uint64_t values[] = { 1,    16,   64,    192,   1000,   4352,    4353,
					   8704, 8705, 16384, 49152, 131072, 33554432 };

	(void)state;
	assert_true(overflow(64, 64) > 0.3 && overflow(64, 64) < 0.5);
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		struct table_shape s = table_shape_for(values[i], 8, 128);
		uint64_t mean = (values[i] + s.shards - 1) / s.shards;
		assert_in_range(s.slots, mean + 15, mean + 100);
		assert_true(s.shards * s.slots < 2 * values[i] + 32 * s.shards);
		assert_in_range(s.shards, 8, UINT32_MAX);
		assert_true(s.shards * overflow(mean, s.slots) < 1e-4);
	}
}

static void what_was_put_is_got_again(void **state)
{
	struct store_op op = op_for(7), got = op_for(7);

	(void)state;
	assert_int_equal(table_get(&t, NOW, &got), ERR_NOT_FOUND);
	seed_fill(&op, 42, VALUE_MAX);
	assert_int_equal(table_put(&t, NOW, &op), OK);
	assert_int_equal(table_get(&t, NOW, &got), OK);
	assert_int_equal(seed_of(&got, VALUE_MAX), 42);
	assert_int_equal(got.version, op.version);
	assert_int_equal(got.expires, LATER);
	assert_null(table_check(&t));
}

static void only_who_read_the_latest_version_may_write(void **state)
{
	struct store_op first = op_for(1), late;

	(void)state;
	assert_int_equal(table_put(&t, NOW, &first), OK);
	assert_int_equal(put_seed(1, 0, 9, NOW), ERR_CONFLICT);
	late = first;
	assert_int_equal(table_put(&t, NOW, &first), OK);
	assert_true(first.version > late.version);
	assert_int_equal(table_put(&t, NOW, &late), ERR_CONFLICT);
	assert_int_equal(table_del(&t, NOW, &late), ERR_CONFLICT);
	assert_int_equal(table_del(&t, NOW, &first), OK);
	assert_int_equal(table_put(&t, NOW, &first), ERR_CONFLICT);
}

static void a_version_is_never_given_twice(void **state)
{
	uint64_t last = 0;

	(void)state;
	for (int i = 0; i < 50; i++) {
		struct store_op op = op_for(1);
		assert_int_equal(table_put(&t, NOW, &op), OK);
		assert_true(op.version > last);
		last = op.version;
		assert_int_equal(table_del(&t, NOW, &op), OK);
	}
}

static void what_has_expired_is_not_there(void **state)
{
	struct store_op op = op_for(1), got = op_for(1);

	(void)state;
	assert_int_equal(table_put(&t, NOW, &op), OK);
	assert_int_equal(table_get(&t, LATER - 1, &got), OK);
	assert_int_equal(table_get(&t, LATER, &got), ERR_NOT_FOUND);
	assert_int_equal(table_put(&t, LATER, &op), ERR_CONFLICT);
	assert_int_equal(table_del(&t, LATER, &op), ERR_CONFLICT);
	assert_int_equal(put_seed(1, 0, 5, LATER), OK);
	assert_int_equal(seed_now(1, LATER), 5);
	assert_null(table_check(&t));
}

static void a_full_shard_says_so_and_recovers_when_values_expire(void **state)
{
	struct table_counts counts;

	(void)state;
	for (uint64_t n = 0; n < SLOTS; n++)
		assert_int_equal(put_seed(n, 0, n + 1, NOW), OK);
	assert_int_equal(put_seed(99, 0, 99, NOW), ERR_FULL);
	assert_int_equal(put_seed(2, version_now(2), 22, NOW), OK);
	table_count(&t, NOW, &counts);
	assert_int_equal(counts.used, SLOTS);

	for (uint64_t n = 100; n < 100 + SLOTS; n++)
		assert_int_equal(put_seed(n, 0, n, LATER), OK);
	assert_int_equal(put_seed(99, 0, 99, LATER), ERR_FULL);
	assert_int_equal(seed_now(103, LATER), 103);
	assert_null(table_check(&t));
}

static enum err put_yielding(uint64_t n, int64_t expires)
{
	struct store_op op = op_for(n);

	seed_fill(&op, n + 1, VALUE_MAX);
	op.yields = true;
	op.expires = expires;
	return table_put(&t, NOW, &op);
}

static void in_a_full_shard_the_yielding_value_that_ends_first_makes_room(void **state)
{
	(void)state;
	assert_int_equal(put_seed(0, 0, 1, NOW), OK);
	assert_int_equal(put_yielding(1, LATER + 2), OK);
	assert_int_equal(put_yielding(2, LATER + 1), OK);
	assert_int_equal(put_seed(3, 0, 4, NOW), OK);

	assert_int_equal(put_seed(10, 0, 11, NOW), OK);
	assert_int_equal(seed_now(2, NOW), 0);
	assert_int_equal(seed_now(1, NOW), 2);
	assert_int_equal(put_seed(11, 0, 12, NOW), OK);
	assert_int_equal(seed_now(1, NOW), 0);
	assert_int_equal(put_seed(12, 0, 13, NOW), ERR_FULL);
	assert_int_equal(put_yielding(13, LATER), ERR_FULL);
	assert_int_equal(seed_now(0, NOW), 1);
	assert_int_equal(seed_now(3, NOW), 4);
	assert_null(table_check(&t));
}

/* A value that yielded and is written again without is one that stays. */
static void a_value_yields_only_as_it_was_written_last(void **state)
{
	(void)state;
	for (uint64_t n = 0; n < SLOTS; n++)
		assert_int_equal(put_yielding(n, LATER), OK);
	for (uint64_t n = 0; n < SLOTS; n++)
		assert_int_equal(put_seed(n, version_now(n), n + 1, NOW), OK);
	assert_int_equal(put_seed(99, 0, 99, NOW), ERR_FULL);
}

static void keys_that_share_a_tag_are_told_apart(void **state)
{
	struct store_op a = { .expires = LATER, .len = 1, .value = { 'a' } };
	struct store_op b = { .expires = LATER, .len = 1, .value = { 'b' } };

	(void)state;
	b.key.b[DIGEST_SIZE - 1] = 1; /* and both begin with the zeros that mean "free" */
	assert_int_equal(table_put(&t, NOW, &a), OK);
	assert_int_equal(table_put(&t, NOW, &b), OK);
	assert_int_equal(table_get(&t, NOW, &a), OK);
	assert_int_equal(a.value[0], 'a');
	assert_int_equal(table_del(&t, NOW, &a), OK);
	assert_int_equal(table_get(&t, NOW, &b), OK);
	assert_int_equal(b.value[0], 'b');
	assert_null(table_check(&t));
}

static bool in_memory(const char *text)
{
	return memmem(t.base, table_size(&t.shape), text, strlen(text)) != NULL;
}

static void what_was_deleted_or_overwritten_is_gone(void **state)
{
	struct store_op op = op_for(1);

	(void)state;
	op.len = (size_t)sprintf((char *)op.value, "%s", "a rather long canary");
	assert_int_equal(table_put(&t, NOW, &op), OK);
	assert_true(in_memory("canary"));
	op.len = (size_t)sprintf((char *)op.value, "%s", "bird");
	assert_int_equal(table_put(&t, NOW, &op), OK);
	assert_false(in_memory("canary"));
	assert_true(in_memory("bird"));
	assert_int_equal(table_del(&t, NOW, &op), OK);
	assert_false(in_memory("bird"));
}

/* --- nonsense in the memory ----------------------------------------------- */

/* Slot 0 holds key 1, slot 1 key 2; the others are free. */
static void plant_tag(void)
{
	shard0()->entries[0].tag ^= 1;
}

static void plant_strayed_key(void)
{
	slot_at(&t, shard0(), 0)->key.b[8] = 1;
}

static void plant_no_version(void)
{
	slot_at(&t, shard0(), 0)->version = 0;
}

static void plant_future_version(void)
{
	slot_at(&t, shard0(), 1)->version = 1000;
}

static void plant_length(void)
{
	slot_at(&t, shard0(), 1)->len = VALUE_MAX + 1;
}

static void plant_huge_length(void)
{
	slot_at(&t, shard0(), 0)->len = UINT64_MAX;
}

static void plant_remains(void)
{
	slot_at(&t, shard0(), 0)->value[VALUE_MAX - 1] = 1;
}

static void plant_twin(void)
{
	shard0()->entries[3] = shard0()->entries[0];
	memcpy(slot_at(&t, shard0(), 3), slot_at(&t, shard0(), 0), slot_size(&t.shape));
}

static void plant_litter(void)
{
	slot_at(&t, shard0(), 2)->value[5] = 1;
}

static void plant_expiry(void)
{
	shard0()->entries[2].expires = 5;
}

static void plant_busy(void)
{
	shard0()->journal.busy = 1;
}

static void the_check_finds_what_is_planted(void **state)
{
	static const struct {
		void (*plant)(void);
		const char *found;
	} rows[] = {
		{ plant_tag, "a slot's tag is not that of its key" },
		{ plant_strayed_key, "a key is in a shard that is not its own" },
		{ plant_no_version, "a slot has a version that was never given out" },
		{ plant_future_version, "a slot has a version that was never given out" },
		{ plant_length, "a value is longer than its slot" },
		{ plant_huge_length, "a value is longer than its slot" },
		{ plant_remains, "there are remains behind a value" },
		{ plant_twin, "a key stands twice" },
		{ plant_litter, "a free slot is not empty" },
		{ plant_expiry, "a free slot is not empty" },
		{ plant_busy, "a change was left half made" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct store_op op = { .expires = LATER, .key = test_key(1, 0), .len = 3 };
		memset(t.base, 0, table_size(&t.shape));
		table_init(&t);
		assert_int_equal(table_put(&t, NOW, &op), OK);
		assert_int_equal(put_seed(2, 0, 2, NOW), OK);
		assert_null(table_check(&t));
		rows[i].plant();
		assert_string_equal(table_check(&t), rows[i].found);
	}
}

static void a_length_that_cannot_be_is_not_followed(void **state)
{
	struct store_op op = op_for(1);

	(void)state;
	assert_int_equal(put_seed(1, 0, 7, NOW), OK);
	plant_huge_length();
	assert_int_equal(table_get(&t, NOW, &op), ERR_SYSTEM);
	assert_int_equal(put_seed(1, 1, 8, NOW), OK);
	assert_int_equal(seed_now(1, NOW), 8);
}

static void a_journal_that_cannot_be_is_not_followed(void **state)
{
	pid_t pid = fork_child();

	(void)state;
	if (pid == 0) {
		_exit(shard_lock(&t, shard0()) == OK ? 0 : 1); /* and dies with it */
	}
	assert_int_equal(ending(pid), 0);
	shard0()->journal.busy = 1;
	shard0()->journal.index = UINT32_MAX - 1;
	assert_int_equal(put_seed(1, 0, 7, NOW), OK);
	assert_int_equal(shard0()->owner_died, 1);
	assert_null(table_check(&t));
}

/*
 * Anything may stand in the memory, but for the locks: those are libc's, and who
 * can write them can as well just hold them.
 */
static void random_bytes_in_the_memory_harm_nobody(void **state)
{
	uint64_t size = table_size(&t.shape), r = 1;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		r = mix64(r + 1);
		uint64_t at = r % size;
		if (at % shard_size(&t.shape) < sizeof(pthread_mutex_t))
			continue;
		t.base[at] = (unsigned char)(r >> 32);
		struct store_op op = op_for(r >> 40 & 7);
		op.key.b[8] = (r >> 50) & 1;
		enum err err = table_get(&t, NOW, &op);
		assert_true(err == OK || err == ERR_NOT_FOUND || err == ERR_SYSTEM ||
			    err == ERR_MOVED);
		assert_true(op.len <= VALUE_MAX);
		if (err == OK && (r >> 60 & 1) != 0)
			err = table_del(&t, NOW, &op);
		else if (err == ERR_NOT_FOUND)
			err = table_put(&t, NOW, &op);
		assert_in_range(err, OK, ERR_NR - 1);
		(void)table_check(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_asked_for_fits_whatever_the_keys_are),
		TABLE_TEST(what_was_put_is_got_again),
		TABLE_TEST(only_who_read_the_latest_version_may_write),
		TABLE_TEST(a_version_is_never_given_twice),
		TABLE_TEST(what_has_expired_is_not_there),
		TABLE_TEST(a_full_shard_says_so_and_recovers_when_values_expire),
		TABLE_TEST(in_a_full_shard_the_yielding_value_that_ends_first_makes_room),
		TABLE_TEST(a_value_yields_only_as_it_was_written_last),
		TABLE_TEST(keys_that_share_a_tag_are_told_apart),
		TABLE_TEST(what_was_deleted_or_overwritten_is_gone),
		TABLE_TEST(the_check_finds_what_is_planted),
		TABLE_TEST(a_length_that_cannot_be_is_not_followed),
		TABLE_TEST(a_journal_that_cannot_be_is_not_followed),
		TABLE_TEST(random_bytes_in_the_memory_harm_nobody),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
