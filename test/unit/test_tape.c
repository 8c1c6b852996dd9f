#include "json/tape.h"

#include "naive_json.h"
#include "test.h"
#include "torture.h"

#include <stdlib.h>

static struct json j;

static int
start(void **state)
{
	(void)state;
	json_init(&j, 1000000);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	json_free(&j);
	return 0;
}

static void
parse(const char *text)
{
	if (json_parse(&j, slice_str(text), JSON_KEEP_ALL) != ERR_OK)
		fail_msg("%s: %s at %zu", text, j.why, j.error_at);
}

TEST(one_token_a_value_in_the_order_of_the_text)
{
	static const enum json_type types[] = {JSON_OBJECT, JSON_STRING, JSON_ARRAY,
	    JSON_NUMBER, JSON_OBJECT, JSON_STRING, JSON_NULL, JSON_TRUE, JSON_STRING,
	    JSON_STRING};
	static const uint32_t next[] = {10, 2, 8, 4, 7, 6, 7, 8, 9, 10};

	parse(" {\"a\": [1, {\"b\":null}, true], \"c\":\"d\"} ");
	assert_int_equal(j.count, 10);
	for (uint32_t v = 0; v < j.count; v++) {
		assert_true(json_is(&j, v, types[v]));
		assert_int_equal(j.tokens[v].next, next[v]);
		assert_false(j.tokens[v].opaque);
	}
	assert_slice(json_raw(&j, 0), slice_trim(j.text));
	assert_slice(json_raw(&j, 2), S("[1, {\"b\":null}, true]"));
	assert_slice(json_raw(&j, 3), S("1"));
	assert_slice(json_raw(&j, 9), S("\"d\""));
	assert_slice(json_inner(&j, 9), S("d"));
}

TEST(scalars_and_empty_containers_are_texts_too)
{
	static const struct {
		const char *text;
		enum json_type type;
	} cases[] = {
	    {"null", JSON_NULL},
	    {" true", JSON_TRUE},
	    {"false\n", JSON_FALSE},
	    {"-1.5e3", JSON_NUMBER},
	    {"\"\"", JSON_STRING},
	    {"[]", JSON_ARRAY},
	    {"{ }", JSON_OBJECT},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		parse(cases[i].text);
		assert_int_equal(j.count, 1);
		assert_true(json_is(&j, 0, cases[i].type));
		assert_int_equal(json_first(&j, 0), JSON_NONE);
	}
}

TEST(errors_tell_where_and_what)
{
	static const struct {
		const char *text;
		size_t at;
		const char *why;
	} cases[] = {
	    {"", 0, "a value"},
	    {"  ", 2, "a value"},
	    {"[1,]", 3, "a value"},
	    {"[1 2]", 3, "a comma or the end of the array or object"},
	    {"[1}", 2, "a comma or the end of the array or object"},
	    {"{\"a\":1]", 6, "a comma or the end of the array or object"},
	    {"[1", 2, "a comma or the end of the array or object"},
	    {"{1:2}", 1, "a member's name in quotes"},
	    {"{\"a\":1,}", 7, "a member's name in quotes"},
	    {"{\"a\" 1}", 5, "a colon"},
	    {"{\"a\"", 4, "a colon"},
	    {"{\"a\":", 5, "a value"},
	    {"nul", 0, "a value"},
	    {"[truE]", 1, "a value"},
	    {"[01]", 1, "a value"},
	    {"'a'", 0, "a value"},
	    {"1 2", 2, "the end of the text"},
	    {"{}}", 2, "the end of the text"},
	    {"\"a", 0, "a closing quote"},
	    {"[\"\\x\"]", 1, "a valid escape"},
	    {"[\"\xff\"]", 1, "UTF-8"},
	    {"[\"\n\"]", 1, "no control character in a string"},
	    {"\xef\xbb\xbf{}", 0, "a value"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct slice text = slice_str(cases[i].text);

		assert_int_equal(json_parse(&j, text, JSON_KEEP_ALL), ERR_SYNTAX);
		assert_int_equal(j.error_at, cases[i].at);
		assert_string_equal(j.why, cases[i].why);
		/* What is not kept is checked all the same. */
		assert_int_equal(json_parse(&j, text, 0), ERR_SYNTAX);
		assert_int_equal(j.error_at, cases[i].at);
	}
	assert_int_equal(json_parse(&j, slice_of(NULL, 0), 0), ERR_SYNTAX);
}

TEST(a_text_that_is_none_has_no_values)
{
	assert_int_equal(
	    json_parse(&j, S("{\"a\":{\"b\":1},\"c\""), JSON_KEEP_ALL), ERR_SYNTAX);
	assert_false(json_is(&j, 0, JSON_OBJECT));
	assert_int_equal(json_first(&j, 0), JSON_NONE);
	assert_int_equal(json_get(&j, 0, S("a")), JSON_NONE);
}

TEST(nesting_is_bounded)
{
	char text[2 * JSON_DEPTH_MAX + 2];

	memset(text, '[', JSON_DEPTH_MAX + 1);
	memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	assert_int_equal(
	    json_parse(&j, slice_of(text, sizeof(text) - 2), JSON_KEEP_ALL), ERR_OK);
	assert_int_equal(j.count, JSON_DEPTH_MAX);
	memset(text, '[', JSON_DEPTH_MAX + 1);
	memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	for (uint32_t keep = 0; keep < 2; keep++) {
		assert_int_equal(
		    json_parse(&j, slice_of(text, sizeof(text)), keep), ERR_SYNTAX);
		assert_string_equal(j.why, "less nesting");
		assert_int_equal(j.error_at, JSON_DEPTH_MAX);
	}
}

TEST(keep_leaves_deeper_values_opaque)
{
	const char *text = "{\"a\":[1,[2]],\"b\":{},\"c\":3}";

	assert_int_equal(json_parse(&j, slice_str(text), 1), ERR_OK);
	assert_int_equal(j.count, 7);
	assert_false(j.tokens[0].opaque);
	assert_true(j.tokens[2].opaque);
	assert_false(j.tokens[4].opaque); /* nothing is in it */
	assert_false(j.tokens[6].opaque);
	assert_slice(json_raw(&j, 2), S("[1,[2]]"));
	assert_int_equal(json_first(&j, 2), JSON_NONE);
	assert_int_equal(json_get(&j, 0, S("c")), 6);
	assert_int_equal(json_parse(&j, slice_str(text), 0), ERR_OK);
	assert_int_equal(j.count, 1);
	assert_true(j.tokens[0].opaque);
	assert_slice(json_raw(&j, 0), slice_str(text));
	assert_int_equal(json_parse(&j, slice_str(text), 2), ERR_OK);
	assert_int_equal(j.count, 9);
	assert_true(j.tokens[4].opaque);
}

TEST(more_tokens_than_the_ceiling_are_refused)
{
	static const uint32_t ceilings[] = {0, 1, 63, 64, 65, 100};

	for (size_t i = 0; i < COUNT(ceilings); i++) {
		char text[300] = "[";
		size_t n = 1;
		struct json small;

		json_init(&small, ceilings[i]);
		for (uint32_t k = 2; k <= ceilings[i]; k++) {
			text[n++] = '1';
			text[n++] = k == ceilings[i] ? ']' : ',';
		}
		if (ceilings[i] == 1)
			text[n++] = ']';
		if (ceilings[i] > 0) {
			assert_int_equal(
			    json_parse(&small, slice_of(text, n), JSON_KEEP_ALL), ERR_OK);
			assert_int_equal(small.count, ceilings[i]);
			n--;
		}
		if (ceilings[i] > 1)
			text[n++] = ',';
		text[n++] = '1';
		text[n++] = ']';
		assert_int_equal(
		    json_parse(&small, slice_of(text, n), JSON_KEEP_ALL), ERR_FULL);
		json_free(&small);
	}
	/* Offsets have 32 bits; nothing of the text is read. */
	assert_int_equal(json_parse(&j, slice_of("", UINT32_MAX), 0), ERR_FULL);
}

TEST(the_tape_is_used_again)
{
	struct json_token *tokens;

	parse("[1,2,3]");
	tokens = j.tokens;
	parse("{}");
	assert_ptr_equal(j.tokens, tokens);
	assert_int_equal(j.count, 1);
	json_trim(&j, j.cap);
	assert_ptr_equal(j.tokens, tokens);
	json_trim(&j, j.cap - 1);
	assert_null(j.tokens);
	assert_int_equal(json_first(&j, 0), JSON_NONE);
	parse("[1]");
	assert_int_equal(j.count, 2);
}

TEST(no_value_answers_no)
{
	struct slice got = S("before");
	uint64_t u = 77;
	int64_t i = 77;

	parse("{\"a\":1}");
	assert_false(json_is(&j, JSON_NONE, JSON_NULL));
	assert_null(json_raw(&j, JSON_NONE).ptr);
	assert_null(json_inner(&j, JSON_NONE).ptr);
	assert_null(json_inner(&j, 2).ptr); /* a number */
	assert_false(json_string(&j, JSON_NONE, NULL, &got));
	assert_false(json_string(&j, 2, NULL, &got));
	assert_slice(got, S("before"));
	assert_false(json_equals(&j, JSON_NONE, S("")));
	assert_false(json_equals(&j, 2, S("1")));
	assert_int_equal(json_get(&j, JSON_NONE, S("a")), JSON_NONE);
	assert_int_equal(json_get(&j, 2, S("a")), JSON_NONE);
	assert_int_equal(json_path(&j, JSON_NONE, "a", NULL), JSON_NONE);
	assert_int_equal(json_first(&j, JSON_NONE), JSON_NONE);
	assert_int_equal(json_first(&j, 2), JSON_NONE);
	assert_int_equal(json_at(&j, JSON_NONE, 0), JSON_NONE);
	assert_int_equal(json_at(&j, 0, 0), JSON_NONE); /* not an array */
	assert_false(json_u64(&j, JSON_NONE, &u));
	assert_false(json_scaled(&j, JSON_NONE, 0, &i));
	assert_int_equal(u, 77);
	assert_int_equal(i, 77);
	assert_false(json_is(&j, j.count, JSON_NULL)); /* past the end is none too */
}

TEST(nothing_comes_after_no_value)
{
	parse("[1]");
	assert_int_equal(json_after(&j, 0, JSON_NONE), JSON_NONE);
	assert_int_equal(json_after(&j, JSON_NONE, 1), JSON_NONE);
	assert_int_equal(json_after(&j, JSON_NONE, JSON_NONE), JSON_NONE);
}

TEST(members_are_found_by_decoded_name_and_the_last_wins)
{
	parse("{\"a\":1,\"b\":2,\"\\u0061\":3,\"\":4,\"ab\":{\"c\":{\"d\":5}}}");
	assert_slice(json_raw(&j, json_get(&j, 0, S("a"))), S("3"));
	assert_slice(json_raw(&j, json_get(&j, 0, S("b"))), S("2"));
	assert_slice(json_raw(&j, json_get(&j, 0, S(""))), S("4"));
	assert_int_equal(json_get(&j, 0, S("c")), JSON_NONE); /* not of the root */
	assert_int_equal(json_get(&j, 0, S("A")), JSON_NONE);
	assert_slice(json_raw(&j, json_path(&j, 0, "ab", "c", "d", NULL)), S("5"));
	assert_int_equal(json_path(&j, 0, "ab", "x", "d", NULL), JSON_NONE);
	assert_int_equal(json_path(&j, 0, "b", "c", NULL), JSON_NONE);
	assert_int_equal(json_path(&j, 0, NULL), 0);
}

TEST(walks_see_the_elements_of_their_own_level)
{
	static const char *const raw[] = {"1", "[2,[3]]", "{\"a\":4}", "\"5\""};
	static const char *const keys[] = {"a", "b", "c"};
	unsigned n = 0;

	parse("[1,[2,[3]],{\"a\":4},\"5\"]");
	JSON_FOR_EACH (v, &j, 0) {
		assert_slice(json_raw(&j, v), slice_str(raw[n]));
		assert_int_equal(json_at(&j, 0, n), v);
		n++;
	}
	assert_int_equal(n, 4);
	assert_int_equal(json_at(&j, 0, 4), JSON_NONE);
	assert_int_equal(json_at(&j, 0, UINT32_MAX), JSON_NONE);
	parse("{\"a\":{\"x\":1},\"b\":[1,2],\"c\":3}");
	n = 0;
	JSON_FOR_EACH_KEY (k, &j, 0)
		assert_true(json_equals(&j, k, slice_str(keys[n++])));
	assert_int_equal(n, 3);
}

TEST(strings_are_decoded_on_demand)
{
	char first[64];
	struct slice got;
	struct arena a;

	arena_init(&a, first, sizeof(first), 0);
	parse("[\"plain\",\"a\\nb\\u00e9\",\"\",\"\\u0000\"]");
	assert_true(json_string(&j, 1, &a, &got));
	assert_slice(got, S("plain"));
	assert_ptr_equal(got.ptr, j.text.ptr + 2); /* a slice of the text */
	assert_true(json_string(&j, 2, &a, &got));
	assert_slice(got, S("a\nb\xc3\xa9"));
	assert_slice(json_inner(&j, 2), S("a\\nb\\u00e9"));
	assert_true(json_equals(&j, 2, S("a\nb\xc3\xa9")));
	assert_false(json_equals(&j, 2, S("a\\nb\\u00e9")));
	assert_true(json_string(&j, 3, &a, &got));
	assert_int_equal(got.len, 0);
	assert_non_null(got.ptr);
	assert_true(json_string(&j, 4, &a, &got));
	assert_slice(got, slice_of("\0", 1));
	arena_free(&a);
	assert_false(json_string(&j, 2, &a, &got)); /* out of memory */
	assert_slice(got, slice_of("\0", 1));
}

TEST(numbers)
{
	static const struct {
		const char *text;
		bool whole;
		uint64_t value;
	} cases[] = {
	    {"12", true, 12},
	    {"12.0", true, 12},
	    {"1e3", true, 1000},
	    {"0", true, 0},
	    {"-0", true, 0},
	    {"-0.0", true, 0},
	    {"18446744073709551615", true, UINT64_MAX},
	    {"18446744073709551616", false, 0},
	    {"1.5", false, 0},
	    {"-1", false, 0},
	    {"1e30", false, 0},
	    {"\"12\"", false, 0},
	    {"null", false, 0},
	};
	int64_t scaled = 0;

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t value = 77;

		parse(cases[i].text);
		assert_int_equal(json_u64(&j, 0, &value), cases[i].whole);
		assert_true(value == (cases[i].whole ? cases[i].value : 77));
	}
	parse("1.35e-05");
	assert_true(json_scaled(&j, 0, 12, &scaled));
	assert_int_equal(scaled, 13500000);
	parse("0.5");
	assert_true(json_scaled(&j, 0, 0, &scaled)); /* rounded */
	assert_int_equal(scaled, 1);
	parse("\"1\"");
	assert_false(json_scaled(&j, 0, 12, &scaled));
}

/* Every value knows its own bytes: they are JSON again, of the same type. */
static void
check_structure(void)
{
	struct json inner;

	json_init(&inner, 100000);
	for (uint32_t v = 0; v < j.count; v++) {
		assert_true(j.tokens[v].next > v && j.tokens[v].next <= j.count);
		assert_int_equal(
		    json_parse(&inner, json_raw(&j, v), JSON_KEEP_ALL), ERR_OK);
		assert_true(json_is(&inner, 0, (enum json_type)j.tokens[v].type));
		if (!j.tokens[v].opaque)
			assert_int_equal(inner.count, j.tokens[v].next - v);
	}
	json_free(&inner);
}

TEST(agrees_with_the_plain_grammar)
{
	unsigned good = 0, bad = 0;
	struct random r;
	char text[2000];

	random_seed(&r, 6);
	for (unsigned i = 0; i < 20000; i++) {
		uint32_t keep = (uint32_t)random_below(&r, 4);
		size_t n = naive_json_make(&r, text, sizeof(text)), values;
		bool fits;

		if (keep == 3)
			keep = JSON_KEEP_ALL;
		if (i % 4 != 0)
			n = naive_json_break(&r, text, n, sizeof(text));
		fits = naive_json(slice_of(text, n), keep, &values);
		if ((json_parse(&j, slice_of(text, n), keep) == ERR_OK) != fits)
			fail_msg("%.*s: %s at %zu", (int)n, text, j.why, j.error_at);
		good += fits;
		bad += !fits;
		if (!fits)
			continue;
		assert_int_equal(j.count, values);
		if (keep == JSON_KEEP_ALL && i % 16 == 0)
			check_structure();
	}
	assert_true(good > 5000 && bad > 2000);
}

static enum err
parse_and_decode(void *arg)
{
	struct slice *text = arg, got = {NULL, 0};
	struct json tape;
	struct arena a;
	enum err e;

	json_init(&tape, 1000);
	arena_init(&a, NULL, 0, 10000);
	e = json_parse(&tape, *text, JSON_KEEP_ALL);
	if (e == ERR_OK) {
		assert_int_equal(tape.count, 201);
		e = json_string(&tape, 200, &a, &got) ? ERR_OK : ERR_NOMEM;
	}
	if (e == ERR_OK)
		assert_slice(got, S("A"));
	else
		assert_null(got.ptr);
	json_free(&tape);
	arena_free(&a);
	return e;
}

TEST(survives_torture)
{
	char text[2000] = "[";
	struct slice s;
	size_t n = 1;

	for (unsigned i = 0; i < 199; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%u,", i);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "\"\\u0041\"]");
	s = slice_of(text, n);
	assert_int_equal(torture(parse_and_decode, &s), 4);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(one_token_a_value_in_the_order_of_the_text),
	    CASE(scalars_and_empty_containers_are_texts_too),
	    CASE(errors_tell_where_and_what),
	    CASE(a_text_that_is_none_has_no_values),
	    CASE(nesting_is_bounded),
	    CASE(keep_leaves_deeper_values_opaque),
	    CASE(more_tokens_than_the_ceiling_are_refused),
	    CASE(the_tape_is_used_again),
	    CASE(no_value_answers_no),
	    CASE(nothing_comes_after_no_value),
	    CASE(members_are_found_by_decoded_name_and_the_last_wins),
	    CASE(walks_see_the_elements_of_their_own_level),
	    CASE(strings_are_decoded_on_demand),
	    CASE(numbers),
	    CASE(agrees_with_the_plain_grammar),
	    CASE(survives_torture),
	};

	return cmocka_run_group_tests_name("tape", tests, NULL, NULL);
}
