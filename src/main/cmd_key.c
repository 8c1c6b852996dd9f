#include "core/clock.h"
#include "core/text.h"
#include "main/command.h"
#include "main/table.h"
#include "store/keydb.h"
#include "json/write.h"

#include <assert.h>
#include <stdio.h>

#define NAME_BYTES 100

static const char help[] =
    "usage: weir key create --name NAME [--aws] [--json]\n"
    "       weir key list [--json]\n"
    "       weir key revoke NAME|ID\n\n"
    "create  makes a key and prints it, once: only its hash is kept. As soon as there\n"
    "        is a key, every call needs one (Authorization: Bearer, or x-api-key).\n"
    "        --aws makes an access key beside it, for clients of AWS Bedrock.\n"
    "list    shows all keys, the revoked ones too.\n"
    "revoke  ends one. A running server obeys within half a second.\n";

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

/* The words behind `weir key`. */
struct words {
	const char *verb, *name, *which;
	bool aws;
};

/* It stands in logs, tables and spreadsheets. */
static bool
is_name(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 0x7f)
			return false;
	return s.len <= NAME_BYTES;
}

static int
read_words(struct args *a, struct words *w)
{
	const char *arg;

	while ((arg = args_next(a, help)) != NULL) {
		if (strcmp(arg, "--name") == 0)
			w->name = args_value(a, arg);
		else if (strcmp(arg, "--aws") == 0)
			w->aws = true;
		else if (arg[0] == '-')
			return args_unknown(a, arg);
		else if (w->verb == NULL)
			w->verb = arg;
		else if (w->which == NULL)
			w->which = arg;
		else
			return args_unknown(a, arg);
	}
	if (w->verb == NULL)
		return args_bad(a, "one of create, list, revoke is wanted");
	if (strcmp(w->verb, "create") == 0 && w->name == NULL)
		w->name = w->which;
	if (strcmp(w->verb, "create") == 0 && (w->name == NULL || w->name[0] == '\0'))
		return args_bad(a, "a new key wants a --name");
	if (strcmp(w->verb, "create") == 0 && !is_name(slice_str(w->name)))
		return args_bad(a, "a key's name is up to %d bytes of text", NAME_BYTES);
	if (strcmp(w->verb, "revoke") == 0 && w->which == NULL)
		w->which = w->name;
	if (strcmp(w->verb, "revoke") == 0 && w->which == NULL)
		return args_bad(a, "the name or the id of a key is wanted");
	return 0;
}

static int
run(struct args *a, const struct words *w, sqlite3 *db)
{
	assert(w->verb != NULL);
	if (strcmp(w->verb, "create") == 0)
		return create(a, db, slice_str(w->name), w->aws);
	if (strcmp(w->verb, "list") == 0)
		return list(a, db);
	if (strcmp(w->verb, "revoke") == 0)
		return revoke(db, slice_str(w->which));
	return args_bad(a, "\"%s\" is none of create, list, revoke", w->verb);
}

int
cmd_key(struct args *a)
{
	struct words w = {NULL, NULL, NULL, false};
	struct config *c;
	sqlite3 *db;
	int status = read_words(a, &w);

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
