/* Tests of receipts: every claim, and everything that makes one no good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wx/receipt.h"
#include "wx_help.h"

#include <sys/wait.h>
#include <unistd.h>

#define JWK(kid, k) "{\"kty\":\"oct\",\"kid\":\"" kid "\",\"k\":\"" k "\"}"
#define KEY_A       JWK("a", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY")
#define KEY_B       JWK("b", "YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODk")
#define KEY_A_TOO   JWK("a", "YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODk")

enum { NOW = 1764000000, LIFETIME = 300 };

static struct crypt *keys;
static struct arena arena;
static struct conf_app apps[2];
static struct conf conf = { .apps = apps, .app_nr = 2 };

static struct jwt_keys *jwt_keys_of(const char *first, const char *second)
{
	const char *jwks[] = { first, second };
	struct jwt_keys *k = jwt_keys_create();
	const char *why;

	for (size_t i = 0; i < ARRAY_LEN(jwks); i++)
		if (jwks[i] != NULL)
			assert_int_equal(jwt_keys_add(k, secret_of(str_of(jwks[i])), &why), OK);
	return k;
}

static void set_keys(struct conf_app *app, const char *first, const char *second)
{
	jwt_keys_destroy(app->receipt.keys);
	app->receipt.keys = first == NULL ? NULL : jwt_keys_of(first, second);
	app->receipt.lifetime = LIFETIME;
}

static int set_up(void **state)
{
	(void)state;
	keys = test_crypt();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	crypt_destroy(keys);
	return 0;
}

static int fresh(void **state)
{
	(void)state;
	arena_init(&arena, 1024 * 1024);
	conf.sandbox = false;
	apps[0] = test_app(PROTOCOL_2_0);
	apps[1] = test_app(PROTOCOL_1_0);
	apps[1].appid = "wx0000000000000002";
	set_keys(&apps[0], KEY_A, NULL);
	set_keys(&apps[1], KEY_B, NULL);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	set_keys(&apps[0], NULL, NULL);
	set_keys(&apps[1], NULL, NULL);
	arena_finish(&arena);
	return 0;
}

static struct session passed_session(const struct conf_app *app)
{
	struct session s = opened_session(keys, app, USER_OPENID);

	session_move(&s, SESSION_PASSED);
	s.rec.ended_wall = (int64_t)(NOW - 7) * 1000 + 999;
	memset(s.rec.told_caller.b, 0xCA, DIGEST_SIZE);
	memset(s.rec.told_identity.b, 0x1D, DIGEST_SIZE);
	return s;
}

static struct receipt with(const struct conf_app *app)
{
	return (struct receipt){ keys, &conf, app, NOW };
}

static struct str receipt_of(const struct conf_app *app, const struct session *s)
{
	struct receipt r = with(app);
	struct str jwt;

	assert_int_equal(receipt_write(&r, s, &arena, &jwt), OK);
	return jwt;
}

static const struct json *claims_of(struct str jwt)
{
	struct json_error error;
	struct json *root;
	struct str text;

	assert_int_equal(receipt_check(&conf, &arena, jwt, NOW, &text), OK);
	assert_int_equal(json_parse(&arena, text, 0, &root, &error), OK);
	return root;
}

static void assert_text(const struct json *claims, const char *name, const char *wanted)
{
	const struct json *j = json_get_type(claims, name, JSON_STRING);

	assert_non_null(j);
	assert_string_equal(j->str.p, wanted);
}

static void assert_number(const struct json *claims, const char *name, int64_t wanted)
{
	const struct json *j = json_get_type(claims, name, JSON_INT);

	assert_non_null(j);
	assert_int_equal(j->num, wanted);
}

static void assert_no_good(struct str jwt, int64_t now, const char *wanted)
{
	struct str why;

	assert_int_equal(receipt_check(&conf, &arena, jwt, now, &why), ERR_REFUSED);
	assert_non_null(strstr(why.p, wanted));
}

/* --- what is in it ------------------------------------------------------------------- */

static void a_receipt_says_who_what_for_and_when(void **state)
{
	struct session s = passed_session(&apps[0]);
	char id[SESSION_ID_LEN + 1], caller[2 * DIGEST_SIZE + 1], identity[2 * DIGEST_SIZE + 1];

	(void)state;
	s.rec.source = 7;
	strcpy(s.rec.consent, "条款-2026");
	session_id(keys, &s, id);
	str_hex(caller, s.rec.told_caller.b, DIGEST_SIZE);
	str_hex(identity, s.rec.told_identity.b, DIGEST_SIZE);
	const struct json *claims = claims_of(receipt_of(&apps[0], &s));
	assert_text(claims, "iss", "benren");
	assert_text(claims, "aud", apps[0].appid);
	assert_text(claims, "sub", caller);
	assert_text(claims, "identity", identity);
	assert_text(claims, "session", id);
	assert_number(claims, "source", 7);
	assert_text(claims, "consent", "条款-2026");
	assert_text(claims, "protocol", "2.0");
	assert_number(claims, "verified_at", NOW - 7);
	assert_number(claims, "iat", NOW);
	assert_number(claims, "exp", NOW + LIFETIME);
	assert_int_equal(json_get_type(claims, "jti", JSON_STRING)->str.len, 43);
	assert_int_equal(claims->count, 12);
}

static void what_was_not_said_is_not_in_it(void **state)
{
	struct session s = passed_session(&apps[1]);
	const struct json *claims = claims_of(receipt_of(&apps[1], &s));

	(void)state;
	assert_text(claims, "aud", apps[1].appid);
	assert_text(claims, "protocol", "1.0");
	assert_null(json_get(claims, "source"));
	assert_null(json_get(claims, "consent"));
	s.rec.source = 0;
	assert_number(claims_of(receipt_of(&apps[1], &s)), "source", 0);
}

static void nobody_known_is_nobodys_sub(void **state)
{
	struct session s = passed_session(&apps[1]);

	(void)state;
	apps[1].caller = CALLER_ANONYMOUS;
	const struct json *claims = claims_of(receipt_of(&apps[1], &s));
	assert_null(json_get(claims, "sub"));
	assert_non_null(json_get(claims, "identity"));
}

static void nothing_of_the_person_is_in_it(void **state)
{
	const char *canaries[] = { PERSON_NAME, PERSON_ID, USER_OPENID, USER_ID_KEY,
				   "sandbox-secret-0001" };
	struct str text;

	(void)state;
	for (size_t a = 0; a < ARRAY_LEN(apps); a++) {
		struct session s = passed_session(&apps[a]);
		assert_int_equal(receipt_check(&conf, &arena, receipt_of(&apps[a], &s), NOW, &text),
				 OK);
		for (size_t i = 0; i < ARRAY_LEN(canaries); i++)
			assert_null(strstr(text.p, canaries[i]));
	}
}

/* So that a business takes each verdict once, however often the phone asks for it. */
static void one_verdict_has_one_jti_and_another_has_another(void **state)
{
	struct session s = passed_session(&apps[0]), other = passed_session(&apps[0]);
	struct receipt later = with(&apps[0]);
	struct str again, first = receipt_of(&apps[0], &s);

	(void)state;
	later.now += 100;
	session_wipe(&s); /* as the endpoints do, before they answer */
	assert_int_equal(receipt_write(&later, &s, &arena, &again), OK);
	assert_false(str_eq(first, again));
	const char *jti = json_get(claims_of(first), "jti")->str.p;
	assert_text(claims_of(again), "jti", jti);
	assert_text(claims_of(again), "session", json_get(claims_of(first), "session")->str.p);
	assert_string_not_equal(json_get(claims_of(first), "session")->str.p, jti);
	assert_string_not_equal(json_get(claims_of(receipt_of(&apps[0], &other)), "jti")->str.p,
				jti);
}

/* --- none ---------------------------------------------------------------------------- */

static void an_app_without_keys_gives_none(void **state)
{
	struct session s = passed_session(&apps[0]);

	(void)state;
	struct str jwt = receipt_of(&apps[0], &s);
	set_keys(&apps[0], NULL, NULL);
	assert_int_equal(receipt_of(&apps[0], &s).len, 0);
	assert_no_good(jwt, NOW, "key_files");
}

static bool write_survives(const struct conf_app *app, enum session_state state)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct session s = passed_session(&apps[0]);
		s.rec.state = (uint8_t)state;
		fclose(stderr);
		receipt_of(app, &s);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void only_a_session_that_passed_gets_one_and_of_its_own_app(void **state)
{
	(void)state;
	for (enum session_state i = SESSION_NEW; i <= SESSION_EXPIRED; i++)
		assert_true(write_survives(&apps[0], i) == (i == SESSION_PASSED));
	assert_false(write_survives(&apps[1], SESSION_PASSED));
	set_keys(&apps[0], NULL, NULL);
	assert_false(write_survives(&apps[0], SESSION_FAILED));
}

static void without_memory_there_is_an_error_and_no_receipt(void **state)
{
	struct session s = passed_session(&apps[0]);
	struct receipt r = with(&apps[0]);
	struct arena small;
	struct str jwt = STR("untouched");

	(void)state;
	arena_init(&small, 100);
	assert_int_equal(receipt_write(&r, &s, &small, &jwt), ERR_NOMEM);
	assert_true(str_is(jwt, "untouched"));
	arena_finish(&small);
	s.rec.consent[0] = (char)0xFF; /* not UTF-8: no JSON */
	assert_int_not_equal(receipt_write(&r, &s, &arena, &jwt), OK);
}

/* --- no good ------------------------------------------------------------------------- */

static void its_time_ends(void **state)
{
	struct session s = passed_session(&apps[0]);
	struct str text, jwt = receipt_of(&apps[0], &s);

	(void)state;
	assert_int_equal(receipt_check(&conf, &arena, jwt, NOW + LIFETIME - 1, &text), OK);
	assert_no_good(jwt, NOW + LIFETIME, "expired");
	assert_no_good(jwt, INT64_MAX, "expired");
}

static void a_sandbox_is_not_wechat_nor_the_other_way(void **state)
{
	struct session s = passed_session(&apps[0]);
	struct str real = receipt_of(&apps[0], &s);

	(void)state;
	conf.sandbox = true;
	assert_no_good(real, NOW, "sandbox");
	struct str jwt = receipt_of(&apps[0], &s);
	assert_text(claims_of(jwt), "iss", "benren-sandbox");
	conf.sandbox = false;
	assert_no_good(jwt, NOW, "real WeChat");
}

static void a_key_counts_until_it_is_taken_out(void **state)
{
	struct session s = passed_session(&apps[0]);
	struct str old = receipt_of(&apps[0], &s), text;

	(void)state;
	set_keys(&apps[0], KEY_B, KEY_A);
	struct str new = receipt_of(&apps[0], &s);
	assert_int_equal(receipt_check(&conf, &arena, old, NOW, &text), OK);
	assert_int_equal(receipt_check(&conf, &arena, new, NOW, &text), OK);
	set_keys(&apps[0], KEY_B, NULL);
	assert_int_equal(receipt_check(&conf, &arena, new, NOW, &text), OK);
	assert_no_good(old, NOW, "kid");
	set_keys(&apps[0], KEY_A_TOO, NULL);
	assert_no_good(old, NOW, "signature");
}

static struct str signed_claims(const char *claims, const char *jwk)
{
	struct jwt_keys *k = jwt_keys_of(jwk, NULL);
	struct str jwt;

	assert_int_equal(jwt_sign(k, &arena, str_of(claims), &jwt), OK);
	jwt_keys_destroy(k);
	return jwt;
}

static void claims_that_are_not_ours_are_no_good(void **state)
{
	static const struct {
		const char *claims, *jwk, *wanted;
	} rows[] = {
		/* the other app's key, and the other app's receipt */
		{ "{\"iss\":\"benren\",\"aud\":\"wx0000000000000001\",\"exp\":1764000001}", KEY_B,
		  "kid" },
		{ "{\"iss\":\"benren\",\"aud\":\"wx0000000000000002\",\"exp\":1764000001}", KEY_A,
		  "kid" },
		{ "{\"iss\":\"benren\",\"aud\":\"wx0000000000000003\",\"exp\":1764000001}", KEY_A,
		  "no receipt for an app" },
		{ "{\"iss\":\"benren\",\"aud\":[\"wx0000000000000001\"],\"exp\":1764000001}", KEY_A,
		  "no receipt for an app" },
		{ "{\"iss\":\"benren\",\"exp\":1764000001}", KEY_A, "no receipt for an app" },
		{ "{\"iss\":\"Benren\",\"aud\":\"wx0000000000000001\",\"exp\":1764000001}", KEY_A,
		  "not of benren" },
		{ "{\"aud\":\"wx0000000000000001\",\"exp\":1764000001}", KEY_A, "not of benren" },
		{ "{\"iss\":\"benren\",\"aud\":\"wx0000000000000001\"}", KEY_A, "no end" },
		{ "{\"iss\":\"benren\",\"aud\":\"wx0000000000000001\",\"exp\":\"1764000001\"}",
		  KEY_A, "no end" },
		{ "{\"iss\":\"benren\",\"aud\":\"wx0000000000000001\",\"exp\":1.9e9}", KEY_A,
		  "no end" },
		{ "{\"iss\":\"benren\",\"aud\":\"wx0000000000000001\",\"exp\":1764000000}", KEY_A,
		  "expired" },
		{ "{\"aud\":\"wx0000000000000002\",\"aud\":\"wx0000000000000001\"}", KEY_A,
		  "no receipt for an app" },
		{ "[]", KEY_A, "no receipt for an app" },
		{ "text", KEY_A, "no receipt for an app" },
	};
	struct str text;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_no_good(signed_claims(rows[i].claims, rows[i].jwk), NOW, rows[i].wanted);
	assert_int_equal(receipt_check(&conf, &arena,
				       signed_claims("{\"iss\":\"benren\",\"aud\":"
						     "\"wx0000000000000001\",\"exp\":1764000001}",
						     KEY_A),
				       NOW, &text),
			 OK);
	assert_no_good(STR_NONE, NOW, "no receipt");
	assert_no_good(STR("a.b.c"), NOW, "no receipt");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_receipt_says_who_what_for_and_when),
		TEST(what_was_not_said_is_not_in_it),
		TEST(nobody_known_is_nobodys_sub),
		TEST(nothing_of_the_person_is_in_it),
		TEST(one_verdict_has_one_jti_and_another_has_another),
		TEST(an_app_without_keys_gives_none),
		TEST(only_a_session_that_passed_gets_one_and_of_its_own_app),
		TEST(without_memory_there_is_an_error_and_no_receipt),
		TEST(its_time_ends),
		TEST(a_sandbox_is_not_wechat_nor_the_other_way),
		TEST(a_key_counts_until_it_is_taken_out),
		TEST(claims_that_are_not_ours_are_no_good),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
