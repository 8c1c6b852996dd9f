#include "provider/price.h"

#include "core/wide.h"

#include <stddef.h>

/* Does a go before b, both holding? */
static bool
goes_before(const struct price *a, const struct price *b)
{
	if (a->from_ms != b->from_ms)
		return a->from_ms > b->from_ms;
	if (a->tier != b->tier)
		return a->tier != TIER_STANDARD;
	return a->above_tok > b->above_tok;
}

const struct price *
price_at(const struct price *rows, uint64_t at_ms, enum tier tier, uint64_t input_tok)
{
	const struct price *best = NULL;

	for (const struct price *p = rows; p != NULL; p = p->next) {
		if (p->from_ms > at_ms || (p->above_tok > 0 && input_tok <= p->above_tok))
			continue;
		if (p->tier != TIER_STANDARD && p->tier != tier)
			continue;
		if (best == NULL || goes_before(p, best))
			best = p;
	}
	return best;
}

static uint64_t
gcd(uint64_t a, uint64_t b)
{
	while (b != 0) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

bool
price_units_fit(const struct price *row)
{
	uint64_t base = 1;

	for (unsigned c = 0; c < USAGE_CLASSES; c++) {
		uint64_t per = (uint64_t)row->rate[c].per;

		if (per == 0)
			continue;
		if (per > UINT32_MAX)
			return false;
		base *= per / gcd(base, per);
		if (base > UINT32_MAX)
			return false;
	}
	return true;
}

struct rate
price_share(struct rate rate, int64_t shares)
{
	uwide pusd = (uwide)rate.pusd * (uwide)shares;
	uint64_t per = PRICE_SHARES,
		 common = gcd(PRICE_SHARES, (uint64_t)(pusd % PRICE_SHARES));

	if (rate.per == 0)
		return rate;
	/* Prices have few decimals: nearly always the units stay what they were. */
	per /= common;
	pusd /= common;
	if (pusd > INT64_MAX)
		pusd = INT64_MAX;
	return (struct rate){(int64_t)pusd, rate.per * (int64_t)per};
}

/* Nearly every sum fits into 64 bits, where one instruction divides; 128 take a call
 * for the quotient and one for the rest. */
static uwide
divide(uwide sum, uint64_t per, uint64_t *ret_rest)
{
	if (sum <= UINT64_MAX) {
		*ret_rest = (uint64_t)sum % per;
		return (uint64_t)sum / per;
	}
	*ret_rest = (uint64_t)(sum % per);
	return sum / per;
}

/*
 * Sums the classes as whole pico-USD plus a fraction `part`/`base`, in which
 * base is a common multiple of all the rates' `per`: nothing is lost before the
 * one rounding at the end.
 */
int64_t
price_cost_pusd(const struct price *row, const struct usage *u)
{
	uwide whole = 0, part = 0;
	uint64_t base = 1, rest;

	for (unsigned c = 0; c < USAGE_CLASSES; c++) {
		const struct rate *r = &row->rate[c];
		uint64_t per = (uint64_t)r->per, factor;

		if (u->count[c] == 0)
			continue;
		if (per == 0 && usage_is_tokens((enum usage_class)c))
			return PRICE_UNKNOWN;
		if (per == 0)
			continue;
		whole += divide((uwide)u->count[c] * (uint64_t)r->pusd, per, &rest);
		if (whole > INT64_MAX)
			whole = INT64_MAX; /* a few such sums would be too many bits */
		factor = per == base ? 1 : per / gcd(base, per);
		part = part * factor + (uwide)rest * (base * factor / per);
		base *= factor;
	}
	whole += divide(part, base, &rest);
	if ((uwide)rest * 2 >= base)
		whole++;
	return whole > INT64_MAX ? INT64_MAX : (int64_t)whole;
}

int64_t
price_markup_pusd(int64_t pusd, int64_t bp)
{
	wide product = (wide)pusd * bp, half = product < 0 ? -5000 : 5000,
	     added = (product + half) / 10000;

	return added > INT64_MAX   ? INT64_MAX
	       : added < INT64_MIN ? INT64_MIN
				   : (int64_t)added;
}

bool
price_exceeds(const struct rate *rate, int64_t max_pusd, int64_t units)
{
	return (wide)rate->pusd * units > (wide)max_pusd * rate->per;
}

static bool
is_dearer(const struct rate *a, const struct rate *b)
{
	return b->per == 0 || (a->per != 0 && price_exceeds(a, b->pusd, b->per));
}

static enum usage_class
find_dearest(const struct price *row, bool input)
{
	enum usage_class best = input ? USAGE_INPUT : USAGE_OUTPUT;

	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		if (usage_is_tokens((enum usage_class)c) &&
		    usage_is_input((enum usage_class)c) == input &&
		    is_dearer(&row->rate[c], &row->rate[best]))
			best = (enum usage_class)c;
	return best;
}

void
price_complete(struct price *row)
{
	/* Once is enough: who stands for another has its row before it. */
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		if (row->rate[c].per == 0)
			row->rate[c] = row->rate[usage_instead((enum usage_class)c)];
	row->dearest_in = find_dearest(row, true);
	row->dearest_out = find_dearest(row, false);
}
