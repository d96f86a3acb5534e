/* The phone: what a user does in front of it, and what its callback gets told. */
#include "phone.h"
#include "base/clock.h"
#include "wechat.h"

#include <stdio.h>

enum { JUDGED = INT32_MIN, PASSED_20 = 10000, ILLEGAL_USER = 10041, ILLEGAL_ID = 10017 };

/* Who scans when the request does not say. */
#define DEFAULT_OPENID "oSandboxUser0000000000000001"

/* JUDGED: by the identity, which passes unless it is a magic one. */
static const struct outcome {
	const char *name;
	int identify_ret, verify_ret;
} outcomes[] = {
	{ "pass", JUDGED, JUDGED },      { "other_face", 10004, 10004 },
	{ "id_mismatch", 10003, 10003 }, { "not_in_source", 10026, 10026 },
	{ "bad_picture", 10010, 10010 }, { "too_often", 10042, 10042 },
	{ "system", 10008, 10008 },      { "pending", 10005, 10005 },
	{ "cancel", 90100, 90002 },      { "timeout", 90107, 90017 },
	{ "no_camera", 90101, 90008 },   { "network", 90103, 90007 },
	{ "unsupported", 90109, 90109 },
};

struct scan {
	struct call *call;
	struct json_out *out;
	struct str openid; /* empty: not said */
	struct outcome outcome;
};

static int64_t judged_10(const struct scan *s, const struct magic *magic)
{
	return s->outcome.identify_ret != JUDGED ? s->outcome.identify_ret : magic->identify_ret;
}

static int64_t judged_20(const struct scan *s, const struct magic *magic)
{
	if (s->outcome.verify_ret != JUDGED)
		return s->outcome.verify_ret;
	return magic->has_result ? magic->verify_ret : PASSED_20;
}

static void put_callback(const struct scan *s, const char *api, int64_t errcode)
{
	struct arena *arena = &s->call->arena;

	json_put_int(s->out, "errCode", errcode);
	json_put_str(s->out, "errMsg",
		     errcode == 0 ? arena_printf(arena, "%s:ok", api)
				  : arena_printf(arena, "%s:fail %s", api, code_text(errcode)));
}

static void put_callback_10(const struct scan *s, int64_t errcode)
{
	put_callback(s, "startFacialRecognitionVerify", errcode);
}

static void put_callback_20(const struct scan *s, int64_t errcode)
{
	put_callback(s, "requestFacialVerify", errcode);
}

static struct str scanner(const struct scan *s)
{
	return s->openid.len > 0 ? s->openid : STR(DEFAULT_OPENID);
}

/* Each scan has a verify_result of its own; the key can be scanned again. */
static void scan_10(const struct scan *s, const struct check *check)
{
	struct result *r = face10_add_result(s->call->sim, check->app);

	r->magic = check->magic;
	r->identify_ret = judged_10(s, &check->magic);
	copy_text(r->user_id_key, sizeof r->user_id_key, check->kept.name);
	copy_text(r->name_md5, sizeof r->name_md5, str_of(check->name_md5));
	copy_text(r->id_md5, sizeof r->id_md5, str_of(check->id_md5));
	copy_text(r->openid, sizeof r->openid, scanner(s));
	put_callback_10(s, r->identify_ret);
	json_put_str(s->out, "verifyResult", r->kept.name);
}

/* The last scan counts.  Somebody else's phone fails, and that is the result. */
static void scan_20(const struct scan *s, struct check *check)
{
	bool stranger = s->openid.len > 0 && !str_is(s->openid, check->openid);

	check->scanned = true;
	check->verify_ret = stranger ? ILLEGAL_USER : judged_20(s, &check->magic);
	put_callback_20(s, check->verify_ret == PASSED_20 ? 0 : check->verify_ret);
}

/* The phone refuses a key that nobody issued, or whose time is over. */
static void scan_key(const struct scan *s, struct str key)
{
	struct check *check = table_get(&s->call->sim->checks, key);
	bool alive = check != NULL && check->expires > clock_boot_ms();
	bool old = check != NULL ? check->protocol == P10 : key.len == USER_ID_KEY_LEN;

	if (!alive && old)
		put_callback_10(s, ILLEGAL_USER);
	else if (!alive)
		put_callback_20(s, ILLEGAL_ID);
	else if (old)
		scan_10(s, check);
	else
		scan_20(s, check);
}

/* A scan that was still in progress ends, under the verify_result it has. */
static const char *scan_again(const struct scan *s, struct str verify_result)
{
	struct result *r = table_get(&s->call->sim->results, verify_result);

	if (r == NULL)
		return "no such \"verify_result\"";
	r->identify_ret = judged_10(s, &r->magic);
	put_callback_10(s, r->identify_ret);
	json_put_str(s->out, "verifyResult", r->kept.name);
	return NULL;
}

/* A mini program that passes name and ID itself, without a key from the back end [?]. */
static const char *scan_identity(const struct scan *s, struct str name, struct str id)
{
	struct str appid = call_text(s->call, "appid");
	struct sim *sim = s->call->sim;
	struct app *app = appid.len > 0 ? sim_app(sim, appid) : &sim->apps[0];

	if (app == NULL)
		return "unknown \"appid\"";
	struct result *r = face10_add_result(sim, app);
	r->magic = magic_of(id);
	r->identify_ret = judged_10(s, &r->magic);
	face10_md5(r->name_md5, name);
	face10_md5(r->id_md5, id);
	copy_text(r->openid, sizeof r->openid, scanner(s));
	put_callback_10(s, r->identify_ret);
	json_put_str(s->out, "verifyResult", r->kept.name);
	return NULL;
}

static const char *outcome_names(struct arena *arena)
{
	const char *all = "\"outcome\" must be a number or one of:";

	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++)
		all = arena_printf(arena, "%s %s", all, outcomes[i].name).p;
	return all;
}

static const char *read_outcome(struct scan *s)
{
	const struct json *j = json_get(s->call->json, "outcome");

	s->outcome = outcomes[0];
	if (j == NULL)
		return NULL;
	if (j->type == JSON_INT && j->num > INT32_MIN && j->num <= INT32_MAX) {
		s->outcome = (struct outcome){ "", (int)j->num, (int)j->num };
		return NULL;
	}
	for (size_t i = 0; j->type == JSON_STRING && i < ARRAY_LEN(outcomes); i++) {
		if (!str_is(j->str, outcomes[i].name))
			continue;
		s->outcome = outcomes[i];
		return NULL;
	}
	return outcome_names(&s->call->arena);
}

static const char *read_openid(struct call *c, struct str *ret_openid)
{
	const struct json *j = json_get(c->json, "openid");

	if (j == NULL)
		return NULL;
	if (j->type != JSON_STRING || !openid_fits(j->str))
		return "\"openid\" must be 1 to 64 letters, digits, _ or -";
	*ret_openid = j->str;
	return NULL;
}

const char *phone_scan(struct call *c, struct json_out *o)
{
	struct scan s = { .call = c, .out = o };
	struct str key = call_text(c, "key");
	struct str verify_result = call_text(c, "verify_result");
	struct str name = call_text(c, "name");
	struct str id = call_text(c, "id_card_number");
	const char *why = read_outcome(&s);

	if (why == NULL)
		why = read_openid(c, &s.openid);
	if (why != NULL)
		return why;
	if (verify_result.len > 0)
		return scan_again(&s, verify_result);
	if (key.len == 0 && name.len > 0 && id.len > 0)
		return scan_identity(&s, name, id);
	if (key.len == 0)
		return "\"key\" is missing: the user_id_key or verify_id that was issued";
	scan_key(&s, key);
	return NULL;
}

const char *phone_login(struct call *c, struct json_out *o)
{
	struct str appid = call_text(c, "appid");
	struct app *app = appid.len > 0 ? sim_app(c->sim, appid) : &c->sim->apps[0];
	struct str openid = STR(DEFAULT_OPENID);
	const char *why = read_openid(c, &openid);

	if (why != NULL)
		return why;
	if (app == NULL)
		return "unknown \"appid\"";
	json_put_str(o, "code", login_make_code(c->sim, app, openid));
	return NULL;
}

static void put_code(struct json_out *o, const char *key, int code, int judged)
{
	json_put_int(o, key, code == JUDGED ? judged : code);
}

void phone_write_outcomes(struct json_out *o)
{
	json_put_str(o, "default_openid", STR(DEFAULT_OPENID));
	json_open_array(o, "outcomes");
	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
		json_open_object(o, NULL);
		json_put_str(o, "outcome", str_of(outcomes[i].name));
		put_code(o, "identify_ret", outcomes[i].identify_ret, 0);
		put_code(o, "verify_ret", outcomes[i].verify_ret, PASSED_20);
		json_close_object(o);
	}
	json_close_array(o);
}
