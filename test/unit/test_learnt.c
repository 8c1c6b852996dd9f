#include "store/learnt.h"

#include "core/clock.h"
#include "route/health.h"
#include "store_case.h"

/* Records live for ever: each test has some of its own. */
static struct health *
record(const char *name)
{
	struct health *h = health_of(slice_str(name));

	assert_non_null(h);
	return h;
}

static void
forget(struct health *h)
{
	atomic_store(&h->ttft_us, 0);
	atomic_store(&h->tok_per_ks, 0);
	atomic_store(&h->bytes_per_ktok, 0);
	atomic_store(&h->sampled_ms, 0);
	atomic_store(&h->open_until_ms, 0);
	for (unsigned k = 0; k < PROVIDER_KEYS_MAX; k++) {
		atomic_store(&h->bench_until_ms[k], 0);
		atomic_store(&h->bench_why[k], 0);
	}
}

static void
save(struct db *db, uint64_t *since_ms)
{
	struct note note = {""};

	if (learnt_save(db, since_ms, &note) != ERR_OK)
		fail_msg("%s", note.text);
}

static void
load(struct db *db)
{
	struct note note = {""};

	if (learnt_load(db, &note) != ERR_OK)
		fail_msg("%s", note.text);
}

/* What a time becomes after a restart: about the same one, however busy the machine. */
static void
assert_about(uint64_t got_ms, uint64_t want_ms)
{
	assert_in_range(got_ms, want_ms - 2000, want_ms + 2000);
}

TEST(what_was_learnt_is_known_again)
{
	struct health *h = record("learnt/known");
	uint64_t now = clock_mono_ms(), since = 0;
	struct db *db = open_db();
	enum err why;

	atomic_store(&h->ttft_us, 123);
	atomic_store(&h->tok_per_ks, 456);
	atomic_store(&h->bytes_per_ktok, 789);
	atomic_store(&h->sampled_ms, now - 8000);
	atomic_store(&h->open_until_ms, now + 50000);
	health_bench(h, 0, now + 90000, ERR_RATE_LIMITED);
	save(db, &since);
	forget(h);
	close_db(db);
	db = open_db();
	load(db);
	assert_int_equal(atomic_load(&h->ttft_us), 123);
	assert_int_equal(atomic_load(&h->tok_per_ks), 456);
	assert_int_equal(atomic_load(&h->bytes_per_ktok), 789);
	assert_about(atomic_load(&h->sampled_ms), now - 8000);
	assert_about(atomic_load(&h->open_until_ms), now + 50000);
	assert_about(health_benched(h, 0, now, &why), now + 90000);
	assert_int_equal(why, ERR_RATE_LIMITED);
	close_db(db);
}

TEST(nothing_learnt_stays_nothing)
{
	struct health *h = record("learnt/nothing");
	uint64_t since = 0;
	struct db *db = open_db();

	forget(h);
	save(db, &since);
	atomic_store(&h->sampled_ms, 77);
	load(db);
	assert_int_equal(atomic_load(&h->sampled_ms), 0);
	assert_int_equal(atomic_load(&h->open_until_ms), 0);
	assert_int_equal(atomic_load(&h->bench_until_ms[0]), 0);
	close_db(db);
}

/* The earliest time at which one of the provider's keys may be used. */
TEST(bug_a_key_that_is_free_is_not_benched_by_a_restart)
{
	struct health *h = record("learnt/keys");
	uint64_t now = clock_mono_ms(), since = 0;
	struct db *db = open_db();
	enum err why;

	atomic_store(&h->keys, 3);
	health_bench(h, 0, now + 60000, ERR_UP_CREDENTIAL);
	health_bench(h, 1, now + 50000, ERR_UP_CREDENTIAL);
	save(db, &since); /* the third was never benched */
	forget(h);
	load(db);
	for (unsigned key = 0; key < PROVIDER_KEYS_MAX; key++)
		assert_int_equal(health_benched(h, key, now, &why), 0);
	health_bench(h, 0, now + 60000, ERR_UP_QUOTA);
	health_bench(h, 1, now + 50000, ERR_RATE_LIMITED);
	health_bench(h, 2, now + 70000, ERR_UP_CREDENTIAL);
	since = 0;
	save(db, &since);
	forget(h);
	load(db);
	for (unsigned key = 0; key < PROVIDER_KEYS_MAX; key++) {
		assert_about(health_benched(h, key, now, &why), now + 50000);
		assert_int_equal(why, ERR_RATE_LIMITED);
	}
	/* Of one key, those that are not there do not count. */
	forget(h);
	for (unsigned keys = 0; keys < 2; keys++) {
		atomic_store(&h->keys, keys);
		health_bench(h, 0, now + 60000, ERR_RATE_LIMITED);
		since = 0;
		save(db, &since);
		forget(h);
		load(db);
		assert_about(health_benched(h, 0, now, &why), now + 60000);
	}
	close_db(db);
}

TEST(only_what_changed_is_written)
{
	struct health *a = record("learnt/a"), *b = record("learnt/b"),
		      *c = record("learnt/c"), *d = record("learnt/d");
	uint64_t now = clock_mono_ms(), since = now;
	struct db *db = open_db();

	forget(a);
	atomic_store(&a->sampled_ms, now - 1);
	atomic_store(&b->sampled_ms, now);
	atomic_store(&c->open_until_ms, now + 1000);
	health_bench(d, 0, now + 1000, ERR_RATE_LIMITED);
	save(db, &since);
	assert_int_equal(number_of(db, "SELECT count(*) FROM learnt WHERE name IN "
				       "('learnt/b', 'learnt/c', 'learnt/d')"),
	    3);
	assert_int_equal(
	    number_of(db, "SELECT count(*) FROM learnt WHERE name = 'learnt/a'"), 0);
	assert_in_range(since, now, clock_mono_ms());
	/* Nothing new: not even a transaction. */
	forget(c);
	forget(d);
	run_sql(db, "DELETE FROM learnt");
	since = clock_mono_ms() + 100000;
	save(db, &since);
	assert_int_equal(number_of(db, "SELECT count(*) FROM learnt"), 0);
	close_db(db);
}

TEST(a_row_is_replaced)
{
	struct health *h = record("learnt/again");
	uint64_t since = 0;
	struct db *db = open_db();

	for (unsigned i = 1; i <= 2; i++) {
		atomic_store(&h->ttft_us, i);
		atomic_store(&h->sampled_ms, clock_mono_ms());
		since = 0;
		save(db, &since);
	}
	assert_int_equal(
	    number_of(db, "SELECT ttft_us FROM learnt WHERE name = 'learnt/again'"), 2);
	close_db(db);
}

/* Of long ago, of another machine's clock, or of who knows what. */
TEST(odd_rows_do_no_harm)
{
	struct health *h = record("learnt/odd");
	struct db *db = open_db();
	uint64_t now = clock_mono_ms();
	enum err why;

	run_sql(db, "INSERT INTO learnt VALUES ('learnt/odd', -5, -1, 0, 1, 1, 1, 3)");
	load(db);
	assert_int_equal(atomic_load(&h->ttft_us), 0);
	assert_int_equal(atomic_load(&h->tok_per_ks), 0);
	/* Known, and long ago: not in the future, and not "never". */
	assert_int_equal(atomic_load(&h->sampled_ms), 1);
	assert_int_equal(health_breaker(h, now), BREAKER_HALF_OPEN);
	assert_int_equal(health_benched(h, 0, now, &why), 0);
	run_sql(db, "UPDATE learnt SET benched_ms = 99999999999999, bench_why = 100000");
	load(db);
	assert_int_equal(health_benched(h, 0, now, &why), 0); /* an error there is not */
	run_sql(db, "UPDATE learnt SET ttft_us = 'x', sampled_ms = 9223372036854775807");
	load(db);
	assert_int_equal(atomic_load(&h->ttft_us), 0);
	forget(h);
	close_db(db);
}

TEST(a_file_that_cannot_be_read_or_written_is_told)
{
	struct health *h = record("learnt/told");
	uint64_t since = 0;
	struct note note = {""};
	struct db *db = open_db();
	bool done = false;

	atomic_store(&h->sampled_ms, clock_mono_ms());
	run_sql(db, "PRAGMA query_only = 1");
	assert_int_equal(learnt_save(db, &since, &note), ERR_IO);
	assert_non_null(strstr(note.text, "readonly"));
	assert_int_equal(since, 0); /* it is tried again */
	run_sql(db, "PRAGMA query_only = 0");
	for (int at = 1; !done; at++) {
		int steps = at;
		enum err e;

		break_reads(db, &steps);
		e = learnt_save(db, &since, &note);
		mend_reads(db);
		done = e == ERR_OK;
		assert_int_equal(e, done ? ERR_OK : ERR_IO);
		assert_int_equal(since != 0, done);
		assert_int_equal(sqlite3_get_autocommit(db_sqlite_handle(db)), 1);
	}
	assert_true(number_of(db, "SELECT count(*) FROM learnt") > 0);
	done = false;
	for (int at = 1; !done; at++) {
		int steps = at;

		note.text[0] = '\0';
		break_reads(db, &steps);
		done = learnt_load(db, &note) == ERR_OK;
		mend_reads(db);
		assert_string_equal(note.text, done ? "" : "interrupted");
		assert_true(!done || at > 10);
	}
	run_sql(db, "DROP TABLE learnt");
	assert_int_equal(learnt_load(db, &note), ERR_IO);
	assert_string_equal(note.text, "no such table: learnt");
	close_db(db);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    RUN(what_was_learnt_is_known_again),
	    RUN(nothing_learnt_stays_nothing),
	    RUN(bug_a_key_that_is_free_is_not_benched_by_a_restart),
	    RUN(only_what_changed_is_written),
	    RUN(a_row_is_replaced),
	    RUN(odd_rows_do_no_harm),
	    RUN(a_file_that_cannot_be_read_or_written_is_told),
	};

	return cmocka_run_group_tests_name("learnt", tests, NULL, NULL);
}
