#include "dialect/writer.h"

#include "dialect/fields.h"
#include "dialect/tag.h"

/* Meanings that are read into members of the prompt: each dialect writes them. */
#define SHAPES                                                                           \
	(BIT(MODEL) | BIT(STREAM) | BIT(STREAM_OPTIONS) | BIT(TURNS) | BIT(SYSTEM) |     \
	    BIT(TOOLS) | BIT(STRICT_TOOLS) | BIT(TOOL_CHOICE) | BIT(PARALLEL) |          \
	    BIT(FORMAT) | BIT(REASONING) | BIT(USER) | BIT(CACHE) | BIT(OUTER) |         \
	    BIT(WISH))
#define BIT(m) ((uint64_t)1 << MEANING_##m)

void
writer_members(struct writer *w, uint64_t done)
{
	done |= SHAPES;
	for (const struct member *m = w->p->members; m != NULL; m = m->next) {
		const struct field *f;
		bool own = m->meaning == MEANING_OWN || m->meaning == MEANING_KEPT;

		if (!own && (done >> m->meaning & 1) != 0)
			continue;
		if (meaning_is_neutral(m->meaning, m->value))
			continue;
		f = own ? NULL : fields_for(w->dialect, m->meaning);
		if (f == NULL) {
			losses_add(w->lost, m->key);
			if (m->meaning == MEANING_KEPT)
				w->lost->needed = m->key;
			continue;
		}
		if (w->p->by[m->meaning] != m)
			continue; /* said twice: the last counts */
		if (slice_find(f->path, '.') == f->path.len)
			json_member_raw(w->to, f->path, m->value);
	}
}

void
writer_members_inside(struct writer *w, struct slice outer, uint64_t done)
{
	done |= SHAPES | BIT(OWN) | BIT(KEPT);
	for (const struct member *m = w->p->members; m != NULL; m = m->next) {
		const struct field *f = fields_for(w->dialect, m->meaning);

		if ((done >> m->meaning & 1) != 0 || f == NULL ||
		    w->p->by[m->meaning] != m || meaning_is_neutral(m->meaning, m->value))
			continue;
		if (slice_starts(f->path, outer))
			json_member_raw(w->to, slice_from(f->path, outer.len), m->value);
	}
}

void
writer_same(struct writer *w, bool (*put)(struct writer *w, const struct member *m))
{
	for (const struct member *m = w->p->members; m != NULL; m = m->next) {
		if (m->inside)
			continue;
		json_key_inner(w->to, m->key);
		if (slice_eq(m->value, S("null")) || !put(w, m))
			json_put_raw(w->to, m->value);
	}
}

enum err
writer_prompt(const struct writer_form *form, const struct prompt *p,
    const struct write_plan *plan, struct buf *to, struct losses *lost)
{
	struct writer w = {.p = p,
	    .plan = plan,
	    .to = to,
	    .lost = lost,
	    .dialect = form->dialect,
	    .same = p->origin == form->dialect};

	json_open(to, '{');
	if (w.same)
		writer_same(&w, form->put);
	else
		form->cross(&w);
	json_close(to, '}');
	return to->err;
}

void
writer_event(struct buf *to, struct slice name)
{
	buf_add(to, S("event: "));
	buf_add(to, name);
	buf_add(to, S("\ndata: {\"type\":\""));
	buf_add(to, name);
	buf_byte(to, '"');
}

void
writer_event_end(struct buf *to)
{
	buf_add(to, S("}\n\n"));
}

/* null, [], a flag that is not set: clients that send back what they were told have
 * them. {} does say something: {"codeExecution": {}}. */
static bool
says_nothing(struct slice value)
{
	if (value.len >= 2 && value.ptr[0] == '[')
		return slice_trim(slice_head(slice_from(value, 1), value.len - 2)).len ==
		       0;
	return slice_eq(value, S("null")) || slice_eq(value, S("false"));
}

void
writer_unknown(struct writer *w)
{
	for (const struct unknown *u = w->p->unknown; u != NULL; u = u->next) {
		if (says_nothing(u->value))
			continue;
		losses_add(w->lost, u->path);
		if (u->kept)
			w->lost->needed = u->path;
	}
}

bool
writer_has_functions(struct writer *w)
{
	for (const struct tool *t = w->p->tools; t != NULL; t = t->next)
		if (t->is_function)
			return true;
	for (const struct tool *t = w->p->tools; t != NULL; t = t->next)
		losses_addf(w->lost, "%s[%u]", w->p->tools_name, t->index);
	return false;
}

void
writer_lose_part(struct writer *w, const struct turn *t, const struct part *p)
{
	if (p->raw.ptr == t->raw.ptr) /* the turn is that one part */
		losses_addf(w->lost, "%s[%u]", w->p->turns_name, t->index);
	else
		losses_addf(w->lost, "%s[%u].%s[%u]", w->p->turns_name, t->index,
		    t->parts_name != NULL ? t->parts_name : w->p->parts_name, p->index);
}

void
writer_lose(struct writer *w, enum meaning m)
{
	const struct member *member = w->p->by[m];

	if (member != NULL)
		losses_add(w->lost, member->key);
}

/* --- ids --- */

static bool
is_word(struct slice id)
{
	if (id.len == 0 || id.len > 64)
		return false;
	for (size_t i = 0; i < id.len; i++) {
		char c = id.ptr[i];

		if (!(c >= '0' && c <= '9') &&
		    !((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && c != '_' && c != '-')
			return false;
	}
	return true;
}

static bool
is_nine(struct slice id)
{
	return id.len == 9 && is_word(id) && slice_find(id, '_') == 9 &&
	       slice_find(id, '-') == 9;
}

void
writer_id(struct writer *w, enum id_rule rule, struct slice id)
{
	static const char digits[] =
	    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	uint64_t hash = slice_hash(id);
	char made[16] = "call_";
	size_t n = rule == ID_NINE ? 0 : 5, end = rule == ID_NINE ? 9 : 16;

	if (rule == ID_ANY || (rule == ID_WORD && is_word(id)) ||
	    (rule == ID_NINE && is_nine(id))) {
		json_put_inner(w->to, id);
		return;
	}
	for (; n < end; hash /= 62)
		made[n++] = digits[hash % 62];
	json_put_inner(w->to, slice_of(made, n));
}

/* --- reasoning --- */

struct slice
writer_signature(const struct writer *w, struct slice said)
{
	return w->same && !tag_is(said) ? said : tag_of(w->plan->provider, said);
}

enum effort
writer_effort(const struct reasoning *r)
{
	if (r->effort != EFFORT_UNSAID)
		return r->effort;
	if (!r->has_budget || r->budget_tok < 0)
		return EFFORT_UNSAID;
	return r->budget_tok == 0	? EFFORT_NONE
	       : r->budget_tok <= 1024	? EFFORT_MINIMAL
	       : r->budget_tok <= 4096	? EFFORT_LOW
	       : r->budget_tok <= 16384 ? EFFORT_MEDIUM
	       : r->budget_tok <= 32768 ? EFFORT_HIGH
					: EFFORT_XHIGH;
}

int64_t
writer_budget(const struct reasoning *r, uint64_t max_output_tok)
{
	static const unsigned percent[] = {0, 0, 2, 10, 30, 60, 90, 95};

	if (r->has_budget)
		return r->budget_tok;
	if (max_output_tok == 0)
		max_output_tok = 32000;
	return (int64_t)(max_output_tok * percent[r->effort] / 100);
}

/* --- texts --- */

bool
writer_is_one_text(const struct part *p)
{
	return p != NULL && p->next == NULL && p->kind == PART_TEXT;
}

static void
put_joined(
    struct writer *w, struct slice ahead, const struct part *p, struct slice between)
{
	bool any = false;

	json_put_inner(w->to, ahead);
	/* The closing quote goes and comes again behind each piece. */
	for (; p != NULL; p = p->next) {
		if (p->kind != PART_TEXT || w->to->err != ERR_OK)
			continue;
		w->to->len--;
		if (any)
			buf_add(w->to, between);
		buf_add(w->to, p->text);
		buf_byte(w->to, '"');
		any = true;
	}
}

void
writer_joined_text(struct writer *w, const struct part *p, struct slice between)
{
	put_joined(w, S(""), p, between);
}

void
writer_result_text(struct writer *w, const struct part *result, struct slice between)
{
	const struct part *p = result->result.parts;

	while (p != NULL && p->kind != PART_TEXT)
		p = p->next;
	put_joined(w,
	    result->result.failed && (p == NULL || !slice_istarts(p->text, S("error")))
		? S("Error: ")
		: S(""),
	    result->result.parts, between);
}

bool
writer_is_googles(struct slice url)
{
	struct slice host = S("/generativelanguage.googleapis.com");
	struct slice head = slice_head(url, S("https:\\/\\/").len + host.len);

	return slice_starts(url, S("gs:")) ||
	       (slice_starts(url, S("https:")) && slice_search(head, host) < head.len);
}

bool
writer_is_open(const struct part *p)
{
	return p->media.source == MEDIA_DATA ||
	       (p->media.source == MEDIA_URL && !writer_is_googles(p->media.data));
}

struct slice
writer_up_to_one(struct slice number)
{
	bool large = number.len > 0 && number.ptr[0] >= '1' && number.ptr[0] <= '9';

	return large && slice_find(number, 'e') == number.len &&
		       slice_find(number, 'E') == number.len
		   ? S("1")
		   : number;
}

void
writer_stop(struct writer *w, struct slice value)
{
	if (value.len > 0 && value.ptr[0] == '[') {
		json_put_raw(w->to, value);
		return;
	}
	json_open(w->to, '[');
	json_put_raw(w->to, value);
	json_close(w->to, ']');
}

void
writer_object(struct buf *to, struct slice text)
{
	struct json j;
	enum err e;
	bool good;

	json_init(&j, 64);
	e = text.len > 0 ? json_parse(&j, text, 0) : ERR_SYNTAX;
	good = e == ERR_OK && json_is(&j, 0, JSON_OBJECT);
	json_free(&j);
	if (e == ERR_NOMEM && to->err == ERR_OK)
		to->err = e;
	if (good) {
		json_put_raw(to, text);
		return;
	}
	json_open(to, '{');
	if (slice_trim(text).len > 0 && !slice_eq(slice_trim(text), S("null")))
		json_member(to, S("_raw"), text);
	json_close(to, '}');
}
