/*
 * scan: the bytes of JSON strings and numbers: where they end, whether they are
 * well formed, what they mean. For json/ only; no state, no memory.
 */
#ifndef JSON_SCAN_H
#define JSON_SCAN_H

#include "core/slice.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#define SCAN_BLOCK 16

/* A bit for each of 16 bytes that a string can't simply contain: quote,
 * backslash, control characters (below 0x20) and non-ASCII (negative). */
static inline unsigned
scan_special(const char *at)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
	__m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
	__m128i slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
	__m128i other = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));

	return (unsigned)_mm_movemask_epi8(
	    _mm_or_si128(_mm_or_si128(quote, slash), other));
}
#else
#define SCAN_BLOCK 8

/* The same for 8 bytes at once in a register, a bit for each byte. */
static inline unsigned
scan_special(const char *at)
{
	unsigned mask = 0;

	for (unsigned i = 0; i < SCAN_BLOCK; i++) {
		unsigned char c = (unsigned char)at[i];

		mask |= (unsigned)(c == '"' || c == '\\' || c < 0x20 || c > 0x7f) << i;
	}
	return mask;
}
#endif

/*
 * From behind the opening quote: the closing quote if it stands within one block
 * with nothing but plain text before it, as it does for most names; else NULL,
 * which says nothing.
 */
static inline const char *
scan_short(const char *at, const char *end)
{
	unsigned mask;

	if (end - at < SCAN_BLOCK)
		return NULL;
	mask = scan_special(at);
	if (mask == 0)
		return NULL;
	at += __builtin_ctz(mask);
	return *at == '"' ? at : NULL;
}

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
