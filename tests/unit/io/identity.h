/*
 * identity.h - certificates of every kind, made on the spot, for tests.
 */
#ifndef IDENTITY_H
#define IDENTITY_H

#include "base/defs.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>

struct identity {
	X509 *cert;
	EVP_PKEY *key;
};

struct wish {
	const char *name;              /* common name */
	const char *san;               /* NULL: none */
	const char *usage;             /* extended key usage, NULL: none */
	const struct identity *issuer; /* NULL: self-signed */
	const EVP_MD *digest;          /* NULL: SHA-256 */
	long from, until;              /* seconds from now; both 0: valid today */
	int rsa_bits;                  /* 0: an elliptic curve */
	bool ca;
};

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ensure(e != NULL && X509_add_ext(cert, e, -1) == 1);
	X509_EXTENSION_free(e);
}

static struct identity identity_create(struct wish w)
{
	static long serial = 1;
	struct identity id = { X509_new(), NULL };

	id.key = w.rsa_bits != 0 ? EVP_RSA_gen((unsigned)w.rsa_bits) : EVP_EC_gen("P-256");
	X509 *issuer = w.issuer == NULL ? id.cert : w.issuer->cert;
	X509_set_version(id.cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(id.cert), serial++);
	X509_gmtime_adj(X509_getm_notBefore(id.cert), w.until == 0 ? -86400 : w.from);
	X509_gmtime_adj(X509_getm_notAfter(id.cert), w.until == 0 ? 86400 : w.until);
	X509_set_pubkey(id.cert, id.key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(id.cert), "CN", MBSTRING_ASC,
				   (const unsigned char *)w.name, -1, -1, 0);
	X509_set_issuer_name(id.cert, X509_get_subject_name(issuer));
	if (w.ca)
		add_extension(id.cert, issuer, NID_basic_constraints, "critical,CA:TRUE");
	if (w.san != NULL)
		add_extension(id.cert, issuer, NID_subject_alt_name, w.san);
	if (w.usage != NULL)
		add_extension(id.cert, issuer, NID_ext_key_usage, w.usage);
	ensure(X509_sign(id.cert, w.issuer == NULL ? id.key : w.issuer->key,
			 w.digest == NULL ? EVP_sha256() : w.digest) > 0);
	return id;
}

static void identity_free(struct identity *id)
{
	X509_free(id->cert);
	EVP_PKEY_free(id->key);
}

static SSL_CTX *identity_tls(const struct identity *id, const struct identity *intermediate)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	ensure(SSL_CTX_use_certificate(ctx, id->cert) == 1);
	ensure(SSL_CTX_use_PrivateKey(ctx, id->key) == 1);
	if (intermediate != NULL)
		ensure(SSL_CTX_add1_chain_cert(ctx, intermediate->cert) == 1);
	return ctx;
}

static void identity_write(const struct identity *id, const char *path)
{
	BIO *file = BIO_new_file(path, "w");

	ensure(file != NULL && PEM_write_bio_X509(file, id->cert) == 1);
	BIO_free(file);
}

#endif
