#include "main/credit.h"

#include "core/text.h"
#include "main/limit_args.h"
#include "main/table.h"
#include "store/change.h"
#include "store/credits.h"

#include <stdio.h>

#define USD_DIGITS 12

struct words {
	const char *name, *amount;
	int64_t pusd;
	uint64_t until_ms;
};

bool
credit_is_next(const struct args *a)
{
	return a->at < a->argc && strcmp(a->argv[a->at], "credit") == 0;
}

static int
read_words(struct args *a, struct words *w, const char *help)
{
	const char *arg;
	uint64_t until_ms = 0;

	(void)args_next(a, help); /* "credit" */
	while ((arg = args_next(a, help)) != NULL) {
		if (strcmp(arg, "--expires") == 0) {
			int taken = limit_args_expiry(a, args_value(a, arg), &until_ms);

			if (taken != 1)
				return taken;
		} else if (arg[0] == '-') {
			return args_unknown(a, arg);
		} else if (w->name == NULL) {
			w->name = arg;
		} else if (w->amount == NULL) {
			w->amount = arg;
		} else {
			return args_unknown(a, arg);
		}
	}
	w->until_ms = until_ms == 0 ? UINT64_MAX : until_ms;
	if (w->name == NULL)
		return args_bad(a, "a name is wanted");
	if (w->amount != NULL &&
	    (!text_scaled(slice_str(w->amount), USD_DIGITS, &w->pusd) || w->pusd == 0))
		return args_bad(a, "an amount of USD is wanted, like 100 or 12.50");
	return 0;
}

static void
put_usd(struct table *t, int64_t pusd)
{
	char text[TEXT_PUSD_MAX];

	table_cell(t, slice_of(text, text_pusd(text, pusd)));
}

static void
put_time(struct table *t, uint64_t ms)
{
	char text[TEXT_TIME_MAX];

	table_cell(
	    t, ms == UINT64_MAX ? S("never") : slice_of(text, text_time(text, ms) - 5));
}

static enum err
print_table(struct db *db, enum account_level level, struct slice name, struct note *note)
{
	static const char *const titles[] = {
	    ">id", ">USD", ">left", "since (UTC)", "ends (UTC)"};
	struct credits c;
	struct table t;
	enum err e = credits_read(db, level, name, &c, note);

	if (e != ERR_OK)
		return e;
	e = credits_run_down(db, level, name, &c, note);
	table_init(&t, 5, titles);
	for (unsigned i = 0; i < c.count; i++) {
		table_number(&t, c.rows[i].lot.id);
		put_usd(&t, c.rows[i].amount_pusd);
		put_usd(&t, c.rows[i].lot.left_pusd);
		put_time(&t, c.rows[i].lot.from_ms);
		put_time(&t, c.rows[i].lot.until_ms);
	}
	credits_done(&c);
	if (e == ERR_OK)
		table_print(&t);
	else
		table_done(&t);
	return e;
}

static enum err
print(const struct args *a, struct db *db, enum account_level level, struct slice name,
    struct note *note)
{
	struct buf out;
	enum err e;

	if (!a->json)
		return print_table(db, level, name, note);
	buf_init(&out, 16u << 20);
	e = credits_json(db, level, name, &out, note);
	buf_byte(&out, '\n');
	if (e == ERR_OK)
		command_print(buf_slice(&out));
	buf_free(&out);
	return e;
}

static enum err
check_there(struct db *db, enum account_level level, struct slice name, struct note *note)
{
	struct accountdb_row row;
	enum err e;

	if (level == LEVEL_KEY)
		return keydb_is_valid(db, name, note);
	e = accountdb_get(db, level, name, &row, note);
	if (e == ERR_OK)
		accountdb_row_done(&row);
	return e;
}

static int
run(const struct args *a, struct db *db, enum account_level level, const struct words *w)
{
	struct change c = {
	    .db = db, .by = command_actor(), .level = level, .name = slice_str(w->name)};
	struct note note;
	enum err e = check_there(db, level, c.name, &note);

	if (e == ERR_OK && w->amount != NULL)
		e = change_credit(&c, w->pusd, w->until_ms, &note);
	if (e == ERR_OK)
		e = print(a, db, level, c.name, &note);
	if (e != ERR_OK)
		(void)fprintf(stderr, "weir: %s\n", note.text);
	return e == ERR_OK ? 0 : 1;
}

int
credit_run(struct args *a, enum account_level level, const char *help)
{
	struct words w = {0};
	int status = read_words(a, &w, help);
	struct config *c;
	struct db *db;

	if (status != 0)
		return status;
	c = command_config(a, false);
	db = c == NULL ? NULL : command_database(c);
	status = db == NULL ? 1 : run(a, db, level, &w);
	db_close(db);
	config_unref(c);
	return status;
}
