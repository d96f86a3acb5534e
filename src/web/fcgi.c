/*
 * The listening socket, and all of libfcgi.
 *
 * libfcgi's own idea is a blocking process per request.  Here it parses and writes,
 * and nothing else: a request that web/wire.c found whole is written to one end of
 * a socketpair, and libfcgi "accepts" the other end.  Both ends are nonblocking, so
 * it could not wait even if it wanted to.  Parameters and body are copied and it
 * lets go, as an FCGX_Request holds 17 KB; for the answer it accepts 24 bytes that
 * are always the same and is then given the real connection to write to.  Closing is
 * ours: FCGX_Finish_r() closes after an error, so nobody calls it here.
 */
#include "web/fcgi.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "conn.h"
#include "web/reply.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

enum {
	ACCEPT_BURST = 8, /* connections a wake-up, so that every worker gets some */
	ACCEPT_PAUSE_MS = 100,
	SCARCE_QUIET_MS = 60 * 1000, /* being out of descriptors is said once in that time */
	ACCEPT_STUCK_MS = 10,        /* how long an accept4() that should not wait can */
	SEND_BUFFER = 4 * REPLY_MAX, /* a whole answer, and the kernel's overhead */
};

/* ---- libfcgi ---- */

static enum err open_feed(struct fcgi *f)
{
	int want = 2 * WIRE_REQUEST_MAX, have = 0;
	socklen_t len = sizeof have;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, f->feed) != 0)
		return ERR_SYSTEM;
	setsockopt(f->feed[0], SOL_SOCKET, SO_SNDBUF, &want, sizeof want);
	getsockopt(f->feed[0], SOL_SOCKET, SO_SNDBUF, &have, &len);
	return have >= want ? OK : ERR_SYSTEM;
}

static void close_feed(struct fcgi *f)
{
	for (int i = 0; i < 2; i++)
		if (f->feed[i] >= 0)
			close(f->feed[i]);
	f->feed[0] = f->feed[1] = -1;
}

/*
 * Makes libfcgi accept these bytes.  listen_sock is -1 and the descriptors do not
 * block, so whatever happens it comes back at once.  Where it does not like them
 * (wire.c and it would have to disagree) it has closed its end: then a new pair.
 */
static enum err accept_bytes(struct fcgi *f, FCGX_Request *x, const void *bytes, size_t n)
{
	FCGX_InitRequest(x, -1, 0);
	x->ipcFd = f->feed[1];
	x->keepConnection = 1;
	FCGX_Detach(x); /* or closing would wait for the other side */
	if (send(f->feed[0], bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)n) {
		if (FCGX_Accept_r(x) == 0)
			return OK;
		f->feed[1] = -1;
	}
	close_feed(f);
	return open_feed(f) == OK ? ERR_SYNTAX : ERR_SYSTEM;
}

/* The list of NAME=VALUE begins with FCGI_ROLE, which libfcgi puts there. */
static void copy_params(struct req *r, char **envp)
{
	size_t nr = 0;

	while (envp[nr + 1] != NULL)
		nr++;
	r->params = arena_alloc(&r->arena, nr * sizeof *r->params);
	if (r->params == NULL)
		return;
	for (char **e = envp + 1; *e != NULL; e++) {
		struct str pair = arena_str(&r->arena, str_of(*e));
		const char *equals = pair.p == NULL ? NULL : strchr(pair.p, '=');
		explicit_bzero(*e, strlen(*e)); /* a query string can hold a name */
		if (equals == NULL)
			continue;
		size_t name = (size_t)(equals - pair.p);
		r->params[r->param_nr++] = (struct param){
			.name = { pair.p, name },
			.value = { equals + 1, pair.len - name - 1 },
		};
	}
}

static enum err copy_body(struct req *r, FCGX_Stream *in, size_t len)
{
	char *body = arena_alloc(&r->arena, len + 1);

	if (body == NULL)
		return ERR_NOMEM;
	r->body = (struct str){ body, len };
	if (FCGX_GetStr(body, (int)len, in) != (int)len)
		return ERR_SYNTAX;
	return FCGX_GetChar(in) == EOF && FCGX_GetError(in) == 0 ? OK : ERR_SYNTAX;
}

/*
 * A name or a token that went through a stream still is in its buffer, wherever in it: a
 * short read leaves the end of a longer one before.  This is how what `data` points to
 * begins, in all versions of libfcgi.
 */
static void wipe_stream(FCGX_Stream *s)
{
	const struct {
		unsigned char *buffer;
		int size;
	} *d = s->data;
	const unsigned char *at = s->isReader ? s->stop : s->wrNext;

	ensure(d->size > 0 && at >= d->buffer && at <= d->buffer + d->size);
	explicit_bzero(d->buffer, (size_t)d->size);
}

enum err fcgi_parse(struct fcgi *f, const struct wire *w, struct req *r)
{
	FCGX_Request x;
	enum err err = accept_bytes(f, &x, w->bytes, w->len);

	if (err != OK)
		return err;
	copy_params(r, x.envp);
	err = copy_body(r, x.in, w->body_len);
	wipe_stream(x.in);
	FCGX_Free(&x, 0);
	return arena_failed(&r->arena) ? ERR_NOMEM : err;
}

bool fcgi_answer(struct fcgi *f, int fd, uint16_t id, struct str head, struct str body)
{
	static const unsigned char any_request[] = {
		1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, /* BEGIN_REQUEST, responder */
		1, 4, 0, 1, 0, 0, 0, 0,                         /* PARAMS, none */
	};
	FCGX_Request x;

	if (accept_bytes(f, &x, any_request, sizeof any_request) != OK)
		return false;
	x.requestId = id;
	x.ipcFd = fd;
	FCGX_PutStr(head.p, (int)head.len, x.out);
	FCGX_PutStr(body.p, (int)body.len, x.out);
	bool sent = FCGX_FClose(x.err) == 0;
	sent = FCGX_FClose(x.out) == 0 && sent;
	wipe_stream(x.out);
	FCGX_Free(&x, 0);
	return sent;
}

/*
 * FCGX_Init() takes SIGPIPE, SIGUSR1 and SIGTERM where nobody else has.  Those two
 * are not its business here, and SIGPIPE may not end a worker whose peer has gone.
 */
static enum err init_library(void)
{
	struct sigaction usr1, term, ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGUSR1, NULL, &usr1);
	sigaction(SIGTERM, NULL, &term);
	int failed = FCGX_Init();
	sigaction(SIGUSR1, &usr1, NULL);
	sigaction(SIGTERM, &term, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	return failed == 0 ? OK : ERR_SYSTEM;
}

/* ---- accepting ---- */

static void pause_accepting(struct fcgi *f)
{
	f->paused = true;
	watch_stop(&f->listener);
	timer_start(&f->pause, ACCEPT_PAUSE_MS);
}

/* Others have to go first; when one does, fcgi_conn_closed() ends the pause. */
static void wait_for_descriptors(struct fcgi *f, const char *why)
{
	int64_t now = clock_boot_ms();

	pause_accepting(f);
	if (now < f->quiet_until)
		return;
	f->quiet_until = now + SCARCE_QUIET_MS;
	log_text(LOG_WARN, "descriptors",
		 "%s: %u connections are open and others wait.  Raise the limit of descriptors "
		 "(ulimit -n, LimitNOFILE= of systemd), or let the web server keep fewer "
		 "connections",
		 why, f->stats.connections);
}

static bool is_full(const struct fcgi *f)
{
	return f->conf.connections_max > 0 && f->stats.connections >= f->conf.connections_max;
}

static void welcome(struct fcgi *f, int fd, const struct sockaddr_storage *from)
{
	int size = SEND_BUFFER, on = 1;

	f->stats.accepted++;
	if (!peers_allow(&f->peers, from)) {
		f->stats.refused++;
		close(fd);
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	if (from->ss_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	conn_open(f, fd);
}

static bool is_passing(int error)
{
	return error == EINTR || error == ECONNABORTED || error == EPROTO || error == ENETDOWN ||
	       error == EHOSTUNREACH || error == ENETUNREACH || error == EPERM;
}

/*
 * The listening socket is one for all workers, and so is its O_NONBLOCK: systemd takes
 * it away whenever it starts another of them.  An accept4() that finds nothing would
 * then stop the whole loop until somebody connects, so we set it before each round; if
 * we were a moment too early the timeout, which nobody takes away, gets us out.
 */
static enum err do_not_wait(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || ((flags & O_NONBLOCK) == 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0))
		return ERR_SYSTEM;
	return OK;
}

static enum err open_listener(struct fcgi *f)
{
	const struct timeval stuck = { .tv_usec = ACCEPT_STUCK_MS * 1000 };

	if (setsockopt(f->listen_fd, SOL_SOCKET, SO_RCVTIMEO, &stuck, sizeof stuck) != 0)
		return ERR_SYSTEM;
	return do_not_wait(f->listen_fd);
}

static void accept_some(struct fcgi *f)
{
	for (int i = 0; i < ACCEPT_BURST && !f->draining; i++) {
		struct sockaddr_storage from = { .ss_family = AF_UNIX };
		socklen_t len = sizeof from;

		if (is_full(f))
			conns_make_room(f);
		if (is_full(f)) {
			wait_for_descriptors(f, "the rest is for calls to WeChat");
			return;
		}
		int fd = accept4(f->listen_fd, (struct sockaddr *)&from, &len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			welcome(f, fd, &from);
		} else if (!is_passing(errno)) {
			if (errno != EAGAIN)
				wait_for_descriptors(f, strerror(errno));
			return;
		}
	}
}

static void on_connection(struct watch *w, unsigned events)
{
	struct fcgi *f = container_of(w, struct fcgi, listener);

	(void)events;
	if (do_not_wait(f->listen_fd) == OK)
		accept_some(f);
	else
		pause_accepting(f);
}

static void on_pause_over(struct timer *t)
{
	struct fcgi *f = container_of(t, struct fcgi, pause);

	f->paused = false;
	watch_start(&f->listener, WATCH_READ);
}

/* ---- life and end ---- */

static enum err start(struct fcgi *f)
{
	enum err err = init_library();

	if (err == OK)
		err = peers_init(&f->peers, getenv("FCGI_WEB_SERVER_ADDRS"));
	if (err == OK)
		err = open_feed(f);
	if (err == OK)
		err = open_listener(f);
	if (err == OK)
		err = watch_init(f->loop, &f->listener, f->listen_fd, on_connection);
	if (err == OK)
		watch_start(&f->listener, WATCH_READ);
	return err;
}

enum err fcgi_create(struct loop *l, int listen_fd, const struct fcgi_conf *conf,
		     struct fcgi **ret_fcgi)
{
	struct fcgi *f = mem_calloc(1, sizeof *f);

	f->loop = l;
	f->conf = *conf;
	f->listen_fd = listen_fd;
	f->feed[0] = f->feed[1] = -1;
	list_init(&f->conns);
	timer_init(l, &f->pause, on_pause_over);
	enum err err = start(f);
	if (err == OK)
		*ret_fcgi = f;
	else
		fcgi_destroy(f);
	return err;
}

void fcgi_destroy(struct fcgi *f)
{
	if (f == NULL)
		return;
	ensure(list_empty(&f->conns));
	watch_finish(&f->listener);
	timer_finish(&f->pause);
	close_feed(f);
	peers_finish(&f->peers);
	mem_free(f);
}

static void on_drained(struct task *t)
{
	struct fcgi *f = container_of(t, struct fcgi, done);

	f->drained(f->conf.app);
}

/* By a task, as this may stand below fcgi_drain(); and only once. */
static void check_drained(struct fcgi *f)
{
	if (!f->draining || f->stats.connections > 0 || f->done.run != NULL)
		return;
	loop_defer(f->loop, &f->done, on_drained);
}

void fcgi_conn_closed(struct fcgi *f)
{
	f->stats.connections--;
	if (f->paused && !f->draining)
		timer_start(&f->pause, 0);
	check_drained(f);
}

void fcgi_drain(struct fcgi *f, void (*drained)(void *app))
{
	if (f->draining)
		return;
	f->draining = true;
	f->drained = drained;
	watch_stop(&f->listener);
	timer_stop(&f->pause);
	conns_drain(f);
	check_drained(f);
}

void fcgi_stats(struct fcgi *f, struct fcgi_stats *ret)
{
	*ret = f->stats;
	f->stats.in_flight_peak = f->stats.in_flight;
}
