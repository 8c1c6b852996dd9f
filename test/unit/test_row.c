#include "meter/row.h"

#include "provider/price.h"

#include "test.h"

/* --- ids --- */

TEST(ids_are_written_and_read)
{
	static const struct {
		struct request_id id;
		const char *text;
	} cases[] = {
	    {{0, 0}, "req_00000000000000000000000000000000"},
	    {{1, 2}, "req_00000000000000010000000000000002"},
	    {{0x0123456789abcdef, 0xfedcba9876543210},
		"req_0123456789abcdeffedcba9876543210"},
	    {{INT64_MAX, UINT64_MAX}, "req_7fffffffffffffffffffffffffffffff"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[REQUEST_ID_LEN];
		struct request_id id;

		request_id_write(cases[i].id, text);
		if (i < 3)
			assert_slice(
			    slice_of(text, sizeof(text)), slice_str(cases[i].text));
		assert_true(request_id_parse(slice_of(text, sizeof(text)), &id));
		assert_int_equal(id.rowid, cases[i].id.rowid);
		assert_int_equal(id.tag, cases[i].id.tag);
	}
}

TEST(what_is_no_id)
{
	static const char *const texts[] = {"", "req_", "0123456789abcdef",
	    "req_0123456789abcdef0123456789abcde",
	    "req_0123456789abcdef0123456789abcdefa",
	    "REQ_0123456789abcdef0123456789abcdef",
	    "req-0123456789abcdef0123456789abcdef",
	    "req_0123456789ABCDEF0123456789abcdef",
	    "req_0123456789abcdeg0123456789abcdef",
	    "req_0123456789abcdef0123456789abcde ",
	    "req_0123456789abcde/0123456789abcdef",
	    "req_0123456789abcdef0123456789abcd:f",
	    "req_`123456789abcdef0123456789abcdef",
	    "req_8000000000000000ffffffffffffffff"}; /* no row of SQLite's */

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct request_id id = {7, 8};

		if (request_id_parse(slice_str(texts[i]), &id))
			fail_msg("%s is taken", texts[i]);
		assert_int_equal(id.rowid, 7); /* untouched */
	}
}

TEST(ids_come_in_the_order_of_time)
{
	struct request_ids ids;
	struct request_id a, b, c;

	request_ids_init(&ids, 0);
	a = request_ids_next(&ids, 1000);
	b = request_ids_next(&ids, 1000);
	c = request_ids_next(&ids, 1001);
	assert_int_equal(a.rowid, UINT64_C(1000) << 22);
	assert_int_equal(b.rowid, a.rowid + 1);
	assert_int_equal(c.rowid, UINT64_C(1001) << 22);
	assert_true(c.rowid <= INT64_MAX);
	/* Up to the year 2039 they fit SQLite's row numbers. */
	c = request_ids_next(&ids, (UINT64_C(1) << 41) - 1);
	assert_true(c.rowid <= INT64_MAX);
}

TEST(threads_have_numbers_of_their_own)
{
	for (unsigned thread = 0; thread < 64; thread++) {
		struct request_ids ids;
		struct request_id id;

		request_ids_init(&ids, thread);
		id = request_ids_next(&ids, 5);
		assert_int_equal(request_id_thread(id), thread);
		assert_int_equal(id.rowid >> 22, 5);
	}
}

/* However many there are in a ms, and whatever the clock does, they stay so. */
TEST(bug_a_counter_that_is_used_up_stays_with_its_thread)
{
	static const unsigned threads[] = {0, 5, 63};

	for (size_t i = 0; i < COUNT(threads); i++) {
		struct request_ids ids;
		uint64_t last = 0;

		request_ids_init(&ids, threads[i]);
		for (unsigned n = 0; n < 3 * 65536 + 5; n++) {
			struct request_id id =
			    request_ids_next(&ids, n == 7 ? 900 : 1000);

			assert_true(id.rowid > last);
			assert_int_equal(request_id_thread(id), threads[i]);
			assert_int_equal(id.rowid >> 22, 1000 + n / 65536);
			last = id.rowid;
		}
		/* The clock has caught up. */
		assert_int_equal(request_ids_next(&ids, 2000).rowid >> 22, 2000);
	}
}

TEST(a_clock_that_is_set_back_does_no_harm)
{
	struct request_ids ids;
	struct request_id a, b;

	request_ids_init(&ids, 3);
	a = request_ids_next(&ids, 5000);
	b = request_ids_next(&ids, 10);
	assert_int_equal(b.rowid, a.rowid + 1);
	assert_int_equal(request_id_thread(b), 3);
}

TEST(tags_are_not_to_be_guessed)
{
	struct request_ids ids[2];
	uint64_t tags[200];

	request_ids_init(&ids[0], 0);
	request_ids_init(&ids[1], 0); /* not even by who knows another's */
	for (unsigned i = 0; i < COUNT(tags); i++) {
		tags[i] = request_ids_next(&ids[i % 2], 1).tag;
		for (unsigned k = 0; k < i; k++)
			assert_int_not_equal(tags[i], tags[k]);
	}
}

/* --- rows --- */

static struct meter_row
some_row(unsigned i)
{
	static const char *const texts[METER_TEXTS] = {[TEXT_KEY] = "key",
	    [TEXT_ASKED] = "acme/large:cheapest",
	    [TEXT_MODEL] = "acme/large",
	    [TEXT_PROVIDER] = "groq",
	    [TEXT_UPSTREAM] = "large-v1",
	    [TEXT_SAID] = "",
	    [TEXT_TIER] = NULL,
	    [TEXT_UPSTREAM_ID] = "id",
	    [TEXT_OPERATION] = "chat",
	    [TEXT_OUTCOME] = "OK",
	    [TEXT_ATTEMPTS] = "[{}]"};
	struct meter_row row = {.n = {.id = {100 + i, UINT64_MAX - i},
				    .start_ms = 5,
				    .key_id = 6,
				    .ttft_ms = 7,
				    .total_ms = UINT32_MAX,
				    .status = 200,
				    .attempts = 3,
				    .stream = true,
				    .partial = i == 1,
				    .estimated = i == 0,
				    .cost_pusd = PRICE_UNKNOWN}};

	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		row.n.usage.count[c] = c * 10 + i;
	for (unsigned t = 0; t < METER_TEXTS; t++)
		row.text[t] = slice_str(texts[t]);
	return row;
}

static void
assert_row(const struct meter_row *got, const struct meter_row *want)
{
	assert_int_equal(got->n.id.rowid, want->n.id.rowid);
	assert_int_equal(got->n.id.tag, want->n.id.tag);
	assert_int_equal(got->n.key_id, want->n.key_id);
	assert_int_equal(got->n.total_ms, want->n.total_ms);
	assert_int_equal(got->n.partial, want->n.partial);
	assert_int_equal(got->n.estimated, want->n.estimated);
	assert_int_equal(got->n.cost_pusd, want->n.cost_pusd);
	assert_int_equal(got->n.ttft_ms, want->n.ttft_ms);
	assert_int_equal(got->n.start_ms, want->n.start_ms);
	assert_int_equal(got->n.status, want->n.status);
	assert_int_equal(got->n.attempts, want->n.attempts);
	assert_int_equal(got->n.usage.known, want->n.usage.known);
	assert_int_equal(got->n.usage.has_stated, want->n.usage.has_stated);
	assert_int_equal(got->n.usage.stated_pusd, want->n.usage.stated_pusd);
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		assert_int_equal(got->n.usage.count[c], want->n.usage.count[c]);
	for (unsigned t = 0; t < METER_TEXTS; t++)
		assert_slice(got->text[t], want->text[t]);
}

static char records[4 * METER_RECORD_MAX];

/* Writes them one behind the other. */
static struct slice
write_rows(const struct meter_row *rows, unsigned n)
{
	size_t at = 0;

	for (unsigned i = 0; i < n; i++) {
		size_t bytes = meter_row_bytes(&rows[i]);

		assert_true(bytes <= METER_RECORD_MAX && at + bytes <= sizeof(records));
		meter_row_write(&rows[i], records + at);
		at += bytes;
	}
	return slice_of(records, at);
}

TEST(rows_are_written_and_read)
{
	struct slice bytes;
	struct meter_row rows[3], got;

	for (unsigned i = 0; i < COUNT(rows); i++)
		rows[i] = some_row(i);
	rows[1].n.usage.has_stated = true;
	rows[1].n.usage.stated_pusd = -5;
	bytes = write_rows(rows, COUNT(rows));
	for (unsigned i = 0; i < COUNT(rows); i++) {
		assert_true(meter_row_take(&bytes, &got));
		assert_row(&got, &rows[i]);
	}
	assert_int_equal(bytes.len, 0);
	assert_false(meter_row_take(&bytes, &got));
}

/* Of a record that is not there to its end nothing is read. */
TEST(a_part_of_a_record_is_none)
{
	struct meter_row row = some_row(0), got;
	struct slice whole = write_rows(&row, 1);

	for (size_t n = 0; n < whole.len; n++) {
		struct slice part = slice_head(whole, n);

		assert_false(meter_row_take(&part, &got));
		assert_int_equal(part.len, n);
	}
}

/* Lengths that do not fit are no reason to read beyond the bytes. */
TEST(what_is_no_record)
{
	struct meter_row row = some_row(0), got;
	struct slice whole = write_rows(&row, 1);

	for (size_t at = 0; at < 4; at++) {
		records[at] ^= 1;
		assert_false(meter_row_take(&whole, &got));
		records[at] ^= 1;
	}
	assert_true(meter_row_take(&whole, &got));
	assert_true(got.n.stream);
}

/* A text of the caller's or the provider's may be as long as it likes. */
TEST(long_texts_are_cut)
{
	static char much[70000];
	struct slice bytes;
	struct meter_row row = some_row(0), got;

	memset(much, 'x', sizeof(much));
	row.text[TEXT_ASKED] = slice_of(much, sizeof(much));
	row.text[TEXT_SAID] = slice_of(much, METER_TEXT_MAX + 1);
	row.text[TEXT_ATTEMPTS] = slice_of(much, METER_TEXT_MAX);
	bytes = write_rows(&row, 1);
	assert_true(meter_row_take(&bytes, &got));
	assert_int_equal(got.text[TEXT_ASKED].len, METER_TEXT_MAX);
	assert_int_equal(got.text[TEXT_SAID].len, METER_TEXT_MAX);
	assert_int_equal(got.text[TEXT_ATTEMPTS].len, METER_TEXT_MAX);
	assert_slice(got.text[TEXT_OUTCOME], S("OK"));
	assert_slice(got.text[TEXT_KEY], S("key"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ids_are_written_and_read),
	    cmocka_unit_test(what_is_no_id),
	    cmocka_unit_test(ids_come_in_the_order_of_time),
	    cmocka_unit_test(threads_have_numbers_of_their_own),
	    cmocka_unit_test(bug_a_counter_that_is_used_up_stays_with_its_thread),
	    cmocka_unit_test(a_clock_that_is_set_back_does_no_harm),
	    cmocka_unit_test(tags_are_not_to_be_guessed),
	    cmocka_unit_test(rows_are_written_and_read),
	    cmocka_unit_test(a_part_of_a_record_is_none),
	    cmocka_unit_test(what_is_no_record),
	    cmocka_unit_test(long_texts_are_cut),
	};

	return cmocka_run_group_tests_name("row", tests, NULL, NULL);
}
