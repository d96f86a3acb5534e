/* Login: the code of wx.login, and jscode2session, which takes it once. */
#include "base/clock.h"
#include "wechat.h"

enum { CODE_LEN = 32, CODE_LIFE_MS = 5 * 60 * SECOND_MS, SESSION_KEY_BYTES = 16 };

int login_credentials(struct sim *s, struct str appid, struct str secret)
{
	const struct app *app = sim_app(s, appid);

	if (appid.len == 0)
		return 41002;
	if (app == NULL)
		return 40013;
	if (secret.len == 0)
		return 41004;
	return str_is(secret, app->secret) ? 0 : 40125;
}

bool openid_fits(struct str openid)
{
	static const char set[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	return openid.len > 0 && openid.len <= OPENID_MAX && str_only(openid, set);
}

struct str login_make_code(struct sim *s, struct app *app, struct str openid)
{
	char value[CODE_LEN + 1];

	random_hex(value, CODE_LEN / 2);
	struct login_code *code =
		table_put(&s->codes, str_of(value), sizeof *code, CODE_LIFE_MS + KEPT_AFTER_MS);
	code->app = app;
	code->expires = clock_boot_ms() + CODE_LIFE_MS;
	copy_text(code->openid, sizeof code->openid, openid);
	return code->kept.name;
}

int login_code2session(struct api *a)
{
	const struct call *c = a->call;
	struct str appid = call_arg(c, "appid");
	struct str js_code = call_arg(c, "js_code");
	char session_key[STR_BASE64_SIZE(SESSION_KEY_BYTES)];
	int errcode = login_credentials(a->sim, appid, call_arg(c, "secret"));

	if (errcode != 0)
		return errcode;
	if (js_code.len == 0)
		return 41008;
	if (!str_is(call_arg(c, "grant_type"), "authorization_code"))
		return 40002;
	struct login_code *code = table_get(&a->sim->codes, js_code);
	if (code == NULL || code->app != sim_app(a->sim, appid) || code->expires <= clock_boot_ms())
		return 40029;
	if (code->used)
		return 40163;
	code->used = true;
	random_base64(session_key, SESSION_KEY_BYTES);
	answer_str(&a->answer, "session_key", str_of(session_key));
	answer_str(&a->answer, "openid", str_of(code->openid));
	return 0;
}
