/*
 * codes.h - every number WeChat or the phone can answer, and what it means.
 *
 * One table for errcode, identify_ret (1.0), verify_ret (2.0) and the errCode of
 * the phone's callback.  A client is told the class, so that the answer is no
 * oracle on "is this ID number real?"; the row's own texts are for /cancel (the
 * phone already knows) and for apps with `reveal_codes`.  A number that is not in
 * the table is never a pass.
 */
#ifndef WX_CODES_H
#define WX_CODES_H

#include "base/reason.h"

#include <stdint.h>

/* The first, which a zeroed struct holds, is no yes. */
/*        id                status  word             for the user: zh, en */
#define WX_CLASS_LIST(X)                                                                        \
	X(CLASS_UPSTREAM, 502, "upstream", "暂时无法确认结果，请稍后再试",                      \
	  "The result cannot be confirmed at present, please try again.")                       \
	X(CLASS_PASSED, 200, "passed", "核验通过", "Verified.")                                 \
	X(CLASS_PENDING, 202, "pending", "核验尚未完成，请稍候",                                \
	  "The face check is not finished yet.")                                                \
	X(CLASS_CANCELLED, 403, "cancelled", "您已取消核验", "You cancelled the face check.")   \
	X(CLASS_DEVICE, 403, "device", "当前设备或权限无法完成核验",                            \
	  "This device or its permissions do not allow the face check.")                        \
	X(CLASS_RETRY, 503, "retry", "系统繁忙，请稍后再试",                                    \
	  "The service is busy, please try again shortly.")                                     \
	X(CLASS_START_AGAIN, 403, "start_again", "核验未完成，请重新发起",                      \
	  "The face check did not succeed, please start again.")                                \
	X(CLASS_IDENTITY, 403, "identity", "身份核验未通过", "The identity was not confirmed.") \
	X(CLASS_LIMITED, 429, "limited", "核验过于频繁，请稍后再试",                            \
	  "Too many face checks, please try again later.")                                      \
	X(CLASS_CONFIG, 503, "configuration", "服务暂不可用，请稍后再试",                       \
	  "The service is not available at present.")

#define WX_CLASS_ENUM_ROW(id, status, word, zh, en) id,
enum wx_class { WX_CLASS_LIST(WX_CLASS_ENUM_ROW) WX_CLASS_NR };
#undef WX_CLASS_ENUM_ROW

const struct reason *wx_class_reason(enum wx_class class);

/* Where a number was found; a row may hold for several. */
enum wx_family {
	WX_ERRCODE = 1,
	WX_IDENTIFY_RET = 2,
	WX_VERIFY_RET = 4,
	WX_CALLBACK = 8,
};

struct wx_code {
	unsigned families;
	int code;
	const char *word; /* stable, for logs and audit */
	enum wx_class class;
	const char *zh, *en; /* for the user */
	const char *hint;    /* for the operator */
};

/* Never NULL: an unknown number gets the row "unknown" of its family. */
const struct wx_code *wx_code(enum wx_family family, int64_t code);

/* The n-th row, for tests and listings; NULL behind the last. */
const struct wx_code *wx_code_at(unsigned n);

#endif
