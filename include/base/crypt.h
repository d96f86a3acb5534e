/*
 * crypt.h - hashing, keyed hashing, sealing, random bytes: all of libcrypto.
 *
 * One struct crypt per process holds the pool key, the 32 bytes of `key_file`.
 * Everything kept about a person is kept as a keyed hash or sealed under it, so
 * that the segment, a backup of it or a Redis dump says nothing without the key.
 */
#ifndef BASE_CRYPT_H
#define BASE_CRYPT_H

#include "base/secret.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum { DIGEST_SIZE = 32, MD5_SIZE = 16, CRYPT_KEY_SIZE = 32 };

struct digest {
	unsigned char b[DIGEST_SIZE];
};

static inline struct str digest_str(const struct digest *d)
{
	return (struct str){ (const char *)d->b, sizeof d->b };
}

/* In constant time. */
bool crypt_equal(const void *a, const void *b, size_t n);

static inline bool digest_equal(const struct digest *a, const struct digest *b)
{
	return crypt_equal(a->b, b->b, sizeof a->b);
}

struct crypt;

/* key: CRYPT_KEY_SIZE bytes; copied.  Wiped by crypt_destroy(). */
struct crypt *crypt_create(const unsigned char *key);
void crypt_destroy(struct crypt *c);

/* From the kernel.  A system that cannot give any ends the process. */
void crypt_random(void *dst, size_t n);

/*
 * HMAC-SHA256 under the pool key of a purpose and n texts.  Each text is fed with
 * its length, so ("ab", "c") and ("a", "bc") differ, and two purposes never meet.
 */
struct digest crypt_hmac(struct crypt *c, const char *purpose, const struct str *texts, size_t n);

struct digest crypt_sha256(struct str s);

/* Plain HMAC-SHA256 under a key shared with somebody else, who can compute it too. */
struct digest crypt_sign(struct secret key, struct str text);

/*
 * WeChat's 1.0 answer names a person by the MD5 of the name and of the ID number.
 * MD5 is here for that comparison and for nothing else.
 */
void crypt_md5(unsigned char dst[MD5_SIZE], struct secret s);

/*
 * AES-256-GCM under a key derived from the pool key.  dst takes SEALED_SIZE(n)
 * bytes; context is authenticated with it and must be the same when opened.
 */
#define SEALED_SIZE(n) ((n) + 12 + 16)
void crypt_seal(struct crypt *c, struct str context, const void *src, size_t n, void *dst);

/* dst takes n - 28 bytes.  ERR_REFUSED when it was not sealed so by this key. */
enum err crypt_open(struct crypt *c, struct str context, const void *src, size_t n,
		    void *dst) MUST_CHECK;

#endif
