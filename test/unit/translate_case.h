/*
 * translate_case: requests, answers and streams through the canonical form, for the
 * tests of dialects. JSON is written with ' for " on both sides.
 */
#ifndef UNIT_TRANSLATE_CASE_H
#define UNIT_TRANSLATE_CASE_H

#include "dialect/dialect.h"

#include "test.h"
#include "torture.h"

#include <stdlib.h>

#define CASE_MAX 65536

/* What became of something: text with ' for ", and what was lost, between commas. */
struct case_told {
	char text[CASE_MAX], lost[1000];
};

static inline void
case_swap(char *text, char from, char to)
{
	for (char *c = text; *c != '\0'; c++)
		if (*c == from)
			*c = to;
}

/* The text with quotes; freed by the caller. */
static inline char *
case_quoted(const char *text)
{
	char *copy = slice_dup(slice_str(text));

	if (copy != NULL)
		case_swap(copy, '\'', '"');
	return copy;
}

static inline enum err
case_take(struct case_told *ret, const struct buf *b)
{
	if (b->err != ERR_OK)
		return b->err;
	assert_true(b->len < CASE_MAX);
	if (b->len > 0)
		memcpy(ret->text, b->ptr, b->len);
	ret->text[b->len] = '\0';
	case_swap(ret->text, '"', '\'');
	return ERR_OK;
}

/* --- requests --- */

struct case_prompt {
	const struct dialect *from, *to;
	const char *text;
	const char *provider; /* NULL: "acme" */
	unsigned quirks;
};

/* The request written in the other dialect; a note of why not in ret->text. */
static inline enum err
case_write_prompt(const struct case_prompt *c, struct case_told *ret)
{
	char *text = case_quoted(c->text);
	const char *param = NULL;
	struct losses lost;
	struct prompt p;
	struct note note = {0};
	struct arena a;
	struct json j;
	struct buf b;
	enum err e;

	if (text == NULL)
		return ERR_NOMEM;
	ret->text[0] = ret->lost[0] = '\0';
	arena_init(&a, NULL, 0, 1u << 20);
	json_init(&j, 10000);
	buf_init(&b, CASE_MAX);
	lost = (struct losses){.arena = &a};
	e = json_parse(&j, slice_str(text), c->from->chat->keep);
	if (e == ERR_SYNTAX)
		fail_msg("%s: expected %s at %zu", text, j.why, j.error_at);
	if (e == ERR_OK)
		e = c->from->chat->read_prompt(&j, &a, &p, &note, &param);
	if (e == ERR_OK) {
		struct write_plan plan = {.model = p.model,
		    .provider = c->provider == NULL ? "acme" : c->provider,
		    .quirks = c->quirks};

		e = c->to->chat->write_prompt(&p, &plan, &b, &lost);
	} else if (e == ERR_BAD_REQUEST) {
		(void)snprintf(
		    ret->text, CASE_MAX, "%s: %s", param == NULL ? "" : param, note.text);
		case_swap(ret->text, '"', '\'');
	}
	if (e == ERR_OK)
		e = lost.more ? ERR_NOMEM : case_take(ret, &b);
	for (unsigned i = 0; i < lost.count; i++)
		(void)snprintf(ret->lost + strlen(ret->lost),
		    sizeof(ret->lost) - strlen(ret->lost), "%s%.*s", i > 0 ? "," : "",
		    SLICE_ARGS(lost.path[i]));
	buf_free(&b);
	json_free(&j);
	arena_free(&a);
	free(text);
	return e;
}

static inline void
case_assert_text(const char *got, const char *want, const char *of)
{
	if (strcmp(got, want) != 0)
		fail_msg("%s\ngives %s\nnot   %s", of, got, want);
}

static inline void
case_assert_prompt(const struct case_prompt *c, const char *want, const char *want_lost)
{
	struct case_told told;
	enum err e = case_write_prompt(c, &told);

	if (e != ERR_OK)
		fail_msg("%s: %s %s", c->text, err_name(e), told.text);
	case_assert_text(told.text, want, c->text);
	case_assert_text(told.lost, want_lost, c->text);
}

static inline void
case_assert_refused(const struct dialect *d, const char *text, const char *want)
{
	struct case_told told;
	const struct case_prompt c = {.from = d, .to = d, .text = text};

	assert_int_equal(case_write_prompt(&c, &told), ERR_BAD_REQUEST);
	case_assert_text(told.text, want, text);
}

/* --- answers and streams --- */

struct case_answer {
	const struct dialect *from, *to;
	const char *text;
	const char *asked; /* the request, in the dialect `to`; NULL: none */
	size_t piece;	   /* of a stream, so many bytes at a time; 0: all */
	size_t split;	   /* and cut here */
};

/* What must live as long as the answer is written. */
struct case_asked {
	char *text;
	struct arena arena;
	struct json j;
	struct prompt prompt;
	struct answer_plan plan;
};

static inline enum err
case_ask(struct case_asked *a, const struct case_answer *c)
{
	const char *param;
	struct note note;
	enum err e;

	*a = (struct case_asked){.plan = {.id = S("req_77"),
				     .model = S("asked"),
				     .provider = "acme",
				     .unix_s = 1700000000,
				     .usage_asked = true}};
	arena_init(&a->arena, NULL, 0, 1u << 20);
	json_init(&a->j, 10000);
	if (c->asked == NULL)
		return ERR_OK;
	a->text = case_quoted(c->asked);
	if (a->text == NULL)
		return ERR_NOMEM;
	e = json_parse(&a->j, slice_str(a->text), c->to->chat->keep);
	if (e == ERR_OK)
		e = c->to->chat->read_prompt(&a->j, &a->arena, &a->prompt, &note, &param);
	a->plan.prompt = &a->prompt;
	return e;
}

static inline void
case_asked_done(struct case_asked *a)
{
	json_free(&a->j);
	arena_free(&a->arena);
	free(a->text);
}

static inline enum err
case_write_answer(const struct case_answer *c, struct case_told *ret)
{
	char *text = case_quoted(c->text);
	struct reply_facts facts;
	struct case_asked asked;
	struct answer n;
	struct json j;
	struct buf b;
	enum err e = case_ask(&asked, c);

	json_init(&j, 10000);
	buf_init(&b, CASE_MAX);
	if (text == NULL)
		e = ERR_NOMEM;
	if (e == ERR_OK)
		e = json_parse(&j, slice_str(text), JSON_KEEP_ALL);
	if (e == ERR_OK)
		e = c->from->chat->read_answer(&j, &asked.arena, &n);
	if (e == ERR_OK) {
		c->from->read_reply(&j, 0, &facts);
		n.usage = facts.usage;
		c->to->chat->write_answer(&n, &asked.plan, &b);
		e = case_take(ret, &b);
	}
	buf_free(&b);
	json_free(&j);
	case_asked_done(&asked);
	free(text);
	return e;
}

/* A stream on its way, and what was told in it: "<+text>" and the like. */
struct case_stream {
	const struct case_answer *c;
	struct case_asked asked;
	void *in, *out;
	struct buf to, deltas;
	struct usage usage;
	bool ended;
};

static inline void
case_note_delta(struct buf *b, const struct delta *d)
{
	static const char *const parts[] = {"text", "image", "audio", "file", "video",
	    "call", "result", "thought", "refusal", "other"};

	switch (d->kind) {
	case DELTA_START:
		buf_printf(b, "start(%.*s,%.*s,%llu) ", SLICE_ARGS(d->id),
		    SLICE_ARGS(d->model), (unsigned long long)d->created_s);
		break;
	case DELTA_OPEN:
		buf_printf(b, "<%s", parts[d->part]);
		if (d->part == PART_CALL)
			buf_printf(
			    b, "(%.*s,%.*s)", SLICE_ARGS(d->id), SLICE_ARGS(d->name));
		break;
	case DELTA_TEXT: buf_printf(b, " %.*s", SLICE_ARGS(d->text)); break;
	case DELTA_ARGUMENTS: buf_printf(b, " %.*s", SLICE_ARGS(d->text)); break;
	case DELTA_SIGNATURE:
		buf_printf(
		    b, " %s:%.*s", d->sealed ? "sealed" : "signed", SLICE_ARGS(d->text));
		break;
	case DELTA_DATA:
		buf_printf(b, " %.*s:%.*s", SLICE_ARGS(d->type), SLICE_ARGS(d->text));
		break;
	case DELTA_CLOSE: buf_printf(b, "> "); break;
	case DELTA_FINISH:
		buf_printf(
		    b, "finish(%d,%.*s) ", (int)d->finish, SLICE_ARGS(d->finish_raw));
		break;
	case DELTA_END: buf_printf(b, "end"); break;
	default: break;
	}
	if (d->logprobs.len > 0)
		buf_printf(b, "[%.*s]", SLICE_ARGS(d->logprobs));
}

static inline void
case_on_delta(void *arg, const struct delta *d)
{
	struct case_stream *s = arg;
	struct delta usage = {.kind = DELTA_USAGE, .usage = &s->usage};

	case_note_delta(&s->deltas, d);
	if (d->kind == DELTA_END)
		s->ended = true;
	if (d->kind == DELTA_END && s->usage.known)
		s->c->to->chat->out_delta(s->out, &s->asked.plan, &usage, &s->to);
	s->c->to->chat->out_delta(s->out, &s->asked.plan, d, &s->to);
}

static inline enum err
case_feed(struct case_stream *s, struct slice text)
{
	const struct translation *from = s->c->from->chat;
	size_t piece = s->c->piece == 0 ? text.len : s->c->piece, at = 0;
	struct sse_event event;
	enum err e = ERR_OK;
	struct sse sse;
	struct json j;

	sse_init(&sse, CASE_MAX);
	json_init(&j, 10000);
	while (at < text.len && e == ERR_OK) {
		size_t end = at + piece < text.len ? at + piece : text.len;
		struct slice in;

		if (at < s->c->split && s->c->split < end)
			end = s->c->split;
		in = slice_of(text.ptr + at, end - at);
		at = end;
		while (sse_next(&sse, &in, &event, &e)) {
			struct event_facts f;

			s->c->from->read_event(&event, &j, 0, &f);
			if (f.reply.usage.known)
				s->usage = f.reply.usage;
			if (!f.readable) /* out of memory, as these are good */
				e = ERR_NOMEM;
			else if (event.data.len > 0 && !f.is_fault)
				from->in_event(s->in, &event, &j, case_on_delta, s);
		}
	}
	if (e == ERR_OK && !s->ended)
		from->in_end(s->in, case_on_delta, s);
	json_free(&j);
	sse_done(&sse);
	return e;
}

/* The stream as it is told; in ret->text the bytes, or with `deltas` what was read. */
static inline enum err
case_write_stream(const struct case_answer *c, bool deltas, struct case_told *ret)
{
	char *text = case_quoted(c->text);
	struct case_stream s = {.c = c,
	    .in = calloc(1, c->from->chat->in_bytes + 1),
	    .out = calloc(1, c->to->chat->out_bytes + 1)};
	enum err e = case_ask(&s.asked, c);

	buf_init(&s.to, CASE_MAX);
	buf_init(&s.deltas, CASE_MAX);
	if (text == NULL || s.in == NULL || s.out == NULL)
		e = ERR_NOMEM;
	if (e == ERR_OK)
		e = case_feed(&s, slice_str(text));
	if (e == ERR_OK)
		e = case_take(ret, deltas ? &s.deltas : &s.to);
	if (s.in != NULL && c->from->chat->in_done != NULL)
		c->from->chat->in_done(s.in);
	if (s.out != NULL && c->to->chat->out_done != NULL)
		c->to->chat->out_done(s.out);
	buf_free(&s.to);
	buf_free(&s.deltas);
	case_asked_done(&s.asked);
	free(s.in);
	free(s.out);
	free(text);
	return e;
}

/* What was told does not depend on how the stream comes. */
static inline void
case_assert_stream(struct case_answer c, bool deltas, const char *want)
{
	size_t len = strlen(c.text);
	struct case_told told;

	for (size_t i = 0; i < len + 2; i++) {
		c.piece = i == 1;
		c.split = i < 2 ? 0 : i - 1;
		assert_int_equal(case_write_stream(&c, deltas, &told), ERR_OK);
		case_assert_text(told.text, want, c.text);
	}
}

#endif
