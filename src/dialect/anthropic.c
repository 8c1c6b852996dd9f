/*
 * The Anthropic Messages dialect.
 *
 * Sources: Anthropic's API reference and SDK of 2026-08, recorded replies.
 */
#include "dialect/anthropic.h"
#include "dialect/fault.h"
#include "dialect/pass.h"
#include "json/write.h"

/* --- requests --- */

/* Images and documents do not count as text: their data is taken off again. */
static void
read_blocks(const struct json *j, uint32_t content, struct ask *ask)
{
	if (!json_is(j, content, JSON_ARRAY))
		return;
	JSON_FOR_EACH (block, j, content) {
		struct slice type = json_inner(j, json_get(j, block, S("type")));
		uint32_t source = json_get(j, block, S("source"));

		if (slice_eq(type, S("tool_result")))
			read_blocks(j, json_get(j, block, S("content")), ask);
		if (source == JSON_NONE)
			continue;
		if (slice_eq(type, S("image")))
			ask->needs |= CAP_VISION;
		pass_media(j, source,
		    slice_eq(type, S("image")) ? MEDIA_PICTURE : MEDIA_OTHER, ask);
	}
}

static enum err
read_ask(const struct json *j, enum operation op, struct arena *a, struct ask *ret_ask,
    struct note *note, const char **ret_param)
{
	struct ask ask = {.op = op, .answers = 1, .usage_asked = true};
	uint32_t model = json_get(j, 0, S("model"));
	uint32_t messages = json_get(j, 0, S("messages"));
	uint32_t tools = json_get(j, 0, S("tools"));

	if (!json_is(j, 0, JSON_OBJECT))
		return pass_refuse(
		    note, ret_param, NULL, "The request body must be a JSON object.");
	if (!json_is(j, model, JSON_STRING) || json_equals(j, model, S("")))
		return pass_refuse(note, ret_param, "model", "model: Field required");
	if (!json_string(j, model, a, &ask.model))
		return ERR_NOMEM;
	if (!json_is(j, messages, JSON_ARRAY))
		return pass_refuse(
		    note, ret_param, "messages", "messages: Field required");
	ask.prompt_bytes =
	    json_raw(j, messages).len + json_raw(j, json_get(j, 0, S("system"))).len;
	JSON_FOR_EACH (m, j, messages)
		read_blocks(j, json_get(j, m, S("content")), &ask);
	if (json_first(j, tools) != JSON_NONE) {
		ask.needs |= CAP_TOOLS;
		ask.prompt_bytes += json_raw(j, tools).len;
	}
	if (json_path(j, 0, "output_config", "format", NULL) != JSON_NONE ||
	    json_get(j, 0, S("output_format")) != JSON_NONE)
		ask.needs |= CAP_STRUCTURED;
	ask.stream = json_is(j, json_get(j, 0, S("stream")), JSON_TRUE);
	(void)json_u64(j, json_get(j, 0, S("max_tokens")), &ask.max_output_tok);
	pass_tier(j, json_get(j, 0, S("service_tier")), &ask);
	*ret_ask = ask;
	return ERR_OK;
}

static enum err
edit(const struct json *j, const struct ask *ask, const struct edit_plan *plan,
    struct arena *a, struct json_edits *ret_edits)
{
	ret_edits->count = 0;
	return pass_edit(j, ask, plan->model, a, ret_edits);
}

/* --- usage --- */

enum usage_member {
	U_INPUT,
	U_OUTPUT,
	U_CACHE_READ,
	U_CACHE_WRITE,
	U_CACHE_CREATION,
	U_OUTPUT_DETAILS,
	U_TIER,
	U_MEMBERS
};

static const struct slice usage_members[U_MEMBERS] = {
    [U_INPUT] = {"input_tokens", 12},
    [U_OUTPUT] = {"output_tokens", 13},
    [U_CACHE_READ] = {"cache_read_input_tokens", 23},
    [U_CACHE_WRITE] = {"cache_creation_input_tokens", 27},
    [U_CACHE_CREATION] = {"cache_creation", 14},
    [U_OUTPUT_DETAILS] = {"output_tokens_details", 21},
    [U_TIER] = {"service_tier", 12},
};

static uint64_t
number(const struct json *j, uint32_t v)
{
	uint64_t n;

	return json_u64(j, v, &n) ? n : 0;
}

/* input_tokens holds neither what was read from the cache nor what was written to
 * it; output_tokens holds the thinking. */
static void
read_usage(const struct json *j, uint32_t object, struct reply_facts *f)
{
	struct usage *usage = &f->usage;
	uint32_t u[U_MEMBERS];
	uint64_t write, hour, out, thought;

	if (json_first(j, object) == JSON_NONE)
		return;
	json_pick(j, object, usage_members, U_MEMBERS, u);
	write = number(j, u[U_CACHE_WRITE]);
	hour =
	    number(j, json_get(j, u[U_CACHE_CREATION], S("ephemeral_1h_input_tokens")));
	if (write == 0)
		write = hour + number(j, json_get(j, u[U_CACHE_CREATION],
					     S("ephemeral_5m_input_tokens")));
	out = number(j, u[U_OUTPUT]);
	thought = number(j, json_get(j, u[U_OUTPUT_DETAILS], S("thinking_tokens")));
	usage->known = true;
	usage->count[USAGE_INPUT] = number(j, u[U_INPUT]);
	usage->count[USAGE_CACHED] = number(j, u[U_CACHE_READ]);
	usage->count[USAGE_CACHE_WRITE_1H] = hour < write ? hour : write;
	usage->count[USAGE_CACHE_WRITE] = write - usage->count[USAGE_CACHE_WRITE_1H];
	usage->count[USAGE_REASONING] = thought < out ? thought : out;
	usage->count[USAGE_OUTPUT] = out - usage->count[USAGE_REASONING];
	usage->count[USAGE_REQUESTS] = 1;
	f->tier = json_inner(j, u[U_TIER]);
}

/* --- replies --- */

static bool
is_fault(const struct json *j)
{
	return json_equals(j, json_get(j, 0, S("type")), S("error"));
}

static void
read_reply(const struct json *j, unsigned quirks, struct reply_facts *ret_facts)
{
	struct reply_facts f = {0};

	(void)quirks;
	read_usage(j, json_get(j, 0, S("usage")), &f);
	f.model = json_inner(j, json_get(j, 0, S("model")));
	f.is_fault = is_fault(j);
	*ret_facts = f;
}

/* Does a block say something as it begins? Text and thinking come by deltas. */
static bool
begins_token(const struct json *j, uint32_t block)
{
	uint32_t type = json_get(j, block, S("type"));

	return type != JSON_NONE && !json_equals(j, type, S("text")) &&
	       !json_equals(j, type, S("thinking"));
}

static void
read_event(const struct sse_event *e, struct json *j, unsigned quirks,
    struct event_facts *ret_facts)
{
	struct event_facts f = {.readable = true};
	struct slice type;

	(void)quirks;
	*ret_facts = f;
	if (e->data.len == 0)
		return;
	if (json_parse(j, e->data, DIALECT_EVENT_KEEP) != ERR_OK) {
		ret_facts->readable = false;
		return;
	}
	type = json_inner(j, json_get(j, 0, S("type")));
	if (slice_eq(type, S("content_block_delta"))) {
		f.has_token = true;
	} else if (slice_eq(type, S("content_block_start"))) {
		f.has_token = begins_token(j, json_get(j, 0, S("content_block")));
	} else if (slice_eq(type, S("message_start"))) {
		uint32_t message = json_get(j, 0, S("message"));

		read_usage(j, json_get(j, message, S("usage")), &f.reply);
		f.reply.model = json_inner(j, json_get(j, message, S("model")));
	} else if (slice_eq(type, S("message_delta"))) {
		read_usage(j, json_get(j, 0, S("usage")), &f.reply);
		f.reply.is_update = true;
		f.finishes =
		    json_inner(j, json_path(j, 0, "delta", "stop_reason", NULL)).len > 0;
	} else if (slice_eq(type, S("message_stop"))) {
		f.is_done = true;
	} else if (slice_eq(type, S("error"))) {
		f.is_fault = true;
	}
	*ret_facts = f;
}

/* --- faults --- */

static const struct {
	unsigned status;
	struct slice type;
} types[] = {{400, {"invalid_request_error", 21}}, {401, {"authentication_error", 20}},
    {402, {"billing_error", 13}}, {403, {"permission_error", 16}},
    {404, {"not_found_error", 15}}, {413, {"request_too_large", 17}},
    {429, {"rate_limit_error", 16}}, {504, {"timeout_error", 13}},
    {529, {"overloaded_error", 16}}};

static struct slice
type_of(unsigned status)
{
	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i].status == status)
			return types[i].type;
	return status < 500 && status >= 400 ? types[0].type : S("api_error");
}

static void
write_fault(const struct fault *f, struct buf *b)
{
	json_open(b, '{');
	json_member(b, S("type"), S("error"));
	json_key(b, S("error"));
	json_open(b, '{');
	json_member(b, S("type"), type_of(f->status));
	json_member(b, S("message"), f->message);
	json_close(b, '}');
	if (f->id.len > 0)
		json_member(b, S("request_id"), f->id);
	json_close(b, '}');
}

static void
write_fault_event(const struct fault *f, struct buf *b)
{
	buf_add(b, S("event: error\ndata: "));
	write_fault(f, b);
	buf_add(b, S("\n\n"));
}

static void
put_target(enum operation op, struct slice model, bool stream, struct buf *to)
{
	(void)model;
	(void)stream;
	buf_add(to, op == OP_COUNT ? S("/messages/count_tokens") : S("/messages"));
}

static void
write_count(uint64_t tokens, struct buf *to)
{
	json_open(to, '{');
	json_member_u64(to, S("input_tokens"), tokens);
	json_close(to, '}');
}

const struct dialect dialect_anthropic = {
    .id = DIALECT_ANTHROPIC,
    .name = "anthropic",
    .chat = &anthropic_translation,
    .read_ask = read_ask,
    .edit = edit,
    .read_reply = read_reply,
    .read_event = read_event,
    .read_fault = fault_read,
    .max_output = "max_tokens",
    .put_target = put_target,
    .write_count = write_count,
    .field_name = {"anthropic-version", 17},
    .field_value = {"2023-06-01", 10},
    .write_fault = write_fault,
    .write_fault_event = write_fault_event,
    .keep = 6,
};
