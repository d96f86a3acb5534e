/* libuv's loop, timers, polls and signals behind our own small types. */
#include "loop_uv.h"

#include "base/mem.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct loop {
	uv_loop_t uv;
	uv_check_t after;  /* runs the deferred tasks, once the events of a turn are handled */
	uv_idle_t awake;   /* active while tasks are pending, so that the loop does not sleep */
	struct list tasks; /* task.link */
	uint64_t turn;
	bool running;
};

static struct loop *stuck;

struct uv_watch {
	uv_poll_t poll;
	unsigned asked;
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
	ensure(uv_replace_allocator(mem_alloc, mem_realloc, mem_calloc, mem_free) == 0);
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

static void on_after(uv_check_t *after)
{
	struct loop *l = container_of(after, struct loop, after);

	run_tasks(l);
	l->turn++;
}

static void on_awake(uv_idle_t *awake)
{
	(void)awake;
}

struct loop *loop_create(void)
{
	setup_once();
	struct loop *l = mem_calloc(1, sizeof *l);

	list_init(&l->tasks);
	ensure(uv_loop_init(&l->uv) == 0);
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
	uv_close((uv_handle_t *)&l->after, NULL);
	uv_close((uv_handle_t *)&l->awake, NULL);
	do {
		uv_run(&l->uv, UV_RUN_NOWAIT);
		open = 0;
		uv_walk(&l->uv, count_open, &open);
	} while (open > 0);
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

/* libuv stops a poll at an error; the owner was promised to hear of it until it acts. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct uv_watch *uv = container_of(poll, struct uv_watch, poll);
	struct watch *w = poll->data;
	unsigned ready = 0;

	if (w == NULL)
		return;
	if (status != 0) {
		ready = uv->asked;
		uv->asked = 0;
		watch_start(w, ready);
	} else {
		ready |= (events & UV_READABLE) != 0 ? WATCH_READ : 0;
		ready |= (events & UV_WRITABLE) != 0 ? WATCH_WRITE : 0;
	}
	w->ready(w, ready);
}

enum err watch_init(struct loop *l, struct watch *w, int fd,
		    void (*ready)(struct watch *, unsigned events))
{
	struct uv_watch *uv = mem_calloc(1, sizeof *uv);

	if (uv_poll_init(&l->uv, &uv->poll, fd) != 0) {
		mem_free(uv);
		return ERR_SYSTEM;
	}
	uv->poll.data = w;
	*w = (struct watch){ .ready = ready, .uv = uv };
	return OK;
}

/* Starting anew would cost libuv two system calls, so not for what is asked already. */
void watch_start(struct watch *w, unsigned events)
{
	struct uv_watch *uv = w->uv;
	int wanted = 0;

	if (uv->asked == events)
		return;
	uv->asked = events;
	wanted |= (events & WATCH_READ) != 0 ? UV_READABLE : 0;
	wanted |= (events & WATCH_WRITE) != 0 ? UV_WRITABLE : 0;
	ensure(uv_poll_start(&uv->poll, wanted, on_poll) == 0);
}

void watch_stop(struct watch *w)
{
	watch_start(w, 0);
}

void watch_finish(struct watch *w)
{
	close_handle(&w->uv);
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
