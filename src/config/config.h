/*
 * config: what the operator wants, from a YAML file, WEIR_* variables and the
 * built-in tables, as one immutable generation.
 *
 * config_load() reads everything (files, environment, catalog) and either gives
 * a complete generation or a list of all that is wrong, each with file, line
 * and column. Not for loop threads. Generations are counted: a request keeps the
 * one it began with, a reload (SIGHUP) replaces what new requests get.
 *
 * options.def is the table of options. Not here: keys made by `weir key create`
 * (store/keys.h), the engines of local models (local/).
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "core/buf.h"
#include "core/log.h"
#include "core/secret.h"
#include "net/tls.h"
#include "provider/catalog.h"
#include "route/name.h"

/* A list of texts. */
struct texts {
	char **at; /* terminated */
	unsigned count;
};

/* The types of options, and how each is held. */
typedef char *option_TEXT;
typedef char *option_PATH;
typedef struct secret option_SECRET;
typedef uint64_t option_COUNT;
typedef uint64_t option_SPAN; /* ms */
typedef uint64_t option_BYTES;
typedef bool option_BOOL;
typedef int64_t option_USD;	 /* pico-USD */
typedef uint64_t option_PERCENT; /* permille */
typedef struct texts option_LIST;
typedef enum log_level option_LEVEL;
typedef enum log_format option_FORMAT;
typedef enum policy option_POLICY;

struct options {
#define OPTION(field, path, type, value, help) option_##type field;
#include "config/options.def"
};

/* A key defined in the configuration: its name and the SHA-256 of its text. */
struct config_key {
	char *name;
	unsigned char hash[32];
};

/* A local model: an offer of the provider `local` has its index + 1 in `engine`. */
struct config_engine {
	char *name;	     /* "smollm2" */
	char *file, *mmproj; /* mmproj NULL: none */
	uint64_t context_tok;
	bool embedding;
	const char *missing; /* why it can't run (no file), or NULL */
};

struct config {
	struct options options;
	char *file; /* the configuration file read, or NULL */
	struct catalog *catalog;
	struct config_key *keys;
	unsigned nkeys;
	struct config_engine *engines;
	unsigned nengines;
	struct tls_context *tls_client; /* NULL: no provider needs it */
	struct tls_context *tls_server; /* NULL: callers speak plain */
	struct buf warnings;		/* lines, like the errors */
};

/*
 * Loads a generation with one reference. `file` NULL: searched for (./weir.yaml,
 * $XDG_CONFIG_HOME/weir/weir.yaml, /etc/weir/weir.yaml), and none is needed.
 * On failure ERR_SYNTAX, and `errors` has a line for each:
 *	weir.yaml:2:1: unknown option "provders"; did you mean "providers"?
 */
enum err
config_load(const char *file, struct config **ret_config, struct buf *errors) MUST_CHECK;

struct config *config_ref(struct config *c);
void config_unref(struct config *c);

/* Writes the result as YAML with comments, secrets as "(set)": `weir check`. */
void config_print(const struct config *c, struct buf *to);

/* Writes docs/configuration.md and docs/providers.md. */
void config_document(struct buf *to);
void config_document_providers(struct buf *to);

/* Writes the table of options for a terminal. */
void config_help(struct buf *to);

#endif
