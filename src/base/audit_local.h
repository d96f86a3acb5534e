/*
 * audit_local.h - the chain's two hashes, as both who writes and who verifies need them.
 */
#ifndef AUDIT_LOCAL_H
#define AUDIT_LOCAL_H

#include "base/audit.h"

/* "prev": of a whole line, without its end. */
static inline struct digest audit_prev(struct crypt *c, struct str line)
{
	return crypt_hmac(c, "audit", &line, 1);
}

/* "mac": of a line up to and with "prev". */
static inline struct digest audit_mac(struct crypt *c, struct str body)
{
	return crypt_hmac(c, "audit-line", &body, 1);
}

#endif
