/*
 * expand: `${NAME}` in a text, taken from the environment; `$${` is a `${` that
 * stays. Texts may be secrets and are handled as such. Not for loop threads.
 */
#ifndef CONFIG_EXPAND_H
#define CONFIG_EXPAND_H

#include "core/err.h"
#include "core/secret.h"

#define EXPAND_BYTES_MAX (64u << 10) /* of the result */

struct expansion {
	struct secret text; /* terminated also when it is empty; the caller's to free */
	struct slice unset; /* the first variable that is not set or is empty, or "" */
	bool is_set;	    /* ... and it is empty */
	struct slice name;  /* NAME when the text is `${NAME}` and nothing else */
};

/*
 * Expands raw, of which the slices of *ret are parts. A variable that is not set
 * counts as empty, and the caller decides what that means. ERR_SYNTAX: a `${` that
 * does not go on as `NAME}`, or a result that is too long; ERR_NOMEM.
 */
enum err expand(struct slice raw, struct expansion *ret) MUST_CHECK;

/* What is wrong with the variable `unset`: "is not set" or "is empty". Static text. */
const char *expand_fault(const struct expansion *e);

/* The variable's text, NULL when it is not set or empty. */
const char *expand_variable(const char *name);

#endif
