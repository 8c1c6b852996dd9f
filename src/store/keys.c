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
	unsigned bits;	   /* of a hash, which name its bucket: about one key each */
	uint32_t *starts;  /* where each bucket's keys begin, and the last one's end */
	struct key keys[]; /* sorted by hash */
};

#define BITS_MAX 24

static int
by_hash(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	return memcmp(x->hash, y->hash, KEY_HASH_BYTES);
}

static uint32_t
bucket_of(const struct key_set *s, const unsigned char hash[KEY_HASH_BYTES])
{
	uint64_t first = (uint64_t)hash[0] << 24 | (uint64_t)hash[1] << 16 |
			 (uint64_t)hash[2] << 8 | hash[3];

	return (uint32_t)(first >> (32 - s->bits));
}

static enum err
make_buckets(struct key_set *s)
{
	unsigned k = 0;

	while (s->bits < BITS_MAX && (1u << s->bits) < s->count)
		s->bits++;
	s->starts = malloc(((1u << s->bits) + 1) * sizeof(*s->starts));
	if (s->starts == NULL)
		return ERR_NOMEM;
	for (uint32_t b = 0; b <= 1u << s->bits; b++) {
		while (k < s->count && bucket_of(s, s->keys[k].hash) < b)
			k++;
		s->starts[b] = k;
	}
	return ERR_OK;
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
	if (make_buckets(s) != ERR_OK) {
		free(s); /* the keys are still the caller's */
		return ERR_NOMEM;
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
	free(s->starts);
	free(s);
}

bool
key_set_any(const struct key_set *s)
{
	return s != NULL && s->any;
}

/*
 * Which bucket it is may show by the time that it takes, which tells nothing of the key;
 * those that may be it are compared in constant time.
 */
const struct key *
key_set_find(const struct key_set *s, const unsigned char hash[KEY_HASH_BYTES])
{
	const struct slice wanted = slice_of((const char *)hash, KEY_HASH_BYTES);
	uint32_t b;

	if (s == NULL)
		return NULL;
	b = bucket_of(s, hash);
	for (uint32_t i = s->starts[b]; i < s->starts[b + 1]; i++)
		if (secret_same(
			slice_of((const char *)s->keys[i].hash, KEY_HASH_BYTES), wanted))
			return &s->keys[i];
	return NULL;
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
