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
	const struct conf *conf = wx_conf(app_of(r)->wx);

	struct json_out *o = reply_begin(r, web_reason(w->ok ? REASON_OK : REASON_BUSY), NULL);
	json_put_str(o, "store", str_of(w->store));
	json_open_object(o, "token");
	for (unsigned i = 0; i < conf->app_nr; i++)
		json_put_str(o, conf->apps[i].appid, str_of(w->token[i]));
	json_close_object(o);
	json_put_str(o, "wechat", str_of(w->wechat));
	reply_send(r);
}

void ready_start(struct req *r)
{
	struct ready *ready = app_alloc(r, sizeof *ready);

	if (ready == NULL)
		return;
	ready->req = r;
	wx_ready(app_of(r)->wx, &ready->ready, on_ready);
}
