#define OPENSSL_SUPPRESS_DEPRECATED /* see key_hash */
#include "store/keys.h"

#include "core/random.h"

#include <openssl/sha.h>
#include <stdatomic.h>
#include <stdlib.h>

struct key_set {
	atomic_uint refs;
	bool any;
	unsigned count;
	struct key keys[]; /* sorted by hash */
};

static int
by_hash(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	return memcmp(x->hash, y->hash, KEY_HASH_BYTES);
}

enum err
key_set_new(const struct key *keys, unsigned n, bool any, struct key_set **ret_set)
{
	struct key_set *s = calloc(1, sizeof(*s) + n * sizeof(s->keys[0]));

	if (s == NULL)
		return ERR_NOMEM;
	atomic_init(&s->refs, 1);
	s->any = any;
	s->count = n;
	if (n > 0) {
		memcpy(s->keys, keys, n * sizeof(s->keys[0]));
		qsort(s->keys, n, sizeof(s->keys[0]), by_hash);
	}
	*ret_set = s;
	return ERR_OK;
}

struct key_set *
key_set_ref(struct key_set *s)
{
	if (s != NULL)
		atomic_fetch_add(&s->refs, 1);
	return s;
}

void
key_set_unref(struct key_set *s)
{
	if (s == NULL || atomic_fetch_sub(&s->refs, 1) > 1)
		return;
	for (unsigned i = 0; i < s->count; i++)
		key_done(&s->keys[i]);
	free(s);
}

bool
key_set_any(const struct key_set *s)
{
	return s != NULL && s->any;
}

/*
 * The search itself leaks by its time how far a hash agrees with a kept one,
 * which tells nothing of the key; the one that may be it is compared in constant
 * time.
 */
const struct key *
key_set_find(const struct key_set *s, const unsigned char hash[KEY_HASH_BYTES])
{
	unsigned low = 0, high = s == NULL ? 0 : s->count;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (memcmp(s->keys[middle].hash, hash, 8) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (s == NULL || low == s->count ||
	    !secret_same(slice_of((const char *)s->keys[low].hash, KEY_HASH_BYTES),
		slice_of((const char *)hash, KEY_HASH_BYTES)))
		return NULL;
	return &s->keys[low];
}

/* Every request hashes a key of one block. By OpenSSL's newer interface that allocates
 * twice, and takes five times as long as the hash itself. */
void
key_hash(struct slice text, unsigned char ret_hash[KEY_HASH_BYTES])
{
	SHA256_CTX hash;

	if (SHA256_Init(&hash) != 1 || SHA256_Update(&hash, text.ptr, text.len) != 1 ||
	    SHA256_Final(ret_hash, &hash) != 1)
		random_bytes(ret_hash, KEY_HASH_BYTES); /* equals nothing */
}

uint64_t
key_id_of_hash(const unsigned char hash[KEY_HASH_BYTES])
{
	uint64_t id;

	memcpy(&id, hash, sizeof(id));
	/* Positive for SQLite, and above what its row numbers reach. */
	return (id & INT64_MAX) | (uint64_t)1 << 62;
}

/* n characters of the first `base` of all digits. */
static void
put_digits(char *to, size_t n, unsigned base)
{
	static const char digits[] =
	    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	unsigned char byte;

	/* Bytes that would favour some are left. */
	for (size_t i = 0; i < n;) {
		random_bytes(&byte, 1);
		if (byte < 256 / base * base)
			to[i++] = digits[byte % base];
	}
	to[n] = '\0';
}

/* 43 characters of 62 are 256 bits. */
void
key_make(char ret_text[KEY_TEXT_MAX])
{
	memcpy(ret_text, "sk-weir-", 8);
	put_digits(ret_text + 8, 43, 62);
}

void
key_make_aws(char ret_id[KEY_AWS_ID_MAX], char ret_secret[KEY_AWS_SECRET_MAX])
{
	memcpy(ret_id, "WEIR", 4);
	put_digits(ret_id + 4, KEY_AWS_ID_MAX - 5, 36);
	put_digits(ret_secret, KEY_AWS_SECRET_MAX - 1, 62);
}

void
key_rules_done(struct key_rules *r)
{
	free(r->models);
	free(r->providers);
	free(r->networks);
	*r = (struct key_rules){0};
}

void
key_done(struct key *k)
{
	own_unref(k->own);
	account_unref(k->account);
	key_rules_done(&k->rules);
	free(k->name);
	free(k->aws_id);
	secret_free(&k->aws_secret);
}

/* Few have one. */
const struct key *
key_set_find_aws(const struct key_set *s, struct slice id)
{
	for (unsigned i = 0; s != NULL && i < s->count; i++)
		if (s->keys[i].aws_id != NULL &&
		    slice_eq(slice_str(s->keys[i].aws_id), id))
			return &s->keys[i];
	return NULL;
}
