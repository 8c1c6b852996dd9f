/*
 * Anthropic Messages: streams of answers, in and out.
 */
#include "dialect/anthropic.h"
#include "dialect/tag.h"
#include "dialect/writer.h"
#include "json/write.h"

/* --- in --- */

struct in {
	struct buf raw; /* an input that was told at once, as raw text */
	bool started, open, finished, ended;
	enum part_kind kind; /* of the open block; OTHER is not told */
};

struct telling {
	struct in *in;
	const struct json *j;
	delta_fn *fn;
	void *arg;
};

static void
tell(const struct telling *t, struct delta d)
{
	t->fn(t->arg, &d);
}

static struct slice
text_at(const struct telling *t, uint32_t object, struct slice name)
{
	return json_inner(t->j, json_get(t->j, object, name));
}

static void
take_start(const struct telling *t)
{
	uint32_t message = json_get(t->j, 0, S("message"));

	if (t->in->started)
		return;
	t->in->started = true;
	tell(t, (struct delta){.kind = DELTA_START,
		    .id = text_at(t, message, S("id")),
		    .model = text_at(t, message, S("model"))});
}

static void
close_block(const struct telling *t)
{
	if (t->in->open && t->in->kind != PART_OTHER)
		tell(t, (struct delta){.kind = DELTA_CLOSE});
	t->in->open = false;
}

/* What the provider's own tools do is its own affair: it is not told. */
static void
open_block(const struct telling *t, struct delta d)
{
	close_block(t);
	t->in->open = true;
	t->in->kind = d.part;
	d.kind = DELTA_OPEN;
	if (d.part != PART_OTHER)
		tell(t, d);
}

/* Some hosts tell the whole input with the block's start. */
static void
take_whole_input(const struct telling *t, uint32_t input)
{
	struct slice raw = json_raw(t->j, input);
	struct buf *b = &t->in->raw;

	if (raw.len <= 2) /* {}: deltas follow, or nothing */
		return;
	buf_clear(b);
	json_text(b, raw);
	if (b->err == ERR_OK)
		tell(t, (struct delta){.kind = DELTA_ARGUMENTS,
			    .text = slice_of(b->ptr + 1, b->len - 2)});
}

static void
take_block(const struct telling *t)
{
	uint32_t block = json_get(t->j, 0, S("content_block"));
	struct slice type = text_at(t, block, S("type"));
	struct slice text = text_at(t, block, S("text"));

	if (slice_eq(type, S("text"))) {
		open_block(t, (struct delta){.part = PART_TEXT});
		if (text.len > 0)
			tell(t, (struct delta){.kind = DELTA_TEXT, .text = text});
	} else if (slice_eq(type, S("thinking"))) {
		open_block(t, (struct delta){.part = PART_REASONING});
	} else if (slice_eq(type, S("redacted_thinking"))) {
		open_block(t, (struct delta){.part = PART_REASONING});
		tell(t, (struct delta){.kind = DELTA_SIGNATURE,
			    .text = text_at(t, block, S("data")),
			    .sealed = true});
	} else if (slice_eq(type, S("tool_use"))) {
		open_block(t, (struct delta){.part = PART_CALL,
				  .id = text_at(t, block, S("id")),
				  .name = text_at(t, block, S("name"))});
		take_whole_input(t, json_get(t->j, block, S("input")));
	} else {
		open_block(t, (struct delta){.part = PART_OTHER});
	}
}

/* What belongs to a block. Where its start is missing, text has one all the same. */
static void
take_delta(const struct telling *t)
{
	static const struct {
		struct slice type, member;
		enum part_kind part;
		enum delta_kind kind;
	} kinds[] = {{{"text_delta", 10}, {"text", 4}, PART_TEXT, DELTA_TEXT},
	    {{"input_json_delta", 16}, {"partial_json", 12}, PART_CALL, DELTA_ARGUMENTS},
	    {{"thinking_delta", 14}, {"thinking", 8}, PART_REASONING, DELTA_TEXT},
	    {{"signature_delta", 15}, {"signature", 9}, PART_REASONING, DELTA_SIGNATURE}};
	uint32_t delta = json_get(t->j, 0, S("delta"));
	struct slice type = text_at(t, delta, S("type"));

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct slice text;

		if (!slice_eq(type, kinds[i].type))
			continue;
		text = text_at(t, delta, kinds[i].member);
		if (text.len == 0)
			return;
		if (!t->in->open && kinds[i].kind == DELTA_TEXT)
			open_block(t, (struct delta){.part = kinds[i].part});
		if (t->in->open && t->in->kind == kinds[i].part)
			tell(t, (struct delta){.kind = kinds[i].kind, .text = text});
	}
}

static void
take_finish(const struct telling *t)
{
	uint32_t delta = json_get(t->j, 0, S("delta"));
	struct slice reason = text_at(t, delta, S("stop_reason"));

	if (reason.len == 0 || t->in->finished)
		return;
	close_block(t);
	t->in->finished = true;
	tell(t, (struct delta){.kind = DELTA_FINISH,
		    .finish = anthropic_finish_of(reason),
		    .finish_raw = reason,
		    .stop_text = text_at(t, delta, S("stop_sequence"))});
}

static void
in_end(void *state, delta_fn *fn, void *arg)
{
	struct telling t = {.in = state, .fn = fn, .arg = arg};

	if (t.in->ended)
		return;
	close_block(&t);
	t.in->ended = true;
	tell(&t, (struct delta){.kind = DELTA_END});
}

static void
in_event(
    void *state, const struct sse_event *e, const struct json *j, delta_fn *fn, void *arg)
{
	struct in *in = state;
	struct telling t = {.in = in, .j = j, .fn = fn, .arg = arg};
	struct slice type = json_inner(j, json_get(j, 0, S("type")));

	(void)e;
	if (in->raw.max == 0)
		buf_init(&in->raw, 8u << 20);
	if (in->ended)
		return;
	if (slice_starts(type, S("message_")) || slice_starts(type, S("content_block_")))
		take_start(&t); /* also where message_start is missing */
	if (slice_eq(type, S("content_block_delta")))
		take_delta(&t);
	else if (slice_eq(type, S("content_block_start")))
		take_block(&t);
	else if (slice_eq(type, S("content_block_stop")))
		close_block(&t);
	else if (slice_eq(type, S("message_delta")))
		take_finish(&t);
	else if (slice_eq(type, S("message_stop")))
		in_end(state, fn, arg);
}

static void
in_done(void *state)
{
	buf_free(&((struct in *)state)->raw);
}

/* --- out --- */

struct out {
	unsigned index; /* of the block that is open or comes next */
	bool open;	/* its start was told */
	bool is_signed; /* so was its signature */
	enum part_kind kind;
	enum finish finish;
	char stop[128]; /* the text that ended it */
	size_t stop_len;
	bool stopped; /* by a text */
	struct usage usage;
};

static void
put_start(const struct answer_plan *plan, const struct delta *d, struct buf *to)
{
	static const struct usage none = {.known = true};

	writer_event(to, S("message_start"));
	json_key(to, S("message"));
	json_open(to, '{');
	json_member_inner(to, S("id"), d->id.len > 0 ? d->id : plan->id);
	buf_add(to, S(",\"type\":\"message\",\"role\":\"assistant\""));
	json_member_inner(to, S("model"), d->model.len > 0 ? d->model : plan->model);
	buf_add(to, S(",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null"));
	anthropic_put_usage(&none, to);
	json_close(to, '}');
	writer_event_end(to);
}

/* The start of a block. Of reasoning it is not told before it is known which kind. */
static void
start_block(struct out *o, const struct delta *d, struct buf *to)
{
	o->open = true;
	o->is_signed = false;
	writer_event(to, S("content_block_start"));
	json_member_u64(to, S("index"), o->index);
	json_key(to, S("content_block"));
	json_open(to, '{');
	if (o->kind == PART_CALL) {
		json_member(to, S("type"), S("tool_use"));
		json_member_inner(to, S("id"), d->id);
		json_member_inner(to, S("name"), d->name);
		json_member_raw(to, S("input"), S("{}"));
	} else if (o->kind == PART_REASONING) {
		buf_add(
		    to, S("\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\""));
	} else {
		buf_add(to, S("\"type\":\"text\",\"text\":\"\""));
	}
	json_close(to, '}');
	writer_event_end(to);
}

static void
stop_block(struct out *o, struct buf *to)
{
	if (!o->open)
		return;
	o->open = false;
	writer_event(to, S("content_block_stop"));
	json_member_u64(to, S("index"), o->index++);
	writer_event_end(to);
}

static void
put_sealed(
    struct out *o, const struct answer_plan *plan, struct slice data, struct buf *to)
{
	stop_block(o, to);
	writer_event(to, S("content_block_start"));
	json_member_u64(to, S("index"), o->index);
	json_key(to, S("content_block"));
	json_open(to, '{');
	json_member(to, S("type"), S("redacted_thinking"));
	json_key(to, S("data"));
	tag_put(to, plan->provider, data);
	json_close(to, '}');
	writer_event_end(to);
	o->open = true;
	stop_block(o, to);
}

static void
put_delta(
    struct out *o, const struct answer_plan *plan, const struct delta *d, struct buf *to)
{
	if (!o->open)
		start_block(o, d, to);
	writer_event(to, S("content_block_delta"));
	json_member_u64(to, S("index"), o->index);
	json_key(to, S("delta"));
	json_open(to, '{');
	if (d->kind == DELTA_ARGUMENTS) {
		json_member(to, S("type"), S("input_json_delta"));
		json_member_inner(to, S("partial_json"), d->text);
	} else if (d->kind == DELTA_SIGNATURE) {
		o->is_signed = true;
		json_member(to, S("type"), S("signature_delta"));
		json_key(to, S("signature"));
		tag_put(to, plan->provider, d->text);
	} else if (o->kind == PART_REASONING) {
		json_member(to, S("type"), S("thinking_delta"));
		json_member_inner(to, S("thinking"), d->text);
	} else {
		json_member(to, S("type"), S("text_delta"));
		json_member_inner(to, S("text"), d->text);
	}
	json_close(to, '}');
	writer_event_end(to);
}

/* Reasoning without a signature gets one that says who thought it. */
static void
end_block(struct out *o, const struct answer_plan *plan, struct buf *to)
{
	static const struct delta none = {.kind = DELTA_SIGNATURE};

	if (o->open && o->kind == PART_REASONING && !o->is_signed)
		put_delta(o, plan, &none, to);
	stop_block(o, to);
}

static void
put_end(struct out *o, struct buf *to)
{
	writer_event(to, S("message_delta"));
	json_key(to, S("delta"));
	json_open(to, '{');
	json_member(to, S("stop_reason"), anthropic_finish_word(o->finish, o->stopped));
	json_key(to, S("stop_sequence"));
	if (o->stopped)
		json_put_inner(to, slice_of(o->stop, o->stop_len));
	else
		json_put_null(to);
	json_close(to, '}');
	anthropic_put_usage(&o->usage, to);
	writer_event_end(to);
	writer_event(to, S("message_stop"));
	writer_event_end(to);
}

static void
keep_finish(struct out *o, const struct delta *d)
{
	o->finish = d->finish;
	o->stopped = d->stop_text.ptr != NULL && d->stop_text.len <= sizeof(o->stop);
	o->stop_len = o->stopped ? d->stop_text.len : 0;
	if (o->stop_len > 0)
		memcpy(o->stop, d->stop_text.ptr, o->stop_len);
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
	case DELTA_OPEN:
		o->kind = d->part;
		if (d->part == PART_CALL)
			start_block(o, d, to);
		break;
	case DELTA_TEXT:
	case DELTA_ARGUMENTS:
		if (o->kind != PART_OTHER)
			put_delta(o, plan, d, to);
		break;
	case DELTA_SIGNATURE:
		if (d->sealed)
			put_sealed(o, plan, d->text, to);
		else
			put_delta(o, plan, d, to);
		break;
	case DELTA_CLOSE: end_block(o, plan, to); break;
	case DELTA_FINISH: keep_finish(o, d); break;
	case DELTA_USAGE: o->usage = *d->usage; break;
	case DELTA_END: put_end(o, to); break;
	default: break;
	}
}

const struct translation anthropic_translation = {
    .keep = 9,
    .read_prompt = anthropic_read_prompt,
    .write_prompt = anthropic_write_prompt,
    .read_answer = anthropic_read_answer,
    .write_answer = anthropic_write_answer,
    .in_bytes = sizeof(struct in),
    .in_event = in_event,
    .in_end = in_end,
    .in_done = in_done,
    .out_bytes = sizeof(struct out),
    .out_delta = out_delta,
};
