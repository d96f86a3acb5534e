/*
 * route.h - from an endpoint to its handler, by a table.
 */
#ifndef WEB_ROUTE_H
#define WEB_ROUTE_H

#include "web/request.h"

enum {
	ROUTE_GET = 1,     /* GET is allowed */
	ROUTE_POST = 2,    /* POST is allowed */
	ROUTE_FIELDS = 4,  /* the fields are read before start() is called */
	ROUTE_PERSONAL = 8 /* POST, and GET only where `accept_get` is on */
};

struct route {
	const char *endpoint;  /* "identify" */
	unsigned    flags;
	void      (*start)(struct req *r);
};

struct route_conf {
	const struct route *routes;      /* ends with a row without endpoint */
	const char         *prefix;      /* "" or "/face": must stand before the endpoint */
	bool                accept_get;
};

/* Answers 404, 405, 400, 413 or 415 by itself, or starts the handler. */
void route_request(const struct route_conf *conf, struct req *r);

#endif
