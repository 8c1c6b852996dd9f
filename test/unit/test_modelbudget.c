#include "quota/modelbudget.h"

#include "core/slice.h"

#include "test.h"

#include <stdlib.h>

#define USD INT64_C(1000000000000)

TEST(a_list_is_read)
{
	struct slice rest = S("gpt-5*=5/month, a=b=0.25/Day");
	struct modelbudget b;

	assert_true(modelbudget_next(&rest, &b));
	assert_slice(b.pattern, S("gpt-5*"));
	assert_int_equal(b.pusd, 5 * USD);
	assert_int_equal(b.period, PERIOD_MONTH);
	assert_true(modelbudget_next(&rest, &b));
	assert_slice(b.pattern, S("a=b"));
	assert_int_equal(b.pusd, USD / 4);
	assert_int_equal(b.period, PERIOD_DAY);
	assert_null(rest.ptr);
}

TEST(what_is_no_list)
{
	static const char *const bad[] = {"", "a", "a=", "=1/day", "a=1", "a=1/",
	    "a=1/year", "a=-1/day", "a=x/day", "a=1/day,", "a=1/day,A=2/day", "a=none",
	    "1=1/day,2=1/day,3=1/day,4=1/day,5=1/day,6=1/day,7=1/day,8=1/day,9=1/day"};

	for (size_t i = 0; i < COUNT(bad); i++)
		if (modelbudget_is_list(slice_str(bad[i])))
			fail_msg("%s", bad[i]);
	assert_true(modelbudget_is_list(S("a=1/day")));
	assert_true(modelbudget_is_list(S("a=0/total,b=1/week")));
}

TEST(lists_are_edited)
{
	static const struct {
		const char *text;
		enum err e;
		const char *list;
	} cases[] = {
	    {"a*=1.50/day", ERR_OK, "a*=1.5/day"},
	    {" b = 2/month ", ERR_OK, "a*=1.5/day,b=2/month"},
	    {"A*=3/total", ERR_OK, "b=2/month,A*=3/total"},
	    {"c", ERR_SYNTAX, "b=2/month,A*=3/total"},
	    {"d=1/day,e=1/never", ERR_SYNTAX, "b=2/month,A*=3/total"},
	    {"1=1/day,2=1/day,3=1/day,4=1/day,5=1/day,6=1/day,7=1/day", ERR_FULL,
		"b=2/month,A*=3/total"},
	    {"b=none,z=none", ERR_OK, "A*=3/total"},
	    {"none", ERR_OK, NULL},
	    {"none", ERR_OK, NULL},
	    {"x=1/day,none,y=1/day", ERR_OK, "y=1/day"},
	    {"y=none", ERR_OK, NULL},
	};
	char *list = NULL;

	for (size_t i = 0; i < COUNT(cases); i++) {
		enum err e = modelbudget_edit(&list, slice_str(cases[i].text));

		assert_int_equal(e, cases[i].e);
		if (cases[i].list == NULL)
			assert_null(list);
		else
			assert_string_equal(list, cases[i].list);
	}
	free(list);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_list_is_read),
	    cmocka_unit_test(what_is_no_list),
	    cmocka_unit_test(lists_are_edited),
	};

	return cmocka_run_group_tests_name("modelbudget", tests, NULL, NULL);
}
