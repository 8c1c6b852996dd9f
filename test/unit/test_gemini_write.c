/*
 * Requests of other dialects, as Gemini's.
 */
#include "translate_case.h"

#define G &dialect_gemini
#define C &dialect_openai
#define A &dialect_anthropic

/* The members that most of these begin and end with. */
#define HI   "{'role':'user','content':'hi'}"
#define SAID "'contents':[{'role':'user','parts':[{'text':'hi'}]}]"

/* What stands before a model that speaks first. */
#define FIRST "{'role':'user','parts':[{'text':'.'}]},"

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
	assert_from_chat("{'model':'m','messages':[" HI
			 "],'logit_bias':{'1':2},'user':'u',"
			 "'parallel_tool_calls':false,'metadata':{'a':'b'},"
			 "'service_tier':'scale'}",
	    "{" SAID "}", "service_tier,logit_bias,parallel_tool_calls,user,metadata");
}

TEST(labels_where_they_are_understood)
{
	assert_from(C, Q_TAKES_LABELS,
	    "{'model':'m','messages':[" HI "],'metadata':{'a':'b'}}",
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
	    "{'contents':[{'role':'user','parts':[{'text':'hi'}]},{'role':'model','parts'"
	    ":"
	    "[{'text':'so'},{'functionCall':{'id':'c1','name':'f','args':{'a': 1}}},{"
	    "'functionCall':{'name':'g','args':{'_raw':'{'}}}]},{'role':'user','parts':[{"
	    "'functionResponse':{'id':'c1','name':'f','response':{'output':'ok'}}},{"
	    "'functionResponse':{'name':'g','response':{'r': [2]}}}]},{'role':'user',"
	    "'parts':[{'text':'hi'}]}]}",
	    "");
}

TEST(ids_where_they_are_known)
{
	char text[1000];

	(void)snprintf(text, sizeof(text), calling, "gemini-3-pro");
	assert_from(C, Q_NO_CALL_IDS, text,
	    "{'contents':[{'role':'user','parts':[{'text':'hi'}]},{'role':'model','parts'"
	    ":"
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
	    "{'contents':[" FIRST
	    "{'role':'model','parts':[{'functionCall':{'id':'a','name':'f',"
	    "'args':{}}},{'functionCall':{'id':'b','name':'g','args':{}}}]},{'role':'"
	    "user',"
	    "'parts':[{'functionResponse':{'id':'a','name':'f','response':{'error':'no "
	    "result'}}},{'functionResponse':{'id':'b','name':'g','response':{'output':'x'"
	    "}}"
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
		"{'functionCall':{'id':'c','name':'f','args':{}},'thoughtSignature':'s'"
		"}"},
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
		"'skip_thought_signature_validator'},{'functionCall':{'id':'d','name':'f'"
		","
		"'args':{}}}"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[1000], want[1000];

		(void)snprintf(text, sizeof(text),
		    "{'model':'gemini-3-flash','max_tokens':1,'messages':[{'role':"
		    "'assistant','content':[%s]}]}",
		    rows[i].blocks);
		(void)snprintf(want, sizeof(want),
		    "{'generationConfig':{'maxOutputTokens':1},'contents':[" FIRST
		    "{'role':'model','parts':[%s]}]}",
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
	    "{'contents':[" FIRST
	    "{'role':'model','parts':[{'text':'why','thought':true},{"
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
	    {"gemini-2.5-pro", "max", "'thinkingBudget':32768,'includeThoughts':true",
		""},
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
	    "'parameters':{'$schema':'s','type':'object','properties':{'a':{'const':'x'}}"
	    ","
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
	    "{'generationConfig':{'responseMimeType':'application/"
	    "json','responseSchema':{"
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
	    "{'contents':[{'role':'user','parts':[{'text':'be'}]},{'role':'user','parts':"
	    "[{"
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
	    "{'contents':[{'role':'user','parts':[{'text':'hi'}]},{'role':'model','parts'"
	    ":"
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
	    "'https://h/a.webp?x=1'}},{'inlineData':{'mimeType':'audio/"
	    "wav','data':'QUJD'}}"
	    ",{'inlineData':{'mimeType':'application/pdf','data':'QUJD'}}]}]}",
	    "messages[0].content[0].detail,messages[0].content[4]");
}

/* Pictures in a result: inside from Gemini 3 on, behind it before. */
TEST(results_hold_pictures)
{
	static const char result[] =
	    "{'model':'%s','max_tokens':1,'messages':[{'role':'assistant','content':[{"
	    "'type':'tool_use','id':'c','name':'f','input':{}}]},{'role':'user','content'"
	    ":"
	    "[{'type':'tool_result','tool_use_id':'c','is_error':true,'content':[{'type':"
	    "'text','text':'a'},{'type':'image','source':{'type':'base64','media_type':"
	    "'image/png','data':'QUJD'}},{'type':'text','text':'b'}]}]}]}";
	char text[1000];

	(void)snprintf(text, sizeof(text), result, "gemini-3-pro");
	assert_from(A, 0, text,
	    "{'generationConfig':{'maxOutputTokens':1},'contents':[" FIRST
	    "{'role':'model','"
	    "parts':"
	    "[{'functionCall':{'id':'c','name':'f','args':{}},'thoughtSignature':"
	    "'skip_thought_signature_validator'}]},{'role':'user','parts':[{"
	    "'functionResponse':{'id':'c','name':'f','response':{'error':'a\\n\\nb'},"
	    "'parts':[{'inlineData':{'mimeType':'image/png','data':'QUJD'}}]}}]}]}",
	    "");
	(void)snprintf(text, sizeof(text), result, "gemini-2.5-pro");
	assert_from(A, 0, text,
	    "{'generationConfig':{'maxOutputTokens':1},'contents':[" FIRST
	    "{'role':'model','"
	    "parts':"
	    "[{'functionCall':{'id':'c','name':'f','args':{}}}]},{'role':'user','parts':["
	    "{"
	    "'functionResponse':{'id':'c','name':'f','response':{'error':'a\\n\\nb'}}}]},"
	    "{"
	    "'role':'user','parts':[{'inlineData':{'mimeType':'image/"
	    "png','data':'QUJD'}}]"
	    "}]}",
	    "");
}

/* The bytes of a longer conversation begin with those of the shorter one. */
TEST(longer_conversations_begin_as_shorter_ones)
{
	static const char *const turns[] = {HI,
	    ("{'role':'assistant','content':'a','tool_calls':[{'id':'c','type':"
	     "'function','function':{'name':'f','arguments':'{}'}}]}"),
	    "{'role':'tool','tool_call_id':'c','content':'r'}",
	    "{'role':'assistant','content':'b'}", "{'role':'system','content':'s'}", HI,
	    "{'role':'assistant','content':'d'}"};
	static struct case_told before, told;
	char text[2000] = "";

	for (size_t i = 0; i < COUNT(turns); i++) {
		size_t len = strlen(before.text);
		char request[3000];
		struct case_prompt c = {.from = C, .to = G, .text = request};

		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
		    i > 0 ? "," : "", turns[i]);
		(void)snprintf(request, sizeof(request),
		    "{'model':'gemini-3-pro','tools':[{'type':'function','function':{'"
		    "name':"
		    "'f'}}],'temperature':1,'messages':[%s]}",
		    text);
		assert_int_equal(case_write_prompt(&c, &told), ERR_OK);
		/* All but what closes the last content, as the user may go on in it. */
		if (i > 0 && strncmp(told.text, before.text, len - strlen("]}]}")) != 0)
			fail_msg("%s\nbegins not as %s", told.text, before.text);
		assert_true(strlen(told.text) > len);
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
	char text[1000];
	struct case_prompt out = {.from = C, .to = G, .text = text};

	(void)snprintf(text, sizeof(text), calling, "gemini-3-pro");
	assert_true(torture(write_it, &out) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(settings_come_from_others),
	    cmocka_unit_test(labels_where_they_are_understood),
	    cmocka_unit_test(calls_and_results_come_from_others),
	    cmocka_unit_test(ids_where_they_are_known),
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
