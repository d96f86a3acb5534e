/*
 * receipt.h - the receipt of a passed face check: a JWT that the business checks offline.
 *
 * The phone can say anything, so what it hands on is signed by us (base/jwt.h), for one
 * business and for a short while:
 *
 *   iss          "benren"; "benren-sandbox" where nobody's face was looked at
 *   aud          the appid
 *   sub          who was checked, and
 *   identity     as whom: hex of keyed hashes, see wx/told.h.  No sub where the app's
 *                caller is "anonymous": all would be the same nobody
 *   session      the id that /identify answered
 *   source       what the check was for   } as /identify was told,
 *   consent      what was agreed to       } left out if it was not
 *   protocol     "1.0" or "2.0"
 *   verified_at  when WeChat said yes
 *   iat, exp     when this receipt was made, and its end
 *   jti          of the verdict: the same in each receipt of it, so that a business that
 *                remembers it takes each verdict once
 *
 * Times are seconds since 1970.  Pure: no store, no network, no clock.
 */
#ifndef WX_RECEIPT_H
#define WX_RECEIPT_H

#include "base/conf.h"
#include "base/crypt.h"
#include "wx/session.h"

/* What a receipt is made with. */
struct receipt {
	struct crypt *crypt;
	const struct conf *conf;
	const struct conf_app *app; /* of the session */
	int64_t now;                /* seconds since 1970 */
};

/*
 * The receipt of a session that PASSED, in a; empty where the app has no keys for one.
 * ERR_NOMEM, ERR_SYSTEM: it could not be made, and then nobody should hear a yes.
 */
enum err receipt_write(const struct receipt *r, const struct session *s, struct arena *a,
		       struct str *ret_jwt) MUST_CHECK;

/*
 * Is it a good receipt of one of conf's apps, at this time?  OK: *ret_text is its claims
 * as JSON, in a.  Otherwise a sentence that says why not.  That it was seen before is for
 * the business to know.
 */
enum err receipt_check(const struct conf *conf, struct arena *a, struct str jwt, int64_t now,
		       struct str *ret_text) MUST_CHECK;

#endif
