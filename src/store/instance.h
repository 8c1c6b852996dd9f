/*
 * instance: which server this is, of several that share a database: a number that is
 * kept in the data folder, as the journal belongs to it.
 */
#ifndef STORE_INSTANCE_H
#define STORE_INSTANCE_H

#include "store/db.h"

#define INSTANCE_FILE "instance"

/* The folder's number, above 0; made if there is none. ERR_IO with a note. */
enum err instance_read(const char *folder, int64_t *ret_id, struct note *note) MUST_CHECK;

/* Says in the database that it is there, under this host's name. What was written when
 * there were no numbers becomes its own. ERR_CONFLICT
 * when another server says that it is this one, and ERR_IO; with a note. */
enum err
instance_enter(struct db *db, int64_t id, uint64_t unix_ms, struct note *note) MUST_CHECK;

/* Says that it is still there. ERR_CONFLICT when another server says that it is this one;
 * ERR_IO. With a note. */
enum err
instance_seen(struct db *db, int64_t id, uint64_t unix_ms, struct note *note) MUST_CHECK;

#endif
