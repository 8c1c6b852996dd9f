/*
 * Gemini's requests: written again as they were, and to and from what other dialects
 * say.
 */
#include "translate_case.h"

#define G &dialect_gemini
#define C &dialect_openai
#define A &dialect_anthropic

static void
assert_same(const char *text)
{
	const struct case_prompt c = {.from = G, .to = G, .text = text};

	case_assert_prompt(&c, text, "");
}

static void
assert_to_chat(const char *text, const char *want, const char *lost)
{
	const struct case_prompt c = {.from = G, .to = C, .text = text};

	case_assert_prompt(&c, want, lost);
}

/* The members that most of these begin and end with. */
#define HI "{'role':'user','content':'hi'}"
#define SAID "'contents':[{'role':'user','parts':[{'text':'hi'}]}]"

static void
assert_from(const struct dialect *from, unsigned quirks, const char *text,
    const char *want, const char *lost)
{
	const struct case_prompt c = {
	    .from = from, .to = G, .text = text, .quirks = quirks};

	case_assert_prompt(&c, want, lost);
}

static void
assert_from_chat(const char *text, const char *want, const char *lost)
{
	assert_from(C, 0, text, want, lost);
}

/* --- in its own dialect --- */

TEST(what_is_understood_is_written_again)
{
	assert_same("{" SAID "}");
	assert_same("{'systemInstruction':{'parts':[{'text':'be \\u00e9'}]}," SAID
		    ",'safetySettings':[{'category':'C','threshold':'BLOCK_NONE'}],"
		    "'cachedContent':'cachedContents/x','labels':{'a':'b'}}");
	assert_same(
	    "{'contents':[{'role':'model','parts':["
	    "{'text':'why','thought':true,'thoughtSignature':'c2ln'},"
	    "{'text':'so','thoughtSignature':'YQ=='},{'text':'','thoughtSignature':"
	    "'Yg=='},"
	    "{'functionCall':{'id':'c1','name':'f','args':{'a':1.0}},'thoughtSignature':"
	    "'Yw=='},{'functionCall':{'name':'g'}}]},"
	    "{'role':'user','parts':["
	    "{'functionResponse':{'id':'c1','name':'f','response':{'output':'ok'}}},"
	    "{'functionResponse':{'name':'g','response':{'error':'{no}'}}},"
	    "{'functionResponse':{'name':'h','response':{'a': [1]},'parts':[{"
	    "'inlineData':{'mimeType':'image/png','data':'QUJD'}}]}}]}]}");
	assert_same("{'contents':[{'role':'user','parts':["
		    "{'inlineData':{'mimeType':'image/png','data':'QUJD'},"
		    "'mediaResolution':{'level':'MEDIA_RESOLUTION_LOW'}},"
		    "{'fileData':{'mimeType':'video/mp4','fileUri':'gs://b/v.mp4'}},"
		    "{'inlineData':{'mimeType':'audio/wav','data':'QUJD'}}]}]}");
	assert_same("{" SAID ",'tools':[{'functionDeclarations':[{'name':'f',"
		    "'description':'d','parametersJsonSchema':{'type':'object'}},"
		    "{'name':'g'}]}],'toolConfig':{'functionCallingConfig':{'mode':"
		    "'ANY','allowedFunctionNames':['f']}}}");
}

TEST(what_is_not_understood_stays_as_it_is)
{
	assert_same("{" SAID ",'generationConfig':{},'tools':null,'toolConfig':null,"
		    "'new':{'x':1}}");
	assert_same(
	    "{'generation_config':{'max_output_tokens':5,'top_p':0.5,'unknown':[1],"
	    "'thinking_config':{'thinking_budget':-1}},'contents':{'parts':[{'text':"
	    "'hi','thought':false},{'text':null,'inline_data':{'mime_type':'image/png',"
	    "'data':'QUI'}}]},'system_instruction':{'role':'user','parts':[{'text':"
	    "'be'}]}}");
	assert_same(
	    "{'contents':[{'parts':[{'text':'hi'}]},{'role':'function','parts':[]},"
	    "{'role':'model','parts':{'text':'one'}},{'role':'user','parts':["
	    "{'executableCode':{'language':'PYTHON','code':'1'}},{'text':'v',"
	    "'partMetadata':{'a':1}},{'inlineData':{'mimeType':'image/png','data':"
	    "'-_8','displayName':'n'}},{'functionResponse':{'name':'f','response':"
	    "{'output':'{\\'a\\':1}'}}},{}]}]}");
	assert_same("{" SAID ",'tools':[{'functionDeclarations':[{'name':'f',"
		    "'parameters':{'type':'OBJECT'}}],'codeExecution':null},"
		    "{'googleSearch':{}}]}");
}

/* The provider's name is put where the caller's was. */
TEST(the_model_is_the_providers)
{
	struct case_prompt c = {
	    .from = C, .to = G, .text = "{'model':'m','messages':[" HI "]}"};

	case_assert_prompt(&c, "{" SAID "}", "");
	assert_same("{'model':'gemini-2.5-pro'," SAID "}");
}

/* What another provider signed is left out where it would be refused. */
TEST(signatures_of_others_are_left_out)
{
	const struct case_prompt c = {.from = G,
	    .to = G,
	    /* base64 of weir.other.x */
	    .text = "{'contents':[{'role':'model','parts':[{'text':'t','thought':true,"
		    "'thoughtSignature':'d2Vpci5vdGhlci54'},{'text':'a',"
		    "'thoughtSignature':'d2Vpci5vdGhlci54'},{'functionCall':{'name':'f'},"
		    "'thoughtSignature':'d2Vpci5vdGhlci54'}]}]}"};

	case_assert_prompt(&c,
	    "{'contents':[{'role':'model','parts':[{'text':'a'},{'functionCall':{'name':"
	    "'f'}}]}]}",
	    "");
}

TEST(what_cannot_be_read_is_refused)
{
	case_assert_refused(G, "{'contents':[{'role':'boss','parts':[]}]}",
	    "contents: Please use a valid role: user, model.");
	case_assert_refused(
	    G, "{'contents':'hi'}", "contents: 'contents' must be an array.");
	case_assert_refused(G, "{'contents':[{'parts':7}]}",
	    "contents: The parts of contents[0] must be an array.");
	case_assert_refused(G, "{'contents':[7]}", "contents: contents[0] must be an object.");
	case_assert_refused(G, "{'systemInstruction':'x'}",
	    "systemInstruction: 'systemInstruction' must be an object.");
	case_assert_refused(
	    G, "{'tools':7}", "tools: 'tools' must be an array.");
	case_assert_refused(G, "{'generationConfig':7}",
	    "generationConfig: 'generationConfig' must be an object.");
	case_assert_refused(G,
	    "{'generationConfig':{'thinkingConfig':{'thinkingLevel':'EXTREME'}}}",
	    "generationConfig.thinkingConfig.thinkingLevel: 'thinkingLevel' must be "
	    "MINIMAL, LOW, MEDIUM or HIGH.");
	case_assert_refused(G, "{'contents':[{'parts':[{'text':7}]}]}",
	    "text: 'text' must be a string.");
}

/* --- to others --- */

TEST(settings_go_to_others)
{
	assert_to_chat(
	    "{" SAID
	    ",'systemInstruction':{'parts':[{'text':'be'}]},'generationConfig':{"
	    "'maxOutputTokens':9,'temperature':0.5,'topP':0.9,'topK':4,'seed':7,"
	    "'stopSequences':['x'],'candidateCount':2,'responseLogprobs':true,'logprobs':"
	    "3,'presencePenalty':0.1,'frequencyPenalty':0.2,'thinkingConfig':{"
	    "'thinkingBudget':1024,'includeThoughts':true}},'serviceTier':'flex'}",
	    "{'model':'','max_tokens':9,'stop':['x'],'temperature':0.5,'top_p':0.9,"
	    "'top_k':4,'seed':7,'n':2,'logprobs':true,'top_logprobs':3,"
	    "'presence_penalty':0.1,'frequency_penalty':0.2,'service_tier':'flex',"
	    "'reasoning_effort':'minimal','messages':[{'role':'system','content':'be'}," HI
	    "]}",
	    "");
}

TEST(what_has_no_equivalent_is_named)
{
	assert_to_chat("{" SAID ",'safetySettings':[{'category':'C'}],'cachedContent':'c',"
		       "'generation_config':{'speech_config':{},'temperature':1,"
		       "'responseMimeType':'text/x.enum'},'x':1,'tools':[{"
		       "'googleSearch':{}}]}",
	    "{'model':'','temperature':1,'tools':[],'messages':[" HI "]}",
	    "safetySettings,cachedContent,generation_config.speech_config,x,tools[0],"
	    "generationConfig.responseMimeType");
	assert_to_chat(
	    "{'contents':[{'parts':[{'text':'hi','videoMetadata':{'fps':1}},{"
	    "'executableCode':{}}]}]}",
	    "{'model':'','messages':[{'role':'user','content':[{'type':'text','text':"
	    "'hi'}]}]}",
	    "contents[0].parts[1],contents[0].parts[0].videoMetadata");
}

TEST(both_spellings_mean_the_same)
{
	assert_to_chat(
	    "{'contents':[{'role':'model','parts':[{'function_call':{'id':'c','name':'f',"
	    "'args':{}}}]},{'role':'user','parts':[{'function_response':{'id':'c','name':"
	    "'f','response':{'output':'ok'}}}]}],'system_instruction':{'parts':[{'text':"
	    "'be'}]},'generation_config':{'max_output_tokens':5,'thinking_config':{"
	    "'thinking_level':'low'}},'tool_config':{'function_calling_config':{'mode':"
	    "'ANY','allowed_function_names':['f']}},'tools':[{'function_declarations':[{"
	    "'name':'f','parameters_json_schema':{'type':'object'}}]}]}",
	    "{'model':'','max_tokens':5,'reasoning_effort':'low','tools':[{'type':"
	    "'function','function':{'name':'f','parameters':{'type':'object'}}}],"
	    "'tool_choice':{'type':'function','function':{'name':'f'}},'messages':[{"
	    "'role':'system','content':'be'},{'role':'assistant','content':null,"
	    "'tool_calls':[{'id':'c','type':'function','function':{'name':'f',"
	    "'arguments':'{}'}}]},{'role':'tool','tool_call_id':'c','content':'ok'}]}",
	    "");
}

/* Ids are made of a call's place, and a response is of the next call of its name. */
TEST(calls_without_ids_get_some)
{
	assert_to_chat(
	    "{'contents':[" "{'parts':[{'text':'hi'}]},{'role':'model','parts':[{"
	    "'functionCall':{'name':'f','args':{'a':1}}},{'functionCall':{'name':'g'}},"
	    "{'functionCall':{'name':'f'}}]},{'role':'user','parts':[{"
	    "'functionResponse':{'name':'f','response':{'output':'1'}}},{"
	    "'functionResponse':{'name':'f','response':{'r':2}}},{'functionResponse':{"
	    "'name':'g','response':{'error':'3'}}},{'functionResponse':{'name':'h',"
	    "'response':{}}}]}]}",
	    "{'model':'','messages':[" HI
	    ",{'role':'assistant','content':null,'tool_calls':[{'id':'call_gm_t1_0','type':"
	    "'function','function':{'name':'f','arguments':'{\\'a\\':1}'}},{'id':"
	    "'call_gm_t1_1','type':'function','function':{'name':'g','arguments':'{}'}},{"
	    "'id':'call_gm_t1_2','type':'function','function':{'name':'f','arguments':'{}'"
	    "}}]},{'role':'tool','tool_call_id':'call_gm_t1_0','content':'1'},{'role':"
	    "'tool','tool_call_id':'call_gm_t1_2','content':'{\\'r\\':2}'},{'role':'tool',"
	    "'tool_call_id':'call_gm_t1_1','content':'3'},{'role':'tool','tool_call_id':"
	    "'call_gm_r2_0','content':'{}'}]}",
	    "");
}

TEST(media_go_to_others)
{
	assert_to_chat(
	    "{'contents':[{'parts':[{'inlineData':{'mimeType':'image/png','data':"
	    "'-_-_8A'},'mediaResolution':{'level':'MEDIA_RESOLUTION_HIGH'}},{'fileData':{"
	    "'mimeType':'image/jpeg','fileUri':'https://h/i.jpg'}},{'fileData':{"
	    "'mimeType':'image/jpeg','fileUri':'https://generativelanguage.googleapis.com/"
	    "v1beta/files/a'}},{'inlineData':{'mimeType':'audio/mp3','data':'QUJD'}}]}]}",
	    "{'model':'','messages':[{'role':'user','content':[{'type':'image_url',"
	    "'image_url':{'url':'data:image/png;base64,+/+/8A==','detail':'high'}},{"
	    "'type':'image_url','image_url':{'url':'https://h/i.jpg'}},{'type':"
	    "'input_audio','input_audio':{'data':'QUJD','format':'mp3'}}]}]}",
	    "contents[0].parts[2]");
}

TEST(schemas_in_openapis_form_become_json_schemas)
{
	assert_to_chat(
	    "{" SAID ",'tools':[{'functionDeclarations':[{'name':'f','parameters':{'type':"
	    "'OBJECT','properties':{'a':{'type':'STRING','nullable':true},'n':{'type':3,"
	    "'minimum':1}}}}]}],'generationConfig':{'responseMimeType':"
	    "'application/json','responseSchema':{'type':'ARRAY','minItems':'2','items':{"
	    "'type':'STRING','format':'enum','enum':['x']}}}}",
	    "{'model':'','response_format':{'type':'json_schema','json_schema':{'name':"
	    "'answer','schema':{'type':'array','minItems':2,'items':{'type':'string',"
	    "'enum':['x']}}}},'tools':[{'type':'function','function':{'name':'f',"
	    "'parameters':{'type':'object','properties':{'a':{'type':['string','null']},"
	    "'n':{'type':'integer','minimum':1}}}}}],'messages':[" HI "]}",
	    "");
}

TEST(modes_of_choice_go_to_others)
{
	static const struct {
		const char *config, *want, *lost;
	} rows[] = {
	    {"'mode':'AUTO'", "", ""},
	    {"'mode':'ANY'", "'tool_choice':'required',", ""},
	    {"'mode':'NONE'", "'tool_choice':'none',", ""},
	    {"'mode':'VALIDATED','allowedFunctionNames':['f']",
		"'tool_choice':{'type':'allowed_tools','allowed_tools':{'mode':'auto',"
		"'tools':[{'type':'function','function':{'name':'f'}}]}},",
		"toolConfig.functionCallingConfig.mode"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[1000], want[1000];

		(void)snprintf(text, sizeof(text),
		    "{" SAID ",'tools':[{'functionDeclarations':[{'name':'f'}]}],"
		    "'toolConfig':{'functionCallingConfig':{%s}}}",
		    rows[i].config);
		(void)snprintf(want, sizeof(want),
		    "{'model':'','tools':[{'type':'function','function':{'name':'f'}}],%s"
		    "'messages':[" HI "]}",
		    rows[i].want);
		assert_to_chat(text, want, rows[i].lost);
	}
}

/* A thought that came in pieces, with the signature behind the last, as we tell it. */
TEST(thoughts_of_others_go_back_whole)
{
	const struct case_prompt c = {.from = G,
	    .to = A,
	    .text = "{'contents':[{'role':'model','parts':[{'text':'a','thought':true},{"
		    "'text':'b','thought':true},{'text':'','thought':true,"
		    /* weir.acme.sig */
		    "'thoughtSignature':'d2Vpci5hY21lLnNpZw=='},{'text':'x'}]}]}"};

	case_assert_prompt(&c,
	    "{'model':'','max_tokens':8192,'messages':[{'role':'user','content':'.'},{"
	    "'role':'assistant','content':[{'type':'thinking','thinking':'ab',"
	    "'signature':'sig'},{'type':'text','text':'x'}]}]}",
	    "");
}

/* A tag is text that goes into JSON: what would break out of it is none. */
TEST(forged_tags_are_no_signatures)
{
	const struct case_prompt c = {.from = G,
	    .to = A,
	    /* weir.acme.","x":" */
	    .text = "{'contents':[{'role':'model','parts':[{'text':'a','thought':true,"
		    "'thoughtSignature':'d2Vpci5hY21lLiIsIngiOiI='},{'text':'x'}]}]}"};

	case_assert_prompt(&c,
	    "{'model':'','max_tokens':8192,'messages':[{'role':'user','content':'.'},{"
	    "'role':'assistant','content':[{'type':'text','text':'x'}]}]}",
	    "");
}

/* --- from others --- */

TEST(settings_come_from_others)
{
	assert_from_chat(
	    "{'model':'gemini-2.5-flash','messages':[{'role':'system','content':'be'}," HI
	    "],'max_completion_tokens':9,'temperature':0.5,'top_p':0.9,'seed':7,'stop':"
	    "'x','n':2,'logprobs':true,'top_logprobs':3,'presence_penalty':0.1,"
	    "'modalities':['text','image'],'service_tier':'priority','stream':true,"
	    "'reasoning_effort':'medium','response_format':{'type':'json_object'}}",
	    "{'generationConfig':{'maxOutputTokens':9,'temperature':0.5,'topP':0.9,"
	    "'seed':7,'candidateCount':2,'responseLogprobs':true,'logprobs':3,"
	    "'presencePenalty':0.1,'stopSequences':['x'],'responseModalities':['TEXT',"
	    "'IMAGE'],'responseMimeType':'application/json','thinkingConfig':{"
	    "'thinkingBudget':8192,'includeThoughts':true}},'serviceTier':'priority',"
	    "'systemInstruction':{'parts':[{'text':'be'}]}," SAID "}",
	    "");
	assert_from_chat("{'model':'m','messages':[" HI "],'logit_bias':{'1':2},'user':'u',"
			 "'parallel_tool_calls':false,'metadata':{'a':'b'},"
			 "'service_tier':'scale'}",
	    "{" SAID "}", "service_tier,logit_bias,parallel_tool_calls,user,metadata");
}

TEST(Q_TAKES_LABELS)
{
	assert_from(C, Q_TAKES_LABELS_BIT, "{'model':'m','messages':[" HI "],'metadata':{'a':'b'}}",
	    "{'labels':{'a':'b'}," SAID "}", "");
}

static const char calling[] =
    "{'model':'%s','messages':[" HI ",{'role':'assistant','content':'so','tool_calls':[{"
    "'id':'c1','type':'function','function':{'name':'f','arguments':'{\\'a\\': 1}'}},{"
    "'id':'call_gm_t1_1','type':'function','function':{'name':'g','arguments':'{'}}]},{"
    "'role':'tool','tool_call_id':'call_gm_t1_1','content':'{\\'r\\': [2]}'},{'role':"
    "'tool','tool_call_id':'c1','content':'ok'}," HI "]}";

TEST(calls_and_results_come_from_others)
{
	char text[1000];

	(void)snprintf(text, sizeof(text), calling, "gemini-2.5-pro");
	assert_from_chat(text,
	    "{'contents':[{'role':'user','parts':[{'text':'hi'}]},{'role':'model','parts':"
	    "[{'text':'so'},{'functionCall':{'id':'c1','name':'f','args':{'a': 1}}},{"
	    "'functionCall':{'name':'g','args':{'_raw':'{'}}}]},{'role':'user','parts':[{"
	    "'functionResponse':{'id':'c1','name':'f','response':{'output':'ok'}}},{"
	    "'functionResponse':{'name':'g','response':{'r': [2]}}}]},{'role':'user',"
	    "'parts':[{'text':'hi'}]}]}",
	    "");
}

TEST(Q_NO_CALL_IDS)
{
	char text[1000];

	(void)snprintf(text, sizeof(text), calling, "gemini-3-pro");
	assert_from(C, Q_NO_CALL_IDS_BIT, text,
	    "{'contents':[{'role':'user','parts':[{'text':'hi'}]},{'role':'model','parts':"
	    "[{'text':'so'},{'functionCall':{'name':'f','args':{'a': 1}},"
	    "'thoughtSignature':'skip_thought_signature_validator'},{'functionCall':{"
	    "'name':'g','args':{'_raw':'{'}}}]},{'role':'user','parts':[{"
	    "'functionResponse':{'name':'f','response':{'output':'ok'}}},{"
	    "'functionResponse':{'name':'g','response':{'r': [2]}}}]},{'role':'user',"
	    "'parts':[{'text':'hi'}]}]}",
	    "");
}

/* Every call has its response, though the caller has none; what is of no call comes
 * behind. */
TEST(every_call_is_answered)
{
	assert_from_chat(
	    "{'model':'m','messages':[{'role':'assistant','tool_calls':[{'id':'a','type':"
	    "'function','function':{'name':'f','arguments':'{}'}},{'id':'b','type':"
	    "'function','function':{'name':'g','arguments':'{}'}}]},{'role':'tool',"
	    "'tool_call_id':'b','content':'x'},{'role':'tool','tool_call_id':'z','name':"
	    "'h','content':'y'},{'role':'tool','tool_call_id':'q','content':'?'}]}",
	    "{'contents':[{'role':'model','parts':[{'functionCall':{'id':'a','name':'f',"
	    "'args':{}}},{'functionCall':{'id':'b','name':'g','args':{}}}]},{'role':'user',"
	    "'parts':[{'functionResponse':{'id':'a','name':'f','response':{'error':'no "
	    "result'}}},{'functionResponse':{'id':'b','name':'g','response':{'output':'x'}}"
	    "},{'functionResponse':{'id':'z','name':'h','response':{'output':'y'}}}]}]}",
	    "messages[3].content[0]");
}

/* A signature stands at its call, at the text before or behind it, or alone. */
TEST(signatures_find_their_place)
{
	static const struct {
		const char *blocks, *parts;
	} rows[] = {
	    {"{'type':'redacted_thinking','data':'weir.acme.s'},{'type':'tool_use','id':"
	     "'c','name':'f','input':{}}",
		"{'functionCall':{'id':'c','name':'f','args':{}},'thoughtSignature':'s'}"},
	    {"{'type':'text','text':'a'},{'type':'redacted_thinking','data':"
	     "'weir.acme.s'},{'type':'text','text':'b'}",
		"{'text':'a','thoughtSignature':'s'},{'text':'b'}"},
	    {"{'type':'redacted_thinking','data':'weir.acme.s'},{'type':'text','text':"
	     "'b'}",
		"{'text':'b','thoughtSignature':'s'}"},
	    {"{'type':'redacted_thinking','data':'weir.acme.s'}",
		"{'text':'','thoughtSignature':'s'}"},
	    {"{'type':'thinking','thinking':'t','signature':'weir.acme.s'},{'type':"
	     "'text','text':'b'}",
		"{'text':'t','thought':true,'thoughtSignature':'s'},{'text':'b'}"},
	    {"{'type':'text','text':'a'},{'type':'redacted_thinking','data':"
	     "'weir.acme.s'},{'type':'tool_use','id':'c','name':'f','input':{}}",
		"{'text':'a'},{'functionCall':{'id':'c','name':'f','args':{}},"
		"'thoughtSignature':'s'}"},
	    {"{'type':'thinking','thinking':'t','signature':'weir.other.s'},{'type':"
	     "'tool_use','id':'c','name':'f','input':{}},{'type':'tool_use','id':'d',"
	     "'name':'f','input':{}}",
		"{'functionCall':{'id':'c','name':'f','args':{}},'thoughtSignature':"
		"'skip_thought_signature_validator'},{'functionCall':{'id':'d','name':'f',"
		"'args':{}}}"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[1000], want[1000];

		(void)snprintf(text, sizeof(text),
		    "{'model':'gemini-3-flash','max_tokens':1,'messages':[{'role':"
		    "'assistant','content':[%s]}]}",
		    rows[i].blocks);
		(void)snprintf(want, sizeof(want),
		    "{'generationConfig':{'maxOutputTokens':1},'contents':[{'role':'model',"
		    "'parts':[%s]}]}",
		    rows[i].parts);
		assert_from(A, 0, text, want, "");
	}
}

/* The signature of a call has a place of its own in chat. */
TEST(signatures_of_calls_come_back)
{
	assert_from_chat(
	    "{'model':'gemini-3-pro','messages':[{'role':'assistant','content':null,"
	    "'reasoning_details':[{'type':'reasoning.text','text':'why','signature':"
	    "'weir.acme.'}],'tool_calls':[{'id':'c','type':'function','function':{'name':"
	    "'f','arguments':'{}'},'extra_content':{'google':{'thought_signature':"
	    "'weir.acme.s1'}}}]}]}",
	    "{'contents':[{'role':'model','parts':[{'text':'why','thought':true},{"
	    "'functionCall':{'id':'c','name':'f','args':{}},'thoughtSignature':'s1'}]}]}",
	    "");
}

TEST(thinking_goes_by_the_model)
{
	static const struct {
		const char *model, *effort, *config, *lost;
	} rows[] = {
	    {"gemini-2.5-flash", "none", "'thinkingBudget':0", ""},
	    {"gemini-2.5-pro", "none", "'thinkingBudget':128", ""},
	    {"gemini-2.5-pro", "max", "'thinkingBudget':32768,'includeThoughts':true", ""},
	    {"gemini-2.5-flash-lite", "xhigh",
		"'thinkingBudget':24576,'includeThoughts':true", ""},
	    {"gemini-3-pro-preview", "none", "'thinkingLevel':'LOW'", ""},
	    {"gemini-3-pro-preview", "medium",
		"'thinkingLevel':'HIGH','includeThoughts':true", ""},
	    {"gemini-3.1-pro", "medium",
		"'thinkingLevel':'MEDIUM','includeThoughts':true", ""},
	    {"gemini-3-flash", "minimal",
		"'thinkingLevel':'MINIMAL','includeThoughts':true", ""},
	    {"gemini-3-flash", "low", "'thinkingLevel':'LOW','includeThoughts':true", ""},
	    {"gemini-flash-latest", "high",
		"'thinkingBudget':24576,'includeThoughts':true", ""},
	    {"gemini-2.0-flash", "high", NULL, "reasoning_effort"},
	    {"gemini-2.0-flash", "none", NULL, ""},
	    {"gemini-2.5-flash-image", "high", NULL, "reasoning_effort"},
	    {"gemma-3-27b-it", "low", NULL, "reasoning_effort"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[400], want[400];

		(void)snprintf(text, sizeof(text),
		    "{'model':'%s','messages':[" HI "],'reasoning_effort':'%s'}",
		    rows[i].model, rows[i].effort);
		if (rows[i].config == NULL)
			(void)snprintf(want, sizeof(want), "{" SAID "}");
		else
			(void)snprintf(want, sizeof(want),
			    "{'generationConfig':{'thinkingConfig':{%s}}," SAID "}",
			    rows[i].config);
		assert_from_chat(text, want, rows[i].lost);
	}
	assert_from(A, 0,
	    "{'model':'gemini-2.5-flash','max_tokens':9,'messages':[" HI "],'thinking':{"
	    "'type':'enabled','budget_tokens':2000}}",
	    "{'generationConfig':{'maxOutputTokens':9,'thinkingConfig':{'thinkingBudget':"
	    "2000,'includeThoughts':true}}," SAID "}",
	    "");
}

TEST(tools_come_from_others)
{
	static const char tools[] =
	    "'tools':[{'type':'function','function':{'name':'f','description':'d',"
	    "'parameters':{'$schema':'s','type':'object','properties':{'a':{'const':'x'}},"
	    "'additionalProperties':false}}},{'type':'function','function':{'name':'g',"
	    "'strict':true,'parameters':{'type':'object','properties':{}}}}]";
	static const char declared[] =
	    "'tools':[{'functionDeclarations':[{'name':'f','description':'d',"
	    "'parametersJsonSchema':{'type':'object','properties':{'a':{'enum':['x']}},"
	    "'additionalProperties':false}},{'name':'g','parametersJsonSchema':{'type':"
	    "'object','properties':{}}}]}]";
	static const struct {
		const char *choice, *config;
	} rows[] = {
	    {"'auto'", "{'mode':'VALIDATED'}"},
	    {"'required'", "{'mode':'ANY'}"},
	    {"'none'", "{'mode':'NONE'}"},
	    {"{'type':'function','function':{'name':'f'}}",
		"{'mode':'ANY','allowedFunctionNames':['f']}"},
	    {"{'type':'allowed_tools','allowed_tools':{'mode':'auto','tools':[{'type':"
	     "'function','function':{'name':'f'}}]}}",
		"{'mode':'VALIDATED','allowedFunctionNames':['f']}"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[1000], want[1000];

		(void)snprintf(text, sizeof(text),
		    "{'model':'gemini-2.5-pro','messages':[" HI "],%s,'tool_choice':%s}",
		    tools, rows[i].choice);
		(void)snprintf(want, sizeof(want),
		    "{%s,'toolConfig':{'functionCallingConfig':%s}," SAID "}", declared,
		    rows[i].config);
		assert_from_chat(text, want, "");
	}
}

/* Before 2.5 schemas are OpenAPI's; before 3 a format and tools exclude each other. */
TEST(older_models_take_less)
{
	static const char format[] =
	    "'response_format':{'type':'json_schema','json_schema':{'name':'n','schema':{"
	    "'type':'object','properties':{'a':{'type':['string','null']}},"
	    "'additionalProperties':false}}}";
	char text[1000];

	(void)snprintf(text, sizeof(text),
	    "{'model':'gemini-2.0-flash','messages':[" HI "],%s}", format);
	assert_from_chat(text,
	    "{'generationConfig':{'responseMimeType':'application/json','responseSchema':{"
	    "'type':'object','properties':{'a':{'type':'string','nullable':true}}}}," SAID
	    "}",
	    "");
	(void)snprintf(text, sizeof(text),
	    "{'model':'gemini-3-pro','messages':[" HI "],%s}", format);
	assert_from_chat(text,
	    "{'generationConfig':{'responseMimeType':'application/json',"
	    "'responseJsonSchema':{'type':'object','properties':{'a':{'type':['string',"
	    "'null']}},'additionalProperties':false}}," SAID "}",
	    "");
	(void)snprintf(text, sizeof(text),
	    "{'model':'gemini-2.5-pro','messages':[" HI "],'tools':[{'type':'function',"
	    "'function':{'name':'f'}}],%s}",
	    format);
	assert_from_chat(text,
	    "{'tools':[{'functionDeclarations':[{'name':'f'}]}]," SAID "}",
	    "response_format");
}

TEST(models_without_instructions_get_them_from_the_user)
{
	assert_from_chat(
	    "{'model':'gemma-3-4b-it','messages':[{'role':'system','content':'be'}," HI
	    "]}",
	    "{'contents':[{'role':'user','parts':[{'text':'be'}]},{'role':'user','parts':[{"
	    "'text':'hi'}]}]}",
	    "");
}

/* Instructions in the middle stay there, empty texts go. */
TEST(turns_come_from_others)
{
	assert_from_chat(
	    "{'model':'m','messages':[" HI ",{'role':'assistant','content':''},{'role':"
	    "'assistant','content':'a'},{'role':'system','content':'now'},{'role':'user',"
	    "'content':''}," HI "]}",
	    "{'contents':[{'role':'user','parts':[{'text':'hi'}]},{'role':'model','parts':"
	    "[{'text':'a'}]},{'role':'user','parts':[{'text':'<system>now</system>'},{"
	    "'text':'hi'}]}]}",
	    "");
}

TEST(media_come_from_others)
{
	static const char parts[] =
	    "{'model':'%s','messages':[{'role':'user','content':[{'type':'image_url',"
	    "'image_url':{'url':'data:image/png;base64,QUJD','detail':'low'}},{'type':"
	    "'image_url','image_url':{'url':'https://h/a.webp?x=1','detail':'high'}},{"
	    "'type':'input_audio','input_audio':{'data':'QUJD','format':'wav'}},{'type':"
	    "'file','file':{'file_data':'data:application/pdf;base64,QUJD','filename':'a'"
	    "}},{'type':'file','file':{'file_id':'file-1'}}]}]}";
	char text[1000];

	(void)snprintf(text, sizeof(text), parts, "gemini-3-pro");
	assert_from_chat(text,
	    "{'contents':[{'role':'user','parts':[{'inlineData':{'mimeType':'image/png',"
	    "'data':'QUJD'},'mediaResolution':{'level':'MEDIA_RESOLUTION_LOW'}},{"
	    "'fileData':{'mimeType':'image/webp','fileUri':'https://h/a.webp?x=1'},"
	    "'mediaResolution':{'level':'MEDIA_RESOLUTION_HIGH'}},{'inlineData':{"
	    "'mimeType':'audio/wav','data':'QUJD'}},{'inlineData':{'mimeType':"
	    "'application/pdf','data':'QUJD'}}]}]}",
	    "messages[0].content[4]");
	(void)snprintf(text, sizeof(text), parts, "gemini-2.5-pro");
	assert_from_chat(text,
	    "{'contents':[{'role':'user','parts':[{'inlineData':{'mimeType':'image/png',"
	    "'data':'QUJD'}},{'fileData':{'mimeType':'image/webp','fileUri':"
	    "'https://h/a.webp?x=1'}},{'inlineData':{'mimeType':'audio/wav','data':'QUJD'}}"
	    ",{'inlineData':{'mimeType':'application/pdf','data':'QUJD'}}]}]}",
	    "messages[0].content[0].detail,messages[0].content[4]");
}

/* Pictures in a result: inside from Gemini 3 on, behind it before. */
TEST(results_hold_pictures)
{
	static const char result[] =
	    "{'model':'%s','max_tokens':1,'messages':[{'role':'assistant','content':[{"
	    "'type':'tool_use','id':'c','name':'f','input':{}}]},{'role':'user','content':"
	    "[{'type':'tool_result','tool_use_id':'c','is_error':true,'content':[{'type':"
	    "'text','text':'a'},{'type':'image','source':{'type':'base64','media_type':"
	    "'image/png','data':'QUJD'}},{'type':'text','text':'b'}]}]}]}";
	char text[1000];

	(void)snprintf(text, sizeof(text), result, "gemini-3-pro");
	assert_from(A, 0, text,
	    "{'generationConfig':{'maxOutputTokens':1},'contents':[{'role':'model','parts':"
	    "[{'functionCall':{'id':'c','name':'f','args':{}},'thoughtSignature':"
	    "'skip_thought_signature_validator'}]},{'role':'user','parts':[{"
	    "'functionResponse':{'id':'c','name':'f','response':{'error':'a\\n\\nb'},"
	    "'parts':[{'inlineData':{'mimeType':'image/png','data':'QUJD'}}]}}]}]}",
	    "");
	(void)snprintf(text, sizeof(text), result, "gemini-2.5-pro");
	assert_from(A, 0, text,
	    "{'generationConfig':{'maxOutputTokens':1},'contents':[{'role':'model','parts':"
	    "[{'functionCall':{'id':'c','name':'f','args':{}}}]},{'role':'user','parts':[{"
	    "'functionResponse':{'id':'c','name':'f','response':{'error':'a\\n\\nb'}}}]},{"
	    "'role':'user','parts':[{'inlineData':{'mimeType':'image/png','data':'QUJD'}}]"
	    "}]}",
	    "");
}

/* The bytes of a longer conversation begin with those of the shorter one. */
TEST(longer_conversations_begin_as_shorter_ones)
{
	static const char *const turns[] = {HI,
	    "{'role':'assistant','content':'a','tool_calls':[{'id':'c','type':'function',"
	    "'function':{'name':'f','arguments':'{}'}}]}",
	    "{'role':'tool','tool_call_id':'c','content':'r'}", "{'role':'assistant',"
	    "'content':'b'}", "{'role':'system','content':'s'}", HI,
	    "{'role':'assistant','content':'d'}"};
	struct case_told before = {.text = "{'tools':"}, told;
	char text[2000] = "";

	for (size_t i = 0; i < COUNT(turns); i++) {
		char request[3000];
		struct case_prompt c = {.from = C, .to = G, .text = request};
		size_t len = strlen(before.text);

		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
		    i > 0 ? "," : "", turns[i]);
		(void)snprintf(request, sizeof(request),
		    "{'model':'gemini-3-pro','tools':[{'type':'function','function':{'name':"
		    "'f'}}],'temperature':1,'messages':[%s]}",
		    text);
		assert_int_equal(case_write_prompt(&c, &told), ERR_OK);
		if (i > 0)
			assert_int_equal(strncmp(told.text, before.text, len - 2), 0);
		assert_true(i == 4 || strlen(told.text) > len);
		before = told;
	}
}

/* --- memory --- */

static enum err
write_it(void *arg)
{
	struct case_told told;

	return case_write_prompt(arg, &told);
}

TEST(survives_torture)
{
	struct case_prompt in = {.from = G,
	    .to = C,
	    .text = "{'system_instruction':{'parts':[{'text':'be'}]},'contents':[{'parts':"
		    "[{'text':'hi'},{'inlineData':{'mimeType':'image/png','data':'-_'}}]},"
		    "{'role':'model','parts':[{'text':'t','thought':true},{'text':'',"
		    "'thought':true,'thoughtSignature':'d2Vpci5hY21lLnNpZw=='},{"
		    "'functionCall':{'name':'f','args':{}}}]},{'parts':[{"
		    "'functionResponse':{'name':'f','response':{'a':1}}}]}],'tools':[{"
		    "'functionDeclarations':[{'name':'f','parameters':{'type':'OBJECT'}}]}"
		    "],'generationConfig':{'topK':1,'responseModalities':['TEXT',"
		    "'IMAGE'],'x':1}}"};
	char text[1000];
	struct case_prompt out = {.from = C, .to = G, .text = text};

	(void)snprintf(text, sizeof(text), calling, "gemini-3-pro");
	assert_true(torture(write_it, &in) > 0);
	assert_true(torture(write_it, &out) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_understood_is_written_again),
	    cmocka_unit_test(what_is_not_understood_stays_as_it_is),
	    cmocka_unit_test(the_model_is_the_providers),
	    cmocka_unit_test(signatures_of_others_are_left_out),
	    cmocka_unit_test(what_cannot_be_read_is_refused),
	    cmocka_unit_test(settings_go_to_others),
	    cmocka_unit_test(what_has_no_equivalent_is_named),
	    cmocka_unit_test(both_spellings_mean_the_same),
	    cmocka_unit_test(calls_without_ids_get_some),
	    cmocka_unit_test(media_go_to_others),
	    cmocka_unit_test(schemas_in_openapis_form_become_json_schemas),
	    cmocka_unit_test(modes_of_choice_go_to_others),
	    cmocka_unit_test(thoughts_of_others_go_back_whole),
	    cmocka_unit_test(forged_tags_are_no_signatures),
	    cmocka_unit_test(settings_come_from_others),
	    cmocka_unit_test(Q_TAKES_LABELS),
	    cmocka_unit_test(calls_and_results_come_from_others),
	    cmocka_unit_test(Q_NO_CALL_IDS),
	    cmocka_unit_test(every_call_is_answered),
	    cmocka_unit_test(signatures_find_their_place),
	    cmocka_unit_test(signatures_of_calls_come_back),
	    cmocka_unit_test(thinking_goes_by_the_model),
	    cmocka_unit_test(tools_come_from_others),
	    cmocka_unit_test(older_models_take_less),
	    cmocka_unit_test(models_without_instructions_get_them_from_the_user),
	    cmocka_unit_test(turns_come_from_others),
	    cmocka_unit_test(media_come_from_others),
	    cmocka_unit_test(results_hold_pictures),
	    cmocka_unit_test(longer_conversations_begin_as_shorter_ones),
	    cmocka_unit_test(survives_torture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
