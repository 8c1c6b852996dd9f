/*
 * keydb: the keys in the SQLite file. For the store's thread and for commands. Changes
 * are made within a transaction of the caller's (change.h).
 */
#ifndef STORE_KEYDB_H
#define STORE_KEYDB_H

#include "store/accounts.h"
#include "store/db.h"
#include "store/keys.h"

struct keydb_row {
	uint64_t id, created_ms, revoked_ms; /* revoked_ms 0: valid */
	struct slice name, hint;	     /* hint: "sk-weir-ab…yz" */
};

struct keydb_aws {
	char id[KEY_AWS_ID_MAX], secret[KEY_AWS_SECRET_MAX];
};

/* Makes a key; its text, terminated, exists only here. ERR_BAD_REQUEST when a valid
 * key has the name; ERR_IO. With a note. */
enum err keydb_create(struct db *db, struct slice name, uint64_t unix_ms,
    char ret_text[KEY_TEXT_MAX], struct note *note) MUST_CHECK;

/* The same, and an access key for clients that sign as AWS's do; NULL: none. */
enum err keydb_create_aws(struct db *db, struct slice name, uint64_t unix_ms,
    char ret_text[KEY_TEXT_MAX], struct keydb_aws *ret_aws, struct note *note) MUST_CHECK;

/* The id of the key that keydb_revoke would end; errors as its. */
enum err keydb_find(
    struct db *db, struct slice which, uint64_t *ret_id, struct note *note) MUST_CHECK;

/* Revokes the valid key of that name; if there is none, of that hint or id.
 * ERR_NOT_FOUND; ERR_BAD_REQUEST when two have the hint; ERR_IO. With a note. */
enum err keydb_revoke(
    struct db *db, struct slice which, uint64_t unix_ms, struct note *note) MUST_CHECK;

/* Is there a valid key of that name? ERR_NOT_FOUND, ERR_IO. With a note. */
enum err keydb_is_valid(struct db *db, struct slice name, struct note *note) MUST_CHECK;

/* Makes a new key of the name of a valid one, which ends overlap_ms from now. Errors as
 * above. */
enum err keydb_rotate(struct db *db, struct slice name, uint64_t unix_ms,
    uint64_t overlap_ms, char ret_text[KEY_TEXT_MAX], struct note *note) MUST_CHECK;

/* Calls fn for each, oldest first. ERR_IO with a note. */
enum err keydb_each(struct db *db, void (*fn)(void *arg, const struct keydb_row *row),
    void *arg, struct note *note) MUST_CHECK;

/* Calls fn for the key of that name, the valid one if there is one, else the newest; or
 * of that id. ERR_NOT_FOUND, ERR_IO. With a note. */
enum err keydb_one(struct db *db, struct slice which,
    void (*fn)(void *arg, const struct keydb_row *row), void *arg,
    struct note *note) MUST_CHECK;

/* All valid keys as a set, each with its account (NULL: there are none). */
enum err keydb_load_accounts(struct db *db, const struct accounts *accounts,
    struct key_set **ret_set, struct note *note) MUST_CHECK;

/* All valid keys as a set. ERR_IO with a note, ERR_NOMEM. */
enum err
keydb_load(struct db *db, struct key_set **ret_set, struct note *note) MUST_CHECK;

#endif
