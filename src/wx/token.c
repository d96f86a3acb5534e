/*
 * The access token: one record in the store, one keeper an app in each worker.
 *
 *   IDLE --> READ --> LEASE --> CALL --> KEEP --> IDLE
 *              ^|       |        |        |
 *              |+> REST |        |        |    somebody else holds the lease: look again
 *              +--+-----+--------+--------+    somebody was faster: look again
 *
 * The keeper sleeps in READ, LEASE and KEEP until the store answers, in CALL until
 * WeChat does, and in REST for 50 ms.  When it comes back to IDLE everybody who
 * waits is told how it went.
 */
#include "token.h"
#include "base/clock.h"
#include "base/flow.h"
#include "base/json_in.h"
#include "base/json_out.h"
#include "base/log.h"
#include "base/mem.h"
#include "wx/codes.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

enum {
	LEASE_MS = 2000, /* how long a dead keeper holds the others up */
	RENEW_MS = 1000,
	REST_MS = 50,
	MARGIN_MS = 10000,  /* do not hand out what expires before it arrives */
	AGEING_MS = 300000, /* WeChat gives a new one in the last five minutes only */
	PAUSE_MS = 30000,   /* between two fetches while the old one is good */
	BACKOFF_MS = 1000,  /* after a refusal; doubled up to the most */
	BACKOFF_MOST_MS = 60000,
	FORCE_PAUSE_MS = 30000,
	FORCE_MOST = 20,
	DAY_MS = 86400000,
};

struct token_record {
	uint32_t layout, failures;
	int64_t fetched, expires; /* store's clock, ms; expires 0: there is none */
	int64_t lease_until, retry_at;
	int64_t errcode;           /* why there is none */
	int64_t forced, force_day; /* last force_refresh; start of the day it is counted in */
	uint32_t force_count, reserved;
	struct digest refused; /* the token WeChat did not want any more */
	unsigned char sealed[SEALED_SIZE(TOKEN_MAX + 1)];
};

static_assert(sizeof(struct token_record) == 104 + SEALED_SIZE(TOKEN_MAX + 1) + 3,
	      "another TOKEN_LAYOUT");

enum { IDLE, READ, LEASE, CALL, KEEP, REST, STATE_NR };

static const struct flow_def keeper_def[STATE_NR] = {
	[IDLE] = { "idle", TO(READ) },
	[READ] = { "read", TO(LEASE) | TO(REST) | TO(IDLE) },
	[LEASE] = { "lease", TO(CALL) | TO(READ) | TO(IDLE) },
	[CALL] = { "call", TO(KEEP) | TO(CALL) },
	[KEEP] = { "keep", TO(READ) | TO(IDLE) },
	[REST] = { "rest", TO(READ) },
};

struct token {
	struct wx *wx;
	const struct conf_app *app;
	struct digest key;       /* in the store */
	struct flow flow;        /* the keeper */
	struct list waiters;     /* token_get.link */
	struct store_op op;      /* READ, LEASE, KEEP */
	struct store_op renewal; /* CALL */
	bool renewing, answered; /* a renewal is under way; the call ended meanwhile */
	bool force, same;        /* CALL: a force_refresh; the refused one came, and force may help */
	struct http_call http;
	struct timer timer;      /* CALL: renew the lease; REST: look again */
	struct task start;       /* wakes the keeper when nobody is inside token_get() */
	struct token_record rec; /* as read, or as it will be written */
	struct digest unwanted;  /* the last token that a request came back with */
	enum err err;            /* how it ended */
};

static void keeper_step(struct token *t);

/* --- the record ---------------------------------------------------------- */

static struct str seal_context(const struct token *t)
{
	return str_of(t->app->appid);
}

static bool record_read(const struct store_op *op, struct token_record *ret)
{
	if (op->err != OK || op->len != sizeof *ret)
		return false;
	memcpy(ret, op->value, sizeof *ret);
	return ret->layout == TOKEN_LAYOUT;
}

static void record_write(const struct token *t, struct store_op *op)
{
	op->kind = STORE_TOKEN;
	op->key = t->key;
	op->len = sizeof t->rec;
	op->expires = store_now(t->wx->store) + DAY_MS;
	memcpy(op->value, &t->rec, sizeof t->rec);
}

static struct digest token_hash(const struct token *t, const char *value)
{
	struct str s = str_of(value);

	return crypt_hmac(t->wx->crypt, "access-token", &s, 1);
}

static bool unseal(const struct token *t, const struct token_record *rec, char *dst)
{
	return crypt_open(t->wx->crypt, seal_context(t), rec->sealed, sizeof rec->sealed, dst) ==
		       OK &&
	       memchr(dst, '\0', TOKEN_MAX + 1) != NULL;
}

static bool usable(const struct token_record *rec, int64_t now)
{
	return rec->expires > now + MARGIN_MS;
}

static bool ageing(const struct token_record *rec, int64_t now)
{
	return rec->expires - AGEING_MS < now && rec->fetched + PAUSE_MS < now;
}

static bool resting(const struct token_record *rec, int64_t now)
{
	return rec->retry_at > now;
}

/* --- telling those who wait ----------------------------------------------- */

static void get_end(struct token_get *g, enum err err)
{
	g->err = err;
	if (err == OK && !unseal(g->token, &g->token->rec, g->value))
		g->err = ERR_REFUSED;
	g->errcode = g->err == ERR_REFUSED ? g->token->rec.errcode : 0;
}

static void tell_waiters(struct token *t)
{
	struct list told;
	struct list *link;

	list_init(&told);
	while ((link = list_take(&t->waiters)) != NULL)
		list_add(&told, link);
	while ((link = list_take(&told)) != NULL) {
		struct token_get *g = container_of(link, struct token_get, link);
		get_end(g, t->err);
		g->done(g);
	}
}

/* Those whose time is over need not wait for the keeper. */
static void tell_late(struct token *t)
{
	int64_t now = clock_boot_ms();
	struct list *link = t->waiters.next;

	while (link != &t->waiters) {
		struct token_get *g = container_of(link, struct token_get, link);
		link = link->next;
		if (g->deadline > now)
			continue;
		list_remove(&g->link);
		get_end(g, ERR_TIMEOUT);
		g->done(g);
		link = t->waiters.next; /* the list may have changed */
	}
}

/* --- asking WeChat ---------------------------------------------------------- */

static bool may_force(const struct token_record *rec, int64_t now)
{
	bool same_day = now - rec->force_day < DAY_MS;

	return now - rec->forced >= FORCE_PAUSE_MS && (!same_day || rec->force_count < FORCE_MOST);
}

static void count_force(struct token_record *rec, int64_t now)
{
	if (rec->force_count == 0 || now - rec->force_day >= DAY_MS) {
		rec->force_day = now;
		rec->force_count = 0;
	}
	rec->force_count++;
	rec->forced = now;
}

static void on_answer(struct http_call *c)
{
	struct token *t = container_of(c, struct token, http);

	t->answered = true;
	if (!t->renewing)
		keeper_step(t);
}

static void call_start(struct token *t)
{
	struct json_out o;
	struct str body;
	char url[512];

	json_out_init(&o);
	json_open_object(&o, NULL);
	json_put_str(&o, "grant_type", STR("client_credential"));
	json_put_str(&o, "appid", str_of(t->app->appid));
	json_put_secret(&o, "secret", t->app->secret);
	if (t->force)
		json_put_bool(&o, "force_refresh", true);
	json_close_object(&o);
	ensure(json_out_text(&o, &body) == OK);
	snprintf(url, sizeof url, "%s/cgi-bin/stable_token", t->wx->conf->wechat.host);
	t->http = (struct http_call){
		.url = secret_of(str_of(url)),
		.post = true,
		.body = secret_of(body),
		.unbound = true,
	};
	t->answered = false;
	timer_start(&t->timer, RENEW_MS);
	http_start(t->wx->http, &t->http, on_answer);
	json_out_finish(&o);
}

static void refuse(struct token *t, int64_t errcode, const char *word, const char *hint,
		   struct str errmsg)
{
	struct token_record *rec = &t->rec;
	int64_t now = store_now(t->wx->store);
	int64_t wait = BACKOFF_MS << (rec->failures < 6 ? rec->failures : 6);
	struct log_line l;

	rec->failures++;
	rec->retry_at = now + (wait < BACKOFF_MOST_MS ? wait : BACKOFF_MOST_MS);
	rec->errcode = errcode;
	log_begin(&l, LOG_ERROR, "token_refused");
	log_word(&l, "app", t->app->appid);
	log_word(&l, "reason", word);
	log_int(&l, "errcode", errcode);
	if (secret_within(t->app->secret, errmsg))
		log_word(&l, "errmsg", "not shown: it repeats the AppSecret");
	else
		log_outside(&l, "errmsg", errmsg);
	log_word(&l, "hint", hint);
	log_int(&l, "retry_in_ms", rec->retry_at - now);
	log_end(&l);
}

static void refuse_errcode(struct token *t, const struct json *root, int64_t errcode)
{
	const struct wx_code *code = wx_code(WX_ERRCODE, errcode);
	const struct json *errmsg = json_get_type(root, "errmsg", JSON_STRING);

	refuse(t, errcode, code->word, code->hint, errmsg == NULL ? STR_NONE : errmsg->str);
}

static bool token_text(struct str s)
{
	return s.len > 0 && s.len <= TOKEN_MAX &&
	       str_only(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~");
}

/*
 * WeChat refuses a token in one place and gives it in another, and no new one may be had: it
 * is taken for good.  For a while no refusal of it is asked about again.
 */
static void trust(struct token *t, int64_t now)
{
	t->rec.retry_at = now + FORCE_PAUSE_MS;
	log_text(LOG_WARN, "token_disputed",
		 "%s: WeChat refused a call's access token and gives the same one again: going on "
		 "with it",
		 t->app->appid);
}

/* WeChat gave a token: new, or the one it refused a moment ago. */
static void accept(struct token *t, struct str value, int64_t seconds)
{
	struct token_record *rec = &t->rec;
	int64_t now = store_now(t->wx->store);
	char text[TOKEN_MAX + 1] = { 0 };

	memcpy(text, value.p, value.len);
	struct digest hash = token_hash(t, text);
	bool refused = digest_equal(&hash, &rec->refused);
	t->same = refused && !t->force && may_force(rec, now);
	if (t->same) {
		refuse(t, 40001, "same_token", "WeChat gave the token that it refused before",
		       STR_NONE);
	} else {
		rec->failures = 0;
		rec->retry_at = 0;
		rec->errcode = 0;
		rec->fetched = now;
		rec->expires = now + seconds * 1000;
		crypt_seal(t->wx->crypt, seal_context(t), text, sizeof text, rec->sealed);
		if (refused)
			trust(t, now);
	}
	explicit_bzero(text, sizeof text);
}

static void read_answer(struct token *t, const struct json *root)
{
	const struct json *errcode = json_get(root, "errcode");
	const struct json *value = json_get_type(root, "access_token", JSON_STRING);
	const struct json *seconds = json_get_type(root, "expires_in", JSON_INT);

	bool odd = errcode != NULL && errcode->type != JSON_INT;

	if (errcode != NULL && !odd && errcode->num != 0)
		refuse_errcode(t, root, errcode->num);
	else if (odd || value == NULL || !token_text(value->str) || seconds == NULL ||
		 seconds->num <= MARGIN_MS / 1000 || seconds->num > 86400)
		refuse(t, 0, "bad_answer", "WeChat's answer holds no usable access_token",
		       STR_NONE);
	else
		accept(t, value->str, seconds->num);
}

/* True if the answer was the refused token again and a force_refresh may help. */
static bool try_force(struct token *t)
{
	int64_t now = store_now(t->wx->store);

	if (t->force || !t->same || !may_force(&t->rec, now))
		return false;
	count_force(&t->rec, now);
	t->force = true;
	return true;
}

static void take_answer(struct token *t)
{
	struct arena arena;
	struct json *root = NULL;
	struct json_error error;

	t->same = false;
	arena_init(&arena, 4 * HTTP_ANSWER_MAX);
	wx_breaker_report(t->wx, &t->http);
	if (t->http.err != OK)
		refuse(t, 0, "no_answer", err_text(t->http.err), STR_NONE);
	else if (t->http.status != 200 ||
		 json_parse(&arena, t->http.answer, 0, &root, &error) != OK)
		refuse(t, 0, "bad_answer", "WeChat's answer is not HTTP 200 with JSON", STR_NONE);
	else
		read_answer(t, root);
	arena_finish(&arena);
	http_call_finish(&t->http);
}

/* --- the keeper ------------------------------------------------------------- */

static void on_store(struct store_op *op)
{
	keeper_step(container_of(op, struct token, op));
}

static void on_renewed(struct store_op *op)
{
	struct token *t = container_of(op, struct token, renewal);

	t->renewing = false;
	if (op->err == OK)
		t->op.version = op->version;
	if (t->answered)
		keeper_step(t);
}

static void renew_lease(struct token *t)
{
	t->rec.lease_until = store_now(t->wx->store) + LEASE_MS;
	record_write(t, &t->renewal);
	t->renewal.version = t->op.version;
	t->renewing = true;
	timer_start(&t->timer, RENEW_MS);
	if (store_put(t->wx->store, &t->renewal, on_renewed) == DONE)
		on_renewed(&t->renewal);
}

static void on_timer(struct timer *timer)
{
	struct token *t = container_of(timer, struct token, timer);

	tell_late(t);
	if (t->flow.state == CALL && !t->renewing)
		renew_lease(t);
	else if (t->flow.state == REST)
		keeper_step(t);
}

static enum progress read_record(struct token *t)
{
	t->op.kind = STORE_TOKEN;
	t->op.key = t->key;
	return store_get(t->wx->store, &t->op, on_store);
}

static enum progress write_record(struct token *t)
{
	record_write(t, &t->op);
	return store_put(t->wx->store, &t->op, on_store);
}

static bool is_unwanted(const struct token *t, const struct token_record *rec)
{
	char value[TOKEN_MAX + 1];
	bool same = false;

	if (rec->expires != 0 && unseal(t, rec, value)) {
		struct digest hash = token_hash(t, value);
		same = digest_equal(&hash, &t->unwanted);
	}
	explicit_bzero(value, sizeof value);
	return same;
}

/* Refused before its time: then somebody else refreshes the token of this appid. */
static void tell_replaced(const struct token *t, int64_t expires)
{
	int64_t left = (expires - store_now(t->wx->store)) / 1000;

	if (left > AGEING_MS / 1000)
		log_text(LOG_WARN, "token_replaced_early",
			 "%s: WeChat refused an access token %" PRId64 " s before its time: does "
			 "another system refresh the token of this appid?",
			 t->app->appid, left);
}

static unsigned keeper_end(struct token *t, enum err err)
{
	t->err = err;
	return IDLE;
}

/* The record as it is in the store, or an empty one. */
static void take_record(struct token *t)
{
	if (record_read(&t->op, &t->rec))
		return;
	t->rec = (struct token_record){ .layout = TOKEN_LAYOUT };
	if (t->op.err != OK)
		t->op.version = 0;
}

/* Is the token that came back one that WeChat has given again meanwhile? */
static bool is_trusted(const struct token *t, const struct token_record *rec, int64_t now)
{
	return resting(rec, now) && digest_equal(&rec->refused, &t->unwanted);
}

/* What the record asks for: a fetch, a rest because somebody else fetches, or nothing. */
static unsigned on_read(struct token *t)
{
	int64_t now = store_now(t->wx->store), expires;

	if (t->op.err != OK && t->op.err != ERR_NOT_FOUND)
		return keeper_end(t, ERR_BUSY);
	take_record(t);
	expires = t->rec.expires;
	bool dropped = is_unwanted(t, &t->rec) && !is_trusted(t, &t->rec, now);
	if (dropped) {
		t->rec.refused = t->unwanted;
		t->rec.expires = 0;
	}
	bool good = usable(&t->rec, now), leased = t->rec.lease_until > now;
	if (good && (leased || resting(&t->rec, now) || !ageing(&t->rec, now)))
		return keeper_end(t, OK);
	if (resting(&t->rec, now))
		return keeper_end(t, ERR_REFUSED);
	if (leased)
		return REST;
	if (dropped)
		tell_replaced(t, expires);
	t->rec.lease_until = now + LEASE_MS;
	return LEASE;
}

static unsigned on_lease(struct token *t)
{
	if (t->op.err == ERR_CONFLICT)
		return READ;
	if (t->op.err != OK)
		return keeper_end(t, ERR_BUSY);
	t->force = false;
	return CALL;
}

static unsigned on_called(struct token *t)
{
	take_answer(t);
	if (try_force(t))
		return CALL;
	t->rec.lease_until = 0;
	return KEEP;
}

static unsigned on_keep(struct token *t)
{
	if (t->op.err == ERR_CONFLICT)
		return READ;
	return keeper_end(t, usable(&t->rec, store_now(t->wx->store)) ? OK : ERR_REFUSED);
}

/* What entering a state starts. */
static enum progress enter(struct token *t)
{
	switch (t->flow.state) {
	case READ:
		return read_record(t);
	case CALL:
		call_start(t);
		return WAIT;
	case REST:
		timer_start(&t->timer, REST_MS);
		return WAIT;
	default: /* LEASE, KEEP */
		return write_record(t);
	}
}

/* What the state has found says where to go. */
static unsigned leave(struct token *t)
{
	switch (t->flow.state) {
	case READ:
		return on_read(t);
	case LEASE:
		return on_lease(t);
	case CALL:
		return on_called(t);
	case KEEP:
		return on_keep(t);
	default: /* IDLE, REST */
		return READ;
	}
}

static void keeper_step(struct token *t)
{
	do {
		flow_move(&t->flow, leave(t));
		if (t->flow.state == IDLE) {
			timer_stop(&t->timer);
			tell_waiters(t);
			return;
		}
	} while (enter(t) == DONE);
}

static void on_start(struct task *task)
{
	struct token *t = container_of(task, struct token, start);

	if (t->flow.state == IDLE)
		keeper_step(t);
}

static void keeper_start(struct token *t)
{
	if (t->flow.state == IDLE && list_empty(&t->start.link))
		loop_defer(t->wx->loop, &t->start, on_start);
}

/* --- for others --------------------------------------------------------------- */

struct token *token_create(struct wx *wx, const struct conf_app *app)
{
	struct token *t = mem_calloc(1, sizeof *t);
	struct str appid = str_of(app->appid);

	t->wx = wx;
	t->app = app;
	t->flow.def = keeper_def;
	t->key = crypt_hmac(wx->crypt, "token-key", &appid, 1);
	list_init(&t->waiters);
	list_init(&t->start.link);
	timer_init(wx->loop, &t->timer, on_timer);
	return t;
}

void token_destroy(struct token *t)
{
	if (t == NULL)
		return;
	t->err = ERR_TIMEOUT;
	tell_waiters(t); /* a worker may stop before its first token has come */
	list_remove(&t->start.link);
	if (t->flow.state == CALL)
		http_cancel(&t->http);
	http_call_finish(&t->http);
	timer_finish(&t->timer);
	mem_free(t);
}

/* Is what was read good enough for this one?  Starts the keeper where it is needed. */
static enum progress get_look(struct token_get *g)
{
	struct token *t = g->token;
	int64_t now = store_now(t->wx->store);
	struct token_record rec;

	bool read = record_read(&g->op, &rec);
	if (read && usable(&rec, now) && unseal(t, &rec, g->value) &&
	    !(g->another && is_unwanted(t, &rec))) {
		g->err = OK;
		if (ageing(&rec, now) && !resting(&rec, now) && rec.lease_until <= now)
			keeper_start(t);
		return DONE;
	}
	list_add(&t->waiters, &g->link);
	keeper_start(t);
	return WAIT;
}

static void on_get(struct store_op *op)
{
	struct token_get *g = container_of(op, struct token_get, op);

	if (get_look(g) == DONE)
		g->done(g);
}

enum progress token_get(struct token *t, struct token_get *g, void (*done)(struct token_get *))
{
	g->token = t;
	g->done = done;
	list_init(&g->link);
	if (g->another)
		t->unwanted = token_hash(t, g->value);
	g->op.kind = STORE_TOKEN;
	g->op.key = t->key;
	if (store_get(t->wx->store, &g->op, on_get) == WAIT)
		return WAIT;
	return get_look(g);
}

void token_get_finish(struct token_get *g)
{
	if (g->link.next != NULL)
		list_remove(&g->link);
	explicit_bzero(g->value, sizeof g->value);
}
