/*
 * OpenAI Responses: streams of answers, out.
 *
 * Every event has its number, and what was told by pieces is told whole when it is
 * done: a part, an item, the response. So the answer is kept as it grows, up to a
 * ceiling; what exceeds it ends the stream with a fault.
 */
#include "dialect/responses.h"
#include "json/write.h"

#define ANSWER_MAX (16u << 20) /* bytes of what is done, and of what is open */
#define SMALL_MAX  4096	       /* of ids, names and the like */

struct out {
	bool ready, started, over;
	uint64_t number;	  /* of the next event */
	unsigned index;		  /* of the item that is open or comes next */
	unsigned piece;		  /* of the message's part that is open or comes next */
	enum responses_item item; /* that is open */
	enum part_kind part;	  /* of it that is open, */
	bool open;		  /* if one is */
	bool filled;		  /* a piece of that came */
	bool sealed;
	struct slice mark;   /* of the open thought, what is signed; static text */
	struct buf items;    /* that are done */
	struct buf parts;    /* of the open message that are done */
	struct buf text;     /* of the open part, raw; a call's arguments, an image */
	struct buf secret;   /* signature or sealed form of the open thought */
	struct buf logprobs; /* of the open part: an array without its end */
	struct buf head;     /* what a piece's event begins with */
	struct buf call_id, name; /* of the open call */
	struct buf id, model, tier;
	uint64_t created_s;
	enum finish finish;
	struct usage usage;
};

struct telling {
	struct out *o;
	const struct answer_plan *plan;
	struct buf *to;
};

static void
make_ready(struct out *o)
{
	struct buf *const large[] = {
	    &o->items, &o->parts, &o->text, &o->secret, &o->logprobs};
	struct buf *const small[] = {
	    &o->head, &o->call_id, &o->name, &o->id, &o->model, &o->tier};

	if (o->ready)
		return;
	o->ready = true;
	for (unsigned i = 0; i < sizeof(large) / sizeof(large[0]); i++)
		buf_init(large[i], ANSWER_MAX);
	for (unsigned i = 0; i < sizeof(small) / sizeof(small[0]); i++)
		buf_init(small[i], SMALL_MAX);
}

/* --- events --- */

static void
open_event(const struct telling *t, struct slice type)
{
	buf_add(t->to, S("event: "));
	buf_add(t->to, type);
	buf_add(t->to, S("\ndata: "));
	json_open(t->to, '{');
	json_member(t->to, S("type"), type);
	json_member_u64(t->to, S("sequence_number"), t->o->number++);
}

static void
close_event(const struct telling *t)
{
	buf_add(t->to, S("}\n\n"));
}

/* Which item an event is about, and which part of it. */
static void
put_place(const struct telling *t, struct buf *b)
{
	const struct out *o = t->o;

	json_key(b, S("item_id"));
	responses_put_id(b, t->plan, o->item, o->index);
	json_member_u64(b, S("output_index"), o->index);
	if (o->item == RESPONSES_MESSAGE)
		json_member_u64(b, S("content_index"), o->piece);
	else if (o->item == RESPONSES_REASONING)
		json_member_u64(b, S("summary_index"), 0);
}

static void
put_event(const struct telling *t, struct slice type)
{
	open_event(t, type);
	put_place(t, t->to);
	close_event(t);
}

static void
put_response(
    const struct telling *t, struct slice type, bool ended, const struct fault *f)
{
	struct out *o = t->o;
	struct responses_object object = {.plan = t->plan,
	    .id = buf_slice(&o->id),
	    .model = buf_slice(&o->model),
	    .tier = buf_slice(&o->tier),
	    .created_s = o->created_s,
	    .ended = ended,
	    .finish = o->finish,
	    .usage = &o->usage};

	if (f != NULL) {
		object.message = f->message;
		object.code = f->code;
	}
	open_event(t, type);
	json_key(t->to, S("response"));
	responses_open(&object, t->to);
	buf_add(t->to, buf_slice(&o->items));
	responses_close(t->to);
	close_event(t);
}

static void
start(const struct telling *t, const struct delta *d)
{
	struct out *o = t->o;

	if (o->started)
		return;
	o->started = true;
	if (d->kind == DELTA_START) {
		if (d->id.len < SMALL_MAX)
			buf_add(&o->id, d->id);
		if (d->model.len < SMALL_MAX)
			buf_add(&o->model, d->model);
		o->created_s = d->created_s;
	}
	put_response(t, S("response.created"), false, NULL);
	put_response(t, S("response.in_progress"), false, NULL);
}

/* --- items --- */

/* The open item: as it begins, or whole. */
static void
put_item(const struct telling *t, struct buf *b, bool whole, struct slice status)
{
	struct out *o = t->o;

	responses_open_item(b, t->plan, o->item, o->index, status);
	switch (o->item) {
	case RESPONSES_MESSAGE:
		json_key(b, S("content"));
		json_open(b, '[');
		buf_add(b, buf_slice(&o->parts));
		json_close(b, ']');
		break;
	case RESPONSES_REASONING:
		if (whole)
			responses_put_thought(b, t->plan, buf_slice(&o->text),
			    buf_slice(&o->secret), o->mark);
		else
			json_member_raw(b, S("summary"), S("[]"));
		break;
	case RESPONSES_CALL:
		json_member_inner(b, S("call_id"), buf_slice(&o->call_id));
		json_member_inner(b, S("name"), buf_slice(&o->name));
		json_member_inner(b, S("arguments"), buf_slice(&o->text));
		break;
	case RESPONSES_IMAGE:
		json_key(b, S("result"));
		if (whole)
			json_put_inner(b, buf_slice(&o->text));
		else
			json_put_null(b);
		break;
	case RESPONSES_NONE: break;
	}
	json_close(b, '}');
}

static void
begin_item(const struct telling *t, enum responses_item kind)
{
	struct out *o = t->o;

	o->item = kind;
	o->piece = 0;
	o->sealed = false;
	o->mark = RESPONSES_OF_TEXT;
	buf_clear(&o->parts);
	buf_clear(&o->text);
	buf_clear(&o->secret);
	open_event(t, S("response.output_item.added"));
	json_member_u64(t->to, S("output_index"), o->index);
	json_key(t->to, S("item"));
	put_item(t, t->to, false, S("in_progress"));
	close_event(t);
}

/* It is kept for the whole response. */
static void
end_item(const struct telling *t, struct slice status)
{
	struct out *o = t->o;
	size_t before = o->items.len;

	if (o->item == RESPONSES_NONE)
		return;
	put_item(t, &o->items, true, status);
	if (o->items.err != ERR_OK) {
		o->items.len = before; /* not half of it */
		return;
	}
	open_event(t, S("response.output_item.done"));
	json_member_u64(t->to, S("output_index"), o->index);
	json_key(t->to, S("item"));
	json_put_raw(
	    t->to, slice_from(buf_slice(&o->items), before == 0 ? 0 : before + 1));
	close_event(t);
	o->item = RESPONSES_NONE;
	o->index++;
}

/* --- pieces --- */

/* All pieces of a part have the same event but for their number and text. */
static void
make_head(const struct telling *t, struct slice type)
{
	struct buf *b = &t->o->head;

	buf_clear(b);
	buf_add(b, S("event: "));
	buf_add(b, type);
	buf_add(b, S("\ndata: "));
	json_open(b, '{');
	json_member(b, S("type"), type);
	put_place(t, b);
	json_key(b, S("sequence_number"));
}

static void
put_piece(const struct telling *t, struct slice text, struct slice logprobs)
{
	struct out *o = t->o;

	buf_add(&o->text, text);
	buf_add(t->to, buf_slice(&o->head));
	buf_u64(t->to, o->number++);
	buf_add(t->to, S(",\"delta\":\""));
	buf_add(t->to, text);
	buf_byte(t->to, '"');
	if (o->part == PART_TEXT) {
		json_key(t->to, S("logprobs"));
		json_put_line(t->to, logprobs.len > 0 ? logprobs : S("[]"));
	}
	close_event(t);
	o->filled = true;
}

/* Adds [...] to those of the part. */
static void
keep_logprobs(struct out *o, struct slice list)
{
	if (list.len <= 2)
		return;
	buf_byte(&o->logprobs, o->logprobs.len == 0 ? '[' : ',');
	buf_add(&o->logprobs, slice_of(list.ptr + 1, list.len - 2));
}

/* --- parts begin --- */

static void
open_said(const struct telling *t)
{
	struct out *o = t->o;

	if (o->item != RESPONSES_MESSAGE) {
		end_item(t, S("completed"));
		begin_item(t, RESPONSES_MESSAGE);
	}
	buf_clear(&o->text);
	buf_clear(&o->logprobs);
	open_event(t, S("response.content_part.added"));
	put_place(t, t->to);
	json_key(t->to, S("part"));
	responses_put_content(t->to, o->part, S(""), S(""));
	close_event(t);
	make_head(t, o->part == PART_TEXT ? S("response.output_text.delta")
					  : S("response.refusal.delta"));
}

/* A signature of a call has an item of its own, as calls have no place for it. */
static void
open_call(const struct telling *t, const struct delta *d)
{
	struct out *o = t->o;

	end_item(t, S("completed"));
	if (d->signature.len > 0) {
		begin_item(t, RESPONSES_REASONING);
		o->mark = RESPONSES_OF_CALL;
		buf_add(&o->secret, d->signature);
		end_item(t, S("completed"));
	}
	buf_clear(&o->call_id);
	buf_clear(&o->name);
	buf_add(&o->call_id, d->id);
	buf_add(&o->name, d->name);
	begin_item(t, RESPONSES_CALL);
	make_head(t, S("response.function_call_arguments.delta"));
}

static void
open_part(const struct telling *t, const struct delta *d)
{
	struct out *o = t->o;

	o->part = d->part;
	o->open = true;
	o->filled = false;
	switch (d->part) {
	case PART_TEXT:
	case PART_REFUSAL: open_said(t); break;
	case PART_CALL: open_call(t, d); break;
	case PART_REASONING:
		end_item(t, S("completed"));
		begin_item(t, RESPONSES_REASONING);
		break;
	case PART_IMAGE:
		end_item(t, S("completed"));
		begin_item(t, RESPONSES_IMAGE);
		put_event(t, S("response.image_generation_call.in_progress"));
		put_event(t, S("response.image_generation_call.generating"));
		break;
	default: o->open = false; /* it cannot be told */
	}
}

/* --- parts go on --- */

static void
put_summary_part(const struct telling *t, struct slice type, struct slice text)
{
	open_event(t, type);
	put_place(t, t->to);
	json_key(t->to, S("part"));
	json_open(t->to, '{');
	json_member(t->to, S("type"), S("summary_text"));
	json_member_inner(t->to, S("text"), text);
	json_close(t->to, '}');
	close_event(t);
}

static void
take_text(const struct telling *t, const struct delta *d)
{
	struct out *o = t->o;
	struct slice logprobs = S("");

	if (!o->open || o->part == PART_CALL || o->part == PART_IMAGE)
		return;
	if (o->part == PART_REASONING && !o->filled) {
		put_summary_part(t, S("response.reasoning_summary_part.added"), S(""));
		make_head(t, S("response.reasoning_summary_text.delta"));
	}
	if (d->logprobs.len > 0 && o->part == PART_TEXT) {
		logprobs = responses_logprobs(d->logprobs);
		keep_logprobs(o, logprobs);
	}
	put_piece(t, d->text, logprobs);
}

static void
take_signature(const struct telling *t, const struct delta *d)
{
	struct out *o = t->o;

	if (!o->open || o->part != PART_REASONING)
		return;
	if (o->sealed != d->sealed)
		buf_clear(&o->secret);
	o->sealed = d->sealed;
	o->mark = d->sealed ? S("") : RESPONSES_OF_TEXT;
	buf_add(&o->secret, d->text);
}

/* --- parts end --- */

static void
close_said(const struct telling *t)
{
	struct out *o = t->o;
	struct slice logprobs;
	bool text = o->part == PART_TEXT;

	if (o->logprobs.len > 0)
		buf_byte(&o->logprobs, ']');
	logprobs = buf_slice(&o->logprobs);
	open_event(t, text ? S("response.output_text.done") : S("response.refusal.done"));
	put_place(t, t->to);
	json_member_inner(t->to, text ? S("text") : S("refusal"), buf_slice(&o->text));
	if (text) {
		json_key(t->to, S("logprobs"));
		json_put_line(t->to, logprobs.len > 0 ? logprobs : S("[]"));
	}
	close_event(t);
	open_event(t, S("response.content_part.done"));
	put_place(t, t->to);
	json_key(t->to, S("part"));
	responses_put_content(t->to, o->part, buf_slice(&o->text), logprobs);
	close_event(t);
	responses_put_content(&o->parts, o->part, buf_slice(&o->text), logprobs);
	o->piece++;
}

static void
close_thought(const struct telling *t)
{
	struct slice text = buf_slice(&t->o->text);

	if (t->o->filled) {
		open_event(t, S("response.reasoning_summary_text.done"));
		put_place(t, t->to);
		json_member_inner(t->to, S("text"), text);
		close_event(t);
		put_summary_part(t, S("response.reasoning_summary_part.done"), text);
	}
	end_item(t, S("completed"));
}

/* A call without arguments has an empty object of them. */
static void
close_call(const struct telling *t)
{
	struct out *o = t->o;

	if (!o->filled)
		put_piece(t, S("{}"), S(""));
	open_event(t, S("response.function_call_arguments.done"));
	put_place(t, t->to);
	json_member_inner(t->to, S("name"), buf_slice(&o->name));
	json_member_inner(t->to, S("arguments"), buf_slice(&o->text));
	close_event(t);
	end_item(t, S("completed"));
}

static void
close_part(const struct telling *t)
{
	struct out *o = t->o;

	if (!o->open)
		return;
	switch (o->part) {
	case PART_TEXT:
	case PART_REFUSAL: close_said(t); break;
	case PART_REASONING: close_thought(t); break;
	case PART_CALL: close_call(t); break;
	case PART_IMAGE:
		put_event(t, S("response.image_generation_call.completed"));
		end_item(t, S("completed"));
		break;
	default: break;
	}
	o->open = false;
}

/* --- the end --- */

static void
put_failed(const struct telling *t, const struct fault *f)
{
	struct out *o = t->o;

	o->over = true;
	o->finish = FINISH_ERROR;
	responses_put_fault(f, &o->number, t->to);
	put_response(t, S("response.failed"), true, f);
}

static void
put_end(const struct telling *t)
{
	struct out *o = t->o;
	struct slice status = responses_status(o->finish);

	o->over = true;
	put_response(t,
	    slice_eq(status, S("completed"))	? S("response.completed")
	    : slice_eq(status, S("incomplete")) ? S("response.incomplete")
						: S("response.failed"),
	    true, NULL);
}

/* What was kept could not be kept on. */
static void
check_room(const struct telling *t)
{
	struct out *o = t->o;
	const struct buf *const kept[] = {&o->items, &o->parts, &o->text, &o->secret,
	    &o->logprobs, &o->head, &o->call_id, &o->name, &o->id, &o->model, &o->tier};
	struct fault f = {.type = S("server_error")};

	for (unsigned i = 0; !o->over && i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (kept[i]->err == ERR_OK)
			continue;
		f.code =
		    kept[i]->err == ERR_NOMEM ? S("out_of_memory") : S("answer_too_long");
		f.message = kept[i]->err == ERR_NOMEM
				? S("weir is out of memory")
				: S("the answer is longer than weir keeps of a stream");
		put_failed(t, &f);
	}
}

static void
take(const struct telling *t, const struct delta *d)
{
	struct out *o = t->o;
	struct fault f;

	switch (d->kind) {
	case DELTA_START: break;
	case DELTA_OPEN: open_part(t, d); break;
	case DELTA_TEXT: take_text(t, d); break;
	case DELTA_ARGUMENTS:
		if (o->open && o->part == PART_CALL)
			put_piece(t, d->text, S(""));
		break;
	case DELTA_SIGNATURE: take_signature(t, d); break;
	case DELTA_DATA:
		if (o->open && o->part == PART_IMAGE)
			buf_add(&o->text, d->text);
		break;
	case DELTA_CLOSE: close_part(t); break;
	case DELTA_FINISH:
		o->finish = d->finish;
		end_item(t, responses_item_status(d->finish));
		break;
	case DELTA_USAGE:
		o->usage = *d->usage;
		if (d->tier.len < SMALL_MAX)
			buf_add(&o->tier, d->tier);
		break;
	case DELTA_END: end_item(t, responses_item_status(o->finish)); break;
	case DELTA_FAULT:
		f = (struct fault){
		    .message = d->message, .type = d->text, .code = d->code};
		put_failed(t, &f);
		break;
	}
}

static void
out_delta(
    void *state, const struct answer_plan *plan, const struct delta *d, struct buf *to)
{
	struct out *o = state;
	struct telling t = {.o = o, .plan = plan, .to = to};

	/* It has one answer only, and nobody asked for more. */
	if (o->over || d->alternative > 0)
		return;
	make_ready(o);
	if (d->kind != DELTA_FAULT)
		start(&t, d);
	take(&t, d);
	check_room(&t);
	if (d->kind == DELTA_END && !o->over)
		put_end(&t);
}

static void
out_done(void *state)
{
	struct out *o = state;
	struct buf *const all[] = {&o->items, &o->parts, &o->text, &o->secret,
	    &o->logprobs, &o->head, &o->call_id, &o->name, &o->id, &o->model, &o->tier};

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		buf_free(all[i]);
}

const struct translation responses_translation = {
    .keep = 7,
    .echoes = true,
    .read_prompt = responses_read_prompt,
    .write_prompt = responses_write_prompt,
    .read_answer = responses_read_answer,
    .write_answer = responses_write_answer,
    .in_bytes = sizeof(struct responses_in),
    .in_event = responses_in_event,
    .in_end = responses_in_end,
    .in_done = responses_in_done,
    .out_bytes = sizeof(struct out),
    .out_delta = out_delta,
    .out_done = out_done,
};
