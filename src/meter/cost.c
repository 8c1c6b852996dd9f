#include "meter/cost.h"

int64_t
cost_pusd(const struct catalog *c, const struct offer *asked, struct slice said,
    const struct usage *u, uint64_t unix_ms)
{
	const struct offer *priced = asked;
	const struct price *row;

	if (!u->known)
		return PRICE_UNKNOWN;
	if (said.len > 0 && !slice_eq(said, asked->upstream)) {
		const struct offer *o = catalog_find_offer(c, asked->provider, said);

		if (o != NULL && o->prices != NULL)
			priced = o;
	}
	row = price_at(priced->prices, unix_ms, usage_input_tok(u));
	return row == NULL ? PRICE_UNKNOWN : price_cost_pusd(row, u);
}
