#include "route/name.h"

#include "catalog_case.h"

/* --- policies --- */

TEST(policies_have_names)
{
	static const char *const names[] = {
	    "fastest", "cheapest", "preferred", "balanced", "local"};
	enum policy p;

	assert_int_equal(COUNT(names), POLICIES);
	for (enum policy want = 0; want < POLICIES; want++) {
		assert_string_equal(policy_name(want), names[want]);
		assert_true(policy_parse(slice_str(names[want]), &p));
		assert_int_equal(p, want);
	}
	p = POLICY_BALANCED;
	assert_false(policy_parse(S(""), &p));
	assert_false(policy_parse(S("Fastest"), &p));
	assert_false(policy_parse(S("fastest "), &p));
	assert_false(policy_parse(S("fast"), &p));
	assert_int_equal(p, POLICY_BALANCED);
}

/* --- the model string --- */

static const char models[] =
    "'acme/large': {'aliases': ['acme/large-2026'], 'providers': ["
    "  {'provider': 'groq', 'model': 'large-old', 'deprecated': true},"
    "  {'provider': 'groq', 'model': 'large-v1'},"
    "  {'provider': 'together', 'model': 'acme/large'}]},"
    "'acme/large:groq': {'providers': [{'provider': 'together', 'model': 'lg'}]},"
    "'acme/odd:cheapest': {'providers': [{'provider': 'groq', 'model': 'odd'}]},"
    "'meta/x:free': {'providers': [{'provider': 'together', 'model': 'meta/x:free'}]},"
    "'anthropic/claude-4': {'providers': ["
    "  {'provider': 'bedrock', 'model': 'us.anthropic.claude-4-v1:0'}]},"
    "'openai/gpt': {'providers': [{'provider': 'openai', 'model': 'gpt'},"
    "  {'provider': 'groq', 'model': 'openai/gpt'}]},"
    "'groq/own': {'providers': [{'provider': 'together', 'model': 'own'}]},"
    "'a/same': {'providers': []}, 'b/same': {'providers': []}";

struct want {
	const char *text;
	enum err err;
	const char *model, *provider, *upstream, *offer; /* "": none */
	int policy;					 /* -1: none stated */
};

static void
assert_name(const struct catalog *c, const struct want *w)
{
	struct route_name n;
	enum err e = route_name_parse(c, slice_str(w->text), POLICY_BALANCED, &n);

	if (e != w->err)
		fail_msg("%s: %s", w->text, err_name(e));
	if (e != ERR_OK)
		return;
	assert_slice(n.model == NULL ? S("") : n.model->id, slice_str(w->model));
	assert_string_equal(n.provider == NULL ? "" : n.provider->name, w->provider);
	assert_slice(n.upstream, slice_str(w->upstream));
	assert_slice(n.offer == NULL ? S("") : n.offer->upstream, slice_str(w->offer));
	assert_int_equal(n.policy_stated, w->policy >= 0);
	assert_int_equal(n.policy, w->policy >= 0 ? w->policy : POLICY_BALANCED);
}

static void
assert_names(const struct want *want, size_t n)
{
	struct catalog *c = make_catalog("groq together openai bedrock", models);

	for (size_t i = 0; i < n; i++)
		assert_name(c, &want[i]);
	catalog_free(c);
}

TEST(a_model_by_all_its_names)
{
	static const struct want want[] = {
	    {"acme/large", ERR_OK, "acme/large", "", "", "", -1},
	    {"acme/large-2026", ERR_OK, "acme/large", "", "", "", -1},
	    {"large", ERR_OK, "acme/large", "", "", "", -1},
	    {"large-2026", ERR_OK, "acme/large", "", "", "", -1},
	    /* A maker that is a provider too is the maker. */
	    {"openai/gpt", ERR_OK, "openai/gpt", "", "", "", -1},
	    {"same", ERR_UNKNOWN_MODEL, "", "", "", "", 0},
	    {"acme/none", ERR_UNKNOWN_MODEL, "", "", "", "", 0},
	    {"", ERR_UNKNOWN_MODEL, "", "", "", "", 0},
	};

	assert_names(want, COUNT(want));
}

TEST(a_suffix_is_a_policy_or_a_provider)
{
	static const struct want want[] = {
	    {"acme/large:cheapest", ERR_OK, "acme/large", "", "", "", POLICY_CHEAPEST},
	    {"acme/large:local", ERR_OK, "acme/large", "", "", "", POLICY_LOCAL},
	    {"large:fastest", ERR_OK, "acme/large", "", "", "", POLICY_FASTEST},
	    {"large-2026:preferred", ERR_OK, "acme/large", "", "", "", POLICY_PREFERRED},
	    {"acme/large:balanced", ERR_OK, "acme/large", "", "", "", POLICY_BALANCED},
	    {"acme/large:together", ERR_OK, "acme/large", "together", "", "", -1},
	    {"gpt:groq", ERR_OK, "openai/gpt", "groq", "", "", -1},
	    /* One that does not offer it, too: that is for the route to say. */
	    {"acme/large:openai", ERR_OK, "acme/large", "openai", "", "", -1},
	    {"acme/none:cheapest", ERR_UNKNOWN_MODEL, "", "", "", "", 0},
	    {"none:groq", ERR_UNKNOWN_MODEL, "", "", "", "", 0},
	    {":cheapest", ERR_UNKNOWN_MODEL, "", "", "", "", 0},
	    {":groq", ERR_UNKNOWN_MODEL, "", "", "", "", 0},
	    {"acme/large:", ERR_UNKNOWN_MODEL, "", "", "", "", 0},
	    {"acme/large:nobody", ERR_UNKNOWN_MODEL, "", "", "", "", 0},
	    {"acme/large:CHEAPEST", ERR_UNKNOWN_MODEL, "", "", "", "", 0},
	    {"acme/large:groq:cheapest", ERR_OK, "acme/large:groq", "", "", "",
		POLICY_CHEAPEST}, /* the id of this very catalog */
	    {"large-2026:groq:cheapest", ERR_UNKNOWN_MODEL, "", "", "", "", 0},
	};

	assert_names(want, COUNT(want));
}

/* What the catalog has under just that name is it, whatever else it looks like. */
TEST(an_exact_name_wins)
{
	static const struct want want[] = {
	    {"acme/large:groq", ERR_OK, "acme/large:groq", "", "", "", -1},
	    {"large:groq", ERR_OK, "acme/large:groq", "", "", "", -1},
	    {"acme/odd:cheapest", ERR_OK, "acme/odd:cheapest", "", "", "", -1},
	    {"acme/odd:cheapest:groq", ERR_OK, "acme/odd:cheapest", "groq", "", "", -1},
	    {"acme/odd", ERR_UNKNOWN_MODEL, "", "", "", "", 0},
	};

	assert_names(want, COUNT(want));
}

TEST(another_suffix_belongs_to_the_name)
{
	static const struct want want[] = {
	    {"meta/x:free", ERR_OK, "meta/x:free", "", "", "", -1},
	    {"x:free", ERR_OK, "meta/x:free", "", "", "", -1},
	    {"x:free:cheapest", ERR_OK, "meta/x:free", "", "", "", POLICY_CHEAPEST},
	    {"meta/x:free:together", ERR_OK, "meta/x:free", "together", "", "", -1},
	    {"together/meta/x:free", ERR_OK, "meta/x:free", "together", "", "meta/x:free",
		-1},
	    {"bedrock/us.anthropic.claude-4-v1:0", ERR_OK, "anthropic/claude-4",
		"bedrock", "", "us.anthropic.claude-4-v1:0", -1},
	    {"bedrock/us.anthropic.claude-4-v1:0:cheapest", ERR_OK, "anthropic/claude-4",
		"bedrock", "", "us.anthropic.claude-4-v1:0", POLICY_CHEAPEST},
	    {"together/new:free", ERR_OK, "", "together", "new:free", "", -1},
	    {"bedrock/eu.new-v2:0:fastest", ERR_OK, "", "bedrock", "eu.new-v2:0", "",
		POLICY_FASTEST},
	    {"us.anthropic.claude-4-v1:0", ERR_UNKNOWN_MODEL, "", "", "", "", 0},
	};

	assert_names(want, COUNT(want));
}

TEST(a_provider_goes_before_its_model)
{
	static const struct want want[] = {
	    /* By the id that it has there: that offer and no other. */
	    {"groq/large-v1", ERR_OK, "acme/large", "groq", "", "large-v1", -1},
	    {"groq/large-old", ERR_OK, "acme/large", "groq", "", "large-old", -1},
	    {"together/acme/large", ERR_OK, "acme/large", "together", "", "acme/large",
		-1},
	    {"groq/openai/gpt", ERR_OK, "openai/gpt", "groq", "", "openai/gpt", -1},
	    {"openai/gpt:openai", ERR_OK, "openai/gpt", "openai", "", "", -1},
	    /* By our name: what it has of that model. */
	    {"groq/gpt", ERR_OK, "openai/gpt", "groq", "", "", -1},
	    {"bedrock/claude-4", ERR_OK, "anthropic/claude-4", "bedrock", "", "", -1},
	    {"bedrock/anthropic/claude-4:cheapest", ERR_OK, "anthropic/claude-4",
		"bedrock", "", "", POLICY_CHEAPEST},
	    /* What the catalog does not know of it goes there as it is. */
	    {"groq/brand/new", ERR_OK, "", "groq", "brand/new", "", -1},
	    {"groq/new", ERR_OK, "", "groq", "new", "", -1},
	    {"groq/new:cheapest", ERR_OK, "", "groq", "new", "", POLICY_CHEAPEST},
	    {"groq/claude-4", ERR_OK, "", "groq", "claude-4", "", -1},
	    {"groq/new:groq", ERR_OK, "", "groq", "new", "", -1},
	    /* An id of the catalog that others offer may be its own name, too. */
	    {"groq/own:groq", ERR_OK, "", "groq", "own", "", -1},
	    {"groq/own:together", ERR_OK, "groq/own", "together", "", "", -1},
	    {"groq/own", ERR_OK, "groq/own", "", "", "", -1},
	    {"groq/own:openai", ERR_OK, "groq/own", "openai", "", "", -1},
	    {"groq/", ERR_UNKNOWN_MODEL, "", "", "", "", 0},
	    {"groq", ERR_UNKNOWN_MODEL, "", "", "", "", 0},
	    {"groq/:cheapest", ERR_UNKNOWN_MODEL, "", "", "", "", 0},
	    {"nobody/new", ERR_UNKNOWN_MODEL, "", "", "", "", 0},
	    {"/new", ERR_UNKNOWN_MODEL, "", "", "", "", 0},
	    /* Two providers in one name contradict each other. */
	    {"groq/new:together", ERR_UNKNOWN_MODEL, "", "", "", "", 0},
	};

	assert_names(want, COUNT(want));
}

/* What the local engine has is in the catalog: it can be asked for nothing else. */
TEST(bug_a_local_model_that_is_not_there_is_unknown)
{
	static const struct want want[] = {
	    {"local/tiny", ERR_OK, "tiny", "local", "", "tiny", -1},
	    {"local/other", ERR_UNKNOWN_MODEL, "", "", "", "", 0},
	    {"local/gpt", ERR_UNKNOWN_MODEL, "", "", "", "", 0},
	    {"local/other:fastest", ERR_UNKNOWN_MODEL, "", "", "", "", 0},
	};
	struct catalog *c = new_catalog("openai local");
	struct note note;

	catalog_provider(c, S("local"))->auth = AUTH_ENGINE;
	assert_int_equal(
	    read_models(c,
		"'tiny': {'providers': [{'provider': 'local', 'model': 'tiny'}]},"
		"'openai/gpt': {'providers': ["
		"  {'provider': 'openai', 'model': 'gpt'}]}",
		&note),
	    ERR_OK);
	assert_int_equal(catalog_seal(c), ERR_OK);
	for (size_t i = 0; i < COUNT(want); i++)
		assert_name(c, &want[i]);
	catalog_free(c);
}

/* The first in the catalog's order may be one that is only there to be named. */
TEST(bug_a_model_of_a_provider_is_all_its_offers)
{
	static const struct want want[] = {
	    {"groq/acme/large", ERR_OK, "acme/large", "groq", "", "", -1},
	    {"groq/large", ERR_OK, "acme/large", "groq", "", "", -1},
	    {"groq/large:cheapest", ERR_OK, "acme/large", "groq", "", "",
		POLICY_CHEAPEST},
	};

	assert_names(want, COUNT(want));
}

TEST(the_built_in_catalog_by_the_strings_of_the_field)
{
	static const struct want want[] = {
	    {"openai/gpt-oss-120b:cheapest", ERR_OK, "openai/gpt-oss-120b", "", "", "",
		POLICY_CHEAPEST},
	    {"openai/gpt-oss-120b:groq", ERR_OK, "openai/gpt-oss-120b", "groq", "", "",
		-1},
	    {"gpt-oss-120b:fireworks-ai", ERR_OK, "openai/gpt-oss-120b", "fireworks", "",
		"", -1},
	    {"gpt-5-mini", ERR_OK, "openai/gpt-5-mini", "", "", "", -1},
	    {"azure/gpt-5-mini", ERR_OK, "openai/gpt-5-mini", "azure", "", "gpt-5-mini",
		-1},
	    {"hf/some/model:fastest", ERR_OK, "", "huggingface", "some/model", "",
		POLICY_FASTEST},
	    {"openrouter/meta-llama/llama-9:free", ERR_OK, "", "openrouter",
		"meta-llama/llama-9:free", "", -1},
	};
	struct catalog *c = builtin_catalog();

	for (size_t i = 0; i < COUNT(want); i++)
		assert_name(c, &want[i]);
	catalog_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(policies_have_names),
	    cmocka_unit_test(a_model_by_all_its_names),
	    cmocka_unit_test(a_suffix_is_a_policy_or_a_provider),
	    cmocka_unit_test(an_exact_name_wins),
	    cmocka_unit_test(another_suffix_belongs_to_the_name),
	    cmocka_unit_test(a_provider_goes_before_its_model),
	    cmocka_unit_test(bug_a_model_of_a_provider_is_all_its_offers),
	    cmocka_unit_test(bug_a_local_model_that_is_not_there_is_unknown),
	    cmocka_unit_test(the_built_in_catalog_by_the_strings_of_the_field),
	};

	return cmocka_run_group_tests_name("name", tests, NULL, NULL);
}
