#include "test.h"

#include <stdlib.h>

static const struct slice none = {NULL, 0};

TEST(slices_are_made_of_strings_and_parts)
{
	assert_slice(slice_of("abcdef", 3), S("abc"));
	assert_slice(slice_str("abc"), S("abc"));
	assert_int_equal(slice_str(NULL).len, 0);
	assert_int_equal(S("a\0b").len, 3);
}

TEST(from_and_head_stay_inside)
{
	struct slice s = S("abcdef");

	assert_slice(slice_from(s, 0), s);
	assert_slice(slice_from(s, 2), S("cdef"));
	assert_int_equal(slice_from(s, 6).len, 0);
	assert_int_equal(slice_from(s, SIZE_MAX).len, 0);
	assert_slice(slice_head(s, 0), S(""));
	assert_slice(slice_head(s, 2), S("ab"));
	assert_slice(slice_head(s, SIZE_MAX), s);
	assert_int_equal(slice_from(none, 0).len, 0);
	assert_int_equal(slice_head(none, 1).len, 0);
}

TEST(equality)
{
	assert_true(slice_eq(S("abc"), S("abc")));
	assert_false(slice_eq(S("abc"), S("abC")));
	assert_false(slice_eq(S("abc"), S("ab")));
	assert_true(slice_eq(none, S("")));
	assert_true(slice_ieq(S("aBcZ-1"), S("AbCz-1")));
	assert_false(slice_ieq(S("abc"), S("abcd")));
	assert_true(slice_ieq(none, S("")));
	/* Only ASCII letters have a case; their neighbours don't. */
	assert_false(slice_ieq(S("@"), S("`")));
	assert_false(slice_ieq(S("["), S("{")));
	assert_false(slice_ieq(S("\xc4"), S("\xe4")));
	/* Longer ones go by eight bytes. */
	assert_true(slice_ieq(S("Content-Length"), S("content-LENGTH")));
	assert_true(slice_ieq(S("x-abcdef"), S("X-ABCDEF")));
	for (size_t i = 0; i < 14; i++) {
		char other[14], cased[14];

		memcpy(other, "content-length", 14);
		memcpy(cased, "content-length", 14);
		other[i] ^= 1;
		assert_false(slice_ieq(slice_of(other, 14), S("content-length")));
		cased[i] ^= 0x20; /* "-" becomes CR, no other case of it */
		assert_int_equal(
		    slice_ieq(slice_of(cased, 14), S("content-length")), i != 7);
	}
}

TEST(order_is_bytewise_and_a_prefix_comes_first)
{
	assert_int_equal(slice_cmp(S("a"), S("b")), -1);
	assert_int_equal(slice_cmp(S("b"), S("a")), 1);
	assert_int_equal(slice_cmp(S("a"), S("a")), 0);
	assert_int_equal(slice_cmp(S("a"), S("ab")), -1);
	assert_int_equal(slice_cmp(S("ab"), S("a")), 1);
	assert_int_equal(slice_cmp(S("\x7f"), S("\x80")), -1);
	assert_int_equal(slice_cmp(none, S("")), 0);
	assert_int_equal(slice_cmp(none, S("a")), -1);
}

TEST(prefixes_and_suffixes)
{
	struct slice s = S("Bearer x");

	assert_true(slice_starts(s, S("Bearer ")));
	assert_false(slice_starts(s, S("bearer ")));
	assert_true(slice_istarts(s, S("bEARER ")));
	assert_false(slice_istarts(s, S("basic")));
	assert_true(slice_starts(s, none));
	assert_false(slice_starts(none, s));
	assert_false(slice_istarts(S("Bear"), S("Bearer")));
	assert_true(slice_ends(s, S(" x")));
	assert_true(slice_ends(s, S("")));
	assert_true(slice_ends(s, s));
	assert_false(slice_ends(S("x"), S(" x")));
	assert_false(slice_ends(s, S(" y")));
}

TEST(finding_bytes_and_text)
{
	struct slice s = S("a:b:c");

	assert_int_equal(slice_find(s, ':'), 1);
	assert_int_equal(slice_rfind(s, ':'), 3);
	assert_int_equal(slice_find(s, 'a'), 0);
	assert_int_equal(slice_find(S("a"), 'a'), 0);
	assert_int_equal(slice_rfind(s, 'a'), 0);
	assert_int_equal(slice_find(s, 'x'), s.len);
	assert_int_equal(slice_rfind(s, 'x'), s.len);
	assert_int_equal(slice_find(none, 'x'), 0);
	assert_int_equal(slice_search(s, S("b:")), 2);
	assert_int_equal(slice_search(s, S("b;")), s.len);
	assert_int_equal(slice_search(s, S("")), 0);
	assert_int_equal(slice_search(s, S("c")), 4);
	assert_int_equal(slice_search(s, s), 0);
	assert_int_equal(slice_search(s, S("a:b:c:d")), s.len);
	assert_int_equal(slice_search(none, S("a")), 0);
}

TEST(trim_takes_blanks_and_tabs_only)
{
	assert_slice(slice_trim(S(" \t a b\t ")), S("a b"));
	assert_slice(slice_trim(S("a\n")), S("a\n"));
	assert_slice(slice_trim(S(" \t ")), S(""));
	assert_slice(slice_trim(S(" ")), S(""));
	assert_slice(slice_trim(none), S(""));
}

TEST(cut_walks_every_part)
{
	static const struct {
		const char *text;
		const char *parts[4];
	} cases[] = {
	    {"a,b,c", {"a", "b", "c"}},
	    {"a,,c", {"a", "", "c"}},
	    {"a,", {"a", ""}},
	    {",a", {"", "a"}},
	    {"a", {"a"}},
	    {"", {""}},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct slice s = slice_str(cases[i].text);
		unsigned n = 0;

		while (s.ptr != NULL) {
			struct slice part = slice_cut(&s, ',');

			assert_true(n < 4 && cases[i].parts[n] != NULL);
			assert_slice(part, slice_str(cases[i].parts[n++]));
		}
		assert_true(n == 4 || cases[i].parts[n] == NULL);
	}
}

TEST(u64_reads_all_or_nothing)
{
	static const char *const bad[] = {"", " 1", "1 ", "+1", "-1", "1.0", "0x1", "1a",
	    "18446744073709551616", "99999999999999999999", "184467440737095516150"};
	uint64_t value = 77;

	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(slice_u64(slice_str(bad[i]), &value));
	assert_false(slice_u64(none, &value));
	assert_int_equal(value, 77); /* untouched on failure */
	assert_true(slice_u64(S("0"), &value));
	assert_int_equal(value, 0);
	assert_true(slice_u64(S("00012"), &value));
	assert_int_equal(value, 12);
	assert_true(slice_u64(S("18446744073709551615"), &value));
	assert_true(value == UINT64_MAX);
}

TEST(dup_is_terminated)
{
	char *copy = slice_dup(slice_of("abcdef", 3)), *empty = slice_dup(none);

	assert_string_equal(copy, "abc");
	assert_string_equal(empty, "");
	free(copy);
	free(empty);
}

TEST(hash_is_fnv1a)
{
	assert_true(slice_hash(none) == 0xcbf29ce484222325u);
	assert_true(slice_hash(S("a")) == 0xaf63dc4c8601ec8cu);
	assert_true(slice_hash(S("foobar")) == 0x85944171f73967e8u);
}

TEST(slice_args_are_for_printf)
{
	char text[8];

	(void)snprintf(text, sizeof(text), "%.*s", SLICE_ARGS(slice_of("abcdef", 2)));
	assert_string_equal(text, "ab");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(slices_are_made_of_strings_and_parts),
	    cmocka_unit_test(from_and_head_stay_inside),
	    cmocka_unit_test(equality),
	    cmocka_unit_test(order_is_bytewise_and_a_prefix_comes_first),
	    cmocka_unit_test(prefixes_and_suffixes),
	    cmocka_unit_test(finding_bytes_and_text),
	    cmocka_unit_test(trim_takes_blanks_and_tabs_only),
	    cmocka_unit_test(cut_walks_every_part),
	    cmocka_unit_test(u64_reads_all_or_nothing),
	    cmocka_unit_test(dup_is_terminated),
	    cmocka_unit_test(hash_is_fnv1a),
	    cmocka_unit_test(slice_args_are_for_printf),
	};

	return cmocka_run_group_tests_name("slice", tests, NULL, NULL);
}
