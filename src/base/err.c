/* The texts of the error list, and the last words of a failed ensure(). */
#include "base/err.h"
#include "base/defs.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *err_text(enum err err)
{
#define ERR_TEXT_ROW(id, text) [id] = text,
	static const char *const texts[ERR_NR] = { ERR_LIST(ERR_TEXT_ROW) };
#undef ERR_TEXT_ROW

	ensure(err < ERR_NR);
	return texts[err];
}

void last_words(const char *event, const char *format, ...)
{
	char line[512];
	va_list args;
	int len = snprintf(line, sizeof line,
			   "{\"level\":\"alert\",\"event\":\"%s\",\"pid\":%d,\"text\":\"", event,
			   (int)getpid());

	va_start(args, format);
	len += vsnprintf(line + len, sizeof line - (size_t)len, format, args);
	va_end(args);
	ensure((size_t)len < sizeof line - sizeof "\"}\n");
	len += snprintf(line + len, sizeof line - (size_t)len, "\"}\n");
	while (write(STDERR_FILENO, line, (size_t)len) < 0 && errno == EINTR)
		continue;
}

void ensure_failed(const char *cond, const char *file, int line)
{
	fprintf(stderr, "{\"level\":\"alert\",\"event\":\"bug\",\"file\":\"%s\",\"line\":%d}\n",
		file, line);
	fprintf(stderr, "benren: %s:%d: this should be true: %s\n", file, line, cond);
	signal(SIGABRT, SIG_DFL); /* all is said */
	abort();
}
