/* The session record: ids, states, and its form in the store. */
#include "wx/session.h"
#include "base/clock.h"
#include "base/flow.h"

#include <assert.h>

/* The record lies in memory that several builds may read: no hidden padding. */
static_assert(sizeof(struct session_record) == 12 + 12 + 32 + 16 + 24 + 24 + 64 + 8 * 32,
	      "session_record has unexpected padding");
static_assert(sizeof(struct session_sealed) == 257 + 65 + 33 + 65, "another SESSION_LAYOUT");

static const struct flow_def states[] = {
	[SESSION_NEW] = { "new", TO(SESSION_OPENED) },
	[SESSION_OPENED] = { "opened",
			     TO(SESSION_QUERYING) | TO(SESSION_PASSED) | TO(SESSION_FAILED) },
	[SESSION_QUERYING] = { "querying",
			       TO(SESSION_OPENED) | TO(SESSION_PASSED) | TO(SESSION_FAILED) },
	[SESSION_PASSED] = { "passed", 0 },
	[SESSION_FAILED] = { "failed", 0 },
	[SESSION_EXPIRED] = { "expired", 0 },
};

struct digest session_hash(struct crypt *c, const char *purpose, struct str text)
{
	return crypt_hmac(c, purpose, &text, 1);
}

struct digest session_caller(struct crypt *c, struct str appid, const char *kind, struct str name)
{
	const struct str texts[] = { appid, str_of(kind), name };

	return crypt_hmac(c, "caller", texts, ARRAY_LEN(texts));
}

void session_init(struct session *s, const struct conf_app *app, const struct digest *caller)
{
	*s = (struct session){ .rec = {
				       .layout = SESSION_LAYOUT,
				       .protocol = (uint8_t)app->protocol,
				       .state = SESSION_NEW,
				       .source = -1,
				       .caller = *caller,
			       } };
	memcpy(s->rec.appid, app->appid, APPID_LEN);
	crypt_random(s->rec.nonce, sizeof s->rec.nonce);
}

void session_id(struct crypt *c, const struct session *s, char *dst)
{
	struct str nonce = { (const char *)s->rec.nonce, sizeof s->rec.nonce };
	struct digest d = session_hash(c, "session-id", nonce);

	size_t len = str_base64url(dst, d.b, sizeof d.b);
	ensure(len == SESSION_ID_LEN);
}

struct digest session_store_key(struct crypt *c, struct str id)
{
	return session_hash(c, "session-key", id);
}

bool session_id_plausible(struct str id)
{
	return id.len == SESSION_ID_LEN &&
	       str_only(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
}

enum session_state session_state(const struct session *s, int64_t now)
{
	enum session_state state = s->rec.state;

	if (state == SESSION_PASSED || state == SESSION_FAILED)
		return state;
	if (now >= s->rec.expires)
		return SESSION_EXPIRED;
	if (state == SESSION_QUERYING && now >= s->rec.lease_until)
		return SESSION_OPENED;
	return state;
}

const char *session_state_name(enum session_state state)
{
	ensure(state < ARRAY_LEN(states));
	return states[state].name;
}

void session_move(struct session *s, enum session_state to)
{
	struct flow f = { states, s->rec.state };

	/* A lease that ran out may be taken over. */
	if (f.state != SESSION_QUERYING || to != SESSION_QUERYING)
		flow_move(&f, to);
	s->rec.state = (uint8_t)to;
	if (to == SESSION_PASSED || to == SESSION_FAILED)
		s->rec.ended_wall = clock_wall_ms();
}

void session_end(struct session *s, enum session_state to, enum wx_class class, int code,
		 const char *word)
{
	session_move(s, to);
	s->rec.class = (uint8_t)class;
	s->rec.code = code;
	strncpy(s->rec.word, word, sizeof s->rec.word - 1);
}

/* The open part is authenticated with the sealed one: nobody writes a state into it. */
static struct str seal_context(const struct session_record *rec)
{
	return (struct str){ (const char *)rec, sizeof *rec };
}

void session_pack(struct crypt *c, const struct session *s, struct store_op *op)
{
	op->kind = STORE_SESSION;
	op->version = s->version;
	op->expires = s->rec.expires + (s->rec.state == SESSION_NEW ? 0 : SESSION_LINGER_MS);
	op->len = sizeof s->rec + SEALED_SIZE(sizeof s->sealed);
	ensure(op->len <= store_value_max(STORE_SESSION));
	memcpy(op->value, &s->rec, sizeof s->rec);
	crypt_seal(c, seal_context(&s->rec), &s->sealed, sizeof s->sealed,
		   op->value + sizeof s->rec);
}

static bool is_text(const char *field, size_t size)
{
	return memchr(field, '\0', size) != NULL;
}

/* What comes from shared memory is not believed: lengths, enums and ends of texts. */
static bool record_sound(const struct session_record *rec)
{
	return rec->layout == SESSION_LAYOUT && rec->protocol <= PROTOCOL_2_0 &&
	       rec->state < SESSION_EXPIRED && rec->class < WX_CLASS_NR &&
	       is_text(rec->appid, sizeof rec->appid) && is_text(rec->word, sizeof rec->word) &&
	       is_text(rec->consent, sizeof rec->consent);
}

static bool sealed_sound(const struct session_sealed *s)
{
	return is_text(s->key, sizeof s->key) && is_text(s->openid, sizeof s->openid) &&
	       is_text(s->out_seq_no, sizeof s->out_seq_no) &&
	       is_text(s->cert_hash, sizeof s->cert_hash);
}

enum err session_unpack(struct crypt *c, const struct store_op *op, struct session *ret)
{
	struct session s;

	if (op->len != sizeof s.rec + SEALED_SIZE(sizeof s.sealed))
		return ERR_SYNTAX;
	memcpy(&s.rec, op->value, sizeof s.rec);
	if (!record_sound(&s.rec))
		return ERR_SYNTAX;
	enum err err = crypt_open(c, seal_context(&s.rec), op->value + sizeof s.rec,
				  SEALED_SIZE(sizeof s.sealed), &s.sealed);
	if (err == OK && !sealed_sound(&s.sealed))
		err = ERR_SYNTAX;
	if (err == OK) {
		s.version = op->version;
		*ret = s;
	}
	session_wipe(&s);
	return err;
}

void session_wipe(struct session *s)
{
	explicit_bzero(&s->sealed, sizeof s->sealed);
}
