/* What a worker does on each signal. */
#include "signals.h"

#include <signal.h>

enum act { STOP, REOPEN, IGNORE };

/*
 * Those that are missing: KILL and STOP, which cannot be had; CONT, CHLD, URG and WINCH,
 * which do nothing anyway; and ABRT, BUS, FPE, ILL, SEGV, SYS and TRAP, which a fault raises.
 * XCPU is RLIMIT_CPU's last warning before KILL: time to hand over.
 */
static const struct {
	int signum;
	enum act act;
} table[] = {
	{ SIGTERM, STOP },     { SIGINT, STOP },     { SIGQUIT, STOP },   { SIGUSR1, STOP },
	{ SIGXCPU, STOP },     { SIGHUP, REOPEN },   { SIGPIPE, IGNORE }, { SIGXFSZ, IGNORE },
	{ SIGUSR2, IGNORE },   { SIGALRM, IGNORE },  { SIGPROF, IGNORE }, { SIGVTALRM, IGNORE },
	{ SIGIO, IGNORE },     { SIGPWR, IGNORE },   { SIGTSTP, IGNORE }, { SIGTTIN, IGNORE },
	{ SIGSTKFLT, IGNORE }, { SIGTTOU, IGNORE },
};

void signals_hold(void)
{
	static const int faults[] = { SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP };
	sigset_t held;

	sigfillset(&held);
	for (unsigned i = 0; i < ARRAY_LEN(faults); i++)
		sigdelset(&held, faults[i]);
	sigprocmask(SIG_SETMASK, &held, NULL);
}

void signals_release(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

void signals_ignore(void)
{
	for (int realtime = SIGRTMIN; realtime <= SIGRTMAX; realtime++)
		signal(realtime, SIG_IGN);
	for (unsigned i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].act == IGNORE)
			signal(table[i].signum, SIG_IGN);
}

enum err signals_watch(struct signals *s, struct loop *l, void (*stop)(struct signal_watch *),
		       void (*reopen)(struct signal_watch *))
{
	unsigned nr = 0;

	for (unsigned i = 0; i < ARRAY_LEN(table); i++) {
		if (table[i].act == IGNORE)
			continue;
		ensure(nr < SIGNALS_WATCHED);
		if (signal_init(l, &s->watches[nr++], table[i].signum,
				table[i].act == STOP ? stop : reopen) != OK)
			return ERR_SYSTEM;
	}
	signals_release();
	return OK;
}

void signals_finish(struct signals *s)
{
	for (unsigned i = 0; i < SIGNALS_WATCHED; i++)
		signal_finish(&s->watches[i]);
}
