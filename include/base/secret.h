/*
 * secret.h - text that must not be seen: a name, an ID number, a key, a token.
 *
 * It is a type of its own so that it fits into no log field, no error and no
 * answer: those take struct str.  The functions that may look inside are few
 * (tests/lint/secrets.sh holds the list of files that write `.bytes_`).
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/str.h"

#include <stdbool.h>
#include <string.h>

struct secret {
	char *bytes_;
	size_t len_;
};

/* s stays where it is; who made it also wipes it. */
static inline struct secret secret_of(struct str s)
{
	return (struct secret){ (char *)(uintptr_t)s.p, s.len };
}

#define SECRET_NONE ((struct secret){ NULL, 0 })

static inline bool secret_at_least(struct secret s, size_t n)
{
	return s.len_ >= n;
}

static inline bool secret_empty(struct secret s)
{
	return s.len_ == 0;
}

/* Does it stand in text?  For what comes from outside and would be written down. */
static inline bool secret_within(struct secret s, struct str text)
{
	return s.len_ > 0 && text.len >= s.len_ &&
	       memmem(text.p, text.len, s.bytes_, s.len_) != NULL;
}

/* Wipes the text itself, wherever it stands, and forgets it. */
static inline void secret_wipe(struct secret *s)
{
	if (s->bytes_ != NULL)
		explicit_bzero(s->bytes_, s->len_);
	*s = (struct secret){ NULL, 0 };
}

#endif
