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
insert(
    struct db *db, const struct ownkeys_row *row, struct slice sealed, struct note *note)
{
	/* Enough to tell two apart, too little to guess one. */
	struct slice hint =
	    row->key.len < 16 ? S("") : slice_from(row->key, row->key.len - 2);
	struct db_stmt *s;
	enum err e = db_prepare(db,
	    "INSERT INTO provider_key (team, provider, sealed, hint, created_ms)"
	    " VALUES (?, ?, ?, '...' || ?, ?) ON CONFLICT (team, provider) DO UPDATE SET"
	    " sealed = excluded.sealed, hint = excluded.hint,"
	    " created_ms = excluded.created_ms",
	    &s, note);

	if (e != ERR_OK)
		return e;
	db_bind_text(s, 1, row->team);
	db_bind_text(s, 2, row->provider);
	db_bind_blob(s, 3, sealed);
	db_bind_text(s, 4, hint);
	db_bind_i64(s, 5, (int64_t)row->created_ms);
	e = db_once(s, note);
	db_finish(s);
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
ownkeys_put(struct db *db, const struct sealer *s, const struct ownkeys_row *row,
    struct note *note)
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
ownkeys_remove(struct db *db, struct slice team, struct slice provider, struct note *note)
{
	struct db_stmt *s;
	enum err e = db_prepare(
	    db, "DELETE FROM provider_key WHERE team = ? AND provider = ?", &s, note);

	if (e != ERR_OK)
		return e;
	db_bind_text(s, 1, team);
	db_bind_text(s, 2, provider);
	e = db_once(s, note);
	db_finish(s);
	if (e == ERR_OK && db_changes(db) == 0) {
		note_set(note, "the team \"%.*s\" has no key of its own for %.*s",
		    SLICE_ARGS(team), SLICE_ARGS(provider));
		e = ERR_NOT_FOUND;
	}
	return e;
}

enum err
ownkeys_forget(struct db *db, struct slice team, struct note *note)
{
	struct db_stmt *s;
	enum err e = db_prepare(db, "DELETE FROM provider_key WHERE team = ?", &s, note);

	if (e != ERR_OK)
		return e;
	db_bind_text(s, 1, team);
	e = db_once(s, note);
	db_finish(s);
	return e;
}

static enum err
select_all(struct db *db, struct slice team, struct db_stmt **ret, struct note *note)
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
take_row(struct db_stmt *st, const struct sealer *s, struct slice team,
    struct own_keys **list, unsigned *shut)
{
	struct slice provider = db_text(st, 0);
	struct secret key = {NULL, 0};
	struct slice sealed = db_blob(st, 1);
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
ownkeys_load(struct db *db, const struct sealer *s, struct slice team,
    struct own_keys **ret, unsigned *shut, struct note *note)
{
	struct own_keys *list = NULL;
	struct db_stmt *st;
	enum db_step step = DB_DONE;
	enum err e = select_all(db, team, &st, note);

	if (e != ERR_OK)
		return e;
	while (e == ERR_OK && (step = db_step(st)) == DB_ROW)
		if (!take_row(st, s, team, &list, shut))
			e = ERR_NOMEM;
	if (e == ERR_OK)
		e = db_done(db, step, note);
	else
		note_set(note, "out of memory");
	db_finish(st);
	if (e == ERR_OK)
		*ret = list;
	else
		own_unref(list);
	return e;
}

enum err
ownkeys_json(struct db *db, struct slice team, struct buf *to, struct note *note)
{
	struct db_stmt *st;
	enum db_step step;
	enum err e = select_all(db, team, &st, note);

	if (e != ERR_OK)
		return e;
	json_open(to, '[');
	while ((step = db_step(st)) == DB_ROW) {
		json_open(to, '{');
		json_member(to, S("provider"), db_text(st, 0));
		json_member(to, S("hint"), db_text(st, 2));
		accountdb_json_time(to, S("created_at"), (uint64_t)db_i64(st, 3));
		json_close(to, '}');
	}
	json_close(to, ']');
	e = db_done(db, step, note);
	db_finish(st);
	return e;
}
