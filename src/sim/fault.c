/* Faults: what kinds there are, what each needs, and what each does to an answer. */
#include "fault.h"
#include "base/mem.h"

struct fault_kind {
	const char *name;
	bool executes;
	enum travel travel;
	const char *needs; /* the field it cannot do without, or NULL */
	unsigned type;     /* of that field */
	void (*change_answer)(const struct json *spec, struct answer *a);
	void (*change_reply)(const struct json *spec, struct call *c);
};

struct fault {
	struct list link;
	const struct fault_kind *kind;
	char *text; /* the request that armed it; parsed again for each call */
	char *path;
	int64_t skip, left;
};

static int64_t number(const struct json *spec, const char *key, int64_t otherwise)
{
	const struct json *j = json_get_type(spec, key, JSON_INT);

	return j == NULL ? otherwise : j->num;
}

static struct str text(const struct json *spec, const char *key)
{
	const struct json *j = json_get_type(spec, key, JSON_STRING);

	return j == NULL ? STR_NONE : j->str;
}

static void put_errcode(const struct json *spec, struct answer *a)
{
	const struct json *errmsg = json_get(spec, "errmsg");

	answer_int(a, "errcode", number(spec, "errcode", 0));
	if (errmsg != NULL)
		answer_json(a, STR("errmsg"), errmsg);
	else
		answer_str(a, "errmsg", STR("armed by /sim/fault"));
}

static void set_fields(const struct json *spec, struct answer *a)
{
	for (const struct json *j = json_get(spec, "fields")->first; j != NULL; j = j->next)
		answer_json(a, j->key, j);
}

static void unset_fields(const struct json *spec, struct answer *a)
{
	for (const struct json *j = json_get(spec, "fields")->first; j != NULL; j = j->next)
		answer_unset(a, j->str);
}

static void put_body(const struct json *spec, struct call *c)
{
	struct str hex = text(spec, "body_hex");
	struct str type = text(spec, "content_type");

	c->reply.body = text(spec, "body");
	if (hex.len > 0) {
		char *bytes = arena_alloc(&c->arena, hex.len / 2);
		if (bytes != NULL && str_unhex(bytes, hex.len / 2, hex))
			c->reply.body = (struct str){ bytes, hex.len / 2 };
	}
	if (type.len > 0)
		c->reply.content_type = type.p;
}

static void put_status(const struct json *spec, struct call *c)
{
	c->reply.content_type = "text/html";
	put_body(spec, c);
	c->reply.status = (int)number(spec, "status", 500);
}

static void put_step(const struct json *spec, struct call *c)
{
	c->reply.step_ms = number(spec, "step_ms", 1000);
}

/* clang-format off */
static const struct fault_kind kinds[] = {
	{ "close",   true,  TRAVEL_CLOSE,   NULL,      0,           NULL,         NULL },
	{ "delay",   true,  TRAVEL_WHOLE,   "ms",      JSON_INT,    NULL,         NULL },
	{ "hang",    true,  TRAVEL_HANG,    NULL,      0,           NULL,         NULL },
	{ "errcode", false, TRAVEL_WHOLE,   "errcode", JSON_INT,    put_errcode,  NULL },
	{ "status",  false, TRAVEL_WHOLE,   "status",  JSON_INT,    NULL,         put_status },
	{ "body",    true,  TRAVEL_WHOLE,   NULL,      0,           NULL,         put_body },
	{ "set",     true,  TRAVEL_WHOLE,   "fields",  JSON_OBJECT, set_fields,   NULL },
	{ "unset",   true,  TRAVEL_WHOLE,   "fields",  JSON_ARRAY,  unset_fields, NULL },
	{ "drip",    true,  TRAVEL_DRIP,    NULL,      0,           NULL,         put_step },
	{ "cut",     true,  TRAVEL_CUT,     NULL,      0,           NULL,         NULL },
	{ "endless", true,  TRAVEL_ENDLESS, NULL,      0,           NULL,         NULL },
};

/* What a request may hold; the kinds take what they need of it. */
static const struct { const char *name; enum json_type type; int64_t least, most; } fields[] = {
	{ "path",         JSON_STRING, 0, 0 },
	{ "kind",         JSON_STRING, 0, 0 },
	{ "count",        JSON_INT,    1, INT32_MAX },
	{ "skip",         JSON_INT,    0, INT32_MAX },
	{ "ms",           JSON_INT,    0, INT32_MAX },
	{ "step_ms",      JSON_INT,    1, INT32_MAX },
	{ "errcode",      JSON_INT,    INT32_MIN, INT32_MAX },
	{ "status",       JSON_INT,    200, 599 },
	{ "body",         JSON_STRING, 0, 0 },
	{ "body_hex",     JSON_STRING, 0, 0 },
	{ "content_type", JSON_STRING, 0, 0 },
	{ "headers",      JSON_OBJECT, 0, 0 },
	{ "execute",      JSON_BOOL,   0, 1 },
};
/* clang-format on */

void faults_init(struct faults *f)
{
	list_init(&f->line);
}

static void fault_destroy(struct fault *f)
{
	list_remove(&f->link);
	mem_free(f->text);
	mem_free(f->path);
	mem_free(f);
}

void faults_clear(struct faults *f)
{
	while (!list_empty(&f->line))
		fault_destroy(container_of(f->line.next, struct fault, link));
}

static const char *wrong_type(struct arena *a, struct str key, const char *must_be)
{
	return arena_printf(a, "\"%.*s\" must be %s", (int)key.len, key.p, must_be).p;
}

static const char *field_fault(struct arena *a, const struct json *j)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (!str_is(j->key, fields[i].name))
			continue;
		if (j->type != fields[i].type)
			return wrong_type(a, j->key, json_type_name(fields[i].type));
		if (j->type == JSON_INT && (j->num < fields[i].least || j->num > fields[i].most))
			return arena_printf(a, "\"%s\" must be from %lld to %lld", fields[i].name,
					    (long long)fields[i].least, (long long)fields[i].most)
				.p;
		return NULL;
	}
	if (str_is(j->key, "fields") || str_is(j->key, "errmsg"))
		return NULL;
	return arena_printf(a, "unknown field \"%.*s\"", (int)j->key.len, j->key.p).p;
}

static const char *all_strings(struct arena *a, const struct json *container, const char *name)
{
	for (const struct json *j = container == NULL ? NULL : container->first; j != NULL;
	     j = j->next)
		if (j->type != JSON_STRING)
			return arena_printf(a, "\"%s\" must hold texts only", name).p;
	return NULL;
}

static const char *needs_fault(struct arena *a, const struct fault_kind *kind,
			       const struct json *spec)
{
	if (kind->needs != NULL && json_get_type(spec, kind->needs, kind->type) == NULL)
		return arena_printf(a, "kind \"%s\" needs \"%s\", which is %s", kind->name,
				    kind->needs, json_type_name(kind->type))
			.p;
	if (kind->change_reply == put_body && json_get(spec, "body") == NULL &&
	    json_get(spec, "body_hex") == NULL)
		return "kind \"body\" needs \"body\" or \"body_hex\"";
	if (kind->change_answer == unset_fields)
		return all_strings(a, json_get(spec, "fields"), "fields");
	return NULL;
}

static const char *hex_fault(struct arena *a, const struct json *spec)
{
	struct str hex = text(spec, "body_hex");
	void *bytes = arena_alloc(a, hex.len / 2 + 1);

	if (bytes == NULL || !str_unhex(bytes, hex.len / 2, hex))
		return "\"body_hex\" must be pairs of hex digits";
	return NULL;
}

static const struct fault_kind *kind_of(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_is(name, kinds[i].name))
			return &kinds[i];
	return NULL;
}

static const char *spec_fault(struct arena *a, const struct json *spec,
			      bool (*known)(struct str path))
{
	struct str path = text(spec, "path");
	const struct fault_kind *kind = kind_of(text(spec, "kind"));

	for (const struct json *j = spec->first; j != NULL; j = j->next) {
		const char *why = field_fault(a, j);
		if (why != NULL)
			return why;
	}
	if (!str_is(path, "*") && !known(path))
		return "\"path\" must be the last segment of a WeChat path, as \"getinfo\", or "
		       "\"*\"";
	if (kind == NULL)
		return "\"kind\" must be close, delay, hang, errcode, status, body, set, unset, "
		       "drip, cut or endless";
	const char *why = needs_fault(a, kind, spec);
	if (why == NULL)
		why = all_strings(a, json_get(spec, "headers"), "headers");
	return why != NULL ? why : hex_fault(a, spec);
}

static char *copy(struct str s)
{
	char *p = mem_alloc(s.len + 1);

	if (s.len > 0)
		memcpy(p, s.p, s.len);
	p[s.len] = '\0';
	return p;
}

const char *fault_arm(struct faults *f, struct arena *a, struct str request,
		      const struct json *spec, bool (*known)(struct str path))
{
	const char *why = spec_fault(a, spec, known);

	if (why != NULL)
		return why;
	struct fault *made = mem_alloc(sizeof *made);
	*made = (struct fault){
		.kind = kind_of(text(spec, "kind")),
		.text = copy(request),
		.path = copy(text(spec, "path")),
		.skip = number(spec, "skip", 0),
		.left = number(spec, "count", 1),
	};
	list_add(&f->line, &made->link);
	return NULL;
}

static struct fault *first_for(struct faults *f, struct str path)
{
	for (struct list *p = f->line.next; p != &f->line; p = p->next) {
		struct fault *fault = container_of(p, struct fault, link);
		if (strcmp(fault->path, "*") == 0 || str_is(path, fault->path))
			return fault;
	}
	return NULL;
}

bool fault_take(struct faults *f, struct arena *a, struct str path, struct fault_hit *ret_hit)
{
	struct fault *fault = first_for(f, path);
	struct json *spec;
	struct json_error error;

	if (fault == NULL)
		return false;
	if (fault->skip > 0) {
		fault->skip--;
		return false;
	}
	if (json_parse(a, str_of(fault->text), 0, &spec, &error) != OK)
		return false;
	*ret_hit = (struct fault_hit){ fault->kind, spec };
	if (--fault->left == 0)
		fault_destroy(fault);
	return true;
}

const char *fault_name(const struct fault_hit *hit)
{
	return hit->kind->name;
}

bool fault_executes(const struct fault_hit *hit)
{
	const struct json *said = json_get(hit->spec, "execute");

	return said == NULL ? hit->kind->executes : said->num != 0;
}

void fault_change_answer(const struct fault_hit *hit, struct answer *a)
{
	if (hit->kind->change_answer != NULL)
		hit->kind->change_answer(hit->spec, a);
}

void fault_change_reply(const struct fault_hit *hit, struct call *c)
{
	c->reply.travel = hit->kind->travel;
	c->reply.delay_ms += number(hit->spec, "ms", 0);
	c->reply.headers = json_get(hit->spec, "headers");
	if (hit->kind->change_reply != NULL)
		hit->kind->change_reply(hit->spec, c);
}

int64_t fault_armed(const struct faults *f)
{
	int64_t armed = 0;

	for (const struct list *p = f->line.next; p != &f->line; p = p->next)
		armed += container_of(p, struct fault, link)->left;
	return armed;
}

void faults_write(const struct faults *f, struct json_out *o)
{
	json_open_array(o, "faults");
	for (const struct list *p = f->line.next; p != &f->line; p = p->next) {
		const struct fault *fault = container_of(p, struct fault, link);
		json_open_object(o, NULL);
		json_put_str(o, "path", str_of(fault->path));
		json_put_str(o, "kind", str_of(fault->kind->name));
		json_put_int(o, "skip", fault->skip);
		json_put_int(o, "left", fault->left);
		json_close_object(o);
	}
	json_close_array(o);
}
