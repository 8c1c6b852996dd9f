#include "route/allowance.h"

#include "test.h"

#include <pthread.h>

static const struct allowance_ask ask = {{1, 300, 200, 100}};

static struct allowance_told
told(int64_t left, int64_t limit, uint64_t reset_ms)
{
	return (struct allowance_told){true, left, limit, reset_ms};
}

/* A reply that says this of requests and this of tokens. */
static void
learn(struct allowance_set *s, struct allowance_told requests,
    struct allowance_told tokens, uint64_t now_ms)
{
	const struct allowance_told all[ALLOWANCE_KINDS] = {requests, tokens};
	const struct allowance_ask none = {{0}};
	struct allowance_hold h;

	assert_true(allowance_take(s, 0, &none, now_ms, &h));
	allowance_learn(&h, all, now_ms);
}

static const struct allowance_told nothing;

TEST(what_nobody_told_is_let_pass)
{
	struct allowance_set *s = allowance_set_of(S("silent"));
	struct allowance_hold h;

	assert_ptr_equal(s, allowance_set_of(S("silent")));
	assert_int_equal(allowance_until(s, 0, &ask, 5), 0);
	for (unsigned i = 0; i < 100; i++) {
		assert_true(allowance_take(s, 0, &ask, 5, &h));
		allowance_give(&h, true);
	}
	assert_true(allowance_take(NULL, 0, &ask, 5, &h));
	allowance_give(&h, true);
	assert_int_equal(allowance_until(NULL, 0, &ask, 5), 0);
}

TEST(it_is_counted_down_until_it_is_full_again)
{
	struct allowance_set *s = allowance_set_of(S("counted"));
	struct allowance_hold first, second, third;

	learn(s, told(3, 10, 1000), nothing, 100);
	assert_true(allowance_take(s, 0, &ask, 200, &first));
	assert_true(allowance_take(s, 0, &ask, 200, &second));
	assert_true(allowance_take(s, 0, &ask, 200, &third));
	assert_int_equal(allowance_until(s, 0, &ask, 200), 1100);
	allowance_give(&first, false); /* was not sent */
	assert_int_equal(allowance_until(s, 0, &ask, 200), 0);
	allowance_give(&second, true);
	allowance_give(&second, true); /* ended already */
	assert_true(allowance_take(s, 0, &ask, 200, &first));
	assert_false(allowance_take(s, 0, &ask, 200, &second));
	assert_null(second.from);
	/* Another key knows nothing of it, and the time passes. */
	assert_int_equal(allowance_until(s, 1, &ask, 200), 0);
	assert_int_equal(allowance_until(s, 0, &ask, 1099), 1100);
	assert_int_equal(allowance_until(s, 0, &ask, 1100), 0);
	allowance_give(&first, true);
	allowance_give(&third, true);
}

TEST(tokens_are_as_many_as_are_wanted)
{
	struct allowance_set *s = allowance_set_of(S("tokens"));
	struct allowance_ask small = {{1, 30, 20, 10}}, large = {{1, 5000, 4000, 1000}};

	learn(s, nothing, told(100, 1000, 9000), 0);
	assert_int_equal(allowance_until(s, 0, &ask, 1), 9000);
	assert_int_equal(allowance_until(s, 0, &small, 1), 0);
	/* More than there can be is let pass when all of it is there. */
	learn(s, nothing, told(1000, 1000, 9000), 0);
	assert_int_equal(allowance_until(s, 0, &large, 1), 0);
	/* Without a limit what is guessed is not held against it. */
	learn(s, nothing, told(1, 0, 9000), 0);
	assert_int_equal(allowance_until(s, 0, &large, 1), 0);
	learn(s, nothing, told(0, 0, 9000), 0);
	assert_int_equal(allowance_until(s, 0, &small, 1), 9000);
}

TEST(no_reset_is_far_off)
{
	struct allowance_set *s = allowance_set_of(S("far"));

	learn(s, told(0, 10, UINT64_MAX), nothing, 77);
	assert_int_equal(allowance_until(s, 0, &ask, 80), 77 + ALLOWANCE_MAX_MS);
	learn(s, told(0, 10, 0), nothing, 90);
	assert_int_equal(allowance_until(s, 0, &ask, 90), 0);
}

static struct allowance_set *shared;
static atomic_int under_way;

static void *
take_many(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 20000; i++) {
		struct allowance_hold h;

		if (!allowance_take(shared, 0, &ask, 5, &h))
			continue;
		assert_true(atomic_fetch_add(&under_way, 1) < 7);
		atomic_fetch_sub(&under_way, 1);
		allowance_give(&h, false);
	}
	return NULL;
}

TEST(threads_together_take_no_more_than_there_is)
{
	pthread_t threads[4];
	struct allowance_hold h[8];

	shared = allowance_set_of(S("shared"));
	learn(shared, told(7, 10, 1000), nothing, 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_many, NULL), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(allowance_take(shared, 0, &ask, 5, &h[i]), i < 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_nobody_told_is_let_pass),
	    cmocka_unit_test(it_is_counted_down_until_it_is_full_again),
	    cmocka_unit_test(tokens_are_as_many_as_are_wanted),
	    cmocka_unit_test(no_reset_is_far_off),
	    cmocka_unit_test(threads_together_take_no_more_than_there_is),
	};

	return cmocka_run_group_tests_name("allowance", tests, NULL, NULL);
}
