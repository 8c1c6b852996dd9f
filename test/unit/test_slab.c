#include "core/slab.h"

#include "test.h"
#include "torture.h"

#include <string.h>

TEST(keeps_at_most_what_it_may)
{
	struct slab s;
	void *p[5];

	slab_init(&s, 64, 3);
	for (unsigned i = 0; i < 5; i++) {
		p[i] = slab_take(&s);
		assert_non_null(p[i]);
		memset(p[i], 'x', 64);
	}
	assert_int_equal(s.kept, 0);
	for (unsigned i = 0; i < 5; i++)
		slab_give(&s, p[i]);
	assert_int_equal(s.kept, 3);
	slab_done(&s);
	assert_int_equal(s.kept, 0);
	assert_null(s.free);
}

TEST(gives_out_again_what_it_kept)
{
	struct slab s;
	void *p, *q;

	slab_init(&s, sizeof(void *), 2);
	p = slab_take(&s);
	slab_give(&s, p);
	assert_int_equal(s.kept, 1);
	q = slab_take(&s);
	assert_ptr_equal(p, q);
	assert_int_equal(s.kept, 0);
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

static enum err
take_two(void *arg)
{
	enum err e = ERR_OK;
	struct slab s;
	void *p, *q;

	(void)arg;
	slab_init(&s, 100, 1);
	p = slab_take(&s);
	q = slab_take(&s);
	if (p == NULL || q == NULL)
		e = ERR_NOMEM;
	slab_give(&s, p);
	slab_give(&s, q);
	slab_done(&s);
	return e;
}

TEST(survives_torture)
{
	assert_int_equal(torture(take_two, NULL), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keeps_at_most_what_it_may),
	    cmocka_unit_test(gives_out_again_what_it_kept),
	    cmocka_unit_test(may_keep_none),
	    cmocka_unit_test(survives_torture),
	};

	return cmocka_run_group_tests_name("slab", tests, NULL, NULL);
}
