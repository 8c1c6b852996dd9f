/*
 * Answers of OpenAI's Responses: whole, to and from those of other dialects.
 */
#include "translate_case.h"

#define R &dialect_responses
#define C &dialect_openai
#define A &dialect_anthropic

static void
assert_answer(const struct case_answer *c, const char *want)
{
	struct case_told told;

	assert_int_equal(case_write_answer(c, &told), ERR_OK);
	case_assert_text(told.text, want, c->text);
}

/* What a response repeats of a request that said nothing. */
static const char echoes[] =
    "'instructions':null,'max_output_tokens':null,'max_tool_calls':null,'metadata':{},"
    "'parallel_tool_calls':true,'previous_response_id':null,'prompt_cache_key':null,"
    "'reasoning':{'effort':null,'summary':null},'safety_identifier':null,"
    "'temperature':1,'tool_choice':'auto','tools':[],'top_logprobs':0,'top_p':1,"
    "'truncation':'disabled','user':null,'text':{'format':{'type':'text'},'verbosity':"
    "'medium'},";

TEST(a_chat_answer_becomes_a_response)
{
	static const struct case_answer c = {.from = C,
	    .to = R,
	    .text = "{'id':'chatcmpl-5','created':1700000009,'model':'m-1','choices':["
		    "{'index':0,'message':{'role':'assistant','reasoning_content':'t',"
		    "'content':'a','refusal':'no','tool_calls':[{'id':'c1','type':"
		    "'function','function':{'name':'f','arguments':'{\\'x\\':1}'}},{'id':"
		    "'c2','type':'function','function':{'name':'g','arguments':''}}]},"
		    "'logprobs':{'content':[{'token':'a'}],'refusal':null},"
		    "'finish_reason':'tool_calls'}],'usage':{'prompt_tokens':10,"
		    "'completion_tokens':7,'prompt_tokens_details':{'cached_tokens':4},"
		    "'completion_tokens_details':{'reasoning_tokens':2}},"
		    "'service_tier':'flex'}"};

	char want[4000];

	(void)snprintf(want, sizeof(want),
	    "{'id':'chatcmpl-5','object':'response','created_at':1700000009,'status':"
	    "'completed','background':false,'completed_at':1700000009,'error':null,"
	    "'incomplete_details':null,'model':'m-1',%s"
	    "'service_tier':'flex','store':false,'usage':{'input_tokens':10,"
	    "'input_tokens_details':{'cached_tokens':4,'cache_write_tokens':0},"
	    "'output_tokens':7,'output_tokens_details':{'reasoning_tokens':2},"
	    "'total_tokens':17},'output':["
	    "{'id':'rs_77_0','type':'reasoning','summary':[{'type':'summary_text','text':"
	    "'t'}],'encrypted_content':'weir.acme..s'},"
	    "{'id':'msg_77_1','type':'message','status':'completed','role':'assistant',"
	    "'content':[{'type':'output_text','annotations':[],'logprobs':[{'token':'a'}]"
	    ",'text':'a'},{'type':'refusal','refusal':'no'}]},"
	    "{'id':'fc_77_2','type':'function_call','status':'completed','call_id':'c1',"
	    "'name':'f','arguments':'{\\'x\\':1}'},"
	    "{'id':'fc_77_3','type':'function_call','status':'completed','call_id':'c2',"
	    "'name':'g','arguments':'{}'}]}",
	    echoes);
	assert_answer(&c, want);
}

TEST(what_was_asked_is_said_again)
{
	static const struct case_answer c = {.from = C,
	    .to = R,
	    .asked = "{'model':'m','input':'a','instructions':'be','temperature':0.50,"
		     "'tools':[{'type':'function','name':'f'}],'tool_choice':'required',"
		     "'parallel_tool_calls':false,'text':{'verbosity':'low'},'reasoning':"
		     "{'effort':'high'},'metadata':{'k':'v'},'max_output_tokens':9,'top_"
		     "logprobs':2,"
		     "'top_p':null,'store':true,'service_tier':'auto','user':'u'}",
	    .text = "{'choices':[{'index':0,'message':{'content':''},'finish_reason':"
		    "'stop'}]}"};

	assert_answer(&c,
	    "{'id':'resp_77','object':'response','created_at':1700000000,'status':"
	    "'completed','background':false,'completed_at':1700000000,'error':null,"
	    "'incomplete_details':null,'model':'asked','instructions':'be',"
	    "'max_output_tokens':9,'max_tool_calls':null,'metadata':{'k':'v'},"
	    "'parallel_tool_calls':false,'previous_response_id':null,'prompt_cache_key':"
	    "null,'reasoning':{'effort':'high'},'safety_identifier':null,'temperature':"
	    "0.50,'tool_choice':'required','tools':[{'type':'function','name':'f'}],"
	    "'top_logprobs':2,'top_p':1,'truncation':'disabled','user':'u','text':"
	    "{'format':{'type':'text'},'verbosity':'low'},'service_tier':'auto','store':"
	    "false,'usage':null,'output':[{'id':'msg_77_0','type':'message','status':"
	    "'completed','role':'assistant','content':[{'type':'output_text',"
	    "'annotations':[],'logprobs':[],'text':''}]}]}");
}

/* The status, why it is not complete, the status of the last message. */
TEST(how_it_ended)
{
	static const struct {
		const char *finish, *status, *details, *error, *item;
	} cases[] = {
	    {"stop", "'completed'", "null", "null", "'completed'"},
	    {"tool_calls", "'completed'", "null", "null", "'completed'"},
	    {"length", "'incomplete'", "{'reason':'max_output_tokens'}", "null",
		"'incomplete'"},
	    {"content_filter", "'incomplete'", "{'reason':'content_filter'}", "null",
		"'incomplete'"},
	    {"error", "'failed'", "null",
		"{'code':'server_error','message':'The provider gave up.'}",
		"'incomplete'"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[300], want[200];
		const struct case_answer c = {.from = C, .to = R, .text = text};
		struct case_told told;

		(void)snprintf(text, sizeof(text),
		    "{'choices':[{'index':0,'message':{'content':'a'},'finish_reason':"
		    "'%s'}]}",
		    cases[i].finish);
		assert_int_equal(case_write_answer(&c, &told), ERR_OK);
		(void)snprintf(want, sizeof(want),
		    "'error':%s,'incomplete_details':%s,'model'", cases[i].error,
		    cases[i].details);
		assert_non_null(strstr(told.text, want));
		(void)snprintf(
		    want, sizeof(want), "'status':%s,'background'", cases[i].status);
		assert_non_null(strstr(told.text, want));
		(void)snprintf(
		    want, sizeof(want), "'message','status':%s,", cases[i].item);
		assert_non_null(strstr(told.text, want));
	}
}

/* Signatures of the text, sealed forms, and those of calls are told apart. */
TEST(thoughts_of_others_are_told_with_a_tag)
{
	static const struct case_answer c = {.from = A,
	    .to = R,
	    .text = "{'type':'message','content':[{'type':'thinking','thinking':'t',"
		    "'signature':'gA'},{'type':'redacted_thinking','data':'gB'},{'type':"
		    "'text','text':'a'},{'type':'text','text':'b'}],'stop_reason':"
		    "'end_turn'}"};
	struct case_told told;

	assert_int_equal(case_write_answer(&c, &told), ERR_OK);
	assert_non_null(strstr(told.text,
	    "'output':[{'id':'rs_77_0','type':'reasoning','summary':[{'type':"
	    "'summary_text','text':'t'}],'encrypted_content':'weir.acme.gA.s'},{'id':"
	    "'rs_77_1','type':'reasoning','summary':[],'encrypted_content':"
	    "'weir.acme.gB'},{'id':'msg_77_2','type':'message','status':'completed',"
	    "'role':'assistant','content':[{'type':'output_text','annotations':[],"
	    "'logprobs':[],'text':'a'},{'type':'output_text','annotations':[],"
	    "'logprobs':[],'text':'b'}]}]}"));
}

TEST(signatures_of_calls_and_images_have_items)
{
	static const struct case_answer c = {.from = C,
	    .to = R,
	    .text = "{'choices':[{'index':0,'message':{'content':null,'tool_calls':[{"
		    "'id':'c','function':{'name':'f','arguments':'{}'},'extra_content':"
		    "{'google':{'thought_signature':'gC'}}}],'images':[{'image_url':"
		    "{'url':'data:image/png;base64,QUJD'}},{'image_url':{'url':"
		    "'https://h/i.png'}}]},'finish_reason':'stop'}]}"};
	struct case_told told;

	assert_int_equal(case_write_answer(&c, &told), ERR_OK);
	assert_non_null(strstr(told.text,
	    "'output':[{'id':'rs_77_0','type':'reasoning','summary':[],"
	    "'encrypted_content':'weir.acme.gC.c'},{'id':'fc_77_1','type':"
	    "'function_call','status':'completed','call_id':'c','name':'f','arguments':"
	    "'{}'},{'id':'ig_77_2','type':'image_generation_call','status':'completed',"
	    "'result':'QUJD'},{'id':'msg_77_3','type':'message','status':'completed',"
	    "'role':'assistant','content':[{'type':'output_text','annotations':[],"
	    "'logprobs':[],'text':'https://h/i.png'}]}]}"));
}

TEST(cache_writes_of_all_lifetimes_are_told)
{
	static const struct case_answer c = {.from = A,
	    .to = R,
	    .text = "{'content':[],'usage':{'input_tokens':1,'cache_read_input_tokens':2,"
		    "'cache_creation_input_tokens':12,'cache_creation':{"
		    "'ephemeral_5m_input_tokens':4,'ephemeral_1h_input_tokens':8},"
		    "'output_tokens':3}}"};
	struct case_told told;

	assert_int_equal(case_write_answer(&c, &told), ERR_OK);
	assert_non_null(strstr(told.text,
	    "'usage':{'input_tokens':15,'input_tokens_details':{'cached_tokens':2,"
	    "'cache_write_tokens':12},'output_tokens':3,'output_tokens_details':"
	    "{'reasoning_tokens':0},'total_tokens':18}"));
}

/* --- read --- */

#define RESPONSE(status, output)                                                         \
	"{'id':'resp_1','object':'response','created_at':1700000005,'model':'m-2',"      \
	"'status':" status ",'error':null,'output':[" output "]}"

TEST(a_response_becomes_a_chat_answer)
{
	static const struct case_answer c = {.from = R,
	    .to = C,
	    .text = RESPONSE("'completed'",
		"{'type':'reasoning','id':'rs_1','summary':[]},"
		"{'type':'reasoning','id':'rs_2','summary':[{'type':'summary_text',"
		"'text':'t'},{'type':'summary_text','text':'u'}],'encrypted_content':"
		"'gA'},{'type':'web_search_call','id':'ws_1'},{'type':'message','id':"
		"'msg_1','role':'assistant','content':[{'type':'output_text',"
		"'annotations':[{'type':'url_citation'}],'logprobs':[{'token':'a'}],"
		"'text':'a'},{'type':'refusal','refusal':'no'}]},{'type':"
		"'function_call','id':'fc_1','call_id':'c','name':'f','arguments':"
		"'{\\'x\\':1}'}")};

	assert_answer(&c,
	    "{'id':'resp_1','object':'chat.completion','created':1700000005,'model':"
	    "'m-2','choices':[{'index':0,'message':{'role':'assistant',"
	    "'reasoning_content':'t\\n\\nu','reasoning_details':[{'type':"
	    "'reasoning.text','text':'t\\n\\nu','signature':'weir.acme.gA'}],'content':"
	    "'a','refusal':'no','tool_calls':[{'id':'c','type':'function','function':"
	    "{'name':'f','arguments':'{\\'x\\':1}'}}]},'logprobs':{'content':[{'token':"
	    "'a'}],'refusal':null},'finish_reason':'tool_calls'}]}");
}

TEST(forms_of_reasoning)
{
	static const struct {
		const char *item, *want;
	} cases[] = {
	    {"{'type':'reasoning','summary':[],'content':[{'type':'reasoning_text',"
	     "'text':'t'}]}",
		"{'type':'thinking','thinking':'t','signature':'weir.acme.'}"},
	    {"{'type':'reasoning','summary':[],'encrypted_content':'gA'}",
		"{'type':'redacted_thinking','data':'weir.acme.gA'}"},
	    {"{'type':'reasoning','summary':[{'text':'t'}],'encrypted_content':'gA'}",
		"{'type':'thinking','thinking':'t','signature':'weir.acme.gA'}"},
	    {"{'type':'reasoning','summary':[{'text':''}],'encrypted_content':null}", ""},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[400], want[200];
		const struct case_answer c = {.from = R, .to = A, .text = text};
		struct case_told told;

		(void)snprintf(
		    text, sizeof(text), RESPONSE("'completed'", "%s"), cases[i].item);
		(void)snprintf(want, sizeof(want), "'content':[%s],", cases[i].want);
		assert_int_equal(case_write_answer(&c, &told), ERR_OK);
		if (strstr(told.text, want) == NULL)
			fail_msg("%s: not %s", told.text, want);
	}
}

TEST(why_it_ended)
{
	static const struct {
		const char *members, *want;
	} cases[] = {
	    {"'status':'completed'", "'stop'"},
	    {"'status':'incomplete','incomplete_details':{'reason':'max_output_tokens'}",
		"'length'"},
	    {"'status':'incomplete','incomplete_details':{'reason':'content_filter'}",
		"'content_filter'"},
	    {"'status':'incomplete','incomplete_details':null", "'length'"},
	    {"'status':'failed','error':{'code':'x'}", "'error'"},
	    {"'status':'cancelled'", "'error'"},
	    {"'status':'queued'", "'stop'"},
	    {"'x':1", "'stop'"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[200], want[100];
		const struct case_answer c = {.from = R, .to = C, .text = text};
		struct case_told told;

		(void)snprintf(text, sizeof(text), "{%s,'output':[]}", cases[i].members);
		(void)snprintf(want, sizeof(want), "'finish_reason':%s}", cases[i].want);
		assert_int_equal(case_write_answer(&c, &told), ERR_OK);
		assert_non_null(strstr(told.text, want));
	}
}

TEST(local_servers_and_pictures)
{
	static const struct case_answer thought = {
	    .from = R, .to = C, .text = "{'reasoning':'t','output':[]}"};
	static const struct case_answer picture = {.from = R,
	    .to = C,
	    .text = "{'output':[{'type':'image_generation_call','result':'QUJD',"
		    "'output_format':'webp'},{'type':'image_generation_call','result':"
		    "null}]}"};
	struct case_told told;

	assert_int_equal(case_write_answer(&thought, &told), ERR_OK);
	assert_non_null(strstr(told.text, "'reasoning_content':'t'"));
	assert_int_equal(case_write_answer(&picture, &told), ERR_OK);
	assert_non_null(
	    strstr(told.text, "'images':[{'type':'image_url','image_url':{'url':"
			      "'data:image/webp;base64,QUJD'}}]"));
}

TEST(its_own_answer_is_told_as_it_is)
{
	static const struct case_answer c = {.from = R,
	    .to = R,
	    .text = "{'id':'resp_1','new':[1,{'a':null}],'output':[{'type':'x'}],"
		    "'usage':{'input_tokens':1.0},'\\u0061':1}"};

	assert_answer(&c, c.text);
}

TEST(what_is_no_response)
{
	static const char *const cases[] = {
	    "{}", "[]", "7", "{'output':{}}", "{'error':{'message':'m'}}"};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct case_answer c = {.from = R, .to = C, .text = cases[i]};
		struct case_told told;

		assert_int_equal(case_write_answer(&c, &told), ERR_BAD_REPLY);
	}
}

static enum err
write_it(void *arg)
{
	struct case_told told;

	return case_write_answer(arg, &told);
}

TEST(memory_may_fail_anywhere)
{
	struct case_answer c = {.from = R,
	    .to = C,
	    .text = RESPONSE("'completed'",
		"{'type':'reasoning','summary':[{'text':'t'},{'text':'u'}]},{'type':"
		"'message','content':[{'type':'output_text','text':'a','logprobs':[1]}]},"
		"{'type':'function_call','call_id':'c','name':'f','arguments':'{\\'x\\':"
		"1}'}")};

	assert_true(torture(write_it, &c) > 0);
	c.to = R;
	assert_true(torture(write_it, &c) > 0);
	c.from = C;
	c.asked = "{'model':'m','input':'a','tools':[]}";
	c.text = "{'choices':[{'index':0,'message':{'content':'a'},'finish_reason':"
		 "'stop'}]}";
	assert_true(torture(write_it, &c) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_chat_answer_becomes_a_response),
	    cmocka_unit_test(what_was_asked_is_said_again),
	    cmocka_unit_test(how_it_ended),
	    cmocka_unit_test(thoughts_of_others_are_told_with_a_tag),
	    cmocka_unit_test(signatures_of_calls_and_images_have_items),
	    cmocka_unit_test(cache_writes_of_all_lifetimes_are_told),
	    cmocka_unit_test(a_response_becomes_a_chat_answer),
	    cmocka_unit_test(forms_of_reasoning),
	    cmocka_unit_test(why_it_ended),
	    cmocka_unit_test(local_servers_and_pictures),
	    cmocka_unit_test(its_own_answer_is_told_as_it_is),
	    cmocka_unit_test(what_is_no_response),
	    cmocka_unit_test(memory_may_fail_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
