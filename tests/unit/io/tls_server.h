/*
 * tls_server.h - a web server with any certificate and any manners, for tests.
 *
 * Runs in a child process on the loop of io/ and dies with its parent.  What it saw
 * stands in memory that both share.  The first word of a path says what to do:
 *
 *   /echo/TEXT   /delay/MS/TEXT   /big/BYTES   /drip   and the table `scripts`
 */
#ifndef TLS_SERVER_H
#define TLS_SERVER_H

#include "base/mem.h"
#include "base/str.h"
#include "io/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct server_seen {
	atomic_uint connections;
	atomic_uint resumed;
	atomic_uint requests; /* whole ones */
	atomic_uint bytes;    /* of requests, behind TLS */
	char last[4096];      /* the last request */
};

struct server {
	pid_t pid;
	int port;
	char base[64]; /* https://127.0.0.1:port */
	struct server_seen *seen;
};

struct server_conf {
	SSL_CTX *tls;        /* NULL: plain HTTP */
	const char *address; /* NULL: 127.0.0.1 */
	int port;            /* 0: any */
	bool reset;          /* cuts every connection at once */
};

enum then { KEEP, BYE, CUT, HANG };

#define NOT_HTTP "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
#define EVIL     "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"

/* clang-format off */
static const struct script {
	const char *path, *first, *second;  /* second: in a packet and a TLS record of its own */
	enum then then;
	int pause_ms;                       /* before second */
} scripts[] = {
	{ "/nothing",  "", NULL, CUT, 0 },
	{ "/hang",     "", NULL, HANG, 0 },
	{ "/bye",      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", NULL, BYE, 0 },
	{ "/chunked",  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", NULL, KEEP, 0 },
	{ "/unsized",  "HTTP/1.1 200 OK\r\n\r\nok", NULL, BYE, 0 },
	{ "/short",    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", NULL, BYE, 0 },
	{ "/redirect", "HTTP/1.1 302 Found\r\nLocation: /echo/x\r\nContent-Length: 0\r\n\r\n", NULL, KEEP, 0 },
	{ "/file",     "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n", NULL, KEEP, 0 },
	{ "/error",    "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>", NULL, KEEP, 0 },
	{ "/garbage",  "what is this\r\n\r\n", NULL, CUT, 0 },
	{ "/two-sizes", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 40\r\n\r\nok", NULL, CUT, 0 },
	{ "/same-size", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length:\t2 \r\n\r\nok", NULL, KEEP, 0 },
	{ "/listed-sizes", "HTTP/1.1 200 OK\r\nContent-Length: 2, 40\r\n\r\nok", NULL, CUT, 0 },
	{ "/no-size",  "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\nok", NULL, CUT, 0 },
	{ "/size-then-way", "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", NULL, CUT, 0 },
	{ "/way-then-size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 12\r\n\r\n2\r\nok\r\n0\r\n\r\n", NULL, CUT, 0 },
	{ "/way-twice", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", NULL, CUT, 0 },
	{ "/two-ways", "HTTP/1.1 200 OK\r\nContent-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", NULL, CUT, 0 },
	{ "/minus",    "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", NULL, CUT, 0 },
	{ "/gzip",     "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok", NULL, KEEP, 0 },
	{ "/glued",    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" EVIL, NULL, KEEP, 0 },
	{ "/parted",   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "ok" EVIL, KEEP, 0 },
	{ "/unasked",  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", EVIL, KEEP, 5 },
};
/* clang-format on */

struct server_loop {
	struct loop *loop;
	struct server_conf conf;
	struct server_seen *seen;
	struct watch listening;
	int fd;
};

struct server_conn {
	struct server_loop *server;
	struct watch watch;
	struct timer timer;
	int fd;
	SSL *ssl; /* NULL: plain */
	bool greeted;
	char in[32768];
	size_t in_len;
	const struct script *script;
	char *later; /* to be written when the timer fires */
	int drops;
};

static void conn_close(struct server_conn *c, bool politely)
{
	if (c->ssl != NULL && politely)
		SSL_shutdown(c->ssl);
	SSL_free(c->ssl);
	watch_finish(&c->watch);
	timer_finish(&c->timer);
	close(c->fd);
	mem_free(c->later);
	mem_free(c);
}

static void conn_write(struct server_conn *c, const char *bytes, size_t n)
{
	size_t sent = 0;

	while (sent < n) {
		int r = c->ssl != NULL ? SSL_write(c->ssl, bytes + sent, (int)(n - sent))
				       : (int)send(c->fd, bytes + sent, n - sent, 0);
		if (r <= 0)
			return;
		sent += (size_t)r;
	}
}

static void conn_answer(struct server_conn *c, const char *text)
{
	size_t size = strlen(text) + 128;
	char *whole = mem_alloc(size);

	int n = snprintf(whole, size, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
			 strlen(text), text);
	conn_write(c, whole, (size_t)n);
	mem_free(whole);
}

static void conn_end_script(struct server_conn *c)
{
	if (c->script->then == BYE || c->script->then == CUT)
		conn_close(c, c->script->then == BYE);
}

static void on_conn_timer(struct timer *t)
{
	struct server_conn *c = container_of(t, struct server_conn, timer);

	if (c->script != NULL) {
		conn_write(c, c->script->second, strlen(c->script->second));
		conn_end_script(c);
	} else if (c->later != NULL) {
		conn_answer(c, c->later);
		mem_free(c->later);
		c->later = NULL;
	} else {
		conn_write(c, "x", 1);
		timer_start(&c->timer, 20);
	}
}

static void conn_run_script(struct server_conn *c, const struct script *s)
{
	c->script = s;
	conn_write(c, s->first, strlen(s->first));
	if (s->second == NULL)
		conn_end_script(c);
	else
		timer_start(&c->timer, s->pause_ms);
}

static void conn_big(struct server_conn *c, size_t n)
{
	char *text = mem_calloc(1, n + 1);

	memset(text, 'b', n);
	conn_answer(c, text);
	mem_free(text);
}

static void conn_obey(struct server_conn *c, char *path)
{
	const char drip[] = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
	char *text;

	c->script = NULL;
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
		if (str_starts(str_of(path), str_of(scripts[i].path))) {
			conn_run_script(c, &scripts[i]);
			return;
		}
	if (strncmp(path, "/echo/", 6) == 0) {
		conn_answer(c, path + 6);
	} else if (strncmp(path, "/delay/", 7) == 0) {
		long ms = strtol(path + 7, &text, 10);
		c->later = mem_strdup(text + 1);
		timer_start(&c->timer, ms);
	} else if (strncmp(path, "/big/", 5) == 0) {
		conn_big(c, strtoul(path + 5, NULL, 10));
	} else if (strcmp(path, "/drip") == 0) {
		conn_write(c, drip, sizeof drip - 1);
		timer_start(&c->timer, 20);
	} else if (strcmp(path, "/endless-head") == 0) {
		for (int i = 0; i < 3000; i++)
			conn_write(c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	}
}

/* The length of the first whole request in the buffer, or 0. */
static size_t conn_request(struct server_conn *c)
{
	c->in[c->in_len] = '\0';
	if (c->in[0] < 'A' || c->in[0] > 'Z') {
		conn_write(c, NOT_HTTP, strlen(NOT_HTTP));
		c->in_len = 0;
	}
	char *head_end = strstr(c->in, "\r\n\r\n");
	char *length = strcasestr(c->in, "\r\nContent-Length: ");

	if (head_end == NULL)
		return 0;
	size_t n = (size_t)(head_end + 4 - c->in);
	if (length != NULL && length < head_end)
		n += strtoul(length + 18, NULL, 10);
	return c->in_len < n ? 0 : n;
}

static void conn_serve(struct server_conn *c)
{
	struct server_seen *seen = c->server->seen;
	size_t n = conn_request(c);
	char path[1024];

	if (n == 0)
		return;
	atomic_fetch_add(&seen->requests, 1);
	snprintf(seen->last, sizeof seen->last, "%.*s", (int)n, c->in);
	if (sscanf(c->in, "%*s %1023[^ ?]", path) != 1)
		path[0] = '\0';
	memmove(c->in, c->in + n, c->in_len - n);
	c->in_len -= n;
	conn_obey(c, path);
}

static bool conn_greet(struct server_conn *c)
{
	int r = c->ssl == NULL ? 1 : SSL_accept(c->ssl);

	if (r == 1) {
		c->greeted = true;
		if (c->ssl != NULL && SSL_session_reused(c->ssl))
			atomic_fetch_add(&c->server->seen->resumed, 1);
		return true;
	}
	if (SSL_get_error(c->ssl, r) != SSL_ERROR_WANT_READ)
		conn_close(c, false);
	return false;
}

static int conn_read(struct server_conn *c)
{
	size_t room = sizeof c->in - 1 - c->in_len;

	if (c->ssl != NULL)
		return SSL_read(c->ssl, c->in + c->in_len, (int)room);
	return (int)recv(c->fd, c->in + c->in_len, room, 0);
}

static void on_conn(struct watch *w, unsigned events)
{
	struct server_conn *c = container_of(w, struct server_conn, watch);

	(void)events;
	if (!c->greeted && !conn_greet(c))
		return;
	int n = conn_read(c);
	if (n > 0) {
		atomic_fetch_add(&c->server->seen->bytes, (unsigned)n);
		c->in_len += (size_t)n;
		conn_serve(c);
		return;
	}
	if (c->ssl != NULL ? SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ
			   : n == 0 || errno != EAGAIN)
		conn_close(c, false);
}

static void on_listening(struct watch *w, unsigned events)
{
	struct server_loop *s = container_of(w, struct server_loop, listening);
	const struct linger at_once = { .l_onoff = 1 };
	const int megabyte = 1 << 20, yes = 1;
	int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd < 0)
		return;
	atomic_fetch_add(&s->seen->connections, 1);
	if (s->conf.reset) {
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
		close(fd);
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &megabyte, sizeof megabyte);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	struct server_conn *c = mem_calloc(1, sizeof *c);
	c->server = s;
	c->fd = fd;
	if (s->conf.tls != NULL) {
		c->ssl = SSL_new(s->conf.tls);
		SSL_set_fd(c->ssl, fd);
	}
	timer_init(s->loop, &c->timer, on_conn_timer);
	ensure(watch_init(s->loop, &c->watch, fd, on_conn) == OK);
	watch_start(&c->watch, WATCH_READ);
}

static int server_listen(const char *address, int port, int *ret_port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ensure(inet_pton(AF_INET, address, &at.sin_addr) == 1);
	ensure(bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 4096) == 0);
	ensure(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
	*ret_port = ntohs(at.sin_port);
	return fd;
}

static struct server server_start(const struct server_conf *conf)
{
	struct server s;

	s.seen = mmap(NULL, sizeof *s.seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	int fd = server_listen(conf->address != NULL ? conf->address : "127.0.0.1", conf->port,
			       &s.port);
	snprintf(s.base, sizeof s.base, "%s://127.0.0.1:%d", conf->tls ? "https" : "http", s.port);
	s.pid = fork();
	if (s.pid != 0) {
		close(fd);
		return s;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	struct server_loop server = {
		.loop = loop_create(), .conf = *conf, .seen = s.seen, .fd = fd
	};
	ensure(watch_init(server.loop, &server.listening, fd, on_listening) == OK);
	watch_start(&server.listening, WATCH_READ);
	loop_run(server.loop);
	_exit(0);
}

static void server_stop(struct server *s)
{
	kill(s->pid, SIGKILL);
	munmap(s->seen, sizeof *s->seen);
}

#endif
