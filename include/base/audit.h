/*
 * audit.h - the audit file: a line for every verdict, and a chain that shows whether
 * somebody changed one afterwards.
 *
 * Lines are built with the typed fields of base/log.h, so that nothing personal gets
 * in.  All workers of a pool append to one file, and the chain is the file's, not a
 * worker's.  Two members, made by audit_end(), end each line:
 *
 *   "prev"  the keyed hash of the line before it, byte for byte; zeros in the first
 *   "mac"   the keyed hash of this line up to here, "prev" included
 *
 * Both are under the pool key.  Without it nobody can change a line, put one in, take
 * one out or swap two so that audit_verify() does not see it; "mac" is there because
 * "prev" says nothing about the last line.  What no chain can show is that lines were
 * cut off at the end, or that a whole file is missing: who is afraid of that copies
 * the file to another machine while it grows.
 *
 * When audit_end() says OK the line is with the kernel: it survives kill -9 and any
 * crash of ours.  There is no fsync(), which would hold up the loop for milliseconds:
 * a power cut may cost the last seconds.  The file belongs on a local disk; on one
 * that hangs, a worker hangs too.
 */
#ifndef BASE_AUDIT_H
#define BASE_AUDIT_H

#include "base/crypt.h"
#include "base/log.h"

#include <stdbool.h>
#include <stdint.h>

/* The longest line, its end included; ours have some 600 bytes. */
enum { AUDIT_LINE_MAX = 2048 };

struct audit;

/*
 * Opens or makes (0600) the file: a regular one of our own that nobody else may write,
 * and not by a symbolic link.  On failure *ret_why is a sentence for the operator.
 * crypt stays the caller's; sandbox marks every line.
 */
enum err audit_open(const char *file, struct crypt *crypt, bool sandbox, struct audit **ret_audit,
		    const char **ret_why) MUST_CHECK;
void audit_close(struct audit *a);

/*
 * Opens the same path again, after the file was rotated away; the new one begins a
 * chain of its own.  On failure the old file goes on being used.
 */
enum err audit_reopen(struct audit *a) MUST_CHECK;

/* Begins a line; then fields by log_word() and its like; then always audit_end(). */
void audit_begin(struct audit *a, struct log_line *l, const char *event);

/*
 * Appends the line, whole or not at all.  ERR_FULL: no room.  ERR_BUSY: another
 * process has the file's lock and does not give it up, as a stopped one would; that
 * costs 200 ms once, and then nothing for as long as it lasts.
 */
enum err audit_end(struct audit *a, struct log_line *l) MUST_CHECK;

/* The "mac" of the last line that audit_end() said OK to: what another line calls it by. */
const struct digest *audit_last_mac(const struct audit *a);

/*
 * A worker killed between a verdict's line and its settling leaves a line of a verdict that
 * never was: the session is asked about again, and gets another line.  Of the verdicts of
 * one session the one of the highest "attempt" counts, of the same attempt the last one;
 * what an "unsettled" line takes back (by its "takes_back", a "mac") never does.
 */
struct audit_repeat {
	uint64_t line, counts; /* a verdict that does not count, and the one that does */
};

struct audit_report {
	uint64_t lines;
	uint64_t torn, first_torn; /* how many are cut off, and the first one's number */
	uint64_t wrong;            /* the number of the first that breaks the chain; 0: none */
	const char *what;          /* static: what is wrong with it */
	const struct audit_repeat *repeats; /* by line; valid until the next audit_verify() */
	size_t repeat_nr;
};

/*
 * Goes through a file, also while it grows.  A torn line, which only a kill in the
 * middle of a write or a full disk leaves, does not end that: the chain goes on over
 * it.  An error means that the file could not be read.
 */
enum err audit_verify(const char *file, struct crypt *crypt,
		      struct audit_report *ret_report) MUST_CHECK;

#endif
