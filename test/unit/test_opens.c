#include "store/opens.h"

#include "core/random.h"
#include "test.h"
#include "torture.h"

static struct request_id
id_of(uint64_t n)
{
	return (struct request_id){n, n % 3}; /* tags may be the same */
}

static void
put(struct opens *o, uint64_t n, size_t at)
{
	assert_int_equal(opens_reserve(o, 1), ERR_OK);
	(void)opens_put(o, (struct open_intent){.id = id_of(n), .at = at});
}

TEST(what_was_put_is_found_until_it_is_taken)
{
	struct opens o;

	opens_init(&o);
	assert_null(opens_find(&o, id_of(5)));
	assert_int_equal(opens_take(&o, id_of(5)).id.rowid, 0);
	put(&o, 5, 50);
	assert_int_equal(opens_find(&o, id_of(5))->at, 50);
	assert_null(opens_find(&o, (struct request_id){5, 77})); /* another tag */
	assert_int_equal(opens_take(&o, id_of(5)).at, 50);
	assert_null(opens_find(&o, id_of(5)));
	assert_int_equal(o.count, 0);
	opens_free(&o);
}

TEST(a_later_one_takes_the_place_and_stays_kept)
{
	struct opens o;
	struct open_intent was;

	opens_init(&o);
	assert_int_equal(opens_reserve(&o, 2), ERR_OK);
	was = opens_put(&o, (struct open_intent){.id = id_of(5), .at = 1, .kept = true});
	assert_int_equal(was.id.rowid, 0);
	was = opens_put(&o, (struct open_intent){.id = id_of(5), .at = 2});
	assert_int_equal(was.at, 1);
	assert_int_equal(o.count, 1);
	assert_true(opens_find(&o, id_of(5))->kept);
	assert_int_equal(opens_find(&o, id_of(5))->at, 2);
	opens_free(&o);
}

/* Against an array that says what is in it. */
TEST(many_come_and_go)
{
	static size_t model[3000];
	struct random r;
	struct opens o;
	size_t count = 0;

	random_seed(&r, 7);
	opens_init(&o);
	for (unsigned i = 1; i < 200000; i++) {
		size_t n = 1 + random_below(&r, COUNT(model) - 1);

		if (random_below(&r, 2) == 0) {
			count += model[n] == 0;
			put(&o, n, i);
			model[n] = i;
		} else {
			count -= model[n] != 0;
			assert_int_equal(opens_take(&o, id_of(n)).at, model[n]);
			model[n] = 0;
		}
		assert_int_equal(o.count, count);
	}
	for (size_t n = 1; n < COUNT(model); n++) {
		struct open_intent *found = opens_find(&o, id_of(n));

		assert_int_equal(found == NULL ? 0 : found->at, model[n]);
	}
	opens_free(&o);
}

static enum err
reserve(void *arg)
{
	struct opens o;
	enum err e;

	(void)arg;
	opens_init(&o);
	e = opens_reserve(&o, 10);
	if (e == ERR_OK)
		e = opens_reserve(&o, 10000);
	opens_free(&o);
	return e;
}

TEST(survives_torture)
{
	assert_int_equal(torture(reserve, NULL), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_put_is_found_until_it_is_taken),
	    cmocka_unit_test(a_later_one_takes_the_place_and_stays_kept),
	    cmocka_unit_test(many_come_and_go),
	    cmocka_unit_test(survives_torture),
	};

	return cmocka_run_group_tests_name("opens", tests, NULL, NULL);
}
