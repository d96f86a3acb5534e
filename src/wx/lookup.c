/* One signed question to the business's server, and a strict look at its answer. */
#include "wx/lookup.h"
#include "base/json_in.h"
#include "call.h"
#include "wx_local.h"

static void fail(struct wx_lookup *op, enum err err, const char *word)
{
	op->err = err;
	op->word = word;
}

/* --- the answer ------------------------------------------------------------------ */

static bool is_reason(struct str s)
{
	return s.len > 0 && s.len <= LOOKUP_REASON_MAX &&
	       str_only(s, "abcdefghijklmnopqrstuvwxyz0123456789_");
}

/* It is shown to the user: no controls, and not too long. */
static bool is_message(struct str s)
{
	size_t pos = 0;

	if (s.len > LOOKUP_MESSAGE_MAX)
		return false;
	while (pos < s.len) {
		int32_t rune = str_next_rune(s, &pos);
		if (rune < 0x20 || (rune >= 0x7F && rune < 0xA0) || rune == 0x2028 ||
		    rune == 0x2029)
			return false;
	}
	return true;
}

static void take_refusal(struct wx_lookup *op, const struct json *reason,
			 const struct json *message)
{
	if (reason->type != JSON_STRING || !is_reason(reason->str)) {
		fail(op, ERR_SYNTAX, "lookup_reason");
		return;
	}
	if (message != NULL && (message->type != JSON_STRING || !is_message(message->str))) {
		fail(op, ERR_SYNTAX, "lookup_message");
		return;
	}
	op->reason = arena_str(op->arena, reason->str);
	if (message != NULL && message->str.len > 0)
		op->message = arena_str(op->arena, message->str);
	if (arena_failed(op->arena))
		fail(op, ERR_NOMEM, "no_memory");
	else
		fail(op, ERR_REFUSED, "lookup_refused");
}

static void take_identity(struct wx_lookup *op, const struct json *root)
{
	const struct json *name = json_get_type(root, "name", JSON_STRING);
	const struct json *number = json_get_type(root, "id_card_number", JSON_STRING);

	if (name == NULL || number == NULL) {
		fail(op, ERR_SYNTAX, "lookup_answer");
		return;
	}
	const struct reason *flaw =
		identity_read(op->arena, name->str, number->str, identity_today(), &op->id);
	if (flaw != NULL) {
		fail(op, ERR_SYNTAX, flaw->word);
	} else if (arena_failed(op->arena)) { /* half of it, or nothing, is there */
		identity_wipe(&op->id);
		fail(op, ERR_NOMEM, "no_memory");
	}
}

static void read_answer(struct wx_lookup *op, int status, const struct json *root)
{
	const struct json *reason = json_get(root, "reason");

	if (root->type != JSON_OBJECT)
		fail(op, ERR_SYNTAX, "lookup_answer");
	else if (reason != NULL)
		take_refusal(op, reason, json_get(root, "message"));
	else if (status == 200)
		take_identity(op, root);
	else
		fail(op, ERR_SYNTAX, "lookup_status");
}

static bool status_speaks(int status)
{
	return status == 200 || (status >= 400 && status < 500);
}

static void on_http(struct http_call *c)
{
	struct wx_lookup *op = container_of(c, struct wx_lookup, http);
	struct json_error error;
	struct json *root;
	struct arena answer;

	arena_init(&answer, WX_ANSWER_ARENA);
	op->ms = c->ms;
	if (c->err != OK)
		fail(op, c->err, "lookup_no_answer");
	else if (!status_speaks(c->status))
		fail(op, ERR_SYNTAX, "lookup_status");
	else if (json_parse(&answer, c->answer, 0, &root, &error) != OK)
		fail(op, ERR_SYNTAX, "lookup_answer");
	else
		read_answer(op, c->status, root);
	arena_finish(&answer);
	http_call_finish(c);
	json_out_finish(&op->body);
	op->done(op);
}

/* --- the question ------------------------------------------------------------------ */

static struct str write_body(struct wx_lookup *op)
{
	struct json_out *o = &op->body;
	struct str text;

	json_out_init(o);
	json_open_object(o, NULL);
	json_put_str(o, "appid", str_of(op->app->appid));
	if (op->openid.len > 0)
		json_put_str(o, "openid", op->openid);
	if (op->caller.len > 0)
		json_put_str(o, "caller", op->caller);
	if (op->source >= 0)
		json_put_int(o, "source", op->source);
	json_close_object(o);
	return json_out_text(o, &text) == OK ? text : STR_NONE;
}

static bool write_headers(struct wx_lookup *op, const struct sign *s)
{
	const struct {
		const char *name;
		struct str value;
	} rows[] = {
		{ "X-Benren-Timestamp", s->timestamp },
		{ "X-Benren-Nonce", s->nonce },
		{ "X-Benren-Signature", s->signature },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		op->headers[i] = arena_printf(op->arena, "%s: %.*s", rows[i].name,
					      (int)rows[i].value.len, rows[i].value.p)
					 .p;
	return !arena_failed(op->arena);
}

static void on_start(struct task *task)
{
	struct wx_lookup *op = container_of(task, struct wx_lookup, start);
	struct str body = write_body(op);
	struct sign s = sign_make(op->arena, op->app->business_secret, "identity", body);

	/* a caller that is not UTF-8 cannot be asked about */
	if (body.len == 0 || arena_failed(op->arena) || !write_headers(op, &s)) {
		fail(op, ERR_NOMEM, body.len == 0 ? "lookup_caller" : "no_memory");
		json_out_finish(&op->body);
		op->done(op);
		return;
	}
	op->http = (struct http_call){
		.url = secret_of(str_of(op->wx->conf->identity.lookup_url)),
		.post = true,
		.body = secret_of(body),
		.headers = op->headers,
		.unbound = true,
	};
	http_start(op->wx->lookup, &op->http, on_http);
}

void wx_lookup(struct wx *wx, struct wx_lookup *op, struct arena *a,
	       void (*done)(struct wx_lookup *))
{
	op->wx = wx;
	op->arena = a;
	op->done = done;
	op->err = OK;
	loop_defer(wx->loop, &op->start, on_start);
}
