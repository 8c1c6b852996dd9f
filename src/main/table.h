/*
 * table: columns for a terminal. The width is the terminal's, or 80 where there is
 * none; the widest text columns are cut to fit, with an ellipsis.
 */
#ifndef MAIN_TABLE_H
#define MAIN_TABLE_H

#include "core/buf.h"

#define TABLE_COLUMNS_MAX 24

struct table {
	unsigned columns;
	bool right[TABLE_COLUMNS_MAX]; /* numbers stand at the right */
	struct buf cells;	       /* each ended by a zero byte */
	unsigned count;
};

/* Titles; one that begins with ">" is of a column of numbers. */
void table_init(struct table *t, unsigned columns, const char *const *titles);
/* Callers choose names: what would control the terminal becomes a question mark. */
void table_cell(struct table *t, struct slice text);
void table_number(struct table *t, uint64_t value);

/* Frees it without writing. */
void table_done(struct table *t);

/* Writes it all and frees it. */
void table_print(struct table *t);

#endif
