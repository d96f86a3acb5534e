/*
 * spending.h - which budgets a request draws on.
 */
#ifndef SPENDING_H
#define SPENDING_H

#include "asking.h"
#include "wx/budget.h"
#include "wx/identity.h"

/* To open a face check, of the one who asks: the caller, if he is known, and his address. */
void spending_of_caller(struct wx_budget *b, const struct asking *a);

/*
 * The same rates once more, for results that turn out to be none of his: counted apart, so
 * that who has opened all he may can still be verified.
 */
void spending_of_result(struct wx_budget *b, const struct asking *a);

/* All of an opening: those of the one who asks, of the ID number and of the app. */
void spending_of_check(struct wx_budget *b, const struct asking *a, const struct identity *i);

/* The answer when one is used up, or the store is away; b->err is not OK. */
const struct reason *spending_reason(struct req *r, const struct wx_budget *b);

#endif
