/* What both generations share: the registry, and reading an answer's members. */
#include "protocol.h"

const struct wx_protocol *wx_protocol(int protocol)
{
	static const struct wx_protocol *const protocols[] = {
		[PROTOCOL_1_0] = &wx_protocol_1_0,
		[PROTOCOL_2_0] = &wx_protocol_2_0,
	};

	ensure(protocol >= 0 && (size_t)protocol < ARRAY_LEN(protocols));
	return protocols[protocol];
}

struct answer_int wx_answer_int(const struct json *root, const char *name)
{
	const struct json *j = json_get(root, name);

	if (j == NULL)
		return (struct answer_int){ ABSENT, 0 };
	if (j->type != JSON_INT)
		return (struct answer_int){ WRONG_TYPE, 0 };
	return (struct answer_int){ PRESENT, j->num };
}

struct digest wx_key_hash(struct crypt *c, struct str key)
{
	return session_hash(c, "wechat-key", key);
}
