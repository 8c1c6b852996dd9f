/*
 * The OpenAI dialect: chat completions, completions, embeddings. It is also what
 * most other hosts speak, each with its small deviations; those that cannot be
 * told from the reply itself are quirks.
 *
 * Sources: openai-openapi f85dbe2 (2026-08-21), recorded replies of 2024 to 2026.
 */
#include "dialect/openai.h"
#include "dialect/fault.h"
#include "dialect/pass.h"
#include "json/write.h"

/* --- requests --- */

/* The members of a request that are looked at. */
enum ask_member {
	A_MODEL,
	A_STREAM,
	A_STREAM_OPTIONS,
	A_MESSAGES,
	A_PROMPT,
	A_INPUT,
	A_TOOLS,
	A_FORMAT,
	A_TIER,
	A_BEST_OF,
	A_MAX_COMPLETION,
	A_MAX_TOKENS,
	A_N,
	A_MEMBERS
};

static const struct slice ask_members[A_MEMBERS] = {
    [A_MODEL] = {"model", 5},
    [A_STREAM] = {"stream", 6},
    [A_STREAM_OPTIONS] = {"stream_options", 14},
    [A_MESSAGES] = {"messages", 8},
    [A_PROMPT] = {"prompt", 6},
    [A_INPUT] = {"input", 5},
    [A_TOOLS] = {"tools", 5},
    [A_FORMAT] = {"response_format", 15},
    [A_TIER] = {"service_tier", 12},
    [A_BEST_OF] = {"best_of", 7},
    [A_MAX_COMPLETION] = {"max_completion_tokens", 21},
    [A_MAX_TOKENS] = {"max_tokens", 10},
    [A_N] = {"n", 1},
};

/* Looks at one part of a message's content. */
static void
read_part(const struct json *j, uint32_t part, struct ask *ask)
{
	struct slice type = json_inner(j, json_get(j, part, S("type")));

	if (slice_eq(type, S("image_url")) || slice_eq(type, S("input_image"))) {
		ask->needs |= CAP_VISION;
		pass_media(j, json_get(j, part, S("image_url")), MEDIA_PICTURE, ask);
	} else if (slice_eq(type, S("input_audio"))) {
		ask->needs |= CAP_AUDIO;
		pass_media(j, json_get(j, part, S("input_audio")), MEDIA_SOUND, ask);
	} else if (slice_eq(type, S("video_url")) || slice_eq(type, S("file"))) {
		pass_media(j, part, MEDIA_OTHER, ask);
	}
}

static void
read_messages(const struct json *j, uint32_t messages, struct ask *ask)
{
	ask->prompt_bytes += json_raw(j, messages).len;
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
read_limits(const struct json *j, const uint32_t m[A_MEMBERS], struct ask *ask)
{
	uint64_t best = pass_answers(j, m[A_BEST_OF]), older;

	/* Of both hosts take this one or that one. One that is no number may be one to
	 * them. */
	(void)json_u64(j, m[A_MAX_COMPLETION], &ask->max_output_tok);
	if (json_u64(j, m[A_MAX_TOKENS], &older) && older > ask->max_output_tok)
		ask->max_output_tok = older;
	if (json_is(j, m[A_MAX_TOKENS], JSON_STRING) ||
	    json_is(j, m[A_MAX_COMPLETION], JSON_STRING))
		ask->max_output_tok = 0;
	ask->answers = pass_answers(j, m[A_N]);
	/* All are paid, of which the best come. */
	if (ask->op == OP_COMPLETION && best > ask->answers)
		ask->answers = best;
}

/* Each of several prompts gets all its answers. */
static void
count_prompts(const struct json *j, uint32_t prompt, struct ask *ask)
{
	uint64_t prompts = 0;

	if (!json_is(j, prompt, JSON_ARRAY) ||
	    json_is(j, json_first(j, prompt), JSON_NUMBER))
		return;
	JSON_FOR_EACH (v, j, prompt)
		prompts += v != JSON_NONE;
	if (prompts > 1 && __builtin_mul_overflow(ask->answers, prompts, &ask->answers))
		ask->answers = UINT64_MAX;
}

static void
read_needs(const struct json *j, const uint32_t m[A_MEMBERS], struct ask *ask)
{
	struct slice format = json_inner(j, json_get(j, m[A_FORMAT], S("type")));

	if (json_first(j, m[A_TOOLS]) != JSON_NONE) {
		ask->needs |= CAP_TOOLS;
		ask->prompt_bytes += json_raw(j, m[A_TOOLS]).len;
	}
	if (slice_eq(format, S("json_schema")))
		ask->needs |= CAP_STRUCTURED;
}

static enum err
read_ask(const struct json *j, enum operation op, struct arena *a, struct ask *ret_ask,
    struct note *note, const char **ret_param)
{
	struct ask ask = {.op = op};
	uint32_t m[A_MEMBERS], model, stream;

	if (!json_is(j, 0, JSON_OBJECT))
		return pass_refuse(
		    note, ret_param, NULL, "The request body must be a JSON object.");
	json_pick(j, 0, ask_members, A_MEMBERS, m);
	model = m[A_MODEL];
	stream = m[A_STREAM];
	if (model == JSON_NONE || json_equals(j, model, S("")))
		return pass_refuse(note, ret_param, "model",
		    "You must provide a 'model'; GET /v1/models lists them.");
	if (!json_is(j, model, JSON_STRING))
		return pass_refuse(note, ret_param, "model", "'model' must be a string.");
	if (!json_string(j, model, a, &ask.model))
		return ERR_NOMEM;
	if (stream != JSON_NONE && !json_is(j, stream, JSON_TRUE) &&
	    !json_is(j, stream, JSON_FALSE) && !json_is(j, stream, JSON_NULL))
		return pass_refuse(
		    note, ret_param, "stream", "'stream' must be true or false.");
	pass_tier(j, m[A_TIER], &ask);
	ask.stream = json_is(j, stream, JSON_TRUE) && op != OP_EMBEDDING;
	ask.usage_asked =
	    json_is(j, json_get(j, m[A_STREAM_OPTIONS], S("include_usage")), JSON_TRUE);
	if (op == OP_CHAT) {
		if (!json_is(j, m[A_MESSAGES], JSON_ARRAY))
			return pass_refuse(note, ret_param, "messages",
			    "'messages' must be there, and be an array.");
		read_messages(j, m[A_MESSAGES], &ask);
		read_needs(j, m, &ask);
	} else {
		read_input(j, m[op == OP_EMBEDDING ? A_INPUT : A_PROMPT], &ask);
	}
	read_limits(j, m, &ask);
	if (op == OP_COMPLETION)
		count_prompts(j, m[A_PROMPT], &ask);
	*ret_ask = ask;
	return ERR_OK;
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
	e = pass_edit(j, ask, plan->model, a, ret_edits);
	if (e == ERR_OK && ask->stream && plan->ask_for_usage && !ask->usage_asked)
		e = edit_usage(j, false, ret_edits);
	return e;
}

/* --- usage --- */

#define COUNT_MAX 1000000000u /* tokens of one request */

static bool
read_number(const struct json *j, uint32_t v, uint64_t *ret_n)
{
	/* Some hosts write numbers as strings. */
	return json_is(j, v, JSON_STRING) ? slice_u64(json_inner(j, v), ret_n)
					  : json_u64(j, v, ret_n);
}

static uint64_t
number(const struct json *j, uint32_t v)
{
	uint64_t n = 0;

	/* Most of the members that there may be are not there. */
	if (v == JSON_NONE || !read_number(j, v, &n))
		return 0;
	return n <= COUNT_MAX ? n : COUNT_MAX + 1; /* so that sums do not wrap */
}

/* Is it there, and not what a count of tokens can be? */
static bool
is_odd(const struct json *j, uint32_t v)
{
	uint64_t n;

	if (v == JSON_NONE || json_is(j, v, JSON_NULL))
		return false;
	return !read_number(j, v, &n) || n > COUNT_MAX;
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

/* The members of a usage object and of its details, by the names that hosts give
 * them. */
enum usage_member {
	U_PROMPT,
	U_COMPLETION,
	U_TOTAL,
	U_PROMPT_DETAILS,
	U_PROMPT_DETAILS_2,
	U_COMPLETION_DETAILS,
	U_CACHED,
	U_CACHE_HIT,
	U_NUM_CACHED,
	U_CACHE_READ,
	U_CACHE_CREATION_TOK,
	U_CACHE_CREATION,
	U_REASONING,
	U_COST,
	U_ESTIMATED_COST,
	U_MEMBERS
};

static const struct slice usage_members[U_MEMBERS] = {
    [U_PROMPT] = {"prompt_tokens", 13},
    [U_COMPLETION] = {"completion_tokens", 17},
    [U_TOTAL] = {"total_tokens", 12},
    [U_PROMPT_DETAILS] = {"prompt_tokens_details", 21},
    [U_PROMPT_DETAILS_2] = {"prompt_token_details", 20},
    [U_COMPLETION_DETAILS] = {"completion_tokens_details", 25},
    [U_CACHED] = {"cached_tokens", 13},
    [U_CACHE_HIT] = {"prompt_cache_hit_tokens", 23},
    [U_NUM_CACHED] = {"num_cached_tokens", 17},
    [U_CACHE_READ] = {"cache_read_input_tokens", 23},
    [U_CACHE_CREATION_TOK] = {"cache_creation_input_tokens", 27},
    [U_CACHE_CREATION] = {"cache_creation", 14},
    [U_REASONING] = {"reasoning_tokens", 16},
    [U_COST] = {"cost", 4},
    [U_ESTIMATED_COST] = {"estimated_cost", 14},
};

enum detail_member { D_CACHED, D_CACHE_WRITE, D_AUDIO, D_IMAGE, D_REASONING, D_MEMBERS };

static const struct slice detail_members[D_MEMBERS] = {
    [D_CACHED] = {"cached_tokens", 13},
    [D_CACHE_WRITE] = {"cache_write_tokens", 18},
    [D_AUDIO] = {"audio_tokens", 12},
    [D_IMAGE] = {"image_tokens", 12},
    [D_REASONING] = {"reasoning_tokens", 16},
};

/* The first of the numbers that is not 0. */
static uint64_t
first_number(const struct json *j, const uint32_t *values, unsigned n)
{
	uint64_t found = 0;

	for (unsigned i = 0; found == 0 && i < n; i++)
		found = number(j, values[i]);
	return found;
}

/*
 * prompt_tokens is the whole prompt: cached, audio and image tokens are parts
 * of it, with three exceptions that the numbers betray.
 */
static void
read_prompt(const struct json *j, const uint32_t u[U_MEMBERS], unsigned quirks,
    struct usage *usage)
{
	uint64_t prompt = number(j, u[U_PROMPT]);
	uint64_t completion = number(j, u[U_COMPLETION]);
	uint64_t total = number(j, u[U_TOTAL]);
	uint64_t cached, audio, write, write_1h;
	uint32_t d[D_MEMBERS];

	json_pick(j,
	    json_is(j, u[U_PROMPT_DETAILS], JSON_OBJECT) ? u[U_PROMPT_DETAILS]
							 : u[U_PROMPT_DETAILS_2],
	    detail_members, D_MEMBERS, d);
	if (u[U_PROMPT] == JSON_NONE)
		prompt = total - (completion < total ? completion : total);
	cached = number(j, d[D_CACHED]);
	if (cached == 0)
		cached = first_number(j, &u[U_CACHED], U_CACHE_READ + 1 - U_CACHED);
	audio = number(j, d[D_AUDIO]);
	write = number(j, d[D_CACHE_WRITE]);
	if (write == 0)
		write = number(j, u[U_CACHE_CREATION_TOK]);
	write_1h =
	    number(j, json_get(j, u[U_CACHE_CREATION], S("ephemeral_1h_input_tokens")));
	if ((quirks & Q_CACHED_MAY_BE_APART) && cached > prompt)
		prompt += cached;
	if (audio > prompt && prompt + audio + completion == total)
		prompt += audio;
	usage->count[USAGE_CACHED] = split_off(&prompt, cached);
	usage->count[USAGE_CACHE_WRITE_1H] = split_off(&prompt, write_1h);
	usage->count[USAGE_CACHE_WRITE] =
	    split_off(&prompt, write - (write_1h < write ? write_1h : write));
	usage->count[USAGE_AUDIO_IN] = split_off(&prompt, audio);
	usage->count[USAGE_IMAGE_IN] = split_off(&prompt, number(j, d[D_IMAGE]));
	usage->count[USAGE_INPUT] = prompt;
}

/* What the total holds beyond the prompt and the completion. */
static uint64_t
beyond(const struct json *j, const uint32_t u[U_MEMBERS])
{
	uint64_t total = number(j, u[U_TOTAL]), sum = number(j, u[U_PROMPT]);

	sum += number(j, u[U_COMPLETION]);
	return total > sum ? total - sum : 0;
}

static void
read_completion(const struct json *j, const uint32_t u[U_MEMBERS], unsigned quirks,
    struct usage *usage)
{
	uint64_t completion = number(j, u[U_COMPLETION]), reasoning;
	uint32_t d[D_MEMBERS];

	json_pick(j, u[U_COMPLETION_DETAILS], detail_members, D_MEMBERS, d);
	reasoning = number(j, d[D_REASONING]);
	if (reasoning == 0)
		reasoning = number(j, u[U_REASONING]);
	if ((quirks & Q_REASONING_APART) ||
	    ((quirks & Q_REASONING_MAY_BE_APART) && reasoning > completion))
		completion += reasoning;
	if (quirks & Q_REASONING_IN_TOTAL) {
		completion += beyond(j, u);
		if (reasoning == 0)
			reasoning = beyond(j, u);
	}
	usage->count[USAGE_REASONING] = split_off(&completion, reasoning);
	usage->count[USAGE_AUDIO_OUT] = split_off(&completion, number(j, d[D_AUDIO]));
	usage->count[USAGE_IMAGE_OUT] = split_off(&completion, number(j, d[D_IMAGE]));
	usage->count[USAGE_OUTPUT] = completion;
}

/* The provider's own figure of the cost, in USD, where it states one. */
static void
read_stated(const struct json *j, const uint32_t u[U_MEMBERS], struct usage *usage)
{
	uint32_t cost = u[U_COST];

	if (json_is(j, cost, JSON_OBJECT))
		cost = json_get(j, cost, S("total_cost"));
	if (cost == JSON_NONE)
		cost = u[U_ESTIMATED_COST];
	usage->has_stated =
	    json_scaled(j, cost, 12, &usage->stated_pusd) && usage->stated_pusd >= 0;
}

static bool
read_usage(
    const struct json *j, uint32_t object, unsigned quirks, struct usage *ret_usage)
{
	struct usage usage = {.known = true};
	uint32_t u[U_MEMBERS];

	if (json_first(j, object) == JSON_NONE)
		return false;
	json_pick(j, object, usage_members, U_MEMBERS, u);
	read_prompt(j, u, quirks, &usage);
	read_completion(j, u, quirks, &usage);
	read_stated(j, u, &usage);
	usage.count[USAGE_REQUESTS] = 1;
	/* What cannot be is not believed, and the use then unknown. */
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		if (usage.count[c] > COUNT_MAX)
			return false;
	if (is_odd(j, u[U_PROMPT]) || is_odd(j, u[U_COMPLETION]))
		return false;
	*ret_usage = usage;
	return true;
}

/* --- replies --- */

/* The members of a reply or an event that say what it is. */
enum reply_member {
	R_USAGE,
	R_MODEL,
	R_TIER,
	R_ERROR,
	R_CHOICES,
	R_DATA,
	R_X_GROQ,
	R_MEMBERS
};

static const struct slice reply_members[R_MEMBERS] = {
    [R_USAGE] = {"usage", 5},
    [R_MODEL] = {"model", 5},
    [R_TIER] = {"service_tier", 12},
    [R_ERROR] = {"error", 5},
    [R_CHOICES] = {"choices", 7},
    [R_DATA] = {"data", 4},
    [R_X_GROQ] = {"x_groq", 6},
};

static bool
is_fault(const struct json *j, uint32_t error)
{
	return error != JSON_NONE && !json_is(j, error, JSON_NULL);
}

/* Reads the facts, and gives the members for what else is to be read of them. */
static void
read_members(const struct json *j, unsigned quirks, struct reply_facts *f,
    uint32_t ret_members[R_MEMBERS])
{
	uint32_t *r = ret_members;

	json_pick(j, 0, reply_members, R_MEMBERS, r);
	if (!read_usage(j, r[R_USAGE], quirks, &f->usage) && (quirks & Q_USAGE_IN_X_GROQ))
		(void)read_usage(
		    j, json_get(j, r[R_X_GROQ], S("usage")), quirks, &f->usage);
	f->model = json_inner(j, r[R_MODEL]);
	f->tier = json_inner(j, r[R_TIER]);
	f->is_fault = is_fault(j, r[R_ERROR]) && r[R_CHOICES] == JSON_NONE &&
		      r[R_DATA] == JSON_NONE;
}

static void
read_reply(const struct json *j, unsigned quirks, struct reply_facts *ret_facts)
{
	struct reply_facts f = {0};
	uint32_t members[R_MEMBERS];

	read_members(j, quirks, &f, members);
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
has_token(const struct json *j, uint32_t delta, uint32_t text)
{
	static const struct slice names[] = {{"content", 7}, {"reasoning_content", 17},
	    {"reasoning", 9}, {"tool_calls", 10}, {"refusal", 7}, {"function_call", 13},
	    {"audio", 5}, {"images", 6}, {"reasoning_details", 17}};
	enum { NAMES = sizeof(names) / sizeof(names[0]) };
	uint32_t v[NAMES];

	if (says_something(j, text))
		return true;
	json_pick(j, delta, names, NAMES, v);
	for (unsigned i = 0; i < NAMES; i++)
		/* An opaque container was deeper than we look: it is not empty. */
		if (says_something(j, v[i]) ||
		    (v[i] != JSON_NONE && j->tokens[v[i]].opaque))
			return true;
	return false;
}

/* What an alternative of an event tells. */
static void
read_choice(const struct json *j, uint32_t choice, struct event_facts *f)
{
	static const struct slice names[] = {
	    {"delta", 5}, {"finish_reason", 13}, {"text", 4}};
	uint32_t v[3];

	json_pick(j, choice, names, 3, v);
	f->finishes += json_inner(j, v[1]).len > 0;
	f->has_token = f->has_token || has_token(j, v[0], v[2]);
}

static void
read_event(const struct sse_event *e, struct json *j, unsigned quirks,
    struct event_facts *ret_facts)
{
	struct event_facts f = {.readable = true};
	uint32_t r[R_MEMBERS];

	*ret_facts = f;
	if (e->data.len == 0)
		return;
	if (slice_eq(slice_trim(e->data), S("[DONE]"))) {
		ret_facts->is_done = true;
		return;
	}
	if (json_parse(j, e->data, DIALECT_EVENT_KEEP) != ERR_OK) {
		ret_facts->readable = false;
		return;
	}
	read_members(j, quirks, &f.reply, r);
	if (json_is(j, r[R_CHOICES], JSON_ARRAY)) {
		JSON_FOR_EACH (choice, j, r[R_CHOICES])
			read_choice(j, choice, &f);
		f.usage_only =
		    f.reply.usage.known && json_first(j, r[R_CHOICES]) == JSON_NONE;
	}
	f.is_fault = is_fault(j, r[R_ERROR]) || slice_eq(e->name, S("error"));
	*ret_facts = f;
}

/* --- faults --- */

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

static void
put_target(enum operation op, struct slice model, bool stream, struct buf *to)
{
	(void)model;
	(void)stream;
	buf_add(to, op == OP_CHAT	  ? S("/chat/completions")
		    : op == OP_COMPLETION ? S("/completions")
					  : S("/embeddings"));
}

const struct dialect dialect_openai = {
    .id = DIALECT_OPENAI,
    .name = "openai",
    .chat = &openai_translation,
    .embed = &openai_embed,
    .read_ask = read_ask,
    .edit = edit,
    .read_reply = read_reply,
    .read_event = read_event,
    .read_fault = fault_read,
    .max_output = "max_tokens",
    .put_target = put_target,
    .write_fault = write_fault,
    .write_fault_event = write_fault_event,
    .keep = 5,
};
