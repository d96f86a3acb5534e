/*
 * http_tls.h - whose certificates we accept (the part of OpenSSL beneath libcurl).
 *
 * The CA certificates are parsed once and shared by all connections: libcurl alone
 * would parse the system's bundle for each, at 30 ms of CPU.
 */
#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include "base/defs.h"
#include "base/err.h"

#include <curl/curl.h>
#include <stdbool.h>

struct x509_store_st;

/* ca_file: PEM; NULL: the system's bundle.  ERR_NOT_FOUND: no certificate in it. */
enum err trust_load(const char *ca_file, struct x509_store_st **ret_trusted) MUST_CHECK;
void trust_free(struct x509_store_st *trusted);

/* One handshake. */
struct tls_check {
	struct x509_store_st *trusted;
	bool refused; /* what came is not acceptable, or not TLS, to one side or the other */
};

/* For CURLOPT_SSL_CTX_FUNCTION; arg is a struct tls_check. */
CURLcode tls_setup(CURL *easy, void *ssl_ctx, void *arg);

/*
 * Has something been read from the connection in use that belongs to no answer yet?
 * What follows an answer in one packet stays there, and would be the next answer.
 */
bool tls_unread(CURL *easy);

#endif
