/* Index and claim records. */
#include "keys.h"

#include <assert.h>

struct index_record {
	uint32_t layout, reserved;
	struct digest session, caller;
};

static_assert(sizeof(struct index_record) == 72, "another INDEX_LAYOUT");
static_assert(sizeof(struct claim) == 72, "another CLAIM_LAYOUT");

struct digest index_store_key(struct crypt *c, const struct conf_app *app,
			      const struct digest *key_hash)
{
	const struct str texts[] = { str_of(app->appid), digest_str(key_hash) };

	return crypt_hmac(c, "index", texts, ARRAY_LEN(texts));
}

void index_write(const struct digest *session, const struct digest *caller, struct store_op *op)
{
	const struct index_record rec = {
		.layout = INDEX_LAYOUT,
		.session = *session,
		.caller = *caller,
	};

	op->kind = STORE_KEY;
	op->len = sizeof rec;
	memcpy(op->value, &rec, sizeof rec);
}

enum err index_read(const struct store_op *op, struct digest *ret_session,
		    struct digest *ret_caller)
{
	struct index_record rec;

	if (op->len != sizeof rec)
		return ERR_SYNTAX;
	memcpy(&rec, op->value, sizeof rec);
	if (rec.layout != INDEX_LAYOUT)
		return ERR_SYNTAX;
	*ret_session = rec.session;
	*ret_caller = rec.caller;
	return OK;
}

struct digest claim_store_key(struct crypt *c, const struct conf_app *app,
			      const struct digest *caller, struct str verify_result)
{
	const struct str texts[] = { str_of(app->appid), digest_str(caller), verify_result };

	return crypt_hmac(c, "claim", texts, ARRAY_LEN(texts));
}

void claim_write(const struct claim *claim, struct store_op *op)
{
	struct claim rec = *claim;

	rec.layout = CLAIM_LAYOUT;
	op->kind = STORE_CLAIM;
	op->yields = claim->state == CLAIM_REFUSED;
	op->len = sizeof rec;
	memcpy(op->value, &rec, sizeof rec);
}

enum err claim_read(const struct store_op *op, struct claim *ret)
{
	struct claim rec;

	if (op->len != sizeof rec)
		return ERR_SYNTAX;
	memcpy(&rec, op->value, sizeof rec);
	if (rec.layout != CLAIM_LAYOUT || rec.state > CLAIM_REFUSED || rec.class >= WX_CLASS_NR ||
	    memchr(rec.word, '\0', sizeof rec.word) == NULL)
		return ERR_SYNTAX;
	*ret = rec;
	return OK;
}
