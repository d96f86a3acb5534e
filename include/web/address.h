/*
 * address.h - whose address is it that a request came from?
 *
 * REMOTE_ADDR, which the web server knows, and nothing that a client can write.  Only
 * behind a trusted proxy it is X-Forwarded-For, to which every proxy appends where its
 * request came from: read from the right it can be believed up to the first address
 * that is no trusted proxy, and that is the client.  What stands left of it the client
 * may have written himself, so it is not even looked at.  X-Real-IP, Forwarded and
 * their like are never looked at.
 */
#ifndef WEB_ADDRESS_H
#define WEB_ADDRESS_H

#include "base/net.h"
#include "web/request.h"

enum { CLIENT_IPV4_SIZE = 4, CLIENT_IPV6_SIZE = 8 };

/*
 * What a budget of addresses counts: an IPv4 address, or the /64 of an IPv6 one, all of
 * which one household or one server has.  Empty where nobody knows: all those are one.
 */
struct client {
	unsigned char bytes[CLIENT_IPV6_SIZE];
	size_t len;
};

static inline struct str client_str(const struct client *c)
{
	return (struct str){ (const char *)c->bytes, c->len };
}

/*
 * ERR_REFUSED: a trusted proxy's request has two parameters HTTP_X_FORWARDED_FOR, of
 * which one may be a header X_Forwarded_For, which proxies pass as the client wrote it:
 * answer 400.  A header X-Forwarded-For that came twice is a list that the web server
 * has made of both, in their order, by itself or by its file in conf/.
 * What is no address leads to an empty result, not to an error.
 */
enum err req_client(const struct req *r, const struct net_list *trusted,
		    struct client *ret) MUST_CHECK;

#endif
