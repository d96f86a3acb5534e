/* Tests of hashing and sealing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crypt.h"

#include <stdlib.h>

static struct crypt *keys;

static int set_up(void **state)
{
	(void)state;
	keys = crypt_create((const unsigned char *)"0123456789abcdef0123456789ABCDEF");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	crypt_destroy(keys);
	crypt_destroy(NULL);
	return 0;
}

static struct digest hmac1(struct crypt *c, const char *purpose, struct str text)
{
	return crypt_hmac(c, purpose, &text, 1);
}

/* FIPS 180-4 and RFC 1321. */
static void known_hashes(void **state)
{
	static const struct {
		const char *text, *sha256, *md5;
	} rows[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		  "d41d8cd98f00b204e9800998ecf8427e" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		  "900150983cd24fb0d6963f7d28e17f72" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
		  "8215ef0796a20bcaaae116d3876c664a" },
		{ "1234567890123456789012345678901234567890123456789012345678901234567890123456789"
		  "0",
		  "f371bc4a311f2b009eef952dd83ca80e2b60026c8e935592d0f9c308453c813e",
		  "57edf4a22be3c955ac49da2e2107b67a" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct digest d = crypt_sha256(str_of(rows[i].text));
		unsigned char md5[MD5_SIZE];
		char hex[2 * DIGEST_SIZE + 1];
		str_hex(hex, d.b, sizeof d.b);
		assert_string_equal(hex, rows[i].sha256);
		crypt_md5(md5, secret_of(str_of(rows[i].text)));
		str_hex(hex, md5, sizeof md5);
		assert_string_equal(hex, rows[i].md5);
	}
	struct digest none = crypt_sha256(STR_NONE), empty = crypt_sha256(STR(""));
	assert_true(digest_equal(&none, &empty));
}

static void a_keyed_hash_is_always_the_same(void **state)
{
	struct crypt *again =
		crypt_create((const unsigned char *)"0123456789abcdef0123456789ABCDEF");
	struct digest a = hmac1(keys, "p", STR("x")), b = hmac1(again, "p", STR("x"));

	(void)state;
	assert_true(digest_equal(&a, &b));
	hmac1(keys, "q", STR("something between"));
	b = hmac1(keys, "p", STR("x"));
	assert_true(digest_equal(&a, &b));
	crypt_destroy(again);
}

/* Another key, purpose, text, number of texts or place of the cut: another hash. */
static void what_differs_hashes_differently(void **state)
{
	struct crypt *other =
		crypt_create((const unsigned char *)"0123456789abcdef0123456789ABCDEG");
	const struct str ab_c[] = { STR("ab"), STR("c") }, a_bc[] = { STR("a"), STR("bc") };
	const struct str abc_none[] = { STR("abc"), STR_NONE },
			 none_abc[] = { STR_NONE, STR("abc") };
	struct digest d[] = {
		hmac1(keys, "p", STR("abc")),       hmac1(other, "p", STR("abc")),
		hmac1(keys, "q", STR("abc")),       hmac1(keys, "pa", STR("bc")),
		hmac1(keys, "", STR("pabc")),       hmac1(keys, "p", STR("abd")),
		crypt_hmac(keys, "p", ab_c, 2),     crypt_hmac(keys, "p", a_bc, 2),
		crypt_hmac(keys, "p", abc_none, 2), crypt_hmac(keys, "p", none_abc, 2),
		crypt_hmac(keys, "p", NULL, 0),     hmac1(keys, "p", STR_NONE),
		hmac1(keys, "p", STR("abc\0")),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(d); i++)
		for (size_t k = 0; k < i; k++)
			assert_false(digest_equal(&d[i], &d[k]));
	crypt_destroy(other);
}

/* RFC 4231, test cases 1 to 4, 6 and 7; the last row by openssl. */
static void known_signatures(void **state)
{
	static char aa[131], dd[50], cd[50];
	memset(aa, 0xaa, sizeof aa);
	memset(dd, 0xdd, sizeof dd);
	memset(cd, 0xcd, sizeof cd);
	const struct {
		struct str key, text;
		const char *hmac;
	} rows[] = {
		{ STR("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
		      "\x0b"),
		  STR("Hi There"),
		  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
		{ STR("Jefe"), STR("what do ya want for nothing?"),
		  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
		{ { aa, 20 },
		  { dd, sizeof dd },
		  "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
		{ STR("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13"
		      "\x14\x15\x16\x17\x18\x19"),
		  { cd, sizeof cd },
		  "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
		{ { aa, sizeof aa },
		  STR("Test Using Larger Than Block-Size Key - Hash Key First"),
		  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
		{ { aa, sizeof aa },
		  STR("This is a test using a larger than block-size key and a larger than "
		      "block-size data. The key needs to be hashed before being used by the HMAC "
		      "algorithm."),
		  "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2" },
		{ STR(""), STR(""),
		  "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct digest d = crypt_sign(secret_of(rows[i].key), rows[i].text);
		char hex[2 * DIGEST_SIZE + 1];
		str_hex(hex, d.b, sizeof d.b);
		assert_string_equal(hex, rows[i].hmac);
	}
}

static void what_was_sealed_comes_back(void **state)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 500, 4000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		size_t n = sizes[i];
		unsigned char *src = malloc(n + 1), *sealed = malloc(SEALED_SIZE(n)),
			      *back = malloc(n + 1);
		memset(src, 'x', n + 1);
		crypt_seal(keys, STR("context"), src, n, sealed);
		assert_int_equal(crypt_open(keys, STR("context"), sealed, SEALED_SIZE(n), back),
				 OK);
		assert_memory_equal(src, back, n);
		assert_true(n < 16 || memmem(sealed, SEALED_SIZE(n), src, 16) == NULL);
		free(src);
		free(sealed);
		free(back);
	}
}

static void one_flipped_bit_anywhere_is_noticed(void **state)
{
	unsigned char sealed[SEALED_SIZE(40)], back[40], zeros[40] = { 0 };
	unsigned tried = 0;

	(void)state;
	crypt_seal(keys, STR("c"), "0123456789012345678901234567890123456789", 40, sealed);
	for (size_t i = 0; i < sizeof sealed; i++) {
		for (int bit = 0; bit < 8; bit++, tried++) {
			sealed[i] ^= (unsigned char)(1 << bit);
			memset(back, 0xAA, sizeof back);
			assert_int_equal(crypt_open(keys, STR("c"), sealed, sizeof sealed, back),
					 ERR_REFUSED);
			assert_memory_equal(back, zeros,
					    sizeof back); /* nothing unproven is left */
			sealed[i] ^= (unsigned char)(1 << bit);
		}
	}
	assert_int_equal(tried, 8 * sizeof sealed);
	assert_int_equal(crypt_open(keys, STR("c"), sealed, sizeof sealed, back), OK);
}

static void another_key_context_or_length_does_not_open(void **state)
{
	struct crypt *other =
		crypt_create((const unsigned char *)"1123456789abcdef0123456789ABCDEF");
	unsigned char sealed[SEALED_SIZE(4)], back[8];

	(void)state;
	crypt_seal(keys, STR("c"), "text", 4, sealed);
	assert_int_equal(crypt_open(other, STR("c"), sealed, sizeof sealed, back), ERR_REFUSED);
	assert_int_equal(crypt_open(keys, STR("d"), sealed, sizeof sealed, back), ERR_REFUSED);
	assert_int_equal(crypt_open(keys, STR_NONE, sealed, sizeof sealed, back), ERR_REFUSED);
	for (size_t n = 0; n < sizeof sealed; n++)
		assert_int_equal(crypt_open(keys, STR("c"), sealed, n, back), ERR_REFUSED);
	crypt_destroy(other);
}

static void the_same_text_is_sealed_differently_each_time(void **state)
{
	unsigned char a[SEALED_SIZE(4)], b[SEALED_SIZE(4)];

	(void)state;
	crypt_seal(keys, STR("c"), "text", 4, a);
	crypt_seal(keys, STR("c"), "text", 4, b);
	assert_memory_not_equal(a, b, 12);
	assert_memory_not_equal(a + 12, b + 12, 4);
}

static void random_bytes_differ(void **state)
{
	unsigned char a[1000], b[1000];
	unsigned counts[256] = { 0 };

	(void)state;
	crypt_random(a, sizeof a);
	crypt_random(b, sizeof b);
	assert_memory_not_equal(a, b, sizeof a);
	for (size_t i = 0; i < sizeof a; i++)
		counts[a[i]]++;
	for (size_t i = 0; i < 256; i++)
		assert_true(counts[i] < 40);
	crypt_random(a, 0);
}

static void equal_is_equal(void **state)
{
	(void)state;
	assert_true(crypt_equal("abc", "abc", 3) && !crypt_equal("abc", "abd", 3));
	assert_true(crypt_equal("abc", "abd", 2) && crypt_equal("a", "b", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_hashes),
		cmocka_unit_test(a_keyed_hash_is_always_the_same),
		cmocka_unit_test(what_differs_hashes_differently),
		cmocka_unit_test(known_signatures),
		cmocka_unit_test(what_was_sealed_comes_back),
		cmocka_unit_test(one_flipped_bit_anywhere_is_noticed),
		cmocka_unit_test(another_key_context_or_length_does_not_open),
		cmocka_unit_test(the_same_text_is_sealed_differently_each_time),
		cmocka_unit_test(random_bytes_differ),
		cmocka_unit_test(equal_is_equal),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
