/*
 * arena.h - memory that lives exactly as long as one request.
 *
 * Allocation past the cap returns NULL and marks the arena; the mark stays, so
 * that a caller may build a whole thing and ask arena_failed() once at the end.
 * Everything is wiped when the arena is finished: a request carries names and ID
 * numbers.  Not thread safe.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/defs.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *blocks; /* newest first */
	size_t used, cap;           /* bytes handed out so far, and at most */
	bool failed;
};

/* cap: bytes in all, as a client must not be able to make us take more. */
void arena_init(struct arena *a, size_t cap);

/* Wipes and frees everything.  May be called on a zeroed arena. */
void arena_finish(struct arena *a);

static inline bool arena_failed(const struct arena *a)
{
	return a->failed;
}

/* Zeroed, aligned for any type.  NULL once the cap is passed. */
void *arena_alloc(struct arena *a, size_t size);

/* A copy with a NUL behind it; STR_NONE once the cap is passed. */
struct str arena_str(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
