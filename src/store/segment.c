/* Finding or making the shared file, and deciding who makes it. */
#include "segment.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(struct segment_head) <= SEGMENT_HEAD, "the head has room");

enum {
	LOCK_TRIES = 1000, /* 5 ms apart: filling a segment takes some 10 ms */
	HURRY_TRIES = 100,
	OPEN_TRIES = 100, /* each means that the file was replaced meanwhile */
};

#define REMEDY "stop the workers that use it and remove it, or set another `segment`"

static enum err fail(enum err err, const char **ret_why, const char *format, ...) PRINTF_LIKE(3, 4);

static enum err fail(enum err err, const char **ret_why, const char *format, ...)
{
	static char why[512];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof why, format, args);
	va_end(args);
	*ret_why = why;
	return err;
}

static enum err read_boot(char boot[SEGMENT_BOOT], const char **ret_why)
{
	static const char path[] = "/proc/sys/kernel/random/boot_id";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, boot, SEGMENT_BOOT - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return fail(ERR_SYSTEM, ret_why, "%s cannot be read: %s", path, strerror(errno));
	memset(boot + n, 0, SEGMENT_BOOT - (size_t)n);
	return OK;
}

/* --- getting hold of the file, locked ------------------------------------ */

/* Anybody may put a file at that path before us, /dev/shm is open to all. */
static enum err check_owner(int fd, const char *path, const char **ret_why)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return fail(ERR_SYSTEM, ret_why, "segment %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fail(ERR_REFUSED, ret_why, "segment %s is not a regular file", path);
	if (st.st_uid != geteuid())
		return fail(ERR_REFUSED, ret_why,
			    "segment %s belongs to user %u, not to us (%u): set another `segment`",
			    path, st.st_uid, geteuid());
	if ((st.st_mode & 0077) != 0)
		return fail(ERR_REFUSED, ret_why,
			    "segment %s has mode %04o, so others may open it: remove it if it is "
			    "benren's (0600 is what benren makes)",
			    path, st.st_mode & 07777);
	return OK;
}

static enum err open_error(int number)
{
	switch (number) {
	case EACCES:
	case EPERM:
	case EISDIR:
	case ENXIO:
	case ELOOP: /* a symbolic link */
		return ERR_REFUSED;
	case ENOSPC:
	case EDQUOT:
		return ERR_FULL;
	default:
		return ERR_SYSTEM;
	}
}

static enum err open_file(const char *path, int *ret_fd, const char **ret_why)
{
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return fail(open_error(errno), ret_why, "segment %s cannot be opened: %s%s", path,
			    strerror(errno), errno == ELOOP ? " (it is a symbolic link)" : "");
	enum err err = check_owner(fd, path, ret_why);
	if (err != OK)
		close(fd);
	else
		*ret_fd = fd;
	return err;
}

/* Not a plain wait: whoever has it may be stopped. */
static enum err lock_file(int fd, const struct segment_want *want, const char **ret_why)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	const int tries = want->hurry ? HURRY_TRIES : LOCK_TRIES;

	for (int i = 0; i < tries; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return OK;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return fail(ERR_SYSTEM, ret_why, "segment %s cannot be locked: %s",
				    want->path, strerror(errno));
		nanosleep(&pause, NULL);
	}
	return fail(
		ERR_BUSY, ret_why,
		"segment %s has been locked by another process for %d ms: is one of them stopped?",
		want->path, tries * 5);
}

static bool is_at(const char *path, dev_t dev, ino_t ino, struct stat *ret_st)
{
	return lstat(path, ret_st) == 0 && ret_st->st_dev == dev && ret_st->st_ino == ino;
}

/* While we waited for the lock, its owner may have put another file there. */
static bool still_there(int fd, const char *path)
{
	struct stat ours, now;

	return fstat(fd, &ours) == 0 && is_at(path, ours.st_dev, ours.st_ino, &now);
}

/* --- what kind of file it is ---------------------------------------------- */

enum found { FOUND_EMPTY, FOUND_LEFTOVER, FOUND_GOOD };

static enum err make_head(const struct segment_want *want, struct segment_head *ret,
			  const char **ret_why)
{
	*ret = (struct segment_head){
		.magic = SEGMENT_MAGIC,
		.bytes = want->bytes,
		.layout = want->layout,
		.version = SEGMENT_VERSION,
	};
	memcpy(ret->sizes, want->sizes, sizeof ret->sizes);
	return read_boot(ret->boot, ret_why);
}

static enum err compare(const struct segment_head *is, const struct segment_head *ours,
			uint64_t file_size, const char *path, const char **ret_why)
{
	if (is->version != ours->version || is->layout != ours->layout)
		return fail(ERR_VERSION, ret_why,
			    "segment %s was made by another version of benren: " REMEDY, path);
	if (is->bytes != ours->bytes || memcmp(is->sizes, ours->sizes, sizeof is->sizes) != 0)
		return fail(ERR_VERSION, ret_why,
			    "segment %s was made with other sizes (`sessions`, or the number of "
			    "apps): " REMEDY,
			    path);
	if (file_size != is->bytes)
		return fail(ERR_VERSION, ret_why,
			    "segment %s has %llu bytes instead of %llu, somebody cut it: " REMEDY,
			    path, (unsigned long long)file_size, (unsigned long long)is->bytes);
	return OK;
}

/* The lock is held, so nobody is at work on it. */
static enum err inspect(int fd, const char *path, const struct segment_head *ours,
			enum found *ret_found, const char **ret_why)
{
	struct segment_head is = { .magic = 0 };
	struct stat st;

	if (fstat(fd, &st) != 0 || pread(fd, &is, sizeof is, 0) < 0)
		return fail(ERR_SYSTEM, ret_why, "segment %s cannot be read: %s", path,
			    strerror(errno));
	if (is.magic != 0 && is.magic != SEGMENT_MAGIC)
		return fail(ERR_REFUSED, ret_why,
			    "%s is not a segment of benren: set another `segment`", path);
	*ret_found = FOUND_LEFTOVER;
	if (st.st_size == 0)
		*ret_found = FOUND_EMPTY;
	else if (is.magic != 0 && memcmp(is.boot, ours->boot, sizeof is.boot) == 0)
		*ret_found = FOUND_GOOD;
	if (*ret_found != FOUND_GOOD)
		return OK;
	return compare(&is, ours, (uint64_t)st.st_size, path, ret_why);
}

/*
 * Every block now: on a file system that fills up later, a page without a block
 * would be a SIGBUS in the middle of a request.
 */
static enum err allocate(int fd, const char *path, uint64_t bytes, const char **ret_why)
{
	int r;

	do {
		r = posix_fallocate(fd, 0, (off_t)bytes);
	} while (r == EINTR);
	if (r == 0)
		return OK;
	unlink(path);
	return fail(
		ERR_FULL, ret_why,
		"segment %s: no room for %llu KiB (%s): lower `sessions`, or set a `segment` on "
		"a larger file system",
		path, (unsigned long long)bytes / 1024, strerror(r));
}

static enum err map_file(const char *path, const struct segment_head *ours, struct segment *g,
			 const char **ret_why)
{
	struct stat st;
	void *base = MAP_FAILED;

	if (fstat(g->fd, &st) == 0 && ours->bytes <= PTRDIFF_MAX)
		base = mmap(NULL, ours->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, g->fd, 0);
	if (base == MAP_FAILED)
		return fail(ERR_SYSTEM, ret_why, "segment %s cannot be mapped: %s", path,
			    strerror(errno));
	/* what is about people has no business in a core file */
	madvise(base, ours->bytes, MADV_DONTDUMP);
	if (g->fresh) {
		struct segment_head unfinished = *ours;
		unfinished.magic = 0;
		memcpy(base, &unfinished, sizeof unfinished);
	}
	g->base = base;
	g->bytes = ours->bytes;
	g->path = mem_strdup(path);
	g->dev = st.st_dev;
	g->ino = st.st_ino;
	return OK;
}

/* With the file open and locked: fills it if it is empty, and maps it. */
static enum err take(const char *path, const struct segment_head *ours, struct segment *g,
		     const char **ret_why)
{
	enum err err = OK;

	if (g->fresh)
		err = allocate(g->fd, path, ours->bytes, ret_why);
	if (err == OK)
		err = map_file(path, ours, g, ret_why);
	return err;
}

/*
 * One turn: ERR_CONFLICT means that the file at the path is a new one now, so look
 * again.  A leftover is never made over in place, as a process may have it mapped.
 */
static enum err attempt(const struct segment_want *want, const struct segment_head *ours,
			struct segment *ret, const char **ret_why)
{
	const char *path = want->path;
	struct segment g = { .base = NULL };
	enum found found = FOUND_EMPTY;
	enum err err = open_file(path, &g.fd, ret_why);

	if (err != OK)
		return err;
	err = lock_file(g.fd, want, ret_why);
	if (err == OK && !still_there(g.fd, path))
		err = fail(ERR_CONFLICT, ret_why, "segment %s is replaced all the time", path);
	if (err == OK)
		err = inspect(g.fd, path, ours, &found, ret_why);
	if (err == OK && found == FOUND_LEFTOVER) {
		unlink(path);
		err = fail(ERR_CONFLICT, ret_why, "segment %s is left over, but cannot be removed",
			   path);
	}
	g.fresh = found == FOUND_EMPTY;
	if (err == OK)
		err = take(path, ours, &g, ret_why);
	if (err == OK)
		*ret = g;
	else
		close(g.fd);
	return err;
}

enum err segment_open(const struct segment_want *want, struct segment *ret, const char **ret_why)
{
	struct segment_head ours;
	enum err err = make_head(want, &ours, ret_why);

	if (err != OK)
		return err;
	for (int i = 0; i < OPEN_TRIES; i++) {
		err = attempt(want, &ours, ret, ret_why);
		if (err != ERR_CONFLICT)
			return err;
	}
	return ERR_SYSTEM;
}

void segment_complete(struct segment *g)
{
	struct segment_head *head = (struct segment_head *)(void *)g->base;

	if (g->fresh)
		atomic_store_explicit(&head->magic, SEGMENT_MAGIC, memory_order_release);
}

void segment_publish(struct segment *g)
{
	segment_complete(g);
	flock(g->fd, LOCK_UN); /* close() alone would not: the mapping keeps the file open */
	close(g->fd);
	g->fd = -1;
}

void segment_close(struct segment *g)
{
	munmap(g->base, g->bytes);
	mem_free(g->path);
}

bool segment_in_place(const struct segment *g)
{
	struct stat st;

	return is_at(g->path, g->dev, g->ino, &st) && (uint64_t)st.st_size == g->bytes;
}
