#include "store/journal.h"

#include "core/log.h"
#include "store_case.h"
#include "torture.h"

#include <pthread.h>

/* A journal in the folder or in memory, without a keeper. */
struct opened {
	struct journals *set;
	struct journal *j;
};

static struct opened
open_journal(const char *where, const struct journal_limits *limits)
{
	struct opened o;
	struct note note = {""};

	if (journals_open(where, limits, 7, &o.set, &note) != ERR_OK)
		fail_msg("%s", note.text);
	assert_int_equal(journals_add(o.set, &o.j), ERR_OK);
	return o;
}

static const char *
place(void)
{
	static char path[100];

	(void)snprintf(path, sizeof(path), "%s/journal", folder);
	return path;
}

static enum err
count_file(void *arg, const char *path, struct note *note)
{
	struct stat st;

	(void)note;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, SEGMENT_LEAST);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(st.st_blocks * 512 >= st.st_size); /* its blocks are there */
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

/* Reads all records; checks that the rows are 1, 2, 3, ...; how many. */
static unsigned
rows_in(struct journals *set)
{
	unsigned rows = 0;

	for (struct journal_segment *s = journals_first(set, 0); s != NULL;
	     s = atomic_load(&s->next)) {
		struct segment_reader r;
		struct segment_record record;
		struct meter_row row;

		segment_read(&r, slice_of(s->map, atomic_load(&s->end)), s->tag, 0);
		while (segment_next(&r, &record)) {
			if (record.type != SEGMENT_SETTLE)
				continue;
			assert_true(meter_row_take(&record.payload, &row));
			assert_int_equal(row.n.id.rowid, ++rows);
		}
		assert_int_equal(r.at, atomic_load(&s->end));
	}
	return rows;
}

TEST(what_is_appended_is_there_in_order)
{
	struct opened o = open_journal(place(), &small_limits);

	assert_null(journals_first(o.set, 0));
	assert_int_equal(files(), 2);
	put_intent(o.j, 1);
	put_row(o.j, 1);
	put_intent(o.j, 2);
	put_row(o.j, 2);
	assert_int_equal(rows_in(o.set), 2);
	journals_close(o.set);
	assert_int_equal(files(), 1); /* the one that has something */
}

TEST(segments_follow_each_other)
{
	struct opened o = open_journal(place(), &small_limits);
	unsigned segments = 0;

	for (unsigned i = 1; i <= 1000; i++) {
		put_row(o.j, i);
		journals_keep(o.set);
	}
	assert_int_equal(rows_in(o.set), 1000);
	for (struct journal_segment *s = journals_first(o.set, 0); s != NULL;
	     s = atomic_load(&s->next)) {
		assert_int_equal(s->sequence, 7 + segments);
		segments++;
	}
	assert_in_range(segments, 4, 10);
	assert_int_equal(files(), segments + 1);
	assert_int_equal(journals_bytes(o.set), (segments + 1) * SEGMENT_LEAST);
	journals_close(o.set);
}

/* What is drained goes, from the middle too; the rest stays linked. */
TEST(segments_that_are_drained_go)
{
	struct opened o = open_journal(place(), &small_limits);
	struct journal_segment *first, *second, *third;

	for (unsigned i = 1; files() < 5; i++) {
		put_row(o.j, i);
		journals_keep(o.set);
	}
	first = journals_first(o.set, 0);
	second = atomic_load(&first->next);
	third = atomic_load(&second->next);
	journals_drained(o.set, second);
	journals_keep(o.set);
	assert_int_equal(atomic_load(&second->state), JOURNAL_GONE);
	assert_int_equal(files(), 4);
	journals_forget(o.set, second);
	assert_ptr_equal(atomic_load(&first->next), third);
	journals_drained(o.set, first);
	journals_keep(o.set);
	journals_forget(o.set, first);
	assert_ptr_equal(journals_first(o.set, 0), third);
	assert_int_equal(files(), 3);
	journals_close(o.set);
}

/* --- full --- */

static const struct journal_limits two = {
    .segment_bytes = SEGMENT_LEAST, .max_bytes = 2 * SEGMENT_LEAST};

TEST(who_was_let_in_finds_room)
{
	struct opened o = open_journal(NULL, &two);
	size_t promises[200], bytes = journal_promise(19);
	unsigned admitted = 0, rows = 0;

	log_setup(LOG_ERROR, LOG_TEXT);
	while (journal_admit(o.j, bytes)) {
		promises[admitted++] = bytes;
		journals_keep(o.set); /* it may not have more */
	}
	assert_in_range(admitted, 8, 30);
	for (unsigned i = 0; i < admitted; i++) {
		struct meter_intent intent = intent_of(i + 1);

		assert_true(journal_intent(o.j, &intent, &promises[i]));
	}
	assert_false(journal_admit(o.j, bytes));
	for (unsigned i = 0; i < admitted; i++) {
		struct meter_row row = row_of(++rows);

		assert_true(journal_settle(o.j, &row, &promises[i]));
		journal_release(o.j, promises[i]);
	}
	assert_int_equal(rows_in(o.set), rows);
	journals_close(o.set);
}

/* One that was not let in takes nobody's room, and finds what there is beyond. */
TEST(who_was_not_let_in_takes_nobodys_room)
{
	struct opened o = open_journal(NULL, &two);
	size_t bytes = journal_promise(19), none = 0;
	struct meter_row row = row_of(1);
	struct meter_intent intent = intent_of(1);
	unsigned admitted = 0, beyond = 0, rows = 0;

	log_setup(LOG_ERROR, LOG_TEXT);
	while (journal_admit(o.j, bytes))
		admitted++;
	while (journal_intent(o.j, &intent, &none))
		beyond++;
	assert_in_range(beyond, 1, 60);
	/* An intent leaves room for its row. */
	while (journal_settle(o.j, &row, &none))
		rows++;
	assert_in_range(rows, 1, 4);
	for (unsigned i = 0; i < admitted; i++) {
		size_t promise = bytes;

		assert_true(journal_intent(o.j, &intent, &promise));
		assert_true(journal_settle(o.j, &row, &promise));
		journal_release(o.j, promise);
	}
	journals_close(o.set);
}

/* Longer than was promised: without the list of attempts it fits. */
TEST(a_long_row_is_shortened_where_there_is_no_room)
{
	static char much[METER_TEXT_MAX];
	struct opened o = open_journal(NULL, &two);
	size_t bytes = journal_promise(19), promise = bytes;
	struct meter_row row = row_of(1), got;
	struct segment_reader r;
	struct segment_record record;

	log_setup(LOG_ERROR, LOG_TEXT);
	memset(much, 'x', sizeof(much));
	row.text[TEXT_ATTEMPTS] = slice_of(much, sizeof(much));
	assert_true(journal_admit(o.j, bytes));
	while (journal_admit(o.j, bytes))
		;
	assert_true(journal_settle(o.j, &row, &promise));
	segment_read(&r, slice_of(journals_first(o.set, 0)->map, SEGMENT_LEAST),
	    journals_first(o.set, 0)->tag, 0);
	assert_true(segment_next(&r, &record));
	assert_true(meter_row_take(&record.payload, &got));
	assert_slice(got.text[TEXT_ATTEMPTS], S("[]"));
	assert_slice(got.text[TEXT_PROVIDER], S("groq"));
	assert_int_equal(got.n.cost_pusd, row.n.cost_pusd);
	journals_close(o.set);
}

/* A journal that has no segment at all lets nobody in, until it has one. */
TEST(a_disk_that_is_full_at_the_start)
{
	struct journal_limits none = {.segment_bytes = SEGMENT_LEAST, .max_bytes = 1};
	struct opened o;
	size_t promise = 0;
	struct meter_row row = row_of(1);

	log_setup(LOG_ERROR, LOG_TEXT);
	o = open_journal(place(), &none);
	assert_int_equal(files(), 0);
	assert_false(journal_admit(o.j, 100));
	assert_false(journal_settle(o.j, &row, &promise));
	journals_keep(o.set);
	assert_false(journal_admit(o.j, 100));
	journals_close(o.set);
}

/* Many open requests: segments wait for all of their rows. */
TEST(promises_bring_segments)
{
	struct opened o = open_journal(NULL, &small_limits);
	size_t bytes = journal_promise(19);

	for (unsigned i = 0; i < 1000; i++) {
		assert_true(journal_admit(o.j, bytes));
		journals_keep(o.set);
	}
	assert_true(journals_bytes(o.set) >= 1000 * bytes);
	journals_close(o.set);
}

TEST(who_comes_at_once_is_let_in_up_to_the_limit)
{
	const struct journal_limits limits = {SEGMENT_LEAST, 64 * SEGMENT_LEAST, 0};
	struct opened o = open_journal(place(), &limits);
	unsigned n = 0;

	assert_int_equal(journals_start(o.set), ERR_OK);
	while (journal_admit(o.j, 3000))
		n++;
	/* Of each segment so much is sure. */
	assert_true(n >= 60 * (SEGMENT_LEAST - SEGMENT_RECORD_MAX - SEGMENT_HEAD) / 3000);
	assert_int_equal(journals_bytes(o.set), limits.max_bytes);
	assert_int_equal(files(), 64);
	journal_release(o.j, n * 3000);
	journals_close(o.set);
}

TEST(a_folder_that_cannot_be_made)
{
	struct journals *set = NULL;
	struct note note = {""};

	assert_int_equal(
	    journals_open("/proc/none/journal", &small_limits, 1, &set, &note), ERR_IO);
	assert_non_null(strstr(note.text, "cannot make the folder /proc/none/journal"));
	assert_null(set);
}

/* --- while it is read --- */

#define ROWS 20000

static void *
append(void *arg)
{
	struct journal *j = arg;
	size_t promise = 0;

	for (unsigned i = 1; i <= ROWS; i++) {
		struct meter_row row = row_of(i);

		while (!journal_settle(j, &row, &promise))
			(void)usleep(100);
	}
	return NULL;
}

/* The reader sees whole records only, all of them, while the keeper makes and removes
 * segments. */
TEST(a_reader_keeps_up_with_the_writer)
{
	static const struct journal_limits some = {.segment_bytes = SEGMENT_LEAST,
	    .max_bytes = 16 * SEGMENT_LEAST,
	    .sync_ms = 5};
	struct opened o = open_journal(place(), &some);
	struct journal_segment *s = NULL;
	unsigned rows = 0;
	pthread_t writer;

	assert_int_equal(journals_start(o.set), ERR_OK);
	assert_int_equal(pthread_create(&writer, NULL, append, o.j), 0);
	while (rows < ROWS) {
		struct journal_segment *next;
		struct segment_reader r;
		struct segment_record record;
		struct meter_row row;

		if (s == NULL && (s = journals_first(o.set, 0)) == NULL)
			continue;
		next = atomic_load_explicit(&s->next, memory_order_acquire);
		segment_read(&r,
		    slice_of(s->map, atomic_load_explicit(&s->end, memory_order_acquire)),
		    s->tag, s->drained);
		while (segment_next(&r, &record)) {
			assert_true(meter_row_take(&record.payload, &row));
			assert_int_equal(row.n.id.rowid, ++rows);
		}
		assert_false(r.torn);
		s->drained = r.at;
		if (next == NULL)
			continue;
		journals_drained(o.set, s);
		while (atomic_load(&s->state) != JOURNAL_GONE)
			(void)usleep(100);
		journals_forget(o.set, s);
		s = next;
	}
	assert_int_equal(pthread_join(writer, NULL), 0);
	journals_close(o.set);
	assert_int_equal(files(), 0);
}

static enum err
open_it(void *arg)
{
	struct journals *set = NULL;
	struct journal *j;
	struct note note = {""};
	enum err e = journals_open(arg, &small_limits, 1, &set, &note);

	if (e == ERR_OK)
		e = journals_add(set, &j);
	/* Without memory for a segment it is full for a while, which is no error. */
	journals_close(set);
	return e;
}

TEST(survives_torture)
{
	char path[100];

	log_setup(LOG_ERROR, LOG_TEXT);
	(void)snprintf(path, sizeof(path), "%s", place());
	assert_int_equal(torture(open_it, path), 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    RUN(what_is_appended_is_there_in_order),
	    RUN(segments_follow_each_other),
	    RUN(segments_that_are_drained_go),
	    RUN(who_was_let_in_finds_room),
	    RUN(who_was_not_let_in_takes_nobodys_room),
	    RUN(a_long_row_is_shortened_where_there_is_no_room),
	    RUN(a_disk_that_is_full_at_the_start),
	    RUN(promises_bring_segments),
	    RUN(who_comes_at_once_is_let_in_up_to_the_limit),
	    RUN(a_folder_that_cannot_be_made),
	    RUN(a_reader_keeps_up_with_the_writer),
	    RUN(survives_torture),
	};

	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
