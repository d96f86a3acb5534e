/* The texts of the error list, and the last words of a failed ensure(). */
#include "base/err.h"
#include "base/defs.h"

#include <stdio.h>
#include <stdlib.h>

const char *err_text(enum err err)
{
#define ERR_TEXT_ROW(id, text) [id] = text,
	static const char *const texts[ERR_NR] = { ERR_LIST(ERR_TEXT_ROW) };
#undef ERR_TEXT_ROW

	ensure(err < ERR_NR);
	return texts[err];
}

void ensure_failed(const char *cond, const char *file, int line)
{
	fprintf(stderr, "{\"level\":\"alert\",\"event\":\"bug\",\"file\":\"%s\",\"line\":%d}\n",
		file, line);
	fprintf(stderr, "benren: %s:%d: this should be true: %s\n", file, line, cond);
	abort();
}
