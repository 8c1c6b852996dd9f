/*
 * The catalog's file format (docs/catalog.md), read into a catalog.
 */
#include "core/text.h"
#include "provider/catalog.h"
#include "json/tape.h"

/* The file is part of the program. */
__asm__(".section .rodata\n"
	"catalog_json:\n"
	".incbin \"etc/catalog.json\"\n"
	"catalog_json_end:\n"
	".previous\n");

extern const char catalog_json[], catalog_json_end[];

struct slice
catalog_builtin(void)
{
	return slice_of(
	    catalog_json, (uintptr_t)catalog_json_end - (uintptr_t)catalog_json);
}

struct reading {
	struct catalog *c;
	const struct json *j;
	struct note *note;
	struct slice model; /* being read, for messages */
};

static enum err
bad(struct reading *r, uint32_t v, const char *expected)
{
	size_t at = v == JSON_NONE ? 0 : r->j->tokens[v].at;

	note_set(r->note, "at byte %zu, in model \"%.*s\": %s", at, SLICE_ARGS(r->model),
	    expected);
	return ERR_SYNTAX;
}

/* "2026-07-30" as unix ms. */
static bool
read_date(struct slice s, uint64_t *ret_ms)
{
	uint64_t year, month, day, days;

	if (s.len != 10 || s.ptr[4] != '-' || s.ptr[7] != '-' ||
	    !slice_u64(slice_head(s, 4), &year) ||
	    !slice_u64(slice_of(s.ptr + 5, 2), &month) ||
	    !slice_u64(slice_of(s.ptr + 8, 2), &day) || year < 1970 || month < 1 ||
	    month > 12 || day < 1 || day > 31)
		return false;
	/* Days from 1970-01-01 in the Gregorian calendar, March being month 0. */
	year -= month <= 2;
	month = (month + 9) % 12;
	days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 306 + 5) / 10 +
	       day - 1;
	*ret_ms = (days - 719468) * 86400000u;
	return true;
}

/* A class's rate: a number of USD per million tokens, or {"usd": x, "per": n}. */
static bool
read_rate(const struct json *j, uint32_t v, struct rate *ret_rate)
{
	uint64_t per = PRICE_TOKENS;
	uint32_t usd = v;

	if (json_is(j, v, JSON_OBJECT)) {
		usd = json_get(j, v, S("usd"));
		if (!json_u64(j, json_get(j, v, S("per")), &per) || per == 0 ||
		    per > UINT32_MAX)
			return false;
	}
	ret_rate->per = (int64_t)per;
	return json_scaled(j, usd, 12, &ret_rate->pusd) && ret_rate->pusd >= 0;
}

static enum err
read_rates(struct reading *r, uint32_t row, struct price *p)
{
	for (unsigned c = 0; c < USAGE_CLASSES; c++) {
		uint32_t v =
		    json_get(r->j, row, slice_str(usage_key((enum usage_class)c)));

		if (v != JSON_NONE && !read_rate(r->j, v, &p->rate[c]))
			return bad(r, v,
			    "a price is a number of USD per million tokens, "
			    "or {\"usd\": x, \"per\": units}");
	}
	return ERR_OK;
}

static enum err
read_price(struct reading *r, uint32_t row, struct offer *o)
{
	uint32_t from = json_get(r->j, row, S("from")),
		 tiers = json_get(r->j, row, S("tiers"));
	struct price *p = catalog_add_price(r->c, o);
	enum err e;

	if (p == NULL)
		return ERR_NOMEM;
	if (from != JSON_NONE && !read_date(json_inner(r->j, from), &p->from_ms))
		return bad(r, from, "\"from\" is a date like \"2026-07-30\"");
	e = read_rates(r, row, p);
	JSON_FOR_EACH (tier, r->j, tiers) {
		struct price *t = e == ERR_OK ? catalog_add_price(r->c, o) : NULL;

		if (t == NULL)
			return e == ERR_OK ? ERR_NOMEM : e;
		t->from_ms = p->from_ms;
		if (!json_u64(r->j, json_get(r->j, tier, S("above_input_tokens")),
			&t->above_tok))
			return bad(r, tier, "a tier wants \"above_input_tokens\"");
		e = read_rates(r, tier, t);
	}
	return e;
}

static void
read_flag(const struct json *j, uint32_t object, struct slice key, unsigned bit,
    unsigned *can, unsigned *cannot)
{
	uint32_t v = json_get(j, object, key);

	if (json_is(j, v, JSON_TRUE)) {
		*can |= bit;
		*cannot &= ~bit;
	} else if (json_is(j, v, JSON_FALSE)) {
		*cannot |= bit;
		*can &= ~bit;
	}
}

static void
read_flags(const struct json *j, uint32_t object, unsigned *can, unsigned *cannot)
{
	read_flag(j, object, S("tools"), CAP_TOOLS, can, cannot);
	read_flag(j, object, S("vision"), CAP_VISION, can, cannot);
	read_flag(j, object, S("structured_output"), CAP_STRUCTURED, can, cannot);
	read_flag(j, object, S("reasoning"), CAP_REASONING, can, cannot);
}

/* What an earlier file said of the same offer; NULL. */
static const struct offer *
earlier(const struct offer *before, const struct provider *p, struct slice upstream)
{
	for (; before != NULL; before = before->next)
		if (before->provider == p && slice_eq(before->upstream, upstream))
			return before;
	return NULL;
}

/* What is not said of an offer is as an earlier file said, else as the model's own. */
static void
inherit(struct offer *o, const struct offer *before, const struct model *m)
{
	o->can = before != NULL ? before->can : m->can;
	o->cannot = before != NULL ? before->cannot : m->cannot;
	o->context_tok = before != NULL ? before->context_tok : m->context_tok;
	o->max_output_tok = before != NULL ? before->max_output_tok : m->max_output_tok;
	if (before == NULL)
		return;
	o->deprecated = before->deprecated;
	o->prices = before->prices;
}

static enum err
read_prices(struct reading *r, uint32_t rows, struct offer *o)
{
	enum err e = ERR_OK;

	if (rows == JSON_NONE)
		return ERR_OK;
	o->prices = NULL;
	JSON_FOR_EACH (row, r->j, rows) {
		e = read_price(r, row, o);
		if (e != ERR_OK)
			break;
	}
	return e;
}

static enum err
read_offer(struct reading *r, uint32_t entry, struct model *m, const struct offer *before)
{
	const struct json *j = r->j;
	uint32_t name = json_get(j, entry, S("provider"));
	struct slice upstream = json_inner(j, json_get(j, entry, S("model")));
	struct provider *p = catalog_provider(r->c, json_inner(j, name));
	struct offer *o;

	if (json_inner(j, name).len == 0 || upstream.len == 0)
		return bad(r, entry,
		    "an entry of \"providers\" wants \"provider\" and \"model\"");
	if (p == NULL)
		return ERR_OK;
	o = catalog_offer(r->c, m, p, upstream);
	if (o == NULL)
		return ERR_NOMEM;
	inherit(o, earlier(before, p, upstream), m);
	read_flags(j, entry, &o->can, &o->cannot);
	(void)json_u64(j, json_get(j, entry, S("context")), &o->context_tok);
	(void)json_u64(j, json_get(j, entry, S("max_output")), &o->max_output_tok);
	o->deprecated = o->deprecated ||
			json_is(j, json_get(j, entry, S("deprecated")), JSON_TRUE) ||
			json_is(j, json_get(j, entry, S("alias")), JSON_TRUE);
	return read_prices(r, json_get(j, entry, S("prices")), o);
}

/* What the model takes in, as far as it is stated: images and sound. */
static void
read_modalities(const struct json *j, uint32_t list, unsigned *can, unsigned *cannot)
{
	if (!json_is(j, list, JSON_ARRAY))
		return;
	*cannot |= CAP_VISION | CAP_AUDIO;
	JSON_FOR_EACH (v, j, list) {
		unsigned bit = json_equals(j, v, S("image"))   ? CAP_VISION
			       : json_equals(j, v, S("audio")) ? CAP_AUDIO
							       : 0;

		*can |= bit;
		*cannot &= ~bit;
	}
}

static enum operation
read_kind(const struct json *j, uint32_t kind, enum operation usual)
{
	static const struct {
		struct slice name;
		enum operation op;
	} kinds[] = {{{"chat", 4}, OP_CHAT}, {{"completion", 10}, OP_COMPLETION},
	    {{"embedding", 9}, OP_EMBEDDING}};

	if (kind == JSON_NONE)
		return usual;
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (json_equals(j, kind, kinds[i].name))
			return kinds[i].op;
	return OP_NONE;
}

/* The model's offers: a list here replaces the one before. */
static enum err
read_offers(struct reading *r, uint32_t list, struct model *m)
{
	const struct offer *before = m->offers;
	enum err e = ERR_OK;

	if (list == JSON_NONE)
		return ERR_OK;
	catalog_clear_offers(m);
	JSON_FOR_EACH (entry, r->j, list) {
		e = read_offer(r, entry, m, before);
		if (e != ERR_OK)
			break;
	}
	return e;
}

static enum err
read_model(struct reading *r, uint32_t key)
{
	const struct json *j = r->j;
	uint32_t v = key + 1;
	struct model *m;

	r->model = json_inner(j, key);
	if (r->model.len == 0 || !json_is(j, v, JSON_OBJECT))
		return bad(r, key, "a model is a name and an object");
	m = catalog_model(r->c, r->model);
	if (m == NULL)
		return ERR_NOMEM;
	m->op = read_kind(j, json_get(j, v, S("kind")), m->op);
	(void)json_u64(j, json_get(j, v, S("context")), &m->context_tok);
	(void)json_u64(j, json_get(j, v, S("max_output")), &m->max_output_tok);
	JSON_FOR_EACH (alias, j, json_get(j, v, S("aliases")))
		if (catalog_alias(r->c, m, json_inner(j, alias)) != ERR_OK)
			return ERR_NOMEM;
	read_modalities(j, json_get(j, v, S("input")), &m->can, &m->cannot);
	read_flags(j, v, &m->can, &m->cannot);
	return read_offers(r, json_get(j, v, S("providers")), m);
}

enum err
catalog_read(struct catalog *c, struct slice text, struct note *note)
{
	struct json j;
	struct reading r = {.c = c, .j = &j, .note = note, .model = S("")};
	enum err e;
	uint32_t models;

	json_init(&j, UINT32_MAX / 2);
	e = json_parse(&j, text, JSON_KEEP_ALL);
	if (e == ERR_SYNTAX)
		note_set(note, "at byte %zu: expected %s", j.error_at, j.why);
	models = json_get(&j, 0, S("models"));
	if (e == ERR_OK && !json_is(&j, models, JSON_OBJECT))
		e = bad(&r, JSON_NONE, "a catalog is an object with \"models\"");
	if (e == ERR_OK)
		JSON_FOR_EACH_KEY (key, &j, models) {
			e = read_model(&r, key);
			if (e != ERR_OK)
				break;
		}
	json_free(&j);
	return e;
}
