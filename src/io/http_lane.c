/* libcurl's multi handles on our watches, timers and tasks. */
#include "http_lane.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop_uv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	TURN_US = 10 * 1000,   /* a handshake takes 1 ms: some turns could be long */
	LOOK_MS = 10 * 1000,   /* how often lanes are looked at that could be closed */
	SAY_AGAIN_MS = 60 * 1000,
};

struct lanes {
	struct loop *loop;
	struct list open;    /* lane.link, oldest first */
	struct wire **wires; /* by descriptor */
	size_t wires_nr;
	struct timer tidy;
	uint64_t turn, spent_us; /* in libcurl, in this turn of the loop */
	uint64_t out_of_turn;    /* connections that somebody spoke on unasked */
	int64_t say_again;       /* not before, on the boot clock */
};

struct lane {
	struct lanes *all;
	struct list link; /* lanes.open */
	CURLM *multi;
	struct timer timer;
	struct task soon; /* libcurl asked to be called with no delay */
	bool soon_pending;
	unsigned jobs, wires;
	int64_t used_ms;
};

/*
 * A connection.  Its descriptor stays watched from open to close, also while the
 * connection is idle: that saves two system calls a transfer, and tells at once
 * when the other side hangs up or speaks out of turn.
 */
struct wire {
	struct watch watch;
	struct lane *lane;
	const struct lane_job *maker; /* only to be compared: it may be gone */
	int fd;
	bool idle;
};

static void lane_set_timer(struct lane *ln, long ms);

/* NULL: no connection that we opened has this descriptor. */
static struct wire *wire_at(const struct lanes *all, int fd)
{
	return fd >= 0 && (size_t)fd < all->wires_nr ? all->wires[fd] : NULL;
}

/* The descriptor may be closed already, or another's by now. */
static void wire_forget(struct lanes *all, struct wire *w)
{
	all->wires[w->fd] = NULL;
	w->lane->wires--;
	watch_finish(&w->watch);
	mem_free(w);
}

/*
 * A connection that was never ready is closed by libcurl, which does not always say so:
 * its descriptor may be given to another one in the next moment.
 */
static void forget_unready(struct lane *ln, const struct lane_job *job)
{
	struct wire *w = job->opened && !job->sealed ? wire_at(ln->all, job->fd) : NULL;

	if (w != NULL && w->maker == job)
		wire_forget(ln->all, w);
}

/*
 * Finished transfers are read after every action: one that timed out is announced
 * here and nowhere else.
 */
static void lane_drain(struct lane *ln)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(ln->multi, &left)) != NULL) {
		CURLcode result = msg->data.result;
		struct lane_job *job;

		ensure(msg->msg == CURLMSG_DONE);
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&job);
		lanes_remove(job);
		if (result != CURLE_OK)
			forget_unready(ln, job);
		job->ended(job, result);
	}
}

/* Has this turn had its share?  Then whatever it is waits for the next one. */
static bool turn_is_spent(struct lanes *all)
{
	if (all->turn != loop_turn(all->loop)) {
		all->turn = loop_turn(all->loop);
		all->spent_us = 0;
	}
	return all->spent_us >= TURN_US;
}

static void lane_act(struct lane *ln, curl_socket_t fd, int events)
{
	uint64_t began = uv_hrtime();
	int running;

	ensure(curl_multi_socket_action(ln->multi, fd, events, &running) == CURLM_OK);
	lane_drain(ln);
	ln->all->spent_us += (uv_hrtime() - began) / 1000;
}

/* libcurl does not repeat a time that it asked for before, so ask it. */
static void lane_timeout(struct lane *ln)
{
	long ms;

	lane_act(ln, CURL_SOCKET_TIMEOUT, 0);
	ensure(curl_multi_timeout(ln->multi, &ms) == CURLM_OK);
	lane_set_timer(ln, ms);
}

static void on_soon(struct task *t)
{
	struct lane *ln = container_of(t, struct lane, soon);

	ln->soon_pending = false;
	if (turn_is_spent(ln->all))
		lane_set_timer(ln, 0);
	else
		lane_timeout(ln);
}

static void on_lane_timer(struct timer *t)
{
	lane_set_timer(container_of(t, struct lane, timer), 0);
}

static void lane_set_timer(struct lane *ln, long ms)
{
	if (ms != 0)
		timer_stop(&ln->timer);
	if (ms > 0)
		timer_start(&ln->timer, ms);
	if (ms != 0 || ln->soon_pending)
		return;
	ln->soon_pending = true;
	loop_defer(ln->all->loop, &ln->soon, on_soon);
}

static int on_curl_timer(CURLM *multi, long ms, void *arg)
{
	(void)multi;
	lane_set_timer(arg, ms);
	return 0;
}

void lanes_out_of_turn(struct lanes *all)
{
	int64_t now = clock_boot_ms();
	struct log_line l;

	all->out_of_turn++;
	if (now < all->say_again)
		return;
	all->say_again = now + SAY_AGAIN_MS;
	log_begin(&l, LOG_ERROR, "out_of_turn");
	log_int(&l, "count", (int64_t)all->out_of_turn);
	log_word(&l, "text",
		 "an answer came that nothing had asked for; its connection was closed");
	log_word(&l, "hint",
		 "if a gateway or relay of yours stands before WeChat, it sends answers twice or "
		 "mixes them up: one user may get another's result there, which nothing here can see");
	log_end(&l);
}

/*
 * Do these bytes end a TLS connection?  An alert, which from TLS 1.3 on is wrapped in a
 * record of its own, told by its length: two bytes, its type, and the cipher's tag.
 */
static bool is_goodbye(const unsigned char *b, size_t n)
{
	static const unsigned char alert = 0x15, wrapped[] = { 0x17, 0x03, 0x03, 0x00, 0x13 };

	return b[0] == alert || (n >= sizeof wrapped && memcmp(b, wrapped, sizeof wrapped) == 0);
}

/*
 * Something happened on an idle connection: it is being closed, or an answer came that
 * nothing had asked for and that would be taken for the next one.  Shut and emptied, so
 * that libcurl finds it dead when it looks at it, instead of reusing it.
 */
static void wire_retire(struct wire *w)
{
	unsigned char rest[4096];
	int reads = 0;

	ssize_t n = recv(w->fd, rest, sizeof rest, MSG_PEEK | MSG_DONTWAIT);
	/* The event may be older than the end of the answer that it announced. */
	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0 && !is_goodbye(rest, (size_t)n))
		lanes_out_of_turn(w->lane->all);
	watch_stop(&w->watch);
	shutdown(w->fd, SHUT_RDWR);
	while (reads++ < 16 && recv(w->fd, rest, sizeof rest, MSG_DONTWAIT) > 0)
		;
}

static void on_wire(struct watch *watch, unsigned events)
{
	struct wire *w = container_of(watch, struct wire, watch);
	int flags = 0;

	if (w->idle) {
		wire_retire(w);
		return;
	}
	if (turn_is_spent(w->lane->all))
		return;
	flags |= (events & WATCH_READ) != 0 ? CURL_CSELECT_IN : 0;
	flags |= (events & WATCH_WRITE) != 0 ? CURL_CSELECT_OUT : 0;
	lane_act(w->lane, w->fd, flags);
}

static void wires_reserve(struct lanes *all, size_t nr)
{
	size_t had = all->wires_nr;

	if (nr <= had)
		return;
	all->wires_nr = nr < 2 * had ? 2 * had : nr;
	all->wires = mem_realloc(all->wires, all->wires_nr * sizeof(struct wire *));
	memset(all->wires + had, 0, (all->wires_nr - had) * sizeof(struct wire *));
}

static enum err wire_create(struct lane_job *job, int fd)
{
	struct wire *w = mem_calloc(1, sizeof *w);
	struct lane *ln = job->lane;

	w->lane = ln;
	w->maker = job;
	w->fd = fd;
	if (watch_init(ln->all->loop, &w->watch, fd, on_wire) != OK) {
		mem_free(w);
		return ERR_SYSTEM;
	}
	ln->all->wires[fd] = w;
	ln->wires++;
	return OK;
}

/* Asked for by libcurl.  One for a job that is sealed would be for sending it again. */
static curl_socket_t open_wire(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct lane_job *job = arg;
	struct lane *ln = job->lane;

	(void)purpose;
	if (job->sealed)
		return CURL_SOCKET_BAD;
	int fd = socket(to->family, to->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, to->protocol);
	if (fd < 0) {
		job->no_room = errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			       errno == ENOMEM;
		return CURL_SOCKET_BAD;
	}
	wires_reserve(ln->all, (size_t)fd + 1);
	struct wire *old = wire_at(ln->all, fd);
	if (old != NULL)
		wire_forget(ln->all, old); /* of a connection closed behind us */
	if (wire_create(job, fd) != OK) {
		job->no_room = true;
		close(fd);
		return CURL_SOCKET_BAD;
	}
	job->opened = true;
	job->fd = fd;
	return fd;
}

static int close_wire(void *arg, curl_socket_t fd)
{
	struct lanes *all = arg;
	struct wire *w = wire_at(all, fd);

	if (w != NULL)
		wire_forget(all, w);
	return close(fd);
}

/*
 * libcurl 7.88 closes a connection that was still being made without calling
 * close_wire(), and says no more than that it is not interested in it any more.
 */
static bool closed_behind_us(int fd)
{
	return fcntl(fd, F_GETFD) < 0 && errno == EBADF;
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
	static const unsigned events[] = {
		[CURL_POLL_NONE] = 0,
		[CURL_POLL_IN] = WATCH_READ,
		[CURL_POLL_OUT] = WATCH_WRITE,
		[CURL_POLL_INOUT] = WATCH_READ | WATCH_WRITE,
		[CURL_POLL_REMOVE] = WATCH_READ,
	};
	struct lane *ln = arg;
	struct wire *w = wire_at(ln->all, fd);

	(void)easy;
	(void)unused;
	if (w == NULL)
		return 0;
	if (what == CURL_POLL_REMOVE && closed_behind_us(fd)) {
		wire_forget(ln->all, w);
		return 0;
	}
	w->idle = what == CURL_POLL_REMOVE;
	watch_start(&w->watch, events[what]);
	return 0;
}

static struct lane *lane_create(struct lanes *all)
{
	struct lane *ln = mem_calloc(1, sizeof *ln);

	ln->all = all;
	timer_init(all->loop, &ln->timer, on_lane_timer);
	ln->multi = curl_multi_init();
	ensure(ln->multi != NULL);
	curl_multi_setopt(ln->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
	curl_multi_setopt(ln->multi, CURLMOPT_SOCKETDATA, ln);
	curl_multi_setopt(ln->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
	curl_multi_setopt(ln->multi, CURLMOPT_TIMERDATA, ln);
	curl_multi_setopt(ln->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
	curl_multi_setopt(ln->multi, CURLMOPT_MAXCONNECTS, (long)LANE_JOBS);
	list_add(&all->open, &ln->link);
	return ln;
}

static void lane_destroy(struct lane *ln)
{
	ensure(ln->jobs == 0);
	curl_multi_cleanup(ln->multi);
	for (size_t fd = 0; ln->wires > 0 && fd < ln->all->wires_nr; fd++) {
		struct wire *w = ln->all->wires[fd];
		if (w != NULL && w->lane == ln)
			wire_forget(ln->all, w); /* closed without a word */
	}
	if (ln->soon_pending)
		list_remove(&ln->soon.link);
	timer_finish(&ln->timer);
	list_remove(&ln->link);
	mem_free(ln);
}

void lanes_tidy(struct lanes *all)
{
	int64_t now = clock_boot_ms();
	struct list *next;

	for (struct list *link = all->open.next; link != &all->open; link = next) {
		struct lane *ln = container_of(link, struct lane, link);

		next = link->next;
		if (ln->jobs == 0 && now - ln->used_ms >= LANE_IDLE_SECONDS * 1000)
			lane_destroy(ln);
	}
}

static void on_tidy(struct timer *t)
{
	struct lanes *all = container_of(t, struct lanes, tidy);

	lanes_tidy(all);
	if (!list_empty(&all->open))
		timer_start(&all->tidy, LOOK_MS);
}

struct lanes *lanes_create(struct loop *l)
{
	struct lanes *all = mem_calloc(1, sizeof *all);

	all->loop = l;
	list_init(&all->open);
	timer_init(l, &all->tidy, on_tidy);
	return all;
}

void lanes_destroy(struct lanes *all)
{
	if (all == NULL)
		return;
	while (!list_empty(&all->open))
		lane_destroy(container_of(all->open.next, struct lane, link));
	timer_finish(&all->tidy);
	mem_free(all->wires);
	mem_free(all);
}

/* The oldest lane with an idle connection, else the oldest with room, else a new one. */
static struct lane *lanes_choose(struct lanes *all)
{
	struct lane *roomy = NULL;

	for (struct list *link = all->open.next; link != &all->open; link = link->next) {
		struct lane *ln = container_of(link, struct lane, link);

		if (ln->jobs >= LANE_JOBS)
			continue;
		if (ln->wires > ln->jobs)
			return ln;
		if (roomy == NULL)
			roomy = ln;
	}
	return roomy != NULL ? roomy : lane_create(all);
}

void lanes_add(struct lanes *all, struct lane_job *job)
{
	bool first = list_empty(&all->open);
	struct lane *ln = lanes_choose(all);

	job->lane = ln;
	job->opened = job->no_room = false;
	ln->jobs++;
	curl_easy_setopt(job->easy, CURLOPT_PRIVATE, job);
	curl_easy_setopt(job->easy, CURLOPT_OPENSOCKETFUNCTION, open_wire);
	curl_easy_setopt(job->easy, CURLOPT_OPENSOCKETDATA, job);
	curl_easy_setopt(job->easy, CURLOPT_CLOSESOCKETFUNCTION, close_wire);
	curl_easy_setopt(job->easy, CURLOPT_CLOSESOCKETDATA, all);
	ensure(curl_multi_add_handle(ln->multi, job->easy) == CURLM_OK);
	if (first)
		timer_start(&all->tidy, LOOK_MS);
}

void lanes_remove(struct lane_job *job)
{
	struct lane *ln = job->lane;

	job->lane = NULL;
	ln->jobs--;
	ln->used_ms = clock_boot_ms();
	ensure(curl_multi_remove_handle(ln->multi, job->easy) == CURLM_OK);
}
