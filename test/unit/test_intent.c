#include "meter/intent.h"

#include "store_case.h"

static char record[METER_RECORD_MAX];

static struct slice
write_intent(const struct meter_intent *intent)
{
	size_t bytes = meter_intent_bytes(intent);

	assert_true(bytes <= sizeof(record));
	meter_intent_write(intent, record);
	return slice_of(record, bytes);
}

TEST(an_intent_is_written_and_read)
{
	struct meter_intent intent = intent_of(9), got;

	intent.stream = true;
	intent.text[INTENT_ATTEMPTS] = S("[{}]");
	assert_true(meter_intent_read(write_intent(&intent), &got));
	assert_int_equal(got.id.rowid, 9);
	assert_int_equal(got.id.tag, 63);
	assert_int_equal(got.start_ms, intent.start_ms);
	assert_int_equal(got.key_id, 3);
	assert_int_equal(got.reserved_pusd, 5009);
	assert_int_equal(got.input_tok, 11);
	assert_int_equal(got.output_tok, 22);
	assert_int_equal(got.attempts, 1);
	assert_true(got.stream);
	for (unsigned t = 0; t < INTENT_TEXTS; t++)
		assert_slice(got.text[t], intent.text[t]);
}

TEST(what_is_no_intent)
{
	struct meter_intent intent = intent_of(9), got;
	struct slice whole = write_intent(&intent);

	for (size_t n = 0; n < whole.len; n++)
		assert_false(meter_intent_read(slice_head(whole, n), &got));
	assert_false(meter_intent_read(slice_of(record, whole.len + 1), &got));
	record[72] = 1; /* the length of a text */
	assert_false(meter_intent_read(whole, &got));
}

TEST(a_row_of_an_intent)
{
	struct meter_intent intent = intent_of(9);
	struct meter_row row;
	struct buf b;

	buf_init(&b, 4096);
	intent.attempts = 2;
	intent.text[INTENT_ATTEMPTS] = S("[{\"provider\":\"mine\"}]");
	row = meter_interrupted(&intent, &b);
	assert_int_equal(row.n.id.rowid, 9);
	assert_int_equal(row.n.cost_pusd, 5009);
	assert_true(row.n.partial && row.n.estimated && row.n.usage.known);
	assert_int_equal(row.n.usage.count[USAGE_INPUT], 11);
	assert_int_equal(row.n.usage.count[USAGE_OUTPUT], 22);
	assert_int_equal(row.n.attempts, 2);
	assert_slice(row.text[TEXT_OUTCOME], S("INTERRUPTED"));
	assert_slice(row.text[TEXT_PROVIDER], S("groq"));
	assert_slice(row.text[TEXT_ATTEMPTS],
	    S("[{\"provider\":\"mine\"},{\"provider\":\"groq\",\"model\":\"large-v1\","
	      "\"outcome\":\"INTERRUPTED\",\"billed\":\"maybe\"}]"));
	intent.text[INTENT_ATTEMPTS] = S("[]");
	row = meter_interrupted(&intent, &b);
	assert_true(slice_starts(row.text[TEXT_ATTEMPTS], S("[{\"provider\":\"groq\"")));
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_intent_is_written_and_read),
	    cmocka_unit_test(what_is_no_intent),
	    cmocka_unit_test(a_row_of_an_intent),
	};

	return cmocka_run_group_tests_name("intent", tests, NULL, NULL);
}
