/*
 * peers.h - which addresses may connect: libfcgi's FCGI_WEB_SERVER_ADDRS, with IPv6.
 */
#ifndef WEB_PEERS_H
#define WEB_PEERS_H

#include "base/net.h"

#include <sys/socket.h>

struct peers {
	struct net_address *list; /* NULL: everybody may */
	size_t nr;
};

/* text: addresses, comma separated; NULL or empty is no list.  ERR_SYNTAX: one is no address. */
enum err peers_init(struct peers *p, const char *text) MUST_CHECK;
void peers_finish(struct peers *p);

/* Unix sockets have no address and file permissions instead: always. */
bool peers_allow(const struct peers *p, const struct sockaddr_storage *from);

#endif
