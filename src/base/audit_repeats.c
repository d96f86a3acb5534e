/* Which of the verdicts of one session counts. */
#include "audit_local.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct audit_noted {
	struct digest session, mac;
	uint64_t attempt, line;
};

/*
 * What follows `name`, which is a member's with its comma before it: inside a string the
 * quotes would be escaped.  Empty: there is no such member.
 */
static struct str after(struct str line, const char *name)
{
	const char *at = memmem(line.p, line.len, name, strlen(name));

	if (at == NULL)
		return (struct str){ "", 0 };
	at += strlen(name);
	return (struct str){ at, (size_t)(line.p + line.len - at) };
}

static bool digest_after(struct str line, const char *name, struct digest *ret)
{
	struct str rest = after(line, name);

	if (rest.len < 2 * sizeof ret->b)
		return false;
	rest.len = 2 * sizeof ret->b;
	return str_unhex(ret->b, sizeof ret->b, rest);
}

/* 0 in lines of a benren that did not write it. */
static uint64_t attempt_of(struct str line)
{
	struct str rest = after(line, ",\"attempt\":");
	uint64_t n = 0;

	for (size_t i = 0; i < rest.len && rest.p[i] >= '0' && rest.p[i] <= '9'; i++)
		n = n * 10 + (uint64_t)(rest.p[i] - '0');
	return n;
}

static void add(struct audit_verdicts *v, const struct audit_noted *row)
{
	if (v->nr == v->room) {
		v->room = v->room == 0 ? 256 : 2 * v->room;
		v->rows = mem_realloc(v->rows, v->room * sizeof *v->rows);
	}
	v->rows[v->nr++] = *row;
}

/* From the end: it is a few lines back. */
static void take_back(struct audit_verdicts *v, const struct digest *mac)
{
	for (size_t i = v->nr; i-- > 0;)
		if (digest_equal(&v->rows[i].mac, mac)) {
			v->rows[i] = v->rows[--v->nr];
			return;
		}
}

void audit_note(struct audit_verdicts *v, struct str line, uint64_t number)
{
	struct audit_noted row = { .attempt = attempt_of(line), .line = number };
	struct digest back;

	if (digest_after(line, ",\"takes_back\":\"", &back))
		take_back(v, &back);
	else if (after(line, ",\"event\":\"verdict\",").len > 0 &&
		 digest_after(line, ",\"session\":\"", &row.session) &&
		 digest_after(line, ",\"mac\":\"", &row.mac))
		add(v, &row);
}

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int by_session(const void *a, const void *b)
{
	const struct audit_noted *x = a, *y = b;
	int order = memcmp(&x->session, &y->session, sizeof x->session);

	if (order == 0)
		order = compare(x->attempt, y->attempt);
	return order == 0 ? compare(x->line, y->line) : order;
}

static int by_line(const void *a, const void *b)
{
	const struct audit_repeat *x = a, *y = b;

	return compare(x->line, y->line);
}

/* From the last one down: the first of its session to be met is the one that counts. */
static size_t find_repeats(struct audit_verdicts *v, struct audit_repeat *ret)
{
	uint64_t counts = 0;
	size_t n = 0;

	for (size_t i = v->nr; i-- > 0;) {
		const struct audit_noted *row = &v->rows[i];
		if (i + 1 < v->nr && digest_equal(&row->session, &row[1].session))
			ret[n++] = (struct audit_repeat){ row->line, counts };
		else
			counts = row->line;
	}
	return n;
}

const struct audit_repeat *audit_repeats(struct audit_verdicts *v, size_t *ret_nr)
{
	static struct audit_repeat *repeats;

	mem_free(repeats);
	repeats = mem_calloc(v->nr + 1, sizeof *repeats);
	if (v->nr > 0)
		qsort(v->rows, v->nr, sizeof *v->rows, by_session);
	*ret_nr = find_repeats(v, repeats);
	qsort(repeats, *ret_nr, sizeof *repeats, by_line);
	mem_free(v->rows);
	*v = (struct audit_verdicts){ .nr = 0 };
	return repeats;
}
