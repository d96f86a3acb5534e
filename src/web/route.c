/* The way from a path and a method to a handler. */
#include "web/route.h"
#include "web/reply.h"

static const struct route *find(const struct route_conf *conf, struct str endpoint)
{
	for (const struct route *row = conf->routes; row->endpoint != NULL; row++)
		if (str_is(endpoint, row->endpoint))
			return row;
	return NULL;
}

/* path is prefix, slash, endpoint; without a prefix any may stand there. */
static bool under_prefix(const char *prefix, const struct req *r)
{
	struct str want = str_of(prefix);
	size_t before = r->path.len - r->endpoint.len;

	if (want.len == 0)
		return true;
	return before == want.len + 1 && str_starts(r->path, want) && r->path.p[want.len] == '/';
}

/*
 * The methods a row takes: what Allow says, and what the 405 tells the developer.
 * HEAD goes where GET is for looking only; where GET acts, nobody would see how.
 */
struct methods {
	bool get, head, post;
	const char *allow, *hint;
};

#define SEND_POST "send POST: wx.request({ method: 'POST', ... })"

static struct methods methods_of(const struct route_conf *conf, unsigned flags)
{
	bool post = (flags & (ROUTE_POST | ROUTE_PERSONAL)) != 0;

	if ((flags & ROUTE_GET) != 0 && post)
		return (struct methods){ true, true, true, "GET, HEAD, POST", "send GET or POST" };
	if ((flags & ROUTE_GET) != 0)
		return (struct methods){ true, true, false, "GET, HEAD", "send GET" };
	if ((flags & ROUTE_PERSONAL) != 0 && conf->accept_get)
		return (struct methods){ true, false, true, "GET, POST", "send POST or GET" };
	return (struct methods){ false, false, true, "POST", SEND_POST };
}

static bool allows(const struct methods *m, struct str method)
{
	return (m->get && str_is(method, "GET")) || (m->head && str_is(method, "HEAD")) ||
	       (m->post && str_is(method, "POST"));
}

/* Where GET is not taken, nothing may stand in the URL: it ends up in access logs. */
static void start(const struct route *row, const struct methods *m, struct req *r)
{
	const struct reason *why;
	const char *hint;

	if (!m->get && req_param(r, "QUERY_STRING").len > 0)
		reply_reason(r, web_reason(REASON_BAD_REQUEST),
			     "send the fields in the body, not in the URL, which web servers log");
	else if ((row->flags & ROUTE_FIELDS) != 0 && req_read_fields(r, &why, &hint) != OK)
		reply_reason(r, why, hint);
	else
		row->start(r);
}

void route_request(const struct route_conf *conf, struct req *r)
{
	const struct route *row = under_prefix(conf->prefix, r) ? find(conf, r->endpoint) : NULL;

	if (row == NULL) {
		reply_reason(r, web_reason(REASON_NOT_FOUND),
			     "the last segment of the path names the endpoint");
		return;
	}
	if (r->log != NULL)
		log_word(r->log, "endpoint", row->endpoint);
	struct methods m = methods_of(conf, row->flags);
	if (allows(&m, r->method)) {
		start(row, &m, r);
		return;
	}
	r->reply.allow = m.allow;
	reply_reason(r, web_reason(REASON_METHOD), m.hint);
}
