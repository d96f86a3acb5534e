/* Whose address a request came from. */
#include "web/address.h"

/* One step of the way a request took.  A Unix socket is not known, but may be trusted. */
struct hop {
	bool known, trusted;
	struct net_address address;
};

static struct hop hop_of(struct str text, const struct net_list *trusted)
{
	struct hop h = { .known = false };

	if (str_is(text, "unix:")) { /* nginx's name for one */
		h.trusted = trusted->unix_sockets;
		return h;
	}
	h.known = net_address_parse(text, &h.address) == OK;
	h.trusted = h.known && net_list_contains(trusted, &h.address);
	return h;
}

static bool is_port(struct str text)
{
	int64_t n;

	return str_int(text, &n) == OK && n >= 1 && n <= 65535;
}

/* "[2001:db8::1]" and "[2001:db8::1]:443": the address, or nothing. */
static struct str without_brackets(struct str entry)
{
	const char *end = memchr(entry.p, ']', entry.len);

	if (end == NULL)
		return STR_NONE;
	struct str address = { entry.p + 1, (size_t)(end - entry.p) - 1 };
	struct str behind = { end + 1, entry.len - address.len - 2 };
	if (memchr(address.p, ':', address.len) == NULL)
		return STR_NONE; /* only IPv6 stands in brackets */
	if (behind.len == 0)
		return address;
	if (behind.p[0] != ':' || !is_port((struct str){ behind.p + 1, behind.len - 1 }))
		return STR_NONE;
	return address;
}

/* An entry of the list without its port, or nothing if it has one that is none. */
static struct str without_port(struct str entry)
{
	const char *colon = memchr(entry.p, ':', entry.len);

	if (str_is(entry, "unix:"))
		return entry;
	if (entry.len > 0 && entry.p[0] == '[')
		return without_brackets(entry);
	if (colon == NULL)
		return entry;
	struct str address = { entry.p, (size_t)(colon - entry.p) };
	struct str port = { colon + 1, entry.len - address.len - 1 };
	if (memchr(port.p, ':', port.len) != NULL)
		return entry; /* IPv6, which has two colons at least, and no port without brackets
			       */
	return is_port(port) ? address : STR_NONE;
}

/* Cuts off and returns the last entry; *list is then what stands before its comma. */
static struct str cut_last(struct str *list)
{
	size_t at = list->len;

	while (at > 0 && list->p[at - 1] != ',')
		at--;
	struct str last = { list->p + at, list->len - at };
	list->len = at == 0 ? 0 : at - 1;
	return str_trim(last);
}

/* From the last proxy back to the first hop that is none, or cannot be read. */
static struct hop walk(struct hop last, struct str list, const struct net_list *trusted)
{
	bool more = list.len > 0;

	while (last.trusted && more) {
		more = memchr(list.p, ',', list.len) != NULL;
		last = hop_of(without_port(cut_last(&list)), trusted);
	}
	return last;
}

static struct client client_of(const struct hop *h)
{
	struct client c = { .len = 0 };
	const unsigned char *from = h->address.b;

	if (!h->known)
		return c;
	c.len = CLIENT_IPV6_SIZE;
	if (net_address_is_ipv4(&h->address)) {
		from += NET_ADDRESS_SIZE - CLIENT_IPV4_SIZE;
		c.len = CLIENT_IPV4_SIZE;
	}
	memcpy(c.bytes, from, c.len);
	return c;
}

enum err req_client(const struct req *r, const struct net_list *trusted, struct client *ret)
{
	struct hop peer = hop_of(req_param(r, "REMOTE_ADDR"), trusted);
	struct str list = STR_NONE;

	if (peer.trusted && req_param_once(r, "HTTP_X_FORWARDED_FOR", &list) != OK)
		return ERR_REFUSED;
	peer = walk(peer, list, trusted);
	*ret = client_of(&peer);
	return OK;
}
