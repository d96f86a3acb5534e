/*
 * What of judging goes into the audit file.
 *
 *   "verdict"    a session is about to end, passed or failed
 *   "unsettled"  it did not, after all: the store was away, or somebody was faster
 *   "refused"    a result was brought that is not one of this caller's sessions
 *
 * A worker that is killed between a verdict and its settling leaves the line without
 * the end, never the end without the line.  Then the session is asked about again, and gets
 * another line: base/audit.h says which one counts.  In 2.0 each attempt has a lease, so
 * a higher one means that the lower ones did not settle; in 1.0 the attempt is the same.
 */
#include "base/clock.h"
#include "base/log.h"
#include "judge_flow.h"

#include <inttypes.h>

enum { SAY_AGAIN_MS = 60 * 1000 };

static const char *remedy(enum err err)
{
	switch (err) {
	case ERR_FULL:
		return "make room on its disk";
	case ERR_BUSY:
		return "end the process that holds its lock, perhaps a stopped worker";
	default:
		return "see that its folder is there, and who may write it";
	}
}

static void say_trouble(struct wx *wx, enum err err)
{
	struct audit_trouble *t = &wx->audit_trouble;
	int64_t now = clock_boot_ms();

	if (t->refused++ > 0 && now < t->say_again)
		return;
	t->say_again = now + SAY_AGAIN_MS;
	log_text(LOG_ERROR, "audit",
		 "%s cannot be written (%s): %s; until then %s; lines refused so far: %" PRIu64,
		 wx->conf->audit.file, err_text(err), remedy(err),
		 wx->conf->audit.required ? "nobody passes (audit.required)"
					  : "verdicts are given without a line",
		 t->refused);
}

static enum err finish(struct wx *wx, struct log_line *l)
{
	struct audit_trouble *t = &wx->audit_trouble;
	enum err err = audit_end(wx->audit, l);

	if (err != OK) {
		say_trouble(wx, err);
	} else if (t->refused > 0) {
		log_text(LOG_INFO, "audit",
			 "%s is written again; lines that were refused: %" PRIu64,
			 wx->conf->audit.file, t->refused);
		*t = (struct audit_trouble){ 0 };
	}
	return err;
}

/* The session goes by the keyed hash under which it stands in the store: not its id. */
static void begin(const struct judge_flow *f, struct log_line *l, const char *event)
{
	audit_begin(f->wx->audit, l, event);
	log_word(l, "app", f->app->appid);
	log_word(l, "protocol", f->protocol->name);
	log_digest(l, "caller", &f->op->caller);
	if (f->key_known)
		log_digest(l, "session", &f->key);
}

static void put_reason(const struct judge_flow *f, struct log_line *l)
{
	log_word(l, "reason", f->op->verdict.word);
	log_int(l, "code", f->op->verdict.code);
	if (f->op->rid[0] != '\0')
		log_word(l, "rid", f->op->rid);
}

bool judge_audit_verdict(struct judge_flow *f)
{
	const struct session_record *rec = &f->op->s.rec;
	struct log_line l;

	/* After a conflict the same answer is judged again: the line stands already. */
	if (f->wx->audit == NULL || f->audited)
		return true;
	begin(f, &l, "verdict");
	log_int(&l, "attempt", rec->attempts);
	log_word(&l, "verdict", f->op->verdict.kind == VERDICT_PASSED ? "passed" : "failed");
	if (rec->source >= 0)
		log_int(&l, "source", rec->source);
	if (rec->consent[0] != '\0')
		log_word(&l, "consent", rec->consent);
	put_reason(f, &l);
	f->audited = finish(f->wx, &l) == OK;
	f->audited_as = *audit_last_mac(f->wx->audit);
	if (f->audited || !f->wx->conf->audit.required)
		return true;
	judge_outcome(f, JUDGE_UNDECIDED, CLASS_RETRY, "audit_unwritable");
	return false;
}

void judge_audit_refused(struct judge_flow *f)
{
	struct log_line l;

	if (f->wx->audit == NULL)
		return;
	begin(f, &l, "refused");
	put_reason(f, &l);
	(void)!finish(f->wx, &l);
}

void judge_audit_end(struct judge_flow *f)
{
	struct log_line l;

	if (!f->audited || f->op->outcome == JUDGE_ENDED)
		return;
	begin(f, &l, "unsettled");
	log_digest(&l, "takes_back", &f->audited_as);
	put_reason(f, &l);
	(void)!finish(f->wx, &l);
}
