/*
 * allowance: what providers say is left of their rate limits, for each key of ours, so
 * that weir stops before they refuse. A reply tells what is left and when it is full
 * again; between replies what weir itself sends is counted down. Until a limit is full
 * again, and never for longer than ALLOWANCE_MAX_MS, what is used up is not asked for.
 *
 * Shared by the loop threads: every field is atomic. A race may let one request too many
 * or too few pass; the next reply sets it right. Outlives configurations.
 */
#ifndef ROUTE_ALLOWANCE_H
#define ROUTE_ALLOWANCE_H

#include "core/slice.h"
#include "provider/provider.h"

#include <stdatomic.h>

#define ALLOWANCE_MAX_MS 600000

enum allowance_kind {
	ALLOWANCE_REQUESTS,
	ALLOWANCE_TOKENS,
	ALLOWANCE_INPUT,
	ALLOWANCE_OUTPUT,
	ALLOWANCE_KINDS
};

/* Of one key. */
struct allowance;

/* Of all keys of a provider, for one model or for all. */
struct allowance_set {
	_Atomic(struct allowance *) of[PROVIDER_KEYS_MAX];
};

/* What a request takes, by kind. */
struct allowance_ask {
	int64_t of[ALLOWANCE_KINDS];
};

/* What a request has taken: plain data. */
struct allowance_hold {
	struct allowance *from; /* NULL: nothing */
	struct allowance_ask took;
};

/* What a reply says of one kind. */
struct allowance_told {
	bool known;
	int64_t left, limit; /* limit 0: not told */
	uint64_t reset_ms;   /* from now */
};

/* The set of that name, made when it is new; lives for ever. NULL: no memory. */
struct allowance_set *allowance_set_of(struct slice name);

/* When there is room for it at that key; 0: now. */
uint64_t allowance_until(struct allowance_set *s, unsigned key,
    const struct allowance_ask *ask, uint64_t now_ms);

/* Takes it. False, with nothing taken, when there is no room any more. Out of memory it
 * is let pass. */
bool allowance_take(struct allowance_set *s, unsigned key,
    const struct allowance_ask *ask, uint64_t now_ms, struct allowance_hold *ret_hold);

/* The reply of that request tells: sets what is known. Ends the hold. */
void allowance_learn(struct allowance_hold *h,
    const struct allowance_told told[ALLOWANCE_KINDS], uint64_t now_ms);

/* The request ended without a reply; if it was sent, it counts as used. Ends the hold, if
 * there is one left. */
void allowance_give(struct allowance_hold *h, bool sent);

#endif
