/* The verdict.  Read this file first if you want to know whether to trust benren. */
#include "wx/verdict.h"

#include <limits.h>

static struct verdict unusable(const char *word)
{
	return (struct verdict){ VERDICT_NONE, CLASS_UPSTREAM, word, 0 };
}

static struct verdict failed(enum wx_class class, const char *word)
{
	return (struct verdict){ VERDICT_FAILED, class, word, 0 };
}

/* A number that no int holds is not shown, lest it be shown as another one. */
static int shown(int64_t n)
{
	return n >= INT_MIN && n <= INT_MAX ? (int)n : 0;
}

/* The call was refused: some numbers end the session, most say nothing about it. */
static struct verdict refused(int64_t errcode)
{
	const struct wx_code *c = wx_code(WX_ERRCODE, errcode);
	bool final = c->class == CLASS_START_AGAIN || c->class == CLASS_IDENTITY;

	return (struct verdict){ final ? VERDICT_FAILED : VERDICT_NONE, c->class, c->word,
				 shown(errcode) };
}

/* A result other than the pass of this generation. */
static struct verdict not_passed(enum wx_family family, int64_t ret)
{
	const struct wx_code *c = wx_code(family, ret);

	if (c->class == CLASS_PENDING)
		return (struct verdict){ VERDICT_PENDING, c->class, c->word, shown(ret) };
	return (struct verdict){ VERDICT_FAILED, c->class, c->word, shown(ret) };
}

struct verdict verdict_of_call(const struct wx_answer *a)
{
	if (a->unreadable)
		return unusable("unreadable_answer");
	if (a->errcode.is != PRESENT)
		return unusable(a->errcode.is == ABSENT ? "errcode_missing" : "errcode_type");
	if (a->errcode.n != 0)
		return refused(a->errcode.n);
	if (a->ret.is != PRESENT)
		return unusable(a->ret.is == ABSENT ? "result_missing" : "result_type");
	return (struct verdict){ VERDICT_PASSED, CLASS_PASSED, "passed", 0 };
}

static bool equal(const struct answer_text *a, const struct digest *issued)
{
	return digest_equal(&a->hash, issued);
}

struct verdict verdict_1_0(const struct session *s, const struct wx_answer *a)
{
	const struct session_record *issued = &s->rec;
	struct verdict call = verdict_of_call(a);

	if (call.kind != VERDICT_PASSED)
		return call;
	if (a->ret.n != 0)
		return not_passed(WX_IDENTIFY_RET, a->ret.n);
	if (a->key.is != PRESENT || a->name_md5.is != PRESENT || a->id_md5.is != PRESENT)
		return unusable("binding_missing");
	if (issued->openid_known && a->openid.is != PRESENT)
		return unusable("openid_missing");
	if (!equal(&a->key, &issued->key))
		return failed(CLASS_IDENTITY, "other_key");
	if (!equal(&a->name_md5, &issued->name_md5))
		return failed(CLASS_IDENTITY, "other_name");
	if (!equal(&a->id_md5, &issued->id_md5))
		return failed(CLASS_IDENTITY, "other_id");
	if (issued->openid_known && !equal(&a->openid, &issued->openid))
		return failed(CLASS_IDENTITY, "other_openid");
	return call;
}

struct verdict verdict_2_0(const struct session *s, const struct wx_answer *a)
{
	struct verdict call = verdict_of_call(a);

	(void)s; /* WeChat compares: we asked with what the session holds */
	if (a->other_question)
		return unusable("other_question");
	if (call.kind != VERDICT_PASSED)
		return call;
	if (a->ret.n != 10000)
		return not_passed(WX_VERIFY_RET, a->ret.n);
	call.code = 10000;
	return call;
}
