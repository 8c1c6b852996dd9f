/*
 * period: the calendar's spans that a budget is for. Pure.
 */
#ifndef QUOTA_PERIOD_H
#define QUOTA_PERIOD_H

#include "core/slice.h"

#include <stdint.h>

enum period { PERIOD_TOTAL, PERIOD_DAY, PERIOD_WEEK, PERIOD_MONTH, PERIODS };

/* "total", "day", "week", "month". Static text. */
const char *period_name(enum period p);

/* False for other text. */
bool period_read(struct slice name, enum period *ret);

/*
 * The period in which unix_ms lies: from *ret_from_ms on, before *ret_until_ms; a total
 * has 0 and UINT64_MAX. offset_min: how far local time is ahead of UTC. Weeks begin on
 * Monday.
 */
void period_bounds(enum period p, int offset_min, uint64_t unix_ms, uint64_t *ret_from_ms,
    uint64_t *ret_until_ms);

#endif
