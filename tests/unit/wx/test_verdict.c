/* Tests of the decision itself: tables over every member, every way it can come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wx_help.h"

static struct crypt *keys;
static struct session v1, v1_anonymous, v2;

static int set_up(void **state)
{
	static struct conf_app app1, app2;

	(void)state;
	keys = test_crypt();
	app1 = test_app(PROTOCOL_1_0);
	app2 = test_app(PROTOCOL_2_0);
	v1 = opened_session(keys, &app1, USER_OPENID);
	v1_anonymous = opened_session(keys, &app1, "");
	v2 = opened_session(keys, &app2, USER_OPENID);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	crypt_destroy(keys);
	return 0;
}

static struct wx_answer good_v1(void)
{
	return (struct wx_answer){
		.errcode = { PRESENT, 0 },
		.ret = { PRESENT, 0 },
		.key = { PRESENT, v1.rec.key },
		.name_md5 = { PRESENT, v1.rec.name_md5 },
		.id_md5 = { PRESENT, v1.rec.id_md5 },
		.openid = { PRESENT, v1.rec.openid },
	};
}

static struct wx_answer good_v2(void)
{
	return (struct wx_answer){ .errcode = { PRESENT, 0 }, .ret = { PRESENT, 10000 } };
}

static void assert_verdict(struct verdict v, enum verdict_kind kind, enum wx_class class,
			   const char *word)
{
	assert_string_equal(v.word, word);
	assert_int_equal(v.kind, kind);
	assert_int_equal(v.class, class);
}

static void the_whole_answer_passes(void **state)
{
	struct wx_answer one = good_v1(), two = good_v2();
	struct verdict v = verdict_1_0(&v1, &one);

	(void)state;
	assert_verdict(v, VERDICT_PASSED, CLASS_PASSED, "passed");
	assert_int_equal(v.code, 0);
	v = verdict_2_0(&v2, &two);
	assert_verdict(v, VERDICT_PASSED, CLASS_PASSED, "passed");
	assert_int_equal(v.code, 10000);
}

/* Every member of the answer in every other way it can come: never a pass. */
static void each_member_has_to_be_there_and_of_its_type(void **state)
{
	static const struct {
		size_t at;
		enum presence is;
		const char *word;
	} rows[] = {
		{ offsetof(struct wx_answer, errcode.is), ABSENT, "errcode_missing" },
		{ offsetof(struct wx_answer, errcode.is), WRONG_TYPE, "errcode_type" },
		{ offsetof(struct wx_answer, ret.is), ABSENT, "result_missing" },
		{ offsetof(struct wx_answer, ret.is), WRONG_TYPE, "result_type" },
		{ offsetof(struct wx_answer, key.is), ABSENT, "binding_missing" },
		{ offsetof(struct wx_answer, key.is), WRONG_TYPE, "binding_missing" },
		{ offsetof(struct wx_answer, name_md5.is), ABSENT, "binding_missing" },
		{ offsetof(struct wx_answer, name_md5.is), WRONG_TYPE, "binding_missing" },
		{ offsetof(struct wx_answer, id_md5.is), ABSENT, "binding_missing" },
		{ offsetof(struct wx_answer, id_md5.is), WRONG_TYPE, "binding_missing" },
		{ offsetof(struct wx_answer, openid.is), ABSENT, "openid_missing" },
		{ offsetof(struct wx_answer, openid.is), WRONG_TYPE, "openid_missing" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wx_answer one = good_v1(), two = good_v2();
		memcpy((char *)&one + rows[i].at, &rows[i].is, sizeof rows[i].is);
		assert_verdict(verdict_1_0(&v1, &one), VERDICT_NONE, CLASS_UPSTREAM, rows[i].word);
		if (rows[i].at >= offsetof(struct wx_answer, key))
			continue;
		memcpy((char *)&two + rows[i].at, &rows[i].is, sizeof rows[i].is);
		assert_verdict(verdict_2_0(&v2, &two), VERDICT_NONE, CLASS_UPSTREAM, rows[i].word);
	}
}

static void what_binds_the_result_has_to_be_what_we_issued(void **state)
{
	static const struct {
		size_t at;
		const char *word;
	} rows[] = {
		{ offsetof(struct wx_answer, key.hash), "other_key" },
		{ offsetof(struct wx_answer, name_md5.hash), "other_name" },
		{ offsetof(struct wx_answer, id_md5.hash), "other_id" },
		{ offsetof(struct wx_answer, openid.hash), "other_openid" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (size_t bit = 0; bit < 8 * sizeof(struct digest); bit++) {
			struct wx_answer a = good_v1();
			((unsigned char *)&a)[rows[i].at + bit / 8] ^=
				(unsigned char)(1 << bit % 8);
			assert_verdict(verdict_1_0(&v1, &a), VERDICT_FAILED, CLASS_IDENTITY,
				       rows[i].word);
		}
	}
}

/* T09: absent, of a wrong type, another, ours; when we know the caller's and when not. */
static void the_openid_counts_if_we_know_the_callers(void **state)
{
	static const struct {
		enum presence is;
		bool other, known;
		enum verdict_kind kind;
	} rows[] = {
		{ ABSENT, false, true, VERDICT_NONE },
		{ WRONG_TYPE, false, true, VERDICT_NONE },
		{ PRESENT, true, true, VERDICT_FAILED },
		{ PRESENT, false, true, VERDICT_PASSED },
		{ ABSENT, false, false, VERDICT_PASSED },
		{ WRONG_TYPE, false, false, VERDICT_PASSED },
		{ PRESENT, true, false, VERDICT_PASSED },
		{ PRESENT, false, false, VERDICT_PASSED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wx_answer a = good_v1();
		a.openid.is = rows[i].is;
		if (rows[i].other)
			a.openid.hash.b[0] ^= 1;
		const struct session *s = rows[i].known ? &v1 : &v1_anonymous;
		assert_int_equal(verdict_1_0(s, &a).kind, rows[i].kind);
	}
}

/* All combinations of presence: only one of 3^6 passes. */
static void one_combination_in_seven_hundred_and_twenty_nine_passes(void **state)
{
	unsigned passed = 0;

	(void)state;
	for (unsigned n = 0; n < 729; n++) {
		struct wx_answer a = good_v1();
		enum presence *members[] = { &a.errcode.is,  &a.ret.is,    &a.key.is,
					     &a.name_md5.is, &a.id_md5.is, &a.openid.is };
		unsigned rest = n;
		for (size_t i = 0; i < ARRAY_LEN(members); i++, rest /= 3)
			*members[i] = (enum presence)(rest % 3);
		passed += verdict_1_0(&v1, &a).kind == VERDICT_PASSED;
	}
	assert_int_equal(passed, 1);
}

static void an_unreadable_answer_decides_nothing(void **state)
{
	struct wx_answer one = good_v1(), two = good_v2();

	(void)state;
	one.unreadable = two.unreadable = true;
	assert_verdict(verdict_1_0(&v1, &one), VERDICT_NONE, CLASS_UPSTREAM, "unreadable_answer");
	assert_verdict(verdict_2_0(&v2, &two), VERDICT_NONE, CLASS_UPSTREAM, "unreadable_answer");
	one.unreadable = two.unreadable = false;
}

/* Whatever it says: a pass, a refusal that ends the session, or that it goes on. */
static void an_answer_to_another_question_decides_nothing(void **state)
{
	static const struct {
		int64_t errcode, ret;
		enum verdict_kind kind;
	} rows[] = {
		{ 0, 10000, VERDICT_PASSED },
		{ 0, 10003, VERDICT_FAILED },
		{ 0, 10005, VERDICT_PENDING },
		{ 84001, 0, VERDICT_FAILED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wx_answer a = { .errcode = { PRESENT, rows[i].errcode },
				       .ret = { PRESENT, rows[i].ret } };
		assert_int_equal(verdict_2_0(&v2, &a).kind, rows[i].kind);
		a.other_question = true;
		assert_verdict(verdict_2_0(&v2, &a), VERDICT_NONE, CLASS_UPSTREAM,
			       "other_question");
	}
}

/* Every number of the table, and numbers around it, in every place it can stand. */
static void no_number_but_two_passes(void **state)
{
	static const int64_t more[] = { 1,           -1,        10001,      9999,
					4294967296,  INT64_MAX, INT64_MIN,  4294977296,
					-4294967296, 200,       1410065408, 99999 };
	unsigned passed = 0, tried = 0;

	(void)state;
	for (unsigned n = 0;; n++) {
		const struct wx_code *c = wx_code_at(n);
		if (c == NULL && n >= 1000 + ARRAY_LEN(more))
			break;
		if (c == NULL && n < 1000)
			continue;
		int64_t number = c != NULL ? c->code : more[n - 1000];
		struct wx_answer one = good_v1(), two = good_v2();
		one.ret.n = two.ret.n = number;
		passed += verdict_1_0(&v1, &one).kind == VERDICT_PASSED;
		passed += verdict_2_0(&v2, &two).kind == VERDICT_PASSED;
		assert_true(verdict_1_0(&v1, &one).kind != VERDICT_PASSED || number == 0);
		assert_true(verdict_2_0(&v2, &two).kind != VERDICT_PASSED || number == 10000);
		if (number != 0) {
			one = good_v1(), two = good_v2();
			one.errcode.n = two.errcode.n = number;
			assert_int_not_equal(verdict_1_0(&v1, &one).kind, VERDICT_PASSED);
			assert_int_not_equal(verdict_2_0(&v2, &two).kind, VERDICT_PASSED);
			assert_int_not_equal(verdict_of_call(&one).kind, VERDICT_PASSED);
		}
		tried++;
	}
	assert_true(tried > 100);
	assert_true(passed >= 2);
}

/* A number is shown as it came, or not at all: 2^32 + 10000 must not be shown as 10000. */
static void a_number_beyond_int_is_not_shown_as_another(void **state)
{
	struct wx_answer two = good_v2();

	(void)state;
	two.ret.n = 4294967296 + 10000;
	assert_verdict(verdict_2_0(&v2, &two), VERDICT_FAILED, CLASS_START_AGAIN, "unknown_result");
	assert_int_equal(verdict_2_0(&v2, &two).code, 0);
	two = good_v2();
	two.errcode.n = 4294967296 + 84001;
	assert_verdict(verdict_2_0(&v2, &two), VERDICT_NONE, CLASS_UPSTREAM, "unknown_errcode");
	assert_int_equal(verdict_2_0(&v2, &two).code, 0);
}

static void zero_is_no_pass_in_2_0_and_10000_none_in_1_0(void **state)
{
	struct wx_answer one = good_v1(), two = good_v2();

	(void)state;
	two.ret.n = 0;
	assert_verdict(verdict_2_0(&v2, &two), VERDICT_FAILED, CLASS_START_AGAIN, "not_a_pass");
	one.ret.n = 10000;
	assert_verdict(verdict_1_0(&v1, &one), VERDICT_FAILED, CLASS_START_AGAIN, "not_a_pass");
}

static void pending_stays_pending(void **state)
{
	struct wx_answer one = good_v1(), two = good_v2();

	(void)state;
	one.ret.n = two.ret.n = 10005;
	assert_verdict(verdict_1_0(&v1, &one), VERDICT_PENDING, CLASS_PENDING, "in_progress");
	assert_verdict(verdict_2_0(&v2, &two), VERDICT_PENDING, CLASS_PENDING, "in_progress");
	two.ret.n = 10300;
	assert_verdict(verdict_2_0(&v2, &two), VERDICT_PENDING, CLASS_PENDING, "not_finished");
}

/* Which refusals of the call end a session, and which say nothing about it. */
static void an_errcode_ends_a_session_only_if_it_is_about_it(void **state)
{
	static const struct {
		int64_t errcode;
		enum verdict_kind kind;
	} rows[] = {
		{ 84001, VERDICT_FAILED }, { 84002, VERDICT_FAILED }, { 84003, VERDICT_FAILED },
		{ 40226, VERDICT_FAILED }, { 84004, VERDICT_FAILED }, { 84005, VERDICT_FAILED },
		{ 84006, VERDICT_NONE },   { -1, VERDICT_NONE },      { 40001, VERDICT_NONE },
		{ 40014, VERDICT_NONE },   { 42001, VERDICT_NONE },   { 41001, VERDICT_NONE },
		{ 40013, VERDICT_NONE },   { 40125, VERDICT_NONE },   { 45009, VERDICT_NONE },
		{ 45011, VERDICT_NONE },   { 48001, VERDICT_NONE },   { 40164, VERDICT_NONE },
		{ 50002, VERDICT_NONE },   { 77777, VERDICT_NONE },   { 1, VERDICT_NONE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wx_answer one = { .errcode = { PRESENT, rows[i].errcode } };
		struct verdict v = verdict_1_0(&v1, &one);
		assert_int_equal(v.kind, rows[i].kind);
		assert_int_equal(v.code, rows[i].errcode);
		assert_int_equal(verdict_2_0(&v2, &one).kind, rows[i].kind);
	}
}

/* T04: key {equal, other, absent, empty, 1 char off, longer} x MD5s {ours, another's}. */
static void only_one_of_twelve_keys_and_md5s_passes(void **state)
{
	static const char *const tried[] = {
		"\"" USER_ID_KEY "\"",
		"\"fedcba9876543210fedcba9876543210\"",
		NULL,
		"\"\"",
		"\"1123456789abcdef0123456789abcdef\"",
		"\"" USER_ID_KEY "0\"",
	};
	unsigned passed = 0;

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(tried); i++) {
		const char *key = tried[i / 2];
		char name[33], id[33], text[600];
		snprintf(text, sizeof text,
			 "{\"errcode\":0,\"identify_ret\":0,\"openid\":\"%s\",\"name_utf8_md5\":\"%"
			 "s\","
			 "\"id_card_number_md5\":\"%s\"%s%s}",
			 USER_OPENID, md5_hex(name, i % 2 == 0 ? PERSON_NAME : "李四"),
			 md5_hex(id, i % 2 == 0 ? PERSON_ID : "440524188001010014"),
			 key == NULL ? "" : ",\"user_id_key\":", key == NULL ? "" : key);
		struct wx_answer a = answer_of(keys, &v1, str_of(text));
		bool pass = verdict_1_0(&v1, &a).kind == VERDICT_PASSED;
		assert_true(pass == (i == 0));
		passed += pass;
	}
	assert_int_equal(passed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_whole_answer_passes),
		cmocka_unit_test(each_member_has_to_be_there_and_of_its_type),
		cmocka_unit_test(what_binds_the_result_has_to_be_what_we_issued),
		cmocka_unit_test(the_openid_counts_if_we_know_the_callers),
		cmocka_unit_test(one_combination_in_seven_hundred_and_twenty_nine_passes),
		cmocka_unit_test(an_unreadable_answer_decides_nothing),
		cmocka_unit_test(an_answer_to_another_question_decides_nothing),
		cmocka_unit_test(no_number_but_two_passes),
		cmocka_unit_test(a_number_beyond_int_is_not_shown_as_another),
		cmocka_unit_test(zero_is_no_pass_in_2_0_and_10000_none_in_1_0),
		cmocka_unit_test(pending_stays_pending),
		cmocka_unit_test(an_errcode_ends_a_session_only_if_it_is_about_it),
		cmocka_unit_test(only_one_of_twelve_keys_and_md5s_passes),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
