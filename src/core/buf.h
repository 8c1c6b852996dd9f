/*
 * buf: bytes that grow, up to a ceiling given at creation. Used for what has
 * no end known beforehand: a body, an event that arrives in pieces, a reply
 * being written.
 *
 * The appending functions report failure once and for all in `err`: a sequence
 * of appends may be written without checks and tested once at its end. After a
 * failure the content is as it was before the append that failed, and further
 * appends do nothing.
 */
#ifndef CORE_BUF_H
#define CORE_BUF_H

#include "core/err.h"
#include "core/slab.h"
#include "core/slice.h"

struct buf {
	char *ptr;
	size_t len, cap; /* bytes used, bytes allocated */
	size_t max;	 /* ceiling of cap */
	struct slab *of; /* whose the bytes are; NULL: the heap's */
	enum err err;	 /* OK, NOMEM or FULL; sticky until buf_clear */
};

/* Empty, nothing allocated; grows to at most max bytes. */
void buf_init(struct buf *b, size_t max);

/* Frees the bytes; the buffer is then as after buf_init. */
void buf_free(struct buf *b);

/* For a buffer that comes and goes with each request: room for its first n bytes, out of
 * a slab if they are no more than its size. It may grow on. */
void buf_take(struct buf *b, size_t n, struct slab *s);

/* Empties it and forgets an error, keeping the bytes for the next use. */
void buf_clear(struct buf *b);

/* Makes it larger by at least n bytes and returns where they go, or NULL. For
 * buf_room. */
SELDOM char *buf_grow(struct buf *b, size_t n);

/* Makes room for n more bytes and returns where they go, or NULL. */
static inline char *
buf_room(struct buf *b, size_t n)
{
	if (b->err == ERR_OK && n <= b->cap - b->len)
		return b->ptr + b->len;
	return buf_grow(b, n);
}

/* Declares that n bytes were written at buf_room(). */
static inline void
buf_wrote(struct buf *b, size_t n)
{
	b->len += n;
}

static inline void
buf_add(struct buf *b, struct slice s)
{
	char *p = s.len == 0 ? NULL : buf_room(b, s.len);

	if (p == NULL)
		return;
	memcpy(p, s.ptr, s.len);
	b->len += s.len;
}

static inline void
buf_byte(struct buf *b, char c)
{
	char *p = buf_room(b, 1);

	if (p == NULL)
		return;
	*p = c;
	b->len++;
}

void buf_u64(struct buf *b, uint64_t value);
void
buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Drops the first n bytes. */
void buf_drop(struct buf *b, size_t n);

/* What is in it; valid until the next append. */
static inline struct slice
buf_slice(const struct buf *b)
{
	return (struct slice){b->ptr, b->len};
}

#endif
