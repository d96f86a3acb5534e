/* Checks a name and an ID number before WeChat is asked about them. */
#include "wx/identity.h"
#include "base/clock.h"

#include <time.h>

/* clang-format off */
static const struct reason
	no_name      = { 400, "name_missing", "请填写姓名", "Please give the name." },
	name_long    = { 400, "name_too_long", "姓名过长", "The name is too long." },
	name_chars   = { 400, "name_characters", "姓名中有无法识别的字符，请按身份证填写", "The name has characters that no ID card has; please write it as on the card." },
	no_id        = { 400, "id_card_number_missing", "请填写身份证号", "Please give the ID card number." },
	id_first_gen = { 400, "id_card_number_15", "15位身份证已停用，请填写18位身份证号", "15-digit ID cards are no longer valid; please give the 18-digit number." },
	id_length    = { 400, "id_card_number_length", "身份证号应为18位", "An ID card number has 18 characters." },
	id_chars     = { 400, "id_card_number_characters", "身份证号格式有误", "An ID card number has 17 digits and then a digit or X." },
	id_date      = { 400, "id_card_number_date", "身份证号中的出生日期有误", "The date of birth in the ID card number does not exist." },
	id_check     = { 400, "id_card_number_check", "身份证号有误，请核对", "The ID card number has a typing error, please check it." };
/* clang-format on */

struct range {
	int32_t first, last;
};

/*
 * What stands in names on ID cards: Han (also the rare blocks, the twelve unified
 * compatibility ideographs, the private use area for characters without a code,
 * and the zero that is a surname), the separator of minority names, and Latin
 * letters for what a card may carry beside them.
 */
static const struct range name_runes[] = {
	{ 'A', 'Z' },       { 'a', 'z' },       { ' ', ' ' },       { '.', '.' },
	{ 0x3007, 0x3007 }, { 0x3400, 0x4DBF }, { 0x4E00, 0x9FFF }, { 0xE000, 0xF8FF },
	{ 0xFA0E, 0xFA0F }, { 0xFA11, 0xFA11 }, { 0xFA13, 0xFA14 }, { 0xFA1F, 0xFA1F },
	{ 0xFA21, 0xFA21 }, { 0xFA23, 0xFA24 }, { 0xFA27, 0xFA29 }, { 0x20000, 0x323AF },
};

/*
 * What input methods write where a card has U+00B7.  It is sent, and hashed, as that: what
 * WeChat compares with is not documented, but the card's own sign is the best guess.
 */
static bool is_separator(int32_t rune)
{
	return rune == 0x00B7 || rune == 0x2022 || rune == 0x2027 || rune == 0x30FB ||
	       rune == 0xFF0E;
}

static bool is_name_rune(int32_t rune)
{
	if (is_separator(rune))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(name_runes); i++)
		if (rune >= name_runes[i].first && rune <= name_runes[i].last)
			return true;
	return false;
}

static const struct reason *check_name(struct str name)
{
	size_t pos = 0;

	if (name.len == 0)
		return &no_name;
	if (name.len > NAME_MAX_BYTES)
		return &name_long;
	while (pos < name.len)
		if (!is_name_rune(str_next_rune(name, &pos)))
			return &name_chars;
	return NULL;
}

/* A checked name as it is sent; never longer than it came. */
static struct str copy_name(struct arena *a, struct str name)
{
	static const struct str dot = STR("\xC2\xB7"); /* U+00B7 */
	char *p = arena_alloc(a, name.len + 1);
	size_t len = 0, pos = 0;

	while (p != NULL && pos < name.len) {
		struct str rune = { name.p + pos, pos };
		if (is_separator(str_next_rune(name, &pos)))
			rune = dot;
		else
			rune.len = pos - rune.len;
		memcpy(p + len, rune.p, rune.len);
		len += rune.len;
	}
	return p == NULL ? STR_NONE : (struct str){ p, len };
}

static int digits(const char *p, int n)
{
	int value = 0;

	for (int i = 0; i < n; i++)
		value = value * 10 + (p[i] - '0');
	return value;
}

static int days_in_month(int year, int month)
{
	static const int days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

static bool is_date(const char *p, int today)
{
	int year = digits(p, 4), month = digits(p + 4, 2), day = digits(p + 6, 2);

	if (year < 1800 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
		return false;
	return digits(p, 8) <= today;
}

static char check_digit(const char *p)
{
	static const int weights[17] = { 7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2 };
	int sum = 0;

	for (int i = 0; i < 17; i++)
		sum += (p[i] - '0') * weights[i];
	return "10X98765432"[sum % 11];
}

/* Full-width digits, say: who typed eighteen of them must not be told to type eighteen. */
static bool is_ascii(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

static const struct reason *check_id(struct str id, int today)
{
	static const char decimal[] = "0123456789";

	if (id.len == 0)
		return &no_id;
	if (!is_ascii(id))
		return &id_chars;
	if (id.len == 15 && str_only(id, decimal))
		return &id_first_gen;
	if (id.len != ID_NUMBER_LEN)
		return &id_length;
	char last = id.p[ID_NUMBER_LEN - 1];
	if (!str_only((struct str){ id.p, ID_NUMBER_LEN - 1 }, decimal) ||
	    (last != 'X' && !str_only((struct str){ &last, 1 }, decimal)))
		return &id_chars;
	if (!is_date(id.p + 6, today))
		return &id_date;
	return last == check_digit(id.p) ? NULL : &id_check;
}

const struct reason *identity_read(struct arena *a, struct str name, struct str id_number,
				   int today, struct identity *ret)
{
	struct str trimmed = str_trim(name);
	const struct reason *flaw = check_name(trimmed);
	char upper[ID_NUMBER_LEN];
	struct str id = str_trim(id_number);

	if (flaw != NULL)
		return flaw;
	if (id.len == ID_NUMBER_LEN) {
		memcpy(upper, id.p, sizeof upper);
		if (upper[ID_NUMBER_LEN - 1] == 'x')
			upper[ID_NUMBER_LEN - 1] = 'X';
		id.p = upper;
	}
	flaw = check_id(id, today);
	if (flaw == NULL)
		*ret = (struct identity){ secret_of(copy_name(a, trimmed)),
					  secret_of(arena_str(a, id)) };
	explicit_bzero(upper, sizeof upper);
	return flaw;
}

static struct str seen(struct secret s)
{
	return (struct str){ s.bytes_, s.len_ };
}

struct digest identity_hash(struct crypt *c, const char *purpose, const struct identity *i)
{
	const struct str texts[] = { seen(i->name), seen(i->id_number) };

	return crypt_hmac(c, purpose, texts, ARRAY_LEN(texts));
}

struct digest identity_number_hash(struct crypt *c, const char *purpose, const struct identity *i)
{
	struct str text = seen(i->id_number);

	return crypt_hmac(c, purpose, &text, 1);
}

void identity_wipe(struct identity *i)
{
	secret_wipe(&i->name);
	secret_wipe(&i->id_number);
}

int identity_today(void)
{
	time_t china = (time_t)(clock_wall_ms() / 1000) + 8 * 3600;
	struct tm tm;

	gmtime_r(&china, &tm);
	return (tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday;
}
