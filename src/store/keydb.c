#include "store/keydb.h"

#include <stdio.h>
#include <stdlib.h>

/* Does a valid key have this name, hint or id? Its id, or 0. */
static enum err
find_valid(sqlite3 *db, struct slice which, uint64_t *ret_id, struct note *note)
{
	sqlite3_stmt *s;
	enum err e = db_prepare(db,
	    "SELECT id FROM key WHERE revoked_ms IS NULL"
	    " AND (name = ?1 OR hint = ?1 OR CAST(id AS TEXT) = ?1)",
	    &s, note);

	if (e != ERR_OK)
		return e;
	db_bind_text(s, 1, which);
	*ret_id = 0;
	if (sqlite3_step(s) == SQLITE_ROW)
		*ret_id = (uint64_t)sqlite3_column_int64(s, 0);
	(void)sqlite3_finalize(s);
	return ERR_OK;
}

static enum err
insert(
    sqlite3 *db, struct slice name, uint64_t unix_ms, const char *text, struct note *note)
{
	unsigned char hash[KEY_HASH_BYTES];
	struct slice whole = slice_str(text);
	char hint[32];
	sqlite3_stmt *s;
	enum err e = db_prepare(db,
	    "INSERT INTO key (name, hash, hint, created_ms) VALUES (?, ?, ?, ?)", &s,
	    note);

	if (e != ERR_OK)
		return e;
	key_hash(whole, hash);
	(void)snprintf(hint, sizeof(hint), "%.10s...%.2s", text, text + whole.len - 2);
	db_bind_text(s, 1, name);
	(void)sqlite3_bind_blob(s, 2, hash, sizeof(hash), SQLITE_STATIC);
	db_bind_text(s, 3, slice_str(hint));
	(void)sqlite3_bind_int64(s, 4, (sqlite3_int64)unix_ms);
	if (sqlite3_step(s) != SQLITE_DONE) {
		note_set(note, "%s", sqlite3_errmsg(db));
		e = ERR_IO;
	}
	(void)sqlite3_finalize(s);
	return e;
}

enum err
keydb_create(sqlite3 *db, struct slice name, uint64_t unix_ms,
    char ret_text[KEY_TEXT_MAX], struct note *note)
{
	uint64_t there;
	enum err e = find_valid(db, name, &there, note);

	if (e != ERR_OK)
		return e;
	if (there != 0) {
		note_set(note,
		    "a key named \"%.*s\" is there already; revoke it first, or take "
		    "another name",
		    SLICE_ARGS(name));
		return ERR_BAD_REQUEST;
	}
	key_make(ret_text);
	return insert(db, name, unix_ms, ret_text, note);
}

enum err
keydb_revoke(sqlite3 *db, struct slice which, uint64_t unix_ms, struct note *note)
{
	sqlite3_stmt *s;
	uint64_t id;
	enum err e = find_valid(db, which, &id, note);

	if (e != ERR_OK)
		return e;
	if (id == 0) {
		note_set(note,
		    "there is no valid key \"%.*s\"; `weir key list` shows all",
		    SLICE_ARGS(which));
		return ERR_NOT_FOUND;
	}
	e = db_prepare(db, "UPDATE key SET revoked_ms = ? WHERE id = ?", &s, note);
	if (e != ERR_OK)
		return e;
	(void)sqlite3_bind_int64(s, 1, (sqlite3_int64)unix_ms);
	(void)sqlite3_bind_int64(s, 2, (sqlite3_int64)id);
	if (sqlite3_step(s) != SQLITE_DONE) {
		note_set(note, "%s", sqlite3_errmsg(db));
		e = ERR_IO;
	}
	(void)sqlite3_finalize(s);
	return e;
}

enum err
keydb_each(sqlite3 *db, void (*fn)(void *arg, const struct keydb_row *row), void *arg,
    struct note *note)
{
	sqlite3_stmt *s;
	enum err e = db_prepare(db,
	    "SELECT id, name, hint, created_ms, ifnull(revoked_ms, 0) FROM key ORDER BY "
	    "id",
	    &s, note);

	if (e != ERR_OK)
		return e;
	while (sqlite3_step(s) == SQLITE_ROW) {
		struct keydb_row row = {.id = (uint64_t)sqlite3_column_int64(s, 0),
		    .name = db_text(s, 1),
		    .hint = db_text(s, 2),
		    .created_ms = (uint64_t)sqlite3_column_int64(s, 3),
		    .revoked_ms = (uint64_t)sqlite3_column_int64(s, 4)};

		fn(arg, &row);
	}
	(void)sqlite3_finalize(s);
	return ERR_OK;
}

/* A key of the current row, appended to the growing array. */
static enum err
take_key(sqlite3_stmt *s, struct key **keys, unsigned *n)
{
	struct key *more;
	const void *hash = sqlite3_column_blob(s, 2);
	char *name;

	if (sqlite3_column_bytes(s, 2) != KEY_HASH_BYTES)
		return ERR_OK; /* not ours to judge; it matches nothing */
	name = slice_dup(db_text(s, 1));
	more = name == NULL ? NULL : realloc(*keys, (*n + 1) * sizeof(**keys));
	if (more == NULL) {
		free(name);
		return ERR_NOMEM;
	}
	*keys = more;
	more[*n].id = (uint64_t)sqlite3_column_int64(s, 0);
	more[*n].name = name;
	memcpy(more[*n].hash, hash, KEY_HASH_BYTES);
	(*n)++;
	return ERR_OK;
}

enum err
keydb_load(sqlite3 *db, struct key_set **ret_set, struct note *note)
{
	struct key *keys = NULL;
	unsigned n = 0;
	bool any = false;
	sqlite3_stmt *s;
	enum err e =
	    db_prepare(db, "SELECT id, name, hash, revoked_ms FROM key", &s, note);

	if (e != ERR_OK)
		return e;
	while (e == ERR_OK && sqlite3_step(s) == SQLITE_ROW) {
		any = true;
		if (sqlite3_column_type(s, 3) == SQLITE_NULL)
			e = take_key(s, &keys, &n);
	}
	(void)sqlite3_finalize(s);
	if (e == ERR_OK)
		e = key_set_new(keys, n, any, ret_set);
	if (e != ERR_OK)
		for (unsigned i = 0; i < n; i++)
			free(keys[i].name);
	free(keys);
	return e;
}
