#include "store/keys.h"

#include "test.h"
#include "torture.h"

#include <pthread.h>
#include <stdlib.h>

/* A key whose hash begins with that byte. */
static struct key
key_of(unsigned char first, const char *name)
{
	struct key k = {.id = first, .name = slice_dup(slice_str(name))};

	assert_non_null(k.name);
	memset(k.hash, 0xab, sizeof(k.hash));
	k.hash[0] = first;
	return k;
}

TEST(keys_are_found_by_their_whole_hash)
{
	struct key keys[] = {key_of(200, "a"), key_of(3, "b"), key_of(100, "c")}, other;
	struct key_set *s;

	assert_int_equal(key_set_new(keys, 3, true, &s), ERR_OK);
	for (unsigned i = 0; i < 3; i++) {
		const struct key *k = key_set_find(s, keys[i].hash);

		assert_non_null(k);
		assert_int_equal(k->id, keys[i].id);
		assert_string_equal(k->name, keys[i].name);
		/* One bit of it makes another key. */
		for (unsigned bit = 0; bit < 8 * KEY_HASH_BYTES; bit++) {
			other = keys[i];
			other.hash[bit / 8] ^= (unsigned char)(1 << bit % 8);
			assert_null(key_set_find(s, other.hash));
		}
	}
	for (unsigned first = 0; first < 256; first++) {
		memcpy(other.hash, keys[0].hash, KEY_HASH_BYTES);
		other.hash[0] = (unsigned char)first;
		assert_int_equal(key_set_find(s, other.hash) != NULL,
		    first == 200 || first == 3 || first == 100);
	}
	key_set_unref(s);
}

/* Keys whose hashes are spread, and some that begin alike, at both ends too. */
static void
assert_each_is_found(unsigned n)
{
	struct key *keys = calloc(n + 1, sizeof(*keys));
	unsigned char none[KEY_HASH_BYTES] = {1, 2, 3};
	struct key_set *s;

	assert_non_null(keys);
	for (unsigned i = 0; i < n; i++) {
		char text[20];

		(void)snprintf(text, sizeof(text), "key %u", i);
		key_hash(slice_str(text), keys[i].hash);
		keys[i].id = i + 1;
		if (i % 5 < 2)
			memset(keys[i].hash, i % 5 == 0 ? 0 : 0xff, KEY_HASH_BYTES - 4);
	}
	assert_int_equal(key_set_new(keys, n, true, &s), ERR_OK);
	for (unsigned i = 0; i < n; i++) {
		const struct key *k = key_set_find(s, keys[i].hash);

		assert_non_null(k);
		assert_int_equal(k->id, i + 1);
	}
	assert_null(key_set_find(s, none));
	key_set_unref(s);
	free(keys);
}

TEST(each_of_many_keys_is_found)
{
	for (unsigned n = 0; n < 70; n++)
		assert_each_is_found(n);
	assert_each_is_found(1000);
}

/* The caller's array is not touched, whatever order the set has. */
TEST(a_set_copies_the_array)
{
	struct key keys[] = {key_of(9, "a"), key_of(1, "b")};
	struct key_set *s;

	assert_int_equal(key_set_new(keys, 2, true, &s), ERR_OK);
	assert_int_equal(keys[0].hash[0], 9);
	assert_ptr_not_equal(key_set_find(s, keys[0].hash), &keys[0]);
	key_set_unref(s);
}

TEST(an_empty_set)
{
	unsigned char hash[KEY_HASH_BYTES] = {0};
	struct key_set *s;

	assert_null(key_set_find(NULL, hash));
	assert_false(key_set_any(NULL));
	for (unsigned any = 0; any < 2; any++) {
		assert_int_equal(key_set_new(NULL, 0, any != 0, &s), ERR_OK);
		assert_null(key_set_find(s, hash));
		assert_int_equal(key_set_any(s), any);
		key_set_unref(s);
	}
	key_set_unref(NULL);
	assert_null(key_set_ref(NULL));
}

TEST(a_hash_is_a_sha256)
{
	static const struct {
		const char *text, *hex;
	} cases[] = {
	    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		unsigned char hash[KEY_HASH_BYTES];
		char hex[2 * KEY_HASH_BYTES + 1];

		key_hash(slice_str(cases[i].text), hash);
		for (unsigned k = 0; k < KEY_HASH_BYTES; k++)
			(void)snprintf(hex + 2 * k, 3, "%02x", hash[k]);
		assert_string_equal(hex, cases[i].hex);
	}
}

/* Apart from the numbers of SQLite's rows, and never negative there. */
TEST(an_id_out_of_a_hash)
{
	unsigned char hash[KEY_HASH_BYTES];

	for (unsigned i = 0; i < 256; i++) {
		memset(hash, (int)i, sizeof(hash));
		assert_true(key_id_of_hash(hash) >= UINT64_C(1) << 62);
		assert_true(key_id_of_hash(hash) <= INT64_MAX);
		hash[5] ^= 1;
		memset(hash + 8, 0, sizeof(hash) - 8);
		if (i > 0)
			assert_int_not_equal(key_id_of_hash(hash),
			    key_id_of_hash((const unsigned char[KEY_HASH_BYTES]){0}));
	}
}

TEST(a_new_key_is_long_and_new)
{
	char keys[50][KEY_TEXT_MAX];
	bool seen[256] = {false};
	unsigned letters = 0;

	for (unsigned i = 0; i < COUNT(keys); i++) {
		struct slice text;

		memset(keys[i], '#', KEY_TEXT_MAX);
		key_make(keys[i]);
		text = slice_str(keys[i]);
		assert_int_equal(text.len, 8 + 43);
		assert_true(slice_starts(text, S("sk-weir-")));
		for (size_t k = 8; k < text.len; k++) {
			assert_true((text.ptr[k] >= '0' && text.ptr[k] <= '9') ||
				    (text.ptr[k] >= 'A' && text.ptr[k] <= 'Z') ||
				    (text.ptr[k] >= 'a' && text.ptr[k] <= 'z'));
			letters += !seen[(unsigned char)text.ptr[k]];
			seen[(unsigned char)text.ptr[k]] = true;
		}
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(keys[i], keys[k]);
	}
	assert_int_equal(letters, 62); /* of 2,150, each should have come */
}

/* --- threads --- */

static void *
use(void *arg)
{
	struct key_set *s = arg;
	unsigned char hash[KEY_HASH_BYTES], want[KEY_HASH_BYTES];

	memset(want, 0xab, sizeof(want));
	want[0] = 7;
	for (unsigned i = 0; i < 2000; i++) {
		struct key_set *mine = key_set_ref(s);

		assert_non_null(key_set_find(mine, want));
		key_set_unref(mine);
		key_hash(S("abc"), hash);
		assert_int_equal(hash[0], 0xba);
	}
	key_set_unref(s);
	return NULL;
}

TEST(the_last_one_frees_it)
{
	struct key keys[] = {key_of(7, "a")};
	pthread_t threads[4];
	struct key_set *s;

	assert_int_equal(key_set_new(keys, 1, true, &s), ERR_OK);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, use, key_set_ref(s)), 0);
	key_set_unref(s);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static enum err
make_set(void *arg)
{
	struct key key = {.name = slice_dup(S("a"))};
	struct key_set *s;
	enum err e;

	(void)arg;
	if (key.name == NULL)
		return ERR_NOMEM;
	e = key_set_new(&key, 1, true, &s);
	if (e == ERR_OK)
		key_set_unref(s);
	else
		free(key.name); /* it was not taken */
	return e;
}

TEST(survives_torture)
{
	assert_int_equal(torture(make_set, NULL), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keys_are_found_by_their_whole_hash),
	    cmocka_unit_test(each_of_many_keys_is_found),
	    cmocka_unit_test(a_set_copies_the_array),
	    cmocka_unit_test(an_empty_set),
	    cmocka_unit_test(a_hash_is_a_sha256),
	    cmocka_unit_test(an_id_out_of_a_hash),
	    cmocka_unit_test(a_new_key_is_long_and_new),
	    cmocka_unit_test(the_last_one_frees_it),
	    cmocka_unit_test(survives_torture),
	};

	return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
