#include "json/edit.h"

#include <assert.h>

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

static size_t
end_of(const struct json *j, uint32_t v)
{
	return (size_t)j->tokens[v].at + j->tokens[v].len;
}

/* Is the byte at `at` removed or replaced? */
static bool
is_gone(const struct json_edits *e, size_t at)
{
	for (unsigned i = 0; i < e->count; i++)
		if (at >= e->edit[i].at && at - e->edit[i].at < e->edit[i].len)
			return true;
	return false;
}

/* Puts `with` in place of the bytes; edits inside them go. When there is no room, there
 * was none inside. */
static enum err
replace_bytes(struct json_edits *e, size_t from, size_t to, struct slice with)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < e->count; i++)
		if (e->edit[i].at < from || e->edit[i].at >= to)
			e->edit[kept++] = e->edit[i];
	e->count = kept;
	return insert(e, from, to - from, with);
}

enum err
json_replace(struct json_edits *e, const struct json *j, uint32_t v, struct slice with)
{
	size_t at, len;

	assert(v < j->count);
	at = j->tokens[v].at;
	len = j->tokens[v].len;
	for (unsigned i = 0; i < e->count; i++) {
		if (e->edit[i].at == at && e->edit[i].len == len) {
			e->edit[i].with = with; /* once more */
			return ERR_OK;
		}
	}
	if (is_gone(e, at))
		return ERR_OK;
	return replace_bytes(e, at, at + len, with);
}

/* Nothing stays before what was appended at `at`: its comma goes. */
static void
drop_comma(struct json_edits *e, size_t at)
{
	unsigned i = 0;

	while (i < e->count && (e->edit[i].at != at || e->edit[i].len != 0))
		i++;
	if (i == e->count || !slice_eq(e->edit[i].with, S(",")))
		return;
	e->count--;
	for (; i < e->count; i++)
		e->edit[i] = e->edit[i + 1];
}

enum err
json_remove(struct json_edits *e, const struct json *j, uint32_t object, struct slice key)
{
	/*
	 * Members that go stand in runs; each run is one edit. Behind a member
	 * that stays, a run goes with the comma before it:
	 *	{"a":1,"key":2,"b":3}	from behind 1 to behind 2
	 * As long as none stays before it, with the comma behind it:
	 *	{"key":2,"b":3}		from "key" to "b"
	 * What was removed before by other keys is part of the runs, so they are
	 * all found anew.
	 */
	struct json_edits all = *e;
	uint32_t before = JSON_NONE, last = JSON_NONE;
	size_t from = 0;
	bool in_run = false;
	enum err err = ERR_OK;

	if (json_get(j, object, key) == JSON_NONE || is_gone(e, j->tokens[object].at))
		return ERR_OK;
	JSON_FOR_EACH_KEY (k, j, object) {
		size_t at = j->tokens[k].at;

		if (json_equals(j, k, key) || is_gone(e, at)) {
			if (!in_run)
				from = before == JSON_NONE ? at : end_of(j, before);
			in_run = true;
		} else {
			if (in_run)
				err = replace_bytes(&all, from,
				    before == JSON_NONE ? at : end_of(j, last), S(""));
			in_run = false;
			before = k + 1;
		}
		last = k + 1;
		if (err != ERR_OK)
			return err;
	}
	if (in_run)
		err = replace_bytes(&all, from, end_of(j, last), S(""));
	if (before == JSON_NONE && !j->tokens[object].opaque)
		drop_comma(&all, end_of(j, object) - 1);
	if (err == ERR_OK)
		*e = all;
	return err;
}

/* Is there nothing in the object that a comma would have to follow? */
static bool
is_empty(const struct json_edits *e, const struct json *j, uint32_t object)
{
	struct slice inside = json_raw(j, object);

	for (unsigned i = 0; i < e->count; i++)
		if (e->edit[i].at == end_of(j, object) - 1 && e->edit[i].len == 0)
			return false; /* appended before */
	JSON_FOR_EACH_KEY (k, j, object)
		if (!is_gone(e, j->tokens[k].at))
			return false;
	if (!j->tokens[object].opaque)
		return true;
	for (size_t i = 1; i + 1 < inside.len; i++)
		if (memchr(" \t\r\n", inside.ptr[i], 4) == NULL)
			return false;
	return true;
}

enum err
json_append(struct json_edits *e, const struct json *j, uint32_t object,
    struct slice members, bool emptied)
{
	size_t at = end_of(j, object) - 1;
	struct json_edits all = *e;
	enum err err = ERR_OK;

	if (is_gone(e, j->tokens[object].at))
		return ERR_OK;
	if (!emptied && !is_empty(e, j, object))
		err = insert(&all, at, 0, S(","));
	if (err == ERR_OK)
		err = insert(&all, at, 0, members);
	if (err == ERR_OK)
		*e = all;
	return err;
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
