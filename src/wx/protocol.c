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

static bool listed(struct str name, const char *const *list)
{
	for (; *list != NULL; list++)
		if (str_is(name, *list))
			return true;
	return false;
}

bool wx_unknown_field(const struct json *root, const char *const *known, const char *const *allow)
{
	for (const struct json *j = root->first; j != NULL; j = j->next)
		if (!listed(j->key, known) && !listed(j->key, allow))
			return true;
	return false;
}

struct digest wx_key_hash(struct crypt *c, struct str key)
{
	return session_hash(c, "wechat-key", key);
}
