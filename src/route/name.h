/*
 * name: the model string: `model`, `model:policy`, `model:provider`,
 * `provider/model`. An exact name wins over every other reading, so a suffix
 * that is neither a policy nor a provider belongs to the name.
 */
#ifndef ROUTE_NAME_H
#define ROUTE_NAME_H

#include "provider/catalog.h"

enum policy {
	POLICY_FASTEST,
	POLICY_CHEAPEST,
	POLICY_PREFERRED,
	POLICY_BALANCED,
	POLICY_LOCAL,
	POLICIES
};

struct route_name {
	const struct model *model;	 /* NULL: the catalog does not know it */
	const struct provider *provider; /* the one named, or NULL */
	enum policy policy;
	bool policy_stated;
	/* With a provider and no model: the id to send there as it is. */
	struct slice upstream;
	const struct offer *offer; /* the one offer that was named so, or NULL */
};

/* "fastest" and so on. Static text. */
const char *policy_name(enum policy p);

/* The policy of that name; false when there is none. */
bool policy_parse(struct slice s, enum policy *ret_policy);

/*
 * Reads the text, which *ret_name borrows. ERR_UNKNOWN_MODEL: nothing of that
 * name is known, and no provider is named that might know it.
 */
enum err route_name_parse(const struct catalog *c, struct slice text, enum policy usual,
    struct route_name *ret_name) MUST_CHECK;

#endif
