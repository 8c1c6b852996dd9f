/*
 * change: what commands and the admin API change: keys, users, teams, organisations.
 * Each change and its row of the audit log are one transaction. For the store's thread
 * and for commands.
 */
#ifndef STORE_CHANGE_H
#define STORE_CHANGE_H

#include "store/audit.h"
#include "store/keydb.h"
#include "store/ownkeys.h"

/* Changes the row that is there, or the new one. Errors end the change; with a note. */
typedef enum err change_fn(void *arg, struct accountdb_row *row, struct note *note);

struct change {
	struct db *db;
	struct audit_actor by;
	enum account_level level;
	struct slice name;
	change_fn *edit; /* NULL: nothing */
	void *arg;
};

/* A new key, shown once. */
struct change_made {
	char key[KEY_TEXT_MAX];
	bool with_aws; /* wanted, set by the caller */
	struct keydb_aws aws;
};

/* May something of that level have the name? */
bool change_is_name(enum account_level level, struct slice name);

/* Makes a user, a team or an organisation. ERR_CONFLICT when it is there,
 * ERR_BAD_REQUEST, ERR_NOT_FOUND (who is to be above), ERR_IO. All with a note, as those
 * that follow. */
enum err change_create(const struct change *c, struct note *note) MUST_CHECK;

/* Changes one that is there; of a key what it may do. `action` goes into the audit log.
 */
enum err
change_set(const struct change *c, struct slice action, struct note *note) MUST_CHECK;

/* Adds credit to what is there: the amount and the time when it ends. */
enum err change_credit(const struct change *c, int64_t pusd, uint64_t until_ms,
    struct note *note) MUST_CHECK;

/* Keeps a key that the team brings for a provider, encrypted; or forgets it. */
enum err change_own_key(const struct change *c, const struct sealer *s,
    struct slice provider, struct slice key, struct note *note) MUST_CHECK;
enum err change_own_remove(
    const struct change *c, struct slice provider, struct note *note) MUST_CHECK;

/* Removes a user, a team or an organisation. */
enum err change_remove(const struct change *c, struct note *note) MUST_CHECK;

/* Makes a key. ERR_CONFLICT when a valid one has the name. */
enum err change_key_create(
    const struct change *c, struct change_made *made, struct note *note) MUST_CHECK;

/* Ends the key of that name, hint or id: see keydb_revoke. */
enum err change_key_revoke(const struct change *c, struct note *note) MUST_CHECK;

/* A new key in the place of the valid one of that name, which ends overlap_ms later. */
enum err change_key_rotate(const struct change *c, uint64_t overlap_ms,
    struct change_made *made, struct note *note) MUST_CHECK;

#endif
