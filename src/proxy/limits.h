/*
 * limits: what a provider's reply says of its rate limits.
 */
#ifndef PROXY_LIMITS_H
#define PROXY_LIMITS_H

#include "http/parser.h"
#include "route/allowance.h"

/*
 * How long, in ms, the provider wants us to wait after an error: retry-after-ms,
 * x-ms-retry-after-ms, retry-after (seconds or a date), else the reset of the
 * limit that is used up; 0: it does not say. unix_ms: now.
 */
uint64_t
limits_retry_after(const struct http_head *h, enum limits_style style, uint64_t unix_ms);

/* What the head says of each kind of limit; what cannot be read is not known. */
void limits_told(const struct http_head *h, enum limits_style style, uint64_t unix_ms,
    struct allowance_told ret[ALLOWANCE_KINDS]);

/* How long until there is room again, when the headers say
 * that there is none left; else 0. */
uint64_t
limits_used_up(const struct http_head *h, enum limits_style style, uint64_t unix_ms);

/* A point or span of time as hosts write resets: "6m0s", "59ms", seconds, epoch
 * seconds or ms, an HTTP or RFC 3339 date. As a span from unix_ms; false when it is
 * none of them. */
bool limits_parse_reset(struct slice s, uint64_t unix_ms, uint64_t *ret_ms);

#endif
