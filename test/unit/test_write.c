#include "json/write.h"

#include "core/arena.h"
#include "core/random.h"
#include "test.h"
#include "torture.h"
#include "json/tape.h"

static struct buf b;

static int
start(void **state)
{
	(void)state;
	buf_init(&b, 100000);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	buf_free(&b);
	return 0;
}

static void
assert_written(const char *want)
{
	assert_int_equal(b.err, ERR_OK);
	assert_slice(buf_slice(&b), slice_str(want));
}

TEST(commas_come_by_themselves)
{
	json_open(&b, '{');
	json_key(&b, S("a"));
	json_open(&b, '[');
	json_put_u64(&b, 1);
	json_put_i64(&b, -2);
	json_open(&b, '[');
	json_close(&b, ']');
	json_open(&b, '{');
	json_close(&b, '}');
	json_put_bool(&b, true);
	json_put_bool(&b, false);
	json_put_null(&b);
	json_quote(&b, S("x"));
	json_put_raw(&b, S("{\"raw\":1}"));
	json_close(&b, ']');
	json_member(&b, S("b"), S("y"));
	json_member_u64(&b, S("c"), 3);
	json_key(&b, S("d"));
	json_put_null(&b);
	json_close(&b, '}');
	assert_written("{\"a\":[1,-2,[],{},true,false,null,\"x\",{\"raw\":1}],"
		       "\"b\":\"y\",\"c\":3,\"d\":null}");
}

/* What a text ends with must not look like the start of a container. */
TEST(strings_that_end_in_brackets_are_followed_by_a_comma)
{
	json_open(&b, '[');
	json_quote(&b, S("{"));
	json_quote(&b, S("["));
	json_quote(&b, S(":"));
	json_quote(&b, S(""));
	json_put_u64(&b, 0);
	json_close(&b, ']');
	assert_written("[\"{\",\"[\",\":\",\"\",0]");
}

TEST(lines_are_texts_of_their_own)
{
	json_open(&b, '{');
	json_close(&b, '}');
	buf_byte(&b, '\n');
	json_open(&b, '[');
	json_close(&b, ']');
	assert_written("{}\n[]");
}

TEST(events_begin_with_a_field)
{
	buf_add(&b, S("data: "));
	json_open(&b, '{');
	json_close(&b, '}');
	buf_add(&b, S("\n\ndata: "));
	json_put_u64(&b, 1);
	json_text(&b, S("x")); /* looks at nothing */
	assert_written("data: {}\n\ndata: 1\"x\"");
}

TEST(numbers_to_their_ends)
{
	json_open(&b, '[');
	json_put_u64(&b, 0);
	json_put_u64(&b, UINT64_MAX);
	json_put_i64(&b, INT64_MAX);
	json_put_i64(&b, INT64_MIN);
	json_close(&b, ']');
	assert_written("[0,18446744073709551615,9223372036854775807,"
		       "-9223372036854775808]");
}

TEST(what_needs_it_is_escaped)
{
	json_quote(&b, S("a\"b\\c/\n\r\t\b\f\x01\x1f\x7f"));
	assert_written("\"a\\\"b\\\\c/\\n\\r\\t\\u0008\\u000c\\u0001\\u001f\x7f\"");
	buf_clear(&b);
	json_quote(&b, slice_of("a\0b", 3));
	assert_written("\"a\\u0000b\"");
	buf_clear(&b);
	json_quote(&b, slice_of(NULL, 0));
	assert_written("\"\"");
	buf_clear(&b);
	json_key(&b, S("k\"\n"));
	assert_written("\"k\\\"\\n\":");
}

TEST(what_is_json_already_stays)
{
	json_open(&b, '{');
	json_key_inner(&b, S("k\\\"\\n"));
	json_put_inner(&b, S("v\\u00e9"));
	json_key_inner(&b, S(""));
	json_put_null(&b);
	json_close(&b, '}');
	assert_written("{\"k\\\"\\n\":\"v\\u00e9\",\"\":null}");
}

TEST(what_is_not_utf8_is_replaced)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
	    {"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80",
		"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80"},
	    {"a\xff"
	     "b",
		"a\xef\xbf\xbd"
		"b"},
	    {"\xc3", "\xef\xbf\xbd"},
	    {"\xc3\"", "\xef\xbf\xbd\\\""},
	    {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"},
	    {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	};
	char want[64];

	for (size_t i = 0; i < COUNT(cases); i++) {
		buf_clear(&b);
		json_quote(&b, slice_str(cases[i].text));
		(void)snprintf(want, sizeof(want), "\"%s\"", cases[i].want);
		assert_written(want);
	}
}

/* Any bytes become a string; those that are UTF-8 come back as they were. */
TEST(every_text_comes_back)
{
	static const char *const pieces[] = {"a", "\"", "\\", "\n", "\x01", "\x7f",
	    "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "0123456789abcdef", "\\u0041",
	    "\xff", "\xe2\x82"};
	struct random r;
	struct json j;

	random_seed(&r, 9);
	json_init(&j, 10);
	for (unsigned i = 0; i < 5000; i++) {
		char text[200], first[400];
		size_t n = 0;
		bool whole = i % 2 == 0; /* without the two that are no UTF-8 */
		struct arena a;
		struct slice back;

		for (uint64_t k = random_below(&r, 10); k > 0; k--) {
			const char *p =
			    pieces[random_below(&r, COUNT(pieces) - (whole ? 2 : 0))];

			memcpy(text + n, p, strlen(p));
			n += strlen(p);
		}
		buf_clear(&b);
		json_quote(&b, slice_of(text, n));
		assert_int_equal(json_parse(&j, buf_slice(&b), JSON_KEEP_ALL), ERR_OK);
		assert_int_equal(j.count, 1);
		arena_init(&a, first, sizeof(first), 0);
		assert_true(json_string(&j, 0, &a, &back));
		if (whole)
			assert_slice(back, slice_of(text, n));
		arena_free(&a);
	}
	json_free(&j);
}

static enum err
write_much(void *arg)
{
	struct buf out;
	enum err e;

	(void)arg;
	buf_init(&out, 10000);
	json_open(&out, '{');
	for (unsigned i = 0; i < 100; i++) {
		json_key(&out, S("a key\n"));
		json_open(&out, '[');
		json_quote(&out, S("\"text\x01"));
		json_put_i64(&out, -12);
		json_close(&out, ']');
	}
	json_close(&out, '}');
	e = out.err;
	if (e == ERR_OK) {
		assert_slice(slice_head(buf_slice(&out), 14), S("{\"a key\\n\":[\"\\"));
		assert_int_equal(out.ptr[out.len - 1], '}');
	}
	buf_free(&out);
	return e;
}

TEST(survives_torture)
{
	assert_true(torture(write_much, NULL) > 3);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(commas_come_by_themselves),
	    CASE(strings_that_end_in_brackets_are_followed_by_a_comma),
	    CASE(lines_are_texts_of_their_own),
	    CASE(events_begin_with_a_field),
	    CASE(numbers_to_their_ends),
	    CASE(what_needs_it_is_escaped),
	    CASE(what_is_json_already_stays),
	    CASE(what_is_not_utf8_is_replaced),
	    CASE(every_text_comes_back),
	    CASE(survives_torture),
	};

	return cmocka_run_group_tests_name("write", tests, NULL, NULL);
}
