#include "core/clock.h"
#include "core/text.h"
#include "main/limit_args.h"
#include "main/table.h"
#include "store/keydb.h"
#include "json/write.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_BYTES 100
#define OVERLAP_MS 3600000 /* of an old key and the one in its place */

static const char help[] =
    "usage: weir key create --name NAME [--user NAME|--team NAME] [LIMITS] [--aws]\n"
    "       weir key set NAME [--user NAME|--team NAME] LIMITS\n"
    "       weir key block NAME, weir key unblock NAME\n"
    "       weir key rotate NAME [--overlap SPAN]\n"
    "       weir key list [--json]\n"
    "       weir key revoke NAME|ID\n\n"
    "create  makes a key and prints it, once: only its hash is kept. As soon as there\n"
    "        is a key, every call needs one (Authorization: Bearer, or x-api-key).\n"
    "        --aws makes an access key beside it, for clients of AWS Bedrock.\n"
    "list    shows all keys, the revoked ones too.\n"
    "set     changes what it may do.\n"
    "rotate  makes a new key of the same name and limits; the old one ends after the\n"
    "        overlap (1h), or at once with 0.\n"
    "revoke  ends one. A running server obeys within half a second.\n\n" LIMIT_ARGS_HELP
	LIMIT_ARGS_KEY_HELP;

static int
fail(const struct note *note)
{
	(void)fprintf(stderr, "weir: %s\n", note->text);
	return 1;
}

/* The hash of a key as a configuration wants it. */
static void
hash_text(const char *key, char to[2 * KEY_HASH_BYTES + 1])
{
	unsigned char hash[KEY_HASH_BYTES];

	key_hash(slice_str(key), hash);
	for (unsigned i = 0; i < KEY_HASH_BYTES; i++)
		(void)snprintf(to + (size_t)2 * i, 3, "%02x", hash[i]);
}

static int
create(struct args *a, sqlite3 *db, struct slice name, bool with_aws)
{
	struct keydb_aws aws;
	char key[KEY_TEXT_MAX], hash[2 * KEY_HASH_BYTES + 1];
	struct note note;
	struct buf out;

	if (keydb_create_aws(
		db, name, clock_unix_ms(), key, with_aws ? &aws : NULL, &note) != ERR_OK)
		return fail(&note);
	hash_text(key, hash);
	buf_init(&out, 4096);
	if (a->json) {
		json_open(&out, '{');
		json_member(&out, S("name"), name);
		json_member(&out, S("key"), slice_str(key));
		json_member(&out, S("hash"), slice_str(hash));
		if (with_aws) {
			json_member(&out, S("aws_access_key_id"), slice_str(aws.id));
			json_member(
			    &out, S("aws_secret_access_key"), slice_str(aws.secret));
		}
		json_close(&out, '}');
	} else {
		buf_add(&out, slice_str(key));
		if (with_aws)
			buf_printf(&out,
			    "\nAWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s", aws.id,
			    aws.secret);
	}
	buf_byte(&out, '\n');
	command_print(buf_slice(&out));
	buf_free(&out);
	if (!a->json)
		(void)fprintf(stderr,
		    "This is the only time that the key \"%.*s\" is shown. To define it "
		    "in a\nconfiguration as well: keys: [{name: %.*s, hash: %s}]\n",
		    SLICE_ARGS(name), SLICE_ARGS(name), hash);
	return 0;
}

struct listing {
	struct table table;
	struct buf json;
};

static void
put_time(struct buf *to, struct slice key, uint64_t ms)
{
	char time[TEXT_TIME_MAX];

	json_key(to, key);
	if (ms == 0)
		json_put_null(to);
	else
		json_quote(to, slice_of(time, text_time(time, ms)));
}

static void
on_key(void *arg, const struct keydb_row *row)
{
	struct listing *l = arg;
	char time[TEXT_TIME_MAX];

	json_open(&l->json, '{');
	json_member_u64(&l->json, S("id"), row->id);
	json_member(&l->json, S("name"), row->name);
	json_member(&l->json, S("hint"), row->hint);
	put_time(&l->json, S("created_at"), row->created_ms);
	put_time(&l->json, S("revoked_at"), row->revoked_ms);
	json_close(&l->json, '}');
	table_number(&l->table, row->id);
	table_cell(&l->table, row->name);
	table_cell(&l->table, row->hint);
	table_cell(&l->table, slice_of(time, text_time(time, row->created_ms) - 5));
	table_cell(&l->table, row->revoked_ms == 0 ? S("valid") : S("revoked"));
}

static int
list(struct args *a, sqlite3 *db)
{
	static const char *const titles[] = {
	    ">id", "name", "key", "created (UTC)", "state"};
	struct listing l;
	struct note note;
	enum err e;

	buf_init(&l.json, 64u << 20);
	table_init(&l.table, 5, titles);
	json_open(&l.json, '[');
	e = keydb_each(db, on_key, &l, &note);
	json_close(&l.json, ']');
	buf_byte(&l.json, '\n');
	if (e != ERR_OK)
		return fail(&note);
	if (a->json)
		command_print(buf_slice(&l.json));
	else
		table_print(&l.table);
	table_done(&l.table);
	buf_free(&l.json);
	return 0;
}

static int
revoke(sqlite3 *db, struct slice which)
{
	struct note note;

	if (keydb_revoke(db, which, clock_unix_ms(), &note) != ERR_OK)
		return fail(&note);
	(void)fprintf(stderr, "revoked\n");
	return 0;
}

/* --- what a key may do --- */

/* The words behind `weir key`. */
struct words {
	const char *verb, *name, *which;
	bool aws, limited; /* a flag of limits was there */
	uint64_t overlap_ms;
	struct accountdb_row *row; /* what the flags are read onto */
};

static bool
is_verb(const struct words *w, const char *verb)
{
	return strcmp(w->verb, verb) == 0;
}

/* It stands in logs, tables and spreadsheets. */
static bool
is_name(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 0x7f)
			return false;
	return s.len <= NAME_BYTES;
}

/* Whom it spends for. */
static int
take_above(
    struct args *a, enum account_level level, const char *name, struct accountdb_row *row)
{
	char *copy = slice_dup(slice_str(strcmp(name, "none") == 0 ? "" : name));

	if (copy == NULL)
		return args_bad(a, "out of memory");
	free(row->above);
	row->above = copy;
	row->above_level = copy[0] == '\0' ? LEVEL_KEY : level;
	return 1;
}

/* 1: taken; 0: it is no flag of limits; 2: bad. */
static int
take_flag(struct args *a, const char *arg, struct words *w)
{
	int taken;

	if (strcmp(arg, "--user") == 0)
		taken = take_above(a, LEVEL_USER, args_value(a, arg), w->row);
	else if (strcmp(arg, "--team") == 0)
		taken = take_above(a, LEVEL_TEAM, args_value(a, arg), w->row);
	else
		taken = limit_args_take(a, arg, w->row);
	w->limited = w->limited || taken == 1;
	return taken;
}

static int
read_words(struct args *a, struct words *w)
{
	const char *arg;

	while ((arg = args_next(a, help)) != NULL) {
		int taken = arg[0] == '-' ? take_flag(a, arg, w) : 0;

		if (taken == 1)
			continue;
		if (taken != 0)
			return taken;
		if (strcmp(arg, "--name") == 0)
			w->name = args_value(a, arg);
		else if (strcmp(arg, "--aws") == 0)
			w->aws = true;
		else if (strcmp(arg, "--overlap") == 0) {
			if (!text_span_ms(
				slice_str(args_value(a, arg)), 1000, &w->overlap_ms))
				return args_bad(a, "--overlap wants a span, like 1h");
		} else if (arg[0] == '-')
			return args_unknown(a, arg);
		else if (w->verb == NULL)
			w->verb = arg;
		else if (w->which == NULL)
			w->which = arg;
		else
			return args_unknown(a, arg);
	}
	return 0;
}

static int
check_words(const struct args *a, struct words *w)
{
	if (w->verb == NULL)
		return args_bad(a, "one of create, set, list, block, unblock, rotate, "
				   "revoke is wanted");
	if (is_verb(w, "list"))
		return 0;
	if (w->name == NULL)
		w->name = w->which;
	if (w->which == NULL)
		w->which = w->name;
	if (is_verb(w, "create") && (w->name == NULL || w->name[0] == '\0'))
		return args_bad(a, "a new key wants a --name");
	if (is_verb(w, "create") && !is_name(slice_str(w->name)))
		return args_bad(a, "a key's name is up to %d bytes of text", NAME_BYTES);
	if (w->which == NULL)
		return args_bad(a, "the name or the id of a key is wanted");
	if (is_verb(w, "set") && !w->limited)
		return args_bad(a, "say what is to be set: --budget, --rpm, ...");
	return 0;
}

/* Reads the flags again, onto what the key may do so far, and writes that. */
static int
put_limits(struct args *a, sqlite3 *db, const struct words *w, int blocked)
{
	struct words again = {.overlap_ms = 0};
	struct accountdb_row row;
	struct note note;
	enum err e = accountdb_get(db, LEVEL_KEY, slice_str(w->which), &row, &note);
	int status = 0;

	if (e == ERR_NOT_FOUND) {
		e = accountdb_row_init(&row, LEVEL_KEY, slice_str(w->which)) ? ERR_OK
									     : ERR_NOMEM;
		row.created_ms = clock_unix_ms();
	}
	if (e != ERR_OK)
		return fail(&note);
	again.row = &row;
	a->at = 2;
	status = read_words(a, &again);
	if (blocked >= 0)
		row.rules.blocked = blocked == 1;
	if (status == 0 && accountdb_put(db, &row, &note) != ERR_OK)
		status = fail(&note);
	accountdb_row_done(&row);
	return status;
}

/* The key must be there: a limit of no key would wait for one of its name. */
static int
set(struct args *a, sqlite3 *db, const struct words *w, int blocked)
{
	struct note note;

	if (keydb_is_valid(db, slice_str(w->which), &note) != ERR_OK)
		return fail(&note);
	return put_limits(a, db, w, blocked);
}

/* Of one of that name that was there before. */
static enum err
forget_limits(sqlite3 *db, struct slice name, struct note *note)
{
	enum err e = accountdb_remove(db, LEVEL_KEY, name, note);

	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static int
create_limited(struct args *a, sqlite3 *db, const struct words *w)
{
	struct slice name = slice_str(w->name);
	struct note note;
	int status = 0;
	enum err e = keydb_is_valid(db, name, &note);

	if (e == ERR_OK)
		return create(a, db, name, w->aws); /* which says so */
	if (e == ERR_NOT_FOUND)
		e = forget_limits(db, name, &note);
	if (e != ERR_OK)
		return fail(&note);
	/* Its limits first: it is never there without. */
	if (w->limited)
		status = put_limits(a, db, w, -1);
	return status == 0 ? create(a, db, name, w->aws) : status;
}

static int
rotate(struct args *a, sqlite3 *db, const struct words *w)
{
	char key[KEY_TEXT_MAX];
	struct note note;
	struct buf out;

	if (keydb_rotate(db, slice_str(w->which), clock_unix_ms(), w->overlap_ms, key,
		&note) != ERR_OK)
		return fail(&note);
	buf_init(&out, 4096);
	if (a->json) {
		json_open(&out, '{');
		json_member(&out, S("name"), slice_str(w->which));
		json_member(&out, S("key"), slice_str(key));
		json_close(&out, '}');
	} else {
		buf_add(&out, slice_str(key));
	}
	buf_byte(&out, '\n');
	command_print(buf_slice(&out));
	buf_free(&out);
	return 0;
}

static int
run(struct args *a, const struct words *w, sqlite3 *db)
{
	assert(w->verb != NULL);
	if (is_verb(w, "create"))
		return create_limited(a, db, w);
	if (is_verb(w, "list"))
		return list(a, db);
	if (is_verb(w, "revoke"))
		return revoke(db, slice_str(w->which));
	if (is_verb(w, "set"))
		return set(a, db, w, -1);
	if (is_verb(w, "block") || is_verb(w, "unblock"))
		return set(a, db, w, is_verb(w, "block"));
	if (is_verb(w, "rotate"))
		return rotate(a, db, w);
	return args_bad(a,
	    "\"%s\" is none of create, set, list, block, unblock, rotate, revoke",
	    w->verb);
}

int
cmd_key(struct args *a)
{
	struct accountdb_row row;
	struct words w = {.row = &row, .overlap_ms = OVERLAP_MS};
	struct config *c;
	sqlite3 *db;
	int status;

	if (!accountdb_row_init(&row, LEVEL_KEY, S("")))
		return args_bad(a, "out of memory");
	status = read_words(a, &w);
	if (status == 0)
		status = check_words(a, &w);
	accountdb_row_done(&row);
	if (status != 0)
		return status;
	c = command_config(a, false);
	if (c == NULL)
		return 1;
	db = command_database(c);
	status = db == NULL ? 1 : run(a, &w, db);
	db_close(db);
	config_unref(c);
	return status;
}
