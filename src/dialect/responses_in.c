/*
 * OpenAI Responses: streams of answers, in.
 *
 * One item is told at a time: by its pieces as they come, or if none came, when it is
 * done. Items that overlap another one, as parallel calls of some hosts do, are told
 * when that is over: when they are done themselves, or from the whole response, which
 * comes with the last event. So nothing has to be kept, and nothing is lost.
 */
#include "dialect/responses.h"
#include "json/write.h"

#define LOGPROBS_MAX (1u << 20)

struct telling {
	struct responses_in *in;
	const struct json *j;
	delta_fn *fn;
	void *arg;
};

static void
tell(const struct telling *t, struct delta d)
{
	t->fn(t->arg, &d);
}

/* --- which items are told --- */

#define ITEMS_MAX 256

static bool
has_bit(const uint64_t *bits, uint64_t item)
{
	return item < ITEMS_MAX && (bits[item / 64] >> (item % 64) & 1) != 0;
}

static void
set_bit(uint64_t *bits, uint64_t item)
{
	if (item < ITEMS_MAX)
		bits[item / 64] |= (uint64_t)1 << (item % 64);
}

/* May the item be told now? It is then the one that is being told. One of which a
 * piece was passed over is told as a whole only. */
static bool
take_item(struct responses_in *in, uint64_t item, bool whole)
{
	if (in->active && in->item != item) {
		set_bit(in->missed, item);
		return false;
	}
	if (in->active)
		return true;
	if (item >= ITEMS_MAX || has_bit(in->done, item) ||
	    (!whole && has_bit(in->missed, item)))
		return false;
	in->active = true;
	in->item = item;
	in->told = false;
	return true;
}

/* --- parts --- */

static void
close_part(const struct telling *t)
{
	if (t->in->open)
		tell(t, (struct delta){.kind = DELTA_CLOSE});
	t->in->open = false;
}

static void
open_part(const struct telling *t, uint64_t piece, struct delta d)
{
	close_part(t);
	t->in->open = true;
	t->in->told = true;
	t->in->filled = false;
	t->in->kind = d.part;
	t->in->piece = piece;
	t->in->called = t->in->called || d.part == PART_CALL;
	d.kind = DELTA_OPEN;
	tell(t, d);
}

static void
tell_text(const struct telling *t, enum delta_kind kind, struct slice text)
{
	if (text.len == 0)
		return;
	t->in->filled = true;
	tell(t, (struct delta){.kind = kind, .text = text});
}

/* Probabilities as OpenAI's chat has them; empty when there are none. */
static struct slice
logprobs_of(const struct telling *t, uint32_t list)
{
	struct buf *b = &t->in->logprobs;

	if (json_first(t->j, list) == JSON_NONE)
		return S("");
	buf_clear(b);
	buf_add(b, S("{\"content\":"));
	buf_add(b, json_raw(t->j, list));
	buf_add(b, S(",\"refusal\":null}"));
	return b->err == ERR_OK ? buf_slice(b) : S("");
}

static struct slice
text_at(const struct telling *t, uint32_t object, struct slice name)
{
	return json_inner(t->j, json_get(t->j, object, name));
}

/* --- items as a whole --- */

static void
tell_message(const struct telling *t, uint32_t item)
{
	uint32_t content = json_get(t->j, item, S("content"));

	if (!json_is(t->j, content, JSON_ARRAY))
		return;
	JSON_FOR_EACH (part, t->j, content) {
		struct slice text = text_at(t, part, S("text"));
		struct slice refusal = text_at(t, part, S("refusal"));

		if (text.len == 0 && refusal.len == 0)
			continue;
		open_part(t, 0,
		    (struct delta){.part = text.len > 0 ? PART_TEXT : PART_REFUSAL});
		tell(t,
		    (struct delta){.kind = DELTA_TEXT,
			.text = text.len > 0 ? text : refusal,
			.logprobs = logprobs_of(t, json_get(t->j, part, S("logprobs")))});
		close_part(t);
	}
}

/* The texts of a list, with an empty line between them. */
static void
tell_thoughts(const struct telling *t, uint32_t list)
{
	if (!json_is(t->j, list, JSON_ARRAY))
		return;
	JSON_FOR_EACH (part, t->j, list) {
		struct slice text = text_at(t, part, S("text"));

		if (text.len == 0)
			continue;
		if (!t->in->open)
			open_part(t, 0, (struct delta){.part = PART_REASONING});
		else
			tell_text(t, DELTA_TEXT, S("\\n\\n"));
		tell_text(t, DELTA_TEXT, text);
	}
}

/* What was thought; of an item that was told in part already, what is missing. The
 * encrypted form that an item begins with is not the last one. */
static void
tell_reasoning(const struct telling *t, uint32_t item)
{
	struct slice secret = text_at(t, item, S("encrypted_content"));

	if (!t->in->open)
		tell_thoughts(t, json_get(t->j, item, S("content")));
	if (!t->in->open)
		tell_thoughts(t, json_get(t->j, item, S("summary")));
	if (secret.len > 0) {
		if (!t->in->open)
			open_part(t, 0, (struct delta){.part = PART_REASONING});
		tell(t, (struct delta){.kind = DELTA_SIGNATURE,
			    .text = secret,
			    .sealed = !t->in->filled});
	}
	close_part(t);
}

static void
open_call(const struct telling *t, uint32_t item)
{
	struct slice id = text_at(t, item, S("call_id"));

	open_part(t, 0,
	    (struct delta){.part = PART_CALL,
		.id = id.len > 0 ? id : text_at(t, item, S("id")),
		.name = text_at(t, item, S("name"))});
}

static void
tell_call(const struct telling *t, uint32_t item)
{
	if (!t->in->open)
		open_call(t, item);
	if (!t->in->filled)
		tell_text(t, DELTA_ARGUMENTS, text_at(t, item, S("arguments")));
	close_part(t);
}

static void
tell_image(const struct telling *t, uint32_t item)
{
	struct slice result = text_at(t, item, S("result"));
	struct slice format = text_at(t, item, S("output_format"));

	if (result.len == 0)
		return;
	open_part(t, 0, (struct delta){.part = PART_IMAGE});
	tell(t, (struct delta){.kind = DELTA_DATA,
		    .text = result,
		    .type = slice_eq(format, S("jpeg"))	  ? S("image/jpeg")
			    : slice_eq(format, S("webp")) ? S("image/webp")
							  : S("image/png")});
	close_part(t);
}

/* An item that is done, as far as it was not told by its pieces. */
static void
finish_item(const struct telling *t, uint64_t index, uint32_t item)
{
	uint32_t type = json_get(t->j, item, S("type"));

	if (json_equals(t->j, type, S("reasoning")))
		tell_reasoning(t, item);
	else if (json_equals(t->j, type, S("function_call")))
		tell_call(t, item);
	else if (json_equals(t->j, type, S("message")) && !t->in->told)
		tell_message(t, item);
	else if (json_equals(t->j, type, S("image_generation_call")))
		tell_image(t, item);
	close_part(t);
	t->in->active = false;
	set_bit(t->in->done, index);
}

/* --- events --- */

enum event_member {
	E_INDEX,
	E_ITEM,
	E_DELTA,
	E_CONTENT_INDEX,
	E_SUMMARY_INDEX,
	E_LOGPROBS,
	E_RESPONSE,
	E_MEMBERS
};

static const struct slice event_members[E_MEMBERS] = {
    [E_INDEX] = {"output_index", 12},
    [E_ITEM] = {"item", 4},
    [E_DELTA] = {"delta", 5},
    [E_CONTENT_INDEX] = {"content_index", 13},
    [E_SUMMARY_INDEX] = {"summary_index", 13},
    [E_LOGPROBS] = {"logprobs", 8},
    [E_RESPONSE] = {"response", 8},
};

typedef void event_fn(const struct telling *t, const uint32_t e[E_MEMBERS]);

static uint64_t
number(const struct telling *t, uint32_t v)
{
	uint64_t n = 0;

	return json_u64(t->j, v, &n) ? n : 0;
}

static void
start(const struct telling *t, uint32_t response)
{
	struct delta d = {.kind = DELTA_START,
	    .id = text_at(t, response, S("id")),
	    .model = text_at(t, response, S("model"))};

	if (t->in->started)
		return;
	t->in->started = true;
	(void)json_u64(t->j, json_get(t->j, response, S("created_at")), &d.created_s);
	tell(t, d);
}

static void
on_created(const struct telling *t, const uint32_t e[E_MEMBERS])
{
	start(t, e[E_RESPONSE]);
}

static void
on_item(const struct telling *t, const uint32_t e[E_MEMBERS])
{
	if (take_item(t->in, number(t, e[E_INDEX]), false) && !t->in->open &&
	    json_equals(t->j, json_get(t->j, e[E_ITEM], S("type")), S("function_call")))
		open_call(t, e[E_ITEM]);
}

static void
on_item_done(const struct telling *t, const uint32_t e[E_MEMBERS])
{
	uint64_t index = number(t, e[E_INDEX]);

	if (take_item(t->in, index, true))
		finish_item(t, index, e[E_ITEM]);
}

static void
take_text(const struct telling *t, const uint32_t e[E_MEMBERS], enum part_kind kind)
{
	uint64_t piece = number(t, e[E_CONTENT_INDEX]);
	struct slice text = json_inner(t->j, e[E_DELTA]);

	if (text.len == 0 || !take_item(t->in, number(t, e[E_INDEX]), false))
		return;
	if (!t->in->open || t->in->kind != kind || t->in->piece != piece)
		open_part(t, piece, (struct delta){.part = kind});
	t->in->filled = true;
	tell(t, (struct delta){.kind = DELTA_TEXT,
		    .text = text,
		    .logprobs = logprobs_of(t, e[E_LOGPROBS])});
}

static void
on_text(const struct telling *t, const uint32_t e[E_MEMBERS])
{
	take_text(t, e, PART_TEXT);
}

static void
on_refusal(const struct telling *t, const uint32_t e[E_MEMBERS])
{
	take_text(t, e, PART_REFUSAL);
}

/* What was thought comes as its text or as a summary of it; of both the first. */
static void
take_thought(const struct telling *t, const uint32_t e[E_MEMBERS], bool summary)
{
	uint64_t piece = number(t, e[summary ? E_SUMMARY_INDEX : E_CONTENT_INDEX]);
	struct slice text = json_inner(t->j, e[E_DELTA]);

	if (text.len == 0 || !take_item(t->in, number(t, e[E_INDEX]), false))
		return;
	if (!t->in->open) {
		open_part(t, piece, (struct delta){.part = PART_REASONING});
		t->in->by_summary = summary;
	} else if (t->in->by_summary != summary) {
		return;
	} else if (t->in->piece != piece) {
		t->in->piece = piece;
		tell_text(t, DELTA_TEXT, S("\\n\\n"));
	}
	tell_text(t, DELTA_TEXT, text);
}

static void
on_thought(const struct telling *t, const uint32_t e[E_MEMBERS])
{
	take_thought(t, e, false);
}

static void
on_summary(const struct telling *t, const uint32_t e[E_MEMBERS])
{
	take_thought(t, e, true);
}

static void
on_arguments(const struct telling *t, const uint32_t e[E_MEMBERS])
{
	/* Without its beginning nobody knows what is called: it waits for its end. */
	if (take_item(t->in, number(t, e[E_INDEX]), false) && t->in->open &&
	    t->in->kind == PART_CALL)
		tell_text(t, DELTA_ARGUMENTS, json_inner(t->j, e[E_DELTA]));
}

/* The whole response: what was not told by then is told now. */
static void
on_end(const struct telling *t, const uint32_t e[E_MEMBERS])
{
	uint32_t output = json_get(t->j, e[E_RESPONSE], S("output"));
	uint64_t i = 0;

	start(t, e[E_RESPONSE]);
	close_part(t);
	if (t->in->active && t->in->told)
		set_bit(t->in->done, t->in->item);
	t->in->active = false;
	if (json_is(t->j, output, JSON_ARRAY))
		JSON_FOR_EACH (item, t->j, output) {
			t->in->told = false;
			if (!has_bit(t->in->done, i))
				finish_item(t, i, item);
			i++;
		}
	t->in->ended = true;
	tell(t, (struct delta){.kind = DELTA_FINISH,
		    .finish = responses_finish_of(t->j, e[E_RESPONSE], t->in->called),
		    .finish_raw = text_at(t, e[E_RESPONSE], S("status"))});
	tell(t, (struct delta){.kind = DELTA_END});
}

static const struct {
	struct slice type;
	event_fn *fn;
} events[] = {{{"response.output_text.delta", 26}, on_text},
    {{"response.function_call_arguments.delta", 38}, on_arguments},
    {{"response.reasoning_summary_text.delta", 37}, on_summary},
    {{"response.reasoning_text.delta", 29}, on_thought},
    {{"response.refusal.delta", 22}, on_refusal},
    {{"response.output_item.added", 26}, on_item},
    {{"response.output_item.done", 25}, on_item_done},
    {{"response.created", 16}, on_created}, {{"response.queued", 15}, on_created},
    {{"response.in_progress", 20}, on_created}, {{"response.completed", 18}, on_end},
    {{"response.incomplete", 19}, on_end}};

void
responses_in_end(void *state, delta_fn *fn, void *arg)
{
	struct responses_in *in = state;
	struct telling t = {.in = in, .fn = fn, .arg = arg};

	if (in->ended)
		return;
	in->ended = true;
	close_part(&t);
	tell(&t, (struct delta){.kind = DELTA_END});
}

void
responses_in_event(
    void *state, const struct sse_event *e, const struct json *j, delta_fn *fn, void *arg)
{
	struct responses_in *in = state;
	struct telling t = {.in = in, .j = j, .fn = fn, .arg = arg};
	uint32_t members[E_MEMBERS];
	struct slice type;

	if (in->ended)
		return;
	if (slice_eq(slice_trim(e->data), S("[DONE]"))) { /* j does not hold it */
		responses_in_end(state, fn, arg);
		return;
	}
	type = json_inner(j, json_get(j, 0, S("type")));
	if (type.len == 0)
		type = e->name;
	if (in->logprobs.max == 0)
		buf_init(&in->logprobs, LOGPROBS_MAX);
	for (unsigned i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (!slice_eq(type, events[i].type))
			continue;
		json_pick(j, 0, event_members, E_MEMBERS, members);
		if (events[i].fn != on_created && events[i].fn != on_end)
			start(&t, JSON_NONE);
		events[i].fn(&t, members);
		return;
	}
}

void
responses_in_done(void *state)
{
	buf_free(&((struct responses_in *)state)->logprobs);
}
