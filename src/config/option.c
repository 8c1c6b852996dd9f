#include "config/option.h"

#include "config/expand.h"
#include "core/text.h"
#include "json/write.h"

#include <stdlib.h>

static const struct option_row rows[] = {
#define SECTION(path, help) {OPTION_SECTION, path, "", "", help, 0, 0},
#define OPTION(field, path, type, value, range, help)                                    \
	{OPTION_##type, path, value, range, help, offsetof(struct options, field),       \
	    offsetof(struct origins, field)},
#include "config/options.def"
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const char *const expected[] = {
    [OPTION_TEXT] = "a text",
    [OPTION_PATH] = "a path",
    [OPTION_SECRET] = "a text",
    [OPTION_COUNT] = "a whole number",
    [OPTION_SPAN] = "a span of time like \"5s\" or \"250ms\"",
    [OPTION_BYTES] = "a size like \"64KiB\"",
    [OPTION_BOOL] = "true or false",
    [OPTION_USD] = "an amount of USD like \"0.0005\"",
    [OPTION_PERCENT] = "a share like \"2%\"",
    [OPTION_LIST] = "a text or a list of texts",
    [OPTION_LEVEL] = "error, warn, info or debug",
    [OPTION_FORMAT] = "text or json",
    [OPTION_POLICY] = "fastest, cheapest, balanced, preferred or local",
    [OPTION_FULL] = "refuse or go_on",
};

/* In the order of enum log_level, enum log_format and enum full. */
static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const formats[] = {"text", "json", NULL};
static const char *const fulls[] = {"refuse", "go_on", NULL};

const struct option_row *
option_rows(unsigned *ret_count)
{
	*ret_count = ROWS;
	return rows;
}

const struct option_row *
option_find(struct slice path)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].type != OPTION_SECTION &&
		    slice_eq(slice_str(rows[i].path), path))
			return &rows[i];
	return NULL;
}

bool
option_is_section(struct slice name)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].type == OPTION_SECTION && name.len > 0 &&
		    slice_eq(slice_str(rows[i].path), name))
			return true;
	return false;
}

const char *
option_variable(const struct option_row *row, char to[OPTION_VARIABLE_MAX])
{
	size_t n = 5;

	memcpy(to, "WEIR_", n);
	for (const char *p = row->path; *p != '\0' && n < OPTION_VARIABLE_MAX - 1; p++)
		to[n++] = *p == '.' ? '_' : (char)(*p >= 'a' ? *p & ~0x20 : *p);
	to[n] = '\0';
	return to;
}

struct origin *
option_origin(const struct option_row *row, struct origins *o)
{
	return (struct origin *)(void *)((char *)o + row->origin_at);
}

static void *
field_of(const struct option_row *row, struct options *o)
{
	return (char *)o + row->at;
}

static const void *
value_of(const struct option_row *row, const struct options *o)
{
	return (const char *)o + row->at;
}

void
option_expected(const struct option_row *row, struct note *to)
{
	size_t mid = slice_search(slice_str(row->range), S(".."));

	note_set(to, "expected %s", expected[row->type]);
	if (row->range[0] != '\0')
		note_add(
		    to, " from %.*s to %s", (int)mid, row->range, row->range + mid + 2);
}

/* --- text to value --- */

bool
option_parse_bool(struct slice s, bool *ret_value)
{
	static const char *const words[][2] = {
	    {"false", "true"}, {"no", "yes"}, {"off", "on"}, {"0", "1"}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (unsigned value = 0; value < 2; value++)
			if (slice_ieq(s, slice_str(words[i][value]))) {
				*ret_value = value != 0;
				return true;
			}
	return false;
}

/* The types that are a number in the end. */
static bool
parse_number(enum option_type type, struct slice s, uint64_t *ret_value)
{
	int64_t scaled = 0;
	bool ok = false;

	switch (type) {
	case OPTION_COUNT: return slice_u64(s, ret_value);
	case OPTION_SPAN:
		/* A bare number would leave open of what: only 0 is clear. */
		if (s.len > 0 && s.ptr[s.len - 1] <= '9' && !slice_eq(s, S("0")))
			return false;
		return text_span_ms(s, 1, ret_value);
	case OPTION_BYTES: return text_bytes(s, ret_value);
	case OPTION_USD: ok = text_scaled(s, 12, &scaled); break;
	case OPTION_PERCENT:
		ok = slice_ends(s, S("%")) &&
		     text_scaled(slice_head(s, s.len - 1), 1, &scaled);
		break;
	default: break;
	}
	*ret_value = (uint64_t)scaled;
	return ok;
}

static bool
in_range(const struct option_row *row, uint64_t value)
{
	struct slice range = slice_str(row->range);
	size_t mid = slice_search(range, S(".."));
	uint64_t least = 0, most = 0;

	if (range.len == 0)
		return true;
	return parse_number(row->type, slice_head(range, mid), &least) &&
	       parse_number(row->type, slice_from(range, mid + 2), &most) &&
	       value >= least && value <= most;
}

static bool
set_word(const struct option_row *row, void *field, struct slice s)
{
	const char *const *words = row->type == OPTION_LEVEL  ? levels
				   : row->type == OPTION_FULL ? fulls
							      : formats;

	if (row->type == OPTION_POLICY)
		return policy_parse(s, field);
	for (int i = 0; words[i] != NULL; i++) {
		if (!slice_ieq(s, slice_str(words[i])))
			continue;
		if (row->type == OPTION_LEVEL)
			*(enum log_level *)field = (enum log_level)i;
		else if (row->type == OPTION_FULL)
			*(enum full *)field = (enum full)i;
		else
			*(enum log_format *)field = (enum log_format)i;
		return true;
	}
	return false;
}

/* Everything that takes no memory. */
static bool
set_plain(const struct option_row *row, void *field, struct slice s)
{
	uint64_t value = 0;

	if (row->type == OPTION_BOOL)
		return option_parse_bool(s, field);
	if (row->type >= OPTION_LEVEL)
		return set_word(row, field, s);
	if (!parse_number(row->type, s, &value) || !in_range(row, value))
		return false;
	if (row->type == OPTION_USD)
		*(int64_t *)field = (int64_t)value;
	else
		*(uint64_t *)field = value;
	return true;
}

char *
option_path(struct slice s)
{
	const char *home = expand_variable("HOME");
	size_t n = home == NULL ? 0 : strlen(home);
	char *path;

	if (home == NULL || !slice_starts(s, S("~/")))
		return slice_dup(s);
	path = malloc(n + s.len);
	if (path == NULL)
		return NULL;
	memcpy(path, home, n);
	s = slice_from(s, 1);
	memcpy(path + n, s.ptr, s.len);
	path[n + s.len] = '\0';
	return path;
}

static void
free_texts(struct texts *t)
{
	for (unsigned i = 0; i < t->count; i++)
		free(t->at[i]);
	free(t->at);
	*t = (struct texts){NULL, 0};
}

static enum err
set_list(struct texts *field, const struct slice *texts, unsigned n)
{
	struct texts list = {calloc(n + 1, sizeof(char *)), 0};

	if (list.at == NULL)
		return ERR_NOMEM;
	for (; list.count < n; list.count++) {
		list.at[list.count] = slice_dup(texts[list.count]);
		if (list.at[list.count] == NULL) {
			free_texts(&list);
			return ERR_NOMEM;
		}
	}
	free_texts(field);
	*field = list;
	return ERR_OK;
}

static enum err
set_text(const struct option_row *row, void *field, struct slice s)
{
	char **text = field;
	char *copy;

	if (row->type == OPTION_SECRET) {
		struct secret secret = secret_new(s);

		if (secret.bytes == NULL && s.len > 0)
			return ERR_NOMEM;
		secret_free(field);
		*(struct secret *)field = secret;
		return ERR_OK;
	}
	copy = row->type == OPTION_PATH ? option_path(s) : slice_dup(s);
	if (copy == NULL)
		return ERR_NOMEM;
	free(*text);
	*text = copy;
	return ERR_OK;
}

enum err
option_set(const struct option_row *row, struct options *o, const struct slice *texts,
    unsigned n, struct note *why)
{
	void *field = field_of(row, o);

	if (row->type == OPTION_LIST)
		return set_list(field, texts, n);
	if (row->type <= OPTION_SECRET)
		return set_text(row, field, texts[0]);
	if (set_plain(row, field, texts[0]))
		return ERR_OK;
	option_expected(row, why);
	return ERR_SYNTAX;
}

enum err
option_set_text(
    const struct option_row *row, struct options *o, struct slice text, struct note *why)
{
	struct slice parts[OPTION_TEXTS_MAX] = {{NULL, 0}}, rest = text;
	unsigned n = 0;

	if (row->type != OPTION_LIST)
		return option_set(row, o, &text, 1, why);
	while (rest.len > 0) {
		struct slice part = slice_trim(slice_cut(&rest, ','));

		if (n == OPTION_TEXTS_MAX) {
			note_set(why, "expected at most %d texts", OPTION_TEXTS_MAX);
			return ERR_SYNTAX;
		}
		if (part.len > 0)
			parts[n++] = part;
	}
	return option_set(row, o, parts, n, why);
}

enum err
option_defaults(struct options *o)
{
	*o = (struct options){0};
	for (size_t i = 0; i < ROWS; i++) {
		struct note why;

		if (rows[i].type != OPTION_SECTION &&
		    option_set_text(&rows[i], o, slice_str(rows[i].value), &why) !=
			ERR_OK) {
			option_done(o);
			return ERR_NOMEM;
		}
	}
	return ERR_OK;
}

void
option_done(struct options *o)
{
	for (size_t i = 0; i < ROWS; i++) {
		void *field = field_of(&rows[i], o);

		if (rows[i].type == OPTION_LIST)
			free_texts(field);
		else if (rows[i].type == OPTION_SECRET)
			secret_free(field);
		else if (rows[i].type == OPTION_TEXT || rows[i].type == OPTION_PATH)
			free(*(char **)field);
	}
	*o = (struct options){0};
}

/* --- value to text --- */

void
option_print_text(struct slice s, struct buf *to)
{
	bool plain = s.len > 0 && !slice_ieq(s, S("null")) && s.ptr[s.len - 1] != ':' &&
		     s.ptr[0] > '-' && s.ptr[0] != ':';

	for (size_t i = 0; i < s.len && plain; i++) {
		char c = s.ptr[i];

		plain = (c >= '0' && c <= ':') || (c >= 'A' && c <= 'Z') ||
			(c >= 'a' && c <= 'z') || c == '_' || (c >= '-' && c <= '/');
	}
	if (plain)
		buf_add(to, s);
	else
		json_quote(to, s);
}

/* The value with the largest unit that leaves no fraction. */
static void
print_units(uint64_t value, const struct slice *names, const uint64_t *scales, unsigned n,
    struct buf *to)
{
	for (unsigned i = 0; i < n; i++) {
		if (i < n - 1 && (value == 0 || value % scales[i] != 0))
			continue;
		buf_u64(to, value / scales[i]);
		buf_add(to, names[i]);
		return;
	}
}

static void
print_span(uint64_t ms, struct buf *to)
{
	static const struct slice names[] = {
	    {"d", 1}, {"h", 1}, {"m", 1}, {"s", 1}, {"ms", 2}};
	static const uint64_t scales[] = {86400000, 3600000, 60000, 1000, 1};

	print_units(ms, names, scales, 5, to);
}

static void
print_bytes(uint64_t bytes, struct buf *to)
{
	static const struct slice names[] = {{"GiB", 3}, {"MiB", 3}, {"KiB", 3}, {"", 0}};
	static const uint64_t scales[] = {1u << 30, 1u << 20, 1u << 10, 1};

	print_units(bytes, names, scales, 4, to);
}

static void
print_list(const struct texts *list, struct buf *to)
{
	buf_byte(to, '[');
	for (unsigned i = 0; i < list->count; i++) {
		if (i > 0)
			buf_add(to, S(", "));
		option_print_text(slice_str(list->at[i]), to);
	}
	buf_byte(to, ']');
}

static void
print_percent(uint64_t permille, struct buf *to)
{
	buf_u64(to, permille / 10);
	if (permille % 10 != 0)
		buf_printf(to, ".%u", (unsigned)(permille % 10));
	buf_byte(to, '%');
}

static void
print_usd(int64_t pusd, struct buf *to)
{
	char *p = buf_room(to, TEXT_PUSD_MAX);

	if (p != NULL)
		buf_wrote(to, text_pusd(p, pusd));
}

void
option_print(const struct option_row *row, const struct options *o, struct buf *to)
{
	const void *v = value_of(row, o);

	switch (row->type) {
	case OPTION_SECTION: break;
	case OPTION_TEXT:
	case OPTION_PATH: option_print_text(slice_str(*(char *const *)v), to); break;
	case OPTION_SECRET: buf_add(to, S("(set)")); break;
	case OPTION_COUNT: buf_u64(to, *(const uint64_t *)v); break;
	case OPTION_SPAN: print_span(*(const uint64_t *)v, to); break;
	case OPTION_BYTES: print_bytes(*(const uint64_t *)v, to); break;
	case OPTION_BOOL: buf_add(to, *(const bool *)v ? S("true") : S("false")); break;
	case OPTION_USD: print_usd(*(const int64_t *)v, to); break;
	case OPTION_PERCENT: print_percent(*(const uint64_t *)v, to); break;
	case OPTION_LIST: print_list(v, to); break;
	case OPTION_LEVEL:
		buf_printf(to, "%s", levels[*(const enum log_level *)v]);
		break;
	case OPTION_FORMAT:
		buf_printf(to, "%s", formats[*(const enum log_format *)v]);
		break;
	case OPTION_FULL: buf_printf(to, "%s", fulls[*(const enum full *)v]); break;
	case OPTION_POLICY:
		buf_printf(to, "%s", policy_name(*(const enum policy *)v));
		break;
	}
}
