/*
 * pg_sql: SQL and values as PostgreSQL has them. Pure.
 */
#ifndef STORE_PG_SQL_H
#define STORE_PG_SQL_H

#include "core/buf.h"

#define PG_SQL_VALUES 64 /* of a statement, at most */

/* Which of PostgreSQL's values each numbered place is; 0: none. */
struct pg_sql_places {
	unsigned char value[PG_SQL_VALUES + 1];
	unsigned count;
};

/* Appends the SQL, terminated, with its places `?` and `?1` as `$1`. Those
 * that are not numbered follow the one before. */
void pg_sql_translate(const char *sql, struct buf *to, struct pg_sql_places *ret_places);

/* The text, or where PostgreSQL takes it for none (it has zeros, or is no UTF-8) what
 * replaces it, in `mended`. */
struct slice pg_sql_text(struct slice text, struct buf *mended);

/* A whole number; beyond 64 bits the nearest, "t" is 1. */
int64_t pg_sql_i64(const char *text);

/* Appends the bytes of "\\x0a0b". */
void pg_sql_blob(const char *text, struct buf *to);

#endif
