#include "dialect/tag.h"

#include "json/write.h"

#define TAG "weir."

void
tag_put(struct buf *to, const char *provider, struct slice signature)
{
	json_put_inner(to, S(TAG));
	if (to->err != ERR_OK)
		return;
	to->len--; /* the closing quote comes again */
	buf_add(to, slice_str(provider));
	buf_byte(to, '.');
	buf_add(to, signature);
	buf_byte(to, '"');
}

bool
tag_is(struct slice said)
{
	return slice_starts(said, S(TAG));
}

struct slice
tag_of(const char *provider, struct slice said)
{
	struct slice name = slice_str(provider), rest;

	if (!tag_is(said))
		return (struct slice){NULL, 0};
	rest = slice_from(said, sizeof(TAG) - 1);
	if (!slice_starts(rest, name) || rest.len <= name.len ||
	    rest.ptr[name.len] != '.')
		return (struct slice){NULL, 0};
	return slice_from(rest, name.len + 1);
}
