/*
 * edit: a JSON text changed in a few places, the rest byte for byte as it was.
 * Edits are gathered against a tape and then given out as parts to send, which
 * point into the original text and the new pieces: nothing is copied.
 */
#ifndef JSON_EDIT_H
#define JSON_EDIT_H

#include "json/tape.h"

#define JSON_EDITS_MAX 12
#define JSON_PARTS_MAX (2 * JSON_EDITS_MAX + 1)

struct json_edits {
	unsigned count;
	struct json_edit {
		size_t at, len;	   /* the bytes that go */
		struct slice with; /* what comes instead; borrowed */
	} edit[JSON_EDITS_MAX];	   /* in order, not overlapping */
};

/*
 * Edits may come in any order. What was removed or replaced stays so: edits inside
 * it have no effect, but a value may be replaced once more. ERR_FULL when there
 * are too many; nothing has changed then.
 */

/* Puts `with` (JSON) in the value's place. */
enum err json_replace(
    struct json_edits *e, const struct json *j, uint32_t v, struct slice with) MUST_CHECK;

/* Removes every member of that key, with its comma. */
enum err json_remove(struct json_edits *e, const struct json *j, uint32_t object,
    struct slice key) MUST_CHECK;

/* Appends members ("\"a\":1,\"b\":2") at the end of an object. `emptied`: all the
 * members that it has were removed. */
enum err json_append(struct json_edits *e, const struct json *j, uint32_t object,
    struct slice members, bool emptied) MUST_CHECK;

/* The edited text as parts in order; returns how many. */
unsigned json_parts(
    const struct json_edits *e, struct slice text, struct slice parts[JSON_PARTS_MAX]);

/* Its length. */
size_t json_parts_length(const struct json_edits *e, size_t text_len);

#endif
