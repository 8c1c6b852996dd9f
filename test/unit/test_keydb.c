#include "store/keydb.h"

#include "store_case.h"
#include "torture.h"

/* Makes a key; its text, which lives until the next call. */
static const char *
create(struct db *db, const char *name)
{
	static char text[KEY_TEXT_MAX];
	struct note note = {""};

	if (keydb_create(db, slice_str(name), 1000, text, &note) != ERR_OK)
		fail_msg("%s: %s", name, note.text);
	return text;
}

static struct key_set *
load(struct db *db)
{
	struct note note = {""};
	struct key_set *s = NULL;

	if (keydb_load(db, &s, &note) != ERR_OK)
		fail_msg("%s", note.text);
	return s;
}

/* The id of the key with that text; 0: it does not open. */
static uint64_t
opens(struct db *db, const char *text)
{
	unsigned char hash[KEY_HASH_BYTES];
	struct key_set *s = load(db);
	const struct key *k;
	uint64_t id;

	key_hash(slice_str(text), hash);
	k = key_set_find(s, hash);
	id = k == NULL ? 0 : k->id;
	if (id != 0)
		assert_string_equal(k->name, id == 1 ? "alice" : "bob");
	key_set_unref(s);
	return id;
}

/* "1:alice:valid 2:bob:revoked": all keys in their order. */
struct listing {
	char text[500];
	char hint[32]; /* of the last */
};

static void
list_one(void *arg, const struct keydb_row *row)
{
	struct listing *l = arg;
	size_t n = strlen(l->text);

	(void)snprintf(l->text + n, sizeof(l->text) - n, "%s%llu:%.*s:%s",
	    n == 0 ? "" : " ", (unsigned long long)row->id, SLICE_ARGS(row->name),
	    row->revoked_ms == 0 ? "valid" : "revoked");
	(void)snprintf(l->hint, sizeof(l->hint), "%.*s", SLICE_ARGS(row->hint));
	assert_int_equal(row->created_ms, 1000);
	assert_true(row->revoked_ms == 0 || row->revoked_ms == 2000);
}

static struct listing
assert_keys(struct db *db, const char *want)
{
	struct listing l = {"", ""};
	struct note note;

	assert_int_equal(keydb_each(db, list_one, &l, &note), ERR_OK);
	assert_string_equal(l.text, want);
	return l;
}

static void
assert_revoke(struct db *db, const char *which, enum err want)
{
	struct note note = {""};
	enum err e = keydb_revoke(db, slice_str(which), 2000, &note);

	if (e != want)
		fail_msg("%s: %s %s", which, err_name(e), note.text);
	assert_int_equal(note.text[0] == '\0', want == ERR_OK);
}

TEST(without_keys_the_door_is_open)
{
	struct db *db = open_db();
	struct key_set *s = load(db);

	assert_false(key_set_any(s));
	key_set_unref(s);
	assert_keys(db, "");
	close_db(db);
}

TEST(a_key_opens_until_it_is_revoked)
{
	struct db *db = open_db();
	char alice[KEY_TEXT_MAX], bob[KEY_TEXT_MAX];
	struct key_set *s;

	memcpy(alice, create(db, "alice"), sizeof(alice));
	memcpy(bob, create(db, "bob"), sizeof(bob));
	assert_string_not_equal(alice, bob);
	assert_int_equal(opens(db, alice), 1);
	assert_int_equal(opens(db, bob), 2);
	assert_int_equal(opens(db, "sk-weir-x"), 0);
	assert_revoke(db, "alice", ERR_OK);
	assert_int_equal(opens(db, alice), 0);
	assert_int_equal(opens(db, bob), 2);
	assert_revoke(db, "bob", ERR_OK);
	s = load(db);
	assert_true(key_set_any(s)); /* the door stays shut */
	key_set_unref(s);
	assert_keys(db, "1:alice:revoked 2:bob:revoked");
	close_db(db);
}

/* Of a key only its hash is kept. */
TEST(the_text_of_a_key_is_nowhere)
{
	struct db *db = open_db();
	char text[KEY_TEXT_MAX];
	struct listing l;
	char want[32];

	memcpy(text, create(db, "alice"), sizeof(text));
	assert_int_equal(number_of(db, "SELECT count(*) FROM key WHERE "
				       "instr(hash, 'sk-') OR length(hash) <> 32"),
	    0);
	l = assert_keys(db, "1:alice:valid");
	(void)snprintf(want, sizeof(want), "%.10s...%s", text, text + strlen(text) - 2);
	assert_string_equal(l.hint, want);
	close_db(db);
}

TEST(a_name_is_free_again_when_its_key_is_revoked)
{
	struct db *db = open_db();
	char text[KEY_TEXT_MAX] = "untouched";
	struct note note = {""};

	create(db, "ci");
	assert_int_equal(keydb_create(db, S("ci"), 1000, text, &note), ERR_BAD_REQUEST);
	assert_non_null(strstr(note.text, "a key named \"ci\" is there already"));
	assert_string_equal(text, "untouched");
	assert_keys(db, "1:ci:valid");
	assert_revoke(db, "ci", ERR_OK);
	assert_revoke(db, "ci", ERR_NOT_FOUND);
	create(db, "ci");
	assert_keys(db, "1:ci:revoked 2:ci:valid");
	assert_revoke(db, "ci", ERR_OK);
	assert_keys(db, "1:ci:revoked 2:ci:revoked");
	close_db(db);
}

TEST(a_key_is_revoked_by_name_hint_or_id)
{
	struct db *db = open_db();
	struct listing l;

	create(db, "a");
	create(db, "b");
	create(db, "c");
	l = assert_keys(db, "1:a:valid 2:b:valid 3:c:valid");
	assert_revoke(db, l.hint, ERR_OK);
	assert_revoke(db, "1", ERR_OK);
	assert_keys(db, "1:a:revoked 2:b:valid 3:c:revoked");
	assert_revoke(db, "1", ERR_NOT_FOUND);
	assert_revoke(db, l.hint, ERR_NOT_FOUND);
	assert_revoke(db, "", ERR_NOT_FOUND);
	assert_revoke(db, "02", ERR_NOT_FOUND);
	assert_revoke(db, "%", ERR_NOT_FOUND);
	assert_revoke(db, "b", ERR_OK);
	close_db(db);
}

/* A name may look like another key's number. */
TEST(bug_a_name_goes_before_a_number)
{
	struct db *db = open_db();

	create(db, "2");
	create(db, "1"); /* which is no second key of a name */
	create(db, "3");
	assert_keys(db, "1:2:valid 2:1:valid 3:3:valid");
	assert_revoke(db, "1", ERR_OK);
	assert_keys(db, "1:2:valid 2:1:revoked 3:3:valid");
	assert_revoke(db, "1", ERR_OK); /* nobody has that name now: the number */
	assert_keys(db, "1:2:revoked 2:1:revoked 3:3:valid");
	close_db(db);
}

/* The wrong one of two must not be revoked. */
TEST(bug_a_hint_of_two_keys_is_none)
{
	struct db *db = open_db();

	create(db, "a");
	create(db, "b");
	create(db, "c");
	run_sql(db, "UPDATE key SET hint = 'sk-weir-ab...yz' WHERE id < 3");
	assert_revoke(db, "sk-weir-ab...yz", ERR_BAD_REQUEST);
	assert_keys(db, "1:a:valid 2:b:valid 3:c:valid");
	create(db, "sk-weir-ab...yz"); /* but a name is a name */
	assert_revoke(db, "sk-weir-ab...yz", ERR_OK);
	assert_keys(db, "1:a:valid 2:b:valid 3:c:valid 4:sk-weir-ab...yz:revoked");
	assert_revoke(db, "b", ERR_OK);
	assert_revoke(db, "sk-weir-ab...yz", ERR_OK);
	assert_keys(db, "1:a:revoked 2:b:revoked 3:c:valid 4:sk-weir-ab...yz:revoked");
	close_db(db);
}

TEST(a_hash_that_is_none_matches_nothing)
{
	struct db *db = open_db();
	char text[KEY_TEXT_MAX];

	memcpy(text, create(db, "alice"), sizeof(text));
	create(db, "b");
	run_sql(db, "UPDATE key SET hash = x'00ff' WHERE id = 2");
	assert_int_equal(opens(db, text), 1);
	run_sql(db, "UPDATE key SET hash = hash || x'00' WHERE id = 1");
	assert_int_equal(opens(db, text), 0);
	close_db(db);
}

/*
 * A file that cannot be read has not no keys: without any, everybody may come in.
 * Each place at which reading may fail, in turn.
 */
TEST(bug_keys_that_cannot_be_read_are_an_error)
{
	struct db *db = open_db();
	unsigned failed = 0;
	bool done = false;

	for (unsigned i = 0; i < 40; i++) {
		char name[20];

		(void)snprintf(name, sizeof(name), "key %u", i);
		create(db, name);
	}
	for (int at = 1; !done; at++) {
		struct key_set *s = NULL;
		struct listing l = {"", ""};
		struct note note = {""};
		int steps = at;
		enum err e;

		break_reads(db, &steps);
		e = keydb_load(db, &s, &note);
		mend_reads(db);
		done = e == ERR_OK;
		assert_int_equal(e, done ? ERR_OK : ERR_IO);
		assert_int_equal(s != NULL, done);
		failed += !done;
		if (done)
			assert_true(key_set_any(s));
		else
			assert_string_equal(note.text, "interrupted");
		key_set_unref(s);
		steps = at / 2;
		break_reads(db, &steps);
		if (keydb_each(db, list_one, &l, &note) != ERR_OK)
			assert_string_equal(note.text, "interrupted");
		else
			assert_int_equal(strlen(l.text), 499);
		mend_reads(db);
	}
	assert_true(failed > 20);
	close_db(db);
}

TEST(a_disk_that_refuses_is_told)
{
	struct db *db = open_db();
	char text[KEY_TEXT_MAX];
	struct note note = {""};
	int steps = 1;

	create(db, "a");
	break_reads(db, &steps);
	assert_int_equal(keydb_revoke(db, S("a"), 2000, &note), ERR_IO);
	steps = 1;
	assert_int_equal(keydb_create(db, S("b"), 1000, text, &note), ERR_IO);
	steps = 20; /* within the transaction */
	assert_int_equal(keydb_create(db, S("b"), 1000, text, &note), ERR_IO);
	mend_reads(db);
	assert_keys(db, "1:a:valid");
	create(db, "b"); /* no transaction was left open */
	run_sql(db, "PRAGMA query_only = 1");
	assert_int_equal(keydb_create(db, S("c"), 1000, text, &note), ERR_IO);
	assert_int_equal(keydb_revoke(db, S("a"), 2000, &note), ERR_IO);
	assert_non_null(strstr(note.text, "readonly"));
	assert_keys(db, "1:a:valid 2:b:valid");
	close_db(db);
}

/* --- memory --- */

static enum err
load_keys(void *arg)
{
	struct note note;
	struct key_set *s;
	enum err e = keydb_load(arg, &s, &note);

	if (e == ERR_OK)
		key_set_unref(s);
	return e;
}

TEST(survives_torture)
{
	struct db *db = open_db();

	create(db, "a");
	create(db, "b");
	create(db, "c");
	assert_int_equal(torture(load_keys, db), 3 * 2 + 3);
	close_db(db);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    RUN(without_keys_the_door_is_open),
	    RUN(a_key_opens_until_it_is_revoked),
	    RUN(the_text_of_a_key_is_nowhere),
	    RUN(a_name_is_free_again_when_its_key_is_revoked),
	    RUN(a_key_is_revoked_by_name_hint_or_id),
	    RUN(bug_a_name_goes_before_a_number),
	    RUN(bug_a_hint_of_two_keys_is_none),
	    RUN(a_hash_that_is_none_matches_nothing),
	    RUN(bug_keys_that_cannot_be_read_are_an_error),
	    RUN(a_disk_that_refuses_is_told),
	    RUN(survives_torture),
	};

	return cmocka_run_group_tests_name("keydb", tests, NULL, NULL);
}
