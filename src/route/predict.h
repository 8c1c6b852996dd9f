/*
 * predict: what this request will probably cost and take at an offer.
 */
#ifndef ROUTE_PREDICT_H
#define ROUTE_PREDICT_H

#include "chat/ask.h"
#include "provider/catalog.h"

struct prediction {
	uint64_t input_tok, output_tok;
	int64_t cost_pusd; /* PRICE_UNKNOWN when nobody knows the price */
	uint64_t ttft_ms, total_ms;
	bool learnt; /* the times come from traffic, not from the usual guess */
};

/*
 * expected_out_tok: as learnt for this key and model; 0: not learnt. now_ms is
 * monotonic, unix_ms picks the price. The cost is at the offer's own prices.
 */
struct prediction predict(const struct offer *o, const struct ask *ask,
    uint64_t expected_out_tok, uint64_t now_ms, uint64_t unix_ms);

/* What such a request costs by these rows. */
int64_t predict_cost_pusd(const struct prediction *p, const struct price *rows,
    const struct ask *ask, uint64_t unix_ms);

/* The prompt's tokens at that offer, by the learnt ratio. */
uint64_t predict_input_tok(const struct offer *o, const struct ask *ask);

/* What a context must hold at least: the prompt's text, or the longest of several. */
uint64_t predict_longest_tok(const struct prediction *p, const struct ask *ask);

#endif
