/* Taking the host and port out of a URL. */
#include "origin.h"

#include <arpa/inet.h>

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool visible(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
			return false;
	return true;
}

static struct str from(struct str s, size_t pos)
{
	return (struct str){ s.p + pos, s.len - pos };
}

/* Up to the first byte that is in set, or all of it. */
static struct str until(struct str s, const char *set)
{
	size_t n = 0;

	while (n < s.len && strchr(set, s.p[n]) == NULL)
		n++;
	return (struct str){ s.p, n };
}

static bool take_scheme(struct str *s, bool *ret_tls)
{
	const struct str tls = STR("https://"), plain = STR("http://");

	*ret_tls = str_starts(*s, tls);
	if (!*ret_tls && !str_starts(*s, plain))
		return false;
	*s = from(*s, *ret_tls ? tls.len : plain.len);
	return true;
}

static bool is_name(struct str s)
{
	struct str label = until(s, ".");

	if (s.len > HOST_MAX)
		return false;
	while (label.len > 0 && label.len <= 63 && str_only(label, LETTERS DIGITS "-_")) {
		if (label.len == s.len)
			return str_only((struct str){ s.p, 1 }, LETTERS);
		s = from(s, label.len + 1);
		label = until(s, ".");
	}
	return false;
}

static bool is_address(struct str s, bool v6, bool *ret_loopback)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr a6;
	struct in_addr a4;

	if (s.len >= sizeof text)
		return false;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	if (v6) {
		*ret_loopback = inet_pton(AF_INET6, text, &a6) == 1 && IN6_IS_ADDR_LOOPBACK(&a6);
		return inet_pton(AF_INET6, text, &a6) == 1;
	}
	if (inet_pton(AF_INET, text, &a4) != 1)
		return false;
	*ret_loopback = ntohl(a4.s_addr) >> 24 == 127;
	return true;
}

/* rest: what stands behind the host, "" or ":port". */
static bool take_port(struct str rest, bool tls, unsigned *ret_port)
{
	int64_t n = tls ? 443 : 80;

	if (rest.len > 0 && (rest.p[0] != ':' || str_int(from(rest, 1), &n) != OK))
		return false;
	*ret_port = (unsigned)n;
	return n >= 1 && n <= 65535;
}

enum err origin_parse(struct str url, struct origin *ret_origin)
{
	struct origin o;
	struct str s = url;
	bool loopback = false;

	if (!visible(url) || !take_scheme(&s, &o.tls))
		return ERR_SYNTAX;
	struct str authority = until(s, "/?#");
	bool v6 = authority.len > 0 && authority.p[0] == '[';
	o.host = until(v6 ? from(authority, 1) : authority, v6 ? "]" : ":");
	size_t end = o.host.len + (v6 ? 2 : 0);
	if (end > authority.len || !take_port(from(authority, end), o.tls, &o.port))
		return ERR_SYNTAX;
	o.literal = is_address(o.host, v6, &loopback);
	if (!o.literal && (v6 || !is_name(o.host)))
		return ERR_SYNTAX;
	if (!o.tls && !loopback)
		return ERR_SYNTAX;
	*ret_origin = o;
	return OK;
}
