/* What the process may have of memory and descriptors, and what memory it gives back. */
#include "limits.h"

#include "base/log.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	REQUEST_BYTES = 160 * 1024, /* what one in flight takes at most, and some room */
	THREADS = 3,                /* libuv's, that look up names: started later */
	LOOK_MS = 10 * 1000,
	PEAK = 64, /* requests in flight that leave enough behind to be given back */
	QUIET = 4, /* looks */
};

/* In bytes, by /proc/self/statm: all of the address space, or what counts as data. */
static uint64_t in_use(unsigned resource)
{
	unsigned long size = 0, data = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f != NULL) {
		if (fscanf(f, "%lu %*u %*u %*u %*u %lu", &size, &data) != 2)
			size = data = 0;
		fclose(f);
	}
	return (uint64_t)(resource == RLIMIT_AS ? size : data) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t stacks(void)
{
	struct rlimit stack;

	if (getrlimit(RLIMIT_STACK, &stack) != 0 || stack.rlim_cur == RLIM_INFINITY)
		return 0;
	return (uint64_t)THREADS * stack.rlim_cur;
}

/* What is left of a limit, in requests. */
static unsigned room(unsigned resource, unsigned wanted)
{
	struct rlimit limit;
	uint64_t taken = in_use(resource) + stacks();

	if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
		return wanted;
	if (limit.rlim_cur <= taken)
		return 0;
	uint64_t requests = (limit.rlim_cur - taken) / REQUEST_BYTES;
	return requests < wanted ? (unsigned)requests : wanted;
}

unsigned limits_in_flight(unsigned wanted)
{
	static const struct {
		unsigned resource;
		const char *option;
	} limits[] = { { RLIMIT_AS, "ulimit -v" }, { RLIMIT_DATA, "ulimit -d" } };
	unsigned most = wanted;

	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		unsigned requests = room(limits[i].resource, most);
		if (requests == most)
			continue;
		most = requests;
		log_text(
			LOG_WARN, "memory",
			"the limit of the process's memory (%s) has room for %u requests in "
			"flight, "
			"not the %u of in_flight: more are answered 503 (raise the limit, or lower "
			"in_flight)",
			limits[i].option, most, wanted);
	}
	return most;
}

/* Of the numbers that a worker has open at its start, nearly all are below this. */
enum { DESCRIPTORS_SEEN = 256 };

static unsigned open_descriptors(void)
{
	unsigned nr = 0;

	for (int fd = 0; fd < DESCRIPTORS_SEEN; fd++)
		nr += fcntl(fd, F_GETFD) >= 0;
	return nr;
}

unsigned limits_connections(unsigned in_flight, unsigned hosts)
{
	enum {
		LIMIT = 1 << 20,
		SPARE = 8,  /* name lookups, libfcgi, files opened again */
		IDLE = 80,  /* connections to a host that a few calls leave, and libcurl's own */
		LEAST = 10, /* requests in flight */
	};
	const unsigned used = open_descriptors() + SPARE + IDLE * hosts, each = 1 + 2 * hosts;
	struct rlimit files = { LIMIT, LIMIT };

	getrlimit(RLIMIT_NOFILE, &files);
	const unsigned limit = files.rlim_cur < LIMIT ? (unsigned)files.rlim_cur : LIMIT;
	if (limit < used + LEAST * each) {
		log_text(LOG_ERROR, "descriptors",
			 "the limit of %u descriptors is too low: raise it to %u at least (ulimit "
			 "-n, LimitNOFILE= of systemd)",
			 limit, used + LEAST * each);
		return 0;
	}
	const unsigned room = limit - used, share = room / each;
	return room - 2 * hosts * (share < in_flight ? share : in_flight);
}

static void on_look(struct timer *t)
{
	struct memory_watch *m = container_of(t, struct memory_watch, timer);
	struct fcgi_stats stats;

	fcgi_stats(m->fcgi, &stats);
	m->quiet++;
	if (stats.in_flight_peak >= PEAK) {
		m->quiet = 0;
		m->held = true;
	}
	if (m->held && m->quiet >= QUIET) {
		malloc_trim(0);
		m->held = false;
	}
	timer_start(t, LOOK_MS);
}

void memory_watch_start(struct memory_watch *m, struct loop *l, struct fcgi *fcgi)
{
	*m = (struct memory_watch){ .fcgi = fcgi };
	timer_init(l, &m->timer, on_look);
	timer_start(&m->timer, LOOK_MS);
}

void memory_watch_finish(struct memory_watch *m)
{
	timer_finish(&m->timer);
}
