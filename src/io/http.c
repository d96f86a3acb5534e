/* Calls to WeChat: one libcurl transfer each, sent at most once. */
#include "io/http.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "http_answer.h"
#include "http_lane.h"
#include "http_tls.h"
#include "origin.h"
#include "resolve.h"

#include <stdlib.h>

enum {
	CALLS_MAX = 4096,         /* under way at once */
	REQUEST_MAX = 128 * 1024, /* what one call may make us copy */
	CONNECT_SLICES = 4,       /* one address may take so much of the connect time */
};

struct http {
	struct loop *loop;
	int connect_ms, total_ms;
	struct resolver *resolver;
	struct x509_store_st *trusted;
	CURLSH *sessions; /* TLS sessions, so that new connections resume */
	struct lanes *lanes;
	struct list transfers; /* http_transfer.link */
	unsigned in_flight;
};

/*
 *   WAITING --(resolved)--> RUNNING --> ENDED --(end of turn)--> DELIVERED
 *      \_______(no address in time, refused)_____^
 *
 * WAITING only before a host's first resolution.  A cancelled one has no call and
 * is freed when DELIVERED, any other by http_call_finish().
 */
enum transfer_state { WAITING, RUNNING, ENDED, DELIVERED };

struct http_transfer {
	struct lane_job job;
	enum transfer_state state;
	struct http *http;
	struct http_call *call; /* NULL: cancelled */
	struct list link;       /* http.transfers, until delivered */
	struct task deliver;
	int64_t began_ms;

	struct arena request; /* what libcurl needs of the call, which may go away */
	struct origin to;
	struct name *name;     /* NULL: a literal address */
	struct name_wait wait; /* WAITING */
	struct timer patience; /* WAITING */
	struct addresses addresses;
	unsigned at;           /* the one that is tried */
	int64_t connect_until; /* boot clock */
	struct curl_slist pin; /* for CURLOPT_RESOLVE */
	char pin_text[HOST_MAX + sizeof ":65535:" + ADDRESS_SIZE];
	struct tls_check tls;
	bool unbound, unclean; /* unclean: something unread was there, the connection dropped */
	const char *sign;

	struct http_answer answer;
	enum err err; /* ENDED */
	int status;
};

/* clang-format off */
static const struct {
	CURLoption option;
	long value;
} always[] = {
	{ CURLOPT_NOSIGNAL,           1 },
	{ CURLOPT_QUICK_EXIT,         1 },
	{ CURLOPT_HTTP_VERSION,       CURL_HTTP_VERSION_1_1 },
	{ CURLOPT_SSLVERSION,         CURL_SSLVERSION_TLSv1_2 },
	{ CURLOPT_SSL_VERIFYPEER,     1 },
	{ CURLOPT_SSL_VERIFYHOST,     2 },
	{ CURLOPT_FOLLOWLOCATION,     0 },
	{ CURLOPT_MAXFILESIZE,        HTTP_ANSWER_MAX },
	{ CURLOPT_BUFFERSIZE,         4096 },
	{ CURLOPT_UPLOAD_BUFFERSIZE,  16384 },
	{ CURLOPT_MAXAGE_CONN,        LANE_IDLE_SECONDS },
	{ CURLOPT_TCP_KEEPALIVE,      0 },
	{ CURLOPT_NETRC,              CURL_NETRC_IGNORED },
	{ CURLOPT_HTTPAUTH,           0 },
};
/* clang-format on */

static struct curl_slist no_expect = { (char[]){ "Expect:" }, NULL };
static struct curl_slist json_body = { (char[]){ "Content-Type: application/json" }, &no_expect };
static const char *const last_one[] = { "Connection: close", NULL };

static void transfer_launch(struct http_transfer *t);

/* What libcurl, OpenSSL and the C library would take from whoever started us. */
static void setup_once(void)
{
	static const char *const hostile[] = { "SSLKEYLOGFILE", "HOSTALIASES", "LOCALDOMAIN",
					       "RES_OPTIONS" };
	static bool done;

	if (done)
		return;
	done = true;
	for (size_t i = 0; i < ARRAY_LEN(hostile); i++)
		unsetenv(hostile[i]);
	ensure(curl_global_init_mem(CURL_GLOBAL_DEFAULT, mem_alloc, mem_free, mem_realloc,
				    mem_strdup, mem_calloc) == CURLE_OK);
}

enum err http_create(struct loop *l, const struct http_conf *conf, struct http **ret_http)
{
	struct x509_store_st *trusted;

	setup_once();
	enum err err = trust_load(conf->ca_file, &trusted);
	if (err)
		return err;
	struct http *h = mem_calloc(1, sizeof *h);
	h->loop = l;
	h->connect_ms = conf->connect_ms;
	h->total_ms = conf->total_ms;
	h->trusted = trusted;
	h->resolver = resolver_create(l, &conf->memory);
	h->lanes = lanes_create(l);
	list_init(&h->transfers);
	h->sessions = curl_share_init();
	ensure(h->sessions != NULL);
	curl_share_setopt(h->sessions, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
	*ret_http = h;
	return OK;
}

unsigned http_in_flight(const struct http *h)
{
	return h->in_flight;
}

enum err http_prepare(struct http *h, const char *base_url)
{
	struct origin to;
	enum err err = origin_parse(str_of(base_url), &to);

	if (err)
		return err;
	if (!to.literal)
		resolver_name(h->resolver, to.host);
	return OK;
}

/*
 * Asked when a connection is ready, before the first byte of the request.  libcurl
 * sends a request again by itself, POST or GET, when a reused connection dies.  Here
 * that ends: a sealed job gets no new connection, must not take another idle one,
 * and if all that failed is asked for a second time.
 */
static int on_before_request(void *arg, char *ip, char *local_ip, int port, int local_port)
{
	struct http_transfer *t = arg;

	(void)ip, (void)local_ip, (void)port, (void)local_port;
	if (t->job.sealed)
		return CURL_PREREQFUNC_ABORT;
	t->unclean = !t->job.opened && tls_unread(t->job.easy);
	if (t->unclean) {
		lanes_out_of_turn(t->http->lanes);
		return CURL_PREREQFUNC_ABORT;
	}
	if (t->unbound)
		ensure(t->job.opened); /* libcurl was told to make one */
	if (t->job.opened && t->name != NULL)
		name_report(t->name, t->addresses.text[t->at], true);
	t->job.sealed = true;
	curl_easy_setopt(t->job.easy, CURLOPT_FRESH_CONNECT, 1L);
	return CURL_PREREQFUNC_OK;
}

/*
 * Takes a part of the body.  The connection is to be closed at the end until the sign of an
 * answer to this question is there.
 */
static size_t on_body(char *bytes, size_t one, size_t n, void *arg)
{
	struct http_transfer *t = arg;
	size_t taken = answer_body(bytes, one, n, &t->answer);

	if (t->sign != NULL && t->answer.len > 0 &&
	    memmem(t->answer.bytes, t->answer.len, t->sign, strlen(t->sign)) != NULL)
		curl_easy_setopt(t->job.easy, CURLOPT_FORBID_REUSE, 0L);
	return taken;
}

static enum err transfer_err(const struct http_transfer *t, CURLcode result)
{
	long sent = 0;

	if (result == CURLE_OK)
		return OK;
	curl_easy_getinfo(t->job.easy, CURLINFO_REQUEST_SIZE, &sent);
	if (sent == 0 && t->job.no_room)
		return ERR_FULL;
	if (sent == 0)
		return t->tls.refused ? ERR_TLS : ERR_CONNECT;
	if (t->answer.err != OK)
		return t->answer.err;
	switch (result) {
	case CURLE_OPERATION_TIMEDOUT:
		return ERR_TIMEOUT;
	case CURLE_FILESIZE_EXCEEDED:
		return ERR_TOO_LARGE;
	case CURLE_PARTIAL_FILE:
	case CURLE_UNSUPPORTED_PROTOCOL: /* no status line: libcurl thinks of HTTP/0.9 */
	case CURLE_WEIRD_SERVER_REPLY:
		return ERR_SYNTAX;
	default:
		return ERR_LOST;
	}
}

static void transfer_free(struct http_transfer *t)
{
	answer_finish(&t->answer);
	mem_free(t);
}

static void on_deliver(struct task *task)
{
	struct http_transfer *t = container_of(task, struct http_transfer, deliver);
	struct http_call *c = t->call;

	list_remove(&t->link);
	t->http->in_flight--;
	t->state = DELIVERED;
	if (c == NULL) {
		transfer_free(t);
		return;
	}
	c->err = t->err;
	c->status = t->status;
	if (t->err == OK)
		c->answer = (struct str){ t->answer.bytes, t->answer.len };
	c->ms = (int)(clock_boot_ms() - t->began_ms);
	c->done(c); /* c and t may be gone */
}

/*
 * The one way out, also for calls that never were under way.  The handle is not kept
 * for another call: that would save 2 us, and keep the URL with its token.
 */
static void transfer_end(struct http_transfer *t, enum err err)
{
	curl_easy_cleanup(t->job.easy);
	list_remove(&t->wait.link);
	timer_finish(&t->patience);
	arena_finish(&t->request);
	t->job.easy = NULL;
	t->err = err;
	t->state = ENDED;
	loop_defer(t->http->loop, &t->deliver, on_deliver);
}

/*
 * Is there another address, and time for it?  One that did not work is tried last for a
 * while, whichever way it failed: silence, a refusal, a hang-up, a handshake that stalls.
 */
static bool next_address(struct http_transfer *t)
{
	if (t->job.sealed || t->job.no_room || !t->job.opened || t->name == NULL)
		return false;
	name_report(t->name, t->addresses.text[t->at], false);
	t->at++;
	return t->call != NULL && t->at < t->addresses.nr && clock_boot_ms() < t->connect_until;
}

static void on_ended(struct lane_job *job, CURLcode result)
{
	struct http_transfer *t = container_of(job, struct http_transfer, job);
	long status = 0;

	if (t->unclean) {
		t->unclean = false;
		curl_easy_setopt(job->easy, CURLOPT_FRESH_CONNECT, 1L);
		transfer_launch(t);
		return;
	}
	if (result == CURLE_PEER_FAILED_VERIFICATION)
		t->tls.refused = true; /* and that is said, whatever the other addresses do */
	if (result != CURLE_OK && next_address(t)) {
		transfer_launch(t);
		return;
	}
	curl_easy_getinfo(job->easy, CURLINFO_RESPONSE_CODE, &status);
	t->status = (int)status;
	transfer_end(t, transfer_err(t, result));
}

/* More header lines go before the usual ones. */
static struct curl_slist *copy_headers(struct arena *a, const char *const *lines,
				       struct curl_slist *last)
{
	for (; lines != NULL && *lines != NULL; lines++) {
		struct curl_slist *line = arena_alloc(a, sizeof *line);

		ensure(strpbrk(*lines, "\r\n") == NULL);
		if (line == NULL)
			break;
		*line = (struct curl_slist){ (char *)(uintptr_t)arena_str(a, str_of(*lines)).p,
					     last };
		last = line;
	}
	return last;
}

static void set_up_easy(struct http_transfer *t)
{
	CURL *easy = t->job.easy;

	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		ensure(curl_easy_setopt(easy, always[i].option, always[i].value) == CURLE_OK);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, t->to.tls ? "https" : "http");
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "benren/" BENREN_VERSION);
	curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, tls_setup);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, &t->tls);
	curl_easy_setopt(easy, CURLOPT_SHARE, t->http->sessions);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, t->unbound || t->sign != NULL ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, answer_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, &t->answer);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_before_request);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, t);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, t->unbound ? 1L : 0L);
}

/* ERR_CONNECT: a URL that we do not go to, or too much. */
static enum err set_up_request(struct http_transfer *t, const struct http_call *c)
{
	struct str url = { c->url.bytes_, c->url.len_ };
	struct curl_slist *headers = c->post ? &json_body : &no_expect;

	if (origin_parse(url, &t->to) != OK)
		return ERR_CONNECT;
	struct str body = arena_str(&t->request, (struct str){ c->body.bytes_, c->body.len_ });
	headers = copy_headers(&t->request, c->headers, headers);
	if (c->unbound)
		headers = copy_headers(&t->request, last_one, headers);
	t->to.host = arena_str(&t->request, t->to.host);
	if (arena_failed(&t->request))
		return ERR_CONNECT;
	if (!t->to.literal)
		t->name = resolver_name(t->http->resolver, t->to.host);
	t->job.easy = curl_easy_init();
	ensure(t->job.easy != NULL);
	set_up_easy(t);
	curl_easy_setopt(t->job.easy, CURLOPT_URL, url.p);
	curl_easy_setopt(t->job.easy, CURLOPT_HTTPHEADER, headers);
	if (c->post) {
		curl_easy_setopt(t->job.easy, CURLOPT_POSTFIELDSIZE, (long)body.len);
		curl_easy_setopt(t->job.easy, CURLOPT_POSTFIELDS, body.p);
	}
	return OK;
}

/* With its own copy of the address: the name's may change before libcurl reads it. */
static void pin_address(struct http_transfer *t)
{
	snprintf(t->pin_text, sizeof t->pin_text, "%s:%u:%s", t->to.host.p, t->to.port,
		 t->addresses.text[t->at]);
	t->pin.data = t->pin_text;
	curl_easy_setopt(t->job.easy, CURLOPT_RESOLVE, &t->pin);
}

/* The last address gets all the time that is left. */
static int64_t connect_time(const struct http_transfer *t, int64_t now)
{
	int64_t left = t->connect_until - now, slice = t->http->connect_ms / CONNECT_SLICES;

	return t->name == NULL || t->at + 1 == t->addresses.nr || left < slice ? left : slice;
}

static long at_least_one(int64_t ms)
{
	return ms < 1 ? 1 : (long)ms;
}

static void transfer_launch(struct http_transfer *t)
{
	CURL *easy = t->job.easy;
	int64_t now = clock_boot_ms();

	if (t->name != NULL)
		pin_address(t);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, at_least_one(connect_time(t, now)));
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
			 at_least_one(t->began_ms + t->http->total_ms - now));
	t->state = RUNNING;
	lanes_add(t->http->lanes, &t->job);
}

static void transfer_begin(struct http_transfer *t)
{
	if (t->name != NULL)
		t->addresses = name_addresses(t->name);
	t->connect_until = clock_boot_ms() + t->http->connect_ms;
	transfer_launch(t);
}

static void on_resolved(struct name_wait *w)
{
	struct http_transfer *t = container_of(w, struct http_transfer, wait);

	timer_finish(&t->patience);
	if (name_known(t->name))
		transfer_begin(t);
	else
		transfer_end(t, ERR_CONNECT);
}

static void on_patience(struct timer *timer)
{
	transfer_end(container_of(timer, struct http_transfer, patience), ERR_CONNECT);
}

void http_start(struct http *h, struct http_call *c, void (*done)(struct http_call *))
{
	struct http_transfer *t = mem_calloc(1, sizeof *t);

	c->done = done;
	c->transfer = t;
	c->status = 0;
	c->answer = STR_NONE;
	t->http = h;
	t->call = c;
	t->job.ended = on_ended;
	t->unbound = c->unbound;
	t->sign = c->sign;
	t->tls.trusted = h->trusted;
	t->began_ms = clock_boot_ms();
	list_init(&t->wait.link);
	list_add(&h->transfers, &t->link);
	arena_init(&t->request, REQUEST_MAX);
	if (h->in_flight++ >= CALLS_MAX) {
		transfer_end(t, ERR_FULL);
	} else if (set_up_request(t, c) != OK) {
		transfer_end(t, ERR_CONNECT);
	} else if (t->name == NULL || name_known(t->name)) {
		transfer_begin(t);
	} else {
		timer_init(h->loop, &t->patience, on_patience);
		timer_start(&t->patience, h->connect_ms);
		name_wait(t->name, &t->wait, on_resolved);
	}
}

/* A call that still waits for an address costs nothing yet, and never will. */
void http_cancel(struct http_call *c)
{
	struct http_transfer *t = c->transfer;

	if (t == NULL || t->state == DELIVERED) {
		http_call_finish(c);
		return;
	}
	c->transfer = NULL;
	t->call = NULL;
	if (t->state == WAITING)
		transfer_end(t, ERR_CONNECT);
}

void http_call_finish(struct http_call *c)
{
	struct http_transfer *t = c->transfer;

	if (t == NULL)
		return;
	if (t->state != DELIVERED) {
		http_cancel(c);
		return;
	}
	c->transfer = NULL;
	c->answer = STR_NONE;
	transfer_free(t);
}

/* Only exchanges that were cancelled are left, and are cut. */
static void transfer_cut(struct http_transfer *t)
{
	ensure(t->call == NULL);
	if (t->state == RUNNING) {
		lanes_remove(&t->job);
		transfer_end(t, ERR_LOST);
	}
	list_remove(&t->deliver.link);
	transfer_free(t);
}

void http_destroy(struct http *h)
{
	struct list *link;

	if (h == NULL)
		return;
	while ((link = list_take(&h->transfers)) != NULL)
		transfer_cut(container_of(link, struct http_transfer, link));
	lanes_destroy(h->lanes);
	resolver_destroy(h->resolver);
	curl_share_cleanup(h->sessions);
	trust_free(h->trusted);
	mem_free(h);
}
