/*
 * Bedrock Converse: answers, in and out.
 */
#include "dialect/bedrock.h"
#include "dialect/tag.h"

#include "core/base64.h"
#include "json/write.h"

/* --- why an answer ended --- */

static const struct {
	struct slice word;
	enum finish finish;
} finishes[] = {{{"end_turn", 8}, FINISH_STOP}, {{"tool_use", 8}, FINISH_CALLS},
    {{"max_tokens", 10}, FINISH_LENGTH}, {{"content_filtered", 16}, FINISH_FILTERED},
    {{"malformed_model_output", 22}, FINISH_ERROR}, {{"stop_sequence", 13}, FINISH_STOP},
    {{"guardrail_intervened", 20}, FINISH_FILTERED},
    {{"malformed_tool_use", 18}, FINISH_ERROR},
    {{"model_context_window_exceeded", 29}, FINISH_LENGTH}};

enum finish
bedrock_finish_of(struct slice word)
{
	for (unsigned i = 0; i < sizeof(finishes) / sizeof(finishes[0]); i++)
		if (slice_eq(word, finishes[i].word))
			return finishes[i].finish;
	return word.len == 0 ? FINISH_UNSAID : FINISH_STOP;
}

struct slice
bedrock_finish_word(enum finish f, bool stop_text)
{
	if (f == FINISH_STOP && stop_text)
		return S("stop_sequence");
	for (unsigned i = 0; i < sizeof(finishes) / sizeof(finishes[0]); i++)
		if (finishes[i].finish == f)
			return finishes[i].word;
	return S("end_turn");
}

/* --- in --- */

enum err
bedrock_read_answer(const struct json *j, struct arena *a, struct answer *ret)
{
	struct unknown **unknown = &ret->unknown;
	struct alternative **tail = &ret->alternatives, *n;
	struct note note;
	struct reader r = {.j = j, .arena = a, .unknown = &unknown, .note = &note};
	uint32_t message = json_path(j, 0, "output", "message", NULL);

	note_set(&note, "%s", "");
	answer_init(ret, DIALECT_BEDROCK);
	if (!json_is(j, message, JSON_OBJECT))
		return ERR_BAD_REPLY;
	n = answer_add(a, &tail);
	if (n == NULL)
		return ERR_NOMEM;
	ret->tier = json_inner(j, json_path(j, 0, "serviceTier", "type", NULL));
	n->turn.raw = json_raw(j, message);
	bedrock_read_said(&r, message, &n->turn);
	n->finish_raw = json_inner(j, json_get(j, 0, S("stopReason")));
	n->finish = bedrock_finish_of(n->finish_raw);
	n->stop_text = bedrock_stop_of(j);
	ret->members = reader_plain_members(&r, 0);
	return r.err == ERR_BAD_REQUEST ? ERR_BAD_REPLY : r.err;
}

/* --- out --- */

/* Where the model's own events have it, too: some clients ask for that place. */
void
bedrock_put_stop(struct slice text, struct buf *b)
{
	json_key(b, S("additionalModelResponseFields"));
	json_open(b, '{');
	json_member_inner(b, S("stop_sequence"), text);
	json_key(b, S("delta"));
	json_open(b, '{');
	json_member_inner(b, S("stop_sequence"), text);
	json_close(b, '}');
	json_close(b, '}');
}

/* The text that ended it, if the fields of the model's own answer tell. */
struct slice
bedrock_stop_of(const struct json *j)
{
	uint32_t own = json_get(j, 0, S("additionalModelResponseFields"));
	uint32_t text = json_get(j, own, S("stop_sequence"));

	if (text == JSON_NONE)
		text = json_path(j, own, "delta", "stop_sequence", NULL);
	return json_inner(j, text);
}

/* Input is what was neither read from a cache nor written to one. */
void
bedrock_put_usage(const struct usage *u, struct buf *b)
{
	uint64_t in =
	    u->count[USAGE_INPUT] + u->count[USAGE_AUDIO_IN] + u->count[USAGE_IMAGE_IN];
	uint64_t brief = u->count[USAGE_CACHE_WRITE];
	uint64_t hour = u->count[USAGE_CACHE_WRITE_1H];
	uint64_t out = usage_output_tok(u);

	json_key(b, S("usage"));
	json_open(b, '{');
	json_member_u64(b, S("inputTokens"), in);
	json_member_u64(b, S("outputTokens"), out);
	json_member_u64(b, S("totalTokens"), usage_input_tok(u) + out);
	json_member_u64(b, S("cacheReadInputTokens"), u->count[USAGE_CACHED]);
	json_member_u64(b, S("cacheWriteInputTokens"), brief + hour);
	if (hour > 0) {
		json_key(b, S("cacheDetails"));
		json_open(b, '[');
		buf_add(b, S("{\"ttl\":\"1h\",\"inputTokens\":"));
		buf_u64(b, hour);
		buf_add(b, S("},{\"ttl\":\"5m\",\"inputTokens\":"));
		buf_u64(b, brief);
		buf_byte(b, '}');
		json_close(b, ']');
	}
	json_close(b, '}');
}

void
bedrock_put_sealed(struct buf *b, const char *provider, struct slice sealed)
{
	struct buf tagged;

	buf_init(&tagged, b->max);
	tag_put(&tagged, provider, sealed);
	if (tagged.err == ERR_OK) {
		json_put_inner(b, S(""));
		if (b->err == ERR_OK) {
			b->len--; /* the closing quote comes again */
			base64_put(b, slice_of(tagged.ptr + 1, tagged.len - 2));
			buf_byte(b, '"');
		}
	} else if (b->err == ERR_OK) {
		b->err = tagged.err;
	}
	buf_free(&tagged);
}

static void
put_reasoning(struct buf *b, const struct answer_plan *plan, const struct part *p)
{
	json_open(b, '{');
	json_key(b, S("reasoningContent"));
	json_open(b, '{');
	if (p->reasoning.sealed.ptr != NULL) {
		json_key(b, S("redactedContent"));
		bedrock_put_sealed(b, plan->provider, p->reasoning.sealed);
	} else {
		json_key(b, S("reasoningText"));
		json_open(b, '{');
		json_member_inner(b, S("text"), p->text);
		json_key(b, S("signature"));
		tag_put(b, plan->provider, p->reasoning.signature);
		json_close(b, '}');
	}
	json_close(b, '}');
	json_close(b, '}');
}

static void
put_call(struct buf *b, const struct part *p)
{
	json_open(b, '{');
	json_key(b, S("toolUse"));
	json_open(b, '{');
	json_member_inner(b, S("toolUseId"), p->call.id);
	json_member_inner(b, S("name"), p->call.name);
	json_key(b, S("input"));
	writer_object(b, p->call.arguments); /* a cut answer's are cut too */
	json_close(b, '}');
	json_close(b, '}');
}

static void
put_block(struct buf *b, const struct answer_plan *plan, const struct part *p)
{
	switch (p->kind) {
	case PART_TEXT:
	case PART_REFUSAL:
		if (p->text.len > 0)
			bedrock_put_text(b, p->text);
		break;
	case PART_REASONING: put_reasoning(b, plan, p); break;
	case PART_CALL: put_call(b, p); break;
	case PART_IMAGE: (void)bedrock_put_media(b, p, NULL, true); break;
	default: break;
	}
}

/* An answer of its own dialect, as it was read. */
static void
put_same(const struct answer *n, struct buf *b)
{
	const struct alternative *c = n->alternatives;

	json_open(b, '{');
	for (const struct member *m = n->members; m != NULL; m = m->next) {
		json_key_inner(b, m->key);
		if (!slice_eq(m->key, S("output")) || c == NULL || !c->turn.whole) {
			json_put_raw(b, m->value);
			continue;
		}
		buf_add(b, S("{\"message\":{\"role\":\"assistant\",\"content\":"));
		bedrock_put_same(b, c->turn.parts);
		buf_add(b, S("}}"));
	}
	json_close(b, '}');
}

void
bedrock_write_answer(
    const struct answer *n, const struct answer_plan *plan, struct buf *b)
{
	const struct alternative *c = n->alternatives;
	const struct part *p = c == NULL ? NULL : c->turn.parts;

	if (n->origin == DIALECT_BEDROCK) {
		put_same(n, b);
		return;
	}
	buf_add(b, S("{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":["));
	for (; p != NULL; p = p->next)
		put_block(b, plan, p);
	buf_add(b, S("]}}"));
	json_member(b, S("stopReason"),
	    bedrock_finish_word(c == NULL ? FINISH_STOP : c->finish,
		c != NULL && c->stop_text.ptr != NULL));
	bedrock_put_usage(&n->usage, b);
	json_member_raw(b, S("metrics"), S("{\"latencyMs\":0}"));
	if (c != NULL && c->stop_text.ptr != NULL)
		bedrock_put_stop(c->stop_text, b);
	json_close(b, '}');
}
