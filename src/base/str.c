/* Text: comparing, numbers, UTF-8, hex and base64. */
#include "base/str.h"

#include <errno.h>
#include <stdlib.h>

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool str_ieq(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

bool str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_eq((struct str){ s.p, prefix.len }, prefix);
}

bool str_ends(struct str s, struct str suffix)
{
	if (s.len < suffix.len)
		return false;
	return str_eq((struct str){ s.p + (s.len - suffix.len), suffix.len }, suffix);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
	while (s.len > 0 && is_blank(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

bool str_only(struct str s, const char *set)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] == '\0' || strchr(set, s.p[i]) == NULL)
			return false;
	return true;
}

enum err str_int(struct str s, int64_t *ret_n)
{
	char text[24];
	struct str digits = s;

	if (digits.len > 0 && digits.p[0] == '-') {
		digits.p++;
		digits.len--;
		if (str_is(digits, "0"))
			return ERR_SYNTAX;
	}
	if (digits.len == 0 || !str_only(digits, "0123456789"))
		return ERR_SYNTAX;
	if (digits.p[0] == '0' && digits.len > 1)
		return ERR_SYNTAX;
	if (s.len >= sizeof text)
		return ERR_TOO_LARGE;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	errno = 0;
	long long n = strtoll(text, NULL, 10);
	if (errno == ERANGE)
		return ERR_TOO_LARGE;
	*ret_n = n;
	return OK;
}

/* How many bytes a sequence with this first byte has, and the least it may say. */
static size_t utf8_lead(unsigned char c, int32_t *ret_bits, int32_t *ret_least)
{
	if (c < 0x80)
		return *ret_bits = c, *ret_least = 0, 1;
	if (c >= 0xC2 && c <= 0xDF)
		return *ret_bits = c & 0x1F, *ret_least = 0x80, 2;
	if (c >= 0xE0 && c <= 0xEF)
		return *ret_bits = c & 0x0F, *ret_least = 0x800, 3;
	if (c >= 0xF0 && c <= 0xF4)
		return *ret_bits = c & 0x07, *ret_least = 0x10000, 4;
	return 0;
}

int32_t str_next_rune(struct str s, size_t *pos)
{
	const unsigned char *p = (const unsigned char *)s.p;
	int32_t rune, least;

	if (*pos >= s.len)
		return -1;
	size_t n = utf8_lead(p[*pos], &rune, &least);
	if (n == 0 || s.len - *pos < n)
		return -1;
	for (size_t i = 1; i < n; i++) {
		unsigned char c = p[*pos + i];
		if ((c & 0xC0) != 0x80)
			return -1;
		rune = rune << 6 | (c & 0x3F);
	}
	if (rune < least || rune > 0x10FFFF || (rune >= 0xD800 && rune <= 0xDFFF))
		return -1;
	*pos += n;
	return rune;
}

bool str_utf8(struct str s)
{
	size_t pos = 0;

	while (pos < s.len)
		if (str_next_rune(s, &pos) < 0)
			return false;
	return true;
}

void str_hex(char *dst, const void *src, size_t n)
{
	const unsigned char *p = src;

	for (size_t i = 0; i < n; i++) {
		dst[2 * i] = "0123456789abcdef"[p[i] >> 4];
		dst[2 * i + 1] = "0123456789abcdef"[p[i] & 15];
	}
	dst[2 * n] = '\0';
}

static int unhex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool str_unhex(void *dst, size_t n, struct str s)
{
	unsigned char *out = dst;

	if (s.len != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = unhex_digit(s.p[2 * i]);
		int low = unhex_digit(s.p[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

static size_t base64(char *dst, const unsigned char *src, size_t n, const char *digits, bool pad)
{
	char *out = dst;

	for (size_t i = 0; i < n; i += 3) {
		size_t have = n - i < 3 ? n - i : 3;
		uint32_t bits = (uint32_t)src[i] << 16;
		if (have > 1)
			bits |= (uint32_t)src[i + 1] << 8;
		if (have > 2)
			bits |= src[i + 2];
		for (size_t k = 0; k < 4; k++) {
			if (k <= have)
				*out++ = digits[bits >> (18 - 6 * k) & 63];
			else if (pad)
				*out++ = '=';
		}
	}
	*out = '\0';
	return (size_t)(out - dst);
}

#define BASE62 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

size_t str_base64(char *dst, const void *src, size_t n)
{
	return base64(dst, src, n, BASE62 "+/", true);
}

size_t str_base64url(char *dst, const void *src, size_t n)
{
	return base64(dst, src, n, BASE62 "-_", false);
}
