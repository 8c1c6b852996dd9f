/*
 * What requests ask, and the declared edits with which they are sent.
 */
#include "openai_case.h"
#include "torture.h"

struct asking {
	struct parsed p;
	struct arena arena;
	struct ask ask;
	struct note note;
	const char *param;
	enum err err;
};

static void
ask_for(struct asking *a, enum operation op, const char *text)
{
	memset(a, 0, sizeof(*a));
	arena_init(&a->arena, NULL, 0, 1u << 20);
	parse(&a->p, text, dialect_openai.keep);
	a->err =
	    dialect_openai.read_ask(&a->p.j, op, &a->arena, &a->ask, &a->note, &a->param);
}

static void
done(struct asking *a)
{
	arena_free(&a->arena);
	parsed_done(&a->p);
}

/* Members of a good chat request. */
#define CHAT(more) "{'model': 'm', 'messages': []" more "}"

static struct ask
chat(const char *text)
{
	struct asking a;
	struct ask ask;

	ask_for(&a, OP_CHAT, text);
	if (a.err != ERR_OK)
		fail_msg("%s: %s", text, a.note.text);
	ask = a.ask;
	done(&a);
	return ask;
}

/* --- asking --- */

TEST(the_least_that_a_chat_is)
{
	struct asking a;

	ask_for(&a, OP_CHAT, CHAT(""));
	assert_int_equal(a.err, ERR_OK);
	assert_int_equal(a.ask.op, OP_CHAT);
	assert_slice(a.ask.model, S("m"));
	assert_false(a.ask.stream || a.ask.usage_asked);
	assert_int_equal(a.ask.needs, 0);
	assert_int_equal(a.ask.prompt_bytes, 2); /* "[]" */
	assert_int_equal(a.ask.longest_bytes, 0);
	assert_int_equal(a.ask.prompt_parts, 0);
	assert_int_equal(a.ask.max_output_tok, 0);
	assert_int_equal(a.ask.answers, 1);
	done(&a);
}

TEST(the_model_is_decoded)
{
	struct asking a;

	ask_for(&a, OP_CHAT, "{'model': 'openai\\/gpt\\u002d5', 'messages': []}");
	assert_slice(a.ask.model, S("openai/gpt-5"));
	done(&a);
	ask_for(&a, OP_CHAT, "{'model': 'a', 'messages': [], 'model': 'b'}");
	assert_slice(a.ask.model, S("b")); /* the last counts */
	done(&a);
}

TEST(streams_and_their_usage)
{
	static const struct {
		const char *text;
		bool stream, usage;
	} cases[] = {
	    {CHAT(", 'stream': true"), true, false},
	    {CHAT(", 'stream': false"), false, false},
	    {CHAT(", 'stream': null"), false, false},
	    {CHAT(", 'stream_options': {'include_usage': true}"), false, true},
	    {CHAT(", 'stream': true, 'stream_options': {'include_usage': true}"), true,
		true},
	    {CHAT(", 'stream': true, 'stream_options': {'include_usage': false}"), true,
		false},
	    {CHAT(", 'stream': true, 'stream_options': {'include_usage': 1}"), true,
		false},
	    {CHAT(", 'stream': true, 'stream_options': null"), true, false},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ask ask = chat(cases[i].text);

		assert_int_equal(ask.stream, cases[i].stream);
		assert_int_equal(ask.usage_asked, cases[i].usage);
	}
}

TEST(limits_of_the_answer)
{
	static const struct {
		const char *text;
		uint64_t max, answers;
	} cases[] = {
	    {CHAT(", 'max_tokens': 7"), 7, 1},
	    {CHAT(", 'max_completion_tokens': 8"), 8, 1},
	    {CHAT(", 'max_completion_tokens': 8, 'max_tokens': 7"), 8, 1},
	    {CHAT(", 'max_completion_tokens': null, 'max_tokens': 7"), 7, 1},
	    {CHAT(", 'max_tokens': -7"), 0, 1},
	    {CHAT(", 'max_tokens': '7'"), 0, 1},
	    {CHAT(", 'max_tokens': 7.5"), 0, 1},
	    {CHAT(", 'n': 3"), 0, 3},
	    {CHAT(", 'n': 0"), 0, 1},
	    {CHAT(", 'n': null"), 0, 1},
	    {CHAT(", 'n': '3'"), 0, 3},
	    {CHAT(", 'n': 1e2"), 0, 100},
	    {CHAT(", 'n': 2.5"), 0, UINT64_MAX},
	    {CHAT(", 'n': '\\u0038'"), 0, UINT64_MAX},
	    {CHAT(", 'n': true"), 0, UINT64_MAX},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ask ask = chat(cases[i].text);

		assert_int_equal(ask.max_output_tok, cases[i].max);
		assert_int_equal(ask.answers, cases[i].answers);
	}
}

TEST(what_is_needed)
{
	static const struct {
		const char *text;
		unsigned needs;
	} cases[] = {
	    {CHAT(", 'tools': [{'type': 'function'}]"), CAP_TOOLS},
	    {CHAT(", 'tools': []"), 0},
	    {CHAT(", 'tools': null"), 0},
	    {CHAT(", 'response_format': {'type': 'json_schema'}"), CAP_STRUCTURED},
	    {CHAT(", 'response_format': {'type': 'json_object'}"), 0},
	    {CHAT(", 'response_format': 'json_schema'"), 0},
	    {"{'model': 'm', 'messages': [{'content': [{'type': 'image_url', "
	     "'image_url': {'url': 'x'}}]}]}",
		CAP_VISION},
	    {"{'model': 'm', 'messages': [{'content': [{'type': 'input_image', "
	     "'image_url': 'x'}]}]}",
		CAP_VISION},
	    {"{'model': 'm', 'messages': [{'content': 'a'}, {'content': [{'type': "
	     "'text', 'text': 'b'}, {'type': 'input_audio', 'input_audio': {}}]}]}",
		CAP_AUDIO},
	    {"{'model': 'm', 'messages': [{'content': [{'type': 'video_url'}, {'type': "
	     "'file'}, {'type': 'other'}, 'x', 7]}]}",
		0},
	    {"{'model': 'm', 'messages': ['x', {'content': {'type': 'image_url'}}]}", 0},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(chat(cases[i].text).needs, cases[i].needs);
	/* All at once, in any order. */
	assert_int_equal(chat("{'response_format': {'type': 'json_schema'}, 'tools': [1],"
			      "'model': 'm', 'messages': [{'content': ["
			      "{'type': 'input_audio'}, {'type': 'image_url'},"
			      "{'type': 'input_audio'}]}]}")
			     .needs,
	    CAP_TOOLS | CAP_STRUCTURED | CAP_AUDIO | CAP_VISION);
}

/* Of the prompt the text counts, not what is in it of images and the like. */
TEST(bytes_and_parts_of_the_prompt)
{
	static const struct {
		const char *messages;
		uint64_t bytes, parts;
	} cases[] = {
	    {"[]", 2, 0},
	    {"[{'content': 'abcd'}]", 21, 0},
	    {"[{'content': [{'type': 'image_url', 'image_url': {'url': 'data:xxxx'}}]}]",
		53, 1},
	    {"[{'content': [{'type': 'input_audio', 'input_audio': 'AAAA'},"
	     "{'type': 'image_url', 'image_url': 'BBBB'}]}]",
		94, 2},
	    {"[{'content': [{'type': 'file', 'file': {'file_data': 'AAAA'}}]}]", 17, 1},
	    {"[{'content': [{'type': 'image_url'}]}]", 38, 1},
	    {"[{'content': [{'type': 'text', 'text': 'AA'}]}]", 47, 0},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[400];
		struct ask ask;

		(void)snprintf(text, sizeof(text), "{'model': 'm', 'messages': %s}",
		    cases[i].messages);
		ask = chat(text);
		assert_int_equal(ask.prompt_bytes, cases[i].bytes);
		assert_int_equal(ask.prompt_parts, cases[i].parts);
	}
	/* The tools are read by the model as well. */
	assert_int_equal(chat(CHAT(", 'tools': [1, 2]")).prompt_bytes, 2 + 6);
}

TEST(prompts_and_inputs)
{
	static const struct {
		const char *value;
		uint64_t bytes, longest;
	} cases[] = {
	    {"'abc'", 5, 0},
	    {"['abc', 'abcdef']", 5 + 8, 8},
	    {"['abcdef', 'abc']", 8 + 5, 8},
	    {"[1, 2, 3]", 12, 0}, /* four bytes a token */
	    {"[[1, 2, 3], [4]]", 12 + 4, 12},
	    {"[]", 0, 0},
	    {"null", 4, 0},
	    {"[{'type': 'x'}]", 13, 13},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		for (enum operation op = OP_COMPLETION; op <= OP_EMBEDDING; op++) {
			struct asking a;
			char text[200];

			(void)snprintf(text, sizeof(text),
			    "{'model': 'm', '%s': %s, 'max_tokens': 5, 'stream': true}",
			    op == OP_EMBEDDING ? "input" : "prompt", cases[i].value);
			ask_for(&a, op, text);
			assert_int_equal(a.err, ERR_OK);
			assert_int_equal(a.ask.op, op);
			assert_int_equal(a.ask.prompt_bytes, cases[i].bytes);
			assert_int_equal(a.ask.longest_bytes, cases[i].longest);
			assert_int_equal(a.ask.max_output_tok, 5);
			/* There are no streams of embeddings. */
			assert_int_equal(a.ask.stream, op == OP_COMPLETION);
			done(&a);
		}
}

TEST(what_is_no_request_is_refused)
{
	static const struct {
		const char *text, *param, *note;
	} cases[] = {
	    {"[]", NULL, "must be a JSON object"},
	    {"'text'", NULL, "must be a JSON object"},
	    {"{'messages': []}", "model", "must provide a 'model'"},
	    {"{'model': '', 'messages': []}", "model", "must provide a 'model'"},
	    {"{'model': 7, 'messages': []}", "model", "'model' must be a string"},
	    {"{'model': null, 'messages': []}", "model", "'model' must be a string"},
	    {"{'model': 'm'}", "messages", "'messages' must be there"},
	    {"{'model': 'm', 'messages': {}}", "messages", "'messages' must be there"},
	    {"{'model': 'm', 'messages': null}", "messages", "'messages' must be there"},
	    {CHAT(", 'stream': 'true'"), "stream", "'stream' must be true or false"},
	    {CHAT(", 'stream': 1"), "stream", "'stream' must be true or false"},
	    {CHAT(", 'stream': {}"), "stream", "'stream' must be true or false"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct asking a;

		ask_for(&a, OP_CHAT, cases[i].text);
		assert_int_equal(a.err, ERR_BAD_REQUEST);
		if (cases[i].param == NULL)
			assert_null(a.param);
		else
			assert_string_equal(a.param, cases[i].param);
		if (strstr(a.note.text, cases[i].note) == NULL)
			fail_msg("%s: %s", cases[i].text, a.note.text);
		assert_null(a.ask.model.ptr); /* untouched */
		done(&a);
	}
}

/* --- edits --- */

/* How the request goes to a provider that calls the model "up"; both with ' for ". */
static void
assert_sent(bool ask_for_usage, const char *text, const char *want)
{
	const struct edit_plan plan = {S("up"), ask_for_usage};
	struct slice parts[JSON_PARTS_MAX];
	struct json_edits edits;
	struct asking a;
	char *sent;
	struct buf b;

	ask_for(&a, OP_CHAT, text);
	assert_int_equal(a.err, ERR_OK);
	assert_int_equal(
	    dialect_openai.edit(&a.p.j, &a.ask, &plan, &a.arena, &edits), ERR_OK);
	buf_init(&b, 10000);
	for (unsigned i = 0, n = json_parts(&edits, a.p.j.text, parts); i < n; i++)
		buf_add(&b, parts[i]);
	sent = quoted(want);
	assert_slice(buf_slice(&b), slice_str(sent));
	free(sent);
	buf_free(&b);
	done(&a);
}

TEST(the_model_is_the_providers)
{
	assert_sent(true, "{ 'model' : 'm' ,'messages':[ ]}",
	    "{ 'model' : 'up' ,'messages':[ ]}");
	/* Every one of several: which of them a provider takes is not known. */
	assert_sent(true, "{'model': 'a', 'messages': [], 'mod\\u0065l': 'b'}",
	    "{'model': 'up', 'messages': [], 'mod\\u0065l': 'up'}");
	/* Not one byte changes where it is that already. */
	assert_sent(
	    true, "{'model': 'up', 'messages': []}", "{'model': 'up', 'messages': []}");
	assert_sent(true, "{'model': 'up', 'messages': [], 'model': 'b', 'model': 'up'}",
	    "{'model': 'up', 'messages': [], 'model': 'up', 'model': 'up'}");
	/* Within the messages it is the caller's. */
	assert_sent(true, "{'model': 'm', 'messages': [{'model': 'm'}]}",
	    "{'model': 'up', 'messages': [{'model': 'm'}]}");
}

/* Then the body is sent in one part, as it came. */
TEST(what_needs_no_edit_gets_none)
{
	const struct edit_plan plan = {S("m"), true};
	struct json_edits edits;
	struct asking a;

	ask_for(&a, OP_CHAT, CHAT(", 'stream': false"));
	assert_int_equal(
	    dialect_openai.edit(&a.p.j, &a.ask, &plan, &a.arena, &edits), ERR_OK);
	assert_int_equal(edits.count, 0);
	done(&a);
}

TEST(the_wish_is_not_sent)
{
	assert_sent(true, "{'provider': {'only': []}, 'model': 'm', 'messages': []}",
	    "{'model': 'up', 'messages': []}");
	assert_sent(true, "{'model': 'm', 'messages': [], 'provider': 1}",
	    "{'model': 'up', 'messages': []}");
	assert_sent(true,
	    "{'provider': 1, 'model': 'm', 'provider': 2, 'messages': [{'provider': 3}]}",
	    "{'model': 'up', 'messages': [{'provider': 3}]}");
}

TEST(usage_is_asked_for_in_streams)
{
	assert_sent(true, "{'model': 'm', 'messages': [], 'stream': true}",
	    "{'model': 'up', 'messages': [], 'stream': true,"
	    "'stream_options':{'include_usage':true}}");
	assert_sent(true, CHAT(", 'stream': true, 'stream_options': {'a': 1}"),
	    "{'model': 'up', 'messages': [], 'stream': true, "
	    "'stream_options': {'a': 1,'include_usage':true}}");
	assert_sent(true, CHAT(", 'stream': true, 'stream_options': {}"),
	    "{'model': 'up', 'messages': [], 'stream': true, "
	    "'stream_options': {'include_usage':true}}");
	assert_sent(true,
	    CHAT(", 'stream_options': {'include_usage': false}, 'stream': true"),
	    "{'model': 'up', 'messages': [], 'stream_options': {'include_usage': true}, "
	    "'stream': true}");
	assert_sent(true, CHAT(", 'stream_options': null, 'stream': true"),
	    "{'model': 'up', 'messages': [], 'stream_options': {'include_usage':true}, "
	    "'stream': true}");
}

TEST(usage_is_not_asked_for_otherwise)
{
	/* The caller did it himself; no stream; a host that sends it unasked. */
	assert_sent(true,
	    CHAT(", 'stream': true, 'stream_options': {'include_usage': true}"),
	    "{'model': 'up', 'messages': [], 'stream': true, "
	    "'stream_options': {'include_usage': true}}");
	assert_sent(true, CHAT(", 'stream': false"),
	    "{'model': 'up', 'messages': [], 'stream': false}");
	assert_sent(false, CHAT(", 'stream': true"),
	    "{'model': 'up', 'messages': [], 'stream': true}");
}

TEST(all_edits_at_once)
{
	assert_sent(true,
	    "{'provider':{},'stream':true,'model':'m','messages':[],'provider':{}}",
	    "{'stream':true,'model':'up','messages':[],"
	    "'stream_options':{'include_usage':true}}");
}

TEST(too_many_edits_are_refused)
{
	const struct edit_plan plan = {S("up"), true};
	struct json_edits edits;
	struct asking a;
	char text[400] = "{'messages': []";

	for (unsigned i = 0; i < JSON_EDITS_MAX + 1; i++)
		strncat(text, ", 'model': 'm'", sizeof(text) - strlen(text) - 1);
	strncat(text, "}", 2);
	ask_for(&a, OP_CHAT, text);
	assert_int_equal(
	    dialect_openai.edit(&a.p.j, &a.ask, &plan, &a.arena, &edits), ERR_FULL);
	done(&a);
}

/* An id of the provider's with what JSON escapes. */
TEST(the_providers_id_is_quoted)
{
	const struct edit_plan plan = {S("a\"b\\c\n"), true};
	struct slice parts[JSON_PARTS_MAX];
	struct json_edits edits;
	struct asking a;

	ask_for(&a, OP_CHAT, CHAT(""));
	assert_int_equal(
	    dialect_openai.edit(&a.p.j, &a.ask, &plan, &a.arena, &edits), ERR_OK);
	assert_int_equal(json_parts(&edits, a.p.j.text, parts), 3);
	assert_slice(parts[1], S("\"a\\\"b\\\\c\\n\""));
	done(&a);
}

/* --- memory --- */

static enum err
ask_and_edit(void *arg)
{
	const struct edit_plan plan = {S("u\"p"), true};
	struct json *j = arg;
	struct json_edits edits;
	struct arena a;
	struct ask ask;
	struct note note;
	const char *param;
	enum err e;

	arena_init(&a, NULL, 0, 1u << 20);
	e = dialect_openai.read_ask(j, OP_CHAT, &a, &ask, &note, &param);
	if (e == ERR_OK) {
		arena_free(&a); /* so that the edit needs memory of its own */
		ask.model = S("m");
		e = dialect_openai.edit(j, &ask, &plan, &a, &edits);
	}
	arena_free(&a);
	return e;
}

TEST(survives_torture)
{
	struct parsed p;

	parse(&p, "{'model': '\\u006d', 'messages': []}", dialect_openai.keep);
	assert_int_equal(torture(ask_and_edit, &p.j), 3);
	parsed_done(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_least_that_a_chat_is),
	    cmocka_unit_test(the_model_is_decoded),
	    cmocka_unit_test(streams_and_their_usage),
	    cmocka_unit_test(limits_of_the_answer),
	    cmocka_unit_test(what_is_needed),
	    cmocka_unit_test(bytes_and_parts_of_the_prompt),
	    cmocka_unit_test(prompts_and_inputs),
	    cmocka_unit_test(what_is_no_request_is_refused),
	    cmocka_unit_test(the_model_is_the_providers),
	    cmocka_unit_test(what_needs_no_edit_gets_none),
	    cmocka_unit_test(the_wish_is_not_sent),
	    cmocka_unit_test(usage_is_asked_for_in_streams),
	    cmocka_unit_test(usage_is_not_asked_for_otherwise),
	    cmocka_unit_test(all_edits_at_once),
	    cmocka_unit_test(too_many_edits_are_refused),
	    cmocka_unit_test(the_providers_id_is_quoted),
	    cmocka_unit_test(survives_torture),
	};

	return cmocka_run_group_tests_name("openai_ask", tests, NULL, NULL);
}
