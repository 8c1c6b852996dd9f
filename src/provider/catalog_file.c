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
	size_t at; /* of the error */
	struct note *note;
	struct slice model; /* being read, for messages; empty: none yet */
	bool merge;	    /* offers that a list does not name stay */
};

static enum err
bad(struct reading *r, uint32_t v, const char *expected)
{
	r->at = v == JSON_NONE ? 0 : r->j->tokens[v].at;
	if (r->model.len == 0)
		note_set(r->note, "%s", expected);
	else
		note_set(
		    r->note, "in model \"%.*s\": %s", SLICE_ARGS(r->model), expected);
	return ERR_SYNTAX;
}

/* A list, if it is there at all. */
static enum err
check_list(struct reading *r, uint32_t v, enum json_type items, const char *expected)
{
	if (v == JSON_NONE)
		return ERR_OK;
	if (!json_is(r->j, v, JSON_ARRAY))
		return bad(r, v, expected);
	JSON_FOR_EACH (item, r->j, v)
		if (!json_is(r->j, item, items))
			return bad(r, item, expected);
	return ERR_OK;
}

/* A name, decoded: of a model, here or at its provider. */
static enum err
read_name(struct reading *r, uint32_t v, struct slice *ret_name)
{
	struct slice name;

	if (!json_is(r->j, v, JSON_STRING))
		return bad(r, v, "a name is a string");
	if (!json_string(r->j, v, &r->c->arena, &name))
		return ERR_NOMEM;
	for (size_t i = 0; i < name.len; i++)
		if ((unsigned char)name.ptr[i] <= ' ' || name.ptr[i] == 0x7f)
			return bad(r, v, "a name has no blanks in it");
	if (name.len == 0)
		return bad(r, v, "a name is not empty");
	*ret_name = name;
	return ERR_OK;
}

/* A number of tokens, if it is stated. */
static enum err
read_count(struct reading *r, uint32_t object, struct slice key, uint64_t *ret_count)
{
	uint32_t v = json_get(r->j, object, key);

	if (v == JSON_NONE || json_u64(r->j, v, ret_count))
		return ERR_OK;
	return bad(r, v, "expected a number of tokens");
}

static enum err
read_size(
    struct reading *r, uint32_t object, uint64_t *ret_context, uint64_t *ret_max_output)
{
	enum err e = read_count(r, object, S("context"), ret_context);

	return e != ERR_OK ? e : read_count(r, object, S("max_output"), ret_max_output);
}

static uint64_t
days_of(uint64_t year, uint64_t month)
{
	if (month == 2)
		return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* "T23:59:59Z" as ms. */
static bool
read_time(struct slice s, uint64_t *ret_ms)
{
	uint64_t hour, minute, second;

	if (s.len != 10 || s.ptr[0] != 'T' || s.ptr[3] != ':' || s.ptr[6] != ':' ||
	    s.ptr[9] != 'Z' || !slice_u64(slice_of(s.ptr + 1, 2), &hour) ||
	    !slice_u64(slice_of(s.ptr + 4, 2), &minute) ||
	    !slice_u64(slice_of(s.ptr + 7, 2), &second) || hour > 23 || minute > 59 ||
	    second > 59)
		return false;
	*ret_ms = (hour * 3600 + minute * 60 + second) * 1000;
	return true;
}

/* "2026-07-30" or "2026-07-30T12:00:00Z" as unix ms. */
static bool
read_date(struct slice s, uint64_t *ret_ms)
{
	uint64_t year, month, day, days, time = 0;

	if ((s.len > 10 && !read_time(slice_from(s, 10), &time)) || s.len < 10 ||
	    s.ptr[4] != '-' || s.ptr[7] != '-' || !slice_u64(slice_head(s, 4), &year) ||
	    !slice_u64(slice_of(s.ptr + 5, 2), &month) ||
	    !slice_u64(slice_of(s.ptr + 8, 2), &day) || year < 1970 || month < 1 ||
	    month > 12 || day < 1 || day > days_of(year, month))
		return false;
	/* Days from 1970-01-01 in the Gregorian calendar, March being month 0. */
	year -= month <= 2;
	month = (month + 9) % 12;
	days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 306 + 5) / 10 +
	       day - 1;
	*ret_ms = (days - 719468) * 86400000u + time;
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
		    per > INT64_MAX)
			return false;
	}
	ret_rate->per = (int64_t)per;
	return json_scaled(j, usd, 12, &ret_rate->pusd) && ret_rate->pusd >= 0;
}

#define UNITS_FIT "the units (\"per\") of a row have a common multiple below 4294967296"

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

/* A row that says only what changes: the rest is as in the row that it belongs to. */
static enum err
read_change(struct reading *r, uint32_t row, struct offer *o, const struct price *base,
    struct price **ret_row)
{
	struct price *t = catalog_add_price(r->c, o);
	enum err e;

	if (t == NULL)
		return ERR_NOMEM;
	t->from_ms = base->from_ms;
	t->tier = base->tier;
	e = read_rates(r, row, t);
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		if (t->rate[c].per == 0)
			t->rate[c] = base->rate[c];
	if (e == ERR_OK && !price_units_fit(t))
		return bad(r, row, UNITS_FIT);
	*ret_row = t;
	return e;
}

/* What holds for longer prompts. */
static enum err
read_lengths(struct reading *r, uint32_t row, struct offer *o, const struct price *base)
{
	uint32_t tiers = json_get(r->j, row, S("tiers"));
	enum err e = check_list(r, tiers, JSON_OBJECT, "\"tiers\" is a list of objects");
	struct price *t;

	if (tiers == JSON_NONE || e != ERR_OK)
		return e;
	JSON_FOR_EACH (tier, r->j, tiers) {
		e = read_change(r, tier, o, base, &t);
		if (e != ERR_OK)
			break;
		if (!json_u64(r->j, json_get(r->j, tier, S("above_input_tokens")),
			&t->above_tok) ||
		    t->above_tok == 0)
			return bad(r, tier, "a tier wants \"above_input_tokens\"");
	}
	return e;
}

/* Shares of the standard prices of that date, which stand before what was added since. */
static enum err
add_shares(struct reading *r, enum tier tier, int64_t shares, struct offer *o,
    const struct price *base)
{
	const struct price *p = o->prices;

	for (;; p = p->next) {
		struct price *t;

		if (p->tier == TIER_STANDARD) {
			t = catalog_add_price(r->c, o);
			if (t == NULL)
				return ERR_NOMEM;
			t->from_ms = p->from_ms;
			t->above_tok = p->above_tok;
			t->tier = tier;
			for (unsigned c = 0; c < USAGE_CLASSES; c++)
				t->rate[c] = price_share(p->rate[c], shares);
		}
		if (p == base)
			return ERR_OK;
	}
}

#define SHARES_MAX (1000 * PRICE_SHARES)
#define SERVICE_TIER                                                                     \
	"\"service_tiers\" has \"flex\", \"priority\" or \"batch\", each a factor of "   \
	"up to "                                                                         \
	"four decimals, or an object of prices"

/* One of them: a factor, or what changes. */
static enum err
read_service_tier(
    struct reading *r, uint32_t key, struct offer *o, const struct price *base)
{
	struct price as = *base, *t;
	int64_t shares;
	enum err e;

	for (as.tier = TIER_STANDARD + 1; as.tier < TIERS; as.tier++)
		if (json_equals(r->j, key, slice_str(tier_name(as.tier))))
			break;
	if (as.tier == TIERS)
		return bad(r, key, SERVICE_TIER);
	if (json_scaled(r->j, key + 1, 4, &shares))
		return shares < 0 || shares > SHARES_MAX
			   ? bad(r, key + 1, SERVICE_TIER)
			   : add_shares(r, as.tier, shares, o, base);
	if (!json_is(r->j, key + 1, JSON_OBJECT))
		return bad(r, key + 1, SERVICE_TIER);
	e = read_change(r, key + 1, o, &as, &t);
	return e != ERR_OK ? e : read_lengths(r, key + 1, o, t);
}

static enum err
read_service_tiers(
    struct reading *r, uint32_t row, struct offer *o, const struct price *base)
{
	uint32_t tiers = json_get(r->j, row, S("service_tiers"));
	uint32_t batch = json_get(r->j, row, S("batch_discount"));
	enum err e = ERR_OK;
	int64_t shares;

	if (tiers != JSON_NONE && !json_is(r->j, tiers, JSON_OBJECT))
		return bad(r, tiers, SERVICE_TIER);
	if (tiers != JSON_NONE)
		JSON_FOR_EACH_KEY (key, r->j, tiers) {
			e = read_service_tier(r, key, o, base);
			if (e != ERR_OK)
				return e;
		}
	if (batch == JSON_NONE || json_get(r->j, tiers, S("batch")) != JSON_NONE)
		return ERR_OK;
	if (!json_scaled(r->j, batch, 4, &shares) || shares < 0 || shares > SHARES_MAX)
		return bad(r, batch, "\"batch_discount\" is a share, like 0.5");
	return add_shares(r, TIER_BATCH, shares, o, base);
}

static enum err
read_price(struct reading *r, uint32_t row, struct offer *o)
{
	uint32_t from = json_get(r->j, row, S("from"));
	struct price *p = catalog_add_price(r->c, o);
	enum err e;

	if (p == NULL)
		return ERR_NOMEM;
	if (from != JSON_NONE && !read_date(json_inner(r->j, from), &p->from_ms))
		return bad(r, from,
		    "\"from\" is a date like \"2026-07-30\" or a time like "
		    "\"2026-07-30T12:00:00Z\"");
	e = read_rates(r, row, p);
	if (e == ERR_OK && !price_units_fit(p))
		return bad(r, row, UNITS_FIT);
	if (e == ERR_OK)
		e = read_lengths(r, row, o, p);
	return e != ERR_OK ? e : read_service_tiers(r, row, o, p);
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
	o->has_dialect = before->has_dialect;
	o->dialect = before->dialect;
	o->prices = before->prices;
}

static enum err
read_prices(struct reading *r, uint32_t rows, struct offer *o)
{
	enum err e = check_list(r, rows, JSON_OBJECT, "\"prices\" is a list of objects");

	if (rows == JSON_NONE || e != ERR_OK)
		return e;
	o->prices = NULL;
	JSON_FOR_EACH (row, r->j, rows) {
		e = read_price(r, row, o);
		if (e != ERR_OK)
			break;
	}
	return e;
}

static enum err
read_dialect(struct reading *r, uint32_t v, struct offer *o)
{
	if (v == JSON_NONE)
		return ERR_OK;
	for (unsigned d = 0; d <= DIALECT_NATIVE; d++) {
		if (!json_equals(r->j, v, slice_str(dialect_name((enum dialect_id)d))))
			continue;
		o->has_dialect = true;
		o->dialect = (enum dialect_id)d;
		return ERR_OK;
	}
	return bad(r, v, "\"dialect\" is the name of one");
}

static enum err
read_offer(struct reading *r, uint32_t entry, struct model *m, const struct offer *before)
{
	const struct json *j = r->j;
	uint32_t ended = json_get(j, entry, S("deprecated"));
	struct slice name = S(""), upstream = S("");
	struct provider *p;
	struct offer *o;
	enum err e;

	if (json_get(j, entry, S("provider")) == JSON_NONE ||
	    json_get(j, entry, S("model")) == JSON_NONE)
		return bad(r, entry,
		    "an entry of \"providers\" wants \"provider\" and \"model\"");
	e = read_name(r, json_get(j, entry, S("provider")), &name);
	if (e == ERR_OK)
		e = read_name(r, json_get(j, entry, S("model")), &upstream);
	if (e != ERR_OK)
		return e;
	p = catalog_provider(r->c, name);
	if (p == NULL)
		return ERR_OK;
	o = catalog_offer(r->c, m, p, upstream);
	if (o == NULL)
		return ERR_NOMEM;
	inherit(o, earlier(before, p, upstream), m);
	read_flags(j, entry, &o->can, &o->cannot);
	if (ended != JSON_NONE)
		o->deprecated = json_is(j, ended, JSON_TRUE);
	if (json_is(j, json_get(j, entry, S("alias")), JSON_TRUE))
		o->deprecated = true;
	e = read_size(r, entry, &o->context_tok, &o->max_output_tok);
	if (e == ERR_OK)
		e = read_dialect(r, json_get(j, entry, S("dialect")), o);
	return e != ERR_OK ? e : read_prices(r, json_get(j, entry, S("prices")), o);
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
/* Puts those of the list before behind it that it does not have. */
static enum err
keep_others(struct reading *r, struct model *m, const struct offer *before)
{
	for (; before != NULL; before = before->next) {
		struct offer *o;

		if (earlier(m->offers, before->provider, before->upstream) != NULL)
			continue;
		o = catalog_offer(r->c, m, before->provider, before->upstream);
		if (o == NULL)
			return ERR_NOMEM;
		*o = *before;
		o->next = NULL; /* it is the last one */
	}
	return ERR_OK;
}

static enum err
read_offers(struct reading *r, uint32_t list, struct model *m)
{
	const struct offer *before = m->offers;
	enum err e =
	    check_list(r, list, JSON_OBJECT, "\"providers\" is a list of objects");

	if (list == JSON_NONE || e != ERR_OK)
		return e;
	catalog_clear_offers(m);
	JSON_FOR_EACH (entry, r->j, list) {
		e = read_offer(r, entry, m, before);
		if (e != ERR_OK)
			break;
	}
	return e != ERR_OK || !r->merge ? e : keep_others(r, m, before);
}

static enum err
read_aliases(struct reading *r, uint32_t list, struct model *m)
{
	enum err e = check_list(r, list, JSON_STRING, "\"aliases\" is a list of names");

	if (list == JSON_NONE || e != ERR_OK)
		return e;
	JSON_FOR_EACH (alias, r->j, list) {
		struct slice name;

		e = read_name(r, alias, &name);
		if (e == ERR_OK)
			e = catalog_alias(r->c, m, name);
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
	struct slice id;
	struct model *m;
	enum err e;

	r->model = json_inner(j, key);
	e = read_name(r, key, &id);
	if (e != ERR_OK)
		return e;
	if (!json_is(j, v, JSON_OBJECT))
		return bad(r, v, "a model is an object");
	m = catalog_model(r->c, id);
	if (m == NULL)
		return ERR_NOMEM;
	m->op = read_kind(j, json_get(j, v, S("kind")), m->op);
	read_modalities(j, json_get(j, v, S("input")), &m->can, &m->cannot);
	read_flags(j, v, &m->can, &m->cannot);
	e = read_size(r, v, &m->context_tok, &m->max_output_tok);
	if (e == ERR_OK)
		e = read_aliases(r, json_get(j, v, S("aliases")), m);
	return e != ERR_OK ? e : read_offers(r, json_get(j, v, S("providers")), m);
}

/* --- internal prices --- */

/* A name, if it is there, decoded; it outlives the file. */
static enum err
read_who(struct reading *r, uint32_t v, struct slice *ret_name)
{
	if (v == JSON_NONE)
		return ERR_OK;
	if (!json_is(r->j, v, JSON_STRING) || json_equals(r->j, v, S("")))
		return bad(r, v, "\"team\", \"organisation\" and \"models\" are texts");
	return json_string(r->j, v, &r->c->arena, ret_name) &&
		       arena_copy(&r->c->arena, *ret_name, ret_name)
		   ? ERR_OK
		   : ERR_NOMEM;
}

static enum err
read_internal(struct reading *r, uint32_t entry, struct internal_price **ret_end)
{
	struct internal_price *i = arena_zalloc(&r->c->arena, sizeof(*i));
	uint32_t prices = json_get(r->j, entry, S("prices"));
	struct slice models = S("");
	struct offer rows = {0};
	enum err e;

	if (i == NULL)
		return ERR_NOMEM;
	i->team = i->organisation = S("");
	e = read_who(r, json_get(r->j, entry, S("team")), &i->team);
	if (e == ERR_OK)
		e = read_who(
		    r, json_get(r->j, entry, S("organisation")), &i->organisation);
	if (e == ERR_OK)
		e = read_who(r, json_get(r->j, entry, S("models")), &models);
	if (e != ERR_OK)
		return e;
	if (models.len == 0 || json_first(r->j, prices) == JSON_NONE)
		return bad(
		    r, entry, "an entry of \"internal\" wants \"models\" and \"prices\"");
	i->models = arena_printf(&r->c->arena, "%.*s", SLICE_ARGS(models));
	if (i->models.len == 0)
		return ERR_NOMEM;
	e = read_prices(r, prices, &rows);
	i->prices = rows.prices;
	*ret_end = i;
	return e;
}

/* A list here replaces the one before. */
static enum err
read_internals(struct reading *r, uint32_t list)
{
	enum err e =
	    check_list(r, list, JSON_OBJECT, "\"internal\" is a list of objects");
	struct internal_price **end = &r->c->internal;

	if (list == JSON_NONE || e != ERR_OK)
		return e;
	r->model = S("");
	*end = NULL;
	JSON_FOR_EACH (entry, r->j, list) {
		e = read_internal(r, entry, end);
		if (e != ERR_OK)
			break;
		end = &(*end)->next;
	}
	return e;
}

static enum err
read_file(
    struct catalog *c, struct slice text, bool merge, size_t *ret_at, struct note *note)
{
	struct json j;
	struct reading r = {
	    .c = c, .j = &j, .note = note, .model = S(""), .merge = merge};
	enum err e;
	uint32_t models;

	json_init(&j, UINT32_MAX / 2);
	e = json_parse(&j, text, JSON_KEEP_ALL);
	r.at = j.error_at;
	if (e == ERR_SYNTAX)
		note_set(note, "expected %s", j.why);
	models = json_get(&j, 0, S("models"));
	if (e == ERR_OK && !json_is(&j, models, JSON_OBJECT))
		e = bad(&r, JSON_NONE, "a catalog is an object with \"models\"");
	if (e == ERR_OK)
		JSON_FOR_EACH_KEY (key, &j, models) {
			e = read_model(&r, key);
			if (e != ERR_OK)
				break;
		}
	if (e == ERR_OK)
		e = read_internals(&r, json_get(&j, 0, S("internal")));
	json_free(&j);
	if (e == ERR_SYNTAX)
		*ret_at = r.at;
	return e;
}

enum err
catalog_read(struct catalog *c, struct slice text, size_t *ret_at, struct note *note)
{
	return read_file(c, text, false, ret_at, note);
}

enum err
catalog_merge(struct catalog *c, struct slice text, size_t *ret_at, struct note *note)
{
	return read_file(c, text, true, ret_at, note);
}
