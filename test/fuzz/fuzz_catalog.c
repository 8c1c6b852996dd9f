/*
 * Any bytes as a catalog file, over a small one: read or refused with a sentence and a
 * place; what is read is found again, and every price makes a cost.
 */
#include "fuzz.h"

#include "provider/catalog.h"

static const char small[] =
    "{\"models\": {\"a/x\": {\"aliases\": [\"a/y\"], \"tools\": true, \"providers\": ["
    "{\"provider\": \"groq\", \"model\": \"x\", \"prices\": [{\"input\": 1, "
    "\"output\": 2, \"tiers\": [{\"above_input_tokens\": 9, \"input\": 3}]}]}]}}}";

static struct catalog *
make_catalog(void)
{
	static const char *const names[] = {"groq", "together", "local"};
	struct catalog *c = catalog_new();
	struct note note;
	size_t at;

	HOLDS(c != NULL);
	for (unsigned i = 0; i < 3; i++) {
		struct provider *p = calloc(1, sizeof(*p));

		HOLDS(p != NULL);
		p->name = slice_dup(slice_str(names[i]));
		p->alias = slice_dup(S(""));
		HOLDS(catalog_add_provider(c, p) == ERR_OK);
	}
	HOLDS(catalog_read(c, slice_str(small), &at, &note) == ERR_OK);
	return c;
}

static void
check_prices(const struct offer *o, struct random *r)
{
	for (const struct price *p = o->prices; p != NULL; p = p->next) {
		struct usage u = {.known = true};
		int64_t cost;

		HOLDS(p->tier != TIER_STANDARD || price_units_fit(p));
		for (unsigned c = 0; c < USAGE_CLASSES; c++) {
			HOLDS(p->rate[c].pusd >= 0 && p->rate[c].per >= 0);
			u.count[c] = random_below(r, 2) * random_below(r, 1000000000);
		}
		cost = price_cost_pusd(p, &u);
		HOLDS(cost >= 0 || cost == PRICE_UNKNOWN);
	}
	if (o->prices != NULL) /* at every time one row holds for short prompts */
		HOLDS(price_at(o->prices, 0, TIER_STANDARD, 0) != NULL);
}

static void
check_model(const struct catalog *c, const struct model *m, struct random *r)
{
	unsigned offers = 0;

	HOLDS(m->id.len > 0 && catalog_find(c, m->id) == m);
	for (const struct offer *o = m->offers; o != NULL; o = o->next) {
		HOLDS(o->model == m && o->upstream.len > 0);
		HOLDS((o->can & o->cannot) == 0);
		HOLDS(o->upstream.len > 400 ||
		      catalog_find_offer(c, o->provider, o->upstream) != NULL);
		check_prices(o, r);
		offers++;
	}
	HOLDS(offers == m->noffers);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size);
	struct catalog *c = make_catalog();
	struct note note = {""};
	struct random r;
	size_t at = 0;
	enum err e = catalog_read(c, text, &at, &note);

	random_seed(&r, slice_hash(text));
	HOLDS(e == ERR_OK || (e == ERR_SYNTAX && note.text[0] != '\0' && at <= size));
	if (e == ERR_OK) {
		HOLDS(catalog_seal(c) == ERR_OK);
		for (unsigned i = 0; i < c->nmodels; i++) {
			check_model(c, c->models[i], &r);
			HOLDS(i == 0 ||
			      slice_cmp(c->models[i - 1]->id, c->models[i]->id) < 0);
		}
	}
	catalog_free(c);
	return 0;
}
