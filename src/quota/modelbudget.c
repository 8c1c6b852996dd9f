#include "quota/modelbudget.h"

#include "core/buf.h"
#include "core/text.h"

#include <stdlib.h>

#define LIST_BYTES (MODELBUDGET_MAX * (MODELBUDGET_BYTES + 64))

/* "PATTERN=WHAT" */
static bool
split(struct slice part, struct slice *ret_pattern, struct slice *ret_what)
{
	size_t at = slice_rfind(part, '=');

	if (at >= part.len)
		return false;
	*ret_pattern = slice_trim(slice_head(part, at));
	*ret_what = slice_trim(slice_from(part, at + 1));
	return ret_pattern->len > 0 && ret_pattern->len <= MODELBUDGET_BYTES;
}

bool
modelbudget_next(struct slice *rest, struct modelbudget *ret)
{
	struct slice what, usd;

	if (!split(slice_cut(rest, ','), &ret->pattern, &what))
		return false;
	usd = slice_cut(&what, '/');
	return what.ptr != NULL && text_scaled(usd, 12, &ret->pusd) &&
	       period_read(what, &ret->period);
}

static bool
find(struct slice list, struct slice pattern)
{
	struct modelbudget b;

	while (list.ptr != NULL && modelbudget_next(&list, &b))
		if (slice_ieq(b.pattern, pattern))
			return true;
	return false;
}

bool
modelbudget_is_list(struct slice list)
{
	struct modelbudget b;

	for (unsigned n = 0; list.ptr != NULL; n++)
		if (n == MODELBUDGET_MAX || !modelbudget_next(&list, &b) ||
		    find(list, b.pattern))
			return false;
	return true;
}

static void
put(struct buf *to, const struct modelbudget *b)
{
	char usd[TEXT_PUSD_MAX];

	if (to->len > 0)
		buf_byte(to, ',');
	buf_add(to, b->pattern);
	buf_byte(to, '=');
	buf_add(to, slice_of(usd, text_pusd(usd, b->pusd)));
	buf_printf(to, "/%s", period_name(b->period));
}

/* One of them into the list, which is made anew. */
static enum err
edit_one(struct buf *list, struct slice part)
{
	struct slice pattern, what, rest = buf_slice(list);
	struct modelbudget b, new;
	bool none = slice_ieq(slice_trim(part), S("none")), removes;
	struct buf made;

	if (none) {
		buf_clear(list);
		return ERR_OK;
	}
	if (!split(part, &pattern, &what))
		return ERR_SYNTAX;
	removes = slice_ieq(what, S("none"));
	if (!removes && !modelbudget_next(&part, &new))
		return ERR_SYNTAX;
	buf_init(&made, LIST_BYTES);
	while (list->len > 0 && rest.ptr != NULL && modelbudget_next(&rest, &b))
		if (!slice_ieq(b.pattern, pattern))
			put(&made, &b);
	if (!removes)
		put(&made, &new);
	buf_clear(list);
	buf_add(list, buf_slice(&made));
	buf_free(&made);
	return list->err;
}

enum err
modelbudget_edit(char **list, struct slice text)
{
	struct buf made;
	enum err e = ERR_OK;
	char *copy = NULL;

	buf_init(&made, LIST_BYTES);
	if (*list != NULL)
		buf_add(&made, slice_str(*list));
	while (e == ERR_OK && text.ptr != NULL)
		e = edit_one(&made, slice_cut(&text, ','));
	if (e == ERR_OK && made.len > 0 && !modelbudget_is_list(buf_slice(&made)))
		e = ERR_FULL;
	if (e == ERR_OK && made.len > 0) {
		copy = slice_dup(buf_slice(&made));
		e = copy == NULL ? ERR_NOMEM : ERR_OK;
	}
	buf_free(&made);
	if (e != ERR_OK)
		return e;
	free(*list);
	*list = copy;
	return ERR_OK;
}
