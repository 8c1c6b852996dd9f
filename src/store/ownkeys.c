#include "store/ownkeys.h"

#include "store/accountdb_json.h"
#include "json/write.h"

#define SEALED_BYTES 8192
#define KEY_BYTES    4096
#define BOUND_BYTES  1024

/* "team" and "provider" with a zero between: names have none. */
static struct slice
binding(struct buf *to, struct slice team, struct slice provider)
{
	buf_init(to, BOUND_BYTES);
	buf_add(to, team);
	buf_byte(to, '\0');
	buf_add(to, provider);
	return buf_slice(to);
}

static enum err
insert(sqlite3 *db, const struct ownkeys_row *row, struct slice sealed, struct note *note)
{
	/* Enough to tell two apart, too little to guess one. */
	struct slice hint =
	    row->key.len < 16 ? S("") : slice_from(row->key, row->key.len - 2);
	sqlite3_stmt *s;
	enum err e = db_prepare(db,
	    "INSERT OR REPLACE INTO provider_key (team, provider, sealed, hint,"
	    " created_ms) VALUES (?, ?, ?, '...' || ?, ?)",
	    &s, note);

	if (e != ERR_OK)
		return e;
	db_bind_text(s, 1, row->team);
	db_bind_text(s, 2, row->provider);
	(void)sqlite3_bind_blob64(s, 3, sealed.ptr, sealed.len, SQLITE_STATIC);
	db_bind_text(s, 4, hint);
	(void)sqlite3_bind_int64(s, 5, (sqlite3_int64)row->created_ms);
	e = db_done(db, sqlite3_step(s), note);
	(void)sqlite3_finalize(s);
	return e;
}

/* It goes into a field of a head. */
static bool
is_key(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f)
			return false;
	return s.len > 0 && s.len <= KEY_BYTES;
}

enum err
ownkeys_put(
    sqlite3 *db, const struct sealer *s, const struct ownkeys_row *row, struct note *note)
{
	struct buf sealed, bound;
	enum err e;

	if (!s->any) {
		note_set(note, "providers' keys are kept encrypted only: set secret.key "
			       "(WEIR_SECRET_KEY) or secret.file; `openssl rand -hex 32` "
			       "makes one");
		return ERR_BAD_REQUEST;
	}
	if (!is_key(row->key)) {
		note_set(note,
		    "that is no key: one is up to %d characters without blanks",
		    KEY_BYTES);
		return ERR_BAD_REQUEST;
	}
	buf_init(&sealed, SEALED_BYTES);
	if (sealer_seal(
		s, row->key, binding(&bound, row->team, row->provider), &sealed)) {
		e = insert(db, row, buf_slice(&sealed), note);
	} else {
		note_set(note, "the key cannot be encrypted");
		e = ERR_INTERNAL;
	}
	buf_free(&sealed);
	buf_free(&bound);
	return e;
}

enum err
ownkeys_remove(sqlite3 *db, struct slice team, struct slice provider, struct note *note)
{
	sqlite3_stmt *s;
	enum err e = db_prepare(
	    db, "DELETE FROM provider_key WHERE team = ? AND provider = ?", &s, note);

	if (e != ERR_OK)
		return e;
	db_bind_text(s, 1, team);
	db_bind_text(s, 2, provider);
	e = db_done(db, sqlite3_step(s), note);
	(void)sqlite3_finalize(s);
	if (e == ERR_OK && sqlite3_changes(db) == 0) {
		note_set(note, "the team \"%.*s\" has no key of its own for %.*s",
		    SLICE_ARGS(team), SLICE_ARGS(provider));
		e = ERR_NOT_FOUND;
	}
	return e;
}

enum err
ownkeys_forget(sqlite3 *db, struct slice team, struct note *note)
{
	sqlite3_stmt *s;
	enum err e = db_prepare(db, "DELETE FROM provider_key WHERE team = ?", &s, note);

	if (e != ERR_OK)
		return e;
	db_bind_text(s, 1, team);
	e = db_done(db, sqlite3_step(s), note);
	(void)sqlite3_finalize(s);
	return e;
}

static enum err
select_all(sqlite3 *db, struct slice team, sqlite3_stmt **ret, struct note *note)
{
	enum err e = db_prepare(db,
	    "SELECT provider, sealed, hint, created_ms FROM provider_key WHERE team = ?"
	    " ORDER BY provider",
	    ret, note);

	if (e == ERR_OK)
		db_bind_text(*ret, 1, team);
	return e;
}

/* The current row, opened. */
static bool
take_row(sqlite3_stmt *st, const struct sealer *s, struct slice team,
    struct own_keys **list, unsigned *shut)
{
	struct slice provider = db_text(st, 0);
	struct secret key = {NULL, 0};
	const void *blob = sqlite3_column_blob(st, 1);
	struct slice sealed = slice_of(blob, (size_t)sqlite3_column_bytes(st, 1));
	struct buf bound;

	if (!sealer_open(s, sealed, binding(&bound, team, provider), &key))
		(*shut)++;
	buf_free(&bound);
	if (*list == NULL)
		*list = own_new();
	if (*list != NULL)
		return own_add(*list, provider, key);
	secret_free(&key);
	return false;
}

enum err
ownkeys_load(sqlite3 *db, const struct sealer *s, struct slice team,
    struct own_keys **ret, unsigned *shut, struct note *note)
{
	struct own_keys *list = NULL;
	sqlite3_stmt *st;
	int step = SQLITE_DONE;
	enum err e = select_all(db, team, &st, note);

	if (e != ERR_OK)
		return e;
	while (e == ERR_OK && (step = sqlite3_step(st)) == SQLITE_ROW)
		if (!take_row(st, s, team, &list, shut))
			e = ERR_NOMEM;
	if (e == ERR_OK)
		e = db_done(db, step, note);
	else
		note_set(note, "out of memory");
	(void)sqlite3_finalize(st);
	if (e == ERR_OK)
		*ret = list;
	else
		own_unref(list);
	return e;
}

enum err
ownkeys_json(sqlite3 *db, struct slice team, struct buf *to, struct note *note)
{
	sqlite3_stmt *st;
	int step;
	enum err e = select_all(db, team, &st, note);

	if (e != ERR_OK)
		return e;
	json_open(to, '[');
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		json_open(to, '{');
		json_member(to, S("provider"), db_text(st, 0));
		json_member(to, S("hint"), db_text(st, 2));
		accountdb_json_time(
		    to, S("created_at"), (uint64_t)sqlite3_column_int64(st, 3));
		json_close(to, '}');
	}
	json_close(to, ']');
	e = db_done(db, step, note);
	(void)sqlite3_finalize(st);
	return e;
}
