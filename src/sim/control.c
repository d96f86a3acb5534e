/* The /sim side: one row per method and path. */
#include "control.h"
#include "base/clock.h"
#include "phone.h"
#include "wechat.h"

/* Writes members; NULL, or what is wrong with the request. */
typedef const char *control_fn(struct call *c, struct json_out *o);

static const char *ledger_show(struct call *c, struct json_out *o)
{
	const struct ledger *l = &c->sim->ledger;

	ledger_write(l, o);
	wechat_write_totals(l, o);
	json_put_int(o, "faults_delivered", l->faults);
	json_put_int(o, "in_flight", l->in_flight);
	json_put_int(o, "in_flight_peak", l->in_flight_peak);
	return NULL;
}

static const char *reset_ledger(struct call *c, struct json_out *o)
{
	(void)o;
	ledger_reset(&c->sim->ledger);
	return NULL;
}

static const char *catalogue_show(struct call *c, struct json_out *o)
{
	(void)c;
	catalogue_write(o);
	phone_write_outcomes(o);
	return NULL;
}

static const char *fault_show(struct call *c, struct json_out *o)
{
	faults_write(&c->sim->faults, o);
	json_put_int(o, "faults_delivered", c->sim->ledger.faults);
	return NULL;
}

static const char *fault_post(struct call *c, struct json_out *o)
{
	const struct json *clear = json_get(c->json, "clear");

	(void)o;
	if (clear == NULL)
		return fault_arm(&c->sim->faults, &c->arena, c->body, c->json, wechat_is_endpoint);
	if (clear->type != JSON_BOOL || clear->num == 0 || c->json->count != 1)
		return "\"clear\" must be true and stand alone";
	faults_clear(&c->sim->faults);
	return NULL;
}

static const char *change_token(struct call *c, struct app *app)
{
	const struct json *expire = json_get_type(c->json, "expire", JSON_BOOL);
	const struct json *errcode = json_get_type(c->json, "errcode", JSON_INT);
	const struct json *stuck = json_get_type(c->json, "stuck", JSON_BOOL);
	const struct json *left = json_get_type(c->json, "expires_in", JSON_INT);

	if (left != NULL && left->num >= 0 && left->num <= INT32_MAX)
		token_shorten(c->sim, app, left->num);
	else if (expire != NULL && expire->num != 0)
		token_refuse(c->sim, app, errcode == NULL ? 40001 : (int)errcode->num);
	else
		return "needs \"expire\": true or \"expires_in\": seconds";
	if (stuck != NULL)
		app->stuck = stuck->num != 0;
	return NULL;
}

static const char *token_post(struct call *c, struct json_out *o)
{
	const struct json *appid = json_get(c->json, "appid");
	const char *why = "unknown \"appid\"";

	(void)o;
	for (unsigned i = 0; i < c->sim->app_count; i++) {
		struct app *app = &c->sim->apps[i];
		if (appid != NULL && !str_is(appid->str, app->appid))
			continue;
		why = change_token(c, app);
		if (why != NULL)
			return why;
	}
	return why;
}

static const char *clock_post(struct call *c, struct json_out *o)
{
	const struct json *advance = json_get_type(c->json, "advance", JSON_INT);

	if (advance == NULL || advance->num < 0 || advance->num > INT32_MAX)
		return "needs \"advance\": seconds by which to set the clock forward";
	clock_skew_ms += advance->num * SECOND_MS;
	json_put_int(o, "advanced", clock_skew_ms / SECOND_MS);
	return NULL;
}

/* clang-format off */
static const struct control {
	const char *method, *path;
	control_fn *run;
} controls[] = {
	{ "POST", "/sim/scan",         phone_scan },
	{ "POST", "/sim/login",        phone_login },
	{ "GET",  "/sim/catalogue",    catalogue_show },
	{ "GET",  "/sim/ledger",       ledger_show },
	{ "POST", "/sim/ledger/reset", reset_ledger },
	{ "GET",  "/sim/fault",        fault_show },
	{ "POST", "/sim/fault",        fault_post },
	{ "POST", "/sim/token",        token_post },
	{ "POST", "/sim/clock",        clock_post },
};
/* clang-format on */

static const struct control *control_of(struct call *c)
{
	c->reply.status = 404;
	for (size_t i = 0; i < ARRAY_LEN(controls); i++) {
		if (!str_is(c->path, controls[i].path))
			continue;
		c->reply.status = 405;
		if (str_is(c->method, controls[i].method))
			return &controls[i];
	}
	return NULL;
}

/* Ends the object and takes its text; a value that was not UTF-8 has spoiled it. */
static void finish(struct call *c, struct json_out *o)
{
	struct str text = STR("{\"error\":\"not UTF-8\"}");

	json_close_object(o);
	if (json_out_text(o, &text) != OK)
		c->reply.status = 400;
	c->reply.body = arena_str(&c->arena, text);
	json_out_finish(o);
}

static void refuse(struct call *c, int status, const char *why)
{
	struct json_out o;

	c->reply.status = status;
	json_out_init(&o);
	json_open_object(&o, NULL);
	json_put_str(&o, "error", str_of(why));
	json_put_int(&o, "faults_armed", fault_armed(&c->sim->faults));
	finish(c, &o);
}

static const char *body_fault(struct call *c)
{
	if (c->body.len == 0 || (c->json != NULL && c->json->type == JSON_OBJECT))
		return NULL;
	return arena_printf(&c->arena, "the body must be a JSON object%s%s",
			    c->json_error.what == NULL ? "" : ", this is ",
			    c->json_error.what == NULL ? "" : c->json_error.what)
		.p;
}

static void run(struct call *c, const struct control *control)
{
	static const struct json nothing = { .type = JSON_OBJECT };
	const char *why = body_fault(c);
	struct json_out o;

	if (c->body.len == 0)
		c->json = &nothing;
	if (why != NULL) {
		refuse(c, 400, why);
		return;
	}
	json_out_init(&o);
	json_open_object(&o, NULL);
	why = control->run(c, &o);
	if (why != NULL) {
		json_out_finish(&o);
		refuse(c, 400, why);
		return;
	}
	c->reply.status = 200;
	json_put_int(&o, "faults_armed", fault_armed(&c->sim->faults));
	finish(c, &o);
}

void control_answer(struct call *c)
{
	const struct control *control = control_of(c);

	if (control != NULL)
		run(c, control);
	else if (c->reply.status == 405)
		refuse(c, 405, "another method: POST changes something, GET shows it");
	else
		refuse(c, 404, "nothing here; GET / lists what there is");
}
