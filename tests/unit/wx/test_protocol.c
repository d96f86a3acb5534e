/* Tests of what is sent to WeChat and of how its answers are read, in both generations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "call.h"
#include "wx_help.h"

#include <stdlib.h>

static struct crypt *keys;
static struct conf_app apps[2];

static int set_up(void **state)
{
	(void)state;
	keys = test_crypt();
	apps[PROTOCOL_1_0] = test_app(PROTOCOL_1_0);
	apps[PROTOCOL_2_0] = test_app(PROTOCOL_2_0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	crypt_destroy(keys);
	return 0;
}

/* The body of an open call for this person, read back. */
static const struct json *open_body(struct arena *a, int protocol, const char *name, const char *id,
				    struct session *ret_s, struct json_out *o)
{
	struct identity who = identity_of(name, id);
	struct digest caller = { { 0 } };
	struct json_error error;
	struct json *root;
	struct str text;

	session_init(ret_s, &apps[protocol], &caller);
	strcpy(ret_s->sealed.openid, USER_OPENID);
	json_out_init(o);
	json_open_object(o, NULL);
	wx_protocol(protocol)->put_open(keys, ret_s, &who, o);
	json_close_object(o);
	assert_int_equal(json_out_text(o, &text), OK);
	assert_int_equal(json_parse(a, text, 0, &root, &error), OK);
	return root;
}

static void assert_member(const struct json *root, const char *name, const char *text)
{
	const struct json *j = json_get_type(root, name, JSON_STRING);

	assert_non_null(j);
	assert_string_equal(j->str.p, text);
}

/* WECHAT 2.3.  The ID fails the check digit, so this stands below the ID check. */
static void the_cert_hash_is_the_published_one(void **state)
{
	struct arena arena;
	struct json_out o;
	struct session s;

	(void)state;
	arena_init(&arena, 65536);
	const struct json *root =
		open_body(&arena, PROTOCOL_2_0, "张三", "310101199801011234", &s, &o);
	assert_string_equal(s.sealed.cert_hash,
			    "3c241f7ff324977aeb91f173bb2a7b06569e6fd784d5573db34a636d8671108b");
	const struct json *cert = json_get_type(root, "cert_info", JSON_OBJECT);
	assert_int_equal(root->count, 3);
	assert_int_equal(cert->count, 3);
	assert_member(cert, "cert_type", "IDENTITY_CARD");
	assert_member(cert, "cert_name", "张三");
	assert_member(cert, "cert_no", "310101199801011234");
	assert_member(root, "openid", USER_OPENID);
	assert_member(root, "out_seq_no", s.sealed.out_seq_no);
	assert_int_equal(strlen(s.sealed.out_seq_no), 32);
	assert_true(str_only(str_of(s.sealed.out_seq_no), "0123456789abcdef"));
	json_out_finish(&o);
	arena_finish(&arena);
}

static void the_longest_name_has_a_cert_hash_too(void **state)
{
	char name[NAME_MAX_BYTES + 1], first[CERT_HASH_LEN + 1];
	struct arena arena;
	struct json_out o;
	struct session s;

	(void)state;
	memset(name, 'A', NAME_MAX_BYTES);
	for (size_t len = NAME_MAX_BYTES; len > NAME_MAX_BYTES - 3; len--) {
		name[len] = '\0';
		arena_init(&arena, 65536);
		open_body(&arena, PROTOCOL_2_0, name, PERSON_ID, &s, &o);
		assert_int_equal(strlen(s.sealed.cert_hash), CERT_HASH_LEN);
		if (len < NAME_MAX_BYTES)
			assert_string_not_equal(first, s.sealed.cert_hash);
		strcpy(first, s.sealed.cert_hash);
		json_out_finish(&o);
		arena_finish(&arena);
	}
}

static void an_open_body_of_1_0_holds_name_and_number_and_no_more(void **state)
{
	struct arena arena;
	struct json_out o;
	struct session s;
	struct str text;

	(void)state;
	arena_init(&arena, 65536);
	const struct json *root = open_body(&arena, PROTOCOL_1_0, PERSON_NAME, PERSON_ID, &s, &o);
	assert_int_equal(root->count, 2);
	assert_member(root, "name", PERSON_NAME);
	assert_member(root, "id_card_number", PERSON_ID);
	assert_int_equal(json_out_text(&o, &text), OK);
	assert_null(memmem(text.p, text.len, "\\u", 2)); /* WeChat refuses escapes */
	json_out_finish(&o);
	arena_finish(&arena);
}

static void a_query_sends_what_was_stored(void **state)
{
	struct session s = opened_session(keys, &apps[PROTOCOL_2_0], USER_OPENID);
	struct json_out o;
	struct str text;
	char wanted[600];

	(void)state;
	json_out_init(&o);
	json_open_object(&o, NULL);
	wx_protocol_2_0.put_query(&s, STR("not this"), &o);
	json_close_object(&o);
	assert_int_equal(json_out_text(&o, &text), OK);
	snprintf(wanted, sizeof wanted,
		 "{\"verify_id\":\"%s\",\"out_seq_no\":\"%s\",\"cert_hash\":\"%s\",\"openid\":\"%"
		 "s\"}",
		 USER_ID_KEY, s.sealed.out_seq_no, s.sealed.cert_hash, USER_OPENID);
	assert_int_equal(text.len, strlen(wanted));
	assert_memory_equal(text.p, wanted, text.len);
	json_out_finish(&o);
}

/* T17: whatever stands in a verify_result stays inside its quotes. */
static void no_text_breaks_out_of_the_query(void **state)
{
	static const struct str texts[] = {
		{ "\",\"openid\":\"x", 15 },
		{ "\r\n\r\nGET / HTTP/1.1", 18 },
		{ "a\0b", 3 },
		{ "\xE2\x80\xA8", 3 },
		{ "\\", 1 },
		{ "\\u0022", 6 },
		{ "}{", 2 },
		{ "\x01\x1f\x7f", 3 },
	};
	struct session s = opened_session(keys, &apps[PROTOCOL_1_0], USER_OPENID);

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
		wx_protocol_1_0.put_query(&s, texts[i], &o);
		json_close_object(&o);
		assert_int_equal(json_out_text(&o, &text), OK);
		assert_null(memchr(text.p, '\n', text.len));
		enum err err = json_parse(&arena, text, 0, &root, &error);
		bool nul = memchr(texts[i].p, '\0', texts[i].len) != NULL;
		assert_int_equal(err, nul ? ERR_SYNTAX : OK);
		if (!nul) {
			assert_int_equal(root->count, 1);
			assert_true(str_eq(root->first->str, texts[i]));
		}
		json_out_finish(&o);
		arena_finish(&arena);
	}
}

/* --- reading answers: matrix J --------------------------------------------------- */

/* The good answer of a generation; %s is put where a number or a member may be changed. */
static const char *good_answer(int protocol)
{
	static char text[1000];
	char name[33], id[33];

	if (protocol == PROTOCOL_2_0)
		return "{\"errcode\":0,\"errmsg\":\"ok\",\"verify_ret\":10000}";
	snprintf(
		text, sizeof text,
		"{\"errcode\":0,\"errmsg\":\"ok\",\"identify_ret\":0,\"identify_time\":1795000000,"
		"\"validate_data\":\"\",\"openid\":\"%s\",\"user_id_key\":\"%s\","
		"\"finish_time\":1795000000,\"id_card_number_md5\":\"%s\",\"name_utf8_md5\":\"%s\","
		"\"check_alive_type\":2}",
		USER_OPENID, USER_ID_KEY, md5_hex(id, PERSON_ID), md5_hex(name, PERSON_NAME));
	return text;
}

static struct verdict verdict_of(int protocol, struct str text)
{
	struct session s = opened_session(keys, &apps[protocol], USER_OPENID);
	struct wx_answer a = answer_of(keys, &s, text);

	return wx_protocol(protocol)->verdict(&s, &a);
}

/* The good answer with the first `from` replaced by `to`. */
static struct verdict verdict_with(int protocol, const char *from, const char *to)
{
	static char text[2000];
	const char *good = good_answer(protocol);
	const char *at = strstr(good, from);

	assert_non_null(at);
	snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
	return verdict_of(protocol, str_of(text));
}

static void the_documented_answers_pass(void **state)
{
	(void)state;
	assert_int_equal(verdict_of(PROTOCOL_1_0, str_of(good_answer(PROTOCOL_1_0))).kind,
			 VERDICT_PASSED);
	assert_int_equal(verdict_of(PROTOCOL_2_0, str_of(good_answer(PROTOCOL_2_0))).kind,
			 VERDICT_PASSED);
}

/* J1-J11, J21-J25, J39: what is no answer at all. */
static void what_is_no_answer_decides_nothing(void **state)
{
	static const struct str rows[] = {
		{ "", 0 },
		{ "   \r\n", 5 },
		{ "null", 4 },
		{ "[]", 2 },
		{ "0", 1 },
		{ "\"ok\"", 4 },
		{ "true", 4 },
		{ "{}", 2 },
		{ "\xEF\xBB\xBF{}", 5 },
		{ "{\"data\":{\"errcode\":0,\"identify_ret\":0,\"verify_ret\":10000}}", 57 },
		{ "{\"ErrCode\":0,\"Identify_ret\":0,\"Verify_Ret\":10000}", 49 },
		{ "<html><body>502</body></html>", 29 },
		{ "{\"errcode\":0,\"identify_ret\":0", 29 },
		{ "{\"errcode\":0,\"verify_ret\":10000", 31 },
		{ "[{\"errcode\":0,\"verify_ret\":10000}]", 34 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(verdict_of(PROTOCOL_1_0, rows[i]).kind, VERDICT_NONE);
		assert_int_equal(verdict_of(PROTOCOL_2_0, rows[i]).kind, VERDICT_NONE);
	}
}

/* J12: cut at each byte. */
static void half_an_answer_decides_nothing(void **state)
{
	(void)state;
	for (int protocol = PROTOCOL_1_0; protocol <= PROTOCOL_2_0; protocol++) {
		const char *good = good_answer(protocol);
		for (size_t len = 0; len < strlen(good); len++) {
			char *copy = malloc(len + 1); /* so that a byte too far is noticed */
			memcpy(copy, good, len);
			copy[len] = '\0';
			assert_int_equal(verdict_of(protocol, (struct str){ copy, len }).kind,
					 VERDICT_NONE);
			free(copy);
		}
	}
}

static void no_single_changed_byte_makes_another_answer_pass(void **state)
{
	static const char bytes[] = "\"{}[]:,0 1-.eEx\\\x00\x01\x80\xff";

	(void)state;
	for (int protocol = PROTOCOL_1_0; protocol <= PROTOCOL_2_0; protocol++) {
		char text[1000];
		const char *good = good_answer(protocol);
		size_t len = strlen(good), passed = 0;
		for (size_t i = 0; i < len; i++) {
			for (size_t k = 0; k < sizeof bytes - 1; k++) {
				memcpy(text, good, len + 1);
				text[i] = bytes[k];
				struct verdict v = verdict_of(protocol, (struct str){ text, len });
				if (v.kind != VERDICT_PASSED)
					continue;
				/* then the part that counts is as it was */
				passed++;
				assert_non_null(strstr(text, "\"errcode\":0,"));
				assert_non_null(strstr(text, protocol == PROTOCOL_1_0
								     ? "\"identify_ret\":0,"
								     : "\"verify_ret\":10000}"));
				assert_true(protocol == PROTOCOL_2_0 ||
					    (strstr(text, USER_ID_KEY) != NULL &&
					     strstr(text, USER_OPENID) != NULL));
			}
		}
		assert_true(passed > 10);
	}
}

/* J15, J16, J26-J38 and what else may stand in place of a number. */
static void a_number_is_a_number_or_the_answer_does_not_pass(void **state)
{
	static const char *const values[] = {
		"\"0\"",
		"0.0",
		"-0",
		"1e-400",
		"0e0",
		"0e1",
		"false",
		"null",
		"true",
		"[]",
		"{}",
		"[0]",
		"00",
		"4294967296",
		"\"\"",
		"18446744073709551616",
		"-1",
		"+0",
		"0x0",
		".0",
		"0.",
		"1",
		"2",
		"10005",
		"\"10000\"",
		"10000.0",
		"1e4",
		"1E4",
		"100e2",
		"010000",
		"4294977296",
		"-10000",
		"9223372036854775807",
		"9223372036854775808",
		"99999999999999999999999999999999",
		"NaN",
		"\"passed\"",
		"0 0",
		"0,\"errcode\":0",
		"0/**/",
		"0//\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		char member[100];
		snprintf(member, sizeof member, "\"errcode\":%s,", values[i]);
		struct verdict one = verdict_with(PROTOCOL_1_0, "\"errcode\":0,", member);
		struct verdict two = verdict_with(PROTOCOL_2_0, "\"errcode\":0,", member);
		assert_int_equal(one.kind, VERDICT_NONE);
		assert_int_equal(two.kind, VERDICT_NONE);
		snprintf(member, sizeof member, "\"identify_ret\":%s,", values[i]);
		one = verdict_with(PROTOCOL_1_0, "\"identify_ret\":0,", member);
		snprintf(member, sizeof member, "\"verify_ret\":%s}", values[i]);
		two = verdict_with(PROTOCOL_2_0, "\"verify_ret\":10000}", member);
		assert_int_not_equal(one.kind, VERDICT_PASSED);
		assert_int_not_equal(two.kind, VERDICT_PASSED);
	}
	/* J37: the other generation's success */
	assert_int_equal(
		verdict_with(PROTOCOL_1_0, "\"identify_ret\":0", "\"identify_ret\":10000").kind,
		VERDICT_FAILED);
	assert_int_equal(verdict_with(PROTOCOL_2_0, ":10000", ":0").kind, VERDICT_FAILED);
	assert_int_equal(
		verdict_with(PROTOCOL_1_0, "\"identify_ret\":0", "\"verify_ret\":10000").kind,
		VERDICT_NONE);
}

static void nothing_stands_twice(void **state)
{
	static const struct {
		int protocol;
		const char *from, *to;
	} rows[] = {
		{ PROTOCOL_1_0, "\"identify_ret\":0", "\"identify_ret\":0,\"identify_ret\":10003" },
		{ PROTOCOL_1_0, "\"identify_ret\":0", "\"identify_ret\":10003,\"identify_ret\":0" },
		{ PROTOCOL_1_0, "\"identify_ret\":0",
		  "\"identify_ret\":0,\"identify\\u005fret\":0" },
		{ PROTOCOL_1_0, "\"user_id_key\":", "\"user_id_key\":\"x\",\"user_id_key\":" },
		{ PROTOCOL_2_0, "\"verify_ret\":10000",
		  "\"verify_ret\":10000,\"verify_ret\":10000" },
		{ PROTOCOL_2_0, "\"errcode\":0", "\"errcode\":1,\"errcode\":0" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(verdict_with(rows[i].protocol, rows[i].from, rows[i].to).word,
				    "unreadable_answer");
}

/* J8-J11, J17-J23: bytes that no answer of WeChat's holds. */
static void strange_bytes_make_an_answer_unreadable(void **state)
{
	static const char *const tails[] = {
		"} x",
		"}\"",
		"}\v",
		"\f}",
		"}{}",
		"}\n{}",
		"}]",
		"/**/}",
		"}//",
		",}",
		",\"a\":\"\xC0\xAF\"}",
		",\"a\":\"\xED\xA0\x80\"}",
		",\"a\":\"\xF4\x90\x80\x80\"}",
		",\"a\":\"\\ud800\"}",
		",\"a\":\"\\udc00\\ud800\"}",
		",\"a\":\"\\u0000\"}",
		",\"a\\u0000\":1}",
		",\"a\":\"\x01\"}",
		",\"a\":\"\r\n\"}",
		",\"a\":'x'}",
		",a:1}",
		",\"a\":\"\x80\"}",
		",\"a\":\"\\x\"}",
		",\"a\":[[[[[[[[[]]]]]]]]]}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
		char text[100];
		snprintf(text, sizeof text, ":10000%s", tails[i]);
		assert_string_equal(verdict_with(PROTOCOL_2_0, ":10000}", text).word,
				    "unreadable_answer");
		snprintf(text, sizeof text, ":2%s", tails[i]);
		assert_string_equal(verdict_with(PROTOCOL_1_0, ":2}", text).word,
				    "unreadable_answer");
	}
}

static void a_nul_behind_the_answer_makes_it_unreadable(void **state)
{
	static const char text[] = "{\"errcode\":0,\"verify_ret\":10000}\0";

	(void)state;
	assert_int_equal(verdict_of(PROTOCOL_2_0, (struct str){ text, sizeof text - 2 }).kind,
			 VERDICT_PASSED);
	assert_int_equal(verdict_of(PROTOCOL_2_0, (struct str){ text, sizeof text - 1 }).kind,
			 VERDICT_NONE);
}

/* Of any name and type, other generations' and near misses of what counts among them. */
static void a_member_that_no_verdict_rests_on_is_ignored(void **state)
{
	static const char *const members[] = {
		"\"liveness_score\":99",
		"\"x\":null",
		"\"\":\"\"",
		"\"a\":[1,{\"errcode\":1}]",
		"\"Errcode\":84001",
		"\"errcode \":84001",
		"\"data\":{\"errcode\":-1,\"verify_ret\":10003,\"identify_ret\":10003}",
	};
	char to[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		snprintf(to, sizeof to, "{%s,\"errcode\":0", members[i]);
		assert_string_equal(verdict_with(PROTOCOL_1_0, "{\"errcode\":0", to).word,
				    "passed");
		assert_string_equal(verdict_with(PROTOCOL_2_0, "{\"errcode\":0", to).word,
				    "passed");
	}
	assert_string_equal(verdict_with(PROTOCOL_2_0, "10000", "10000,\"identify_ret\":1").word,
			    "passed");
	assert_string_equal(
		verdict_with(PROTOCOL_1_0, "_ret\":0", "_ret\":0,\"verify_ret\":1").word, "passed");
	/* Those we know and do not need, too. */
	assert_string_equal(
		verdict_with(PROTOCOL_1_0, "\"validate_data\":\"\"", "\"validate_data\":[]").word,
		"passed");
	assert_string_equal(verdict_with(PROTOCOL_2_0, "\"errmsg\":\"ok\"", "\"errmsg\":7").word,
			    "passed");
}

static void a_member_that_is_ignored_must_not_stand_twice_either(void **state)
{
	(void)state;
	for (int protocol = PROTOCOL_1_0; protocol <= PROTOCOL_2_0; protocol++) {
		assert_string_equal(verdict_with(protocol, "{", "{\"score\":1,\"score\":1,").word,
				    "unreadable_answer");
		assert_string_equal(verdict_with(protocol, "{", "{\"o\":{\"a\":1,\"a\":2},").word,
				    "unreadable_answer");
	}
}

#define REPEATING "{\"errcode\":0,\"verify_ret\":10000,\"%s\":%s}"

/* 2.0: members that need not be there, and have to be ours if they are. */
static void what_an_answer_repeats_of_the_question_has_to_be_ours(void **state)
{
	static const char *const bad[] = {
		"\"\"", "\"other\"", "null", "0", "true", "[]", "{}",
	};
	struct session s = opened_session(keys, &apps[PROTOCOL_2_0], USER_OPENID);
	const struct {
		const char *name, *ours;
	} rows[] = {
		{ "verify_id", s.sealed.key },
		{ "out_seq_no", s.sealed.out_seq_no },
		{ "cert_hash", s.sealed.cert_hash },
		{ "openid", s.sealed.openid },
	};
	char text[300];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char ours[160];
		snprintf(ours, sizeof ours, "\"%s\"", rows[i].ours);
		snprintf(text, sizeof text, REPEATING, rows[i].name, ours);
		struct wx_answer a = answer_of(keys, &s, str_of(text));
		assert_string_equal(verdict_2_0(&s, &a).word, "passed");
		for (size_t k = 0; k <= ARRAY_LEN(bad); k++) {
			ours[1] ^= 1; /* the last: one character off */
			snprintf(text, sizeof text, REPEATING, rows[i].name,
				 k < ARRAY_LEN(bad) ? bad[k] : ours);
			ours[1] ^= 1;
			a = answer_of(keys, &s, str_of(text));
			assert_string_equal(verdict_2_0(&s, &a).word, "other_question");
		}
	}
	/* In 1.0 they are the other generation's. */
	assert_string_equal(verdict_with(PROTOCOL_1_0, "{", "{\"verify_id\":\"other\",").word,
			    "passed");
}

/* J38, J43-J45 */
static void what_binds_may_come_in_another_case_but_not_otherwise(void **state)
{
	char upper[33], lower_hex[33];

	(void)state;
	md5_hex(lower_hex, PERSON_ID);
	for (size_t i = 0; i < sizeof upper; i++)
		upper[i] = (char)(lower_hex[i] >= 'a' && lower_hex[i] <= 'f' ? lower_hex[i] - 32
									     : lower_hex[i]);
	assert_string_not_equal(upper, lower_hex);
	assert_int_equal(verdict_with(PROTOCOL_1_0, lower_hex, upper).kind, VERDICT_PASSED);

	static const char *const bad[] = { "", "0", "x", "g0123456789abcdef0123456789abcde",
					   "00000000000000000000000000000000" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_string_equal(verdict_with(PROTOCOL_1_0, lower_hex, bad[i]).word, "other_id");
		assert_string_equal(verdict_with(PROTOCOL_1_0, USER_ID_KEY, bad[i]).word,
				    "other_key");
		assert_string_equal(verdict_with(PROTOCOL_1_0, USER_OPENID, bad[i]).word,
				    "other_openid");
	}
	/* The MD5 of the number as 18 lower-case characters is another person's. */
	char small_x[33];
	md5_hex(small_x, "11010519491231002x");
	assert_string_equal(verdict_with(PROTOCOL_1_0, lower_hex, small_x).word, "other_id");
	/* The two MD5s changed over. */
	char name[33];
	md5_hex(name, PERSON_NAME);
	assert_string_equal(verdict_with(PROTOCOL_1_0, name, lower_hex).word, "other_name");
	assert_string_equal(verdict_with(PROTOCOL_1_0, "\"openid\"", "\"open_id\"").word,
			    "openid_missing");
	/* A key of the same text in capitals is another key. */
	assert_string_equal(
		verdict_with(PROTOCOL_1_0, USER_ID_KEY, "0123456789ABCDEF0123456789ABCDEF").word,
		"other_key");
}

static void each_binding_has_to_be_a_text(void **state)
{
	static const char *const members[] = { "user_id_key", "openid", "name_utf8_md5",
					       "id_card_number_md5" };
	static const char *const values[] = { "null", "0", "true", "[]", "{}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		for (size_t k = 0; k < ARRAY_LEN(values); k++) {
			char from[64], to[160], text[40];
			md5_hex(text, i == 2 ? PERSON_NAME : PERSON_ID);
			snprintf(from, sizeof from, "\"%s\":\"%s\"", members[i],
				 i == 0   ? USER_ID_KEY
				 : i == 1 ? USER_OPENID
					  : text);
			snprintf(to, sizeof to, "\"%s\":%s", members[i], values[k]);
			assert_int_equal(verdict_with(PROTOCOL_1_0, from, to).kind, VERDICT_NONE);
		}
	}
}

/* --- wx_read_answer ----------------------------------------------------------------- */

static void the_request_id_is_taken_out_of_the_message(void **state)
{
	static const struct {
		const char *text, *rid;
		int64_t errcode;
		bool readable;
	} rows[] = {
		{ "{\"errcode\":40001,\"errmsg\":\"invalid rid: 5f5e1a2b-0c3d4e5f-66778899\"}",
		  "5f5e1a2b-0c3d4e5f-66778899", 40001, true },
		{ "{\"errcode\":0,\"errmsg\":\"ok\"}", "", 0, true },
		{ "{\"errmsg\":\"rid: \"}", "", 0, true },
		{ "{\"errmsg\":\"rid: 12\\u000aevil\"}", "12", 0, true },
		{ "{\"errmsg\":17,\"errcode\":\"0\"}", "", 0, true },
		{ "{\"errmsg\":\"rid: 1-23456789-12345678-12345678-12345678-12345678-12345678-"
		  "12345678-1\"}",
		  "1-23456789-12345678-12345678-12345678-12345678-12345678-1234567", 0, true },
		{ "{\"errmsg\":\"rid: 123456789\"}", "", 0, true },
		{ "{\"errmsg\":\"rid: 1a-11010519491231002X\"}", "", 0, true }, /* an ID number */
		{ "[]", "", 0, false },
		{ "", "", 0, false },
		{ "{\"errcode\":84001", "", 0, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct arena arena;
		const struct json *root;
		char rid[WX_RID_MAX];
		int64_t errcode = -5;
		arena_init(&arena, 65536);
		assert_true(wx_read_answer(&arena, str_of(rows[i].text), &root, &errcode, rid) ==
			    rows[i].readable);
		assert_true((root != NULL) == rows[i].readable);
		assert_int_equal(errcode, rows[i].errcode);
		assert_string_equal(rid, rows[i].rid);
		arena_finish(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_cert_hash_is_the_published_one),
		cmocka_unit_test(the_longest_name_has_a_cert_hash_too),
		cmocka_unit_test(an_open_body_of_1_0_holds_name_and_number_and_no_more),
		cmocka_unit_test(a_query_sends_what_was_stored),
		cmocka_unit_test(no_text_breaks_out_of_the_query),
		cmocka_unit_test(the_documented_answers_pass),
		cmocka_unit_test(what_is_no_answer_decides_nothing),
		cmocka_unit_test(half_an_answer_decides_nothing),
		cmocka_unit_test(no_single_changed_byte_makes_another_answer_pass),
		cmocka_unit_test(a_number_is_a_number_or_the_answer_does_not_pass),
		cmocka_unit_test(nothing_stands_twice),
		cmocka_unit_test(strange_bytes_make_an_answer_unreadable),
		cmocka_unit_test(a_nul_behind_the_answer_makes_it_unreadable),
		cmocka_unit_test(a_member_that_no_verdict_rests_on_is_ignored),
		cmocka_unit_test(a_member_that_is_ignored_must_not_stand_twice_either),
		cmocka_unit_test(what_an_answer_repeats_of_the_question_has_to_be_ours),
		cmocka_unit_test(what_binds_may_come_in_another_case_but_not_otherwise),
		cmocka_unit_test(each_binding_has_to_be_a_text),
		cmocka_unit_test(the_request_id_is_taken_out_of_the_message),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
