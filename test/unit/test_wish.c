#include "route/wish.h"

#include "catalog_case.h"
#include "torture.h"

struct reading {
	struct catalog *c;
	struct json j;
	struct wish wish;
	struct note note;
	const char *param;
	enum err err;
};

/* Reads the value, written with ' for ", as that of `provider`. */
static void
read_it(struct reading *r, const char *value)
{
	static char text[4096];
	int n = snprintf(text, sizeof(text), "{\"provider\": %s}", value);

	assert_true(n > 0 && (size_t)n < sizeof(text));
	for (int i = 0; i < n; i++)
		if (text[i] == '\'')
			text[i] = '"';
	r->c = make_catalog("groq together a b", "");
	r->note.text[0] = '\0';
	r->param = NULL;
	json_init(&r->j, 1000);
	assert_int_equal(
	    json_parse(&r->j, slice_of(text, (size_t)n), JSON_KEEP_ALL), ERR_OK);
	r->err = wish_read(r->c, &r->j, json_get(&r->j, 0, S("provider")), &r->wish,
	    &r->note, &r->param);
}

static void
done(struct reading *r)
{
	json_free(&r->j);
	catalog_free(r->c);
}

static void
assert_none(const struct wish *w)
{
	assert_int_equal(w->norder + w->nonly + w->nignore, 0);
	assert_false(w->has_only || w->has_sort || w->no_fallbacks);
	assert_false(w->require_parameters || w->keep_no_data);
	assert_int_equal(w->max_input_pusd, -1);
	assert_int_equal(w->max_output_pusd, -1);
	assert_int_equal(w->max_request_pusd, -1);
}

TEST(no_wish_wishes_nothing)
{
	static const char *const values[] = {"null", "{}",
	    ("{'order': null, 'only': null, 'ignore': null, 'sort': null,"
	     " 'max_price': null, 'allow_fallbacks': null, 'require_parameters': null,"
	     " 'data_collection': null, 'unknown': null}"),
	    ("{'order': [], 'ignore': [], 'allow_fallbacks': true, 'max_price': {},"
	     " 'require_parameters': false, 'data_collection': 'allow'}")};
	struct reading r;

	for (size_t i = 0; i < COUNT(values); i++) {
		memset(&r.wish, 0x55, sizeof(r.wish));
		read_it(&r, values[i]);
		assert_int_equal(r.err, ERR_OK);
		assert_none(&r.wish);
		memset(&r.wish, 0x55, sizeof(r.wish));
		assert_int_equal(
		    wish_read(r.c, &r.j, JSON_NONE, &r.wish, &r.note, &r.param), ERR_OK);
		assert_none(&r.wish);
		done(&r);
	}
	wish_init(&r.wish);
	assert_none(&r.wish);
}

TEST(every_wish)
{
	struct reading r;

	read_it(&r, "{'order': ['together', 'groq'], 'only': ['groq', 'together', 'a'],"
		    " 'ignore': ['b'], 'sort': 'price', 'max_price': {'prompt': 1,"
		    " 'completion': '2.5', 'request': 0.001}, 'allow_fallbacks': false,"
		    " 'require_parameters': true, 'data_collection': 'deny'}");
	assert_int_equal(r.err, ERR_OK);
	assert_int_equal(r.wish.norder, 2);
	assert_string_equal(r.wish.order[0]->name, "together");
	assert_string_equal(r.wish.order[1]->name, "groq");
	assert_true(r.wish.has_only);
	assert_int_equal(r.wish.nonly, 3);
	assert_string_equal(r.wish.only[2]->name, "a");
	assert_int_equal(r.wish.nignore, 1);
	assert_string_equal(r.wish.ignore[0]->name, "b");
	assert_true(r.wish.has_sort);
	assert_int_equal(r.wish.sort, POLICY_CHEAPEST);
	assert_int_equal(r.wish.max_input_pusd, 1000000000000);
	assert_int_equal(r.wish.max_output_pusd, 2500000000000);
	assert_int_equal(r.wish.max_request_pusd, 1000000000);
	assert_true(r.wish.no_fallbacks && r.wish.require_parameters);
	assert_true(r.wish.keep_no_data);
	done(&r);
}

TEST(sorts_are_those_of_the_convention_and_the_policies)
{
	static const struct {
		const char *value;
		enum policy policy;
	} cases[] = {{"{'sort': 'price'}", POLICY_CHEAPEST},
	    {"{'sort': 'throughput'}", POLICY_FASTEST},
	    {"{'sort': 'latency'}", POLICY_FASTEST},
	    {"{'sort': 'fastest'}", POLICY_FASTEST},
	    {"{'sort': 'cheapest'}", POLICY_CHEAPEST},
	    {"{'sort': 'preferred'}", POLICY_PREFERRED},
	    {"{'sort': 'balanced'}", POLICY_BALANCED},
	    {"{'sort': 'local'}", POLICY_LOCAL}};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct reading r;

		read_it(&r, cases[i].value);
		assert_int_equal(r.err, ERR_OK);
		assert_true(r.wish.has_sort);
		assert_int_equal(r.wish.sort, cases[i].policy);
		done(&r);
	}
}

/* A list of nobody is not the lack of a list. */
TEST(only_nobody_is_a_wish)
{
	struct reading r;

	read_it(&r, "{'only': []}");
	assert_int_equal(r.err, ERR_OK);
	assert_true(r.wish.has_only);
	assert_int_equal(r.wish.nonly, 0);
	done(&r);
}

TEST(amounts_of_money)
{
	static const struct {
		const char *amount;
		int64_t pusd; /* -1: refused */
	} cases[] = {{"0", 0}, {"'0'", 0}, {"1e-12", 1}, {"'1e-12'", 1}, {"1e-13", 0},
	    {"0.15", 150000000000}, {"9223372", 9223372000000000000}, {"9223373", -1},
	    {"-1", -1}, {"'-1'", -1}, {"-0.0", 0}, {"''", -1}, {"'1 USD'", -1},
	    {"'1,5'", -1}, {"'[1]'", -1}, {"true", -1}, {"[1]", -1}, {"{}", -1},
	    {"null", -1}, {"' 1'", 1000000000000}};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char value[100];
		struct reading r;

		(void)snprintf(value, sizeof(value), "{'max_price': {'prompt': %s}}",
		    cases[i].amount);
		read_it(&r, value);
		if (r.err != (cases[i].pusd < 0 ? ERR_BAD_REQUEST : ERR_OK))
			fail_msg("%s: %s", value, err_name(r.err));
		if (r.err == ERR_OK)
			assert_int_equal(r.wish.max_input_pusd, cases[i].pusd);
		else
			assert_string_equal(r.param, "provider.max_price");
		done(&r);
	}
}

#define TEN "'groq','groq','groq','groq','groq','groq','groq','groq','groq','groq'"

/* A wish is never passed over: what is not understood is refused, by its name. */
TEST(what_is_not_understood_is_refused)
{
	static const struct {
		const char *value, *param, *note;
	} cases[] = {
	    {"'groq'", "provider", "'provider' must be an object."},
	    {"[]", "provider", "'provider' must be an object."},
	    {"true", "provider", "'provider' must be an object."},
	    {"{'quantizations': ['fp8']}", "provider",
		"'provider.quantizations' is not understood here; known are order,"},
	    {"{'order': 'groq'}", "provider.order",
		"'provider.order' must be an array of provider names."},
	    {"{'order': ['nobody']}", "provider.order",
		"'provider.order' names \"nobody\", which is no provider."},
	    {"{'only': ['groq', 'x']}", "provider.only",
		"'provider.only' names \"x\", which is no provider."},
	    {"{'ignore': [7]}", "provider.ignore",
		"'provider.ignore' names \"\", which is no provider."},
	    {"{'ignore': {}}", "provider.ignore", "'provider.ignore' must be an array"},
	    {"{'only': [" TEN "," TEN "]}", "provider.only",
		"'provider.only' must be an array of at most 16 names."},
	    {"{'sort': 'quality'}", "provider.sort",
		"'provider.sort' must be \"price\", \"throughput\", \"latency\" or"},
	    {"{'sort': 1}", "provider.sort", "'provider.sort' must be \"price\""},
	    {"{'max_price': 1}", "provider.max_price",
		"'provider.max_price' must be an object of USD amounts"},
	    {"{'max_price': {'image': 1}}", "provider.max_price", "prompt, completion"},
	    {"{'allow_fallbacks': 'no'}", "provider.allow_fallbacks",
		"'provider.allow_fallbacks' must be true or false."},
	    {"{'require_parameters': 1}", "provider.require_parameters",
		"'provider.require_parameters' must be true or false."},
	    {"{'data_collection': false}", "provider.data_collection",
		"'provider.data_collection' must be \"allow\" or \"deny\"."},
	    {"{'data_collection': 'no'}", "provider.data_collection", "\"deny\"."},
	    /* The first fault is told, wherever it stands. */
	    {"{'sort': 'price', 'order': 1, 'only': 2}", "provider.order", "order"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct reading r;

		read_it(&r, cases[i].value);
		if (r.err != ERR_BAD_REQUEST)
			fail_msg("%s: %s", cases[i].value, err_name(r.err));
		assert_string_equal(r.param, cases[i].param);
		if (strstr(r.note.text, cases[i].note) == NULL)
			fail_msg("%s: %s", cases[i].value, r.note.text);
		done(&r);
	}
}

/* As with every other member. */
TEST(bug_of_two_lists_the_last_one_counts)
{
	struct reading r;

	read_it(&r, "{'only': ['groq', 'a'], 'only': ['together']}");
	assert_int_equal(r.err, ERR_OK);
	assert_int_equal(r.wish.nonly, 1);
	assert_string_equal(r.wish.only[0]->name, "together");
	done(&r);
}

TEST(sixteen_names_are_not_too_many)
{
	struct reading r;

	read_it(&r, "{'order': [" TEN ",'groq','groq','groq','groq','groq','together']}");
	assert_int_equal(r.err, ERR_OK);
	assert_int_equal(r.wish.norder, WISH_NAMES_MAX);
	assert_string_equal(r.wish.order[15]->name, "together");
	done(&r);
}

/* --- memory --- */

static enum err
read_all(void *arg)
{
	struct reading *r = arg;
	enum err e = wish_read(r->c, &r->j, json_get(&r->j, 0, S("provider")), &r->wish,
	    &r->note, &r->param);

	/* An amount as a text takes memory. It can't be told from a bad one. */
	return e == ERR_BAD_REQUEST ? ERR_NOMEM : e;
}

TEST(survives_torture)
{
	struct reading r;

	read_it(&r, "{'max_price': {'prompt': '1', 'completion': '2'}}");
	assert_int_equal(torture(read_all, &r), 2);
	done(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_wish_wishes_nothing),
	    cmocka_unit_test(every_wish),
	    cmocka_unit_test(sorts_are_those_of_the_convention_and_the_policies),
	    cmocka_unit_test(only_nobody_is_a_wish),
	    cmocka_unit_test(amounts_of_money),
	    cmocka_unit_test(what_is_not_understood_is_refused),
	    cmocka_unit_test(bug_of_two_lists_the_last_one_counts),
	    cmocka_unit_test(sixteen_names_are_not_too_many),
	    cmocka_unit_test(survives_torture),
	};

	return cmocka_run_group_tests_name("wish", tests, NULL, NULL);
}
