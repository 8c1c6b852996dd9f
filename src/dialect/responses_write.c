/*
 * OpenAI Responses: requests out.
 */
#include "dialect/openai.h"
#include "dialect/responses.h"
#include "dialect/tag.h"
#include "dialect/writer.h"

#define BIT(m) ((uint64_t)1 << MEANING_##m)

static const struct slice role_names[] = {[ROLE_SYSTEM] = {"system", 6},
    [ROLE_DEVELOPER] = {"developer", 9},
    [ROLE_USER] = {"user", 4},
    [ROLE_ASSISTANT] = {"assistant", 9},
    [ROLE_TOOL] = {"user", 4}};

/* --- parts --- */

static void
put_url(struct writer *w, struct slice name, const struct part *p)
{
	json_key(w->to, name);
	openai_put_url(w->to, p);
}

static void
put_image(struct writer *w, const struct part *p)
{
	if (p->media.source == MEDIA_ID)
		json_member_inner(w->to, S("file_id"), p->media.data);
	else
		put_url(w, S("image_url"), p);
	if (p->media.detail.ptr != NULL)
		json_member_inner(w->to, S("detail"), p->media.detail);
	else if (!w->same)
		json_member(w->to, S("detail"), S("auto"));
}

static void
put_file(struct writer *w, const struct part *p)
{
	struct slice name = p->media.name;

	if (p->media.source == MEDIA_ID) {
		json_member_inner(w->to, S("file_id"), p->media.data);
	} else if (p->media.source == MEDIA_URL) {
		json_member_inner(w->to, S("file_url"), p->media.data);
	} else {
		put_url(w, S("file_data"), p);
		if (name.ptr == NULL && !w->same) /* data must have a name */
			name = slice_eq(p->media.type, S("application/pdf")) ||
				       p->media.type.len == 0
				   ? S("document.pdf")
				   : S("document.txt");
	}
	if (name.ptr != NULL)
		json_member_inner(w->to, S("filename"), name);
	if (p->media.detail.ptr != NULL)
		json_member_inner(w->to, S("detail"), p->media.detail);
}

static void
put_audio(struct writer *w, const struct part *p)
{
	json_key(w->to, S("input_audio"));
	json_open(w->to, '{');
	json_member_inner(w->to, S("data"), p->media.data);
	json_key(w->to, S("format"));
	json_put_inner(
	    w->to, w->same ? p->media.type : openai_audio_format(p->media.type));
	json_close(w->to, '}');
}

/* Can it be said here? Ids are those of another host's files. */
static bool
takes(const struct writer *w, const struct part *p, enum role role)
{
	switch (p->kind) {
	case PART_TEXT: return true;
	case PART_REFUSAL: return role == ROLE_ASSISTANT || w->same;
	case PART_IMAGE:
	case PART_FILE: return w->same || (role != ROLE_ASSISTANT && writer_is_open(p));
	case PART_AUDIO:
		return w->same || (role == ROLE_USER && p->media.source == MEDIA_DATA);
	default: return false;
	}
}

static void
put_part(struct writer *w, const struct turn *t, const struct part *p, enum role role)
{
	struct buf *b = w->to;
	struct slice type = p->kind == PART_REFUSAL  ? S("refusal")
			    : p->kind == PART_IMAGE  ? S("input_image")
			    : p->kind == PART_FILE   ? S("input_file")
			    : p->kind == PART_AUDIO  ? S("input_audio")
			    : role == ROLE_ASSISTANT ? S("output_text")
						     : S("input_text");

	if (w->same && !p->whole) {
		json_put_raw(b, p->raw);
		return;
	}
	if (!takes(w, p, role)) {
		writer_lose_part(w, t, p);
		return;
	}
	json_open(b, '{');
	json_member(b, S("type"), type);
	switch (p->kind) {
	case PART_IMAGE: put_image(w, p); break;
	case PART_FILE: put_file(w, p); break;
	case PART_AUDIO: put_audio(w, p); break;
	case PART_REFUSAL: json_member_inner(b, S("refusal"), p->text); break;
	default: json_member_inner(b, S("text"), p->text);
	}
	json_close(b, '}');
}

/* --- items --- */

static void
open_item(struct writer *w, struct slice type)
{
	json_open(w->to, '{');
	json_member(w->to, S("type"), type);
}

/* Who speaks has no name here. */
static void
lose_name(struct writer *w, const struct turn *t)
{
	if (t->name.ptr != NULL && t->role != ROLE_TOOL)
		losses_addf(w->lost, "%s[%u].name", w->p->turns_name, t->index);
}

static bool
is_said(const struct part *p)
{
	return p->kind != PART_CALL && p->kind != PART_RESULT &&
	       p->kind != PART_REASONING;
}

/* Can any of it be said? Else it would be an empty message. */
static bool
says(const struct writer *w, const struct turn *t)
{
	bool any = false;

	for (const struct part *p = t->parts; p != NULL; p = p->next) {
		if (is_said(p) && takes(w, p, t->role))
			return true;
		any = true;
	}
	return !any;
}

/* A message of what is said in a turn, results and calls apart. */
static void
put_message(struct writer *w, const struct turn *t)
{
	const struct part *first = t->parts;
	bool as_text =
	    w->same ? t->is_text : t->role != ROLE_ASSISTANT && writer_is_one_text(first);
	struct buf *b = w->to;

	open_item(w, S("message"));
	json_member(b, S("role"), role_names[t->role]);
	json_key(b, S("content"));
	if (as_text && first != NULL) {
		json_put_inner(b, first->text);
	} else {
		json_open(b, '[');
		for (const struct part *p = t->parts; p != NULL; p = p->next)
			if (is_said(p))
				put_part(w, t, p, t->role);
		json_close(b, ']');
	}
	json_close(b, '}');
}

static enum id_rule
id_rule(const struct writer *w)
{
	return w->same ? ID_ANY : ID_WORD;
}

static void
put_call(struct writer *w, const struct part *p)
{
	struct buf *b = w->to;

	open_item(w, S("function_call"));
	json_key(b, S("call_id"));
	writer_id(w, id_rule(w), p->call.id);
	json_member_inner(b, S("name"), p->call.name);
	json_member(b, S("arguments"),
	    p->call.arguments.len == 0 && !w->same ? S("{}") : p->call.arguments);
	json_close(b, '}');
}

static bool
is_text_only(const struct part *p)
{
	for (; p != NULL; p = p->next)
		if (p->kind != PART_TEXT)
			return false;
	return true;
}

static void
put_result(struct writer *w, const struct turn *t, const struct part *p)
{
	struct buf *b = w->to;
	bool as_text = w->same ? p->result.is_text : is_text_only(p->result.parts);

	open_item(w, S("function_call_output"));
	json_key(b, S("call_id"));
	writer_id(w, id_rule(w), p->result.id);
	json_key(b, S("output"));
	if (as_text) {
		writer_result_text(w, p, S("\\n\\n"));
	} else {
		json_open(b, '[');
		if (p->result.failed) { /* it cannot be marked otherwise */
			open_item(w, S("input_text"));
			json_member(b, S("text"), S("Error:"));
			json_close(b, '}');
		}
		for (const struct part *q = p->result.parts; q != NULL; q = q->next)
			put_part(w, t, q, ROLE_TOOL);
		json_close(b, ']');
	}
	json_close(b, '}');
}

/* Thoughts go back to who had them; those of others are left out. */
static void
put_reasoning(struct writer *w, const struct part *p)
{
	struct slice sealed = p->reasoning.sealed, secret;
	struct buf *b = w->to;
	bool plain; /* nothing is encrypted: only hosts that want it have it back */

	secret =
	    writer_signature(w, sealed.ptr != NULL ? sealed : p->reasoning.signature);
	plain = secret.len == 0;
	if (secret.ptr == NULL ||
	    (plain && ((w->plan->quirks & Q_REASONING_BACK) == 0 || p->text.len == 0)))
		return;
	open_item(w, S("reasoning"));
	json_key(b, S("summary"));
	json_open(b, '[');
	if (p->text.len > 0 && !plain) {
		open_item(w, S("summary_text"));
		json_member_inner(b, S("text"), p->text);
		json_close(b, '}');
	}
	json_close(b, ']');
	if (plain) {
		json_key(b, S("content"));
		json_open(b, '[');
		open_item(w, S("reasoning_text"));
		json_member_inner(b, S("text"), p->text);
		json_close(b, '}');
		json_close(b, ']');
	} else {
		json_member_inner(b, S("encrypted_content"), secret);
	}
	json_close(b, '}');
}

/* --- the input --- */

/* What was thought, said and called, in its order; what is said between two others is
 * one message. */
static void
put_assistant(struct writer *w, const struct turn *t)
{
	bool open = false;

	for (const struct part *p = t->parts; p != NULL; p = p->next) {
		bool said = is_said(p) && takes(w, p, ROLE_ASSISTANT) && p->text.len > 0;

		if (is_said(p) && !takes(w, p, ROLE_ASSISTANT))
			writer_lose_part(w, t, p);
		if (open && !said && !is_said(p)) {
			json_close(w->to, ']');
			json_close(w->to, '}');
			open = false;
		}
		if (said && !open) {
			open_item(w, S("message"));
			json_member(w->to, S("role"), S("assistant"));
			json_key(w->to, S("content"));
			json_open(w->to, '[');
			open = true;
		}
		if (said)
			put_part(w, t, p, ROLE_ASSISTANT);
		else if (p->kind == PART_CALL)
			put_call(w, p);
		else if (p->kind == PART_REASONING)
			put_reasoning(w, p);
		else if (p->kind == PART_RESULT)
			writer_lose_part(w, t, p); /* out of place */
	}
	if (open) {
		json_close(w->to, ']');
		json_close(w->to, '}');
	}
}

/* The results of the calls before come first, then what else is said. */
static void
put_user(struct writer *w, const struct turn *from, const struct turn *end)
{
	for (const struct turn *t = from; t != end; t = t->next)
		for (const struct part *p = t->parts; p != NULL; p = p->next)
			if (p->kind == PART_RESULT)
				put_result(w, t, p);
	for (const struct turn *t = from; t != end; t = t->next) {
		if (says(w, t))
			put_message(w, t);
		else
			for (const struct part *p = t->parts; p != NULL; p = p->next)
				if (is_said(p))
					writer_lose_part(w, t, p);
	}
}

static void
put_turns(struct writer *w)
{
	const struct turn *t = w->p->turns, *end;

	json_open(w->to, '[');
	for (; t != NULL; t = end) {
		end = prompt_group(t)->next;
		if (turn_side(t) == SIDE_USER)
			put_user(w, t, end);
		for (const struct turn *u = t; u != end; u = u->next) {
			lose_name(w, u);
			if (turn_side(t) == SIDE_ASSISTANT)
				put_assistant(w, u);
			else if (turn_side(t) == SIDE_SYSTEM && !u->ahead)
				put_message(w, u);
		}
	}
	json_close(w->to, ']');
}

/* An item as it was read from this dialect. */
static void
put_same(struct writer *w, const struct turn *t)
{
	if (!t->whole)
		json_put_raw(w->to, t->raw);
	else if (t->parts != NULL && t->parts->kind == PART_CALL)
		put_call(w, t->parts);
	else if (t->parts != NULL && t->parts->kind == PART_RESULT)
		put_result(w, t, t->parts);
	else if (t->parts != NULL && t->parts->kind == PART_REASONING)
		put_reasoning(w, t->parts); /* told to this dialect by another */
	else
		put_message(w, t);
}

/* The items in their order: turns, and what stands aside. */
static void
put_same_turns(struct writer *w)
{
	const struct turn *t = w->p->turns, *aside = w->p->aside;

	json_open(w->to, '[');
	while (t != NULL || aside != NULL) {
		if (t != NULL && t->ahead) {
			t = t->next;
		} else if (t == NULL || (aside != NULL && aside->raw.ptr < t->raw.ptr)) {
			json_put_raw(w->to, aside->raw);
			aside = aside->next;
		} else {
			put_same(w, t);
			t = t->next;
		}
	}
	json_close(w->to, ']');
}

/* --- the rest --- */

/* Not being strict must be said: here it is not so anyway. */
static void
put_tool(struct writer *w, const struct tool *t)
{
	struct buf *b = w->to;

	json_open(b, '{');
	json_member(b, S("type"), S("function"));
	json_member_inner(b, S("name"), t->name);
	if (t->description.ptr != NULL)
		json_member_inner(b, S("description"), t->description);
	if (t->schema.len > 0)
		json_member_raw(b, S("parameters"), t->schema);
	else if (!w->same)
		json_member_raw(
		    b, S("parameters"), S("{\"type\":\"object\",\"properties\":{}}"));
	if (t->strict != STRICT_UNSAID || !w->same) {
		json_key(b, S("strict"));
		json_put_bool(b, t->strict == STRICT_YES);
	}
	json_close(b, '}');
}

static void
put_tools(struct writer *w)
{
	json_open(w->to, '[');
	for (const struct tool *t = w->p->tools; t != NULL; t = t->next) {
		if (w->same && !t->whole)
			json_put_raw(w->to, t->raw);
		else if (t->is_function)
			put_tool(w, t);
		else
			losses_addf(w->lost, "%s[%u]", w->p->tools_name, t->index);
	}
	json_close(w->to, ']');
}

static void
put_named(struct buf *b, struct slice name)
{
	json_open(b, '{');
	json_member(b, S("type"), S("function"));
	json_member_inner(b, S("name"), name);
	json_close(b, '}');
}

static void
put_choice(struct writer *w)
{
	const struct tool_choice *c = &w->p->choice;
	struct buf *b = w->to;

	json_key(b, S("tool_choice"));
	switch (c->mode) {
	case CHOICE_UNSAID:
	case CHOICE_AUTO: json_quote(b, S("auto")); return;
	case CHOICE_NONE: json_quote(b, S("none")); return;
	case CHOICE_REQUIRED: json_quote(b, S("required")); return;
	case CHOICE_NAMED: break;
	}
	if (c->count == 1 && c->required) {
		put_named(b, c->names[0]);
		return;
	}
	json_open(b, '{');
	json_member(b, S("type"), S("allowed_tools"));
	json_member(b, S("mode"), c->required ? S("required") : S("auto"));
	json_key(b, S("tools"));
	json_open(b, '[');
	for (unsigned i = 0; i < c->count; i++)
		put_named(b, c->names[i]);
	json_close(b, ']');
	json_close(b, '}');
}

static void
put_format(struct writer *w)
{
	const struct format *f = &w->p->format;
	struct buf *b = w->to;

	json_key(b, S("format"));
	json_open(b, '{');
	if (f->kind != FORMAT_SCHEMA) {
		json_member(b, S("type"), S("json_object"));
		json_close(b, '}');
		return;
	}
	json_member(b, S("type"), S("json_schema"));
	json_member_inner(b, S("name"), f->name.len == 0 ? S("answer") : f->name);
	if (f->description.ptr != NULL)
		json_member_inner(b, S("description"), f->description);
	if (f->strict != FORMAT_STRICT_UNSAID) {
		json_key(b, S("strict"));
		json_put_bool(b, f->strict == FORMAT_STRICT_YES);
	}
	json_member_raw(b, S("schema"), f->schema);
	json_close(b, '}');
}

static void
put_text(struct writer *w)
{
	struct slice verbosity = prompt_value(w->p, MEANING_VERBOSITY);
	bool said = !meaning_is_neutral(MEANING_VERBOSITY, verbosity);

	if (w->p->format.kind <= FORMAT_TEXT && !said)
		return;
	json_key(w->to, S("text"));
	json_open(w->to, '{');
	if (w->p->format.kind > FORMAT_TEXT)
		put_format(w);
	if (said)
		json_member_raw(w->to, S("verbosity"), verbosity);
	json_close(w->to, '}');
}

/* Is there thinking to be asked for? Its encrypted form, which must come back, is
 * refused by models that don't think. */
static bool
thinks(const struct prompt *p)
{
	enum effort e = writer_effort(&p->reasoning);

	return e > EFFORT_NONE || p->reasoning.adaptive ||
	       p->reasoning.show == SHOW_YES ||
	       (p->reasoning.has_budget && p->reasoning.budget_tok != 0);
}

static void
put_thinking(struct writer *w)
{
	const struct reasoning *r = &w->p->reasoning;
	enum effort e = writer_effort(r);
	struct slice summary = r->summary;

	if (summary.len == 0 && r->show == SHOW_YES)
		summary = S("auto");
	if (e == EFFORT_UNSAID && summary.len == 0)
		return;
	json_key(w->to, S("reasoning"));
	json_open(w->to, '{');
	if (e != EFFORT_UNSAID)
		json_member(w->to, S("effort"), slice_str(effort_name(e)));
	if (summary.len > 0)
		json_member_inner(w->to, S("summary"), summary);
	json_close(w->to, '}');
}

static void
put_include(struct writer *w)
{
	bool logprobs = slice_eq(prompt_value(w->p, MEANING_LOGPROBS), S("true"));

	if (!logprobs && !thinks(w->p))
		return;
	json_key(w->to, S("include"));
	json_open(w->to, '[');
	if (thinks(w->p))
		json_quote(w->to, S("reasoning.encrypted_content"));
	if (logprobs)
		json_quote(w->to, S("message.output_text.logprobs"));
	json_close(w->to, ']');
}

/* The tiers of other providers, but for Anthropic's, have no equivalent. */
static void
put_tier(struct writer *w)
{
	static const struct slice known[] = {{"\"default\"", 9}, {"\"flex\"", 6},
	    {"\"scale\"", 7}, {"\"priority\"", 10}, {"\"fast\"", 6}};
	struct slice tier = prompt_value(w->p, MEANING_TIER);

	if (slice_eq(tier, S("\"standard_only\"")))
		tier = S("\"default\"");
	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (slice_eq(tier, known[i])) {
			json_member_raw(w->to, S("service_tier"), tier);
			return;
		}
	if (!meaning_is_neutral(MEANING_TIER, tier))
		writer_lose(w, MEANING_TIER);
}

/* What stood apart from the conversation. */
static void
put_instructions(struct writer *w)
{
	bool any = false;

	for (const struct turn *t = w->p->turns; t != NULL; t = t->next) {
		if (!t->ahead)
			continue;
		for (const struct part *p = t->parts; p != NULL; p = p->next) {
			if (p->kind != PART_TEXT) {
				writer_lose_part(w, t, p);
				continue;
			}
			if (!any)
				json_member_inner(w->to, S("instructions"), S(""));
			if (w->to->err != ERR_OK)
				return;
			w->to->len--; /* the closing quote comes again */
			if (any)
				buf_add(w->to, S("\\n\\n"));
			buf_add(w->to, p->text);
			buf_byte(w->to, '"');
			any = true;
		}
	}
}

static bool
put_member(struct writer *w, const struct member *m)
{
	if (w->p->by[m->meaning] != m)
		return false;
	switch (m->meaning) {
	case MEANING_MODEL: json_quote(w->to, w->plan->model); return true;
	case MEANING_TOOLS: put_tools(w); return true;
	case MEANING_TURNS:
		if (m->value.len == 0 || m->value.ptr[0] != '[')
			return false; /* one text */
		put_same_turns(w);
		return true;
	default: return false;
	}
}

static void
put_cross(struct writer *w)
{
	const struct prompt *p = w->p;

	json_member(w->to, S("model"), w->plan->model);
	if (p->stream)
		json_member_raw(w->to, S("stream"), S("true"));
	/* Kept, if nothing is said. */
	json_member_raw(w->to, S("store"),
	    slice_eq(prompt_value(p, MEANING_STORE), S("true")) ? S("true") : S("false"));
	put_include(w);
	put_tier(w);
	writer_members(w, BIT(STORE) | BIT(LOGPROBS) | BIT(VERBOSITY) | BIT(TIER));
	if (p->user.len > 0)
		json_member_raw(w->to, S("user"), p->user);
	put_thinking(w);
	put_text(w);
	if (writer_has_functions(w)) {
		json_key(w->to, S("tools"));
		put_tools(w);
		if (p->one_call)
			json_member_raw(w->to, S("parallel_tool_calls"), S("false"));
		if (p->choice.mode > CHOICE_AUTO)
			put_choice(w);
	}
	put_instructions(w);
	/* Last, so that a longer conversation begins with the bytes of a shorter. */
	json_key(w->to, S("input"));
	put_turns(w);
	writer_unknown(w);
}

static const struct writer_form FORM = {DIALECT_RESPONSES, put_member, put_cross};

enum err
responses_write_prompt(const struct prompt *p, const struct write_plan *plan,
    struct buf *to, struct losses *lost)
{
	return writer_prompt(&FORM, p, plan, to, lost);
}
