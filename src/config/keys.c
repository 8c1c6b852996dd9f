/*
 * Keys for callers that the configuration itself defines.
 */
#include "config/loading.h"

#include "core/text.h"

#include <stdlib.h>

enum field { FIELD_NAME, FIELD_HASH, FIELDS };

static const char *const field_names[FIELDS] = {"name", "hash"};

/* Adds a key; takes the name. */
static void
add_key(struct loading *l, char *name, const unsigned char hash[KEY_HASH_BYTES])
{
	struct config *c = l->c;
	struct config_key *more = loading_more(l, c->keys, c->nkeys, sizeof(*more));

	if (more != NULL)
		c->keys = more;
	if (more == NULL || name == NULL) {
		l->nomem = true;
		free(name);
		return;
	}
	c->keys[c->nkeys].name = name;
	memcpy(c->keys[c->nkeys].hash, hash, KEY_HASH_BYTES);
	c->nkeys++;
}

static bool
parse_hash(struct slice s, unsigned char hash[KEY_HASH_BYTES])
{
	if (s.len != (size_t)2 * KEY_HASH_BYTES)
		return false;
	for (size_t i = 0; i < KEY_HASH_BYTES; i++) {
		int high = text_hex(s.ptr[2 * i]), low = text_hex(s.ptr[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		hash[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

static bool
is_taken(struct loading *l, const struct yaml_node *n, struct slice name)
{
	for (unsigned i = 0; i < l->c->nkeys; i++) {
		if (!slice_eq(slice_str(l->c->keys[i].name), name))
			continue;
		report_error(&l->report, loading_place(l, n),
		    "a second key of the name \"%s\"", QUOTE(name));
		return true;
	}
	return false;
}

static void
read_key(struct loading *l, const struct yaml_node *n)
{
	const struct yaml_node *v[FIELDS];
	struct secret name, hash;
	unsigned char bytes[KEY_HASH_BYTES];

	if (!loading_members(l, n, S("keys"), field_names, FIELDS, v))
		return;
	for (unsigned i = 0; i < FIELDS; i++)
		if (v[i] == NULL) {
			report_error(&l->report, loading_place(l, n),
			    "a key is {name: NAME, hash: SHA-256}; \"%s\" is missing",
			    field_names[i]);
			return;
		}
	if (!loading_text(l, v[FIELD_NAME], "a name", &name))
		return;
	if (loading_text(l, v[FIELD_HASH], "a SHA-256", &hash)) {
		if (!parse_hash(secret_reveal(&hash), bytes))
			report_error(&l->report, loading_place(l, v[FIELD_HASH]),
			    "expected the SHA-256 of a key as 64 hexadecimal digits; "
			    "`weir key create` prints it");
		else if (name.len == 0)
			report_error(&l->report, loading_place(l, v[FIELD_NAME]),
			    "expected a name, found an empty text");
		else if (!is_taken(l, v[FIELD_NAME], secret_reveal(&name)))
			add_key(l, loading_dup(l, secret_reveal(&name)), bytes);
		secret_free(&hash);
	}
	secret_free(&name);
}

/* The one key of the option: only its hash is kept. */
static void
take_option(struct loading *l)
{
	struct secret *key = &l->c->options.key;
	struct slice text = secret_reveal(key);
	unsigned char hash[KEY_HASH_BYTES];
	bool good = true;

	if (text.len == 0) { /* as if it were not there */
		l->c->origins.key = (struct origin){ORIGIN_DEFAULT, 0, 0};
		return;
	}
	for (size_t i = 0; i < text.len; i++)
		good = good && text.ptr[i] > ' ' && text.ptr[i] < 0x7f;
	if (!good)
		loading_option_error(l, "key", LOADING_WHOLE,
		    "a key is letters, digits and signs of ASCII, without blanks");
	else
		key_hash(text, hash);
	if (good)
		add_key(l, loading_dup(l, S("WEIR_KEY")), hash);
	secret_free(key);
}

void
keys_load(struct loading *l)
{
	const struct yaml_node *list = yaml_get(l->root, S("keys"));

	take_option(l);
	if (list == NULL || yaml_is_null(list))
		return;
	if (list->kind != YAML_LIST) {
		loading_unexpected(l, list, "a list of keys (\"- {name: A, hash: B}\")");
		return;
	}
	for (const struct yaml_node *i = list->first; i != NULL && !l->nomem; i = i->next)
		read_key(l, i);
}
