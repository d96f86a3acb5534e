/*
 * conf.h - the configuration file: JSON with comments, one table of keys.
 *
 * conf/benren.json shows every key at its default and says what it is for; the
 * tests hold it against the table in src/base/conf_keys.c.  An unknown key is an
 * error, as are a wrong type and a value out of range; a message always says file,
 * line, key, and what to write instead, and never shows a value of a secret.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include "base/arena.h"
#include "base/crypt.h"
#include "base/jwt.h"
#include "base/net.h"
#include "base/secret.h"
#include "base/str.h"

#include <stdbool.h>

enum conf_protocol { PROTOCOL_1_0, PROTOCOL_2_0 };

/* Who is asking, by what the app trusts. */
enum conf_caller {
	CALLER_LOGIN,     /* an openid that WeChat confirmed for a wx.login code */
	CALLER_PARAM,     /* a FastCGI parameter that the web server sets */
	CALLER_ANONYMOUS, /* nobody; 1.0 only */
};

/* "15/minute 30/day": at most so many in any minute, and in any day. */
enum { CONF_RATES_MAX = 3 };

struct conf_rate {
	unsigned most;
	int64_t per_ms;
};

struct conf_budget {
	struct conf_rate rates[CONF_RATES_MAX]; /* the longest window first */
	unsigned rate_nr;                       /* 0: unlimited */
};

struct conf_app {
	const char *appid;
	const char *secret_file;
	struct secret secret; /* what stands in secret_file; NUL-terminated */
	const char *business_secret_file;
	struct secret business_secret; /* empty if there is no file */
	int protocol;                  /* enum conf_protocol */
	int caller;                    /* enum conf_caller */
	const char *caller_param;
	const char *openid_param;
	bool caller_verified;
	bool reveal_codes;
	int in_flight; /* 0: no limit of its own */

	struct {
		const char *const *key_files; /* NULL-terminated; the first one signs */
		int lifetime;                 /* seconds */
		struct jwt_keys *keys;        /* what stands in them; NULL: no receipts */
	} receipt;
};

struct conf {
	struct arena arena; /* everything below points into it */
	const char *file;
	bool sandbox;
	const char *segment;
	const char *key_file;
	int sessions;
	const char *prefix;
	bool accept_get;
	bool app_field;
	struct net_list trusted_proxies;
	int in_flight;
	int request_ms;
	int idle_ms;
	int login_lifetime; /* seconds */

	struct {
		const char *file;
		int level; /* enum log_level */
	} log;

	struct {
		const char *host;
		const char *ca_file;
		int connect_ms;
		int total_ms;
		const char *const *allow_fields; /* NULL-terminated; only warned of */
	} wechat;

	struct {
		int failures; /* in a row; 0 = off */
		int open;     /* seconds */
	} breaker;

	struct {
		struct conf_budget caller, id, address, app;
	} budgets;

	struct {
		const char *lookup_url;
		const char *ca_file;
		int total_ms;
	} identity;

	struct {
		const char *file;
		bool required;
	} audit;

	struct conf_app *apps;
	unsigned app_nr;

	const char **errors; /* what is wrong, a sentence each */
	unsigned error_nr;
};

enum { CONF_ERRORS_MAX = 32, CONF_APPS_MAX = 64 };

/*
 * Reads and checks it, the secret and key files included.  *ret_conf is always set and
 * belongs to the caller (conf_destroy); OK means error_nr is 0.
 */
enum err conf_load(const char *file, struct conf **ret_conf) MUST_CHECK;
void conf_destroy(struct conf *c);

/*
 * The file to read: `option` (-c), else $BENREN_CONF, else benren.json beside the
 * binary, else /etc/benren/benren.json.  The one beside the binary counts only if
 * it belongs to the binary's owner and nobody else can write it; one that does not count
 * is told of on standard error.  dst takes CONF_PATH_MAX bytes.
 */
enum { CONF_PATH_MAX = 4096 };
void conf_find(const char *option, char *dst);

/*
 * The pool key in key_file; made (0600, from the kernel's random bytes) if the
 * file is missing, also when several workers start at once.  On failure *ret_why
 * is a sentence for the operator.
 */
enum err conf_pool_key(const struct conf *c, unsigned char key[CRYPT_KEY_SIZE],
		       const char **ret_why) MUST_CHECK;

/* Puts the key back where its file has been removed; true if that was so. */
bool conf_restore_pool_key(const struct conf *c, const unsigned char key[CRYPT_KEY_SIZE]);

/* Prints every key, its type, default and meaning: for --help-config. */
void conf_print_keys(void);

/* The errors, a line each, on standard error. */
void conf_print_errors(const struct conf *c);

#endif
