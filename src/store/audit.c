#include "store/audit.h"

#include "core/text.h"
#include "json/write.h"

static void
bind_json(struct db_stmt *s, int at, struct slice json)
{
	if (json.len > 0)
		db_bind_text(s, at, json);
}

enum err
audit_add(struct db *db, const struct audit_actor *by, const struct audit_row *row,
    struct note *note)
{
	struct db_stmt *s;
	enum err e = db_prepare(db,
	    "INSERT INTO audit (at_ms, via, who, action, kind, name, before, after)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	    &s, note);

	if (e != ERR_OK)
		return e;
	db_bind_i64(s, 1, (int64_t)by->unix_ms);
	db_bind_text(s, 2, by->via);
	db_bind_text(s, 3, by->who);
	db_bind_text(s, 4, row->action);
	db_bind_text(s, 5, row->kind);
	db_bind_text(s, 6, row->name);
	bind_json(s, 7, row->before);
	bind_json(s, 8, row->after);
	e = db_once(s, note);
	db_finish(s);
	return e;
}

enum err
audit_each(struct db *db, uint64_t before_id, uint64_t limit,
    void (*fn)(void *arg, const struct audit_row *row), void *arg, struct note *note)
{
	struct db_stmt *s;
	enum db_step step;
	enum err e = db_prepare(db,
	    "SELECT id, at_ms, via, who, action, kind, name, before, after FROM audit"
	    " WHERE id < ? ORDER BY id DESC LIMIT ?",
	    &s, note);

	if (e != ERR_OK)
		return e;
	db_bind_i64(s, 1,
	    before_id == 0 || before_id > INT64_MAX ? INT64_MAX : (int64_t)before_id);
	db_bind_i64(s, 2, limit > INT64_MAX ? INT64_MAX : (int64_t)limit);
	while ((step = db_step(s)) == DB_ROW) {
		struct audit_row row = {.id = (uint64_t)db_i64(s, 0),
		    .unix_ms = (uint64_t)db_i64(s, 1),
		    .via = db_text(s, 2),
		    .who = db_text(s, 3),
		    .action = db_text(s, 4),
		    .kind = db_text(s, 5),
		    .name = db_text(s, 6),
		    .before = db_text(s, 7),
		    .after = db_text(s, 8)};

		fn(arg, &row);
	}
	e = db_done(db, step, note);
	db_finish(s);
	return e;
}

static void
put_json(struct buf *to, struct slice key, struct slice json)
{
	json_key(to, key);
	if (json.len == 0)
		json_put_null(to);
	else
		json_put_raw(to, json);
}

void
audit_json(const struct audit_row *row, struct buf *to)
{
	char time[TEXT_TIME_MAX];

	json_open(to, '{');
	json_member_u64(to, S("id"), row->id);
	json_member(to, S("at"), slice_of(time, text_time(time, row->unix_ms)));
	json_member(to, S("via"), row->via);
	json_member(to, S("who"), row->who);
	json_member(to, S("action"), row->action);
	json_member(to, S("kind"), row->kind);
	json_member(to, S("name"), row->name);
	put_json(to, S("before"), row->before);
	put_json(to, S("after"), row->after);
	json_close(to, '}');
}
