/*
 * What replies and events say: usage in disjoint classes, with every quirk, and
 * what an event is.
 */
#include "openai_case.h"
#include "torture.h"

static struct reply_facts
facts_of(const char *text, unsigned quirks, struct parsed *p)
{
	struct reply_facts f;

	parse(p, text, 4);
	dialect_openai.read_reply(&p->j, quirks, &f);
	return f;
}

/* The usage object, written with ' for ", read as that of a reply. */
static struct usage
usage_of(const char *object, unsigned quirks)
{
	char text[1000];
	struct parsed p;
	struct usage u;

	(void)snprintf(text, sizeof(text), "{'choices': [], 'usage': %s}", object);
	u = facts_of(text, quirks, &p).usage;
	parsed_done(&p);
	return u;
}

/* The classes in a row of figures: those that are not named are 0. */
struct want {
	uint64_t input, cached, write, write_1h, output, reasoning, audio_in, audio_out,
	    image_in, image_out;
};

static void
assert_usage(const char *object, unsigned quirks, struct want w)
{
	const struct usage u = usage_of(object, quirks);
	const uint64_t want[USAGE_CLASSES] = {[USAGE_INPUT] = w.input,
	    [USAGE_CACHED] = w.cached,
	    [USAGE_CACHE_WRITE] = w.write,
	    [USAGE_CACHE_WRITE_1H] = w.write_1h,
	    [USAGE_OUTPUT] = w.output,
	    [USAGE_REASONING] = w.reasoning,
	    [USAGE_AUDIO_IN] = w.audio_in,
	    [USAGE_AUDIO_OUT] = w.audio_out,
	    [USAGE_IMAGE_IN] = w.image_in,
	    [USAGE_IMAGE_OUT] = w.image_out,
	    [USAGE_REQUESTS] = 1};

	if (!u.known)
		fail_msg("%s: not known", object);
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		if (u.count[c] != want[c])
			fail_msg("%s: %s is %llu, not %llu", object,
			    usage_name((enum usage_class)c),
			    (unsigned long long)u.count[c], (unsigned long long)want[c]);
}

static void
assert_unknown(const char *object)
{
	const struct usage u = usage_of(object, 0);

	if (u.known)
		fail_msg("%s: known", object);
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		assert_int_equal(u.count[c], 0);
}

/* --- usage --- */

TEST(prompt_and_completion)
{
	assert_usage("{'prompt_tokens': 7, 'completion_tokens': 3, 'total_tokens': 10}",
	    0, (struct want){.input = 7, .output = 3});
	assert_usage("{'prompt_tokens': 7}", 0, (struct want){.input = 7});
	assert_usage("{'completion_tokens': 3}", 0, (struct want){.output = 3});
	assert_usage("{'prompt_tokens': '7', 'completion_tokens': 3.0}", 0,
	    (struct want){.input = 7, .output = 3}); /* as some hosts write them */
	assert_usage("{'other': 1}", 0, (struct want){0});
	/* Embeddings: the total is the prompt. */
	assert_usage("{'total_tokens': 9}", 0, (struct want){.input = 9});
	assert_usage("{'total_tokens': 9, 'completion_tokens': 2}", 0,
	    (struct want){.input = 7, .output = 2});
	assert_usage(
	    "{'total_tokens': 1, 'completion_tokens': 2}", 0, (struct want){.output = 2});
}

TEST(no_usage_is_unknown)
{
	struct parsed p;

	assert_unknown("null");
	assert_unknown("{}");
	assert_unknown("[]");
	assert_unknown("7");
	assert_false(facts_of("{'choices': []}", 0, &p).usage.known);
	parsed_done(&p);
	assert_false(facts_of("[]", 0, &p).usage.known);
	parsed_done(&p);
}

/* What cannot be is not believed. */
TEST(counts_that_cannot_be_are_unknown)
{
	assert_usage("{'prompt_tokens': 1000000000, 'completion_tokens': 1000000000}", 0,
	    (struct want){.input = 1000000000, .output = 1000000000});
	assert_unknown("{'prompt_tokens': 1000000001}");
	assert_unknown("{'prompt_tokens': 1, 'completion_tokens': 18446744073709551615}");
	assert_unknown("{'prompt_tokens': -1, 'completion_tokens': 3}");
	assert_unknown("{'prompt_tokens': 1.5, 'completion_tokens': 3}");
	assert_unknown("{'prompt_tokens': 'seven', 'completion_tokens': 3}");
	assert_unknown("{'prompt_tokens': 7, 'completion_tokens': [3]}");
	assert_unknown("{'total_tokens': 9223372036854775808}");
	assert_usage("{'prompt_tokens': null, 'completion_tokens': 3}", 0,
	    (struct want){.output = 3});
}

/* 2^64 - 1 and 5 make 4, which would be believed. */
TEST(bug_sums_of_counts_do_not_wrap)
{
	const struct usage u = usage_of("{'prompt_tokens': 5, 'prompt_tokens_details': "
					"{'cached_tokens': 18446744073709551615}}",
	    Q_CACHED_MAY_BE_APART);

	assert_false(u.known);
	assert_false(usage_of("{'completion_tokens': 5, 'reasoning_tokens': "
			      "18446744073709551615}",
	    Q_REASONING_APART)
			 .known);
}

TEST(the_cached_part_of_the_prompt)
{
	static const char *const names[] = {
	    "'prompt_tokens_details': {'cached_tokens': 60}",
	    "'prompt_token_details': {'cached_tokens': 60}",
	    ("'prompt_tokens_details': null, 'prompt_token_details': {'cached_tokens': "
	     "60}"),
	    "'cached_tokens': 60", "'prompt_cache_hit_tokens': 60",
	    "'num_cached_tokens': 60", "'cache_read_input_tokens': 60",
	    "'prompt_tokens_details': {'cached_tokens': 60}, 'cached_tokens': 9",
	    "'prompt_tokens_details': {'cached_tokens': 0}, 'num_cached_tokens': 60",
	    "'cached_tokens': 60, 'cache_read_input_tokens': 9"};
	char text[300];

	for (size_t i = 0; i < COUNT(names); i++) {
		(void)snprintf(
		    text, sizeof(text), "{'prompt_tokens': 100, %s}", names[i]);
		assert_usage(text, 0, (struct want){.input = 40, .cached = 60});
	}
	/* Classes never become negative. */
	assert_usage(
	    "{'prompt_tokens': 50, 'cached_tokens': 60}", 0, (struct want){.cached = 50});
}

TEST(cache_writes)
{
	assert_usage("{'prompt_tokens': 100, 'prompt_tokens_details': "
		     "{'cached_tokens': 10, 'cache_write_tokens': 30}}",
	    0, (struct want){.input = 60, .cached = 10, .write = 30});
	assert_usage("{'prompt_tokens': 100, 'cache_creation_input_tokens': 30}", 0,
	    (struct want){.input = 70, .write = 30});
	assert_usage("{'prompt_tokens': 100, 'cache_creation_input_tokens': 30, "
		     "'cache_creation': {'ephemeral_1h_input_tokens': 20}}",
	    0, (struct want){.input = 70, .write = 10, .write_1h = 20});
	assert_usage("{'prompt_tokens': 100, 'cache_creation_input_tokens': 10, "
		     "'cache_creation': {'ephemeral_1h_input_tokens': 20}}",
	    0, (struct want){.input = 80, .write_1h = 20});
}

TEST(audio_and_images)
{
	assert_usage("{'prompt_tokens': 100, 'completion_tokens': 50, 'total_tokens': "
		     "150, 'prompt_tokens_details': {'audio_tokens': 30, 'image_tokens': "
		     "20, 'cached_tokens': 10}, 'completion_tokens_details': "
		     "{'audio_tokens': 5, 'image_tokens': 6, 'reasoning_tokens': 7}}",
	    0,
	    (struct want){.input = 40,
		.cached = 10,
		.audio_in = 30,
		.image_in = 20,
		.output = 32,
		.reasoning = 7,
		.audio_out = 5,
		.image_out = 6});
	/* A prompt that does not hold its audio, as the total betrays. */
	assert_usage("{'prompt_tokens': 10, 'completion_tokens': 5, 'total_tokens': 45, "
		     "'prompt_tokens_details': {'audio_tokens': 30}}",
	    0, (struct want){.input = 10, .audio_in = 30, .output = 5});
	assert_usage("{'prompt_tokens': 10, 'completion_tokens': 5, 'total_tokens': 46, "
		     "'prompt_tokens_details': {'audio_tokens': 30}}",
	    0, (struct want){.audio_in = 10, .output = 5});
}

TEST(reasoning_is_part_of_the_completion)
{
	assert_usage("{'completion_tokens': 100, 'completion_tokens_details': "
		     "{'reasoning_tokens': 60}}",
	    0, (struct want){.output = 40, .reasoning = 60});
	assert_usage("{'completion_tokens': 100, 'reasoning_tokens': 60}", 0,
	    (struct want){.output = 40, .reasoning = 60});
	assert_usage("{'completion_tokens': 100, 'reasoning_tokens': 5, "
		     "'completion_tokens_details': {'reasoning_tokens': 60}}",
	    0, (struct want){.output = 40, .reasoning = 60});
	assert_usage("{'completion_tokens': 9, 'reasoning_tokens': 94}", 0,
	    (struct want){.reasoning = 9});
}

TEST(the_hosts_own_figure_of_the_cost)
{
	static const struct {
		const char *usage;
		int64_t pusd; /* -1: none */
	} cases[] = {
	    {"{'cost': 0.00014}", 140000000},
	    {"{'cost': 1.35e-05}", 13500000},
	    {"{'cost': {'total_cost': 0.5}}", 500000000000},
	    {"{'estimated_cost': 2}", 2000000000000},
	    {"{'cost': 1, 'estimated_cost': 2}", 1000000000000},
	    {"{'cost': {'other': 1}, 'estimated_cost': 2}", 2000000000000},
	    {"{'cost': 0}", 0},
	    {"{'cost': '1'}", -1},
	    {"{'cost': null}", -1},
	    {"{'cost': 1e30}", -1},
	    {"{'cost': -0.5}", -1},
	    {"{'prompt_tokens': 1}", -1},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct usage u = usage_of(cases[i].usage, 0);

		assert_true(u.known);
		assert_int_equal(u.has_stated, cases[i].pusd >= 0);
		if (u.has_stated)
			assert_int_equal(u.stated_pusd, cases[i].pusd);
	}
}

/* --- quirks, each a test of its name --- */

TEST(Q_USAGE_IN_X_GROQ_is_where_usage_is_looked_for)
{
	static const char both[] = "{'usage': {'prompt_tokens': 1}, "
				   "'x_groq': {'usage': {'prompt_tokens': 7}}}";
	static const char only[] = "{'x_groq': {'usage': {'prompt_tokens': 7}}}";
	struct parsed p;

	assert_false(facts_of(only, 0, &p).usage.known);
	parsed_done(&p);
	assert_int_equal(
	    facts_of(only, Q_USAGE_IN_X_GROQ, &p).usage.count[USAGE_INPUT], 7);
	parsed_done(&p);
	assert_int_equal(
	    facts_of(both, Q_USAGE_IN_X_GROQ, &p).usage.count[USAGE_INPUT], 1);
	parsed_done(&p);
}

TEST(Q_REASONING_APART_adds_it)
{
	static const char u[] = "{'completion_tokens': 100, 'reasoning_tokens': 60}";

	assert_usage(u, Q_REASONING_APART, (struct want){.output = 100, .reasoning = 60});
	assert_usage("{'completion_tokens': 9, 'reasoning_tokens': 94}",
	    Q_REASONING_APART, (struct want){.output = 9, .reasoning = 94});
}

TEST(Q_REASONING_MAY_BE_APART_adds_what_is_larger)
{
	assert_usage("{'completion_tokens': 9, 'reasoning_tokens': 10}",
	    Q_REASONING_MAY_BE_APART, (struct want){.output = 9, .reasoning = 10});
	assert_usage("{'completion_tokens': 10, 'reasoning_tokens': 10}",
	    Q_REASONING_MAY_BE_APART, (struct want){.reasoning = 10});
	assert_usage("{'completion_tokens': 11, 'reasoning_tokens': 10}",
	    Q_REASONING_MAY_BE_APART, (struct want){.output = 1, .reasoning = 10});
}

TEST(Q_CACHED_MAY_BE_APART_adds_what_is_larger)
{
	assert_usage("{'prompt_tokens': 9, 'cached_tokens': 10}", Q_CACHED_MAY_BE_APART,
	    (struct want){.input = 9, .cached = 10});
	assert_usage("{'prompt_tokens': 10, 'cached_tokens': 10}", Q_CACHED_MAY_BE_APART,
	    (struct want){.cached = 10});
	assert_usage("{'prompt_tokens': 11, 'cached_tokens': 10}", Q_CACHED_MAY_BE_APART,
	    (struct want){.input = 1, .cached = 10});
}

/* The others are acted on where a request is sent. */
TEST(every_quirk_has_a_name_and_a_text)
{
	for (unsigned i = 0; i < QUIRKS; i++) {
		assert_memory_equal(quirk_name(i), "Q_", 2);
		assert_true(strlen(quirk_text(i)) > 10);
	}
	for (enum dialect_id d = 0; d < DIALECTS; d++)
		assert_true(strlen(dialect_name(d)) > 0);
	for (enum dialect_id d = 0; d < DIALECT_NATIVE; d++)
		assert_string_equal(dialect_find(d)->name, dialect_name(d));
	assert_null(dialect_find(DIALECT_NATIVE));
}

/* --- replies --- */

TEST(a_reply_names_model_and_tier)
{
	struct parsed p;
	struct reply_facts f = facts_of(
	    "{'model': 'large-v1', 'service_tier': 'flex', 'choices': [{}]}", 0, &p);

	assert_slice(f.model, S("large-v1"));
	assert_slice(f.tier, S("flex"));
	assert_false(f.is_fault);
	parsed_done(&p);
	f = facts_of("{'model': 7, 'service_tier': null}", 0, &p);
	assert_int_equal(f.model.len, 0);
	assert_int_equal(f.tier.len, 0);
	parsed_done(&p);
}

TEST(an_error_in_a_good_reply)
{
	static const struct {
		const char *text;
		bool fault;
	} cases[] = {
	    {"{'error': {'message': 'x'}}", true},
	    {"{'error': 'x'}", true},
	    {"{'error': null}", false},
	    {"{'error': {}, 'choices': []}", false},
	    {"{'error': {}, 'data': []}", false},
	    {"{'message': 'x'}", false},
	    {"[]", false},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct parsed p;

		assert_int_equal(facts_of(cases[i].text, 0, &p).is_fault, cases[i].fault);
		parsed_done(&p);
	}
}

/* --- events --- */

static struct event_facts
event_of(const char *name, const char *data)
{
	char *text = data == NULL ? NULL : quoted(data);
	const struct sse_event e = {.name = slice_str(name), .data = slice_str(text)};
	struct event_facts f;
	struct json j;

	json_init(&j, 1000);
	dialect_openai.read_event(&e, &j, 0, &f);
	json_free(&j);
	/* What points into the text is not looked at here. */
	f.reply.model = f.reply.tier = (struct slice){NULL, 0};
	free(text);
	return f;
}

#define DELTA(more)                                                                      \
	"{'choices': [{'index': 0, 'delta': {" more "}, 'finish_reason': null}]}"

TEST(events_with_a_piece_of_an_answer)
{
	static const char *const tokens[] = {DELTA("'content': 'a'"),
	    DELTA("'role': 'assistant', 'content': ' '"), DELTA("'reasoning': 'a'"),
	    DELTA("'reasoning_content': 'a'"), DELTA("'refusal': 'no'"),
	    DELTA("'tool_calls': [{'index': 0}]"),
	    DELTA("'function_call': {'name': 'f'}"), DELTA("'audio': {'data': 'AA'}"),
	    DELTA("'images': [{}]"), DELTA("'reasoning_details': [{}]"),
	    DELTA("'content': [{'type': 'text'}]"), "{'choices': [{'text': 'a'}]}",
	    "{'choices': [{'delta': {}}, {'delta': {'content': 'a'}}]}"};
	static const char *const none[] = {DELTA(""), DELTA("'role': 'assistant'"),
	    DELTA("'content': ''"), DELTA("'content': null"), DELTA("'tool_calls': []"),
	    DELTA("'tool_calls': null"), DELTA("'audio': {}"), DELTA("'other': 'a'"),
	    DELTA("'content': 7"), "{'choices': []}", "{'choices': {}}", "{}", "[]",
	    "{'choices': [{'text': ''}]}", "{'choices': [{'delta': 'a'}]}",
	    "{'choices': ['a']}", "{'choices': [{'message': {'content': 'a'}}]}"};

	for (size_t i = 0; i < COUNT(tokens); i++) {
		struct event_facts f = event_of("", tokens[i]);

		if (!f.has_token || !f.readable)
			fail_msg("%s: no token", tokens[i]);
		assert_false(f.usage_only || f.is_fault || f.is_done);
		assert_int_equal(f.finishes, 0);
	}
	for (size_t i = 0; i < COUNT(none); i++) {
		struct event_facts f = event_of("", none[i]);

		if (f.has_token || !f.readable)
			fail_msg("%s: a token", none[i]);
	}
}

TEST(answers_end_with_their_reason)
{
	assert_int_equal(event_of("", "{'choices': [{'delta': {}, 'finish_reason': "
				      "'stop'}]}")
			     .finishes,
	    1);
	assert_int_equal(event_of("", "{'choices': [{'finish_reason': 'stop'}, {}, "
				      "{'finish_reason': 'length'}]}")
			     .finishes,
	    2);
	assert_int_equal(
	    event_of("", "{'choices': [{'finish_reason': ''}]}").finishes, 0);
	assert_int_equal(
	    event_of("", "{'choices': [{'finish_reason': null}]}").finishes, 0);
	assert_false(event_of("", "{'choices': [{'delta': {}, 'finish_reason': 'stop'}]}")
			 .has_token);
}

TEST(an_event_of_usage_alone)
{
	struct event_facts f =
	    event_of("", "{'choices': [], 'usage': {'prompt_tokens': 7}}");

	assert_true(f.usage_only && f.reply.usage.known);
	assert_int_equal(f.reply.usage.count[USAGE_INPUT], 7);
	f = event_of("", "{'choices': [], 'usage': null}");
	assert_false(f.usage_only || f.reply.usage.known);
	f = event_of("", "{'choices': [{}], 'usage': {'prompt_tokens': 7}}");
	assert_false(f.usage_only);
	assert_true(f.reply.usage.known);
	f = event_of("", "{'usage': {'prompt_tokens': 7}}");
	assert_false(f.usage_only);
	assert_true(f.reply.usage.known);
}

TEST(the_end_mark)
{
	static const char *const marks[] = {"[DONE]", " [DONE]", "[DONE] ", "\t[DONE]"};

	for (size_t i = 0; i < COUNT(marks); i++) {
		struct event_facts f = event_of("", marks[i]);

		assert_true(f.is_done && f.readable);
		assert_false(f.has_token);
	}
	assert_false(event_of("", "[done]").is_done);
	assert_false(event_of("", "['[DONE]']").is_done);
}

TEST(events_without_data)
{
	struct event_facts f = event_of("ping", NULL);

	assert_true(f.readable);
	assert_false(f.is_done || f.has_token || f.is_fault);
	f = event_of("", "");
	assert_true(f.readable);
	assert_false(f.is_done);
}

TEST(events_that_cannot_be_read)
{
	static const char *const bad[] = {"{", "{'choices': [}", "data", "{} {}"};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct event_facts f = event_of("", bad[i]);

		assert_false(f.readable || f.has_token || f.is_fault || f.usage_only);
	}
}

TEST(an_error_in_a_stream)
{
	assert_true(event_of("", "{'error': {'message': 'x'}}").is_fault);
	assert_true(event_of("", "{'error': 'x', 'choices': []}").is_fault);
	assert_false(event_of("", "{'error': null, 'choices': []}").is_fault);
	assert_true(event_of("error", "{'message': 'x'}").is_fault);
	assert_false(event_of("errors", "{'message': 'x'}").is_fault);
}

/* --- memory --- */

static enum err
read_one(void *arg)
{
	const struct sse_event e = {.data = *(struct slice *)arg};
	struct event_facts f;
	struct json j;

	json_init(&j, 1000);
	dialect_openai.read_event(&e, &j, 0, &f);
	json_free(&j);
	if (f.readable)
		assert_int_equal(f.finishes, 1);
	return f.readable ? ERR_OK : ERR_NOMEM;
}

TEST(survives_torture)
{
	struct slice data = S("{\"choices\": [{\"finish_reason\": \"stop\"}]}");

	assert_true(torture(read_one, &data) >= 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(prompt_and_completion),
	    cmocka_unit_test(no_usage_is_unknown),
	    cmocka_unit_test(counts_that_cannot_be_are_unknown),
	    cmocka_unit_test(bug_sums_of_counts_do_not_wrap),
	    cmocka_unit_test(the_cached_part_of_the_prompt),
	    cmocka_unit_test(cache_writes),
	    cmocka_unit_test(audio_and_images),
	    cmocka_unit_test(reasoning_is_part_of_the_completion),
	    cmocka_unit_test(the_hosts_own_figure_of_the_cost),
	    cmocka_unit_test(Q_USAGE_IN_X_GROQ_is_where_usage_is_looked_for),
	    cmocka_unit_test(Q_REASONING_APART_adds_it),
	    cmocka_unit_test(Q_REASONING_MAY_BE_APART_adds_what_is_larger),
	    cmocka_unit_test(Q_CACHED_MAY_BE_APART_adds_what_is_larger),
	    cmocka_unit_test(every_quirk_has_a_name_and_a_text),
	    cmocka_unit_test(a_reply_names_model_and_tier),
	    cmocka_unit_test(an_error_in_a_good_reply),
	    cmocka_unit_test(events_with_a_piece_of_an_answer),
	    cmocka_unit_test(answers_end_with_their_reason),
	    cmocka_unit_test(an_event_of_usage_alone),
	    cmocka_unit_test(the_end_mark),
	    cmocka_unit_test(events_without_data),
	    cmocka_unit_test(events_that_cannot_be_read),
	    cmocka_unit_test(an_error_in_a_stream),
	    cmocka_unit_test(survives_torture),
	};

	return cmocka_run_group_tests_name("openai_reply", tests, NULL, NULL);
}
