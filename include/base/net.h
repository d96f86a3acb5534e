/*
 * net.h - addresses of the internet, and networks of them, as they are written.
 *
 * Both families are compared as one: an IPv4 address is kept as ::ffff:a.b.c.d, so a
 * web server that listens on a socket of both means the same as one that does not.
 * What is read is an address and nothing else: no zone (%eth0), port, bracket or blank.
 */
#ifndef BASE_NET_H
#define BASE_NET_H

#include "base/err.h"
#include "base/str.h"

struct sockaddr_storage;

enum { NET_ADDRESS_SIZE = 16 };

struct net_address {
	unsigned char b[NET_ADDRESS_SIZE];
};

struct network {
	struct net_address address; /* 0 behind the prefix */
	unsigned prefix;            /* bits, of 128; an IPv4's own and 96 */
};

/* Somebody else's memory. */
struct net_list {
	const struct network *networks;
	size_t nr;
	bool unix_sockets; /* and whoever comes over one, which has no address */
};

/* "10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1". */
enum err net_address_parse(struct str text, struct net_address *ret) MUST_CHECK;

/* From accept() or the like; false if it is no address of the internet. */
bool net_address_of(const struct sockaddr_storage *from, struct net_address *ret);
bool net_address_is_ipv4(const struct net_address *a);

/*
 * "10.0.0.0/8", "2001:db8::/32", or an address, which is a network of one.  ERR_SYNTAX:
 * *ret_why is the end of a sentence that begins with the text.  Bits behind the prefix
 * must be 0, as 10.0.0.1/8 may be meant as that one host.
 */
enum err net_parse(struct str text, struct network *ret, const char **ret_why) MUST_CHECK;

bool net_contains(const struct network *n, const struct net_address *a);
bool net_list_contains(const struct net_list *list, const struct net_address *a);

#endif
