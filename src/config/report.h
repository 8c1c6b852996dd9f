/*
 * report: what is wrong with a configuration, a line each, in the form that
 * compilers use and editors understand:
 *
 *	weir.yaml:2:1: unknown option "provders"; did you mean "providers"?
 *	WEIR_THREADS: expected a whole number from 0 to 64, found "many"
 *	weir.yaml:7:14: warning: MINE_KEY is not set
 *
 * All that is wrong is told at once and in the order of the file, so a report
 * collects until report_write. No message holds the value of a variable that may
 * be a secret.
 */
#ifndef CONFIG_REPORT_H
#define CONFIG_REPORT_H

#include "core/buf.h"
#include "core/note.h"

#define REPORT_LINES_MAX 200 /* more are only counted */

/* Where a value stands. */
struct place {
	const char *source;    /* a path or the name of a variable; borrowed */
	unsigned line, column; /* from 1; line 0: the source has none */
};

struct finding {
	bool error; /* or a warning */
	unsigned line, column;
	size_t at, len; /* of its text */
};

struct report {
	unsigned nerrors, nfindings;
	struct finding findings[REPORT_LINES_MAX];
	struct buf text;
};

void report_init(struct report *r);
void report_done(struct report *r);

/* Adds a line. */
void report_error(struct report *r, struct place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void report_warning(struct report *r, struct place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Appends the lines in order. ERR_NOMEM when some are lost. */
enum err report_write(struct report *r, struct buf *to) MUST_CHECK;

/* Foreign text for a message: on one line, and cut when it is long. */
struct quote {
	char text[96];
};
const char *report_quote(struct quote *q, struct slice s);

/* The same where a message is built; good until the end of the block. */
#define QUOTE(s) report_quote(&(struct quote){{0}}, (s))

/*
 * Which of the names that there are is nearest to one that there is not:
 * nearest_init, nearest_try for each, then `name` (empty: none is near).
 */
struct nearest {
	struct slice wrong, name;
	unsigned distance;
};
void nearest_init(struct nearest *n, struct slice wrong);
void nearest_try(struct nearest *n, struct slice name);

/* Says `; did you mean "x"?`, or else `; expected one of` and the list of names. */
void nearest_tell(const struct nearest *n, const char *names, struct note *to);

#endif
