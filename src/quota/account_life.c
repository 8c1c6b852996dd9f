/*
 * How accounts come and go, and who they are.
 */
#include "quota/account_parts.h"

#include "core/map.h"

#include <stdio.h>
#include <stdlib.h>

#define SHARED_NAME_MAX 512 /* longer than any of a model */

const struct account_limits account_unlimited = {.budget_pusd = QUOTA_NONE,
    .requests_min = QUOTA_NONE,
    .tokens_min = QUOTA_NONE,
    .input_min = QUOTA_NONE,
    .output_min = QUOTA_NONE,
    .pusd_min = QUOTA_NONE,
    .concurrent = QUOTA_NONE};

const char *
account_level_name(enum account_level l)
{
	static const char *const names[] = {
	    "key", "user", "team", "organisation", "provider", "model"};

	return names[l];
}

struct account *
account_new(uint64_t id, enum account_level level, struct slice name,
    struct account *parent, const struct account_limits *limits)
{
	struct account *a = calloc(1, sizeof(*a));

	if (a == NULL || (a->name = slice_dup(name)) == NULL) {
		free(a);
		return NULL;
	}
	atomic_init(&a->refs, 1);
	(void)pthread_mutex_init(&a->lock, NULL);
	a->id = id;
	a->level = level;
	a->parent = account_ref(parent);
	a->limits = *limits;
	return a;
}

struct account *
account_ref(struct account *a)
{
	if (a != NULL)
		(void)atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
	return a;
}

static void
free_one(struct account *a)
{
	(void)pthread_mutex_destroy(&a->lock);
	free(a->parts);
	free(a->models);
	free(a->lots);
	free(a->name);
	free(a);
}

void
account_unref(struct account *a)
{
	while (a != NULL && atomic_fetch_sub(&a->refs, 1) == 1) {
		struct account *parent = a->parent;

		/* Parts have none themselves. */
		for (unsigned i = 0; i < a->nparts; i++)
			if (atomic_fetch_sub(&a->parts[i]->refs, 1) == 1)
				free_one(a->parts[i]);
		free_one(a);
		a = parent;
	}
}

uint64_t
account_id(const struct account *a)
{
	return a->id;
}

enum account_level
account_level(const struct account *a)
{
	return a->level;
}

struct slice
account_name(const struct account *a)
{
	return slice_str(a->name);
}

struct account *
account_parent(const struct account *a)
{
	return a->parent;
}

/* Those that there ever were. */
static struct {
	pthread_mutex_t lock;
	struct map names; /* "4/groq" */
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct account *
new_shared(enum account_level level, struct slice name, const char *key,
    const struct account_limits *limits)
{
	struct account *a = account_new(0, level, name, NULL, limits);
	char *kept = slice_dup(slice_str(key));

	if (a != NULL && kept != NULL &&
	    map_put(&shared.names, slice_str(kept), a) == ERR_OK)
		return a;
	account_unref(a);
	free(kept);
	return NULL;
}

struct account *
account_shared(
    enum account_level level, struct slice name, const struct account_limits *limits)
{
	char key[SHARED_NAME_MAX];
	struct account *a;

	(void)snprintf(key, sizeof(key), "%u/%.*s", (unsigned)level, SLICE_ARGS(name));
	(void)pthread_mutex_lock(&shared.lock);
	a = map_get(&shared.names, slice_str(key));
	if (a == NULL)
		a = new_shared(level, name, key, limits);
	else
		(void)account_set_limits(a, limits);
	(void)pthread_mutex_unlock(&shared.lock);
	return a;
}
