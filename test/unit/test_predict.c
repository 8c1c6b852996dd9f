#include "route/predict.h"

#include "route/health.h"

#include "catalog_case.h"

static const char one[] =
    "'a/x': {'providers': ["
    " {'provider': 'groq', 'model': 'x', 'prices': [{'input': 1, 'output': 10,"
    "   'request': {'usd': 5, 'per': 1000},"
    "   'tiers': [{'above_input_tokens': 1000, 'input': 2}]}]},"
    " {'provider': 'together', 'model': 'x'}]}";

/* A catalog whose offers have records of their own, about which nothing is learnt. */
static struct catalog *
fresh(void)
{
	struct catalog *c = make_catalog("groq together", one);
	static unsigned count;
	char name[30];

	for (unsigned i = 0; i < 2; i++) {
		(void)snprintf(name, sizeof(name), "predict/%u", count++);
		offer_at(c, "a/x", i)->health = health_of(slice_str(name));
	}
	return c;
}

static struct ask
chat(uint64_t prompt_bytes)
{
	return (struct ask){.op = OP_CHAT, .prompt_bytes = prompt_bytes, .answers = 1};
}

/* --- tokens --- */

TEST(prompts_are_counted_by_the_usual_ratio_at_first)
{
	struct catalog *c = fresh();
	struct ask ask = chat(4000);

	assert_int_equal(predict_input_tok(offer_at(c, "a/x", 0), &ask), 1000);
	ask.prompt_parts = 2; /* images */
	assert_int_equal(predict_input_tok(offer_at(c, "a/x", 0), &ask), 2600);
	catalog_free(c);
}

TEST(the_ratio_is_learnt_of_any_host_of_the_model)
{
	struct catalog *c = fresh();
	struct offer *o = offer_at(c, "a/x", 0), *other = offer_at(c, "a/x", 1);
	struct offer unknown = {.provider = o->provider};
	struct ask ask = chat(4000);

	atomic_store(&other->health->bytes_per_ktok, 2000);
	assert_int_equal(predict_input_tok(o, &ask), 2000);
	atomic_store(&o->health->bytes_per_ktok, 8000); /* its own goes first */
	assert_int_equal(predict_input_tok(o, &ask), 500);
	assert_int_equal(predict_input_tok(other, &ask), 2000);
	assert_int_equal(predict_input_tok(&unknown, &ask), 1000);
	other->health = NULL; /* one that can't be asked */
	assert_int_equal(predict_input_tok(other, &ask), 500);
	catalog_free(c);
}

TEST(answers_are_as_long_as_they_were)
{
	struct catalog *c = fresh();
	const struct offer *o = offer_at(c, "a/x", 0);
	struct ask ask = chat(400);

	assert_int_equal(predict(o, &ask, 0, 1, 1).output_tok, 256);
	assert_int_equal(predict(o, &ask, 1000, 1, 1).output_tok, 1000);
	ask.max_output_tok = 100;
	assert_int_equal(predict(o, &ask, 1000, 1, 1).output_tok, 100);
	assert_int_equal(predict(o, &ask, 0, 1, 1).output_tok, 100);
	assert_int_equal(predict(o, &ask, 50, 1, 1).output_tok, 50);
	ask.answers = 3;
	assert_int_equal(predict(o, &ask, 50, 1, 1).output_tok, 150);
	assert_int_equal(predict(o, &ask, 1000, 1, 1).output_tok, 300);
	ask.op = OP_EMBEDDING;
	assert_int_equal(predict(o, &ask, 50, 1, 1).output_tok, 0);
	catalog_free(c);
}

/* Whatever a caller writes, no guess wraps around to a small one. */
TEST(bug_absurd_wishes_are_not_cheap)
{
	static const uint64_t absurd[] = {
	    1u << 31, UINT32_MAX, UINT64_C(1) << 56, UINT64_C(1) << 63, UINT64_MAX};
	struct catalog *c = fresh();
	struct prediction usual, p;
	struct ask ask = chat(400);

	usual = predict(offer_at(c, "a/x", 0), &ask, 0, 1, 1);
	for (size_t i = 0; i < COUNT(absurd); i++) {
		ask.answers = absurd[i];
		p = predict(offer_at(c, "a/x", 0), &ask, 0, 1, 1);
		assert_int_equal(p.output_tok, UINT64_C(1) << 32);
		assert_true(p.cost_pusd > usual.cost_pusd);
		assert_true(p.total_ms > usual.total_ms && p.total_ms < INT64_MAX);
	}
	ask.answers = 1;
	ask.max_output_tok = UINT64_MAX;
	p = predict(offer_at(c, "a/x", 0), &ask, 0, 1, 1);
	assert_int_equal(p.output_tok, usual.output_tok);
	catalog_free(c);
}

TEST(the_longest_of_several_prompts)
{
	const struct prediction p = {.input_tok = 1000};
	struct ask ask = {.prompt_bytes = 4000};

	assert_int_equal(predict_longest_tok(&p, &ask), 1000);
	ask.longest_bytes = 1000;
	assert_int_equal(predict_longest_tok(&p, &ask), 250);
	ask.longest_bytes = 4000;
	assert_int_equal(predict_longest_tok(&p, &ask), 1000);
	ask.longest_bytes = 5000; /* never more than all */
	assert_int_equal(predict_longest_tok(&p, &ask), 1000);
}

/* --- money --- */

TEST(the_cost_is_that_of_the_guess)
{
	struct catalog *c = fresh();
	const struct offer *o = offer_at(c, "a/x", 0);
	struct ask ask = chat(4000);

	/* 1000 * 1 + 100 * 10 per million, and 0.005 for the request */
	assert_int_equal(predict(o, &ask, 100, 1, 1).cost_pusd, 7000000000);
	ask.prompt_bytes = 4004; /* above its tier's bound */
	assert_int_equal(predict(o, &ask, 100, 1, 1).cost_pusd, 8002000000);
	assert_int_equal(
	    predict(offer_at(c, "a/x", 1), &ask, 100, 1, 1).cost_pusd, PRICE_UNKNOWN);
	catalog_free(c);
}

TEST(the_price_is_that_of_the_day)
{
	struct catalog *c = make_catalog("groq",
	    "'a/x': {'providers': [{'provider': 'groq', 'model': 'x', 'prices': ["
	    "{'input': 1, 'output': 0}, "
	    "{'from': '2026-01-01', 'input': 2, 'output': 0}]}]}");
	struct ask ask = chat(4000000);
	const uint64_t day = 1767225600000;

	assert_int_equal(
	    predict(offer_at(c, "a/x", 0), &ask, 1, 1, day - 1).cost_pusd, 1000000000000);
	assert_int_equal(
	    predict(offer_at(c, "a/x", 0), &ask, 1, 1, day).cost_pusd, 2000000000000);
	catalog_free(c);
}

/* --- time --- */

TEST(nothing_learnt_is_the_usual_time)
{
	struct catalog *c = fresh();
	struct offer *o = offer_at(c, "a/x", 0);
	struct ask ask = chat(4000);
	struct prediction p = predict(o, &ask, 60, 1000, 1);

	assert_false(p.learnt);
	assert_int_equal(p.ttft_ms, 700);
	assert_int_equal(p.total_ms, 700 + 1000); /* 60 tokens a second */
	o->health = NULL;
	p = predict(o, &ask, 60, 1000, 1);
	assert_false(p.learnt);
	assert_int_equal(p.total_ms, 1700);
	catalog_free(c);
}

/* Learnt: first token after ttft_ms, tok_per_s, so many ms ago. */
static struct prediction
after(uint64_t ttft_ms, uint64_t tok_per_s, uint64_t age_ms)
{
	struct catalog *c = fresh();
	struct health *h = offer_at(c, "a/x", 0)->health;
	struct ask ask = chat(4000);
	struct prediction p;

	atomic_store(&h->ttft_us, ttft_ms * 1000);
	atomic_store(&h->tok_per_ks, tok_per_s * 1000);
	atomic_store(&h->sampled_ms, 1000);
	p = predict(offer_at(c, "a/x", 0), &ask, 1000, 1000 + age_ms, 1);
	catalog_free(c);
	return p;
}

TEST(what_was_learnt_is_expected)
{
	struct prediction p = after(200, 500, 0);

	assert_true(p.learnt);
	assert_int_equal(p.ttft_ms, 200);
	assert_int_equal(p.total_ms, 200 + 2000);
	p = after(5000, 0, 0); /* no speed yet: the usual one */
	assert_int_equal(p.ttft_ms, 5000);
	assert_int_equal(p.total_ms, 5000 + 16666);
}

/* It fades into the usual guess: by half in ten minutes, evenly on the way. */
TEST(what_was_learnt_fades)
{
	static const struct {
		uint64_t age_ms, slow_ms, fast_ms;
	} want[] = {{0, 4700, 100}, {300000, 3700, 250}, {600000, 2700, 400},
	    {900000, 2200, 475}, {1200000, 1700, 550}, {1800000, 1200, 625},
	    {2400000, 950, 662}, {UINT64_MAX / 2, 700, 700}};

	for (size_t i = 0; i < COUNT(want); i++) {
		assert_int_equal(
		    after(4700, 60, want[i].age_ms).ttft_ms, want[i].slow_ms);
		assert_int_equal(after(100, 60, want[i].age_ms).ttft_ms, want[i].fast_ms);
	}
	assert_int_equal(after(700, 60, 600000).ttft_ms, 700);
	/* The speed likewise: 600 tokens a second become 330 in ten minutes. */
	assert_int_equal(after(700, 600, 600000).total_ms, 700 + 3030);
}

/* A sample of the future (the clock of another process) has no age. */
TEST(a_sample_of_the_future_is_new)
{
	struct catalog *c = fresh();
	struct health *h = offer_at(c, "a/x", 0)->health;
	struct ask ask = chat(4000);
	struct prediction p;

	atomic_store(&h->ttft_us, 5000);
	atomic_store(&h->sampled_ms, 2000);
	p = predict(offer_at(c, "a/x", 0), &ask, 1000, 1999, 1);
	assert_true(p.learnt);
	assert_int_equal(p.ttft_ms, 5);
	catalog_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(prompts_are_counted_by_the_usual_ratio_at_first),
	    cmocka_unit_test(the_ratio_is_learnt_of_any_host_of_the_model),
	    cmocka_unit_test(answers_are_as_long_as_they_were),
	    cmocka_unit_test(bug_absurd_wishes_are_not_cheap),
	    cmocka_unit_test(the_longest_of_several_prompts),
	    cmocka_unit_test(the_cost_is_that_of_the_guess),
	    cmocka_unit_test(the_price_is_that_of_the_day),
	    cmocka_unit_test(nothing_learnt_is_the_usual_time),
	    cmocka_unit_test(what_was_learnt_is_expected),
	    cmocka_unit_test(what_was_learnt_fades),
	    cmocka_unit_test(a_sample_of_the_future_is_new),
	};

	return cmocka_run_group_tests_name("predict", tests, NULL, NULL);
}
