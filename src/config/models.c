/*
 * Models: the catalog, and over it the lists of `models:`. What an entry does
 * not say comes from the catalog's offer that it stands for: the one of the same
 * upstream id, else the one of that provider for the same model.
 */
#include "config/loading.h"

#include "core/text.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define CATALOG_BYTES_MAX (32u << 20)
#define PER_MAX		  UINT32_MAX

enum field {
	FIELD_PROVIDER,
	FIELD_MODEL,
	FIELD_CONTEXT,
	FIELD_MAX_OUTPUT,
	FIELD_PRICE,
	FIELD_DEPRECATED,
	FIELD_DIALECT,
	FIELD_TOOLS, /* from here on the abilities */
	FIELD_VISION,
	FIELD_STRUCTURED,
	FIELD_REASONING,
	FIELD_AUDIO,
	FIELDS
};

static const char *const field_names[FIELDS] = {"provider", "model", "context",
    "max_output", "price", "deprecated", "dialect", "tools", "vision",
    "structured_output", "reasoning", "audio"};

static const unsigned abilities[] = {
    CAP_TOOLS, CAP_VISION, CAP_STRUCTURED, CAP_REASONING, CAP_AUDIO};

struct reading {
	struct loading *l;
	struct map offers;	 /* of the catalog as it was: "provider/upstream id" */
	struct model *m;	 /* being read */
	const struct offer *old; /* its list in the catalog */
	const char *missing;	 /* of the entry being read: why it is out */
	bool kind_known;	 /* its kind is stated, or the catalog's */
	char where[LOADING_MODEL_MAX + 16];
};

/* --- the catalog --- */

static void
read_text(struct loading *l, struct slice text, const char *source, bool merge)
{
	struct place place = {source, 1, 1};
	struct note note = {""};
	size_t at = 0;
	enum err e =
	    (merge ? catalog_merge : catalog_read)(l->c->catalog, text, &at, &note);

	if (e == ERR_NOMEM)
		l->nomem = true;
	if (e != ERR_SYNTAX)
		return;
	for (size_t i = 0; i < at && i < text.len; i++) {
		place.column++;
		if (text.ptr[i] == '\n')
			place = (struct place){source, place.line + 1, 1};
	}
	report_error(&l->report, place, "%s", note.text);
}

/* `weir prices import` keeps them in the data folder. */
static void
read_imported(struct loading *l)
{
	char folder[4096];
	struct slice path;
	struct buf text;
	int error;

	path = l->prices != NULL ? slice_str(l->prices)
				 : arena_printf(&l->arena, "%s/" CONFIG_PRICES,
				       store_folder(l->c->options.data, folder));
	if (path.len == 0) {
		l->nomem = true;
		return;
	}
	buf_init(&text, CATALOG_BYTES_MAX);
	error = loading_file(path.ptr, &text);
	if (error == ENOMEM)
		l->nomem = true;
	else if (error == 0)
		read_text(l, buf_slice(&text), path.ptr, true);
	else if (l->prices != NULL || (error != ENOENT && error != ENOTDIR))
		report_error(&l->report, (struct place){path.ptr, 0, 0},
		    "cannot read: %s", strerror(error));
	buf_free(&text);
}

static void
read_given(struct loading *l)
{
	const char *file = l->c->options.catalog;
	struct buf text;
	int error;

	if (file[0] == '\0')
		return;
	buf_init(&text, CATALOG_BYTES_MAX);
	error = loading_file(file, &text);
	if (error == ENOMEM)
		l->nomem = true;
	else if (error != 0)
		loading_option_error(
		    l, "catalog", LOADING_WHOLE, "%s: %s", file, strerror(error));
	else
		read_text(l, buf_slice(&text), file, false);
	buf_free(&text);
}

void
models_read_catalog(struct loading *l)
{
	read_text(l, catalog_builtin(), "the built-in catalog", false);
	if (!l->nomem)
		read_given(l);
	if (!l->nomem)
		read_imported(l);
}

/* --- what an entry stands for --- */

static enum err
index_offers(struct reading *r)
{
	struct catalog *c = r->l->c->catalog;

	for (unsigned i = 0; i < c->nmodels; i++)
		for (struct offer *o = c->models[i]->offers; o != NULL; o = o->next) {
			struct slice key = arena_printf(&r->l->arena, "%s/%.*s",
			    o->provider->name, SLICE_ARGS(o->upstream));

			if (key.len == 0 || map_put(&r->offers, key, o) != ERR_OK)
				return ERR_NOMEM;
		}
	return ERR_OK;
}

/* The catalog's model that a request of that name would get; NULL. */
static const struct model *
model_named(const struct catalog *c, struct slice name)
{
	const struct model *found = map_get(&c->ids, name);

	if (found == NULL)
		found = map_get(&c->aliases, name);
	/* The index of bare names is made when all is read. */
	for (unsigned i = 0; i < c->nmodels && found == NULL; i++) {
		struct slice id = c->models[i]->id;

		if (slice_eq(slice_from(id, slice_rfind(id, '/') + 1), name))
			found = c->models[i];
	}
	return found;
}

static const struct offer *
offer_of_upstream(struct reading *r, const struct provider *p, struct slice upstream)
{
	char key[2 * LOADING_MODEL_MAX + 80];
	int n = snprintf(key, sizeof(key), "%s/%.*s", p->name, SLICE_ARGS(upstream));

	return n < 0 || (size_t)n >= sizeof(key)
		   ? NULL
		   : map_get(&r->offers, slice_of(key, (size_t)n));
}

/* The offer that the entry stands for, or NULL; upstream is "" when not stated. */
static const struct offer *
base_of(struct reading *r, const struct provider *p, struct slice upstream)
{
	const struct offer *same = NULL;

	for (const struct offer *o = r->old; o != NULL; o = o->next) {
		if (o->provider != p)
			continue;
		if (slice_eq(o->upstream, upstream))
			return o;
		if (same == NULL || (same->deprecated && !o->deprecated))
			same = o;
	}
	if (upstream.len > 0) {
		const struct offer *other = offer_of_upstream(r, p, upstream);

		if (other != NULL)
			return other;
	}
	return same;
}

/* --- prices --- */

static bool
read_usd(struct loading *l, const struct yaml_node *n, int64_t *ret_pusd)
{
	struct secret text;
	bool ok;

	if (!loading_text(l, n, "an amount of USD", &text))
		return false;
	ok = text_scaled(secret_reveal(&text), 12, ret_pusd);
	secret_free(&text);
	if (!ok)
		report_error(&l->report, loading_place(l, n),
		    "expected an amount of USD like \"0.15\", found \"%s\"",
		    QUOTE(n->text));
	return ok;
}

/* {usd: 0.111, per: 3600} */
static bool
read_rate(struct loading *l, const struct yaml_node *n, struct rate *ret_rate)
{
	static const char *const names[] = {"usd", "per"};
	const struct yaml_node *v[2];
	uint64_t per = 0;
	int64_t pusd = 0;

	if (!loading_members(l, n, S("a price"), names, 2, v))
		return false;
	if (v[0] == NULL || v[1] == NULL) {
		report_error(&l->report, loading_place(l, n),
		    "expected {usd: AMOUNT, per: UNITS}");
		return false;
	}
	if (!read_usd(l, v[0], &pusd) || !loading_count(l, v[1], 1, PER_MAX, &per))
		return false;
	*ret_rate = (struct rate){pusd, (int64_t)per};
	return true;
}

static void
read_class(struct loading *l, const struct yaml_node *n, enum usage_class class,
    struct rate *ret_rate)
{
	int64_t pusd = 0;

	if (n->kind == YAML_MAP)
		(void)read_rate(l, n, ret_rate);
	else if (!usage_is_tokens(class))
		report_error(&l->report, loading_place(l, n),
		    "%s: expected {usd: AMOUNT, per: UNITS}", usage_key(class));
	else if (read_usd(l, n, &pusd))
		*ret_rate = (struct rate){pusd, PRICE_TOKENS};
}

/* With a price of one side only the cost of an answer would not be known. */
static void
check_sides(struct loading *l, const struct yaml_node *n, const struct price *p)
{
	bool input = p->rate[USAGE_INPUT].per != 0,
	     output = p->rate[USAGE_OUTPUT].per != 0;

	if (input != output)
		report_error(&l->report, loading_place(l, n),
		    "the price has no %s; where that is free, say so: %s: 0",
		    input ? "output" : "input", input ? "output" : "input");
}

static void
read_price(
    struct loading *l, const struct yaml_node *n, enum operation op, struct offer *o)
{
	const struct yaml_node *v[USAGE_CLASSES];
	const char *names[USAGE_CLASSES];
	unsigned before = l->report.nerrors;
	struct price *price;
	bool any = false;

	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		names[c] = usage_key((enum usage_class)c);
	if (!loading_members(l, n, S("price"), names, USAGE_CLASSES, v))
		return;
	o->prices = NULL; /* a stated price stands alone */
	price = catalog_add_price(l->c->catalog, o);
	if (price == NULL) {
		l->nomem = true;
		return;
	}
	for (unsigned c = 0; c < USAGE_CLASSES; c++) {
		any = any || v[c] != NULL;
		if (v[c] != NULL)
			read_class(l, v[c], (enum usage_class)c, &price->rate[c]);
	}
	if (!any)
		report_error(&l->report, loading_place(l, n),
		    "expected prices, like {input: 0.15, output: 0.60}");
	else if (op != OP_EMBEDDING && l->report.nerrors == before)
		check_sides(l, n, price);
	if (!price_units_fit(price))
		report_error(&l->report, loading_place(l, n),
		    "the units (\"per\") of these prices have no common multiple below "
		    "%llu",
		    (unsigned long long)UINT32_MAX);
}

/* --- one entry --- */

static void
read_abilities(struct loading *l, const struct yaml_node *const *v, struct offer *o)
{
	for (unsigned i = 0; FIELD_TOOLS + i < FIELDS; i++) {
		bool able;

		if (v[FIELD_TOOLS + i] == NULL ||
		    !loading_bool(l, v[FIELD_TOOLS + i], &able))
			continue;
		o->can = able ? o->can | abilities[i] : o->can & ~abilities[i];
		o->cannot = able ? o->cannot & ~abilities[i] : o->cannot | abilities[i];
	}
}

static void
read_dialect(struct loading *l, const struct yaml_node *n, struct offer *o)
{
	const char *words[DIALECT_NATIVE];
	unsigned i;

	for (i = 0; i < DIALECT_NATIVE; i++)
		words[i] = dialect_name((enum dialect_id)i);
	if (!loading_word(l, n, words, DIALECT_NATIVE, &i))
		return;
	o->has_dialect = true;
	o->dialect = (enum dialect_id)i;
}

static void
read_fields(struct loading *l, const struct yaml_node *const *v, enum operation op,
    struct offer *o)
{
	if (v[FIELD_CONTEXT] != NULL)
		(void)loading_count(l, v[FIELD_CONTEXT], 1, 1u << 30, &o->context_tok);
	if (v[FIELD_MAX_OUTPUT] != NULL)
		(void)loading_count(
		    l, v[FIELD_MAX_OUTPUT], 1, 1u << 30, &o->max_output_tok);
	if (v[FIELD_DEPRECATED] != NULL)
		(void)loading_bool(l, v[FIELD_DEPRECATED], &o->deprecated);
	if (v[FIELD_DIALECT] != NULL)
		read_dialect(l, v[FIELD_DIALECT], o);
	if (v[FIELD_PRICE] != NULL)
		read_price(l, v[FIELD_PRICE], op, o);
	read_abilities(l, v, o);
}

/* The local model that the entry means, which is reported when there is none. */
static const struct config_engine *
engine_of(struct reading *r, const struct yaml_node *n, struct slice name)
{
	const struct config *c = r->l->c;
	const struct config_engine *e = local_named(c, name);
	struct note all = {""}, hint;
	struct nearest nearest;

	if (e != NULL)
		return e;
	nearest_init(&nearest, name);
	for (unsigned i = 0; i < c->nengines; i++) {
		nearest_try(&nearest, slice_str(c->engines[i].name));
		note_add(&all, "%s%s", i == 0 ? "" : ", ", c->engines[i].name);
	}
	nearest_tell(&nearest, all.text, &hint);
	report_error(&r->l->report, loading_place(r->l, n),
	    "unknown local model \"%s\"%s", QUOTE(name), hint.text);
	return NULL;
}

/* A new offer at the end of the model's list; one of each kind only. */
static struct offer *
new_offer(struct reading *r, const struct yaml_node *n, struct provider *p,
    struct slice upstream)
{
	struct loading *l = r->l;
	struct offer *o;

	for (o = r->m->offers; o != NULL; o = o->next) {
		if (o->provider != p || !slice_eq(o->upstream, upstream))
			continue;
		report_error(&l->report, loading_place(l, n),
		    "\"%s\" of provider \"%s\" is listed twice", QUOTE(upstream),
		    p->name);
		return NULL;
	}
	o = catalog_offer(l->c->catalog, r->m, p, upstream);
	l->nomem = l->nomem || o == NULL;
	return o;
}

static void
take_base(struct offer *o, const struct offer *base)
{
	o->context_tok = base->context_tok;
	o->max_output_tok = base->max_output_tok;
	o->can = base->can;
	o->cannot = base->cannot;
	o->deprecated = base->deprecated;
	o->has_dialect = base->has_dialect;
	o->dialect = base->dialect;
	o->prices = base->prices;
}

/* The offer that the entry makes, or NULL when that was reported; upstream is ""
 * when it is not stated. */
static struct offer *
make_offer(struct reading *r, const struct yaml_node *entry, const struct yaml_node *id,
    struct provider *p, struct slice upstream)
{
	const struct offer *base = base_of(r, p, upstream);
	const struct config_engine *engine = NULL;
	struct offer *o;

	if (upstream.len == 0)
		upstream = base == NULL ? r->m->id : base->upstream;
	if (p->auth == AUTH_ENGINE && r->missing == NULL) {
		engine = engine_of(r, id == NULL ? entry : id, upstream);
		if (engine == NULL)
			return NULL;
	}
	o = new_offer(r, entry, p, upstream);
	if (o == NULL)
		return NULL;
	if (!r->kind_known && (base != NULL || engine != NULL)) {
		r->m->op = engine == NULL      ? base->model->op
			   : engine->embedding ? OP_EMBEDDING
					       : OP_CHAT;
		r->kind_known = true;
	}
	if (engine != NULL)
		local_fill(r->l, o, engine);
	else if (base != NULL)
		take_base(o, base);
	if (r->missing != NULL)
		o->missing = r->missing;
	return o;
}

/* The provider that the entry names, or NULL when that was reported. */
static struct provider *
read_provider(struct reading *r, const struct yaml_node *entry, const struct yaml_node *n)
{
	struct loading *l = r->l;
	struct secret name;
	struct provider *p;

	if (n == NULL) {
		report_error(&l->report, loading_place(l, entry),
		    "an entry of a model wants a provider: {provider: NAME, model: ID}");
		return NULL;
	}
	if (!loading_text(l, n, "a provider's name", &name))
		return NULL;
	p = providers_named(l, secret_reveal(&name), loading_place(l, n));
	secret_free(&name);
	return p;
}

/* The id that the provider knows. Without a variable in it the offer stays, under
 * the text as it is written, and is out. */
static bool
read_upstream(struct reading *r, const struct yaml_node *n, struct secret *ret_id)
{
	struct loading *l = r->l;
	struct expansion e;

	if (!loading_expand(l, n, "a model's id", &e))
		return false;
	if (e.unset.len > 0) {
		r->missing =
		    loading_keep(l, "%.*s %s", SLICE_ARGS(e.unset), expand_fault(&e));
		report_warning(&l->report, loading_place(l, n),
		    "%.*s %s: this offer of \"%s\" is left out", SLICE_ARGS(e.unset),
		    expand_fault(&e), QUOTE(r->m->id));
		secret_free(&e.text);
		e.text = secret_new(n->text);
		l->nomem = l->nomem || e.text.bytes == NULL;
	}
	*ret_id = e.text;
	return loading_model_name(l, n, secret_reveal(&e.text));
}

static void
read_entry(struct reading *r, const struct yaml_node *entry)
{
	const struct yaml_node *v[FIELDS];
	struct loading *l = r->l;
	struct secret upstream = {NULL, 0};
	struct offer *o = NULL, nowhere = {0};
	struct provider *p;
	bool good;

	if (!loading_members(l, entry, slice_str(r->where), field_names, FIELDS, v))
		return;
	r->missing = NULL;
	p = read_provider(r, entry, v[FIELD_PROVIDER]);
	good = v[FIELD_MODEL] == NULL || read_upstream(r, v[FIELD_MODEL], &upstream);
	if (p != NULL && good)
		o = make_offer(r, entry, v[FIELD_MODEL], p, secret_reveal(&upstream));
	secret_free(&upstream);
	/* Read in any case, so that all that is wrong is told. */
	if (!l->nomem)
		read_fields(l, v, r->m->op, o == NULL ? &nowhere : o);
}

/* --- one model --- */

static void
read_caps(struct reading *r, const struct yaml_node *n)
{
	struct account_limits *caps;

	if (n == NULL)
		return;
	caps = arena_alloc(&r->l->c->catalog->arena, sizeof(*caps));
	if (caps == NULL) {
		r->l->nomem = true;
		return;
	}
	(void)caps_load(r->l, n, S("limits"), false, caps);
	r->m->caps = caps;
}

static const struct yaml_node *
read_kind(struct reading *r, const struct yaml_node *map)
{
	static const char *const names[] = {"kind", "providers", "limits"};
	static const char *const words[] = {"chat", "completion", "embedding"};
	static const enum operation ops[] = {OP_CHAT, OP_COMPLETION, OP_EMBEDDING};
	const struct yaml_node *v[3];
	unsigned i;

	if (!loading_members(r->l, map, slice_str(r->where), names, 3, v))
		return NULL;
	read_caps(r, v[2]);
	if (v[0] != NULL && loading_word(r->l, v[0], words, 3, &i)) {
		r->m->op = ops[i];
		r->kind_known = true;
	}
	if (v[1] == NULL)
		report_error(&r->l->report, loading_place(r->l, map),
		    "expected {kind: KIND, providers: [...]}");
	return v[1];
}

/* {limits: {...}} of a model that the catalog knows: it stays as it is otherwise. */
static bool
is_limits_alone(const struct yaml_node *n)
{
	return n->kind == YAML_MAP && yaml_get(n, S("limits")) != NULL &&
	       yaml_get(n, S("kind")) == NULL && yaml_get(n, S("providers")) == NULL;
}

static void
read_limits(struct reading *r, const struct yaml_node *map)
{
	static const char *const names[] = {"limits"};
	const struct yaml_node *v[1];

	if (loading_members(r->l, map, slice_str(r->where), names, 1, v))
		read_caps(r, v[0]);
}

static void
read_model(struct reading *r, const struct yaml_node *key)
{
	struct loading *l = r->l;
	const struct yaml_node *list = key->value;
	const struct model *same = model_named(l->c->catalog, key->text);
	struct config_model *more;

	bool alone = same != NULL && is_limits_alone(list);

	(void)snprintf(r->where, sizeof(r->where), "models.%.*s",
	    SLICE_ARGS(slice_head(key->text, LOADING_MODEL_MAX)));
	r->m = catalog_model(l->c->catalog, alone ? same->id : key->text);
	more = loading_more(l, l->c->models, l->c->nmodels, sizeof(*more));
	if (more != NULL)
		l->c->models = more;
	if (r->m == NULL || more == NULL) {
		l->nomem = true;
		return;
	}
	if (alone) {
		read_limits(r, list);
		more[l->c->nmodels++] = (struct config_model){r->m, key->line};
		return;
	}
	r->old = same == NULL ? NULL : same->offers;
	r->kind_known = same != NULL;
	r->m->op = same == NULL ? OP_CHAT : same->op;
	if (list->kind == YAML_MAP)
		list = read_kind(r, list);
	if (list != NULL && (list->kind != YAML_LIST || list->first == NULL))
		report_error(&l->report, loading_place(l, list),
		    "expected a list of providers (\"- {provider: NAME, model: ID}\"), "
		    "found %s",
		    list->kind == YAML_LIST ? "an empty one" : yaml_what(list));
	if (list == NULL || list->kind != YAML_LIST)
		return;
	more[l->c->nmodels++] = (struct config_model){r->m, key->line};
	catalog_clear_offers(r->m);
	r->m->configured = true;
	r->m->context_tok = r->m->max_output_tok = 0;
	for (const struct yaml_node *i = list->first; i != NULL && !l->nomem; i = i->next)
		read_entry(r, i);
}

void
models_load(struct loading *l)
{
	const struct yaml_node *map = yaml_get(l->root, S("models"));
	struct reading r = {.l = l};

	if (map == NULL || yaml_is_null(map))
		return;
	if (map->kind != YAML_MAP) {
		loading_unexpected(l, map, "a mapping of models to lists of providers");
		return;
	}
	map_init(&r.offers);
	if (index_offers(&r) != ERR_OK)
		l->nomem = true;
	for (const struct yaml_node *k = map->first; k != NULL && !l->nomem; k = k->next)
		if (loading_model_name(l, k, k->text))
			read_model(&r, k);
	map_free(&r.offers);
}
