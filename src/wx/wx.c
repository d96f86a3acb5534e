/* One worker's side of WeChat: the shared things, the breaker, readiness. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "token.h"
#include "wx/codes.h"
#include "wx_local.h"

#include <sys/resource.h>

enum { SAY_FULL_MS = 60 * 1000 };

struct wx *wx_create(struct loop *l, struct http *h, struct store *s, struct crypt *c,
		     const struct conf *conf)
{
	struct wx *wx = mem_calloc(1, sizeof *wx);

	*wx = (struct wx){ .loop = l, .http = h, .store = s, .crypt = c, .conf = conf };
	wx->tokens = mem_calloc(conf->app_nr, sizeof *wx->tokens);
	wx->in_flight = mem_calloc(conf->app_nr, sizeof *wx->in_flight);
	for (unsigned i = 0; i < conf->app_nr; i++)
		wx->tokens[i] = token_create(wx, &conf->apps[i]);
	return wx;
}

void wx_destroy(struct wx *wx)
{
	if (wx == NULL)
		return;
	for (unsigned i = 0; i < wx->conf->app_nr; i++)
		token_destroy(wx->tokens[i]);
	mem_free(wx->tokens);
	mem_free(wx->in_flight);
	mem_free(wx);
}

void wx_set_lookup(struct wx *wx, struct http *lookup)
{
	wx->lookup = lookup;
}

bool wx_has_lookup(const struct wx *wx)
{
	return wx->lookup != NULL;
}

void wx_set_audit(struct wx *wx, struct audit *a)
{
	wx->audit = a;
}

struct crypt *wx_crypt(struct wx *wx)
{
	return wx->crypt;
}

struct store *wx_store(struct wx *wx)
{
	return wx->store;
}

const struct conf *wx_conf(struct wx *wx)
{
	return wx->conf;
}

const struct conf_app *wx_app(struct wx *wx, struct str appid)
{
	for (unsigned i = 0; i < wx->conf->app_nr; i++)
		if (str_is(appid, wx->conf->apps[i].appid))
			return &wx->conf->apps[i];
	return NULL;
}

bool wx_breaker_allows(struct wx *wx)
{
	struct breaker *b = &wx->breaker;

	if (b->open_until == 0)
		return true;
	if (b->trying || clock_boot_ms() < b->open_until)
		return false;
	b->trying = true;
	return true;
}

static void say_full(struct breaker *b)
{
	struct rlimit files = { 0, 0 };

	if (clock_boot_ms() < b->say_full)
		return;
	b->say_full = clock_boot_ms() + SAY_FULL_MS;
	getrlimit(RLIMIT_NOFILE, &files);
	log_text(LOG_ERROR, "calls_full",
		 "no room for a call to WeChat: this worker may have %llu open files (ulimit -n, "
		 "LimitNOFILE) and 4096 calls: raise the limit, or start more workers",
		 (unsigned long long)files.rlim_cur);
}

void wx_breaker_report(struct wx *wx, const struct http_call *call)
{
	struct breaker *b = &wx->breaker;
	int most = wx->conf->breaker.failures;

	b->trying = false;
	if (call->err == ERR_FULL) {
		say_full(b);
		return;
	}
	if (call->err == OK && call->status < 500) {
		if (b->open_until != 0)
			log_text(LOG_INFO, "breaker_closed", "WeChat answers again");
		b->failures = 0;
		b->open_until = 0;
		return;
	}
	b->failures++;
	if (most == 0 || b->failures < most)
		return;
	if (b->open_until == 0)
		log_text(LOG_ERROR, "breaker_open",
			 "%d calls in a row without an answer from WeChat: leaving it alone for %d "
			 "s",
			 b->failures, wx->conf->breaker.open);
	b->open_until = clock_boot_ms() + (int64_t)wx->conf->breaker.open * 1000;
}

/* --- readiness ------------------------------------------------------------- */

struct ready_get {
	struct token_get get;
	struct wx_ready *op;
};

static void ready_next(struct wx_ready *r);

static const char *token_word(const struct token_get *g)
{
	if (g->err == OK)
		return "ok";
	if (g->err == ERR_REFUSED && g->errcode != 0)
		return wx_code(WX_ERRCODE, g->errcode)->word;
	return "none";
}

static void ready_take(struct wx_ready *r)
{
	const char *word = token_word(&r->get->get);

	r->token[r->next++] = word;
	r->served = r->served || str_is(str_of(word), "ok");
	token_get_finish(&r->get->get);
}

static void on_ready_token(struct token_get *g)
{
	struct wx_ready *r = container_of(g, struct ready_get, get)->op;

	ready_take(r);
	ready_next(r);
}

/* Asks for the apps' tokens one after the other.  One bad app is not a bad pool. */
static void ready_next(struct wx_ready *r)
{
	while (r->next < r->wx->conf->app_nr) {
		struct token *t = r->wx->tokens[r->next];
		r->get->get = (struct token_get){ .deadline = clock_boot_ms() + READY_MS };
		if (token_get(t, &r->get->get, on_ready_token) == WAIT)
			return;
		ready_take(r);
	}
	mem_free(r->get);
	r->wechat = r->wx->breaker.open_until == 0 ? "ok" : "breaker_open";
	r->ok = r->store_err == OK && r->wx->breaker.open_until == 0 && r->served;
	r->done(r);
}

static void on_ready_start(struct task *task)
{
	ready_next(container_of(task, struct wx_ready, start));
}

void wx_ready(struct wx *wx, struct wx_ready *r, void (*done)(struct wx_ready *))
{
	*r = (struct wx_ready){ .wx = wx, .done = done };
	r->store_err = store_ready(wx->store);
	r->store = r->store_err == OK ? "ok" : "busy";
	r->get = mem_calloc(1, sizeof *r->get);
	r->get->op = r;
	loop_defer(wx->loop, &r->start, on_ready_start);
}

/* --- warming up ------------------------------------------------------------- */

static void on_warm(struct token_get *g)
{
	token_get_finish(g);
	mem_free(g);
}

void wx_warm_up(struct wx *wx)
{
	for (unsigned i = 0; i < wx->conf->app_nr; i++) {
		struct token_get *g = mem_calloc(1, sizeof *g);
		g->deadline = clock_boot_ms() + wx->conf->wechat.total_ms;
		if (token_get(wx->tokens[i], g, on_warm) == DONE)
			on_warm(g);
	}
}
