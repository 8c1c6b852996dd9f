/*
 * Bedrock Converse: requests out. What it insists on and others do not: turns that
 * alternate and begin with the user's, results of calls first and together, no blank
 * text, a text beside each document, tools described where the conversation calls one.
 */
#include "dialect/bedrock.h"

#define BIT(m) ((uint64_t)1 << MEANING_##m)

#define CALLED_MAX 64 /* tools that are described only since they were called */

/* --- blocks --- */

static void
put_cache(struct bedrock_making *m, enum cache_life cache)
{
	/* Only Claude's live longer when asked to. */
	if (cache != CACHE_NONE && (m->makers & MAKER_CLAUDE) == 0)
		cache = CACHE_DEFAULT;
	if (m->caches)
		bedrock_put_cache(m->w->to, cache);
}

/* Without the blanks at its end; a text that ends in some is refused as a beginning of
 * the answer. */
static struct slice
trim_end(struct slice raw)
{
	for (;;) {
		size_t n = raw.len, slashes = 0;

		if (n > 0 && raw.ptr[n - 1] == ' ') {
			raw.len--;
			continue;
		}
		if (n < 2 || strchr("nrt", raw.ptr[n - 1]) == NULL)
			return raw;
		while (slashes < n - 1 && raw.ptr[n - 2 - slashes] == '\\')
			slashes++;
		if (slashes % 2 == 0)
			return raw;
		raw.len -= 2;
	}
}

static void
put_text(struct bedrock_making *m, struct slice text, enum cache_life cache)
{
	if (trim_end(text).len == 0)
		return; /* refused, and says nothing */
	bedrock_put_text(m->w->to, text);
	put_cache(m, cache);
}

static enum id_rule
id_rule(const struct bedrock_making *m)
{
	return m->makers & MAKER_MISTRAL ? ID_NINE : ID_WORD;
}

static void
put_call(struct bedrock_making *m, const struct part *p)
{
	struct buf *b = m->w->to;

	json_open(b, '{');
	json_key(b, S("toolUse"));
	json_open(b, '{');
	json_key(b, S("toolUseId"));
	writer_id(m->w, id_rule(m), p->call.id);
	json_member_inner(b, S("name"), p->call.name);
	json_key(b, S("input"));
	writer_object(b, p->call.arguments);
	json_close(b, '}');
	json_close(b, '}');
	put_cache(m, p->cache);
}

static void
put_media(struct bedrock_making *m, const struct turn *t, const struct part *p,
    enum cache_life cache)
{
	if (p->kind != PART_IMAGE && p->kind != PART_FILE && p->kind != PART_VIDEO &&
	    p->kind != PART_AUDIO)
		writer_lose_part(m->w, t, p);
	else if (bedrock_put_media(m->w->to, p, &m->names, false))
		put_cache(m, cache);
	else
		writer_lose_part(m->w, t, p);
}

static void
put_result(struct bedrock_making *m, const struct turn *t, const struct part *p)
{
	struct buf *b = m->w->to;
	enum cache_life cache = p->cache;
	size_t empty;

	json_open(b, '{');
	json_key(b, S("toolResult"));
	json_open(b, '{');
	json_key(b, S("toolUseId"));
	writer_id(m->w, id_rule(m), p->result.id);
	json_key(b, S("content"));
	json_open(b, '[');
	empty = b->len;
	for (const struct part *q = p->result.parts; q != NULL; q = q->next) {
		if (q->kind == PART_TEXT)
			put_text(m, q->text, CACHE_NONE);
		else
			put_media(m, t, q, CACHE_NONE);
		if (cache == CACHE_NONE)
			cache = q->cache; /* none stands inside a result */
	}
	if (b->len == empty)
		bedrock_put_text(b, S("."));
	json_close(b, ']');
	if (p->result.failed)
		json_member(b, S("status"), S("error"));
	json_close(b, '}');
	json_close(b, '}');
	put_cache(m, cache);
}

/* Thoughts go back to who had them, signed; those of others are left out. */
static void
put_reasoning(struct bedrock_making *m, const struct part *p)
{
	struct slice signature = writer_signature(m->w, p->reasoning.signature);
	struct slice sealed = writer_signature(m->w, p->reasoning.sealed);

	if (sealed.len > 0)
		bedrock_put_reasoning(m->w->to, p, S(""), sealed);
	else if (signature.len > 0)
		bedrock_put_reasoning(m->w->to, p, signature, (struct slice){NULL, 0});
}

/* --- turns --- */

static void
put_user_part(struct bedrock_making *m, const struct turn *t, const struct part *p)
{
	switch (p->kind) {
	case PART_TEXT:
	case PART_REFUSAL: put_text(m, p->text, p->cache); break;
	case PART_RESULT: put_result(m, t, p); break;
	case PART_REASONING: break;
	default: put_media(m, t, p, p->cache);
	}
}

/* The results first, then the rest. */
static void
put_user(struct bedrock_making *m, const struct turn *from, const struct turn *end)
{
	bool document = false, text = false;

	for (const struct turn *t = from; t != end; t = t->next)
		for (const struct part *p = t->parts; p != NULL; p = p->next) {
			document = document || p->kind == PART_FILE;
			text =
			    text || (p->kind == PART_TEXT && trim_end(p->text).len > 0);
			if (p->kind == PART_RESULT)
				put_user_part(m, t, p);
		}
	for (const struct turn *t = from; t != end; t = t->next)
		for (const struct part *p = t->parts; p != NULL; p = p->next)
			if (p->kind != PART_RESULT)
				put_user_part(m, t, p);
	if (document && !text)
		bedrock_put_text(m->w->to, S("."));
}

static void
put_assistant(struct bedrock_making *m, const struct turn *from, const struct turn *end)
{
	for (const struct turn *t = from; t != end; t = t->next)
		for (const struct part *p = t->parts; p != NULL; p = p->next)
			if (p->kind == PART_REASONING)
				put_reasoning(m, p);
	for (const struct turn *t = from; t != end; t = t->next)
		for (const struct part *p = t->parts; p != NULL; p = p->next) {
			bool last = p->next == NULL && t->next == end;

			if (p->kind == PART_TEXT || p->kind == PART_REFUSAL)
				put_text(m, last ? trim_end(p->text) : p->text, p->cache);
			else if (p->kind == PART_CALL)
				put_call(m, p);
			else if (p->kind != PART_REASONING)
				put_media(m, t, p, p->cache);
		}
}

/* Instructions in the middle of a conversation: as text of the user's, so that what
 * came before stays as it was. */
static void
put_late_system(struct bedrock_making *m, const struct turn *from, const struct turn *end)
{
	struct buf *b = m->w->to;

	for (const struct turn *t = from; t != end; t = t->next)
		for (const struct part *p = t->parts; p != NULL; p = p->next) {
			if (p->kind != PART_TEXT) {
				writer_lose_part(m->w, t, p);
				continue;
			}
			bedrock_put_text(b, S("<system>"));
			if (b->err != ERR_OK)
				return;
			b->len -= 2; /* the text goes on */
			buf_add(b, p->text);
			buf_add(b, S("</system>\"}"));
			put_cache(m, p->cache);
		}
}

/* Adds to the last message when it is of the same role. */
static bool
open_message(struct bedrock_making *m, struct slice role, bool again)
{
	struct buf *b = m->w->to;

	if (again && b->err == ERR_OK) {
		b->len -= 2; /* "]}" */
		return true;
	}
	json_open(b, '{');
	json_member(b, S("role"), role);
	json_key(b, S("content"));
	json_open(b, '[');
	return b->err == ERR_OK;
}

static void
close_message(struct bedrock_making *m)
{
	json_close(m->w->to, ']');
	json_close(m->w->to, '}');
}

/* A group of turns of one side; false when it says nothing. */
static bool
put_group(
    struct bedrock_making *m, const struct turn *from, const struct turn *end, bool again)
{
	struct buf *b = m->w->to;
	bool assistant = from->role == ROLE_ASSISTANT;
	size_t before = b->len, empty;

	if (!open_message(m, assistant ? S("assistant") : S("user"), again))
		return false;
	empty = b->len;
	if (assistant)
		put_assistant(m, from, end);
	else if (turn_side(from) == SIDE_SYSTEM)
		put_late_system(m, from, end);
	else
		put_user(m, from, end);
	if (b->len == empty && !again && b->err == ERR_OK) {
		b->len = before;
		return false;
	}
	close_message(m);
	return true;
}

/* The user begins, and says something. */
static void
put_first(struct buf *b)
{
	json_put_raw(b, S("{\"role\":\"user\",\"content\":[{\"text\":\".\"}]}"));
}

static void
put_turns(struct bedrock_making *m, const struct turn *t)
{
	struct buf *b = m->w->to;
	const struct turn *end;
	enum { NOBODY, USER, ASSISTANT } last = NOBODY, next;

	json_open(b, '[');
	for (; t != NULL; t = end) {
		size_t before = b->len;

		end = prompt_group(t)->next;
		next = t->role == ROLE_ASSISTANT ? ASSISTANT : USER;
		if (last == NOBODY && next == ASSISTANT)
			put_first(b);
		if (put_group(m, t, end, next == last))
			last = next;
		else if (last == NOBODY && b->err == ERR_OK)
			b->len = before;
	}
	if (last == NOBODY)
		put_first(b);
	if (m->w->p->cache != CACHE_NONE && m->caches) {
		(void)open_message(m, S(""), true);
		put_cache(m, m->w->p->cache);
		close_message(m);
	}
	json_close(b, ']');
}

/* --- system --- */

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
put_system(struct bedrock_making *m, const struct turn *end)
{
	struct buf *b = m->w->to;
	size_t before = b->len, empty;

	json_key(b, S("system"));
	json_open(b, '[');
	empty = b->len;
	for (const struct turn *t = m->w->p->turns; t != end; t = t->next)
		for (const struct part *p = t->parts; p != NULL; p = p->next)
			if (p->kind == PART_TEXT)
				put_text(m, p->text, p->cache);
			else
				writer_lose_part(m->w, t, p);
	if (m->w->p->format.kind == FORMAT_JSON)
		bedrock_put_text(b, S("Answer with one JSON object and nothing else."));
	json_close(b, ']');
	if (b->len == empty + 1 && b->err == ERR_OK)
		b->len = before;
}

/* --- tools --- */

static void
put_spec(struct bedrock_making *m, const struct tool *t)
{
	struct buf *b = m->w->to;

	json_open(b, '{');
	json_key(b, S("toolSpec"));
	json_open(b, '{');
	json_member_inner(b, S("name"), t->name);
	if (t->description.len > 0)
		json_member_inner(b, S("description"), t->description);
	json_key(b, S("inputSchema"));
	json_open(b, '{');
	json_member_raw(b, S("json"),
	    t->schema.len > 2 ? t->schema : S("{\"type\":\"object\",\"properties\":{}}"));
	json_close(b, '}');
	if (t->strict == STRICT_YES)
		json_member_raw(b, S("strict"), S("true"));
	json_close(b, '}');
	json_close(b, '}');
	put_cache(m, t->cache);
}

static bool
is_allowed(const struct tool_choice *c, const struct tool *t)
{
	if (c->mode != CHOICE_NAMED || (c->count == 1 && c->required))
		return true;
	for (unsigned i = 0; i < c->count; i++)
		if (slice_eq(c->names[i], t->name))
			return true;
	return false;
}

/* Tools that were called once have to be described, though none are offered. */
static void
put_called(struct bedrock_making *m)
{
	uint64_t known[CALLED_MAX];
	unsigned n = 0, i;

	for (const struct turn *t = m->w->p->turns; t != NULL; t = t->next)
		for (const struct part *p = t->parts; p != NULL; p = p->next) {
			struct tool tool = {.is_function = true};
			uint64_t hash;

			if (p->kind != PART_CALL || n == CALLED_MAX)
				continue;
			hash = slice_hash(p->call.name);
			for (i = 0; i < n && known[i] != hash; i++)
				continue;
			if (i < n)
				continue;
			known[n++] = hash;
			tool.name = p->call.name;
			put_spec(m, &tool);
		}
}

static void
put_choice(struct bedrock_making *m)
{
	const struct tool_choice *c = &m->w->p->choice;
	struct buf *b = m->w->to;
	bool one = c->mode == CHOICE_NAMED && c->count == 1;

	if (c->mode <= CHOICE_AUTO || (c->mode == CHOICE_NAMED && !c->required))
		return;
	/* To call none of those that there are cannot be said; who thinks is not to be
	 * forced, and not all can be. */
	if (c->mode == CHOICE_NONE || m->thinks ||
	    (m->makers & (MAKER_OPENAI | MAKER_OTHER)) != 0) {
		writer_lose(m->w, MEANING_TOOL_CHOICE);
		return;
	}
	json_key(b, S("toolChoice"));
	json_open(b, '{');
	json_key(b, one ? S("tool") : S("any"));
	json_open(b, '{');
	if (one)
		json_member_inner(b, S("name"), c->names[0]);
	json_close(b, '}');
	json_close(b, '}');
}

static void
put_tools(struct bedrock_making *m)
{
	const struct prompt *p = m->w->p;
	struct buf *b = m->w->to;
	bool called = prompt_has(p, PART_CALL) || prompt_has(p, PART_RESULT);
	size_t before = b->len, empty;

	/* Where none may be called and none was, none are told. */
	if (p->choice.mode == CHOICE_NONE && !called)
		return;
	json_key(b, S("toolConfig"));
	json_open(b, '{');
	json_key(b, S("tools"));
	json_open(b, '[');
	empty = b->len;
	for (const struct tool *t = p->tools; t != NULL; t = t->next)
		if (!t->is_function)
			losses_addf(m->w->lost, "%s[%u]", p->tools_name, t->index);
		else if (is_allowed(&p->choice, t))
			put_spec(m, t);
	if (b->len == empty) { /* there are none */
		put_called(m);
		if (b->len == empty && b->err == ERR_OK) {
			b->len = before;
			return;
		}
		json_close(b, ']');
	} else {
		json_close(b, ']');
		put_choice(m);
	}
	json_close(b, '}');
}

/* --- the request --- */

static void
put_cross(struct writer *w)
{
	const struct prompt *p = w->p;
	struct bedrock_making m = {.w = w};
	const struct turn *first = after_system(p);

	bedrock_model_put(&m);
	writer_members(w, BIT(MAX_OUTPUT) | BIT(TEMPERATURE) | BIT(TOP_P) | BIT(TOP_K) |
			      BIT(STOP) | BIT(TIER));
	if (p->user.len > 0)
		writer_lose(w, MEANING_USER);
	put_tools(&m);
	put_system(&m, first);
	/* Last, so that a longer conversation begins with the bytes of a shorter. */
	json_key(w->to, S("messages"));
	put_turns(&m, first);
	writer_unknown(w);
}

/* --- the same dialect --- */

static void
put_same_turns(struct writer *w)
{
	json_open(w->to, '[');
	for (const struct turn *t = w->p->turns; t != NULL; t = t->next) {
		if (t->ahead)
			continue;
		if (!t->whole) {
			json_put_raw(w->to, t->raw);
			continue;
		}
		json_open(w->to, '{');
		json_member(w->to, S("role"),
		    t->role == ROLE_USER	? S("user")
		    : t->role == ROLE_ASSISTANT ? S("assistant")
						: S("system"));
		json_key(w->to, S("content"));
		bedrock_put_same(w->to, t->parts);
		json_close(w->to, '}');
	}
	json_close(w->to, ']');
}

static void
put_same_tool(struct buf *b, const struct tool *t)
{
	if (!t->whole) {
		json_put_raw(b, t->raw);
		return;
	}
	json_open(b, '{');
	json_key(b, S("toolSpec"));
	json_open(b, '{');
	json_member_inner(b, S("name"), t->name);
	if (t->description.ptr != NULL)
		json_member_inner(b, S("description"), t->description);
	if (t->schema.len > 0) {
		json_key(b, S("inputSchema"));
		json_open(b, '{');
		json_member_raw(b, S("json"), t->schema);
		json_close(b, '}');
	}
	if (t->strict != STRICT_UNSAID) {
		json_key(b, S("strict"));
		json_put_bool(b, t->strict == STRICT_YES);
	}
	json_close(b, '}');
	json_close(b, '}');
}

/* `toolConfig`: its members in their order, the tools as they were understood. */
static void
put_same_tools(struct writer *w)
{
	json_open(w->to, '{');
	for (const struct member *m = w->p->members; m != NULL; m = m->next) {
		if (!m->inside || !slice_starts(m->key, S("toolConfig.")))
			continue;
		json_key_inner(w->to, slice_from(m->key, 11));
		if (w->p->by[MEANING_TOOLS] != m) {
			json_put_raw(w->to, m->value);
			continue;
		}
		json_open(w->to, '[');
		for (const struct tool *t = w->p->tools; t != NULL; t = t->next) {
			put_same_tool(w->to, t);
			bedrock_put_cache(w->to, t->cache);
		}
		json_close(w->to, ']');
	}
	json_close(w->to, '}');
}

static bool
put_member(struct writer *w, const struct member *m)
{
	if (slice_eq(m->key, S("toolConfig"))) {
		put_same_tools(w);
		return true;
	}
	if (w->p->by[m->meaning] != m)
		return false;
	switch (m->meaning) {
	case MEANING_MODEL: json_quote(w->to, w->plan->model); return true;
	case MEANING_SYSTEM: bedrock_put_same(w->to, w->p->turns->parts); return true;
	case MEANING_TURNS: put_same_turns(w); return true;
	default: return false;
	}
}

bool
bedrock_needs_bytes(const struct part *p, const struct write_plan *plan)
{
	(void)plan;
	return p->kind == PART_IMAGE || p->kind == PART_FILE;
}

static const struct writer_form FORM = {DIALECT_BEDROCK, put_member, put_cross};

enum err
bedrock_write_prompt(const struct prompt *p, const struct write_plan *plan,
    struct buf *to, struct losses *lost)
{
	return writer_prompt(&FORM, p, plan, to, lost);
}
