/* Elements by name: the C library's tree, and a list of them by age. */
#include "table.h"
#include "base/clock.h"
#include "base/mem.h"

#include <search.h>

static int compare(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	if (x->name.len != y->name.len)
		return x->name.len < y->name.len ? -1 : 1;
	return x->name.len == 0 ? 0 : memcmp(x->name.p, y->name.p, x->name.len);
}

void table_init(struct table *t)
{
	*t = (struct table){ 0 };
	list_init(&t->order);
}

static void forget(struct table *t, struct kept *e)
{
	tdelete(e, &t->root, compare);
	list_remove(&e->link);
	t->count--;
	mem_free(e);
}

static void sweep(struct table *t)
{
	int64_t now = clock_boot_ms();

	while (!list_empty(&t->order)) {
		struct kept *oldest = container_of(t->order.next, struct kept, link);
		if (oldest->forget_at > now && t->count < TABLE_MAX)
			return;
		forget(t, oldest);
	}
}

void table_finish(struct table *t)
{
	while (!list_empty(&t->order))
		forget(t, container_of(t->order.next, struct kept, link));
}

void *table_put(struct table *t, struct str name, size_t size, int64_t ttl_ms)
{
	sweep(t);
	struct kept *e = mem_calloc(1, size + name.len + 1);
	char *copy = (char *)e + size;
	memcpy(copy, name.p, name.len);
	e->name = (struct str){ copy, name.len };
	e->forget_at = clock_boot_ms() + ttl_ms;
	list_add(&t->order, &e->link);
	t->count++;
	struct kept *const *found = tsearch(e, &t->root, compare);
	ensure(found != NULL && *found == e);
	return e;
}

void *table_get(struct table *t, struct str name)
{
	struct kept wanted = { .name = name };
	struct kept *const *found = tfind(&wanted, &t->root, compare);

	return found == NULL ? NULL : *found;
}
