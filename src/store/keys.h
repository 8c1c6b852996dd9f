/*
 * store: the ledger and the keys, in an SQLite file (WAL) in the data folder.
 *
 * The server's one store thread drains the meter's outbox in batches, watches
 * for keys that a command made or revoked, and answers look-ups of the loop
 * threads by mail; no loop thread touches the file. Commands (`weir usage`,
 * `weir key`) open it beside a running server. Not here: what a row means
 * (meter/), who may do what (proxy/).
 *
 * keys: the keys of callers as the loop threads see them: an immutable set, which
 * is replaced as a whole. Only hashes are kept.
 */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include "core/err.h"
#include "core/secret.h"
#include "core/slice.h"
#include "provider/own.h"
#include "quota/account.h"

#define KEY_HASH_BYTES 32 /* SHA-256 */

/* What a key may be used for; no text (NULL): anything. Lists have commas. */
struct key_rules {
	char *models; /* patterns with "*" of canonical ids */
	char *providers;
	char *networks;	     /* "10.0.0.0/8,::1" */
	uint64_t expires_ms; /* 0: never */
	bool blocked;
};

void key_rules_done(struct key_rules *r);

struct key {
	uint64_t id;
	char *name;
	unsigned char hash[KEY_HASH_BYTES];
	char *aws_id; /* clients of AWS sign with this one; NULL: it has none */
	struct secret aws_secret;
	struct account *account; /* what it spends from; NULL: without limits */
	struct key_rules rules;
	struct own_keys *own; /* of its team, for providers; or NULL */
};

struct key_set;

/* A set of n keys (takes what they own; copies the array), with one reference. `any`:
 * keys were defined, if only to be revoked. ERR_NOMEM. */
enum err key_set_new(
    const struct key *keys, unsigned n, bool any, struct key_set **ret_set) MUST_CHECK;

struct key_set *key_set_ref(struct key_set *s);
void key_set_unref(struct key_set *s);

/* Was a key ever defined? Then callers need one. */
bool key_set_any(const struct key_set *s);

/* The key of that hash, compared in constant time; NULL. */
const struct key *
key_set_find(const struct key_set *s, const unsigned char hash[KEY_HASH_BYTES]);

/* The key whose access key for AWS has that id; NULL. */
const struct key *key_set_find_aws(const struct key_set *s, struct slice id);

/* Frees what a key owns. */
void key_done(struct key *k);

/* The SHA-256 of a key's text. Any thread. */
void key_hash(struct slice text, unsigned char ret_hash[KEY_HASH_BYTES]);

/* The id of a key that stands in the configuration, out of its hash. */
uint64_t key_id_of_hash(const unsigned char hash[KEY_HASH_BYTES]);

/* A new key's text: "sk-weir-" and 43 characters of 256 random bits. Terminated. */
#define KEY_TEXT_MAX 56
void key_make(char ret_text[KEY_TEXT_MAX]);

/* A new access key in the form that AWS's are in. Of its secret no hash is enough: a
 * signature can only be checked with the secret itself. Terminated. */
#define KEY_AWS_ID_MAX	   21
#define KEY_AWS_SECRET_MAX 41
void key_make_aws(char ret_id[KEY_AWS_ID_MAX], char ret_secret[KEY_AWS_SECRET_MAX]);

#endif
