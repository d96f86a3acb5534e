/*
 * catalogue.h - WeChat's codes with their texts, and the ID numbers that lead to them.
 *
 * One table.  A magic ID number has a valid check digit and a region that cannot
 * be: 99 K CCC 19900101 0CC, where K says when it bites (1 result, 2 opening,
 * 3 asking, 4 something else) and CCC CC is the code; -1 is written as 1.
 */
#ifndef SIM_CATALOGUE_H
#define SIM_CATALOGUE_H

#include "base/json_out.h"
#include "base/str.h"

#include <stdbool.h>

/* What an identity does to who uses it; all zero for an ordinary one. */
struct magic {
	bool has_result; /* a scan that should pass ends with: */
	int identify_ret, verify_ret;
	int open_errcode;
	int query_errcode;
	int key_lifetime_s; /* 0: the usual one */
	int delay_ms;       /* before the answers of open and query */
};

struct magic magic_of(struct str id_card_number);

/* The text of an errcode, identify_ret or verify_ret. */
const char *code_text(int64_t code);

/* The array "magic" of GET /sim/catalogue. */
void catalogue_write(struct json_out *o);

#endif
