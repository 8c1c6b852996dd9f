#include "json/tape.h"

#include "json/scan.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>

void
json_init(struct json *j, uint32_t max)
{
	*j = (struct json){.max = max};
}

void
json_free(struct json *j)
{
	free(j->tokens);
	json_init(j, j->max);
}

void
json_trim(struct json *j, uint32_t n)
{
	if (j->cap > n)
		json_free(j);
}

/* --- reading ---
 *
 * One loop over the text. `open` holds the token index of every container that
 * is not closed yet; those below the kept depth have none, but their type is
 * needed to match the brackets.
 */

struct reader {
	struct json *j;
	const char *text, *at, *end;
	uint32_t keep, depth;
	uint32_t open[JSON_DEPTH_MAX]; /* token of the container, if kept */
	uint8_t types[JSON_DEPTH_MAX]; /* JSON_ARRAY or JSON_OBJECT */
};

static enum err
fail(struct reader *r, const char *at, const char *why)
{
	r->j->error_at = (size_t)(at - r->text);
	r->j->why = why;
	return ERR_SYNTAX;
}

static enum err
grow(struct json *j)
{
	uint32_t cap = j->cap == 0 ? 64 : j->cap * 2;
	struct json_token *tokens;

	if (cap > j->max)
		cap = j->max;
	if (cap == j->cap)
		return ERR_FULL;
	tokens = realloc(j->tokens, cap * sizeof(*tokens));
	if (tokens == NULL)
		return ERR_NOMEM;
	j->tokens = tokens;
	j->cap = cap;
	return ERR_OK;
}

/* A token for the bytes from `at` to `end`, if this depth is kept. */
static inline enum err
push(struct reader *r, const char *at, const char *end, enum json_type type, bool escaped)
{
	struct json *j = r->j;

	if (r->depth > r->keep)
		return ERR_OK;
	if (j->count == j->cap) {
		enum err e = grow(j);

		if (e != ERR_OK)
			return e;
	}
	j->tokens[j->count] = (struct json_token){(uint32_t)(at - r->text),
	    (uint32_t)(end - at), j->count + 1, (uint8_t)type, escaped, false};
	j->count++;
	return ERR_OK;
}

static inline void
skip_blanks(struct reader *r)
{
	while (r->at < r->end &&
	       (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'))
		r->at++;
}

static enum err
read_string(struct reader *r)
{
	const char *start = r->at, *why;
	bool escaped = false;
	const char *end = scan_string(start + 1, r->end, &escaped, &why);

	if (end == NULL)
		return fail(r, start, why);
	r->at = end + 1;
	return push(r, start, r->at, JSON_STRING, escaped);
}

static enum err
read_word(struct reader *r, struct slice word, enum json_type type)
{
	const char *start = r->at;

	if ((size_t)(r->end - start) < word.len || memcmp(start, word.ptr, word.len) != 0)
		return fail(r, start, "a value");
	r->at += word.len;
	return push(r, start, r->at, type, false);
}

static enum err
read_number(struct reader *r)
{
	const char *start = r->at;
	const char *end = scan_number(start, r->end);

	if (end == NULL)
		return fail(r, start, "a value");
	r->at = end;
	return push(r, start, end, JSON_NUMBER, false);
}

static enum err
open_container(struct reader *r, enum json_type type)
{
	enum err e;

	if (r->depth == JSON_DEPTH_MAX)
		return fail(r, r->at, "less nesting");
	r->open[r->depth] = r->j->count;
	r->types[r->depth] = (uint8_t)type;
	e = push(r, r->at, r->at + 1, type, false);
	r->at++;
	r->depth++;
	return e;
}

static void
close_container(struct reader *r)
{
	struct json_token *t;

	r->at++;
	r->depth--;
	if (r->depth > r->keep)
		return;
	t = &r->j->tokens[r->open[r->depth]];
	t->len = (uint32_t)(r->at - r->text) - t->at;
	t->next = r->j->count;
	t->opaque = r->depth == r->keep && t->len > 2;
}

/* Reads a scalar, or opens a container: *ret_opened. */
static inline enum err
read_value(struct reader *r, bool *ret_opened)
{
	*ret_opened = false;
	if (r->at == r->end)
		return fail(r, r->at, "a value");
	switch (*r->at) {
	case '"': return read_string(r);
	case '{': *ret_opened = true; return open_container(r, JSON_OBJECT);
	case '[': *ret_opened = true; return open_container(r, JSON_ARRAY);
	case 't': return read_word(r, S("true"), JSON_TRUE);
	case 'f': return read_word(r, S("false"), JSON_FALSE);
	case 'n': return read_word(r, S("null"), JSON_NULL);
	default: return read_number(r);
	}
}

static enum err
read_key(struct reader *r)
{
	enum err e;

	if (r->at == r->end || *r->at != '"')
		return fail(r, r->at, "a member's name in quotes");
	e = read_string(r);
	if (e != ERR_OK)
		return e;
	skip_blanks(r);
	if (r->at == r->end || *r->at != ':')
		return fail(r, r->at, "a colon");
	r->at++;
	skip_blanks(r);
	return ERR_OK;
}

static inline bool
at_close(const struct reader *r)
{
	return r->at < r->end &&
	       *r->at == (r->types[r->depth - 1] == JSON_OBJECT ? '}' : ']');
}

/* Behind a value: closes what closes here. *ret_more: another value follows. */
static enum err
after_value(struct reader *r, bool *ret_more)
{
	for (;;) {
		*ret_more = r->depth > 0;
		if (r->depth == 0)
			return ERR_OK;
		skip_blanks(r);
		if (!at_close(r))
			break;
		close_container(r);
	}
	if (r->at == r->end || *r->at != ',')
		return fail(r, r->at, "a comma or the end of the array or object");
	r->at++;
	skip_blanks(r);
	return ERR_OK;
}

static enum err
read_all(struct reader *r)
{
	bool opened, more = true;
	enum err e;

	skip_blanks(r);
	while (more) {
		if (r->depth > 0 && r->types[r->depth - 1] == JSON_OBJECT) {
			e = read_key(r);
			if (e != ERR_OK)
				return e;
		}
		e = read_value(r, &opened);
		if (e != ERR_OK)
			return e;
		if (opened) {
			skip_blanks(r);
			if (!at_close(r))
				continue;
			close_container(r);
		}
		e = after_value(r, &more);
		if (e != ERR_OK)
			return e;
	}
	skip_blanks(r);
	return r->at == r->end ? ERR_OK : fail(r, r->at, "the end of the text");
}

enum err
json_parse(struct json *j, struct slice text, uint32_t keep)
{
	struct reader r;
	enum err e;

	j->text = text;
	j->count = 0;
	j->error_at = 0;
	j->why = "";
	if (text.len >= UINT32_MAX)
		return ERR_FULL;
	r.j = j;
	r.text = r.at = text.ptr == NULL ? "" : text.ptr;
	r.end = r.at + text.len;
	r.keep = keep;
	r.depth = 0;
	e = read_all(&r);
	if (e != ERR_OK)
		j->count = 0; /* half a tape would lead astray */
	return e;
}

/* --- looking --- */

static const struct json_token *
token(const struct json *j, uint32_t v)
{
	return v < j->count ? &j->tokens[v] : NULL;
}

bool
json_is(const struct json *j, uint32_t v, enum json_type type)
{
	const struct json_token *t = token(j, v);

	return t != NULL && t->type == type;
}

struct slice
json_raw(const struct json *j, uint32_t v)
{
	const struct json_token *t = token(j, v);

	if (t == NULL)
		return (struct slice){NULL, 0};
	return slice_of(j->text.ptr + t->at, t->len);
}

struct slice
json_inner(const struct json *j, uint32_t v)
{
	if (!json_is(j, v, JSON_STRING))
		return (struct slice){NULL, 0};
	return slice_of(j->text.ptr + j->tokens[v].at + 1, j->tokens[v].len - 2);
}

bool
json_string(const struct json *j, uint32_t v, struct arena *a, struct slice *ret)
{
	struct slice inner = json_inner(j, v);
	char *to;

	if (inner.ptr == NULL)
		return false;
	if (!j->tokens[v].escaped) {
		*ret = inner;
		return true;
	}
	/* Decoded text is never longer than its escapes. */
	to = arena_alloc(a, inner.len);
	if (to == NULL)
		return false;
	*ret = slice_of(to, scan_decode(inner, to));
	return true;
}

bool
json_equals(const struct json *j, uint32_t v, struct slice text)
{
	struct slice inner = json_inner(j, v);

	if (inner.ptr == NULL)
		return false;
	if (!j->tokens[v].escaped)
		return slice_eq(inner, text);
	return scan_decoded_equals(inner, text);
}

uint32_t
json_first(const struct json *j, uint32_t container)
{
	const struct json_token *t = token(j, container);

	if (t == NULL || (t->type != JSON_ARRAY && t->type != JSON_OBJECT) ||
	    t->next == container + 1)
		return JSON_NONE;
	return container + 1;
}

uint32_t
json_after(const struct json *j, uint32_t container, uint32_t v)
{
	const struct json_token *t = token(j, v), *c = token(j, container);

	return t != NULL && c != NULL && t->next < c->next ? t->next : JSON_NONE;
}

uint32_t
json_get(const struct json *j, uint32_t object, struct slice key)
{
	uint32_t found = JSON_NONE;

	if (!json_is(j, object, JSON_OBJECT))
		return JSON_NONE;
	JSON_FOR_EACH_KEY (k, j, object)
		if (json_equals(j, k, key))
			found = k + 1;
	return found;
}

uint32_t
json_path(const struct json *j, uint32_t object, ...)
{
	const char *key;
	va_list ap;

	va_start(ap, object);
	while (object != JSON_NONE && (key = va_arg(ap, const char *)) != NULL)
		object = json_get(j, object, slice_str(key));
	va_end(ap);
	return object;
}

uint32_t
json_at(const struct json *j, uint32_t array, uint32_t i)
{
	if (!json_is(j, array, JSON_ARRAY))
		return JSON_NONE;
	JSON_FOR_EACH (v, j, array)
		if (i-- == 0)
			return v;
	return JSON_NONE;
}

bool
json_u64(const struct json *j, uint32_t v, uint64_t *ret)
{
	struct slice raw = json_raw(j, v);
	int64_t value;

	if (!json_is(j, v, JSON_NUMBER))
		return false;
	if (slice_u64(raw, ret))
		return true;
	if (!scan_scaled(raw, 0, false, &value) || value < 0)
		return false;
	*ret = (uint64_t)value;
	return true;
}

bool
json_scaled(const struct json *j, uint32_t v, unsigned digits, int64_t *ret)
{
	return json_is(j, v, JSON_NUMBER) &&
	       scan_scaled(json_raw(j, v), (int)digits, true, ret);
}
