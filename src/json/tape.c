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
 * is not closed yet; those below the kept depth have none, but how they close is
 * needed to match the brackets. Each function takes the place where it begins
 * and returns the place behind what it read, or NULL with r->err; so the place
 * stays in a register.
 */

struct reader {
	struct json *j;
	const char *text, *end;
	uint32_t keep, depth;
	char close; /* the bracket that closes the innermost container */
	enum err err;
	uint32_t open[JSON_DEPTH_MAX]; /* token of the container, if kept */
	char outer[JSON_DEPTH_MAX];    /* `close` of the one around it */
};

SELDOM static const char *
fail(struct reader *r, const char *at, const char *why)
{
	r->j->error_at = (size_t)(at - r->text);
	r->j->why = why;
	r->err = ERR_SYNTAX;
	return NULL;
}

SELDOM static enum err
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

/* A token for the bytes from `at` to `end`, if this depth is kept. Returns `end`. */
static inline const char *
push(struct reader *r, const char *at, const char *end, enum json_type type, bool escaped)
{
	struct json *j = r->j;
	uint32_t i = j->count;

	if (r->depth > r->keep)
		return end;
	if (i == j->cap && (r->err = grow(j)) != ERR_OK)
		return NULL;
	j->count = i + 1;
	j->tokens[i] = (struct json_token){(uint32_t)(at - r->text), (uint32_t)(end - at),
	    i + 1, (uint8_t)type, escaped, false};
	return end;
}

static inline const char *
skip_blanks(const struct reader *r, const char *at)
{
	/* Mostly there is none: one comparison tells. */
	while (at < r->end && (unsigned char)*at <= ' ' &&
	       (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
		at++;
	return at;
}

static inline const char *
read_string(struct reader *r, const char *at)
{
	const char *end = scan_short(at + 1, r->end), *why;
	bool escaped = false;

	if (end == NULL)
		end = scan_string(at + 1, r->end, &escaped, &why);
	if (end == NULL)
		return fail(r, at, why);
	return push(r, at, end + 1, JSON_STRING, escaped);
}

static inline const char *
read_word(struct reader *r, const char *at, struct slice word, enum json_type type)
{
	if ((size_t)(r->end - at) < word.len || memcmp(at, word.ptr, word.len) != 0)
		return fail(r, at, "a value");
	return push(r, at, at + word.len, type, false);
}

static inline const char *
read_number(struct reader *r, const char *at)
{
	const char *end = scan_number(at, r->end);

	return end == NULL ? fail(r, at, "a value")
			   : push(r, at, end, JSON_NUMBER, false);
}

static inline const char *
open_container(struct reader *r, const char *at, enum json_type type)
{
	if (r->depth == JSON_DEPTH_MAX)
		return fail(r, at, "less nesting");
	r->open[r->depth] = r->j->count;
	r->outer[r->depth] = r->close;
	r->close = type == JSON_OBJECT ? '}' : ']';
	at = push(r, at, at + 1, type, false);
	r->depth++;
	return at;
}

/* Passes the closing bracket. */
static inline const char *
close_container(struct reader *r, const char *at)
{
	struct json_token *t;

	at++;
	r->depth--;
	r->close = r->outer[r->depth];
	if (r->depth > r->keep)
		return at;
	t = &r->j->tokens[r->open[r->depth]];
	t->len = (uint32_t)(at - r->text) - t->at;
	t->next = r->j->count;
	t->opaque = r->depth == r->keep && t->len > 2;
	return at;
}

/* Reads a scalar or an empty container, or opens one: then its first value follows. */
static inline const char *
read_value(struct reader *r, const char *at, bool *ret_opened)
{
	*ret_opened = false;
	switch (at < r->end ? *at : '\0') {
	case '"': return read_string(r, at);
	case '{': at = open_container(r, at, JSON_OBJECT); break;
	case '[': at = open_container(r, at, JSON_ARRAY); break;
	case 't': return read_word(r, at, S("true"), JSON_TRUE);
	case 'f': return read_word(r, at, S("false"), JSON_FALSE);
	case 'n': return read_word(r, at, S("null"), JSON_NULL);
	default: return read_number(r, at);
	}
	if (at == NULL)
		return NULL;
	at = skip_blanks(r, at);
	if (at < r->end && *at == r->close)
		return close_container(r, at);
	*ret_opened = true;
	return at;
}

static inline const char *
read_key(struct reader *r, const char *at)
{
	if (at == r->end || *at != '"')
		return fail(r, at, "a member's name in quotes");
	at = read_string(r, at);
	if (at == NULL)
		return NULL;
	at = skip_blanks(r, at);
	if (at == r->end || *at != ':')
		return fail(r, at, "a colon");
	return skip_blanks(r, at + 1);
}

/* Behind a value: closes what closes here, and passes the comma if another value
 * follows, that is if a container is still open. */
static inline const char *
after_value(struct reader *r, const char *at)
{
	while (r->depth > 0) {
		at = skip_blanks(r, at);
		if (at < r->end && *at == ',')
			return skip_blanks(r, at + 1);
		if (at == r->end || *at != r->close)
			return fail(r, at, "a comma or the end of the array or object");
		at = close_container(r, at);
	}
	return at;
}

static const char *
read_all(struct reader *r, const char *at)
{
	bool opened;

	at = skip_blanks(r, at);
	do {
		if (r->close == '}')
			at = read_key(r, at);
		if (at != NULL)
			at = read_value(r, at, &opened);
		if (at != NULL && !opened)
			at = after_value(r, at);
		if (at == NULL)
			return NULL;
	} while (r->depth > 0);
	at = skip_blanks(r, at);
	return at == r->end ? at : fail(r, at, "the end of the text");
}

enum err
json_parse(struct json *j, struct slice text, uint32_t keep)
{
	struct reader r;

	j->text = text;
	j->count = 0;
	j->error_at = 0;
	j->why = "";
	if (text.len >= UINT32_MAX)
		return ERR_FULL;
	r.j = j;
	r.text = text.ptr == NULL ? "" : text.ptr;
	r.end = r.text + text.len;
	r.keep = keep;
	r.depth = 0;
	r.close = '\0';
	r.err = ERR_OK;
	if (read_all(&r, r.text) == NULL)
		j->count = 0; /* half a tape would lead astray */
	return r.err;
}

/* --- looking --- */

static const struct json_token *
token(const struct json *j, uint32_t v)
{
	return v < j->count ? &j->tokens[v] : NULL;
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

size_t
json_decode(struct slice inner, char *to)
{
	return scan_decode(inner, to);
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

/* Does the name without escapes at `at` equal one of its length? Mostly the first
 * letter tells. */
static inline bool
same_name(const char *at, struct slice key)
{
	return key.len == 0 || (*at == *key.ptr && memcmp(at, key.ptr, key.len) == 0);
}

/* json_equals, in few instructions for the many names that differ. */
static inline bool
key_is(const struct json *j, const struct json_token *t, struct slice key)
{
	if (t->escaped)
		return json_equals(j, (uint32_t)(t - j->tokens), key);
	return t->len == key.len + 2 && same_name(j->text.ptr + t->at + 1, key);
}

uint32_t
json_get(const struct json *j, uint32_t object, struct slice key)
{
	uint32_t found = JSON_NONE, end;

	if (!json_is(j, object, JSON_OBJECT))
		return JSON_NONE;
	end = j->tokens[object].next;
	for (uint32_t k = object + 1; k < end; k = j->tokens[k + 1].next)
		if (key_is(j, &j->tokens[k], key))
			found = k + 1;
	return found;
}

/* Which of the keys it is; n: none. */
static inline unsigned
find_key(const struct json *j, const struct json_token *t, const struct slice *keys,
    unsigned n)
{
	const char *at = j->text.ptr + t->at + 1;
	size_t len = t->len - 2;
	unsigned i = 0;

	if (t->escaped)
		while (i < n && !json_equals(j, (uint32_t)(t - j->tokens), keys[i]))
			i++;
	else
		while (i < n && (keys[i].len != len || !same_name(at, keys[i])))
			i++;
	return i;
}

void
json_pick(const struct json *j, uint32_t object, const struct slice *keys, unsigned n,
    uint32_t *ret_values)
{
	uint64_t lengths = 0; /* a bit for each length that a key has, modulo 64 */
	uint32_t end;

	for (unsigned i = 0; i < n; i++) {
		ret_values[i] = JSON_NONE;
		lengths |= (uint64_t)1 << ((keys[i].len + 2) & 63);
	}
	if (!json_is(j, object, JSON_OBJECT))
		return;
	end = j->tokens[object].next;
	for (uint32_t k = object + 1; k < end; k = j->tokens[k + 1].next) {
		const struct json_token *t = &j->tokens[k];
		unsigned i;

		if ((lengths >> (t->len & 63) & 1) == 0 && !t->escaped)
			continue;
		i = find_key(j, t, keys, n);
		if (i < n)
			ret_values[i] = k + 1;
	}
}

uint32_t
json_twice(
    const struct json *j, uint32_t object, const struct json_name *names, unsigned n)
{
	uint64_t seen = 0;
	uint32_t end;

	if (!json_is(j, object, JSON_OBJECT))
		return JSON_NONE;
	end = j->tokens[object].next;
	for (uint32_t k = object + 1; k < end; k = j->tokens[k + 1].next) {
		const struct json_token *t = &j->tokens[k];
		char plain[JSON_NAME_BYTES];
		struct slice key;
		unsigned i = 0;

		key = slice_of(j->text.ptr + t->at + 1, t->len - 2);
		if (t->escaped && key.len < sizeof(plain))
			key = slice_of(plain, json_decode(key, plain));
		while (i < n && names[i].key.len < key.len)
			i++;
		while (
		    i < n && names[i].key.len == key.len && !slice_ieq(key, names[i].key))
			i++;
		if (i == n || names[i].key.len != key.len)
			continue;
		if ((seen >> names[i].means & 1) != 0)
			return k;
		seen |= (uint64_t)1 << names[i].means;
	}
	return JSON_NONE;
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
json_text_u64(struct slice raw, uint64_t *ret)
{
	int64_t value;

	/* What begins so is a number to its end. */
	if (raw.len == 0 || (raw.ptr[0] != '-' && (raw.ptr[0] < '0' || raw.ptr[0] > '9')))
		return false;
	if (slice_u64(raw, ret))
		return true;
	if (!scan_scaled(raw, 0, false, &value) || value < 0)
		return false;
	*ret = (uint64_t)value;
	return true;
}

bool
json_u64(const struct json *j, uint32_t v, uint64_t *ret)
{
	return json_is(j, v, JSON_NUMBER) && json_text_u64(json_raw(j, v), ret);
}

bool
json_scaled(const struct json *j, uint32_t v, unsigned digits, int64_t *ret)
{
	return json_is(j, v, JSON_NUMBER) &&
	       scan_scaled(json_raw(j, v), (int)digits, true, ret);
}
