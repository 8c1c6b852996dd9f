#include "store/reprice.h"

#include "core/buf.h"
#include "meter/cost.h"

#define CHANGES_BYTES (512u << 20)

/* What is to be corrected: kept until all is read, so that nothing is written while
 * rows are read. */
struct change {
	int64_t id, after_pusd;
};

#define COLUMNS                                                                          \
	"id, start_ms, usage_known, due_pusd, model, provider, upstream, said, "         \
	"input_tokens, cached_input_tokens, cache_write_tokens, cache_write_1h_tokens, " \
	"output_tokens, reasoning_tokens, audio_input_tokens, audio_output_tokens, "     \
	"image_input_tokens, image_output_tokens, priced_requests, seconds, "            \
	"characters, tier, attempts"
#define FIRST_CLASS 8
#define TIER_COLUMN (FIRST_CLASS + USAGE_CLASSES)

/* The offer that was asked: of that model, else of that name at the provider. */
static const struct offer *
offer_of(const struct catalog *c, const struct provider *p, struct slice model,
    struct slice upstream)
{
	const struct model *m = map_get(&c->ids, model);

	for (const struct offer *o = m == NULL ? NULL : m->offers; o != NULL; o = o->next)
		if (o->provider == p && slice_eq(o->upstream, upstream))
			return o;
	return catalog_find_offer(c, p, upstream);
}

/* Was the last attempt, which is the one that is paid, made with a team's key? */
static bool
has_own_key(struct slice attempts)
{
	struct slice last = slice_from(attempts, slice_rfind(attempts, '{'));

	return slice_search(last, S("\"key\":\"team\"")) < last.len;
}

static int64_t
price_row(const struct catalog *c, struct db_stmt *s)
{
	struct usage u = {.known = db_i64(s, 2) != 0};
	struct provider *p = catalog_provider(c, db_text(s, 5));
	struct slice upstream = db_text(s, 6);
	struct cost_facts said = {.model = db_text(s, 7),
	    .tier = db_text(s, TIER_COLUMN),
	    .unix_ms = (uint64_t)db_i64(s, 1),
	    .own_key = has_own_key(db_text(s, TIER_COLUMN + 1))};
	const struct offer *o;
	struct offer unlisted = {.provider = p, .upstream = upstream};

	for (unsigned i = 0; i < USAGE_CLASSES; i++)
		u.count[i] = (uint64_t)db_i64(s, FIRST_CLASS + (int)i);
	if (p == NULL)
		return PRICE_UNKNOWN;
	o = offer_of(c, p, db_text(s, 4), upstream);
	return cost_pusd(c, o == NULL ? &unlisted : o, &said, &u);
}

static enum db_step
read_rows(struct db_stmt *s, const struct reprice_query *q,
    void (*fn)(void *arg, const struct reprice_row *row), void *arg, struct buf *changes)
{
	enum db_step step = DB_DONE;

	while (changes->err == ERR_OK && (step = db_step(s)) == DB_ROW) {
		struct reprice_row row = {.model = db_text(s, 4),
		    .provider = db_text(s, 5),
		    .before_pusd = db_is_null(s, 3) ? PRICE_UNKNOWN : db_i64(s, 3),
		    .after_pusd = price_row(q->catalog, s)};
		struct change change = {db_i64(s, 0), row.after_pusd};

		fn(arg, &row);
		if (row.after_pusd != PRICE_UNKNOWN && row.after_pusd != row.before_pusd)
			buf_add(changes, slice_of((const char *)&change, sizeof(change)));
	}
	return step;
}

/* Each is made against what holds now, so nothing is corrected twice by two at once. */
static enum err
write_changes(
    struct db *db, const struct reprice_query *q, struct slice changes, struct note *note)
{
	struct db_stmt *s = NULL;
	struct change c;
	enum err e = db_begin(db, DB_CHANGE, note);

	if (e == ERR_OK)
		e = db_prepare(db,
		    "INSERT INTO correction (ledger_id, made_ms, before_pusd, "
		    "after_pusd, add_pusd) SELECT id, CAST(?1 AS BIGINT), "
		    "due_pusd, CAST(?2 AS BIGINT), ?2 - coalesce(due_pusd, 0) FROM bill "
		    "WHERE id = ?3 AND "
		    "due_pusd IS DISTINCT FROM ?2",
		    &s, note);
	for (; e == ERR_OK && changes.len >= sizeof(c);
	     changes = slice_from(changes, sizeof(c))) {
		memcpy(&c, changes.ptr, sizeof(c));
		db_bind_i64(s, 1, (int64_t)q->now_ms);
		db_bind_i64(s, 2, c.after_pusd);
		db_bind_i64(s, 3, c.id);
		e = db_once(s, note);
		db_reset(s);
	}
	db_finish(s);
	return db_end(db, e, note);
}

enum err
reprice(struct db *db, const struct reprice_query *q,
    void (*fn)(void *arg, const struct reprice_row *row), void *arg, struct note *note)
{
	struct buf changes;
	struct db_stmt *s;
	enum db_step step;
	enum err e = db_prepare(db,
	    "SELECT " COLUMNS " FROM bill WHERE start_ms >= ? AND start_ms < ?", &s,
	    note);

	if (e != ERR_OK)
		return e;
	db_bind_i64(s, 1, (int64_t)q->since_ms);
	db_bind_i64(s, 2, (int64_t)q->until_ms);
	db_stream(s);
	buf_init(&changes, CHANGES_BYTES);
	step = read_rows(s, q, fn, arg, &changes);
	e = changes.err;
	if (e != ERR_OK)
		note_set(note, "too many rows at once; take fewer days");
	else
		e = db_done(db, step, note);
	db_finish(s);
	if (e == ERR_OK && !q->dry && changes.len > 0)
		e = write_changes(db, q, buf_slice(&changes), note);
	buf_free(&changes);
	return e;
}
