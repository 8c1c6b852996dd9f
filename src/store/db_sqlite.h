/*
 * db_sqlite: SQLite's file in the data folder, and its own handle for tests.
 */
#ifndef STORE_DB_SQLITE_H
#define STORE_DB_SQLITE_H

#include "store/db.h"

#include <sqlite3.h>

/* SQLite's connection in it. */
sqlite3 *db_sqlite_handle(struct db *db);

#endif
