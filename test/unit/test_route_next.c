/*
 * What happens to a plan while its request is tried: keys in turn, benches,
 * breakers, probes, failures, and how it ends.
 */
#include "route_case.h"

static const char three[] =
    "'m': {'providers': [{'provider': 'a', 'model': 'm', 'context': 2000},"
    "{'provider': 'b', 'model': 'm', 'context': 8000},"
    "{'provider': 'c', 'model': 'm'}]}";

/* Gives the provider n keys. */
static void
keys(struct route_case *r, const char *name, unsigned n)
{
	struct provider *p = catalog_provider(r->c, slice_str(name));

	while (p->nkeys < n)
		p->keys[p->nkeys++] = secret_new(S("k"));
}

static void
fails(struct route_case *r, struct candidate *c, enum err e, uint64_t now_ms)
{
	if (err_breaker(e) == BREAKER_BENCH)
		health_bench(c->offer->health, c->key, now_ms + 500, e);
	route_failed(&r->plan, c, e, now_ms);
}

/* --- one after the other --- */

TEST(each_candidate_is_tried_once)
{
	struct route_case r;

	case_init(&r, "a b c", three);
	plan(&r, "m");
	fails(&r, assert_next(&r, NOW_MS, "a"), ERR_CONNECT, NOW_MS);
	fails(&r, assert_next(&r, NOW_MS, "b"), ERR_UP_5XX, NOW_MS);
	assert_plan(&r, "a:TRIED b:TRIED c");
	assert_int_equal(r.plan.all[0].why, ERR_CONNECT);
	fails(&r, assert_next(&r, NOW_MS, "c"), ERR_RESET, NOW_MS);
	assert_next(&r, NOW_MS, "");
	assert_int_equal(r.plan.tried, 3);
	assert_end(&r, ERR_CONNECT, 0);
	case_done(&r);
}

TEST(one_is_tried_again_when_it_is_put_back)
{
	struct route_case r;
	struct candidate *a;

	case_init(&r, "a", "'m': {'providers': [{'provider': 'a', 'model': 'm'}]}");
	plan(&r, "m");
	a = assert_next(&r, NOW_MS, "a");
	fails(&r, a, ERR_CONNECT, NOW_MS);
	assert_next(&r, NOW_MS, "");
	route_again(a);
	assert_ptr_equal(assert_next(&r, NOW_MS, "a"), a);
	case_done(&r);
}

TEST(without_fallbacks_the_first_is_the_last)
{
	struct route_case r;
	struct candidate *a;

	case_init(&r, "a b c", three);
	r.wish.no_fallbacks = true;
	plan(&r, "m");
	a = assert_next(&r, NOW_MS, "a");
	assert_ptr_equal(assert_next(&r, NOW_MS, "a"), a);
	fails(&r, a, ERR_CONNECT, NOW_MS);
	assert_next(&r, NOW_MS, "");
	case_done(&r);
}

/* Who says that the prompt is too long puts out all that have no longer context. */
TEST(after_an_overflow_a_longer_context_is_wanted)
{
	static const char five[] =
	    "'m': {'providers': [{'provider': 'b', 'model': 'm', 'context': 8000},"
	    "{'provider': 'a', 'model': 'm', 'context': 8000},"
	    "{'provider': 'c', 'model': 'm'},"
	    "{'provider': 'd', 'model': 'm', 'context': 8001},"
	    "{'provider': 'e', 'model': 'm', 'context': 7999}]}";
	struct route_case r;

	case_init(&r, "a b c d e", five);
	r.wish.ignore[r.wish.nignore++] = catalog_provider(r.c, S("e"));
	plan(&r, "m");
	fails(&r, assert_next(&r, NOW_MS, "b"), ERR_CONTEXT_LENGTH, NOW_MS);
	/* Whose context is not known is not known to have more. */
	assert_plan(&r, "b:TRIED a:SHORT c:SHORT d e:IGNORED");
	assert_int_equal(r.plan.min_context_tok, 8000);
	fails(&r, assert_next(&r, NOW_MS, "d"), ERR_CONTEXT_LENGTH, NOW_MS);
	assert_next(&r, NOW_MS, "");
	assert_end(&r, ERR_CONTEXT_LENGTH, 0);
	case_done(&r);
}

TEST(an_overflow_of_an_unknown_context)
{
	struct route_case r;

	case_init(&r, "a b c", three);
	r.wish.order[r.wish.norder++] = catalog_provider(r.c, S("c"));
	plan(&r, "m");
	fails(&r, assert_next(&r, NOW_MS, "c"), ERR_CONTEXT_LENGTH, NOW_MS);
	assert_plan(&r, "c:TRIED a b");
	/* A second one that is shorter does not lower what is wanted. */
	fails(&r, assert_next(&r, NOW_MS, "a"), ERR_CONTEXT_LENGTH, NOW_MS);
	assert_int_equal(r.plan.min_context_tok, 2000);
	assert_plan(&r, "c:TRIED a:TRIED b");
	case_done(&r);
}

/* --- keys --- */

/* The key of the next candidate, in a plan of its own. */
static unsigned
key_of_next(struct route_case *r, uint64_t now_ms)
{
	struct candidate *c;

	r->query.now_ms = now_ms;
	plan(r, "m");
	c = route_next(&r->plan, now_ms);
	assert_non_null(c);
	return c->key;
}

/* However many others there are that have keys, too. */
TEST(bug_keys_are_used_in_turn)
{
	for (unsigned n = 1; n <= 4; n++) {
		struct route_case r;

		case_init(&r, "a b c", three);
		keys(&r, "a", n);
		keys(&r, "b", 2);
		for (unsigned i = 0; i < 3 * n; i++)
			assert_int_equal(key_of_next(&r, NOW_MS), i % n);
		case_done(&r);
	}
}

/* Looking at a candidate does not use a key up. */
TEST(a_plan_that_is_only_explained_takes_no_key)
{
	struct route_case r;

	case_init(&r, "a b c", three);
	keys(&r, "a", 2);
	for (unsigned i = 0; i < 4; i++) {
		plan(&r, "m");
		assert_int_equal(key_of_next(&r, NOW_MS), i % 2);
	}
	case_done(&r);
}

TEST(keys_that_are_benched_are_passed_over)
{
	struct route_case r;
	struct health *h;
	unsigned used[3] = {0};

	case_init(&r, "a b c", three);
	keys(&r, "a", 3);
	h = health_at(&r, "m", 0);
	health_bench(h, 1, NOW_MS + 100, ERR_UP_CREDENTIAL);
	for (unsigned i = 0; i < 9; i++)
		used[key_of_next(&r, NOW_MS)]++;
	assert_int_equal(used[0] + used[2], 9);
	assert_true(used[0] >= 3 && used[2] >= 3);
	health_bench(h, 0, NOW_MS + 100, ERR_RATE_LIMITED);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(key_of_next(&r, NOW_MS), 2);
	/* Each comes back when its time is over. */
	for (unsigned i = 0; i < 3; i++)
		used[key_of_next(&r, NOW_MS + 100)] = 100;
	assert_int_equal(used[0] + used[1] + used[2], 300);
	case_done(&r);
}

TEST(all_keys_benched_put_it_out_until_the_first_is_free)
{
	struct route_case r;
	struct health *h;

	case_init(&r, "a b c", three);
	keys(&r, "a", 2);
	h = health_at(&r, "m", 0);
	health_bench(h, 0, NOW_MS + 300, ERR_UP_QUOTA);
	health_bench(h, 1, NOW_MS + 200, ERR_RATE_LIMITED);
	plan(&r, "m");
	assert_plan(&r, "a:LIMITED b c");
	assert_int_equal(r.plan.all[0].until_ms, NOW_MS + 200);
	health_bench(h, 0, NOW_MS + 100, ERR_UP_QUOTA);
	plan(&r, "m");
	assert_plan(&r, "a:REFUSED b c");
	assert_int_equal(r.plan.all[0].until_ms, NOW_MS + 100);
	assert_int_equal(r.plan.all[0].why, ERR_UP_QUOTA);
	assert_next(&r, NOW_MS + 99, "b");
	assert_int_equal(assert_next(&r, NOW_MS + 100, "a")->key, 0);
	assert_next(&r, NOW_MS + 99, "b"); /* it is looked at each time anew */
	case_done(&r);
}

/* A key that is refused or limited leaves the others, in the same request. */
TEST(bug_the_other_key_is_tried_when_one_is_refused)
{
	static const enum err errors[] = {
	    ERR_UP_CREDENTIAL, ERR_UP_QUOTA, ERR_RATE_LIMITED};

	for (size_t i = 0; i < COUNT(errors); i++) {
		struct route_case r;
		struct candidate *c;

		case_init(&r, "a b c", three);
		keys(&r, "a", 2);
		r.wish.no_fallbacks = i == 0; /* another key is no other provider */
		plan(&r, "m");
		c = assert_next(&r, NOW_MS, "a");
		assert_int_equal(c->key, 0);
		fails(&r, c, errors[i], NOW_MS);
		assert_int_equal(r.plan.tried, 0);
		assert_int_equal(assert_next(&r, NOW_MS, "a")->key, 1);
		fails(&r, c, errors[i], NOW_MS + 7);
		assert_int_equal(r.plan.tried, 1);
		assert_int_equal(c->out, OUT_TRIED);
		assert_int_equal(c->why, errors[i]);
		assert_int_equal(c->until_ms, NOW_MS + 500); /* of the first key */
		assert_next(&r, NOW_MS + 7, i == 0 ? "" : "b");
		case_done(&r);
	}
}

TEST(other_failures_are_of_all_keys)
{
	static const enum err errors[] = {
	    ERR_CONNECT, ERR_UP_5XX, ERR_UP_MISSING, ERR_CONTEXT_LENGTH};

	for (size_t i = 0; i < COUNT(errors); i++) {
		struct route_case r;

		case_init(&r, "a b c", three);
		keys(&r, "a", 2);
		plan(&r, "m");
		fails(&r, assert_next(&r, NOW_MS, "a"), errors[i], NOW_MS);
		assert_next(&r, NOW_MS, "b");
		case_done(&r);
	}
}

/* --- breakers --- */

TEST(an_open_breaker_puts_it_out)
{
	struct route_case r;

	case_init(&r, "a b c", three);
	atomic_store(&health_at(&r, "m", 0)->open_until_ms, NOW_MS + 100);
	plan(&r, "m");
	assert_plan(&r, "a:BROKEN b c");
	assert_int_equal(r.plan.all[0].until_ms, NOW_MS + 100);
	assert_false(assert_next(&r, NOW_MS, "b")->probe);
	case_done(&r);
}

TEST(a_half_open_one_is_probed_by_one_request)
{
	struct route_case r, other;
	struct candidate *c;

	case_init(&r, "a b c", three);
	atomic_store(&health_at(&r, "m", 0)->open_until_ms, NOW_MS);
	plan(&r, "m");
	assert_plan(&r, "a b c");
	c = assert_next(&r, NOW_MS, "a");
	assert_true(c->probe);
	case_beside(&other, &r);
	plan(&other, "m");
	assert_plan(&other, "a:BROKEN b c");
	assert_next(&other, NOW_MS, "b");
	/* It answered: no probe any more. */
	health_good(c->offer->health, NOW_MS, &(struct health_sample){0});
	assert_false(assert_next(&other, NOW_MS, "a")->probe);
	route_again(c);
	assert_false(assert_next(&r, NOW_MS, "a")->probe);
	arena_free(&other.arena);
	case_done(&r);
}

/* Planned at a time when it could be probed, and then another request did. */
TEST(a_probe_that_is_lost_to_another_request)
{
	struct route_case r, other;

	case_init(&r, "a b",
	    "'m': {'providers': [{'provider': 'a', 'model': 'm'},"
	    "{'provider': 'b', 'model': 'm'}]}");
	atomic_store(&health_at(&r, "m", 0)->open_until_ms, NOW_MS);
	atomic_store(&health_at(&r, "m", 1)->open_until_ms, NOW_MS - 1);
	plan(&r, "m");
	case_beside(&other, &r);
	plan(&other, "m");
	assert_next(&other, NOW_MS, "a");
	assert_true(assert_next(&r, NOW_MS, "b")->probe);
	/* Both are probed: a doubt is no refusal. The one that opened first. */
	assert_false(assert_next(&other, NOW_MS, "b")->probe);
	arena_free(&other.arena);
	case_done(&r);
}

TEST(when_all_are_broken_the_first_to_close_is_tried)
{
	struct route_case r;

	case_init(&r, "a b c", three);
	atomic_store(&health_at(&r, "m", 0)->open_until_ms, NOW_MS + 300);
	atomic_store(&health_at(&r, "m", 1)->open_until_ms, NOW_MS + 100);
	atomic_store(&health_at(&r, "m", 2)->open_until_ms, NOW_MS + 200);
	plan(&r, "m");
	assert_plan(&r, "a:BROKEN b:BROKEN c:BROKEN");
	assert_end(&r, ERR_UP_5XX, 0);
	assert_int_equal(assert_next(&r, NOW_MS, "b")->out, OUT_NOT);
	fails(&r, assert_next(&r, NOW_MS, "b"), ERR_CONNECT, NOW_MS);
	fails(&r, assert_next(&r, NOW_MS, "c"), ERR_CONNECT, NOW_MS);
	fails(&r, assert_next(&r, NOW_MS, "a"), ERR_CONNECT, NOW_MS);
	assert_next(&r, NOW_MS, "");
	case_done(&r);
}

/* But not by a key that is benched: that would be refused for sure. */
TEST(a_broken_one_without_a_key_is_left)
{
	struct route_case r;

	case_init(&r, "a", "'m': {'providers': [{'provider': 'a', 'model': 'm'}]}");
	atomic_store(&health_at(&r, "m", 0)->open_until_ms, NOW_MS + 300);
	health_bench(health_at(&r, "m", 0), 0, NOW_MS + 100, ERR_RATE_LIMITED);
	plan(&r, "m");
	assert_next(&r, NOW_MS, "");
	assert_end(&r, ERR_RATE_LIMITED, NOW_MS + 100);
	assert_next(&r, NOW_MS + 100, "a");
	case_done(&r);
}

/* --- ends --- */

/* What each candidate's state is; the end must be this error, at this time. */
static void
assert_ends(const char *states, enum err e, uint64_t until_ms)
{
	struct route_case r;
	struct slice rest = slice_str(states);

	case_init(&r, "a b c", three);
	plan(&r, "m");
	for (unsigned i = 0; i < r.plan.count; i++) {
		struct candidate *c = &r.plan.all[i];
		struct slice name = slice_cut(&rest, ' ');

		for (enum route_out out = OUT_NOT; out < OUT_REASONS; out++)
			if (slice_eq(name, slice_str(route_out_name(out))))
				c->out = out;
		assert_int_not_equal(c->out, OUT_NOT);
		c->until_ms = 300 - i * 100;
		c->why = c->out == OUT_REFUSED ? ERR_UP_QUOTA : ERR_RESET;
	}
	assert_end(&r, e, until_ms);
	case_done(&r);
}

TEST(the_strongest_reason_ends_it)
{
	assert_ends("LIMITED LIMITED LIMITED", ERR_RATE_LIMITED, 100);
	assert_ends("LIMITED LIMITED NOT_ONLY", ERR_RATE_LIMITED, 200);
	assert_ends("LIMITED BROKEN BROKEN", ERR_RATE_LIMITED, 300);
	assert_ends("TRIED LIMITED TRIED", ERR_RATE_LIMITED, 200);
	assert_ends("BROKEN REFUSED NO_KEY", ERR_UP_5XX, 0);
	assert_ends("REFUSED NO_KEY NO_KEY", ERR_UP_QUOTA, 0);
	assert_ends("NO_KEY REFUSED TRIED", ERR_UP_QUOTA, 0);
	assert_ends("TRIED SHORT NO_KEY", ERR_RESET, 0);
	assert_ends("SHORT CAPABILITY NO_KEY", ERR_CONTEXT_LENGTH, 0);
	assert_ends("NO_KEY CAPABILITY IGNORED", ERR_FILTERED, 0);
	assert_ends("NO_KEY MISSING NO_KEY", ERR_NO_PROVIDER_KEY, 0);
	assert_ends("MISSING DIALECT DIALECT", ERR_NO_PROVIDER_KEY, 0);
	assert_ends("DEAR IGNORED NO_KEY", ERR_NO_PROVIDER_KEY, 0);
	assert_ends("DEAR DATA NOT_ONLY", ERR_FILTERED, 0);
	assert_ends("NOT_LOCAL NOT_LOCAL NOT_LOCAL", ERR_FILTERED, 0);
	assert_ends("NOT_NAMED NOT_NAMED NO_KEY", ERR_NO_PROVIDER_KEY, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_candidate_is_tried_once),
	    cmocka_unit_test(one_is_tried_again_when_it_is_put_back),
	    cmocka_unit_test(without_fallbacks_the_first_is_the_last),
	    cmocka_unit_test(after_an_overflow_a_longer_context_is_wanted),
	    cmocka_unit_test(an_overflow_of_an_unknown_context),
	    cmocka_unit_test(bug_keys_are_used_in_turn),
	    cmocka_unit_test(a_plan_that_is_only_explained_takes_no_key),
	    cmocka_unit_test(keys_that_are_benched_are_passed_over),
	    cmocka_unit_test(all_keys_benched_put_it_out_until_the_first_is_free),
	    cmocka_unit_test(bug_the_other_key_is_tried_when_one_is_refused),
	    cmocka_unit_test(other_failures_are_of_all_keys),
	    cmocka_unit_test(an_open_breaker_puts_it_out),
	    cmocka_unit_test(a_half_open_one_is_probed_by_one_request),
	    cmocka_unit_test(a_probe_that_is_lost_to_another_request),
	    cmocka_unit_test(when_all_are_broken_the_first_to_close_is_tried),
	    cmocka_unit_test(a_broken_one_without_a_key_is_left),
	    cmocka_unit_test(the_strongest_reason_ends_it),
	};

	return cmocka_run_group_tests_name("route_next", tests, NULL, NULL);
}
