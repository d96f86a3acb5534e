/*
 * conn.h - between web/fcgi.c (the listener, libfcgi) and web/conn.c (connections).
 */
#ifndef WEB_CONN_H
#define WEB_CONN_H

#include "base/list.h"
#include "io/loop.h"
#include "peers.h"
#include "web/fcgi.h"
#include "web/wire.h"

enum { FCGI_SCRATCH = 64 * 1024 };

struct fcgi {
	struct loop *loop;
	struct fcgi_conf conf;
	struct fcgi_stats stats;
	struct peers peers;
	struct list conns; /* conn.link */

	int listen_fd;
	struct watch listener;
	struct timer pause;  /* until we accept again */
	bool paused;         /* it runs */
	int64_t quiet_until; /* boot clock: no word about descriptors before */

	int feed[2]; /* what is written to the first, libfcgi reads from the second */
	unsigned char scratch[FCGI_SCRATCH]; /* what has just come, of whichever connection */

	bool draining;
	struct task done;
	void (*drained)(void *app);
};

/* ---- web/conn.c ---- */

/* Takes the descriptor over; may have handled a request before it returns. */
void conn_open(struct fcgi *f, int fd);

/* Takes what has come already, then closes all those that are idle. */
void conns_drain(struct fcgi *f);

/* Closes kept ones that have been silent for a second. */
void conns_make_room(struct fcgi *f);

/* ---- web/fcgi.c ---- */

/*
 * Hands a whole request to libfcgi and takes parameters and body out again, into
 * r's arena.  libfcgi holds nothing of it afterwards.
 */
enum err fcgi_parse(struct fcgi *f, const struct wire *w, struct req *r) MUST_CHECK;

/* False when the connection did not take all of it at once; close it then. */
bool fcgi_answer(struct fcgi *f, int fd, uint16_t id, struct str head, struct str body);

/* A connection has been closed. */
void fcgi_conn_closed(struct fcgi *f);

#endif
