#include "store/accountdb_json.h"

#include "core/text.h"
#include "quota/modelbudget.h"
#include "quota/rule.h"
#include "json/write.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LIST_BYTES 2000
#define ARENA_MAX  (64u << 10)

static const struct accountdb_field fields[] = {
#define FIELD(name, type, keys, member, help)                                            \
	{name, FIELD_##type, keys, offsetof(struct accountdb_row, member), help},
#include "store/account_fields.def"
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))

const struct accountdb_field *
accountdb_json_field(unsigned i)
{
	return i < FIELDS ? &fields[i] : NULL;
}

/* --- written --- */

void
accountdb_json_time(struct buf *to, struct slice key, uint64_t ms)
{
	char time[TEXT_TIME_MAX];

	json_key(to, key);
	if (ms == 0)
		json_put_null(to);
	else
		json_quote(to, slice_of(time, text_time(time, ms)));
}

static void
put_text(struct buf *to, const char *text)
{
	if (text == NULL || text[0] == '\0')
		json_put_null(to);
	else
		json_quote(to, slice_str(text));
}

static void
put_zone(struct buf *to, int offset_min)
{
	unsigned minutes = (unsigned)abs(offset_min);
	char text[16];

	(void)snprintf(text, sizeof(text), "%c%02u:%02u", offset_min < 0 ? '-' : '+',
	    minutes / 60 % 100, minutes % 60);
	json_quote(to, slice_str(text));
}

static void
put_field(
    const struct accountdb_field *f, const struct accountdb_row *row, struct buf *to)
{
	const void *at = (const char *)row + f->offset;
	struct slice name = slice_str(f->name);

	if (f->type == FIELD_TIME) {
		accountdb_json_time(to, name, *(const uint64_t *)at);
		return;
	}
	json_key(to, name);
	switch (f->type) {
	case FIELD_LIMIT:
		if (*(const int64_t *)at == QUOTA_NONE)
			json_put_null(to);
		else
			json_put_i64(to, *(const int64_t *)at);
		break;
	case FIELD_PERIOD:
		json_quote(to, slice_str(period_name(*(const enum period *)at)));
		break;
	case FIELD_ZONE: put_zone(to, *(const int *)at); break;
	case FIELD_FLAG: json_put_bool(to, *(const bool *)at); break;
	case FIELD_BASIS:
		if (*(const int64_t *)at == ACCOUNTDB_MARKUP_NONE)
			json_put_null(to);
		else
			json_put_i64(to, *(const int64_t *)at);
		break;
	case FIELD_LIST:
	case FIELD_BUDGETS:
	case FIELD_NETWORKS: put_text(to, *(char *const *)at); break;
	case FIELD_TIME: break;
	}
}

void
accountdb_json_put(const struct accountdb_row *row, struct buf *to)
{
	enum account_level last = row->level == LEVEL_KEY ? LEVEL_TEAM : row->level + 1;

	for (enum account_level l = row->level + 1; l <= last && l < LEVELS; l++) {
		json_key(to, slice_str(account_level_name(l)));
		put_text(to, row->above_level == l ? row->above : NULL);
	}
	for (unsigned i = 0; i < FIELDS; i++)
		if (!fields[i].keys || row->level == LEVEL_KEY)
			put_field(&fields[i], row, to);
}

void
accountdb_json_row(const struct accountdb_row *row, struct buf *to)
{
	json_open(to, '{');
	json_member(to, S("name"), slice_str(row->name));
	accountdb_json_put(row, to);
	json_close(to, '}');
}

/* --- read --- */

bool
accountdb_json_read_time(struct slice text, uint64_t *ret_ms)
{
	char copy[40];
	struct tm tm = {0};
	const char *end;
	uint64_t ms = 0;
	time_t s;

	if (text.len >= sizeof(copy))
		return false;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	end = strptime(copy, "%Y-%m-%d", &tm);
	if (end != NULL && *end == 'T')
		end = strptime(end, "T%H:%M:%S", &tm);
	else if (end != NULL && *end != '\0')
		return false;
	if (end != NULL && *end == '.') {
		char digits[4] = "000";
		size_t n = strspn(end + 1, "0123456789");

		memcpy(digits, end + 1, n < 3 ? n : 3);
		ms = (uint64_t)strtoul(digits, NULL, 10);
		end += 1 + n;
	}
	if (end == NULL || (strcmp(end, "Z") != 0 && (*end != '\0' || text.len > 10)))
		return false;
	s = timegm(&tm);
	if (s < 0)
		return false;
	*ret_ms = (uint64_t)s * 1000 + ms;
	return true;
}

static bool
read_zone(struct slice text, int *ret_min)
{
	uint64_t hours, minutes;

	if (text.len != 6 || text.ptr[3] != ':' || strchr("+-", text.ptr[0]) == NULL ||
	    !slice_u64(slice_of(text.ptr + 1, 2), &hours) ||
	    !slice_u64(slice_from(text, 4), &minutes) || hours > 14 || minutes > 59)
		return false;
	*ret_min = (int)(hours * 60 + minutes) * (text.ptr[0] == '-' ? -1 : 1);
	return true;
}

static bool
read_list(struct slice text, bool networks, char **list)
{
	char *copy = NULL;

	if (text.ptr != NULL) {
		if (text.len == 0 || text.len > LIST_BYTES ||
		    memchr(text.ptr, '\0', text.len) != NULL)
			return false;
		copy = slice_dup(text);
		if (copy == NULL || (networks && rule_bad_network(copy).len > 0)) {
			free(copy);
			return false;
		}
	}
	free(*list);
	*list = copy;
	return true;
}

/* They take the place of those that there are. */
static bool
read_budgets(struct slice text, char **list)
{
	char *made = NULL;

	if (text.ptr != NULL &&
	    (text.len > LIST_BYTES || memchr(text.ptr, '\0', text.len) != NULL ||
		modelbudget_edit(&made, text) != ERR_OK))
		return false;
	free(*list);
	*list = made;
	return true;
}

static bool
read_limit(const struct json *j, uint32_t v, int64_t *ret)
{
	uint64_t n;

	if (json_is(j, v, JSON_NULL)) {
		*ret = QUOTA_NONE;
		return true;
	}
	if (!json_u64(j, v, &n) || n > INT64_MAX / 2)
		return false;
	*ret = (int64_t)n;
	return true;
}

static bool
read_basis(const struct json *j, uint32_t v, int64_t *ret)
{
	int64_t bp, scaled;

	if (json_is(j, v, JSON_NULL)) {
		*ret = ACCOUNTDB_MARKUP_NONE;
		return true;
	}
	if (!json_scaled(j, v, 0, &bp) || !json_scaled(j, v, 3, &scaled) ||
	    scaled != bp * 1000 || bp < ACCOUNTDB_MARKUP_MIN || bp > ACCOUNTDB_MARKUP_MAX)
		return false;
	*ret = bp;
	return true;
}

/* The value that the field wants, into the row. */
static bool
read_value(const struct accountdb_field *f, const struct json *j, uint32_t v,
    struct slice text, struct accountdb_row *row)
{
	void *at = (char *)row + f->offset;
	bool null = json_is(j, v, JSON_NULL);

	switch (f->type) {
	case FIELD_LIMIT: return read_limit(j, v, at);
	case FIELD_PERIOD: return period_read(text, at);
	case FIELD_ZONE: return read_zone(text, at);
	case FIELD_FLAG:
		*(bool *)at = json_is(j, v, JSON_TRUE);
		return json_is(j, v, JSON_TRUE) || json_is(j, v, JSON_FALSE);
	case FIELD_BASIS: return read_basis(j, v, at);
	case FIELD_BUDGETS: return (null || text.ptr != NULL) && read_budgets(text, at);
	case FIELD_LIST:
	case FIELD_NETWORKS:
		return (null || text.ptr != NULL) &&
		       read_list(text, f->type == FIELD_NETWORKS, at);
	case FIELD_TIME:
		if (!null)
			return text.ptr != NULL && accountdb_json_read_time(text, at);
		*(uint64_t *)at = 0;
		return true;
	}
	return false;
}

bool
accountdb_json_above(
    struct accountdb_row *row, enum account_level level, struct slice name)
{
	char *copy = slice_dup(name);

	if (copy == NULL)
		return false;
	free(row->above);
	row->above = copy;
	row->above_level = copy[0] == '\0' ? LEVEL_KEY : level;
	return true;
}

/* The level that a member of that name would put it under; LEVEL_KEY: none. */
static enum account_level
level_above(enum account_level own, struct slice name)
{
	enum account_level last = own == LEVEL_KEY ? LEVEL_TEAM : own + 1;

	for (enum account_level l = own + 1; l <= last && l < LEVELS; l++)
		if (slice_eq(name, slice_str(account_level_name(l))))
			return l;
	return LEVEL_KEY;
}

static enum err
bad(struct note *note, struct slice name, const char *what)
{
	note_set(note, "\"%.*s\" %s", SLICE_ARGS(slice_head(name, 60)), what);
	return ERR_BAD_REQUEST;
}

static enum err
read_above(struct accountdb_row *row, enum account_level level, struct slice text,
    bool null, struct note *note)
{
	/* Of two that could be above a key, a null for one leaves the other. */
	if (null && row->above_level != level)
		return ERR_OK;
	if (!null && (text.len == 0 || memchr(text.ptr, '\0', text.len) != NULL))
		return bad(
		    note, slice_str(account_level_name(level)), "wants a name, or null");
	return accountdb_json_above(row, level, null ? S("") : text) ? ERR_OK : ERR_NOMEM;
}

static enum err
read_member(const struct json *j, struct slice name, uint32_t v, struct arena *a,
    struct accountdb_row *row, struct note *note)
{
	static const char *const wanted[] = {
	    [FIELD_LIMIT] = "wants a whole number, or null",
	    [FIELD_PERIOD] = "wants day, week, month or total",
	    [FIELD_ZONE] = "wants an offset from UTC, like \"+02:00\"",
	    [FIELD_FLAG] = "wants true or false",
	    [FIELD_BASIS] = ("wants a whole number of hundredths of a percent, from "
			     "-10000 to 10000000, or null"),
	    [FIELD_LIST] = "wants a list apart by commas, or null",
	    [FIELD_NETWORKS] = "wants networks like \"10.0.0.0/8,::1\", or null",
	    [FIELD_BUDGETS] =
		("wants budgets like \"acme/*=5/month,openai/gpt-5=1/day\", "
		 "up to 8, or null"),
	    [FIELD_TIME] = "wants a time like \"2026-12-31T00:00:00Z\", or null"};
	enum account_level above = level_above(row->level, name);
	struct slice text = {NULL, 0};

	if (json_is(j, v, JSON_STRING) && !json_string(j, v, a, &text))
		return ERR_NOMEM;
	if (above != LEVEL_KEY) {
		if (text.ptr == NULL && !json_is(j, v, JSON_NULL))
			return bad(note, name, "wants a name, or null");
		return read_above(row, above, text, json_is(j, v, JSON_NULL), note);
	}
	for (unsigned i = 0; i < FIELDS; i++) {
		const struct accountdb_field *f = &fields[i];

		if (!slice_eq(name, slice_str(f->name)) ||
		    (f->keys && row->level != LEVEL_KEY))
			continue;
		return read_value(f, j, v, text, row) ? ERR_OK
						      : bad(note, name, wanted[f->type]);
	}
	return bad(note, name, "is nothing that can be set here");
}

enum err
accountdb_json_read(const struct json *j, uint32_t object, struct slice passed,
    struct accountdb_row *row, struct note *note)
{
	struct arena a;
	enum err e = ERR_OK;

	if (!json_is(j, object, JSON_OBJECT)) {
		note_set(note, "the body must be a JSON object");
		return ERR_BAD_REQUEST;
	}
	note_set(note, "out of memory");
	arena_init(&a, NULL, 0, ARENA_MAX);
	for (uint32_t k = json_first(j, object); e == ERR_OK && k != JSON_NONE;
	     k = json_after(j, object, k + 1)) {
		struct slice name;

		if (!json_string(j, k, &a, &name))
			e = ERR_NOMEM;
		else if (!slice_eq(name, S("name")) && !slice_eq(name, passed))
			e = read_member(j, name, k + 1, &a, row, note);
	}
	arena_free(&a);
	return e;
}
