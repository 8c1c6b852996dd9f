/*
 * option: the rows of options.def at run time: text to value and back.
 */
#ifndef CONFIG_OPTION_H
#define CONFIG_OPTION_H

#include "config/config.h"
#include "config/report.h"

enum option_type {
	OPTION_SECTION, /* not an option: opens a group; path and help only */
	OPTION_TEXT,
	OPTION_PATH,
	OPTION_SECRET,
	OPTION_COUNT,
	OPTION_SPAN,
	OPTION_BYTES,
	OPTION_BOOL,
	OPTION_USD,
	OPTION_PERCENT,
	OPTION_LIST,
	OPTION_LEVEL,
	OPTION_FORMAT,
	OPTION_POLICY,
	OPTION_FULL,
};

struct option_row {
	enum option_type type;
	const char *path, *value, *range, *help; /* value: the default */
	size_t at, origin_at; /* of the field in struct options, struct origins */
};

#define OPTION_VARIABLE_MAX 64

/* All rows in the order of options.def, sections among them. */
const struct option_row *option_rows(unsigned *ret_count);

/* The option of that path, or NULL. */
const struct option_row *option_find(struct slice path);

/* Is there a section of that name? */
bool option_is_section(struct slice name);

/* Writes its variable's name, "WEIR_LOG_LEVEL"; returns `to`. */
const char *option_variable(const struct option_row *row, char to[OPTION_VARIABLE_MAX]);

/*
 * Sets an option to the value that the texts say: one, or for a LIST any number.
 * ERR_SYNTAX with a note that says what was expected, and the option is as it
 * was; ERR_NOMEM.
 */
enum err option_set(const struct option_row *row, struct options *o,
    const struct slice *texts, unsigned n, struct note *why) MUST_CHECK;

/* A text with commas: its parts without blanks, or the whole for what is no LIST.
 * ERR_SYNTAX also for more than OPTION_TEXTS_MAX parts. */
#define OPTION_TEXTS_MAX 64
enum err option_set_text(const struct option_row *row, struct options *o,
    struct slice text, struct note *why) MUST_CHECK;

/* Sets all to their defaults; *o holds nothing yet. ERR_NOMEM. */
enum err option_defaults(struct options *o) MUST_CHECK;

/* Frees what they hold. */
void option_done(struct options *o);

/* What values it takes: "expected a whole number from 0 to 64". */
void option_expected(const struct option_row *row, struct note *to);

/* Writes the value as YAML, on one line; a secret never. */
void option_print(const struct option_row *row, const struct options *o, struct buf *to);

/* Writes a text as YAML: quoted only where it must be. */
void option_print_text(struct slice text, struct buf *to);

/* Where the option's value comes from. */
struct origin *option_origin(const struct option_row *row, struct origins *o);

/* A path in which a leading `~/` is the user's home; on the heap. NULL: no memory. */
char *option_path(struct slice s);

/* true, false, yes, no, on, off, 1, 0. */
bool option_parse_bool(struct slice s, bool *ret_value);

#endif
