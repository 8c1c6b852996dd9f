#include "http/eventstream.h"

#include "core/random.h"
#include "test.h"
#include "torture.h"

#include <zlib.h>

#define FRAME_MAX 500

static struct buf said, made;

/* "<name|data|length of raw>\n"; a missing data is "-", an exception begins with !. */
static void
say(const struct sse_event *e)
{
	buf_printf(&said, "<%s%.*s|%s%.*s|%zu>\n", e->is_exception ? "!" : "",
	    SLICE_ARGS(e->name), e->data.ptr == NULL ? "-" : "", SLICE_ARGS(e->data),
	    e->raw.len);
}

static bool
feed(struct eventstream *s, struct slice in)
{
	struct sse_event event;
	enum err e;

	while (eventstream_next(s, &in, &event, &e))
		say(&event);
	if (e != ERR_OK)
		buf_printf(&said, "%s\n", err_name(e));
	else
		assert_int_equal(in.len, 0);
	return e == ERR_OK;
}

typedef bool cut_fn(size_t at, void *arg);

static struct slice
transcript(struct slice text, size_t max, cut_fn *cut, void *arg)
{
	struct eventstream s;
	size_t from = 0;
	bool good = true;

	buf_clear(&said);
	eventstream_init(&s, max);
	for (size_t at = 1; good && at <= text.len; at++) {
		if (at < text.len && !cut(at, arg))
			continue;
		good = feed(&s, slice_of(text.ptr + from, at - from));
		from = at;
	}
	if (good && eventstream_has_partial(&s))
		buf_add(&said, S("partial\n"));
	eventstream_done(&s);
	assert_int_equal(said.err, ERR_OK);
	return buf_slice(&said);
}

static bool
cut_never(size_t at, void *arg)
{
	(void)at;
	(void)arg;
	return false;
}

static bool
cut_always(size_t at, void *arg)
{
	(void)at;
	(void)arg;
	return true;
}

static bool
cut_here(size_t at, void *arg)
{
	return at == *(size_t *)arg;
}

static bool
cut_anywhere(size_t at, void *arg)
{
	(void)at;
	return random_below(arg, 9) == 0;
}

static struct slice
whole(struct slice text)
{
	return transcript(text, FRAME_MAX, cut_never, NULL);
}

/* --- frames made by hand --- */

static void
put_u32(uint32_t n)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_byte(&made, (char)(n >> shift));
}

/* A frame of these bytes of headers and payload; its CRCs are right. */
static void
make(struct slice headers, struct slice payload)
{
	size_t begun = made.len;

	put_u32((uint32_t)(16 + headers.len + payload.len));
	put_u32((uint32_t)headers.len);
	put_u32((uint32_t)crc32(0, (const unsigned char *)made.ptr + begun, 8));
	buf_add(&made, headers);
	buf_add(&made, payload);
	put_u32((uint32_t)crc32(
	    0, (const unsigned char *)made.ptr + begun, (unsigned)(made.len - begun)));
}

static void
write_event(bool is_exception, struct slice name, struct slice payload)
{
	size_t begun = eventstream_begin(&made, is_exception, name);

	buf_add(&made, payload);
	eventstream_end(&made, begun);
}

/* As Bedrock sends it. */
static const char recorded[] =
    "\x00\x00\x00\x76\x00\x00\x00\x52\x96\xd5\xfa\xde\x0b:event-type\x07\x00\x0c"
    "messageStart\x0d:content-type\x07\x00\x10"
    "application/json\x0d:message-type\x07\x00\x05"
    "event{\"role\":\"assistant\"}\x6f\xa8\xc5\x99";

TEST(a_frame_has_name_and_data)
{
	assert_slice(whole(slice_of(recorded, sizeof(recorded) - 1)),
	    S("<messageStart|{\"role\":\"assistant\"}|118>\n"));
}

TEST(an_empty_frame_is_one)
{
	assert_slice(
	    whole(slice_of(
		"\x00\x00\x00\x10\x00\x00\x00\x00\x05\xc2\x48\xeb\x7d\x98\xc8\xff", 16)),
	    S("<|-|16>\n"));
}

TEST(what_is_written_is_what_is_sent)
{
	write_event(false, S("messageStart"), S("{\"role\":\"assistant\"}"));
	assert_slice(buf_slice(&made), slice_of(recorded, sizeof(recorded) - 1));
}

TEST(exceptions_are_told_apart)
{
	write_event(true, S("throttlingException"), S("{\"message\":\"slow\"}"));
	assert_slice(whole(buf_slice(&made)),
	    S("<!throttlingException|{\"message\":\"slow\"}|131>\n"));
}

TEST(an_error_has_its_words_in_a_header)
{
	make(S("\x0d:message-type\x07\x00\x05"
	       "error\x0b:error-code\x07\x00\x03"
	       "Bad\x0e:error-message\x07\x00\x07"
	       "a\"b\\c\nd"),
	    S(""));
	assert_slice(whole(buf_slice(&made)),
	    S("<!Bad|{\"message\":\"a\\\"b\\\\c\\u000ad\"}|81>\n"));
}

TEST(headers_of_all_types_are_passed_over)
{
	make(S("\x01"
	       "a\x00\x01"
	       "b\x01\x01"
	       "c\x02X\x01"
	       "d\x03XX\x01"
	       "e\x04XXXX\x01"
	       "f\x05XXXXXXXX\x01"
	       "g\x06\x00\x02XX\x01"
	       "h\x08XXXXXXXX\x01"
	       "i\x09XXXXXXXXXXXXXXXX\x0b:event-type\x07\x00\x01n"),
	    S("{}"));
	assert_slice(whole(buf_slice(&made)), S("<n|{}|104>\n"));
}

TEST(a_name_of_another_type_is_none)
{
	make(S("\x0b:event-type\x06\x00\x01n"), S("{}"));
	assert_slice(whole(buf_slice(&made)), S("<|{}|34>\n"));
}

TEST(headers_that_are_none_are_refused)
{
	static const struct slice bad[] = {
	    {"\x01", 1}, /* no name */
	    {"\x01"
	     "a",
		2}, /* no type */
	    {"\x01"
	     "a\x0a",
		3}, /* no such type */
	    {"\x01"
	     "a\x07\x00",
		4}, /* half a length */
	    {"\x01"
	     "a\x07\x00\x02X",
		6}, /* half a value */
	    {"\x01"
	     "a\x04XXX",
		6},
	    {"\xff"
	     "a\x00",
		3},
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		buf_clear(&made);
		make(bad[i], S(""));
		assert_slice(whole(buf_slice(&made)), S("BAD_REPLY\n"));
	}
}

/* Neither a length nor a name nor the payload can change unseen. */
TEST(every_byte_is_under_a_crc)
{
	for (size_t i = 0; i < sizeof(recorded) - 1; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			buf_clear(&made);
			buf_add(&made, slice_of(recorded, sizeof(recorded) - 1));
			made.ptr[i] = (char)(made.ptr[i] ^ 1 << bit);
			assert_slice(whole(buf_slice(&made)), S("BAD_REPLY\n"));
		}
}

TEST(lengths_that_no_frame_has_are_refused)
{
	static const uint32_t bad[][2] = {
	    {0, 0}, {15, 0}, {16, 1}, {20, 5}, {16, UINT32_MAX}, {100, 85}};

	for (size_t i = 0; i < COUNT(bad); i++) {
		buf_clear(&made);
		put_u32(bad[i][0]);
		put_u32(bad[i][1]);
		put_u32((uint32_t)crc32(0, (const unsigned char *)made.ptr, 8));
		assert_slice(whole(buf_slice(&made)), S("BAD_REPLY\n"));
		assert_slice(transcript(buf_slice(&made), FRAME_MAX, cut_always, NULL),
		    S("BAD_REPLY\n"));
	}
}

/* It is so at the prelude: nothing is kept for a frame that can't come. */
TEST(a_frame_of_more_than_the_ceiling_is_full_in_one_piece_or_many)
{
	struct slice text = slice_of(recorded, sizeof(recorded) - 1);

	assert_slice(transcript(text, 118, cut_never, NULL),
	    S("<messageStart|{\"role\":\"assistant\"}|118>\n"));
	assert_slice(transcript(text, 118, cut_always, NULL),
	    S("<messageStart|{\"role\":\"assistant\"}|118>\n"));
	assert_slice(transcript(text, 117, cut_never, NULL), S("FULL\n"));
	assert_slice(transcript(text, 117, cut_always, NULL), S("FULL\n"));
	assert_slice(transcript(slice_head(text, 12), 117, cut_never, NULL), S("FULL\n"));
}

TEST(a_frame_whole_in_the_input_is_not_copied)
{
	struct slice in = slice_of(recorded, sizeof(recorded) - 1);
	struct eventstream s;
	struct sse_event event;
	enum err e;

	eventstream_init(&s, FRAME_MAX);
	assert_true(eventstream_next(&s, &in, &event, &e));
	assert_ptr_equal(event.raw.ptr, recorded);
	assert_int_equal(s.partial.cap, 0);
	assert_false(eventstream_next(&s, &in, &event, &e));
	assert_int_equal(e, ERR_OK);
	assert_false(eventstream_has_partial(&s));
	eventstream_done(&s);
}

TEST(what_is_cut_is_known)
{
	for (size_t n = 1; n < sizeof(recorded) - 1; n++)
		assert_slice(whole(slice_of(recorded, n)), S("partial\n"));
}

TEST(pieces_change_nothing)
{
	char want[1000];
	struct slice all;
	struct random r;

	random_seed(&r, 3);
	write_event(false, S("a"), S("{\"x\":1}"));
	make(S(""), S(""));
	write_event(false, S("contentBlockDelta"), S("{\"delta\":{\"text\":\"b\"}}"));
	write_event(true, S("c"), S(""));
	all = whole(buf_slice(&made));
	assert_true(all.len < sizeof(want));
	memcpy(want, all.ptr, all.len);
	all.ptr = want;
	assert_slice(all, S("<a|{\"x\":1}|94>\n<|-|16>\n"
			    "<contentBlockDelta|{\"delta\":{\"text\":\"b\"}}|125>\n"
			    "<!c|-|95>\n"));
	assert_slice(transcript(buf_slice(&made), FRAME_MAX, cut_always, NULL), all);
	for (size_t at = 1; at < made.len; at++)
		assert_slice(transcript(buf_slice(&made), FRAME_MAX, cut_here, &at), all);
	for (unsigned n = 0; n < 50; n++)
		assert_slice(
		    transcript(buf_slice(&made), FRAME_MAX, cut_anywhere, &r), all);
}

static enum err
read_in_pieces(void *arg)
{
	struct eventstream s;
	struct sse_event event;
	enum err e = ERR_OK;
	unsigned events = 0;

	(void)arg;
	eventstream_init(&s, FRAME_MAX);
	for (size_t at = 0; at < sizeof(recorded) - 1 && e == ERR_OK; at++) {
		struct slice in = slice_of(recorded + at, 1);

		while (eventstream_next(&s, &in, &event, &e)) {
			assert_slice(event.data, S("{\"role\":\"assistant\"}"));
			events++;
		}
	}
	if (e == ERR_OK)
		assert_int_equal(events, 1);
	eventstream_done(&s);
	return e;
}

static enum err
write_one(void *arg)
{
	struct buf b;
	enum err e;
	size_t begun;

	(void)arg;
	buf_init(&b, 1000);
	begun = eventstream_begin(&b, false, S("messageStart"));
	buf_add(&b, S("{\"role\":\"assistant\"}"));
	eventstream_end(&b, begun);
	e = b.err;
	if (e == ERR_OK)
		assert_slice(buf_slice(&b), slice_of(recorded, sizeof(recorded) - 1));
	buf_free(&b);
	return e;
}

TEST(survives_torture)
{
	assert_true(torture(read_in_pieces, NULL) > 0);
	assert_true(torture(write_one, NULL) > 0);
}

static int
start(void **state)
{
	(void)state;
	buf_init(&said, 100000);
	buf_init(&made, 100000);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	buf_free(&said);
	buf_free(&made);
	return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(a_frame_has_name_and_data),
	    CASE(an_empty_frame_is_one),
	    CASE(what_is_written_is_what_is_sent),
	    CASE(exceptions_are_told_apart),
	    CASE(an_error_has_its_words_in_a_header),
	    CASE(headers_of_all_types_are_passed_over),
	    CASE(a_name_of_another_type_is_none),
	    CASE(headers_that_are_none_are_refused),
	    CASE(every_byte_is_under_a_crc),
	    CASE(lengths_that_no_frame_has_are_refused),
	    CASE(a_frame_of_more_than_the_ceiling_is_full_in_one_piece_or_many),
	    CASE(a_frame_whole_in_the_input_is_not_copied),
	    CASE(what_is_cut_is_known),
	    CASE(pieces_change_nothing),
	    CASE(survives_torture),
	};

	return cmocka_run_group_tests_name("eventstream", tests, NULL, NULL);
}
