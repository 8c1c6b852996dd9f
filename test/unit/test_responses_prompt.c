/*
 * Requests of OpenAI's Responses: written again as they were, and to and from what
 * other dialects say.
 */
#include "translate_case.h"

#define R &dialect_responses
#define C &dialect_openai
#define A &dialect_anthropic

/* JSON is equal but for blanks: written without any, it comes back as it is. */
static void
assert_same(const char *text)
{
	const struct case_prompt c = {.from = R, .to = R, .text = text};

	case_assert_prompt(&c, text, "");
}

static void
assert_to_chat(const char *text, const char *want, const char *lost)
{
	const struct case_prompt c = {.from = R, .to = C, .text = text};

	case_assert_prompt(&c, want, lost);
}

static void
assert_from_chat(const char *text, const char *want, const char *lost)
{
	const struct case_prompt c = {.from = C, .to = R, .text = text};

	case_assert_prompt(&c, want, lost);
}

/* --- in its own dialect --- */

TEST(what_is_understood_is_written_again)
{
	assert_same("{'model':'m','input':'hi','stream':true}");
	assert_same("{'input':[],'model':'m'}");
	assert_same("{'model':'m','input':[{'type':'message','role':'user','content':"
		    "'a\\'\\u00e9'}],'instructions':'be','temperature':1.50}");
	assert_same(
	    "{'model':'m','input':[{'type':'message','role':'developer','content':["
	    "{'type':'input_text','text':'a'},"
	    "{'type':'input_image','image_url':'data:image/png;base64,QUJD','detail':"
	    "'low'},"
	    "{'type':'input_image','image_url':'https://h/i.png'},"
	    "{'type':'input_image','file_id':'file-1'},"
	    "{'type':'input_file','file_data':'data:application/pdf;base64,QUJD',"
	    "'filename':'a.pdf'},"
	    "{'type':'input_file','file_url':'https://h/a.pdf'},"
	    "{'type':'input_audio','input_audio':{'data':'QUJD','format':'wav'}}]}]}");
	assert_same(
	    "{'model':'m','input':["
	    "{'type':'message','role':'assistant','content':[{'type':'output_text',"
	    "'text':'a'},{'type':'refusal','refusal':'no'}]},"
	    "{'type':'function_call','call_id':'c1','name':'f','arguments':'{\\'a\\': "
	    "1}'},"
	    "{'type':'function_call_output','call_id':'c1','output':'7'},"
	    "{'type':'function_call_output','call_id':'c2','output':[{'type':"
	    "'input_text','text':'8'}]}]}");
	assert_same("{'model':'m','input':'hi','tools':[{'type':'function','name':'f',"
		    "'description':'d','parameters':{'type':'object'},'strict':true},"
		    "{'type':'function','name':'g'}],'tool_choice':{'type':'function',"
		    "'name':'f'}}");
}

TEST(what_is_not_understood_stays_as_it_is)
{
	assert_same(
	    "{'model':'m','input':[{'type':'message','role':'assistant','content':"
	    "[{'type':'input_text','text':'a'}]},{'type':'message','role':'user',"
	    "'content':[{'type':'output_text','text':'b'}]}]}");
	assert_same("{'model':'m','input':[{'role':'user','content':'no type'},"
		    "{'id':'msg_1','type':'message','role':'assistant','status':"
		    "'completed','phase':'final_answer','content':[{'type':"
		    "'output_text','annotations':[],'logprobs':[],'text':'a'}]},"
		    "{'type':'message','role':'user','content':[{'type':'text',"
		    "'text':'a'},{'type':'input_text','text':'b',"
		    "'prompt_cache_breakpoint':{'mode':'explicit'}},{'type':'hologram',"
		    "'x':[1]},{'type':'input_image','image_url':null,'file_id':'f'},"
		    "{'type':'input_file','file_data':'QUJD'},{'type':'input_image',"
		    "'image_url':'data:image/jpg;base64,QUJD'},{'type':'input_audio',"
		    "'input_audio':{'data':'QUJD','format':'wav','x':1}}]}]}");
	assert_same(
	    "{'model':'m','input':["
	    "{'type':'web_search_call','id':'ws_1','status':'completed'},"
	    "{'type':'reasoning','id':'rs_1','summary':[]},"
	    "{'type':'message','role':'user','content':'a'},"
	    "{'type':'reasoning','id':'rs_2','summary':[{'type':'summary_text',"
	    "'text':'s'}],'encrypted_content':'gA','format':'f'},"
	    "{'type':'function_call','id':'fc_1','call_id':'c','name':'f',"
	    "'arguments':'','status':'completed','namespace':'n'},"
	    "{'type':'function_call_output','call_id':'c','output':'','name':'f'},"
	    "{'id':'msg_9'},{'type':'item_reference','id':'x'}]}");
	assert_same(
	    "{'model':'m','input':'a','tools':[{'type':'web_search'},{'type':"
	    "'function','name':'f','parameters':{},'strict':null},{'type':"
	    "'function','name':'g','defer_loading':true}],'tool_choice':{'type':"
	    "'mcp','server_label':'s'},'text':{'format':{'type':'json_object'},"
	    "'verbosity':'low','x':1},'reasoning':{'effort':'low','context':"
	    "'all_turns','summary':null},'include':['x'],'store':null,'\\u0061':1,"
	    "'previous_response_id':'resp_1','input':'b'}");
}

/* Weir's tags are for weir: what others thought does not go to OpenAI. */
TEST(tagged_reasoning_is_not_written_again)
{
	const char *text =
	    "{'model':'m','input':[{'type':'reasoning','summary':[],"
	    "'encrypted_content':'weir.other.gA'},{'type':'reasoning','summary':[],"
	    "'encrypted_content':'weir.acme.gB'},{'type':'reasoning','summary':[],"
	    "'encrypted_content':'weir.acme.gC.c'},{'type':'message','role':'user',"
	    "'content':'a'}]}";
	const struct case_prompt c = {.from = R, .to = R, .text = text};

	case_assert_prompt(&c,
	    "{'model':'m','input':[{'type':'reasoning','summary':[],"
	    "'encrypted_content':'gB'},{'type':'message','role':'user','content':'a'}]}",
	    "");
}

/* --- to chat --- */

TEST(a_conversation_becomes_messages)
{
	assert_to_chat("{'model':'m','input':'hi'}",
	    "{'model':'m','messages':[{'role':'user','content':'hi'}]}", "");
	assert_to_chat(
	    "{'model':'m','input':[{'role':'developer','content':'d'},"
	    "{'role':'user','content':[{'type':'input_text','text':'a'},{'type':"
	    "'input_image','image_url':'https://h/i.png','detail':'high'}]},"
	    "{'type':'reasoning','id':'rs','summary':[{'type':'summary_text','text':"
	    "'t'}],'encrypted_content':'gA'},"
	    "{'type':'message','role':'assistant','content':[{'type':'output_text',"
	    "'text':'look'}]},"
	    "{'type':'function_call','id':'fc','call_id':'c1','name':'f','arguments':"
	    "'{}','status':'completed'},"
	    "{'type':'function_call','call_id':'c2','name':'g','arguments':'{\\'a\\':1}'}"
	    ",{'type':'function_call_output','call_id':'c1','output':'one'},"
	    "{'type':'function_call_output','call_id':'c2','output':[{'type':"
	    "'input_text','text':'two'}]},"
	    "{'role':'user','content':'so?'}],'instructions':'be'}",
	    "{'model':'m','messages':[{'role':'system','content':'be'},{'role':'system',"
	    "'content':'d'},{'role':'user','content':[{'type':'text','text':'a'},"
	    "{'type':'image_url','image_url':{'url':'https://h/i.png','detail':'high'}}]}"
	    ",{'role':'assistant','content':'look','tool_calls':[{'id':'c1','type':"
	    "'function','function':{'name':'f','arguments':'{}'}},{'id':'c2','type':"
	    "'function','function':{'name':'g','arguments':'{\\'a\\':1}'}}]},"
	    "{'role':'tool','tool_call_id':'c1','content':'one'},{'role':'tool',"
	    "'tool_call_id':'c2','content':'two'},{'role':'user','content':'so?'}]}",
	    "");
}

TEST(what_is_asked_beside_it_has_its_names_in_chat)
{
	assert_to_chat(
	    "{'model':'m','input':'a','max_output_tokens':9,'temperature':0.5,'top_p':"
	    "0.9,'parallel_tool_calls':false,'metadata':{'k':'v'},'user':'u',"
	    "'service_tier':'flex','prompt_cache_key':'p','stream':true,'stream_options':"
	    "{'include_obfuscation':false},'text':{'format':{'type':'json_schema','name':"
	    "'n','schema':{'type':'object'},'strict':true,'description':'d'},"
	    "'verbosity':'low'},'reasoning':{'effort':'high','summary':'auto'},"
	    "'include':['reasoning.encrypted_content','message.output_text.logprobs'],"
	    "'top_logprobs':2,'store':false,'background':false,'truncation':'disabled',"
	    "'previous_response_id':null,'prompt_cache_retention':'24h',"
	    "'tools':[{'type':'function','name':'f','parameters':{'type':'object'},"
	    "'strict':true},{'type':'function','name':'g'}],'tool_choice':{'type':"
	    "'allowed_tools','mode':'required','tools':[{'type':'function','name':'f'},"
	    "{'type':'function','name':'g'}]}}",
	    "{'model':'m','stream':true,'stream_options':{'include_usage':true},"
	    "'max_tokens':9,'temperature':0.5,'top_p':0.9,'metadata':{'k':'v'},"
	    "'service_tier':'flex','prompt_cache_key':'p','verbosity':'low','logprobs':"
	    "true,'top_logprobs':2,'prompt_cache_retention':'24h','user':'u',"
	    "'reasoning_effort':'high','response_format':{'type':'json_schema',"
	    "'json_schema':{'name':'n','description':'d','strict':true,'schema':{'type':"
	    "'object'}}},'tools':[{'type':'function','function':{'name':'f','parameters':"
	    "{'type':'object'},'strict':true}},{'type':'function','function':{'name':'g'}"
	    "}"
	    "],'parallel_tool_calls':false,'tool_choice':{'type':'allowed_tools',"
	    "'allowed_tools':{'mode':'required','tools':[{'type':'function','function':"
	    "{'name':'f'}},{'type':'function','function':{'name':'g'}}]}},"
	    "'messages':[{'role':'user','content':'a'}]}",
	    "");
	assert_to_chat("{'model':'m','input':'a','top_logprobs':3}",
	    "{'model':'m','top_logprobs':3,'logprobs':true,'messages':[{'role':'user',"
	    "'content':'a'}]}",
	    "");
}

TEST(what_chat_has_not_is_named)
{
	assert_to_chat(
	    "{'model':'m','input':'a','previous_response_id':'r',"
	    "'conversation':'c','background':true,'max_tool_calls':1,'prompt':"
	    "{'id':'p'},'context_management':[],'truncation':'auto','new':1,"
	    "'include':['web_search_call.results'],'reasoning':{'mode':'pro',"
	    "'context':'auto'},'text':{'x':1},'tools':[{'type':'web_search'},"
	    "{'type':'function','name':'f','output_schema':{'a':1}}],'tool_choice':"
	    "{'type':'web_search'}}",
	    "{'model':'m','tools':[{'type':'function','function':{'name':'f'}}],"
	    "'messages':[{'role':'user','content':'a'}]}",
	    "previous_response_id,conversation,background,max_tool_calls,prompt,"
	    "context_management,truncation,new,reasoning.mode,reasoning.context,text.x,"
	    "tools[0],include[0],tools[1].output_schema,tool_choice");
	assert_to_chat("{'model':'m','input':[{'type':'item_reference','id':'x'},"
		       "{'type':'message','role':'user','content':[{'type':'input_text',"
		       "'text':'a','y':1},{'type':'input_file','file_url':'https://h'}],"
		       "'z':2},{'type':'function_call','call_id':'c','name':'f',"
		       "'arguments':'{}','namespace':'n'},{'type':'function_call_output',"
		       "'call_id':'c','output':[{'type':'input_file','file_id':'f'}]},"
		       "{'type':'message','role':'assistant','content':[{'type':"
		       "'output_text','text':'b','annotations':[{'type':'x'}]}]}]}",
	    "{'model':'m','messages':[{'role':'user','content':[{'type':'text','text':"
	    "'a'}]},{'role':'assistant','content':null,'tool_calls':[{'id':'c','type':"
	    "'function','function':{'name':'f','arguments':'{}'}}]},{'role':'tool',"
	    "'tool_call_id':'c','content':''},{'role':'assistant','content':'b'}]}",
	    "input[1].content[1],input[3].output[0],input[0],input[1].content[0].y,"
	    "input[1].z,input[2].namespace,input[4].content[0].annotations");
}

/* Instructions of chat are text alone. */
TEST(images_among_instructions_are_named)
{
	assert_to_chat("{'input':[{'role':'developer','content':[{'type':'input_text',"
		       "'text':'a'},{'type':'input_image','image_url':'https://h/i.png'}]"
		       "}]}",
	    "{'model':'','messages':[{'role':'system','content':'a'}]}",
	    "input[0].content[1]");
}

TEST(a_cache_breakpoint_is_one_elsewhere)
{
	static const struct case_prompt c = {.from = R,
	    .to = A,
	    .text =
		"{'model':'m','max_output_tokens':9,'input':[{'role':'user','content':"
		"[{'type':'input_text','text':'a','prompt_cache_breakpoint':{'mode':"
		"'explicit'}}]}]}"};

	case_assert_prompt(&c,
	    "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':[{'type':"
	    "'text','text':'a','cache_control':{'type':'ephemeral'}}]}]}",
	    "");
}

/* What only this dialect knows, and what others do not want back, makes no messages. */
TEST(nothing_becomes_an_empty_message)
{
	assert_to_chat("{'model':'m','input':[{'role':'user','content':'a'},{'type':"
		       "'reasoning','summary':[{'type':'summary_text','text':'t'}]},"
		       "{'type':'web_search_call','id':'ws'},{'role':'user','content':"
		       "'b'}]}",
	    "{'model':'m','messages':[{'role':'user','content':'a'},{'role':'user',"
	    "'content':'b'}]}",
	    "input[2]");
}

/* --- from chat --- */

TEST(messages_become_items)
{
	assert_from_chat(
	    "{'model':'m','messages':[{'role':'system','content':'s'},{'role':'user',"
	    "'content':[{'type':'text','text':'a'},{'type':'image_url','image_url':"
	    "{'url':'data:image/png;base64,QUJD'}},{'type':'file','file':{'file_data':"
	    "'data:application/pdf;base64,QUJD'}},{'type':'input_audio','input_audio':"
	    "{'data':'QUJD','format':'wav'}}]},{'role':'assistant','content':'look',"
	    "'tool_calls':[{'id':'c1','type':'function','function':{'name':'f',"
	    "'arguments':'{\\'a\\':1}'}},{'id':'c 2','type':'function','function':"
	    "{'name':'g','arguments':''}}]},{'role':'tool','tool_call_id':'c1','content':"
	    "'one'},{'role':'tool','tool_call_id':'c 2','content':[{'type':'text','text':"
	    "'two'}]},{'role':'user','content':'so?','name':'x'}]}",
	    "{'model':'m','store':false,'input':[{'type':'message','role':'system',"
	    "'content':'s'},{'type':'message','role':'user','content':[{'type':"
	    "'input_text','text':'a'},{'type':'input_image','image_url':'data:image/png;"
	    "base64,QUJD','detail':'auto'},{'type':'input_file','file_data':"
	    "'data:application/pdf;base64,QUJD','filename':'document.pdf'},{'type':"
	    "'input_audio','input_audio':{'data':'QUJD','format':'wav'}}]},{'type':"
	    "'message','role':'assistant','content':[{'type':'output_text','text':"
	    "'look'}]},{'type':'function_call','call_id':'c1','name':'f','arguments':"
	    "'{\\'a\\':1}'},{'type':'function_call','call_id':'call_QxIUvZSpIBL','name':"
	    "'g','arguments':'{}'},{'type':'function_call_output','call_id':'c1',"
	    "'output':'one'},{'type':'function_call_output','call_id':"
	    "'call_QxIUvZSpIBL','output':'two'},{'type':'message','role':'user',"
	    "'content':'so?'}]}",
	    "messages[5].name");
}

TEST(what_is_asked_beside_it_has_its_names_in_responses)
{
	assert_from_chat(
	    "{'model':'m','messages':[{'role':'user','content':'a'}],'max_tokens':9,"
	    "'temperature':0.5,'user':'u','verbosity':'high','logprobs':true,"
	    "'top_logprobs':2,'stream':true,'stream_options':{'include_usage':true},"
	    "'response_format':{'type':'json_schema','json_schema':{'name':'n','schema':"
	    "{'a':1}}},'reasoning_effort':'low','tools':[{'type':'function','function':"
	    "{'name':'f','parameters':{'type':'object'}}},{'type':'function','function':"
	    "{'name':'g','strict':true}}],'tool_choice':{'type':'function','function':"
	    "{'name':'f'}},'parallel_tool_calls':false,'store':true,'n':1,'seed':null}",
	    "{'model':'m','stream':true,'store':true,'include':"
	    "['reasoning.encrypted_content','message.output_text.logprobs'],"
	    "'max_output_tokens':9,'temperature':0.5,'top_logprobs':2,'user':'u',"
	    "'reasoning':{'effort':'low'},'text':{'format':{'type':'json_schema','name':"
	    "'n','schema':{'a':1}},'verbosity':'high'},'tools':[{'type':'function','name'"
	    ":"
	    "'f','parameters':{'type':'object'},'strict':false},{'type':'function','name'"
	    ":"
	    "'g','parameters':{'type':'object','properties':{}},'strict':true}],"
	    "'parallel_tool_calls':false,'tool_choice':{'type':'function','name':'f'},"
	    "'input':[{'type':'message','role':'user','content':'a'}]}",
	    "");
	assert_from_chat("{'model':'m','messages':[],'response_format':{'type':"
			 "'json_object'},'reasoning_effort':'none','tools':[{'type':"
			 "'function','function':{'name':'f'}}],'tool_choice':'required'}",
	    "{'model':'m','store':false,'reasoning':{'effort':'none'},'text':{'format':"
	    "{'type':'json_object'}},'tools':[{'type':'function','name':'f','parameters':"
	    "{'type':'object','properties':{}},'strict':false}],'tool_choice':'required',"
	    "'input':[]}",
	    "");
}

TEST(what_responses_has_not_is_named)
{
	assert_from_chat("{'model':'m','messages':[{'role':'user','content':[{'type':"
			 "'video_url','video_url':{'url':'https://h'}}]}],'stop':'x',"
			 "'seed':1,'n':2,'logit_bias':{'1':2},'frequency_penalty':1,"
			 "'prediction':{},'top_k':3}",
	    "{'model':'m','store':false,'input':[]}",
	    "stop,seed,n,logit_bias,frequency_penalty,prediction,top_k,messages[0]."
	    "content[0]");
}

TEST(tiers_and_results_that_failed)
{
	static const char *const tiers[][3] = {
	    {"'standard_only'", "'service_tier':'default',", ""},
	    {"'auto'", "", ""},
	    {"'batch'", "", "service_tier"},
	};
	static const struct case_prompt failed = {.from = A,
	    .to = R,
	    .text = "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':["
		    "{'type':'tool_result','tool_use_id':'c','content':'r','is_error':"
		    "true},{'type':'tool_result','tool_use_id':'d','content':[{'type':"
		    "'image','source':{'type':'url','url':'https://h'}}],'is_error':true}"
		    "]}]}"};

	for (size_t i = 0; i < COUNT(tiers); i++) {
		char text[200], want[200];
		const struct case_prompt c = {.from = A, .to = R, .text = text};

		(void)snprintf(text, sizeof(text),
		    "{'model':'m','max_tokens':9,'messages':[],'service_tier':%s}",
		    tiers[i][0]);
		(void)snprintf(want, sizeof(want),
		    "{'model':'m','store':false,%s'max_output_tokens':9,'input':[]}",
		    tiers[i][1]);
		case_assert_prompt(&c, want, tiers[i][2]);
	}
	case_assert_prompt(&failed,
	    "{'model':'m','store':false,'max_output_tokens':9,'input':[{'type':"
	    "'function_call_output','call_id':'c','output':'Error: r'},{'type':"
	    "'function_call_output','call_id':'d','output':[{'type':'input_text','text':"
	    "'Error:'},{'type':'input_image','image_url':'https://"
	    "h','detail':'auto'}]}]}",
	    "");
}

/* --- reasoning --- */

/* Thoughts of this provider go back to it, those of others are left out. */
TEST(thoughts_go_back_to_who_had_them)
{
	static const char text[] =
	    "{'model':'m','max_tokens':9,'messages':[{'role':'assistant','content':["
	    "{'type':'thinking','thinking':'t','signature':'weir.acme.gA'},"
	    "{'type':'redacted_thinking','data':'weir.acme.gB'},"
	    "{'type':'thinking','thinking':'u','signature':'weir.other.gC'},"
	    "{'type':'thinking','thinking':'v','signature':'gD'},"
	    "{'type':'thinking','thinking':'w','signature':'weir.acme.'},"
	    "{'type':'text','text':'a'}]}]}";
	struct case_prompt c = {.from = A, .to = R, .text = text};

	case_assert_prompt(&c,
	    "{'model':'m','store':false,'max_output_tokens':9,'input':[{'type':"
	    "'reasoning','summary':[{'type':'summary_text','text':'t'}],"
	    "'encrypted_content':'gA'},{'type':'reasoning','summary':[],"
	    "'encrypted_content':'gB'},{'type':'message','role':'assistant','content':["
	    "{'type':'output_text','text':'a'}]}]}",
	    "");
	c.provider = "other";
	c.quirks = Q_REASONING_BACK;
	case_assert_prompt(&c,
	    "{'model':'m','store':false,'max_output_tokens':9,'input':[{'type':"
	    "'reasoning','summary':[{'type':'summary_text','text':'u'}],"
	    "'encrypted_content':'gC'},{'type':'message','role':'assistant','content':["
	    "{'type':'output_text','text':'a'}]}]}",
	    "");
	c.provider = "acme";
	c.text = "{'model':'m','max_tokens':9,'messages':[{'role':'assistant','content':"
		 "[{'type':'thinking','thinking':'w','signature':'weir.acme.'}]}]}";
	case_assert_prompt(&c,
	    "{'model':'m','store':false,'max_output_tokens':9,'input':[{'type':"
	    "'reasoning','summary':[],'content':[{'type':'reasoning_text','text':'w'}]}]"
	    "}",
	    "");
}

/* What a caller of this dialect was told of another's thoughts finds back. */
TEST(thoughts_of_others_find_back_through_this_dialect)
{
	static const char text[] =
	    "{'model':'m','max_output_tokens':9,'input':[{'role':'user','content':'q'},"
	    "{'type':'reasoning','summary':[{'type':'summary_text','text':'t'}],"
	    "'encrypted_content':'weir.acme.sig.s'},"
	    "{'type':'reasoning','summary':[],'encrypted_content':'weir.acme.sig.s'},"
	    "{'type':'reasoning','summary':[],'encrypted_content':'weir.acme.data'},"
	    "{'type':'reasoning','summary':[],'encrypted_content':'weir.other.x.s'},"
	    "{'type':'reasoning','summary':[],'encrypted_content':'gA'},"
	    "{'type':'function_call','call_id':'c','name':'f','arguments':'{}'}]}";
	const struct case_prompt c = {.from = R, .to = A, .text = text};

	case_assert_prompt(&c,
	    "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':[{'type':"
	    "'text','text':'q'}]},{'role':'assistant','content':["
	    "{'type':'thinking','thinking':'t','signature':'sig'},"
	    "{'type':'thinking','thinking':'','signature':'sig'},"
	    "{'type':'redacted_thinking','data':'data'},"
	    "{'type':'tool_use','id':'c','name':'f','input':{}}]}]}",
	    "");
}

static struct slice
signature_of_call(const struct prompt *p)
{
	for (const struct turn *t = p->turns; t != NULL; t = t->next)
		if (t->parts->kind == PART_CALL)
			return t->parts->call.signature;
	return S("no call");
}

static void
assert_signature(const char *input, struct slice want)
{
	char *text = case_quoted(input);
	const char *param;
	struct prompt p;
	struct note note;
	struct arena a;
	struct json j;

	arena_init(&a, NULL, 0, 1u << 20);
	json_init(&j, 1000);
	assert_int_equal(json_parse(&j, slice_str(text), 7), ERR_OK);
	assert_int_equal(
	    dialect_responses.chat->read_prompt(&j, &a, &p, &note, &param), ERR_OK);
	assert_slice(signature_of_call(&p), want);
	json_free(&j);
	arena_free(&a);
	free(text);
}

TEST(a_signature_belongs_to_the_call_behind_it)
{
	assert_signature(
	    "{'input':[{'type':'reasoning','summary':[],'encrypted_content':"
	    "'weir.acme.sig.c'},{'type':'function_call','call_id':'c','name':"
	    "'f','arguments':''}]}",
	    S("weir.acme.sig"));
	assert_signature("{'input':[{'type':'reasoning','summary':[],'encrypted_content':"
			 "'weir.acme.sig.c'},{'role':'user','content':''},{'type':"
			 "'function_call','call_id':'c','name':'f','arguments':''}]}",
	    S(""));
}

/* --- faults --- */

TEST(what_cannot_be_is_refused_by_name)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
	    {"{'input':7}", "input: 'input' must be a string or an array."},
	    {"{'input':[7]}", "input: input[0] must be an object."},
	    {"{'input':[{}]}",
		"input: input[0] must have a type, or a role that is 'user', "
		"'assistant', 'system' or 'developer'."},
	    {"{'input':[{'role':'boss','content':'a'}]}",
		"input: input[0] must have a type, or a role that is 'user', "
		"'assistant', 'system' or 'developer'."},
	    {"{'input':[{'role':'user','content':7}]}",
		"input: 'input[0].content' must be a string or an array."},
	    {"{'input':[{'type':'function_call_output','call_id':'c'}]}",
		"input: 'input[0].output' must be a string or an array."},
	    {"{'input':[{'type':'function_call','call_id':1}]}",
		"input.call_id: 'input.call_id' must be a string."},
	    {"{'instructions':[]}", "instructions: 'instructions' must be a string."},
	    {"{'tools':{}}", "tools: 'tools' must be an array."},
	    {"{'tools':[{'type':'function','name':1}]}",
		"tools.name: 'tools.name' must be a string."},
	    {"{'tool_choice':1}",
		"tool_choice: 'tool_choice' must be 'auto', 'none', 'required', or name "
		"a tool."},
	    {"{'tool_choice':{'type':'function'}}",
		"tool_choice: 'tool_choice' must name a function."},
	    {"{'tool_choice':{'type':'allowed_tools','tools':[]}}",
		"tool_choice: 'tool_choice.tools' must name tools."},
	    {"{'text':1}", "text: 'text' must be an object."},
	    {"{'text':{'format':{'type':'x'}}}",
		"text.format: 'text.format' must be of type 'text', 'json_object' or "
		"'json_schema'."},
	    {"{'text':{'format':{'type':'json_schema','name':'n'}}}",
		"text.format.schema: 'text.format.schema' must be an object."},
	    {"{'reasoning':'high'}", "reasoning: 'reasoning' must be an object."},
	    {"{'reasoning':{'effort':'extra'}}",
		"reasoning.effort: The reasoning effort 'extra' is not one of none, "
		"minimal, low, medium, high, xhigh, max."},
	    {"{'include':'x'}", "include: 'include' must be an array."},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		case_assert_refused(R, cases[i].text, cases[i].want);
}

/* --- growing conversations, and memory --- */

/* The bytes for a longer conversation begin with those for the shorter one. */
TEST(a_longer_conversation_begins_with_the_shorter)
{
	static const char head[] =
	    "{'model':'m','max_tokens':9,'thinking':{'type':'enabled','budget_tokens':"
	    "2000},'system':[{'type':'text','text':'s'},{'type':'text','text':'t'}],"
	    "'tools':[{'name':'f','input_schema':{'type':'object'}}],'messages':["
	    "{'role':'user','content':'a'}";
	static const char asked_back[] =
	    ",{'role':'user','content':[{'type':'tool_result','tool_use_id':'c',"
	    "'content':'r'},{'type':'text','text':'d'}]}";
	static const char called[] =
	    ",{'role':'assistant','content':[{'type':'thinking','thinking':'t',"
	    "'signature':'weir.acme.g'},{'type':'text','text':'b'},{'type':'tool_use',"
	    "'id':'c','name':'f','input':{'x':1}}]}";
	static const char *const more[] = {called, asked_back,
	    ",{'role':'assistant','content':'e'}", ",{'role':'user','content':'f'}"};
	struct case_told before, now;
	char text[2000];

	(void)snprintf(text, sizeof(text), "%s", head);
	before.text[0] = '\0';
	for (size_t i = 0; i <= COUNT(more); i++) {
		char whole[2100];
		const struct case_prompt c = {.from = A, .to = R, .text = whole};
		size_t kept = strlen(before.text);

		(void)snprintf(whole, sizeof(whole), "%s]}", text);
		assert_int_equal(case_write_prompt(&c, &now), ERR_OK);
		/* Without the brackets that close it. */
		assert_true(kept == 0 || strncmp(before.text, now.text, kept - 2) == 0);
		before = now;
		if (i < COUNT(more))
			(void)strcat(text, more[i]);
	}
	assert_non_null(strstr(now.text, "'instructions':'s\\n\\nt'"));
}

static enum err
write_it(void *arg)
{
	struct case_told told;

	return case_write_prompt(arg, &told);
}

TEST(memory_may_fail_anywhere)
{
	static const char text[] =
	    "{'model':'m','input':[{'role':'user','content':[{'type':'input_text','text':"
	    "'a','x':1}]},{'type':'reasoning','summary':[{'type':'summary_text','text':"
	    "'t'},{'type':'summary_text','text':'u'}]},{'type':'function_call','call_id':"
	    "'c','name':'f','arguments':'{\\'a\\':1}'},{'type':'function_call_output',"
	    "'call_id':'c','output':[{'type':'input_text','text':'r'}]},{'type':'x'}],"
	    "'tools':[{'type':'function','name':'f'}],'include':["
	    "'message.output_text.logprobs'],'text':{'verbosity':'low'}}";
	struct case_prompt c = {.from = R, .to = R, .text = text};

	assert_true(torture(write_it, &c) > 0);
	c.to = C;
	assert_true(torture(write_it, &c) > 0);
	c.from = C;
	c.to = R;
	c.text = "{'model':'m','messages':[{'role':'user','content':'a'}]}";
	assert_true(torture(write_it, &c) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_understood_is_written_again),
	    cmocka_unit_test(what_is_not_understood_stays_as_it_is),
	    cmocka_unit_test(tagged_reasoning_is_not_written_again),
	    cmocka_unit_test(a_conversation_becomes_messages),
	    cmocka_unit_test(what_is_asked_beside_it_has_its_names_in_chat),
	    cmocka_unit_test(what_chat_has_not_is_named),
	    cmocka_unit_test(images_among_instructions_are_named),
	    cmocka_unit_test(a_cache_breakpoint_is_one_elsewhere),
	    cmocka_unit_test(nothing_becomes_an_empty_message),
	    cmocka_unit_test(messages_become_items),
	    cmocka_unit_test(what_is_asked_beside_it_has_its_names_in_responses),
	    cmocka_unit_test(what_responses_has_not_is_named),
	    cmocka_unit_test(tiers_and_results_that_failed),
	    cmocka_unit_test(thoughts_go_back_to_who_had_them),
	    cmocka_unit_test(thoughts_of_others_find_back_through_this_dialect),
	    cmocka_unit_test(a_signature_belongs_to_the_call_behind_it),
	    cmocka_unit_test(what_cannot_be_is_refused_by_name),
	    cmocka_unit_test(a_longer_conversation_begins_with_the_shorter),
	    cmocka_unit_test(memory_may_fail_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
