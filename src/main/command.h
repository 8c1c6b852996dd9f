/*
 * main: the program: its commands, the server's start and end, and who is bound to
 * whom. Everything else is a module of its own.
 *
 * command: the commands (commands.def) and what they share.
 */
#ifndef MAIN_COMMAND_H
#define MAIN_COMMAND_H

#include "config/config.h"
#include "store/audit.h"
#include "store/db.h"

/* What a command can print: each of these and those before it. */
enum args_formats { ARGS_PLAIN, ARGS_JSON, ARGS_CSV };

/* The arguments of a command, taken one after the other. */
struct args {
	int argc;
	char **argv;
	int at;
	const char *command, *help;
	const char *config_file; /* -c; NULL: searched for */
	enum args_formats formats;
	bool json, csv;
};

/* A command; returns the exit status. */
typedef int command_fn(struct args *a);

#define COMMAND(name, function, formats, arguments, summary) int function(struct args *a);
#include "main/commands.def"

/*
 * The next argument that is no common option (-c, --help, --json and --csv where the
 * command has them); NULL at the end. --help prints `help` (static text) and ends the
 * process; a flag that is none of the common ones is returned like an argument.
 */
const char *args_next(struct args *a, const char *help);

/* The value of the flag just taken; without one, an error and the end. */
const char *args_value(struct args *a, const char *flag);

/* Says what is wrong with the arguments and how to get help; returns 2. */
int args_bad(const struct args *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Says that there is no such argument, and the nearest flag of the help; returns 2. */
int args_unknown(const struct args *a, const char *arg);

/* Loads the configuration, or prints its errors and returns NULL. Warnings are
 * printed when asked for. */
struct config *command_config(const struct args *a, bool warnings);

/* The same, with the prices of that file in the place of those that were imported. */
struct config *
command_config_prices(const struct args *a, const char *prices, bool warnings);

/* Opens the data folder's database, or prints why not and returns NULL. */
struct db *command_database(const struct config *c);

/* Who runs the command, for the audit log; the name is static. */
struct audit_actor command_actor(void);

/* Writes to standard output. */
void command_print(struct slice text);

#endif
