#include "store/notices.h"

#include "core/text.h"
#include "core/wide.h"
#include "json/write.h"

#define FIRST_MS     1000    /* before a delivery is tried again; doubles each time */
#define LONGEST_MS   3600000 /* at most */
#define ATTEMPTS_MAX 36	     /* about a day */
#define BODY_BYTES   4096

const unsigned notices_percent[NOTICES_STEPS] = {50, 80, 95};

unsigned
notices_reached(const struct account_used *used)
{
	unsigned n = 0;

	while (
	    n < NOTICES_STEPS && used->budget_pusd > 0 &&
	    (wide)used->spent_pusd * 100 >= (wide)used->budget_pusd * notices_percent[n])
		n++;
	return n;
}

static void
put_time(struct buf *to, struct slice key, uint64_t ms)
{
	char time[TEXT_TIME_MAX];

	json_key(to, key);
	if (ms == 0 || ms == UINT64_MAX)
		json_put_null(to);
	else
		json_quote(to, slice_of(time, text_time(time, ms)));
}

static void
put_body(const struct account *a, const struct account_used *used, unsigned percent,
    uint64_t unix_ms, struct buf *to)
{
	const char *level = account_level_name(account_level(a));
	struct slice models = account_models(a);
	struct buf id;

	buf_init(&id, BODY_BYTES);
	buf_printf(&id, "%s/%.*s/%llu/%u", level, SLICE_ARGS(account_name(a)),
	    (unsigned long long)used->from_ms, percent);
	if (models.len > 0)
		buf_printf(&id, "/%.*s", SLICE_ARGS(models));
	json_open(to, '{');
	json_member(to, S("id"), buf_slice(&id));
	buf_free(&id);
	json_member(to, S("type"), S("budget.threshold"));
	put_time(to, S("at"), unix_ms);
	json_member(to, S("level"), slice_str(level));
	json_member(to, S("name"), account_name(a));
	if (models.len > 0)
		json_member(to, S("models"), models);
	json_member_u64(to, S("percent"), percent);
	json_key(to, S("budget_pusd"));
	json_put_i64(to, used->budget_pusd);
	json_key(to, S("spent_pusd"));
	json_put_i64(to, used->spent_pusd);
	json_member(to, S("period"), slice_str(period_name(used->period)));
	put_time(to, S("period_began_at"), used->from_ms);
	put_time(to, S("renews_at"), used->until_ms);
	json_close(to, '}');
}

/* A period's end does not fit into SQLite's numbers; its beginning does. */
static enum err
add_one(struct db *db, const struct account *a, const struct account_used *used,
    unsigned percent, uint64_t unix_ms, struct note *note)
{
	char name[ACCOUNT_ROW_NAME_MAX];
	struct buf body;
	struct db_stmt *s;
	enum err e = db_prepare(db,
	    "INSERT INTO notice"
	    " (level, name, from_ms, percent, body, made_ms, due_ms, attempts)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, 0) ON CONFLICT DO NOTHING",
	    &s, note);

	if (e != ERR_OK)
		return e;
	buf_init(&body, BODY_BYTES);
	put_body(a, used, percent, unix_ms, &body);
	db_bind_i64(s, 1, (int)account_level(a));
	db_bind_text(s, 2, account_row_name(a, name));
	db_bind_i64(s, 3, (int64_t)used->from_ms);
	db_bind_i64(s, 4, (int)percent);
	db_bind_text(s, 5, buf_slice(&body));
	db_bind_i64(s, 6, (int64_t)unix_ms);
	e = body.err != ERR_OK ? body.err : db_once(s, note);
	db_finish(s);
	buf_free(&body);
	return e;
}

enum err
notices_add(struct db *db, const struct account *a, const struct account_used *used,
    unsigned steps, uint64_t unix_ms, struct note *note)
{
	enum err e = ERR_OK;

	for (unsigned i = 0; e == ERR_OK && i < steps && i < NOTICES_STEPS; i++)
		e = add_one(db, a, used, notices_percent[i], unix_ms, note);
	return e;
}

enum err
notices_due(struct db *db, uint64_t unix_ms, uint64_t *ret_id, struct buf *body,
    struct note *note)
{
	struct db_stmt *s;
	enum db_step step;
	uint64_t id = 0;
	bool leads = false;
	enum err e = db_leads(db, &leads, note);

	if (e != ERR_OK || !leads) {
		if (e == ERR_OK)
			*ret_id = 0;
		return e;
	}
	e = db_prepare(db,
	    "SELECT id, body FROM notice WHERE done_ms IS NULL AND due_ms <= ?"
	    " ORDER BY due_ms, id LIMIT 1",
	    &s, note);

	if (e != ERR_OK)
		return e;
	db_bind_i64(s, 1, (int64_t)unix_ms);
	step = db_step(s);
	if (step == DB_ROW) {
		id = (uint64_t)db_i64(s, 0);
		buf_add(body, db_text(s, 1));
		e = body->err;
	} else {
		e = db_done(db, step, note);
	}
	db_finish(s);
	if (e == ERR_OK)
		*ret_id = id;
	return e;
}

static enum err
attempts_of(struct db *db, uint64_t id, unsigned *ret, struct note *note)
{
	struct db_stmt *s;
	enum db_step step;
	enum err e = db_prepare(db, "SELECT attempts FROM notice WHERE id = ?", &s, note);

	if (e != ERR_OK)
		return e;
	db_bind_i64(s, 1, (int64_t)id);
	step = db_step(s);
	if (step == DB_ROW)
		*ret = (unsigned)db_i64(s, 0);
	else
		e = db_done(db, step, note);
	db_finish(s);
	return e;
}

enum err
notices_told(struct db *db, uint64_t id, bool delivered, uint64_t unix_ms,
    bool *ret_given_up, struct note *note)
{
	unsigned attempts = 0;
	uint64_t wait_ms;
	struct db_stmt *s;
	enum err e = attempts_of(db, id, &attempts, note);

	if (e == ERR_OK)
		e = db_prepare(db,
		    "UPDATE notice SET attempts = attempts + 1, due_ms = ?, done_ms = ?"
		    " WHERE id = ?",
		    &s, note);
	if (e != ERR_OK)
		return e;
	wait_ms = attempts > 12 ? LONGEST_MS : (uint64_t)FIRST_MS << attempts;
	wait_ms = wait_ms > LONGEST_MS ? LONGEST_MS : wait_ms;
	*ret_given_up = !delivered && attempts + 1 >= ATTEMPTS_MAX;
	db_bind_i64(s, 1, (int64_t)(unix_ms + wait_ms));
	if (delivered || *ret_given_up)
		db_bind_i64(s, 2, (int64_t)unix_ms);
	db_bind_i64(s, 3, (int64_t)id);
	e = db_once(s, note);
	db_finish(s);
	return e;
}
