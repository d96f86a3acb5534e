/*
 * audit_local.h - the chain's two hashes, as both who writes and who verifies need them.
 */
#ifndef AUDIT_LOCAL_H
#define AUDIT_LOCAL_H

#include "base/audit.h"

/* The verdicts of a file while it is read: which of them count?  Zeros to begin with. */
struct audit_verdicts {
	struct audit_noted *rows;
	size_t nr, room;
};

/* A line that is as it was written; all but verdicts, and what takes one back, is ignored. */
void audit_note(struct audit_verdicts *v, struct str line, uint64_t number);

/* Ends it, and gives what does not count: valid until the next call. */
const struct audit_repeat *audit_repeats(struct audit_verdicts *v, size_t *ret_nr);

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
