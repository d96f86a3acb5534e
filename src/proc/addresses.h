/*
 * addresses.h - the last good addresses of the hosts that we call, kept in the segment.
 *
 * A worker that starts while the name service is dead would know none: it takes those
 * that another one found, up to a week ago.  Who is at an address is for TLS to prove.
 */
#ifndef ADDRESSES_H
#define ADDRESSES_H

#include "base/crypt.h"
#include "io/http.h"
#include "store/store.h"

struct addresses_kept {
	struct store *store;
	struct crypt *crypt;
};

/* For http_conf.memory; kept outlives the client. */
struct http_memory addresses_memory(struct addresses_kept *kept);

#endif
