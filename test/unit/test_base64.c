#include "core/base64.h"

#include "test.h"

/* RFC 4648, 10. */
static const struct {
	struct slice bytes, text;
} vectors[] = {{{"", 0}, {"", 0}}, {{"f", 1}, {"Zg==", 4}}, {{"fo", 2}, {"Zm8=", 4}},
    {{"foo", 3}, {"Zm9v", 4}}, {{"foob", 4}, {"Zm9vYg==", 8}},
    {{"fooba", 5}, {"Zm9vYmE=", 8}}, {{"foobar", 6}, {"Zm9vYmFy", 8}},
    {{"\xfb\xef\xff\x00", 4}, {"++//AA==", 8}}};

static void
assert_decoded(struct slice text, struct slice want)
{
	char to[64];
	size_t n;

	assert_true(base64_decode(text, to, &n));
	assert_slice(slice_of(to, n), want);
}

TEST(vectors_both_ways)
{
	struct buf b;

	buf_init(&b, 1000);
	for (size_t i = 0; i < COUNT(vectors); i++) {
		buf_clear(&b);
		base64_put(&b, vectors[i].bytes);
		assert_slice(buf_slice(&b), vectors[i].text);
		assert_decoded(vectors[i].text, vectors[i].bytes);
	}
	buf_free(&b);
}

TEST(the_other_alphabet_and_no_padding)
{
	assert_decoded(S("--__AA"), S("\xfb\xef\xff\x00"));
	assert_decoded(S("Zg"), S("f"));
	assert_decoded(S("Zm8"), S("fo"));
}

TEST(what_is_none_is_refused)
{
	static const char *const bad[] = {"A", "AAAAA", "A.AA", "AA A", "A===", "=A=="};
	char to[64];
	size_t n = 7;

	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(base64_decode(slice_str(bad[i]), to, &n));
	assert_int_equal(n, 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(vectors_both_ways),
	    cmocka_unit_test(the_other_alphabet_and_no_padding),
	    cmocka_unit_test(what_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
