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
	struct segment segment;
	struct table tables[STORE_KIND_NR];
	uint64_t capacity[STORE_KIND_NR];
	uint64_t probed; /* store_ready() asks another shard each time */
};

static struct shm *shm_of(struct store *s)
{
	return container_of(s, struct shm, store);
}

/* --- the calls of store.h ------------------------------------------------ */

static enum progress shm_get(struct store *s, struct store_op *op)
{
	op->err = table_get(&shm_of(s)->tables[op->kind], clock_boot_ms(), op);
	return DONE;
}

static enum progress shm_put(struct store *s, struct store_op *op)
{
	op->err = table_put(&shm_of(s)->tables[op->kind], clock_boot_ms(), op);
	return DONE;
}

static enum progress shm_del(struct store *s, struct store_op *op)
{
	op->err = table_del(&shm_of(s)->tables[op->kind], clock_boot_ms(), op);
	return DONE;
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

enum err store_open_shm(const struct store_shm_conf *conf, struct store **ret_store,
			const char **ret_why)
{
	struct shm *m = mem_calloc(1, sizeof *m);
	struct segment_want want;

	m->store.backend = &shm_backend;
	plan(m, conf, &want);
	enum err err = segment_open(&want, &m->segment, ret_why);
	if (err != OK) {
		mem_free(m);
		return err;
	}
	place_tables(m);
	segment_publish(&m->segment);
	*ret_store = &m->store;
	return OK;
}
