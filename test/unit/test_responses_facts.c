/*
 * What weir needs to know of OpenAI's Responses where they pass as they are: requests,
 * the declared edits, usage, events, faults.
 */
#include "openai_case.h"
#include "torture.h"

/* --- requests --- */

static enum err
ask_of(const char *text, struct ask *ret, struct note *note, const char **ret_param)
{
	struct parsed p;
	struct arena a;
	enum err e;

	arena_init(&a, NULL, 0, 1u << 16);
	parse(&p, text, dialect_responses.keep);
	e = dialect_responses.read_ask(&p.j, OP_CHAT, &a, ret, note, ret_param);
	parsed_done(&p);
	arena_free(&a);
	return e;
}

static struct ask
good(const char *text)
{
	const char *param;
	struct note note;
	struct ask ask;

	assert_int_equal(ask_of(text, &ask, &note, &param), ERR_OK);
	return ask;
}

TEST(what_a_request_wants)
{
	struct ask ask = good("{'model':'m','input':'hello'}");

	assert_int_equal(ask.answers, 1);
	assert_int_equal(ask.needs, 0);
	assert_int_equal(ask.prompt_bytes, 7);
	assert_false(ask.stream);
	assert_true(ask.usage_asked);
	ask = good("{'model':'m','input':[],'stream':true,'max_output_tokens':9,"
		   "'instructions':'be','tools':[{}],'text':{'format':{'type':"
		   "'json_schema'}}}");
	assert_true(ask.stream);
	assert_int_equal(ask.max_output_tok, 9);
	assert_int_equal(ask.needs, CAP_TOOLS | CAP_STRUCTURED);
	assert_int_equal(ask.prompt_bytes, 2 + 4 + 4);
	assert_false(good("{'model':'m','input':'a','stream':null}").stream);
	assert_int_equal(good("{'model':'m','conversation':'c'}").prompt_bytes, 0);
}

/* Pictures, sounds and files are not text. */
TEST(parts_are_counted)
{
	struct ask ask =
	    good("{'model':'m','input':[{'role':'user','content':[{'type':'input_text',"
		 "'text':'a'},{'type':'input_image','image_url':'data:image/png;base64,"
		 "QUJDREVGRw=='},{'type':'input_audio','input_audio':{'data':'QUJD'}}]},"
		 "{'type':'function_call_output','output':[{'type':'input_file',"
		 "'file_data':'QUJDREVGRw=='}]}]}");

	assert_int_equal(ask.needs, CAP_VISION | CAP_AUDIO);
	assert_int_equal(ask.prompt_parts, 3);
	assert_int_equal(ask.prompt_bytes,
	    strlen("[{'role':'user','content':[{'type':'input_text','text':'a'},"
		   "{'type':'input_image','image_url':},"
		   "{'type':'input_audio','input_audio':}]},"
		   "{'type':'function_call_output','output':[]}]"));
	/* The bytes of a file may be text. */
	assert_int_equal(ask.media_bytes,
	    strlen("'data:image/png;base64,QUJDREVGRw=='{'data':'QUJD'}"));
	assert_int_equal(ask.media_tok, 40960 + 1);
	assert_false(ask.refers);
	assert_true(good("{'model':'m','input':[{'role':'user','content':[{'type':"
			 "'input_file','file_id':'f'}]}]}")
			.refers);
}

TEST(what_a_request_must_have)
{
	static const struct {
		const char *text, *param;
	} cases[] = {{"[]", NULL}, {"{'input':'a'}", "model"},
	    {"{'model':'','input':'a'}", "model"}, {"{'model':1,'input':'a'}", "model"},
	    {"{'model':'m'}", "input"}, {"{'model':'m','input':1}", "input"},
	    {"{'model':'m','input':null,'conversation':'c'}", "input"},
	    {"{'model':'m','input':'a','stream':1}", "stream"}};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *param = "none";
		struct note note = {0};
		struct ask ask;

		assert_int_equal(
		    ask_of(cases[i].text, &ask, &note, &param), ERR_BAD_REQUEST);
		assert_true(note.text[0] != '\0');
		if (cases[i].param == NULL)
			assert_null(param);
		else
			assert_string_equal(param, cases[i].param);
	}
}

/* --- edits --- */

/* The text after the edits, with ' for ". */
static enum err
edit_of(const char *text, struct slice model, char ret[1000])
{
	struct edit_plan plan = {.model = model, .ask_for_usage = true};
	struct slice parts[JSON_PARTS_MAX];
	struct ask ask = {.stream = true};
	struct json_edits edits;
	struct parsed p;
	struct arena a;
	unsigned n;
	enum err e;

	arena_init(&a, NULL, 0, 1u << 16);
	parse(&p, text, dialect_responses.keep);
	(void)json_string(&p.j, json_get(&p.j, 0, S("model")), &a, &ask.model);
	e = dialect_responses.edit(&p.j, &ask, &plan, &a, &edits);
	ret[0] = '\0';
	n = e != ERR_OK ? 0 : json_parts(&edits, slice_str(p.text), parts);
	for (unsigned i = 0; i < n; i++)
		(void)snprintf(
		    ret + strlen(ret), 1000 - strlen(ret), "%.*s", SLICE_ARGS(parts[i]));
	for (char *c = ret; *c != '\0'; c++)
		if (*c == '"')
			*c = '\'';
	parsed_done(&p);
	arena_free(&a);
	return e;
}

static void
assert_edit(const char *text, struct slice model, const char *want)
{
	char got[1000];

	assert_int_equal(edit_of(text, model, got), ERR_OK);
	assert_string_equal(got, want);
}

TEST(the_declared_edits)
{
	assert_edit("{ 'model':'m', 'input':'a'}", S("m"), "{ 'model':'m', 'input':'a'}");
	assert_edit("{ 'model':'m', 'provider':{}, 'input':'a'}", S("up/m"),
	    "{ 'model':'up/m', 'input':'a'}");
	/* Of others' thoughts it is rid, and of nothing else. */
	assert_edit("{'model':'m', 'input': [ {'type':'reasoning','encrypted_content':"
		    "'gA'} , {'type':'reasoning','encrypted_content':'weir.x.gB'}, "
		    "{'role':'user'} ] }",
	    S("m"),
	    "{'model':'m', 'input': [{'type':'reasoning','encrypted_content':'gA'},"
	    "{'role':'user'}] }");
	assert_edit("{'model':'m','input':[{'encrypted_content':'weir.x.gB'}]}", S("m"),
	    "{'model':'m','input':[]}");
}

static enum err
edit_it(void *arg)
{
	const struct parsed *p = arg;
	struct edit_plan plan = {.model = S("n")};
	struct ask ask = {.model = S("m")};
	struct json_edits edits;
	struct arena a;
	enum err e;

	arena_init(&a, NULL, 0, 1u << 16);
	e = dialect_responses.edit(&p->j, &ask, &plan, &a, &edits);
	if (e == ERR_OK)
		assert_int_equal(edits.count, 2);
	arena_free(&a);
	return e;
}

/* --- usage --- */

static struct reply_facts
facts_of(const char *text, unsigned quirks, struct parsed *p)
{
	struct reply_facts f;

	parse(p, text, 4);
	dialect_responses.read_reply(&p->j, quirks, &f);
	return f;
}

static struct usage
usage_of(const char *object, unsigned quirks)
{
	char text[1000];
	struct parsed p;
	struct usage u;

	(void)snprintf(text, sizeof(text), "{'usage':%s}", object);
	u = facts_of(text, quirks, &p).usage;
	parsed_done(&p);
	return u;
}

TEST(classes_of_usage_are_disjoint)
{
	struct usage u =
	    usage_of("{'input_tokens':100,'input_tokens_details':{'cached_tokens':60,"
		     "'cache_write_tokens':10,'audio_tokens':5,'image_tokens':3},"
		     "'output_tokens':50,'output_tokens_details':{'reasoning_tokens':20,"
		     "'audio_tokens':4,'image_tokens':1},'total_tokens':150}",
		0);

	assert_true(u.known);
	assert_int_equal(u.count[USAGE_INPUT], 22);
	assert_int_equal(u.count[USAGE_CACHED], 60);
	assert_int_equal(u.count[USAGE_CACHE_WRITE], 10);
	assert_int_equal(u.count[USAGE_AUDIO_IN], 5);
	assert_int_equal(u.count[USAGE_IMAGE_IN], 3);
	assert_int_equal(u.count[USAGE_OUTPUT], 25);
	assert_int_equal(u.count[USAGE_REASONING], 20);
	assert_int_equal(u.count[USAGE_AUDIO_OUT], 4);
	assert_int_equal(u.count[USAGE_IMAGE_OUT], 1);
	assert_int_equal(u.count[USAGE_REQUESTS], 1);
	assert_false(u.has_stated);
	u = usage_of("{'input_tokens':5,'input_tokens_details':{'cached_tokens':9},"
		     "'output_tokens':'7','output_tokens_details':null}",
	    0);
	assert_int_equal(u.count[USAGE_INPUT], 0);
	assert_int_equal(u.count[USAGE_CACHED], 5);
	assert_int_equal(u.count[USAGE_OUTPUT], 7);
}

TEST(reasoning_may_stand_apart)
{
	static const char object[] = "{'input_tokens':1,'output_tokens':5,"
				     "'output_tokens_details':{'reasoning_tokens':8}}";

	assert_int_equal(usage_of(object, 0).count[USAGE_OUTPUT], 0);
	assert_int_equal(usage_of(object, 0).count[USAGE_REASONING], 5);
	assert_int_equal(usage_of(object, Q_REASONING_APART).count[USAGE_OUTPUT], 5);
	assert_int_equal(usage_of(object, Q_REASONING_APART).count[USAGE_REASONING], 8);
	assert_int_equal(
	    usage_of(object, Q_REASONING_MAY_BE_APART).count[USAGE_OUTPUT], 5);
}

TEST(costs_that_hosts_state)
{
	/* OpenRouter's USD, and xAI's ticks, of which ten thousand millions are one:
	 * both recorded. */
	struct usage u = usage_of("{'input_tokens':1,'cost':0.0000405}", 0);

	assert_true(u.has_stated);
	assert_int_equal(u.stated_pusd, 40500000);
	u = usage_of("{'input_tokens':1,'cost_in_usd_ticks':16306000}", 0);
	assert_true(u.has_stated);
	assert_int_equal(u.stated_pusd, 1630600000);
}

TEST(usage_that_cannot_be_is_unknown)
{
	static const char *const cases[] = {"null", "{}", "[]", "{'input_tokens':-1}",
	    "{'input_tokens':1,'output_tokens':'x'}", "{'input_tokens':1000000001}",
	    "{'input_tokens':1,'output_tokens_details':{'reasoning_tokens':[]}}"};

	for (size_t i = 0; i < COUNT(cases); i++)
		if (usage_of(cases[i], 0).known)
			fail_msg("%s: known", cases[i]);
}

/* --- replies and events --- */

TEST(what_a_reply_is)
{
	struct parsed p;
	struct reply_facts f = facts_of(
	    "{'model':'m-1','service_tier':'flex','error':null,'output':[]}", 0, &p);

	assert_slice(f.model, S("m-1"));
	assert_slice(f.tier, S("flex"));
	assert_false(f.is_fault);
	parsed_done(&p);
	assert_true(facts_of("{'status':'failed','output':[]}", 0, &p).is_fault);
	parsed_done(&p);
	assert_true(facts_of("{'error':{'message':'m'}}", 0, &p).is_fault);
	parsed_done(&p);
	assert_false(facts_of("{'status':'incomplete','output':[]}", 0, &p).is_fault);
	parsed_done(&p);
}

static struct event_facts
event_of(const char *name, const char *data, struct json *j, char **ret_text)
{
	struct sse_event e = {.name = slice_str(name)};
	struct event_facts f;

	*ret_text = quoted(data);
	e.data = slice_str(*ret_text);
	dialect_responses.read_event(&e, j, 0, &f);
	return f;
}

TEST(what_events_are)
{
	enum { NONE, TOKEN = 1, END = 2, FAULT = 4 };
	static const struct {
		const char *name, *data;
		unsigned is;
	} cases[] = {
	    {"", "{'type':'response.created','response':{'error':null}}", NONE},
	    {"", "{'type':'response.output_text.delta','delta':'a'}", TOKEN},
	    {"", "{'type':'response.refusal.delta'}", TOKEN},
	    {"", "{'type':'response.reasoning_text.delta'}", TOKEN},
	    {"", "{'type':'response.reasoning_summary_text.delta'}", TOKEN},
	    {"", "{'type':'response.function_call_arguments.delta'}", TOKEN},
	    {"", "{'type':'response.output_text.done'}", NONE},
	    {"", "{'type':'response.content_part.added'}", NONE},
	    {"", "{'type':'response.output_item.added','item':{'type':'message'}}", NONE},
	    {"", "{'type':'response.output_item.added','item':{'type':'reasoning'}}",
		NONE},
	    {"", "{'type':'response.output_item.added','item':{'type':'function_call'}}",
		TOKEN},
	    {"", "{'type':'response.output_item.done','item':{'type':'message'}}", TOKEN},
	    {"", "{'type':'response.completed','response':{}}", END},
	    {"", "{'type':'response.incomplete','response':{}}", END},
	    {"", "{'type':'response.failed','response':{}}", FAULT},
	    {"", "{'type':'error','message':'m'}", FAULT},
	    {"error", "{'message':'m'}", FAULT},
	    {"", "{'error':{'message':'m'}}", FAULT},
	    {"", "{'type':'new'}", NONE},
	    {"", "[DONE]", NONE},
	    {"", "", NONE},
	};
	struct json j;

	json_init(&j, 1000);
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text;
		struct event_facts f = event_of(cases[i].name, cases[i].data, &j, &text);

		if (!f.readable || f.usage_only ||
		    f.has_token != (cases[i].is == TOKEN) ||
		    f.is_done != (cases[i].is == END) ||
		    f.finishes != (cases[i].is == END) ||
		    f.is_fault != (cases[i].is == FAULT))
			fail_msg("%s", cases[i].data);
		free(text);
	}
	json_free(&j);
}

TEST(the_last_event_tells_what_was_used)
{
	struct json j;
	char *text;
	struct event_facts f;

	json_init(&j, 1000);
	f = event_of("",
	    "{'type':'response.completed','response':{'model':'m-1','service_tier':"
	    "'flex','usage':{'input_tokens':3,'input_tokens_details':{'cached_tokens':1}"
	    ",'output_tokens':2}}}",
	    &j, &text);
	assert_true(f.reply.usage.known);
	assert_int_equal(f.reply.usage.count[USAGE_CACHED], 1);
	assert_slice(f.reply.model, S("m-1"));
	assert_slice(f.reply.tier, S("flex"));
	free(text);
	f = event_of("", "{'type':", &j, &text);
	assert_false(f.readable);
	free(text);
	json_free(&j);
}

/* --- faults --- */

TEST(faults_of_streams)
{
	static const struct {
		const char *text, *message, *code;
		enum err err;
	} cases[] = {
	    {"{'type':'response.failed','response':{'error':{'code':"
	     "'rate_limit_exceeded','message':'m'}}}",
		"m", "rate_limit_exceeded", ERR_RATE_LIMITED},
	    {"{'type':'response.failed','response':{'error':{'code':'server_error',"
	     "'message':'m'}}}",
		"m", "server_error", ERR_UP_5XX},
	    {"{'type':'response.failed','response':{'error':null}}", "", "", ERR_UP_5XX},
	    {"{'type':'error','code':'context_length_exceeded','message':'m','param':"
	     "null}",
		"m", "context_length_exceeded", ERR_CONTEXT_LENGTH},
	    {"{'type':'error','error':{'code':'insufficient_quota','message':'m'}}", "m",
		"insufficient_quota", ERR_UP_QUOTA},
	    {"{'error':{'code':'invalid_image_url','message':'m'}}", "m",
		"invalid_image_url", ERR_UP_CALLER},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct parsed p;
		struct fault f;

		parse(&p, cases[i].text, 8);
		assert_int_equal(
		    dialect_responses.read_fault(200, &p.j, &f), cases[i].err);
		assert_slice(f.message, slice_str(cases[i].message));
		assert_slice(f.code, slice_str(cases[i].code));
		parsed_done(&p);
	}
}

TEST(faults_of_whole_replies)
{
	struct parsed p;
	struct fault f;

	parse(&p, "{'error':{'message':'m','code':'model_not_found'}}", 4);
	assert_int_equal(dialect_responses.read_fault(404, &p.j, &f), ERR_UP_MISSING);
	parsed_done(&p);
	p = (struct parsed){0};
	assert_int_equal(dialect_responses.read_fault(503, &p.j, &f), ERR_UP_5XX);
}

TEST(faults_as_weir_writes_them)
{
	const struct fault f = {.message = S("it \"broke\""),
	    .type = S("upstream_error"),
	    .code = S("stream_cut")};
	struct buf b;

	buf_init(&b, 10000);
	dialect_responses.write_fault(&f, &b);
	assert_slice(buf_slice(&b),
	    S("{\"error\":{\"message\":\"it \\\"broke\\\"\",\"type\":\"upstream_error\","
	      "\"param\":null,\"code\":\"stream_cut\"},\"message\":\"it "
	      "\\\"broke\\\"\"}"));
	buf_clear(&b);
	dialect_responses.write_fault_event(&f, &b);
	assert_slice(buf_slice(&b),
	    S("event: error\ndata: {\"type\":\"error\",\"sequence_number\":2147483646,"
	      "\"code\":\"stream_cut\",\"message\":\"it \\\"broke\\\"\",\"param\":null,"
	      "\"error\":{\"type\":\"upstream_error\",\"code\":\"stream_cut\","
	      "\"message\":\"it \\\"broke\\\"\",\"param\":null}}\n\n"
	      "event: response.failed\ndata: {\"type\":\"response.failed\","
	      "\"sequence_number\":2147483647,\"response\":{\"id\":\"resp_0\","
	      "\"object\":\"response\",\"created_at\":0,\"status\":\"failed\",\"error\":"
	      "{\"code\":\"stream_cut\",\"message\":\"it \\\"broke\\\"\"},"
	      "\"incomplete_details\":null,\"output\":[],\"usage\":null}}\n\n"));
	buf_free(&b);
}

TEST(memory_may_fail_anywhere)
{
	struct parsed p;

	parse(&p, "{'model':'m','input':[{'encrypted_content':'weir.x.gB'}]}", 5);
	assert_true(torture(edit_it, &p) > 0);
	parsed_done(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_a_request_wants),
	    cmocka_unit_test(parts_are_counted),
	    cmocka_unit_test(what_a_request_must_have),
	    cmocka_unit_test(the_declared_edits),
	    cmocka_unit_test(classes_of_usage_are_disjoint),
	    cmocka_unit_test(reasoning_may_stand_apart),
	    cmocka_unit_test(costs_that_hosts_state),
	    cmocka_unit_test(usage_that_cannot_be_is_unknown),
	    cmocka_unit_test(what_a_reply_is),
	    cmocka_unit_test(what_events_are),
	    cmocka_unit_test(the_last_event_tells_what_was_used),
	    cmocka_unit_test(faults_of_streams),
	    cmocka_unit_test(faults_of_whole_replies),
	    cmocka_unit_test(faults_as_weir_writes_them),
	    cmocka_unit_test(memory_may_fail_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
