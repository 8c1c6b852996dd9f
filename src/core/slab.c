#include "core/slab.h"

#include <assert.h>
#include <stdlib.h>

struct slab_free {
	struct slab_free *next;
};

void
slab_init(struct slab *s, size_t size, size_t keep)
{
	assert(size >= sizeof(struct slab_free));
	*s = (struct slab){.size = size, .keep = keep};
}

void
slab_done(struct slab *s)
{
	while (s->free != NULL) {
		struct slab_free *f = s->free;

		s->free = f->next;
		free(f);
	}
	s->kept = 0;
}

void *
slab_take(struct slab *s)
{
	struct slab_free *f = s->free;

	if (f == NULL)
		return malloc(s->size);
	s->free = f->next;
	s->kept--;
	return f;
}

void
slab_give(struct slab *s, void *p)
{
	struct slab_free *f = p;

	if (p == NULL)
		return;
	if (s->kept >= s->keep) {
		free(p);
		return;
	}
	f->next = s->free;
	s->free = f;
	s->kept++;
}
