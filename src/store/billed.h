/*
 * billed: the rows of the bill one by one, with what decides about their price. For
 * commands.
 */
#ifndef STORE_BILLED_H
#define STORE_BILLED_H

#include "store/ledger.h"

struct billed_row {
	uint64_t start_ms;
	struct slice team, organisation, model, provider, tier;
	struct usage usage;
	int64_t due_pusd; /* corrections included; PRICE_UNKNOWN */
};

/* Tells each row of the query's time, level and name. Texts live until fn returns. ERR_IO
 * with a note, ERR_NOMEM. */
enum err billed_each(struct db *db, const struct usage_query *q,
    void (*fn)(void *arg, const struct billed_row *row), void *arg,
    struct note *note) MUST_CHECK;

#endif
