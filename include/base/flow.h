/*
 * flow.h - the state of one asynchronous operation, and its legal moves.
 *
 * An operation is a struct, an enum of states, a table of these definitions
 * indexed by state, and one step function.  State 0 is the first.
 */
#ifndef BASE_FLOW_H
#define BASE_FLOW_H

#include "base/defs.h"

struct flow_def {
	const char *name;
	unsigned next; /* TO(a) | TO(b): where one may go from here */
};

#define TO(state) (1u << (state))

struct flow {
	const struct flow_def *def;
	unsigned state;
};

/* The only writer of the state.  A move that is not in the table is a bug of ours. */
static inline void flow_move(struct flow *f, unsigned state)
{
	ensure((f->def[f->state].next & TO(state)) != 0);
	f->state = state;
}

#endif
