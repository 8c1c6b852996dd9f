#include "store/segment.h"

#include "core/random.h"
#include "test.h"

#define TAG 0x1122334455667788u

static _Alignas(8) char segment[SEGMENT_LEAST];

static void
begin_segment(void)
{
	const struct segment_head head = {.loop = 3,
	    .sequence = 42,
	    .tag = TAG,
	    .created_ms = 1767225600000,
	    .size = sizeof(segment)};

	memset(segment, 0, sizeof(segment));
	segment_head_write(&head, segment);
}

/* Puts a record of n bytes at `at`; where the next one goes. */
static size_t
put(size_t at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		segment[at + SEGMENT_RECORD + i] = (char)('a' + (n + i) % 26);
	segment_publish(segment + at, TAG, SEGMENT_SETTLE, n);
	return at + segment_record_bytes(n);
}

/* How many records there are in the first `bytes`, each of which is right. */
static unsigned
count(size_t bytes, bool *ret_torn)
{
	struct segment_reader r;
	struct segment_record record;
	unsigned n = 0;

	segment_read(&r, slice_of(segment, bytes), TAG, 0);
	while (segment_next(&r, &record)) {
		assert_int_equal(record.type, SEGMENT_SETTLE);
		for (size_t i = 0; i < record.payload.len; i++)
			assert_int_equal(
			    record.payload.ptr[i], 'a' + (record.payload.len + i) % 26);
		n++;
	}
	*ret_torn = r.torn;
	return n;
}

TEST(a_head_is_written_and_read)
{
	struct segment_head h;
	struct note note;

	begin_segment();
	segment_note_drained(segment, 4711);
	assert_int_equal(
	    segment_head_read(slice_of(segment, sizeof(segment)), &h, &note), ERR_OK);
	assert_int_equal(h.loop, 3);
	assert_int_equal(h.sequence, 42);
	assert_int_equal(h.tag, TAG);
	assert_int_equal(h.created_ms, 1767225600000);
	assert_int_equal(h.size, sizeof(segment));
	assert_int_equal(h.drained, 4711);
}

/* Any changed bit of it is found, but for those of the hint. */
TEST(what_is_no_head)
{
	struct segment_head h;
	struct note note;

	begin_segment();
	for (size_t at = 0; at < 52; at++) { /* what follows is not in the checksum */
		segment[at] ^= 4;
		assert_int_equal(
		    segment_head_read(slice_of(segment, 64), &h, &note), ERR_SYNTAX);
		segment[at] ^= 4;
	}
	segment[8] = 2; /* the version */
	assert_int_equal(segment_head_read(slice_of(segment, 64), &h, &note), ERR_SYNTAX);
	assert_non_null(strstr(note.text, "version 2"));
	assert_int_equal(segment_head_read(slice_of(segment, 63), &h, &note), ERR_EOF);
	memset(segment, 0, sizeof(segment));
	assert_int_equal(segment_head_read(slice_of(segment, 64), &h, &note), ERR_EOF);
}

TEST(records_of_all_lengths)
{
	size_t at = SEGMENT_HEAD;
	bool torn;

	begin_segment();
	for (size_t n = 0; n < 200; n++) {
		at = put(at, n);
		assert_int_equal(at % 8, 0);
	}
	assert_int_equal(count(sizeof(segment), &torn), 200);
	assert_false(torn);
}

/* Wherever the last record was cut: those before it are there, and it is not. */
TEST(a_tail_torn_at_every_byte)
{
	static char whole[SEGMENT_LEAST];
	size_t at = SEGMENT_HEAD, last;
	bool torn;

	begin_segment();
	at = put(at, 100);
	last = put(at, 37);
	put(last, 251);
	memcpy(whole, segment, sizeof(whole));
	for (size_t n = 0; n < segment_record_bytes(251); n++) {
		/* Cut in the file, and as zeros in a file that is longer. */
		unsigned want = n < SEGMENT_RECORD + 251 ? 2 : 3;

		assert_int_equal(count(last + n, &torn), want);
		memset(segment + last + n, 0, sizeof(segment) - last - n);
		if (count(sizeof(segment), &torn) != want)
			fail_msg("cut behind byte %zu of a record", n);
		assert_int_equal(torn, want == 2 && n > 0);
		memcpy(segment, whole, sizeof(segment));
	}
	/* As it is while it is written: all but the length. */
	memset(segment + last, 0, 4);
	assert_int_equal(count(sizeof(segment), &torn), 2);
	assert_false(torn);
}

/* A record is right or it is none, whichever bit of it turned. */
TEST(each_turned_bit_is_found)
{
	size_t first = SEGMENT_HEAD, second, n = 61;
	bool torn;

	begin_segment();
	second = put(first, 24);
	put(second, n);
	for (size_t bit = 0; bit < 8 * (SEGMENT_RECORD + n); bit++) {
		size_t at = second + bit / 8;

		if (bit / 8 >= 12 && bit / 8 < 16)
			continue; /* it says nothing */
		segment[at] = (char)(segment[at] ^ 1 << bit % 8);
		assert_int_equal(count(sizeof(segment), &torn), 1);
		assert_true(torn);
		segment[at] = (char)(segment[at] ^ 1 << bit % 8);
	}
	assert_int_equal(count(sizeof(segment), &torn), 2);
}

/* Of another segment, whose blocks the disk gave again. */
TEST(a_record_of_another_segment_is_none)
{
	struct segment_reader r;
	struct segment_record record;

	begin_segment();
	put(SEGMENT_HEAD, 24);
	segment_read(&r, slice_of(segment, sizeof(segment)), TAG + 1, 0);
	assert_false(segment_next(&r, &record));
	assert_true(r.torn);
}

TEST(lengths_out_of_bounds)
{
	static const uint32_t lengths[] = {
	    1, 15, SEGMENT_RECORD_MAX + 1, SEGMENT_LEAST, UINT32_MAX};
	bool torn;

	for (size_t i = 0; i < COUNT(lengths); i++) {
		begin_segment();
		memcpy(segment + SEGMENT_HEAD, &lengths[i], 4);
		assert_int_equal(count(sizeof(segment), &torn), 0);
		assert_true(torn);
	}
}

TEST(reading_goes_on_from_a_place)
{
	struct segment_reader r;
	struct segment_record record;
	size_t second;

	begin_segment();
	second = put(SEGMENT_HEAD, 5);
	put(second, 6);
	segment_read(&r, slice_of(segment, sizeof(segment)), TAG, second);
	assert_true(segment_next(&r, &record));
	assert_int_equal(record.at, second);
	assert_int_equal(record.payload.len, 6);
	assert_false(segment_next(&r, &record));
	assert_int_equal(r.at, second + segment_record_bytes(6));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_head_is_written_and_read),
	    cmocka_unit_test(what_is_no_head),
	    cmocka_unit_test(records_of_all_lengths),
	    cmocka_unit_test(a_tail_torn_at_every_byte),
	    cmocka_unit_test(each_turned_bit_is_found),
	    cmocka_unit_test(a_record_of_another_segment_is_none),
	    cmocka_unit_test(lengths_out_of_bounds),
	    cmocka_unit_test(reading_goes_on_from_a_place),
	};

	return cmocka_run_group_tests_name("segment", tests, NULL, NULL);
}
