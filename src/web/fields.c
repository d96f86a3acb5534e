/* The fields of a request, from its query string and its body. */
#include "query.h"
#include "web/reply.h"
#include "web/request.h"

enum { HINT_NAME_MAX = 32 };

/* Where a failed reading says why. */
struct reading {
	struct req *r;
	const struct reason **why;
	const char **hint;
};

static enum err refuse(struct reading *x, enum web_reason why, const char *hint)
{
	*x->why = web_reason(why);
	*x->hint = hint;
	return ERR_REFUSED;
}

static enum err refuse_size(struct reading *x)
{
	return refuse(x, REASON_BODY_TOO_LARGE, "the request holds too many values");
}

/* The next character of a name in camel case: verify_result and verifyResult are one. */
static char next_camel(struct str s, size_t *pos)
{
	char c = s.p[(*pos)++];

	if (c != '_' || *pos == s.len || s.p[*pos] < 'a' || s.p[*pos] > 'z')
		return c;
	return (char)(s.p[(*pos)++] - 'a' + 'A');
}

static bool same_name(struct str a, struct str b)
{
	size_t i = 0, k = 0;

	while (i < a.len && k < b.len)
		if (next_camel(a, &i) != next_camel(b, &k))
			return false;
	return i == a.len && k == b.len;
}

static bool can_be_shown(struct str name)
{
	return name.len > 0 && name.len <= HINT_NAME_MAX &&
	       str_only(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
}

static enum err refuse_twice(struct reading *x, struct str name)
{
	const char *hint = "a field is given twice";

	if (can_be_shown(name))
		hint = arena_printf(&x->r->arena,
				    "the field %.*s is given twice; send it once, in the body",
				    (int)name.len, name.p)
			       .p;
	return refuse(x, REASON_BAD_REQUEST, hint);
}

static enum err add(struct reading *x, struct field field)
{
	struct req *r = x->r;

	for (size_t i = 0; i < r->field_nr; i++)
		if (same_name(r->fields[i].name, field.name))
			return refuse_twice(x, field.name);
	if (r->field_nr == REQ_FIELD_NR)
		return refuse(x, REASON_BAD_REQUEST, "the request has more than 64 fields");
	r->fields[r->field_nr++] = field;
	return OK;
}

static enum err read_pairs(struct reading *x, struct str text, const char *hint)
{
	struct field field = { .type = JSON_STRING };
	enum err err;

	while ((err = query_next(&x->r->arena, &text, &field.name, &field.value)) == OK) {
		err = add(x, field);
		if (err != OK)
			return err;
	}
	if (err == ERR_NOT_FOUND)
		return OK;
	return err == ERR_NOMEM ? refuse_size(x) : refuse(x, REASON_BAD_REQUEST, hint);
}

static enum err read_form(struct reading *x)
{
	return read_pairs(x, x->r->body, "the form is malformed: escape it as UTF-8, %XX");
}

static enum err read_json(struct reading *x)
{
	struct json_error wrong;
	struct json *root;
	enum err err = json_parse(&x->r->arena, x->r->body, 0, &root, &wrong);

	if (err == ERR_NOMEM)
		return refuse_size(x);
	if (err != OK)
		return refuse(x, REASON_BAD_REQUEST,
			      arena_printf(&x->r->arena, "the JSON is malformed, near byte %zu: %s",
					   wrong.at, wrong.what)
				      .p);
	if (root->type != JSON_OBJECT)
		return refuse(x, REASON_BAD_REQUEST, "send one JSON object: {\"name\": ...}");
	for (const struct json *j = root->first; j != NULL; j = j->next) {
		bool text = j->type == JSON_STRING || j->type == JSON_INT;
		err = add(x, (struct field){ j->key, j->type, text ? j->str : STR_NONE });
		if (err != OK)
			return err;
	}
	return OK;
}

static struct str before(struct str s, char c)
{
	const char *at = s.len == 0 ? NULL : memchr(s.p, c, s.len);

	return (struct str){ s.p, at == NULL ? s.len : (size_t)(at - s.p) };
}

static struct str unquote(struct str s)
{
	if (s.len >= 2 && s.p[0] == '"' && s.p[s.len - 1] == '"')
		return (struct str){ s.p + 1, s.len - 2 };
	return s;
}

/*
 * Does a Content-Type, behind its media type, name another charset than UTF-8?  Blanks around
 * the = are not allowed, but some readers trim them.
 */
static bool other_charset(struct str s)
{
	while (s.len > 0) {
		s = (struct str){ s.p + 1, s.len - 1 };
		struct str item = before(s, ';');
		s = (struct str){ s.p + item.len, s.len - item.len };
		struct str name = before(item, '=');
		if (name.len == item.len || !str_ieq(str_trim(name), STR("charset")))
			continue;
		item = (struct str){ item.p + name.len + 1, item.len - name.len - 1 };
		item = unquote(str_trim(item));
		if (!str_ieq(item, STR("utf-8")) && !str_ieq(item, STR("utf8")))
			return true;
	}
	return false;
}

static enum err read_body(struct reading *x)
{
	struct str type = req_param(x->r, "CONTENT_TYPE");
	struct str media = before(type, ';');

	if (x->r->body.len == 0)
		return OK;
	if (other_charset((struct str){ type.p + media.len, type.len - media.len }))
		return refuse(x, REASON_MEDIA_TYPE, "send the body in UTF-8");
	if (str_ieq(str_trim(media), STR("application/json")))
		return read_json(x);
	if (str_ieq(str_trim(media), STR("application/x-www-form-urlencoded")))
		return read_form(x);
	return refuse(x, REASON_MEDIA_TYPE,
		      "send Content-Type: application/json or application/x-www-form-urlencoded");
}

enum err req_read_fields(struct req *r, const struct reason **ret_why, const char **ret_hint)
{
	struct reading x = { r, ret_why, ret_hint };

	r->fields = arena_alloc(&r->arena, REQ_FIELD_NR * sizeof *r->fields);
	r->field_nr = 0;
	if (r->fields == NULL)
		return refuse_size(&x);
	enum err err = read_pairs(&x, req_param(r, "QUERY_STRING"),
				  "the query string is malformed: escape it as UTF-8, %XX");
	if (err != OK || str_is(r->method, "GET") || str_is(r->method, "HEAD"))
		return err;
	return read_body(&x);
}

const struct field *req_field(const struct req *r, const char *snake, const char *camel)
{
	for (size_t i = 0; i < r->field_nr; i++)
		if (str_is(r->fields[i].name, snake) || str_is(r->fields[i].name, camel))
			return &r->fields[i];
	return NULL;
}
