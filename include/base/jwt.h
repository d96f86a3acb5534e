/*
 * jwt.h - a signed text that somebody else can check: a JSON Web Token (RFC 7519).
 *
 * All of libcjose, and narrower than it: a token is three parts in the compact form,
 * signed once, by HS256 (a key that both sides hold) or ES256 (whoever checks needs the
 * public half only).  Each key has a name, its `kid`, which stands in the token; the
 * algorithm is the key's own and never what a token asks for.
 *
 * A key file is one JWK (RFC 7517) as JSON: "kty": "oct" with at least 32 bytes in `k`,
 * or "EC" on P-256 with its private part `d`; and a `kid`.
 */
#ifndef BASE_JWT_H
#define BASE_JWT_H

#include "base/arena.h"
#include "base/secret.h"
#include "base/str.h"

#include <stdbool.h>

enum jwt_alg { JWT_HS256, JWT_ES256, JWT_ALG_NR };

enum {
	JWT_MAX = 8192,      /* bytes of a token */
	JWT_KEYS_MAX = 16,   /* keys at the same time */
	JWT_KEY_FILE = 4096, /* bytes of a key file, and one */
	JWT_KID_MAX = 64,
	JWT_HS256_KEY = 32, /* bytes, at least */
};

/* Keys by kid.  The one that was added first signs, all verify. */
struct jwt_keys;

struct jwt_keys *jwt_keys_create(void);
void jwt_keys_destroy(struct jwt_keys *k); /* wipes them; NULL is fine */

/*
 * Adds the key of a JWK; jwk stays the caller's.  On failure *ret_why says what is wrong
 * with it, static text to stand behind its name.  ERR_SYNTAX: it is no such JWK;
 * ERR_CONFLICT: its kid is taken; ERR_FULL: there are JWT_KEYS_MAX.
 */
enum err jwt_keys_add(struct jwt_keys *k, struct secret jwk, const char **ret_why) MUST_CHECK;

unsigned jwt_keys_nr(const struct jwt_keys *k);

/* The public half of the i-th key as a JWK, in a; empty for HS256, which has none. */
struct str jwt_keys_public(const struct jwt_keys *k, unsigned i, struct arena *a);

/*
 * The token of a payload, in a.  There must be a key.  ERR_NOMEM: over the arena's cap;
 * ERR_SYSTEM: libcrypto could not sign.
 */
enum err jwt_sign(const struct jwt_keys *k, struct arena *a, struct str payload,
		  struct str *ret_token) MUST_CHECK;

/*
 * The payload of a token that one of these keys signed, in a.  What stands in it, an end
 * for example, is the caller's to look at.  On failure *ret_why is a static sentence.
 * ERR_SYNTAX: no token of ours; ERR_NOT_FOUND: signed by a key that is not here;
 * ERR_REFUSED: another algorithm, or the signature is not right.
 */
enum err jwt_verify(const struct jwt_keys *k, struct arena *a, struct str token,
		    struct str *ret_payload, const char **ret_why) MUST_CHECK;

/*
 * The payload of a token of which nothing has been checked, in a: only to find out whose
 * keys to verify it with.  ERR_SYNTAX as above.
 */
enum err jwt_peek(struct arena *a, struct str token, struct str *ret_payload) MUST_CHECK;

/* "HS256" or "ES256"; JWT_ALG_NR for anything else. */
enum jwt_alg jwt_alg_of(struct str name);

/* 1 to JWT_KID_MAX of A-Z a-z 0-9 . _ - */
bool jwt_kid_ok(struct str kid);

/* A new private key as the text of its file, in a.  ERR_NOMEM, ERR_SYSTEM. */
enum err jwt_make_key(struct arena *a, enum jwt_alg alg, struct str kid,
		      struct secret *ret_jwk) MUST_CHECK;

#endif
