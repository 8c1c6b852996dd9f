#include "main/teamkey.h"

#include "store/change.h"
#include "store/ownkeys.h"

#include <stdio.h>
#include <unistd.h>

#define KEY_BYTES 4096

struct words {
	const char *team, *provider;
	bool remove;
};

bool
teamkey_is_next(const struct args *a)
{
	return a->at < a->argc && strcmp(a->argv[a->at], "provider-key") == 0;
}

static int
read_words(struct args *a, struct words *w, const char *help)
{
	const char *arg;

	(void)args_next(a, help); /* "provider-key" */
	while ((arg = args_next(a, help)) != NULL) {
		if (strcmp(arg, "--remove") == 0)
			w->remove = true;
		else if (arg[0] == '-')
			return args_unknown(a, arg);
		else if (w->team == NULL)
			w->team = arg;
		else if (w->provider == NULL)
			w->provider = arg;
		else
			return args_unknown(a, arg);
	}
	if (w->team == NULL)
		return args_bad(a, "the name of a team is wanted");
	if (w->remove && w->provider == NULL)
		return args_bad(a, "--remove wants a provider");
	return 0;
}

static int
fail(const char *text)
{
	(void)fprintf(stderr, "weir: %s\n", text);
	return 1;
}

/* The first line of standard input, without blanks around it. */
static struct slice
read_key(char *to, size_t room)
{
	size_t n = 0;
	ssize_t got;

	while (n < room && (got = read(STDIN_FILENO, to + n, room - n)) > 0) {
		n += (size_t)got;
		if (memchr(to, '\n', n) != NULL)
			break;
	}
	return slice_trim(slice_head(slice_of(to, n), strcspn(to, "\r\n")));
}

static int
list(struct db *db, struct slice team)
{
	struct accountdb_row row;
	struct note note;
	struct buf out;
	enum err e = accountdb_get(db, LEVEL_TEAM, team, &row, &note);

	if (e != ERR_OK)
		return fail(note.text);
	accountdb_row_done(&row);
	buf_init(&out, 1u << 20);
	e = ownkeys_json(db, team, &out, &note);
	buf_byte(&out, '\n');
	if (e == ERR_OK)
		command_print(buf_slice(&out));
	buf_free(&out);
	return e == ERR_OK ? 0 : fail(note.text);
}

static int
put(struct db *db, const struct config *c, const struct words *w)
{
	const struct provider *p = catalog_provider(c->catalog, slice_str(w->provider));
	char text[KEY_BYTES + 1] = "";
	struct change change = {.db = db,
	    .by = command_actor(),
	    .level = LEVEL_TEAM,
	    .name = slice_str(w->team)};
	struct slice key = {NULL, 0};
	struct sealer sealer;
	struct note note;
	enum err e;

	if (p == NULL || !own_is_possible(p))
		return fail(p == NULL
				? "there is no such provider; `weir models` lists them"
				: "requests to this provider are not sent with a key "
				  "that a team could bring");
	sealer_init(&sealer, secret_reveal(&c->options.secret_key));
	if (!w->remove && sealer.any) {
		key = read_key(text, KEY_BYTES);
		if (key.len == 0)
			return fail(
			    "the key is read from standard input, and nothing came");
	}
	e = w->remove ? change_own_remove(&change, slice_str(p->name), &note)
		      : change_own_key(&change, &sealer, slice_str(p->name), key, &note);
	secret_wipe(text, sizeof(text));
	secret_wipe(&sealer, sizeof(sealer));
	if (e != ERR_OK)
		return fail(note.text);
	(void)fprintf(stderr, w->remove ? "removed\n" : "kept\n");
	return 0;
}

int
teamkey_run(struct args *a, const char *help)
{
	struct words w = {0};
	int status = read_words(a, &w, help);
	struct config *c;
	struct db *db;

	if (status != 0)
		return status;
	c = command_config(a, false);
	db = c == NULL ? NULL : command_database(c);
	if (db == NULL)
		status = 1;
	else if (w.provider == NULL)
		status = list(db, slice_str(w.team));
	else
		status = put(db, c, &w);
	db_close(db);
	config_unref(c);
	return status;
}
