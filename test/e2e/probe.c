/*
 * probe: weir's parsers at the end of a pipe, for tests that are written in
 * Python. Reads lines "<what> <bytes in hex>" and answers each with a line of
 * JSON:
 *
 *	json		{"json": the value, read and written again}
 *			or {"error": why, "at": offset}
 *	requests, replies
 *			{"messages": [...], "error": code, "why": text}: what the
 *			connection held, up to the first error; "" is none
 *	requests-eof, replies-eof
 *			the same for a connection that was closed behind it
 *	sigv4		of a request in JSON (probe_sigv4): {"canonical": text,
 *			"authorization": text, "verified": error code}
 *	sse		{"events": [{"name": name, "data": data or null}, ...]}, in
 *			pieces of 100 bytes
 *	cost		of {"prices": rows of a catalog, "usage": counts by class,
 *			"at_ms": the request's start, "tier": that was served,
 *			"discount_bp": the provider's}: {"pusd": the cost, or null}
 *
 * Bytes of messages are given in hex.
 */
#include "core/buf.h"
#include "http/parser.h"
#include "http/sigv4.h"
#include "http/sse.h"
#include "meter/cost.h"
#include "json/tape.h"
#include "json/write.h"

#include <stdio.h>
#include <stdlib.h>

#define LINE_MAX_BYTES (64u << 20)
#define HEAD_MAX_BYTES 65536

static void
put_hex(struct buf *out, struct slice name, struct slice bytes)
{
	json_key(out, name);
	buf_byte(out, '"');
	for (size_t i = 0; i < bytes.len; i++)
		buf_printf(out, "%02x", (unsigned)(unsigned char)bytes.ptr[i]);
	buf_byte(out, '"');
}

/* --- JSON: the tape, walked and written --- */

static void
put_string(struct buf *out, const struct json *j, uint32_t v, bool is_key)
{
	struct slice text = S("");
	struct arena a;

	arena_init(&a, NULL, 0, LINE_MAX_BYTES);
	if (!json_string(j, v, &a, &text))
		abort();
	if (is_key)
		json_key(out, text);
	else
		json_quote(out, text);
	arena_free(&a);
}

/* Values of a container end at `next` of its token: no recursion is needed. */
static void
put_tape(struct buf *out, const struct json *j)
{
	uint32_t open[JSON_DEPTH_MAX], depth = 0;
	bool key_next[JSON_DEPTH_MAX + 1] = {false};

	for (uint32_t v = 0; v < j->count; v++) {
		bool object = json_is(j, v, JSON_OBJECT);

		if (key_next[depth]) {
			put_string(out, j, v, true);
			key_next[depth] = false;
			continue;
		}
		key_next[depth] = depth > 0 && json_is(j, open[depth - 1], JSON_OBJECT);
		if (object || json_is(j, v, JSON_ARRAY)) {
			json_open(out, object ? '{' : '[');
			open[depth++] = v;
			key_next[depth] = object;
		} else if (json_is(j, v, JSON_STRING)) {
			put_string(out, j, v, false);
		} else {
			json_put_raw(out, json_raw(j, v));
		}
		while (depth > 0 && j->tokens[open[depth - 1]].next == v + 1) {
			depth--;
			json_close(out, json_is(j, open[depth], JSON_OBJECT) ? '}' : ']');
		}
	}
}

static void
probe_json(struct buf *out, struct slice text)
{
	struct json j;
	enum err e;

	json_init(&j, 1u << 22);
	e = json_parse(&j, text, JSON_KEEP_ALL);
	json_open(out, '{');
	if (e == ERR_OK) {
		json_key(out, S("json"));
		put_tape(out, &j);
	} else {
		json_member(
		    out, S("error"), slice_str(e == ERR_SYNTAX ? j.why : err_name(e)));
		json_member_u64(out, S("at"), j.error_at);
	}
	json_close(out, '}');
	json_free(&j);
}

/* --- HTTP --- */

static void
put_head(struct buf *out, const struct http_head *h)
{
	json_open(out, '{');
	put_hex(out, S("method"), h->method);
	put_hex(out, S("target"), h->target);
	json_member_u64(out, S("status"), h->status);
	json_member_u64(out, S("minor"), h->minor);
	json_key(out, S("keep_alive"));
	json_put_bool(out, h->keep_alive);
	json_key(out, S("fields"));
	json_open(out, '[');
	for (unsigned i = 0; i < h->nfields; i++) {
		json_open(out, '{');
		put_hex(out, S("name"), h->fields[i].name);
		put_hex(out, S("value"), h->fields[i].value);
		json_close(out, '}');
	}
	json_close(out, ']');
	json_key(out, S("body"));
	buf_byte(out, '"');
}

struct reading {
	struct http_parser parser;
	struct buf *out;
	bool in_message, closed; /* closed: no message may follow */
};

static void
end_message(struct reading *r, bool complete)
{
	if (!r->in_message)
		return;
	buf_add(r->out, S("\""));
	json_key(r->out, S("complete"));
	json_put_bool(r->out, complete);
	json_close(r->out, '}');
	r->in_message = false;
	r->closed = complete && !r->parser.head.keep_alive;
}

/* Reads as a server or a client would: nothing behind a message that closes. */
static enum http_got
read_all(struct reading *r, struct slice in)
{
	enum http_got got;
	struct slice part;

	do {
		got = http_parse(&r->parser, &in, &part);
		if (got == HTTP_GOT_HEAD) {
			put_head(r->out, &r->parser.head);
			r->in_message = true;
		} else if (got == HTTP_GOT_BODY) {
			for (size_t i = 0; i < part.len; i++)
				buf_printf(
				    r->out, "%02x", (unsigned)(unsigned char)part.ptr[i]);
		} else if (got == HTTP_GOT_END) {
			end_message(r, true);
		}
	} while (got != HTTP_GOT_MORE && got != HTTP_GOT_BAD && !r->closed);
	return got;
}

static void
probe_http(struct buf *out, struct slice text, enum http_kind kind, bool eof)
{
	struct reading r = {.out = out};
	enum http_got got;
	struct arena a;

	arena_init(&a, NULL, 0, LINE_MAX_BYTES);
	http_parser_init(&r.parser, kind, &a, HEAD_MAX_BYTES);
	json_open(out, '{');
	json_key(out, S("messages"));
	json_open(out, '[');
	got = read_all(&r, text);
	if (eof && got == HTTP_GOT_MORE && !http_parser_is_idle(&r.parser))
		end_message(&r, http_parse_eof(&r.parser) == HTTP_GOT_END);
	end_message(&r, false);
	json_close(out, ']');
	json_member(out, S("error"),
	    slice_str(r.parser.err == ERR_OK ? "" : err_name(r.parser.err)));
	json_member(out, S("why"), slice_str(r.parser.err == ERR_OK ? "" : r.parser.why));
	json_close(out, '}');
	http_parser_done(&r.parser);
	arena_free(&a);
}

/* --- event streams --- */

static void
put_event(struct buf *out, const struct sse_event *e)
{
	json_open(out, '{');
	json_member(out, S("name"), e->name);
	json_key(out, S("data"));
	if (e->data.ptr == NULL)
		json_put_null(out);
	else
		json_quote(out, e->data);
	json_close(out, '}');
}

static void
probe_sse(struct buf *out, struct slice text)
{
	struct sse_event event;
	enum err e = ERR_OK;
	struct sse s;

	sse_init(&s, LINE_MAX_BYTES);
	json_open(out, '{');
	json_key(out, S("events"));
	json_open(out, '[');
	for (size_t at = 0; at < text.len && e == ERR_OK; at += 100) {
		struct slice in = slice_head(slice_from(text, at), 100);

		while (sse_next(&s, &in, &event, &e))
			put_event(out, &event);
	}
	if (sse_rest(&s, &event))
		put_event(out, &event);
	json_close(out, ']');
	json_close(out, '}');
	sse_done(&s);
}

/* --- AWS signatures --- */

static struct slice
text_of(const struct json *j, const char *key, struct arena *a)
{
	struct slice text = S("");

	(void)json_string(j, json_get(j, 0, slice_str(key)), a, &text);
	return text;
}

/* {"id", "secret", "region", "service", "time_s", "method", "path", "query", "body",
 *  "keep_path", "fields": {name: [value, ...]}}; dated and signed as it stands. */
static void
sign_request(struct buf *out, const struct json *j, struct arena *a)
{
	struct http_field fields[32];
	struct slice body = text_of(j, "body", a);
	char hash[SIGV4_HASH_MAX];
	struct sigv4_credentials c = {
	    slice_dup(text_of(j, "id", a)), secret_new(text_of(j, "secret", a)), {0}};
	struct sigv4_request r = {.method = text_of(j, "method", a),
	    .path = text_of(j, "path", a),
	    .query = text_of(j, "query", a),
	    .fields = fields,
	    .keep_path = json_is(j, json_get(j, 0, S("keep_path")), JSON_TRUE)};
	struct buf canonical, names, authorization;
	struct sigv4_claim claim;
	struct note note;
	uint64_t time_s = 0;
	enum err e;

	JSON_FOR_EACH_KEY (k, j, json_get(j, 0, S("fields")))
		JSON_FOR_EACH (v, j, k + 1) {
			struct http_field *f = &fields[r.nfields++];

			if (r.nfields > 32 || !json_string(j, k, a, &f->name) ||
			    !json_string(j, v, a, &f->value))
				abort();
		}
	(void)json_u64(j, json_get(j, 0, S("time_s")), &time_s);
	e = sigv4_hash(&body, 1, hash);
	r.payload_hash = slice_str(hash);
	buf_init(&canonical, LINE_MAX_BYTES);
	buf_init(&names, LINE_MAX_BYTES);
	buf_init(&authorization, LINE_MAX_BYTES);
	if (e != ERR_OK || sigv4_canonical(&r, &canonical, &names) != ERR_OK ||
	    sigv4_sign(&r, &c, text_of(j, "region", a), text_of(j, "service", a),
		&authorization) != ERR_OK ||
	    sigv4_read(buf_slice(&authorization), &claim) != ERR_OK)
		abort();
	e = sigv4_verify(&claim, &r, &c.secret, time_s, &note);
	json_open(out, '{');
	json_member(out, S("canonical"), buf_slice(&canonical));
	json_member(out, S("authorization"), buf_slice(&authorization));
	json_member(out, S("verified"), slice_str(err_name(e)));
	json_close(out, '}');
	buf_free(&canonical);
	buf_free(&names);
	buf_free(&authorization);
	sigv4_credentials_done(&c);
}

static void
probe_sigv4(struct buf *out, struct slice text)
{
	struct arena a;
	struct json j;

	arena_init(&a, NULL, 0, LINE_MAX_BYTES);
	json_init(&j, 1u << 16);
	if (json_parse(&j, text, JSON_KEEP_ALL) != ERR_OK)
		abort();
	sign_request(out, &j, &a);
	json_free(&j);
	arena_free(&a);
}

/* --- the pipe --- */

static int
hex_digit(char c)
{
	return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* --- costs --- */

static struct offer *
only_offer(struct catalog *c, struct slice prices, int64_t discount_bp)
{
	struct provider *p = calloc(1, sizeof(*p));
	struct note note;
	struct buf text;
	size_t at;

	p->name = slice_dup(S("p"));
	p->alias = slice_dup(S(""));
	p->discount_bp = discount_bp;
	buf_init(&text, LINE_MAX_BYTES);
	buf_add(&text, S("{\"models\":{\"m\":{\"providers\":[{\"provider\":\"p\","
			 "\"model\":\"m\",\"prices\":"));
	buf_add(&text, prices);
	buf_add(&text, S("}]}}}"));
	if (catalog_add_provider(c, p) != ERR_OK ||
	    catalog_read(c, buf_slice(&text), &at, &note) != ERR_OK ||
	    catalog_seal(c) != ERR_OK)
		abort();
	buf_free(&text);
	return c->models[0]->offers;
}

static void
probe_cost(struct buf *out, struct slice text)
{
	struct catalog *c = catalog_new();
	struct usage u = {.known = true};
	struct cost_facts facts = {.unix_ms = 0};
	uint64_t discount = 0;
	struct json j;
	int64_t pusd;
	uint32_t usage;

	json_init(&j, UINT32_MAX / 2);
	if (json_parse(&j, text, JSON_KEEP_ALL) != ERR_OK)
		abort();
	usage = json_get(&j, 0, S("usage"));
	for (unsigned i = 0; i < USAGE_CLASSES; i++)
		(void)json_u64(&j,
		    json_get(&j, usage, slice_str(usage_key((enum usage_class)i))),
		    &u.count[i]);
	(void)json_u64(&j, json_get(&j, 0, S("at_ms")), &facts.unix_ms);
	facts.tier = json_inner(&j, json_get(&j, 0, S("tier")));
	(void)json_u64(&j, json_get(&j, 0, S("discount_bp")), &discount);
	pusd = cost_pusd(c,
	    only_offer(c, json_raw(&j, json_get(&j, 0, S("prices"))), (int64_t)discount),
	    &facts, &u);
	json_open(out, '{');
	json_key(out, S("pusd"));
	if (pusd == PRICE_UNKNOWN)
		json_put_null(out);
	else
		json_put_i64(out, pusd);
	json_close(out, '}');
	json_free(&j);
	catalog_free(c);
}

static void
answer(struct buf *out, struct slice line)
{
	struct slice what = slice_cut(&line, ' ');
	struct buf text;

	buf_init(&text, LINE_MAX_BYTES);
	for (size_t i = 0; i + 1 < line.len; i += 2)
		buf_byte(&text,
		    (char)(hex_digit(line.ptr[i]) << 4 | hex_digit(line.ptr[i + 1])));
	if (slice_eq(what, S("json")))
		probe_json(out, buf_slice(&text));
	else if (slice_eq(what, S("sigv4")))
		probe_sigv4(out, buf_slice(&text));
	else if (slice_eq(what, S("cost")))
		probe_cost(out, buf_slice(&text));
	else if (slice_eq(what, S("sse")))
		probe_sse(out, buf_slice(&text));
	else
		probe_http(out, buf_slice(&text),
		    slice_starts(what, S("requests")) ? HTTP_REQUESTS : HTTP_REPLIES,
		    slice_ends(what, S("-eof")));
	buf_byte(out, '\n');
	buf_free(&text);
}

int
main(void)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	struct buf out;

	buf_init(&out, LINE_MAX_BYTES);
	while ((n = getline(&line, &cap, stdin)) > 0) {
		buf_clear(&out);
		answer(&out, slice_of(line, (size_t)n - (line[n - 1] == '\n')));
		if (out.err != ERR_OK)
			return 1;
		(void)fwrite(out.ptr, 1, out.len, stdout);
		(void)fflush(stdout);
	}
	free(line);
	buf_free(&out);
	return 0;
}
