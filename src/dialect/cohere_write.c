/*
 * Cohere v2 chat: requests out.
 */
#include "dialect/cohere.h"
#include "dialect/openai.h"
#include "dialect/schema.h"
#include "dialect/tag.h"
#include "dialect/writer.h"

#include "core/text.h"

#define BIT(m) ((uint64_t)1 << MEANING_##m)

/* --- parts --- */

static void
put_text(struct buf *b, struct slice text)
{
	json_open(b, '{');
	json_member(b, S("type"), S("text"));
	json_member_inner(b, S("text"), text);
	json_close(b, '}');
}

static void
put_image(struct buf *b, const struct part *p)
{
	json_open(b, '{');
	json_member(b, S("type"), S("image_url"));
	json_key(b, S("image_url"));
	json_open(b, '{');
	json_key(b, S("url"));
	openai_put_url(b, p);
	if (p->media.detail.ptr != NULL)
		json_member_inner(b, S("detail"), p->media.detail);
	json_close(b, '}');
	json_close(b, '}');
}

static void
put_thinking(struct buf *b, struct slice text)
{
	json_open(b, '{');
	json_member(b, S("type"), S("thinking"));
	json_member_inner(b, S("thinking"), text);
	json_close(b, '}');
}

void
cohere_put_call(struct buf *b, const struct part *p, const char *provider)
{
	json_open(b, '{');
	json_member_inner(b, S("id"), p->call.id);
	json_member(b, S("type"), S("function"));
	json_key(b, S("function"));
	json_open(b, '{');
	json_member_inner(b, S("name"), p->call.name);
	json_member(b, S("arguments"),
	    p->call.arguments.len == 0 && provider != NULL ? S("{}") : p->call.arguments);
	json_close(b, '}');
	if (provider != NULL && p->call.signature.len > 0) {
		buf_add(b, S(",\"extra_content\":{\"google\":{\"thought_signature\":"));
		tag_put(b, provider, p->call.signature);
		buf_add(b, S("}}"));
	}
	json_close(b, '}');
}

/* --- a message as it was --- */

static void
put_same_part(struct buf *b, const struct part *p)
{
	if (!p->whole)
		json_put_raw(b, p->raw);
	else if (p->kind == PART_IMAGE)
		put_image(b, p);
	else if (p->kind == PART_REASONING)
		put_thinking(b, p->text);
	else
		put_text(b, p->text);
}

static bool
is_plan(const struct part *p)
{
	return p->kind == PART_REASONING && slice_eq(p->reasoning.signature, COHERE_PLAN);
}

static void
put_same_content(struct buf *b, const struct part *p, bool is_text)
{
	bool any = false;

	for (; p != NULL; p = p->next) {
		if (p->kind == PART_CALL || is_plan(p))
			continue;
		if (!any)
			json_key(b, S("content"));
		if (is_text) {
			json_put_inner(b, p->text);
			return;
		}
		if (!any)
			json_open(b, '[');
		any = true;
		put_same_part(b, p);
	}
	if (any)
		json_close(b, ']');
}

void
cohere_put_same(struct buf *b, const struct turn *t)
{
	static const struct slice names[] = {[ROLE_SYSTEM] = {"system", 6},
	    [ROLE_DEVELOPER] = {"system", 6},
	    [ROLE_USER] = {"user", 4},
	    [ROLE_ASSISTANT] = {"assistant", 9},
	    [ROLE_TOOL] = {"tool", 4}};
	bool calls = false;

	if (!t->whole) {
		json_put_raw(b, t->raw);
		return;
	}
	json_open(b, '{');
	json_member(b, S("role"), names[t->role]);
	if (t->role == ROLE_TOOL) {
		json_member_inner(b, S("tool_call_id"), t->parts->result.id);
		put_same_content(b, t->parts->result.parts, t->is_text);
	} else {
		put_same_content(b, t->parts, t->is_text);
	}
	for (const struct part *p = t->parts; p != NULL; p = p->next)
		if (is_plan(p))
			json_member_inner(b, S("tool_plan"), p->text);
	for (const struct part *p = t->parts; p != NULL; p = p->next) {
		if (p->kind != PART_CALL)
			continue;
		if (!calls) {
			json_key(b, S("tool_calls"));
			json_open(b, '[');
		}
		calls = true;
		cohere_put_call(b, p, NULL);
	}
	if (calls)
		json_close(b, ']');
	json_close(b, '}');
}

/* --- messages of other dialects --- */

static void
open_message(struct writer *w, struct slice role)
{
	json_open(w->to, '{');
	json_member(w->to, S("role"), role);
}

/* A part of what the user says; what has no place is a loss. */
static void
put_user_part(struct writer *w, const struct turn *t, const struct part *p)
{
	if (p->kind == PART_TEXT || p->kind == PART_REFUSAL)
		put_text(w->to, p->text);
	else if (p->kind == PART_IMAGE && writer_is_open(p))
		put_image(w->to, p);
	else
		writer_lose_part(w, t, p);
}

/* What a result holds beside text goes into a message of the user's: a tool's takes
 * none. */
static void
put_result_media(struct writer *w, const struct turn *t, const struct part *result)
{
	for (const struct part *p = result->result.parts; p != NULL; p = p->next)
		if (p->kind != PART_TEXT)
			put_user_part(w, t, p);
}

static void
put_result(struct writer *w, const struct part *p)
{
	open_message(w, S("tool"));
	json_member_inner(w->to, S("tool_call_id"), p->result.id);
	json_key(w->to, S("content"));
	writer_result_text(w, p, S("\\n\\n"));
	json_close(w->to, '}');
}

static bool
is_said(const struct part *p)
{
	return p->kind != PART_RESULT && p->kind != PART_CALL &&
	       p->kind != PART_REASONING;
}

/* A user's turn: the results first, one message each, then the rest. */
static void
put_user(struct writer *w, const struct turn *t)
{
	struct buf *b = w->to;
	bool said = t->parts == NULL, media = false;
	size_t before = b->len, empty;

	for (const struct part *p = t->parts; p != NULL; p = p->next) {
		said = said || is_said(p);
		if (p->kind != PART_RESULT)
			continue;
		for (const struct part *q = p->result.parts; q != NULL; q = q->next)
			media = media || q->kind != PART_TEXT;
	}
	if (!said && !media)
		return;
	open_message(w, S("user"));
	json_key(b, S("content"));
	if (writer_is_one_text(t->parts) || t->parts == NULL) {
		writer_joined_text(w, t->parts, S(""));
		json_close(b, '}');
		return;
	}
	json_open(b, '[');
	empty = b->len;
	for (const struct part *p = t->parts; p != NULL; p = p->next)
		if (p->kind == PART_RESULT)
			put_result_media(w, t, p);
		else if (is_said(p))
			put_user_part(w, t, p);
	if (b->len == empty && b->err == ERR_OK) { /* all of it was lost */
		b->len = before;
		return;
	}
	json_close(b, ']');
	json_close(b, '}');
}

static void
put_users(struct writer *w, const struct turn *from, const struct turn *end)
{
	for (const struct turn *t = from; t != end; t = t->next)
		for (const struct part *p = t->parts; p != NULL; p = p->next)
			if (p->kind == PART_RESULT)
				put_result(w, p);
	for (const struct turn *t = from; t != end; t = t->next)
		put_user(w, t);
}

static void
put_system(struct writer *w, const struct turn *t)
{
	for (const struct part *p = t->parts; p != NULL; p = p->next)
		if (p->kind != PART_TEXT)
			writer_lose_part(w, t, p);
	open_message(w, S("system"));
	json_key(w->to, S("content"));
	writer_joined_text(w, t->parts, S("\\n\\n"));
	json_close(w->to, '}');
}

/* What the turns of a group of the assistant's hold. */
struct group {
	const struct turn *from, *end;
	unsigned texts, thoughts, plans, calls;
};

enum piece { PIECE_TEXT, PIECE_THOUGHT, PIECE_PLAN, PIECE_CALL, PIECE_LOST, PIECE_NONE };

/* What becomes of a part: reasoning goes back to Cohere alone. */
static enum piece
piece_of(const struct writer *w, const struct part *p)
{
	struct slice signature;

	switch (p->kind) {
	case PART_TEXT:
	case PART_REFUSAL: return PIECE_TEXT;
	case PART_CALL: return PIECE_CALL;
	case PART_REASONING: break;
	default: return PIECE_LOST;
	}
	signature = writer_signature(w, p->reasoning.signature);
	if (signature.ptr == NULL || p->text.len == 0)
		return PIECE_NONE;
	return slice_eq(signature, COHERE_PLAN) ? PIECE_PLAN : PIECE_THOUGHT;
}

static struct group
count_pieces(struct writer *w, const struct turn *from, const struct turn *end)
{
	struct group g = {.from = from, .end = end};

	for (const struct turn *t = from; t != end; t = t->next)
		for (const struct part *p = t->parts; p != NULL; p = p->next) {
			enum piece piece = piece_of(w, p);

			g.texts += piece == PIECE_TEXT && p->text.len > 0;
			g.thoughts += piece == PIECE_THOUGHT;
			g.plans += piece == PIECE_PLAN;
			g.calls += piece == PIECE_CALL;
			if (piece == PIECE_LOST)
				writer_lose_part(w, t, p);
		}
	return g;
}

/* All texts of a kind as one, as the next value. */
static void
put_joined(struct writer *w, const struct group *g, enum piece kind)
{
	struct buf *b = w->to;

	json_put_inner(b, S(""));
	for (const struct turn *t = g->from; t != g->end; t = t->next)
		for (const struct part *p = t->parts; p != NULL; p = p->next) {
			if (piece_of(w, p) != kind || b->err != ERR_OK)
				continue;
			b->len--; /* the closing quote comes again */
			buf_add(b, p->text);
			buf_byte(b, '"');
		}
}

static void
put_said(struct writer *w, const struct group *g)
{
	struct buf *b = w->to;

	json_key(b, S("content"));
	if (g->thoughts == 0) {
		put_joined(w, g, PIECE_TEXT);
		return;
	}
	json_open(b, '[');
	for (const struct turn *t = g->from; t != g->end; t = t->next)
		for (const struct part *p = t->parts; p != NULL; p = p->next) {
			enum piece piece = piece_of(w, p);

			if (piece == PIECE_TEXT)
				put_text(b, p->text);
			else if (piece == PIECE_THOUGHT)
				put_thinking(b, p->text);
		}
	json_close(b, ']');
}

static void
put_calls(struct buf *b, const struct turn *t)
{
	for (const struct part *p = t->parts; p != NULL; p = p->next) {
		struct part call = *p;

		if (p->kind != PART_CALL)
			continue;
		if (call.call.arguments.len == 0)
			call.call.arguments = S("{}");
		cohere_put_call(b, &call, NULL);
	}
}

/* What is said before calls is their plan, unless there is one. */
static void
put_assistant(struct writer *w, const struct turn *from, const struct turn *end)
{
	struct group g = count_pieces(w, from, end);
	struct buf *b = w->to;

	if (g.texts + g.thoughts + g.calls == 0)
		return; /* it only thought, or what it said has no form here */
	open_message(w, S("assistant"));
	if (g.calls > 0 && g.plans > 0) {
		json_key(b, S("tool_plan"));
		put_joined(w, &g, PIECE_PLAN);
	} else if (g.calls > 0 && g.texts > 0) {
		json_key(b, S("tool_plan"));
		put_joined(w, &g, PIECE_TEXT);
		g.texts = 0;
	}
	if (g.texts > 0 || g.calls == 0)
		put_said(w, &g);
	if (g.calls > 0) {
		json_key(b, S("tool_calls"));
		json_open(b, '[');
		for (const struct turn *t = from; t != end; t = t->next)
			put_calls(b, t);
		json_close(b, ']');
	}
	json_close(b, '}');
}

static void
put_turns(struct writer *w)
{
	const struct turn *t = w->p->turns, *end;

	json_open(w->to, '[');
	for (; t != NULL; t = end) {
		end = w->same || turn_side(t) == SIDE_SYSTEM ? t->next
							     : prompt_group(t)->next;
		if (w->same)
			cohere_put_same(w->to, t);
		else if (turn_side(t) == SIDE_SYSTEM)
			put_system(w, t);
		else if (turn_side(t) == SIDE_ASSISTANT)
			put_assistant(w, t, end);
		else
			put_users(w, t, end);
	}
	json_close(w->to, ']');
}

/* --- tools --- */

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

/* A schema as the next value, cut where it is enforced. */
static void
put_schema(struct writer *w, struct slice schema, bool strict)
{
	enum err e;

	if (schema.len <= 2) {
		json_put_raw(w->to, S("{\"type\":\"object\",\"properties\":{}}"));
		return;
	}
	e = strict ? schema_cut(schema, SCHEMA_FOR_COHERE, w->to) : ERR_SYNTAX;
	if (e != ERR_OK && w->to->err == ERR_OK)
		json_put_raw(w->to, schema);
}

static void
put_tool(struct writer *w, const struct tool *t, bool strict)
{
	struct buf *b = w->to;

	json_open(b, '{');
	json_member(b, S("type"), S("function"));
	json_key(b, S("function"));
	json_open(b, '{');
	json_member_inner(b, S("name"), t->name);
	if (t->description.ptr != NULL)
		json_member_inner(b, S("description"), t->description);
	if (!w->same || t->schema.len > 0) {
		json_key(b, S("parameters"));
		if (w->same)
			json_put_raw(b, t->schema);
		else
			put_schema(w, t->schema, strict);
	}
	json_close(b, '}');
	json_close(b, '}');
}

static void
put_same_tools(struct writer *w)
{
	json_open(w->to, '[');
	for (const struct tool *t = w->p->tools; t != NULL; t = t->next)
		if (t->whole)
			put_tool(w, t, false);
		else
			json_put_raw(w->to, t->raw);
	json_close(w->to, ']');
}

/* Which tools are named is told by leaving the others out. Strictness is one word for
 * all: where only some are strict, theirs is lost. */
static void
put_tools(struct writer *w)
{
	const struct tool_choice *c = &w->p->choice;
	struct buf *b = w->to;
	size_t before = b->len, empty;
	bool all = true;

	for (const struct tool *t = w->p->tools; t != NULL; t = t->next)
		all = all && (!t->is_function || t->strict == STRICT_YES);
	json_key(b, S("tools"));
	json_open(b, '[');
	empty = b->len;
	for (const struct tool *t = w->p->tools; t != NULL; t = t->next) {
		if (!t->is_function)
			losses_addf(w->lost, "%s[%u]", w->p->tools_name, t->index);
		else if (is_allowed(c, t))
			put_tool(w, t, all);
		if (t->is_function && t->strict == STRICT_YES && !all)
			losses_addf(w->lost, "%s[%u].strict", w->p->tools_name, t->index);
	}
	if (b->len == empty && b->err == ERR_OK) { /* none that it knows */
		b->len = before;
		return;
	}
	json_close(b, ']');
	if (all)
		json_member_raw(b, S("strict_tools"), S("true"));
	if (c->mode == CHOICE_NONE)
		json_member(b, S("tool_choice"), S("NONE"));
	else if (c->mode == CHOICE_REQUIRED || (c->mode == CHOICE_NAMED && c->required))
		json_member(b, S("tool_choice"), S("REQUIRED"));
}

/* --- the rest --- */

/* A number within limits, given times 1000: as it stands, or the limit. */
static void
put_limited(struct writer *w, enum meaning m, struct slice name, int64_t least_milli,
    int64_t most_milli)
{
	struct slice value = prompt_value(w->p, m);
	bool negative = value.len > 0 && value.ptr[0] == '-';
	int64_t milli = 0;

	/* Its own defaults are others: what is neutral elsewhere is told too. */
	if (value.len == 0)
		return;
	/* Of more digits than this reads it is not known how large it is. */
	if (!text_scaled(slice_from(value, negative), 15, &milli)) {
		json_member_raw(w->to, name, value);
		return;
	}
	milli /= 1000000000000;
	if (negative)
		milli = -milli;
	if (milli >= least_milli && milli <= most_milli) {
		json_member_raw(w->to, name, value);
		return;
	}
	json_key(w->to, name);
	milli = milli < least_milli ? least_milli : most_milli;
	if (milli % 1000 == 0)
		json_put_i64(w->to, milli / 1000);
	else
		json_put_raw(w->to, milli == 10 ? S("0.01") : S("0.99"));
}

static void
put_sampling(struct writer *w)
{
	put_limited(w, MEANING_TOP_P, S("p"), 10, 990);
	put_limited(w, MEANING_TOP_K, S("k"), 0, 500000);
	put_limited(w, MEANING_FREQUENCY_PENALTY, S("frequency_penalty"), 0, 1000);
	put_limited(w, MEANING_PRESENCE_PENALTY, S("presence_penalty"), 0, 1000);
}

static void
put_reasoning(struct writer *w)
{
	const struct reasoning *r = &w->p->reasoning;
	struct buf *b = w->to;
	int64_t budget;

	if (r->effort == EFFORT_UNSAID && !r->has_budget && !r->adaptive)
		return;
	json_key(b, S("thinking"));
	json_open(b, '{');
	if (r->effort == EFFORT_NONE || (r->has_budget && r->budget_tok == 0)) {
		json_member(b, S("type"), S("disabled"));
	} else {
		json_member(b, S("type"), S("enabled"));
		budget = r->effort != EFFORT_UNSAID || r->has_budget
			     ? writer_budget(r, w->plan->max_output_tok)
			     : -1;
		/* Without one it thinks as long as it wants. */
		if (budget > 0 && r->effort < EFFORT_HIGH)
			json_member_u64(b, S("token_budget"), (uint64_t)budget);
	}
	json_close(b, '}');
}

/* The API refuses a format together with tools. */
static void
put_format(struct writer *w)
{
	const struct format *f = &w->p->format;
	struct buf *b = w->to;

	if (f->kind <= FORMAT_TEXT)
		return;
	if (w->p->tools != NULL && w->p->choice.mode != CHOICE_NONE) {
		writer_lose(w, MEANING_FORMAT);
		return;
	}
	json_key(b, S("response_format"));
	json_open(b, '{');
	json_member(b, S("type"), S("json_object"));
	if (f->kind == FORMAT_SCHEMA) {
		json_key(b, S("json_schema"));
		put_schema(w, f->schema, true);
	}
	json_close(b, '}');
}

static void
put_cross(struct writer *w)
{
	const struct prompt *p = w->p;
	struct slice stop = prompt_value(p, MEANING_STOP);

	json_member(w->to, S("model"), w->plan->model);
	if (p->stream)
		json_member_raw(w->to, S("stream"), S("true"));
	put_sampling(w);
	if (!meaning_is_neutral(MEANING_STOP, stop)) {
		json_key(w->to, S("stop_sequences"));
		writer_stop(w, stop);
	}
	writer_members(w, BIT(TOP_P) | BIT(TOP_K) | BIT(FREQUENCY_PENALTY) |
			      BIT(PRESENCE_PENALTY) | BIT(STOP));
	if (p->user.len > 0)
		writer_lose(w, MEANING_USER);
	if (p->one_call && p->tools != NULL)
		writer_lose(w, p->by[MEANING_PARALLEL] != NULL ? MEANING_PARALLEL
							       : MEANING_TOOL_CHOICE);
	put_reasoning(w);
	put_format(w);
	if (p->tools != NULL)
		put_tools(w);
	/* Last, so that a longer conversation begins with the bytes of a shorter. */
	json_key(w->to, S("messages"));
	put_turns(w);
	writer_unknown(w);
}

static bool
put_member(struct writer *w, const struct member *m)
{
	if (w->p->by[m->meaning] != m)
		return false;
	switch (m->meaning) {
	case MEANING_MODEL: json_quote(w->to, w->plan->model); return true;
	case MEANING_TURNS: put_turns(w); return true;
	case MEANING_TOOLS: put_same_tools(w); return true;
	default: return false;
	}
}

static const struct writer_form FORM = {DIALECT_COHERE, put_member, put_cross};

enum err
cohere_write_prompt(const struct prompt *p, const struct write_plan *plan, struct buf *to,
    struct losses *lost)
{
	return writer_prompt(&FORM, p, plan, to, lost);
}
