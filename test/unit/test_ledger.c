#include "store_case.h"

#include "json/tape.h"

#include "core/log.h"

/* A ledger in the folder. */
struct open_ledger {
	struct db *db;
	struct ledger l;
};

static void
open_ledger(struct open_ledger *o)
{
	struct note note = {""};

	o->db = open_db();
	if (ledger_open(&o->l, o->db, &note) != ERR_OK)
		fail_msg("%s", note.text);
}

static void
close_ledger(struct open_ledger *o)
{
	ledger_close(&o->l);
	close_db(o->db);
}

/* All of them in a transaction, or none. */
static enum err
insert_all(
    struct open_ledger *o, const struct meter_row *rows, unsigned n, struct note *note)
{
	enum err e = db_run(o->db, "BEGIN IMMEDIATE", note);

	for (unsigned i = 0; e == ERR_OK && i < n; i++)
		e = ledger_insert(&o->l, &rows[i], note);
	return db_end(o->db, e, note);
}

static void
insert(struct open_ledger *o, const struct meter_row *rows, unsigned n)
{
	struct note note = {""};

	if (insert_all(o, rows, n, &note) != ERR_OK)
		fail_msg("%s", note.text);
}

static int64_t
rows_in(struct open_ledger *o)
{
	return number_of(o->db, "SELECT count(*) FROM ledger");
}

/* The row as JSON; freed by the caller. */
static char *
found(struct open_ledger *o, uint64_t number)
{
	struct request_id id = {number, number * 7};
	struct buf b;
	char *text;

	buf_init(&b, 64u << 10);
	assert_int_equal(ledger_find(&o->l, id, 0, true, &b), ERR_OK);
	text = slice_dup(buf_slice(&b));
	assert_non_null(text);
	buf_free(&b);
	return text;
}

static void
assert_found(struct open_ledger *o, uint64_t number, const char *part)
{
	char *text = found(o, number);

	if (strstr(text, part) == NULL)
		fail_msg("%s is not in: %s", part, text);
	free(text);
}

/* --- writing and finding --- */

TEST(a_row_is_kept_as_it_is)
{
	struct open_ledger o;
	struct meter_row row = row_of(5);
	char *text;
	struct json j;

	row.n.cost_pusd = 1234567890123;
	row.n.usage.has_stated = true;
	row.n.usage.stated_pusd = 5;
	row.text[TEXT_SAID] = S("said \"so\"");
	open_ledger(&o);
	insert(&o, &row, 1);
	text = found(&o, 5);
	assert_string_equal(text,
	    "{\"id\":\"req_00000000000000050000000000000023\","
	    "\"object\":\"generation\",\"created_at\":\"2026-01-01T00:00:00.005Z\","
	    "\"key\":\"alice\",\"asked\":\"acme/large:cheapest\","
	    "\"model\":\"acme/large\",\"provider\":\"groq\","
	    "\"upstream_model\":\"large-v1\",\"reply_model\":\"said \\\"so\\\"\","
	    "\"service_tier\":\"\",\"upstream_request_id\":\"\","
	    "\"operation\":\"chat\",\"outcome\":\"OK\",\"user\":\"\",\"team\":\"\","
	    "\"organisation\":\"\","
	    "\"session\":\"\",\"tags\":\"\",\"status\":200,"
	    "\"stream\":true,\"partial\":false,\"ttft_ms\":50,\"total_ms\":200,"
	    "\"usage_known\":true,\"input_tokens\":100,\"cached_input_tokens\":101,"
	    "\"cache_write_tokens\":102,\"cache_write_1h_tokens\":103,"
	    "\"output_tokens\":104,\"reasoning_tokens\":105,"
	    "\"audio_input_tokens\":106,\"audio_output_tokens\":107,"
	    "\"image_input_tokens\":108,\"image_output_tokens\":109,"
	    "\"priced_requests\":110,\"seconds\":111,\"characters\":112,"
	    "\"cost_pusd\":1234567890123,\"cost_usd\":\"1.234567890123\","
	    "\"provider_cost_usd\":\"0.000000000005\","
	    "\"attempts\":[{\"provider\":\"groq\"}]}");
	json_init(&j, 200);
	assert_int_equal(json_parse(&j, slice_str(text), JSON_KEEP_ALL), ERR_OK);
	json_free(&j);
	free(text);
	close_ledger(&o);
}

TEST(what_is_not_known_is_null)
{
	struct open_ledger o;
	struct meter_row row = row_of(5);

	row.n.cost_pusd = PRICE_UNKNOWN;
	row.n.ttft_ms = 0;
	row.n.usage.known = false;
	row.n.stream = false;
	row.n.partial = true;
	open_ledger(&o);
	insert(&o, &row, 1);
	assert_found(&o, 5, "\"stream\":false,\"partial\":true,\"ttft_ms\":null,");
	assert_found(&o, 5, "\"usage_known\":false,");
	assert_found(
	    &o, 5, "\"cost_pusd\":null,\"cost_usd\":null,\"provider_cost_usd\":null,");
	close_ledger(&o);
}

/* Columns that do not change are not bound again: every kind of change must be. */
TEST(rows_in_a_row_do_not_mix)
{
	struct open_ledger o;
	struct meter_row rows[40];
	static char much[METER_TEXTS][3][100];

	open_ledger(&o);
	for (unsigned i = 0; i < COUNT(rows); i++) {
		rows[i] = row_of(i + 1);
		rows[i].n.key_id = i / 3;
		rows[i].n.status = i % 4 == 0 ? 502 : 200;
		rows[i].n.ttft_ms = i % 3 == 0 ? 0 : 7;
		rows[i].n.cost_pusd = i % 5 == 0 ? PRICE_UNKNOWN : i % 5 == 1 ? 0 : 44;
		rows[i].n.usage.has_stated = i % 2 == 0;
		rows[i].n.usage.stated_pusd = i % 7;
		rows[i].n.usage.count[USAGE_OUTPUT] = i / 2;
		for (unsigned t = 0; t < METER_TEXTS; t++) {
			/* Empty, short, and longer than what is remembered. */
			char *text = much[t][i % 3];
			static const size_t lengths[] = {0, 64, 65, 99, 3};

			memset(text, 'a' + (int)(i % 2), 99);
			rows[i].text[t] = slice_of(text, lengths[(i + t) % 5]);
		}
		rows[i].text[TEXT_ATTEMPTS] = S("[]");
		insert(&o, &rows[i], 1);
	}
	for (unsigned i = 0; i < COUNT(rows); i++) {
		char sql[600];

		(void)snprintf(sql, sizeof(sql),
		    "SELECT count(*) FROM ledger WHERE id = %u AND key_id = %u AND "
		    "status = "
		    "%u AND ttft_ms IS %s AND cost_pusd IS %s AND stated_pusd IS %s AND "
		    "output_tokens = %u AND length(asked) = %zu AND length(outcome) = "
		    "%zu AND "
		    "(asked = '' OR substr(asked, -1) = '%c')",
		    i + 1, i / 3, i % 4 == 0 ? 502 : 200, i % 3 == 0 ? "NULL" : "7",
		    i % 5 == 0	 ? "NULL"
		    : i % 5 == 1 ? "0"
				 : "44",
		    i % 2 != 0
			? "NULL"
			: (const char *[]){"0", "1", "2", "3", "4", "5", "6"}[i % 7],
		    i / 2, rows[i].text[TEXT_ASKED].len, rows[i].text[TEXT_OUTCOME].len,
		    'a' + (int)(i % 2));
		if (number_of(o.db, sql) != 1)
			fail_msg("row %u: %s", i, sql);
	}
	close_ledger(&o);
}

/* Also when a text that is too long to be remembered stood between. */
TEST(a_text_that_comes_again_is_bound_again)
{
	static const char *const asked[] = {"a", NULL, "a", "b", NULL, "b", ""};
	static char much[LEDGER_KEPT + 1];
	struct open_ledger o;

	memset(much, 'x', sizeof(much));
	open_ledger(&o);
	for (unsigned i = 0; i < COUNT(asked); i++) {
		struct meter_row row = row_of(i + 1);
		char part[200];

		row.text[TEXT_ASKED] =
		    asked[i] == NULL ? slice_of(much, sizeof(much)) : slice_str(asked[i]);
		insert(&o, &row, 1);
		(void)snprintf(part, sizeof(part), "\"asked\":\"%.*s\",",
		    SLICE_ARGS(row.text[TEXT_ASKED]));
		assert_found(&o, i + 1, part);
	}
	close_ledger(&o);
}

TEST(a_row_is_for_the_key_that_made_it)
{
	struct open_ledger o;
	struct meter_row row = row_of(5);
	struct request_id id = row.n.id, guess = {5, 36};
	struct buf b;

	open_ledger(&o);
	insert(&o, &row, 1);
	buf_init(&b, 64u << 10);
	assert_int_equal(ledger_find(&o.l, id, 3, false, &b), ERR_OK);
	buf_clear(&b);
	assert_int_equal(ledger_find(&o.l, id, 4, false, &b), ERR_NOT_FOUND);
	assert_int_equal(ledger_find(&o.l, id, 0, false, &b), ERR_NOT_FOUND);
	assert_int_equal(ledger_find(&o.l, guess, 3, false, &b), ERR_NOT_FOUND);
	assert_int_equal(ledger_find(&o.l, guess, 3, true, &b), ERR_NOT_FOUND);
	assert_int_equal(b.len, 0);
	assert_int_equal(ledger_find(&o.l, id, 4, true, &b), ERR_OK);
	buf_free(&b);
	buf_init(&b, 100); /* no room for it */
	assert_int_equal(ledger_find(&o.l, id, 3, false, &b), ERR_FULL);
	buf_free(&b);
	close_ledger(&o);
}

/* Numbers beyond what SQLite counts: tags and keys are 64 bits. */
TEST(a_row_that_cannot_be_read_is_no_row_that_is_not_there)
{
	struct open_ledger o;
	struct meter_row row = row_of(5);
	struct buf b;
	int steps = 1;

	open_ledger(&o);
	insert(&o, &row, 1);
	buf_init(&b, 64u << 10);
	break_reads(o.db, &steps);
	assert_int_equal(ledger_find(&o.l, row.n.id, 3, false, &b), ERR_IO);
	mend_reads(o.db);
	assert_int_equal(ledger_find(&o.l, row.n.id, 3, false, &b), ERR_OK);
	buf_free(&b);
	close_ledger(&o);
}

TEST(large_numbers_come_back)
{
	struct open_ledger o;
	struct meter_row row = row_of(5);
	struct buf b;

	row.n.id = (struct request_id){INT64_MAX, UINT64_MAX};
	row.n.key_id = (UINT64_C(1) << 62) + 7;
	row.n.total_ms = UINT32_MAX;
	row.n.cost_pusd = INT64_MAX;
	open_ledger(&o);
	insert(&o, &row, 1);
	buf_init(&b, 64u << 10);
	assert_int_equal(ledger_find(&o.l, row.n.id, row.n.key_id, false, &b), ERR_OK);
	assert_true(slice_search(buf_slice(&b),
			S("\"cost_usd\":\"9223372.036854775807\"")) < b.len);
	assert_true(slice_starts(buf_slice(&b), S("{\"id\":\"req_7fffffffffffffff"
						  "ffffffffffffffff\",")));
	buf_free(&b);
	close_ledger(&o);
}

/* --- batches --- */

TEST(a_batch_that_comes_again_is_passed_over)
{
	struct open_ledger o;
	struct meter_row rows[3] = {row_of(1), row_of(2), row_of(3)};

	open_ledger(&o);
	insert(&o, rows, 2);
	insert(&o, rows, 3);
	insert(&o, rows, 3);
	assert_int_equal(rows_in(&o), 3);
	insert(&o, rows, 0);
	assert_int_equal(rows_in(&o), 3);
	close_ledger(&o);
}

/* Two rows of one number (a clock that was set back) are two rows. */
TEST(no_row_is_lost_to_another_of_its_number)
{
	struct open_ledger o;
	struct meter_row rows[4] = {row_of(1), row_of(1), row_of(2), row_of(1)};

	rows[1].n.id.tag = 1000;
	rows[1].text[TEXT_ASKED] = S("second");
	rows[3].n.id.tag = 2000;
	open_ledger(&o);
	insert(&o, rows, 4);
	assert_int_equal(rows_in(&o), 4);
	assert_int_equal(
	    number_of(o.db, "SELECT count(*) FROM ledger WHERE asked = 'second'"), 1);
	assert_found(&o, 1, "\"asked\":\"acme/large:cheapest\"");
	/* The number that was taken instead is not bound for the next one. */
	rows[0] = row_of(100);
	insert(&o, rows, 1);
	assert_found(&o, 100, "\"outcome\":\"OK\"");
	close_ledger(&o);
}

TEST(a_batch_is_written_whole_or_not)
{
	struct open_ledger o;
	struct meter_row rows[20];
	struct note note = {""};
	unsigned failed = 0;
	enum err e = ERR_IO;

	open_ledger(&o);
	for (unsigned i = 0; i < 20; i++)
		rows[i] = row_of(i + 1);
	for (int at = 1; e != ERR_OK; at += 7) {
		int steps = at;

		break_reads(o.db, &steps);
		e = insert_all(&o, rows, 20, &note);
		mend_reads(o.db);
		assert_int_equal(sqlite3_get_autocommit(db_sqlite_handle(o.db)), 1);
		/* A commit may be done and not be heard of: then it comes again. */
		assert_true(rows_in(&o) == 20 || (rows_in(&o) == 0 && e != ERR_OK));
		if (e != ERR_OK)
			assert_string_equal(note.text, "interrupted");
		failed += e != ERR_OK;
	}
	assert_true(failed > 20);
	close_ledger(&o);
}

/* One that the schema does not take does not hold up the others. */
TEST(a_row_that_is_refused_is_left_out)
{
	struct open_ledger o;
	struct meter_row rows[3] = {row_of(1), row_of(2), row_of(3)};

	log_setup(LOG_ERROR, LOG_TEXT);
	open_ledger(&o);
	run_sql(o.db, "CREATE TRIGGER t BEFORE INSERT ON ledger WHEN new.id = 2 BEGIN "
		      "SELECT raise(ABORT, 'no'); END");
	insert(&o, rows, 3);
	assert_int_equal(rows_in(&o), 2);
	assert_int_equal(number_of(o.db, "SELECT sum(id) FROM ledger"), 4);
	run_sql(o.db, "DROP TRIGGER t");
	close_ledger(&o);
}

TEST(a_file_that_cannot_be_written_is_told)
{
	struct open_ledger o;
	struct meter_row row = row_of(1);
	struct note note = {""};

	open_ledger(&o);
	run_sql(o.db, "PRAGMA query_only = 1");
	assert_int_equal(insert_all(&o, &row, 1, &note), ERR_IO);
	assert_non_null(strstr(note.text, "readonly"));
	run_sql(o.db, "PRAGMA query_only = 0");
	assert_int_equal(insert_all(&o, &row, 1, &note), ERR_OK);
	close_ledger(&o);
}

TEST(a_ledger_without_a_table_cannot_be_opened)
{
	struct db *db = open_db();
	struct note note = {""};
	struct ledger l;

	run_sql(db, "DROP TABLE ledger");
	assert_int_equal(ledger_open(&l, db, &note), ERR_IO);
	assert_string_equal(note.text, "no such table: ledger");
	close_db(db); /* nothing is left open */
}

/* --- sums --- */

struct report {
	char text[2000];
	unsigned groups;
	struct usage_sum last;
};

static void
on_sum(void *arg, const struct usage_sum *s)
{
	struct report *r = arg;
	size_t n = strlen(r->text);

	(void)snprintf(r->text + n, sizeof(r->text) - n, "%.*s|%.*s|%.*s|%.*s %llu\n",
	    SLICE_ARGS(s->group[GROUP_DAY]), SLICE_ARGS(s->group[GROUP_KEY]),
	    SLICE_ARGS(s->group[GROUP_PROVIDER]), SLICE_ARGS(s->group[GROUP_MODEL]),
	    (unsigned long long)s->requests);
	r->last = *s;
	for (unsigned g = 0; g < GROUPS; g++)
		r->last.group[g] = S("");
	r->groups++;
}

static struct report
report(struct open_ledger *o, struct usage_query q)
{
	struct report r = {.groups = 0};
	struct note note = {""};

	if (ledger_usage(o->db, &q, on_sum, &r, &note) != ERR_OK)
		fail_msg("%s", note.text);
	return r;
}

#define ALL_BY(what) ((struct usage_query){.by = (what), .until_ms = UINT64_MAX})

static void
insert_some(struct open_ledger *o)
{
	struct meter_row rows[5] = {
	    row_of(1), row_of(2), row_of(3), row_of(4), row_of(5)};

	rows[0].n.start_ms = 1767225599999; /* the last ms of 2025 */
	rows[1].n.start_ms = 1767225600000;
	rows[1].text[TEXT_KEY] = S("bob");
	rows[2].text[TEXT_PROVIDER] = S("together");
	rows[3].text[TEXT_ASKED] = S("acme/small");
	rows[3].n.cost_pusd = PRICE_UNKNOWN;
	rows[3].text[TEXT_OUTCOME] = S("UP_5XX");
	rows[4].n.partial = true;
	rows[4].text[TEXT_OUTCOME] = S("CLIENT_GONE");
	insert(o, rows, 5);
}

TEST(usage_by_everything_and_by_nothing)
{
	struct open_ledger o;

	open_ledger(&o);
	assert_int_equal(report(&o, ALL_BY(0)).groups, 0);
	insert_some(&o);
	assert_string_equal(
	    report(&o, ALL_BY(BY_DAY | BY_KEY | BY_PROVIDER | BY_MODEL)).text,
	    "2025-12-31|alice|groq|acme/large:cheapest 1\n"
	    "2026-01-01|alice|groq|acme/large:cheapest 1\n"
	    "2026-01-01|alice|groq|acme/small 1\n"
	    "2026-01-01|alice|together|acme/large:cheapest 1\n"
	    "2026-01-01|bob|groq|acme/large:cheapest 1\n");
	assert_string_equal(
	    report(&o, ALL_BY(BY_DAY)).text, "2025-12-31||| 1\n2026-01-01||| 4\n");
	assert_string_equal(report(&o, ALL_BY(BY_KEY)).text, "|alice|| 4\n|bob|| 1\n");
	assert_string_equal(
	    report(&o, ALL_BY(BY_PROVIDER)).text, "||groq| 4\n||together| 1\n");
	assert_string_equal(report(&o, ALL_BY(BY_MODEL)).text,
	    "|||acme/large:cheapest 4\n|||acme/small 1\n");
	assert_string_equal(report(&o, ALL_BY(0)).text, "||| 5\n");
	close_ledger(&o);
}

TEST(usage_between_two_times)
{
	struct open_ledger o;
	struct usage_query q = {.since_ms = 1767225600000, .until_ms = UINT64_MAX};

	open_ledger(&o);
	insert_some(&o);
	assert_int_equal(report(&o, q).last.requests, 4);
	q = (struct usage_query){.since_ms = 0, .until_ms = 1767225600000};
	assert_int_equal(report(&o, q).last.requests, 1);
	q.until_ms++;
	assert_int_equal(report(&o, q).last.requests, 2);
	q = (struct usage_query){.since_ms = UINT64_MAX, .until_ms = UINT64_MAX};
	assert_int_equal(report(&o, q).groups, 0);
	close_ledger(&o);
}

TEST(each_sum_is_of_its_column)
{
	struct open_ledger o;
	struct usage_sum s;

	open_ledger(&o);
	insert_some(&o);
	s = report(&o, ALL_BY(0)).last;
	assert_int_equal(s.requests, 5);
	assert_int_equal(s.failed, 2);
	assert_int_equal(s.partial, 1);
	assert_int_equal(s.unpriced, 1);
	assert_true(s.priced);
	assert_int_equal(s.cost_pusd, 4 * 1000 + 1 + 2 + 3 + 5);
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		assert_int_equal(s.count[c], 5 * (100 + c));
	close_ledger(&o);
}

TEST(a_group_of_unknown_costs_has_none)
{
	struct open_ledger o;
	struct meter_row row = row_of(1);
	struct usage_sum s;

	row.n.cost_pusd = PRICE_UNKNOWN;
	open_ledger(&o);
	insert(&o, &row, 1);
	s = report(&o, ALL_BY(0)).last;
	assert_false(s.priced);
	assert_int_equal(s.unpriced, 1);
	row = row_of(2);
	row.n.cost_pusd = 0; /* free is a known cost */
	insert(&o, &row, 1);
	s = report(&o, ALL_BY(0)).last;
	assert_true(s.priced);
	assert_int_equal(s.cost_pusd, 0);
	close_ledger(&o);
}

/* SQLite gives up a sum that passes 64 bits, and with it the whole report. */
TEST(bug_costs_beyond_64_bits_saturate)
{
	struct open_ledger o;
	struct meter_row rows[3] = {row_of(1), row_of(2), row_of(3)};

	for (unsigned i = 0; i < 3; i++)
		rows[i].n.cost_pusd = INT64_MAX - 5;
	open_ledger(&o);
	insert(&o, rows, 1);
	assert_int_equal(report(&o, ALL_BY(0)).last.cost_pusd, INT64_MAX - 5);
	insert(&o, rows, 3);
	assert_int_equal(report(&o, ALL_BY(0)).last.cost_pusd, INT64_MAX);
	close_ledger(&o);
}

TEST(a_report_that_cannot_be_read_is_told)
{
	struct open_ledger o;
	struct usage_query q = ALL_BY(BY_DAY);
	struct report r = {.groups = 0};
	struct note note = {""};
	int steps = 30;

	open_ledger(&o);
	insert_some(&o);
	break_reads(o.db, &steps);
	assert_int_equal(ledger_usage(o.db, &q, on_sum, &r, &note), ERR_IO);
	assert_string_equal(note.text, "interrupted");
	mend_reads(o.db);
	close_ledger(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    RUN(a_row_is_kept_as_it_is),
	    RUN(what_is_not_known_is_null),
	    RUN(rows_in_a_row_do_not_mix),
	    RUN(a_text_that_comes_again_is_bound_again),
	    RUN(a_row_is_for_the_key_that_made_it),
	    RUN(a_row_that_cannot_be_read_is_no_row_that_is_not_there),
	    RUN(large_numbers_come_back),
	    RUN(a_batch_that_comes_again_is_passed_over),
	    RUN(no_row_is_lost_to_another_of_its_number),
	    RUN(a_batch_is_written_whole_or_not),
	    RUN(a_row_that_is_refused_is_left_out),
	    RUN(a_file_that_cannot_be_written_is_told),
	    RUN(a_ledger_without_a_table_cannot_be_opened),
	    RUN(usage_by_everything_and_by_nothing),
	    RUN(usage_between_two_times),
	    RUN(each_sum_is_of_its_column),
	    RUN(a_group_of_unknown_costs_has_none),
	    RUN(bug_costs_beyond_64_bits_saturate),
	    RUN(a_report_that_cannot_be_read_is_told),
	};

	return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
