/*
 * control.h - everything below /sim: the phone, the ledger, faults, tokens, the clock.
 *
 * Good answers are objects that also say "faults_armed"; bad requests get status
 * 400, 404 or 405 and {"error": what is wrong}.
 */
#ifndef SIM_CONTROL_H
#define SIM_CONTROL_H

#include "call.h"

/* Answers with c->reply. */
void control_answer(struct call *c);

#endif
