/* The 2.0 protocol: getverifyid before the face check, queryverifyinfo after it. */
#include "base/clock.h"
#include "base/crypt.h"
#include "wechat.h"

enum { VERIFY_ID_BYTES = 62, SEQ_MIN = 5, SEQ_MAX = 32, NOT_COMPLETED = 10300 };

static bool seq_fits(struct str seq)
{
	static const char set[] =
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-";

	return seq.len >= SEQ_MIN && seq.len <= SEQ_MAX && str_only(seq, set);
}

static struct str base64(struct arena *arena, struct str s)
{
	char *text = arena_alloc(arena, STR_BASE64_SIZE(s.len));

	return text == NULL ? STR_NONE : (struct str){ text, str_base64(text, s.p, s.len) };
}

/* SHA-256 of cert_type=B64&cert_name=B64&cert_no=B64, in lower-case hex. */
static void write_cert_hash(struct arena *arena, char dst[SHA256_HEX + 1], const struct json *cert)
{
	struct str text = arena_printf(arena, "cert_type=%s&cert_name=%s&cert_no=%s",
				       base64(arena, json_get(cert, "cert_type")->str).p,
				       base64(arena, json_get(cert, "cert_name")->str).p,
				       base64(arena, json_get(cert, "cert_no")->str).p);
	struct digest digest = crypt_sha256(text);

	str_hex(dst, digest.b, sizeof digest.b);
}

static int bad_arg(struct api *a, const char *which)
{
	a->detail = which;
	return 40097;
}

/* Which errcodes these mistakes get is not documented [?]. */
static int check_cert(struct api *a, const struct json *cert)
{
	const struct json *type = json_get_type(cert, "cert_type", JSON_STRING);
	const struct json *name = json_get_type(cert, "cert_name", JSON_STRING);
	const struct json *no = json_get_type(cert, "cert_no", JSON_STRING);

	if (type == NULL || !str_is(type->str, "IDENTITY_CARD"))
		return bad_arg(a, "cert_info.cert_type");
	if (name == NULL || no == NULL || name->str.len == 0 || no->str.len == 0)
		return 84006;
	return 0;
}

/* Unique within the app; remembered for a day. */
static bool claim_seq(struct api *a, struct str seq)
{
	struct str name = arena_printf(&a->call->arena, "%s %s", a->app->appid, seq.p);

	if (table_get(&a->sim->seqs, name) != NULL)
		return false;
	(void)table_put(&a->sim->seqs, name, sizeof(struct kept), DAY_MS);
	return true;
}

static int open_check(struct api *a, const struct json *cert)
{
	const struct call *c = a->call;
	struct str seq = call_text(c, "out_seq_no");
	struct magic magic = magic_of(json_get(cert, "cert_no")->str);
	char id[STR_BASE64_SIZE(VERIFY_ID_BYTES)];

	a->call->reply.delay_ms += magic.delay_ms;
	if (magic.open_errcode != 0)
		return magic.open_errcode;
	if (!claim_seq(a, seq))
		return bad_arg(a, "out_seq_no is not unique");
	random_base64(id, VERIFY_ID_BYTES);
	struct check *check = sim_add_check(a->sim, a->app, str_of(id), magic);
	check->protocol = P20;
	check->verify_ret = NOT_COMPLETED;
	copy_text(check->out_seq_no, sizeof check->out_seq_no, seq);
	copy_text(check->openid, sizeof check->openid, call_text(c, "openid"));
	write_cert_hash(&a->call->arena, check->cert_hash, cert);
	answer_str(&a->answer, "verify_id", check->kept.name);
	answer_int(&a->answer, "expires_in", sim_key_life_s(a->sim, magic));
	return 0;
}

int face20_getverifyid(struct api *a)
{
	const struct json *cert = json_get_type(a->call->json, "cert_info", JSON_OBJECT);

	if (!seq_fits(call_text(a->call, "out_seq_no")))
		return bad_arg(a, "out_seq_no");
	int errcode = check_cert(a, cert);
	if (errcode != 0)
		return errcode;
	if (!openid_fits(call_text(a->call, "openid")))
		return 40003;
	return open_check(a, cert);
}

/*
 * A mismatch is an errcode and no verify_ret; which one is not documented, so it
 * is that of a wrong identify id [?].  A key that nobody scanned in time: 84002 [?].
 */
int face20_queryverifyinfo(struct api *a)
{
	const struct call *c = a->call;
	const struct check *check = table_get(&a->sim->checks, call_text(c, "verify_id"));

	if (check == NULL || check->protocol != P20 || check->app != a->app)
		return 84001;
	if (!str_is(call_text(c, "out_seq_no"), check->out_seq_no) ||
	    !str_is(call_text(c, "cert_hash"), check->cert_hash) ||
	    !str_is(call_text(c, "openid"), check->openid))
		return 84001;
	a->call->reply.delay_ms += check->magic.delay_ms;
	if (check->magic.query_errcode != 0)
		return check->magic.query_errcode;
	if (!check->scanned && check->expires <= clock_boot_ms())
		return 84002;
	answer_int(&a->answer, "verify_ret", check->verify_ret);
	return 0;
}
