/* The one shape of answers about a face check. */
#include "answer.h"
#include "base/clock.h"
#include "web/reply.h"
#include "wx/receipt.h"

const struct reason *answer_reason(enum answer id)
{
#define ANSWER_ROW(id, status, word, zh, en) [id] = { status, word, zh, en },
	static const struct reason reasons[ANSWER_NR] = { ANSWER_LIST(ANSWER_ROW) };
#undef ANSWER_ROW

	return &reasons[id];
}

const char *answer_text(const struct req *r, const char *zh, const char *en)
{
	return r->english ? en : zh;
}

static void put_result(struct req *r, bool verified, const char *state)
{
	json_put_bool(&r->reply.out, "verified", verified);
	reply_put_int(r, "identify_ret", "identifyRet", verified ? 0 : 1);
	json_put_str(&r->reply.out, "state", str_of(state));
}

void answer_not_verified(struct req *r, const struct reason *why, const char *hint,
			 const char *state)
{
	struct json_out *o = reply_begin(r, why, NULL);

	put_result(r, false, state);
	if (hint != NULL)
		json_put_str(o, "hint", str_of(hint));
	reply_send(r);
}

static enum wx_family result_family(const struct session *s)
{
	return s->rec.protocol == PROTOCOL_1_0 ? WX_IDENTIFY_RET : WX_VERIFY_RET;
}

/*
 * However it failed, it failed: a word that elsewhere means "ask again" would send a
 * client round in circles.
 */
static enum wx_class final_class(enum wx_class class)
{
	switch (class) {
	case CLASS_PASSED:
	case CLASS_IDENTITY:
	case CLASS_DEVICE:
	case CLASS_CANCELLED:
		return class;
	default:
		return CLASS_START_AGAIN;
	}
}

void answer_open(struct req *r, enum session_state state)
{
	bool expired = state == SESSION_EXPIRED;

	answer_not_verified(
		r, expired ? answer_reason(ANSWER_EXPIRED) : wx_class_reason(CLASS_PENDING), NULL,
		session_state_name(state));
}

struct json_out *answer_begin_ended(struct req *r, const struct conf_app *app,
				    const struct session *s)
{
	bool passed = s->rec.state == SESSION_PASSED;
	const struct wx_code *code = wx_code(result_family(s), s->rec.code);
	struct reason why = *wx_class_reason(final_class(s->rec.class));
	const char *text = NULL;

	if (!passed)
		why.status = 403;
	if (app->reveal_codes && s->rec.code != 0)
		text = answer_text(r, code->zh, code->en);
	struct json_out *o = reply_begin(r, &why, text);
	put_result(r, passed, session_state_name(s->rec.state));
	if (s->rec.source >= 0)
		json_put_int(o, "source", s->rec.source);
	if (app->reveal_codes)
		reply_put_int(r, "wechat_code", "wechatCode", s->rec.code);
	return o;
}

static enum err make_receipt(struct req *r, const struct conf_app *app, const struct session *s,
			     struct str *ret_jwt)
{
	struct wx *wx = app_of(r)->wx;
	const struct receipt with = { wx_crypt(wx), wx_conf(wx), app, clock_wall_ms() / 1000 };

	*ret_jwt = STR_NONE;
	return s->rec.state == SESSION_PASSED ? receipt_write(&with, s, &r->arena, ret_jwt) : OK;
}

void answer_ended(struct req *r, const struct conf_app *app, const struct session *s)
{
	struct str receipt;

	/* A yes that the business cannot check is none; asked again, it may be there. */
	if (make_receipt(r, app, s, &receipt) != OK) {
		answer_not_verified(r, web_reason(REASON_INTERNAL), "no receipt could be made",
				    "none");
		return;
	}
	struct json_out *o = answer_begin_ended(r, app, s);
	if (receipt.len > 0)
		json_put_str(o, "receipt", receipt);
	reply_send(r);
}
