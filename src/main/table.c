#include "main/table.h"

#include "core/text.h"
#include "main/command.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CELLS_MAX (64u << 20)
#define USUAL	  80
#define NARROWEST 8 /* a column is not cut to less */

void
table_init(struct table *t, unsigned columns, const char *const *titles)
{
	*t = (struct table){.columns = columns};
	buf_init(&t->cells, CELLS_MAX);
	for (unsigned i = 0; i < columns; i++) {
		t->right[i] = titles[i][0] == '>';
		table_cell(t, slice_str(titles[i] + t->right[i]));
	}
}

void
table_done(struct table *t)
{
	buf_free(&t->cells);
	t->count = 0;
}

void
table_cell(struct table *t, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		unsigned char next =
		    i + 1 < text.len ? (unsigned char)text.ptr[i + 1] : 0;
		bool c1 = c == 0xc2 && next >= 0x80 && next < 0xa0;

		buf_byte(&t->cells, c < ' ' || c == 0x7f || c1 ? '?' : (char)c);
		i += c1;
	}
	buf_byte(&t->cells, '\0');
	t->count += t->cells.err == ERR_OK; /* without memory the rest is missing */
}

void
table_number(struct table *t, uint64_t value)
{
	char digits[TEXT_U64_MAX];

	table_cell(t, slice_of(digits, text_u64(digits, value)));
}

/* Characters, not bytes: continuation bytes take no room. */
static size_t
width_of(struct slice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
	return n;
}

static size_t
screen_width(void)
{
	struct winsize w;
	const char *columns = getenv("COLUMNS");
	uint64_t n;

	if (columns != NULL && slice_u64(slice_str(columns), &n) && n > 20)
		return n;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 20)
		return w.ws_col;
	return USUAL;
}

/* Takes from the widest column of text until all fit. */
static void
fit(const struct table *t, size_t width[TABLE_COLUMNS_MAX])
{
	size_t screen = screen_width();

	for (;;) {
		size_t sum = 2 * (t->columns - 1);
		unsigned widest = TABLE_COLUMNS_MAX;

		for (unsigned i = 0; i < t->columns; i++) {
			sum += width[i];
			if (!t->right[i] && width[i] > NARROWEST &&
			    (widest == TABLE_COLUMNS_MAX || width[i] > width[widest]))
				widest = i;
		}
		if (sum <= screen || widest == TABLE_COLUMNS_MAX)
			return;
		width[widest]--;
	}
}

static void
put_cell(struct buf *to, struct slice s, size_t width, bool right, bool last)
{
	size_t has = width_of(s), pad = has < width ? width - has : 0;

	if (right)
		for (size_t i = 0; i < pad; i++)
			buf_byte(to, ' ');
	if (has > width) {
		size_t end = 0;

		for (size_t n = 0; end < s.len; end++) {
			n += ((unsigned char)s.ptr[end] & 0xc0) != 0x80;
			if (n == width)
				break;
		}
		buf_add(to, slice_head(s, end));
		buf_add(to, S("\xe2\x80\xa6"));
	} else {
		buf_add(to, s);
	}
	if (!right && !last)
		for (size_t i = 0; i < pad; i++)
			buf_byte(to, ' ');
	buf_add(to, last ? S("\n") : S("  "));
}

void
table_print(struct table *t)
{
	size_t width[TABLE_COLUMNS_MAX] = {0};
	const char *at = t->cells.ptr;
	struct buf out;

	buf_init(&out, 2 * CELLS_MAX);
	for (unsigned i = 0; i < t->count; i++, at += strlen(at) + 1) {
		size_t w = width_of(slice_str(at));

		if (w > width[i % t->columns])
			width[i % t->columns] = w;
	}
	fit(t, width);
	at = t->cells.ptr;
	for (unsigned i = 0; i < t->count; i++, at += strlen(at) + 1) {
		unsigned column = i % t->columns;

		put_cell(&out, slice_str(at), width[column], t->right[column],
		    column == t->columns - 1);
	}
	command_print(buf_slice(&out));
	buf_free(&out);
	table_done(t);
}
