/*
 * segment.h - the file that the workers of a pool map.
 *
 * It is found by its path alone, belongs to one user (0600), has all its blocks
 * from the start, and outlives every process: nobody removes it but the operator,
 * and whoever finds one of an earlier boot.  What it holds behind its head is the
 * caller's; nothing in it is a pointer.
 *
 * Many processes may open it at the same instant: an exclusive flock() on the file
 * decides who makes it, and the others come after him.
 */
#ifndef STORE_SEGMENT_H
#define STORE_SEGMENT_H

#include "base/defs.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	SEGMENT_VERSION = 1,
	SEGMENT_HEAD = 4096, /* what the caller keeps begins here */
	SEGMENT_SIZES = 32,
	SEGMENT_BOOT = 40,
};

/* "benren" and the form of the head itself. */
#define SEGMENT_MAGIC UINT64_C(0x31006e65726e6562)

/*
 * The head.  magic and boot stay where they are in every version: they are looked
 * at first.  The byte order needs no mark, a file does not leave its machine.
 */
struct segment_head {
	_Atomic uint64_t magic; /* written last; 0: its maker died over it */
	char boot[SEGMENT_BOOT];
	uint64_t bytes;
	uint64_t layout;
	uint32_t version;
	uint32_t sizes[SEGMENT_SIZES];
};

struct segment_want {
	const char *path;
	uint64_t bytes;                /* all of it, with the head; a multiple of 4096 */
	uint64_t layout;               /* a hash of how the caller lays out what he keeps */
	uint32_t sizes[SEGMENT_SIZES]; /* whatever else must be equal */
	bool hurry;                    /* wait half a second for the lock, not five */
};

struct segment {
	unsigned char *base;
	uint64_t bytes;
	char *path;
	dev_t dev;
	ino_t ino;
	int fd;     /* until segment_publish(): holds the lock */
	bool fresh; /* just made: zeros behind the head */
};

/*
 * Finds or makes it.  Until segment_publish() nobody else gets in, so that the
 * caller can fill in a fresh one; should he die over that, the next one makes it
 * anew.  On failure *ret_why is a sentence for the operator, valid until the next
 * call.
 *   ERR_REFUSED  not a file of ours alone, or no segment at all
 *   ERR_VERSION  another layout or other sizes
 *   ERR_FULL     no room for it
 *   ERR_BUSY     somebody has kept it locked for seconds
 */
enum err segment_open(const struct segment_want *want, struct segment *ret_segment,
		      const char **ret_why) MUST_CHECK;
void segment_publish(struct segment *g);

/* Says that a fresh one is filled in; the lock stays ours, until segment_publish(). */
void segment_complete(struct segment *g);
void segment_close(struct segment *g);

/*
 * Is what we have mapped still the file at that path, with all its bytes?  If not,
 * workers started from now on share nothing with us.
 */
bool segment_in_place(const struct segment *g);

#endif
