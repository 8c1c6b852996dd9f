#include "core/clock.h"
#include "core/text.h"
#include "dialect/dialect.h"
#include "main/command.h"
#include "main/table.h"
#include "proxy/surface.h"
#include "json/write.h"

#include <stdio.h>

static const char help[] =
    "usage: weir models [NAME] [--all] [--json]\n\n"
    "The models that can be asked here, with the lowest price in USD per million\n"
    "tokens. With a NAME (or a part of one) every provider of it.\n\n"
    "  --all    also what cannot be asked for lack of a key\n"
    "  --json   the whole catalog, reachable or not\n";

static const char *
why_not(const struct offer *o)
{
	if (o->missing != NULL)
		return o->missing;
	if (o->provider->missing != NULL)
		return o->provider->missing;
	if (dialect_find(o->provider->dialect) == NULL)
		return "it speaks no dialect that weir does";
	return NULL;
}

/* --- JSON --- */

static void
put_rates(struct buf *b, const struct price *p)
{
	char text[TEXT_PUSD_MAX];

	json_open(b, '{');
	for (unsigned c = 0; c < USAGE_CLASSES; c++) {
		const struct rate *r = &p->rate[c];

		if (r->per == 0)
			continue;
		json_key(b, slice_str(usage_key((enum usage_class)c)));
		if (r->per == PRICE_TOKENS) {
			json_put_raw(b, slice_of(text, text_pusd(text, r->pusd)));
			continue;
		}
		json_open(b, '{');
		json_key(b, S("usd"));
		json_put_raw(b, slice_of(text, text_pusd(text, r->pusd)));
		json_member_u64(b, S("per"), (uint64_t)r->per);
		json_close(b, '}');
	}
	json_close(b, '}');
}

/* What holds now for short prompts, less the provider's discount. */
static void
put_price(struct buf *b, const struct offer *o, uint64_t now_ms)
{
	const struct price *p = price_at(o->prices, now_ms, TIER_STANDARD, 0);
	bool any = false;

	json_key(b, S("price"));
	if (p == NULL) {
		json_put_null(b);
		return;
	}
	put_rates(b, p);
	for (unsigned t = TIER_STANDARD + 1; t < TIERS; t++) {
		const struct price *other = price_at(o->prices, now_ms, (enum tier)t, 0);

		if (other == p)
			continue;
		if (!any) {
			json_key(b, S("service_tiers"));
			json_open(b, '{');
		}
		any = true;
		json_key(b, slice_str(tier_name((enum tier)t)));
		put_rates(b, other);
	}
	if (any)
		json_close(b, '}');
}

static void
put_flag(struct buf *b, struct slice key, unsigned bit, unsigned can, unsigned cannot)
{
	if (((can | cannot) & bit) == 0)
		return;
	json_key(b, key);
	json_put_bool(b, (can & bit) != 0);
}

static void
put_number_or_null(struct buf *b, struct slice key, uint64_t n)
{
	json_key(b, key);
	if (n > 0)
		json_put_u64(b, n);
	else
		json_put_null(b);
}

static void
put_offer_json(struct buf *b, const struct offer *o, uint64_t now_ms)
{
	const char *why = why_not(o);

	json_open(b, '{');
	json_member(b, S("provider"), slice_str(o->provider->name));
	json_member(b, S("model"), o->upstream);
	put_number_or_null(b, S("context"), o->context_tok);
	put_number_or_null(b, S("max_output"), o->max_output_tok);
	put_flag(b, S("tools"), CAP_TOOLS, o->can, o->cannot);
	put_flag(b, S("vision"), CAP_VISION, o->can, o->cannot);
	put_flag(b, S("structured_output"), CAP_STRUCTURED, o->can, o->cannot);
	put_flag(b, S("reasoning"), CAP_REASONING, o->can, o->cannot);
	put_price(b, o, now_ms);
	json_key(b, S("deprecated"));
	json_put_bool(b, o->deprecated);
	json_key(b, S("usable"));
	json_put_bool(b, why == NULL);
	if (why != NULL)
		json_member(b, S("why"), slice_str(why));
	json_close(b, '}');
}

static void
print_json(const struct catalog *c, uint64_t now_ms)
{
	struct buf b;

	buf_init(&b, 64u << 20);
	json_open(&b, '[');
	for (unsigned i = 0; i < c->nmodels; i++) {
		const struct model *m = c->models[i];

		buf_add(&b, i == 0 ? S("\n") : S(",\n"));
		json_open(&b, '{');
		json_member(&b, S("id"), m->id);
		json_member(&b, S("kind"), slice_str(surface_operation(m->op)));
		put_number_or_null(&b, S("context"), m->context_tok);
		put_number_or_null(&b, S("max_output"), m->max_output_tok);
		json_key(&b, S("providers"));
		json_open(&b, '[');
		for (const struct offer *o = m->offers; o != NULL; o = o->next)
			put_offer_json(&b, o, now_ms);
		json_close(&b, ']');
		json_close(&b, '}');
	}
	buf_add(&b, S("\n]\n"));
	command_print(buf_slice(&b));
	buf_free(&b);
}

/* --- tables --- */

static void
rate_cell(struct table *t, const struct price *p, enum usage_class c)
{
	char text[TEXT_PUSD_MAX];

	if (p == NULL)
		table_cell(t, S("?"));
	else if (p->rate[c].per != PRICE_TOKENS)
		table_cell(t, p->rate[c].per == 0 ? S("0") : S("*"));
	else
		table_cell(t, slice_of(text, text_pusd(text, p->rate[c].pusd)));
}

static void
tokens_cell(struct table *t, uint64_t n)
{
	char text[TEXT_U64_MAX + 1];
	size_t len;

	if (n == 0) {
		table_cell(t, S("?"));
	} else if (n % 1024 == 0 && n < 1000000) {
		len = text_u64(text, n / 1024);
		text[len++] = 'K';
		table_cell(t, slice_of(text, len));
	} else {
		table_number(t, n);
	}
}

/* The offer with the lowest price of input and output together. */
static const struct offer *
cheapest(const struct model *m, bool usable_only, uint64_t now_ms)
{
	const struct offer *best = NULL;
	int64_t lowest = INT64_MAX;

	for (const struct offer *o = m->offers; o != NULL; o = o->next) {
		const struct price *p = price_at(o->prices, now_ms, TIER_STANDARD, 0);
		int64_t sum =
		    p == NULL ? INT64_MAX - 1
			      : p->rate[USAGE_INPUT].pusd + p->rate[USAGE_OUTPUT].pusd;

		if (usable_only && why_not(o) != NULL)
			continue;
		if (sum < lowest) {
			best = o;
			lowest = sum;
		}
	}
	return best;
}

static unsigned
count_usable(const struct model *m)
{
	unsigned n = 0;

	for (const struct offer *o = m->offers; o != NULL; o = o->next)
		n += why_not(o) == NULL;
	return n;
}

static unsigned
print_models(const struct catalog *c, bool all, uint64_t now_ms)
{
	static const char *const titles[] = {
	    "model", ">providers", "cheapest", ">context", ">USD/M in", ">USD/M out"};
	struct table t;
	unsigned shown = 0;

	table_init(&t, 6, titles);
	for (unsigned i = 0; i < c->nmodels; i++) {
		const struct model *m = c->models[i];
		const struct offer *o = cheapest(m, !all, now_ms);
		const struct price *p;

		if (o == NULL)
			continue;
		p = price_at(o->prices, now_ms, TIER_STANDARD, 0);
		table_cell(&t, m->id);
		table_number(&t, all ? m->noffers : count_usable(m));
		table_cell(&t, slice_str(o->provider->name));
		tokens_cell(&t, m->context_tok);
		rate_cell(&t, p, USAGE_INPUT);
		rate_cell(&t, p, USAGE_OUTPUT);
		shown++;
	}
	if (shown > 0)
		table_print(&t);
	table_done(&t);
	return shown;
}

/* Who offers it, under its name. */
static void
print_offers(const struct model *m, uint64_t now_ms)
{
	static const char *const titles[] = {
	    "provider", "its id", ">context", ">USD/M in", ">cached", ">out", "usable"};
	struct table t;

	command_print(m->id);
	command_print(S("\n"));
	table_init(&t, 7, titles);
	for (const struct offer *o = m->offers; o != NULL; o = o->next) {
		const struct price *p = price_at(o->prices, now_ms, TIER_STANDARD, 0);
		const char *why = why_not(o);

		table_cell(&t, slice_str(o->provider->name));
		table_cell(&t, o->upstream);
		tokens_cell(&t, o->context_tok);
		rate_cell(&t, p, USAGE_INPUT);
		rate_cell(&t, p, USAGE_CACHED);
		rate_cell(&t, p, USAGE_OUTPUT);
		table_cell(&t, slice_str(why == NULL ? "yes" : why));
	}
	table_print(&t);
}

static void
print_matching(const struct catalog *c, struct slice name, uint64_t now_ms)
{
	bool first = true;

	for (unsigned i = 0; i < c->nmodels; i++) {
		const struct model *m = c->models[i];

		if (slice_search(m->id, name) == m->id.len)
			continue;
		if (!first)
			command_print(S("\n"));
		print_offers(m, now_ms);
		first = false;
	}
}

static bool
is_known(const struct catalog *c, struct slice name)
{
	struct slice near[3];
	unsigned n;

	for (unsigned i = 0; i < c->nmodels; i++)
		if (slice_search(c->models[i]->id, name) < c->models[i]->id.len)
			return true;
	n = catalog_nearest(c, name, near, 3);
	(void)fprintf(
	    stderr, "weir: no model has \"%.*s\" in its name", SLICE_ARGS(name));
	for (unsigned i = 0; i < n; i++)
		(void)fprintf(stderr, "%s%.*s", i == 0 ? "; near it are " : ", ",
		    SLICE_ARGS(near[i]));
	(void)fputc('\n', stderr);
	return false;
}

int
cmd_models(struct args *a)
{
	const char *arg, *name = NULL;
	bool all = false;
	struct config *c;
	uint64_t now_ms = clock_unix_ms();
	int status = 0;

	while ((arg = args_next(a, help)) != NULL) {
		if (strcmp(arg, "--all") == 0)
			all = true;
		else if (arg[0] == '-' || name != NULL)
			return args_unknown(a, arg);
		else
			name = arg;
	}
	c = command_config(a, false);
	if (c == NULL)
		return 1;
	if (a->json)
		print_json(c->catalog, now_ms);
	else if (name != NULL && !is_known(c->catalog, slice_str(name)))
		status = 1;
	else if (name != NULL)
		print_matching(c->catalog, slice_str(name), now_ms);
	else if (print_models(c->catalog, all, now_ms) == 0)
		(void)fputs(
		    "weir: no model can be asked yet: no provider key was found, and "
		    "no local model. `weir models --all` shows the whole catalog.\n",
		    stderr);
	config_unref(c);
	return status;
}
