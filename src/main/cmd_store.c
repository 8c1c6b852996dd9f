/*
 * weir store: the database itself: its schema, and the way from SQLite to PostgreSQL.
 */
#include "main/command.h"
#include "main/table.h"
#include "store/move.h"
#include "store/store.h"
#include "json/write.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char help[] =
    "usage: weir store migrate | move --to URL  [--json]\n\n"
    "  migrate       brings the configured database to the newest schema, as every\n"
    "                start of a server does, and says from which and to which\n"
    "  move          copies all of the data folder's SQLite file into an empty\n"
    "                PostgreSQL database, reads it there again and compares; it is\n"
    "                moved whole, or not at all, and the file stays as it is. The\n"
    "                server must be stopped. Then set store.url, and start it.\n"
    "  --to URL      postgresql://user:password@host:5432/database; $NAME: that\n"
    "                variable, so that others do not see the password\n";

static int
failed(const struct note *note)
{
	(void)fprintf(stderr, "weir: %s\n", note->text);
	return 1;
}

static int
migrate(const struct args *a, const struct config *c)
{
	struct db *db = command_database(c);
	struct db_versions v;
	char line[400];

	if (db == NULL)
		return 1;
	v = db_versions(db);
	if (a->json)
		(void)snprintf(
		    line, sizeof(line), "{\"from\":%d,\"to\":%d}\n", v.from, v.to);
	else if (v.from == v.to)
		(void)snprintf(line, sizeof(line), "%s has schema %d, the newest\n",
		    db_name(db), v.to);
	else
		(void)snprintf(line, sizeof(line), "%s went from schema %d to %d\n",
		    db_name(db), v.from, v.to);
	command_print(slice_str(line));
	db_close(db);
	return 0;
}

struct report {
	struct table table;
	struct buf json;
};

static void
on_table(void *arg, const struct move_table *t)
{
	struct report *r = arg;

	json_open(&r->json, '{');
	json_member(&r->json, S("table"), slice_str(t->name));
	json_member_u64(&r->json, S("rows"), t->rows);
	json_close(&r->json, '}');
	table_cell(&r->table, slice_str(t->name));
	table_number(&r->table, t->rows);
}

static int
move_between(const struct args *a, struct db *from, struct db *to)
{
	static const char *const titles[] = {"table", ">rows"};
	struct report r;
	struct note note;
	enum err e;

	buf_init(&r.json, 64u << 10);
	table_init(&r.table, 2, titles);
	json_open(&r.json, '[');
	e = move_all(from, to, on_table, &r, &note);
	json_close(&r.json, ']');
	buf_byte(&r.json, '\n');
	if (e == ERR_OK && a->json)
		command_print(buf_slice(&r.json));
	else if (e == ERR_OK)
		table_print(&r.table);
	if (e != ERR_OK || a->json)
		table_done(&r.table);
	buf_free(&r.json);
	if (e != ERR_OK)
		return failed(&note);
	(void)fprintf(stderr,
	    "all of it is in %s, compared row by row; now set store.url\n", db_name(to));
	return 0;
}

static int
move(const struct args *a, const struct config *c, struct slice url)
{
	char folder[4096];
	const struct db_place place = {.folder = store_folder(c->options.data, folder)};
	const struct db_place target = {.folder = place.folder, .url = url};
	struct db *from = NULL, *to = NULL;
	struct note note;
	int lock = -1, status = 1;

	if (!db_is_url(url, &note)) {
		(void)fprintf(stderr, "weir: --to: %s\n", note.text);
		return 2;
	}
	if (store_has_file(place.folder, &note) != ERR_OK ||
	    store_lock(place.folder, &lock, &note) != ERR_OK ||
	    db_open(&place, &from, &note) != ERR_OK ||
	    db_open(&target, &to, &note) != ERR_OK)
		(void)failed(&note);
	else
		status = move_between(a, from, to);
	db_close(to);
	db_close(from);
	if (lock >= 0)
		(void)close(lock);
	return status;
}

/* The text itself, or the variable that it names. */
static struct slice
url_of(const char *text)
{
	const char *value = text[0] == '$' ? getenv(text + 1) : text;

	return slice_str(value == NULL ? "" : value);
}

int
cmd_store(struct args *a)
{
	const char *arg, *what = NULL, *to = NULL;
	struct config *c;
	int status;

	while ((arg = args_next(a, help)) != NULL) {
		if (strcmp(arg, "--to") == 0)
			to = args_value(a, arg);
		else if (what == NULL && arg[0] != '-')
			what = arg;
		else
			return args_unknown(a, arg);
	}
	if (what == NULL || (strcmp(what, "migrate") != 0 && strcmp(what, "move") != 0))
		return args_bad(a, "it is `weir store migrate` or `weir store move`");
	if ((to != NULL) != (strcmp(what, "move") == 0))
		return args_bad(a, "--to URL is wanted by `move`, and only by it");
	c = command_config(a, false);
	if (c == NULL)
		return 1;
	status = to == NULL ? migrate(a, c) : move(a, c, url_of(to));
	config_unref(c);
	return status;
}
