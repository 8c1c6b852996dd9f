#include "store/reprice.h"
#include "store/spent.h"

#include "store/accountdb.h"

#include "catalog_case.h"
#include "store_case.h"

static const char models[] =
    "'acme/large': {'providers': ["
    " {'provider': 'groq', 'model': 'large-v1', 'prices': [{'input': 1, 'output': 0},"
    "  {'from': '2026-01-02', 'input': 3, 'output': 0}]},"
    " {'provider': 'groq', 'model': 'large-v2', 'prices': [{'input': 7, 'output': 0}]}]}";

#define DAY_MS 86400000

struct told {
	unsigned rows, unknown;
	int64_t before, after;
};

static void
on_row(void *arg, const struct reprice_row *row)
{
	struct told *t = arg;

	t->rows++;
	t->unknown += row->after_pusd == PRICE_UNKNOWN;
	t->before += row->before_pusd == PRICE_UNKNOWN ? 0 : row->before_pusd;
	t->after += row->after_pusd == PRICE_UNKNOWN ? 0 : row->after_pusd;
}

/* Rows of a million input tokens: of the first day, of the second, one whose reply names
 * another model, one without a price, one of nobody, one without usage. */
static struct db *
filled(void)
{
	struct db *db = open_db();
	struct note note = {""};
	struct ledger l;

	assert_int_equal(ledger_open(&l, db, &note), ERR_OK);
	assert_int_equal(db_run(db, "BEGIN", &note), ERR_OK);
	for (unsigned i = 1; i <= 6; i++) {
		struct meter_row row = row_of(i);

		memset(row.n.usage.count, 0, sizeof(row.n.usage.count));
		row.n.usage.count[USAGE_INPUT] = 1000000;
		row.text[TEXT_TEAM] = S("web");
		row.n.cost_pusd = i == 4 ? PRICE_UNKNOWN : 5000000000000;
		row.n.start_ms += i == 2 ? DAY_MS : 0;
		row.text[TEXT_SAID] = i == 3 ? S("large-v2") : S("");
		row.text[TEXT_PROVIDER] = i == 5 ? S("gone") : S("groq");
		row.n.usage.known = i != 6;
		assert_int_equal(ledger_insert(&l, &row, &note), ERR_OK);
	}
	assert_int_equal(db_run(db, "COMMIT", &note), ERR_OK);
	ledger_close(&l);
	return db;
}

static struct told
price_again(struct db *db, uint64_t since_ms, uint64_t until_ms, bool dry)
{
	struct reprice_query q = {since_ms, until_ms, NULL, 5, dry};
	struct catalog *c = make_catalog("groq", models);
	struct told told = {0};
	struct note note = {""};

	q.catalog = c;
	if (reprice(db, &q, on_row, &told, &note) != ERR_OK)
		fail_msg("%s", note.text);
	catalog_free(c);
	return told;
}

static int64_t
spent(struct db *db)
{
	struct note note;
	int64_t pusd;

	assert_int_equal(
	    spent_sum(db, &(struct spent_scope){.level = LEVEL_TEAM, .name = S("web")},
		&pusd, &note),
	    ERR_OK);
	return pusd;
}

TEST(rows_cost_what_held_when_they_began)
{
	struct db *db = filled();
	struct told told = price_again(db, 0, INT64_MAX, false);

	assert_int_equal(told.rows, 6);
	assert_int_equal(told.unknown, 2); /* of who is gone, and without usage */
	assert_int_equal(told.before, 25000000000000);
	assert_int_equal(told.after, (1 + 3 + 7 + 1) * 1000000000000);
	assert_int_equal(number_of(db, "SELECT count(*) FROM correction"), 4);
	/* What has no price in the table stays as it was. */
	assert_int_equal(spent(db), (1 + 3 + 7 + 1 + 5 + 5) * 1000000000000);
	/* No row was touched. */
	assert_int_equal(
	    number_of(db, "SELECT sum(cost_pusd) FROM ledger"), 25000000000000);
	assert_int_equal(
	    number_of(db, "SELECT count(*) FROM bill WHERE due_pusd IS NULL"), 0);
	close_db(db);
}

TEST(a_second_time_finds_nothing_to_correct)
{
	struct db *db = filled();
	struct told first = price_again(db, 0, INT64_MAX, false);
	struct told again = price_again(db, 0, INT64_MAX, false);

	assert_int_equal(number_of(db, "SELECT count(*) FROM correction"), 4);
	assert_int_equal(again.after, first.after);
	assert_int_equal(again.before, first.after + 10000000000000);
	close_db(db);
}

TEST(corrections_are_corrected)
{
	struct db *db = filled();

	(void)price_again(db, 0, INT64_MAX, false);
	run_sql(db, "INSERT INTO correction (ledger_id, made_ms, after_pusd, add_pusd) "
		    "VALUES (1, 1, 9, 9 - 1000000000000)");
	assert_int_equal(number_of(db, "SELECT due_pusd FROM bill WHERE id = 1"), 9);
	(void)price_again(db, 0, INT64_MAX, false);
	assert_int_equal(
	    number_of(db, "SELECT due_pusd FROM bill WHERE id = 1"), 1000000000000);
	assert_int_equal(number_of(db, "SELECT count(*) FROM correction"), 6);
	close_db(db);
}

TEST(a_dry_one_tells_and_writes_nothing)
{
	struct db *db = filled();

	assert_int_equal(price_again(db, 0, INT64_MAX, true).after, 12000000000000);
	assert_int_equal(number_of(db, "SELECT count(*) FROM correction"), 0);
	assert_int_equal(spent(db), 25000000000000);
	close_db(db);
}

TEST(only_between_two_times)
{
	struct db *db = filled();
	const uint64_t second = 1767225600000 + DAY_MS;

	assert_int_equal(price_again(db, second, INT64_MAX, false).rows, 1);
	assert_int_equal(price_again(db, 0, second, true).rows, 5);
	assert_int_equal(number_of(db, "SELECT ledger_id FROM correction"), 2);
	close_db(db);
}

TEST(all_corrections_are_written_or_none)
{
	struct db *db = filled();
	struct catalog *c = make_catalog("groq", models);
	struct reprice_query q = {0, INT64_MAX, c, 5, false};
	struct note note = {""};
	enum err e = ERR_IO;

	for (int at = 1; e != ERR_OK; at += 5) {
		struct told told = {0};
		int steps = at;

		break_reads(db, &steps);
		e = reprice(db, &q, on_row, &told, &note);
		mend_reads(db);
		assert_int_equal(sqlite3_get_autocommit(db_sqlite_handle(db)), 1);
		assert_true(number_of(db, "SELECT count(*) FROM correction") % 4 == 0);
	}
	assert_int_equal(number_of(db, "SELECT count(*) FROM correction"), 4);
	catalog_free(c);
	close_db(db);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    RUN(rows_cost_what_held_when_they_began),
	    RUN(a_second_time_finds_nothing_to_correct),
	    RUN(corrections_are_corrected),
	    RUN(a_dry_one_tells_and_writes_nothing),
	    RUN(only_between_two_times),
	    RUN(all_corrections_are_written_or_none),
	};

	return cmocka_run_group_tests_name("reprice", tests, NULL, NULL);
}
