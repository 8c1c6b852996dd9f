/*
 * dialect: what must hold of any dialect, whatever bytes it is given: what it writes is
 * JSON, in its own dialect it can be read again, streams keep the order of delta.h, and
 * what they become does not depend on the pieces in which they come.
 */
#ifndef FUZZ_DIALECT_H
#define FUZZ_DIALECT_H

#include "dialect/dialect.h"
#include "fuzz.h"
#include "http/eventstream.h"

#define FUZZ_MAX (8u << 20)

static inline void
fuzz_is_json(struct slice text)
{
	struct json j;

	json_init(&j, 1u << 20);
	HOLDS(json_parse(&j, text, 1) == ERR_OK);
	json_free(&j);
}

/* --- requests --- */

static inline void
fuzz_write(
    const struct prompt *p, const struct dialect *to, struct arena *a, struct buf *b)
{
	struct write_plan plan = {.model = S("m"), .provider = "acme"};
	struct losses lost = {.arena = a};

	buf_clear(b);
	HOLDS(to->chat->write_prompt(p, &plan, b, &lost) == ERR_OK);
	fuzz_is_json(buf_slice(b));
	HOLDS(lost.count <= LOSSES_MAX);
}

/* Returns whether the text is a request. In its own dialect it is written the same again
 * when what was written is read. */
static inline bool
fuzz_prompt(const struct dialect *d, struct slice text, const struct buf *before)
{
	const char *param = NULL;
	struct prompt p;
	struct note note;
	struct arena a;
	struct json j;
	struct buf b;
	enum err e;

	arena_init(&a, NULL, 0, FUZZ_MAX);
	json_init(&j, 1u << 16);
	buf_init(&b, FUZZ_MAX);
	e = json_parse(&j, text, d->chat->keep);
	if (e == ERR_OK)
		e = d->chat->read_prompt(&j, &a, &p, &note, &param);
	HOLDS(e == ERR_OK || e == ERR_SYNTAX || e == ERR_FULL || e == ERR_BAD_REQUEST);
	HOLDS(e != ERR_BAD_REQUEST || note.text[0] != '\0');
	for (unsigned i = 0; e == ERR_OK && i < DIALECTS; i++) {
		const struct dialect *to = dialect_find((enum dialect_id)i);

		if (to != NULL && to->chat != NULL)
			fuzz_write(&p, to, &a, &b);
	}
	if (e == ERR_OK) {
		fuzz_write(&p, d, &a, &b);
		HOLDS(before == NULL || slice_eq(buf_slice(before), buf_slice(&b)));
		HOLDS(before != NULL || fuzz_prompt(d, buf_slice(&b), &b));
	}
	buf_free(&b);
	json_free(&j);
	arena_free(&a);
	return e == ERR_OK;
}

/* --- whole answers --- */

static inline void
fuzz_answer(const struct dialect *d, struct slice text)
{
	struct answer_plan plan = {.id = S("req_1"), .model = S("m"), .provider = "acme"};
	struct reply_facts facts;
	struct answer n;
	struct arena a;
	struct json j;
	struct buf b;

	arena_init(&a, NULL, 0, FUZZ_MAX);
	json_init(&j, 1u << 16);
	buf_init(&b, FUZZ_MAX);
	if (json_parse(&j, text, JSON_KEEP_ALL) == ERR_OK) {
		d->read_reply(&j, 0, &facts);
		if (d->chat->read_answer(&j, &a, &n) == ERR_OK) {
			n.usage = facts.usage;
			for (unsigned i = 0; i < DIALECTS; i++) {
				const struct dialect *to =
				    dialect_find((enum dialect_id)i);

				if (to == NULL || to->chat == NULL)
					continue;
				buf_clear(&b);
				to->chat->write_answer(&n, &plan, &b);
				HOLDS(b.err == ERR_OK);
				fuzz_is_json(buf_slice(&b));
			}
		}
	}
	buf_free(&b);
	json_free(&j);
	arena_free(&a);
}

/* --- streams --- */

#define FUZZ_ALTERNATIVES 64

struct fuzz_stream {
	const struct dialect *to;
	struct answer_plan plan;
	void *out;
	struct buf told;
	bool started, ended, open[FUZZ_ALTERNATIVES];
};

static inline void
fuzz_take(void *arg, const struct delta *d)
{
	struct fuzz_stream *s = arg;
	bool *open = &s->open[d->alternative % FUZZ_ALTERNATIVES];

	HOLDS(!s->ended);
	switch (d->kind) {
	case DELTA_START: HOLDS(!s->started); break;
	case DELTA_OPEN:
		HOLDS(s->started && !*open);
		*open = true;
		break;
	case DELTA_TEXT:
	case DELTA_ARGUMENTS:
	case DELTA_SIGNATURE:
	case DELTA_DATA: HOLDS(*open); break;
	case DELTA_CLOSE:
		HOLDS(*open);
		*open = false;
		break;
	case DELTA_FINISH: HOLDS(!*open); break;
	case DELTA_END:
		HOLDS(!*open);
		s->ended = true;
		break;
	default: break;
	}
	s->started = s->started || d->kind == DELTA_START;
	s->to->chat->out_delta(s->out, &s->plan, d, &s->told);
}

static inline void
fuzz_feed(
    const struct dialect *d, struct slice text, enum cut cut, struct fuzz_stream *stream)
{
	void *in = calloc(1, d->chat->in_bytes + 1);
	struct eventstream frames;
	struct sse_event event;
	struct random r;
	enum err e = ERR_OK;
	struct sse sse;
	struct json j;

	HOLDS(in != NULL);
	random_seed(&r, slice_hash(text));
	sse_init(&sse, 1u << 20);
	eventstream_init(&frames, 1u << 20);
	json_init(&j, 1u << 16);
	for (size_t at = 0, end; at < text.len && e == ERR_OK; at = end) {
		struct slice part;

		end = piece_end(cut, at, text.len, &r);
		part = slice_of(text.ptr + at, end - at);
		while (d->is_framed ? eventstream_next(&frames, &part, &event, &e)
				    : sse_next(&sse, &part, &event, &e)) {
			struct event_facts f;

			d->read_event(&event, &j, 0, &f);
			if (f.readable && !f.is_fault && event.data.len > 0)
				d->chat->in_event(in, &event, &j, fuzz_take, stream);
		}
	}
	if (!stream->ended)
		d->chat->in_end(in, fuzz_take, stream);
	HOLDS(stream->ended);
	if (d->chat->in_done != NULL)
		d->chat->in_done(in);
	json_free(&j);
	sse_done(&sse);
	eventstream_done(&frames);
	free(in);
}

/* All that was told is events whose data is JSON, OpenAI's mark apart. */
static inline void
fuzz_is_stream(const struct dialect *to, struct slice told)
{
	struct eventstream frames;
	struct sse_event event;
	enum err e = ERR_OK;
	struct sse sse;

	sse_init(&sse, FUZZ_MAX);
	eventstream_init(&frames, FUZZ_MAX);
	while (to->is_framed ? eventstream_next(&frames, &told, &event, &e)
			     : sse_next(&sse, &told, &event, &e))
		if (event.data.len > 0 && !slice_eq(event.data, S("[DONE]")))
			fuzz_is_json(event.data);
	HOLDS(e == ERR_OK && !sse_has_partial(&sse) && !eventstream_has_partial(&frames));
	sse_done(&sse);
	eventstream_done(&frames);
}

static inline void
fuzz_translate(const struct dialect *d, const struct dialect *to, struct slice text,
    enum cut cut, struct buf *ret)
{
	struct fuzz_stream s = {.to = to,
	    .plan = {.id = S("req_1"), .model = S("m"), .provider = "acme"},
	    .out = calloc(1, to->chat->out_bytes + 1)};

	HOLDS(s.out != NULL);
	buf_init(&s.told, FUZZ_MAX);
	fuzz_feed(d, text, cut, &s);
	HOLDS(s.told.err == ERR_OK);
	buf_clear(ret);
	buf_add(ret, buf_slice(&s.told));
	if (to->chat->out_done != NULL)
		to->chat->out_done(s.out);
	buf_free(&s.told);
	free(s.out);
}

static inline void
fuzz_streams(const struct dialect *d, const struct dialect *to, struct slice text)
{
	struct buf whole, cut;

	buf_init(&whole, FUZZ_MAX);
	buf_init(&cut, FUZZ_MAX);
	fuzz_translate(d, to, text, CUT_NEVER, &whole);
	fuzz_is_stream(to, buf_slice(&whole));
	for (enum cut c = CUT_ALWAYS; c < CUTS; c++) {
		fuzz_translate(d, to, text, c, &cut);
		HOLDS(slice_eq(buf_slice(&whole), buf_slice(&cut)));
	}
	buf_free(&whole);
	buf_free(&cut);
}

#endif
