#include "core/text.h"

#include "core/random.h"
#include "test.h"

#include <inttypes.h>

TEST(u64_as_digits)
{
	static const uint64_t values[] = {
	    0, 9, 10, 99, 100, 1234567890, UINT64_MAX, UINT64_MAX - 1};
	char want[32], got[TEXT_U64_MAX];

	for (size_t i = 0; i < COUNT(values); i++) {
		(void)snprintf(want, sizeof(want), "%" PRIu64, values[i]);
		assert_slice(slice_of(got, text_u64(got, values[i])), slice_str(want));
	}
}

TEST(pusd_is_exact_and_short)
{
	static const struct {
		int64_t pusd;
		const char *text;
	} cases[] = {
	    {0, "0"},
	    {1, "0.000000000001"},
	    {-1, "-0.000000000001"},
	    {1350000, "0.00000135"},
	    {12000000000000, "12"},
	    {12000000000001, "12.000000000001"},
	    {-500000000000, "-0.5"},
	    {999999999999, "0.999999999999"},
	    {INT64_MAX, "9223372.036854775807"},
	    {INT64_MIN, "-9223372.036854775808"},
	};
	char got[TEXT_PUSD_MAX];

	for (size_t i = 0; i < COUNT(cases); i++)
		assert_slice(slice_of(got, text_pusd(got, cases[i].pusd)),
		    slice_str(cases[i].text));
}

TEST(scaled_reads_decimals_exactly)
{
	static const struct {
		const char *text;
		unsigned digits;
		int64_t value;
	} cases[] = {
	    {"0", 12, 0},
	    {"0.15", 12, 150000000000},
	    {"12", 0, 12},
	    {"12", 3, 12000},
	    {"1.50", 1, 15}, /* zeros behind the last digit change nothing */
	    {"1.5000000", 1, 15},
	    {"007", 0, 7},
	    {"0.000", 2, 0},
	    {"9223372036854775807", 0, INT64_MAX},
	    {"9223372.036854775807", 12, INT64_MAX},
	    {"0", 4000000, 0},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t value = -1;

		assert_true(
		    text_scaled(slice_str(cases[i].text), cases[i].digits, &value));
		assert_int_equal(value, cases[i].value);
	}
}

TEST(scaled_refuses_all_else)
{
	static const struct {
		const char *text;
		unsigned digits;
	} cases[] = {
	    {"", 2},
	    {".", 2},
	    {".5", 2},
	    {"1.", 2},
	    {"1..2", 2},
	    {"1.2.3", 6},
	    {"-1", 2},
	    {"+1", 2},
	    {" 1", 2},
	    {"1 ", 2},
	    {"1e-7", 9},
	    {"0x10", 2},
	    {"1,5", 2},
	    {"0.151", 2}, /* more decimals than counted */
	    {"1.501", 1},
	    {"9223372036854775808", 0},
	    {"9223372.036854775808", 12},
	    {"9223373", 12},
	    {"1", 19},
	    {"99999999999999999999", 0},
	};
	int64_t value = 77;

	for (size_t i = 0; i < COUNT(cases); i++)
		assert_false(
		    text_scaled(slice_str(cases[i].text), cases[i].digits, &value));
	assert_int_equal(value, 77);
}

TEST(pusd_and_scaled_undo_each_other)
{
	struct random r;

	random_seed(&r, 1);
	for (unsigned i = 0; i < 100000; i++) {
		/* All magnitudes, not only the largest. */
		int64_t pusd =
		    (int64_t)(random_below(&r, INT64_MAX) >> random_below(&r, 63));
		char text[TEXT_PUSD_MAX];
		int64_t back = -1;
		size_t n = text_pusd(text, pusd);

		assert_true(n <= TEXT_PUSD_MAX);
		assert_true(text_scaled(slice_of(text, n), 12, &back));
		assert_int_equal(back, pusd);
		assert_true(text[n - 1] != '.');
		if (slice_find(slice_of(text, n), '.') < n)
			assert_true(text[n - 1] != '0');
	}
}

TEST(times_are_utc)
{
	static const struct {
		uint64_t unix_ms;
		const char *text;
	} cases[] = {
	    {0, "1970-01-01T00:00:00.000Z"},
	    {1, "1970-01-01T00:00:00.001Z"},
	    {951782400000, "2000-02-29T00:00:00.000Z"},
	    {1769903999123, "2026-01-31T23:59:59.123Z"},
	    {253402300799999, "9999-12-31T23:59:59.999Z"},
	};
	char got[TEXT_TIME_MAX];

	for (size_t i = 0; i < COUNT(cases); i++)
		assert_slice(slice_of(got, text_time(got, cases[i].unix_ms)),
		    slice_str(cases[i].text));
}

TEST(spans_of_time)
{
	static const struct {
		const char *text;
		uint64_t unit, ms;
	} cases[] = {
	    {"250ms", 1, 250}, {"5s", 1, 5000}, {"10m", 1, 600000}, {"2h", 1, 7200000},
	    {"1d", 1, 86400000}, {"1h2m3.5s", 1, 3723500}, {"1H2M", 1, 3720000},
	    {"0.5s", 1, 500}, {"1.5ms", 1, 1}, {"12", 1000, 12000}, {"12", 1, 12},
	    {"1.5", 1000, 1500}, {"0", 1000, 0}, {"0s", 1, 0},
	    {"7.123456789s", 1, 7123}, /* as Go prints it */
	    {"6m0s", 1, 360000}, {"0.000001s", 1, 0},
	    {"9223372036854ms", 1, 9223372036854},
	    {"1795638265123", 1000, 1795638265123000}, /* a time in ms, taken for s */
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t ms = 77;

		assert_true(text_span_ms(slice_str(cases[i].text), cases[i].unit, &ms));
		assert_int_equal(ms, cases[i].ms);
	}
}

TEST(spans_that_are_none)
{
	static const char *const bad[] = {"", "s", ".", ".s", "5x", "5 s", "-5s", "5s ",
	    "1h2", "1s.", "5.s", "1e3s", "5sec", "1h-2m", "99999999999999999999s",
	    "9000000000000d", "9000000000000000"};
	uint64_t ms = 77;

	for (size_t i = 0; i < COUNT(bad); i++)
		if (text_span_ms(slice_str(bad[i]), 1000, &ms))
			fail_msg("accepted: \"%s\"", bad[i]);
	assert_int_equal(ms, 77);
}

TEST(a_bare_number_stands_alone)
{
	uint64_t ms = 77;

	assert_false(text_span_ms(S("0h5"), 1000, &ms));
	assert_false(text_span_ms(S("0s0"), 1000, &ms));
	assert_int_equal(ms, 77);
}

TEST(sizes_in_bytes)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} cases[] = {
	    {"0", 0},
	    {"4096", 4096},
	    {"4096B", 4096},
	    {"64KiB", 65536},
	    {"1MiB", 1048576},
	    {"2GiB", 2147483648},
	    {"500KB", 500000},
	    {"10MB", 10000000},
	    {"3GB", 3000000000},
	    {"64k", 65536},
	    {"1M", 1048576},
	    {"1g", 1073741824},
	    {"1.5KiB", 1536},
	    {"64 KiB", 65536},
	};
	static const char *const bad[] = {"", "KiB", "1KiBs", "1 K iB", "-1", "1TB",
	    "1.KiB", "1..5K", "99999999999999GiB"};
	uint64_t bytes;

	for (size_t i = 0; i < COUNT(cases); i++) {
		bytes = 77;
		assert_true(text_bytes(slice_str(cases[i].text), &bytes));
		assert_int_equal(bytes, cases[i].bytes);
	}
	bytes = 77;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (text_bytes(slice_str(bad[i]), &bytes))
			fail_msg("accepted: \"%s\"", bad[i]);
	assert_int_equal(bytes, 77);
}

TEST(distance_counts_single_edits)
{
	static const struct {
		const char *a, *b;
		unsigned distance;
	} cases[] = {
	    {"", "", 0}, {"abc", "abc", 0}, {"abc", "ABC", 0}, {"abc", "abd", 1},
	    {"abc", "ab", 1}, {"abc", "xabc", 1}, {"abc", "acb", 1}, /* a swap */
	    {"abc", "bac", 1}, {"ABZ", "abz", 0}, {"ab", "ba", 1}, {"ca", "abc", 3},
	    {"kitten", "sitting", 3}, {"", "abcd", 4}, {"cheapset", "cheapest", 1},
	    {"abcdefghij", "zyxwvutsrq", 9}, /* the limit */
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct slice a = slice_str(cases[i].a), b = slice_str(cases[i].b);

		assert_int_equal(text_distance(a, b, 9), cases[i].distance);
		assert_int_equal(text_distance(b, a, 9), cases[i].distance);
	}
	assert_int_equal(text_distance(S("kitten"), S("sitting"), 2), 2);
}

TEST(distance_of_long_names_is_the_limit)
{
	char name[65];

	memset(name, 'a', sizeof(name));
	assert_int_equal(text_distance(slice_of(name, 64), slice_of(name, 64), 3), 0);
	assert_int_equal(text_distance(slice_of(name, 64), slice_of(name, 63), 3), 1);
	assert_int_equal(text_distance(slice_of(name, 65), slice_of(name, 65), 3), 3);
	assert_int_equal(text_distance(slice_of(name, 65), S("a"), 3), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(u64_as_digits),
	    cmocka_unit_test(pusd_is_exact_and_short),
	    cmocka_unit_test(scaled_reads_decimals_exactly),
	    cmocka_unit_test(scaled_refuses_all_else),
	    cmocka_unit_test(pusd_and_scaled_undo_each_other),
	    cmocka_unit_test(times_are_utc),
	    cmocka_unit_test(spans_of_time),
	    cmocka_unit_test(spans_that_are_none),
	    cmocka_unit_test(a_bare_number_stands_alone),
	    cmocka_unit_test(sizes_in_bytes),
	    cmocka_unit_test(distance_counts_single_edits),
	    cmocka_unit_test(distance_of_long_names_is_the_limit),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
