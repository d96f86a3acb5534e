/*
 * http_bench [calls-in-flight [delay-ms [rounds]]] - what a call over a reused TLS
 * connection costs: CPU of this process per call, memory per call in flight, and the
 * longest that the loop was held up.
 */
#include "../unit/io/identity.h"
#include "../unit/io/tls_server.h"

#include "base/clock.h"
#include "io/http.h"

#include <sys/resource.h>

struct bench {
	struct loop *loop;
	struct http *http;
	struct bench_call *calls;
	unsigned in_flight, left, failed;
	struct timer beat;
	int64_t beat_ms, gap_ms;
};

struct bench_call {
	struct http_call call;
	struct bench *bench;
};

static char url[128], body[256];

static double cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static double rss_kib(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long pages = 0;

	ensure(f != NULL && fscanf(f, "%*d %ld", &pages) == 1);
	fclose(f);
	return (double)pages * 4;
}

static void on_beat(struct timer *t)
{
	struct bench *b = container_of(t, struct bench, beat);
	int64_t now = clock_boot_ms();

	b->gap_ms = now - b->beat_ms > b->gap_ms ? now - b->beat_ms : b->gap_ms;
	b->beat_ms = now;
	timer_start(t, 1);
}

static void on_done(struct http_call *c);

static void begin(struct bench_call *c)
{
	c->call = (struct http_call){
		.url = { url, strlen(url) },
		.post = true,
		.body = { body, sizeof body - 1 },
	};
	c->bench->left--;
	http_start(c->bench->http, &c->call, on_done);
}

/* The next one starts when one ends, so that as many are always in flight. */
static void on_done(struct http_call *c)
{
	struct bench_call *call = container_of(c, struct bench_call, call);
	struct bench *b = call->bench;

	b->failed += c->err != OK;
	http_call_finish(c);
	if (b->left > 0)
		begin(call);
	else if (--b->in_flight == 0)
		loop_stop(b->loop);
}

static void run(struct bench *b, unsigned in_flight, unsigned calls, const char *what)
{
	double cpu = cpu_us();
	int64_t began = clock_boot_ms();

	b->in_flight = in_flight;
	b->left = calls;
	b->failed = 0;
	b->beat_ms = began;
	b->gap_ms = 0;
	timer_start(&b->beat, 1);
	for (unsigned i = 0; i < in_flight; i++)
		begin(&b->calls[i]);
	loop_run(b->loop);
	timer_stop(&b->beat);
	printf("%-16s %6u calls %6.1f us CPU a call %6.0f calls/s, gap %d ms, failed %u\n", what,
	       calls, (cpu_us() - cpu) / calls, calls * 1000.0 / (double)(clock_boot_ms() - began),
	       (int)b->gap_ms, b->failed);
}

int main(int argc, char **argv)
{
	unsigned in_flight = argc > 1 ? (unsigned)atoi(argv[1]) : 1000;
	int delay_ms = argc > 2 ? atoi(argv[2]) : 200;
	unsigned rounds = argc > 3 ? (unsigned)atoi(argv[3]) : 10;
	struct bench b = { .calls = mem_calloc(in_flight, sizeof *b.calls) };

	memset(body, 'b', sizeof body);
	struct identity id = identity_create(
		(struct wish){ .name = "bench", .san = "IP:127.0.0.1", .ca = true });
	identity_write(&id, "http_bench_ca.pem");
	SSL_CTX *tls = identity_tls(&id, NULL);
	struct server server = server_start(&(struct server_conf){ .tls = tls });
	snprintf(url, sizeof url, "%s/delay/%d/{\"errcode\":0,\"errmsg\":\"ok\"}", server.base,
		 delay_ms);
	b.loop = loop_create();
	ensure(http_create(b.loop, &(struct http_conf){ .ca_file = "http_bench_ca.pem", .connect_ms = 20000, .total_ms = 30000 },
			   &b.http) == OK);
	timer_init(b.loop, &b.beat, on_beat);
	for (unsigned i = 0; i < in_flight; i++)
		b.calls[i].bench = &b;
	double before = rss_kib();
	run(&b, in_flight, in_flight, "new connections");
	run(&b, in_flight, in_flight * rounds, "reused");
	double after = rss_kib();
	printf("memory %.1f KiB a call in flight, connection included; %u connections, %u "
	       "resumed\n",
	       (after - before) / in_flight, (unsigned)server.seen->connections,
	       (unsigned)server.seen->resumed);
	timer_finish(&b.beat);
	http_destroy(b.http);
	loop_destroy(b.loop);
	server_stop(&server);
	SSL_CTX_free(tls);
	identity_free(&id);
	unlink("http_bench_ca.pem");
	return 0;
}
