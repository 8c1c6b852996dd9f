/*
 * The Gemini dialect: generateContent, streamGenerateContent, countTokens,
 * embedContent and batchEmbedContents, of Google AI Studio and of Vertex AI. The model
 * and whether events are wanted stand in the path.
 *
 * Sources: Google's discovery document of 2026-07-17, python-genai 6680718
 * (2026-08-21), recorded replies.
 */
#include "dialect/gemini.h"
#include "dialect/fault.h"
#include "dialect/pass.h"
#include "json/write.h"

/* --- requests --- */

/* What stands in a part beside text does not count as text. */
static void
read_part(const struct json *j, uint32_t part, struct ask *ask)
{
	uint32_t m[GEMINI_PART_MEMBERS], held;
	struct slice type;
	enum part_kind kind;

	(void)gemini_part_pick(j, part, &gemini_part_names, m);
	held = m[GEMINI_INLINE_DATA] != JSON_NONE ? m[GEMINI_INLINE_DATA]
						  : m[GEMINI_FILE_DATA];
	if (!json_is(j, held, JSON_OBJECT))
		return;
	type = json_inner(j, gemini_part_get(j, held, S("mimeType"), S("mime_type")));
	kind = gemini_part_kind(type);
	if (kind == PART_IMAGE || kind == PART_VIDEO)
		ask->needs |= CAP_VISION;
	else if (kind == PART_AUDIO)
		ask->needs |= CAP_AUDIO;
	pass_media(j, held,
	    kind == PART_IMAGE	 ? MEDIA_PICTURE
	    : kind == PART_AUDIO ? MEDIA_SOUND
				 : MEDIA_OTHER,
	    ask);
}

static void
read_content(const struct json *j, uint32_t content, struct ask *ask)
{
	uint32_t parts = json_get(j, content, S("parts"));

	if (json_is(j, parts, JSON_OBJECT))
		read_part(j, parts, ask);
	if (json_is(j, parts, JSON_ARRAY))
		JSON_FOR_EACH (part, j, parts)
			read_part(j, part, ask);
}

/* A request to generate, or one whose tokens are to be counted, which may be inside. */
static bool
read_chat(const struct json *j, struct ask *ask)
{
	uint32_t inside = gemini_part_get(
	    j, 0, S("generateContentRequest"), S("generate_content_request"));
	uint32_t root =
	    ask->op == OP_COUNT && json_is(j, inside, JSON_OBJECT) ? inside : 0;
	uint32_t contents = json_get(j, root, S("contents"));
	uint32_t system =
	    gemini_part_get(j, root, S("systemInstruction"), S("system_instruction"));
	uint32_t tools = json_get(j, root, S("tools"));
	uint32_t config =
	    gemini_part_get(j, root, S("generationConfig"), S("generation_config"));

	if (json_is(j, contents, JSON_OBJECT))
		read_content(j, contents, ask);
	else if (json_is(j, contents, JSON_ARRAY))
		JSON_FOR_EACH (c, j, contents)
			read_content(j, c, ask);
	else
		return false;
	ask->prompt_bytes += json_raw(j, contents).len + json_raw(j, system).len;
	if (json_first(j, tools) != JSON_NONE) {
		ask->needs |= CAP_TOOLS;
		ask->prompt_bytes += json_raw(j, tools).len;
	}
	if (gemini_part_get(j, config, S("responseSchema"), S("response_schema")) !=
		JSON_NONE ||
	    gemini_part_get(j, config, S("responseJsonSchema"),
		S("response_json_schema")) != JSON_NONE)
		ask->needs |= CAP_STRUCTURED;
	(void)json_u64(j,
	    gemini_part_get(j, config, S("maxOutputTokens"), S("max_output_tokens")),
	    &ask->max_output_tok);
	ask->answers = pass_answers(
	    j, gemini_part_get(j, config, S("candidateCount"), S("candidate_count")));
	return true;
}

/* One content, or a list of requests with one each, which have the model's context
 * for themselves. */
static bool
read_embedding(const struct json *j, struct ask *ask)
{
	uint32_t requests = json_get(j, 0, S("requests"));
	uint32_t content = json_get(j, 0, S("content"));

	if (json_is(j, content, JSON_OBJECT)) {
		ask->prompt_bytes += json_raw(j, content).len;
		read_content(j, content, ask);
		return true;
	}
	if (!json_is(j, requests, JSON_ARRAY))
		return false;
	JSON_FOR_EACH (request, j, requests) {
		uint64_t before = ask->prompt_bytes;

		content = json_get(j, request, S("content"));
		ask->prompt_bytes += json_raw(j, content).len;
		read_content(j, content, ask);
		if (ask->prompt_bytes - before > ask->longest_bytes)
			ask->longest_bytes = ask->prompt_bytes - before;
	}
	return true;
}

static enum err
read_ask(const struct json *j, enum operation op, struct arena *a, struct ask *ret_ask,
    struct note *note, const char **ret_param)
{
	struct ask ask = {.op = op, .answers = 1, .usage_asked = true};
	uint32_t model = json_get(j, 0, S("model"));

	if (!json_is(j, 0, JSON_OBJECT))
		return pass_refuse(
		    note, ret_param, NULL, "The request body must be a JSON object.");
	if (json_is(j, model, JSON_STRING) && !json_string(j, model, a, &ask.model))
		return ERR_NOMEM;
	if (op == OP_EMBEDDING || op == OP_EMBEDDINGS) {
		ask.op = OP_EMBEDDING;
		if (!read_embedding(j, &ask))
			return pass_refuse(note, ret_param, "content",
			    "'content' must be there, or 'requests' as an array.");
	} else if (!read_chat(j, &ask)) {
		return pass_refuse(
		    note, ret_param, "contents", "contents is not specified");
	}
	pass_tier(j, gemini_part_get(j, 0, S("serviceTier"), S("service_tier")), &ask);
	if (gemini_part_get(j, 0, S("cachedContent"), S("cached_content")) != JSON_NONE)
		ask.refers = true;
	*ret_ask = ask;
	return ERR_OK;
}

/* --- edits --- */

/* The name as the caller has it, "models/name" mostly, with the provider's in its
 * place; ptr NULL: it is the same. */
static struct slice
renamed(struct slice said, struct slice model, struct arena *a)
{
	size_t at = slice_search(said, S("models/"));
	struct slice head = at < said.len ? slice_head(said, at + 7) : S("");

	if (slice_cmp(slice_from(said, head.len), model) == 0 ||
	    slice_cmp(said, model) == 0)
		return (struct slice){NULL, 0};
	if (slice_find(model, '/') < model.len)
		head = S("");
	return arena_printf(a, "\"%.*s%.*s\"", SLICE_ARGS(head), SLICE_ARGS(model));
}

static enum err
edit_model(const struct json *j, uint32_t v, struct slice model, struct arena *a,
    struct json_edits *e)
{
	struct slice said = json_inner(j, v), text;

	if (said.ptr == NULL)
		return ERR_OK;
	text = renamed(said, model, a);
	if (text.ptr == NULL)
		return ERR_OK;
	return text.len == 0 ? ERR_NOMEM : json_replace(e, j, v, text);
}

/* Each request of a batch names the model: the list is replaced as a whole, as there
 * may be more of them than edits. */
static enum err
edit_batch(
    const struct json *j, struct slice model, struct arena *a, struct json_edits *e)
{
	uint32_t requests = json_get(j, 0, S("requests"));
	struct slice list = json_raw(j, requests), copy = S("");
	const char *at = list.ptr;
	bool any = false;
	struct buf b;

	if (!json_is(j, requests, JSON_ARRAY))
		return ERR_OK;
	buf_init(&b, list.len * (model.len + 2) + 1024);
	JSON_FOR_EACH (request, j, requests) {
		uint32_t v = json_get(j, request, S("model"));
		struct slice raw = json_raw(j, v), text;

		if (!json_is(j, v, JSON_STRING))
			continue;
		text = renamed(json_inner(j, v), model, a);
		if (text.ptr == NULL)
			continue;
		buf_add(&b, slice_of(at, (size_t)(raw.ptr - at)));
		buf_add(&b, text);
		at = raw.ptr + raw.len;
		any = true;
	}
	buf_add(&b, slice_of(at, (size_t)(list.ptr + list.len - at)));
	if (any && (b.err != ERR_OK || !arena_copy(a, buf_slice(&b), &copy))) {
		buf_free(&b);
		return ERR_NOMEM;
	}
	buf_free(&b);
	return any ? json_replace(e, j, requests, copy) : ERR_OK;
}

static enum err
edit(const struct json *j, const struct ask *ask, const struct edit_plan *plan,
    struct arena *a, struct json_edits *ret_edits)
{
	uint32_t inside = gemini_part_get(
	    j, 0, S("generateContentRequest"), S("generate_content_request"));
	enum err e;

	(void)ask;
	ret_edits->count = 0;
	e = edit_model(j, json_get(j, 0, S("model")), plan->model, a, ret_edits);
	if (e == ERR_OK)
		e = edit_model(
		    j, json_get(j, inside, S("model")), plan->model, a, ret_edits);
	if (e == ERR_OK)
		e = edit_batch(j, plan->model, a, ret_edits);
	return e == ERR_OK ? json_remove(ret_edits, j, 0, S("provider")) : e;
}

/* --- usage --- */

#define COUNT_MAX 1000000000u /* tokens of one request */

enum usage_member {
	U_PROMPT,
	U_CANDIDATES,
	U_THOUGHTS,
	U_TOOL_USE,
	U_CACHED,
	U_TOTAL,
	U_PROMPT_DETAILS,
	U_PROMPT_DETAILS_2, /* of embeddings */
	U_CACHED_DETAILS,
	U_TOOL_USE_DETAILS,
	U_CANDIDATES_DETAILS,
	U_TIER,
	U_TRAFFIC,
	U_MEMBERS
};

static const struct slice usage_all[] = {[U_PROMPT] = {"promptTokenCount", 16},
    [U_CANDIDATES] = {"candidatesTokenCount", 20},
    [U_THOUGHTS] = {"thoughtsTokenCount", 18},
    [U_TOOL_USE] = {"toolUsePromptTokenCount", 23},
    [U_CACHED] = {"cachedContentTokenCount", 23},
    [U_TOTAL] = {"totalTokenCount", 15},
    [U_PROMPT_DETAILS] = {"promptTokensDetails", 19},
    [U_PROMPT_DETAILS_2] = {"promptTokenDetails", 18},
    [U_CACHED_DETAILS] = {"cacheTokensDetails", 18},
    [U_TOOL_USE_DETAILS] = {"toolUsePromptTokensDetails", 26},
    [U_CANDIDATES_DETAILS] = {"candidatesTokensDetails", 23},
    [U_TIER] = {"serviceTier", 11},
    [U_TRAFFIC] = {"trafficType", 11}};

static uint64_t
number(const struct json *j, uint32_t v)
{
	uint64_t n;

	return json_u64(j, v, &n) ? n : 0;
}

/* n off *from, as far as it goes: classes never become negative. */
static uint64_t
split_off(uint64_t *from, uint64_t n)
{
	if (n > *from)
		n = *from;
	*from -= n;
	return n;
}

/* Tokens by what they stand for. Some clients have the kinds told by number. */
struct kinds {
	uint64_t audio, image;
};

static void
add_kinds(const struct json *j, uint32_t list, struct kinds *k)
{
	if (!json_is(j, list, JSON_ARRAY))
		return;
	JSON_FOR_EACH (e, j, list) {
		uint32_t kind = json_get(j, e, S("modality"));
		uint64_t n = number(j, json_get(j, e, S("tokenCount"))), id = 0;

		(void)json_u64(j, kind, &id);
		if (id == 4 || json_equals(j, kind, S("AUDIO")))
			k->audio += n;
		else if (id == 2 || json_equals(j, kind, S("IMAGE")))
			k->image += n;
	}
}

/* The price goes by how the request was served: in the words of OpenAI. */
static struct slice
read_tier(const struct json *j, const uint32_t u[U_MEMBERS])
{
	struct slice traffic = json_inner(j, u[U_TRAFFIC]);

	if (u[U_TIER] != JSON_NONE)
		return json_inner(j, u[U_TIER]);
	if (slice_eq(traffic, S("ON_DEMAND_PRIORITY")))
		return S("priority");
	return slice_eq(traffic, S("ON_DEMAND_FLEX")) ? S("flex") : S("");
}

/*
 * promptTokenCount holds what was cached, but not what tools brought in;
 * candidatesTokenCount does not hold the thoughts. Each may be left out when it is 0.
 */
static void
read_usage(const struct json *j, uint32_t object, struct reply_facts *f)
{
	struct usage usage = {.known = true};
	struct kinds in = {0}, cached_kinds = {0}, out = {0};
	uint64_t prompt, cached, candidates;
	uint32_t u[U_MEMBERS];

	json_pick(j, object, usage_all, U_MEMBERS, u);
	if (u[U_PROMPT] == JSON_NONE && u[U_CANDIDATES] == JSON_NONE &&
	    u[U_TOTAL] == JSON_NONE)
		return;
	add_kinds(j, u[U_PROMPT_DETAILS], &in);
	add_kinds(j, u[U_PROMPT_DETAILS_2], &in);
	add_kinds(j, u[U_TOOL_USE_DETAILS], &in);
	add_kinds(j, u[U_CACHED_DETAILS], &cached_kinds);
	add_kinds(j, u[U_CANDIDATES_DETAILS], &out);
	prompt = number(j, u[U_PROMPT]) + number(j, u[U_TOOL_USE]);
	cached = split_off(&prompt, number(j, u[U_CACHED]));
	(void)split_off(&in.audio, cached_kinds.audio);
	(void)split_off(&in.image, cached_kinds.image);
	candidates = number(j, u[U_CANDIDATES]);
	usage.count[USAGE_CACHED] = cached;
	usage.count[USAGE_AUDIO_IN] = split_off(&prompt, in.audio);
	usage.count[USAGE_IMAGE_IN] = split_off(&prompt, in.image);
	usage.count[USAGE_INPUT] = prompt;
	usage.count[USAGE_REASONING] = number(j, u[U_THOUGHTS]);
	usage.count[USAGE_AUDIO_OUT] = split_off(&candidates, out.audio);
	usage.count[USAGE_IMAGE_OUT] = split_off(&candidates, out.image);
	usage.count[USAGE_OUTPUT] = candidates;
	usage.count[USAGE_REQUESTS] = 1;
	/* What cannot be is not believed, and the use then unknown. */
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		if (usage.count[c] > COUNT_MAX)
			return;
	f->usage = usage;
	f->tier = read_tier(j, u);
}

/* --- replies --- */

enum reply_member {
	R_MODEL,
	R_USAGE,
	R_FEEDBACK,
	R_CANDIDATES,
	R_ERROR,
	R_EMBEDDING,
	R_EMBEDDINGS,
	R_MEMBERS
};

static const struct slice reply_all[] = {[R_MODEL] = {"modelVersion", 12},
    [R_USAGE] = {"usageMetadata", 13},
    [R_FEEDBACK] = {"promptFeedback", 14},
    [R_CANDIDATES] = {"candidates", 10},
    [R_ERROR] = {"error", 5},
    [R_EMBEDDING] = {"embedding", 9},
    [R_EMBEDDINGS] = {"embeddings", 10}};

static void
read_members(const struct json *j, uint32_t v, struct reply_facts *f,
    uint32_t ret_members[R_MEMBERS])
{
	uint32_t *r = ret_members;
	struct slice model;

	json_pick(j, v, reply_all, R_MEMBERS, r);
	if (r[R_USAGE] != JSON_NONE)
		read_usage(j, r[R_USAGE], f);
	model = json_inner(j, r[R_MODEL]);
	if (model.len > 0)
		f->model = model;
	f->is_fault = r[R_ERROR] != JSON_NONE && !json_is(j, r[R_ERROR], JSON_NULL) &&
		      r[R_CANDIDATES] == JSON_NONE;
}

/* A stream that was not asked for as events is a list of answers: the last one tells
 * what all of them used. */
static void
read_reply(const struct json *j, unsigned quirks, struct reply_facts *ret_facts)
{
	struct reply_facts f = {0};
	uint32_t r[R_MEMBERS];

	(void)quirks;
	if (json_is(j, 0, JSON_ARRAY))
		JSON_FOR_EACH (answer, j, 0)
			read_members(j, answer, &f, r);
	else
		read_members(j, 0, &f, r);
	*ret_facts = f;
}

static bool
has_token(const struct json *j, uint32_t parts)
{
	if (!json_is(j, parts, JSON_ARRAY))
		return false;
	JSON_FOR_EACH (part, j, parts) {
		uint32_t m[GEMINI_PART_MEMBERS];

		(void)gemini_part_pick(j, part, &gemini_part_names, m);
		if (json_inner(j, m[GEMINI_TEXT]).len > 0 ||
		    m[GEMINI_CALL] != JSON_NONE || m[GEMINI_INLINE_DATA] != JSON_NONE ||
		    m[GEMINI_CODE] != JSON_NONE || m[GEMINI_CODE_RESULT] != JSON_NONE)
			return true;
	}
	return false;
}

static void
read_candidate(const struct json *j, uint32_t v, struct event_facts *f)
{
	struct slice raw;

	f->finishes += gemini_answer_finish(j, json_get(j, v, S("finishReason")), &raw) !=
		       FINISH_UNSAID;
	f->has_token =
	    f->has_token || has_token(j, json_path(j, v, "content", "parts", NULL));
}

/* A prompt that was blocked has no answers: all of them end with that. */
#define ALL_ANSWERS 100

static void
read_event(const struct sse_event *e, struct json *j, unsigned quirks,
    struct event_facts *ret_facts)
{
	struct event_facts f = {.readable = true};
	uint32_t r[R_MEMBERS];

	(void)quirks;
	*ret_facts = f;
	if (e->data.len == 0)
		return;
	if (json_parse(j, e->data, DIALECT_EVENT_KEEP) != ERR_OK) {
		ret_facts->readable = false;
		return;
	}
	read_members(j, 0, &f.reply, r);
	if (json_is(j, r[R_CANDIDATES], JSON_ARRAY))
		JSON_FOR_EACH (c, j, r[R_CANDIDATES])
			read_candidate(j, c, &f);
	if (json_first(j, r[R_CANDIDATES]) == JSON_NONE) {
		f.usage_only = f.reply.usage.known && r[R_FEEDBACK] == JSON_NONE;
		if (json_get(j, r[R_FEEDBACK], S("blockReason")) != JSON_NONE)
			f.finishes = ALL_ANSWERS;
	}
	f.is_fault = f.reply.is_fault;
	*ret_facts = f;
}

/* --- faults --- */

/* Google's words for statuses (google.rpc.Code). */
static const struct {
	unsigned status;
	struct slice word;
} words[] = {{400, {"INVALID_ARGUMENT", 16}}, {401, {"UNAUTHENTICATED", 15}},
    {403, {"PERMISSION_DENIED", 17}}, {404, {"NOT_FOUND", 9}}, {409, {"ABORTED", 7}},
    {429, {"RESOURCE_EXHAUSTED", 18}}, {499, {"CANCELLED", 9}}, {500, {"INTERNAL", 8}},
    {501, {"UNIMPLEMENTED", 13}}, {502, {"UNAVAILABLE", 11}}, {503, {"UNAVAILABLE", 11}},
    {504, {"DEADLINE_EXCEEDED", 17}}};

static struct slice
word_of(unsigned status)
{
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].status == status)
			return words[i].word;
	return status < 500 ? S("INVALID_ARGUMENT") : S("INTERNAL");
}

/* The status of an error that is not told with one: by the codes of our own. */
static unsigned
status_of(const struct fault *f)
{
	if (f->status != 0)
		return f->status;
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (slice_eq(f->type, words[i].word))
			return words[i].status;
	for (unsigned e = ERR_OK + 1; e < ERR_COUNT; e++)
		if (f->code.len > 0 &&
		    slice_eq(f->code, slice_str(err_code((enum err)e))))
			return err_status((enum err)e);
	return 500;
}

static bool
mentions(struct slice text, const char *word)
{
	return slice_search(text, slice_str(word)) < text.len;
}

/* "34s", "1.5s" in milliseconds. */
static uint64_t
read_delay(struct slice text)
{
	uint64_t ms = 0, scale = 1000;
	bool fraction = false;

	for (size_t i = 0; i < text.len && ms < 100000000; i++) {
		char c = text.ptr[i];

		if (c == '.' && !fraction) {
			fraction = true;
		} else if (c >= '0' && c <= '9' && !fraction) {
			ms = ms * 10 + (uint64_t)(c - '0') * 1000;
		} else if (c >= '0' && c <= '9') {
			scale /= 10;
			ms += (uint64_t)(c - '0') * scale;
		} else {
			break;
		}
	}
	return ms;
}

/* [{"@type": ".../google.rpc.ErrorInfo", "reason": ...}, {"@type":
 * ".../google.rpc.RetryInfo", "retryDelay": "34s"}] */
static void
read_details(const struct json *j, uint32_t list, struct fault *f)
{
	if (!json_is(j, list, JSON_ARRAY))
		return;
	JSON_FOR_EACH (d, j, list) {
		struct slice reason = json_inner(j, json_get(j, d, S("reason")));
		struct slice delay = json_inner(j, json_get(j, d, S("retryDelay")));

		if (reason.len > 0)
			f->code = reason;
		if (delay.len > 0)
			f->retry_after_ms = read_delay(delay);
	}
}

static enum err
read_fault(unsigned status, const struct json *j, struct fault *ret_fault)
{
	uint32_t root = json_is(j, 0, JSON_ARRAY) ? json_at(j, 0, 0) : 0;
	uint32_t error = j->count == 0 ? JSON_NONE : json_get(j, root, S("error"));
	struct slice word = json_inner(j, json_get(j, error, S("status")));
	enum err e = fault_read(status, j, ret_fault);
	struct slice text = json_raw(j, error);

	if (word.len > 0)
		ret_fault->type = word;
	read_details(j, json_get(j, error, S("details")), ret_fault);
	switch (e) {
	case ERR_UP_CALLER:
		/* A bad key is told as a bad argument, and so is a place that is not
		 * served, and a prompt that is too long. */
		if (mentions(text, "API_KEY_") || mentions(text, "API key") ||
		    mentions(text, "API Key") || slice_eq(word, S("FAILED_PRECONDITION")))
			return ERR_UP_CREDENTIAL;
		if (mentions(ret_fault->message, "exceeds the maximum number of tokens"))
			return ERR_CONTEXT_LENGTH;
		return e;
	case ERR_UP_QUOTA:
	case ERR_RATE_LIMITED:
		/* "Check your plan and billing" stands in all of them. */
		if (!slice_eq(word, S("RESOURCE_EXHAUSTED")))
			return e;
		return mentions(text, "PerDay") || mentions(text, "limit: 0,")
			   ? ERR_UP_QUOTA
			   : ERR_RATE_LIMITED;
	default: return e;
	}
}

static void
write_fault(const struct fault *f, struct buf *b)
{
	unsigned status = status_of(f);

	json_open(b, '{');
	json_key(b, S("error"));
	json_open(b, '{');
	json_member_u64(b, S("code"), status);
	json_member(b, S("message"), f->message);
	json_member(b, S("status"), word_of(status));
	if (f->retry_after_ms > 0) {
		json_key(b, S("details"));
		json_open(b, '[');
		json_open(b, '{');
		json_member(b, S("@type"), S("type.googleapis.com/google.rpc.RetryInfo"));
		json_key(b, S("retryDelay"));
		buf_printf(
		    b, "\"%llus\"", (unsigned long long)(f->retry_after_ms + 999) / 1000);
		json_close(b, '}');
		json_close(b, ']');
	}
	json_close(b, '}');
	json_close(b, '}');
}

static void
write_fault_event(const struct fault *f, struct buf *b)
{
	buf_add(b, S("data: "));
	write_fault(f, b);
	buf_add(b, S("\r\n\r\n"));
}

/* --- the path --- */

static void
put_target(enum operation op, struct slice model, bool stream, struct buf *to)
{
	bool whole = slice_find(model, '/') < model.len; /* "publishers/..." */

	buf_add(to, whole ? S("/") : S("/models/"));
	pass_path(to, model, "/@:");
	buf_add(to, op == OP_EMBEDDING	  ? S(":embedContent")
		    : op == OP_EMBEDDINGS ? S(":batchEmbedContents")
		    : op == OP_COUNT	  ? S(":countTokens")
		    : stream		  ? S(":streamGenerateContent?alt=sse")
					  : S(":generateContent"));
}

static void
write_count(uint64_t tokens, struct buf *to)
{
	json_open(to, '{');
	json_member_u64(to, S("totalTokens"), tokens);
	json_close(to, '}');
}

const struct dialect dialect_gemini = {
    .id = DIALECT_GEMINI,
    .name = "gemini",
    .chat = &gemini_translation,
    .embed = &gemini_embed,
    .has_arrays = true,
    .read_ask = read_ask,
    .edit = edit,
    .read_reply = read_reply,
    .read_event = read_event,
    .read_fault = read_fault,
    .max_output = "generationConfig.maxOutputTokens",
    .put_target = put_target,
    .write_count = write_count,
    .write_fault = write_fault,
    .write_fault_event = write_fault_event,
    .keep = 7,
};
