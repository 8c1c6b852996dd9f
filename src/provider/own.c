#include "provider/own.h"

#include <stdatomic.h>
#include <stdlib.h>

struct own_key {
	char *provider;
	struct secret key;
};

struct own_keys {
	atomic_uint refs;
	struct own_key *all;
	unsigned count;
};

struct own_keys *
own_new(void)
{
	struct own_keys *o = calloc(1, sizeof(*o));

	if (o != NULL)
		atomic_init(&o->refs, 1);
	return o;
}

bool
own_add(struct own_keys *o, struct slice provider, struct secret key)
{
	struct own_key *more = realloc(o->all, (o->count + 1) * sizeof(*more));
	char *name = slice_dup(provider);

	if (more != NULL)
		o->all = more;
	if (more == NULL || name == NULL) {
		free(name);
		secret_free(&key);
		return false;
	}
	more[o->count++] = (struct own_key){name, key};
	return true;
}

struct own_keys *
own_ref(struct own_keys *o)
{
	if (o != NULL)
		(void)atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
	return o;
}

void
own_unref(struct own_keys *o)
{
	if (o == NULL || atomic_fetch_sub(&o->refs, 1) != 1)
		return;
	for (unsigned i = 0; i < o->count; i++) {
		free(o->all[i].provider);
		secret_free(&o->all[i].key);
	}
	free(o->all);
	free(o);
}

const struct secret *
own_find(const struct own_keys *o, const struct provider *p)
{
	for (unsigned i = 0; o != NULL && i < o->count; i++)
		if (strcmp(o->all[i].provider, p->name) == 0)
			return &o->all[i].key;
	return NULL;
}

bool
own_is_possible(const struct provider *p)
{
	return p->auth == AUTH_BEARER || p->auth == AUTH_API_KEY ||
	       p->auth == AUTH_X_API_KEY || p->auth == AUTH_OPTIONAL ||
	       p->auth == AUTH_X_GOOG_API_KEY;
}

bool
own_would_do(const struct provider *p)
{
	return own_is_possible(p) && p->nkeys == 0 && p->base_url != NULL &&
	       p->host.name != NULL && (!p->over_tls || p->host.tls != NULL);
}
