/* Looking after the segment's file. */
#include "segment_watch.h"
#include "base/clock.h"
#include "base/log.h"

enum { LOOK_MS = 500, SAY_AGAIN_MS = 60 * 1000, KEY_LOOKS = 6 };

#define CAUSE                                                                             \
	"segment %s was removed under running workers (systemd-logind does that when an " \
	"ordinary user's last session ends, or somebody did it by hand): "
#define CURE                                                                                \
	"run benren as a system user, or set RemoveIPC=no in /etc/systemd/logind.conf, or " \
	"set a `segment` outside /dev/shm"

static void say_apart(struct segment_watch *w, const char *why)
{
	int64_t now = clock_boot_ms();

	if (++w->apart < 2 || now < w->say_again)
		return;
	w->say_again = now + SAY_AGAIN_MS;
	log_text(LOG_ERROR, "segment",
		 CAUSE "this worker goes on with it, apart from those that start now, and tries "
		       "again; it cannot follow: %s; " CURE,
		 w->conf->segment, why);
}

/* It may be removed a little after the segment. */
static void look_for_key(struct segment_watch *w)
{
	if (w->key_looks == 0)
		return;
	w->key_looks--;
	if (conf_restore_pool_key(w->conf, w->key))
		log_text(LOG_ERROR, "key_file",
			 "%s was removed with the segment, and was put back; keep it elsewhere: "
			 "without it no session is found and no audit file can be verified",
			 w->conf->key_file);
}

static void on_time(struct timer *t)
{
	struct segment_watch *w = container_of(t, struct segment_watch, timer);
	const char *why = "";

	switch (store_follow(w->store, &why)) {
	case STORE_STAYS:
		w->apart = 0;
		break;
	case STORE_MOVED:
		w->apart = 0;
		w->say_again = 0;
		w->key_looks = KEY_LOOKS;
		log_text(LOG_ERROR, "segment",
			 CAUSE "what it held was carried over to a new one; " CURE,
			 w->conf->segment);
		break;
	case STORE_APART:
		say_apart(w, why);
		break;
	}
	look_for_key(w);
	timer_start(t, LOOK_MS);
}

void segment_watch_start(struct segment_watch *w, struct loop *loop, struct store *store,
			 const struct conf *conf, const unsigned char key[CRYPT_KEY_SIZE])
{
	w->store = store;
	w->conf = conf;
	w->key = key;
	timer_init(loop, &w->timer, on_time);
	timer_start(&w->timer, LOOK_MS);
}

void segment_watch_finish(struct segment_watch *w)
{
	timer_finish(&w->timer);
}
