/*
 * signals.h - what a worker does on each signal: one table, the one in spawn/README.md.
 *
 * A worker that is told to stop ends with 0, at whatever moment the signal comes: until
 * it is ready to act on one, and when it has nothing left to do, signals wait.  Only
 * what comes before main(), to the dynamic loader, has the system's default effect.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include "io/loop.h"

enum { SIGNALS_WATCHED = 6 };

struct signals {
	struct signal_watch watches[SIGNALS_WATCHED];
};

/*
 * From now on all signals wait, but those that a fault raises (SEGV ...) and those that
 * cannot.  The first line of main().
 */
void signals_hold(void);

/* What a command has: nothing is held, also if the launcher held something. */
void signals_release(void);

/* Those that mean nothing to a worker. */
void signals_ignore(void);

/*
 * Calls stop() or reopen() for the others, from the loop, and lets in what has waited.
 * ERR_SYSTEM: no descriptors.
 */
enum err signals_watch(struct signals *s, struct loop *l, void (*stop)(struct signal_watch *),
		       void (*reopen)(struct signal_watch *)) MUST_CHECK;

/* After signals_hold(): from here on they would have the system's default effect. */
void signals_finish(struct signals *s);

#endif
