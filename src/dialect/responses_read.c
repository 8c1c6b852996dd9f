/*
 * OpenAI Responses: requests in.
 *
 * Each item of the input is a turn; writers of other dialects join what belongs to one
 * message. Ids and states of items say nothing elsewhere. Items that only this dialect
 * knows (calls of built-in tools, references to what was kept) stand aside.
 */
#include "dialect/responses.h"
#include "dialect/tag.h"

#include <stdio.h>

#define N(names) (sizeof(names) / sizeof((names)[0]))

/* One text, or a list of parts. */
static bool
read_content(
    struct reader *r, uint32_t v, struct part ***tail, struct turn *t, const char *path)
{
	if (json_is(r->j, v, JSON_STRING)) {
		struct part *p = reader_part(r, tail, PART_TEXT, v, 0);

		if (p != NULL)
			p->text = json_inner(r->j, v);
		t->is_text = true;
		return true;
	}
	if (!json_is(r->j, v, JSON_ARRAY)) {
		reader_bad(r, "input", "'%s' must be a string or an array.", path);
		return false;
	}
	return responses_read_parts(r, v, tail, t->role, path);
}

/* --- items --- */

/* What is read of a request. */
struct reading {
	struct reader r;
	struct prompt *p;
	struct member **members;
	struct turn **turns, **aside;
	struct turn *ahead;	/* the instructions */
	struct slice signature; /* of the call that comes next */
};

/* What an item has beside what its type has: a loss. */
static void
note_members(struct reader *r, uint32_t v, struct turn *t, unsigned known)
{
	if (responses_has_null(r, v))
		t->whole = false;
	JSON_FOR_EACH_KEY (k, r->j, v) {
		unsigned m = reader_which(r, k, responses_item_members, I_MEMBERS);

		if (m < I_MEMBERS && (known >> m & 1) != 0)
			continue;
		if (!json_is(r->j, k + 1, JSON_NULL))
			reader_unknown(r, k + 1, &t->whole, "input[%u].%.*s", t->index,
			    SLICE_ARGS(reader_key(r, k)));
	}
}

#define KNOWN(m) (1u << I_##m)
#define ANY_ITEM (KNOWN(TYPE) | KNOWN(ID) | KNOWN(STATUS))

static bool
read_role(const struct json *j, uint32_t v, enum role *ret_role)
{
	static const struct {
		struct slice name;
		enum role role;
	} roles[] = {{{"user", 4}, ROLE_USER}, {{"assistant", 9}, ROLE_ASSISTANT},
	    {{"system", 6}, ROLE_SYSTEM}, {{"developer", 9}, ROLE_DEVELOPER}};

	for (unsigned i = 0; i < N(roles); i++)
		if (json_equals(j, v, roles[i].name)) {
			*ret_role = roles[i].role;
			return true;
		}
	return false;
}

static void
read_message(struct reading *in, uint32_t v, const uint32_t m[I_MEMBERS], unsigned index)
{
	struct reader *r = &in->r;
	struct part **parts;
	enum role role;
	struct turn *t;
	char path[40];

	if (!read_role(r->j, m[I_ROLE], &role)) {
		reader_bad(r, "input",
		    "input[%u] must have a type, or a role that is \"user\", "
		    "\"assistant\", \"system\" or \"developer\".",
		    index);
		return;
	}
	t = reader_turn(r, &in->turns, role, v, index);
	if (t == NULL)
		return;
	(void)snprintf(path, sizeof(path), "input[%u].content", index);
	parts = &t->parts;
	t->whole = read_content(r, m[I_CONTENT], &parts, t, path) &&
		   m[I_TYPE] != JSON_NONE && m[I_ID] == JSON_NONE &&
		   m[I_STATUS] == JSON_NONE && m[I_PHASE] == JSON_NONE;
	note_members(r, v, t, ANY_ITEM | KNOWN(ROLE) | KNOWN(CONTENT) | KNOWN(PHASE));
}

static void
read_call(struct reading *in, uint32_t v, const uint32_t m[I_MEMBERS], unsigned index)
{
	struct turn *t = reader_turn(&in->r, &in->turns, ROLE_ASSISTANT, v, index);
	struct part **parts, *p;

	if (t == NULL)
		return;
	parts = &t->parts;
	p = reader_part(&in->r, &parts, PART_CALL, v, 0);
	if (p == NULL)
		return;
	responses_read_call(&in->r, v, p);
	p->call.signature = in->signature;
	t->whole = m[I_ID] == JSON_NONE && m[I_STATUS] == JSON_NONE;
	note_members(
	    &in->r, v, t, ANY_ITEM | KNOWN(CALL_ID) | KNOWN(NAME) | KNOWN(ARGUMENTS));
}

static void
read_result(struct reading *in, uint32_t v, const uint32_t m[I_MEMBERS], unsigned index)
{
	struct reader *r = &in->r;
	struct turn *t = reader_turn(r, &in->turns, ROLE_TOOL, v, index);
	struct part **parts, **inner, *p;
	char path[40];

	if (t == NULL)
		return;
	t->parts_name = "output";
	parts = &t->parts;
	p = reader_part(r, &parts, PART_RESULT, v, 0);
	if (p == NULL)
		return;
	(void)snprintf(path, sizeof(path), "input[%u].output", index);
	p->result.id = reader_text(r, m[I_CALL_ID], "input.call_id");
	p->result.name = reader_text(r, m[I_NAME], "input.name");
	inner = &p->result.parts;
	t->whole = read_content(r, m[I_OUTPUT], &inner, t, path) &&
		   m[I_ID] == JSON_NONE && m[I_STATUS] == JSON_NONE &&
		   m[I_NAME] == JSON_NONE;
	p->result.is_text = t->is_text;
	note_members(r, v, t, ANY_ITEM | KNOWN(CALL_ID) | KNOWN(OUTPUT) | KNOWN(NAME));
}

/* What only this dialect can say again. */
static void
put_aside(struct reading *in, uint32_t v, unsigned index)
{
	(void)reader_turn(&in->r, &in->aside, ROLE_ASSISTANT, v, index);
}

/* What is left out by rule, because somebody else thought it, is no loss. */
static void
read_reasoning(
    struct reading *in, uint32_t v, const uint32_t m[I_MEMBERS], unsigned index)
{
	struct slice secret = json_inner(in->r.j, m[I_ENCRYPTED]);
	struct part **parts, *p, thought = {.kind = PART_REASONING};
	struct turn *t;

	if (tag_is(secret) && slice_ends(secret, RESPONSES_OF_CALL)) {
		in->signature = slice_head(secret, secret.len - RESPONSES_OF_CALL.len);
		return;
	}
	if (!responses_read_reasoning(&in->r, v, &thought)) {
		put_aside(in, v, index);
		return;
	}
	t = reader_turn(&in->r, &in->turns, ROLE_ASSISTANT, v, index);
	if (t == NULL)
		return;
	t->whole = tag_is(secret); /* else it is as it stands */
	parts = &t->parts;
	p = reader_part(&in->r, &parts, PART_REASONING, v, 0);
	if (p == NULL)
		return;
	p->text = thought.text;
	p->reasoning = thought.reasoning;
	p->whole = t->whole;
}

static void
read_item(struct reading *in, uint32_t v, unsigned index)
{
	struct reader *r = &in->r;
	uint32_t m[I_MEMBERS];
	struct unknown *u;
	bool whole, untyped;

	json_pick(r->j, v, responses_item_members, I_MEMBERS, m);
	untyped = m[I_TYPE] == JSON_NONE || json_is(r->j, m[I_TYPE], JSON_NULL);
	if (!json_is(r->j, v, JSON_OBJECT)) {
		reader_bad(r, "input", "input[%u] must be an object.", index);
	} else if (json_equals(r->j, m[I_TYPE], S("reasoning"))) {
		read_reasoning(in, v, m, index);
		return; /* the signature of a call, if it was one, waits for it */
	} else if (json_equals(r->j, m[I_TYPE], S("message")) ||
		   (untyped && (m[I_ROLE] != JSON_NONE || m[I_ID] == JSON_NONE))) {
		read_message(in, v, m, index);
	} else if (json_equals(r->j, m[I_TYPE], S("function_call"))) {
		read_call(in, v, m, index);
	} else if (json_equals(r->j, m[I_TYPE], S("function_call_output"))) {
		read_result(in, v, m, index);
	} else {
		put_aside(in, v, index);
		u = reader_unknown(r, v, &whole, "input[%u]", index);
		/* Without a type it is a reference too: there is nothing but an id. */
		if (u != NULL)
			u->kept =
			    untyped || json_equals(r->j, m[I_TYPE], S("item_reference"));
	}
	in->signature = (struct slice){NULL, 0};
}

static void
read_input(struct reading *in, uint32_t v)
{
	struct prompt *p = in->p;
	unsigned i = 0;

	p->turns = p->aside = NULL;
	in->turns = &p->turns;
	in->aside = &p->aside;
	if (json_is(in->r.j, v, JSON_STRING)) {
		struct turn *t = reader_turn(&in->r, &in->turns, ROLE_USER, v, 0);
		struct part **parts;

		if (t == NULL)
			return;
		parts = &t->parts;
		(void)read_content(&in->r, v, &parts, t, "input");
	} else if (json_is(in->r.j, v, JSON_ARRAY)) {
		JSON_FOR_EACH (item, in->r.j, v)
			read_item(in, item, i++);
	} else {
		reader_bad(&in->r, "input", "'input' must be a string or an array.");
	}
}

static void
read_instructions(struct reading *in, uint32_t v)
{
	struct turn **tail = &in->ahead, *t;
	struct part **parts, *p;

	if (!json_is(in->r.j, v, JSON_STRING)) {
		reader_bad(&in->r, "instructions", "'instructions' must be a string.");
		return;
	}
	t = reader_turn(&in->r, &tail, ROLE_SYSTEM, v, 0);
	if (t == NULL)
		return;
	t->ahead = t->is_text = true;
	parts = &t->parts;
	p = reader_part(&in->r, &parts, PART_TEXT, v, 0);
	if (p != NULL)
		p->text = json_inner(in->r.j, v);
}

/* --- tools and how they are chosen --- */

/*
 * Without `strict` this dialect makes the schema a strict one where it can, and where
 * it cannot takes it as it is. Nobody else does, so that is not said to others: they
 * might refuse the schema.
 */
static void
read_tool(struct reader *r, uint32_t v, struct tool ***tail, unsigned index)
{
	static const struct slice names[] = {{"type", 4}, {"name", 4},
	    {"description", 11}, {"parameters", 10}, {"strict", 6}};
	struct tool *t = reader_tool(r, tail, v, index);
	uint32_t m[N(names)];
	char path[32];

	if (t == NULL)
		return;
	json_pick(r->j, v, names, N(names), m);
	(void)snprintf(path, sizeof(path), "tools[%u]", index);
	t->is_function = json_equals(r->j, m[0], S("function"));
	if (!t->is_function) {
		t->name = json_inner(r->j, m[1]);
		reader_unknown(r, v, &t->whole, "%s", path);
		return;
	}
	t->name = reader_text(r, m[1], "tools.name");
	t->description = reader_text(r, m[2], "tools.description");
	if (!json_is(r->j, m[3], JSON_NULL))
		t->schema = json_raw(r->j, m[3]);
	if (json_is(r->j, m[4], JSON_TRUE) || json_is(r->j, m[4], JSON_FALSE))
		t->strict = json_is(r->j, m[4], JSON_TRUE) ? STRICT_YES : STRICT_NO;
	if (responses_has_null(r, v))
		t->whole = false;
	reader_others(r, v, names, N(names), &t->whole, path);
}

static void
read_tools(struct reader *r, uint32_t v, struct prompt *p)
{
	struct tool **tail = &p->tools;
	unsigned i = 0;

	p->tools = NULL;
	if (!json_is(r->j, v, JSON_ARRAY)) {
		reader_bad(r, "tools", "'tools' must be an array.");
		return;
	}
	JSON_FOR_EACH (e, r->j, v)
		read_tool(r, e, &tail, i++);
}

/* The functions of {"type": "allowed_tools", "mode": ..., "tools": [...]}. */
static void
read_allowed(struct reader *r, uint32_t v, struct tool_choice *c)
{
	uint32_t list = json_get(r->j, v, S("tools"));
	unsigned i = 0;
	bool whole;

	c->mode = CHOICE_NAMED;
	c->required = !json_equals(r->j, json_get(r->j, v, S("mode")), S("auto"));
	if (!json_is(r->j, list, JSON_ARRAY) || json_first(r->j, list) == JSON_NONE) {
		reader_bad(r, "tool_choice", "'tool_choice.tools' must name tools.");
		return;
	}
	JSON_FOR_EACH (tool, r->j, list) {
		uint32_t type = json_get(r->j, tool, S("type"));

		if (!json_equals(r->j, type, S("function")))
			reader_unknown(r, tool, &whole, "tool_choice.tools[%u]", i);
		else if (c->count == N(c->names))
			reader_bad(r, "tool_choice",
			    "'tool_choice' allows more than %zu tools.", N(c->names));
		else
			c->names[c->count++] =
			    json_inner(r->j, json_get(r->j, tool, S("name")));
		i++;
	}
}

/* "auto", "none", "required", {"type": "function", "name": ...}, allowed tools; or a
 * tool of the dialect's own. */
static void
read_choice(struct reader *r, uint32_t v, struct tool_choice *c)
{
	uint32_t type = json_get(r->j, v, S("type"));
	bool whole;

	*c = (struct tool_choice){.required = true};
	if (json_equals(r->j, v, S("auto"))) {
		c->mode = CHOICE_AUTO;
	} else if (json_equals(r->j, v, S("none"))) {
		c->mode = CHOICE_NONE;
	} else if (json_equals(r->j, v, S("required"))) {
		c->mode = CHOICE_REQUIRED;
	} else if (json_equals(r->j, type, S("function"))) {
		c->mode = CHOICE_NAMED;
		c->count = 1;
		c->names[0] =
		    reader_text(r, json_get(r->j, v, S("name")), "tool_choice.name");
		if (c->names[0].len == 0)
			reader_bad(
			    r, "tool_choice", "'tool_choice' must name a function.");
	} else if (json_equals(r->j, type, S("allowed_tools"))) {
		read_allowed(r, v, c);
	} else if (json_is(r->j, type, JSON_STRING)) {
		reader_unknown(r, v, &whole, "tool_choice");
	} else {
		reader_bad(r, "tool_choice",
		    "'tool_choice' must be \"auto\", \"none\", \"required\", or name "
		    "a tool.");
	}
}

/* --- what holds others --- */

static void
read_format(struct reader *r, uint32_t v, struct format *f)
{
	static const struct slice names[] = {
	    {"type", 4}, {"name", 4}, {"description", 11}, {"schema", 6}, {"strict", 6}};
	uint32_t m[N(names)];
	bool whole;

	json_pick(r->j, v, names, N(names), m);
	if (json_equals(r->j, m[0], S("text"))) {
		f->kind = FORMAT_TEXT;
	} else if (json_equals(r->j, m[0], S("json_object"))) {
		f->kind = FORMAT_JSON;
	} else if (json_equals(r->j, m[0], S("json_schema"))) {
		f->kind = FORMAT_SCHEMA;
		f->name = reader_text(r, m[1], "text.format.name");
		f->description = reader_text(r, m[2], "text.format.description");
		f->schema = json_raw(r->j, m[3]);
		if (json_is(r->j, m[4], JSON_TRUE))
			f->strict = FORMAT_STRICT_YES;
		else if (json_is(r->j, m[4], JSON_FALSE))
			f->strict = FORMAT_STRICT_NO;
		if (!json_is(r->j, m[3], JSON_OBJECT))
			reader_bad(r, "text.format.schema",
			    "'text.format.schema' must be an object.");
	} else {
		reader_bad(r, "text.format",
		    "'text.format' must be of type \"text\", \"json_object\" or "
		    "\"json_schema\".");
	}
	reader_others(r, v, names, N(names), &whole, "text.format");
}

static void
read_effort(struct reader *r, uint32_t v, struct reasoning *out)
{
	struct slice effort =
	    reader_text(r, json_get(r->j, v, S("effort")), "reasoning.effort");
	uint32_t summary = json_get(r->j, v, S("summary"));

	if (effort.ptr != NULL && !effort_parse(effort, &out->effort))
		reader_bad(r, "reasoning.effort",
		    "The reasoning effort '%.*s' is not "
		    "one of none, minimal, low, medium, high, xhigh, max.",
		    SLICE_ARGS(slice_head(effort, 40)));
	if (summary == JSON_NONE)
		summary = json_get(r->j, v, S("generate_summary"));
	out->summary = reader_text(r, summary, "reasoning.summary");
	if (out->summary.ptr != NULL)
		out->show = SHOW_YES;
}

/* A member that another one implies. */
static void
imply(struct reading *in, struct slice key, enum meaning meaning, struct slice value)
{
	struct member *m = arena_zalloc(in->r.arena, sizeof(*m));

	if (m == NULL) {
		(void)reader_nomem(&in->r);
		return;
	}
	*m = (struct member){
	    .key = key, .value = value, .meaning = meaning, .inside = true};
	in->p->by[meaning] = m;
	*in->members = m;
	in->members = &m->next;
}

/* What else is to be told: encrypted reasoning always is. */
static void
read_include(struct reading *in, uint32_t v)
{
	unsigned i = 0;
	bool whole;

	if (!json_is(in->r.j, v, JSON_ARRAY)) {
		reader_bad(&in->r, "include", "'include' must be an array.");
		return;
	}
	JSON_FOR_EACH (e, in->r.j, v) {
		if (json_equals(in->r.j, e, S("message.output_text.logprobs")))
			imply(in, S("include"), MEANING_LOGPROBS, S("true"));
		else if (!json_equals(in->r.j, e, S("reasoning.encrypted_content")))
			reader_unknown(&in->r, e, &whole, "include[%u]", i);
		i++;
	}
}

static void
read_outer(struct reading *in, struct slice key, uint32_t v)
{
	struct prompt *p = in->p;
	struct reader *r = &in->r;
	uint32_t format;

	if (slice_eq(key, S("include"))) {
		read_include(in, v);
		return;
	}
	if (!json_is(r->j, v, JSON_OBJECT)) {
		reader_bad(r, slice_eq(key, S("text")) ? "text" : "reasoning",
		    "'%.*s' must be an object.", SLICE_ARGS(key));
		return;
	}
	reader_members_inside(r, p, &in->members, DIALECT_RESPONSES, key, v);
	if (slice_eq(key, S("reasoning"))) {
		read_effort(r, v, &p->reasoning);
		return;
	}
	format = json_get(r->j, v, S("format"));
	if (format != JSON_NONE && !json_is(r->j, format, JSON_NULL))
		read_format(r, format, &p->format);
}

/* --- the request --- */

static void
read_member(struct reading *in, uint32_t key)
{
	struct prompt *p = in->p;
	struct reader *r = &in->r;
	uint32_t v = key + 1;
	const struct member *m =
	    reader_member(r, p, &in->members, DIALECT_RESPONSES, reader_key(r, key), v);

	if (m == NULL || json_is(r->j, v, JSON_NULL))
		return;
	switch (m->meaning) {
	case MEANING_TURNS: read_input(in, v); break;
	case MEANING_SYSTEM: read_instructions(in, v); break;
	case MEANING_TOOLS: read_tools(r, v, p); break;
	case MEANING_TOOL_CHOICE: read_choice(r, v, &p->choice); break;
	case MEANING_OUTER: read_outer(in, m->key, v); break;
	case MEANING_PARALLEL: p->one_call = json_is(r->j, v, JSON_FALSE); break;
	case MEANING_USER: p->user = m->value; break;
	case MEANING_STREAM: p->stream = json_is(r->j, v, JSON_TRUE); break;
	case MEANING_MODEL: p->model = reader_text(r, v, "model"); break;
	default: break;
	}
}

enum err
responses_read_prompt(const struct json *j, struct arena *a, struct prompt *ret,
    struct note *note, const char **ret_param)
{
	struct unknown **unknown = &ret->unknown;
	struct reading in = {.r = {.j = j, .arena = a, .unknown = &unknown, .note = note},
	    .p = ret,
	    .members = &ret->members};
	const struct member *top;

	prompt_init(ret, DIALECT_RESPONSES);
	ret->turns_name = "input";
	JSON_FOR_EACH_KEY (k, j, 0)
		read_member(&in, k);
	if (in.ahead != NULL) {
		in.ahead->next = ret->turns;
		ret->turns = in.ahead;
	}
	top = ret->by[MEANING_TOP_LOGPROBS];
	if (top != NULL && ret->by[MEANING_LOGPROBS] == NULL &&
	    !meaning_is_neutral(MEANING_TOP_LOGPROBS, top->value))
		imply(&in, top->key, MEANING_LOGPROBS, S("true"));
	*ret_param = in.r.param;
	return in.r.err;
}
