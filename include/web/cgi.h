/*
 * cgi.h - one request of a web server that knows only CGI (RFC 3875).
 *
 * Its parameters are the environment, its body is standard input, its answer goes to
 * standard output; then the process ends.  Handlers see no difference.  Slow, as each
 * request starts a process and a connection to WeChat, but right: what workers share
 * they find by name, so these processes share it too.
 */
#ifndef WEB_CGI_H
#define WEB_CGI_H

#include "io/loop.h"
#include "web/request.h"

struct cgi;

struct cgi_conf {
	void (*handle)(struct req *r); /* gets the request; ends it by a reply */
	void *app;                     /* becomes req.app */
	bool sandbox;                  /* mark the answer so */
	int request_ms;                /* for the body to arrive */
	void (*answered)(void *app);   /* called once, after the answer was written */
};

/* Was this process started for one request? */
bool cgi_wanted(void);

/*
 * Reads the request, waiting for its body at most request_ms, and hands it to handle()
 * from the loop.  From here on SIGPIPE is ignored.
 */
struct cgi *cgi_create(struct loop *l, const struct cgi_conf *conf);

/* For a process that cannot serve at all: 503 on standard output, in both dialects. */
void cgi_away(void);

/* After answered(). */
void cgi_destroy(struct cgi *c);

#endif
