/* The shared-memory backend: one segment, and in it one table for each kind. */
#include "backend.h"
#include "base/clock.h"
#include "base/mem.h"
#include "segment.h"
#include "table.h"

#include <stdio.h>
#include <string.h>

struct shm {
	struct store store;
	struct segment_want want; /* its path is the segment's own copy */
	struct segment segment;
	struct table tables[STORE_KIND_NR];
	uint64_t capacity[STORE_KIND_NR];
	uint64_t probed; /* store_ready() asks another shard each time */
	bool moved;      /* since store_follow() was called last */
	int64_t impatient_until;
};

static struct shm *shm_of(struct store *s)
{
	return container_of(s, struct shm, store);
}

static void place_tables(struct shm *m)
{
	unsigned char *at = m->segment.base + SEGMENT_HEAD;

	for (int kind = 0; kind < STORE_KIND_NR; kind++) {
		struct table *t = &m->tables[kind];
		t->base = at;
		at += table_size(&t->shape);
		if (m->segment.fresh)
			table_init(t);
	}
}

/* --- when the file is not at its path any more ------------------------------ */

/* Whoever carries over 16,000 sessions takes some 50 ms; a stopped one must not hold us up again.
 */
enum { IMPATIENT_MS = 1000 };

static enum err open_next(struct shm *m, struct segment *ret, const char **ret_why)
{
	if (clock_boot_ms() < m->impatient_until) {
		*ret_why = "another process has kept it locked";
		return ERR_BUSY;
	}
	enum err err = segment_open(&m->want, ret, ret_why);
	m->impatient_until = err == ERR_BUSY ? clock_boot_ms() + IMPATIENT_MS : 0;
	return err;
}

static enum err carry_tables(const struct shm *from, const struct shm *to)
{
	enum err err = OK;

	for (int kind = 0; err == OK && kind < STORE_KIND_NR; kind++)
		err = table_carry(&from->tables[kind], &to->tables[kind], clock_boot_ms());
	return err;
}

/*
 * The file was removed under us.  An unlinked one cannot be put back, so what it holds
 * goes into the one that is at the path now, or into a new one.  That one counts as made
 * before anything goes into it, because what has been carried over is nowhere else; but
 * its lock is ours until all is there, so no worker starts on half of it.
 */
static enum err follow(struct shm *m, const char **ret_why)
{
	struct shm next = *m;
	enum err err = open_next(m, &next.segment, ret_why);

	if (err != OK)
		return err;
	place_tables(&next);
	segment_complete(&next.segment);
	err = carry_tables(m, &next);
	segment_publish(&next.segment);
	if (err != OK) {
		*ret_why = "a stopped process holds a lock in the new one";
		segment_close(&next.segment);
		return err;
	}
	segment_close(&m->segment);
	next.want.path = next.segment.path;
	next.moved = true;
	*m = next;
	return OK;
}

static enum store_place shm_follow(struct store *s, const char **ret_why)
{
	struct shm *m = shm_of(s);

	if (!segment_in_place(&m->segment) && follow(m, ret_why) != OK)
		return STORE_APART;
	bool moved = m->moved;
	m->moved = false;
	return moved ? STORE_MOVED : STORE_STAYS;
}

/* --- the calls of store.h ------------------------------------------------ */

/* A shard that another process has carried over is looked for where it is now. */
static enum progress on_table(struct store *s, struct store_op *op,
			      enum err (*act)(const struct table *, int64_t, struct store_op *))
{
	struct shm *m = shm_of(s);
	const char *why;

	op->err = act(&m->tables[op->kind], clock_boot_ms(), op);
	if (op->err == ERR_MOVED && !segment_in_place(&m->segment) && follow(m, &why) == OK)
		op->err = act(&m->tables[op->kind], clock_boot_ms(), op);
	if (op->err == ERR_MOVED)
		op->err = ERR_BUSY;
	return DONE;
}

static enum progress shm_get(struct store *s, struct store_op *op)
{
	return on_table(s, op, table_get);
}

static enum progress shm_put(struct store *s, struct store_op *op)
{
	enum progress progress = on_table(s, op, table_put);

	op->yields = false; /* the next value in this op is another one */
	return progress;
}

static enum progress shm_del(struct store *s, struct store_op *op)
{
	return on_table(s, op, table_del);
}

static int64_t shm_now(const struct store *s)
{
	(void)s;
	return clock_boot_ms();
}

static enum err shm_ready(struct store *s)
{
	struct shm *m = shm_of(s);
	enum err err = segment_in_place(&m->segment) ? OK : ERR_SYSTEM;

	for (int kind = 0; err == OK && kind < STORE_KIND_NR; kind++)
		err = table_probe(&m->tables[kind], m->probed);
	m->probed++;
	return err;
}

static const char *shm_check(struct store *s)
{
	static char what[128];
	struct shm *m = shm_of(s);

	for (int kind = 0; kind < STORE_KIND_NR; kind++) {
		const char *wrong = table_check(&m->tables[kind]);
		if (wrong != NULL) {
			snprintf(what, sizeof what, "%s: %s", store_rows[kind].name, wrong);
			return what;
		}
	}
	return NULL;
}

static void shm_stats(struct store *s, struct store_stats *ret)
{
	struct shm *m = shm_of(s);

	for (int kind = 0; kind < STORE_KIND_NR; kind++) {
		struct table_counts counts;
		table_count(&m->tables[kind], clock_boot_ms(), &counts);
		ret->used[kind] = counts.used;
		ret->capacity[kind] = m->capacity[kind];
		ret->owner_died += counts.owner_died;
		ret->undone += counts.undone;
	}
}

static void shm_close(struct store *s)
{
	struct shm *m = shm_of(s);

	segment_close(&m->segment);
	mem_free(m);
}

static const struct store_backend shm_backend = {
	.get = shm_get,
	.put = shm_put,
	.del = shm_del,
	.now = shm_now,
	.ready = shm_ready,
	.follow = shm_follow,
	.check = shm_check,
	.stats = shm_stats,
	.close = shm_close,
};

/* --- opening -------------------------------------------------------------- */

static uint64_t capacity_of(const struct store_row *row, const struct store_shm_conf *conf)
{
	uint64_t n = (uint64_t)row->per_session * conf->sessions;

	return n < row->least ? row->least : n;
}

/* FNV-1a over numbers. */
uint64_t store_layout_of(const struct store_row *rows)
{
	uint64_t hash = table_layout();

	for (size_t kind = 0; kind < STORE_KIND_NR; kind++)
		hash = (hash ^ rows[kind].layout) * UINT64_C(0x100000001b3);
	return hash;
}

/*
 * Decides the shape of every table and writes it down in `want`, so that a segment
 * of another shape is not taken for ours.
 */
static void plan(struct shm *m, const struct store_shm_conf *conf, struct segment_want *ret)
{
	*ret = (struct segment_want){
		.path = conf->segment,
		.bytes = SEGMENT_HEAD,
		.layout = store_layout_of(store_rows),
	};
	for (size_t kind = 0; kind < STORE_KIND_NR; kind++) {
		const struct store_row *row = &store_rows[kind];
		struct table_shape *shape = &m->tables[kind].shape;
		m->capacity[kind] = capacity_of(row, conf);
		*shape = table_shape_for(m->capacity[kind], row->shards, row->value_max);
		memcpy(&ret->sizes[kind * 3], shape, sizeof *shape);
		ret->bytes += table_size(shape);
	}
	ret->bytes = (ret->bytes + SEGMENT_HEAD - 1) / SEGMENT_HEAD * SEGMENT_HEAD;
}

_Static_assert(sizeof(struct table_shape) == 3 * sizeof(uint32_t) &&
		       STORE_KIND_NR * 3 <= SEGMENT_SIZES,
	       "three numbers a table, and the head has room for them");

enum err store_open_shm(const struct store_shm_conf *conf, struct store **ret_store,
			const char **ret_why)
{
	struct shm *m = mem_calloc(1, sizeof *m);

	m->store.backend = &shm_backend;
	plan(m, conf, &m->want);
	enum err err = segment_open(&m->want, &m->segment, ret_why);
	if (err != OK) {
		mem_free(m);
		return err;
	}
	place_tables(m);
	segment_publish(&m->segment);
	m->want.path = m->segment.path;
	m->want.hurry = true; /* from now on a loop waits for it */
	*ret_store = &m->store;
	return OK;
}
