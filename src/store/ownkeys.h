/*
 * ownkeys: the keys that teams brought for providers, sealed in the SQLite file. For the
 * store's thread and for commands.
 */
#ifndef STORE_OWNKEYS_H
#define STORE_OWNKEYS_H

#include "core/buf.h"
#include "provider/own.h"
#include "store/db.h"
#include "store/sealer.h"

struct ownkeys_row {
	struct slice team, provider, key;
	uint64_t created_ms;
};

/* Keeps the key for that team and provider, in the place of one before. ERR_BAD_REQUEST
 * where nothing can be sealed, ERR_IO; with a note, as those that follow. */
enum err ownkeys_put(struct db *db, const struct sealer *s, const struct ownkeys_row *row,
    struct note *note) MUST_CHECK;

/* Removes it. ERR_NOT_FOUND. */
enum err ownkeys_remove(struct db *db, struct slice team, struct slice provider,
    struct note *note) MUST_CHECK;

/* Removes all of a team. */
enum err ownkeys_forget(struct db *db, struct slice team, struct note *note) MUST_CHECK;

/* Those of a team, NULL: none. One that cannot be opened is in it without a text, and
 * adds one to *shut. ERR_NOMEM. */
enum err ownkeys_load(struct db *db, const struct sealer *s, struct slice team,
    struct own_keys **ret, unsigned *shut, struct note *note) MUST_CHECK;

/* Appends an array: [{"provider": "openai", "hint": "...yz", "created_at": ...}]. */
enum err ownkeys_json(
    struct db *db, struct slice team, struct buf *to, struct note *note) MUST_CHECK;

#endif
