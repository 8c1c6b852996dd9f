#include "core/buf.h"

#include "core/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_BYTES 256

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void
buf_free(struct buf *b)
{
	if (b->of != NULL)
		slab_give(b->of, b->ptr);
	else
		free(b->ptr);
	buf_init(b, b->max);
}

void
buf_take(struct buf *b, size_t n, struct slab *s)
{
	if (b->cap > 0 || n > s->size || s->size > b->max) {
		(void)buf_room(b, n);
		return;
	}
	b->ptr = slab_take(s);
	if (b->ptr == NULL)
		return;
	b->cap = s->size;
	b->of = s;
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	b->err = ERR_OK;
}

static char *
fail(struct buf *b, enum err e)
{
	b->err = e;
	return NULL;
}

/* As realloc(), and the slab has its own back. */
static char *
move(struct buf *b, size_t cap)
{
	char *p;

	if (b->of == NULL)
		return realloc(b->ptr, cap);
	p = malloc(cap);
	if (p == NULL)
		return NULL;
	memcpy(p, b->ptr, b->len);
	slab_give(b->of, b->ptr);
	b->of = NULL;
	return p;
}

char *
buf_grow(struct buf *b, size_t n)
{
	size_t cap = b->cap;
	char *p;

	if (b->err != ERR_OK)
		return NULL;
	if (n > b->max || b->len > b->max - n)
		return fail(b, ERR_FULL);
	/* The first time just what is asked for: a length was often stated. */
	if (cap == 0)
		cap = n > FIRST_BYTES ? n : FIRST_BYTES;
	while (cap < b->len + n)
		cap *= 2;
	if (cap > b->max)
		cap = b->max;
	p = move(b, cap);
	if (p == NULL)
		return fail(b, ERR_NOMEM);
	b->ptr = p;
	b->cap = cap;
	return p + b->len;
}

void
buf_u64(struct buf *b, uint64_t value)
{
	char digits[TEXT_U64_MAX];

	buf_add(b, slice_of(digits, text_u64(digits, value)));
}

void
buf_printf(struct buf *b, const char *format, ...)
{
	va_list ap;
	int n;
	char *p;

	va_start(ap, format);
	n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	if (n < 0 || (p = buf_room(b, (size_t)n + 1)) == NULL)
		return;
	va_start(ap, format);
	(void)vsnprintf(p, (size_t)n + 1, format, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void
buf_drop(struct buf *b, size_t n)
{
	if (n >= b->len) {
		b->len = 0;
		return;
	}
	memmove(b->ptr, b->ptr + n, b->len - n);
	b->len -= n;
}
