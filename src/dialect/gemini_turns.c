/*
 * Gemini: what was said, out. One content a role; responses to calls stand in a
 * content of their own, one for each call and in their order, right behind it.
 * Signatures of thoughts stand where they stood.
 */
#include "dialect/gemini.h"
#include "dialect/tag.h"

/* What goes in place of a signature where the model insists on one and the call was
 * made by another (Google's documentation of thought signatures). */
#define NO_SIGNATURE "skip_thought_signature_validator"

/* --- walking --- */

/* A place in the parts of several turns. */
struct walk {
	const struct turn *turn, *end;
	const struct part *part;
};

static void
settle(struct walk *w)
{
	while (w->part == NULL && w->turn != w->end) {
		w->turn = w->turn->next;
		if (w->turn != w->end)
			w->part = w->turn->parts;
	}
}

static struct walk
walk_start(const struct turn *from, const struct turn *end)
{
	struct walk w = {from, end, from == end ? NULL : from->parts};

	settle(&w);
	return w;
}

static void
walk_on(struct walk *w)
{
	w->part = w->part->next;
	settle(w);
}

/* The part behind this one; NULL at the end. */
static const struct part *
walk_peek(struct walk w)
{
	walk_on(&w);
	return w.part;
}

/* The end of what one role says: instructions in between are the user's. */
static const struct turn *
end_of_role(const struct turn *t)
{
	bool model = t->role == ROLE_ASSISTANT;

	while (t != NULL && (t->role == ROLE_ASSISTANT) == model)
		t = t->next;
	return t;
}

/* --- contents --- */

/* Behind these bytes a content begins; it is taken back if nothing comes. */
struct content {
	size_t before, empty;
};

static struct content
open_content(struct buf *b, struct slice role)
{
	struct content c = {.before = b->len};

	json_open(b, '{');
	json_member(b, S("role"), role);
	json_key(b, S("parts"));
	json_open(b, '[');
	c.empty = b->len;
	return c;
}

static void
close_content(struct buf *b, struct content c)
{
	if (b->len == c.empty && b->err == ERR_OK) {
		b->len = c.before;
		return;
	}
	json_close(b, ']');
	json_close(b, '}');
}

static void
put_text(struct buf *b, struct slice text)
{
	json_open(b, '{');
	json_member_inner(b, S("text"), text);
	json_close(b, '}');
}

static void
put_signature(struct buf *b, struct slice signature)
{
	if (signature.len > 0)
		json_member_inner(b, S("thoughtSignature"), signature);
}

/* How fine a picture is looked at; by part from Gemini 3 on, where the finest is not
 * what is done anyway. */
static void
put_detail(struct writer *w, const struct turn *t, const struct part *p)
{
	struct slice detail = p->media.detail;
	bool low = slice_eq(detail, S("low")), high = slice_eq(detail, S("high"));

	if (p->kind != PART_IMAGE || detail.len == 0 || slice_eq(detail, S("auto")))
		return;
	if ((low || high) && (w->same || gemini_model_version(w->plan->model) >= 30)) {
		json_key(w->to, S("mediaResolution"));
		json_open(w->to, '{');
		json_member(w->to, S("level"),
		    low ? S("MEDIA_RESOLUTION_LOW") : S("MEDIA_RESOLUTION_HIGH"));
		json_close(w->to, '}');
	} else if (!high) {
		losses_addf(w->lost, "%s[%u].%s[%u].detail", w->p->turns_name, t->index,
		    t->parts_name != NULL ? t->parts_name : w->p->parts_name, p->index);
	}
}

static void
put_media(struct writer *w, const struct turn *t, const struct part *p)
{
	size_t before = w->to->len;

	json_open(w->to, '{');
	if (gemini_part_put_media(w->to, p)) {
		put_detail(w, t, p);
		json_close(w->to, '}');
		return;
	}
	if (w->to->err == ERR_OK)
		w->to->len = before;
	writer_lose_part(w, t, p);
}

/* --- what the model said --- */

/* The signature of a thought that shows nothing; ptr NULL: it is another part. */
static struct slice
bare_signature(const struct writer *w, const struct part *p)
{
	struct slice said;

	if (p == NULL || p->kind != PART_REASONING || p->text.len > 0)
		return (struct slice){NULL, 0};
	said = p->reasoning.sealed.ptr != NULL ? p->reasoning.sealed
					       : p->reasoning.signature;
	return writer_signature(w, said);
}

static bool
is_signed_call(const struct writer *w, const struct part *p)
{
	return writer_signature(w, p->call.signature).len > 0;
}

static void
put_id(struct writer *w, struct slice id)
{
	if (id.len > 0 && !gemini_part_id_is_made(id) &&
	    (w->same || (w->plan->quirks & Q_NO_CALL_IDS) == 0))
		json_member_inner(w->to, S("id"), id);
}

static void
put_call(struct writer *w, const struct part *p, struct slice signature)
{
	struct buf *b = w->to;

	json_open(b, '{');
	json_key(b, S("functionCall"));
	json_open(b, '{');
	put_id(w, p->call.id);
	json_member_inner(b, S("name"), p->call.name);
	if (w->same && p->call.arguments.len > 0) {
		json_member_raw(b, S("args"), p->call.arguments);
	} else if (!w->same) {
		json_key(b, S("args"));
		writer_object(b, p->call.arguments);
	}
	json_close(b, '}');
	put_signature(b, signature);
	json_close(b, '}');
}

/* Thoughts go back to who had them; those of others are left out. */
static void
put_thought(struct writer *w, const struct part *p)
{
	struct slice signature = writer_signature(w, p->reasoning.signature);

	if (signature.ptr == NULL)
		return;
	json_open(w->to, '{');
	json_member_inner(w->to, S("text"), p->text);
	json_member_raw(w->to, S("thought"), S("true"));
	put_signature(w->to, signature);
	json_close(w->to, '}');
}

struct model_turn {
	struct slice pending; /* a signature of the part that follows */
	bool called;
};

/*
 * A signature without a thought is of the call behind it, where other dialects have no
 * place for it at the call; else of the text that it stood at, before or behind; else
 * it stands by itself.
 */
static void
put_bare(struct writer *w, struct model_turn *m, struct slice signature,
    const struct part *next)
{
	if (next != NULL && ((next->kind == PART_CALL && !is_signed_call(w, next)) ||
				(next->kind == PART_TEXT && next->text.len > 0))) {
		m->pending = signature;
		return;
	}
	json_open(w->to, '{');
	json_member(w->to, S("text"), S(""));
	put_signature(w->to, signature);
	json_close(w->to, '}');
}

/* The text, with the signature that stood before it or stands behind it; then that
 * one is passed over. */
static void
put_said(struct writer *w, struct model_turn *m, struct walk *at)
{
	struct slice text = at->part->text, signature = m->pending, behind;
	struct walk next = *at;
	const struct part *after;

	m->pending = S("");
	walk_on(&next);
	behind = bare_signature(w, next.part);
	if (behind.len > 0 && signature.len == 0) {
		after = walk_peek(next);
		if (after == NULL || after->kind != PART_CALL ||
		    is_signed_call(w, after)) {
			signature = behind;
			*at = next;
		}
	}
	json_open(w->to, '{');
	json_member_inner(w->to, S("text"), text);
	put_signature(w->to, signature);
	json_close(w->to, '}');
}

static void
put_called(struct writer *w, struct model_turn *m, const struct part *p)
{
	struct slice signature = writer_signature(w, p->call.signature);

	if (signature.len == 0)
		signature = m->pending;
	if (signature.len == 0 && !m->called &&
	    gemini_model_version(w->plan->model) >= 30)
		signature = S(NO_SIGNATURE);
	m->pending = S("");
	m->called = true;
	put_call(w, p, signature);
}

static void
put_model_part(struct writer *w, struct model_turn *m, struct walk *at)
{
	const struct part *p = at->part;
	struct slice bare = bare_signature(w, p);

	switch (p->kind) {
	case PART_TEXT:
	case PART_REFUSAL:
		if (p->text.len > 0)
			put_said(w, m, at);
		return;
	case PART_CALL: put_called(w, m, p); return;
	case PART_REASONING:
		if (bare.len > 0)
			put_bare(w, m, bare, walk_peek(*at));
		else if (p->text.len > 0)
			put_thought(w, p);
		return;
	case PART_IMAGE:
	case PART_AUDIO:
	case PART_VIDEO:
	case PART_FILE: put_media(w, at->turn, p); return;
	default: writer_lose_part(w, at->turn, p);
	}
}

static void
put_model(struct writer *w, const struct turn *from, const struct turn *end)
{
	struct content c = open_content(w->to, S("model"));
	struct model_turn m = {.pending = S("")};
	struct walk at = walk_start(from, end);

	for (; at.part != NULL; walk_on(&at))
		put_model_part(w, &m, &at);
	close_content(w->to, c);
}

/* --- what tools answered --- */

/* Results that are looked through for the one of a call, and the other way. */
#define LOOKED 256

static bool
is_medium(const struct part *p)
{
	return p->kind == PART_IMAGE || p->kind == PART_AUDIO || p->kind == PART_VIDEO ||
	       p->kind == PART_FILE;
}

/* From Gemini 3 on pictures may stand in a response; else they follow it. */
static bool
takes_inside(const struct writer *w, const struct part *p)
{
	return w->same || (gemini_model_version(w->plan->model) >= 30 && is_medium(p) &&
			      p->media.source == MEDIA_DATA);
}

/* The text of a result as an object, if that is what it is. */
static bool
put_object(struct writer *w, const struct part *text)
{
	struct slice raw = text->text;
	struct buf plain;
	struct json j;
	bool put = false;
	char *to;

	if (text->next != NULL && text->next->kind == PART_TEXT)
		return false;
	raw = slice_trim(raw);
	if (raw.len == 0 || (raw.ptr[0] != '{' && raw.ptr[0] != '\\'))
		return false;
	buf_init(&plain, raw.len + 16);
	json_init(&j, 64);
	to = buf_room(&plain, raw.len);
	if (to == NULL) {
		w->to->err = plain.err;
	} else {
		plain.len = json_decode(raw, to);
		put = json_parse(&j, buf_slice(&plain), 0) == ERR_OK &&
		      json_is(&j, 0, JSON_OBJECT);
		if (put)
			json_put_raw(w->to, json_raw(&j, 0));
	}
	json_free(&j);
	buf_free(&plain);
	return put;
}

static void
put_response(struct writer *w, const struct part *p)
{
	const struct part *text = p->result.parts;

	while (text != NULL && text->kind != PART_TEXT)
		text = text->next;
	json_key(w->to, S("response"));
	if (!p->result.failed && text != NULL && put_object(w, text))
		return;
	json_open(w->to, '{');
	json_key(w->to, p->result.failed ? S("error") : S("output"));
	writer_joined_text(w, text, S("\\n\\n"));
	json_close(w->to, '}');
}

/* What a result holds beside text, inside of it. */
static void
put_inside(struct writer *w, const struct turn *t, const struct part *p)
{
	bool any = false;

	for (const struct part *q = p->result.parts; q != NULL; q = q->next) {
		if (q->kind == PART_TEXT || !takes_inside(w, q))
			continue;
		if (!any) {
			json_key(w->to, S("parts"));
			json_open(w->to, '[');
		}
		any = true;
		put_media(w, t, q);
	}
	if (any)
		json_close(w->to, ']');
}

/* The result of the call of that id and name; NULL: it has none. */
static void
put_result(struct writer *w, const struct turn *t, const struct part *p, struct slice id,
    struct slice name)
{
	if (name.len == 0 && !w->same)
		name = prompt_tool_of(w->p, id);
	if (name.len == 0 && !w->same) {
		if (p != NULL)
			writer_lose_part(w, t, p);
		return;
	}
	json_open(w->to, '{');
	json_key(w->to, S("functionResponse"));
	json_open(w->to, '{');
	put_id(w, id);
	if (name.ptr != NULL)
		json_member_inner(w->to, S("name"), name);
	if (p == NULL) {
		json_member_raw(w->to, S("response"), S("{\"error\":\"no result\"}"));
	} else {
		put_response(w, p);
		put_inside(w, t, p);
	}
	json_close(w->to, '}');
	json_close(w->to, '}');
}

static bool
is_of(const struct part *call, const struct part *result)
{
	return call->kind == PART_CALL && result->kind == PART_RESULT &&
	       slice_eq(call->call.id, result->result.id);
}

/* The result of a call: mostly the next one. */
static struct walk
find_result(const struct part *call, struct walk next, struct walk all)
{
	unsigned looked = 0;

	while (next.part != NULL && next.part->kind != PART_RESULT)
		walk_on(&next);
	if (next.part != NULL && is_of(call, next.part))
		return next;
	while (all.part != NULL && looked++ < LOOKED && !is_of(call, all.part))
		walk_on(&all);
	if (all.part != NULL && !is_of(call, all.part))
		all.part = NULL;
	return all;
}

static bool
is_answer(const struct part *result, struct walk calls)
{
	unsigned looked = 0;

	for (; calls.part != NULL && looked < LOOKED; walk_on(&calls), looked++)
		if (is_of(calls.part, result))
			return true;
	return false;
}

/* All responses to what the model called, in one content: one for each call, in the
 * order of the calls; then those that are of no call. */
static void
put_results(struct writer *w, struct walk calls, struct walk all)
{
	struct content c = open_content(w->to, S("user"));
	struct walk next = all;

	for (struct walk at = calls; at.part != NULL; walk_on(&at)) {
		struct walk found;
		struct slice id;

		if (at.part->kind != PART_CALL)
			continue;
		found = find_result(at.part, next, all);
		id = found.part != NULL ? found.part->result.id : at.part->call.id;
		put_result(w, found.turn, found.part, id, at.part->call.name);
		next = found;
		if (next.part != NULL)
			walk_on(&next);
	}
	for (struct walk at = all; at.part != NULL; walk_on(&at))
		if (at.part->kind == PART_RESULT && !is_answer(at.part, calls))
			put_result(w, at.turn, at.part, at.part->result.id,
			    at.part->result.name);
	close_content(w->to, c);
}

/* --- what the user said --- */

/* Instructions in the middle of a conversation: as text of the user's, so that what
 * came before stays as it was. */
static void
put_late_system(struct writer *w, const struct part *p)
{
	json_open(w->to, '{');
	json_key(w->to, S("text"));
	json_put_inner(w->to, S("<system>"));
	if (w->to->err != ERR_OK)
		return;
	w->to->len--; /* the closing quote comes again */
	buf_add(w->to, p->text);
	buf_add(w->to, S("</system>\""));
	json_close(w->to, '}');
}

static void
put_user_part(struct writer *w, const struct turn *t, const struct part *p)
{
	if (p->kind == PART_RESULT) { /* what found no place in its response */
		for (const struct part *q = p->result.parts; q != NULL; q = q->next)
			if (is_medium(q) && !takes_inside(w, q))
				put_media(w, t, q);
			else if (q->kind != PART_TEXT && !is_medium(q))
				writer_lose_part(w, t, p);
		return;
	}
	if (is_medium(p))
		put_media(w, t, p);
	else if (p->kind != PART_TEXT)
		writer_lose_part(w, t, p);
	else if (p->text.len == 0)
		return; /* refused, and says nothing */
	else if (turn_side(t) == SIDE_SYSTEM)
		put_late_system(w, p);
	else
		put_text(w->to, p->text);
}

static void
put_user(struct writer *w, const struct turn *from, const struct turn *end)
{
	struct content c = open_content(w->to, S("user"));

	for (struct walk at = walk_start(from, end); at.part != NULL; walk_on(&at))
		put_user_part(w, at.turn, at.part);
	close_content(w->to, c);
}

/* --- all of it --- */

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
put_system_parts(struct writer *w)
{
	struct walk at = walk_start(w->p->turns, after_system(w->p));

	for (; at.part != NULL; walk_on(&at))
		if (at.part->kind != PART_TEXT)
			writer_lose_part(w, at.turn, at.part);
		else if (at.part->text.len > 0)
			put_text(w->to, at.part->text);
}

void
gemini_turns_put_system(struct writer *w)
{
	struct buf *b = w->to;
	size_t before = b->len, empty;

	if (gemini_model_lacks_system(w->plan->model))
		return;
	json_key(b, S("systemInstruction"));
	json_open(b, '{');
	json_key(b, S("parts"));
	json_open(b, '[');
	empty = b->len;
	put_system_parts(w);
	if (b->len == empty && b->err == ERR_OK) {
		b->len = before;
		return;
	}
	json_close(b, ']');
	json_close(b, '}');
}

/* A call must come behind something that was said. */
static void
put_user_first(struct writer *w)
{
	struct buf *b = w->to;

	if (b->err == ERR_OK && b->ptr[b->len - 1] == '[')
		json_put_raw(b, S("{\"role\":\"user\",\"parts\":[{\"text\":\".\"}]}"));
}

void
gemini_turns_put(struct writer *w)
{
	const struct turn *t = after_system(w->p), *end;
	struct walk calls = walk_start(NULL, NULL);

	json_open(w->to, '[');
	if (gemini_model_lacks_system(w->plan->model)) {
		struct content c = open_content(w->to, S("user"));

		put_system_parts(w);
		close_content(w->to, c);
	}
	for (; t != NULL; t = end) {
		end = end_of_role(t);
		if (t->role == ROLE_ASSISTANT) {
			put_user_first(w);
			put_model(w, t, end);
			calls = walk_start(t, end);
		} else {
			put_results(w, calls, walk_start(t, end));
			put_user(w, t, end);
		}
	}
	json_close(w->to, ']');
}

/* --- the same dialect --- */

static bool
has_tag(const struct part *p)
{
	switch (p->kind) {
	case PART_CALL: return tag_is(p->call.signature);
	case PART_REASONING:
		return tag_is(p->reasoning.signature) || tag_is(p->reasoning.sealed);
	default: return false;
	}
}

static void
put_same_part(
    struct writer *w, const struct turn *t, const struct part *p, struct slice signature)
{
	switch (p->kind) {
	case PART_CALL: put_call(w, p, has_tag(p) ? S("") : p->call.signature); return;
	case PART_RESULT: put_result(w, t, p, p->result.id, p->result.name); return;
	case PART_IMAGE:
	case PART_AUDIO:
	case PART_VIDEO:
	case PART_FILE: put_media(w, t, p); return;
	default: break;
	}
	json_open(w->to, '{');
	json_member_inner(w->to, S("text"), p->text);
	if (p->kind == PART_REASONING && p->reasoning.sealed.ptr == NULL) {
		json_member_raw(w->to, S("thought"), S("true"));
		signature = p->reasoning.signature;
	}
	put_signature(w->to, signature);
	json_close(w->to, '}');
}

/* A text and a signature may be one part of theirs. A signature that carries another
 * provider's tag is left out, with the thought it signs. */
void
gemini_turns_put_same_parts(struct writer *w, const struct turn *t)
{
	const struct part *p = t->parts, *next;

	for (; p != NULL; p = next) {
		const struct part *signed_by = p;

		next = p->next;
		if (next != NULL && next->raw.ptr == p->raw.ptr) {
			signed_by = next;
			next = next->next;
		}
		if (p->kind == PART_REASONING && has_tag(p))
			continue;
		if (!p->whole && !has_tag(signed_by))
			json_put_raw(w->to, p->raw);
		else
			put_same_part(w, t, p,
			    signed_by->kind == PART_REASONING && !has_tag(signed_by)
				? signed_by->reasoning.sealed
				: S(""));
	}
}

void
gemini_turns_put_same_system(struct writer *w)
{
	const struct turn *t = w->p->turns;

	if (!t->whole) {
		json_put_raw(w->to, t->raw);
		return;
	}
	json_open(w->to, '{');
	json_key(w->to, S("parts"));
	json_open(w->to, '[');
	gemini_turns_put_same_parts(w, t);
	json_close(w->to, ']');
	json_close(w->to, '}');
}

static bool
any_tag(const struct turn *t)
{
	for (const struct part *p = t->parts; p != NULL; p = p->next)
		if (has_tag(p))
			return true;
	return false;
}

void
gemini_turns_put_same(struct writer *w)
{
	json_open(w->to, '[');
	for (const struct turn *t = w->p->turns; t != NULL; t = t->next) {
		if (t->ahead)
			continue;
		if (!t->whole && !any_tag(t)) {
			json_put_raw(w->to, t->raw);
			continue;
		}
		json_open(w->to, '{');
		json_member(
		    w->to, S("role"), t->role == ROLE_ASSISTANT ? S("model") : S("user"));
		json_key(w->to, S("parts"));
		json_open(w->to, '[');
		gemini_turns_put_same_parts(w, t);
		json_close(w->to, ']');
		json_close(w->to, '}');
	}
	json_close(w->to, ']');
}
