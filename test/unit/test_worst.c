/*
 * No usage within the bounds of a request costs more than what was reserved for it,
 * whatever its classes, length, service tier, date and account: tried with random rows.
 */
#include "meter/cost.h"

#include "catalog_case.h"

#define ROUNDS 4000
#define USAGES 40

static uint64_t seed = 88172645463325252u;

static uint64_t
drawn(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

static bool
chance(unsigned one_in)
{
	return drawn(one_in) == 0;
}

/* --- random prices --- */

static const int64_t units[] = {1, 60, 1000, 3600, 1000000};

static struct rate
draw_rate(enum usage_class c, bool always)
{
	struct rate r = {(int64_t)drawn(chance(20) ? 1u << 30 : 3000000),
	    usage_is_tokens(c) ? PRICE_TOKENS : units[drawn(COUNT(units))]};

	if (!always && chance(3))
		return (struct rate){0};
	r.pusd *= chance(2) ? 1000000 : 1;
	return r;
}

static void
draw_row(struct catalog *c, struct offer *o, uint64_t from_ms, enum tier tier,
    uint64_t above_tok)
{
	struct price *p = catalog_add_price(c, o);

	assert_non_null(p);
	p->from_ms = from_ms;
	p->tier = tier;
	p->above_tok = above_tok;
	for (unsigned i = 0; i < USAGE_CLASSES; i++)
		p->rate[i] =
		    draw_rate((enum usage_class)i, i == USAGE_INPUT || i == USAGE_OUTPUT);
	for (unsigned i = 0; i < USAGE_CLASSES; i++)
		if (p->tier != TIER_STANDARD && p->rate[i].per != 0 && chance(2))
			p->rate[i] = price_share(p->rate[i], (int64_t)drawn(40001));
}

static void
draw_prices(struct catalog *c, struct offer *o)
{
	for (uint64_t date = 0; date <= drawn(3); date++)
		for (unsigned t = 0; t < TIERS; t++) {
			if (t != TIER_STANDARD && chance(2))
				continue;
			draw_row(c, o, date * 1000, (enum tier)t, 0);
			for (unsigned i = 0; i < drawn(3); i++)
				draw_row(c, o, date * 1000, (enum tier)t, 1 + drawn(300));
		}
}

static struct catalog *
draw_catalog(void)
{
	static const char *const names[] = {
	    "large", "large-2025-01-31", "large-0613", "large-mini"};
	struct catalog *c = new_catalog("a");
	struct model *m = catalog_model(c, S("m"));

	c->providers[0]->discount_bp = chance(2) ? 0 : (int64_t)drawn(20001) - 10000;
	for (unsigned i = 0; i < COUNT(names); i++)
		draw_prices(c, catalog_offer(c, m, c->providers[0], slice_str(names[i])));
	assert_int_equal(catalog_seal(c), ERR_OK);
	return c;
}

/* --- random requests --- */

static struct cost_bounds
draw_bounds(void)
{
	struct cost_bounds b = {.input_tok = drawn(400),
	    .output_tok = drawn(400),
	    .tier = (enum tier)drawn(TIERS + 1),
	    .unix_ms = drawn(4000),
	    .own_key = chance(3)};

	for (unsigned i = 0; i < USAGE_CLASSES; i++)
		if (!usage_is_tokens((enum usage_class)i))
			b.units[i] = drawn(50);
	return b;
}

/* Spreads up to n tokens over the classes of a side. */
static void
draw_tokens(struct usage *u, bool input, uint64_t n)
{
	uint64_t left = chance(4) ? n : drawn(n + 1);

	while (left > 0) {
		enum usage_class c = (enum usage_class)drawn(USAGE_CLASSES);
		uint64_t some = chance(2) ? left : 1 + drawn(left);

		if (!usage_is_tokens(c) || usage_is_input(c) != input)
			continue;
		u->count[c] += some;
		left -= some;
	}
}

static struct usage
draw_usage(const struct cost_bounds *b)
{
	struct usage u = {.known = true};

	for (unsigned i = 0; i < USAGE_CLASSES; i++)
		u.count[i] = b->units[i] == 0 ? 0 : drawn(b->units[i] + 1);
	draw_tokens(&u, true, b->input_tok);
	draw_tokens(&u, false, b->output_tok);
	return u;
}

/* What a reply may say of the tier: the one asked for, none, or that it was another. */
static struct slice
draw_tier(const struct cost_bounds *b)
{
	static const char *const others[] = {"default", "standard", "", "auto", "scale"};

	if (b->tier == TIERS && chance(2))
		return slice_str(tier_name((enum tier)drawn(TIERS)));
	if (b->tier != TIERS && chance(2))
		return slice_str(tier_name(b->tier));
	return slice_str(others[drawn(COUNT(others))]);
}

TEST(no_usage_costs_more_than_the_worst)
{
	static const char *const said[] = {"", "large", "large-2025-01-31", "large-0613"};
	uint64_t close = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct catalog *c = draw_catalog();
		const struct offer *o = offer_at(c, "m", 0);
		struct cost_bounds b = draw_bounds();
		int64_t worst = cost_worst_pusd(o, &b);

		assert_int_equal(o->nkin, 2);
		assert_true(worst >= 0);
		for (unsigned k = 0; k < USAGES; k++) {
			struct usage u = draw_usage(&b);
			struct cost_facts f = {.model = slice_str(said[drawn(4)]),
			    .tier = draw_tier(&b),
			    .unix_ms = b.unix_ms,
			    .own_key = b.own_key};
			int64_t cost = cost_pusd(c, o, &f, &u);

			if (cost < 0 || cost > worst)
				fail_msg("round %u: %lld of %lld", i, (long long)cost,
				    (long long)worst);
			close += cost > worst / 2;
		}
		catalog_free(c);
	}
	/* It is no bound that anything would keep to. */
	assert_true(close > ROUNDS);
}

/* The bound is reached: all in the dearest class of the dearest row. */
TEST(the_worst_can_happen)
{
	struct catalog *c = make_catalog("a",
	    "'m': {'providers': [{'provider': 'a', 'model': 'x', 'prices': ["
	    "{'input': 1, 'cache_write': 1.25, 'output': 2, 'request': {'usd': 1, 'per': "
	    "1000}, 'tiers': [{'above_input_tokens': 100, 'input': 3}],"
	    " 'service_tiers': {'priority': 2, 'flex': 0.5}}]}]}");
	struct cost_bounds b = {.input_tok = 101,
	    .output_tok = 10,
	    .units = {[USAGE_REQUESTS] = 1},
	    .tier = TIER_PRIORITY};
	struct cost_facts f = {.tier = S("priority")};
	struct usage u = {.known = true};
	const struct offer *o = offer_at(c, "m", 0);

	u.count[USAGE_INPUT] = 101;
	u.count[USAGE_OUTPUT] = 10;
	u.count[USAGE_REQUESTS] = 1;
	assert_int_equal(cost_worst_pusd(o, &b), 2646000000);
	assert_int_equal(cost_pusd(c, o, &f, &u), cost_worst_pusd(o, &b));
	b.tier = TIERS;
	assert_int_equal(cost_worst_pusd(o, &b), 2646000000);
	/* Who asks for less may still be served, and charged, as usual. */
	b.tier = TIER_FLEX;
	assert_int_equal(cost_worst_pusd(o, &b), 303000000 + 20000000 + 1000000000);
	b.input_tok = 100; /* too short for the other length */
	assert_int_equal(cost_worst_pusd(o, &b), 125000000 + 20000000 + 1000000000);
	catalog_free(c);
}

TEST(without_a_price_there_is_no_worst)
{
	struct catalog *c = make_catalog("a",
	    "'m': {'providers': [{'provider': 'a', 'model': 'x'},"
	    "{'provider': 'a', 'model': 'y', 'prices': [{'input': 1}]}]}");
	struct cost_bounds b = {.input_tok = 1, .output_tok = 1};

	assert_int_equal(cost_worst_pusd(offer_at(c, "m", 0), &b), PRICE_UNKNOWN);
	assert_int_equal(cost_worst_pusd(offer_at(c, "m", 1), &b), PRICE_UNKNOWN);
	catalog_free(c);
}

/* --- discounts --- */

TEST(a_discount_is_taken_off_before_the_one_rounding)
{
	struct catalog *c = new_catalog("a");
	struct cost_facts f = {0};
	struct usage u = {.known = true};
	struct note note;

	c->providers[0]->discount_bp = 1250;
	assert_int_equal(read_models(c,
			     "'m': {'providers': [{'provider': 'a', 'model': 'x', "
			     "'prices': [{'input': 0.000001, 'output': 3}]}]}",
			     &note),
	    ERR_OK);
	assert_int_equal(catalog_seal(c), ERR_OK);
	u.count[USAGE_INPUT] = 4; /* 4 and 3.5 pico-USD */
	assert_int_equal(cost_pusd(c, offer_at(c, "m", 0), &f, &u), 4);
	u.count[USAGE_INPUT] = 1; /* 0.875: it is rounded once */
	assert_int_equal(cost_pusd(c, offer_at(c, "m", 0), &f, &u), 1);
	u.count[USAGE_INPUT] = 5; /* 4.375 */
	assert_int_equal(cost_pusd(c, offer_at(c, "m", 0), &f, &u), 4);
	u.count[USAGE_INPUT] = 5;
	f.own_key = true;
	assert_int_equal(cost_pusd(c, offer_at(c, "m", 0), &f, &u), 5);
	f.own_key = false;
	u.count[USAGE_INPUT] = 0;
	u.count[USAGE_OUTPUT] = 1000;
	assert_int_equal(cost_pusd(c, offer_at(c, "m", 0), &f, &u), 2625000000);
	catalog_free(c);
}

TEST(shares_of_a_rate_are_exact)
{
	static const struct {
		struct rate rate;
		int64_t shares;
		struct rate want;
	} cases[] = {
	    {{1000000, 1000000}, 5000, {500000, 1000000}},
	    {{1000000, 1000000}, 8750, {875000, 1000000}},
	    {{1, 1000000}, 5000, {1, 2000000}},
	    {{3, 7}, 3333, {9999, 70000}},
	    {{0, 60}, 5000, {0, 60}},
	    {{0, 0}, 5000, {0, 0}},
	    {{5, 3}, 20000, {10, 3}},
	    {{5, 3}, 0, {0, 3}},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rate got = price_share(cases[i].rate, cases[i].shares);

		assert_int_equal(got.pusd, cases[i].want.pusd);
		assert_int_equal(got.per, cases[i].want.per);
	}
}

/* --- versions of a name --- */

TEST(versions_are_dates_and_numbers_behind_the_name)
{
	static const struct {
		const char *name;
		unsigned kin;
	} cases[] = {{"gpt-4", 2}, {"gpt-4-0613", 0}, {"small-latest", 2}, {"gpt-4o", 1},
	    {"claude", 1}};
	struct catalog *c = make_catalog("a",
	    "'m': {'providers': [{'provider': 'a', 'model': 'gpt-4'},"
	    "{'provider': 'a', 'model': 'gpt-4-0613', 'prices': [{'input': 1}]},"
	    "{'provider': 'a', 'model': 'gpt-4-1106', 'prices': [{'input': 1}]},"
	    "{'provider': 'a', 'model': 'gpt-4-32k', 'prices': [{'input': 1}]},"
	    "{'provider': 'a', 'model': 'gpt-4o', 'prices': [{'input': 1}]},"
	    "{'provider': 'a', 'model': 'gpt-4o-2024-08-06', 'prices': [{'input': 1}]},"
	    "{'provider': 'a', 'model': 'gpt-4o-2024-11-20'},"
	    "{'provider': 'a', 'model': 'claude', 'prices': [{'input': 1}]},"
	    "{'provider': 'a', 'model': 'claude@20251001', 'prices': [{'input': 1}]},"
	    "{'provider': 'a', 'model': 'claude-next', 'prices': [{'input': 1}]},"
	    "{'provider': 'a', 'model': 'small-latest', 'prices': [{'input': 1}]},"
	    "{'provider': 'a', 'model': 'small-2503', 'prices': [{'input': 1}]},"
	    "{'provider': 'a', 'model': 'small-2506', 'prices': [{'input': 1}]}]}");

	for (size_t i = 0; i < COUNT(cases); i++)
		for (const struct offer *o = offer_at(c, "m", 0); o != NULL; o = o->next)
			if (slice_eq(o->upstream, slice_str(cases[i].name)))
				assert_int_equal(o->nkin, cases[i].kin);
	catalog_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_usage_costs_more_than_the_worst),
	    cmocka_unit_test(the_worst_can_happen),
	    cmocka_unit_test(without_a_price_there_is_no_worst),
	    cmocka_unit_test(a_discount_is_taken_off_before_the_one_rounding),
	    cmocka_unit_test(shares_of_a_rate_are_exact),
	    cmocka_unit_test(versions_are_dates_and_numbers_behind_the_name),
	};

	return cmocka_run_group_tests_name("worst", tests, NULL, NULL);
}
