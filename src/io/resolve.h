/*
 * resolve.h - host names to addresses, ahead of need (all of getaddrinfo).
 *
 * A name is looked up when it is first asked for and again every minute, in a
 * thread of libuv's.  When a lookup fails or hangs, the last good addresses stay.
 */
#ifndef RESOLVE_H
#define RESOLVE_H

#include "base/list.h"
#include "base/str.h"
#include "io/http.h"
#include "io/loop.h"

#include <netdb.h>
#include <netinet/in.h>

struct resolver;
struct name;

/* memory: see http_conf, which it is a copy of. */
struct resolver *resolver_create(struct loop *l, const struct http_memory *memory);

/* A lookup that still hangs is left to itself. */
void resolver_destroy(struct resolver *r);

/* Finds the name or begins to resolve it.  Lives as long as the resolver. */
struct name *resolver_name(struct resolver *r, struct str host);

enum {
	ADDRESSES_MAX = 8,
	ADDRESS_SIZE = INET6_ADDRSTRLEN,
	ADDRESS_BAD_MS = 60 * 1000, /* so long after a failure an address is tried last */
};

/* Of one name, as text: "1.2.3.4", "2001:db8::1". */
struct addresses {
	unsigned nr;
	char text[ADDRESSES_MAX][ADDRESS_SIZE];
};

/*
 * In the order to try: the one that worked last, then the others as the system gave
 * them, then those that failed within the last minute.  Empty if none was ever found.
 */
struct addresses name_addresses(const struct name *n);
bool name_known(const struct name *n);

/* How a connection to one of them came out. */
void name_report(struct name *n, const char *address, bool worked);

/*
 * ready() is called once, later, when a lookup has ended, whether or not it found
 * something.  Begins one if none is under way.  list_remove(&w->link) to leave.
 */
struct name_wait {
	void (*ready)(struct name_wait *);
	struct list link; /* name.waiting */
};

void name_wait(struct name *n, struct name_wait *w, void (*ready)(struct name_wait *));

/* How long after a lookup the next one begins.  Shorter in tests. */
struct resolve_pace {
	int found_ms;
	int kept_ms; /* it failed, and older addresses are in use */
	int lost_ms; /* it failed, and there are none */
};

extern struct resolve_pace resolve_pace;

/* getaddrinfo(); called in another thread.  Tests put a dead or hung one here. */
extern int (*resolve_getaddrinfo)(const char *host, const char *service,
				  const struct addrinfo *hints, struct addrinfo **ret_found);

#endif
