/*
 * json_out.h - writing JSON: answers, log lines, what is sent to WeChat.
 *
 * On yajl's generator, so that no text can break out of its quotes.  Non-ASCII
 * stays raw UTF-8 (WeChat refuses \uXXXX escapes).  Errors are sticky: build the
 * whole text, then ask json_out_text() once.
 */
#ifndef BASE_JSON_OUT_H
#define BASE_JSON_OUT_H

#include "base/crypt.h"
#include "base/secret.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct json_out {
	void *gen;
	bool failed;
};

/* Every init is followed by a finish, which wipes the text. */
void json_out_init(struct json_out *o);
void json_out_finish(struct json_out *o);

/* key: the member's name inside an object, NULL in an array and at the top. */
void json_open_object(struct json_out *o, const char *key);
void json_close_object(struct json_out *o);
void json_open_array(struct json_out *o, const char *key);
void json_close_array(struct json_out *o);
void json_put_str(struct json_out *o, const char *key, struct str value);
void json_put_int(struct json_out *o, const char *key, int64_t value);
void json_put_bool(struct json_out *o, const char *key, bool value);
void json_put_digest(struct json_out *o, const char *key, const struct digest *value); /* hex */

/* Only for what goes to WeChat: this is one of the few places that look inside. */
void json_put_secret(struct json_out *o, const char *key, struct secret value);

/*
 * The text so far; valid until the next call.  ERR_SYNTAX if a value was not
 * UTF-8 or the nesting was wrong.
 */
enum err json_out_text(struct json_out *o, struct str *ret_text) MUST_CHECK;

#endif
