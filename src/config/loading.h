/*
 * loading: what the parts of config_load() share. Each part reads its piece of
 * the tree into the configuration and reports all that is wrong with it; out of
 * memory sets `nomem`, and everything after that may be skipped.
 *
 *	config.c	the order of it all
 *	options.c	options, out of the file and of variables
 *	providers.c	`providers:` over the built-in rows
 *	local.c		`local.models`
 *	models.c	`models:` over the catalog
 *	caps.c		limits of a provider or a model
 *	keys.c		`keys:` and WEIR_KEY
 *	check.c		what spans several options
 */
#ifndef CONFIG_LOADING_H
#define CONFIG_LOADING_H

#include "config/config.h"
#include "config/expand.h"
#include "config/option.h"
#include "config/yaml.h"

#include <limits.h>

#define LOADING_MODEL_MAX 256	   /* bytes of a model's id */
#define LOADING_WHOLE	  UINT_MAX /* no single item of an option */

struct loading {
	struct config *c;
	struct report report;
	struct arena arena;	/* the tree's; gone after the load */
	struct yaml_node *root; /* NULL: no file, or nothing in it */
	const char *source;	/* the file's path; NULL: no file */
	const char *prices;	/* a file in the place of the imported one; or NULL */
	bool nomem;
};

/* Where the value stands. */
struct place loading_place(const struct loading *l, const struct yaml_node *n);

/* "weir.yaml:7: expected a text, found a list" */
void
loading_unexpected(struct loading *l, const struct yaml_node *n, const char *expected);

/*
 * The values of a map's members by the members' names (n of them, `names`), NULL
 * for those that are not given or null. Others are reported as unknown; `where`
 * names the map ("providers.mine"). False, and all NULL, when it is no map.
 */
bool loading_members(struct loading *l, const struct yaml_node *map, struct slice where,
    const char *const *names, unsigned n, const struct yaml_node **ret_values);

/* Reports an unknown key; nearest was tried with all that there are. */
void loading_unknown(struct loading *l, const struct yaml_node *key, struct slice where,
    const struct nearest *nearest, const char *names);

/*
 * The text of a scalar, expanded; the caller frees it. False when it is none,
 * or a variable is missing, which is reported.
 */
bool loading_text(struct loading *l, const struct yaml_node *n, const char *expected,
    struct secret *ret_text);

/* The same, but a missing variable is the caller's business: see ret->unset. */
bool loading_expand(struct loading *l, const struct yaml_node *n, const char *expected,
    struct expansion *ret);

/* Scalars of a type. False when reported; *ret is then untouched. */
bool loading_bool(struct loading *l, const struct yaml_node *n, bool *ret);
/* "12.5%" or "-10%" in hundredths of a percent, 100% at most. */
bool loading_percent(struct loading *l, const struct yaml_node *n, int64_t *ret_bp);
bool loading_count(struct loading *l, const struct yaml_node *n, uint64_t least,
    uint64_t most, uint64_t *ret);

/* One of the words, ASCII case ignored; its index. */
bool loading_word(struct loading *l, const struct yaml_node *n, const char *const *words,
    unsigned count, unsigned *ret);

/* A copy for the heap of what is not secret; NULL sets nomem. */
char *loading_dup(struct loading *l, struct slice s);

/* A text that lives as long as the catalog; NULL sets nomem. */
const char *loading_keep(struct loading *l, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * An array of n elements made with this, with room for one more: the place where
 * it stands now. NULL sets nomem, and the array stays as it was.
 */
void *loading_more(struct loading *l, void *array, unsigned n, size_t size);

/* Can it be the name of a header (RFC 9110 5.1)? */
bool loading_is_header(struct slice s);

/* Can it be a model's id? Reports when not. */
bool loading_model_name(struct loading *l, const struct yaml_node *n, struct slice name);

/* An error in the value of the option of that path, or in one item of its list. */
void loading_option_error(struct loading *l, const char *path, unsigned item,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Appends the file's content. 0 or an errno; EFBIG: more than the buffer takes. */
int loading_file(const char *path, struct buf *to);

/* --- the parts --- */

/* Sets all options: defaults, file, variables. The other keys of the top level
 * are left to the other parts. */
void options_load(struct loading *l);

/* Makes all providers of the catalog. */
void providers_load(struct loading *l);

/*
 * caps.c: reads the limits of a provider or a model. Where they may stand: the node of
 * `headers`, which is the caller's to read; else NULL.
 */
const struct yaml_node *caps_load(struct loading *l, const struct yaml_node *map,
    struct slice where, bool with_headers, struct account_limits *ret);

/* Reads `limits` of a provider (NULL: it has none), is_new: that is not built in. */
void caps_of_provider(
    struct loading *l, const struct yaml_node *n, bool is_new, struct provider *p);

/* Is there any? And as YAML: "limits: {rpm: 60}". */
bool caps_any(const struct account_limits *limits);
void caps_print(const struct account_limits *limits, struct buf *to);

/* Is the name the provider's of the configuration? Reports when not. */
struct provider *providers_named(struct loading *l, struct slice name, struct place at);

/* Reads the built-in catalog, the option's file, and the imported prices. */
void models_read_catalog(struct loading *l);

/* Reads `local.models` into config.engines; local_offer adds their models. */
void local_load(struct loading *l);
void local_offer(struct loading *l);

/* Applies `models:`. */
void models_load(struct loading *l);

/* Reads `keys:` and takes the option `key`. */
void keys_load(struct loading *l);

/* Makes offer o one of the local model; it costs nothing. */
void local_fill(struct loading *l, struct offer *o, const struct config_engine *e);

/* The local model of that name, or NULL. */
const struct config_engine *local_named(const struct config *c, struct slice name);

/* What spans several options, and the TLS contexts. After all the others. */
void check_load(struct loading *l);

#endif
