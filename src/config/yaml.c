#include "config/yaml.h"

#include "core/map.h"
#include "core/secret.h"

#include <stdlib.h>
#include <yaml.h>

struct reading {
	yaml_parser_t parser;
	struct slice text;
	const char *source;
	struct arena *arena;
	struct report *report;
	unsigned nodes, depth;
};

static struct place
place_of(const struct reading *r, const yaml_mark_t *m)
{
	return (struct place){r->source, (unsigned)m->line + 1, (unsigned)m->column + 1};
}

/* Where line and column (from 0, in characters) stand in the text. */
static size_t
offset_of(struct slice text, const yaml_mark_t *m)
{
	size_t at = 0;

	for (size_t line = 0; line < m->line && at < text.len; line++)
		at += slice_find(slice_from(text, at), '\n') + 1;
	for (size_t column = 0; column < m->column && at < text.len; column++)
		do
			at++;
		while (at < text.len && ((unsigned char)text.ptr[at] & 0xc0) == 0x80);
	return at;
}

/* libyaml stopped: in the encoding, in the form, or for want of memory. */
static enum err
stopped(struct reading *r)
{
	const yaml_parser_t *p = &r->parser;
	const char *problem = p->problem == NULL ? "not YAML" : p->problem;
	struct place at = place_of(r, &p->problem_mark);
	size_t offset = offset_of(r->text, &p->problem_mark);

	if (p->error == YAML_MEMORY_ERROR)
		return ERR_NOMEM;
	if (p->error == YAML_READER_ERROR) {
		at = (struct place){r->source, 1, 1};
		for (size_t i = 0; i < p->problem_offset && i < r->text.len; i++) {
			at.column++;
			if (r->text.ptr[i] == '\n')
				at = (struct place){r->source, at.line + 1, 1};
		}
		report_error(r->report, at, "not a text in UTF-8: %s", problem);
	} else if (slice_starts(slice_from(r->text, offset), S("\t"))) {
		report_error(r->report, at, "a tab; YAML is indented by blanks");
	} else if (offset > 0 && slice_starts(slice_from(r->text, offset - 1), S("${"))) {
		report_error(r->report, at,
		    "inside of {...} and [...] a variable wants quotes: \"${NAME}\"");
	} else if (p->context != NULL) {
		report_error(r->report, at, "%s, %s", problem, p->context);
	} else {
		report_error(r->report, at, "%s", problem);
	}
	return ERR_SYNTAX;
}

/* The next event, which the caller deletes. */
static enum err
next_event(struct reading *r, yaml_event_t *ret_event)
{
	return yaml_parser_parse(&r->parser, ret_event) == 1 ? ERR_OK : stopped(r);
}

static void
drop_event(yaml_event_t *e)
{
	if (e->type == YAML_SCALAR_EVENT)
		secret_wipe(e->data.scalar.value, e->data.scalar.length);
	yaml_event_delete(e);
}

/* Why this event can't begin a value; NULL: it can. */
static const char *
refusal(const struct reading *r, const yaml_event_t *e)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (e->type == YAML_SCALAR_EVENT) {
		anchor = e->data.scalar.anchor;
		tag = e->data.scalar.tag;
	} else if (e->type == YAML_SEQUENCE_START_EVENT) {
		anchor = e->data.sequence_start.anchor;
		tag = e->data.sequence_start.tag;
	} else if (e->type == YAML_MAPPING_START_EVENT) {
		anchor = e->data.mapping_start.anchor;
		tag = e->data.mapping_start.tag;
	}
	if (anchor != NULL || e->type == YAML_ALIAS_EVENT)
		return "anchors and aliases (& and *) are not supported; "
		       "write the value again, or quote the text";
	if (tag != NULL)
		return "tags (!) are not supported; quote the text";
	if (r->depth >= YAML_DEPTH_MAX)
		return "nested too deeply";
	if (r->nodes >= YAML_NODES_MAX)
		return "too many values in one file";
	if (e->type == YAML_SCALAR_EVENT &&
	    memchr(e->data.scalar.value, '\0', e->data.scalar.length) != NULL)
		return "a text cannot hold a zero byte";
	return NULL;
}

static enum err
new_node(struct reading *r, const yaml_event_t *e, struct yaml_node **ret_node)
{
	const char *why = refusal(r, e);
	struct place at = place_of(r, &e->start_mark);
	struct yaml_node *n;

	if (why != NULL) {
		report_error(r->report, at, "%s", why);
		return ERR_SYNTAX;
	}
	n = arena_zalloc(r->arena, sizeof(*n));
	if (n == NULL)
		return ERR_NOMEM;
	r->nodes++;
	n->line = at.line;
	n->column = at.column;
	n->kind = YAML_TEXT;
	if (e->type == YAML_SEQUENCE_START_EVENT) {
		n->kind = YAML_LIST;
	} else if (e->type == YAML_MAPPING_START_EVENT) {
		n->kind = YAML_MAP;
	} else {
		const char *value = (const char *)e->data.scalar.value;

		n->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
		if (!arena_copy(
			r->arena, slice_of(value, e->data.scalar.length), &n->text))
			return ERR_NOMEM;
	}
	*ret_node = n;
	return ERR_OK;
}

static enum err
read_value(struct reading *r, yaml_event_t *e, struct yaml_node **ret_node);

/* The next value, or NULL where the container ends. */
static enum err
read_next(struct reading *r, yaml_event_type_t end, struct yaml_node **ret_node)
{
	yaml_event_t e;
	enum err err = next_event(r, &e);

	if (err != ERR_OK)
		return err;
	if (e.type == end)
		*ret_node = NULL;
	else
		err = read_value(r, &e, ret_node);
	drop_event(&e);
	return err;
}

static enum err
read_items(struct reading *r, struct yaml_node *list)
{
	struct yaml_node **end = &list->first;
	enum err err;

	do {
		err = read_next(r, YAML_SEQUENCE_END_EVENT, end);
		if (err != ERR_OK || *end == NULL)
			break;
		end = &(*end)->next;
	} while (true);
	return err;
}

/* Is the key a text that was not there before? */
static enum err
check_key(struct reading *r, struct map *seen, struct yaml_node *key, bool *ret_good)
{
	struct place at = {r->source, key->line, key->column};
	const struct yaml_node *before;

	if (key->kind != YAML_TEXT) {
		report_error(
		    r->report, at, "a key must be a text, found %s", yaml_what(key));
		return ERR_OK;
	}
	before = map_get(seen, key->text);
	if (before != NULL)
		report_error(r->report, at, "\"%s\" is given twice; first in line %u",
		    QUOTE(key->text), before->line);
	*ret_good = before == NULL;
	return before != NULL ? ERR_OK : map_put(seen, key->text, key);
}

static enum err
read_pairs(struct reading *r, struct yaml_node *map, struct map *seen)
{
	struct yaml_node **end = &map->first;
	enum err err;

	do {
		struct yaml_node *key;
		bool good = false;

		err = read_next(r, YAML_MAPPING_END_EVENT, &key);
		if (err != ERR_OK || key == NULL)
			break;
		err = check_key(r, seen, key, &good);
		if (err == ERR_OK)
			err = read_next(r, YAML_NO_EVENT, &key->value);
		if (!good)
			continue;
		*end = key;
		end = &key->next;
	} while (err == ERR_OK);
	return err;
}

/* The value that begins with the event. */
static enum err
read_value(struct reading *r, yaml_event_t *e, struct yaml_node **ret_node)
{
	struct map seen;
	enum err err = new_node(r, e, ret_node);

	if (err != ERR_OK || (*ret_node)->kind == YAML_TEXT)
		return err;
	r->depth++;
	if ((*ret_node)->kind == YAML_LIST) {
		err = read_items(r, *ret_node);
	} else {
		map_init(&seen);
		err = read_pairs(r, *ret_node, &seen);
		map_free(&seen);
	}
	r->depth--;
	return err;
}

/* One document, or none. */
static enum err
read_document(struct reading *r, struct yaml_node **ret_root)
{
	bool any = false;
	enum err err;

	do {
		yaml_event_t e;
		yaml_event_type_t type;
		struct place at;

		err = next_event(r, &e);
		if (err != ERR_OK)
			return err;
		type = e.type;
		at = place_of(r, &e.start_mark);
		drop_event(&e);
		if (type == YAML_STREAM_END_EVENT)
			return ERR_OK;
		if (type != YAML_DOCUMENT_START_EVENT)
			continue;
		if (any) {
			report_error(
			    r->report, at, "a second document; a configuration is one");
			return ERR_SYNTAX;
		}
		any = true;
		err = read_next(r, YAML_NO_EVENT, ret_root);
	} while (err == ERR_OK);
	return err;
}

enum err
yaml_read(struct slice text, const char *source, struct arena *a, struct report *report,
    struct yaml_node **ret_root)
{
	struct reading r = {.text = text, .source = source, .arena = a, .report = report};
	struct yaml_node *root = NULL;
	enum err err;

	if (text.len > YAML_BYTES_MAX) {
		report_error(report, (struct place){source, 0, 0},
		    "more than %u bytes; a configuration is smaller", YAML_BYTES_MAX);
		return ERR_SYNTAX;
	}
	if (yaml_parser_initialize(&r.parser) != 1)
		return ERR_NOMEM;
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
	    &r.parser, (const unsigned char *)(text.len == 0 ? "" : text.ptr), text.len);
	err = read_document(&r, &root);
	yaml_parser_delete(&r.parser);
	if (err == ERR_OK)
		*ret_root = root != NULL && yaml_is_null(root) ? NULL : root;
	else
		yaml_wipe(root);
	return err;
}

void
yaml_wipe(struct yaml_node *root)
{
	for (struct yaml_node *n = root; n != NULL; n = n->next) {
		if (n->text.len > 0) /* in an arena of the caller's, so not constant */
			secret_wipe((char *)(uintptr_t)n->text.ptr, n->text.len);
		yaml_wipe(n->first);
		yaml_wipe(n->value);
	}
}

const struct yaml_node *
yaml_get(const struct yaml_node *n, struct slice key)
{
	if (n == NULL || n->kind != YAML_MAP)
		return NULL;
	for (const struct yaml_node *k = n->first; k != NULL; k = k->next)
		if (slice_eq(k->text, key))
			return k->value;
	return NULL;
}

bool
yaml_is_null(const struct yaml_node *n)
{
	return n->kind == YAML_TEXT && n->plain &&
	       (n->text.len == 0 || slice_eq(n->text, S("~")) ||
		   slice_ieq(n->text, S("null")));
}

const char *
yaml_what(const struct yaml_node *n)
{
	if (yaml_is_null(n))
		return "nothing";
	return n->kind == YAML_LIST  ? "a list"
	       : n->kind == YAML_MAP ? "a mapping"
				     : "a text";
}
