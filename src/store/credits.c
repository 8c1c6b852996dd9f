#include "store/credits.h"

#include "core/clock.h"
#include "store/accountdb_json.h"
#include "json/write.h"

#include <stdlib.h>

void
credits_done(struct credits *c)
{
	free(c->rows);
	*c = (struct credits){NULL, 0, 0};
}

static enum err
nomem(struct note *note)
{
	note_set(note, "out of memory");
	return ERR_NOMEM;
}

static enum err
take_row(sqlite3_stmt *s, struct credits *c, struct note *note)
{
	struct credits_row *more = realloc(c->rows, (c->count + 1) * sizeof(*more));

	if (more == NULL)
		return nomem(note);
	c->rows = more;
	more[c->count++] = (struct credits_row){
	    .lot = {.id = (uint64_t)sqlite3_column_int64(s, 0),
		.left_pusd = sqlite3_column_int64(s, 1),
		.from_ms = (uint64_t)sqlite3_column_int64(s, 2),
		.until_ms = sqlite3_column_type(s, 3) == SQLITE_NULL
				? UINT64_MAX
				: (uint64_t)sqlite3_column_int64(s, 3)},
	    .amount_pusd = sqlite3_column_int64(s, 1)};
	return ERR_OK;
}

enum err
credits_read(sqlite3 *db, enum account_level level, struct slice name,
    struct credits *ret, struct note *note)
{
	struct credits c = {NULL, 0, 0};
	int step = SQLITE_DONE;
	sqlite3_stmt *s;
	enum err e = db_prepare(db,
	    "SELECT id, amount_pusd, created_ms, expires_ms FROM credit"
	    " WHERE level = ? AND name = ? ORDER BY id",
	    &s, note);

	if (e != ERR_OK)
		return e;
	(void)sqlite3_bind_int(s, 1, (int)level);
	db_bind_text(s, 2, name);
	while (e == ERR_OK && (step = sqlite3_step(s)) == SQLITE_ROW)
		e = take_row(s, &c, note);
	if (e == ERR_OK)
		e = db_done(db, step, note);
	(void)sqlite3_finalize(s);
	if (e == ERR_OK)
		*ret = c;
	else
		credits_done(&c);
	return e;
}

enum err
credits_run_down(sqlite3 *db, enum account_level level, struct slice name,
    struct credits *c, struct note *note)
{
	static const char *const costs[LEVELS] = {
#define COSTS(column)                                                                    \
	"SELECT start_ms, due_pusd FROM bill WHERE " column                              \
	" = ? AND start_ms >= ? AND due_pusd IS NOT NULL ORDER BY start_ms"
	    COSTS("key"), COSTS("user"), COSTS("team"), COSTS("organisation")};
	struct account_lot *lots;
	sqlite3_stmt *s;
	int step;
	enum err e;

	if (c->count == 0)
		return ERR_OK;
	lots = calloc(c->count, sizeof(*lots));
	if (lots == NULL)
		return nomem(note);
	for (unsigned i = 0; i < c->count; i++)
		lots[i] = c->rows[i].lot;
	e = db_prepare(db, costs[level], &s, note);
	if (e == ERR_OK) {
		db_bind_text(s, 1, name);
		(void)sqlite3_bind_int64(s, 2, (sqlite3_int64)lots[0].from_ms);
		while ((step = sqlite3_step(s)) == SQLITE_ROW)
			c->debt_pusd += account_run_down(lots, c->count,
			    (uint64_t)sqlite3_column_int64(s, 0),
			    sqlite3_column_int64(s, 1));
		e = db_done(db, step, note);
		(void)sqlite3_finalize(s);
	}
	for (unsigned i = 0; e == ERR_OK && i < c->count; i++)
		c->rows[i].lot = lots[i];
	free(lots);
	return e;
}

enum err
credits_any(sqlite3 *db, bool *ret, struct note *note)
{
	sqlite3_stmt *s;
	int step;
	/* Also when the last was forgotten: accounts in memory may have it still. */
	enum err e = db_prepare(
	    db, "SELECT 1 FROM sqlite_sequence WHERE name = 'credit'", &s, note);

	if (e != ERR_OK)
		return e;
	step = sqlite3_step(s);
	*ret = step == SQLITE_ROW;
	e = step == SQLITE_ROW ? ERR_OK : db_done(db, step, note);
	(void)sqlite3_finalize(s);
	return e;
}

enum err
credits_add(sqlite3 *db, enum account_level level, struct slice name,
    const struct credits_row *row, struct note *note)
{
	sqlite3_stmt *s;
	enum err e = db_prepare(db,
	    "INSERT INTO credit (level, name, amount_pusd, created_ms, expires_ms)"
	    " VALUES (?, ?, ?, ?, ?)",
	    &s, note);

	if (e != ERR_OK)
		return e;
	(void)sqlite3_bind_int(s, 1, (int)level);
	db_bind_text(s, 2, name);
	(void)sqlite3_bind_int64(s, 3, row->amount_pusd);
	(void)sqlite3_bind_int64(s, 4, (sqlite3_int64)row->lot.from_ms);
	if (row->lot.until_ms != UINT64_MAX)
		(void)sqlite3_bind_int64(s, 5, (sqlite3_int64)row->lot.until_ms);
	e = db_done(db, sqlite3_step(s), note);
	(void)sqlite3_finalize(s);
	return e;
}

enum err
credits_forget(
    sqlite3 *db, enum account_level level, struct slice name, struct note *note)
{
	sqlite3_stmt *s;
	enum err e =
	    db_prepare(db, "DELETE FROM credit WHERE level = ? AND name = ?", &s, note);

	if (e != ERR_OK)
		return e;
	(void)sqlite3_bind_int(s, 1, (int)level);
	db_bind_text(s, 2, name);
	e = db_done(db, sqlite3_step(s), note);
	(void)sqlite3_finalize(s);
	return e;
}

void
credits_row_json(const struct credits_row *row, struct buf *to)
{
	json_open(to, '{');
	json_member_u64(to, S("id"), row->lot.id);
	json_key(to, S("amount_pusd"));
	json_put_i64(to, row->amount_pusd);
	json_key(to, S("left_pusd"));
	json_put_i64(to, row->lot.left_pusd);
	accountdb_json_time(to, S("created_at"), row->lot.from_ms);
	accountdb_json_time(
	    to, S("expires_at"), row->lot.until_ms == UINT64_MAX ? 0 : row->lot.until_ms);
	json_close(to, '}');
}

enum err
credits_json(sqlite3 *db, enum account_level level, struct slice name, struct buf *to,
    struct note *note)
{
	uint64_t now = clock_unix_ms();
	struct credits c;
	int64_t left = 0;
	enum err e = credits_read(db, level, name, &c, note);

	if (e != ERR_OK)
		return e;
	e = credits_run_down(db, level, name, &c, note);
	for (unsigned i = 0; i < c.count; i++)
		left += c.rows[i].lot.until_ms > now ? c.rows[i].lot.left_pusd : 0;
	json_open(to, '{');
	json_key(to, S("left_pusd"));
	json_put_i64(to, left - c.debt_pusd);
	json_key(to, S("data"));
	json_open(to, '[');
	for (unsigned i = 0; i < c.count; i++)
		credits_row_json(&c.rows[i], to);
	json_close(to, ']');
	json_close(to, '}');
	credits_done(&c);
	if (e == ERR_OK && to->err != ERR_OK)
		e = nomem(note);
	return e;
}
