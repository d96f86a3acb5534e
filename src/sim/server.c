/*
 * HTTPS by libmicrohttpd, run from a loop of ours.
 *
 *   READING --> ASLEEP --> READY --> (reply sent, or connection closed)
 *      |           ^         ^
 *      +-----------+---------+
 *
 * Asleep in ASLEEP, until the timer wakes it (late answers, drips) or the client
 * goes away (hanging ones).  on_completed() is the one exit of every exchange.
 */
#include "server.h"
#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
	BODY_FIRST = 1024,
	BODY_MAX = 64 * 1024,
	ARENA_MAX = 4 * 1024 * 1024,
	CONNECTIONS_MAX = 20000,
	IDLE_S = 20, /* as WeChat is reported to */
	EVENTS = 64,
	BLOCK_SIZE = 16 * 1024,
};

enum phase { READING, ASLEEP, READY };

struct exchange {
	struct call call;
	struct server *server;
	struct MHD_Connection *connection;
	enum phase phase;
	bool counted; /* in the ledger's in_flight */
	char *body;
	size_t body_len, body_room;
	int64_t due;      /* clock_ms(); no sense while it hangs */
	struct list link; /* server.sleeping or server.hanging */
};

struct server {
	struct sim *sim;
	struct MHD_Daemon *daemon;
	int epoll, signals;
	bool stopping;
	struct list sleeping; /* soonest first */
	struct list hanging;
};

/* The boot clock without what POST /sim/clock added: delays stay what they are. */
static int64_t clock_ms(void)
{
	return clock_boot_ms() - clock_skew_ms;
}

struct str call_arg(const struct call *c, const char *name)
{
	const struct exchange *x = container_of(c, struct exchange, call);

	return str_of(MHD_lookup_connection_value(x->connection, MHD_GET_ARGUMENT_KIND, name));
}

/* --- falling asleep and waking up --- */

/* Late answers are mostly equally late, so the place is nearly always the end. */
static void sleep_until_due(struct exchange *x)
{
	struct list *before = x->server->sleeping.prev;

	while (before != &x->server->sleeping &&
	       container_of(before, struct exchange, link)->due > x->due)
		before = before->prev;
	list_add(before->next, &x->link);
	MHD_suspend_connection(x->connection);
}

/* A suspended connection is not watched by the library, so we do. */
static void hang(struct exchange *x)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct epoll_event event = { .events = EPOLLRDHUP | EPOLLHUP, .data.ptr = x };

	list_add(&x->server->hanging, &x->link);
	MHD_suspend_connection(x->connection);
	ensure(epoll_ctl(x->server->epoll, EPOLL_CTL_ADD, info->connect_fd, &event) == 0);
}

static void wake(struct exchange *x)
{
	list_remove(&x->link);
	if (x->phase == ASLEEP)
		x->phase = READY;
	MHD_resume_connection(x->connection);
}

static void on_client_gone(struct exchange *x)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	epoll_ctl(x->server->epoll, EPOLL_CTL_DEL, info->connect_fd, NULL);
	wake(x);
}

static void wake_due(struct server *s)
{
	int64_t now = clock_ms();

	while (!list_empty(&s->sleeping)) {
		struct exchange *x = container_of(s->sleeping.next, struct exchange, link);
		if (x->due > now)
			return;
		wake(x);
	}
}

/* --- the ways of a reply --- */

static ssize_t on_drip(void *ctx, uint64_t pos, char *dst, size_t max)
{
	struct exchange *x = ctx;

	if (x->server->stopping || max == 0)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (clock_ms() < x->due) {
		sleep_until_due(x);
		return 0;
	}
	*dst = x->call.reply.body.p[pos];
	x->due = clock_ms() + x->call.reply.step_ms;
	return 1;
}

static ssize_t on_cut(void *ctx, uint64_t pos, char *dst, size_t max)
{
	const struct exchange *x = ctx;
	size_t half = x->call.reply.body.len / 2;

	if (pos >= half)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	size_t n = half - pos < max ? half - pos : max;
	memcpy(dst, x->call.reply.body.p + pos, n);
	return (ssize_t)n;
}

static ssize_t on_endless(void *ctx, uint64_t pos, char *dst, size_t max)
{
	const struct str start = STR("{\"errcode\":0,\"errmsg\":\"");
	const struct exchange *x = ctx;

	if (x->server->stopping)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	memset(dst, 'x', max);
	if (pos == 0 && max >= start.len)
		memcpy(dst, start.p, start.len);
	return (ssize_t)max;
}

static struct MHD_Response *make_response(struct exchange *x)
{
	const struct reply *r = &x->call.reply;
	char *body = (char *)(uintptr_t)r->body.p;

	switch (r->travel) {
	case TRAVEL_DRIP:
		return MHD_create_response_from_callback(r->body.len, BLOCK_SIZE, on_drip, x, NULL);
	case TRAVEL_CUT:
		return MHD_create_response_from_callback(r->body.len, BLOCK_SIZE, on_cut, x, NULL);
	case TRAVEL_ENDLESS:
		return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE, on_endless,
							 x, NULL);
	case TRAVEL_WHOLE:
		return MHD_create_response_from_buffer(r->body.len, body, MHD_RESPMEM_PERSISTENT);
	case TRAVEL_CLOSE:
	case TRAVEL_HANG:
		return NULL;
	}
	ensure(false && "travel");
}

/* MHD_NO closes the connection without another word. */
static enum MHD_Result send_reply(struct exchange *x)
{
	const struct reply *r = &x->call.reply;
	struct MHD_Response *response = make_response(x);

	if (response == NULL)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type", r->content_type);
	const struct json *h = r->headers == NULL ? NULL : r->headers->first;
	for (; h != NULL; h = h->next)
		MHD_add_response_header(response, h->key.p, h->str.p);
	enum MHD_Result queued = MHD_queue_response(x->connection, (unsigned)r->status, response);
	MHD_destroy_response(response);
	return queued;
}

/* --- requests --- */

static bool is_wechat(const struct call *c)
{
	return !str_starts(c->path, STR("/sim/"));
}

static struct exchange *exchange_create(struct server *s, struct MHD_Connection *connection,
					const char *path, const char *method)
{
	struct exchange *x = mem_calloc(1, sizeof *x);

	x->server = s;
	x->connection = connection;
	list_init(&x->link);
	x->call.sim = s->sim;
	arena_init(&x->call.arena, ARENA_MAX);
	x->call.path = arena_str(&x->call.arena, str_of(path));
	x->call.method = arena_str(&x->call.arena, str_of(method));
	x->call.has_length =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length") != NULL;
	return x;
}

static void exchange_destroy(struct exchange *x)
{
	list_remove(&x->link);
	if (x->counted)
		ledger_leave(&x->server->sim->ledger);
	arena_finish(&x->call.arena);
	mem_free(x->body);
	mem_free(x);
}

static void take_body(struct exchange *x, const char *data, size_t n)
{
	if (n > BODY_MAX - x->body_len) {
		x->call.too_large = true;
		return;
	}
	while (x->body_room < x->body_len + n) {
		x->body_room = x->body_room == 0 ? BODY_FIRST : 2 * x->body_room;
		x->body = mem_realloc(x->body, x->body_room);
	}
	memcpy(x->body + x->body_len, data, n);
	x->body_len += n;
}

/* All of it has been read: have it answered, and see how the answer travels. */
static enum MHD_Result answer(struct exchange *x)
{
	struct call *c = &x->call;

	if (is_wechat(c)) {
		ledger_enter(&x->server->sim->ledger);
		x->counted = true;
	}
	c->body = (struct str){ x->body, x->body_len };
	call_answer(c);
	if (arena_failed(&c->arena))
		return MHD_NO;
	x->phase = ASLEEP;
	if (c->reply.travel == TRAVEL_HANG) {
		hang(x);
		return MHD_YES;
	}
	if (c->reply.delay_ms > 0) {
		x->due = clock_ms() + c->reply.delay_ms;
		sleep_until_due(x);
		return MHD_YES;
	}
	x->phase = READY;
	return send_reply(x);
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *path,
				  const char *method, const char *version, const char *data,
				  size_t *size, void **state)
{
	struct exchange *x = *state;

	(void)version;
	if (x == NULL) {
		*state = exchange_create(ctx, connection, path, method);
		return MHD_YES;
	}
	if (*size > 0) {
		take_body(x, data, *size);
		*size = 0;
		return MHD_YES;
	}
	switch (x->phase) {
	case READING:
		return answer(x);
	case ASLEEP:
		return MHD_YES;
	case READY:
		return x->server->stopping ? MHD_NO : send_reply(x);
	}
	ensure(false && "phase");
}

static void on_completed(void *ctx, struct MHD_Connection *connection, void **state,
			 enum MHD_RequestTerminationCode why)
{
	(void)ctx, (void)connection, (void)why;
	if (*state != NULL)
		exchange_destroy(*state);
	*state = NULL;
}

/* Connections that end early are what this program is for: nothing to tell. */
static void on_library_log(void *ctx, const char *format, va_list args)
{
	(void)ctx, (void)format, (void)args;
}

/* --- the loop --- */

static bool watch(const struct server *s, int fd, void *ptr)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = ptr };

	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static unsigned raise_limits(void)
{
	struct rlimit limit;
	const unsigned ours = 64;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max <= ours)
		return ours;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_max > CONNECTIONS_MAX ? CONNECTIONS_MAX : (unsigned)limit.rlim_max - ours;
}

static struct MHD_Daemon *start_daemon(struct server *s, const struct tls_files *tls,
				       const struct listening *l)
{
	unsigned flags = MHD_USE_EPOLL | MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME |
			 MHD_USE_ERROR_LOG | (l->ipv6 ? MHD_USE_IPv6 : 0);

	/* clang-format off */
	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, s,
				MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL,
				MHD_OPTION_LISTEN_SOCKET, l->fd,
				MHD_OPTION_HTTPS_MEM_CERT, tls->cert,
				MHD_OPTION_HTTPS_MEM_KEY, tls->key,
				MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
				MHD_OPTION_CONNECTION_LIMIT, raise_limits(),
				MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
				MHD_OPTION_END);
	/* clang-format on */
}

static int wait_ms(struct server *s)
{
	MHD_UNSIGNED_LONG_LONG library_ms;
	int64_t wait = (int64_t)60 * SECOND_MS;

	if (MHD_get_timeout(s->daemon, &library_ms) == MHD_YES && (int64_t)library_ms < wait)
		wait = (int64_t)library_ms;
	if (!list_empty(&s->sleeping)) {
		int64_t due = container_of(s->sleeping.next, struct exchange, link)->due;
		int64_t left = due - clock_ms();
		if (left < wait)
			wait = left < 0 ? 0 : left;
	}
	return (int)wait;
}

/* The data of an event: NULL the library's own epoll, s a signal, else who hangs. */
static void turn(struct server *s)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(s->epoll, events, EVENTS, wait_ms(s));

	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr == s)
			s->stopping = true;
		else if (events[i].data.ptr != NULL)
			on_client_gone(events[i].data.ptr);
	}
	wake_due(s);
	MHD_run(s->daemon);
}

/* The library does not stop while connections are suspended. */
static void stop(struct server *s)
{
	while (!list_empty(&s->sleeping))
		wake(container_of(s->sleeping.next, struct exchange, link));
	while (!list_empty(&s->hanging))
		wake(container_of(s->hanging.next, struct exchange, link));
	MHD_run(s->daemon);
	MHD_stop_daemon(s->daemon);
}

static int open_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool start(struct server *s, const struct tls_files *tls, const struct listening *l)
{
	s->daemon = start_daemon(s, tls, l);
	if (s->daemon == NULL)
		return false;
	int library = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	if (watch(s, library, NULL) && watch(s, s->signals, s))
		return true;
	MHD_stop_daemon(s->daemon);
	return false;
}

static void serve(struct server *s, const struct listening *l)
{
	printf("benren-sim: listening on https://%s, CA in %s\n", l->name, s->sim->options->ca_out);
	fflush(stdout);
	while (!s->stopping)
		turn(s);
	stop(s);
}

bool server_run(struct sim *sim, const struct tls_files *tls, const struct listening *l)
{
	struct server s = { .sim = sim };

	list_init(&s.sleeping);
	list_init(&s.hanging);
	s.signals = open_signals();
	s.epoll = epoll_create1(EPOLL_CLOEXEC);
	bool started = s.signals >= 0 && s.epoll >= 0 && start(&s, tls, l);
	if (started)
		serve(&s, l);
	else
		fprintf(stderr, "benren-sim: libmicrohttpd did not start: %s\n", strerror(errno));
	close(s.epoll);
	close(s.signals);
	return started;
}
