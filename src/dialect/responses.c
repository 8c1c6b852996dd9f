/*
 * OpenAI's Responses dialect.
 *
 * Sources: openai-openapi f85dbe2 (2026-08-21), replies recorded of OpenAI, xAI,
 * OpenRouter and local servers in 2025 and 2026.
 */
#include "dialect/responses.h"
#include "dialect/fault.h"
#include "dialect/pass.h"
#include "dialect/tag.h"
#include "json/write.h"

/* --- requests --- */

/* Images and files do not count as text: their data is taken off again. */
static void
read_parts(const struct json *j, uint32_t list, struct ask *ask)
{
	if (!json_is(j, list, JSON_ARRAY))
		return;
	JSON_FOR_EACH (part, j, list) {
		uint32_t type = json_get(j, part, S("type"));

		if (json_equals(j, type, S("input_image"))) {
			ask->needs |= CAP_VISION;
			pass_media(
			    j, json_get(j, part, S("image_url")), MEDIA_PICTURE, ask);
		} else if (json_equals(j, type, S("input_audio"))) {
			ask->needs |= CAP_AUDIO;
			pass_media(
			    j, json_get(j, part, S("input_audio")), MEDIA_SOUND, ask);
		} else if (json_equals(j, type, S("input_file"))) {
			pass_media(j, part, MEDIA_OTHER, ask);
		}
	}
}

static void
read_input(const struct json *j, uint32_t input, struct ask *ask)
{
	ask->prompt_bytes += json_raw(j, input).len;
	if (!json_is(j, input, JSON_ARRAY))
		return;
	JSON_FOR_EACH (item, j, input) {
		read_parts(j, json_get(j, item, S("content")), ask);
		read_parts(j, json_get(j, item, S("output")), ask);
	}
}

static void
read_needs(const struct json *j, struct ask *ask)
{
	uint32_t tools = json_get(j, 0, S("tools"));
	uint32_t format = json_path(j, 0, "text", "format", "type", NULL);

	if (json_first(j, tools) != JSON_NONE) {
		ask->needs |= CAP_TOOLS;
		ask->prompt_bytes += json_raw(j, tools).len;
	}
	if (json_equals(j, format, S("json_schema")))
		ask->needs |= CAP_STRUCTURED;
}

/* What may stand for the input: something that the provider keeps. */
static bool
has_kept_input(const struct json *j)
{
	return json_get(j, 0, S("prompt")) != JSON_NONE ||
	       json_get(j, 0, S("previous_response_id")) != JSON_NONE ||
	       json_get(j, 0, S("conversation")) != JSON_NONE;
}

static enum err
read_ask(const struct json *j, enum operation op, struct arena *a, struct ask *ret_ask,
    struct note *note, const char **ret_param)
{
	struct ask ask = {.op = op, .answers = 1, .usage_asked = true};
	uint32_t model = json_get(j, 0, S("model"));
	uint32_t stream = json_get(j, 0, S("stream"));
	uint32_t input = json_get(j, 0, S("input"));

	if (!json_is(j, 0, JSON_OBJECT))
		return pass_refuse(
		    note, ret_param, NULL, "The request body must be a JSON object.");
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
	if (!json_is(j, input, JSON_STRING) && !json_is(j, input, JSON_ARRAY) &&
	    (input != JSON_NONE || !has_kept_input(j)))
		return pass_refuse(note, ret_param, "input",
		    "'input' must be there, and be a string or an array.");
	ask.stream = json_is(j, stream, JSON_TRUE);
	ask.refers = has_kept_input(j);
	ask.prompt_bytes = json_raw(j, json_get(j, 0, S("instructions"))).len;
	read_input(j, input, &ask);
	read_needs(j, &ask);
	(void)json_u64(j, json_get(j, 0, S("max_output_tokens")), &ask.max_output_tok);
	pass_tier(j, json_get(j, 0, S("service_tier")), &ask);
	*ret_ask = ask;
	return ERR_OK;
}

/* Was it thought by a provider that doesn't speak this dialect? */
static bool
is_tagged(const struct json *j, uint32_t item)
{
	return tag_is(json_inner(j, json_get(j, item, S("encrypted_content"))));
}

/* The input without what others thought: it would be refused. */
static enum err
edit_input(const struct json *j, uint32_t input, struct arena *a, struct json_edits *e)
{
	struct buf kept;
	struct slice text;
	bool any = false, done;

	if (!json_is(j, input, JSON_ARRAY))
		return ERR_OK;
	JSON_FOR_EACH (item, j, input)
		any = any || is_tagged(j, item);
	if (!any)
		return ERR_OK;
	buf_init(&kept, json_raw(j, input).len + 2);
	json_open(&kept, '[');
	JSON_FOR_EACH (item, j, input)
		if (!is_tagged(j, item))
			json_put_raw(&kept, json_raw(j, item));
	json_close(&kept, ']');
	done = kept.err == ERR_OK && arena_copy(a, buf_slice(&kept), &text);
	buf_free(&kept);
	return done ? json_replace(e, j, input, text) : ERR_NOMEM;
}

static enum err
edit(const struct json *j, const struct ask *ask, const struct edit_plan *plan,
    struct arena *a, struct json_edits *ret_edits)
{
	enum err e;

	ret_edits->count = 0;
	e = edit_input(j, json_get(j, 0, S("input")), a, ret_edits);
	return e == ERR_OK ? pass_edit(j, ask, plan->model, a, ret_edits) : e;
}

/* --- usage --- */

#define COUNT_MAX 1000000000u /* tokens of one request */

enum usage_member {
	U_INPUT,
	U_OUTPUT,
	U_INPUT_DETAILS,
	U_OUTPUT_DETAILS,
	U_COST,
	U_TICKS,
	U_MEMBERS
};

static const struct slice usage_members[U_MEMBERS] = {
    [U_INPUT] = {"input_tokens", 12},
    [U_OUTPUT] = {"output_tokens", 13},
    [U_INPUT_DETAILS] = {"input_tokens_details", 20},
    [U_OUTPUT_DETAILS] = {"output_tokens_details", 21},
    [U_COST] = {"cost", 4},
    [U_TICKS] = {"cost_in_usd_ticks", 17},
};

enum detail_member { D_CACHED, D_CACHE_WRITE, D_AUDIO, D_IMAGE, D_REASONING, D_MEMBERS };

static const struct slice detail_members[D_MEMBERS] = {
    [D_CACHED] = {"cached_tokens", 13},
    [D_CACHE_WRITE] = {"cache_write_tokens", 18},
    [D_AUDIO] = {"audio_tokens", 12},
    [D_IMAGE] = {"image_tokens", 12},
    [D_REASONING] = {"reasoning_tokens", 16},
};

/* A count, which some hosts write as a string. What is there and cannot be one makes
 * *ret_odd true. */
static uint64_t
number(const struct json *j, uint32_t v, bool *ret_odd)
{
	uint64_t n = 0;

	if (v == JSON_NONE || json_is(j, v, JSON_NULL))
		return 0;
	if ((!json_u64(j, v, &n) && !slice_u64(json_inner(j, v), &n)) || n > COUNT_MAX) {
		*ret_odd = true;
		return 0;
	}
	return n;
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

/* The provider's own figure: in USD, or xAI's in ten thousand millionths of one. */
static void
read_stated(const struct json *j, const uint32_t u[U_MEMBERS], struct usage *usage)
{
	usage->has_stated = json_scaled(j, u[U_COST], 12, &usage->stated_pusd) ||
			    json_scaled(j, u[U_TICKS], 2, &usage->stated_pusd);
}

/* input_tokens is the whole prompt and output_tokens the whole answer; the details
 * are parts of them. */
static bool
read_usage(
    const struct json *j, uint32_t object, unsigned quirks, struct usage *ret_usage)
{
	struct usage usage = {.known = true};
	uint32_t u[U_MEMBERS], d[D_MEMBERS];
	uint64_t in, out, reasoning;
	bool odd = false;

	if (json_first(j, object) == JSON_NONE)
		return false;
	json_pick(j, object, usage_members, U_MEMBERS, u);
	json_pick(j, u[U_INPUT_DETAILS], detail_members, D_MEMBERS, d);
	in = number(j, u[U_INPUT], &odd);
	usage.count[USAGE_CACHED] = split_off(&in, number(j, d[D_CACHED], &odd));
	usage.count[USAGE_CACHE_WRITE] =
	    split_off(&in, number(j, d[D_CACHE_WRITE], &odd));
	usage.count[USAGE_AUDIO_IN] = split_off(&in, number(j, d[D_AUDIO], &odd));
	usage.count[USAGE_IMAGE_IN] = split_off(&in, number(j, d[D_IMAGE], &odd));
	usage.count[USAGE_INPUT] = in;
	json_pick(j, u[U_OUTPUT_DETAILS], detail_members, D_MEMBERS, d);
	out = number(j, u[U_OUTPUT], &odd);
	reasoning = number(j, d[D_REASONING], &odd);
	if ((quirks & Q_REASONING_APART) ||
	    ((quirks & Q_REASONING_MAY_BE_APART) && reasoning > out))
		out += reasoning;
	usage.count[USAGE_REASONING] = split_off(&out, reasoning);
	usage.count[USAGE_AUDIO_OUT] = split_off(&out, number(j, d[D_AUDIO], &odd));
	usage.count[USAGE_IMAGE_OUT] = split_off(&out, number(j, d[D_IMAGE], &odd));
	usage.count[USAGE_OUTPUT] = out;
	usage.count[USAGE_REQUESTS] = 1;
	read_stated(j, u, &usage);
	if (odd)
		return false; /* what cannot be is not believed */
	*ret_usage = usage;
	return true;
}

/* --- replies --- */

/* Is it the error of a response that failed, or of none? */
static bool
is_fault(const struct json *j, uint32_t object)
{
	uint32_t error = json_get(j, object, S("error"));

	return (error != JSON_NONE && !json_is(j, error, JSON_NULL)) ||
	       json_equals(j, json_get(j, object, S("status")), S("failed"));
}

static void
read_response(
    const struct json *j, uint32_t object, unsigned quirks, struct reply_facts *f)
{
	(void)read_usage(j, json_get(j, object, S("usage")), quirks, &f->usage);
	f->model = json_inner(j, json_get(j, object, S("model")));
	f->tier = json_inner(j, json_get(j, object, S("service_tier")));
}

static void
read_reply(const struct json *j, unsigned quirks, struct reply_facts *ret_facts)
{
	struct reply_facts f = {0};

	read_response(j, 0, quirks, &f);
	f.is_fault = is_fault(j, 0);
	*ret_facts = f;
}

/* Is it a piece of an answer? Messages and what is thought come by deltas; the calls
 * of tools, some of which have no more to say, begin with their item. */
static bool
has_token(const struct json *j, struct slice type)
{
	uint32_t kind;

	if (slice_ends(type, S(".delta")))
		return true;
	if (!slice_eq(type, S("response.output_item.added")))
		return slice_eq(type, S("response.output_item.done"));
	kind = json_path(j, 0, "item", "type", NULL);
	return !json_equals(j, kind, S("message")) &&
	       !json_equals(j, kind, S("reasoning"));
}

static void
read_event(const struct sse_event *e, struct json *j, unsigned quirks,
    struct event_facts *ret_facts)
{
	struct event_facts f = {.readable = true};
	uint32_t response;
	struct slice type;

	*ret_facts = f;
	/* Some hosts add OpenAI's mark behind the end. */
	if (e->data.len == 0 || slice_eq(slice_trim(e->data), S("[DONE]")))
		return;
	if (json_parse(j, e->data, DIALECT_EVENT_KEEP) != ERR_OK) {
		ret_facts->readable = false;
		return;
	}
	type = json_inner(j, json_get(j, 0, S("type")));
	response = json_get(j, 0, S("response"));
	if (response != JSON_NONE)
		read_response(j, response, quirks, &f.reply);
	f.has_token = has_token(j, type);
	f.is_done = slice_eq(type, S("response.completed")) ||
		    slice_eq(type, S("response.incomplete"));
	f.finishes = f.is_done;
	f.is_fault = slice_eq(type, S("response.failed")) || slice_eq(type, S("error")) ||
		     slice_eq(e->name, S("error")) || is_fault(j, 0);
	*ret_facts = f;
}

/* --- faults --- */

/* The status that would have come with a fault that came in a reply of status 200. */
static unsigned
status_of(struct slice code)
{
	static const struct {
		struct slice code;
		unsigned status;
	} codes[] = {{{"rate_limit_exceeded", 19}, 429},
	    {{"insufficient_quota", 18}, 429}, {{"context_length_exceeded", 23}, 400},
	    {{"invalid_prompt", 14}, 400}, {{"invalid_request_error", 21}, 400},
	    {{"bio_policy", 10}, 400}, {{"cyber_policy", 12}, 400},
	    {{"invalid_api_key", 15}, 401}, {{"model_not_found", 15}, 404}};

	for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (slice_eq(code, codes[i].code))
			return codes[i].status;
	if (slice_search(code, S("image")) < code.len)
		return 400; /* invalid_image_url, image_too_large, ... */
	return 200;
}

/* Also of events: {"type": "response.failed", "response": {"error": {...}}} and
 * {"type": "error", "code", "message", "param"}. */
static enum err
read_fault(unsigned status, const struct json *j, struct fault *ret_fault)
{
	uint32_t failed = json_path(j, 0, "response", "error", NULL);
	struct fault f = {0};
	enum err e = fault_read(status, j, &f);

	if (json_is(j, failed, JSON_OBJECT)) {
		f.message = json_inner(j, json_get(j, failed, S("message")));
		f.code = json_inner(j, json_get(j, failed, S("code")));
		f.type = (struct slice){NULL, 0};
	}
	if (status < 400 && status_of(f.code) != 200)
		e = fault_kind(status_of(f.code), &f);
	*ret_fault = f;
	return e;
}

static void
write_fault(const struct fault *f, struct buf *b)
{
	dialect_openai.write_fault(f, b);
}

/* The numbers of the events before are not known here; this is above all of them. */
#define LAST_NUMBER 2147483646u

static void
write_fault_event(const struct fault *f, struct buf *b)
{
	uint64_t number = LAST_NUMBER;

	responses_put_fault(f, &number, b);
	buf_add(b, S("event: response.failed\ndata: "));
	json_open(b, '{');
	json_member(b, S("type"), S("response.failed"));
	json_member_u64(b, S("sequence_number"), number);
	json_key(b, S("response"));
	json_open(b, '{');
	json_key(b, S("id"));
	json_quote(b, f->id.len > 0 ? f->id : S("resp_0"));
	json_member(b, S("object"), S("response"));
	json_member_u64(b, S("created_at"), 0);
	json_member(b, S("status"), S("failed"));
	json_key(b, S("error"));
	json_open(b, '{');
	json_member(b, S("code"), f->code.len > 0 ? f->code : S("server_error"));
	json_member(b, S("message"), f->message);
	json_close(b, '}');
	json_member_raw(b, S("incomplete_details"), S("null"));
	json_member_raw(b, S("output"), S("[]"));
	json_member_raw(b, S("usage"), S("null"));
	json_close(b, '}');
	buf_add(b, S("}\n\n"));
}

static void
put_target(enum operation op, struct slice model, bool stream, struct buf *to)
{
	(void)op;
	(void)model;
	(void)stream;
	buf_add(to, S("/responses"));
}

const struct dialect dialect_responses = {
    .id = DIALECT_RESPONSES,
    .name = "responses",
    .chat = &responses_translation,
    .read_ask = read_ask,
    .edit = edit,
    .read_reply = read_reply,
    .read_event = read_event,
    .read_fault = read_fault,
    .max_output = "max_output_tokens",
    .put_target = put_target,
    .write_fault = write_fault,
    .write_fault_event = write_fault_event,
    .keep = 5,
};
