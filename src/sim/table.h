/*
 * table.h - what the sandbox remembers for a while, found by name.
 *
 * An element starts with a struct kept and owns nothing but itself.  The oldest
 * are forgotten when a new one is put and their time is over, or when there are
 * TABLE_MAX, so that a load test of days does not fill the memory.
 */
#ifndef SIM_TABLE_H
#define SIM_TABLE_H

#include "base/list.h"
#include "base/str.h"

#include <stdint.h>

enum { TABLE_MAX = 500000 };

struct kept {
	struct list link; /* table.order */
	struct str name;
	int64_t forget_at; /* boot clock, ms */
};

struct table {
	void *root;        /* of tsearch(3) */
	struct list order; /* oldest first */
	size_t count;
};

void table_init(struct table *t);
void table_finish(struct table *t);

/*
 * A new zeroed element of that size.  The name is copied and must not be in the
 * table yet.  It is gone ttl_ms from now at the latest when somebody puts again.
 */
void *table_put(struct table *t, struct str name, size_t size, int64_t ttl_ms);

/* NULL if there is none. */
void *table_get(struct table *t, struct str name);

#endif
