/*
 * slab: objects of one size that come and go often (connections, requests).
 * Freed ones are kept, up to a bound, for the next to come. One thread.
 */
#ifndef CORE_SLAB_H
#define CORE_SLAB_H

#include <stddef.h>

struct slab_free;

struct slab {
	struct slab_free *free;
	size_t size;	   /* bytes an object */
	size_t kept, keep; /* free objects held, and how many at most */
};

/* For objects of `size` bytes; at most `keep` free ones are held. */
void slab_init(struct slab *s, size_t size, size_t keep);

/* Frees the held objects. Those taken must have been given back. */
void slab_done(struct slab *s);

/* An object, uninitialised; NULL when out of memory. */
void *slab_take(struct slab *s);

/* Gives an object back; NULL does nothing. */
void slab_give(struct slab *s, void *p);

#endif
