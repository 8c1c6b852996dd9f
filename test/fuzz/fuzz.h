/*
 * fuzz: what the targets share. A target takes any bytes and aborts when
 * something does not hold; what it decides by chance it takes from a generator
 * seeded by the bytes, so that an input always does the same.
 *
 * Under MODE=fuzz libFuzzer is the program; under the other modes replay.c is,
 * which runs the files it is given.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include "core/random.h"
#include "core/slice.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts, saying what does not hold and where. */
#define HOLDS(condition)                                                                 \
	do {                                                                             \
		if (!(condition)) {                                                      \
			(void)fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__,    \
			    __LINE__, #condition);                                       \
			abort();                                                         \
		}                                                                        \
	} while (0)

/*
 * How an input is cut: the end of the piece that begins at `at`. Whole, byte by
 * byte, or by chance.
 */
enum cut { CUT_NEVER, CUT_ALWAYS, CUT_BY_CHANCE, CUTS };

static inline size_t
piece_end(enum cut cut, size_t at, size_t len, struct random *r)
{
	size_t n = len - at;

	if (cut == CUT_ALWAYS)
		n = 1;
	else if (cut == CUT_BY_CHANCE)
		n = 1 + random_below(r, random_below(r, 4) == 0 ? 200 : 8);
	return n < len - at ? at + n : len;
}

#endif
