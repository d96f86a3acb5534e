/* Tests of the table of WeChat's numbers, against lists written by hand from WECHAT. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "wx/codes.h"
#include "wx/session.h"

static const unsigned families[] = { WX_ERRCODE, WX_IDENTIFY_RET, WX_VERIFY_RET, WX_CALLBACK };

static bool is_unknown(const struct wx_code *c)
{
	return str_starts(str_of(c->word), STR("unknown_"));
}

/* 1.3, 4, 5, 6: errcodes. */
static void every_documented_errcode_has_a_row(void **state)
{
	static const int codes[] = {
		84001, 84002, 84003, 84004, 84005, 84006, 48001, 45009,        /* 1.3 */
		-1,    40001, 40002, 40013, 40125, 40164, 41002, 41004, 43002, /* 4, token */
		45011, 89503, 89501, 89506, 89507, 50004, 50007, 40014, 42001,
		41001, 48004, 50002, 61007, 61004, 44002, 47001, 40033, /* 4, calls */
		40029, 40163, 40226, 41008,                             /* 5 */
		40234,                                                  /* 6 */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		const struct wx_code *c = wx_code(WX_ERRCODE, codes[i]);
		if (is_unknown(c))
			print_error("errcode %d has no row\n", codes[i]);
		assert_false(is_unknown(c));
		assert_int_equal(c->code, codes[i]);
		assert_int_not_equal(c->class, CLASS_PASSED);
		assert_int_not_equal(c->class, CLASS_PENDING);
	}
}

/* 2.4: verify_ret, with the class that it is to have. */
static void every_documented_verify_ret_has_a_row(void **state)
{
	static const struct {
		int code;
		enum wx_class class;
	} rows[] = {
		{ 10000, CLASS_PASSED },      { 10300, CLASS_PENDING },
		{ 10005, CLASS_PENDING },     { 10001, CLASS_CONFIG },
		{ 10040, CLASS_CONFIG },      { 10006, CLASS_CONFIG },
		{ 10017, CLASS_START_AGAIN }, { 10018, CLASS_START_AGAIN },
		{ 10041, CLASS_START_AGAIN }, { 10003, CLASS_IDENTITY },
		{ 10004, CLASS_IDENTITY },    { 10012, CLASS_IDENTITY },
		{ 10026, CLASS_IDENTITY },    { 10002, CLASS_START_AGAIN },
		{ 10007, CLASS_START_AGAIN }, { 10010, CLASS_START_AGAIN },
		{ 10016, CLASS_START_AGAIN }, { 10008, CLASS_START_AGAIN },
		{ 10013, CLASS_START_AGAIN }, { 10014, CLASS_START_AGAIN },
		{ 10015, CLASS_START_AGAIN }, { 10045, CLASS_START_AGAIN },
		{ 10020, CLASS_START_AGAIN }, { 10029, CLASS_START_AGAIN },
		{ 10052, CLASS_START_AGAIN }, { 10021, CLASS_START_AGAIN },
		{ 10042, CLASS_LIMITED },     { 90001, CLASS_DEVICE },
		{ 90109, CLASS_DEVICE },      { 90002, CLASS_CANCELLED },
		{ 90003, CLASS_CANCELLED },   { 90004, CLASS_CANCELLED },
		{ 90005, CLASS_CANCELLED },   { 90006, CLASS_CANCELLED },
		{ 90007, CLASS_DEVICE },      { 90012, CLASS_DEVICE },
		{ 90008, CLASS_DEVICE },      { 90009, CLASS_DEVICE },
		{ 90010, CLASS_DEVICE },      { 90011, CLASS_DEVICE },
		{ 90013, CLASS_DEVICE },      { 90014, CLASS_DEVICE },
		{ 90017, CLASS_DEVICE },      { 90107, CLASS_DEVICE },
		{ 90018, CLASS_DEVICE },      { 90104, CLASS_DEVICE },
		{ 90105, CLASS_DEVICE },      { 90106, CLASS_DEVICE },
		{ 90110, CLASS_DEVICE },      { 90199, CLASS_DEVICE },
		{ 90000, CLASS_DEVICE },      { 90015, CLASS_DEVICE },
		{ 90016, CLASS_DEVICE },      { 90019, CLASS_DEVICE },
		{ 90020, CLASS_DEVICE },      { 90021, CLASS_DEVICE },
		{ 90022, CLASS_DEVICE },      { 90023, CLASS_DEVICE },
		{ 90024, CLASS_DEVICE },      { 90025, CLASS_DEVICE },
		{ 0, CLASS_START_AGAIN },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct wx_code *c = wx_code(WX_VERIFY_RET, rows[i].code);
		if (is_unknown(c) || c->class != rows[i].class)
			print_error("verify_ret %d\n", rows[i].code);
		assert_false(is_unknown(c));
		assert_int_equal(c->class, rows[i].class);
	}
}

/* 3.1: one list for identify_ret and for the errCode of the phone's callback. */
static void every_documented_number_of_1_0_has_a_row_in_both_places(void **state)
{
	static const int codes[] = {
		0,     10001, 10002, 10003, 10004, 10005, 10006, 10007, 10008, 10009,
		10010, 10011, 10012, 10013, 10014, 10015, 10016, 10017, 10018, 10020,
		10021, 10022, 10026, 10027, 10028, 10029, 10030, 10031, 10032, 10040,
		10041, 10042, 10045, 10052, 10057, 10066, 10069, 10153, 90100, 90101,
		90102, 90103, 90104, 90105, 90106, 90107, 90108, 90109, 90199, -1,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		if (is_unknown(wx_code(WX_IDENTIFY_RET, codes[i])) ||
		    is_unknown(wx_code(WX_CALLBACK, codes[i])))
			print_error("%d has no row\n", codes[i]);
		assert_false(is_unknown(wx_code(WX_IDENTIFY_RET, codes[i])));
		assert_false(is_unknown(wx_code(WX_CALLBACK, codes[i])));
	}
}

static void only_two_numbers_mean_passed(void **state)
{
	unsigned passed = 0;

	(void)state;
	for (unsigned n = 0; wx_code_at(n) != NULL; n++) {
		const struct wx_code *c = wx_code_at(n);
		if (c->class != CLASS_PASSED)
			continue;
		passed++;
		assert_true((c->families == WX_IDENTIFY_RET && c->code == 0) ||
			    (c->families == WX_VERIFY_RET && c->code == 10000));
	}
	assert_int_equal(passed, 2);
}

static void no_number_stands_twice_in_a_family(void **state)
{
	(void)state;
	for (unsigned n = 0; wx_code_at(n) != NULL; n++)
		for (size_t f = 0; f < ARRAY_LEN(families); f++)
			if ((wx_code_at(n)->families & families[f]) != 0)
				assert_ptr_equal(wx_code(families[f], wx_code_at(n)->code),
						 wx_code_at(n));
}

static bool is_text(const char *s)
{
	return s != NULL && s[0] != '\0' && str_utf8(str_of(s));
}

static void assert_complete(const struct wx_code *c)
{
	assert_true(is_text(c->word) && is_text(c->zh) && is_text(c->en) && is_text(c->hint));
	assert_true(str_only(str_of(c->word), "abcdefghijklmnopqrstuvwxyz0123456789_"));
	assert_true(strlen(c->word) < SESSION_WORD_MAX);
	assert_true((unsigned char)c->zh[0] >= 0xE3);
	assert_true(str_only(str_of(c->en), " ,.-'ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					    "abcdefghijklmnopqrstuvwxyz0123456789"));
	assert_true(c->families != 0 && c->families < 16);
	assert_true(c->class < WX_CLASS_NR);
}

static void every_row_can_be_shown_and_stored(void **state)
{
	unsigned n = 0;

	(void)state;
	for (; wx_code_at(n) != NULL; n++)
		assert_complete(wx_code_at(n));
	assert_true(n > 100);
	assert_null(wx_code_at(n + 1));
	assert_null(wx_code_at(UINT32_MAX));
	for (int i = 0; i < WX_CLASS_NR; i++) {
		const struct reason *r = wx_class_reason((enum wx_class)i);
		assert_true(is_text(r->word) && is_text(r->zh) && is_text(r->en));
		assert_true((r->status == 200) == (i == CLASS_PASSED));
		assert_true((r->status == 202) == (i == CLASS_PENDING));
		for (int k = 0; k < i; k++)
			assert_string_not_equal(r->word, wx_class_reason((enum wx_class)k)->word);
	}
}

static void an_unknown_number_is_never_a_pass(void **state)
{
	static const int64_t numbers[] = {
		1, -2, 9999, 10019, 90999, 4294967296, -4294967296, 4294977296, INT64_MAX, INT64_MIN
	};

	(void)state;
	for (size_t f = 0; f < ARRAY_LEN(families); f++) {
		for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
			const struct wx_code *c = wx_code(families[f], numbers[i]);
			assert_true(is_unknown(c));
			assert_complete(c);
			assert_true((c->families & families[f]) != 0);
			assert_true(c->class == CLASS_START_AGAIN || c->class == CLASS_UPSTREAM);
		}
	}
	/* A number of one family says nothing in another. */
	assert_true(is_unknown(wx_code(WX_ERRCODE, 10000)));
	assert_true(is_unknown(wx_code(WX_ERRCODE, 10005)));
	assert_true(is_unknown(wx_code(WX_VERIFY_RET, 84001)));
	assert_true(is_unknown(wx_code(WX_IDENTIFY_RET, 10300)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_documented_errcode_has_a_row),
		cmocka_unit_test(every_documented_verify_ret_has_a_row),
		cmocka_unit_test(every_documented_number_of_1_0_has_a_row_in_both_places),
		cmocka_unit_test(only_two_numbers_mean_passed),
		cmocka_unit_test(no_number_stands_twice_in_a_family),
		cmocka_unit_test(every_row_can_be_shown_and_stored),
		cmocka_unit_test(an_unknown_number_is_never_a_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
