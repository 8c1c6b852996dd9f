/*
 * weir reconcile: the ledger beside what a provider says.
 */
#include "core/map.h"
#include "core/text.h"
#include "core/wide.h"
#include "main/command.h"
#include "main/statement.h"
#include "main/table.h"
#include "store/ledger_sum.h"
#include "json/write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char help[] =
    "usage: weir reconcile FILE [--format openai|anthropic|csv] [--provider NAME]\n"
    "                      [--tolerance 0.5%|USD] [--json]\n\n"
    "Compares the ledger with a provider's usage or costs by day (UTC) and model,\n"
    "and lists the differences. Ends with 0 when there are none, 1 when there are\n"
    "some, 2 when it could not compare. The files: docs/bill.md.\n\n"
    "  --provider NAME  whose requests; openai and anthropic for their formats,\n"
    "                   else all\n"
    "  --tolerance      what may differ: a share of tokens and cost, or an amount\n"
    "                   of the cost; both can be given\n"
    "  --json           all days and models, also those that are equal\n";

#define FILE_BYTES_MAX	(256u << 20)
#define ARENA_BYTES_MAX (512u << 20)

struct side {
	uint64_t input_tok, output_tok;
	int64_t cost_pusd;
};

struct entry {
	struct slice day, model; /* model empty: all of that day */
	struct side ours, theirs;
	uint64_t unpriced;
};

struct compare {
	struct args *args;
	const char *file, *provider;
	enum statement_format format;
	int64_t tolerance_bp, tolerance_pusd;
	struct arena arena;
	struct map entries; /* by "day\nmodel" */
	struct entry **all;
	unsigned n, cap;
	bool has_tokens, has_cost, nomem;
	struct slice first, last; /* days */
};

/* --- gathering --- */

static struct entry *
find(struct compare *c, struct slice day, struct slice model)
{
	char key[512];
	int n =
	    snprintf(key, sizeof(key), "%.*s\n%.*s", SLICE_ARGS(day), SLICE_ARGS(model));

	return n < 0 || (size_t)n >= sizeof(key)
		   ? NULL
		   : map_get(&c->entries, slice_of(key, (size_t)n));
}

static struct entry *
make(struct compare *c, struct slice day, struct slice model)
{
	struct entry *e = arena_zalloc(&c->arena, sizeof(*e)), **all;
	struct slice key =
	    arena_printf(&c->arena, "%.*s\n%.*s", SLICE_ARGS(day), SLICE_ARGS(model));

	if (c->n == c->cap) {
		c->cap = c->cap == 0 ? 64 : c->cap * 2;
		all = realloc(c->all, c->cap * sizeof(struct entry *));
		if (all == NULL)
			return NULL;
		c->all = all;
	}
	if (e == NULL || key.len == 0 || map_put(&c->entries, key, e) != ERR_OK)
		return NULL;
	e->day = slice_head(key, day.len);
	e->model = slice_from(key, day.len + 1);
	c->all[c->n++] = e;
	return e;
}

static struct entry *
entry_of(struct compare *c, struct slice day, struct slice model)
{
	struct entry *e = find(c, day, slice_head(model, 300));

	if (e == NULL)
		e = make(c, day, slice_head(model, 300));
	c->nomem = c->nomem || e == NULL;
	return e;
}

static int64_t
add(int64_t a, int64_t b)
{
	int64_t sum;

	if (!__builtin_add_overflow(a, b, &sum))
		return sum;
	return b < 0 ? INT64_MIN : INT64_MAX;
}

static void
on_line(void *arg, const struct statement_line *line)
{
	struct compare *c = arg;
	struct entry *e = entry_of(c, line->day, line->model);

	if (e == NULL)
		return;
	e->theirs.input_tok += line->input_tok;
	e->theirs.output_tok += line->output_tok;
	e->theirs.cost_pusd = add(e->theirs.cost_pusd, line->cost_pusd);
	c->has_tokens = c->has_tokens || line->has_tokens;
	c->has_cost = c->has_cost || line->has_cost;
	if (c->first.len == 0 || slice_cmp(e->day, c->first) < 0)
		c->first = e->day;
	if (slice_cmp(e->day, c->last) > 0)
		c->last = e->day;
}

static void
on_sum(void *arg, const struct usage_sum *s)
{
	struct compare *c = arg;
	struct slice day = s->group[GROUP_DAY];
	struct entry *e = find(c, day, S(""));
	struct usage u = {0};

	if (e == NULL)
		e = entry_of(c, day, s->group[GROUP_UPSTREAM]);
	if (e == NULL)
		return;
	memcpy(u.count, s->count, sizeof(u.count));
	e->ours.input_tok += usage_input_tok(&u);
	e->ours.output_tok += usage_output_tok(&u);
	e->ours.cost_pusd = add(e->ours.cost_pusd, s->cost_pusd);
	e->unpriced += s->unpriced;
}

/* --- comparing --- */

static bool
is_beyond(const struct compare *c, wide ours, wide theirs, bool money)
{
	wide d = ours > theirs ? ours - theirs : theirs - ours,
	     size = theirs < 0 ? -theirs : theirs;

	return d * 10000 > size * c->tolerance_bp && (!money || d > c->tolerance_pusd);
}

static bool
differs(const struct compare *c, const struct entry *e)
{
	const struct side *a = &e->ours, *b = &e->theirs;

	return (c->has_tokens &&
		   (is_beyond(c, a->input_tok, b->input_tok, false) ||
		       is_beyond(c, a->output_tok, b->output_tok, false))) ||
	       (c->has_cost && is_beyond(c, a->cost_pusd, b->cost_pusd, true));
}

static int
by_day(const void *a, const void *b)
{
	const struct entry *const *x = a, *const *y = b;
	int day = slice_cmp((*x)->day, (*y)->day);

	return day != 0 ? day : slice_cmp((*x)->model, (*y)->model);
}

static void
put_side(struct buf *b, const struct compare *c, const char *name, const struct side *s)
{
	json_key(b, slice_str(name));
	json_open(b, '{');
	if (c->has_tokens) {
		json_member_u64(b, S("input_tokens"), s->input_tok);
		json_member_u64(b, S("output_tokens"), s->output_tok);
	}
	if (c->has_cost) {
		json_key(b, S("cost_pusd"));
		json_put_i64(b, s->cost_pusd);
	}
	json_close(b, '}');
}

static void
put_json(struct buf *b, const struct compare *c, const struct entry *e)
{
	json_open(b, '{');
	json_member(b, S("day"), e->day);
	json_key(b, S("model"));
	if (e->model.len > 0)
		json_quote(b, e->model);
	else
		json_put_null(b);
	put_side(b, c, "ledger", &e->ours);
	put_side(b, c, "provider", &e->theirs);
	json_member_u64(b, S("unpriced_requests"), e->unpriced);
	json_key(b, S("differs"));
	json_put_bool(b, differs(c, e));
	json_close(b, '}');
}

static void
put_row(struct table *t, const struct compare *c, const struct entry *e)
{
	const struct side *sides[] = {&e->ours, &e->theirs};
	char text[TEXT_PUSD_MAX];

	table_cell(t, e->day);
	table_cell(t, e->model.len == 0 ? S("(all)") : e->model);
	for (unsigned i = 0; c->has_tokens && i < 2; i++)
		table_number(t, sides[i]->input_tok);
	for (unsigned i = 0; c->has_tokens && i < 2; i++)
		table_number(t, sides[i]->output_tok);
	for (unsigned i = 0; c->has_cost && i < 2; i++)
		table_cell(t, slice_of(text, text_pusd(text, sides[i]->cost_pusd)));
}

static void
start_table(struct table *t, const struct compare *c)
{
	const char *titles[8] = {"day", "model"};
	unsigned n = 2;

	if (c->has_tokens) {
		titles[n++] = ">input";
		titles[n++] = ">theirs";
		titles[n++] = ">output";
		titles[n++] = ">theirs";
	}
	if (c->has_cost) {
		titles[n++] = ">USD";
		titles[n++] = ">theirs";
	}
	table_init(t, n, titles);
}

/* Returns how many differ. */
static unsigned
print(const struct compare *c)
{
	unsigned different = 0;
	struct table t;
	struct buf json;

	qsort(c->all, c->n, sizeof(struct entry *), by_day);
	start_table(&t, c);
	buf_init(&json, 1u << 30);
	json_open(&json, '[');
	for (unsigned i = 0; i < c->n; i++) {
		put_json(&json, c, c->all[i]);
		if (!differs(c, c->all[i]))
			continue;
		different++;
		put_row(&t, c, c->all[i]);
	}
	json_close(&json, ']');
	buf_byte(&json, '\n');
	if (c->args->json)
		command_print(buf_slice(&json));
	if (c->args->json || different == 0)
		table_done(&t);
	else
		table_print(&t);
	buf_free(&json);
	(void)fprintf(stderr, "%u of %u days and models differ\n", different, c->n);
	return different;
}

/* --- the command --- */

static bool
read_all(const char *path, struct buf *to)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;
	char *room;

	if (fd < 0)
		return false;
	while ((room = buf_room(to, 65536)) != NULL && (n = read(fd, room, 65536)) > 0)
		buf_wrote(to, (size_t)n);
	(void)close(fd);
	return n == 0;
}

static int
compare_all(struct compare *c, struct db *db)
{
	struct usage_query q = {.by = BY_DAY | BY_UPSTREAM};
	struct note note = {"out of memory"};
	enum err e;

	if (c->provider == NULL && c->format == STATEMENT_OPENAI)
		c->provider = "openai";
	if (c->provider == NULL && c->format == STATEMENT_ANTHROPIC)
		c->provider = "anthropic";
	if (c->provider != NULL)
		q.provider = slice_str(c->provider);
	if (!ledger_sum_read_day(c->first, &q.since_ms) ||
	    !ledger_sum_read_day(c->last, &q.until_ms)) {
		(void)fprintf(stderr, "weir: %s: there is no day in it\n", c->file);
		return 2;
	}
	q.until_ms += 86400000;
	e = ledger_usage(db, &q, on_sum, c, &note);
	if (e == ERR_OK && !c->nomem)
		return print(c) > 0 ? 1 : 0;
	(void)fprintf(stderr, "weir: %s\n", note.text);
	return 2;
}

static int
run(struct compare *c, struct db *db)
{
	struct note note = {"out of memory"};
	struct buf text;
	int status = 2;

	buf_init(&text, FILE_BYTES_MAX);
	if (!read_all(c->file, &text))
		(void)fprintf(
		    stderr, "weir: cannot read %s: %s\n", c->file, strerror(errno));
	else if (statement_read(buf_slice(&text), &c->arena, on_line, c, &c->format,
		     &note) != ERR_OK ||
		 c->nomem)
		(void)fprintf(stderr, "weir: %s: %s\n", c->file, note.text);
	else
		status = compare_all(c, db);
	buf_free(&text);
	return status;
}

static int
take_tolerance(struct args *a, struct compare *c, const char *arg)
{
	struct slice s = slice_str(arg);
	bool ok = slice_ends(s, S("%"))
		      ? text_scaled(slice_head(s, s.len - 1), 2, &c->tolerance_bp) &&
			    c->tolerance_bp <= 10000
		      : text_scaled(s, 12, &c->tolerance_pusd);

	return ok ? 0
		  : args_bad(a, "--tolerance wants a percentage like 0.5%% or an "
				"amount of USD like 0.01");
}

static int
read_args(struct args *a, struct compare *c)
{
	const char *arg;
	int status = 0;

	while (status == 0 && (arg = args_next(a, help)) != NULL) {
		if (strcmp(arg, "--format") == 0) {
			if (!statement_format(slice_str(args_value(a, arg)), &c->format))
				status = args_bad(
				    a, "--format wants openai, anthropic or csv");
		} else if (strcmp(arg, "--provider") == 0) {
			c->provider = args_value(a, arg);
		} else if (strcmp(arg, "--tolerance") == 0) {
			status = take_tolerance(a, c, args_value(a, arg));
		} else if (arg[0] == '-' || c->file != NULL) {
			status = args_unknown(a, arg);
		} else {
			c->file = arg;
		}
	}
	if (status == 0 && c->file == NULL)
		status = args_bad(a, "a file is wanted");
	return status;
}

int
cmd_reconcile(struct args *a)
{
	struct compare c = {.args = a, .first = S(""), .last = S("")};
	struct config *config;
	struct db *db;
	int status = read_args(a, &c);

	if (status != 0)
		return status;
	arena_init(&c.arena, NULL, 0, ARENA_BYTES_MAX);
	map_init(&c.entries);
	config = command_config(a, false);
	db = config == NULL ? NULL : command_database(config);
	status = db == NULL ? 2 : run(&c, db);
	db_close(db);
	config_unref(config);
	map_free(&c.entries);
	arena_free(&c.arena);
	free(c.all);
	return status;
}
