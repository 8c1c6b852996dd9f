#include "core/note.h"

#include "core/utf8.h"
#include "test.h"

TEST(says_what_was_said_last)
{
	struct note n;

	note_set(&n, "%s closed the connection", "groq");
	assert_slice(note_slice(&n), S("groq closed the connection"));
	note_add(&n, " (attempt %u of %u)", 2u, 3u);
	assert_slice(note_slice(&n), S("groq closed the connection (attempt 2 of 3)"));
	note_set(&n, "%s", "");
	assert_slice(note_slice(&n), S(""));
}

static bool
is_utf8(struct slice s)
{
	const char *at = s.ptr, *end = at + s.len;

	while (at < end) {
		size_t n = (unsigned char)*at < 0x80 ? 1 : utf8_length(at, end);

		if (n == 0)
			return false;
		at += n;
	}
	return true;
}

TEST(long_text_is_cut_at_a_character)
{
	char longer[3 * NOTE_MAX];

	for (size_t ascii = NOTE_MAX - 12; ascii < NOTE_MAX + 2; ascii++) {
		struct note n;
		bool fits = ascii + 4 < NOTE_MAX;

		memset(longer, 'a', ascii);
		(void)snprintf(longer + ascii, 20, "\xf0\x9f\x98\x80");
		note_set(&n, "%s", longer);
		assert_true(strlen(n.text) < NOTE_MAX);
		assert_true(is_utf8(note_slice(&n)));
		assert_int_equal(slice_ends(note_slice(&n), S("\xe2\x80\xa6")), !fits);
		if (fits)
			assert_slice(note_slice(&n), slice_str(longer));
		note_add(&n, "%s", longer);
		assert_true(is_utf8(note_slice(&n)));
		assert_true(slice_ends(note_slice(&n), S("\xe2\x80\xa6")));
	}
}

TEST(what_is_added_to_a_full_note_changes_nothing)
{
	char longer[NOTE_MAX + 10];
	struct note n, before;

	memset(longer, 'a', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	note_set(&n, "%s", longer);
	before = n;
	note_add(&n, "%s", "more");
	assert_string_equal(n.text, before.text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(says_what_was_said_last),
	    cmocka_unit_test(long_text_is_cut_at_a_character),
	    cmocka_unit_test(what_is_added_to_a_full_note_changes_nothing),
	};

	return cmocka_run_group_tests_name("note", tests, NULL, NULL);
}
