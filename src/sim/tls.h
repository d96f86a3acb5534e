/*
 * tls.h - a certificate authority that lives as long as the process, or is kept.
 *
 * Its key signs one server certificate a start and leaves the memory; what clients
 * must trust is written to a file.  All of OpenSSL's X.509 is here.
 */
#ifndef SIM_TLS_H
#define SIM_TLS_H

#include "base/defs.h"
#include "base/err.h"

struct tls_files {
	char *ca;   /* PEM: what clients trust */
	char *cert; /* PEM: server certificate, then the CA's */
	char *key;  /* PEM */
};

/*
 * EC P-256, for 127.0.0.1, ::1, localhost and api.weixin.qq.com.  keep: the file that
 * has the authority with its key, made (0600) where it is not there; NULL: a new one
 * each time.  ERR_SYSTEM leaves errno; ERR_SYNTAX: the file is something else.
 */
enum err tls_create(struct tls_files *ret_files, const char *keep) MUST_CHECK;
void tls_destroy(struct tls_files *files);

/* Replaces the file as a whole, readable for all.  ERR_SYSTEM leaves errno. */
enum err tls_write_ca(const struct tls_files *files, const char *path) MUST_CHECK;

#endif
