#include "store/accountdb.h"

#include "store/credits.h"
#include "store/ownkeys.h"

#include <stdlib.h>

#define COLUMNS                                                                          \
	"level, name, above_level, above, budget_pusd, period, offset_min, "             \
	"requests_min, tokens_min, pusd_min, concurrent, dry, models, providers, "       \
	"networks, expires_ms, blocked, created_ms, markup_bp, input_min, output_min, "  \
	"model_budgets"
/* clang-format off */
#define REPLACED \
	"above_level = excluded.above_level, " \
	"above = excluded.above, " \
	"budget_pusd = excluded.budget_pusd, " \
	"period = excluded.period, " \
	"offset_min = excluded.offset_min, " \
	"requests_min = excluded.requests_min, " \
	"tokens_min = excluded.tokens_min, " \
	"pusd_min = excluded.pusd_min, " \
	"concurrent = excluded.concurrent, " \
	"dry = excluded.dry, " \
	"models = excluded.models, " \
	"providers = excluded.providers, " \
	"networks = excluded.networks, " \
	"expires_ms = excluded.expires_ms, " \
	"blocked = excluded.blocked, " \
	"created_ms = excluded.created_ms, " \
	"markup_bp = excluded.markup_bp, " \
	"input_min = excluded.input_min, " \
	"output_min = excluded.output_min, " \
	"model_budgets = excluded.model_budgets"
/* clang-format on */

void
accountdb_row_done(struct accountdb_row *row)
{
	free(row->name);
	free(row->above);
	free(row->model_budgets);
	key_rules_done(&row->rules);
	row->name = row->above = row->model_budgets = NULL;
}

bool
accountdb_row_init(struct accountdb_row *row, enum account_level level, struct slice name)
{
	*row = (struct accountdb_row){.level = level,
	    .limits = account_unlimited,
	    .markup_bp = ACCOUNTDB_MARKUP_NONE,
	    .name = slice_dup(name),
	    .above = slice_dup(S(""))};
	if (row->name != NULL && row->above != NULL)
		return true;
	accountdb_row_done(row);
	return false;
}

/* --- reading --- */

static int64_t
limit_at(struct db_stmt *s, int column)
{
	return db_is_null(s, column) ? QUOTA_NONE : db_i64(s, column);
}

/* NULL for no text; *ok is false when out of memory. */
static char *
list_at(struct db_stmt *s, int column, bool *ok)
{
	char *copy;

	if (db_is_null(s, column))
		return NULL;
	copy = slice_dup(db_text(s, column));
	*ok = *ok && copy != NULL;
	return copy;
}

static enum err
read_row(struct db_stmt *s, struct accountdb_row *ret)
{
	struct accountdb_row r = {.level = (enum account_level)db_i64(s, 0),
	    .above_level = (enum account_level)db_i64(s, 2),
	    .limits = {.budget_pusd = limit_at(s, 4),
		.offset_min = (int)db_i64(s, 6),
		.requests_min = limit_at(s, 7),
		.tokens_min = limit_at(s, 8),
		.input_min = limit_at(s, 19),
		.output_min = limit_at(s, 20),
		.pusd_min = limit_at(s, 9),
		.concurrent = limit_at(s, 10),
		.dry = db_i64(s, 11) != 0},
	    .rules = {.expires_ms = (uint64_t)db_i64(s, 15),
		.blocked = db_i64(s, 16) != 0},
	    .created_ms = (uint64_t)db_i64(s, 17),
	    .markup_bp = db_is_null(s, 18) ? ACCOUNTDB_MARKUP_NONE : db_i64(s, 18)};
	bool ok = true;

	(void)period_read(db_text(s, 5), &r.limits.period);
	r.name = list_at(s, 1, &ok);
	r.above = list_at(s, 3, &ok);
	r.model_budgets = list_at(s, 21, &ok);
	r.rules.models = list_at(s, 12, &ok);
	r.rules.providers = list_at(s, 13, &ok);
	r.rules.networks = list_at(s, 14, &ok);
	if (!ok || (unsigned)r.level >= LEVELS || (unsigned)r.above_level >= LEVELS) {
		accountdb_row_done(&r);
		return ok ? ERR_IO : ERR_NOMEM;
	}
	*ret = r;
	return ERR_OK;
}

enum err
accountdb_get(struct db *db, enum account_level level, struct slice name,
    struct accountdb_row *ret_row, struct note *note)
{
	struct db_stmt *s;
	enum db_step step;
	enum err e = db_prepare(
	    db, "SELECT " COLUMNS " FROM account WHERE level = ? AND name = ?", &s, note);

	if (e != ERR_OK)
		return e;
	db_bind_i64(s, 1, (int)level);
	db_bind_text(s, 2, name);
	step = db_step(s);
	if (step == DB_ROW) {
		e = read_row(s, ret_row);
		if (e != ERR_OK)
			note_set(note, "%s", err_code(e));
	} else if ((e = db_done(db, step, note)) == ERR_OK) {
		note_set(note, "there is no %s \"%.*s\"", account_level_name(level),
		    SLICE_ARGS(name));
		e = ERR_NOT_FOUND;
	}
	db_finish(s);
	return e;
}

enum err
accountdb_each(struct db *db, void (*fn)(void *arg, const struct accountdb_row *row),
    void *arg, struct note *note)
{
	struct db_stmt *s;
	enum db_step step = DB_DONE;
	enum err e = db_prepare(
	    db, "SELECT " COLUMNS " FROM account ORDER BY level DESC, name", &s, note);

	if (e != ERR_OK)
		return e;
	while (e == ERR_OK && (step = db_step(s)) == DB_ROW) {
		struct accountdb_row row;

		e = read_row(s, &row);
		if (e != ERR_OK)
			break;
		fn(arg, &row);
		accountdb_row_done(&row);
	}
	if (e == ERR_OK)
		e = db_done(db, step, note);
	else
		note_set(note, "%s", err_code(e));
	db_finish(s);
	return e;
}

enum err
accountdb_markup(struct db *db, enum account_level level, struct slice name,
    int64_t *ret_bp, bool *ret_exists, struct note *note)
{
	char *above = NULL;
	int64_t bp = 0;
	bool exists = false, done = false;
	enum err e = ERR_OK;

	for (unsigned i = 0; i < LEVELS && !done && e == ERR_OK; i++) {
		struct accountdb_row row;

		e = accountdb_get(db, level, name, &row, note);
		if (e != ERR_OK)
			break;
		exists = true;
		done = row.markup_bp != ACCOUNTDB_MARKUP_NONE ||
		       row.above_level == LEVEL_KEY;
		bp = row.markup_bp != ACCOUNTDB_MARKUP_NONE ? row.markup_bp : 0;
		level = row.above_level;
		free(above);
		above = row.above;
		row.above = NULL;
		name = slice_str(above);
		accountdb_row_done(&row);
	}
	free(above);
	if (e != ERR_OK && e != ERR_NOT_FOUND)
		return e;
	*ret_bp = bp;
	*ret_exists = exists;
	return ERR_OK;
}

/* --- writing --- */

static void
bind_limit(struct db_stmt *s, int at, int64_t limit)
{
	if (limit != QUOTA_NONE)
		db_bind_i64(s, at, limit);
}

static void
bind_list(struct db_stmt *s, int at, const char *list)
{
	if (list != NULL)
		db_bind_text(s, at, slice_str(list));
}

static enum err
check_above(struct db *db, const struct accountdb_row *row, struct note *note)
{
	struct accountdb_row above;
	enum err e;

	if (row->above_level == LEVEL_KEY)
		return ERR_OK;
	e = accountdb_get(db, row->above_level, slice_str(row->above), &above, note);
	if (e == ERR_OK)
		accountdb_row_done(&above);
	return e;
}

enum err
accountdb_put(struct db *db, const struct accountdb_row *row, struct note *note)
{
	const struct account_limits *l = &row->limits;
	struct db_stmt *s;
	enum err e = check_above(db, row, note);

	if (e == ERR_OK)
		e = db_prepare(db,
		    "INSERT INTO account (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, "
		    "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (level, name) "
		    "DO "
		    "UPDATE SET " REPLACED,
		    &s, note);
	if (e != ERR_OK)
		return e;
	db_bind_i64(s, 1, (int)row->level);
	db_bind_text(s, 2, slice_str(row->name));
	db_bind_i64(s, 3, (int)row->above_level);
	db_bind_text(s, 4, slice_str(row->above));
	bind_limit(s, 5, l->budget_pusd);
	db_bind_text(s, 6, slice_str(period_name(l->period)));
	db_bind_i64(s, 7, l->offset_min);
	bind_limit(s, 8, l->requests_min);
	bind_limit(s, 9, l->tokens_min);
	bind_limit(s, 10, l->pusd_min);
	bind_limit(s, 11, l->concurrent);
	db_bind_i64(s, 12, l->dry);
	bind_list(s, 13, row->rules.models);
	bind_list(s, 14, row->rules.providers);
	bind_list(s, 15, row->rules.networks);
	db_bind_i64(s, 16, (int64_t)row->rules.expires_ms);
	db_bind_i64(s, 17, row->rules.blocked);
	db_bind_i64(s, 18, (int64_t)row->created_ms);
	if (row->markup_bp != ACCOUNTDB_MARKUP_NONE)
		db_bind_i64(s, 19, row->markup_bp);
	bind_limit(s, 20, l->input_min);
	bind_limit(s, 21, l->output_min);
	bind_list(s, 22, row->model_budgets);
	e = db_once(s, note);
	db_finish(s);
	return e;
}

enum err
accountdb_remove(
    struct db *db, enum account_level level, struct slice name, struct note *note)
{
	struct db_stmt *s;
	enum err e =
	    db_prepare(db, "DELETE FROM account WHERE level = ? AND name = ?", &s, note);

	if (e != ERR_OK)
		return e;
	db_bind_i64(s, 1, (int)level);
	db_bind_text(s, 2, name);
	e = db_once(s, note);
	db_finish(s);
	if (e == ERR_OK && db_changes(db) == 0) {
		note_set(note, "there is no %s \"%.*s\"", account_level_name(level),
		    SLICE_ARGS(name));
		e = ERR_NOT_FOUND;
	}
	if (e == ERR_OK && level == LEVEL_TEAM)
		e = ownkeys_forget(db, name, note);
	return e != ERR_OK ? e : credits_forget(db, level, name, note);
}
