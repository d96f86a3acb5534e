/*
 * json_in.h - reading JSON that somebody else wrote: clients, WeChat, operators.
 *
 * The lexing is yajl's, the rules are ours and stricter (yajl accepts more than
 * a decision about a person may rest on): one value and nothing behind it, no blanks
 * but space, tab, CR and LF, depth at most 8, at most 128 members an object and none
 * of them twice, well-formed UTF-8 (RFC 3629), no NUL and no lone surrogate in any
 * text, and an integer is what str_int() takes: 0.0, 1e4 and -0 are numbers, but no
 * integers.
 */
#ifndef BASE_JSON_IN_H
#define BASE_JSON_IN_H

#include "base/arena.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum { JSON_DEPTH = 8, JSON_MEMBERS = 128 };

enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_INT,    /* fits int64_t */
	JSON_NUMBER, /* any other number; str is its text */
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

/* One value.  Lives in the arena given to json_parse(). */
struct json {
	enum json_type type;
	struct str key;            /* its name, when it stands in an object */
	struct str str;            /* STRING, NUMBER; NUL-terminated */
	int64_t num;               /* INT; BOOL: 0 or 1 */
	size_t at;                 /* byte offset behind its first token, for line numbers */
	unsigned count;            /* ARRAY, OBJECT: how many stand in it */
	struct json *first, *last; /* ARRAY, OBJECT: what stands in it, in order */
	struct json *next, *parent;
};

struct json_error {
	const char *what; /* static text, without any of the input */
	size_t at;        /* byte offset */
};

enum json_flags {
	JSON_COMMENTS = 1, /* allow C comments; configuration files only */
};

/*
 * Reads the whole text.  ERR_SYNTAX: *ret_error says what and where; ERR_NOMEM:
 * over the arena's cap.
 */
enum err json_parse(struct arena *a, struct str text, unsigned flags, struct json **ret_root,
		    struct json_error *ret_error) MUST_CHECK;

/* The member with that name; NULL if there is none, or obj is NULL or no object. */
const struct json *json_get(const struct json *obj, const char *key);

/* The same, and only if it is of that type. */
const struct json *json_get_type(const struct json *obj, const char *key, enum json_type type);

const char *json_type_name(enum json_type type);

#endif
