/*
 * credits: amounts that were paid beforehand for a key, a user, a team or an
 * organisation, and run down by what its requests cost: first the one that ends first.
 * What is left follows from the ledger. For the store's thread and for commands.
 */
#ifndef STORE_CREDITS_H
#define STORE_CREDITS_H

#include "core/buf.h"
#include "quota/account.h"
#include "store/db.h"

struct credits_row {
	struct account_lot lot;
	int64_t amount_pusd;
};

/* All of one account by id, and what its requests cost beyond them. */
struct credits {
	struct credits_row *rows;
	unsigned count;
	int64_t debt_pusd;
};

/* Reads them as they were bought: left is the amount. ERR_IO, ERR_NOMEM; with a note. */
enum err credits_read(struct db *db, enum account_level level, struct slice name,
    struct credits *ret, struct note *note) MUST_CHECK;

/* Runs them down by the ledger. ERR_IO, ERR_NOMEM; with a note. */
enum err credits_run_down(struct db *db, enum account_level level, struct slice name,
    struct credits *c, struct note *note) MUST_CHECK;
void credits_done(struct credits *c);

/* Is there one? Without, nobody needs to be asked about. ERR_IO. */
enum err credits_any(struct db *db, bool *ret, struct note *note) MUST_CHECK;

/* Adds one, left of the row is not used; sets its id. ERR_IO with a note. */
enum err credits_add(struct db *db, enum account_level level, struct slice name,
    struct credits_row *row, struct note *note) MUST_CHECK;

/* Forgets those of an account that is removed. ERR_IO with a note. */
enum err credits_forget(struct db *db, enum account_level level, struct slice name,
    struct note *note) MUST_CHECK;

/* Appends what is left in sum and an array of all: {"left_pusd": 5, "data": [...]}. With
 * a note. */
enum err credits_json(struct db *db, enum account_level level, struct slice name,
    struct buf *to, struct note *note) MUST_CHECK;

/* One as an object of JSON. */
void credits_row_json(const struct credits_row *row, struct buf *to);

#endif
