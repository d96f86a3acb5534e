/*
 * Protocol 1.0: getuseridkey, getinfo (WECHAT: community/business/doc/
 * 000accf1de47804a10dcd18125b80d).  WeChat hands back who was checked, and it is
 * ours to compare that with whom we asked for.
 */
#include "protocol.h"

/* The keyed hash of an MD5, which by itself would give an ID number away. */
static struct digest md5_hash(struct crypt *c, const char *purpose, struct secret text)
{
	unsigned char md5[MD5_SIZE];

	crypt_md5(md5, text);
	struct digest d = session_hash(c, purpose, (struct str){ (char *)md5, sizeof md5 });
	explicit_bzero(md5, sizeof md5);
	return d;
}

static void put_open(struct crypt *c, struct session *s, const struct identity *i,
		     struct json_out *o)
{
	s->rec.name_md5 = md5_hash(c, "name-md5", i->name);
	s->rec.id_md5 = md5_hash(c, "id-md5", i->id_number);
	json_put_secret(o, "name", i->name);
	json_put_secret(o, "id_card_number", i->id_number);
}

static void put_query(const struct session *s, struct str verify_result, struct json_out *o)
{
	(void)s;
	json_put_str(o, "verify_result", verify_result);
}

static struct answer_text text(struct crypt *c, const struct json *root, const char *name,
			       const char *purpose)
{
	const struct json *j = json_get(root, name);
	struct answer_text t = { j == NULL ? ABSENT : WRONG_TYPE, { { 0 } } };

	if (j != NULL && j->type == JSON_STRING) {
		t.is = PRESENT;
		t.hash = session_hash(c, purpose, j->str);
	}
	return t;
}

/* An MD5 in hex, of either case; anything else is present and equal to nothing. */
static struct answer_text md5(struct crypt *c, const struct json *root, const char *name,
			      const char *purpose)
{
	const struct json *j = json_get_type(root, name, JSON_STRING);
	unsigned char bytes[MD5_SIZE];

	if (j == NULL || !str_unhex(bytes, sizeof bytes, j->str))
		return text(c, root, name, "not-an-md5");
	struct digest d = session_hash(c, purpose, (struct str){ (char *)bytes, sizeof bytes });
	explicit_bzero(bytes, sizeof bytes);
	return (struct answer_text){ PRESENT, d };
}

/* check_alive_type and check_msg are undocumented, but seen in real answers. */
static const char *const known[] = {
	"errcode",     "errmsg",      "identify_ret",  "identify_time",
	"openid",      "user_id_key", "validate_data", "id_card_number_md5",
	"finish_time", "check_msg",   "name_utf8_md5", "check_alive_type",
	NULL,
};

static void read_query(struct crypt *c, const struct session *s, const struct json *root,
		       struct wx_answer *ret)
{
	(void)s;
	*ret = (struct wx_answer){ .unreadable = root == NULL || root->type != JSON_OBJECT };
	if (ret->unreadable)
		return;
	ret->errcode = wx_answer_int(root, "errcode");
	ret->ret = wx_answer_int(root, "identify_ret");
	ret->key = text(c, root, "user_id_key", "wechat-key");
	ret->openid = text(c, root, "openid", "openid");
	ret->name_md5 = md5(c, root, "name_utf8_md5", "name-md5");
	ret->id_md5 = md5(c, root, "id_card_number_md5", "id-md5");
}

const struct wx_protocol wx_protocol_1_0 = {
	.name = "1.0",
	.open_path = "/cityservice/face/identify/getuseridkey",
	.query_path = "/cityservice/face/identify/getinfo",
	.key_field = "user_id_key",
	.client_brings_result = true,
	.put_open = put_open,
	.put_query = put_query,
	.read_query = read_query,
	.known = known,
	.verdict = verdict_1_0,
};
