/*
 * fault.h - answers that go wrong on demand.
 *
 * Faults are armed by POST /sim/fault and wait in line: the first one in it whose
 * path matches takes the call, or lets it pass while it still has some to skip.
 */
#ifndef SIM_FAULT_H
#define SIM_FAULT_H

#include "base/json_in.h"
#include "base/json_out.h"
#include "base/list.h"
#include "call.h"

struct fault_kind;

struct faults {
	struct list line;
};

/* One that was taken; lives in the arena of the call that took it. */
struct fault_hit {
	const struct fault_kind *kind;
	const struct json *spec;
};

void faults_init(struct faults *f);
void faults_clear(struct faults *f);

/*
 * Arms what the request (its text and the same parsed) describes.  NULL, or what
 * is wrong with it, in the arena.  known: is that the name of an endpoint?
 */
const char *fault_arm(struct faults *f, struct arena *a, struct str text, const struct json *spec,
		      bool (*known)(struct str path));

/* Is it this call's turn to go wrong?  path: the last segment. */
bool fault_take(struct faults *f, struct arena *a, struct str path, struct fault_hit *ret_hit);

const char *fault_name(const struct fault_hit *hit);

/* Does the sandbox do what was asked before the answer goes wrong? */
bool fault_executes(const struct fault_hit *hit);

/* Changes members and reply before the answer is made (first) or after it. */
void fault_change_answer(const struct fault_hit *hit, struct answer *a);
void fault_change_reply(const struct fault_hit *hit, struct call *c);

/* How many answers are still to go wrong. */
int64_t fault_armed(const struct faults *f);

/* The array "faults". */
void faults_write(const struct faults *f, struct json_out *o);

#endif
