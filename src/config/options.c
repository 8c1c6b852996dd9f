/*
 * Options: the defaults, over them the file, over that the variables.
 */
#include "config/loading.h"

#include <stdio.h>
#include <stdlib.h>

extern char **environ;

/* Top-level keys and one below `local` that other parts read. */
static bool
is_of_another_part(struct slice section, struct slice key)
{
	if (section.len > 0)
		return slice_eq(section, S("local")) && slice_eq(key, S("models"));
	return slice_eq(key, S("providers")) || slice_eq(key, S("models")) ||
	       slice_eq(key, S("keys"));
}

/* The name of the row's option in that section; empty when it is not there. */
static struct slice
name_in(const struct option_row *row, struct slice section)
{
	struct slice path = slice_str(row->path);
	size_t dot = slice_find(path, '.');

	if (row->type == OPTION_SECTION)
		return section.len > 0 ? S("") : path;
	if (section.len == 0)
		return dot == path.len ? path : S("");
	if (slice_eq(slice_head(path, dot), section))
		return slice_from(path, dot + 1);
	return S("");
}

/* No such key here: the nearest of this section, else the same name elsewhere. */
static void
unknown(struct loading *l, const struct yaml_node *key, struct slice section)
{
	static const char *const others[] = {"providers", "models", "keys"};
	struct note all = {""};
	struct nearest nearest;
	const struct option_row *rows;
	unsigned n;

	if (section.len == 0 && option_find(key->text) != NULL) {
		size_t dot = slice_find(key->text, '.');

		report_error(&l->report, loading_place(l, key),
		    "\"%s\" is written as \"%s:\" below \"%.*s:\"", QUOTE(key->text),
		    key->text.ptr + dot + 1, (int)dot, key->text.ptr);
		return;
	}
	rows = option_rows(&n);
	nearest_init(&nearest, key->text);
	for (unsigned i = 0; i < n; i++) {
		struct slice name = name_in(&rows[i], section);

		if (name.len == 0)
			continue;
		nearest_try(&nearest, name);
		note_add(
		    &all, "%s%.*s", all.text[0] == '\0' ? "" : ", ", SLICE_ARGS(name));
	}
	for (unsigned i = 0; i < 3 && section.len == 0; i++) {
		nearest_try(&nearest, slice_str(others[i]));
		note_add(&all, ", %s", others[i]);
	}
	if (slice_eq(section, S("local")))
		nearest_try(&nearest, S("models"));
	for (unsigned i = 0; i < n && nearest.name.len == 0; i++) {
		struct slice path = slice_str(rows[i].path);

		if (slice_eq(slice_from(path, slice_find(path, '.') + 1), key->text) ||
		    slice_eq(path, key->text))
			nearest.name = path;
	}
	loading_unknown(l, key, section, &nearest, all.text);
}

static void
tell_bad(struct loading *l, const struct option_row *row, struct place at,
    struct slice found, const struct note *why)
{
	bool file = at.line > 0;

	report_error(&l->report, at, "%s%s%s%s%s%s", file ? row->path : "",
	    file ? ": " : "", why->text, row->type == OPTION_SECRET ? "" : ", found \"",
	    row->type == OPTION_SECRET ? "" : QUOTE(found),
	    row->type == OPTION_SECRET ? "" : "\"");
}

/* An option out of a list of texts. False when it was reported. */
static bool
set_from_list(
    struct loading *l, const struct option_row *row, const struct yaml_node *list)
{
	struct secret items[OPTION_TEXTS_MAX];
	struct slice texts[OPTION_TEXTS_MAX] = {{NULL, 0}};
	struct note why;
	unsigned n = 0;
	bool ok = true;

	for (const struct yaml_node *i = list->first; i != NULL && ok; i = i->next) {
		if (n == OPTION_TEXTS_MAX) {
			report_error(&l->report, loading_place(l, i),
			    "%s: expected at most %d texts", row->path, OPTION_TEXTS_MAX);
			ok = false;
		} else if (!loading_text(l, i, "a text", &items[n])) {
			ok = false;
		} else {
			texts[n] = secret_reveal(&items[n]);
			n++;
		}
	}
	if (ok && option_set(row, &l->c->options, texts, n, &why) != ERR_OK) {
		l->nomem = true; /* a list takes any text */
		ok = false;
	}
	for (unsigned i = 0; i < n; i++)
		secret_free(&items[i]);
	return ok;
}

static bool
set_from_text(
    struct loading *l, const struct option_row *row, const struct yaml_node *text)
{
	struct secret value;
	struct note expected, why;
	enum err e;

	option_expected(row, &expected);
	if (!loading_text(l, text, expected.text + strlen("expected "), &value))
		return false;
	e = option_set_text(row, &l->c->options, secret_reveal(&value), &why);
	secret_free(&value);
	if (e == ERR_NOMEM)
		l->nomem = true;
	else if (e != ERR_OK)
		tell_bad(l, row, loading_place(l, text), text->text, &why);
	return e == ERR_OK;
}

static void
set_from_file(
    struct loading *l, const struct option_row *row, const struct yaml_node *value)
{
	bool ok;

	if (row->type == OPTION_LIST && value->kind == YAML_LIST)
		ok = set_from_list(l, row, value);
	else
		ok = set_from_text(l, row, value);
	if (ok)
		*option_origin(row, &l->c->origins) =
		    (struct origin){ORIGIN_FILE, value->line, value->column};
}

static const struct option_row *
find_in(struct slice section, struct slice key)
{
	char path[64];
	int n;

	if (section.len == 0)
		return slice_find(key, '.') == key.len ? option_find(key) : NULL;
	n = snprintf(
	    path, sizeof(path), "%.*s.%.*s", SLICE_ARGS(section), SLICE_ARGS(key));
	return n < 0 || (size_t)n >= sizeof(path) ? NULL : option_find(slice_str(path));
}

/* Options and, at the top level, sections of options. */
static void
read_section(struct loading *l, const struct yaml_node *map, struct slice section)
{
	for (const struct yaml_node *k = map->first; k != NULL; k = k->next) {
		const struct option_row *row = find_in(section, k->text);

		if (is_of_another_part(section, k->text))
			continue;
		if (row != NULL)
			set_from_file(l, row, k->value);
		else if (section.len > 0 || !option_is_section(k->text))
			unknown(l, k, section);
		else if (k->value->kind == YAML_MAP)
			read_section(l, k->value, k->text);
		else if (!yaml_is_null(k->value))
			loading_unexpected(l, k->value, "a mapping of options");
	}
}

static void
set_from_variable(struct loading *l, const struct option_row *row)
{
	char name[OPTION_VARIABLE_MAX];
	struct slice value;
	struct note why;
	enum err e;

	value = slice_str(expand_variable(option_variable(row, name)));
	if (value.len == 0)
		return;
	e = option_set_text(row, &l->c->options, value, &why);
	if (e == ERR_NOMEM)
		l->nomem = true;
	else if (e != ERR_OK)
		tell_bad(l, row, (struct place){name, 0, 0}, value, &why);
	else
		*option_origin(row, &l->c->origins) =
		    (struct origin){ORIGIN_VARIABLE, 0, 0};
}

/*
 * WEIR_LISTN is probably a slip, so it is told. No error: others put variables
 * there as well (Kubernetes: WEIR_SERVICE_HOST, WEIR_PORT).
 */
static void
warn_of_slips(struct loading *l, const struct option_row *rows, unsigned n)
{
	for (char **v = environ; v != NULL && *v != NULL; v++) {
		struct slice text = slice_str(*v),
			     name = slice_head(text, slice_find(text, '='));
		char near[OPTION_VARIABLE_MAX] = "", full[OPTION_VARIABLE_MAX];
		struct nearest nearest;

		if (!slice_starts(name, S("WEIR_")) || name.len >= sizeof(full))
			continue;
		nearest_init(&nearest, slice_from(name, 5));
		for (unsigned i = 0; i < n; i++) {
			if (rows[i].type == OPTION_SECTION)
				continue;
			(void)option_variable(&rows[i], full);
			nearest_try(&nearest, slice_from(slice_str(full), 5));
			if (nearest.name.ptr == full + 5) {
				memcpy(near, full, sizeof(near));
				nearest.name = slice_from(slice_str(near), 5);
			}
		}
		if (nearest.distance == 0 || near[0] == '\0')
			continue;
		memcpy(full, name.ptr, name.len);
		full[name.len] = '\0';
		report_warning(&l->report, (struct place){full, 0, 0},
		    "no such option; did you mean %s?", near);
	}
}

void
options_load(struct loading *l)
{
	unsigned n;
	const struct option_row *rows = option_rows(&n);

	if (option_defaults(&l->c->options) != ERR_OK) {
		l->nomem = true;
		return;
	}
	if (l->root != NULL && l->root->kind == YAML_MAP)
		read_section(l, l->root, S(""));
	else if (l->root != NULL)
		loading_unexpected(l, l->root, "options (\"name: value\")");
	for (unsigned i = 0; i < n; i++)
		if (rows[i].type != OPTION_SECTION)
			set_from_variable(l, &rows[i]);
	warn_of_slips(l, rows, n);
}
