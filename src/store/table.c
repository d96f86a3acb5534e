/* A shard: its lock, its undo journal, and the slots that both guard. */
#include "table.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

/*
 * A process that loses its core with a lock in its hands gets it back within some tens of
 * milliseconds, even on a busy machine.  One that does not is stopped: from then on a shard is
 * only tried, and waited for again a second later.
 */
enum { LOCK_BUDGET_MS = 200, IMPATIENT_MS = 1000, LINE = 64 };

/*
 * Keys fall into shards at random, so a shard holds a Poisson number of them: its mean,
 * and by 6.5 times its square root more with a probability of some 1e-11.  So that many
 * slots are to spare, and a few for small means.  A larger mean spares memory, a smaller
 * one the scan of a shard's entries.  test_table.c does the sums.
 */
enum { SHARD_MEAN = 136, SPARE_LEAST = 9 };

static const uint32_t NO_SLOT = UINT32_MAX;

struct entry {
	uint64_t tag; /* of the key; 0: the slot is free */
	int64_t expires;
};

struct slot {
	struct digest key;
	uint64_t version;
	uint64_t len;
	uint64_t yields; /* store.h: gives its place to another when the shard is full */
	unsigned char value[];
};

struct journal {
	_Atomic uint32_t busy; /* a change of slot `index` is under way */
	uint32_t index;
	struct entry entry; /* as it was; the slot as it was is in spare_of() */
};

struct shard {
	pthread_mutex_t lock;
	uint64_t version; /* the last one given out; only ever grows */
	uint64_t owner_died;
	uint64_t undone;
	uint64_t moved; /* its values are in another table now, and nothing changes here */
	_Atomic int64_t impatient_until; /* CLOCK_MONOTONIC, ms; written without the lock */
	struct journal journal;
	_Alignas(LINE) struct entry entries[];
};

_Static_assert(sizeof(struct slot) % 8 == 0, "slots follow each other, aligned");
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "journal.busy is one plain store");

/* --- where things are --------------------------------------------------- */

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

static uint64_t slot_size(const struct table_shape *shape)
{
	return sizeof(struct slot) + round_up(shape->value_max, 8);
}

static uint64_t slots_at(const struct table_shape *shape)
{
	return sizeof(struct shard) + shape->slots * sizeof(struct entry);
}

/* One slot more than there are entries: the first one is the journal's. */
static uint64_t shard_size(const struct table_shape *shape)
{
	return round_up(slots_at(shape) + (shape->slots + UINT64_C(1)) * slot_size(shape), LINE);
}

static uint64_t spare_slots(uint64_t mean)
{
	uint64_t root = 0;

	while (root * root < mean)
		root++;
	return root * 13 / 2 + SPARE_LEAST;
}

uint64_t table_size(const struct table_shape *shape)
{
	return shape->shards * shard_size(shape);
}

struct table_shape table_shape_for(uint64_t values, uint32_t least_shards, uint32_t value_max)
{
	uint64_t shards = (values + SHARD_MEAN - 1) / SHARD_MEAN;

	if (shards < least_shards)
		shards = least_shards;
	ensure(shards < UINT32_MAX);
	uint64_t mean = (values + shards - 1) / shards;
	return (struct table_shape){
		.shards = (uint32_t)shards,
		.slots = (uint32_t)(mean + spare_slots(mean)),
		.value_max = value_max,
	};
}

uint64_t table_layout(void)
{
	static const size_t numbers[] = {
		sizeof(struct shard),
		offsetof(struct shard, version),
		offsetof(struct shard, owner_died),
		offsetof(struct shard, undone),
		offsetof(struct shard, moved),
		offsetof(struct shard, journal),
		sizeof(struct journal),
		offsetof(struct journal, index),
		offsetof(struct journal, entry),
		sizeof(struct entry),
		offsetof(struct entry, expires),
		sizeof(struct slot),
		offsetof(struct slot, version),
		offsetof(struct slot, len),
		offsetof(struct slot, yields),
		offsetof(struct slot, value),
	};
	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a, over numbers */

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		hash = (hash ^ numbers[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static struct shard *shard_at(const struct table *t, uint64_t n)
{
	return (struct shard *)(void *)(t->base + n * shard_size(&t->shape));
}

static uint64_t key_word(const struct digest *key, size_t word)
{
	uint64_t n;

	memcpy(&n, key->b + word * sizeof n, sizeof n);
	return n;
}

static uint64_t tag_of(const struct digest *key)
{
	uint64_t tag = key_word(key, 0);

	return tag == 0 ? 1 : tag;
}

static struct shard *shard_of(const struct table *t, const struct digest *key)
{
	return shard_at(t, key_word(key, 1) % t->shape.shards);
}

static struct slot *spare_of(const struct table *t, struct shard *sh)
{
	return (struct slot *)(void *)((unsigned char *)sh + slots_at(&t->shape));
}

static struct slot *slot_at(const struct table *t, struct shard *sh, uint32_t i)
{
	unsigned char *spare = (unsigned char *)spare_of(t, sh);

	return (struct slot *)(void *)(spare + (i + UINT64_C(1)) * slot_size(&t->shape));
}

/* --- the journal and the lock ------------------------------------------- */

/*
 * A process that dies has done its stores up to some instruction, and the kernel
 * lets the next owner of the lock see all of them.  So what must hold is the order
 * of our instructions; only the compiler could upset that, and signal fences (no
 * instruction, no cost) forbid it.  Around each change of the mark: what was written
 * before it stays before it, and what follows behind it.
 */
static void mark(struct shard *sh, uint32_t busy)
{
	atomic_signal_fence(memory_order_seq_cst);
	atomic_store_explicit(&sh->journal.busy, busy, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
}

static void change_begin(const struct table *t, struct shard *sh, uint32_t i)
{
	sh->journal.index = i;
	sh->journal.entry = sh->entries[i];
	memcpy(spare_of(t, sh), slot_at(t, sh, i), slot_size(&t->shape));
	mark(sh, 1);
}

/* Forgets the copy too: what was deleted must not live on in the journal. */
static void change_end(const struct table *t, struct shard *sh)
{
	mark(sh, 0);
	memset(spare_of(t, sh), 0, slot_size(&t->shape));
}

/* May be cut short and done again: the journal stays busy until all is back. */
static void undo(const struct table *t, struct shard *sh)
{
	uint32_t i = sh->journal.index;

	if (i < t->shape.slots) {
		sh->entries[i] = sh->journal.entry;
		memcpy(slot_at(t, sh, i), spare_of(t, sh), slot_size(&t->shape));
	}
	sh->undone++;
}

/* The owner died holding the lock.  It is ours now; make the shard whole. */
static int repair(const struct table *t, struct shard *sh)
{
	sh->owner_died++;
	if (atomic_load_explicit(&sh->journal.busy, memory_order_relaxed) != 0)
		undo(t, sh);
	change_end(t, sh);
	return pthread_mutex_consistent(&sh->lock);
}

static int64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int lock_in_time(struct shard *sh)
{
	int64_t now = monotonic_ms(), left = atomic_load(&sh->impatient_until) - now;

	if (left > 0 && left <= IMPATIENT_MS)
		return ETIMEDOUT;
	int64_t until = now + LOCK_BUDGET_MS;
	struct timespec at = { .tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000 };
	int r = pthread_mutex_clocklock(&sh->lock, CLOCK_MONOTONIC, &at);
	if (r == ETIMEDOUT)
		atomic_store(&sh->impatient_until, until + IMPATIENT_MS);
	return r;
}

/* A stopped owner is not a dead one, so nobody waits for ever. */
static enum err shard_lock(const struct table *t, struct shard *sh)
{
	int r = pthread_mutex_trylock(&sh->lock);

	if (r == EBUSY)
		r = lock_in_time(sh);
	if (r == EOWNERDEAD)
		r = repair(t, sh);
	if (r == ETIMEDOUT)
		return ERR_BUSY;
	return r == 0 ? OK : ERR_SYSTEM;
}

static void shard_unlock(struct shard *sh)
{
	pthread_mutex_unlock(&sh->lock);
}

void table_init(const struct table *t)
{
	pthread_mutexattr_t attr;

	ensure(pthread_mutexattr_init(&attr) == 0);
	ensure(pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) == 0);
	ensure(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) == 0);
	ensure(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK) == 0);
	for (uint32_t i = 0; i < t->shape.shards; i++)
		ensure(pthread_mutex_init(&shard_at(t, i)->lock, &attr) == 0);
	pthread_mutexattr_destroy(&attr);
}

/* --- get, put, del: from here on the shard's lock is held ---------------- */

/* The value of that key, expired or not: a key never has two slots. */
static uint32_t find(const struct table *t, struct shard *sh, const struct digest *key)
{
	uint64_t tag = tag_of(key);

	for (uint32_t i = 0; i < t->shape.slots; i++)
		if (sh->entries[i].tag == tag &&
		    crypt_equal(slot_at(t, sh, i)->key.b, key->b, DIGEST_SIZE))
			return i;
	return NO_SLOT;
}

/* Of the values that yield, the one that ends first. */
static uint32_t yielding(const struct table *t, struct shard *sh)
{
	uint32_t first = NO_SLOT;

	for (uint32_t i = 0; i < t->shape.slots; i++)
		if (slot_at(t, sh, i)->yields != 0 &&
		    (first == NO_SLOT || sh->entries[i].expires < sh->entries[first].expires))
			first = i;
	return first;
}

/* Where a new value can go: a free slot, else an expired value's, else one that yields. */
static uint32_t room(const struct table *t, struct shard *sh, int64_t now)
{
	uint32_t expired = NO_SLOT;

	for (uint32_t i = 0; i < t->shape.slots; i++) {
		if (sh->entries[i].tag == 0)
			return i;
		if (expired == NO_SLOT && sh->entries[i].expires <= now)
			expired = i;
	}
	return expired == NO_SLOT ? yielding(t, sh) : expired;
}

static bool is_live(const struct shard *sh, uint32_t i, int64_t now)
{
	return i != NO_SLOT && sh->entries[i].expires > now;
}

/* 0: there is no such value. */
static uint64_t version_of(const struct table *t, struct shard *sh, uint32_t i, int64_t now)
{
	return is_live(sh, i, now) ? slot_at(t, sh, i)->version : 0;
}

static enum err get(const struct table *t, struct shard *sh, int64_t now, struct store_op *op)
{
	uint32_t i = find(t, sh, &op->key);

	if (!is_live(sh, i, now))
		return ERR_NOT_FOUND;
	const struct slot *slot = slot_at(t, sh, i);
	/* read once: a process gone mad may write it between check and use */
	uint64_t len = *(const volatile uint64_t *)&slot->len;
	if (len > t->shape.value_max)
		return ERR_SYSTEM;
	op->version = slot->version;
	op->expires = sh->entries[i].expires;
	op->len = len;
	memcpy(op->value, slot->value, len);
	return OK;
}

static void fill(struct slot *slot, const struct store_op *op, uint64_t version,
		 uint64_t value_size)
{
	slot->key = op->key;
	slot->version = version;
	slot->len = op->len;
	slot->yields = op->yields;
	memcpy(slot->value, op->value, op->len);
	memset(slot->value + op->len, 0, value_size - op->len);
}

static enum err put(const struct table *t, struct shard *sh, int64_t now, struct store_op *op)
{
	uint32_t i = find(t, sh, &op->key);

	if (op->version != version_of(t, sh, i, now))
		return ERR_CONFLICT;
	if (i == NO_SLOT)
		i = room(t, sh, now);
	if (i == NO_SLOT)
		return ERR_FULL;
	/* not part of the change: a version that an undone change took is never given again */
	op->version = ++sh->version;
	change_begin(t, sh, i);
	sh->entries[i] = (struct entry){ .tag = tag_of(&op->key), .expires = op->expires };
	fill(slot_at(t, sh, i), op, op->version, slot_size(&t->shape) - sizeof(struct slot));
	change_end(t, sh);
	return OK;
}

static enum err del(const struct table *t, struct shard *sh, int64_t now, struct store_op *op)
{
	uint32_t i = find(t, sh, &op->key);

	if (op->version != version_of(t, sh, i, now))
		return ERR_CONFLICT;
	if (i == NO_SLOT)
		return OK;
	change_begin(t, sh, i);
	sh->entries[i] = (struct entry){ .tag = 0 };
	memset(slot_at(t, sh, i), 0, slot_size(&t->shape));
	change_end(t, sh);
	return OK;
}

static enum err locked(const struct table *t, int64_t now, struct store_op *op,
		       enum err (*act)(const struct table *, struct shard *, int64_t,
				       struct store_op *))
{
	struct shard *sh = shard_of(t, &op->key);
	enum err err = shard_lock(t, sh);

	if (err != OK)
		return err;
	err = sh->moved ? ERR_MOVED : act(t, sh, now, op);
	shard_unlock(sh);
	return err;
}

enum err table_get(const struct table *t, int64_t now, struct store_op *op)
{
	return locked(t, now, op, get);
}

enum err table_put(const struct table *t, int64_t now, struct store_op *op)
{
	ensure(op->len <= t->shape.value_max && op->len <= sizeof op->value);
	return locked(t, now, op, put);
}

enum err table_del(const struct table *t, int64_t now, struct store_op *op)
{
	return locked(t, now, op, del);
}

/* --- carrying a table over ------------------------------------------------- */

/* Unless it has that key already, or no room. */
static void carry_slot(const struct table *t, struct shard *sh, int64_t now,
		       const struct entry *entry, const struct slot *slot)
{
	if (find(t, sh, &slot->key) != NO_SLOT)
		return;
	uint32_t i = room(t, sh, now);
	if (i == NO_SLOT)
		return;
	change_begin(t, sh, i);
	sh->entries[i] = *entry;
	memcpy(slot_at(t, sh, i), slot, slot_size(&t->shape));
	change_end(t, sh);
}

/* With both locks held.  Closed last: a process killed before that has done no harm. */
static void carry_shard(const struct table *from, struct shard *sh, const struct table *to,
			struct shard *into, int64_t now)
{
	/* a version that was read there may be named here: it must not be given again */
	if (into->version < sh->version)
		into->version = sh->version;
	for (uint32_t i = 0; i < from->shape.slots; i++)
		if (sh->entries[i].tag != 0 && is_live(sh, i, now))
			carry_slot(to, into, now, &sh->entries[i], slot_at(from, sh, i));
	atomic_signal_fence(memory_order_seq_cst);
	sh->moved = 1;
}

enum err table_carry(const struct table *from, const struct table *to, int64_t now)
{
	enum err err = OK;

	for (uint32_t n = 0; err == OK && n < from->shape.shards; n++) {
		struct shard *sh = shard_at(from, n), *into = shard_at(to, n);
		if (shard_lock(from, sh) != OK)
			continue;
		if (!sh->moved) {
			err = shard_lock(to, into);
			if (err == OK) {
				carry_shard(from, sh, to, into, now);
				shard_unlock(into);
			}
		}
		shard_unlock(sh);
	}
	return err;
}

/* --- looking at the whole table ----------------------------------------- */

enum err table_probe(const struct table *t, uint64_t n)
{
	struct shard *sh = shard_at(t, n % t->shape.shards);
	enum err err = shard_lock(t, sh);

	if (err == OK)
		shard_unlock(sh);
	return err;
}

static bool all_zero(const void *p, size_t n)
{
	const unsigned char *b = p;

	for (size_t i = 0; i < n; i++)
		if (b[i] != 0)
			return false;
	return true;
}

static const char *check_used(const struct table *t, struct shard *sh, uint32_t i)
{
	const struct slot *slot = slot_at(t, sh, i);
	uint64_t room_for_value = slot_size(&t->shape) - sizeof *slot;

	if (sh->entries[i].tag != tag_of(&slot->key))
		return "a slot's tag is not that of its key";
	if (shard_of(t, &slot->key) != sh)
		return "a key is in a shard that is not its own";
	if (slot->version == 0 || slot->version > sh->version)
		return "a slot has a version that was never given out";
	if (slot->len > t->shape.value_max)
		return "a value is longer than its slot";
	if (!all_zero(slot->value + slot->len, room_for_value - slot->len))
		return "there are remains behind a value";
	if (find(t, sh, &slot->key) != i)
		return "a key stands twice";
	return NULL;
}

static const char *check_slot(const struct table *t, struct shard *sh, uint32_t i)
{
	if (sh->entries[i].tag != 0)
		return check_used(t, sh, i);
	if (sh->entries[i].expires != 0 || !all_zero(slot_at(t, sh, i), slot_size(&t->shape)))
		return "a free slot is not empty";
	return NULL;
}

static const char *check_shard(const struct table *t, struct shard *sh)
{
	const char *wrong = NULL;

	if (shard_lock(t, sh) != OK)
		return "a shard's lock cannot be had";
	if (sh->journal.busy != 0)
		wrong = "a change was left half made";
	for (uint32_t i = 0; wrong == NULL && i < t->shape.slots; i++)
		wrong = check_slot(t, sh, i);
	shard_unlock(sh);
	return wrong;
}

const char *table_check(const struct table *t)
{
	const char *wrong = NULL;

	for (uint32_t i = 0; wrong == NULL && i < t->shape.shards; i++)
		wrong = check_shard(t, shard_at(t, i));
	return wrong;
}

static void count_shard(const struct table *t, struct shard *sh, int64_t now,
			struct table_counts *ret)
{
	if (shard_lock(t, sh) != OK)
		return;
	for (uint32_t i = 0; i < t->shape.slots; i++)
		ret->used += sh->entries[i].tag != 0 && is_live(sh, i, now);
	ret->owner_died += sh->owner_died;
	ret->undone += sh->undone;
	shard_unlock(sh);
}

void table_count(const struct table *t, int64_t now, struct table_counts *ret)
{
	*ret = (struct table_counts){ .used = 0 };
	for (uint32_t i = 0; i < t->shape.shards; i++)
		count_shard(t, shard_at(t, i), now, ret);
}
