/*
 * Gemini's requests: written again as they were, and told to other dialects.
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
#define HI   "{'role':'user','content':'hi'}"
#define SAID "'contents':[{'role':'user','parts':[{'text':'hi'}]}]"

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
	case_assert_refused(
	    G, "{'contents':[7]}", "contents: contents[0] must be an object.");
	case_assert_refused(G, "{'systemInstruction':'x'}",
	    "systemInstruction: 'systemInstruction' must be an object.");
	case_assert_refused(G, "{'tools':7}", "tools: 'tools' must be an array.");
	case_assert_refused(G, "{'generationConfig':7}",
	    "generationConfig: 'generationConfig' must be an object.");
	case_assert_refused(G,
	    "{'generationConfig':{'thinkingConfig':{'thinkingLevel':'EXTREME'}}}",
	    "generationConfig.thinkingConfig.thinkingLevel: 'thinkingLevel' must be "
	    "MINIMAL, LOW, MEDIUM or HIGH.");
	case_assert_refused(
	    G, "{'contents':[{'parts':[{'text':7}]}]}", "text: 'text' must be a string.");
}

/* --- to others --- */

TEST(settings_go_to_others)
{
	assert_to_chat(
	    "{" SAID ",'systemInstruction':{'parts':[{'text':'be'}]},'generationConfig':{"
	    "'maxOutputTokens':9,'temperature':0.5,'topP':0.9,'topK':4,'seed':7,"
	    "'stopSequences':['x'],'candidateCount':2,'responseLogprobs':true,'logprobs':"
	    "3,'presencePenalty':0.1,'frequencyPenalty':0.2,'thinkingConfig':{"
	    "'thinkingBudget':1024,'includeThoughts':true}},'serviceTier':'flex'}",
	    "{'model':'','max_tokens':9,'stop':['x'],'temperature':0.5,'top_p':0.9,"
	    "'top_k':4,'seed':7,'n':2,'logprobs':true,'top_logprobs':3,"
	    "'presence_penalty':0.1,'frequency_penalty':0.2,'service_tier':'flex',"
	    "'reasoning_effort':'minimal','messages':[{'role':'system','content':'be'}"
	    "," HI "]}",
	    "");
}

TEST(what_has_no_equivalent_is_named)
{
	assert_to_chat("{" SAID
		       ",'safetySettings':[{'category':'C'}],'cachedContent':'c',"
		       "'generation_config':{'speech_config':{},'temperature':1,"
		       "'responseMimeType':'text/x.enum'},'x':1,'tools':[{"
		       "'googleSearch':{}}]}",
	    "{'model':'','temperature':1,'messages':[" HI "]}",
	    "safetySettings,cachedContent,generation_config.speech_config,x,tools[0],"
	    "generationConfig.responseMimeType");
	assert_to_chat("{'contents':[{'parts':[{'text':'hi','videoMetadata':{'fps':1}},{"
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
	    "{'contents':["
	    "{'parts':[{'text':'hi'}]},{'role':'model','parts':[{"
	    "'functionCall':{'name':'f','args':{'a':1}}},{'functionCall':{'name':'g'}},"
	    "{'functionCall':{'name':'f'}}]},{'role':'user','parts':[{"
	    "'functionResponse':{'name':'f','response':{'output':'1'}}},{"
	    "'functionResponse':{'name':'f','response':{'r':2}}},{'functionResponse':{"
	    "'name':'g','response':{'error':'3'}}},{'functionResponse':{'name':'h',"
	    "'response':{}}}]}]}",
	    "{'model':'','messages':[" HI ",{'role':'assistant','content':null,'tool_"
	    "calls':[{'id':'call_gm_t1_0','type':"
	    "'function','function':{'name':'f','arguments':'{\\'a\\':1}'}},{'id':"
	    "'call_gm_t1_1','type':'function','function':{'name':'g','arguments':'{}'}},{"
	    "'id':'call_gm_t1_2','type':'function','function':{'name':'f','arguments':'{}"
	    "'"
	    "}}]},{'role':'tool','tool_call_id':'call_gm_t1_0','content':'1'},{'role':"
	    "'tool','tool_call_id':'call_gm_t1_2','content':'{\\'r\\':2}'},{'role':'tool'"
	    ","
	    "'tool_call_id':'call_gm_t1_1','content':'Error: "
	    "3'},{'role':'tool','tool_call_id':"
	    "'call_gm_r2_0','content':'{}'}]}",
	    "");
}

TEST(media_go_to_others)
{
	assert_to_chat(
	    "{'contents':[{'parts':[{'inlineData':{'mimeType':'image/png','data':"
	    "'-_-_8A'},'mediaResolution':{'level':'MEDIA_RESOLUTION_HIGH'}},{'fileData':{"
	    "'mimeType':'image/jpeg','fileUri':'https://h/i.jpg'}},{'fileData':{"
	    "'mimeType':'image/jpeg','fileUri':'https://"
	    "generativelanguage.googleapis.com/"
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
	    "{" SAID
	    ",'tools':[{'functionDeclarations':[{'name':'f','parameters':{'type':"
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
		""},
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
	    .text =
		"{'system_instruction':{'parts':[{'text':'be'}]},'contents':[{'parts':"
		"[{'text':'hi'},{'inlineData':{'mimeType':'image/png','data':'-_'}}]},"
		"{'role':'model','parts':[{'text':'t','thought':true},{'text':'',"
		"'thought':true,'thoughtSignature':'d2Vpci5hY21lLnNpZw=='},{"
		"'functionCall':{'name':'f','args':{}}}]},{'parts':[{"
		"'functionResponse':{'name':'f','response':{'a':1}}}]}],'tools':[{"
		"'functionDeclarations':[{'name':'f','parameters':{'type':'OBJECT'}}]}"
		"],'generationConfig':{'topK':1,'responseModalities':['TEXT',"
		"'IMAGE'],'x':1}}"};

	assert_true(torture(write_it, &in) > 0);
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
	    cmocka_unit_test(survives_torture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
