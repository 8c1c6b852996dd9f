#include "core/text.h"
#include "main/command.h"
#include "main/table.h"
#include "store/audit.h"
#include "json/write.h"

#include <stdio.h>

static const char help[] =
    "usage: weir audit [--last N] [--json]\n\n"
    "Who changed keys, users, teams and organisations, and when: newest first.\n"
    "The log is only ever added to, in the transaction of each change.\n\n"
    "  --last N  no more than N rows; all\n"
    "  --json    an array of objects, with the states before and after\n";

struct report {
	struct table table;
	struct buf json;
};

static void
on_row(void *arg, const struct audit_row *row)
{
	struct report *p = arg;
	char time[TEXT_TIME_MAX];

	audit_json(row, &p->json);
	table_number(&p->table, row->id);
	table_cell(&p->table, slice_of(time, text_time(time, row->unix_ms) - 5));
	table_cell(&p->table, row->via);
	table_cell(&p->table, row->who);
	table_cell(&p->table, row->action);
	table_cell(&p->table, row->kind);
	table_cell(&p->table, row->name);
}

static int
print(const struct args *a, struct db *db, uint64_t last)
{
	static const char *const titles[] = {
	    ">id", "at (UTC)", "via", "who", "did", "to a", "name"};
	struct report p;
	struct note note;
	enum err e;

	buf_init(&p.json, 1u << 30);
	table_init(&p.table, 7, titles);
	json_open(&p.json, '[');
	e = audit_each(db, 0, last, on_row, &p, &note);
	json_close(&p.json, ']');
	buf_byte(&p.json, '\n');
	if (e != ERR_OK)
		(void)fprintf(stderr, "weir: %s\n", note.text);
	else if (a->json)
		command_print(buf_slice(&p.json));
	else
		table_print(&p.table);
	if (e != ERR_OK || a->json)
		table_done(&p.table);
	buf_free(&p.json);
	return e == ERR_OK ? 0 : 1;
}

int
cmd_audit(struct args *a)
{
	uint64_t last = UINT64_MAX;
	const char *arg;
	struct config *c;
	struct db *db;
	int status = 1;

	while ((arg = args_next(a, help)) != NULL) {
		if (strcmp(arg, "--last") != 0)
			return args_unknown(a, arg);
		if (!slice_u64(slice_str(args_value(a, arg)), &last))
			return args_bad(a, "--last wants a number");
	}
	c = command_config(a, false);
	db = c == NULL ? NULL : command_database(c);
	if (db != NULL)
		status = print(a, db, last);
	db_close(db);
	config_unref(c);
	return status;
}
