/*
 * web_server.h - a pool of one worker and its web server, in one thread.
 *
 * The worker is web/fcgi.c on a loop; the web server is plain sockets.  Whenever
 * the web server waits for something, the loop runs.
 */
#ifndef WEB_SERVER_H
#define WEB_SERVER_H

#include "records.h"
#include "web/fcgi.h"
#include "web/reply.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { HELD_MAX = 4096, PATIENCE_MS = 5000 };

/* ---- the worker ---- */

static struct world {
	struct loop *loop;
	struct fcgi *fcgi;
	struct timer tick;
	struct task turn;
	int listen_fd;
	struct sockaddr_un address;
	bool hold; /* requests are kept in held[] instead of answered */
	struct req *held[HELD_MAX];
	unsigned held_nr, handled, drained;
	uintptr_t deepest, highest; /* of the stack, in the handler */
	size_t answer_len;          /* of the padding in each answer */
} world;

/* The answer says what came in. */
static inline void world_answer(struct req *r)
{
	static char padding[REPLY_MAX];
	struct json_out *o = reply_begin(r, web_reason(REASON_OK), NULL);

	memset(padding, 'p', sizeof padding);
	json_put_str(o, "path", r->path);
	json_put_int(o, "params", (int64_t)r->param_nr);
	json_put_int(o, "body_len", (int64_t)r->body.len);
	if (r->body.len < 100)
		json_put_str(o, "body", r->body);
	json_put_str(o, "padding", (struct str){ padding, world.answer_len });
	reply_send(r);
}

static inline void world_handle(struct req *r)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);

	assert_ptr_equal(r->app, &world);
	if (world.handled++ == 0)
		world.deepest = world.highest = here;
	world.deepest = here < world.deepest ? here : world.deepest;
	world.highest = here > world.highest ? here : world.highest;
	if (!world.hold) {
		world_answer(r);
		return;
	}
	assert_true(world.held_nr < HELD_MAX);
	world.held[world.held_nr++] = r;
}

static inline void world_drained(void *app)
{
	assert_ptr_equal(app, &world);
	world.drained++;
}

static inline void world_tick(struct timer *t)
{
	(void)t;
	loop_stop(world.loop);
}

static inline void world_run(int ms)
{
	timer_start(&world.tick, ms);
	loop_run(world.loop);
}

static inline void world_stop(struct task *t)
{
	(void)t;
	loop_stop(world.loop);
}

/* What is ready now, and no waiting. */
static inline void world_turn(void)
{
	loop_defer(world.loop, &world.turn, world_stop);
	loop_run(world.loop);
}

static inline struct fcgi_conf world_conf(void)
{
	return (struct fcgi_conf){ .handle = world_handle,
				   .app = &world,
				   .in_flight_max = 3000,
				   .request_ms = 2000,
				   .idle_ms = 0 };
}

static inline void world_listen(void)
{
	world.address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(world.address.sun_path, sizeof world.address.sun_path, "/tmp/benren-test-%d.sock",
		 getpid());
	unlink(world.address.sun_path);
	world.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
		bind(world.listen_fd, (struct sockaddr *)&world.address, sizeof world.address), 0);
	assert_int_equal(listen(world.listen_fd, 4096), 0);
}

static inline void world_open(const struct fcgi_conf *conf)
{
	world = (struct world){ .listen_fd = -1 };
	world.loop = loop_create();
	timer_init(world.loop, &world.tick, world_tick);
	world_listen();
	assert_int_equal(fcgi_create(world.loop, world.listen_fd, conf, &world.fcgi), OK);
}

static inline struct fcgi_stats world_stats(void)
{
	struct fcgi_stats s;

	fcgi_stats(world.fcgi, &s);
	return s;
}

static inline void world_release(unsigned i)
{
	struct req *r = world.held[i];

	world.held[i] = world.held[--world.held_nr];
	world_answer(r);
}

static inline int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Drains, and says that nothing was left behind. */
static inline void world_close(void)
{
	while (world.held_nr > 0)
		world_release(0);
	fcgi_drain(world.fcgi, world_drained);
	int64_t end = now_ms() + PATIENCE_MS;
	while (world.drained == 0 && now_ms() < end)
		world_run(1);
	assert_int_equal(world.drained, 1);
	assert_int_equal(world_stats().connections, 0);
	assert_int_equal(world_stats().in_flight, 0);
	fcgi_destroy(world.fcgi);
	timer_finish(&world.tick);
	loop_destroy(world.loop);
	close(world.listen_fd);
	unlink(world.address.sun_path);
}

/* ---- the web server ---- */

struct client {
	int fd;
	struct records in;
	size_t at;   /* how much of `in` has been taken */
	bool closed; /* by the worker */
};

/* One answer: the records of one request up to END_REQUEST. */
struct answer {
	struct records out; /* STDOUT, NUL-terminated */
	unsigned id, protocol_status;
};

static inline void client_open(struct client *c)
{
	*c = (struct client){ .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	assert_true(c->fd >= 0);
	assert_int_equal(connect(c->fd, (struct sockaddr *)&world.address, sizeof world.address),
			 0);
}

static inline void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	records_free(&c->in);
}

/* Lets the loop run while the connection is full. */
static inline void client_send(struct client *c, const struct records *r)
{
	int64_t end = now_ms() + PATIENCE_MS;

	for (size_t at = 0; at < r->len;) {
		ssize_t n = send(c->fd, r->p + at, r->len - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			at += (size_t)n;
		else if (errno != EAGAIN || now_ms() > end)
			return;
		else
			world_run(1);
	}
}

static inline void client_receive(struct client *c)
{
	unsigned char buffer[16384];
	ssize_t n;

	while ((n = recv(c->fd, buffer, sizeof buffer, MSG_DONTWAIT)) > 0)
		put_bytes(&c->in, buffer, (size_t)n);
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		c->closed = true;
}

/* The next record, if it is whole. */
static inline bool client_record(struct client *c, unsigned *ret_type, unsigned *ret_id,
				 const unsigned char **ret_content, size_t *ret_len)
{
	if (c->in.len - c->at < 8)
		return false;
	const unsigned char *p = c->in.p + c->at;
	size_t len = (size_t)p[4] << 8 | p[5];
	assert_int_equal(p[0], 1);
	if (c->in.len - c->at < 8 + len + p[6])
		return false;
	*ret_type = p[1];
	*ret_id = (unsigned)p[2] << 8 | p[3];
	*ret_content = p + 8;
	*ret_len = len;
	c->at += 8 + len + p[6];
	return true;
}

/* Lets the loop run until a record is there; false if the connection ends before. */
static inline bool client_wait(struct client *c, unsigned *ret_type, unsigned *ret_id,
			       const unsigned char **ret_content, size_t *ret_len)
{
	int64_t end = now_ms() + PATIENCE_MS;

	while (now_ms() < end) {
		client_receive(c);
		if (client_record(c, ret_type, ret_id, ret_content, ret_len))
			return true;
		if (c->closed)
			return false;
		world_run(1);
	}
	return false;
}

/* False when the connection ends before the answer does. */
static inline bool client_answer(struct client *c, struct answer *a)
{
	const unsigned char *content;
	unsigned type = 0;
	size_t len;

	*a = (struct answer){ .id = 0 };
	while (type != FCGI_END) {
		if (!client_wait(c, &type, &a->id, &content, &len))
			return false;
		if (type == FCGI_STDOUT)
			put_bytes(&a->out, content, len);
		else
			assert_int_equal(type, FCGI_END);
	}
	put_bytes(&a->out, "", 1);
	assert_int_equal(len, 8);
	a->protocol_status = content[4];
	return true;
}

static inline bool client_is_closed_within(struct client *c, int ms)
{
	int64_t end = now_ms() + ms;

	do {
		world_run(1);
		client_receive(c);
	} while (!c->closed && now_ms() < end);
	return c->closed;
}

static inline void put_usual_params(struct records *params, size_t body_len)
{
	char length[24];

	snprintf(length, sizeof length, "%zu", body_len);
	put_text_pair(params, "REQUEST_METHOD", "POST");
	put_text_pair(params, "SCRIPT_NAME", "/face");
	put_text_pair(params, "PATH_INFO", "/identify");
	put_text_pair(params, "CONTENT_LENGTH", length);
	put_text_pair(params, "HTTP_X_REQUEST_ID", "r-1");
}

static inline void put_usual_request(struct records *r, unsigned id, bool keep, const char *body)
{
	struct records params = { 0 };

	put_usual_params(&params, strlen(body));
	put_request(r, id, keep, &params, body, strlen(body));
	records_free(&params);
}

static inline void client_ask(struct client *c, unsigned id, bool keep, const char *body)
{
	struct records r = { 0 };

	put_usual_request(&r, id, keep, body);
	client_send(c, &r);
	records_free(&r);
}

/* One answer with that id, status and text in it. */
static inline void client_expect(struct client *c, unsigned id, int status, const char *text)
{
	struct answer a;

	assert_true(client_answer(c, &a));
	assert_int_equal(a.id, id);
	assert_int_equal(a.protocol_status, 0);
	assert_non_null(a.out.p);
	assert_memory_equal(a.out.p, "Status: ", 8);
	assert_int_equal(atoi((const char *)a.out.p + 8), status);
	if (strstr((const char *)a.out.p, text) == NULL)
		fail_msg("the answer is without '%s'", text);
	records_free(&a.out);
}

#endif
