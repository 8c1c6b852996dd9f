/*
 * accountdb: organisations, teams, users and what keys may do, in the SQLite file. For
 * the store's thread and for commands.
 *
 * A row is found by its level and name; a key's row has the key's name. Above a key is
 * its user, else its team; above a user its team; above a team its organisation.
 */
#ifndef STORE_ACCOUNTDB_H
#define STORE_ACCOUNTDB_H

#include "store/db.h"
#include "store/keys.h"

#define ACCOUNTDB_MARKUP_NONE INT64_MIN /* that of the one above holds */
#define ACCOUNTDB_MARKUP_MIN  (-10000)
#define ACCOUNTDB_MARKUP_MAX  10000000 /* a thousandfold */

struct accountdb_row {
	enum account_level level;
	char *name;
	enum account_level above_level; /* LEVEL_KEY: nobody is above */
	char *above;
	struct account_limits limits;
	char *model_budgets; /* quota/modelbudget.h; NULL: none */
	struct key_rules rules;
	uint64_t created_ms;
	int64_t markup_bp; /* on its invoices: hundredths of a percent; or ..._NONE */
};

/* Frees what it holds. */
void accountdb_row_done(struct accountdb_row *row);

/* A new row without limits, on the heap of the caller; false when out of memory. */
bool accountdb_row_init(
    struct accountdb_row *row, enum account_level level, struct slice name);

/* Adds or replaces the row. ERR_NOT_FOUND when the one above is not there, ERR_IO; with
 * a note. */
enum err accountdb_put(
    struct db *db, const struct accountdb_row *row, struct note *note) MUST_CHECK;

/* Fills the row; the caller frees it. ERR_NOT_FOUND, ERR_IO, ERR_NOMEM. With a note. */
enum err accountdb_get(struct db *db, enum account_level level, struct slice name,
    struct accountdb_row *ret_row, struct note *note) MUST_CHECK;

/* Removes it; those under it are then under nobody. ERR_NOT_FOUND, ERR_IO. */
enum err accountdb_remove(struct db *db, enum account_level level, struct slice name,
    struct note *note) MUST_CHECK;

/* Calls fn for each, by level from the top and by name. ERR_IO, ERR_NOMEM. */
enum err
accountdb_each(struct db *db, void (*fn)(void *arg, const struct accountdb_row *row),
    void *arg, struct note *note) MUST_CHECK;

/* The mark-up of its invoices: its own, else that of the nearest above that has one, else
 * 0. An account without a row has none. ERR_IO with a note, ERR_NOMEM. */
enum err accountdb_markup(struct db *db, enum account_level level, struct slice name,
    int64_t *ret_bp, bool *ret_exists, struct note *note) MUST_CHECK;

#endif
