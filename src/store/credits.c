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
take_row(struct db_stmt *s, struct credits *c, struct note *note)
{
	struct credits_row *more = realloc(c->rows, (c->count + 1) * sizeof(*more));

	if (more == NULL)
		return nomem(note);
	c->rows = more;
	more[c->count++] = (struct credits_row){
	    .lot = {.id = (uint64_t)db_i64(s, 0),
		.left_pusd = db_i64(s, 1),
		.from_ms = (uint64_t)db_i64(s, 2),
		.until_ms = db_is_null(s, 3) ? UINT64_MAX : (uint64_t)db_i64(s, 3)},
	    .amount_pusd = db_i64(s, 1)};
	return ERR_OK;
}

enum err
credits_read(struct db *db, enum account_level level, struct slice name,
    struct credits *ret, struct note *note)
{
	struct credits c = {NULL, 0, 0};
	enum db_step step = DB_DONE;
	struct db_stmt *s;
	enum err e = db_prepare(db,
	    "SELECT id, amount_pusd, created_ms, expires_ms FROM credit"
	    " WHERE level = ? AND name = ? ORDER BY id",
	    &s, note);

	if (e != ERR_OK)
		return e;
	db_bind_i64(s, 1, (int)level);
	db_bind_text(s, 2, name);
	while (e == ERR_OK && (step = db_step(s)) == DB_ROW)
		e = take_row(s, &c, note);
	if (e == ERR_OK)
		e = db_done(db, step, note);
	db_finish(s);
	if (e == ERR_OK)
		*ret = c;
	else
		credits_done(&c);
	return e;
}

enum err
credits_run_down(struct db *db, enum account_level level, struct slice name,
    struct credits *c, struct note *note)
{
	static const char *const costs[LEVELS] = {
#define COSTS(column)                                                                    \
	"SELECT start_ms, due_pusd FROM bill WHERE " column                              \
	" = ? AND start_ms >= ? AND due_pusd IS NOT NULL ORDER BY start_ms"
	    COSTS("key"), COSTS("\"user\""), COSTS("team"), COSTS("organisation")};
	struct account_lot *lots;
	struct db_stmt *s;
	enum db_step step;
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
		db_stream(s);
		db_bind_text(s, 1, name);
		db_bind_i64(s, 2, (int64_t)lots[0].from_ms);
		while ((step = db_step(s)) == DB_ROW)
			c->debt_pusd += account_run_down(
			    lots, c->count, (uint64_t)db_i64(s, 0), db_i64(s, 1));
		e = db_done(db, step, note);
		db_finish(s);
	}
	for (unsigned i = 0; e == ERR_OK && i < c->count; i++)
		c->rows[i].lot = lots[i];
	free(lots);
	return e;
}

enum err
credits_any(struct db *db, bool *ret, struct note *note)
{
	struct db_stmt *s;
	enum db_step step;
	enum err e = db_prepare(db, "SELECT 1 FROM credit LIMIT 1", &s, note);

	if (e != ERR_OK)
		return e;
	step = db_step(s);
	*ret = step == DB_ROW;
	e = step == DB_ROW ? ERR_OK : db_done(db, step, note);
	db_finish(s);
	return e;
}

enum err
credits_add(struct db *db, enum account_level level, struct slice name,
    struct credits_row *row, struct note *note)
{
	struct db_stmt *s;
	enum db_step step;
	enum err e = db_prepare(db,
	    "INSERT INTO credit (level, name, amount_pusd, created_ms, expires_ms)"
	    " VALUES (?, ?, ?, ?, ?) RETURNING id",
	    &s, note);

	if (e != ERR_OK)
		return e;
	db_bind_i64(s, 1, (int)level);
	db_bind_text(s, 2, name);
	db_bind_i64(s, 3, row->amount_pusd);
	db_bind_i64(s, 4, (int64_t)row->lot.from_ms);
	if (row->lot.until_ms != UINT64_MAX)
		db_bind_i64(s, 5, (int64_t)row->lot.until_ms);
	step = db_step(s);
	if (step == DB_ROW) {
		row->lot.id = (uint64_t)db_i64(s, 0);
		step = db_step(s);
	}
	e = db_done(db, step, note);
	db_finish(s);
	return e;
}

enum err
credits_forget(
    struct db *db, enum account_level level, struct slice name, struct note *note)
{
	struct db_stmt *s;
	enum err e =
	    db_prepare(db, "DELETE FROM credit WHERE level = ? AND name = ?", &s, note);

	if (e != ERR_OK)
		return e;
	db_bind_i64(s, 1, (int)level);
	db_bind_text(s, 2, name);
	e = db_once(s, note);
	db_finish(s);
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
credits_json(struct db *db, enum account_level level, struct slice name, struct buf *to,
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
