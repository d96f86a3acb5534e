/*
 * protocol.h - one generation of WeChat's face verification.
 *
 * A generation is a file and a row: what to send to open and to query, how to read
 * the answer, and its verdict.  The flows around it (open.c, judge.c) are the same.
 */
#ifndef WX_PROTOCOL_H
#define WX_PROTOCOL_H

#include "base/json_in.h"
#include "base/json_out.h"
#include "wx/identity.h"
#include "wx/verdict.h"

struct wx_protocol {
	const char *name; /* "1.0" */
	const char *open_path, *query_path;
	const char *key_field;     /* the key's name in the answer to open */
	bool client_brings_result; /* 1.0: only the answer says which session it is */

	/* Fills what binds the session to this identity, and writes the body. */
	void (*put_open)(struct crypt *c, struct session *s, const struct identity *i,
			 struct json_out *o);

	/* verify_result is empty unless client_brings_result. */
	void (*put_query)(const struct session *s, struct str verify_result, struct json_out *o);

	/* root is NULL when the answer could not be read; s as it was given to put_query. */
	void (*read_query)(struct crypt *c, const struct session *s, const struct json *root,
			   struct wx_answer *ret);
	const char *const *known; /* the members of an answer to query; NULL-terminated */

	struct verdict (*verdict)(const struct session *s, const struct wx_answer *a);
};

extern const struct wx_protocol wx_protocol_1_0, wx_protocol_2_0;

/* By enum conf_protocol. */
const struct wx_protocol *wx_protocol(int protocol);

/* For read_query: how a member came. */
struct answer_int wx_answer_int(const struct json *root, const char *name);

/* What the session is later found and compared by: the keyed hash of WeChat's key. */
struct digest wx_key_hash(struct crypt *c, struct str key);

#endif
