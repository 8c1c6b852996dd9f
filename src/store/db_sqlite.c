/*
 * SQLite: a file in the data folder.
 */
#include "store/db_sqlite.h"

#include "core/buf.h"
#include "store/db_engine.h"
#include "store/db_schema.h"

#include <stdio.h>
#include <stdlib.h>

#define BUSY_MS	  5000 /* that another process may hold the file */
#define SQL_BYTES 4096

struct file {
	struct db db;
	sqlite3 *handle;
	int64_t version; /* SQLite's, which others' commits change; the last one seen */
};

struct stmt {
	struct db_stmt stmt;
	sqlite3_stmt *handle;
};

static struct file *
file_of(struct db *db)
{
	return (struct file *)db;
}

static sqlite3 *
handle_of(struct db *db)
{
	return file_of(db)->handle;
}

static sqlite3_stmt *
stmt_of(struct db_stmt *s)
{
	return ((struct stmt *)s)->handle;
}

sqlite3 *
db_sqlite_handle(struct db *db)
{
	return handle_of(db);
}

/* --- failures --- */

static enum db_fault
fault_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG: return DB_FAULT_REFUSED;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_NOMEM:
	case SQLITE_INTERRUPT: return DB_FAULT_AWAY;
	default: return DB_FAULT_OTHER;
	}
}

static void
failed(struct db *db)
{
	db->fault = fault_of(sqlite3_errcode(handle_of(db)));
}

static const char *
why(struct db *db)
{
	return sqlite3_errmsg(handle_of(db));
}

static enum err
run(struct db *db, const char *sql, struct note *note)
{
	char *text = NULL;

	if (sqlite3_exec(handle_of(db), sql, NULL, NULL, &text) == SQLITE_OK)
		return ERR_OK;
	failed(db);
	note_set(note, "%s", text == NULL ? why(db) : text);
	sqlite3_free(text);
	return ERR_IO;
}

/* --- statements --- */

static enum err
prepare(struct db *db, const char *sql, struct db_stmt **ret_stmt, struct note *note)
{
	struct stmt *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		note_set(note, "out of memory");
		return ERR_NOMEM;
	}
	s->stmt.db = db;
	if (sqlite3_prepare_v3(handle_of(db), sql, -1, SQLITE_PREPARE_PERSISTENT,
		&s->handle, NULL) != SQLITE_OK) {
		failed(db);
		note_set(note, "%s", why(db));
		free(s);
		return ERR_IO;
	}
	*ret_stmt = &s->stmt;
	return ERR_OK;
}

static void
finish(struct db_stmt *s)
{
	(void)sqlite3_finalize(stmt_of(s));
	free(s);
}

static void
bind_null(struct db_stmt *s, int at)
{
	(void)sqlite3_bind_null(stmt_of(s), at);
}

static void
bind_i64(struct db_stmt *s, int at, int64_t value)
{
	(void)sqlite3_bind_int64(stmt_of(s), at, value);
}

static void
bind_text(struct db_stmt *s, int at, struct slice text)
{
	(void)sqlite3_bind_text64(stmt_of(s), at, text.ptr == NULL ? "" : text.ptr,
	    text.len, SQLITE_STATIC, SQLITE_UTF8);
}

static void
bind_blob(struct db_stmt *s, int at, struct slice blob)
{
	(void)sqlite3_bind_blob64(
	    stmt_of(s), at, blob.ptr == NULL ? "" : blob.ptr, blob.len, SQLITE_STATIC);
}

static enum db_step
step(struct db_stmt *s)
{
	switch (sqlite3_step(stmt_of(s))) {
	case SQLITE_ROW: return DB_ROW;
	case SQLITE_DONE:
		s->db->changes = sqlite3_changes(handle_of(s->db));
		return DB_DONE;
	default: failed(s->db); return DB_ERROR;
	}
}

static void
reset(struct db_stmt *s)
{
	(void)sqlite3_reset(stmt_of(s));
}

static bool
is_null(struct db_stmt *s, int column)
{
	return sqlite3_column_type(stmt_of(s), column) == SQLITE_NULL;
}

static int64_t
i64(struct db_stmt *s, int column)
{
	return sqlite3_column_int64(stmt_of(s), column);
}

static struct slice
text(struct db_stmt *s, int column)
{
	const unsigned char *ptr = sqlite3_column_text(stmt_of(s), column);
	int n = sqlite3_column_bytes(stmt_of(s), column);

	return slice_of(
	    ptr == NULL ? "" : (const char *)ptr, ptr == NULL ? 0 : (size_t)n);
}

static struct slice
blob(struct db_stmt *s, int column)
{
	const void *ptr = sqlite3_column_blob(stmt_of(s), column);
	int n = sqlite3_column_bytes(stmt_of(s), column);

	return slice_of(ptr == NULL ? "" : ptr, ptr == NULL ? 0 : (size_t)n);
}

/* --- many rows: one statement, run again and again --- */

static enum err
prepare_rows(struct db *db, const struct db_rows *rows, struct db_stmt **ret_stmt,
    struct note *note)
{
	struct buf sql;
	enum err e;

	buf_init(&sql, SQL_BYTES);
	buf_printf(&sql, "INSERT INTO %s (%s) VALUES (?", rows->table, rows->columns);
	for (const char *p = rows->columns; *p != '\0'; p++)
		if (*p == ',')
			buf_add(&sql, S(", ?"));
	buf_add(&sql, S(") ON CONFLICT DO NOTHING"));
	buf_byte(&sql, '\0');
	if (sql.err != ERR_OK)
		note_set(note, "out of memory");
	e = sql.err != ERR_OK ? sql.err : prepare(db, sql.ptr, ret_stmt, note);
	buf_free(&sql);
	return e;
}

static enum err
rows_add(struct db_stmt *s, bool *ret_there, struct note *note)
{
	enum err e = db_once(s, note);

	*ret_there = e == ERR_OK && s->db->changes == 0;
	return e;
}

static enum err
rows_end(struct db_stmt *s, struct note *note)
{
	(void)s;
	(void)note;
	return ERR_OK;
}

static void
stream(struct db_stmt *s)
{
	(void)s; /* they always do */
}

static enum err
go_on_numbering(struct db *db, const char *table, struct note *note)
{
	(void)db;
	(void)table;
	(void)note;
	return ERR_OK; /* it does */
}

static enum err
claim(struct db *db, int64_t number, bool *ret_ours, struct note *note)
{
	(void)db;
	(void)number;
	(void)note;
	*ret_ours = true; /* there is one server, by the lock of its folder */
	return ERR_OK;
}

static enum err
leads(struct db *db, bool *ret_leads, struct note *note)
{
	(void)db;
	(void)note;
	*ret_leads = true;
	return ERR_OK;
}

static enum err
keep(struct db *db, uint64_t unix_ms, struct note *note)
{
	(void)db;
	(void)unix_ms;
	(void)note;
	return ERR_OK;
}

/* --- transactions --- */

static enum err
begin(struct db *db, enum db_begin what, struct note *note)
{
	/* One that is to write waits here for another's end, and not in its middle. */
	return run(db, what == DB_READ ? "BEGIN" : "BEGIN IMMEDIATE", note);
}

static enum err
commit(struct db *db, struct note *note)
{
	return run(db, "COMMIT", note);
}

static void
rollback(struct db *db)
{
	if (sqlite3_get_autocommit(handle_of(db)) == 0)
		(void)sqlite3_exec(handle_of(db), "ROLLBACK", NULL, NULL, NULL);
}

/* The number that a pragma tells. */
static enum err
read_number(struct db *db, const char *sql, int64_t *ret, struct note *note)
{
	struct db_stmt *s;
	enum err e = prepare(db, sql, &s, note);
	enum db_step got;

	if (e != ERR_OK)
		return e;
	got = step(s);
	if (got == DB_ROW)
		*ret = i64(s, 0);
	else
		e = db_done(db, got, note);
	finish(s);
	return e;
}

static enum err
changed(struct db *db, bool *ret_changed, struct note *note)
{
	struct file *f = file_of(db);
	int64_t before = f->version;
	enum err e = read_number(db, "PRAGMA data_version", &f->version, note);

	*ret_changed = f->version != before;
	return e;
}

/* --- the file --- */

static void
close_file(struct db *db)
{
	(void)sqlite3_close_v2(handle_of(db));
	free(db);
}

static const struct db_engine sqlite = {
    .close = close_file,
    .run = run,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .changed = changed,
    .why = why,
    .prepare = prepare,
    .prepare_rows = prepare_rows,
    .finish = finish,
    .bind_null = bind_null,
    .bind_i64 = bind_i64,
    .bind_text = bind_text,
    .bind_blob = bind_blob,
    .step = step,
    .reset = reset,
    .is_null = is_null,
    .i64 = i64,
    .text = text,
    .blob = blob,
    .rows_add = rows_add,
    .rows_end = rows_end,
    .stream = stream,
    .go_on_numbering = go_on_numbering,
    .claim = claim,
    .leads = leads,
    .keep = keep,
};

static enum err
migrate(struct db *db, struct note *note)
{
	int64_t v = 0;
	enum err e;

	/* Two processes may start at once: the second waits here, then sees it done. */
	e = run(db, "BEGIN IMMEDIATE", note);
	if (e == ERR_OK)
		e = read_number(db, "PRAGMA user_version", &v, note);
	for (; e == ERR_OK && v < DB_SCHEMA_VERSION; v++) {
		char sql[40];

		e = run(db, db_schema_sqlite[v], note);
		(void)snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", (int)v + 1);
		if (e == ERR_OK)
			e = run(db, sql, note);
	}
	return db_end(db, e, note);
}

/* Of several that open a new file at once all but one may be told that it is busy,
 * without a wait; so this waits. */
static enum err
use_wal(struct db *db, struct note *note)
{
	enum err e = ERR_IO;

	for (int waited_ms = 0; e != ERR_OK && waited_ms < BUSY_MS; waited_ms += 10) {
		e = run(db, "PRAGMA journal_mode = WAL", note);
		if (e != ERR_OK && sqlite3_errcode(handle_of(db)) != SQLITE_BUSY)
			break;
		if (e != ERR_OK)
			(void)sqlite3_sleep(10);
	}
	return e;
}

/* The settings, and the newest schema. */
static enum err
set_up(struct db *db, struct note *note)
{
	int64_t version = 0;
	enum err e;

	e = use_wal(db, note);
	(void)sqlite3_busy_timeout(handle_of(db), BUSY_MS);
	/* NORMAL: a commit survives kill -9; after a power cut the last may be gone. */
	if (e == ERR_OK)
		e = run(db,
		    "PRAGMA synchronous = NORMAL;"
		    "PRAGMA cache_size = -512; PRAGMA temp_store = MEMORY",
		    note);
	if (e == ERR_OK)
		e = read_number(db, "PRAGMA user_version", &version, note);
	if (e == ERR_OK && version > DB_SCHEMA_VERSION) {
		note_set(note,
		    "it was written by a newer weir (schema %d, this one knows %d)",
		    (int)version, DB_SCHEMA_VERSION);
		e = ERR_IO;
	}
	db->versions = (struct db_versions){(int)version, DB_SCHEMA_VERSION};
	return e == ERR_OK && version < DB_SCHEMA_VERSION ? migrate(db, note) : e;
}

static enum err
open_path(const char *path, struct file *f, struct note *note)
{
	struct note reason;
	enum err e;
	int code;

	if (sqlite3_open_v2(path, &f->handle,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
		NULL) != SQLITE_OK) {
		note_set(note, "cannot open %s: %s", path,
		    f->handle == NULL ? "out of memory" : why(&f->db));
		return ERR_IO;
	}
	e = set_up(&f->db, &reason);
	if (e == ERR_OK)
		return ERR_OK;
	code = sqlite3_errcode(f->handle);
	note_set(note, "cannot use %s: %s%s", path, reason.text,
	    code == SQLITE_NOTADB || code == SQLITE_CORRUPT
		? "; move it away, and a new one is made"
		: "");
	return e;
}

enum err
db_sqlite_open(const struct db_place *place, struct db **ret_db, struct note *note)
{
	char path[4096];
	struct file *f;
	enum err e;

	if ((size_t)snprintf(path, sizeof(path), "%s/" DB_NAME, place->folder) >=
	    sizeof(path)) {
		note_set(note, "the data folder's name is too long");
		return ERR_IO;
	}
	f = calloc(1, sizeof(*f));
	if (f == NULL) {
		note_set(note, "out of memory");
		return ERR_NOMEM;
	}
	f->db.engine = &sqlite;
	(void)snprintf(f->db.name, sizeof(f->db.name), "the file %.*s",
	    (int)sizeof(f->db.name) - 10, path);
	e = open_path(path, f, note);
	if (e == ERR_OK)
		*ret_db = &f->db;
	else
		close_file(&f->db);
	return e;
}
