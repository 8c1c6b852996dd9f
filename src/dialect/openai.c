/*
 * The OpenAI dialect: chat completions, completions, embeddings. It is also what
 * most other hosts speak, each with its small deviations; those that cannot be
 * told from the reply itself are quirks.
 *
 * Sources: openai-openapi f85dbe2 (2026-08-21), recorded replies of 2024 to 2026.
 */
#include "dialect/dialect.h"
#include "json/write.h"

/* --- requests --- */

static bool
is_member(const struct json *j, struct slice key, enum json_type type)
{
	return json_is(j, json_get(j, 0, key), type);
}

/* Looks at one part of a message's content. */
static void
read_part(const struct json *j, uint32_t part, struct ask *ask)
{
	struct slice type = json_inner(j, json_get(j, part, S("type")));
	uint32_t held;

	if (slice_eq(type, S("image_url")) || slice_eq(type, S("input_image"))) {
		ask->needs |= CAP_VISION;
		held = json_get(j, part, S("image_url"));
	} else if (slice_eq(type, S("input_audio"))) {
		ask->needs |= CAP_AUDIO;
		held = json_get(j, part, S("input_audio"));
	} else if (slice_eq(type, S("video_url")) || slice_eq(type, S("file"))) {
		held = part;
	} else {
		return;
	}
	ask->prompt_parts++;
	ask->prompt_bytes -= json_raw(j, held).len;
}

static void
read_messages(const struct json *j, struct ask *ask)
{
	uint32_t messages = json_get(j, 0, S("messages"));

	ask->prompt_bytes += json_raw(j, messages).len;
	if (!json_is(j, messages, JSON_ARRAY))
		return;
	JSON_FOR_EACH (m, j, messages) {
		uint32_t content = json_get(j, m, S("content"));

		if (!json_is(j, content, JSON_ARRAY))
			continue;
		JSON_FOR_EACH (part, j, content)
			read_part(j, part, ask);
	}
}

/* A prompt of token numbers counts four bytes a token, as text roughly has. */
static uint64_t
input_bytes(const struct json *j, uint32_t input)
{
	uint64_t numbers = 0;

	if (json_is(j, input, JSON_ARRAY))
		JSON_FOR_EACH (v, j, input)
			numbers += json_is(j, v, JSON_NUMBER);
	return numbers > 0 ? numbers * 4 : json_raw(j, input).len;
}

/* One prompt, or a list of them: each has the model's context for itself. */
static void
read_input(const struct json *j, uint32_t input, struct ask *ask)
{
	uint32_t first = json_first(j, input);

	if (!json_is(j, input, JSON_ARRAY) || json_is(j, first, JSON_NUMBER)) {
		ask->prompt_bytes += input_bytes(j, input);
		return;
	}
	JSON_FOR_EACH (v, j, input) {
		uint64_t bytes = input_bytes(j, v);

		ask->prompt_bytes += bytes;
		if (bytes > ask->longest_bytes)
			ask->longest_bytes = bytes;
	}
}

static void
read_limits(const struct json *j, struct ask *ask)
{
	uint64_t n;

	if (!json_u64(
		j, json_get(j, 0, S("max_completion_tokens")), &ask->max_output_tok))
		(void)json_u64(j, json_get(j, 0, S("max_tokens")), &ask->max_output_tok);
	ask->answers = json_u64(j, json_get(j, 0, S("n")), &n) && n > 0 ? n : 1;
}

static void
read_needs(const struct json *j, struct ask *ask)
{
	uint32_t tools = json_get(j, 0, S("tools"));
	struct slice format =
	    json_inner(j, json_path(j, 0, "response_format", "type", NULL));

	if (json_first(j, tools) != JSON_NONE) {
		ask->needs |= CAP_TOOLS;
		ask->prompt_bytes += json_raw(j, tools).len;
	}
	if (slice_eq(format, S("json_schema")))
		ask->needs |= CAP_STRUCTURED;
}

static enum err
refuse(struct note *note, const char **ret_param, const char *param, const char *text)
{
	*ret_param = param;
	note_set(note, "%s", text);
	return ERR_BAD_REQUEST;
}

static enum err
read_ask(const struct json *j, enum operation op, struct arena *a, struct ask *ret_ask,
    struct note *note, const char **ret_param)
{
	struct ask ask = {.op = op};
	uint32_t model = json_get(j, 0, S("model"));
	uint32_t stream = json_get(j, 0, S("stream"));

	if (!json_is(j, 0, JSON_OBJECT))
		return refuse(
		    note, ret_param, NULL, "The request body must be a JSON object.");
	if (model == JSON_NONE)
		return refuse(note, ret_param, "model",
		    "you must provide a model parameter; GET /v1/models lists them.");
	if (!json_is(j, model, JSON_STRING))
		return refuse(note, ret_param, "model", "'model' must be a string.");
	if (!json_string(j, model, a, &ask.model))
		return ERR_NOMEM;
	if (stream != JSON_NONE && !json_is(j, stream, JSON_TRUE) &&
	    !json_is(j, stream, JSON_FALSE) && !json_is(j, stream, JSON_NULL))
		return refuse(
		    note, ret_param, "stream", "'stream' must be true or false.");
	ask.stream = json_is(j, stream, JSON_TRUE) && op != OP_EMBEDDING;
	ask.usage_asked = json_is(
	    j, json_path(j, 0, "stream_options", "include_usage", NULL), JSON_TRUE);
	if (op == OP_CHAT) {
		if (!is_member(j, S("messages"), JSON_ARRAY))
			return refuse(note, ret_param, "messages",
			    "'messages' must be there, and be an array.");
		read_messages(j, &ask);
		read_needs(j, &ask);
	} else {
		read_input(j,
		    json_get(j, 0, op == OP_EMBEDDING ? S("input") : S("prompt")), &ask);
	}
	read_limits(j, &ask);
	*ret_ask = ask;
	return ERR_OK;
}

/* Every `model` of the object: which of several a provider takes is not known. */
static enum err
edit_model(const struct json *j, const struct ask *ask, struct slice model,
    struct arena *a, struct json_edits *e)
{
	struct buf quoted;
	struct slice text;
	enum err err = ERR_OK;

	buf_init(&quoted, 6 * model.len + 2);
	json_quote(&quoted, model);
	if (quoted.err != ERR_OK || !arena_copy(a, buf_slice(&quoted), &text))
		err = ERR_NOMEM;
	buf_free(&quoted);
	JSON_FOR_EACH_KEY (k, j, 0) {
		if (err != ERR_OK)
			break;
		if (!json_equals(j, k, S("model")))
			continue;
		if (slice_eq(ask->model, model) && json_equals(j, k + 1, model))
			continue;
		err = json_replace(e, j, k + 1, text);
	}
	return err;
}

/* Asks for the usage at the end of the stream. */
static enum err
edit_usage(const struct json *j, bool emptied, struct json_edits *e)
{
	uint32_t options = json_get(j, 0, S("stream_options"));
	uint32_t include = json_get(j, options, S("include_usage"));

	if (options == JSON_NONE)
		return json_append(
		    e, j, 0, S("\"stream_options\":{\"include_usage\":true}"), emptied);
	if (!json_is(j, options, JSON_OBJECT))
		return json_replace(e, j, options, S("{\"include_usage\":true}"));
	if (include != JSON_NONE)
		return json_replace(e, j, include, S("true"));
	return json_append(e, j, options, S("\"include_usage\":true"), false);
}

static enum err
edit(const struct json *j, const struct ask *ask, const struct edit_plan *plan,
    struct arena *a, struct json_edits *ret_edits)
{
	enum err e;

	ret_edits->count = 0;
	e = edit_model(j, ask, plan->model, a, ret_edits);
	if (e == ERR_OK)
		e = json_remove(ret_edits, j, 0, S("provider"));
	if (e == ERR_OK && ask->stream && plan->ask_for_usage && !ask->usage_asked)
		e = edit_usage(j, false, ret_edits);
	return e;
}

/* --- usage --- */

static uint64_t
number(const struct json *j, uint32_t v)
{
	uint64_t n = 0;
	struct slice text = json_inner(j, v);

	/* Some hosts write numbers as strings. */
	if (text.ptr != NULL)
		return slice_u64(text, &n) ? n : 0;
	return json_u64(j, v, &n) ? n : 0;
}

static uint64_t
member(const struct json *j, uint32_t object, struct slice key)
{
	return number(j, json_get(j, object, key));
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

/* The cached part of the prompt, by the names that hosts give it. */
static uint64_t
cached_tokens(const struct json *j, uint32_t u, uint32_t details)
{
	static const struct slice names[] = {{"cached_tokens", 13},
	    {"prompt_cache_hit_tokens", 23}, {"num_cached_tokens", 17},
	    {"cache_read_input_tokens", 23}};
	uint64_t n = member(j, details, S("cached_tokens"));

	for (unsigned i = 0; n == 0 && i < sizeof(names) / sizeof(names[0]); i++)
		n = member(j, u, names[i]);
	return n;
}

/*
 * prompt_tokens is the whole prompt: cached, audio and image tokens are parts
 * of it, with three exceptions that the numbers betray.
 */
static void
read_prompt(const struct json *j, uint32_t u, unsigned quirks, struct usage *usage)
{
	uint32_t details = json_get(j, u, S("prompt_tokens_details"));
	uint64_t prompt = member(j, u, S("prompt_tokens"));
	uint64_t completion = member(j, u, S("completion_tokens"));
	uint64_t total = member(j, u, S("total_tokens"));
	uint64_t cached, audio, write, write_1h;

	if (!json_is(j, details, JSON_OBJECT))
		details = json_get(j, u, S("prompt_token_details"));
	if (json_get(j, u, S("prompt_tokens")) == JSON_NONE)
		prompt = total - (completion < total ? completion : total);
	cached = cached_tokens(j, u, details);
	audio = member(j, details, S("audio_tokens"));
	write = member(j, details, S("cache_write_tokens"));
	if (write == 0)
		write = member(j, u, S("cache_creation_input_tokens"));
	write_1h = number(
	    j, json_path(j, u, "cache_creation", "ephemeral_1h_input_tokens", NULL));
	if ((quirks & Q_CACHED_MAY_BE_APART) && cached > prompt)
		prompt += cached;
	if (audio > prompt && prompt + audio + completion == total)
		prompt += audio;
	usage->count[USAGE_CACHED] = split_off(&prompt, cached);
	usage->count[USAGE_CACHE_WRITE_1H] = split_off(&prompt, write_1h);
	usage->count[USAGE_CACHE_WRITE] =
	    split_off(&prompt, write - (write_1h < write ? write_1h : write));
	usage->count[USAGE_AUDIO_IN] = split_off(&prompt, audio);
	usage->count[USAGE_IMAGE_IN] =
	    split_off(&prompt, member(j, details, S("image_tokens")));
	usage->count[USAGE_INPUT] = prompt;
}

static void
read_completion(const struct json *j, uint32_t u, unsigned quirks, struct usage *usage)
{
	uint32_t details = json_get(j, u, S("completion_tokens_details"));
	uint64_t completion = member(j, u, S("completion_tokens"));
	uint64_t reasoning = member(j, details, S("reasoning_tokens"));

	if (reasoning == 0)
		reasoning = member(j, u, S("reasoning_tokens"));
	if ((quirks & Q_REASONING_APART) ||
	    ((quirks & Q_REASONING_MAY_BE_APART) && reasoning > completion))
		completion += reasoning;
	usage->count[USAGE_REASONING] = split_off(&completion, reasoning);
	usage->count[USAGE_AUDIO_OUT] =
	    split_off(&completion, member(j, details, S("audio_tokens")));
	usage->count[USAGE_IMAGE_OUT] =
	    split_off(&completion, member(j, details, S("image_tokens")));
	usage->count[USAGE_OUTPUT] = completion;
}

/* The provider's own figure of the cost, in USD, where it states one. */
static void
read_stated(const struct json *j, uint32_t u, struct usage *usage)
{
	uint32_t cost = json_get(j, u, S("cost"));

	if (json_is(j, cost, JSON_OBJECT))
		cost = json_get(j, cost, S("total_cost"));
	if (cost == JSON_NONE)
		cost = json_get(j, u, S("estimated_cost"));
	usage->has_stated = json_scaled(j, cost, 12, &usage->stated_pusd);
}

static bool
read_usage(const struct json *j, uint32_t u, unsigned quirks, struct usage *ret_usage)
{
	struct usage usage = {.known = true};

	if (json_first(j, u) == JSON_NONE)
		return false;
	read_prompt(j, u, quirks, &usage);
	read_completion(j, u, quirks, &usage);
	read_stated(j, u, &usage);
	usage.count[USAGE_REQUESTS] = 1;
	*ret_usage = usage;
	return true;
}

/* --- replies --- */

static bool
is_fault(const struct json *j)
{
	uint32_t error = json_get(j, 0, S("error"));

	return error != JSON_NONE && !json_is(j, error, JSON_NULL);
}

static void
read_reply(const struct json *j, unsigned quirks, struct reply_facts *ret_facts)
{
	struct reply_facts f = {0};

	if (!read_usage(j, json_get(j, 0, S("usage")), quirks, &f.usage) &&
	    (quirks & Q_USAGE_IN_X_GROQ))
		(void)read_usage(
		    j, json_path(j, 0, "x_groq", "usage", NULL), quirks, &f.usage);
	f.model = json_inner(j, json_get(j, 0, S("model")));
	f.tier = json_inner(j, json_get(j, 0, S("service_tier")));
	f.is_fault = is_fault(j) && json_get(j, 0, S("choices")) == JSON_NONE &&
		     json_get(j, 0, S("data")) == JSON_NONE;
	*ret_facts = f;
}

/* Is it text with something in it, or a list with something in it? */
static bool
says_something(const struct json *j, uint32_t v)
{
	return json_inner(j, v).len > 0 || json_first(j, v) != JSON_NONE;
}

/* Does this alternative carry a piece of an answer? */
static bool
has_token(const struct json *j, uint32_t choice)
{
	static const struct slice names[] = {{"content", 7}, {"reasoning_content", 17},
	    {"reasoning", 9}, {"tool_calls", 10}, {"refusal", 7}, {"function_call", 13},
	    {"audio", 5}, {"images", 6}, {"reasoning_details", 17}};
	uint32_t delta = json_get(j, choice, S("delta"));

	if (says_something(j, json_get(j, choice, S("text"))))
		return true;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		uint32_t v = json_get(j, delta, names[i]);

		/* An opaque container was deeper than we look: it is not empty. */
		if (says_something(j, v) || (v != JSON_NONE && j->tokens[v].opaque))
			return true;
	}
	return false;
}

static void
read_event(const struct sse_event *e, struct json *j, unsigned quirks,
    struct event_facts *ret_facts)
{
	struct event_facts f = {.readable = true};
	uint32_t choices;

	*ret_facts = f;
	if (e->data.len == 0)
		return;
	if (slice_eq(slice_trim(e->data), S("[DONE]"))) {
		ret_facts->is_done = true;
		return;
	}
	/* choices -> choice -> delta -> tool_calls: four levels tell enough. */
	if (json_parse(j, e->data, 4) != ERR_OK) {
		ret_facts->readable = false;
		return;
	}
	read_reply(j, quirks, &f.reply);
	choices = json_get(j, 0, S("choices"));
	if (json_is(j, choices, JSON_ARRAY)) {
		JSON_FOR_EACH (choice, j, choices) {
			uint32_t finish = json_get(j, choice, S("finish_reason"));

			f.finishes = f.finishes || json_inner(j, finish).len > 0;
			f.has_token = f.has_token || has_token(j, choice);
		}
		f.usage_only = f.reply.usage.known && json_first(j, choices) == JSON_NONE;
	}
	f.has_token = f.has_token || f.finishes;
	f.is_fault = is_fault(j) || slice_eq(e->name, S("error"));
	*ret_facts = f;
}

/* --- faults --- */

/*
 * The shapes in which hosts word an error: {error:{message,...}}, {error:"..."},
 * {message,...}, {detail:"..."}, {detail:[{msg}]}, and any of them in an array.
 */
static void
read_words(const struct json *j, struct fault *f)
{
	uint32_t root = json_is(j, 0, JSON_ARRAY) ? json_at(j, 0, 0) : 0;
	uint32_t error = json_get(j, root, S("error"));
	uint32_t detail = json_get(j, root, S("detail"));
	uint32_t from = json_is(j, error, JSON_OBJECT) ? error : root;

	f->message = json_inner(j, json_get(j, from, S("message")));
	if (f->message.ptr == NULL)
		f->message = json_inner(j, error);
	if (f->message.ptr == NULL)
		f->message = json_inner(j, detail);
	if (f->message.ptr == NULL)
		f->message = json_inner(j, json_get(j, json_at(j, detail, 0), S("msg")));
	f->type = json_inner(j, json_get(j, from, S("type")));
	f->code = json_inner(j, json_get(j, from, S("code")));
	f->param = json_inner(j, json_get(j, from, S("param")));
	if (f->code.ptr == NULL && json_is(j, json_get(j, from, S("code")), JSON_NUMBER))
		f->code = json_raw(j, json_get(j, from, S("code")));
}

/* Is one of the words in the fault's code, type or message? */
static bool
tells_of(const struct fault *f, const char *const *words)
{
	for (; *words != NULL; words++) {
		struct slice w = slice_str(*words);

		if (slice_search(f->code, w) < f->code.len ||
		    slice_search(f->type, w) < f->type.len ||
		    slice_search(f->message, w) < f->message.len)
			return true;
	}
	return false;
}

/* Words by which hosts say that the prompt is too long (recorded, or their docs). */
static const char *const too_long[] = {"context_length", "context length",
    "exceed_context_size", "prompt is too long", "context window", "too many tokens",
    "maximum context", "reduce the length", "input is too long", "max_model_len", NULL};

/* Words by which they say that the account is out of money. */
static const char *const no_money[] = {"insufficient_quota", "credit_balance",
    "insufficient balance", "Insufficient Balance", "billing", "depleted",
    "exceeded your current quota", "payment", NULL};

/* Words by which they say that the key is wrong, though the status is 400. */
static const char *const bad_key[] = {
    "API_KEY_INVALID", "API key not valid", "invalid_api_key", NULL};

/* Words of a refusal for what is said, which another host would refuse as well. */
static const char *const bad_content[] = {
    "content_policy", "content_filter", "moderation", "flagged", NULL};

static enum err
fault_kind(unsigned status, const struct fault *f)
{
	switch (status) {
	case 400:
	case 413:
	case 422:
		if (tells_of(f, bad_key))
			return ERR_UP_CREDENTIAL;
		if (tells_of(f, (const char *const[]){"rate_limit", NULL}))
			return ERR_RATE_LIMITED;
		return status == 413 || tells_of(f, too_long) ? ERR_CONTEXT_LENGTH
							      : ERR_UP_CALLER;
	case 401: return ERR_UP_CREDENTIAL;
	case 402: return ERR_UP_QUOTA;
	case 403: return tells_of(f, bad_content) ? ERR_UP_CALLER : ERR_UP_CREDENTIAL;
	case 404:
	case 410: return ERR_UP_MISSING;
	case 408: return ERR_UP_TIMEOUT;
	case 425: return ERR_UP_5XX;
	case 429:
	case 498: return tells_of(f, no_money) ? ERR_UP_QUOTA : ERR_RATE_LIMITED;
	case 504: return ERR_UP_TIMEOUT;
	default: return status >= 400 && status < 499 ? ERR_UP_CALLER : ERR_UP_5XX;
	}
}

static enum err
read_fault(unsigned status, const struct json *j, struct fault *ret_fault)
{
	struct fault f = {0};
	uint64_t inner;

	if (j->count > 0)
		read_words(j, &f);
	/* An error in a reply of status 200 may have its status as its code. */
	if (status < 400)
		status = slice_u64(f.code, &inner) && inner >= 400 && inner < 600
			     ? (unsigned)inner
			 : tells_of(&f, bad_content) ? 400
						     : 500;
	*ret_fault = f;
	return fault_kind(status, &f);
}

static void
put_text_or_null(struct buf *b, struct slice key, struct slice text)
{
	json_key(b, key);
	if (text.len > 0)
		json_quote(b, text);
	else
		json_put_null(b);
}

static void
write_fault(const struct fault *f, struct buf *b)
{
	json_open(b, '{');
	json_key(b, S("error"));
	json_open(b, '{');
	json_member(b, S("message"), f->message);
	json_member(b, S("type"), f->type);
	put_text_or_null(b, S("param"), f->param);
	put_text_or_null(b, S("code"), f->code);
	json_close(b, '}');
	/* Hugging Face's JavaScript client reads a top-level text only. */
	json_member(b, S("message"), f->message);
	json_close(b, '}');
}

static void
write_fault_event(const struct fault *f, struct buf *b)
{
	buf_add(b, S("data: "));
	write_fault(f, b);
	buf_add(b, S("\n\n"));
}

const struct dialect dialect_openai = {
    .name = "openai",
    .read_ask = read_ask,
    .edit = edit,
    .read_reply = read_reply,
    .read_event = read_event,
    .read_fault = read_fault,
    .write_fault = write_fault,
    .write_fault_event = write_fault_event,
    .keep = 5,
};
