#include "http/eventstream.h"

#include <zlib.h>

#define PRELUDE_BYTES 12
#define LEAST_BYTES   16 /* of a frame: the prelude, and the CRC at its end */

void
eventstream_init(struct eventstream *s, size_t max)
{
	buf_init(&s->partial, max);
	buf_init(&s->words, max);
	s->given = false;
}

void
eventstream_done(struct eventstream *s)
{
	buf_free(&s->partial);
	buf_free(&s->words);
}

bool
eventstream_has_partial(const struct eventstream *s)
{
	return s->partial.len > 0 && !s->given;
}

/* --- reading --- */

static uint32_t
u32_at(struct slice s, size_t at)
{
	const unsigned char *p = (const unsigned char *)s.ptr + at;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t
crc_of(struct slice s)
{
	return (uint32_t)crc32_z(0, (const unsigned char *)s.ptr, s.len);
}

/* The length that the frame's prelude states; 0 when it is not whole yet. */
static enum err
frame_length(struct slice s, size_t max, size_t *ret_length)
{
	uint32_t length;

	*ret_length = 0;
	if (max < LEAST_BYTES)
		return ERR_FULL;
	if (s.len < PRELUDE_BYTES)
		return ERR_OK;
	length = u32_at(s, 0);
	if (crc_of(slice_head(s, 8)) != u32_at(s, 8) || length < LEAST_BYTES ||
	    u32_at(s, 4) > length - LEAST_BYTES)
		return ERR_BAD_REPLY;
	if (length > max)
		return ERR_FULL;
	*ret_length = length;
	return ERR_OK;
}

/* The length of a header's value by its type; -1: it stands before the value. */
static const signed char value_bytes[] = {0, 0, 1, 2, 4, 8, -1, -1, 8, 16};

#define TYPE_TEXT 7

/* The names of headers that say what a frame is. */
enum header { H_MESSAGE, H_EVENT, H_EXCEPTION, H_CODE, H_WORDS, HEADERS };

static const struct slice header_names[HEADERS] = {[H_MESSAGE] = {":message-type", 13},
    [H_EVENT] = {":event-type", 11},
    [H_EXCEPTION] = {":exception-type", 15},
    [H_CODE] = {":error-code", 11},
    [H_WORDS] = {":error-message", 14}};

/* Cuts n bytes off the front. */
static bool
cut(struct slice *s, size_t n, struct slice *ret)
{
	if (s->len < n)
		return false;
	*ret = slice_head(*s, n);
	*s = slice_from(*s, n);
	return true;
}

static bool
cut_header(struct slice *s, struct slice *ret_name, unsigned *ret_type, struct slice *ret)
{
	struct slice byte, length;
	size_t n;

	if (!cut(s, 1, &byte) || !cut(s, (unsigned char)byte.ptr[0], ret_name) ||
	    !cut(s, 1, &byte))
		return false;
	*ret_type = (unsigned char)byte.ptr[0];
	if (*ret_type >= sizeof(value_bytes))
		return false;
	if (value_bytes[*ret_type] >= 0)
		return cut(s, (size_t)value_bytes[*ret_type], ret);
	if (!cut(s, 2, &length))
		return false;
	n = (size_t)((unsigned char)length.ptr[0] << 8 | (unsigned char)length.ptr[1]);
	return cut(s, n, ret);
}

static bool
read_headers(struct slice s, struct slice ret_values[HEADERS])
{
	struct slice name, value;
	unsigned type;

	while (s.len > 0) {
		if (!cut_header(&s, &name, &type, &value))
			return false;
		for (unsigned i = 0; i < HEADERS; i++)
			if (type == TYPE_TEXT && slice_eq(name, header_names[i]))
				ret_values[i] = value;
	}
	return true;
}

/* What an error only says in a header, as the payload of an exception would. */
static struct slice
put_words(struct buf *b, struct slice words)
{
	buf_clear(b);
	buf_add(b, S("{\"message\":\""));
	for (size_t i = 0; i < words.len; i++) {
		unsigned char c = (unsigned char)words.ptr[i];

		if (c < 0x20) {
			buf_printf(b, "\\u%04x", (unsigned)c);
			continue;
		}
		if (c == '"' || c == '\\')
			buf_byte(b, '\\');
		buf_byte(b, (char)c);
	}
	buf_add(b, S("\"}"));
	return buf_slice(b);
}

/* Reads a whole frame. */
static enum err
read_frame(struct eventstream *s, struct slice raw, struct sse_event *ret_event)
{
	struct slice h[HEADERS] = {{NULL, 0}};
	size_t end = raw.len - 4, body = PRELUDE_BYTES + u32_at(raw, 4);
	struct sse_event e = {.raw = raw};

	if (crc_of(slice_head(raw, end)) != u32_at(raw, end) ||
	    !read_headers(slice_of(raw.ptr + PRELUDE_BYTES, body - PRELUDE_BYTES), h))
		return ERR_BAD_REPLY;
	if (body < end)
		e.data = slice_of(raw.ptr + body, end - body);
	e.name = h[H_EVENT];
	if (slice_eq(h[H_MESSAGE], S("exception"))) {
		e.is_exception = true;
		e.name = h[H_EXCEPTION];
	} else if (slice_eq(h[H_MESSAGE], S("error"))) {
		e.is_exception = true;
		e.name = h[H_CODE];
		e.data = put_words(&s->words, h[H_WORDS]);
	}
	*ret_event = e;
	return s->words.err;
}

/* Adds what the kept frame lacks, or as much as there is. */
static enum err
complete(struct eventstream *s, struct slice *in, size_t *ret_length)
{
	enum err e;

	for (;;) {
		struct slice part;
		size_t want;

		e = frame_length(buf_slice(&s->partial), s->partial.max, ret_length);
		if (e != ERR_OK)
			return e;
		want = (*ret_length == 0 ? PRELUDE_BYTES : *ret_length) - s->partial.len;
		if (want == 0 || in->len == 0)
			return ERR_OK;
		part = slice_head(*in, want);
		buf_add(&s->partial, part);
		if (s->partial.err != ERR_OK)
			return s->partial.err;
		*in = slice_from(*in, part.len);
	}
}

bool
eventstream_next(struct eventstream *s, struct slice *in, struct sse_event *ret_event,
    enum err *ret_err)
{
	struct slice raw;
	size_t length;

	*ret_err = ERR_OK;
	if (s->given) {
		buf_free(&s->partial); /* rare, and streams are many */
		s->given = false;
	}
	if (in->len == 0)
		return false;
	if (s->partial.len == 0) {
		*ret_err = frame_length(*in, s->partial.max, &length);
		if (*ret_err != ERR_OK)
			return false;
		if (length > 0 && length <= in->len) {
			raw = slice_head(*in, length);
			*in = slice_from(*in, length);
			*ret_err = read_frame(s, raw, ret_event);
			return *ret_err == ERR_OK;
		}
	}
	*ret_err = complete(s, in, &length);
	if (*ret_err != ERR_OK || length == 0 || s->partial.len < length)
		return false;
	s->given = true;
	*ret_err = read_frame(s, buf_slice(&s->partial), ret_event);
	return *ret_err == ERR_OK;
}

/* --- writing --- */

static void
put_u32(char *p, size_t value)
{
	p[0] = (char)(value >> 24);
	p[1] = (char)(value >> 16);
	p[2] = (char)(value >> 8);
	p[3] = (char)value;
}

static void
put_header(struct buf *to, struct slice name, struct slice value)
{
	buf_byte(to, (char)name.len);
	buf_add(to, name);
	buf_byte(to, TYPE_TEXT);
	buf_byte(to, (char)(value.len >> 8));
	buf_byte(to, (char)value.len);
	buf_add(to, value);
}

size_t
eventstream_begin(struct buf *to, bool is_exception, struct slice name)
{
	size_t begun = to->len;

	buf_add(to, slice_of("\0\0\0\0\0\0\0\0\0\0\0\0", PRELUDE_BYTES));
	put_header(to, header_names[is_exception ? H_EXCEPTION : H_EVENT], name);
	put_header(to, S(":content-type"), S("application/json"));
	put_header(
	    to, header_names[H_MESSAGE], is_exception ? S("exception") : S("event"));
	/* Where the payload begins is not known any more at the end. */
	if (to->err == ERR_OK)
		put_u32(to->ptr + begun + 4, to->len - begun - PRELUDE_BYTES);
	return begun;
}

void
eventstream_end(struct buf *to, size_t begun)
{
	size_t length;
	char *p;

	buf_add(to, slice_of("\0\0\0\0", 4));
	if (to->err != ERR_OK)
		return;
	p = to->ptr + begun;
	length = to->len - begun;
	put_u32(p, length);
	put_u32(p + 8, crc_of(slice_of(p, 8)));
	put_u32(p + length - 4, crc_of(slice_of(p, length - 4)));
}
