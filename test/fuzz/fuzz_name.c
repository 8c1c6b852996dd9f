/*
 * Any bytes as a model string, against the built-in catalog: it is read or unknown, an
 * exact name wins, a policy behind a model changes nothing but the policy, and
 * whatever is named can be planned.
 */
#include "fuzz.h"

#include "route/route.h"

static struct catalog *catalog;

static char *
dup(const char *text)
{
	char *copy = slice_dup(slice_str(text));

	HOLDS(copy != NULL);
	return copy;
}

/* All built-in providers, each with a key, and the built-in catalog. */
static void
make_catalog(void)
{
	unsigned n;
	const struct provider_row *rows = provider_rows(&n);
	struct note note;
	size_t at;

	catalog = catalog_new();
	HOLDS(catalog != NULL);
	for (unsigned i = 0; i < n; i++) {
		struct provider *p = calloc(1, sizeof(*p));

		HOLDS(p != NULL);
		p->name = dup(rows[i].name);
		p->alias = dup(rows[i].alias);
		p->key_variable = dup("");
		p->dialect = rows[i].dialect;
		p->auth = rows[i].auth;
		p->nkeys = 1 + i % 3;
		HOLDS(catalog_add_provider(catalog, p) == ERR_OK);
	}
	HOLDS(catalog_read(catalog, catalog_builtin(), &at, &note) == ERR_OK);
	HOLDS(catalog_seal(catalog) == ERR_OK);
	HOLDS(health_attach(catalog) == ERR_OK);
}

static void
check_name(const struct route_name *n, struct slice text)
{
	HOLDS(n->policy < POLICIES);
	if (n->model == NULL) {
		HOLDS(n->provider != NULL && n->upstream.len > 0);
		HOLDS(n->upstream.ptr > text.ptr);
		HOLDS(n->upstream.ptr + n->upstream.len <= text.ptr + text.len);
		HOLDS(catalog_find_offer(catalog, n->provider, n->upstream) == NULL);
	} else {
		HOLDS(n->upstream.len == 0);
		HOLDS(catalog_find(catalog, n->model->id) == n->model);
	}
	if (n->offer != NULL) {
		HOLDS(n->offer->model == n->model);
		HOLDS(n->offer->provider == n->provider);
	}
}

/* With a policy behind it a plain model is the same model. */
static void
check_policy(const struct route_name *n, struct slice text)
{
	char longer[300];
	struct route_name with;
	int len = snprintf(longer, sizeof(longer), "%.*s:cheapest", SLICE_ARGS(text));

	if (n->provider != NULL || n->policy_stated || (size_t)len >= sizeof(longer) ||
	    strlen(longer) != (size_t)len)
		return;
	HOLDS(
	    route_name_parse(catalog, slice_str(longer), POLICY_LOCAL, &with) == ERR_OK);
	HOLDS(with.model == n->model);
	if (catalog_find(catalog, slice_str(longer)) != NULL)
		return;
	HOLDS(with.policy_stated && with.policy == POLICY_CHEAPEST);
	HOLDS(with.provider == NULL && with.offer == NULL);
}

static void
check_nearest(struct slice text)
{
	struct slice ids[8];
	unsigned found = catalog_nearest(catalog, text, ids, 5);

	HOLDS(found <= 5);
	for (unsigned i = 0; i < found; i++) {
		HOLDS(catalog_find(catalog, ids[i]) != NULL);
		for (unsigned k = 0; k < i; k++)
			HOLDS(!slice_eq(ids[i], ids[k]));
	}
}

/* One after the other, until there is none; each once, and none that is out. */
static void
check_plan(const struct route_name *n, struct random *r)
{
	static const struct route_limits limits = {{3, 1000, 60000}, 100, 1000000000};
	struct wish wish;
	struct ask ask = {.op = OP_CHAT + (enum operation)random_below(r, 3),
	    .prompt_bytes = random_below(r, 4000000),
	    .needs = (unsigned)random_below(r, 32),
	    .max_output_tok =
		random_below(r, 3) == 0 ? UINT64_MAX : random_below(r, 99999),
	    .answers = 1 + random_below(r, 2) * UINT32_MAX};
	struct route_query q = {
	    catalog, &limits, n, &wish, &ask, &dialect_openai, 1, NULL, 1000, 1, r};
	struct route_plan plan;
	struct candidate *c;
	struct arena a;
	unsigned tried = 0;
	uint64_t until;

	wish_init(&wish);
	arena_init(&a, NULL, 0, 1u << 20);
	HOLDS(route_plan(&q, &a, &plan) == ERR_OK);
	HOLDS(plan.count == (n->model == NULL ? 1 : n->model->noffers));
	while ((c = route_next(&plan, 1000)) != NULL) {
		HOLDS(c->out == OUT_NOT);
		HOLDS(n->provider == NULL || c->offer->provider == n->provider);
		HOLDS(c->key < c->offer->provider->nkeys);
		HOLDS(c->guess.cost_pusd >= 0 || c->guess.cost_pusd == PRICE_UNKNOWN);
		route_failed(&plan, c,
		    random_below(r, 4) == 0 ? ERR_CONTEXT_LENGTH : ERR_CONNECT, 1000);
		HOLDS(++tried <= plan.count);
	}
	HOLDS(err_kind(route_end(&plan, &until)) != KIND_NOTHING);
	arena_free(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size);
	const struct model *exact;
	struct route_name n;
	struct random r;
	enum err e;

	if (catalog == NULL)
		make_catalog();
	random_seed(&r, slice_hash(text));
	exact = catalog_find(catalog, text);
	e = route_name_parse(catalog, text, POLICY_BALANCED, &n);
	HOLDS(e == ERR_OK || (e == ERR_UNKNOWN_MODEL && exact == NULL));
	if (random_below(&r, 16) == 0) /* it takes long */
		check_nearest(text);
	if (e != ERR_OK)
		return 0;
	check_name(&n, text);
	if (exact != NULL)
		HOLDS(n.model == exact && n.provider == NULL && !n.policy_stated);
	HOLDS(n.policy_stated || n.policy == POLICY_BALANCED);
	check_policy(&n, text);
	check_plan(&n, &r);
	return 0;
}
