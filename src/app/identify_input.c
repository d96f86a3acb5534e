/* Reading the fields of /identify. */
#include "identify_input.h"
#include "asking.h"
#include "wx/repeat.h"

/* source: 0-255, what the check is for.  A form or query string has it as text. */
static bool read_source(struct req *r, int32_t *ret_source)
{
	const struct field *f = req_field(r, "source", "source");
	int64_t n;

	*ret_source = -1;
	if (f == NULL)
		return true;
	if ((f->type != JSON_INT && f->type != JSON_STRING) || str_int(f->value, &n) != OK ||
	    n < 0 || n > 255)
		return false;
	*ret_source = (int32_t)n;
	return true;
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
	if (consent.len > 0)
		memcpy(dst, consent.p, consent.len);
	return true;
}

const char *identify_read(struct req *r, struct identify_input *ret)
{
	if (!asking_text(r, "name", "name", &ret->name) ||
	    !asking_text(r, "id_card_number", "idCardNumber", &ret->id_card_number))
		return "name and id_card_number must be texts";
	if (!read_source(r, &ret->source))
		return "source must be a whole number from 0 to 255";
	if (!read_consent(r, ret->consent))
		return "consent must be at most 63 of A-Z a-z 0-9 - _ . :";
	ret->key = req_param(r, "HTTP_IDEMPOTENCY_KEY");
	if (ret->key.len > 0 && !wx_repeat_key_fits(ret->key))
		return "Idempotency-Key must be 16 to 128 of A-Z a-z 0-9 - _ . : and new for each "
		       "face check";
	return NULL;
}
