/*
 * db: the database behind the store, whichever it is: a connection, statements, one
 * transaction at a time. For the store's thread and for commands; a connection and what
 * was made of it belong to one thread.
 *
 * SQL is written once, in what every engine takes, with `?` and `?1` as places of values
 * and `"user"` in quotes. Integers are 64 bits. What differs has a function here. Not
 * here: what the tables mean.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "core/err.h"
#include "core/note.h"

#include "core/slice.h"

#include <stdint.h>

#define DB_NAME "weir.db"

struct db;
struct db_stmt;

/* Where a database is. */
struct db_place {
	const char *folder;   /* of the file */
	struct slice url;     /* empty: the file */
	uint64_t patience_ms; /* for an answer of the one at the URL; 0: minutes */
};

/*
 * Opens it, made and brought to the newest schema if need be. ERR_IO with a note, and,
 * as all that follow, ERR_NOMEM. No note has the URL's password.
 */
enum err
db_open(const struct db_place *place, struct db **ret_db, struct note *note) MUST_CHECK;
void db_close(struct db *db);

/* Can that be a URL? What is wrong is the note. */
bool db_is_url(struct slice url, struct note *note);

/* What it is, for people: "PostgreSQL at db:5432/weir", "the file /var/lib/weir/weir.db".
 * Lives as long as the connection. */
const char *db_name(const struct db *db);

/* The schema that it had before it was opened (0: none), and has since. */
struct db_versions {
	int from, to;
};
struct db_versions db_versions(const struct db *db);

/* What the last failure on the connection says of the next try. */
enum db_fault {
	DB_FAULT_OTHER,
	DB_FAULT_REFUSED, /* what was written is wrong, and will be the next time as well
			   */
	DB_FAULT_AWAY, /* the database is busy, full, gone or failing: later, perhaps */
};
enum db_fault db_fault(const struct db *db);

/* Runs statements without results. ERR_IO with a note. */
enum err db_run(struct db *db, const char *sql, struct note *note) MUST_CHECK;

/* What a transaction is for. */
enum db_begin {
	DB_READ,   /* one state of all that it reads */
	DB_ROWS,   /* rows of requests: many processes at once */
	DB_CHANGE, /* keys, accounts, money: one process at a time, and all are told */
};

/* Begins one. ERR_IO with a note. */
enum err db_begin(struct db *db, enum db_begin what, struct note *note) MUST_CHECK;

/* Ends a transaction: commits it if e is OK, else undoes it. Returns e, or ERR_IO with
 * a note when it cannot be committed, or it is not known that it was. */
enum err db_end(struct db *db, enum err e, struct note *note) MUST_CHECK;

/* Did another connection commit a change since the last call? May be told some hundred
 * milliseconds late. ERR_IO with a note. */
enum err db_changed(struct db *db, bool *ret_changed, struct note *note) MUST_CHECK;

/* Prepares a statement; NULL when it fails, which db_finish takes. ERR_IO with a note. */
enum err db_prepare(struct db *db, const char *sql, struct db_stmt **ret_stmt,
    struct note *note) MUST_CHECK;
void db_finish(struct db_stmt *s);

/* Places of values are numbered from 1, and hold NULL until they are bound; they stay
 * bound. Texts and blobs are borrowed until the next step. A place that the statement
 * does not have is passed over. */
void db_bind_null(struct db_stmt *s, int at);
void db_bind_i64(struct db_stmt *s, int at, int64_t value);
void db_bind_text(struct db_stmt *s, int at, struct slice text);
void db_bind_blob(struct db_stmt *s, int at, struct slice blob);

/* Its rows come as they are found instead of all at once, for very many. Until its end no
 * other statement can run. */
void db_stream(struct db_stmt *s);

/* Runs it on to its next row. After the end it must be reset before it runs again. */
enum db_step { DB_DONE, DB_ROW, DB_ERROR };
enum db_step db_step(struct db_stmt *s) MUST_CHECK;
void db_reset(struct db_stmt *s);

/* Ends the steps of a statement: ERR_IO with a note unless the last one told the end. */
enum err db_done(struct db *db, enum db_step step, struct note *note) MUST_CHECK;

/* One step of a statement without rows. ERR_IO with a note. */
enum err db_once(struct db_stmt *s, struct note *note) MUST_CHECK;

/* Columns of the row, from 0; of NULL 0 or empty. Texts and blobs are valid until the
 * next step. A number beyond 64 bits is the nearest within. */
bool db_is_null(struct db_stmt *s, int column);
int64_t db_i64(struct db_stmt *s, int column);
struct slice db_text(struct db_stmt *s, int column);
struct slice db_blob(struct db_stmt *s, int column);

/* Rows that the last statement inserted, changed or removed. */
int64_t db_changes(const struct db *db);

/* A row that was refused later than it was added: n is its number since the last
 * db_rows_end, from 0. */
typedef void db_refused_fn(void *arg, size_t n, const struct note *why);

/* Into which table many rows go, and which columns are bound: "a, b, c". */
struct db_rows {
	const char *table, *columns;
	db_refused_fn *on_refused;
	void *arg;
};

/* A statement that inserts rows in a transaction; those that are there already are passed
 * over. Values are bound as ever. ERR_IO with a note. */
enum err db_prepare_rows(struct db *db, const struct db_rows *rows,
    struct db_stmt **ret_stmt, struct note *note) MUST_CHECK;

/* Adds the row that is bound; *ret_there: it, or another of its key, is there already. An
 * engine may put off both until db_rows_end, and says no meanwhile. ERR_IO with a note.
 */
enum err db_rows_add(struct db_stmt *s, bool *ret_there, struct note *note) MUST_CHECK;

/* Writes those that were put off, without those that are refused. ERR_IO with a note. */
enum err db_rows_end(struct db_stmt *s, struct note *note) MUST_CHECK;

/* Ids were written into the table: those that it gives itself come behind them. ERR_IO
 * with a note. */
enum err
db_go_on_numbering(struct db *db, const char *table, struct note *note) MUST_CHECK;

/* Takes the number for this connection alone until it ends; false: another has it. ERR_IO
 * with a note. */
enum err
db_claim(struct db *db, int64_t number, bool *ret_ours, struct note *note) MUST_CHECK;

/* Of several servers that share the database, is it this one that does what one alone is
 * to do? Until its connection ends. ERR_IO with a note. */
enum err db_leads(struct db *db, bool *ret_leads, struct note *note) MUST_CHECK;

/* Does what a large database wants done from time to time, some minutes apart. ERR_IO
 * with a note. */
enum err db_keep(struct db *db, uint64_t unix_ms, struct note *note) MUST_CHECK;

#endif
