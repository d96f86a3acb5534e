/* GET /health: alive.  GET /ready: able to serve, and if not, what is missing. */
#include "app_local.h"
#include "web/reply.h"

void health_start(struct req *r)
{
	reply_reason(r, web_reason(REASON_OK), NULL);
}

struct ready {
	struct req *req;
	struct wx_ready ready;
};

static void on_ready(struct wx_ready *w)
{
	struct req *r = container_of(w, struct ready, ready)->req;

	if (!w->ok)
		r->reply.retry_after = 2;
	struct json_out *o = reply_begin(r, web_reason(w->ok ? REASON_OK : REASON_BUSY), NULL);
	json_put_str(o, "store", str_of(w->store));
	json_put_str(o, "token", str_of(w->token));
	json_put_str(o, "wechat", str_of(w->wechat));
	reply_send(r);
}

void ready_start(struct req *r)
{
	struct ready *ready = arena_alloc(&r->arena, sizeof *ready);

	if (ready == NULL) {
		reply_reason(r, web_reason(REASON_INTERNAL), NULL);
		return;
	}
	ready->req = r;
	wx_ready(app_of(r)->wx, &ready->ready, on_ready);
}
