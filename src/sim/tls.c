/* The sandbox's own CA, kept if it is told where, and the certificate it signs. */
#include "tls.h"
#include "base/crypt.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DAY = 24 * 60 * 60, VALID_DAYS = 3650 };

struct authority {
	EVP_PKEY *key;
	X509 *cert;
};

struct extension {
	int nid;
	const char *value;
};

static const struct extension ca_extensions[] = {
	{ NID_basic_constraints, "critical,CA:TRUE,pathlen:0" },
	{ NID_key_usage, "critical,keyCertSign,cRLSign" },
	{ NID_subject_key_identifier, "hash" },
	{ 0, NULL },
};

static const struct extension server_extensions[] = {
	{ NID_basic_constraints, "critical,CA:FALSE" },
	{ NID_key_usage, "critical,digitalSignature" },
	{ NID_ext_key_usage, "serverAuth" },
	{ NID_subject_key_identifier, "hash" },
	{ NID_authority_key_identifier, "keyid" },
	{ NID_subject_alt_name, "IP:127.0.0.1,IP:::1,DNS:localhost,DNS:api.weixin.qq.com" },
	{ 0, NULL },
};

static bool set_serial(X509 *cert)
{
	uint64_t serial;

	crypt_random(&serial, sizeof serial);
	return ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1 | 1) == 1;
}

static bool set_name(X509_NAME *name, const char *text)
{
	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)text,
					  -1, -1, 0) == 1;
}

static bool add_extensions(X509 *cert, X509 *issuer, const struct extension *e)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	for (; e->value != NULL; e++) {
		X509_EXTENSION *made = X509V3_EXT_conf_nid(NULL, &ctx, e->nid, e->value);
		bool added = made != NULL && X509_add_ext(cert, made, -1) == 1;
		X509_EXTENSION_free(made);
		if (!added)
			return false;
	}
	return true;
}

/* issuer NULL: the certificate signs itself.  NULL if OpenSSL will not. */
static X509 *make_cert(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
		       const struct extension *extensions)
{
	X509 *cert = X509_new();

	if (cert == NULL)
		return NULL;
	X509 *signer = issuer == NULL ? cert : issuer;
	bool made = X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
		    X509_gmtime_adj(X509_getm_notBefore(cert), -DAY) != NULL &&
		    X509_gmtime_adj(X509_getm_notAfter(cert), (long)VALID_DAYS * DAY) != NULL &&
		    set_name(X509_get_subject_name(cert), name) &&
		    X509_set_issuer_name(cert, X509_get_subject_name(signer)) == 1 &&
		    X509_set_pubkey(cert, key) == 1 && add_extensions(cert, signer, extensions) &&
		    X509_sign(cert, issuer_key, EVP_sha256()) > 0;
	if (made)
		return cert;
	X509_free(cert);
	return NULL;
}

/* What was written to the memory BIO, as a text of ours; frees the BIO. */
static char *take_text(BIO *bio)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);
	char *text = mem_calloc(1, (size_t)len + 1);

	memcpy(text, data, (size_t)len);
	BIO_free(bio);
	return text;
}

static bool write_pem(struct tls_files *ret_files, X509 *ca, X509 *server, EVP_PKEY *server_key)
{
	BIO *ca_text = BIO_new(BIO_s_mem());
	BIO *chain = BIO_new(BIO_s_mem());
	BIO *key = BIO_new(BIO_s_mem());
	bool written = ca_text != NULL && chain != NULL && key != NULL &&
		       PEM_write_bio_X509(ca_text, ca) == 1 &&
		       PEM_write_bio_X509(chain, server) == 1 &&
		       PEM_write_bio_X509(chain, ca) == 1 &&
		       PEM_write_bio_PrivateKey(key, server_key, NULL, NULL, 0, NULL, NULL) == 1;

	if (!written) {
		BIO_free(ca_text);
		BIO_free(chain);
		BIO_free(key);
		return false;
	}
	*ret_files = (struct tls_files){ take_text(ca_text), take_text(chain), take_text(key) };
	return true;
}

static bool write_all(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0)
		return false;
	size_t len = strlen(text);
	bool written = write(fd, text, len) == (ssize_t)len;
	return close(fd) == 0 && written;
}

/* Replaces the file as a whole. */
static enum err replace(const char *path, const char *text, mode_t mode)
{
	char *beside = NULL;

	if (asprintf(&beside, "%s.new", path) < 0)
		return ERR_NOMEM;
	bool written = write_all(beside, text, mode) && rename(beside, path) == 0;
	int why = errno;
	if (!written)
		unlink(beside);
	free(beside);
	errno = why;
	return written ? OK : ERR_SYSTEM;
}

static void drop_authority(struct authority *a)
{
	X509_free(a->cert);
	EVP_PKEY_free(a->key);
	*a = (struct authority){ 0 };
}

static enum err make_authority(struct authority *a)
{
	a->key = EVP_EC_gen("P-256");
	if (a->key != NULL)
		a->cert = make_cert("benren-sim sandbox CA", a->key, NULL, a->key, ca_extensions);
	return a->cert == NULL ? ERR_TLS : OK;
}

/* Its key, then its certificate; closes the file. */
static enum err read_authority(struct authority *a, FILE *file)
{
	a->key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
	a->cert = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	if (a->key == NULL || a->cert == NULL || X509_check_private_key(a->cert, a->key) != 1)
		return ERR_SYNTAX;
	return OK;
}

static enum err keep_authority(const struct authority *a, const char *path)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool written = bio != NULL &&
		       PEM_write_bio_PrivateKey(bio, a->key, NULL, NULL, 0, NULL, NULL) == 1 &&
		       PEM_write_bio_X509(bio, a->cert) == 1;

	if (!written) {
		BIO_free(bio);
		return ERR_TLS;
	}
	char *text = take_text(bio);
	enum err err = replace(path, text, 0600);
	mem_free(text);
	return err;
}

/* The one that is kept there; or a new one, which is kept from now on if keep is given. */
static enum err get_authority(struct authority *a, const char *keep)
{
	FILE *file = keep == NULL ? NULL : fopen(keep, "re");

	if (file != NULL)
		return read_authority(a, file);
	if (keep != NULL && errno != ENOENT)
		return ERR_SYSTEM;
	enum err err = make_authority(a);
	return err == OK && keep != NULL ? keep_authority(a, keep) : err;
}

static enum err sign_server(const struct authority *a, struct tls_files *ret_files)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *server = NULL;

	if (key != NULL)
		server = make_cert("benren-sim", key, a->cert, a->key, server_extensions);
	bool made = server != NULL && write_pem(ret_files, a->cert, server, key);

	X509_free(server);
	EVP_PKEY_free(key);
	return made ? OK : ERR_TLS;
}

enum err tls_create(struct tls_files *ret_files, const char *keep)
{
	struct authority a = { 0 };
	enum err err = get_authority(&a, keep);
	int why = errno;

	if (err == OK)
		err = sign_server(&a, ret_files);
	drop_authority(&a);
	errno = why;
	return err;
}

void tls_destroy(struct tls_files *files)
{
	mem_free(files->ca);
	mem_free(files->cert);
	mem_free(files->key);
	*files = (struct tls_files){ 0 };
}

enum err tls_write_ca(const struct tls_files *files, const char *path)
{
	return replace(path, files->ca, 0644);
}
