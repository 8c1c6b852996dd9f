#include "core/version.h"
#include "local/engine.h"
#include "main/command.h"
#include "store/db.h"
#include "store/store.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct {
	const char *name;
	command_fn *fn;
	const char *arguments, *summary;
} commands[] = {
#define COMMAND(name, function, arguments, summary) {name, function, arguments, summary},
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

const char *
args_next(struct args *a, const char *help)
{
	while (a->at < a->argc) {
		const char *arg = a->argv[a->at++];

		if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
			command_print(slice_str(help));
			exit(0);
		}
		if (strcmp(arg, "-c") == 0 || strcmp(arg, "--config") == 0)
			a->config_file = args_value(a, arg);
		else if (strcmp(arg, "--json") == 0)
			a->json = true;
		else if (strcmp(arg, "--csv") == 0)
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

struct config *
command_config(const struct args *a, bool warnings)
{
	struct config *c = NULL;
	struct buf errors;
	enum err e;

	buf_init(&errors, 1u << 20);
	e = config_load(a->config_file, &c, &errors);
	if (errors.len > 0)
		(void)fwrite(errors.ptr, 1, errors.len, stderr);
	else if (e != ERR_OK)
		(void)fputs("weir: out of memory\n", stderr);
	buf_free(&errors);
	if (e == ERR_OK && warnings && c->warnings.len > 0)
		(void)fwrite(c->warnings.ptr, 1, c->warnings.len, stderr);
	return e == ERR_OK ? c : NULL;
}

sqlite3 *
command_database(const struct config *c)
{
	char folder[4096];
	struct note note;
	sqlite3 *db;

	(void)store_folder(c->options.data, folder);
	if (store_make_folder(folder, &note) == ERR_OK &&
	    db_open(folder, &db, &note) == ERR_OK)
		return db;
	(void)fprintf(stderr, "weir: %s\n", note.text);
	return NULL;
}

int
cmd_version(struct args *a)
{
	static const char help[] = "usage: weir version\n\nPrints the version.\n";

	if (args_next(a, help) != NULL)
		return args_bad(a, "no arguments are wanted");
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
		buf_printf(&out, "  %-8s %-24s %s\n", commands[i].name,
		    commands[i].arguments, commands[i].summary);
	buf_add(&out,
	    S("\nEvery command takes -c FILE (the configuration; else ./weir.yaml,\n"
	      "$XDG_CONFIG_HOME/weir/weir.yaml, /etc/weir/weir.yaml, or none), and "
	      "--help.\n"
	      "`weir help options` lists what can be configured.\n"));
	command_print(buf_slice(&out));
	buf_free(&out);
}

/* Topics of `weir help` that are no commands; the last two make the manual. */
static const struct {
	const char *name;
	void (*write)(struct buf *to);
} topics[] = {
    {"options", config_help},
    {"configuration.md", config_document},
    {"providers.md", config_document_providers},
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

int
cmd_help(struct args *a)
{
	static const char help[] = "usage: weir help [COMMAND|options]\n";
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
		struct args asked = {1, argv, 0, commands[i].name, NULL, false, false};

		if (strcmp(topic, commands[i].name) == 0)
			return commands[i].fn(&asked);
	}
	return args_bad(a, "there is no command \"%s\"", topic);
}

int
main(int argc, char **argv)
{
	struct args a = {argc, argv, 2, "help", NULL, false, false};

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
		return commands[i].fn(&a);
	}
	(void)fprintf(
	    stderr, "weir: there is no command \"%s\"; see `weir help`\n", argv[1]);
	return 2;
}
