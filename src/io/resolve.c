/* Host names kept resolved, in libuv's threads. */
#include "resolve.h"

#include "base/clock.h"
#include "base/mem.h"
#include "loop_uv.h"
#include "origin.h"

#include <arpa/inet.h>

_Static_assert(HTTP_ADDRESSES_SIZE >= ADDRESSES_MAX * ADDRESS_SIZE, "all of a host's as one text");

struct resolver {
	struct loop *loop;
	struct http_memory memory;
	struct list names; /* name.link */
};

/* Of its own, as its thread may outlive the name. */
struct lookup {
	uv_work_t work;
	struct name *name; /* NULL: nobody wants it any more */
	char host[HOST_MAX + 1];
	struct addresses found;
};

struct name {
	struct resolver *resolver;
	struct list link;      /* resolver.names */
	struct list waiting;   /* name_wait.link */
	struct lookup *lookup; /* NULL: none under way */
	struct timer again;
	struct addresses known;           /* as the system gave them last */
	char worked[ADDRESS_SIZE];        /* the last that did, "": none */
	int64_t bad_until[ADDRESSES_MAX]; /* of known; boot clock */
	char host[HOST_MAX + 1];
};

struct resolve_pace resolve_pace = { .found_ms = 60 * 1000, .kept_ms = 10 * 1000, .lost_ms = 1000 };

int (*resolve_getaddrinfo)(const char *host, const char *service, const struct addrinfo *hints,
			   struct addrinfo **ret_found) = getaddrinfo;

static bool address_text(const struct addrinfo *a, char text[ADDRESS_SIZE])
{
	const struct sockaddr_in *v4 = (const void *)a->ai_addr;
	const struct sockaddr_in6 *v6 = (const void *)a->ai_addr;

	switch (a->ai_family) {
	case AF_INET:
		return inet_ntop(AF_INET, &v4->sin_addr, text, ADDRESS_SIZE) != NULL;
	case AF_INET6:
		return inet_ntop(AF_INET6, &v6->sin6_addr, text, ADDRESS_SIZE) != NULL;
	default:
		return false;
	}
}

/* In a thread of libuv's: touches nothing but the lookup. */
static void look_up(uv_work_t *work)
{
	struct lookup *l = container_of(work, struct lookup, work);
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_ADDRCONFIG,
	};
	struct addresses *to = &l->found;
	struct addrinfo *found;

	if (resolve_getaddrinfo(l->host, NULL, &hints, &found) != 0)
		return;
	for (const struct addrinfo *a = found; a != NULL && to->nr < ADDRESSES_MAX; a = a->ai_next)
		if (address_text(a, to->text[to->nr]))
			to->nr++;
	freeaddrinfo(found);
}

/* Where an address is among those of a name; ADDRESSES_MAX: it is not. */
static unsigned place_of(const struct addresses *all, const char *address)
{
	for (unsigned i = 0; i < all->nr; i++)
		if (strcmp(all->text[i], address) == 0)
			return i;
	return ADDRESSES_MAX;
}

/* What is known of an address stays with it, wherever it comes in the new list. */
static void name_learn(struct name *n, const struct addresses *found)
{
	int64_t bad_until[ADDRESSES_MAX] = { 0 };

	for (unsigned i = 0; i < found->nr; i++) {
		unsigned was = place_of(&n->known, found->text[i]);
		bad_until[i] = was < ADDRESSES_MAX ? n->bad_until[was] : 0;
	}
	n->known = *found;
	memcpy(n->bad_until, bad_until, sizeof bad_until);
}

static void name_keep(const struct name *n)
{
	const struct http_memory *memory = &n->resolver->memory;
	char text[HTTP_ADDRESSES_SIZE];
	size_t len = 0;

	if (memory->keep == NULL)
		return;
	for (unsigned i = 0; i < n->known.nr; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", i == 0 ? "" : ",",
					n->known.text[i]);
	memory->keep(memory->arg, n->host, text);
}

static bool is_address(const char *text)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

/* Those of an earlier worker, to begin with. */
static void name_recall(struct name *n)
{
	const struct http_memory *memory = &n->resolver->memory;
	char text[HTTP_ADDRESSES_SIZE], *next = text, *one;

	if (memory->recall == NULL || !memory->recall(memory->arg, n->host, text))
		return;
	while ((one = strsep(&next, ",")) != NULL && n->known.nr < ADDRESSES_MAX)
		if (is_address(one))
			memcpy(n->known.text[n->known.nr++], one, strlen(one) + 1);
}

static void name_looked_up(struct name *n, const struct addresses *found)
{
	struct list *link;

	n->lookup = NULL;
	if (found->nr > 0) {
		name_learn(n, found);
		name_keep(n);
		timer_start(&n->again, resolve_pace.found_ms);
	} else {
		timer_start(&n->again, name_known(n) ? resolve_pace.kept_ms : resolve_pace.lost_ms);
	}
	while ((link = list_take(&n->waiting)) != NULL) {
		struct name_wait *w = container_of(link, struct name_wait, link);

		w->ready(w);
	}
}

static void on_looked_up(uv_work_t *work, int status)
{
	static const struct addresses none;
	struct lookup *l = container_of(work, struct lookup, work);

	if (l->name != NULL)
		name_looked_up(l->name, status == 0 ? &l->found : &none);
	mem_free(l);
}

static void name_look(struct name *n)
{
	if (n->lookup != NULL)
		return;
	timer_stop(&n->again);
	n->lookup = mem_calloc(1, sizeof *n->lookup);
	n->lookup->name = n;
	memcpy(n->lookup->host, n->host, sizeof n->host);
	uv_loop_t *uv = loop_uv(n->resolver->loop);
	ensure(uv_queue_work(uv, &n->lookup->work, look_up, on_looked_up) == 0);
}

static void on_again(struct timer *t)
{
	name_look(container_of(t, struct name, again));
}

static struct name *name_create(struct resolver *r, struct str host)
{
	struct name *n = mem_calloc(1, sizeof *n);

	ensure(host.len <= HOST_MAX);
	memcpy(n->host, host.p, host.len);
	n->resolver = r;
	list_init(&n->waiting);
	timer_init(r->loop, &n->again, on_again);
	list_add(&r->names, &n->link);
	name_recall(n);
	name_look(n);
	return n;
}

static void name_destroy(struct name *n)
{
	ensure(list_empty(&n->waiting));
	timer_finish(&n->again);
	if (n->lookup != NULL) {
		n->lookup->name = NULL;
		uv_cancel((uv_req_t *)&n->lookup->work);
	}
	mem_free(n);
}

struct resolver *resolver_create(struct loop *l, const struct http_memory *memory)
{
	struct resolver *r = mem_calloc(1, sizeof *r);

	r->loop = l;
	r->memory = *memory;
	list_init(&r->names);
	return r;
}

void resolver_destroy(struct resolver *r)
{
	struct list *link;

	if (r == NULL)
		return;
	while ((link = list_take(&r->names)) != NULL)
		name_destroy(container_of(link, struct name, link));
	mem_free(r);
}

struct name *resolver_name(struct resolver *r, struct str host)
{
	for (struct list *link = r->names.next; link != &r->names; link = link->next) {
		struct name *n = container_of(link, struct name, link);

		if (str_ieq(host, str_of(n->host)))
			return n;
	}
	return name_create(r, host);
}

bool name_known(const struct name *n)
{
	return n->known.nr > 0;
}

enum rank { WORKED, UNTRIED, FAILED, RANK_NR };

static enum rank rank_of(const struct name *n, unsigned i)
{
	if (strcmp(n->known.text[i], n->worked) == 0)
		return WORKED;
	return n->bad_until[i] > clock_boot_ms() ? FAILED : UNTRIED;
}

struct addresses name_addresses(const struct name *n)
{
	struct addresses to = { .nr = 0 };

	for (enum rank rank = WORKED; rank < RANK_NR; rank++)
		for (unsigned i = 0; i < n->known.nr; i++)
			if (rank_of(n, i) == rank)
				memcpy(to.text[to.nr++], n->known.text[i], ADDRESS_SIZE);
	return to;
}

void name_report(struct name *n, const char *address, bool worked)
{
	unsigned i = place_of(&n->known, address);

	if (i == ADDRESSES_MAX)
		return;
	n->bad_until[i] = worked ? 0 : clock_boot_ms() + ADDRESS_BAD_MS;
	if (worked)
		memcpy(n->worked, n->known.text[i], ADDRESS_SIZE);
	else if (strcmp(n->worked, address) == 0)
		n->worked[0] = '\0';
}

void name_wait(struct name *n, struct name_wait *w, void (*ready)(struct name_wait *))
{
	w->ready = ready;
	list_add(&n->waiting, &w->link);
	name_look(n);
}
