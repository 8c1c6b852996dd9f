#include "json/write.h"

#include "core/text.h"
#include "json/scan.h"

/* A comma, unless this value is the first of its container or has a key. */
static void
separate(struct buf *b)
{
	switch (b->len == 0 ? '\n' : b->ptr[b->len - 1]) {
	case '{':
	case '[':
	case ':':
	case ' ':
	case '\n': break;
	default: buf_byte(b, ',');
	}
}

void
json_open(struct buf *b, char bracket)
{
	separate(b);
	buf_byte(b, bracket);
}

void
json_close(struct buf *b, char bracket)
{
	buf_byte(b, bracket);
}

/* Has it nothing to escape? */
static bool
is_plain(struct slice text)
{
	return text.len > 0 &&
	       scan_plain(text.ptr, text.ptr + text.len) == text.ptr + text.len;
}

/* Plain text as a string of text.len + 2 bytes. */
static void
put_quoted(char *to, struct slice text)
{
	to[0] = '"';
	memcpy(to + 1, text.ptr, text.len);
	to[text.len + 1] = '"';
}

void
json_text(struct buf *b, struct slice text)
{
	const char *at, *end;
	char *to;

	if (text.ptr == NULL) {
		buf_add(b, S("\"\""));
		return;
	}

	/* Mostly there is nothing to escape: one copy. */
	if (is_plain(text)) {
		to = buf_room(b, text.len + 2);
		if (to != NULL) {
			put_quoted(to, text);
			buf_wrote(b, text.len + 2);
		}
		return;
	}
	at = text.ptr;
	end = at + text.len;
	buf_byte(b, '"');
	while (at < end) {
		const char *stop = scan_plain(at, end);

		buf_add(b, slice_of(at, (size_t)(stop - at)));
		if (stop == end)
			break;
		at = stop + 1;
		switch (*stop) {
		case '"': buf_add(b, S("\\\"")); break;
		case '\\': buf_add(b, S("\\\\")); break;
		case '\n': buf_add(b, S("\\n")); break;
		case '\r': buf_add(b, S("\\r")); break;
		case '\t': buf_add(b, S("\\t")); break;
		default:
			if ((unsigned char)*stop < 0x20)
				buf_printf(b, "\\u%04x", (unsigned)*stop);
			else
				buf_add(b, S("\xef\xbf\xbd"));
		}
	}
	buf_byte(b, '"');
}

void
json_key(struct buf *b, struct slice name)
{
	separate(b);
	json_text(b, name);
	buf_byte(b, ':');
}

void
json_quote(struct buf *b, struct slice text)
{
	separate(b);
	json_text(b, text);
}

void
json_put_inner(struct buf *b, struct slice inner)
{
	char *to;

	separate(b);
	to = buf_room(b, inner.len + 2);
	if (to == NULL)
		return;
	to[0] = '"';
	if (inner.len > 0)
		memcpy(to + 1, inner.ptr, inner.len);
	to[inner.len + 1] = '"';
	buf_wrote(b, inner.len + 2);
}

void
json_key_inner(struct buf *b, struct slice inner)
{
	json_put_inner(b, inner);
	buf_byte(b, ':');
}

bool
json_quoted(struct arena *a, struct slice text, struct slice *ret)
{
	struct buf b;
	char *to;
	bool done;

	if (is_plain(text)) {
		to = arena_alloc(a, text.len + 2);
		if (to == NULL)
			return false;
		put_quoted(to, text);
		*ret = slice_of(to, text.len + 2);
		return true;
	}
	buf_init(&b, 6 * text.len + 2); /* all of it escaped */
	json_text(&b, text);
	done = b.err == ERR_OK && arena_copy(a, buf_slice(&b), ret);
	buf_free(&b);
	return done;
}

void
json_put_raw(struct buf *b, struct slice json)
{
	separate(b);
	buf_add(b, json);
}

void
json_put_line(struct buf *b, struct slice json)
{
	separate(b);
	while (json.len > 0) { /* a bare end of line stands between values only */
		size_t n = slice_find(json, '\n'), cr = slice_find(json, '\r');

		n = n < cr ? n : cr;
		buf_add(b, slice_head(json, n));
		json = slice_from(json, n == json.len ? n : n + 1);
	}
}

void
json_put_u64(struct buf *b, uint64_t value)
{
	separate(b);
	buf_u64(b, value);
}

void
json_put_i64(struct buf *b, int64_t value)
{
	separate(b);
	if (value < 0)
		buf_byte(b, '-');
	buf_u64(b, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void
json_put_bool(struct buf *b, bool value)
{
	json_put_raw(b, value ? S("true") : S("false"));
}

void
json_put_null(struct buf *b)
{
	json_put_raw(b, S("null"));
}

void
json_member(struct buf *b, struct slice name, struct slice text)
{
	json_key(b, name);
	json_quote(b, text);
}

void
json_member_u64(struct buf *b, struct slice name, uint64_t value)
{
	json_key(b, name);
	json_put_u64(b, value);
}

void
json_member_inner(struct buf *b, struct slice name, struct slice inner)
{
	json_key(b, name);
	json_put_inner(b, inner);
}

void
json_member_raw(struct buf *b, struct slice name, struct slice json)
{
	json_key(b, name);
	json_put_raw(b, json);
}
