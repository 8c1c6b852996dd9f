#include "store/opens.h"

#include <assert.h>
#include <stdlib.h>

#define LEAST 256

void
opens_init(struct opens *o)
{
	*o = (struct opens){NULL, 0, 0};
}

void
opens_free(struct opens *o)
{
	free(o->slots);
	opens_init(o);
}

static size_t
slot_of(const struct opens *o, struct request_id id)
{
	return (size_t)((id.rowid ^ id.tag) * 0x9e3779b97f4a7c15u >> 20) & (o->cap - 1);
}

/* The slot of the id, or the empty one where it would stand. */
static struct open_intent *
look_up(const struct opens *o, struct request_id id)
{
	size_t i = slot_of(o, id);

	while (o->slots[i].id.rowid != 0 &&
	       (o->slots[i].id.rowid != id.rowid || o->slots[i].id.tag != id.tag))
		i = (i + 1) & (o->cap - 1);
	return &o->slots[i];
}

enum err
opens_reserve(struct opens *o, size_t n)
{
	struct opens larger = {.cap = LEAST, .count = o->count};

	while (larger.cap < 2 * (o->count + n))
		larger.cap *= 2;
	if (larger.cap <= o->cap)
		return ERR_OK;
	larger.slots = calloc(larger.cap, sizeof(larger.slots[0]));
	if (larger.slots == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < o->cap; i++)
		if (o->slots[i].id.rowid != 0)
			*look_up(&larger, o->slots[i].id) = o->slots[i];
	free(o->slots);
	*o = larger;
	return ERR_OK;
}

struct open_intent
opens_put(struct opens *o, struct open_intent entry)
{
	struct open_intent *slot, before;

	assert(entry.id.rowid != 0 && o->count < o->cap);
	slot = look_up(o, entry.id);
	before = *slot;
	o->count += slot->id.rowid == 0;
	entry.kept = entry.kept || before.kept;
	*slot = entry;
	return before;
}

struct open_intent *
opens_find(const struct opens *o, struct request_id id)
{
	struct open_intent *slot = o->cap == 0 ? NULL : look_up(o, id);

	return slot == NULL || slot->id.rowid == 0 ? NULL : slot;
}

struct open_intent
opens_take(struct opens *o, struct request_id id)
{
	struct open_intent *slot = opens_find(o, id), taken;
	size_t hole, i;

	if (slot == NULL)
		return (struct open_intent){.segment = NULL};
	taken = *slot;
	o->count--;
	/* Those behind it close the hole, where it is on their way. */
	hole = i = (size_t)(slot - o->slots);
	for (;;) {
		size_t home;

		i = (i + 1) & (o->cap - 1);
		if (o->slots[i].id.rowid == 0)
			break;
		home = slot_of(o, o->slots[i].id);
		if (((i - home) & (o->cap - 1)) >= ((i - hole) & (o->cap - 1))) {
			o->slots[hole] = o->slots[i];
			hole = i;
		}
	}
	o->slots[hole] = (struct open_intent){.segment = NULL};
	return taken;
}
