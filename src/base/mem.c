/* The heap that wipes what it takes back. */
#include "base/mem.h"
#include "mem_hooks.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *mem_alloc(size_t size)
{
	void *p = malloc(size == 0 ? 1 : size);

	ensure(p != NULL);
	return p;
}

void *mem_calloc(size_t n, size_t size)
{
	void *p = calloc(n == 0 ? 1 : n, size == 0 ? 1 : size);

	ensure(p != NULL);
	return p;
}

/* realloc() may move the block and leave the old bytes readable, so move it here. */
void *mem_realloc(void *p, size_t size)
{
	if (p == NULL)
		return mem_alloc(size);
	size_t had = malloc_usable_size(p);
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
	explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

void *mem_hook_alloc(size_t n, const char *file, int line)
{
	(void)file, (void)line;
	return n == 0 ? NULL : mem_alloc(n);
}

void *mem_hook_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file, (void)line;
	if (n == 0) {
		mem_free(p);
		return NULL;
	}
	return mem_realloc(p, n);
}

void mem_hook_free(void *p, const char *file, int line)
{
	(void)file, (void)line;
	mem_free(p);
}
