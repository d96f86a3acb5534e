/*
 * verdict.h - the decision: does WeChat's answer say that this session passed?
 *
 * Pure: no clock, no store, no logging.  It sees the session as we issued it and
 * the answer as it was decoded, and says yes only if every check holds.  Of the members
 * that a verdict rests on, one that is missing, of a wrong type or different is not a yes;
 * nor is a number that we do not know.  All other members are ignored, known or not, since
 * WeChat adds some without notice.  An answer that is no JSON by base/json_in.h, in which
 * any member stands twice, say, is unreadable.
 */
#ifndef WX_VERDICT_H
#define WX_VERDICT_H

#include "wx/session.h"

enum verdict_kind {
	VERDICT_NONE,    /* the answer decides nothing: the session stays as it is.  The
			  * first, so that a verdict nobody made is none */
	VERDICT_PASSED,  /* final */
	VERDICT_FAILED,  /* final */
	VERDICT_PENDING, /* ask again: the user has not finished */
};

struct verdict {
	enum verdict_kind kind;
	enum wx_class class;
	const char *word; /* static */
	int code;         /* WeChat's number, 0 if none */
};

/* How a member of an answer came. */
enum presence {
	ABSENT,
	WRONG_TYPE,
	PRESENT,
};

struct answer_int {
	enum presence is;
	int64_t n;
};

/* A text, as the keyed hash that is compared with the session's. */
struct answer_text {
	enum presence is;
	struct digest hash;
};

/* A decoded answer to a query, of either generation. */
struct wx_answer {
	bool unreadable;     /* no JSON object by our rules */
	bool other_question; /* 2.0: it repeats what we asked, and not as we asked it */
	struct answer_int errcode;
	struct answer_int ret;                            /* identify_ret or verify_ret */
	struct answer_text key, name_md5, id_md5, openid; /* 1.0 */
};

/*
 * 1.0 (getinfo).  Passed: errcode and identify_ret present, integers, 0; and
 * user_id_key, both MD5s and, if we know the caller's, openid equal what we issued.
 */
struct verdict verdict_1_0(const struct session *s, const struct wx_answer *a);

/*
 * 2.0 (queryverifyinfo).  Passed: errcode 0 and verify_ret 10000; and verify_id, out_seq_no,
 * cert_hash and openid, which need not be there, are ours if they are.
 */
struct verdict verdict_2_0(const struct session *s, const struct wx_answer *a);

/*
 * The part of a query's verdict that needs no session: is there an answer, and did
 * the call succeed?  VERDICT_PASSED here only means "go on and look at the rest".
 */
struct verdict verdict_of_call(const struct wx_answer *a);

#endif
