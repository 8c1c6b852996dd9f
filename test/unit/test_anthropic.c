#include "dialect_case.h"

#define CLAUDE &dialect_anthropic
#define OPENAI &dialect_openai
#define GEMINI &dialect_gemini

/* --- requests in --- */

TEST(what_is_read_is_written_again)
{
	static const char *const same[] = {
	    "{'model':'some-model','max_tokens':9,'messages':[{'role':'user','content':"
	    "'a'}]}",
	    "{'max_tokens':9,'system':[{'type':'text','text':'S','cache_control':{'type':"
	    "'ephemeral','ttl':'1h'}}],'temperature':1.0,'thinking':{'type':'enabled',"
	    "'budget_tokens':1024},'messages':[{'role':'user','content':[{'type':'text',"
	    "'text':'a\\u00e9'},{'type':'image','source':{'type':'url','url':'u'}}]},{"
	    "'role':'assistant','content':[{'type':'thinking','thinking':'hm',"
	    "'signature':'s'},{'type':'redacted_thinking','data':'d'},{'type':'tool_use',"
	    "'id':'c','name':'f','input':{'a': 1}}]},{'role':'user','content':[{'type':"
	    "'tool_result','tool_use_id':'c','content':'x','is_error':true,"
	    "'cache_control':{'type':'ephemeral'}}]}],'future':{'a':[1]}}",
	    "{'tools':[{'name':'f','input_schema':{'type':'object'},'strict':false},{"
	    "'type':'web_search_20250305','name':'web_search'}],'messages':[{'role':"
	    "'user','content':[{'type':'document','source':{'type':'file','file_id':"
	    "'x'},'title':'t'},{'type':'search_result','source':'s'},{'type':'text',"
	    "'text':'a','citations':null}]}],'output_config':{'effort':'low'}}",
	};

	for (size_t i = 0; i < COUNT(same); i++)
		assert_same_prompt(CLAUDE, same[i]);
}

TEST(what_cannot_be_read_is_refused)
{
	static const struct {
		const char *text, *param, *note;
	} cases[] = {
	    {"{'messages':1}", "messages", "messages: Input should be a valid array"},
	    {"{'messages':[],'tools':{}}", "tools",
		"tools: Input should be a valid array"},
	    {"{'messages':[{'role':'tool','content':'a'}]}", "messages",
		"messages.0.role: Input should be 'user' or 'assistant'"},
	    {"{'messages':[{'role':'user','content':1}]}", "messages",
		"messages[0].content must be a string or an array."},
	    {"{'messages':[{'role':'user','content':[{'type':'text','text':1}]}]}",
		"messages.content.text", "'messages.content.text' must be a string."},
	    {"{'tool_choice':{'type':'tool'}}", "tool_choice",
		"tool_choice.type: Input should be 'auto', 'any', 'none' or 'tool'"},
	    {"{'output_config':{'effort':'huge'}}", "output_config",
		"output_config.effort: 'huge' is not known"},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		assert_bad_prompt(CLAUDE, cases[i].text, cases[i].param, cases[i].note);
}

TEST(a_request_told_to_openai)
{
	assert_prompt(CLAUDE, OPENAI,
	    "{'model':'m','max_tokens':9,'stop_sequences':['x'],'metadata':{'user_id':"
	    "'u'},'tool_choice':{'type':'tool','name':'f','disable_parallel_tool_use':"
	    "true},'tools':[{'name':'f','description':'d','input_schema':{'type':"
	    "'object'}}],'system':'S','messages':[{'role':'user','content':[{'type':"
	    "'image','source':{'type':'base64','media_type':'image/png','data':'iVBO'}}]}"
	    ",{'role':'assistant','content':[{'type':'thinking','thinking':'hm',"
	    "'signature':'s'},{'type':'text','text':'So'},{'type':'tool_use','id':'c',"
	    "'name':'f','input':{'a': 1}}]},{'role':'user','content':[{'type':"
	    "'tool_result','tool_use_id':'c','is_error':true,'content':[{'type':'text',"
	    "'text':'no'}]},{'type':'text','text':'b'}]}]}",
	    "{'model':'some-model','max_tokens':9,'stop':['x'],'user':'u','tools':["
	    "{'type':'function','function':{'name':'f','description':'d','parameter"
	    "s':{'type':'object'}}}],'parallel_tool_calls':false,'tool_choice':{'ty"
	    "pe':'function','function':{'name':'f'}},'messages':[{'role':'system','"
	    "content':'S'},{'role':'user','content':[{'type':'image_url','image_url"
	    "':{'url':'data:image/png;base64,iVBO'}}]},{'role':'assistant','content"
	    "':'So','tool_calls':[{'id':'c','type':'function','function':{'name':'f"
	    "','arguments':'{\\'a\\': 1}'}}]},{'role':'tool','tool_call_id':'c','co"
	    "ntent':'Error: no'},{'role':'user','content':'b'}]}",
	    "");
}

TEST(what_others_lack_is_named)
{
	(void)prompt_in(CLAUDE, OPENAI,
	    "{'container':'c','thinking':{'type':'enabled','budget_tokens':2000,'x':1},"
	    "'tools':[{'type':'bash_20250124','name':'bash'},{'name':'f','input_schema':"
	    "{},'defer_loading':true}],'messages':[{'role':'user','content':[{'type':"
	    "'document','source':{'type':'text','data':'d'}},{'type':'image','source':{"
	    "'type':'file','file_id':'i'}},{'type':'text','text':'a','future':1}]}]}");
	assert_slice(buf_slice(&case_lost),
	    S("container tools[0] messages[0].content[0] messages[0].content[1] think"
	      "ing.x tools[1].defer_loading messages[0].content[2].future"));
}

/* --- requests out --- */

TEST(a_request_of_openai)
{
	assert_prompt(OPENAI, CLAUDE,
	    "{'model':'m','stream':true,'max_tokens':9,'temperature':1.5,'top_p':0.9,"
	    "'top_k':4,'stop':'x','user':'u','seed':1,'service_tier':'default',"
	    "'parallel_tool_calls':false,'tool_choice':'required','tools':[{'type':"
	    "'function','function':{'name':'f','description':'d','parameters':{}}}],"
	    "'messages':[{'role':'system','content':'S'},{'role':'user','content':'a'},{"
	    "'role':'user','content':[{'type':'text','text':'b'}]},{'role':'assistant',"
	    "'content':'So','tool_calls':[{'id':'c.1','type':'function','function':{"
	    "'name':'f','arguments':'{'}}]},{'role':'tool','tool_call_id':'c.1',"
	    "'content':'r'},{'role':'system','content':'L'}]}",
	    "{'model':'some-model','stream':true,'max_tokens':9,'temperature':1,'to"
	    "p_p':0.9,'top_k':4,'stop_sequences':['x'],'metadata':{'user_id':'u'},'"
	    "service_tier':'standard_only','tools':[{'name':'f','description':'d','"
	    "input_schema':{'type':'object','properties':{}}}],'tool_choice':{'type"
	    "':'any','disable_parallel_tool_use':true},'system':[{'type':'text','te"
	    "xt':'S'}],'messages':[{'role':'user','content':[{'type':'text','text':"
	    "'a'},{'type':'text','text':'b'}]},{'role':'assistant','content':[{'typ"
	    "e':'text','text':'So'},{'type':'tool_use','id':'call_VYJ144he0CL','nam"
	    "e':'f','input':{'_raw':'{'}}]},{'role':'user','content':[{'type':'tool"
	    "_result','tool_use_id':'call_VYJ144he0CL','content':'r'},{'type':'text"
	    "','text':'<system>L</system>'}]}]}",
	    "seed");
}

TEST(models_think_in_their_own_way)
{
	static const char text[] =
	    "{'model':'m','max_tokens':100,'reasoning_effort':'low','temperature':0.5,"
	    "'messages':[{'role':'user','content':'a'}]}";

	case_model = "claude-sonnet-4-5";
	case_max_output = 64000;
	assert_prompt(OPENAI, CLAUDE, text,
	    "{'model':'claude-sonnet-4-5','thinking':{'type':'enabled','budget_toke"
	    "ns':6400},'max_tokens':6500,'messages':[{'role':'user','content':[{'ty"
	    "pe':'text','text':'a'}]}]}",
	    "temperature");
	case_model = "claude-opus-4-7";
	assert_prompt(OPENAI, CLAUDE, text,
	    "{'model':'claude-opus-4-7','thinking':{'type':'adaptive'},'max_tokens'"
	    ":100,'output_config':{'effort':'low'},'messages':[{'role':'user','cont"
	    "ent':[{'type':'text','text':'a'}]}]}",
	    "temperature");
}

/* Of temperature and top_p newer models take one; the newest none. */
TEST(models_sample_in_their_own_way)
{
	static const struct {
		const char *model, *said, *told, *lost;
	} cases[] = {
	    {"claude-3-haiku", "'temperature':0.5,'top_p':0.9",
		"'temperature':0.5,'top_p':0.9,", ""},
	    {"claude-haiku-4-5", "'temperature':0.5,'top_p':0.9", "'temperature':0.5,",
		"top_p"},
	    {"claude-opus-4-6", "'temperature':1,'top_p':0.9", "'top_p':0.9,", ""},
	    {"claude-opus-4-6", "'temperature':0.5,'top_p':1,'top_k':3",
		"'temperature':0.5,'top_k':3,", ""},
	    {"claude-sonnet-5", "'temperature':0.5,'top_p':0.9", "", "temperature top_p"},
	};
	char text[300], want[300];

	for (size_t i = 0; i < COUNT(cases); i++) {
		case_model = cases[i].model;
		(void)snprintf(text, sizeof(text),
		    "{'model':'m',%s,'messages':[{'role':'user','content':'a'}]}",
		    cases[i].said);
		(void)snprintf(want, sizeof(want),
		    "{'model':'%s','max_tokens':8192,%s'messages':[{'role':'user',"
		    "'content':[{'type':'text','text':'a'}]}]}",
		    cases[i].model, cases[i].told);
		assert_prompt(OPENAI, CLAUDE, text, want, cases[i].lost);
	}
}

/* Who speaks first is the user; an assistant shows nothing. */
TEST(turns_are_as_they_must_be)
{
	assert_prompt(OPENAI, CLAUDE,
	    "{'model':'m','messages':[{'role':'assistant','content':'Hi'},{'role':"
	    "'assistant','content':''},{'role':'user','content':' '}]}",
	    "{'model':'some-model','max_tokens':8192,'messages':[{'role':'user',"
	    "'content':'.'},{'role':'assistant','content':[{'type':'text','text':'Hi'}"
	    "]}]}",
	    "");
	assert_prompt(GEMINI, CLAUDE,
	    "{'contents':[{'role':'user','parts':[{'text':'a'},{'fileData':{'fileUri':"
	    "'gs://b/c.pdf','mimeType':'application/pdf'}},{'fileData':{'fileUri':"
	    "'https://b/c.pdf','mimeType':'application/pdf'}}]},{'role':'model','parts':"
	    "[{'inlineData':{'mimeType':'image/png','data':'iVBO'}}]}]}",
	    "{'model':'some-model','max_tokens':8192,'messages':[{'role':'user',"
	    "'content':[{'type':'text','text':'a'},{'type':'document','source':{'type'"
	    ":'url','url':'https://b/c.pdf'}}]}]}",
	    "contents[0].parts[1] contents[1].parts[0]");
}

/* Only Google can read what lies there, however its URL is spelt. */
TEST(what_only_google_can_read_is_named)
{
	static const char *const urls[] = {"gs://b/c.png", "gs:\\/\\/b/c.png",
	    "https://generativelanguage.googleapis.com/v1beta/files/x",
	    "https:\\/\\/generativelanguage.googleapis.com\\/v1beta/files/x"};
	static const struct dialect *const others[] = {
	    CLAUDE, OPENAI, &dialect_responses, &dialect_cohere, &dialect_bedrock};
	char text[300];

	for (size_t i = 0; i < COUNT(urls); i++)
		for (size_t d = 0; d < COUNT(others); d++) {
			const struct dialect *from = d == 1 ? CLAUDE : OPENAI;

			(void)snprintf(text, sizeof(text),
			    d == 1 ? "{'messages':[{'role':'user','content':[{'type':"
				     "'image','source':{'type':'url','url':'%s'}}]}]}"
				   : "{'model':'m','messages':[{'role':'user','content':["
				     "{'type':'image_url','image_url':{'url':'%s'}}]}]}",
			    urls[i]);
			(void)prompt_in(from, others[d], text);
			assert_slice(buf_slice(&case_lost), S("messages[0].content[0]"));
		}
	(void)prompt_in(OPENAI, GEMINI, text);
	assert_slice(buf_slice(&case_lost), S(""));
}

TEST(json_is_asked_for_in_words)
{
	assert_prompt(OPENAI, CLAUDE,
	    "{'model':'m','response_format':{'type':'json_object'},'messages':[{'role':"
	    "'user','content':'a'}]}",
	    "{'model':'some-model','max_tokens':8192,'system':[{'type':'text','text':"
	    "'Answer with one JSON object and nothing else.'}],'messages':[{'role':"
	    "'user','content':[{'type':'text','text':'a'}]}]}",
	    "");
}

/* --- answers --- */

/* What the model holds comes back: not the provider's own tools, nor citations. */
TEST(an_answer_comes_back)
{
	assert_answer(CLAUDE, CLAUDE,
	    "{'id':'i','type':'message','role':'assistant','model':'m','content':[{"
	    "'type':'thinking','thinking':'hm','signature':'s'},{'type':'text','text':"
	    "'a','citations':[{'x':1}]},{'type':'server_tool_use','id':'w'},{'type':"
	    "'tool_use','id':'c','name':'f','input':{}}],'stop_reason':'end_turn',"
	    "'usage':{'input_tokens':1,'output_tokens':2}}",
	    "{'id':'i','type':'message','role':'assistant','model':'m','content':[{"
	    "'type':'thinking','thinking':'hm','signature':'weir.maker.s'},{'type':"
	    "'text','text':'a'},{'type':'tool_use','id':'c','name':'f','input':{}}]"
	    ",'stop_reason':'end_turn','stop_sequence':null,'usage':{'input_tokens'"
	    ":1,'cache_creation_input_tokens':0,'cache_read_input_tokens':0,'output"
	    "_tokens':2}}");
	assert_int_equal(
	    try_answer(CLAUDE, OPENAI, json_of("{'message':'no'}")), ERR_BAD_REPLY);
}

TEST(an_answer_of_openai)
{
	assert_answer(OPENAI, CLAUDE,
	    "{'id':'i','model':'m','choices':[{'index':0,'finish_reason':'tool_calls',"
	    "'message':{'reasoning_content':'hm','content':'So','tool_calls':[{'id':'c',"
	    "'function':{'name':'f','arguments':'{\\'a\\':1}'}},{'id':'d','function':{"
	    "'name':'f','arguments':'{'}}]}}],'usage':{'prompt_tokens':9,"
	    "'completion_tokens':8,'prompt_tokens_details':{'cached_tokens':4},"
	    "'completion_tokens_details':{'reasoning_tokens':5}}}",
	    "{'id':'i','type':'message','role':'assistant','model':'m','content':[{"
	    "'type':'thinking','thinking':'hm','signature':'weir.maker.'},{'type':'"
	    "text','text':'So'},{'type':'tool_use','id':'c','name':'f','input':{'a'"
	    ":1}},{'type':'tool_use','id':'d','name':'f','input':{'_raw':'{'}}],'st"
	    "op_reason':'tool_use','stop_sequence':null,'usage':{'input_tokens':5,'"
	    "cache_creation_input_tokens':0,'cache_read_input_tokens':4,'output_tok"
	    "ens':8,'output_tokens_details':{'thinking_tokens':5}}}");
}

TEST(ends_have_words)
{
	static const struct {
		const char *openai, *claude;
	} cases[] = {{"stop", "end_turn"}, {"length", "max_tokens"},
	    {"tool_calls", "tool_use"}, {"content_filter", "refusal"}};
	char from[200], want[60];

	for (size_t i = 0; i < COUNT(cases); i++) {
		(void)snprintf(from, sizeof(from),
		    "{'id':'i','choices':[{'finish_reason':'%s','message':{}}]}",
		    cases[i].openai);
		(void)snprintf(want, sizeof(want), "'stop_reason':'%s'", cases[i].claude);
		assert_int_equal(try_answer(OPENAI, CLAUDE, json_of(from)), ERR_OK);
		assert_true(slice_search(text_of(buf_slice(&case_body)),
				slice_str(want)) < case_body.len);
		(void)snprintf(from, sizeof(from),
		    "{'content':[],'stop_reason':'%s','id':'i'}", cases[i].claude);
		(void)snprintf(
		    want, sizeof(want), "'finish_reason':'%s'", cases[i].openai);
		assert_int_equal(try_answer(CLAUDE, OPENAI, json_of(from)), ERR_OK);
		assert_true(slice_search(text_of(buf_slice(&case_body)),
				slice_str(want)) < case_body.len);
	}
}

/* --- streams --- */

#define EVENT(type, rest) "event: " type "\ndata: {'type':'" type "'" rest "}\n\n"
#define BLOCK(index, block)                                                              \
	EVENT("content_block_start", ",'index':" index ",'content_block':{" block "}")
#define DELTA(index, delta)                                                              \
	EVENT("content_block_delta", ",'index':" index ",'delta':{" delta "}")
#define STOP(index) EVENT("content_block_stop", ",'index':" index)
#define NOTHING                                                                          \
	"'usage':{'input_tokens':0,'cache_creation_input_tokens':0,"                     \
	"'cache_read_input_tokens':0,'output_tokens':0}"
#define START                                                                            \
	EVENT("message_start",                                                           \
	    ",'message':{'id':'i','type':'message','role':'assistant','model':'m',"      \
	    "'content':[],'stop_reason':null,'stop_sequence':null," NOTHING "}")
#define END(reason, text, usage)                                                         \
	EVENT("message_delta",                                                           \
	    ",'delta':{'stop_reason':'" reason "','stop_sequence':" text "}," usage)     \
	EVENT("message_stop", "")
#define USAGE                                                                            \
	"'usage':{'input_tokens':5,'cache_creation_input_tokens':0,"                     \
	"'cache_read_input_tokens':0,'output_tokens':6}"

#define STREAM(signature, data)                                                          \
	START                                                                            \
	BLOCK("0", "'type':'thinking','thinking':'','signature':''")                     \
	DELTA("0", "'type':'thinking_delta','thinking':'hm'")                            \
	DELTA("0", "'type':'signature_delta','signature':'" signature "'")               \
	STOP("0")                                                                        \
	BLOCK("1", "'type':'redacted_thinking','data':'" data "'")                       \
	STOP("1")                                                                        \
	BLOCK("2", "'type':'text','text':''")                                            \
	DELTA("2", "'type':'text_delta','text':'So'")                                    \
	STOP("2")                                                                        \
	BLOCK("3", "'type':'tool_use','id':'c','name':'f','input':{}")                   \
	DELTA("3", "'type':'input_json_delta','partial_json':'{\\'a\\':'")               \
	DELTA("3", "'type':'input_json_delta','partial_json':'1}'")                      \
	STOP("3")                                                                        \
	END("tool_use", "null", USAGE)

static const char stream[] = STREAM("s", "d");

TEST(a_stream_comes_back)
{
	assert_stream(CLAUDE, CLAUDE, stream, STREAM("weir.maker.s", "weir.maker.d"));
}

TEST(a_stream_of_openai)
{
	assert_stream(OPENAI, CLAUDE,
	    "data: {'id':'i','model':'m','choices':[{'index':0,'delta':{'role':"
	    "'assistant','reasoning_content':'hm'}}]}\n\n"
	    "data: {'choices':[{'index':0,'delta':{'content':'So'}}]}\n\n"
	    "data: {'choices':[{'index':0,'delta':{'tool_calls':[{'index':0,'id':'c',"
	    "'function':{'name':'f','arguments':''}}]}}]}\n\n"
	    "data: {'choices':[{'index':0,'delta':{'tool_calls':[{'index':0,'function':{"
	    "'arguments':'{}'}}]}}]}\n\n"
	    "data: {'choices':[{'index':0,'delta':{},'finish_reason':'tool_calls'}]}\n\n"
	    "data: {'choices':[],'usage':{'prompt_tokens':5,'completion_tokens':6}}\n\n"
	    "data: [DONE]\n\n",
	    START BLOCK("0", "'type':'thinking','thinking':'','signature':''") DELTA(
		"0", "'type':'thinking_delta','thinking':'hm'") DELTA("0",
		"'type':'signature_delta','signature':'weir.maker.'") STOP("0") BLOCK("1",
		"'type':'text','text':''") DELTA("1", "'type':'text_delta','text':'So'")
		STOP("1") BLOCK("2", "'type':'tool_use','id':'c','name':'f','input':{}")
		    DELTA("2", "'type':'input_json_delta','partial_json':'{}'") STOP("2")
			END("tool_use", "null", USAGE));
}

/* Events out of order: a block before the start, a delta without its block, a part of
 * another kind than its block's, what comes behind the end. */
TEST(streams_may_be_broken)
{
	assert_stream(CLAUDE, CLAUDE,
	    BLOCK("0", "'type':'text','text':'a'")
		EVENT("message_start", ",'message':{'id':'late'}") DELTA(
		    "0", "'type':'input_json_delta','partial_json':'{'") STOP("0")
		    DELTA("1", "'type':'text_delta','text':'b'") EVENT("message_stop", "")
			DELTA("1", "'type':'text_delta','text':'c'"),
	    EVENT("message_start",
		",'message':{'id':'req-1','type':'message','role':'assistant',"
		"'model':'some-model','content':[],'stop_reason':null,"
		"'stop_sequence':null," NOTHING "}") BLOCK("0", "'type':'text','text':''")
		DELTA("0", "'type':'text_delta','text':'a'") STOP("0")
		    BLOCK("1", "'type':'text','text':''")
			DELTA("1", "'type':'text_delta','text':'b'") STOP("1")
			    END("end_turn", "null", NOTHING));
	assert_stream(CLAUDE, CLAUDE, START BLOCK("0", "'type':'text','text':'a'"),
	    START BLOCK("0", "'type':'text','text':''")
		DELTA("0", "'type':'text_delta','text':'a'") STOP("0")
		    END("end_turn", "null", NOTHING));
}

/* What the provider's own tools do is its own affair. */
TEST(blocks_of_its_own_are_not_told)
{
	assert_stream(CLAUDE, CLAUDE,
	    START BLOCK("0", "'type':'server_tool_use','id':'w','name':'x'") DELTA(
		"0", "'type':'input_json_delta','partial_json':'{}'") STOP("0")
		BLOCK("1", "'type':'tool_use','id':'c','name':'f','input':{'a':1}")
		    STOP("1") EVENT("message_delta",
			",'delta':{'stop_reason':'stop_sequence','stop_sequence':'x'}")
			EVENT("message_stop", ""),
	    START BLOCK("0", "'type':'tool_use','id':'c','name':'f','input':{}")
		DELTA("0", "'type':'input_json_delta','partial_json':'{\\'a\\':1}'")
		    STOP("0") END("stop_sequence", "'x'", NOTHING));
}

TEST(events_are_looked_at)
{
	struct event_facts f = event_facts(CLAUDE, "", false, "{oh");

	assert_false(f.readable);
	f = event_facts(CLAUDE, "", false, "{'type':'content_block_delta'}");
	assert_true(f.readable && f.has_token);
	f = event_facts(CLAUDE, "", false,
	    "{'type':'content_block_start','content_block':{'type':'text'}}");
	assert_false(f.has_token);
	f = event_facts(CLAUDE, "", false,
	    "{'type':'content_block_start','content_block':{'type':'tool_use'}}");
	assert_true(f.has_token);
	f = event_facts(CLAUDE, "", false,
	    "{'type':'message_start','message':{'model':'m','usage':{'input_tokens':1,"
	    "'cache_read_input_tokens':2,'cache_creation_input_tokens':7,"
	    "'cache_creation':{'ephemeral_1h_input_tokens':3}}}}");
	assert_slice(f.reply.model, S("m"));
	assert_slice(usage_text(&f.reply.usage),
	    S("input=1 cached_input=2 cache_write=4 cache_write_1h=3"));
	f = event_facts(CLAUDE, "", false,
	    "{'type':'message_delta','delta':{'stop_reason':'end_turn'},'usage':{"
	    "'output_tokens':9,'output_tokens_details':{'thinking_tokens':5}}}");
	assert_int_equal(f.finishes, 1);
	assert_true(f.reply.is_update);
	assert_slice(usage_text(&f.reply.usage), S("output=4 reasoning=5"));
	assert_true(event_facts(CLAUDE, "", false, "{'type':'message_stop'}").is_done);
	assert_true(event_facts(CLAUDE, "", false, "{'type':'error'}").is_fault);
}

/* --- faults --- */

TEST(errors_are_told_apart)
{
	static const struct {
		unsigned status;
		const char *text;
		enum err err;
	} cases[] = {
	    {400,
		"{'type':'error','error':{'type':'invalid_request_error','message':"
		"'m'}}",
		ERR_UP_CALLER},
	    {400,
		"{'type':'error','error':{'type':'invalid_request_error','message':"
		"'prompt is too long: 9 tokens > 8 maximum'}}",
		ERR_CONTEXT_LENGTH},
	    {401,
		"{'type':'error','error':{'type':'authentication_error','message':"
		"'m'}}",
		ERR_UP_CREDENTIAL},
	    {404, "{'type':'error','error':{'type':'not_found_error','message':'m'}}",
		ERR_UP_MISSING},
	    {429, "{'type':'error','error':{'type':'rate_limit_error','message':'m'}}",
		ERR_RATE_LIMITED},
	    {529, "{'type':'error','error':{'type':'overloaded_error','message':'m'}}",
		ERR_UP_5XX},
	};
	struct fault f;

	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(
		    fault_of(CLAUDE, cases[i].status, cases[i].text, &f), cases[i].err);
		assert_true(f.message.len > 0);
	}
}

TEST(errors_are_told)
{
	static const struct {
		unsigned status;
		const char *type;
	} cases[] = {{400, "invalid_request_error"}, {401, "authentication_error"},
	    {402, "billing_error"}, {413, "request_too_large"},
	    {418, "invalid_request_error"}, {429, "rate_limit_error"}, {500, "api_error"},
	    {504, "timeout_error"}, {529, "overloaded_error"}};
	char want[200];

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fault f = {
		    .message = S("a 'b'"), .status = cases[i].status, .id = S("r1")};

		buf_clear(&case_body);
		dialect_anthropic.write_fault_event(&f, &case_body);
		(void)snprintf(want, sizeof(want),
		    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"%s\","
		    "\"message\":\"a 'b'\"},\"request_id\":\"r1\"}\n\n",
		    cases[i].type);
		assert_slice(buf_slice(&case_body), slice_str(want));
	}
}

static void
survives(const struct dialect *from, const struct dialect *to, const char *text,
    enum err (*run)(const struct dialect *, const struct dialect *, struct slice))
{
	char *copy = slice_dup(json_of(text));
	struct case_torture t = {from, to, slice_str(copy), run};

	assert_non_null(copy);
	assert_true(torture(case_run, &t) > 0);
	free(copy);
}

TEST(survives_torture)
{
	static const char request[] =
	    "{'max_tokens':9,'system':'S','tools':[{'name':'f','strict':true,"
	    "'input_schema':{'type':'object','minProperties':1}}],'messages':[{'role':"
	    "'user','content':[{'type':'image','source':{'type':'base64','media_type':"
	    "'image\\/png','data':'iVBO'}}]},{'role':'assistant','content':[{'type':"
	    "'tool_use','id':'c.d','name':'f','input':{'a':1}}]},{'role':'user',"
	    "'content':[{'type':'tool_result','tool_use_id':'c.d','content':'x'}]}]}";
	static const char openai[] =
	    "{'model':'m','tools':[{'type':'function','function':{'name':'f','strict':"
	    "true,'parameters':{'type':'object','minProperties':1}}}],'messages':[{"
	    "'role':'assistant','tool_calls':[{'id':'c.d','type':'function','function':{"
	    "'name':'f','arguments':'{\\'a\\':1}'}}]}]}";

	survives(CLAUDE, OPENAI, request, try_prompt);
	survives(CLAUDE, CLAUDE, request, try_prompt);
	survives(OPENAI, CLAUDE, openai, try_prompt);
	survives(CLAUDE, OPENAI, stream, stream_by_byte);
	survives(CLAUDE, CLAUDE, stream, stream_by_byte);
	survives(OPENAI, CLAUDE,
	    "{'choices':[{'message':{'content':'a','tool_calls':[{'id':'c','function':{"
	    "'name':'f','arguments':'{'}}]}}]}",
	    try_answer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(what_is_read_is_written_again),
	    CASE(what_cannot_be_read_is_refused),
	    CASE(a_request_told_to_openai),
	    CASE(what_others_lack_is_named),
	    CASE(a_request_of_openai),
	    CASE(models_think_in_their_own_way),
	    CASE(models_sample_in_their_own_way),
	    CASE(turns_are_as_they_must_be),
	    CASE(what_only_google_can_read_is_named),
	    CASE(json_is_asked_for_in_words),
	    CASE(an_answer_comes_back),
	    CASE(an_answer_of_openai),
	    CASE(ends_have_words),
	    CASE(a_stream_comes_back),
	    CASE(a_stream_of_openai),
	    CASE(streams_may_be_broken),
	    CASE(blocks_of_its_own_are_not_told),
	    CASE(events_are_looked_at),
	    CASE(errors_are_told_apart),
	    CASE(errors_are_told),
	    CASE(survives_torture),
	};

	return cmocka_run_group_tests_name("anthropic", tests, NULL, NULL);
}
