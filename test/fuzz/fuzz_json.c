/*
 * Any bytes as JSON: they are read or refused as the plain grammar says, what is
 * kept changes nothing of that, strings come back as they were written, and every
 * edit leaves JSON.
 */
#include "fuzz.h"

#include "core/utf8.h"
#include "json/edit.h"
#include "json/write.h"

#include "../unit/naive_json.c"

#define PLAIN_MAX 4096 /* the plain reader recurses */

static bool
is_utf8(struct slice s)
{
	const char *at = s.ptr, *end = at + s.len;

	while (at < end) {
		size_t n = (unsigned char)*at < 0x80 ? 1 : utf8_length(at, end);

		if (n == 0)
			return false;
		at += n;
	}
	return true;
}

/* Decoded, written and decoded again, a string is the same. */
static void
check_string(const struct json *j, uint32_t v)
{
	struct slice text, again;
	struct arena a;
	struct json k;
	struct buf b;

	arena_init(&a, NULL, 0, 64u << 20);
	buf_init(&b, 64u << 20);
	json_init(&k, 10);
	HOLDS(json_string(j, v, &a, &text));
	HOLDS(text.len <= json_inner(j, v).len);
	HOLDS(is_utf8(text));
	HOLDS(json_equals(j, v, text));
	json_quote(&b, text);
	HOLDS(b.err == ERR_OK);
	HOLDS(json_parse(&k, buf_slice(&b), JSON_KEEP_ALL) == ERR_OK);
	HOLDS(json_string(&k, 0, &a, &again));
	HOLDS(slice_eq(text, again));
	json_free(&k);
	buf_free(&b);
	arena_free(&a);
}

static void
check_number(const struct json *j, uint32_t v)
{
	uint64_t whole;
	int64_t scaled;

	if (!json_u64(j, v, &whole) || whole > INT64_MAX)
		return;
	HOLDS(json_scaled(j, v, 0, &scaled));
	HOLDS((uint64_t)scaled == whole);
}

static void
check_values(const struct json *j)
{
	for (uint32_t v = 0; v < j->count; v++) {
		const struct json_token *t = &j->tokens[v];

		HOLDS((size_t)t->at + t->len <= j->text.len);
		HOLDS(t->next > v && t->next <= j->count);
		if (t->type == JSON_STRING && v < 200)
			check_string(j, v);
		else if (t->type == JSON_NUMBER)
			check_number(j, v);
		else if (t->type == JSON_OBJECT)
			(void)json_get(j, v, S("model"));
	}
}

/* --- edits --- */

/* A key of the object by its number, decoded; it lives in the arena. */
static struct slice
some_key(const struct json *j, uint32_t object, struct random *r, struct arena *a)
{
	struct slice key = S("no such key");
	uint64_t n = random_below(r, 5);

	JSON_FOR_EACH_KEY (k, j, object)
		if (n-- == 0)
			HOLDS(json_string(j, k, a, &key));
	return key;
}

static void
edit_some(struct json_edits *e, const struct json *j, struct random *r, struct arena *a)
{
	for (uint64_t n = 1 + random_below(r, 4); n > 0; n--) {
		uint32_t v = (uint32_t)random_below(r, j->count);
		enum err err = ERR_OK;

		switch (random_below(r, 3)) {
		case 0:
			if (json_is(j, v, JSON_OBJECT))
				err = json_remove(e, j, v, some_key(j, v, r, a));
			break;
		case 1:
			v = json_get(j, 0, some_key(j, 0, r, a));
			if (v != JSON_NONE)
				err = json_replace(e, j, v, S("{\"new\":[1]}"));
			break;
		default: err = json_append(e, j, 0, S("\"last\":true"), false);
		}
		HOLDS(err == ERR_OK || err == ERR_FULL);
	}
}

static void
check_edits(const struct json *j, struct random *r)
{
	struct slice parts[JSON_PARTS_MAX], gone;
	struct json_edits e = {0};
	struct json k;
	struct arena a;
	struct buf b;
	unsigned n;

	arena_init(&a, NULL, 0, 64u << 20);
	buf_init(&b, 64u << 20);
	json_init(&k, UINT32_MAX);
	gone = some_key(j, 0, r, &a);
	edit_some(&e, j, r, &a);
	if (json_remove(&e, j, 0, gone) == ERR_OK) {
		n = json_parts(&e, j->text, parts);
		HOLDS(n <= JSON_PARTS_MAX);
		for (unsigned i = 0; i < n; i++)
			buf_add(&b, parts[i]);
		HOLDS(b.len == json_parts_length(&e, j->text.len));
		HOLDS(json_parse(&k, buf_slice(&b), JSON_KEEP_ALL) == ERR_OK);
		HOLDS(json_is(&k, 0, JSON_OBJECT));
		HOLDS(slice_eq(gone, S("last")) || json_get(&k, 0, gone) == JSON_NONE);
	}
	json_free(&k);
	buf_free(&b);
	arena_free(&a);
}

static void
check_accepted(struct json *j, struct random *r)
{
	size_t values;

	if (j->text.len <= PLAIN_MAX) {
		HOLDS(naive_json(j->text, JSON_KEEP_ALL, &values));
		HOLDS(values == j->count);
	}
	check_values(j);
	if (json_is(j, 0, JSON_OBJECT))
		for (unsigned i = 0; i < 4; i++)
			check_edits(j, r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size);
	struct json j;
	struct random r;
	size_t values, error_at;
	enum err e;

	random_seed(&r, slice_hash(text));
	json_init(&j, UINT32_MAX);
	e = json_parse(&j, text, JSON_KEEP_ALL);
	HOLDS(e == ERR_OK || (e == ERR_SYNTAX && j.count == 0 && j.error_at <= size));
	error_at = j.error_at;
	if (e == ERR_OK)
		check_accepted(&j, &r);
	else if (size <= PLAIN_MAX && strcmp(j.why, "less nesting") != 0)
		HOLDS(!naive_json(text, 0, &values));
	/* What leaves no tokens is checked all the same. */
	HOLDS(json_parse(&j, text, (uint32_t)random_below(&r, 4)) == e);
	HOLDS(j.error_at == error_at);
	json_free(&j);
	return 0;
}
