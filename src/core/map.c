#include "core/map.h"

#include <stdlib.h>

struct map_slot {
	struct slice name;
	void *value; /* NULL: free */
};

void
map_init(struct map *m)
{
	*m = (struct map){0};
}

void
map_free(struct map *m)
{
	free(m->slots);
	map_init(m);
}

static struct map_slot *
find(struct map_slot *slots, size_t cap, struct slice name)
{
	size_t i = slice_hash(name) & (cap - 1);

	while (slots[i].value != NULL && !slice_eq(slots[i].name, name))
		i = (i + 1) & (cap - 1);
	return &slots[i];
}

static enum err
grow(struct map *m)
{
	size_t cap = m->cap == 0 ? 16 : m->cap * 2;
	struct map_slot *slots = calloc(cap, sizeof(*slots));

	if (slots == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].value != NULL)
			*find(slots, cap, m->slots[i].name) = m->slots[i];
	free(m->slots);
	m->slots = slots;
	m->cap = cap;
	return ERR_OK;
}

enum err
map_put(struct map *m, struct slice name, void *value)
{
	struct map_slot *slot;

	/* At most half full, so that a search always ends at a free slot. */
	if ((m->count + 1) * 2 > m->cap && grow(m) != ERR_OK)
		return ERR_NOMEM;
	slot = find(m->slots, m->cap, name);
	if (slot->value == NULL)
		m->count++;
	*slot = (struct map_slot){name, value};
	return ERR_OK;
}

void *
map_get(const struct map *m, struct slice name)
{
	if (m->cap == 0)
		return NULL;
	return find(m->slots, m->cap, name)->value;
}

void
map_each(
    const struct map *m, void (*fn)(void *arg, struct slice name, void *value), void *arg)
{
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].value != NULL)
			fn(arg, m->slots[i].name, m->slots[i].value);
}
