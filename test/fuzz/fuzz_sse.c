/*
 * Any bytes as an event stream: no byte is lost or made, and the events do not
 * depend on the pieces in which it comes, nor does the ceiling.
 */
#include "fuzz.h"

#include "http/sse.h"

static void
tell(struct buf *b, const struct sse_event *e)
{
	buf_printf(b, "<%zu %.*s|", e->raw.len, SLICE_ARGS(e->name));
	if (e->data.ptr != NULL) {
		buf_byte(b, '=');
		buf_add(b, e->data);
	}
	buf_byte(b, '>');
	HOLDS(slice_find(e->name, '\n') == e->name.len);
	HOLDS(slice_find(e->data, '\r') == e->data.len);
	HOLDS(e->data.len <= e->raw.len);
}

/* What the stream says, and in raw all bytes of its events. */
static enum err
read_all(struct slice text, size_t max, enum cut cut, struct buf *told, struct buf *raw)
{
	struct sse_event event;
	struct random r;
	enum err e = ERR_OK;
	struct sse s;

	random_seed(&r, slice_hash(text));
	sse_init(&s, max);
	for (size_t at = 0, end; at < text.len && e == ERR_OK; at = end) {
		struct slice in;

		end = piece_end(cut, at, text.len, &r);
		in = slice_of(text.ptr + at, end - at);
		while (sse_next(&s, &in, &event, &e)) {
			HOLDS(event.raw.len <= max);
			tell(told, &event);
			buf_add(raw, event.raw);
		}
		HOLDS(e == ERR_FULL || (e == ERR_OK && in.len == 0));
	}
	if (e == ERR_OK && sse_rest(&s, &event)) {
		tell(told, &event);
		buf_add(raw, event.raw);
	}
	sse_done(&s);
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
	HOLDS(e != ERR_OK || slice_eq(buf_slice(&raw), text));
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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size);
	struct random r;

	random_seed(&r, slice_hash(text));
	check(text, 1u << 20);
	check(text, 1 + random_below(&r, size + 2));
	return 0;
}
