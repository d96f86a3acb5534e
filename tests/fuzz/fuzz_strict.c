/*
 * Any bytes as JSON: json_parse() takes them exactly if a second reader does, which
 * shares no code with it and knows nothing of yajl: RFC 8259, and the rules of
 * base/json_in.h.  With comments and without.
 */
#include "base/json_in.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 4096 };

/* A name as it is decoded; len in bytes of UTF-8. */
struct name {
	unsigned char *bytes;
	size_t len;
};

struct second {
	const unsigned char *at, *end;
	bool comments;
	unsigned depth;
	unsigned char decoded[INPUT_MAX]; /* of the names of all objects that are open */
	size_t used;
};

static bool value(struct second *s);

static bool is(const struct second *s, const char *text)
{
	size_t n = strlen(text);

	return (size_t)(s->end - s->at) >= n && memcmp(s->at, text, n) == 0;
}

static bool take(struct second *s, const char *text)
{
	if (!is(s, text))
		return false;
	s->at += strlen(text);
	return true;
}

/* False: a comment without an end. */
static bool blanks(struct second *s)
{
	for (;;) {
		if (take(s, " ") || take(s, "\t") || take(s, "\r") || take(s, "\n"))
			continue;
		if (s->comments && take(s, "//")) {
			while (s->at < s->end && *s->at != '\n')
				s->at++;
		} else if (s->comments && take(s, "/*")) {
			while (s->at < s->end && !is(s, "*/"))
				s->at++;
			if (!take(s, "*/"))
				return false;
		} else {
			return true;
		}
	}
}

static int hex_digit(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four hex digits; -1 if they are none. */
static int unit(struct second *s)
{
	int n = 0;

	for (int i = 0; i < 4; i++, s->at++) {
		int digit = s->at < s->end ? hex_digit(*s->at) : -1;
		if (digit < 0)
			return -1;
		n = n * 16 + digit;
	}
	return n;
}

/* What stands behind a backslash, as a code point; -1 if it may not. */
static int escape(struct second *s)
{
	static const char letters[] = "\"\\/bfnrt", meaning[] = "\"\\/\b\f\n\r\t";

	if (!take(s, "u")) {
		const char *p = s->at < s->end && *s->at != 0 ? strchr(letters, *s->at++) : NULL;
		return p == NULL ? -1 : meaning[p - letters];
	}
	int high = unit(s);
	if (high < 0xD800 || high > 0xDFFF)
		return high;
	int low = high < 0xDC00 && take(s, "\\u") ? unit(s) : -1;
	return low < 0xDC00 || low > 0xDFFF ? -1 : 0x10000 + (high - 0xD800) * 1024 + low - 0xDC00;
}

/* One rune of well-formed UTF-8 (RFC 3629, the table of its section 4); -1 if it is none. */
static int rune(struct second *s)
{
	static const struct {
		unsigned char first, last, second_first, second_last;
		int more;
	} rows[] = {
		{ 0x00, 0x7F, 0, 0, 0 },       { 0xC2, 0xDF, 0x80, 0xBF, 1 },
		{ 0xE0, 0xE0, 0xA0, 0xBF, 2 }, { 0xE1, 0xEC, 0x80, 0xBF, 2 },
		{ 0xED, 0xED, 0x80, 0x9F, 2 }, { 0xEE, 0xEF, 0x80, 0xBF, 2 },
		{ 0xF0, 0xF0, 0x90, 0xBF, 3 }, { 0xF1, 0xF3, 0x80, 0xBF, 3 },
		{ 0xF4, 0xF4, 0x80, 0x8F, 3 },
	};
	unsigned char c = *s->at++;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (c < rows[i].first || c > rows[i].last)
			continue;
		int n = rows[i].more == 0 ? c : c & (0x3F >> rows[i].more);
		for (int k = 0; k < rows[i].more; k++) {
			unsigned char least = k == 0 ? rows[i].second_first : 0x80;
			unsigned char most = k == 0 ? rows[i].second_last : 0xBF;
			if (s->at == s->end || *s->at < least || *s->at > most)
				return -1;
			n = n * 64 + (*s->at++ & 0x3F);
		}
		return n;
	}
	return -1;
}

static void append(struct second *s, int code)
{
	unsigned char *p = s->decoded + s->used;

	if (code < 0x80) {
		p[0] = (unsigned char)code;
		s->used += 1;
	} else if (code < 0x800) {
		p[0] = (unsigned char)(0xC0 | code >> 6);
		p[1] = (unsigned char)(0x80 | (code & 0x3F));
		s->used += 2;
	} else if (code < 0x10000) {
		p[0] = (unsigned char)(0xE0 | code >> 12);
		p[1] = (unsigned char)(0x80 | (code >> 6 & 0x3F));
		p[2] = (unsigned char)(0x80 | (code & 0x3F));
		s->used += 3;
	} else {
		p[0] = (unsigned char)(0xF0 | code >> 18);
		p[1] = (unsigned char)(0x80 | (code >> 12 & 0x3F));
		p[2] = (unsigned char)(0x80 | (code >> 6 & 0x3F));
		p[3] = (unsigned char)(0x80 | (code & 0x3F));
		s->used += 4;
	}
}

/* Appends it, decoded, which never needs more bytes than it was written with. */
static bool string(struct second *s, struct name *ret)
{
	*ret = (struct name){ s->decoded + s->used, 0 };
	if (!take(s, "\""))
		return false;
	while (!take(s, "\"")) {
		if (s->at == s->end || *s->at < 0x20)
			return false;
		int code = take(s, "\\") ? escape(s) : rune(s);
		if (code <= 0)
			return false;
		append(s, code);
	}
	ret->len = (size_t)(s->decoded + s->used - ret->bytes);
	return true;
}

static bool digits(struct second *s)
{
	const unsigned char *from = s->at;

	while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
		s->at++;
	return s->at > from;
}

static bool number(struct second *s)
{
	take(s, "-");
	if (!take(s, "0") && !digits(s))
		return false;
	if (take(s, ".") && !digits(s))
		return false;
	if (!take(s, "e") && !take(s, "E"))
		return true;
	if (!take(s, "+"))
		take(s, "-");
	return digits(s);
}

static bool array(struct second *s)
{
	if (!blanks(s))
		return false;
	if (take(s, "]"))
		return true;
	do
		if (!value(s))
			return false;
	while (take(s, ","));
	return take(s, "]");
}

/* A name that none of the n before it has, and the colon. */
static bool name(struct second *s, struct name *names, unsigned n)
{
	if (n == JSON_MEMBERS || !blanks(s) || !string(s, &names[n]) || !blanks(s))
		return false;
	for (unsigned i = 0; i < n; i++)
		if (names[i].len == names[n].len &&
		    memcmp(names[i].bytes, names[n].bytes, names[n].len) == 0)
			return false;
	return take(s, ":");
}

static bool object(struct second *s)
{
	struct name names[JSON_MEMBERS];
	unsigned n = 0;

	if (!blanks(s))
		return false;
	if (take(s, "}"))
		return true;
	do
		if (!name(s, names, n++) || !value(s))
			return false;
	while (take(s, ","));
	return take(s, "}");
}

static bool container(struct second *s, bool (*inside)(struct second *))
{
	size_t used = s->used;
	bool good = ++s->depth <= JSON_DEPTH && inside(s);

	s->depth--;
	s->used = used; /* its names go with it */
	return good;
}

static bool text(struct second *s)
{
	size_t used = s->used;
	struct name ignored;
	bool good = string(s, &ignored);

	s->used = used;
	return good;
}

/* With the blanks around it. */
static bool value(struct second *s)
{
	bool good;

	if (!blanks(s))
		return false;
	if (take(s, "{"))
		good = container(s, object);
	else if (take(s, "["))
		good = container(s, array);
	else if (is(s, "\""))
		good = text(s);
	else
		good = take(s, "null") || take(s, "true") || take(s, "false") || number(s);
	return good && blanks(s);
}

static bool well_formed(const uint8_t *data, size_t size)
{
	struct second s = { .at = data, .end = data + size };

	while (s.at < s.end)
		if (rune(&s) < 0)
			return false;
	return true;
}

static bool second_takes(const uint8_t *data, size_t size, unsigned flags)
{
	static struct second s;

	s.at = data;
	s.end = data + size;
	s.comments = flags == JSON_COMMENTS;
	s.depth = 0;
	s.used = 0;
	return well_formed(data, size) && value(&s) && s.at == s.end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct json *root;
	struct json_error error;

	if (size > INPUT_MAX)
		return 0;
	for (unsigned flags = 0; flags <= JSON_COMMENTS; flags++) {
		arena_init(&arena, 1024 * 1024);
		enum err err = json_parse(&arena, (struct str){ (const char *)data, size }, flags,
					  &root, &error);
		ensure(err == OK || err == ERR_SYNTAX);
		ensure((err == OK) == second_takes(data, size, flags));
		arena_finish(&arena);
	}
	return 0;
}
