/* Tests of text: comparing, integers, UTF-8, hex and base64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"

#include <stdlib.h>

static void comparing_looks_at_all_bytes(void **state)
{
	(void)state;
	assert_true(str_eq(STR("a"), STR("a")) && !str_eq(STR("a"), STR("A")));
	assert_true(str_eq(STR_NONE, STR("")) && !str_eq(STR("a\0b"), STR("a\0c")));
	assert_false(str_eq(STR("a"), STR("a\0")));
	assert_true(str_is(STR("abc"), "abc") && !str_is(STR("abc\0"), "abc"));
	assert_true(str_ieq(STR("Content-TYPE"), STR("cONTENT-type")));
	assert_false(str_ieq(STR("\xC3\x84"), STR("\xC3\xA4"))); /* ASCII only */
	assert_false(str_ieq(STR("[`"), STR("{@")));
	assert_true(str_starts(STR("abc"), STR("ab")) && !str_starts(STR("a"), STR("ab")));
	assert_true(str_ends(STR("abc"), STR("bc")) && !str_ends(STR("c"), STR("bc")));
	assert_true(str_starts(STR("a"), STR("")) && str_ends(STR("a"), STR("")));
	assert_int_equal(str_of(NULL).len, 0);
}

static void trimming_takes_ascii_blanks_only(void **state)
{
	(void)state;
	assert_true(str_is(str_trim(STR(" \t\r\n a b \n")), "a b"));
	assert_int_equal(str_trim(STR(" \t\r\n ")).len, 0);
	assert_int_equal(str_trim(STR_NONE).len, 0);
	assert_int_equal(str_trim(STR("\xE3\x80\x80")).len, 3); /* U+3000 */
	assert_int_equal(str_trim(STR("\0a")).len, 2);
}

static void only_means_every_byte(void **state)
{
	(void)state;
	assert_true(str_only(STR(""), "") && str_only(STR("abba"), "ab"));
	assert_false(str_only(STR("abc"), "ab"));
	assert_false(str_only(STR("a\0b"), "ab")); /* strchr() finds the NUL of any text */
}

static void an_integer_is_a_number_and_nothing_else(void **state)
{
	static const struct {
		const char *text;
		enum err err;
		int64_t n;
	} rows[] = {
		{ "0", OK, 0 },
		{ "7", OK, 7 },
		{ "-7", OK, -7 },
		{ "10", OK, 10 },
		{ "9223372036854775807", OK, INT64_MAX },
		{ "-9223372036854775808", OK, INT64_MIN },
		{ "9223372036854775808", ERR_TOO_LARGE, 0 },
		{ "-9223372036854775809", ERR_TOO_LARGE, 0 },
		{ "99999999999999999999999", ERR_TOO_LARGE, 0 },
		{ "999999999999999999999999999999999999999999", ERR_TOO_LARGE, 0 },
		{ "", ERR_SYNTAX, 0 },
		{ "-", ERR_SYNTAX, 0 },
		{ "--1", ERR_SYNTAX, 0 },
		{ "-0", ERR_SYNTAX, 0 },
		{ "-00", ERR_SYNTAX, 0 },
		{ "-01", ERR_SYNTAX, 0 },
		{ "00", ERR_SYNTAX, 0 },
		{ "01", ERR_SYNTAX, 0 },
		{ "+1", ERR_SYNTAX, 0 },
		{ " 1", ERR_SYNTAX, 0 },
		{ "1 ", ERR_SYNTAX, 0 },
		{ "1.0", ERR_SYNTAX, 0 },
		{ "1e4", ERR_SYNTAX, 0 },
		{ "0x1", ERR_SYNTAX, 0 },
		{ "1,000", ERR_SYNTAX, 0 },
		{ "one", ERR_SYNTAX, 0 },
		{ "\xEF\xBC\x91", ERR_SYNTAX, 0 }, /* fullwidth */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t n = 4711;
		assert_int_equal(str_int(str_of(rows[i].text), &n), rows[i].err);
		assert_true(n == (rows[i].err == OK ? rows[i].n : 4711));
	}
	int64_t n;
	assert_int_equal(str_int((struct str){ "1\0", 2 }, &n), ERR_SYNTAX);
	assert_int_equal(str_int((struct str){ "12", 1 }, &n), OK);
	assert_int_equal(n, 1);
	assert_int_equal(str_int(STR_NONE, &n), ERR_SYNTAX);
}

/* Encodes as RFC 3629 says, without asking whether it may be. */
static size_t encode(char *dst, uint32_t rune, unsigned bytes)
{
	static const unsigned char lead[5] = { 0, 0, 0xC0, 0xE0, 0xF0 };

	if (bytes == 1) {
		dst[0] = (char)rune;
		return 1;
	}
	for (unsigned i = bytes - 1; i > 0; i--, rune >>= 6)
		dst[i] = (char)(0x80 | (rune & 0x3F));
	dst[0] = (char)(lead[bytes] | rune);
	return bytes;
}

/* Every code point in every length that it fits in: only the shortest is good. */
static void every_code_point_has_one_form(void **state)
{
	static const uint32_t most[5] = { 0, 0x7F, 0x7FF, 0xFFFF, 0x1FFFFF };

	(void)state;
	for (uint32_t rune = 0; rune <= 0x1FFFFF; rune += rune < 0x12000 ? 1 : 61) {
		bool surrogate = rune >= 0xD800 && rune <= 0xDFFF;
		unsigned least = rune <= 0x7F ? 1 : rune <= 0x7FF ? 2 : rune <= 0xFFFF ? 3 : 4;
		for (unsigned bytes = least; bytes <= 4; bytes++) {
			char text[4];
			size_t pos = 0;
			if (rune > most[bytes])
				continue;
			struct str s = { text, encode(text, rune, bytes) };
			bool good = bytes == least && !surrogate && rune <= 0x10FFFF;
			assert_true(str_utf8(s) == good);
			assert_int_equal(str_next_rune(s, &pos), good ? (int32_t)rune : -1);
			assert_int_equal(pos, good ? bytes : 0);
		}
	}
}

static void half_a_sequence_is_none(void **state)
{
	static const char *const rows[] = { "\xC2", "\xE5",     "\xE5\xBC",
					    "\xF0", "\xF0\x9F", "\xF0\x9F\x98" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t len = strlen(rows[i]);
		char *exact = malloc(len); /* a byte too far is noticed */
		memcpy(exact, rows[i], len);
		assert_false(str_utf8((struct str){ exact, len }));
		free(exact);
		char text[8];
		memcpy(text, rows[i], len);
		text[len] = 'x';
		assert_false(str_utf8((struct str){ text, len + 1 }));
	}
	for (int c = 0x80; c <= 0xFF; c++) {
		char byte = (char)c;
		assert_false(str_utf8((struct str){ &byte, 1 }));
	}
	assert_true(str_utf8(STR_NONE) && str_utf8(STR("a\0b")));
}

static void runes_are_walked_to_the_end(void **state)
{
	struct str s = STR("a\xC2\xB7\xE5\xBC\xA0\xF0\x9F\x98\x80");
	size_t pos = 0;

	(void)state;
	assert_int_equal(str_next_rune(s, &pos), 'a');
	assert_int_equal(str_next_rune(s, &pos), 0xB7);
	assert_int_equal(str_next_rune(s, &pos), 0x5F20);
	assert_int_equal(str_next_rune(s, &pos), 0x1F600);
	assert_int_equal(str_next_rune(s, &pos), -1);
	assert_int_equal(pos, s.len);
}

static void hex_there_and_back(void **state)
{
	unsigned char all[256], back[256];
	char text[513];

	(void)state;
	for (int i = 0; i < 256; i++)
		all[i] = (unsigned char)i;
	str_hex(text, all, sizeof all);
	assert_int_equal(strlen(text), 512);
	assert_memory_equal(text, "000102", 6);
	assert_string_equal(text + 506, "fdfeff");
	assert_true(str_unhex(back, sizeof back, str_of(text)));
	assert_memory_equal(all, back, sizeof all);
	assert_true(str_unhex(back, 3, STR("FdfEFf")));
	assert_memory_equal(back, "\xfd\xfe\xff", 3);
	assert_false(str_unhex(back, 3, STR("fdfef")));
	assert_false(str_unhex(back, 3, STR("fdfefff")));
	assert_false(str_unhex(back, 1, STR("0g")));
	assert_false(str_unhex(back, 1, STR("g0")));
	assert_false(str_unhex(back, 1, STR(" 0")));
	assert_false(str_unhex(back, 1, STR("0\0")));
	assert_true(str_unhex(back, 0, STR_NONE));
}

/* RFC 4648 section 10. */
static void base64_of_the_rfc(void **state)
{
	static const char *const rows[][3] = {
		{ "", "", "" },
		{ "f", "Zg==", "Zg" },
		{ "fo", "Zm8=", "Zm8" },
		{ "foo", "Zm9v", "Zm9v" },
		{ "foob", "Zm9vYg==", "Zm9vYg" },
		{ "fooba", "Zm9vYmE=", "Zm9vYmE" },
		{ "foobar", "Zm9vYmFy", "Zm9vYmFy" },
		{ "\xfb\xff\xbf", "+/+/", "-_-_" },
		{ "张三", "5byg5LiJ", "5byg5LiJ" },
		{ "IDENTITY_CARD", "SURFTlRJVFlfQ0FSRA==", "SURFTlRJVFlfQ0FSRA" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t n = strlen(rows[i][0]);
		char *dst = malloc(STR_BASE64_SIZE(n)); /* exactly what the header asks for */
		assert_int_equal(str_base64(dst, rows[i][0], n), strlen(rows[i][1]));
		assert_string_equal(dst, rows[i][1]);
		assert_int_equal(str_base64url(dst, rows[i][0], n), strlen(rows[i][2]));
		assert_string_equal(dst, rows[i][2]);
		free(dst);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comparing_looks_at_all_bytes),
		cmocka_unit_test(trimming_takes_ascii_blanks_only),
		cmocka_unit_test(only_means_every_byte),
		cmocka_unit_test(an_integer_is_a_number_and_nothing_else),
		cmocka_unit_test(every_code_point_has_one_form),
		cmocka_unit_test(half_a_sequence_is_none),
		cmocka_unit_test(runes_are_walked_to_the_end),
		cmocka_unit_test(hex_there_and_back),
		cmocka_unit_test(base64_of_the_rfc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
