#include "chat/usage.h"

#include "test.h"

#define FOR_EACH_CLASS(c) for (enum usage_class c = 0; c < USAGE_CLASSES; c++)

TEST(every_class_has_names_of_its_own)
{
	FOR_EACH_CLASS(c)
	{
		assert_true(strlen(usage_name(c)) > 0);
		assert_true(strlen(usage_key(c)) > 0);
		for (enum usage_class d = 0; d < c; d++) {
			assert_string_not_equal(usage_name(c), usage_name(d));
			assert_string_not_equal(usage_key(c), usage_key(d));
		}
	}
	assert_string_equal(usage_name(USAGE_CACHE_WRITE_1H), "cache_write_1h_tokens");
	assert_string_equal(usage_key(USAGE_CACHED), "cached_input");
}

/* Who stands for another has its row before it: prices are completed in one pass. */
TEST(classes_stand_for_later_ones)
{
	static const enum usage_class instead[USAGE_CLASSES] = {
	    [USAGE_INPUT] = USAGE_INPUT,
	    [USAGE_CACHED] = USAGE_INPUT,
	    [USAGE_CACHE_WRITE] = USAGE_INPUT,
	    [USAGE_CACHE_WRITE_1H] = USAGE_CACHE_WRITE,
	    [USAGE_OUTPUT] = USAGE_OUTPUT,
	    [USAGE_REASONING] = USAGE_OUTPUT,
	    [USAGE_AUDIO_IN] = USAGE_INPUT,
	    [USAGE_AUDIO_OUT] = USAGE_OUTPUT,
	    [USAGE_IMAGE_IN] = USAGE_INPUT,
	    [USAGE_IMAGE_OUT] = USAGE_OUTPUT,
	    [USAGE_REQUESTS] = USAGE_REQUESTS,
	    [USAGE_SECONDS] = USAGE_SECONDS,
	    [USAGE_CHARACTERS] = USAGE_CHARACTERS,
	};

	FOR_EACH_CLASS(c)
	{
		assert_int_equal(usage_instead(c), instead[c]);
		assert_true(usage_instead(c) <= c);
		/* The price of a prompt never stands for an answer's. */
		assert_int_equal(usage_is_input(usage_instead(c)), usage_is_input(c));
		assert_int_equal(usage_is_tokens(usage_instead(c)), usage_is_tokens(c));
	}
}

/* Each token counts in the sum of its side, once, and nothing else does. */
TEST(the_sums_take_each_class_once)
{
	FOR_EACH_CLASS(c)
	{
		bool output = usage_is_tokens(c) && !usage_is_input(c);
		struct usage u = {0};

		u.count[c] = 7;
		assert_int_equal(usage_input_tok(&u), usage_is_input(c) ? 7 : 0);
		assert_int_equal(usage_output_tok(&u), output ? 7 : 0);
	}
}

TEST(requests_seconds_and_characters_are_no_tokens)
{
	FOR_EACH_CLASS(c)
	assert_int_equal(usage_is_tokens(c),
	    c != USAGE_REQUESTS && c != USAGE_SECONDS && c != USAGE_CHARACTERS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_class_has_names_of_its_own),
	    cmocka_unit_test(classes_stand_for_later_ones),
	    cmocka_unit_test(the_sums_take_each_class_once),
	    cmocka_unit_test(requests_seconds_and_characters_are_no_tokens),
	};

	return cmocka_run_group_tests_name("usage", tests, NULL, NULL);
}
