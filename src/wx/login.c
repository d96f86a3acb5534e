/* jscode2session: who is it? */
#include "wx/login.h"
#include "call.h"
#include "wx_local.h"

enum { CODE_MAX = 128 };

static const char word_characters[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void fail(struct wx_login *op, enum err err, enum wx_class class, const char *word)
{
	op->err = err;
	op->class = class;
	op->word = word;
}

static void refuse(struct wx_login *op, int64_t errcode)
{
	const struct wx_code *code = wx_code(WX_ERRCODE, errcode);

	op->errcode = errcode;
	fail(op, ERR_REFUSED, code->class, code->word);
}

static void read_openid(struct wx_login *op, const struct json *root)
{
	const struct json *errcode = json_get(root, "errcode");
	const struct json *openid = json_get_type(root, "openid", JSON_STRING);

	if (errcode != NULL && errcode->type != JSON_INT) {
		fail(op, ERR_SYNTAX, CLASS_UPSTREAM, "errcode_type");
	} else if (errcode != NULL && errcode->num != 0) {
		refuse(op, errcode->num);
	} else if (openid == NULL || openid->str.len == 0 || openid->str.len > OPENID_MAX ||
		   !str_only(openid->str, word_characters)) {
		fail(op, ERR_SYNTAX, CLASS_UPSTREAM, "openid_missing");
	} else {
		memcpy(op->openid, openid->str.p, openid->str.len);
		op->openid[openid->str.len] = '\0';
	}
}

static void on_http(struct http_call *c)
{
	struct wx_login *op = container_of(c, struct wx_login, http);
	const struct json *root;
	struct secret url = secret_of(op->url);
	struct arena answer;
	char rid[WX_RID_MAX];
	int64_t errcode;

	arena_init(&answer, WX_ANSWER_ARENA);
	op->ms = c->ms;
	wx_breaker_report(op->wx, c);
	if (c->err != OK)
		fail(op, c->err, CLASS_RETRY, "wechat_no_answer");
	else if (c->status != 200 || !wx_read_answer(&answer, c->answer, &root, &errcode, rid))
		fail(op, ERR_SYNTAX, CLASS_UPSTREAM, "answer_unusable");
	else
		read_openid(op, root);
	arena_finish(&answer);
	secret_wipe(&url);
	http_call_finish(c);
	op->done(op);
}

static void on_start(struct task *task)
{
	struct wx_login *op = container_of(task, struct wx_login, start);

	if (op->err != OK) {
		op->done(op);
		return;
	}
	if (!wx_breaker_allows(op->wx)) {
		fail(op, ERR_BUSY, CLASS_RETRY, "breaker_open");
		op->done(op);
		return;
	}
	op->http = (struct http_call){ .url = secret_of(op->url), .unbound = true };
	http_start(op->wx->http, &op->http, on_http);
}

void wx_login(struct wx *wx, struct wx_login *op, struct arena *a, const struct conf_app *app,
	      struct str code, void (*done)(struct wx_login *))
{
	*op = (struct wx_login){ .wx = wx, .done = done };
	if (code.len == 0 || code.len > CODE_MAX || !str_only(code, word_characters)) {
		refuse(op, 40029);
	} else {
		op->url = arena_printf(a,
				       "%s/sns/jscode2session?appid=%s&secret=%.*s&js_code=%.*s"
				       "&grant_type=authorization_code",
				       wx->conf->wechat.host, app->appid, (int)app->secret.len_,
				       app->secret.bytes_, (int)code.len, code.p);
		if (op->url.p == NULL)
			fail(op, ERR_NOMEM, CLASS_RETRY, "no_memory");
	}
	loop_defer(wx->loop, &op->start, on_start);
}
