#include "store/pg_sql.h"

#include "core/utf8.h"

#include <assert.h>
#include <stdlib.h>

/* What is in quotes, from `at` on; behind it. */
static const char *
skip_quoted(const char *at)
{
	char quote = *at++;

	while (*at != '\0' && *at != quote)
		at++;
	return *at == '\0' ? at : at + 1;
}

void
pg_sql_translate(const char *sql, struct buf *to, struct pg_sql_places *ret_places)
{
	unsigned last = 0;

	*ret_places = (struct pg_sql_places){.count = 0};
	while (*sql != '\0') {
		const char *from = sql;
		char *end;
		unsigned long at;

		if (*sql == '\'' || *sql == '"') {
			sql = skip_quoted(sql);
			buf_add(to, slice_of(from, (size_t)(sql - from)));
			continue;
		}
		if (*sql++ != '?') {
			buf_byte(to, *from);
			continue;
		}
		at = strtoul(sql, &end, 10);
		at = end == sql ? last + 1 : at;
		sql = end;
		assert(at >= 1 && at <= PG_SQL_VALUES);
		last = (unsigned)at;
		if (ret_places->value[at] == 0)
			ret_places->value[at] = (unsigned char)++ret_places->count;
		buf_printf(to, "$%u", ret_places->value[at]);
	}
	buf_byte(to, '\0');
}

/* The first byte that PostgreSQL does not take, or `end`. */
static const char *
first_bad(const char *at, const char *end)
{
	while (at < end) {
		size_t n = 1;

		if ((unsigned char)*at >= 0x80)
			n = utf8_length(at, end);
		if (n == 0 || *at == '\0')
			break;
		at += n;
	}
	return at;
}

struct slice
pg_sql_text(struct slice text, struct buf *mended)
{
	const char *at = text.ptr == NULL ? "" : text.ptr, *end = at + text.len;
	const char *bad = first_bad(at, end);

	if (bad == end)
		return slice_of(at, text.len);
	buf_clear(mended);
	while (bad < end) {
		buf_add(mended, slice_of(at, (size_t)(bad - at)));
		buf_add(mended, S("\xef\xbf\xbd"));
		at = bad + 1;
		bad = first_bad(at, end);
	}
	buf_add(mended, slice_of(at, (size_t)(end - at)));
	return buf_slice(mended);
}

int64_t
pg_sql_i64(const char *text)
{
	return text[0] == 't' ? 1 : strtoll(text, NULL, 10);
}

static unsigned
digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a') + 10;
}

void
pg_sql_blob(const char *text, struct buf *to)
{
	if (text[0] != '\\' || text[1] != 'x')
		return;
	for (text += 2; text[0] != '\0' && text[1] != '\0'; text += 2)
		buf_byte(to, (char)(digit(text[0]) << 4 | digit(text[1])));
}
