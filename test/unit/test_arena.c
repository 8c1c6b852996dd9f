#include "core/arena.h"

#include "core/random.h"
#include "test.h"
#include "torture.h"

#include <stdalign.h>

static bool
is_aligned(const void *p)
{
	return (uintptr_t)p % alignof(max_align_t) == 0;
}

TEST(uses_the_first_block_first)
{
	alignas(max_align_t) char first[256];
	struct arena a;
	char *p, *q;

	arena_init(&a, first, sizeof(first), 100000);
	p = arena_alloc(&a, 100);
	q = arena_alloc(&a, 100);
	assert_ptr_equal(p, first);
	assert_true(q >= p + 100 && q + 100 <= first + sizeof(first));
	assert_int_equal(a.used, 0);
	p = arena_alloc(&a, 100); /* does not fit any more */
	assert_true(p < first || p >= first + sizeof(first));
	assert_true(a.used > 0);
	arena_free(&a);
	assert_int_equal(a.used, 0);
	p = arena_alloc(&a, 10); /* and is as without `first` now */
	assert_true(p < first || p >= first + sizeof(first));
	arena_free(&a);
}

TEST(a_first_block_may_be_unaligned_or_too_small)
{
	char first[64];
	struct arena a;

	for (size_t off = 0; off < 20; off++) {
		for (size_t len = 0; len < 20; len++) {
			char *p;

			arena_init(&a, first + off, len, 10000);
			p = arena_alloc(&a, 4);
			assert_non_null(p);
			assert_true(is_aligned(p));
			memset(p, 1, 4);
			if (p >= first && p < first + sizeof(first))
				assert_true(p + 4 <= first + off + len);
			arena_free(&a);
		}
	}
}

TEST(memory_is_aligned_and_does_not_overlap)
{
	struct random r;
	struct arena a;
	struct {
		unsigned char *p;
		size_t n;
	} taken[300];

	random_seed(&r, 3);
	arena_init(&a, NULL, 0, 10u << 20);
	for (unsigned i = 0; i < COUNT(taken); i++) {
		taken[i].n = random_below(&r, i % 10 == 0 ? 9000 : 100);
		taken[i].p = arena_alloc(&a, taken[i].n);
		assert_non_null(taken[i].p);
		assert_true(is_aligned(taken[i].p));
		memset(taken[i].p, (int)(i & 0xff), taken[i].n);
	}
	for (unsigned i = 0; i < COUNT(taken); i++)
		for (size_t n = 0; n < taken[i].n; n++)
			assert_int_equal(taken[i].p[n], i & 0xff);
	arena_free(&a);
}

TEST(stops_at_its_ceiling)
{
	struct arena a;
	size_t blocks = 0;

	arena_init(&a, NULL, 0, 50000);
	while (arena_alloc(&a, 3000) != NULL)
		blocks++;
	assert_true(blocks >= 8 && blocks * 3000 <= 50000);
	assert_true(a.used <= 50000);
	assert_null(arena_alloc(&a, 50000));
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX / 2));
	assert_null(arena_alloc(&a, SIZE_MAX - 16));
	arena_free(&a);
	assert_non_null(arena_alloc(&a, 3000)); /* the ceiling starts afresh */
	arena_free(&a);
}

TEST(a_small_ceiling_is_used_to_its_end)
{
	struct arena a;

	arena_init(&a, NULL, 0, 1000);
	assert_non_null(arena_alloc(&a, 500));
	assert_non_null(arena_alloc(&a, 300));
	assert_null(arena_alloc(&a, 300));
	assert_true(a.used <= 1000);
	arena_free(&a);
	arena_init(&a, NULL, 0, 5000);
	assert_non_null(arena_alloc(&a, 4000));
	assert_non_null(arena_alloc(&a, 500));
	arena_free(&a);
}

TEST(zalloc_is_zero)
{
	static const char zero[100];
	char first[256];
	struct arena a;

	memset(first, 'x', sizeof(first));
	arena_init(&a, first, sizeof(first), 0);
	assert_memory_equal(arena_zalloc(&a, 100), zero, 100);
	assert_null(arena_zalloc(&a, 1000));
	arena_free(&a);
}

TEST(copies_are_terminated)
{
	struct slice got = S("before");
	struct arena a;

	arena_init(&a, NULL, 0, 4096);
	assert_true(arena_copy(&a, slice_of("abcdef", 3), &got));
	assert_slice(got, S("abc"));
	assert_int_equal(got.ptr[3], '\0');
	assert_true(arena_copy(&a, slice_of(NULL, 0), &got));
	assert_string_equal(got.ptr, "");
	arena_free(&a);
	arena_init(&a, NULL, 0, 0);
	got = S("before");
	assert_false(arena_copy(&a, S("abc"), &got));
	assert_slice(got, S("before"));
}

TEST(printf_makes_text)
{
	char longer[6000];
	struct arena a;

	memset(longer, 'y', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	arena_init(&a, NULL, 0, 20000);
	assert_slice(arena_printf(&a, "%s-%d", "x", 12), S("x-12"));
	assert_slice(arena_printf(&a, "%s", longer), slice_str(longer));
	assert_slice(arena_printf(&a, "%s", ""), S(""));
	arena_free(&a);
	arena_init(&a, NULL, 0, 0);
	assert_slice(arena_printf(&a, "%s", "x"), S(""));
}

static enum err
take_some(void *arg)
{
	struct slice copy, text;
	struct arena a;
	bool ok = true;
	void *z;

	(void)arg;
	arena_init(&a, NULL, 0, 100000);
	for (unsigned i = 0; i < 5; i++)
		ok = ok && arena_copy(&a, S("a text"), &copy) &&
		     arena_alloc(&a, 4000) != NULL;
	z = arena_zalloc(&a, 5000);
	text = arena_printf(&a, "%06d", 12);
	ok = ok && z != NULL && text.len == 6;
	if (ok)
		assert_slice(copy, S("a text"));
	arena_free(&a);
	return ok ? ERR_OK : ERR_NOMEM;
}

TEST(survives_torture)
{
	assert_true(torture(take_some, NULL) > 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(uses_the_first_block_first),
	    cmocka_unit_test(a_first_block_may_be_unaligned_or_too_small),
	    cmocka_unit_test(memory_is_aligned_and_does_not_overlap),
	    cmocka_unit_test(stops_at_its_ceiling),
	    cmocka_unit_test(a_small_ceiling_is_used_to_its_end),
	    cmocka_unit_test(zalloc_is_zero),
	    cmocka_unit_test(copies_are_terminated),
	    cmocka_unit_test(printf_makes_text),
	    cmocka_unit_test(survives_torture),
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
