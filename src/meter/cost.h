/*
 * cost: which price row holds for an answer, and what it so cost.
 */
#ifndef METER_COST_H
#define METER_COST_H

#include "provider/catalog.h"

/*
 * The model that the reply names chooses the price if its provider has a row
 * for it; else the row of the offer that was asked holds. unix_ms: the start of
 * the request. PRICE_UNKNOWN when there is no price, or the usage is not known.
 */
int64_t cost_pusd(const struct catalog *c, const struct offer *asked, struct slice said,
    const struct usage *u, uint64_t unix_ms);

#endif
