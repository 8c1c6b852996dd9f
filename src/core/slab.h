/*
 * slab: objects of one size that come and go often (connections, requests). They stand
 * together in chunks of their own, and a chunk without any goes back to the kernel, up
 * to a bound: what many requests needed for a moment does not stay behind as holes
 * between those that last. One thread.
 */
#ifndef CORE_SLAB_H
#define CORE_SLAB_H

#include "core/list.h"

#define SLAB_SIZE_MAX 8192 /* bytes of an object */

struct slab {
	struct link chunks; /* that have room, the one to take from first */
	size_t size;	    /* bytes an object */
	size_t stride;	    /* with what stands between two */
	size_t capacity;    /* objects of a chunk */
	size_t kept, keep;  /* free objects held, and how many at most, a chunk aside */
};

/* For objects of `size` bytes; about `keep` free ones are held. It must not be moved. */
void slab_init(struct slab *s, size_t size, size_t keep);

/* Frees the held objects. Those taken must have been given back. */
void slab_done(struct slab *s);

/* An object, uninitialised and aligned to 16; NULL when out of memory. */
void *slab_take(struct slab *s);

/* Gives an object back; NULL does nothing. */
void slab_give(struct slab *s, void *p);

#endif
