#include "chat/prompt.h"

static const struct {
	const char *name, *neutral, *text;
} meanings[] = {
#define MEANING(id, neutral, text) [MEANING_##id] = {#id, neutral, text},
#include "chat/meanings.def"
};

const char *
meaning_name(enum meaning m)
{
	return meanings[m].name;
}

const char *
meaning_text(enum meaning m)
{
	return meanings[m].text;
}

/* Without what can stand behind a number or inside an empty list and says nothing:
 * "1" of "1.00", "0" of "-0.0", "[]" of "[ ]". */
static struct slice
bare(struct slice value)
{
	size_t dot = slice_find(value, '.'), n = value.len;

	if (value.ptr[0] == '[' || value.ptr[0] == '{')
		return slice_trim(slice_head(slice_from(value, 1), n - 2)).len > 0 ? value
		       : value.ptr[0] == '[' ? S("[]")
					     : S("{}");
	while (n > dot && (value.ptr[n - 1] == '0' || value.ptr[n - 1] == '.'))
		n--;
	value = slice_head(value, n);
	return slice_eq(value, S("-0")) ? S("0") : value;
}

const char *
meaning_neutral(enum meaning m)
{
	return meanings[m].neutral;
}

bool
meaning_is_neutral(enum meaning m, struct slice value)
{
	struct slice rest = slice_str(meanings[m].neutral);

	if (value.len == 0 || slice_eq(value, S("null")))
		return true;
	value = bare(value);
	while (rest.len > 0)
		if (slice_eq(slice_cut(&rest, '|'), value))
			return true;
	return false;
}

void
prompt_init(struct prompt *p, unsigned origin)
{
	*p = (struct prompt){.origin = origin,
	    .turns_name = "messages",
	    .parts_name = "content",
	    .tools_name = "tools"};
}

struct turn *
prompt_add_turn(struct arena *a, struct turn ***tail, enum role role)
{
	struct turn *t = arena_zalloc(a, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->role = role;
	t->whole = true;
	**tail = t;
	*tail = &t->next;
	return t;
}

struct part *
prompt_add_part(struct arena *a, struct part ***tail, enum part_kind kind)
{
	struct part *p = arena_zalloc(a, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->kind = kind;
	p->whole = true;
	**tail = p;
	*tail = &p->next;
	return p;
}

struct tool *
prompt_add_tool(struct arena *a, struct tool ***tail)
{
	struct tool *t = arena_zalloc(a, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->whole = true;
	**tail = t;
	*tail = &t->next;
	return t;
}

struct slice
prompt_value(const struct prompt *p, enum meaning m)
{
	return p->by[m] == NULL ? (struct slice){NULL, 0} : p->by[m]->value;
}

enum side
turn_side(const struct turn *t)
{
	switch (t->role) {
	case ROLE_SYSTEM:
	case ROLE_DEVELOPER: return SIDE_SYSTEM;
	case ROLE_USER:
	case ROLE_TOOL: return SIDE_USER;
	case ROLE_ASSISTANT: break;
	}
	return SIDE_ASSISTANT;
}

const struct turn *
prompt_group(const struct turn *t)
{
	while (t->next != NULL && turn_side(t->next) == turn_side(t))
		t = t->next;
	return t;
}

struct slice
prompt_tool_of(const struct prompt *p, struct slice call_id)
{
	struct slice found = {NULL, 0};

	for (const struct turn *t = p->turns; t != NULL; t = t->next)
		for (const struct part *part = t->parts; part != NULL; part = part->next)
			if (part->kind == PART_CALL && slice_eq(part->call.id, call_id))
				found = part->call.name;
	return found;
}

static bool
has_kind(const struct part *p, enum part_kind kind)
{
	for (; p != NULL; p = p->next)
		if (p->kind == kind ||
		    (p->kind == PART_RESULT && has_kind(p->result.parts, kind)))
			return true;
	return false;
}

bool
prompt_has(const struct prompt *p, enum part_kind kind)
{
	for (const struct turn *t = p->turns; t != NULL; t = t->next)
		if (has_kind(t->parts, kind))
			return true;
	return false;
}

bool
media_split_data_url(struct slice url, struct slice *ret_type, struct slice *ret_data)
{
	size_t comma = slice_find(url, ',');
	struct slice head;

	if (!slice_istarts(url, S("data:")) || comma == url.len)
		return false;
	head = slice_from(slice_head(url, comma), 5);
	if (head.len < 7 || !slice_ieq(slice_from(head, head.len - 7), S(";base64")))
		return false;
	*ret_type = slice_head(head, slice_find(head, ';'));
	if (slice_ieq(*ret_type, S("image/jpg"))) /* no such type, but written so */
		*ret_type = S("image/jpeg");
	*ret_data = slice_from(url, comma + 1);
	return true;
}

static const char *const efforts[] = {
    "", "none", "minimal", "low", "medium", "high", "xhigh", "max"};

bool
effort_parse(struct slice s, enum effort *ret_effort)
{
	for (unsigned e = EFFORT_NONE; e <= EFFORT_MAX; e++)
		if (slice_eq(s, slice_str(efforts[e]))) {
			*ret_effort = (enum effort)e;
			return true;
		}
	return false;
}

const char *
effort_name(enum effort e)
{
	return efforts[e];
}
