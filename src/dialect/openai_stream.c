/*
 * OpenAI chat completions: streams of answers, in and out.
 */
#include "dialect/openai.h"
#include "dialect/tag.h"
#include "json/write.h"

/* --- streams in --- */

#define CHOICES_MAX 8

struct in {
	bool started, ended;
	struct {
		bool open, finished, called;
		enum part_kind kind;
		uint64_t call; /* index of the open call */
		char id[64];   /* of the open call, to tell a new one of the same index */
		size_t id_len;
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
take_text(const struct telling *t, enum part_kind kind, uint32_t v, struct slice logprobs)
{
	struct slice text = json_inner(t->j, v);

	if (text.len == 0)
		return;
	if (!t->in->choice[t->c].open || t->in->choice[t->c].kind != kind)
		open_part(t, (struct delta){.part = kind});
	tell(t, (struct delta){.kind = DELTA_TEXT, .text = text, .logprobs = logprobs});
}

/* A piece of a call. Hosts that leave the index out, or give several calls the same
 * one, tell them apart by their ids. */
static void
take_call(const struct telling *t, uint32_t v)
{
	struct slice id = json_inner(t->j, json_get(t->j, v, S("id")));
	uint32_t f = json_get(t->j, v, S("function"));
	struct slice name = json_inner(t->j, json_get(t->j, f, S("name")));
	uint32_t arguments = json_get(t->j, f, S("arguments"));
	struct slice signature = json_inner(t->j,
	    json_path(t->j, v, "extra_content", "google", "thought_signature", NULL));
	uint64_t index = 0;
	bool same, has_index = json_u64(t->j, json_get(t->j, v, S("index")), &index);
	size_t id_len = t->in->choice[t->c].id_len;

	same = t->in->choice[t->c].open && t->in->choice[t->c].kind == PART_CALL &&
	       (!has_index || index == t->in->choice[t->c].call) &&
	       (id.len == 0 || slice_eq(slice_head(id, 64),
				   slice_of(t->in->choice[t->c].id, id_len)));
	if (!same) {
		open_part(t, (struct delta){.part = PART_CALL,
				 .id = id,
				 .name = name,
				 .signature = signature});
		t->in->choice[t->c].called = true;
		t->in->choice[t->c].call = index;
		t->in->choice[t->c].id_len = id.len < 64 ? id.len : 64;
		if (id.len > 0)
			memcpy(
			    t->in->choice[t->c].id, id.ptr, t->in->choice[t->c].id_len);
	}
	if (json_inner(t->j, arguments).len > 0)
		tell(t, (struct delta){.kind = DELTA_ARGUMENTS,
			    .text = json_inner(t->j, arguments)});
}

/* [{"type": "reasoning.text", "text": "", "signature": "..."},
 *  {"type": "reasoning.encrypted", "data": "..."}] */
static void
take_details(const struct telling *t, uint32_t list)
{
	if (!json_is(t->j, list, JSON_ARRAY))
		return;
	JSON_FOR_EACH (d, t->j, list) {
		struct slice signature =
		    json_inner(t->j, json_get(t->j, d, S("signature")));
		struct slice sealed = json_inner(t->j, json_get(t->j, d, S("data")));

		if (signature.len == 0 && sealed.len == 0)
			continue;
		if (!t->in->choice[t->c].open ||
		    t->in->choice[t->c].kind != PART_REASONING)
			open_part(t, (struct delta){.part = PART_REASONING});
		tell(t, (struct delta){.kind = DELTA_SIGNATURE,
			    .text = sealed.len > 0 ? sealed : signature,
			    .sealed = sealed.len > 0});
	}
}

enum delta_member {
	D_CONTENT,
	D_THOUGHT,
	D_THOUGHT_2,
	D_REFUSAL,
	D_CALLS,
	D_DETAILS,
	D_IMAGES,
	D_MEMBERS
};

static const struct slice delta_members[D_MEMBERS] = {[D_CONTENT] = {"content", 7},
    [D_THOUGHT] = {"reasoning_content", 17},
    [D_THOUGHT_2] = {"reasoning", 9},
    [D_REFUSAL] = {"refusal", 7},
    [D_CALLS] = {"tool_calls", 10},
    [D_DETAILS] = {"reasoning_details", 17},
    [D_IMAGES] = {"images", 6}};

/* Pictures, each told at once: [{"type": "image_url", "image_url": {"url": ...}}]. */
static void
take_images(const struct telling *t, uint32_t list)
{
	if (!json_is(t->j, list, JSON_ARRAY))
		return;
	JSON_FOR_EACH (image, t->j, list) {
		struct slice type, data;
		struct slice url =
		    json_inner(t->j, json_path(t->j, image, "image_url", "url", NULL));

		if (!media_split_data_url(url, &type, &data))
			continue;
		open_part(t, (struct delta){.part = PART_IMAGE, .type = type});
		tell(t, (struct delta){.kind = DELTA_DATA, .text = data, .type = type});
		close_part(t);
	}
}

static void
take_choice(struct telling *t, uint32_t v)
{
	uint32_t c[C_MEMBERS], d[D_MEMBERS];
	uint64_t index = 0;
	struct slice finish, logprobs = S("");
	enum finish f;

	json_pick(t->j, v, openai_choice_members, C_MEMBERS, c);
	json_pick(t->j, c[C_DELTA], delta_members, D_MEMBERS, d);
	if (json_u64(t->j, c[C_INDEX], &index) && index >= CHOICES_MAX)
		return;
	t->c = (unsigned)index;
	if (json_is(t->j, c[C_LOGPROBS], JSON_OBJECT))
		logprobs = json_raw(t->j, c[C_LOGPROBS]);
	take_text(t, PART_REASONING,
	    json_inner(t->j, d[D_THOUGHT]).len > 0 ? d[D_THOUGHT] : d[D_THOUGHT_2],
	    S(""));
	take_details(t, d[D_DETAILS]);
	take_text(t, PART_TEXT, d[D_CONTENT], logprobs);
	take_text(t, PART_REFUSAL, d[D_REFUSAL], S(""));
	take_images(t, d[D_IMAGES]);
	if (json_is(t->j, d[D_CALLS], JSON_ARRAY))
		JSON_FOR_EACH (call, t->j, d[D_CALLS])
			take_call(t, call);
	finish = json_inner(t->j, c[C_FINISH]);
	if (finish.len == 0 || t->in->choice[t->c].finished)
		return;
	close_part(t);
	t->in->choice[t->c].finished = true;
	f = openai_finish_of(finish);
	if (f == FINISH_STOP && t->in->choice[t->c].called)
		f = FINISH_CALLS; /* some say so though the answer calls */
	tell(t, (struct delta){.kind = DELTA_FINISH, .finish = f, .finish_raw = finish});
}

static void
in_end(void *state, delta_fn *fn, void *arg)
{
	struct in *in = state;
	struct telling t = {.in = in, .fn = fn, .arg = arg};

	if (in->ended)
		return;
	in->ended = true;
	for (t.c = 0; t.c < CHOICES_MAX; t.c++)
		close_part(&t);
	t.c = 0;
	tell(&t, (struct delta){.kind = DELTA_END});
}

static void
in_event(
    void *state, const struct sse_event *e, const struct json *j, delta_fn *fn, void *arg)
{
	struct in *in = state;
	struct telling t = {.in = in, .j = j, .fn = fn, .arg = arg};
	uint32_t choices;

	if (slice_eq(slice_trim(e->data), S("[DONE]"))) {
		in_end(state, fn, arg);
		return;
	}
	if (in->ended)
		return;
	choices = json_get(j, 0, S("choices"));
	/* What comes ahead of the answer may tell neither id nor model (Azure). */
	if (!in->started && json_first(j, choices) != JSON_NONE) {
		struct delta d = {.kind = DELTA_START,
		    .id = json_inner(j, json_get(j, 0, S("id"))),
		    .model = json_inner(j, json_get(j, 0, S("model")))};

		in->started = true;
		(void)json_u64(j, json_get(j, 0, S("created")), &d.created_s);
		tell(&t, d);
	}
	if (json_is(j, choices, JSON_ARRAY))
		JSON_FOR_EACH (c, j, choices)
			take_choice(&t, c);
}

/* --- streams out --- */

#define HEAD_MAX 4096

struct out {
	struct buf head; /* what every chunk begins with */
	enum part_kind open[CHOICES_MAX];
	unsigned calls[CHOICES_MAX], thoughts[CHOICES_MAX];
	bool argued[CHOICES_MAX]; /* the open call has arguments */
	struct usage usage;
};

static void
put_chunk_head(struct out *o, const struct answer_plan *plan, const struct delta *d)
{
	struct buf *b = &o->head;
	bool told = d->id.len + d->model.len < HEAD_MAX / 2; /* else they are no names */

	buf_init(b, HEAD_MAX);
	buf_add(b, S("data: "));
	json_open(b, '{');
	json_member_inner(b, S("id"), told && d->id.len > 0 ? d->id : plan->id);
	json_member(b, S("object"), S("chat.completion.chunk"));
	json_member_u64(b, S("created"), d->created_s != 0 ? d->created_s : plan->unix_s);
	json_member_inner(
	    b, S("model"), told && d->model.len > 0 ? d->model : plan->model);
	json_key(b, S("choices"));
	json_open(b, '[');
}

static void
open_chunk(struct out *o, const struct delta *d, struct buf *to)
{
	buf_add(to, buf_slice(&o->head));
	json_open(to, '{');
	json_member_u64(to, S("index"), d->alternative);
	json_key(to, S("delta"));
	json_open(to, '{');
}

static void
close_chunk(const struct delta *d, struct buf *to)
{
	json_close(to, '}');
	if (d->logprobs.len > 0) {
		json_key(to, S("logprobs"));
		json_put_line(to, d->logprobs);
	}
	json_key(to, S("finish_reason"));
	if (d->kind == DELTA_FINISH)
		json_quote(to, openai_finish_word(d->finish));
	else
		json_put_null(to);
	buf_add(to, S("}]}\n\n"));
}

static void
put_opened_call(
    struct out *o, const struct answer_plan *plan, const struct delta *d, struct buf *to)
{
	json_key(to, S("tool_calls"));
	json_open(to, '[');
	json_open(to, '{');
	json_member_u64(to, S("index"), o->calls[d->alternative]);
	json_member_inner(to, S("id"), d->id);
	json_member(to, S("type"), S("function"));
	json_key(to, S("function"));
	json_open(to, '{');
	json_member_inner(to, S("name"), d->name);
	json_member(to, S("arguments"), S(""));
	json_close(to, '}');
	if (d->signature.len > 0) {
		buf_add(to, S(",\"extra_content\":{\"google\":{\"thought_signature\":"));
		tag_put(to, plan->provider, d->signature);
		buf_add(to, S("}}"));
	}
	json_close(to, '}');
	json_close(to, ']');
}

static void
put_text_delta(struct out *o, const struct delta *d, struct buf *to)
{
	enum part_kind kind = o->open[d->alternative];

	json_member_inner(to,
	    kind == PART_REASONING ? S("reasoning_content")
	    : kind == PART_REFUSAL ? S("refusal")
				   : S("content"),
	    d->text);
}

static void
put_arguments(struct out *o, const struct delta *d, struct buf *to)
{
	o->argued[d->alternative] = true;
	buf_add(to, S("\"tool_calls\":[{\"index\":"));
	buf_u64(to, o->calls[d->alternative]);
	buf_add(to, S(",\"function\":{\"arguments\":\""));
	buf_add(to, d->text);
	buf_add(to, S("\"}}]"));
}

static void
put_signed(
    struct out *o, const struct answer_plan *plan, const struct delta *d, struct buf *to)
{
	json_key(to, S("reasoning_details"));
	json_open(to, '[');
	json_open(to, '{');
	json_member(
	    to, S("type"), d->sealed ? S("reasoning.encrypted") : S("reasoning.text"));
	json_member_u64(to, S("index"), o->thoughts[d->alternative]++);
	json_key(to, d->sealed ? S("data") : S("signature"));
	tag_put(to, plan->provider, d->text);
	json_close(to, '}');
	json_close(to, ']');
}

static void
put_image(const struct delta *d, struct buf *to)
{
	struct part image = {.kind = PART_IMAGE,
	    .media = {.source = MEDIA_DATA, .data = d->text, .type = d->type}};

	buf_add(to, S("\"images\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"));
	openai_put_url(to, &image);
	buf_add(to, S("}}]"));
}

static void
put_stream_end(struct out *o, const struct answer_plan *plan, struct buf *to)
{
	if (plan->usage_asked && o->usage.known) {
		buf_add(to, buf_slice(&o->head));
		json_close(to, ']');
		openai_put_usage(&o->usage, to);
		buf_add(to, S("}\n\n"));
	}
	buf_add(to, S("data: [DONE]\n\n"));
}

/* A call without arguments has an empty object of them. */
static void
close_part_out(struct out *o, const struct delta *d, struct buf *to)
{
	struct delta none = {
	    .kind = DELTA_ARGUMENTS, .alternative = d->alternative, .text = S("{}")};

	if (o->open[d->alternative] != PART_CALL)
		return;
	if (!o->argued[d->alternative]) {
		open_chunk(o, d, to);
		put_arguments(o, &none, to);
		close_chunk(&none, to);
	}
	o->calls[d->alternative]++;
}

/* Does the delta make a chunk of its own? */
static bool
is_chunk(const struct out *o, const struct delta *d)
{
	switch (d->kind) {
	case DELTA_DATA: return o->open[d->alternative] == PART_IMAGE;
	case DELTA_START:
	case DELTA_TEXT:
	case DELTA_ARGUMENTS:
	case DELTA_SIGNATURE:
	case DELTA_FINISH: return true;
	case DELTA_OPEN: return d->part == PART_CALL;
	default: return false;
	}
}

static void
out_delta(
    void *state, const struct answer_plan *plan, const struct delta *d, struct buf *to)
{
	struct out *o = state;

	if (d->alternative >= CHOICES_MAX)
		return;
	if (d->kind == DELTA_START)
		put_chunk_head(o, plan, d);
	if (d->kind == DELTA_OPEN) {
		o->open[d->alternative] = d->part;
		o->argued[d->alternative] = false;
	}
	if (is_chunk(o, d)) {
		open_chunk(o, d, to);
		switch (d->kind) {
		case DELTA_START:
			json_member(to, S("role"), S("assistant"));
			json_member(to, S("content"), S(""));
			break;
		case DELTA_OPEN: put_opened_call(o, plan, d, to); break;
		case DELTA_TEXT: put_text_delta(o, d, to); break;
		case DELTA_ARGUMENTS: put_arguments(o, d, to); break;
		case DELTA_SIGNATURE: put_signed(o, plan, d, to); break;
		case DELTA_DATA: put_image(d, to); break;
		default: break;
		}
		close_chunk(d, to);
	} else if (d->kind == DELTA_CLOSE) {
		close_part_out(o, d, to);
	} else if (d->kind == DELTA_USAGE) {
		o->usage = *d->usage;
	} else if (d->kind == DELTA_END) {
		put_stream_end(o, plan, to);
	}
}

static void
out_done(void *state)
{
	struct out *o = state;

	buf_free(&o->head);
}

const struct translation openai_translation = {
    .keep = 9,
    .read_prompt = openai_read_prompt,
    .write_prompt = openai_write_prompt,
    .needs_bytes = openai_needs_bytes,
    .read_answer = openai_read_answer,
    .write_answer = openai_write_answer,
    .in_bytes = sizeof(struct in),
    .in_event = in_event,
    .in_end = in_end,
    .out_bytes = sizeof(struct out),
    .out_delta = out_delta,
    .out_done = out_done,
};
