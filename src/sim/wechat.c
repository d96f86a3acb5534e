/* WeChat's API: which endpoints there are, and what all of them insist on. */
#include "wechat.h"
#include "base/clock.h"
#include "base/log.h"

enum {
	POSTED = 1,  /* needs POST and a JSON body; else GET */
	TOKEN = 2,   /* needs ?access_token= */
	SAYS_OK = 4, /* errcode 0 and errmsg "ok" stand in a good answer */
};

struct endpoint {
	const char *path, *name;
	unsigned flags;
	const char *content_type;
	int (*run)(struct api *a);
};

#define JSON_TYPE "application/json; encoding=utf-8"
#define FACE      "/cityservice/face/identify/"

/* clang-format off */
static const struct endpoint endpoints[] = {
	{ "/cgi-bin/stable_token",   "stable_token",    POSTED,                   JSON_TYPE,    token_stable },
	{ "/cgi-bin/token",          "token",           0,                        JSON_TYPE,    token_plain },
	{ "/sns/jscode2session",     "jscode2session",  0,                        "text/plain", login_code2session },
	{ FACE "getuseridkey",       "getuseridkey",    POSTED | TOKEN | SAYS_OK, JSON_TYPE,    face10_getuseridkey },
	{ FACE "getinfo",            "getinfo",         POSTED | TOKEN | SAYS_OK, JSON_TYPE,    face10_getinfo },
	{ FACE "getverifyid",        "getverifyid",     POSTED | TOKEN | SAYS_OK, JSON_TYPE,    face20_getverifyid },
	{ FACE "queryverifyinfo",    "queryverifyinfo", POSTED | TOKEN | SAYS_OK, JSON_TYPE,    face20_queryverifyinfo },
};
/* clang-format on */

/* What every other path is answered by and counted as. */
static int no_such_path(struct api *a)
{
	(void)a;
	return 40066;
}

static const struct endpoint elsewhere = { "", "elsewhere", 0, JSON_TYPE, no_such_path };

static const struct endpoint *endpoint_of(struct str path)
{
	for (size_t i = 0; i < ARRAY_LEN(endpoints); i++)
		if (str_is(path, endpoints[i].path))
			return &endpoints[i];
	return &elsewhere;
}

bool wechat_is_endpoint(struct str path)
{
	for (size_t i = 0; i < ARRAY_LEN(endpoints); i++)
		if (str_is(path, endpoints[i].name))
			return true;
	return false;
}

void wechat_write_totals(const struct ledger *l, struct json_out *o)
{
	json_open_object(o, "total");
	for (size_t i = 0; i < ARRAY_LEN(endpoints); i++)
		json_put_int(o, endpoints[i].name, ledger_total(l, endpoints[i].name));
	json_put_int(o, elsewhere.name, ledger_total(l, elsewhere.name));
	json_close_object(o);
}

/* For the ledger, also of calls that are refused: does it say whose it is? */
static struct app *app_of(const struct api *a, const struct endpoint *e)
{
	struct app *app = NULL;

	if ((e->flags & TOKEN) != 0) {
		(void)token_check(a->sim, call_arg(a->call, "access_token"), &app);
		return app;
	}
	app = sim_app(a->sim, call_text(a->call, "appid"));
	return app != NULL ? app : sim_app(a->sim, call_arg(a->call, "appid"));
}

/* \uXXXX anywhere in a text; a doubled backslash before the u is none. */
static bool has_unicode_escape(struct str body)
{
	for (size_t i = 0; i + 1 < body.len; i++) {
		if (body.p[i] != '\\')
			continue;
		if (body.p[++i] == 'u')
			return true;
	}
	return false;
}

static int check_token(struct api *a)
{
	struct str value = call_arg(a->call, "access_token");

	return value.len == 0 ? 41001 : token_check(a->sim, value, &a->app);
}

/* The order of these checks among each other is not documented [?]. */
static int check_form(struct api *a, const struct endpoint *e)
{
	const struct call *c = a->call;
	int errcode = (e->flags & TOKEN) != 0 ? check_token(a) : 0;

	if (errcode != 0)
		return errcode;
	if ((e->flags & POSTED) == 0)
		return e != &elsewhere && !str_is(c->method, "GET") ? 43001 : 0;
	if (!str_is(c->method, "POST"))
		return 43002;
	if (c->body.len == 0)
		return 44002;
	if (has_unicode_escape(c->body))
		return 40033;
	if (c->json != NULL && c->json->type == JSON_OBJECT)
		return 0;
	a->detail = c->json_error.what;
	return 47001;
}

static struct str rid(struct arena *arena)
{
	char first[9], second[9];

	random_hex(first, 4);
	random_hex(second, 4);
	return arena_printf(arena, "%08x-%s-%s", (unsigned)(clock_wall_ms() / SECOND_MS), first,
			    second);
}

static void put_error(struct api *a, int errcode)
{
	struct arena *arena = &a->call->arena;
	const char *detail = a->detail == NULL ? "" : a->detail;

	answer_int(&a->answer, "errcode", errcode);
	answer_str(&a->answer, "errmsg",
		   arena_printf(arena, "%s%s%s rid: %s", code_text(errcode),
				*detail == '\0' ? "" : ": ", detail, rid(arena).p));
}

static int execute(struct api *a, const struct endpoint *e)
{
	int errcode = check_form(a, e);

	if ((e->flags & SAYS_OK) != 0 && errcode == 0) {
		answer_int(&a->answer, "errcode", 0);
		answer_str(&a->answer, "errmsg", STR("ok"));
	}
	if (errcode == 0)
		errcode = e->run(a);
	if (errcode != 0)
		put_error(a, errcode);
	return errcode;
}

static void trace(const struct ledger_line *l)
{
	struct log_line line;

	log_begin(&line, LOG_INFO, "call");
	log_word(&line, "path", l->path);
	log_word(&line, "appid", l->appid);
	if (l->executed)
		log_int(&line, "errcode", l->errcode);
	log_int(&line, "status", l->status);
	if (l->fault != NULL)
		log_word(&line, "fault", l->fault);
	log_end(&line);
}

static void count(struct api *a, const struct ledger_line *line)
{
	ledger_count(&a->sim->ledger, line);
	if (a->sim->options->verbose)
		trace(line);
}

/* A proxy before WeChat refuses these, so no errcode and no JSON. */
static bool lacks_length(const struct call *c)
{
	return str_is(c->method, "POST") && !c->has_length;
}

void wechat_answer(struct call *c)
{
	const struct endpoint *e = endpoint_of(c->path);
	struct api a = { .call = c, .sim = c->sim, .answer.arena = &c->arena };
	struct ledger_line line = { .path = e->name, .status = 200 };
	struct fault_hit hit;

	c->reply.content_type = e->content_type;
	c->reply.delay_ms = c->sim->options->delay_ms;
	a.app = app_of(&a, e);
	line.appid = a.app == NULL ? "" : a.app->appid;
	if (lacks_length(c)) {
		c->reply.status = line.status = 412;
		c->reply.content_type = "text/html";
		c->reply.body = STR("<html><body>412 Precondition Failed</body></html>\n");
		count(&a, &line);
		return;
	}
	bool faulty = fault_take(&c->sim->faults, &c->arena, str_of(e->name), &hit);
	line.executed = !faulty || fault_executes(&hit);
	if (line.executed)
		line.errcode = execute(&a, e);
	if (faulty)
		fault_change_answer(&hit, &a.answer);
	c->reply.body = answer_text(&a.answer);
	if (faulty) {
		fault_change_reply(&hit, c);
		line.fault = fault_name(&hit);
		line.status = c->reply.status;
	}
	count(&a, &line);
}
