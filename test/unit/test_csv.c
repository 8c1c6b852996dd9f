#include "main/csv.h"

#include "store/ledger_sum.h"

#include "test.h"

/* The fields of all records, each ended by |, records by /. */
static void
assert_read(const char *text, const char *want)
{
	struct slice rest = slice_str(text), fields[CSV_FIELDS_MAX];
	struct arena a;
	struct buf b;
	unsigned n;

	arena_init(&a, NULL, 0, 1u << 20);
	buf_init(&b, 1u << 16);
	while ((n = csv_take(&rest, &a, fields)) > 0) {
		for (unsigned i = 0; i < n; i++) {
			buf_add(&b, fields[i]);
			buf_byte(&b, '|');
		}
		buf_byte(&b, '/');
	}
	buf_byte(&b, '\0');
	assert_string_equal(b.ptr, want);
	buf_free(&b);
	arena_free(&a);
}

TEST(records_of_fields)
{
	assert_read("", "");
	assert_read("a,b\r\nc,d\r\n", "a|b|/c|d|/");
	assert_read("a,b\nc,d", "a|b|/c|d|/");
	assert_read("a,,b,\n", "a||b||/");
	assert_read("\n\na", "|/|/a|/");
}

TEST(quoted_fields)
{
	assert_read("\"a,b\",\"c\"\"d\"\r\n\"e\nf\",g", "a,b|c\"d|/e\nf|g|/");
	assert_read("\"\",\"\"\"\"\n", "|\"|/");
	assert_read("\"open", "open|/");
	assert_read("\"a\"", "a|/");
}

TEST(more_fields_than_there_is_room_for_are_dropped)
{
	struct slice fields[CSV_FIELDS_MAX], rest;
	char text[2 * CSV_FIELDS_MAX + 20];
	struct arena a;

	memset(text, ',', sizeof(text));
	rest = slice_of(text, sizeof(text));
	arena_init(&a, NULL, 0, 1000);
	assert_int_equal(csv_take(&rest, &a, fields), CSV_FIELDS_MAX);
	assert_int_equal(rest.len, 0);
	arena_free(&a);
}

static void
assert_written(const char *text, const char *want)
{
	struct buf b;

	buf_init(&b, 1000);
	csv_text(&b, slice_str(text));
	csv_end(&b);
	buf_byte(&b, '\0');
	assert_string_equal(b.ptr, want);
	buf_free(&b);
}

TEST(texts_are_quoted_and_no_formulas)
{
	assert_written("a", "\"a\"\r\n");
	assert_written("a\"b,", "\"a\"\"b,\"\r\n");
	assert_written("=1+\"1\"", "\"'=1+\"\"1\"\"\"\r\n");
	assert_written("", "\"\"\r\n");
}

TEST(days_and_months)
{
	uint64_t since = 7, until = 7;

	assert_true(ledger_sum_read_day(S("2026-01-31"), &since));
	assert_int_equal(since, 1769817600000);
	assert_true(ledger_sum_read_month(S("2026-01"), &since, &until));
	assert_int_equal(since, 1767225600000);
	assert_int_equal(until, 1769904000000);
	assert_true(ledger_sum_read_month(S("2026-12"), &since, &until));
	assert_int_equal(until, 1798761600000);
	assert_false(ledger_sum_read_month(S("2026-13"), &since, &until));
	assert_false(ledger_sum_read_month(S("2026-01-01"), &since, &until));
	assert_false(ledger_sum_read_month(S("1969-01"), &since, &until));
	assert_false(ledger_sum_read_day(S("2026-01"), &since));
	assert_false(ledger_sum_read_day(S(""), &since));
	assert_int_equal(until, 1798761600000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(records_of_fields),
	    cmocka_unit_test(quoted_fields),
	    cmocka_unit_test(more_fields_than_there_is_room_for_are_dropped),
	    cmocka_unit_test(texts_are_quoted_and_no_formulas),
	    cmocka_unit_test(days_and_months),
	};

	return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}
