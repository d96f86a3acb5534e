/*
 * mem.h - the heap, for us and for the libraries that let us choose it.
 *
 * Everything freed here is wiped first, because bodies with a name and an ID
 * number pass through yajl, libcurl and OpenSSL, which leave copies behind.
 * Memory that cannot be had ends the worker: it is started again, and what is
 * worth keeping is in shared memory.  What a client can make large is bounded
 * before it gets here (base/arena.h).
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/defs.h"

#include <stddef.h>

void *mem_alloc(size_t size);            /* never NULL */
void *mem_calloc(size_t n, size_t size); /* never NULL, zeroed */
void *mem_realloc(void *p, size_t size); /* never NULL, the old block is wiped when it moves */
char *mem_strdup(const char *s);
void mem_free(void *p); /* NULL is fine */

#endif
