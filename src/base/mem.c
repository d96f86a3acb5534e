/* The heap that wipes what it takes back. */
#include "base/mem.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * The size stands in front of the bytes: the allocator's own answer, malloc_usable_size(),
 * is more than was asked for, and a build with _FORTIFY_SOURCE takes a write beyond that for
 * an overflow.
 */
struct block {
	alignas(max_align_t) size_t size;
};

static _Noreturn void exhausted(size_t size)
{
	last_words("out_of_memory",
		   "%zu bytes more cannot be had: give the process more memory (ulimit -v, "
		   "MemoryMax=), or lower in_flight in the configuration",
		   size);
	_exit(EXIT_FAILURE);
}

static void *bytes_of(struct block *b, size_t size)
{
	if (b != NULL) {
		b->size = size;
		return b + 1;
	}
	exhausted(size);
}

static struct block *block_of(void *p)
{
	return (struct block *)p - 1;
}

/* A size that no allocator can have, where the header would make it small. */
static size_t whole(size_t size)
{
	if (size > PTRDIFF_MAX - sizeof(struct block))
		exhausted(size);
	return sizeof(struct block) + size;
}

void *mem_alloc(size_t size)
{
	return bytes_of(malloc(whole(size)), size);
}

void *mem_calloc(size_t n, size_t size)
{
	size_t all;

	if (__builtin_mul_overflow(n, size, &all))
		exhausted(SIZE_MAX);
	return bytes_of(calloc(1, whole(all)), all);
}

/* realloc() may move the block and leave the old bytes readable, so move it here. */
void *mem_realloc(void *p, size_t size)
{
	if (p == NULL)
		return mem_alloc(size);
	size_t had = block_of(p)->size;
	if (size <= had && size >= had / 2)
		return p;
	void *moved = mem_alloc(size);
	memcpy(moved, p, had < size ? had : size);
	mem_free(p);
	return moved;
}

char *mem_strdup(const char *s)
{
	size_t size = strlen(s) + 1;

	return memcpy(mem_alloc(size), s, size);
}

void mem_free(void *p)
{
	if (p == NULL)
		return;
	struct block *b = block_of(p);
	explicit_bzero(b, sizeof *b + b->size);
	free(b);
}
