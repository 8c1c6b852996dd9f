#include "core/slab.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define CHUNK_BYTES ((size_t)64 << 10) /* and where they begin: at multiples of it */

#if defined(__has_feature) /* clang */
#define IS_SANITIZED __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED 1
#else
#define IS_SANITIZED 0
#endif

#if IS_SANITIZED
/* Each object is the allocator's, which sees who touches one that was given back. */
static const bool apart = true;
#else
static const bool apart = false;
#endif

struct free_object {
	struct free_object *next;
};

struct chunk {
	struct link link; /* slab's, while there is room */
	struct free_object *free;
	size_t used;  /* objects taken */
	size_t fresh; /* objects that were never taken are from here on */
	_Alignas(16) char objects[];
};

void
slab_init(struct slab *s, size_t size, size_t keep)
{
	assert(size >= sizeof(struct free_object) && size <= SLAB_SIZE_MAX);
	*s = (struct slab){
	    .size = size, .stride = (size + 15) & ~(size_t)15, .keep = keep};
	s->capacity = (CHUNK_BYTES - sizeof(struct chunk)) / s->stride;
	list_init(&s->chunks);
}

/* From the kernel, so that the end of each goes back there, wherever it stands. */
static struct chunk *
map_chunk(void)
{
	size_t twice = 2 * CHUNK_BYTES, before;
	char *map =
	    mmap(NULL, twice, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return NULL;
	before = (CHUNK_BYTES - (uintptr_t)map % CHUNK_BYTES) % CHUNK_BYTES;
	if (before > 0)
		(void)munmap(map, before);
	(void)munmap(map + before + CHUNK_BYTES, CHUNK_BYTES - before);
	return (struct chunk *)(void *)(map + before);
}

static void
free_chunk(struct slab *s, struct chunk *c)
{
	s->kept -= s->capacity;
	list_remove(&c->link);
	(void)munmap(c, CHUNK_BYTES);
}

static struct chunk *
chunk_of(void *p)
{
	return (struct chunk *)((uintptr_t)p & ~(uintptr_t)(CHUNK_BYTES - 1));
}

void
slab_done(struct slab *s)
{
	while (!list_empty(&s->chunks)) {
		struct chunk *c = CONTAINER_OF(s->chunks.next, struct chunk, link);

		assert(c->used == 0);
		free_chunk(s, c);
	}
}

void *
slab_take(struct slab *s)
{
	struct chunk *c;
	void *p;

	if (apart)
		return malloc(s->size);
	if (list_empty(&s->chunks)) {
		c = map_chunk();
		if (c == NULL)
			return NULL;
		list_push_front(&s->chunks, &c->link);
		s->kept += s->capacity;
	}
	c = CONTAINER_OF(s->chunks.next, struct chunk, link);
	p = c->free;
	if (p != NULL)
		c->free = c->free->next;
	else
		p = c->objects + c->fresh++ * s->stride;
	c->used++;
	s->kept--;
	if (c->used == s->capacity)
		list_remove(&c->link);
	return p;
}

void
slab_give(struct slab *s, void *p)
{
	struct free_object *f = p;
	struct chunk *c = chunk_of(p);

	if (apart || p == NULL) {
		free(p);
		return;
	}
	/* The fullest are taken from first, so that the others empty. */
	if (c->used == s->capacity)
		list_push_front(&s->chunks, &c->link);
	f->next = c->free;
	c->free = f;
	c->used--;
	s->kept++;
	if (c->used == 0 && s->kept >= s->keep + s->capacity)
		free_chunk(s, c);
}
