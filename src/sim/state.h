/*
 * state.h - everything the sandbox knows; one per process, one thread.
 */
#ifndef SIM_STATE_H
#define SIM_STATE_H

#include "catalogue.h"
#include "fault.h"
#include "ledger.h"
#include "options.h"
#include "table.h"

enum {
	SECOND_MS = 1000,
	DAY_MS = 24 * 60 * 60 * SECOND_MS,
	RESULT_LIFE_MS = 5 * 60 * SECOND_MS, /* of a verify_result: 5 minutes */
	KEPT_AFTER_MS = 10 * 60 * SECOND_MS, /* how long what is over is still known as such */
	TOKEN_SIZE = 152,
	OPENID_MAX = 64,
	MD5_HEX = 32,
	SHA256_HEX = 64,
	USER_ID_KEY_LEN = 32,
	VERIFY_ID_LEN = 84,
	VERIFY_RESULT_LEN = 84,
};

/* How often something was done in the last 24 hours, in steps of a day. */
struct meter {
	int64_t since;
	unsigned used;
};

struct app {
	const char *appid, *secret;
	char stable[TOKEN_SIZE]; /* current token of stable_token; "" at first */
	char plain[TOKEN_SIZE];  /* of cgi-bin/token */
	bool stuck;              /* stable_token goes on giving a token that is refused */
	int64_t forced_at;       /* last force_refresh; 0 never */
	struct meter forces, plains;
};

/* state.tokens, by the token */
struct token {
	struct kept kept;
	struct app *app;
	int64_t expires;
	int refused; /* the errcode it is answered with; 0 good */
};

/* state.codes, by the code of wx.login */
struct login_code {
	struct kept kept;
	struct app *app;
	char openid[OPENID_MAX + 1];
	int64_t expires;
	bool used;
};

enum protocol { P10, P20 };

/* state.checks, by user_id_key or verify_id: an identity whose face is to be seen */
struct check {
	struct kept kept;
	struct app *app;
	enum protocol protocol;
	struct magic magic;
	int64_t expires;
	char name_md5[MD5_HEX + 1], id_md5[MD5_HEX + 1]; /* P10 */
	char cert_hash[SHA256_HEX + 1], out_seq_no[33];  /* P20 */
	char openid[OPENID_MAX + 1];                     /* P20 */
	bool scanned;                                    /* P20 */
	int64_t verify_ret;                              /* P20 */
};

/* state.results, by verify_result: what one scan of 1.0 led to */
struct result {
	struct kept kept;
	struct app *app;
	struct magic magic;
	char user_id_key[USER_ID_KEY_LEN + 1];
	char name_md5[MD5_HEX + 1], id_md5[MD5_HEX + 1];
	char openid[OPENID_MAX + 1];
	int64_t identify_ret, time, expires;
};

struct sim {
	const struct options *options;
	struct app apps[OPTIONS_APPS];
	unsigned app_count;
	struct table tokens, codes, checks, results;
	struct table seqs; /* "appid out_seq_no" of those used already */
	struct faults faults;
	struct ledger ledger;
};

/* In place: the tables must not move.  o stays where it is. */
void sim_init(struct sim *s, const struct options *o);
void sim_finish(struct sim *s);

/* NULL if it is not known. */
struct app *sim_app(struct sim *s, struct str appid);

/*
 * A new identity to be checked, known by that key.  Its life is the usual one or
 * what its magic says; sim_key_life_s() tells.
 */
struct check *sim_add_check(struct sim *s, struct app *app, struct str key, struct magic magic);
int64_t sim_key_life_s(const struct sim *s, struct magic magic);

/* One more of at most limit a day; false when they are used up. */
bool meter_take(struct meter *m, unsigned limit);

/* Fresh random text: len base64url digits; standard base64 with both + and /. */
void random_text(char *dst, size_t len);
void random_base64(char *dst, size_t bytes);
void random_hex(char *dst, size_t bytes);

/* dst takes size bytes; s was found to fit before. */
void copy_text(char *dst, size_t size, struct str s);

#endif
