#include "main/limit_args.h"

#include "core/clock.h"
#include "core/text.h"
#include "quota/modelbudget.h"
#include "quota/rule.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define USD_DIGITS 12
#define LIST_BYTES 2000

static bool
read_usd(struct slice text, int64_t *ret_pusd)
{
	return text_scaled(text, USD_DIGITS, ret_pusd);
}

static int
take_budget(struct args *a, const char *text, struct account_limits *l)
{
	struct slice s = slice_str(text), usd = slice_cut(&s, '/');

	if (slice_ieq(usd, S("none")) && s.ptr == NULL) {
		l->budget_pusd = QUOTA_NONE;
		return 1;
	}
	if (s.ptr == NULL || !read_usd(usd, &l->budget_pusd) ||
	    !period_read(s, &l->period))
		return args_bad(a,
		    "--budget wants an amount of USD and a period, like 25/month (day, "
		    "week, month, total), or none");
	return 1;
}

static int
take_number(struct args *a, const char *flag, const char *text, int64_t *ret)
{
	uint64_t n;

	if (strcmp(text, "none") == 0) {
		*ret = QUOTA_NONE;
		return 1;
	}
	if (!slice_u64(slice_str(text), &n) || n > INT64_MAX / 1000000)
		return args_bad(a, "%s wants a number, or none", flag);
	*ret = (int64_t)n;
	return 1;
}

static int
take_zone(struct args *a, const char *text, int *ret_min)
{
	unsigned hours, minutes;
	char sign, end;

	if (sscanf(text, "%c%2u:%2u%c", &sign, &hours, &minutes, &end) != 3 ||
	    (sign != '+' && sign != '-') || hours > 14 || minutes > 59)
		return args_bad(a, "--timezone wants an offset from UTC, like +02:00");
	*ret_min = (int)(hours * 60 + minutes) * (sign == '-' ? -1 : 1);
	return 1;
}

static int
take_list(struct args *a, const char *flag, const char *text, char **list)
{
	char *copy = NULL;

	if (strcmp(text, "any") != 0) {
		if (text[0] == '\0' || strlen(text) > LIST_BYTES)
			return args_bad(a, "%s wants a list, or any", flag);
		copy = slice_dup(slice_str(text));
		if (copy == NULL)
			return args_bad(a, "out of memory");
	}
	free(*list);
	*list = copy;
	return 1;
}

static int
take_networks(struct args *a, const char *text, char **list)
{
	struct slice bad = strcmp(text, "any") == 0 ? S("") : rule_bad_network(text);

	if (bad.len > 0)
		return args_bad(a,
		    "\"%.*s\" is no network; --networks wants some like 10.0.0.0/8, "
		    "2001:db8::/32 or 127.0.0.1",
		    SLICE_ARGS(bad));
	return take_list(a, "--networks", text, list);
}

int
limit_args_expiry(struct args *a, const char *text, uint64_t *ret_ms)
{
	struct tm tm = {0};
	const char *end = strptime(text, "%Y-%m-%d", &tm);
	uint64_t span;

	if (strcmp(text, "never") == 0)
		*ret_ms = 0;
	else if (end != NULL && *end == '\0')
		*ret_ms = (uint64_t)timegm(&tm) * 1000;
	else if (text_span_ms(slice_str(text), 1000, &span) && span > 0)
		*ret_ms = clock_unix_ms() + span;
	else
		return args_bad(
		    a, "--expires wants a span or a day: 30d, 12h, 2026-12-31; or never");
	return 1;
}

static int
take_model_budget(struct args *a, const char *text, char **list)
{
	switch (modelbudget_edit(list, slice_str(text))) {
	case ERR_OK: return 1;
	case ERR_FULL:
		return args_bad(a,
		    "up to %d model budgets are possible, each pattern once",
		    MODELBUDGET_MAX);
	case ERR_NOMEM: return args_bad(a, "out of memory");
	default:
		return args_bad(a,
		    "--model-budget wants a pattern with an amount of USD and a period, "
		    "like 'acme/*=5/month', or 'acme/*=none', or none");
	}
}

static int
take_limit(struct args *a, const char *arg, struct account_limits *l)
{
	if (strcmp(arg, "--budget") == 0)
		return take_budget(a, args_value(a, arg), l);
	if (strcmp(arg, "--timezone") == 0)
		return take_zone(a, args_value(a, arg), &l->offset_min);
	if (strcmp(arg, "--rpm") == 0)
		return take_number(a, arg, args_value(a, arg), &l->requests_min);
	if (strcmp(arg, "--tpm") == 0)
		return take_number(a, arg, args_value(a, arg), &l->tokens_min);
	if (strcmp(arg, "--input-tpm") == 0)
		return take_number(a, arg, args_value(a, arg), &l->input_min);
	if (strcmp(arg, "--output-tpm") == 0)
		return take_number(a, arg, args_value(a, arg), &l->output_min);
	if (strcmp(arg, "--concurrent") == 0)
		return take_number(a, arg, args_value(a, arg), &l->concurrent);
	if (strcmp(arg, "--spm") == 0) {
		const char *text = args_value(a, arg);

		l->pusd_min = QUOTA_NONE;
		if (strcmp(text, "none") != 0 && !read_usd(slice_str(text), &l->pusd_min))
			return args_bad(a, "--spm wants an amount of USD, or none");
		return 1;
	}
	if (strcmp(arg, "--dry") == 0 || strcmp(arg, "--enforce") == 0) {
		l->dry = arg[2] == 'd';
		return 1;
	}
	return 0;
}

int
limit_args_take(struct args *a, const char *arg, struct accountdb_row *row)
{
	int taken = strcmp(arg, "--model-budget") == 0
			? take_model_budget(a, args_value(a, arg), &row->model_budgets)
			: take_limit(a, arg, &row->limits);

	if (taken != 0 || row->level != LEVEL_KEY)
		return taken;
	if (strcmp(arg, "--models") == 0)
		return take_list(a, arg, args_value(a, arg), &row->rules.models);
	if (strcmp(arg, "--providers") == 0)
		return take_list(a, arg, args_value(a, arg), &row->rules.providers);
	if (strcmp(arg, "--networks") == 0)
		return take_networks(a, args_value(a, arg), &row->rules.networks);
	if (strcmp(arg, "--expires") == 0)
		return limit_args_expiry(a, args_value(a, arg), &row->rules.expires_ms);
	return 0;
}

/* --- shown --- */

static void
put_usd(struct buf *to, int64_t pusd)
{
	char text[TEXT_PUSD_MAX];

	buf_add(to, slice_of(text, text_pusd(text, pusd)));
}

static void
put_limit(struct buf *to, size_t had, int64_t limit, const char *what)
{
	if (limit != QUOTA_NONE)
		buf_printf(
		    to, "%s%lld %s", to->len > had ? ", " : "", (long long)limit, what);
}

void
limit_args_text(const struct accountdb_row *row, struct buf *to)
{
	const struct account_limits *l = &row->limits;
	size_t had = to->len;

	if (l->budget_pusd != QUOTA_NONE) {
		put_usd(to, l->budget_pusd);
		buf_printf(to, "/%s", period_name(l->period));
	}
	if (row->model_budgets != NULL)
		buf_printf(to, "%s%s", to->len > had ? ", " : "", row->model_budgets);
	put_limit(to, had, l->requests_min, "rpm");
	put_limit(to, had, l->tokens_min, "tpm");
	put_limit(to, had, l->input_min, "input tpm");
	put_limit(to, had, l->output_min, "output tpm");
	if (l->pusd_min != QUOTA_NONE) {
		buf_add(to, to->len > had ? S(", ") : S(""));
		put_usd(to, l->pusd_min);
		buf_add(to, S(" USD a minute"));
	}
	put_limit(to, had, l->concurrent, "at a time");
	if (l->dry)
		buf_add(to, to->len > had ? S(", dry") : S("dry"));
	if (to->len == had)
		buf_byte(to, '-');
}
