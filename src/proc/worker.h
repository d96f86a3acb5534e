/*
 * worker.h - a worker: one process, one loop, the listening socket on fd 0; or one
 * request of a web server that knows only CGI.
 */
#ifndef WORKER_H
#define WORKER_H

#include "base/conf.h"

/*
 * Serves until it is told to stop (TERM, INT, QUIT, USR1; however often), finishes
 * what is in flight, and returns the exit status.  HUP reopens the log file and
 * the audit file.
 */
int worker_run(const struct conf *conf);

/*
 * Answers the one CGI request that this process was started for, on standard output,
 * and returns the exit status.
 */
int worker_cgi(const struct conf *conf);

/*
 * What a worker would stumble over at its start, without touching anything: the CA
 * file, the host, and whether log, audit, segment and key can be written where they should
 * be.  Says it on standard error; returns the exit status.
 */
int worker_check(const struct conf *conf);

#endif
