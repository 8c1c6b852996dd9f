#include "proxy/headers.h"

#include <assert.h>

static const struct slice to_provider_names[] = {
#define TO_PROVIDER(name) {name, sizeof(name) - 1},
#include "proxy/headers.def"
};

static const struct slice not_to_caller_names[] = {
#define NOT_TO_CALLER(name) {name, sizeof(name) - 1},
#include "proxy/headers.def"
};

static const struct slice of_dialect_names[] = {
#define OF_DIALECT(name) {name, sizeof(name) - 1},
#include "proxy/headers.def"
};

static const struct slice of_body_names[] = {
#define OF_BODY(name) {name, sizeof(name) - 1},
#include "proxy/headers.def"
};

/* Names, and for each letter a bit for each that begins with it: of the many there are
 * none or few to compare a field's with. */
struct list {
	const struct slice *names;
	unsigned count;
	uint32_t by_letter[32];
};

#define LIST(array)                                                                      \
	{                                                                                \
		(array), sizeof(array) / sizeof((array)[0]),                             \
		{                                                                        \
			0                                                                \
		}                                                                        \
	}

static struct list to_provider = LIST(to_provider_names);
static struct list not_to_caller = LIST(not_to_caller_names);
static struct list of_dialect = LIST(of_dialect_names);
static struct list of_body = LIST(of_body_names);

static void
sort(struct list *l)
{
	assert(l->count <= 32);
	for (unsigned i = 0; i < l->count; i++)
		l->by_letter[l->names[i].ptr[0] & 31] |= (uint32_t)1 << i;
}

__attribute__((constructor)) static void
sort_lists(void)
{
	sort(&to_provider);
	sort(&not_to_caller);
	sort(&of_dialect);
	sort(&of_body);
}

/* A name that ends with "-" stands for all that begin so. */
static bool
listed(struct slice name, const struct list *l)
{
	uint32_t left = name.len == 0 ? 0 : l->by_letter[name.ptr[0] & 31];

	for (; left != 0; left &= left - 1) {
		struct slice n = l->names[__builtin_ctz(left)];

		if (n.len == name.len || n.ptr[n.len - 1] == '-')
			if (slice_istarts(name, n))
				return true;
	}
	return false;
}

bool
headers_of_dialect(struct slice name)
{
	return listed(name, &of_dialect);
}

bool
headers_of_body(struct slice name)
{
	return listed(name, &of_body);
}

bool
headers_to_provider(const struct options *o, struct slice name)
{
	if (listed(name, &to_provider))
		return true;
	for (unsigned i = 0; i < o->forward.count; i++)
		if (slice_ieq(name, slice_str(o->forward.at[i])))
			return true;
	return false;
}

bool
headers_to_caller(const struct http_head *head, struct slice name)
{
	return !listed(name, &not_to_caller) &&
	       !http_has_token(head, S("connection"), name);
}
