/* Host names kept resolved, in libuv's threads. */
#include "resolve.h"

#include "base/mem.h"
#include "loop_uv.h"
#include "origin.h"

#include <arpa/inet.h>

struct resolver {
	struct loop *loop;
	struct list names; /* name.link */
};

/* Of its own, as its thread may outlive the name. */
struct lookup {
	uv_work_t work;
	struct name *name; /* NULL: nobody wants it any more */
	char host[HOST_MAX + 1];
	char addresses[ADDRESSES_SIZE];
};

struct name {
	struct resolver *resolver;
	struct list link;      /* resolver.names */
	struct list waiting;   /* name_wait.link */
	struct lookup *lookup; /* NULL: none under way */
	struct timer again;
	char *addresses; /* NULL: none found yet */
	char host[HOST_MAX + 1];
};

struct resolve_pace resolve_pace = { .found_ms = 60 * 1000, .kept_ms = 10 * 1000, .lost_ms = 1000 };

int (*resolve_getaddrinfo)(const char *host, const char *service, const struct addrinfo *hints,
			   struct addrinfo **ret_found) = getaddrinfo;

static bool address_text(const struct addrinfo *a, char text[INET6_ADDRSTRLEN])
{
	const struct sockaddr_in *v4 = (const void *)a->ai_addr;
	const struct sockaddr_in6 *v6 = (const void *)a->ai_addr;

	switch (a->ai_family) {
	case AF_INET:
		return inet_ntop(AF_INET, &v4->sin_addr, text, INET6_ADDRSTRLEN) != NULL;
	case AF_INET6:
		return inet_ntop(AF_INET6, &v6->sin6_addr, text, INET6_ADDRSTRLEN) != NULL;
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
	struct addrinfo *found;
	char text[INET6_ADDRSTRLEN];
	size_t len = 0;

	if (resolve_getaddrinfo(l->host, NULL, &hints, &found) != 0)
		return;
	unsigned n = 0;
	for (const struct addrinfo *a = found; a != NULL && n < ADDRESSES_MAX; a = a->ai_next)
		if (address_text(a, text))
			len += (size_t)snprintf(l->addresses + len, sizeof l->addresses - len,
						"%s%s", n++ == 0 ? "" : ",", text);
	freeaddrinfo(found);
}

static void name_looked_up(struct name *n, const char *addresses)
{
	struct list *link;

	n->lookup = NULL;
	if (addresses[0] != '\0') {
		mem_free(n->addresses);
		n->addresses = mem_strdup(addresses);
		timer_start(&n->again, resolve_pace.found_ms);
	} else {
		timer_start(&n->again,
			    n->addresses != NULL ? resolve_pace.kept_ms : resolve_pace.lost_ms);
	}
	while ((link = list_take(&n->waiting)) != NULL) {
		struct name_wait *w = container_of(link, struct name_wait, link);

		w->ready(w);
	}
}

static void on_looked_up(uv_work_t *work, int status)
{
	struct lookup *l = container_of(work, struct lookup, work);

	if (l->name != NULL)
		name_looked_up(l->name, status == 0 ? l->addresses : "");
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
	mem_free(n->addresses);
	mem_free(n);
}

struct resolver *resolver_create(struct loop *l)
{
	struct resolver *r = mem_calloc(1, sizeof *r);

	r->loop = l;
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

const char *name_addresses(const struct name *n)
{
	return n->addresses;
}

void name_wait(struct name *n, struct name_wait *w, void (*ready)(struct name_wait *))
{
	w->ready = ready;
	list_add(&n->waiting, &w->link);
	name_look(n);
}
