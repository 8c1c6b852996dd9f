#include "route/learn.h"

#include "test.h"

#include <pthread.h>

/* The table is one for all: each test has a key of its own. */

TEST(nothing_is_expected_at_first)
{
	assert_int_equal(learn_expected(1, S("a/x")), 0);
	assert_int_equal(learn_expected(0, S("")), 0);
}

TEST(the_first_answer_is_expected_again)
{
	learn_answer(2, S("a/x"), 100);
	assert_int_equal(learn_expected(2, S("a/x")), 100);
	assert_int_equal(learn_expected(2, S("a/y")), 0); /* another model */
	assert_int_equal(learn_expected(3, S("a/x")), 0); /* another key */
}

TEST(later_answers_count_an_eighth)
{
	learn_answer(4, S("a/x"), 800);
	learn_answer(4, S("a/x"), 0);
	assert_int_equal(learn_expected(4, S("a/x")), 700);
	learn_answer(4, S("a/x"), 1500);
	assert_int_equal(learn_expected(4, S("a/x")), 800);
}

/* It comes to the value itself, from both sides, however small it is. */
TEST(it_settles_at_what_is_answered)
{
	static const uint64_t values[] = {0, 1, 2, 7, 1000, 1u << 20};

	for (size_t i = 0; i < COUNT(values); i++) {
		for (unsigned n = 0; n < 300; n++)
			learn_answer(5, S("a/x"), values[i]);
		assert_in_range(learn_expected(5, S("a/x")),
		    values[i] == 0 ? 1 : values[i], values[i] + 1);
	}
}

TEST(an_empty_answer_is_known_all_the_same)
{
	learn_answer(6, S("a/x"), 0);
	assert_int_equal(learn_expected(6, S("a/x")), 1);
}

TEST(more_than_a_million_is_a_million)
{
	learn_answer(7, S("a/x"), (1u << 20) - 1);
	assert_int_equal(learn_expected(7, S("a/x")), (1u << 20) - 1);
	for (unsigned n = 0; n < 200; n++)
		learn_answer(7, S("a/x"), UINT64_MAX);
	assert_in_range(learn_expected(7, S("a/x")), (1u << 20) - 1, 1u << 20);
	learn_answer(9, S("a/x"), (1u << 20) + 5);
	assert_int_equal(learn_expected(9, S("a/x")), 1u << 20);
}

/* Keys and models are spread: hardly any two pairs share a place. */
TEST(pairs_have_places_of_their_own)
{
	unsigned shared = 0;
	char model[20];

	for (unsigned i = 0; i < 100; i++) {
		(void)snprintf(model, sizeof(model), "spread/%u", i % 10);
		learn_answer(100 + i / 10, slice_str(model), 1000 + i);
	}
	for (unsigned i = 0; i < 100; i++) {
		(void)snprintf(model, sizeof(model), "spread/%u", i % 10);
		shared += learn_expected(100 + i / 10, slice_str(model)) != 1000 + i;
	}
	assert_in_range(shared, 0, 8);
}

static void *
learn_much(void *arg)
{
	for (unsigned i = 0; i < 5000; i++) {
		learn_answer(8, S("a/x"), 50);
		assert_int_equal(learn_expected(8, S("a/x")), 50);
	}
	return arg;
}

TEST(any_thread_may_learn)
{
	pthread_t threads[3];

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, learn_much, NULL), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_is_expected_at_first),
	    cmocka_unit_test(the_first_answer_is_expected_again),
	    cmocka_unit_test(later_answers_count_an_eighth),
	    cmocka_unit_test(it_settles_at_what_is_answered),
	    cmocka_unit_test(an_empty_answer_is_known_all_the_same),
	    cmocka_unit_test(more_than_a_million_is_a_million),
	    cmocka_unit_test(pairs_have_places_of_their_own),
	    cmocka_unit_test(any_thread_may_learn),
	};

	return cmocka_run_group_tests_name("learn", tests, NULL, NULL);
}
