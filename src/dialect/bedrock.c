/*
 * The Bedrock Converse dialect.
 *
 * Sources: AWS's service description in botocore 1.44 (2026-11), recorded replies.
 */
#include "dialect/bedrock.h"
#include "dialect/fault.h"
#include "dialect/pass.h"

#include "http/eventstream.h"
#include "json/write.h"

/* --- requests --- */

/* What is no text does not count as such: media are taken off again. */
static void
read_blocks(const struct json *j, uint32_t content, struct ask *ask)
{
	static const struct slice names[] = {{"image", 5}, {"document", 8}, {"video", 5},
	    {"audio", 5}, {"toolResult", 10}};
	static const enum media kinds[] = {
	    MEDIA_PICTURE, MEDIA_OTHER, MEDIA_OTHER, MEDIA_SOUND};
	uint32_t v[5];

	if (!json_is(j, content, JSON_ARRAY))
		return;
	JSON_FOR_EACH (block, j, content) {
		json_pick(j, block, names, 5, v);
		if (v[4] != JSON_NONE)
			read_blocks(j, json_get(j, v[4], S("content")), ask);
		for (unsigned i = 0; i < 4; i++) {
			if (v[i] == JSON_NONE)
				continue;
			ask->needs |= i == 0 ? CAP_VISION : i == 3 ? CAP_AUDIO : 0u;
			pass_media(j, v[i], kinds[i], ask);
		}
	}
}

static enum err
read_ask(const struct json *j, enum operation op, struct arena *a, struct ask *ret_ask,
    struct note *note, const char **ret_param)
{
	struct ask ask = {.op = op, .answers = 1, .usage_asked = true};
	uint32_t messages = json_get(j, 0, S("messages"));
	uint32_t tools = json_path(j, 0, "toolConfig", "tools", NULL);

	(void)a;
	if (!json_is(j, 0, JSON_OBJECT))
		return pass_refuse(
		    note, ret_param, NULL, "The request body must be a JSON object.");
	if (!json_is(j, messages, JSON_ARRAY))
		return pass_refuse(note, ret_param, "messages",
		    "'messages' must be there, and be an array.");
	ask.prompt_bytes =
	    json_raw(j, messages).len + json_raw(j, json_get(j, 0, S("system"))).len;
	JSON_FOR_EACH (m, j, messages)
		read_blocks(j, json_get(j, m, S("content")), &ask);
	if (json_first(j, tools) != JSON_NONE) {
		ask.needs |= CAP_TOOLS;
		ask.prompt_bytes += json_raw(j, tools).len;
	}
	if (json_path(j, 0, "outputConfig", "textFormat", NULL) != JSON_NONE)
		ask.needs |= CAP_STRUCTURED;
	(void)json_u64(j, json_path(j, 0, "inferenceConfig", "maxTokens", NULL),
	    &ask.max_output_tok);
	pass_tier(j, json_path(j, 0, "serviceTier", "type", NULL), &ask);
	*ret_ask = ask;
	return ERR_OK;
}

/* The model stands in the path. */
static enum err
edit(const struct json *j, const struct ask *ask, const struct edit_plan *plan,
    struct arena *a, struct json_edits *ret_edits)
{
	(void)ask;
	(void)plan;
	(void)a;
	ret_edits->count = 0;
	return json_remove(ret_edits, j, 0, S("provider"));
}

/* As AWS's clients write it: all but letters, digits and "-._~" is encoded. */
static void
put_target(enum operation op, struct slice model, bool stream, struct buf *to)
{
	(void)op;
	buf_add(to, S("/model/"));
	pass_path(to, model, "");
	buf_add(to, stream ? S("/converse-stream") : S("/converse"));
}

/* --- usage --- */

static uint64_t
number(const struct json *j, uint32_t v)
{
	uint64_t n;

	return json_u64(j, v, &n) ? n : 0;
}

/* inputTokens holds neither what was read from the cache nor what was written to it;
 * outputTokens holds the reasoning, and does not tell how much it was. */
static void
read_usage(const struct json *j, uint32_t object, struct usage *usage)
{
	uint32_t details = json_get(j, object, S("cacheDetails"));
	uint64_t write, hour = 0, brief = 0;

	if (json_first(j, object) == JSON_NONE)
		return;
	write = number(j, json_get(j, object, S("cacheWriteInputTokens")));
	if (json_is(j, details, JSON_ARRAY))
		JSON_FOR_EACH (d, j, details) {
			uint64_t n = number(j, json_get(j, d, S("inputTokens")));

			if (json_equals(j, json_get(j, d, S("ttl")), S("1h")))
				hour += n;
			else
				brief += n;
		}
	if (write == 0)
		write = hour + brief;
	usage->known = true;
	usage->count[USAGE_INPUT] = number(j, json_get(j, object, S("inputTokens")));
	usage->count[USAGE_CACHED] =
	    number(j, json_get(j, object, S("cacheReadInputTokens")));
	usage->count[USAGE_CACHE_WRITE_1H] = hour < write ? hour : write;
	usage->count[USAGE_CACHE_WRITE] = write - usage->count[USAGE_CACHE_WRITE_1H];
	usage->count[USAGE_OUTPUT] = number(j, json_get(j, object, S("outputTokens")));
	usage->count[USAGE_REQUESTS] = 1;
}

/* --- replies --- */

static void
read_facts(const struct json *j, struct reply_facts *f)
{
	read_usage(j, json_get(j, 0, S("usage")), &f->usage);
	f->tier = json_inner(j, json_path(j, 0, "serviceTier", "type", NULL));
}

static void
read_reply(const struct json *j, unsigned quirks, struct reply_facts *ret_facts)
{
	struct reply_facts f = {0};

	(void)quirks;
	read_facts(j, &f);
	f.is_fault = json_get(j, 0, S("output")) == JSON_NONE;
	*ret_facts = f;
}

static bool
has_token(const struct json *j)
{
	uint32_t delta = json_get(j, 0, S("delta"));
	uint32_t call = json_get(j, delta, S("toolUse"));

	return json_inner(j, json_get(j, call, S("input"))).len > 0 ||
	       json_get(j, delta, S("reasoningContent")) != JSON_NONE ||
	       json_get(j, delta, S("image")) != JSON_NONE ||
	       json_inner(j, json_get(j, delta, S("text"))).len > 0;
}

/* --- faults --- */

/* AWS's names of errors, the statuses that they go with, and whether a stream may end
 * with them. Of several for one status the first is written. */
static const struct {
	struct slice name;
	unsigned status;
	bool in_stream;
} names[] = {{{"ValidationException", 19}, 400, true},
    {{"UnrecognizedClientException", 27}, 401, false},
    {{"AccessDeniedException", 21}, 403, false},
    {{"ResourceNotFoundException", 25}, 404, false},
    {{"ModelTimeoutException", 21}, 408, false},
    {{"ModelErrorException", 19}, 424, false}, {{"ThrottlingException", 19}, 429, true},
    {{"InternalServerException", 23}, 500, true},
    {{"ServiceUnavailableException", 27}, 503, true},
    {{"ModelStreamErrorException", 25}, 502, true},
    {{"ModelNotReadyException", 22}, 429, false},
    {{"ServiceQuotaExceededException", 29}, 429, false},
    {{"InvalidSignatureException", 25}, 401, false},
    {{"ExpiredTokenException", 21}, 401, false}};

#define NAMES (sizeof(names) / sizeof(names[0]))

/* The status of an error by its name, in which more may stand around it
 * ("com.amazon#ThrottlingException:http://..."); 0: not known. */
static unsigned
status_of(struct slice name)
{
	size_t hash = slice_rfind(name, '#');

	if (hash < name.len)
		name = slice_from(name, hash + 1);
	name = slice_head(name, slice_find(name, ':'));
	for (unsigned i = 0; i < NAMES; i++)
		if (slice_ieq(name, names[i].name))
			return names[i].status;
	return 0;
}

/* Words of refusals that others word otherwise, and what they are. */
static const struct {
	const char *words;
	enum err err;
} words[] = {{"Input is too long", ERR_CONTEXT_LENGTH},
    {"input token count exceeds", ERR_CONTEXT_LENGTH},
    {"exceeds the maximum number of input tokens", ERR_CONTEXT_LENGTH},
    {"model identifier is invalid", ERR_UP_MISSING},
    {"on-demand throughput isn", ERR_UP_MISSING}, {"access to the model", ERR_UP_MISSING},
    {"security token", ERR_UP_CREDENTIAL}, {"signature", ERR_UP_CREDENTIAL}};

static enum err
read_fault(unsigned status, const struct json *j, struct fault *ret_fault)
{
	uint32_t type = json_get(j, 0, S("__type"));
	unsigned named = status_of(json_inner(j, type));
	struct fault f;
	enum err e;

	if (status < 400 && named != 0)
		status = named;
	e = fault_read(status, j, &f);
	if (f.message.ptr == NULL)
		f.message = json_inner(j, json_get(j, 0, S("Message")));
	if (f.type.ptr == NULL)
		f.type = json_inner(j, type);
	*ret_fault = f;
	if (status == 424)
		return ERR_UP_5XX;
	if (named == 429)
		return ERR_RATE_LIMITED;
	if (status != 400 && status != 403)
		return e;
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct slice w = slice_str(words[i].words);

		if (slice_search(f.message, w) < f.message.len)
			return words[i].err;
	}
	return e;
}

static void
read_event(const struct sse_event *e, struct json *j, unsigned quirks,
    struct event_facts *ret_facts)
{
	struct event_facts f = {.readable = true, .is_fault = e->is_exception};

	(void)quirks;
	if (e->is_exception)
		f.fault_status = status_of(e->name);
	*ret_facts = f;
	if (e->data.len == 0)
		return;
	if (json_parse(j, e->data, DIALECT_EVENT_KEEP) != ERR_OK) {
		ret_facts->readable = false;
		return;
	}
	if (slice_eq(e->name, S("contentBlockDelta"))) {
		f.has_token = has_token(j);
	} else if (slice_eq(e->name, S("contentBlockStart"))) {
		f.has_token = json_get(j, 0, S("start")) != JSON_NONE;
	} else if (slice_eq(e->name, S("messageStop"))) {
		f.finishes = 1;
	} else if (slice_eq(e->name, S("metadata"))) {
		read_facts(j, &f.reply);
		f.is_done = true;
	}
	*ret_facts = f;
}

/* What a status of weir's own is called. */
static struct slice
name_of(unsigned status, bool in_stream)
{
	status = status == 504 && !in_stream ? 408 : status == 413 ? 400 : status;
	for (unsigned i = 0; i < NAMES; i++)
		if (names[i].status == status && (names[i].in_stream || !in_stream) &&
		    (status != 502 || in_stream))
			return names[i].name;
	if (status >= 400 && status < 500)
		return names[0].name;
	return status == 500 ? S("InternalServerException")
	       : in_stream   ? S("ModelStreamErrorException")
			     : S("ServiceUnavailableException");
}

static void
write_fault(const struct fault *f, struct buf *b)
{
	json_open(b, '{');
	json_member(b, S("__type"), name_of(f->status, false));
	json_member(b, S("message"), f->message);
	json_close(b, '}');
}

static void
write_fault_event(const struct fault *f, struct buf *b)
{
	struct slice name = name_of(f->status, true);
	char event[32];
	size_t begun;

	/* As members of the stream they begin with a small letter. */
	memcpy(event, name.ptr, name.len);
	event[0] = (char)(event[0] | 0x20);
	begun = eventstream_begin(b, true, slice_of(event, name.len));
	buf_byte(b, '{');
	json_member(b, S("message"), f->message);
	buf_byte(b, '}');
	eventstream_end(b, begun);
}

const struct dialect dialect_bedrock = {
    .id = DIALECT_BEDROCK,
    .name = "bedrock",
    .chat = &bedrock_translation,
    .is_framed = true,
    .read_ask = read_ask,
    .edit = edit,
    .max_output = "inferenceConfig.maxTokens",
    .put_target = put_target,
    .read_reply = read_reply,
    .read_event = read_event,
    .read_fault = read_fault,
    .write_fault = write_fault,
    .write_fault_event = write_fault_event,
    .keep = 8,
};
