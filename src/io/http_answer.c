/* The header lines and the body of an answer, as libcurl hands them over. */
#include "http_answer.h"

#include "base/mem.h"
#include "io/http.h"

#include <strings.h>

enum { HEAD_MAX = 16 * 1024, FIRST_CAP = 1024 };

static size_t break_off(struct http_answer *a, enum err err)
{
	a->err = err;
	return 0;
}

static bool is_header(struct str line, struct str name)
{
	return line.len >= name.len && strncasecmp(line.p, name.p, name.len) == 0;
}

/*
 * One way of saying how long the answer is: where two disagree, one reader's body is
 * another's next answer.  The same Content-Length may be said twice (RFC 9110, 8.6).
 */
static bool frames_agree(struct http_answer *a, struct str line)
{
	const struct str sized = STR("Content-Length:"), coded = STR("Transfer-Encoding:");
	struct str value;
	int64_t size = 0;

	if (is_header(line, coded)) {
		bool first = !a->coded && !a->sized;
		a->coded = true;
		return first;
	}
	if (!is_header(line, sized))
		return true;
	value = str_trim((struct str){ line.p + sized.len, line.len - sized.len });
	if (str_int(value, &size) != OK || size < 0)
		return false;
	if (a->coded || (a->sized && size != a->size))
		return false;
	a->sized = true;
	a->size = size;
	return true;
}

size_t answer_header(char *bytes, size_t one, size_t n, void *arg)
{
	struct http_answer *a = arg;
	struct str line = { bytes, n };

	(void)one;
	a->head_len += n;
	if (a->head_len > HEAD_MAX)
		return break_off(a, ERR_TOO_LARGE);
	if (str_starts(line, STR("HTTP/")))
		a->sized = a->coded = false;
	return frames_agree(a, line) ? n : break_off(a, ERR_SYNTAX);
}

size_t answer_body(char *bytes, size_t one, size_t n, void *arg)
{
	struct http_answer *a = arg;

	(void)one;
	if (n > HTTP_ANSWER_MAX - a->len)
		return break_off(a, ERR_TOO_LARGE);
	if (a->len + n > a->cap) {
		a->cap = a->cap == 0 ? FIRST_CAP : a->cap * 2;
		if (a->cap < a->len + n)
			a->cap = a->len + n;
		a->bytes = mem_realloc(a->bytes, a->cap);
	}
	memcpy(a->bytes + a->len, bytes, n);
	a->len += n;
	return n;
}

void answer_finish(struct http_answer *a)
{
	mem_free(a->bytes);
	*a = (struct http_answer){ .bytes = NULL };
}
