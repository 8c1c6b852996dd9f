#include "core/text.h"
#include "main/command.h"
#include "main/csv.h"
#include "main/table.h"
#include "store/ledger_sum.h"
#include "json/write.h"

#include <stdio.h>

static const char help[] =
    "usage: weir usage [--by LIST] [--since DAY] [--until DAY] [--json|--csv]\n\n"
    "Sums the ledger. By default one row for each day, key, provider and model asked.\n"
    "The table rounds; --json and --csv are exact.\n\n"
    "  --by LIST     some of day,key,provider,model,user,team,organisation,session,\n"
    "                tags, served (the model that answered), upstream (its provider's\n"
    "                name)\n"
    "  --since DAY   from this day on (UTC), like 2026-01-31, or `today`\n"
    "  --until DAY   up to and with this day\n"
    "  --json        an array of objects; cost_pusd is an integer of pico-USD,\n"
    "                cost_usd the same as a decimal text; null when nobody knows it\n"
    "  --csv         the same columns\n";

struct report {
	const struct args *args;
	unsigned by;
	struct table table;
	struct buf out; /* JSON or CSV */
	struct usage_sum total;
};

/* --- rows --- */

static void
put_sum_csv(struct report *p, const struct usage_sum *s)
{
	struct buf *b = &p->out;
	char usd[TEXT_PUSD_MAX];

	for (unsigned g = 0; g < GROUPS; g++)
		if ((p->by >> g & 1) != 0)
			csv_text(b, s->group[g]);
	buf_printf(b, "%llu,%llu,%llu,%llu", (unsigned long long)s->requests,
	    (unsigned long long)s->failed, (unsigned long long)s->partial,
	    (unsigned long long)s->unpriced);
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		buf_printf(b, ",%llu", (unsigned long long)s->count[c]);
	if (s->priced)
		buf_printf(b, ",%lld,%.*s", (long long)s->cost_pusd,
		    (int)text_pusd(usd, s->cost_pusd), usd);
	else
		buf_add(b, S(",,"));
	buf_add(b, S("\r\n"));
}

static void
put_csv_titles(struct report *p)
{
	struct buf *b = &p->out;

	for (unsigned g = 0; g < GROUPS; g++)
		if ((p->by >> g & 1) != 0)
			buf_printf(b, "%s,", ledger_group_name((enum usage_group)g));
	buf_add(b, S("requests,failed_requests,partial_requests,unpriced_requests"));
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		buf_printf(b, ",%s", usage_name((enum usage_class)c));
	buf_add(b, S(",cost_pusd,cost_usd\r\n"));
}

static uint64_t
input_of(const struct usage_sum *s)
{
	uint64_t n = 0;

	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		n += usage_is_input((enum usage_class)c) ? s->count[c] : 0;
	return n;
}

static uint64_t
output_of(const struct usage_sum *s)
{
	return s->count[USAGE_OUTPUT] + s->count[USAGE_REASONING] +
	       s->count[USAGE_AUDIO_OUT] + s->count[USAGE_IMAGE_OUT];
}

/* A count in at most five characters: "99999", "123K", "4.5M". */
static void
put_count_cell(struct table *t, uint64_t n)
{
	static const char units[] = "KMGTPE";
	char text[TEXT_U64_MAX + 4];
	unsigned unit = 0;
	size_t len;

	if (n < 100000) {
		table_number(t, n);
		return;
	}
	for (; n >= 999500; n = (n + 500) / 1000)
		unit++;
	/* n is in thousandths of the unit. */
	if (n >= 9950)
		len = text_u64(text, (n + 500) / 1000);
	else
		len = (size_t)snprintf(text, sizeof(text), "%u.%u",
		    (unsigned)((n + 50) / 1000), (unsigned)((n + 50) / 100 % 10));
	text[len++] = units[unit];
	table_cell(t, slice_of(text, len));
}

/* Six digits are enough to read, but not less than cents. */
static int64_t
rounded(int64_t pusd)
{
	int64_t unit = 1;

	while (pusd / unit >= 1000000 && unit < 10000000000)
		unit *= 10;
	return pusd > INT64_MAX - unit ? pusd : (pusd + unit / 2) / unit * unit;
}

static void
put_cost_cell(struct table *t, const struct usage_sum *s)
{
	char text[TEXT_PUSD_MAX + 4];
	size_t n;

	if (!s->priced) {
		table_cell(t, s->requests == 0 ? S("0") : S("unknown"));
		return;
	}
	n = text_pusd(text, rounded(s->cost_pusd));
	/* A sum that some requests are missing from says so. */
	if (s->unpriced > 0)
		text[n++] = '+';
	table_cell(t, slice_of(text, n));
}

static void
put_sum_row(struct report *p, const struct usage_sum *s, bool total)
{
	struct table *t = &p->table;
	bool first = total;

	for (unsigned i = 0; i < GROUPS; i++) {
		if ((p->by & (1u << i)) == 0)
			continue;
		table_cell(t, first		     ? S("total")
			      : s->group[i].len == 0 ? S("-")
						     : s->group[i]);
		first = false;
	}
	put_count_cell(t, s->requests);
	put_count_cell(t, input_of(s));
	put_count_cell(t, s->count[USAGE_CACHED]);
	put_count_cell(t, output_of(s));
	put_cost_cell(t, s);
}

static void
on_sum(void *arg, const struct usage_sum *s)
{
	struct report *p = arg;

	if (p->args->json)
		ledger_sum_json(s, p->by, &p->out);
	else if (p->args->csv)
		put_sum_csv(p, s);
	else
		put_sum_row(p, s, false);
	ledger_sum_add(&p->total, s);
}

/* --- the command --- */

static int
read_args(struct args *a, struct usage_query *q)
{
	const char *arg;

	while ((arg = args_next(a, help)) != NULL) {
		if (strcmp(arg, "--by") == 0) {
			if (!ledger_sum_read_by(slice_str(args_value(a, arg)), &q->by))
				return args_bad(a,
				    "--by wants some of "
				    "day,key,provider,model,user,team,organisation,"
				    "session,tags,served,upstream");
		} else if (strcmp(arg, "--since") == 0) {
			if (!ledger_sum_read_day(
				slice_str(args_value(a, arg)), &q->since_ms))
				return args_bad(a, "--since wants a day like 2026-01-31");
		} else if (strcmp(arg, "--until") == 0) {
			if (!ledger_sum_read_day(
				slice_str(args_value(a, arg)), &q->until_ms))
				return args_bad(a, "--until wants a day like 2026-01-31");
			q->until_ms += 86400000;
		} else {
			return args_unknown(a, arg);
		}
	}
	return 0;
}

static void
start_report(struct report *p)
{
	static const char *const sums[] = {">reqs", ">in", ">cached", ">out", ">USD"};
	const char *titles[GROUPS + 5];
	unsigned n = 0;

	buf_init(&p->out, 1u << 30);
	for (unsigned g = 0; g < GROUPS; g++)
		if ((p->by >> g & 1) != 0)
			titles[n++] = ledger_group_name((enum usage_group)g);
	for (unsigned i = 0; i < 5; i++)
		titles[n++] = sums[i];
	table_init(&p->table, n, titles);
	if (p->args->json)
		json_open(&p->out, '[');
	else if (p->args->csv)
		put_csv_titles(p);
}

static void
end_report(struct report *p)
{
	if (p->args->json) {
		json_close(&p->out, ']');
		buf_byte(&p->out, '\n');
	}
	if (!p->args->json && !p->args->csv) {
		if (p->by != 0)
			put_sum_row(p, &p->total, true);
		table_print(&p->table);
	}
	table_done(&p->table);
	command_print(buf_slice(&p->out));
	buf_free(&p->out);
}

int
cmd_usage(struct args *a)
{
	struct usage_query q = {.by = LEDGER_SUM_BY, .until_ms = INT64_MAX};
	struct report p = {.args = a};
	struct note note;
	struct config *c;
	struct db *db;
	int status = read_args(a, &q);
	enum err e = ERR_IO;

	if (status != 0)
		return status;
	c = command_config(a, false);
	db = c == NULL ? NULL : command_database(c);
	if (db != NULL) {
		p.by = q.by;
		start_report(&p);
		e = ledger_usage(db, &q, on_sum, &p, &note);
		if (e == ERR_OK)
			end_report(&p);
		else
			(void)fprintf(stderr, "weir: %s\n", note.text);
	}
	db_close(db);
	config_unref(c);
	return e == ERR_OK ? 0 : 1;
}
