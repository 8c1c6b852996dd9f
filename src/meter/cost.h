/*
 * cost: which price row holds for an answer, what it so cost, and what a request can cost
 * at most.
 */
#ifndef METER_COST_H
#define METER_COST_H

#include "provider/catalog.h"

/* What decides about the price beside the offer that was asked. */
struct cost_facts {
	struct slice model; /* that the reply names; may be empty */
	struct slice tier;  /* that the reply names, else that was asked for */
	uint64_t unix_ms;   /* the start of the request */
	bool own_key;	    /* a team's: another account, without weir's discount */
};

/*
 * The model that the reply names chooses the price if its provider has a row
 * for it; else the row of the offer that was asked holds. PRICE_UNKNOWN when there is no
 * price, or the usage is not known.
 */
int64_t cost_pusd(const struct catalog *c, const struct offer *asked,
    const struct cost_facts *f, const struct usage *u);

/* How much a request can use. */
struct cost_bounds {
	uint64_t input_tok, output_tok; /* of whatever class; all answers together */
	uint64_t units[USAGE_CLASSES];	/* of the classes that are no tokens */
	enum tier tier;			/* asked for: that one or the standard one comes;
					   TIERS: any */
	uint64_t unix_ms;
	bool own_key;
};

/*
 * No usage within the bounds costs more, in whatever classes, lengths and tiers, also
 * where the reply names a dated version of the model that was asked. PRICE_UNKNOWN when
 * there is no price.
 */
int64_t cost_worst_pusd(const struct offer *o, const struct cost_bounds *b);

#endif
