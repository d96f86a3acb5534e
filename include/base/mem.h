/*
 * mem.h - the heap, for us and for the libraries that let us choose it.
 *
 * Everything freed here is wiped first, because bodies with a name and an ID number
 * pass through our buffers, yajl and libcurl.  What OpenSSL decrypts it wipes itself
 * (SSL_OP_CLEANSE_PLAINTEXT), libfcgi's buffers are wiped in web/fcgi.c, and no other
 * library is given anything secret: the process's malloc() and free() stay as they are,
 * whoever uses them before main().
 *
 * Memory that cannot be had ends the worker, after a line on standard error that says
 * how much was asked for: it is started again, and what is worth keeping is in shared
 * memory.  proc/memory.h keeps it from coming to that.  What a client can make large is
 * bounded before it gets here (base/arena.h).
 *
 * Only mem_free() and mem_realloc() take what comes from here, never free().
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
