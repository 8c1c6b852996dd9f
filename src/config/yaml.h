/*
 * yaml: a YAML text as a small tree in which each value knows its place. Scalars
 * stay text: what they mean is decided by whoever reads them.
 *
 * Left out on purpose, each with an error that says so: anchors and aliases,
 * tags, several documents, keys that are not text, keys given twice, and more
 * than YAML_BYTES_MAX bytes, YAML_NODES_MAX values or YAML_DEPTH_MAX levels.
 */
#ifndef CONFIG_YAML_H
#define CONFIG_YAML_H

#include "config/report.h"
#include "core/arena.h"

#define YAML_BYTES_MAX (1u << 20)
#define YAML_NODES_MAX 100000
#define YAML_DEPTH_MAX 16

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml_node {
	enum yaml_kind kind;
	bool plain; /* a text without quotes */
	unsigned line, column;
	struct slice text;	 /* of a text; terminated */
	struct yaml_node *first; /* of a list, its items; of a map, its keys */
	struct yaml_node *next;
	struct yaml_node *value; /* of a key */
};

/*
 * Reads the text. The tree lives in the arena; *ret_root is NULL when there is
 * nothing in the text. Keys that can't stand are reported, under the name
 * `source`, and left out; ERR_SYNTAX when no tree can be made, which is reported
 * as well. ERR_NOMEM.
 */
enum err yaml_read(struct slice text, const char *source, struct arena *a,
    struct report *report, struct yaml_node **ret_root) MUST_CHECK;

/* Overwrites all texts, which may be secrets. NULL does nothing. */
void yaml_wipe(struct yaml_node *root);

/* The value of the key in a map; NULL when there is none or n is no map. */
const struct yaml_node *yaml_get(const struct yaml_node *n, struct slice key);

/* Is it left empty, `null` or `~`? */
bool yaml_is_null(const struct yaml_node *n);

/* What it is, for "found ...": "a list". Static text. */
const char *yaml_what(const struct yaml_node *n);

#endif
