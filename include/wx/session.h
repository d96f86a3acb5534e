/*
 * session.h - one face check, from /identify to its end.
 *
 *   NEW --> OPENED --> QUERYING --> PASSED | FAILED       these two never change again
 *             ^ |         |  |
 *             | +---------|--+--> (1.0 goes there directly: its lease is on the claim)
 *             +- pending -+
 *
 * EXPIRED is not stored: any session that has not ended is expired when WeChat's
 * expires_in is over, on the store's clock.  A query that began before may still end it.
 *
 * Name and ID number are never in here.  What binds the result is kept as keyed
 * hashes; what must be sent again (verify_id, cert_hash, openid) is sealed.  The
 * session's id is derived from the pool key and the nonce in the record, so the
 * store holds neither the id nor anything that gives it away.
 */
#ifndef WX_SESSION_H
#define WX_SESSION_H

#include "base/conf.h"
#include "base/crypt.h"
#include "base/defs.h"
#include "store/store.h"
#include "wx/codes.h"

#include <stdint.h>

enum session_state {
	SESSION_NEW,      /* a slot is reserved, WeChat is being asked for a key */
	SESSION_OPENED,   /* the phone may check the face */
	SESSION_QUERYING, /* one worker asks WeChat; lease_until says for how long */
	SESSION_PASSED,
	SESSION_FAILED,
	SESSION_EXPIRED, /* only from session_state(), never stored */
};

enum {
	SESSION_ID_LEN = 43, /* base64url of 32 bytes */
	SESSION_WORD_MAX = 24,
	SESSION_CONSENT_MAX = 64,
	WX_KEY_MAX = 256, /* user_id_key or verify_id */
	OPENID_MAX = 64,
	OUT_SEQ_NO_LEN = 32,
	CERT_HASH_LEN = 64,
	APPID_LEN = 18,
};

/* How long a session that ended or expired is still answered for. */
enum { SESSION_LINGER_MS = 10 * 60 * 1000 };

/* Known only inside a worker; sealed in the store. */
struct session_sealed {
	char key[WX_KEY_MAX + 1];
	char openid[OPENID_MAX + 1];         /* "" if nobody told us */
	char out_seq_no[OUT_SEQ_NO_LEN + 1]; /* 2.0 */
	char cert_hash[CERT_HASH_LEN + 1];   /* 2.0 */
};

struct session_record {
	uint8_t layout;   /* SESSION_LAYOUT */
	uint8_t protocol; /* enum conf_protocol */
	uint8_t state;    /* enum session_state, not EXPIRED */
	uint8_t openid_known;
	uint8_t class; /* enum wx_class, once it has ended */
	uint8_t reserved[7];
	int32_t source;                       /* what the check is for; -1 = not said */
	int32_t code;                         /* WeChat's or the phone's number, once ended */
	uint32_t attempts;                    /* queries so far */
	int64_t opened, expires, lease_until; /* store's clock, ms */
	int64_t ended_wall;                   /* wall clock, ms */
	unsigned char nonce[16];
	char appid[APPID_LEN + 6];
	char word[SESSION_WORD_MAX]; /* the code's word, once ended */
	char consent[SESSION_CONSENT_MAX];
	struct digest caller;
	struct digest key;              /* keyed hashes: of user_id_key, */
	struct digest name_md5, id_md5; /* 1.0: of the MD5s of what was sent, */
	struct digest openid;           /* and of the openid, if known */
	struct digest result;           /* 1.0: of the verify_result that ended it */
	struct digest told_caller, told_identity; /* what the business is told: wx/told.h */
};

struct session {
	struct session_record rec;
	struct session_sealed sealed;
	uint64_t version; /* of the store's value */
};

/*
 * The caller of a request, as a session keeps it.  kind is one of "param",
 * "openid", "anonymous"; name is what it is called there.
 */
struct digest session_caller(struct crypt *c, struct str appid, const char *kind, struct str name);

/* A new one in SESSION_NEW, with a fresh nonce. */
void session_init(struct session *s, const struct conf_app *app, const struct digest *caller);

/* The id that the client gets.  dst takes SESSION_ID_LEN + 1 bytes. */
void session_id(struct crypt *c, const struct session *s, char *dst);

/* Where a session with this id stands in the store. */
struct digest session_store_key(struct crypt *c, struct str id);

/* Is it a text that could be an id? */
bool session_id_plausible(struct str id);

/* The state at this moment: EXPIRED when its time is over and it had not ended. */
enum session_state session_state(const struct session *s, int64_t now);
const char *session_state_name(enum session_state state);

/* The only writer of the state; a move that the drawing does not show is a bug of ours. */
void session_move(struct session *s, enum session_state to);

/* Moves it to PASSED or FAILED, and says why: WeChat's or the phone's code, 0 if it is ours. */
void session_end(struct session *s, enum session_state to, enum wx_class class, int code,
		 const char *word);

/* Into a store operation (kind, value, len, expires, version; not the key), and back. */
void session_pack(struct crypt *c, const struct session *s, struct store_op *op);
enum err session_unpack(struct crypt *c, const struct store_op *op, struct session *ret) MUST_CHECK;

/* Keyed hashes of what binds a result; purpose separates them from each other. */
struct digest session_hash(struct crypt *c, const char *purpose, struct str text);

void session_wipe(struct session *s);

#endif
