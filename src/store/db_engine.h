/*
 * db_engine: what an engine does for db.h. Its connections and statements begin with a
 * struct db and a struct db_stmt. For db*.c only.
 */
#ifndef STORE_DB_ENGINE_H
#define STORE_DB_ENGINE_H

#include "store/db.h"

struct db_engine {
	void (*close)(struct db *db);
	enum err (*run)(struct db *db, const char *sql, struct note *note);
	enum err (*begin)(struct db *db, enum db_begin what, struct note *note);
	enum err (*commit)(struct db *db, struct note *note);
	void (*rollback)(struct db *db); /* of none: nothing */
	enum err (*changed)(struct db *db, bool *ret_changed, struct note *note);
	/* What the last failure was; valid until the next call. */
	const char *(*why)(struct db *db);
	enum err (*prepare)(
	    struct db *db, const char *sql, struct db_stmt **ret_stmt, struct note *note);
	enum err (*prepare_rows)(struct db *db, const struct db_rows *rows,
	    struct db_stmt **ret_stmt, struct note *note);
	void (*finish)(struct db_stmt *s);
	void (*bind_null)(struct db_stmt *s, int at);
	void (*bind_i64)(struct db_stmt *s, int at, int64_t value);
	void (*bind_text)(struct db_stmt *s, int at, struct slice text);
	void (*bind_blob)(struct db_stmt *s, int at, struct slice blob);
	enum db_step (*step)(struct db_stmt *s);
	void (*reset)(struct db_stmt *s);
	bool (*is_null)(struct db_stmt *s, int column);
	int64_t (*i64)(struct db_stmt *s, int column);
	struct slice (*text)(struct db_stmt *s, int column);
	struct slice (*blob)(struct db_stmt *s, int column);
	enum err (*rows_add)(struct db_stmt *s, bool *ret_there, struct note *note);
	enum err (*rows_end)(struct db_stmt *s, struct note *note);
	void (*stream)(struct db_stmt *s);
	enum err (*go_on_numbering)(struct db *db, const char *table, struct note *note);
	enum err (*claim)(
	    struct db *db, int64_t number, bool *ret_ours, struct note *note);
	enum err (*leads)(struct db *db, bool *ret_leads, struct note *note);
	enum err (*keep)(struct db *db, uint64_t unix_ms, struct note *note);
};

struct db {
	const struct db_engine *engine;
	enum db_fault fault;
	int64_t changes;
	char name[300]; /* for people */
	struct db_versions versions;
};

struct db_stmt {
	struct db *db;
};

enum err db_sqlite_open(
    const struct db_place *place, struct db **ret_db, struct note *note) MUST_CHECK;
enum err db_postgres_open(
    const struct db_place *place, struct db **ret_db, struct note *note) MUST_CHECK;
bool db_postgres_is_url(struct slice url, struct note *note);

#endif
