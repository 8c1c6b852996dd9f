/*
 * weir invoice: what a team, an organisation, a user or a key used in a month, by model
 * and provider, and what that is to cost it.
 */
#include "core/arena.h"
#include "core/clock.h"
#include "core/text.h"
#include "main/command.h"
#include "main/csv.h"
#include "main/table.h"
#include "provider/catalog.h"
#include "provider/price.h"
#include "store/accountdb.h"
#include "store/billed.h"
#include "store/ledger_sum.h"
#include "json/write.h"

#include <stdio.h>

static const char help[] =
    "usage: weir invoice --team NAME --month YYYY-MM [--html|--csv|--json]\n"
    "       weir invoice --organisation|--user|--key NAME --month YYYY-MM ...\n\n"
    "What was used in the month (UTC), by model and provider, and what it costs:\n"
    "exact, corrections included. Where the prices (`weir prices import`) have\n"
    "internal ones for the team and model, those are charged instead. The mark-up\n"
    "(`weir team set NAME --markup 10%`) is its own, or that of whoever is above\n"
    "it; it is applied to the sum of all else and rounded once.\n\n"
    "  --html  a page to print\n"
    "  --csv   the lines, then the mark-up and the total\n"
    "  --json  the same; *_pusd are integers of pico-USD\n";

#define LINES_BYTES (256u << 20)

/* Requests with an internal price: what they are charged, and what they cost. */
struct inside {
	uint64_t requests;
	int64_t charged_pusd, cost_pusd;
};

struct line {
	struct usage_sum sum;
	struct inside inside;
	struct line *next;
};

struct invoice {
	const struct args *args;
	enum account_level level;
	const char *name, *month;
	bool html, exists;
	struct usage_query query;
	struct arena arena;
	const struct catalog *catalog;
	struct line *lines, **end;
	struct usage_sum total;
	struct inside inside;
	int64_t markup_bp;
	int64_t markup_pusd, due_pusd;
	bool nomem;
};

/* --- gathering --- */

static void
on_sum(void *arg, const struct usage_sum *s)
{
	struct invoice *v = arg;
	struct line *line = arena_zalloc(&v->arena, sizeof(*line));

	if (line == NULL) {
		v->nomem = true;
		return;
	}
	line->sum = *s;
	for (unsigned g = 0; g < GROUPS; g++)
		v->nomem =
		    v->nomem || !arena_copy(&v->arena, s->group[g], &line->sum.group[g]);
	*v->end = line;
	v->end = &line->next;
	ledger_sum_add(&v->total, s);
}

static int64_t
add(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static struct line *
line_of(const struct invoice *v, const struct billed_row *row)
{
	struct line *l = v->lines;

	while (l != NULL && (!slice_eq(l->sum.group[GROUP_SERVED], row->model) ||
				!slice_eq(l->sum.group[GROUP_PROVIDER], row->provider)))
		l = l->next;
	return l;
}

/* Each request is priced and rounded by itself, as its cost is. */
static void
on_row(void *arg, const struct billed_row *row)
{
	struct invoice *v = arg;
	const struct price *rows =
	    catalog_internal(v->catalog, row->team, row->organisation, row->model);
	const struct price *p = price_at(
	    rows, row->start_ms, tier_of(row->tier), usage_input_tok(&row->usage));
	struct line *l = p == NULL || !row->usage.known ? NULL : line_of(v, row);
	int64_t charged = l == NULL ? PRICE_UNKNOWN : price_cost_pusd(p, &row->usage);
	bool known = row->due_pusd != PRICE_UNKNOWN;
	struct inside *both[2];

	if (charged == PRICE_UNKNOWN)
		return;
	both[0] = &l->inside;
	both[1] = &v->inside;
	for (unsigned i = 0; i < 2; i++) {
		both[i]->requests++;
		both[i]->charged_pusd = add(both[i]->charged_pusd, charged);
		both[i]->cost_pusd = add(both[i]->cost_pusd, known ? row->due_pusd : 0);
	}
	l->sum.unpriced -= !known && l->sum.unpriced > 0;
	v->total.unpriced -= !known && v->total.unpriced > 0;
}

/* What is charged for it, ahead of the mark-up. */
static int64_t
charged(const struct usage_sum *s, const struct inside *i)
{
	return add(s->cost_pusd - i->cost_pusd, i->charged_pusd);
}

static bool
is_known(const struct line *l)
{
	return l->sum.priced || l->inside.requests > 0;
}

static enum err
sum_up(struct invoice *v, struct note *note)
{
	int64_t sum = charged(&v->total, &v->inside);

	v->markup_pusd =
	    price_markup_pusd(v->total.cost_pusd - v->inside.cost_pusd, v->markup_bp);
	if (v->total.cost_pusd == INT64_MAX || sum == INT64_MAX ||
	    sum > INT64_MAX - (v->markup_pusd < 0 ? 0 : v->markup_pusd)) {
		note_set(note, "that is more than 9.2 million USD, which one invoice "
			       "cannot hold; make one for each of those under it");
		return ERR_FULL;
	}
	v->due_pusd = sum + v->markup_pusd;
	return ERR_OK;
}

static enum err
gather(struct invoice *v, struct db *db, struct note *note)
{
	struct slice name = slice_str(v->name);
	enum err e;

	v->query.level = v->level;
	v->query.name = name;
	v->query.by = BY_SERVED | BY_PROVIDER;
	e = accountdb_markup(db, v->level, name, &v->markup_bp, &v->exists, note);
	if (e == ERR_OK)
		e = ledger_usage(db, &v->query, on_sum, v, note);
	if (e != ERR_OK)
		return e;
	note_set(note, "out of memory");
	if (v->nomem)
		return ERR_NOMEM;
	if (!v->exists && v->lines == NULL) {
		note_set(note, "there is no %s \"%s\", and none used anything in %s",
		    account_level_name(v->level), v->name, v->month);
		return ERR_NOT_FOUND;
	}
	if (v->catalog->internal != NULL)
		e = billed_each(db, &v->query, on_row, v, note);
	return e != ERR_OK ? e : sum_up(v, note);
}

/* --- what all forms have --- */

static struct slice
usd(int64_t pusd, char to[TEXT_PUSD_MAX])
{
	return slice_of(to, text_pusd(to, pusd));
}

/* "10%", "-2.5%" */
static void
put_percent(struct buf *to, int64_t bp)
{
	unsigned part = (unsigned)(bp < 0 ? -bp : bp);

	buf_printf(to, "%s%u", bp < 0 ? "-" : "", part / 100);
	if (part % 10 != 0)
		buf_printf(to, ".%02u", part % 100);
	else if (part % 100 != 0)
		buf_printf(to, ".%u", part / 10 % 10);
	buf_byte(to, '%');
}

/* Does anybody's line have that class? Columns of nothing are left out. */
static bool
has_class(const struct invoice *v, unsigned c)
{
	return v->total.count[c] > 0;
}

static struct slice
title_of(unsigned c)
{
	return slice_str(usage_key((enum usage_class)c));
}

static void
put_unpriced(struct buf *to, const struct invoice *v)
{
	if (v->total.unpriced > 0)
		buf_printf(to,
		    "%llu of the requests have no known cost and are not in the sum.\n",
		    (unsigned long long)v->total.unpriced);
}

/* --- a terminal --- */

/* Under the table, where nothing is cut. */
static void
put_text_sum(struct buf *to, const char *what, int64_t pusd)
{
	char text[TEXT_PUSD_MAX];

	buf_printf(to, "%-14s %24.*s\n", what, SLICE_ARGS(usd(pusd, text)));
}

static void
put_text_sums(struct buf *to, const struct invoice *v)
{
	struct buf markup;

	buf_byte(to, '\n');
	put_text_sum(to, "cost", v->total.cost_pusd);
	if (v->inside.requests > 0)
		put_text_sum(
		    to, "internal", v->inside.charged_pusd - v->inside.cost_pusd);
	if (v->markup_bp != 0) {
		buf_init(&markup, 100);
		buf_add(&markup, S("mark-up "));
		put_percent(&markup, v->markup_bp);
		buf_byte(&markup, '\0');
		put_text_sum(to, markup.ptr == NULL ? "" : markup.ptr, v->markup_pusd);
		buf_free(&markup);
	}
	put_text_sum(to, "total USD", v->due_pusd);
	put_unpriced(to, v);
}

static void
print_text(const struct invoice *v)
{
	char titles[USAGE_CLASSES][32], text[TEXT_PUSD_MAX];
	const char *columns[USAGE_CLASSES + 4] = {"model", "provider", ">requests"};
	unsigned n = 3;
	struct table t;
	struct buf b;

	for (unsigned c = 0; c < USAGE_CLASSES; c++) {
		if (!has_class(v, c))
			continue;
		(void)snprintf(
		    titles[c], sizeof(titles[c]), ">%.*s", SLICE_ARGS(title_of(c)));
		columns[n++] = titles[c];
	}
	columns[n++] = ">USD";
	buf_init(&b, 1u << 20);
	buf_printf(&b, "%s %s, %s\n\n", account_level_name(v->level), v->name, v->month);
	command_print(buf_slice(&b));
	table_init(&t, n, columns);
	for (const struct line *l = v->lines; l != NULL; l = l->next) {
		table_cell(&t, l->sum.group[GROUP_SERVED]);
		table_cell(&t, l->sum.group[GROUP_PROVIDER]);
		table_number(&t, l->sum.requests);
		for (unsigned c = 0; c < USAGE_CLASSES; c++)
			if (has_class(v, c))
				table_number(&t, l->sum.count[c]);
		table_cell(&t,
		    is_known(l) ? usd(charged(&l->sum, &l->inside), text) : S("unknown"));
	}
	table_print(&t);
	buf_clear(&b);
	put_text_sums(&b, v);
	command_print(buf_slice(&b));
	buf_free(&b);
}

/* --- CSV --- */

static void
put_csv_line(
    struct buf *b, struct slice kind, const struct usage_sum *s, bool known, int64_t pusd)
{
	char text[TEXT_PUSD_MAX];

	csv_raw(b, kind);
	csv_text(b, s->group[GROUP_SERVED]);
	csv_text(b, s->group[GROUP_PROVIDER]);
	buf_printf(b, "%llu,%llu,", (unsigned long long)s->requests,
	    (unsigned long long)s->unpriced);
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		buf_printf(b, "%llu,", (unsigned long long)s->count[c]);
	if (known)
		buf_printf(b, "%lld,%.*s", (long long)pusd, SLICE_ARGS(usd(pusd, text)));
	else
		buf_byte(b, ',');
	buf_add(b, S("\r\n"));
}

/* What an internal price makes of a line: the difference to its cost. */
static void
put_csv_inside(struct buf *b, const struct line *l)
{
	struct usage_sum of = {.requests = l->inside.requests};

	for (unsigned g = 0; g < GROUPS; g++)
		of.group[g] = l->sum.group[g];
	if (l->inside.requests > 0)
		put_csv_line(b, S("internal"), &of, true,
		    l->inside.charged_pusd - l->inside.cost_pusd);
}

static void
put_csv(struct buf *b, const struct invoice *v)
{
	struct usage_sum none = {.group = {{"", 0}}};

	for (unsigned g = 0; g < GROUPS; g++)
		none.group[g] = S("");
	buf_add(b, S("line,model,provider,requests,unpriced_requests,"));
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		buf_printf(b, "%s,", usage_name((enum usage_class)c));
	buf_add(b, S("cost_pusd,cost_usd\r\n"));
	for (const struct line *l = v->lines; l != NULL; l = l->next)
		put_csv_line(b, S("usage"), &l->sum, l->sum.priced, l->sum.cost_pusd);
	for (const struct line *l = v->lines; l != NULL; l = l->next)
		put_csv_inside(b, l);
	if (v->markup_bp != 0)
		put_csv_line(b, S("markup"), &none, true, v->markup_pusd);
	for (unsigned g = 0; g < GROUPS; g++)
		none.group[g] = S("");
	put_csv_line(b, S("total"), &none, true, v->due_pusd);
}

/* --- JSON --- */

static void
put_money(struct buf *b, const char *name, bool known, int64_t pusd)
{
	char text[TEXT_PUSD_MAX], key[40];

	(void)snprintf(key, sizeof(key), "%s_pusd", name);
	json_key(b, slice_str(key));
	if (known)
		json_put_i64(b, pusd);
	else
		json_put_null(b);
	(void)snprintf(key, sizeof(key), "%s_usd", name);
	json_key(b, slice_str(key));
	if (known)
		json_quote(b, usd(pusd, text));
	else
		json_put_null(b);
}

static void
put_json_line(struct buf *b, const struct line *l)
{
	const struct usage_sum *s = &l->sum;

	json_open(b, '{');
	json_member(b, S("model"), s->group[GROUP_SERVED]);
	json_member(b, S("provider"), s->group[GROUP_PROVIDER]);
	json_member_u64(b, S("requests"), s->requests);
	json_member_u64(b, S("unpriced_requests"), s->unpriced);
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		json_member_u64(
		    b, slice_str(usage_name((enum usage_class)c)), s->count[c]);
	put_money(b, "cost", s->priced, s->cost_pusd);
	json_member_u64(b, S("internal_requests"), l->inside.requests);
	put_money(b, "price", is_known(l), charged(s, &l->inside));
	json_close(b, '}');
}

static void
put_json(struct buf *b, const struct invoice *v)
{
	char time[TEXT_TIME_MAX];

	json_open(b, '{');
	json_member(b, slice_str(account_level_name(v->level)), slice_str(v->name));
	json_member(b, S("month"), slice_str(v->month));
	json_member(b, S("from"), slice_of(time, text_time(time, v->query.since_ms)));
	json_member(b, S("until"), slice_of(time, text_time(time, v->query.until_ms)));
	json_member(b, S("issued_at"), slice_of(time, text_time(time, clock_unix_ms())));
	json_member(b, S("currency"), S("USD"));
	json_key(b, S("lines"));
	json_open(b, '[');
	for (const struct line *l = v->lines; l != NULL; l = l->next)
		put_json_line(b, l);
	json_close(b, ']');
	json_member_u64(b, S("requests"), v->total.requests);
	json_member_u64(b, S("unpriced_requests"), v->total.unpriced);
	put_money(b, "cost", true, v->total.cost_pusd);
	json_member_u64(b, S("internal_requests"), v->inside.requests);
	put_money(b, "internal", true, v->inside.charged_pusd - v->inside.cost_pusd);
	json_key(b, S("markup_basis_points"));
	json_put_i64(b, v->markup_bp);
	put_money(b, "markup", true, v->markup_pusd);
	put_money(b, "total", true, v->due_pusd);
	json_close(b, '}');
	buf_byte(b, '\n');
}

/* --- HTML --- */

static void
put_escaped(struct buf *b, struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		switch (text.ptr[i]) {
		case '&': buf_add(b, S("&amp;")); break;
		case '<': buf_add(b, S("&lt;")); break;
		case '>': buf_add(b, S("&gt;")); break;
		case '"': buf_add(b, S("&quot;")); break;
		default: buf_byte(b, text.ptr[i]);
		}
}

static const char page_head[] =
    "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\n<style>\n"
    "body { font: 10pt sans-serif; margin: 2cm; color: #000; background: #fff }\n"
    "table { border-collapse: collapse; width: 100% }\n"
    "th, td { padding: 2pt 4pt; text-align: right; border-bottom: 1px solid #ccc }\n"
    "th.t, td.t { text-align: left; overflow-wrap: anywhere }\n"
    "tfoot td { border: 0 } tfoot tr:last-child { font-weight: bold }\n"
    "thead { display: table-header-group } tr { break-inside: avoid }\n"
    "@media print { body { margin: 0 } }\n</style>\n";

static void
put_html_cell(struct buf *b, bool text, struct slice content)
{
	buf_add(b, text ? S("<td class=\"t\">") : S("<td>"));
	put_escaped(b, content);
	buf_add(b, S("</td>"));
}

static void
put_html_count(struct buf *b, uint64_t count)
{
	buf_printf(b, "<td>%llu</td>", (unsigned long long)count);
}

static void
put_html_lines(struct buf *b, const struct invoice *v)
{
	char text[TEXT_PUSD_MAX];

	buf_add(b, S("<table><thead><tr><th class=\"t\">model</th>"
		     "<th class=\"t\">provider</th><th>requests</th>"));
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		if (has_class(v, c))
			buf_printf(b, "<th>%.*s</th>", SLICE_ARGS(title_of(c)));
	buf_add(b, S("<th>USD</th></tr></thead>\n<tbody>\n"));
	for (const struct line *l = v->lines; l != NULL; l = l->next) {
		buf_add(b, S("<tr>"));
		put_html_cell(b, true, l->sum.group[GROUP_SERVED]);
		put_html_cell(b, true, l->sum.group[GROUP_PROVIDER]);
		put_html_count(b, l->sum.requests);
		for (unsigned c = 0; c < USAGE_CLASSES; c++)
			if (has_class(v, c))
				put_html_count(b, l->sum.count[c]);
		put_html_cell(b, false,
		    is_known(l) ? usd(charged(&l->sum, &l->inside), text) : S("unknown"));
		buf_add(b, S("</tr>\n"));
	}
	buf_add(b, S("</tbody>\n<tfoot>\n"));
}

static void
put_html_sum(struct buf *b, const struct invoice *v, struct slice what, int64_t pusd)
{
	char text[TEXT_PUSD_MAX];
	unsigned columns = 3;

	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		columns += has_class(v, c);
	buf_printf(b, "<tr><td class=\"t\" colspan=\"%u\">", columns);
	put_escaped(b, what);
	buf_printf(b, "</td><td>%.*s</td></tr>\n", SLICE_ARGS(usd(pusd, text)));
}

static void
put_html(struct buf *b, const struct invoice *v)
{
	char time[TEXT_TIME_MAX];
	struct buf markup;

	buf_add(b, slice_str(page_head));
	buf_add(b, S("<title>Invoice: "));
	put_escaped(b, slice_str(v->name));
	buf_printf(b, ", %s</title>\n<h1>Invoice, %s</h1>\n<p>For the %s <b>", v->month,
	    v->month, account_level_name(v->level));
	put_escaped(b, slice_str(v->name));
	(void)text_time(time, clock_unix_ms());
	buf_printf(
	    b, "</b>. Times are of UTC, amounts in USD. Made on %.10s.</p>\n", time);
	put_html_lines(b, v);
	put_html_sum(b, v, S("Cost"), v->total.cost_pusd);
	if (v->inside.requests > 0)
		put_html_sum(b, v, S("Internal prices instead of it"),
		    v->inside.charged_pusd - v->inside.cost_pusd);
	if (v->markup_bp != 0) {
		buf_init(&markup, 100);
		buf_add(&markup, S("Mark-up "));
		put_percent(&markup, v->markup_bp);
		put_html_sum(b, v, buf_slice(&markup), v->markup_pusd);
		buf_free(&markup);
	}
	put_html_sum(b, v, S("Total"), v->due_pusd);
	buf_add(b, S("</tfoot></table>\n<p>"));
	put_unpriced(b, v);
	buf_add(b, S("</p>\n</html>\n"));
}

/* --- the command --- */

static bool
read_level(const char *arg, enum account_level *ret_level)
{
	static const char *const flags[LEVELS] = {
	    "--key", "--user", "--team", "--organisation"};

	if (strcmp(arg, "--org") == 0)
		arg = "--organisation";
	for (unsigned l = 0; l < LEVELS; l++) {
		if (strcmp(arg, flags[l]) != 0)
			continue;
		*ret_level = (enum account_level)l;
		return true;
	}
	return false;
}

static int
read_args(struct args *a, struct invoice *v)
{
	const char *arg;

	while ((arg = args_next(a, help)) != NULL) {
		if (strcmp(arg, "--month") == 0) {
			v->month = args_value(a, arg);
			if (!ledger_sum_read_month(slice_str(v->month),
				&v->query.since_ms, &v->query.until_ms))
				return args_bad(a, "--month wants one like 2026-01");
		} else if (strcmp(arg, "--html") == 0) {
			v->html = true;
		} else if (read_level(arg, &v->level)) {
			if (v->name != NULL)
				return args_bad(a, "an invoice is for one of them");
			v->name = args_value(a, arg);
		} else {
			return args_unknown(a, arg);
		}
	}
	if (v->name == NULL)
		return args_bad(a, "--team, --organisation, --user or --key is wanted");
	if (v->month == NULL)
		return args_bad(a, "--month is wanted");
	return 0;
}

static void
print(const struct invoice *v)
{
	struct buf b;

	if (!v->args->json && !v->args->csv && !v->html) {
		print_text(v);
		return;
	}
	buf_init(&b, 1u << 30);
	if (v->args->json)
		put_json(&b, v);
	else if (v->args->csv)
		put_csv(&b, v);
	else
		put_html(&b, v);
	command_print(buf_slice(&b));
	buf_free(&b);
}

int
cmd_invoice(struct args *a)
{
	struct invoice v = {.args = a};
	struct note note;
	struct config *c;
	struct db *db;
	int status = read_args(a, &v);
	enum err e = ERR_IO;

	if (status != 0)
		return status;
	v.end = &v.lines;
	arena_init(&v.arena, NULL, 0, LINES_BYTES);
	c = command_config(a, false);
	db = c == NULL ? NULL : command_database(c);
	if (db != NULL) {
		v.catalog = c->catalog;
		e = gather(&v, db, &note);
		if (e == ERR_OK)
			print(&v);
		else
			(void)fprintf(stderr, "weir: %s\n", note.text);
	}
	db_close(db);
	config_unref(c);
	arena_free(&v.arena);
	return e == ERR_OK ? 0 : 1;
}
