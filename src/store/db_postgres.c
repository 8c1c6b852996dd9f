/*
 * PostgreSQL: transactions, the schema, the ledger's partitions.
 */
#include "core/clock.h"
#include "core/text.h"
#include "store/db_schema.h"
#include "store/pg_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PATIENCE_MS 600000 /* where none is said */
#define POLL_MS	    300	   /* between two looks for others' changes */
#define LOCK	    "SELECT pg_advisory_xact_lock(7233829)" /* for the schema */
#define LEAD	    7233830 /* the lock of the one that tells notices */
/* to_regclass() would not see what was made while the lock was waited for. */
#define IS_THERE(table)                                                                  \
	"SELECT count(*) FROM pg_class WHERE relname = '" table                          \
	"' AND pg_table_is_visible(oid)"
#define ID_SHIFT 22 /* of the milliseconds in a request's id (meter/row.h) */

static struct pg_link *
link_of(struct db *db)
{
	return (struct pg_link *)db;
}

static enum err
run(struct db *db, const char *sql, struct note *note)
{
	return pg_link_run(link_of(db), sql, note);
}

static const char *
why(struct db *db)
{
	return link_of(db)->why.text;
}

/* --- transactions --- */

static enum err
begin(struct db *db, enum db_begin what, struct note *note)
{
	static const char *const begins[] = {
	    [DB_READ] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
	    [DB_ROWS] = "BEGIN",
	    /* The row is locked until the end: one process at a time. */
	    [DB_CHANGE] = "BEGIN; UPDATE weir_change SET n = n + 1",
	};
	struct pg_link *l = link_of(db);
	enum err e = run(db, begins[what], note);

	if (e == ERR_OK) {
		l->under_way = true;
		l->transactions++;
	} else if (l->conn != NULL && PQtransactionStatus(l->conn) != PQTRANS_IDLE) {
		pg_link_drop(l);
	}
	return e;
}

static void
rollback(struct db *db)
{
	struct pg_link *l = link_of(db);
	struct note none;

	if (!l->under_way)
		return;
	l->under_way = false;
	if (l->conn == NULL || PQtransactionStatus(l->conn) == PQTRANS_IDLE)
		return;
	if (PQtransactionStatus(l->conn) == PQTRANS_ACTIVE ||
	    run(db, "ROLLBACK", &none) != ERR_OK)
		pg_link_drop(l);
}

static enum err
commit(struct db *db, struct note *note)
{
	struct pg_link *l = link_of(db);
	PGresult *r = NULL;
	bool good;

	if (!l->under_way) {
		note_set(note, "no transaction is under way");
		return ERR_IO;
	}
	if (l->conn == NULL || !pg_link_all(l, PQsendQuery(l->conn, "COMMIT"), &r))
		return pg_link_err(l, note);
	/* One that failed is rolled back by it, and no error. */
	good = strcmp(PQcmdStatus(r), "COMMIT") == 0;
	PQclear(r);
	l->under_way = false;
	if (!good)
		note_set(note, "a statement of the transaction failed");
	return good ? ERR_OK : ERR_IO;
}

static enum err
changed(struct db *db, bool *ret_changed, struct note *note)
{
	struct pg_link *l = link_of(db);
	int64_t n = l->counted;
	enum err e;

	*ret_changed = false;
	if (clock_mono_ms() < l->asked_ms + POLL_MS)
		return ERR_OK;
	e = pg_link_number(l, "SELECT n FROM weir_change", &n, note);
	if (e != ERR_OK)
		return e;
	l->asked_ms = clock_mono_ms();
	*ret_changed = n != l->counted;
	l->counted = n;
	return ERR_OK;
}

static enum err
go_on_numbering(struct db *db, const char *table, struct note *note)
{
	char sql[300];

	/* A table without numbers of its own has no sequence: then it does nothing. */
	(void)snprintf(sql, sizeof(sql),
	    "SELECT setval(pg_get_serial_sequence('%s', 'id'), max(id)) FROM %s", table,
	    table);
	return run(db, sql, note);
}

/* A lock of the session; *in is the connection that has it. */
static enum err
take_lock(struct pg_link *l, int64_t number, unsigned *in, bool *ret, struct note *note)
{
	int64_t got = 0;
	char sql[100];
	enum err e;

	*ret = l->conn != NULL && *in == l->connections;
	if (*ret)
		return ERR_OK;
	(void)snprintf(sql, sizeof(sql),
	    "SELECT CASE WHEN pg_try_advisory_lock(%lld) THEN 1 ELSE 0 END",
	    (long long)number);
	e = pg_link_number(l, sql, &got, note);
	*ret = e == ERR_OK && got != 0;
	if (*ret)
		*in = l->connections;
	return e;
}

static enum err
claim(struct db *db, int64_t number, bool *ret_ours, struct note *note)
{
	return take_lock(link_of(db), number, &link_of(db)->claimed_in, ret_ours, note);
}

static enum err
leads(struct db *db, bool *ret_leads, struct note *note)
{
	return take_lock(link_of(db), LEAD, &link_of(db)->leads_in, ret_leads, note);
}

/* --- partitions --- */

/* The first moment of the month that is so many behind that of the time. */
static uint64_t
month_ms(uint64_t unix_ms, int behind, struct tm *ret)
{
	time_t at = (time_t)(unix_ms / 1000);

	(void)gmtime_r(&at, ret);
	*ret = (struct tm){
	    .tm_year = ret->tm_year, .tm_mon = ret->tm_mon + behind, .tm_mday = 1};
	at = timegm(ret);
	(void)gmtime_r(&at, ret);
	return (uint64_t)at * 1000;
}

static enum err
make_partition(struct db *db, uint64_t from_ms, uint64_t until_ms, const struct tm *month,
    struct note *note)
{
	unsigned long long from = from_ms << ID_SHIFT, until = until_ms << ID_SHIFT;
	char name[40], sql[1200];
	int64_t there = 1;
	enum err e = begin(db, DB_ROWS, note);

	(void)snprintf(name, sizeof(name), "ledger_%04d_%02d", month->tm_year + 1900,
	    month->tm_mon + 1);
	(void)snprintf(sql, sizeof(sql), IS_THERE("%s"), name);
	if (e == ERR_OK)
		e = run(db, LOCK, note);
	if (e == ERR_OK)
		e = pg_link_number(link_of(db), sql, &there, note);
	/* Rows that came before their partition move into it. */
	(void)snprintf(sql, sizeof(sql),
	    "SET LOCAL lock_timeout = '3s'; "
	    "CREATE TABLE %s (LIKE ledger INCLUDING ALL); "
	    "WITH moved AS (DELETE FROM ledger_other WHERE id >= %llu AND id < %llu "
	    "RETURNING *) INSERT INTO %s SELECT * FROM moved; "
	    "ALTER TABLE ledger ATTACH PARTITION %s FOR VALUES FROM (%llu) TO (%llu)",
	    name, from, until, name, name, from, until);
	if (e == ERR_OK && there == 0)
		e = run(db, sql, note);
	return db_end(db, e, note);
}

static enum err
keep(struct db *db, uint64_t unix_ms, struct note *note)
{
	enum err e = ERR_OK;

	for (int i = 0; e == ERR_OK && i < 2; i++) {
		struct tm month, next;
		uint64_t from = month_ms(unix_ms, i, &month);
		uint64_t until = month_ms(unix_ms, i + 1, &next);

		e = make_partition(db, from, until, &month, note);
	}
	return e;
}

/* --- the schema --- */

static enum err
read_version(struct pg_link *l, int64_t *ret, struct note *note)
{
	int64_t there = 0;
	enum err e = pg_link_number(l, IS_THERE("weir_schema"), &there, note);

	*ret = 0;
	if (e == ERR_OK && there != 0)
		e = pg_link_number(l, "SELECT version FROM weir_schema", ret, note);
	return e;
}

static enum err
bring_up(struct db *db, struct note *note)
{
	int64_t v = 0;
	char sql[80];
	enum err e = run(db, LOCK, note);

	/* Another process may have done it meanwhile. */
	if (e == ERR_OK)
		e = read_version(link_of(db), &v, note);
	if (e == ERR_OK && v == 0)
		e = run(db,
		    "CREATE TABLE weir_schema (version bigint NOT NULL);"
		    "INSERT INTO weir_schema VALUES (0)",
		    note);
	for (int64_t i = v; e == ERR_OK && i < DB_SCHEMA_VERSION; i++)
		if (db_schema_postgres[i] != NULL)
			e = run(db, db_schema_postgres[i], note);
	(void)snprintf(
	    sql, sizeof(sql), "UPDATE weir_schema SET version = %d", DB_SCHEMA_VERSION);
	return e == ERR_OK && v < DB_SCHEMA_VERSION ? run(db, sql, note) : e;
}

static enum err
set_up(struct db *db, struct note *note)
{
	int64_t version = 0;
	enum err e = read_version(link_of(db), &version, note);

	if (e == ERR_OK && version > DB_SCHEMA_VERSION) {
		note_set(note,
		    "it was written by a newer weir (schema %d, this one knows %d)",
		    (int)version, DB_SCHEMA_VERSION);
		return ERR_IO;
	}
	db->versions = (struct db_versions){(int)version, DB_SCHEMA_VERSION};
	if (e != ERR_OK || version == DB_SCHEMA_VERSION)
		return e;
	e = begin(db, DB_ROWS, note);
	if (e == ERR_OK)
		e = bring_up(db, note);
	return db_end(db, e, note);
}

/* --- the connection --- */

static void
close_link(struct db *db)
{
	struct pg_link *l = link_of(db);

	pg_link_drop(l);
	secret_free(&l->url);
	free(l);
}

static const struct db_engine postgres = {
    .close = close_link,
    .run = run,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .changed = changed,
    .why = why,
    .prepare = pg_stmt_prepare,
    .prepare_rows = pg_rows_prepare,
    .finish = pg_rows_finish,
    .bind_null = pg_stmt_bind_null,
    .bind_i64 = pg_stmt_bind_i64,
    .bind_text = pg_stmt_bind_text,
    .bind_blob = pg_stmt_bind_blob,
    .step = pg_stmt_step,
    .reset = pg_stmt_reset,
    .is_null = pg_stmt_is_null,
    .i64 = pg_stmt_i64,
    .text = pg_stmt_text,
    .blob = pg_stmt_blob,
    .rows_add = pg_rows_add,
    .rows_end = pg_rows_end,
    .stream = pg_stmt_stream,
    .go_on_numbering = go_on_numbering,
    .claim = claim,
    .leads = leads,
    .keep = keep,
};

bool
db_postgres_is_url(struct slice url, struct note *note)
{
	char place[PG_LINK_PLACE];

	return pg_link_place(url, place, note);
}

static enum err
open_link(struct pg_link *l, struct note *note)
{
	struct note reason;
	enum err e = pg_link_reach(l, &reason);

	if (e != ERR_OK) {
		note_set(note,
		    "cannot reach %s: %s; see that it runs there and lets weir in, or "
		    "correct store.url",
		    l->db.name, reason.text);
		return e;
	}
	e = set_up(&l->db, &reason);
	if (e != ERR_OK)
		note_set(note, "cannot use %s: %s", l->db.name, reason.text);
	return e;
}

enum err
db_postgres_open(const struct db_place *place, struct db **ret_db, struct note *note)
{
	char where[PG_LINK_PLACE];
	struct pg_link *l;
	enum err e;

	if (!pg_link_place(place->url, where, note))
		return ERR_IO;
	l = calloc(1, sizeof(*l));
	if (l == NULL) {
		note_set(note, "out of memory");
		return ERR_NOMEM;
	}
	l->db.engine = &postgres;
	l->url = secret_new(place->url);
	l->patience_ms = place->patience_ms == 0 ? PATIENCE_MS : place->patience_ms;
	pg_link_init(l);
	(void)snprintf(l->db.name, sizeof(l->db.name), "PostgreSQL at %s", where);
	e = open_link(l, note);
	if (e == ERR_OK)
		*ret_db = &l->db;
	else
		close_link(&l->db);
	return e;
}
