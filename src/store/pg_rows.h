/*
 * pg_rows: many rows into a table of PostgreSQL: gathered, then copied. For
 * db_postgres.c.
 */
#ifndef STORE_PG_ROWS_H
#define STORE_PG_ROWS_H

#include "store/pg_stmt.h"

/* What db.h says of each. */
enum err pg_rows_prepare(struct db *db, const struct db_rows *rows,
    struct db_stmt **ret_stmt, struct note *note);
enum err pg_rows_add(struct db_stmt *s, bool *ret_there, struct note *note);
enum err pg_rows_end(struct db_stmt *s, struct note *note);
void pg_rows_finish(struct db_stmt *s);

#endif
