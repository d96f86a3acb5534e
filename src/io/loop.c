/*
 * libuv's loop, timers and signals behind our own small types.  The descriptors are
 * watched by an epoll of our own, of which libuv sees one descriptor: libuv registers a
 * descriptor when it goes to sleep, and aborts the process where the system has no room
 * for it (fs.epoll.max_user_watches, memory); here that is an error of one watch.
 */
#include "loop_uv.h"

#include "base/mem.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { BATCH = 256 }; /* descriptors a turn; the rest are still ready in the next one */

struct loop {
	uv_loop_t uv;
	int epoll;
	uv_poll_t ready;      /* something is, in epoll */
	unsigned watches;     /* not finished yet */
	struct list finished; /* fd_watch.link, until the end of the turn */
	uv_check_t after;     /* runs the deferred tasks, once the events of a turn are handled */
	uv_idle_t awake;      /* active while tasks are pending, so that the loop does not sleep */
	struct list tasks;    /* task.link */
	uint64_t turn;
	bool running;
};

static struct loop *stuck;

/* Behind a struct watch.  An event of the same batch may still name it when it is finished. */
struct fd_watch {
	struct watch *watch; /* NULL: finished */
	struct loop *loop;
	int fd;
	unsigned asked;
	struct list link; /* loop.finished */
};

/*
 * Name lookups are all that libuv's threads do here; one hung lookup must not hold
 * up another.  Must be said before libuv starts them.  A peer that has hung up is an
 * error of one write, not the end of the process.
 */
static void setup_once(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	ensure(setenv("UV_THREADPOOL_SIZE", "3", 1) == 0);
	signal(SIGPIPE, SIG_IGN);
}

static void free_handle(uv_handle_t *handle)
{
	mem_free(handle);
}

/* The owner may be gone from here on; the handle is libuv's until its close callback. */
static void close_handle(void **uv)
{
	uv_handle_t *handle = *uv;

	if (handle == NULL)
		return;
	*uv = NULL;
	handle->data = NULL;
	uv_close(handle, free_handle);
}

uv_loop_t *loop_uv(struct loop *l)
{
	return &l->uv;
}

uint64_t loop_turn(const struct loop *l)
{
	return l->turn;
}

/* Those deferred by these tasks themselves have to wait for the next turn. */
static void run_tasks(struct loop *l)
{
	struct list turn, *link;

	list_init(&turn);
	list_add(&l->tasks, &turn);
	list_remove(&l->tasks);
	while ((link = list_take(&turn)) != NULL) {
		struct task *t = container_of(link, struct task, link);

		t->run(t);
	}
	if (list_empty(&l->tasks))
		uv_idle_stop(&l->awake);
}

static void free_finished(struct loop *l)
{
	struct list *link;

	while ((link = list_take(&l->finished)) != NULL)
		mem_free(container_of(link, struct fd_watch, link));
}

static void on_after(uv_check_t *after)
{
	struct loop *l = container_of(after, struct loop, after);

	run_tasks(l);
	free_finished(l);
	l->turn++;
}

static void on_awake(uv_idle_t *awake)
{
	(void)awake;
}

static void on_ready(uv_poll_t *ready, int status, int events);

struct loop *loop_create(void)
{
	setup_once();
	struct loop *l = mem_calloc(1, sizeof *l);

	list_init(&l->tasks);
	list_init(&l->finished);
	ensure(uv_loop_init(&l->uv) == 0);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	ensure(l->epoll >= 0 && uv_poll_init(&l->uv, &l->ready, l->epoll) == 0);
	uv_poll_start(&l->ready, UV_READABLE, on_ready);
	uv_check_init(&l->uv, &l->after);
	uv_check_start(&l->after, on_after);
	uv_idle_init(&l->uv, &l->awake);
	return l;
}

static void count_open(uv_handle_t *handle, void *arg)
{
	unsigned *n = arg;

	ensure(uv_is_closing(handle));
	(*n)++;
}

/* libuv's own end would wait for its threads: as long as the lookup hangs, some seconds. */
static void leave_now(int status, void *unused)
{
	(void)unused;
	fflush(NULL);
	_exit(status);
}

/*
 * A name lookup that hangs in the system's resolver cannot be ended.  It gets 100 ms
 * and then keeps the loop's memory: this happens only when the process is to end.
 */
static bool close_loop(uv_loop_t *uv)
{
	for (int tries = 0; tries < 50; tries++) {
		uv_run(uv, UV_RUN_NOWAIT);
		if (uv_loop_close(uv) == 0)
			return true;
		usleep(2000);
	}
	return false;
}

void loop_destroy(struct loop *l)
{
	unsigned open;

	if (l == NULL)
		return;
	while (!list_empty(&l->tasks))
		run_tasks(l);
	ensure(l->watches == 0);
	free_finished(l);
	uv_close((uv_handle_t *)&l->ready, NULL);
	uv_close((uv_handle_t *)&l->after, NULL);
	uv_close((uv_handle_t *)&l->awake, NULL);
	do {
		uv_run(&l->uv, UV_RUN_NOWAIT);
		open = 0;
		uv_walk(&l->uv, count_open, &open);
	} while (open > 0);
	close(l->epoll);
	if (close_loop(&l->uv)) {
		mem_free(l);
		return;
	}
	if (stuck == NULL)
		on_exit(leave_now, NULL);
	stuck = l;
}

void loop_run(struct loop *l)
{
	l->running = true;
	uv_run(&l->uv, UV_RUN_DEFAULT);
	l->running = false;
}

void loop_stop(struct loop *l)
{
	uv_stop(&l->uv);
}

static struct loop *loop_of(const uv_handle_t *handle)
{
	return container_of(handle->loop, struct loop, uv);
}

void loop_defer(struct loop *l, struct task *t, void (*run)(struct task *))
{
	t->run = run;
	list_add(&l->tasks, &t->link);
	uv_idle_start(&l->awake, on_awake);
}

static void on_timer(uv_timer_t *uv)
{
	struct timer *t = uv->data;

	if (t != NULL)
		t->fire(t);
}

void timer_init(struct loop *l, struct timer *t, void (*fire)(struct timer *))
{
	uv_timer_t *uv = mem_alloc(sizeof *uv);

	uv_timer_init(&l->uv, uv);
	uv->data = t;
	*t = (struct timer){ .fire = fire, .uv = uv };
}

/*
 * At least 1 ms: libuv would run a timer of 0 ms that starts itself again for ever
 * in one turn.  Its clock stands still while the loop is not running.
 */
void timer_start(struct timer *t, int64_t ms)
{
	uv_timer_t *uv = t->uv;

	if (!loop_of((uv_handle_t *)uv)->running)
		uv_update_time(uv->loop);
	uv_timer_start(uv, on_timer, ms < 1 ? 1 : (uint64_t)ms, 0);
}

void timer_stop(struct timer *t)
{
	uv_timer_stop(t->uv);
}

void timer_finish(struct timer *t)
{
	close_handle(&t->uv);
}

/* --- watches ---------------------------------------------------------------------- */

/* Of an error or a hang-up the owner hears again until it acts, by what it asked for. */
static unsigned happened(const struct fd_watch *fw, uint32_t events)
{
	unsigned what = 0;

	if ((events & (EPOLLERR | EPOLLHUP)) != 0)
		return fw->asked;
	what |= (events & EPOLLIN) != 0 ? WATCH_READ : 0;
	what |= (events & EPOLLOUT) != 0 ? WATCH_WRITE : 0;
	return what & fw->asked;
}

static void on_ready(uv_poll_t *ready, int status, int events)
{
	struct loop *l = container_of(ready, struct loop, ready);
	struct epoll_event batch[BATCH];
	int n = epoll_wait(l->epoll, batch, BATCH, 0);

	(void)status, (void)events;
	for (int i = 0; i < n; i++) {
		struct fd_watch *fw = batch[i].data.ptr;
		unsigned what = happened(fw, batch[i].events);
		if (fw->watch != NULL && what != 0)
			fw->watch->ready(fw->watch, what);
	}
}

/* Nothing asked: errors are told all the same, so only once, which is ignored. */
static struct epoll_event wanted(struct fd_watch *fw)
{
	struct epoll_event e = { .data.ptr = fw, .events = fw->asked == 0 ? EPOLLET : 0 };

	e.events |= (fw->asked & WATCH_READ) != 0 ? EPOLLIN : 0;
	e.events |= (fw->asked & WATCH_WRITE) != 0 ? EPOLLOUT : 0;
	return e;
}

enum err watch_init(struct loop *l, struct watch *w, int fd,
		    void (*ready)(struct watch *, unsigned events))
{
	struct fd_watch *fw = mem_calloc(1, sizeof *fw);
	struct epoll_event e = wanted(fw);

	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) != 0) {
		mem_free(fw);
		return ERR_SYSTEM;
	}
	fw->watch = w;
	fw->loop = l;
	fw->fd = fd;
	l->watches++;
	*w = (struct watch){ .ready = ready, .uv = fw };
	return OK;
}

/* Changing takes no memory: it fails only where the descriptor has been closed already. */
void watch_start(struct watch *w, unsigned events)
{
	struct fd_watch *fw = w->uv;

	if (fw->asked == events)
		return;
	fw->asked = events;
	struct epoll_event e = wanted(fw);
	epoll_ctl(fw->loop->epoll, EPOLL_CTL_MOD, fw->fd, &e);
}

void watch_stop(struct watch *w)
{
	watch_start(w, 0);
}

void watch_finish(struct watch *w)
{
	struct fd_watch *fw = w->uv;

	if (fw == NULL)
		return;
	w->uv = NULL;
	fw->watch = NULL;
	epoll_ctl(fw->loop->epoll, EPOLL_CTL_DEL, fw->fd, NULL);
	fw->loop->watches--;
	list_add(&fw->loop->finished, &fw->link);
}

static void on_signal(uv_signal_t *uv, int signum)
{
	struct signal_watch *s = uv->data;

	(void)signum;
	if (s != NULL)
		s->caught(s);
}

enum err signal_init(struct loop *l, struct signal_watch *s, int signum,
		     void (*caught)(struct signal_watch *))
{
	uv_signal_t *uv = mem_alloc(sizeof *uv);

	uv_signal_init(&l->uv, uv);
	uv->data = s;
	*s = (struct signal_watch){ .caught = caught, .uv = uv };
	if (uv_signal_start(uv, on_signal, signum) == 0)
		return OK;
	signal_finish(s);
	return ERR_SYSTEM;
}

void signal_finish(struct signal_watch *s)
{
	close_handle(&s->uv);
}
