/* Tests of writing JSON: nothing breaks out of its quotes, errors stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json_in.h"
#include "base/json_out.h"

static void every_type_is_written(void **state)
{
	static const char wanted[] = "{\"s\":\"张三\",\"i\":-9223372036854775808,\"t\":true,\"f\":"
				     "false,\"x\":\"secret\","
				     "\"o\":{\"e\":\"\"},\"a\":[1,\"two\",{}]}";
	struct json_out o;
	struct str text;

	(void)state;
	json_out_init(&o);
	json_open_object(&o, NULL);
	json_put_str(&o, "s", STR("张三"));
	json_put_int(&o, "i", INT64_MIN);
	json_put_bool(&o, "t", true);
	json_put_bool(&o, "f", false);
	json_put_secret(&o, "x", secret_of(STR("secret")));
	json_open_object(&o, "o");
	json_put_str(&o, "e", STR_NONE);
	json_close_object(&o);
	json_open_array(&o, "a");
	json_put_int(&o, NULL, 1);
	json_put_str(&o, NULL, STR("two"));
	json_open_object(&o, NULL);
	json_close_object(&o);
	json_close_array(&o);
	json_close_object(&o);
	assert_int_equal(json_out_text(&o, &text), OK);
	assert_int_equal(text.len, sizeof wanted - 1);
	assert_memory_equal(text.p, wanted, text.len);
	json_out_finish(&o);
	json_out_finish(&o);
}

/* What goes in comes out again, on one line, raw where it is not ASCII. */
static void any_text_comes_back_as_it_was(void **state)
{
	static const struct str texts[] = {
		STR(""),
		STR("\"},{\"x\":\""),
		STR("\\"),
		STR("\\u0041"),
		STR("\r\n\r\nX: y"),
		STR("\x01\x02\x1f\x7f"),
		STR("\xE2\x80\xA8\xE2\x80\xA9"),
		STR("张三·\xF0\xA0\x80\x80"),
		STR("</script>"),
		STR("\t\b\f"),
		STR("\xC2\x80\xC2\x9F"),
		STR("\xEF\xBF\xBF"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct json_error error;
		struct json_out o;
		struct arena arena;
		struct json *root;
		struct str text;
		arena_init(&arena, 65536);
		json_out_init(&o);
		json_open_object(&o, NULL);
		json_put_str(&o, "k", texts[i]);
		json_close_object(&o);
		assert_int_equal(json_out_text(&o, &text), OK);
		for (size_t k = 0; k < text.len; k++)
			assert_true((unsigned char)text.p[k] >= 0x20);
		assert_int_equal(json_parse(&arena, text, 0, &root, &error), OK);
		assert_int_equal(root->count, 1);
		assert_true(str_eq(root->first->str, texts[i]));
		json_out_finish(&o);
		arena_finish(&arena);
	}
}

static void a_nul_is_escaped(void **state)
{
	struct json_out o;
	struct str text;

	(void)state;
	json_out_init(&o);
	json_put_str(&o, NULL, STR("a\0b"));
	assert_int_equal(json_out_text(&o, &text), OK);
	assert_memory_equal(text.p, "\"a\\u0000b\"", text.len);
	json_out_finish(&o);
}

static void a_text_that_is_no_utf8_fails_the_whole(void **state)
{
	static const char *const bad[] = { "\x80", "\xC2", "\xE5\xBC", "\xFF",
					   "a\xF8\x88\x80\x80\x80" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct json_out o;
		struct str text;
		json_out_init(&o);
		json_open_object(&o, NULL);
		json_put_str(&o, "k", str_of(bad[i]));
		json_put_int(&o, "n", 1);
		json_close_object(&o);
		assert_int_equal(json_out_text(&o, &text), ERR_SYNTAX);
		json_out_finish(&o);
	}
}

static void wrong_nesting_fails_the_whole(void **state)
{
	struct str text;
	struct json_out o;

	(void)state;
	json_out_init(&o); /* a value without a name in an object */
	json_open_object(&o, NULL);
	json_put_int(&o, NULL, 1);
	json_close_object(&o);
	assert_int_equal(json_out_text(&o, &text), ERR_SYNTAX);
	json_out_finish(&o);
	json_out_init(&o); /* two values at the top */
	json_put_int(&o, NULL, 1);
	json_put_int(&o, NULL, 2);
	assert_int_equal(json_out_text(&o, &text), ERR_SYNTAX);
	json_out_finish(&o);
	json_out_init(&o); /* closed once too often */
	json_open_object(&o, NULL);
	json_close_object(&o);
	json_close_object(&o);
	assert_int_equal(json_out_text(&o, &text), ERR_SYNTAX);
	json_out_finish(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_is_written),
		cmocka_unit_test(any_text_comes_back_as_it_was),
		cmocka_unit_test(a_nul_is_escaped),
		cmocka_unit_test(a_text_that_is_no_utf8_fails_the_whole),
		cmocka_unit_test(wrong_nesting_fails_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
