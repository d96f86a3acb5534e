/*
 * log.h - one JSON line per event, on standard error or in a file.
 *
 * Only typed fields get in: words and texts of ours, numbers, and what WeChat or
 * a client wrote after it was cut and escaped.  There is no function that takes a
 * struct secret.  A line is written with one write(); what cannot be written is
 * dropped and counted, so that a full disk or a blocked pipe never stops a worker.
 * Of a line that a full disk tore there is a line that is no JSON, and none of the
 * others suffers; the next one that gets in is followed by how many did not.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/crypt.h"
#include "base/json_out.h"
#include "base/str.h"

#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_LEVEL_NR };

/* The longest text from outside that a line carries, in bytes. */
enum { LOG_OUTSIDE_MAX = 128 };

/*
 * file: appended to, created 0640; NULL or "" is standard error.  sandbox marks
 * every line.  Logging works before this too, on standard error from LOG_INFO.
 */
enum err log_open(const char *file, enum log_level least, bool sandbox) MUST_CHECK;

/* Opens the same file again, after it was rotated away. */
enum err log_reopen(void) MUST_CHECK;

/* A name ("debug", "info", "warn", "error") to its level; LOG_LEVEL_NR if unknown. */
enum log_level log_level_of(struct str name);

struct log_line {
	struct json_out out;
	bool wanted;
};

/* Between begin and end the line is built; event is a word of ours. */
void log_begin(struct log_line *l, enum log_level level, const char *event);
void log_word(struct log_line *l, const char *key, const char *word);
void log_int(struct log_line *l, const char *key, int64_t n);
void log_bool(struct log_line *l, const char *key, bool value);

/* A keyed hash, in lower hex. */
void log_digest(struct log_line *l, const char *key, const struct digest *digest);

/* A text from outside that is no secret (WeChat's rid, a path): cut, controls replaced. */
void log_outside(struct log_line *l, const char *key, struct str text);
void log_end(struct log_line *l);

/*
 * Begins a line that has the time and nothing else, for a file that is not the log:
 * whoever keeps that one (base/audit.h) also ends the line, by its `out`.
 */
void log_begin_other(struct log_line *l);

/* A whole line with one message for a human. */
void log_text(enum log_level level, const char *event, const char *format, ...) PRINTF_LIKE(3, 4);

/* Lines that could not be written since the process began. */
uint64_t log_dropped(void);

#endif
