/*
 * Anthropic Messages: requests in.
 */
#include "dialect/anthropic.h"

#include <stdio.h>

#define N(names) (sizeof(names) / sizeof((names)[0]))

enum block_member {
	B_TYPE,
	B_TEXT,
	B_THINKING,
	B_SIGNATURE,
	B_DATA,
	B_ID,
	B_NAME,
	B_INPUT,
	B_TOOL_USE_ID,
	B_CONTENT,
	B_IS_ERROR,
	B_SOURCE,
	B_TITLE,
	B_CACHE,
	B_CITATIONS,
	B_CALLER,
	B_MEMBERS
};

static const struct slice block_members[B_MEMBERS] = {
    [B_TYPE] = {"type", 4},
    [B_TEXT] = {"text", 4},
    [B_THINKING] = {"thinking", 8},
    [B_SIGNATURE] = {"signature", 9},
    [B_DATA] = {"data", 4},
    [B_ID] = {"id", 2},
    [B_NAME] = {"name", 4},
    [B_INPUT] = {"input", 5},
    [B_TOOL_USE_ID] = {"tool_use_id", 11},
    [B_CONTENT] = {"content", 7},
    [B_IS_ERROR] = {"is_error", 8},
    [B_SOURCE] = {"source", 6},
    [B_TITLE] = {"title", 5},
    [B_CACHE] = {"cache_control", 13},
    [B_CITATIONS] = {"citations", 9},
    [B_CALLER] = {"caller", 6},
};

/* The kinds of blocks, and which members each may have: a bit for each. */
#define HAS(m) (1u << B_##m)
static const struct {
	struct slice type;
	enum part_kind kind;
	unsigned members;
} kinds[] = {
    {{"text", 4}, PART_TEXT, HAS(TEXT)},
    {{"tool_use", 8}, PART_CALL, HAS(ID) | HAS(NAME) | HAS(INPUT)},
    {{"tool_result", 11}, PART_RESULT, HAS(TOOL_USE_ID) | HAS(CONTENT) | HAS(IS_ERROR)},
    {{"thinking", 8}, PART_REASONING, HAS(THINKING) | HAS(SIGNATURE)},
    {{"redacted_thinking", 17}, PART_REASONING, HAS(DATA)},
    {{"image", 5}, PART_IMAGE, HAS(SOURCE)},
    {{"document", 8}, PART_FILE, HAS(SOURCE) | HAS(TITLE)},
};

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

/* {"type": "base64" | "text" | "url" | "file", ...}; a plain text becomes a text. */
static void
read_source(struct reader *r, uint32_t v, struct part *p)
{
	struct slice type = json_inner(r->j, json_get(r->j, v, S("type")));

	p->media.type =
	    reader_mime(r, json_get(r->j, v, S("media_type")), "source.media_type");
	if (slice_eq(type, S("base64"))) {
		p->media.source = MEDIA_DATA;
		p->media.data =
		    reader_text(r, json_get(r->j, v, S("data")), "source.data");
	} else if (slice_eq(type, S("url"))) {
		p->media.source = MEDIA_URL;
		p->media.data = reader_text(r, json_get(r->j, v, S("url")), "source.url");
	} else if (slice_eq(type, S("file"))) {
		p->media.source = MEDIA_ID;
		p->media.data =
		    reader_text(r, json_get(r->j, v, S("file_id")), "source.file_id");
	} else {
		p->kind = PART_OTHER; /* a text or blocks as a document */
	}
}

static void read_blocks(
    struct reader *r, uint32_t v, struct part ***tail, const char *path, bool *is_text);

static void
read_result(
    struct reader *r, const uint32_t b[B_MEMBERS], struct part *p, const char *path)
{
	struct part **inner = &p->result.parts;

	p->result.id = reader_text(r, b[B_TOOL_USE_ID], "messages.content.tool_use_id");
	p->result.failed = json_is(r->j, b[B_IS_ERROR], JSON_TRUE);
	if (b[B_IS_ERROR] != JSON_NONE && !p->result.failed)
		p->whole = false; /* said, though it is so anyway */
	read_blocks(r, b[B_CONTENT], &inner, path, &p->result.is_text);
	if (b[B_CONTENT] == JSON_NONE)
		p->whole = false;
	for (const struct part *q = p->result.parts; q != NULL; q = q->next)
		p->whole = p->whole && q->whole;
}

static void
read_members(
    struct reader *r, const uint32_t b[B_MEMBERS], struct part *p, const char *path)
{
	switch (p->kind) {
	case PART_TEXT:
		p->text = reader_text(r, b[B_TEXT], "messages.content.text");
		break;
	case PART_CALL:
		p->call.id = reader_text(r, b[B_ID], "messages.content.id");
		p->call.name = reader_text(r, b[B_NAME], "messages.content.name");
		p->call.arguments = json_raw(r->j, b[B_INPUT]);
		break;
	case PART_RESULT: read_result(r, b, p, path); break;
	case PART_REASONING:
		p->text = json_inner(r->j, b[B_THINKING]);
		p->reasoning.signature = json_inner(r->j, b[B_SIGNATURE]);
		p->reasoning.sealed = json_inner(r->j, b[B_DATA]);
		break;
	case PART_IMAGE:
	case PART_FILE:
		p->media.name = json_inner(r->j, b[B_TITLE]);
		read_source(r, b[B_SOURCE], p);
		break;
	default: break;
	}
}

/* What a block has beside what its kind may have. */
static void
note_members(
    struct reader *r, uint32_t v, struct part *p, unsigned known, const char *path)
{
	JSON_FOR_EACH_KEY (k, r->j, v) {
		unsigned m = reader_which(r, k, block_members, B_MEMBERS);

		if (m == B_MEMBERS || (known >> m & 1) == 0)
			reader_unknown(r, k + 1, &p->whole, "%s.%.*s", path,
			    SLICE_ARGS(reader_key(r, k)));
	}
}

static void
read_block(
    struct reader *r, uint32_t v, struct part ***tail, unsigned index, const char *path)
{
	uint32_t b[B_MEMBERS];
	struct part *p;
	unsigned k = 0;

	json_pick(r->j, v, block_members, B_MEMBERS, b);
	while (k < N(kinds) && !json_equals(r->j, b[B_TYPE], kinds[k].type))
		k++;
	p = reader_part(r, tail, k == N(kinds) ? PART_OTHER : kinds[k].kind, v, index);
	if (p == NULL)
		return;
	if (k < N(kinds))
		read_members(r, b, p, path);
	if (p->kind == PART_OTHER) {
		reader_unknown(r, v, &p->whole, "%s", path);
		return;
	}
	p->cache = read_cache(r, b[B_CACHE]);
	if (json_is(r->j, b[B_CACHE], JSON_NULL))
		p->whole = false;
	/* Who called is said in answers only to be said again: it is no loss. */
	if (b[B_CALLER] != JSON_NONE || b[B_CITATIONS] != JSON_NONE)
		p->whole = false;
	note_members(r, v, p,
	    kinds[k].members | HAS(TYPE) | HAS(CACHE) | HAS(CALLER) |
		(p->kind == PART_TEXT ? HAS(CITATIONS) : 0),
	    path);
}

static void
read_blocks(
    struct reader *r, uint32_t v, struct part ***tail, const char *path, bool *is_text)
{
	char inner[96];
	unsigned i = 0;

	if (json_is(r->j, v, JSON_STRING)) {
		struct part *p = reader_part(r, tail, PART_TEXT, v, 0);

		*is_text = true;
		if (p != NULL)
			p->text = json_inner(r->j, v);
	} else if (json_is(r->j, v, JSON_ARRAY)) {
		JSON_FOR_EACH (block, r->j, v) {
			(void)snprintf(inner, sizeof(inner), "%s.content[%u]", path, i);
			read_block(r, block, tail, i++, inner);
		}
	} else if (v != JSON_NONE && !json_is(r->j, v, JSON_NULL)) {
		reader_bad(
		    r, "messages", "%s.content must be a string or an array.", path);
	}
}

void
anthropic_read_content(struct reader *r, uint32_t content, struct turn *t)
{
	struct part **tail = &t->parts;
	char path[32];

	(void)snprintf(path, sizeof(path), "messages[%u]", t->index);
	read_blocks(r, content, &tail, path, &t->is_text);
	for (const struct part *p = t->parts; p != NULL; p = p->next)
		t->whole = t->whole && p->whole;
}

static void
read_message(struct reader *r, uint32_t v, struct turn ***tail, unsigned index)
{
	static const struct slice names[] = {{"role", 4}, {"content", 7}};
	uint32_t role = json_get(r->j, v, S("role"));
	struct turn *t;
	char path[32];

	if (!json_equals(r->j, role, S("user")) &&
	    !json_equals(r->j, role, S("assistant")) &&
	    !json_equals(r->j, role, S("system"))) {
		reader_bad(r, "messages",
		    "messages.%u.role: Input should be 'user' or 'assistant'", index);
		return;
	}
	t = reader_turn(r, tail,
	    json_equals(r->j, role, S("user"))	   ? ROLE_USER
	    : json_equals(r->j, role, S("system")) ? ROLE_SYSTEM
						   : ROLE_ASSISTANT,
	    v, index);
	if (t == NULL)
		return;
	anthropic_read_content(r, json_get(r->j, v, S("content")), t);
	(void)snprintf(path, sizeof(path), "messages[%u]", index);
	reader_others(r, v, names, N(names), &t->whole, path);
}

/* --- the rest --- */

static void
read_system(struct reader *r, uint32_t v, struct turn **first)
{
	struct turn **tail = first, *rest = *first, *t;
	struct part **parts;

	*first = NULL;
	t = reader_turn(r, &tail, ROLE_SYSTEM, v, 0);
	*tail = rest;
	if (t == NULL)
		return;
	t->ahead = true;
	parts = &t->parts;
	read_blocks(r, v, &parts, "system", &t->is_text);
	for (const struct part *p = t->parts; p != NULL; p = p->next)
		t->whole = t->whole && p->whole;
}

static void
read_tool(struct reader *r, uint32_t v, struct tool ***tail, unsigned index)
{
	static const struct slice names[] = {{"name", 4}, {"description", 11},
	    {"input_schema", 12}, {"strict", 6}, {"cache_control", 13}, {"type", 4},
	    {"eager_input_streaming", 21}};
	struct tool *t = reader_tool(r, tail, v, index);
	uint32_t type = json_get(r->j, v, S("type"));
	uint32_t strict = json_get(r->j, v, S("strict"));
	char path[32];

	if (t == NULL)
		return;
	(void)snprintf(path, sizeof(path), "tools[%u]", index);
	t->name = reader_text(r, json_get(r->j, v, S("name")), "tools.name");
	t->is_function = type == JSON_NONE || json_is(r->j, type, JSON_NULL) ||
			 json_equals(r->j, type, S("custom"));
	if (!t->is_function) {
		reader_unknown(r, v, &t->whole, "%s", path);
		return;
	}
	t->description =
	    reader_text(r, json_get(r->j, v, S("description")), "tools.description");
	t->schema = json_raw(r->j, json_get(r->j, v, S("input_schema")));
	if (t->schema.len == 0)
		t->whole = false;
	if (json_is(r->j, strict, JSON_TRUE) || json_is(r->j, strict, JSON_FALSE))
		t->strict = json_is(r->j, strict, JSON_TRUE) ? STRICT_YES : STRICT_NO;
	else if (strict != JSON_NONE)
		t->whole = false;
	t->cache = read_cache(r, json_get(r->j, v, S("cache_control")));
	/* How soon its calls are streamed: others have nothing to say about that. */
	if (type != JSON_NONE ||
	    json_get(r->j, v, S("eager_input_streaming")) != JSON_NONE)
		t->whole = false;
	reader_others(r, v, names, N(names), &t->whole, path);
}

static void
read_list(struct reader *r, struct prompt *p, uint32_t v, enum meaning m)
{
	struct turn **turns = &p->turns;
	struct tool **tools = &p->tools;
	unsigned i = 0;

	while (*turns != NULL) /* the system's came before */
		turns = &(*turns)->next;
	if (!json_is(r->j, v, JSON_ARRAY)) {
		reader_bad(r, m == MEANING_TOOLS ? "tools" : "messages",
		    "%s: Input should be a valid array",
		    m == MEANING_TOOLS ? "tools" : "messages");
		return;
	}
	JSON_FOR_EACH (e, r->j, v) {
		if (m == MEANING_TOOLS)
			read_tool(r, e, &tools, i++);
		else
			read_message(r, e, &turns, i++);
	}
}

/* {"type": "auto" | "any" | "none" | "tool", "name", "disable_parallel_tool_use"} */
static void
read_choice(struct reader *r, struct prompt *p, uint32_t v)
{
	static const struct slice names[] = {
	    {"type", 4}, {"name", 4}, {"disable_parallel_tool_use", 25}};
	struct slice type = json_inner(r->j, json_get(r->j, v, S("type")));
	struct tool_choice *c = &p->choice;
	bool whole;

	c->required = true;
	c->mode = slice_eq(type, S("auto"))   ? CHOICE_AUTO
		  : slice_eq(type, S("any"))  ? CHOICE_REQUIRED
		  : slice_eq(type, S("none")) ? CHOICE_NONE
					      : CHOICE_NAMED;
	if (c->mode == CHOICE_NAMED) {
		c->count = 1;
		c->names[0] =
		    reader_text(r, json_get(r->j, v, S("name")), "tool_choice.name");
		if (!slice_eq(type, S("tool")) || c->names[0].ptr == NULL)
			reader_bad(r, "tool_choice",
			    "tool_choice.type: Input should be 'auto', 'any', 'none' "
			    "or 'tool'");
	}
	p->one_call =
	    json_is(r->j, json_get(r->j, v, S("disable_parallel_tool_use")), JSON_TRUE);
	reader_others(r, v, names, N(names), &whole, "tool_choice");
}

/* {"type": "enabled" | "disabled" | "adaptive", "budget_tokens", "display"} */
static void
read_thinking(struct reader *r, uint32_t v, struct reasoning *out)
{
	static const struct slice names[] = {
	    {"type", 4}, {"budget_tokens", 13}, {"display", 7}};
	struct slice type = json_inner(r->j, json_get(r->j, v, S("type")));
	struct slice display = json_inner(r->j, json_get(r->j, v, S("display")));
	uint64_t n;
	bool whole;

	if (slice_eq(type, S("disabled")))
		out->effort = EFFORT_NONE;
	else if (slice_eq(type, S("adaptive")))
		out->adaptive = true;
	if (json_u64(r->j, json_get(r->j, v, S("budget_tokens")), &n) && n < INT32_MAX) {
		out->has_budget = true;
		out->budget_tok = (int64_t)n;
	}
	if (slice_eq(display, S("omitted")))
		out->show = SHOW_NO;
	else if (slice_eq(display, S("summarized")))
		out->show = SHOW_YES;
	reader_others(r, v, names, N(names), &whole, "thinking");
}

/* {"effort": "low" | ..., "format": {"type": "json_schema", "schema": {...}}} */
static void
read_output_config(struct reader *r, struct prompt *p, uint32_t v)
{
	static const struct slice names[] = {{"effort", 6}, {"format", 6}};
	struct slice effort = json_inner(r->j, json_get(r->j, v, S("effort")));
	uint32_t format = json_get(r->j, v, S("format"));
	bool whole;

	if (effort.len > 0 && p->reasoning.effort != EFFORT_NONE &&
	    !effort_parse(effort, &p->reasoning.effort))
		reader_bad(r, "output_config",
		    "output_config.effort: '%.*s' is not known",
		    SLICE_ARGS(slice_head(effort, 40)));
	if (json_is(r->j, format, JSON_OBJECT)) {
		p->format.kind = FORMAT_SCHEMA;
		p->format.strict = FORMAT_STRICT_YES;
		p->format.schema = json_raw(r->j, json_get(r->j, format, S("schema")));
	}
	reader_others(r, v, names, N(names), &whole, "output_config");
}

/* `output_format`, as it was called before. */
static void
read_output_format(struct reader *r, struct prompt *p, uint32_t v)
{
	p->format.kind = FORMAT_SCHEMA;
	p->format.strict = FORMAT_STRICT_YES;
	p->format.schema = json_raw(r->j, json_get(r->j, v, S("schema")));
}

/* {"user_id": "..."}: what else there may be is not carried on. */
static void
read_metadata(struct reader *r, struct prompt *p, uint32_t v)
{
	static const struct slice names[] = {{"user_id", 7}};
	bool whole;

	p->user = json_raw(r->j, json_get(r->j, v, S("user_id")));
	reader_others(r, v, names, N(names), &whole, "metadata");
}

static void
read_member(struct reader *r, struct prompt *p, struct member ***tail, uint32_t key)
{
	uint32_t v = key + 1;
	const struct member *m =
	    reader_member(r, p, tail, DIALECT_ANTHROPIC, reader_key(r, key), v);

	if (m == NULL || json_is(r->j, v, JSON_NULL))
		return;
	switch (m->meaning) {
	case MEANING_SYSTEM: read_system(r, v, &p->turns); break;
	case MEANING_TURNS:
	case MEANING_TOOLS: read_list(r, p, v, m->meaning); break;
	case MEANING_TOOL_CHOICE: read_choice(r, p, v); break;
	case MEANING_REASONING: read_thinking(r, v, &p->reasoning); break;
	case MEANING_FORMAT:
		if (slice_eq(m->key, S("output_format")))
			read_output_format(r, p, v);
		else
			read_output_config(r, p, v);
		break;
	case MEANING_USER: read_metadata(r, p, v); break;
	case MEANING_STREAM: p->stream = json_is(r->j, v, JSON_TRUE); break;
	case MEANING_MODEL: p->model = reader_text(r, v, "model"); break;
	case MEANING_CACHE: p->cache = read_cache(r, v); break;
	default: break;
	}
}

enum err
anthropic_read_prompt(const struct json *j, struct arena *a, struct prompt *ret,
    struct note *note, const char **ret_param)
{
	struct unknown **unknown = &ret->unknown;
	struct member **members = &ret->members;
	struct reader r = {.j = j, .arena = a, .unknown = &unknown, .note = note};

	prompt_init(ret, DIALECT_ANTHROPIC);
	JSON_FOR_EACH_KEY (k, j, 0)
		read_member(&r, ret, &members, k);
	*ret_param = r.param;
	return r.err;
}
