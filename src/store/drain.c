/*
 * A batch is gone through twice: once for the database, and, when that has committed,
 * once for what is known in memory. So a transaction that fails leaves both as they
 * were.
 */
#include "store/drain.h"

#include "store/drain_parts.h"

#include "core/log.h"

#define BATCH_BYTES (8u << 20) /* of a transaction */
#define BEHIND_MAX  4	       /* segments of a journal that wait for intents alone */

enum err
drain_open(struct drain *d, struct ledger *ledger, struct note *note)
{
	enum err e;

	*d = (struct drain){.ledger = ledger};
	opens_init(&d->opens);
	buf_init(&d->text, 64u << 10);
	e = db_prepare(ledger->db,
	    "INSERT INTO journal (sequence, tag, drained, instance) VALUES (?, ?, ?, ?)"
	    " ON CONFLICT (instance, sequence) DO UPDATE SET tag = excluded.tag,"
	    " drained = excluded.drained",
	    &d->note, note);
	if (e == ERR_OK)
		e = db_prepare(ledger->db,
		    "DELETE FROM journal WHERE sequence = ? AND instance = ?", &d->forget,
		    note);
	if (e == ERR_OK)
		e = db_prepare(ledger->db,
		    "INSERT INTO intent (id, tag, record, instance) VALUES (?, ?, ?, ?)"
		    " ON CONFLICT (instance, id, tag) DO UPDATE SET record = "
		    "excluded.record",
		    &d->keep, note);
	if (e == ERR_OK)
		e = db_prepare(ledger->db,
		    "DELETE FROM intent WHERE id = ? AND tag = ? AND instance = ?",
		    &d->drop, note);
	if (e != ERR_OK)
		drain_close(d);
	return e;
}

void
drain_close(struct drain *d)
{
	db_finish(d->note);
	db_finish(d->forget);
	db_finish(d->keep);
	db_finish(d->drop);
	d->note = d->forget = d->keep = d->drop = NULL;
	opens_free(&d->opens);
	buf_free(&d->text);
}

/* --- statements --- */

enum err
drain_note(
    struct drain *d, const struct journal_segment *s, int64_t drained, struct note *note)
{
	db_bind_i64(d->note, 1, (int64_t)s->sequence);
	db_bind_i64(d->note, 2, (int64_t)s->tag);
	db_bind_i64(d->note, 3, drained);
	db_bind_i64(d->note, 4, d->ledger->instance);
	return db_once(d->note, note);
}

static enum err
forget(struct drain *d, const struct journal_segment *s, struct note *note)
{
	db_bind_i64(d->forget, 1, (int64_t)s->sequence);
	db_bind_i64(d->forget, 2, d->ledger->instance);
	return db_once(d->forget, note);
}

static enum err
drop(struct drain *d, struct request_id id, struct note *note)
{
	db_bind_i64(d->drop, 1, (int64_t)id.rowid);
	db_bind_i64(d->drop, 2, (int64_t)id.tag);
	db_bind_i64(d->drop, 3, d->ledger->instance);
	return db_once(d->drop, note);
}

/* --- a stretch of a segment --- */

/* Into the database: the rows from byte `from` on. */
enum err
drain_rows(struct drain *d, const struct journal_segment *s, size_t from, size_t end,
    uint64_t *rows, struct note *note)
{
	struct segment_reader r;
	struct segment_record record;
	struct meter_row row;
	enum err e = ERR_OK;

	segment_read(&r, slice_of(s->map, end), s->tag, from);
	while (e == ERR_OK && segment_next(&r, &record)) {
		const struct open_intent *open;

		d->coming += record.type == SEGMENT_INTENT;
		if (record.type != SEGMENT_SETTLE ||
		    !meter_row_take(&record.payload, &row))
			continue;
		e = ledger_insert(d->ledger, &row, note);
		open = opens_find(&d->opens, row.n.id);
		if (e == ERR_OK && open != NULL && open->kept)
			e = drop(d, row.n.id, note);
		(*rows)++;
	}
	return e;
}

static void
close_intent(struct drain *d, struct request_id id)
{
	struct open_intent was = opens_take(&d->opens, id);

	if (was.segment != NULL)
		was.segment->open--;
}

/* Into memory: which intents are open. There is room for them. */
void
drain_intents(struct drain *d, struct journal_segment *s, size_t from, size_t end)
{
	struct segment_reader r;
	struct segment_record record;
	struct meter_intent intent;
	struct meter_row row;

	segment_read(&r, slice_of(s->map, end), s->tag, from);
	while (segment_next(&r, &record)) {
		if (record.type == SEGMENT_SETTLE &&
		    meter_row_take(&record.payload, &row)) {
			close_intent(d, row.n.id);
		} else if (record.type == SEGMENT_INTENT &&
			   meter_intent_read(record.payload, &intent) &&
			   intent.id.rowid != 0) {
			struct open_intent was = opens_put(&d->opens,
			    (struct open_intent){
				.id = intent.id, .segment = s, .at = record.at});

			if (was.segment != NULL)
				was.segment->open--;
			s->open++;
		}
	}
}

enum err
drain_reserve(struct drain *d, size_t intents, struct note *note)
{
	enum err e = opens_reserve(&d->opens, intents);

	if (e != ERR_OK)
		note_set(note, "out of memory");
	return e;
}

bool
drain_record_at(const struct journal_segment *s, size_t at, struct slice *ret_payload)
{
	struct segment_reader r;
	struct segment_record record;

	segment_read(&r, slice_of(s->map, s->drained), s->tag, at);
	if (!segment_next(&r, &record))
		return false;
	*ret_payload = record.payload;
	return true;
}

/* --- a batch --- */

/* Of each journal, the segments of which it has a part, and how far. */
struct batch {
	struct journal_segment *first[JOURNAL_LOOPS_MAX]; /* NULL: nothing of this one */
	struct journal_segment *last[JOURNAL_LOOPS_MAX];
	size_t end[JOURNAL_LOOPS_MAX]; /* in the last one; of the others all is taken */
	size_t bytes;
	bool more; /* it has not all there is */
	bool gone; /* segments are to be forgotten */
};

static struct journal_segment *
after(const struct journal_segment *s)
{
	return atomic_load_explicit(&s->next, memory_order_acquire);
}

static size_t
end_of(const struct journal_segment *s)
{
	return atomic_load_explicit(&s->end, memory_order_acquire);
}

/* How much of the segment belongs to the batch. */
static size_t
part_end(const struct batch *b, unsigned n, const struct journal_segment *s)
{
	return s == b->last[n] ? b->end[n] : end_of(s);
}

static void
gather_one(struct drain *d, struct batch *b, unsigned n)
{
	struct journal_segment *s = journals_first(d->set, n), *next;

	for (; s != NULL; s = next) {
		size_t end;

		next = after(s); /* before the end: when there is one, that is final */
		end = end_of(s);
		b->gone = b->gone || atomic_load(&s->state) == JOURNAL_GONE;
		if (atomic_load(&s->state) != JOURNAL_LIVE || s->drained == end)
			continue;
		if (b->bytes >= BATCH_BYTES) {
			b->more = true;
			return;
		}
		if (b->first[n] == NULL)
			b->first[n] = s;
		b->last[n] = s;
		b->end[n] = end;
		b->bytes += end - s->drained;
	}
}

/* Calls fn for each part of the batch until one fails. */
static enum err
each_part(struct drain *d, struct batch *b,
    enum err (*fn)(
	struct drain *d, struct journal_segment *s, size_t end, struct note *note),
    struct note *note)
{
	enum err e = ERR_OK;

	for (unsigned n = 0; n < journals_count(d->set); n++) {
		struct journal_segment *s = b->first[n];

		while (e == ERR_OK && s != NULL) {
			if (atomic_load(&s->state) == JOURNAL_LIVE)
				e = fn(d, s, part_end(b, n, s), note);
			s = s == b->last[n] ? NULL : after(s);
		}
	}
	return e;
}

static enum err
to_database(struct drain *d, struct journal_segment *s, size_t end, struct note *note)
{
	uint64_t rows = 0;
	enum err e = drain_rows(d, s, s->drained, end, &rows, note);

	return e == ERR_OK ? drain_note(d, s, (int64_t)end, note) : e;
}

static enum err
to_memory(struct drain *d, struct journal_segment *s, size_t end, struct note *note)
{
	(void)note;
	drain_intents(d, s, s->drained, end);
	s->drained = end;
	segment_note_drained(s->map, end);
	return ERR_OK;
}

/* Those whose files are gone: their numbers in the database go, then they. */
static enum err
each_gone(struct drain *d, bool free_them, struct note *note)
{
	enum err e = ERR_OK;

	for (unsigned n = 0; e == ERR_OK && n < journals_count(d->set); n++) {
		struct journal_segment *s = journals_first(d->set, n), *next;

		for (; e == ERR_OK && s != NULL; s = next) {
			next = after(s);
			/* A mark that is set between the two goes the next time. */
			if (atomic_load(&s->state) != JOURNAL_GONE)
				continue;
			if (!free_them) {
				e = forget(d, s, note);
				s->open = UINT32_MAX;
			} else if (s->open == UINT32_MAX) {
				journals_forget(d->set, s);
			}
		}
	}
	return e;
}

static enum err
take_batch(struct drain *d, struct batch *b, struct note *note)
{
	enum err e = ledger_begin(d->ledger, note);

	d->coming = 0;
	if (e == ERR_OK)
		e = each_part(d, b, to_database, note);
	if (e == ERR_OK)
		e = drain_reserve(d, d->coming, note);
	if (e == ERR_OK)
		e = each_gone(d, false, note);
	e = ledger_end(d->ledger, e, note);
	if (e == ERR_OK)
		e = each_part(d, b, to_memory, note);
	if (e == ERR_OK)
		e = each_gone(d, true, note);
	return e;
}

/* --- segments that may go --- */

static bool
is_drained(const struct journal_segment *s)
{
	return after(s) != NULL && atomic_load(&s->state) == JOURNAL_LIVE &&
	       s->drained == end_of(s);
}

/* The segment's open intents go into the store. */
static enum err
carry_over(struct drain *d, struct journal_segment *s, struct note *note)
{
	enum err e = db_begin(d->ledger->db, DB_ROWS, note);

	for (size_t i = 0; e == ERR_OK && i < d->opens.cap; i++) {
		const struct open_intent *o = &d->opens.slots[i];
		struct slice payload;

		if (o->id.rowid == 0 || o->segment != s ||
		    !drain_record_at(s, o->at, &payload))
			continue;
		db_bind_i64(d->keep, 1, (int64_t)o->id.rowid);
		db_bind_i64(d->keep, 2, (int64_t)o->id.tag);
		db_bind_blob(d->keep, 3, payload);
		db_bind_i64(d->keep, 4, d->ledger->instance);
		e = db_once(d->keep, note);
	}
	e = db_end(d->ledger->db, e, note);
	for (size_t i = 0; e == ERR_OK && i < d->opens.cap; i++) {
		struct open_intent *o = &d->opens.slots[i];

		if (o->id.rowid == 0 || o->segment != s)
			continue;
		o->segment = NULL;
		o->kept = true;
	}
	if (e == ERR_OK)
		s->open = 0;
	return e;
}

static enum err
let_go(struct drain *d, unsigned n, struct note *note)
{
	unsigned behind = 0;
	enum err e = ERR_OK;

	for (struct journal_segment *s = journals_first(d->set, n); s != NULL;
	     s = after(s))
		behind += is_drained(s) && s->open > 0;
	for (struct journal_segment *s = journals_first(d->set, n);
	     e == ERR_OK && s != NULL; s = after(s)) {
		if (!is_drained(s))
			continue;
		if (s->open > 0 && behind > BEHIND_MAX) {
			e = carry_over(d, s, note);
			behind--;
		}
		if (e == ERR_OK && s->open == 0)
			journals_drained(d->set, s);
		else
			journals_rest(d->set, s);
	}
	return e;
}

enum err
drain_all(struct drain *d, struct note *note)
{
	struct batch b;
	enum err e = ERR_OK;

	do {
		b = (struct batch){.bytes = 0};
		for (unsigned n = 0; n < journals_count(d->set); n++)
			gather_one(d, &b, n);
		if (b.bytes > 0 || b.gone)
			e = take_batch(d, &b, note);
		for (unsigned n = 0; e == ERR_OK && n < journals_count(d->set); n++)
			e = let_go(d, n, note);
	} while (e == ERR_OK && b.more);
	return e;
}

bool
drain_is_dry(struct drain *d)
{
	for (unsigned n = 0; n < journals_count(d->set); n++)
		for (struct journal_segment *s = journals_first(d->set, n); s != NULL;
		     s = after(s))
			if (atomic_load(&s->state) == JOURNAL_LIVE &&
			    s->drained != end_of(s))
				return false;
	return d->opens.count == 0;
}
