/*
 * server.h - HTTPS, the event loop and its timer: all of libmicrohttpd.
 *
 * One thread.  An answer that is to be late costs no more than memory: its
 * connection is suspended and taken up again when its time has come.
 */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include "listen.h"
#include "state.h"
#include "tls.h"

/*
 * Says on standard output where it listens, and serves until SIGTERM or SIGINT.
 * Takes the socket.  False, after it said why on standard error, if it could not
 * start.
 */
bool server_run(struct sim *sim, const struct tls_files *tls, const struct listening *l);

#endif
