/*
 * identify_input.h - what a client sends to /identify.
 */
#ifndef IDENTIFY_INPUT_H
#define IDENTIFY_INPUT_H

#include "web/request.h"
#include "wx/session.h"

struct identify_input {
	struct str name, id_card_number; /* both empty: to be looked up */
	int32_t source;                  /* -1 = not said */
	char consent[SESSION_CONSENT_MAX];
	struct str key; /* Idempotency-Key, or empty */
};

/* NULL, or what is wrong, for the client developer.  The identity is still to be checked. */
const char *identify_read(struct req *r, struct identify_input *ret) MUST_CHECK;

#endif
