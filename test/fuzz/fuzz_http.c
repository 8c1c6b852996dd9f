/*
 * Any bytes as requests and as replies: what is read does not depend on the pieces
 * in which it comes, heads hold what they promise, and a body has the length that
 * was announced.
 */
#include "fuzz.h"

#include "http/parser.h"

struct reading {
	struct http_parser parser;
	struct buf *told;
	uint64_t body; /* bytes of the message so far */
};

static void
check_head(const struct http_parser *p)
{
	const struct http_head *h = &p->head;

	HOLDS(h->nfields <= HTTP_FIELDS_MAX);
	HOLDS(h->minor <= 1 || p->kind == HTTP_REPLIES || h->minor < 10);
	HOLDS(!h->chunked || !h->has_length);
	HOLDS(http_field_count(h, S("transfer-encoding")) == h->chunked);
	HOLDS(http_field_count(h, S("content-length")) <= 1);
	if (p->kind == HTTP_REQUESTS) {
		HOLDS(h->method.len > 0 && h->target.len > 0);
		HOLDS(http_field_count(h, S("host")) == 1 || h->minor == 0);
	} else {
		HOLDS(h->status >= 100 && h->status <= 999);
	}
	for (unsigned i = 0; i < h->nfields; i++) {
		struct slice name = h->fields[i].name, value = h->fields[i].value;

		HOLDS(name.len > 0);
		HOLDS(slice_find(name, ' ') == name.len);
		HOLDS(slice_find(value, '\r') == value.len);
		HOLDS(slice_find(value, '\n') == value.len);
		HOLDS(slice_find(value, '\0') == value.len);
		HOLDS(slice_eq(slice_trim(value), value));
	}
}

static void
tell_head(struct buf *told, const struct http_head *h)
{
	buf_printf(told, "\n%u %u %d%d %llu %.*s %.*s", h->status, h->minor, h->chunked,
	    h->keep_alive, (unsigned long long)h->length, SLICE_ARGS(h->method),
	    SLICE_ARGS(h->target));
	for (unsigned i = 0; i < h->nfields; i++)
		buf_printf(told, "\n%.*s: %.*s", SLICE_ARGS(h->fields[i].name),
		    SLICE_ARGS(h->fields[i].value));
	buf_add(told, S("\n\n"));
}

/* A message's end, if it came to one. */
static void
end_message(struct reading *r)
{
	const struct http_head *h = &r->parser.head;

	if (r->parser.kind == HTTP_REQUESTS && h->has_length)
		HOLDS(r->body == h->length);
	if (r->parser.kind == HTTP_REQUESTS && !h->has_length && !h->chunked)
		HOLDS(r->body == 0);
	HOLDS(!h->has_length || r->body <= h->length);
	buf_add(r->told, S("<end>"));
}

/* Reads on in the piece; false when nothing more can be read. */
static bool
read_piece(struct reading *r, struct slice in)
{
	struct slice part;

	for (;;) {
		switch (http_parse(&r->parser, &in, &part)) {
		case HTTP_GOT_MORE: HOLDS(in.len == 0); return true;
		case HTTP_GOT_HEAD:
			check_head(&r->parser);
			tell_head(r->told, &r->parser.head);
			r->body = 0;
			break;
		case HTTP_GOT_BODY:
			HOLDS(part.len > 0);
			r->body += part.len;
			buf_add(r->told, part);
			break;
		case HTTP_GOT_END: end_message(r); break;
		case HTTP_GOT_BAD:
			HOLDS(r->parser.err != ERR_OK && r->parser.why != NULL);
			buf_printf(r->told, "<%s>", err_name(r->parser.err));
			return false;
		}
	}
}

static void
read_all(
    enum http_kind kind, struct slice text, size_t max, enum cut cut, struct buf *told)
{
	struct reading r = {.told = told};
	bool good = true;
	struct random chance;
	struct arena a;

	random_seed(&chance, slice_hash(text));
	arena_init(&a, NULL, 0, 64u << 20);
	http_parser_init(&r.parser, kind, &a, max);
	for (size_t at = 0, end; at < text.len && good; at = end) {
		end = piece_end(cut, at, text.len, &chance);
		good = read_piece(&r, slice_of(text.ptr + at, end - at));
	}
	if (good && !http_parser_is_idle(&r.parser)) {
		if (http_parse_eof(&r.parser) == HTTP_GOT_END)
			end_message(&r);
		else
			buf_printf(told, "<%s>", err_name(r.parser.err));
	}
	http_parser_done(&r.parser);
	arena_free(&a);
	HOLDS(told->err == ERR_OK);
}

static void
check(enum http_kind kind, struct slice text, size_t max)
{
	struct buf first, told;

	buf_init(&first, 64u << 20);
	buf_init(&told, 64u << 20);
	read_all(kind, text, max, CUT_NEVER, &first);
	for (enum cut cut = CUT_ALWAYS; cut < CUTS; cut++) {
		buf_clear(&told);
		read_all(kind, text, max, cut, &told);
		HOLDS(slice_eq(buf_slice(&told), buf_slice(&first)));
	}
	buf_free(&first);
	buf_free(&told);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size);
	struct random r;

	random_seed(&r, slice_hash(text));
	for (enum http_kind kind = HTTP_REQUESTS; kind <= HTTP_REPLIES; kind++) {
		check(kind, text, 65536);
		check(kind, text, 1 + random_below(&r, size + 2));
	}
	return 0;
}
