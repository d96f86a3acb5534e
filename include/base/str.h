/*
 * str.h - a piece of text: pointer and length, somebody else's memory.
 *
 * A struct str never owns.  It may hold any bytes, also NUL; what came from an
 * arena or from JSON is NUL-terminated behind its last byte as well, which the
 * functions that rely on it say.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/defs.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *p;
	size_t len;
};

#define STR(literal) ((struct str){ "" literal "", sizeof(literal) - 1 })
#define STR_NONE     ((struct str){ NULL, 0 })

static inline struct str str_of(const char *cstr)
{
	return (struct str){ cstr, cstr == NULL ? 0 : strlen(cstr) };
}

static inline bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static inline bool str_is(struct str a, const char *literal)
{
	return str_eq(a, str_of(literal));
}

/* ASCII only, whatever the locale. */
bool str_ieq(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);

/* Without the ASCII blanks, tabs and line ends at both ends. */
struct str str_trim(struct str s);

/* Are all bytes in set?  True for the empty string. */
bool str_only(struct str s, const char *set);

/*
 * A decimal integer as a number and nothing else: -?(0|[1-9][0-9]*), but not -0.
 * ERR_SYNTAX for another form, ERR_TOO_LARGE if it does not fit.
 */
enum err str_int(struct str s, int64_t *ret_n) MUST_CHECK;

/* Well-formed by RFC 3629: no overlong forms, no surrogates, at most U+10FFFF. */
bool str_utf8(struct str s);

/*
 * The code point at *pos of well-formed UTF-8; moves *pos behind it.  -1 at the
 * end and for malformed text.
 */
int32_t str_next_rune(struct str s, size_t *pos);

/* dst takes 2 * n characters and a NUL.  Lower case. */
void str_hex(char *dst, const void *src, size_t n);

/* Upper and lower case; false unless s is exactly 2 * n hex digits. */
bool str_unhex(void *dst, size_t n, struct str s);

/*
 * Base64 with padding, as RFC 4648 section 4; url: section 5 without padding.
 * dst takes STR_BASE64_SIZE(n) bytes, NUL included.  Returns the length.
 */
#define STR_BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)
size_t str_base64(char *dst, const void *src, size_t n);
size_t str_base64url(char *dst, const void *src, size_t n);

#endif
