/*
 * listen.h - from a --listen text to a listening socket.
 */
#ifndef SIM_LISTEN_H
#define SIM_LISTEN_H

#include <stdbool.h>

enum { LISTEN_NAME_SIZE = 64 };

struct listening {
	int fd;
	bool ipv6;
	char name[LISTEN_NAME_SIZE]; /* "127.0.0.1:8443" or "[::1]:8443", with the real port */
};

/*
 * Nonblocking, close-on-exec.  Only a loopback address unless any_address.
 * False, after it said why on standard error.
 */
bool listen_open(struct listening *ret_l, const char *text, bool any_address);

#endif
