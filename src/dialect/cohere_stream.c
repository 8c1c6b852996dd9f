/*
 * Cohere v2 chat: streams of answers, in and out.
 */
#include "dialect/cohere.h"
#include "dialect/tag.h"
#include "dialect/writer.h"
#include "json/write.h"

/* --- in --- */

struct in {
	enum { NOTHING, CONTENT, PLAN, CALL } open;
	bool started, ended;
	struct buf logprobs; /* of an event, in OpenAI's form */
};

struct telling {
	struct in *in;
	const struct json *j;
	delta_fn *fn;
	void *arg;
};

/* The start comes first and once, also where it was not told. */
static void
tell(const struct telling *t, struct delta d)
{
	static const struct delta start = {.kind = DELTA_START};

	if (d.kind == DELTA_START && t->in->started)
		return;
	if (d.kind != DELTA_START && !t->in->started)
		t->fn(t->arg, &start);
	t->in->started = true;
	t->fn(t->arg, &d);
}

static void
close_part(const struct telling *t)
{
	if (t->in->open == NOTHING)
		return;
	if (t->in->open == PLAN)
		tell(t, (struct delta){.kind = DELTA_SIGNATURE, .text = COHERE_PLAN});
	t->in->open = NOTHING;
	tell(t, (struct delta){.kind = DELTA_CLOSE});
}

static void
open_part(const struct telling *t, int open, struct delta d)
{
	close_part(t);
	t->in->open = open;
	d.kind = DELTA_OPEN;
	tell(t, d);
}

static void
take_text(const struct telling *t, struct slice text, struct slice logprobs)
{
	if (text.len > 0)
		tell(t, (struct delta){
			    .kind = DELTA_TEXT, .text = text, .logprobs = logprobs});
}

static void
take_content(const struct telling *t, uint32_t content, bool starts)
{
	struct slice thought = json_inner(t->j, json_get(t->j, content, S("thinking")));
	struct slice text = json_inner(t->j, json_get(t->j, content, S("text")));
	uint32_t logprobs = json_get(t->j, 0, S("logprobs"));
	struct slice told = S("");

	if (starts || t->in->open != CONTENT)
		open_part(t, CONTENT,
		    (struct delta){
			.part = thought.ptr != NULL ? PART_REASONING : PART_TEXT});
	if (json_first(t->j, logprobs) != JSON_NONE) {
		buf_clear(&t->in->logprobs);
		cohere_take_logprobs(t->j, logprobs, &t->in->logprobs);
		if (t->in->logprobs.err == ERR_OK)
			told = buf_slice(&t->in->logprobs);
	}
	take_text(t, thought, S(""));
	take_text(t, text, told);
}

/* Of one call, as an object. */
static void
take_call(const struct telling *t, uint32_t call, bool starts)
{
	uint32_t f;
	struct slice arguments;

	if (json_is(t->j, call, JSON_ARRAY))
		call = json_first(t->j, call);
	f = json_get(t->j, call, S("function"));
	arguments = json_inner(t->j, json_get(t->j, f, S("arguments")));
	if (starts || t->in->open != CALL)
		open_part(t, CALL,
		    (struct delta){.part = PART_CALL,
			.id = json_inner(t->j, json_get(t->j, call, S("id"))),
			.name = json_inner(t->j, json_get(t->j, f, S("name")))});
	if (arguments.len > 0)
		tell(t, (struct delta){.kind = DELTA_ARGUMENTS, .text = arguments});
}

static void
end(const struct telling *t)
{
	if (t->in->ended)
		return;
	close_part(t);
	t->in->ended = true;
	tell(t, (struct delta){.kind = DELTA_END});
}

static void
take_finish(const struct telling *t, uint32_t delta)
{
	struct slice word = json_inner(t->j, json_get(t->j, delta, S("finish_reason")));

	close_part(t);
	/* The provider gave up: that is an error, and told as one. */
	if (cohere_finish_of(word) == FINISH_ERROR)
		return;
	tell(t, (struct delta){.kind = DELTA_FINISH,
		    .finish = cohere_finish_of(word),
		    .finish_raw = word});
	end(t);
}

/* What is told with an event of that type. */
static void
take_event(struct telling *t, struct slice type)
{
	uint32_t delta = json_get(t->j, 0, S("delta"));
	uint32_t message = json_get(t->j, delta, S("message"));
	uint32_t content = json_get(t->j, message, S("content"));
	uint32_t calls = json_get(t->j, message, S("tool_calls"));

	if (slice_eq(type, S("content-delta"))) {
		take_content(t, content, false);
	} else if (slice_eq(type, S("content-start"))) {
		take_content(t, content, true);
	} else if (slice_eq(type, S("tool-plan-delta"))) {
		if (t->in->open != PLAN)
			open_part(t, PLAN,
			    (struct delta){
				.part = PART_REASONING, .signature = COHERE_PLAN});
		take_text(
		    t, json_inner(t->j, json_get(t->j, message, S("tool_plan"))), S(""));
	} else if (slice_eq(type, S("tool-call-start"))) {
		take_call(t, calls, true);
	} else if (slice_eq(type, S("tool-call-delta"))) {
		take_call(t, calls, false);
	} else if (slice_eq(type, S("content-end")) ||
		   slice_eq(type, S("tool-call-end"))) {
		close_part(t);
	} else if (slice_eq(type, S("message-start"))) {
		tell(t, (struct delta){.kind = DELTA_START,
			    .id = json_inner(t->j, json_get(t->j, 0, S("id")))});
	} else if (slice_eq(type, S("message-end"))) {
		take_finish(t, delta);
	}
}

static void
in_event(
    void *state, const struct sse_event *e, const struct json *j, delta_fn *fn, void *arg)
{
	struct in *in = state;
	struct telling t = {.in = in, .j = j, .fn = fn, .arg = arg};

	/* The mark at the end is no JSON: the tape is not of it. */
	if (in->ended || slice_eq(slice_trim(e->data), S("[DONE]")))
		return;
	if (in->logprobs.max == 0)
		buf_init(&in->logprobs, 1u << 20);
	take_event(&t, json_inner(j, json_get(j, 0, S("type"))));
}

static void
in_end(void *state, delta_fn *fn, void *arg)
{
	struct telling t = {.in = state, .fn = fn, .arg = arg};

	end(&t);
}

static void
in_done(void *state)
{
	buf_free(&((struct in *)state)->logprobs);
}

/* --- out --- */

struct out {
	unsigned contents, calls; /* index of the open one, or the next */
	bool open, argued;	  /* a part; with arguments */
	bool plan;		  /* it is the plan of calls */
	enum part_kind kind;
	enum finish finish;
	bool stopped; /* by a text */
	struct usage usage;
};

static bool
is_call(const struct out *o)
{
	return o->kind == PART_CALL;
}

static void
put_start(const struct answer_plan *plan, const struct delta *d, struct buf *to)
{
	writer_event(to, S("message-start"));
	json_member_inner(to, S("id"), d->id.len > 0 ? d->id : plan->id);
	buf_add(to, S(",\"delta\":{\"message\":{\"role\":\"assistant\",\"content\":[],"
		      "\"tool_plan\":\"\",\"tool_calls\":[],\"citations\":[]}}"));
	writer_event_end(to);
}

static void
put_call_start(
    struct out *o, const struct answer_plan *plan, const struct delta *d, struct buf *to)
{
	writer_event(to, S("tool-call-start"));
	json_member_u64(to, S("index"), o->calls);
	buf_add(to, S(",\"delta\":{\"message\":{\"tool_calls\":{"));
	json_member_inner(to, S("id"), d->id);
	buf_add(to, S(",\"type\":\"function\",\"function\":{"));
	json_member_inner(to, S("name"), d->name);
	buf_add(to, S(",\"arguments\":\"\"}"));
	if (d->signature.len > 0) {
		buf_add(to, S(",\"extra_content\":{\"google\":{\"thought_signature\":"));
		tag_put(to, plan->provider, d->signature);
		buf_add(to, S("}}"));
	}
	buf_add(to, S("}}}"));
	writer_event_end(to);
}

static void
put_content_start(struct out *o, struct buf *to)
{
	writer_event(to, S("content-start"));
	json_member_u64(to, S("index"), o->contents);
	buf_add(to, o->kind == PART_REASONING
			? S(",\"delta\":{\"message\":{\"content\":{\"type\":\"thinking\","
			    "\"thinking\":\"\"}}}")
			: S(",\"delta\":{\"message\":{\"content\":{\"type\":\"text\","
			    "\"text\":\"\"}}}"));
	writer_event_end(to);
}

static void
open_out(
    struct out *o, const struct answer_plan *plan, const struct delta *d, struct buf *to)
{
	o->kind = d->part;
	o->argued = false;
	o->plan = d->part == PART_REASONING && slice_eq(d->signature, COHERE_PLAN);
	o->open = d->part == PART_TEXT || d->part == PART_REFUSAL ||
		  d->part == PART_REASONING || d->part == PART_CALL;
	if (is_call(o))
		put_call_start(o, plan, d, to);
	else if (o->open && !o->plan)
		put_content_start(o, to);
}

static void
put_arguments(struct out *o, struct slice text, struct buf *to)
{
	o->argued = true;
	writer_event(to, S("tool-call-delta"));
	json_member_u64(to, S("index"), o->calls);
	buf_add(to,
	    S(",\"delta\":{\"message\":{\"tool_calls\":{\"function\":{\"arguments\":\""));
	buf_add(to, text);
	buf_add(to, S("\"}}}}"));
	writer_event_end(to);
}

static void
put_text(
    struct out *o, const struct answer_plan *plan, const struct delta *d, struct buf *to)
{
	bool sign = d->kind == DELTA_SIGNATURE;

	if (o->plan) {
		if (sign)
			return;
		writer_event(to, S("tool-plan-delta"));
		buf_add(to, S(",\"delta\":{\"message\":{"));
		json_member_inner(to, S("tool_plan"), d->text);
		buf_add(to, S("}}"));
		writer_event_end(to);
		return;
	}
	writer_event(to, S("content-delta"));
	json_member_u64(to, S("index"), o->contents);
	buf_add(to, S(",\"delta\":{\"message\":{\"content\":{"));
	json_member_inner(to, o->kind == PART_REASONING ? S("thinking") : S("text"),
	    sign ? S("") : d->text);
	if (sign) {
		json_key(to, d->sealed ? S("data") : S("signature"));
		tag_put(to, plan->provider, d->text);
	}
	buf_add(to, S("}}}"));
	writer_event_end(to);
}

static void
close_out(struct out *o, struct buf *to)
{
	if (!o->open)
		return;
	if (is_call(o) && !o->argued) /* it has an object of them, if an empty one */
		put_arguments(o, S("{}"), to);
	o->open = false;
	if (o->plan)
		return;
	writer_event(to, is_call(o) ? S("tool-call-end") : S("content-end"));
	json_member_u64(to, S("index"), is_call(o) ? o->calls++ : o->contents++);
	writer_event_end(to);
}

static void
put_end(struct out *o, struct buf *to)
{
	writer_event(to, S("message-end"));
	json_key(to, S("delta"));
	json_open(to, '{');
	json_member(to, S("finish_reason"), cohere_finish_word(o->finish, o->stopped));
	if (o->usage.known)
		cohere_put_usage(&o->usage, to);
	json_close(to, '}');
	writer_event_end(to);
	buf_add(to, S("data: [DONE]\n\n"));
}

static void
out_delta(
    void *state, const struct answer_plan *plan, const struct delta *d, struct buf *to)
{
	struct out *o = state;

	if (d->alternative > 0)
		return; /* it has one answer only, and nobody asked for more */
	switch (d->kind) {
	case DELTA_START: put_start(plan, d, to); break;
	case DELTA_OPEN: open_out(o, plan, d, to); break;
	case DELTA_TEXT:
		if (o->open && !is_call(o))
			put_text(o, plan, d, to);
		break;
	case DELTA_SIGNATURE:
		if (o->open && o->kind == PART_REASONING)
			put_text(o, plan, d, to);
		break;
	case DELTA_ARGUMENTS:
		if (o->open && is_call(o))
			put_arguments(o, d->text, to);
		break;
	case DELTA_CLOSE: close_out(o, to); break;
	case DELTA_FINISH:
		o->finish = d->finish;
		o->stopped = d->stop_text.ptr != NULL;
		break;
	case DELTA_USAGE: o->usage = *d->usage; break;
	case DELTA_END: put_end(o, to); break;
	default: break;
	}
}

const struct translation cohere_translation = {
    .keep = 7,
    .read_prompt = cohere_read_prompt,
    .write_prompt = cohere_write_prompt,
    .read_answer = cohere_read_answer,
    .write_answer = cohere_write_answer,
    .in_bytes = sizeof(struct in),
    .in_event = in_event,
    .in_end = in_end,
    .in_done = in_done,
    .out_bytes = sizeof(struct out),
    .out_delta = out_delta,
};
