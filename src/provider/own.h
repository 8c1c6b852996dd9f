/*
 * own: the keys that a team brought for providers, used in its requests instead of
 * weir's. Made by the store, immutable, counted; any thread.
 */
#ifndef PROVIDER_OWN_H
#define PROVIDER_OWN_H

#include "provider/provider.h"

struct own_keys;

/* An empty list with one reference, to be filled before others see it. NULL: no memory.
 */
struct own_keys *own_new(void);

/* Adds one; the key is taken, also on failure. An empty key: there is one that cannot be
 * read, and the provider is not to be asked at all. False when out of memory. */
bool own_add(struct own_keys *o, struct slice provider, struct secret key);

struct own_keys *own_ref(struct own_keys *o);
void own_unref(struct own_keys *o); /* NULL does nothing */

/* The key for the provider; NULL: weir's own are to be used, as with a NULL list. */
const struct secret *own_find(const struct own_keys *o, const struct provider *p);

/* Can a team's key be used there? Not where requests are signed or on this machine. */
bool own_is_possible(const struct provider *p);

/* Is a key all that the provider lacks to be asked? */
bool own_would_do(const struct provider *p);

#endif
