#include "json/scan.h"

#include "core/random.h"
#include "core/utf8.h"
#include "core/wide.h"
#include "test.h"

#include <stdlib.h>

/* --- strings --- */

/* What stands between the quotes is good, bad, or goes to the end of the text. */
static const char *
scan(struct slice text, bool *ret_escaped)
{
	const char *why = NULL, *end;

	*ret_escaped = false;
	end = scan_string(text.ptr, text.ptr + text.len, ret_escaped, &why);
	assert_true(end != NULL || why != NULL);
	return end;
}

TEST(the_closing_quote_is_found_at_every_place)
{
	char text[100];
	bool escaped;

	for (size_t at = 0; at < 90; at++) {
		memset(text, 'x', sizeof(text));
		text[at] = '"';
		text[at + 1] = '"';
		assert_ptr_equal(scan(slice_of(text, 100), &escaped), text + at);
		assert_false(escaped);
		assert_ptr_equal(scan(slice_of(text, at + 1), &escaped), text + at);
		assert_null(scan(slice_of(text, at), &escaped));
	}
}

TEST(escapes_are_known_and_whole)
{
	static const char *const good[] = {"\\\"", "\\\\", "\\/", "\\b", "\\f", "\\n",
	    "\\r", "\\t", "\\u0000", "\\uABCD", "\\uabcd", "\\uffff", "\\uFFFF",
	    "\\ud83d\\ude00", "\\udead"};
	static const char *const bad[] = {"\\", "\\x", "\\a", "\\'", "\\0", "\\u", "\\u1",
	    "\\u12", "\\u123", "\\u123g", "\\u 123", "\\U1234", "\\N"};
	char text[64];
	bool escaped;

	for (size_t pad = 0; pad < 40; pad++) {
		memset(text, ' ', pad);
		for (size_t i = 0; i < COUNT(good); i++) {
			int n = snprintf(text + pad, 20, "%s\"", good[i]);

			assert_ptr_equal(scan(slice_of(text, pad + (size_t)n), &escaped),
			    text + pad + n - 1);
			assert_true(escaped);
		}
		for (size_t i = 0; i < COUNT(bad); i++) {
			int n = snprintf(text + pad, 20, "%s\"", bad[i]);

			assert_null(scan(slice_of(text, pad + (size_t)n), &escaped));
			assert_null(scan(slice_of(text, pad + (size_t)n - 1), &escaped));
		}
	}
}

TEST(control_characters_are_refused)
{
	char text[40];
	bool escaped;

	for (unsigned c = 0; c < 0x80; c++) {
		for (size_t at = 0; at < 36; at++) {
			memset(text, 'x', sizeof(text));
			text[39] = '"';
			text[at] = (char)c;
			if (c == '"' || c == '\\')
				continue;
			assert_int_equal(
			    scan(slice_of(text, 40), &escaped) == NULL, c < 0x20);
		}
	}
}

/* RFC 3629's table, written down once more: the code point, or -1. */
static long
naive_decode(const unsigned char *p, size_t n)
{
	long code;

	if (n == 2 && (p[0] & 0xe0) == 0xc0)
		code = p[0] & 0x1f;
	else if (n == 3 && (p[0] & 0xf0) == 0xe0)
		code = p[0] & 0x0f;
	else if (n == 4 && (p[0] & 0xf8) == 0xf0)
		code = p[0] & 0x07;
	else
		return -1;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return -1;
		code = code << 6 | (p[i] & 0x3f);
	}
	if ((n == 2 && code < 0x80) || (n == 3 && code < 0x800) ||
	    (n == 4 && code < 0x10000) || code > 0x10ffff ||
	    (code >= 0xd800 && code <= 0xdfff))
		return -1;
	return code;
}

static size_t
naive_length(const char *at, size_t left)
{
	for (size_t n = 2; n <= 4 && n <= left; n++)
		if (naive_decode((const unsigned char *)at, n) >= 0)
			return n;
	return 0;
}

TEST(utf8_is_what_the_rfc_says)
{
	/* All first and second bytes, and the edges of the third and fourth. */
	static const unsigned char edges[] = {0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
	char text[4];

	for (unsigned a = 0; a < 0x10000; a++) {
		for (unsigned b = 0; b < COUNT(edges) * COUNT(edges); b++) {
			text[0] = (char)(a >> 8);
			text[1] = (char)a;
			text[2] = (char)edges[b / COUNT(edges)];
			text[3] = (char)edges[b % COUNT(edges)];
			for (size_t n = 1; n <= 4; n++)
				if (utf8_length(text, text + n) != naive_length(text, n))
					fail_msg("%02x %02x of %zu", a >> 8, a & 0xff, n);
		}
	}
}

TEST(broken_utf8_is_refused_at_every_place)
{
	static const char *const bad[] = {"\x80", "\xc0\xaf", "\xc3", "\xe2\x82",
	    "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xff"};
	static const char good[] = "\xc2\xa2\xe2\x82\xac\xf0\x9f\x98\x80";
	char text[64];
	bool escaped;

	for (size_t pad = 0; pad < 40; pad++) {
		int n;

		memset(text, 'x', pad);
		for (size_t i = 0; i < COUNT(bad); i++) {
			n = snprintf(text + pad, 20, "%s\"", bad[i]);
			assert_null(scan(slice_of(text, pad + (size_t)n), &escaped));
		}
		n = snprintf(text + pad, 20, "%s\"", good);
		assert_ptr_equal(
		    scan(slice_of(text, pad + (size_t)n), &escaped), text + pad + n - 1);
	}
}

TEST(plain_stops_at_what_needs_escaping)
{
	static const struct {
		const char *text;
		size_t plain;
	} cases[] = {
	    {"", 0},
	    {"abc", 3},
	    {"ab\"c", 2},
	    {"ab\\c", 2},
	    {"ab\nc", 2},
	    {"ab\x7f", 3},
	    {"a\xc3\xbc\xe2\x82\xac", 6},
	    {"a\xc3", 1},
	    {"a\xff", 1},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct slice s = slice_str(cases[i].text);

		assert_ptr_equal(
		    scan_plain(s.ptr, s.ptr + s.len), s.ptr + cases[i].plain);
	}
}

TEST(decoding)
{
	static const struct {
		const char *inner, *text;
	} cases[] = {
	    {"", ""},
	    {"abc", "abc"},
	    {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
	    {"\\u0041\\u00fc\\u20AC", "A\xc3\xbc\xe2\x82\xac"},
	    {"\\u007f\\u0080\\u07ff\\u0800\\uffff",
		"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"},
	    {"\\ud83d\\ude00", "\xf0\x9f\x98\x80"},
	    {"\\udbff\\udfff", "\xf4\x8f\xbf\xbf"},
	    {"\\ud800\\udc00", "\xf0\x90\x80\x80"},
	    {"\\ud800", "\xef\xbf\xbd"},
	    {"\\ude00\\ud83d", "\xef\xbf\xbd\xef\xbf\xbd"},
	    {"\\ud83dx\\ude00", "\xef\xbf\xbdx\xef\xbf\xbd"},
	    {"\\ud83d\\n", "\xef\xbf\xbd\n"},
	    {"\\ud83d\\ud83d\\ude00", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
	    {"\\ud83d\\u0041", "\xef\xbf\xbd\x41"},
	};
	char text[100];

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct slice inner = slice_str(cases[i].inner);
		struct slice want = slice_str(cases[i].text);
		size_t n = scan_decode(inner, text);

		assert_true(n <= inner.len);
		assert_slice(slice_of(text, n), want);
		assert_true(scan_decoded_equals(inner, want));
		text[n] = 'x';
		assert_false(scan_decoded_equals(inner, slice_of(text, n + 1)));
		if (n > 0) {
			assert_false(scan_decoded_equals(inner, slice_of(text, n - 1)));
			text[n - 1] ^= 1;
			assert_false(scan_decoded_equals(inner, slice_of(text, n)));
		}
	}
	assert_int_equal(scan_decode(S("a\\u0000b"), text), 3);
	assert_memory_equal(text, "a\0b", 3);
}

/* --- numbers --- */

TEST(numbers_end_where_the_grammar_says)
{
	static const struct {
		const char *text;
		int length; /* -1: none */
	} cases[] = {
	    {"0", 1},
	    {"-0", 2},
	    {"12,", 2},
	    {"1.5e+3]", 6},
	    {"1E9", 3},
	    {"1e-0", 4},
	    {"0.0", 3},
	    {"10", 2},
	    {"1x", 1},
	    {"1.2.3", 3},
	    {"1e2e3", 3},
	    {"", -1},
	    {"-", -1},
	    {"+1", -1},
	    {".5", -1},
	    {"1.", -1},
	    {"1.e3", -1},
	    {"1e", -1},
	    {"1e+", -1},
	    {"01", -1},
	    {"-01", -1},
	    {"00", -1},
	    {"-a", -1},
	    {"Infinity", -1},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct slice s = slice_str(cases[i].text);
		const char *end = scan_number(s.ptr, s.ptr + s.len);

		if (cases[i].length < 0)
			assert_null(end);
		else
			assert_ptr_equal(end, s.ptr + cases[i].length);
	}
}

/* A number of scan_scaled: `none` when it does not fit. */
struct scaled {
	const char *text;
	int digits;
	bool none;
	int64_t value;
};

static void
check_scaled(const struct scaled *cases, size_t count, bool round)
{
	for (size_t i = 0; i < count; i++) {
		int64_t value = 77;
		bool got =
		    scan_scaled(slice_str(cases[i].text), cases[i].digits, round, &value);

		if (got == cases[i].none || value != (got ? cases[i].value : 77))
			fail_msg("%s * 10^%d: %s %lld", cases[i].text, cases[i].digits,
			    got ? "is" : "does not fit", (long long)value);
	}
}

TEST(scaled_rounds_half_away_from_zero)
{
	static const struct scaled cases[] = {
	    {"0", 12, false, 0},
	    {"-0", 12, false, 0},
	    {"1.35e-05", 12, false, 13500000},
	    {"0.5", 0, false, 1},
	    {"0.49999", 0, false, 0},
	    {"-0.5", 0, false, -1},
	    {"-0.49999", 0, false, 0},
	    {"1.5", 0, false, 2},
	    {"2.5", 0, false, 3},
	    {"0.05", 0, false, 0},
	    {"0.05", 1, false, 1},
	    {"5e-1", 0, false, 1},
	    {"5e-2", 0, false, 0},
	    {"12345", -2, false, 123},
	    {"12350", -2, false, 124},
	    {"5", -1, false, 1},
	    {"4", -1, false, 0},
	    {"1e3", 0, false, 1000},
	    {"1E+3", 2, false, 100000},
	    {"0e99999999999", 12, false, 0},
	    {"1e-99999999999", 12, false, 0},
	    {"0.000000000000000000000001e24", 0, false, 1},
	    {"9223372036854775807", 0, false, INT64_MAX},
	    {"922337203685477580.7", 1, false, INT64_MAX},
	    {"9223372036854775806.5", 0, false, INT64_MAX},
	    {"9223372036854775807.4", 0, false, INT64_MAX},
	    {"-9223372036854775807", 0, false, -INT64_MAX},
	    {"9223372036854775808", 0, true, 0},
	    {"1e19", 0, true, 0},
	    {"1e99999999999", 0, true, 0},
	    {"123456789012345678901234567890", 0, true, 0},
	    {"123456789012345678901234567890", -20, false, 1234567890},
	};

	check_scaled(cases, COUNT(cases), true);
}

TEST(scaled_without_rounding_is_exact_or_nothing)
{
	static const struct scaled cases[] = {
	    {"12", 0, false, 12},
	    {"12.0", 0, false, 12},
	    {"12.000e0", 0, false, 12},
	    {"1200e-2", 0, false, 12},
	    {"1.2e1", 0, false, 12},
	    {"12.5", 0, true, 0},
	    {"12.0000001", 0, true, 0},
	    {"1e-1", 0, true, 0},
	    {"0e-1", 0, false, 0},
	    {"0.00", 0, false, 0},
	};

	check_scaled(cases, COUNT(cases), false);
}

TEST(scaled_reaches_both_ends_of_int64)
{
	static const struct scaled cases[] = {
	    {"-9223372036854775808", 0, false, INT64_MIN},
	    {"-9223372036854775807.5", 0, false, INT64_MIN},
	    {"-9223372036854775808.4", 0, false, INT64_MIN},
	    {"-9.223372036854775808e18", 0, false, INT64_MIN},
	    {"-9223372036854775808.5", 0, true, 0}, {"-9223372036854775809", 0, true, 0},
	    {"9223372036854775807.5", 0, true, 0}, /* was INT64_MAX */
	};

	check_scaled(cases, COUNT(cases), true);
}

/* As many zeros as its exponent takes away again. */
TEST(scaled_takes_exponents_that_a_long_mantissa_undoes)
{
	enum { ZEROS = 100000 };
	char *text = malloc(ZEROS + 20);
	int64_t value = 0;

	assert_non_null(text);
	text[0] = '7';
	memset(text + 1, '0', ZEROS);
	(void)snprintf(text + 1 + ZEROS, 10, "e-%d", ZEROS);
	assert_true(scan_scaled(slice_str(text), 0, true, &value));
	assert_int_equal(value, 7);
	memcpy(text, "0.", 2);
	memset(text + 2, '0', ZEROS);
	(void)snprintf(text + 2 + ZEROS, 18, "7e%d", ZEROS + 1);
	assert_true(scan_scaled(slice_str(text), 0, true, &value));
	assert_int_equal(value, 7);
	free(text);
}

static wide
power10(int n)
{
	wide p = 1;

	while (n-- > 0)
		p *= 10;
	return p;
}

/* m * 10^e rounded half away from zero, by plain 128-bit arithmetic. */
static bool
reference(int64_t m, int e, int64_t *ret)
{
	wide v = m < 0 ? -(wide)m : (wide)m;

	for (; e > 0 && v != 0 && v < power10(25); e--)
		v *= 10;
	if (e < -30)
		v = 0;
	else if (e < 0)
		v = (v + power10(-e) / 2) / power10(-e);
	if (m < 0)
		v = -v;
	if (v < INT64_MIN || v > INT64_MAX)
		return false;
	*ret = (int64_t)v;
	return true;
}

/* The number m * 10^-places, written with a point and an exponent. */
static size_t
write_number(char *to, size_t cap, int64_t m, int places, int exponent)
{
	char digits[64];
	int n = snprintf(digits, sizeof(digits), "%0*llu", places + 1,
	    m < 0 ? 0 - (unsigned long long)m : (unsigned long long)m);
	int whole = n - places, len;

	len = snprintf(to, cap, "%s%.*s%s%s", m < 0 ? "-" : "", whole, digits,
	    places > 0 ? "." : "", digits + whole);
	if (exponent != 0)
		len += snprintf(to + len, cap - (size_t)len, "e%d", exponent);
	return (size_t)len;
}

TEST(scaled_agrees_with_128_bits)
{
	unsigned fit = 0;
	struct random r;

	random_seed(&r, 5);
	for (unsigned i = 0; i < 200000; i++) {
		int64_t m =
		    (int64_t)(random_below(&r, INT64_MAX) >> random_below(&r, 63));
		int places = (int)random_below(&r, 20);
		int exponent = (int)random_below(&r, 40) - 20;
		int digits = (int)random_below(&r, 16) - 2;
		int64_t want = 0, got = 0;
		bool fits;
		char text[128];
		size_t n;

		if (random_below(&r, 2) == 0)
			m = -m;
		n = write_number(text, sizeof(text), m, places, exponent);
		assert_ptr_equal(scan_number(text, text + n), text + n);
		fits = reference(m, exponent + digits - places, &want);
		if (scan_scaled(slice_of(text, n), digits, true, &got) != fits ||
		    (fits && got != want))
			fail_msg("%.*s * 10^%d is %lld, not %lld", (int)n, text, digits,
			    (long long)want, (long long)got);
		fit += fits;
	}
	assert_in_range(fit, 20000, 180000); /* both happened often */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_closing_quote_is_found_at_every_place),
	    cmocka_unit_test(escapes_are_known_and_whole),
	    cmocka_unit_test(control_characters_are_refused),
	    cmocka_unit_test(utf8_is_what_the_rfc_says),
	    cmocka_unit_test(broken_utf8_is_refused_at_every_place),
	    cmocka_unit_test(plain_stops_at_what_needs_escaping),
	    cmocka_unit_test(decoding),
	    cmocka_unit_test(numbers_end_where_the_grammar_says),
	    cmocka_unit_test(scaled_rounds_half_away_from_zero),
	    cmocka_unit_test(scaled_without_rounding_is_exact_or_nothing),
	    cmocka_unit_test(scaled_reaches_both_ends_of_int64),
	    cmocka_unit_test(scaled_takes_exponents_that_a_long_mantissa_undoes),
	    cmocka_unit_test(scaled_agrees_with_128_bits),
	};

	return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
