/*
 * csv: fields of RFC 4180. Lines end with CR and LF.
 */
#ifndef MAIN_CSV_H
#define MAIN_CSV_H

#include "core/arena.h"
#include "core/buf.h"

/* A text, quoted, and a comma. What a spreadsheet would take for a formula gets an
 * apostrophe before it. */
void csv_text(struct buf *to, struct slice text);

/* The same, for programs: as it is. */
void csv_raw(struct buf *to, struct slice text);

/* Ends a line: its last comma goes. */
void csv_end(struct buf *to);

#define CSV_FIELDS_MAX 64

/*
 * Takes a record off *text; fields are slices of it, or where quotes stand in them
 * copies in the arena. Returns how many; those beyond CSV_FIELDS_MAX are dropped. 0 at
 * the end. A record of one empty field is an empty line.
 */
unsigned
csv_take(struct slice *text, struct arena *a, struct slice ret_fields[CSV_FIELDS_MAX]);

#endif
