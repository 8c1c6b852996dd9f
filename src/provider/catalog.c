#include "provider/catalog.h"

#include "core/text.h"
#include "quota/rule.h"

#include <stdlib.h>

#define CATALOG_MAX (64u << 20) /* bytes */

struct catalog *
catalog_new(void)
{
	struct catalog *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	arena_init(&c->arena, NULL, 0, CATALOG_MAX);
	map_init(&c->provider_names);
	map_init(&c->ids);
	map_init(&c->aliases);
	map_init(&c->bare);
	map_init(&c->provider_models);
	return c;
}

void
catalog_free(struct catalog *c)
{
	if (c == NULL)
		return;
	for (unsigned i = 0; i < c->nproviders; i++) {
		provider_done(c->providers[i]);
		free(c->providers[i]);
	}
	free(c->providers);
	free(c->models);
	map_free(&c->provider_names);
	map_free(&c->ids);
	map_free(&c->aliases);
	map_free(&c->bare);
	map_free(&c->provider_models);
	arena_free(&c->arena);
	free(c);
}

enum err
catalog_add_provider(struct catalog *c, struct provider *p)
{
	struct provider **all;

	if (catalog_provider(c, slice_str(p->name)) != NULL)
		return ERR_BAD_REQUEST;
	all = realloc(c->providers, (c->nproviders + 1) * sizeof(struct provider *));
	if (all == NULL)
		return ERR_NOMEM;
	c->providers = all;
	if (map_put(&c->provider_names, slice_str(p->name), p) != ERR_OK)
		return ERR_NOMEM;
	if (p->alias[0] != '\0' && catalog_provider(c, slice_str(p->alias)) == NULL &&
	    map_put(&c->provider_names, slice_str(p->alias), p) != ERR_OK)
		return ERR_NOMEM;
	p->index = c->nproviders;
	c->providers[c->nproviders++] = p;
	return ERR_OK;
}

struct provider *
catalog_provider(const struct catalog *c, struct slice name)
{
	return map_get(&c->provider_names, name);
}

struct model *
catalog_model(struct catalog *c, struct slice id)
{
	struct model *m = map_get(&c->ids, id);

	if (m != NULL)
		return m;
	if (c->nmodels == c->models_cap) {
		unsigned cap = c->models_cap == 0 ? 64 : c->models_cap * 2;
		struct model **all = realloc(c->models, cap * sizeof(struct model *));

		if (all == NULL)
			return NULL;
		c->models = all;
		c->models_cap = cap;
	}
	m = arena_zalloc(&c->arena, sizeof(*m));
	if (m == NULL || !arena_copy(&c->arena, id, &m->id) ||
	    map_put(&c->ids, m->id, m) != ERR_OK)
		return NULL;
	m->op = OP_CHAT;
	c->models[c->nmodels++] = m;
	return m;
}

enum err
catalog_alias(struct catalog *c, struct model *m, struct slice name)
{
	struct slice kept;

	if (!arena_copy(&c->arena, name, &kept))
		return ERR_NOMEM;
	return map_put(&c->aliases, kept, m);
}

struct offer *
catalog_offer(
    struct catalog *c, struct model *m, struct provider *p, struct slice upstream)
{
	struct offer **end = &m->offers, *o;

	for (; (o = *end) != NULL; end = &o->next)
		if (o->provider == p && slice_eq(o->upstream, upstream))
			break;
	if (o != NULL) {
		struct offer *next = o->next;

		*o = (struct offer){
		    .model = m, .provider = p, .upstream = o->upstream, .next = next};
		return o;
	}
	o = arena_zalloc(&c->arena, sizeof(*o));
	if (o == NULL || !arena_copy(&c->arena, upstream, &o->upstream))
		return NULL;
	o->model = m;
	o->provider = p;
	*end = o;
	m->noffers++;
	return o;
}

void
catalog_clear_offers(struct model *m)
{
	m->offers = NULL;
	m->noffers = 0;
}

struct price *
catalog_add_price(struct catalog *c, struct offer *o)
{
	struct price *p = arena_zalloc(&c->arena, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->next = o->prices;
	o->prices = p;
	return p;
}

/* --- sealing --- */

static int
by_id(const void *a, const void *b)
{
	const struct model *const *x = a, *const *y = b;

	return slice_cmp((*x)->id, (*y)->id);
}

/* Before the first date the first row holds: a clock that is wrong makes no price
 * unknown. */
static void
open_first_row(struct offer *o)
{
	uint64_t first = UINT64_MAX;

	for (const struct price *p = o->prices; p != NULL; p = p->next)
		if (p->from_ms < first)
			first = p->from_ms;
	for (struct price *p = o->prices; p != NULL; p = p->next)
		if (p->from_ms == first)
			p->from_ms = 0;
}

/* The rows as the account pays them; the list stays, for who asks with another one. */
static enum err
take_off(struct catalog *c, struct offer *o)
{
	int64_t shares = PRICE_SHARES - o->provider->discount_bp;
	struct price **end = &o->prices;

	o->list = o->prices;
	if (shares == PRICE_SHARES)
		return ERR_OK;
	for (const struct price *p = o->list; p != NULL; p = p->next) {
		struct price *net = arena_zalloc(&c->arena, sizeof(*net));

		if (net == NULL)
			return ERR_NOMEM;
		*net = *p;
		for (unsigned i = 0; i < USAGE_CLASSES; i++)
			net->rate[i] = price_share(p->rate[i], shares);
		*end = net;
		end = &net->next;
	}
	return ERR_OK;
}

static enum err
complete_prices(struct catalog *c, struct offer *o)
{
	open_first_row(o);
	for (struct price *p = o->prices; p != NULL; p = p->next)
		price_complete(p);
	return take_off(c, o);
}

static void
sum_up(struct model *m)
{
	m->can = 0;
	m->cannot = ~0u;
	for (const struct offer *o = m->offers; o != NULL; o = o->next) {
		if (o->context_tok > m->context_tok)
			m->context_tok = o->context_tok;
		if (o->max_output_tok > m->max_output_tok)
			m->max_output_tok = o->max_output_tok;
		m->can |= o->can;
		m->cannot &= o->cannot;
	}
	if (m->offers == NULL)
		m->cannot = 0;
}

static enum err
index_offers(struct catalog *c, struct model *m)
{
	for (struct offer *o = m->offers; o != NULL; o = o->next) {
		struct slice key = arena_printf(
		    &c->arena, "%s/%.*s", o->provider->name, SLICE_ARGS(o->upstream));

		if (complete_prices(c, o) != ERR_OK)
			return ERR_NOMEM;
		if (key.len == 0 || (map_get(&c->provider_models, key) == NULL &&
					map_put(&c->provider_models, key, o) != ERR_OK))
			return ERR_NOMEM;
	}
	return ERR_OK;
}

/* --- versions of a name --- */

static int
by_upstream(const void *a, const void *b)
{
	const struct offer *const *x = a, *const *y = b;
	unsigned p = (*x)->provider->index, q = (*y)->provider->index;

	if (p != q)
		return p < q ? -1 : 1;
	return slice_cmp((*x)->upstream, (*y)->upstream);
}

/* Is it the name with a date or a number behind it? */
static bool
is_version(struct slice name, struct slice other)
{
	unsigned digits = 0;

	if (other.len <= name.len || !slice_starts(other, name) ||
	    slice_find(S("-@:"), other.ptr[name.len]) == 3)
		return false;
	for (size_t i = name.len; i < other.len; i++) {
		char ch = other.ptr[i];

		if (ch >= '0' && ch <= '9')
			digits++;
		else if (slice_find(S("-@:v."), ch) == 5)
			return false;
	}
	return digits >= 3;
}

/* all: sorted; from the first behind the name on. */
static enum err
find_kin(struct catalog *c, struct offer *o, struct offer **all, unsigned n)
{
	struct slice name = o->upstream;
	unsigned first = 0, count = 0;
	struct offer key = *o, *wanted = &key;

	if (slice_ends(name, S("-latest")))
		name.len -= 7;
	key.upstream = name;
	for (unsigned end = n; first < end;) {
		unsigned middle = first + (end - first) / 2;

		if (by_upstream(&all[middle], &wanted) < 0)
			first = middle + 1;
		else
			end = middle;
	}
	for (unsigned pass = 0; pass < 2; pass++) {
		count = 0;
		for (unsigned i = first; i < n && all[i]->provider == o->provider &&
					 slice_starts(all[i]->upstream, name);
		     i++)
			if (is_version(name, all[i]->upstream)) {
				if (o->kin != NULL)
					o->kin[count] = all[i];
				count++;
			}
		if (count > 0 && o->kin == NULL)
			o->kin = arena_alloc(&c->arena, count * sizeof(struct offer *));
		if (o->kin == NULL)
			return count == 0 ? ERR_OK : ERR_NOMEM;
	}
	o->nkin = count;
	return ERR_OK;
}

/* Those with prices, of which a reply may name one. */
static enum err
index_versions(struct catalog *c)
{
	struct offer **all;
	unsigned n = 0;
	enum err e = ERR_OK;

	for (unsigned i = 0; i < c->nmodels; i++)
		n += c->models[i]->noffers;
	all = calloc(n + 1, sizeof(struct offer *));
	if (all == NULL)
		return ERR_NOMEM;
	n = 0;
	for (unsigned i = 0; i < c->nmodels; i++)
		for (struct offer *o = c->models[i]->offers; o != NULL; o = o->next)
			if (o->prices != NULL)
				all[n++] = o;
	if (n > 0)
		qsort(all, n, sizeof(struct offer *), by_upstream);
	for (unsigned i = 0; i < c->nmodels && e == ERR_OK; i++)
		for (struct offer *o = c->models[i]->offers; o != NULL && e == ERR_OK;
		     o = o->next) {
			o->kin = NULL;
			o->nkin = 0;
			e = find_kin(c, o, all, n);
		}
	free(all);
	return e;
}

/* Stands in `bare` for a name that two models bear. */
static struct model ambiguous;

static enum err
index_bare(struct catalog *c, struct slice id, struct model *m)
{
	size_t slash = slice_rfind(id, '/');
	struct slice name = slice_from(id, slash + 1);
	const struct model *other = map_get(&c->bare, name);

	if (slash == id.len || other == m)
		return ERR_OK;
	return map_put(&c->bare, name, other == NULL ? m : &ambiguous);
}

struct bare_names {
	struct catalog *c;
	enum err err;
};

static void
index_alias(void *arg, struct slice name, void *model)
{
	struct bare_names *b = arg;

	if (b->err == ERR_OK)
		b->err = index_bare(b->c, name, model);
}

enum err
catalog_seal(struct catalog *c)
{
	struct bare_names aliases = {c, ERR_OK};

	for (struct internal_price *i = c->internal; i != NULL; i = i->next)
		for (struct price *p = i->prices; p != NULL; p = p->next)
			price_complete(p);
	if (c->nmodels > 0)
		qsort(c->models, c->nmodels, sizeof(struct model *), by_id);
	for (unsigned i = 0; i < c->nmodels; i++) {
		struct model *m = c->models[i];

		sum_up(m);
		if (index_offers(c, m) != ERR_OK || index_bare(c, m->id, m) != ERR_OK)
			return ERR_NOMEM;
	}
	map_each(&c->aliases, index_alias, &aliases);
	return aliases.err != ERR_OK ? aliases.err : index_versions(c);
}

/* --- finding --- */

const struct model *
catalog_find(const struct catalog *c, struct slice name)
{
	const struct model *m = map_get(&c->ids, name);

	if (m == NULL)
		m = map_get(&c->aliases, name);
	if (m == NULL)
		m = map_get(&c->bare, name);
	return m == &ambiguous ? NULL : m;
}

const struct offer *
catalog_find_offer(
    const struct catalog *c, const struct provider *p, struct slice upstream)
{
	char key[512];
	size_t n = strlen(p->name);

	if (n + 1 + upstream.len > sizeof(key))
		return NULL;
	memcpy(key, p->name, n);
	key[n] = '/';
	memcpy(key + n + 1, upstream.ptr, upstream.len);
	return map_get(&c->provider_models, slice_of(key, n + 1 + upstream.len));
}

/* What stands behind the last slash; all of it where there is none. */
static struct slice
bare_name(struct slice id)
{
	size_t slash = slice_rfind(id, '/');

	return slash == id.len ? id : slice_from(id, slash + 1);
}

/* How far a name is from a model's id, or one bare name from the other. */
static unsigned
distance(struct slice name, struct slice id, unsigned limit)
{
	struct slice bare = bare_name(id), own = bare_name(name);
	unsigned whole = text_distance(name, id, limit);
	unsigned part = text_distance(own, bare, limit);

	if (own.len >= 4 && bare.len > own.len && slice_istarts(bare, own) && part > 2)
		part = 2;
	return whole < part ? whole : part;
}

unsigned
catalog_nearest(
    const struct catalog *c, struct slice name, struct slice *ret_ids, unsigned n)
{
	unsigned distances[8], found = 0;
	unsigned limit = (unsigned)(name.len / 2 < 3 ? 3 : name.len / 2);

	if (n > 8)
		n = 8;
	for (unsigned i = 0; i < c->nmodels; i++) {
		struct slice id = c->models[i]->id;
		unsigned d = distance(name, id, limit), at = found;

		if (d >= limit)
			continue;
		while (at > 0 && distances[at - 1] > d)
			at--;
		if (at == n)
			continue;
		if (found < n)
			found++;
		for (unsigned k = found - 1; k > at; k--) {
			distances[k] = distances[k - 1];
			ret_ids[k] = ret_ids[k - 1];
		}
		distances[at] = d;
		ret_ids[at] = id;
	}
	return found;
}

const struct price *
catalog_internal(const struct catalog *c, struct slice team, struct slice organisation,
    struct slice model)
{
	for (const struct internal_price *i = c->internal; i != NULL; i = i->next)
		if ((i->team.len == 0 || slice_eq(i->team, team)) &&
		    (i->organisation.len == 0 ||
			slice_eq(i->organisation, organisation)) &&
		    rule_allows(i->models.ptr, model))
			return i->prices;
	return NULL;
}

enum dialect_id
catalog_offer_dialect(const struct offer *o, enum dialect_id d)
{
	const char *path;
	enum auth auth;

	if (o->has_dialect)
		return o->dialect;
	return provider_speaks(o->provider, d, &path, &auth) ? d : o->provider->dialect;
}
