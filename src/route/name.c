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

/* The provider's offer of a model, whose id or bare name `rest` is. */
static const struct offer *
offer_of(const struct catalog *c, const struct provider *p, struct slice rest)
{
	const struct model *m = catalog_find(c, rest);
	const struct offer *o = catalog_find_offer(c, p, rest);

	if (o != NULL || m == NULL)
		return o;
	for (o = m->offers; o != NULL && o->provider != p; o = o->next)
		;
	return o;
}

/* provider/model: any model of that provider, known or not. */
static bool
read_prefixed(const struct catalog *c, struct slice text, struct route_name *n)
{
	size_t slash = slice_find(text, '/');
	const struct provider *p = catalog_provider(c, slice_head(text, slash));
	struct slice rest = slice_from(text, slash + 1);

	if (p == NULL || rest.len == 0)
		return false;
	n->provider = p;
	n->offer = offer_of(c, p, rest);
	n->model = n->offer == NULL ? NULL : n->offer->model;
	n->upstream = n->offer == NULL ? rest : n->offer->upstream;
	return true;
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
	struct route_name n = empty;
	size_t colon = slice_rfind(text, ':');
	struct slice base = slice_head(text, colon);
	enum err e = ERR_OK;

	if (!read_known(c, text, &n)) {
		bool suffixed =
		    colon < text.len && read_suffix(c, slice_from(text, colon + 1), &n);
		const struct route_name found = n;

		if (!suffixed || !read_known(c, base, &n)) {
			n = found;
			if (!read_prefixed(c, suffixed ? base : text, &n) ||
			    (found.provider != NULL && n.provider != found.provider))
				e = ERR_UNKNOWN_MODEL;
		}
	}
	*ret_name = n;
	return e;
}
