/*
 * learnt: what live traffic taught about the offers (route/health.h), kept in the
 * SQLite file: a restarted server knows it again, and `weir route` explains by it.
 * For the store's thread and for commands.
 */
#ifndef STORE_LEARNT_H
#define STORE_LEARNT_H

#include "store/db.h"

#include <stdint.h>

/* Takes over what the file says. ERR_IO with a note. */
enum err learnt_load(struct db *db, struct note *note) MUST_CHECK;

/*
 * Writes what changed since *since_ms (monotonic), and sets that to now. ERR_IO with
 * a note.
 */
enum err learnt_save(struct db *db, uint64_t *since_ms, struct note *note) MUST_CHECK;

#endif
