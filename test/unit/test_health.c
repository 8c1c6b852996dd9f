#include "route/health.h"

#include "catalog_case.h"
#include "torture.h"

#include <pthread.h>

/* Records live for ever: each test has one of its own. */
static struct health *
fresh(void)
{
	static unsigned count;
	char name[20];
	struct health *h;

	(void)snprintf(name, sizeof(name), "h/%u", count++);
	h = health_of(slice_str(name));
	assert_non_null(h);
	return h;
}

static const struct breaker_limits limits = {
    .failures = 3, .open_ms = 1000, .open_max_ms = 5000};

static void
fail_times(struct health *h, unsigned times, uint64_t now_ms)
{
	while (times-- > 0)
		health_bad(h, now_ms, &limits);
}

static void
answer(struct health *h, uint64_t now_ms)
{
	const struct health_sample s = {.ttft_ms = 10, .total_ms = 20};

	health_good(h, now_ms, &s);
}

/* --- records --- */

TEST(a_name_has_one_record)
{
	struct health *a = health_of(S("a/x")), *b = health_of(S("a/y"));
	char name[] = "a/x";

	assert_non_null(a);
	assert_ptr_not_equal(a, b);
	assert_ptr_equal(health_of(slice_str(name)), a); /* by its bytes */
	assert_string_equal(a->name, "a/x");
	assert_ptr_not_equal(a->name, name);
	assert_int_equal(health_breaker(a, 1), BREAKER_CLOSED);
}

static void
count_record(void *arg, const struct health *h)
{
	unsigned *counts = arg;

	counts[0]++;
	counts[1] += strcmp(h->name, "each/1") == 0;
	counts[2] += strcmp(h->name, "each/2") == 0;
}

TEST(each_is_every_record_once)
{
	unsigned before[3] = {0}, after[3] = {0};

	health_each(count_record, before);
	assert_non_null(health_of(S("each/1")));
	assert_non_null(health_of(S("each/2")));
	health_each(count_record, after);
	assert_int_equal(after[0], before[0] + 2);
	assert_int_equal(after[1], 1);
	assert_int_equal(after[2], 1);
}

static void
look_up(void *arg, const struct health *h)
{
	if (*(unsigned *)arg == 0)
		assert_non_null(health_of(S("made/meanwhile")));
	(*(unsigned *)arg)++;
	assert_non_null(h->name);
}

/* What is done with the records may take long: loop threads do not wait for it. */
TEST(bug_records_are_found_while_others_are_written_down)
{
	unsigned count = 0;

	health_each(look_up, &count);
	assert_true(count > 0);
}

TEST(offers_that_can_be_asked_have_a_record)
{
	struct catalog *c = make_catalog("groq together",
	    "'a/attach': {'providers': [{'provider': 'groq', 'model': 'attach-1'},"
	    " {'provider': 'together', 'model': 'attach-2'}]}");
	struct provider *g = catalog_provider(c, S("groq"));

	catalog_provider(c, S("together"))->missing = "no key";
	g->nkeys = 2;
	assert_int_equal(health_attach(c), ERR_OK);
	assert_ptr_equal(
	    offer_at(c, "a/attach", 0)->health, health_of(S("groq/attach-1")));
	assert_int_equal(atomic_load(&offer_at(c, "a/attach", 0)->health->keys), 2);
	assert_null(offer_at(c, "a/attach", 1)->health);
	g->nkeys = 1;
	catalog_free(c);
}

/* --- the breaker --- */

TEST(it_opens_after_failures_in_a_row)
{
	struct health *h = fresh();

	fail_times(h, 2, 100);
	assert_int_equal(health_breaker(h, 100), BREAKER_CLOSED);
	answer(h, 100);
	fail_times(h, 2, 100);
	assert_int_equal(health_breaker(h, 100), BREAKER_CLOSED);
	fail_times(h, 1, 100);
	assert_int_equal(health_breaker(h, 100), BREAKER_OPEN);
	assert_int_equal(health_breaker(h, 1099), BREAKER_OPEN);
	assert_int_equal(health_breaker(h, 1100), BREAKER_HALF_OPEN);
	assert_int_equal(atomic_load(&h->answers), 1);
	assert_int_equal(atomic_load(&h->faults), 5);
}

TEST(one_failure_may_be_enough)
{
	struct breaker_limits strict = limits;
	struct health *h = fresh();

	strict.failures = 1;
	health_bad(h, 5, &strict);
	assert_int_equal(health_breaker(h, 5), BREAKER_OPEN);
}

/* What was sent before it opened and fails now says nothing new. */
TEST(failures_while_it_is_open_do_not_count)
{
	struct health *h = fresh();

	fail_times(h, 3, 100);
	fail_times(h, 10, 1099);
	assert_int_equal(health_breaker(h, 1100), BREAKER_HALF_OPEN);
	assert_int_equal(atomic_load(&h->opened), 1);
}

TEST(a_probe_that_fails_opens_it_for_twice_as_long)
{
	static const uint64_t spans[] = {1000, 2000, 4000, 5000, 5000};
	struct health *h = fresh();
	uint64_t now = 100;

	fail_times(h, 2, now);
	for (size_t i = 0; i < COUNT(spans); i++) {
		fail_times(h, 1, now); /* one is enough, from the second on */
		assert_int_equal(health_breaker(h, now + spans[i] - 1), BREAKER_OPEN);
		now += spans[i];
		assert_int_equal(health_breaker(h, now), BREAKER_HALF_OPEN);
	}
}

TEST(an_answer_closes_it_and_the_spans_begin_anew)
{
	struct health *h = fresh();

	fail_times(h, 3, 100);
	fail_times(h, 1, 1100); /* open for 2000 now */
	assert_true(health_claim_probe(h, 3100));
	answer(h, 3200);
	assert_int_equal(health_breaker(h, 3200), BREAKER_CLOSED);
	fail_times(h, 2, 3300);
	assert_int_equal(health_breaker(h, 3300), BREAKER_CLOSED);
	fail_times(h, 1, 3300);
	assert_int_equal(health_breaker(h, 4299), BREAKER_OPEN);
	assert_int_equal(health_breaker(h, 4300), BREAKER_HALF_OPEN);
	assert_true(health_claim_probe(h, 4300)); /* the old probe is over */
}

TEST(a_first_span_beyond_the_longest_is_cut)
{
	const struct breaker_limits odd = {.failures = 1, .open_ms = 9, .open_max_ms = 5};
	struct health *h = fresh();

	health_bad(h, 100, &odd);
	assert_int_equal(health_breaker(h, 104), BREAKER_OPEN);
	assert_int_equal(health_breaker(h, 105), BREAKER_HALF_OPEN);
}

/* --- probes --- */

TEST(one_request_at_a_time_is_the_probe)
{
	struct health *h = fresh();

	fail_times(h, 3, 100);
	assert_true(health_claim_probe(h, 1100));
	assert_false(health_claim_probe(h, 1100));
	assert_false(health_claim_probe(h, 1100 + 59999));
	/* One that never reported does not hold it up for ever. */
	assert_true(health_claim_probe(h, 1100 + 60000));
	fail_times(h, 1, 1100 + 60001);
	assert_true(health_claim_probe(h, 1100 + 62001));
}

static void *
claim(void *arg)
{
	return health_claim_probe(arg, 1100) ? arg : NULL;
}

TEST(of_many_threads_one_is_the_probe)
{
	for (unsigned round = 0; round < 50; round++) {
		pthread_t threads[4];
		struct health *h = fresh();
		unsigned claimed = 0;

		fail_times(h, 3, 100);
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, claim, h), 0);
		for (unsigned i = 0; i < 4; i++) {
			void *got;

			assert_int_equal(pthread_join(threads[i], &got), 0);
			claimed += got != NULL;
		}
		assert_int_equal(claimed, 1);
	}
}

/* --- benches --- */

TEST(keys_are_benched_one_by_one)
{
	struct health *h = fresh();
	enum err why;

	health_bench(h, 1, 500, ERR_RATE_LIMITED);
	health_bench(h, PROVIDER_KEYS_MAX - 1, 900, ERR_UP_CREDENTIAL);
	assert_int_equal(health_benched(h, 0, 100, &why), 0);
	assert_int_equal(health_benched(h, 1, 100, &why), 500);
	assert_int_equal(why, ERR_RATE_LIMITED);
	assert_int_equal(health_benched(h, 1, 499, &why), 500);
	assert_int_equal(health_benched(h, 1, 500, &why), 0);
	assert_int_equal(health_benched(h, PROVIDER_KEYS_MAX - 1, 500, &why), 900);
	assert_int_equal(why, ERR_UP_CREDENTIAL);
	health_bench(h, 1, 700, ERR_UP_QUOTA);
	assert_int_equal(health_benched(h, 1, 600, &why), 700);
	assert_int_equal(why, ERR_UP_QUOTA);
}

/* --- what is learnt --- */

static void
sample(struct health *h, uint64_t ttft_ms, uint64_t total_ms, uint64_t out_tok)
{
	const struct health_sample s = {
	    .ttft_ms = ttft_ms, .total_ms = total_ms, .out_tok = out_tok};

	health_good(h, 42, &s);
}

TEST(the_first_sample_is_taken_as_it_is)
{
	struct health *h = fresh();

	assert_int_equal(atomic_load(&h->ttft_us), 0);
	sample(h, 200, 1200, 100);
	assert_int_equal(atomic_load(&h->ttft_us), 200000);
	assert_int_equal(atomic_load(&h->tok_per_ks), 100000); /* in one second */
	assert_int_equal(atomic_load(&h->bytes_per_ktok), 0);
	assert_int_equal(atomic_load(&h->sampled_ms), 42);
}

/* A fifth of the way for each: after three steps about half of it is new. */
TEST(later_ones_count_a_fifth)
{
	struct health *h = fresh();

	sample(h, 100, 1100, 100);
	sample(h, 600, 1600, 200);
	assert_int_equal(atomic_load(&h->ttft_us), 200000);
	assert_int_equal(atomic_load(&h->tok_per_ks), 120000);
	sample(h, 600, 1600, 200);
	assert_int_equal(atomic_load(&h->ttft_us), 280000);
	assert_int_equal(atomic_load(&h->tok_per_ks), 136000);
	sample(h, 0, 1000, 0); /* of no known length: the speed stays */
	assert_int_equal(atomic_load(&h->ttft_us), 224000);
	assert_int_equal(atomic_load(&h->tok_per_ks), 136000);
}

/* A whole reply comes at once: its tokens took all of the time. */
TEST(the_speed_of_a_reply_that_comes_at_once)
{
	static const struct {
		uint64_t ttft_ms, total_ms, tok_per_ks;
	} cases[] = {{1000, 1000, 100000}, {1000, 1009, 99108}, {1000, 1010, 10000000},
	    {2000, 1000, 100000}, {0, 0, 100000000}};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct health *h = fresh();

		sample(h, cases[i].ttft_ms, cases[i].total_ms, 100);
		assert_int_equal(atomic_load(&h->tok_per_ks), cases[i].tok_per_ks);
		/* An answer within a millisecond is fast, not unknown. */
		assert_true(atomic_load(&h->ttft_us) > 0);
	}
}

TEST(the_ratio_of_bytes_to_tokens)
{
	static const struct {
		uint64_t bytes, tok, ratio;
	} cases[] = {{400, 100, 4000}, {50, 100, 500}, {49, 100, 0}, {1600, 100, 16000},
	    {1601, 100, 0}, {400, 0, 0}, {0, 100, 0}};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct health *h = fresh();
		const struct health_sample s = {
		    .prompt_bytes = cases[i].bytes, .prompt_tok = cases[i].tok};

		health_good(h, 1, &s);
		assert_int_equal(atomic_load(&h->bytes_per_ktok), cases[i].ratio);
	}
}

/* --- threads --- */

#define ROUNDS 2000

static void *
report(void *arg)
{
	struct health *h = arg;
	enum err why;

	for (unsigned i = 0; i < ROUNDS; i++) {
		const struct health_sample s = {.ttft_ms = 100,
		    .total_ms = 200,
		    .out_tok = 10,
		    .prompt_bytes = 40,
		    .prompt_tok = 10};

		health_bad(h, i, &limits);
		(void)health_claim_probe(h, i);
		health_good(h, i, &s);
		health_bench(h, i % PROVIDER_KEYS_MAX, i, ERR_RATE_LIMITED);
		(void)health_benched(h, 0, i, &why);
		assert_true(health_of(slice_str(h->name)) == h);
	}
	return NULL;
}

/* A race may lose a sample, never the sense. */
TEST(many_threads_share_a_record)
{
	struct health *h = fresh();
	pthread_t threads[4];

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, report, h), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&h->answers), 4 * ROUNDS);
	assert_int_equal(atomic_load(&h->faults), 4 * ROUNDS);
	assert_int_equal(atomic_load(&h->ttft_us), 100000);
	assert_int_equal(atomic_load(&h->tok_per_ks), 100000);
	assert_int_equal(atomic_load(&h->bytes_per_ktok), 4000);
}

#define NAMES 64

static void *
make_records(void *arg)
{
	struct health **made = arg;
	char name[30];

	for (unsigned i = 0; i < NAMES; i++) {
		(void)snprintf(name, sizeof(name), "together/%u", i);
		made[i] = health_of(slice_str(name));
	}
	return NULL;
}

TEST(threads_that_ask_for_a_record_get_the_same)
{
	static struct health *made[4][NAMES];
	unsigned count[3] = {0};
	pthread_t threads[4];

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, make_records, made[i]), 0);
	for (unsigned i = 0; i < 100; i++)
		health_each(count_record, count);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (unsigned i = 0; i < NAMES; i++)
		for (unsigned k = 0; k < 4; k++) {
			assert_non_null(made[k][i]);
			assert_ptr_equal(made[k][i], made[0][i]);
		}
}

/* --- memory --- */

/* A record that was made stays, so each round makes others; nothing is half made. */
TEST(survives_the_want_of_memory)
{
	unsigned refused = 0;
	char name[30];

	for (unsigned i = 0; i < 200; i++) {
		struct health *h;
		bool failed;

		(void)snprintf(name, sizeof(name), "torture/%u", i);
		torture_start(1 + i % 3, false);
		h = health_of(slice_str(name));
		failed = torture_calm();
		if (h == NULL) {
			assert_true(failed);
			refused++;
			h = health_of(slice_str(name));
		}
		assert_non_null(h);
		assert_string_equal(h->name, name);
		assert_ptr_equal(health_of(slice_str(name)), h);
	}
	assert_true(refused >= 2 * 200 / 3);
}

TEST(attaching_says_when_memory_is_out)
{
	struct catalog *c = make_catalog("groq",
	    "'a/one': {'providers': [{'provider': 'groq', 'model': 'torture-a'}]},"
	    "'a/two': {'providers': [{'provider': 'groq', 'model': 'torture-b'}]}");
	bool failed;
	enum err e;

	for (unsigned n = 1; n < 3; n++) {
		torture_start(n, true);
		e = health_attach(c);
		failed = torture_calm();
		assert_int_equal(e, failed ? ERR_NOMEM : ERR_OK);
		assert_true(failed);
	}
	assert_int_equal(health_attach(c), ERR_OK);
	assert_non_null(offer_at(c, "a/two", 0)->health);
	catalog_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_name_has_one_record),
	    cmocka_unit_test(each_is_every_record_once),
	    cmocka_unit_test(bug_records_are_found_while_others_are_written_down),
	    cmocka_unit_test(offers_that_can_be_asked_have_a_record),
	    cmocka_unit_test(it_opens_after_failures_in_a_row),
	    cmocka_unit_test(one_failure_may_be_enough),
	    cmocka_unit_test(failures_while_it_is_open_do_not_count),
	    cmocka_unit_test(a_probe_that_fails_opens_it_for_twice_as_long),
	    cmocka_unit_test(an_answer_closes_it_and_the_spans_begin_anew),
	    cmocka_unit_test(a_first_span_beyond_the_longest_is_cut),
	    cmocka_unit_test(one_request_at_a_time_is_the_probe),
	    cmocka_unit_test(of_many_threads_one_is_the_probe),
	    cmocka_unit_test(keys_are_benched_one_by_one),
	    cmocka_unit_test(the_first_sample_is_taken_as_it_is),
	    cmocka_unit_test(later_ones_count_a_fifth),
	    cmocka_unit_test(the_speed_of_a_reply_that_comes_at_once),
	    cmocka_unit_test(the_ratio_of_bytes_to_tokens),
	    cmocka_unit_test(many_threads_share_a_record),
	    cmocka_unit_test(threads_that_ask_for_a_record_get_the_same),
	    cmocka_unit_test(survives_the_want_of_memory),
	    cmocka_unit_test(attaching_says_when_memory_is_out),
	};

	return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
