#include "main/statement.h"

#include "core/text.h"
#include "main/csv.h"
#include "json/tape.h"

#include <string.h>

#define USD_DIGITS  12
#define CENT_DIGITS 10 /* of an amount in cents, to pico-USD */

struct reading {
	struct json tape;
	const struct json *j; /* that tape */
	struct arena *a;
	void (*fn)(void *arg, const struct statement_line *line);
	void *arg;
	struct note *note;
	bool anthropic;
};

static const char *const words[] = {"", "openai", "anthropic", "csv"};

bool
statement_format(struct slice word, enum statement_format *ret)
{
	for (unsigned f = STATEMENT_OPENAI; f <= STATEMENT_CSV; f++) {
		if (!slice_eq(word, slice_str(words[f])))
			continue;
		*ret = (enum statement_format)f;
		return true;
	}
	return false;
}

static bool
is_day(struct slice s)
{
	for (size_t i = 0; i < 10; i++)
		if (s.len < 10 || (i == 4 || i == 7 ? s.ptr[i] != '-'
						    : s.ptr[i] < '0' || s.ptr[i] > '9'))
			return false;
	return true;
}

/* --- amounts --- */

/* A number as text, of any precision. */
static bool
read_amount_text(struct slice text, unsigned digits, int64_t *ret)
{
	struct json j;
	bool ok;

	json_init(&j, 4);
	ok = json_parse(&j, slice_trim(text), 1) == ERR_OK &&
	     json_scaled(&j, 0, digits, ret);
	json_free(&j);
	return ok;
}

static bool
read_amount(const struct json *j, uint32_t v, unsigned digits, int64_t *ret)
{
	return json_scaled(j, v, digits, ret) ||
	       (json_is(j, v, JSON_STRING) &&
		   read_amount_text(json_inner(j, v), digits, ret));
}

static bool
is_usd(const struct json *j, uint32_t v)
{
	return v == JSON_NONE || slice_ieq(json_inner(j, v), S("usd"));
}

/* A count; what is not there is none. */
static uint64_t
count(const struct reading *r, uint32_t object, struct slice key)
{
	uint64_t n = 0;

	(void)json_u64(r->j, json_get(r->j, object, key), &n);
	return n;
}

static struct slice
text(const struct reading *r, uint32_t object, struct slice key)
{
	struct slice s = S("");

	(void)json_string(r->j, json_get(r->j, object, key), r->a, &s);
	return s;
}

static enum err
bad(struct reading *r, const char *what)
{
	note_set(r->note, "%s", what);
	return ERR_SYNTAX;
}

/* --- the two --- */

/* "gpt-4o-2024-08-06, input" is of the model before the comma. */
static struct slice
model_of_item(struct slice item)
{
	return slice_head(item, slice_search(item, S(", ")));
}

static enum err
read_openai(struct reading *r, uint32_t result, struct statement_line *line)
{
	const struct json *j = r->j;
	uint32_t amount = json_get(j, result, S("amount"));

	line->has_cost = amount != JSON_NONE;
	line->has_tokens = json_get(j, result, S("input_tokens")) != JSON_NONE;
	line->model = line->has_cost ? model_of_item(text(r, result, S("line_item")))
				     : text(r, result, S("model"));
	line->input_tok = count(r, result, S("input_tokens"));
	line->output_tok = count(r, result, S("output_tokens"));
	if (!line->has_cost)
		return ERR_OK;
	if (!is_usd(j, json_get(j, amount, S("currency"))))
		return bad(r, "an amount is in another currency than USD");
	return read_amount(
		   j, json_get(j, amount, S("value")), USD_DIGITS, &line->cost_pusd)
		   ? ERR_OK
		   : bad(r, "an \"amount\" has no \"value\" that is a number");
}

static enum err
read_anthropic(struct reading *r, uint32_t result, struct statement_line *line)
{
	const struct json *j = r->j;
	uint32_t amount = json_get(j, result, S("amount")),
		 written = json_get(j, result, S("cache_creation"));

	line->has_cost = amount != JSON_NONE;
	line->has_tokens = json_get(j, result, S("uncached_input_tokens")) != JSON_NONE;
	line->model = text(r, result, S("model"));
	/* What is paid beside models has a name of its own. */
	if (line->model.len == 0 && line->has_cost)
		line->model = text(r, result, S("description"));
	line->input_tok = count(r, result, S("uncached_input_tokens")) +
			  count(r, result, S("cache_read_input_tokens")) +
			  count(r, written, S("ephemeral_5m_input_tokens")) +
			  count(r, written, S("ephemeral_1h_input_tokens"));
	line->output_tok = count(r, result, S("output_tokens"));
	if (!line->has_cost)
		return ERR_OK;
	if (!is_usd(j, json_get(j, result, S("currency"))))
		return bad(r, "an amount is in another currency than USD");
	return read_amount(j, amount, CENT_DIGITS, &line->cost_pusd)
		   ? ERR_OK
		   : bad(r, "an \"amount\" is no number");
}

/* The day of the bucket's begin. */
static bool
read_day(struct reading *r, uint32_t bucket, struct slice *ret_day)
{
	struct slice start = text(r, bucket, S("starting_at"));
	char time[TEXT_TIME_MAX];
	uint64_t seconds;

	if (!r->anthropic) {
		if (!json_u64(r->j, json_get(r->j, bucket, S("start_time")), &seconds) ||
		    seconds > UINT32_MAX)
			return false;
		start = slice_of(time, text_time(time, seconds * 1000));
	}
	return is_day(start) && arena_copy(r->a, slice_head(start, 10), ret_day);
}

static enum err
read_bucket(struct reading *r, uint32_t bucket)
{
	uint32_t results = json_get(r->j, bucket, S("results"));
	struct slice day;
	enum err e = ERR_OK;

	if (!json_is(r->j, results, JSON_ARRAY))
		return bad(r, "a bucket has no \"results\"");
	if (!read_day(r, bucket, &day))
		return bad(r, r->anthropic ? "a bucket has no \"starting_at\""
					   : "a bucket has no \"start_time\"");
	JSON_FOR_EACH (result, r->j, results) {
		struct statement_line line = {.day = day, .model = S("")};

		e = r->anthropic ? read_anthropic(r, result, &line)
				 : read_openai(r, result, &line);
		if (e == ERR_OK && !line.has_tokens && !line.has_cost)
			e = bad(r, "a result has neither tokens nor an amount");
		if (e != ERR_OK)
			break;
		r->fn(r->arg, &line);
	}
	return e;
}

/* A page is an object with "data"; lists are of pages or of buckets. */
static enum err
read_pages(struct reading *r, uint32_t v, unsigned depth)
{
	uint32_t data = json_get(r->j, v, S("data"));
	enum err e = ERR_OK;

	if (data != JSON_NONE && depth < 4)
		return read_pages(r, data, depth + 1);
	if (json_is(r->j, v, JSON_OBJECT))
		return read_bucket(r, v);
	if (!json_is(r->j, v, JSON_ARRAY) || depth >= 4)
		return bad(r, "expected pages of buckets (\"data\", \"results\")");
	JSON_FOR_EACH (one, r->j, v) {
		e = read_pages(r, one, depth + 1);
		if (e != ERR_OK)
			break;
	}
	return e;
}

static enum err
read_json(struct reading *r, struct slice all)
{
	enum err e;

	json_init(&r->tape, UINT32_MAX / 64);
	r->j = &r->tape;
	e = json_parse(&r->tape, all, JSON_KEEP_ALL);
	if (e == ERR_SYNTAX)
		note_set(
		    r->note, "expected %s at byte %zu", r->tape.why, r->tape.error_at);
	if (e == ERR_OK)
		e = read_pages(r, 0, 0);
	json_free(&r->tape);
	return e;
}

/* --- CSV --- */

enum column {
	COLUMN_DATE,
	COLUMN_MODEL,
	COLUMN_INPUT,
	COLUMN_OUTPUT,
	COLUMN_COST,
	COLUMNS
};

static const char *const columns[COLUMNS] = {
    "date", "model", "input_tokens", "output_tokens", "cost_usd"};

static struct slice
field(const struct slice *fields, unsigned n, const unsigned *at, enum column c)
{
	return at[c] < n ? slice_trim(fields[at[c]]) : S("");
}

static enum err
read_csv_line(struct reading *r, const struct slice *fields, unsigned n,
    const unsigned *at, unsigned number)
{
	struct slice input = field(fields, n, at, COLUMN_INPUT),
		     output = field(fields, n, at, COLUMN_OUTPUT),
		     cost = field(fields, n, at, COLUMN_COST);
	struct statement_line line = {
	    .day = slice_head(field(fields, n, at, COLUMN_DATE), 10),
	    .model = field(fields, n, at, COLUMN_MODEL),
	    .has_tokens = input.len + output.len > 0,
	    .has_cost = cost.len > 0};

	if (!is_day(line.day) || (input.len > 0 && !slice_u64(input, &line.input_tok)) ||
	    (output.len > 0 && !slice_u64(output, &line.output_tok)) ||
	    (line.has_cost && !read_amount_text(cost, USD_DIGITS, &line.cost_pusd))) {
		note_set(r->note,
		    "line %u: a date is like 2026-01-31, tokens are whole numbers, a "
		    "cost is a number of USD",
		    number);
		return ERR_SYNTAX;
	}
	r->fn(r->arg, &line);
	return ERR_OK;
}

static enum err
read_csv(struct reading *r, struct slice all)
{
	struct slice fields[CSV_FIELDS_MAX];
	unsigned at[COLUMNS], n, number = 1;
	enum err e = ERR_OK;

	if (slice_starts(all, S("\xef\xbb\xbf")))
		all = slice_from(all, 3);
	n = csv_take(&all, r->a, fields);
	for (unsigned c = 0; c < COLUMNS; c++) {
		at[c] = 0;
		while (at[c] < n &&
		       !slice_ieq(slice_trim(fields[at[c]]), slice_str(columns[c])))
			at[c]++;
	}
	if (at[COLUMN_DATE] == n ||
	    (at[COLUMN_INPUT] == n && at[COLUMN_OUTPUT] == n && at[COLUMN_COST] == n))
		return bad(r, "the first line names the columns: date, model, "
			      "input_tokens, output_tokens, cost_usd");
	while (e == ERR_OK && (n = csv_take(&all, r->a, fields)) > 0) {
		number++;
		if (n > 1 || fields[0].len > 0)
			e = read_csv_line(r, fields, n, at, number);
	}
	return e;
}

enum err
statement_read(struct slice all, struct arena *a,
    void (*fn)(void *arg, const struct statement_line *line), void *arg,
    enum statement_format *format, struct note *note)
{
	struct reading r = {.a = a, .fn = fn, .arg = arg, .note = note};
	struct slice trimmed = all;

	while (trimmed.len > 0 && strchr(" \t\r\n", trimmed.ptr[0]) != NULL)
		trimmed = slice_from(trimmed, 1);
	if (*format == STATEMENT_ANY && trimmed.len > 0 &&
	    (trimmed.ptr[0] == '{' || trimmed.ptr[0] == '['))
		*format = slice_search(all, S("\"starting_at\"")) < all.len
			      ? STATEMENT_ANTHROPIC
			      : STATEMENT_OPENAI;
	else if (*format == STATEMENT_ANY)
		*format = STATEMENT_CSV;
	r.anthropic = *format == STATEMENT_ANTHROPIC;
	return *format == STATEMENT_CSV ? read_csv(&r, all) : read_json(&r, all);
}
