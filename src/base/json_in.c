/* Strict JSON on top of yajl's SAX parser: all of yajl's reading side. */
#include "base/json_in.h"
#include "base/mem.h"

#include <yajl/yajl_parse.h>

struct reader {
	struct arena *arena;
	struct json *root, *open; /* open: the container we stand in */
	unsigned depth;
	struct str key; /* waiting for its value */
	yajl_handle yajl;
	const char *what; /* why we stopped */
};

enum { STOP, GO_ON };

static int refuse(struct reader *r, const char *what)
{
	r->what = what;
	return STOP;
}

static struct json *add(struct reader *r, enum json_type type)
{
	if (r->open != NULL && r->open->type == JSON_OBJECT && r->open->count >= JSON_MEMBERS) {
		r->what = "too many members in one object";
		return NULL;
	}
	struct json *j = arena_alloc(r->arena, sizeof *j);
	if (j == NULL)
		return NULL;
	j->type = type;
	j->key = r->key;
	j->parent = r->open;
	j->at = yajl_get_bytes_consumed(r->yajl);
	r->key = STR_NONE;
	if (r->open == NULL) {
		r->root = j;
		return j;
	}
	if (r->open->last == NULL)
		r->open->first = j;
	else
		r->open->last->next = j;
	r->open->last = j;
	r->open->count++;
	return j;
}

static int on_null(void *ctx)
{
	return add(ctx, JSON_NULL) == NULL ? STOP : GO_ON;
}

static int on_bool(void *ctx, int value)
{
	struct json *j = add(ctx, JSON_BOOL);

	if (j == NULL)
		return STOP;
	j->num = value != 0;
	return GO_ON;
}

static int on_number(void *ctx, const char *text, size_t len)
{
	struct reader *r = ctx;
	struct str s = { text, len };
	int64_t n = 0;
	bool is_int = str_int(s, &n) == OK;
	struct json *j = add(r, is_int ? JSON_INT : JSON_NUMBER);

	if (j == NULL)
		return STOP;
	j->num = n;
	j->str = arena_str(r->arena, s);
	return arena_failed(r->arena) ? STOP : GO_ON;
}

static bool has_nul(struct str s)
{
	return s.len > 0 && memchr(s.p, '\0', s.len) != NULL;
}

static int on_string(void *ctx, const unsigned char *text, size_t len)
{
	struct reader *r = ctx;
	struct str s = { (const char *)text, len };

	if (has_nul(s))
		return refuse(r, "a NUL character in a text");
	struct json *j = add(r, JSON_STRING);
	if (j == NULL)
		return STOP;
	j->str = arena_str(r->arena, s);
	return arena_failed(r->arena) ? STOP : GO_ON;
}

static int on_key(void *ctx, const unsigned char *text, size_t len)
{
	struct reader *r = ctx;
	struct str key = { (const char *)text, len };

	if (has_nul(key))
		return refuse(r, "a NUL character in a name");
	for (const struct json *j = r->open->first; j != NULL; j = j->next)
		if (str_eq(j->key, key))
			return refuse(r, "the same name twice in one object");
	r->key = arena_str(r->arena, key);
	return arena_failed(r->arena) ? STOP : GO_ON;
}

static int open_container(struct reader *r, enum json_type type)
{
	if (r->depth == JSON_DEPTH)
		return refuse(r, "nested too deeply");
	struct json *j = add(r, type);
	if (j == NULL)
		return STOP;
	r->open = j;
	r->depth++;
	return GO_ON;
}

static int on_open_object(void *ctx)
{
	return open_container(ctx, JSON_OBJECT);
}

static int on_open_array(void *ctx)
{
	return open_container(ctx, JSON_ARRAY);
}

static int on_close(void *ctx)
{
	struct reader *r = ctx;

	r->open = r->open->parent;
	r->depth--;
	return GO_ON;
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_bool,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_map_key = on_key,
	.yajl_start_map = on_open_object,
	.yajl_end_map = on_close,
	.yajl_start_array = on_open_array,
	.yajl_end_array = on_close,
};

static void *on_alloc(void *ctx, size_t size)
{
	(void)ctx;
	return mem_alloc(size);
}

static void *on_realloc(void *ctx, void *p, size_t size)
{
	(void)ctx;
	return mem_realloc(p, size);
}

static void on_free(void *ctx, void *p)
{
	(void)ctx;
	mem_free(p);
}

/* Four hex digits, as yajl has seen. */
static int hex4(const char *p)
{
	unsigned char b[2];

	ensure(str_unhex(b, 2, (struct str){ p, 4 }));
	return b[0] << 8 | b[1];
}

/*
 * yajl turns half of a surrogate pair into '?', which would make two different
 * texts the same.  s: a string that yajl took, with its quotes.
 */
static bool surrogates_paired(struct str s, size_t *ret_at)
{
	for (size_t i = 0; i + 1 < s.len; i++) {
		if (s.p[i] != '\\')
			continue;
		*ret_at = i++;
		if (s.p[i] != 'u')
			continue;
		int unit = hex4(s.p + i + 1);
		if (unit < 0xD800 || unit > 0xDFFF)
			continue;
		bool pair = unit < 0xDC00 && s.p[i + 5] == '\\' && s.p[i + 6] == 'u';
		int second = pair ? hex4(s.p + i + 7) : -1;
		if (second < 0xDC00 || second > 0xDFFF)
			return false;
		i += 10;
	}
	return true;
}

/* Behind the token that begins at s.p[i]; 0 if none does, or if it has no end. */
static size_t token_end(struct str s, size_t i)
{
	static const char outside[] = "{}[]:,-+.0123456789eEtrufalsn \t\r\n";
	struct str rest = { s.p + i, s.len - i };
	const char *end = NULL;

	if (s.p[i] == '"') {
		for (i++; i < s.len && s.p[i] != '"'; i++)
			if (s.p[i] == '\\')
				i++;
		return i < s.len ? i + 1 : 0;
	}
	if (str_starts(rest, STR("//"))) {
		end = memchr(rest.p, '\n', rest.len);
		return end == NULL ? s.len : (size_t)(end - s.p);
	}
	if (str_starts(rest, STR("/*"))) {
		end = memmem(rest.p + 2, rest.len - 2, "*/", 2);
		return end == NULL ? 0 : (size_t)(end - s.p) + 2;
	}
	return memchr(outside, s.p[i], sizeof outside - 1) != NULL ? i + 1 : 0;
}

/*
 * For a text that yajl took; NULL, or why it should not have.  It skips vertical tabs
 * and form feeds, and does not ask whether a string or a comment that begins behind the
 * document ever ends.
 */
static const char *walk_tokens(struct str s, size_t *ret_at)
{
	for (size_t i = 0, end; i < s.len; i = end) {
		*ret_at = i;
		end = token_end(s, i);
		if (end == 0)
			return "not JSON";
		if (s.p[i] == '"' && !surrogates_paired((struct str){ s.p + i, end - i }, ret_at)) {
			*ret_at += i;
			return "half of a surrogate pair";
		}
	}
	return NULL;
}

static const char *parse_with(struct reader *r, struct str text, size_t *ret_at)
{
	yajl_status status = yajl_parse(r->yajl, (const unsigned char *)text.p, text.len);

	*ret_at = yajl_get_bytes_consumed(r->yajl);
	if (status == yajl_status_ok)
		status = yajl_complete_parse(r->yajl);
	if (r->what != NULL)
		return r->what;
	if (status != yajl_status_ok)
		return "not JSON";
	return r->root == NULL ? "empty" : walk_tokens(text, ret_at);
}

enum err json_parse(struct arena *a, struct str text, unsigned flags, struct json **ret_root,
		    struct json_error *ret_error)
{
	struct reader r = { .arena = a };
	yajl_alloc_funcs funcs = { on_alloc, on_realloc, on_free, NULL };

	*ret_error = (struct json_error){ NULL, 0 };
	if (!str_utf8(text)) {
		ret_error->what = "not valid UTF-8";
		return ERR_SYNTAX;
	}
	r.yajl = yajl_alloc(&callbacks, &funcs, &r);
	yajl_config(r.yajl, yajl_dont_validate_strings, 1);
	yajl_config(r.yajl, yajl_allow_comments, (flags & JSON_COMMENTS) != 0 ? 1 : 0);
	ret_error->what = parse_with(&r, text, &ret_error->at);
	yajl_free(r.yajl);

	if (arena_failed(a))
		return ERR_NOMEM;
	if (ret_error->what != NULL)
		return ERR_SYNTAX;
	*ret_root = r.root;
	return OK;
}

const struct json *json_get(const struct json *obj, const char *key)
{
	if (obj == NULL || obj->type != JSON_OBJECT)
		return NULL;
	for (const struct json *j = obj->first; j != NULL; j = j->next)
		if (str_is(j->key, key))
			return j;
	return NULL;
}

const struct json *json_get_type(const struct json *obj, const char *key, enum json_type type)
{
	const struct json *j = json_get(obj, key);

	return j != NULL && j->type == type ? j : NULL;
}

const char *json_type_name(enum json_type type)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",          [JSON_BOOL] = "true or false",
		[JSON_INT] = "a whole number", [JSON_NUMBER] = "a number",
		[JSON_STRING] = "a text",      [JSON_ARRAY] = "an array",
		[JSON_OBJECT] = "an object",
	};

	return names[type];
}
