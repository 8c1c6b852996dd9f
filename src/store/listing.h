/*
 * listing: keys, users, teams and organisations as JSON, as `--json` and the admin API
 * show them. For the store's thread and for commands.
 */
#ifndef STORE_LISTING_H
#define STORE_LISTING_H

#include "core/buf.h"
#include "store/keydb.h"

/* An array of all keys, the revoked ones too. ERR_IO, ERR_NOMEM; with a note, as those
 * that follow. */
enum err listing_keys(struct db *db, struct buf *to, struct note *note) MUST_CHECK;

/* The key of that name (the valid one if there is one, else the newest) or id.
 * ERR_NOT_FOUND. */
enum err listing_key(
    struct db *db, struct slice which, struct buf *to, struct note *note) MUST_CHECK;
enum err listing_key_of_id(
    struct db *db, uint64_t id, struct buf *to, struct note *note) MUST_CHECK;

/* An array of all of that level. */
enum err listing_accounts(struct db *db, enum account_level level, struct buf *to,
    struct note *note) MUST_CHECK;

/* One of them. ERR_NOT_FOUND. */
enum err listing_account(struct db *db, enum account_level level, struct slice name,
    struct buf *to, struct note *note) MUST_CHECK;

#endif
