/*
 * table.h - a table of fixed slots in shared memory, which any process may be
 * killed on top of.
 *
 *   table  shard | shard | shard ...              the key says which shard
 *   shard  head, entry[slots], spare, slot[slots] head: lock, counters, journal
 *   entry  tag, expires                           8 bytes of the key; 0: free
 *   slot   key, version, len, yields, value
 *
 * There are no links: a lookup scans the entries of one shard, and a change touches
 * one entry and its slot.  So the undo journal of a shard is a copy of just those
 * (`spare` holds the slot).  A free slot is all zeros, and so is what stands behind
 * a value: what was deleted is gone.
 *
 * Keys are keyed hashes made outside the reach of clients, so nobody can choose the
 * shard or tag that he hits; a second keyed hash (SipHash) here would add nothing.
 *
 * Values carry no checksum.  The journal leaves no torn value, memory is no disk,
 * and whoever can write here could write the checksum too; what must not be forged
 * is sealed above us.  But a number read from here is never used unchecked.
 *
 * The processes that share a table must be in one PID namespace: the locks hold
 * thread ids.
 */
#ifndef STORE_TABLE_H
#define STORE_TABLE_H

#include "store/store.h"

struct table_shape {
	uint32_t shards;
	uint32_t slots;     /* in each shard */
	uint32_t value_max; /* bytes */
};

/* A table as this process sees it. */
struct table {
	unsigned char *base; /* aligned to 64 */
	struct table_shape shape;
};

struct table_counts {
	uint64_t used;       /* values that have not expired */
	uint64_t owner_died; /* locks found with a dead owner */
	uint64_t undone;     /* changes it had left half made */
};

/* A hash of how everything here lies in memory: another one, another layout. */
uint64_t table_layout(void);

/* The shape in which that many values fit, whatever their keys are (see table.c). */
struct table_shape table_shape_for(uint64_t values, uint32_t least_shards, uint32_t value_max);

/* In bytes; a multiple of 64. */
uint64_t table_size(const struct table_shape *shape);

/* base is zeros. */
void table_init(const struct table *t);

/*
 * As store_get() and its sisters, at the time `now`.  ERR_BUSY: the shard's lock was
 * not to be had within 200 ms, because its owner is stopped; for a second after that
 * it is only tried.  ERR_SYSTEM: the shard holds what cannot be right.  ERR_MOVED: see table_carry().
 */
enum err table_get(const struct table *t, int64_t now, struct store_op *op) MUST_CHECK;
enum err table_put(const struct table *t, int64_t now, struct store_op *op) MUST_CHECK;
enum err table_del(const struct table *t, int64_t now, struct store_op *op) MUST_CHECK;

/*
 * Carries what lives in `from` over to `to`, a table of the same shape, with its versions.
 * What `to` has of the same key stays.  A shard that has been carried over is closed, and
 * every call on it says ERR_MOVED from then on: so any number of processes may do this at
 * the same time, and die over it, and nothing is changed in a place that is left behind.
 * A shard of `from` whose owner is stopped is passed over: it falls to that process.
 * ERR_BUSY: the same of `to`; to be done again.
 */
enum err table_carry(const struct table *from, const struct table *to, int64_t now) MUST_CHECK;

/* Can the n-th shard (of as many as there are) be locked? */
enum err table_probe(const struct table *t, uint64_t n) MUST_CHECK;

/* What is wrong with the table's structure; NULL if nothing is. */
const char *table_check(const struct table *t);

/* Leaves out shards whose owner is stopped. */
void table_count(const struct table *t, int64_t now, struct table_counts *ret);

#endif
