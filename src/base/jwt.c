/* JSON Web Tokens and their keys: all of libcjose. */
#include "base/jwt.h"
#include "base/json_in.h"
#include "base/json_out.h"
#include "base/mem.h"

#include <cjose/cjose.h>

/* Of our own small objects: a JWK, the header of a token. */
enum { SCRATCH = 64 * 1024 };

#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

static const struct {
	const char *name;
	size_t signature; /* characters of base64url */
} algs[JWT_ALG_NR] = {
	[JWT_HS256] = { "HS256", 43 },
	[JWT_ES256] = { "ES256", 86 },
};

struct jwt_key {
	char kid[JWT_KID_MAX + 1];
	enum jwt_alg alg;
	cjose_jwk_t *jwk;
};

struct jwt_keys {
	unsigned nr;
	struct jwt_key keys[JWT_KEYS_MAX];
};

enum jwt_alg jwt_alg_of(struct str name)
{
	enum jwt_alg alg = 0;

	while (alg < JWT_ALG_NR && !str_is(name, algs[alg].name))
		alg++;
	return alg;
}

bool jwt_kid_ok(struct str kid)
{
	return kid.len > 0 && kid.len <= JWT_KID_MAX && str_only(kid, BASE64URL ".");
}

/*
 * base64url as RFC 7515 wants it, without padding, and in its only form: no bit is left
 * over that could be one or the other.  libcjose would take less, and stop at a '='.
 */
static bool is_base64url(struct str s)
{
	static const unsigned left_over[] = { 0, 0, 15, 3 }; /* bits of the last digit */

	if (s.len == 0 || s.len % 4 == 1 || !str_only(s, BASE64URL))
		return false;
	size_t last = (size_t)(strchr(BASE64URL, s.p[s.len - 1]) - BASE64URL);
	return (last & left_over[s.len % 4]) == 0;
}

static bool has_base64url(const struct json *object, const char *key)
{
	const struct json *j = json_get_type(object, key, JSON_STRING);

	return j != NULL && is_base64url(j->str);
}

static bool has_text(const struct json *object, const char *key, const char *text)
{
	const struct json *j = json_get_type(object, key, JSON_STRING);

	return j != NULL && str_is(j->str, text);
}

/* An object by our own strict rules; NULL for anything else. */
static const struct json *read_object(struct arena *a, struct str text)
{
	struct json_error error;
	struct json *root;

	if (json_parse(a, text, 0, &root, &error) != OK || root->type != JSON_OBJECT)
		return NULL;
	return root;
}

/* --- keys ---------------------------------------------------------------------- */

struct jwt_keys *jwt_keys_create(void)
{
	return mem_calloc(1, sizeof(struct jwt_keys));
}

void jwt_keys_destroy(struct jwt_keys *k)
{
	if (k == NULL)
		return;
	for (unsigned i = 0; i < k->nr; i++)
		cjose_jwk_release(k->keys[i].jwk);
	mem_free(k);
}

unsigned jwt_keys_nr(const struct jwt_keys *k)
{
	return k->nr;
}

static const struct jwt_key *find_key(const struct jwt_keys *k, struct str kid)
{
	for (unsigned i = 0; i < k->nr; i++)
		if (str_is(kid, k->keys[i].kid))
			return &k->keys[i];
	return NULL;
}

/* Which algorithm a JWK is for; NULL, or what is wrong with it. */
static const char *check_jwk(const struct json *jwk, enum jwt_alg *ret_alg)
{
	const struct json *kid = json_get_type(jwk, "kid", JSON_STRING);

	if (jwk == NULL)
		return "is no JSON object";
	if (kid == NULL || !jwt_kid_ok(kid->str))
		return "has no kid, a name of 1 to 64 letters, digits, dots, - and _";
	if (has_text(jwk, "kty", "oct"))
		*ret_alg = JWT_HS256;
	else if (has_text(jwk, "kty", "EC") && has_text(jwk, "crv", "P-256"))
		*ret_alg = JWT_ES256;
	else
		return "is neither for HS256 (kty \"oct\") nor for ES256 (kty \"EC\", crv "
		       "\"P-256\")";
	if (json_get(jwk, "alg") != NULL && !has_text(jwk, "alg", algs[*ret_alg].name))
		return "names another alg than its kty is for";
	if (json_get(jwk, "use") != NULL && !has_text(jwk, "use", "sig"))
		return "is not for signing: its use is not \"sig\"";
	if (*ret_alg == JWT_HS256)
		return has_base64url(jwk, "k") ? NULL : "has no k in base64url";
	if (json_get(jwk, "d") == NULL)
		return "is a public key: the private one has a member d";
	if (!has_base64url(jwk, "d") || !has_base64url(jwk, "x") || !has_base64url(jwk, "y"))
		return "has not all of d, x and y in base64url";
	return NULL;
}

/* A JWK of libcjose's as text, with what readers like to know; empty past the arena's cap. */
static struct str jwk_text(const struct jwt_key *key, bool private, struct arena *a)
{
	char *made = cjose_jwk_to_json(key->jwk, private, NULL);
	struct str text = STR_NONE;
	struct json_out o;

	if (made == NULL)
		return STR_NONE;
	const struct json *members = read_object(a, str_of(made));
	cjose_get_dealloc()(made);
	json_out_init(&o);
	json_open_object(&o, NULL);
	for (const struct json *j = members == NULL ? NULL : members->first; j != NULL; j = j->next)
		json_put_str(&o, j->key.p, j->str);
	json_put_str(&o, "alg", str_of(algs[key->alg].name));
	json_put_str(&o, "use", STR("sig"));
	json_close_object(&o);
	text = json_out_text(&o, &text) == OK ? arena_str(a, text) : STR_NONE;
	json_out_finish(&o);
	return members == NULL ? STR_NONE : text;
}

/* libcjose takes d and leaves x and y alone; those who check would have other ones. */
static bool halves_agree(const struct jwt_key *key, const struct json *jwk, struct arena *a)
{
	const struct json *own = read_object(a, jwk_text(key, false, a));

	return own != NULL && has_text(own, "x", json_get(jwk, "x")->str.p) &&
	       has_text(own, "y", json_get(jwk, "y")->str.p);
}

/* With an arena for what is read on the way. */
static enum err add_key(struct jwt_keys *k, struct secret text, struct arena *a,
			const char **ret_why)
{
	struct jwt_key *key = &k->keys[k->nr];
	const struct json *jwk = read_object(a, (struct str){ text.bytes_, text.len_ });

	*ret_why = check_jwk(jwk, &key->alg);
	if (*ret_why != NULL)
		return ERR_SYNTAX;
	struct str kid = json_get(jwk, "kid")->str;
	if (find_key(k, kid) != NULL) {
		*ret_why = "has the kid of another one";
		return ERR_CONFLICT;
	}
	memcpy(key->kid, kid.p, kid.len + 1);
	key->jwk = cjose_jwk_import(text.bytes_, text.len_, NULL);
	if (key->jwk == NULL)
		*ret_why = "holds numbers that are no key";
	else if (key->alg == JWT_HS256 &&
		 cjose_jwk_get_keysize(key->jwk, NULL) < (size_t)8 * JWT_HS256_KEY)
		*ret_why = "is too short: k must be 32 bytes or more";
	else if (key->alg == JWT_ES256 && !halves_agree(key, jwk, a))
		*ret_why = "is two halves that do not belong together: x and y are not d's";
	if (*ret_why == NULL) {
		k->nr++;
		return OK;
	}
	cjose_jwk_release(key->jwk);
	return ERR_SYNTAX;
}

enum err jwt_keys_add(struct jwt_keys *k, struct secret jwk, const char **ret_why)
{
	struct arena scratch;

	if (k->nr == JWT_KEYS_MAX) {
		*ret_why = "is one key too many";
		return ERR_FULL;
	}
	arena_init(&scratch, SCRATCH);
	enum err err = add_key(k, jwk, &scratch, ret_why);
	arena_finish(&scratch);
	return err;
}

struct str jwt_keys_public(const struct jwt_keys *k, unsigned i, struct arena *a)
{
	ensure(i < k->nr);
	return k->keys[i].alg == JWT_ES256 ? jwk_text(&k->keys[i], false, a) : STR_NONE;
}

enum err jwt_make_key(struct arena *a, enum jwt_alg alg, struct str kid, struct secret *ret_jwk)
{
	struct jwt_key key = { .alg = alg };

	ensure(jwt_kid_ok(kid));
	key.jwk = alg == JWT_HS256 ? cjose_jwk_create_oct_random((size_t)8 * JWT_HS256_KEY, NULL)
				   : cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, NULL);
	memcpy(key.kid, kid.p, kid.len);
	if (key.jwk == NULL || !cjose_jwk_set_kid(key.jwk, key.kid, kid.len, NULL)) {
		cjose_jwk_release(key.jwk);
		return ERR_SYSTEM;
	}
	*ret_jwk = secret_of(jwk_text(&key, true, a));
	cjose_jwk_release(key.jwk);
	return secret_empty(*ret_jwk) ? ERR_NOMEM : OK;
}

/* --- signing --------------------------------------------------------------------- */

static cjose_header_t *make_header(const struct jwt_key *key)
{
	cjose_header_t *header = cjose_header_new(NULL);

	ensure(header != NULL && cjose_header_set(header, "typ", "JWT", NULL) &&
	       cjose_header_set(header, CJOSE_HDR_ALG, algs[key->alg].name, NULL) &&
	       cjose_header_set(header, CJOSE_HDR_KID, key->kid, NULL));
	return header;
}

enum err jwt_sign(const struct jwt_keys *k, struct arena *a, struct str payload,
		  struct str *ret_token)
{
	const char *text = NULL;

	ensure(k->nr > 0 && payload.len > 0);
	cjose_header_t *header = make_header(&k->keys[0]);
	cjose_jws_t *jws = cjose_jws_sign(k->keys[0].jwk, header, (const uint8_t *)payload.p,
					  payload.len, NULL);
	cjose_header_release(header);
	if (jws == NULL || !cjose_jws_export(jws, &text, NULL)) {
		cjose_jws_release(jws);
		return ERR_SYSTEM;
	}
	struct str token = arena_str(a, str_of(text));
	cjose_jws_release(jws);
	if (token.p == NULL)
		return ERR_NOMEM;
	*ret_token = token;
	return OK;
}

/* --- verifying ------------------------------------------------------------------- */

struct parts {
	struct str header, payload, signature; /* in base64url */
};

static bool split(struct str token, struct parts *ret)
{
	if (token.len > JWT_MAX)
		return false;
	const char *end = token.p + token.len;
	const char *dot1 = token.len == 0 ? NULL : memchr(token.p, '.', token.len);
	const char *dot2 = dot1 == NULL ? NULL : memchr(dot1 + 1, '.', (size_t)(end - dot1 - 1));
	if (dot2 == NULL)
		return false;
	*ret = (struct parts){
		{ token.p, (size_t)(dot1 - token.p) },
		{ dot1 + 1, (size_t)(dot2 - dot1 - 1) },
		{ dot2 + 1, (size_t)(end - dot2 - 1) },
	};
	return is_base64url(ret->header) && is_base64url(ret->payload) &&
	       is_base64url(ret->signature);
}

/* What stands in a part, in a; empty past the arena's cap. */
static struct str decode(struct arena *a, struct str part)
{
	uint8_t *bytes;
	size_t len;

	ensure(cjose_base64url_decode(part.p, part.len, &bytes, &len, NULL));
	struct str text = arena_str(a, (struct str){ (const char *)bytes, len });
	cjose_get_dealloc()(bytes);
	return text;
}

/*
 * The key that a header names, if the header says what a header of ours says, and nothing
 * more: a "crit", "b64" or "jwk" would change what is to be done with the rest.
 */
static enum err key_of_header(const struct jwt_keys *k, const struct json *header,
			      const struct jwt_key **ret_key, const char **ret_why)
{
	const struct json *kid = json_get_type(header, "kid", JSON_STRING);
	bool typ = json_get(header, "typ") != NULL;

	*ret_why = "its header is not one of ours: alg, kid, and typ \"JWT\"";
	if (kid == NULL || json_get_type(header, "alg", JSON_STRING) == NULL ||
	    (typ && !has_text(header, "typ", "JWT")) || header->count != (typ ? 3 : 2))
		return ERR_SYNTAX;
	*ret_why = "its kid is none of the keys'";
	*ret_key = find_key(k, kid->str);
	if (*ret_key == NULL)
		return ERR_NOT_FOUND;
	*ret_why = "its alg is not the one of the key that it names";
	return has_text(header, "alg", algs[(*ret_key)->alg].name) ? OK : ERR_REFUSED;
}

static bool signed_by(const struct jwt_key *key, struct str token)
{
	cjose_jws_t *jws = cjose_jws_import(token.p, token.len, NULL);
	bool right = jws != NULL && cjose_jws_verify(jws, key->jwk, NULL);

	cjose_jws_release(jws);
	return right;
}

enum err jwt_verify(const struct jwt_keys *k, struct arena *a, struct str token,
		    struct str *ret_payload, const char **ret_why)
{
	const struct jwt_key *key;
	struct parts parts;

	*ret_why = "it is not three parts in base64url, with a dot between each";
	if (!split(token, &parts))
		return ERR_SYNTAX;
	enum err err = key_of_header(k, read_object(a, decode(a, parts.header)), &key, ret_why);
	if (err != OK)
		return err;
	*ret_why = "its signature is not right";
	/* the length first: libcjose compares before it looks at it */
	if (parts.signature.len != algs[key->alg].signature || !signed_by(key, token))
		return ERR_REFUSED;
	*ret_why = "it is too large";
	struct str payload = decode(a, parts.payload);
	if (payload.p == NULL)
		return ERR_NOMEM;
	*ret_payload = payload;
	return OK;
}

enum err jwt_peek(struct arena *a, struct str token, struct str *ret_payload)
{
	struct parts parts;

	if (!split(token, &parts))
		return ERR_SYNTAX;
	struct str payload = decode(a, parts.payload);
	if (payload.p == NULL)
		return ERR_NOMEM;
	*ret_payload = payload;
	return OK;
}
