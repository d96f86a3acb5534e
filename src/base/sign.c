/* Signing requests between benren and a business's server, and checking them. */
#include "base/sign.h"
#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>

enum { HEX_SIZE = 2 * DIGEST_SIZE + 1 };

static struct digest signature(const struct sign *s, struct secret key, const char *purpose,
			       struct str body)
{
	char head[32 + 24 + SIGN_NONCE_MAX];
	int n = snprintf(head, sizeof head, "%s\n%.*s\n%.*s\n", purpose, (int)s->timestamp.len,
			 s->timestamp.p, (int)s->nonce.len, s->nonce.p);

	ensure(n > 0 && (size_t)n < sizeof head);
	size_t len = (size_t)n + body.len;
	char *text = mem_alloc(len);
	memcpy(text, head, (size_t)n);
	if (body.len > 0)
		memcpy(text + n, body.p, body.len);
	struct digest d = crypt_sign(key, (struct str){ text, len });
	mem_free(text);
	return d;
}

struct sign sign_make(struct arena *a, struct secret key, const char *purpose, struct str body)
{
	unsigned char random[SIGN_NONCE_MIN];
	char nonce[STR_BASE64_SIZE(sizeof random)], hex[HEX_SIZE];
	struct sign s;

	crypt_random(random, sizeof random);
	s.nonce = arena_str(a, (struct str){ nonce, str_base64url(nonce, random, sizeof random) });
	s.timestamp = arena_printf(a, "%lld", (long long)(clock_wall_ms() / 1000));
	if (arena_failed(a))
		return (struct sign){ STR_NONE, STR_NONE, STR_NONE };
	struct digest d = signature(&s, key, purpose, body);
	str_hex(hex, d.b, sizeof d.b);
	s.signature = arena_str(a, str_of(hex));
	return s;
}

static bool is_nonce(struct str s)
{
	return s.len >= SIGN_NONCE_MIN && s.len <= SIGN_NONCE_MAX &&
	       str_only(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
}

enum err sign_check(const struct sign *s, struct secret key, const char *purpose, struct str body,
		    int64_t now_s)
{
	struct digest given;
	int64_t at;

	if (str_int(s->timestamp, &at) != OK || at < 0 || !is_nonce(s->nonce) ||
	    !str_unhex(given.b, sizeof given.b, s->signature))
		return ERR_SYNTAX;
	struct digest right = signature(s, key, purpose, body);
	if (!digest_equal(&right, &given))
		return ERR_REFUSED;
	return at >= now_s - SIGN_WINDOW_S && at <= now_s + SIGN_WINDOW_S ? OK : ERR_TIMEOUT;
}
