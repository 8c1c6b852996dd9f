/*
 * move: all of a SQLite file into another database: whole and verified, or not at all.
 * For a command.
 */
#ifndef STORE_MOVE_H
#define STORE_MOVE_H

#include "store/db.h"

/* One table, verified. */
struct move_table {
	const char *name;
	uint64_t rows;
};

/*
 * Copies every table of `from`, the SQLite file, into `to`, which must have no rows;
 * reads it there again, and compares the number of rows, the sum of each column of
 * numbers and what the texts say; then commits and calls fn for each. ERR_CONFLICT when
 * there are rows, ERR_IO; nothing is changed then. With a note.
 */
enum err move_all(struct db *from, struct db *to,
    void (*fn)(void *arg, const struct move_table *table), void *arg,
    struct note *note) MUST_CHECK;

#endif
