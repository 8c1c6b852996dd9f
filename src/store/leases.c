#include "store/leases.h"

#include "core/clock.h"
#include "core/wide.h"
#include "store/spent.h"

#define AHEAD_PARTS 16	 /* of what is left one part is leased ahead of need */
#define IDLE_MS	    2000 /* an account that spends nothing gives its lease back */
#define RACES	    8	 /* others may take what was left meanwhile */

struct leasing {
	struct db *db;
	int64_t instance;
	struct account *account;
	struct account_lease lease;
	int64_t need, least; /* of the request that asks */
	struct note *note;
	char name[ACCOUNT_ROW_NAME_MAX];
	enum err err;
};

/* Prepares a statement and binds what all of them begin with: level, name, period. */
static enum err
prepare(struct leasing *l, const char *sql, struct db_stmt **ret)
{
	enum err e = db_prepare(l->db, sql, ret, l->note);

	if (e != ERR_OK)
		return e;
	db_bind_i64(*ret, 1, (int64_t)account_level(l->account));
	db_bind_text(*ret, 2, account_row_name(l->account, l->name));
	db_bind_i64(*ret, 3, (int64_t)l->lease.from_ms);
	return ERR_OK;
}

/* Runs a statement whose fourth place is a number; *ret_changes: rows. */
static enum err
change(struct leasing *l, const char *sql, int64_t fourth, int64_t fifth,
    int64_t *ret_changes)
{
	struct db_stmt *s;
	enum err e = prepare(l, sql, &s);

	if (e == ERR_OK) {
		db_bind_i64(s, 4, fourth);
		db_bind_i64(s, 5, fifth);
		e = db_once(s, l->note);
		*ret_changes = db_changes(l->db);
	}
	db_finish(s);
	return e;
}

/* The one number that it selects; 0 without a row, and *ret_there is false. */
static enum err
number(struct leasing *l, const char *sql, int64_t fourth, int64_t *ret, bool *ret_there)
{
	struct db_stmt *s;
	enum err e = prepare(l, sql, &s);

	*ret = 0;
	*ret_there = false;
	if (e == ERR_OK) {
		enum db_step step;

		db_bind_i64(s, 4, fourth);
		step = db_step(s);
		*ret_there = step == DB_ROW;
		if (step == DB_ROW)
			*ret = db_i64(s, 0);
		else
			e = db_done(l->db, step, l->note);
	}
	db_finish(s);
	return e;
}

/* --- the sums --- */

/* Adds to what a server has been granted. */
static enum err
add_to(struct leasing *l, int64_t instance, int64_t pusd)
{
	int64_t rows;

	return change(l,
	    "INSERT INTO lease (level, name, from_ms, instance, granted_pusd)"
	    " VALUES (?1, ?2, ?3, ?5, ?4)"
	    " ON CONFLICT (level, name, from_ms, instance)"
	    " DO UPDATE SET granted_pusd = lease.granted_pusd + excluded.granted_pusd",
	    pusd, instance, &rows);
}

/* What it spent it has at least been granted. */
static void
grant_spent(void *arg, int64_t instance, int64_t pusd)
{
	struct leasing *l = arg;
	int64_t rows;

	if (l->err == ERR_OK)
		l->err = change(l,
		    "INSERT INTO lease (level, name, from_ms, instance, granted_pusd)"
		    " VALUES (?1, ?2, ?3, ?5, ?4)"
		    " ON CONFLICT (level, name, from_ms, instance)"
		    " DO UPDATE SET granted_pusd = excluded.granted_pusd"
		    " WHERE lease.granted_pusd < excluded.granted_pusd",
		    pusd, instance, &rows);
}

/* What the ledger has of the period so far is granted to those who spent it: when the
 * first one asks, and when a budget was set, as there may have been none for a while. */
static enum err
begin_period(struct leasing *l, bool anew)
{
	struct spent_scope scope = {.level = account_level(l->account),
	    .name = account_name(l->account),
	    .models = account_models(l->account),
	    .from_ms = l->lease.from_ms};
	int64_t rows = 0;
	enum err e;

	e = change(l,
	    "INSERT INTO lease_total (level, name, from_ms, granted_pusd)"
	    " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (level, name, from_ms) DO NOTHING",
	    0, 0, &rows);
	if (e != ERR_OK || (rows == 0 && !anew))
		return e;
	/* Nobody else draws meanwhile: the total is what is changed first. */
	if (rows == 0)
		e = change(l,
		    "UPDATE lease_total SET granted_pusd = granted_pusd + ?4"
		    " WHERE level = ?1 AND name = ?2 AND from_ms = ?3",
		    0, 0, &rows);
	if (e != ERR_OK)
		return e;
	l->err = ERR_OK;
	e = spent_each(l->db, &scope, grant_spent, l, l->note);
	if (e == ERR_OK)
		e = l->err;
	if (e == ERR_OK)
		e = change(l,
		    "UPDATE lease_total SET granted_pusd ="
		    " (SELECT coalesce(CAST(sum(granted_pusd) AS BIGINT), 0) FROM lease"
		    " WHERE level = ?1 AND name = ?2 AND from_ms = ?3)"
		    " WHERE level = ?1 AND name = ?2 AND from_ms = ?3",
		    0, 0, &rows);
	return e;
}

/* Adds to the sum of all, which must not pass `most` then; *ret_done: it did not. */
static enum err
add_to_total(struct leasing *l, int64_t pusd, int64_t most, bool *ret_done)
{
	int64_t rows = 0;
	enum err e = change(l,
	    "UPDATE lease_total SET granted_pusd = granted_pusd + ?4"
	    " WHERE level = ?1 AND name = ?2 AND from_ms = ?3"
	    " AND granted_pusd + ?4 <= ?5",
	    pusd, most, &rows);

	*ret_done = rows == 1;
	return e;
}

/* --- a draw --- */

/* How much more is to be had: so that there is what is needed and something ahead, of
 * what is left. Nothing for a request that does not fit: others need it. */
static int64_t
wanted(const struct leasing *l, int64_t own, int64_t total)
{
	wide left = (wide)l->lease.budget_pusd - total;
	wide more = (wide)l->lease.used_pusd + l->need - own;

	/* What is used beyond the lease, by a correction, is spent already. */
	if (l->lease.used_pusd > own && left < l->lease.used_pusd - own)
		return l->lease.used_pusd - own;
	if (left <= 0 || left < (wide)l->lease.used_pusd + l->least - own)
		return 0;
	more += left / AHEAD_PARTS;
	return (int64_t)(more < 0 ? 0 : more < left ? more : left);
}

/* Does the request fit neither into what is at hand nor into that and what is left, at
 * the end of a budget? Then what is at hand may be what another one lacks: of rests that
 * each are too small for a request somebody has to let go. A large request does not take
 * from the small ones what they have ahead, while there is a lot. */
static bool
is_rest(const struct leasing *l, int64_t own, int64_t total)
{
	wide left = (wide)l->lease.budget_pusd - total;
	wide unused = (wide)own - l->lease.used_pusd;

	return l->least > 0 && left + unused < l->least &&
	       (left <= unused || l->least <= l->lease.budget_pusd / AHEAD_PARTS);
}

/* How much of its own a process keeps. It gives back what it does not use when more is
 * granted than there is, as the budget was lowered, and a rest that is of no use to it.
 */
static int64_t
kept(struct leasing *l, int64_t own, int64_t total)
{
	int64_t used = l->lease.used_pusd, now;

	if (own <= used || (total <= l->lease.budget_pusd && !is_rest(l, own, total)))
		return own;
	now = account_give_back(l->account, l->lease.from_ms, used);
	now = now > used ? now : used;
	return now < own ? now : own;
}

static enum err
draw_once(struct leasing *l, struct lease_state *state, bool *ret_done, int64_t *ret_own)
{
	int64_t own, total, back, more, most = l->lease.budget_pusd;
	bool there;
	enum err e = begin_period(l, state->anew);

	if (e == ERR_OK)
		e = number(l,
		    "SELECT granted_pusd FROM lease_total"
		    " WHERE level = ?1 AND name = ?2 AND from_ms = ?3",
		    0, &total, &there);
	if (e == ERR_OK)
		e = number(l,
		    "SELECT granted_pusd FROM lease"
		    " WHERE level = ?1 AND name = ?2 AND from_ms = ?3 AND instance = ?4",
		    l->instance, &own, &there);
	if (e != ERR_OK)
		return e;
	back = own - kept(l, own, total);
	own -= back;
	total -= back;
	more = wanted(l, own, total);
	if (l->lease.used_pusd > own || more == 0)
		most = INT64_MAX;
	*ret_done = true;
	if (more != back)
		e = add_to_total(l, more - back, most, ret_done);
	if (e == ERR_OK && more != back && *ret_done)
		e = add_to(l, l->instance, more - back);
	*ret_own = own + (*ret_done ? more : 0);
	state->left = l->lease.budget_pusd - total - (*ret_done ? more : 0);
	return e;
}

enum err
leases_draw(struct db *db, int64_t instance, struct account *a,
    const struct account_ask *need, struct note *note)
{
	struct leasing l = {.db = db, .instance = instance, .account = a, .note = note};
	struct lease_state *state = account_lease_state(a);
	bool done = false;
	int64_t own = 0;
	enum err e = ERR_OK;

	if (!account_lease(a, clock_unix_ms(), &l.lease))
		return ERR_OK;
	if (need != NULL) {
		l.need = need->pusd;
		l.least = need->least_pusd;
	}
	for (unsigned i = 0; e == ERR_OK && !done && i < RACES; i++) {
		e = db_begin(db, DB_ROWS, note);
		if (e == ERR_OK)
			e = draw_once(&l, state, &done, &own);
		e = db_end(db, e, note);
	}
	if (e != ERR_OK || !done)
		return e;
	account_lend(a, l.lease.from_ms, own, state->left);
	state->from_ms = l.lease.from_ms;
	state->known = true;
	state->anew = false;
	state->budget = l.lease.budget_pusd;
	state->used = l.lease.used_pusd;
	state->moved_ms = clock_mono_ms();
	return ERR_OK;
}

/* --- a look --- */

/* First this process lets go of it, then it is somebody else's. */
static enum err
give_back(struct leasing *l, struct lease_state *state)
{
	int64_t before = l->lease.granted_pusd;
	int64_t after =
	    account_give_back(l->account, l->lease.from_ms, l->lease.used_pusd);
	bool done;
	enum err e = ERR_OK;

	if (after >= before)
		return ERR_OK;
	e = db_begin(l->db, DB_ROWS, l->note);
	if (e == ERR_OK)
		e = add_to_total(l, after - before, INT64_MAX, &done);
	if (e == ERR_OK)
		e = add_to(l, l->instance, after - before);
	e = db_end(l->db, e, l->note);
	/* Else the next draw reads what it has there. */
	if (e == ERR_OK)
		state->left += before - after;
	return e;
}

enum err
leases_look(struct db *db, int64_t instance, struct account *a, struct note *note)
{
	struct leasing l = {.db = db, .instance = instance, .account = a, .note = note};
	struct lease_state *state = account_lease_state(a);
	uint64_t now = clock_mono_ms();
	int64_t left;

	if (!account_lease(a, clock_unix_ms(), &l.lease))
		return ERR_OK;
	if (l.lease.from_ms != state->from_ms)
		*state = (struct lease_state){.from_ms = l.lease.from_ms};
	if (!state->known)
		return ERR_OK; /* nothing was spent in this period yet */
	if (l.lease.used_pusd != state->used) {
		state->used = l.lease.used_pusd;
		state->moved_ms = now;
	}
	left = l.lease.granted_pusd - l.lease.used_pusd;
	if (left > 0 && l.lease.budget_pusd < state->budget)
		return leases_draw(db, instance, a, NULL, note);
	if (now >= state->moved_ms + IDLE_MS)
		return left > 0 ? give_back(&l, state) : ERR_OK;
	if (left < 0 || (state->left > 0 && left < state->left / AHEAD_PARTS / 2))
		return leases_draw(db, instance, a, NULL, note);
	return ERR_OK;
}
