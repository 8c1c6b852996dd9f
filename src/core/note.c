#include "core/note.h"

#include <stdarg.h>
#include <stdio.h>

#define ELLIPSIS "\xe2\x80\xa6"

/* Cuts before a byte that does not begin a character, and marks the cut. */
static void
cut(struct note *n)
{
	size_t at = NOTE_MAX - sizeof(ELLIPSIS);

	while (at > 0 && ((unsigned char)n->text[at] & 0xc0) == 0x80)
		at--;
	memcpy(n->text + at, ELLIPSIS, sizeof(ELLIPSIS));
}

__attribute__((format(printf, 3, 0))) static void
write_at(struct note *n, size_t at, const char *format, va_list ap)
{
	int len = vsnprintf(n->text + at, NOTE_MAX - at, format, ap);

	if (len < 0)
		n->text[at] = '\0';
	else if ((size_t)len >= NOTE_MAX - at)
		cut(n);
}

void
note_set(struct note *n, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	write_at(n, 0, format, ap);
	va_end(ap);
}

void
note_add(struct note *n, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	write_at(n, strlen(n->text), format, ap);
	va_end(ap);
}
