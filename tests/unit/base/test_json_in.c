/* Tests of reading JSON: each rule of the header, and what yajl alone would let through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json_in.h"

#include <stdio.h>
#include <stdlib.h>

static struct arena arena;

static int fresh_arena(void **state)
{
	(void)state;
	arena_init(&arena, 4 * 1024 * 1024);
	return 0;
}

static int drop_arena(void **state)
{
	(void)state;
	arena_finish(&arena);
	return 0;
}

static struct json_error error;

/* NULL, or why it was refused; always from memory that ends with the text. */
static const char *refusal(struct str text, unsigned flags, struct json **ret_root)
{
	char *copy = malloc(text.len + 1);
	struct json *root = NULL;

	ensure(copy != NULL);
	if (text.len > 0)
		memcpy(copy, text.p, text.len);
	char *exact = realloc(copy, text.len == 0 ? 1 : text.len);
	enum err err = json_parse(&arena, (struct str){ exact, text.len }, flags, &root, &error);
	free(exact);
	assert_true(err == OK || err == ERR_SYNTAX);
	assert_true((err == OK) == (error.what == NULL));
	if (ret_root != NULL)
		*ret_root = root;
	return error.what;
}

static void whole_values_of_every_type_are_read(void **state)
{
	static const char text[] =
		" { \"null\" : null , "
		"\"t\":true,\"f\":false,\"int\":-42,\"num\":1.5e3,\"s\":\"张\\n三\","
		"\"a\":[1,[2],{}],\"o\":{\"x\":\"\"} } \r\n\t";
	struct json *root;

	(void)state;
	assert_null(refusal(str_of(text), 0, &root));
	assert_int_equal(root->type, JSON_OBJECT);
	assert_int_equal(root->count, 8);
	assert_null(root->parent);
	assert_int_equal(json_get(root, "null")->type, JSON_NULL);
	assert_int_equal(json_get_type(root, "t", JSON_BOOL)->num, 1);
	assert_int_equal(json_get_type(root, "f", JSON_BOOL)->num, 0);
	assert_int_equal(json_get_type(root, "int", JSON_INT)->num, -42);
	assert_string_equal(json_get_type(root, "num", JSON_NUMBER)->str.p, "1.5e3");
	assert_string_equal(json_get_type(root, "s", JSON_STRING)->str.p, "张\n三");
	const struct json *a = json_get_type(root, "a", JSON_ARRAY);
	assert_int_equal(a->count, 3);
	assert_int_equal(a->first->num, 1);
	assert_int_equal(a->first->next->first->num, 2);
	assert_int_equal(a->last->type, JSON_OBJECT);
	assert_int_equal(a->last->count, 0);
	assert_ptr_equal(a->first->parent, a);
	assert_null(a->first->key.p);
	assert_int_equal(json_get(json_get(root, "o"), "x")->str.len, 0);
	assert_null(json_get(root, "none"));
	assert_null(json_get(root, "T"));
	assert_null(json_get(NULL, "t"));
	assert_null(json_get(a, "0"));
	assert_null(json_get_type(root, "t", JSON_INT));
}

static void a_value_may_stand_alone(void **state)
{
	static const struct {
		const char *text;
		enum json_type type;
	} rows[] = {
		{ "null", JSON_NULL }, { " true ", JSON_BOOL }, { "0", JSON_INT },
		{ "17 ", JSON_INT },   { "-0", JSON_NUMBER },   { "\"x\"", JSON_STRING },
		{ "[]", JSON_ARRAY },  { "{}", JSON_OBJECT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct json *root;
		assert_null(refusal(str_of(rows[i].text), 0, &root));
		assert_int_equal(root->type, rows[i].type);
	}
}

/* Whatever is a number is an integer only if it is written as one. */
static void integers_are_strict(void **state)
{
	static const struct {
		const char *text;
		enum json_type type;
		int64_t n;
	} rows[] = {
		{ "0", JSON_INT, 0 },
		{ "1", JSON_INT, 1 },
		{ "-1", JSON_INT, -1 },
		{ "10000", JSON_INT, 10000 },
		{ "4294967296", JSON_INT, 4294967296 },
		{ "9223372036854775807", JSON_INT, INT64_MAX },
		{ "-9223372036854775808", JSON_INT, INT64_MIN },
		{ "9223372036854775808", JSON_NUMBER, 0 },
		{ "-9223372036854775809", JSON_NUMBER, 0 },
		{ "18446744073709551616", JSON_NUMBER, 0 },
		{ "100000000000000000000000000000000000", JSON_NUMBER, 0 },
		{ "-0", JSON_NUMBER, 0 },
		{ "0.0", JSON_NUMBER, 0 },
		{ "-0.0", JSON_NUMBER, 0 },
		{ "1e4", JSON_NUMBER, 0 },
		{ "1E4", JSON_NUMBER, 0 },
		{ "0e0", JSON_NUMBER, 0 },
		{ "1e-400", JSON_NUMBER, 0 },
		{ "1e400", JSON_NUMBER, 0 },
		{ "10000.0", JSON_NUMBER, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[100];
		struct json *root;
		snprintf(text, sizeof text, "{\"n\":%s}", rows[i].text);
		assert_null(refusal(str_of(text), 0, &root));
		assert_int_equal(root->first->type, rows[i].type);
		assert_string_equal(root->first->str.p, rows[i].text);
		if (rows[i].type == JSON_INT)
			assert_true(root->first->num == rows[i].n);
	}
}

/* Matrix J1-J23 and their kind. */
static void what_is_not_json_is_refused(void **state)
{
	static const struct str rows[] = {
		STR(""),
		STR(" "),
		STR("\n\t\r "),
		STR("\xEF\xBB\xBF{}"),
		STR("\xEF\xBB\xBF"),
		STR("{}x"),
		STR("{} {}"),
		STR("{}{}"),
		STR("1 2"),
		STR("1,2"),
		STR("{}\0"),
		STR("{}\0junk"),
		STR("\0{}"),
		STR("{"),
		STR("["),
		STR("\""),
		STR("{\"a\""),
		STR("{\"a\":"),
		STR("{\"a\":1"),
		STR("{\"a\":1,"),
		STR("{\"a\":1,}"),
		STR("[1,]"),
		STR("[,1]"),
		STR("[1 2]"),
		STR("{\"a\" 1}"),
		STR("{a:1}"),
		STR("{'a':1}"),
		STR("{1:1}"),
		STR("{null:1}"),
		STR("}"),
		STR("]"),
		STR("{]"),
		STR("[}"),
		STR("// c\n{}"),
		STR("/* c */{}"),
		STR("{}/**/"),
		STR("{}//"),
		STR("{/**/}"),
		STR("# c\n{}"),
		STR("01"),
		STR("-01"),
		STR("+1"),
		STR("-"),
		STR("1."),
		STR(".5"),
		STR("1e"),
		STR("1e+"),
		STR("0x10"),
		STR("1_000"),
		STR("NaN"),
		STR("Infinity"),
		STR("-Infinity"),
		STR("nul"),
		STR("True"),
		STR("TRUE"),
		STR("truefalse"),
		STR("true false"),
		STR("undefined"),
		STR("\"\n\""),
		STR("\"\t\""),
		STR("\"\x01\""),
		STR("\"\x1f\""),
		STR("\"a\0b\""),
		STR("\"\\x\""),
		STR("\"\\u12\""),
		STR("\"\\u12g4\""),
		STR("\"\\\""),
		STR("\"\\"),
		STR("\"\\u"),
		STR("\\u0031"),
		STR("<html></html>"),
		STR("{\"a\":1;}"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (refusal(rows[i], 0, NULL) == NULL)
			print_error("row %zu: %s was taken\n", i, rows[i].p);
		assert_non_null(error.what);
		assert_true(error.at <= rows[i].len + 1);
	}
}

/* What yajl by itself takes, and its kind: each is refused, with comments and without. */
static void what_yajl_lets_through_is_refused(void **state)
{
	static const struct str rows[] = {
		/* a string behind the document that never ends */
		STR("{\"errcode\":0,\"verify_ret\":10000}\""),
		STR("{}\""),
		STR("{} \""),
		STR("{}\n\"x\": 1, "),
		STR("{}\"\\\""),
		STR("{}\"\\\\\\\""),
		STR("{}\"\xE5\xBC\xA0"),
		STR("[]\""),
		STR("1\""),
		STR("1 \""),
		STR("true\""),
		STR("null \"x"),
		STR("\"\"\""),
		STR("\"a\" \"b"),
		/* other tokens that only begin behind it */
		STR("{}t"),
		STR("{}tru"),
		STR("{}n"),
		STR("{}fals"),
		STR("{}-"),
		STR("{}1"),
		STR("{}1."),
		STR("{}1e"),
		STR("{}/"),
		STR("{}\"\\"),
		STR("{}\"\\u00"),
		STR("{}/*"),
		STR("{}/* \""),
		STR("{}/* *"),
		STR("{}/*/"),
		STR("/*{}"),
		STR("{}\\"),
		/* blanks that are none: vertical tab, form feed and other controls, U+0085 and on
		 */
		STR("\v{}"),
		STR("\f{}"),
		STR("{\v}"),
		STR("{\f}"),
		STR("{}\v"),
		STR("{}\f"),
		STR("{} \v "),
		STR("{\"a\"\v:1}"),
		STR("{\"a\":\f1}"),
		STR("{\"a\":1\v}"),
		STR("{\"a\":1,\f\"b\":2}"),
		STR("[\v]"),
		STR("[1,\v2]"),
		STR("[1\f,2]"),
		STR("1\v"),
		STR("\f1"),
		STR("true\f"),
		STR("\"x\"\v"),
		STR("{}\b"),
		STR("{}\x1f"),
		STR("{}\x7f"),
		STR("{}\xC2\x85"),
		STR("{}\xC2\xA0"),
		STR("{}\xE2\x80\xA8"),
		STR("{}\xE3\x80\x80"),
		STR("{}\xEF\xBB\xBF"),
	};
	unsigned taken = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (unsigned flags = 0; flags <= JSON_COMMENTS; flags++) {
			if (refusal(rows[i], flags, NULL) == NULL)
				print_error("row %zu: %s was taken\n", i, rows[i].p);
			taken += error.what == NULL;
			assert_true(error.at <= rows[i].len + 1);
		}
	}
	assert_int_equal(taken, 0);
	assert_non_null(refusal(STR("{\n\"a\":\v1}"), 0, NULL));
	assert_int_equal(error.at, 6);
}

static void the_four_blanks_and_what_a_string_holds_are_no_fault(void **state)
{
	struct json *root;

	(void)state;
	assert_null(refusal(STR(" \t\r\n{ \t\r\n\"a\"\t:\r1\n, \"b\" : [ ] } \t\r\n"), 0, NULL));
	assert_null(refusal(STR("[\"\\\"\",\"\\\\\",\"/* // \x7f\",-1.5E+3]"), 0, &root));
	assert_int_equal(root->count, 4);
}

static void text_is_well_formed_utf8_or_refused(void **state)
{
	static const struct {
		const char *bytes;
		bool good;
	} rows[] = {
		{ "\xC2\x80", true },
		{ "\xDF\xBF", true },
		{ "\xE0\xA0\x80", true },
		{ "\xED\x9F\xBF", true },
		{ "\xEE\x80\x80", true },
		{ "\xEF\xBF\xBF", true },
		{ "\xF0\x90\x80\x80", true },
		{ "\xF4\x8F\xBF\xBF", true },
		{ "\x7F", true },
		{ "\xE2\x80\xA8", true },
		{ "\x80", false },
		{ "\xBF", false },
		{ "\xC0\x80", false },
		{ "\xC0\xAF", false },
		{ "\xC1\xBF", false },
		{ "\xE0\x80\x80", false },
		{ "\xE0\x9F\xBF", false },
		{ "\xF0\x80\x80\x80", false },
		{ "\xF0\x8F\xBF\xBF", false },
		{ "\xED\xA0\x80", false },
		{ "\xED\xBF\xBF", false },
		{ "\xF4\x90\x80\x80", false },
		{ "\xF5\x80\x80\x80", false },
		{ "\xF8\x88\x80\x80\x80", false },
		{ "\xFE", false },
		{ "\xFF", false },
		{ "\xC2", false },
		{ "\xE5\xBC", false },
		{ "\xF0\x9F\x98", false },
		{ "\xC2\xC2\x80", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[40];
		struct json *root;
		snprintf(text, sizeof text, "{\"k\":\"%s\"}", rows[i].bytes);
		assert_true((refusal(str_of(text), 0, &root) == NULL) == rows[i].good);
		if (rows[i].good)
			assert_string_equal(root->first->str.p, rows[i].bytes);
		snprintf(text, sizeof text, "{\"%s\":1}", rows[i].bytes); /* in a name, too */
		assert_true((refusal(str_of(text), 0, NULL) == NULL) == rows[i].good);
	}
}

static void surrogates_come_in_pairs(void **state)
{
	static const struct {
		const char *text, *value;
	} rows[] = {
		{ "\\ud83d\\ude00", "\xF0\x9F\x98\x80" },
		{ "\\uD83D\\uDE00", "\xF0\x9F\x98\x80" },
		{ "\\ud800\\udc00", "\xF0\x90\x80\x80" },
		{ "\\udbff\\udfff", "\xF4\x8F\xBF\xBF" },
		{ "x\\ud83d\\ude00\\ud83d\\ude00y", "x\xF0\x9F\x98\x80\xF0\x9F\x98\x80y" },
		{ "\\ud7ff", "\xED\x9F\xBF" },
		{ "\\ue000", "\xEE\x80\x80" },
		{ "\\uffff", "\xEF\xBF\xBF" },
		{ "\\u5f20\\u4e09", "张三" },
		{ "\\\\ud800", "\\ud800" }, /* an escaped backslash and a word */
		{ "\\\\\\\\udc00", "\\\\udc00" },
		{ "\\\"\\/\\b\\f\\n\\r\\t\\\\", "\"/\b\f\n\r\t\\" },
		{ "\\ud800", NULL },
		{ "\\udfff", NULL },
		{ "\\udc00\\ud800", NULL },
		{ "\\ud800\\ud800", NULL },
		{ "\\ud800\\u0041", NULL },
		{ "\\ud800\\ue000", NULL },
		{ "\\ud800x\\udc00", NULL },
		{ "\\ud800\\\\udc00", NULL },
		{ "\\ud83d\\ude00\\ude00", NULL },
		{ "\\\\\\ud800", NULL }, /* an escaped backslash, then half a pair */
		{ "\\ud800\\", NULL },
		{ "\\ud800\\u", NULL },
		{ "\\ud800\\udc0", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[100];
		struct json *root;
		snprintf(text, sizeof text, "[\"%s\"]", rows[i].text);
		if ((refusal(str_of(text), 0, &root) == NULL) != (rows[i].value != NULL))
			print_error("%s\n", text);
		assert_true((error.what == NULL) == (rows[i].value != NULL));
		if (rows[i].value != NULL)
			assert_string_equal(root->first->str.p, rows[i].value);
	}
	assert_string_equal(refusal(STR("{\"\\ud800\":1}"), 0, NULL), "half of a surrogate pair");
	assert_int_equal(error.at, 2);
}

static void no_text_holds_a_nul(void **state)
{
	(void)state;
	assert_string_equal(refusal(STR("\"a\\u0000b\""), 0, NULL), "a NUL character in a text");
	assert_string_equal(refusal(STR("{\"errcode\\u0000\":0}"), 0, NULL),
			    "a NUL character in a name");
	assert_string_equal(refusal(STR("{\"\\u0000\":0}"), 0, NULL), "a NUL character in a name");
	assert_null(refusal(STR("\"\\\\u0000\""), 0, NULL));
}

static void no_name_stands_twice_at_any_level(void **state)
{
	static const char *const twice[] = {
		"{\"a\":1,\"a\":1}",
		"{\"a\":1,\"b\":2,\"a\":3}",
		"{\"a\":1,\"\\u0061\":1}",
		"{\"\":1,\"\":1}",
		"[{\"a\":1,\"a\":2}]",
		"{\"x\":{\"a\":1,\"a\":2}}",
		"{\"x\":[{\"y\":{\"a\":1,\"a\":2}}]}",
		"{\"a\":{},\"a\":{}}",
		"{\"\xE5\xBC\xA0\":1,\"\\u5f20\":2}",
		"{\"a\":{\"b\":1},\"b\":1,\"a\":0}",
	};
	static const char *const once[] = {
		"{\"a\":{\"a\":{\"a\":1}}}",
		"[{\"a\":1},{\"a\":1}]",
		"{\"a\":1,\"A\":1,\"a \":1,\"\":1}",
		"{\"x\":{\"a\":1},\"a\":1,\"y\":{\"a\":1}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(twice); i++)
		assert_string_equal(refusal(str_of(twice[i]), 0, NULL),
				    "the same name twice in one object");
	for (size_t i = 0; i < ARRAY_LEN(once); i++)
		assert_null(refusal(str_of(once[i]), 0, NULL));
}

static struct str nested(unsigned depth, char open, char close)
{
	static char text[4096];
	size_t n = 0;

	for (unsigned i = 0; i < depth; i++) {
		if (open == '{' && i > 0)
			n += (size_t)sprintf(text + n, "\"a\":");
		text[n++] = open;
	}
	for (unsigned i = 0; i < depth; i++)
		text[n++] = close;
	return (struct str){ text, n };
}

static void eight_levels_and_no_more(void **state)
{
	(void)state;
	for (unsigned depth = 1; depth <= 8; depth++) {
		assert_null(refusal(nested(depth, '[', ']'), 0, NULL));
		assert_null(refusal(nested(depth, '{', '}'), 0, NULL));
	}
	assert_string_equal(refusal(nested(9, '[', ']'), 0, NULL), "nested too deeply");
	assert_string_equal(refusal(nested(9, '{', '}'), 0, NULL), "nested too deeply");
	assert_string_equal(refusal(nested(300, '[', ']'), 0, NULL), "nested too deeply");
	/* Wide is not deep. */
	assert_null(refusal(STR("[[],[],[[],[[]]],[],[[[[[[]]]]]]]"), 0, NULL));
}

static void a_million_levels_cost_nothing(void **state)
{
	enum { MILLION = 1000000 };
	char *text = malloc(MILLION);

	(void)state;
	ensure(text != NULL);
	memset(text, '[', MILLION);
	assert_string_equal(refusal((struct str){ text, MILLION }, 0, NULL), "nested too deeply");
	assert_true(arena.used < 4096);
	free(text);
}

static void a_hundred_and_twenty_eight_members_and_no_more(void **state)
{
	char text[4096];

	(void)state;
	for (unsigned members = 127; members <= 130; members++) {
		size_t n = (size_t)sprintf(text, "{\"m0\":0");
		for (unsigned i = 1; i < members; i++)
			n += (size_t)sprintf(text + n, ",\"m%u\":0", i);
		sprintf(text + n, "}");
		const char *why = refusal(str_of(text), 0, NULL);
		if (members <= 128)
			assert_null(why);
		else
			assert_string_equal(why, "too many members in one object");
	}
}

static void an_array_is_bounded_by_the_arena(void **state)
{
	struct arena small;
	struct json *root;
	char text[2001];

	(void)state;
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = i % 2 == 0 ? ',' : '1';
	text[0] = '[';
	text[sizeof text - 1] = ']'; /* [1,1, ... ,1] */
	struct str s = { text, sizeof text };
	assert_null(refusal(s, 0, &root));
	assert_true(root->count > 900);
	for (size_t cap = 0; cap < 20000; cap += 501) {
		arena_init(&small, cap);
		assert_int_equal(json_parse(&small, s, 0, &root, &error), ERR_NOMEM);
		assert_true(small.used <= cap);
		arena_finish(&small);
	}
}

/* Wherever the memory ends, it is told, and nothing half read comes out. */
static void the_end_of_the_arena_is_told_at_every_value(void **state)
{
	const struct str s = STR("{\"a\":true,\"b\":[null,1,1.5,\"x\",{\"c\":false}],\"d\":{}}");
	struct arena small;
	struct json *root;
	size_t cap = 0;
	enum err err;

	(void)state;
	do {
		arena_init(&small, cap);
		err = json_parse(&small, s, 0, &root, &error);
		assert_true(err == OK || err == ERR_NOMEM);
		arena_finish(&small);
		cap++;
	} while (err != OK);
	assert_true(cap > 9 * sizeof(struct json));
}

static void comments_are_for_configuration_files_only(void **state)
{
	static const char *const rows[] = {
		"// one\n{ /* two */ \"a\": /* three */ 1 // four\n }",
		"{} // behind",
		"{} // C:\\ud800",
		"/**/{}",
		"{\"a\":1,/* \" */\"b\":2} // \"",
	};
	struct json *root;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_null(refusal(str_of(rows[i]), JSON_COMMENTS, &root));
		assert_non_null(refusal(str_of(rows[i]), 0, NULL));
	}
	assert_int_equal(root->count, 2);
	assert_non_null(refusal(STR("# one\n{}"), JSON_COMMENTS, NULL));
	assert_null(refusal(STR("{\"a\":\"// no comment /* */\"}"), JSON_COMMENTS, &root));
	assert_string_equal(root->first->str.p, "// no comment /* */");
}

static void offsets_lead_to_the_line(void **state)
{
	struct json *root;

	(void)state;
	assert_null(refusal(STR("{\n \"a\": 1,\n \"b\": \"x\",\n \"c\": {\n } }"), 0, &root));
	assert_int_equal(json_get(root, "a")->at, 9);
	assert_true(json_get(root, "b")->at > 12 && json_get(root, "b")->at <= 22);
	assert_int_equal(json_get(root, "c")->at, 29);
	assert_non_null(refusal(STR("{\n\n\n \"a\" 1\n}"), 0, NULL));
	assert_true(error.at > 4 && error.at <= 12);
}

static void a_text_cut_anywhere_is_refused(void **state)
{
	static const char text[] =
		"{\"errcode\":0,\"a\":[true,null,\"\\ud83d\\ude00\xE5\xBC\xA0\",-1.5e3],\"o\":{}}";

	(void)state;
	assert_null(refusal(str_of(text), 0, NULL));
	for (size_t len = 0; len < strlen(text); len++)
		assert_non_null(refusal((struct str){ text, len }, 0, NULL));
}

static void every_type_has_a_name(void **state)
{
	(void)state;
	for (int t = JSON_NULL; t <= JSON_OBJECT; t++)
		assert_true(strlen(json_type_name((enum json_type)t)) > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whole_values_of_every_type_are_read, fresh_arena,
						drop_arena),
		cmocka_unit_test_setup_teardown(a_value_may_stand_alone, fresh_arena, drop_arena),
		cmocka_unit_test_setup_teardown(integers_are_strict, fresh_arena, drop_arena),
		cmocka_unit_test_setup_teardown(what_is_not_json_is_refused, fresh_arena,
						drop_arena),
		cmocka_unit_test_setup_teardown(what_yajl_lets_through_is_refused, fresh_arena,
						drop_arena),
		cmocka_unit_test_setup_teardown(
			the_four_blanks_and_what_a_string_holds_are_no_fault, fresh_arena,
			drop_arena),
		cmocka_unit_test_setup_teardown(text_is_well_formed_utf8_or_refused, fresh_arena,
						drop_arena),
		cmocka_unit_test_setup_teardown(surrogates_come_in_pairs, fresh_arena, drop_arena),
		cmocka_unit_test_setup_teardown(no_text_holds_a_nul, fresh_arena, drop_arena),
		cmocka_unit_test_setup_teardown(no_name_stands_twice_at_any_level, fresh_arena,
						drop_arena),
		cmocka_unit_test_setup_teardown(eight_levels_and_no_more, fresh_arena, drop_arena),
		cmocka_unit_test_setup_teardown(a_million_levels_cost_nothing, fresh_arena,
						drop_arena),
		cmocka_unit_test_setup_teardown(a_hundred_and_twenty_eight_members_and_no_more,
						fresh_arena, drop_arena),
		cmocka_unit_test_setup_teardown(an_array_is_bounded_by_the_arena, fresh_arena,
						drop_arena),
		cmocka_unit_test(the_end_of_the_arena_is_told_at_every_value),
		cmocka_unit_test_setup_teardown(comments_are_for_configuration_files_only,
						fresh_arena, drop_arena),
		cmocka_unit_test_setup_teardown(offsets_lead_to_the_line, fresh_arena, drop_arena),
		cmocka_unit_test_setup_teardown(a_text_cut_anywhere_is_refused, fresh_arena,
						drop_arena),
		cmocka_unit_test(every_type_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
