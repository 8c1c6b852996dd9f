#include "main/csv.h"

void
csv_raw(struct buf *to, struct slice text)
{
	buf_byte(to, '"');
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '"')
			buf_byte(to, '"');
		buf_byte(to, text.ptr[i]);
	}
	buf_add(to, S("\","));
}

void
csv_text(struct buf *to, struct slice text)
{
	bool formula = text.len > 0 && strchr("=+-@", text.ptr[0]) != NULL;
	size_t at = to->len;

	csv_raw(to, text);
	if (!formula || buf_room(to, 1) == NULL)
		return;
	memmove(to->ptr + at + 2, to->ptr + at + 1, to->len - at - 1);
	to->ptr[at + 1] = '\'';
	buf_wrote(to, 1);
}

void
csv_end(struct buf *to)
{
	if (to->len > 0 && to->ptr[to->len - 1] == ',')
		to->len--;
	buf_add(to, S("\r\n"));
}

/* A quoted field, at whose opening quote *text stands. */
static struct slice
take_quoted(struct slice *text, struct arena *a)
{
	struct slice rest = slice_from(*text, 1);
	char *to = arena_alloc(a, rest.len);
	size_t n = 0, i = 0;

	for (; i < rest.len; i++) {
		if (rest.ptr[i] == '"' && (i + 1 == rest.len || rest.ptr[i + 1] != '"'))
			break;
		i += rest.ptr[i] == '"';
		if (to != NULL)
			to[n++] = rest.ptr[i];
	}
	*text = slice_from(rest, i + 1);
	return slice_of(to, n);
}

unsigned
csv_take(struct slice *text, struct arena *a, struct slice ret_fields[CSV_FIELDS_MAX])
{
	unsigned n = 0;

	if (text->len == 0)
		return 0;
	for (;;) {
		struct slice field;
		size_t end = 0;
		char c;

		if (text->len > 0 && text->ptr[0] == '"') {
			field = take_quoted(text, a);
		} else {
			while (end < text->len && text->ptr[end] != ',' &&
			       text->ptr[end] != '\n')
				end++;
			field = slice_head(*text, end);
			if (slice_ends(field, S("\r")))
				field.len--;
			*text = slice_from(*text, end);
		}
		if (n < CSV_FIELDS_MAX)
			ret_fields[n++] = field;
		if (slice_starts(*text, S("\r\n")))
			*text = slice_from(*text, 1);
		c = text->len == 0 ? '\n' : text->ptr[0];
		*text = slice_from(*text, 1);
		if (c != ',')
			return n;
	}
}
