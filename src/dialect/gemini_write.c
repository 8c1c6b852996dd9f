/*
 * Gemini: requests out.
 */
#include "dialect/fields.h"
#include "dialect/gemini.h"
#include "dialect/schema.h"

#define BIT(m) ((uint64_t)1 << MEANING_##m)

/* JSON schemas are understood since 2.5, before that only OpenAPI's. */
static bool
is_old(const struct writer *w)
{
	unsigned version = gemini_model_version(w->plan->model);

	return version > 0 && version < 25;
}

static void
put_schema(
    struct writer *w, struct slice name, struct slice old_name, struct slice schema)
{
	bool old = is_old(w);
	enum err e;

	json_key(w->to, old ? old_name : name);
	e = schema_cut(
	    schema, old ? SCHEMA_FOR_GEMINI_OPENAPI : SCHEMA_FOR_GEMINI, w->to);
	if (e != ERR_OK && w->to->err == ERR_OK)
		w->to->err = e;
}

/* --- generationConfig --- */

static void
put_format(struct writer *w)
{
	const struct format *f = &w->p->format;
	unsigned version = gemini_model_version(w->plan->model);

	if (f->kind <= FORMAT_TEXT)
		return;
	/* Before Gemini 3 tools and a format exclude each other. */
	if (w->p->tools != NULL && version > 0 && version < 30) {
		writer_lose(w, MEANING_FORMAT);
		return;
	}
	json_member(w->to, S("responseMimeType"), S("application/json"));
	if (f->kind == FORMAT_SCHEMA && f->schema.len > 0)
		put_schema(w, S("responseJsonSchema"), S("responseSchema"), f->schema);
}

/* In capitals, as they are here. */
static void
put_modalities(struct writer *w)
{
	struct slice value = prompt_value(w->p, MEANING_MODALITIES);
	char *to;

	if (meaning_is_neutral(MEANING_MODALITIES, value))
		return;
	json_key(w->to, S("responseModalities"));
	to = buf_room(w->to, value.len);
	if (to == NULL)
		return;
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];

		to[i] = c >= 'a' && c <= 'z' ? (char)(c & ~0x20) : c;
	}
	buf_wrote(w->to, value.len);
}

static void
put_config(struct writer *w)
{
	struct slice stop = prompt_value(w->p, MEANING_STOP);
	struct buf *b = w->to;
	size_t before = b->len, empty;

	json_key(b, S("generationConfig"));
	json_open(b, '{');
	empty = b->len;
	writer_members_inside(w, S("generationConfig."), BIT(STOP) | BIT(MODALITIES));
	if (!meaning_is_neutral(MEANING_STOP, stop)) {
		json_key(b, S("stopSequences"));
		writer_stop(w, stop);
	}
	put_modalities(w);
	put_format(w);
	if (!gemini_model_put_thinking(w->plan->model, &w->p->reasoning, b))
		writer_lose(w, MEANING_REASONING);
	if (b->len == empty && b->err == ERR_OK)
		b->len = before;
	else
		json_close(b, '}');
}

/* --- tools --- */

static void
put_function(struct writer *w, const struct tool *t)
{
	struct buf *b = w->to;

	json_open(b, '{');
	json_member_inner(b, S("name"), t->name);
	if (t->description.ptr != NULL)
		json_member_inner(b, S("description"), t->description);
	if (w->same && t->schema.len > 0)
		json_member_raw(b, S("parametersJsonSchema"), t->schema);
	else if (t->schema.len > 2)
		put_schema(w, S("parametersJsonSchema"), S("parameters"), t->schema);
	json_close(b, '}');
}

/* All functions in one list: some refuse several. */
static void
put_tools(struct writer *w)
{
	struct buf *b = w->to;
	size_t before = b->len, empty;

	json_key(b, S("tools"));
	json_open(b, '[');
	json_open(b, '{');
	json_key(b, S("functionDeclarations"));
	json_open(b, '[');
	empty = b->len;
	for (const struct tool *t = w->p->tools; t != NULL; t = t->next)
		if (t->is_function)
			put_function(w, t);
		else
			losses_addf(w->lost, "%s[%u]", w->p->tools_name, t->index);
	if (b->len == empty && b->err == ERR_OK) {
		b->len = before;
		return;
	}
	json_close(b, ']');
	json_close(b, '}');
	json_close(b, ']');
}

static bool
any_strict(const struct prompt *p)
{
	for (const struct tool *t = p->tools; t != NULL; t = t->next)
		if (t->strict == STRICT_YES)
			return true;
	return false;
}

/* Arguments that keep to their schema are asked for by the mode: what is demanded does
 * so anyway. */
static void
put_choice(struct writer *w)
{
	const struct tool_choice *c = &w->p->choice;
	struct buf *b = w->to;
	struct slice mode;

	switch (c->mode) {
	case CHOICE_UNSAID:
	case CHOICE_AUTO:
		if (!any_strict(w->p) || is_old(w))
			return;
		mode = S("VALIDATED");
		break;
	case CHOICE_NONE: mode = S("NONE"); break;
	case CHOICE_REQUIRED: mode = S("ANY"); break;
	case CHOICE_NAMED:
		mode = c->required ? S("ANY") : S("VALIDATED");
		if (c->required || !is_old(w))
			break;
		writer_lose(w, MEANING_TOOL_CHOICE);
		return;
	}
	json_key(b, S("toolConfig"));
	json_open(b, '{');
	json_key(b, S("functionCallingConfig"));
	json_open(b, '{');
	json_member(b, S("mode"), mode);
	if (c->mode == CHOICE_NAMED) {
		json_key(b, S("allowedFunctionNames"));
		json_open(b, '[');
		for (unsigned i = 0; i < c->count; i++)
			json_put_inner(b, c->names[i]);
		json_close(b, ']');
	}
	json_close(b, '}');
	json_close(b, '}');
}

/* --- the rest --- */

static void
put_tier(struct writer *w)
{
	struct slice tier = prompt_value(w->p, MEANING_TIER);

	if (meaning_is_neutral(MEANING_TIER, tier) ||
	    slice_eq(tier, S("\"standard_only\"")))
		return;
	if (slice_eq(tier, S("\"flex\"")))
		json_member(w->to, S("serviceTier"), S("flex"));
	else if (slice_eq(tier, S("\"priority\"")) || slice_eq(tier, S("\"fast\"")))
		json_member(w->to, S("serviceTier"), S("priority"));
	else
		writer_lose(w, MEANING_TIER);
}

/* What no Gemini model knows. */
static void
lose_others(struct writer *w)
{
	if (w->p->one_call)
		writer_lose(w, w->p->by[MEANING_PARALLEL] != NULL ? MEANING_PARALLEL
								  : MEANING_TOOL_CHOICE);
	if (w->p->user.len > 0)
		writer_lose(w, MEANING_USER);
	/* Vertex has labels, and nothing that it keeps. */
	if ((w->plan->quirks & Q_TAKES_LABELS) != 0 &&
	    !meaning_is_neutral(MEANING_STORE, prompt_value(w->p, MEANING_STORE)))
		writer_lose(w, MEANING_STORE);
	if ((w->plan->quirks & Q_TAKES_LABELS) == 0 &&
	    !meaning_is_neutral(MEANING_METADATA, prompt_value(w->p, MEANING_METADATA)))
		writer_lose(w, MEANING_METADATA);
}

static void
put_cross(struct writer *w)
{
	bool labels = (w->plan->quirks & Q_TAKES_LABELS) != 0;

	put_config(w);
	put_tier(w);
	writer_members(w, BIT(STOP) | BIT(MODALITIES) | BIT(TIER) |
			      (labels ? BIT(STORE) : BIT(METADATA)));
	lose_others(w);
	if (w->p->tools != NULL) {
		size_t before = w->to->len;

		put_tools(w);
		if (w->to->len > before)
			put_choice(w);
	}
	gemini_turns_put_system(w);
	/* Last, so that a longer conversation begins with the bytes of a shorter. */
	json_key(w->to, S("contents"));
	gemini_turns_put(w);
	writer_unknown(w);
}

/* The caller's form of the name: with or without "models/" before it. */
static void
put_model(struct writer *w, struct slice said)
{
	size_t slash = slice_rfind(said, '/');

	if (slash == said.len || slice_find(w->plan->model, '/') < w->plan->model.len) {
		json_quote(w->to, w->plan->model);
		return;
	}
	json_put_inner(w->to, slice_head(said, slash + 1));
	if (w->to->err != ERR_OK)
		return;
	w->to->len--; /* the closing quote comes again */
	buf_add(w->to, w->plan->model);
	buf_byte(w->to, '"');
}

static bool
put_same_tools(struct writer *w)
{
	for (const struct tool *t = w->p->tools; t != NULL; t = t->next)
		if (!t->whole)
			return false;
	if (w->p->tools == NULL)
		return false;
	json_open(w->to, '[');
	json_open(w->to, '{');
	json_key(w->to, S("functionDeclarations"));
	json_open(w->to, '[');
	for (const struct tool *t = w->p->tools; t != NULL; t = t->next)
		put_function(w, t);
	json_close(w->to, ']');
	json_close(w->to, '}');
	json_close(w->to, ']');
	return true;
}

static bool
put_member(struct writer *w, const struct member *m)
{
	if (w->p->by[m->meaning] != m)
		return false;
	switch (m->meaning) {
	case MEANING_MODEL: put_model(w, w->p->model); return true;
	case MEANING_SYSTEM: gemini_turns_put_same_system(w); return true;
	case MEANING_TOOLS: return put_same_tools(w);
	case MEANING_TURNS:
		if (m->value.ptr[0] != '[')
			return false;
		gemini_turns_put_same(w);
		return true;
	default: return false;
	}
}

/* Models before 3 read URLs of Google's own services only. */
bool
gemini_needs_bytes(const struct part *p, const struct write_plan *plan)
{
	return gemini_model_version(plan->model) < 30 &&
	       !writer_is_googles(p->media.data) &&
	       slice_search(p->media.data, S("youtube.com")) == p->media.data.len;
}

static const struct writer_form FORM = {DIALECT_GEMINI, put_member, put_cross};

enum err
gemini_write_prompt(const struct prompt *p, const struct write_plan *plan, struct buf *to,
    struct losses *lost)
{
	return writer_prompt(&FORM, p, plan, to, lost);
}
