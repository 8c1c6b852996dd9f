#include "meter/cost.h"

static const struct price *
rows_of(const struct offer *o, bool own_key)
{
	return own_key ? o->list : o->prices;
}

int64_t
cost_pusd(const struct catalog *c, const struct offer *asked, const struct cost_facts *f,
    const struct usage *u)
{
	const struct offer *priced = asked;
	const struct price *row;

	if (!u->known)
		return PRICE_UNKNOWN;
	if (f->model.len > 0 && !slice_eq(f->model, asked->upstream)) {
		const struct offer *o = catalog_find_offer(c, asked->provider, f->model);

		if (o != NULL && o->prices != NULL)
			priced = o;
	}
	row = price_at(rows_of(priced, f->own_key), f->unix_ms, tier_of(f->tier),
	    usage_input_tok(u));
	return row == NULL ? PRICE_UNKNOWN : price_cost_pusd(row, u);
}

/* --- the worst case --- */

static int64_t
worst_of_row(const struct price *row, const struct cost_bounds *b)
{
	struct usage u = {.known = true};

	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		u.count[c] = b->units[c];
	u.count[row->dearest_in] = b->input_tok;
	u.count[row->dearest_out] = b->output_tok;
	return price_cost_pusd(row, &u);
}

/* Which row holds depends on how many tokens the prompt turns out to have, and on how it
 * is served. */
static int64_t
worst_of_offer(const struct offer *o, const struct cost_bounds *b)
{
	const struct price *rows = rows_of(o, b->own_key);
	int64_t worst = PRICE_UNKNOWN;

	for (const struct price *p = rows; p != NULL; p = p->next) {
		int64_t cost;

		if (b->tier != TIERS && p->tier != b->tier && p->tier != TIER_STANDARD)
			continue;
		if (price_at(rows, b->unix_ms, p->tier, p->above_tok + 1) != p)
			continue;
		if (p->above_tok >= b->input_tok && p->above_tok > 0)
			continue; /* no prompt within the bounds is so long */
		cost = worst_of_row(p, b);
		if (cost == PRICE_UNKNOWN)
			return PRICE_UNKNOWN;
		worst = cost > worst ? cost : worst;
	}
	return worst;
}

int64_t
cost_worst_pusd(const struct offer *o, const struct cost_bounds *b)
{
	int64_t worst = worst_of_offer(o, b);

	for (unsigned i = 0; i < o->nkin && worst != PRICE_UNKNOWN; i++) {
		int64_t cost = worst_of_offer(o->kin[i], b);

		worst = cost > worst ? cost : worst;
	}
	return worst;
}
