/*
 * What was paid beforehand, in parts that end at different times.
 */
#include "quota/account_parts.h"

#include <stdlib.h>

int64_t
account_run_down(struct account_lot *lots, unsigned n, uint64_t unix_ms, int64_t pusd)
{
	bool any = false;

	while (pusd > 0) {
		struct account_lot *first = NULL;

		for (unsigned i = 0; i < n; i++) {
			struct account_lot *l = &lots[i];
			bool holds = l->from_ms <= unix_ms && unix_ms < l->until_ms;

			any = any || l->from_ms <= unix_ms;
			if (holds && l->left_pusd > 0 &&
			    (first == NULL || l->until_ms < first->until_ms))
				first = l;
		}
		if (first == NULL)
			break;
		if (first->left_pusd >= pusd) {
			first->left_pusd -= pusd;
			return 0;
		}
		pusd -= first->left_pusd;
		first->left_pusd = 0;
	}
	/* What was before the first of them is no debt. */
	return any ? pusd : 0;
}

static const struct account_lot *
lot_of(const struct account *a, uint64_t id)
{
	for (unsigned i = 0; i < a->nlots; i++)
		if (a->lots[i].id == id)
			return &a->lots[i];
	return NULL;
}

bool
account_set_credit(
    struct account *a, const struct account_lot *lots, unsigned n, int64_t debt_pusd)
{
	struct account_lot *made = n == 0 ? NULL : calloc(n, sizeof(*made)), *before;

	if (n > 0 && made == NULL)
		return false;
	(void)pthread_mutex_lock(&a->lock);
	for (unsigned i = 0; i < n; i++) {
		const struct account_lot *known = lot_of(a, lots[i].id);

		made[i] = lots[i];
		if (known != NULL)
			made[i].left_pusd = known->left_pusd;
	}
	if (a->nlots == 0)
		a->debt = debt_pusd;
	before = a->lots;
	a->lots = made;
	a->nlots = n;
	(void)pthread_mutex_unlock(&a->lock);
	free(before);
	return true;
}

bool
account_has_credit(struct account *a)
{
	bool has;

	(void)pthread_mutex_lock(&a->lock);
	has = a->nlots > 0;
	(void)pthread_mutex_unlock(&a->lock);
	return has;
}
