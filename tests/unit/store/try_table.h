/* try_table.h - a small table to try things on, from the inside: its source is included. */
#ifndef TRY_TABLE_H
#define TRY_TABLE_H

#include "store_help.h"
#include "table.c"

#include <sys/mman.h>

enum { VALUE_MAX = 64, SLOTS = 4, NOW = 1000, LATER = 2000 };

static struct table t;

static int make_table(void **state)
{
	(void)state;
	t.shape = (struct table_shape){ .shards = 2, .slots = SLOTS, .value_max = VALUE_MAX };
	t.base = mmap(NULL, table_size(&t.shape), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ensure(t.base != MAP_FAILED);
	table_init(&t);
	return 0;
}

static int drop_table(void **state)
{
	(void)state;
	return munmap(t.base, table_size(&t.shape));
}

static struct store_op op_for(uint64_t n)
{
	return (struct store_op){ .key = test_key(n, 0), .expires = LATER };
}

static enum err put_seed(uint64_t n, uint64_t version, uint64_t seed, int64_t now)
{
	struct store_op op = op_for(n);

	op.version = version;
	op.expires = now + LATER - NOW;
	seed_fill(&op, seed, VALUE_MAX);
	return table_put(&t, now, &op);
}

static uint64_t version_now(uint64_t n)
{
	struct store_op op = op_for(n);

	return table_get(&t, NOW, &op) == OK ? op.version : 0;
}

/* The value's seed, 0 if there is none. */
static uint64_t seed_now(uint64_t n, int64_t now)
{
	struct store_op op = op_for(n);
	enum err err = table_get(&t, now, &op);

	if (err == ERR_NOT_FOUND)
		return 0;
	assert_int_equal(err, OK);
	assert_int_not_equal(seed_of(&op, VALUE_MAX), 0);
	return seed_of(&op, VALUE_MAX);
}

/* That of all keys of lane 0. */
static struct shard *shard0(void)
{
	return shard_at(&t, 0);
}

#define TABLE_TEST(f) cmocka_unit_test_setup_teardown(f, make_table, drop_table)

#endif
