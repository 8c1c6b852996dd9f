/*
 * What all engines have in common; the rest is the engine's.
 */
#include "store/db.h"

#include "store/db_engine.h"

enum err
db_open(const struct db_place *place, struct db **ret_db, struct note *note)
{
	if (place->url.len > 0)
		return db_postgres_open(place, ret_db, note);
	return db_sqlite_open(place, ret_db, note);
}

bool
db_is_url(struct slice url, struct note *note)
{
	return db_postgres_is_url(url, note);
}

const char *
db_name(const struct db *db)
{
	return db->name;
}

void
db_close(struct db *db)
{
	if (db != NULL)
		db->engine->close(db);
}

struct db_versions
db_versions(const struct db *db)
{
	return db->versions;
}

enum db_fault
db_fault(const struct db *db)
{
	return db->fault;
}

enum err
db_run(struct db *db, const char *sql, struct note *note)
{
	return db->engine->run(db, sql, note);
}

/* --- transactions --- */

enum err
db_begin(struct db *db, enum db_begin what, struct note *note)
{
	return db->engine->begin(db, what, note);
}

enum err
db_end(struct db *db, enum err e, struct note *note)
{
	if (e == ERR_OK)
		e = db->engine->commit(db, note);
	if (e != ERR_OK)
		db->engine->rollback(db);
	return e;
}

enum err
db_changed(struct db *db, bool *ret_changed, struct note *note)
{
	return db->engine->changed(db, ret_changed, note);
}

/* --- statements --- */

enum err
db_prepare(struct db *db, const char *sql, struct db_stmt **ret_stmt, struct note *note)
{
	*ret_stmt = NULL;
	return db->engine->prepare(db, sql, ret_stmt, note);
}

void
db_finish(struct db_stmt *s)
{
	if (s != NULL)
		s->db->engine->finish(s);
}

void
db_bind_null(struct db_stmt *s, int at)
{
	s->db->engine->bind_null(s, at);
}

void
db_bind_i64(struct db_stmt *s, int at, int64_t value)
{
	s->db->engine->bind_i64(s, at, value);
}

void
db_bind_text(struct db_stmt *s, int at, struct slice text)
{
	s->db->engine->bind_text(s, at, text);
}

void
db_bind_blob(struct db_stmt *s, int at, struct slice blob)
{
	s->db->engine->bind_blob(s, at, blob);
}

void
db_stream(struct db_stmt *s)
{
	s->db->engine->stream(s);
}

enum db_step
db_step(struct db_stmt *s)
{
	return s->db->engine->step(s);
}

void
db_reset(struct db_stmt *s)
{
	s->db->engine->reset(s);
}

enum err
db_done(struct db *db, enum db_step step, struct note *note)
{
	if (step == DB_DONE)
		return ERR_OK;
	note_set(note, "%s",
	    step == DB_ROW ? "there are more rows than one" : db->engine->why(db));
	return ERR_IO;
}

enum err
db_once(struct db_stmt *s, struct note *note)
{
	enum err e = db_done(s->db, db_step(s), note);

	db_reset(s);
	return e;
}

/* --- columns --- */

bool
db_is_null(struct db_stmt *s, int column)
{
	return s->db->engine->is_null(s, column);
}

int64_t
db_i64(struct db_stmt *s, int column)
{
	return s->db->engine->i64(s, column);
}

struct slice
db_text(struct db_stmt *s, int column)
{
	return s->db->engine->text(s, column);
}

struct slice
db_blob(struct db_stmt *s, int column)
{
	return s->db->engine->blob(s, column);
}

int64_t
db_changes(const struct db *db)
{
	return db->changes;
}

/* --- many rows --- */

enum err
db_prepare_rows(struct db *db, const struct db_rows *rows, struct db_stmt **ret_stmt,
    struct note *note)
{
	*ret_stmt = NULL;
	return db->engine->prepare_rows(db, rows, ret_stmt, note);
}

enum err
db_rows_add(struct db_stmt *s, bool *ret_there, struct note *note)
{
	return s->db->engine->rows_add(s, ret_there, note);
}

enum err
db_rows_end(struct db_stmt *s, struct note *note)
{
	return s->db->engine->rows_end(s, note);
}

enum err
db_go_on_numbering(struct db *db, const char *table, struct note *note)
{
	return db->engine->go_on_numbering(db, table, note);
}

enum err
db_claim(struct db *db, int64_t number, bool *ret_ours, struct note *note)
{
	return db->engine->claim(db, number, ret_ours, note);
}

enum err
db_leads(struct db *db, bool *ret_leads, struct note *note)
{
	return db->engine->leads(db, ret_leads, note);
}

enum err
db_keep(struct db *db, uint64_t unix_ms, struct note *note)
{
	return db->engine->keep(db, unix_ms, note);
}
