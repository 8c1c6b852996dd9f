#include "http/parser.h"

#include "core/random.h"
#include "test.h"
#include "torture.h"

#define HEAD_MAX 4096

/* --- a transcript of what the parser says --- */

static struct buf said;

static void
say_head(const struct http_head *h, enum http_kind kind)
{
	if (kind == HTTP_REQUESTS)
		buf_printf(
		    &said, "%.*s %.*s", SLICE_ARGS(h->method), SLICE_ARGS(h->target));
	else
		buf_printf(&said, "%u", h->status);
	buf_printf(&said, " 1.%u%s%s", h->minor, h->keep_alive ? " alive" : "",
	    h->chunked ? " chunked" : "");
	if (h->has_length)
		buf_printf(&said, " %llu", (unsigned long long)h->length);
	for (unsigned i = 0; i < h->nfields; i++)
		buf_printf(&said, " [%.*s=%.*s]", SLICE_ARGS(h->fields[i].name),
		    SLICE_ARGS(h->fields[i].value));
	buf_add(&said, S("\n"));
}

/* Feeds the piece; bodies are put together. False after HTTP_GOT_BAD. */
static bool
feed(struct http_parser *p, struct slice in)
{
	struct slice part;

	for (;;) {
		switch (http_parse(p, &in, &part)) {
		case HTTP_GOT_MORE: assert_int_equal(in.len, 0); return true;
		case HTTP_GOT_HEAD: say_head(&p->head, p->kind); break;
		case HTTP_GOT_BODY:
			assert_true(part.len > 0);
			buf_add(&said, part);
			break;
		case HTTP_GOT_END: buf_add(&said, S("end\n")); break;
		case HTTP_GOT_BAD:
			assert_true(p->err != ERR_OK && p->why != NULL);
			buf_printf(&said, "%s: %s\n", err_name(p->err), p->why);
			return false;
		}
	}
}

/* How the text is cut into pieces: after each byte that `cut` tells. */
typedef bool cut_fn(size_t at, void *arg);

static struct slice
transcript(
    enum http_kind kind, struct slice text, size_t max_head, cut_fn *cut, void *arg)
{
	struct http_parser p;
	struct arena a;
	size_t from = 0;
	bool good = true;

	buf_clear(&said);
	arena_init(&a, NULL, 0, 1u << 20);
	http_parser_init(&p, kind, &a, max_head);
	for (size_t at = 1; good && at <= text.len; at++) {
		if (at < text.len && !cut(at, arg))
			continue;
		good = feed(&p, slice_of(text.ptr + from, at - from));
		from = at;
	}
	if (good && !http_parser_is_idle(&p)) {
		if (http_parse_eof(&p) == HTTP_GOT_END)
			buf_add(&said, S("end\n"));
		else
			buf_printf(&said, "%s: %s\n", err_name(p.err), p.why);
	}
	http_parser_done(&p);
	arena_free(&a);
	assert_int_equal(said.err, ERR_OK);
	return buf_slice(&said);
}

static bool
cut_never(size_t at, void *arg)
{
	(void)at;
	(void)arg;
	return false;
}

static bool
cut_always(size_t at, void *arg)
{
	(void)at;
	(void)arg;
	return true;
}

static bool
cut_here(size_t at, void *arg)
{
	return at == *(size_t *)arg;
}

static bool
cut_anywhere(size_t at, void *arg)
{
	(void)at;
	return random_below(arg, 7) == 0;
}

static void
assert_said(enum http_kind kind, const char *text, const char *want)
{
	assert_slice(transcript(kind, slice_str(text), HEAD_MAX, cut_never, NULL),
	    slice_str(want));
}

/* --- requests --- */

TEST(a_request_without_body)
{
	assert_said(HTTP_REQUESTS,
	    "GET /v1/models?x=1 HTTP/1.1\r\nHost: a\r\nX:  b c\t\r\nY:\r\n\r\n",
	    "GET /v1/models?x=1 1.1 alive [Host=a] [X=b c] [Y=]\nend\n");
}

TEST(a_request_with_length)
{
	assert_said(HTTP_REQUESTS,
	    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
	    "POST / 1.1 alive 5 [Host=a] [Content-Length=5]\nhelloend\n");
	assert_said(HTTP_REQUESTS,
	    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
	    "POST / 1.1 alive 0 [Host=a] [Content-Length=0]\nend\n");
}

TEST(a_chunked_request)
{
	assert_said(HTTP_REQUESTS,
	    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
	    "5\r\nhello\r\nA;ext=\"v\"\r\n, big worl\r\n1\r\nd\r\n0\r\nTrailer: "
	    "x\r\n\r\n",
	    "POST / 1.1 alive chunked [Host=a] [Transfer-Encoding=Chunked]\n"
	    "hello, big worldend\n");
}

TEST(requests_follow_each_other)
{
	assert_said(HTTP_REQUESTS,
	    "\r\n\r\nGET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
	    "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab"
	    "\r\nGET /3 HTTP/1.0\r\n\r\n"
	    "GET /4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	    "GET /1 1.1 alive [Host=a]\nend\n"
	    "POST /2 1.1 alive 2 [Host=a] [Content-Length=2]\nabend\n"
	    "GET /3 1.0\nend\n"
	    "GET /4 1.1 [Host=a] [Connection=close]\nend\n");
}

TEST(nothing_is_upgraded)
{
	assert_said(HTTP_REQUESTS,
	    "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"
	    "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"
	    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	    "GET / 1.1 alive [Host=a] [Connection=upgrade] [Upgrade=h2c]\nend\n"
	    "CONNECT a:1 1.1 alive [Host=a]\nend\n"
	    "GET / 1.1 alive [Host=a]\nend\n");
}

/* A request with these lines between its first one and its end. */
static enum err
error_of(const char *lines)
{
	char text[2000];
	struct slice got;

	(void)snprintf(text, sizeof(text), "POST / HTTP/1.1\r\n%s\r\n", lines);
	got = transcript(HTTP_REQUESTS, slice_str(text), HEAD_MAX, cut_never, NULL);
	for (enum err e = ERR_OK + 1; e < ERR_COUNT; e++)
		if (slice_starts(got, slice_str(err_name(e))))
			return e;
	return ERR_OK;
}

TEST(what_smugglers_send_is_refused)
{
	static const struct {
		const char *lines;
		enum err err;
	} cases[] = {
	    {"Host: a\r\n", ERR_OK},
	    {"", ERR_BAD_HTTP}, /* no Host */
	    {"Host: a\r\nHost: a\r\n", ERR_BAD_HTTP},
	    {"Host: a\r\nhOST: b\r\n", ERR_BAD_HTTP},
	    {"Host: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n",
		ERR_BAD_HTTP},
	    {"Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n",
		ERR_BAD_HTTP},
	    {"Host: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n", ERR_BAD_HTTP},
	    {"Host: a\r\nContent-Length: 0\r\nContent-Length: 1\r\n", ERR_BAD_HTTP},
	    {"Host: a\r\nContent-Length: 0, 0\r\n", ERR_BAD_HTTP},
	    {"Host: a\r\nContent-Length: +1\r\n", ERR_BAD_HTTP},
	    {"Host: a\r\nContent-Length: -1\r\n", ERR_BAD_HTTP},
	    {"Host: a\r\nContent-Length: 0x1\r\n", ERR_BAD_HTTP},
	    {"Host: a\r\nContent-Length: \r\n", ERR_BAD_HTTP},
	    {"Host: a\r\nContent-Length: 1 0\r\n", ERR_BAD_HTTP},
	    {"Host: a\r\nContent-Length: 18446744073709551616\r\n", ERR_BAD_HTTP},
	    {"Host: a\r\nTransfer-Encoding: identity\r\n", ERR_BAD_TRANSFER},
	    {"Host: a\r\nTransfer-Encoding: gzip\r\n", ERR_BAD_TRANSFER},
	    {"Host: a\r\nTransfer-Encoding: gzip, chunked\r\n", ERR_BAD_TRANSFER},
	    {"Host: a\r\nTransfer-Encoding: chunked, chunked\r\n", ERR_BAD_HTTP},
	    {"Host: a\r\nTransfer-Encoding: xchunked\r\n", ERR_BAD_TRANSFER},
	    {"Host: a\r\nTransfer-Encoding: \"chunked\"\r\n", ERR_BAD_TRANSFER},
	    {"Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		ERR_BAD_HTTP},
	    {"Host: a\r\nTransfer-Encoding:\r\n", ERR_BAD_HTTP},
	    {"Host: a\r\nTransfer-Encoding : chunked\r\n", ERR_BAD_HTTP},
	    {"Host: a\r\nX y: b\r\n", ERR_BAD_HTTP},
	    {"Host: a\r\n: b\r\n", ERR_BAD_HTTP},
	    {"Host: a\r\nnothing\r\n", ERR_BAD_HTTP},
	    {"Host: a\r\nX: b\r\n folded\r\n", ERR_BAD_HTTP},
	    {"Host: a\r\nX: b\r\n\tfolded\r\n", ERR_BAD_HTTP},
	    {" Host: a\r\n", ERR_BAD_HTTP},
	    {"Host: a\nX: b\r\n", ERR_BAD_HTTP},
	    {"Host: a\rX: b\r\n", ERR_BAD_HTTP},
	    {"Host: a\r\r\n", ERR_BAD_HTTP},
	    {"Host: a\x01\r\n", ERR_BAD_HTTP},
	    {"Host: a\x7f\r\n", ERR_BAD_HTTP},
	    {"Host: a\r\nX\x80: b\r\n", ERR_BAD_HTTP},
	    {"Host: a\r\nX: \xc3\xbc\r\n", ERR_OK},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		if (error_of(cases[i].lines) != cases[i].err)
			fail_msg(
			    "%s: %.*s", cases[i].lines, SLICE_ARGS(buf_slice(&said)));
}

TEST(first_lines)
{
	static const struct {
		const char *line;
		enum err err;
	} cases[] = {
	    {"GET / HTTP/1.0", ERR_OK}, {"get / HTTP/1.0", ERR_BAD_HTTP},
	    {"WEIRD / HTTP/1.0", ERR_BAD_HTTP}, {"GET /", ERR_BAD_VERSION},
	    {"GET / HTTP/2.0", ERR_BAD_VERSION}, {"GET / HTTP/0.9", ERR_BAD_VERSION},
	    {"GET / HTTP/1.2", ERR_BAD_VERSION}, {"GET / HTTP/11", ERR_BAD_VERSION},
	    {"GET / http/1.1", ERR_BAD_HTTP}, {"GET  HTTP/1.1", ERR_BAD_HTTP},
	    {"GET /a b HTTP/1.0", ERR_BAD_HTTP}, {" GET / HTTP/1.0", ERR_BAD_HTTP},
	    {"PRI * HTTP/2.0", ERR_BAD_HTTP},
	    {"\x16\x03\x01\x02", ERR_BAD_HTTP}, /* TLS to a plain port */
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[100];
		struct slice got;
		struct slice want =
		    slice_str(cases[i].err == ERR_OK ? "GET" : err_name(cases[i].err));

		(void)snprintf(text, sizeof(text), "%s\r\n\r\n", cases[i].line);
		got =
		    transcript(HTTP_REQUESTS, slice_str(text), HEAD_MAX, cut_never, NULL);
		if (!slice_starts(got, want))
			fail_msg("%s: %.*s", cases[i].line, SLICE_ARGS(got));
	}
}

TEST(a_bare_cr_is_refused_at_every_place)
{
	static const char *const heads[] = {
	    "POST /a?b HTTP/1.1\r\nHost: a b\r\nX-Long-Name: \ta\r\nContent-Length: 5\r\n"
	    "Connection: close\r\nTransfer-Encoding: \r\nX: \r\n\r\n",
	    "HTTP/1.1 200 All right\r\nServer: a b\r\nContent-Length: 5\r\n"
	    "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\nX: \r\n\r\n"};
	char text[200];

	for (int kind = 0; kind < 2; kind++) {
		size_t n = strlen(heads[kind]);

		for (size_t at = 1; at + 4 < n; at++) {
			struct slice got;

			memcpy(text, heads[kind], at);
			text[at] = '\r';
			memcpy(text + at + 1, heads[kind] + at, n - at);
			got = transcript(kind == 0 ? HTTP_REQUESTS : HTTP_REPLIES,
			    slice_of(text, n + 1), HEAD_MAX, cut_never, NULL);
			if (!slice_starts(got, S("BAD_")))
				fail_msg("%zu: %.*s", at, SLICE_ARGS(got));
		}
	}
}

TEST(other_protocols_are_not_spoken)
{
	assert_said(HTTP_REQUESTS, "DESCRIBE rtsp://a/b RTSP/1.0\r\n\r\n",
	    "BAD_HTTP: only HTTP is spoken here\n");
	assert_said(HTTP_REQUESTS, "SOURCE /a ICE/1.0\r\n\r\n",
	    "BAD_HTTP: only HTTP is spoken here\n");
	assert_said(HTTP_REPLIES, "RTSP/1.0 200 OK\r\n\r\n",
	    "BAD_HTTP: only HTTP is spoken here\n");
}

TEST(a_transfer_coding_wants_http_1_1)
{
	assert_said(HTTP_REQUESTS,
	    "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	    "BAD_HTTP: HTTP/1.0 has no transfer coding\n");
}

TEST(broken_chunks_are_refused)
{
	static const char *const chunks[] = {"x\r\n", "-1\r\n", "0x5\r\nhello\r\n",
	    "5\nhello\r\n", "5 \r\nhello\r\n", "5\r\nhelloX", "5\r\nhello\n0\r\n\r\n",
	    "11111111111111111\r\n", "\r\n", ";ext\r\n", "5;a\rb\r\nhello\r\n"};
	char text[200];

	for (size_t i = 0; i < COUNT(chunks); i++) {
		struct slice got;

		(void)snprintf(text, sizeof(text),
		    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%s",
		    chunks[i]);
		got =
		    transcript(HTTP_REQUESTS, slice_str(text), HEAD_MAX, cut_never, NULL);
		if (slice_search(got, S("BAD_HTTP")) == got.len)
			fail_msg("%s: %.*s", chunks[i], SLICE_ARGS(got));
	}
}

/* --- ceilings --- */

TEST(a_head_may_have_just_so_many_bytes)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	struct slice s = slice_str(text);
	static cut_fn *const cuts[] = {cut_never, cut_always};

	for (size_t i = 0; i < COUNT(cuts); i++) {
		assert_slice(transcript(HTTP_REQUESTS, s, s.len, cuts[i], NULL),
		    S("GET / 1.1 alive [Host=a]\nend\n"));
		for (size_t less = 1; less < s.len; less++)
			assert_slice(
			    transcript(HTTP_REQUESTS, s, s.len - less, cuts[i], NULL),
			    S("HEADERS_TOO_LARGE: the head is too large\n"));
	}
}

TEST(a_head_without_end_is_refused_at_its_ceiling)
{
	char text[3000];

	memset(text, 'x', sizeof(text));
	assert_slice(transcript(HTTP_REQUESTS, slice_of(text, sizeof(text)), 1000,
			 cut_always, NULL),
	    S("HEADERS_TOO_LARGE: the head is too large\n"));
	assert_slice(transcript(HTTP_REQUESTS, slice_of(text, sizeof(text)), 1000,
			 cut_never, NULL),
	    S("HEADERS_TOO_LARGE: the head is too large\n"));
}

/* What stands behind the ceiling plays no part, so the pieces play none. */
TEST(a_fault_behind_the_ceiling_is_not_looked_at)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nX: b\n\r\n";
	struct slice s = slice_str(text), want = S("HEADERS_TOO_LARGE: the head is too "
						   "large\n");

	assert_slice(transcript(HTTP_REQUESTS, s, 20, cut_always, NULL), want);
	assert_slice(transcript(HTTP_REQUESTS, s, 20, cut_never, NULL), want);
}

static size_t
write_fields(char *to, size_t cap, unsigned count)
{
	size_t n = (size_t)snprintf(to, cap, "GET / HTTP/1.1\r\nHost: a\r\n");

	for (unsigned i = 1; i < count; i++)
		n += (size_t)snprintf(to + n, cap - n, "X-%u: %u\r\n", i, i);
	n += (size_t)snprintf(to + n, cap - n, "\r\n");
	return n;
}

TEST(a_head_may_have_just_so_many_fields)
{
	char text[4000];
	size_t n = write_fields(text, sizeof(text), HTTP_FIELDS_MAX);
	struct slice got =
	    transcript(HTTP_REQUESTS, slice_of(text, n), HEAD_MAX, cut_never, NULL);

	assert_true(slice_ends(got, S("[X-127=127]\nend\n")));
	n = write_fields(text, sizeof(text), HTTP_FIELDS_MAX + 1);
	assert_slice(
	    transcript(HTTP_REQUESTS, slice_of(text, n), HEAD_MAX, cut_never, NULL),
	    S("HEADERS_TOO_LARGE: more than 128 header fields\n"));
}

/* --- replies --- */

TEST(replies)
{
	assert_said(HTTP_REPLIES, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
	    "200 1.1 alive 2 [Content-Length=2]\nokend\n");
	assert_said(HTTP_REPLIES,
	    "HTTP/1.1 429 Too Many\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "2\r\nno\r\n0\r\n\r\n",
	    "429 1.1 alive chunked [Transfer-Encoding=chunked]\nnoend\n");
	assert_said(HTTP_REPLIES, "HTTP/1.1 204 No\r\n\r\nHTTP/1.1 304\r\n\r\n",
	    "204 1.1 alive\nend\n304 1.1 alive\nend\n");
	assert_said(HTTP_REPLIES,
	    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	    "100 1.1 alive\nend\n200 1.1 alive 0 [Content-Length=0]\nend\n");
}

TEST(a_reply_may_end_with_the_connection)
{
	assert_said(HTTP_REPLIES, "HTTP/1.1 200 OK\r\n\r\nuntil the end",
	    "200 1.1\nuntil the endend\n");
	assert_said(HTTP_REPLIES, "HTTP/1.0 200 OK\r\n\r\n", "200 1.0\nend\n");
	assert_said(HTTP_REPLIES, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
	    "200 1.1 alive 3 [Content-Length=3]\nab"
	    "EOF: the connection was closed in the middle of a message\n");
	assert_said(HTTP_REPLIES,
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
	    "200 1.1 alive chunked [Transfer-Encoding=chunked]\na"
	    "EOF: the connection was closed in the middle of a message\n");
	assert_said(HTTP_REPLIES, "HTTP/1.1 200 OK\r\nConten",
	    "EOF: the connection was closed\n");
}

TEST(bad_replies)
{
	static const char *const bad[] = {"HTTP/1.1 20 OK\r\n\r\n",
	    "HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1 000 OK\r\n\r\n", "200 OK\r\n\r\n",
	    "HTTP/1.1 200 OK\nX: a\r\n\r\n", "\r\nHTTP/1.1 200 OK\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
	    "<html>\r\n\r\n"};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct slice got = transcript(
		    HTTP_REPLIES, slice_str(bad[i]), HEAD_MAX, cut_never, NULL);

		if (!slice_starts(got, S("BAD_HTTP")))
			fail_msg("%s: %.*s", bad[i], SLICE_ARGS(got));
	}
	assert_said(HTTP_REPLIES, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
	    "BAD_TRANSFER: the only transfer coding understood is \"chunked\"\n");
	assert_said(HTTP_REPLIES, "HTTP/2.0 200 OK\r\n\r\n",
	    "BAD_VERSION: only HTTP/1.0 and HTTP/1.1 are spoken here\n");
}

/* --- life --- */

TEST(is_idle_between_messages_only)
{
	struct http_parser p;
	struct arena a;
	struct slice in, part;

	arena_init(&a, NULL, 0, 10000);
	http_parser_init(&p, HTTP_REQUESTS, &a, HEAD_MAX);
	assert_true(http_parser_is_idle(&p));
	in = S("\r\n");
	assert_int_equal(http_parse(&p, &in, &part), HTTP_GOT_MORE);
	assert_true(http_parser_is_idle(&p)); /* an empty line is no byte of one */
	in = S("G");
	assert_int_equal(http_parse(&p, &in, &part), HTTP_GOT_MORE);
	assert_false(http_parser_is_idle(&p));
	in = S("ET / HTTP/1.0\r\n\r\nrest");
	assert_int_equal(http_parse(&p, &in, &part), HTTP_GOT_HEAD);
	assert_slice(in, S("rest"));
	assert_false(http_parser_is_idle(&p));
	assert_int_equal(http_parse(&p, &in, &part), HTTP_GOT_END);
	assert_slice(in, S("rest")); /* the next one's */
	assert_true(http_parser_is_idle(&p));
	http_parser_done(&p);
	arena_free(&a);
}

TEST(a_head_lives_in_the_arena_given_for_it)
{
	char text[] =
	    "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n";
	struct http_head one;
	struct http_parser p;
	struct arena a, b;
	struct slice in = slice_str(text), part;

	arena_init(&a, NULL, 0, 10000);
	arena_init(&b, NULL, 0, 10000);
	http_parser_init(&p, HTTP_REQUESTS, &a, HEAD_MAX);
	assert_int_equal(http_parse(&p, &in, &part), HTTP_GOT_HEAD);
	assert_int_equal(http_parse(&p, &in, &part), HTTP_GOT_END);
	one = p.head;
	http_parser_arena(&p, &b);
	assert_int_equal(http_parse(&p, &in, &part), HTTP_GOT_HEAD);
	memset(text, 'x', sizeof(text));
	assert_slice(one.target, S("/1"));
	assert_slice(http_field(&one, S("HOST")), S("a"));
	arena_free(&a);
	assert_slice(p.head.target, S("/2"));
	assert_slice(http_field(&p.head, S("Host")), S("b"));
	http_parser_done(&p);
	arena_free(&b);
}

/* Wherever the arena's end falls, the head is whole or there is no memory. */
TEST(an_arena_that_is_full_is_no_memory)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\r\n";
	unsigned heads = 0;

	for (size_t max = 0; max < 400; max++) {
		struct http_parser p;
		struct slice in = slice_str(text), part;
		struct arena a;

		arena_init(&a, NULL, 0, max);
		http_parser_init(&p, HTTP_REQUESTS, &a, HEAD_MAX);
		if (http_parse(&p, &in, &part) == HTTP_GOT_HEAD) {
			assert_slice(http_field(&p.head, S("x")), S("b"));
			heads++;
		} else {
			assert_int_equal(p.err, ERR_NOMEM);
		}
		http_parser_done(&p);
		arena_free(&a);
	}
	assert_in_range(heads, 100, 350);
}

TEST(fields_are_found_by_name)
{
	struct http_field fields[] = {{S("Accept"), S("a, B ,c")}, {S("X"), S("")},
	    {S("accept"), S("d;q=1")}, {S("Y"), S(",, e")}};
	struct http_head h = {.fields = fields, .nfields = 4};

	assert_slice(http_field(&h, S("ACCEPT")), S("a, B ,c"));
	assert_non_null(http_field(&h, S("X")).ptr);
	assert_null(http_field(&h, S("Z")).ptr);
	assert_int_equal(http_field_count(&h, S("Accept")), 2);
	assert_int_equal(http_field_count(&h, S("Z")), 0);
	assert_true(http_has_token(&h, S("Accept"), S("b")));
	assert_true(http_has_token(&h, S("Accept"), S("C")));
	assert_true(http_has_token(&h, S("Accept"), S("d;q=1")));
	assert_true(http_has_token(&h, S("y"), S("e")));
	assert_false(http_has_token(&h, S("Accept"), S("d")));
	assert_false(http_has_token(&h, S("Accept"), S("a, B")));
	assert_false(http_has_token(&h, S("Z"), S("a")));
}

/* --- pieces --- */

static const struct {
	enum http_kind kind;
	const char *text;
} streams[] = {
    {HTTP_REQUESTS,
	"\r\nPOST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n"
	"Authorization: Bearer x\r\n\r\n{\"a\":1}GET / HTTP/1.0\r\n\r\n"},
    {HTTP_REQUESTS, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nT: u\r\n\r\n\r\nGET / "
		    "HTTP/1.1\r\nHost: b\r\n\r\n"},
    {HTTP_REQUESTS, "GET / HTTP/1.1\r\nHost: a\r\nX: b\n\r\n"},
    {HTTP_REQUESTS, "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\r\n\r\n"},
    {HTTP_REQUESTS, "GET / HTTP/1.1\r\nHost: a\r\n fold\r\n\r\n"},
    {HTTP_REQUESTS, "GET / HTTP/1.1\r\nHost: a\r\nbad line\r\n\r\n"},
    {HTTP_REQUESTS, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"},
    {HTTP_REQUESTS,
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX"},
    {HTTP_REQUESTS, "\r\n\n\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {HTTP_REPLIES, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
		   "Transfer-Encoding: chunked\r\n\r\n11\r\ndata: {\"a\":1}\n\nda\r\n"
		   "D\r\nta: [DONE]\n\n\n\r\n0\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"},
    {HTTP_REPLIES, "HTTP/1.1 200 OK\r\n\r\nuntil the connection ends\r\n\r\n"},
    {HTTP_REPLIES, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"},
    {HTTP_REPLIES,
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx"},
    {HTTP_REPLIES, "HTTP/1.1 2000 OK\r\n\r\n"},
};

TEST(pieces_change_nothing)
{
	static const size_t ceilings[] = {HEAD_MAX, 60, 20};
	struct random r;

	random_seed(&r, 10);
	for (size_t i = 0; i < COUNT(streams) * COUNT(ceilings); i++) {
		enum http_kind kind = streams[i / COUNT(ceilings)].kind;
		size_t max = ceilings[i % COUNT(ceilings)];
		struct slice text = slice_str(streams[i / COUNT(ceilings)].text);
		struct slice whole = transcript(kind, text, max, cut_never, NULL);
		char want[1000];

		assert_true(whole.len < sizeof(want));
		memcpy(want, whole.ptr, whole.len);
		whole.ptr = want;
		assert_slice(transcript(kind, text, max, cut_always, NULL), whole);
		for (size_t at = 1; at < text.len; at++)
			assert_slice(transcript(kind, text, max, cut_here, &at), whole);
		for (unsigned n = 0; n < 200; n++)
			assert_slice(
			    transcript(kind, text, max, cut_anywhere, &r), whole);
	}
}

static enum err
parse_in_pieces(void *arg)
{
	static const char text[] =
	    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx";
	enum http_got got = HTTP_GOT_MORE;
	struct http_parser p;
	struct arena a;
	struct slice in = slice_str(text), part;

	arena_init(&a, NULL, 0, 100000);
	http_parser_init(&p, HTTP_REQUESTS, &a, HEAD_MAX);
	for (size_t at = 0; at < in.len && got != HTTP_GOT_BAD; at += *(size_t *)arg) {
		struct slice piece = slice_head(slice_from(in, at), *(size_t *)arg);

		do {
			got = http_parse(&p, &piece, &part);
			if (got == HTTP_GOT_HEAD)
				assert_slice(p.head.method, S("POST"));
		} while (
		    got != HTTP_GOT_MORE && got != HTTP_GOT_BAD && got != HTTP_GOT_END);
	}
	assert_int_equal(got == HTTP_GOT_END, p.err == ERR_OK);
	http_parser_done(&p);
	arena_free(&a);
	return p.err;
}

TEST(survives_torture)
{
	size_t bytes = 1;

	assert_int_equal(torture(parse_in_pieces, &bytes), 2);
	bytes = 1000;
	assert_int_equal(torture(parse_in_pieces, &bytes), 1);
}

static int
start(void **state)
{
	(void)state;
	buf_init(&said, 100000);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	buf_free(&said);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_request_without_body),
	    cmocka_unit_test(a_request_with_length),
	    cmocka_unit_test(a_chunked_request),
	    cmocka_unit_test(requests_follow_each_other),
	    cmocka_unit_test(nothing_is_upgraded),
	    cmocka_unit_test(what_smugglers_send_is_refused),
	    cmocka_unit_test(first_lines),
	    cmocka_unit_test(a_bare_cr_is_refused_at_every_place),
	    cmocka_unit_test(other_protocols_are_not_spoken),
	    cmocka_unit_test(a_transfer_coding_wants_http_1_1),
	    cmocka_unit_test(broken_chunks_are_refused),
	    cmocka_unit_test(a_head_may_have_just_so_many_bytes),
	    cmocka_unit_test(a_head_without_end_is_refused_at_its_ceiling),
	    cmocka_unit_test(a_fault_behind_the_ceiling_is_not_looked_at),
	    cmocka_unit_test(a_head_may_have_just_so_many_fields),
	    cmocka_unit_test(replies),
	    cmocka_unit_test(a_reply_may_end_with_the_connection),
	    cmocka_unit_test(bad_replies),
	    cmocka_unit_test(is_idle_between_messages_only),
	    cmocka_unit_test(a_head_lives_in_the_arena_given_for_it),
	    cmocka_unit_test(an_arena_that_is_full_is_no_memory),
	    cmocka_unit_test(fields_are_found_by_name),
	    cmocka_unit_test(pieces_change_nothing),
	    cmocka_unit_test(survives_torture),
	};

	return cmocka_run_group_tests_name("parser", tests, start, stop);
}
