/*
 * limits.h - what a worker can serve within the limits of its process, and giving back the
 * memory that a peak took.
 *
 * A request in flight takes up to 130 KiB, most of it libcurl's and OpenSSL's for the
 * connection to WeChat.  Where the process has a limit (ulimit -v, ulimit -d), requests
 * beyond it are answered 503 before memory is asked for.  A cgroup's limit (MemoryMax=)
 * is for all its processes together and not looked at here: set in_flight by it.
 */
#ifndef LIMITS_H
#define LIMITS_H

#include "io/loop.h"
#include "web/fcgi.h"

/*
 * Requests in flight that there is memory for: at most `wanted`; 0: not even for one.  Call
 * it when all else is open, the segment above all.  Less than wanted is said in the log.
 */
unsigned limits_in_flight(unsigned wanted);

/*
 * Connections of web servers that there are descriptors for, when each request in flight may
 * have a call to each of so many hosts, and each host an idle connection beside each call's.
 * 0: too few to work with, which is in the log.
 */
unsigned limits_connections(unsigned in_flight, unsigned hosts);

/*
 * Looks every 10 s, and 30 to 40 s after the last peak gives the system back what it left in
 * malloc's hands: libcurl's idle connections are closed by then.  fcgi has to outlive it.
 */
struct memory_watch {
	struct timer timer;
	struct fcgi *fcgi;
	unsigned quiet; /* looks in a row without a peak */
	bool held;      /* there was one, nothing has been given back since */
};

void memory_watch_start(struct memory_watch *m, struct loop *l, struct fcgi *fcgi);
void memory_watch_finish(struct memory_watch *m);

#endif
