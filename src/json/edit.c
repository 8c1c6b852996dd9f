#include "json/edit.h"

/* Keeps the edits in the order of the text. */
static enum err
insert(struct json_edits *e, size_t at, size_t len, struct slice with)
{
	unsigned i = e->count;

	if (e->count == JSON_EDITS_MAX)
		return ERR_FULL;
	for (; i > 0 && e->edit[i - 1].at > at; i--)
		e->edit[i] = e->edit[i - 1];
	e->edit[i].at = at;
	e->edit[i].len = len;
	e->edit[i].with = with;
	e->count++;
	return ERR_OK;
}

enum err
json_replace(struct json_edits *e, const struct json *j, uint32_t v, struct slice with)
{
	struct slice raw = json_raw(j, v);

	return insert(e, (size_t)(raw.ptr - j->text.ptr), raw.len, with);
}

static size_t
end_of(const struct json *j, uint32_t v)
{
	return (size_t)j->tokens[v].at + j->tokens[v].len;
}

enum err
json_remove(struct json_edits *e, const struct json *j, uint32_t object, struct slice key)
{
	/*
	 * A member that follows one that stays goes with the comma before it:
	 *	{"a":1,"key":2,"b":3}	from behind 1 to behind 2
	 * As long as none stays before it, with the comma behind it:
	 *	{"key":2,"b":3}		from "key" to "b"
	 */
	uint32_t before = JSON_NONE;

	JSON_FOR_EACH_KEY(k, j, object)
	{
		uint32_t next = json_after(j, object, k + 1);
		size_t from, to;
		enum err err;

		if (!json_equals(j, k, key)) {
			before = k + 1;
			continue;
		}
		if (before != JSON_NONE) {
			from = end_of(j, before);
			to = end_of(j, k + 1);
			before = k + 1; /* its own end is where the next one begins */
		} else {
			from = j->tokens[k].at;
			to = next == JSON_NONE ? end_of(j, k + 1) : j->tokens[next].at;
		}
		err = insert(e, from, to - from, S(""));
		if (err != ERR_OK)
			return err;
	}
	return ERR_OK;
}

enum err
json_append(struct json_edits *e, const struct json *j, uint32_t object,
    struct slice members, bool emptied)
{
	size_t at = end_of(j, object) - 1;

	if (!emptied && json_first(j, object) != JSON_NONE) {
		enum err err = insert(e, at, 0, S(","));

		if (err != ERR_OK)
			return err;
	}
	return insert(e, at, 0, members);
}

unsigned
json_parts(
    const struct json_edits *e, struct slice text, struct slice parts[JSON_PARTS_MAX])
{
	unsigned n = 0;
	size_t at = 0;

	for (unsigned i = 0; i < e->count; i++) {
		if (e->edit[i].at > at)
			parts[n++] = slice_of(text.ptr + at, e->edit[i].at - at);
		if (e->edit[i].with.len > 0)
			parts[n++] = e->edit[i].with;
		at = e->edit[i].at + e->edit[i].len;
	}
	if (at < text.len)
		parts[n++] = slice_from(text, at);
	return n;
}

size_t
json_parts_length(const struct json_edits *e, size_t text_len)
{
	for (unsigned i = 0; i < e->count; i++)
		text_len = text_len - e->edit[i].len + e->edit[i].with.len;
	return text_len;
}
