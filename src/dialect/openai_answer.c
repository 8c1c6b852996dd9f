/*
 * OpenAI chat completions: answers, in and out.
 */
#include "dialect/openai.h"
#include "dialect/reader.h"
#include "dialect/tag.h"
#include "json/write.h"

/* --- finish reasons --- */

static const struct {
	struct slice word;
	enum finish finish;
} finishes[] = {{{"stop", 4}, FINISH_STOP}, {{"length", 6}, FINISH_LENGTH},
    {{"tool_calls", 10}, FINISH_CALLS}, {{"content_filter", 14}, FINISH_FILTERED},
    {{"function_call", 13}, FINISH_CALLS}, {{"eos", 3}, FINISH_STOP},
    {{"error", 5}, FINISH_ERROR}};

enum finish
openai_finish_of(struct slice word)
{
	for (unsigned i = 0; i < sizeof(finishes) / sizeof(finishes[0]); i++)
		if (slice_eq(word, finishes[i].word))
			return finishes[i].finish;
	return word.len == 0 ? FINISH_UNSAID : FINISH_STOP;
}

struct slice
openai_finish_word(enum finish f)
{
	for (unsigned i = 0; i < sizeof(finishes) / sizeof(finishes[0]); i++)
		if (finishes[i].finish == f)
			return finishes[i].word;
	return S("stop");
}

/* --- whole answers in --- */

const struct slice openai_choice_members[C_MEMBERS] = {[C_INDEX] = {"index", 5},
    [C_MESSAGE] = {"message", 7},
    [C_FINISH] = {"finish_reason", 13},
    [C_LOGPROBS] = {"logprobs", 8},
    [C_DELTA] = {"delta", 5}};

/* Pictures beside the text: [{"type": "image_url", "image_url": {"url": ...}}]. */
static void
read_images(struct reader *r, uint32_t list, struct turn *t)
{
	struct part **tail = &t->parts;

	while (*tail != NULL)
		tail = &(*tail)->next;
	if (!json_is(r->j, list, JSON_ARRAY))
		return;
	JSON_FOR_EACH (image, r->j, list) {
		struct part *p = reader_part(r, &tail, PART_IMAGE, image, 0);

		if (p != NULL)
			reader_url(r, json_path(r->j, image, "image_url", "url", NULL),
			    "images", p);
	}
}

static void
read_choice(struct reader *r, uint32_t v, struct alternative ***tail)
{
	struct alternative *n = answer_add(r->arena, tail);
	uint32_t c[C_MEMBERS];
	uint64_t index;

	if (n == NULL) {
		(void)reader_nomem(r);
		return;
	}
	json_pick(r->j, v, openai_choice_members, C_MEMBERS, c);
	if (json_u64(r->j, c[C_INDEX], &index))
		n->index = (unsigned)index;
	n->turn.raw = json_raw(r->j, c[C_MESSAGE]);
	openai_read_said(r, c[C_MESSAGE], &n->turn);
	read_images(r, json_get(r->j, c[C_MESSAGE], S("images")), &n->turn);
	n->citations = json_raw(r->j, json_get(r->j, c[C_MESSAGE], S("annotations")));
	n->finish_raw = json_inner(r->j, c[C_FINISH]);
	n->finish = openai_finish_of(n->finish_raw);
	if (json_is(r->j, c[C_LOGPROBS], JSON_OBJECT))
		n->logprobs = json_raw(r->j, c[C_LOGPROBS]);
	/* Some say that the answer was stopped though it calls. */
	for (const struct part *p = n->turn.parts; p != NULL; p = p->next)
		if (p->kind == PART_CALL && n->finish == FINISH_STOP)
			n->finish = FINISH_CALLS;
	n->members = reader_plain_members(r, v);
}

enum err
openai_read_answer(const struct json *j, struct arena *a, struct answer *ret)
{
	struct unknown **unknown = &ret->unknown;
	struct alternative **tail = &ret->alternatives;
	struct note note;
	struct reader r = {.j = j, .arena = a, .unknown = &unknown, .note = &note};
	uint32_t choices = json_get(j, 0, S("choices"));

	note_set(&note, "%s", "");
	answer_init(ret, DIALECT_OPENAI);
	if (!json_is(j, choices, JSON_ARRAY))
		return ERR_BAD_REPLY;
	ret->id = json_inner(j, json_get(j, 0, S("id")));
	ret->model = json_inner(j, json_get(j, 0, S("model")));
	ret->tier = json_inner(j, json_get(j, 0, S("service_tier")));
	(void)json_u64(j, json_get(j, 0, S("created")), &ret->created_s);
	JSON_FOR_EACH (c, j, choices)
		read_choice(&r, c, &tail);
	ret->members = reader_plain_members(&r, 0);
	return r.err == ERR_BAD_REQUEST ? ERR_BAD_REPLY : r.err;
}

/* --- whole answers out --- */

void
openai_put_usage(const struct usage *u, struct buf *b)
{
	uint64_t in = usage_input_tok(u), out = usage_output_tok(u);
	uint64_t write = u->count[USAGE_CACHE_WRITE] + u->count[USAGE_CACHE_WRITE_1H];

	json_key(b, S("usage"));
	json_open(b, '{');
	json_member_u64(b, S("prompt_tokens"), in);
	json_member_u64(b, S("completion_tokens"), out);
	json_member_u64(b, S("total_tokens"), in + out);
	json_key(b, S("prompt_tokens_details"));
	json_open(b, '{');
	json_member_u64(b, S("cached_tokens"), u->count[USAGE_CACHED]);
	if (write > 0)
		json_member_u64(b, S("cache_write_tokens"), write);
	json_member_u64(b, S("audio_tokens"), u->count[USAGE_AUDIO_IN]);
	json_close(b, '}');
	json_key(b, S("completion_tokens_details"));
	json_open(b, '{');
	json_member_u64(b, S("reasoning_tokens"), u->count[USAGE_REASONING]);
	json_member_u64(b, S("audio_tokens"), u->count[USAGE_AUDIO_OUT]);
	json_close(b, '}');
	json_close(b, '}');
}

static void
put_signature(struct buf *b, const struct answer_plan *plan, const struct part *p)
{
	json_open(b, '{');
	if (p->reasoning.sealed.ptr != NULL) {
		json_member(b, S("type"), S("reasoning.encrypted"));
		json_key(b, S("data"));
		tag_put(b, plan->provider, p->reasoning.sealed);
	} else {
		json_member(b, S("type"), S("reasoning.text"));
		json_member_inner(b, S("text"), p->text);
		json_key(b, S("signature"));
		tag_put(b, plan->provider,
		    p->reasoning.signature.ptr == NULL ? S("") : p->reasoning.signature);
	}
	json_close(b, '}');
}

/* What was thought: as text, and in the form that a caller can send back. */
static void
put_thoughts(struct buf *b, const struct answer_plan *plan, const struct turn *t)
{
	bool text = false, any = false;

	for (const struct part *p = t->parts; p != NULL; p = p->next) {
		if (p->kind != PART_REASONING)
			continue;
		any = true;
		if (p->text.len == 0)
			continue;
		if (!text)
			json_member_inner(b, S("reasoning_content"), S(""));
		text = true;
		if (b->err != ERR_OK)
			return;
		b->len--;
		buf_add(b, p->text);
		buf_byte(b, '"');
	}
	if (!any)
		return;
	json_key(b, S("reasoning_details"));
	json_open(b, '[');
	for (const struct part *p = t->parts; p != NULL; p = p->next)
		if (p->kind == PART_REASONING)
			put_signature(b, plan, p);
	json_close(b, ']');
}

static void
put_call(struct buf *b, const struct answer_plan *plan, const struct part *p)
{
	json_open(b, '{');
	json_member_inner(b, S("id"), p->call.id);
	json_member(b, S("type"), S("function"));
	json_key(b, S("function"));
	json_open(b, '{');
	json_member_inner(b, S("name"), p->call.name);
	json_member(
	    b, S("arguments"), p->call.arguments.len == 0 ? S("{}") : p->call.arguments);
	json_close(b, '}');
	if (p->call.signature.len > 0) {
		json_key(b, S("extra_content"));
		json_open(b, '{');
		json_key(b, S("google"));
		json_open(b, '{');
		json_key(b, S("thought_signature"));
		tag_put(b, plan->provider, p->call.signature);
		json_close(b, '}');
		json_close(b, '}');
	}
	json_close(b, '}');
}

static void
put_image(struct buf *b, const struct part *p)
{
	json_open(b, '{');
	json_member(b, S("type"), S("image_url"));
	json_key(b, S("image_url"));
	json_open(b, '{');
	json_key(b, S("url"));
	openai_put_url(b, p);
	json_close(b, '}');
	json_close(b, '}');
}

static bool
turn_has(const struct turn *t, enum part_kind kind)
{
	for (const struct part *p = t->parts; p != NULL; p = p->next)
		if (p->kind == kind)
			return true;
	return false;
}

/* All texts of a kind, joined, or null when there is none. */
static void
put_texts(struct buf *b, const struct turn *t, enum part_kind kind)
{
	if (!turn_has(t, kind)) {
		json_put_null(b);
		return;
	}
	json_put_inner(b, S(""));
	for (const struct part *p = t->parts; p != NULL; p = p->next)
		if (p->kind == kind && b->err == ERR_OK) {
			b->len--;
			buf_add(b, p->text);
			buf_byte(b, '"');
		}
}

static void
put_message(struct buf *b, const struct answer_plan *plan, const struct turn *t)
{
	json_open(b, '{');
	json_member(b, S("role"), S("assistant"));
	put_thoughts(b, plan, t);
	json_key(b, S("content"));
	put_texts(b, t, PART_TEXT);
	json_key(b, S("refusal"));
	put_texts(b, t, PART_REFUSAL);
	if (turn_has(t, PART_CALL)) {
		json_key(b, S("tool_calls"));
		json_open(b, '[');
		for (const struct part *p = t->parts; p != NULL; p = p->next)
			if (p->kind == PART_CALL)
				put_call(b, plan, p);
		json_close(b, ']');
	}
	if (turn_has(t, PART_IMAGE)) {
		json_key(b, S("images"));
		json_open(b, '[');
		for (const struct part *p = t->parts; p != NULL; p = p->next)
			if (p->kind == PART_IMAGE)
				put_image(b, p);
		json_close(b, ']');
	}
	json_close(b, '}');
}

void
openai_write_answer(const struct answer *n, const struct answer_plan *plan, struct buf *b)
{
	json_open(b, '{');
	json_member_inner(b, S("id"), n->id.len > 0 ? n->id : plan->id);
	json_member(b, S("object"), S("chat.completion"));
	json_member_u64(b, S("created"), n->created_s != 0 ? n->created_s : plan->unix_s);
	json_member_inner(b, S("model"), n->model.len > 0 ? n->model : plan->model);
	json_key(b, S("choices"));
	json_open(b, '[');
	for (const struct alternative *c = n->alternatives; c != NULL; c = c->next) {
		json_open(b, '{');
		json_member_u64(b, S("index"), c->index);
		json_key(b, S("message"));
		put_message(b, plan, &c->turn);
		json_key(b, S("logprobs"));
		if (c->logprobs.len > 0)
			json_put_raw(b, c->logprobs);
		else
			json_put_null(b);
		json_member(b, S("finish_reason"), openai_finish_word(c->finish));
		json_close(b, '}');
	}
	json_close(b, ']');
	if (n->usage.known)
		openai_put_usage(&n->usage, b);
	if (n->tier.len > 0)
		json_member_inner(b, S("service_tier"), n->tier);
	json_close(b, '}');
}
