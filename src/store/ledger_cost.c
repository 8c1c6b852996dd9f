#include "store/ledger_cost.h"

#include "json/write.h"

int64_t
ledger_cost_nano(int64_t pusd)
{
	return pusd / 1000 + (pusd % 1000 > 0);
}

static void
put_cost(struct buf *to, struct request_id id, int64_t pusd)
{
	char text[REQUEST_ID_LEN];

	request_id_write(id, text);
	json_open(to, '{');
	json_member(to, S("requestId"), slice_of(text, sizeof(text)));
	json_key(to, S("costNanoUsd"));
	json_put_i64(to, ledger_cost_nano(pusd));
	json_close(to, '}');
}

enum err
ledger_cost_list(struct db *db, const struct request_id *ids, size_t n, struct slice key,
    struct buf *to, struct note *note)
{
	struct db_stmt *s;
	enum err e = db_prepare(db,
	    "SELECT due_pusd, key FROM bill WHERE id = ? AND tag = ? AND due_pusd >= 0",
	    &s, note);

	if (e != ERR_OK)
		return e;
	json_open(to, '{');
	json_key(to, S("requests"));
	json_open(to, '[');
	for (size_t i = 0; e == ERR_OK && i < n; i++) {
		enum db_step step;

		db_bind_i64(s, 1, (int64_t)ids[i].rowid);
		db_bind_i64(s, 2, (int64_t)ids[i].tag);
		step = db_step(s);
		if (step != DB_ROW)
			e = db_done(db, step, note);
		else if (key.ptr == NULL || slice_eq(db_text(s, 1), key))
			put_cost(to, ids[i], db_i64(s, 0));
		db_reset(s);
	}
	db_finish(s);
	json_close(to, ']');
	json_close(to, '}');
	return e;
}
