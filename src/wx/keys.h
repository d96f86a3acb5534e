/*
 * keys.h - the small records that lead to a session (STORE_KEY, STORE_CLAIM).
 *
 * An index leads from WeChat's key to the session we issued it in.  A claim says
 * who has used a verify_result (1.0), and what came of it; it is made before WeChat
 * is asked, atomically, so a verify_result is asked about once in the whole pool.
 *
 * A refused claim yields (store.h): it only saves asking WeChat again about what no
 * session ended by, so junk cannot keep an honest claim out.  The others guard an answer
 * that is under way, or one that counted, and stay until their time.
 */
#ifndef WX_KEYS_H
#define WX_KEYS_H

#include "store/store.h"
#include "wx/session.h"

/* key_hash: wx_key_hash() of WeChat's key. */
struct digest index_store_key(struct crypt *c, const struct conf_app *app,
			      const struct digest *key_hash);

/* session: where it stands in the store; caller: whose it is. */
void index_write(const struct digest *session, const struct digest *caller, struct store_op *op);
enum err index_read(const struct store_op *op, struct digest *ret_session,
		    struct digest *ret_caller) MUST_CHECK;

enum claim_state {
	CLAIM_ASKING,  /* until lease_until */
	CLAIM_BOUND,   /* it ended `session`: the answer is there */
	CLAIM_REFUSED, /* it ends nothing; class, word and code say why */
};

struct claim {
	uint8_t layout, state, class, reserved;
	int32_t code;
	int64_t lease_until;
	char word[SESSION_WORD_MAX];
	struct digest session;
};

struct digest claim_store_key(struct crypt *c, const struct conf_app *app,
			      const struct digest *caller, struct str verify_result);
void claim_write(const struct claim *claim, struct store_op *op);
enum err claim_read(const struct store_op *op, struct claim *ret) MUST_CHECK;

#endif
