/*
 * core: what every other module stands on, and nothing that knows of HTTP,
 * JSON or money: text as slices, arenas, growing buffers with a ceiling, lists,
 * maps, errors, clocks, randomness, secrets and the log.
 *
 * Pure data structures are single-threaded: whoever owns one uses it from one
 * thread. The log (log.h), the outbox (outbox.h) and the clock are for all
 * threads. Nothing here does network I/O.
 *
 * slice: text in transit, by value. A slice never owns; it is not terminated.
 */
#ifndef CORE_SLICE_H
#define CORE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *ptr; /* may be NULL only when len is 0 */
	size_t len;	 /* bytes */
};

/* A slice over a string literal. */
#define S(lit) ((struct slice){(lit), sizeof(lit) - 1})

/* printf's "%.*s": printf("%.*s", SLICE_ARGS(s)). Longer than INT_MAX is cut. */
#define SLICE_ARGS(s) (int)((s).len > 0x7fffffff ? 0x7fffffff : (s).len), (s).ptr

/* The slice of n bytes at p; borrows p. */
static inline struct slice
slice_of(const char *p, size_t n)
{
	return (struct slice){p, n};
}

/* The slice over a terminated string; NULL gives the empty slice. */
static inline struct slice
slice_str(const char *s)
{
	return (struct slice){s, s == NULL ? 0 : strlen(s)};
}

/* The part of s from byte `from` on; past the end gives the empty slice. */
static inline struct slice
slice_from(struct slice s, size_t from)
{
	if (from >= s.len)
		return (struct slice){s.ptr, 0};
	return (struct slice){s.ptr + from, s.len - from};
}

/* At most the first n bytes of s. */
static inline struct slice
slice_head(struct slice s, size_t n)
{
	return (struct slice){s.ptr, n < s.len ? n : s.len};
}

/* Byte-wise equality. */
static inline bool
slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* -1, 0, 1: byte-wise order, a prefix before the longer one. */
int slice_cmp(struct slice a, struct slice b);

bool slice_starts(struct slice s, struct slice prefix);
bool slice_istarts(struct slice s, struct slice prefix);

/* Equality that ignores the case of ASCII letters. */
static inline bool
slice_ieq(struct slice a, struct slice b)
{
	return a.len == b.len && slice_istarts(a, b);
}

bool slice_ends(struct slice s, struct slice suffix);

/* The offset of the first byte c, or of the last one; s.len when there is none. */
size_t slice_find(struct slice s, char c);
size_t slice_rfind(struct slice s, char c);

/* The offset of the first `what`; s.len when it is not there. */
size_t slice_search(struct slice s, struct slice what);

/* s without blanks and tabs at both ends. */
struct slice slice_trim(struct slice s);

/*
 * Takes the text up to the first `c` off *s and returns it; *s then starts
 * behind that byte. Without one it returns all and leaves *s empty with a NULL
 * ptr, which tells the end: while (s.ptr != NULL) part = slice_cut(&s, ',').
 */
struct slice slice_cut(struct slice *s, char c);

/*
 * An unsigned decimal number that fills the whole slice, without sign or
 * blanks. False when it does not, or when it exceeds 64 bits.
 */
bool slice_u64(struct slice s, uint64_t *ret_value);

/* Copies s into a new terminated string of the heap; NULL when out of memory. */
char *slice_dup(struct slice s);

/* FNV-1a over the bytes; for tables of trusted keys (names of a configuration). */
uint64_t slice_hash(struct slice s);

#endif
