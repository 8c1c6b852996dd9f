/*
 * Rows are copied straight into the table. Only when it refuses them, as some are there
 * already (a commit was not heard of) or one is wrong, they go by a table of their own,
 * whole or, to find the wrong one, in halves.
 */
#include "store/pg_rows.h"

#include <stdlib.h>

#define SQL_BYTES   (16u << 10)
#define BATCH_BYTES (8u << 20)
#define ROW_BYTES   (64u << 20) /* one more than that may go into a batch */
#define CHUNK_BYTES (256u << 10)

enum { SQL_STRAIGHT, SQL_MAKE, SQL_ASIDE, SQL_INSERT, SQLS };

struct pg_rows {
	struct buf sql[SQLS];
	db_refused_fn *on_refused;
	void *arg;
	struct buf bytes;     /* as COPY wants them */
	struct buf starts;    /* size_t of each, in them */
	size_t count, before; /* in them; written since the last end */
	unsigned transaction; /* to which they belong */
};

/* --- a row in bytes --- */

static void
put_int(struct buf *to, uint64_t value, unsigned bytes)
{
	while (bytes-- > 0)
		buf_byte(to, (char)(value >> 8 * bytes));
}

static void
put_value(struct buf *to, const struct pg_value *v)
{
	switch (v->type) {
	case PG_NULL: put_int(to, UINT32_MAX, 4); break;
	case PG_I64:
		put_int(to, 8, 4);
		put_int(to, (uint64_t)v->i64, 8);
		break;
	case PG_TEXT:
	case PG_BLOB:
		put_int(to, v->bytes.len, 4);
		buf_add(to, v->bytes);
		break;
	}
}

static size_t
start_of(const struct pg_rows *r, size_t n)
{
	size_t start;

	if (n == r->count)
		return r->bytes.len;
	memcpy(&start, r->starts.ptr + n * sizeof(start), sizeof(start));
	return start;
}

static void
forget(struct pg_rows *r)
{
	buf_clear(&r->bytes);
	buf_clear(&r->starts);
	r->count = 0;
}

/* --- copying --- */

static bool
put_copy(struct pg_link *l, struct slice s)
{
	while (s.len > 0) {
		size_t n = s.len < CHUNK_BYTES ? s.len : CHUNK_BYTES;

		if (PQputCopyData(l->conn, s.ptr, (int)n) != 1) {
			pg_link_failed(l);
			return false;
		}
		if (!pg_link_flush(l))
			return false;
		s = slice_from(s, n);
	}
	return true;
}

/* Runs the statements, of which the last is a COPY of rows. */
static bool
copy(struct pg_link *l, const char *sql, struct slice rows)
{
	static const char head[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";

	if (!pg_link_all(l, PQsendQuery(l->conn, sql), NULL) || l->conn == NULL)
		return false;
	if (!put_copy(l, slice_of(head, sizeof(head))) || !put_copy(l, rows) ||
	    !put_copy(l, slice_of("\377\377", 2)))
		return false;
	if (PQputCopyEnd(l->conn, NULL) != 1) {
		pg_link_failed(l);
		return false;
	}
	return pg_link_all(l, 1, NULL);
}

static bool
is_refused(const struct pg_link *l)
{
	return l->conn != NULL && l->db.fault == DB_FAULT_REFUSED;
}

static bool
run(struct pg_link *l, const char *sql)
{
	return l->conn != NULL && pg_link_all(l, PQsendQuery(l->conn, sql), NULL);
}

/* The rows from a to b, counted from 0. */
static struct slice
part(const struct pg_rows *r, size_t a, size_t b)
{
	return slice_of(r->bytes.ptr + start_of(r, a), start_of(r, b) - start_of(r, a));
}

static bool
by_table(struct pg_stmt *s, size_t a, size_t b)
{
	struct pg_link *l = pg_stmt_link(s);
	const struct pg_rows *r = s->rows;

	return run(l, r->sql[SQL_MAKE].ptr) &&
	       copy(l, r->sql[SQL_ASIDE].ptr, part(r, a, b)) &&
	       run(l, r->sql[SQL_INSERT].ptr);
}

/* The rows from a to b, of which some are there already, or one is wrong. */
static bool
by_halves(struct pg_stmt *s, size_t a, size_t b)
{
	struct pg_link *l = pg_stmt_link(s);
	struct pg_rows *r = s->rows;

	if (by_table(s, a, b))
		return true;
	if (!is_refused(l))
		return false;
	if (b - a == 1 && r->on_refused != NULL)
		r->on_refused(r->arg, r->before + a, &l->why);
	if (!run(l, "ROLLBACK TO SAVEPOINT weir_part; RELEASE SAVEPOINT weir_part"))
		return false;
	return b - a == 1 ||
	       (by_halves(s, a, a + (b - a) / 2) && by_halves(s, a + (b - a) / 2, b));
}

static bool
write_all(struct pg_stmt *s)
{
	struct pg_link *l = pg_stmt_link(s);
	struct pg_rows *r = s->rows;

	if (l->conn == NULL)
		return false;
	if (copy(l, r->sql[SQL_STRAIGHT].ptr, part(r, 0, r->count)))
		return true;
	return is_refused(l) && run(l, "ROLLBACK TO SAVEPOINT weir_rows") &&
	       by_halves(s, 0, r->count);
}

static enum err
flush(struct pg_stmt *s, struct note *note)
{
	struct pg_rows *r = s->rows;
	enum err e = ERR_OK;

	if (r->count > 0 && r->transaction == pg_stmt_link(s)->transactions &&
	    !write_all(s))
		e = pg_link_err(pg_stmt_link(s), note);
	r->before += r->count;
	forget(r);
	return e;
}

enum err
pg_rows_add(struct db_stmt *stmt, bool *ret_there, struct note *note)
{
	struct pg_stmt *s = pg_stmt_of(stmt);
	struct pg_rows *r = s->rows;
	size_t start;

	if (r->transaction != pg_stmt_link(s)->transactions) {
		forget(r);
		r->before = 0;
		r->transaction = pg_stmt_link(s)->transactions;
	}
	start = r->bytes.len;
	put_int(&r->bytes, s->places.count, 2);
	for (unsigned i = 0; i < s->places.count; i++)
		put_value(&r->bytes, &s->values[i]);
	buf_add(&r->starts, slice_of((const char *)&start, sizeof(start)));
	if (r->bytes.err != ERR_OK || r->starts.err != ERR_OK) {
		note_set(note, "out of memory");
		return ERR_NOMEM;
	}
	r->count++;
	*ret_there = false;
	return r->bytes.len < BATCH_BYTES ? ERR_OK : flush(s, note);
}

enum err
pg_rows_end(struct db_stmt *stmt, struct note *note)
{
	struct pg_stmt *s = pg_stmt_of(stmt);
	enum err e = flush(s, note);

	s->rows->before = 0;
	return e;
}

/* --- the statement --- */

static void
put_sql(struct buf *to, const char *format, const struct db_rows *rows)
{
	buf_init(to, SQL_BYTES);
	for (const char *p = format; *p != '\0'; p++)
		if (*p == '@')
			buf_add(to, slice_str(rows->table));
		else if (*p == '#')
			buf_add(to, slice_str(rows->columns));
		else
			buf_byte(to, *p);
	buf_byte(to, '\0');
}

static void
free_rows(struct pg_rows *r)
{
	for (unsigned i = 0; i < SQLS; i++)
		buf_free(&r->sql[i]);
	buf_free(&r->bytes);
	buf_free(&r->starts);
	free(r);
}

static struct pg_rows *
make_rows(const struct db_rows *rows)
{
	static const char *const formats[SQLS] = {
	    [SQL_STRAIGHT] = "SAVEPOINT weir_rows; COPY @ (#) FROM STDIN (FORMAT binary)",
	    [SQL_MAKE] = "SAVEPOINT weir_part; CREATE TEMPORARY TABLE IF NOT EXISTS "
			 "weir_@ (LIKE @) ON COMMIT DROP",
	    [SQL_ASIDE] = "COPY weir_@ (#) FROM STDIN (FORMAT binary)",
	    [SQL_INSERT] = "INSERT INTO @ (#) SELECT # FROM weir_@ ON CONFLICT DO "
			   "NOTHING; TRUNCATE weir_@; RELEASE SAVEPOINT weir_part",
	};
	struct pg_rows *r = calloc(1, sizeof(*r));
	bool good = r != NULL;

	if (r == NULL)
		return NULL;
	r->on_refused = rows->on_refused;
	r->arg = rows->arg;
	buf_init(&r->bytes, ROW_BYTES);
	buf_init(&r->starts, ROW_BYTES);
	for (unsigned i = 0; i < SQLS; i++) {
		put_sql(&r->sql[i], formats[i], rows);
		good = good && r->sql[i].err == ERR_OK;
	}
	if (good)
		return r;
	free_rows(r);
	return NULL;
}

/* A statement of as many values as there are columns; its SQL is not used. */
static enum err
make_stmt(
    struct db *db, const char *columns, struct db_stmt **ret_stmt, struct note *note)
{
	struct buf sql;
	enum err e;

	buf_init(&sql, SQL_BYTES);
	buf_byte(&sql, '?');
	for (const char *p = columns; *p != '\0'; p++)
		if (*p == ',')
			buf_byte(&sql, '?');
	buf_byte(&sql, '\0');
	e = sql.err;
	if (e == ERR_OK)
		e = pg_stmt_prepare(db, sql.ptr, ret_stmt, note);
	else
		note_set(note, "out of memory");
	buf_free(&sql);
	return e;
}

enum err
pg_rows_prepare(struct db *db, const struct db_rows *rows, struct db_stmt **ret_stmt,
    struct note *note)
{
	struct db_stmt *s;
	enum err e = make_stmt(db, rows->columns, &s, note);

	if (e != ERR_OK)
		return e;
	pg_stmt_of(s)->rows = make_rows(rows);
	if (pg_stmt_of(s)->rows == NULL) {
		pg_stmt_finish(s);
		note_set(note, "out of memory");
		return ERR_NOMEM;
	}
	*ret_stmt = s;
	return ERR_OK;
}

void
pg_rows_finish(struct db_stmt *s)
{
	if (pg_stmt_of(s)->rows != NULL)
		free_rows(pg_stmt_of(s)->rows);
	pg_stmt_finish(s);
}
