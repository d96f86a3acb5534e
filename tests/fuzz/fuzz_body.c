/*
 * Fuzzing of the fields: first line the Content-Type, second the query string, and
 * the rest is the body.
 */
#include "base/defs.h"
#include "web/reply.h"
#include "web/request.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str take_line(struct str *rest)
{
	const char *end = rest->len == 0 ? NULL : memchr(rest->p, '\n', rest->len);
	struct str line = { rest->p, end == NULL ? rest->len : (size_t)(end - rest->p) };
	size_t skip = end == NULL ? line.len : line.len + 1;

	*rest = (struct str){ rest->p + skip, rest->len - skip };
	return line;
}

static bool is_text(struct str s)
{
	return str_utf8(s) && (s.len == 0 || memchr(s.p, '\0', s.len) == NULL);
}

static void check_fields(const struct req *r)
{
	ensure(r->field_nr <= REQ_FIELD_NR);
	for (size_t i = 0; i < r->field_nr; i++) {
		const struct field *f = &r->fields[i];
		ensure(is_text(f->name) && is_text(f->value));
		ensure(f->type == JSON_STRING || f->type == JSON_INT || f->value.len == 0);
		for (size_t k = 0; k < i; k++)
			ensure(!str_eq(r->fields[k].name, f->name));
	}
}

static void on_end(struct req *r, struct str head, struct str body)
{
	ensure(head.len > 0 && body.len > 0 && str_utf8(body));
	arena_finish(&r->arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool quiet;
	struct str rest = { (const char *)data, size };
	struct param params[] = {
		{ STR("REQUEST_METHOD"), STR("POST") },
		{ STR("SCRIPT_NAME"), STR("/identify") },
		{ STR("CONTENT_TYPE"), take_line(&rest) },
		{ STR("QUERY_STRING"), take_line(&rest) },
	};
	struct req r = { .params = params, .param_nr = ARRAY_LEN(params), .end = on_end };
	const struct reason *why = web_reason(REASON_OK);
	const char *hint = NULL;

	if (!quiet)
		quiet = log_open("/dev/null", LOG_ERROR, false) == OK;
	r.body = (struct str){ rest.p, rest.len < REQ_BODY_MAX ? rest.len : REQ_BODY_MAX };
	arena_init(&r.arena, REQ_ARENA_MAX);
	ensure(req_read_params(&r) == OK);
	if (req_read_fields(&r, &why, &hint) == OK)
		check_fields(&r);
	else
		ensure(why->status == 400 || why->status == 413 || why->status == 415);
	reply_reason(&r, why, hint);
	return 0;
}
