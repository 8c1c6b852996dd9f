/*
 * price: what a unit costs, and what a request cost, in integers.
 *
 * An amount is pico-USD (1e-12 USD). A rate is an amount for a number of units:
 * 0.15 USD per million tokens is 150,000,000,000 for 1,000,000; 0.111 USD an
 * hour is 111,000,000,000 for 3,600 seconds. The classes of a request are
 * summed exactly and rounded once, half up, in price_cost_pusd().
 */
#ifndef PROVIDER_PRICE_H
#define PROVIDER_PRICE_H

#include "chat/tier.h"
#include "chat/usage.h"
#include "core/err.h"

#define PRICE_UNKNOWN INT64_MIN /* an amount that nobody knows; never zero instead */
#define PRICE_TOKENS  1000000	/* token prices are stated for so many */
#define PRICE_SHARES  10000	/* of a price: a factor or what a discount leaves */

struct rate {
	int64_t pusd; /* for `per` units; not negative */
	int64_t per;  /* 0: not stated: unknown for tokens, nothing for other units */
};

/* One row; the rows of an offer are a list. */
struct price {
	uint64_t from_ms;   /* valid from this unix time on */
	uint64_t above_tok; /* for prompts of more tokens than this */
	enum tier tier;	    /* that the request was served in */
	struct rate rate[USAGE_CLASSES];
	/* Of the classes in which tokens of the prompt may be counted, and of the answer,
	 * the dearest. */
	enum usage_class dearest_in, dearest_out;
	struct price *next;
};

/*
 * The row that holds: of those already valid at at_ms the newest, of these those of the
 * tier, or the standard ones where it has none, of these the one with the highest
 * above_tok under input_tok. TIERS is the standard one. NULL when there is none.
 */
const struct price *
price_at(const struct price *rows, uint64_t at_ms, enum tier tier, uint64_t input_tok);

/* Have the units of all classes, as they are stated, a common multiple below 2^32? A row
 * is kept only then: the sum of a request needs it, with two factors to spare. */
bool price_units_fit(const struct price *row);

/*
 * What `u` costs by that row, exact; saturates at INT64_MAX (9.2 million USD).
 * PRICE_UNKNOWN when it has tokens of a class that the row has no rate for.
 */
int64_t price_cost_pusd(const struct price *row, const struct usage *u);

/* A share of the rate, exact: PRICE_SHARES are all of it. Not negative. */
struct rate price_share(struct rate rate, int64_t shares);

/* What a mark-up of bp hundredths of a percent (negative: a discount) adds to an amount,
 * rounded once, half away from zero; saturates. */
int64_t price_markup_pusd(int64_t pusd, int64_t bp);

/* Is the rate more than max_pusd for so many units? One that is not stated is not. */
bool price_exceeds(const struct rate *rate, int64_t max_pusd, int64_t units);

/* Gives each class without a rate the rate of the class that stands for it, and finds
 * the dearest ones. */
void price_complete(struct price *row);

#endif
