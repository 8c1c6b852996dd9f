#include "core/clock.h"
#include "core/text.h"
#include "main/credit.h"
#include "main/limit_args.h"
#include "main/table.h"
#include "store/accountdb_json.h"
#include "store/change.h"
#include "store/listing.h"
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
    "       weir key credit NAME [USD [--expires WHEN]]\n"
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
show_made(const struct args *a, struct slice name, const struct change_made *made)
{
	char hash[2 * KEY_HASH_BYTES + 1];
	struct buf out;

	hash_text(made->key, hash);
	buf_init(&out, 4096);
	if (a->json) {
		json_open(&out, '{');
		json_member(&out, S("name"), name);
		json_member(&out, S("key"), slice_str(made->key));
		json_member(&out, S("hash"), slice_str(hash));
		if (made->with_aws) {
			json_member(
			    &out, S("aws_access_key_id"), slice_str(made->aws.id));
			json_member(&out, S("aws_secret_access_key"),
			    slice_str(made->aws.secret));
		}
		json_close(&out, '}');
	} else {
		buf_add(&out, slice_str(made->key));
		if (made->with_aws)
			buf_printf(&out,
			    "\nAWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s",
			    made->aws.id, made->aws.secret);
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

static void
on_key(void *arg, const struct keydb_row *row)
{
	struct table *t = arg;
	char time[TEXT_TIME_MAX];

	table_number(t, row->id);
	table_cell(t, row->name);
	table_cell(t, row->hint);
	table_cell(t, slice_of(time, text_time(time, row->created_ms) - 5));
	table_cell(t, row->revoked_ms == 0 ? S("valid") : S("revoked"));
}

static int
list_json(struct db *db)
{
	struct note note;
	struct buf json;
	enum err e;

	buf_init(&json, 64u << 20);
	e = listing_keys(db, &json, &note);
	buf_byte(&json, '\n');
	if (e == ERR_OK)
		command_print(buf_slice(&json));
	buf_free(&json);
	return e == ERR_OK ? 0 : fail(&note);
}

static int
list(struct db *db)
{
	static const char *const titles[] = {
	    ">id", "name", "key", "created (UTC)", "state"};
	struct table table;
	struct note note;
	enum err e;

	table_init(&table, 5, titles);
	e = keydb_each(db, on_key, &table, &note);
	if (e == ERR_OK)
		table_print(&table);
	else
		table_done(&table);
	return e == ERR_OK ? 0 : fail(&note);
}

static int
revoke(const struct change *c)
{
	struct note note;

	if (change_key_revoke(c, &note) != ERR_OK)
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

/* Whom it spends for. */
static int
take_above(
    struct args *a, enum account_level level, const char *name, struct accountdb_row *row)
{
	if (!accountdb_json_above(
		row, level, slice_str(strcmp(name, "none") == 0 ? "" : name)))
		return args_bad(a, "out of memory");
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

#define VERBS "create, set, list, block, unblock, rotate, revoke"

static bool
is_known(const char *verb)
{
	struct slice rest = S(VERBS);

	while (rest.ptr != NULL)
		if (slice_eq(slice_trim(slice_cut(&rest, ',')), slice_str(verb)))
			return true;
	return false;
}

static int
check_words(const struct args *a, struct words *w)
{
	if (w->verb == NULL)
		return args_bad(a, "one of " VERBS " is wanted");
	if (!is_known(w->verb))
		return args_bad(a, "\"%s\" is none of " VERBS, w->verb);
	if (is_verb(w, "list"))
		return 0;
	if (w->name == NULL)
		w->name = w->which;
	if (w->which == NULL)
		w->which = w->name;
	if (is_verb(w, "create") && (w->name == NULL || w->name[0] == '\0'))
		return args_bad(a, "a new key wants a --name");
	if (is_verb(w, "create") && !change_is_name(LEVEL_KEY, slice_str(w->name)))
		return args_bad(a, "a key's name is up to %d bytes of text", NAME_BYTES);
	if (w->which == NULL)
		return args_bad(a, "the name or the id of a key is wanted");
	if (is_verb(w, "set") && !w->limited)
		return args_bad(a, "say what is to be set: --budget, --rpm, ...");
	return 0;
}

/* The flags once more, onto what the key may do so far. */
struct editing {
	struct args *a;
	int blocked; /* -1: as it is */
};

static enum err
edit(void *arg, struct accountdb_row *row, struct note *note)
{
	struct editing *e = arg;
	struct words again = {.overlap_ms = 0, .row = row};

	note_set(note, "nothing was changed");
	e->a->at = 2;
	if (read_words(e->a, &again) != 0)
		return ERR_BAD_REQUEST;
	if (e->blocked >= 0)
		row->rules.blocked = e->blocked == 1;
	return ERR_OK;
}

static int
set(struct change *c, const struct words *w)
{
	struct editing *e = c->arg;
	struct note note;

	if (!is_verb(w, "set"))
		e->blocked = is_verb(w, "block");
	return change_set(c, slice_str(w->verb), &note) == ERR_OK ? 0 : fail(&note);
}

static int
create(const struct args *a, struct change *c, const struct words *w)
{
	struct change_made made = {.with_aws = w->aws};
	struct note note;

	if (!w->limited)
		c->edit = NULL;
	if (change_key_create(c, &made, &note) != ERR_OK)
		return fail(&note);
	return show_made(a, c->name, &made);
}

static int
rotate(const struct args *a, const struct change *c, const struct words *w)
{
	struct change_made made = {.with_aws = false};
	struct note note;
	struct buf out;

	if (change_key_rotate(c, w->overlap_ms, &made, &note) != ERR_OK)
		return fail(&note);
	buf_init(&out, 4096);
	if (a->json) {
		json_open(&out, '{');
		json_member(&out, S("name"), c->name);
		json_member(&out, S("key"), slice_str(made.key));
		json_close(&out, '}');
	} else {
		buf_add(&out, slice_str(made.key));
	}
	buf_byte(&out, '\n');
	command_print(buf_slice(&out));
	buf_free(&out);
	return 0;
}

static int
run(struct args *a, const struct words *w, struct db *db)
{
	struct editing editing = {a, -1};
	struct change c = {.db = db,
	    .by = command_actor(),
	    .level = LEVEL_KEY,
	    .name = slice_str(w->which),
	    .edit = edit,
	    .arg = &editing};

	assert(w->verb != NULL);
	if (is_verb(w, "create")) {
		c.name = slice_str(w->name);
		return create(a, &c, w);
	}
	if (is_verb(w, "list"))
		return a->json ? list_json(db) : list(db);
	if (is_verb(w, "revoke"))
		return revoke(&c);
	if (is_verb(w, "set") || is_verb(w, "block") || is_verb(w, "unblock"))
		return set(&c, w);
	return rotate(a, &c, w);
}

int
cmd_key(struct args *a)
{
	struct accountdb_row row;
	struct words w = {.row = &row, .overlap_ms = OVERLAP_MS};
	struct config *c;
	struct db *db;
	int status;

	if (credit_is_next(a))
		return credit_run(a, LEVEL_KEY, help);
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
