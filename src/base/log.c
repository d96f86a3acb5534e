/* Log lines: JSON, one write() each. */
#include "base/log.h"
#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { QUIET_MS = 1000 }; /* what reads slowly is not given more to read */

static const char *const level_names[LOG_LEVEL_NR] = {
	[LOG_DEBUG] = "debug",
	[LOG_INFO] = "info",
	[LOG_WARN] = "warn",
	[LOG_ERROR] = "error",
};

static struct {
	int fd;
	char *file; /* NULL: standard error */
	enum log_level least;
	bool sandbox;
	bool torn;           /* what was written last is not a whole line */
	uint64_t dropped;    /* lines, since the start */
	uint64_t untold;     /* of these, since the log last said how many */
	int64_t quiet_until; /* boot clock: before that it does not say so again */
} out = { .fd = STDERR_FILENO, .least = LOG_INFO };

enum log_level log_level_of(struct str name)
{
	for (enum log_level l = 0; l < LOG_LEVEL_NR; l++)
		if (str_is(name, level_names[l]))
			return l;
	return LOG_LEVEL_NR;
}

enum err log_open(const char *file, enum log_level least, bool sandbox)
{
	out.least = least;
	out.sandbox = sandbox;
	mem_free(out.file);
	out.file = file == NULL || file[0] == '\0' ? NULL : mem_strdup(file);
	return log_reopen();
}

/*
 * Standard error, so that writing never waits.  A pipe is opened once more, because
 * O_NONBLOCK on what others hold too would be theirs as well.
 */
static int open_stderr(void)
{
	struct stat st;
	int fd = -1;

	if (fstat(STDERR_FILENO, &st) == 0 && S_ISFIFO(st.st_mode))
		fd = open("/proc/self/fd/2", O_WRONLY | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? STDERR_FILENO : fd;
}

enum err log_reopen(void)
{
	int fd;

	if (out.file == NULL) {
		fd = open_stderr();
	} else {
		fd = open(out.file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640);
		if (fd < 0)
			return ERR_SYSTEM;
	}
	if (out.fd != STDERR_FILENO)
		close(out.fd);
	out.fd = fd;
	out.torn = false;
	return OK;
}

static void put_time(struct json_out *o)
{
	char text[32];
	int64_t ms = clock_wall_ms();
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	size_t len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	len += (size_t)snprintf(text + len, sizeof text - len, ".%03dZ", (int)(ms % 1000));
	json_put_str(o, "time", (struct str){ text, len });
}

void log_begin_other(struct log_line *l)
{
	*l = (struct log_line){ .wanted = true };
	json_out_init(&l->out);
	json_open_object(&l->out, NULL);
	put_time(&l->out);
}

void log_begin(struct log_line *l, enum log_level level, const char *event)
{
	*l = (struct log_line){ .wanted = false };
	if (level < out.least)
		return;
	log_begin_other(l);
	log_word(l, "level", level_names[level]);
	log_word(l, "event", event);
	log_int(l, "pid", getpid());
	if (out.sandbox)
		log_bool(l, "sandbox", true);
}

void log_word(struct log_line *l, const char *key, const char *word)
{
	if (l->wanted)
		json_put_str(&l->out, key, str_of(word));
}

void log_int(struct log_line *l, const char *key, int64_t n)
{
	if (l->wanted)
		json_put_int(&l->out, key, n);
}

void log_bool(struct log_line *l, const char *key, bool value)
{
	if (l->wanted)
		json_put_bool(&l->out, key, value);
}

void log_digest(struct log_line *l, const char *key, const struct digest *digest)
{
	if (l->wanted)
		json_put_digest(&l->out, key, digest);
}

/* Bytes that are not printable ASCII or well-formed UTF-8 become '?'. */
static size_t clean(char *dst, size_t size, struct str s)
{
	size_t n = 0, pos = 0;

	while (pos < s.len) {
		size_t start = pos;
		int32_t rune = str_next_rune(s, &pos);
		if (rune < 0)
			pos = start + 1;
		bool bad = rune < 0x20 || rune == 0x7F || (rune >= 0x80 && rune < 0xA0) ||
			   rune == 0x2028 || rune == 0x2029;
		size_t len = bad ? 1 : pos - start;
		if (n + len > size)
			break;
		if (bad)
			dst[n] = '?';
		else
			memcpy(dst + n, s.p + start, len);
		n += len;
	}
	return n;
}

void log_outside(struct log_line *l, const char *key, struct str text)
{
	char cut[LOG_OUTSIDE_MAX];

	if (l->wanted)
		json_put_str(&l->out, key, (struct str){ cut, clean(cut, sizeof cut, text) });
}

/*
 * A pipe that another user made could not be opened again without blocking; if it says
 * that it has room, a line of at most PIPE_BUF goes in whole.  Files always have room.
 */
static bool has_room(void)
{
	struct pollfd p = { .fd = out.fd, .events = POLLOUT };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0;
}

static ssize_t write_once(const char *line, size_t len)
{
	ssize_t n;

	do {
		n = send(out.fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == ENOTSOCK)
			n = has_room() ? write(out.fd, line, len) : 0;
	} while (n < 0 && errno == EINTR);
	return n;
}

/*
 * A full disk has taken the first part of a line.  Its last byte becomes the line's end, which
 * needs no room: other workers may write to this file next, and know nothing of it.
 */
static bool end_torn_line(void)
{
	int flags = fcntl(out.fd, F_GETFL);
	off_t end = lseek(out.fd, 0, SEEK_CUR);

	if (out.file == NULL || flags < 0 || end <= 0)
		return false;
	fcntl(out.fd, F_SETFL, flags & ~O_APPEND); /* or Linux would append it as well */
	bool ended = pwrite(out.fd, "\n", 1, end - 1) == 1;
	fcntl(out.fd, F_SETFL, flags);
	return ended;
}

static void tell_dropped(void)
{
	uint64_t nr = out.untold;
	int64_t now = clock_boot_ms();

	if (nr == 0 || now < out.quiet_until)
		return;
	out.untold = 0;
	out.quiet_until = now + QUIET_MS;
	log_text(LOG_ERROR, "log",
		 "%" PRIu64 " lines could not be written: is the disk full, or what reads them slow?",
		 nr);
	if (out.untold > 0)
		out.untold += nr;
}

/* The end of a torn line before it goes in the same write. */
static void write_line(struct str text)
{
	size_t lead = out.torn ? 1 : 0, len = lead + text.len + 1;
	char *line = mem_alloc(len);

	line[0] = '\n';
	memcpy(line + lead, text.p, text.len);
	line[len - 1] = '\n';
	ssize_t n = write_once(line, len);
	mem_free(line);
	if (n == (ssize_t)len) {
		out.torn = false;
		tell_dropped();
		return;
	}
	out.dropped++;
	out.untold++;
	if (n > 0)
		out.torn = !end_torn_line();
}

void log_end(struct log_line *l)
{
	struct str text;

	if (!l->wanted)
		return;
	json_close_object(&l->out);
	if (json_out_text(&l->out, &text) == OK)
		write_line(text);
	else
		out.dropped++;
	json_out_finish(&l->out);
}

void log_text(enum log_level level, const char *event, const char *format, ...)
{
	struct log_line l;
	char text[512];
	va_list args;

	log_begin(&l, level, event);
	if (!l.wanted)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	char cut[sizeof text];
	json_put_str(&l.out, "text", (struct str){ cut, clean(cut, sizeof cut, str_of(text)) });
	log_end(&l);
}

uint64_t log_dropped(void)
{
	return out.dropped;
}
