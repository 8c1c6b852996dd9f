#include "json/edit.h"

#include "core/buf.h"
#include "core/random.h"
#include "test.h"

static struct json j;
static struct json_edits edits;
static char edited[4000];

static void
parse(struct slice text)
{
	edits.count = 0;
	if (json_parse(&j, text, JSON_KEEP_ALL) != ERR_OK)
		fail_msg("%.*s: %s at %zu", SLICE_ARGS(text), j.why, j.error_at);
}

/* The edited text, put together. */
static struct slice
result(void)
{
	struct slice parts[JSON_PARTS_MAX];
	unsigned n = json_parts(&edits, j.text, parts);
	size_t len = 0;

	assert_true(n <= JSON_PARTS_MAX);
	for (unsigned i = 0; i < n; i++) {
		assert_true(parts[i].len > 0 && len + parts[i].len <= sizeof(edited));
		memcpy(edited + len, parts[i].ptr, parts[i].len);
		len += parts[i].len;
	}
	assert_int_equal(len, json_parts_length(&edits, j.text.len));
	return slice_of(edited, len);
}

static void
remove_keys(const char *const *keys)
{
	for (; *keys != NULL; keys++)
		assert_int_equal(json_remove(&edits, &j, 0, slice_str(*keys)), ERR_OK);
}

TEST(without_edits_the_text_is_one_part)
{
	struct slice parts[JSON_PARTS_MAX];

	parse(S("{ \"a\" : 1 }"));
	assert_int_equal(json_parts(&edits, j.text, parts), 1);
	assert_slice(parts[0], j.text);
	assert_ptr_equal(parts[0].ptr, j.text.ptr);
	assert_slice(result(), j.text);
}

TEST(replace_puts_one_value_in_anothers_place)
{
	parse(S("{\"model\": \"x:groq\", \"n\":[1, 2,3]}"));
	assert_int_equal(
	    json_replace(&edits, &j, json_path(&j, 0, "n", NULL), S("null")), ERR_OK);
	assert_int_equal(
	    json_replace(&edits, &j, json_get(&j, 0, S("model")), S("\"x\"")), ERR_OK);
	assert_slice(result(), S("{\"model\": \"x\", \"n\":null}"));
	parse(S(" [1, 2,3] "));
	assert_int_equal(json_replace(&edits, &j, json_at(&j, 0, 1), S("4.0")), ERR_OK);
	assert_slice(result(), S(" [1, 4.0,3] "));
	parse(S(" [1] "));
	assert_int_equal(json_replace(&edits, &j, 0, S("{}")), ERR_OK);
	assert_slice(result(), S(" {} "));
}

TEST(remove_takes_the_comma_along)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
	    {"{\"k\":1}", "{}"},
	    {"{ \"k\" : 1 }", "{  }"},
	    {"{\"k\":1,\"a\":2}", "{\"a\":2}"},
	    {"{\"a\":2,\"k\":1}", "{\"a\":2}"},
	    {"{\"a\":2, \"k\":1 , \"b\":3}", "{\"a\":2 , \"b\":3}"},
	    {"{\"a\":2}", "{\"a\":2}"},
	    {"{}", "{}"},
	    {"{\"k\":1,\"k\":2}", "{}"},
	    {"{\"k\":1,\"k\":2,\"a\":3}", "{\"a\":3}"},
	    {"{\"a\":3,\"k\":1,\"k\":2}", "{\"a\":3}"},
	    {"{\"k\":1,\"a\":3,\"k\":2}", "{\"a\":3}"},
	    {"{\"a\":3,\"k\":1,\"b\":4,\"k\":2,\"c\":5}", "{\"a\":3,\"b\":4,\"c\":5}"},
	    {"{\"\\u006b\":1,\"a\":{\"k\":2}}", "{\"a\":{\"k\":2}}"},
	    {"{\"k\":{\"a\":[1,2],\"k\":3},\"b\":4}", "{\"b\":4}"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		parse(slice_str(cases[i].text));
		assert_int_equal(json_remove(&edits, &j, 0, S("k")), ERR_OK);
		assert_slice(result(), slice_str(cases[i].want));
	}
}

TEST(neighbours_may_be_removed_by_different_keys)
{
	static const struct {
		const char *text, *keys[4], *want;
	} cases[] = {
	    {"{\"a\":1,\"b\":2,\"c\":3}", {"a", "b"}, "{\"c\":3}"},
	    {"{\"a\":1,\"b\":2,\"c\":3}", {"b", "a"}, "{\"c\":3}"},
	    {"{\"a\":1,\"b\":2,\"c\":3}", {"b", "c"}, "{\"a\":1}"},
	    {"{\"a\":1,\"b\":2,\"c\":3}", {"c", "b"}, "{\"a\":1}"},
	    {"{\"a\":1,\"b\":2,\"c\":3}", {"a", "c"}, "{\"b\":2}"},
	    {"{\"a\":1,\"b\":2,\"c\":3}", {"c", "a"}, "{\"b\":2}"},
	    {"{\"a\":1,\"b\":2,\"c\":3}", {"c", "a", "b"}, "{}"},
	    {"{\"a\":1,\"b\":2}", {"a", "b"}, "{}"},
	    {"{\"a\":1,\"b\":2}", {"b", "a"}, "{}"},
	    {"{\"a\":1,\"b\":2}", {"a", "a"}, "{\"b\":2}"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		parse(slice_str(cases[i].text));
		remove_keys(cases[i].keys);
		assert_slice(result(), slice_str(cases[i].want));
	}
}

TEST(objects_inside_are_edited_on_their_own)
{
	uint32_t inner;

	parse(S("{\"a\":1,\"o\":{\"a\":2,\"b\":3},\"b\":4}"));
	inner = json_get(&j, 0, S("o"));
	assert_int_equal(json_remove(&edits, &j, 0, S("a")), ERR_OK);
	assert_int_equal(json_remove(&edits, &j, inner, S("a")), ERR_OK);
	assert_int_equal(json_append(&edits, &j, inner, S("\"x\":5"), false), ERR_OK);
	assert_int_equal(json_remove(&edits, &j, 0, S("b")), ERR_OK);
	assert_slice(result(), S("{\"o\":{\"b\":3,\"x\":5}}"));
}

TEST(append_puts_members_last)
{
	parse(S("{\"a\":1 }"));
	assert_int_equal(json_append(&edits, &j, 0, S("\"b\":2,\"c\":3"), false), ERR_OK);
	assert_slice(result(), S("{\"a\":1 ,\"b\":2,\"c\":3}"));
	parse(S("{ }"));
	assert_int_equal(json_append(&edits, &j, 0, S("\"b\":2"), false), ERR_OK);
	assert_slice(result(), S("{ \"b\":2}"));
	parse(S("{\"a\":1}"));
	assert_int_equal(json_remove(&edits, &j, 0, S("a")), ERR_OK);
	assert_int_equal(json_append(&edits, &j, 0, S("\"b\":2"), true), ERR_OK);
	assert_slice(result(), S("{\"b\":2}"));
}

TEST(append_may_come_twice_and_before_what_it_follows)
{
	parse(S("{}"));
	assert_int_equal(json_append(&edits, &j, 0, S("\"a\":1"), false), ERR_OK);
	assert_int_equal(json_append(&edits, &j, 0, S("\"b\":2"), false), ERR_OK);
	assert_slice(result(), S("{\"a\":1,\"b\":2}"));
	parse(S("{\"x\":0}"));
	assert_int_equal(json_append(&edits, &j, 0, S("\"a\":1"), false), ERR_OK);
	assert_int_equal(json_replace(&edits, &j, 2, S("null")), ERR_OK);
	assert_int_equal(json_append(&edits, &j, 0, S("\"b\":2"), false), ERR_OK);
	assert_slice(result(), S("{\"x\":null,\"a\":1,\"b\":2}"));
}

TEST(append_sees_members_that_left_no_tokens)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
	    {"{\"a\":1}", "{\"a\":1,\"b\":2}"},
	    {"{}", "{\"b\":2}"},
	    {"{ \t\r\n}", "{ \t\r\n\"b\":2}"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		edits.count = 0;
		assert_int_equal(json_parse(&j, slice_str(cases[i].text), 0), ERR_OK);
		assert_int_equal(json_append(&edits, &j, 0, S("\"b\":2"), false), ERR_OK);
		assert_slice(result(), slice_str(cases[i].want));
	}
}

TEST(what_is_removed_stays_so)
{
	uint32_t inner;

	parse(S("{\"a\":{\"b\":1},\"c\":2}"));
	inner = json_get(&j, 0, S("a"));
	assert_int_equal(json_replace(&edits, &j, inner + 2, S("3")), ERR_OK);
	assert_int_equal(json_remove(&edits, &j, 0, S("a")), ERR_OK);
	assert_slice(result(), S("{\"c\":2}"));
	assert_int_equal(json_replace(&edits, &j, inner + 2, S("4")), ERR_OK);
	assert_int_equal(json_remove(&edits, &j, inner, S("b")), ERR_OK);
	assert_int_equal(json_append(&edits, &j, inner, S("\"x\":5"), false), ERR_OK);
	assert_slice(result(), S("{\"c\":2}"));
}

TEST(a_value_may_be_replaced_once_more)
{
	parse(S("{\"a\":[1,2]}"));
	assert_int_equal(json_replace(&edits, &j, 3, S("3")), ERR_OK);
	assert_int_equal(json_replace(&edits, &j, 3, S("4")), ERR_OK);
	assert_slice(result(), S("{\"a\":[4,2]}"));
	assert_int_equal(json_replace(&edits, &j, 2, S("5")), ERR_OK); /* around it */
	assert_int_equal(json_replace(&edits, &j, 3, S("6")), ERR_OK);
	assert_slice(result(), S("{\"a\":5}"));
}

TEST(append_may_come_before_remove)
{
	static const char *const both[] = {"b", "a", NULL};

	parse(S("{\"a\":1,\"b\":2}"));
	assert_int_equal(json_append(&edits, &j, 0, S("\"x\":3"), false), ERR_OK);
	assert_int_equal(json_remove(&edits, &j, 0, S("b")), ERR_OK);
	assert_slice(result(), S("{\"a\":1,\"x\":3}"));
	assert_int_equal(json_append(&edits, &j, 0, S("\"y\":4"), false), ERR_OK);
	remove_keys(both);
	assert_slice(result(), S("{\"x\":3,\"y\":4}"));
	remove_keys(both); /* changes nothing more */
	assert_slice(result(), S("{\"x\":3,\"y\":4}"));
}

TEST(too_many_edits_are_refused_and_change_nothing)
{
	char text[300] = "{";
	size_t n = 1;

	parse(S("[0,1,2,3,4,5,6,7,8,9,10,11,{}]"));
	for (uint32_t i = 0; i < JSON_EDITS_MAX; i++)
		assert_int_equal(
		    json_replace(&edits, &j, json_at(&j, 0, i), S("x")), ERR_OK);
	assert_int_equal(json_replace(&edits, &j, json_at(&j, 0, 12), S("x")), ERR_FULL);
	assert_int_equal(
	    json_append(&edits, &j, json_at(&j, 0, 12), S("\"a\":1"), true), ERR_FULL);
	assert_slice(result(), S("[x,x,x,x,x,x,x,x,x,x,x,x,{}]"));
	for (unsigned i = 0; i <= JSON_EDITS_MAX; i++)
		n += (size_t)snprintf(
		    text + n, sizeof(text) - n, "%s\"k\":0,\"a\":1", i == 0 ? "" : ",");
	text[n++] = '}';
	parse(slice_of(text, n));
	assert_int_equal(json_remove(&edits, &j, 0, S("k")), ERR_FULL);
	assert_slice(result(), j.text);
	edits.count = 0;
	for (uint32_t i = 0; i < JSON_EDITS_MAX - 1; i++)
		assert_int_equal(json_replace(&edits, &j, 2 * i + 2, S("2")), ERR_OK);
	assert_int_equal(json_append(&edits, &j, 0, S("\"b\":1"), false), ERR_FULL);
	assert_int_equal(edits.count, JSON_EDITS_MAX - 1); /* not the comma alone */
}

/* --- against an array of members --- */

#define MEMBERS 7

static const char *const keys[] = {"a", "b", "c", "d"};
static const char *const values[] = {
    "1", "\"x,}\"", "{\"a\":1,\"b\":2}", "[1, 2]", "null", "-0.0e1"};

struct member {
	const char *key, *value;
};

static struct model {
	struct member members[2 * MEMBERS + 4];
	unsigned count;
	bool gone[MEMBERS];
} model;

static struct random rnd;

static const char *
pick(const char *const *from, size_t count)
{
	return from[random_below(&rnd, count)];
}

static const char *
blank(void)
{
	static const char *const blanks[] = {"", "", " ", "\n\t"};

	return pick(blanks, COUNT(blanks));
}

static void
make_object(struct buf *b)
{
	buf_clear(b);
	model = (struct model){0};
	model.count = (unsigned)random_below(&rnd, MEMBERS + 1);
	buf_printf(b, "%s{%s", blank(), blank());
	for (unsigned i = 0; i < model.count; i++) {
		struct member *m = &model.members[i];

		m->key = pick(keys, COUNT(keys));
		m->value = pick(values, COUNT(values));
		buf_printf(b, "\"%s\"%s:%s%s%s%s%s", m->key, blank(), blank(), m->value,
		    blank(), i + 1 < model.count ? "," : "", blank());
	}
	buf_printf(b, "}%s", blank());
}

static void
remove_some(void)
{
	for (uint64_t n = random_below(&rnd, 4); n > 0; n--) {
		const char *key = pick(keys, COUNT(keys));

		assert_int_equal(json_remove(&edits, &j, 0, slice_str(key)), ERR_OK);
		for (unsigned i = 0; i < model.count; i++)
			if (strcmp(model.members[i].key, key) == 0)
				model.gone[i] = true;
	}
}

/* Replaces the value of one member that stays. */
static void
replace_one(void)
{
	uint64_t i = random_below(&rnd, MEMBERS), n = 0;

	if (i >= model.count || model.gone[i])
		return;
	JSON_FOR_EACH_KEY (k, &j, 0) {
		if (n++ != i)
			continue;
		model.members[i].value = pick(values, COUNT(values));
		assert_int_equal(
		    json_replace(&edits, &j, k + 1, slice_str(model.members[i].value)),
		    ERR_OK);
	}
}

static void
append_one(void)
{
	bool emptied = true;

	for (unsigned i = 0; i < model.count; i++)
		emptied = emptied && model.gone[i];
	assert_int_equal(json_append(&edits, &j, 0, S("\"new\":true"), emptied), ERR_OK);
	model.members[model.count++] = (struct member){"new", "true"};
}

static void
check_against_model(void)
{
	struct slice text = result();
	struct json after;
	unsigned i = 0;

	json_init(&after, 1000);
	if (json_parse(&after, text, JSON_KEEP_ALL) != ERR_OK)
		fail_msg("%.*s became %.*s", SLICE_ARGS(j.text), SLICE_ARGS(text));
	JSON_FOR_EACH_KEY (k, &after, 0) {
		while (i < MEMBERS && model.gone[i])
			i++;
		assert_true(i < model.count);
		assert_slice(json_inner(&after, k), slice_str(model.members[i].key));
		assert_slice(json_raw(&after, k + 1), slice_str(model.members[i].value));
		i++;
	}
	while (i < MEMBERS && model.gone[i])
		i++;
	assert_int_equal(i, model.count);
	json_free(&after);
}

TEST(agrees_with_an_array_of_members)
{
	struct buf text;

	buf_init(&text, 4000);
	for (unsigned seed = 0; seed < 20000; seed++) {
		random_seed(&rnd, seed);
		make_object(&text);
		parse(buf_slice(&text));
		remove_some();
		replace_one();
		if (random_below(&rnd, 2) == 0)
			append_one();
		check_against_model();
	}
	buf_free(&text);
}

static int
start(void **state)
{
	(void)state;
	json_init(&j, 1000);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	json_free(&j);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(without_edits_the_text_is_one_part),
	    cmocka_unit_test(replace_puts_one_value_in_anothers_place),
	    cmocka_unit_test(remove_takes_the_comma_along),
	    cmocka_unit_test(neighbours_may_be_removed_by_different_keys),
	    cmocka_unit_test(objects_inside_are_edited_on_their_own),
	    cmocka_unit_test(append_puts_members_last),
	    cmocka_unit_test(append_may_come_twice_and_before_what_it_follows),
	    cmocka_unit_test(append_sees_members_that_left_no_tokens),
	    cmocka_unit_test(what_is_removed_stays_so),
	    cmocka_unit_test(a_value_may_be_replaced_once_more),
	    cmocka_unit_test(append_may_come_before_remove),
	    cmocka_unit_test(too_many_edits_are_refused_and_change_nothing),
	    cmocka_unit_test(agrees_with_an_array_of_members),
	};

	return cmocka_run_group_tests_name("edit", tests, start, stop);
}
