/* Reading and comparing addresses and networks. */
#include "base/net.h"

#include <arpa/inet.h>
#include <netinet/in.h>

enum { MAPPED_BITS = 96, MAPPED_SIZE = 12 }; /* of ::ffff:0:0/96 */

static const unsigned char mapped[MAPPED_SIZE] = { [10] = 0xFF, [11] = 0xFF };

static void map(const struct in_addr *v4, struct net_address *ret)
{
	memcpy(ret->b, mapped, sizeof mapped);
	memcpy(ret->b + sizeof mapped, v4, sizeof *v4);
}

/* The one or the other family's text; *ret_v4 says which. */
static enum err parse(struct str s, struct net_address *ret, bool *ret_v4)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr v6;
	struct in_addr v4;

	if (s.len == 0 || s.len >= sizeof text || memchr(s.p, '\0', s.len) != NULL)
		return ERR_SYNTAX;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	*ret_v4 = inet_pton(AF_INET, text, &v4) == 1;
	if (*ret_v4)
		map(&v4, ret);
	else if (inet_pton(AF_INET6, text, &v6) == 1)
		memcpy(ret->b, &v6, sizeof v6);
	else
		return ERR_SYNTAX;
	return OK;
}

enum err net_address_parse(struct str text, struct net_address *ret)
{
	bool v4;

	return parse(text, ret, &v4);
}

bool net_address_of(const struct sockaddr_storage *from, struct net_address *ret)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	switch (from->ss_family) {
	case AF_INET:
		memcpy(&v4, from, sizeof v4);
		map(&v4.sin_addr, ret);
		return true;
	case AF_INET6:
		memcpy(&v6, from, sizeof v6);
		memcpy(ret->b, &v6.sin6_addr, sizeof ret->b);
		return true;
	default:
		return false;
	}
}

bool net_address_is_ipv4(const struct net_address *a)
{
	return memcmp(a->b, mapped, sizeof mapped) == 0;
}

/* Are all bits from this one on 0? */
static bool zero_from(const struct net_address *a, unsigned bit)
{
	for (; bit < 8 * sizeof a->b; bit++)
		if ((a->b[bit / 8] & (0x80 >> bit % 8)) != 0)
			return false;
	return true;
}

enum err net_parse(struct str text, struct network *ret, const char **ret_why)
{
	const char *slash = text.len == 0 ? NULL : memchr(text.p, '/', text.len);
	size_t len = slash == NULL ? text.len : (size_t)(slash - text.p);
	struct network n;
	int64_t bits;
	bool v4;

	*ret_why = "is neither an address nor a network";
	if (parse((struct str){ text.p, len }, &n.address, &v4) != OK)
		return ERR_SYNTAX;
	const unsigned most = v4 ? 32 : 128;
	if (slash == NULL) {
		bits = most;
	} else if (str_int((struct str){ slash + 1, text.len - len - 1 }, &bits) != OK ||
		   bits < 0 || bits > most) {
		*ret_why = v4 ? "has no prefix from /0 to /32" : "has no prefix from /0 to /128";
		return ERR_SYNTAX;
	}
	n.prefix = (unsigned)bits + (v4 ? MAPPED_BITS : 0);
	if (!zero_from(&n.address, n.prefix)) {
		*ret_why = "has bits behind its prefix that are not 0";
		return ERR_SYNTAX;
	}
	*ret = n;
	return OK;
}

bool net_contains(const struct network *n, const struct net_address *a)
{
	size_t whole = n->prefix / 8;
	unsigned rest = n->prefix % 8;

	if (memcmp(n->address.b, a->b, whole) != 0)
		return false;
	return rest == 0 || (n->address.b[whole] ^ a->b[whole]) >> (8 - rest) == 0;
}

bool net_list_contains(const struct net_list *list, const struct net_address *a)
{
	for (size_t i = 0; i < list->nr; i++)
		if (net_contains(&list->networks[i], a))
			return true;
	return false;
}
