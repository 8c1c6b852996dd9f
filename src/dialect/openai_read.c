/*
 * OpenAI chat completions: requests in.
 *
 * What other hosts added to the dialect and is in use is read as well: reasoning
 * with its signature (`reasoning_content`, `reasoning`, `thinking_blocks`,
 * `reasoning_details`), cache breakpoints (`cache_control`), a signature of a call
 * (`extra_content.google.thought_signature`).
 */
#include "dialect/fields.h"
#include "dialect/openai.h"
#include "dialect/reader.h"

#include <stdio.h>

#define N(names) (sizeof(names) / sizeof((names)[0]))

/* --- parts --- */

/* {"type": "ephemeral", "ttl": "1h"} */
static enum cache_life
read_cache(struct reader *r, uint32_t v)
{
	struct slice ttl = json_inner(r->j, json_get(r->j, v, S("ttl")));

	if (!json_is(r->j, v, JSON_OBJECT))
		return CACHE_NONE;
	return slice_eq(ttl, S("1h"))	? CACHE_1H
	       : slice_eq(ttl, S("5m")) ? CACHE_5M
					: CACHE_DEFAULT;
}

static void
read_image(struct reader *r, uint32_t v, struct part *p, const char *path)
{
	static const struct slice names[] = {{"url", 3}, {"detail", 6}};

	if (json_is(r->j, v, JSON_STRING)) { /* some clients leave the object out */
		reader_url(r, v, "messages", p);
		p->whole = false;
		return;
	}
	reader_url(r, json_get(r->j, v, S("url")), "image_url", p);
	p->media.detail =
	    reader_text(r, json_get(r->j, v, S("detail")), "image_url.detail");
	reader_others(r, v, names, N(names), &p->whole, path);
}

static void
read_audio(struct reader *r, uint32_t v, struct part *p, const char *path)
{
	static const struct slice names[] = {{"data", 4}, {"format", 6}};

	p->media.source = MEDIA_DATA;
	if (json_is(r->j, v, JSON_STRING)) { /* Mistral's form */
		p->media.data = json_inner(r->j, v);
		p->whole = false;
		return;
	}
	p->media.data = reader_text(r, json_get(r->j, v, S("data")), "input_audio.data");
	p->media.type =
	    reader_text(r, json_get(r->j, v, S("format")), "input_audio.format");
	reader_others(r, v, names, N(names), &p->whole, path);
}

static void
read_file(struct reader *r, uint32_t v, struct part *p, const char *path)
{
	static const struct slice names[] = {
	    {"file_data", 9}, {"file_id", 7}, {"filename", 8}};
	uint32_t data = json_get(r->j, v, S("file_data"));

	if (data != JSON_NONE) {
		reader_url(r, data, "file.file_data", p);
	} else {
		p->media.source = MEDIA_ID;
		p->media.data =
		    reader_text(r, json_get(r->j, v, S("file_id")), "file.file_id");
	}
	p->media.name = reader_text(r, json_get(r->j, v, S("filename")), "file.filename");
	reader_others(r, v, names, N(names), &p->whole, path);
}

/* The kinds of parts, and the member that holds what they are made of. */
static const struct {
	struct slice type, holder;
	enum part_kind kind;
} kinds[] = {{{"text", 4}, {"text", 4}, PART_TEXT},
    {{"image_url", 9}, {"image_url", 9}, PART_IMAGE},
    {{"input_audio", 11}, {"input_audio", 11}, PART_AUDIO},
    {{"file", 4}, {"file", 4}, PART_FILE},
    {{"video_url", 9}, {"video_url", 9}, PART_VIDEO},
    {{"refusal", 7}, {"refusal", 7}, PART_REFUSAL}};

static void
read_part(struct reader *r, uint32_t v, struct part ***tail, unsigned m, unsigned i)
{
	struct slice type = json_inner(r->j, json_get(r->j, v, S("type")));
	struct part *p;
	unsigned k = 0;
	uint32_t held;
	char path[64];

	while (k < N(kinds) && !slice_eq(type, kinds[k].type))
		k++;
	p = reader_part(r, tail, k == N(kinds) ? PART_OTHER : kinds[k].kind, v, i);
	if (p == NULL)
		return;
	(void)snprintf(path, sizeof(path), "messages[%u].content[%u]", m, i);
	if (k == N(kinds)) {
		reader_unknown(r, v, &p->whole, "%s", path);
		return;
	}
	held = json_get(r->j, v, kinds[k].holder);
	p->cache = read_cache(r, json_get(r->j, v, S("cache_control")));
	switch (p->kind) {
	case PART_IMAGE: read_image(r, held, p, path); break;
	case PART_VIDEO: read_image(r, held, p, path); break;
	case PART_AUDIO: read_audio(r, held, p, path); break;
	case PART_FILE: read_file(r, held, p, path); break;
	default: p->text = reader_text(r, held, "messages.content.text");
	}
	if (json_get(r->j, v, S("prompt_cache_breakpoint")) != JSON_NONE) {
		p->whole = false; /* OpenAI's own word for it */
		if (p->cache == CACHE_NONE)
			p->cache = CACHE_DEFAULT;
	}
	reader_others(r, v,
	    (const struct slice[]){S("type"), kinds[k].holder, S("cache_control"),
		S("prompt_cache_breakpoint")},
	    4, &p->whole, path);
}

/* A content: one text, or a list of parts. */
static void
read_content(struct reader *r, uint32_t v, struct turn *t, struct part ***tail)
{
	unsigned i = 0;

	if (json_is(r->j, v, JSON_STRING)) {
		struct part *p = reader_part(r, tail, PART_TEXT, v, 0);

		t->is_text = true;
		if (p != NULL)
			p->text = json_inner(r->j, v);
	} else if (json_is(r->j, v, JSON_ARRAY)) {
		JSON_FOR_EACH (part, r->j, v)
			read_part(r, part, tail, t->index, i++);
	} else if (json_is(r->j, v, JSON_NULL)) {
		t->whole = false; /* said, though it says nothing */
	} else if (v != JSON_NONE) {
		reader_bad(r, "messages",
		    "The content of messages[%u] must be a string or an array.",
		    t->index);
	}
}

/* --- what stands beside the content --- */

/* Reasoning as one text: {"reasoning_content": "..."}. */
static void
read_reasoning(struct reader *r, uint32_t v, struct part ***tail)
{
	struct part *p;

	if (json_inner(r->j, v).len == 0)
		return;
	p = reader_part(r, tail, PART_REASONING, v, 0);
	if (p != NULL)
		p->text = json_inner(r->j, v);
}

/* [{"type": "thinking", "thinking": "...", "signature": "..."},
 *  {"type": "redacted_thinking", "data": "..."}] */
static void
read_thinking_blocks(struct reader *r, uint32_t v, struct part ***tail)
{
	if (!json_is(r->j, v, JSON_ARRAY))
		return;
	JSON_FOR_EACH (block, r->j, v) {
		struct part *p = reader_part(r, tail, PART_REASONING, block, 0);

		if (p == NULL)
			return;
		p->text = json_inner(r->j, json_get(r->j, block, S("thinking")));
		p->reasoning.signature =
		    json_inner(r->j, json_get(r->j, block, S("signature")));
		p->reasoning.sealed = json_inner(r->j, json_get(r->j, block, S("data")));
	}
}

/* [{"type": "reasoning.text" | "reasoning.summary" | "reasoning.encrypted", ...}] */
static void
read_reasoning_details(struct reader *r, uint32_t v, struct part ***tail)
{
	if (!json_is(r->j, v, JSON_ARRAY))
		return;
	JSON_FOR_EACH (detail, r->j, v) {
		struct part *p = reader_part(r, tail, PART_REASONING, detail, 0);
		uint32_t summary = json_get(r->j, detail, S("summary"));

		if (p == NULL)
			return;
		p->text = json_inner(r->j,
		    summary != JSON_NONE ? summary : json_get(r->j, detail, S("text")));
		p->reasoning.summary = summary != JSON_NONE;
		p->reasoning.signature =
		    json_inner(r->j, json_get(r->j, detail, S("signature")));
		p->reasoning.sealed = json_inner(r->j, json_get(r->j, detail, S("data")));
		p->reasoning.id = json_inner(r->j, json_get(r->j, detail, S("id")));
	}
}

static void
read_call(struct reader *r, uint32_t v, struct turn *t, struct part ***tail, unsigned i)
{
	static const struct slice call[] = {
	    {"id", 2}, {"type", 4}, {"function", 8}, {"index", 5}, {"extra_content", 13}};
	static const struct slice function[] = {{"name", 4}, {"arguments", 9}};
	struct slice type = json_inner(r->j, json_get(r->j, v, S("type")));
	uint32_t f = json_get(r->j, v, S("function")), signature;
	struct part *p;
	char path[64];

	if (type.len > 0 && !slice_eq(type, S("function"))) {
		p = reader_part(r, tail, PART_OTHER, v, i);
		if (p != NULL)
			reader_unknown(
			    r, v, &p->whole, "messages[%u].tool_calls[%u]", t->index, i);
		return;
	}
	p = reader_part(r, tail, PART_CALL, v, i);
	if (p == NULL)
		return;
	(void)snprintf(path, sizeof(path), "messages[%u].tool_calls[%u]", t->index, i);
	p->call.id = reader_text(r, json_get(r->j, v, S("id")), "tool_calls.id");
	p->call.name = reader_text(r, json_get(r->j, f, S("name")), "tool_calls.name");
	p->call.arguments =
	    reader_decoded(r, json_get(r->j, f, S("arguments")), "tool_calls.arguments");
	signature =
	    json_path(r->j, v, "extra_content", "google", "thought_signature", NULL);
	p->call.signature = json_inner(r->j, signature);
	if (json_get(r->j, v, S("index")) != JSON_NONE || type.len == 0)
		p->whole = false; /* as streams have it: it says nothing here */
	reader_others(r, v, call, N(call), &p->whole, path);
	reader_others(r, f, function, N(function), &p->whole, path);
}

static void
read_calls(struct reader *r, uint32_t v, struct turn *t, struct part ***tail)
{
	unsigned i = 0;

	if (json_is(r->j, v, JSON_ARRAY)) {
		JSON_FOR_EACH (call, r->j, v)
			read_call(r, call, t, tail, i++);
	} else if (json_is(r->j, v, JSON_NULL)) {
		t->whole = false;
	} else {
		reader_bad(
		    r, "messages", "messages[%u].tool_calls must be an array.", t->index);
	}
}

/* --- messages --- */

enum message_member {
	M_ROLE,
	M_CONTENT,
	M_TOOL_CALLS,
	M_TOOL_CALL_ID,
	M_NAME,
	M_REFUSAL,
	M_REASONING_CONTENT,
	M_REASONING,
	M_THINKING_BLOCKS,
	M_REASONING_DETAILS,
	M_CACHE_CONTROL,
	M_ANNOTATIONS,
	M_MEMBERS
};

static const struct slice message_members[M_MEMBERS] = {
    [M_ROLE] = {"role", 4},
    [M_CONTENT] = {"content", 7},
    [M_TOOL_CALLS] = {"tool_calls", 10},
    [M_TOOL_CALL_ID] = {"tool_call_id", 12},
    [M_NAME] = {"name", 4},
    [M_REFUSAL] = {"refusal", 7},
    [M_REASONING_CONTENT] = {"reasoning_content", 17},
    [M_REASONING] = {"reasoning", 9},
    [M_THINKING_BLOCKS] = {"thinking_blocks", 15},
    [M_REASONING_DETAILS] = {"reasoning_details", 17},
    [M_CACHE_CONTROL] = {"cache_control", 13},
    [M_ANNOTATIONS] = {"annotations", 11}, /* of an answer, said again with it */
};

static bool
read_role(struct slice s, enum role *ret_role)
{
	static const struct {
		struct slice name;
		enum role role;
	} roles[] = {{{"user", 4}, ROLE_USER}, {{"assistant", 9}, ROLE_ASSISTANT},
	    {{"tool", 4}, ROLE_TOOL}, {{"system", 6}, ROLE_SYSTEM},
	    {{"developer", 9}, ROLE_DEVELOPER}};

	for (unsigned i = 0; i < N(roles); i++)
		if (slice_eq(s, roles[i].name)) {
			*ret_role = roles[i].role;
			return true;
		}
	return false;
}

/* A tool's message: one result, whose parts are the content. */
static void
read_result(struct reader *r, const uint32_t m[M_MEMBERS], struct turn *t)
{
	struct part **tail = &t->parts, **inner;
	struct part *p = reader_part(r, &tail, PART_RESULT, m[M_CONTENT], 0);

	if (p == NULL)
		return;
	p->result.id = reader_text(r, m[M_TOOL_CALL_ID], "messages.tool_call_id");
	p->result.name = t->name;
	inner = &p->result.parts;
	read_content(r, m[M_CONTENT], t, &inner);
	p->result.is_text = t->is_text;
}

/* The parts of an answer in their order: what was thought, said, called. Thinking
 * is told in several forms at once by some: the one that carries most is read. */
static void
read_said(struct reader *r, const uint32_t m[M_MEMBERS], struct turn *t)
{
	struct part **tail = &t->parts;

	if (json_first(r->j, m[M_THINKING_BLOCKS]) != JSON_NONE)
		read_thinking_blocks(r, m[M_THINKING_BLOCKS], &tail);
	else if (json_first(r->j, m[M_REASONING_DETAILS]) != JSON_NONE)
		read_reasoning_details(r, m[M_REASONING_DETAILS], &tail);
	else if (m[M_REASONING_CONTENT] != JSON_NONE)
		read_reasoning(r, m[M_REASONING_CONTENT], &tail);
	else
		read_reasoning(r, m[M_REASONING], &tail);
	read_content(r, m[M_CONTENT], t, &tail);
	if (json_is(r->j, m[M_REFUSAL], JSON_STRING)) {
		struct part *p = reader_part(r, &tail, PART_REFUSAL, m[M_REFUSAL], 0);

		if (p != NULL)
			p->text = json_inner(r->j, m[M_REFUSAL]);
	}
	if (m[M_TOOL_CALLS] != JSON_NONE)
		read_calls(r, m[M_TOOL_CALLS], t, &tail);
}

/* The members that only a part of the forms above wrote: same bytes in the same
 * dialect, so it is kept as it stands. */
static bool
is_plain(const uint32_t m[M_MEMBERS])
{
	return m[M_REASONING] == JSON_NONE && m[M_THINKING_BLOCKS] == JSON_NONE &&
	       m[M_REASONING_DETAILS] == JSON_NONE && m[M_REFUSAL] == JSON_NONE &&
	       m[M_CACHE_CONTROL] == JSON_NONE && m[M_ANNOTATIONS] == JSON_NONE;
}

static void
mark_last(struct turn *t, enum cache_life cache)
{
	struct part *p = t->parts;

	while (p != NULL && p->next != NULL)
		p = p->next;
	if (p != NULL && cache != CACHE_NONE)
		p->cache = cache;
}

void
openai_read_said(struct reader *r, uint32_t message, struct turn *t)
{
	uint32_t m[M_MEMBERS];

	json_pick(r->j, message, message_members, M_MEMBERS, m);
	read_said(r, m, t);
}

static void
read_message(struct reader *r, uint32_t v, struct turn ***tail, unsigned index)
{
	uint32_t m[M_MEMBERS];
	struct turn *t;
	enum role role;
	char path[32];

	json_pick(r->j, v, message_members, M_MEMBERS, m);
	if (!read_role(json_inner(r->j, m[M_ROLE]), &role)) {
		reader_bad(r, "messages", "messages[%u] must have a role.", index);
		return;
	}
	t = reader_turn(r, tail, role, v, index);
	if (t == NULL)
		return;
	t->whole = is_plain(m);
	(void)snprintf(path, sizeof(path), "messages[%u]", index);
	t->name = reader_text(r, m[M_NAME], "messages.name");
	if (role != ROLE_TOOL &&
	    t->name.len > 0) /* no other dialect tells speakers apart */
		reader_unknown(r, m[M_NAME], &t->whole, "%s.name", path);
	if (role == ROLE_TOOL)
		read_result(r, m, t);
	else
		read_said(r, m, t);
	mark_last(t, read_cache(r, m[M_CACHE_CONTROL]));
	reader_others(r, v, message_members, M_MEMBERS, &t->whole, path);
	for (const struct part *p = t->parts; p != NULL; p = p->next)
		t->whole = t->whole && p->whole;
}

/* --- tools and how they are chosen --- */

static void
read_tool(struct reader *r, uint32_t v, struct tool ***tail, unsigned index)
{
	static const struct slice outer[] = {
	    {"type", 4}, {"function", 8}, {"cache_control", 13}};
	static const struct slice inner[] = {
	    {"name", 4}, {"description", 11}, {"parameters", 10}, {"strict", 6}};
	uint32_t f = json_get(r->j, v, S("function")), strict;
	struct tool *t = reader_tool(r, tail, v, index);
	char path[32];

	if (t == NULL)
		return;
	(void)snprintf(path, sizeof(path), "tools[%u]", index);
	t->is_function = json_equals(r->j, json_get(r->j, v, S("type")), S("function"));
	if (!t->is_function) {
		reader_unknown(r, v, &t->whole, "%s", path);
		return;
	}
	t->name = reader_text(r, json_get(r->j, f, S("name")), "tools.function.name");
	t->description = reader_text(
	    r, json_get(r->j, f, S("description")), "tools.function.description");
	t->schema = json_raw(r->j, json_get(r->j, f, S("parameters")));
	strict = json_get(r->j, f, S("strict"));
	if (json_is(r->j, strict, JSON_TRUE) || json_is(r->j, strict, JSON_FALSE))
		t->strict = json_is(r->j, strict, JSON_TRUE) ? STRICT_YES : STRICT_NO;
	else if (strict != JSON_NONE)
		t->whole = false;
	t->cache = read_cache(r, json_get(r->j, v, S("cache_control")));
	if (t->cache != CACHE_NONE)
		t->whole = false;
	reader_others(r, v, outer, N(outer), &t->whole, path);
	reader_others(r, f, inner, N(inner), &t->whole, path);
}

/* "auto", {"type": "function", "function": {"name": ...}},
 * {"type": "allowed_tools", "allowed_tools": {"mode": ..., "tools": [...]}} */
static void
read_choice(struct reader *r, uint32_t v, struct tool_choice *c)
{
	uint32_t allowed = json_get(r->j, v, S("allowed_tools"));
	uint32_t list = json_get(r->j, allowed, S("tools"));

	c->required = true;
	if (json_equals(r->j, v, S("auto"))) {
		c->mode = CHOICE_AUTO;
	} else if (json_equals(r->j, v, S("none"))) {
		c->mode = CHOICE_NONE;
	} else if (json_equals(r->j, v, S("required")) ||
		   json_equals(r->j, v, S("any"))) {
		c->mode = CHOICE_REQUIRED;
	} else if (json_is(r->j, list, JSON_ARRAY)) {
		c->mode = CHOICE_NAMED;
		c->required =
		    !json_equals(r->j, json_get(r->j, allowed, S("mode")), S("auto"));
		JSON_FOR_EACH (tool, r->j, list) {
			if (c->count == N(c->names)) {
				reader_bad(r, "tool_choice",
				    "'tool_choice' allows more than %zu tools.",
				    N(c->names));
				return;
			}
			c->names[c->count++] = json_inner(
			    r->j, json_path(r->j, tool, "function", "name", NULL));
		}
	} else {
		c->mode = CHOICE_NAMED;
		c->count = 1;
		c->names[0] = reader_text(
		    r, json_path(r->j, v, "function", "name", NULL), "tool_choice");
		if (c->names[0].ptr == NULL)
			reader_bad(r, "tool_choice",
			    "'tool_choice' must be \"auto\", \"none\", \"required\", or "
			    "name a function.");
	}
}

static void
read_format(struct reader *r, uint32_t v, struct format *f)
{
	struct slice type = json_inner(r->j, json_get(r->j, v, S("type")));
	uint32_t s = json_get(r->j, v, S("json_schema")), strict;

	if (slice_eq(type, S("json_object"))) {
		f->kind = FORMAT_JSON;
	} else if (slice_eq(type, S("json_schema"))) {
		f->kind = FORMAT_SCHEMA;
		f->name = json_inner(r->j, json_get(r->j, s, S("name")));
		f->description = json_inner(r->j, json_get(r->j, s, S("description")));
		f->schema = json_raw(r->j, json_get(r->j, s, S("schema")));
		strict = json_get(r->j, s, S("strict"));
		if (json_is(r->j, strict, JSON_TRUE))
			f->strict = FORMAT_STRICT_YES;
		else if (json_is(r->j, strict, JSON_FALSE))
			f->strict = FORMAT_STRICT_NO;
	} else if (slice_eq(type, S("text"))) {
		f->kind = FORMAT_TEXT;
	} else {
		reader_bad(r, "response_format",
		    "'response_format' must be of type \"text\", \"json_object\" or "
		    "\"json_schema\".");
	}
}

/* `reasoning_effort`: a word; `reasoning`: {effort, max_tokens, enabled, exclude};
 * `thinking`: {type: enabled | disabled | adaptive, budget_tokens}. */
static void
read_effort(struct reader *r, uint32_t v, struct reasoning *out)
{
	uint32_t effort =
	    json_is(r->j, v, JSON_STRING) ? v : json_get(r->j, v, S("effort"));
	uint32_t budget = json_get(r->j, v, S("max_tokens")), show;
	struct slice word = json_inner(r->j, effort);
	uint64_t n;

	if (json_is(r->j, effort, JSON_STRING) && !effort_parse(word, &out->effort))
		reader_bad(r, "reasoning_effort",
		    "The reasoning effort '%.*s' is not "
		    "one of none, minimal, low, medium, high, xhigh, max.",
		    SLICE_ARGS(slice_head(word, 40)));
	if (budget == JSON_NONE)
		budget = json_get(r->j, v, S("budget_tokens"));
	if (json_u64(r->j, budget, &n) && n < INT32_MAX) {
		out->has_budget = true;
		out->budget_tok = (int64_t)n;
	}
	word = json_inner(r->j, json_get(r->j, v, S("type")));
	if (slice_eq(word, S("disabled")) ||
	    json_is(r->j, json_get(r->j, v, S("enabled")), JSON_FALSE))
		out->effort = EFFORT_NONE;
	else if (slice_eq(word, S("adaptive")) ||
		 ((slice_eq(word, S("enabled")) ||
		      json_is(r->j, json_get(r->j, v, S("enabled")), JSON_TRUE)) &&
		     !out->has_budget && out->effort == EFFORT_UNSAID))
		out->adaptive = true;
	show = json_get(r->j, v, S("exclude"));
	if (json_is(r->j, show, JSON_TRUE))
		out->show = SHOW_NO;
}

/* --- the request --- */

static void
read_list(struct reader *r, struct prompt *p, uint32_t v, enum meaning m)
{
	struct turn **turns = &p->turns;
	struct tool **tools = &p->tools;
	unsigned i = 0;

	if (!json_is(r->j, v, JSON_ARRAY)) {
		reader_bad(r, m == MEANING_TOOLS ? "tools" : "messages",
		    "'%s' must be an array.", m == MEANING_TOOLS ? "tools" : "messages");
		return;
	}
	JSON_FOR_EACH (e, r->j, v) {
		if (m == MEANING_TOOLS)
			read_tool(r, e, &tools, i++);
		else
			read_message(r, e, &turns, i++);
	}
}

static void
read_member(struct reader *r, struct prompt *p, struct member ***tail, uint32_t key)
{
	uint32_t v = key + 1;
	const struct member *m =
	    reader_member(r, p, tail, DIALECT_OPENAI, reader_key(r, key), v);

	if (m == NULL || json_is(r->j, v, JSON_NULL))
		return;
	switch (m->meaning) {
	case MEANING_TURNS:
	case MEANING_TOOLS: read_list(r, p, v, m->meaning); break;
	case MEANING_TOOL_CHOICE: read_choice(r, v, &p->choice); break;
	case MEANING_FORMAT: read_format(r, v, &p->format); break;
	case MEANING_REASONING: read_effort(r, v, &p->reasoning); break;
	case MEANING_PARALLEL: p->one_call = json_is(r->j, v, JSON_FALSE); break;
	case MEANING_USER: p->user = m->value; break;
	case MEANING_CACHE: p->cache = read_cache(r, v); break;
	case MEANING_STREAM: p->stream = json_is(r->j, v, JSON_TRUE); break;
	case MEANING_MODEL: p->model = reader_text(r, v, "model"); break;
	default: break;
	}
}

enum err
openai_read_prompt(const struct json *j, struct arena *a, struct prompt *ret,
    struct note *note, const char **ret_param)
{
	struct unknown **unknown = &ret->unknown;
	struct member **members = &ret->members;
	struct reader r = {.j = j, .arena = a, .unknown = &unknown, .note = note};

	prompt_init(ret, DIALECT_OPENAI);
	JSON_FOR_EACH_KEY (k, j, 0)
		read_member(&r, ret, &members, k);
	*ret_param = r.param;
	return r.err;
}
