/* CGI: one request from the environment and standard input. */
#include "web/cgi.h"
#include "base/clock.h"
#include "base/mem.h"
#include "web/reply.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	DROP_MAX = 1024 * 1024, /* of a body that is too long; then let it see a reset */
	AWAY_MS = 2000,         /* for a body that will not be looked at */
};

struct cgi {
	struct cgi_conf conf;
	struct req req;
	enum web_reason wrong; /* REASON_OK: nothing */
	struct task start;
	bool ended;
};

bool cgi_wanted(void)
{
	return getenv("GATEWAY_INTERFACE") != NULL && getenv("REQUEST_METHOD") != NULL;
}

/* --- what came ------------------------------------------------------------------ */

/*
 * The environment has more than the web server's parameters, but nothing that is a
 * parameter's name by accident: theirs are all upper case, and so are those we look for.
 */
static enum web_reason read_params(struct req *r)
{
	size_t nr = 0;

	while (environ[nr] != NULL)
		nr++;
	if (nr > REQ_PARAM_NR)
		return REASON_HEADER_TOO_LARGE;
	r->params = arena_alloc(&r->arena, (nr + 1) * sizeof *r->params);
	if (r->params == NULL)
		return REASON_HEADER_TOO_LARGE;
	for (char **e = environ; *e != NULL; e++) {
		struct str pair = str_of(*e);
		const char *equals = strchr(pair.p, '=');
		if (equals == NULL)
			continue;
		struct str name = { pair.p, (size_t)(equals - pair.p) };
		struct str value = { equals + 1, pair.len - name.len - 1 };
		if (name.len > REQ_PARAM_NAME_MAX || value.len > REQ_PARAM_VALUE_MAX)
			return REASON_HEADER_TOO_LARGE;
		r->params[r->param_nr++] = (struct param){ name, value };
	}
	return REASON_OK;
}

/* Is there something to read, or the end, before the deadline? */
static bool readable(int64_t deadline)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	int64_t left = deadline - clock_boot_ms();

	return left > 0 && poll(&p, 1, (int)left) == 1;
}

/*
 * As many bytes as CONTENT_LENGTH says, since a web server need not close its end; where
 * there is none (a chunked body), to the end, but not more than so many.
 */
static size_t announced(size_t most)
{
	const char *text = getenv("CONTENT_LENGTH");
	int64_t n;

	if (text == NULL || str_int(str_of(text), &n) != OK || n < 0 || (uint64_t)n > most)
		return most;
	return (size_t)n;
}

/* Until there are size bytes or the end came; ret_len: how many. */
static bool read_stdin(char *dst, size_t size, int64_t deadline, size_t *ret_len)
{
	for (*ret_len = 0; *ret_len < size;) {
		if (!readable(deadline))
			return false;
		ssize_t n = read(STDIN_FILENO, dst + *ret_len, size - *ret_len);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return n == 0;
		*ret_len += (size_t)n;
	}
	return true;
}

/*
 * What is behind the first `had` bytes of a body that nobody wants.  mod_cgid reads the
 * answer from the socket that it writes the body to: closing that with something unread
 * in it would reset the connection, and the client would not see the answer.
 */
static void drop_rest(size_t had, int64_t deadline)
{
	char scratch[4096];
	size_t whole = announced(DROP_MAX), n = 1;

	while (had < whole && n > 0) {
		size_t want = whole - had < sizeof scratch ? whole - had : sizeof scratch;
		if (!read_stdin(scratch, want, deadline, &n))
			break;
		had += n;
	}
	explicit_bzero(scratch, sizeof scratch);
}

static enum web_reason read_body(struct req *r, int64_t deadline)
{
	char *body = arena_alloc(&r->arena, REQ_BODY_MAX + 2);
	size_t len;

	if (body == NULL)
		return REASON_INTERNAL;
	if (!read_stdin(body, announced(REQ_BODY_MAX + 1), deadline, &len))
		return REASON_BAD_REQUEST;
	if (len > REQ_BODY_MAX) {
		drop_rest(len, deadline);
		return REASON_BODY_TOO_LARGE;
	}
	body[len] = '\0';
	r->body = (struct str){ body, len };
	return REASON_OK;
}

/* --- the answer -------------------------------------------------------------------- */

static bool write_all(struct str s)
{
	while (s.len > 0) {
		ssize_t n = write(STDOUT_FILENO, s.p, s.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		s = (struct str){ s.p + n, s.len - (size_t)n };
	}
	return true;
}

static void on_away(struct req *r, struct str head, struct str body)
{
	if (write_all(head))
		write_all(body);
	arena_finish(&r->arena);
}

/* A web server that has gone gets nothing, and that changes nothing here. */
static void on_end(struct req *r, struct str head, struct str body)
{
	struct cgi *c = container_of(r, struct cgi, req);

	on_away(r, head, body);
	c->ended = true;
	c->conf.answered(c->conf.app);
}

void cgi_away(void)
{
	struct req r = { .end = on_away };

	arena_init(&r.arena, REQ_ARENA_MAX);
	drop_rest(0, clock_boot_ms() + AWAY_MS);
	if (read_params(&r) != REASON_OK)
		r.param_nr = 0;
	if (req_read_params(&r) != OK) /* for id and language; the body was not read */
		r.method = STR_NONE;
	reply_reason(&r, web_reason(REASON_BUSY), NULL);
}

static void on_start(struct task *task)
{
	struct cgi *c = container_of(task, struct cgi, start);
	enum err err = req_read_params(&c->req);

	if (c->wrong == REASON_OK && err != OK)
		c->wrong = REASON_BAD_REQUEST;
	if (c->wrong == REASON_OK)
		c->conf.handle(&c->req);
	else
		reply_reason(&c->req, web_reason(c->wrong), NULL);
}

struct cgi *cgi_create(struct loop *l, const struct cgi_conf *conf)
{
	struct cgi *c = mem_calloc(1, sizeof *c);
	int64_t deadline = clock_boot_ms() + conf->request_ms;

	signal(SIGPIPE, SIG_IGN);
	c->conf = *conf;
	c->req.app = conf->app;
	c->req.sandbox = conf->sandbox;
	c->req.end = on_end;
	arena_init(&c->req.arena, REQ_ARENA_MAX);
	c->wrong = read_params(&c->req);
	if (c->wrong == REASON_OK)
		c->wrong = read_body(&c->req, deadline);
	else
		drop_rest(0, deadline);
	loop_defer(l, &c->start, on_start);
	return c;
}

void cgi_destroy(struct cgi *c)
{
	if (c == NULL)
		return;
	if (!c->ended)
		arena_finish(&c->req.arena);
	mem_free(c);
}
