#include "core/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_BYTES 504 /* small enough for the allocator's fast lane */
#define BLOCK_BYTES 4096

struct arena_block {
	struct arena_block *next;
	alignas(max_align_t) char data[];
};

void
arena_init(struct arena *a, void *first, size_t first_len, size_t max)
{
	*a = (struct arena){.at = first, .max = max};
	a->end = first == NULL ? NULL : a->at + first_len;
}

void
arena_free(struct arena *a)
{
	while (a->blocks != NULL) {
		struct arena_block *b = a->blocks;

		a->blocks = b->next;
		free(b);
	}
	a->at = a->end = NULL;
	a->used = 0;
}

/* A block with room for n bytes; the rest of the one before is forgone. */
static bool
grow(struct arena *a, size_t n)
{
	size_t bytes = sizeof(struct arena_block) + n, left = a->max - a->used;
	size_t usual = FIRST_BYTES; /* each as large as all before */
	struct arena_block *b;

	if (bytes > left)
		return false;
	while (usual < a->used && usual < BLOCK_BYTES)
		usual *= 2;
	if (bytes < usual)
		bytes = left < usual ? left : usual;
	b = malloc(bytes);
	if (b == NULL)
		return false;
	b->next = a->blocks;
	a->blocks = b;
	a->used += bytes;
	a->at = b->data;
	a->end = (char *)b + bytes;
	return true;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	const size_t align = alignof(max_align_t);
	size_t pad = (size_t)(-(uintptr_t)a->at & (align - 1));
	char *p;

	if (n > SIZE_MAX / 2)
		return NULL;
	if (a->at == NULL || (size_t)(a->end - a->at) < pad + n) {
		if (!grow(a, n + align))
			return NULL;
		pad = (size_t)(-(uintptr_t)a->at & (align - 1));
	}
	p = a->at + pad;
	a->at = p + n;
	return p;
}

void *
arena_zalloc(struct arena *a, size_t n)
{
	void *p = arena_alloc(a, n);

	if (p != NULL)
		memset(p, 0, n);
	return p;
}

bool
arena_copy(struct arena *a, struct slice s, struct slice *ret)
{
	char *p = arena_alloc(a, s.len + 1);

	if (p == NULL)
		return false;
	if (s.len > 0)
		memcpy(p, s.ptr, s.len);
	p[s.len] = '\0';
	*ret = slice_of(p, s.len);
	return true;
}

struct slice
arena_printf(struct arena *a, const char *format, ...)
{
	va_list ap;
	int n;
	char *p;

	va_start(ap, format);
	n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	if (n < 0 || (p = arena_alloc(a, (size_t)n + 1)) == NULL)
		return S("");
	va_start(ap, format);
	(void)vsnprintf(p, (size_t)n + 1, format, ap);
	va_end(ap);
	return slice_of(p, (size_t)n);
}
