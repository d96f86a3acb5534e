/* Members of WeChat's answers that we do not know: ignored, and told to the operator once. */
#include "base/log.h"
#include "protocol.h"
#include "wx_local.h"

enum { DIGITS_MAX = 8 };

static bool listed(struct str name, const char *const *list)
{
	for (; *list != NULL; list++)
		if (str_is(name, *list))
			return true;
	return false;
}

/* With a longer group of digits it could be a hash or an ID number. */
static bool may_be_shown(struct str name)
{
	size_t group = 0;

	for (size_t i = 0; i < name.len; i++) {
		bool digit = str_only((struct str){ name.p + i, 1 }, "0123456789abcdefABCDEF");
		group = digit ? group + 1 : 0;
		if (group > DIGITS_MAX)
			return false;
	}
	return true;
}

static bool remembered(const struct new_fields *f, const struct digest *name)
{
	for (unsigned i = 0; i < f->nr; i++)
		if (digest_equal(&f->names[i], name))
			return true;
	return false;
}

static void note(struct wx *wx, const struct wx_protocol *p, struct str name)
{
	struct new_fields *f = &wx->new_fields;
	struct digest hash = session_hash(wx->crypt, "new-field", name);
	struct log_line l;

	if (f->nr > NEW_FIELDS_MAX || remembered(f, &hash))
		return;
	if (f->nr == NEW_FIELDS_MAX) {
		f->nr++;
		log_text(LOG_WARN, "new_fields",
			 "WeChat's answers have more than %d new fields: no more are named",
			 NEW_FIELDS_MAX);
		return;
	}
	f->names[f->nr++] = hash;
	log_begin(&l, LOG_WARN, "new_field");
	log_word(&l, "protocol", p->name);
	log_outside(&l, "field", may_be_shown(name) ? name : STR("(not shown)"));
	log_end(&l);
}

void wx_note_new_fields(struct wx *wx, const struct wx_protocol *p, const struct json *answer)
{
	for (const struct json *j = answer->first; j != NULL; j = j->next)
		if (!listed(j->key, p->known))
			note(wx, p, j->key);
}
