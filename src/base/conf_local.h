/*
 * conf_local.h - what the files of the configuration share.
 */
#ifndef CONF_LOCAL_H
#define CONF_LOCAL_H

#include "base/conf.h"

/* Adds "FILE:LINE: sentence" (line 0: without) to the errors. */
void conf_complain(struct conf *c, int line, const char *format, ...) PRINTF_LIKE(3, 4);

/*
 * What no single key can say: how they fit together, and the secret files.
 * Adds what is wrong to the errors.
 */
void conf_check(struct conf *c);

/*
 * A whole small file into dst, with a NUL; why is a sentence on failure.
 * ERR_NOT_FOUND, ERR_TOO_LARGE, ERR_REFUSED (others may read it), ERR_SYSTEM.
 */
enum {
	CONF_SECRET_FILE = 1, /* refuse files that others may read */
	CONF_OWN_FILE = 2,    /* and those that neither we nor root have made, and links */
};
enum err conf_read_file(const char *path, unsigned flags, char *dst, size_t size,
			size_t *ret_len) MUST_CHECK;

/* The same for a file with a secret of an app.  False: the reason is among the errors. */
struct conf_secret_file {
	const char *appid, *path;
	const char *what;   /* as its configuration key is called */
	const char *advice; /* what to do where it is missing */
};
bool conf_read_secret(struct conf *c, const struct conf_secret_file *f, char *dst, size_t size,
		      size_t *ret_len) MUST_CHECK;

/* receipt.key_files of an app into receipt.keys. */
void conf_read_receipt_keys(struct conf *c, struct conf_app *app);

#endif
