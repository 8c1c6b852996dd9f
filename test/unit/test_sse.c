#include "http/sse.h"

#include "core/clock.h"
#include "core/random.h"
#include "test.h"
#include "torture.h"

#define EVENT_MAX 1000

static struct buf said;

/* "<name|data|raw>\n"; a missing data is "-". Line ends in raw are shown. */
static void
say(const struct sse_event *e)
{
	buf_printf(&said, "<%.*s|%s%.*s|", SLICE_ARGS(e->name),
	    e->data.ptr == NULL ? "-" : "", SLICE_ARGS(e->data));
	for (size_t i = 0; i < e->raw.len; i++) {
		if (e->raw.ptr[i] == '\n' || e->raw.ptr[i] == '\r')
			buf_add(&said, e->raw.ptr[i] == '\n' ? S("\\n") : S("\\r"));
		else
			buf_byte(&said, e->raw.ptr[i]);
	}
	buf_add(&said, S(">\n"));
}

static bool
feed(struct sse *s, struct slice in)
{
	struct sse_event event;
	enum err e;

	while (sse_next(s, &in, &event, &e))
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
	struct sse_event event;
	struct sse s;
	size_t from = 0;
	bool good = true;

	buf_clear(&said);
	sse_init(&s, max);
	for (size_t at = 1; good && at <= text.len; at++) {
		if (at < text.len && !cut(at, arg))
			continue;
		good = feed(&s, slice_of(text.ptr + from, at - from));
		from = at;
	}
	if (good && sse_rest(&s, &event)) {
		buf_add(&said, S("rest "));
		say(&event);
	}
	sse_done(&s);
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
	return random_below(arg, 5) == 0;
}

static void
assert_said(const char *text, const char *want)
{
	assert_slice(
	    transcript(slice_str(text), EVENT_MAX, cut_never, NULL), slice_str(want));
}

TEST(events_have_names_and_data)
{
	assert_said("data: a\n\n", "<|a|data: a\\n\\n>\n");
	assert_said("event: ping\ndata: {}\n\ndata: b\n\n",
	    "<ping|{}|event: ping\\ndata: {}\\n\\n>\n<|b|data: b\\n\\n>\n");
	assert_said("data: a\ndata: b\ndata:\ndata: c\n\n",
	    "<|a\nb\n\nc|data: a\\ndata: b\\ndata:\\ndata: c\\n\\n>\n");
	assert_said("event: a\nevent: b\ndata: x\n\n",
	    "<b|x|event: a\\nevent: b\\ndata: x\\n\\n>\n");
}

TEST(one_blank_behind_the_colon_is_not_data)
{
	assert_said("data:a\n\n", "<|a|data:a\\n\\n>\n");
	assert_said("data:  a \n\n", "<| a |data:  a \\n\\n>\n");
	assert_said("data\n\n", "<||data\\n\\n>\n");
	assert_said("data:\n\n", "<||data:\\n\\n>\n");
	assert_said("data: \n\n", "<||data: \\n\\n>\n");
	assert_said("data: [DONE]\n\n", "<|[DONE]|data: [DONE]\\n\\n>\n");
}

TEST(what_is_not_data_is_kept_in_raw)
{
	assert_said(
	    ": OPENROUTER PROCESSING\n\n", "<|-|: OPENROUTER PROCESSING\\n\\n>\n");
	assert_said("id: 1\nretry: 5\n\n", "<|-|id: 1\\nretry: 5\\n\\n>\n");
	assert_said(
	    "database: x\neventual: y\n\n", "<|-|database: x\\neventual: y\\n\\n>\n");
	assert_said(" data: x\n\n", "<|-| data: x\\n\\n>\n");
	assert_said("\n", "<|-|\\n>\n");
	assert_said("\n\ndata: a\n\n", "<|-|\\n>\n<|-|\\n>\n<|a|data: a\\n\\n>\n");
}

TEST(lines_end_in_three_ways)
{
	assert_said("data: a\r\n\r\ndata: b\r\n\r\n",
	    "<|a|data: a\\r\\n\\r\\n>\n<|b|data: b\\r\\n\\r\\n>\n");
	assert_said("data: a\rdata: b\r\rdata: c\r\r",
	    "<|a\nb|data: a\\rdata: b\\r\\r>\n<|c|data: c\\r\\r>\n");
	assert_said("data: a\r\ndata: b\rdata: c\n\n",
	    "<|a\nb\nc|data: a\\r\\ndata: b\\rdata: c\\n\\n>\n");
	assert_said(
	    "event: x\r\ndata: a\r\n\r\n", "<x|a|event: x\\r\\ndata: a\\r\\n\\r\\n>\n");
}

TEST(a_byte_order_mark_is_skipped)
{
	assert_said("\xef\xbb\xbf"
		    "data: a\n\n",
	    "<|a|\xef\xbb\xbf"
	    "data: a\\n\\n>\n");
}

TEST(what_is_left_at_the_end_is_given_once)
{
	struct sse_event event;
	struct sse s;
	struct slice in = S("data: a\n\ndata: b\nev");
	enum err e;

	sse_init(&s, EVENT_MAX);
	assert_false(sse_has_partial(&s));
	assert_false(sse_rest(&s, &event));
	assert_true(sse_next(&s, &in, &event, &e));
	assert_false(sse_has_partial(&s));
	assert_false(sse_next(&s, &in, &event, &e));
	assert_int_equal(e, ERR_OK);
	assert_true(sse_has_partial(&s));
	assert_true(sse_rest(&s, &event));
	assert_slice(event.data, S("b"));
	assert_slice(event.raw, S("data: b\nev"));
	assert_false(sse_has_partial(&s));
	assert_false(sse_rest(&s, &event));
	in = S("d");
	assert_false(sse_next(&s, &in, &event, &e));
	assert_true(sse_has_partial(&s));
	sse_done(&s);
}

TEST(an_event_whole_in_the_input_is_not_copied)
{
	struct sse_event event;
	struct sse s;
	struct slice in = S("event: e\ndata: a\n\n"), text = in;
	enum err e;

	sse_init(&s, EVENT_MAX);
	torture_start(1, true);
	assert_true(sse_next(&s, &in, &event, &e));
	assert_false(torture_stop());
	assert_ptr_equal(event.raw.ptr, text.ptr);
	assert_ptr_equal(event.name.ptr, text.ptr + 7);
	assert_ptr_equal(event.data.ptr, text.ptr + 15);
	sse_done(&s);
}

TEST(an_event_in_pieces_lives_until_the_next_call)
{
	char one[] = "data: first", two[] = "\n\nda", three[] = "ta: second\n\n";
	struct sse_event event;
	struct sse s;
	struct slice in = slice_str(one);
	enum err e;

	sse_init(&s, EVENT_MAX);
	assert_false(sse_next(&s, &in, &event, &e));
	memset(one, 'x', sizeof(one));
	in = slice_str(two);
	assert_true(sse_next(&s, &in, &event, &e));
	assert_slice(in, S("da"));
	assert_slice(event.data, S("first"));
	assert_false(sse_has_partial(&s));
	assert_false(sse_next(&s, &in, &event, &e));
	memset(two, 'x', sizeof(two));
	in = slice_str(three);
	assert_true(sse_next(&s, &in, &event, &e));
	assert_slice(event.data, S("second"));
	assert_false(sse_next(&s, &in, &event, &e));
	sse_done(&s);
}

TEST(sse_read_reads_one_event)
{
	struct sse_event event;
	struct buf joined;

	buf_init(&joined, 100);
	assert_int_equal(
	    sse_read(S("event: e\ndata: a\ndata: b"), &joined, &event), ERR_OK);
	assert_slice(event.name, S("e"));
	assert_slice(event.data, S("a\nb"));
	assert_int_equal(sse_read(S(""), &joined, &event), ERR_OK);
	assert_null(event.data.ptr);
	assert_int_equal(event.name.len, 0);
	buf_free(&joined);
	buf_init(&joined, 2);
	assert_int_equal(sse_read(S("data: a\ndata: b"), &joined, &event), ERR_FULL);
	assert_int_equal(sse_read(S("data: c"), &joined, &event), ERR_OK); /* forgotten */
	assert_slice(event.data, S("c"));
	buf_free(&joined);
}

/* --- ceilings --- */

TEST(an_event_of_more_than_the_ceiling_is_full_in_one_piece_or_many)
{
	struct slice text = S("data: 123\n\ndata: 1\n\n");
	static cut_fn *const cuts[] = {cut_never, cut_always};

	for (size_t i = 0; i < COUNT(cuts); i++) {
		assert_slice(transcript(text, 11, cuts[i], NULL),
		    S("<|123|data: 123\\n\\n>\n<|1|data: 1\\n\\n>\n"));
		assert_slice(transcript(text, 10, cuts[i], NULL), S("FULL\n"));
	}
	for (size_t at = 1; at < text.len; at++)
		assert_slice(transcript(text, 10, cut_here, &at), S("FULL\n"));
}

TEST(what_follows_an_event_does_not_count)
{
	struct slice text = S("data: 1\n\ndata: 2\n\ndata: 3\n\n");

	for (size_t at = 1; at < text.len; at++)
		assert_slice(transcript(text, 9, cut_here, &at),
		    S("<|1|data: 1\\n\\n>\n<|2|data: 2\\n\\n>\n<|3|data: 3\\n\\n>\n"));
}

TEST(a_last_event_without_end_may_fill_the_ceiling)
{
	static cut_fn *const cuts[] = {cut_never, cut_always};

	for (size_t i = 0; i < COUNT(cuts); i++)
		assert_slice(transcript(S("data: 12345"), 11, cuts[i], NULL),
		    S("rest <|12345|data: 12345>\n"));
}

TEST(lines_of_one_byte_are_not_empty)
{
	assert_said("x\ndata: a\n:\r\n:\rdata: b\n\n",
	    "<|a\nb|x\\ndata: a\\n:\\r\\n:\\rdata: b\\n\\n>\n");
}

TEST(a_line_without_end_is_full)
{
	char text[3000];

	memset(text, 'x', sizeof(text));
	assert_slice(transcript(slice_of(text, sizeof(text)), EVENT_MAX, cut_never, NULL),
	    S("FULL\n"));
	assert_slice(
	    transcript(slice_of(text, sizeof(text)), EVENT_MAX, cut_always, NULL),
	    S("FULL\n"));
}

/* --- what it costs --- */

static uint64_t
ms_for(struct slice text, size_t piece)
{
	uint64_t from = clock_mono_ms();
	struct sse_event event;
	enum err e;
	struct sse s;

	sse_init(&s, text.len);
	for (size_t at = 0; at < text.len; at += piece) {
		struct slice in = slice_head(slice_from(text, at), piece);

		while (sse_next(&s, &in, &event, &e))
			;
		assert_int_equal(e, ERR_OK);
	}
	sse_done(&s);
	return clock_mono_ms() - from;
}

/*
 * Twice the bytes take twice the time, not four times: both took a minute and more
 * when each call, or each line, looked at all that was there.
 */
TEST(the_time_grows_with_the_bytes)
{
	static char text[4u << 20];

	memset(text, 'x', sizeof(text));
	assert_in_range(ms_for(slice_of(text, sizeof(text)), 8), 0, 10000);
	memset(text, '\r', sizeof(text));
	assert_in_range(ms_for(slice_of(text, sizeof(text)), sizeof(text)), 0, 10000);
}

/* --- pieces --- */

static const char *const streams[] = {
    "data: a\n\ndata: b\n\ndata: [DONE]\n\n",
    "event: e\r\ndata: {\"a\":1}\r\n\r\n: comment\r\n\r\ndata: b\r\ndata: c\r\n\r\n",
    "data: a\r\rdata: b\rdata: c\r\r",
    "\357\273\277data: a\n\n\n\n\r\n\r\ndata: b",
    "id\n\ndata\n\ndata\ndata\n\n",
    "data: a\n\r\ndata: b\r\n\ndata: c\n\n",
    "\r\r\n\n\r",
};

static void
check_pieces(struct slice text, struct random *r)
{
	struct slice whole = transcript(text, EVENT_MAX, cut_never, NULL);
	char want[4000];

	assert_true(whole.len < sizeof(want));
	memcpy(want, whole.ptr, whole.len);
	whole.ptr = want;
	assert_slice(transcript(text, EVENT_MAX, cut_always, NULL), whole);
	for (size_t at = 1; at < text.len; at++)
		assert_slice(transcript(text, EVENT_MAX, cut_here, &at), whole);
	for (unsigned n = 0; n < 20; n++)
		assert_slice(transcript(text, EVENT_MAX, cut_anywhere, r), whole);
}

TEST(pieces_change_nothing)
{
	struct random r;

	random_seed(&r, 11);
	for (size_t i = 0; i < COUNT(streams); i++)
		check_pieces(slice_str(streams[i]), &r);
}

TEST(pieces_of_mixed_line_ends_change_nothing)
{
	static const char *const parts[] = {
	    "data: a", "data:", "event: e", ":", "\n", "\n", "\n", "\r", "\r", "\r\n"};
	struct random r;

	random_seed(&r, 12);
	for (unsigned i = 0; i < 2000; i++) {
		char text[200];
		size_t n = 0;

		for (uint64_t k = random_below(&r, 15); k > 0; k--) {
			const char *part = parts[random_below(&r, COUNT(parts))];

			memcpy(text + n, part, strlen(part));
			n += strlen(part);
		}
		check_pieces(slice_of(text, n), &r);
	}
}

static enum err
read_in_pieces(void *arg)
{
	static const char text[] = "data: a\ndata: b\n\ndata: c\n\n";
	struct sse_event event;
	struct sse s;
	enum err e = ERR_OK;
	unsigned events = 0;

	(void)arg;
	sse_init(&s, EVENT_MAX);
	for (size_t at = 0; at < sizeof(text) - 1 && e == ERR_OK; at++) {
		struct slice in = slice_of(text + at, 1);

		while (sse_next(&s, &in, &event, &e))
			assert_slice(event.data, events++ == 0 ? S("a\nb") : S("c"));
	}
	if (e == ERR_OK)
		assert_int_equal(events, 2);
	sse_done(&s);
	return e;
}

TEST(survives_torture)
{
	assert_int_equal(torture(read_in_pieces, NULL), 3);
}

static int
start(void **state)
{
	(void)state;
	buf_init(&said, 100000);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	buf_free(&said);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(events_have_names_and_data),
	    cmocka_unit_test(one_blank_behind_the_colon_is_not_data),
	    cmocka_unit_test(what_is_not_data_is_kept_in_raw),
	    cmocka_unit_test(lines_end_in_three_ways),
	    cmocka_unit_test(a_byte_order_mark_is_skipped),
	    cmocka_unit_test(what_is_left_at_the_end_is_given_once),
	    cmocka_unit_test(an_event_whole_in_the_input_is_not_copied),
	    cmocka_unit_test(an_event_in_pieces_lives_until_the_next_call),
	    cmocka_unit_test(sse_read_reads_one_event),
	    cmocka_unit_test(
		an_event_of_more_than_the_ceiling_is_full_in_one_piece_or_many),
	    cmocka_unit_test(what_follows_an_event_does_not_count),
	    cmocka_unit_test(a_last_event_without_end_may_fill_the_ceiling),
	    cmocka_unit_test(lines_of_one_byte_are_not_empty),
	    cmocka_unit_test(a_line_without_end_is_full),
	    cmocka_unit_test(the_time_grows_with_the_bytes),
	    cmocka_unit_test(pieces_change_nothing),
	    cmocka_unit_test(pieces_of_mixed_line_ends_change_nothing),
	    cmocka_unit_test(survives_torture),
	};

	return cmocka_run_group_tests_name("sse", tests, start, stop);
}
