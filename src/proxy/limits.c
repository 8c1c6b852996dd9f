#include "proxy/limits.h"

#include "core/text.h"

#include <stdio.h>
#include <time.h>

#define WAIT_MAX_MS 3600000u /* whatever a header says */

/* "+02:00" as seconds east of Greenwich; 0 for what is none. */
static long
offset_of(const char *zone)
{
	unsigned hours, minutes;

	if (*zone == '.' || *zone == ',') /* a part of a second */
		zone += 1 + strspn(zone + 1, "0123456789");
	if (sscanf(zone + (*zone != '\0'), "%2u:%2u", &hours, &minutes) != 2)
		return 0;
	return (*zone == '-'	  ? -60
		   : *zone == '+' ? 60
				  : 0) *
	       (long)(hours * 60 + minutes);
}

/* As HTTP writes it ("Sun, 06 Nov 1994 08:49:37 GMT"), or RFC 3339. */
static bool
parse_date(struct slice s, uint64_t *ret_unix_ms)
{
	char text[64];
	const char *rest;
	struct tm tm = {0};
	time_t t;

	if (s.len == 0 || s.len >= sizeof(text))
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	rest = strptime(text, "%a, %d %b %Y %H:%M:%S", &tm);
	if (rest == NULL)
		rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (rest == NULL)
		return false;
	t = timegm(&tm) - offset_of(rest);
	*ret_unix_ms = t < 0 ? 0 : (uint64_t)t * 1000;
	return true;
}

bool
limits_parse_reset(struct slice s, uint64_t unix_ms, uint64_t *ret_ms)
{
	uint64_t value, at;

	s = slice_trim(s);
	if (parse_date(s, &at)) {
		*ret_ms = at > unix_ms ? at - unix_ms : 0;
		return true;
	}
	/* A bare number: seconds if small, else a point in time. */
	if (!text_span_ms(s, 1000, &value))
		return false;
	if (value < 1000000000000u) {
		*ret_ms = value;
		return true;
	}
	at = value < 10000000000000u ? value : value / 1000;
	*ret_ms = at > unix_ms ? at - unix_ms : 0;
	return true;
}

/* Is the count of this header 0? */
static bool
is_zero(const struct http_head *h, const char *name)
{
	uint64_t left;
	struct slice v = name[0] == '\0' ? S("") : http_field(h, slice_str(name));

	return v.len > 0 && slice_u64(v, &left) && left == 0;
}

static uint64_t
reset_of(const struct http_head *h, const char *name, uint64_t unix_ms)
{
	uint64_t ms;
	struct slice v = name[0] == '\0' ? S("") : http_field(h, slice_str(name));

	/* Where no reset is stated the count is one of a minute. */
	if (v.len == 0 || !limits_parse_reset(v, unix_ms, &ms))
		return 60000;
	return ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS;
}

uint64_t
limits_used_up(const struct http_head *h, enum limits_style style, uint64_t unix_ms)
{
	const char *const *names = provider_limits(style);
	uint64_t ms = 0, other;

	for (unsigned i = 0; i < PROVIDER_LIMITS; i += 2) {
		if (!is_zero(h, names[i]))
			continue;
		other = reset_of(h, names[i + 1], unix_ms);
		ms = other > ms ? other : ms;
	}
	return ms;
}

/* How much there is of the limit whose rest has that name; 0: it does not say. */
static int64_t
limit_of(const struct http_head *h, struct slice name)
{
	struct slice mark = S("remaining");
	size_t at = slice_search(name, mark);
	char text[64];
	int n = snprintf(text, sizeof(text), "%.*slimit%.*s", (int)at, name.ptr,
	    SLICE_ARGS(slice_from(name, at + mark.len)));
	struct slice v;
	uint64_t limit;

	if (at == name.len || n < 0 || (size_t)n >= sizeof(text))
		return 0;
	v = http_field(h, slice_of(text, (size_t)n));
	return v.len > 0 && slice_u64(v, &limit) && limit <= INT64_MAX ? (int64_t)limit
								       : 0;
}

void
limits_told(const struct http_head *h, enum limits_style style, uint64_t unix_ms,
    struct allowance_told ret[ALLOWANCE_KINDS])
{
	const char *const *names = provider_limits(style);

	for (unsigned k = 0; k < ALLOWANCE_KINDS; k++) {
		struct slice name = slice_str(names[2 * k]);
		struct slice v = name.len == 0 ? name : http_field(h, name);
		uint64_t left;

		ret[k] = (struct allowance_told){0};
		if (v.len == 0 || !slice_u64(v, &left) || left > INT64_MAX)
			continue;
		ret[k].known = true;
		ret[k].left = (int64_t)left;
		ret[k].limit = limit_of(h, name);
		ret[k].reset_ms = reset_of(h, names[2 * k + 1], unix_ms);
	}
}

uint64_t
limits_retry_after(const struct http_head *h, enum limits_style style, uint64_t unix_ms)
{
	static const struct {
		struct slice name;
		uint64_t unit_ms;
	} names[] = {{{"retry-after-ms", 14}, 1}, {{"x-ms-retry-after-ms", 19}, 1},
	    {{"retry-after", 11}, 1000}};
	uint64_t ms;

	for (unsigned i = 0; i < 3; i++) {
		struct slice v = http_field(h, names[i].name);

		if (v.len == 0)
			continue;
		if (!text_span_ms(v, names[i].unit_ms, &ms) &&
		    !limits_parse_reset(v, unix_ms, &ms))
			continue;
		return ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS;
	}
	return limits_used_up(h, style, unix_ms);
}
