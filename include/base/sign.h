/*
 * sign.h - how benren and the business's own server sign what they ask each other.
 *
 * Three headers go with the body:
 *
 *   X-Benren-Timestamp: 1764000000        seconds since 1970
 *   X-Benren-Nonce:     16 to 64 of A-Z a-z 0-9 - _, never used again
 *   X-Benren-Signature: hex of HMAC-SHA256(secret, text)
 *
 * where text is the purpose ("identity" or "result"), the timestamp, the nonce and the
 * body, with a line feed between each.  The purpose keeps a signed question of one side
 * from being sent back as one of the other.  conf/business/ has it in other languages.
 *
 * For an implementation of your own, one right answer:
 *
 *   secret     6f1ed002ab5595859014ebf0951522d9d7c3f6e18a2b4c5d7e9f00112233aabb (64 letters)
 *   purpose    identity
 *   timestamp  1764000000
 *   nonce      4Uq0s1m9pXk3Vb7cTz2_-A
 *   body       {"appid":"wx0000000000000001","openid":"oUser-0000000000000000000001","source":1}
 *   signature  d913c12064a589be567cbac9851622b2622f495b9209910fdff51a039ac20aac
 */
#ifndef BASE_SIGN_H
#define BASE_SIGN_H

#include "base/arena.h"
#include "base/crypt.h"

enum { SIGN_NONCE_MIN = 16, SIGN_NONCE_MAX = 64, SIGN_WINDOW_S = 300 };

struct sign {
	struct str timestamp, nonce, signature; /* the values of the three headers */
};

/* A new signature for now; its texts are in the arena, all empty once its cap is passed. */
struct sign sign_make(struct arena *a, struct secret key, const char *purpose, struct str body);

/*
 * Was this signed with that key, at most SIGN_WINDOW_S ago or ahead of now_s?  ERR_SYNTAX:
 * a header is missing or malformed; ERR_TIMEOUT: the clocks differ, or it is old;
 * ERR_REFUSED: another key, purpose or body.  The nonce is still to be claimed.
 */
enum err sign_check(const struct sign *s, struct secret key, const char *purpose, struct str body,
		    int64_t now_s) MUST_CHECK;

#endif
