/*
 * identity.h - a name and an ID number, as they will be sent to WeChat.
 *
 * Checked before WeChat is asked, because getuseridkey does not check them and an
 * open call may cost money.  ID number: GB 11643-1999.  Names: rare characters and
 * minority names with U+00B7 are real; there is no legal limit on length, so the
 * bound is generous.
 */
#ifndef WX_IDENTITY_H
#define WX_IDENTITY_H

#include "base/arena.h"
#include "base/crypt.h"
#include "base/reason.h"
#include "base/secret.h"

enum { NAME_MAX_BYTES = 256, ID_NUMBER_LEN = 18 };

/* The texts are copies in an arena; wipe them as soon as they have been sent. */
struct identity {
	struct secret name, id_number;
};

/*
 * Trims both, turns x into X and other middle dots into U+00B7, and checks form, date (not
 * after `today`, as YYYYMMDD) and check digit.  NULL, or the row that says what is wrong.
 * The arena may have failed: then the identity is not whole.
 */
const struct reason *identity_read(struct arena *a, struct str name, struct str id_number,
				   int today, struct identity *ret) MUST_CHECK;

void identity_wipe(struct identity *i);

/* Keyed hashes, to know the same person, or the same ID number, again. */
struct digest identity_hash(struct crypt *c, const char *purpose, const struct identity *i);
struct digest identity_number_hash(struct crypt *c, const char *purpose, const struct identity *i);

/* Today in China (UTC+8), as YYYYMMDD. */
int identity_today(void);

#endif
