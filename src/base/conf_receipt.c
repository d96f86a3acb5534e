/* The keys of an app's receipts, from their files. */
#include "conf_local.h"

static const char advice[] = "make one with `benren receipt make-key ES256`";

static void add_key(struct conf *c, const struct conf_app *app, const char *path)
{
	const struct conf_secret_file file = { app->appid, path, "receipt key", advice };
	char text[JWT_KEY_FILE];
	const char *why;
	size_t len;

	if (!conf_read_secret(c, &file, text, sizeof text, &len))
		return;
	struct secret jwk = secret_of((struct str){ text, len });
	enum err err = jwt_keys_add(app->receipt.keys, jwk, &why);
	if (err != OK)
		conf_complain(c, 0, "%s: the receipt key %s %s%s%s", app->appid, path, why,
			      err == ERR_SYNTAX ? ": " : "", err == ERR_SYNTAX ? advice : "");
	secret_wipe(&jwk);
}

void conf_read_receipt_keys(struct conf *c, struct conf_app *app)
{
	const char *const *path = app->receipt.key_files;

	if (path[0] == NULL)
		return;
	app->receipt.keys = jwt_keys_create();
	for (; *path != NULL; path++)
		add_key(c, app, *path);
}
