/*
 * ledger_cost: what single requests cost, for who bills them on: the contract of Hugging
 * Face's router with its providers.
 */
#ifndef STORE_LEDGER_COST_H
#define STORE_LEDGER_COST_H

#include "core/buf.h"
#include "meter/row.h"
#include "store/db.h"

/* Whole nano-USD, rounded up; of what is not negative. */
int64_t ledger_cost_nano(int64_t pusd);

/*
 * Appends {"requests":[{"requestId":"req_...","costNanoUsd":100},...]} with those of the
 * n requests that the key of that name made (ptr NULL: whoever made them), that are
 * settled and whose cost is known; corrections included. ERR_IO with a note.
 */
enum err ledger_cost_list(struct db *db, const struct request_id *ids, size_t n,
    struct slice key, struct buf *to, struct note *note) MUST_CHECK;

#endif
