/*
 * origin.h - the part of a URL that says where to connect.
 *
 * Stricter than libcurl's own parser, so that both always see the same host: lower
 * case scheme, no user, no escapes, and a name's last label begins with a letter
 * (127.1 and 0x7f000001 are names to us and addresses to others).
 */
#ifndef ORIGIN_H
#define ORIGIN_H

#include "base/str.h"

enum { HOST_MAX = 253 };

struct origin {
	struct str host; /* points into the URL; IPv6 without its brackets */
	unsigned port;
	bool tls;
	bool literal; /* an address: nothing to resolve */
};

/*
 * ERR_SYNTAX: not http(s)://host[:port][/...], or plain http to anything but a
 * literal loopback address, or a byte in it that is no visible ASCII.
 */
enum err origin_parse(struct str url, struct origin *ret_origin) MUST_CHECK;

#endif
