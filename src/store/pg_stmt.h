/*
 * pg_stmt: statements of PostgreSQL. For db_postgres.c and pg_rows.c.
 */
#ifndef STORE_PG_STMT_H
#define STORE_PG_STMT_H

#include "store/pg_link.h"
#include "store/pg_sql.h"

struct pg_value {
	enum { PG_NULL, PG_I64, PG_TEXT, PG_BLOB } type;
	int64_t i64;
	char number[24]; /* it in digits */
	struct slice bytes;
	struct buf mended; /* a text that was none */
};

struct pg_rows;

struct pg_stmt {
	struct db_stmt stmt;
	struct buf sql;
	struct pg_sql_places places;
	struct pg_value *values;
	char name[16];	      /* once it is prepared */
	unsigned prepared_in; /* which connection; 0: none */
	bool ran;	      /* once, so it is worth preparing */
	bool streams;
	bool under_way; /* has more results on the connection */
	PGresult *result;
	int row;
	struct buf blob;
	struct pg_rows *rows; /* of many (pg_rows.c); NULL: not that */
};

static inline struct pg_stmt *
pg_stmt_of(struct db_stmt *s)
{
	return (struct pg_stmt *)s;
}

static inline struct pg_link *
pg_stmt_link(struct pg_stmt *s)
{
	return (struct pg_link *)s->stmt.db;
}

/* What db.h says of each; finish does not free `rows`. */
enum err pg_stmt_prepare(
    struct db *db, const char *sql, struct db_stmt **ret_stmt, struct note *note);
void pg_stmt_finish(struct db_stmt *s);
void pg_stmt_stream(struct db_stmt *s);
void pg_stmt_bind_null(struct db_stmt *s, int at);
void pg_stmt_bind_i64(struct db_stmt *s, int at, int64_t value);
void pg_stmt_bind_text(struct db_stmt *s, int at, struct slice text);
void pg_stmt_bind_blob(struct db_stmt *s, int at, struct slice blob);
enum db_step pg_stmt_step(struct db_stmt *s);
void pg_stmt_reset(struct db_stmt *s);
bool pg_stmt_is_null(struct db_stmt *s, int column);
int64_t pg_stmt_i64(struct db_stmt *s, int column);
struct slice pg_stmt_text(struct db_stmt *s, int column);
struct slice pg_stmt_blob(struct db_stmt *s, int column);

#endif
