/* Tests of signed requests: the documented text, and everything that must not pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/sign.h"

#define BODY                                                                             \
	"{\"appid\":\"wx0000000000000001\",\"openid\":\"oUser-0000000000000000000001\"," \
	"\"source\":1}"

enum { NOW = 1764000000 };

static const struct str secret =
	STR("6f1ed002ab5595859014ebf0951522d9d7c3f6e18a2b4c5d7e9f00112233aabb");

/*
 * By others: printf '%s\n%s\n%s\n%s' identity 1764000000 4Uq0s1m9pXk3Vb7cTz2_-A "$BODY" |
 * openssl dgst -sha256 -hmac "$SECRET"
 */
static const struct {
	const char *purpose;
	struct str body;
	const char *signature;
} vectors[] = {
	{ "identity", STR(BODY),
	  "d913c12064a589be567cbac9851622b2622f495b9209910fdff51a039ac20aac" },
	{ "result", STR(BODY), "be91154b6c8d242c2b80ced9ae3ca2442640545524209f1c9e749761846c916b" },
	{ "identity", STR(""), "2e01f94d72ba72a48c65eafe99e452ad91de449428938781f5b38573b4f78b04" },
};

/* The first vector as it arrives. */
static struct sign arrived(void)
{
	return (struct sign){ STR("1764000000"), STR("4Uq0s1m9pXk3Vb7cTz2_-A"),
			      str_of(vectors[0].signature) };
}

static enum err check(const struct sign *s, int64_t now)
{
	return sign_check(s, secret_of(secret), "identity", STR(BODY), now);
}

static void what_others_signed_is_recognised(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		struct sign s = arrived();
		s.signature = str_of(vectors[i].signature);
		assert_int_equal(
			sign_check(&s, secret_of(secret), vectors[i].purpose, vectors[i].body, NOW),
			OK);
		for (size_t k = 0; k < ARRAY_LEN(vectors); k++)
			assert_int_equal(sign_check(&s, secret_of(secret), vectors[k].purpose,
						    vectors[k].body, NOW),
					 k == i ? OK : ERR_REFUSED);
	}
}

static void what_is_signed_here_is_recognised_and_new_each_time(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 4096);
	struct sign s = sign_make(&a, secret_of(secret), "identity", STR(BODY));
	struct sign t = sign_make(&a, secret_of(secret), "identity", STR(BODY));
	assert_int_equal(check(&s, clock_wall_ms() / 1000), OK);
	assert_int_equal(check(&t, clock_wall_ms() / 1000), OK);
	assert_false(str_eq(s.nonce, t.nonce));
	assert_false(str_eq(s.signature, t.signature));
	assert_true(s.nonce.len >= SIGN_NONCE_MIN);
	assert_int_equal(s.signature.len, 2 * DIGEST_SIZE);
	/* They go into headers as they are. */
	assert_int_equal(s.nonce.p[s.nonce.len] | s.timestamp.p[s.timestamp.len] |
				 s.signature.p[s.signature.len],
			 '\0');
	arena_finish(&a);
}

static void without_memory_there_is_no_signature(void **state)
{
	unsigned failed = 0;

	(void)state;
	for (size_t cap = 0; cap < 120; cap++) {
		struct arena a;
		arena_init(&a, cap);
		struct sign s = sign_make(&a, secret_of(secret), "identity", STR(BODY));
		if (arena_failed(&a)) {
			assert_int_equal(s.signature.len, 0);
			assert_int_not_equal(check(&s, clock_wall_ms() / 1000), OK);
			failed++;
		} else {
			assert_int_equal(check(&s, clock_wall_ms() / 1000), OK);
		}
		arena_finish(&a);
	}
	assert_in_range(failed, 90, 110);
}

static void another_key_purpose_or_body_is_refused(void **state)
{
	static const struct {
		struct str key;
		const char *purpose;
		struct str body;
	} rows[] = {
		{ STR("6f1ed002ab5595859014ebf0951522d9d7c3f6e18a2b4c5d7e9f00112233aabc"),
		  "identity", STR(BODY) },
		{ STR("6f1ed002ab5595859014ebf0951522d9"), "identity", STR(BODY) },
		{ STR(""), "identity", STR(BODY) },
		{ STR("6f1ed002ab5595859014ebf0951522d9d7c3f6e18a2b4c5d7e9f00112233aabb"), "result",
		  STR(BODY) },
		{ STR("6f1ed002ab5595859014ebf0951522d9d7c3f6e18a2b4c5d7e9f00112233aabb"), "",
		  STR(BODY) },
		{ STR("6f1ed002ab5595859014ebf0951522d9d7c3f6e18a2b4c5d7e9f00112233aabb"),
		  "identity", STR(BODY " ") },
		{ STR("6f1ed002ab5595859014ebf0951522d9d7c3f6e18a2b4c5d7e9f00112233aabb"),
		  "identity", STR(BODY "\n") },
		{ STR("6f1ed002ab5595859014ebf0951522d9d7c3f6e18a2b4c5d7e9f00112233aabb"),
		  "identity", STR_NONE },
	};
	struct sign s = arrived();

	(void)state;
	assert_int_equal(check(&s, NOW), OK);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(
			sign_check(&s, secret_of(rows[i].key), rows[i].purpose, rows[i].body, NOW),
			ERR_REFUSED);
}

/* The parts of the text cannot be moved from one to the next. */
static void another_time_or_nonce_is_refused(void **state)
{
	static const struct str times[] = { STR("1764000001"), STR("176400000"), STR("0") };
	static const struct str nonces[] = { STR("4Uq0s1m9pXk3Vb7cTz2_-B"),
					     STR("4uq0s1m9pXk3Vb7cTz2_-A"),
					     STR("4Uq0s1m9pXk3Vb7cTz2_-") };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		struct sign s = arrived();
		s.timestamp = times[i];
		assert_int_equal(check(&s, NOW), ERR_REFUSED);
		s = arrived();
		s.nonce = nonces[i];
		assert_int_equal(check(&s, NOW), ERR_REFUSED);
	}
}

static void each_flipped_bit_of_the_signature_is_noticed(void **state)
{
	static const char digits[] = "0123456789abcdef";
	char hex[2 * DIGEST_SIZE + 1];
	unsigned tried = 0;

	(void)state;
	for (size_t i = 0; i < 2 * (size_t)DIGEST_SIZE; i++) {
		for (unsigned bit = 1; bit < 16; bit *= 2, tried++) {
			struct sign s = arrived();
			memcpy(hex, s.signature.p, sizeof hex);
			size_t digit = (size_t)(strchr(digits, hex[i]) - digits);
			hex[i] = digits[digit ^ bit];
			s.signature = str_of(hex);
			assert_int_equal(check(&s, NOW), ERR_REFUSED);
		}
	}
	assert_int_equal(tried, 256);
}

static void a_header_that_is_missing_or_malformed_is_no_signature(void **state)
{
	static char longer[SIGN_NONCE_MAX + 1];
	memset(longer, 'n', sizeof longer);
	const struct str times[] = {
		STR_NONE,
		STR(""),
		STR("-1764000000"),
		STR("+1764000000"),
		STR("01764000000"),
		STR("1764000000 "),
		STR(" 1764000000"),
		STR("1764000000.0"),
		STR("1764e6"),
		STR("0x692403c0"),
		STR("1764000000\n"),
		STR("1764000000\0"),
		STR("99999999999999999999"),
		STR("now"),
		STR("Mon, 24 Nov 2025 16:00:00 GMT"),
	};
	const struct str nonces[] = {
		STR_NONE,
		STR(""),
		STR("short0123456789"), /* 15 */
		{ longer, sizeof longer },
		STR("4Uq0s1m9pXk3Vb7cTz2_-A="),
		STR("4Uq0s1m9pXk3Vb7cTz2/+A"),
		STR("4Uq0s1m9pXk3Vb7cTz2 -A"),
		STR("4Uq0s1m9pXk3Vb7cTz2\n-A"),
		STR("4Uq0s1m9pXk3Vb7cTz2\0-A"),
		STR("4Uq0s1m9pXk3Vb7cTz2张"),
	};
	const struct str signatures[] = {
		STR_NONE,
		STR(""),
		STR("d913c12064a589be567cbac9851622b2622f495b9209910fdff51a039ac20aa"),
		STR("d913c12064a589be567cbac9851622b2622f495b9209910fdff51a039ac20aac0"),
		STR("d913c12064a589be567cbac9851622b2622f495b9209910fdff51a039ac20aac\n"),
		STR("g913c12064a589be567cbac9851622b2622f495b9209910fdff51a039ac20aac"),
		STR("sha256=d913c12064a589be567cbac9851622b2622f495b9209910fdff51a039"),
		STR("2RPBIGSlib5WfLrJhRYisiL0lbkgmRD9/1GgOawgqsrZE8EgZKWJvlZ8usmFFiKy"),
	};
	struct sign s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		s = arrived();
		s.timestamp = times[i];
		assert_int_equal(check(&s, NOW), ERR_SYNTAX);
	}
	for (size_t i = 0; i < ARRAY_LEN(nonces); i++) {
		s = arrived();
		s.nonce = nonces[i];
		assert_int_equal(check(&s, NOW), ERR_SYNTAX);
	}
	for (size_t i = 0; i < ARRAY_LEN(signatures); i++) {
		s = arrived();
		s.signature = signatures[i];
		assert_int_equal(check(&s, NOW), ERR_SYNTAX);
	}
}

static void a_nonce_may_have_16_to_64_characters(void **state)
{
	char nonce[SIGN_NONCE_MAX];

	(void)state;
	memset(nonce, 'n', sizeof nonce);
	for (size_t n = 0; n <= sizeof nonce; n++) {
		struct sign s = arrived();
		s.nonce = (struct str){ nonce, n };
		assert_int_equal(check(&s, NOW), n < 16 ? ERR_SYNTAX : ERR_REFUSED);
	}
}

static void hex_may_be_in_capitals(void **state)
{
	struct sign s = arrived();

	(void)state;
	s.signature = STR("D913C12064A589BE567CBAC9851622B2622F495B9209910FDFF51A039AC20AAC");
	assert_int_equal(check(&s, NOW), OK);
}

static void it_counts_for_five_minutes_before_and_after(void **state)
{
	static const struct {
		int64_t now;
		enum err err;
	} rows[] = {
		{ NOW, OK },
		{ NOW + 300, OK },
		{ NOW + 301, ERR_TIMEOUT },
		{ NOW - 300, OK },
		{ NOW - 301, ERR_TIMEOUT },
		{ 0, ERR_TIMEOUT },
		{ NOW + 86400, ERR_TIMEOUT },
	};
	struct sign s = arrived();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(check(&s, rows[i].now), rows[i].err);
	/* Who has no key learns nothing about our clock. */
	s.signature = str_of(vectors[1].signature);
	assert_int_equal(check(&s, NOW + 301), ERR_REFUSED);
}

/* The largest number there is, rightly signed: no overflow on the way. */
static void a_time_at_the_end_of_days_is_only_late(void **state)
{
	const struct str text = STR("identity\n9223372036854775807\n4Uq0s1m9pXk3Vb7cTz2_-A\n" BODY);
	struct digest d = crypt_sign(secret_of(secret), text);
	char hex[2 * DIGEST_SIZE + 1];
	struct sign s = arrived();

	(void)state;
	str_hex(hex, d.b, sizeof d.b);
	s.timestamp = STR("9223372036854775807");
	s.signature = str_of(hex);
	assert_int_equal(check(&s, NOW), ERR_TIMEOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_others_signed_is_recognised),
		cmocka_unit_test(what_is_signed_here_is_recognised_and_new_each_time),
		cmocka_unit_test(without_memory_there_is_no_signature),
		cmocka_unit_test(another_key_purpose_or_body_is_refused),
		cmocka_unit_test(another_time_or_nonce_is_refused),
		cmocka_unit_test(each_flipped_bit_of_the_signature_is_noticed),
		cmocka_unit_test(a_header_that_is_missing_or_malformed_is_no_signature),
		cmocka_unit_test(a_nonce_may_have_16_to_64_characters),
		cmocka_unit_test(hex_may_be_in_capitals),
		cmocka_unit_test(it_counts_for_five_minutes_before_and_after),
		cmocka_unit_test(a_time_at_the_end_of_days_is_only_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
