/*
 * fake_net.h - WeChat and the store for the tests of the flows, in this process.
 *
 * Defines what io/http.h and store/store.h declare, so the linker takes these and
 * leaves the real ones out; the loop is the real one.  Include it once a program.
 *
 * The store keeps its values in an array and keeps store.h's rules; `wait` makes it
 * answer later, and `meddle` may refuse an operation.  WeChat answers what was
 * queued for a path, else what its path says by default; `hold` keeps answers back
 * until release_held().
 */
#ifndef FAKE_NET_H
#define FAKE_NET_H

#include "base/clock.h"
#include "base/mem.h"
#include "io/http.h"
#include "io/loop.h"
#include "store/store.h"
#include "wx/wx.h"
#include "wx_help.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* --- the store --------------------------------------------------------------------- */

enum verb { GET, PUT, DEL };

struct fake_value {
	bool used;
	enum store_kind kind;
	struct digest key;
	uint64_t version;
	int64_t expires;
	size_t len;
	unsigned char bytes[STORE_VALUE_MAX];
};

struct store {
	struct fake_value values[512];
	struct loop *loop;
	bool wait;
	int64_t still; /* its clock stands at this; 0: it runs */
	unsigned ops;  /* so far */
	/* Before an operation; anything but OK is its outcome.  after: the same, but done. */
	enum err (*meddle)(enum verb verb, struct store_op *op);
	enum err (*after)(enum verb verb, struct store_op *op);
};

static struct store fake_store;
static uint64_t fake_versions;

static inline int64_t fake_now(void)
{
	return fake_store.still != 0 ? fake_store.still : clock_boot_ms();
}

static inline struct fake_value *find_value(enum store_kind kind, const struct digest *key)
{
	for (size_t i = 0; i < ARRAY_LEN(fake_store.values); i++) {
		struct fake_value *v = &fake_store.values[i];
		if (!v->used || v->kind != kind || !digest_equal(&v->key, key))
			continue;
		if (v->expires > fake_now())
			return v;
		v->used = false;
	}
	return NULL;
}

static inline unsigned count_values(enum store_kind kind)
{
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_LEN(fake_store.values); i++)
		n += fake_store.values[i].used && fake_store.values[i].kind == kind &&
		     fake_store.values[i].expires > fake_now();
	return n;
}

static inline struct fake_value *free_value(void)
{
	for (size_t i = 0; i < ARRAY_LEN(fake_store.values); i++)
		if (!fake_store.values[i].used || fake_store.values[i].expires <= fake_now())
			return &fake_store.values[i];
	return NULL;
}

static inline enum err do_get(struct store_op *op)
{
	const struct fake_value *v = find_value(op->kind, &op->key);

	if (v == NULL)
		return ERR_NOT_FOUND;
	op->version = v->version;
	op->expires = v->expires;
	op->len = v->len;
	memcpy(op->value, v->bytes, v->len);
	return OK;
}

static inline enum err do_put(struct store_op *op)
{
	struct fake_value *v = find_value(op->kind, &op->key);

	ensure(op->len <= store_value_max(op->kind));
	if ((v == NULL ? 0 : v->version) != op->version)
		return ERR_CONFLICT;
	if (v == NULL)
		v = free_value();
	if (v == NULL)
		return ERR_FULL;
	op->version = ++fake_versions;
	*v = (struct fake_value){ .used = true,
				  .kind = op->kind,
				  .key = op->key,
				  .version = op->version,
				  .expires = op->expires,
				  .len = op->len };
	memcpy(v->bytes, op->value, op->len);
	op->yields = false; /* as store.h says; this one is never full of what yields */
	return OK;
}

static inline enum err do_del(struct store_op *op)
{
	struct fake_value *v = find_value(op->kind, &op->key);

	if (v == NULL || v->version != op->version)
		return ERR_CONFLICT;
	v->used = false;
	return OK;
}

static inline void do_op(enum verb verb, struct store_op *op)
{
	enum err (*const verbs[])(struct store_op *) = { do_get, do_put, do_del };

	fake_store.ops++;
	op->err = fake_store.meddle == NULL ? OK : fake_store.meddle(verb, op);
	if (op->err != OK)
		return;
	op->err = verbs[verb](op);
	enum err after = fake_store.after == NULL ? OK : fake_store.after(verb, op);
	if (after != OK)
		op->err = after;
}

struct pending_op {
	struct task task;
	enum verb verb;
	struct store_op *op;
};

static inline void on_pending(struct task *task)
{
	struct pending_op *p = container_of(task, struct pending_op, task);
	struct store_op *op = p->op;

	do_op(p->verb, op);
	mem_free(p);
	op->done(op);
}

static inline enum progress start_op(enum verb verb, struct store_op *op,
				     void (*done)(struct store_op *))
{
	op->done = done;
	if (!fake_store.wait) {
		do_op(verb, op);
		return DONE;
	}
	struct pending_op *p = mem_calloc(1, sizeof *p);
	p->verb = verb;
	p->op = op;
	loop_defer(fake_store.loop, &p->task, on_pending);
	return WAIT;
}

enum progress store_get(struct store *s, struct store_op *op, void (*done)(struct store_op *))
{
	ensure(s == &fake_store);
	return start_op(GET, op, done);
}

enum progress store_put(struct store *s, struct store_op *op, void (*done)(struct store_op *))
{
	ensure(s == &fake_store);
	return start_op(PUT, op, done);
}

enum progress store_del(struct store *s, struct store_op *op, void (*done)(struct store_op *))
{
	ensure(s == &fake_store);
	return start_op(DEL, op, done);
}

int64_t store_now(const struct store *s)
{
	(void)s;
	return fake_now();
}

enum err store_ready(struct store *s)
{
	struct store_op probe = { .kind = STORE_TOKEN };

	(void)s;
	return fake_store.meddle == NULL ? OK : fake_store.meddle(GET, &probe);
}

size_t store_value_max(enum store_kind kind)
{
	static const size_t max[STORE_KIND_NR] = {
		[STORE_SESSION] = 1024, [STORE_KEY] = 96,
		[STORE_CLAIM] = 96,     [STORE_TOKEN] = STORE_VALUE_MAX,
		[STORE_LOGIN] = 160,    [STORE_ONCE] = 96,
		[STORE_BUDGET] = 48,    [STORE_NONCE] = 8,
		[STORE_HOST] = 376,
	};

	return max[kind];
}

/* --- WeChat, and the business's server --------------------------------------------------- */

enum path { STABLE_TOKEN, OPEN_1, QUERY_1, OPEN_2, QUERY_2, LOGIN, LOOKUP, PATH_NR };

static const char *const paths[PATH_NR] = {
	"/cgi-bin/stable_token", "/getuseridkey",       "/getinfo",       "/getverifyid",
	"/queryverifyinfo",      "/sns/jscode2session", "/face/identity",
};

struct http_transfer {
	struct task task;
	struct list link; /* fake_net.held */
	struct http_call *call;
	enum err err;
	int status;
	char *text;
};

struct reply {
	enum err err;
	int status; /* 0: 200 */
	const char *text;
};

static struct {
	struct loop *loop;
	bool hold;
	struct list held;
	unsigned in_flight, most_in_flight;
	unsigned calls[PATH_NR], forced;
	struct reply queue[PATH_NR][32];
	unsigned queued[PATH_NR], taken[PATH_NR];
	const char *by_default[PATH_NR];
	char last_url[2048], last_body[4096], last_headers[4][200];
	const struct http *last_http;
	void (*on_call)(enum path path); /* before the answer is made */
} fake_net;

static inline void answer_next(enum path path, enum err err, int status, const char *text)
{
	ensure(fake_net.queued[path] < ARRAY_LEN(fake_net.queue[path]));
	fake_net.queue[path][fake_net.queued[path]++] = (struct reply){ err, status, text };
}

static inline enum path path_of(const char *url)
{
	for (int i = 0; i < PATH_NR; i++)
		if (strstr(url, paths[i]) != NULL)
			return (enum path)i;
	fprintf(stderr, "unexpected call of %s\n", url);
	abort();
}

static inline void deliver(struct task *task)
{
	struct http_transfer *t = container_of(task, struct http_transfer, task);
	struct http_call *c = t->call;

	fake_net.in_flight--;
	if (c == NULL) {
		mem_free(t->text);
		mem_free(t);
		return;
	}
	c->err = t->err;
	c->status = t->err == OK ? t->status : 0;
	c->answer = t->err == OK ? str_of(t->text) : STR_NONE;
	c->ms = 1;
	c->done(c);
}

static inline void release_held(void)
{
	struct list *link;

	while ((link = list_take(&fake_net.held)) != NULL) {
		struct http_transfer *t = container_of(link, struct http_transfer, link);
		loop_defer(fake_net.loop, &t->task, deliver);
	}
}

void http_start(struct http *h, struct http_call *c, void (*done)(struct http_call *))
{
	struct http_transfer *t = mem_calloc(1, sizeof *t);

	fake_net.last_http = h;
	memset(fake_net.last_headers, 0, sizeof fake_net.last_headers);
	for (size_t i = 0; c->headers != NULL && c->headers[i] != NULL; i++) {
		ensure(i < ARRAY_LEN(fake_net.last_headers));
		snprintf(fake_net.last_headers[i], sizeof fake_net.last_headers[i], "%s",
			 c->headers[i]);
	}
	snprintf(fake_net.last_url, sizeof fake_net.last_url, "%.*s", (int)c->url.len_,
		 c->url.bytes_);
	snprintf(fake_net.last_body, sizeof fake_net.last_body, "%.*s", (int)c->body.len_,
		 c->body.len_ == 0 ? "" : c->body.bytes_);
	enum path path = path_of(fake_net.last_url);
	/* only what an open call answers is bound to its request, later */
	ensure(c->unbound == (path != OPEN_1 && path != OPEN_2));
	fake_net.calls[path]++;
	fake_net.forced += strstr(fake_net.last_body, "\"force_refresh\":true") != NULL;
	if (++fake_net.in_flight > fake_net.most_in_flight)
		fake_net.most_in_flight = fake_net.in_flight;
	if (fake_net.on_call != NULL)
		fake_net.on_call(path);
	struct reply r = { OK, 0, fake_net.by_default[path] };
	if (fake_net.taken[path] < fake_net.queued[path])
		r = fake_net.queue[path][fake_net.taken[path]++];
	c->done = done;
	c->transfer = t;
	t->call = c;
	t->err = r.err;
	t->status = r.status == 0 ? 200 : r.status;
	t->text = mem_strdup(r.text == NULL ? "" : r.text);
	list_init(&t->link);
	if (fake_net.hold)
		list_add(&fake_net.held, &t->link);
	else
		loop_defer(fake_net.loop, &t->task, deliver);
}

void http_cancel(struct http_call *c)
{
	if (c->transfer != NULL)
		c->transfer->call = NULL;
	c->transfer = NULL;
}

/* Only after done(): a call under way is cancelled. */
void http_call_finish(struct http_call *c)
{
	if (c->transfer == NULL)
		return;
	mem_free(c->transfer->text);
	mem_free(c->transfer);
	c->transfer = NULL;
	c->answer = STR_NONE;
}

/* --- a worker's side ------------------------------------------------------------------ */

static struct conf_app fake_apps[2];
static struct conf fake_conf;
static struct loop *loop;
static struct crypt *keys;
static struct wx *wx;

#define TOKEN_ANSWER(name) "{\"access_token\":\"" name "\",\"expires_in\":7200}"

/* Another worker of the same pool: its own struct wx over the same store. */
static inline struct wx *another_worker(void)
{
	return wx_create(loop, NULL, &fake_store, keys, &fake_conf);
}

static inline void fake_start(bool wait)
{

	alarm(60); /* nothing here may hang */
	loop = loop_create();
	keys = test_crypt();
	fake_apps[0] = test_app(PROTOCOL_1_0);
	fake_apps[1] = test_app(PROTOCOL_2_0);
	fake_apps[1].appid = "wx0000000000000002";
	fake_conf = (struct conf){ .apps = fake_apps, .app_nr = 2 };
	fake_conf.wechat.host = "https://wechat.test";
	fake_conf.wechat.total_ms = 8000;
	fake_conf.wechat.connect_ms = 2000;
	fake_conf.breaker.failures = 20;
	fake_conf.breaker.open = 10;
	memset(&fake_store, 0, sizeof fake_store);
	fake_store.loop = loop;
	fake_store.wait = wait;
	memset(&fake_net, 0, sizeof fake_net);
	fake_net.loop = loop;
	list_init(&fake_net.held);
	fake_net.by_default[STABLE_TOKEN] = TOKEN_ANSWER("TOKEN-1");
	fake_net.by_default[OPEN_1] =
		"{\"errcode\":0,\"errmsg\":\"ok\",\"user_id_key\":\"" USER_ID_KEY
		"\",\"expires_in\":3600}";
	fake_net.by_default[OPEN_2] =
		"{\"errcode\":0,\"errmsg\":\"ok\",\"verify_id\":\"" USER_ID_KEY
		"\",\"expires_in\":3600}";
	fake_net.by_default[LOGIN] = "{\"openid\":\"" USER_OPENID "\",\"session_key\":\"never\"}";
	wx = wx_create(loop, NULL, &fake_store, keys, &fake_conf);
}

static inline void fake_stop(void)
{
	wx_destroy(wx);
	loop_destroy(loop);
	crypt_destroy(keys);
	clock_skew_ms = 0;
}

struct end_of_wait {
	struct timer timer;
	bool over;
};

static inline void on_end_of_wait(struct timer *timer)
{
	container_of(timer, struct end_of_wait, timer)->over = true;
	loop_stop(loop);
}

/* Runs the loop for some milliseconds, or until *done if that is not NULL. */
static inline void run_for(int ms, const bool *done)
{
	struct end_of_wait end = { .over = false };
	int64_t until = clock_boot_ms() - clock_skew_ms + ms;

	while ((done == NULL || !*done) && clock_boot_ms() - clock_skew_ms < until) {
		timer_init(loop, &end.timer, on_end_of_wait);
		timer_start(&end.timer, 2);
		loop_run(loop);
		timer_finish(&end.timer);
	}
}

/* Until it happens, for ten seconds at most. */
static inline void run_until(const bool *done)
{
	run_for(10000, done);
	ensure(*done);
}

#endif
