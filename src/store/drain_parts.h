/*
 * What draining a journal that is written and taking over one that was left behind
 * have in common. For drain.c and recover.c.
 */
#ifndef STORE_DRAIN_PARTS_H
#define STORE_DRAIN_PARTS_H

#include "store/drain.h"

/* Notes in the transaction under way how far it is drained; -1: all is done with. */
enum err drain_note(struct drain *d, const struct journal_segment *s, int64_t drained,
    struct note *note) MUST_CHECK;

/* Puts the rows between two places into the ledger, in the transaction under way;
 * counts them. */
enum err drain_rows(struct drain *d, const struct journal_segment *s, size_t from,
    size_t end, uint64_t *rows, struct note *note) MUST_CHECK;

/* Keeps in mind which of the intents between two places are open. */
void drain_intents(struct drain *d, struct journal_segment *s, size_t from, size_t end);

/* Room for so many more intents. ERR_NOMEM with a note. */
enum err drain_reserve(struct drain *d, size_t intents, struct note *note) MUST_CHECK;

/* The payload of the record at a place that was drained. */
bool
drain_record_at(const struct journal_segment *s, size_t at, struct slice *ret_payload);

#endif
