/*
 * weir user, weir team, weir org: who keys spend for.
 */
#include "core/clock.h"
#include "core/text.h"
#include "main/credit.h"
#include "main/limit_args.h"
#include "main/table.h"
#include "main/teamkey.h"
#include "store/accountdb_json.h"
#include "store/change.h"
#include "store/listing.h"
#include "store/spent.h"

#include <stdio.h>
#include <stdlib.h>

#define NAME_BYTES 100

#define HELP(word, usage, about, above_help)                                             \
	"usage: weir " word " create NAME [LIMITS]\n"                                    \
	"       weir " word " set NAME LIMITS\n"                                         \
	"       weir " word " list [--json]\n"                                           \
	"       weir " word " credit NAME [USD [--expires WHEN]]\n"                      \
	"       weir " word " remove NAME\n" usage "\n"                                  \
	"A running server obeys within half a second.\n" CREDIT_HELP about               \
	"\n" above_help                                                                  \
	"  --markup PERCENT     what its invoices add to the cost: 10%, -2.5%; "         \
	"none\n" LIMIT_ARGS_HELP

static const char user_help[] =
    HELP("user", "", "", "  --team NAME          whose team it is; none\n");
static const char team_help[] =
    HELP("team", "       weir team provider-key NAME [PROVIDER [--remove]]\n",
	"provider-key keeps the key that the team brings for a provider, read from\n"
	"standard input, encrypted by secret.key; its requests are sent with it.\n",
	"  --org NAME           whose organisation it is; none\n");
static const char org_help[] = HELP("org", "", "", "");

struct words {
	const char *verb, *name;
};

static int
fail(const struct note *note)
{
	(void)fprintf(stderr, "weir: %s\n", note->text);
	return 1;
}

/* --- one of them --- */

/* "12.5%" in hundredths of a percent. */
static int
take_markup(struct args *a, const char *text, struct accountdb_row *row)
{
	struct slice s = slice_str(text);
	bool less = slice_starts(s, S("-"));
	int64_t bp = 0;

	row->markup_bp = ACCOUNTDB_MARKUP_NONE;
	if (strcmp(text, "none") == 0)
		return 0;
	s = slice_from(s, less);
	if (!slice_ends(s, S("%")) || !text_scaled(slice_head(s, s.len - 1), 2, &bp) ||
	    bp > (less ? -ACCOUNTDB_MARKUP_MIN : ACCOUNTDB_MARKUP_MAX))
		return args_bad(a, "--markup wants a percentage of up to two decimals, "
				   "like 10%% or -2.5%%; or none");
	row->markup_bp = less ? -bp : bp;
	return 0;
}

/* The flags behind the name, into the row. */
static int
take_flags(struct args *a, struct accountdb_row *row, const char *help)
{
	const char *arg, *above = row->level == LEVEL_USER   ? "--team"
				  : row->level == LEVEL_TEAM ? "--org"
							     : "";
	int taken;

	while ((arg = args_next(a, help)) != NULL) {
		if (strcmp(arg, above) == 0) {
			const char *name = args_value(a, arg);

			if (!accountdb_json_above(row, row->level + 1,
				slice_str(strcmp(name, "none") == 0 ? "" : name)))
				return args_bad(a, "out of memory");
			continue;
		}
		if (strcmp(arg, "--markup") == 0) {
			taken = take_markup(a, args_value(a, arg), row);
			if (taken != 0)
				return taken;
			continue;
		}
		taken = limit_args_take(a, arg, row);
		if (taken == 0)
			return args_unknown(a, arg);
		if (taken != 1)
			return taken;
	}
	return 0;
}

/* The first of two readings: the second one needs the configuration, which a flag names.
 */
static int
check_flags(struct args *a, enum account_level level, const char *help)
{
	struct accountdb_row row;
	int status;

	if (!accountdb_row_init(&row, level, S("")))
		return args_bad(a, "out of memory");
	status = take_flags(a, &row, help);
	accountdb_row_done(&row);
	return status;
}

/* The flags, onto what there is. */
struct editing {
	struct args *a;
	const char *help;
};

static enum err
edit(void *arg, struct accountdb_row *row, struct note *note)
{
	struct editing *e = arg;

	note_set(note, "nothing was changed");
	return take_flags(e->a, row, e->help) == 0 ? ERR_OK : ERR_BAD_REQUEST;
}

static int
put(struct args *a, const struct change *c, const char *verb)
{
	struct note note;
	enum err e;

	if (strcmp(verb, "create") == 0)
		e = change_create(c, &note);
	else
		e = change_set(c, S("set"), &note);
	if (e == ERR_CONFLICT)
		note_add(&note, "; `weir %s set` changes it", a->command);
	return e == ERR_OK ? 0 : fail(&note);
}

/* --- all of them --- */

struct listing {
	struct table table;
	enum account_level level;
	struct db *db;
};

static void
on_row(void *arg, const struct accountdb_row *row)
{
	struct listing *l = arg;
	char usd[TEXT_PUSD_MAX];
	uint64_t from, until;
	struct note note;
	struct buf text;
	int64_t spent = 0;

	if (row->level != l->level)
		return;
	period_bounds(
	    row->limits.period, row->limits.offset_min, clock_unix_ms(), &from, &until);
	if (spent_sum(l->db,
		&(struct spent_scope){
		    .level = row->level, .name = slice_str(row->name), .from_ms = from},
		&spent, &note) != ERR_OK)
		spent = 0;
	buf_init(&text, 4096);
	limit_args_text(row, &text);
	table_cell(&l->table, slice_str(row->name));
	table_cell(&l->table, row->above[0] == '\0' ? S("-") : slice_str(row->above));
	table_cell(&l->table, buf_slice(&text));
	table_cell(&l->table, slice_of(usd, text_pusd(usd, spent)));
	buf_free(&text);
}

static int
list_json(struct db *db, enum account_level level)
{
	struct note note;
	struct buf json;
	enum err e;

	buf_init(&json, 64u << 20);
	e = listing_accounts(db, level, &json, &note);
	buf_byte(&json, '\n');
	if (e == ERR_OK)
		command_print(buf_slice(&json));
	buf_free(&json);
	return e == ERR_OK ? 0 : fail(&note);
}

static int
list(struct db *db, enum account_level level)
{
	static const char *const titles[] = {"name", "in", "limits", ">USD spent"};
	struct listing l = {.level = level, .db = db};
	struct note note;
	enum err e;

	table_init(&l.table, 4, titles);
	e = accountdb_each(db, on_row, &l, &note);
	if (e == ERR_OK)
		table_print(&l.table);
	else
		table_done(&l.table);
	return e == ERR_OK ? 0 : fail(&note);
}

static int
remove_one(const struct change *c)
{
	struct note note;

	if (change_remove(c, &note) != ERR_OK)
		return fail(&note);
	(void)fprintf(stderr, "removed\n");
	return 0;
}

/* --- the commands --- */

static int
run(struct args *a, struct db *db, enum account_level level, const struct words *w,
    const char *help)
{
	struct editing editing = {a, help};
	struct change c = {.db = db,
	    .by = command_actor(),
	    .level = level,
	    .name = slice_str(w->name),
	    .edit = edit,
	    .arg = &editing};

	if (strcmp(w->verb, "list") == 0)
		return a->json ? list_json(db, level) : list(db, level);
	if (strcmp(w->verb, "remove") == 0)
		return remove_one(&c);
	return put(a, &c, w->verb);
}

static int
command(struct args *a, enum account_level level, const char *help)
{
	struct words w = {NULL, NULL};
	struct config *c;
	struct db *db;
	int status = 0, flags;

	if (level == LEVEL_TEAM && teamkey_is_next(a))
		return teamkey_run(a, help);
	if (credit_is_next(a))
		return credit_run(a, level, help);
	w.verb = args_next(a, help);
	if (w.verb == NULL ||
	    (strcmp(w.verb, "create") != 0 && strcmp(w.verb, "set") != 0 &&
		strcmp(w.verb, "list") != 0 && strcmp(w.verb, "remove") != 0))
		return args_bad(a, "one of create, set, list, credit, remove is wanted");
	if (strcmp(w.verb, "list") == 0) {
		const char *arg = args_next(a, help);

		if (arg != NULL)
			return args_unknown(a, arg);
	} else {
		w.name = args_next(a, help);
		if (w.name == NULL || w.name[0] == '-')
			return args_bad(a, "a name is wanted");
		if (!change_is_name(level, slice_str(w.name)))
			return args_bad(a,
			    "a name is up to %d bytes of text, without commas",
			    NAME_BYTES);
		flags = a->at;
		status = check_flags(a, level, help);
		a->at = flags; /* they are read again, onto what there is */
	}
	if (status != 0)
		return status;
	c = command_config(a, false);
	if (c == NULL)
		return 1;
	db = command_database(c);
	status = db == NULL ? 1 : run(a, db, level, &w, help);
	db_close(db);
	config_unref(c);
	return status;
}

int
cmd_user(struct args *a)
{
	return command(a, LEVEL_USER, user_help);
}

int
cmd_team(struct args *a)
{
	return command(a, LEVEL_TEAM, team_help);
}

int
cmd_org(struct args *a)
{
	return command(a, LEVEL_ORG, org_help);
}
