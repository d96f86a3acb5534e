/*
 * ledger.h - what was called how often, so that a test can count what a client did.
 */
#ifndef SIM_LEDGER_H
#define SIM_LEDGER_H

#include "base/json_out.h"
#include "base/list.h"

struct ledger_line {
	const char *path;  /* last segment */
	const char *appid; /* "" when the call did not say one we know */
	const char *fault; /* kind of the fault that was delivered, or NULL */
	bool executed;
	int64_t errcode; /* what WeChat thought of it, if executed */
	int status;
};

struct ledger {
	struct list rows;
	int64_t faults; /* delivered */
	int64_t in_flight, in_flight_peak;
};

void ledger_init(struct ledger *l);

/* Forgets the counts; what is in flight stays. */
void ledger_reset(struct ledger *l);

/* The texts of the line are static or live as long as the ledger. */
void ledger_count(struct ledger *l, const struct ledger_line *line);

void ledger_enter(struct ledger *l);
void ledger_leave(struct ledger *l);

/* How often a path was called. */
int64_t ledger_total(const struct ledger *l, const char *path);

/* The array "calls". */
void ledger_write(const struct ledger *l, struct json_out *o);

#endif
