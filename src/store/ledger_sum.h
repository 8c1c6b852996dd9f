/*
 * ledger_sum: what usage is asked for and told by, in words and in JSON; of `weir usage`
 * and the admin API. Any thread.
 */
#ifndef STORE_LEDGER_SUM_H
#define STORE_LEDGER_SUM_H

#include "store/ledger.h"

#define LEDGER_SUM_BY (BY_DAY | BY_KEY | BY_PROVIDER | BY_MODEL) /* where nobody says */

/* "day,key": bits of enum usage_by. False for a word that is none. */
bool ledger_sum_read_by(struct slice list, unsigned *ret_by);

/* The beginning of a day (UTC), "2026-01-31" or "today". */
bool ledger_sum_read_day(struct slice text, uint64_t *ret_ms);

/* A month (UTC), "2026-01": where it begins, and the next one. */
bool
ledger_sum_read_month(struct slice text, uint64_t *ret_since_ms, uint64_t *ret_until_ms);

/* Appends the sum as an object, with the groups that were asked for. */
void ledger_sum_json(const struct usage_sum *s, unsigned by, struct buf *to);

#endif
