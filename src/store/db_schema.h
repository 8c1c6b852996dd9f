/*
 * db_schema: the tables, as statements that bring them from one version to the next: a
 * list for each engine, with the same versions. A released one is never changed: what
 * comes later is a further one, in each list.
 */
#ifndef STORE_DB_SCHEMA_H
#define STORE_DB_SCHEMA_H

#define DB_SCHEMA_VERSION 12

/* The first is version 1. */
extern const char *const db_schema_sqlite[DB_SCHEMA_VERSION];
extern const char *const db_schema_postgres[DB_SCHEMA_VERSION]; /* NULL: nothing to do */

#endif
