/*
 * modelbudget: budgets for the models of a pattern alone, as text: a list apart by commas
 * of "PATTERN=USD/PERIOD", like "gpt-5*=5/month,acme/large=0.50/day". Patterns are
 * those of rule.h. Pure.
 */
#ifndef QUOTA_MODELBUDGET_H
#define QUOTA_MODELBUDGET_H

#include "core/err.h"
#include "quota/period.h"

#define MODELBUDGET_MAX	  8   /* in a list */
#define MODELBUDGET_BYTES 200 /* of a pattern */

struct modelbudget {
	struct slice pattern;
	int64_t pusd;
	enum period period;
};

/* Takes the next one off the list. False when it is none; rest->ptr is NULL behind the
 * last one. */
bool modelbudget_next(struct slice *rest, struct modelbudget *ret);

/* Is the list good: at most MODELBUDGET_MAX, no pattern twice? */
bool modelbudget_is_list(struct slice list);

/*
 * Puts what `text` says into the list, which is on the heap or NULL (empty): each of its
 * budgets in the place of that of the same pattern, "PATTERN=none" and "none" take them
 * out. ERR_SYNTAX, ERR_FULL (there are too many then), ERR_NOMEM; the list stays.
 */
enum err modelbudget_edit(char **list, struct slice text) MUST_CHECK;

#endif
