#include "store/db.h"

#include <stdio.h>

#define BUSY_MS 5000 /* that another process may hold the file */

/*
 * One statement a version; PRAGMA user_version says which were run. A released
 * one is never changed: what comes later is a further one.
 */
static const char *const migrations[] = {
    /* 1 */
    "CREATE TABLE ledger ("
    " id INTEGER PRIMARY KEY,"
    " tag INTEGER NOT NULL,"
    " start_ms INTEGER NOT NULL,"
    " key_id INTEGER NOT NULL,"
    " status INTEGER NOT NULL,"
    " stream INTEGER NOT NULL,"
    " partial INTEGER NOT NULL,"
    " estimated INTEGER NOT NULL,"
    " ttft_ms INTEGER,"
    " total_ms INTEGER NOT NULL,"
    " usage_known INTEGER NOT NULL,"
    " cost_pusd INTEGER,"
    " stated_pusd INTEGER,"
    " input_tokens INTEGER NOT NULL,"
    " cached_input_tokens INTEGER NOT NULL,"
    " cache_write_tokens INTEGER NOT NULL,"
    " cache_write_1h_tokens INTEGER NOT NULL,"
    " output_tokens INTEGER NOT NULL,"
    " reasoning_tokens INTEGER NOT NULL,"
    " audio_input_tokens INTEGER NOT NULL,"
    " audio_output_tokens INTEGER NOT NULL,"
    " image_input_tokens INTEGER NOT NULL,"
    " image_output_tokens INTEGER NOT NULL,"
    " priced_requests INTEGER NOT NULL,"
    " seconds INTEGER NOT NULL,"
    " characters INTEGER NOT NULL,"
    " key TEXT NOT NULL,"
    " asked TEXT NOT NULL,"
    " model TEXT NOT NULL,"
    " provider TEXT NOT NULL,"
    " upstream TEXT NOT NULL,"
    " said TEXT NOT NULL,"
    " tier TEXT NOT NULL,"
    " upstream_id TEXT NOT NULL,"
    " operation TEXT NOT NULL,"
    " outcome TEXT NOT NULL,"
    " attempts TEXT NOT NULL);"
    "CREATE TABLE key ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " name TEXT NOT NULL,"
    " hash BLOB NOT NULL UNIQUE,"
    " hint TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL,"
    " revoked_ms INTEGER);"
    "CREATE TABLE learnt ("
    " name TEXT PRIMARY KEY,"
    " ttft_us INTEGER NOT NULL,"
    " tok_per_ks INTEGER NOT NULL,"
    " bytes_per_ktok INTEGER NOT NULL,"
    " sampled_ms INTEGER NOT NULL,"
    " open_until_ms INTEGER NOT NULL,"
    " benched_ms INTEGER NOT NULL,"
    " bench_why INTEGER NOT NULL) WITHOUT ROWID;",
    /* 2 */
    "ALTER TABLE key ADD COLUMN aws_id TEXT;"
    "ALTER TABLE key ADD COLUMN aws_secret TEXT;",
    /* 3 */
    "CREATE TABLE account ("
    " level INTEGER NOT NULL,"
    " name TEXT NOT NULL,"
    " above_level INTEGER NOT NULL,"
    " above TEXT NOT NULL,"
    " budget_pusd INTEGER,"
    " period TEXT NOT NULL,"
    " offset_min INTEGER NOT NULL,"
    " requests_min INTEGER,"
    " tokens_min INTEGER,"
    " pusd_min INTEGER,"
    " concurrent INTEGER,"
    " dry INTEGER NOT NULL,"
    " models TEXT,"
    " providers TEXT,"
    " networks TEXT,"
    " expires_ms INTEGER NOT NULL,"
    " blocked INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL,"
    " PRIMARY KEY (level, name)) WITHOUT ROWID;"
    "ALTER TABLE ledger ADD COLUMN user TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE ledger ADD COLUMN team TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE ledger ADD COLUMN organisation TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE ledger ADD COLUMN session TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE ledger ADD COLUMN tags TEXT NOT NULL DEFAULT '';",
    /* 4: a row is never changed; what a later price makes of it stands beside it. The
     * view `bill` has the ledger's columns and what each request costs by now. */
    "ALTER TABLE account ADD COLUMN markup_bp INTEGER;"
    "CREATE TABLE correction ("
    " id INTEGER PRIMARY KEY,"
    " ledger_id INTEGER NOT NULL,"
    " made_ms INTEGER NOT NULL,"
    " before_pusd INTEGER,"
    " after_pusd INTEGER NOT NULL,"
    " add_pusd INTEGER NOT NULL);"
    "CREATE INDEX correction_of ON correction (ledger_id);"
    "CREATE VIEW bill AS SELECT *, coalesce(coalesce(cost_pusd, 0) +"
    " (SELECT sum(add_pusd) FROM correction WHERE ledger_id = ledger.id), cost_pusd)"
    " AS due_pusd FROM ledger;",
    /* 5 */
    "CREATE TABLE audit ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " at_ms INTEGER NOT NULL,"
    " via TEXT NOT NULL,"
    " who TEXT NOT NULL,"
    " action TEXT NOT NULL,"
    " kind TEXT NOT NULL,"
    " name TEXT NOT NULL,"
    " before TEXT,"
    " after TEXT);"
    /* A replacing insert would else remove a row without a word. */
    "CREATE TRIGGER audit_adds BEFORE INSERT ON audit"
    " WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id) BEGIN"
    " SELECT RAISE(ABORT, 'the audit log is only added to'); END;"
    "CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN"
    " SELECT RAISE(ABORT, 'the audit log is only added to'); END;"
    "CREATE TRIGGER audit_remains BEFORE DELETE ON audit BEGIN"
    " SELECT RAISE(ABORT, 'the audit log is only added to'); END;",
    /* 6: how far segments of the journal are drained (-1: to the end, settled), and
     * intents that outlived theirs. */
    "CREATE TABLE journal ("
    " sequence INTEGER PRIMARY KEY,"
    " tag INTEGER NOT NULL,"
    " drained INTEGER NOT NULL);"
    "CREATE TABLE intent ("
    " id INTEGER NOT NULL,"
    " tag INTEGER NOT NULL,"
    " record BLOB NOT NULL,"
    " PRIMARY KEY (id, tag)) WITHOUT ROWID;",
    /* 7 */
    "CREATE TABLE notice ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " level INTEGER NOT NULL,"
    " name TEXT NOT NULL,"
    " from_ms INTEGER NOT NULL,"
    " percent INTEGER NOT NULL,"
    " body TEXT NOT NULL,"
    " made_ms INTEGER NOT NULL,"
    " due_ms INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL,"
    " done_ms INTEGER,"
    " UNIQUE (level, name, from_ms, percent));"
    "CREATE INDEX notice_due ON notice (due_ms) WHERE done_ms IS NULL;",
    /* 8 */
    "CREATE TABLE credit ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " level INTEGER NOT NULL,"
    " name TEXT NOT NULL,"
    " amount_pusd INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL,"
    " expires_ms INTEGER);"
    "CREATE INDEX credit_of ON credit (level, name);",
    /* 9 */
    "CREATE TABLE provider_key ("
    " team TEXT NOT NULL,"
    " provider TEXT NOT NULL,"
    " sealed BLOB NOT NULL,"
    " hint TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL,"
    " PRIMARY KEY (team, provider)) WITHOUT ROWID;",
};

enum err
db_run(sqlite3 *db, const char *sql, struct note *note)
{
	char *why = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &why) == SQLITE_OK)
		return ERR_OK;
	note_set(note, "%s", why == NULL ? sqlite3_errmsg(db) : why);
	sqlite3_free(why);
	return ERR_IO;
}

enum err
db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret_stmt, struct note *note)
{
	if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret_stmt, NULL) ==
	    SQLITE_OK)
		return ERR_OK;
	note_set(note, "%s", sqlite3_errmsg(db));
	return ERR_IO;
}

enum err
db_end(sqlite3 *db, enum err e, struct note *note)
{
	if (e == ERR_OK)
		e = db_run(db, "COMMIT", note);
	if (e != ERR_OK && sqlite3_get_autocommit(db) == 0)
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return e;
}

enum err
db_done(sqlite3 *db, int step, struct note *note)
{
	if (step == SQLITE_DONE)
		return ERR_OK;
	note_set(note, "%s", sqlite3_errmsg(db));
	return ERR_IO;
}

static enum err
read_version(sqlite3 *db, int *ret_version, struct note *note)
{
	sqlite3_stmt *s;
	enum err e = db_prepare(db, "PRAGMA user_version", &s, note);
	int step;

	if (e != ERR_OK)
		return e;
	step = sqlite3_step(s);
	if (step == SQLITE_ROW)
		*ret_version = sqlite3_column_int(s, 0);
	else
		e = db_done(db, step, note);
	(void)sqlite3_finalize(s);
	return e;
}

static enum err
migrate(sqlite3 *db, struct note *note)
{
	int newest = (int)(sizeof(migrations) / sizeof(migrations[0])), v = 0;
	enum err e;

	/* Two processes may start at once: the second waits here, then sees it done. */
	e = db_run(db, "BEGIN IMMEDIATE", note);
	if (e == ERR_OK)
		e = read_version(db, &v, note);
	for (; e == ERR_OK && v < newest; v++) {
		char sql[40];

		e = db_run(db, migrations[v], note);
		(void)snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", v + 1);
		if (e == ERR_OK)
			e = db_run(db, sql, note);
	}
	return db_end(db, e, note);
}

/* Of several that open a new file at once all but one may be told that it is busy,
 * without a wait; so this waits. */
static enum err
use_wal(sqlite3 *db, struct note *note)
{
	enum err e = ERR_IO;

	for (int waited_ms = 0; e != ERR_OK && waited_ms < BUSY_MS; waited_ms += 10) {
		e = db_run(db, "PRAGMA journal_mode = WAL", note);
		if (e != ERR_OK && sqlite3_errcode(db) != SQLITE_BUSY)
			break;
		if (e != ERR_OK)
			(void)sqlite3_sleep(10);
	}
	return e;
}

/* The settings, and the newest schema. */
static enum err
prepare(sqlite3 *db, struct note *note)
{
	int newest = (int)(sizeof(migrations) / sizeof(migrations[0])), version = 0;
	enum err e;

	e = use_wal(db, note);
	(void)sqlite3_busy_timeout(db, BUSY_MS);
	/* NORMAL: a commit survives kill -9; after a power cut the last may be gone. */
	if (e == ERR_OK)
		e = db_run(db,
		    "PRAGMA synchronous = NORMAL;"
		    "PRAGMA cache_size = -512; PRAGMA temp_store = MEMORY",
		    note);
	if (e == ERR_OK)
		e = read_version(db, &version, note);
	if (e == ERR_OK && version > newest) {
		note_set(note,
		    "it was written by a newer weir (schema %d, this one knows %d)",
		    version, newest);
		e = ERR_IO;
	}
	return e == ERR_OK && version < newest ? migrate(db, note) : e;
}

enum err
db_open(const char *folder, sqlite3 **ret_db, struct note *note)
{
	char path[4096];
	sqlite3 *db = NULL;
	struct note why;
	int code;

	if ((size_t)snprintf(path, sizeof(path), "%s/" DB_NAME, folder) >= sizeof(path)) {
		note_set(note, "the data folder's name is too long");
		return ERR_IO;
	}
	if (sqlite3_open_v2(path, &db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
		NULL) != SQLITE_OK) {
		note_set(note, "cannot open %s: %s", path,
		    db == NULL ? "out of memory" : sqlite3_errmsg(db));
		db_close(db);
		return ERR_IO;
	}
	if (prepare(db, &why) != ERR_OK) {
		code = sqlite3_errcode(db);
		note_set(note, "cannot use %s: %s%s", path, why.text,
		    code == SQLITE_NOTADB || code == SQLITE_CORRUPT
			? "; move it away, and a new one is made"
			: "");
		db_close(db);
		return ERR_IO;
	}
	*ret_db = db;
	return ERR_OK;
}

void
db_close(sqlite3 *db)
{
	(void)sqlite3_close_v2(db);
}

struct slice
db_text(sqlite3_stmt *s, int column)
{
	const unsigned char *text = sqlite3_column_text(s, column);
	int n = sqlite3_column_bytes(s, column);

	return slice_of(
	    text == NULL ? "" : (const char *)text, text == NULL ? 0 : (size_t)n);
}

void
db_bind_text(sqlite3_stmt *s, int at, struct slice text)
{
	(void)sqlite3_bind_text64(s, at, text.ptr == NULL ? "" : text.ptr, text.len,
	    SQLITE_STATIC, SQLITE_UTF8);
}
