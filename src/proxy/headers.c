#include "proxy/headers.h"

static const struct slice to_provider[] = {
#define TO_PROVIDER(name) {name, sizeof(name) - 1},
#include "proxy/headers.def"
};

static const struct slice not_to_caller[] = {
#define NOT_TO_CALLER(name) {name, sizeof(name) - 1},
#include "proxy/headers.def"
};

static const struct slice of_dialect[] = {
#define OF_DIALECT(name) {name, sizeof(name) - 1},
#include "proxy/headers.def"
};

static const struct slice of_body[] = {
#define OF_BODY(name) {name, sizeof(name) - 1},
#include "proxy/headers.def"
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* A pattern that ends with "-" stands for all names that begin so. */
static inline bool
listed(struct slice name, const struct slice *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct slice p = list[i];

		if (p.ptr[0] != (name.ptr[0] | 0x20) || p.len > name.len)
			continue;
		if (p.len == name.len || p.ptr[p.len - 1] == '-')
			if (slice_istarts(name, p))
				return true;
	}
	return false;
}

bool
headers_of_dialect(struct slice name)
{
	return listed(name, of_dialect, COUNT(of_dialect));
}

bool
headers_of_body(struct slice name)
{
	return listed(name, of_body, COUNT(of_body));
}

bool
headers_to_provider(const struct options *o, struct slice name)
{
	if (listed(name, to_provider, COUNT(to_provider)))
		return true;
	for (unsigned i = 0; i < o->forward.count; i++)
		if (slice_ieq(name, slice_str(o->forward.at[i])))
			return true;
	return false;
}

bool
headers_to_caller(const struct http_head *head, struct slice name)
{
	return !listed(name, not_to_caller, COUNT(not_to_caller)) &&
	       !http_has_token(head, S("connection"), name);
}
