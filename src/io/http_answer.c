/* The header lines and the body of an answer, as libcurl hands them over. */
#include "http_answer.h"

#include "base/mem.h"
#include "io/http.h"

enum { HEAD_MAX = 16 * 1024, FIRST_CAP = 1024 };

static size_t break_off(struct http_answer *a, enum err err)
{
	a->err = err;
	return 0;
}

/* The value of a line of that name, also with blanks before its colon; false for another name. */
static bool header_value(struct str line, struct str name, struct str *ret)
{
	if (line.len < name.len || !str_ieq((struct str){ line.p, name.len }, name))
		return false;
	struct str rest = str_trim((struct str){ line.p + name.len, line.len - name.len });
	if (rest.len == 0 || rest.p[0] != ':')
		return false;
	*ret = str_trim((struct str){ rest.p + 1, rest.len - 1 });
	return true;
}

/* RFC 9110, 8.6: the same length again is fine.  "5, 5" would be too, but not with libcurl. */
static bool take_length(struct http_answer *a, struct str value)
{
	int64_t length;

	if (str_int(value, &length) != OK || length < 0)
		return false;
	if (a->framing != FRAMED_NOT && (a->framing != FRAMED_LENGTH || a->length != length))
		return false;
	a->framing = FRAMED_LENGTH;
	a->length = length;
	return true;
}

static bool take_coding(struct http_answer *a, struct str value)
{
	if (a->framing != FRAMED_NOT || !str_ieq(value, STR("chunked")))
		return false;
	a->framing = FRAMED_CHUNKED;
	return true;
}

/*
 * One way of saying how long the answer is: where two disagree, or a line can be taken
 * for another one, one reader's body is another's next answer.
 */
static bool take_framing(struct http_answer *a, struct str line)
{
	struct str text = str_trim(line), value;

	if (line.p[0] == ' ' || line.p[0] == '\t')
		return false; /* for some the line before goes on */
	if (text.len > 0 && memchr(text.p, '\r', text.len) != NULL)
		return false; /* for some it is two lines */
	if (!a->in_head && str_starts(line, STR("HTTP/")))
		a->framing = FRAMED_NOT;
	a->in_head = text.len > 0;
	if (header_value(line, STR("Content-Length"), &value))
		return take_length(a, value);
	if (header_value(line, STR("Transfer-Encoding"), &value))
		return take_coding(a, value);
	return true;
}

size_t answer_header(char *bytes, size_t one, size_t n, void *arg)
{
	struct http_answer *a = arg;

	(void)one;
	a->head_len += n;
	if (a->head_len > HEAD_MAX)
		return break_off(a, ERR_TOO_LARGE);
	if (n > 0 && !take_framing(a, (struct str){ bytes, n }))
		return break_off(a, ERR_SYNTAX);
	return n;
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
