#include "store/move.h"

#include "core/buf.h"
#include "core/clock.h"
#include "core/wide.h"

#include <stdio.h>
#include <stdlib.h>

#define TABLES_MAX  64
#define COLUMNS_MAX 64
#define SQL_BYTES   8192
#define ID_SHIFT    22		/* of the milliseconds in a request's id */
#define MONTH_MS    2419200000u /* no month is shorter */

enum type { NUMBER, TEXT, BYTES };

struct table {
	char name[64];
	char columns[2048]; /* "\"a\", \"b\"" */
	enum type type[COLUMNS_MAX];
	unsigned count;
	bool has_id;
	uint64_t rows;
};

/* What a table holds: of numbers the sum, of the others a sum of what they say. */
struct total {
	uint64_t rows;
	wide sum[COLUMNS_MAX];
};

struct move {
	struct db *from, *to;
	struct table *tables;
	unsigned count;
	struct note *note;
};

/* --- what there is --- */

static enum err
take_column(struct table *t, struct db_stmt *s, struct note *note)
{
	struct slice name = db_text(s, 0), type = db_text(s, 1);
	size_t used = strlen(t->columns);
	int n = snprintf(t->columns + used, sizeof(t->columns) - used, "%s\"%.*s\"",
	    used == 0 ? "" : ", ", SLICE_ARGS(name));

	if (t->count == COLUMNS_MAX || used + (size_t)n >= sizeof(t->columns)) {
		note_set(note, "the table %s has too many columns", t->name);
		return ERR_INTERNAL;
	}
	t->type[t->count++] = slice_eq(type, S("INTEGER")) ? NUMBER
			      : slice_eq(type, S("BLOB"))  ? BYTES
							   : TEXT;
	t->has_id = t->has_id || slice_eq(name, S("id"));
	return ERR_OK;
}

/* Every table of the file, so that none is forgotten, with its columns. */
static enum err
list_tables(struct move *m)
{
	struct db_stmt *s;
	enum db_step step = DB_DONE;
	enum err e = db_prepare(m->from,
	    "SELECT column.name, column.type, t.name FROM sqlite_master AS t"
	    " JOIN pragma_table_info(t.name) AS column WHERE t.type = 'table'"
	    " AND t.name NOT LIKE 'sqlite%' ORDER BY t.name, column.cid",
	    &s, m->note);

	while (e == ERR_OK && (step = db_step(s)) == DB_ROW) {
		struct slice name = db_text(s, 2);
		struct table *t = m->count == 0 ? NULL : &m->tables[m->count - 1];

		if (t == NULL || !slice_eq(slice_str(t->name), name)) {
			if (m->count == TABLES_MAX) {
				note_set(m->note, "there are too many tables");
				e = ERR_INTERNAL;
				break;
			}
			t = &m->tables[m->count++];
			(void)snprintf(
			    t->name, sizeof(t->name), "%.*s", SLICE_ARGS(name));
		}
		e = take_column(t, s, m->note);
	}
	if (e == ERR_OK)
		e = db_done(m->from, step, m->note);
	db_finish(s);
	return e;
}

/* One number of a table: "count(*)". */
static enum err
number_of(
    struct db *db, const char *what, const char *table, int64_t *ret, struct note *note)
{
	char sql[200];
	struct db_stmt *s;
	enum db_step step;
	enum err e;

	(void)snprintf(sql, sizeof(sql), "SELECT %s FROM %s", what, table);
	e = db_prepare(db, sql, &s, note);
	if (e != ERR_OK)
		return e;
	step = db_step(s);
	if (step == DB_ROW)
		*ret = db_i64(s, 0);
	else
		e = db_done(db, step, note);
	db_finish(s);
	return e;
}

static enum err
check_empty(struct move *m)
{
	enum err e = ERR_OK;

	for (unsigned i = 0; e == ERR_OK && i < m->count; i++) {
		int64_t n = 0;

		e = number_of(m->to, "count(*)", m->tables[i].name, &n, m->note);
		if (e == ERR_OK && n > 0) {
			note_set(m->note,
			    "the table %s of %s has rows already; only an empty database "
			    "takes what is moved",
			    m->tables[i].name, db_name(m->to));
			e = ERR_CONFLICT;
		}
	}
	return e;
}

/* --- sums --- */

/* Of a text all but what is no ASCII: PostgreSQL takes no bytes that are no UTF-8, and
 * gets others in their place. */
static uint64_t
say(struct slice s, bool text)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (!text || (c < 0x80 && c != 0))
			h = (h ^ c) * 0x100000001b3u;
	}
	return h >> 8;
}

static void
add(struct total *to, const struct table *t, struct db_stmt *s)
{
	to->rows++;
	for (unsigned i = 0; i < t->count; i++) {
		int at = (int)i;

		if (db_is_null(s, at))
			to->sum[i] += (wide)1 << 80;
		else if (t->type[i] == NUMBER)
			to->sum[i] += db_i64(s, at);
		else
			to->sum[i] += (wide)say(
			    t->type[i] == TEXT ? db_text(s, at) : db_blob(s, at),
			    t->type[i] == TEXT);
	}
}

static enum err
select_all(struct db *db, const struct table *t, struct db_stmt **ret, struct note *note)
{
	char sql[2200];
	enum err e;

	(void)snprintf(sql, sizeof(sql), "SELECT %s FROM %s", t->columns, t->name);
	e = db_prepare(db, sql, ret, note);
	if (e == ERR_OK)
		db_stream(*ret);
	return e;
}

/* --- copying --- */

static void
bind_row(struct db_stmt *to, const struct table *t, struct db_stmt *from)
{
	for (unsigned i = 0; i < t->count; i++) {
		int at = (int)i;

		if (db_is_null(from, at))
			db_bind_null(to, at + 1);
		else if (t->type[i] == NUMBER)
			db_bind_i64(to, at + 1, db_i64(from, at));
		else if (t->type[i] == TEXT)
			db_bind_text(to, at + 1, db_text(from, at));
		else
			db_bind_blob(to, at + 1, db_blob(from, at));
	}
}

static enum err
copy_rows(struct move *m, struct table *t, struct db_stmt *to, struct total *total)
{
	struct db_stmt *from;
	enum db_step step = DB_DONE;
	enum err e = select_all(m->from, t, &from, m->note);

	while (e == ERR_OK && (step = db_step(from)) == DB_ROW) {
		bool there;

		add(total, t, from);
		bind_row(to, t, from);
		e = db_rows_add(to, &there, m->note);
	}
	if (e == ERR_OK)
		e = db_done(m->from, step, m->note);
	db_finish(from);
	return e == ERR_OK ? db_rows_end(to, m->note) : e;
}

static enum err
copy_table(struct move *m, struct table *t, struct total *total)
{
	const struct db_rows rows = {.table = t->name, .columns = t->columns};
	struct db_stmt *to;
	enum err e = db_prepare_rows(m->to, &rows, &to, m->note);

	if (e == ERR_OK)
		e = copy_rows(m, t, to, total);
	db_finish(to);
	if (e == ERR_OK && t->has_id)
		e = db_go_on_numbering(m->to, t->name, m->note);
	return e;
}

static enum err
read_back(struct move *m, const struct table *t, struct total *total)
{
	struct db_stmt *s;
	enum db_step step = DB_DONE;
	enum err e = select_all(m->to, t, &s, m->note);

	while (e == ERR_OK && (step = db_step(s)) == DB_ROW)
		add(total, t, s);
	if (e == ERR_OK)
		e = db_done(m->to, step, m->note);
	db_finish(s);
	return e;
}

static enum err
move_one(struct move *m, struct table *t)
{
	struct total want = {.rows = 0}, got = {.rows = 0};
	enum err e = copy_table(m, t, &want);

	if (e == ERR_OK)
		e = read_back(m, t, &got);
	if (e != ERR_OK)
		return e;
	for (unsigned i = 0; i < t->count; i++)
		if (want.sum[i] != got.sum[i] || want.rows != got.rows) {
			note_set(m->note,
			    "the table %s is not the same there: %llu rows of %llu, or "
			    "another sum of column %u; nothing was moved",
			    t->name, (unsigned long long)got.rows,
			    (unsigned long long)want.rows, i + 1);
			return ERR_IO;
		}
	t->rows = want.rows;
	return ERR_OK;
}

/* The months of all requests have their partitions first. */
static enum err
make_months(struct move *m)
{
	int64_t first = 0, last = 0;
	uint64_t now = clock_unix_ms();
	enum err e =
	    number_of(m->from, "coalesce(min(id), 0)", "ledger", &first, m->note);

	if (e == ERR_OK)
		e = number_of(m->from, "coalesce(max(id), 0)", "ledger", &last, m->note);
	/* Of numbers that are no times there is none. */
	if (e != ERR_OK || (first >> ID_SHIFT) < (int64_t)(now / 4) ||
	    (last >> ID_SHIFT) > (int64_t)(now + MONTH_MS))
		return e;
	for (int64_t at = first; e == ERR_OK && at <= last;
	     at += (int64_t)MONTH_MS << ID_SHIFT)
		e = db_keep(m->to, (uint64_t)at >> ID_SHIFT, m->note);
	return e;
}

static enum err
move_tables(struct move *m)
{
	enum err e = list_tables(m);

	if (e == ERR_OK)
		e = check_empty(m);
	if (e == ERR_OK)
		e = make_months(m);
	if (e == ERR_OK)
		e = db_begin(m->to, DB_CHANGE, m->note);
	if (e != ERR_OK)
		return e;
	/* Once more, now that nobody else adds some. */
	e = check_empty(m);
	for (unsigned i = 0; e == ERR_OK && i < m->count; i++)
		e = move_one(m, &m->tables[i]);
	return db_end(m->to, e, m->note);
}

enum err
move_all(struct db *from, struct db *to,
    void (*fn)(void *arg, const struct move_table *table), void *arg, struct note *note)
{
	struct move m = {.from = from, .to = to, .note = note};
	struct note none;
	enum err e;

	m.tables = calloc(TABLES_MAX, sizeof(m.tables[0]));
	if (m.tables == NULL) {
		note_set(note, "out of memory");
		return ERR_NOMEM;
	}
	e = db_begin(from, DB_READ, note);
	if (e == ERR_OK)
		e = move_tables(&m);
	(void)!db_end(from, ERR_IO, &none);
	for (unsigned i = 0; e == ERR_OK && i < m.count; i++) {
		const struct move_table table = {m.tables[i].name, m.tables[i].rows};

		fn(arg, &table);
	}
	free(m.tables);
	return e;
}
