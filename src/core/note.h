/*
 * note: the sentence that a person reads about a fault, written once, where it
 * is found, and bounded. Messages teach: what, where, what to do.
 */
#ifndef CORE_NOTE_H
#define CORE_NOTE_H

#include "core/err.h"
#include "core/slice.h"

#define NOTE_MAX 400 /* bytes, terminator included */

struct note {
	char text[NOTE_MAX];
};

/* Replaces what it says. Longer text is cut at a character and ends with "…". */
SELDOM void
note_set(struct note *n, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Goes on where it ends. */
SELDOM void
note_add(struct note *n, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline struct slice
note_slice(const struct note *n)
{
	return slice_str(n->text);
}

#endif
