/*
 * map: names to objects. Built while a configuration is loaded and then only
 * read, so reading is safe from any thread. Keys are trusted text (a
 * configuration, the catalog): the hash has no seed.
 */
#ifndef CORE_MAP_H
#define CORE_MAP_H

#include "core/err.h"
#include "core/slice.h"

struct map_slot;

struct map {
	struct map_slot *slots;
	size_t cap, count; /* slots (a power of two), entries */
};

/* An empty map; takes no memory until the first map_put. */
void map_init(struct map *m);
void map_free(struct map *m);

/*
 * Sets name to value (not NULL), replacing what was there. Borrows the name's
 * bytes and the value for the life of the map. ERR_NOMEM.
 */
enum err map_put(struct map *m, struct slice name, void *value) MUST_CHECK;

/* The value of the name, or NULL. */
void *map_get(const struct map *m, struct slice name);

/* Calls fn for every entry, in no order. fn must not change the map. */
void map_each(const struct map *m, void (*fn)(void *arg, struct slice name, void *value),
    void *arg);

#endif
