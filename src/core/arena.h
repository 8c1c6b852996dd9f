/*
 * arena: memory with one end. A request's small things (its head, names,
 * notes) are taken from its arena and vanish together at arena_free(); nothing
 * is given back singly. The first block may be memory of the owner's own, so
 * that a short life takes nothing from the heap.
 */
#ifndef CORE_ARENA_H
#define CORE_ARENA_H

#include "core/slice.h"

struct arena_block;

struct arena {
	struct arena_block *blocks; /* of the heap, newest first */
	char *at, *end;		    /* free part of the newest block */
	size_t used, max;	    /* bytes taken from the heap, and their ceiling */
};

/*
 * An empty arena. `first` (may be NULL) of first_len bytes is borrowed until
 * arena_free and used first. At most max bytes are taken from the heap.
 */
void arena_init(struct arena *a, void *first, size_t first_len, size_t max);

/* Gives back everything; the arena is then as after arena_init without `first`. */
void arena_free(struct arena *a);

/*
 * n bytes, aligned for any object, uninitialised; they live until arena_free.
 * NULL when out of memory or over the ceiling.
 */
void *arena_alloc(struct arena *a, size_t n);

/* The same, zeroed. */
void *arena_zalloc(struct arena *a, size_t n);

/*
 * A copy of s in *ret, with a terminator behind it that does not count. False
 * when out of memory.
 */
bool arena_copy(struct arena *a, struct slice s, struct slice *ret);

/* Formatted text; the empty slice when out of memory. */
struct slice arena_printf(struct arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
