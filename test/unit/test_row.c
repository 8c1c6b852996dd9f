#include "meter/row.h"

#include "provider/price.h"

#include "test.h"
#include "torture.h"

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

static void
start(struct outbox *o, size_t max)
{
	assert_int_equal(outbox_init(o, max, 0), ERR_OK);
}

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
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		assert_int_equal(got->n.usage.count[c], want->n.usage.count[c]);
	for (unsigned t = 0; t < METER_TEXTS; t++)
		assert_slice(got->text[t], want->text[t]);
}

TEST(rows_go_through_the_outbox)
{
	struct outbox o;
	struct slice bytes;
	struct meter_row rows[3], got;

	start(&o, 1u << 20);
	for (unsigned i = 0; i < COUNT(rows); i++) {
		rows[i] = some_row(i);
		assert_true(meter_row_put(&o, &rows[i]));
	}
	assert_true(outbox_take(&o, 0, &bytes));
	for (unsigned i = 0; i < COUNT(rows); i++) {
		assert_true(meter_row_take(&bytes, &got));
		assert_row(&got, &rows[i]);
	}
	assert_false(meter_row_take(&bytes, &got));
	assert_int_equal(bytes.len, 0);
	outbox_done(&o);
}

TEST(a_row_without_room_is_refused_whole)
{
	struct outbox o;
	struct slice bytes;
	struct meter_row row = some_row(0), got;
	unsigned put = 0;

	start(&o, 2000);
	while (meter_row_put(&o, &row))
		put++;
	assert_in_range(put, 2, 8);
	assert_true(outbox_take(&o, 0, &bytes));
	while (meter_row_take(&bytes, &got)) {
		assert_row(&got, &row);
		put--;
	}
	assert_int_equal(put, 0);
	outbox_done(&o);
}

/* A text of the caller's or the provider's may be as long as it likes. */
TEST(long_texts_are_cut)
{
	static char much[70000];
	struct outbox o;
	struct slice bytes;
	struct meter_row row = some_row(0), got;

	memset(much, 'x', sizeof(much));
	start(&o, 1u << 20);
	row.text[TEXT_ASKED] = slice_of(much, sizeof(much));
	row.text[TEXT_SAID] = slice_of(much, METER_TEXT_MAX + 1);
	row.text[TEXT_ATTEMPTS] = slice_of(much, METER_TEXT_MAX);
	assert_true(meter_row_put(&o, &row));
	assert_true(meter_row_put(&o, &row));
	assert_true(outbox_take(&o, 0, &bytes));
	for (unsigned i = 0; i < 2; i++) {
		assert_true(meter_row_take(&bytes, &got));
		assert_int_equal(got.text[TEXT_ASKED].len, METER_TEXT_MAX);
		assert_int_equal(got.text[TEXT_SAID].len, METER_TEXT_MAX);
		assert_int_equal(got.text[TEXT_ATTEMPTS].len, METER_TEXT_MAX);
		assert_slice(got.text[TEXT_OUTCOME], S("OK"));
		assert_slice(got.text[TEXT_KEY], S("key"));
	}
	assert_false(meter_row_take(&bytes, &got));
	outbox_done(&o);
}

static enum err
put_one(void *arg)
{
	struct outbox o;
	struct meter_row row = some_row(0);
	bool put;

	(void)arg;
	if (outbox_init(&o, 1u << 20, 0) != ERR_OK)
		return ERR_NOMEM;
	put = meter_row_put(&o, &row);
	outbox_done(&o);
	return put ? ERR_OK : ERR_NOMEM;
}

TEST(survives_torture)
{
	assert_true(torture(put_one, NULL) >= 1);
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
	    cmocka_unit_test(rows_go_through_the_outbox),
	    cmocka_unit_test(a_row_without_room_is_refused_whole),
	    cmocka_unit_test(long_texts_are_cut),
	    cmocka_unit_test(survives_torture),
	};

	return cmocka_run_group_tests_name("row", tests, NULL, NULL);
}
