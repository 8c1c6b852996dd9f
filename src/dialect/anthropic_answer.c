/*
 * Anthropic Messages: answers, in and out.
 */
#include "dialect/anthropic.h"
#include "dialect/tag.h"
#include "json/write.h"

static const struct {
	struct slice word;
	enum finish finish;
} finishes[] = {{{"end_turn", 8}, FINISH_STOP}, {{"tool_use", 8}, FINISH_CALLS},
    {{"max_tokens", 10}, FINISH_LENGTH}, {{"refusal", 7}, FINISH_FILTERED},
    {{"stop_sequence", 13}, FINISH_STOP}, {{"pause_turn", 10}, FINISH_STOP},
    {{"model_context_window_exceeded", 29}, FINISH_LENGTH}};

enum finish
anthropic_finish_of(struct slice word)
{
	for (unsigned i = 0; i < sizeof(finishes) / sizeof(finishes[0]); i++)
		if (slice_eq(word, finishes[i].word))
			return finishes[i].finish;
	return word.len == 0 ? FINISH_UNSAID : FINISH_STOP;
}

struct slice
anthropic_finish_word(enum finish f, bool stop_text)
{
	if (f == FINISH_STOP && stop_text)
		return S("stop_sequence");
	for (unsigned i = 0; i < sizeof(finishes) / sizeof(finishes[0]); i++)
		if (finishes[i].finish == f)
			return finishes[i].word;
	return S("end_turn");
}

enum err
anthropic_read_answer(const struct json *j, struct arena *a, struct answer *ret)
{
	struct unknown **unknown = &ret->unknown;
	struct alternative **tail = &ret->alternatives, *n;
	struct note note;
	struct reader r = {.j = j, .arena = a, .unknown = &unknown, .note = &note};
	uint32_t content = json_get(j, 0, S("content"));

	answer_init(ret, DIALECT_ANTHROPIC);
	if (!json_is(j, content, JSON_ARRAY))
		return ERR_BAD_REPLY;
	n = answer_add(a, &tail);
	if (n == NULL)
		return ERR_NOMEM;
	ret->id = json_inner(j, json_get(j, 0, S("id")));
	ret->model = json_inner(j, json_get(j, 0, S("model")));
	ret->tier = json_inner(j, json_path(j, 0, "usage", "service_tier", NULL));
	n->turn.raw = json_raw(j, content);
	anthropic_read_content(&r, content, &n->turn);
	n->finish_raw = json_inner(j, json_get(j, 0, S("stop_reason")));
	n->finish = anthropic_finish_of(n->finish_raw);
	n->stop_text = json_inner(j, json_get(j, 0, S("stop_sequence")));
	ret->members = reader_plain_members(&r, 0);
	return r.err == ERR_BAD_REQUEST ? ERR_BAD_REPLY : r.err;
}

/* --- out --- */

static void
put_signed(struct buf *b, struct slice name, const struct answer_plan *plan,
    struct slice signature)
{
	json_key(b, name);
	tag_put(b, plan->provider, signature);
}

static void
put_block(struct buf *b, const struct answer_plan *plan, const struct part *p)
{
	json_open(b, '{');
	switch (p->kind) {
	case PART_REASONING:
		if (p->reasoning.sealed.ptr != NULL) {
			json_member(b, S("type"), S("redacted_thinking"));
			put_signed(b, S("data"), plan, p->reasoning.sealed);
			break;
		}
		json_member(b, S("type"), S("thinking"));
		json_member_inner(b, S("thinking"), p->text);
		put_signed(b, S("signature"), plan, p->reasoning.signature);
		break;
	case PART_CALL:
		json_member(b, S("type"), S("tool_use"));
		json_member_inner(b, S("id"), p->call.id);
		json_member_inner(b, S("name"), p->call.name);
		json_key(b, S("input"));
		writer_object(b, p->call.arguments); /* a cut answer's are cut too */
		break;
	default:
		json_member(b, S("type"), S("text"));
		json_member_inner(b, S("text"), p->text);
	}
	json_close(b, '}');
}

void
anthropic_put_usage(const struct usage *u, struct buf *b)
{
	uint64_t in =
	    u->count[USAGE_INPUT] + u->count[USAGE_AUDIO_IN] + u->count[USAGE_IMAGE_IN];
	uint64_t short_write = u->count[USAGE_CACHE_WRITE];
	uint64_t long_write = u->count[USAGE_CACHE_WRITE_1H];

	json_key(b, S("usage"));
	json_open(b, '{');
	json_member_u64(b, S("input_tokens"), in);
	json_member_u64(b, S("cache_creation_input_tokens"), short_write + long_write);
	json_member_u64(b, S("cache_read_input_tokens"), u->count[USAGE_CACHED]);
	if (short_write + long_write > 0) {
		json_key(b, S("cache_creation"));
		json_open(b, '{');
		json_member_u64(b, S("ephemeral_5m_input_tokens"), short_write);
		json_member_u64(b, S("ephemeral_1h_input_tokens"), long_write);
		json_close(b, '}');
	}
	json_member_u64(b, S("output_tokens"), usage_output_tok(u));
	if (u->count[USAGE_REASONING] > 0) {
		json_key(b, S("output_tokens_details"));
		json_open(b, '{');
		json_member_u64(b, S("thinking_tokens"), u->count[USAGE_REASONING]);
		json_close(b, '}');
	}
	json_close(b, '}');
}

static bool
has_block(const struct part *p)
{
	return p->kind == PART_REASONING || p->kind == PART_CALL ||
	       ((p->kind == PART_TEXT || p->kind == PART_REFUSAL) && p->text.len > 0);
}

void
anthropic_write_answer(
    const struct answer *n, const struct answer_plan *plan, struct buf *b)
{
	const struct alternative *c = n->alternatives;
	enum finish finish = c == NULL ? FINISH_STOP : c->finish;

	json_open(b, '{');
	json_member_inner(b, S("id"), n->id.len > 0 ? n->id : plan->id);
	json_member(b, S("type"), S("message"));
	json_member(b, S("role"), S("assistant"));
	json_member_inner(b, S("model"), n->model.len > 0 ? n->model : plan->model);
	json_key(b, S("content"));
	json_open(b, '[');
	for (const struct part *p = c == NULL ? NULL : c->turn.parts; p != NULL;
	     p = p->next)
		if (has_block(p))
			put_block(b, plan, p);
	json_close(b, ']');
	json_member(b, S("stop_reason"),
	    anthropic_finish_word(finish, c != NULL && c->stop_text.ptr != NULL));
	json_key(b, S("stop_sequence"));
	if (c != NULL && c->stop_text.ptr != NULL)
		json_put_inner(b, c->stop_text);
	else
		json_put_null(b);
	anthropic_put_usage(&n->usage, b);
	json_close(b, '}');
}
