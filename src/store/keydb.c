#include "store/keydb.h"

#include "core/clock.h"
#include "core/secret.h"

#include <stdio.h>
#include <stdlib.h>

enum match { BY_NAME, BY_HINT, BY_ID };

/*
 * The id of the valid key of that name; else, as far as it is wanted, that has this
 * hint or this id. 0: none. ERR_BAD_REQUEST when two have the hint.
 */
static enum err
find_valid(struct db *db, struct slice which, enum match up_to, uint64_t *ret_id,
    struct note *note)
{
	struct db_stmt *s;
	enum match first = BY_NAME;
	uint64_t id = 0;
	enum db_step step;
	enum err e = db_prepare(db,
	    "SELECT id, match FROM (SELECT id, CASE ?1 WHEN name THEN 0 WHEN hint THEN 1"
	    " ELSE 2 END AS match FROM key WHERE revoked_ms IS NULL"
	    " AND (?1 = name OR ?1 = hint OR ?1 = CAST(id AS TEXT))) AS found"
	    " WHERE match <= ?2 ORDER BY match LIMIT 2",
	    &s, note);

	if (e != ERR_OK)
		return e;
	db_bind_text(s, 1, which);
	db_bind_i64(s, 2, (int)up_to);
	while ((step = db_step(s)) == DB_ROW) {
		enum match match = (enum match)db_i64(s, 1);

		if (id == 0) {
			id = (uint64_t)db_i64(s, 0);
			first = match;
		} else if (match == first && match == BY_HINT) {
			note_set(note,
			    "two keys look like \"%.*s\"; give the name or the id",
			    SLICE_ARGS(which));
			e = ERR_BAD_REQUEST;
		}
	}
	if (e == ERR_OK)
		e = db_done(db, step, note);
	db_finish(s);
	if (e == ERR_OK)
		*ret_id = id;
	return e;
}

static enum err
insert(struct db *db, struct slice name, uint64_t unix_ms, const char *text,
    const struct keydb_aws *aws, struct note *note)
{
	unsigned char hash[KEY_HASH_BYTES];
	struct slice whole = slice_str(text);
	char hint[32];
	struct db_stmt *s;
	enum err e = db_prepare(db,
	    "INSERT INTO key (name, hash, hint, created_ms, aws_id, aws_secret)"
	    " VALUES (?, ?, ?, ?, ?, ?)",
	    &s, note);

	if (e != ERR_OK)
		return e;
	key_hash(whole, hash);
	(void)snprintf(hint, sizeof(hint), "%.10s...%.2s", text, text + whole.len - 2);
	db_bind_text(s, 1, name);
	db_bind_blob(s, 2, slice_of((const char *)hash, sizeof(hash)));
	db_bind_text(s, 3, slice_str(hint));
	db_bind_i64(s, 4, (int64_t)unix_ms);
	if (aws != NULL) {
		db_bind_text(s, 5, slice_str(aws->id));
		db_bind_text(s, 6, slice_str(aws->secret));
	}
	e = db_once(s, note);
	db_finish(s);
	return e;
}

static enum err
create(struct db *db, struct slice name, uint64_t unix_ms, const char *text,
    const struct keydb_aws *aws, struct note *note)
{
	uint64_t there;
	enum err e = find_valid(db, name, BY_NAME, &there, note);

	if (e != ERR_OK)
		return e;
	if (there == 0)
		return insert(db, name, unix_ms, text, aws, note);
	note_set(note,
	    "a key named \"%.*s\" is there already; revoke it first, or take another "
	    "name",
	    SLICE_ARGS(name));
	return ERR_BAD_REQUEST;
}

enum err
keydb_create(struct db *db, struct slice name, uint64_t unix_ms,
    char ret_text[KEY_TEXT_MAX], struct note *note)
{
	return keydb_create_aws(db, name, unix_ms, ret_text, NULL, note);
}

enum err
keydb_create_aws(struct db *db, struct slice name, uint64_t unix_ms,
    char ret_text[KEY_TEXT_MAX], struct keydb_aws *ret_aws, struct note *note)
{
	char text[KEY_TEXT_MAX];
	enum err e;

	key_make(text);
	if (ret_aws != NULL)
		key_make_aws(ret_aws->id, ret_aws->secret);
	e = create(db, name, unix_ms, text, ret_aws, note);
	if (e == ERR_OK)
		memcpy(ret_text, text, sizeof(text));
	secret_wipe(text, sizeof(text));
	return e;
}

static enum err
end_at(struct db *db, uint64_t id, uint64_t unix_ms, struct note *note)
{
	struct db_stmt *s;
	enum err e =
	    db_prepare(db, "UPDATE key SET revoked_ms = ? WHERE id = ?", &s, note);

	if (e != ERR_OK)
		return e;
	db_bind_i64(s, 1, (int64_t)unix_ms);
	db_bind_i64(s, 2, (int64_t)id);
	e = db_once(s, note);
	db_finish(s);
	return e;
}

enum err
keydb_find(struct db *db, struct slice which, uint64_t *ret_id, struct note *note)
{
	uint64_t id;
	enum err e = find_valid(db, which, BY_ID, &id, note);

	if (e != ERR_OK)
		return e;
	if (id == 0) {
		note_set(note,
		    "there is no valid key \"%.*s\"; `weir key list` shows all",
		    SLICE_ARGS(which));
		return ERR_NOT_FOUND;
	}
	*ret_id = id;
	return ERR_OK;
}

enum err
keydb_revoke(struct db *db, struct slice which, uint64_t unix_ms, struct note *note)
{
	uint64_t id;
	enum err e = keydb_find(db, which, &id, note);

	return e != ERR_OK ? e : end_at(db, id, unix_ms, note);
}

static enum err
must_be_there(struct db *db, struct slice name, uint64_t *ret_id, struct note *note)
{
	enum err e = find_valid(db, name, BY_NAME, ret_id, note);

	if (e != ERR_OK || *ret_id != 0)
		return e;
	note_set(note, "there is no valid key \"%.*s\"; `weir key list` shows all",
	    SLICE_ARGS(name));
	return ERR_NOT_FOUND;
}

enum err
keydb_is_valid(struct db *db, struct slice name, struct note *note)
{
	uint64_t id;

	return must_be_there(db, name, &id, note);
}

enum err
keydb_rotate(struct db *db, struct slice name, uint64_t unix_ms, uint64_t overlap_ms,
    char ret_text[KEY_TEXT_MAX], struct note *note)
{
	char text[KEY_TEXT_MAX];
	uint64_t id;
	enum err e = must_be_there(db, name, &id, note);

	key_make(text);
	if (e == ERR_OK)
		e = end_at(db, id, unix_ms + overlap_ms, note);
	if (e == ERR_OK)
		e = insert(db, name, unix_ms, text, NULL, note);
	if (e == ERR_OK)
		memcpy(ret_text, text, sizeof(text));
	secret_wipe(text, sizeof(text));
	return e;
}

#define COLUMNS "id, name, hint, created_ms, coalesce(revoked_ms, 0)"

static struct keydb_row
read_row(struct db_stmt *s)
{
	return (struct keydb_row){.id = (uint64_t)db_i64(s, 0),
	    .name = db_text(s, 1),
	    .hint = db_text(s, 2),
	    .created_ms = (uint64_t)db_i64(s, 3),
	    .revoked_ms = (uint64_t)db_i64(s, 4)};
}

enum err
keydb_each(struct db *db, void (*fn)(void *arg, const struct keydb_row *row), void *arg,
    struct note *note)
{
	struct db_stmt *s;
	enum db_step step;
	enum err e = db_prepare(db, "SELECT " COLUMNS " FROM key ORDER BY id", &s, note);

	if (e != ERR_OK)
		return e;
	while ((step = db_step(s)) == DB_ROW) {
		struct keydb_row row = read_row(s);

		fn(arg, &row);
	}
	e = db_done(db, step, note);
	db_finish(s);
	return e;
}

enum err
keydb_one(struct db *db, struct slice which,
    void (*fn)(void *arg, const struct keydb_row *row), void *arg, struct note *note)
{
	struct db_stmt *s;
	enum db_step step;
	enum err e = db_prepare(db,
	    "SELECT " COLUMNS " FROM key WHERE name = ?1 OR CAST(id AS TEXT) = ?1"
	    " ORDER BY name = ?1 DESC, revoked_ms IS NULL DESC, id DESC LIMIT 1",
	    &s, note);

	if (e != ERR_OK)
		return e;
	db_bind_text(s, 1, which);
	step = db_step(s);
	if (step == DB_ROW) {
		struct keydb_row row = read_row(s);

		fn(arg, &row);
	} else if ((e = db_done(db, step, note)) == ERR_OK) {
		note_set(note, "there is no key \"%.*s\"", SLICE_ARGS(which));
		e = ERR_NOT_FOUND;
	}
	db_finish(s);
	return e;
}

/* NULL for NULL. */
static bool
copy(const char *text, char **ret)
{
	*ret = text == NULL ? NULL : slice_dup(slice_str(text));
	return text == NULL || *ret != NULL;
}

/* False when out of memory. */
static bool
give_account(const struct accounts *accounts, struct key *k)
{
	const struct key_rules *r = NULL;
	struct account *a =
	    accounts == NULL ? NULL : accounts_of_key(accounts, slice_str(k->name), &r);

	k->account = account_ref(a);
	k->own = accounts == NULL ? NULL : accounts_own(accounts, a);
	if (r == NULL)
		return true;
	k->rules.expires_ms = r->expires_ms;
	k->rules.blocked = r->blocked;
	return copy(r->models, &k->rules.models) &&
	       copy(r->providers, &k->rules.providers) &&
	       copy(r->networks, &k->rules.networks);
}

/* A key of the current row, appended to the growing array. */
static enum err
take_key(
    struct db_stmt *s, const struct accounts *accounts, struct key **keys, unsigned *n)
{
	struct key *more, k = {.id = (uint64_t)db_i64(s, 0)};
	struct slice hash = db_blob(s, 2);
	bool aws = !db_is_null(s, 4);

	if (hash.len != KEY_HASH_BYTES)
		return ERR_OK; /* not ours to judge; it matches nothing */
	memcpy(k.hash, hash.ptr, KEY_HASH_BYTES);
	k.name = slice_dup(db_text(s, 1));
	if (aws) {
		k.aws_id = slice_dup(db_text(s, 4));
		k.aws_secret = secret_new(db_text(s, 5));
	}
	if (k.name != NULL && !give_account(accounts, &k)) {
		key_done(&k);
		return ERR_NOMEM;
	}
	if (!db_is_null(s, 3) &&
	    (k.rules.expires_ms == 0 || (uint64_t)db_i64(s, 3) < k.rules.expires_ms))
		k.rules.expires_ms = (uint64_t)db_i64(s, 3);
	more = k.name == NULL || (aws && (k.aws_id == NULL || k.aws_secret.len == 0))
		   ? NULL
		   : realloc(*keys, (*n + 1) * sizeof(**keys));
	if (more == NULL) {
		key_done(&k);
		return ERR_NOMEM;
	}
	*keys = more;
	more[(*n)++] = k;
	return ERR_OK;
}

enum err
keydb_load(struct db *db, struct key_set **ret_set, struct note *note)
{
	return keydb_load_accounts(db, NULL, ret_set, note);
}

enum err
keydb_load_accounts(struct db *db, const struct accounts *accounts,
    struct key_set **ret_set, struct note *note)
{
	struct key *keys = NULL;
	unsigned n = 0;
	bool any = false;
	enum db_step step = DB_DONE;
	struct db_stmt *s;
	enum err e = db_prepare(db,
	    "SELECT id, name, hash, revoked_ms, aws_id, aws_secret FROM key", &s, note);

	if (e != ERR_OK)
		return e;
	while (e == ERR_OK && (step = db_step(s)) == DB_ROW) {
		any = true;
		/* One that was rotated ends a while later. */
		if (db_is_null(s, 3) || (uint64_t)db_i64(s, 3) > clock_unix_ms())
			e = take_key(s, accounts, &keys, &n);
	}
	/* A part of the keys is none: without any the door would be open. */
	if (e == ERR_OK)
		e = db_done(db, step, note);
	db_finish(s);
	if (e == ERR_OK)
		e = key_set_new(keys, n, any, ret_set);
	if (e != ERR_OK)
		for (unsigned i = 0; i < n; i++)
			key_done(&keys[i]);
	free(keys);
	return e;
}
