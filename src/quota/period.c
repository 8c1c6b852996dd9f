#include "quota/period.h"

#define DAY_MS INT64_C(86400000)

static const char *const names[PERIODS] = {"total", "day", "week", "month"};

const char *
period_name(enum period p)
{
	return names[p];
}

bool
period_read(struct slice name, enum period *ret)
{
	for (unsigned i = 0; i < PERIODS; i++)
		if (slice_ieq(name, slice_str(names[i]))) {
			*ret = (enum period)i;
			return true;
		}
	return false;
}

/* The number of the day that a month begins with, counted from 1970-01-01; months from
 * January 1970 on. (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".) */
static int64_t
first_day(int64_t month)
{
	int64_t year = 1970 + month / 12, m = month % 12 + 1, era, of_era, of_year;

	year -= m <= 2;
	era = year / 400;
	of_era = year - era * 400;
	of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void
month_of(int64_t day, int64_t *ret_from, int64_t *ret_until)
{
	int64_t month = day * 12 / 366; /* at or before the one that is meant */

	while (first_day(month + 1) <= day)
		month++;
	*ret_from = first_day(month);
	*ret_until = first_day(month + 1);
}

void
period_bounds(enum period p, int offset_min, uint64_t unix_ms, uint64_t *ret_from_ms,
    uint64_t *ret_until_ms)
{
	int64_t offset = (int64_t)offset_min * 60000, local = (int64_t)unix_ms + offset;
	int64_t day = local < 0 ? 0 : local / DAY_MS, from = day, until = day + 1;

	*ret_from_ms = 0;
	*ret_until_ms = UINT64_MAX;
	if (p == PERIOD_TOTAL)
		return;
	if (p == PERIOD_WEEK) {
		from = day - (day + 3) % 7; /* 1970-01-01 was a Thursday */
		until = from + 7;
	} else if (p == PERIOD_MONTH) {
		month_of(day, &from, &until);
	}
	if (from * DAY_MS > offset)
		*ret_from_ms = (uint64_t)(from * DAY_MS - offset);
	*ret_until_ms = (uint64_t)(until * DAY_MS - offset);
}
