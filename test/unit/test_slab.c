#include "core/slab.h"

#include "test.h"

#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#define MANY 1000

#ifdef __SANITIZE_ADDRESS__
static const bool apart = true; /* nothing is held */
#else
static const bool apart = false;
#endif

static void
take_many(struct slab *s, void *p[MANY])
{
	for (unsigned i = 0; i < MANY; i++) {
		p[i] = slab_take(s);
		assert_non_null(p[i]);
		assert_int_equal((uintptr_t)p[i] % 16, 0);
		memset(p[i], (int)(i & 0xff), s->size);
	}
}

static void
give_many(struct slab *s, void *p[MANY], unsigned from, unsigned step)
{
	for (unsigned i = from; i < MANY; i += step) {
		for (size_t at = 0; at < s->size; at++)
			assert_int_equal(((unsigned char *)p[i])[at], i & 0xff);
		slab_give(s, p[i]);
	}
}

TEST(objects_do_not_overlap)
{
	static const size_t sizes[] = {8, 16, 100, 544, 2304, 8192};
	void *p[MANY];

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct slab s;

		slab_init(&s, sizes[i], 0);
		take_many(&s, p);
		give_many(&s, p, 0, 1);
		slab_done(&s);
		assert_int_equal(s.kept, 0);
	}
}

TEST(keeps_what_it_may_and_a_chunk)
{
	struct slab s;
	void *p[MANY];

	slab_init(&s, 1000, 100);
	for (unsigned round = 0; round < 3; round++) {
		take_many(&s, p);
		give_many(&s, p, 1, 2);
		give_many(&s, p, 0, 2);
		assert_true(apart || s.kept >= 100);
		assert_true(s.kept < 100 + s.capacity);
	}
	slab_done(&s);
	assert_true(list_empty(&s.chunks));
}

TEST(gives_out_again_what_it_kept)
{
	struct slab s;
	void *p, *q;

	slab_init(&s, sizeof(void *), 2);
	p = slab_take(&s);
	slab_give(&s, p);
	q = slab_take(&s);
	assert_true(apart || p == q);
	slab_give(&s, q);
	slab_done(&s);
}

TEST(may_keep_none)
{
	struct slab s;

	slab_init(&s, 32, 0);
	slab_give(&s, NULL);
	slab_give(&s, slab_take(&s));
	assert_int_equal(s.kept, 0);
	slab_done(&s);
}

/* What is left is in few chunks, which are filled up first. */
TEST(the_fullest_chunk_is_taken_from_first)
{
	struct slab s;
	void *p[MANY], *q;

	if (apart)
		return;
	slab_init(&s, 1000, MANY);
	take_many(&s, p);
	give_many(&s, p, 0, 1);
	for (unsigned i = 0; i < s.capacity; i++)
		p[i] = slab_take(&s);
	slab_give(&s, p[3]);
	q = slab_take(&s);
	assert_ptr_equal(q, p[3]);
	for (unsigned i = 0; i < s.capacity; i++)
		slab_give(&s, p[i]);
	slab_done(&s);
}

TEST(says_so_when_there_is_no_memory)
{
	struct rlimit before, none;
	struct slab s;
	void *p;

	if (apart)
		return; /* it needs far more than it uses */
	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	none = before;
	none.rlim_cur = 0;
	slab_init(&s, 100, 1);
	assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
	p = slab_take(&s);
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
	assert_null(p);
	slab_done(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(objects_do_not_overlap),
	    cmocka_unit_test(keeps_what_it_may_and_a_chunk),
	    cmocka_unit_test(gives_out_again_what_it_kept),
	    cmocka_unit_test(may_keep_none),
	    cmocka_unit_test(the_fullest_chunk_is_taken_from_first),
	    cmocka_unit_test(says_so_when_there_is_no_memory),
	};

	return cmocka_run_group_tests_name("slab", tests, NULL, NULL);
}
