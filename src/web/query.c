/* Decoding of forms and query strings. */
#include "query.h"

/* One byte at *pos, decoded; -1 for an invalid escape or a NUL. */
static int next_byte(struct str s, size_t *pos)
{
	unsigned char c = (unsigned char)s.p[(*pos)++];

	if (c == '+')
		return ' ';
	if (c == '%') {
		if (s.len - *pos < 2 || !str_unhex(&c, 1, (struct str){ s.p + *pos, 2 }))
			return -1;
		*pos += 2;
	}
	return c == '\0' ? -1 : c;
}

static enum err decode(struct arena *a, struct str s, struct str *ret_text)
{
	char *text = arena_alloc(a, s.len + 1);
	size_t n = 0;

	if (text == NULL)
		return ERR_NOMEM;
	for (size_t pos = 0; pos < s.len;) {
		int c = next_byte(s, &pos);
		if (c < 0)
			return ERR_SYNTAX;
		text[n++] = (char)c;
	}
	*ret_text = (struct str){ text, n };
	return str_utf8(*ret_text) ? OK : ERR_SYNTAX;
}

/* Up to the next '&'; what is empty between two of them says nothing. */
static struct str next_pair(struct str *rest)
{
	while (rest->len > 0 && rest->p[0] == '&')
		*rest = (struct str){ rest->p + 1, rest->len - 1 };
	if (rest->len == 0)
		return STR_NONE;
	const char *amp = memchr(rest->p, '&', rest->len);
	struct str pair = { rest->p, amp == NULL ? rest->len : (size_t)(amp - rest->p) };
	*rest = (struct str){ rest->p + pair.len, rest->len - pair.len };
	return pair;
}

enum err query_next(struct arena *a, struct str *rest, struct str *ret_name, struct str *ret_value)
{
	struct str pair = next_pair(rest);

	if (pair.len == 0)
		return ERR_NOT_FOUND;
	const char *equals = memchr(pair.p, '=', pair.len);
	size_t name_len = equals == NULL ? pair.len : (size_t)(equals - pair.p);
	size_t value_at = equals == NULL ? pair.len : name_len + 1;

	enum err err = decode(a, (struct str){ pair.p, name_len }, ret_name);
	if (err != OK)
		return err;
	return decode(a, (struct str){ pair.p + value_at, pair.len - value_at }, ret_value);
}
