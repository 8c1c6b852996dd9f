/*
 * Cohere v2 chat: requests in.
 *
 * What has no place in Cohere's own form and is told to its callers in answers of
 * others is read back: the signature or the encrypted form of thinking (`signature`,
 * `data`), that of a call (`extra_content`, as OpenAI's dialect has it).
 */
#include "dialect/cohere.h"
#include "json/write.h"

#include <stdio.h>

#define N(names) (sizeof(names) / sizeof((names)[0]))

/* --- parts --- */

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

/* A document of a tool's result: {"data": text or object, "id"}. Elsewhere it is a
 * text; an object is its JSON. */
static void
read_document(struct reader *r, uint32_t v, struct part *p, const char *path)
{
	static const struct slice names[] = {{"data", 4}};
	uint32_t data = json_get(r->j, v, S("data"));
	struct slice quoted;

	p->whole = false;
	p->text = json_inner(r->j, data);
	if (p->text.ptr == NULL) {
		if (!json_quoted(r->arena, json_raw(r->j, data), &quoted)) {
			(void)reader_nomem(r);
			return;
		}
		p->text = slice_of(quoted.ptr + 1, quoted.len - 2);
	}
	reader_others(r, v, names, N(names), &p->whole, path);
}

static void
read_thinking(struct reader *r, uint32_t v, struct part *p, const char *path)
{
	static const struct slice names[] = {
	    {"type", 4}, {"thinking", 8}, {"signature", 9}, {"data", 4}};

	p->text = reader_text(r, json_get(r->j, v, S("thinking")), "messages.content");
	p->reasoning.signature = json_inner(r->j, json_get(r->j, v, S("signature")));
	p->reasoning.sealed = json_inner(r->j, json_get(r->j, v, S("data")));
	if (p->reasoning.signature.ptr != NULL || p->reasoning.sealed.ptr != NULL)
		p->whole = false;
	else
		p->reasoning.signature = S("");
	reader_others(r, v, names, N(names), &p->whole, path);
}

/* The kinds of parts, and the member that holds what they are made of. */
static const struct {
	struct slice type, holder;
	enum part_kind kind;
} kinds[] = {{{"text", 4}, {"text", 4}, PART_TEXT},
    {{"image_url", 9}, {"image_url", 9}, PART_IMAGE},
    {{"document", 8}, {"document", 8}, PART_TEXT},
    {{"thinking", 8}, {"thinking", 8}, PART_REASONING}};

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
	if (p->kind == PART_REASONING) {
		read_thinking(r, v, p, path);
		return;
	}
	if (p->kind == PART_IMAGE)
		read_image(r, held, p, path);
	else if (slice_eq(type, S("document")))
		read_document(r, held, p, path);
	else
		p->text = reader_text(r, held, "messages.content.text");
	reader_others(
	    r, v, (const struct slice[]){S("type"), kinds[k].holder}, 2, &p->whole, path);
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

static void
read_call(struct reader *r, uint32_t v, struct turn *t, struct part ***tail, unsigned i)
{
	static const struct slice call[] = {
	    {"id", 2}, {"type", 4}, {"function", 8}, {"extra_content", 13}};
	static const struct slice function[] = {{"name", 4}, {"arguments", 9}};
	uint32_t f = json_get(r->j, v, S("function"));
	struct part *p = reader_part(r, tail, PART_CALL, v, i);
	char path[64];

	if (p == NULL)
		return;
	(void)snprintf(path, sizeof(path), "messages[%u].tool_calls[%u]", t->index, i);
	p->call.id = reader_text(r, json_get(r->j, v, S("id")), "tool_calls.id");
	p->call.name = reader_text(r, json_get(r->j, f, S("name")), "tool_calls.name");
	p->call.arguments =
	    reader_decoded(r, json_get(r->j, f, S("arguments")), "tool_calls.arguments");
	p->call.signature = json_inner(r->j,
	    json_path(r->j, v, "extra_content", "google", "thought_signature", NULL));
	/* As it is in answers of others, which leave the kind out or say more. */
	if (json_get(r->j, v, S("type")) == JSON_NONE || p->call.id.ptr == NULL ||
	    json_get(r->j, f, S("arguments")) == JSON_NONE ||
	    json_get(r->j, v, S("extra_content")) != JSON_NONE)
		p->whole = false;
	reader_others(r, v, call, N(call), &p->whole, path);
	reader_others(r, f, function, N(function), &p->whole, path);
}

/* --- messages --- */

enum message_member {
	M_ROLE,
	M_CONTENT,
	M_TOOL_PLAN,
	M_TOOL_CALLS,
	M_TOOL_CALL_ID,
	M_CITATIONS,
	M_MEMBERS
};

static const struct slice message_members[M_MEMBERS] = {[M_ROLE] = {"role", 4},
    [M_CONTENT] = {"content", 7},
    [M_TOOL_PLAN] = {"tool_plan", 9},
    [M_TOOL_CALLS] = {"tool_calls", 10},
    [M_TOOL_CALL_ID] = {"tool_call_id", 12},
    [M_CITATIONS] = {"citations", 9}};

static void
read_calls(struct reader *r, uint32_t v, struct turn *t, struct part ***tail)
{
	unsigned i = 0;

	if (json_is(r->j, v, JSON_ARRAY)) {
		JSON_FOR_EACH (call, r->j, v)
			read_call(r, call, t, tail, i++);
	} else if (v != JSON_NONE && !json_is(r->j, v, JSON_NULL)) {
		reader_bad(
		    r, "messages", "messages[%u].tool_calls must be an array.", t->index);
	}
	/* What is said though it says nothing stays as it stands. */
	if (v != JSON_NONE && json_first(r->j, v) == JSON_NONE)
		t->whole = false;
}

static void
read_said(struct reader *r, const uint32_t m[M_MEMBERS], struct turn *t)
{
	struct slice plan = reader_text(r, m[M_TOOL_PLAN], "messages.tool_plan");
	struct part **tail = &t->parts;

	if (plan.len > 0) {
		struct part *p = reader_part(r, &tail, PART_REASONING, m[M_TOOL_PLAN], 0);

		if (p == NULL)
			return;
		p->text = plan;
		p->reasoning.signature = COHERE_PLAN;
	} else if (m[M_TOOL_PLAN] != JSON_NONE) {
		t->whole = false;
	}
	read_content(r, m[M_CONTENT], t, &tail);
	read_calls(r, m[M_TOOL_CALLS], t, &tail);
	/* Where an answer had its words from is said in it only to be said again. */
	if (m[M_CITATIONS] != JSON_NONE ||
	    (m[M_CONTENT] != JSON_NONE && json_first(r->j, m[M_CONTENT]) == JSON_NONE &&
		!t->is_text))
		t->whole = false;
}

void
cohere_read_said(struct reader *r, uint32_t message, struct turn *t)
{
	uint32_t m[M_MEMBERS];
	char path[32];

	json_pick(r->j, message, message_members, M_MEMBERS, m);
	(void)snprintf(path, sizeof(path), "messages[%u]", t->index);
	read_said(r, m, t);
	reader_others(r, message, message_members, M_MEMBERS, &t->whole, path);
	for (const struct part *p = t->parts; p != NULL; p = p->next)
		t->whole = t->whole && p->whole;
}

/* A tool's message: one result, whose parts are the content. */
static void
read_result(struct reader *r, uint32_t message, struct turn *t)
{
	static const struct slice names[] = {
	    {"role", 4}, {"content", 7}, {"tool_call_id", 12}};
	uint32_t content = json_get(r->j, message, S("content"));
	struct part **tail = &t->parts, **inner;
	struct part *p = reader_part(r, &tail, PART_RESULT, message, 0);
	char path[32];

	if (p == NULL)
		return;
	p->result.id = reader_text(
	    r, json_get(r->j, message, S("tool_call_id")), "messages.tool_call_id");
	inner = &p->result.parts;
	read_content(r, content, t, &inner);
	p->result.is_text = t->is_text;
	if (p->result.id.ptr == NULL || p->result.parts == NULL)
		t->whole = false;
	for (const struct part *q = p->result.parts; q != NULL; q = q->next)
		t->whole = t->whole && q->whole;
	(void)snprintf(path, sizeof(path), "messages[%u]", t->index);
	reader_others(r, message, names, N(names), &t->whole, path);
}

static bool
read_role(const struct json *j, uint32_t v, enum role *ret_role)
{
	static const struct {
		struct slice name;
		enum role role;
	} roles[] = {{{"user", 4}, ROLE_USER}, {{"assistant", 9}, ROLE_ASSISTANT},
	    {{"tool", 4}, ROLE_TOOL}, {{"system", 6}, ROLE_SYSTEM}};

	for (unsigned i = 0; i < N(roles); i++)
		if (json_equals(j, v, roles[i].name)) {
			*ret_role = roles[i].role;
			return true;
		}
	return false;
}

static void
read_message(struct reader *r, uint32_t v, struct turn ***tail, unsigned index)
{
	struct turn *t;
	enum role role;

	if (!read_role(r->j, json_get(r->j, v, S("role")), &role)) {
		reader_bad(r, "messages",
		    "messages[%u].role must be system, user, assistant or tool.", index);
		return;
	}
	t = reader_turn(r, tail, role, v, index);
	if (t == NULL)
		return;
	if (role == ROLE_TOOL)
		read_result(r, v, t);
	else
		cohere_read_said(r, v, t);
}

/* --- tools and the rest --- */

static void
read_tool(struct reader *r, uint32_t v, struct tool ***tail, unsigned index)
{
	static const struct slice outer[] = {{"type", 4}, {"function", 8}};
	static const struct slice inner[] = {
	    {"name", 4}, {"description", 11}, {"parameters", 10}};
	uint32_t f = json_get(r->j, v, S("function"));
	struct tool *t = reader_tool(r, tail, v, index);
	char path[32];

	if (t == NULL)
		return;
	(void)snprintf(path, sizeof(path), "tools[%u]", index);
	t->is_function = json_is(r->j, f, JSON_OBJECT);
	if (!t->is_function) {
		reader_unknown(r, v, &t->whole, "%s", path);
		return;
	}
	t->name = reader_text(r, json_get(r->j, f, S("name")), "tools.function.name");
	t->description = reader_text(
	    r, json_get(r->j, f, S("description")), "tools.function.description");
	t->schema = json_raw(r->j, json_get(r->j, f, S("parameters")));
	if (t->description.ptr == NULL &&
	    json_get(r->j, f, S("description")) != JSON_NONE)
		t->whole = false;
	reader_others(r, v, outer, N(outer), &t->whole, path);
	reader_others(r, f, inner, N(inner), &t->whole, path);
}

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
read_choice(struct reader *r, uint32_t v, struct tool_choice *c)
{
	struct slice word = json_inner(r->j, v);

	c->required = true;
	if (slice_ieq(word, S("REQUIRED")))
		c->mode = CHOICE_REQUIRED;
	else if (slice_ieq(word, S("NONE")))
		c->mode = CHOICE_NONE;
	else if (!slice_ieq(word, S("AUTO")))
		reader_bad(
		    r, "tool_choice", "'tool_choice' must be \"REQUIRED\" or \"NONE\".");
}

/* {"type": "text" | "json_object", "json_schema": {...}} */
static void
read_format(struct reader *r, uint32_t v, struct format *f)
{
	static const struct slice names[] = {
	    {"type", 4}, {"json_schema", 11}, {"schema", 6}};
	struct slice type = json_inner(r->j, json_get(r->j, v, S("type")));
	uint32_t schema = json_get(r->j, v, S("json_schema"));
	bool whole;

	if (schema == JSON_NONE)
		schema = json_get(r->j, v, S("schema")); /* as it was called before */
	if (slice_eq(type, S("json_object"))) {
		f->kind =
		    json_is(r->j, schema, JSON_OBJECT) ? FORMAT_SCHEMA : FORMAT_JSON;
		f->strict = FORMAT_STRICT_YES;
		f->schema = json_raw(r->j, schema);
	} else if (slice_eq(type, S("text"))) {
		f->kind = FORMAT_TEXT;
	} else {
		reader_bad(r, "response_format",
		    "'response_format' must be of type \"text\" or \"json_object\".");
	}
	reader_others(r, v, names, N(names), &whole, "response_format");
}

/* {"type": "enabled" | "disabled", "token_budget"} */
static void
read_reasoning(struct reader *r, uint32_t v, struct reasoning *out)
{
	static const struct slice names[] = {{"type", 4}, {"token_budget", 12}};
	struct slice type = json_inner(r->j, json_get(r->j, v, S("type")));
	uint64_t n;
	bool whole;

	if (slice_eq(type, S("disabled"))) {
		out->effort = EFFORT_NONE;
	} else if (!slice_eq(type, S("enabled"))) {
		reader_bad(r, "thinking",
		    "'thinking' must be of type \"enabled\" or \"disabled\".");
	} else if (json_u64(r->j, json_get(r->j, v, S("token_budget")), &n) &&
		   n < INT32_MAX) {
		out->has_budget = true;
		out->budget_tok = (int64_t)n;
	} else {
		out->adaptive = true;
	}
	reader_others(r, v, names, N(names), &whole, "thinking");
}

static void
read_member(struct reader *r, struct prompt *p, struct member ***tail, uint32_t key)
{
	uint32_t v = key + 1;
	const struct member *m =
	    reader_member(r, p, tail, DIALECT_COHERE, reader_key(r, key), v);

	if (m == NULL || json_is(r->j, v, JSON_NULL))
		return;
	switch (m->meaning) {
	case MEANING_TURNS:
	case MEANING_TOOLS: read_list(r, p, v, m->meaning); break;
	case MEANING_TOOL_CHOICE: read_choice(r, v, &p->choice); break;
	case MEANING_FORMAT: read_format(r, v, &p->format); break;
	case MEANING_REASONING: read_reasoning(r, v, &p->reasoning); break;
	case MEANING_STREAM: p->stream = json_is(r->j, v, JSON_TRUE); break;
	case MEANING_MODEL: p->model = reader_text(r, v, "model"); break;
	default: break;
	}
}

enum err
cohere_read_prompt(const struct json *j, struct arena *a, struct prompt *ret,
    struct note *note, const char **ret_param)
{
	struct unknown **unknown = &ret->unknown;
	struct member **members = &ret->members;
	struct reader r = {.j = j, .arena = a, .unknown = &unknown, .note = note};

	prompt_init(ret, DIALECT_COHERE);
	JSON_FOR_EACH_KEY (k, j, 0)
		read_member(&r, ret, &members, k);
	/* One word for all tools, wherever it stands. */
	if (slice_eq(prompt_value(ret, MEANING_STRICT_TOOLS), S("true")))
		for (struct tool *t = ret->tools; t != NULL; t = t->next)
			t->strict = STRICT_YES;
	*ret_param = r.param;
	return r.err;
}
