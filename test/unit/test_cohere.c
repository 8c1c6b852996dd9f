#include "dialect_case.h"

#define COHERE &dialect_cohere
#define OPENAI &dialect_openai
#define CLAUDE &dialect_anthropic

/* --- requests --- */

TEST(requests_come_back_as_they_were)
{
	static const char *const same[] = {
	    "{'model':'some-model','messages':[{'role':'user','content':'Hi'}]}",
	    "{'stream':true,'messages':[{'role':'system','content':'Be brief.'},"
	    "{'role':'user','content':[{'type':'text','text':'a\\u00e9\\n'},"
	    "{'type':'image_url','image_url':{'url':'https://a/b.png','detail':'low'}},"
	    "{'type':'image_url','image_url':{'url':'data:image/png;base64,iVBO'}}]}]}",
	    "{'messages':[{'role':'assistant','tool_plan':'I look.','tool_calls':[{"
	    "'id':'c1','type':'function','function':{'name':'f','arguments':'{\\'a\\':"
	    "1}'}}]},{'role':'tool','tool_call_id':'c1','content':'42'},{'role':'tool',"
	    "'tool_call_id':'c2','content':[{'type':'text','text':'x'}]}]}",
	    "{'messages':[{'role':'assistant','content':[{'type':'thinking','thinking':"
	    "'hm'},{'type':'text','text':'so'}]}]}",
	    "{'tools':[{'type':'function','function':{'name':'f','description':'d',"
	    "'parameters':{'type':'object'}}}],'strict_tools':true,'tool_choice':"
	    "'REQUIRED','messages':[]}",
	    /* What is not understood, or said though it says nothing. */
	    "{'messages':[{'citations':[],'content':[],'role':'assistant','tool_calls':"
	    "[],'tool_plan':null},{'role':'user','content':null,'extra':1},{'role':"
	    "'assistant','content':[],'citations':[{'start':0}]}]}",
	    "{'messages':[{'role':'tool','tool_call_id':'c','content':[{'type':"
	    "'document','document':{'id':'1','data':{'a':[1,2]}}}]}]}",
	    "{'documents':[{'data':{'text':'x'},'id':'d'}],'safety_mode':'OFF',"
	    "'citation_options':{'mode':'FAST'},'k':0,'p':0.80,'temperature':1e-1,"
	    "'future':{'a':[null]},'messages':[]}",
	    "{'a\\'b':1,'response_format':{'type':'json_object','json_schema':{}},"
	    "'thinking':{'type':'enabled','token_budget':100},'messages':[]}",
	};

	for (size_t i = 0; i < COUNT(same); i++)
		assert_same_prompt(COHERE, same[i]);
}

TEST(what_is_no_request_is_refused)
{
	assert_bad_prompt(
	    COHERE, "{'messages':{}}", "messages", "'messages' must be an array.");
	assert_bad_prompt(COHERE, "{'messages':[{'role':'bot'}]}", "messages",
	    "messages[0].role must be system, user, assistant or tool.");
	assert_bad_prompt(COHERE, "{'messages':[{'role':'user','content':1}]}",
	    "messages", "The content of messages[0] must be a string or an array.");
	assert_bad_prompt(COHERE,
	    "{'messages':[{'role':'user','content':[{'type':'text','text':1}]}]}",
	    "messages.content.text", "'messages.content.text' must be a string.");
	assert_bad_prompt(COHERE, "{'messages':[{'role':'assistant','tool_calls':'x'}]}",
	    "messages", "messages[0].tool_calls must be an array.");
	assert_bad_prompt(COHERE, "{'tools':1}", "tools", "'tools' must be an array.");
	assert_bad_prompt(COHERE, "{'tool_choice':'f'}", "tool_choice",
	    "'tool_choice' must be \"REQUIRED\" or \"NONE\".");
	assert_bad_prompt(COHERE, "{'response_format':{'type':'xml'}}", "response_format",
	    "'response_format' must be of type \"text\" or \"json_object\".");
	assert_bad_prompt(COHERE, "{'thinking':{'type':'maybe'}}", "thinking",
	    "'thinking' must be of type \"enabled\" or \"disabled\".");
}

TEST(a_request_of_openai)
{
	case_streams = true;
	assert_prompt(OPENAI, COHERE,
	    "{'model':'m','temperature':0.5,'max_tokens':9,'stop':'END','seed':7,"
	    "'logprobs':true,'top_k':20,'messages':[{'role':'developer','content':'Be "
	    "brief.'},{'role':'user','content':[{'type':'text','text':'Look'},{'type':"
	    "'image_url','image_url':{'url':'data:image/png;base64,iVBO'}}]}]}",
	    "{'model':'some-model','stream':true,'k':20,'stop_sequences':['END'],"
	    "'temperature':0.5,'max_tokens':9,'seed':7,'logprobs':true,'messages':"
	    "[{'role':'system','content':'Be brief.'},{'role':'user','content':[{'type':"
	    "'text','text':'Look'},{'type':'image_url','image_url':{'url':'data:image/"
	    "png;base64,iVBO'}}]}]}",
	    "");
}

TEST(what_it_lacks_is_named)
{
	assert_prompt(OPENAI, COHERE,
	    "{'n':2,'top_logprobs':3,'logit_bias':{'1':2},'user':'u','metadata':{'a':"
	    "'b'},'service_tier':'flex','parallel_tool_calls':false,'store':true,"
	    "'unknown':1,'tools':[{'type':'function','function':{'name':'f'}}],"
	    "'messages':[{'role':'user','content':[{'type':'input_audio',"
	    "'input_audio':{'data':'x','format':'wav'}},{'type':'text','text':'a'}]}]}",
	    "{'model':'some-model','tools':[{'type':'function','function':{'name':'f',"
	    "'parameters':{'type':'object','properties':{}}}}],'messages':[{'role':"
	    "'user','content':[{'type':'text','text':'a'}]}]}",
	    "n top_logprobs logit_bias metadata service_tier store unknown user "
	    "parallel_tool_calls messages[0].content[0]");
	/* What says only what is so anyway is no loss. */
	assert_prompt(OPENAI, COHERE,
	    "{'n':1,'top_logprobs':0,'logit_bias':{},'service_tier':'auto',"
	    "'parallel_tool_calls':true,'store':false,'user':null,'messages':[]}",
	    "{'model':'some-model','messages':[]}", "");
}

TEST(numbers_keep_within_its_limits)
{
	static const struct {
		const char *from, *want;
	} cases[] = {{"'top_p':1", "'p':0.99"}, {"'top_p':1.0", "'p':0.99"},
	    {"'top_p':0.99", "'p':0.99"}, {"'top_p':0.990", "'p':0.990"},
	    {"'top_p':0", "'p':0.01"}, {"'top_p':0.5", "'p':0.5"},
	    {"'top_p':5e-1", "'p':5e-1"}, {"'top_k':501", "'k':500"},
	    {"'top_k':500", "'k':500"},
	    {"'frequency_penalty':-2", "'frequency_penalty':0"},
	    {"'frequency_penalty':-0.5", "'frequency_penalty':0"},
	    {"'presence_penalty':1.5", "'presence_penalty':1"},
	    {"'presence_penalty':0.25", "'presence_penalty':0.25"}};
	char from[100], want[100];

	for (size_t i = 0; i < COUNT(cases); i++) {
		(void)snprintf(from, sizeof(from), "{%s,'messages':[]}", cases[i].from);
		(void)snprintf(want, sizeof(want),
		    "{'model':'some-model',%s,'messages':[]}", cases[i].want);
		assert_prompt(OPENAI, COHERE, from, want, "");
	}
}

#define F_TOOL                                                                           \
	"{'type':'function','function':{'name':'f','parameters':{'type':'object',"       \
	"'properties':{'a':{'type':'string','minLength':2}}}%s}}"

TEST(calls_and_results_of_openai)
{
	assert_prompt(OPENAI, COHERE,
	    "{'messages':[{'role':'user','content':'Go'},{'role':'assistant','content':"
	    "'I look.','tool_calls':[{'id':'c 1','type':'function','function':{'name':"
	    "'f','arguments':'{\\'a\\':1}'}},{'id':'c2','type':'function','function':"
	    "{'name':'g','arguments':''}}]},{'role':'tool','tool_call_id':'c 1',"
	    "'content':'42'},{'role':'tool','tool_call_id':'c2','content':[{'type':"
	    "'text','text':'a'},{'type':'text','text':'b'}]},{'role':'user','content':"
	    "'And?'}]}",
	    "{'model':'some-model','messages':[{'role':'user','content':'Go'},{'role':"
	    "'assistant','tool_plan':'I look.','tool_calls':[{'id':'c 1','type':"
	    "'function','function':{'name':'f','arguments':'{\\'a\\':1}'}},{'id':'c2',"
	    "'type':'function','function':{'name':'g','arguments':'{}'}}]},{'role':"
	    "'tool','tool_call_id':'c 1','content':'42'},{'role':'tool',"
	    "'tool_call_id':'c2','content':'a\\n\\nb'},{'role':'user','content':"
	    "'And?'}]}",
	    "");
}

TEST(pictures_of_results_go_to_the_user)
{
	assert_prompt(CLAUDE, COHERE,
	    "{'max_tokens':5,'messages':[{'role':'user','content':[{'type':"
	    "'tool_result','tool_use_id':'c','content':[{'type':'text','text':'see'},"
	    "{'type':'image','source':{'type':'base64','media_type':'image/png','data':"
	    "'iVBO'}}]}]}]}",
	    "{'model':'some-model','max_tokens':5,'messages':[{'role':'tool',"
	    "'tool_call_id':'c','content':'see'},{'role':'user','content':[{'type':"
	    "'image_url','image_url':{'url':'data:image/png;base64,iVBO'}}]}]}",
	    "");
}

TEST(tools_are_all_strict_or_none)
{
	char from[1000];

	(void)snprintf(
	    from, sizeof(from), "{'tools':[" F_TOOL "],'messages':[]}", ",'strict':true");
	assert_prompt(OPENAI, COHERE, from,
	    "{'model':'some-model','tools':[{'type':'function','function':{'name':'f',"
	    "'parameters':{'type':'object','properties':{'a':{'type':'string',"
	    "'description':'(minLength: 2)'}}}}}],'strict_tools':true,'messages':[]}",
	    "");
	(void)snprintf(from, sizeof(from),
	    "{'tools':[" F_TOOL ",{'type':'function','function':{'name':'g'}},"
	    "{'type':'custom','custom':{'name':'h'}}],'messages':[]}",
	    ",'strict':true");
	assert_prompt(OPENAI, COHERE, from,
	    "{'model':'some-model','tools':[{'type':'function','function':{'name':'f',"
	    "'parameters':{'type':'object','properties':{'a':{'type':'string',"
	    "'minLength':2}}}}},{'type':'function','function':{'name':'g',"
	    "'parameters':{'type':'object','properties':{}}}}],'messages':[]}",
	    "tools[0].strict tools[2]");
	assert_prompt(OPENAI, COHERE,
	    "{'tools':[{'type':'custom','custom':{'name':'h'}}],'messages':[]}",
	    "{'model':'some-model','messages':[]}", "tools[0]");
	/* One word for all of them is read as such. */
	assert_prompt(COHERE, OPENAI,
	    "{'strict_tools':true,'tools':[{'type':'function','function':{'name':'f',"
	    "'parameters':{'type':'object'}}}],'messages':[]}",
	    "{'model':'some-model','tools':[{'type':'function','function':{'name':'f',"
	    "'parameters':{'type':'object'},'strict':true}}],'messages':[]}",
	    "");
}

static void
assert_choice(const char *choice, const char *want)
{
	char from[500], to[500];

	(void)snprintf(from, sizeof(from),
	    "{'tools':[{'type':'function','function':{'name':'f','parameters':{'x':1}}},"
	    "{'type':'function','function':{'name':'g','parameters':{'x':1}}}],"
	    "'tool_choice':%s,'messages':[]}",
	    choice);
	(void)snprintf(
	    to, sizeof(to), "{'model':'some-model','tools':[%s,'messages':[]}", want);
	assert_prompt(OPENAI, COHERE, from, to, "");
}

TEST(a_named_tool_is_the_only_one)
{
#define F "{'type':'function','function':{'name':'f','parameters':{'x':1}}}"
#define G "{'type':'function','function':{'name':'g','parameters':{'x':1}}}"
	assert_choice("'auto'", F "," G "]");
	assert_choice("'none'", F "," G "],'tool_choice':'NONE'");
	assert_choice("'required'", F "," G "],'tool_choice':'REQUIRED'");
	assert_choice("{'type':'function','function':{'name':'g'}}",
	    G "],'tool_choice':'REQUIRED'");
	assert_choice("{'type':'allowed_tools','allowed_tools':{'mode':'auto','tools':"
		      "[{'type':'function','function':{'name':'f'}}]}}",
	    F "]");
#undef F
#undef G
}

TEST(formats_are_schemas_of_json)
{
	assert_prompt(OPENAI, COHERE,
	    "{'response_format':{'type':'json_schema','json_schema':{'name':'n',"
	    "'schema':{'type':'object','properties':{'a':{'type':'string'}}}}},"
	    "'messages':[]}",
	    "{'model':'some-model','response_format':{'type':'json_object',"
	    "'json_schema':{'type':'object','properties':{'a':{'type':'string'}}}},"
	    "'messages':[]}",
	    "");
	assert_prompt(OPENAI, COHERE,
	    "{'response_format':{'type':'json_object'},'messages':[]}",
	    "{'model':'some-model','response_format':{'type':'json_object'},"
	    "'messages':[]}",
	    "");
	/* Not together with tools. */
	assert_prompt(OPENAI, COHERE,
	    "{'response_format':{'type':'json_object'},'tools':[{'type':'function',"
	    "'function':{'name':'f','parameters':{'x':1}}}],'messages':[]}",
	    "{'model':'some-model','tools':[{'type':'function','function':{'name':'f',"
	    "'parameters':{'x':1}}}],'messages':[]}",
	    "response_format");
	assert_prompt(COHERE, OPENAI,
	    "{'response_format':{'type':'json_object','json_schema':{'a':1}},"
	    "'messages':[]}",
	    "{'model':'some-model','response_format':{'type':'json_schema',"
	    "'json_schema':{'name':'answer','strict':true,'schema':{'a':1}}},"
	    "'messages':[]}",
	    "");
}

TEST(thinking_is_enabled_disabled_or_bounded)
{
	static const struct {
		const char *effort, *want;
	} cases[] = {{"none", "{'type':'disabled'}"}, {"high", "{'type':'enabled'}"},
	    {"low", "{'type':'enabled','token_budget':1000}"}};
	char from[100], want[200];

	case_max_output = 10000;
	for (size_t i = 0; i < COUNT(cases); i++) {
		(void)snprintf(from, sizeof(from),
		    "{'reasoning_effort':'%s','messages':[]}", cases[i].effort);
		(void)snprintf(want, sizeof(want),
		    "{'model':'some-model','thinking':%s,'messages':[]}", cases[i].want);
		assert_prompt(OPENAI, COHERE, from, want, "");
	}
	assert_prompt(COHERE, OPENAI,
	    "{'thinking':{'type':'enabled','token_budget':3000},'messages':[]}",
	    "{'model':'some-model','reasoning_effort':'low','messages':[]}", "");
}

/* Its plan and its thoughts find back to their places; those of others stay away. */
TEST(reasoning_goes_back_to_who_thought_it)
{
	const char *asked =
	    "{'max_tokens':5,'messages':[{'role':'assistant','content':[{'type':"
	    "'thinking','thinking':'hm','signature':'weir.cohere.'},{'type':'thinking',"
	    "'thinking':'I look.','signature':'weir.cohere.plan'},{'type':'text','text':"
	    "'So'},{'type':'tool_use','id':'c','name':'f','input':{}}]}]}";

	case_provider = "cohere";
	assert_prompt(CLAUDE, COHERE, asked,
	    "{'model':'some-model','max_tokens':5,'messages':[{'role':'assistant',"
	    "'tool_plan':'I look.','content':[{'type':'thinking','thinking':'hm'},"
	    "{'type':'text','text':'So'}],'tool_calls':[{'id':'c','type':'function',"
	    "'function':{'name':'f','arguments':'{}'}}]}]}",
	    "");
	case_provider = "other";
	assert_prompt(CLAUDE, COHERE, asked,
	    "{'model':'some-model','max_tokens':5,'messages':[{'role':'assistant',"
	    "'tool_plan':'So','tool_calls':[{'id':'c','type':'function','function':"
	    "{'name':'f','arguments':'{}'}}]}]}",
	    "");
}

TEST(a_request_of_cohere_elsewhere)
{
	assert_prompt(COHERE, OPENAI,
	    "{'p':0.8,'k':3,'stop_sequences':['a'],'documents':[],'messages':[{'role':"
	    "'assistant','tool_plan':'I look.','tool_calls':[{'id':'c','type':'function',"
	    "'function':{'name':'f','arguments':'{}'}}]},{'role':'tool','tool_call_id':"
	    "'c','content':[{'type':'document','document':{'data':{'a':'\\u00e9'}}},"
	    "{'type':'document','document':{'data':'b'}}]}]}",
	    "{'model':'some-model','stop':['a'],'top_p':0.8,'top_k':3,'messages':["
	    "{'role':'assistant','content':null,'tool_calls':[{'id':'c','type':"
	    "'function','function':{'name':'f','arguments':'{}'}}]},{'role':'tool',"
	    "'tool_call_id':'c','content':'{\\'a\\':\\'\\\\u00e9\\'}\\n\\nb'}]}",
	    "");
	assert_prompt(COHERE, OPENAI,
	    "{'documents':['a'],'safety_mode':'OFF','citation_options':{},'priority':1,"
	    "'messages':[{'role':'tool','tool_call_id':'c','content':[{'type':"
	    "'document','document':{'id':'1','data':'b'}}]},{'role':'user','content':[{"
	    "'type':'video'}]}]}",
	    "{'model':'some-model','messages':[{'role':'tool','tool_call_id':'c',"
	    "'content':'b'}]}",
	    "documents safety_mode citation_options priority messages[1].content[0] "
	    "messages[0].content[0].id");
}

static enum err
write_for(struct slice text)
{
	return try_prompt(OPENAI, COHERE, text);
}

/* A longer conversation begins with the bytes of the shorter one. */
TEST(conversations_grow_at_their_end)
{
	static const char *const turns[] = {"{'role':'system','content':'S'}",
	    "{'role':'user','content':'a'}", "{'role':'assistant','content':'b'}",
	    "{'role':'user','content':'c'}",
	    ("{'role':'assistant','content':null,'tool_calls':[{'id':'1','type':"
	     "'function','function':{'name':'f','arguments':'{}'}}]}"),
	    "{'role':'tool','tool_call_id':'1','content':'x'}"};
	char text[2000] = "{'temperature':1,'messages':[", all[2100], before[2000] = "";

	for (size_t i = 0; i < COUNT(turns); i++) {
		size_t n = strlen(text);

		(void)snprintf(
		    text + n, sizeof(text) - n, "%s%s", i > 0 ? "," : "", turns[i]);
		(void)snprintf(all, sizeof(all), "%s]}", text);
		assert_int_equal(write_for(json_of(all)), ERR_OK);
		/* Without the end that closes list and object. */
		assert_true(slice_starts(buf_slice(&case_body), slice_str(before)));
		(void)snprintf(before, sizeof(before), "%.*s", (int)case_body.len - 2,
		    case_body.ptr);
	}
}

static enum err
torture_prompt(const struct dialect *from, const struct dialect *to, struct slice text)
{
	return try_prompt(from, to, text);
}

TEST(requests_survive_torture)
{
	static const char text[] =
	    "{'model':'m','documents':['a'],'strict_tools':true,'tools':[{'type':"
	    "'function','function':{'name':'f','parameters':{'type':'object'}}}],"
	    "'messages':[{'role':'user','content':[{'type':'text','text':'a'},{'type':"
	    "'x'}]},{'role':'assistant','tool_calls':[{'id':'c','type':'function',"
	    "'function':{'name':'f','arguments':'{\\'a\\':1}'}}]},{'role':'tool',"
	    "'tool_call_id':'c','content':[{'type':'document','document':{'data':{}}}]}"
	    "]}";
	char *copy = slice_dup(json_of(text));
	struct case_torture t = {COHERE, OPENAI, slice_str(copy), torture_prompt};

	assert_non_null(copy);
	assert_true(torture(case_run, &t) > 0);
	t.to = COHERE;
	assert_true(torture(case_run, &t) > 0);
	free(copy);
	copy = slice_dup(json_of(
	    "{'tools':[{'type':'function','function':{'name':'f','strict':true,"
	    "'parameters':{'type':'object','properties':{'a':{'minimum':1}}}}}],"
	    "'n':2,'messages':[{'role':'assistant','content':'x','tool_calls':[{'id':"
	    "'c','function':{'name':'f','arguments':'{}'}}]}]}"));
	t = (struct case_torture){OPENAI, COHERE, slice_str(copy), torture_prompt};
	assert_non_null(copy);
	assert_true(torture(case_run, &t) > 0);
	free(copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(requests_come_back_as_they_were),
	    CASE(what_is_no_request_is_refused),
	    CASE(a_request_of_openai),
	    CASE(what_it_lacks_is_named),
	    CASE(numbers_keep_within_its_limits),
	    CASE(calls_and_results_of_openai),
	    CASE(pictures_of_results_go_to_the_user),
	    CASE(tools_are_all_strict_or_none),
	    CASE(a_named_tool_is_the_only_one),
	    CASE(formats_are_schemas_of_json),
	    CASE(thinking_is_enabled_disabled_or_bounded),
	    CASE(reasoning_goes_back_to_who_thought_it),
	    CASE(a_request_of_cohere_elsewhere),
	    CASE(conversations_grow_at_their_end),
	    CASE(requests_survive_torture),
	};

	return cmocka_run_group_tests_name("cohere", tests, NULL, NULL);
}
