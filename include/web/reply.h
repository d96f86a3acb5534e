/*
 * reply.h - the one way a request is answered.
 *
 * Every answer is a JSON object that speaks both dialects: `ec` (200 = fine) and
 * `em`, `errcode` (0 = fine) and `errmsg`, and `reason`, the word for programs.
 * The HTTP status is always `ec`.
 */
#ifndef WEB_REPLY_H
#define WEB_REPLY_H

#include "base/reason.h"
#include "web/request.h"

/* The longest body of an answer, in bytes; a longer one is answered with 500. */
enum { REPLY_MAX = 64 * 1024 };

/* What can be wrong with a request before it means anything. */
/*        id                    status  word                   for the user: zh, en                */
#define WEB_REASON_LIST(X)                                                                         \
	X(REASON_OK,            200, "ok",                 "成功", "OK")                            \
	X(REASON_BAD_REQUEST,   400, "bad_request",        "请求格式有误", "The request is malformed.") \
	X(REASON_NOT_FOUND,     404, "not_found",          "没有这个接口", "There is no such endpoint.") \
	X(REASON_METHOD,        405, "method_not_allowed", "请求方法有误", "The request method is wrong.") \
	X(REASON_BODY_TOO_LARGE, 413, "body_too_large",    "请求内容过长", "The request body is too large.") \
	X(REASON_MEDIA_TYPE,    415, "unsupported_type",   "请求类型不支持", "The content type is not supported.") \
	X(REASON_HEADER_TOO_LARGE, 431, "header_too_large", "请求头过长", "The request headers are too large.") \
	X(REASON_BUSY,          503, "busy",               "系统繁忙，请稍后再试", "The service is busy, please try again shortly.") \
	X(REASON_INTERNAL,      500, "internal",           "系统错误，请稍后再试", "Something went wrong, please try again.")

#define REASON_ENUM_ROW(id, status, word, zh, en) id,
enum web_reason { WEB_REASON_LIST(REASON_ENUM_ROW) WEB_REASON_NR };
#undef REASON_ENUM_ROW

const struct reason *web_reason(enum web_reason id);

/*
 * Before any of these, r->reply.allow and r->reply.retry_after (seconds; where
 * asking again may help there is a usual value) may be set.  They become the headers
 * Allow and Retry-After, the latter also the member retry_after, as a mini program
 * looks at the body only.
 */

/*
 * Starts the answer: ec, em, errcode, errmsg, reason.  text replaces the row's
 * user message unless NULL.  Returns the open JSON object for more members; then
 * reply_send() ends the request.  r is gone afterwards: touch nothing.
 */
struct json_out *reply_begin(struct req *r, const struct reason *why, const char *text);
void             reply_send(struct req *r);

/* Both spellings of one member: "user_id_key" and "userIdKey". */
void reply_put_str(struct req *r, const char *snake, const char *camel, struct str value);
void reply_put_int(struct req *r, const char *snake, const char *camel, int64_t value);

/*
 * A whole answer.  hint, when not NULL, says to the client developer (in English)
 * what to do instead; it never repeats a value that was sent.
 */
void reply_reason(struct req *r, const struct reason *why, const char *hint);

/* Reply of another type (metrics, status pages). */
void reply_text(struct req *r, int status, const char *content_type, struct str body);

#endif
