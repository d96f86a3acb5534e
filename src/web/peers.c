/* Which addresses may connect. */
#include "peers.h"
#include "base/mem.h"
#include "base/str.h"

#include <arpa/inet.h>

/* ::ffff:a.b.c.d, so that both families are compared as one. */
static struct in6_addr mapped(struct in_addr v4)
{
	struct in6_addr v6 = { .s6_addr = { [10] = 0xFF, [11] = 0xFF } };

	memcpy(v6.s6_addr + 12, &v4, sizeof v4);
	return v6;
}

static bool read_address(struct str s, struct in6_addr *ret_address)
{
	char text[INET6_ADDRSTRLEN];
	struct in_addr v4;

	if (s.len == 0 || s.len >= sizeof text)
		return false;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	if (inet_pton(AF_INET6, text, ret_address) == 1)
		return true;
	if (inet_pton(AF_INET, text, &v4) != 1)
		return false;
	*ret_address = mapped(v4);
	return true;
}

static size_t count_items(const char *text)
{
	size_t n = 1;

	for (; *text != '\0'; text++)
		n += *text == ',';
	return n;
}

enum err peers_init(struct peers *p, const char *text)
{
	*p = (struct peers){ NULL, 0 };
	if (text == NULL || text[0] == '\0')
		return OK;
	p->list = mem_calloc(count_items(text), sizeof *p->list);
	for (;;) {
		size_t len = strcspn(text, ",");
		if (!read_address(str_trim((struct str){ text, len }), &p->list[p->nr])) {
			peers_finish(p);
			return ERR_SYNTAX;
		}
		p->nr++;
		if (text[len] == '\0')
			return OK;
		text += len + 1;
	}
}

void peers_finish(struct peers *p)
{
	mem_free(p->list);
	*p = (struct peers){ NULL, 0 };
}

bool peers_allow(const struct peers *p, const struct sockaddr_storage *from)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (p->list == NULL || from->ss_family == AF_UNIX)
		return true;
	memcpy(&v4, from, sizeof v4);
	memcpy(&v6, from, sizeof v6);
	if (from->ss_family == AF_INET)
		v6.sin6_addr = mapped(v4.sin_addr);
	else if (from->ss_family != AF_INET6)
		return false;
	for (size_t i = 0; i < p->nr; i++)
		if (memcmp(&p->list[i], &v6.sin6_addr, sizeof p->list[i]) == 0)
			return true;
	return false;
}
