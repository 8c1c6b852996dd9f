/*
 * Anthropic Messages: requests out. What its API insists on and others do not: a
 * limit of the answer, alternating turns that begin with the user's, results of calls
 * first and together, no empty text, arguments that are objects.
 */
#include "dialect/anthropic.h"
#include "dialect/fields.h"
#include "dialect/schema.h"
#include "dialect/writer.h"

#define BIT(m) ((uint64_t)1 << MEANING_##m)

#define USUAL_MAX_OUTPUT 8192 /* where the model's own is not known */
#define LEAST_BUDGET	 1024

/* --- what a model takes --- */

/* By a part of the model's id, newest first (documentation of 2026-08). */
static const struct {
	const char *part;
	unsigned traits;
} traits[] = {
    {"-4-5", TRAIT_ONE_SAMPLING},
    {"opus-4-6", TRAIT_ADAPTIVE | TRAIT_ONE_SAMPLING},
    {"sonnet-4-6", TRAIT_ADAPTIVE | TRAIT_ONE_SAMPLING},
    {"opus-4-7", TRAIT_ADAPTIVE | TRAIT_NO_SAMPLING},
    {"opus-4-8", TRAIT_ADAPTIVE | TRAIT_NO_SAMPLING},
    {"opus-5", TRAIT_ADAPTIVE | TRAIT_NO_SAMPLING},
    {"sonnet-5", TRAIT_ADAPTIVE | TRAIT_NO_SAMPLING},
    {"fable-5", TRAIT_ADAPTIVE | TRAIT_NO_SAMPLING},
};

unsigned
anthropic_traits(struct slice model)
{
	for (unsigned i = 0; i < sizeof(traits) / sizeof(traits[0]); i++)
		if (slice_search(model, slice_str(traits[i].part)) < model.len)
			return traits[i].traits;
	return 0;
}

/* --- blocks --- */

static void
put_cache(struct writer *w, enum cache_life cache)
{
	if (cache == CACHE_NONE)
		return;
	json_key(w->to, S("cache_control"));
	json_open(w->to, '{');
	json_member(w->to, S("type"), S("ephemeral"));
	if (cache != CACHE_DEFAULT)
		json_member(w->to, S("ttl"), cache == CACHE_1H ? S("1h") : S("5m"));
	json_close(w->to, '}');
}

static bool
is_blank(struct slice raw)
{
	while (raw.len > 0) {
		if (raw.ptr[0] == ' ')
			raw = slice_from(raw, 1);
		else if (raw.len > 1 && raw.ptr[0] == '\\' &&
			 (raw.ptr[1] == 'n' || raw.ptr[1] == 't' || raw.ptr[1] == 'r'))
			raw = slice_from(raw, 2);
		else
			return false;
	}
	return true;
}

static void
put_text(struct writer *w, struct slice text, enum cache_life cache)
{
	if (!w->same && is_blank(text))
		return; /* refused, and says nothing */
	json_open(w->to, '{');
	json_member(w->to, S("type"), S("text"));
	json_member_inner(w->to, S("text"), text);
	put_cache(w, cache);
	json_close(w->to, '}');
}

/* Is there a form for this medium? */
static bool
takes_media(const struct writer *w, const struct part *p)
{
	if (p->kind != PART_IMAGE && p->kind != PART_FILE)
		return false;
	return w->same || writer_is_open(p);
}

static void
put_media(struct writer *w, const struct part *p)
{
	struct buf *b = w->to;

	json_open(b, '{');
	json_member(b, S("type"), p->kind == PART_IMAGE ? S("image") : S("document"));
	json_key(b, S("source"));
	json_open(b, '{');
	switch (p->media.source) {
	case MEDIA_DATA:
		json_member(b, S("type"), S("base64"));
		json_member_inner(b, S("media_type"),
		    p->media.type.len > 0   ? p->media.type
		    : p->kind == PART_IMAGE ? S("image/png")
					    : S("application/pdf"));
		json_member_inner(b, S("data"), p->media.data);
		break;
	case MEDIA_URL:
		json_member(b, S("type"), S("url"));
		json_member_inner(b, S("url"), p->media.data);
		break;
	case MEDIA_ID:
		json_member(b, S("type"), S("file"));
		json_member_inner(b, S("file_id"), p->media.data);
		break;
	}
	json_close(b, '}');
	if (p->kind == PART_FILE && p->media.name.ptr != NULL)
		json_member_inner(b, S("title"), p->media.name);
	put_cache(w, p->cache);
	json_close(b, '}');
}

/* Thoughts go back to who had them, signed; those of others are left out. */
static void
put_reasoning(struct writer *w, const struct part *p)
{
	struct slice signature = p->reasoning.signature, sealed = p->reasoning.sealed;
	struct buf *b = w->to;

	if (!w->same) {
		signature = writer_signature(w, signature);
		sealed = writer_signature(w, sealed);
		if (signature.len == 0 && sealed.len == 0)
			return;
	}
	json_open(b, '{');
	if (sealed.ptr != NULL) {
		json_member(b, S("type"), S("redacted_thinking"));
		json_member_inner(b, S("data"), sealed);
	} else {
		json_member(b, S("type"), S("thinking"));
		json_member_inner(b, S("thinking"), p->text);
		if (signature.ptr != NULL)
			json_member_inner(b, S("signature"), signature);
	}
	json_close(b, '}');
}

static void
put_call(struct writer *w, const struct part *p)
{
	struct buf *b = w->to;

	json_open(b, '{');
	json_member(b, S("type"), S("tool_use"));
	json_key(b, S("id"));
	writer_id(w, w->same ? ID_ANY : ID_WORD, p->call.id);
	json_member_inner(b, S("name"), p->call.name);
	json_key(b, S("input"));
	if (w->same)
		json_put_raw(b, p->call.arguments.len == 0 ? S("{}") : p->call.arguments);
	else
		writer_object(b, p->call.arguments);
	put_cache(w, p->cache);
	json_close(b, '}');
}

static void put_part(struct writer *w, const struct turn *t, const struct part *p);

static void
put_result(struct writer *w, const struct turn *t, const struct part *p)
{
	struct buf *b = w->to;

	json_open(b, '{');
	json_member(b, S("type"), S("tool_result"));
	json_key(b, S("tool_use_id"));
	writer_id(w, w->same ? ID_ANY : ID_WORD, p->result.id);
	json_key(b, S("content"));
	if (p->result.is_text && p->result.parts != NULL) {
		json_put_inner(b, p->result.parts->text);
	} else {
		json_open(b, '[');
		for (const struct part *q = p->result.parts; q != NULL; q = q->next)
			put_part(w, t, q);
		json_close(b, ']');
	}
	if (p->result.failed)
		json_member_raw(b, S("is_error"), S("true"));
	put_cache(w, p->cache);
	json_close(b, '}');
}

static void
put_part(struct writer *w, const struct turn *t, const struct part *p)
{
	if (w->same && !p->whole) {
		json_put_raw(w->to, p->raw);
		return;
	}
	switch (p->kind) {
	case PART_TEXT:
	case PART_REFUSAL: put_text(w, p->text, p->cache); return;
	case PART_CALL: put_call(w, p); return;
	case PART_RESULT: put_result(w, t, p); return;
	case PART_REASONING: put_reasoning(w, p); return;
	default: break;
	}
	if (takes_media(w, p))
		put_media(w, p);
	else
		writer_lose_part(w, t, p);
}

/* --- turns --- */

/* The parts of a kind, of all turns of a group; the others when `other`. */
static void
put_kind(struct writer *w, const struct turn *from, const struct turn *end,
    enum part_kind kind, bool other)
{
	for (const struct turn *t = from; t != end; t = t->next)
		for (const struct part *p = t->parts; p != NULL; p = p->next)
			if ((p->kind == kind) != other)
				put_part(w, t, p);
}

/* What the assistant said and called: it shows nothing here. */
static void
put_answered(struct writer *w, const struct turn *from, const struct turn *end)
{
	for (const struct turn *t = from; t != end; t = t->next)
		for (const struct part *p = t->parts; p != NULL; p = p->next)
			if (p->kind == PART_IMAGE || p->kind == PART_FILE)
				writer_lose_part(w, t, p);
			else if (p->kind != PART_REASONING)
				put_part(w, t, p);
}

/* Instructions in the middle of a conversation: as text of the user's, so that what
 * came before stays as it was. */
static void
put_late_system(struct writer *w, const struct turn *from, const struct turn *end)
{
	for (const struct turn *t = from; t != end; t = t->next)
		for (const struct part *p = t->parts; p != NULL; p = p->next) {
			if (p->kind != PART_TEXT) {
				writer_lose_part(w, t, p);
				continue;
			}
			json_open(w->to, '{');
			json_member(w->to, S("type"), S("text"));
			json_key(w->to, S("text"));
			json_put_inner(w->to, S("<system>"));
			if (w->to->err != ERR_OK)
				return;
			w->to->len--;
			buf_add(w->to, p->text);
			buf_add(w->to, S("</system>\""));
			put_cache(w, p->cache);
			json_close(w->to, '}');
		}
}

static void
put_group(struct writer *w, const struct turn *from, const struct turn *end)
{
	switch (turn_side(from)) {
	case SIDE_USER:
		put_kind(w, from, end, PART_RESULT, false);
		put_kind(w, from, end, PART_RESULT, true);
		break;
	case SIDE_ASSISTANT:
		put_kind(w, from, end, PART_REASONING, false);
		put_answered(w, from, end);
		break;
	case SIDE_SYSTEM: put_late_system(w, from, end); break;
	}
}

/* The end of what one role says: instructions in between are the user's. */
static const struct turn *
end_of_role(const struct turn *t)
{
	bool assistant = t->role == ROLE_ASSISTANT;

	while (t != NULL && (t->role == ROLE_ASSISTANT) == assistant)
		t = t->next;
	return t;
}

static void
put_turns(struct writer *w, const struct turn *t)
{
	struct buf *b = w->to;
	const struct turn *end, *group;

	json_open(b, '[');
	if (t != NULL && t->role == ROLE_ASSISTANT) /* the first must be the user's */
		json_put_raw(b, S("{\"role\":\"user\",\"content\":\".\"}"));
	for (; t != NULL; t = end) {
		size_t before = b->len, empty;

		end = end_of_role(t);
		json_open(b, '{');
		json_member(
		    b, S("role"), t->role == ROLE_ASSISTANT ? S("assistant") : S("user"));
		json_key(b, S("content"));
		json_open(b, '[');
		empty = b->len;
		for (; t != end; t = group) {
			group = prompt_group(t)->next;
			put_group(w, t, group);
		}
		if (b->len == empty && b->err == ERR_OK) { /* nothing was said */
			b->len = before;
			continue;
		}
		json_close(b, ']');
		json_close(b, '}');
	}
	json_close(b, ']');
}

/* A message as it was, with another content. */
static void
put_same_turn(struct writer *w, const struct turn *t)
{
	struct buf *b = w->to;
	struct slice role = t->role == ROLE_USER	? S("user")
			    : t->role == ROLE_ASSISTANT ? S("assistant")
							: S("system");

	json_open(b, '{');
	json_member(b, S("role"), role);
	json_key(b, S("content"));
	if (t->is_text && t->parts != NULL) {
		json_put_inner(b, t->parts->text);
	} else {
		json_open(b, '[');
		for (const struct part *p = t->parts; p != NULL; p = p->next)
			put_part(w, t, p);
		json_close(b, ']');
	}
	json_close(b, '}');
}

static void
put_same_turns(struct writer *w)
{
	struct buf *b = w->to;

	json_open(b, '[');
	for (const struct turn *t = w->p->turns; t != NULL; t = t->next) {
		if (t->ahead)
			continue;
		if (t->whole)
			put_same_turn(w, t);
		else
			json_put_raw(b, t->raw);
	}
	json_close(b, ']');
}

/* --- the rest --- */

static void
put_system_parts(struct writer *w, const struct turn *end)
{
	for (const struct turn *t = w->p->turns; t != end; t = t->next)
		for (const struct part *p = t->parts; p != NULL; p = p->next)
			if (p->kind == PART_TEXT || (w->same && t->ahead))
				put_part(w, t, p);
			else
				writer_lose_part(w, t, p);
}

/* The first turn that is no instruction. */
static const struct turn *
after_system(const struct prompt *p)
{
	const struct turn *t = p->turns;

	while (t != NULL && turn_side(t) == SIDE_SYSTEM)
		t = t->next;
	return t;
}

static void
put_system(struct writer *w, const struct turn *end)
{
	struct buf *b = w->to;
	size_t before = b->len, empty;

	json_key(b, S("system"));
	json_open(b, '[');
	empty = b->len;
	put_system_parts(w, end);
	if (w->p->format.kind == FORMAT_JSON)
		put_text(
		    w, S("Answer with one JSON object and nothing else."), CACHE_NONE);
	json_close(b, ']');
	if (b->len == empty + 1 && b->err == ERR_OK)
		b->len = before;
}

static void
put_same_system(struct writer *w)
{
	const struct turn *t = w->p->turns;

	if (t->is_text && t->parts != NULL) {
		json_put_inner(w->to, t->parts->text);
		return;
	}
	json_open(w->to, '[');
	put_system_parts(w, t->next);
	json_close(w->to, ']');
}

/* A schema as the next value, cut where it is enforced. That of a tool must say that it
 * is an object's, which others take for granted. */
static void
put_schema(struct writer *w, struct slice schema, bool enforced)
{
	struct buf *b = w->to;
	struct json j;
	enum err e;
	bool typed;

	if (schema.len == 0)
		schema = S("{}");
	e = enforced ? schema_cut(schema, SCHEMA_FOR_ANTHROPIC, b) : ERR_SYNTAX;
	if (e == ERR_OK || b->err != ERR_OK)
		return;
	json_init(&j, 4096);
	e = json_parse(&j, schema, 1);
	typed = e != ERR_OK || json_get(&j, 0, S("type")) != JSON_NONE;
	if (e == ERR_OK && !json_is(&j, 0, JSON_OBJECT))
		schema = S("{}");
	json_free(&j);
	if (typed) {
		json_put_raw(b, schema);
		return;
	}
	json_put_raw(b, S("{\"type\":\"object\""));
	schema = slice_trim(slice_from(schema, 1));
	if (schema.ptr[0] == '}')
		buf_add(b, S(",\"properties\":{}"));
	else
		buf_byte(b, ',');
	buf_add(b, schema);
}

static void
put_tool(struct writer *w, const struct tool *t)
{
	struct buf *b = w->to;

	json_open(b, '{');
	json_member_inner(b, S("name"), t->name);
	if (t->description.ptr != NULL)
		json_member_inner(b, S("description"), t->description);
	json_key(b, S("input_schema"));
	if (w->same)
		json_put_raw(b, t->schema);
	else
		put_schema(w, t->schema, t->strict == STRICT_YES);
	if (t->strict == STRICT_YES || (w->same && t->strict != STRICT_UNSAID)) {
		json_key(b, S("strict"));
		json_put_bool(b, t->strict == STRICT_YES);
	}
	put_cache(w, t->cache);
	json_close(b, '}');
}

static bool
is_allowed(const struct tool_choice *c, const struct tool *t)
{
	if (c->mode != CHOICE_NAMED)
		return true;
	for (unsigned i = 0; i < c->count; i++)
		if (slice_eq(c->names[i], t->name))
			return true;
	return false;
}

/* Of several allowed tools only these are told: there is no list of them. */
static void
put_tools(struct writer *w)
{
	json_open(w->to, '[');
	for (const struct tool *t = w->p->tools; t != NULL; t = t->next) {
		if (w->same && !t->whole)
			json_put_raw(w->to, t->raw);
		else if (!t->is_function)
			losses_addf(w->lost, "%s[%u]", w->p->tools_name, t->index);
		else if (w->same || w->p->choice.count < 2 ||
			 is_allowed(&w->p->choice, t))
			put_tool(w, t);
	}
	json_close(w->to, ']');
}

static void
put_choice(struct writer *w, bool thinks)
{
	const struct tool_choice *c = &w->p->choice;
	struct buf *b = w->to;
	struct slice type = S("auto");

	if (c->mode <= CHOICE_AUTO && !w->p->one_call)
		return;
	if (c->mode == CHOICE_NONE)
		type = S("none");
	else if (c->mode == CHOICE_REQUIRED ||
		 (c->mode == CHOICE_NAMED && c->count > 1 && c->required))
		type = S("any");
	else if (c->mode == CHOICE_NAMED && c->count == 1)
		type = S("tool");
	/* Who thinks is not to be forced: the API refuses both together. */
	if (thinks && (slice_eq(type, S("any")) || slice_eq(type, S("tool")))) {
		writer_lose(w, MEANING_TOOL_CHOICE);
		type = S("auto");
	}
	json_key(b, S("tool_choice"));
	json_open(b, '{');
	json_member(b, S("type"), type);
	if (slice_eq(type, S("tool")))
		json_member_inner(b, S("name"), c->names[0]);
	if (w->p->one_call && c->mode != CHOICE_NONE)
		json_member_raw(b, S("disable_parallel_tool_use"), S("true"));
	json_close(b, '}');
}

/* The largest answer: what was asked, else the model's own. */
static uint64_t
max_output(const struct writer *w)
{
	struct slice asked = prompt_value(w->p, MEANING_MAX_OUTPUT);
	uint64_t n;

	if (json_text_u64(asked, &n) && n > 0)
		return n;
	return w->plan->max_output_tok != 0 ? w->plan->max_output_tok : USUAL_MAX_OUTPUT;
}

bool
anthropic_put_thinking(
    struct writer *w, unsigned model, uint64_t *max_tok, enum effort *ret_effort)
{
	const struct reasoning *r = &w->p->reasoning;
	struct buf *b = w->to;
	int64_t budget;

	*ret_effort = EFFORT_UNSAID;
	if (r->effort == EFFORT_UNSAID && !r->has_budget && !r->adaptive)
		return false;
	json_key(b, S("thinking"));
	json_open(b, '{');
	if (r->effort == EFFORT_NONE || (r->has_budget && r->budget_tok == 0)) {
		json_member(b, S("type"), S("disabled"));
		json_close(b, '}');
		return false;
	}
	if (model & TRAIT_ADAPTIVE) {
		json_member(b, S("type"), S("adaptive"));
		*ret_effort = writer_effort(r);
	} else {
		budget = r->adaptive && r->effort == EFFORT_UNSAID
			     ? (int64_t)(*max_tok / 2)
			     : writer_budget(r, w->plan->max_output_tok);
		if (budget < LEAST_BUDGET)
			budget = LEAST_BUDGET;
		json_member(b, S("type"), S("enabled"));
		json_member_u64(b, S("budget_tokens"), (uint64_t)budget);
		*max_tok += (uint64_t)budget;
		if (w->plan->max_output_tok > (uint64_t)budget &&
		    *max_tok > w->plan->max_output_tok)
			*max_tok = w->plan->max_output_tok;
	}
	if (r->show != SHOW_UNSAID)
		json_member(b, S("display"),
		    r->show == SHOW_YES ? S("summarized") : S("omitted"));
	json_close(b, '}');
	return true;
}

struct slice
anthropic_effort(enum effort e)
{
	static const char *const names[] = {[EFFORT_MINIMAL] = "low",
	    [EFFORT_LOW] = "low",
	    [EFFORT_MEDIUM] = "medium",
	    [EFFORT_HIGH] = "high",
	    [EFFORT_XHIGH] = "xhigh",
	    [EFFORT_MAX] = "max"};

	return slice_str(names[e]);
}

static void
put_output_config(struct writer *w, enum effort effort)
{
	const struct format *f = &w->p->format;
	struct buf *b = w->to;

	if (effort <= EFFORT_NONE && f->kind != FORMAT_SCHEMA)
		return;
	json_key(b, S("output_config"));
	json_open(b, '{');
	if (effort > EFFORT_NONE)
		json_member(b, S("effort"), anthropic_effort(effort));
	if (f->kind == FORMAT_SCHEMA) {
		json_key(b, S("format"));
		json_open(b, '{');
		json_member(b, S("type"), S("json_schema"));
		json_key(b, S("schema"));
		put_schema(w, f->schema, true);
		json_close(b, '}');
	}
	json_close(b, '}');
}

/* 1 is its own temperature: it need not be told. */
static bool
is_told(const struct prompt *p, enum meaning m)
{
	return !meaning_is_neutral(
	    m == MEANING_TEMPERATURE ? MEANING_TOP_P : m, prompt_value(p, m));
}

bool
anthropic_samples(const struct prompt *p, unsigned model, bool thinks, enum meaning m)
{
	if (thinks || (model & TRAIT_NO_SAMPLING))
		return false;
	return m != MEANING_TOP_P || (model & TRAIT_ONE_SAMPLING) == 0 ||
	       !is_told(p, MEANING_TEMPERATURE);
}

/* Sampling where the model takes it: from 0 to 1 here, and not while it thinks. */
static void
put_sampling(struct writer *w, unsigned model, bool thinks)
{
	static const enum meaning meanings[] = {
	    MEANING_TEMPERATURE, MEANING_TOP_P, MEANING_TOP_K};

	for (unsigned i = 0; i < 3; i++) {
		struct slice value = prompt_value(w->p, meanings[i]);

		if (!is_told(w->p, meanings[i]))
			continue;
		if (!anthropic_samples(w->p, model, thinks, meanings[i])) {
			writer_lose(w, meanings[i]);
			continue;
		}
		json_member_raw(w->to, fields_for(DIALECT_ANTHROPIC, meanings[i])->path,
		    i == 0 ? writer_up_to_one(value) : value);
	}
}

static void
put_tier(struct writer *w)
{
	struct slice tier = prompt_value(w->p, MEANING_TIER);

	if (slice_eq(tier, S("\"default\"")) || slice_eq(tier, S("\"standard\"")))
		json_member(w->to, S("service_tier"), S("standard_only"));
	else if (!meaning_is_neutral(MEANING_TIER, tier))
		writer_lose(w, MEANING_TIER);
}

static void
put_cross(struct writer *w)
{
	const struct prompt *p = w->p;
	const struct turn *first = after_system(p);
	unsigned model = anthropic_traits(w->plan->model);
	uint64_t max_tok = max_output(w);
	struct slice stop = prompt_value(p, MEANING_STOP);
	enum effort effort;
	bool thinks;

	json_member(w->to, S("model"), w->plan->model);
	if (p->stream)
		json_member_raw(w->to, S("stream"), S("true"));
	thinks = anthropic_put_thinking(w, model, &max_tok, &effort);
	json_member_u64(w->to, S("max_tokens"), max_tok);
	put_output_config(w, effort);
	put_sampling(w, model, thinks);
	if (!meaning_is_neutral(MEANING_STOP, stop)) {
		json_key(w->to, S("stop_sequences"));
		writer_stop(w, stop);
	}
	if (p->user.len > 0) {
		json_key(w->to, S("metadata"));
		json_open(w->to, '{');
		json_member_raw(w->to, S("user_id"), p->user);
		json_close(w->to, '}');
	}
	put_tier(w);
	writer_members(w, BIT(MAX_OUTPUT) | BIT(TEMPERATURE) | BIT(TOP_P) | BIT(TOP_K) |
			      BIT(STOP) | BIT(TIER));
	if (p->cache != CACHE_NONE)
		put_cache(w, p->cache);
	if (p->tools != NULL) {
		json_key(w->to, S("tools"));
		put_tools(w);
		put_choice(w, thinks);
	}
	put_system(w, first);
	/* Last, so that a longer conversation begins with the bytes of a shorter. */
	json_key(w->to, S("messages"));
	put_turns(w, first);
	writer_unknown(w);
}

static bool
put_member(struct writer *w, const struct member *m)
{
	if (w->p->by[m->meaning] != m)
		return false;
	switch (m->meaning) {
	case MEANING_MODEL: json_quote(w->to, w->plan->model); return true;
	case MEANING_SYSTEM: put_same_system(w); return true;
	case MEANING_TURNS: put_same_turns(w); return true;
	case MEANING_TOOLS: put_tools(w); return true;
	default: return false;
	}
}

static const struct writer_form FORM = {DIALECT_ANTHROPIC, put_member, put_cross};

enum err
anthropic_write_prompt(const struct prompt *p, const struct write_plan *plan,
    struct buf *to, struct losses *lost)
{
	return writer_prompt(&FORM, p, plan, to, lost);
}
