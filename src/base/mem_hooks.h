/*
 * mem_hooks.h - base/mem.h in the shape that OpenSSL and libcjose ask for: with the
 * place of the call, and a size of 0 that gives nothing.
 */
#ifndef MEM_HOOKS_H
#define MEM_HOOKS_H

#include <stddef.h>

void *mem_hook_alloc(size_t n, const char *file, int line);
void *mem_hook_realloc(void *p, size_t n, const char *file, int line);
void mem_hook_free(void *p, const char *file, int line);

#endif
