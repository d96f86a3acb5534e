/* Tests of what may be a name and an ID number: a table of people, real and not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "wx/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define GOOD_ID "11010519491231002X"

enum { TODAY = 20261121 };

static struct arena arena;

static int fresh_arena(void **state)
{
	(void)state;
	arena_init(&arena, 1024 * 1024);
	return 0;
}

static int drop_arena(void **state)
{
	(void)state;
	arena_finish(&arena);
	return 0;
}

static const char *word_of(const struct reason *r)
{
	return r == NULL ? "" : r->word;
}

static bool secret_is(struct secret s, const char *text)
{
	return str_is((struct str){ s.bytes_, s.len_ }, text);
}

/* T08, names.  `sent` is what goes to WeChat and is hashed, byte for byte. */
static void names_are_taken_as_they_stand_on_cards(void **state)
{
	static const struct {
		const char *name, *sent, *word;
	} rows[] = {
		{ "张三", "张三", "" },
		{ "  张三\t", "张三", "" },
		{ "\r\n张三\n", "张三", "" },
		{ "欧阳娜娜", "欧阳娜娜", "" },
		{ "阿卜杜拉·买买提", "阿卜杜拉·买买提", "" },
		{ "迪丽热巴·迪力木拉提", "迪丽热巴·迪力木拉提", "" },
		{ "阿卜杜拉•买买提", "阿卜杜拉·买买提", "" },       /* U+2022 */
		{ "阿卜杜拉・买买提", "阿卜杜拉·买买提", "" },      /* U+30FB */
		{ "阿卜杜拉．买买提", "阿卜杜拉·买买提", "" },      /* U+FF0E */
		{ "阿卜杜拉‧买买提", "阿卜杜拉·买买提", "" },       /* U+2027 */
		{ "〇三", "〇三", "" },                             /* U+3007 */
		{ "\xF0\xA0\x80\x80三", "\xF0\xA0\x80\x80三", "" }, /* U+20000, extension B */
		{ "\xF0\xAA\x9A\xA5", "\xF0\xAA\x9A\xA5", "" },     /* U+2A6A5 */
		{ "\xF0\xB2\x8E\xAF", "\xF0\xB2\x8E\xAF", "" },     /* U+323AF, the last */
		{ "\xF0\xB2\x8E\xB0", NULL, "name_characters" },    /* U+323B0 */
		{ "㐀䶿", "㐀䶿", "" },                         /* extension A */
		{ "\xE9\xBF\xBF", "\xE9\xBF\xBF", "" },             /* U+9FFF */
		{ "\xEA\x80\x80", NULL, "name_characters" },        /* U+A000, Yi */
		{ "\xEF\xA8\x8E\xEF\xA8\xA9", "\xEF\xA8\x8E\xEF\xA8\xA9", "" }, /* U+FA0E, U+FA29 */
		{ "\xEF\xA4\x80", NULL, "name_characters" }, /* U+F900: NFC would rewrite it */
		{ "\xEE\xA0\x80", "\xEE\xA0\x80", "" },      /* U+E800, private use */
		{ "John A. Smith", "John A. Smith", "" },
		{ "José", NULL, "name_characters" },         /* NFC */
		{ "Jose\xCC\x81", NULL, "name_characters" }, /* NFD */
		{ "ＡＢＣ", NULL, "name_characters" },       /* fullwidth */
		{ "张　三", NULL, "name_characters" },       /* U+3000 */
		{ "张三😀", NULL, "name_characters" },
		{ "张三1", NULL, "name_characters" },
		{ "张\n三", NULL, "name_characters" },
		{ "张\x01三", NULL, "name_characters" },
		{ "张\xE2\x80\x8B三", NULL, "name_characters" }, /* U+200B */
		{ "\xEF\xBB\xBF张三", NULL, "name_characters" }, /* a BOM */
		{ "张\"三", NULL, "name_characters" },
		{ "张\\u4e09", NULL, "name_characters" },
		{ "张\xE2\x80\xA8三", NULL, "name_characters" }, /* U+2028 */
		{ "\xE5\xBC", NULL, "name_characters" },         /* cut */
		{ "\xC0\xAF", NULL, "name_characters" },         /* overlong */
		{ "\xED\xA0\x80", NULL, "name_characters" },     /* a surrogate */
		{ "", NULL, "name_missing" },
		{ "   ", NULL, "name_missing" },
	};

	(void)state;
	assert_int_equal(ARRAY_LEN(rows), 40);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct identity who = { { NULL, 0 }, { NULL, 0 } };
		const struct reason *flaw =
			identity_read(&arena, str_of(rows[i].name), STR(GOOD_ID), TODAY, &who);
		if (strcmp(word_of(flaw), rows[i].word) != 0)
			print_error("name %zu: %s\n", i, word_of(flaw));
		assert_string_equal(word_of(flaw), rows[i].word);
		if (flaw == NULL)
			assert_true(secret_is(who.name, rows[i].sent));
		else
			assert_true(secret_empty(who.name) && secret_empty(who.id_number));
	}
}

static void a_name_with_a_nul_is_none(void **state)
{
	struct identity who;

	(void)state;
	assert_string_equal(word_of(identity_read(&arena, (struct str){ "a\0b", 3 }, STR(GOOD_ID),
						  TODAY, &who)),
			    "name_characters");
}

/* Systems must take 50 characters; we take 85 Han, which are 255 bytes. */
static void names_may_be_long_but_not_endless(void **state)
{
	static const struct {
		unsigned han;
		const char *word;
	} rows[] = { { 1, "" }, { 50, "" }, { 51, "" }, { 85, "" }, { 86, "name_too_long" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char name[300] = "";
		struct identity who;
		for (unsigned n = 0; n < rows[i].han; n++)
			strcat(name, "张");
		assert_string_equal(
			word_of(identity_read(&arena, str_of(name), STR(GOOD_ID), TODAY, &who)),
			rows[i].word);
	}
}

static void id_numbers_are_checked_by_the_standard(void **state)
{
	static const struct {
		const char *id, *sent, *word;
	} rows[] = {
		{ "11010519491231002X", "11010519491231002X", "" },
		{ "11010519491231002x", "11010519491231002X", "" },
		{ " 11010519491231002x\n", "11010519491231002X", "" },
		{ "440524188001010014", "440524188001010014", "" },
		{ "310101199801011234", NULL, "id_card_number_check" }, /* WeChat's own sample */
		{ "310101199801011232", "310101199801011232", "" },
		{ "110105194912310020", NULL, "id_card_number_check" },
		{ "11010519491231003X", NULL, "id_card_number_check" },
		{ "110105491231002", NULL, "id_card_number_15" },
		{ "11010549123100X", NULL, "id_card_number_length" },
		{ "1101051949123100", NULL, "id_card_number_length" },
		{ "11010519491231002", NULL, "id_card_number_length" },
		{ "11010519491231002XX", NULL, "id_card_number_length" },
		{ "110105-19491231-002X", NULL, "id_card_number_length" },
		{ "", NULL, "id_card_number_missing" },
		{ " ", NULL, "id_card_number_missing" },
		{ "1101051949123100X2", NULL, "id_card_number_characters" },
		{ "x10105194912310020", NULL, "id_card_number_characters" },
		{ "11010519491231002Y", NULL, "id_card_number_characters" },
		{ "1101051949 2310020", NULL, "id_card_number_characters" },
		{ "１１０１０５", NULL, "id_card_number_characters" }, /* 18 bytes of fullwidth */
		{ "110105194912310020\xE5", NULL, "id_card_number_characters" },
		{ "１１０１０５１９４９１２３１００２Ｘ", NULL, "id_card_number_characters" },
		{ "110105199902290013", NULL, "id_card_number_date" }, /* no leap year */
		{ "110105190002290013", NULL, "id_card_number_date" }, /* nor 1900 */
		{ "110105199913010013", NULL, "id_card_number_date" },
		{ "110105199900010013", NULL, "id_card_number_date" },
		{ "110105199904310013", NULL, "id_card_number_date" },
		{ "110105199904000013", NULL, "id_card_number_date" },
		{ "110105179912310013", NULL, "id_card_number_date" },
		{ "110105202611220013", NULL, "id_card_number_date" }, /* tomorrow */
		{ "110105999912310013", NULL, "id_card_number_date" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct identity who = { { NULL, 0 }, { NULL, 0 } };
		const struct reason *flaw =
			identity_read(&arena, STR("张三"), str_of(rows[i].id), TODAY, &who);
		if (strcmp(word_of(flaw), rows[i].word) != 0)
			print_error("%s: %s\n", rows[i].id, word_of(flaw));
		assert_string_equal(word_of(flaw), rows[i].word);
		if (flaw == NULL)
			assert_true(secret_is(who.id_number, rows[i].sent));
	}
}

static char right_digit(const char *seventeen)
{
	static const int weights[17] = { 7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2 };
	int sum = 0;

	for (int i = 0; i < 17; i++)
		sum += (seventeen[i] - '0') * weights[i];
	for (int digit = 0; digit <= 10; digit++) /* the sum with it is 1 modulo 11 */
		if ((sum + digit) % 11 == 1)
			return digit == 10 ? 'X' : (char)('0' + digit);
	return '?';
}

/* Dates that exist: leap days, the first, today; each with each of the eleven digits. */
static void one_check_digit_of_eleven_is_right(void **state)
{
	static const char *const dates[] = { "20000229", "20240229", "18000101", "20261121",
					     "19991231", "18840229", "19490131" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dates); i++) {
		unsigned taken = 0;
		for (const char *digit = "0123456789X"; *digit != '\0'; digit++) {
			char id[ID_NUMBER_LEN + 1];
			struct identity who;
			snprintf(id, sizeof id, "110105%s001%c", dates[i], *digit);
			const struct reason *flaw =
				identity_read(&arena, STR("张三"), str_of(id), TODAY, &who);
			assert_string_equal(word_of(flaw), *digit == right_digit(id)
								   ? ""
								   : "id_card_number_check");
			taken += flaw == NULL;
		}
		assert_int_equal(taken, 1);
	}
}

/* Two digits swapped, or one wrong: always found. */
static void every_single_typing_error_is_found(void **state)
{
	unsigned tried = 0;

	(void)state;
	for (int i = 0; i < ID_NUMBER_LEN - 1; i++) {
		for (char c = '0'; c <= '9'; c++) {
			char id[] = GOOD_ID;
			struct identity who;
			if (id[i] == c)
				continue;
			id[i] = c;
			assert_non_null(
				identity_read(&arena, STR("张三"), str_of(id), TODAY, &who));
			tried++;
		}
	}
	assert_int_equal(tried, 17 * 9);
}

static void both_are_copies_and_can_be_wiped(void **state)
{
	char name[] = "张三", id[] = "11010519491231002x";
	struct identity who;

	(void)state;
	assert_null(identity_read(&arena, str_of(name), str_of(id), TODAY, &who));
	memset(name, 'A', sizeof name - 1);
	memset(id, '0', sizeof id - 1);
	assert_true(secret_is(who.name, "张三"));
	char *was = who.id_number.bytes_;
	assert_int_equal(was[ID_NUMBER_LEN], '\0');
	identity_wipe(&who);
	assert_true(secret_empty(who.name) && secret_empty(who.id_number));
	for (int i = 0; i < ID_NUMBER_LEN; i++)
		assert_int_equal(was[i], 0);
	identity_wipe(&who);
}

static void every_flaw_can_be_told_to_the_user(void **state)
{
	static const char *const bad[][2] = { { "", GOOD_ID }, { "张三", "" }, { "😀", GOOD_ID } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct identity who;
		const struct reason *flaw =
			identity_read(&arena, str_of(bad[i][0]), str_of(bad[i][1]), TODAY, &who);
		assert_int_equal(flaw->status, 400);
		assert_true(str_utf8(str_of(flaw->zh)) && flaw->zh[0] != '\0');
		assert_true(flaw->en[0] != '\0');
	}
}

static void today_is_chinas(void **state)
{
	time_t china = (time_t)(clock_wall_ms() / 1000) + 8 * 3600;
	struct tm *tm = gmtime(&china);
	char text[9];

	(void)state;
	strftime(text, sizeof text, "%Y%m%d", tm);
	assert_int_equal(identity_today(), atoi(text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_taken_as_they_stand_on_cards),
		cmocka_unit_test(a_name_with_a_nul_is_none),
		cmocka_unit_test(names_may_be_long_but_not_endless),
		cmocka_unit_test(id_numbers_are_checked_by_the_standard),
		cmocka_unit_test(one_check_digit_of_eleven_is_right),
		cmocka_unit_test(every_single_typing_error_is_found),
		cmocka_unit_test(both_are_copies_and_can_be_wiped),
		cmocka_unit_test(every_flaw_can_be_told_to_the_user),
		cmocka_unit_test(today_is_chinas),
	};

	return cmocka_run_group_tests(tests, fresh_arena, drop_arena);
}
