/*
 * OpenAI chat completions: requests out.
 */
#include "dialect/openai.h"
#include "dialect/writer.h"

#define BIT(m) ((uint64_t)1 << MEANING_##m)

static const struct slice role_names[] = {[ROLE_SYSTEM] = {"system", 6},
    [ROLE_DEVELOPER] = {"developer", 9},
    [ROLE_USER] = {"user", 4},
    [ROLE_ASSISTANT] = {"assistant", 9},
    [ROLE_TOOL] = {"tool", 4}};

/* --- parts --- */

static void
put_cache(struct writer *w, enum cache_life cache)
{
	if (cache == CACHE_NONE)
		return;
	/* Others cache by themselves: the breakpoint says nothing that they need. */
	if (!w->same && (w->plan->quirks & Q_TAKES_CACHE_CONTROL) == 0)
		return;
	json_key(w->to, S("cache_control"));
	json_open(w->to, '{');
	json_member(w->to, S("type"), S("ephemeral"));
	if (cache != CACHE_DEFAULT)
		json_member(w->to, S("ttl"), cache == CACHE_1H ? S("1h") : S("5m"));
	json_close(w->to, '}');
}

void
openai_put_url(struct buf *b, const struct part *p)
{
	if (p->media.source != MEDIA_DATA) {
		json_put_inner(b, p->media.data);
		return;
	}
	json_put_inner(b, S("data:"));
	if (b->err != ERR_OK)
		return;
	b->len--; /* the closing quote */
	buf_add(
	    b, p->media.type.len == 0 ? S("application/octet-stream") : p->media.type);
	buf_add(b, S(";base64,"));
	buf_add(b, p->media.data);
	buf_byte(b, '"');
}

static void
put_url(struct writer *w, struct slice name, const struct part *p)
{
	json_key(w->to, name);
	openai_put_url(w->to, p);
}

/* "wav" of "audio/wav", "audio/x-wav", "wav". */
struct slice
openai_audio_format(struct slice type)
{
	size_t slash = slice_find(type, '/');

	if (slash < type.len)
		type = slice_from(type, slash + 1);
	if (slice_istarts(type, S("x-")))
		type = slice_from(type, 2);
	return slice_ieq(type, S("mpeg")) ? S("mp3") : type;
}

static bool
put_media(struct writer *w, const struct part *p)
{
	static const struct slice names[] = {[PART_IMAGE] = {"image_url", 9},
	    [PART_VIDEO] = {"video_url", 9},
	    [PART_AUDIO] = {"input_audio", 11},
	    [PART_FILE] = {"file", 4}};
	struct buf *b = w->to;
	enum media_source from = p->media.source;

	if ((p->kind != PART_FILE && from == MEDIA_ID) ||
	    (p->kind == PART_AUDIO && from != MEDIA_DATA) ||
	    (p->kind == PART_FILE && from != MEDIA_DATA && !w->same) ||
	    (!w->same && !writer_is_open(p)))
		return false;
	json_open(b, '{');
	json_member(b, S("type"), names[p->kind]);
	json_key(b, names[p->kind]);
	json_open(b, '{');
	if (p->kind == PART_AUDIO) {
		json_member_inner(b, S("data"), p->media.data);
		json_member_inner(b, S("format"), openai_audio_format(p->media.type));
	} else if (p->kind == PART_FILE) {
		if (from == MEDIA_ID)
			json_member_inner(b, S("file_id"), p->media.data);
		else
			put_url(w, S("file_data"), p);
		if (p->media.name.ptr != NULL)
			json_member_inner(b, S("filename"), p->media.name);
	} else {
		put_url(w, S("url"), p);
		if (p->media.detail.ptr != NULL)
			json_member_inner(b, S("detail"), p->media.detail);
	}
	json_close(b, '}');
	put_cache(w, p->cache);
	json_close(b, '}');
	return true;
}

static void
put_part(struct writer *w, const struct turn *t, const struct part *p)
{
	struct buf *b = w->to;

	if (w->same && !p->whole) {
		json_put_raw(b, p->raw);
		return;
	}
	switch (p->kind) {
	case PART_TEXT:
	case PART_REFUSAL:
		json_open(b, '{');
		json_member(
		    b, S("type"), p->kind == PART_TEXT ? S("text") : S("refusal"));
		json_member_inner(
		    b, p->kind == PART_TEXT ? S("text") : S("refusal"), p->text);
		put_cache(w, p->cache);
		json_close(b, '}');
		return;
	case PART_IMAGE:
	case PART_VIDEO:
	case PART_AUDIO:
	case PART_FILE:
		if (!put_media(w, p))
			writer_lose_part(w, t, p);
		return;
	default: writer_lose_part(w, t, p);
	}
}

static bool
is_content(const struct part *p)
{
	return p->kind != PART_CALL && p->kind != PART_RESULT &&
	       p->kind != PART_REASONING;
}

/* The content of a message: one text where it can be, else a list of parts. */
static void
put_content(struct writer *w, const struct turn *t, bool as_text)
{
	json_key(w->to, S("content"));
	if (as_text) {
		writer_joined_text(w, t->parts, S("\\n\\n"));
		return;
	}
	json_open(w->to, '[');
	for (const struct part *p = t->parts; p != NULL; p = p->next)
		if (is_content(p))
			put_part(w, t, p);
	json_close(w->to, ']');
}

/* --- calls and results --- */

static enum id_rule
id_rule(const struct writer *w)
{
	return w->same ? ID_ANY : w->plan->quirks & Q_IDS_OF_NINE ? ID_NINE : ID_WORD;
}

static void
put_call(struct writer *w, const struct part *p)
{
	struct buf *b = w->to;

	if (w->same && !p->whole) {
		json_put_raw(b, p->raw);
		return;
	}
	json_open(b, '{');
	json_key(b, S("id"));
	writer_id(w, id_rule(w), p->call.id);
	json_member(b, S("type"), S("function"));
	json_key(b, S("function"));
	json_open(b, '{');
	json_member_inner(b, S("name"), p->call.name);
	json_member(b, S("arguments"),
	    p->call.arguments.len == 0 && !w->same ? S("{}") : p->call.arguments);
	json_close(b, '}');
	json_close(b, '}');
}

static void
put_result(struct writer *w, const struct turn *t, const struct part *p)
{
	struct buf *b = w->to;

	json_open(b, '{');
	json_member(b, S("role"), S("tool"));
	if (w->same && t->name.ptr != NULL)
		json_member_inner(b, S("name"), t->name);
	json_key(b, S("tool_call_id"));
	writer_id(w, id_rule(w), p->result.id);
	json_key(b, S("content"));
	if (w->same && !p->result.is_text) {
		json_open(b, '[');
		for (const struct part *q = p->result.parts; q != NULL; q = q->next)
			put_part(w, t, q);
		json_close(b, ']');
	} else {
		writer_result_text(w, p, S("\\n\\n"));
	}
	json_close(b, '}');
}

/* What a result holds beside text goes into a message of the user's: a tool's takes
 * none. */
static void
put_result_media(struct writer *w, const struct turn *t, const struct part *p)
{
	size_t before = w->to->len, empty;

	json_open(w->to, '{');
	json_member(w->to, S("role"), S("user"));
	json_key(w->to, S("content"));
	json_open(w->to, '[');
	empty = w->to->len;
	for (const struct part *q = p->result.parts; q != NULL; q = q->next)
		if (q->kind != PART_TEXT)
			put_part(w, t, q);
	if (w->to->len == empty && w->to->err == ERR_OK) {
		w->to->len = before;
		return;
	}
	json_close(w->to, ']');
	json_close(w->to, '}');
}

/* --- messages --- */

static void
put_role(struct writer *w, const struct turn *t, enum role role)
{
	json_open(w->to, '{');
	json_member(w->to, S("role"), role_names[role]);
	if (t->name.ptr != NULL && role != ROLE_TOOL)
		json_member_inner(w->to, S("name"), t->name);
}

/* The reasoning of an answer, told back to the host that made it. */
static void
put_reasoning(struct writer *w, const struct turn *from, const struct turn *end)
{
	bool any = false;

	if ((w->plan->quirks & Q_REASONING_BACK) == 0)
		return;
	for (const struct turn *t = from; t != end; t = t->next)
		for (const struct part *p = t->parts; p != NULL; p = p->next) {
			if (p->kind != PART_REASONING || p->text.len == 0 ||
			    writer_signature(w, p->reasoning.signature).ptr == NULL)
				continue;
			if (!any)
				json_member_inner(w->to, S("reasoning_content"), S(""));
			if (w->to->err != ERR_OK)
				return;
			any = true;
			w->to->len--;
			buf_add(w->to, p->text);
			buf_byte(w->to, '"');
		}
}

/* The texts and refusals of a group, as one. */
static void
put_words(struct buf *b, const struct turn *from, const struct turn *end)
{
	json_put_inner(b, S(""));
	for (const struct turn *t = from; t != end; t = t->next)
		for (const struct part *p = t->parts; p != NULL; p = p->next)
			if ((p->kind == PART_TEXT || p->kind == PART_REFUSAL) &&
			    b->err == ERR_OK) {
				b->len--;
				buf_add(b, p->text);
				buf_byte(b, '"');
			}
}

static void
put_calls(struct writer *w, const struct turn *from, const struct turn *end)
{
	json_key(w->to, S("tool_calls"));
	json_open(w->to, '[');
	for (const struct turn *t = from; t != end; t = t->next)
		for (const struct part *p = t->parts; p != NULL; p = p->next)
			if (p->kind == PART_CALL)
				put_call(w, p);
	json_close(w->to, ']');
}

/* Which of text and calls are in it. What an assistant cannot show is lost. */
static void
look_at(struct writer *w, const struct turn *t, bool *text, bool *calls)
{
	for (const struct part *p = t->parts; p != NULL; p = p->next)
		switch (p->kind) {
		case PART_TEXT:
		case PART_REFUSAL: *text = true; break;
		case PART_CALL: *calls = true; break;
		case PART_REASONING: break;
		default: writer_lose_part(w, t, p);
		}
}

/* One message for all turns of a group of the assistant's. */
static void
put_assistant(struct writer *w, const struct turn *from, const struct turn *end)
{
	struct buf *b = w->to;
	bool text = false, calls = false;

	for (const struct turn *t = from; t != end; t = t->next)
		look_at(w, t, &text, &calls);
	if (!text && !calls)
		return; /* it only thought */
	put_role(w, from, ROLE_ASSISTANT);
	put_reasoning(w, from, end);
	json_key(b, S("content"));
	if (text)
		put_words(b, from, end);
	else
		json_put_null(b);
	if (calls)
		put_calls(w, from, end);
	json_close(b, '}');
}

/* Is it one text beside results, without a breakpoint that must be told? */
static bool
is_one_text(const struct writer *w, const struct part *p)
{
	unsigned texts = 0;

	for (; p != NULL; p = p->next) {
		if (!is_content(p))
			continue;
		if (p->kind != PART_TEXT ||
		    (p->cache != CACHE_NONE &&
			(w->plan->quirks & Q_TAKES_CACHE_CONTROL) != 0))
			return false;
		texts++;
	}
	return texts == 1;
}

/* A message of the user's, if anything in it has a form here. */
static void
put_said(struct writer *w, const struct turn *t)
{
	size_t before = w->to->len;

	put_role(w, t, ROLE_USER);
	put_content(w, t, t->parts == NULL || is_one_text(w, t->parts));
	if (w->to->err == ERR_OK && w->to->ptr[w->to->len - 2] == '[')
		w->to->len = before;
	else
		json_close(w->to, '}');
}

/* The results of the calls before come first, one message each, then the rest. */
static void
put_user(struct writer *w, const struct turn *from, const struct turn *end)
{
	for (const struct turn *t = from; t != end; t = t->next)
		for (const struct part *p = t->parts; p != NULL; p = p->next)
			if (p->kind == PART_RESULT)
				put_result(w, t, p);
	for (const struct turn *t = from; t != end; t = t->next) {
		bool rest = t->parts == NULL;

		for (const struct part *p = t->parts; p != NULL; p = p->next) {
			if (p->kind == PART_RESULT)
				put_result_media(w, t, p);
			rest = rest || is_content(p);
		}
		if (rest)
			put_said(w, t);
	}
}

static void
put_system(struct writer *w, const struct turn *from, const struct turn *end)
{
	bool cached = false, joined;

	for (const struct turn *t = from; t != end; t = t->next) {
		for (const struct part *p = t->parts; p != NULL; p = p->next)
			cached = cached || p->cache != CACHE_NONE;
		joined = !cached || (w->plan->quirks & Q_TAKES_CACHE_CONTROL) == 0;
		for (const struct part *p = t->parts; joined && p != NULL; p = p->next)
			if (p->kind != PART_TEXT && p->kind != PART_REFUSAL)
				writer_lose_part(w, t, p);
		put_role(w, t, ROLE_SYSTEM);
		put_content(w, t, joined);
		json_close(w->to, '}');
	}
}

/* A message as it was grouped in this dialect. */
static void
put_same(struct writer *w, const struct turn *t)
{
	struct buf *b = w->to;
	bool content = false, calls = false;

	if (!t->whole) {
		json_put_raw(b, t->raw);
		return;
	}
	if (t->role == ROLE_TOOL) {
		put_result(w, t, t->parts);
		return;
	}
	put_role(w, t, t->role);
	for (const struct part *p = t->parts; p != NULL; p = p->next) {
		content = content || is_content(p);
		calls = calls || p->kind == PART_CALL;
		if (p->kind == PART_REASONING)
			json_member_inner(b, S("reasoning_content"), p->text);
	}
	if (content || !calls)
		put_content(w, t, t->is_text);
	if (calls) {
		json_key(b, S("tool_calls"));
		json_open(b, '[');
		for (const struct part *p = t->parts; p != NULL; p = p->next)
			if (p->kind == PART_CALL)
				put_call(w, p);
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
		end = w->same ? t->next : prompt_group(t)->next;
		if (w->same)
			put_same(w, t);
		else if (turn_side(t) == SIDE_SYSTEM)
			put_system(w, t, end);
		else if (turn_side(t) == SIDE_ASSISTANT)
			put_assistant(w, t, end);
		else
			put_user(w, t, end);
	}
	json_close(w->to, ']');
}

/* --- the rest --- */

static void
put_tools(struct writer *w)
{
	struct buf *b = w->to;

	json_open(b, '[');
	for (const struct tool *t = w->p->tools; t != NULL; t = t->next) {
		if (w->same && !t->whole) {
			json_put_raw(b, t->raw);
			continue;
		}
		if (!t->is_function) {
			losses_addf(w->lost, "%s[%u]", w->p->tools_name, t->index);
			continue;
		}
		json_open(b, '{');
		json_member(b, S("type"), S("function"));
		json_key(b, S("function"));
		json_open(b, '{');
		json_member_inner(b, S("name"), t->name);
		if (t->description.ptr != NULL)
			json_member_inner(b, S("description"), t->description);
		if (t->schema.len > 0)
			json_member_raw(b, S("parameters"), t->schema);
		if (t->strict != STRICT_UNSAID) {
			json_key(b, S("strict"));
			json_put_bool(b, t->strict == STRICT_YES);
		}
		json_close(b, '}');
		put_cache(w, t->cache);
		json_close(b, '}');
	}
	json_close(b, ']');
}

static void
put_named(struct buf *b, struct slice name)
{
	json_open(b, '{');
	json_member(b, S("type"), S("function"));
	json_key(b, S("function"));
	json_open(b, '{');
	json_member_inner(b, S("name"), name);
	json_close(b, '}');
	json_close(b, '}');
}

static void
put_choice(struct writer *w)
{
	const struct tool_choice *c = &w->p->choice;
	struct buf *b = w->to;

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
	json_key(b, S("allowed_tools"));
	json_open(b, '{');
	json_member(b, S("mode"), c->required ? S("required") : S("auto"));
	json_key(b, S("tools"));
	json_open(b, '[');
	for (unsigned i = 0; i < c->count; i++)
		put_named(b, c->names[i]);
	json_close(b, ']');
	json_close(b, '}');
	json_close(b, '}');
}

static void
put_format(struct writer *w)
{
	const struct format *f = &w->p->format;
	struct buf *b = w->to;

	json_key(b, S("response_format"));
	json_open(b, '{');
	json_member(
	    b, S("type"), f->kind == FORMAT_SCHEMA ? S("json_schema") : S("json_object"));
	if (f->kind == FORMAT_SCHEMA) {
		json_key(b, S("json_schema"));
		json_open(b, '{');
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
	json_close(b, '}');
}

static void
put_reasoning_effort(struct writer *w)
{
	enum effort e = writer_effort(&w->p->reasoning);

	if (e != EFFORT_UNSAID)
		json_member(w->to, S("reasoning_effort"), slice_str(effort_name(e)));
}

static bool
put_member(struct writer *w, const struct member *m)
{
	if (w->p->by[m->meaning] != m)
		return false;
	switch (m->meaning) {
	case MEANING_MODEL: json_quote(w->to, w->plan->model); return true;
	case MEANING_TURNS: put_turns(w); return true;
	case MEANING_TOOLS: put_tools(w); return true;
	default: return false;
	}
}

static void
put_cross(struct writer *w)
{
	const struct prompt *p = w->p;
	struct slice max = prompt_value(p, MEANING_MAX_OUTPUT);
	struct slice stop = prompt_value(p, MEANING_STOP);

	json_member(w->to, S("model"), w->plan->model);
	if (p->stream) {
		json_member_raw(w->to, S("stream"), S("true"));
		if ((w->plan->quirks & Q_USAGE_UNASKED) == 0)
			json_member_raw(
			    w->to, S("stream_options"), S("{\"include_usage\":true}"));
	}
	if (max.len > 0)
		json_member_raw(w->to,
		    w->plan->quirks & Q_MAX_COMPLETION_TOKENS ? S("max_completion_tokens")
							      : S("max_tokens"),
		    max);
	if (stop.len > 0 && !meaning_is_neutral(MEANING_STOP, stop)) {
		json_key(w->to, S("stop"));
		writer_stop(w, stop);
	}
	writer_members(w, BIT(MAX_OUTPUT) | BIT(STOP));
	if (p->user.len > 0)
		json_member_raw(w->to, S("user"), p->user);
	put_reasoning_effort(w);
	if (p->format.kind > FORMAT_TEXT)
		put_format(w);
	if (writer_has_functions(w)) {
		json_key(w->to, S("tools"));
		put_tools(w);
		if (p->one_call)
			json_member_raw(w->to, S("parallel_tool_calls"), S("false"));
		if (p->choice.mode > CHOICE_AUTO) {
			json_key(w->to, S("tool_choice"));
			put_choice(w);
		}
	}
	/* Last, so that a longer conversation begins with the bytes of a shorter. */
	json_key(w->to, S("messages"));
	put_turns(w);
	writer_unknown(w);
}

bool
openai_needs_bytes(const struct part *p, const struct write_plan *plan)
{
	(void)plan;
	return p->kind == PART_FILE;
}

static const struct writer_form FORM = {DIALECT_OPENAI, put_member, put_cross};

enum err
openai_write_prompt(const struct prompt *p, const struct write_plan *plan, struct buf *to,
    struct losses *lost)
{
	return writer_prompt(&FORM, p, plan, to, lost);
}
