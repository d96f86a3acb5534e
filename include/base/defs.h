/*
 * defs.h - the few words that every file of benren shares.
 */
#ifndef BASE_DEFS_H
#define BASE_DEFS_H

#include <stddef.h>

#define MUST_CHECK        __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* From a member back to the struct it is embedded in. */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/*
 * Did the call finish, or will it call back?  DONE: the result is there and the
 * callback will not fire.  WAIT: it fires exactly once, later, never from inside
 * the call that returned WAIT.
 */
enum progress { DONE, WAIT };

/*
 * For bugs of ours, never for what a client, WeChat or an operator can cause.
 * Stays on in production: the worker says where and dies, and is started again;
 * sessions are in shared memory, so that costs the requests in flight only.
 */
#define ensure(cond)                                              \
	do {                                                      \
		if (!(cond))                                      \
			ensure_failed(#cond, __FILE__, __LINE__); \
	} while (0)

__attribute__((noreturn)) void ensure_failed(const char *cond, const char *file, int line);

/*
 * A line of JSON on standard error, for a process that is about to end: takes no memory,
 * and may be called by a signal handler.  Neither event nor text may need quoting.
 */
void last_words(const char *event, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
