/*
 * backend.h - what a store is made of behind store.h: one struct of calls.
 *
 * A backend embeds struct store as its first member and fills in `backend`.
 */
#ifndef STORE_BACKEND_H
#define STORE_BACKEND_H

#include "store/store.h"

struct store_backend {
	enum progress (*get)(struct store *s, struct store_op *op);
	enum progress (*put)(struct store *s, struct store_op *op);
	enum progress (*del)(struct store *s, struct store_op *op);
	int64_t (*now)(const struct store *s);
	enum err (*ready)(struct store *s);
	enum store_place (*follow)(struct store *s, const char **ret_why);
	const char *(*check)(struct store *s);
	void (*stats)(struct store *s, struct store_stats *ret);
	void (*close)(struct store *s);
};

struct store {
	const struct store_backend *backend;
};

/* One row for each kind of value. */
struct store_row {
	const char *name;
	uint32_t layout;      /* of the records, a part of the segment's */
	uint32_t value_max;   /* bytes */
	uint32_t per_session; /* how many of them must fit: so many for a session, */
	uint32_t least;       /* and never fewer than this */
	uint32_t shards;      /* at least: what one stopped process can block is 1 of these */
};

extern const struct store_row store_rows[STORE_KIND_NR];

/* A hash of how tables lie in memory, and of the layouts of these records in them. */
uint64_t store_layout_of(const struct store_row *rows);

#endif
