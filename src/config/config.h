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
 * (store/), the engines of local models (local/).
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "core/buf.h"
#include "core/log.h"
#include "core/secret.h"
#include "net/tls.h"
#include "provider/catalog.h"
#include "route/name.h"
#include "store/keys.h"

#include <stdatomic.h>

#define CONFIG_PRICES "prices.json" /* in the data folder */

/* A list of texts. */
struct texts {
	char **at; /* terminated */
	unsigned count;
};

/* What happens to requests when the journal is full. */
enum full { FULL_REFUSE, FULL_GO_ON };

/* How the types of options are held. */
#define OPTION_TYPE_TEXT    char * /* "" when not given, never NULL */
#define OPTION_TYPE_PATH    char *
#define OPTION_TYPE_SECRET  struct secret
#define OPTION_TYPE_COUNT   uint64_t
#define OPTION_TYPE_SPAN    uint64_t /* ms */
#define OPTION_TYPE_BYTES   uint64_t
#define OPTION_TYPE_BOOL    bool
#define OPTION_TYPE_USD	    int64_t  /* pico-USD */
#define OPTION_TYPE_PERCENT uint64_t /* permille */
#define OPTION_TYPE_LIST    struct texts
#define OPTION_TYPE_LEVEL   enum log_level
#define OPTION_TYPE_FORMAT  enum log_format
#define OPTION_TYPE_POLICY  enum policy
#define OPTION_TYPE_FULL    enum full

/*
 * The values. Two are settled once all is read: `data` is never empty, and `key`
 * is wiped (its hash is among config.keys).
 */
struct options {
#define OPTION(field, path, type, value, range, help) OPTION_TYPE_##type field;
#include "config/options.def"
};

enum origin_kind { ORIGIN_DEFAULT, ORIGIN_FILE, ORIGIN_VARIABLE };

/* Where a value comes from; line and column of the file's. */
struct origin {
	enum origin_kind kind;
	unsigned line, column;
};

/* The same for each option, under the same name. */
struct origins {
#define OPTION(field, path, type, value, range, help) struct origin field;
#include "config/options.def"
};

/* A key defined in the configuration: its name and the SHA-256 of its text. */
struct config_key {
	char *name;
	unsigned char hash[KEY_HASH_BYTES];
};

/* A local model; its offers are those of the provider `local` with its name as
 * the upstream id. */
struct config_engine {
	char *name;	     /* "smollm2" */
	char *file, *mmproj; /* file "": a variable in it is not set; mmproj NULL: none */
	uint64_t context_tok;
	bool embedding;
	unsigned line;	     /* of its entry in the file; 0: built in */
	const char *missing; /* why it can't run (no file), or NULL */
};

/* An entry of `models:`. */
struct config_model {
	const struct model *model;
	unsigned line;
};

struct config {
	atomic_uint refs;
	struct options options;
	struct origins origins;
	char *file; /* the configuration file read, or NULL */
	struct catalog *catalog;
	unsigned *provider_lines; /* of their entries, by provider.index; 0: none */
	struct config_model *models;
	unsigned nmodels;
	struct config_key *keys;
	unsigned nkeys;
	struct config_engine *engines;
	unsigned nengines;
	struct tls_context *tls_client; /* NULL: no provider needs it */
	struct host webhook_host;	/* of webhook.url; name NULL: there is none */
	char *webhook_path;		/* and its path with the query */
	struct tls_context *tls_server; /* NULL: callers speak plain */
	struct buf warnings;		/* lines, in the form of the errors */
};

/*
 * Loads a generation with one reference. `file` NULL: searched for (./weir.yaml,
 * $XDG_CONFIG_HOME/weir/weir.yaml, /etc/weir/weir.yaml), and none is needed.
 * On failure ERR_SYNTAX, and `errors` (of the caller's; 256 KiB hold all) has a
 * line for each and for each warning, in the order of the file:
 *	weir.yaml:2:1: unknown option "provders"; did you mean "providers"?
 * ERR_NOMEM. Not on two threads at a time.
 */
enum err
config_load(const char *file, struct config **ret_config, struct buf *errors) MUST_CHECK;

/* The same with the prices of that file in the place of those that were imported into
 * the data folder (CONFIG_PRICES, docs/bill.md). */
enum err config_load_prices(const char *file, const char *prices,
    struct config **ret_config, struct buf *errors) MUST_CHECK;

/* Any thread. The last config_unref frees it; NULL does nothing. */
struct config *config_ref(struct config *c);
void config_unref(struct config *c);

/* Writes the result as YAML with comments, secrets as "(set)": `weir check`. */
void config_print(const struct config *c, struct buf *to);

/* Write docs/configuration.md and docs/providers.md. */
void config_document(struct buf *to);
void config_document_providers(struct buf *to);

/* Writes the table of options for a terminal of 80 columns. */
void config_help(struct buf *to);

#endif
