#include "store/listing.h"

#include "store/spent.h"

#include "core/clock.h"
#include "quota/modelbudget.h"
#include "store/accountdb_json.h"
#include "json/write.h"

#include <stdio.h>

struct listing {
	struct db *db;
	struct buf *to;
	struct note *note;
	enum err err;
	enum account_level level;
	uint64_t id; /* of the one key that is wanted; 0: any */
};

static enum err
ended(const struct listing *l, enum err e)
{
	if (e == ERR_OK)
		e = l->err;
	if (e == ERR_OK && l->to->err != ERR_OK) {
		note_set(l->note, "out of memory");
		e = l->to->err;
	}
	return e;
}

static void
put_spent(struct listing *l, const struct accountdb_row *row)
{
	uint64_t from, until;
	int64_t spent = 0;

	period_bounds(
	    row->limits.period, row->limits.offset_min, clock_unix_ms(), &from, &until);
	if (l->err == ERR_OK)
		l->err = spent_sum(l->db,
		    &(struct spent_scope){.level = row->level,
			.name = slice_str(row->name),
			.from_ms = from},
		    &spent, l->note);
	json_key(l->to, S("spent_pusd"));
	json_put_i64(l->to, spent);
}

/* Of the budgets for some models, each in its period. */
static void
put_spent_on(struct listing *l, const struct accountdb_row *row)
{
	struct slice list = slice_str(row->model_budgets);
	struct modelbudget b;

	if (row->model_budgets == NULL)
		return;
	json_key(l->to, S("model_budgets_spent_pusd"));
	json_open(l->to, '{');
	while (l->err == ERR_OK && list.ptr != NULL && modelbudget_next(&list, &b)) {
		struct spent_scope p = {.level = row->level,
		    .name = slice_str(row->name),
		    .models = b.pattern};
		uint64_t until;
		int64_t spent = 0;

		period_bounds(b.period, row->limits.offset_min, clock_unix_ms(),
		    &p.from_ms, &until);
		l->err = spent_sum(l->db, &p, &spent, l->note);
		json_key(l->to, b.pattern);
		json_put_i64(l->to, spent);
	}
	json_close(l->to, '}');
}

/* --- keys --- */

/* What it may do; a name that has nothing set is without limits. */
static void
put_limits(struct listing *l, struct slice name)
{
	struct accountdb_row row;
	struct note none;
	enum err e = accountdb_get(l->db, LEVEL_KEY, name, &row, &none);

	if (e == ERR_NOT_FOUND)
		e = accountdb_row_init(&row, LEVEL_KEY, name) ? ERR_OK : ERR_NOMEM;
	if (e != ERR_OK) {
		note_set(l->note, "%s", err_code(e));
		l->err = e;
		return;
	}
	accountdb_json_put(&row, l->to);
	put_spent_on(l, &row);
	accountdb_row_done(&row);
}

static void
on_key(void *arg, const struct keydb_row *row)
{
	struct listing *l = arg;

	if (l->err != ERR_OK || (l->id != 0 && row->id != l->id))
		return;
	json_open(l->to, '{');
	json_member_u64(l->to, S("id"), row->id);
	json_member(l->to, S("name"), row->name);
	json_member(l->to, S("hint"), row->hint);
	accountdb_json_time(l->to, S("created_at"), row->created_ms);
	accountdb_json_time(l->to, S("revoked_at"), row->revoked_ms);
	/* One that has ended may do nothing, whatever another of its name may. */
	if (row->revoked_ms == 0 || row->revoked_ms > clock_unix_ms())
		put_limits(l, row->name);
	json_close(l->to, '}');
}

enum err
listing_keys(struct db *db, struct buf *to, struct note *note)
{
	struct listing l = {.db = db, .to = to, .note = note};
	enum err e;

	json_open(to, '[');
	e = keydb_each(db, on_key, &l, note);
	json_close(to, ']');
	return ended(&l, e);
}

enum err
listing_key(struct db *db, struct slice which, struct buf *to, struct note *note)
{
	struct listing l = {.db = db, .to = to, .note = note};

	return ended(&l, keydb_one(db, which, on_key, &l, note));
}

enum err
listing_key_of_id(struct db *db, uint64_t id, struct buf *to, struct note *note)
{
	struct listing l = {.db = db, .to = to, .note = note, .id = id};

	return ended(&l, keydb_each(db, on_key, &l, note));
}

/* --- above keys --- */

static void
put_row(struct listing *l, const struct accountdb_row *row)
{
	json_open(l->to, '{');
	json_member(l->to, S("name"), slice_str(row->name));
	accountdb_json_put(row, l->to);
	put_spent(l, row);
	put_spent_on(l, row);
	accountdb_json_time(l->to, S("created_at"), row->created_ms);
	json_close(l->to, '}');
}

static void
on_row(void *arg, const struct accountdb_row *row)
{
	struct listing *l = arg;

	if (row->level == l->level)
		put_row(l, row);
}

enum err
listing_accounts(
    struct db *db, enum account_level level, struct buf *to, struct note *note)
{
	struct listing l = {.db = db, .to = to, .note = note, .level = level};
	enum err e;

	json_open(to, '[');
	e = accountdb_each(db, on_row, &l, note);
	json_close(to, ']');
	return ended(&l, e);
}

enum err
listing_account(struct db *db, enum account_level level, struct slice name,
    struct buf *to, struct note *note)
{
	struct listing l = {.db = db, .to = to, .note = note, .level = level};
	struct accountdb_row row;
	enum err e = accountdb_get(db, level, name, &row, note);

	if (e != ERR_OK)
		return e;
	put_row(&l, &row);
	accountdb_row_done(&row);
	return ended(&l, e);
}
