#include "dialect_case.h"

#define COHERE &dialect_cohere
#define OPENAI &dialect_openai
#define CLAUDE &dialect_anthropic

/* --- what is asked --- */

static struct arena memory;

static struct ask
asked(enum operation op, const char *text)
{
	struct ask ask;

	arena_init(&memory, NULL, 0, 10000);
	assert_int_equal(try_ask(COHERE, op, text, &memory, &ask), ERR_OK);
	return ask;
}

TEST(a_chat_is_looked_at)
{
	struct ask ask = asked(OP_CHAT,
	    "{'model':'a\\u0062c','stream':true,'max_tokens':7,'tools':[{}],"
	    "'documents':['xx'],'messages':[{'content':[{'type':'image_url',"
	    "'image_url':{'url':'data:1234567890'}}]}]}");

	assert_slice(ask.model, S("abc"));
	assert_true(ask.stream);
	assert_true(ask.usage_asked);
	assert_int_equal(ask.needs, CAP_TOOLS | CAP_VISION);
	assert_int_equal(ask.max_output_tok, 7);
	assert_int_equal(ask.answers, 1);
	assert_int_equal(ask.prompt_parts, 1);
	/* messages, documents and tools, without the image */
	assert_int_equal(ask.prompt_bytes, 74 - 25 + 6 + 4);
	arena_free(&memory);
	ask = asked(OP_CHAT,
	    "{'model':'m','messages':[],'response_format':{'type':'json_object',"
	    "'json_schema':{}}}");
	assert_int_equal(ask.needs, CAP_STRUCTURED);
	assert_false(ask.stream);
	arena_free(&memory);
}

TEST(what_is_to_be_embedded_is_counted)
{
	struct ask ask = asked(OP_EMBEDDING, "{'model':'m','texts':['ab','abcd']}");

	assert_int_equal(ask.prompt_bytes, 4 + 6);
	assert_int_equal(ask.longest_bytes, 6);
	assert_int_equal(ask.prompt_parts, 0);
	arena_free(&memory);
	ask = asked(OP_EMBEDDING, "{'model':'m','images':['data:1','data:2']}");
	assert_int_equal(ask.prompt_bytes, 0);
	assert_int_equal(ask.prompt_parts, 2);
	arena_free(&memory);
	ask = asked(OP_EMBEDDING,
	    "{'model':'m','inputs':[{'content':[{'type':'text','text':'ab'}]},"
	    "{'content':[{'type':'image_url','image_url':{'url':'x'}}]}]}");
	assert_int_equal(ask.prompt_parts, 1);
	assert_int_equal(ask.prompt_bytes, 29 + 35);
	assert_int_equal(ask.longest_bytes, 35);
	arena_free(&memory);
}

TEST(what_asks_for_nothing_is_refused)
{
	static const struct {
		const char *text, *param;
	} cases[] = {{"[]", NULL}, {"{}", "model"}, {"{'model':''}", "model"},
	    {"{'model':1}", "model"}, {"{'model':'m'}", "messages"},
	    {"{'model':'m','messages':{}}", "messages"},
	    {"{'model':'m','messages':[],'stream':1}", "stream"}};
	struct ask ask;
	struct arena a;

	arena_init(&a, NULL, 0, 1000);
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(
		    try_ask(COHERE, OP_CHAT, cases[i].text, &a, &ask), ERR_BAD_REQUEST);
		assert_slice(slice_str(case_param), slice_str(cases[i].param));
	}
	arena_free(&a);
}

TEST(paths_are_those_of_version_2)
{
	buf_clear(&case_body);
	dialect_cohere.put_target(OP_CHAT, S("m"), true, &case_body);
	dialect_cohere.put_target(OP_EMBEDDING, S("m"), false, &case_body);
	assert_slice(buf_slice(&case_body), S("/chat/embed"));
}

static void
assert_edited(const char *text, const char *want)
{
	struct slice parts[JSON_PARTS_MAX], body = json_of(text);
	struct edit_plan plan = {.model = S("other")};
	struct json_edits edits;
	struct ask ask;
	struct arena a;
	struct json j;
	unsigned n;

	arena_init(&a, NULL, 0, 1000);
	json_init(&j, 100);
	assert_int_equal(json_parse(&j, body, dialect_cohere.keep), ERR_OK);
	assert_int_equal(
	    dialect_cohere.read_ask(&j, OP_CHAT, &a, &ask, &case_note, &case_param),
	    ERR_OK);
	assert_int_equal(dialect_cohere.edit(&j, &ask, &plan, &a, &edits), ERR_OK);
	n = json_parts(&edits, body, parts);
	buf_clear(&case_body);
	for (unsigned i = 0; i < n; i++)
		buf_add(&case_body, parts[i]);
	assert_json(buf_slice(&case_body), want);
	json_free(&j);
	arena_free(&a);
}

TEST(the_model_is_changed_and_wishes_stay_here)
{
	assert_edited("{'model':'m', 'messages':[],'provider':{}}",
	    "{'model':'other', 'messages':[]}");
	assert_edited(
	    "{'model':'other','messages':[]}", "{'model':'other','messages':[]}");
}

/* --- usage --- */

static void
assert_usage(const char *usage, const char *want)
{
	char text[400];
	struct reply_facts f;

	(void)snprintf(text, sizeof(text), "{'message':{},'usage':%s}", usage);
	f = reply_facts(COHERE, text);
	assert_slice(usage_text(&f.usage), slice_str(want));
	assert_false(f.is_fault);
}

TEST(what_is_billed_is_counted)
{
	assert_usage("{'billed_units':{'input_tokens':7,'output_tokens':88},'tokens':"
		     "{'input_tokens':69,'output_tokens':89}}",
	    "input=7 output=88");
	assert_usage(
	    "{'tokens':{'input_tokens':5,'output_tokens':2}}", "input=5 output=2");
	assert_usage("{'billed_units':{'input_tokens':7.0,'output_tokens':1e1}}",
	    "input=7 output=10");
	assert_usage("{}", "unknown");
	assert_usage("null", "unknown");
}

/* The template stands first: of what is cached the caller's begins behind it. */
TEST(the_template_is_nobodys)
{
	assert_usage(
	    "{'billed_units':{'input_tokens':11,'output_tokens':1},"
	    "'cached_tokens':464,'tokens':{'input_tokens':506,'output_tokens':4}}",
	    "input=11 output=1");
	assert_usage(
	    "{'billed_units':{'input_tokens':4612,'output_tokens':3},'cached_tokens':"
	    "6016,'tokens':{'input_tokens':6085,'output_tokens':6}}",
	    "input=69 cached_input=4543 output=3");
	assert_usage("{'billed_units':{'input_tokens':5,'output_tokens':1},"
		     "'cached_tokens':900,'tokens':{'input_tokens':5,'output_tokens':1}}",
	    "cached_input=5 output=1");
}

TEST(reasoning_is_part_of_the_output)
{
	assert_usage("{'billed_units':{'input_tokens':84,'output_tokens':314},'tokens':"
		     "{'input_tokens':84,'output_tokens':346,'reasoning_tokens':304}}",
	    "input=84 output=10 reasoning=304");
	assert_usage("{'billed_units':{'input_tokens':1,'output_tokens':3},'tokens':"
		     "{'input_tokens':1,'output_tokens':9,'reasoning_tokens':5}}",
	    "input=1 reasoning=3");
}

TEST(embeddings_are_billed_in_meta)
{
	struct reply_facts f = reply_facts(COHERE,
	    "{'embeddings':{},'meta':{'billed_units':{'input_tokens':8,'images':1,"
	    "'image_tokens':5}}}");

	assert_slice(usage_text(&f.usage), S("input=8 input_image=5"));
}

/* --- answers --- */

TEST(answers_come_back_as_they_were)
{
	static const char *const same[] = {
	    "{'id':'i','message':{'role':'assistant','content':[{'type':'text','text':"
	    "'a'}]},'finish_reason':'COMPLETE','usage':{'tokens':{'x':1}}}",
	    "{'id':'i','message':{'role':'assistant','tool_plan':'I look.','tool_calls':"
	    "[{'id':'c','type':'function','function':{'name':'f','arguments':'{}'}}],"
	    "'citations':[]},'finish_reason':'TOOL_CALL','future':null}",
	};

	for (size_t i = 0; i < COUNT(same); i++)
		assert_answer(COHERE, COHERE, same[i], same[i]);
	assert_int_equal(
	    try_answer(COHERE, OPENAI, json_of("{'message':'no'}")), ERR_BAD_REPLY);
}

TEST(an_answer_told_to_openai)
{
	assert_answer(COHERE, OPENAI,
	    "{'id':'i','message':{'role':'assistant','tool_plan':'I look.','tool_calls':"
	    "[{'id':'c','type':'function','function':{'name':'f','arguments':'{}'}}]},"
	    "'finish_reason':'TOOL_CALL','logprobs':[{'text':'a','token_ids':[1,2],"
	    "'logprobs':[-0.5,-1]}],'usage':{'billed_units':{'input_tokens':7,"
	    "'output_tokens':8}}}",
	    "{'id':'i','object':'chat.completion','created':1700000000,'model':"
	    "'some-model','choices':[{'index':0,'message':{'role':'assistant',"
	    "'reasoning_content':'I look.','reasoning_details':[{'type':"
	    "'reasoning.text','text':'I look.','signature':'weir.maker.plan'}],"
	    "'content':null,'refusal':null,'tool_calls':[{'id':'c','type':'function',"
	    "'function':{'name':'f','arguments':'{}'}}]},'logprobs':{'content':[{"
	    "'token':'a','logprob':-0.5,'bytes':null,'top_logprobs':[]},{'token':'',"
	    "'logprob':-1,'bytes':null,'top_logprobs':[]}]},'finish_reason':"
	    "'tool_calls'}],'usage':{'prompt_tokens':7,'completion_tokens':8,"
	    "'total_tokens':15,'prompt_tokens_details':{'cached_tokens':0,"
	    "'audio_tokens':0},'completion_tokens_details':{'reasoning_tokens':0,"
	    "'audio_tokens':0}}}");
}

TEST(an_answer_told_to_cohere)
{
	assert_answer(CLAUDE, COHERE,
	    "{'id':'i','model':'m','content':[{'type':'thinking','thinking':'hm',"
	    "'signature':'s'},{'type':'redacted_thinking','data':'d'},{'type':'text',"
	    "'text':'So'},{'type':'text','text':''},{'type':'tool_use','id':'c','name':"
	    "'f','input':{'a':1}}],'stop_reason':'stop_sequence','stop_sequence':'x',"
	    "'usage':{'input_tokens':3,'cache_read_input_tokens':4,'output_tokens':9,"
	    "'output_tokens_details':{'thinking_tokens':5}}}",
	    "{'id':'i','message':{'role':'assistant','content':[{'type':'thinking',"
	    "'thinking':'hm','signature':'weir.maker.s'},{'type':'thinking','thinking':"
	    "'','data':'weir.maker.d'},{'type':'text','text':'So'}],'tool_calls':[{"
	    "'id':'c','type':'function','function':{'name':'f','arguments':'{\\'a\\':1}'}"
	    "}]},'finish_reason':'STOP_SEQUENCE','usage':{'billed_units':{"
	    "'input_tokens':7,'output_tokens':9},'tokens':{'input_tokens':7,"
	    "'output_tokens':9,'reasoning_tokens':5},'cached_tokens':4}}");
	assert_answer(OPENAI, COHERE,
	    "{'id':'i','choices':[{'index':0,'finish_reason':'length','logprobs':"
	    "{'content':[{'token':'a','logprob':-0.25,'top_logprobs':[]}]},'message':"
	    "{'content':'a'}}]}",
	    "{'id':'i','message':{'role':'assistant','content':[{'type':'text','text':"
	    "'a'}]},'finish_reason':'MAX_TOKENS','logprobs':[{'text':'a','token_ids':[],"
	    "'logprobs':[-0.25]}]}");
}

TEST(ends_have_words)
{
	static const struct {
		const char *openai, *cohere, *back;
	} cases[] = {{"stop", "COMPLETE", "stop"}, {"length", "MAX_TOKENS", "length"},
	    {"tool_calls", "TOOL_CALL", "tool_calls"},
	    {"content_filter", "COMPLETE", "stop"}};
	char from[200], to[200];

	for (size_t i = 0; i < COUNT(cases); i++) {
		(void)snprintf(from, sizeof(from),
		    "{'id':'i','choices':[{'finish_reason':'%s','message':{}}]}",
		    cases[i].openai);
		(void)snprintf(to, sizeof(to),
		    "{'id':'i','message':{'role':'assistant','content':[]},"
		    "'finish_reason':'%s'}",
		    cases[i].cohere);
		assert_answer(OPENAI, COHERE, from, to);
		assert_int_equal(try_answer(COHERE, OPENAI, json_of(to)), ERR_OK);
		(void)snprintf(from, sizeof(from), "'finish_reason':'%s'", cases[i].back);
		assert_true(slice_search(text_of(buf_slice(&case_body)),
				slice_str(from)) < case_body.len);
	}
}

/* --- streams --- */

#define EVENT(type, rest) "event: " type "\ndata: {'type':'" type "'" rest "}\n\n"
#define START(id)                                                                        \
	EVENT("message-start",                                                           \
	    ",'id':'" id "','delta':{'message':{'role':'assistant','content':[],"        \
	    "'tool_plan':'','tool_calls':[],'citations':[]}}")
#define CONTENT(index, what)                                                             \
	",'index':" index ",'delta':{'message':{'content':{" what "}}}"
#define CALLS(index, what)                                                               \
	",'index':" index ",'delta':{'message':{'tool_calls':{" what "}}}"

static const char stream[] = START("i") EVENT(
    "content-start", CONTENT("0", "'type':'thinking','thinking':''")) EVENT("content-"
									    "delta",
    CONTENT("0", "'thinking':'hm'")) EVENT("content-end", ",'index':0")
    EVENT("content-start", CONTENT("1", "'type':'text','text':''")) EVENT(
	"content-delta", CONTENT("1", "'text':'So'")) EVENT("citation-start",
	",'index':0,'delta':{'message':{'citations':{'start':0}}}") EVENT("citation-end",
	",'index':0") EVENT("content-end", ",'index':1")
	EVENT("tool-plan-delta", ",'delta':{'message':{'tool_plan':'I look.'}}") EVENT(
	    "tool-call-start", CALLS("0", "'id':'c','type':'function',"
					  "'function':{'name':'f',"
					  "'arguments':''}"))
	    EVENT("tool-call-delta", CALLS("0", "'function':{'arguments':'{\\'a\\':'}"))
		EVENT("tool-call-delta", CALLS("0", "'function':{'arguments':'1}'}"))
		    EVENT("tool-call-end", ",'index':0") EVENT("message-end",
			",'delta':{'finish_reason':'TOOL_CALL','usage':"
			"{'billed_units':{'input_tokens':5,"
			"'output_tokens':6}}}") "data: [DONE]\n\n";

#define CHUNK(delta, finish)                                                             \
	"data: {'id':'i','object':'chat.completion.chunk','created':1700000000,"         \
	"'model':'some-model','choices':[{'index':0,'delta':{" delta                     \
	"},'finish_reason':" finish "}]}\n\n"

TEST(a_stream_told_to_openai)
{
	assert_stream(COHERE, OPENAI, stream,
	    CHUNK("'role':'assistant','content':''", "null") CHUNK(
		"'reasoning_content':'hm'", "null") CHUNK("'content':'So'",
		"null") CHUNK("'reasoning_content':'I look.'",
		"null") CHUNK("'reasoning_details':[{'type':'reasoning.text','index':0,"
			      "'signature':'weir.maker.plan'}]",
		"null") CHUNK("'tool_calls':[{'index':0,'id':'c','type':"
			      "'function','function':{'name':'f','arguments':"
			      "''}}]",
		"null") CHUNK("'tool_calls':[{'index':0,'function':{"
			      "'arguments':'{\\'a\\':'}}]",
		"null") CHUNK("'tool_calls':[{'index':0,'function':{"
			      "'arguments':'1}'}}]",
		"null") CHUNK("",
		"'tool_calls'") "data: "
				"{'id':'i','object':'chat.completion.chunk','created':"
				"1700000000,'model':'some-model','choices':[],'usage':{"
				"'prompt_tokens':5,'completion_tokens':6,'total_tokens':"
				"11,"
				"'prompt_tokens_details':{'cached_tokens':0,'audio_"
				"tokens':0},"
				"'completion_tokens_details':{'reasoning_tokens':0,"
				"'audio_tokens':0}}}\n\ndata: [DONE]\n\n");
}

TEST(a_stream_told_to_cohere)
{
	assert_stream(CLAUDE, COHERE,
	    "data: {'type':'message_start','message':{'id':'i','usage':{'input_tokens':"
	    "5}}}\n\n"
	    "data: {'type':'content_block_start','index':0,'content_block':{'type':"
	    "'thinking','thinking':''}}\n\n"
	    "data: {'type':'content_block_delta','index':0,'delta':{'type':"
	    "'thinking_delta','thinking':'hm'}}\n\n"
	    "data: {'type':'content_block_delta','index':0,'delta':{'type':"
	    "'signature_delta','signature':'s'}}\n\n"
	    "data: {'type':'content_block_stop','index':0}\n\n"
	    "data: {'type':'content_block_start','index':1,'content_block':{'type':"
	    "'text','text':''}}\n\n"
	    "data: {'type':'content_block_delta','index':1,'delta':{'type':'text_delta',"
	    "'text':'So'}}\n\n"
	    "data: {'type':'content_block_stop','index':1}\n\n"
	    "data: {'type':'content_block_start','index':2,'content_block':{'type':"
	    "'tool_use','id':'c','name':'f','input':{}}}\n\n"
	    "data: {'type':'content_block_stop','index':2}\n\n"
	    "data: {'type':'message_delta','delta':{'stop_reason':'tool_use'},'usage':{"
	    "'input_tokens':5,'output_tokens':6}}\n\n"
	    "data: {'type':'message_stop'}\n\n",
	    START("i") EVENT("content-start",
		CONTENT("0", "'type':'thinking','thinking':''")) EVENT("content-delta",
		CONTENT("0", "'thinking':'hm'")) EVENT("content-delta",
		CONTENT("0", "'thinking':'','signature':'weir.maker.s'"))
		EVENT("content-end", ",'index':0") EVENT(
		    "content-start", CONTENT("1", "'type':'text','text':''"))
		    EVENT("content-delta", CONTENT("1", "'text':'So'")) EVENT(
			"content-end", ",'index':1") EVENT("tool-call-start",
			CALLS("0", "'id':'c','type':'function','function':{"
				   "'name':'f','arguments':''}")) EVENT("tool-call-delta",
			CALLS("0", "'function':{'arguments':'{}'}"))
			EVENT("tool-call-end", ",'index':0") EVENT("message-end",
			    ",'delta':{'finish_reason':'TOOL_CALL',"
			    "'usage':{'billed_units':{"
			    "'input_tokens':5,'output_tokens':6},"
			    "'tokens':{'input_tokens':5,"
			    "'output_tokens':6},'cached_tokens':0}}") "data: [DONE]\n\n");
}

/* Of a stream that is cut the parts are closed; of one that fails no end is told. */
TEST(a_stream_may_end_early)
{
	assert_stream(COHERE, COHERE,
	    START("i") EVENT("content-start", CONTENT("0", "'type':'text','text':''"))
		EVENT("content-delta", CONTENT("0", "'text':'So'")),
	    START("i") EVENT("content-start", CONTENT("0", "'type':'text','text':''"))
		EVENT("content-delta", CONTENT("0", "'text':'So'"))
		    EVENT("content-end", ",'index':0") EVENT("message-end",
			",'delta':{'finish_reason':'COMPLETE'}") "data: [DONE]\n\n");
}

TEST(tokens_of_a_stream_have_probabilities)
{
	assert_stream(COHERE, OPENAI,
	    START("i") EVENT("content-delta",
		CONTENT("0", "'text':'a'") ",'logprobs':{'text':'a','token_ids':[7],"
					   "'logprobs':[-0.5]}")
		EVENT("message-end", ",'delta':{'finish_reason':'COMPLETE'}"),
	    CHUNK("'role':'assistant','content':''",
		"null") "data: "
			"{'id':'i','object':'chat.completion.chunk','created':1700000000,"
			"'model':'some-model','choices':[{'index':0,'delta':{'content':'"
			"a'},"
			"'logprobs':{'content':[{'token':'a','logprob':-0.5,'bytes':null,"
			"'top_logprobs':[]}]},'finish_reason':null}]}\n\n" CHUNK(
			    "", "'stop'") "data: [DONE]\n\n");
}

TEST(events_are_looked_at)
{
	struct event_facts f = event_facts(COHERE, "", false, "[DONE]");

	assert_true(f.is_done && f.readable);
	f = event_facts(COHERE, "", false, "{oh");
	assert_false(f.readable);
	f = event_facts(COHERE, "", false, "{'type':'content-delta'}");
	assert_true(f.has_token);
	f = event_facts(COHERE, "", false, "{'type':'tool-plan-delta'}");
	assert_true(f.has_token);
	f = event_facts(COHERE, "", false, "{'type':'content-start'}");
	assert_false(f.has_token);
	f = event_facts(COHERE, "", false,
	    "{'type':'message-end','delta':{'finish_reason':'COMPLETE','usage':{"
	    "'billed_units':{'input_tokens':1,'output_tokens':2}}}}");
	assert_int_equal(f.finishes, 1);
	assert_false(f.is_fault);
	assert_slice(usage_text(&f.reply.usage), S("input=1 output=2"));
	f = event_facts(COHERE, "", false,
	    "{'type':'message-end','delta':{'finish_reason':'ERROR'}}");
	assert_true(f.is_fault);
	f = event_facts(COHERE, "", false, "{'message':'no'}");
	assert_true(f.is_fault);
}

/* --- faults --- */

TEST(errors_are_told_apart)
{
	static const struct {
		unsigned status;
		const char *text;
		enum err err;
		const char *message;
	} cases[] = {
	    {404, "{'id':'1','message':'model not found'}", ERR_UP_MISSING,
		"model not found"},
	    {401, "{'message':'invalid api token'}", ERR_UP_CREDENTIAL,
		"invalid api token"},
	    {429, "{'message':'slow'}", ERR_RATE_LIMITED, "slow"},
	    {400, "{'message':'too many tokens: 9'}", ERR_CONTEXT_LENGTH,
		"too many tokens: 9"},
	    {498, "{'message':'blocked'}", ERR_UP_CALLER, "blocked"},
	    {500, "{'message':'oh'}", ERR_UP_5XX, "oh"},
	    {200,
		"{'type':'message-end','delta':{'error':'gone','finish_reason':"
		"'ERROR'}}",
		ERR_UP_5XX, "gone"},
	    {200, "{'type':'message-end','delta':{'finish_reason':'TIMEOUT'}}",
		ERR_UP_TIMEOUT, "TIMEOUT"},
	    {200, "{'message':{},'finish_reason':'ERROR'}", ERR_UP_5XX, "ERROR"},
	};
	struct fault f;

	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(
		    fault_of(COHERE, cases[i].status, cases[i].text, &f), cases[i].err);
		assert_slice(f.message, slice_str(cases[i].message));
	}
	assert_true(
	    reply_facts(COHERE, "{'finish_reason':'ERROR','message':{}}").is_fault);
	assert_true(reply_facts(COHERE, "{'message':'no'}").is_fault);
}

TEST(errors_are_told)
{
	struct fault f = {.message = S("a 'b'"), .status = 504, .id = S("r1")};

	buf_clear(&case_body);
	dialect_cohere.write_fault(&f, &case_body);
	assert_slice(buf_slice(&case_body), S("{\"id\":\"r1\",\"message\":\"a 'b'\"}"));
	buf_clear(&case_body);
	dialect_cohere.write_fault_event(&f, &case_body);
	assert_slice(buf_slice(&case_body),
	    S("event: message-end\ndata: {\"type\":\"message-end\",\"id\":\"r1\","
	      "\"delta\":{\"error\":\"a 'b'\",\"finish_reason\":\"TIMEOUT\"}}\n\n"));
}

TEST(replies_survive_torture)
{
	char *copy = slice_dup(json_of(stream));
	struct case_torture t = {COHERE, OPENAI, slice_str(copy), stream_by_byte};

	assert_non_null(copy);
	assert_true(torture(case_run, &t) > 0);
	t.to = COHERE;
	assert_true(torture(case_run, &t) > 0);
	free(copy);
	copy = slice_dup(json_of(
	    "{'message':{'content':[{'type':'text','text':'a'}],'tool_calls':[{'id':'c',"
	    "'function':{'arguments':'{\\'a\\':1}'}}]},'logprobs':[{'text':'a',"
	    "'logprobs':[-1]}]}"));
	t = (struct case_torture){COHERE, OPENAI, slice_str(copy), try_answer};
	assert_non_null(copy);
	assert_true(torture(case_run, &t) > 0);
	t.to = COHERE;
	assert_true(torture(case_run, &t) > 0);
	free(copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(a_chat_is_looked_at),
	    CASE(what_is_to_be_embedded_is_counted),
	    CASE(what_asks_for_nothing_is_refused),
	    CASE(paths_are_those_of_version_2),
	    CASE(the_model_is_changed_and_wishes_stay_here),
	    CASE(what_is_billed_is_counted),
	    CASE(the_template_is_nobodys),
	    CASE(reasoning_is_part_of_the_output),
	    CASE(embeddings_are_billed_in_meta),
	    CASE(answers_come_back_as_they_were),
	    CASE(an_answer_told_to_openai),
	    CASE(an_answer_told_to_cohere),
	    CASE(ends_have_words),
	    CASE(a_stream_told_to_openai),
	    CASE(a_stream_told_to_cohere),
	    CASE(a_stream_may_end_early),
	    CASE(tokens_of_a_stream_have_probabilities),
	    CASE(events_are_looked_at),
	    CASE(errors_are_told_apart),
	    CASE(errors_are_told),
	    CASE(replies_survive_torture),
	};

	return cmocka_run_group_tests_name("cohere_reply", tests, NULL, NULL);
}
