/*
 * judge_flow.h - what the two ways of judging share: judge_result.c is for a client
 * that brings a result (1.0), judge_session.c for one that names a session (2.0).
 */
#ifndef JUDGE_FLOW_H
#define JUDGE_FLOW_H

#include "call.h"
#include "keys.h"
#include "protocol.h"
#include "wx/judge.h"
#include "wx_local.h"

struct judge_flow {
	struct wx_judge *op;
	struct wx *wx;
	const struct conf_app *app;
	const struct wx_protocol *protocol;
	struct arena *arena;
	struct flow flow;
	const struct judge_machine *machine;
	struct store_op store; /* the read or write under way */
	struct wx_call call;
	struct wx_answer answer;
	struct digest key; /* where the session stands; zero: not known yet */
	bool key_known;
	int64_t asked_at;         /* on the store's clock: WeChat was asked */
	bool audited;             /* its verdict stands in the audit file, */
	struct digest audited_as; /* under this "mac" */

	/* 1.0 */
	struct digest claim_key;
	struct digest result; /* keyed hash of the verify_result */
	struct claim claim;
	uint64_t claim_version;
};

/* Longer than a query can take: two tokens, the call, and its one repetition. */
int64_t judge_lease_until(const struct judge_flow *f);

/*
 * A way of judging: entering a state starts its one operation; when that is done,
 * leaving it looks at what came and says which state is next.
 */
struct judge_machine {
	const struct flow_def *def;
	enum progress (*enter)(struct judge_flow *f);
	unsigned (*leave)(struct judge_flow *f);
	unsigned ended;
};

extern const struct judge_machine judge_result, judge_session;
unsigned judge_result_first(struct judge_flow *f);
unsigned judge_session_first(struct judge_flow *f);

/* Store operations on f->store, whose done() is judge_on_store(). */
void judge_on_store(struct store_op *op);
enum progress judge_get_session(struct judge_flow *f);
enum progress judge_put_session(struct judge_flow *f);
enum progress judge_get_index(struct judge_flow *f, const struct digest *key_hash);

/*
 * Makes op->s the one that /result finds by caller and source (wx/find.h): read what
 * stands there, and write over it; after ERR_CONFLICT again from the start.  Only where
 * judge_is_latest(): a session that has ended just now, of a caller who can be named.
 */
bool judge_is_latest(const struct judge_flow *f);
enum progress judge_get_latest(struct judge_flow *f);
enum progress judge_put_latest(struct judge_flow *f);

/*
 * Takes what judge_get_session() read into op->s.  False if there is none, it cannot
 * be read, or it is another app's or caller's, which is all the same to a client.
 */
bool judge_take_session(struct judge_flow *f);

/* Asks WeChat, and reads the answer into f->answer. */
void judge_ask(struct judge_flow *f);
void judge_read(struct judge_flow *f);

/* Writes the verdict into op->s: its state and why. */
void judge_settle(struct judge_flow *f, enum session_state to);

/*
 * Writes the verdict that is about to end op->s into the audit file: before it is
 * settled, so that nobody passes of whom no line says so.  False: it could not be
 * written and has to be; then the outcome is set, and nothing may be settled.
 */
bool judge_audit_verdict(struct judge_flow *f) MUST_CHECK;

/* A result that is not the caller's was refused; that stands, written down or not. */
void judge_audit_refused(struct judge_flow *f);

/* After all: takes back the line of a verdict that was not settled. */
void judge_audit_end(struct judge_flow *f);

/* Sets how it comes out; judge_undecided() for a store that did not do its part. */
void judge_outcome(struct judge_flow *f, enum judge_outcome outcome, enum wx_class class,
		   const char *word);
void judge_undecided(struct judge_flow *f, enum err store_err);

/* The read failed, which is not the same as "there is none": then it is undecided. */
bool judge_store_away(struct judge_flow *f);

#endif
