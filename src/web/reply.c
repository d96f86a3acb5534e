/* Answers: both dialects in JSON, the headers, and the end of the log line. */
#include "web/reply.h"
#include "base/clock.h"

#include <stdio.h>

enum { HEAD_MAX = 1024 };

const struct reason *web_reason(enum web_reason id)
{
#define REASON_ROW(id, status, word, zh, en) [id] = { status, word, zh, en },
	static const struct reason rows[WEB_REASON_NR] = { WEB_REASON_LIST(REASON_ROW) };
#undef REASON_ROW

	ensure(id < WEB_REASON_NR);
	return &rows[id];
}

/* Where asking again may help, a client is told when, in seconds. */
static int usual_wait(int status)
{
	switch (status) {
	case 202:
	case 429:
	case 502:
	case 503:
		return 2;
	default:
		return 0;
	}
}

struct json_out *reply_begin(struct req *r, const struct reason *why, const char *text)
{
	struct json_out *o = &r->reply.out;
	struct str message = str_of(text != NULL ? text : r->english ? why->en : why->zh);

	ensure(!r->reply.open);
	if (r->reply.retry_after == 0)
		r->reply.retry_after = usual_wait(why->status);
	r->reply.open = true;
	r->reply.status = why->status;
	r->reply.word = why->word;
	json_out_init(o);
	json_open_object(o, NULL);
	json_put_int(o, "ec", why->status);
	json_put_str(o, "em", message);
	json_put_int(o, "errcode", why->status == 200 ? 0 : why->status);
	json_put_str(o, "errmsg", message);
	json_put_str(o, "reason", str_of(why->word));
	if (r->reply.retry_after > 0)
		json_put_int(o, "retry_after", r->reply.retry_after);
	if (r->sandbox)
		json_put_bool(o, "sandbox", true);
	return o;
}

void reply_put_str(struct req *r, const char *snake, const char *camel, struct str value)
{
	json_put_str(&r->reply.out, snake, value);
	json_put_str(&r->reply.out, camel, value);
}

void reply_put_int(struct req *r, const char *snake, const char *camel, int64_t value)
{
	json_put_int(&r->reply.out, snake, value);
	json_put_int(&r->reply.out, camel, value);
}

/* The method as a word of ours: what a client made up does not get into the log. */
static const char *method_word(struct str method)
{
	static const char *const words[] = { "GET",    "POST",  "HEAD",  "OPTIONS", "PUT",
					     "DELETE", "PATCH", "TRACE", "CONNECT" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_is(method, words[i]))
			return words[i];
	return "other";
}

static void end_log(struct req *r)
{
	if (r->log == NULL)
		return;
	log_outside(r->log, "id", r->id);
	log_word(r->log, "method", method_word(r->method));
	log_int(r->log, "status", r->reply.status);
	log_word(r->log, "reason", r->reply.word);
	log_int(r->log, "ms", clock_boot_ms() - r->started);
	log_end(r->log);
}

/* Adds to the head; what would not fit is a bug of ours, as every value is bounded. */
static void PRINTF_LIKE(3, 4) put_line(char *head, size_t *len, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(head + *len, HEAD_MAX - *len, format, args);
	va_end(args);
	ensure(n >= 0 && (size_t)n < HEAD_MAX - *len);
	*len += (size_t)n;
}

/* The one exit: r is gone afterwards. */
static void finish(struct req *r, const char *content_type, struct str body)
{
	char head[HEAD_MAX];
	size_t len = 0;

	put_line(head, &len, "Status: %d\r\nContent-Type: %s\r\nContent-Length: %zu\r\n",
		 r->reply.status, content_type, body.len);
	put_line(head, &len, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n");
	if (r->id.len > 0)
		put_line(head, &len, "X-Request-Id: %.*s\r\n", (int)r->id.len, r->id.p);
	if (r->reply.retry_after > 0)
		put_line(head, &len, "Retry-After: %d\r\n", r->reply.retry_after);
	if (r->reply.allow != NULL)
		put_line(head, &len, "Allow: %s\r\n", r->reply.allow);
	put_line(head, &len, "\r\n");
	if (str_is(r->method, "HEAD"))
		body = STR_NONE;
	end_log(r);
	r->end(r, (struct str){ head, len }, body);
}

/* A member that is not UTF-8, or an answer too long: the client gets a plain 500. */
static struct str text_or_internal(struct req *r)
{
	struct str text;

	json_close_object(&r->reply.out);
	if (json_out_text(&r->reply.out, &text) == OK && text.len <= REPLY_MAX)
		return text;
	json_out_finish(&r->reply.out);
	r->reply.open = false;
	json_close_object(reply_begin(r, web_reason(REASON_INTERNAL), NULL));
	ensure(json_out_text(&r->reply.out, &text) == OK);
	return text;
}

void reply_send(struct req *r)
{
	ensure(r->reply.open);
	struct str text = text_or_internal(r);
	struct json_out out = r->reply.out; /* outlives r, as the text is in it */

	finish(r, "application/json; charset=utf-8", text);
	json_out_finish(&out);
}

void reply_reason(struct req *r, const struct reason *why, const char *hint)
{
	struct json_out *o = reply_begin(r, why, NULL);

	if (hint != NULL)
		json_put_str(o, "hint", str_of(hint));
	reply_send(r);
}

void reply_text(struct req *r, int status, const char *content_type, struct str body)
{
	ensure(!r->reply.open);
	if (body.len > REPLY_MAX) {
		reply_reason(r, web_reason(REASON_INTERNAL), NULL);
		return;
	}
	r->reply.status = status;
	r->reply.word = "text";
	finish(r, content_type, body);
}
