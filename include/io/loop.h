/*
 * loop.h - the event loop: timers, file descriptors, signals (all of libuv's loop).
 *
 * One thread, one loop.  Timers, watches and signals are embedded in what uses
 * them: a callback gets the struct back and finds its surroundings with
 * container_of().  `uv` is what the loop keeps of it; that is freed in its own time,
 * so the struct itself may be gone as soon as *_finish() has returned.
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include "base/defs.h"
#include "base/err.h"
#include "base/list.h"

#include <stdint.h>

struct loop;

/* The first one also makes the process ignore SIGPIPE. */
struct loop *loop_create(void);

/* Everything on it must have been finished; runs pending tasks and close callbacks. */
void loop_destroy(struct loop *l);

/* Runs until loop_stop(). */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);

struct timer {
	void (*fire)(struct timer *);
	void *uv;
};

/* Once, after ms milliseconds, at least 1; starting a running timer moves it. */
void timer_init(struct loop *l, struct timer *t, void (*fire)(struct timer *));
void timer_start(struct timer *t, int64_t ms);
void timer_stop(struct timer *t);
void timer_finish(struct timer *t);  /* harmless on a zeroed or finished timer */

enum { WATCH_READ = 1, WATCH_WRITE = 2 };

/*
 * Level-triggered: fires again as long as the descriptor is ready.  An error or
 * hang-up counts as ready for what was asked.  Finish before closing the descriptor.
 * Only watch_init() needs anything of the system.  ERR_SYSTEM, and errno: EPERM is a
 * file, which is always ready; ENOSPC is fs.epoll.max_user_watches; ENOMEM is memory.
 */
struct watch {
	void (*ready)(struct watch *, unsigned events);
	void *uv;
};

enum err watch_init(struct loop *l, struct watch *w, int fd,
		    void (*ready)(struct watch *, unsigned events)) MUST_CHECK;
void watch_start(struct watch *w, unsigned events);
void watch_stop(struct watch *w);
void watch_finish(struct watch *w);  /* harmless on a zeroed or finished watch */

struct signal_watch {
	void (*caught)(struct signal_watch *);
	void *uv;
};

enum err signal_init(struct loop *l, struct signal_watch *s, int signum,
		     void (*caught)(struct signal_watch *)) MUST_CHECK;
void signal_finish(struct signal_watch *s);

/*
 * Call run() once, after the callbacks of this turn of the loop: for freeing what
 * may still be looked at, and for going on without recursion.  A task that is
 * pending must not be deferred again; list_remove(&t->link) takes it back.
 */
struct task {
	void (*run)(struct task *);
	struct list link;  /* loop.tasks */
};

void loop_defer(struct loop *l, struct task *t, void (*run)(struct task *));

#endif
