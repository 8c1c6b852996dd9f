/*
 * reprice: what the ledger's rows cost by another table of prices. A row is never
 * changed: the difference is a row of `correction`, which `bill` adds. For commands.
 */
#ifndef STORE_REPRICE_H
#define STORE_REPRICE_H

#include "provider/catalog.h"
#include "store/db.h"

struct reprice_query {
	uint64_t since_ms, until_ms; /* unix; the requests begun in between */
	const struct catalog *catalog;
	uint64_t now_ms; /* unix: when the corrections were made */
	bool dry;	 /* writes nothing */
};

/* One row of the ledger. */
struct reprice_row {
	struct slice model, provider;
	int64_t before_pusd; /* corrections included; PRICE_UNKNOWN */
	int64_t after_pusd; /* PRICE_UNKNOWN: the table has no price; it stays as it is */
};

/* Tells each row; unless dry then writes all corrections, or none. ERR_IO with a note,
 * ERR_NOMEM, ERR_FULL (too many rows for the memory). */
enum err reprice(struct db *db, const struct reprice_query *q,
    void (*fn)(void *arg, const struct reprice_row *row), void *arg,
    struct note *note) MUST_CHECK;

#endif
