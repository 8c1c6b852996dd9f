/*
 * Cohere's v2 dialect: chat and embeddings.
 *
 * Sources: Cohere's API reference of 2026-08 and SDK 7.3, recorded replies.
 */
#include "dialect/cohere.h"
#include "dialect/fault.h"
#include "dialect/pass.h"
#include "json/write.h"

/* --- requests --- */

/* Images do not count as text: their URLs are taken off again. */
static void
read_parts(const struct json *j, uint32_t content, struct ask *ask)
{
	if (!json_is(j, content, JSON_ARRAY))
		return;
	JSON_FOR_EACH (part, j, content) {
		uint32_t image = json_get(j, part, S("image_url"));

		if (image == JSON_NONE)
			continue;
		ask->needs |= CAP_VISION;
		pass_media(j, image, MEDIA_PICTURE, ask);
	}
}

static enum err
read_chat(
    const struct json *j, struct ask *ask, struct note *note, const char **ret_param)
{
	uint32_t messages = json_get(j, 0, S("messages"));
	uint32_t tools = json_get(j, 0, S("tools"));
	uint32_t documents = json_get(j, 0, S("documents"));
	uint32_t stream = json_get(j, 0, S("stream"));

	if (!json_is(j, messages, JSON_ARRAY))
		return pass_refuse(note, ret_param, "messages",
		    "'messages' must be there, and be an array.");
	if (stream != JSON_NONE && !json_is(j, stream, JSON_TRUE) &&
	    !json_is(j, stream, JSON_FALSE) && !json_is(j, stream, JSON_NULL))
		return pass_refuse(
		    note, ret_param, "stream", "'stream' must be true or false.");
	ask->prompt_bytes = json_raw(j, messages).len + json_raw(j, documents).len;
	JSON_FOR_EACH (m, j, messages)
		read_parts(j, json_get(j, m, S("content")), ask);
	if (json_first(j, tools) != JSON_NONE) {
		ask->needs |= CAP_TOOLS;
		ask->prompt_bytes += json_raw(j, tools).len;
	}
	if (json_is(
		j, json_path(j, 0, "response_format", "json_schema", NULL), JSON_OBJECT))
		ask->needs |= CAP_STRUCTURED;
	ask->stream = json_is(j, stream, JSON_TRUE);
	(void)json_u64(j, json_get(j, 0, S("max_tokens")), &ask->max_output_tok);
	return ERR_OK;
}

static void
count_text(struct ask *ask, uint64_t bytes)
{
	ask->prompt_bytes += bytes;
	if (bytes > ask->longest_bytes)
		ask->longest_bytes = bytes;
}

/* Several texts, images, or inputs of both: each has the model's context for itself. */
static void
read_embedding(const struct json *j, struct ask *ask)
{
	uint32_t texts = json_get(j, 0, S("texts"));
	uint32_t images = json_get(j, 0, S("images"));
	uint32_t inputs = json_get(j, 0, S("inputs"));

	if (json_is(j, texts, JSON_ARRAY))
		JSON_FOR_EACH (text, j, texts)
			count_text(ask, json_raw(j, text).len);
	if (json_is(j, images, JSON_ARRAY))
		JSON_FOR_EACH (image, j, images) {
			/* They are not in prompt_bytes. */
			ask->prompt_bytes += json_raw(j, image).len;
			pass_media(j, image, MEDIA_PICTURE, ask);
		}
	if (!json_is(j, inputs, JSON_ARRAY))
		return;
	JSON_FOR_EACH (input, j, inputs) {
		struct ask one = {0};
		uint32_t content = json_get(j, input, S("content"));

		one.prompt_bytes = json_raw(j, content).len;
		read_parts(j, content, &one);
		count_text(ask, one.prompt_bytes);
		ask->prompt_parts += one.prompt_parts;
		ask->media_bytes += one.media_bytes;
		ask->media_tok += one.media_tok;
	}
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
	if (!json_is(j, model, JSON_STRING) || json_equals(j, model, S("")))
		return pass_refuse(note, ret_param, "model",
		    "You must provide a 'model'; GET /v1/models lists them.");
	if (!json_string(j, model, a, &ask.model))
		return ERR_NOMEM;
	if (op == OP_EMBEDDING) {
		read_embedding(j, &ask);
	} else {
		enum err e = read_chat(j, &ask, note, ret_param);

		if (e != ERR_OK)
			return e;
	}
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

static void
put_target(enum operation op, struct slice model, bool stream, struct buf *to)
{
	(void)model;
	(void)stream;
	buf_add(to, op == OP_EMBEDDING || op == OP_EMBEDDINGS ? S("/embed") : S("/chat"));
}

/* --- usage --- */

static uint64_t
number(const struct json *j, uint32_t v)
{
	int64_t n; /* counts are written as 12 and as 12.0 */

	return json_scaled(j, v, 0, &n) && n > 0 ? (uint64_t)n : 0;
}

static uint64_t
split_off(uint64_t *from, uint64_t n)
{
	if (n > *from)
		n = *from;
	*from -= n;
	return n;
}

/*
 * What is charged stands in billed_units. `tokens` is more: the provider's own template
 * is in it, ahead of the prompt; so is it in cached_tokens, of which only what goes
 * beyond the template was the caller's.
 */
static void
read_usage(const struct json *j, uint32_t object, struct usage *usage)
{
	uint32_t billed = json_get(j, object, S("billed_units"));
	uint32_t tokens = json_get(j, object, S("tokens"));
	uint64_t in, out, template, cached, images;

	if (!json_is(j, billed, JSON_OBJECT))
		billed = tokens;
	if (!json_is(j, billed, JSON_OBJECT))
		return;
	in = number(j, json_get(j, billed, S("input_tokens")));
	out = number(j, json_get(j, billed, S("output_tokens")));
	images = number(j, json_get(j, billed, S("image_tokens")));
	template = number(j, json_get(j, tokens, S("input_tokens")));
	template -= template <in ? template : in;
	cached = number(j, json_get(j, object, S("cached_tokens")));
	cached -= cached < template ? cached : template;
	usage->known = true;
	usage->count[USAGE_CACHED] = split_off(&in, cached);
	usage->count[USAGE_INPUT] = in;
	usage->count[USAGE_IMAGE_IN] = images;
	usage->count[USAGE_REASONING] =
	    split_off(&out, number(j, json_get(j, tokens, S("reasoning_tokens"))));
	usage->count[USAGE_OUTPUT] = out;
	usage->count[USAGE_REQUESTS] = 1;
}

/* --- replies --- */

/* Did the provider give up in the middle? */
static bool
gave_up(const struct json *j, uint32_t object)
{
	uint32_t error = json_get(j, object, S("error"));

	return cohere_finish_of(json_inner(j, json_get(j, object, S("finish_reason")))) ==
		   FINISH_ERROR ||
	       (error != JSON_NONE && !json_is(j, error, JSON_NULL));
}

/* An error of an event or in a good reply is no object of its own. */
static bool
is_words(const struct json *j)
{
	return json_is(j, json_get(j, 0, S("message")), JSON_STRING);
}

static void
read_reply(const struct json *j, unsigned quirks, struct reply_facts *ret_facts)
{
	struct reply_facts f = {0};
	uint32_t usage = json_get(j, 0, S("usage"));

	(void)quirks;
	read_usage(j, usage != JSON_NONE ? usage : json_get(j, 0, S("meta")), &f.usage);
	f.is_fault = gave_up(j, 0) || is_words(j);
	*ret_facts = f;
}

static void
read_event(const struct sse_event *e, struct json *j, unsigned quirks,
    struct event_facts *ret_facts)
{
	struct event_facts f = {.readable = true};
	struct slice type;
	uint32_t delta;

	(void)quirks;
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
	type = json_inner(j, json_get(j, 0, S("type")));
	delta = json_get(j, 0, S("delta"));
	if (slice_eq(type, S("content-delta")) || slice_eq(type, S("tool-plan-delta")) ||
	    slice_eq(type, S("tool-call-start")) ||
	    slice_eq(type, S("tool-call-delta"))) {
		f.has_token = true;
	} else if (slice_eq(type, S("message-end"))) {
		f.finishes = 1;
		f.is_fault = gave_up(j, delta);
		read_usage(j, json_get(j, delta, S("usage")), &f.reply.usage);
	} else if (type.len == 0) {
		f.is_fault = is_words(j);
	}
	*ret_facts = f;
}

/* --- faults --- */

static enum err
read_fault(unsigned status, const struct json *j, struct fault *ret_fault)
{
	uint32_t delta = json_get(j, 0, S("delta")), said;
	uint32_t from = delta != JSON_NONE ? delta : 0;
	struct slice word;
	enum err e;

	/* A text of the prompt that is blocked; others have 498 for something else. */
	e = fault_read(status == 498 ? 400 : status, j, ret_fault);
	if (status >= 400 || j->count == 0 || is_words(j))
		return e;
	word = json_inner(j, json_get(j, from, S("finish_reason")));
	said = json_get(j, from, S("error"));
	*ret_fault = (struct fault){
	    .message = json_is(j, said, JSON_STRING) ? json_inner(j, said) : word,
	    .code = word};
	return slice_eq(word, S("TIMEOUT")) ? ERR_UP_TIMEOUT : ERR_UP_5XX;
}

static void
write_fault(const struct fault *f, struct buf *b)
{
	json_open(b, '{');
	if (f->id.len > 0)
		json_member(b, S("id"), f->id);
	json_member(b, S("message"), f->message);
	json_close(b, '}');
}

/* A stream ends with its last event also when it fails. */
static void
write_fault_event(const struct fault *f, struct buf *b)
{
	buf_add(b, S("event: message-end\ndata: "));
	json_open(b, '{');
	json_member(b, S("type"), S("message-end"));
	if (f->id.len > 0)
		json_member(b, S("id"), f->id);
	json_key(b, S("delta"));
	json_open(b, '{');
	json_member(b, S("error"), f->message);
	json_member(b, S("finish_reason"), f->status == 504 ? S("TIMEOUT") : S("ERROR"));
	json_close(b, '}');
	json_close(b, '}');
	buf_add(b, S("\n\n"));
}

const struct dialect dialect_cohere = {
    .id = DIALECT_COHERE,
    .name = "cohere",
    .chat = &cohere_translation,
    .embed = &cohere_embed,
    .read_ask = read_ask,
    .edit = edit,
    .max_output = "max_tokens",
    .put_target = put_target,
    .read_reply = read_reply,
    .read_event = read_event,
    .read_fault = read_fault,
    .write_fault = write_fault,
    .write_fault_event = write_fault_event,
    .keep = 5,
};
