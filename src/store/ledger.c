#include "store/ledger.h"

#include "core/log.h"
#include "core/text.h"
#include "core/wide.h"
#include "provider/price.h"
#include "json/write.h"

#include <stdio.h>

/* The columns in the order in which they are bound and read. */
#define NUMBERS                                                                          \
	"id, tag, start_ms, key_id, status, stream, partial, estimated, ttft_ms, "       \
	"total_ms, usage_known, cost_pusd, stated_pusd, input_tokens, "                  \
	"cached_input_tokens, cache_write_tokens, cache_write_1h_tokens, "               \
	"output_tokens, reasoning_tokens, audio_input_tokens, audio_output_tokens, "     \
	"image_input_tokens, image_output_tokens, priced_requests, seconds, characters"
#define TEXTS                                                                            \
	"key, asked, model, provider, upstream, said, tier, upstream_id, operation, "    \
	"outcome, \"user\", team, organisation, session, tags, attempts"
#define FIRST_CLASS 13 /* the column of the first usage class */
#define FIRST_TEXT  LEDGER_NUMBERS
#define DAY_MS	    86400000
#define DAY_CHARS   10	      /* of a time */
#define NO_NUMBER   INT64_MIN /* a column that is NULL */
#define LATE_BYTES  (1u << 30)

/* What is told of a row that the ledger refuses. */
struct late {
	struct request_id id;
	int64_t cost_pusd;
};

/* A row that cannot be written must not hold up all that come behind it. */
static void
tell_refused(const struct late *row, const struct note *why)
{
	char id[REQUEST_ID_LEN];

	request_id_write(row->id, id);
	log_event(LOG_ERROR, "the ledger refuses the row of %.*s (%lld pico-USD): %s",
	    REQUEST_ID_LEN, id, (long long)row->cost_pusd, note_slice(why).ptr);
}

static void
on_refused(void *arg, size_t n, const struct note *why)
{
	const struct ledger *l = arg;
	struct late row;

	memcpy(&row, l->late.ptr + n * sizeof(row), sizeof(row));
	tell_refused(&row, why);
}

enum err
ledger_open(struct ledger *l, struct db *db, struct note *note)
{
	const struct db_rows rows = {
	    "ledger", NUMBERS ", " TEXTS ", instance", on_refused, l};
	enum err e;

	*l = (struct ledger){.db = db};
	buf_init(&l->late, LATE_BYTES);
	e = db_prepare_rows(db, &rows, &l->insert, note);
	if (e == ERR_OK)
		e = db_prepare(db,
		    "SELECT " NUMBERS ", " TEXTS " FROM ledger WHERE id = ? AND tag = ?",
		    &l->find, note);
	if (e == ERR_OK)
		ledger_set_instance(l, 0);
	else
		ledger_close(l);
	return e;
}

void
ledger_set_instance(struct ledger *l, int64_t instance)
{
	l->instance = instance;
	db_bind_i64(l->insert, (int)(FIRST_TEXT + METER_TEXTS + 1), instance);
}

void
ledger_close(struct ledger *l)
{
	db_finish(l->insert);
	db_finish(l->find);
	l->insert = l->find = NULL;
	buf_free(&l->late);
}

static void
bind_number(struct ledger *l, unsigned at, int64_t value)
{
	if (l->any && l->number[at] == value)
		return;
	l->number[at] = value;
	if (value == NO_NUMBER)
		db_bind_null(l->insert, (int)at + 1);
	else
		db_bind_i64(l->insert, (int)at + 1, value);
}

static void
bind_text(struct ledger *l, unsigned t, struct slice text)
{
	struct slice before = slice_of(l->text[t].bytes, l->text[t].len);

	if (l->any && slice_eq(before, text))
		return;
	l->text[t].len = SIZE_MAX;
	if (text.len <= LEDGER_KEPT) {
		if (text.len > 0)
			memcpy(l->text[t].bytes, text.ptr, text.len);
		l->text[t].len = text.len;
		text.ptr = l->text[t].bytes;
	}
	db_bind_text(l->insert, (int)(FIRST_TEXT + t + 1), text);
}

static void
bind_row(struct ledger *l, const struct meter_row *row)
{
	const struct meter_numbers *n = &row->n;
	const int64_t first[FIRST_CLASS] = {(int64_t)n->id.rowid, (int64_t)n->id.tag,
	    (int64_t)n->start_ms, (int64_t)n->key_id, n->status, n->stream, n->partial,
	    n->estimated, n->ttft_ms != 0 ? n->ttft_ms : NO_NUMBER, n->total_ms,
	    n->usage.known, n->cost_pusd != PRICE_UNKNOWN ? n->cost_pusd : NO_NUMBER,
	    n->usage.has_stated ? n->usage.stated_pusd : NO_NUMBER};

	for (unsigned i = 0; i < FIRST_CLASS; i++)
		bind_number(l, i, first[i]);
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		bind_number(l, FIRST_CLASS + c,
		    n->usage.count[c] < INT64_MAX ? (int64_t)n->usage.count[c]
						  : INT64_MAX);
	for (unsigned t = 0; t < METER_TEXTS; t++)
		bind_text(l, t, row->text[t]);
	l->any = true;
}

/* Is the row there already (a batch whose commit was not heard of)? A read that fails
 * says neither: as "no" it would be written twice. */
static enum err
is_there(struct ledger *l, struct request_id id, bool *ret_there, struct note *note)
{
	enum db_step step;
	enum err e = ERR_OK;

	db_bind_i64(l->find, 1, (int64_t)id.rowid);
	db_bind_i64(l->find, 2, (int64_t)id.tag);
	step = db_step(l->find);
	if (step == DB_ERROR)
		e = db_done(l->db, step, note);
	else
		*ret_there = step == DB_ROW;
	db_reset(l->find);
	return e;
}

static enum err
add_row(struct ledger *l, const struct meter_row *row, struct note *note)
{
	bool there = false;
	enum err e;

	bind_row(l, row);
	e = db_rows_add(l->insert, &there, note);
	if (e == ERR_OK && there)
		e = is_there(l, row->n.id, &there, note);
	else
		return e;
	if (e != ERR_OK || there)
		return e;
	/* Another row has the number: the clock was set back over a restart. Kept
	 * under the next free one, as no row may be lost. */
	bind_number(l, 0, NO_NUMBER);
	return db_rows_add(l->insert, &there, note);
}

enum err
ledger_insert(struct ledger *l, const struct meter_row *row, struct note *note)
{
	struct late late = {row->n.id, row->n.cost_pusd};
	enum err e = add_row(l, row, note);

	if (e == ERR_OK) {
		buf_add(&l->late, slice_of((const char *)&late, sizeof(late)));
		if (l->late.err != ERR_OK)
			note_set(note, "out of memory");
		return l->late.err;
	}
	if (db_fault(l->db) != DB_FAULT_REFUSED)
		return ERR_IO;
	tell_refused(&late, note);
	return ERR_OK;
}

enum err
ledger_begin(struct ledger *l, struct note *note)
{
	return db_begin(l->db, DB_ROWS, note);
}

enum err
ledger_end(struct ledger *l, enum err e, struct note *note)
{
	if (e == ERR_OK)
		e = db_rows_end(l->insert, note);
	buf_free(&l->late);
	return db_end(l->db, e, note);
}

/* --- one row as JSON --- */

static void
put_usd(struct buf *to, struct slice key, struct db_stmt *s, int column)
{
	char text[TEXT_PUSD_MAX];

	json_key(to, key);
	if (db_is_null(s, column))
		json_put_null(to);
	else
		json_quote(to, slice_of(text, text_pusd(text, db_i64(s, column))));
}

static void
put_number(struct buf *to, struct slice key, struct db_stmt *s, int column)
{
	json_key(to, key);
	if (db_is_null(s, column))
		json_put_null(to);
	else
		json_put_i64(to, db_i64(s, column));
}

static void
put_row(struct buf *to, struct db_stmt *s, struct request_id id)
{
	static const char *const names[] = {"key", "asked", "model", "provider",
	    "upstream_model", "reply_model", "service_tier", "upstream_request_id",
	    "operation", "outcome", "user", "team", "organisation", "session", "tags"};
	char text[REQUEST_ID_LEN], time[TEXT_TIME_MAX];

	request_id_write(id, text);
	json_open(to, '{');
	json_member(to, S("id"), slice_of(text, sizeof(text)));
	json_member(to, S("object"), S("generation"));
	json_member(
	    to, S("created_at"), slice_of(time, text_time(time, (uint64_t)db_i64(s, 2))));
	for (int t = 0; t < TEXT_ATTEMPTS; t++)
		json_member(to, slice_str(names[t]), db_text(s, (int)FIRST_TEXT + t));
	put_number(to, S("status"), s, 4);
	json_key(to, S("stream"));
	json_put_bool(to, db_i64(s, 5) != 0);
	json_key(to, S("partial"));
	json_put_bool(to, db_i64(s, 6) != 0);
	put_number(to, S("ttft_ms"), s, 8);
	put_number(to, S("total_ms"), s, 9);
	json_key(to, S("usage_known"));
	json_put_bool(to, db_i64(s, 10) != 0);
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		put_number(to, slice_str(usage_name((enum usage_class)c)), s,
		    FIRST_CLASS + (int)c);
	put_number(to, S("cost_pusd"), s, 11);
	put_usd(to, S("cost_usd"), s, 11);
	put_usd(to, S("provider_cost_usd"), s, 12);
	json_key(to, S("attempts"));
	json_put_raw(to, db_text(s, (int)FIRST_TEXT + TEXT_ATTEMPTS));
	json_close(to, '}');
}

enum err
ledger_find(
    struct ledger *l, struct request_id id, uint64_t key_id, bool any_key, struct buf *to)
{
	enum err e = ERR_NOT_FOUND;
	enum db_step step;

	db_bind_i64(l->find, 1, (int64_t)id.rowid);
	db_bind_i64(l->find, 2, (int64_t)id.tag);
	step = db_step(l->find);
	if (step == DB_ROW && (any_key || (uint64_t)db_i64(l->find, 3) == key_id)) {
		put_row(to, l->find, id);
		e = to->err;
	} else if (step != DB_ROW && step != DB_DONE) {
		e = ERR_IO;
	}
	db_reset(l->find);
	return e;
}

/* --- sums --- */

const char *
ledger_group_name(enum usage_group g)
{
	static const char *const names[] = {
#define GROUP(by, name, column) name,
#include "store/groups.def"
	};

	return names[g];
}

/* The cost in two parts: SQLite gives up a sum that passes 64 bits. */
#define SUMS                                                                             \
	"count(*), count(*) FILTER (WHERE outcome <> 'OK'), sum(partial), "              \
	"count(*) FILTER (WHERE due_pusd IS NULL), "                                     \
	"sum(due_pusd / 1000000), sum(due_pusd % 1000000), "                             \
	"sum(input_tokens), sum(cached_input_tokens), "                                  \
	"sum(cache_write_tokens), sum(cache_write_1h_tokens), sum(output_tokens), "      \
	"sum(reasoning_tokens), sum(audio_input_tokens), sum(audio_output_tokens), "     \
	"sum(image_input_tokens), sum(image_output_tokens), sum(priced_requests), "      \
	"sum(seconds), sum(characters)"

static int64_t
join_cost(int64_t millions, int64_t rest)
{
	wide cost = (wide)millions * 1000000 + rest;

	return cost > INT64_MAX ? INT64_MAX : (int64_t)cost;
}

static void
read_sum(struct db_stmt *s, unsigned by, char day[TEXT_TIME_MAX], struct usage_sum *sum)
{
	int at = GROUPS;

	*sum = (struct usage_sum){0};
	for (int g = 0; g < GROUPS; g++)
		sum->group[g] = db_text(s, g);
	if ((by & BY_DAY) != 0) {
		(void)text_time(day, (uint64_t)db_i64(s, GROUP_DAY) * DAY_MS);
		sum->group[GROUP_DAY] = slice_of(day, DAY_CHARS);
	}
	sum->requests = (uint64_t)db_i64(s, at++);
	sum->failed = (uint64_t)db_i64(s, at++);
	sum->partial = (uint64_t)db_i64(s, at++);
	sum->unpriced = (uint64_t)db_i64(s, at++);
	sum->priced = !db_is_null(s, at);
	sum->cost_pusd = join_cost(db_i64(s, at), db_i64(s, at + 1));
	at += 2;
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		sum->count[c] = (uint64_t)db_i64(s, at++);
}

static int64_t
to_ms(uint64_t ms)
{
	return ms < INT64_MAX ? (int64_t)ms : INT64_MAX;
}

void
ledger_sum_add(struct usage_sum *to, const struct usage_sum *s)
{
	wide cost = (wide)to->cost_pusd + s->cost_pusd;

	to->requests += s->requests;
	to->failed += s->failed;
	to->partial += s->partial;
	to->unpriced += s->unpriced;
	to->priced = to->priced || s->priced;
	to->cost_pusd = cost > INT64_MAX ? INT64_MAX : (int64_t)cost;
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		to->count[c] += s->count[c];
}

static void
put_usage_sql(struct buf *sql, const struct usage_query *q)
{
	static const char *const columns[] = {
#define GROUP(by, name, column) column,
#include "store/groups.def"
	};
	static const char *const levels[LEVELS] = {
	    "key", "\"user\"", "team", "organisation"};

	buf_add(sql, S("SELECT "));
	for (unsigned g = 0; g < GROUPS; g++)
		buf_printf(sql, "%s, ", (q->by >> g & 1) != 0 ? columns[g] : "''");
	buf_add(sql, S(SUMS " FROM bill WHERE start_ms >= ?1 AND start_ms < ?2"));
	if (q->name.ptr != NULL)
		buf_printf(sql, " AND %s = ?3", levels[q->level]);
	if (q->provider.ptr != NULL)
		buf_add(sql, S(" AND provider = ?4"));
	buf_add(sql, S(" GROUP BY "));
	for (unsigned g = 1; g < GROUPS; g++)
		buf_printf(sql, "%u, ", g);
	buf_printf(sql, "%d ORDER BY ", GROUPS);
	for (unsigned g = 1; g < GROUPS; g++)
		buf_printf(sql, "%u, ", g);
	buf_printf(sql, "%d", GROUPS);
	buf_byte(sql, '\0');
}

enum err
ledger_usage(struct db *db, const struct usage_query *q,
    void (*fn)(void *arg, const struct usage_sum *sum), void *arg, struct note *note)
{
	struct buf sql;
	struct db_stmt *s;
	struct usage_sum sum;
	char day[TEXT_TIME_MAX];
	enum err e;
	enum db_step step;

	buf_init(&sql, 4096);
	put_usage_sql(&sql, q);
	e = sql.err == ERR_OK ? db_prepare(db, sql.ptr, &s, note) : sql.err;
	buf_free(&sql);
	if (e != ERR_OK)
		return e;
	db_bind_i64(s, 1, to_ms(q->since_ms));
	db_bind_i64(s, 2, to_ms(q->until_ms));
	if (q->name.ptr != NULL)
		db_bind_text(s, 3, q->name);
	if (q->provider.ptr != NULL)
		db_bind_text(s, 4, q->provider);
	while ((step = db_step(s)) == DB_ROW) {
		read_sum(s, q->by, day, &sum);
		fn(arg, &sum);
	}
	e = db_done(db, step, note);
	db_finish(s);
	return e;
}
