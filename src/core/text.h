/*
 * text: numbers to text and back, where printf and strtod are too slow, too
 * lenient or depend on the locale.
 */
#ifndef CORE_TEXT_H
#define CORE_TEXT_H

#include "core/slice.h"

#define TEXT_U64_MAX  20 /* bytes that text_u64 may write */
#define TEXT_PUSD_MAX 24 /* bytes that text_pusd may write */
#define TEXT_TIME_MAX 24 /* bytes that text_time may write */

/* Writes the decimal digits at p, without terminator; returns how many. */
size_t text_u64(char *p, uint64_t value);

/*
 * Writes an amount of pico-USD as decimal USD, exact and without trailing
 * zeros ("0.00000135", "12", "-0.5"); returns the length.
 */
size_t text_pusd(char *p, int64_t pusd);

/*
 * A decimal number ("0.15", "12", "1e-7" is not one) times 10 to the power
 * `digits`, exact. False for a sign, other text, more decimals than `digits`,
 * or what does not fit.
 */
bool text_scaled(struct slice s, unsigned digits, int64_t *ret_value);

/* UTC time as "2026-01-31T23:59:59.123Z"; returns its length. */
size_t text_time(char *p, uint64_t unix_ms);

/*
 * A span of time in ms: "250ms", "5s", "10m", "2h", "1d", "1h2m3.5s"; a bare
 * number counts units of unit_ms. Fractions are allowed. False for other text
 * or what does not fit.
 */
bool text_span_ms(struct slice s, uint64_t unit_ms, uint64_t *ret_ms);

/* The value of a digit of hexadecimal, of either case; -1 for others. */
int text_hex(char c);

/* A size in bytes: "64KiB", "1MiB", "2GiB", "500KB", "10MB", "4096". */
bool text_bytes(struct slice s, uint64_t *ret_bytes);

/*
 * The distance of two names: single edits (insert, drop, change, swap of
 * neighbours) that make one the other, ASCII case ignored; `limit` when it is
 * that or more. For "did you mean". Names over 64 bytes have distance `limit`.
 */
unsigned text_distance(struct slice a, struct slice b, unsigned limit);

#endif
