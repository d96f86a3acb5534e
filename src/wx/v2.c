/*
 * Protocol 2.0: getverifyid, queryverifyinfo (WECHAT: docs/server/API/face).  WeChat
 * compares; what it compares with is what this session stored when it was opened.
 */
#include "base/mem.h"
#include "protocol.h"

#include <stdio.h>

#define CERT_TYPE "IDENTITY_CARD" /* the only documented one */

/* base64 of the text's UTF-8, appended at *at. */
static void append_base64(char *dst, size_t *at, const char *name, struct secret text)
{
	*at += (size_t)sprintf(dst + *at, "%s", name);
	*at += str_base64(dst + *at, text.bytes_, text.len_);
}

/*
 * cert_hash: SHA-256, in hex, of cert_type=B64&cert_name=B64&cert_no=B64, with
 * standard base64 and no percent-encoding.
 */
static void cert_hash(const struct identity *i, char *dst)
{
	size_t size = sizeof "cert_type=&cert_name=&cert_no=" + STR_BASE64_SIZE(sizeof CERT_TYPE) +
		      STR_BASE64_SIZE(i->name.len_) + STR_BASE64_SIZE(i->id_number.len_);
	char *text = mem_alloc(size);
	size_t len = 0;

	append_base64(text, &len, "cert_type=", secret_of(STR(CERT_TYPE)));
	append_base64(text, &len, "&cert_name=", i->name);
	append_base64(text, &len, "&cert_no=", i->id_number);
	struct digest d = crypt_sha256((struct str){ text, len });
	mem_free(text);
	str_hex(dst, d.b, sizeof d.b);
	explicit_bzero(&d, sizeof d);
}

/* 32 of [0-9a-f]: unique within the appid because it is 128 random bits. */
static void new_out_seq_no(char *dst)
{
	unsigned char bytes[OUT_SEQ_NO_LEN / 2];

	crypt_random(bytes, sizeof bytes);
	str_hex(dst, bytes, sizeof bytes);
}

static void put_open(struct crypt *c, struct session *s, const struct identity *i,
		     struct json_out *o)
{
	(void)c;
	new_out_seq_no(s->sealed.out_seq_no);
	cert_hash(i, s->sealed.cert_hash);
	json_put_str(o, "out_seq_no", str_of(s->sealed.out_seq_no));
	json_open_object(o, "cert_info");
	json_put_str(o, "cert_type", STR(CERT_TYPE));
	json_put_secret(o, "cert_name", i->name);
	json_put_secret(o, "cert_no", i->id_number);
	json_close_object(o);
	json_put_str(o, "openid", str_of(s->sealed.openid));
}

static void put_query(const struct session *s, struct str verify_result, struct json_out *o)
{
	(void)verify_result;
	json_put_str(o, "verify_id", str_of(s->sealed.key));
	json_put_str(o, "out_seq_no", str_of(s->sealed.out_seq_no));
	json_put_str(o, "cert_hash", str_of(s->sealed.cert_hash));
	json_put_str(o, "openid", str_of(s->sealed.openid));
}

/* The last four are not documented: what an answer would repeat of our question. */
static const char *const known[] = {
	"errcode", "errmsg", "verify_ret", "verify_id", "out_seq_no", "cert_hash", "openid", NULL,
};

static bool differs(const struct json *root, const char *name, const char *ours)
{
	const struct json *j = json_get(root, name);

	return j != NULL && (j->type != JSON_STRING || !str_is(j->str, ours));
}

static void read_query(struct crypt *c, const struct session *s, const struct json *root,
		       struct wx_answer *ret)
{
	(void)c;
	*ret = (struct wx_answer){ .unreadable = root == NULL || root->type != JSON_OBJECT };
	if (ret->unreadable)
		return;
	ret->other_question = differs(root, "verify_id", s->sealed.key) ||
			      differs(root, "out_seq_no", s->sealed.out_seq_no) ||
			      differs(root, "cert_hash", s->sealed.cert_hash) ||
			      differs(root, "openid", s->sealed.openid);
	ret->errcode = wx_answer_int(root, "errcode");
	ret->ret = wx_answer_int(root, "verify_ret");
}

const struct wx_protocol wx_protocol_2_0 = {
	.name = "2.0",
	.open_path = "/cityservice/face/identify/getverifyid",
	.query_path = "/cityservice/face/identify/queryverifyinfo",
	.key_field = "verify_id",
	.client_brings_result = false,
	.put_open = put_open,
	.put_query = put_query,
	.read_query = read_query,
	.known = known,
	.verdict = verdict_2_0,
};
