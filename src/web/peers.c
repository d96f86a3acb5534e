/* Which addresses may connect. */
#include "peers.h"
#include "base/mem.h"

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
		struct str item = str_trim((struct str){ text, len });
		if (net_address_parse(item, &p->list[p->nr]) != OK) {
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
	struct net_address address;

	if (p->list == NULL || from->ss_family == AF_UNIX)
		return true;
	if (!net_address_of(from, &address))
		return false;
	for (size_t i = 0; i < p->nr; i++)
		if (memcmp(&p->list[i], &address, sizeof address) == 0)
			return true;
	return false;
}
