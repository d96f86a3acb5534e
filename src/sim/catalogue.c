/* The table of codes, and the magic ID numbers made of it. */
#include "catalogue.h"

#include <stdio.h>

enum { ID_LEN = 18, PASSED_20 = 10000 };

/* The third digit of a magic ID, and what a code can be. */
enum kind { RESULT = 1, OPEN, QUERY, SPECIAL };

enum where {
	RET_10 = 1,   /* an identify_ret */
	RET_20 = 2,   /* a verify_ret */
	ON_OPEN = 4,  /* an errcode of getuseridkey or getverifyid */
	ON_QUERY = 8, /* an errcode of getinfo or queryverifyinfo */
	ODD = 16,     /* no code of WeChat's: a number of ours in `special` below */
};

#define RET     (RET_10 | RET_20)
#define ERRCODE (ON_OPEN | ON_QUERY)

enum special { SHORT_KEY = 2, SLOW, TOO_SLOW };

struct code_row {
	int code;
	unsigned where;
	const char *text;
};

/* clang-format off */
static const struct code_row rows[] = {
	{ -1,     RET_10 | ERRCODE, "system error" },
	{ 0,      RET_20,           "zero, which is no success in 2.0" },
	{ 10001,  RET,              "bad parameter" },
	{ 10002,  RET,              "face feature detection failed" },
	{ 10003,  RET,              "ID number does not match" },
	{ 10004,  RET,              "face does not match" },
	{ 10005,  RET,              "in progress" },
	{ 10006,  RET,              "appid lacks the permission" },
	{ 10007,  RET,              "fetching the picture failed" },
	{ 10008,  RET,              "system failure" },
	{ 10009,  RET_10,           "no source to compare with" },
	{ 10010,  RET,              "picture quality too low" },
	{ 10011,  RET_10,           "comparison not enabled" },
	{ 10012,  RET,              "comparison failed" },
	{ 10013,  RET,              "system failure" },
	{ 10014,  RET,              "system failure" },
	{ 10015,  RET,              "system failure" },
	{ 10016,  RET,              "storing the picture failed" },
	{ 10017,  RET,              "illegal identify_id" },
	{ 10018,  RET,              "user information missing" },
	{ 10020,  RET,              "authentication timed out" },
	{ 10021,  RET,              "repeated request, previous result returned" },
	{ 10022,  RET_10,           "user information is not JSON" },
	{ 10026,  RET,              "not in the authoritative source" },
	{ 10027,  RET_10,           "voice check failed" },
	{ 10028,  RET_10,           "lip motion check failed" },
	{ 10029,  RET,              "timed out" },
	{ 10030,  RET_10,           "system failure" },
	{ 10031,  RET_10,           "no nickname" },
	{ 10032,  RET_10,           "system failure" },
	{ 10040,  RET,              "not UTF-8" },
	{ 10041,  RET,              "illegal user or user_id_key" },
	{ 10042,  RET,              "too frequent" },
	{ 10045,  RET,              "system failure" },
	{ 10052,  RET,              "timed out" },
	{ 10057,  RET_10,           "different face subject" },
	{ 10066,  RET_10,           "bioid repeated" },
	{ 10069,  RET_10,           "liveness check unavailable" },
	{ 10153,  RET_10,           "WeChat is too old" },
	{ 10300,  RET_20,           "not completed yet" },
	{ 19999,  RET,              "a result that no documentation knows" },
	{ 90001,  RET_20,           "device unsupported" },
	{ 90002,  RET_20,           "user cancelled" },
	{ 90003,  RET_20,           "user cancelled" },
	{ 90004,  RET_20,           "user cancelled" },
	{ 90005,  RET_20,           "user cancelled" },
	{ 90006,  RET_20,           "user cancelled" },
	{ 90007,  RET_20,           "network failure" },
	{ 90008,  RET_20,           "camera not authorised" },
	{ 90009,  RET_20,           "microphone not authorised" },
	{ 90010,  RET_20,           "camera and microphone not authorised" },
	{ 90011,  RET_20,           "capture invalid" },
	{ 90012,  RET_20,           "network failure" },
	{ 90013,  RET_20,           "capture invalid" },
	{ 90014,  RET_20,           "capture invalid" },
	{ 90017,  RET_20,           "capture timed out" },
	{ 90018,  RET_20,           "system failure" },
	{ 90100,  RET_10,           "user cancelled" },
	{ 90101,  RET_10,           "camera or microphone not authorised" },
	{ 90102,  RET_10,           "base library failure" },
	{ 90103,  RET_10,           "upload failed" },
	{ 90104,  RET,              "configuration failure" },
	{ 90105,  RET,              "confirm page failure" },
	{ 90106,  RET,              "camera failure" },
	{ 90107,  RET,              "capture timed out" },
	{ 90108,  RET_10,           "phone shaken" },
	{ 90109,  RET,              "device unsupported" },
	{ 90110,  RET_20,           "agreement not confirmed" },
	{ 90199,  RET,              "unknown failure" },

	{ 40001,  ERRCODE,          "invalid credential, access_token is invalid or not latest" },
	{ 40002,  0,                "invalid grant_type" },
	{ 40003,  ON_OPEN,          "invalid openid" },
	{ 40013,  0,                "invalid appid" },
	{ 40014,  ERRCODE,          "invalid access_token" },
	{ 40029,  0,                "invalid code" },
	{ 40033,  ERRCODE,          "invalid charset. please check your request, if include \\uxxxx will create fail!" },
	{ 40066,  0,                "invalid url" },
	{ 40097,  ERRCODE,          "invalid args" },
	{ 40125,  0,                "invalid appsecret" },
	{ 40163,  0,                "code been used" },
	{ 40164,  ERRCODE,          "invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist" },
	{ 41001,  ERRCODE,          "access_token missing" },
	{ 41002,  0,                "appid missing" },
	{ 41004,  0,                "appsecret missing" },
	{ 41008,  0,                "missing code" },
	{ 42001,  ERRCODE,          "access_token expired" },
	{ 43001,  0,                "require GET method" },
	{ 43002,  ERRCODE,          "require POST method" },
	{ 44002,  ERRCODE,          "empty post data" },
	{ 45009,  ERRCODE,          "reach max api daily quota limit" },
	{ 45011,  ERRCODE,          "api minute-quota reach limit, must slower, retry next minute" },
	{ 47001,  ERRCODE,          "data format error" },
	{ 48001,  ERRCODE,          "api unauthorized" },
	{ 48004,  ERRCODE,          "api forbidden for irregularities" },
	{ 50002,  ERRCODE,          "user limited" },
	{ 61004,  ERRCODE,          "access clientip is not registered" },
	{ 61007,  ERRCODE,          "api is unauthorized to component" },
	{ 84001,  ON_QUERY,         "invalid identify id" },
	{ 84002,  ON_QUERY,         "user data expired" },
	{ 84003,  ON_QUERY,         "user data not exist" },
	{ 84004,  ON_QUERY,         "video upload fail" },
	{ 84005,  ON_QUERY,         "video download fail" },
	{ 84006,  ON_OPEN,          "name or id_card_number empty" },
	{ 99999,  ERRCODE,          "an errcode that no documentation knows" },

	{ SHORT_KEY, ODD,           "the key lives one second (expires_in 1)" },
	{ SLOW,      ODD,           "opening and asking take 3 seconds" },
	{ TOO_SLOW,  ODD,           "opening and asking take 20 seconds, longer than callers wait" },
};

static const struct { enum kind kind; unsigned where; } kinds[] = {
	{ RESULT,  RET },
	{ OPEN,    ON_OPEN },
	{ QUERY,   ON_QUERY },
	{ SPECIAL, ODD },
};
/* clang-format on */

static char check_digit(const char *id)
{
	static const int weights[] = { 7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2 };
	int sum = 0;

	for (size_t i = 0; i < ARRAY_LEN(weights); i++)
		sum += (id[i] - '0') * weights[i];
	return "10X98765432"[sum % 11];
}

static void write_id(char dst[ID_LEN + 1], enum kind kind, int code)
{
	unsigned digits = code == -1 ? 1 : (unsigned)code % 100000;

	snprintf(dst, ID_LEN + 1, "99%u%03u19900101%03u", (unsigned)kind % 10, digits / 100,
		 digits % 100);
	dst[ID_LEN - 1] = check_digit(dst);
	dst[ID_LEN] = '\0';
}

static const struct code_row *row_of(struct str id, enum kind *ret_kind)
{
	char made[ID_LEN + 1];

	if (!str_starts(id, STR("99")))
		return NULL;
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
			if ((rows[i].where & kinds[k].where) == 0)
				continue;
			write_id(made, kinds[k].kind, rows[i].code);
			if (!str_is(id, made))
				continue;
			*ret_kind = kinds[k].kind;
			return &rows[i];
		}
	}
	return NULL;
}

/* A code of one protocol only: the other one passes. */
static struct magic result_magic(const struct code_row *row)
{
	return (struct magic){
		.has_result = true,
		.identify_ret = (row->where & RET_10) != 0 ? row->code : 0,
		.verify_ret = (row->where & RET_20) != 0 ? row->code : PASSED_20,
	};
}

static struct magic special_magic(int special)
{
	switch (special) {
	case SHORT_KEY:
		return (struct magic){ .key_lifetime_s = 1 };
	case SLOW:
		return (struct magic){ .delay_ms = 3000 };
	case TOO_SLOW:
		return (struct magic){ .delay_ms = 20000 };
	}
	ensure(false && "special");
}

struct magic magic_of(struct str id_card_number)
{
	enum kind kind;
	const struct code_row *row = row_of(id_card_number, &kind);

	if (row == NULL)
		return (struct magic){ 0 };
	switch (kind) {
	case RESULT:
		return result_magic(row);
	case OPEN:
		return (struct magic){ .open_errcode = row->code };
	case QUERY:
		return (struct magic){ .query_errcode = row->code };
	case SPECIAL:
		return special_magic(row->code);
	}
	ensure(false && "kind");
}

const char *code_text(int64_t code)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].code == code && (rows[i].where & ODD) == 0)
			return rows[i].text;
	return "unknown";
}

static void write_row(struct json_out *o, enum kind kind, const struct code_row *row)
{
	static const char *const when[] = {
		[RESULT] = "result", [OPEN] = "open", [QUERY] = "query", [SPECIAL] = "special"
	};
	char id[ID_LEN + 1];

	write_id(id, kind, row->code);
	json_open_object(o, NULL);
	json_put_str(o, "id_card_number", str_of(id));
	json_put_str(o, "when", str_of(when[kind]));
	if (kind == RESULT && (row->where & RET_10) != 0)
		json_put_int(o, "identify_ret", row->code);
	if (kind == RESULT && (row->where & RET_20) != 0)
		json_put_int(o, "verify_ret", row->code);
	if (kind == OPEN || kind == QUERY)
		json_put_int(o, "errcode", row->code);
	json_put_str(o, "text", str_of(row->text));
	json_close_object(o);
}

void catalogue_write(struct json_out *o)
{
	json_open_array(o, "magic");
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
		for (size_t i = 0; i < ARRAY_LEN(rows); i++)
			if ((rows[i].where & kinds[k].where) != 0)
				write_row(o, kinds[k].kind, &rows[i]);
	json_close_array(o);
}
