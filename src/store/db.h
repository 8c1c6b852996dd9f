/*
 * db: the SQLite file and its schema. For store/ only.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "core/err.h"
#include "core/note.h"

#include <sqlite3.h>

#define DB_NAME "weir.db"

/*
 * Opens the file in the folder, made and brought to the newest schema if need
 * be. ERR_IO with a note.
 */
enum err db_open(const char *folder, sqlite3 **ret_db, struct note *note) MUST_CHECK;
void db_close(sqlite3 *db);

/* Runs statements without results. ERR_IO with a note. */
enum err db_run(sqlite3 *db, const char *sql, struct note *note) MUST_CHECK;

/* Ends a transaction: commits it if e is OK, else undoes it. Returns e, or ERR_IO with
 * a note when it cannot be committed. */
enum err db_end(sqlite3 *db, enum err e, struct note *note) MUST_CHECK;

/* Ends the steps of a statement: ERR_IO with a note unless the last one told the end. */
enum err db_done(sqlite3 *db, int step, struct note *note) MUST_CHECK;

/* Prepares a statement. ERR_IO with a note. */
enum err db_prepare(
    sqlite3 *db, const char *sql, sqlite3_stmt **ret_stmt, struct note *note) MUST_CHECK;

/* A text column as a slice, valid until the next step. */
struct slice db_text(sqlite3_stmt *s, int column);

void db_bind_text(sqlite3_stmt *s, int at, struct slice text);

#endif
