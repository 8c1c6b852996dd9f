/*
 * weir focus: a month of the ledger in FOCUS, the open format of bills
 * (https://focus.finops.org, version 1.0).
 */
#include "core/text.h"
#include "main/command.h"
#include "main/csv.h"
#include "store/ledger_sum.h"
#include "json/write.h"

#include <stdio.h>

static const char help[] =
    "usage: weir focus --month YYYY-MM [--provider NAME]\n\n"
    "Writes the month (UTC) as CSV in FOCUS 1.0, the open billing format: a row\n"
    "for each day, key, provider and model, at cost, corrections included, without\n"
    "mark-ups. docs/bill.md says what stands in which column.\n\n"
    "  --provider NAME  what this one answered alone\n";

struct focus {
	const char *month;
	struct usage_query query;
	const struct catalog *catalog;
	struct buf out;
	char from[TEXT_TIME_MAX], until[TEXT_TIME_MAX];
};

/* "2026-01-31T00:00:00Z" */
static void
write_time(char to[TEXT_TIME_MAX], uint64_t ms)
{
	(void)text_time(to, ms);
	memcpy(to + 19, "Z", 2);
}

/* Without a point readers would take a column for whole numbers. */
static void
put_decimal(struct buf *to, struct slice number)
{
	buf_add(to, number);
	buf_add(to, slice_find(number, '.') == number.len ? S(".0,") : S(","));
}

static void
put_cost(struct buf *to, int64_t pusd)
{
	char text[TEXT_PUSD_MAX];

	put_decimal(to, slice_of(text, text_pusd(text, pusd)));
}

static void
put_count(struct buf *to, uint64_t count)
{
	char text[TEXT_U64_MAX];

	put_decimal(to, slice_of(text, text_u64(text, count)));
}

/* "x_InputTokens" for "input_tokens" */
static void
put_own_title(struct buf *to, const char *name)
{
	bool upper = true;

	buf_add(to, S(",x_"));
	for (; *name != '\0'; name++) {
		if (*name != '_')
			buf_byte(to, upper && *name >= 'a' && *name <= 'z'
					 ? (char)(*name - 'a' + 'A')
					 : *name);
		upper = *name == '_';
	}
}

/* In this order put_sum writes them. The names behind ResourceType are those that
 * validators of 1.0 still ask for. */
static const char titles[] =
    "BillingAccountId,BillingAccountName,BillingCurrency,BillingPeriodStart,"
    "BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,BilledCost,EffectiveCost,"
    "ListCost,ContractedCost,ListUnitPrice,ContractedUnitPrice,ConsumedQuantity,"
    "ConsumedUnit,PricingQuantity,PricingUnit,PricingCategory,ChargeCategory,ChargeClass,"
    "ChargeDescription,ChargeFrequency,ProviderName,PublisherName,InvoiceIssuerName,"
    "ServiceCategory,ServiceName,SkuId,SkuPriceId,SubAccountId,SubAccountName,"
    "AvailabilityZone,RegionId,RegionName,CommitmentDiscountCategory,"
    "CommitmentDiscountId,CommitmentDiscountName,CommitmentDiscountStatus,"
    "CommitmentDiscountType,Tags,ResourceId,ResourceName,ResourceType,"
    "Provider,Publisher,InvoiceIssuer,ResourceID,ChargeType,"
    "x_Requests,x_FailedRequests,x_UnpricedRequests";

static void
put_titles(struct buf *to)
{
	buf_add(to, slice_str(titles));
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		put_own_title(to, usage_name((enum usage_class)c));
	buf_add(to, S("\r\n"));
}

static void
put_tags(struct buf *to, const struct usage_sum *s)
{
	struct buf json;

	buf_init(&json, 1u << 20);
	json_open(&json, '{');
	if (s->group[GROUP_USER].len > 0)
		json_member(&json, S("user"), s->group[GROUP_USER]);
	if (s->group[GROUP_TAGS].len > 0)
		json_member(&json, S("tags"), s->group[GROUP_TAGS]);
	json_close(&json, '}');
	csv_raw(to, buf_slice(&json));
	buf_free(&json);
}

static void
put_period(struct focus *f, struct slice day)
{
	char time[TEXT_TIME_MAX];
	uint64_t ms = 0;

	(void)ledger_sum_read_day(day, &ms);
	buf_printf(&f->out, "USD,%s,%s,", f->from, f->until);
	write_time(time, ms);
	buf_printf(&f->out, "%s,", time);
	write_time(time, ms + 86400000);
	buf_printf(&f->out, "%s,", time);
}

/* What was used: tokens, or requests where there are none. */
static void
put_quantity(struct buf *to, const struct usage_sum *s)
{
	uint64_t tokens = 0;

	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		tokens += usage_is_tokens((enum usage_class)c) ? s->count[c] : 0;
	for (unsigned i = 0; i < 2; i++) {
		put_count(to, tokens > 0 ? tokens : s->requests);
		buf_add(to, tokens > 0 ? S("Tokens,") : S("Requests,"));
	}
}

static void
put_maker(struct focus *f, struct slice name)
{
	const struct provider *p = catalog_provider(f->catalog, name);

	csv_text(&f->out, p == NULL ? name : slice_str(p->title));
}

static void
put_sku(struct focus *f, const struct usage_sum *s)
{
	struct buf sku;

	buf_init(&sku, 1u << 16);
	buf_add(&sku, s->group[GROUP_PROVIDER]);
	buf_byte(&sku, '/');
	buf_add(&sku, s->group[GROUP_UPSTREAM]);
	for (unsigned i = 0; i < 2; i++)
		csv_text(&f->out, buf_slice(&sku));
	buf_free(&sku);
}

static void
put_owned(struct buf *to, const struct usage_sum *s)
{
	for (unsigned i = 0; i < 2; i++)
		csv_text(to, s->group[GROUP_TEAM]);
	buf_add(to, S(",,,,,,,,")); /* zone, region, commitments */
	put_tags(to, s);
	for (unsigned i = 0; i < 2; i++)
		csv_text(to, s->group[GROUP_KEY]);
	buf_add(to, S("API key,"));
}

static void
put_sum(void *arg, const struct usage_sum *s)
{
	struct focus *f = arg;
	struct buf *b = &f->out;
	struct slice owner = s->group[GROUP_ORGANISATION];

	for (unsigned i = 0; i < 2; i++)
		csv_text(b, owner.len == 0 ? S("weir") : owner);
	put_period(f, s->group[GROUP_DAY]);
	for (unsigned i = 0; i < 4; i++)
		put_cost(b, s->cost_pusd);
	buf_add(b, S(",,")); /* unit prices: the row has several classes */
	put_quantity(b, s);
	buf_add(b, S("Standard,Usage,,"));
	csv_text(b, s->group[GROUP_SERVED]);
	buf_add(b, S("Usage-Based,"));
	for (unsigned i = 0; i < 3; i++)
		put_maker(f, s->group[GROUP_PROVIDER]);
	buf_add(b, S("AI and Machine Learning,Inference,"));
	put_sku(f, s);
	put_owned(b, s);
	for (unsigned i = 0; i < 3; i++)
		put_maker(f, s->group[GROUP_PROVIDER]);
	csv_text(b, s->group[GROUP_KEY]);
	buf_printf(b, "Usage,%llu,%llu,%llu", (unsigned long long)s->requests,
	    (unsigned long long)s->failed, (unsigned long long)s->unpriced);
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		buf_printf(b, ",%llu", (unsigned long long)s->count[c]);
	buf_add(b, S("\r\n"));
}

static int
read_args(struct args *a, struct focus *f)
{
	const char *arg;

	while ((arg = args_next(a, help)) != NULL) {
		if (strcmp(arg, "--month") == 0) {
			f->month = args_value(a, arg);
			if (!ledger_sum_read_month(slice_str(f->month),
				&f->query.since_ms, &f->query.until_ms))
				return args_bad(a, "--month wants one like 2026-01");
		} else if (strcmp(arg, "--provider") == 0) {
			f->query.provider = slice_str(args_value(a, arg));
		} else {
			return args_unknown(a, arg);
		}
	}
	return f->month == NULL ? args_bad(a, "--month is wanted") : 0;
}

int
cmd_focus(struct args *a)
{
	struct focus f = {
	    .query = {.by = BY_DAY | BY_KEY | BY_USER | BY_TEAM | BY_ORGANISATION |
			    BY_PROVIDER | BY_SERVED | BY_UPSTREAM | BY_TAGS}};
	struct note note;
	struct config *c;
	struct db *db;
	int status = read_args(a, &f);
	enum err e = ERR_IO;

	if (status != 0)
		return status;
	write_time(f.from, f.query.since_ms);
	write_time(f.until, f.query.until_ms);
	c = command_config(a, false);
	db = c == NULL ? NULL : command_database(c);
	if (db != NULL) {
		f.catalog = c->catalog;
		buf_init(&f.out, 1u << 30);
		put_titles(&f.out);
		e = ledger_usage(db, &f.query, put_sum, &f, &note);
		if (e == ERR_OK && f.out.err != ERR_OK)
			note_set(&note, "%s", err_code(e = f.out.err));
		if (e == ERR_OK)
			command_print(buf_slice(&f.out));
		else
			(void)fprintf(stderr, "weir: %s\n", note.text);
		buf_free(&f.out);
	}
	db_close(db);
	config_unref(c);
	return e == ERR_OK ? 0 : 1;
}
