/*
 * scan: the bytes of JSON strings and numbers: where they end, whether they are
 * well formed, what they mean. For json/ only; no state, no memory.
 */
#ifndef JSON_SCAN_H
#define JSON_SCAN_H

#include "core/slice.h"

/*
 * From behind the opening quote: the closing quote, or NULL and why. Checks
 * escapes, control characters and UTF-8. *ret_escaped: a backslash was seen.
 */
const char *
scan_string(const char *at, const char *end, bool *ret_escaped, const char **ret_why);

/* The first byte that a JSON string can't simply contain, or `end`. UTF-8 is plain. */
const char *scan_plain(const char *at, const char *end);

/* The end of the number that begins at `at`, or NULL. */
const char *scan_number(const char *at, const char *end);

/* Decodes a checked string's inner text; returns the length. `to` has inner.len
 * bytes. */
size_t scan_decode(struct slice inner, char *to);

/* Does the checked inner text, decoded, equal `text`? */
bool scan_decoded_equals(struct slice inner, struct slice text);

/*
 * A checked number times 10 to the power `digits`. With `round` half away from
 * zero, without it only if it is exact. False when it does not fit.
 */
bool scan_scaled(struct slice number, int digits, bool round, int64_t *ret_value);

#endif
