/*
 * Who may answer, and in which order: filters and scores. What changes while a
 * request is tried is in test_route_next.c.
 */
#include "route_case.h"
#include "torture.h"

#define OFFER(name, more)                                                                \
	"{'provider': '" name                                                            \
	"', 'model': 'm', 'prices': [{'input': 1, 'output': 2}]" more "}"

static const char three[] =
    "'m': {'context': 100000, 'tools': true, 'providers': [" OFFER("a", "") "," OFFER(
	"b", "") "," OFFER("c", "") "]}";

/* --- what is wished --- */

TEST(the_order_of_the_list_is_preferred)
{
	struct route_case r;

	case_init(&r, "a b c", three);
	plan(&r, "m");
	assert_int_equal(r.plan.policy, POLICY_PREFERRED);
	assert_plan(&r, "a b c");
	case_done(&r);
}

TEST(a_named_provider_is_the_only_one)
{
	struct route_case r;

	case_init(&r, "a b c d", three);
	plan(&r, "m:b");
	assert_plan(&r, "a:NOT_NAMED b c:NOT_NAMED");
	plan(&r, "m:d");
	assert_plan(&r, "a:NOT_NAMED b:NOT_NAMED c:NOT_NAMED");
	assert_end(&r, ERR_FILTERED, 0);
	case_done(&r);
}

TEST(a_named_offer_is_the_only_one)
{
	struct route_case r;

	case_init(&r, "a b",
	    "'m': {'providers': [{'provider': 'a', 'model': 'one'},"
	    " {'provider': 'a', 'model': 'two'}, {'provider': 'b', 'model': 'two'}]}");
	plan(&r, "a/two");
	assert_plan(&r, "a:NOT_NAMED a b:NOT_NAMED");
	plan(&r, "a/m");
	assert_plan(&r, "a a b:NOT_NAMED");
	case_done(&r);
}

TEST(local_stays_on_the_machine)
{
	struct route_case r;

	case_init(&r, "a b c", three);
	catalog_provider(r.c, S("b"))->local = true;
	plan(&r, "m:local");
	assert_plan(&r, "a:NOT_LOCAL b c:NOT_LOCAL");
	catalog_provider(r.c, S("b"))->local = false;
	plan(&r, "m:local");
	assert_end(&r, ERR_FILTERED, 0);
	r.wish.has_sort = true; /* of the body, likewise */
	r.wish.sort = POLICY_LOCAL;
	plan(&r, "m");
	assert_plan(&r, "a:NOT_LOCAL b:NOT_LOCAL c:NOT_LOCAL");
	plan(&r, "m:cheapest"); /* the model string goes first */
	assert_int_equal(r.plan.policy, POLICY_CHEAPEST);
	assert_plan(&r, "a b c");
	case_done(&r);
}

TEST(only_ignore_and_order)
{
	struct route_case r;
	const struct provider *a, *b, *c;

	case_init(&r, "a b c", three);
	a = catalog_provider(r.c, S("a"));
	b = catalog_provider(r.c, S("b"));
	c = catalog_provider(r.c, S("c"));
	r.wish.has_only = true;
	plan(&r, "m");
	assert_plan(&r, "a:NOT_ONLY b:NOT_ONLY c:NOT_ONLY");
	r.wish.only[r.wish.nonly++] = c;
	r.wish.only[r.wish.nonly++] = b;
	r.wish.ignore[r.wish.nignore++] = c;
	plan(&r, "m");
	assert_plan(&r, "a:NOT_ONLY b c:IGNORED");
	assert_end(&r, ERR_UP_5XX, 0); /* b is there */
	r.wish = (struct wish){.max_input_pusd = -1,
	    .max_output_pusd = -1,
	    .max_request_pusd = -1,
	    .order = {c, a},
	    .norder = 2};
	plan(&r, "m");
	assert_plan(&r, "c a b"); /* who is not in the order comes behind */
	case_done(&r);
}

TEST(deny_wants_hosts_that_keep_nothing)
{
	struct route_case r;

	case_init(&r, "a b c", three);
	catalog_provider(r.c, S("b"))->keeps_no_data = true;
	catalog_provider(r.c, S("c"))->local = true;
	r.wish.keep_no_data = true;
	plan(&r, "m");
	assert_plan(&r, "a:DATA b c");
	case_done(&r);
}

/* --- max_price --- */

static const char priced[] =
    "'m': {'providers': ["
    "{'provider': 'a', 'model': 'm', 'prices': [{'input': 1, 'output': 2}]},"
    "{'provider': 'b', 'model': 'm', 'prices': [{'input': 1.000001, 'output': 2.5,"
    "  'request': {'usd': 12, 'per': 1000}}]},"
    "{'provider': 'c', 'model': 'm'},"
    "{'provider': 'd', 'model': 'm', 'prices': [{'input': {'usd': 0.001, 'per': 1000},"
    "  'output': {'usd': 4, 'per': 2000000}}]}]}";

static void
assert_priced(int64_t input, int64_t output, int64_t request, const char *want)
{
	struct route_case r;

	case_init(&r, "a b c d", priced);
	r.wish.max_input_pusd = input;
	r.wish.max_output_pusd = output;
	r.wish.max_request_pusd = request;
	plan(&r, "m");
	assert_plan(&r, want);
	case_done(&r);
}

TEST(ceilings_are_for_a_million_tokens)
{
	assert_priced(-1, -1, -1, "a b c d");
	assert_priced(1000000000000, -1, -1, "a b:DEAR c:DEAR d");
	assert_priced(1000001000000, -1, -1, "a b c:DEAR d");
	assert_priced(999999999999, -1, -1, "a:DEAR b:DEAR c:DEAR d:DEAR");
	assert_priced(-1, 2000000000000, -1, "a b:DEAR c:DEAR d");
	assert_priced(-1, 2500000000000, -1, "a b c:DEAR d");
	assert_priced(1000000000000, 1999999999999, -1, "a:DEAR b:DEAR c:DEAR d:DEAR");
	assert_priced(0, -1, -1, "a:DEAR b:DEAR c:DEAR d:DEAR");
	assert_priced(-1, 0, -1, "a:DEAR b:DEAR c:DEAR d:DEAR");
}

/* 12 USD for a thousand requests are 0.012 for one. */
TEST(bug_the_ceiling_of_a_request_is_for_one)
{
	assert_priced(-1, -1, 12000000000, "a b c:DEAR d");
	assert_priced(-1, -1, 11999999999, "a b:DEAR c:DEAR d");
	assert_priced(-1, -1, 0, "a b:DEAR c:DEAR d");
	assert_priced(-1, -1, INT64_MAX, "a b c:DEAR d");
}

/* Half a price is an unknown one, which no ceiling lets pass. */
TEST(an_unknown_price_is_too_dear)
{
	struct route_case r;

	case_init(&r, "a",
	    "'m': {'providers': [{'provider': 'a', 'model': 'm', 'prices': ["
	    "{'input': 1}]}]}, 'e': {'kind': 'embedding', 'providers': ["
	    "{'provider': 'a', 'model': 'e', 'prices': [{'input': 1}]}]}");
	r.wish.max_output_pusd = INT64_MAX;
	plan(&r, "m");
	assert_plan(&r, "a:DEAR");
	r.ask.op = OP_EMBEDDING; /* which has no output */
	plan(&r, "e");
	assert_plan(&r, "a");
	case_done(&r);
}

/* --- what can be used --- */

TEST(who_cannot_be_asked)
{
	struct route_case r;
	struct provider *a, *b, *c;

	case_init(&r, "a b c d",
	    "'m': {'providers': [" OFFER("a", "") "," OFFER("b", "") "," OFFER(
		"c", "") "," OFFER("d", "") "]}");
	a = catalog_provider(r.c, S("a"));
	b = catalog_provider(r.c, S("b"));
	c = catalog_provider(r.c, S("c"));
	a->dialect = DIALECT_NATIVE;
	b->missing = "no key: set B_KEY";
	b->nkeys = 0;
	c->missing = "C_HOST is not set";
	offer_at(r.c, "m", 3)->missing = "no file";
	plan(&r, "m");
	assert_plan(&r, "a:DIALECT b:NO_KEY c:MISSING d:MISSING");
	assert_end(&r, ERR_NO_PROVIDER_KEY, 0);
	assert_string_equal(route_out_text(&r.plan.all[1]), "no key");
	assert_string_equal(route_out_text(&r.plan.all[2]), "C_HOST is not set");
	assert_string_equal(route_out_text(&r.plan.all[3]), "no file");
	b->nkeys = 1; /* it has one, and lacks something else */
	plan(&r, "m");
	assert_plan(&r, "a:DIALECT b:MISSING c:MISSING d:MISSING");
	secret_free(&c->keys[0]);
	free(c->base_url);
	c->base_url = NULL;
	c->nkeys = 0;
	plan(&r, "m"); /* no URL weighs more than no key */
	assert_plan(&r, "a:DIALECT b:MISSING c:MISSING d:MISSING");
	case_done(&r);
}

TEST(what_the_request_needs)
{
	struct route_case r;

	case_init(&r, "a b c",
	    "'m': {'providers': [" OFFER(
		"a", ", 'tools': true, 'vision': false") "," OFFER("b",
		", 'tools': false") "," OFFER("c", "") "]}");
	r.ask.needs = CAP_TOOLS;
	plan(&r, "m");
	assert_plan(&r, "a b:CAPABILITY c"); /* doubt is good enough */
	r.wish.require_parameters = true;
	plan(&r, "m");
	assert_plan(&r, "a b:CAPABILITY c:CAPABILITY");
	r.ask.needs = CAP_TOOLS | CAP_VISION;
	plan(&r, "m");
	assert_plan(&r, "a:CAPABILITY b:CAPABILITY c:CAPABILITY");
	assert_end(&r, ERR_FILTERED, 0);
	r.ask.needs = 0;
	plan(&r, "m");
	assert_plan(&r, "a b c");
	case_done(&r);
}

TEST(what_the_model_is_for)
{
	static const struct {
		const char *kind;
		bool chat, completion, embedding;
	} cases[] = {{"chat", true, true, false}, {"completion", false, true, false},
	    {"embedding", false, false, true}, {"rerank", false, false, false}};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct route_case r;
		char models[300];

		(void)snprintf(models, sizeof(models),
		    "'m': {'kind': '%s', 'providers': [" OFFER("a", "") "]}",
		    cases[i].kind);
		case_init(&r, "a", models);
		r.ask.op = OP_CHAT;
		plan(&r, "m");
		assert_plan(&r, cases[i].chat ? "a" : "a:CAPABILITY");
		r.ask.op = OP_COMPLETION;
		plan(&r, "m");
		assert_plan(&r, cases[i].completion ? "a" : "a:CAPABILITY");
		r.ask.op = OP_EMBEDDING;
		plan(&r, "m");
		assert_plan(&r, cases[i].embedding ? "a" : "a:CAPABILITY");
		case_done(&r);
	}
}

TEST(prompts_that_are_too_long)
{
	static const struct {
		uint64_t prompt_tok, answer_tok;
		const char *plan;
	} cases[] = {
	    {1000, 1000, "a b c"},
	    {1001, 1000, "a:SHORT b c"},
	    {1000, 1001, "a b c"}, /* half of it: perhaps the limit is generous */
	    {1001, 999, "a b c"},
	    {2000, 0, "a b c"},
	    {2001, 0, "a:SHORT b c"},
	    {9000, 1000, "a:SHORT b c"},
	    {9000, 1001, "a:SHORT b:SHORT c"},
	    {20000, UINT64_MAX, "a:SHORT b:SHORT c"}, /* unknown: let it say so */
	    {9000, UINT64_MAX - 9000, "a:SHORT b:SHORT c"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct route_case r;

		case_init(&r, "a b c",
		    "'m': {'providers': [" OFFER("a", ", 'context': 2000") "," OFFER(
			"b", ", 'context': 10000") "," OFFER("c", "") "]}");
		r.ask.prompt_bytes = cases[i].prompt_tok * 4;
		r.ask.max_output_tok = cases[i].answer_tok;
		plan(&r, "m");
		assert_plan(&r, cases[i].plan);
		case_done(&r);
	}
}

TEST(of_several_prompts_the_longest_must_fit)
{
	struct route_case r;

	case_init(&r, "a",
	    "'m': {'kind': 'embedding', 'providers': [" OFFER(
		"a", ", 'context': 500") "]}");
	r.ask.op = OP_EMBEDDING;
	r.ask.max_output_tok = 0;
	plan(&r, "m");
	assert_plan(&r, "a:SHORT");
	assert_end(&r, ERR_CONTEXT_LENGTH, 0);
	r.ask.longest_bytes = 2000;
	plan(&r, "m");
	assert_plan(&r, "a");
	r.ask.longest_bytes = 2004;
	plan(&r, "m");
	assert_plan(&r, "a:SHORT");
	case_done(&r);
}

/* A host that the caller names himself knows better than the catalog. */
TEST(who_is_named_is_not_judged)
{
	struct route_case r;
	struct engine *engine = (struct engine *)&r;

	case_init(&r, "a",
	    "'m': {'kind': 'embedding', 'providers': [" OFFER(
		"a", ", 'context': 500, 'tools': false") "]}");
	r.ask.needs = CAP_TOOLS;
	plan(&r, "m:a");
	assert_plan(&r, "a");
	r.wish.require_parameters = true; /* unless he wants it judged */
	plan(&r, "m:a");
	assert_plan(&r, "a:CAPABILITY");
	r.wish.require_parameters = false;
	offer_at(r.c, "m", 0)->engine = engine; /* of our own models we know all */
	plan(&r, "m:a");
	assert_plan(&r, "a:CAPABILITY");
	case_done(&r);
}

/* The reason is the first that applies, the caller's wishes before all. */
/* What is no chat is not translated: only who speaks the caller's dialect answers. */
TEST(chats_alone_are_translated)
{
	struct route_case r;

	case_init(
	    &r, "a b", "'m': {'providers': [" OFFER("a", "") "," OFFER("b", "") "]}");
	catalog_provider(r.c, S("a"))->dialect = DIALECT_ANTHROPIC;
	plan(&r, "m");
	assert_plan(&r, "a b");
	r.ask.op = OP_COMPLETION;
	plan(&r, "m");
	assert_plan(&r, "a:DIALECT b");
	case_done(&r);
}

TEST(reasons_have_an_order)
{
	struct route_case r;
	struct provider *a;

	case_init(&r, "a b",
	    "'m': {'providers': [" OFFER(
		"a", ", 'context': 100, 'tools': false") "," OFFER("b", "") "]}");
	a = catalog_provider(r.c, S("a"));
	atomic_store(&health_at(&r, "m", 0)->open_until_ms, NOW_MS + 5);
	health_bench(health_at(&r, "m", 0), 0, NOW_MS + 5, ERR_RATE_LIMITED);
	a->missing = "missing";
	a->dialect = DIALECT_NATIVE;
	r.ask.needs = CAP_TOOLS;
	r.wish.max_input_pusd = 1;
	r.wish.keep_no_data = true;
	r.wish.ignore[r.wish.nignore++] = a;
	r.wish.has_only = true;
	plan(&r, "m:local");
	assert_plan(&r, "a:NOT_LOCAL b:NOT_LOCAL");
	r.name.provider = catalog_provider(r.c, S("b"));
	assert_int_equal(route_plan(&r.query, &r.arena, &r.plan), ERR_OK);
	assert_int_equal(r.plan.all[0].out, OUT_NOT_NAMED);
	r.wish.only[r.wish.nonly++] = catalog_provider(r.c, S("b"));
	plan(&r, "m");
	assert_int_equal(r.plan.all[0].out, OUT_NOT_ONLY);
	r.wish.has_only = false;
	plan(&r, "m");
	assert_int_equal(r.plan.all[0].out, OUT_IGNORED);
	r.wish.nignore = 0;
	plan(&r, "m");
	assert_int_equal(r.plan.all[0].out, OUT_DATA);
	r.wish.keep_no_data = false;
	plan(&r, "m");
	assert_int_equal(r.plan.all[0].out, OUT_DEAR);
	r.wish.max_input_pusd = -1;
	plan(&r, "m");
	assert_int_equal(r.plan.all[0].out, OUT_DIALECT);
	a->dialect = DIALECT_OPENAI;
	plan(&r, "m");
	assert_int_equal(r.plan.all[0].out, OUT_MISSING);
	a->missing = NULL;
	plan(&r, "m");
	assert_int_equal(r.plan.all[0].out, OUT_CAPABILITY);
	r.ask.needs = 0;
	plan(&r, "m");
	assert_int_equal(r.plan.all[0].out, OUT_SHORT);
	r.ask.prompt_bytes = 4;
	plan(&r, "m");
	assert_int_equal(r.plan.all[0].out, OUT_LIMITED);
	health_bench(health_at(&r, "m", 0), 0, 0, ERR_RATE_LIMITED);
	plan(&r, "m");
	assert_int_equal(r.plan.all[0].out, OUT_BROKEN);
	case_done(&r);
}

/* --- scores --- */

/* What a host teaches: the time to the first token, tokens a second. */
static void
teach(struct route_case *r, unsigned n, uint64_t ttft_ms, uint64_t tok_per_s)
{
	struct health *h = health_at(r, "m", n);

	atomic_store(&h->ttft_us, ttft_ms * 1000);
	atomic_store(&h->tok_per_ks, tok_per_s * 1000);
	atomic_store(&h->sampled_ms, NOW_MS);
}

TEST(fastest_is_the_time_to_the_last_token)
{
	struct route_case r;

	case_init(&r, "a b c", three);
	teach(&r, 0, 100, 20);	 /* 5100 ms for 100 tokens */
	teach(&r, 1, 2000, 100); /* 3000 */
	teach(&r, 2, 500, 40);	 /* 3000 */
	plan(&r, "m:fastest");
	assert_plan(&r, "b c a"); /* equally fast, equally dear: by name */
	assert_int_equal(r.plan.all[0].score, 3000);
	r.ask.max_output_tok = 10;
	plan(&r, "m:fastest");
	assert_plan(&r, "a c b"); /* 600, 750, 2100 */
	case_done(&r);
}

/* Not the list price: what this very request will cost. */
TEST(cheapest_is_the_cost_of_the_request)
{
	struct route_case r;

	case_init(&r, "a b c",
	    "'m': {'providers': ["
	    "{'provider': 'a', 'model': 'm', 'prices': [{'input': 1, 'output': 9}]},"
	    "{'provider': 'b', 'model': 'm', 'prices': [{'input': 2, 'output': 2}]},"
	    "{'provider': 'c', 'model': 'm'}]}");
	plan(&r, "m:cheapest");	  /* 1000 in, 100 out */
	assert_plan(&r, "a b c"); /* 1.9 against 2.2; unknown is last */
	assert_int_equal(r.plan.all[0].score, 1900000000);
	assert_int_equal(r.plan.all[2].guess.cost_pusd, PRICE_UNKNOWN);
	r.ask.max_output_tok = 200;
	plan(&r, "m:cheapest"); /* 2.8 against 2.4 */
	assert_plan(&r, "b a c");
	case_done(&r);
}

/* A saved second is worth so much. */
TEST(balanced_is_money_and_time)
{
	struct route_case r;

	case_init(&r, "a b",
	    "'m': {'providers': ["
	    "{'provider': 'a', 'model': 'm', 'prices': [{'input': 1, 'output': 0}]},"
	    "{'provider': 'b', 'model': 'm', 'prices': [{'input': 3, 'output': 0}]}]}");
	teach(&r, 0, 3000, 1000000);
	teach(&r, 1, 1000, 1000000);
	/* 0.001 and 0.003 USD; two seconds faster: worth it from 0.001 a second on. */
	r.limits.balance_pusd = 1001000000;
	plan(&r, "m:balanced");
	assert_plan(&r, "b a");
	r.limits.balance_pusd = 999000000;
	plan(&r, "m:balanced");
	assert_plan(&r, "a b");
	r.limits.balance_pusd = 0;
	plan(&r, "m:balanced");
	assert_plan(&r, "a b");
	r.limits.balance_pusd = INT64_MAX; /* time is all that counts */
	plan(&r, "m:balanced");
	assert_plan(&r, "a b"); /* beyond all measure, both of them: by cost */
	r.limits.balance_pusd = INT64_MAX / 10000;
	plan(&r, "m:balanced");
	assert_plan(&r, "b a");
	case_done(&r);
}

/* No sum of the two passes 64 bits. */
TEST(scores_do_not_overflow)
{
	struct route_case r;

	case_init(&r, "a b",
	    "'m': {'providers': [{'provider': 'a', 'model': 'm'},"
	    "{'provider': 'b', 'model': 'm', 'prices': ["
	    "{'input': {'usd': 9000000, 'per': 1}, 'output': 0}]}]}");
	r.ask.answers = UINT64_MAX;
	teach(&r, 0, INT64_MAX / 1000000, 0);
	for (int64_t worth = 1; worth > 0;
	     worth = worth < INT64_MAX / 2 ? worth * 2 : 0) {
		r.limits.balance_pusd = worth;
		plan(&r, "m:balanced");
		assert_true(r.plan.all[0].score >= 0);
		assert_true(r.plan.all[1].score >= r.plan.all[0].score);
	}
	case_done(&r);
}

TEST(the_deprecated_come_last)
{
	struct route_case r;

	case_init(&r, "a b c",
	    "'m': {'providers': [{'provider': 'a', 'model': 'm', 'deprecated': true,"
	    " 'prices': [{'input': 0, 'output': 0}]}," OFFER("b", "") "," OFFER(
		"c", "") "]}");
	plan(&r, "m:cheapest");
	assert_plan(&r, "b c a");
	plan(&r, "m");
	assert_plan(&r, "b c a");
	r.wish.order[r.wish.norder++] = catalog_provider(r.c, S("a"));
	plan(&r, "m"); /* but who asks for it gets it */
	assert_plan(&r, "a b c");
	case_done(&r);
}

TEST(equal_scores_are_ordered_by_the_other_measure_and_by_name)
{
	struct route_case r;

	case_init(&r, "b a",
	    "'m': {'providers': [" OFFER("b", "") "," OFFER(
		"a", "") ","
			 "{'provider': 'a', 'model': 'l', 'prices': [{'input': 1, "
			 "'output': 2}]},"
			 "{'provider': 'b', 'model': 'n', 'prices': [{'input': 0.9, "
			 "'output': 2}]}]}");
	plan(&r, "m:fastest");
	assert_plan(&r, "b a a b");
	assert_slice(r.plan.all[0].offer->upstream, S("n")); /* cheaper */
	assert_slice(r.plan.all[1].offer->upstream, S("l"));
	assert_slice(r.plan.all[2].offer->upstream, S("m"));
	teach(&r, 0, 1, 1000000); /* b's m */
	plan(&r, "m:cheapest");
	assert_plan(&r, "b b a a");
	assert_slice(r.plan.all[1].offer->upstream, S("m"));
	case_done(&r);
}

/* --- exploration --- */

TEST(the_stalest_is_tried_now_and_then)
{
	struct route_case r;
	struct random random;
	unsigned first = 0;

	case_init(&r, "a b c", three);
	for (unsigned i = 0; i < 3; i++)
		teach(&r, i, 100 * (i + 1), 100);
	atomic_store(&health_at(&r, "m", 1)->sampled_ms, NOW_MS - 500);
	atomic_store(&health_at(&r, "m", 2)->sampled_ms, NOW_MS - 100);
	random_seed(&random, 7);
	r.query.random = &random;
	r.limits.explore_permille = 100;
	for (unsigned i = 0; i < 2000; i++) {
		arena_free(&r.arena);
		plan(&r, "m:fastest");
		first += strcmp(r.plan.all[0].offer->provider->name, "b") == 0;
		/* The others stay in their order. */
		assert_ptr_equal(r.plan.all[first > 0 && r.plan.all[0].score == -1].offer,
		    offer_at(r.c, "m", 0));
	}
	assert_in_range(first, 140, 260); /* a tenth */
	r.limits.explore_permille = 1000;
	plan(&r, "m:fastest");
	assert_plan(&r, "b a c");
	case_done(&r);
}

TEST(nothing_is_explored_against_a_wish)
{
	struct route_case r;
	struct random random;

	case_init(&r, "a b c", three);
	teach(&r, 0, 100, 100);
	random_seed(&random, 7);
	r.query.random = &random;
	r.limits.explore_permille = 1000;
	plan(&r, "m"); /* preferred */
	assert_plan(&r, "a b c");
	plan(&r, "m:cheapest");
	assert_int_not_equal(r.plan.all[0].score, -1);
	offer_at(r.c, "m", 1)->deprecated = true;
	catalog_provider(r.c, S("c"))->missing = "x";
	plan(&r, "m:fastest"); /* who is out or deprecated is not tried for that */
	assert_plan(&r, "a c:MISSING b");
	catalog_provider(r.c, S("c"))->missing = NULL;
	plan(&r, "m:fastest");
	assert_plan(&r, "c a b");
	r.wish.order[r.wish.norder++] = catalog_provider(r.c, S("a"));
	plan(&r, "m:fastest");
	assert_plan(&r, "a c b");
	r.wish.norder = 0;
	catalog_provider(r.c, S("a"))->missing = "x";
	catalog_provider(r.c, S("c"))->missing = "x";
	plan(&r, "m:fastest"); /* nobody is left for it */
	assert_plan(&r, "a:MISSING c:MISSING b");
	catalog_provider(r.c, S("a"))->missing = NULL;
	catalog_provider(r.c, S("c"))->missing = NULL;
	r.wish.norder = 0;
	r.query.random = NULL;
	plan(&r, "m:fastest");
	assert_plan(&r, "a c b");
	case_done(&r);
}

/* --- models that only their provider knows --- */

TEST(an_unknown_model_goes_to_its_provider)
{
	struct route_case r;
	const struct offer *o;

	case_init(&r, "a b", three);
	plan(&r, "b/new");
	assert_plan(&r, "b");
	o = r.plan.all[0].offer;
	assert_null(o->model);
	assert_slice(o->upstream, S("new"));
	assert_ptr_equal(o->health, health_of(S("b/*")));
	assert_int_equal(r.plan.all[0].guess.cost_pusd, PRICE_UNKNOWN);
	plan(&r, "b/other"); /* callers can't make us keep a record for each */
	assert_ptr_equal(r.plan.all[0].offer->health, o->health);
	r.wish.max_request_pusd = 5;
	plan(&r, "b/new");
	assert_plan(&r, "b:DEAR");
	r.wish.max_request_pusd = -1;
	catalog_provider(r.c, S("b"))->missing = "no key";
	catalog_provider(r.c, S("b"))->nkeys = 0;
	plan(&r, "b/new");
	assert_plan(&r, "b:NO_KEY");
	catalog_provider(r.c, S("b"))->nkeys = 1;
	case_done(&r);
}

TEST(a_model_of_nobody_has_no_candidates)
{
	struct route_case r;

	case_init(&r, "a", "'m': {'providers': []}");
	plan(&r, "m");
	assert_int_equal(r.plan.count, 0);
	assert_next(&r, NOW_MS, "");
	assert_end(&r, ERR_UNKNOWN_MODEL, 0);
	case_done(&r);
}

/* --- texts, memory --- */

TEST(every_reason_has_a_name_and_a_text)
{
	struct candidate c = {0};
	struct provider p = {.missing = "of the provider"};
	struct offer o = {.provider = &p};

	c.offer = &o;
	for (enum route_out out = OUT_NOT; out < OUT_REASONS; out++) {
		c.out = out;
		assert_true(strlen(route_out_name(out)) > 0);
		assert_int_equal(strlen(route_out_text(&c)) > 0, out != OUT_NOT);
	}
	c.out = OUT_MISSING;
	assert_string_equal(route_out_text(&c), "of the provider");
	o.missing = "of the offer";
	assert_string_equal(route_out_text(&c), "of the offer");
}

static enum err
plan_it(void *arg)
{
	struct route_case *r = arg;
	struct arena a;
	enum err e;

	arena_init(&a, NULL, 0, 1u << 20);
	e = route_plan(&r->query, &a, &r->plan);
	arena_free(&a);
	return e;
}

TEST(survives_torture)
{
	struct route_case r;

	case_init(&r, "a b c", three);
	plan(&r, "m");
	assert_int_equal(torture(plan_it, &r), 1);
	plan(&r, "b/new"); /* whose record is there now */
	assert_int_equal(torture(plan_it, &r), 1);
	case_done(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_order_of_the_list_is_preferred),
	    cmocka_unit_test(a_named_provider_is_the_only_one),
	    cmocka_unit_test(a_named_offer_is_the_only_one),
	    cmocka_unit_test(local_stays_on_the_machine),
	    cmocka_unit_test(only_ignore_and_order),
	    cmocka_unit_test(deny_wants_hosts_that_keep_nothing),
	    cmocka_unit_test(ceilings_are_for_a_million_tokens),
	    cmocka_unit_test(bug_the_ceiling_of_a_request_is_for_one),
	    cmocka_unit_test(an_unknown_price_is_too_dear),
	    cmocka_unit_test(who_cannot_be_asked),
	    cmocka_unit_test(what_the_request_needs),
	    cmocka_unit_test(what_the_model_is_for),
	    cmocka_unit_test(prompts_that_are_too_long),
	    cmocka_unit_test(of_several_prompts_the_longest_must_fit),
	    cmocka_unit_test(who_is_named_is_not_judged),
	    cmocka_unit_test(chats_alone_are_translated),
	    cmocka_unit_test(reasons_have_an_order),
	    cmocka_unit_test(fastest_is_the_time_to_the_last_token),
	    cmocka_unit_test(cheapest_is_the_cost_of_the_request),
	    cmocka_unit_test(balanced_is_money_and_time),
	    cmocka_unit_test(scores_do_not_overflow),
	    cmocka_unit_test(the_deprecated_come_last),
	    cmocka_unit_test(equal_scores_are_ordered_by_the_other_measure_and_by_name),
	    cmocka_unit_test(the_stalest_is_tried_now_and_then),
	    cmocka_unit_test(nothing_is_explored_against_a_wish),
	    cmocka_unit_test(an_unknown_model_goes_to_its_provider),
	    cmocka_unit_test(a_model_of_nobody_has_no_candidates),
	    cmocka_unit_test(every_reason_has_a_name_and_a_text),
	    cmocka_unit_test(survives_torture),
	};

	return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
