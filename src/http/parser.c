#include "http/parser.h"

#include "core/list.h"

#include <assert.h>

/*
 * A head is looked for as text first: line by line, bounded, so that a peer
 * that sends it byte by byte costs no more than one that does not. Once it is
 * there as a whole, llhttp reads it in one piece out of its final place. Bodies
 * are llhttp's alone.
 */

static struct http_parser *
parser_of(llhttp_t *ll)
{
	return CONTAINER_OF(ll, struct http_parser, ll);
}

static int
on_url(llhttp_t *ll, const char *at, size_t n)
{
	parser_of(ll)->head.target = slice_of(at, n);
	return 0;
}

static int
on_method(llhttp_t *ll, const char *at, size_t n)
{
	parser_of(ll)->head.method = slice_of(at, n);
	return 0;
}

static int
on_protocol(llhttp_t *ll, const char *at, size_t n)
{
	struct http_parser *p = parser_of(ll);

	if (slice_eq(slice_of(at, n), S("HTTP")))
		return 0;
	p->err = ERR_BAD_HTTP;
	p->why = "only HTTP is spoken here";
	return -1;
}

static int
on_field(llhttp_t *ll, const char *at, size_t n)
{
	struct http_parser *p = parser_of(ll);

	if (p->in_body)
		return 0; /* trailers are dropped */
	if (p->head.nfields == p->room) {
		p->err = ERR_HEADERS_TOO_LARGE;
		p->why = "more than 128 header fields";
		return -1;
	}
	p->head.fields[p->head.nfields].name = slice_of(at, n);
	p->head.fields[p->head.nfields++].value = slice_of(at, 0);
	return 0;
}

static int
on_value(llhttp_t *ll, const char *at, size_t n)
{
	struct http_parser *p = parser_of(ll);

	if (!p->in_body)
		p->head.fields[p->head.nfields - 1].value = slice_trim(slice_of(at, n));
	return 0;
}

static int
on_head(llhttp_t *ll)
{
	/* We upgrade to nothing: the message is one like any other. */
	ll->upgrade = 0;
	return HPE_PAUSED;
}

static int
on_body(llhttp_t *ll, const char *at, size_t n)
{
	/* At the end of the input llhttp tells of a part without bytes, too. */
	parser_of(ll)->part = slice_of(at, n);
	return n == 0 ? HPE_OK : HPE_PAUSED;
}

static int
on_end(llhttp_t *ll)
{
	parser_of(ll)->ended = true;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_method = on_method,
    .on_url = on_url,
    .on_protocol = on_protocol,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_message_complete = on_end,
};

void
http_parser_init(
    struct http_parser *p, enum http_kind kind, struct arena *arena, size_t max_head)
{
	memset(p, 0, sizeof(*p));
	p->kind = kind;
	p->arena = arena;
	p->max_head = max_head;
	buf_init(&p->partial, max_head + 4);
}

void
http_parser_done(struct http_parser *p)
{
	buf_free(&p->partial);
}

void
http_parser_arena(struct http_parser *p, struct arena *arena)
{
	p->arena = arena;
}

bool
http_parser_is_idle(const struct http_parser *p)
{
	return !p->in_body && p->partial.len == 0 && p->err == ERR_OK;
}

SELDOM static enum http_got
bad(struct http_parser *p, enum err e, const char *why)
{
	p->err = e;
	p->why = why;
	return HTTP_GOT_BAD;
}

/*
 * Is there a whole head in s? Looks from byte `from` on, which begins a line.
 * Returns its length, or 0 when the end is not there yet; *ret_line is where
 * the next look may begin. A line that ends otherwise than by CR LF, and one
 * that goes on with a blank (obsolete folding), makes p bad.
 */
static size_t
find_end(struct http_parser *p, struct slice s, size_t from, size_t *ret_line)
{
	size_t line = from;

	assert(s.ptr != NULL);
	for (;;) {
		const char *at = s.ptr + line;
		const char *lf = memchr(at, '\n', s.len - line);
		size_t n;

		*ret_line = line;
		if (lf == NULL)
			return 0;
		n = (size_t)(lf - at);
		if (n == 0 || at[n - 1] != '\r') {
			(void)bad(p, ERR_BAD_HTTP,
			    "a line of the head does not end with CR LF");
			return 0;
		}
		if (n == 1)
			return line + 2;
		if (*at == ' ' || *at == '\t') {
			(void)bad(p, ERR_BAD_HTTP, "a header field is folded");
			return 0;
		}
		line += n + 1;
		p->lines++;
	}
}

/* What llhttp is content with and we are not. */
static enum http_got
check_head(struct http_parser *p)
{
	struct http_head *h = &p->head;
	struct slice coding = http_field(h, S("transfer-encoding"));

	if (p->ll.http_major != 1)
		return bad(
		    p, ERR_BAD_VERSION, "only HTTP/1.0 and HTTP/1.1 are spoken here");
	if (coding.ptr != NULL) {
		if (http_field_count(h, S("transfer-encoding")) > 1 ||
		    !slice_ieq(coding, S("chunked")))
			return bad(p, ERR_BAD_TRANSFER,
			    "the only transfer coding understood is \"chunked\"");
		if (h->minor == 0)
			return bad(p, ERR_BAD_HTTP, "HTTP/1.0 has no transfer coding");
		h->chunked = true;
	}
	if (p->kind == HTTP_REQUESTS) {
		unsigned hosts = http_field_count(h, S("host"));

		if (hosts > 1 || (hosts == 0 && h->minor > 0))
			return bad(
			    p, ERR_BAD_HTTP, "there must be exactly one Host field");
	}
	if (p->kind == HTTP_REPLIES && h->status < 100)
		return bad(
		    p, ERR_BAD_HTTP, "a status has three digits and begins at 100");
	h->has_length = (p->ll.flags & F_CONTENT_LENGTH) != 0;
	h->length = p->ll.content_length;
	return HTTP_GOT_HEAD;
}

/* Reads the whole head that stands in the arena. */
static enum http_got
read_head(struct http_parser *p, struct slice text)
{
	llhttp_errno_t e;

	llhttp_init(
	    &p->ll, p->kind == HTTP_REQUESTS ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
	p->head = (struct http_head){0};
	p->ended = false;
	/* Each line may be a field, but the first. */
	p->room = p->lines - 1 < HTTP_FIELDS_MAX ? p->lines - 1 : HTTP_FIELDS_MAX;
	p->head.fields = arena_alloc(p->arena, p->room * sizeof(p->head.fields[0]));
	if (p->head.fields == NULL)
		return bad(p, ERR_NOMEM, "out of memory");
	e = llhttp_execute(&p->ll, text.ptr, text.len);
	if (p->err != ERR_OK)
		return HTTP_GOT_BAD;
	if (e != HPE_PAUSED)
		return bad(p, e == HPE_INVALID_VERSION ? ERR_BAD_VERSION : ERR_BAD_HTTP,
		    e == HPE_OK ? "a reply begins with an empty line"
				: llhttp_get_error_reason(&p->ll));
	p->head.status = p->ll.status_code;
	p->head.minor = p->ll.http_minor;
	p->head.keep_alive = llhttp_should_keep_alive(&p->ll) == 1;
	p->in_body = true;
	return check_head(p);
}

/* Empty lines before a request are skipped (RFC 9112, 2.2), also in pieces. */
static void
skip_empty_lines(struct slice *in)
{
	while (in->len > 0 && (*in->ptr == '\r' || *in->ptr == '\n'))
		*in = slice_from(*in, 1);
}

static enum http_got
gather_head(struct http_parser *p, struct slice *in)
{
	struct slice all = *in, text;
	size_t had = p->partial.len, end, line;
	enum http_got got;

	if (had == 0 && p->kind == HTTP_REQUESTS)
		skip_empty_lines(&all);
	/* One more byte than the ceiling shows that it is passed. */
	all = slice_head(all, p->max_head + 1 - had);
	if (had > 0) {
		buf_add(&p->partial, all);
		if (p->partial.err != ERR_OK)
			return bad(p, ERR_NOMEM, "out of memory");
		all = buf_slice(&p->partial);
	}
	end = all.len == 0 ? 0 : find_end(p, all, p->scanned, &line);
	if (p->err != ERR_OK)
		return HTTP_GOT_BAD;
	if ((end == 0 ? all.len : end) > p->max_head)
		return bad(p, ERR_HEADERS_TOO_LARGE, "the head is too large");
	if (end == 0) {
		if (all.len > 0)
			p->scanned = line;
		if (had == 0)
			buf_add(&p->partial, all);
		*in = slice_from(*in, in->len);
		return p->partial.err == ERR_OK ? HTTP_GOT_MORE
						: bad(p, ERR_NOMEM, "out of memory");
	}
	if (!arena_copy(p->arena, slice_head(all, end), &text))
		return bad(p, ERR_NOMEM, "out of memory");
	*in = had > 0
		  ? slice_from(*in, end - had)
		  : slice_of(all.ptr + end, in->len - (size_t)(all.ptr - in->ptr) - end);
	buf_free(&p->partial);
	got = read_head(p, text);
	p->scanned = p->lines = 0;
	return got;
}

/* After a pause: which of its reasons was it? */
static enum http_got
next_of_body(struct http_parser *p, struct slice *ret_part)
{
	if (p->part.len > 0) {
		*ret_part = p->part;
		return HTTP_GOT_BODY;
	}
	if (p->ended) {
		p->in_body = false;
		return HTTP_GOT_END;
	}
	return HTTP_GOT_MORE;
}

enum http_got
http_parse(struct http_parser *p, struct slice *in, struct slice *ret_part)
{
	llhttp_errno_t e;
	enum http_got got;

	if (!p->in_body)
		return in->len == 0 ? HTTP_GOT_MORE : gather_head(p, in);
	do {
		p->part.len = 0;
		llhttp_resume(&p->ll);
		e = llhttp_execute(&p->ll, in->ptr, in->len);
		if (e != HPE_OK && e != HPE_PAUSED)
			return bad(p, ERR_BAD_HTTP, llhttp_get_error_reason(&p->ll));
		if (e == HPE_OK)
			*in = slice_from(*in, in->len);
		else
			*in = slice_from(
			    *in, (size_t)(llhttp_get_error_pos(&p->ll) - in->ptr));
		got = next_of_body(p, ret_part);
	} while (got == HTTP_GOT_MORE && e == HPE_PAUSED);
	return got;
}

enum http_got
http_parse_eof(struct http_parser *p)
{
	if (!p->in_body)
		return bad(p, ERR_EOF, "the connection was closed");
	llhttp_resume(&p->ll);
	(void)llhttp_finish(&p->ll);
	if (!p->ended)
		return bad(
		    p, ERR_EOF, "the connection was closed in the middle of a message");
	p->in_body = false;
	return HTTP_GOT_END;
}

struct slice
http_field(const struct http_head *h, struct slice name)
{
	for (unsigned i = 0; i < h->nfields; i++)
		if (slice_ieq(h->fields[i].name, name))
			return h->fields[i].value;
	return (struct slice){NULL, 0};
}

unsigned
http_field_count(const struct http_head *h, struct slice name)
{
	unsigned count = 0;

	for (unsigned i = 0; i < h->nfields; i++)
		count += slice_ieq(h->fields[i].name, name);
	return count;
}

bool
http_has_token(const struct http_head *h, struct slice name, struct slice token)
{
	for (unsigned i = 0; i < h->nfields; i++) {
		struct slice rest = h->fields[i].value;

		if (!slice_ieq(h->fields[i].name, name))
			continue;
		while (rest.ptr != NULL)
			if (slice_ieq(slice_trim(slice_cut(&rest, ',')), token))
				return true;
	}
	return false;
}
