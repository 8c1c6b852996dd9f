#include "store/learnt.h"

#include "core/clock.h"
#include "route/health.h"

/*
 * Times are monotonic in memory and of the wall clock in the file: what was in so
 * many ms stays in so many ms.
 */
static uint64_t
to_unix(uint64_t mono_ms)
{
	return mono_ms == 0 ? 0 : clock_unix_ms() + mono_ms - clock_mono_ms();
}

static uint64_t
to_mono(uint64_t unix_ms)
{
	uint64_t now = clock_mono_ms(), wall = clock_unix_ms();

	if (unix_ms == 0)
		return 0;
	if (unix_ms >= wall)
		return now + (unix_ms - wall);
	return wall - unix_ms < now ? now - (wall - unix_ms) : 1;
}

static uint64_t
number(struct db_stmt *s, int column)
{
	int64_t n = db_i64(s, column);

	return n < 0 ? 0 : (uint64_t)n;
}

static void
load_row(struct db_stmt *s)
{
	struct health *h = health_of(db_text(s, 0));
	uint64_t benched = to_mono(number(s, 6));
	unsigned why = (unsigned)number(s, 7);

	if (h == NULL)
		return;
	atomic_store(&h->ttft_us, number(s, 1));
	atomic_store(&h->tok_per_ks, number(s, 2));
	atomic_store(&h->bytes_per_ktok, number(s, 3));
	atomic_store(&h->sampled_ms, to_mono(number(s, 4)));
	atomic_store(&h->open_until_ms, to_mono(number(s, 5)));
	for (unsigned key = 0; key < PROVIDER_KEYS_MAX && why < ERR_COUNT; key++) {
		atomic_store(&h->bench_until_ms[key], benched);
		atomic_store(&h->bench_why[key], why);
	}
}

enum err
learnt_load(struct db *db, struct note *note)
{
	struct db_stmt *s;
	enum db_step step;
	enum err e = db_prepare(db,
	    "SELECT name, ttft_us, tok_per_ks, bytes_per_ktok, sampled_ms, open_until_ms,"
	    " benched_ms, bench_why FROM learnt",
	    &s, note);

	if (e != ERR_OK)
		return e;
	while ((step = db_step(s)) == DB_ROW)
		load_row(s);
	e = db_done(db, step, note);
	db_finish(s);
	return e;
}

struct saving {
	struct db *db;
	struct db_stmt *insert; /* NULL until there is something to write */
	uint64_t since_ms;
	struct note *note;
	enum err err;
};

/* The earliest time at which one of the keys may be used; 0: now. */
static uint64_t
benched_until(const struct health *h, uint64_t now_ms, unsigned *ret_why)
{
	uint64_t earliest = UINT64_MAX;
	unsigned keys = atomic_load(&h->keys);

	for (unsigned key = 0; key == 0 || key < keys; key++) {
		enum err why;
		uint64_t until = health_kept_until(h, key, now_ms, &why);

		if (until < earliest) {
			earliest = until;
			*ret_why = (unsigned)why;
		}
	}
	return earliest;
}

static void
save_one(void *arg, const struct health *h)
{
	struct saving *v = arg;
	unsigned why = 0;
	uint64_t sampled = atomic_load(&h->sampled_ms);
	uint64_t open = atomic_load(&h->open_until_ms),
		 benched = benched_until(h, clock_mono_ms(), &why);
	const uint64_t values[] = {atomic_load(&h->ttft_us), atomic_load(&h->tok_per_ks),
	    atomic_load(&h->bytes_per_ktok), to_unix(sampled), to_unix(open),
	    to_unix(benched), why};

	if (v->err != ERR_OK ||
	    (sampled < v->since_ms && open < v->since_ms && benched < v->since_ms))
		return;
	if (v->insert == NULL) {
		v->err = db_begin(v->db, DB_ROWS, v->note);
		if (v->err == ERR_OK)
			v->err = db_prepare(v->db,
			    "INSERT INTO learnt (name, ttft_us, tok_per_ks, "
			    "bytes_per_ktok, sampled_ms, open_until_ms, benched_ms, "
			    "bench_why) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
			    "ON CONFLICT (name) DO UPDATE SET "
			    "ttft_us = excluded.ttft_us, "
			    "tok_per_ks = excluded.tok_per_ks, "
			    "bytes_per_ktok = excluded.bytes_per_ktok, "
			    "sampled_ms = excluded.sampled_ms, "
			    "open_until_ms = excluded.open_until_ms, "
			    "benched_ms = excluded.benched_ms, "
			    "bench_why = excluded.bench_why",
			    &v->insert, v->note);
	}
	if (v->err != ERR_OK)
		return;
	db_bind_text(v->insert, 1, slice_str(h->name));
	for (int i = 0; i < 7; i++)
		db_bind_i64(v->insert, i + 2, (int64_t)values[i]);
	v->err = db_done(v->db, db_step(v->insert), v->note);
	db_reset(v->insert);
}

enum err
learnt_save(struct db *db, uint64_t *since_ms, struct note *note)
{
	struct saving v = {.db = db, .since_ms = *since_ms, .note = note};
	uint64_t now = clock_mono_ms();

	health_each(save_one, &v);
	db_finish(v.insert);
	if (v.insert != NULL || v.err != ERR_OK)
		v.err = db_end(db, v.err, note);
	if (v.err == ERR_OK)
		*since_ms = now;
	return v.err;
}
