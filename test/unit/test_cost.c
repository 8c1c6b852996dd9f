#include "meter/cost.h"

#include "catalog_case.h"

static const char models[] =
    "'m': {'providers': ["
    " {'provider': 'a', 'model': 'm-1', 'prices': [{'input': 1, 'output': 2,"
    "   'tiers': [{'above_input_tokens': 100, 'input': 10}]},"
    "  {'from': '2026-01-01', 'input': 3, 'output': 4}]},"
    " {'provider': 'a', 'model': 'm-2', 'prices': [{'input': 7, 'output': 8}]},"
    " {'provider': 'a', 'model': 'm-free'},"
    " {'provider': 'b', 'model': 'm-3', 'prices': [{'input': 9, 'output': 9}]},"
    " {'provider': 'b', 'model': 'm-half', 'prices': [{'input': 9}]}]}";

#define LONG_AGO 1
#define IN_2026	 1767225600000

static struct usage
used(uint64_t input, uint64_t output)
{
	struct usage u = {.known = true};

	u.count[USAGE_INPUT] = input;
	u.count[USAGE_OUTPUT] = output;
	u.count[USAGE_REQUESTS] = 1;
	return u;
}

static int64_t
cost_of(const struct catalog *c, unsigned n, const char *said, const struct usage *u,
    uint64_t at_ms)
{
	struct cost_facts f = {.model = slice_str(said), .unix_ms = at_ms};

	return cost_pusd(c, offer_at(c, "m", n), &f, u);
}

/* In millionths of USD, of the n-th offer when the reply names `said`. */
static void
assert_cost(unsigned n, const char *said, uint64_t at_ms, int64_t want)
{
	struct catalog *c = make_catalog("a b", models);
	const struct usage u = used(100, 10);
	int64_t pusd = cost_of(c, n, said, &u, at_ms);

	assert_int_equal(pusd, want == PRICE_UNKNOWN ? want : want * 1000000);
	catalog_free(c);
}

TEST(the_row_of_the_offer_that_was_asked)
{
	assert_cost(0, "", LONG_AGO, 120);
	assert_cost(0, NULL, LONG_AGO, 120);
	assert_cost(0, "m-1", LONG_AGO, 120);
	assert_cost(1, "m-2", LONG_AGO, 780);
}

TEST(the_start_of_the_request_chooses_the_date)
{
	assert_cost(0, "", IN_2026 - 1, 120);
	assert_cost(0, "", IN_2026, 340);
}

/* If that provider has a row for it, the model that the reply names is priced. */
TEST(the_model_of_the_reply_chooses_the_row)
{
	assert_cost(0, "m-2", LONG_AGO, 780);
	assert_cost(1, "m-1", LONG_AGO, 120);
	assert_cost(0, "m-3", LONG_AGO, 120);	 /* another provider's */
	assert_cost(0, "m-4", LONG_AGO, 120);	 /* nobody's */
	assert_cost(0, "m", LONG_AGO, 120);	 /* our name is not theirs */
	assert_cost(0, "m-free", LONG_AGO, 120); /* of unknown price */
}

TEST(without_a_price_the_cost_is_unknown)
{
	assert_cost(2, "", LONG_AGO, PRICE_UNKNOWN);
	assert_cost(2, "m-2", LONG_AGO, 780);	     /* but what answered has one */
	assert_cost(4, "", LONG_AGO, PRICE_UNKNOWN); /* half a price is none */
}

TEST(without_usage_the_cost_is_unknown)
{
	struct catalog *c = make_catalog("a b", models);
	struct usage u = used(1, 1);

	u.known = false;
	assert_int_equal(cost_of(c, 0, "", &u, LONG_AGO), PRICE_UNKNOWN);
	catalog_free(c);
}

/* The tier is that of the whole prompt, cached and other tokens included. */
TEST(the_whole_prompt_chooses_the_tier)
{
	struct catalog *c = make_catalog("a b", models);
	struct usage u = used(40, 0);

	u.count[USAGE_CACHED] = 40;
	u.count[USAGE_IMAGE_IN] = 20;
	assert_int_equal(cost_of(c, 0, "", &u, LONG_AGO), 100 * 1000000);
	u.count[USAGE_CACHE_WRITE_1H] = 1;
	assert_int_equal(cost_of(c, 0, "", &u, LONG_AGO), 1010 * 1000000);
	u.count[USAGE_CACHE_WRITE_1H] = 0;
	u.count[USAGE_OUTPUT] = 1000; /* which the answer is not a part of */
	assert_int_equal(cost_of(c, 0, "", &u, LONG_AGO), 2100 * 1000000);
	catalog_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_row_of_the_offer_that_was_asked),
	    cmocka_unit_test(the_start_of_the_request_chooses_the_date),
	    cmocka_unit_test(the_model_of_the_reply_chooses_the_row),
	    cmocka_unit_test(without_a_price_the_cost_is_unknown),
	    cmocka_unit_test(without_usage_the_cost_is_unknown),
	    cmocka_unit_test(the_whole_prompt_chooses_the_tier),
	};

	return cmocka_run_group_tests_name("cost", tests, NULL, NULL);
}
