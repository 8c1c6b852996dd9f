#include "store/pg_link.h"

#include "core/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define PAUSE_MS   250 /* before a lost connection is made again; doubles each time */
#define LONGEST_MS 5000
#define SPARE_MS   2000 /* a statement is given up by the server so long before us */

/* --- failures --- */

/* Of the classes of SQLSTATE: is it what was written that is wrong? */
static enum db_fault
fault_of(const char *state)
{
	if (state == NULL)
		return DB_FAULT_AWAY;
	if (memcmp(state, "22", 2) == 0 || memcmp(state, "23", 2) == 0)
		return DB_FAULT_REFUSED;
	if (memcmp(state, "42", 2) == 0)
		return DB_FAULT_OTHER;
	return DB_FAULT_AWAY;
}

/* A message of libpq may have several lines. */
static void
keep(struct pg_link *l, const char *text)
{
	note_set(&l->why, "%s", text == NULL || *text == '\0' ? "no answer" : text);
	for (char *p = l->why.text; *p != '\0'; p++)
		if (*p == '\n' || *p == '\t')
			*p = p[1] == '\0' ? '\0' : ' ';
}

static void
pause_after(struct pg_link *l)
{
	l->again_ms = clock_mono_ms() + l->pause_ms;
	l->pause_ms = l->pause_ms * 2 < LONGEST_MS ? l->pause_ms * 2 : LONGEST_MS;
}

void
pg_link_init(struct pg_link *l)
{
	l->pause_ms = PAUSE_MS;
}

void
pg_link_drop(struct pg_link *l)
{
	PQfinish(l->conn);
	l->conn = NULL; /* what is under way stays so until it is ended, and fails */
}

void
pg_link_failed(struct pg_link *l)
{
	l->db.fault = DB_FAULT_AWAY;
	if (l->conn == NULL)
		return;
	keep(l, PQerrorMessage(l->conn));
	if (PQstatus(l->conn) == CONNECTION_OK)
		return;
	pg_link_drop(l);
	pause_after(l);
}

void
pg_link_refused(struct pg_link *l, PGresult *result)
{
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	l->db.fault = fault_of(PQresultErrorField(result, PG_DIAG_SQLSTATE));
	keep(l, text == NULL ? PQresultErrorMessage(result) : text);
	PQclear(result);
	if (l->conn != NULL && PQstatus(l->conn) != CONNECTION_OK) {
		pg_link_drop(l);
		pause_after(l);
	}
}

enum err
pg_link_err(const struct pg_link *l, struct note *note)
{
	*note = l->why;
	return ERR_IO;
}

/* --- waiting --- */

static void
too_late(struct pg_link *l)
{
	char text[80];

	(void)snprintf(text, sizeof(text), "no answer within %llu ms (store.timeout)",
	    (unsigned long long)l->patience_ms);
	pg_link_drop(l);
	pause_after(l);
	l->db.fault = DB_FAULT_AWAY;
	keep(l, text);
}

/* Until the socket is as wanted. False when it is not in time. */
static bool
wait_for(struct pg_link *l, short events, uint64_t until_ms)
{
	for (;;) {
		struct pollfd p = {.fd = PQsocket(l->conn), .events = events};
		uint64_t now = clock_mono_ms();
		int n = now >= until_ms ? 0 : poll(&p, 1, (int)(until_ms - now));

		if (n > 0)
			return true;
		if (n == 0 || errno != EINTR) {
			too_late(l);
			return false;
		}
	}
}

bool
pg_link_flush(struct pg_link *l)
{
	uint64_t until = clock_mono_ms() + l->patience_ms;
	int left;

	while ((left = PQflush(l->conn)) > 0) {
		/* It may not read before we have read what it says. */
		if (!wait_for(l, POLLIN | POLLOUT, until))
			return false;
		if (PQconsumeInput(l->conn) == 0)
			left = -1;
		if (left < 0)
			break;
	}
	if (left < 0)
		pg_link_failed(l);
	return left == 0;
}

bool
pg_link_next(struct pg_link *l, PGresult **ret_result)
{
	uint64_t until = clock_mono_ms() + l->patience_ms;

	if (l->conn == NULL)
		return false;
	while (PQisBusy(l->conn) != 0) {
		if (!wait_for(l, POLLIN, until))
			return false;
		if (PQconsumeInput(l->conn) == 0) {
			pg_link_failed(l);
			return false;
		}
	}
	*ret_result = PQgetResult(l->conn);
	return true;
}

static bool
is_bad(const PGresult *r)
{
	switch (PQresultStatus(r)) {
	case PGRES_BAD_RESPONSE:
	case PGRES_FATAL_ERROR:
	case PGRES_PIPELINE_ABORTED: return true;
	default: return false;
	}
}

bool
pg_link_all(struct pg_link *l, int sent, PGresult **ret_rows)
{
	PGresult *r, *rows = NULL;
	bool good = true;

	if (sent == 0) {
		pg_link_failed(l);
		return false;
	}
	if (!pg_link_flush(l))
		return false;
	while (pg_link_next(l, &r)) {
		if (r == NULL) {
			if (good && ret_rows != NULL)
				*ret_rows = rows;
			else
				PQclear(rows);
			return good;
		}
		if (is_bad(r)) {
			pg_link_refused(l, r);
			good = false;
			if (l->conn == NULL)
				break;
		} else if (PQresultStatus(r) == PGRES_COPY_IN) {
			PQclear(r); /* what follows is the caller's */
			PQclear(rows);
			return good;
		} else {
			PQclear(rows);
			rows = r;
		}
	}
	PQclear(rows);
	return false;
}

/* --- the connection --- */

/* A password with a '/' or an '@' in it would be read, and told, as a host or a port. */
static bool
is_clear(struct slice url, const char *port)
{
	struct slice rest = slice_from(url, slice_find(url, '/') + 2);
	size_t at;

	rest = slice_head(rest, slice_find(rest, '?'));
	at = slice_find(rest, '@');
	if (at < slice_find(rest, '/'))
		rest = slice_from(rest, at + 1);
	return slice_find(rest, '@') == rest.len &&
	       strspn(port, "0123456789,") == strlen(port);
}

bool
pg_link_place(struct slice url, char to[PG_LINK_PLACE], struct note *note)
{
	char *text = slice_dup(url), *why = NULL;
	const char *host = "", *port = "5432", *name = "";
	PQconninfoOption *all;
	bool good;

	if (!slice_starts(url, S("postgresql://")) &&
	    !slice_starts(url, S("postgres://"))) {
		free(text);
		note_set(note, "it must begin with postgresql://");
		return false;
	}
	all = text == NULL ? NULL : PQconninfoParse(text, &why);
	if (text != NULL)
		secret_wipe(text, url.len);
	free(text);
	if (why != NULL) /* it has the URL in it, perhaps */
		secret_wipe(why, strlen(why));
	PQfreemem(why);
	for (PQconninfoOption *o = all; o != NULL && o->keyword != NULL; o++) {
		if (o->val == NULL)
			continue;
		if (strcmp(o->keyword, "host") == 0)
			host = o->val;
		else if (strcmp(o->keyword, "port") == 0)
			port = o->val;
		else if (strcmp(o->keyword, "dbname") == 0)
			name = o->val;
	}
	good = all != NULL && is_clear(url, port);
	if (good)
		(void)snprintf(to, PG_LINK_PLACE, "%s:%s/%s", host, port, name);
	else
		note_set(note,
		    "it is no URL like postgresql://user:password@host:5432/database, "
		    "with %%XX for what is special in a password");
	PQconninfoFree(all);
	return good;
}

static enum err
connect_now(struct pg_link *l)
{
	/* What the URL says goes before what stands before it. */
	const char *const keys[] = {"connect_timeout", "application_name",
	    "keepalives_idle", "keepalives_interval", "keepalives_count",
	    "tcp_user_timeout", "dbname", "client_encoding", NULL};
	const char *const values[] = {"5", "weir", "10", "5", "3", "15000",
	    secret_reveal(&l->url).ptr, "UTF8", NULL};

	l->conn = PQconnectdbParams(keys, values, 1);
	if (l->conn == NULL) {
		l->db.fault = DB_FAULT_AWAY;
		keep(l, "out of memory");
		pause_after(l);
		return ERR_NOMEM;
	}
	if (PQstatus(l->conn) != CONNECTION_OK || PQsetnonblocking(l->conn, 1) != 0) {
		pg_link_failed(l);
		if (l->conn != NULL)
			pg_link_drop(l);
		return ERR_IO;
	}
	l->connections++;
	return ERR_OK;
}

static void
no_notices(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

enum err
pg_link_reach(struct pg_link *l, struct note *note)
{
	char sql[300];
	enum err e;

	if (l->conn != NULL)
		return ERR_OK;
	if (clock_mono_ms() < l->again_ms)
		return pg_link_err(l, note);
	e = connect_now(l);
	if (e != ERR_OK) {
		*note = l->why;
		return e;
	}
	(void)PQsetNoticeReceiver(l->conn, no_notices, NULL);
	(void)snprintf(sql, sizeof(sql),
	    "SET statement_timeout = %u; SET bytea_output = 'hex'; "
	    /* Of a machine that is gone the server forgets the locks soon, too. */
	    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; "
	    "SET tcp_keepalives_count = 3",
	    (unsigned)(l->patience_ms > 2 * SPARE_MS ? l->patience_ms - SPARE_MS
						     : l->patience_ms));
	e = pg_link_run(l, sql, note);
	if (e == ERR_OK)
		l->pause_ms = PAUSE_MS;
	else
		pg_link_drop(l);
	return e;
}

enum err
pg_link_run(struct pg_link *l, const char *sql, struct note *note)
{
	if (!l->under_way) {
		enum err e = pg_link_reach(l, note);

		if (e != ERR_OK)
			return e;
	}
	if (l->conn == NULL || !pg_link_all(l, PQsendQuery(l->conn, sql), NULL))
		return pg_link_err(l, note);
	return ERR_OK;
}

enum err
pg_link_number(struct pg_link *l, const char *sql, int64_t *ret, struct note *note)
{
	PGresult *r = NULL;
	enum err e = l->under_way ? ERR_OK : pg_link_reach(l, note);

	if (e != ERR_OK)
		return e;
	if (l->conn == NULL || !pg_link_all(l, PQsendQuery(l->conn, sql), &r))
		return pg_link_err(l, note);
	if (PQntuples(r) > 0 && PQgetisnull(r, 0, 0) == 0)
		*ret = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
	PQclear(r);
	return ERR_OK;
}
