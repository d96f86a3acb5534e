/* Keyed hashes for the business. */
#include "wx/told.h"
#include "base/mem.h"

/* what "\n" a "\n" b, hashed under the business's secret, or the pool's key. */
static struct digest told(struct crypt *c, const struct conf_app *app, struct str what,
			  struct str a, struct str b)
{
	const struct str parts[] = { what, STR("\n"), a, STR("\n"), b };
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		len += parts[i].len;
	char *text = mem_alloc(len), *at = text;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (parts[i].len > 0)
			memcpy(at, parts[i].p, parts[i].len);
		at += parts[i].len;
	}
	struct str whole = { text, len };
	struct digest d = secret_empty(app->business_secret)
				  ? crypt_hmac(c, "told", &whole, 1)
				  : crypt_sign(app->business_secret, whole);
	mem_free(text);
	return d;
}

struct digest told_caller(struct crypt *c, const struct conf_app *app, struct str name)
{
	return told(c, app, STR("caller"), str_of(app->appid), name);
}

struct digest told_identity(struct crypt *c, const struct conf_app *app, const struct identity *i)
{
	return told(c, app, STR("identity"), (struct str){ i->name.bytes_, i->name.len_ },
		    (struct str){ i->id_number.bytes_, i->id_number.len_ });
}
