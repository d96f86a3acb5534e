#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "identity.h"
#include "io/http.h"
#include "tls_server.h"

#include <curl/curl.h>
#include <fcntl.h>

static const char ca_path[] = "test_http_ca.pem";
static struct identity root, leaf;
static SSL_CTX *leaf_tls;
static struct server good;
static struct loop *loop;
static struct http *http;
static unsigned under_way;

/* A call with its expectations. */
struct probe {
	struct http_call call;
	char url[512];
	char expect[64]; /* "": any answer */
	int calls_back;
	int64_t ended_ms;
};

static void on_done(struct http_call *c)
{
	struct probe *p = container_of(c, struct probe, call);

	p->calls_back++;
	p->ended_ms = clock_boot_ms();
	if (--under_way == 0)
		loop_stop(loop);
}

static void start(struct probe *p, bool post, const char *base, const char *path)
{
	static char body[] = "{\"name\":\"\xe5\xbc\xa0\"}";

	snprintf(p->url, sizeof p->url, "%s%s", base, path);
	p->call = (struct http_call){
		.url = { p->url, strlen(p->url) },
		.post = post,
	};
	if (post)
		p->call.body = (struct secret){ body, sizeof body - 1 };
	p->calls_back = 0;
	under_way++;
	http_start(http, &p->call, on_done);
}

static void finish(struct probe *p)
{
	assert_int_equal(p->calls_back, 1);
	http_call_finish(&p->call);
	http_call_finish(&p->call);
}

static void run(struct probe *p, bool post, const char *path)
{
	start(p, post, good.base, path);
	loop_run(loop);
}

static enum err result_of(bool post, const char *path)
{
	struct probe p;

	run(&p, post, path);
	enum err err = p.call.err;
	finish(&p);
	return err;
}

static void on_rested(struct timer *t)
{
	timer_finish(t);
	loop_stop(loop);
}

static void rest(int ms)
{
	struct timer t;

	timer_init(loop, &t, on_rested);
	timer_start(&t, ms);
	loop_run(loop);
}

static void assert_answer(struct probe *p, int status, const char *answer)
{
	assert_int_equal(p->call.err, OK);
	assert_int_equal(p->call.status, status);
	assert_true(p->call.answer.len == strlen(answer));
	assert_memory_equal(p->call.answer.p, answer, strlen(answer));
}

static void create(int connect_ms, int total_ms)
{
	const struct http_conf conf = { .ca_file = ca_path,
					 .connect_ms = connect_ms,
					 .total_ms = total_ms };

	loop = loop_create();
	assert_int_equal(http_create(loop, &conf, &http), OK);
}

static int set_up(void **state)
{
	(void)state;
	under_way = 0;
	create(30000, 60000); /* a slow machine is no failure */
	return 0;
}

static int set_up_impatient(void **state)
{
	(void)state;
	under_way = 0;
	create(150, 300);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(http_in_flight(http), 0);
	http_destroy(http);
	loop_destroy(loop);
	return 0;
}

static int set_up_servers(void **state)
{
	(void)state;
	root = identity_create((struct wish){ .name = "root", .ca = true });
	leaf = identity_create((struct wish){
		.name = "leaf", .san = "IP:127.0.0.1,DNS:wechat.test", .issuer = &root });
	identity_write(&root, ca_path);
	leaf_tls = identity_tls(&leaf, NULL);
	good = server_start(&(struct server_conf){ .tls = leaf_tls });
	return 0;
}

static int tear_down_servers(void **state)
{
	(void)state;
	server_stop(&good);
	SSL_CTX_free(leaf_tls);
	identity_free(&leaf);
	identity_free(&root);
	unlink(ca_path);
	return 0;
}

static void a_post_is_sent_as_json_with_its_length(void **state)
{
	struct probe p;

	(void)state;
	run(&p, true, "/echo/fine?access_token=t");
	assert_answer(&p, 200, "fine");
	assert_non_null(strstr(good.seen->last, "POST /echo/fine?access_token=t HTTP/1.1\r\n"));
	assert_non_null(strstr(good.seen->last, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(good.seen->last, "\r\nContent-Length: 14\r\n"));
	assert_non_null(strstr(good.seen->last, "\r\n\r\n{\"name\":\"\xe5\xbc\xa0\"}"));
	assert_null(strstr(good.seen->last, "Expect"));
	assert_null(strstr(good.seen->last, "Encoding"));
	finish(&p);
	assert_ptr_equal(p.call.answer.p, NULL);
}

static void a_get_has_no_body_and_more_headers_are_sent(void **state)
{
	const char *headers[] = { "X-One: 1", "X-Two: 2", NULL };
	struct probe p;

	(void)state;
	snprintf(p.url, sizeof p.url, "%s/echo/got", good.base);
	p.call = (struct http_call){ .url = { p.url, strlen(p.url) }, .headers = headers };
	p.calls_back = 0;
	under_way++;
	http_start(http, &p.call, on_done);
	headers[0] = headers[1] = "X-Changed: later";
	memset(p.url, 'x', sizeof p.url - 1);
	loop_run(loop);
	assert_answer(&p, 200, "got");
	assert_non_null(strstr(good.seen->last, "GET /echo/got HTTP/1.1\r\n"));
	assert_non_null(strstr(good.seen->last, "\r\nX-One: 1\r\n"));
	assert_non_null(strstr(good.seen->last, "\r\nX-Two: 2\r\n"));
	assert_null(strstr(good.seen->last, "Content-"));
	finish(&p);
}

static void connections_are_reused(void **state)
{
	unsigned before = good.seen->connections;

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(result_of(i % 2 == 0, "/echo/x"), OK);
	assert_int_equal(good.seen->connections - before, 1);
}

static enum err result_of_unbound(const char *path)
{
	struct probe p;

	snprintf(p.url, sizeof p.url, "%s%s", good.base, path);
	p.call = (struct http_call){ .url = { p.url, strlen(p.url) }, .unbound = true };
	p.calls_back = 0;
	under_way++;
	http_start(http, &p.call, on_done);
	loop_run(loop);
	enum err err = p.call.err;
	finish(&p);
	return err;
}

static void an_unbound_answer_has_its_connection_to_itself(void **state)
{
	unsigned before = good.seen->connections;

	(void)state;
	assert_int_equal(result_of(true, "/echo/kept"), OK);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(result_of_unbound(i % 2 == 0 ? "/echo/x" : "/unasked"), OK);
		assert_non_null(strstr(good.seen->last, "\r\nConnection: close\r\n"));
		assert_int_equal(result_of(true, "/echo/kept"), OK);
		assert_null(strstr(good.seen->last, "Connection:"));
	}
	assert_int_equal(good.seen->connections - before, 11);
}

/* "/echo/TEXT" answers its TEXT; what another question wanted is no answer to this one. */
static void an_answer_without_its_sign_ends_the_connection(void **state)
{
	static const struct {
		const char *path;
		unsigned connections; /* of this call and the next one */
	} rows[] = { { "/echo/verify_id", 0 }, { "/echo/other", 1 }, { "/echo/", 1 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct probe p;

		assert_int_equal(result_of(true, "/echo/warm"), OK);
		unsigned before = good.seen->connections;
		snprintf(p.url, sizeof p.url, "%s%s", good.base, rows[i].path);
		p.call = (struct http_call){ .url = { p.url, strlen(p.url) },
					     .sign = "verify_id" };
		p.calls_back = 0;
		under_way++;
		http_start(http, &p.call, on_done);
		loop_run(loop);
		assert_int_equal(p.call.err, OK);
		finish(&p);
		assert_int_equal(result_of(true, "/echo/next"), OK);
		assert_int_equal(good.seen->connections - before, rows[i].connections);
	}
}

/* What the answers of a server with bad manners become. */
struct manners {
	const char *path;
	enum err err;
	int status;
	const char *answer;
	bool reusable;
};

/* clang-format off */
static const struct manners manners[] = {
	{ "/echo/x",       OK,            200, "x",     true  },
	{ "/chunked",      OK,            200, "ok",    true  },
	{ "/unsized",      OK,            200, "ok",    false },
	{ "/bye",          OK,            200, "ok",    false },
	{ "/redirect",     OK,            302, "",      true  },
	{ "/file",         OK,            302, "",      true  },
	{ "/error",        OK,            502, "<html>", true },
	{ "/gzip",         OK,            200, "ok",    true  },
	{ "/glued",        OK,            200, "ok",    false },
	{ "/parted",       OK,            200, "ok",    false },
	{ "/unasked",      OK,            200, "ok",    false },
	{ "/big/65536",    OK,            200, NULL,    true  },
	{ "/big/65537",    ERR_TOO_LARGE, 200, NULL,    false },
	{ "/big/900000",   ERR_TOO_LARGE, 200, NULL,    false },
	{ "/endless-head", ERR_TOO_LARGE, 100, NULL,    false },
	{ "/nothing",      ERR_LOST,      0,   NULL,    false },
	{ "/short",        ERR_SYNTAX,    200, NULL,    false },
	{ "/garbage",      ERR_SYNTAX,    0,   NULL,    false },
	{ "/same-size",    OK,            200, "ok",    true  },
	{ "/two-sizes",    ERR_SYNTAX,    200, NULL,    false },
	{ "/listed-sizes",  ERR_SYNTAX,    200, NULL,    false },
	{ "/no-size",       ERR_SYNTAX,    200, NULL,    false },
	{ "/size-then-way", ERR_SYNTAX,    200, NULL,    false },
	{ "/way-then-size", ERR_SYNTAX,    200, NULL,    false },
	{ "/way-twice",     ERR_SYNTAX,    200, NULL,    false },
	{ "/two-ways",     ERR_SYNTAX,    200, NULL,    false },
	{ "/minus",        ERR_SYNTAX,    200, NULL,    false },
};
/* clang-format on */

static void bad_manners_are_told_apart_and_never_reach_the_next_call(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(manners); i++) {
		const struct manners *m = &manners[i / 2];
		bool warm = i % 2 == 1;
		struct probe p;

		if (warm)
			assert_int_equal(result_of(true, "/echo/warm"), OK);
		unsigned requests = good.seen->requests;
		run(&p, true, m->path);
		if (p.call.err != m->err || p.call.status != m->status)
			fail_msg("%s: %s, status %d", m->path, err_text(p.call.err), p.call.status);
		if (m->answer != NULL)
			assert_answer(&p, m->status, m->answer);
		finish(&p);
		assert_int_equal(good.seen->requests - requests, 1);

		rest(m->reusable ? 0 : 30);
		unsigned connections = good.seen->connections;
		run(&p, false, "/echo/mine");
		assert_answer(&p, 200, "mine");
		finish(&p);
		if (m->reusable != (good.seen->connections == connections))
			fail_msg("%s: connection reused: %d", m->path, !m->reusable);
	}
}

/* The server answers, says goodbye and closes, each time while we are idle. */
static void a_connection_closed_while_idle_is_not_used(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(result_of(true, "/bye"), OK);
		rest(20);
		assert_int_equal(result_of(true, "/echo/x"), OK);
	}
}

enum { DEATHS = 500, BATCH = 50 };

static struct probe crowd[2 * BATCH];

static void run_crowd(unsigned n, bool post, const char *path, enum err err)
{
	for (unsigned i = 0; i < n; i++)
		start(&crowd[i], post, good.base, path);
	loop_run(loop);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(crowd[i].call.err, err);
		finish(&crowd[i]);
	}
}

/* In TLS 1.3 a session is good for one connection, and each brings the next one. */
static void new_connections_resume_the_tls_session(void **state)
{
	unsigned before = good.seen->connections, resumed = good.seen->resumed;

	(void)state;
	for (unsigned n = 1; n <= 10; n++)
		run_crowd(n, true, "/delay/10/x", OK);
	assert_int_equal(good.seen->connections - before, 10);
	assert_int_equal(good.seen->resumed - resumed, 9);
}

/* libcurl alone, to show that the server provokes what we prevent. */
static unsigned requests_of_plain_curl(bool post)
{
	unsigned before = 0;
	char url[128];
	CURL *easy = curl_easy_init();

	for (int i = 0; i < 2; i++) {
		before = good.seen->requests;
		snprintf(url, sizeof url, "%s%s", good.base, i == 0 ? "/chunked" : "/nothing");
		curl_easy_setopt(easy, CURLOPT_URL, url);
		curl_easy_setopt(easy, CURLOPT_CAINFO, ca_path);
		curl_easy_setopt(easy, CURLOPT_WRITEDATA, fopen("/dev/null", "w"));
		if (post)
			curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "{}");
		curl_easy_perform(easy);
	}
	curl_easy_cleanup(easy);
	return good.seen->requests - before;
}

static void nothing_is_ever_sent_twice(void **state)
{
	(void)state;
	assert_int_equal(requests_of_plain_curl(true), 2);
	assert_int_equal(requests_of_plain_curl(false), 2);
	unsigned before = good.seen->requests, warmed = 0, connections = good.seen->connections;
	for (unsigned deaths = 0; deaths < DEATHS; deaths += BATCH) {
		run_crowd(BATCH / 2, true, "/delay/20/x", OK);
		warmed += BATCH / 2;
		run_crowd(BATCH, true, "/nothing", ERR_LOST);
		run_crowd(BATCH / 2, true, "/delay/20/x", OK);
		warmed += BATCH / 2;
		run_crowd(BATCH, false, "/nothing", ERR_LOST);
	}
	assert_int_equal(good.seen->requests - before, 2 * DEATHS + warmed);
	/* Half of them died on connections that were reused. */
	assert_in_range(good.seen->connections - connections, 2 * DEATHS, 2 * DEATHS + 5);
}

static void a_slow_answer_is_cut_at_the_deadline(void **state)
{
	static const char *const paths[] = { "/drip", "/hang", "/delay/5000/x" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct probe p;

		run(&p, true, paths[i]);
		assert_int_equal(p.call.err, ERR_TIMEOUT);
		assert_true(p.call.ms >= 295);
		finish(&p);
	}
}

static void a_host_that_never_accepts_costs_the_connect_time(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char base[64];
	struct probe p;

	(void)state;
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	snprintf(base, sizeof base, "https://127.0.0.1:%d", ntohs(at.sin_port));
	start(&p, true, base, "/echo/x");
	loop_run(loop);
	assert_int_equal(p.call.err, ERR_CONNECT);
	assert_true(p.call.ms >= 145);
	finish(&p);
	close(fd);
	start(&p, true, base, "/echo/x");
	loop_run(loop);
	assert_int_equal(p.call.err, ERR_CONNECT);
	finish(&p);
}

/* The same server must be reached when only what is wrong with it is put right. */
static void expect_from(struct server_conf conf, const char *what, enum err err)
{
	struct server s = server_start(&conf);
	char base[64];

	snprintf(base, sizeof base, "https://127.0.0.1:%d", s.port);
	for (int i = 0; i < 3; i++) {
		struct probe p;

		start(&p, true, base, "/echo/x");
		loop_run(loop);
		if (p.call.err != err)
			fail_msg("%s: %s", what, err_text(p.call.err));
		finish(&p);
	}
	assert_true(s.seen->connections >= (err == OK ? 1 : 3));
	if (err != OK && conf.tls != NULL)
		assert_int_equal(s.seen->bytes, 0);
	assert_int_equal(s.seen->requests, err == OK ? 3 : 0);
	server_stop(&s);
}

static void expect_of_identity(struct wish w, const struct identity *intermediate, enum err err)
{
	struct identity id = identity_create(w);
	SSL_CTX *tls = identity_tls(&id, intermediate);

	expect_from((struct server_conf){ .tls = tls }, w.name, err);
	SSL_CTX_free(tls);
	identity_free(&id);
}

static void no_byte_is_sent_to_who_cannot_prove_to_be_wechat(void **state)
{
	struct identity stranger = identity_create((struct wish){ .name = "stranger", .ca = true });
	struct identity middle =
		identity_create((struct wish){ .name = "middle", .ca = true, .issuer = &root });
	struct identity lapsed = identity_create((struct wish){
		.name = "lapsed", .ca = true, .issuer = &root, .from = -9000, .until = -3600 });
	const char *ip = "IP:127.0.0.1";
	/* clang-format off */
	const struct { struct wish wish; const struct identity *chain; enum err err; } rows[] = {
		{ { .name = "good", .san = ip, .issuer = &root }, NULL, OK },
		{ { .name = "good, by an intermediate", .san = ip, .issuer = &middle }, &middle, OK },
		{ { .name = "good, RSA", .san = ip, .issuer = &root, .rsa_bits = 2048 }, NULL, OK },
		{ { .name = "self-signed", .san = ip }, NULL, ERR_TLS },
		{ { .name = "unknown CA", .san = ip, .issuer = &stranger }, &stranger, ERR_TLS },
		{ { .name = "wrong address", .san = "IP:127.0.0.2", .issuer = &root }, NULL, ERR_TLS },
		{ { .name = "wrong name", .san = "DNS:other.test", .issuer = &root }, NULL, ERR_TLS },
		{ { .name = "no name", .issuer = &root }, NULL, ERR_TLS },
		{ { .name = "expired", .san = ip, .issuer = &root, .from = -9000, .until = -60 }, NULL, ERR_TLS },
		{ { .name = "not yet valid", .san = ip, .issuer = &root, .from = 3600, .until = 9000 }, NULL, ERR_TLS },
		{ { .name = "missing intermediate", .san = ip, .issuer = &middle }, NULL, ERR_TLS },
		{ { .name = "expired intermediate", .san = ip, .issuer = &lapsed }, &lapsed, ERR_TLS },
		{ { .name = "issuer is no CA", .san = ip, .issuer = &leaf }, &leaf, ERR_TLS },
		{ { .name = "for clients only", .san = ip, .issuer = &root, .usage = "clientAuth" }, NULL, ERR_TLS },
		{ { .name = "weak key", .san = ip, .issuer = &root, .rsa_bits = 1024 }, NULL, ERR_TLS },
		{ { .name = "SHA-1", .san = ip, .issuer = &root, .digest = EVP_sha1() }, NULL, ERR_TLS },
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect_of_identity(rows[i].wish, rows[i].chain, rows[i].err);
	identity_free(&stranger);
	identity_free(&middle);
	identity_free(&lapsed);
}

static void old_tls_and_no_tls_are_refused(void **state)
{
	SSL_CTX *tls = identity_tls(&leaf, NULL);

	(void)state;
	SSL_CTX_set_max_proto_version(tls, TLS1_2_VERSION);
	expect_from((struct server_conf){ .tls = tls }, "TLS 1.2", OK);
	SSL_CTX_set_max_proto_version(tls, TLS1_1_VERSION);
	expect_from((struct server_conf){ .tls = tls }, "TLS 1.1", ERR_TLS);
	expect_from((struct server_conf){ 0 }, "no TLS", ERR_TLS);
	expect_from((struct server_conf){ .tls = tls, .reset = true }, "cut off", ERR_CONNECT);
	SSL_CTX_free(tls);
}

static void hostile_variables_have_no_effect(void **state)
{
	static const char *const names[] = {
		"http_proxy", "https_proxy", "HTTPS_PROXY",    "all_proxy",     "ALL_PROXY",
		"no_proxy",   "NO_PROXY",    "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR",
		"NETRC",      "HOME",        "CURL_HOME",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		setenv(names[i], "http://127.0.0.1:1", 1);
	assert_int_equal(result_of(true, "/echo/x"), OK);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unsetenv(names[i]);
	assert_null(getenv("SSLKEYLOGFILE"));
	assert_int_equal(access("test_http_keys", F_OK), -1);
}

static void plain_http_goes_to_loopback_only(void **state)
{
	struct server s = server_start(&(struct server_conf){ 0 });
	struct probe p;

	(void)state;
	assert_int_equal(http_prepare(http, s.base), OK);
	start(&p, true, s.base, "/echo/plain");
	loop_run(loop);
	assert_answer(&p, 200, "plain");
	finish(&p);
	start(&p, false, s.base, "/unasked");
	loop_run(loop);
	assert_answer(&p, 200, "ok");
	finish(&p);
	rest(30);
	start(&p, false, s.base, "/echo/mine");
	loop_run(loop);
	assert_answer(&p, 200, "mine");
	finish(&p);
	server_stop(&s);
}

static void a_url_that_we_do_not_go_to_sends_nothing(void **state)
{
	static const char *const urls[] = {
		"",
		"http://10.0.0.1/",
		"ftp://127.0.0.1/",
		"file:///etc/passwd",
		"https://a@127.0.0.1/",
		"https://127.0.0.1:0/",
		"https://127.1/",
		"https://127.0.0.1/a b",
		"https://127.0.0.1/\r\nX: y",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		struct probe p;

		start(&p, false, urls[i], "");
		loop_run(loop);
		assert_int_equal(p.call.err, ERR_CONNECT);
		assert_int_equal(p.call.answer.len, 0);
		finish(&p);
	}
}

static void too_many_or_too_much_at_once_sends_nothing(void **state)
{
	static struct probe all[4096];
	static char huge[256 * 1024];
	unsigned requests = good.seen->requests;
	struct probe one;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		start(&all[i], false, "ftp://", "");
	start(&one, false, good.base, "/echo/x");
	loop_run(loop);
	assert_int_equal(one.call.err, ERR_FULL);
	finish(&one);
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		finish(&all[i]);
	assert_int_equal(result_of(false, "/echo/x"), OK);
	snprintf(one.url, sizeof one.url, "%s/echo/x", good.base);
	one.call = (struct http_call){ .url = { one.url, strlen(one.url) },
				       .post = true,
				       .body = { huge, sizeof huge } };
	one.calls_back = 0;
	under_way++;
	http_start(http, &one.call, on_done);
	loop_run(loop);
	assert_int_equal(one.call.err, ERR_CONNECT);
	finish(&one);
	assert_int_equal(good.seen->requests - requests, 1);
}

enum { MASK = 0x5a, CANARY = 24, CHUNK = 1 << 20 };

static bool chunk_holds(const char *bytes, size_t n, const char masked[CANARY])
{
	for (size_t i = 0; i + CANARY <= n; i++) {
		size_t same = 0;

		while (same < CANARY && (bytes[i + same] ^ MASK) == masked[same])
			same++;
		if (same == CANARY)
			return true;
	}
	return false;
}

/* Looks for a text in all memory of this process; masked, so as not to find itself. */
static bool memory_holds(const char masked[CANARY])
{
	char *chunk = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FILE *maps = fopen("/proc/self/maps", "r");
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	bool found = false;
	char line[512];
	uintptr_t from, to;

	while (!found && fgets(line, sizeof line, maps) != NULL) {
		if (sscanf(line, "%lx-%lx rw-p", &from, &to) != 2 || strstr(line, "rw-p") == NULL ||
		    to - from > 256ul * CHUNK || from == (uintptr_t)chunk)
			continue;
		for (; !found && from < to; from += CHUNK - CANARY) {
			ssize_t n = pread(mem, chunk, to - from < CHUNK ? to - from : CHUNK,
					  (off_t)from);

			found = n > 0 && chunk_holds(chunk, (size_t)n, masked);
		}
	}
	fclose(maps);
	close(mem);
	munmap(chunk, CHUNK);
	return found;
}

static void mask(char masked[CANARY], const char *text)
{
	for (size_t i = 0; i < CANARY; i++)
		masked[i] = text[i] ^ MASK;
}

/* The name and ID number in a body, the token in a URL, the key in an answer. */
static void nothing_of_a_call_stays_in_memory(void **state)
{
	static const char alphabet[] = "QWXZKJVBPYGFqwxzkjvbpygf";
	char masked[3][CANARY], text[3][CANARY + 1], path[128], body[64];
	struct probe p;

	(void)state;
	for (int k = 0; k < 3; k++) {
		for (size_t i = 0; i < CANARY; i++)
			text[k][i] = alphabet[(unsigned)rand() % (sizeof alphabet - 1)];
		text[k][CANARY] = '\0';
		mask(masked[k], text[k]);
	}
	snprintf(body, sizeof body, "{\"name\":\"%s\"}", text[0]);
	snprintf(path, sizeof path, "/echo/%s?token=%s", text[2], text[1]);
	snprintf(p.url, sizeof p.url, "%s%s", good.base, path);
	p.call = (struct http_call){ .url = { p.url, strlen(p.url) },
				     .post = true,
				     .body = { body, strlen(body) } };
	p.calls_back = 0;
	under_way++;
	http_start(http, &p.call, on_done);
	explicit_bzero(text[0], sizeof text[0]);
	explicit_bzero(body, sizeof body);
	assert_true(memory_holds(masked[0]));
	loop_run(loop);
	assert_int_equal(p.call.err, OK);
	explicit_bzero(&p.url, sizeof p.url);
	explicit_bzero(path, sizeof path);
	explicit_bzero(text, sizeof text);
	assert_true(memory_holds(masked[2]));
	finish(&p);
	for (int k = 0; k < 3; k++)
		if (memory_holds(masked[k]))
			fail_msg("%s is still there",
				 (const char *[]){ "body", "URL", "answer" }[k]);
}

static struct timer beat;
static int64_t beat_ms, worst_gap_ms;

static void on_beat(struct timer *t)
{
	int64_t now = clock_boot_ms();

	if (now - beat_ms > worst_gap_ms)
		worst_gap_ms = now - beat_ms;
	beat_ms = now;
	timer_start(t, 2);
}

enum { MANY = 500 };

static void everybody_gets_his_own_answer_many_at_once(void **state)
{
	static struct probe many[MANY];
	unsigned before = good.seen->connections;

	(void)state;
	timer_init(loop, &beat, on_beat);
	for (int round = 0; round < 3; round++) {
		int64_t took_ms, began = beat_ms = clock_boot_ms();

		worst_gap_ms = 0;
		timer_start(&beat, 2);
		for (unsigned i = 0; i < MANY; i++) {
			char path[96];

			snprintf(many[i].expect, sizeof many[i].expect, "%d-%u", round, i);
			snprintf(path, sizeof path, "/delay/50/%s", many[i].expect);
			start(&many[i], i % 2 == 0, good.base, path);
		}
		assert_int_equal(http_in_flight(http), MANY);
		loop_run(loop);
		took_ms = clock_boot_ms() - began;
		print_message("%d calls at once in %d ms, worst gap %d ms\n", MANY, (int)took_ms,
			      (int)worst_gap_ms);
		for (unsigned i = 0; i < MANY; i++) {
			assert_answer(&many[i], 200, many[i].expect);
			finish(&many[i]);
		}
	}
	timer_finish(&beat);
	assert_in_range(good.seen->connections - before, MANY, MANY + 5);
}

static void a_cancelled_call_goes_on_alone(void **state)
{
	struct probe gone, other;
	unsigned connections, requests = good.seen->requests;

	(void)state;
	assert_int_equal(result_of(true, "/echo/warm"), OK);
	connections = good.seen->connections;
	start(&gone, true, good.base, "/delay/500/late");
	rest(10);
	http_cancel(&gone.call);
	http_cancel(&gone.call);
	memset(&gone, 0xee, sizeof gone);
	assert_int_equal(http_in_flight(http), 1);
	while (http_in_flight(http) > 0)
		rest(10); /* the call's own deadline bounds this */
	under_way = 0;
	run(&other, true, "/echo/mine");
	assert_answer(&other, 200, "mine");
	finish(&other);
	assert_int_equal(good.seen->requests - requests, 3);
	assert_int_equal(good.seen->connections, connections);
}

static void on_done_cancel_next(struct http_call *c)
{
	struct probe *p = container_of(c, struct probe, call);

	on_done(c);
	http_cancel(&p[1].call);
	http_call_finish(c);
}

/* Both answers come in one turn: the second is there, but not delivered yet. */
static void a_call_cancelled_when_its_answer_is_there_is_not_called_back(void **state)
{
	struct probe two[2];

	(void)state;
	start(&two[0], true, "ftp://127.0.0.1", "/");
	start(&two[1], true, "ftp://127.0.0.1", "/");
	two[0].call.done = on_done_cancel_next;
	under_way = 1;
	loop_run(loop);
	rest(5);
	assert_int_equal(two[0].calls_back, 1);
	assert_int_equal(two[1].calls_back, 0);
}

static void exchanges_that_nobody_waits_for_are_cut_at_the_end(void **state)
{
	struct probe running, fresh, ended;

	(void)state;
	start(&running, true, good.base, "/hang");
	rest(30);
	start(&fresh, true, good.base, "/echo/x");
	start(&ended, true, "ftp://127.0.0.1", "/");
	http_cancel(&running.call);
	http_cancel(&fresh.call);
	http_cancel(&ended.call);
	http_destroy(http);
	loop_destroy(loop);
	create(2000, 8000);
	under_way = 0;
}

static void without_a_ca_there_is_no_client(void **state)
{
	struct http *none = NULL;

	(void)state;
	assert_int_equal(http_create(loop, &(struct http_conf){ .ca_file = "/does/not/exist", .connect_ms = 1, .total_ms = 1 }, &none),
			 ERR_NOT_FOUND);
	assert_int_equal(http_create(loop, &(struct http_conf){ .ca_file = "/dev/null", .connect_ms = 1, .total_ms = 1 }, &none),
			 ERR_NOT_FOUND);
	assert_null(none);
}

#define TEST(f)      cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define IMPATIENT(f) cmocka_unit_test_setup_teardown(f, set_up_impatient, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_post_is_sent_as_json_with_its_length),
		TEST(a_get_has_no_body_and_more_headers_are_sent),
		TEST(connections_are_reused),
		TEST(an_unbound_answer_has_its_connection_to_itself),
		TEST(an_answer_without_its_sign_ends_the_connection),
		TEST(new_connections_resume_the_tls_session),
		TEST(bad_manners_are_told_apart_and_never_reach_the_next_call),
		TEST(a_connection_closed_while_idle_is_not_used),
		TEST(nothing_is_ever_sent_twice),
		IMPATIENT(a_slow_answer_is_cut_at_the_deadline),
		IMPATIENT(a_host_that_never_accepts_costs_the_connect_time),
		TEST(no_byte_is_sent_to_who_cannot_prove_to_be_wechat),
		TEST(old_tls_and_no_tls_are_refused),
		TEST(hostile_variables_have_no_effect),
		TEST(plain_http_goes_to_loopback_only),
		TEST(a_url_that_we_do_not_go_to_sends_nothing),
		TEST(too_many_or_too_much_at_once_sends_nothing),
		TEST(nothing_of_a_call_stays_in_memory),
		TEST(everybody_gets_his_own_answer_many_at_once),
		TEST(a_cancelled_call_goes_on_alone),
		TEST(a_call_cancelled_when_its_answer_is_there_is_not_called_back),
		TEST(exchanges_that_nobody_waits_for_are_cut_at_the_end),
		TEST(without_a_ca_there_is_no_client),
	};

	setenv("SSLKEYLOGFILE", "test_http_keys", 1);
	return cmocka_run_group_tests(tests, set_up_servers, tear_down_servers);
}
