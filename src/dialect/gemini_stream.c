/*
 * Gemini: streams of answers, in and out. Every event is an answer of its own, with
 * what is new; calls come whole. There is no end mark.
 */
#include "dialect/gemini.h"
#include "json/write.h"

#include <stdio.h>

#define CHOICES_MAX  8
#define LOGPROBS_MAX (1u << 20) /* of one event */

/* --- streams in --- */

struct in {
	bool started;
	char seed[16];	     /* of ids that are made */
	struct buf logprobs; /* of the event, as they are told */
	struct {
		bool open, finished, called;
		enum part_kind kind;
		unsigned calls;
		enum finish finish;
		char finish_raw[40];
		size_t finish_len;
	} choice[CHOICES_MAX];
};

struct telling {
	struct in *in;
	const struct json *j;
	delta_fn *fn;
	void *arg;
	unsigned c; /* the alternative */
};

static void
tell(const struct telling *t, struct delta d)
{
	d.alternative = t->c;
	t->fn(t->arg, &d);
}

static void
close_part(const struct telling *t)
{
	if (!t->in->choice[t->c].open)
		return;
	t->in->choice[t->c].open = false;
	tell(t, (struct delta){.kind = DELTA_CLOSE});
}

static void
open_part(const struct telling *t, struct delta d)
{
	close_part(t);
	t->in->choice[t->c].open = true;
	t->in->choice[t->c].kind = d.part;
	d.kind = DELTA_OPEN;
	tell(t, d);
}

static void
need_part(const struct telling *t, enum part_kind kind)
{
	if (!t->in->choice[t->c].open || t->in->choice[t->c].kind != kind)
		open_part(t, (struct delta){.part = kind});
}

static void
take_text(const struct telling *t, enum part_kind kind, struct slice text)
{
	if (text.len == 0)
		return;
	need_part(t, kind);
	tell(t, (struct delta){.kind = DELTA_TEXT,
		    .text = text,
		    .logprobs = kind == PART_TEXT ? buf_slice(&t->in->logprobs) : S("")});
	if (kind == PART_TEXT)
		buf_clear(&t->in->logprobs);
}

/* JSON as the inside of a string, in pieces; no character is cut. */
static void
take_arguments(const struct telling *t, struct slice json)
{
	char piece[1024];
	size_t n = 0;

	for (size_t i = 0; i < json.len; i++) {
		char c = json.ptr[i];

		if (n > sizeof(piece) - 8 && ((unsigned char)c & 0xc0) != 0x80) {
			tell(t, (struct delta){
				    .kind = DELTA_ARGUMENTS, .text = slice_of(piece, n)});
			n = 0;
		}
		if (c == '"' || c == '\\')
			piece[n++] = '\\';
		piece[n++] = (unsigned char)c < ' ' ? ' ' : c;
	}
	if (n > 0)
		tell(t,
		    (struct delta){.kind = DELTA_ARGUMENTS, .text = slice_of(piece, n)});
}

static void
take_call(const struct telling *t, uint32_t v, struct slice signature)
{
	struct slice id = json_inner(t->j, json_get(t->j, v, S("id")));
	uint32_t args = json_get(t->j, v, S("args"));
	char text[40], made[64];
	unsigned n = t->in->choice[t->c].calls++;
	struct arena a;

	arena_init(&a, made, sizeof(made), 0);
	if (id.len == 0) {
		int len = t->c == 0
			      ? snprintf(text, sizeof(text), "%s", t->in->seed)
			      : snprintf(text, sizeof(text), "%s_%u", t->in->seed, t->c);

		id = gemini_part_id(&a, slice_of(text, (size_t)len), n);
	}
	t->in->choice[t->c].called = true;
	open_part(t, (struct delta){.part = PART_CALL,
			 .id = id,
			 .name = json_inner(t->j, json_get(t->j, v, S("name"))),
			 .signature = signature});
	if (json_is(t->j, args, JSON_OBJECT))
		take_arguments(t, json_raw(t->j, args));
	close_part(t);
	arena_free(&a);
}

static void
take_data(const struct telling *t, uint32_t v)
{
	struct slice type =
	    json_inner(t->j, gemini_part_get(t->j, v, S("mimeType"), S("mime_type")));

	open_part(t, (struct delta){.part = gemini_part_kind(type), .type = type});
	tell(t, (struct delta){.kind = DELTA_DATA,
		    .text = json_inner(t->j, json_get(t->j, v, S("data"))),
		    .type = type});
	close_part(t);
}

/* A signature is of the thought before it, else it is one of its own. */
static void
take_signature(const struct telling *t, struct slice signature, bool thought)
{
	if (signature.len == 0)
		return;
	if (thought)
		need_part(t, PART_REASONING);
	else
		open_part(t, (struct delta){.part = PART_REASONING});
	tell(t, (struct delta){
		    .kind = DELTA_SIGNATURE, .text = signature, .sealed = !thought});
	close_part(t);
}

static void
take_part(const struct telling *t, uint32_t v)
{
	uint32_t m[GEMINI_PART_MEMBERS];
	struct slice signature;
	bool thought;

	(void)gemini_part_pick(t->j, v, &gemini_part_names, m);
	thought = json_is(t->j, m[GEMINI_THOUGHT], JSON_TRUE);
	signature = json_inner(t->j, m[GEMINI_SIGNATURE]);
	if (json_is(t->j, m[GEMINI_CALL], JSON_OBJECT)) {
		take_call(t, m[GEMINI_CALL], signature);
		return;
	}
	if (json_is(t->j, m[GEMINI_INLINE_DATA], JSON_OBJECT)) {
		if (!thought) /* a picture that was only thought of is no answer */
			take_data(t, m[GEMINI_INLINE_DATA]);
	} else {
		take_text(t, thought ? PART_REASONING : PART_TEXT,
		    json_inner(t->j, m[GEMINI_TEXT]));
	}
	take_signature(t, signature, thought);
}

/* Some say that an answer ended with each event: only the last one counts. */
static void
take_finish(const struct telling *t, enum finish finish, struct slice raw)
{
	struct in *in = t->in;

	if (finish == FINISH_UNSAID)
		return;
	in->choice[t->c].finished = true;
	in->choice[t->c].finish = finish;
	in->choice[t->c].finish_len =
	    raw.len < sizeof(in->choice[0].finish_raw) ? raw.len : 0;
	if (in->choice[t->c].finish_len > 0)
		memcpy(in->choice[t->c].finish_raw, raw.ptr, raw.len);
}

static void
take_candidate(struct telling *t, uint32_t v)
{
	uint32_t parts = json_path(t->j, v, "content", "parts", NULL);
	uint32_t logprobs =
	    gemini_part_get(t->j, v, S("logprobsResult"), S("logprobs_result"));
	uint64_t index = 0;
	struct slice raw;
	enum finish finish;

	if (json_u64(t->j, json_get(t->j, v, S("index")), &index) && index >= CHOICES_MAX)
		return;
	t->c = (unsigned)index;
	t->in->logprobs.max = LOGPROBS_MAX;
	buf_clear(&t->in->logprobs);
	if (logprobs != JSON_NONE)
		gemini_answer_read_logprobs(t->j, logprobs, &t->in->logprobs);
	if (t->in->logprobs.err != ERR_OK)
		buf_clear(&t->in->logprobs);
	if (json_is(t->j, parts, JSON_ARRAY))
		JSON_FOR_EACH (part, t->j, parts)
			take_part(t, part);
	finish = gemini_answer_finish(
	    t->j, gemini_part_get(t->j, v, S("finishReason"), S("finish_reason")), &raw);
	take_finish(t, finish, raw);
}

static void
start(struct telling *t)
{
	struct in *in = t->in;
	struct slice id =
	    json_inner(t->j, gemini_part_get(t->j, 0, S("responseId"), S("response_id")));

	in->started = true;
	(void)snprintf(in->seed, sizeof(in->seed), "%012llx",
	    (unsigned long long)slice_hash(id.len > 0 ? id : t->j->text) >> 16);
	tell(t, (struct delta){.kind = DELTA_START,
		    .id = id,
		    .model = json_inner(t->j, gemini_part_get(t->j, 0, S("modelVersion"),
						  S("model_version")))});
}

static void
in_event(
    void *state, const struct sse_event *e, const struct json *j, delta_fn *fn, void *arg)
{
	struct in *in = state;
	struct telling t = {.in = in, .j = j, .fn = fn, .arg = arg};
	uint32_t candidates = json_get(j, 0, S("candidates")), feedback;
	struct slice raw;

	if (e->data.len == 0 || json_get(j, 0, S("error")) != JSON_NONE)
		return;
	if (!in->started)
		start(&t);
	if (json_is(j, candidates, JSON_ARRAY))
		JSON_FOR_EACH (c, j, candidates)
			take_candidate(&t, c);
	feedback = gemini_part_get(j, 0, S("promptFeedback"), S("prompt_feedback"));
	raw = json_inner(
	    j, gemini_part_get(j, feedback, S("blockReason"), S("block_reason")));
	t.c = 0;
	if (raw.len > 0 && json_first(j, candidates) == JSON_NONE)
		take_finish(&t, FINISH_FILTERED, raw);
}

static void
in_end(void *state, delta_fn *fn, void *arg)
{
	struct in *in = state;
	struct telling t = {.in = in, .fn = fn, .arg = arg};

	for (t.c = 0; t.c < CHOICES_MAX; t.c++) {
		enum finish f = in->choice[t.c].finish;

		close_part(&t);
		if (!in->choice[t.c].finished)
			continue;
		if (f == FINISH_STOP && in->choice[t.c].called)
			f = FINISH_CALLS; /* there is no word for it */
		tell(&t, (struct delta){.kind = DELTA_FINISH,
			     .finish = f,
			     .finish_raw = slice_of(in->choice[t.c].finish_raw,
				 in->choice[t.c].finish_len)});
	}
	t.c = 0;
	tell(&t, (struct delta){.kind = DELTA_END});
}

static void
in_done(void *state)
{
	struct in *in = state;

	buf_free(&in->logprobs);
}

/* --- streams out --- */

#define HELD_MAX (16u << 20) /* arguments of a call, a picture */

struct out {
	struct buf tail; /* the members that every event ends with */
	bool some;	 /* an event was told */
	struct usage usage;
	char tier[32];
	size_t tier_len;
	struct {
		enum part_kind open;
		struct buf held;      /* a part as far as it is written */
		struct buf arguments; /* of a call, as they came */
		bool finished;
		enum finish finish;
	} choice[CHOICES_MAX];
};

static void
open_event(struct out *o, const struct answer_plan *plan, struct buf *to)
{
	if (!plan->as_array)
		buf_add(to, S("data: "));
	else
		buf_add(to, o->some ? S(",\r\n") : S("["));
	o->some = true;
	json_open(to, '{');
}

#define TAIL_MAX 65536

static void
put_tail(struct out *o, const struct answer_plan *plan, const struct delta *d)
{
	bool told = d->id.len + d->model.len < TAIL_MAX / 2; /* else they are no names */

	buf_init(&o->tail, TAIL_MAX);
	gemini_answer_put_names(
	    &o->tail, plan, told ? d->model : S(""), told ? d->id : S(""));
	json_close(&o->tail, '}');
}

static void
close_event(struct out *o, const struct answer_plan *plan, struct buf *to)
{
	if (o->tail.len == 0)
		put_tail(o, plan, &(struct delta){.kind = DELTA_START});
	buf_byte(to, ',');
	buf_add(to, buf_slice(&o->tail));
	if (!plan->as_array)
		buf_add(to, S("\r\n\r\n"));
}

/* {"candidates": [{"content": {"parts": [ and what closes it */
static void
open_parts(struct out *o, const struct answer_plan *plan, struct buf *to)
{
	open_event(o, plan, to);
	json_key(to, S("candidates"));
	json_open(to, '[');
	json_open(to, '{');
	json_key(to, S("content"));
	json_open(to, '{');
	json_key(to, S("parts"));
	json_open(to, '[');
}

static void
close_parts(
    struct out *o, const struct answer_plan *plan, const struct delta *d, struct buf *to)
{
	json_close(to, ']');
	json_member(to, S("role"), S("model"));
	json_close(to, '}');
	json_member_u64(to, S("index"), d->alternative);
	if (d->logprobs.len > 0)
		gemini_answer_put_logprobs(d->logprobs, to);
	json_close(to, '}');
	json_close(to, ']');
	close_event(o, plan, to);
}

/* What comes in pieces and goes as one is held. */
static void
hold_opened(struct out *o, const struct answer_plan *plan, const struct delta *d)
{
	struct buf *b = &o->choice[d->alternative].held;

	o->choice[d->alternative].open = d->part;
	buf_clear(b);
	buf_clear(&o->choice[d->alternative].arguments);
	b->max = o->choice[d->alternative].arguments.max = HELD_MAX;
	if (d->part != PART_CALL)
		return;
	json_open(b, '{');
	if (d->signature.len > 0)
		gemini_part_put_signature(b, plan->provider, d->signature);
	json_key(b, S("functionCall"));
	json_open(b, '{');
	json_member_inner(b, S("id"), d->id);
	json_member_inner(b, S("name"), d->name);
	json_key(b, S("args"));
}

static void
hold_data(struct out *o, const struct delta *d)
{
	struct buf *b = &o->choice[d->alternative].held;

	if (b->len == 0) {
		json_open(b, '{');
		json_key(b, S("inlineData"));
		json_open(b, '{');
		json_key(b, S("mimeType"));
		json_put_inner(b, d->type.len > 0 ? d->type : S("image/png"));
		json_key(b, S("data"));
		buf_byte(b, '"');
	}
	buf_add(b, d->text);
}

static void
put_call(struct out *o, unsigned c, struct buf *to)
{
	struct buf *arguments = &o->choice[c].arguments, plain, object;
	char *text;

	buf_init(&plain, HELD_MAX);
	text = buf_room(&plain, arguments->len + 1);
	if (text == NULL) {
		to->err = plain.err;
		return;
	}
	plain.len = json_decode(buf_slice(arguments), text);
	buf_init(&object, HELD_MAX);
	writer_object(&object, buf_slice(&plain));
	json_put_line(&o->choice[c].held, buf_slice(&object));
	buf_add(&o->choice[c].held, S("}}"));
	if (object.err == ERR_OK)
		buf_add(to, buf_slice(&o->choice[c].held));
	else
		to->err = object.err;
	buf_free(&object);
	buf_free(&plain);
}

static void
put_closed(
    struct out *o, const struct answer_plan *plan, const struct delta *d, struct buf *to)
{
	struct buf *held = &o->choice[d->alternative].held;
	enum err e =
	    held->err != ERR_OK ? held->err : o->choice[d->alternative].arguments.err;

	if (e != ERR_OK)
		to->err = e;
	if (e != ERR_OK || held->len == 0)
		return;
	open_parts(o, plan, to);
	if (o->choice[d->alternative].open == PART_CALL) {
		put_call(o, d->alternative, to);
	} else {
		buf_add(to, buf_slice(held));
		buf_add(to, S("\"}}"));
	}
	close_parts(o, plan, d, to);
	if (held->err != ERR_OK)
		to->err = held->err;
	buf_clear(held);
}

static void
put_text(
    struct out *o, const struct answer_plan *plan, const struct delta *d, struct buf *to)
{
	open_parts(o, plan, to);
	json_open(to, '{');
	json_member_inner(to, S("text"), d->text);
	if (o->choice[d->alternative].open == PART_REASONING)
		json_member_raw(to, S("thought"), S("true"));
	json_close(to, '}');
	close_parts(o, plan, d, to);
}

static void
put_signature(
    struct out *o, const struct answer_plan *plan, const struct delta *d, struct buf *to)
{
	open_parts(o, plan, to);
	json_open(to, '{');
	json_member_inner(to, S("text"), S(""));
	if (!d->sealed)
		json_member_raw(to, S("thought"), S("true"));
	gemini_part_put_signature(to, plan->provider, d->text);
	json_close(to, '}');
	close_parts(o, plan, d, to);
}

/* The last event: why each answer ended, and what was used. */
static void
put_end(struct out *o, const struct answer_plan *plan, struct buf *to)
{
	open_event(o, plan, to);
	json_key(to, S("candidates"));
	json_open(to, '[');
	for (unsigned c = 0; c < CHOICES_MAX; c++) {
		if (!o->choice[c].finished)
			continue;
		json_open(to, '{');
		json_member_raw(to, S("content"),
		    S("{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"}"));
		json_member(to, S("finishReason"),
		    gemini_answer_finish_word(o->choice[c].finish));
		json_member_u64(to, S("index"), c);
		json_close(to, '}');
	}
	json_close(to, ']');
	if (o->usage.known)
		gemini_answer_put_usage(&o->usage, slice_of(o->tier, o->tier_len), to);
	close_event(o, plan, to);
	if (plan->as_array)
		buf_byte(to, ']');
}

static void
put_fault(
    struct out *o, const struct answer_plan *plan, const struct delta *d, struct buf *to)
{
	const struct fault f = {
	    .message = d->message, .type = d->text, .code = d->code, .status = 0};

	if (!plan->as_array) {
		dialect_gemini.write_fault_event(&f, to);
		return;
	}
	buf_add(to, o->some ? S(",\r\n") : S("["));
	dialect_gemini.write_fault(&f, to);
	buf_byte(to, ']');
}

static void
keep_usage(struct out *o, const struct delta *d)
{
	o->usage = *d->usage;
	o->tier_len = d->tier.len < sizeof(o->tier) ? d->tier.len : 0;
	if (o->tier_len > 0)
		memcpy(o->tier, d->tier.ptr, d->tier.len);
}

static void
out_delta(
    void *state, const struct answer_plan *plan, const struct delta *d, struct buf *to)
{
	struct out *o = state;
	unsigned c = d->alternative;

	if (c >= CHOICES_MAX)
		return;
	switch (d->kind) {
	case DELTA_START: put_tail(o, plan, d); return;
	case DELTA_OPEN: hold_opened(o, plan, d); return;
	case DELTA_TEXT: put_text(o, plan, d, to); return;
	case DELTA_ARGUMENTS: buf_add(&o->choice[c].arguments, d->text); return;
	case DELTA_DATA: hold_data(o, d); return;
	case DELTA_SIGNATURE: put_signature(o, plan, d, to); return;
	case DELTA_CLOSE: put_closed(o, plan, d, to); return;
	case DELTA_FINISH:
		o->choice[c].finished = true;
		o->choice[c].finish = d->finish;
		return;
	case DELTA_USAGE: keep_usage(o, d); return;
	case DELTA_END: put_end(o, plan, to); return;
	case DELTA_FAULT: put_fault(o, plan, d, to); return;
	}
}

static void
out_done(void *state)
{
	struct out *o = state;

	buf_free(&o->tail);
	for (unsigned c = 0; c < CHOICES_MAX; c++) {
		buf_free(&o->choice[c].held);
		buf_free(&o->choice[c].arguments);
	}
}

const struct translation gemini_translation = {
    .keep = 9,
    .read_prompt = gemini_read_prompt,
    .write_prompt = gemini_write_prompt,
    .needs_bytes = gemini_needs_bytes,
    .read_answer = gemini_answer_read,
    .write_answer = gemini_answer_write,
    .in_bytes = sizeof(struct in),
    .in_event = in_event,
    .in_end = in_end,
    .in_done = in_done,
    .out_bytes = sizeof(struct out),
    .out_delta = out_delta,
    .out_done = out_done,
};
