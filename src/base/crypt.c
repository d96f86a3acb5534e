/* libcrypto, behind our own small types. */
#include "base/crypt.h"
#include "base/mem.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

enum { NONCE_SIZE = 12, TAG_SIZE = 16 };

struct crypt {
	EVP_MAC_CTX *mac; /* keyed once; started anew for each hash */
	EVP_CIPHER *gcm;
	unsigned char seal_key[CRYPT_KEY_SIZE];
};

static EVP_MAC_CTX *keyed_mac(const unsigned char *key)
{
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(hmac);
	char sha256[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
		OSSL_PARAM_construct_end(),
	};

	ensure(ctx != NULL && EVP_MAC_init(ctx, key, CRYPT_KEY_SIZE, params) == 1);
	EVP_MAC_free(hmac);
	return ctx;
}

struct crypt *crypt_create(const unsigned char *key)
{
	struct crypt *c = mem_calloc(1, sizeof *c);

	c->mac = keyed_mac(key);
	c->gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	ensure(c->gcm != NULL);
	struct digest derived = crypt_hmac(c, "seal-key", NULL, 0);
	memcpy(c->seal_key, derived.b, sizeof c->seal_key);
	explicit_bzero(&derived, sizeof derived);
	return c;
}

void crypt_destroy(struct crypt *c)
{
	if (c == NULL)
		return;
	EVP_MAC_CTX_free(c->mac);
	EVP_CIPHER_free(c->gcm);
	mem_free(c);
}

void crypt_random(void *dst, size_t n)
{
	for (char *p = dst; n > 0;) {
		ssize_t got = getrandom(p, n, 0);
		ensure(got > 0);
		p += got;
		n -= (size_t)got;
	}
}

bool crypt_equal(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}

static void mac_text(EVP_MAC_CTX *mac, struct str s)
{
	unsigned char len[8];

	for (size_t i = 0; i < sizeof len; i++)
		len[i] = (unsigned char)(s.len >> 8 * i);
	ensure(EVP_MAC_update(mac, len, sizeof len) == 1);
	if (s.len > 0)
		ensure(EVP_MAC_update(mac, (const unsigned char *)s.p, s.len) == 1);
}

struct digest crypt_hmac(struct crypt *c, const char *purpose, const struct str *texts, size_t n)
{
	struct digest d;
	size_t len;

	ensure(EVP_MAC_init(c->mac, NULL, 0, NULL) == 1);
	mac_text(c->mac, str_of(purpose));
	for (size_t i = 0; i < n; i++)
		mac_text(c->mac, texts[i]);
	ensure(EVP_MAC_final(c->mac, d.b, &len, sizeof d.b) == 1 && len == sizeof d.b);
	return d;
}

struct digest crypt_sign(struct secret key, struct str text)
{
	struct digest d;
	unsigned len;

	ensure(HMAC(EVP_sha256(), key.bytes_, (int)key.len_, (const unsigned char *)text.p,
		    text.len, d.b, &len) != NULL &&
	       len == sizeof d.b);
	return d;
}

struct digest crypt_sha256(struct str s)
{
	struct digest d;

	ensure(EVP_Digest(s.p, s.len, d.b, NULL, EVP_sha256(), NULL) == 1);
	return d;
}

void crypt_md5(unsigned char dst[MD5_SIZE], struct secret s)
{
	ensure(EVP_Digest(s.bytes_, s.len_, dst, NULL, EVP_md5(), NULL) == 1);
}

void crypt_seal(struct crypt *c, struct str context, const void *src, size_t n, void *dst)
{
	unsigned char *nonce = dst, *text = nonce + NONCE_SIZE, *tag = text + n;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int len;

	ensure(ctx != NULL);
	crypt_random(nonce, NONCE_SIZE);
	ensure(EVP_EncryptInit_ex(ctx, c->gcm, NULL, c->seal_key, nonce) == 1);
	ensure(EVP_EncryptUpdate(ctx, NULL, &len, (const unsigned char *)context.p,
				 (int)context.len) == 1);
	ensure(EVP_EncryptUpdate(ctx, text, &len, src, (int)n) == 1 && len == (int)n);
	ensure(EVP_EncryptFinal_ex(ctx, tag, &len) == 1);
	ensure(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, tag) == 1);
	EVP_CIPHER_CTX_free(ctx);
}

enum err crypt_open(struct crypt *c, struct str context, const void *src, size_t n, void *dst)
{
	unsigned char head[NONCE_SIZE], tag[TAG_SIZE];

	if (n < SEALED_SIZE(0))
		return ERR_REFUSED;
	size_t text_len = n - SEALED_SIZE(0);
	const unsigned char *text = (const unsigned char *)src + NONCE_SIZE;
	memcpy(head, src, sizeof head);
	memcpy(tag, text + text_len, sizeof tag);

	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int len;
	ensure(ctx != NULL);
	ensure(EVP_DecryptInit_ex(ctx, c->gcm, NULL, c->seal_key, head) == 1);
	ensure(EVP_DecryptUpdate(ctx, NULL, &len, (const unsigned char *)context.p,
				 (int)context.len) == 1);
	ensure(EVP_DecryptUpdate(ctx, dst, &len, text, (int)text_len) == 1);
	ensure(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, tag) == 1);
	bool good = EVP_DecryptFinal_ex(ctx, tag, &len) == 1;
	EVP_CIPHER_CTX_free(ctx);
	if (!good)
		explicit_bzero(dst, text_len);
	return good ? OK : ERR_REFUSED;
}
