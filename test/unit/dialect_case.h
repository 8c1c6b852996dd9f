/*
 * dialect_case: what the tests of the dialects share: requests, answers and streams
 * put from one into another and read as text. JSON is written with ' for ", so that it
 * can be read; what is told back has ' as well.
 */
#ifndef UNIT_DIALECT_CASE_H
#define UNIT_DIALECT_CASE_H

#include "dialect/dialect.h"
#include "http/eventstream.h"

#include "test.h"
#include "torture.h"

#include <stdlib.h>

static struct buf case_body, case_lost, case_text;
static struct note case_note;
static const char *case_param;

/* Of plans: set by a test that needs another. */
static const char *case_model = "some-model", *case_provider = "maker";
static uint64_t case_max_output;
static bool case_streams; /* events are wanted */

/* The text with other quotes; valid until the next but seven. */
static inline struct slice
quoted(struct slice text, char from, char to)
{
	static struct buf kept[8];
	static unsigned next;
	struct buf *b = &kept[next++ % COUNT(kept)];

	if (b->max == 0)
		buf_init(b, 4u << 20);
	buf_clear(b);
	for (size_t i = 0; i < text.len; i++)
		buf_byte(b, text.ptr[i] == from ? to : text.ptr[i]);
	assert_int_equal(b->err, ERR_OK);
	return buf_slice(b);
}

static inline struct slice
json_of(const char *text)
{
	return quoted(slice_str(text), '\'', '"');
}

static inline struct slice
text_of(struct slice json)
{
	return quoted(json, '"', '\'');
}

#define assert_json(got, want) assert_slice(text_of(got), slice_str(want))

/* --- requests --- */

static inline enum err
try_prompt(const struct dialect *from, const struct dialect *to, struct slice text)
{
	struct write_plan plan = {.model = slice_str(case_model),
	    .provider = case_provider,
	    .max_output_tok = case_max_output};
	struct losses lost = {0};
	struct prompt p;
	struct arena a;
	struct json j;
	enum err e;

	buf_clear(&case_body);
	buf_clear(&case_lost);
	note_set(&case_note, "%s", "");
	case_param = NULL;
	arena_init(&a, NULL, 0, 16u << 20);
	lost.arena = &a;
	json_init(&j, 1u << 16);
	e = json_parse(&j, text, from->chat->keep);
	if (e == ERR_OK)
		e = from->chat->read_prompt(&j, &a, &p, &case_note, &case_param);
	if (e == ERR_OK) {
		p.stream = p.stream || case_streams;
		e = to->chat->write_prompt(&p, &plan, &case_body, &lost);
	}
	for (unsigned i = 0; e == ERR_OK && i < lost.count; i++)
		buf_printf(
		    &case_lost, "%s%.*s", i == 0 ? "" : " ", SLICE_ARGS(lost.path[i]));
	json_free(&j);
	arena_free(&a);
	return e;
}

/* The request in the other dialect; case_lost has what was lost. */
static inline struct slice
prompt_in(const struct dialect *from, const struct dialect *to, const char *text)
{
	enum err e = try_prompt(from, to, json_of(text));

	if (e != ERR_OK)
		print_error("%s: %s\n", err_name(e), case_note.text);
	assert_int_equal(e, ERR_OK);
	return buf_slice(&case_body);
}

static inline void
assert_prompt(const struct dialect *from, const struct dialect *to, const char *text,
    const char *want, const char *lost)
{
	assert_json(prompt_in(from, to, text), want);
	assert_slice(buf_slice(&case_lost), slice_str(lost));
}

/* It comes back as it was. */
static inline void
assert_same_prompt(const struct dialect *d, const char *text)
{
	assert_prompt(d, d, text, text, "");
}

static inline void
assert_bad_prompt(
    const struct dialect *d, const char *text, const char *param, const char *note)
{
	assert_int_equal(try_prompt(d, d, json_of(text)), ERR_BAD_REQUEST);
	assert_string_equal(case_param, param);
	assert_string_equal(case_note.text, note);
}

/* --- answers --- */

static inline struct answer_plan
answer_plan(void)
{
	return (struct answer_plan){.id = S("req-1"),
	    .model = slice_str(case_model),
	    .provider = case_provider,
	    .unix_s = 1700000000,
	    .usage_asked = true};
}

static inline enum err
try_answer(const struct dialect *from, const struct dialect *to, struct slice text)
{
	struct answer_plan plan = answer_plan();
	struct reply_facts facts;
	struct answer n;
	struct arena a;
	struct json j;
	enum err e;

	buf_clear(&case_body);
	arena_init(&a, NULL, 0, 16u << 20);
	json_init(&j, 1u << 16);
	e = json_parse(&j, text, JSON_KEEP_ALL);
	if (e == ERR_OK)
		e = from->chat->read_answer(&j, &a, &n);
	if (e == ERR_OK) {
		from->read_reply(&j, 0, &facts);
		n.usage = facts.usage;
		to->chat->write_answer(&n, &plan, &case_body);
		e = case_body.err;
	}
	json_free(&j);
	arena_free(&a);
	return e;
}

static inline void
assert_answer(const struct dialect *from, const struct dialect *to, const char *text,
    const char *want)
{
	assert_int_equal(try_answer(from, to, json_of(text)), ERR_OK);
	assert_json(buf_slice(&case_body), want);
}

/* --- streams --- */

struct case_stream {
	const struct dialect *from, *to;
	void *in, *out;
	struct usage usage;
	struct json tape;
	bool ended;
	enum err err;
};

static inline void
case_on_delta(void *arg, const struct delta *d)
{
	struct case_stream *s = arg;
	struct answer_plan plan = answer_plan();
	struct delta usage = {.kind = DELTA_USAGE, .usage = &s->usage};

	assert_false(s->ended);
	s->ended = d->kind == DELTA_END;
	if (s->ended && s->usage.known)
		s->to->chat->out_delta(s->out, &plan, &usage, &case_body);
	s->to->chat->out_delta(s->out, &plan, d, &case_body);
}

static inline void
case_event(struct case_stream *s, const struct sse_event *e)
{
	struct event_facts f;

	s->from->read_event(e, &s->tape, 0, &f);
	if (!f.readable) {
		s->err = ERR_NOMEM; /* all that the tests send is well formed */
		return;
	}
	if (f.reply.usage.known)
		s->usage = f.reply.usage;
	if (e->data.len > 0)
		s->from->chat->in_event(s->in, e, &s->tape, case_on_delta, s);
}

/* Takes the bytes in two pieces, or one by one when `split` is 0. */
static inline enum err
try_stream(const struct dialect *from, const struct dialect *to, struct slice bytes,
    size_t split)
{
	struct case_stream s = {.from = from, .to = to, .err = ERR_OK};
	struct eventstream frames;
	struct sse sse;
	struct sse_event e;
	enum err err = ERR_OK;

	buf_clear(&case_body);
	s.in = calloc(1, from->chat->in_bytes + 1);
	s.out = calloc(1, to->chat->out_bytes + 1);
	json_init(&s.tape, 1u << 16);
	sse_init(&sse, 1u << 20);
	eventstream_init(&frames, 1u << 20);
	for (size_t at = 0, n; s.in != NULL && s.out != NULL && at < bytes.len; at += n) {
		struct slice piece;

		n = split == 0 ? 1 : at == 0 ? split : bytes.len - at;
		piece = slice_head(slice_from(bytes, at), n);
		while (err == ERR_OK &&
		       (from->is_framed ? eventstream_next(&frames, &piece, &e, &err)
					: sse_next(&sse, &piece, &e, &err)))
			case_event(&s, &e);
		if (err != ERR_OK)
			break;
	}
	if (s.in == NULL || s.out == NULL)
		err = ERR_NOMEM;
	if (err == ERR_OK && s.err == ERR_OK && !s.ended)
		from->chat->in_end(s.in, case_on_delta, &s);
	if (s.in != NULL && from->chat->in_done != NULL)
		from->chat->in_done(s.in);
	if (s.out != NULL && to->chat->out_done != NULL)
		to->chat->out_done(s.out);
	json_free(&s.tape);
	sse_done(&sse);
	eventstream_done(&frames);
	free(s.in);
	free(s.out);
	return err != ERR_OK ? err : s.err != ERR_OK ? s.err : case_body.err;
}

/* Frames as lines "name {...}"; a name that begins with "!" is an exception. */
static inline struct slice
frames_text(struct slice bytes)
{
	struct eventstream frames;
	struct sse_event e;
	enum err err;

	buf_clear(&case_text);
	eventstream_init(&frames, 1u << 20);
	while (eventstream_next(&frames, &bytes, &e, &err))
		buf_printf(&case_text, "%s%.*s %.*s\n", e.is_exception ? "!" : "",
		    SLICE_ARGS(e.name), SLICE_ARGS(e.data));
	assert_int_equal(err, ERR_OK);
	assert_false(eventstream_has_partial(&frames));
	eventstream_done(&frames);
	return buf_slice(&case_text);
}

/* The frames of such lines. */
static inline void
frames_of(struct slice lines, struct buf *to)
{
	while (lines.len > 0) {
		struct slice data = slice_cut(&lines, '\n');
		struct slice name = slice_cut(&data, ' ');
		bool exception = slice_starts(name, S("!"));
		size_t begun =
		    eventstream_begin(to, exception, slice_from(name, exception));

		buf_add(to, data);
		eventstream_end(to, begun);
	}
	assert_int_equal(to->err, ERR_OK);
}

/*
 * Streams come out as `want` from whatever pieces they come in. SSE is written as it
 * is, with the event's name left out where it is the type ("data: {...}\n\n"); frames as
 * frames_text() gives them.
 */
static inline void
assert_stream(const struct dialect *from, const struct dialect *to, const char *text,
    const char *want)
{
	struct buf sent;
	struct slice bytes;

	buf_init(&sent, 1u << 20);
	if (from->is_framed)
		frames_of(json_of(text), &sent);
	else
		buf_add(&sent, json_of(text));
	bytes = buf_slice(&sent);
	for (size_t split = bytes.len + 1; split-- > 0;) {
		enum err e = try_stream(from, to, bytes, split);
		struct slice got = buf_slice(&case_body);

		assert_int_equal(e, ERR_OK);
		if (to->is_framed)
			got = frames_text(got);
		assert_json(got, want);
	}
	buf_free(&sent);
}

/* --- what is told of a reply --- */

/* "input=1 output=2": all that is not 0, but the request itself. */
static inline struct slice
usage_text(const struct usage *u)
{
	buf_clear(&case_text);
	if (!u->known)
		buf_add(&case_text, S("unknown"));
	for (unsigned c = 0; u->known && c < USAGE_CLASSES; c++)
		if (c != USAGE_REQUESTS && u->count[c] > 0)
			buf_printf(&case_text, "%s%s=%llu", case_text.len > 0 ? " " : "",
			    usage_key((enum usage_class)c),
			    (unsigned long long)u->count[c]);
	return buf_slice(&case_text);
}

static inline struct reply_facts
reply_facts(const struct dialect *d, const char *text)
{
	struct reply_facts f;
	struct json j;

	json_init(&j, 1u << 16);
	assert_int_equal(json_parse(&j, json_of(text), JSON_KEEP_ALL), ERR_OK);
	d->read_reply(&j, 0, &f);
	json_free(&j);
	return f;
}

static inline struct event_facts
event_facts(
    const struct dialect *d, const char *name, bool is_exception, const char *text)
{
	struct sse_event e = {
	    .name = slice_str(name), .data = json_of(text), .is_exception = is_exception};
	static struct json j;
	struct event_facts f;

	if (j.max == 0)
		json_init(&j, 1u << 16);
	d->read_event(&e, &j, 0, &f);
	json_trim(&j, 0);
	return f;
}

static inline enum err
fault_of(
    const struct dialect *d, unsigned status, const char *text, struct fault *ret_fault)
{
	struct json j;
	enum err e;

	json_init(&j, 1u << 16);
	assert_int_equal(json_parse(&j, json_of(text), JSON_KEEP_ALL), ERR_OK);
	e = d->read_fault(status, &j, ret_fault);
	json_free(&j);
	return e;
}

static inline enum err
try_ask(const struct dialect *d, enum operation op, const char *text, struct arena *a,
    struct ask *ret_ask)
{
	struct json j;
	enum err e;

	json_init(&j, 1u << 16);
	assert_int_equal(json_parse(&j, json_of(text), d->keep), ERR_OK);
	e = d->read_ask(&j, op, a, ret_ask, &case_note, &case_param);
	json_free(&j);
	return e;
}

/* --- torture --- */

struct case_torture {
	const struct dialect *from, *to;
	struct slice text;
	enum err (*run)(
	    const struct dialect *from, const struct dialect *to, struct slice text);
};

static inline enum err
stream_by_byte(const struct dialect *from, const struct dialect *to, struct slice text)
{
	return try_stream(from, to, text, 0);
}

static inline enum err
case_run(void *arg)
{
	struct case_torture *t = arg;
	enum err e;

	/* Its own memory counts as well. */
	buf_free(&case_body);
	buf_free(&case_lost);
	e = t->run(t->from, t->to, t->text);
	buf_free(&case_body);
	buf_free(&case_lost);
	return e;
}

static inline int
case_start(void **state)
{
	(void)state;
	buf_init(&case_body, 4u << 20);
	buf_init(&case_lost, 100000);
	buf_init(&case_text, 4u << 20);
	case_model = "some-model";
	case_provider = "maker";
	case_max_output = 0;
	case_streams = false;
	return 0;
}

static inline int
case_stop(void **state)
{
	(void)state;
	buf_free(&case_body);
	buf_free(&case_lost);
	buf_free(&case_text);
	return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, case_start, case_stop)

#endif
