/*
 * Bedrock Converse: requests in.
 *
 * A block is an object with one member, which says what it is. A cache point is a block
 * of its own; here it belongs to the one before it.
 */
#include "dialect/bedrock.h"
#include "json/write.h"

#include "core/base64.h"
#include "dialect/tag.h"

#include <stdio.h>

#define N(names) (sizeof(names) / sizeof((names)[0]))

/* --- media --- */

/* {"bytes": base64} or {"s3Location": {"uri"}}; others are of this dialect only. */
static bool
read_source(struct reader *r, uint32_t v, struct part *p, const char *path)
{
	static const struct slice names[] = {{"bytes", 5}};
	uint32_t bytes = json_get(r->j, v, S("bytes"));

	if (!json_is(r->j, bytes, JSON_STRING))
		return false;
	p->media.source = MEDIA_DATA;
	p->media.data = json_inner(r->j, bytes);
	reader_others(r, v, names, N(names), &p->whole, path);
	return true;
}

static void
read_media(struct reader *r, uint32_t v, struct part *p, const char *path)
{
	static const struct slice names[] = {{"format", 6}, {"source", 6}, {"name", 4}};
	struct slice format = json_inner(r->j, json_get(r->j, v, S("format")));

	if (!read_source(r, json_get(r->j, v, S("source")), p, path)) {
		p->kind = PART_OTHER;
		reader_unknown(r, v, &p->whole, "%s", path);
		return;
	}
	p->media.type = bedrock_type_of(p->kind, format);
	if (p->media.type.len == 0)
		p->media.type = format;
	if (!slice_eq(bedrock_format_of(p), format))
		p->whole = false; /* another word for the same type */
	if (p->kind == PART_FILE)
		p->media.name = reader_text(
		    r, json_get(r->j, v, S("name")), "messages.content.document.name");
	reader_others(r, v, names, p->kind == PART_FILE ? N(names) : 2, &p->whole, path);
}

/* --- blocks --- */

static void
read_blocks(struct reader *r, uint32_t list, struct part ***tail, const char *path);

/* A value of JSON as a text: how results of tools are told elsewhere. */
static void
read_json(struct reader *r, uint32_t v, struct part *p)
{
	struct slice quoted;

	p->whole = false;
	if (!json_quoted(r->arena, json_raw(r->j, v), &quoted))
		(void)reader_nomem(r);
	else
		p->text = slice_of(quoted.ptr + 1, quoted.len - 2);
}

static void
read_call(struct reader *r, uint32_t v, struct part *p, const char *path)
{
	static const struct slice names[] = {
	    {"toolUseId", 9}, {"name", 4}, {"input", 5}, {"type", 4}};
	uint32_t type = json_get(r->j, v, S("type"));

	p->call.id = reader_text(
	    r, json_get(r->j, v, S("toolUseId")), "messages.content.toolUse.toolUseId");
	p->call.name =
	    reader_text(r, json_get(r->j, v, S("name")), "messages.content.toolUse.name");
	p->call.arguments = json_raw(r->j, json_get(r->j, v, S("input")));
	if (type != JSON_NONE || p->call.arguments.len == 0)
		p->whole = false;
	if (json_equals(r->j, type, S("server_tool_use"))) {
		p->kind = PART_OTHER;
		reader_unknown(r, v, &p->whole, "%s", path);
		return;
	}
	reader_others(r, v, names, N(names), &p->whole, path);
}

static void
read_result(struct reader *r, uint32_t v, struct part *p, const char *path)
{
	static const struct slice names[] = {
	    {"toolUseId", 9}, {"content", 7}, {"status", 6}, {"type", 4}};
	uint32_t status = json_get(r->j, v, S("status"));
	struct part **tail = &p->result.parts;
	char inner[160];

	p->result.id = reader_text(r, json_get(r->j, v, S("toolUseId")),
	    "messages.content.toolResult.toolUseId");
	p->result.failed = json_equals(r->j, status, S("error"));
	if ((status != JSON_NONE && !p->result.failed) ||
	    json_get(r->j, v, S("type")) != JSON_NONE)
		p->whole = false; /* said, though it is so anyway */
	(void)snprintf(inner, sizeof(inner), "%s.content", path);
	read_blocks(r, json_get(r->j, v, S("content")), &tail, inner);
	for (const struct part *q = p->result.parts; q != NULL; q = q->next)
		p->whole = p->whole && q->whole;
	reader_others(r, v, names, N(names), &p->whole, path);
}

/* What was sealed for callers of this dialect (bedrock_put_sealed), as it was told. */
static void
read_sealed(struct reader *r, struct part *p)
{
	struct slice sealed = p->reasoning.sealed;
	char *bytes;
	size_t n;

	if (!slice_starts(sealed, S("d2Vpci"))) /* "weir" in base64 */
		return;
	bytes = arena_alloc(r->arena, BASE64_BYTES(sealed.len));
	if (bytes == NULL) {
		(void)reader_nomem(r);
		return;
	}
	if (base64_decode(sealed, bytes, &n) && tag_is(slice_of(bytes, n))) {
		p->reasoning.sealed = slice_of(bytes, n);
		p->whole = false;
	}
}

/* {"reasoningText": {"text", "signature"}} or {"redactedContent": base64} */
static void
read_reasoning(struct reader *r, uint32_t v, struct part *p, const char *path)
{
	static const struct slice names[] = {
	    {"reasoningText", 13}, {"redactedContent", 15}};
	static const struct slice inner[] = {{"text", 4}, {"signature", 9}};
	uint32_t text = json_get(r->j, v, S("reasoningText"));

	p->text = json_inner(r->j, json_get(r->j, text, S("text")));
	p->reasoning.signature = json_inner(r->j, json_get(r->j, text, S("signature")));
	p->reasoning.sealed = json_inner(r->j, json_get(r->j, v, S("redactedContent")));
	if (p->reasoning.sealed.ptr != NULL)
		read_sealed(r, p);
	if (p->text.ptr == NULL && p->reasoning.sealed.ptr == NULL)
		p->whole = false;
	reader_others(r, v, names, N(names), &p->whole, path);
	reader_others(r, text, inner, N(inner), &p->whole, path);
}

/* {"text": {"text", "qualifiers"}}: what it says is part of the prompt, that it is to
 * be watched is of this dialect only. */
static void
read_guarded(struct reader *r, uint32_t v, struct part *p, const char *path)
{
	struct slice text = json_inner(r->j, json_path(r->j, v, "text", "text", NULL));

	reader_unknown(r, v, &p->whole, "%s", path);
	if (text.ptr == NULL)
		p->kind = PART_OTHER;
	p->text = text;
}

/* {"content": [{"text"}], "citations": [...]}: an answer's text with where it is from,
 * which is said only to be said again. */
static void
read_cited(struct reader *r, uint32_t v, struct part *p)
{
	uint32_t list = json_get(r->j, v, S("content"));
	struct buf b;

	p->whole = false;
	buf_init(&b, 16u << 20);
	if (json_is(r->j, list, JSON_ARRAY))
		JSON_FOR_EACH (item, r->j, list)
			buf_add(&b, json_inner(r->j, json_get(r->j, item, S("text"))));
	if (b.err != ERR_OK || !arena_copy(r->arena, buf_slice(&b), &p->text))
		(void)reader_nomem(r);
	buf_free(&b);
}

/* The kinds of blocks, by their one member. */
enum block {
	B_TEXT,
	B_CALL,
	B_RESULT,
	B_IMAGE,
	B_FILE,
	B_VIDEO,
	B_AUDIO,
	B_REASONING,
	B_JSON,
	B_GUARDED,
	B_CITED,
	B_CACHE,
	BLOCKS
};

static const struct slice block_names[BLOCKS] = {[B_TEXT] = {"text", 4},
    [B_CALL] = {"toolUse", 7},
    [B_RESULT] = {"toolResult", 10},
    [B_IMAGE] = {"image", 5},
    [B_FILE] = {"document", 8},
    [B_VIDEO] = {"video", 5},
    [B_AUDIO] = {"audio", 5},
    [B_REASONING] = {"reasoningContent", 16},
    [B_JSON] = {"json", 4},
    [B_GUARDED] = {"guardContent", 12},
    [B_CITED] = {"citationsContent", 16},
    [B_CACHE] = {"cachePoint", 10}};

static const enum part_kind block_kinds[BLOCKS] = {[B_TEXT] = PART_TEXT,
    [B_CALL] = PART_CALL,
    [B_RESULT] = PART_RESULT,
    [B_IMAGE] = PART_IMAGE,
    [B_FILE] = PART_FILE,
    [B_VIDEO] = PART_VIDEO,
    [B_AUDIO] = PART_AUDIO,
    [B_REASONING] = PART_REASONING,
    [B_JSON] = PART_TEXT,
    [B_GUARDED] = PART_TEXT,
    [B_CITED] = PART_TEXT,
    [B_CACHE] = PART_OTHER};

/* {"type": "default", "ttl": "5m" | "1h"}: CACHE_NONE when it is something else. */
static enum cache_life
read_cache(const struct reader *r, uint32_t v)
{
	struct slice ttl = json_inner(r->j, json_get(r->j, v, S("ttl")));
	unsigned members = 0;

	if (!json_equals(r->j, json_get(r->j, v, S("type")), S("default")))
		return CACHE_NONE;
	JSON_FOR_EACH_KEY (k, r->j, v)
		members += k != JSON_NONE;
	if (members == 1)
		return CACHE_DEFAULT;
	if (members > 2)
		return CACHE_NONE;
	return slice_eq(ttl, S("1h"))	? CACHE_1H
	       : slice_eq(ttl, S("5m")) ? CACHE_5M
					: CACHE_NONE;
}

static void
read_held(struct reader *r, enum block kind, uint32_t v, struct part *p, const char *path)
{
	switch (kind) {
	case B_TEXT: p->text = reader_text(r, v, "messages.content.text"); break;
	case B_CALL: read_call(r, v, p, path); break;
	case B_RESULT: read_result(r, v, p, path); break;
	case B_IMAGE:
	case B_FILE:
	case B_VIDEO:
	case B_AUDIO: read_media(r, v, p, path); break;
	case B_REASONING: read_reasoning(r, v, p, path); break;
	case B_JSON: read_json(r, v, p); break;
	case B_GUARDED: read_guarded(r, v, p, path); break;
	case B_CITED: read_cited(r, v, p); break;
	default: break;
	}
}

static void
read_block(struct reader *r, uint32_t v, struct part ***tail, struct part **last,
    unsigned index, const char *list)
{
	uint32_t key = json_first(r->j, v);
	enum cache_life cache;
	enum block kind = BLOCKS;
	struct part *p;
	char path[144];

	if (json_is(r->j, v, JSON_OBJECT) && key != JSON_NONE &&
	    json_after(r->j, v, key + 1) == JSON_NONE)
		kind = (enum block)reader_which(r, key, block_names, BLOCKS);
	cache = kind == B_CACHE ? read_cache(r, key + 1) : CACHE_NONE;
	if (cache != CACHE_NONE && *last != NULL && (*last)->cache == CACHE_NONE) {
		(*last)->cache = cache;
		return;
	}
	p = reader_part(
	    r, tail, kind == BLOCKS ? PART_OTHER : block_kinds[kind], v, index);
	if (p == NULL)
		return;
	*last = p;
	(void)snprintf(path, sizeof(path), "%s[%u]", list, index);
	if (kind == BLOCKS || kind == B_CACHE)
		reader_unknown(r, v, &p->whole, "%s", path);
	else
		read_held(r, kind, key + 1, p, path);
}

static void
read_blocks(struct reader *r, uint32_t list, struct part ***tail, const char *path)
{
	struct part *last = NULL;
	unsigned i = 0;

	if (json_is(r->j, list, JSON_ARRAY)) {
		JSON_FOR_EACH (block, r->j, list)
			read_block(r, block, tail, &last, i++, path);
	} else if (list != JSON_NONE && !json_is(r->j, list, JSON_NULL)) {
		reader_bad(r, "messages", "%s must be an array of blocks.", path);
	}
}

/* --- turns --- */

void
bedrock_read_said(struct reader *r, uint32_t message, struct turn *t)
{
	static const struct slice names[] = {{"role", 4}, {"content", 7}};
	uint32_t content = json_get(r->j, message, S("content"));
	struct part **tail = &t->parts;
	char path[48];

	(void)snprintf(path, sizeof(path), "messages[%u].content", t->index);
	read_blocks(r, content, &tail, path);
	if (!json_is(r->j, content, JSON_ARRAY))
		t->whole = false;
	(void)snprintf(path, sizeof(path), "messages[%u]", t->index);
	reader_others(r, message, names, N(names), &t->whole, path);
	for (const struct part *p = t->parts; p != NULL; p = p->next)
		t->whole = t->whole && p->whole;
}

static void
read_message(struct reader *r, uint32_t v, struct turn ***tail, unsigned index)
{
	uint32_t word = json_get(r->j, v, S("role"));
	enum role role = ROLE_USER;
	struct turn *t;

	if (json_equals(r->j, word, S("assistant"))) {
		role = ROLE_ASSISTANT;
	} else if (json_equals(r->j, word, S("system"))) {
		role = ROLE_SYSTEM;
	} else if (!json_equals(r->j, word, S("user"))) {
		reader_bad(r, "messages",
		    "messages[%u].role must be 'user' or 'assistant'.", index);
		return;
	}
	t = reader_turn(r, tail, role, v, index);
	if (t != NULL)
		bedrock_read_said(r, v, t);
}

static void
read_messages(struct reader *r, struct prompt *p, uint32_t v)
{
	struct turn **tail = &p->turns;
	unsigned i = 0;

	while (*tail != NULL) /* the system's came before */
		tail = &(*tail)->next;
	if (!json_is(r->j, v, JSON_ARRAY)) {
		reader_bad(r, "messages", "'messages' must be an array.");
		return;
	}
	JSON_FOR_EACH (m, r->j, v)
		read_message(r, m, &tail, i++);
}

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
	read_blocks(r, v, &parts, "system");
	for (const struct part *p = t->parts; p != NULL; p = p->next)
		t->whole = t->whole && p->whole;
}

/* --- tools --- */

static void
read_spec(struct reader *r, uint32_t v, struct tool *t, const char *path)
{
	static const struct slice names[] = {
	    {"name", 4}, {"description", 11}, {"inputSchema", 11}, {"strict", 6}};
	static const struct slice inner[] = {{"json", 4}};
	uint32_t schema = json_get(r->j, v, S("inputSchema"));
	uint32_t strict = json_get(r->j, v, S("strict"));

	t->is_function = true;
	t->name = reader_text(r, json_get(r->j, v, S("name")), "toolSpec.name");
	t->description =
	    reader_text(r, json_get(r->j, v, S("description")), "toolSpec.description");
	t->schema = json_raw(r->j, json_get(r->j, schema, S("json")));
	if (json_is(r->j, strict, JSON_TRUE) || json_is(r->j, strict, JSON_FALSE))
		t->strict = json_is(r->j, strict, JSON_TRUE) ? STRICT_YES : STRICT_NO;
	else if (strict != JSON_NONE)
		t->whole = false;
	if (t->description.ptr == NULL &&
	    json_get(r->j, v, S("description")) != JSON_NONE)
		t->whole = false;
	reader_others(r, v, names, N(names), &t->whole, path);
	reader_others(r, schema, inner, N(inner), &t->whole, path);
}

/* [{"toolSpec": {...}} | {"systemTool": {...}} | {"cachePoint": {...}}] */
static void
read_tools(struct reader *r, uint32_t v, struct prompt *p)
{
	static const struct slice names[] = {{"toolSpec", 8}, {"cachePoint", 10}};
	struct tool **tail = &p->tools, *last = NULL;
	unsigned i = 0;
	char path[64];

	if (!json_is(r->j, v, JSON_ARRAY)) {
		reader_bad(r, "toolConfig", "'toolConfig.tools' must be an array.");
		return;
	}
	JSON_FOR_EACH (e, r->j, v) {
		uint32_t key = json_first(r->j, e);
		unsigned which = key == JSON_NONE || !json_is(r->j, e, JSON_OBJECT)
				     ? N(names)
				     : reader_which(r, key, names, N(names));
		enum cache_life cache = which == 1 ? read_cache(r, key + 1) : CACHE_NONE;

		(void)snprintf(path, sizeof(path), "toolConfig.tools[%u]", i);
		if (cache != CACHE_NONE && last != NULL && last->cache == CACHE_NONE) {
			last->cache = cache;
			i++;
			continue;
		}
		last = reader_tool(r, &tail, e, i++);
		if (last == NULL)
			return;
		if (which == 0)
			read_spec(r, key + 1, last, path);
		else
			reader_unknown(r, e, &last->whole, "%s", path);
	}
}

/* {"auto": {}} | {"any": {}} | {"tool": {"name"}} */
static void
read_choice(struct reader *r, uint32_t v, struct tool_choice *c)
{
	uint32_t name = json_path(r->j, v, "tool", "name", NULL);

	c->required = true;
	if (json_get(r->j, v, S("auto")) != JSON_NONE) {
		c->mode = CHOICE_AUTO;
	} else if (json_get(r->j, v, S("any")) != JSON_NONE) {
		c->mode = CHOICE_REQUIRED;
	} else if (json_is(r->j, name, JSON_STRING)) {
		c->mode = CHOICE_NAMED;
		c->count = 1;
		c->names[0] = json_inner(r->j, name);
	} else {
		reader_bad(r, "toolConfig",
		    "'toolConfig.toolChoice' must be of auto, any or tool.");
	}
}

/* --- the rest --- */

/* {"type": "json_schema", "structure": {"jsonSchema": {"schema": text, "name", ...}}} */
static void
read_format(struct reader *r, uint32_t v, struct format *f)
{
	uint32_t s = json_path(r->j, v, "structure", "jsonSchema", NULL);

	f->kind = FORMAT_SCHEMA;
	f->strict = FORMAT_STRICT_YES;
	f->name = json_inner(r->j, json_get(r->j, s, S("name")));
	f->description = json_inner(r->j, json_get(r->j, s, S("description")));
	f->schema =
	    reader_decoded(r, json_get(r->j, s, S("schema")), "outputConfig.textFormat");
	if (f->schema.len == 0)
		reader_bad(r, "outputConfig",
		    "'outputConfig.textFormat' must have a structure.jsonSchema.schema.");
}

static void
read_effort(struct reader *r, struct slice word, struct reasoning *out)
{
	if (word.len > 0 && out->effort != EFFORT_NONE &&
	    !effort_parse(word, &out->effort))
		reader_bad(r, "outputConfig", "The effort '%.*s' is not known.",
		    SLICE_ARGS(slice_head(word, 40)));
}

/* The forms of several makers: Anthropic's {"type", "budget_tokens"}, Nova's {"type",
 * "maxReasoningEffort"}, a word. */
static void
read_reasoning_wish(struct reader *r, uint32_t v, struct reasoning *out)
{
	struct slice type = json_inner(r->j, json_get(r->j, v, S("type")));
	uint64_t n;

	if (json_is(r->j, v, JSON_STRING)) {
		read_effort(r, json_inner(r->j, v), out);
		return;
	}
	read_effort(r, json_inner(r->j, json_get(r->j, v, S("maxReasoningEffort"))), out);
	if (slice_eq(type, S("disabled"))) {
		out->effort = EFFORT_NONE;
	} else if (json_u64(r->j, json_get(r->j, v, S("budget_tokens")), &n) &&
		   n < INT32_MAX) {
		out->has_budget = true;
		out->budget_tok = (int64_t)n;
	} else if (out->effort == EFFORT_UNSAID) {
		out->adaptive = true;
	}
}

/* What a member says, for those that are more than their value. */
static void
read_meaning(struct reader *r, struct prompt *p, const struct member *m, uint32_t v)
{
	switch (m->meaning) {
	case MEANING_MODEL: p->model = reader_text(r, v, "modelId"); break;
	case MEANING_SYSTEM: read_system(r, v, &p->turns); break;
	case MEANING_TURNS: read_messages(r, p, v); break;
	case MEANING_TOOLS: read_tools(r, v, p); break;
	case MEANING_TOOL_CHOICE: read_choice(r, v, &p->choice); break;
	case MEANING_FORMAT: read_format(r, v, &p->format); break;
	case MEANING_REASONING: read_reasoning_wish(r, v, &p->reasoning); break;
	default: break;
	}
}

/* The members of a member, as far as they have meanings of their own. */
static void
read_inside(struct reader *r, struct prompt *p, struct member ***tail,
    const struct member *outer, uint32_t object)
{
	struct member **from = *tail;
	uint32_t key = json_first(r->j, object);

	if (!json_is(r->j, object, JSON_OBJECT)) {
		reader_bad(r, "body", "'%.*s' must be an object.",
		    SLICE_ARGS(slice_head(outer->key, 60)));
		return;
	}
	reader_members_inside(r, p, tail, DIALECT_BEDROCK, outer->key, object);
	for (const struct member *m = *from; r->err == ERR_OK && m != NULL; m = m->next) {
		if (!json_is(r->j, key + 1, JSON_NULL))
			read_meaning(r, p, m, key + 1);
		key = json_after(r->j, object, key + 1);
	}
	/* One level further down: Nova's own settings. */
	for (struct member *m = *from; r->err == ERR_OK && m != NULL; m = m->next) {
		if (m->meaning != MEANING_OUTER || !m->inside)
			continue;
		reader_members_inside(r, p, tail, DIALECT_BEDROCK, m->key,
		    json_get(r->j, object, slice_from(m->key, outer->key.len + 1)));
		return;
	}
}

enum err
bedrock_read_prompt(const struct json *j, struct arena *a, struct prompt *ret,
    struct note *note, const char **ret_param)
{
	struct unknown **unknown = &ret->unknown;
	struct member **members = &ret->members;
	struct reader r = {.j = j, .arena = a, .unknown = &unknown, .note = note};

	prompt_init(ret, DIALECT_BEDROCK);
	ret->tools_name = "toolConfig.tools";
	JSON_FOR_EACH_KEY (k, j, 0) {
		const struct member *m = reader_member(
		    &r, ret, &members, DIALECT_BEDROCK, reader_key(&r, k), k + 1);

		if (m == NULL)
			break;
		if (json_is(j, k + 1, JSON_NULL))
			continue;
		if (m->meaning == MEANING_OUTER)
			read_inside(&r, ret, &members, m, k + 1);
		else
			read_meaning(&r, ret, m, k + 1);
	}
	*ret_param = r.param;
	return r.err;
}
