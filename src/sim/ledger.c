/* Counting calls by path, app and result. */
#include "ledger.h"
#include "base/mem.h"
#include "base/str.h"

struct row {
	struct list link;
	struct ledger_line line;
	int64_t count;
};

void ledger_init(struct ledger *l)
{
	*l = (struct ledger){ 0 };
	list_init(&l->rows);
}

void ledger_reset(struct ledger *l)
{
	struct list *link;

	while ((link = list_take(&l->rows)) != NULL)
		mem_free(container_of(link, struct row, link));
	l->faults = 0;
	l->in_flight_peak = l->in_flight;
}

static bool same(const struct ledger_line *a, const struct ledger_line *b)
{
	return strcmp(a->path, b->path) == 0 && strcmp(a->appid, b->appid) == 0 &&
	       str_eq(str_of(a->fault), str_of(b->fault)) && a->executed == b->executed &&
	       a->errcode == b->errcode && a->status == b->status;
}

static struct row *row_of(struct ledger *l, const struct ledger_line *line)
{
	for (struct list *p = l->rows.next; p != &l->rows; p = p->next) {
		struct row *r = container_of(p, struct row, link);
		if (same(&r->line, line))
			return r;
	}
	struct row *r = mem_calloc(1, sizeof *r);
	r->line = *line;
	list_add(&l->rows, &r->link);
	return r;
}

void ledger_count(struct ledger *l, const struct ledger_line *line)
{
	row_of(l, line)->count++;
	if (line->fault != NULL)
		l->faults++;
}

void ledger_enter(struct ledger *l)
{
	l->in_flight++;
	if (l->in_flight > l->in_flight_peak)
		l->in_flight_peak = l->in_flight;
}

void ledger_leave(struct ledger *l)
{
	l->in_flight--;
}

int64_t ledger_total(const struct ledger *l, const char *path)
{
	int64_t total = 0;

	for (const struct list *p = l->rows.next; p != &l->rows; p = p->next) {
		const struct row *r = container_of(p, struct row, link);
		if (strcmp(r->line.path, path) == 0)
			total += r->count;
	}
	return total;
}

void ledger_write(const struct ledger *l, struct json_out *o)
{
	json_open_array(o, "calls");
	for (const struct list *p = l->rows.next; p != &l->rows; p = p->next) {
		const struct row *r = container_of(p, struct row, link);
		json_open_object(o, NULL);
		json_put_str(o, "path", str_of(r->line.path));
		json_put_str(o, "appid", str_of(r->line.appid));
		if (r->line.executed)
			json_put_int(o, "errcode", r->line.errcode);
		if (r->line.status != 200)
			json_put_int(o, "status", r->line.status);
		if (r->line.fault != NULL)
			json_put_str(o, "fault", str_of(r->line.fault));
		json_put_int(o, "count", r->count);
		json_close_object(o);
	}
	json_close_array(o);
}
