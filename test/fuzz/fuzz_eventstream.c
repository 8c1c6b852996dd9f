/*
 * Any bytes as AWS frames: no byte is lost or made, what is read does not depend on
 * the pieces in which it comes, nor does the ceiling. As a CRC hides nearly all of
 * such bytes, they are also the headers and the payload of a frame with good ones.
 */
#include "fuzz.h"

#include "http/eventstream.h"

#include <zlib.h>

static void
tell(struct buf *b, const struct sse_event *e)
{
	buf_printf(b, "<%zu %d %zu|", e->raw.len, (int)e->is_exception, e->name.len);
	buf_add(b, e->name);
	buf_byte(b, '|');
	if (e->data.ptr != NULL)
		buf_add(b, e->data);
	buf_byte(b, '>');
	HOLDS(e->name.len < e->raw.len);
	HOLDS(e->is_exception || e->data.len < e->raw.len);
}

/* What the stream says, and in raw all bytes of its frames. */
static enum err
read_all(struct slice text, size_t max, enum cut cut, struct buf *told, struct buf *raw)
{
	struct sse_event event;
	struct eventstream s;
	struct random r;
	enum err e = ERR_OK;

	random_seed(&r, slice_hash(text));
	eventstream_init(&s, max);
	for (size_t at = 0, end; at < text.len && e == ERR_OK; at = end) {
		struct slice in;

		end = piece_end(cut, at, text.len, &r);
		in = slice_of(text.ptr + at, end - at);
		while (eventstream_next(&s, &in, &event, &e)) {
			HOLDS(event.raw.len <= max);
			tell(told, &event);
			buf_add(raw, event.raw);
		}
		HOLDS(
		    e == ERR_FULL || e == ERR_BAD_REPLY || (e == ERR_OK && in.len == 0));
	}
	if (e == ERR_OK)
		HOLDS(eventstream_has_partial(&s) == (raw->len < text.len));
	eventstream_done(&s);
	HOLDS(told->err == ERR_OK && raw->err == ERR_OK);
	return e;
}

static void
check(struct slice text, size_t max)
{
	struct buf first, told, raw;
	enum err e;

	buf_init(&first, 64u << 20);
	buf_init(&told, 64u << 20);
	buf_init(&raw, 64u << 20);
	e = read_all(text, max, CUT_NEVER, &first, &raw);
	HOLDS(slice_starts(text, buf_slice(&raw)));
	for (enum cut cut = CUT_ALWAYS; cut < CUTS; cut++) {
		buf_clear(&told);
		buf_clear(&raw);
		HOLDS(read_all(text, max, cut, &told, &raw) == e);
		HOLDS(slice_eq(buf_slice(&told), buf_slice(&first)));
		HOLDS(slice_starts(text, buf_slice(&raw)));
	}
	buf_free(&first);
	buf_free(&told);
	buf_free(&raw);
}

static void
put_u32(struct buf *b, size_t n)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_byte(b, (char)(n >> shift));
}

/* The bytes as headers and payload, and once as the payload of a written frame. */
static void
check_framed(struct slice text, struct random *r)
{
	size_t headers = random_below(r, text.len + 1), begun;
	struct buf b;

	buf_init(&b, text.len * 2 + 1000);
	put_u32(&b, 16 + text.len);
	put_u32(&b, headers);
	put_u32(&b, crc32_z(0, (const unsigned char *)b.ptr, 8));
	buf_add(&b, text);
	put_u32(&b, crc32_z(0, (const unsigned char *)b.ptr, b.len));
	begun = eventstream_begin(&b, headers % 2 == 0, S("name"));
	buf_add(&b, text);
	eventstream_end(&b, begun);
	HOLDS(b.err == ERR_OK);
	check(buf_slice(&b), 1u << 20);
	check(slice_from(buf_slice(&b), begun), 1u << 20);
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size);
	struct random r;

	random_seed(&r, slice_hash(text));
	check(text, 1u << 20);
	check(text, 1 + random_below(&r, size + 2));
	check_framed(text, &r);
	return 0;
}
