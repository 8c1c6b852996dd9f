#include "store/pg_stmt.h"

#include <stdio.h>
#include <stdlib.h>

#define SQL_BYTES   (64u << 10)
#define VALUE_BYTES (64u << 20)

/* Types by their numbers, as catalogs have them. */
#define OID_BYTEA 17
#define OID_INT8  20
#define OID_TEXT  25

enum err
pg_stmt_prepare(
    struct db *db, const char *sql, struct db_stmt **ret_stmt, struct note *note)
{
	struct pg_stmt *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		note_set(note, "out of memory");
		return ERR_NOMEM;
	}
	s->stmt.db = db;
	buf_init(&s->sql, SQL_BYTES);
	buf_init(&s->blob, VALUE_BYTES);
	pg_sql_translate(sql, &s->sql, &s->places);
	s->values = calloc(s->places.count + 1, sizeof(s->values[0]));
	if (s->values == NULL || s->sql.err != ERR_OK) {
		pg_stmt_finish(&s->stmt);
		note_set(note, "out of memory");
		return ERR_NOMEM;
	}
	for (unsigned i = 0; i < s->places.count; i++)
		buf_init(&s->values[i].mended, VALUE_BYTES);
	*ret_stmt = &s->stmt;
	return ERR_OK;
}

/* --- running --- */

struct sent {
	Oid types[PG_SQL_VALUES];
	const char *values[PG_SQL_VALUES];
	int lengths[PG_SQL_VALUES], formats[PG_SQL_VALUES];
};

static void
gather(const struct pg_stmt *s, struct sent *to)
{
	static const Oid types[] = {[PG_NULL] = 0,
	    [PG_I64] = OID_INT8,
	    [PG_TEXT] = OID_TEXT,
	    [PG_BLOB] = OID_BYTEA};

	for (unsigned i = 0; i < s->places.count; i++) {
		struct pg_value *v = &s->values[i];

		if (v->type == PG_I64)
			(void)snprintf(
			    v->number, sizeof(v->number), "%lld", (long long)v->i64);
		to->types[i] = types[v->type];
		/* Texts as they are in memory are binary, too; numbers are in digits. */
		to->formats[i] = v->type == PG_TEXT || v->type == PG_BLOB;
		to->lengths[i] = (int)v->bytes.len;
		to->values[i] = v->type == PG_NULL  ? NULL
				: v->type == PG_I64 ? v->number
						    : v->bytes.ptr;
	}
}

/* Gives it a name on this connection. */
static bool
name_it(struct pg_stmt *s, const struct sent *v)
{
	struct pg_link *l = pg_stmt_link(s);

	if (s->prepared_in == l->connections)
		return true;
	(void)snprintf(s->name, sizeof(s->name), "w%u", ++l->names);
	if (!pg_link_all(l,
		PQsendPrepare(
		    l->conn, s->name, s->sql.ptr, (int)s->places.count, v->types),
		NULL))
		return false;
	s->prepared_in = l->connections;
	return true;
}

static bool
send_it(struct pg_stmt *s)
{
	struct pg_link *l = pg_stmt_link(s);
	struct note note;
	struct sent v;
	int count = (int)s->places.count, sent;

	if (!l->under_way && pg_link_reach(l, &note) != ERR_OK)
		return false;
	if (l->conn == NULL)
		return false;
	gather(s, &v);
	if (!s->ran) {
		sent = PQsendQueryParams(l->conn, s->sql.ptr, count, v.types, v.values,
		    v.lengths, v.formats, 0);
	} else {
		if (!name_it(s, &v))
			return false;
		sent = PQsendQueryPrepared(
		    l->conn, s->name, count, v.values, v.lengths, v.formats, 0);
	}
	s->ran = true;
	if (sent == 0) {
		pg_link_failed(l);
		return false;
	}
	if (s->streams)
		(void)PQsetSingleRowMode(l->conn);
	return pg_link_flush(l);
}

/* The end of what was sent. */
static bool
read_end(struct pg_stmt *s)
{
	struct pg_link *l = pg_stmt_link(s);
	PGresult *r = NULL;
	bool good = true;

	s->under_way = false;
	while (pg_link_next(l, &r) && r != NULL) {
		if (PQresultStatus(r) == PGRES_FATAL_ERROR) {
			pg_link_refused(l, r);
			good = false;
		} else {
			PQclear(r);
		}
	}
	return good && l->conn != NULL;
}

/* The next result; a NULL one is the end. */
static enum db_step
take_result(struct pg_stmt *s)
{
	struct pg_link *l = pg_stmt_link(s);
	PGresult *r = NULL;

	PQclear(s->result);
	s->result = NULL;
	s->row = -1;
	if (!pg_link_next(l, &r)) {
		s->under_way = false;
		return DB_ERROR;
	}
	if (r == NULL) {
		s->under_way = false;
		return DB_DONE;
	}
	switch (PQresultStatus(r)) {
	case PGRES_SINGLE_TUPLE:
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK: break;
	default:
		pg_link_refused(l, r);
		(void)read_end(s);
		return DB_ERROR;
	}
	if (PQresultStatus(r) != PGRES_SINGLE_TUPLE)
		l->db.changes = strtoll(PQcmdTuples(r), NULL, 10);
	if (PQresultStatus(r) != PGRES_SINGLE_TUPLE && !read_end(s)) {
		PQclear(r);
		return DB_ERROR;
	}
	s->result = r;
	return DB_ROW;
}

enum db_step
pg_stmt_step(struct db_stmt *stmt)
{
	struct pg_stmt *s = pg_stmt_of(stmt);

	buf_clear(&s->blob);
	if (s->result == NULL && !s->under_way) {
		if (!send_it(s))
			return DB_ERROR;
		s->under_way = true;
		if (take_result(s) == DB_ERROR)
			return DB_ERROR;
	} else if (s->under_way && s->row + 1 >= PQntuples(s->result)) {
		if (take_result(s) == DB_ERROR)
			return DB_ERROR;
	}
	if (s->result == NULL || s->row + 1 >= PQntuples(s->result))
		return DB_DONE;
	s->row++;
	return DB_ROW;
}

void
pg_stmt_reset(struct db_stmt *stmt)
{
	struct pg_stmt *s = pg_stmt_of(stmt);

	PQclear(s->result);
	s->result = NULL;
	s->row = -1;
	if (s->under_way)
		(void)read_end(s);
}

void
pg_stmt_stream(struct db_stmt *s)
{
	pg_stmt_of(s)->streams = true;
}

void
pg_stmt_finish(struct db_stmt *stmt)
{
	struct pg_stmt *s = pg_stmt_of(stmt);
	struct pg_link *l = pg_stmt_link(s);
	struct note note;
	char sql[40];

	pg_stmt_reset(stmt);
	/* In a transaction that failed it stays until the connection ends. */
	if (s->prepared_in != 0 && s->prepared_in == l->connections && l->conn != NULL &&
	    PQtransactionStatus(l->conn) != PQTRANS_INERROR) {
		(void)snprintf(sql, sizeof(sql), "DEALLOCATE %s", s->name);
		(void)!pg_link_run(l, sql, &note);
	}
	for (unsigned i = 0; s->values != NULL && i < s->places.count; i++)
		buf_free(&s->values[i].mended);
	free(s->values);
	buf_free(&s->sql);
	buf_free(&s->blob);
	free(s);
}

/* --- values --- */

static struct pg_value *
value_at(struct db_stmt *stmt, int at)
{
	struct pg_stmt *s = pg_stmt_of(stmt);
	unsigned which = at < 1 || at > PG_SQL_VALUES ? 0 : s->places.value[at];

	return which == 0 ? NULL : &s->values[which - 1];
}

void
pg_stmt_bind_null(struct db_stmt *s, int at)
{
	struct pg_value *v = value_at(s, at);

	if (v != NULL)
		v->type = PG_NULL;
}

void
pg_stmt_bind_i64(struct db_stmt *s, int at, int64_t value)
{
	struct pg_value *v = value_at(s, at);

	if (v == NULL)
		return;
	v->type = PG_I64;
	v->i64 = value;
}

void
pg_stmt_bind_text(struct db_stmt *s, int at, struct slice text)
{
	struct pg_value *v = value_at(s, at);

	if (v == NULL)
		return;
	v->type = PG_TEXT;
	v->bytes = pg_sql_text(text, &v->mended);
}

void
pg_stmt_bind_blob(struct db_stmt *s, int at, struct slice blob)
{
	struct pg_value *v = value_at(s, at);

	if (v == NULL)
		return;
	v->type = PG_BLOB;
	v->bytes = blob.ptr == NULL ? S("") : blob;
}

/* --- columns --- */

bool
pg_stmt_is_null(struct db_stmt *stmt, int column)
{
	const struct pg_stmt *s = pg_stmt_of(stmt);

	return PQgetisnull(s->result, s->row, column) != 0;
}

int64_t
pg_stmt_i64(struct db_stmt *stmt, int column)
{
	const struct pg_stmt *s = pg_stmt_of(stmt);

	return pg_sql_i64(PQgetvalue(s->result, s->row, column));
}

struct slice
pg_stmt_text(struct db_stmt *stmt, int column)
{
	const struct pg_stmt *s = pg_stmt_of(stmt);

	return slice_of(PQgetvalue(s->result, s->row, column),
	    (size_t)PQgetlength(s->result, s->row, column));
}

struct slice
pg_stmt_blob(struct db_stmt *stmt, int column)
{
	struct pg_stmt *s = pg_stmt_of(stmt);

	buf_clear(&s->blob);
	pg_sql_blob(PQgetvalue(s->result, s->row, column), &s->blob);
	return s->blob.ptr == NULL ? S("") : buf_slice(&s->blob);
}
