/*
 * Budgets of an account for some models alone: accounts of their own, which nobody is
 * above, asked beside it.
 */
#include "quota/account_parts.h"

#include "quota/rule.h"

#include <stdio.h>
#include <stdlib.h>

struct account *
account_part_new(
    const struct account *of, struct slice models, const struct account_limits *limits)
{
	struct account *a =
	    account_new(of->id, of->level, slice_str(of->name), NULL, limits);

	if (a == NULL)
		return NULL;
	a->models = slice_dup(models);
	if (a->models != NULL)
		return a;
	account_unref(a);
	return NULL;
}

struct account *
account_part(struct account *a, struct slice models)
{
	struct account *found = NULL;

	(void)pthread_mutex_lock(&a->lock);
	for (unsigned i = 0; i < a->nparts && found == NULL; i++)
		if (slice_eq(slice_str(a->parts[i]->models), models))
			found = account_ref(a->parts[i]);
	(void)pthread_mutex_unlock(&a->lock);
	return found;
}

bool
account_set_parts(struct account *a, struct account *const *parts, unsigned n)
{
	struct account **made = n == 0 ? NULL : calloc(n, sizeof(struct account *)),
		       **before;
	unsigned had;

	if (n > 0 && made == NULL)
		return false;
	for (unsigned i = 0; i < n; i++)
		made[i] = account_ref(parts[i]);
	(void)pthread_mutex_lock(&a->lock);
	before = a->parts;
	had = a->nparts;
	a->parts = made;
	a->nparts = n;
	(void)pthread_mutex_unlock(&a->lock);
	for (unsigned i = 0; i < had; i++)
		account_unref(before[i]);
	free(before);
	return true;
}

struct slice
account_models(const struct account *a)
{
	return a->models == NULL ? S("") : slice_str(a->models);
}

struct slice
account_row_name(const struct account *a, char to[ACCOUNT_ROW_NAME_MAX])
{
	if (a->models == NULL)
		return slice_str(a->name);
	(void)snprintf(to, ACCOUNT_ROW_NAME_MAX, "%s\x1f%s", a->name, a->models);
	return slice_str(to);
}

unsigned
account_with_parts(
    struct account *a, struct slice model, struct account *ret[ACCOUNT_GRANT_MAX])
{
	unsigned n = 0;

	ret[n++] = account_ref(a);
	(void)pthread_mutex_lock(&a->lock);
	for (unsigned i = 0; i < a->nparts && n < ACCOUNT_GRANT_MAX; i++)
		if (model.len == 0 || rule_allows(a->parts[i]->models, model))
			ret[n++] = account_ref(a->parts[i]);
	(void)pthread_mutex_unlock(&a->lock);
	return n;
}
