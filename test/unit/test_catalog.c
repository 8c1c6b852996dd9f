#include "core/random.h"

#include "catalog_case.h"
#include "torture.h"

/* --- providers --- */

TEST(providers_are_found_by_name_and_alias)
{
	struct catalog *c = new_catalog("groq together");
	struct provider *p = new_provider(S("fireworks"));

	set_text(&p->alias, S("fireworks-ai"));
	assert_int_equal(catalog_add_provider(c, p), ERR_OK);
	assert_int_equal(c->nproviders, 3);
	assert_string_equal(catalog_provider(c, S("groq"))->name, "groq");
	assert_ptr_equal(catalog_provider(c, S("fireworks")), p);
	assert_ptr_equal(catalog_provider(c, S("fireworks-ai")), p);
	assert_null(catalog_provider(c, S("Groq")));
	assert_null(catalog_provider(c, S("")));
	for (unsigned i = 0; i < c->nproviders; i++)
		assert_int_equal(c->providers[i]->index, i);
	catalog_free(c);
}

TEST(a_second_provider_of_a_name_is_refused)
{
	struct catalog *c = new_catalog("groq");
	struct provider *p = new_provider(S("groq"));

	assert_int_equal(catalog_add_provider(c, p), ERR_BAD_REQUEST);
	assert_int_equal(c->nproviders, 1);
	provider_done(p); /* it was not taken */
	free(p);
	catalog_free(c);
}

/* A name is a name: an alias does not take it away. */
TEST(an_alias_gives_way_to_a_name)
{
	struct catalog *c = new_catalog("hf");
	struct provider *p = new_provider(S("huggingface"));

	set_text(&p->alias, S("hf"));
	assert_int_equal(catalog_add_provider(c, p), ERR_OK);
	assert_string_equal(catalog_provider(c, S("hf"))->name, "hf");
	catalog_free(c);
}

/* --- models --- */

TEST(a_model_is_made_once)
{
	struct catalog *c = new_catalog("");
	char id[20];

	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < 300; i++) {
			struct model *m;

			(void)snprintf(id, sizeof(id), "a/m%u", (i * 7) % 300);
			m = catalog_model(c, slice_str(id));
			assert_non_null(m);
			assert_string_equal(m->id.ptr, id); /* a copy, terminated */
			assert_int_equal(m->op, OP_CHAT);
		}
	assert_int_equal(c->nmodels, 300);
	assert_int_equal(catalog_seal(c), ERR_OK);
	for (unsigned i = 1; i < c->nmodels; i++)
		assert_int_equal(slice_cmp(c->models[i - 1]->id, c->models[i]->id), -1);
	catalog_free(c);
}

TEST(an_offer_is_made_once_and_emptied)
{
	struct catalog *c = new_catalog("groq together");
	struct model *m = catalog_model(c, S("a/x"));
	struct provider *g = catalog_provider(c, S("groq")),
			*t = catalog_provider(c, S("together"));
	struct offer *o = catalog_offer(c, m, g, S("x")), *second, *third;

	second = catalog_offer(c, m, g, S("y"));
	third = catalog_offer(c, m, t, S("x"));
	o->context_tok = 5;
	o->deprecated = true;
	assert_non_null(catalog_add_price(c, o));
	assert_int_equal(m->noffers, 3);
	assert_ptr_equal(catalog_offer(c, m, g, S("x")), o);
	assert_int_equal(m->noffers, 3);
	assert_int_equal(o->context_tok, 0);
	assert_false(o->deprecated);
	assert_null(o->prices);
	assert_ptr_equal(o->model, m);
	assert_ptr_equal(o->provider, g);
	assert_slice(o->upstream, S("x"));
	assert_ptr_equal(m->offers, o);
	assert_ptr_equal(o->next, second);
	assert_ptr_equal(second->next, third);
	assert_null(third->next);
	catalog_clear_offers(m);
	assert_int_equal(m->noffers, 0);
	assert_null(m->offers);
	catalog_free(c);
}

/* --- finding --- */

static const char some[] =
    "'acme/large': {'aliases': ['acme/large-2026', 'large-x'], 'providers': ["
    "  {'provider': 'groq', 'model': 'large-v1'}]},"
    "'acme/small': {'providers': [{'provider': 'groq', 'model': 'both'}]},"
    "'other/small': {'providers': [{'provider': 'groq', 'model': 'both'},"
    "  {'provider': 'together', 'model': 'both'}]},"
    "'third/small': {'aliases': ['third/tiny', 'third/large-2026'], 'providers': []},"
    "'deep/er/name': {'providers': []},"
    "'plain': {'providers': []},"
    "'acme/plain': {'providers': []},"
    "'a/twice': {'aliases': ['b/twice', 'c/twice'], 'providers': []}";

static void
assert_found(const struct catalog *c, const char *name, const char *id)
{
	const struct model *m = catalog_find(c, slice_str(name));

	assert_non_null(m);
	assert_string_equal(m->id.ptr, id);
}

TEST(models_are_found_by_id_alias_and_bare_name)
{
	struct catalog *c = make_catalog("groq together", some);

	assert_found(c, "acme/large", "acme/large");
	assert_found(c, "acme/large-2026", "acme/large");
	assert_found(c, "large-x", "acme/large");
	assert_found(c, "large", "acme/large");
	assert_found(c, "name", "deep/er/name"); /* behind the last slash */
	assert_null(catalog_find(c, S("er/name")));
	assert_found(c, "third/tiny", "third/small");
	assert_found(c, "tiny", "third/small"); /* an alias has a bare name too */
	assert_null(catalog_find(c, S("Large")));
	assert_null(catalog_find(c, S("")));
	assert_null(catalog_find(c, S("acme/")));
	catalog_free(c);
}

TEST(a_bare_name_of_two_models_is_none)
{
	struct catalog *c = make_catalog("groq together", some);

	assert_null(catalog_find(c, S("small")));      /* of three ids */
	assert_null(catalog_find(c, S("large-2026"))); /* of two aliases */
	assert_found(c, "plain", "plain");	       /* an id is exact */
	assert_found(c, "twice", "a/twice");	       /* of one model, however often */
	catalog_free(c);
}

TEST(an_id_goes_before_an_alias)
{
	struct catalog *c = new_catalog("groq");

	assert_int_equal(
	    catalog_alias(c, catalog_model(c, S("a/one")), S("a/two")), ERR_OK);
	assert_non_null(catalog_model(c, S("a/two")));
	assert_int_equal(catalog_seal(c), ERR_OK);
	assert_found(c, "a/two", "a/two");
	assert_found(c, "one", "a/one");
	catalog_free(c);
}

TEST(offers_are_found_by_provider_and_upstream_id)
{
	struct catalog *c = make_catalog("groq together", some);
	const struct provider *g = catalog_provider(c, S("groq")),
			      *t = catalog_provider(c, S("together"));
	char long_id[600];

	assert_ptr_equal(
	    catalog_find_offer(c, g, S("large-v1")), offer_at(c, "acme/large", 0));
	assert_null(catalog_find_offer(c, t, S("large-v1")));
	assert_null(catalog_find_offer(c, g, S("acme/large")));
	assert_null(catalog_find_offer(c, g, S("")));
	/* Of two models with the same one, the first by id. */
	assert_ptr_equal(
	    catalog_find_offer(c, g, S("both")), offer_at(c, "acme/small", 0));
	assert_ptr_equal(
	    catalog_find_offer(c, t, S("both")), offer_at(c, "other/small", 1));
	/* No bound is passed. */
	memset(long_id, 'x', sizeof(long_id));
	for (size_t n = 500; n < sizeof(long_id); n++)
		assert_null(catalog_find_offer(c, g, slice_of(long_id, n)));
	catalog_free(c);
}

/* Long ids are no less found. */
TEST(an_offer_of_a_long_id_is_found)
{
	struct catalog *c = new_catalog("groq");
	struct provider *g = catalog_provider(c, S("groq"));
	struct model *m = catalog_model(c, S("a/x"));
	char id[512];
	struct offer *o;

	memset(id, 'x', sizeof(id));
	o = catalog_offer(c, m, g, slice_of(id, 512 - 5));
	assert_int_equal(catalog_seal(c), ERR_OK);
	assert_ptr_equal(catalog_find_offer(c, g, slice_of(id, 512 - 5)), o);
	catalog_free(c);
}

/* --- the nearest --- */

static void
assert_nearest(const struct catalog *c, const char *name, unsigned n, const char *names)
{
	struct slice ids[10], want = slice_str(names);
	unsigned found = catalog_nearest(c, slice_str(name), ids, n), count = 0;

	while (want.len > 0) {
		struct slice id = slice_cut(&want, ' ');

		assert_true(count < found);
		assert_slice(ids[count++], id);
	}
	assert_int_equal(found, count);
}

TEST(the_nearest_names_come_first)
{
	struct catalog *c = make_catalog("groq",
	    "'openai/gpt-oss-120b': {}, 'openai/gpt-oss-20b': {}, 'openai/gpt-5': {},"
	    "'openai/gpt-5-mini': {}, 'qwen/qwen3-32b': {}");

	assert_nearest(c, "openai/gpt-oss-120", 1, "openai/gpt-oss-120b");
	assert_nearest(
	    c, "openai/gpt-os-120b", 2, "openai/gpt-oss-120b openai/gpt-oss-20b");
	assert_nearest(c, "qwen3-32", 3, "qwen/qwen3-32b");
	assert_nearest(c, "QWEN3-32B", 3, "qwen/qwen3-32b");
	/* The maker may be another. */
	assert_nearest(c, "meta/qwen3-32b", 1, "qwen/qwen3-32b");
	/* What begins so is near, from four letters on. */
	assert_nearest(
	    c, "gpt-o", 3, "openai/gpt-5 openai/gpt-oss-120b openai/gpt-oss-20b");
	assert_nearest(c, "gpt-", 10,
	    "openai/gpt-5 openai/gpt-5-mini openai/gpt-oss-120b openai/gpt-oss-20b");
	assert_nearest(c, "qwe", 10, "");
	/* Less than half of it may be different, and less than three of a short one. */
	assert_nearest(c, "abcd/qwen3-99x", 1, "qwen/qwen3-32b");
	assert_nearest(c, "qw3-32b", 1, "qwen/qwen3-32b");
	assert_nearest(c, "xx3-32b", 1, "");
	assert_nearest(c, "nothing-like-it", 3, "");
	assert_nearest(c, "openai/gpt-oss-120", 0, "");
	catalog_free(c);
}

/* However many are near, and however many are wanted. */
TEST(at_most_eight_are_told_and_the_best_of_all)
{
	static const char *const names[] = {"m-aaaa", "m-aaab", "m-aabb", "m-abbb",
	    "m-bbbb", "m-zaaa", "m-zzaa", "m-zzza", "m-zzzz", "m-aaba", "m-aabz"};
	static const char *const order[] = {
	    "a/m-zzzz", "a/m-zzza", "a/m-zzaa", "a/m-aabz", "a/m-zaaa"};
	struct catalog *c = new_catalog("");
	struct slice ids[20];
	char id[20];

	for (unsigned i = 0; i < COUNT(names); i++) {
		(void)snprintf(id, sizeof(id), "a/%s", names[i]);
		assert_non_null(catalog_model(c, slice_str(id)));
	}
	assert_int_equal(catalog_seal(c), ERR_OK);
	assert_int_equal(catalog_nearest(c, S("long-maker/m-zzzz"), ids, 20), 8);
	for (unsigned n = 0; n <= COUNT(order); n++) {
		assert_int_equal(catalog_nearest(c, S("long-maker/m-zzzz"), ids, n), n);
		for (unsigned i = 0; i < n; i++)
			assert_slice(ids[i], slice_str(order[i]));
	}
	catalog_free(c);
}

/* Who asks for fewer is told the first of those. */
TEST(fewer_names_are_the_first_of_more)
{
	struct catalog *c = new_catalog("");
	struct slice all[8], some_ids[8];
	struct random r;
	char name[20];

	random_seed(&r, 1);
	for (unsigned i = 0; i < 230; i++) {
		/* Of four letters out of three each, so that many are equally near. */
		(void)snprintf(name, sizeof(name), "a/%c%c%c%c%c",
		    'a' + (int)random_below(&r, 3), 'a' + (int)random_below(&r, 3),
		    'a' + (int)random_below(&r, 3), 'a' + (int)random_below(&r, 3),
		    'a' + (int)random_below(&r, 3));
		if (i < 60)
			assert_non_null(catalog_model(c, slice_str(name)));
		if (i == 60)
			assert_int_equal(catalog_seal(c), ERR_OK);
		if (i < 60)
			continue;
		for (unsigned n = catalog_nearest(c, slice_str(name), all, 8); n > 0;
		     n--) {
			assert_int_equal(
			    catalog_nearest(c, slice_str(name), some_ids, n), n);
			for (unsigned k = 0; k < n; k++)
				assert_slice(some_ids[k], all[k]);
		}
	}
	catalog_free(c);
}

/* --- sealing --- */

TEST(a_model_can_what_one_of_its_offers_can)
{
	struct catalog *c = make_catalog("groq together",
	    "'a/x': {'context': 100, 'max_output': 10, 'providers': ["
	    "  {'provider': 'groq', 'model': 'x', 'tools': true, 'vision': false,"
	    "   'context': 500},"
	    "  {'provider': 'together', 'model': 'x', 'tools': false, 'vision': false,"
	    "   'max_output': 50},"
	    "  {'provider': 'groq', 'model': 'y', 'context': 400, 'max_output': 40,"
	    "   'vision': false}]},"
	    "'a/y': {'tools': true}");
	const struct model *m = catalog_find(c, S("a/x"));

	assert_int_equal(m->can, CAP_TOOLS);
	assert_int_equal(m->cannot, CAP_VISION);
	assert_int_equal(m->context_tok, 500);
	assert_int_equal(m->max_output_tok, 50);
	m = catalog_find(c, S("a/y"));
	assert_int_equal(m->can, 0); /* nobody offers it */
	assert_int_equal(m->cannot, 0);
	catalog_free(c);
}

TEST(prices_are_completed)
{
	struct catalog *c = make_catalog("groq",
	    "'a/x': {'providers': [{'provider': 'groq', 'model': 'x', 'prices': ["
	    "{'from': '2026-01-01', 'input': 1, 'output': 2},"
	    "{'from': '2026-02-01', 'input': 3, 'output': 4}]}]}");
	const struct price *p = offer_at(c, "a/x", 0)->prices;

	/* Before the first date the first row holds, and only then. */
	assert_int_equal(
	    price_at(p, 0, TIER_STANDARD, 1)->rate[USAGE_INPUT].pusd, 1000000000000);
	assert_int_equal(
	    price_at(p, 1769903999999, TIER_STANDARD, 1)->rate[USAGE_CACHED].pusd,
	    1000000000000);
	assert_int_equal(
	    price_at(p, 1769904000000, TIER_STANDARD, 1)->rate[USAGE_REASONING].pusd,
	    4000000000000);
	catalog_free(c);
}

/* --- memory --- */

static enum err
build_one(void *arg)
{
	struct catalog *c = catalog_new();
	struct provider *p = calloc(1, sizeof(*p));
	struct model *m = NULL;
	struct offer *o;
	enum err e = ERR_NOMEM;

	(void)arg;
	if (c == NULL || p == NULL)
		goto out;
	p->name = slice_dup(S("groq"));
	p->alias = slice_dup(S("g"));
	if (p->name == NULL || p->alias == NULL)
		goto out;
	e = catalog_add_provider(c, p);
	if (e != ERR_OK)
		goto out;
	for (unsigned i = 0; i < 70 && e == ERR_OK; i++) {
		char id[20];

		(void)snprintf(id, sizeof(id), "a/%u", i);
		m = catalog_model(c, slice_str(id));
		o = m == NULL ? NULL : catalog_offer(c, m, p, slice_str(id));
		if (o == NULL || catalog_add_price(c, o) == NULL)
			e = ERR_NOMEM;
		else
			e = catalog_alias(c, m, slice_from(slice_str(id), 1));
	}
	if (e == ERR_OK)
		e = catalog_seal(c);
	if (e == ERR_OK)
		assert_non_null(catalog_find_offer(c, p, S("a/69")));
	p = c->nproviders > 0 ? NULL : p;
out:
	if (p != NULL && (c == NULL || c->nproviders == 0)) {
		provider_done(p);
		free(p);
	}
	catalog_free(c);
	return e;
}

TEST(survives_torture)
{
	assert_true(torture(build_one, NULL) > 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(providers_are_found_by_name_and_alias),
	    cmocka_unit_test(a_second_provider_of_a_name_is_refused),
	    cmocka_unit_test(an_alias_gives_way_to_a_name),
	    cmocka_unit_test(a_model_is_made_once),
	    cmocka_unit_test(an_offer_is_made_once_and_emptied),
	    cmocka_unit_test(models_are_found_by_id_alias_and_bare_name),
	    cmocka_unit_test(a_bare_name_of_two_models_is_none),
	    cmocka_unit_test(an_id_goes_before_an_alias),
	    cmocka_unit_test(offers_are_found_by_provider_and_upstream_id),
	    cmocka_unit_test(an_offer_of_a_long_id_is_found),
	    cmocka_unit_test(the_nearest_names_come_first),
	    cmocka_unit_test(at_most_eight_are_told_and_the_best_of_all),
	    cmocka_unit_test(fewer_names_are_the_first_of_more),
	    cmocka_unit_test(a_model_can_what_one_of_its_offers_can),
	    cmocka_unit_test(prices_are_completed),
	    cmocka_unit_test(survives_torture),
	};

	return cmocka_run_group_tests_name("catalog", tests, NULL, NULL);
}
