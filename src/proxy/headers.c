#include "proxy/headers.h"

static const char *const to_provider[] = {
#define TO_PROVIDER(name) name,
#include "proxy/headers.def"
    NULL};

static const char *const not_to_caller[] = {
#define NOT_TO_CALLER(name) name,
#include "proxy/headers.def"
    NULL};

static bool
matches(struct slice name, struct slice pattern)
{
	if (slice_ends(pattern, S("-")))
		return slice_istarts(name, pattern);
	return slice_ieq(name, pattern);
}

static bool
listed(struct slice name, const char *const *list)
{
	for (; *list != NULL; list++)
		if ((**list | 0x20) == (name.ptr[0] | 0x20) &&
		    matches(name, slice_str(*list)))
			return true;
	return false;
}

bool
headers_to_provider(const struct options *o, struct slice name)
{
	if (listed(name, to_provider))
		return true;
	for (unsigned i = 0; i < o->forward.count; i++)
		if (slice_ieq(name, slice_str(o->forward.at[i])))
			return true;
	return false;
}

bool
headers_to_caller(const struct http_head *head, struct slice name)
{
	return !listed(name, not_to_caller) &&
	       !http_has_token(head, S("connection"), name);
}
