#include "store/ledger_sum.h"

#include "core/clock.h"
#include "core/text.h"
#include "store/accountdb_json.h"
#include "json/write.h"

#include <stdio.h>

#define DAY_MS 86400000

bool
ledger_sum_read_by(struct slice list, unsigned *ret_by)
{
	unsigned by = 0;

	while (list.ptr != NULL) {
		struct slice name = slice_cut(&list, ',');
		unsigned i = 0;

		while (i < GROUPS &&
		       !slice_eq(name, slice_str(ledger_group_name((enum usage_group)i))))
			i++;
		if (i == GROUPS)
			return false;
		by |= 1u << i;
	}
	*ret_by = by;
	return true;
}

bool
ledger_sum_read_day(struct slice text, uint64_t *ret_ms)
{
	uint64_t now = clock_unix_ms();

	if (slice_eq(text, S("today"))) {
		*ret_ms = now - now % DAY_MS;
		return true;
	}
	return text.len <= 10 && accountdb_json_read_time(text, ret_ms);
}

bool
ledger_sum_read_month(struct slice text, uint64_t *ret_since_ms, uint64_t *ret_until_ms)
{
	char day[] = "0000-00-01";
	uint64_t year, month, since;

	if (text.len != 7 || text.ptr[4] != '-' ||
	    !slice_u64(slice_head(text, 4), &year) ||
	    !slice_u64(slice_from(text, 5), &month))
		return false;
	memcpy(day, text.ptr, 7);
	if (!accountdb_json_read_time(slice_str(day), &since))
		return false;
	year += month == 12;
	month = month % 12 + 1;
	(void)snprintf(
	    day, sizeof(day), "%04u-%02u-01", (unsigned)(year % 10000), (unsigned)month);
	if (!accountdb_json_read_time(slice_str(day), ret_until_ms))
		return false;
	*ret_since_ms = since;
	return true;
}

void
ledger_sum_json(const struct usage_sum *s, unsigned by, struct buf *to)
{
	char usd[TEXT_PUSD_MAX];

	json_open(to, '{');
	for (unsigned g = 0; g < GROUPS; g++)
		if ((by >> g & 1) != 0)
			json_member(to, slice_str(ledger_group_name((enum usage_group)g)),
			    s->group[g]);
	json_member_u64(to, S("requests"), s->requests);
	json_member_u64(to, S("failed_requests"), s->failed);
	json_member_u64(to, S("partial_requests"), s->partial);
	json_member_u64(to, S("unpriced_requests"), s->unpriced);
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		json_member_u64(
		    to, slice_str(usage_name((enum usage_class)c)), s->count[c]);
	json_key(to, S("cost_pusd"));
	if (s->priced)
		json_put_i64(to, s->cost_pusd);
	else
		json_put_null(to);
	json_key(to, S("cost_usd"));
	if (s->priced)
		json_quote(to, slice_of(usd, text_pusd(usd, s->cost_pusd)));
	else
		json_put_null(to);
	json_close(to, '}');
}
