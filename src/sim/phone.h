/*
 * phone.h - the user's phone: wx.login and the face check.
 *
 * Each writes the members of its answer and returns NULL, or returns what is
 * wrong with the request.
 */
#ifndef SIM_PHONE_H
#define SIM_PHONE_H

#include "base/json_out.h"
#include "call.h"

/* {"key"} or {"verify_result"} or {"name", "id_card_number"}; "openid", "outcome". */
const char *phone_scan(struct call *c, struct json_out *o);

/* {"openid", "appid"}, both optional, to {"code"}. */
const char *phone_login(struct call *c, struct json_out *o);

/* The members of the catalogue about outcomes and the default user. */
void phone_write_outcomes(struct json_out *o);

#endif
