#include "core/random.h"

#include "core/clock.h"
#include "core/secret.h"
#include "test.h"
#include "torture.h"

#include <time.h>

TEST(the_kernel_gives_bytes_that_differ)
{
	unsigned char a[64] = {0}, b[64] = {0};
	unsigned char edge[3] = {1, 2, 3};

	random_bytes(a, sizeof(a));
	random_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	random_bytes(edge, 0);
	assert_int_equal(edge[0], 1);
	random_bytes(edge, 2);
	assert_int_equal(edge[2], 3);
}

TEST(a_seed_tells_the_numbers)
{
	struct random a, b, c;
	unsigned same = 0;

	random_seed(&a, 7);
	random_seed(&b, 7);
	random_seed(&c, 8);
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t x = random_below(&a, UINT64_MAX);

		assert_true(x == random_below(&b, UINT64_MAX));
		same += x == random_below(&c, UINT64_MAX);
	}
	assert_int_equal(same, 0);
}

TEST(numbers_are_below_and_even)
{
	unsigned count[10] = {0};
	struct random r;

	random_seed(&r, 0);
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t x = random_below(&r, 10);

		assert_true(x < 10);
		count[x]++;
	}
	/* Each comes 10,000 times; 5 standard deviations are 474. */
	for (unsigned i = 0; i < 10; i++)
		assert_in_range(count[i], 10000 - 474, 10000 + 474);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(random_below(&r, 1), 0);
}

TEST(clocks_go_on)
{
	uint64_t mono = clock_mono_ms(), wall = clock_unix_ms();
	time_t now = time(NULL);

	assert_in_range(wall / 1000, (uint64_t)now - 2, (uint64_t)now + 2);
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t next = clock_mono_ms();

		assert_true(next >= mono);
		mono = next;
	}
}

TEST(secrets_are_copied_and_empty_ones_hold_nothing)
{
	char text[] = "sk-key";
	struct secret s = secret_new(slice_str(text)), none = secret_new(S(""));

	memset(text, 'x', sizeof(text));
	assert_slice(secret_reveal(&s), S("sk-key"));
	assert_string_equal(s.bytes, "sk-key");
	assert_null(none.bytes);
	assert_int_equal(secret_reveal(&none).len, 0);
	secret_free(&s);
	assert_null(s.bytes);
	assert_int_equal(s.len, 0);
	secret_free(&s);
	secret_free(&none);
}

TEST(wiping_leaves_zeros_and_nothing_else)
{
	char text[] = "secret!";

	secret_wipe(text, 6);
	assert_memory_equal(text, "\0\0\0\0\0\0!", 7);
	secret_wipe(text, 0);
}

TEST(same_compares_all_bytes)
{
	char a[32], b[32];

	memset(a, 'a', sizeof(a));
	memset(b, 'a', sizeof(b));
	assert_true(secret_same(slice_of(a, 32), slice_of(b, 32)));
	assert_false(secret_same(slice_of(a, 32), slice_of(b, 31)));
	assert_true(secret_same(slice_of(NULL, 0), S("")));
	for (unsigned i = 0; i < 32 * 8; i++) {
		b[i / 8] ^= (char)(1 << (i % 8));
		assert_false(secret_same(slice_of(a, 32), slice_of(b, 32)));
		b[i / 8] ^= (char)(1 << (i % 8));
	}
}

static enum err
make_secret(void *arg)
{
	struct secret s = secret_new(S("sk-key"));
	enum err e = s.bytes == NULL ? ERR_NOMEM : ERR_OK;

	(void)arg;
	assert_int_equal(s.len, e == ERR_OK ? 6 : 0);
	secret_free(&s);
	return e;
}

TEST(survives_torture)
{
	assert_int_equal(torture(make_secret, NULL), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_kernel_gives_bytes_that_differ),
	    cmocka_unit_test(a_seed_tells_the_numbers),
	    cmocka_unit_test(numbers_are_below_and_even),
	    cmocka_unit_test(clocks_go_on),
	    cmocka_unit_test(secrets_are_copied_and_empty_ones_hold_nothing),
	    cmocka_unit_test(wiping_leaves_zeros_and_nothing_else),
	    cmocka_unit_test(same_compares_all_bytes),
	    cmocka_unit_test(survives_torture),
	};

	return cmocka_run_group_tests_name("random, clock, secret", tests, NULL, NULL);
}
