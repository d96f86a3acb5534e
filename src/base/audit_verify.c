/* Is an audit file as it was written? */
#include "audit_local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* How every line ends: both hashes at fixed places, counted from there. */
#define PREV ",\"prev\":\""
#define MAC  "\",\"mac\":\""
#define END  "\"}"

enum {
	HEX = 2 * DIGEST_SIZE,
	MAC_TAIL = sizeof MAC - 1 + HEX + sizeof END - 1,
};

struct reading {
	FILE *file;
	off_t left; /* of what was there at the beginning */
	char bytes[AUDIT_LINE_MAX];
	struct str line;
	bool ended;    /* by a line end */
	bool too_long; /* line is its beginning */
};

/* The size while nobody writes, unless who does has stopped: then nothing changes either. */
static off_t size_now(int fd)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct stat st;

	for (int i = 0; i < 100 && flock(fd, LOCK_SH | LOCK_NB) != 0; i++)
		nanosleep(&pause, NULL);
	bool good = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	flock(fd, LOCK_UN);
	return good ? st.st_size : -1;
}

static enum err open_reading(const char *path, struct reading *r)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM;
	r->left = size_now(fd);
	r->file = r->left < 0 ? NULL : fdopen(fd, "r");
	if (r->file == NULL)
		close(fd);
	return r->file == NULL ? ERR_SYSTEM : OK;
}

/* False: there is no further line. */
static bool next_line(struct reading *r)
{
	size_t n = 0;

	r->ended = r->too_long = false;
	while (r->left > 0 && !r->ended) {
		int c = getc_unlocked(r->file);
		if (c == EOF)
			break;
		r->left--;
		r->ended = c == '\n';
		if (r->ended)
			break;
		if (n < sizeof r->bytes)
			r->bytes[n++] = (char)c;
		else
			r->too_long = true;
	}
	r->line = (struct str){ r->bytes, n };
	return n > 0 || r->ended;
}

/* Does it end like a line of ours? */
static bool looks_whole(const struct reading *r)
{
	const struct str l = r->line;
	const size_t prev_tail = sizeof PREV - 1 + HEX + MAC_TAIL;

	if (!r->ended || l.len < prev_tail)
		return false;
	return memcmp(l.p + l.len - prev_tail, PREV, sizeof PREV - 1) == 0 &&
	       memcmp(l.p + l.len - MAC_TAIL, MAC, sizeof MAC - 1) == 0 && str_ends(l, STR(END));
}

/* In lower hex, as it was written: upper case would be a change, too. */
static bool is_digest(const char *hex, const struct digest *d)
{
	char wanted[HEX + 1];

	str_hex(wanted, d->b, sizeof d->b);
	return crypt_equal(hex, wanted, HEX);
}

/* NULL, or what is wrong with a line that is not torn. */
static const char *check_line(const struct reading *r, struct crypt *c, const struct digest *prev,
			      bool first)
{
	static const struct digest none;
	const char *mac = r->line.p + r->line.len - MAC_TAIL;
	struct digest own = audit_mac(c, (struct str){ r->line.p, (size_t)(mac + 1 - r->line.p) });

	if (!is_digest(mac + sizeof MAC - 1, &own))
		return "was changed, or is not benren's under this pool key";
	if (is_digest(mac - HEX, prev))
		return NULL;
	if (first)
		return "is not the first that was written: those before it were removed";
	if (is_digest(mac - HEX, &none))
		return "was the first of a file: it was moved, or two files were put together";
	return "does not follow the one before it: a line was removed, put in or moved here";
}

static void read_lines(struct reading *r, struct crypt *c, struct audit_verdicts *verdicts,
		       struct audit_report *report)
{
	struct digest prev = { { 0 } };

	while (report->wrong == 0 && next_line(r)) {
		report->lines++;
		if (r->too_long) {
			report->what = "is longer than any line of benren's";
		} else if (looks_whole(r)) {
			report->what = check_line(r, c, &prev, report->lines == 1);
			audit_note(verdicts, r->line, report->lines);
		} else {
			report->torn++;
			if (report->first_torn == 0)
				report->first_torn = report->lines;
		}
		if (report->what != NULL)
			report->wrong = report->lines;
		prev = audit_prev(c, r->line);
	}
}

enum err audit_verify(const char *file, struct crypt *crypt, struct audit_report *ret_report)
{
	struct reading r;
	struct audit_report report = { .lines = 0 };
	struct audit_verdicts verdicts = { .nr = 0 };
	enum err err = open_reading(file, &r);

	if (err != OK)
		return err;
	read_lines(&r, crypt, &verdicts, &report);
	report.repeats = audit_repeats(&verdicts, &report.repeat_nr);
	if (ferror(r.file))
		err = ERR_SYSTEM;
	else
		*ret_report = report;
	fclose(r.file);
	return err;
}
