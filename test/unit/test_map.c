#include "core/map.h"

#include "core/random.h"
#include "test.h"
#include "torture.h"

#define NAMES 1000

TEST(an_empty_map_holds_nothing)
{
	struct map m;

	map_init(&m);
	assert_null(m.slots);
	assert_null(map_get(&m, S("a")));
	assert_null(map_get(&m, S("")));
	map_free(&m);
}

TEST(names_are_bytes)
{
	struct map m;
	int a, b, c;

	map_init(&m);
	assert_int_equal(map_put(&m, S("a"), &a), ERR_OK);
	assert_int_equal(map_put(&m, S("A"), &b), ERR_OK);
	assert_int_equal(map_put(&m, S(""), &c), ERR_OK);
	assert_ptr_equal(map_get(&m, S("a")), &a);
	assert_ptr_equal(map_get(&m, S("A")), &b);
	assert_ptr_equal(map_get(&m, slice_of(NULL, 0)), &c);
	assert_null(map_get(&m, S("a\0")));
	assert_int_equal(m.count, 3);
	map_free(&m);
	assert_null(map_get(&m, S("a"))); /* as after map_init */
}

TEST(put_replaces)
{
	struct map m;
	int a, b;

	map_init(&m);
	assert_int_equal(map_put(&m, S("name"), &a), ERR_OK);
	assert_int_equal(map_put(&m, S("name"), &b), ERR_OK);
	assert_ptr_equal(map_get(&m, S("name")), &b);
	assert_int_equal(m.count, 1);
	map_free(&m);
}

TEST(many_names_are_all_found)
{
	static char names[NAMES][16];
	struct random r;
	struct map m;
	void *want[NAMES] = {0};

	random_seed(&r, 4);
	map_init(&m);
	for (unsigned i = 0; i < NAMES; i++)
		(void)snprintf(names[i], sizeof(names[i]), "name-%u", i);
	for (unsigned i = 0; i < 3 * NAMES; i++) {
		size_t n = random_below(&r, NAMES);

		want[n] = &names[random_below(&r, NAMES)];
		assert_int_equal(map_put(&m, slice_str(names[n]), want[n]), ERR_OK);
	}
	for (unsigned i = 0; i < NAMES; i++)
		assert_ptr_equal(map_get(&m, slice_str(names[i])), want[i]);
	assert_true(m.cap >= 2 * m.count && (m.cap & (m.cap - 1)) == 0);
	map_free(&m);
}

static void
count_one(void *arg, struct slice name, void *value)
{
	unsigned *seen = arg;

	assert_slice(name, slice_str(value));
	seen[*(const char *)value - 'a']++;
}

TEST(each_entry_is_seen_once)
{
	unsigned seen[3] = {0};
	char names[3][2] = {"a", "b", "c"};
	struct map m;

	map_init(&m);
	map_each(&m, count_one, seen);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(map_put(&m, slice_str(names[i]), names[i]), ERR_OK);
	map_each(&m, count_one, seen);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(seen[i], 1);
	map_free(&m);
}

static enum err
put_fifty(void *arg)
{
	char(*names)[8] = arg;
	enum err e = ERR_OK;
	struct map m;

	map_init(&m);
	for (unsigned i = 0; i < 50; i++) {
		e = map_put(&m, slice_str(names[i]), names[i]);
		if (e != ERR_OK)
			break;
		for (unsigned k = 0; k <= i; k++)
			assert_ptr_equal(map_get(&m, slice_str(names[k])), names[k]);
	}
	map_free(&m);
	return e;
}

TEST(survives_torture)
{
	char names[50][8];

	for (unsigned i = 0; i < 50; i++)
		(void)snprintf(names[i], sizeof(names[i]), "%u", i);
	assert_int_equal(torture(put_fifty, names), 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_empty_map_holds_nothing),
	    cmocka_unit_test(names_are_bytes),
	    cmocka_unit_test(put_replaces),
	    cmocka_unit_test(many_names_are_all_found),
	    cmocka_unit_test(each_entry_is_seen_once),
	    cmocka_unit_test(survives_torture),
	};

	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
