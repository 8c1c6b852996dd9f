#include "dialect/dialect.h"

#include "test.h"

#include <ctype.h>

/* What says what a request costs; spellings of one member stand in one line. */
static const char *const members[][3] = {
    {"n"},
    {"model"},
    {"input"},
    {"inputs"},
    {"texts"},
    {"images"},
    {"tools"},
    {"prompt"},
    {"system"},
    {"stream"},
    {"content"},
    {"contents"},
    {"messages"},
    {"requests"},
    {"documents"},
    {"instructions"},
    {"best_of"},
    {"max_tokens"},
    {"max_completion_tokens"},
    {"maxTokens"},
    {"maxOutputTokens", "max_output_tokens"},
    {"candidateCount", "candidate_count"},
    {"serviceTier", "service_tier"},
    {"systemInstruction", "system_instruction"},
    {"generationConfig", "generation_config"},
    {"inferenceConfig"},
    {"generateContentRequest", "generate_content_request"},
};

#define MEMBERS (sizeof(members) / sizeof(members[0]))

static struct json j;

/* The key that stands there again, as it is written; empty: there is none. */
static struct slice
repeated(const char *text)
{
	uint32_t k;

	if (json_parse(&j, slice_str(text), JSON_KEEP_ALL) != ERR_OK)
		fail_msg("%s: %s", text, j.why);
	k = dialect_repeats(&j);
	return k == JSON_NONE ? S("") : json_raw(&j, k);
}

static void
assert_repeats(const char *first, const char *second)
{
	char text[200], want[80], large[64] = "";

	(void)snprintf(
	    text, sizeof(text), "{\"%s\": 1, \"other\": 2, \"%s\": 3}", first, second);
	(void)snprintf(want, sizeof(want), "\"%s\"", second);
	assert_slice(repeated(text), slice_str(want));
	(void)snprintf(text, sizeof(text),
	    "{\"generationConfig\": {\"%s\": 1, \"%s\": 3}}", first, second);
	assert_slice(repeated(text), slice_str(want));
	for (unsigned i = 0; second[i] != '\0'; i++)
		large[i] = (char)toupper((unsigned char)second[i]);
	(void)snprintf(text, sizeof(text), "{\"%s\": 1, \"%s\": 3}", first, large);
	(void)snprintf(want, sizeof(want), "\"%s\"", large);
	assert_slice(repeated(text), slice_str(want));
}

TEST(each_is_found_when_it_stands_twice)
{
	for (unsigned i = 0; i < MEMBERS; i++)
		for (unsigned a = 0; a < 3 && members[i][a] != NULL; a++)
			for (unsigned b = 0; b < 3 && members[i][b] != NULL; b++)
				assert_repeats(members[i][a], members[i][b]);
}

TEST(one_of_each_is_none_twice)
{
	char text[1000] = "{\"a\": 1, \"a\": 1";
	size_t at = strlen(text);

	for (unsigned i = 0; i < MEMBERS; i++)
		at += (size_t)snprintf(
		    text + at, sizeof(text) - at, ", \"%s\": 1", members[i][0]);
	(void)snprintf(text + at, sizeof(text) - at, "}");
	assert_slice(repeated(text), S(""));
	assert_slice(repeated("[1, 2]"), S(""));
	assert_slice(repeated("{}"), S(""));
}

TEST(an_escaped_one_is_the_same)
{
	assert_slice(repeated("{\"max_tokens\": 1, \"max_\\u0074okens\": 2}"),
	    S("\"max_\\u0074okens\""));
	assert_slice(repeated("{\"\\u006e\": 1, \"n\": 2}"), S("\"n\""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_is_found_when_it_stands_twice),
	    cmocka_unit_test(one_of_each_is_none_twice),
	    cmocka_unit_test(an_escaped_one_is_the_same),
	};

	int failed;

	json_init(&j, 1000);
	failed = cmocka_run_group_tests_name("spending", tests, NULL, NULL);
	json_free(&j);
	return failed;
}
