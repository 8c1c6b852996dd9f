#include "config/report.h"
#include "core/clock.h"
#include "core/version.h"
#include "dialect/document.h"
#include "local/engine.h"
#include "main/command.h"
#include "meter/stats.h"
#include "store/db.h"
#include "store/store.h"

#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
	const char *name;
	command_fn *fn;
	enum args_formats formats;
	const char *arguments, *summary;
} commands[] = {
#define COMMAND(name, function, formats, arguments, summary)                             \
	{name, function, ARGS_##formats, arguments, summary},
#include "main/commands.def"
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

void
command_print(struct slice text)
{
	while (text.len > 0) {
		ssize_t n = write(STDOUT_FILENO, text.ptr, text.len);

		if (n <= 0)
			exit(1); /* nobody reads it */
		text = slice_from(text, (size_t)n);
	}
}

struct audit_actor
command_actor(void)
{
	static char name[64];
	const struct passwd *user = getpwuid(getuid());

	if (user != NULL)
		(void)snprintf(name, sizeof(name), "%s", user->pw_name);
	else
		(void)snprintf(name, sizeof(name), "uid %lu", (unsigned long)getuid());
	return (struct audit_actor){S("command"), slice_str(name), clock_unix_ms()};
}

const char *
args_next(struct args *a, const char *help)
{
	a->help = help;
	while (a->at < a->argc) {
		const char *arg = a->argv[a->at++];

		if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
			command_print(slice_str(help));
			exit(0);
		}
		if (strcmp(arg, "-c") == 0 || strcmp(arg, "--config") == 0)
			a->config_file = args_value(a, arg);
		else if (strcmp(arg, "--json") == 0 && a->formats >= ARGS_JSON)
			a->json = true;
		else if (strcmp(arg, "--csv") == 0 && a->formats >= ARGS_CSV)
			a->csv = true;
		else
			return arg;
	}
	return NULL;
}

const char *
args_value(struct args *a, const char *flag)
{
	if (a->at >= a->argc)
		exit(args_bad(a, "%s wants a value", flag));
	return a->argv[a->at++];
}

int
args_bad(const struct args *a, const char *format, ...)
{
	va_list ap;

	(void)fputs("weir: ", stderr);
	va_start(ap, format);
	(void)vfprintf(stderr, format, ap);
	va_end(ap);
	(void)fprintf(stderr, "; see `weir %s --help`\n", a->command);
	return 2;
}

/* The next "--flag" of a text; empty at its end. */
static struct slice
next_flag(struct slice *rest)
{
	struct slice flag;
	size_t n = 2;

	*rest = slice_from(*rest, slice_search(*rest, S("--")));
	while (n < rest->len && rest->ptr[n] >= 'a' && rest->ptr[n] <= 'z')
		n++;
	flag = slice_head(*rest, n);
	*rest = slice_from(*rest, n);
	return flag;
}

int
args_unknown(const struct args *a, const char *arg)
{
	struct slice help = slice_str(a->help), flag;
	struct nearest nearest;
	struct note hint = {""};

	nearest_init(&nearest, slice_str(arg));
	while (arg[0] == '-' && (flag = next_flag(&help)).len > 0)
		nearest_try(&nearest, flag);
	nearest_tell(&nearest, "", &hint);
	if (hint.text[0] == '\0')
		return args_bad(a, "\"%s\" is not understood", arg);
	(void)fprintf(stderr, "weir: \"%s\" is not understood%s\n", arg, hint.text);
	return 2;
}

struct config *
command_config(const struct args *a, bool warnings)
{
	return command_config_prices(a, NULL, warnings);
}

struct config *
command_config_prices(const struct args *a, const char *prices, bool warnings)
{
	struct config *c = NULL;
	struct buf errors;
	enum err e;

	buf_init(&errors, 1u << 20);
	e = config_load_prices(a->config_file, prices, &c, &errors);
	if (errors.len > 0)
		(void)fwrite(errors.ptr, 1, errors.len, stderr);
	else if (e != ERR_OK)
		(void)fputs("weir: out of memory\n", stderr);
	buf_free(&errors);
	if (e == ERR_OK && warnings && c->warnings.len > 0)
		(void)fwrite(c->warnings.ptr, 1, c->warnings.len, stderr);
	return e == ERR_OK ? c : NULL;
}

struct db *
command_database(const struct config *c)
{
	char folder[4096];
	const struct db_place place = {
	    .folder = folder, .url = secret_reveal(&c->options.store_url)};
	struct note note;
	struct db *db;

	(void)store_folder(c->options.data, folder);
	if (store_make_folder(folder, &note) == ERR_OK &&
	    db_open(&place, &db, &note) == ERR_OK)
		return db;
	(void)fprintf(stderr, "weir: %s\n", note.text);
	return NULL;
}

int
cmd_version(struct args *a)
{
	static const char help[] =
	    "usage: weir version [--json]\n\nPrints the version.\n";
	const char *arg = args_next(a, help);

	if (arg != NULL)
		return args_unknown(a, arg);
	if (a->json)
		command_print(S("{\"version\":\"" WEIR_VERSION "\"}\n"));
	else
		command_print(S("weir " WEIR_VERSION "\n"));
	return 0;
}

static void
print_help(void)
{
	struct buf out;

	buf_init(&out, 1u << 16);
	buf_add(&out, S("weir " WEIR_VERSION
			": one OpenAI-compatible endpoint in front of every inference "
			"backend\n\nusage: weir COMMAND [-c FILE] ...\n\n"));
	for (unsigned i = 0; i < COMMANDS; i++)
		buf_printf(&out, "  %-9s %-24s %s\n", commands[i].name,
		    commands[i].arguments, commands[i].summary);
	buf_add(&out,
	    S("\nEvery command takes -c FILE (the configuration; else ./weir.yaml,\n"
	      "$XDG_CONFIG_HOME/weir/weir.yaml, /etc/weir/weir.yaml, or none), and "
	      "--help.\n"
	      "`weir help options` lists what can be configured.\n"));
	command_print(buf_slice(&out));
	buf_free(&out);
}

/* Topics of `weir help` that are no commands; the later ones make the manual. */
static const struct {
	const char *name;
	void (*write)(struct buf *to);
} topics[] = {
    {"options", config_help},
    {"configuration.md", config_document},
    {"providers.md", config_document_providers},
    {"dialects.md", document_dialects},
    {"metrics.md", stats_document},
};

static bool
print_topic(const char *topic)
{
	for (unsigned i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
		struct buf out;

		if (strcmp(topic, topics[i].name) != 0)
			continue;
		buf_init(&out, 1u << 20);
		topics[i].write(&out);
		command_print(buf_slice(&out));
		buf_free(&out);
		return true;
	}
	return false;
}

/* Says that there is no such command, and the nearest one; returns 2. */
static int
no_command(const char *name)
{
	struct nearest nearest;
	struct note hint;

	nearest_init(&nearest, slice_str(name));
	for (unsigned i = 0; i < COMMANDS; i++)
		nearest_try(&nearest, slice_str(commands[i].name));
	nearest_tell(&nearest, "", &hint);
	(void)fprintf(stderr, "weir: there is no command \"%s\"%s\n", name,
	    hint.text[0] == '\0' ? "; `weir help` lists them" : hint.text);
	return 2;
}

int
cmd_help(struct args *a)
{
	static const char help[] = "usage: weir help [COMMAND|options]\n\nShows the "
				   "commands, how one of them is "
				   "used, or all that can be configured.\n";
	const char *topic = args_next(a, help);
	char flag[] = "--help";

	if (topic == NULL) {
		print_help();
		return 0;
	}
	if (print_topic(topic))
		return 0;
	for (unsigned i = 0; i < COMMANDS; i++) {
		char *argv[] = {flag};
		struct args asked = {
		    .argc = 1, .argv = argv, .command = commands[i].name};

		if (strcmp(topic, commands[i].name) == 0)
			return commands[i].fn(&asked);
	}
	return no_command(topic);
}

int
main(int argc, char **argv)
{
	struct args a = {.argc = argc,
	    .argv = argv,
	    .at = 2,
	    .command = "version",
	    .formats = ARGS_JSON};

	(void)umask(077); /* the ledger and the keys are nobody else's business */
	if (argc > 1 && strcmp(argv[1], "engine-child") == 0)
		return engine_child_main(argc - 1, argv + 1);
	if (argc < 2) {
		print_help();
		return 2;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_help();
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0)
		return cmd_version(&a);
	for (unsigned i = 0; i < COMMANDS; i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		a.command = commands[i].name;
		a.formats = commands[i].formats;
		return commands[i].fn(&a);
	}
	if (argv[1][0] != '-')
		return no_command(argv[1]);
	(void)fprintf(stderr,
	    "weir: \"%s\" stands where a command is wanted; its options come behind it, "
	    "as in `weir serve -c FILE`\n",
	    argv[1]);
	return 2;
}
