/* Receipts: written from a session, and read again. */
#include "wx/receipt.h"
#include "base/json_in.h"
#include "base/json_out.h"

static struct str issuer(const struct conf *conf)
{
	return conf->sandbox ? STR("benren-sandbox") : STR("benren");
}

/* Made of the nonce, so the same each time; and another text than the session's id. */
static void put_jti(struct json_out *o, struct crypt *c, const struct session *s)
{
	char text[STR_BASE64_SIZE(DIGEST_SIZE)];
	struct digest d = session_hash(
		c, "receipt", (struct str){ (const char *)s->rec.nonce, sizeof s->rec.nonce });

	json_put_str(o, "jti", (struct str){ text, str_base64url(text, d.b, sizeof d.b) });
}

static void put_claims(struct json_out *o, const struct receipt *r, const struct session *s)
{
	char id[SESSION_ID_LEN + 1];

	session_id(r->crypt, s, id);
	json_put_str(o, "iss", issuer(r->conf));
	json_put_str(o, "aud", str_of(r->app->appid));
	if (r->app->caller != CALLER_ANONYMOUS)
		json_put_digest(o, "sub", &s->rec.told_caller);
	json_put_digest(o, "identity", &s->rec.told_identity);
	json_put_str(o, "session", str_of(id));
	if (s->rec.source >= 0)
		json_put_int(o, "source", s->rec.source);
	if (s->rec.consent[0] != '\0')
		json_put_str(o, "consent", str_of(s->rec.consent));
	json_put_str(o, "protocol", str_of(s->rec.protocol == PROTOCOL_1_0 ? "1.0" : "2.0"));
	json_put_int(o, "verified_at", s->rec.ended_wall / 1000);
	json_put_int(o, "iat", r->now);
	json_put_int(o, "exp", r->now + r->app->receipt.lifetime);
	put_jti(o, r->crypt, s);
	explicit_bzero(id, sizeof id);
}

enum err receipt_write(const struct receipt *r, const struct session *s, struct arena *a,
		       struct str *ret_jwt)
{
	struct json_out o;
	struct str claims;

	ensure(s->rec.state == SESSION_PASSED);
	ensure(strcmp(s->rec.appid, r->app->appid) == 0);
	if (r->app->receipt.keys == NULL) {
		*ret_jwt = STR_NONE;
		return OK;
	}
	json_out_init(&o);
	json_open_object(&o, NULL);
	put_claims(&o, r, s);
	json_close_object(&o);
	enum err err = json_out_text(&o, &claims);
	if (err == OK)
		err = jwt_sign(r->app->receipt.keys, a, claims, ret_jwt);
	json_out_finish(&o);
	return err;
}

/* --- reading one -------------------------------------------------------------------- */

static bool is_text(const struct json *claims, const char *name, struct str text)
{
	const struct json *j = json_get_type(claims, name, JSON_STRING);

	return j != NULL && str_eq(j->str, text);
}

static const struct json *read_claims(struct arena *a, struct str text)
{
	struct json_error error;
	struct json *root;

	return json_parse(a, text, 0, &root, &error) == OK ? root : NULL;
}

/* The app that it says it is for; nothing of it has been checked yet. */
static const struct conf_app *app_of_receipt(const struct conf *conf, struct arena *a,
					     struct str jwt)
{
	struct str payload;

	if (jwt_peek(a, jwt, &payload) != OK)
		return NULL;
	const struct json *claims = read_claims(a, payload);
	for (unsigned i = 0; i < conf->app_nr; i++)
		if (is_text(claims, "aud", str_of(conf->apps[i].appid)))
			return &conf->apps[i];
	return NULL;
}

/* NULL if the claims of a signed receipt are good. */
static const char *check_claims(const struct conf *conf, const struct conf_app *app,
				const struct json *claims, int64_t now)
{
	const struct json *exp = json_get_type(claims, "exp", JSON_INT);

	if (!is_text(claims, "aud", str_of(app->appid)))
		return "it is not for this app";
	if (!is_text(claims, "iss", issuer(conf)))
		return conf->sandbox ? "it is no receipt of a sandbox, as this configuration is of"
				     : "it is not of benren with the real WeChat";
	if (exp == NULL)
		return "it has no end";
	return now < exp->num ? NULL : "it has expired";
}

enum err receipt_check(const struct conf *conf, struct arena *a, struct str jwt, int64_t now,
		       struct str *ret_text)
{
	const struct conf_app *app = app_of_receipt(conf, a, jwt);
	const char *why = NULL;
	struct str payload = STR_NONE;

	if (app == NULL)
		why = "it is no receipt for an app of this configuration";
	else if (app->receipt.keys == NULL)
		why = "its app has no receipt.key_files";
	else if (jwt_verify(app->receipt.keys, a, jwt, &payload, &why) == OK)
		why = check_claims(conf, app, read_claims(a, payload), now);
	*ret_text = why == NULL ? payload : str_of(why);
	return why == NULL ? OK : ERR_REFUSED;
}
