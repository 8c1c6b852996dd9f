#include "json/scan.h"

#include "core/utf8.h"

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* The length of the escape at the backslash, or 0. */
static size_t
escape_length(const char *at, const char *end)
{
	if (end - at < 2)
		return 0;
	switch (at[1]) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't': return 2;
	case 'u': break;
	default: return 0;
	}
	if (end - at < 6)
		return 0;
	for (int i = 2; i < 6; i++)
		if (!is_hex(at[i]))
			return 0;
	return 6;
}

const char *
scan_string(const char *at, const char *end, bool *ret_escaped, const char **ret_why)
{
	size_t n;

	for (;;) {
		while (end - at >= SCAN_BLOCK) {
			unsigned mask = scan_special(at);

			if (mask != 0) {
				at += __builtin_ctz(mask);
				break;
			}
			at += SCAN_BLOCK;
		}
		if (at == end) {
			*ret_why = "a closing quote";
			return NULL;
		}
		if (*at == '"')
			return at;
		if (*at == '\\') {
			*ret_escaped = true;
			n = escape_length(at, end);
			*ret_why = "a valid escape";
		} else if ((unsigned char)*at >= 0x80) {
			n = utf8_length(at, end);
			*ret_why = "UTF-8";
		} else {
			n = (unsigned char)*at >= 0x20;
			*ret_why = "no control character in a string";
		}
		if (n == 0)
			return NULL;
		at += n;
	}
}

const char *
scan_plain(const char *at, const char *end)
{
	while (at < end) {
		size_t n;

		while (end - at >= SCAN_BLOCK && scan_special(at) == 0)
			at += SCAN_BLOCK;
		if (at == end)
			break;
		n = (unsigned char)*at < 0x80
			? *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20
			: utf8_length(at, end);
		if (n == 0)
			break;
		at += n;
	}
	return at;
}

static const char *
skip_digits(const char *at, const char *end)
{
	while (at < end && (unsigned char)(*at - '0') <= 9)
		at++;
	return at;
}

const char *
scan_number(const char *at, const char *end)
{
	const char *digits;

	if (at < end && *at == '-')
		at++;
	digits = at;
	at = skip_digits(at, end);
	if (at == digits || (*digits == '0' && at - digits > 1))
		return NULL;
	if (at < end && *at == '.') {
		digits = at + 1;
		at = skip_digits(digits, end);
		if (at == digits)
			return NULL;
	}
	if (at < end && (*at | 0x20) == 'e') {
		at++;
		if (at < end && (*at == '+' || *at == '-'))
			at++;
		digits = at;
		at = skip_digits(digits, end);
		if (at == digits)
			return NULL;
	}
	return at;
}

static unsigned
hex4(const char *at)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++) {
		unsigned c = (unsigned char)at[i];

		value = value << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return value;
}

static size_t
put_utf8(unsigned code, char *to)
{
	if (code < 0x80) {
		to[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		to[0] = (char)(0xc0 | code >> 6);
		to[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		to[0] = (char)(0xe0 | code >> 12);
		to[1] = (char)(0x80 | (code >> 6 & 0x3f));
		to[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | code >> 18);
	to[1] = (char)(0x80 | (code >> 12 & 0x3f));
	to[2] = (char)(0x80 | (code >> 6 & 0x3f));
	to[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

/* Decodes the \u escape at *at (two, for a pair of surrogates) and passes it. */
static unsigned
decode_u(const char **at, const char *end)
{
	unsigned code = hex4(*at + 2), low;

	*at += 6;
	if (code < 0xd800 || code > 0xdfff)
		return code;
	if (code < 0xdc00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u') {
		low = hex4(*at + 2);
		if (low >= 0xdc00 && low <= 0xdfff) {
			*at += 6;
			return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
		}
	}
	return 0xfffd;
}

/* Decodes the escape at *at into `to` (up to 4 bytes) and passes it. */
static size_t
decode_escape(const char **at, const char *end, char *to)
{
	static const char plain[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *found;

	if ((*at)[1] == 'u')
		return put_utf8(decode_u(at, end), to);
	found = memchr(plain, (*at)[1], sizeof(plain) - 1);
	to[0] = found == NULL ? '?' : meant[found - plain];
	*at += 2;
	return 1;
}

size_t
scan_decode(struct slice inner, char *to)
{
	const char *at = inner.ptr, *end;
	char *out = to;

	if (inner.len == 0) /* there may be no text at all */
		return 0;
	end = at + inner.len;
	while (at < end) {
		if (*at == '\\')
			out += decode_escape(&at, end, out);
		else
			*out++ = *at++;
	}
	return (size_t)(out - to);
}

bool
scan_decoded_equals(struct slice inner, struct slice text)
{
	const char *at = inner.ptr, *end = at + inner.len;
	char piece[4];
	size_t n;

	while (at < end) {
		if (*at == '\\') {
			n = decode_escape(&at, end, piece);
		} else {
			piece[0] = *at++;
			n = 1;
		}
		if (text.len < n || memcmp(text.ptr, piece, n) != 0)
			return false;
		text = slice_from(text, n);
	}
	return text.len == 0;
}

/*
 * The exponent's value, held within what could matter: a mantissa of as many
 * digits as a text may have can undo all that is less.
 */
static int64_t
read_exponent(struct slice s)
{
	bool negative = s.len > 0 && s.ptr[0] == '-';
	int64_t value = 0;

	if (s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+'))
		s = slice_from(s, 1);
	for (size_t i = 0; i < s.len && value < 1000000000000; i++)
		value = value * 10 + (s.ptr[i] - '0');
	return negative ? -value : value;
}

/* Puts a digit behind the value, unless it then passes the limit. */
static bool
add_digit(uint64_t *value, unsigned digit, uint64_t limit)
{
	if (*value > (limit - digit) / 10)
		return false;
	*value = *value * 10 + digit;
	return true;
}

bool
scan_scaled(struct slice number, int digits, bool round, int64_t *ret_value)
{
	bool negative = number.ptr[0] == '-', half = false, rest = false;
	const uint64_t limit = (uint64_t)INT64_MAX + negative;
	size_t mantissa = 0;
	uint64_t value = 0;
	int64_t left; /* digits that still count; grows with the exponent */

	if (negative)
		number = slice_from(number, 1);
	while (mantissa < number.len && (number.ptr[mantissa] | 0x20) != 'e')
		mantissa++;
	left = digits + read_exponent(slice_from(number, mantissa + 1));
	left += (int64_t)slice_find(slice_head(number, mantissa), '.');
	for (size_t i = 0; i < mantissa; i++) {
		unsigned digit = (unsigned)(number.ptr[i] - '0');

		if (number.ptr[i] == '.')
			continue;
		if (left-- <= 0) {
			half = half || (left == -1 && digit >= 5);
			rest = rest || digit != 0;
		} else if (!add_digit(&value, digit, limit)) {
			return false;
		}
	}
	for (; left > 0 && value > 0; left--)
		if (!add_digit(&value, 0, limit))
			return false;
	if ((rest && !round) || (half && value == limit))
		return false;
	value += half;
	*ret_value = (int64_t)(negative ? 0 - value : value);
	return true;
}
