/*
 * segment_watch.h - what a worker does when somebody removes the segment under it.
 *
 * It looks twice a second.  The store carries its values over to the file that is at the
 * path by then, and an error line says what happened, why, and what to do about it; where
 * it cannot, twice in a row (others may be at it just now), the line says so, every minute.
 *
 * The key_file is by default beside the segment, and goes the same way.  A worker started
 * without it would make another key and find no session by it, so in the seconds around
 * such a removal, and only then, it is put back.
 */
#ifndef SEGMENT_WATCH_H
#define SEGMENT_WATCH_H

#include "base/conf.h"
#include "io/loop.h"
#include "store/store.h"

#include <stdint.h>

struct segment_watch {
	struct store *store;
	const struct conf *conf;
	const unsigned char *key; /* the pool's */
	unsigned key_looks;       /* so many more for its file */
	struct timer timer;
	unsigned apart; /* looks in a row at which it could not follow */
	int64_t say_again;
};

/* All of it stays the caller's. */
void segment_watch_start(struct segment_watch *w, struct loop *loop, struct store *store,
			 const struct conf *conf, const unsigned char key[CRYPT_KEY_SIZE]);
void segment_watch_finish(struct segment_watch *w); /* harmless on a zeroed one */

#endif
