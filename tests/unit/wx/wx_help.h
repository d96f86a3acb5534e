/*
 * wx_help.h - what the tests of this layer share: a crypt, apps, a person.
 */
#ifndef WX_HELP_H
#define WX_HELP_H

#include "base/crypt.h"
#include "base/json_in.h"
#include "protocol.h"

#include <stdio.h>

#define PERSON_NAME "张三"
#define PERSON_ID   "11010519491231002X"
#define USER_OPENID "oUser-0000000000000000000001"
#define USER_ID_KEY "0123456789abcdef0123456789abcdef"

static inline struct crypt *test_crypt(void)
{
	return crypt_create((const unsigned char *)"0123456789abcdef0123456789ABCDEF");
}

static inline struct conf_app test_app(int protocol)
{
	return (struct conf_app){
		.appid = "wx0000000000000001",
		.secret = secret_of(STR("sandbox-secret-0001")),
		.protocol = protocol,
		.caller = CALLER_LOGIN,
	};
}

/* MD5 in hex, as WeChat's answers have it.  dst takes 33 bytes. */
static inline char *md5_hex(char *dst, const char *text)
{
	unsigned char md5[MD5_SIZE];

	crypt_md5(md5, secret_of(str_of(text)));
	str_hex(dst, md5, sizeof md5);
	return dst;
}

static inline struct identity identity_of(const char *name, const char *id)
{
	return (struct identity){ secret_of(str_of(name)), secret_of(str_of(id)) };
}

/* A session as it stands after a successful open; openid "" = nobody told us. */
static inline struct session opened_session(struct crypt *c, const struct conf_app *app,
					    const char *openid)
{
	struct digest caller = session_caller(c, str_of(app->appid), "openid", str_of(openid));
	struct identity who = identity_of(PERSON_NAME, PERSON_ID);
	struct json_out body;
	struct session s;

	session_init(&s, app, &caller);
	snprintf(s.sealed.openid, sizeof s.sealed.openid, "%s", openid);
	s.rec.openid_known = openid[0] != '\0';
	if (s.rec.openid_known)
		s.rec.openid = session_hash(c, "openid", str_of(openid));
	json_out_init(&body);
	json_open_object(&body, NULL);
	wx_protocol(app->protocol)->put_open(c, &s, &who, &body);
	json_out_finish(&body);
	snprintf(s.sealed.key, sizeof s.sealed.key, "%s", USER_ID_KEY);
	s.rec.key = wx_key_hash(c, STR(USER_ID_KEY));
	s.rec.expires = 3600000;
	session_move(&s, SESSION_OPENED);
	return s;
}

/* What a protocol makes of an answer's text. */
static inline struct wx_answer answer_of(struct crypt *c, const struct session *s, struct str text)
{
	struct json_error error;
	struct json *root = NULL;
	struct wx_answer answer;
	struct arena arena;

	arena_init(&arena, 1024 * 1024);
	if (json_parse(&arena, text, 0, &root, &error) != OK)
		root = NULL;
	wx_protocol(s->rec.protocol)->read_query(c, s, root, &answer);
	arena_finish(&arena);
	return answer;
}

#endif
