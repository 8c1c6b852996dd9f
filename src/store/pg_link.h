/*
 * pg_link: a connection to PostgreSQL, or what speaks its protocol, by libpq. One that is
 * lost is made again, with growing pauses; nothing waits longer for an answer than the
 * link's patience. For db_postgres.c and pg_*.c.
 */
#ifndef STORE_PG_LINK_H
#define STORE_PG_LINK_H

#include "core/secret.h"
#include "store/db_engine.h"

#include <libpq-fe.h>

#define PG_LINK_PLACE 200 /* "host:port/database", for people */

struct pg_link {
	struct db db;
	struct secret url;
	PGconn *conn;		       /* NULL: none */
	unsigned connections;	       /* made so far */
	unsigned leads_in, claimed_in; /* which of them has the lock; 0: none */
	unsigned names;		       /* of prepared statements, given so far */
	unsigned transactions;	       /* begun so far */
	bool under_way;		       /* one of them is */
	uint64_t again_ms;	       /* not to be made again before */
	uint64_t pause_ms;	       /* after the next failure */
	uint64_t patience_ms;
	uint64_t asked_ms; /* when others' changes were asked for */
	int64_t counted;   /* of them, then */
	struct note why;   /* of the last failure */
};

/* False for what is no URL of PostgreSQL, with a note that does not have it. */
bool pg_link_place(struct slice url, char to[PG_LINK_PLACE], struct note *note);

/* Before the first connection. */
void pg_link_init(struct pg_link *l);

/* Is there a connection? Makes one if it is time. ERR_IO with a note. */
enum err pg_link_reach(struct pg_link *l, struct note *note) MUST_CHECK;

/* Closes it. */
void pg_link_drop(struct pg_link *l);

/* Keeps in mind why the last call of libpq failed, and drops what is no connection any
 * more. */
void pg_link_failed(struct pg_link *l);

/* The same of a result's error; takes it. */
void pg_link_refused(struct pg_link *l, PGresult *result);

/* Sends all that is queued. */
bool pg_link_flush(struct pg_link *l);

/*
 * The next result of what was sent: false for a failure, which is kept in mind. NULL is
 * the end.
 */
bool pg_link_next(struct pg_link *l, PGresult **ret_result);

/* All results of what was sent (`sent`: what libpq's call said): false if one is a
 * failure. The last one that has rows is given where it is wanted. */
bool pg_link_all(struct pg_link *l, int sent, PGresult **ret_rows);

/* Runs statements. ERR_IO with a note. */
enum err pg_link_run(struct pg_link *l, const char *sql, struct note *note) MUST_CHECK;

/* The number that a statement gives. ERR_IO with a note. */
enum err pg_link_number(
    struct pg_link *l, const char *sql, int64_t *ret, struct note *note) MUST_CHECK;

/* ERR_IO, and what was kept in mind as the note. */
enum err pg_link_err(const struct pg_link *l, struct note *note) MUST_CHECK;

#endif
