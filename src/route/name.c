#include "route/name.h"

static const char *const policies[] = {
    "fastest", "cheapest", "preferred", "balanced", "local"};

const char *
policy_name(enum policy p)
{
	return policies[p];
}

bool
policy_parse(struct slice s, enum policy *ret_policy)
{
	for (unsigned i = 0; i < POLICIES; i++)
		if (slice_eq(s, slice_str(policies[i]))) {
			*ret_policy = (enum policy)i;
			return true;
		}
	return false;
}

/* A name that the catalog has. */
static bool
read_known(const struct catalog *c, struct slice text, struct route_name *n)
{
	n->model = catalog_find(c, text);
	return n->model != NULL;
}

/* Does the provider offer the model? */
static bool
is_offered(const struct model *m, const struct provider *p)
{
	const struct offer *o = m->offers;

	while (o != NULL && o->provider != p)
		o = o->next;
	return o != NULL;
}

/*
 * provider/model: one offer of that provider, by the id that it has there; or all
 * that it has of a model, by our id or bare name; or what only it may know.
 */
static bool
read_prefixed(const struct catalog *c, struct slice text, struct route_name *n)
{
	size_t slash = slice_find(text, '/');
	const struct provider *p = catalog_provider(c, slice_head(text, slash));
	struct slice rest = slice_from(text, slash + 1);
	const struct model *m = catalog_find(c, rest);

	if (p == NULL || rest.len == 0)
		return false;
	n->provider = p;
	n->offer = catalog_find_offer(c, p, rest);
	if (n->offer != NULL)
		n->model = n->offer->model;
	else if (m != NULL && is_offered(m, p))
		n->model = m;
	else if (p->auth != AUTH_ENGINE) /* whose models the catalog knows all */
		n->upstream = rest;
	return n->model != NULL || n->upstream.len > 0;
}

/* The suffix, if it is one that we know. */
static bool
read_suffix(const struct catalog *c, struct slice suffix, struct route_name *n)
{
	if (policy_parse(suffix, &n->policy)) {
		n->policy_stated = true;
		return true;
	}
	n->provider = catalog_provider(c, suffix);
	return n->provider != NULL;
}

enum err
route_name_parse(const struct catalog *c, struct slice text, enum policy usual,
    struct route_name *ret_name)
{
	const struct route_name empty = {.policy = usual};
	struct route_name n = empty, found, prefixed;
	size_t colon = slice_rfind(text, ':');
	struct slice base = slice_head(text, colon);
	bool suffixed, known;

	if (read_known(c, text, &n)) {
		*ret_name = n;
		return ERR_OK;
	}
	suffixed = colon < text.len && read_suffix(c, slice_from(text, colon + 1), &n);
	found = prefixed = n;
	known = suffixed && read_known(c, base, &n);
	/* A model that others offer may still be one of the provider's own name. */
	if (!known || (n.provider != NULL && !is_offered(n.model, n.provider))) {
		if (read_prefixed(c, suffixed ? base : text, &prefixed) &&
		    (found.provider == NULL || prefixed.provider == found.provider)) {
			n = prefixed;
			known = true;
		}
	}
	*ret_name = n;
	return known ? ERR_OK : ERR_UNKNOWN_MODEL;
}
