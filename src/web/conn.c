/*
 * One connection of a web server.
 *
 *            +------- more ------+
 *            v                   |
 *   open -> reading -- whole --> busy -- answered --> idle (kept) or closed
 *            ^                                          |
 *            +---------------- first byte --------------+
 *
 * Asleep in reading (a request's deadline runs), in idle (the idle time runs, if
 * any) and in busy, where the connection is left alone until the handler replies.
 */
#include "conn.h"
#include "base/clock.h"
#include "base/mem.h"
#include "web/reply.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * How long a connection that has to go waits for a request in silence.  Closing one at once
 * fails a request: a busy web server may have begun to send it before it looks whether
 * we are still there, and does not send it twice.
 */
enum { SILENCE_MS = 1000 };

struct conn {
	struct fcgi *fcgi;
	struct list link; /* fcgi.conns */
	int fd;
	bool busy;            /* a request is with its handler */
	bool kept;            /* it has had a request */
	bool timed;           /* the deadline of a request is running */
	int64_t silent_since; /* boot clock; counts while it is idle and kept */
	struct watch watch;   /* made when first waited for: most connections never do */
	struct timer timer;
	struct wire wire;
	char *rest; /* what came behind the request that is being handled */
	size_t rest_len;
	struct task again;
};

/* A request and where its answer goes. */
struct exchange {
	struct req req;
	struct conn *conn;
};

static void receive(struct conn *c);
static void digest(struct conn *c, struct str bytes);

static void conn_close(struct conn *c)
{
	struct fcgi *f = c->fcgi;

	watch_finish(&c->watch);
	timer_finish(&c->timer);
	close(c->fd);
	wire_finish(&c->wire);
	mem_free(c->rest);
	list_remove(&c->link);
	mem_free(c);
	fcgi_conn_closed(f);
}

static void refuse(struct conn *c)
{
	c->fcgi->stats.refused++;
	conn_close(c);
}

/* ---- waiting ---- */

/* Somebody speaks while we are busy: the next request, or a hang-up.  Both can wait. */
static void on_ready(struct watch *w, unsigned events)
{
	struct conn *c = container_of(w, struct conn, watch);

	(void)events;
	if (c->busy)
		watch_stop(w);
	else
		receive(c);
}

static void wait_for_more(struct conn *c);

/* For a connection between two requests, unless the next one has come just now. */
static void part(struct conn *c)
{
	char byte;

	if (recv(c->fd, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT) > 0)
		wait_for_more(c);
	else
		conn_close(c);
}

static void on_late(struct timer *t)
{
	struct conn *c = container_of(t, struct conn, timer);

	if (wire_idle(&c->wire))
		part(c);
	else
		refuse(c);
}

/*
 * A new connection is a request that is about to come, so its deadline runs from
 * the start; a kept one may be silent for longer.
 */
static void start_timer(struct conn *c)
{
	const struct fcgi_conf *conf = &c->fcgi->conf;
	bool idle = wire_idle(&c->wire);

	if (c->timer.uv == NULL)
		timer_init(c->fcgi->loop, &c->timer, on_late);
	if (idle && c->fcgi->draining) {
		timer_start(&c->timer, SILENCE_MS);
	} else if (idle && c->kept) {
		c->timed = false;
		c->silent_since = clock_boot_ms();
		timer_stop(&c->timer);
		if (conf->idle_ms > 0)
			timer_start(&c->timer, conf->idle_ms);
	} else if (!c->timed) {
		c->timed = true;
		timer_start(&c->timer, conf->request_ms);
	}
}

static void wait_for_more(struct conn *c)
{
	if (c->watch.uv == NULL && watch_init(c->fcgi->loop, &c->watch, c->fd, on_ready) != OK) {
		refuse(c);
		return;
	}
	start_timer(c);
	watch_start(&c->watch, WATCH_READ);
}

/* ---- a request ---- */

static void exchange_free(struct exchange *x)
{
	arena_finish(&x->req.arena);
	mem_free(x);
}

static void on_again(struct task *t)
{
	struct conn *c = container_of(t, struct conn, again);
	char *rest = c->rest;

	c->busy = false;
	c->rest = NULL;
	digest(c, (struct str){ rest, c->rest_len });
	mem_free(rest);
}

/* Answered: what now?  By a task, as many small requests may have come at once. */
static void settle(struct conn *c)
{
	if (c->rest != NULL) {
		loop_defer(c->fcgi->loop, &c->again, on_again);
		return;
	}
	c->busy = false;
	if (c->fcgi->draining)
		part(c);
	else
		wait_for_more(c);
}

/* The one end of every request (req.end). */
static void on_end(struct req *r, struct str head, struct str body)
{
	struct exchange *x = container_of(r, struct exchange, req);
	struct conn *c = x->conn;
	struct fcgi *f = c->fcgi;
	bool sent = fcgi_answer(f, c->fd, c->wire.id, head, body);

	exchange_free(x);
	f->stats.in_flight--;
	if (!sent)
		f->stats.aborted++;
	if (sent && c->wire.keep)
		settle(c);
	else
		conn_close(c);
}

/* What is wrong with a request before any handler sees it, and what to do instead. */
struct wrong {
	enum web_reason reason; /* REASON_OK: nothing */
	const char *hint;
};

static struct wrong judge(const struct fcgi *f, enum wire_fault fault, enum err err)
{
	static const struct wrong faults[] = {
		[WIRE_BAD_PARAMS] = { REASON_BAD_REQUEST,
				      "a parameter of the web server has no name, or NUL in it" },
		[WIRE_LARGE_PARAMS] = { REASON_HEADER_TOO_LARGE, "send fewer or shorter headers: "
								 "128 of 8 KiB, 64 KiB in all" },
		[WIRE_LARGE_BODY] = { REASON_BODY_TOO_LARGE, "send at most 16 KiB" },
	};

	if (fault != WIRE_FINE)
		return faults[fault];
	if (err != OK)
		return (struct wrong){
			REASON_BAD_REQUEST,
			"a header or parameter that counts is missing or came twice, "
			"or CONTENT_LENGTH is not the body's"
		};
	if (f->stats.in_flight > f->conf.in_flight_max)
		return (struct wrong){ REASON_BUSY, NULL };
	return (struct wrong){ REASON_OK, NULL };
}

static void handle(struct conn *c, struct req *r)
{
	struct fcgi *f = c->fcgi;
	struct wrong wrong = judge(f, c->wire.fault, req_read_params(r));

	r->sandbox = f->conf.sandbox;
	if (wrong.reason == REASON_OK) {
		f->conf.handle(r);
		return;
	}
	f->stats.refused++;
	reply_reason(r, web_reason(wrong.reason), wrong.hint);
}

/* c and the request may be gone afterwards. */
static void dispatch(struct conn *c)
{
	struct fcgi *f = c->fcgi;
	struct exchange *x = mem_calloc(1, sizeof *x);

	x->conn = c;
	x->req.app = f->conf.app;
	x->req.end = on_end;
	arena_init(&x->req.arena, REQ_ARENA_MAX);
	enum err err = fcgi_parse(f, &c->wire, &x->req);
	wire_release(&c->wire);
	if (err != OK) {
		exchange_free(x);
		refuse(c);
		return;
	}
	if (c->timer.uv != NULL)
		timer_stop(&c->timer);
	c->timed = false;
	c->busy = c->kept = true;
	f->stats.requests++;
	f->stats.in_flight++;
	if (f->stats.in_flight > f->stats.in_flight_peak)
		f->stats.in_flight_peak = f->stats.in_flight;
	handle(c, &x->req);
}

/* ---- bytes ---- */

static bool send_answer(struct conn *c)
{
	const struct wire *w = &c->wire;

	return send(c->fd, w->answer, w->answer_len, MSG_DONTWAIT | MSG_NOSIGNAL) ==
	       (ssize_t)w->answer_len;
}

static void stash(struct conn *c, struct str bytes)
{
	if (bytes.len == 0)
		return;
	c->rest = memcpy(mem_alloc(bytes.len), bytes.p, bytes.len);
	c->rest_len = bytes.len;
}

/* c may be gone afterwards. */
static void digest(struct conn *c, struct str bytes)
{
	for (;;) {
		switch (wire_walk(&c->wire, &bytes)) {
		case WIRE_MORE:
			wait_for_more(c);
			return;
		case WIRE_REQUEST:
			stash(c, bytes);
			dispatch(c);
			return;
		case WIRE_ANSWER:
			if (send_answer(c))
				break;
			c->fcgi->stats.aborted++;
			conn_close(c);
			return;
		case WIRE_FAREWELL:
			send_answer(c);
			conn_close(c);
			return;
		case WIRE_CLOSE:
			refuse(c);
			return;
		}
	}
}

/* The other side has closed, or the connection broke. */
static void on_gone(struct conn *c)
{
	if (!wire_idle(&c->wire))
		c->fcgi->stats.aborted++;
	conn_close(c);
}

static void receive(struct conn *c)
{
	struct fcgi *f = c->fcgi;
	ssize_t n = recv(c->fd, f->scratch, sizeof f->scratch, MSG_DONTWAIT);

	if (n > 0) {
		digest(c, (struct str){ (const char *)f->scratch, (size_t)n });
		explicit_bzero(f->scratch, (size_t)n);
	} else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		wait_for_more(c);
	} else {
		on_gone(c);
	}
}

void conn_open(struct fcgi *f, int fd)
{
	struct conn *c = mem_calloc(1, sizeof *c);

	c->fcgi = f;
	c->fd = fd;
	wire_init(&c->wire, f->conf.in_flight_max);
	list_add(&f->conns, &c->link);
	f->stats.connections++;
	receive(c); /* web servers write at once, so the request is mostly there */
}

/*
 * Each then waits for a request, for a moment, and is closed after its answer.
 * Receiving may close any of them, so no place in the list is held on to.
 */
void conns_drain(struct fcgi *f)
{
	struct list *link;

	for (unsigned n = f->stats.connections; n > 0; n--) {
		link = list_take(&f->conns);
		if (link == NULL)
			return;
		list_add(&f->conns, link);
		struct conn *c = container_of(link, struct conn, link);
		if (!c->busy)
			receive(c);
	}
}

/* As parting may close a connection, its successor is looked up before. */
void conns_make_room(struct fcgi *f)
{
	int64_t since = clock_boot_ms() - SILENCE_MS;
	struct list *next;

	for (struct list *link = f->conns.next; link != &f->conns; link = next) {
		struct conn *c = container_of(link, struct conn, link);

		next = link->next;
		if (!c->busy && c->kept && wire_idle(&c->wire) && c->silent_since <= since)
			part(c);
	}
}
