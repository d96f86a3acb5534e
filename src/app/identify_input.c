/* Reading the fields of /identify. */
#include "identify_input.h"
#include "asking.h"
#include "wx/repeat.h"

enum { CONSENT_DIGITS_MAX = 14 }; /* 20261125093000 */

/* It gets into the audit file: with so many digits in a row it could be an ID number. */
static bool has_long_number(struct str s)
{
	size_t run = 0;

	for (size_t i = 0; i < s.len; i++) {
		run = s.p[i] >= '0' && s.p[i] <= '9' ? run + 1 : 0;
		if (run > CONSENT_DIGITS_MAX)
			return true;
	}
	return false;
}

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
	if (has_long_number(consent))
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
		return "consent must be at most 63 of A-Z a-z 0-9 - _ . : with at most 14 digits "
		       "in "
		       "a row: it is the version of a text";
	ret->key = req_param(r, "HTTP_IDEMPOTENCY_KEY");
	if (ret->key.len > 0 && !wx_repeat_key_fits(ret->key))
		return "Idempotency-Key must be 16 to 128 of A-Z a-z 0-9 - _ . : and new for each "
		       "face check";
	return NULL;
}
