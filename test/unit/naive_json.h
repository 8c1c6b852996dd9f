/*
 * naive_json: the grammar of RFC 8259 once more, as plainly as it can be
 * written, to check the real reader against.
 */
#ifndef UNIT_NAIVE_JSON_H
#define UNIT_NAIVE_JSON_H

#include "core/random.h"
#include "core/slice.h"

/*
 * Is the whole text one JSON value? Then *ret_values is how many values and
 * keys stand at depth `keep` or less (the root has depth 0).
 */
bool naive_json(struct slice text, unsigned keep, size_t *ret_values);

/*
 * Writes a random JSON text at `to`, blanks and all; returns its length, at
 * most `cap`, or 0 when it came out longer.
 */
size_t naive_json_make(struct random *r, char *to, size_t cap);

/*
 * Changes some bytes of the text in ways that tend to break JSON: one is
 * changed, dropped, doubled, or swapped with another. Returns the new length.
 */
size_t naive_json_break(struct random *r, char *text, size_t len, size_t cap);

#endif
