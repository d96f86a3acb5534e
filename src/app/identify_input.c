/* Reading the fields of /identify. */
#include "identify_input.h"
#include "asking.h"
#include "wx/repeat.h"

/* consent: the version of the text that the user agreed to. */
static bool read_consent(struct req *r, char *dst)
{
	struct str consent;

	if (!asking_text(r, "consent", "consent", &consent))
		return false;
	if (consent.len >= SESSION_CONSENT_MAX ||
	    !str_only(consent,
		      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:"))
		return false;
	if (consent.len > 0)
		memcpy(dst, consent.p, consent.len);
	return true;
}

const char *identify_read(struct req *r, struct identify_input *ret)
{
	if (!asking_text(r, "name", "name", &ret->name) ||
	    !asking_text(r, "id_card_number", "idCardNumber", &ret->id_card_number))
		return "name and id_card_number must be texts";
	if (!asking_source(r, &ret->source))
		return "source must be a whole number from 0 to 255";
	if (!read_consent(r, ret->consent))
		return "consent must be at most 63 of A-Z a-z 0-9 - _ . :";
	ret->key = req_param(r, "HTTP_IDEMPOTENCY_KEY");
	if (ret->key.len > 0 && !wx_repeat_key_fits(ret->key))
		return "Idempotency-Key must be 16 to 128 of A-Z a-z 0-9 - _ . : and new for each "
		       "face check";
	return NULL;
}
