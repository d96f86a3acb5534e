/*
 * A call with a token.
 *
 *   TOKEN --> POST --> DONE
 *     ^        | ^
 *     +refused-+ +- answer of a query lost: once more
 *
 * Asleep in TOKEN until there is one, in POST until WeChat answers.  Every way from
 * start to the end passes the loop once, so done() never fires inside start.
 */
#include "call.h"
#include "base/clock.h"
#include "wx/codes.h"

enum { TOKEN, POST, ENDED, STATE_NR };
enum { RID_GROUP_MAX = 8 };

static const struct flow_def call_def[STATE_NR] = {
	[TOKEN] = { "token", TO(POST) | TO(ENDED) },
	[POST] = { "post", TO(TOKEN) | TO(POST) | TO(ENDED) },
	[ENDED] = { "ended", 0 },
};

static void call_step(struct wx_call *c);

static struct token *token_of(struct wx *wx, const struct conf_app *app)
{
	return wx->tokens[app - wx->conf->apps];
}

static unsigned *in_flight_of(const struct wx_call *c)
{
	return &c->wx->in_flight[c->app - c->wx->conf->apps];
}

/*
 * "... rid: 5f5e1a2b-0c3d4e5f-66778899".  As it gets into logs and audit: with a longer
 * group of digits it is none, but could be a hash or an ID number.
 */
static void find_rid(struct str errmsg, char rid[WX_RID_MAX])
{
	static const char mark[] = "rid: ";
	const char *p = memmem(errmsg.p, errmsg.len, mark, sizeof mark - 1);
	size_t n = 0, group = 0;

	rid[0] = '\0';
	if (p == NULL)
		return;
	p += sizeof mark - 1;
	while (p + n < errmsg.p + errmsg.len && n < WX_RID_MAX - 1 &&
	       str_only((struct str){ p + n, 1 }, "0123456789abcdefABCDEF-")) {
		group = p[n++] == '-' ? 0 : group + 1;
		if (group > RID_GROUP_MAX)
			return;
	}
	memcpy(rid, p, n);
	rid[n] = '\0';
}

bool wx_read_answer(struct arena *a, struct str answer, const struct json **ret_root,
		    int64_t *ret_errcode, char rid[WX_RID_MAX])
{
	struct json_error error;
	struct json *root;

	rid[0] = '\0';
	*ret_errcode = 0;
	*ret_root = NULL;
	if (json_parse(a, answer, 0, &root, &error) != OK || root->type != JSON_OBJECT)
		return false;
	const struct json *errcode = json_get_type(root, "errcode", JSON_INT);
	const struct json *errmsg = json_get_type(root, "errmsg", JSON_STRING);
	if (errmsg != NULL)
		find_rid(errmsg->str, rid);
	if (errcode != NULL)
		*ret_errcode = errcode->num;
	*ret_root = root;
	return true;
}

void wx_call_begin(struct wx *wx, struct wx_call *c, struct arena *a, const struct conf_app *app,
		   const char *path)
{
	*c = (struct wx_call){
		.wx = wx,
		.arena = a,
		.app = app,
		.path = path,
		.flow = { call_def, TOKEN },
		.token = token_of(wx, app),
	};
	json_out_init(&c->body);
	json_open_object(&c->body, NULL);
}

static void fail(struct wx_call *c, enum err err, enum wx_class class, const char *word)
{
	c->err = err;
	c->class = class;
	c->word = word;
}

/* False when the request's memory is used up. */
static bool write_url(struct wx_call *c)
{
	c->url = arena_printf(c->arena, "%s%s?access_token=%s", c->wx->conf->wechat.host, c->path,
			      c->get.value);
	return c->url.p != NULL;
}

/* The words that operators find in the log when there was no answer to judge. */
static void fail_http(struct wx_call *c, enum err err)
{
	switch (err) {
	case ERR_CONNECT:
		fail(c, err, CLASS_RETRY, "wechat_unreachable");
		break;
	case ERR_FULL:
		fail(c, err, CLASS_RETRY, "calls_full");
		break;
	case ERR_TIMEOUT:
		fail(c, err, CLASS_RETRY, "wechat_timeout");
		break;
	case ERR_TLS:
		fail(c, err, CLASS_CONFIG, "wechat_tls");
		break;
	case ERR_LOST:
		fail(c, err, CLASS_UPSTREAM, "answer_lost");
		break;
	default:
		fail(c, err, CLASS_UPSTREAM, "answer_unusable");
	}
}

static void fail_token(struct wx_call *c)
{
	const struct wx_code *code = wx_code(WX_ERRCODE, c->get.errcode);

	c->errcode = c->get.errcode;
	if (c->get.err == ERR_REFUSED && c->get.errcode != 0)
		fail(c, ERR_REFUSED, code->class == CLASS_RETRY ? CLASS_CONFIG : code->class,
		     code->word);
	else if (c->get.err == ERR_BUSY)
		fail(c, ERR_BUSY, CLASS_RETRY, "store_busy");
	else
		fail(c, c->get.err, CLASS_RETRY, "no_access_token");
}

static void on_token(struct token_get *g)
{
	call_step(container_of(g, struct wx_call, get));
}

static void on_http(struct http_call *h)
{
	call_step(container_of(h, struct wx_call, http));
}

static void post(struct wx_call *c)
{
	c->http = (struct http_call){
		.url = secret_of(c->url),
		.post = true,
		.body = secret_of(c->text),
		/* An open call's answer is bound later, by what the query compares. */
		.unbound = c->repeatable,
		.sign = c->sign,
	};
	++*in_flight_of(c);
	http_start(c->wx->http, &c->http, on_http);
}

static bool token_refused(int64_t errcode)
{
	return errcode == 40001 || errcode == 40014 || errcode == 42001;
}

/* An answer: to be judged, unless it only says that the token is not good any more. */
static unsigned read_answer(struct wx_call *c)
{
	arena_finish(&c->answer);
	arena_init(&c->answer, WX_ANSWER_ARENA);
	wx_read_answer(&c->answer, c->http.answer, &c->root, &c->errcode, c->rid);
	if (!token_refused(c->errcode) || c->refused)
		return ENDED;
	c->refused = true;
	c->get.another = true;
	return TOKEN;
}

/* No answer: a query may be asked again once, an open call never. */
static unsigned miss_answer(struct wx_call *c)
{
	enum err err = c->http.err;

	if ((err == ERR_LOST || err == ERR_CONNECT) && c->repeatable && !c->repeated) {
		c->repeated = true;
		return POST;
	}
	fail_http(c, err);
	return ENDED;
}

static bool may_have_been_sent(enum err err)
{
	return err != ERR_CONNECT && err != ERR_FULL && err != ERR_TLS;
}

static unsigned take_answer(struct wx_call *c)
{
	unsigned next = ENDED;

	--*in_flight_of(c);
	c->ms += c->http.ms;
	c->sent = c->sent || may_have_been_sent(c->http.err);
	wx_breaker_report(c->wx, &c->http);
	if (c->http.err != OK)
		next = miss_answer(c);
	else if (c->http.status == 200)
		next = read_answer(c);
	else
		fail(c, ERR_SYNTAX, CLASS_UPSTREAM, "http_status");
	http_call_finish(&c->http);
	return next;
}

static unsigned on_got_token(struct wx_call *c)
{
	if (c->get.err != OK) {
		fail_token(c);
		return ENDED;
	}
	if (!write_url(c)) {
		fail(c, ERR_NOMEM, CLASS_RETRY, "no_memory");
		return ENDED;
	}
	if (c->app->in_flight > 0 && *in_flight_of(c) >= (unsigned)c->app->in_flight) {
		fail(c, ERR_BUSY, CLASS_RETRY, "app_in_flight");
		return ENDED;
	}
	/* Last: whom it lets through has to report back. */
	if (!wx_breaker_allows(c->wx)) {
		fail(c, ERR_BUSY, CLASS_RETRY, "breaker_open");
		return ENDED;
	}
	return POST;
}

static enum progress enter(struct wx_call *c)
{
	if (c->flow.state == TOKEN)
		return token_get(c->token, &c->get, on_token);
	post(c);
	return WAIT;
}

static void call_step(struct wx_call *c)
{
	do {
		flow_move(&c->flow, c->flow.state == TOKEN ? on_got_token(c) : take_answer(c));
		if (c->flow.state == ENDED) {
			c->done(c); /* frees c: touch nothing after this */
			return;
		}
	} while (enter(c) == DONE);
}

static void on_begin(struct task *task)
{
	struct wx_call *c = container_of(task, struct wx_call, begin);

	c->get.deadline = clock_boot_ms() + c->wx->conf->wechat.total_ms;
	if (enter(c) == DONE)
		call_step(c);
}

void wx_call_start(struct wx_call *c, void (*done)(struct wx_call *))
{
	json_close_object(&c->body);
	ensure(json_out_text(&c->body, &c->text) == OK);
	c->done = done;
	loop_defer(c->wx->loop, &c->begin, on_begin);
}

void wx_call_finish(struct wx_call *c)
{
	json_out_finish(&c->body);
	arena_finish(&c->answer);
	http_call_finish(&c->http);
	token_get_finish(&c->get);
	if (c->url.p != NULL) {
		struct secret url = secret_of(c->url);
		secret_wipe(&url);
	}
}
