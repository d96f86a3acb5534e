/* Tests of tokens and their keys: what is signed, and everything that is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crypt.h"
#include "base/json_in.h"
#include "base/jwt.h"

#include <stdio.h>

#define HS_BYTES "0123456789abcdef0123456789abcdef"
#define HS_K     "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
#define HS       "{\"kty\":\"oct\",\"kid\":\"hs-1\",\"k\":\"" HS_K "\"}"

/* RFC 7515, appendix A.3 */
#define EC_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define EC_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define EC_D "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"
#define EC_OF(kid, crv, x, y, more)                                                          \
	"{\"kty\":\"EC\",\"kid\":\"" kid "\",\"crv\":\"" crv "\",\"x\":\"" x "\",\"y\":\"" y \
	"\"" more "}"
#define EC EC_OF("ec.1", "P-256", EC_X, EC_Y, ",\"d\":\"" EC_D "\"")

#define PAYLOAD "{\"iss\":\"benren\",\"sub\":\"\xE5\xBC\xA0\"}"
#define DIGITS  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

static struct arena arena;
static struct jwt_keys *hs, *ec, *both;

static struct secret secret(const char *text)
{
	return secret_of(str_of(text));
}

static struct jwt_keys *keys_of(const char *first, const char *second)
{
	struct jwt_keys *k = jwt_keys_create();
	const char *why;

	assert_int_equal(jwt_keys_add(k, secret(first), &why), OK);
	if (second != NULL)
		assert_int_equal(jwt_keys_add(k, secret(second), &why), OK);
	return k;
}

static int set_up(void **state)
{
	(void)state;
	hs = keys_of(HS, NULL);
	ec = keys_of(EC, NULL);
	both = keys_of(HS, EC);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	jwt_keys_destroy(hs);
	jwt_keys_destroy(ec);
	jwt_keys_destroy(both);
	jwt_keys_destroy(NULL);
	return 0;
}

static int fresh(void **state)
{
	(void)state;
	arena_init(&arena, 4 * 1024 * 1024);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	arena_finish(&arena);
	return 0;
}

static struct str token_of(const struct jwt_keys *k, const char *payload)
{
	struct str token;

	assert_int_equal(jwt_sign(k, &arena, str_of(payload), &token), OK);
	return token;
}

static enum err verify(const struct jwt_keys *k, struct str token, const char **ret_why)
{
	struct arena own;
	struct str payload;

	arena_init(&own, 256 * 1024);
	enum err err = jwt_verify(k, &own, token, &payload, ret_why);
	arena_finish(&own);
	return err;
}

static void assert_refused(const struct jwt_keys *k, struct str token, enum err err,
			   const char *wanted)
{
	const char *why = NULL;

	assert_int_equal(verify(k, token, &why), err);
	assert_non_null(strstr(why, wanted));
}

static struct str base64url(struct str s)
{
	char *dst = arena_alloc(&arena, STR_BASE64_SIZE(s.len));

	return (struct str){ dst, str_base64url(dst, s.p, s.len) };
}

/* A token with any header, signed rightly with the bytes of a key. */
static struct str hand_made(const char *header, const char *payload, struct secret key)
{
	struct str head = base64url(str_of(header)), body = base64url(str_of(payload));
	struct str text = arena_printf(&arena, "%s.%s", head.p, body.p);
	struct digest d = crypt_sign(key, text);

	return arena_printf(&arena, "%s.%s", text.p, base64url(digest_str(&d)).p);
}

/* --- good ones -------------------------------------------------------------------------- */

static void what_was_signed_verifies_with_the_key_of_its_kid(void **state)
{
	const struct jwt_keys *signers[] = { hs, ec };
	struct str payload;
	const char *why;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(signers); i++) {
		struct str token = token_of(signers[i], PAYLOAD);
		assert_int_equal(jwt_verify(both, &arena, token, &payload, &why), OK);
		assert_true(str_is(payload, PAYLOAD));
		assert_int_equal(jwt_peek(&arena, token, &payload), OK);
		assert_true(str_is(payload, PAYLOAD));
		assert_refused(signers[1 - i], token, ERR_NOT_FOUND, "kid");
	}
	assert_int_equal(jwt_keys_nr(both), 2);
}

static void the_first_key_signs_and_says_what_it_is(void **state)
{
	struct str expected =
		base64url(STR("{\"typ\":\"JWT\",\"alg\":\"HS256\",\"kid\":\"hs-1\"}"));
	struct str token = token_of(both, PAYLOAD);

	(void)state;
	assert_memory_equal(token.p, expected.p, expected.len);
	assert_true(str_eq(token, hand_made("{\"typ\":\"JWT\",\"alg\":\"HS256\",\"kid\":\"hs-1\"}",
					    PAYLOAD, secret(HS_BYTES))));
	struct jwt_keys *turned = keys_of(EC, HS);
	expected = base64url(STR("{\"typ\":\"JWT\",\"alg\":\"ES256\",\"kid\":\"ec.1\"}"));
	assert_memory_equal(token_of(turned, PAYLOAD).p, expected.p, expected.len);
	jwt_keys_destroy(turned);
}

static void a_signer_may_leave_typ_out_and_order_as_he_likes(void **state)
{
	const char *why;

	(void)state;
	assert_int_equal(verify(hs,
				hand_made("{ \"kid\": \"hs-1\", \"alg\": \"HS256\" }", "x",
					  secret(HS_BYTES)),
				&why),
			 OK);
}

static void a_payload_of_any_length_comes_back(void **state)
{
	char text[1000];
	struct str payload;
	const char *why;

	(void)state;
	for (size_t n = 1; n < sizeof text; n = n * 3 / 2 + 1) {
		memset(text, 'x', n);
		text[n] = '\0';
		assert_int_equal(jwt_verify(both, &arena, token_of(both, text), &payload, &why),
				 OK);
		assert_true(str_is(payload, text));
	}
}

/* --- bad ones --------------------------------------------------------------------------- */

/* Each character of header, payload and signature, by each other digit (ES256: by one). */
static void no_character_can_be_changed(void **state)
{
	const struct jwt_keys *signers[] = { hs, ec };
	const char *why;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(signers); i++) {
		struct str token = token_of(signers[i], "{}");
		char *text = arena_alloc(&arena, token.len + 1);
		unsigned step = i == 0 ? 1 : 61;
		for (size_t at = 0; at < token.len; at++) {
			for (size_t d = 0; d < 65; d += step) {
				memcpy(text, token.p, token.len);
				text[at] = d == 64 ? '.' : DIGITS[d];
				if (text[at] != token.p[at])
					assert_int_not_equal(
						verify(both, (struct str){ text, token.len }, &why),
						OK);
			}
		}
	}
}

static void no_part_can_be_cut_or_lengthened(void **state)
{
	const struct jwt_keys *signers[] = { hs, ec };
	const char *why;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(signers); i++) {
		struct str token = token_of(signers[i], "{}");
		for (size_t n = 0; n < token.len; n++)
			assert_int_not_equal(
				verify(both, arena_str(&arena, (struct str){ token.p, n }), &why),
				OK);
		for (unsigned n = 1; n < 10; n++)
			assert_int_not_equal(verify(both,
						    arena_printf(&arena, "%s%.*s", token.p, (int)n,
								 "AAAAAAAAAA"),
						    &why),
					     OK);
	}
}

static void another_header_is_refused_even_with_a_right_signature(void **state)
{
	static const struct {
		const char *header;
		enum err err;
		const char *wanted;
	} rows[] = {
		{ "{\"alg\":\"none\",\"kid\":\"hs-1\"}", ERR_REFUSED, "alg" },
		{ "{\"alg\":\"None\",\"kid\":\"hs-1\"}", ERR_REFUSED, "alg" },
		{ "{\"alg\":\"hs256\",\"kid\":\"hs-1\"}", ERR_REFUSED, "alg" },
		{ "{\"alg\":\"HS512\",\"kid\":\"hs-1\"}", ERR_REFUSED, "alg" },
		{ "{\"alg\":\"ES256\",\"kid\":\"hs-1\"}", ERR_REFUSED, "alg" },
		{ "{\"alg\":\"HS256\",\"kid\":\"ec.1\"}", ERR_REFUSED, "alg" },
		{ "{\"alg\":\"HS256\",\"kid\":\"hs-2\"}", ERR_NOT_FOUND, "kid" },
		{ "{\"alg\":\"HS256\",\"kid\":\"\"}", ERR_NOT_FOUND, "kid" },
		{ "{\"alg\":\"HS256\",\"kid\":\"hs-1\\u0000\"}", ERR_SYNTAX, "header" },
		{ "{\"alg\":\"HS256\",\"kid\":1}", ERR_SYNTAX, "header" },
		{ "{\"alg\":\"HS256\"}", ERR_SYNTAX, "header" },
		{ "{\"kid\":\"hs-1\"}", ERR_SYNTAX, "header" },
		{ "{\"alg\":[\"HS256\"],\"kid\":\"hs-1\"}", ERR_SYNTAX, "header" },
		{ "{\"alg\":\"HS256\",\"kid\":\"hs-1\",\"typ\":\"JWE\"}", ERR_SYNTAX, "header" },
		{ "{\"alg\":\"HS256\",\"kid\":\"hs-1\",\"crit\":[\"x\"]}", ERR_SYNTAX, "header" },
		{ "{\"alg\":\"HS256\",\"kid\":\"hs-1\",\"jwk\":" HS "}", ERR_SYNTAX, "header" },
		{ "{\"alg\":\"HS256\",\"kid\":\"hs-1\",\"kid\":\"hs-1\"}", ERR_SYNTAX, "header" },
		{ "{\"alg\":\"none\",\"alg\":\"HS256\",\"kid\":\"hs-1\"}", ERR_SYNTAX, "header" },
		{ "[\"HS256\",\"hs-1\"]", ERR_SYNTAX, "header" },
		{ "\"HS256\"", ERR_SYNTAX, "header" },
		{ "not JSON", ERR_SYNTAX, "header" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_refused(both, hand_made(rows[i].header, PAYLOAD, secret(HS_BYTES)),
			       rows[i].err, rows[i].wanted);
}

/* The old trick: HS256, with the public key of ES256 as the shared secret. */
static void a_public_key_is_no_shared_secret(void **state)
{
	const char *secrets[] = { jwt_keys_public(ec, 0, &arena).p, EC_X, EC, "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
		struct str token = hand_made("{\"alg\":\"HS256\",\"kid\":\"ec.1\"}", PAYLOAD,
					     secret(secrets[i]));
		assert_refused(ec, token, ERR_REFUSED, "alg");
		assert_refused(both, token, ERR_REFUSED, "alg");
		token = hand_made("{\"alg\":\"ES256\",\"kid\":\"ec.1\"}", PAYLOAD,
				  secret(secrets[i]));
		assert_refused(both, token, ERR_REFUSED, "signature");
	}
}

static void another_key_of_the_same_kid_is_refused(void **state)
{
	struct str token = hand_made("{\"alg\":\"HS256\",\"kid\":\"hs-1\"}", PAYLOAD,
				     secret("another key another key another!"));
	struct secret jwk;

	(void)state;
	assert_refused(hs, token, ERR_REFUSED, "signature");
	assert_int_equal(jwt_make_key(&arena, JWT_ES256, STR("ec.1"), &jwk), OK);
	struct jwt_keys *other = keys_of(jwk.bytes_, NULL);
	assert_refused(ec, token_of(other, PAYLOAD), ERR_REFUSED, "signature");
	jwt_keys_destroy(other);
}

static void what_is_not_three_parts_is_no_token(void **state)
{
	struct str good = token_of(hs, PAYLOAD);
	const char *sig = strrchr(good.p, '.');
	const struct str rows[] = {
		STR(""),
		STR("."),
		STR(".."),
		STR("a.b.c"),
		STR("..."),
		STR("null"),
		{ "\0.\0.\0", 5 },
		arena_printf(&arena, " %s", good.p),
		arena_printf(&arena, "%s\n", good.p),
		arena_printf(&arena, "%s ", good.p),
		arena_printf(&arena, "%s=", good.p),
		arena_printf(&arena, "%s.", good.p),
		arena_printf(&arena, ".%s", good.p),
		arena_printf(&arena, "%s%s", good.p, sig), /* two signatures */
		arena_printf(&arena, "Bearer %s", good.p),
		arena_printf(&arena, "{\"payload\":\"%s\"}", good.p), /* the JSON forms */
		arena_printf(&arena, "{\"signatures\":[{\"signature\":\"%s\"}]}", sig + 1),
		arena_printf(&arena, "%.*s.", (int)(sig - good.p), good.p),
		arena_printf(&arena, "%.*s", (int)(sig - good.p), good.p),
		{ good.p, good.len + 1 }, /* its NUL */
		{ good.p, 0 },
		STR_NONE,
	};
	struct str payload;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_refused(hs, rows[i], ERR_SYNTAX, "three parts");
		assert_int_equal(jwt_peek(&arena, rows[i], &payload), ERR_SYNTAX);
	}
}

/* The same signature in another spelling would be another text for one verdict. */
static void the_last_digit_has_one_spelling(void **state)
{
	const struct jwt_keys *signers[] = { hs, ec };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(signers); i++) {
		struct str token = token_of(signers[i], "{}");
		char *text = arena_alloc(&arena, token.len + 1);
		memcpy(text, token.p, token.len);
		text[token.len - 1] = DIGITS[strchr(DIGITS, text[token.len - 1]) - DIGITS + 1];
		assert_refused(both, (struct str){ text, token.len }, ERR_SYNTAX, "base64url");
	}
}

static void a_token_is_of_bounded_length(void **state)
{
	char *payload = arena_alloc(&arena, JWT_MAX);
	const char *why;

	(void)state;
	memset(payload, 'x', JWT_MAX - 1);
	assert_refused(hs, token_of(hs, payload), ERR_SYNTAX, "three parts");
	payload[JWT_MAX / 4 * 3 - 150] = '\0';
	assert_int_equal(verify(hs, token_of(hs, payload), &why), OK);
	char *huge = arena_alloc(&arena, 1024 * 1024);
	memset(huge, 'A', 1024 * 1024 - 1);
	assert_refused(hs, str_of(huge), ERR_SYNTAX, "three parts");
}

static void a_full_arena_gives_no_token_and_no_payload(void **state)
{
	struct str token = token_of(hs, PAYLOAD), out = STR("untouched");
	const char *why;

	(void)state;
	for (size_t cap = 0; cap < 4096; cap += 16) {
		struct arena small;
		arena_init(&small, cap);
		enum err err = jwt_sign(hs, &small, STR(PAYLOAD), &out);
		assert_true(err == ERR_NOMEM ? str_is(out, "untouched") : err == OK);
		arena_finish(&small);
		arena_init(&small, cap);
		out = STR("untouched");
		err = jwt_verify(hs, &small, token, &out, &why);
		assert_true(err == OK || str_is(out, "untouched"));
		arena_finish(&small);
		out = STR("untouched");
	}
}

/* --- keys ------------------------------------------------------------------------------- */

static void a_file_that_is_no_key_of_ours_is_explained(void **state)
{
	static const struct {
		const char *jwk, *wanted;
	} rows[] = {
		{ "", "JSON object" },
		{ "x", "JSON object" },
		{ "[" HS "]", "JSON object" },
		{ HS HS, "JSON object" },
		{ "{\"keys\":[" HS "]}", "kid" },
		{ "{\"kty\":\"oct\",\"k\":\"" HS_K "\"}", "kid" },
		{ "{\"kty\":\"oct\",\"kid\":\"\",\"k\":\"" HS_K "\"}", "kid" },
		{ "{\"kty\":\"oct\",\"kid\":\"a b\",\"k\":\"" HS_K "\"}", "kid" },
		{ "{\"kty\":\"oct\",\"kid\":7,\"k\":\"" HS_K "\"}", "kid" },
		{ "{\"kty\":\"oct\",\"kid\":\"a\",\"kid\":\"b\",\"k\":\"" HS_K "\"}", "JSON" },
		{ "{\"kid\":\"a\",\"k\":\"" HS_K "\"}", "neither" },
		{ "{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "neither" },
		{ "{\"kty\":\"OKP\",\"kid\":\"a\",\"crv\":\"Ed25519\",\"x\":\"AQAB\"}", "neither" },
		{ EC_OF("a", "P-384", EC_X, EC_Y, ",\"d\":\"" EC_D "\""), "neither" },
		{ "{\"kty\":\"oct\",\"kid\":\"a\"}", "no k" },
		{ "{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"\"}", "no k" },
		{ "{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"" HS_K "=\"}", "no k" },
		{ "{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"+" HS_K "\"}", "no k" },
		{ "{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"c2hvcnQ\"}", "too short" },
		/* 31 bytes */
		{ "{\"kty\":\"oct\",\"kid\":\"a\",\"k\":"
		  "\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZQ"
		  "\"}",
		  "too short" },
		{ "{\"kty\":\"oct\",\"kid\":\"a\",\"alg\":\"HS512\",\"k\":\"" HS_K "\"}", "alg" },
		{ "{\"kty\":\"oct\",\"kid\":\"a\",\"alg\":\"ES256\",\"k\":\"" HS_K "\"}", "alg" },
		{ "{\"kty\":\"oct\",\"kid\":\"a\",\"use\":\"enc\",\"k\":\"" HS_K "\"}", "use" },
		{ EC_OF("a", "P-256", EC_X, EC_Y, ""), "public" },
		{ EC_OF("a", "P-256", EC_X, EC_Y, ",\"d\":7"), "d, x and y" },
		{ EC_OF("a", "P-256", EC_X, EC_Y, ",\"d\":\"\""), "d, x and y" },
		{ EC_OF("a", "P-256", EC_X, EC_Y, ",\"d\":\"AQAB\""), "no key" },
		{ EC_OF("a", "P-256", EC_X, "", ",\"d\":\"" EC_D "\""), "d, x and y" },
		{ EC_OF("a", "P-256", EC_Y, EC_X, ",\"d\":\"" EC_D "\""), "belong together" },
		{ EC_OF("a", "P-256", EC_X, EC_Y,
			",\"d\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""),
		  "belong together" },
	};
	struct jwt_keys *k = jwt_keys_create();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *why = "";
		assert_int_equal(jwt_keys_add(k, secret(rows[i].jwk), &why), ERR_SYNTAX);
		if (strstr(why, rows[i].wanted) == NULL)
			print_error("%s\n   is told: %s\n", rows[i].jwk, why);
		assert_non_null(strstr(why, rows[i].wanted));
		assert_int_equal(jwt_keys_nr(k), 0);
	}
	jwt_keys_destroy(k);
}

static void a_key_may_say_more_than_it_must(void **state)
{
	const char *why;
	struct jwt_keys *k = keys_of("{\"kty\":\"oct\",\"kid\":\"a\",\"alg\":\"HS256\",\"use\":"
				     "\"sig\",\"k\":\"" HS_K "\",\"note\":{\"by\":\"me\"}}\n",
				     NULL);

	(void)state;
	assert_int_equal(verify(k, token_of(k, PAYLOAD), &why), OK);
	jwt_keys_destroy(k);
}

static void a_kid_is_taken_once(void **state)
{
	struct jwt_keys *k = keys_of(HS, EC);
	const char *why = "";

	(void)state;
	assert_int_equal(jwt_keys_add(k, secret(HS), &why), ERR_CONFLICT);
	assert_non_null(strstr(why, "kid"));
	assert_int_equal(jwt_keys_add(k, secret(EC), &why), ERR_CONFLICT);
	assert_int_equal(jwt_keys_nr(k), 2);
	jwt_keys_destroy(k);
}

static void there_is_room_for_so_many_keys(void **state)
{
	struct jwt_keys *k = jwt_keys_create();
	const char *why = "";
	char kid[] = "k00";

	(void)state;
	for (unsigned i = 0; i <= JWT_KEYS_MAX; i++) {
		struct secret jwk;
		snprintf(kid, sizeof kid, "k%02u", i % 100);
		assert_int_equal(jwt_make_key(&arena, JWT_HS256, str_of(kid), &jwk), OK);
		assert_int_equal(jwt_keys_add(k, jwk, &why), i < JWT_KEYS_MAX ? OK : ERR_FULL);
	}
	assert_non_null(strstr(why, "too many"));
	jwt_keys_destroy(k);
}

/* Many: one in 256 begins with a zero byte, which must not be lost. */
static void a_new_key_works_and_is_never_the_same(void **state)
{
	struct secret jwk, before = SECRET_NONE;
	const char *why;

	(void)state;
	for (unsigned i = 0; i < 600; i++) {
		enum jwt_alg alg = i < 590 ? JWT_ES256 : JWT_HS256;
		arena_finish(&arena);
		arena_init(&arena, 1024 * 1024);
		assert_int_equal(jwt_make_key(&arena, alg, STR("2026-11-25-a1b2c3"), &jwk), OK);
		struct jwt_keys *k = keys_of(jwk.bytes_, NULL);
		assert_int_equal(verify(k, token_of(k, PAYLOAD), &why), OK);
		assert_true((jwt_keys_public(k, 0, &arena).len > 0) == (alg == JWT_ES256));
		jwt_keys_destroy(k);
	}
	assert_int_equal(jwt_make_key(&arena, JWT_HS256, STR("a"), &before), OK);
	assert_int_equal(jwt_make_key(&arena, JWT_HS256, STR("a"), &jwk), OK);
	assert_int_equal(jwk.len_, before.len_);
	assert_memory_not_equal(jwk.bytes_, before.bytes_, jwk.len_);
}

static void the_public_half_says_nothing_of_the_private_one(void **state)
{
	struct str public = jwt_keys_public(ec, 0, &arena);

	(void)state;
	assert_true(str_is(
		public, EC_OF("ec.1", "P-256", EC_X, EC_Y, ",\"alg\":\"ES256\",\"use\":\"sig\"")));
	assert_null(strstr(public.p, "\"d\""));
	assert_int_equal(jwt_keys_public(hs, 0, &arena).len, 0);
}

static void words_are_what_they_should_be(void **state)
{
	char kid[JWT_KID_MAX + 2];

	(void)state;
	assert_int_equal(jwt_alg_of(STR("HS256")), JWT_HS256);
	assert_int_equal(jwt_alg_of(STR("ES256")), JWT_ES256);
	assert_int_equal(jwt_alg_of(STR("none")), JWT_ALG_NR);
	assert_int_equal(jwt_alg_of(STR("hs256")), JWT_ALG_NR);
	assert_int_equal(jwt_alg_of(STR_NONE), JWT_ALG_NR);
	memset(kid, 'k', sizeof kid);
	assert_true(jwt_kid_ok((struct str){ kid, JWT_KID_MAX }));
	assert_false(jwt_kid_ok((struct str){ kid, JWT_KID_MAX + 1 }));
	assert_true(jwt_kid_ok(STR("A-z_0.9")));
	assert_false(jwt_kid_ok(STR("a/b")) || jwt_kid_ok(STR("")) || jwt_kid_ok(STR("a\"")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_signed_verifies_with_the_key_of_its_kid),
		TEST(the_first_key_signs_and_says_what_it_is),
		TEST(a_signer_may_leave_typ_out_and_order_as_he_likes),
		TEST(a_payload_of_any_length_comes_back),
		TEST(no_character_can_be_changed),
		TEST(no_part_can_be_cut_or_lengthened),
		TEST(another_header_is_refused_even_with_a_right_signature),
		TEST(a_public_key_is_no_shared_secret),
		TEST(another_key_of_the_same_kid_is_refused),
		TEST(what_is_not_three_parts_is_no_token),
		TEST(the_last_digit_has_one_spelling),
		TEST(a_token_is_of_bounded_length),
		TEST(a_full_arena_gives_no_token_and_no_payload),
		TEST(a_file_that_is_no_key_of_ours_is_explained),
		TEST(a_key_may_say_more_than_it_must),
		TEST(a_kid_is_taken_once),
		TEST(there_is_room_for_so_many_keys),
		TEST(a_new_key_works_and_is_never_the_same),
		TEST(the_public_half_says_nothing_of_the_private_one),
		TEST(words_are_what_they_should_be),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
