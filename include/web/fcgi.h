/*
 * fcgi.h - the FastCGI responder: the listening socket, its connections, libfcgi.
 *
 * Rule: libfcgi never reads a byte that web/wire.c has not seen whole and well
 * formed, and never waits.  Bytes are taken from a connection into a buffer of
 * ours, walked, and only a complete request is fed to libfcgi (through one end of
 * a socketpair); before the answer is written libfcgi gets the real connection.
 * Management records, half requests and everything malformed are dealt with here,
 * by the specification.
 */
#ifndef WEB_FCGI_H
#define WEB_FCGI_H

#include "io/loop.h"
#include "web/request.h"

struct fcgi;

struct fcgi_conf {
	/* gets every request after req_read_params(); ends it by a reply, now or later */
	void (*handle)(struct req *r);
	void *app;              /* becomes req.app */
	bool sandbox;           /* mark every answer so */
	unsigned in_flight_max; /* more are answered 503 at once */
	/*
	 * More wait in the listening socket's queue until others close; kept ones that have
	 * been silent for a second are closed for them.  0: as many as there are descriptors.
	 */
	unsigned connections_max;
	int request_ms; /* from a request's first byte to its last */
	int idle_ms;    /* a kept connection without a request; 0 = for ever */
};

/*
 * listen_fd is made non-blocking and stays the caller's.  conf is copied.  From
 * here on SIGPIPE is ignored, as libfcgi uses write().  The environment variable
 * FCGI_WEB_SERVER_ADDRS, when set, lists the addresses from which TCP connections
 * are taken: ERR_SYNTAX if one of them is none.  ERR_SYSTEM: no descriptors, or
 * net.core.wmem_max is too small for one request.
 */
enum err fcgi_create(struct loop *l, int listen_fd, const struct fcgi_conf *conf,
		     struct fcgi **ret_fcgi) MUST_CHECK;

/*
 * Accept nothing more, finish what is in flight, close each connection after its
 * answer, and the idle ones after a second without a request; then drained() is
 * called once.
 */
void fcgi_drain(struct fcgi *f, void (*drained)(void *app));

/* After it has drained. */
void fcgi_destroy(struct fcgi *f);

struct fcgi_stats {
	/* since the start */
	uint64_t accepted, requests;
	uint64_t refused; /* connections: address, bytes, slowness; requests: form, limits */
	uint64_t aborted; /* the web server had gone, or did not take the answer */
	/* now */
	unsigned connections, in_flight;
	unsigned in_flight_peak; /* the highest since fcgi_stats() was last called */
};
void fcgi_stats(struct fcgi *f, struct fcgi_stats *ret);

#endif
