/* The CA store, and watching handshakes fail. */
#include "http_tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

/* Where distributions keep theirs: Debian and Alpine, Red Hat, OpenSSL's own. */
static const char *const system_bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/cert.pem",
};

static bool load_any(X509_STORE *trusted, const char *ca_file)
{
	if (ca_file != NULL)
		return X509_STORE_load_file(trusted, ca_file) == 1;
	for (size_t i = 0; i < ARRAY_LEN(system_bundles); i++)
		if (X509_STORE_load_file(trusted, system_bundles[i]) == 1)
			return true;
	return false;
}

enum err trust_load(const char *ca_file, X509_STORE **ret_trusted)
{
	X509_STORE *trusted = X509_STORE_new();

	ensure(trusted != NULL);
	bool loaded = load_any(trusted, ca_file);
	ERR_clear_error();
	if (!loaded) {
		X509_STORE_free(trusted);
		return ERR_NOT_FOUND;
	}
	*ret_trusted = trusted;
	return OK;
}

void trust_free(X509_STORE *trusted)
{
	X509_STORE_free(trusted);
}

/*
 * Without an error of TLS itself, the other side merely hung up.  After the handshake
 * the context outlives the call that began it.
 */
static void on_handshake(const SSL *ssl, int where, int value)
{
	SSL_CTX *ctx = SSL_get_SSL_CTX(ssl);
	struct tls_check *check = SSL_CTX_get_app_data(ctx);
	unsigned long why = ERR_peek_error();

	(void)value;
	if (check == NULL)
		return;
	if ((where & SSL_CB_HANDSHAKE_DONE) != 0)
		SSL_CTX_set_app_data(ctx, NULL);
	else if (where == SSL_CB_CONNECT_EXIT && ERR_GET_LIB(why) == ERR_LIB_SSL &&
		 ERR_GET_REASON(why) != SSL_R_UNEXPECTED_EOF_WHILE_READING)
		check->refused = true;
}

CURLcode tls_setup(CURL *easy, void *ssl_ctx, void *arg)
{
	struct tls_check *check = arg;

	(void)easy;
	SSL_CTX_set1_cert_store(ssl_ctx, check->trusted);
	SSL_CTX_set_app_data(ssl_ctx, check);
	SSL_CTX_set_info_callback(ssl_ctx, on_handshake);
	SSL_CTX_set_mode(ssl_ctx, SSL_MODE_RELEASE_BUFFERS);
	/* answers carry openids, tokens and session_keys; what we send is encrypted in place */
	SSL_CTX_set_options(ssl_ctx, SSL_OP_CLEANSE_PLAINTEXT);
	return CURLE_OK;
}

bool tls_unread(CURL *easy)
{
	struct curl_tlssessioninfo *info = NULL;

	if (curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK || info == NULL)
		return false;
	return info->internals != NULL && SSL_has_pending(info->internals) == 1;
}
