#include "store/billed.h"

#include "provider/price.h"

#include <stdio.h>

#define COLUMNS                                                                          \
	"start_ms, team, organisation, model, provider, tier, usage_known, due_pusd, "   \
	"input_tokens, cached_input_tokens, cache_write_tokens, cache_write_1h_tokens, " \
	"output_tokens, reasoning_tokens, audio_input_tokens, audio_output_tokens, "     \
	"image_input_tokens, image_output_tokens, priced_requests, seconds, characters"
#define FIRST_CLASS 8

static struct billed_row
read_row(struct db_stmt *s)
{
	struct billed_row row = {.start_ms = (uint64_t)db_i64(s, 0),
	    .team = db_text(s, 1),
	    .organisation = db_text(s, 2),
	    .model = db_text(s, 3),
	    .provider = db_text(s, 4),
	    .tier = db_text(s, 5),
	    .usage = {.known = db_i64(s, 6) != 0},
	    .due_pusd = db_is_null(s, 7) ? PRICE_UNKNOWN : db_i64(s, 7)};

	for (unsigned i = 0; i < USAGE_CLASSES; i++)
		row.usage.count[i] = (uint64_t)db_i64(s, FIRST_CLASS + (int)i);
	return row;
}

enum err
billed_each(struct db *db, const struct usage_query *q,
    void (*fn)(void *arg, const struct billed_row *row), void *arg, struct note *note)
{
	static const char *const levels[LEVELS] = {
	    "key", "\"user\"", "team", "organisation"};
	char sql[1024];
	struct db_stmt *s;
	enum db_step step;
	enum err e;

	(void)snprintf(sql, sizeof(sql),
	    "SELECT " COLUMNS " FROM bill WHERE start_ms >= ?1 AND start_ms < ?2 AND "
	    "%s = ?3",
	    levels[q->level]);
	e = db_prepare(db, sql, &s, note);
	if (e != ERR_OK)
		return e;
	db_bind_i64(s, 1, (int64_t)q->since_ms);
	db_bind_i64(s, 2, (int64_t)q->until_ms);
	db_bind_text(s, 3, q->name);
	while ((step = db_step(s)) == DB_ROW) {
		struct billed_row row = read_row(s);

		fn(arg, &row);
	}
	e = db_done(db, step, note);
	db_finish(s);
	return e;
}
