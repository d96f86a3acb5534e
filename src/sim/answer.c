/* An answer of WeChat's, member by member. */
#include "answer.h"
#include "base/json_out.h"

struct member {
	struct member *next;
	struct str key, raw;
};

static struct str quoted(struct arena *arena, struct str s)
{
	struct json_out out;
	struct str text = STR("\"\"");

	json_out_init(&out);
	json_put_str(&out, NULL, s);
	ensure(json_out_text(&out, &text) == OK);
	text = arena_str(arena, text);
	json_out_finish(&out);
	return text;
}

static struct str joined(struct arena *arena, struct str a, const char *between, struct str b)
{
	return arena_printf(arena, "%.*s%s%.*s", (int)a.len, a.p == NULL ? "" : a.p, between,
			    (int)b.len, b.p == NULL ? "" : b.p);
}

static struct str raw_of(struct arena *arena, const struct json *j);

static struct str raw_container(struct arena *arena, const struct json *j, const char *open,
				const char *close)
{
	struct str text = str_of(open);

	for (const struct json *item = j->first; item != NULL; item = item->next) {
		struct str value = raw_of(arena, item);
		if (j->type == JSON_OBJECT)
			value = joined(arena, quoted(arena, item->key), ":", value);
		text = joined(arena, text, item == j->first ? "" : ",", value);
	}
	return joined(arena, text, "", str_of(close));
}

/* Recursion ends: json_parse() takes no more than JSON_DEPTH levels. */
static struct str raw_of(struct arena *arena, const struct json *j)
{
	switch (j->type) {
	case JSON_NULL:
		return STR("null");
	case JSON_BOOL:
		return j->num != 0 ? STR("true") : STR("false");
	case JSON_INT:
	case JSON_NUMBER:
		return arena_str(arena, j->str);
	case JSON_STRING:
		return quoted(arena, j->str);
	case JSON_ARRAY:
		return raw_container(arena, j, "[", "]");
	case JSON_OBJECT:
		return raw_container(arena, j, "{", "}");
	}
	ensure(false && "type");
}

static void put(struct answer *a, struct str key, struct str raw)
{
	struct member *m = a->first;

	while (m != NULL && !str_eq(m->key, key))
		m = m->next;
	if (m == NULL) {
		m = arena_alloc(a->arena, sizeof *m);
		if (m == NULL)
			return;
		m->key = arena_str(a->arena, key);
		*(a->first == NULL ? &a->first : &a->last->next) = m;
		a->last = m;
	}
	m->raw = raw;
}

void answer_int(struct answer *a, const char *key, int64_t n)
{
	put(a, str_of(key), arena_printf(a->arena, "%lld", (long long)n));
}

void answer_str(struct answer *a, const char *key, struct str value)
{
	put(a, str_of(key), quoted(a->arena, value));
}

void answer_json(struct answer *a, struct str key, const struct json *value)
{
	put(a, key, raw_of(a->arena, value));
}

void answer_unset(struct answer *a, struct str key)
{
	struct member *before = NULL;

	for (struct member *m = a->first; m != NULL; before = m, m = m->next) {
		if (!str_eq(m->key, key))
			continue;
		*(before == NULL ? &a->first : &before->next) = m->next;
		if (a->last == m)
			a->last = before;
		return;
	}
}

struct str answer_text(const struct answer *a)
{
	struct str text = STR("{");

	for (const struct member *m = a->first; m != NULL; m = m->next) {
		struct str item = joined(a->arena, quoted(a->arena, m->key), ":", m->raw);
		text = joined(a->arena, text, m == a->first ? "" : ",", item);
	}
	return joined(a->arena, text, "", STR("}"));
}
