#include "config/loading.h"

#include "core/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct place
loading_place(const struct loading *l, const struct yaml_node *n)
{
	return (struct place){l->source, n->line, n->column};
}

void
loading_unexpected(struct loading *l, const struct yaml_node *n, const char *expected)
{
	report_error(&l->report, loading_place(l, n), "expected %s, found %s", expected,
	    yaml_what(n));
}

void
loading_unknown(struct loading *l, const struct yaml_node *key, struct slice where,
    const struct nearest *nearest, const char *names)
{
	struct note hint;

	nearest_tell(nearest, names, &hint);
	report_error(&l->report, loading_place(l, key), "unknown option \"%s\"%s%s%s",
	    QUOTE(key->text), where.len > 0 ? " in " : "", QUOTE(where), hint.text);
}

static void
unknown_member(struct loading *l, const struct yaml_node *key, struct slice where,
    const char *const *names, unsigned n)
{
	struct nearest nearest;
	struct note all = {""};

	nearest_init(&nearest, key->text);
	for (unsigned i = 0; i < n; i++) {
		nearest_try(&nearest, slice_str(names[i]));
		note_add(&all, "%s%s", i == 0 ? "" : ", ", names[i]);
	}
	loading_unknown(l, key, where, &nearest, all.text);
}

bool
loading_members(struct loading *l, const struct yaml_node *map, struct slice where,
    const char *const *names, unsigned n, const struct yaml_node **ret_values)
{
	for (unsigned i = 0; i < n; i++)
		ret_values[i] = NULL;
	if (map->kind != YAML_MAP) {
		loading_unexpected(l, map, "a mapping (\"name: value\")");
		return false;
	}
	for (const struct yaml_node *k = map->first; k != NULL; k = k->next) {
		unsigned i = 0;

		while (i < n && !slice_eq(k->text, slice_str(names[i])))
			i++;
		if (i == n)
			unknown_member(l, k, where, names, n);
		else if (!yaml_is_null(k->value))
			ret_values[i] = k->value;
	}
	return true;
}

bool
loading_expand(struct loading *l, const struct yaml_node *n, const char *expected,
    struct expansion *ret)
{
	enum err e;

	if (n->kind != YAML_TEXT || yaml_is_null(n)) {
		loading_unexpected(l, n, expected);
		return false;
	}
	e = expand(n->text, ret);
	if (e == ERR_NOMEM)
		l->nomem = true;
	else if (e != ERR_OK)
		report_error(&l->report, loading_place(l, n),
		    "expected the name of a variable in \"${NAME}\"; "
		    "for a \"${\" that is text write \"$${\"");
	return e == ERR_OK;
}

bool
loading_text(struct loading *l, const struct yaml_node *n, const char *expected,
    struct secret *ret_text)
{
	struct expansion e;

	if (!loading_expand(l, n, expected, &e))
		return false;
	if (e.unset.len > 0 && !e.is_set) {
		report_error(&l->report, loading_place(l, n), "%.*s is not set",
		    SLICE_ARGS(e.unset));
		secret_free(&e.text);
		return false;
	}
	*ret_text = e.text;
	return true;
}

bool
loading_bool(struct loading *l, const struct yaml_node *n, bool *ret)
{
	struct secret text;
	bool ok;

	if (!loading_text(l, n, "true or false", &text))
		return false;
	ok = option_parse_bool(secret_reveal(&text), ret);
	if (!ok)
		report_error(&l->report, loading_place(l, n),
		    "expected true or false, found \"%s\"", QUOTE(n->text));
	secret_free(&text);
	return ok;
}

bool
loading_count(struct loading *l, const struct yaml_node *n, uint64_t least, uint64_t most,
    uint64_t *ret)
{
	struct secret text;
	uint64_t value;
	bool ok;

	if (!loading_text(l, n, "a whole number", &text))
		return false;
	ok = slice_u64(secret_reveal(&text), &value) && value >= least && value <= most;
	secret_free(&text);
	if (ok)
		*ret = value;
	else
		report_error(&l->report, loading_place(l, n),
		    "expected a whole number from %llu to %llu, found \"%s\"",
		    (unsigned long long)least, (unsigned long long)most, QUOTE(n->text));
	return ok;
}

bool
loading_percent(struct loading *l, const struct yaml_node *n, int64_t *ret_bp)
{
	struct secret text;
	struct slice s;
	bool less, ok;
	int64_t bp = 0;

	if (!loading_text(l, n, "a percentage like 12.5%", &text))
		return false;
	s = secret_reveal(&text);
	less = slice_starts(s, S("-"));
	s = slice_from(s, less);
	ok = slice_ends(s, S("%")) && text_scaled(slice_head(s, s.len - 1), 2, &bp) &&
	     bp <= 10000;
	secret_free(&text);
	if (ok)
		*ret_bp = less ? -bp : bp;
	else
		report_error(&l->report, loading_place(l, n),
		    "expected a percentage up to 100%% with up to two decimals, like "
		    "12.5%%, found \"%s\"",
		    QUOTE(n->text));
	return ok;
}

bool
loading_word(struct loading *l, const struct yaml_node *n, const char *const *words,
    unsigned count, unsigned *ret)
{
	struct note all = {""}, hint;
	struct nearest nearest;
	struct secret text;
	unsigned i = 0;

	for (unsigned k = 0; k < count; k++)
		note_add(&all, "%s%s", k == 0 ? "" : ", ", words[k]);
	if (!loading_text(l, n, all.text, &text))
		return false;
	while (i < count && !slice_ieq(secret_reveal(&text), slice_str(words[i])))
		i++;
	secret_free(&text);
	if (i < count) {
		*ret = i;
		return true;
	}
	nearest_init(&nearest, n->text);
	for (unsigned k = 0; k < count; k++)
		nearest_try(&nearest, slice_str(words[k]));
	nearest_tell(&nearest, all.text, &hint);
	report_error(&l->report, loading_place(l, n), "unknown word \"%s\"%s",
	    QUOTE(n->text), hint.text);
	return false;
}

char *
loading_dup(struct loading *l, struct slice s)
{
	char *copy = slice_dup(s);

	if (copy == NULL)
		l->nomem = true;
	return copy;
}

const char *
loading_keep(struct loading *l, const char *format, ...)
{
	struct slice kept;
	char text[512];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (!arena_copy(&l->c->catalog->arena, slice_str(text), &kept)) {
		l->nomem = true;
		return NULL;
	}
	return kept.ptr;
}

void *
loading_more(struct loading *l, void *array, unsigned n, size_t size)
{
	void *more;

	if ((n & (n - 1)) != 0) /* full only at 0 and the powers of two */
		return array;
	more = realloc(array, (n == 0 ? 1 : (size_t)n * 2) * size);
	if (more == NULL)
		l->nomem = true;
	return more;
}

bool
loading_is_header(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!((s.ptr[i] >= 'a' && s.ptr[i] <= 'z') ||
			(s.ptr[i] >= 'A' && s.ptr[i] <= 'Z') ||
			(s.ptr[i] >= '0' && s.ptr[i] <= '9') ||
			strchr("!#$%&'*+-.^_`|~", s.ptr[i]) != NULL))
			return false;
	return s.len > 0;
}

static bool
is_model_name(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] <= ' ' || s.ptr[i] == 0x7f)
			return false;
	return s.len > 0 && s.len <= LOADING_MODEL_MAX;
}

bool
loading_model_name(struct loading *l, const struct yaml_node *n, struct slice name)
{
	if (is_model_name(name))
		return true;
	report_error(&l->report, loading_place(l, n),
	    "a model's name is up to %d bytes without blanks, found \"%s\"",
	    LOADING_MODEL_MAX, QUOTE(name));
	return false;
}

/* The node of an option in the file. */
static const struct yaml_node *
node_of(const struct loading *l, struct slice path)
{
	const struct yaml_node *n = l->root;

	while (path.ptr != NULL && n != NULL)
		n = yaml_get(n, slice_cut(&path, '.'));
	return n;
}

void
loading_option_error(
    struct loading *l, const char *path, unsigned item, const char *format, ...)
{
	const struct option_row *row = option_find(slice_str(path));
	const struct origin *origin = option_origin(row, &l->c->origins);
	struct place at = {path, 0, 0};
	char variable[OPTION_VARIABLE_MAX], text[512];
	va_list ap;

	if (origin->kind == ORIGIN_VARIABLE) {
		at.source = option_variable(row, variable);
	} else if (origin->kind == ORIGIN_FILE) {
		const struct yaml_node *n = node_of(l, slice_str(path)),
				       *i = n == NULL ? NULL : n->first;

		for (; i != NULL && item > 0 && item != LOADING_WHOLE; item--)
			i = i->next;
		if (n != NULL)
			at = loading_place(l, i != NULL && item != LOADING_WHOLE ? i : n);
	}
	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	report_error(&l->report, at, "%s%s%s", origin->kind == ORIGIN_FILE ? path : "",
	    origin->kind == ORIGIN_FILE ? ": " : "", text);
}

/* Appends what is left to be read. */
static int
read_all(int fd, struct buf *to)
{
	ssize_t n;

	do {
		char *room = buf_room(to, 1);

		if (room == NULL)
			return to->err == ERR_NOMEM ? ENOMEM : EFBIG;
		n = read(fd, room, to->cap - to->len);
		if (n > 0)
			buf_wrote(to, (size_t)n);
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? errno : 0;
}

int
loading_file(const char *path, struct buf *to)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), error;
	struct stat st;

	if (fd < 0)
		return errno;
	/* Room for all at once, so that no copy is left behind in memory. */
	if (fstat(fd, &st) == 0 && st.st_size > 0 && (uint64_t)st.st_size < to->max)
		(void)buf_room(to, (size_t)st.st_size + 1);
	error = read_all(fd, to);
	(void)close(fd);
	return error;
}
