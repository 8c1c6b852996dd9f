#include "dialect/pass.h"

#include "test.h"

/* The body as a provider gets it whose id for the model is "m-1". */
static void
assert_edited(const struct dialect *d, const char *body, const char *want)
{
	struct json j;
	struct arena arena;
	struct ask ask;
	struct note note;
	const char *param = NULL;
	struct json_edits edits;
	struct edit_plan plan = {.model = S("m-1")};
	struct slice parts[JSON_PARTS_MAX];
	struct buf got;
	unsigned n;

	json_init(&j, 1000);
	arena_init(&arena, NULL, 0, 1u << 20);
	buf_init(&got, 4096);
	assert_int_equal(json_parse(&j, slice_str(body), d->keep), ERR_OK);
	assert_int_equal(d->read_ask(&j, OP_CHAT, &arena, &ask, &note, &param), ERR_OK);
	assert_int_equal(d->edit(&j, &ask, &plan, &arena, &edits), ERR_OK);
	n = json_parts(&edits, slice_str(body), parts);
	for (unsigned i = 0; i < n; i++)
		buf_add(&got, parts[i]);
	assert_slice(buf_slice(&got), slice_str(want));
	buf_free(&got);
	arena_free(&arena);
	json_free(&j);
}

/* Which of several a provider takes is not known: no other one than was asked for and
 * allowed goes out. */
TEST(every_model_of_a_body_is_replaced)
{
	static const struct {
		const struct dialect *d;
		const char *rest;
	} cases[] = {{&dialect_openai, "\"messages\":[]"},
	    {&dialect_anthropic, "\"max_tokens\":1,\"messages\":[]"},
	    {&dialect_cohere, "\"messages\":[]"},
	    {&dialect_responses, "\"input\":\"a\""}};

	for (unsigned i = 0; i < COUNT(cases); i++) {
		char body[200], want[200];

		(void)snprintf(body, sizeof(body),
		    "{\"model\":\"other\",%s,\"provider\":{},\"model\":\"m-1\"}",
		    cases[i].rest);
		(void)snprintf(want, sizeof(want),
		    "{\"model\":\"m-1\",%s,\"model\":\"m-1\"}", cases[i].rest);
		assert_edited(cases[i].d, body, want);
		(void)snprintf(
		    body, sizeof(body), "{\"model\":\"other\",%s}", cases[i].rest);
		(void)snprintf(
		    want, sizeof(want), "{\"model\":\"m-1\",%s}", cases[i].rest);
		assert_edited(cases[i].d, body, want);
	}
}

TEST(names_in_a_path)
{
	struct buf b;

	buf_init(&b, 1000);
	pass_path(&b, slice_of("aZ0-._~:/\0 \xc3\xa4", 13), "");
	assert_slice(buf_slice(&b), S("aZ0-._~%3A%2F%00%20%C3%A4"));
	buf_clear(&b);
	pass_path(&b, slice_of("a:/@\0?", 6), "/@:");
	assert_slice(buf_slice(&b), S("a:/@%00%3F"));
	buf_free(&b);
}

TEST(a_refusal_has_its_words)
{
	struct note note;
	const char *param = NULL;

	assert_int_equal(
	    pass_refuse(&note, &param, "messages", "100% wrong"), ERR_BAD_REQUEST);
	assert_string_equal(param, "messages");
	assert_slice(note_slice(&note), S("100% wrong"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_model_of_a_body_is_replaced),
	    cmocka_unit_test(names_in_a_path),
	    cmocka_unit_test(a_refusal_has_its_words),
	};

	return cmocka_run_group_tests_name("pass", tests, NULL, NULL);
}
