/*
 * answer.h - what the endpoints answer, in one shape.
 *
 * Whatever /verify and /session answer carries verified, identify_ret (0 passed, 1
 * not) and state, so that a client that looks at any one of them reads the same.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include "app_local.h"
#include "base/reason.h"
#include "wx/session.h"
#include "wx/verdict.h"

/*        id                 status  word                  for the user: zh, en */
#define ANSWER_LIST(X)                                                                         \
	X(ANSWER_NOT_LOGGED_IN, 401, "not_logged_in", "请先登录", "Please log in first.")      \
	X(ANSWER_NOT_SIGNED, 401, "not_signed", "请求签名有误", "The signature is not right.") \
	X(ANSWER_NO_SESSION, 404, "no_session", "核验不存在，请重新发起",                      \
	  "There is no such face check, please start again.")                                  \
	X(ANSWER_ASKING, 409, "in_progress", "正在确认结果，请稍候",                           \
	  "The result is being confirmed, please wait.")                                       \
	X(ANSWER_USED, 409, "used", "该核验已结束，请重新发起",                                \
	  "This face check has ended already, please start again.")                            \
	X(ANSWER_EXPIRED, 410, "expired", "核验已过期，请重新发起",                            \
	  "The face check has expired, please start again.")                                   \
	X(ANSWER_NO_IDENTITY, 403, "no_identity", "暂时无法为您发起核验，请联系客服",          \
	  "A face check cannot be started for you, please contact support.")                   \
	X(ANSWER_LOOKUP, 503, "lookup", "系统繁忙，请稍后再试",                                \
	  "The service is busy, please try again shortly.")                                    \
	X(ANSWER_BAD_FIELD, 400, "bad_field", "请求参数有误", "A field of the request is wrong.")

#define ANSWER_ENUM_ROW(id, status, word, zh, en) id,
enum answer { ANSWER_LIST(ANSWER_ENUM_ROW) ANSWER_NR };
#undef ANSWER_ENUM_ROW

const struct reason *answer_reason(enum answer id);

/* "The result is not there": verified false, with why, and what to do in hint. */
void answer_not_verified(struct req *r, const struct reason *why, const char *hint,
			 const char *state);

/* A session that has not ended: 202, or 410 when its time is over. */
void answer_open(struct req *r, enum session_state state);

/*
 * A session that has ended: 200 if it passed, 403 if not.  With `reveal_codes` the
 * client also gets WeChat's number and the text of its row.  A pass bears its receipt
 * where the app has keys for one; if that cannot be made it is 500, and no yes.
 */
void answer_ended(struct req *r, const struct conf_app *app, const struct session *s);

/* The same without the receipt, left open for more members; then reply_send(). */
struct json_out *answer_begin_ended(struct req *r, const struct conf_app *app,
				    const struct session *s);

/* The user's text of a row, in the request's language. */
const char *answer_text(const struct req *r, const char *zh, const char *en);

#endif
