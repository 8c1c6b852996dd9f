/*
 * OpenAI Responses: the object that tells a response, and its items.
 */
#include "dialect/responses.h"
#include "dialect/tag.h"
#include "json/write.h"

/* --- ids --- */

/* "req_12" and "chatcmpl-12" are "12" with another letter before it. */
static struct slice
bare(struct slice id)
{
	size_t dash = slice_find(id, '-'), line = slice_find(id, '_');
	size_t at = dash < line ? dash : line;

	return at + 1 < id.len ? slice_from(id, at + 1) : id;
}

void
responses_put_id(
    struct buf *b, const struct answer_plan *plan, enum responses_item kind, unsigned n)
{
	static const struct slice letters[] = {[RESPONSES_NONE] = {"item_", 5},
	    [RESPONSES_MESSAGE] = {"msg_", 4},
	    [RESPONSES_REASONING] = {"rs_", 3},
	    [RESPONSES_CALL] = {"fc_", 3},
	    [RESPONSES_IMAGE] = {"ig_", 3}};

	json_put_inner(b, letters[kind]);
	if (b->err != ERR_OK)
		return;
	b->len--; /* the closing quote comes again */
	buf_add(b, bare(plan->id));
	buf_byte(b, '_');
	buf_u64(b, n);
	buf_byte(b, '"');
}

/* --- what was asked, said again --- */

/* What the caller said, or what is so if nothing is said. */
static void
put_echo(struct buf *b, const struct prompt *p, struct slice key, struct slice otherwise)
{
	struct slice said = otherwise;
	const struct member *m =
	    p == NULL || p->origin != DIALECT_RESPONSES ? NULL : p->members;

	for (; m != NULL; m = m->next)
		if (!m->inside && slice_eq(m->key, key) && !slice_eq(m->value, S("null")))
			said = m->value;
	json_key(b, key);
	json_put_line(b, said);
}

static void
put_text_echo(struct buf *b, const struct prompt *p)
{
	const struct member *m =
	    p == NULL || p->origin != DIALECT_RESPONSES ? NULL : p->members;
	struct slice format = S("{\"type\":\"text\"}"), verbosity = S("\"medium\"");

	for (; m != NULL; m = m->next) {
		if (!m->inside || slice_eq(m->value, S("null")))
			continue;
		if (slice_eq(m->key, S("text.format")))
			format = m->value;
		else if (slice_eq(m->key, S("text.verbosity")))
			verbosity = m->value;
	}
	json_key(b, S("text"));
	json_open(b, '{');
	json_key(b, S("format"));
	json_put_line(b, format);
	json_key(b, S("verbosity"));
	json_put_line(b, verbosity);
	json_close(b, '}');
}

/* The members that SDKs read without asking whether they are there. */
static void
put_echoes(struct buf *b, const struct prompt *p)
{
	static const struct {
		struct slice key, otherwise;
	} echoes[] = {{{"instructions", 12}, {"null", 4}},
	    {{"max_output_tokens", 17}, {"null", 4}},
	    {{"max_tool_calls", 14}, {"null", 4}}, {{"metadata", 8}, {"{}", 2}},
	    {{"parallel_tool_calls", 19}, {"true", 4}},
	    {{"previous_response_id", 20}, {"null", 4}},
	    {{"prompt_cache_key", 16}, {"null", 4}},
	    {{"reasoning", 9}, {"{\"effort\":null,\"summary\":null}", 30}},
	    {{"safety_identifier", 17}, {"null", 4}}, {{"temperature", 11}, {"1", 1}},
	    {{"tool_choice", 11}, {"\"auto\"", 6}}, {{"tools", 5}, {"[]", 2}},
	    {{"top_logprobs", 12}, {"0", 1}}, {{"top_p", 5}, {"1", 1}},
	    {{"truncation", 10}, {"\"disabled\"", 10}}, {{"user", 4}, {"null", 4}}};

	for (unsigned i = 0; i < sizeof(echoes) / sizeof(echoes[0]); i++)
		put_echo(b, p, echoes[i].key, echoes[i].otherwise);
	put_text_echo(b, p);
}

/* --- the object --- */

static void
put_usage(struct buf *b, const struct usage *u)
{
	uint64_t in, out;

	json_key(b, S("usage"));
	if (u == NULL || !u->known) {
		json_put_null(b);
		return;
	}
	in = usage_input_tok(u);
	out = usage_output_tok(u);
	json_open(b, '{');
	json_member_u64(b, S("input_tokens"), in);
	json_key(b, S("input_tokens_details"));
	json_open(b, '{');
	json_member_u64(b, S("cached_tokens"), u->count[USAGE_CACHED]);
	json_member_u64(b, S("cache_write_tokens"),
	    u->count[USAGE_CACHE_WRITE] + u->count[USAGE_CACHE_WRITE_1H]);
	json_close(b, '}');
	json_member_u64(b, S("output_tokens"), out);
	json_key(b, S("output_tokens_details"));
	json_open(b, '{');
	json_member_u64(b, S("reasoning_tokens"), u->count[USAGE_REASONING]);
	json_close(b, '}');
	json_member_u64(b, S("total_tokens"), in + out);
	json_close(b, '}');
}

struct slice
responses_status(enum finish f)
{
	switch (f) {
	case FINISH_LENGTH:
	case FINISH_FILTERED: return S("incomplete");
	case FINISH_ERROR: return S("failed");
	default: return S("completed");
	}
}

struct slice
responses_item_status(enum finish f)
{
	return slice_eq(responses_status(f), S("completed")) ? S("completed")
							     : S("incomplete");
}

static void
put_why(struct buf *b, const struct responses_object *o)
{
	bool failed = o->ended && o->finish == FINISH_ERROR;
	bool cut = o->ended && slice_eq(responses_status(o->finish), S("incomplete"));

	json_key(b, S("error"));
	if (failed) {
		json_open(b, '{');
		json_member(b, S("code"), o->code.len > 0 ? o->code : S("server_error"));
		json_member(b, S("message"),
		    o->message.len > 0 ? o->message : S("The provider gave up."));
		json_close(b, '}');
	} else {
		json_put_null(b);
	}
	json_key(b, S("incomplete_details"));
	if (cut) {
		json_open(b, '{');
		json_member(b, S("reason"),
		    o->finish == FINISH_LENGTH ? S("max_output_tokens")
					       : S("content_filter"));
		json_close(b, '}');
	} else {
		json_put_null(b);
	}
}

/* The provider's own, as it is, or one of the request's. */
static void
put_response_id(struct buf *b, const struct responses_object *o)
{
	json_key(b, S("id"));
	json_put_inner(b, o->id.len > 0 ? o->id : S("resp_"));
	if (o->id.len > 0 || b->err != ERR_OK)
		return;
	b->len--;
	buf_add(b, bare(o->plan->id));
	buf_byte(b, '"');
}

void
responses_open(const struct responses_object *o, struct buf *b)
{
	const struct answer_plan *plan = o->plan;
	uint64_t created = o->created_s != 0 ? o->created_s : plan->unix_s;

	json_open(b, '{');
	put_response_id(b, o);
	json_member(b, S("object"), S("response"));
	json_member_u64(b, S("created_at"), created);
	json_member(
	    b, S("status"), o->ended ? responses_status(o->finish) : S("in_progress"));
	json_member_raw(b, S("background"), S("false"));
	json_key(b, S("completed_at"));
	if (o->ended && slice_eq(responses_status(o->finish), S("completed")))
		json_put_u64(b, plan->unix_s > created ? plan->unix_s : created);
	else
		json_put_null(b);
	put_why(b, o);
	json_member_inner(b, S("model"), o->model.len > 0 ? o->model : plan->model);
	put_echoes(b, plan->prompt);
	if (o->tier.len > 0)
		json_member_inner(b, S("service_tier"), o->tier);
	else
		put_echo(b, plan->prompt, S("service_tier"), S("\"default\""));
	json_member_raw(b, S("store"), S("false")); /* nothing is kept */
	put_usage(b, o->usage);
	json_key(b, S("output"));
	json_open(b, '[');
}

void
responses_close(struct buf *b)
{
	json_close(b, ']');
	json_close(b, '}');
}

/* --- items --- */

void
responses_open_item(struct buf *b, const struct answer_plan *plan,
    enum responses_item kind, unsigned n, struct slice status)
{
	static const struct slice types[] = {[RESPONSES_NONE] = {"item", 4},
	    [RESPONSES_MESSAGE] = {"message", 7},
	    [RESPONSES_REASONING] = {"reasoning", 9},
	    [RESPONSES_CALL] = {"function_call", 13},
	    [RESPONSES_IMAGE] = {"image_generation_call", 21}};

	json_open(b, '{');
	json_key(b, S("id"));
	responses_put_id(b, plan, kind, n);
	json_member(b, S("type"), types[kind]);
	if (kind != RESPONSES_REASONING)
		json_member(b, S("status"), status);
	if (kind == RESPONSES_MESSAGE)
		json_member(b, S("role"), S("assistant"));
}

void
responses_put_content(
    struct buf *b, enum part_kind kind, struct slice text, struct slice logprobs)
{
	json_open(b, '{');
	if (kind == PART_REFUSAL) {
		json_member(b, S("type"), S("refusal"));
		json_member_inner(b, S("refusal"), text);
	} else {
		json_member(b, S("type"), S("output_text"));
		json_member_raw(b, S("annotations"), S("[]"));
		json_key(b, S("logprobs"));
		json_put_line(b, logprobs.len > 0 ? logprobs : S("[]"));
		json_member_inner(b, S("text"), text);
	}
	json_close(b, '}');
}

void
responses_put_thought(struct buf *b, const struct answer_plan *plan, struct slice text,
    struct slice secret, struct slice mark)
{
	json_key(b, S("summary"));
	json_open(b, '[');
	if (text.len > 0) {
		json_open(b, '{');
		json_member(b, S("type"), S("summary_text"));
		json_member_inner(b, S("text"), text);
		json_close(b, '}');
	}
	json_close(b, ']');
	json_key(b, S("encrypted_content"));
	tag_put(b, plan->provider, secret);
	if (b->err != ERR_OK)
		return;
	b->len--;
	buf_add(b, mark);
	buf_byte(b, '"');
}

struct slice
responses_logprobs(struct slice chat)
{
	struct json_token tokens[8]; /* all that there may be: it does not grow */
	struct json j = {.tokens = tokens, .cap = 8, .max = 8};
	uint32_t content;

	if (chat.len == 0 || json_parse(&j, chat, 1) != ERR_OK)
		return S("");
	content = json_get(&j, 0, S("content"));
	return json_is(&j, content, JSON_ARRAY) ? json_raw(&j, content) : S("");
}

/* --- faults --- */

/*
 * The documented members stand at the top. OpenAI itself sends them inside `error`, and
 * its SDKs raise nothing without that.
 */
void
responses_put_fault(const struct fault *f, uint64_t *number, struct buf *b)
{
	struct slice code = f->code.len > 0 ? f->code : S("server_error");

	buf_add(b, S("event: error\ndata: "));
	json_open(b, '{');
	json_member(b, S("type"), S("error"));
	json_member_u64(b, S("sequence_number"), (*number)++);
	json_member(b, S("code"), code);
	json_member(b, S("message"), f->message);
	json_key(b, S("param"));
	if (f->param.len > 0)
		json_quote(b, f->param);
	else
		json_put_null(b);
	json_key(b, S("error"));
	json_open(b, '{');
	json_member(b, S("type"), f->type.len > 0 ? f->type : S("server_error"));
	json_member(b, S("code"), code);
	json_member(b, S("message"), f->message);
	json_key(b, S("param"));
	if (f->param.len > 0)
		json_quote(b, f->param);
	else
		json_put_null(b);
	json_close(b, '}');
	buf_add(b, S("}\n\n"));
}
