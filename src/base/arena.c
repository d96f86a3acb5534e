/* The arena: a list of blocks, each half as large as what was handed out before it. */
#include "base/arena.h"
#include "base/mem.h"

#include <stdalign.h>
#include <stdio.h>

enum { FIRST_BLOCK = 2048, LARGEST_BLOCK = 32768 };

struct arena_block {
	struct arena_block *next;
	size_t size, used;
	alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *a, size_t cap)
{
	*a = (struct arena){ .cap = cap };
}

void arena_finish(struct arena *a)
{
	while (a->blocks != NULL) {
		struct arena_block *b = a->blocks;
		a->blocks = b->next;
		mem_free(b);
	}
	a->used = 0;
}

static struct arena_block *add_block(struct arena *a, size_t at_least)
{
	size_t size = a->used / 2; /* so at most a third of it stays unused */

	if (size < FIRST_BLOCK)
		size = FIRST_BLOCK;
	if (size > LARGEST_BLOCK)
		size = LARGEST_BLOCK;
	if (size < at_least)
		size = at_least;
	struct arena_block *b = mem_alloc(sizeof *b + size);
	*b = (struct arena_block){ .next = a->blocks, .size = size };
	a->blocks = b;
	return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
	const size_t align = alignof(max_align_t);

	if (a->failed || size > a->cap - a->used) {
		a->failed = true;
		return NULL;
	}
	size_t need = (size + align - 1) / align * align;
	struct arena_block *b = a->blocks;
	if (b == NULL || b->size - b->used < need)
		b = add_block(a, need);
	void *p = b->bytes + b->used;
	b->used += need;
	a->used += size;
	return memset(p, 0, size);
}

struct str arena_str(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.len + 1);

	if (p == NULL)
		return STR_NONE;
	if (s.len > 0)
		memcpy(p, s.p, s.len);
	return (struct str){ p, s.len };
}

struct str arena_printf(struct arena *a, const char *format, ...)
{
	va_list args, again;

	va_start(args, format);
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	char *p = len < 0 ? NULL : arena_alloc(a, (size_t)len + 1);
	if (p != NULL)
		vsnprintf(p, (size_t)len + 1, format, again);
	va_end(again);
	return p == NULL ? STR_NONE : (struct str){ p, (size_t)len };
}
