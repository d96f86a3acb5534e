/* Access tokens: stable_token and its older sister, which know nothing of each other. */
#include "base/clock.h"
#include "wechat.h"

#include <stdio.h>

enum {
	HANDOVER_MS = 300 * SECOND_MS, /* old and new token are both good for that long */
	FORCE_APART_MS = 30 * SECOND_MS,
	FORCES_A_DAY = 20,
	PLAINS_A_DAY = 2000,
};

int token_check(struct sim *s, struct str value, struct app **ret_app)
{
	const struct token *t = table_get(&s->tokens, value);

	if (t == NULL)
		return 40001;
	*ret_app = t->app;
	if (t->refused != 0)
		return t->refused;
	return t->expires <= clock_boot_ms() ? 42001 : 0;
}

static struct token *current(struct sim *s, const char *value)
{
	return *value == '\0' ? NULL : table_get(&s->tokens, str_of(value));
}

/* Makes value, the app's current token of one kind, a new one. */
static struct token *renew(struct api *a, char value[TOKEN_SIZE])
{
	int64_t life_ms = a->sim->options->token_lifetime_s * SECOND_MS;
	const char prefix[] = "98_";

	memcpy(value, prefix, sizeof prefix);
	random_text(value + strlen(prefix), TOKEN_SIZE - sizeof prefix);
	struct token *t = table_put(&a->sim->tokens, str_of(value), sizeof *t, life_ms + DAY_MS);
	t->app = a->app;
	t->expires = clock_boot_ms() + life_ms;
	return t;
}

static int answer_token(struct api *a, const struct token *t)
{
	int64_t left_ms = t->expires - clock_boot_ms();

	answer_str(&a->answer, "access_token", t->kept.name);
	answer_int(&a->answer, "expires_in", (left_ms + SECOND_MS - 1) / SECOND_MS);
	return 0;
}

static int check_client(struct api *a, struct str grant_type, struct str appid, struct str secret)
{
	if (!str_is(grant_type, "client_credential"))
		return 40002;
	return login_credentials(a->sim, appid, secret);
}

/* The former token is dead at once: this is meant for one that leaked. */
static int force(struct api *a, struct token *old)
{
	struct app *app = a->app;
	int64_t now = clock_boot_ms();

	if (old != NULL && app->forced_at != 0 && now - app->forced_at < FORCE_APART_MS)
		return answer_token(a, old);
	if (!meter_take(&app->forces, FORCES_A_DAY))
		return 45009;
	app->forced_at = now;
	app->stuck = false;
	if (old != NULL && old->refused == 0)
		old->refused = 40001;
	return answer_token(a, renew(a, app->stable));
}

int token_stable(struct api *a)
{
	const struct call *c = a->call;
	const struct json *forced = json_get(c->json, "force_refresh");
	int errcode = check_client(a, call_text(c, "grant_type"), call_text(c, "appid"),
				   call_text(c, "secret"));

	if (errcode != 0)
		return errcode;
	if (forced != NULL && forced->type != JSON_BOOL)
		return 47001;
	a->app = sim_app(a->sim, call_text(c, "appid"));
	struct token *t = current(a->sim, a->app->stable);
	if (forced != NULL && forced->num != 0)
		return force(a, t);
	bool good = t != NULL && t->refused == 0 && t->expires - clock_boot_ms() > HANDOVER_MS;
	if (good || (t != NULL && a->app->stuck))
		return answer_token(a, t);
	return answer_token(a, renew(a, a->app->stable));
}

int token_plain(struct api *a)
{
	const struct call *c = a->call;
	int errcode = check_client(a, call_arg(c, "grant_type"), call_arg(c, "appid"),
				   call_arg(c, "secret"));

	if (errcode != 0)
		return errcode;
	a->app = sim_app(a->sim, call_arg(c, "appid"));
	if (!meter_take(&a->app->plains, PLAINS_A_DAY))
		return 45009;
	struct token *old = current(a->sim, a->app->plain);
	int64_t last = clock_boot_ms() + HANDOVER_MS;
	if (old != NULL && old->expires > last)
		old->expires = last;
	return answer_token(a, renew(a, a->app->plain));
}

static void refuse(struct token *t, int errcode)
{
	if (t != NULL)
		t->refused = errcode;
}

void token_refuse(struct sim *s, struct app *app, int errcode)
{
	refuse(current(s, app->stable), errcode);
	refuse(current(s, app->plain), errcode);
}

static void shorten(struct token *t, int64_t seconds)
{
	if (t != NULL)
		t->expires = clock_boot_ms() + seconds * SECOND_MS;
}

void token_shorten(struct sim *s, struct app *app, int64_t seconds)
{
	shorten(current(s, app->stable), seconds);
	shorten(current(s, app->plain), seconds);
}
