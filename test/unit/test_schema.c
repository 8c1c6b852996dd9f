#include "dialect/schema.h"

#include "test.h"
#include "torture.h"
#include "json/tape.h"

#include <stdlib.h>

static void
assert_cut(const char *schema, unsigned rules, const char *want)
{
	struct buf b;

	buf_init(&b, 1u << 20);
	assert_int_equal(schema_cut(slice_str(schema), rules, &b), ERR_OK);
	assert_slice(buf_slice(&b), slice_str(want));
	buf_free(&b);
}

TEST(without_rules_nothing_changes)
{
	assert_cut("{ \"type\" : \"object\" }", 0, "{ \"type\" : \"object\" }");
	assert_cut("true", 0, "true");
}

/* Each rule by itself: what it does, and that another word stays. */
TEST(every_rule_does_what_it_is_named_for)
{
	static const struct {
		unsigned rules;
		const char *schema, *want;
	} rows[] = {
	    {SCHEMA_WORDS_GEMINI,
		"{\"$schema\":\"x\",\"type\":\"string\",\"pattern\":\"a\",\"x-own\":1,"
		"\"title\":\"T\"}",
		"{\"type\":\"string\",\"title\":\"T\"}"},
	    {SCHEMA_WORDS_GEMINI | SCHEMA_HINTS,
		"{\"type\":\"string\",\"pattern\":\"^\\\"a\\\\d$\",\"minLength\":2}",
		"{\"type\":\"string\",\"description\":\"(pattern: "
		"\\\"^\\\\\\\"a\\\\\\\\d$\\\", minLength: 2)\"}"},
	    {SCHEMA_WORDS_GEMINI | SCHEMA_HINTS,
		"{\"description\":\"An age.\",\"type\":\"integer\","
		"\"exclusiveMinimum\":0,\"minimum\":1}",
		"{\"description\":\"An age. (exclusiveMinimum: "
		"0)\",\"type\":\"integer\",\"minimum\":1}"},
	    {SCHEMA_LONE_REF,
		"{\"properties\":{\"a\":{\"$ref\":\"#/$defs/A\",\"description\":\"x\"}},"
		"\"$defs\":{\"A\":{\"type\":\"string\"}}}",
		"{\"properties\":{\"a\":{\"$ref\":\"#/$defs/"
		"A\"}},\"$defs\":{\"A\":{\"type\":\"string\"}}}"},
	    {SCHEMA_LONE_REF | SCHEMA_WORDS_GEMINI,
		"{\"$ref\":\"#/definitions/A\",\"definitions\":{\"A\":{\"type\":"
		"\"object\",\"properties\":{\"next\":{\"$ref\":\"#/definitions/A\"}}}}}",
		"{\"$defs\":{\"A\":{\"type\":\"object\",\"properties\":{\"next\":{\"$"
		"ref\":\"#/$defs/A\"}}}},\"type\":\"object\",\"properties\":{\"next\":{"
		"\"$ref\":\"#/$defs/A\"}}}"},
	    {SCHEMA_INLINE_REFS,
		"{\"properties\":{\"a\":{\"$ref\":\"#/$defs/"
		"a~1b\",\"description\":\"x\"}},\"$defs\":{\"a/b\":{\"type\":\"string\","
		"\"description\":\"y\"}}}",
		"{\"properties\":{\"a\":{\"description\":\"x\",\"type\":\"string\"}}}"},
	    {SCHEMA_INLINE_REFS,
		"{\"$ref\":\"#/$defs/A\",\"$defs\":{\"A\":{\"properties\":{\"a\":{\"$"
		"ref\":\"#/$defs/A\"}}}}}",
		"{\"properties\":{\"a\":{\"type\":\"object\"}}}"},
	    {SCHEMA_MERGE_ALL_OF,
		"{\"type\":\"object\",\"allOf\":[{\"properties\":{\"a\":{}},"
		"\"required\":[\"a\"]},{\"properties\":{\"a\":{\"type\":\"string\"},"
		"\"b\":{}},\"required\":[\"a\",\"b\"]}]}",
		"{\"type\":\"object\",\"properties\":{\"a\":{},\"b\":{}},"
		"\"required\":[\"a\",\"b\"]}"},
	    {SCHEMA_MERGE_ALL_OF | SCHEMA_LONE_REF,
		"{\"properties\":{\"a\":{\"allOf\":[{\"$ref\":\"#/$defs/"
		"A\"}],\"title\":\"x\"}}}",
		"{\"properties\":{\"a\":{\"$ref\":\"#/$defs/A\"}}}"},
	    {SCHEMA_MERGE_ALL_OF | SCHEMA_LONE_REF,
		"{\"allOf\":[{\"$ref\":\"#/$defs/A\"},{\"properties\":{\"b\":{}}}],"
		"\"$defs\":{\"A\":{\"properties\":{\"a\":{}}}}}",
		"{\"$defs\":{\"A\":{\"properties\":{\"a\":{}}}},\"properties\":{\"a\":{},"
		"\"b\":{}}}"},
	    {SCHEMA_ANY_OF, "{\"oneOf\":[{\"type\":\"string\"},true]}",
		"{\"anyOf\":[{\"type\":\"string\"},true]}"},
	    {SCHEMA_CONST_ENUM, "{\"const\":7,\"enum\":[7,8]}", "{\"enum\":[7]}"},
	    {SCHEMA_TEXT_ENUMS, "{\"enum\":[\"a\",1],\"title\":\"x\"}",
		"{\"title\":\"x\"}"},
	    {SCHEMA_TEXT_ENUMS, "{\"enum\":[\"a\",null]}",
		"{\"enum\":[\"a\"],\"nullable\":true}"},
	    {SCHEMA_NULLABLE, "{\"type\":[\"string\",\"null\"]}",
		"{\"type\":\"string\",\"nullable\":true}"},
	    {SCHEMA_NULLABLE, "{\"type\":[\"string\",\"integer\"]}",
		"{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"integer\"}]}"},
	    {SCHEMA_NULLABLE, "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}",
		"{\"anyOf\":[{\"type\":\"string\"}],\"nullable\":true}"},
	    {SCHEMA_FORMATS_TEXT, "{\"format\":\"uuid\"}", "{\"format\":\"uuid\"}"},
	    {SCHEMA_FORMATS_TEXT, "{\"format\":\"int32\"}", "{}"},
	    {SCHEMA_FORMATS_OPENAPI, "{\"format\":\"int32\"}", "{\"format\":\"int32\"}"},
	    {SCHEMA_FORMATS_OPENAPI, "{\"format\":\"uuid\"}", "{}"},
	    {SCHEMA_CLOSED,
		"{\"type\":\"object\",\"additionalProperties\":true,\"properties\":{"
		"\"a\":{\"type\":\"string\"}}}",
		"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},"
		"\"additionalProperties\":false}"},
	    {SCHEMA_ALL_REQUIRED,
		"{\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"string\","
		"\"enum\":[\"x\"]},\"c\":{\"anyOf\":[{\"type\":\"string\"}]}},"
		"\"required\":[\"a\"]}",
		"{\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":["
		"\"string\",\"null\"],\"enum\":[\"x\",null]},\"c\":{\"anyOf\":[{"
		"\"type\":\"string\"},{\"type\":\"null\"}]}},\"required\":[\"a\",\"b\","
		"\"c\"]}"},
	    {SCHEMA_ALL_REQUIRED | SCHEMA_LONE_REF,
		"{\"properties\":{\"a\":{\"$ref\":\"#/$defs/A\"}}}",
		"{\"properties\":{\"a\":{\"anyOf\":[{\"$ref\":\"#/$defs/"
		"A\"},{\"type\":\"null\"}]}},\"required\":[\"a\"]}"},
	    {SCHEMA_FROM_OPENAPI,
		"{\"type\":\"OBJECT\",\"propertyOrdering\":[\"a\"],\"properties\":{\"a\":"
		"{\"type\":\"ARRAY\",\"minItems\":\"1\",\"items\":{\"type\":3,"
		"\"nullable\":true}},\"b\":{\"type\":\"STRING\",\"format\":\"enum\","
		"\"enum\":[\"x\"]}}}",
		"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\","
		"\"minItems\":1,\"items\":{\"type\":[\"integer\",\"null\"]}},\"b\":{"
		"\"type\":\"string\",\"enum\":[\"x\"]}}}"},
	    {SCHEMA_WORDS_ANTHROPIC | SCHEMA_HINTS,
		"{\"type\":\"array\",\"minItems\":1,\"maxItems\":2}",
		"{\"type\":\"array\",\"minItems\":1,\"description\":\"(maxItems: 2)\"}"},
	    {SCHEMA_WORDS_COHERE,
		"{\"type\":\"string\",\"pattern\":\"a\",\"minLength\":1}",
		"{\"type\":\"string\",\"pattern\":\"a\"}"},
	    {SCHEMA_WORDS_STRICT, "{\"type\":\"number\",\"multipleOf\":2,\"default\":4}",
		"{\"type\":\"number\",\"multipleOf\":2}"},
	    {SCHEMA_WORDS_OPENAPI, "{\"type\":\"object\",\"additionalProperties\":false}",
		"{\"type\":\"object\"}"},
	};
	unsigned met = 0;

	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_cut(rows[i].schema, rows[i].rules, rows[i].want);
		met |= rows[i].rules;
	}
	for (unsigned i = 0; i < SCHEMA_RULES; i++) {
		assert_true(strlen(schema_rule_text(i)) > 0);
		if ((met >> i & 1) == 0)
			fail_msg("the rule %s is in no row", schema_rule_name(i));
	}
}

TEST(tuples_are_prefix_items)
{
	const char *schema = "{\"type\":\"array\",\"items\":[{\"type\":\"string\"}]}";

	assert_cut(schema, SCHEMA_FOR_GEMINI,
	    "{\"type\":\"array\",\"prefixItems\":[{\"type\":\"string\"}]}");
	assert_cut(schema, SCHEMA_FOR_ANTHROPIC, "{\"type\":\"array\",\"items\":{}}");
	assert_cut(schema, SCHEMA_CLOSED, schema);
}

/* What was cut is not cut again. */
TEST(cutting_twice_changes_nothing_more)
{
	static const unsigned rules[] = {SCHEMA_FOR_GEMINI, SCHEMA_FOR_GEMINI_OPENAPI,
	    SCHEMA_FOR_ANTHROPIC, SCHEMA_FOR_STRICT, SCHEMA_FOR_COHERE};
	const char *schema =
	    "{\"$schema\":\"s\",\"type\":\"object\",\"properties\":{\"a\":{\"type\":["
	    "\"string\",\"null\"],\"pattern\":\"x\"},\"b\":{\"$ref\":\"#/$defs/"
	    "B\"},\"c\":{\"oneOf\":[{\"const\":1},{\"type\":\"null\"}]},\"d\":{\"allOf\":"
	    "[{\"type\":\"integer\"},{\"maximum\":3}]}},\"required\":[\"a\"],\"$defs\":{"
	    "\"B\":{\"type\":\"object\",\"properties\":{\"b\":{\"$ref\":\"#/$defs/"
	    "B\"}}}}}";
	struct buf once, twice;

	buf_init(&once, 65536);
	buf_init(&twice, 65536);
	for (size_t i = 0; i < COUNT(rules); i++) {
		buf_clear(&once);
		buf_clear(&twice);
		assert_int_equal(schema_cut(slice_str(schema), rules[i], &once), ERR_OK);
		assert_int_equal(schema_cut(buf_slice(&once), rules[i], &twice), ERR_OK);
		assert_slice(buf_slice(&twice), buf_slice(&once));
	}
	buf_free(&once);
	buf_free(&twice);
}

TEST(deep_schemas_end)
{
	struct buf schema, b;

	buf_init(&schema, 65536);
	buf_init(&b, 65536);
	for (unsigned i = 0; i < 200; i++)
		buf_add(&schema, S("{\"items\":"));
	buf_add(&schema, S("{}"));
	for (unsigned i = 0; i < 200; i++)
		buf_byte(&schema, '}');
	assert_int_equal(schema_cut(buf_slice(&schema), SCHEMA_FOR_GEMINI, &b), ERR_OK);
	assert_int_equal(b.len, 64 * strlen("{'items':}") + strlen("{}"));
	buf_free(&schema);
	buf_free(&b);
}

/* References that double at each step would fill any memory. */
TEST(too_much_work_is_refused)
{
	struct buf schema, b;

	buf_init(&schema, 65536);
	buf_init(&b, 1u << 30);
	buf_add(&schema, S("{\"$ref\":\"#/$defs/0\",\"$defs\":{\"15\":{}"));
	for (unsigned i = 0; i < 15; i++) {
		buf_printf(&schema, ",\"%u\":{\"properties\":{", i);
		for (unsigned k = 0; k < 8; k++)
			buf_printf(&schema, "%s\"%u\":{\"$ref\":\"#/$defs/%u\"}",
			    k > 0 ? "," : "", k, i + 1);
		buf_add(&schema, S("}}"));
	}
	buf_add(&schema, S("}}"));
	assert_int_equal(
	    schema_cut(buf_slice(&schema), SCHEMA_INLINE_REFS, &b), ERR_FULL);
	buf_free(&schema);
	buf_free(&b);
}

TEST(what_is_no_json_is_told)
{
	struct buf b;

	buf_init(&b, 100);
	assert_int_equal(schema_cut(S("{"), SCHEMA_FOR_GEMINI, &b), ERR_SYNTAX);
	assert_int_equal(
	    schema_cut(
		S("{\"type\":\"object\",\"properties\":{\"abcdefghijkl\":{\"type\":"
		  "\"string\"},\"bcdefghijklmnopq\":{\"type\":\"string\"}}}"),
		SCHEMA_FOR_GEMINI, &b),
	    ERR_FULL);
	buf_free(&b);
}

static enum err
cut_it(void *arg)
{
	struct buf b;
	enum err e;

	buf_init(&b, 65536);
	e = schema_cut(*(struct slice *)arg, SCHEMA_FOR_STRICT, &b);
	buf_free(&b);
	return e;
}

TEST(survives_torture)
{
	struct slice schema =
	    S("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}");

	assert_true(torture(cut_it, &schema) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(without_rules_nothing_changes),
	    cmocka_unit_test(every_rule_does_what_it_is_named_for),
	    cmocka_unit_test(tuples_are_prefix_items),
	    cmocka_unit_test(cutting_twice_changes_nothing_more),
	    cmocka_unit_test(deep_schemas_end),
	    cmocka_unit_test(too_much_work_is_refused),
	    cmocka_unit_test(what_is_no_json_is_told),
	    cmocka_unit_test(survives_torture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
