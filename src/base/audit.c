/* Appending to the audit file. */
#include "audit_local.h"
#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	LOCK_BUDGET_MS = 200,   /* a busy machine needs tens of them; more: its owner is stopped */
	IMPATIENT_MS = 1000,    /* for so long after that, no second wait */
	LOCK_PAUSE_NS = 200000, /* between two tries */
};

struct audit {
	char *file;
	int fd;
	struct crypt *crypt;
	bool sandbox;
	int64_t impatient_until;
	struct digest mac;         /* of the last line that was written */
	char tail[AUDIT_LINE_MAX]; /* the file's end, as it was read last */
};

/* Why a file will not do, as a sentence. */
static const char *sentence(const char *format, ...) PRINTF_LIKE(1, 2);

static const char *sentence(const char *format, ...)
{
	static char why[512];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof why, format, args);
	va_end(args);
	return why;
}

static bool check_file(int fd, const char *path, const char **ret_why)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		*ret_why = sentence("the audit file %s is not a regular file", path);
		return false;
	}
	if (st.st_uid != geteuid() || (st.st_mode & 0022) != 0) {
		*ret_why = sentence("the audit file %s can be written by others: it must belong to "
				    "this user (uid %d), mode 600",
				    path, (int)geteuid());
		return false;
	}
	return true;
}

/* -1: *ret_why says why not.  O_NONBLOCK: a named pipe there must not keep us waiting. */
static int open_file(const char *path, const char **ret_why)
{
	int fd =
		open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);

	if (fd < 0) {
		*ret_why =
			sentence("the audit file %s cannot be opened: %s%s", path, strerror(errno),
				 errno == ELOOP ? " (it is a symbolic link)" : "");
		return -1;
	}
	if (check_file(fd, path, ret_why))
		return fd;
	close(fd);
	return -1;
}

enum err audit_open(const char *file, struct crypt *crypt, bool sandbox, struct audit **ret_audit,
		    const char **ret_why)
{
	int fd = open_file(file, ret_why);

	if (fd < 0)
		return ERR_SYSTEM;
	struct audit *a = mem_calloc(1, sizeof *a);
	a->file = mem_strdup(file);
	a->fd = fd;
	a->crypt = crypt;
	a->sandbox = sandbox;
	*ret_audit = a;
	return OK;
}

void audit_close(struct audit *a)
{
	if (a == NULL)
		return;
	close(a->fd);
	mem_free(a->file);
	mem_free(a);
}

enum err audit_reopen(struct audit *a)
{
	const char *why;
	int fd = open_file(a->file, &why);

	if (fd < 0)
		return ERR_SYSTEM;
	close(a->fd);
	a->fd = fd;
	return OK;
}

void audit_begin(struct audit *a, struct log_line *l, const char *event)
{
	log_begin_other(l);
	log_word(l, "event", event);
	if (a->sandbox)
		log_bool(l, "sandbox", true);
}

/* --- the lock ----------------------------------------------------------------- */

/*
 * flock(), because it belongs to our open file: the kernel drops it when we are
 * killed, and keeps it when somebody else in this process opens and closes the same
 * file, which costs a POSIX lock.  Never a plain wait: whoever has it may be stopped.
 */
static enum err lock_file(struct audit *a)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
	int64_t now = clock_boot_ms();
	int64_t until = now + (now < a->impatient_until ? 0 : LOCK_BUDGET_MS);

	while (flock(a->fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return ERR_SYSTEM;
		now = clock_boot_ms();
		if (now >= until) {
			a->impatient_until = now + IMPATIENT_MS;
			return ERR_BUSY;
		}
		nanosleep(&pause, NULL);
	}
	a->impatient_until = 0;
	return OK;
}

/*
 * The lock, and the file's size.  A file that was removed instead of rotated would
 * swallow every line: then it is made anew.
 */
static enum err lock_and_look(struct audit *a, off_t *ret_size)
{
	struct stat st;
	enum err err = lock_file(a);

	if (err == OK && fstat(a->fd, &st) == 0 && st.st_nlink == 0) {
		err = audit_reopen(a); /* which drops the lock with the old file */
		if (err == OK)
			err = lock_file(a);
	}
	if (err != OK)
		return err;
	if (fstat(a->fd, &st) == 0) {
		*ret_size = st.st_size;
		return OK;
	}
	flock(a->fd, LOCK_UN);
	return ERR_SYSTEM;
}

/* --- the line -------------------------------------------------------------------- */

/*
 * The line before ours, always read from the file: it is in the kernel's cache, and
 * what is not remembered cannot be out of date.  Of one that is too long to be ours,
 * its end.
 */
static enum err read_last(struct audit *a, off_t size, struct str *ret_line, bool *ret_torn)
{
	size_t n = size < AUDIT_LINE_MAX ? (size_t)size : AUDIT_LINE_MAX;

	if (pread(a->fd, a->tail, n, size - (off_t)n) != (ssize_t)n)
		return ERR_SYSTEM;
	bool torn = n > 0 && a->tail[n - 1] != '\n';
	size_t end = n == 0 || torn ? n : n - 1;
	const char *before = memrchr(a->tail, '\n', end);
	size_t start = before == NULL ? 0 : (size_t)(before + 1 - a->tail);
	*ret_line = (struct str){ a->tail + start, end - start };
	*ret_torn = torn;
	return OK;
}

static enum err finish_line(struct audit *a, struct log_line *l, const struct digest *prev,
			    struct str *ret_text)
{
	struct str body;

	log_digest(l, "prev", prev);
	enum err err = json_out_text(&l->out, &body);
	if (err != OK)
		return err;
	struct digest mac = audit_mac(a->crypt, body);
	log_digest(l, "mac", &mac);
	a->mac = mac;
	json_close_object(&l->out);
	return json_out_text(&l->out, ret_text);
}

/* What was written of a line that has no room is taken back, so that it cannot be half there. */
static enum err write_whole(struct audit *a, off_t size, struct str text)
{
	ssize_t n;

	do
		n = write(a->fd, text.p, text.len);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)text.len)
		return OK;
	bool full = n >= 0 || errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
	bool undone = n <= 0 || ftruncate(a->fd, size) == 0;
	return full && undone ? ERR_FULL : ERR_SYSTEM;
}

/* With the lock held. */
static enum err append_line(struct audit *a, off_t size, struct log_line *l)
{
	char bytes[AUDIT_LINE_MAX + 1];
	struct digest prev = { { 0 } };
	struct str last, text;
	bool torn;

	enum err err = read_last(a, size, &last, &torn);
	if (err != OK)
		return err;
	if (size > 0)
		prev = audit_prev(a->crypt, last);
	err = finish_line(a, l, &prev, &text);
	if (err != OK)
		return err;
	if (text.len >= AUDIT_LINE_MAX)
		return ERR_TOO_LARGE;
	/* A torn line gets the end that it lacks, in the same write. */
	size_t lead = torn ? 1 : 0;
	bytes[0] = '\n';
	memcpy(bytes + lead, text.p, text.len);
	bytes[lead + text.len] = '\n';
	return write_whole(a, size, (struct str){ bytes, lead + text.len + 1 });
}

const struct digest *audit_last_mac(const struct audit *a)
{
	return &a->mac;
}

enum err audit_end(struct audit *a, struct log_line *l)
{
	off_t size;
	enum err err = lock_and_look(a, &size);

	if (err == OK) {
		err = append_line(a, size, l);
		flock(a->fd, LOCK_UN);
	}
	json_out_finish(&l->out);
	return err;
}
