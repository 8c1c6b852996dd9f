/*
 * json: reading JSON without changing it. The reader makes a tape: one token a
 * value, in the order of the text, each knowing where its bytes stand and where
 * the value behind it begins. Strings and numbers stay raw slices of the text
 * and are decoded on demand, so what is not looked at survives byte for byte.
 *
 * The grammar is RFC 8259, strictly, and strings are checked to be UTF-8. To
 * read a few members out of a large text, give a small `keep`: deeper values
 * are checked but leave no token.
 *
 * write.h writes JSON, edit.h changes a text in a few places. One thread a tape.
 */
#ifndef JSON_TAPE_H
#define JSON_TAPE_H

#include "core/arena.h"
#include "core/err.h"
#include "core/slice.h"

#define JSON_DEPTH_MAX 512	  /* deeper nesting is an error */
#define JSON_KEEP_ALL  UINT32_MAX /* for `keep` */
#define JSON_NONE      UINT32_MAX /* no such value */

enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

struct json_token {
	uint32_t at, len; /* bytes of the text; a string's with its quotes */
	uint32_t next;	  /* the token behind this value */
	uint8_t type;	  /* enum json_type */
	bool escaped;	  /* a string with a backslash */
	bool opaque;	  /* a container that has content which left no tokens */
};

struct json {
	struct slice text;
	struct json_token *tokens;
	uint32_t count, cap, max; /* tokens used, allocated, and their ceiling */
	size_t error_at;	  /* byte offset of an error */
	const char *why;	  /* what was expected there; static text */
};

/* An empty tape that grows to at most `max` tokens (16 bytes each). */
void json_init(struct json *j, uint32_t max);
void json_free(struct json *j);

/*
 * Reads the text (borrowed as long as the tape is used); value 0 is the root.
 * Containers at depth `keep` or more (the root has depth 0) are opaque. The
 * tape before is forgotten, its memory reused; after an error there are no
 * values. ERR_SYNTAX (see error_at, why), ERR_FULL, ERR_NOMEM.
 */
enum err json_parse(struct json *j, struct slice text, uint32_t keep) MUST_CHECK;

/* Frees the tokens' memory if there is room for more than n. */
void json_trim(struct json *j, uint32_t n);

/* The accessors take JSON_NONE and then answer "no", "empty" or JSON_NONE. */

static inline bool
json_is(const struct json *j, uint32_t v, enum json_type type)
{
	return v < j->count && j->tokens[v].type == type;
}

/* The value's bytes as they stand in the text. */
static inline struct slice
json_raw(const struct json *j, uint32_t v)
{
	if (v >= j->count)
		return (struct slice){NULL, 0};
	return slice_of(j->text.ptr + j->tokens[v].at, j->tokens[v].len);
}

/* A string's content between the quotes, escapes and all; else empty, ptr NULL. */
static inline struct slice
json_inner(const struct json *j, uint32_t v)
{
	if (!json_is(j, v, JSON_STRING))
		return (struct slice){NULL, 0};
	return slice_of(j->text.ptr + j->tokens[v].at + 1, j->tokens[v].len - 2);
}

/* The string's decoded content; a lone surrogate becomes U+FFFD. False: no string,
 * or out of memory. Without escapes it is a slice of the text. */
bool json_string(const struct json *j, uint32_t v, struct arena *a, struct slice *ret);

/* Decodes the inside of a string that a tape held, or of several behind each other;
 * returns the length. `to` has inner.len bytes. */
size_t json_decode(struct slice inner, char *to);

/* Does the string, decoded, equal this? */
bool json_equals(const struct json *j, uint32_t v, struct slice text);

/* The member's value; of several with the key, the last, as most readers do. */
uint32_t json_get(const struct json *j, uint32_t object, struct slice key);

/* json_get for several keys at once, which differ: ret_values[i] for keys[i]. One
 * pass over the members, so cheaper than n calls. */
void json_pick(const struct json *j, uint32_t object, const struct slice *keys,
    unsigned n, uint32_t *ret_values);

/* A key, and what it means: two with the same number (below 64) are two spellings. */
struct json_name {
	struct slice key;
	unsigned char means;
};

#define JSON_NAME_BYTES 256 /* one that is escaped and longer is none of them */

/* Does one of the names stand twice in the object, in any spelling, in large or small
 * letters? The key that is the second, or JSON_NONE. The shortest names come first. */
uint32_t json_twice(
    const struct json *j, uint32_t object, const struct json_name *names, unsigned n);

/* json_get along a path: json_path(j, 0, "usage", "prompt_tokens", NULL). */
uint32_t json_path(const struct json *j, uint32_t object, ...) __attribute__((sentinel));

/* The first element of an array, or the first key of an object. */
uint32_t json_first(const struct json *j, uint32_t container);

/* Behind an element: the next one. Behind a member's value: the next key. */
static inline uint32_t
json_after(const struct json *j, uint32_t container, uint32_t v)
{
	if (v >= j->count || container >= j->count ||
	    j->tokens[v].next >= j->tokens[container].next)
		return JSON_NONE;
	return j->tokens[v].next;
}

/* The i-th element. */
uint32_t json_at(const struct json *j, uint32_t array, uint32_t i);

/* for (JSON_FOR_EACH(e, j, array)); the same over an object's keys: value k + 1. */
#define JSON_FOR_EACH(v, j, array)                                                       \
	for (uint32_t v = json_first(j, array); v != JSON_NONE;                          \
	     v = json_after(j, array, v))
#define JSON_FOR_EACH_KEY(k, j, object)                                                  \
	for (uint32_t k = json_first(j, object); k != JSON_NONE;                         \
	     k = json_after(j, object, k + 1))

/* A number that is a whole, not negative and fits: 12, 12.0, 1e3. */
bool json_u64(const struct json *j, uint32_t v, uint64_t *ret);

/* The same of a value's text, as json_raw() has it. */
bool json_text_u64(struct slice raw, uint64_t *ret);

/*
 * A number times 10 to the power `digits`, rounded half away from zero
 * (1.35e-05 with 12 digits is 13500000). False: not a number, or too large.
 */
bool json_scaled(const struct json *j, uint32_t v, unsigned digits, int64_t *ret);

#endif
