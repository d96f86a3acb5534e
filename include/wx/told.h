/*
 * told.h - what a business is told of who was checked: keyed hashes, never the thing.
 *
 * Under the app's business_secret, so that the business, and nobody else, can compute
 * them for a user of its own and compare:
 *
 *   caller    hex of HMAC-SHA256(secret, "caller\n" appid "\n" openid)
 *             (or the name in caller_param, with "caller": "param")
 *   identity  hex of HMAC-SHA256(secret, "identity\n" name "\n" id_card_number)
 *
 * with name and number as they are sent to WeChat: without blanks around them, every middle
 * dot as U+00B7, and X for x.
 *
 * Without a business_secret the key is the pool's: then two hashes of one pool can be
 * compared with each other, and nothing else.  A new secret gives new hashes.
 */
#ifndef WX_TOLD_H
#define WX_TOLD_H

#include "base/conf.h"
#include "base/crypt.h"
#include "wx/identity.h"

struct digest told_caller(struct crypt *c, const struct conf_app *app, struct str name);
struct digest told_identity(struct crypt *c, const struct conf_app *app, const struct identity *i);

#endif
