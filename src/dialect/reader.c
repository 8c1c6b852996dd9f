#include "dialect/reader.h"

#include <stdarg.h>
#include <stdio.h>

unsigned
reader_which(const struct reader *r, uint32_t key, const struct slice *names, unsigned n)
{
	struct slice inner = json_inner(r->j, key);

	for (unsigned i = 0; i < n; i++)
		if (slice_eq(inner, names[i]) ||
		    (r->j->tokens[key].escaped && json_equals(r->j, key, names[i])))
			return i;
	return n;
}

struct slice
reader_key(const struct reader *r, uint32_t key)
{
	return json_inner(r->j, key);
}

struct slice
reader_text(struct reader *r, uint32_t v, const char *param)
{
	if (json_is(r->j, v, JSON_STRING))
		return json_inner(r->j, v);
	if (v != JSON_NONE && !json_is(r->j, v, JSON_NULL))
		reader_bad(r, param, "'%s' must be a string.", param);
	return (struct slice){NULL, 0};
}

struct slice
reader_decoded(struct reader *r, uint32_t v, const char *param)
{
	struct slice text;

	if (!json_is(r->j, v, JSON_STRING))
		return reader_text(r, v, param);
	if (!json_string(r->j, v, r->arena, &text)) {
		(void)reader_nomem(r);
		return (struct slice){NULL, 0};
	}
	return text;
}

/* Can the text stand in a JSON string as it is? */
static bool
is_plain(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == '"' || s.ptr[i] == '\\')
			return false;
	return true;
}

struct slice
reader_mime(struct reader *r, uint32_t v, const char *param)
{
	struct slice type = reader_decoded(r, v, param);

	if (!is_plain(type))
		reader_bad(r, param, "'%s' is no MIME type.", param);
	return type;
}

void *
reader_nomem(struct reader *r)
{
	r->err = ERR_NOMEM;
	return NULL;
}

void
reader_bad(struct reader *r, const char *param, const char *format, ...)
{
	char text[200];
	va_list ap;

	if (r->err != ERR_OK)
		return; /* the first says most */
	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	r->err = ERR_BAD_REQUEST;
	r->param = param;
	note_set(r->note, "%s", text);
}

struct unknown *
reader_unknown(struct reader *r, uint32_t v, bool *ret_whole, const char *format, ...)
{
	struct unknown *u = arena_zalloc(r->arena, sizeof(*u));
	char path[200];
	va_list ap;
	int n;

	*ret_whole = false;
	va_start(ap, format);
	n = vsnprintf(path, sizeof(path), format, ap);
	va_end(ap);
	if ((size_t)n >= sizeof(path))
		n = sizeof(path) - 1;
	if (u == NULL || n < 0 ||
	    !arena_copy(r->arena, slice_of(path, (size_t)n), &u->path)) {
		(void)reader_nomem(r);
		return NULL;
	}
	u->value = json_raw(r->j, v);
	**r->unknown = u;
	*r->unknown = &u->next;
	return u;
}

void
reader_others(struct reader *r, uint32_t object, const struct slice *names, unsigned n,
    bool *ret_whole, const char *path)
{
	JSON_FOR_EACH_KEY (k, r->j, object)
		if (reader_which(r, k, names, n) == n)
			reader_unknown(r, k + 1, ret_whole, "%s.%.*s", path,
			    SLICE_ARGS(reader_key(r, k)));
}

struct member *
reader_member(struct reader *r, struct prompt *p, struct member ***tail,
    enum dialect_id d, struct slice path, uint32_t v)
{
	const struct field *f = fields_find(d, path);
	struct member *m = arena_zalloc(r->arena, sizeof(*m));

	if (m == NULL)
		return reader_nomem(r);
	m->key = path;
	m->value = json_raw(r->j, v);
	m->meaning = f == NULL ? MEANING_OWN : f->meaning;
	if (!json_is(r->j, v, JSON_NULL))
		p->by[m->meaning] = m;
	**tail = m;
	*tail = &m->next;
	return m;
}

void
reader_members_inside(struct reader *r, struct prompt *p, struct member ***tail,
    enum dialect_id d, struct slice outer, uint32_t object)
{
	JSON_FOR_EACH_KEY (k, r->j, object) {
		struct slice path = arena_printf(r->arena, "%.*s.%.*s", SLICE_ARGS(outer),
		    SLICE_ARGS(reader_key(r, k)));
		struct member *m;

		if (path.len == 0) {
			(void)reader_nomem(r);
			return;
		}
		m = reader_member(r, p, tail, d, path, k + 1);
		if (m == NULL)
			return;
		m->inside = true;
	}
}

struct member *
reader_plain_members(struct reader *r, uint32_t object)
{
	struct member *first = NULL, **tail = &first;

	JSON_FOR_EACH_KEY (k, r->j, object) {
		struct member *m = arena_zalloc(r->arena, sizeof(*m));

		if (m == NULL)
			return reader_nomem(r);
		*m = (struct member){.key = reader_key(r, k),
		    .value = json_raw(r->j, k + 1),
		    .meaning = MEANING_OWN};
		*tail = m;
		tail = &m->next;
	}
	return first;
}

struct turn *
reader_turn(
    struct reader *r, struct turn ***tail, enum role role, uint32_t v, unsigned index)
{
	struct turn *t = prompt_add_turn(r->arena, tail, role);

	if (t == NULL)
		return reader_nomem(r);
	t->raw = json_raw(r->j, v);
	t->index = (uint16_t)index;
	return t;
}

struct part *
reader_part(struct reader *r, struct part ***tail, enum part_kind kind, uint32_t v,
    unsigned index)
{
	struct part *p = prompt_add_part(r->arena, tail, kind);

	if (p == NULL)
		return reader_nomem(r);
	p->raw = json_raw(r->j, v);
	p->index = (uint16_t)index;
	return p;
}

struct tool *
reader_tool(struct reader *r, struct tool ***tail, uint32_t v, unsigned index)
{
	struct tool *t = prompt_add_tool(r->arena, tail);

	if (t == NULL)
		return reader_nomem(r);
	t->raw = json_raw(r->j, v);
	t->index = (uint16_t)index;
	return t;
}

void
reader_url(struct reader *r, uint32_t v, const char *param, struct part *p)
{
	struct slice url = reader_decoded(r, v, param);

	if (is_plain(url) && media_split_data_url(url, &p->media.type, &p->media.data)) {
		p->media.source = MEDIA_DATA;
		return;
	}
	p->media.source = MEDIA_URL;
	p->media.data = json_inner(r->j, v);
}
