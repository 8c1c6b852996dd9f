/*
 * Bedrock Converse: streams of answers, in and out. An event's name stands in its frame.
 */
#include "dialect/bedrock.h"
#include "dialect/tag.h"

#include "http/eventstream.h"
#include "json/write.h"

/* --- in --- */

struct in {
	bool open, started, ended;
	uint64_t index; /* of the open block */
	enum part_kind kind;
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
	if (!t->in->open)
		return;
	t->in->open = false;
	tell(t, (struct delta){.kind = DELTA_CLOSE});
}

static void
open_part(const struct telling *t, uint64_t index, struct delta d)
{
	close_part(t);
	t->in->open = true;
	t->in->index = index;
	t->in->kind = d.part;
	d.kind = DELTA_OPEN;
	tell(t, d);
}

static uint64_t
index_of(const struct telling *t)
{
	uint64_t index = 0;

	(void)json_u64(t->j, json_get(t->j, 0, S("contentBlockIndex")), &index);
	return index;
}

/* Begins the block if it is not this one: of text and reasoning no start is told. */
static void
want_part(const struct telling *t, enum part_kind kind)
{
	uint64_t index = index_of(t);

	if (!t->in->open || t->in->kind != kind || t->in->index != index)
		open_part(t, index, (struct delta){.part = kind});
}

static void
take_start(const struct telling *t)
{
	uint32_t start = json_get(t->j, 0, S("start"));
	uint32_t call = json_get(t->j, start, S("toolUse"));
	uint32_t image = json_get(t->j, start, S("image"));

	if (call != JSON_NONE)
		open_part(t, index_of(t),
		    (struct delta){.part = PART_CALL,
			.id = json_inner(t->j, json_get(t->j, call, S("toolUseId"))),
			.name = json_inner(t->j, json_get(t->j, call, S("name")))});
	else if (image != JSON_NONE)
		open_part(t, index_of(t),
		    (struct delta){.part = PART_IMAGE,
			.type = bedrock_type_of(PART_IMAGE,
			    json_inner(t->j, json_get(t->j, image, S("format"))))});
}

static void
take_text(const struct telling *t, enum part_kind part, enum delta_kind kind, uint32_t v,
    bool sealed)
{
	struct slice text = json_inner(t->j, v);

	if (text.len == 0)
		return;
	want_part(t, part);
	tell(t, (struct delta){.kind = kind, .text = text, .sealed = sealed});
}

static void
take_delta(const struct telling *t)
{
	uint32_t delta = json_get(t->j, 0, S("delta"));
	uint32_t thought = json_get(t->j, delta, S("reasoningContent"));
	uint32_t call = json_get(t->j, delta, S("toolUse"));

	take_text(t, PART_TEXT, DELTA_TEXT, json_get(t->j, delta, S("text")), false);
	take_text(
	    t, PART_REASONING, DELTA_TEXT, json_get(t->j, thought, S("text")), false);
	take_text(t, PART_REASONING, DELTA_SIGNATURE,
	    json_get(t->j, thought, S("signature")), false);
	take_text(t, PART_REASONING, DELTA_SIGNATURE,
	    json_get(t->j, thought, S("redactedContent")), true);
	take_text(t, PART_CALL, DELTA_ARGUMENTS, json_get(t->j, call, S("input")), false);
	take_text(t, PART_IMAGE, DELTA_DATA,
	    json_path(t->j, delta, "image", "source", "bytes", NULL), false);
}

static void
take_finish(const struct telling *t)
{
	struct slice reason = json_inner(t->j, json_get(t->j, 0, S("stopReason")));

	close_part(t);
	tell(t, (struct delta){.kind = DELTA_FINISH,
		    .finish = bedrock_finish_of(reason),
		    .finish_raw = reason,
		    .stop_text = bedrock_stop_of(t->j)});
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
in_event(
    void *state, const struct sse_event *e, const struct json *j, delta_fn *fn, void *arg)
{
	struct telling t = {.in = state, .j = j, .fn = fn, .arg = arg};

	if (t.in->ended || e->is_exception)
		return;
	if (slice_eq(e->name, S("contentBlockDelta")))
		take_delta(&t);
	else if (slice_eq(e->name, S("contentBlockStart")))
		take_start(&t);
	else if (slice_eq(e->name, S("contentBlockStop")))
		close_part(&t);
	else if (slice_eq(e->name, S("messageStart")))
		tell(&t, (struct delta){.kind = DELTA_START});
	else if (slice_eq(e->name, S("messageStop")))
		take_finish(&t);
	else if (slice_eq(e->name, S("metadata"))) /* with the usage, behind all */
		end(&t);
}

static void
in_end(void *state, delta_fn *fn, void *arg)
{
	struct telling t = {.in = state, .fn = fn, .arg = arg};

	end(&t);
}

/* --- out --- */

struct out {
	unsigned index; /* of the open block, or the next */
	bool told;	/* anything of it */
	enum part_kind kind;
	enum finish finish;
	char stop[128]; /* the text that ended the answer */
	size_t stop_len;
	bool stopped; /* by a text */
	struct usage usage;
	char tier[32];
	size_t tier_len;
};

/* An event of a block: "{" and its index. */
static size_t
open_event(struct out *o, struct slice name, struct buf *to)
{
	size_t begun = eventstream_begin(to, false, name);

	buf_add(to, S("{\"contentBlockIndex\":"));
	buf_u64(to, o->index);
	o->told = true;
	return begun;
}

static void
close_event(size_t begun, struct buf *to)
{
	buf_byte(to, '}');
	eventstream_end(to, begun);
}

static void
put_open(struct out *o, const struct delta *d, struct buf *to)
{
	struct part picture = {.kind = PART_IMAGE, .media = {.type = d->type}};
	size_t begun;

	o->kind = d->part;
	o->told = false;
	if (d->part == PART_CALL) {
		begun = open_event(o, S("contentBlockStart"), to);
		buf_add(to, S(",\"start\":{\"toolUse\":{"));
		json_member_inner(to, S("toolUseId"), d->id);
		json_member_inner(to, S("name"), d->name);
		buf_add(to, S("}}"));
		close_event(begun, to);
	} else if (d->part == PART_IMAGE) {
		begun = open_event(o, S("contentBlockStart"), to);
		buf_add(to, S(",\"start\":{\"image\":{"));
		json_member(to, S("format"), bedrock_format_of(&picture));
		buf_add(to, S("}}"));
		close_event(begun, to);
	}
}

static void
put_reasoning(
    struct out *o, const struct answer_plan *plan, const struct delta *d, struct buf *to)
{
	size_t begun = open_event(o, S("contentBlockDelta"), to);

	buf_add(to, S(",\"delta\":{\"reasoningContent\":{"));
	if (d->kind == DELTA_TEXT) {
		json_member_inner(to, S("text"), d->text);
	} else if (d->sealed) {
		json_key(to, S("redactedContent"));
		bedrock_put_sealed(to, plan->provider, d->text);
	} else {
		json_key(to, S("signature"));
		tag_put(to, plan->provider, d->text);
	}
	buf_add(to, S("}}"));
	close_event(begun, to);
}

static void
put_piece(
    struct out *o, const struct answer_plan *plan, const struct delta *d, struct buf *to)
{
	static const struct slice begins[] = {
	    [PART_TEXT] = {",\"delta\":{\"text\":\"", 18},
	    [PART_CALL] = {",\"delta\":{\"toolUse\":{\"input\":\"", 30},
	    [PART_IMAGE] = {",\"delta\":{\"image\":{\"source\":{\"bytes\":\"", 38}};
	static const struct slice ends[] = {[PART_TEXT] = {"\"}", 2},
	    [PART_CALL] = {"\"}}", 3},
	    [PART_IMAGE] = {"\"}}}", 4}};
	enum part_kind kind = o->kind == PART_REFUSAL ? PART_TEXT : o->kind;
	size_t begun;

	if (kind == PART_REASONING) {
		put_reasoning(o, plan, d, to);
		return;
	}
	if (kind != PART_TEXT && kind != PART_CALL && kind != PART_IMAGE)
		return;
	begun = open_event(o, S("contentBlockDelta"), to);
	buf_add(to, begins[kind]);
	buf_add(to, d->text);
	buf_add(to, ends[kind]);
	close_event(begun, to);
}

/* Of a block of which nothing was told no end is told either. */
static void
put_close(struct out *o, struct buf *to)
{
	if (!o->told)
		return;
	close_event(open_event(o, S("contentBlockStop"), to), to);
	o->index++;
	o->told = false;
}

static void
keep(struct slice from, char *to, size_t room, size_t *ret_len)
{
	*ret_len = from.len <= room ? from.len : 0;
	if (*ret_len > 0)
		memcpy(to, from.ptr, *ret_len);
}

static void
put_end(struct out *o, struct buf *to)
{
	size_t begun = eventstream_begin(to, false, S("messageStop"));

	buf_byte(to, '{');
	json_member(to, S("stopReason"), bedrock_finish_word(o->finish, o->stopped));
	if (o->stopped && o->stop_len > 0)
		bedrock_put_stop(slice_of(o->stop, o->stop_len), to);
	close_event(begun, to);
	begun = eventstream_begin(to, false, S("metadata"));
	buf_byte(to, '{');
	bedrock_put_usage(&o->usage, to);
	json_member_raw(to, S("metrics"), S("{\"latencyMs\":0}"));
	if (o->tier_len > 0) {
		json_key(to, S("serviceTier"));
		json_open(to, '{');
		json_member_inner(to, S("type"), slice_of(o->tier, o->tier_len));
		json_close(to, '}');
	}
	close_event(begun, to);
}

static void
put_start(struct buf *to)
{
	size_t begun = eventstream_begin(to, false, S("messageStart"));

	buf_add(to, S("{\"role\":\"assistant\""));
	close_event(begun, to);
}

static void
out_delta(
    void *state, const struct answer_plan *plan, const struct delta *d, struct buf *to)
{
	struct out *o = state;

	if (d->alternative > 0)
		return; /* it has one answer only, and nobody asked for more */
	switch (d->kind) {
	case DELTA_START: put_start(to); break;
	case DELTA_OPEN: put_open(o, d, to); break;
	case DELTA_TEXT:
	case DELTA_ARGUMENTS:
	case DELTA_SIGNATURE:
	case DELTA_DATA: put_piece(o, plan, d, to); break;
	case DELTA_CLOSE: put_close(o, to); break;
	case DELTA_FINISH:
		o->finish = d->finish;
		o->stopped = d->stop_text.ptr != NULL;
		keep(d->stop_text, o->stop, sizeof(o->stop), &o->stop_len);
		break;
	case DELTA_USAGE:
		o->usage = *d->usage;
		keep(d->tier, o->tier, sizeof(o->tier), &o->tier_len);
		break;
	case DELTA_END: put_end(o, to); break;
	default: break;
	}
}

const struct translation bedrock_translation = {
    .keep = 11,
    .read_prompt = bedrock_read_prompt,
    .write_prompt = bedrock_write_prompt,
    .needs_bytes = bedrock_needs_bytes,
    .read_answer = bedrock_read_answer,
    .write_answer = bedrock_write_answer,
    .in_bytes = sizeof(struct in),
    .in_event = in_event,
    .in_end = in_end,
    .out_bytes = sizeof(struct out),
    .out_delta = out_delta,
};
