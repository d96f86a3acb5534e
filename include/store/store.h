/*
 * store.h - a value for a while, seen by every worker.
 *
 * Some kinds of values, each with its own number and size of slots.  A value is
 * found by a key of 32 bytes, which is always a keyed hash (crypt_hmac), so nobody
 * outside can choose where it lands, and the store never holds an id.  A value has
 * a version: writing names the version that was read, and fails if somebody else
 * was faster.  That one rule is all that leases, single use and claims are made of.
 *
 * The calls are asynchronous by type.  The shared-memory backend always answers
 * DONE; one over the network will WAIT.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/crypt.h"
#include "base/defs.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct store;

enum store_kind {
	STORE_SESSION, /* one face check, from /identify to its end */
	STORE_KEY,     /* WeChat's key -> session */
	STORE_CLAIM,   /* a verify_result -> who uses it, and what came of it */
	STORE_TOKEN,   /* the access token of an app */
	STORE_LOGIN,   /* a token of /login -> whose it is */
	STORE_ONCE,    /* what counts once: a repeated /identify */
	STORE_NONCE,   /* a signed request that was taken */
	STORE_BUDGET,  /* how much of one rate somebody has spent */
	STORE_HOST,    /* the addresses of a host that is called */
	STORE_KIND_NR
};

/*
 * The form of the records of each kind.  A record that changes gets another number, and a
 * segment with another number is not opened: two builds must not read each other's.
 */
enum store_layout {
	SESSION_LAYOUT = 1,
	INDEX_LAYOUT = 1,
	CLAIM_LAYOUT = 1,
	TOKEN_LAYOUT = 1,
	TICKET_LAYOUT = 1,
	REPEAT_LAYOUT = 1,
	NONCE_LAYOUT = 1,
	BUDGET_LAYOUT = 1,
	HOST_LAYOUT = 1,
};

enum { STORE_VALUE_MAX = 1280 }; /* bytes, of any kind; see store_value_max() */

struct store_op {
	enum store_kind kind; /* in */
	struct digest key;    /* in */
	uint64_t version;     /* get: out.  put: in, 0 = must not exist; out, the new one */
	int64_t expires;      /* get: out.  put: in.  On the clock of store_now() */
	size_t len;           /* get: out.  put: in */
	bool yields;          /* put: in, and false again after it.  See store_put() */
	unsigned char value[STORE_VALUE_MAX];

	enum err err; /* out */
	void (*done)(struct store_op *);
};

/* How large a value of this kind may be. */
size_t store_value_max(enum store_kind kind);

/*
 * err: OK, ERR_NOT_FOUND (or expired), ERR_BUSY (a stopped process holds the lock,
 * or the backend is away: answer 503), ERR_SYSTEM (what is there cannot be right).
 */
enum progress store_get(struct store *s, struct store_op *op,
			void (*done)(struct store_op *)) MUST_CHECK;

/*
 * Writes op->value if the value there still has op->version.  err: OK,
 * ERR_CONFLICT, ERR_FULL (even after sweeping what has expired), ERR_BUSY, ERR_SYSTEM,
 * ERR_TOO_LARGE (over store_value_max()).  Unless OK, nothing has changed.
 * A value that yields is removed before its time where a new one finds no other room:
 * only for what may be forgotten at any moment.
 */
enum progress store_put(struct store *s, struct store_op *op,
			void (*done)(struct store_op *)) MUST_CHECK;

/* Removes it if it still has op->version; same errors as store_put(). */
enum progress store_del(struct store *s, struct store_op *op,
			void (*done)(struct store_op *)) MUST_CHECK;

/* The store's clock in milliseconds: the same for every process that shares it. */
int64_t store_now(const struct store *s);

/* What /ready asks: OK, or why the store cannot be used. */
enum err store_ready(struct store *s);

/*
 * Is the store still where workers started from now on will look for it?  If not, goes
 * there, and takes along whatever is not there already.  To be asked every now and then;
 * takes a millisecond for each few thousand values where there is something to do.
 */
enum store_place {
	STORE_STAYS,
	STORE_MOVED, /* it was not, since this was asked last, and is now */
	STORE_APART, /* it is not; *ret_why says why it cannot follow */
};
enum store_place store_follow(struct store *s, const char **ret_why) MUST_CHECK;

/* --- the shared-memory backend ------------------------------------------ */

struct store_shm_conf {
	const char *segment; /* path of the file, usually in /dev/shm */
	unsigned sessions;   /* how many face checks fit at the same time */
};

/*
 * Opens the segment, or makes it where it is missing or left over from an earlier
 * boot; safe when many workers start at the same instant.  On failure *ret_why is
 * a sentence for the operator (static or valid until the next call).
 *   ERR_REFUSED  owned by another user, or open to others
 *   ERR_VERSION  made by another version, or with other sizes
 *   ERR_FULL     the file system has no room for it
 *   ERR_BUSY     another process has been at it for seconds: is it stopped?
 *   ERR_SYSTEM   anything else
 */
enum err store_open_shm(const struct store_shm_conf *conf, struct store **ret_store,
			const char **ret_why) MUST_CHECK;
void store_close(struct store *s);

/*
 * Proves the segment's structure: every slot well-formed, no key twice.  For tests
 * and diagnosis; returns what is wrong, or NULL.
 */
const char *store_check(struct store *s);

struct store_stats {
	uint64_t used[STORE_KIND_NR];     /* values that have not expired */
	uint64_t capacity[STORE_KIND_NR]; /* so many fit for certain, usually more */
	uint64_t owner_died;              /* locks found with a dead owner, ever */
	uint64_t undone;                  /* half-made changes undone, ever */
};
void store_stats(struct store *s, struct store_stats *ret);

#endif
