#include "chat/loss.h"

#include <stdarg.h>
#include <stdio.h>

void
losses_add(struct losses *l, struct slice path)
{
	for (unsigned i = 0; i < l->count; i++)
		if (slice_eq(l->path[i], path))
			return;
	if (l->count == LOSSES_MAX)
		l->more = true;
	else
		l->path[l->count++] = path;
}

void
losses_addf(struct losses *l, const char *format, ...)
{
	char text[200];
	struct slice kept;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof(text))
		n = sizeof(text) - 1;
	if (arena_copy(l->arena, slice_of(text, (size_t)n), &kept))
		losses_add(l, kept);
	else
		l->more = true; /* something was lost that cannot be named */
}
