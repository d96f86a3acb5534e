/* What the sandbox knows, from start to end. */
#include "state.h"
#include "base/clock.h"
#include "base/crypt.h"

enum { RANDOM_MAX = 192 };

void sim_init(struct sim *s, const struct options *o)
{
	*s = (struct sim){ .options = o, .app_count = o->app_count };
	for (unsigned i = 0; i < o->app_count; i++) {
		s->apps[i].appid = o->apps[i].appid;
		s->apps[i].secret = o->apps[i].secret;
	}
	table_init(&s->tokens);
	table_init(&s->codes);
	table_init(&s->checks);
	table_init(&s->results);
	table_init(&s->seqs);
	faults_init(&s->faults);
	ledger_init(&s->ledger);
}

void sim_finish(struct sim *s)
{
	table_finish(&s->tokens);
	table_finish(&s->codes);
	table_finish(&s->checks);
	table_finish(&s->results);
	table_finish(&s->seqs);
	faults_clear(&s->faults);
	ledger_reset(&s->ledger);
}

struct app *sim_app(struct sim *s, struct str appid)
{
	for (unsigned i = 0; i < s->app_count; i++)
		if (str_is(appid, s->apps[i].appid))
			return &s->apps[i];
	return NULL;
}

int64_t sim_key_life_s(const struct sim *s, struct magic magic)
{
	return magic.key_lifetime_s != 0 ? magic.key_lifetime_s : s->options->key_lifetime_s;
}

struct check *sim_add_check(struct sim *s, struct app *app, struct str key, struct magic magic)
{
	int64_t life_ms = sim_key_life_s(s, magic) * SECOND_MS;
	struct check *c = table_put(&s->checks, key, sizeof *c, life_ms + KEPT_AFTER_MS);

	c->app = app;
	c->magic = magic;
	c->expires = clock_boot_ms() + life_ms;
	return c;
}

bool meter_take(struct meter *m, unsigned limit)
{
	int64_t now = clock_boot_ms();

	if (m->used == 0 || now - m->since >= DAY_MS)
		*m = (struct meter){ .since = now };
	if (m->used >= limit)
		return false;
	m->used++;
	return true;
}

void random_text(char *dst, size_t len)
{
	unsigned char bytes[RANDOM_MAX];
	char text[STR_BASE64_SIZE(RANDOM_MAX)];

	ensure(len <= RANDOM_MAX);
	crypt_random(bytes, len);
	str_base64url(text, bytes, len);
	memcpy(dst, text, len);
	dst[len] = '\0';
}

void random_base64(char *dst, size_t n)
{
	unsigned char bytes[RANDOM_MAX];

	ensure(n <= RANDOM_MAX);
	do {
		crypt_random(bytes, n);
		str_base64(dst, bytes, n);
	} while (strchr(dst, '+') == NULL || strchr(dst, '/') == NULL);
}

void random_hex(char *dst, size_t n)
{
	unsigned char bytes[RANDOM_MAX];

	ensure(n <= RANDOM_MAX);
	crypt_random(bytes, n);
	str_hex(dst, bytes, n);
}

void copy_text(char *dst, size_t size, struct str s)
{
	ensure(s.len < size);
	if (s.len > 0)
		memcpy(dst, s.p, s.len);
	dst[s.len] = '\0';
}
