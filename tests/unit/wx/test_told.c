/* Tests of what a business is told: hashes that it can compute itself, and nobody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wx/told.h"
#include "wx_help.h"

static struct crypt *keys;
static struct conf_app app;

static int set_up(void **state)
{
	(void)state;
	keys = test_crypt();
	app = test_app(PROTOCOL_1_0);
	app.business_secret =
		secret_of(STR("6f1ed002ab5595859014ebf0951522d9d7c3f6e18a2b4c5d7e9f00112233aabb"));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	crypt_destroy(keys);
	return 0;
}

static void assert_hex(struct digest d, const char *wanted)
{
	char hex[2 * DIGEST_SIZE + 1];

	str_hex(hex, d.b, sizeof d.b);
	assert_string_equal(hex, wanted);
}

/*
 * By openssl: printf 'caller\nwx0000000000000001\noUser-0000000000000000000001' and
 * printf 'identity\n张三\n11010519491231002X' | openssl dgst -sha256 -hmac "$SECRET"
 */
static void a_business_computes_the_same(void **state)
{
	struct identity i = identity_of(PERSON_NAME, PERSON_ID);

	(void)state;
	assert_hex(told_caller(keys, &app, STR(USER_OPENID)),
		   "43f5e142b0d697f9d9d72dec826ed0be8adb2a3f45a7df68c4ffdf61ee0a8538");
	assert_hex(told_identity(keys, &app, &i),
		   "8dcb358f993b51442809ce821676d61058e8b9d6d2d7882ab6116a981c65a508");
	/* They are the business's: another pool's key changes nothing. */
	struct crypt *other =
		crypt_create((const unsigned char *)"another pool's key, of 32 bytes.");
	struct digest a = told_identity(keys, &app, &i), b = told_identity(other, &app, &i);
	assert_true(digest_equal(&a, &b));
	crypt_destroy(other);
}

static void without_a_business_secret_the_key_is_the_pools(void **state)
{
	struct identity i = identity_of(PERSON_NAME, PERSON_ID);
	struct crypt *other =
		crypt_create((const unsigned char *)"another pool's key, of 32 bytes.");

	(void)state;
	app.business_secret = SECRET_NONE;
	struct digest a = told_identity(keys, &app, &i), b = told_identity(keys, &app, &i);
	struct digest c = told_identity(other, &app, &i);
	assert_true(digest_equal(&a, &b));
	assert_false(digest_equal(&a, &c));
	assert_int_equal(secret_empty(i.name), false);
	crypt_destroy(other);
}

/* Somebody else, another app, another secret, another half of the person: another hash. */
static void what_differs_is_told_differently(void **state)
{
	struct conf_app second = app, renewed = app, bare = app, bare_second = app;
	struct identity i = identity_of(PERSON_NAME, PERSON_ID),
			namesake = identity_of(PERSON_NAME, "110105194912310038"),
			renamed = identity_of("李四", PERSON_ID);

	(void)state;
	second.appid = bare_second.appid = "wx0000000000000002";
	renewed.business_secret = secret_of(STR("a new secret of the business 123"));
	bare.business_secret = bare_second.business_secret = SECRET_NONE;
	struct digest d[] = {
		told_caller(keys, &app, STR(USER_OPENID)),
		told_caller(keys, &app, STR("oUser-0000000000000000000002")),
		told_caller(keys, &app, STR_NONE),
		told_caller(keys, &second, STR(USER_OPENID)),
		told_caller(keys, &renewed, STR(USER_OPENID)),
		told_caller(keys, &bare, STR(USER_OPENID)),
		told_caller(keys, &bare_second, STR(USER_OPENID)),
		told_identity(keys, &app, &i),
		told_identity(keys, &app, &namesake),
		told_identity(keys, &app, &renamed),
		told_identity(keys, &renewed, &i),
		told_identity(keys, &bare, &i),
	};
	for (size_t n = 0; n < ARRAY_LEN(d); n++)
		for (size_t k = 0; k < n; k++)
			assert_false(digest_equal(&d[n], &d[k]));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_business_computes_the_same),
		TEST(without_a_business_secret_the_key_is_the_pools),
		TEST(what_differs_is_told_differently),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
