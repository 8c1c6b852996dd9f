#include "store/spent.h"

#include "core/wide.h"
#include "quota/rule.h"

#include <stdio.h>
#include <stdlib.h>

/* Two parts, as in the statement: SQLite gives up a sum that passes 64 bits. */
static int64_t
add_up(int64_t millions, int64_t rest)
{
	wide sum = (wide)millions * 1000000 + rest;

	return sum > INT64_MAX ? INT64_MAX : (int64_t)sum;
}

static enum err
prepare(struct db *db, const struct spent_scope *scope, bool by_model,
    struct db_stmt **ret, struct note *note)
{
	static const char *const columns[LEVELS] = {[LEVEL_KEY] = "key",
	    [LEVEL_USER] = "\"user\"",
	    [LEVEL_TEAM] = "team",
	    [LEVEL_ORG] = "organisation"};
	const char *sum = scope->corrected ? "add_pusd" : "due_pusd";
	const char *by = by_model ? ", model, asked" : "";
	uint64_t from = scope->from_ms;
	char sql[600];
	enum err e;

	(void)snprintf(sql, sizeof(sql),
	    "SELECT instance, sum(%s / 1000000), sum(%s %% 1000000)%s FROM %s AND %s = ?2"
	    " AND start_ms >= ?3 AND (?4 = 0 OR instance = ?4) GROUP BY instance%s",
	    sum, sum, by,
	    scope->corrected ? "correction AS c JOIN ledger ON ledger.id = c.ledger_id"
			       " WHERE c.id > ?1"
			     : "bill WHERE ?1 = 0",
	    columns[scope->level], by);
	e = db_prepare(db, sql, ret, note);
	if (e != ERR_OK)
		return e;
	db_bind_i64(*ret, 1, scope->corrected ? scope->after : 0);
	db_bind_text(*ret, 2, scope->name);
	db_bind_i64(*ret, 3, (int64_t)(from > INT64_MAX ? INT64_MAX : from));
	db_bind_i64(*ret, 4, scope->instance);
	return ERR_OK;
}

/* What the catalog does not know goes by the name that was asked for. */
static bool
is_of(const char *models, struct db_stmt *s)
{
	struct slice name;

	if (models == NULL)
		return true;
	name = db_text(s, 3);
	return rule_allows(models, name.len > 0 ? name : db_text(s, 4));
}

enum err
spent_each(struct db *db, const struct spent_scope *scope, spent_fn *fn, void *arg,
    struct note *note)
{
	bool some = scope->models.len > 0 && !slice_eq(scope->models, S(ACCOUNT_CREDIT));
	char *models = some ? slice_dup(scope->models) : NULL;
	struct db_stmt *s;
	enum db_step step;
	enum err e;

	if (some && models == NULL)
		return ERR_NOMEM;
	e = prepare(db, scope, some, &s, note);
	if (e == ERR_OK) {
		while ((step = db_step(s)) == DB_ROW)
			if (is_of(models, s))
				fn(arg, db_i64(s, 0), add_up(db_i64(s, 1), db_i64(s, 2)));
		e = db_done(db, step, note);
	}
	db_finish(s);
	free(models);
	return e;
}

static void
add(void *arg, int64_t instance, int64_t pusd)
{
	int64_t *sum = arg;
	wide both = (wide)*sum + pusd;

	(void)instance;
	*sum = both > INT64_MAX ? INT64_MAX : (int64_t)both;
}

enum err
spent_sum(
    struct db *db, const struct spent_scope *scope, int64_t *ret_pusd, struct note *note)
{
	int64_t sum = 0;
	enum err e = spent_each(db, scope, add, &sum, note);

	if (e == ERR_OK)
		*ret_pusd = sum;
	return e;
}

enum err
spent_last_correction(struct db *db, int64_t *ret_id, struct note *note)
{
	struct db_stmt *s;
	enum db_step step;
	enum err e = db_prepare(db, "SELECT max(id) FROM correction", &s, note);

	if (e != ERR_OK)
		return e;
	step = db_step(s);
	if (step == DB_ROW)
		*ret_id = db_i64(s, 0);
	else
		e = db_done(db, step, note);
	db_finish(s);
	return e;
}
