/*
 * Gemini: answers, in and out.
 */
#include "dialect/gemini.h"
#include "dialect/tag.h"
#include "json/write.h"

#include <stdio.h>

/* --- why an answer ended --- */

/* In the order of the enumeration, as some clients have it told by number. */
static const struct {
	struct slice word;
	enum finish finish;
} finishes[] = {{{"FINISH_REASON_UNSPECIFIED", 25}, FINISH_UNSAID},
    {{"STOP", 4}, FINISH_STOP}, {{"MAX_TOKENS", 10}, FINISH_LENGTH},
    {{"SAFETY", 6}, FINISH_FILTERED}, {{"RECITATION", 10}, FINISH_FILTERED},
    {{"OTHER", 5}, FINISH_ERROR}, {{"LANGUAGE", 8}, FINISH_FILTERED},
    {{"BLOCKLIST", 9}, FINISH_FILTERED}, {{"PROHIBITED_CONTENT", 18}, FINISH_FILTERED},
    {{"SPII", 4}, FINISH_FILTERED}, {{"MALFORMED_FUNCTION_CALL", 23}, FINISH_ERROR},
    {{"IMAGE_SAFETY", 12}, FINISH_FILTERED}, {{"UNEXPECTED_TOOL_CALL", 20}, FINISH_ERROR},
    {{"TOO_MANY_TOOL_CALLS", 19}, FINISH_ERROR},
    {{"IMAGE_PROHIBITED_CONTENT", 24}, FINISH_FILTERED},
    {{"IMAGE_RECITATION", 16}, FINISH_FILTERED}, {{"IMAGE_OTHER", 11}, FINISH_ERROR},
    {{"NO_IMAGE", 8}, FINISH_ERROR}, {{"MODEL_ARMOR", 11}, FINISH_FILTERED},
    {{"MISSING_THOUGHT_SIGNATURE", 25}, FINISH_ERROR},
    {{"MALFORMED_RESPONSE", 18}, FINISH_ERROR}};

#define FINISHES (sizeof(finishes) / sizeof(finishes[0]))

enum finish
gemini_answer_finish(const struct json *j, uint32_t v, struct slice *ret_raw)
{
	struct slice word = json_inner(j, v);
	uint64_t n;

	*ret_raw = word;
	if (json_u64(j, v, &n)) {
		if (n >= FINISHES)
			return FINISH_STOP;
		*ret_raw = finishes[n].word;
		return finishes[n].finish;
	}
	for (unsigned i = 0; i < FINISHES; i++)
		if (slice_eq(word, finishes[i].word))
			return finishes[i].finish;
	return word.len == 0 ? FINISH_UNSAID : FINISH_STOP;
}

struct slice
gemini_answer_finish_word(enum finish f)
{
	switch (f) {
	case FINISH_LENGTH: return S("MAX_TOKENS");
	case FINISH_FILTERED: return S("SAFETY");
	case FINISH_ERROR: return S("OTHER");
	default: return S("STOP");
	}
}

/* --- log probabilities --- */

/* A token as OpenAI tells it. */
static void
put_token(const struct json *j, uint32_t v, struct buf *b)
{
	struct slice token = json_inner(j, json_get(j, v, S("token")));

	json_member_inner(b, S("token"), token);
	json_key(b, S("logprob"));
	v = gemini_part_get(j, v, S("logProbability"), S("log_probability"));
	json_put_raw(b, json_is(j, v, JSON_NUMBER) ? json_raw(j, v) : S("0"));
	json_member_raw(b, S("bytes"), S("null"));
}

/* The likeliest at one place; `top` is a list of them, or none. */
static void
put_tops(const struct json *j, uint32_t top, struct buf *b)
{
	json_key(b, S("top_logprobs"));
	json_open(b, '[');
	JSON_FOR_EACH (c, j, json_get(j, top, S("candidates"))) {
		json_open(b, '{');
		put_token(j, c, b);
		json_close(b, '}');
	}
	json_close(b, ']');
}

void
gemini_answer_read_logprobs(const struct json *j, uint32_t v, struct buf *b)
{
	uint32_t chosen =
	    gemini_part_get(j, v, S("chosenCandidates"), S("chosen_candidates"));
	uint32_t tops = gemini_part_get(j, v, S("topCandidates"), S("top_candidates"));
	uint32_t top = json_first(j, tops);

	if (!json_is(j, chosen, JSON_ARRAY))
		return;
	json_open(b, '{');
	json_key(b, S("content"));
	json_open(b, '[');
	JSON_FOR_EACH (c, j, chosen) {
		json_open(b, '{');
		put_token(j, c, b);
		put_tops(j, top, b);
		json_close(b, '}');
		top = top == JSON_NONE ? top : json_after(j, tops, top);
	}
	json_close(b, ']');
	json_close(b, '}');
}

/* The same, into the arena. */
static struct slice
read_logprobs(struct reader *r, uint32_t v)
{
	struct slice made = S("");
	struct buf b;

	buf_init(&b, 8 * json_raw(r->j, v).len + 1024);
	gemini_answer_read_logprobs(r->j, v, &b);
	if (b.err != ERR_OK || !arena_copy(r->arena, buf_slice(&b), &made))
		(void)reader_nomem(r);
	buf_free(&b);
	return made;
}

static void
put_candidate(const struct json *j, uint32_t v, struct buf *b)
{
	uint32_t logprob = json_get(j, v, S("logprob"));

	json_open(b, '{');
	json_member_inner(b, S("token"), json_inner(j, json_get(j, v, S("token"))));
	json_member_raw(b, S("logProbability"),
	    json_is(j, logprob, JSON_NUMBER) ? json_raw(j, logprob) : S("0"));
	json_close(b, '}');
}

void
gemini_answer_put_logprobs(struct slice logprobs, struct buf *b)
{
	struct json j;
	uint32_t list;

	json_init(&j, 1u << 20);
	if (json_parse(&j, logprobs, 5) == ERR_OK) {
		list = json_get(&j, 0, S("content"));
		json_key(b, S("logprobsResult"));
		json_open(b, '{');
		json_key(b, S("topCandidates"));
		json_open(b, '[');
		JSON_FOR_EACH (t, &j, list) {
			json_open(b, '{');
			json_key(b, S("candidates"));
			json_open(b, '[');
			JSON_FOR_EACH (c, &j, json_get(&j, t, S("top_logprobs")))
				put_candidate(&j, c, b);
			json_close(b, ']');
			json_close(b, '}');
		}
		json_close(b, ']');
		json_key(b, S("chosenCandidates"));
		json_open(b, '[');
		JSON_FOR_EACH (t, &j, list)
			put_candidate(&j, t, b);
		json_close(b, ']');
		json_close(b, '}');
	}
	json_free(&j);
}

/* --- in --- */

enum candidate_member {
	C_FINISH,
	C_LOGPROBS,
	C_GROUNDING,
	C_CITATIONS,
	C_CONTENT,
	C_INDEX,
	C_MEMBERS
};

static const struct slice candidate_all[] = {[C_FINISH] = {"finishReason", 12},
    [C_LOGPROBS] = {"logprobsResult", 14},
    [C_GROUNDING] = {"groundingMetadata", 17},
    [C_CITATIONS] = {"citationMetadata", 16},
    [C_CONTENT] = {"content", 7},
    [C_INDEX] = {"index", 5},
    [C_MEMBERS] = {"finish_reason", 13},
    {"logprobs_result", 15},
    {"grounding_metadata", 18},
    {"citation_metadata", 17}};

static const struct gemini_names candidate_names = {candidate_all, C_MEMBERS, C_CONTENT};

static void
read_content(struct reader *r, uint32_t v, struct alternative *n, struct slice seed)
{
	uint32_t parts = json_get(r->j, v, S("parts"));
	struct part **tail = &n->turn.parts;
	unsigned calls = 0, members = 0;
	char text[40];
	int len = n->index == 0 ? snprintf(text, sizeof(text), "%.*s", SLICE_ARGS(seed))
				: snprintf(text, sizeof(text), "%.*s_%u",
				      SLICE_ARGS(seed), n->index);
	struct gemini_place at = {.turns = "candidates",
	    .between = "content.parts",
	    .turn = n->index,
	    .seed = slice_of(text, (size_t)len),
	    .calls = &calls};

	n->turn.raw = json_raw(r->j, v);
	JSON_FOR_EACH_KEY (k, r->j, v)
		members++;
	n->turn.whole = members == 2 && json_is(r->j, parts, JSON_ARRAY) &&
			json_equals(r->j, json_get(r->j, v, S("role")), S("model"));
	if (json_is(r->j, parts, JSON_ARRAY))
		JSON_FOR_EACH (part, r->j, parts) {
			gemini_part_read(r, part, &at, &tail);
			at.part++;
		}
	if (calls > 0 && n->finish == FINISH_STOP)
		n->finish = FINISH_CALLS; /* there is no word for it */
}

static void
read_candidate(
    struct reader *r, uint32_t v, struct alternative ***tail, struct slice seed)
{
	struct alternative *n = answer_add(r->arena, tail);
	uint32_t c[C_MEMBERS];
	uint64_t index;

	if (n == NULL) {
		(void)reader_nomem(r);
		return;
	}
	(void)gemini_part_pick(r->j, v, &candidate_names, c);
	if (json_u64(r->j, c[C_INDEX], &index) && index < UINT16_MAX)
		n->index = (unsigned)index;
	n->finish = gemini_answer_finish(r->j, c[C_FINISH], &n->finish_raw);
	read_content(r, c[C_CONTENT], n, seed);
	if (json_is(r->j, c[C_LOGPROBS], JSON_OBJECT))
		n->logprobs = read_logprobs(r, c[C_LOGPROBS]);
	n->citations =
	    json_raw(r->j, c[C_GROUNDING] != JSON_NONE ? c[C_GROUNDING] : c[C_CITATIONS]);
	n->members = reader_plain_members(r, v);
}

/* A prompt that was blocked has no answer: that is one, held back. */
static void
read_blocked(struct reader *r, uint32_t feedback, struct alternative ***tail)
{
	uint32_t reason =
	    gemini_part_get(r->j, feedback, S("blockReason"), S("block_reason"));
	struct alternative *n = answer_add(r->arena, tail);

	if (n == NULL) {
		(void)reader_nomem(r);
		return;
	}
	n->finish = reason == JSON_NONE ? FINISH_ERROR : FINISH_FILTERED;
	n->finish_raw = json_inner(r->j, reason);
}

enum reply_member { R_FEEDBACK, R_MODEL, R_ID, R_USAGE, R_CANDIDATES, R_MEMBERS };

static const struct slice reply_all[] = {[R_FEEDBACK] = {"promptFeedback", 14},
    [R_MODEL] = {"modelVersion", 12},
    [R_ID] = {"responseId", 10},
    [R_USAGE] = {"usageMetadata", 13},
    [R_CANDIDATES] = {"candidates", 10},
    [R_MEMBERS] = {"prompt_feedback", 15},
    {"model_version", 13},
    {"response_id", 11},
    {"usage_metadata", 14}};

static const struct gemini_names reply_names = {reply_all, R_MEMBERS, R_CANDIDATES};

enum err
gemini_answer_read(const struct json *j, struct arena *a, struct answer *ret)
{
	struct unknown **unknown = &ret->unknown;
	struct alternative **tail = &ret->alternatives;
	struct note note;
	struct reader r = {.j = j, .arena = a, .unknown = &unknown, .note = &note};
	uint32_t m[R_MEMBERS];
	char seed[16];

	answer_init(ret, DIALECT_GEMINI);
	(void)gemini_part_pick(j, 0, &reply_names, m);
	if (m[R_CANDIDATES] == JSON_NONE && m[R_FEEDBACK] == JSON_NONE &&
	    m[R_USAGE] == JSON_NONE)
		return ERR_BAD_REPLY;
	ret->id = json_inner(j, m[R_ID]);
	ret->model = json_inner(j, m[R_MODEL]);
	ret->tier = json_inner(
	    j, gemini_part_get(j, m[R_USAGE], S("serviceTier"), S("service_tier")));
	(void)snprintf(seed, sizeof(seed), "%012llx",
	    (unsigned long long)slice_hash(ret->id.len > 0 ? ret->id : j->text) >> 16);
	if (json_is(j, m[R_CANDIDATES], JSON_ARRAY))
		JSON_FOR_EACH (c, j, m[R_CANDIDATES])
			read_candidate(&r, c, &tail, slice_str(seed));
	if (ret->alternatives == NULL)
		read_blocked(&r, m[R_FEEDBACK], &tail);
	ret->members = reader_plain_members(&r, 0);
	return r.err == ERR_BAD_REQUEST ? ERR_BAD_REPLY : r.err;
}

/* --- out --- */

static void
put_modality(struct buf *b, struct slice name, uint64_t n)
{
	if (n == 0)
		return;
	json_open(b, '{');
	json_member(b, S("modality"), name);
	json_member_u64(b, S("tokenCount"), n);
	json_close(b, '}');
}

static void
put_details(
    struct buf *b, struct slice name, uint64_t text, uint64_t audio, uint64_t image)
{
	json_key(b, name);
	json_open(b, '[');
	put_modality(b, S("TEXT"), text);
	put_modality(b, S("AUDIO"), audio);
	put_modality(b, S("IMAGE"), image);
	json_close(b, ']');
}

void
gemini_answer_put_usage(const struct usage *u, struct slice tier, struct buf *b)
{
	uint64_t in = usage_input_tok(u), out = usage_output_tok(u);
	uint64_t thought = u->count[USAGE_REASONING];
	uint64_t audio_in = u->count[USAGE_AUDIO_IN], image_in = u->count[USAGE_IMAGE_IN];
	uint64_t audio = u->count[USAGE_AUDIO_OUT], image = u->count[USAGE_IMAGE_OUT];

	json_key(b, S("usageMetadata"));
	json_open(b, '{');
	json_member_u64(b, S("promptTokenCount"), in);
	if (u->count[USAGE_CACHED] > 0)
		json_member_u64(b, S("cachedContentTokenCount"), u->count[USAGE_CACHED]);
	json_member_u64(b, S("candidatesTokenCount"), out - thought);
	if (thought > 0)
		json_member_u64(b, S("thoughtsTokenCount"), thought);
	json_member_u64(b, S("totalTokenCount"), in + out);
	put_details(
	    b, S("promptTokensDetails"), in - audio_in - image_in, audio_in, image_in);
	if (audio + image > 0)
		put_details(b, S("candidatesTokensDetails"), u->count[USAGE_OUTPUT],
		    audio, image);
	if (slice_eq(tier, S("default")))
		json_member(b, S("serviceTier"), S("standard"));
	else if (tier.len > 0)
		json_member_inner(b, S("serviceTier"), tier);
	json_close(b, '}');
}

static void
put_part(struct buf *b, const struct answer_plan *plan, const struct part *p)
{
	size_t before = b->len;

	json_open(b, '{');
	switch (p->kind) {
	case PART_CALL:
		json_key(b, S("functionCall"));
		json_open(b, '{');
		json_member_inner(b, S("id"), p->call.id);
		json_member_inner(b, S("name"), p->call.name);
		json_key(b, S("args"));
		writer_object(b, p->call.arguments);
		json_close(b, '}');
		if (p->call.signature.len > 0)
			gemini_part_put_signature(b, plan->provider, p->call.signature);
		break;
	case PART_REASONING:
		json_member_inner(b, S("text"), p->text);
		if (p->reasoning.sealed.ptr != NULL) {
			gemini_part_put_signature(b, plan->provider, p->reasoning.sealed);
			break;
		}
		json_member_raw(b, S("thought"), S("true"));
		gemini_part_put_signature(b, plan->provider, p->reasoning.signature);
		break;
	case PART_IMAGE:
	case PART_AUDIO:
	case PART_VIDEO:
	case PART_FILE:
		if (gemini_part_put_media(b, p))
			break;
		if (b->err == ERR_OK)
			b->len = before;
		return;
	default: json_member_inner(b, S("text"), p->text);
	}
	json_close(b, '}');
}

static bool
is_said(const struct part *p)
{
	switch (p->kind) {
	case PART_TEXT:
	case PART_REFUSAL: return p->text.len > 0;
	case PART_RESULT:
	case PART_OTHER: return false;
	default: return true;
	}
}

static void
put_content(struct buf *b, const struct answer_plan *plan, const struct turn *t)
{
	bool any = false;

	json_key(b, S("content"));
	json_open(b, '{');
	for (const struct part *p = t->parts; p != NULL; p = p->next) {
		if (!is_said(p))
			continue;
		if (!any) {
			json_key(b, S("parts"));
			json_open(b, '[');
		}
		any = true;
		put_part(b, plan, p);
	}
	if (any)
		json_close(b, ']');
	json_member(b, S("role"), S("model"));
	json_close(b, '}');
}

static void
put_alternative(
    struct buf *b, const struct answer_plan *plan, const struct alternative *n)
{
	json_open(b, '{');
	put_content(b, plan, &n->turn);
	json_member(b, S("finishReason"), gemini_answer_finish_word(n->finish));
	json_member_u64(b, S("index"), n->index);
	if (n->logprobs.len > 0)
		gemini_answer_put_logprobs(n->logprobs, b);
	json_close(b, '}');
}

/* An answer of this dialect: its members as they were, the contents from what was
 * read of them. */
static void
put_same_alternative(struct writer *w, const struct alternative *n)
{
	json_open(w->to, '{');
	for (const struct member *m = n->members; m != NULL; m = m->next) {
		json_key_inner(w->to, m->key);
		if (!slice_eq(m->key, S("content")) || !n->turn.whole) {
			json_put_raw(w->to, m->value);
			continue;
		}
		json_open(w->to, '{');
		json_key(w->to, S("parts"));
		json_open(w->to, '[');
		gemini_turns_put_same_parts(w, &n->turn);
		json_close(w->to, ']');
		json_member(w->to, S("role"), S("model"));
		json_close(w->to, '}');
	}
	json_close(w->to, '}');
}

static void
put_same(const struct answer *n, const struct answer_plan *plan, struct buf *b)
{
	const struct write_plan same = {.provider = plan->provider};
	struct writer w = {
	    .plan = &same, .to = b, .dialect = DIALECT_GEMINI, .same = true};

	json_open(b, '{');
	for (const struct member *m = n->members; m != NULL; m = m->next) {
		json_key_inner(b, m->key);
		if (!slice_eq(m->key, S("candidates")) ||
		    !slice_starts(m->value, S("["))) {
			json_put_raw(b, m->value);
			continue;
		}
		json_open(b, '[');
		for (const struct alternative *c = n->alternatives; c != NULL;
		     c = c->next)
			if (c->members != NULL)
				put_same_alternative(&w, c);
		json_close(b, ']');
	}
	json_close(b, '}');
}

void
gemini_answer_put_names(
    struct buf *b, const struct answer_plan *plan, struct slice model, struct slice id)
{
	if (model.len > 0)
		json_member_inner(b, S("modelVersion"), model);
	else
		json_member(b, S("modelVersion"), plan->model);
	if (id.len > 0)
		json_member_inner(b, S("responseId"), id);
	else
		json_member(b, S("responseId"), plan->id);
}

void
gemini_answer_write(const struct answer *n, const struct answer_plan *plan, struct buf *b)
{
	if (n->origin == DIALECT_GEMINI) {
		put_same(n, plan, b);
		return;
	}
	json_open(b, '{');
	json_key(b, S("candidates"));
	json_open(b, '[');
	for (const struct alternative *c = n->alternatives; c != NULL; c = c->next)
		put_alternative(b, plan, c);
	json_close(b, ']');
	if (n->usage.known)
		gemini_answer_put_usage(&n->usage, n->tier, b);
	gemini_answer_put_names(b, plan, n->model, n->id);
	json_close(b, '}');
}
