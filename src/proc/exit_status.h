/*
 * exit_status.h - how a process of benren ends; scripts and supervisors rely on it.
 */
#ifndef EXIT_STATUS_H
#define EXIT_STATUS_H

enum {
	EXIT_FINE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_CONFIG = 78, /* EX_CONFIG: starting again at once will not help */
};

#endif
