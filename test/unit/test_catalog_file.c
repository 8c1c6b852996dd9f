#include "catalog_case.h"
#include "torture.h"

#include <time.h>

static const struct rate *
rate_at(const struct offer *o, uint64_t at_ms, uint64_t input_tok, enum usage_class c)
{
	const struct price *p = price_at(o->prices, at_ms, TIER_STANDARD, input_tok);

	assert_non_null(p);
	return &p->rate[c];
}

/* --- the built-in one --- */

TEST(the_built_in_catalog_is_whole)
{
	struct catalog *c = builtin_catalog();
	unsigned chat = 0;

	assert_true(c->nmodels > 400);
	for (unsigned i = 0; i < c->nmodels; i++) {
		const struct model *m = c->models[i];

		assert_ptr_equal(catalog_find(c, m->id), m);
		assert_true(m->noffers > 0);
		chat += m->op == OP_CHAT;
		for (const struct offer *o = m->offers; o != NULL; o = o->next) {
			assert_true(o->upstream.len > 0);
			assert_ptr_equal(o->model, m);
			/* The pair occurs once, so what is found is it. */
			assert_ptr_equal(
			    catalog_find_offer(c, o->provider, o->upstream), o);
		}
	}
	assert_true(chat > 300);
	catalog_free(c);
}

/* What can be asked has a price for what it will use, or none at all. */
TEST(the_built_in_prices_are_complete)
{
	struct catalog *c = builtin_catalog();

	for (unsigned i = 0; i < c->nmodels; i++) {
		const struct model *m = c->models[i];

		for (const struct offer *o = m->offers; o != NULL; o = o->next)
			for (const struct price *p = o->prices; p != NULL; p = p->next) {
				if (m->op == OP_NONE)
					continue;
				assert_int_not_equal(p->rate[USAGE_INPUT].per, 0);
				assert_true(p->rate[USAGE_OUTPUT].per != 0 ||
					    m->op == OP_EMBEDDING);
				assert_true(price_units_fit(p));
			}
	}
	catalog_free(c);
}

TEST(what_the_built_in_catalog_says_of_some)
{
	struct catalog *c = builtin_catalog();
	const struct model *m = catalog_find(c, S("openai/gpt-oss-120b"));
	const struct offer *o;

	assert_non_null(m);
	assert_ptr_equal(catalog_find(c, S("gpt-oss-120b")), m);
	assert_true(m->noffers > 8);
	assert_int_equal(m->context_tok, 131072);
	assert_true((m->can & CAP_TOOLS) != 0);
	o = catalog_find_offer(c, catalog_provider(c, S("groq")), m->id);
	assert_non_null(o);
	assert_ptr_equal(o->model, m);
	assert_int_equal(rate_at(o, 0, 1, USAGE_INPUT)->pusd, 150000000000);
	assert_int_equal(rate_at(o, 0, 1, USAGE_OUTPUT)->pusd, 600000000000);
	assert_int_equal(rate_at(o, 0, 1, USAGE_INPUT)->per, 1000000);
	/* Every host of one model is one list, and its bare name works. */
	m = catalog_find(c, S("gpt-5-mini"));
	assert_non_null(m);
	assert_slice(m->id, S("openai/gpt-5-mini"));
	assert_string_equal(m->offers->provider->name, "azure");
	assert_string_equal(m->offers->next->provider->name, "openai");
	m = catalog_find(c, S("anthropic/claude-haiku-4-5-20251001"));
	assert_non_null(m);
	assert_slice(m->id, S("anthropic/claude-haiku-4-5"));
	o = catalog_find_offer(c, catalog_provider(c, S("google")), S("gemini-2.5-pro"));
	assert_int_equal(rate_at(o, 0, 200000, USAGE_INPUT)->pusd, 1250000000000);
	assert_int_equal(rate_at(o, 0, 200001, USAGE_INPUT)->pusd, 2500000000000);
	catalog_free(c);
}

/* --- what a file says --- */

TEST(every_field_of_a_model)
{
	struct catalog *c = make_catalog("groq",
	    "'a/x': {'kind': 'embedding', 'context': 1000, 'max_output': 100,"
	    " 'input': ['text', 'image'], 'tools': true, 'structured_output': false,"
	    " 'reasoning': true, 'aliases': ['a/y'], 'unknown': [1],"
	    " 'providers': [{'provider': 'groq', 'model': 'x'}]},"
	    "'a/completion': {'kind': 'completion'}, 'a/rerank': {'kind': 'rerank'},"
	    "'a/number': {'kind': 7}, 'a/chat': {'kind': 'chat'}, 'a/none': {}");
	const struct model *m = catalog_find(c, S("a/y"));
	const struct offer *o = offer_at(c, "a/x", 0);

	assert_slice(m->id, S("a/x"));
	assert_int_equal(m->op, OP_EMBEDDING);
	assert_int_equal(m->context_tok, 1000);
	assert_int_equal(m->max_output_tok, 100);
	/* What an offer does not state is as the model has it. */
	assert_int_equal(o->context_tok, 1000);
	assert_int_equal(o->max_output_tok, 100);
	assert_int_equal(o->can, CAP_VISION | CAP_TOOLS | CAP_REASONING);
	assert_int_equal(o->cannot, CAP_AUDIO | CAP_STRUCTURED);
	assert_false(o->deprecated);
	assert_null(o->prices);
	assert_int_equal(catalog_find(c, S("a/completion"))->op, OP_COMPLETION);
	assert_int_equal(catalog_find(c, S("a/rerank"))->op, OP_NONE);
	assert_int_equal(catalog_find(c, S("a/number"))->op, OP_NONE);
	assert_int_equal(catalog_find(c, S("a/chat"))->op, OP_CHAT);
	assert_int_equal(catalog_find(c, S("a/none"))->op, OP_CHAT);
	catalog_free(c);
}

TEST(modalities_of_the_input)
{
	struct catalog *c = make_catalog("groq",
	    "'a/text': {'input': ['text'], 'providers': ["
	    "  {'provider': 'groq', 'model': '1'}]},"
	    "'a/audio': {'input': ['text', 'audio'], 'providers': ["
	    "  {'provider': 'groq', 'model': '2'}]},"
	    "'a/open': {'providers': [{'provider': 'groq', 'model': '3'}]},"
	    "'a/vision': {'input': ['text', 'image'], 'providers': ["
	    "  {'provider': 'groq', 'model': '4', 'vision': false}]}");

	assert_int_equal(offer_at(c, "a/text", 0)->can, 0);
	assert_int_equal(offer_at(c, "a/text", 0)->cannot, CAP_VISION | CAP_AUDIO);
	assert_int_equal(offer_at(c, "a/audio", 0)->can, CAP_AUDIO);
	assert_int_equal(offer_at(c, "a/audio", 0)->cannot, CAP_VISION);
	assert_int_equal(offer_at(c, "a/open", 0)->can, 0);
	assert_int_equal(offer_at(c, "a/open", 0)->cannot, 0);
	/* The offer knows better. */
	assert_int_equal(offer_at(c, "a/vision", 0)->can, 0);
	assert_int_equal(offer_at(c, "a/vision", 0)->cannot, CAP_VISION | CAP_AUDIO);
	catalog_free(c);
}

TEST(every_field_of_an_offer)
{
	struct catalog *c = make_catalog("groq together",
	    "'a/x': {'context': 1000, 'tools': true, 'providers': ["
	    "  {'provider': 'groq', 'model': 'x', 'context': 500, 'max_output': 50,"
	    "   'tools': false, 'vision': true, 'structured_output': true,"
	    "   'reasoning': false, 'region': 'eu'},"
	    "  {'provider': 'nobody', 'model': 'x'},"
	    "  {'provider': 'together', 'model': 'y', 'deprecated': true},"
	    "  {'provider': 'together', 'model': 'z', 'alias': true},"
	    "  {'provider': 'together', 'model': 'w', 'deprecated': false}]}");
	const struct offer *o = offer_at(c, "a/x", 0);

	assert_int_equal(o->context_tok, 500);
	assert_int_equal(o->max_output_tok, 50);
	assert_int_equal(o->can, CAP_VISION | CAP_STRUCTURED);
	assert_int_equal(o->cannot, CAP_TOOLS | CAP_REASONING);
	/* A provider that is not here is passed over. */
	o = offer_at(c, "a/x", 1);
	assert_string_equal(o->provider->name, "together");
	assert_slice(o->upstream, S("y"));
	assert_true(o->deprecated);
	assert_true(o->next->deprecated);
	assert_false(o->next->next->deprecated);
	assert_int_equal(o->model->noffers, 4);
	catalog_free(c);
}

TEST(every_kind_of_price)
{
	struct catalog *c = make_catalog("groq",
	    "'a/x': {'providers': [{'provider': 'groq', 'model': 'x', 'prices': [{"
	    " 'input': 0.15, 'output': 1e-3, 'cached_input': 0, 'web_search': 9,"
	    " 'request': {'usd': 12, 'per': 1000}, 'second': {'usd': 0.111,"
	    " 'per': 3600, 'min': 10}, 'reasoning': 0.0000000000006,"
	    " 'input_audio': {'usd': 1, 'per': 1000000}}]}]}");
	const struct offer *o = offer_at(c, "a/x", 0);
	static const struct {
		enum usage_class class;
		int64_t pusd, per;
	} want[] = {
	    {USAGE_INPUT, 150000000000, 1000000},
	    {USAGE_OUTPUT, 1000000000, 1000000},
	    {USAGE_CACHED, 0, 1000000},
	    {USAGE_REQUESTS, 12000000000000, 1000},
	    {USAGE_SECONDS, 111000000000, 3600},
	    {USAGE_REASONING, 1, 1000000}, /* rounded to a pico-USD */
	    {USAGE_AUDIO_IN, 1000000000000, 1000000},
	    {USAGE_IMAGE_IN, 150000000000, 1000000}, /* as the input */
	    {USAGE_CHARACTERS, 0, 0},
	};

	for (size_t i = 0; i < COUNT(want); i++) {
		const struct rate *r = rate_at(o, 0, 0, want[i].class);

		assert_int_equal(r->pusd, want[i].pusd);
		assert_int_equal(r->per, want[i].per);
	}
	catalog_free(c);
}

/* --- dates and tiers --- */

static uint64_t
ms_of(int year, int month, int day)
{
	struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};

	return (uint64_t)timegm(&tm) * 1000;
}

/* A price from that date on: the ms before it another one holds. */
static void
assert_date(const char *text, uint64_t ms)
{
	char models[300];
	struct catalog *c;
	const struct offer *o;

	(void)snprintf(models, sizeof(models),
	    "'a/x': {'providers': [{'provider': 'groq', 'model': 'x', 'prices': ["
	    "{'from': '1970-01-01', 'input': 1}, {'from': '%s', 'input': 2}]}]}",
	    text);
	c = make_catalog("groq", models);
	o = offer_at(c, "a/x", 0);
	assert_int_equal(rate_at(o, ms, 0, USAGE_INPUT)->pusd, 2000000000000);
	assert_int_equal(rate_at(o, ms - 1, 0, USAGE_INPUT)->pusd, 1000000000000);
	catalog_free(c);
}

TEST(dates_are_those_of_the_calendar)
{
	static const int days[][3] = {{1970, 1, 2}, {1972, 2, 29}, {1999, 12, 31},
	    {2000, 2, 29}, {2000, 3, 1}, {2001, 2, 28}, {2024, 2, 29}, {2024, 3, 1},
	    {2025, 3, 1}, {2026, 7, 30}, {2100, 2, 28}, {2100, 3, 1}, {2400, 2, 29},
	    {2026, 4, 30}, {2026, 5, 31}, {2026, 6, 30}, {2026, 8, 31}, {2026, 9, 30},
	    {2026, 10, 31}, {2026, 11, 30}, {9999, 12, 31}};
	char text[32];

	for (size_t i = 0; i < COUNT(days); i++) {
		(void)snprintf(text, sizeof(text), "%04d-%02d-%02d", days[i][0],
		    days[i][1], days[i][2]);
		assert_date(text, ms_of(days[i][0], days[i][1], days[i][2]));
	}
}

/* A tier says only what changes, and belongs to the row in which it stands. */
static int64_t
input_at(const struct offer *o, enum tier tier, uint64_t input_tok)
{
	return price_at(o->prices, 0, tier, input_tok)->rate[USAGE_INPUT].pusd;
}

/* A factor is one of all standard rows; an object says what changes, with lengths of its
 * own; the batch interface is one of them. */
TEST(service_tiers_have_prices_of_their_own)
{
	struct catalog *c = make_catalog("a",
	    "'m': {'providers': [{'provider': 'a', 'model': 'x', 'prices': ["
	    "{'input': 1, 'output': 2, 'cached_input': 0.5, 'batch_discount': 0.25,"
	    " 'tiers': [{'above_input_tokens': 100, 'input': 10}],"
	    " 'service_tiers': {'priority': {'input': 3, 'tiers': ["
	    "   {'above_input_tokens': 50, 'input': 4}]}, 'flex': 0.5}},"
	    "{'from': '2026-01-01', 'input': 9, 'output': 9, 'batch_discount': 0.5,"
	    " 'service_tiers': {'batch': 2}}]}]}");
	const struct offer *o = offer_at(c, "m", 0);
	const struct price *p = price_at(o->prices, 0, TIER_PRIORITY, 51);

	assert_int_equal(input_at(o, TIER_STANDARD, 101), 10000000000000);
	assert_int_equal(input_at(o, TIERS, 101), 10000000000000);
	assert_int_equal(input_at(o, TIER_FLEX, 100), 500000000000);
	assert_int_equal(input_at(o, TIER_FLEX, 101), 5000000000000);
	assert_int_equal(input_at(o, TIER_BATCH, 1), 250000000000);
	assert_int_equal(input_at(o, TIER_BATCH, 101), 2500000000000);
	assert_int_equal(input_at(o, TIER_PRIORITY, 50), 3000000000000);
	assert_int_equal(input_at(o, TIER_PRIORITY, 101), 4000000000000);
	assert_int_equal(p->rate[USAGE_OUTPUT].pusd, 2000000000000);
	assert_int_equal(p->rate[USAGE_CACHED].pusd, 500000000000);
	/* The next row has no flex. */
	p = price_at(o->prices, UINT64_MAX, TIER_FLEX, 1);
	assert_int_equal(p->rate[USAGE_INPUT].pusd, 9000000000000);
	p = price_at(o->prices, UINT64_MAX, TIER_BATCH, 1);
	assert_int_equal(p->rate[USAGE_INPUT].pusd, 18000000000000);
	catalog_free(c);
}

TEST(tiers_are_completed_by_their_row)
{
	struct catalog *c = make_catalog("groq",
	    "'a/x': {'providers': [{'provider': 'groq', 'model': 'x', 'prices': ["
	    "{'input': 1, 'output': 2, 'cached_input': 0.5, 'tiers': ["
	    "  {'above_input_tokens': 1000, 'input': 10},"
	    "  {'above_input_tokens': 2000, 'input': 20, 'cached_input': 5}]},"
	    "{'from': '2026-01-01', 'input': 3, 'output': 4, 'tiers': ["
	    "  {'above_input_tokens': 1000, 'output': 40}]}]}]}");
	const struct offer *o = offer_at(c, "a/x", 0);
	const uint64_t late = ms_of(2026, 1, 1);
	static const struct {
		uint64_t late, input_tok;
		int64_t input, cached, output;
	} want[] = {
	    {0, 1000, 1000, 500, 2000},
	    {0, 1001, 10000, 500, 2000},
	    {0, 2001, 20000, 5000, 2000},
	    {1, 1000, 3000, 3000, 4000},
	    {1, 2001, 3000, 3000, 40000},
	};

	for (size_t i = 0; i < COUNT(want); i++) {
		uint64_t at = want[i].late != 0 ? late : late - 1;
		uint64_t tok = want[i].input_tok;

		assert_int_equal(
		    rate_at(o, at, tok, USAGE_INPUT)->pusd, want[i].input * 1000000000);
		assert_int_equal(
		    rate_at(o, at, tok, USAGE_CACHED)->pusd, want[i].cached * 1000000000);
		assert_int_equal(
		    rate_at(o, at, tok, USAGE_OUTPUT)->pusd, want[i].output * 1000000000);
	}
	catalog_free(c);
}

/* --- a second file --- */

static const char first_file[] =
    "'a/x': {'context': 1000, 'tools': true, 'aliases': ['a/alias'], 'providers': ["
    "  {'provider': 'groq', 'model': 'x', 'max_output': 77, 'deprecated': true,"
    "   'prices': [{'input': 1, 'output': 2}]},"
    "  {'provider': 'together', 'model': 'x', 'prices': [{'input': 3, 'output': 4}]}]},"
    "'a/kept': {'providers': [{'provider': 'groq', 'model': 'kept'}]}";

static struct catalog *
over_the_first(const char *models)
{
	struct catalog *c = new_catalog("groq together");
	struct note note = {""};

	assert_int_equal(read_models(c, first_file, &note), ERR_OK);
	if (read_models(c, models, &note) != ERR_OK)
		fail_msg("%s", note.text);
	assert_int_equal(catalog_seal(c), ERR_OK);
	return c;
}

TEST(a_list_replaces_the_one_before)
{
	struct catalog *c = over_the_first(
	    "'a/x': {'providers': [{'provider': 'together', 'model': 'new'},"
	    " {'provider': 'groq', 'model': 'x', 'vision': true}]},"
	    "'a/new': {'providers': [{'provider': 'groq', 'model': 'new'}]}");
	const struct offer *o = offer_at(c, "a/x", 0);

	assert_int_equal(o->model->noffers, 2);
	assert_int_equal(c->nmodels, 3);
	assert_slice(o->upstream, S("new"));
	assert_null(o->prices);
	assert_int_equal(o->context_tok, 1000); /* of the model, as before */
	/* What it leaves out about the same offer is as the first file said. */
	o = o->next;
	assert_int_equal(o->max_output_tok, 77);
	assert_true(o->deprecated);
	assert_int_equal(o->can, CAP_TOOLS | CAP_VISION);
	assert_int_equal(rate_at(o, 0, 0, USAGE_INPUT)->pusd, 1000000000000);
	assert_null(catalog_find_offer(c, catalog_provider(c, S("together")), S("x")));
	assert_non_null(catalog_find(c, S("a/alias")));
	assert_non_null(catalog_find(c, S("a/kept")));
	catalog_free(c);
}

TEST(fields_of_an_offer_are_overridden_one_by_one)
{
	struct catalog *c = over_the_first(
	    "'a/x': {'context': 2000, 'tools': false, 'providers': ["
	    " {'provider': 'groq', 'model': 'x', 'prices': [{'input': 9}], "
	    "  'deprecated': false, 'context': 9, 'tools': false},"
	    " {'provider': 'together', 'model': 'x', 'prices': []}]}");
	const struct offer *o = offer_at(c, "a/x", 0);

	assert_int_equal(rate_at(o, 0, 0, USAGE_INPUT)->pusd, 9000000000000);
	assert_int_equal(rate_at(o, 0, 0, USAGE_OUTPUT)->per, 0); /* not the old one */
	assert_null(o->prices->next);
	assert_false(o->deprecated);
	assert_int_equal(o->context_tok, 9);
	assert_int_equal(o->can, 0);
	assert_int_equal(o->cannot, CAP_TOOLS);
	assert_null(o->next->prices);		      /* of unknown price now */
	assert_int_equal(o->next->context_tok, 1000); /* as it was said of it */
	catalog_free(c);
}

TEST(a_model_without_a_list_keeps_its_offers)
{
	struct catalog *c =
	    over_the_first("'a/x': {'kind': 'embedding', 'aliases': ['a/more']}, "
			   "'a/kept': {'providers': []}");

	assert_int_equal(catalog_find(c, S("a/more"))->noffers, 2);
	assert_int_equal(catalog_find(c, S("a/alias"))->op, OP_EMBEDDING);
	assert_int_equal(catalog_find(c, S("a/kept"))->noffers, 0);
	catalog_free(c);
}

/* --- escapes --- */

TEST(bug_names_are_decoded)
{
	struct catalog *c = make_catalog("groq",
	    "'a\\/x': {'aliases': ['b\\/\\u0079'], 'providers': ["
	    "{'provider': 'gr\\u006fq', 'model': 'dir\\/\\u00e9'}]}");
	const struct offer *o = offer_at(c, "a/x", 0);

	assert_string_equal(o->provider->name, "groq");
	assert_slice(o->upstream, S("dir/\xc3\xa9"));
	assert_ptr_equal(catalog_find(c, S("b/y")), o->model);
	assert_ptr_equal(catalog_find(c, S("y")), o->model);
	catalog_free(c);
}

/* --- what is refused --- */

#define OFFER	     "'a/x': {'providers': [{'provider': 'groq', 'model': 'x', "
#define PRICE	     OFFER "'prices': "
#define SERVICE_TIER "\"service_tiers\" has \"flex\""

TEST(what_makes_no_sense_is_refused)
{
	static const struct {
		const char *models, *why;
	} cases[] = {
	    {"'a/x': 7", "in model \"a/x\": a model is an object"},
	    {"'': {}", "a name is not empty"},
	    {"'a x': {}", "a name has no blanks in it"},
	    {"' ax': {}", "a name has no blanks in it"},
	    {"'a\\u0000x': {}", "a name has no blanks in it"},
	    {"'a\\u007fx': {}", "a name has no blanks in it"},
	    {"'a/x': {'context': '8k'}", "expected a number of tokens"},
	    {"'a/x': {'max_output': -1}", "expected a number of tokens"},
	    {"'a/x': {'aliases': 'a/y'}", "\"aliases\" is a list of names"},
	    {"'a/x': {'aliases': [5]}", "\"aliases\" is a list of names"},
	    {"'a/x': {'aliases': ['']}", "a name is not empty"},
	    {"'a/x': {'aliases': ['', 'a/y'], 'providers': []}", "a name is not empty"},
	    {"'a/x': {'providers': {}}", "\"providers\" is a list of objects"},
	    {"'a/x': {'providers': ['groq']}", "\"providers\" is a list of objects"},
	    {"'a/x': {'providers': [{'provider': 'groq'}]}",
		"an entry of \"providers\" wants \"provider\" and \"model\""},
	    {"'a/x': {'providers': [{'model': 'x'}]}",
		"an entry of \"providers\" wants \"provider\" and \"model\""},
	    {"'a/x': {'providers': [{'provider': 'groq', 'model': 7}]}",
		"a name is a string"},
	    {"'a/x': {'providers': [{'provider': null, 'model': 'x'}]}",
		"a name is a string"},
	    {OFFER "'context': []}]}", "expected a number of tokens"},
	    {OFFER "'max_output': []}]}", "expected a number of tokens"},
	    {"'a/x': {'providers': [{}, {'provider': 'groq', 'model': 'x'}]}",
		"an entry of \"providers\" wants \"provider\" and \"model\""},
	    {"'a/x': 7, 'a/y': {}", "a model is an object"},
	    {PRICE "[{'from': ''}, {}]}]}", "\"from\" is a date"},
	    {PRICE "[{'tiers': [{}, {'above_input_tokens': 5}]}]}]}",
		"a tier wants \"above_input_tokens\""},
	    {PRICE "{'input': 1}}]}", "\"prices\" is a list of objects"},
	    {PRICE "[1]}]}", "\"prices\" is a list of objects"},
	    {PRICE "[{'input': -1}]}]}", "a price is a number of USD"},
	    {PRICE "[{'input': '1'}]}]}", "a price is a number of USD"},
	    {PRICE "[{'input': 1e7}]}]}", "a price is a number of USD"},
	    {PRICE "[{'input': null}]}]}", "a price is a number of USD"},
	    {PRICE "[{'input': {'usd': 1}}]}]}", "a price is a number of USD"},
	    {PRICE "[{'input': {'per': 1}}]}]}", "a price is a number of USD"},
	    {PRICE "[{'input': {'usd': 1, 'per': 0}}]}]}", "a price is a number of USD"},
	    {PRICE "[{'input': {'usd': 1, 'per': 9223372036854775808}}]}]}",
		"a price is a number of USD"},
	    {PRICE "[{'input': {'usd': 1, 'per': 4294967296}}]}]}",
		"the units (\"per\") of a row have a common multiple below"},
	    {PRICE "[{'input': {'usd': 1, 'per': 65536}, 'tiers': ["
		   "{'above_input_tokens': 1, 'output': {'usd': 1, 'per': 65537}}]}]}]}",
		"the units (\"per\") of a row have a common multiple below"},
	    {PRICE "[{'from': '2026-02-29'}]}]}", "\"from\" is a date"},
	    {PRICE "[{'from': 20260228}]}]}", "\"from\" is a date"},
	    {PRICE "[{'tiers': {}}]}]}", "\"tiers\" is a list of objects"},
	    {PRICE "[{'service_tiers': []}]}]}", SERVICE_TIER},
	    {PRICE "[{'service_tiers': {'fast': 2}}]}]}", SERVICE_TIER},
	    {PRICE "[{'service_tiers': {'standard': 2}}]}]}", SERVICE_TIER},
	    {PRICE "[{'service_tiers': {'flex': -1}}]}]}", SERVICE_TIER},
	    {PRICE "[{'service_tiers': {'flex': 1001}}]}]}", SERVICE_TIER},
	    {PRICE "[{'service_tiers': {'flex': '0.5'}}]}]}", SERVICE_TIER},
	    {PRICE "[{'batch_discount': true}]}]}",
		"\"batch_discount\" is a share, like 0.5"},
	    {PRICE "[{'tiers': [7]}]}]}", "\"tiers\" is a list of objects"},
	    {PRICE "[{'tiers': [{'input': 1}]}]}]}",
		"a tier wants \"above_input_tokens\""},
	    {PRICE "[{'tiers': [{'above_input_tokens': 0, 'input': 1}]}]}]}",
		"a tier wants \"above_input_tokens\""},
	    {PRICE "[{'tiers': [{'above_input_tokens': 1, 'input': {}}]}]}]}",
		"a price is a number of USD"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct catalog *c = new_catalog("groq");
		struct note note = {""};

		assert_int_equal(read_models(c, cases[i].models, &note), ERR_SYNTAX);
		if (strstr(note.text, cases[i].why) == NULL)
			fail_msg("%s: %s", cases[i].models, note.text);
		catalog_free(c);
	}
}

TEST(bad_dates_are_refused)
{
	static const char *const dates[] = {"", "2026", "2026-1-01", "2026-01-1",
	    "2026-13-01", "2026-00-01", "2026-01-00", "2026-01-32", "2026-04-31",
	    "2026-06-31", "2026-09-31", "2026-11-31", "2025-02-29", "2024-02-30",
	    "2100-02-29", "1969-12-31", "2026/01/01", "2026-01/01", "2026-01-01 ",
	    "202a-01-01", "2026-a1-01", "2026-01-a1", "+026-01-01"};

	for (size_t i = 0; i < COUNT(dates); i++) {
		struct catalog *c = new_catalog("groq");
		struct note note = {""};
		char models[200];

		(void)snprintf(
		    models, sizeof(models), PRICE "[{'from': '%s'}]}]}", dates[i]);
		assert_int_equal(read_models(c, models, &note), ERR_SYNTAX);
		assert_non_null(strstr(note.text, "\"from\" is a date"));
		catalog_free(c);
	}
}

TEST(what_is_no_catalog_is_refused)
{
	static const struct {
		const char *text, *why;
		size_t at;
	} cases[] = {
	    {"", "expected ", 0},
	    {"{\"models\": ", "expected ", 11},
	    {"[]", "a catalog is an object with \"models\"", 0},
	    {"{}", "a catalog is an object with \"models\"", 0},
	    {"{\"models\": []}", "a catalog is an object with \"models\"", 0},
	    {"{\"models\":{},\"internal\":{}}", "\"internal\" is a list of objects", 24},
	    {"{\"models\":{},\"internal\":[7]}", "\"internal\" is a list of objects", 25},
	    {"{\"models\":{},\"internal\":[{}]}",
		"an entry of \"internal\" wants \"models\" and \"prices\"", 25},
	    {"{\"models\":{},\"internal\":[{\"models\":\"*\",\"prices\":[]}]}",
		"an entry of \"internal\" wants", 25},
	    {"{\"models\":{},\"internal\":[{\"models\":\"*\",\"prices\":7}]}",
		"an entry of \"internal\" wants", 25},
	    {"{\"models\":{},\"internal\":[{\"team\":\"\"}]}",
		"\"team\", \"organisation\" and \"models\" are texts", 33},
	    {"{\"models\":{},\"internal\":[{\"organisation\":7}]}",
		"\"team\", \"organisation\" and \"models\" are texts", 41},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct catalog *c = new_catalog("groq");
		struct note note = {""};
		size_t at = 99;

		assert_int_equal(
		    catalog_read(c, slice_str(cases[i].text), &at, &note), ERR_SYNTAX);
		assert_int_equal(at, cases[i].at);
		if (strstr(note.text, cases[i].why) == NULL)
			fail_msg("%s: %s", cases[i].text, note.text);
		assert_int_equal(c->nmodels, 0);
		catalog_free(c);
	}
}

/* --- memory --- */

static const char escaped[] =
    "{\"models\": {\"a\\/x\": {\"aliases\": [\"b\\/x\"], \"providers\": ["
    "{\"provider\": \"gr\\u006fq\", \"model\": \"\\u0078\", \"prices\": ["
    "{\"input\": 1, \"tiers\": [{\"above_input_tokens\": 5}]}]}]}}}";

static enum err
read_escaped(struct catalog *c)
{
	struct note note = {""};
	size_t at;
	enum err e = catalog_read(c, slice_str(escaped), &at, &note);

	if (e == ERR_OK)
		e = catalog_seal(c);
	if (e == ERR_OK)
		assert_non_null(catalog_find(c, S("x")));
	return e;
}

static enum err
read_file(void *arg)
{
	struct catalog *c = catalog_new();
	struct provider *p = calloc(1, sizeof(*p));
	enum err e = ERR_NOMEM;

	(void)arg;
	if (c == NULL || p == NULL)
		goto out;
	p->name = slice_dup(S("groq"));
	p->alias = slice_dup(S(""));
	if (p->name != NULL && p->alias != NULL)
		e = catalog_add_provider(c, p);
	if (e != ERR_OK)
		goto out;
	p = NULL;
	e = read_escaped(c);
out:
	if (p != NULL) {
		provider_done(p);
		free(p);
	}
	catalog_free(c);
	return e;
}

TEST(survives_torture)
{
	assert_true(torture(read_file, NULL) > 8);
}

/* Its arena takes one block for all of this: so each thing in turn has no room. */
TEST(survives_a_full_arena)
{
	unsigned refused = 0;
	enum err e = ERR_NOMEM;

	for (size_t room = 0; e != ERR_OK; room += 16) {
		struct catalog *c = new_catalog("groq");

		c->arena.max = room;
		e = read_escaped(c);
		if (e != ERR_OK)
			assert_int_equal(e, ERR_NOMEM);
		refused++;
		catalog_free(c);
	}
	assert_true(refused > 50);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_built_in_catalog_is_whole),
	    cmocka_unit_test(the_built_in_prices_are_complete),
	    cmocka_unit_test(what_the_built_in_catalog_says_of_some),
	    cmocka_unit_test(every_field_of_a_model),
	    cmocka_unit_test(modalities_of_the_input),
	    cmocka_unit_test(every_field_of_an_offer),
	    cmocka_unit_test(every_kind_of_price),
	    cmocka_unit_test(dates_are_those_of_the_calendar),
	    cmocka_unit_test(service_tiers_have_prices_of_their_own),
	    cmocka_unit_test(tiers_are_completed_by_their_row),
	    cmocka_unit_test(a_list_replaces_the_one_before),
	    cmocka_unit_test(fields_of_an_offer_are_overridden_one_by_one),
	    cmocka_unit_test(a_model_without_a_list_keeps_its_offers),
	    cmocka_unit_test(bug_names_are_decoded),
	    cmocka_unit_test(what_makes_no_sense_is_refused),
	    cmocka_unit_test(bad_dates_are_refused),
	    cmocka_unit_test(what_is_no_catalog_is_refused),
	    cmocka_unit_test(survives_torture),
	    cmocka_unit_test(survives_a_full_arena),
	};

	return cmocka_run_group_tests_name("catalog_file", tests, NULL, NULL);
}
