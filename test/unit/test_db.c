#include "store_case.h"

#include <fcntl.h>
#include <pthread.h>

/* The file of the folder, or one beside it. */
static const char *
path_of(const char *name)
{
	static char path[200];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void
write_bytes(const char *name, off_t at, const char *bytes, size_t n)
{
	int fd = open(path_of(name), O_RDWR | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, at), n);
	assert_int_equal(close(fd), 0);
}

/* It can't be opened, and this is why. */
static void
assert_refused(const char *why)
{
	struct note note = {""};
	struct db *db = NULL;

	assert_int_equal(
	    db_open(&(struct db_place){.folder = folder}, &db, &note), ERR_IO);
	assert_null(db);
	if (strstr(note.text, why) == NULL)
		fail_msg("%s: %s", why, note.text);
	/* Which file it is stands there, too. */
	assert_non_null(strstr(note.text, folder));
}

TEST(a_new_file_has_the_newest_schema)
{
	struct db *db = open_db();
	int64_t version = number_of(db, "PRAGMA user_version");

	assert_true(version >= 1);
	assert_int_equal(number_of(db, "SELECT count(*) FROM sqlite_master WHERE name IN "
				       "('ledger', 'key', 'learnt')"),
	    3);
	assert_int_equal(number_of(db, "SELECT count(*) FROM pragma_journal_mode WHERE "
				       "journal_mode = 'wal'"),
	    1);
	assert_int_equal(number_of(db, "PRAGMA synchronous"), 1);
	close_db(db);
	db = open_db(); /* again: nothing is made anew */
	assert_int_equal(number_of(db, "PRAGMA user_version"), version);
	close_db(db);
}

TEST(an_old_file_is_brought_up)
{
	struct db *db = open_db();
	int64_t version = number_of(db, "PRAGMA user_version");

	close_db(db);
	/* An empty file is one of before the first migration. */
	assert_int_equal(truncate(path_of(DB_NAME), 0), 0);
	db = open_db();
	assert_int_equal(number_of(db, "PRAGMA user_version"), version);
	assert_int_equal(number_of(db, "SELECT count(*) FROM ledger"), 0);
	close_db(db);
}

static int64_t
number_in(sqlite3 *file, const char *sql)
{
	sqlite3_stmt *s;
	int64_t n;

	assert_int_equal(sqlite3_prepare_v2(file, sql, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	n = sqlite3_column_int64(s, 0);
	(void)sqlite3_finalize(s);
	return n;
}

/* Half of a migration is none: the next one finds what was before. */
TEST(a_migration_is_whole_or_undone)
{
	sqlite3 *file;
	struct db *db = open_db();

	run_sql(db, "DROP TABLE ledger; DROP TABLE learnt; PRAGMA user_version = 0");
	close_db(db);
	assert_refused("table key already exists"); /* behind that of the ledger */
	assert_int_equal(
	    sqlite3_open_v2(path_of(DB_NAME), &file, SQLITE_OPEN_READWRITE, NULL),
	    SQLITE_OK);
	assert_int_equal(number_in(file, "SELECT count(*) FROM sqlite_master WHERE name "
					 "= 'ledger'"),
	    0);
	assert_int_equal(number_in(file, "PRAGMA user_version"), 0);
	(void)sqlite3_close(file);
}

TEST(a_newer_file_is_refused)
{
	struct db *db = open_db();

	run_sql(db, "PRAGMA user_version = 999");
	close_db(db);
	assert_refused("it was written by a newer weir (schema 999, this one knows ");
}

TEST(what_is_no_database_is_refused)
{
	char junk[4096];

	memset(junk, 'x', sizeof(junk));
	write_bytes(DB_NAME, 0, junk, sizeof(junk));
	assert_refused("file is not a database; move it away, and a new one is made");
}

TEST(a_torn_file_is_refused)
{
	char junk[4096];
	struct db *db = open_db();

	close_db(db); /* which empties the write-ahead log */
	memset(junk, 'x', sizeof(junk));
	write_bytes(DB_NAME, 100, junk, sizeof(junk) - 100); /* behind the file's head */
	assert_refused("malformed; move it away, and a new one is made");
	assert_int_equal(truncate(path_of(DB_NAME), 3000), 0);
	assert_refused("cannot use ");
}

/* What a full disk or a crash leaves of a file that had just been made. */
TEST(an_empty_file_is_a_new_one)
{
	struct db *db;

	write_bytes(DB_NAME, 0, "", 0);
	db = open_db();
	assert_int_equal(number_of(db, "SELECT count(*) FROM ledger"), 0);
	close_db(db);
}

TEST(a_file_that_cannot_be_opened)
{
	struct note note = {""};
	struct db *db = NULL;
	char name[5000];

	assert_int_equal(mkdir(path_of(DB_NAME), 0700), 0);
	assert_refused("cannot open ");
	memset(name, 'x', sizeof(name));
	name[0] = '/';
	name[4090] = '\0';
	assert_int_equal(db_open(&(struct db_place){.folder = name}, &db, &note), ERR_IO);
	assert_string_equal(note.text, "the data folder's name is too long");
}

TEST(a_file_that_another_process_holds)
{
	struct db *db = open_db(), *other = open_db();
	struct note note = {""};

	run_sql(db, "BEGIN IMMEDIATE");
	(void)sqlite3_busy_timeout(db_sqlite_handle(other), 1);
	assert_int_equal(db_run(other, "BEGIN IMMEDIATE", &note), ERR_IO);
	assert_string_equal(note.text, "database is locked");
	assert_int_equal(db_end(other, ERR_IO, &note), ERR_IO); /* nothing to undo */
	run_sql(db, "COMMIT");
	run_sql(other, "BEGIN IMMEDIATE; COMMIT");
	close_db(db);
	close_db(other);
}

TEST(a_transaction_ends_as_its_error_says)
{
	struct db *db = open_db();
	struct note note = {""};

	run_sql(db, "CREATE TABLE t (a); BEGIN; INSERT INTO t VALUES (1)");
	assert_int_equal(db_end(db, ERR_BAD_REQUEST, &note), ERR_BAD_REQUEST);
	assert_int_equal(number_of(db, "SELECT count(*) FROM t"), 0);
	run_sql(db, "BEGIN; INSERT INTO t VALUES (1)");
	assert_int_equal(db_end(db, ERR_OK, &note), ERR_OK);
	assert_int_equal(number_of(db, "SELECT count(*) FROM t"), 1);
	assert_string_equal(note.text, "");
	assert_int_equal(db_end(db, ERR_OK, &note), ERR_IO); /* none is open */
	assert_non_null(strstr(note.text, "no transaction"));
	close_db(db);
}

TEST(the_end_of_steps)
{
	struct db *db = open_db();
	struct note note = {""};

	assert_int_equal(db_done(db, DB_DONE, &note), ERR_OK);
	assert_string_equal(note.text, "");
	assert_int_equal(db_run(db, "SELECT * FROM nowhere", &note), ERR_IO);
	note.text[0] = '\0';
	assert_int_equal(db_done(db, DB_ERROR, &note), ERR_IO);
	assert_string_equal(note.text, "no such table: nowhere");
	assert_int_equal(db_done(db, DB_ROW, &note), ERR_IO);
	close_db(db);
}

/* What is wrong with what was written, and what with the database, is told apart. */
TEST(failures_have_a_kind)
{
	struct db *db = open_db(), *other = open_db();
	struct note note;

	run_sql(db, "CREATE TABLE t (a INTEGER NOT NULL)");
	assert_int_equal(db_run(db, "INSERT INTO t VALUES (NULL)", &note), ERR_IO);
	assert_int_equal(db_fault(db), DB_FAULT_REFUSED);
	assert_int_equal(db_run(db, "SELEC 1", &note), ERR_IO);
	assert_int_equal(db_fault(db), DB_FAULT_OTHER);
	(void)sqlite3_busy_timeout(db_sqlite_handle(other), 1);
	assert_int_equal(db_begin(db, DB_ROWS, &note), ERR_OK);
	assert_int_equal(db_begin(other, DB_CHANGE, &note), ERR_IO);
	assert_int_equal(db_fault(other), DB_FAULT_AWAY);
	assert_int_equal(db_end(db, ERR_OK, &note), ERR_OK);
	close_db(other);
	close_db(db);
}

static bool
changed(struct db *db)
{
	struct note note;
	bool yes = false;

	assert_int_equal(db_changed(db, &yes, &note), ERR_OK);
	return yes;
}

TEST(a_change_by_another_is_seen_once)
{
	struct db *db = open_db(), *other = open_db();

	(void)changed(db);
	assert_false(changed(db));
	run_sql(db, "CREATE TABLE t (a INTEGER)");
	assert_false(changed(db)); /* its own */
	run_sql(other, "INSERT INTO t VALUES (1)");
	assert_true(changed(db));
	assert_false(changed(db));
	close_db(other);
	close_db(db);
}

TEST(many_rows)
{
	const struct db_rows rows = {"t", "a, b", NULL, NULL};
	const struct db_rows nowhere = {"nowhere", "a", NULL, NULL};
	struct db *db = open_db();
	struct note note = {""};
	struct db_stmt *s;
	bool there;

	run_sql(db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)");
	assert_int_equal(db_prepare_rows(db, &rows, &s, &note), ERR_OK);
	assert_int_equal(db_begin(db, DB_ROWS, &note), ERR_OK);
	for (int i = 0; i < 4; i++) {
		db_bind_i64(s, 1, i % 3);
		db_bind_text(s, 2, S("x"));
		assert_int_equal(db_rows_add(s, &there, &note), ERR_OK);
		assert_int_equal(there, i == 3);
	}
	assert_int_equal(db_rows_end(s, &note), ERR_OK);
	db_finish(s);
	assert_int_equal(db_end(db, ERR_OK, &note), ERR_OK);
	assert_int_equal(number_of(db, "SELECT count(*) FROM t"), 3);
	assert_int_equal(db_prepare_rows(db, &nowhere, &s, &note), ERR_IO);
	close_db(db);
}

TEST(bad_sql_is_told)
{
	struct db *db = open_db();
	struct note note = {""};
	struct db_stmt *s;

	assert_int_equal(db_run(db, "SELEC 1", &note), ERR_IO);
	assert_non_null(strstr(note.text, "syntax error"));
	assert_int_equal(db_prepare(db, "SELECT * FROM nowhere", &s, &note), ERR_IO);
	assert_string_equal(note.text, "no such table: nowhere");
	close_db(db);
}

TEST(texts_come_back)
{
	static const struct slice texts[] = {
	    {"text", 4}, {"", 0}, {NULL, 0}, {"a\0b", 3}, {"\xc3\xa4", 2}};
	struct db *db = open_db();
	struct note note;
	struct db_stmt *s;

	assert_int_equal(db_prepare(db, "SELECT ?, NULL", &s, &note), ERR_OK);
	for (size_t i = 0; i < COUNT(texts); i++) {
		db_bind_text(s, 1, texts[i]);
		assert_int_equal(db_step(s), DB_ROW);
		assert_false(db_is_null(s, 0));
		assert_true(db_is_null(s, 1));
		assert_slice(db_text(s, 0), texts[i]);
		assert_slice(db_text(s, 1), S(""));
		assert_non_null(db_text(s, 1).ptr);
		db_reset(s);
	}
	db_finish(s);
	close_db(db);
}

/* --- two at once --- */

static void *
open_and_close(void *arg)
{
	close_db(open_db());
	return arg;
}

TEST(two_may_make_the_file_at_once)
{
	for (unsigned round = 0; round < 4; round++) {
		pthread_t threads[3];
		struct db *db;

		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(
			    pthread_create(&threads[i], NULL, open_and_close, NULL), 0);
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(pthread_join(threads[i], NULL), 0);
		db = open_db();
		assert_int_equal(number_of(db, "SELECT count(*) FROM key"), 0);
		close_db(db);
		(void)unlink(path_of(DB_NAME));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    RUN(a_new_file_has_the_newest_schema),
	    RUN(an_old_file_is_brought_up),
	    RUN(a_migration_is_whole_or_undone),
	    RUN(a_newer_file_is_refused),
	    RUN(what_is_no_database_is_refused),
	    RUN(a_torn_file_is_refused),
	    RUN(an_empty_file_is_a_new_one),
	    RUN(a_file_that_cannot_be_opened),
	    RUN(a_file_that_another_process_holds),
	    RUN(a_transaction_ends_as_its_error_says),
	    RUN(the_end_of_steps),
	    RUN(failures_have_a_kind),
	    RUN(a_change_by_another_is_seen_once),
	    RUN(many_rows),
	    RUN(bad_sql_is_told),
	    RUN(texts_come_back),
	    RUN(two_may_make_the_file_at_once),
	};

	return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
