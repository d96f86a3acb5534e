/*
 * query.h - a=b&c=d: a form's body, or the query string of a URL.
 */
#ifndef WEB_QUERY_H
#define WEB_QUERY_H

#include "base/arena.h"
#include "base/str.h"

/*
 * Takes the next pair off *rest and decodes it into the arena.  ERR_NOT_FOUND at
 * the end; ERR_SYNTAX for an invalid escape, a NUL, or what is not UTF-8.
 */
enum err query_next(struct arena *a, struct str *rest, struct str *ret_name,
		    struct str *ret_value) MUST_CHECK;

#endif
