#include "provider/price.h"

#include "test.h"

#include <limits.h>

/* A row with prices of a million tokens, in USD. */
static struct price
row_of(double input, double output)
{
	struct price p = {0};

	p.rate[USAGE_INPUT] = (struct rate){(int64_t)(input * 1e12), PRICE_TOKENS};
	p.rate[USAGE_OUTPUT] = (struct rate){(int64_t)(output * 1e12), PRICE_TOKENS};
	return p;
}

static struct usage
used(uint64_t input, uint64_t output)
{
	struct usage u = {.known = true};

	u.count[USAGE_INPUT] = input;
	u.count[USAGE_OUTPUT] = output;
	u.count[USAGE_REQUESTS] = 1;
	return u;
}

/* --- what a request costs --- */

TEST(tokens_cost_their_rate)
{
	struct price p = row_of(0.15, 0.60);
	struct usage u = used(1000, 50);

	/* 1000 * 150,000 + 50 * 600,000 */
	assert_int_equal(price_cost_pusd(&p, &u), 180000000);
	u = used(0, 0);
	assert_int_equal(price_cost_pusd(&p, &u), 0);
	u = used(1, 0);
	assert_int_equal(price_cost_pusd(&p, &u), 150000);
}

/* Every class is paid by its own rate, and by no other. */
TEST(each_class_has_its_rate)
{
	struct price p = {0};

	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		p.rate[c] = (struct rate){(int64_t)(c + 1) * 1000, 1};
	for (unsigned c = 0; c < USAGE_CLASSES; c++) {
		struct usage u = {0};

		u.count[c] = 3;
		assert_int_equal(price_cost_pusd(&p, &u), (c + 1) * 3000);
	}
}

TEST(units_of_other_sizes)
{
	struct price p = {0};
	struct usage u = {0};

	/* 0.111 USD an hour, 10 s: 308,333,333.3... */
	p.rate[USAGE_SECONDS] = (struct rate){111000000000, 3600};
	u.count[USAGE_SECONDS] = 10;
	assert_int_equal(price_cost_pusd(&p, &u), 308333333);
	u.count[USAGE_SECONDS] = 20; /* ...,666.6: up */
	assert_int_equal(price_cost_pusd(&p, &u), 616666667);
	/* 5 USD for a thousand requests, beside it. */
	p.rate[USAGE_REQUESTS] = (struct rate){5000000000000, 1000};
	u.count[USAGE_REQUESTS] = 1;
	assert_int_equal(price_cost_pusd(&p, &u), 5616666667);
}

/* Half a pico-USD goes up, less goes down, and only the whole is rounded. */
TEST(rounded_once_and_half_up)
{
	static const struct {
		int64_t pusd, per;
		uint64_t count[3];
		int64_t cost;
	} cases[] = {
	    {1, 2, {1, 0, 0}, 1}, /* 0.5 */
	    {1, 2, {1, 1, 0}, 1}, /* 0.5 + 0.5 is no 2 */
	    {1, 2, {1, 1, 1}, 2}, /* 1.5 */
	    {1, 3, {1, 0, 0}, 0}, /* 0.33 */
	    {1, 3, {1, 1, 0}, 1}, /* 0.67 */
	    {1, 3, {1, 1, 1}, 1}, /* 1 exactly, of three thirds */
	    {1, 1000000, {499999, 0, 0}, 0}, {1, 1000000, {500000, 0, 0}, 1},
	    {1, 1000000, {499999, 1, 0}, 1},
	    {3, 1000000, {499999, 0, 0}, 1}, /* 1.499997 */
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct price p = {0};
		struct usage u = {0};

		for (unsigned c = 0; c < 3; c++) {
			p.rate[c] = (struct rate){cases[i].pusd, cases[i].per};
			u.count[c] = cases[i].count[c];
		}
		assert_int_equal(price_cost_pusd(&p, &u), cases[i].cost);
	}
}

/* The fractions of different units are added exactly: 1/2 + 1/3 + 1/7 + 1/42 = 1. */
TEST(fractions_of_different_units_add_up)
{
	struct price p = {0};
	struct usage u = {0};

	p.rate[USAGE_INPUT] = (struct rate){1, 2};
	p.rate[USAGE_CACHED] = (struct rate){1, 3};
	p.rate[USAGE_OUTPUT] = (struct rate){1, 7};
	p.rate[USAGE_REASONING] = (struct rate){1, 42};
	u.count[USAGE_INPUT] = u.count[USAGE_CACHED] = u.count[USAGE_OUTPUT] = 1;
	assert_int_equal(price_cost_pusd(&p, &u), 1);
	u.count[USAGE_REASONING] = 1;
	assert_int_equal(price_cost_pusd(&p, &u), 1);
	/* 41/42 and 22/42: 1.5, of which a rounding of each would make 2. */
	u.count[USAGE_REASONING] = 22;
	assert_int_equal(price_cost_pusd(&p, &u), 2);
	u.count[USAGE_REASONING] = 21;
	assert_int_equal(price_cost_pusd(&p, &u), 1);
}

/* Products beyond 64 bits are exact, as long as the cost is not. */
TEST(products_of_more_than_64_bits)
{
	struct price p = row_of(75, 150);
	struct usage u = used(100000000000, 1); /* 1e11 tokens at 75 USD */

	assert_int_equal(price_cost_pusd(&p, &u), 7500000000150000000);
	p.rate[USAGE_INPUT] = (struct rate){INT64_MAX, UINT32_MAX};
	u = used(UINT32_MAX, 0);
	assert_int_equal(price_cost_pusd(&p, &u), INT64_MAX);
	u = used((uint64_t)UINT32_MAX - 1, 0);
	/* INT64_MAX - INT64_MAX / (2^32 - 1), which is 2^31 and a bit */
	assert_int_equal(price_cost_pusd(&p, &u), INT64_MAX - 2147483648);
}

TEST(saturates)
{
	struct price p = {0};
	struct usage u = {0};

	p.rate[USAGE_INPUT] = (struct rate){INT64_MAX, 1};
	u.count[USAGE_INPUT] = 1;
	assert_int_equal(price_cost_pusd(&p, &u), INT64_MAX);
	p.rate[USAGE_OUTPUT] = (struct rate){1, 2};
	u.count[USAGE_OUTPUT] = 1; /* the rounding alone passes it */
	assert_int_equal(price_cost_pusd(&p, &u), INT64_MAX);
	u.count[USAGE_INPUT] = UINT64_MAX;
	assert_int_equal(price_cost_pusd(&p, &u), INT64_MAX);
}

/* The sum of all classes would pass 128 bits, and could come out small. */
TEST(bug_a_sum_of_many_classes_does_not_wrap)
{
	struct price p = {0};
	struct usage u = {0};

	for (unsigned c = 0; c < 4; c++) {
		p.rate[c] = (struct rate){INT64_MAX, 1};
		u.count[c] = UINT64_MAX;
	}
	/* What is missing to 4 * 2^127, plus a little. */
	p.rate[USAGE_OUTPUT] = (struct rate){INT64_MAX, 1};
	u.count[USAGE_OUTPUT] = 12;
	p.rate[USAGE_REASONING] = (struct rate){16, 1};
	u.count[USAGE_REASONING] = 1;
	assert_int_equal(price_cost_pusd(&p, &u), INT64_MAX);
}

TEST(requests_without_a_price_are_free)
{
	struct price p = row_of(1, 2);
	struct usage u = used(1, 1);

	u.count[USAGE_SECONDS] = u.count[USAGE_CHARACTERS] = 5;
	assert_int_equal(price_cost_pusd(&p, &u), 3000000);
}

/* An amount that nobody knows is never zero instead. */
TEST(bug_tokens_without_a_price_make_the_cost_unknown)
{
	for (unsigned c = 0; c < USAGE_REQUESTS; c++) {
		struct price p = {0};
		struct usage u = {0};

		for (unsigned d = 0; d < USAGE_CLASSES; d++)
			p.rate[d] = (struct rate){INT64_MAX, d != c};
		for (unsigned d = 0; d < USAGE_CLASSES; d++)
			u.count[d] = 9;
		assert_int_equal(price_cost_pusd(&p, &u), PRICE_UNKNOWN);
		u.count[c] = 0; /* and not where none were used */
		assert_int_equal(price_cost_pusd(&p, &u), INT64_MAX);
		u.count[c] = 1; /* a price of zero is one */
		p.rate[c] = (struct rate){0, 1};
		assert_int_equal(price_cost_pusd(&p, &u), INT64_MAX);
	}
}

/* --- which row holds --- */

TEST(no_row_holds_where_none_is)
{
	assert_null(price_at(NULL, 0, TIER_STANDARD, 0));
}

TEST(a_row_holds_from_its_date_on)
{
	struct price old = {.from_ms = 1000}, new = {.from_ms = 2000, .next = &old};

	assert_null(price_at(&new, 999, TIER_STANDARD, 0));
	assert_ptr_equal(price_at(&new, 1000, TIER_STANDARD, 0), &old);
	assert_ptr_equal(price_at(&new, 1999, TIER_STANDARD, 0), &old);
	assert_ptr_equal(price_at(&new, 2000, TIER_STANDARD, 0), &new);
	assert_ptr_equal(price_at(&new, UINT64_MAX, TIER_STANDARD, 0), &new);
}

TEST(a_tier_holds_above_its_bound)
{
	struct price base = {0}, far = {.above_tok = 200000, .next = &base},
		     near = {.above_tok = 32000, .next = &far};

	assert_ptr_equal(price_at(&near, 0, TIER_STANDARD, 0), &base);
	assert_ptr_equal(price_at(&near, 0, TIER_STANDARD, 32000), &base);
	assert_ptr_equal(price_at(&near, 0, TIER_STANDARD, 32001), &near);
	assert_ptr_equal(price_at(&near, 0, TIER_STANDARD, 200000), &near);
	assert_ptr_equal(price_at(&near, 0, TIER_STANDARD, 200001), &far);
	near.above_tok = 1;
	assert_ptr_equal(price_at(&near, 0, TIER_STANDARD, 1), &base);
}

/* A newer row without tiers ends those of the older one. */
TEST(the_date_goes_before_the_tier)
{
	struct price base = {.from_ms = 1},
		     tier = {.from_ms = 1, .above_tok = 10, .next = &base},
		     new = {.from_ms = 5, .next = &tier};

	for (unsigned order = 0; order < 2; order++) {
		assert_ptr_equal(price_at(&new, 4, TIER_STANDARD, 11), &tier);
		assert_ptr_equal(price_at(&new, 5, TIER_STANDARD, 11), &new);
		/* The list's order does not matter: turn it. */
		base.next = &tier;
		tier.next = NULL;
		new.next = &base;
	}
}

/* --- completing --- */

TEST(missing_rates_are_those_that_stand_for_them)
{
	struct price p = row_of(1, 2);

	price_complete(&p);
	for (unsigned c = 0; c < USAGE_CLASSES; c++) {
		bool tokens = usage_is_tokens((enum usage_class)c);
		int64_t rate = usage_is_input((enum usage_class)c) ? 1 : 2;

		assert_int_equal(p.rate[c].per, tokens ? PRICE_TOKENS : 0);
		assert_int_equal(p.rate[c].pusd, tokens ? rate * 1000000000000 : 0);
	}
}

TEST(stated_rates_stay)
{
	struct price p = row_of(1, 2);

	p.rate[USAGE_CACHED] = (struct rate){0, PRICE_TOKENS}; /* free, not missing */
	p.rate[USAGE_CACHE_WRITE] = (struct rate){1250, 1000};
	price_complete(&p);
	assert_int_equal(p.rate[USAGE_CACHED].pusd, 0);
	assert_int_equal(p.rate[USAGE_CACHE_WRITE].per, 1000);
	assert_int_equal(p.rate[USAGE_CACHE_WRITE_1H].pusd, 1250);
	assert_int_equal(p.rate[USAGE_CACHE_WRITE_1H].per, 1000);
}

/* Without a price of the prompt nothing is made up. */
TEST(what_nothing_stands_for_stays_unpriced)
{
	struct price p = {0};

	p.rate[USAGE_OUTPUT] = (struct rate){2, 1};
	price_complete(&p);
	assert_int_equal(p.rate[USAGE_INPUT].per, 0);
	assert_int_equal(p.rate[USAGE_CACHED].per, 0);
	assert_int_equal(p.rate[USAGE_REASONING].pusd, 2);
}

/* --- units --- */

TEST(units_fit_while_their_common_multiple_is_small)
{
	static const struct {
		int64_t per[4];
		bool fits;
	} cases[] = {
	    {{0, 0, 0, 0}, true}, {{1, 60, 1000, 3600}, true},
	    {{1000000, 1000000, 3600, 1}, true}, /* 9,000,000 */
	    {{UINT32_MAX, 0, 0, 0}, true}, {{UINT32_MAX, UINT32_MAX, 1, 0}, true},
	    {{65535, 65537, 0, 0}, true},    /* 2^32 - 1 */
	    {{65536, 65537, 0, 0}, false},   /* 2^32 + 65536 */
	    {{999983, 999979, 0, 0}, false}, /* primes */
	    {{(int64_t)UINT32_MAX + 1, 0, 0, 0}, false}, {{1, 0, 0, INT64_MAX}, false},
	    {{0x80000000, 0x200000001, 0, 0}, false}, /* 2^31 in 64 bits */
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct price p = {0};

		for (unsigned c = 0; c < 3; c++)
			p.rate[c].per = cases[i].per[c];
		p.rate[USAGE_CLASSES - 1].per = cases[i].per[3];
		assert_int_equal(price_units_fit(&p), cases[i].fits);
	}
}

TEST(a_markup_is_rounded_once_half_away_from_zero)
{
	assert_int_equal(price_markup_pusd(1000000, 1000), 100000);
	assert_int_equal(price_markup_pusd(4, 1250), 1); /* half */
	assert_int_equal(price_markup_pusd(3, 1250), 0);
	assert_int_equal(price_markup_pusd(4, -1250), -1);
	assert_int_equal(price_markup_pusd(3, -1250), 0);
	assert_int_equal(price_markup_pusd(12345, 0), 0);
	assert_int_equal(price_markup_pusd(INT64_MAX, -10000), -INT64_MAX);
	assert_int_equal(price_markup_pusd(INT64_MAX, 10001), INT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tokens_cost_their_rate),
	    cmocka_unit_test(each_class_has_its_rate),
	    cmocka_unit_test(units_of_other_sizes),
	    cmocka_unit_test(rounded_once_and_half_up),
	    cmocka_unit_test(fractions_of_different_units_add_up),
	    cmocka_unit_test(products_of_more_than_64_bits),
	    cmocka_unit_test(saturates),
	    cmocka_unit_test(bug_a_sum_of_many_classes_does_not_wrap),
	    cmocka_unit_test(requests_without_a_price_are_free),
	    cmocka_unit_test(bug_tokens_without_a_price_make_the_cost_unknown),
	    cmocka_unit_test(no_row_holds_where_none_is),
	    cmocka_unit_test(a_row_holds_from_its_date_on),
	    cmocka_unit_test(a_tier_holds_above_its_bound),
	    cmocka_unit_test(the_date_goes_before_the_tier),
	    cmocka_unit_test(missing_rates_are_those_that_stand_for_them),
	    cmocka_unit_test(stated_rates_stay),
	    cmocka_unit_test(what_nothing_stands_for_stays_unpriced),
	    cmocka_unit_test(units_fit_while_their_common_multiple_is_small),
	    cmocka_unit_test(a_markup_is_rounded_once_half_away_from_zero),
	};

	return cmocka_run_group_tests_name("price", tests, NULL, NULL);
}
