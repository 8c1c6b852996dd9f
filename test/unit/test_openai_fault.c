/*
 * Errors: in whose words, of which kind, and as weir writes them itself.
 */
#include "openai_case.h"

/* Reads a fault; the text, written with ' for ", may be NULL: no body. */
static enum err
fault_of(unsigned status, const char *text, struct parsed *p, struct fault *f)
{
	if (text != NULL)
		parse(p, text, 4);
	else
		*p = (struct parsed){0};
	return dialect_openai.read_fault(status, &p->j, f);
}

static void
assert_kind(unsigned status, const char *text, enum err want)
{
	struct parsed p;
	struct fault f;
	enum err e = fault_of(status, text, &p, &f);

	if (e != want)
		fail_msg("%u %s: %s, not %s", status, text == NULL ? "" : text,
		    err_name(e), err_name(want));
	parsed_done(&p);
}

/* --- words --- */

TEST(the_shapes_in_which_hosts_word_an_error)
{
	static const struct {
		const char *text, *message, *type, *code, *param;
	} cases[] = {
	    {"{'error': {'message': 'm', 'type': 't', 'code': 'c', 'param': 'p'}}", "m",
		"t", "c", "p"},
	    {"{'error': {'message': 'm', 'code': 400}}", "m", "", "400", ""},
	    {"{'error': {'message': 'm', 'code': null, 'param': null}}", "m", "", "", ""},
	    {"{'error': 'm'}", "m", "", "", ""},
	    {"{'error': 'm', 'error_type': 'x'}", "m", "", "", ""},
	    {"{'message': 'm', 'type': 't', 'code': '1500', 'object': 'error'}", "m", "t",
		"1500", ""},
	    {"{'detail': 'm'}", "m", "", "", ""},
	    {"{'detail': [{'loc': [], 'msg': 'm'}, {'msg': 'n'}]}", "m", "", "", ""},
	    {"{'detail': {'error': 'm'}}", "m", "", "", ""},
	    {"[{'error': {'code': 429, 'message': 'm', 'status': 'X'}}]", "m", "", "429",
		""},
	    {"{'error': {}}", "", "", "", ""},
	    {"{'error': null, 'message': 'm'}", "m", "", "", ""},
	    {"{}", "", "", "", ""},
	    {"[]", "", "", "", ""},
	    {"'m'", "", "", "", ""},
	    {"7", "", "", "", ""},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct parsed p;
		struct fault f;

		(void)fault_of(400, cases[i].text, &p, &f);
		assert_slice(f.message, slice_str(cases[i].message));
		assert_slice(f.type, slice_str(cases[i].type));
		assert_slice(f.code, slice_str(cases[i].code));
		assert_slice(f.param, slice_str(cases[i].param));
		parsed_done(&p);
	}
}

/* --- kinds --- */

TEST(statuses_without_a_word)
{
	static const struct {
		unsigned status;
		enum err err;
	} cases[] = {{400, ERR_UP_CALLER}, {401, ERR_UP_CREDENTIAL}, {402, ERR_UP_QUOTA},
	    {403, ERR_UP_CREDENTIAL}, {404, ERR_UP_MISSING}, {405, ERR_UP_CALLER},
	    {408, ERR_UP_TIMEOUT}, {409, ERR_UP_CALLER}, {410, ERR_UP_MISSING},
	    {413, ERR_CONTEXT_LENGTH}, {415, ERR_UP_CALLER}, {422, ERR_UP_CALLER},
	    {425, ERR_UP_5XX}, {429, ERR_RATE_LIMITED}, {451, ERR_UP_CALLER},
	    {498, ERR_RATE_LIMITED}, {499, ERR_UP_5XX}, {500, ERR_UP_5XX},
	    {501, ERR_UP_5XX}, {502, ERR_UP_5XX}, {503, ERR_UP_5XX},
	    {504, ERR_UP_TIMEOUT}, {520, ERR_UP_5XX}, {529, ERR_UP_5XX},
	    {599, ERR_UP_5XX}, {302, ERR_UP_5XX}, {999, ERR_UP_5XX}};

	for (size_t i = 0; i < COUNT(cases); i++)
		assert_kind(cases[i].status, NULL, cases[i].err);
}

#define ERROR_OF(type, code, message)                                                    \
	"{'error': {'type': '" type "', 'code': '" code "', 'message': '" message "'}}"

TEST(a_prompt_that_is_too_long)
{
	static const char *const bodies[] = {
	    ERROR_OF("invalid_request_error", "context_length_exceeded", "x"),
	    ERROR_OF("", "", "The maximum context length is 8192 tokens."),
	    ERROR_OF("exceed_context_size_error", "400", "request (2009 tokens) exceeds"),
	    ERROR_OF("", "", "prompt is too long: 200001 tokens > 200000 maximum"),
	    ERROR_OF("", "", "Input is too long for requested model."),
	    ERROR_OF("", "", "Please reduce the length of the messages or completion."),
	    ERROR_OF("", "", "larger than max_model_len (4096)"),
	    ERROR_OF("", "1261", "Prompt"), "{'message': 'too many tokens'}"};

	for (size_t i = 0; i < COUNT(bodies); i++) {
		assert_kind(400, bodies[i], ERR_CONTEXT_LENGTH);
		assert_kind(422, bodies[i], ERR_CONTEXT_LENGTH);
		assert_kind(413, bodies[i], ERR_CONTEXT_LENGTH);
		assert_kind(500, bodies[i], ERR_UP_5XX);
	}
	assert_kind(400, ERROR_OF("invalid_request_error", "x", "Invalid temperature"),
	    ERR_UP_CALLER);
}

TEST(a_wrong_key_in_spite_of_400)
{
	assert_kind(400,
	    "[{'error': {'code': 400, 'message': 'API key not valid. Please "
	    "pass a valid API key.', 'status': 'INVALID_ARGUMENT'}}]",
	    ERR_UP_CREDENTIAL);
	assert_kind(400, ERROR_OF("", "invalid_api_key", "x"), ERR_UP_CREDENTIAL);
	assert_kind(400, ERROR_OF("API_KEY_INVALID", "", "x"), ERR_UP_CREDENTIAL);
}

TEST(a_rate_limit_in_spite_of_413)
{
	assert_kind(413,
	    ERROR_OF("tokens", "rate_limit_exceeded",
		"Request too large for model x on tokens per minute (TPM): Limit 6000, "
		"Requested 7000, please reduce your message size"),
	    ERR_RATE_LIMITED);
}

TEST(an_account_without_money)
{
	static const char *const bodies[] = {
	    ERROR_OF("insufficient_quota", "insufficient_quota",
		"You exceeded your current quota, please check your plan and billing "
		"details."),
	    ERROR_OF("", "billing_not_active", "Your account is not active"),
	    ERROR_OF("", "credit_balance_exhausted", "x"),
	    ERROR_OF("", "1113", "Insufficient balance or no resource package."),
	    ERROR_OF("", "", "Insufficient Balance"),
	    "{'error': 'You have depleted your monthly included credits.'}"};

	for (size_t i = 0; i < COUNT(bodies); i++)
		assert_kind(429, bodies[i], ERR_UP_QUOTA);
	assert_kind(400, ERROR_OF("", "billing_hard_limit_reached", "x"), ERR_UP_QUOTA);
	assert_kind(498, bodies[0], ERR_UP_QUOTA);
}

/* What a limited caller is advised to do is not what was wrong. */
TEST(bug_advice_to_pay_is_no_lack_of_money)
{
	assert_kind(429,
	    ERROR_OF("tokens", "rate_limit_exceeded",
		"Rate limit reached for model in organization x on tokens per minute "
		"(TPM): Limit 6000. Please try again in 7.66s. Need more tokens? Upgrade "
		"to Dev Tier today at https://console.groq.com/settings/billing"),
	    ERR_RATE_LIMITED);
	assert_kind(429,
	    ERROR_OF("requests", "rate_limit_exceeded",
		"Rate limit reached. You can increase your rate limit by adding a "
		"payment method, also when your credits are depleted"),
	    ERR_RATE_LIMITED);
	assert_kind(429,
	    "[{'error': {'code': 429, 'message': 'You exceeded your current quota, "
	    "please "
	    "check your plan and billing details.', 'status': 'RESOURCE_EXHAUSTED'}}]",
	    ERR_RATE_LIMITED);
}

/* Messages repeat what the caller wrote: that must not bench a key for all. */
TEST(bug_a_callers_words_bench_nothing)
{
	static const char *const said[] = {"invalid_api_key", "API_KEY_INVALID",
	    "rate_limit", "insufficient_quota", "the API key not valid", "billing_x"};

	for (size_t i = 0; i < COUNT(said); i++) {
		char text[300];

		(void)snprintf(text, sizeof(text),
		    "{'error': {'type': 'invalid_request_error', 'code': 'x', 'message': "
		    "'Invalid value: %s'}}",
		    said[i]);
		assert_kind(400, text, ERR_UP_CALLER);
		assert_kind(422, text, ERR_UP_CALLER);
	}
}

TEST(a_refusal_of_what_is_said)
{
	assert_kind(403, ERROR_OF("", "content_filter", "x"), ERR_UP_CALLER);
	assert_kind(403, ERROR_OF("", "", "Your input was Flagged."), ERR_UP_CALLER);
	assert_kind(403, ERROR_OF("", "moderation_blocked", ""), ERR_UP_CALLER);
	assert_kind(403, ERROR_OF("", "forbidden", "x"), ERR_UP_CREDENTIAL);
	assert_kind(400, ERROR_OF("", "content_policy_violation", "x"), ERR_UP_CALLER);
}

/* An error in a reply of status 200 may have its status as its code. */
TEST(the_code_stands_for_the_status)
{
	assert_kind(200, "{'error': {'code': 429, 'message': 'x'}}", ERR_RATE_LIMITED);
	assert_kind(200, "{'error': {'code': '402'}}", ERR_UP_QUOTA);
	assert_kind(200, "{'error': {'code': 400}}", ERR_UP_CALLER);
	assert_kind(200, "{'error': {'code': 399}}", ERR_UP_5XX);
	assert_kind(200, "{'error': {'code': 599}}", ERR_UP_5XX);
	assert_kind(200, "{'error': {'code': 600}}", ERR_UP_5XX);
	assert_kind(200, "{'error': {'code': 'x'}}", ERR_UP_5XX);
	assert_kind(200, "{'error': 'x'}", ERR_UP_5XX);
	assert_kind(200, "{'error': {'code': 'content_filter'}}", ERR_UP_CALLER);
	assert_kind(500, "{'error': {'code': 429}}", ERR_UP_5XX);
}

/* --- writing --- */

static void
assert_written(struct fault f, const char *want)
{
	char *text = quoted(want), event[600];
	struct buf b;

	buf_init(&b, 10000);
	dialect_openai.write_fault(&f, &b);
	assert_slice(buf_slice(&b), slice_str(text));
	buf_clear(&b);
	dialect_openai.write_fault_event(&f, &b);
	(void)snprintf(event, sizeof(event), "data: %s\n\n", text);
	assert_slice(buf_slice(&b), slice_str(event));
	buf_free(&b);
	free(text);
}

/* As OpenAI's clients read it, and with the text at the top for one that is not. */
TEST(an_error_as_we_write_it)
{
	assert_written((struct fault){.message = S("Too bad."),
			   .type = S("t"),
			   .code = S("c"),
			   .param = S("p")},
	    "{'error':{'message':'Too bad.','type':'t','param':'p','code':'c'},"
	    "'message':'Too bad.'}");
	assert_written((struct fault){.message = S("m"), .type = S("t")},
	    "{'error':{'message':'m','type':'t','param':null,'code':null},"
	    "'message':'m'}");
	assert_written((struct fault){.message = S("a\nb")},
	    "{'error':{'message':'a\\nb','type':'','param':null,'code':null},"
	    "'message':'a\\nb'}");
}

/* What is written can be read, and no text breaks out of its event. */
TEST(what_we_write_we_read)
{
	static const struct fault f = {.message = {"\"q\" \r\n\n\x01", 8},
	    .type = {"ty\\pe", 5},
	    .code = {"c\xff", 2},
	    .param = {"p", 1}};
	struct fault back;
	struct json j;
	struct buf b;

	buf_init(&b, 10000);
	dialect_openai.write_fault_event(&f, &b);
	assert_int_equal(slice_find(buf_slice(&b), '\n'), b.len - 2);
	assert_int_equal(slice_find(buf_slice(&b), '\r'), b.len);
	json_init(&j, 100);
	assert_int_equal(
	    json_parse(&j, slice_from(buf_slice(&b), 6), JSON_KEEP_ALL), ERR_OK);
	assert_int_equal(dialect_openai.read_fault(400, &j, &back), ERR_UP_CALLER);
	assert_slice(back.message, S("\\\"q\\\" \\r\\n\\n\\u0001")); /* raw */
	assert_slice(back.param, S("p"));
	json_free(&j);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_shapes_in_which_hosts_word_an_error),
	    cmocka_unit_test(statuses_without_a_word),
	    cmocka_unit_test(a_prompt_that_is_too_long),
	    cmocka_unit_test(a_wrong_key_in_spite_of_400),
	    cmocka_unit_test(a_rate_limit_in_spite_of_413),
	    cmocka_unit_test(an_account_without_money),
	    cmocka_unit_test(bug_advice_to_pay_is_no_lack_of_money),
	    cmocka_unit_test(bug_a_callers_words_bench_nothing),
	    cmocka_unit_test(a_refusal_of_what_is_said),
	    cmocka_unit_test(the_code_stands_for_the_status),
	    cmocka_unit_test(an_error_as_we_write_it),
	    cmocka_unit_test(what_we_write_we_read),
	};

	return cmocka_run_group_tests_name("openai_fault", tests, NULL, NULL);
}
