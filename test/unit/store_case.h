/*
 * store_case: a data folder for each test, which is gone afterwards, and rows to
 * put into it.
 */
#ifndef UNIT_STORE_CASE_H
#define UNIT_STORE_CASE_H

#include "store/db_sqlite.h"
#include "store/journal.h"
#include "store/ledger.h"

#include "provider/price.h"

#include "test.h"

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64]; /* of the running test */

static inline int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void
remove_folder(void)
{
	(void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline int
folder_setup(void **state __attribute__((unused)))
{
	/* In memory where that can be: what a disk takes to sync is not tested. */
	(void)snprintf(folder, sizeof(folder), "%s/weir-store-XXXXXX",
	    access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp");
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static inline int
folder_teardown(void **state __attribute__((unused)))
{
	remove_folder();
	return 0;
}

#define RUN(case) cmocka_unit_test_setup_teardown(case, folder_setup, folder_teardown)

/* The database of the folder. */
static inline struct db *
open_db(void)
{
	const struct db_place place = {.folder = folder};
	struct note note = {""};
	struct db *db = NULL;

	if (db_open(&place, &db, &note) != ERR_OK)
		fail_msg("%s", note.text);
	return db;
}

/* Closes it; no statement may be left. */
static inline void
close_db(struct db *db)
{
	assert_null(sqlite3_next_stmt(db_sqlite_handle(db), NULL));
	assert_int_equal(sqlite3_get_autocommit(db_sqlite_handle(db)), 1);
	db_close(db);
}

static inline void
run_sql(struct db *db, const char *sql)
{
	struct note note = {""};

	if (db_run(db, sql, &note) != ERR_OK)
		fail_msg("%s: %s", sql, note.text);
}

/* The number that a statement gives. */
static inline int64_t
number_of(struct db *db, const char *sql)
{
	struct note note;
	struct db_stmt *s;
	int64_t n;

	assert_int_equal(db_prepare(db, sql, &s, &note), ERR_OK);
	assert_int_equal(db_step(s), DB_ROW);
	n = db_i64(s, 0);
	db_finish(s);
	return n;
}

/* The n-th step of SQLite's machine on the connection fails, as a disk may. */
static inline int
interrupt(void *arg)
{
	return --*(int *)arg == 0;
}

static inline void
break_reads(struct db *db, int *steps)
{
	sqlite3_progress_handler(db_sqlite_handle(db), 1, interrupt, steps);
}

static inline void
mend_reads(struct db *db)
{
	sqlite3_progress_handler(db_sqlite_handle(db), 0, NULL, NULL);
}

/* A row that tells itself from others by its number. */
static inline struct meter_row
row_of(uint64_t number)
{
	struct meter_row row = {.n = {.id = {number, number * 7},
				    .start_ms = 1767225600000 + number, /* 2026-01-01 */
				    .key_id = 3,
				    .ttft_ms = 50,
				    .total_ms = 200,
				    .status = 200,
				    .attempts = 1,
				    .stream = true,
				    .usage = {.known = true},
				    .cost_pusd = 1000 + (int64_t)number}};

	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		row.n.usage.count[c] = 100 + c;
	for (unsigned t = 0; t < METER_TEXTS; t++)
		row.text[t] = S("");
	row.text[TEXT_KEY] = S("alice");
	row.text[TEXT_ASKED] = S("acme/large:cheapest");
	row.text[TEXT_MODEL] = S("acme/large");
	row.text[TEXT_PROVIDER] = S("groq");
	row.text[TEXT_UPSTREAM] = S("large-v1");
	row.text[TEXT_OPERATION] = S("chat");
	row.text[TEXT_OUTCOME] = S("OK");
	row.text[TEXT_ATTEMPTS] = S("[{\"provider\":\"groq\"}]");
	return row;
}

/* An intent that the row of that number would settle. */
static inline struct meter_intent
intent_of(uint64_t number)
{
	struct meter_intent intent = {.id = {number, number * 7},
	    .start_ms = 1767225600000 + number,
	    .key_id = 3,
	    .reserved_pusd = 5000 + (int64_t)number,
	    .input_tok = 11,
	    .output_tok = 22,
	    .attempts = 1};

	for (unsigned t = 0; t < INTENT_TEXTS; t++)
		intent.text[t] = S("");
	intent.text[INTENT_KEY] = S("alice");
	intent.text[INTENT_ASKED] = S("acme/large:cheapest");
	intent.text[INTENT_PROVIDER] = S("groq");
	intent.text[INTENT_UPSTREAM] = S("large-v1");
	intent.text[INTENT_OPERATION] = S("chat");
	return intent;
}

static const struct journal_limits small_limits = {
    .segment_bytes = SEGMENT_LEAST, .max_bytes = 64u << 20};

/* Appends; there must be room. */
static inline void
put_intent(struct journal *j, uint64_t number)
{
	struct meter_intent intent = intent_of(number);
	size_t promise = 0;

	assert_true(journal_intent(j, &intent, &promise));
}

static inline void
put_row(struct journal *j, uint64_t number)
{
	struct meter_row row = row_of(number);
	size_t promise = 0;

	assert_true(journal_settle(j, &row, &promise));
}

#endif
