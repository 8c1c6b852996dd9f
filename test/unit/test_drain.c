/*
 * From the journal to the ledger, and what is taken over from a run that was killed:
 * here one that simply goes on no further, and leaves its files.
 */
#include "store/drain.h"

#include "core/log.h"
#include "store_case.h"
#include "torture.h"

#include <fcntl.h>

struct opened {
	struct db *db;
	struct ledger ledger;
	struct drain drain;
	struct journals *set;
	struct journal *j[2];
	struct drain_found found;
};

static const char *
place(void)
{
	static char path[100];

	(void)snprintf(path, sizeof(path), "%s/journal", folder);
	return path;
}

static enum err
try_open(struct opened *o, struct note *note)
{
	enum err e;

	*o = (struct opened){.db = open_db()};
	log_setup(LOG_ERROR, LOG_TEXT);
	assert_int_equal(ledger_open(&o->ledger, o->db, note), ERR_OK);
	assert_int_equal(drain_open(&o->drain, &o->ledger, note), ERR_OK);
	e = drain_recover(&o->drain, place(), &o->found, note);
	if (e != ERR_OK)
		return e;
	assert_int_equal(
	    journals_open(place(), &small_limits, o->found.sequence, &o->set, note),
	    ERR_OK);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(journals_add(o->set, &o->j[i]), ERR_OK);
	o->drain.set = o->set;
	return e;
}

static void
open_all(struct opened *o)
{
	struct note note = {""};

	if (try_open(o, &note) != ERR_OK)
		fail_msg("%s", note.text);
}

/* In order, or as after a kill: the files stay as they are. */
static void
close_all(struct opened *o, bool killed)
{
	if (killed && o->set != NULL) /* it may have drained all of it */
		for (unsigned i = 0; i < 2; i++)
			for (struct journal_segment *s = journals_first(o->set, i);
			     s != NULL; s = atomic_load(&s->next))
				s->open++;
	journals_close(o->set);
	drain_close(&o->drain);
	ledger_close(&o->ledger);
	close_db(o->db);
}

static void
drain_now(struct opened *o)
{
	struct note note = {""};

	if (drain_all(&o->drain, &note) != ERR_OK)
		fail_msg("%s", note.text);
	journals_keep(o->set);
}

static int64_t
number(struct opened *o, const char *sql)
{
	return number_of(o->db, sql);
}

static enum err
count_file(void *arg, const char *path, struct note *note)
{
	(void)path;
	(void)note;
	++*(unsigned *)arg;
	return ERR_OK;
}

static unsigned
files(void)
{
	struct note note = {""};
	unsigned n = 0;

	assert_int_equal(journals_each(place(), count_file, &n, &note), ERR_OK);
	return n;
}

static void
kill_and_open(struct opened *o)
{
	close_all(o, true);
	open_all(o);
}

TEST(rows_of_all_journals_are_drained_once)
{
	struct opened o;

	open_all(&o);
	put_intent(o.j[0], 1);
	put_row(o.j[0], 1);
	put_row(o.j[1], 2);
	drain_now(&o);
	assert_int_equal(number(&o, "SELECT count(*) FROM ledger"), 2);
	assert_true(drain_is_dry(&o.drain));
	put_row(o.j[1], 3);
	assert_false(drain_is_dry(&o.drain));
	drain_now(&o);
	drain_now(&o);
	assert_int_equal(number(&o, "SELECT count(*) FROM ledger"), 3);
	close_all(&o, false);
	assert_int_equal(files(), 0);
	open_all(&o);
	assert_int_equal(o.found.rows + o.found.interrupted, 0);
	assert_int_equal(number(&o, "SELECT count(*) FROM ledger"), 3);
	close_all(&o, false);
}

TEST(segments_go_when_they_are_drained)
{
	struct opened o;

	open_all(&o);
	for (unsigned i = 1; i <= 2000; i++) {
		put_intent(o.j[i % 2], i);
		put_row(o.j[i % 2], i);
		journals_keep(o.set);
		if (i % 50 == 0)
			drain_now(&o);
	}
	drain_now(&o);
	drain_now(&o);			/* what went the last time is forgotten */
	assert_in_range(files(), 2, 4); /* two for each: in use, and ahead */
	assert_in_range(number(&o, "SELECT count(*) FROM journal"), 2, 4);
	assert_int_equal(number(&o, "SELECT count(*) FROM ledger"), 2000);
	close_all(&o, false);
	assert_int_equal(files(), 0);
}

TEST(what_was_not_drained_is_taken_over)
{
	struct opened o;

	open_all(&o);
	put_intent(o.j[0], 1);
	put_row(o.j[0], 1);
	drain_now(&o);
	put_row(o.j[0], 2);
	put_row(o.j[1], 3);
	kill_and_open(&o);
	assert_int_equal(o.found.rows, 2); /* one was drained */
	assert_int_equal(o.found.interrupted, 0);
	assert_int_equal(number(&o, "SELECT count(*) FROM ledger"), 3);
	assert_int_equal(number(&o, "SELECT count(*) FROM journal"), 0);
	assert_true(o.found.sequence > 3); /* numbers are not used again */
	kill_and_open(&o);
	assert_int_equal(o.found.rows, 0);
	close_all(&o, false);
}

/* Also one that was drained stays so, when the ledger has it no more. */
TEST(a_row_that_was_drained_does_not_come_back)
{
	struct opened o;

	open_all(&o);
	put_row(o.j[0], 1);
	drain_now(&o);
	run_sql(o.db, "DELETE FROM ledger");
	put_row(o.j[0], 2);
	kill_and_open(&o);
	assert_int_equal(number(&o, "SELECT sum(id) FROM ledger"), 2);
	close_all(&o, false);
}

TEST(an_open_intent_is_settled_as_interrupted)
{
	struct opened o;

	open_all(&o);
	put_intent(o.j[0], 1);
	put_intent(o.j[0], 2);
	put_row(o.j[0], 2);
	put_intent(o.j[1], 3);
	drain_now(&o);
	put_intent(o.j[1], 4);
	put_row(o.j[1], 3);
	kill_and_open(&o);
	assert_int_equal(o.found.rows, 1);
	assert_int_equal(o.found.interrupted, 2);
	assert_int_equal(number(&o, "SELECT count(*) FROM ledger"), 4);
	assert_int_equal(number(&o, "SELECT count(*) FROM ledger WHERE outcome = "
				    "'INTERRUPTED' AND estimated AND partial AND id IN "
				    "(1, 4) AND cost_pusd = 5000 + id"),
	    2);
	kill_and_open(&o);
	assert_int_equal(o.found.interrupted, 0);
	assert_int_equal(number(&o, "SELECT count(*) FROM ledger"), 4);
	close_all(&o, false);
}

/* Of two attempts the later one's amount and name hold. */
TEST(a_later_intent_holds)
{
	struct opened o;
	struct meter_intent intent = intent_of(1);
	size_t promise = 0;

	open_all(&o);
	put_intent(o.j[0], 1);
	intent.reserved_pusd = 77;
	intent.attempts = 2;
	intent.text[INTENT_PROVIDER] = S("mine");
	assert_true(journal_intent(o.j[0], &intent, &promise));
	kill_and_open(&o);
	assert_int_equal(number(&o, "SELECT count(*) FROM ledger"), 1);
	assert_int_equal(number(&o, "SELECT cost_pusd FROM ledger WHERE provider = "
				    "'mine'"),
	    77);
	close_all(&o, false);
}

/* --- long requests --- */

static void
turn_segments(struct opened *o, unsigned *next, unsigned rows)
{
	for (unsigned i = 0; i < rows; i++) {
		put_row(o->j[0], (*next)++);
		journals_keep(o->set);
		if (i % 50 == 0)
			drain_now(o);
	}
	drain_now(o);
	drain_now(o);
}

/* An intent that stays open for long moves to the store: its segment may go. */
TEST(a_long_request_holds_up_no_segment)
{
	struct opened o;
	unsigned next = 10;

	open_all(&o);
	put_intent(o.j[0], 1);
	put_intent(o.j[0], 2);
	turn_segments(&o, &next, 300);
	put_intent(o.j[0], 3);
	turn_segments(&o, &next, 300);
	put_intent(o.j[0], 4);
	for (unsigned i = 5; i < 10; i++) {
		turn_segments(&o, &next, 300);
		put_intent(o.j[0], i);
	}
	turn_segments(&o, &next, 300);
	assert_in_range(number(&o, "SELECT count(*) FROM intent"), 2, 5);
	assert_in_range(files(), 4, 10);
	put_row(o.j[0], 1);
	drain_now(&o);
	assert_int_equal(number(&o, "SELECT count(*) FROM intent WHERE id = 1"), 0);
	/* Killed: those in the store and those in segments are settled, each once. */
	kill_and_open(&o);
	assert_int_equal(o.found.interrupted, 8);
	assert_int_equal(number(&o, "SELECT count(*) FROM ledger"), next - 10 + 9);
	assert_int_equal(number(&o, "SELECT count(*) FROM ledger WHERE outcome = "
				    "'INTERRUPTED'"),
	    8);
	assert_int_equal(number(&o, "SELECT count(*) FROM intent"), 0);
	close_all(&o, false);
}

/* --- a database that fails --- */

/* At every step of SQLite's machine: what failed is done again, and nothing twice. */
TEST(a_database_that_fails_at_any_step)
{
	struct opened o;
	struct note note;
	unsigned failed = 0;
	enum err e = ERR_IO;

	open_all(&o);
	for (unsigned i = 1; i <= 20; i++) {
		put_intent(o.j[0], i);
		put_row(o.j[0], i);
	}
	put_intent(o.j[0], 21);
	for (int at = 1; e != ERR_OK; at += 7) {
		int steps = at;

		break_reads(o.db, &steps);
		e = drain_all(&o.drain, &note);
		mend_reads(o.db);
		failed += e != ERR_OK;
	}
	assert_true(failed > 20);
	assert_int_equal(number(&o, "SELECT count(*) FROM ledger"), 20);
	assert_int_equal(o.drain.opens.count, 1);
	close_all(&o, false);
	assert_int_equal(files(), 1); /* as one is open */
}

TEST(a_recovery_that_fails_at_any_step_goes_on)
{
	struct opened o;
	struct note note;
	unsigned failed = 0;
	enum err e = ERR_IO;

	open_all(&o);
	for (unsigned i = 1; i <= 20; i++) {
		put_intent(o.j[0], i);
		put_row(o.j[i % 2], i + 100);
	}
	close_all(&o, true);
	o = (struct opened){.db = open_db()};
	assert_int_equal(ledger_open(&o.ledger, o.db, &note), ERR_OK);
	assert_int_equal(drain_open(&o.drain, &o.ledger, &note), ERR_OK);
	for (int at = 1; e != ERR_OK; at += 7) {
		int steps = at;

		break_reads(o.db, &steps);
		e = drain_recover(&o.drain, place(), &o.found, &note);
		mend_reads(o.db);
		failed += e != ERR_OK;
	}
	assert_true(failed > 20);
	assert_int_equal(number(&o, "SELECT count(*) FROM ledger"), 40);
	assert_int_equal(number(&o, "SELECT count(DISTINCT tag) FROM ledger"), 40);
	assert_int_equal(files(), 0);
	close_all(&o, false);
}

/* --- damage --- */

static void
change_file(const char *name, off_t at, const char *bytes, size_t n)
{
	char path[200];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", place(), name);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, at), n);
	assert_int_equal(close(fd), 0);
}

TEST(behind_a_damaged_record_nothing_is_read)
{
	struct opened o;

	open_all(&o);
	put_row(o.j[0], 1);
	put_row(o.j[0], 2);
	put_row(o.j[1], 3);
	close_all(&o, true);
	change_file("0000000000000001-00.journal", SEGMENT_HEAD + 400, "#", 1);
	open_all(&o);
	assert_int_equal(o.found.rows, 2);
	assert_int_equal(number(&o, "SELECT sum(id) FROM ledger"), 4);
	close_all(&o, false);
}

TEST(a_file_that_is_no_segment_is_put_aside)
{
	struct opened o;
	char path[200];

	open_all(&o);
	put_row(o.j[0], 1);
	put_row(o.j[1], 3);
	close_all(&o, true);
	change_file("0000000000000001-00.journal", 0, "#", 1);
	open_all(&o);
	assert_int_equal(o.found.rows, 1);
	(void)snprintf(
	    path, sizeof(path), "%s/0000000000000001-00.journal.damaged", place());
	assert_int_equal(access(path, R_OK), 0);
	close_all(&o, false);
}

TEST(a_version_that_is_not_known_stops_the_start)
{
	struct opened o;
	struct note note = {""};

	open_all(&o);
	put_row(o.j[0], 1);
	close_all(&o, true);
	change_file("0000000000000001-00.journal", 8, "\2", 1);
	assert_int_equal(try_open(&o, &note), ERR_IO);
	assert_non_null(strstr(note.text, "version 2"));
	assert_non_null(strstr(note.text, "0000000000000001-00.journal"));
	close_all(&o, true);
	change_file("0000000000000001-00.journal", 8, "\1", 1);
	open_all(&o);
	assert_int_equal(o.found.rows, 1);
	close_all(&o, false);
}

/* Killed while it made one: there is nothing in it. */
TEST(a_file_without_a_head_is_removed)
{
	struct opened o;
	char path[200];
	int fd;

	assert_int_equal(mkdir(place(), 0700), 0);
	for (unsigned i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/%u.journal", place(), i);
		fd = open(path, O_RDWR | O_CREAT, 0600);
		assert_true(fd >= 0);
		assert_int_equal(ftruncate(fd, i * 65536), 0);
		assert_int_equal(close(fd), 0);
	}
	open_all(&o);
	close_all(&o, false);
	assert_int_equal(files(), 0);
}

/* --- memory --- */

static enum err
recover(void *arg)
{
	struct opened *o = arg;
	struct note note;

	return drain_recover(&o->drain, place(), &o->found, &note);
}

TEST(survives_torture)
{
	struct opened o;
	struct note note;
	size_t count;

	open_all(&o);
	put_intent(o.j[0], 1);
	put_row(o.j[1], 2);
	close_all(&o, true);
	o = (struct opened){.db = open_db()};
	assert_int_equal(ledger_open(&o.ledger, o.db, &note), ERR_OK);
	assert_int_equal(drain_open(&o.drain, &o.ledger, &note), ERR_OK);
	for (count = 1; count < 100; count++) {
		enum err e;

		torture_start(count, false);
		e = recover(&o);
		if (!torture_stop()) {
			assert_int_equal(e, ERR_OK);
			break;
		}
		assert_true(e == ERR_NOMEM || e == ERR_OK);
		if (e == ERR_OK)
			break;
	}
	assert_in_range(count, 3, 99);
	assert_int_equal(number(&o, "SELECT count(*) FROM ledger"), 2);
	close_all(&o, false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    RUN(rows_of_all_journals_are_drained_once),
	    RUN(segments_go_when_they_are_drained),
	    RUN(what_was_not_drained_is_taken_over),
	    RUN(a_row_that_was_drained_does_not_come_back),
	    RUN(an_open_intent_is_settled_as_interrupted),
	    RUN(a_later_intent_holds),
	    RUN(a_long_request_holds_up_no_segment),
	    RUN(a_database_that_fails_at_any_step),
	    RUN(a_recovery_that_fails_at_any_step_goes_on),
	    RUN(behind_a_damaged_record_nothing_is_read),
	    RUN(a_file_that_is_no_segment_is_put_aside),
	    RUN(a_version_that_is_not_known_stops_the_start),
	    RUN(a_file_without_a_head_is_removed),
	    RUN(survives_torture),
	};

	return cmocka_run_group_tests_name("drain", tests, NULL, NULL);
}
