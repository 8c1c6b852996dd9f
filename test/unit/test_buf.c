#include "core/buf.h"

#include "core/random.h"
#include "test.h"
#include "torture.h"

#include <stdlib.h>

TEST(takes_no_memory_until_used)
{
	struct buf b;

	buf_init(&b, 100);
	assert_null(b.ptr);
	assert_int_equal(b.cap, 0);
	assert_slice(buf_slice(&b), S(""));
	buf_add(&b, S(""));
	assert_int_equal(b.err, ERR_OK);
	buf_drop(&b, 0);
	buf_drop(&b, 10);
	buf_free(&b);
}

TEST(appends_in_order)
{
	struct buf b;

	buf_init(&b, 1000);
	buf_add(&b, S("a="));
	buf_u64(&b, 12);
	buf_byte(&b, ';');
	buf_printf(&b, "%s-%d", "x", 3);
	buf_add(&b, S(""));
	buf_u64(&b, UINT64_MAX);
	assert_int_equal(b.err, ERR_OK);
	assert_slice(buf_slice(&b), S("a=12;x-318446744073709551615"));
	buf_free(&b);
	assert_null(b.ptr);
	assert_int_equal(b.max, 1000);
}

TEST(room_is_written_in_place)
{
	struct buf b;
	char *p;

	buf_init(&b, 5000);
	p = buf_room(&b, 3000);
	assert_non_null(p);
	memcpy(p, "abc", 3);
	buf_wrote(&b, 3);
	p = buf_room(&b, 4997);
	assert_non_null(p);
	memset(p, 'x', 4997);
	buf_wrote(&b, 4997);
	assert_int_equal(b.len, 5000);
	assert_slice(slice_head(buf_slice(&b), 4), S("abcx"));
	assert_null(buf_room(&b, 1));
	buf_free(&b);
}

TEST(drop_takes_from_the_front)
{
	struct buf b;

	buf_init(&b, 100);
	buf_add(&b, S("abcdef"));
	buf_drop(&b, 0);
	assert_slice(buf_slice(&b), S("abcdef"));
	buf_drop(&b, 2);
	assert_slice(buf_slice(&b), S("cdef"));
	buf_add(&b, S("g"));
	assert_slice(buf_slice(&b), S("cdefg"));
	buf_drop(&b, 5);
	assert_int_equal(b.len, 0);
	buf_add(&b, S("ab"));
	buf_drop(&b, SIZE_MAX);
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

TEST(is_full_at_its_ceiling)
{
	static const size_t ceilings[] = {0, 1, 10, 255, 256, 257, 1000, 4096, 4097};

	for (size_t i = 0; i < COUNT(ceilings); i++) {
		struct buf b;

		buf_init(&b, ceilings[i]);
		for (size_t n = 0; n < ceilings[i]; n++)
			buf_byte(&b, 'x');
		assert_int_equal(b.err, ERR_OK);
		assert_int_equal(b.len, ceilings[i]);
		assert_true(b.cap <= ceilings[i]);
		buf_byte(&b, 'x');
		assert_int_equal(b.err, ERR_FULL);
		assert_int_equal(b.len, ceilings[i]);
		buf_free(&b);
	}
}

TEST(short_numbers_fit_to_the_last_byte)
{
	struct buf b;

	buf_init(&b, 3);
	buf_u64(&b, 123);
	assert_int_equal(b.err, ERR_OK);
	assert_slice(buf_slice(&b), S("123"));
	buf_u64(&b, 4);
	assert_int_equal(b.err, ERR_FULL);
	buf_free(&b);
}

TEST(a_failure_sticks_and_keeps_the_content)
{
	struct buf b;

	buf_init(&b, 10);
	buf_add(&b, S("12345678"));
	buf_add(&b, S("abc"));
	assert_int_equal(b.err, ERR_FULL);
	buf_add(&b, S("a")); /* would fit, but something is missing before it */
	buf_byte(&b, 'a');
	buf_u64(&b, 1);
	buf_printf(&b, "%s", "");
	assert_null(buf_room(&b, 1));
	assert_slice(buf_slice(&b), S("12345678"));
	buf_clear(&b);
	assert_int_equal(b.err, ERR_OK);
	assert_true(b.cap >= 8); /* kept for the next use */
	buf_add(&b, S("abc"));
	assert_slice(buf_slice(&b), S("abc"));
	buf_free(&b);
}

TEST(sizes_near_the_end_of_numbers_are_full)
{
	struct buf b;

	buf_init(&b, 100);
	assert_null(buf_room(&b, SIZE_MAX));
	assert_int_equal(b.err, ERR_FULL);
	buf_clear(&b);
	buf_byte(&b, 'x');
	assert_null(buf_room(&b, SIZE_MAX));
	buf_free(&b);
}

/* Random appends and drops against a plain array. */
TEST(behaves_as_an_array)
{
	static char want[5000];
	struct random r;
	struct buf b;
	size_t len = 0;

	random_seed(&r, 2);
	buf_init(&b, sizeof(want));
	for (unsigned i = 0; i < 20000; i++) {
		char piece[400];
		size_t n = random_below(&r, sizeof(piece));

		if (random_below(&r, 3) == 0) {
			size_t gone = n < len ? n : len;

			memmove(want, want + gone, len - gone);
			len -= gone;
			buf_drop(&b, n);
		} else {
			memset(piece, (int)('a' + i % 26), n);
			buf_add(&b, slice_of(piece, n));
			if (len + n > sizeof(want)) {
				assert_int_equal(b.err, ERR_FULL);
				b.err = ERR_OK;
			} else {
				memcpy(want + len, piece, n);
				len += n;
			}
		}
		assert_int_equal(b.err, ERR_OK);
		assert_slice(buf_slice(&b), slice_of(want, len));
	}
	buf_free(&b);
}

static enum err
fill(void *arg)
{
	struct buf b;
	enum err e;

	(void)arg;
	buf_init(&b, 10000);
	for (unsigned i = 0; i < 1000; i++)
		buf_printf(&b, "%03u,", i);
	e = b.err;
	if (e == ERR_OK)
		assert_int_equal(b.len, 4000);
	else
		assert_true(b.len % 4 == 0 && b.len < 4000); /* whole appends */
	buf_free(&b);
	return e;
}

TEST(the_first_bytes_may_be_of_a_slab)
{
	struct slab slab;
	struct buf b, small;

	slab_init(&slab, 64, 1);
	buf_init(&b, 1000);
	buf_take(&b, 64, &slab);
	assert_int_equal(b.cap, 64);
	assert_ptr_equal(b.of, &slab);
	buf_add(&b, S("abc"));
	buf_free(&b);
	assert_null(b.ptr);
	assert_null(b.of);
	/* One that grows becomes the heap's, with what it has. */
	buf_take(&b, 0, &slab);
	buf_add(&b, S("def"));
	assert_non_null(buf_room(&b, 65));
	assert_null(b.of);
	assert_true(slice_eq(buf_slice(&b), S("def")));
	buf_free(&b);
	/* More than the slab's size, or a ceiling below it: the heap's at once. */
	buf_take(&b, 65, &slab);
	assert_true(b.cap >= 65);
	assert_null(b.of);
	buf_free(&b);
	buf_init(&small, 63);
	buf_take(&small, 10, &slab);
	assert_int_equal(small.cap, 63);
	buf_free(&small);
	slab_done(&slab);
}

TEST(survives_torture)
{
	assert_true(torture(fill, NULL) > 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_no_memory_until_used),
	    cmocka_unit_test(appends_in_order),
	    cmocka_unit_test(room_is_written_in_place),
	    cmocka_unit_test(drop_takes_from_the_front),
	    cmocka_unit_test(is_full_at_its_ceiling),
	    cmocka_unit_test(short_numbers_fit_to_the_last_byte),
	    cmocka_unit_test(a_failure_sticks_and_keeps_the_content),
	    cmocka_unit_test(sizes_near_the_end_of_numbers_are_full),
	    cmocka_unit_test(behaves_as_an_array),
	    cmocka_unit_test(the_first_bytes_may_be_of_a_slab),
	    cmocka_unit_test(survives_torture),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
