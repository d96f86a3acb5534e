/*
 * budget.h - how often something may be done: so many times in any minute, in any day.
 *
 * The count stands in the store, so it is one for the whole pool and outlives restarts
 * and kills.  A rate's window is cut into eight parts that drop out one after the other:
 * no stretch of time as long as the window ever sees more than the rate, and what was
 * spent comes back after one window and at most an eighth.
 */
#ifndef WX_BUDGET_H
#define WX_BUDGET_H

#include "base/conf.h"
#include "base/flow.h"
#include "store/store.h"
#include "wx/wx.h"

enum { BUDGET_PARTS = 8, BUDGET_ENTRIES_MAX = 4 * CONF_RATES_MAX };

/* One rate of one subject: "20 a day" of this caller. */
struct budget_entry {
	const char *name; /* static, for logs */
	struct conf_rate rate;
	struct digest key;
	int64_t part; /* of the window in which a take counted it */
};

struct wx_budget {
	struct budget_entry entries[BUDGET_ENTRIES_MAX];
	unsigned nr;

	/* out */
	enum err err;     /* OK; ERR_REFUSED: over; ERR_FULL, ERR_BUSY, ERR_SYSTEM: the store */
	const char *over; /* with ERR_REFUSED: the name of what is used up, */
	int wait;         /* and in how many seconds there is some again */

	void (*done)(struct wx_budget *);
	struct wx *wx;
	int mode;
	unsigned at; /* the entry at work */
	struct flow flow;
	struct store_op op;
};

void wx_budget_init(struct wx *wx, struct wx_budget *b);

/* One entry for each rate of the limit, of whom the texts name; none if it is unlimited. */
void wx_budget_add(struct wx_budget *b, const char *name, const struct conf_budget *limit,
		   const struct str *whose, size_t n);

/*
 * All of these: DONE or WAIT as base/defs.h says; b stays put until then.
 *
 * take: one from each, or from none.  give_back: undoes the take that this b made, which
 * was for nothing; one that the store keeps only counts one too many, so its err is OK.
 * peek: takes nothing, and refuses where a take would be.
 */
enum progress wx_budget_take(struct wx_budget *b, void (*done)(struct wx_budget *)) MUST_CHECK;
enum progress wx_budget_give_back(struct wx_budget *b, void (*done)(struct wx_budget *)) MUST_CHECK;
enum progress wx_budget_peek(struct wx_budget *b, void (*done)(struct wx_budget *)) MUST_CHECK;

#endif
