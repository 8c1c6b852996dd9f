#include "store/store.h"

#include "core/clock.h"
#include "store/keydb.h"
#include "store_case.h"
#include "torture.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/wait.h>

/* Polls until the condition holds. */
#define UNTIL(condition)                                                                 \
	do {                                                                             \
		uint64_t end = clock_mono_ms() + 60000;                                  \
                                                                                         \
		while (!(condition)) {                                                   \
			assert_true(clock_mono_ms() < end);                              \
			(void)usleep(2000);                                              \
		}                                                                        \
	} while (0)

static struct store *
open_store(void)
{
	struct note note = {""};
	struct store *s = NULL;

	if (store_open(&(struct db_place){.folder = folder}, &small_limits, &s, &note) !=
	    ERR_OK)
		fail_msg("%s", note.text);
	return s;
}

#define PRODUCERS 4

/* What the store said of the keys; written on its thread. */
struct told {
	pthread_mutex_t lock;
	unsigned calls;
	struct key_set *keys;
	struct journal *journals[PRODUCERS]; /* of the store */
};

static void
on_keys(void *arg, struct key_set *keys)
{
	struct told *t = arg;

	(void)pthread_mutex_lock(&t->lock);
	key_set_unref(t->keys);
	t->keys = keys;
	t->calls++;
	(void)pthread_mutex_unlock(&t->lock);
}

static bool
keys_defined(struct told *t)
{
	bool any;

	(void)pthread_mutex_lock(&t->lock);
	any = key_set_any(t->keys);
	(void)pthread_mutex_unlock(&t->lock);
	return any;
}

static bool
key_opens(struct told *t, const char *text)
{
	unsigned char hash[KEY_HASH_BYTES];
	bool found;

	key_hash(slice_str(text), hash);
	(void)pthread_mutex_lock(&t->lock);
	found = key_set_find(t->keys, hash) != NULL;
	(void)pthread_mutex_unlock(&t->lock);
	return found;
}

static struct store *
start_store(struct told *t)
{
	struct store *s = open_store();
	struct note note = {""};

	*t = (struct told){.lock = PTHREAD_MUTEX_INITIALIZER};
	for (unsigned i = 0; i < PRODUCERS; i++)
		assert_int_equal(store_journal(s, &t->journals[i]), ERR_OK);
	if (store_start(s, on_keys, t, &note) != ERR_OK)
		fail_msg("%s", note.text);
	assert_int_equal(t->calls, 1); /* now, on this thread */
	return s;
}

static void
stop_store(struct store *s, struct told *t)
{
	store_stop(s);
	key_set_unref(t->keys);
}

static int64_t
rows_now(void)
{
	struct db *db = open_db();
	int64_t n = number_of(db, "SELECT count(*) FROM ledger");

	close_db(db);
	return n;
}

/* --- the folder --- */

TEST(where_the_data_is)
{
	static const struct {
		const char *configured, *state, *xdg, *home, *want;
	} cases[] = {
	    {"/c", "/s", "/x", "/h", "/c"},
	    {"c", "/s", "/x", "/h", "c"},
	    {"", "/s:/t", "/x", "/h", "/s"},
	    {NULL, "/s", "/x", "/h", "/s"},
	    {NULL, "s", "/x", "/h", "/x/weir"},
	    {NULL, "", "/x", "/h", "/x/weir"},
	    {NULL, NULL, "x", "/h", "/h/.local/share/weir"},
	    {NULL, NULL, NULL, "/h", "/h/.local/share/weir"},
	    {NULL, NULL, "", "h", "/var/lib/weir"},
	    {NULL, NULL, NULL, NULL, "/var/lib/weir"},
	};
	static const char *const names[] = {"STATE_DIRECTORY", "XDG_DATA_HOME", "HOME"};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *values[] = {cases[i].state, cases[i].xdg, cases[i].home};
		char to[4096];

		for (unsigned k = 0; k < 3; k++)
			assert_int_equal(values[k] == NULL
					     ? unsetenv(names[k])
					     : setenv(names[k], values[k], 1),
			    0);
		assert_string_equal(store_folder(cases[i].configured, to), cases[i].want);
	}
}

static unsigned
mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

TEST(folders_are_made_for_their_owner_alone)
{
	char path[200], file[300];
	struct note note = {""};

	(void)umask(0022);
	(void)snprintf(path, sizeof(path), "%s/a//b/c/", folder);
	assert_int_equal(store_make_folder(path, &note), ERR_OK);
	assert_int_equal(mode_of(path), 0700);
	(void)snprintf(path, sizeof(path), "%s/a", folder);
	assert_int_equal(mode_of(path), 0700);
	assert_int_equal(store_make_folder(path, &note), ERR_OK); /* it is there */
	assert_string_equal(note.text, "");
	/* One cannot be made in a file. */
	(void)snprintf(file, sizeof(file), "%s/file", path);
	assert_int_equal(close(open(file, O_CREAT | O_WRONLY, 0600)), 0);
	(void)snprintf(file, sizeof(file), "%s/file/b", path);
	assert_int_equal(store_make_folder(file, &note), ERR_IO);
	assert_non_null(strstr(note.text, file));
	assert_non_null(strstr(note.text, "Not a directory"));
}

TEST(names_that_cannot_be_a_folders)
{
	static char much[4097];
	struct note note = {""};

	assert_int_equal(store_make_folder("", &note), ERR_IO);
	memset(much, 'x', sizeof(much) - 1);
	assert_int_equal(store_make_folder(much, &note), ERR_IO);
	assert_non_null(strstr(note.text, "empty or too long"));
}

/* --- one server at a time --- */

TEST(a_second_server_is_refused)
{
	struct store *s = open_store(), *other = NULL;
	struct note note = {""};
	char pid[40];

	assert_int_equal(store_open(&(struct db_place){.folder = folder}, &small_limits,
			     &other, &note),
	    ERR_IO);
	(void)snprintf(pid, sizeof(pid), "another weir with pid %ld", (long)getpid());
	assert_non_null(strstr(note.text, pid));
	assert_non_null(strstr(note.text, folder));
	assert_non_null(strstr(note.text, "WEIR_DATA"));
	assert_null(other);
	store_stop(s); /* never started: it closes */
	s = open_store();
	store_stop(s);
	store_stop(NULL);
}

/* Is the lock's descriptor closed in a program that we start? */
static bool
lock_ends_with_us(void)
{
	bool found = false;

	for (int fd = 3; fd < 64; fd++) {
		char link[40], path[200] = "";

		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		if (readlink(link, path, sizeof(path) - 1) < 0 ||
		    !slice_ends(slice_str(path), S("/lock")))
			continue;
		found = true;
		if ((fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0)
			return false;
	}
	return found;
}

/* The lock ends with its process, however that ends; an engine does not keep it. */
TEST(a_server_that_was_killed_leaves_no_lock)
{
	struct store *s;
	int status, ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)open_store();
		(void)!write(ready[1], "x", 1);
		(void)pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	s = open_store();
	assert_true(lock_ends_with_us());
	store_stop(s);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

TEST(what_cannot_be_opened_is_told)
{
	struct store *s = NULL;
	struct note note = {""};
	char path[200];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/weir.db", folder);
	f = fopen(path, "w");
	assert_non_null(f);
	for (unsigned i = 0; i < 1000; i++)
		(void)fputs("this is no database ", f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(
	    store_open(&(struct db_place){.folder = folder}, &small_limits, &s, &note),
	    ERR_IO);
	assert_non_null(strstr(note.text, path));
	assert_non_null(strstr(note.text, "file is not a database"));
	assert_int_equal(unlink(path), 0);
	s = open_store(); /* and its lock was given back */
	store_stop(s);
	(void)snprintf(path, sizeof(path), "%s/lock", folder);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(
	    store_open(&(struct db_place){.folder = folder}, &small_limits, &s, &note),
	    ERR_IO);
	assert_non_null(strstr(note.text, "cannot open "));
}

/* --- rows --- */

TEST(rows_are_written_while_it_runs)
{
	struct told t;
	struct store *s = start_store(&t);

	put_row(t.journals[0], 1);
	UNTIL(rows_now() == 1); /* and not only at the end */
	assert_true(store_is_well(s));
	stop_store(s, &t);
}

#define ROWS 2000

struct producer {
	struct journal *journal;
	pthread_t thread;
	unsigned id;
};

static void *
produce(void *arg)
{
	const struct producer *p = arg;

	for (unsigned i = 0; i < ROWS; i++) {
		struct meter_row row = row_of(p->id * ROWS + i + 1);
		size_t promise = 0;

		row.n.cost_pusd = 1;
		while (!journal_settle(p->journal, &row, &promise))
			(void)usleep(1000);
	}
	return NULL;
}

/* All that was put before the end is there, once. */
TEST(no_row_is_lost_at_the_end)
{
	struct producer producers[PRODUCERS];
	struct told t;
	struct store *s = start_store(&t);
	struct db *db;

	for (unsigned i = 0; i < PRODUCERS; i++) {
		producers[i] = (struct producer){.journal = t.journals[i], .id = i};
		assert_int_equal(
		    pthread_create(&producers[i].thread, NULL, produce, &producers[i]),
		    0);
	}
	for (unsigned i = 0; i < PRODUCERS; i++)
		assert_int_equal(pthread_join(producers[i].thread, NULL), 0);
	stop_store(s, &t);
	db = open_db();
	assert_int_equal(number_of(db, "SELECT count(*) FROM ledger"), PRODUCERS * ROWS);
	assert_int_equal(
	    number_of(db, "SELECT sum(cost_pusd) FROM ledger"), PRODUCERS * ROWS);
	close_db(db);
}

/* A disk that refuses holds rows up and loses none. */
TEST(it_is_ill_while_the_disk_refuses)
{
	struct told t;
	struct store *s = start_store(&t);
	struct db *db = open_db();

	run_sql(db, "ALTER TABLE ledger RENAME TO away");
	put_row(t.journals[0], 1);
	UNTIL(!store_is_well(s));
	run_sql(db, "ALTER TABLE away RENAME TO ledger");
	UNTIL(store_is_well(s));
	assert_int_equal(number_of(db, "SELECT count(*) FROM ledger"), 1);
	close_db(db);
	stop_store(s, &t);
}

/* At the end it does not wait for ever for one: the next start brings the rows. */
TEST(a_disk_that_refuses_at_the_end_loses_nothing)
{
	struct told t;
	struct store *s = start_store(&t);
	struct db *db = open_db();

	run_sql(db, "ALTER TABLE ledger RENAME TO away");
	put_row(t.journals[0], 1);
	put_row(t.journals[3], 2);
	stop_store(s, &t);
	assert_int_equal(number_of(db, "SELECT count(*) FROM away"), 0);
	run_sql(db, "ALTER TABLE away RENAME TO ledger");
	s = open_store();
	assert_int_equal(number_of(db, "SELECT count(*) FROM ledger"), 2);
	assert_int_equal(number_of(db, "SELECT count(*) FROM journal"), 0);
	store_stop(s);
	close_db(db);
}

/* --- finding --- */

struct asker {
	struct store_find find;
	struct loop *loop;
	bool answered;
};

static void
on_found(struct store_find *f)
{
	struct asker *a = f->arg;

	a->answered = true;
	loop_stop(a->loop);
}

static void
ask_for(struct store *s, struct asker *a, uint64_t number, uint64_t key_id)
{
	a->answered = false;
	a->find = (struct store_find){.id = {number, number * 7},
	    .key_id = key_id,
	    .loop = a->loop,
	    .fn = on_found,
	    .arg = a};
	store_find(s, &a->find);
}

static void
assert_answer(struct asker *a, enum err want)
{
	loop_run(a->loop);
	assert_true(a->answered);
	assert_int_equal(a->find.result, want);
	assert_int_equal(a->find.json.len > 0, want == ERR_OK);
	buf_free(&a->find.json);
}

TEST(a_row_is_found_as_soon_as_it_was_put)
{
	struct told t;
	struct store *s = start_store(&t);
	struct asker a;

	assert_int_equal(loop_new(&a.loop), ERR_OK);
	for (unsigned i = 1; i <= 20; i++) {
		put_row(t.journals[0], i);
		ask_for(s, &a, i, 3);
		assert_answer(&a, ERR_OK);
	}
	ask_for(s, &a, 1, 4); /* another key's */
	assert_answer(&a, ERR_NOT_FOUND);
	ask_for(s, &a, 99, 3);
	assert_answer(&a, ERR_NOT_FOUND);
	stop_store(s, &t);
	loop_drain(a.loop);
	loop_free(a.loop);
}

/* Also while the thread is busy with the rows before it. */
TEST(bug_a_row_is_found_that_was_put_behind_a_batch)
{
	struct told t;
	struct store *s = start_store(&t);
	struct db *db = open_db();
	struct asker a;

	assert_int_equal(loop_new(&a.loop), ERR_OK);
	run_sql(db, "BEGIN IMMEDIATE"); /* the first one is taken and waits */
	put_row(t.journals[0], 1);
	UNTIL(!store_is_well(s));
	put_row(t.journals[0], 2);
	ask_for(s, &a, 2, 3);
	run_sql(db, "COMMIT");
	assert_answer(&a, ERR_OK);
	close_db(db);
	stop_store(s, &t);
	loop_drain(a.loop);
	loop_free(a.loop);
}

/* Who asks while it ends is answered, too. */
TEST(a_question_at_the_end_is_answered)
{
	struct told t;
	struct store *s = start_store(&t);
	struct asker a;

	assert_int_equal(loop_new(&a.loop), ERR_OK);
	put_row(t.journals[0], 1);
	ask_for(s, &a, 1, 3);
	stop_store(s, &t);
	assert_answer(&a, ERR_OK);
	loop_drain(a.loop);
	loop_free(a.loop);
}

/* --- keys --- */

TEST(keys_of_a_command_are_obeyed)
{
	struct told t;
	struct store *s = start_store(&t);
	struct note note = {""};
	char text[KEY_TEXT_MAX];
	struct db *db = open_db();

	assert_false(keys_defined(&t));
	assert_int_equal(keydb_create(db, S("a"), 1, text, &note), ERR_OK);
	UNTIL(key_opens(&t, text));
	assert_true(keys_defined(&t));
	assert_int_equal(keydb_revoke(db, S("a"), 2, &note), ERR_OK);
	UNTIL(!key_opens(&t, text));
	assert_true(keys_defined(&t));
	close_db(db);
	stop_store(s, &t);
	s = start_store(&t); /* as they are when it starts again */
	assert_true(keys_defined(&t));
	assert_false(key_opens(&t, text));
	stop_store(s, &t);
}

/* A file whose keys cannot be read is not one without keys. */
TEST(bug_without_the_keys_it_does_not_start)
{
	struct told t = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct store *s;
	struct note note = {""};
	struct db *db = open_db();

	run_sql(db, "DROP TABLE key");
	close_db(db);
	s = open_store();
	assert_int_equal(store_start(s, on_keys, &t, &note), ERR_IO);
	assert_string_equal(note.text, "no such table: key");
	assert_int_equal(t.calls, 0);
	store_stop(s);
}

/* While it runs the old ones stay. */
TEST(keys_that_cannot_be_read_any_more_stay)
{
	struct told t;
	struct store *s;
	struct note note = {""};
	char text[KEY_TEXT_MAX];
	struct db *db = open_db();

	assert_int_equal(keydb_create(db, S("a"), 1, text, &note), ERR_OK);
	s = start_store(&t);
	run_sql(db, "ALTER TABLE key RENAME TO away");
	put_row(t.journals[0], 1);
	UNTIL(number_of(db, "SELECT count(*) FROM ledger") == 1);
	put_row(t.journals[0], 2); /* a turn later the change was seen */
	UNTIL(number_of(db, "SELECT count(*) FROM ledger") == 2);
	assert_true(key_opens(&t, text));
	close_db(db);
	stop_store(s, &t);
}

/* --- memory --- */

static enum err
open_it(void *arg)
{
	struct note note = {""};
	struct store *s = NULL;
	enum err e =
	    store_open(&(struct db_place){.folder = folder}, &small_limits, &s, &note);

	(void)arg;
	if (e == ERR_OK)
		store_stop(s);
	else
		assert_true(note.text[0] != '\0');
	return e;
}

TEST(survives_torture)
{
	store_stop(open_store()); /* so that the schema is there */
	assert_int_equal(torture(open_it, NULL), 19);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    RUN(where_the_data_is),
	    RUN(folders_are_made_for_their_owner_alone),
	    RUN(names_that_cannot_be_a_folders),
	    RUN(a_second_server_is_refused),
	    RUN(a_server_that_was_killed_leaves_no_lock),
	    RUN(what_cannot_be_opened_is_told),
	    RUN(rows_are_written_while_it_runs),
	    RUN(no_row_is_lost_at_the_end),
	    RUN(it_is_ill_while_the_disk_refuses),
	    RUN(a_disk_that_refuses_at_the_end_loses_nothing),
	    RUN(a_row_is_found_as_soon_as_it_was_put),
	    RUN(bug_a_row_is_found_that_was_put_behind_a_batch),
	    RUN(a_question_at_the_end_is_answered),
	    RUN(keys_of_a_command_are_obeyed),
	    RUN(bug_without_the_keys_it_does_not_start),
	    RUN(keys_that_cannot_be_read_any_more_stay),
	    RUN(survives_torture),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
