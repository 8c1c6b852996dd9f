#include "config/report.h"

#include "core/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_BYTES_MAX (256u << 10)

void
report_init(struct report *r)
{
	r->nerrors = r->nfindings = 0;
	buf_init(&r->text, TEXT_BYTES_MAX);
}

void
report_done(struct report *r)
{
	buf_free(&r->text);
}

static void
add(struct report *r, bool error, struct place at, char *text)
{
	const char *kind = error ? "" : "warning: ";
	size_t before = r->text.len;

	for (char *p = text; *p != '\0'; p++) /* one line, whatever it quotes */
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	r->nerrors += error;
	if (r->nfindings == REPORT_LINES_MAX)
		return;
	if (at.line > 0)
		buf_printf(&r->text, "%s:%u:%u: %s%s\n", at.source, at.line, at.column,
		    kind, text);
	else
		buf_printf(&r->text, "%s: %s%s\n", at.source, kind, text);
	r->findings[r->nfindings++] =
	    (struct finding){error, at.line, at.column, before, r->text.len - before};
}

void
report_error(struct report *r, struct place at, const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	add(r, true, at, text);
}

void
report_warning(struct report *r, struct place at, const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	add(r, false, at, text);
}

/* What stands in the file first, in its order; then the rest, as it came. */
static int
by_place(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if ((x->line == 0) != (y->line == 0))
		return x->line == 0 ? 1 : -1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

enum err
report_write(struct report *r, struct buf *to)
{
	qsort(r->findings, r->nfindings, sizeof(r->findings[0]), by_place);
	for (unsigned i = 0; i < r->nfindings; i++)
		buf_add(
		    to, slice_of(r->text.ptr + r->findings[i].at, r->findings[i].len));
	if (r->nfindings == REPORT_LINES_MAX)
		buf_add(to, S("There may be more; only the first 200 are shown.\n"));
	return r->text.err == ERR_NOMEM || to->err == ERR_NOMEM ? ERR_NOMEM : ERR_OK;
}

const char *
report_quote(struct quote *q, struct slice s)
{
	const size_t most = sizeof(q->text) - sizeof("\xe2\x80\xa6");
	size_t n = 0;

	for (; n < s.len && n < most; n++) {
		unsigned char c = (unsigned char)s.ptr[n];

		q->text[n] = c < ' ' || c == 0x7f ? '?' : (char)c;
	}
	if (n < s.len) {
		/* Not in the middle of a character. */
		while (n > 0 && ((unsigned char)s.ptr[n] & 0xc0) == 0x80)
			n--;
		memcpy(q->text + n, "\xe2\x80\xa6", 3);
		n += 3;
	}
	q->text[n] = '\0';
	return q->text;
}

void
nearest_init(struct nearest *n, struct slice wrong)
{
	*n = (struct nearest){.wrong = wrong, .name = S("")};
	n->distance = (unsigned)(wrong.len / 3 < 1 ? 2 : wrong.len / 3 + 1);
}

void
nearest_try(struct nearest *n, struct slice name)
{
	unsigned d;

	if (n->distance == 0)
		return;
	d = text_distance(n->wrong, name, n->distance);
	/* The beginning of a name, or a name and more. */
	if (d > 1 && n->distance > 1 && n->wrong.len >= 3 && name.len >= 3 &&
	    (slice_istarts(name, n->wrong) || slice_istarts(n->wrong, name)))
		d = 1;
	if (d >= n->distance)
		return;
	n->distance = d;
	n->name = name;
}

void
nearest_tell(const struct nearest *n, const char *names, struct note *to)
{
	if (n->name.len > 0)
		note_set(to, "; did you mean \"%.*s\"?", SLICE_ARGS(n->name));
	else if (names[0] != '\0')
		note_set(to, "; expected one of %s", names);
	else
		note_set(to, "%s", "");
}
