/*
 * app_local.h - what the endpoints share: the app itself, and each one's start.
 */
#ifndef APP_LOCAL_H
#define APP_LOCAL_H

#include "app/app.h"
#include "web/route.h"

struct app {
	struct wx *wx;
	struct route_conf routes;
};

static inline struct app *app_of(const struct req *r)
{
	return r->app;
}

/*
 * What an endpoint keeps of a request while it lasts, zeroed.  NULL: the request itself
 * has used up its memory, and has been answered.
 */
void *app_alloc(struct req *r, size_t size);

/* Each takes over the request and ends it by one reply. */
void login_start(struct req *r);
void identify_start(struct req *r);
void verify_start(struct req *r);
void result_start(struct req *r);
void session_start(struct req *r);
void cancel_start(struct req *r);
void health_start(struct req *r);
void ready_start(struct req *r);

#endif
