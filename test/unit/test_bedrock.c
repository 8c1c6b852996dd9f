#include "dialect_case.h"

#define BEDROCK &dialect_bedrock
#define OPENAI	&dialect_openai
#define CLAUDE	&dialect_anthropic

/* --- requests of its own --- */

TEST(requests_come_back_as_they_were)
{
	static const char *const same[] = {
	    "{'messages':[{'role':'user','content':[{'text':'a\\u00e9'}]}]}",
	    "{'system':[{'text':'S'},{'cachePoint':{'type':'default'}}],'messages':[{"
	    "'role':'user','content':[{'text':'a'},{'cachePoint':{'type':'default','ttl':"
	    "'1h'}},{'text':'b'}]}]}",
	    "{'messages':[{'role':'user','content':[{'image':{'format':'png','source':"
	    "{'bytes':'iVBO'}}},{'document':{'format':'pdf','name':'a b','source':{"
	    "'bytes':'JVBE'}}},{'video':{'format':'mp4','source':{'bytes':'AA'}}},{"
	    "'audio':{'format':'mp3','source':{'bytes':'AA'}}}]}]}",
	    "{'messages':[{'role':'assistant','content':[{'reasoningContent':{"
	    "'reasoningText':{'text':'hm','signature':'s'}}},{'reasoningContent':{"
	    "'redactedContent':'AAEC'}},{'text':'So'},{'toolUse':{'toolUseId':'c','name':"
	    "'f','input':{'a':[1,null]}}}]},{'role':'user','content':[{'toolResult':{"
	    "'toolUseId':'c','content':[{'text':'x'},{'image':{'format':'gif','source':{"
	    "'bytes':'R0'}}}],'status':'error'}}]}]}",
	    "{'toolConfig':{'tools':[{'toolSpec':{'name':'f','description':'d',"
	    "'inputSchema':{'json':{'type':'object'}},'strict':true}},{'cachePoint':{"
	    "'type':'default'}}],'toolChoice':{'any':{}}},'inferenceConfig':{'topP':0.90,"
	    "'maxTokens':5},'messages':[]}",
	    /* What is not understood, or said though it is so anyway. */
	    "{'messages':[{'role':'user','content':[{'cachePoint':{'type':'default'}},{"
	    "'cachePoint':{'type':'default'}},{'text':'a'},{'cachePoint':{'type':"
	    "'default','x':1}},{'cachePoint':{'type':'other'}}]}]}",
	    "{'messages':[{'role':'user','content':[{'guardContent':{'text':{'text':'a',"
	    "'qualifiers':['query']}}},{'searchResult':{}},{'document':{'format':'pdf',"
	    "'name':'n','source':{'text':'t'},'citations':{'enabled':true}}},{'image':{"
	    "'format':'png','source':{'s3Location':{'uri':'s3://b/k'}}}},{'text':'a',"
	    "'more':1},'no',{}]}]}",
	    "{'messages':[{'role':'user','content':[{'toolResult':{'toolUseId':'c',"
	    "'content':[{'json':{'a':1}},{'document':{'format':'txt','name':'n','source':"
	    "{'bytes':'YQ==','x':1}}}],'status':'success','type':'t'}}],'x':1},{'role':"
	    "'assistant','content':[{'toolUse':{'toolUseId':'c','name':'f','input':{},"
	    "'type':'tool_use'}},{'citationsContent':{'content':[{'text':'a'}],"
	    "'citations':[]}},{'audio':{'format':'mpga','source':{'bytes':'AA'}}}]},{"
	    "'role':'user','content':null}]}",
	    "{'modelId':'some-model','guardrailConfig':{'trace':'enabled'},"
	    "'additionalModelRequestFields':{'top_k':5,'inferenceConfig':{'topK':3},"
	    "'thinking':{'type':'enabled','budget_tokens':2000},'x':{}},'serviceTier':{"
	    "'type':'flex'},'outputConfig':{'effort':'high'},'requestMetadata':{'a':"
	    "'b'},'promptVariables':null,'future':1,'messages':[]}",
	    "{'toolConfig':{'tools':[{'cachePoint':{'type':'default'}},{'systemTool':{"
	    "'name':'s'}},{'toolSpec':{'name':'f','inputSchema':{'json':{}},"
	    "'description':null}}],'x':1},'messages':[]}",
	};

	for (size_t i = 0; i < COUNT(same); i++)
		assert_same_prompt(BEDROCK, same[i]);
}

TEST(what_is_no_request_is_refused)
{
	assert_bad_prompt(
	    BEDROCK, "{'messages':{}}", "messages", "'messages' must be an array.");
	assert_bad_prompt(BEDROCK, "{'messages':[{'role':'tool'}]}", "messages",
	    "messages[0].role must be 'user' or 'assistant'.");
	assert_bad_prompt(BEDROCK, "{'messages':[{'role':'user','content':'a'}]}",
	    "messages", "messages[0].content must be an array of blocks.");
	assert_bad_prompt(BEDROCK,
	    "{'messages':[{'role':'user','content':[{'text':1}]}]}",
	    "messages.content.text", "'messages.content.text' must be a string.");
	assert_bad_prompt(BEDROCK, "{'toolConfig':{'tools':1}}", "toolConfig",
	    "'toolConfig.tools' must be an array.");
	assert_bad_prompt(BEDROCK, "{'toolConfig':{'toolChoice':{'none':{}}}}",
	    "toolConfig", "'toolConfig.toolChoice' must be of auto, any or tool.");
	assert_bad_prompt(BEDROCK, "{'inferenceConfig':[]}", "body",
	    "'inferenceConfig' must be an object.");
	assert_bad_prompt(BEDROCK, "{'outputConfig':{'textFormat':{}}}", "outputConfig",
	    "'outputConfig.textFormat' must have a structure.jsonSchema.schema.");
	assert_bad_prompt(BEDROCK, "{'outputConfig':{'effort':'huge'}}", "outputConfig",
	    "The effort 'huge' is not known.");
}

/* --- its requests elsewhere --- */

TEST(a_request_told_to_openai)
{
	assert_prompt(BEDROCK, OPENAI,
	    "{'system':[{'text':'S'}],'inferenceConfig':{'maxTokens':9,'temperature':0.5,"
	    "'topP':0.9,'stopSequences':['x']},'additionalModelRequestFields':{"
	    "'inferenceConfig':{'topK':3}},'serviceTier':{'type':'default'},"
	    "'requestMetadata':{'a':'b'},'outputConfig':{'effort':'high','textFormat':{"
	    "'type':'json_schema','structure':{'jsonSchema':{'schema':'{\\'a\\':1}',"
	    "'name':'n'}}}},'toolConfig':{'tools':[{'toolSpec':{'name':'f','inputSchema':"
	    "{'json':{'b':2}}}}],'toolChoice':{'tool':{'name':'f'}}},'messages':[{'role':"
	    "'user','content':[{'text':'a'},{'image':{'format':'png','source':{'bytes':"
	    "'iVBO'}}}]},{'role':'assistant','content':[{'toolUse':{'toolUseId':'c',"
	    "'name':'f','input':{'x':1}}}]},{'role':'user','content':[{'toolResult':{"
	    "'toolUseId':'c','content':[{'json':{'r':'\\n'}}]}}]}]}",
	    "{'model':'some-model','max_tokens':9,'stop':['x'],'temperature':0.5,'top_p':"
	    "0.9,'top_k':3,'metadata':{'a':'b'},'reasoning_effort':'high',"
	    "'response_format':{'type':'json_schema','json_schema':{'name':'n','strict':"
	    "true,'schema':{'a':1}}},'tools':[{'type':'function','function':{'name':'f',"
	    "'parameters':{'b':2}}}],'tool_choice':{'type':'function','function':{"
	    "'name':'f'}},'messages':[{'role':'system','content':'S'},{'role':'user',"
	    "'content':[{'type':'text','text':'a'},{'type':'image_url','image_url':{"
	    "'url':'data:image/png;base64,iVBO'}}]},{'role':'assistant','content':null,"
	    "'tool_calls':[{'id':'c','type':'function','function':{'name':'f',"
	    "'arguments':'{\\'x\\':1}'}}]},{'role':'tool','tool_call_id':'c','content':"
	    "'{\\'r\\':\\'\\\\n\\'}'}]}",
	    "");
}

TEST(what_others_lack_is_named)
{
	/* What is told anyway is not missed. */
	assert_prompt(BEDROCK, OPENAI,
	    "{'additionalModelResponseFieldPaths':['/delta/stop_sequence'],"
	    "'messages':[{'role':'user','content':[{'text':'a'}]}]}",
	    "{'model':'some-model','messages':[{'role':'user','content':'a'}]}", "");
	assert_prompt(BEDROCK, OPENAI,
	    "{'guardrailConfig':{},'performanceConfig':{'latency':'optimized'},"
	    "'additionalModelResponseFieldPaths':['/a'],'additionalModelRequestFields':{"
	    "'anthropic_beta':['b']},'inferenceConfig':{'x':1},'toolConfig':{'tools':[{"
	    "'systemTool':{'name':'s'}}]},'messages':[{'role':'user','content':[{"
	    "'guardContent':{'text':{'text':'g'}}},{'searchResult':{}},{'text':'a'},{"
	    "'cachePoint':{'type':'x'}}]}]}",
	    "{'model':'some-model','messages':[{'role':'user','content':[{"
	    "'type':'text','text':'g'},{'type':'text','text':'a'}]}]}",
	    "guardrailConfig performanceConfig additionalModelResponseFieldPaths "
	    "additionalModelRequestFields.anthropic_beta inferenceConfig.x "
	    "toolConfig.tools[0] messages[0].content[1] messages[0].content[3] "
	    "messages[0].content[0]");
}

TEST(breakpoints_and_efforts_told_to_anthropic)
{
	assert_prompt(BEDROCK, CLAUDE,
	    "{'system':[{'text':'S'},{'cachePoint':{'type':'default','ttl':'1h'}}],"
	    "'additionalModelRequestFields':{'thinking':{'type':'enabled',"
	    "'budget_tokens':2000}},'toolConfig':{'tools':[{'toolSpec':{'name':'f',"
	    "'inputSchema':{'json':{'type':'object'}}}},{'cachePoint':{'type':"
	    "'default'}}]},'messages':[{'role':'user','content':[{'text':'a'},{"
	    "'cachePoint':{'type':'default','ttl':'5m'}}]}]}",
	    "{'model':'some-model','thinking':{'type':'enabled','budget_tokens':2000},"
	    "'max_tokens':10192,'tools':[{'name':'f','input_schema':{'type':'object'},"
	    "'cache_control':{'type':'ephemeral'}}],'system':[{'type':'text','text':'S',"
	    "'cache_control':{'type':'ephemeral','ttl':'1h'}}],'messages':[{'role':"
	    "'user','content':[{'type':'text','text':'a','cache_control':{'type':"
	    "'ephemeral','ttl':'5m'}}]}]}",
	    "");
}

/* --- requests of others --- */

TEST(a_request_of_openai)
{
	case_model = "us.anthropic.claude-haiku-4-5";
	assert_prompt(OPENAI, BEDROCK,
	    "{'model':'m','stream':true,'max_tokens':9,'temperature':1.5,'top_p':0.9,"
	    "'top_k':4,'stop':'x','metadata':{'a':'b'},'service_tier':'flex','tools':[{"
	    "'type':'function','function':{'name':'f','description':'','parameters':{"
	    "'type':'object'},'strict':true}},{'type':'function','function':{'name':'g'"
	    "}}],'tool_choice':'required','messages':[{'role':'system','content':'S'},{"
	    "'role':'user','content':[{'type':'text','text':'a'},{'type':'image_url',"
	    "'image_url':{'url':'data:image/jpg;base64,xx'}}]}]}",
	    "{'additionalModelRequestFields':{'top_k':4},'inferenceConfig':{'maxTokens':"
	    "9,"
	    "'temperature':1,'stopSequences':['x']},'serviceTier':{'type':"
	    "'flex'},'requestMetadata':{'a':'b'},'toolConfig':{'tools':[{'toolSpec':{"
	    "'name':'f','inputSchema':{'json':{'type':'object'}},'strict':true}},{"
	    "'toolSpec':{'name':'g','inputSchema':{'json':{'type':'object','properties':"
	    "{}}}}}],'toolChoice':{'any':{}}},'system':[{'text':'S'}],'messages':[{"
	    "'role':'user','content':[{'text':'a'},{'image':{'format':'jpeg','source':{"
	    "'bytes':'xx'}}}]}]}",
	    "top_p");
}

TEST(what_it_lacks_is_named)
{
	assert_prompt(OPENAI, BEDROCK,
	    "{'n':2,'seed':1,'logprobs':true,'frequency_penalty':1,'user':'u',"
	    "'service_tier':'scale','parallel_tool_calls':false,'tools':[{'type':"
	    "'function','function':{'name':'f'}},{'type':'custom','custom':{'name':"
	    "'h'}}],'messages':[{'role':'user','content':[{'type':'image_url',"
	    "'image_url':{'url':'https://a/b.png'}},{'type':'text','text':'a'}]}]}",
	    "{'toolConfig':{'tools':[{'toolSpec':{'name':'f','inputSchema':{'json':{"
	    "'type':'object','properties':{}}}}}]},'messages':[{'role':'user','content':"
	    "[{'text':'a'}]}]}",
	    "parallel_tool_calls service_tier n seed logprobs frequency_penalty user "
	    "tools[1] messages[0].content[0]");
	case_model = "anthropic.claude-3";
	assert_prompt(OPENAI, BEDROCK,
	    "{'parallel_tool_calls':false,'tools':[{'type':'function','function':{'name':"
	    "'f','parameters':{'a':1}}}],'messages':[{'role':'user','content':'a'}]}",
	    "{'additionalModelRequestFields':{'tool_choice':{'type':'auto',"
	    "'disable_parallel_tool_use':true}},'toolConfig':{'tools':[{'toolSpec':{"
	    "'name':'f','inputSchema':{'json':{'a':1}}}}]},'messages':[{'role':'user',"
	    "'content':[{'text':'a'}]}]}",
	    "");
}

static void
assert_turns(const char *messages, const char *want, const char *lost)
{
	char from[2000], to[2000];

	(void)snprintf(from, sizeof(from), "{'messages':[%s]}", messages);
	(void)snprintf(to, sizeof(to), "{'messages':[%s]}", want);
	assert_prompt(OPENAI, BEDROCK, from, to, lost);
}

TEST(turns_alternate_and_begin_with_the_users)
{
	assert_turns("{'role':'user','content':'a'},{'role':'user','content':'b'},{"
		     "'role':'assistant','content':'c  \\n'},{'role':'assistant',"
		     "'content':'d '},{'role':'user','content':'e'}",
	    "{'role':'user','content':[{'text':'a'},{'text':'b'}]},{'role':'assistant',"
	    "'content':[{'text':'c  \\n'},{'text':'d'}]},{'role':'user','content':[{"
	    "'text':'e'}]}",
	    "");
	assert_turns("{'role':'assistant','content':'a'}",
	    "{'role':'user','content':[{'text':'.'}]},{'role':'assistant','content':[{"
	    "'text':'a'}]}",
	    "");
	assert_turns("", "{'role':'user','content':[{'text':'.'}]}", "");
	/* What says nothing parts nobody. */
	assert_turns("{'role':'user','content':'a'},{'role':'assistant','content':' '},{"
		     "'role':'user','content':'b'}",
	    "{'role':'user','content':[{'text':'a'},{'text':'b'}]}", "");
	assert_turns("{'role':'user','content':''},{'role':'user','content':'\\n'},{"
		     "'role':'user','content':'b'}",
	    "{'role':'user','content':[{'text':'b'}]}", "");
	assert_turns("{'role':'assistant','content':''},{'role':'user','content':'b'}",
	    "{'role':'user','content':[{'text':'b'}]}", "");
	/* A backslash and an n at the end are no line's end. */
	assert_turns("{'role':'user','content':'a'},{'role':'assistant','content':"
		     "'b\\\\n'}",
	    "{'role':'user','content':[{'text':'a'}]},{'role':'assistant','content':[{"
	    "'text':'b\\\\n'}]}",
	    "");
}

TEST(late_instructions_are_the_users)
{
	assert_turns("{'role':'user','content':'a'},{'role':'system','content':'b'},{"
		     "'role':'user','content':'c'}",
	    "{'role':'user','content':[{'text':'a'},{'text':'<system>b</system>'},{"
	    "'text':'c'}]}",
	    "");
}

TEST(results_come_first_and_together)
{
	case_model = "mistral.large";
	assert_prompt(OPENAI, BEDROCK,
	    "{'messages':[{'role':'user','content':'Go'},{'role':'assistant','content':"
	    "null,'tool_calls':[{'id':'c 1','type':'function','function':{'name':'f',"
	    "'arguments':'{\\'a\\':1}'}},{'id':'c2','type':'function','function':{'name':"
	    "'f','arguments':'no'}}]},{'role':'tool','tool_call_id':'c 1','content':"
	    "'42'},{'role':'tool','tool_call_id':'c2','content':''},{'role':'user',"
	    "'content':'And?'}]}",
	    "{'toolConfig':{'tools':[{'toolSpec':{'name':'f','inputSchema':{'json':{"
	    "'type':'object','properties':{}}}}}]},'messages':[{'role':'user','content':"
	    "[{'text':'Go'}]},{'role':'assistant','content':[{'toolUse':{'toolUseId':"
	    "'1kWOQeOqI','name':'f','input':{'a':1}}},{'toolUse':{'toolUseId':"
	    "'WcbtLkCfx','name':'f','input':{'_raw':'no'}}}]},{'role':'user','content':[{"
	    "'toolResult':{'toolUseId':'1kWOQeOqI','content':[{'text':'42'}]}},{"
	    "'toolResult':{'toolUseId':'WcbtLkCfx','content':[{'text':'.'}]}},{'text':"
	    "'And?'}]}]}",
	    "");
}

TEST(failed_results_say_so)
{
	case_model = "anthropic.claude-3";
	assert_prompt(CLAUDE, BEDROCK,
	    "{'max_tokens':5,'messages':[{'role':'user','content':[{'type':'text','text':"
	    "'a'},{'type':'tool_result','tool_use_id':'c','is_error':true,'content':[{"
	    "'type':'image','source':{'type':'base64','media_type':'image/webp','data':"
	    "'UklGR'}}]}]}]}",
	    "{'inferenceConfig':{'maxTokens':5},'messages':[{"
	    "'role':'user','content':[{'toolResult':{'toolUseId':'c','content':[{'image':"
	    "{'format':'webp','source':{'bytes':'UklGR'}}}],'status':'error'}},{'text':"
	    "'a'}]}]}",
	    "");
}

TEST(documents_have_names_and_a_text_beside_them)
{
	assert_turns("{'role':'user','content':[{'type':'file','file':{'file_data':"
		     "'data:application/pdf;base64,JVBE','filename':'my_report "
		     "v1.2\\n(b).pdf'}},{'type':'file','file':{'file_data':"
		     "'data:text/x-log;base64,YQ==','filename':'my_report "
		     "v1.2 (b).pdf'}},{'type':'file','file':{'file_data':'YQ==',"
		     "'filename':'\\u00e9.md'}},{'type':'file','file':{'file_data':"
		     "'YQ==','filename':'x.exe'}}]}",
	    "{'role':'user','content':[{'document':{'format':'pdf','name':'my report v1 "
	    "2 (b) pdf','source':{'bytes':'JVBE'}}},{'document':{'format':'pdf','name':"
	    "'my report v1 2 (b) pdf 2','source':{'bytes':'YQ=='}}},{'text':'.'}]}",
	    "messages[0].content[2] messages[0].content[3]");
}

static void
assert_model(const char *model, const char *from, const char *want, const char *lost)
{
	char text[1000], to[1000];

	case_model = model;
	(void)snprintf(
	    text, sizeof(text), "{%s,'messages':[{'role':'user','content':'a'}]}", from);
	(void)snprintf(to, sizeof(to),
	    "{%s'messages':[{'role':'user','content':[{'text':'a'}]}]}", want);
	assert_prompt(OPENAI, BEDROCK, text, to, lost);
}

TEST(models_think_in_their_makers_words)
{
	case_max_output = 10000;
	assert_model("us.anthropic.claude-sonnet-4-5", "'reasoning_effort':'medium'",
	    "'additionalModelRequestFields':{'thinking':{'type':'enabled',"
	    "'budget_tokens':3000}},'inferenceConfig':{'maxTokens':10000},",
	    "");
	assert_model("us.anthropic.claude-sonnet-4-5",
	    "'reasoning_effort':'medium','max_tokens':500,'temperature':0.5,'top_k':3",
	    "'additionalModelRequestFields':{'thinking':{'type':'enabled',"
	    "'budget_tokens':3000}},'inferenceConfig':{'maxTokens':3500},",
	    "top_k temperature");
	assert_model("global.anthropic.claude-opus-4-8",
	    "'reasoning_effort':'high','temperature':0.5",
	    "'additionalModelRequestFields':{'thinking':{'type':'adaptive'}},"
	    "'outputConfig':{'effort':'high'},",
	    "temperature");
	assert_model("us.amazon.nova-2-lite-v1:0", "'reasoning_effort':'xhigh','top_k':3",
	    "'additionalModelRequestFields':{'reasoningConfig':{'type':'enabled',"
	    "'maxReasoningEffort':'high'},'inferenceConfig':{'topK':3}},",
	    "");
	assert_model("openai.gpt-oss-120b", "'reasoning_effort':'minimal'",
	    "'additionalModelRequestFields':{'reasoning_effort':'low'},", "");
	assert_model("meta.llama3", "'reasoning_effort':'low'", "", "reasoning_effort");
	assert_model("meta.llama3", "'reasoning_effort':'none'", "", "");
}

static void
assert_choice(const char *model, const char *choice, const char *want, const char *lost)
{
	char from[600], to[600];

#define SPEC(name) "{'toolSpec':{'name':'" name "','inputSchema':{'json':{'x':1}}}}"
#define TOOL(name)                                                                       \
	"{'type':'function','function':{'name':'" name "','parameters':{'x':1}}}"
	(void)snprintf(
	    from, sizeof(from), "'tools':[" TOOL("f") "," TOOL("g") "],%s", choice);
	(void)snprintf(to, sizeof(to), "%s", want);
	assert_model(model, from, to, lost);
}

TEST(who_must_call_is_told_where_it_can_be)
{
	const char *claude = "anthropic.claude-3";

	assert_choice(claude, "'tool_choice':'required'",
	    "'toolConfig':{'tools':[" SPEC("f") "," SPEC("g") "],'toolChoice':{'any':{}}"
							      "},",
	    "");
	assert_choice(claude, "'tool_choice':{'type':'function','function':{'name':'g'}}",
	    "'toolConfig':{'tools':[" SPEC("f") "," SPEC("g") "],'toolChoice':{'tool':{"
							      "'name':'g'}}},",
	    "");
	assert_choice(claude,
	    "'tool_choice':{'type':'allowed_tools','allowed_tools':{'mode':'auto',"
	    "'tools':[{'type':'function','function':{'name':'g'}}]}}",
	    "'toolConfig':{'tools':[" SPEC("g") "]},", "");
	/* Where none may be called, none are told. */
	assert_choice(claude, "'tool_choice':'none'", "", "");
	assert_choice("meta.llama3", "'tool_choice':'required'",
	    "'toolConfig':{'tools':[" SPEC("f") "," SPEC("g") "]},", "tool_choice");
}

TEST(a_call_of_before_keeps_its_tools)
{
	assert_prompt(OPENAI, BEDROCK,
	    "{'tools':[" TOOL("f") "],'tool_choice':'none','messages':[{'role':'user',"
				   "'content':'a'},{'role':'assistant','tool_calls':[{"
				   "'id':'c','type':'function','function':{'name':'f',"
				   "'arguments':'{}'}}]},{'role':'tool',"
				   "'tool_call_id':'c','content':'x'}]}",
	    "{'toolConfig':{'tools':[" SPEC(
		"f") "]},'messages':[{'role':'user','content':[{'text':'a'}]},{'role':"
		     "'assistant','content':[{'toolUse':{'toolUseId':'c','name':'f',"
		     "'input':{}}}]},{'role':'user','content':[{'toolResult':{"
		     "'toolUseId':'c','content':[{'text':'x'}]}}]}]}",
	    "tool_choice");
}

TEST(breakpoints_where_they_are_taken)
{
	const char *asked =
	    "{'max_tokens':5,'cache_control':{'type':'ephemeral'},'tools':[{'name':'f',"
	    "'input_schema':{'x':1},'cache_control':{'type':'ephemeral','ttl':'1h'}}],"
	    "'system':[{'type':'text','text':'S','cache_control':{'type':'ephemeral',"
	    "'ttl':'5m'}}],'messages':[{'role':'user','content':[{'type':'text','text':"
	    "'a'}]}]}";

	/* How soon calls are streamed has no equivalent, and needs none. */
	assert_prompt(CLAUDE, BEDROCK,
	    "{'tools':[{'name':'f','input_schema':{'x':1},"
	    "'eager_input_streaming':true}],'messages':[{'role':'user','content':'a'}]}",
	    "{'toolConfig':{'tools':[" SPEC(
		"f") "]},'messages':[{'role':'user','content':[{'text':'a'}]}]}",
	    "");
	case_model = "anthropic.claude-3";
	assert_prompt(CLAUDE, BEDROCK, asked,
	    "{'inferenceConfig':{'maxTokens':5},'toolConfig':{'tools':[" SPEC(
		"f") ",{'cachePoint':{'type':'default','ttl':'1h'}}]},'system':[{'text':"
		     "'S'},{'cachePoint':{'type':'default','ttl':'5m'}}],'messages':[{"
		     "'role':'user','content':[{'text':'a'},{'cachePoint':{'type':"
		     "'default'}}]}]}",
	    "");
	case_model = "amazon.nova-lite";
	assert_prompt(CLAUDE, BEDROCK, asked,
	    "{'inferenceConfig':{'maxTokens':5},'toolConfig':{'tools':[" SPEC(
		"f") ",{'cachePoint':{'type':'default'}}]},'system':[{'text':'S'},{"
		     "'cachePoint':{'type':'default'}}],'messages':[{'role':'user',"
		     "'content':[{'text':'a'},{'cachePoint':{'type':'default'}}]}]}",
	    "");
	case_model = "meta.llama3";
	assert_prompt(CLAUDE, BEDROCK, asked,
	    "{'inferenceConfig':{'maxTokens':5},'toolConfig':{'tools':[" SPEC(
		"f") "]},'system':[{'text':'S'}],'messages':[{'role':'user','content':[{"
		     "'text':'a'}]}]}",
	    "");
}

TEST(formats_are_schemas_in_a_text)
{
	assert_model("anthropic.claude-3",
	    "'response_format':{'type':'json_schema','json_schema':{'name':'n',"
	    "'description':'d','schema':{'type':'object','properties':{'a':{'type':"
	    "'string'}}}}}",
	    "'outputConfig':{'textFormat':{'type':'json_schema','structure':{"
	    "'jsonSchema':{'schema':'{\\'type\\':\\'object\\',\\'properties\\':{\\'a\\':"
	    "{\\'type\\':\\'string\\'}},\\'additionalProperties\\':false}','name':'n',"
	    "'description':'d'}}}},",
	    "");
	assert_model("anthropic.claude-3", "'response_format':{'type':'json_object'}",
	    "'system':[{'text':'Answer with one JSON object and nothing else.'}],", "");
}

TEST(reasoning_goes_back_to_who_thought_it)
{
	const char *asked =
	    "{'max_tokens':5,'messages':[{'role':'user','content':'a'},{'role':"
	    "'assistant','content':[{'type':'text','text':'So'},{'type':'thinking',"
	    "'thinking':'hm','signature':'weir.bedrock.s'},{'type':'thinking','thinking':"
	    "'no','signature':'weir.bedrock.'},{'type':'redacted_thinking','data':"
	    "'weir.bedrock.AAEC'}]}]}";

	case_provider = "bedrock";
	assert_prompt(CLAUDE, BEDROCK, asked,
	    "{'inferenceConfig':{'maxTokens':5},'messages':[{'role':'user','content':[{"
	    "'text':'a'}]},{'role':'assistant','content':[{'reasoningContent':{"
	    "'reasoningText':{'text':'hm','signature':'s'}}},{'reasoningContent':{"
	    "'redactedContent':'AAEC'}},{'text':'So'}]}]}",
	    "");
	case_provider = "other";
	assert_prompt(CLAUDE, BEDROCK, asked,
	    "{'inferenceConfig':{'maxTokens':5},'messages':[{'role':'user','content':[{"
	    "'text':'a'}]},{'role':'assistant','content':[{'text':'So'}]}]}",
	    "");
	/* What was told to a caller of this dialect, sealed as bytes. */
	case_provider = "anthropic";
	assert_prompt(BEDROCK, CLAUDE,
	    "{'messages':[{'role':'assistant','content':[{'reasoningContent':{"
	    "'redactedContent':'d2Vpci5hbnRocm9waWMuQUI='}}]}]}",
	    "{'model':'some-model','max_tokens':8192,'messages':[{'role':'user',"
	    "'content':'.'},{'role':'assistant','content':[{'type':'redacted_thinking',"
	    "'data':'AB'}]}]}",
	    "");
}

/* A longer conversation begins with the bytes of the shorter one. */
TEST(conversations_grow_at_their_end)
{
	static const char *const turns[] = {"{'role':'system','content':'S'},{'role':"
					    "'user','content':'a'}",
	    "{'role':'assistant','content':'b '}", "{'role':'user','content':'c'}",
	    "{'role':'assistant','content':null,'tool_calls':[{'id':'1','type':"
	    "'function','function':{'name':'f','arguments':'{}'}}]}",
	    "{'role':'tool','tool_call_id':'1','content':'x'}",
	    "{'role':'user','content':[{'type':'file','file':{'file_data':"
	    "'data:application/pdf;base64,JVBE','filename':'a'}}]}"};
	char text[2000] = "{'tools':[" TOOL("f") "],'messages':[", all[2100];
	char before[2000] = "";

	for (size_t i = 0; i < COUNT(turns); i++) {
		size_t n = strlen(text);

		(void)snprintf(
		    text + n, sizeof(text) - n, "%s%s", i > 0 ? "," : "", turns[i]);
		(void)snprintf(all, sizeof(all), "%s]}", text);
		assert_int_equal(try_prompt(OPENAI, BEDROCK, json_of(all)), ERR_OK);
		/* Without the ends of the content, the turn, the list and the object. */
		assert_true(slice_starts(buf_slice(&case_body), slice_str(before)));
		(void)snprintf(before, sizeof(before), "%.*s", (int)case_body.len - 4,
		    case_body.ptr);
	}
}

TEST(requests_survive_torture)
{
	char *copy = slice_dup(json_of(
	    "{'system':[{'text':'S'}],'inferenceConfig':{'maxTokens':9},'guardrailConfig'"
	    ":{},'toolConfig':{'tools':[{'toolSpec':{'name':'f','inputSchema':{'json':"
	    "{}}}}]},'messages':[{'role':'user','content':[{'toolResult':{'toolUseId':"
	    "'c','content':[{'json':{'a':1}}]}},{'citationsContent':{'content':[{'text':"
	    "'x'}]}},{'reasoningContent':{'redactedContent':'d2Vpci5hLkFC'}}]}]}"));
	struct case_torture t = {BEDROCK, OPENAI, slice_str(copy), try_prompt};

	assert_non_null(copy);
	assert_true(torture(case_run, &t) > 0);
	t.to = BEDROCK;
	assert_true(torture(case_run, &t) > 0);
	free(copy);
	copy = slice_dup(json_of(
	    "{'response_format':{'type':'json_schema','json_schema':{'schema':{'type':"
	    "'object'}}},'n':2,'reasoning_effort':'high','messages':[{'role':"
	    "'assistant','content':'x','tool_calls':[{'id':'c','function':{'name':'f',"
	    "'arguments':'{\\'a\\':1}'}}]}]}"));
	t = (struct case_torture){OPENAI, BEDROCK, slice_str(copy), try_prompt};
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
	    CASE(a_request_told_to_openai),
	    CASE(what_others_lack_is_named),
	    CASE(breakpoints_and_efforts_told_to_anthropic),
	    CASE(a_request_of_openai),
	    CASE(what_it_lacks_is_named),
	    CASE(turns_alternate_and_begin_with_the_users),
	    CASE(late_instructions_are_the_users),
	    CASE(results_come_first_and_together),
	    CASE(failed_results_say_so),
	    CASE(documents_have_names_and_a_text_beside_them),
	    CASE(models_think_in_their_makers_words),
	    CASE(who_must_call_is_told_where_it_can_be),
	    CASE(a_call_of_before_keeps_its_tools),
	    CASE(breakpoints_where_they_are_taken),
	    CASE(formats_are_schemas_in_a_text),
	    CASE(reasoning_goes_back_to_who_thought_it),
	    CASE(conversations_grow_at_their_end),
	    CASE(requests_survive_torture),
	};

	return cmocka_run_group_tests_name("bedrock", tests, NULL, NULL);
}
