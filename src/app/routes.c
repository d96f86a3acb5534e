/* The table of endpoints. */
#include "app_local.h"
#include "base/mem.h"
#include "web/reply.h"

/* clang-format off */
static const struct route routes[] = {
	/* endpoint    methods and what is done before start()                 start          */
	{ "login",     ROUTE_POST | ROUTE_PERSONAL | ROUTE_FIELDS,             login_start    },
	{ "identify",  ROUTE_POST | ROUTE_PERSONAL | ROUTE_FIELDS,             identify_start },
	{ "verify",    ROUTE_POST | ROUTE_PERSONAL | ROUTE_FIELDS,             verify_start   },
	{ "session",   ROUTE_POST | ROUTE_FIELDS,                              session_start  },
	{ "cancel",    ROUTE_POST | ROUTE_FIELDS,                              cancel_start   },
	{ "result",    ROUTE_POST | ROUTE_FIELDS,                              result_start   },
	{ "health",    ROUTE_GET,                                              health_start   },
	{ "ready",     ROUTE_GET,                                              ready_start    },
	{ NULL, 0, NULL },
};
/* clang-format on */

struct app *app_create(struct wx *wx)
{
	const struct conf *conf = wx_conf(wx);
	struct app *a = mem_calloc(1, sizeof *a);

	a->wx = wx;
	a->routes = (struct route_conf){
		.routes = routes,
		.prefix = conf->prefix,
		.accept_get = conf->accept_get,
	};
	return a;
}

void app_destroy(struct app *a)
{
	mem_free(a);
}

void *app_alloc(struct req *r, size_t size)
{
	void *p = arena_alloc(&r->arena, size);

	if (p == NULL)
		reply_reason(r, web_reason(REASON_BODY_TOO_LARGE), NULL);
	return p;
}

void app_handle(struct req *r)
{
	route_request(&app_of(r)->routes, r);
}
