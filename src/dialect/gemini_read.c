/*
 * Gemini: requests in. Both spellings of names are taken, and what clients leave out:
 * the list around one content or one part, the role of the user, ids of calls.
 */
#include "dialect/gemini.h"
#include "dialect/schema.h"
#include "dialect/tag.h"

#include <stdio.h>

#define N(names) (sizeof(names) / sizeof((names)[0]))

/* Calls before a response that are looked through for the one it answers. */
#define CALLS_LOOKED 128

struct reading {
	struct reader r;
	struct prompt *p;
	struct member **members;
	struct turn **turns;
	struct turn *system;	      /* stands before the others */
	const struct turn *calls;     /* the last turn with calls */
	const struct part *next_call; /* that was not answered yet */
};

/* --- contents --- */

static void
read_parts(struct reading *g, uint32_t v, struct turn *t)
{
	struct reader *r = &g->r;
	struct part **tail = &t->parts;
	unsigned calls = 0;
	char seed[16];
	int n = snprintf(seed, sizeof(seed), "t%u", t->index);
	struct gemini_place at = {.turns = "contents",
	    .between = "parts",
	    .turn = t->index,
	    .seed = slice_of(seed, (size_t)n),
	    .calls = &calls};

	if (json_is(r->j, v, JSON_OBJECT)) { /* one, without its list */
		t->whole = false;
		gemini_part_read(r, v, &at, &tail);
	} else if (json_is(r->j, v, JSON_ARRAY)) {
		JSON_FOR_EACH (part, r->j, v) {
			gemini_part_read(r, part, &at, &tail);
			at.part++;
		}
	} else if (v != JSON_NONE && !json_is(r->j, v, JSON_NULL)) {
		reader_bad(r, "contents", "The parts of contents[%u] must be an array.",
		    t->index);
	} else {
		t->whole = false;
	}
}

/*
 * We tell a thought of another provider in pieces and its signature behind them, as
 * streams do; the signature is good for all of it, so that it is put together again.
 */
static void
join_thoughts(struct reader *r, struct turn *t)
{
	struct part **at = &t->parts, *end;

	while (*at != NULL) {
		size_t len = 0;
		char *to;

		end = *at;
		while (end != NULL && end->kind == PART_REASONING &&
		       end->reasoning.signature.len == 0) {
			len += end->text.len;
			end = end->next;
		}
		if (end == NULL || end->kind != PART_REASONING ||
		    !tag_is(end->reasoning.signature)) {
			while (*at != end)
				at = &(*at)->next;
			if (end != NULL)
				at = &end->next;
			continue;
		}
		to = arena_alloc(r->arena, len + end->text.len + 1);
		if (to == NULL) {
			(void)reader_nomem(r);
			return;
		}
		len = 0;
		for (struct part *p = *at; p != end->next; p = p->next) {
			if (p->text.len > 0)
				memcpy(to + len, p->text.ptr, p->text.len);
			len += p->text.len;
		}
		end->text = slice_of(to, len);
		*at = end; /* in the place of the pieces */
		at = &end->next;
	}
}

/* --- which call a response answers --- */

static const struct part *
first_call(const struct part *p)
{
	while (p != NULL && p->kind != PART_CALL)
		p = p->next;
	return p;
}

/* The call of that name from `from` on. */
static const struct part *
find_call(const struct part *from, struct slice name)
{
	unsigned looked = 0;

	for (from = first_call(from); from != NULL && looked < CALLS_LOOKED; looked++) {
		if (slice_eq(from->call.name, name))
			return from;
		from = first_call(from->next);
	}
	return NULL;
}

/* A response without an id is of the next call of its name. */
static void
match_responses(struct reading *g, struct turn *t)
{
	unsigned n = 0;

	for (struct part *p = t->parts; p != NULL; p = p->next) {
		const struct part *call = NULL;
		char seed[24];

		if (p->kind != PART_RESULT)
			continue;
		if (p->result.id.len > 0)
			continue;
		if (g->calls != NULL) {
			call = find_call(g->next_call, p->result.name);
			if (call == NULL)
				call = find_call(g->calls->parts, p->result.name);
		}
		if (call != NULL) {
			g->next_call = first_call(call->next);
			p->result.id = call->call.id;
			p->whole = p->whole && gemini_part_id_is_made(call->call.id);
			continue;
		}
		(void)snprintf(seed, sizeof(seed), "r%u", t->index);
		p->result.id = gemini_part_id(g->r.arena, slice_str(seed), n++);
		if (p->result.id.len == 0)
			(void)reader_nomem(&g->r);
	}
}

static void
remember_calls(struct reading *g, const struct turn *t)
{
	if (first_call(t->parts) == NULL)
		return;
	g->calls = t;
	g->next_call = t->parts;
}

static enum role
read_role(struct reading *g, uint32_t v, struct turn *t)
{
	struct slice role = reader_text(&g->r, v, "contents.role");

	t->whole = t->whole && role.len > 0;
	if (role.len == 0 || slice_eq(role, S("user")))
		return ROLE_USER;
	if (slice_eq(role, S("model")))
		return ROLE_ASSISTANT;
	t->whole = false;
	if (slice_eq(role, S("function")) || slice_eq(role, S("tool")))
		return ROLE_TOOL;
	if (slice_eq(role, S("system")))
		return ROLE_SYSTEM;
	reader_bad(&g->r, "contents", "Please use a valid role: user, model.");
	return ROLE_USER;
}

static void
read_content(struct reading *g, uint32_t v, unsigned index)
{
	static const struct slice names[] = {{"parts", 5}, {"role", 4}};
	struct reader *r = &g->r;
	struct turn *t = reader_turn(r, &g->turns, ROLE_USER, v, index);
	char path[32];

	if (t == NULL)
		return;
	if (!json_is(r->j, v, JSON_OBJECT)) {
		reader_bad(r, "contents", "contents[%u] must be an object.", index);
		return;
	}
	t->role = read_role(g, json_get(r->j, v, S("role")), t);
	read_parts(g, json_get(r->j, v, S("parts")), t);
	join_thoughts(r, t);
	match_responses(g, t);
	remember_calls(g, t);
	(void)snprintf(path, sizeof(path), "contents[%u]", index);
	reader_others(r, v, names, N(names), &t->whole, path);
}

static void
read_contents(struct reading *g, uint32_t v)
{
	unsigned i = 0;

	if (json_is(g->r.j, v, JSON_OBJECT))
		read_content(g, v, 0);
	else if (json_is(g->r.j, v, JSON_ARRAY))
		JSON_FOR_EACH (c, g->r.j, v)
			read_content(g, c, i++);
	else
		reader_bad(&g->r, "contents", "'contents' must be an array.");
}

static void
read_system(struct reading *g, uint32_t v)
{
	static const struct slice names[] = {{"parts", 5}, {"role", 4}};
	struct reader *r = &g->r;
	struct turn **tail = &g->system;
	struct turn *t;

	g->system = NULL; /* said twice: the last counts */
	t = reader_turn(r, &tail, ROLE_SYSTEM, v, 0);
	if (t == NULL)
		return;
	t->ahead = true;
	if (!json_is(r->j, v, JSON_OBJECT)) {
		reader_bad(
		    r, "systemInstruction", "'systemInstruction' must be an object.");
		return;
	}
	t->whole = json_get(r->j, v, S("role")) == JSON_NONE;
	read_parts(g, json_get(r->j, v, S("parts")), t);
	reader_others(r, v, names, N(names), &t->whole, "systemInstruction");
}

/* --- tools --- */

/* A schema in the form of OpenAPI as a JSON schema. */
static struct slice
read_schema(struct reader *r, uint32_t v)
{
	struct slice schema = json_raw(r->j, v), copy;
	struct buf b;
	enum err e;

	if (!json_is(r->j, v, JSON_OBJECT))
		return S("");
	buf_init(&b, 4 * schema.len + 1024);
	e = schema_cut(schema, SCHEMA_FROM_OPENAPI, &b);
	if (e == ERR_FULL)
		reader_bad(r, "tools", "A schema is too intricate.");
	else if (e != ERR_OK || !arena_copy(r->arena, buf_slice(&b), &copy))
		(void)reader_nomem(r);
	else
		schema = copy;
	buf_free(&b);
	return schema;
}

static void
read_function(
    struct reading *g, uint32_t v, struct tool ***tail, unsigned list, unsigned i)
{
	static const struct slice names[] = {{"name", 4}, {"description", 11},
	    {"parameters", 10}, {"parametersJsonSchema", 20},
	    {"parameters_json_schema", 22}};
	struct reader *r = &g->r;
	struct tool *t = reader_tool(r, tail, v, list);
	uint32_t open = json_get(r->j, v, S("parameters"));
	uint32_t schema = json_get(r->j, v, S("parametersJsonSchema"));
	char path[64];

	if (t == NULL)
		return;
	(void)snprintf(path, sizeof(path), "tools[%u].functionDeclarations[%u]", list, i);
	t->is_function = true;
	t->name =
	    reader_text(r, json_get(r->j, v, S("name")), "functionDeclarations.name");
	t->description = reader_text(
	    r, json_get(r->j, v, S("description")), "functionDeclarations.description");
	/* OpenAPI's form is not written again from JSON Schema's. */
	t->whole = open == JSON_NONE && list == 0;
	if (schema == JSON_NONE) {
		schema = json_get(r->j, v, S("parameters_json_schema"));
		t->whole = t->whole && schema == JSON_NONE;
	}
	if (json_is(r->j, schema, JSON_OBJECT))
		t->schema = json_raw(r->j, schema);
	else
		t->schema = read_schema(r, open);
	reader_others(r, v, names, N(names), &t->whole, path);
}

static void
read_functions(struct reading *g, uint32_t v, struct tool ***tail, unsigned list)
{
	unsigned i = 0;

	if (!json_is(g->r.j, v, JSON_ARRAY)) {
		reader_bad(&g->r, "tools",
		    "tools[%u].functionDeclarations must be an array.", list);
		return;
	}
	JSON_FOR_EACH (f, g->r.j, v)
		read_function(g, f, tail, list, i++);
}

/* {"functionDeclarations": [...]}, {"googleSearch": {}}, or several of them. */
static void
read_tool(struct reading *g, uint32_t v, struct tool ***tail, unsigned list)
{
	static const struct slice names[] = {
	    {"functionDeclarations", 20}, {"function_declarations", 21}};
	struct reader *r = &g->r;

	JSON_FOR_EACH_KEY (k, r->j, v) {
		struct tool *t;

		if (json_is(r->j, k + 1, JSON_NULL))
			continue;
		if (reader_which(r, k, names, N(names)) < N(names)) {
			read_functions(g, k + 1, tail, list);
			continue;
		}
		t = reader_tool(r, tail, k + 1, list);
		if (t == NULL)
			return;
		t->name = reader_key(r, k);
		reader_unknown(r, v, &t->whole, "tools[%u]", list);
	}
}

/* Is the whole of it one list of functions, as we write it? */
static bool
is_plain(const struct json *j, uint32_t v)
{
	uint32_t only = json_first(j, v), key = json_first(j, only);

	return only != JSON_NONE && json_after(j, v, only) == JSON_NONE &&
	       json_equals(j, key, S("functionDeclarations")) &&
	       json_after(j, only, key + 1) == JSON_NONE;
}

static void
read_tools(struct reading *g, uint32_t v)
{
	struct tool **tail = &g->p->tools;
	struct reader *r = &g->r;
	bool plain;
	unsigned i = 0;

	g->p->tools = NULL;
	if (json_is(r->j, v, JSON_OBJECT)) {
		read_tool(g, v, &tail, 0);
		plain = false;
	} else if (json_is(r->j, v, JSON_ARRAY)) {
		plain = is_plain(r->j, v);
		JSON_FOR_EACH (tool, r->j, v)
			read_tool(g, tool, &tail, i++);
	} else {
		reader_bad(r, "tools", "'tools' must be an array.");
		return;
	}
	for (struct tool *t = g->p->tools; t != NULL; t = t->next)
		t->whole = t->whole && plain;
}

enum config_member { C_NAMES, C_MODE, C_MEMBERS };

static void
read_choice(struct reading *g, uint32_t v)
{
	static const struct slice all[] = {[C_NAMES] = {"allowedFunctionNames", 20},
	    [C_MODE] = {"mode", 4},
	    [C_MEMBERS] = {"allowed_function_names", 22}};
	static const struct gemini_names names = {all, C_MEMBERS, C_MODE};
	static const struct slice outer[] = {
	    {"functionCallingConfig", 21}, {"function_calling_config", 23}};
	struct tool_choice *c = &g->p->choice;
	struct reader *r = &g->r;
	uint32_t config = gemini_part_get(r->j, v, outer[0], outer[1]), m[C_MEMBERS];
	struct slice mode;
	bool whole;

	reader_others(r, v, outer, N(outer), &whole, "toolConfig");
	if (config == JSON_NONE || json_is(r->j, config, JSON_NULL))
		return;
	(void)gemini_part_pick(r->j, config, &names, m);
	reader_others(r, config, all, N(all), &whole, "toolConfig.functionCallingConfig");
	mode = json_inner(r->j, m[C_MODE]);
	c->required = slice_eq(mode, S("ANY"));
	if (slice_eq(mode, S("NONE")))
		c->mode = CHOICE_NONE;
	else if (c->required)
		c->mode = CHOICE_REQUIRED;
	else if (slice_eq(mode, S("AUTO")) || slice_eq(mode, S("VALIDATED")))
		c->mode = CHOICE_AUTO;
	if (!json_is(r->j, m[C_NAMES], JSON_ARRAY) || c->mode == CHOICE_NONE)
		return;
	c->count = 0;
	JSON_FOR_EACH (name, r->j, m[C_NAMES]) {
		if (c->count == N(c->names)) {
			reader_bad(r, "toolConfig",
			    "'allowedFunctionNames' has more than %zu names.",
			    N(c->names));
			return;
		}
		c->names[c->count++] = json_inner(r->j, name);
	}
	if (c->count > 0)
		c->mode = CHOICE_NAMED;
}

/* --- generationConfig --- */

enum thinking_member { T_SHOW, T_BUDGET, T_LEVEL, T_MEMBERS };

static void
read_thinking(struct reading *g, uint32_t v)
{
	static const struct slice all[] = {[T_SHOW] = {"includeThoughts", 15},
	    [T_BUDGET] = {"thinkingBudget", 14},
	    [T_LEVEL] = {"thinkingLevel", 13},
	    [T_MEMBERS] = {"include_thoughts", 16},
	    {"thinking_budget", 15},
	    {"thinking_level", 14}};
	static const struct gemini_names names = {all, T_MEMBERS, T_MEMBERS};
	static const struct {
		struct slice level;
		enum effort effort;
	} levels[] = {{{"MINIMAL", 7}, EFFORT_MINIMAL}, {{"LOW", 3}, EFFORT_LOW},
	    {{"MEDIUM", 6}, EFFORT_MEDIUM}, {{"HIGH", 4}, EFFORT_HIGH},
	    {{"THINKING_LEVEL_UNSPECIFIED", 26}, EFFORT_UNSAID}};
	struct reasoning *out = &g->p->reasoning;
	struct reader *r = &g->r;
	uint32_t m[T_MEMBERS];
	struct slice level;
	int64_t budget;
	unsigned i = 0;
	bool whole;

	(void)gemini_part_pick(r->j, v, &names, m);
	if (json_is(r->j, m[T_SHOW], JSON_TRUE))
		out->show = SHOW_YES;
	else if (json_is(r->j, m[T_SHOW], JSON_FALSE))
		out->show = SHOW_NO;
	if (json_scaled(r->j, m[T_BUDGET], 0, &budget)) {
		out->has_budget = budget >= 0;
		out->adaptive = budget < 0;
		out->budget_tok = budget >= 0 ? budget : 0;
	}
	level = json_inner(r->j, m[T_LEVEL]);
	while (level.len > 0 && i < N(levels) && !slice_ieq(level, levels[i].level))
		i++;
	if (level.len > 0 && i == N(levels))
		reader_bad(r, "generationConfig.thinkingConfig.thinkingLevel",
		    "'thinkingLevel' must be MINIMAL, LOW, MEDIUM or HIGH.");
	else if (level.len > 0)
		out->effort = levels[i].effort;
	reader_others(r, v, all, N(all), &whole, "generationConfig.thinkingConfig");
}

/* The members that say what is to be answered: in two older forms and a newer one. */
static void
read_format(struct reading *g, struct slice name, uint32_t v)
{
	struct format *f = &g->p->format;
	struct reader *r = &g->r;
	struct slice mime =
	    json_is(r->j, v, JSON_STRING)
		? reader_decoded(r, v, "generationConfig.responseMimeType")
		: S("");

	if (slice_eq(name, S("responseFormat"))) {
		uint32_t text = json_get(r->j, v, S("text"));
		uint32_t schema = json_get(r->j, text, S("schema"));
		static const struct slice known[] = {{"text", 4}};
		bool whole;

		mime = json_inner(
		    r->j, gemini_part_get(r->j, text, S("mimeType"), S("mime_type")));
		if (json_is(r->j, schema, JSON_OBJECT)) {
			f->kind = FORMAT_SCHEMA;
			f->schema = json_raw(r->j, schema);
		}
		reader_others(r, v, known, 1, &whole, "generationConfig.responseFormat");
	} else if (!slice_eq(name, S("responseMimeType"))) {
		if (!json_is(r->j, v, JSON_OBJECT))
			return;
		/* Of both forms of a schema the JSON schema says more. */
		if (slice_eq(name, S("responseSchema")) && f->kind == FORMAT_SCHEMA)
			return;
		f->kind = FORMAT_SCHEMA;
		f->schema = slice_eq(name, S("responseSchema")) ? read_schema(r, v)
								: json_raw(r->j, v);
		return;
	}
	if (slice_eq(mime, S("application/json")) && f->kind < FORMAT_JSON)
		f->kind = FORMAT_JSON;
	else if (slice_eq(mime, S("text/plain")) && f->kind == FORMAT_UNSAID)
		f->kind = FORMAT_TEXT;
	else if (mime.len > 0 && !slice_eq(mime, S("application/json")) &&
		 !slice_eq(mime, S("text/plain"))) {
		bool whole;

		reader_unknown(r, v, &whole, "generationConfig.%.*s", SLICE_ARGS(name));
	}
}

/* "maxOutputTokens" of "max_output_tokens"; `to` has 64 bytes. */
static struct slice
camel(struct slice key, char *to)
{
	size_t n = 0;

	for (size_t i = 0; i < key.len && n < 64; i++) {
		char c = key.ptr[i];

		if (c == '_' && i > 0 && i + 1 < key.len) {
			c = key.ptr[++i];
			if (c >= 'a' && c <= 'z')
				c = (char)(c - 'a' + 'A');
		}
		to[n++] = c;
	}
	return slice_of(to, n);
}

/* ["TEXT"] as other dialects have it: in small letters. */
static void
read_modalities(struct reading *g, struct member *m, uint32_t v)
{
	char *to = arena_alloc(g->r.arena, m->value.len + 1);

	if (to == NULL) {
		(void)reader_nomem(&g->r);
		return;
	}
	if (!json_is(g->r.j, v, JSON_ARRAY))
		return;
	for (size_t i = 0; i < m->value.len; i++) {
		char c = m->value.ptr[i];

		to[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	m->value = slice_of(to, m->value.len);
}

static void
read_setting(struct reading *g, struct slice outer, uint32_t key)
{
	struct reader *r = &g->r;
	struct slice said = reader_key(r, key), name, path;
	struct member *m;
	char small[64];

	name = camel(said, small);
	path = arena_printf(r->arena, "generationConfig.%.*s", SLICE_ARGS(name));
	m = path.len == 0
		? reader_nomem(r)
		: reader_member(r, g->p, &g->members, DIALECT_GEMINI, path, key + 1);
	if (m == NULL)
		return;
	m->inside = true;
	if (!slice_eq(said, name) || !slice_eq(outer, S("generationConfig")))
		m->key = arena_printf(
		    r->arena, "%.*s.%.*s", SLICE_ARGS(outer), SLICE_ARGS(said));
	if (json_is(r->j, key + 1, JSON_NULL))
		return;
	if (m->meaning == MEANING_FORMAT)
		read_format(g, name, key + 1);
	else if (m->meaning == MEANING_REASONING)
		read_thinking(g, key + 1);
	else if (m->meaning == MEANING_MODALITIES)
		read_modalities(g, m, key + 1);
}

/* --- the request --- */

static void
read_member(struct reading *g, uint32_t key)
{
	struct reader *r = &g->r;
	struct slice said = reader_key(r, key);
	char small[64];
	const struct field *f = fields_find(DIALECT_GEMINI, camel(said, small));
	struct member *m = reader_member(
	    r, g->p, &g->members, DIALECT_GEMINI, f == NULL ? said : f->path, key + 1);
	uint32_t v = key + 1;

	if (m == NULL)
		return;
	m->key = said;
	if (json_is(r->j, v, JSON_NULL))
		return;
	switch (m->meaning) {
	case MEANING_TURNS: read_contents(g, v); break;
	case MEANING_SYSTEM: read_system(g, v); break;
	case MEANING_TOOLS: read_tools(g, v); break;
	case MEANING_TOOL_CHOICE: read_choice(g, v); break;
	case MEANING_MODEL: g->p->model = reader_text(r, v, "model"); break;
	case MEANING_OUTER:
		if (json_is(r->j, v, JSON_OBJECT))
			JSON_FOR_EACH_KEY (k, r->j, v)
				read_setting(g, said, k);
		else
			reader_bad(r, "generationConfig",
			    "'generationConfig' must be an object.");
		break;
	default: break;
	}
}

enum err
gemini_read_prompt(const struct json *j, struct arena *a, struct prompt *ret,
    struct note *note, const char **ret_param)
{
	struct unknown **unknown = &ret->unknown;
	struct reading g = {
	    .r = {.j = j, .arena = a, .unknown = &unknown, .note = note}, .p = ret};

	prompt_init(ret, DIALECT_GEMINI);
	ret->turns_name = "contents";
	ret->parts_name = "parts";
	g.members = &ret->members;
	g.turns = &ret->turns;
	JSON_FOR_EACH_KEY (k, j, 0)
		read_member(&g, k);
	if (g.system != NULL) {
		g.system->next = ret->turns;
		ret->turns = g.system;
	}
	*ret_param = g.r.param;
	return g.r.err;
}
