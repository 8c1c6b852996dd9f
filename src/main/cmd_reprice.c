/*
 * weir reprice: what past requests cost by the prices of now, and corrections of it.
 */
#include "core/arena.h"
#include "core/clock.h"
#include "core/text.h"
#include "main/command.h"
#include "main/table.h"
#include "store/audit.h"
#include "store/ledger_sum.h"
#include "store/reprice.h"
#include "json/write.h"

#include <stdio.h>

static const char help[] =
    "usage: weir reprice --since DAY [--until DAY] [--dry-run] [--json]\n\n"
    "Prices the requests of these days (UTC) again, each by the row that holds at\n"
    "its start in the prices of now, shows the differences by model and provider,\n"
    "and writes them as corrections, which usage, invoices and budgets add. The\n"
    "ledger's rows stay as they are, and so do requests of which the prices of now\n"
    "say nothing.\n\n"
    "  --until DAY  up to and with this day\n"
    "  --dry-run    shows, and writes nothing\n";

#define SUMS_BYTES (64u << 20)

struct sum {
	struct slice model, provider;
	uint64_t requests, changed, unknown;
	int64_t before_pusd, after_pusd;
	struct sum *next;
};

struct report {
	struct arena arena;
	struct map sums;
	struct sum *first, **end;
	struct sum total;
	bool nomem;
};

static int64_t
add(int64_t a, int64_t b)
{
	int64_t sum;

	if (!__builtin_add_overflow(a, b, &sum))
		return sum;
	return b < 0 ? INT64_MIN : INT64_MAX;
}

static struct sum *
sum_of(struct report *p, const struct reprice_row *row)
{
	struct slice key;
	char text[1024];
	struct sum *s;
	int n = snprintf(text, sizeof(text), "%.*s\n%.*s", SLICE_ARGS(row->model),
	    SLICE_ARGS(row->provider));

	key = slice_of(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
	s = map_get(&p->sums, key);
	if (s != NULL)
		return s;
	s = arena_zalloc(&p->arena, sizeof(*s));
	if (s == NULL || !arena_copy(&p->arena, key, &key) ||
	    !arena_copy(&p->arena, row->model, &s->model) ||
	    !arena_copy(&p->arena, row->provider, &s->provider) ||
	    map_put(&p->sums, key, s) != ERR_OK)
		return NULL;
	*p->end = s;
	p->end = &s->next;
	return s;
}

static void
count(struct sum *s, const struct reprice_row *row)
{
	int64_t before = row->before_pusd == PRICE_UNKNOWN ? 0 : row->before_pusd;
	bool unknown = row->after_pusd == PRICE_UNKNOWN;

	s->requests++;
	s->unknown += unknown;
	s->changed += !unknown && row->after_pusd != row->before_pusd;
	s->before_pusd = add(s->before_pusd, before);
	s->after_pusd = add(s->after_pusd, unknown ? before : row->after_pusd);
}

static void
on_row(void *arg, const struct reprice_row *row)
{
	struct report *p = arg;
	struct sum *s = sum_of(p, row);

	if (s == NULL) {
		p->nomem = true;
		return;
	}
	count(s, row);
	count(&p->total, row);
}

/* --- shown --- */

static void
put_usd(struct table *t, int64_t pusd)
{
	char text[TEXT_PUSD_MAX];

	table_cell(t, slice_of(text, text_pusd(text, pusd)));
}

static void
put_row(struct table *t, const struct sum *s)
{
	table_cell(t, s->model);
	table_cell(t, s->provider);
	table_number(t, s->requests);
	table_number(t, s->changed);
	table_number(t, s->unknown);
	put_usd(t, s->before_pusd);
	put_usd(t, s->after_pusd);
	put_usd(t, add(s->after_pusd, s->before_pusd == INT64_MIN ? 0 : -s->before_pusd));
}

static void
print_table(const struct report *p)
{
	static const char *const titles[] = {"model", "provider", ">requests",
	    ">corrected", ">no price", ">USD before", ">USD after", ">difference"};
	struct table t;

	table_init(&t, 8, titles);
	for (const struct sum *s = p->first; s != NULL; s = s->next)
		put_row(&t, s);
	put_row(&t, &p->total);
	table_print(&t);
}

static void
put_json(struct buf *b, const struct report *p)
{
	json_open(b, '[');
	for (const struct sum *s = p->first; s != NULL; s = s->next) {
		json_open(b, '{');
		json_member(b, S("model"), s->model);
		json_member(b, S("provider"), s->provider);
		json_member_u64(b, S("requests"), s->requests);
		json_member_u64(b, S("corrected_requests"), s->changed);
		json_member_u64(b, S("unpriced_requests"), s->unknown);
		json_key(b, S("before_pusd"));
		json_put_i64(b, s->before_pusd);
		json_key(b, S("after_pusd"));
		json_put_i64(b, s->after_pusd);
		json_close(b, '}');
	}
	json_close(b, ']');
}

/* --- the command --- */

static int
read_args(struct args *a, struct reprice_query *q)
{
	bool since = false;
	const char *arg;

	while ((arg = args_next(a, help)) != NULL) {
		if (strcmp(arg, "--since") == 0) {
			since = ledger_sum_read_day(
			    slice_str(args_value(a, arg)), &q->since_ms);
			if (!since)
				return args_bad(a, "--since wants a day like 2026-01-31");
		} else if (strcmp(arg, "--until") == 0) {
			if (!ledger_sum_read_day(
				slice_str(args_value(a, arg)), &q->until_ms))
				return args_bad(a, "--until wants a day like 2026-01-31");
			q->until_ms += 86400000;
		} else if (strcmp(arg, "--dry-run") == 0) {
			q->dry = true;
		} else {
			return args_unknown(a, arg);
		}
	}
	return since ? 0 : args_bad(a, "--since is wanted");
}

static int
finish(const struct args *a, struct db *db, const struct reprice_query *q,
    const struct report *p)
{
	struct audit_actor by = command_actor();
	struct audit_row row = {
	    .action = S("reprice"), .kind = S("ledger"), .name = S("correction")};
	struct note note;
	struct buf json;
	enum err e = ERR_OK;

	buf_init(&json, SUMS_BYTES);
	put_json(&json, p);
	row.after = buf_slice(&json);
	if (!q->dry && p->total.changed > 0)
		e = audit_add(db, &by, &row, &note);
	if (e != ERR_OK)
		(void)fprintf(stderr, "weir: %s\n", note.text);
	if (a->json) {
		buf_byte(&json, '\n');
		command_print(buf_slice(&json));
	} else {
		print_table(p);
		(void)fprintf(stderr, "%llu corrections %s\n",
		    (unsigned long long)p->total.changed,
		    q->dry ? "would be written" : "written");
	}
	buf_free(&json);
	return e == ERR_OK ? 0 : 1;
}

static int
run(const struct args *a, struct db *db, const struct reprice_query *q)
{
	struct report p = {.total = {.model = S("total"), .provider = S("")}};
	struct note note;
	int status = 1;
	enum err e;

	p.end = &p.first;
	arena_init(&p.arena, NULL, 0, SUMS_BYTES);
	map_init(&p.sums);
	e = reprice(db, q, on_row, &p, &note);
	if (e == ERR_OK && !p.nomem)
		status = finish(a, db, q, &p);
	else
		(void)fprintf(
		    stderr, "weir: %s\n", p.nomem ? "out of memory" : note.text);
	map_free(&p.sums);
	arena_free(&p.arena);
	return status;
}

int
cmd_reprice(struct args *a)
{
	struct reprice_query q = {.until_ms = INT64_MAX, .now_ms = clock_unix_ms()};
	struct config *c;
	struct db *db;
	int status = read_args(a, &q);

	if (status != 0)
		return status;
	c = command_config(a, false);
	db = c == NULL ? NULL : command_database(c);
	if (db != NULL)
		q.catalog = c->catalog;
	status = db == NULL ? 1 : run(a, db, &q);
	db_close(db);
	config_unref(c);
	return status;
}
