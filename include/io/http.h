/*
 * http.h - one HTTPS request at a time to WeChat, thousands at once (all of libcurl).
 *
 * Connections are kept and reused.  Certificates are checked against one CA set
 * that is parsed once.  No redirect is followed, no proxy is taken from the
 * environment, https only (http only to a loopback address), names are resolved
 * ahead of need outside libcurl, and the last good addresses serve while DNS is
 * dead.  Of several addresses each is tried in turn, however the one before failed,
 * as long as nothing has been sent.  Nothing here waits, and nothing is ever sent
 * twice: a POST whose reused connection died comes back as ERR_LOST, and whether to
 * ask again is the caller's decision.
 *
 * HTTP/1.1 does not say which request an answer belongs to but by its place on the
 * connection.  One answer too many, from whatever stands between us and the server,
 * shifts all that come after it.  So an answer in which nothing binds it to its
 * request (`unbound`) is read only as the first one of its connection, and the last, so
 * that what the server sends after it costs the next call nothing.  What comes when
 * nothing was asked ends a connection, and is counted and logged.
 */
#ifndef IO_HTTP_H
#define IO_HTTP_H

#include "base/secret.h"
#include "base/str.h"
#include "io/loop.h"

enum {
	HTTP_ANSWER_MAX = 64 * 1024,
	HTTP_ADDRESSES_SIZE = 8 * 46, /* "1.2.3.4,2001:db8::1": at most eight, and the NUL */
};

struct http;

struct http_conf {
	const char *ca_file;     /* PEM; NULL: the system's bundle */
	int         connect_ms;  /* for connecting, TLS included */
	int         total_ms;    /* for the whole call */

	/*
	 * Where addresses outlive this process; NULL functions: nowhere.  keep() is called
	 * whenever the name service has given a host's, recall() when a host is first
	 * named, for those to begin with; false: there are none.
	 */
	struct http_memory {
		void (*keep)(void *arg, const char *host, const char *addresses);
		bool (*recall)(void *arg, const char *host, char dst[HTTP_ADDRESSES_SIZE]);
		void *arg;
	} memory;
};

/* ERR_NOT_FOUND: no CA certificate could be read from ca_file. */
enum err http_create(struct loop *l, const struct http_conf *conf, struct http **ret_http) MUST_CHECK;

/* No call may be under way; exchanges that go on after http_cancel() are cut. */
void http_destroy(struct http *h);

/*
 * Start resolving the host of an https://host[:port] URL, and keep it fresh.
 * A literal address needs no resolving.  ERR_SYNTAX: not such a URL, or plain http
 * to an address that is not loopback.
 */
enum err http_prepare(struct http *h, const char *base_url) MUST_CHECK;

struct http_call {
	/* in: set before http_start(), which copies what it needs */
	struct secret url;           /* NUL-terminated; it carries tokens */
	bool          post;
	struct secret body;          /* POST only; sent as JSON with its Content-Length */
	const char *const *headers;  /* more header lines, NULL-terminated; or NULL */
	bool          unbound;       /* on a connection that carries nothing else */
	const char   *sign;          /* NULL, or static: an answer without this text may be another's,
	                              * and its connection is not used again */

	/* out, valid in done() and until http_call_finish() */
	enum err   err;     /* OK: a whole answer of at most 64 KiB is there */
	int        status;  /* HTTP status, 0 if none came */
	struct str answer;
	int        ms;      /* how long it took */

	void (*done)(struct http_call *);
	struct http_transfer *transfer;
};

/*
 * err afterwards:
 *   ERR_CONNECT    nothing was sent (DNS, connect, a URL that is not as http_prepare()
 *                  wants it, or more than 128 KiB): safe to ask again
 *   ERR_FULL       nothing was sent: 4096 calls are under way, or the system has no
 *                  descriptor left; says nothing of the server
 *   ERR_TLS        the certificate or protocol is not acceptable; nothing was sent
 *   ERR_TIMEOUT    total_ms passed; it may have been executed
 *   ERR_LOST       the connection died; it may have been executed
 *   ERR_TOO_LARGE  more than 64 KiB came
 *   ERR_SYNTAX     what came is not HTTP, or not the length it announced
 * Always WAIT: done() fires once, unless http_cancel() comes first.
 */
void http_start(struct http *h, struct http_call *c, void (*done)(struct http_call *));

/*
 * done() will not fire.  The exchange itself goes on, and its answer is dropped; one
 * that still waits for its host's first address is never sent.
 */
void http_cancel(struct http_call *c);

/* Wipes and frees the answer.  Harmless on a zeroed or finished call; cancels others. */
void http_call_finish(struct http_call *c);

/* Exchanges under way, those of cancelled calls too. */
unsigned http_in_flight(const struct http *h);

#endif
