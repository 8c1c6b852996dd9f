#include "dialect_case.h"

#define GEMINI &dialect_gemini
#define OPENAI &dialect_openai
#define CLAUDE &dialect_anthropic

/* --- what is asked --- */

static struct arena memory;

static struct ask
asked(enum operation op, const char *text)
{
	struct ask ask;

	arena_init(&memory, NULL, 0, 10000);
	assert_int_equal(try_ask(GEMINI, op, text, &memory, &ask), ERR_OK);
	return ask;
}

TEST(a_chat_is_looked_at)
{
	struct ask ask = asked(OP_CHAT,
	    "{'contents':[{'parts':[{'text':'abc'},{'inlineData':{'mimeType':'image/png',"
	    "'data':'1234'}},{'file_data':{'mime_type':'audio/wav','file_uri':'x'}}]}],"
	    "'tools':[{}],'generationConfig':{'maxOutputTokens':7,'candidateCount':2,"
	    "'responseSchema':{}}}");

	assert_int_equal(ask.needs, CAP_TOOLS | CAP_VISION | CAP_AUDIO | CAP_STRUCTURED);
	assert_int_equal(ask.max_output_tok, 7);
	assert_int_equal(ask.answers, 2);
	assert_int_equal(ask.prompt_parts, 2);
	assert_true(ask.usage_asked);
	/* contents and tools without what the media hold */
	assert_int_equal(ask.prompt_bytes, 59 + 4);
	arena_free(&memory);
	ask = asked(OP_CHAT, "{'contents':{'parts':{'text':'a'}},'generation_config':"
			     "{'candidate_count':0,'response_json_schema':{}}}");
	assert_int_equal(ask.needs, CAP_STRUCTURED);
	assert_int_equal(ask.answers, 1);
	arena_free(&memory);
	ask = asked(OP_COUNT, "{'generateContentRequest':{'model':'models/m','contents':"
			      "[{'parts':[{'text':'abc'}]}]}}");
	assert_int_equal(ask.prompt_bytes, 28);
	arena_free(&memory);
}

TEST(what_is_to_be_embedded_is_counted)
{
	struct ask ask = asked(OP_EMBEDDING, "{'content':{'parts':[{'text':'ab'}]}}");

	assert_int_equal(ask.prompt_bytes, 25);
	arena_free(&memory);
	ask = asked(OP_EMBEDDING, "{'requests':[{'content':{'parts':[{'text':'ab'}]}},"
				  "{'content':{'parts':[{'text':'abcd'}]}}]}");
	assert_int_equal(ask.prompt_bytes, 25 + 27);
	assert_int_equal(ask.longest_bytes, 27);
	arena_free(&memory);
}

TEST(what_asks_for_nothing_is_refused)
{
	static const struct {
		enum operation op;
		const char *text, *param;
	} cases[] = {{OP_CHAT, "[]", NULL}, {OP_CHAT, "{}", "contents"},
	    {OP_CHAT, "{'contents':1}", "contents"}, {OP_EMBEDDING, "{}", "content"}};
	struct ask ask;
	struct arena a;

	arena_init(&a, NULL, 0, 1000);
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(try_ask(GEMINI, cases[i].op, cases[i].text, &a, &ask),
		    ERR_BAD_REQUEST);
		assert_slice(slice_str(case_param), slice_str(cases[i].param));
	}
	arena_free(&a);
}

TEST(what_is_wanted_stands_in_the_path)
{
	buf_clear(&case_body);
	dialect_gemini.put_target(OP_CHAT, S("gemini-x"), false, &case_body);
	dialect_gemini.put_target(OP_CHAT, S("a b"), true, &case_body);
	dialect_gemini.put_target(OP_COUNT, S("publishers/p/models/m"), true, &case_body);
	dialect_gemini.put_target(OP_EMBEDDING, S("m"), false, &case_body);
	assert_slice(buf_slice(&case_body),
	    S("/models/gemini-x:generateContent"
	      "/models/a%20b:streamGenerateContent?alt=sse"
	      "/publishers/p/models/m:countTokens/models/m:embedContent"));
}

static void
assert_edited(enum operation op, const char *model, const char *text, const char *want)
{
	struct slice parts[JSON_PARTS_MAX], body = json_of(text);
	struct edit_plan plan = {.model = slice_str(model)};
	struct json_edits edits;
	struct ask ask;
	struct arena a;
	struct json j;
	unsigned n;

	arena_init(&a, NULL, 0, 1000);
	json_init(&j, 100);
	assert_int_equal(json_parse(&j, body, dialect_gemini.keep), ERR_OK);
	assert_int_equal(
	    dialect_gemini.read_ask(&j, op, &a, &ask, &case_note, &case_param), ERR_OK);
	assert_int_equal(dialect_gemini.edit(&j, &ask, &plan, &a, &edits), ERR_OK);
	n = json_parts(&edits, body, parts);
	buf_clear(&case_body);
	for (unsigned i = 0; i < n; i++)
		buf_add(&case_body, parts[i]);
	assert_json(buf_slice(&case_body), want);
	json_free(&j);
	arena_free(&a);
}

/* Mostly the body has no model; where it has one, it is the provider's. */
TEST(models_are_changed_wherever_they_stand)
{
	assert_edited(OP_CHAT, "b", "{ 'contents':[] ,'provider':{'only':['x']}}",
	    "{ 'contents':[]}");
	assert_edited(OP_CHAT, "b", "{'model':'models/a','contents':[]}",
	    "{'model':'models/b','contents':[]}");
	assert_edited(OP_CHAT, "b", "{'model':'models/b','contents':[]}",
	    "{'model':'models/b','contents':[]}");
	assert_edited(OP_COUNT, "p/q",
	    "{'generateContentRequest':{'model':'models/a','contents':[]}}",
	    "{'generateContentRequest':{'model':'p/q','contents':[]}}");
	assert_edited(OP_EMBEDDING, "b",
	    "{'requests':[{'model':'models/a','content':{}},{'content':{}},"
	    "{'model':'a'},{'model':'models/b'}]}",
	    "{'requests':[{'model':'models/b','content':{}},{'content':{}},"
	    "{'model':'b'},{'model':'models/b'}]}");
}

/* --- usage --- */

static void
assert_usage(const char *metadata, const char *want)
{
	char text[600];
	struct reply_facts f;

	(void)snprintf(
	    text, sizeof(text), "{'candidates':[],'usageMetadata':%s}", metadata);
	f = reply_facts(GEMINI, text);
	assert_slice(usage_text(&f.usage), slice_str(want));
}

TEST(each_token_is_counted_once)
{
	assert_usage("{'promptTokenCount':10,'cachedContentTokenCount':4,"
		     "'candidatesTokenCount':3,'thoughtsTokenCount':5,"
		     "'toolUsePromptTokenCount':2,'totalTokenCount':20}",
	    "input=8 cached_input=4 output=3 reasoning=5");
	assert_usage("{'promptTokenCount':300,'cachedContentTokenCount':30,"
		     "'candidatesTokenCount':50,'promptTokensDetails':[{'modality':"
		     "'TEXT','tokenCount':10},{'modality':'IMAGE','tokenCount':258},"
		     "{'modality':4,'tokenCount':32}],'cacheTokensDetails':[{'modality':"
		     "'AUDIO','tokenCount':30}],'candidatesTokensDetails':[{'modality':"
		     "'IMAGE','tokenCount':40}]}",
	    "input=10 cached_input=30 output=10 input_audio=2 input_image=258 "
	    "output_image=40");
	assert_usage("{'totalTokenCount':7}", "");
	assert_usage("{'trafficType':'ON_DEMAND'}", "unknown");
	assert_usage("{'promptTokenCount':5000000000}", "unknown");
	assert_usage("null", "unknown");
}

TEST(tiers_are_told_in_two_ways)
{
	static const struct {
		const char *member, *tier;
	} cases[] = {{"'serviceTier':'flex'", "flex"},
	    {"'trafficType':'ON_DEMAND_PRIORITY'", "priority"},
	    {"'trafficType':'ON_DEMAND_FLEX'", "flex"},
	    {"'trafficType':'PROVISIONED_THROUGHPUT'", ""}};
	char text[200];

	for (size_t i = 0; i < COUNT(cases); i++) {
		(void)snprintf(text, sizeof(text),
		    "{'usageMetadata':{'promptTokenCount':1,%s}}", cases[i].member);
		assert_slice(reply_facts(GEMINI, text).tier, slice_str(cases[i].tier));
	}
}

/* A stream that was asked for without alt=sse is one list. */
TEST(of_a_list_the_last_usage_counts)
{
	struct reply_facts f = reply_facts(GEMINI,
	    "[{'modelVersion':'m','usageMetadata':{'promptTokenCount':5}},"
	    "{'usageMetadata':{'promptTokenCount':5,'candidatesTokenCount':2}}]");

	assert_slice(usage_text(&f.usage), S("input=5 output=2"));
	assert_slice(f.model, S("m"));
	assert_false(f.is_fault);
	assert_true(reply_facts(GEMINI, "[{'error':{'code':400}}]").is_fault);
}

/* --- answers --- */

TEST(answers_come_back_as_they_were)
{
	static const char *const same[] = {
	    "{'candidates':[{'content':{'parts':[{'text':'a'}],'role':'model'},"
	    "'finishReason':'STOP','index':0,'future':[1.0]}],'usageMetadata':{},"
	    "'modelVersion':'m','responseId':'i'}",
	    "{'candidates':[{'content':{'parts':[{'text':'hm','thought':true,"
	    "'thoughtSignature':'c2ln'},{'functionCall':{'name':'f','args':{'a':1}},"
	    "'thoughtSignature':'c2ln'},{'inlineData':{'mimeType':'image/png','data':"
	    "'iVBO'}},{'executableCode':{'code':'1'}}],'role':'model'},'finishReason':"
	    "'STOP'},{'content':{},'finishReason':'SAFETY','index':1}]}",
	    "{'promptFeedback':{'blockReason':'SAFETY'},'usageMetadata':{}}",
	};

	for (size_t i = 0; i < COUNT(same); i++)
		assert_answer(GEMINI, GEMINI, same[i], same[i]);
	assert_int_equal(
	    try_answer(GEMINI, OPENAI, json_of("{'message':'no'}")), ERR_BAD_REPLY);
}

#define SEALED "weir.maker.c2ln"

TEST(an_answer_told_to_openai)
{
	assert_answer(GEMINI, OPENAI,
	    "{'candidates':[{'content':{'parts':[{'text':'hm','thought':true},{'text':"
	    "'So','thoughtSignature':'c2ln'},{'functionCall':{'id':'c','name':'f','args':"
	    "{'a':1}}}],'role':'model'},'finishReason':'STOP','logprobsResult':{"
	    "'chosenCandidates':[{'token':'a','logProbability':-0.5}],'topCandidates':[{"
	    "'candidates':[{'token':'b','logProbability':-1}]}]}},{'content':{'parts':[{"
	    "'text':'b'}]},'index':1,'finishReason':'MAX_TOKENS'}],'usageMetadata':{"
	    "'promptTokenCount':7,'candidatesTokenCount':3,'thoughtsTokenCount':5},"
	    "'modelVersion':'m','responseId':'i'}",
	    "{'id':'i','object':'chat.completion','created':1700000000,'model':'m',"
	    "'choices':[{'index':0,'message':{'role':'assistant','reasoning_content':"
	    "'hm','reasoning_details':[{'type':'reasoning.text','text':'hm',"
	    "'signature':'weir.maker.'},{'type':'reasoning.encrypted','data':'" SEALED
	    "'}],'content':'So','refusal':null,"
	    "'tool_calls':[{'id':'c','type':'function','function':{'name':'f',"
	    "'arguments':'{\\'a\\':1}'}}]},'logprobs':{'content':[{'token':'a',"
	    "'logprob':-0.5,'bytes':null,'top_logprobs':[{'token':'b','logprob':-1,"
	    "'bytes':null}]}]},'finish_reason':'tool_calls'},{'index':1,'message':{"
	    "'role':'assistant','content':'b','refusal':null},'logprobs':null,"
	    "'finish_reason':'length'}],'usage':{'prompt_tokens':7,'completion_tokens':8,"
	    "'total_tokens':15,'prompt_tokens_details':{'cached_tokens':0,"
	    "'audio_tokens':0},'completion_tokens_details':{'reasoning_tokens':5,"
	    "'audio_tokens':0}}}");
}

/* A signature of another provider is told in base64 (d2Vpci... is "weir."): clients
 * take it for bytes. */
TEST(an_answer_told_to_gemini)
{
	assert_answer(CLAUDE, GEMINI,
	    "{'id':'i','model':'m','content':[{'type':'thinking','thinking':'hm',"
	    "'signature':'s'},{'type':'redacted_thinking','data':'d'},{'type':'text',"
	    "'text':'So'},{'type':'tool_use','id':'c','name':'f','input':{'a':1}}],"
	    "'stop_reason':'tool_use','usage':{'input_tokens':3,"
	    "'cache_creation_input_tokens':2,'cache_read_input_tokens':4,"
	    "'output_tokens':9,'output_tokens_details':{'thinking_tokens':5}}}",
	    "{'candidates':[{'content':{'parts':[{'text':'hm','thought':true,"
	    "'thoughtSignature':'d2Vpci5tYWtlci5z'},{'text':'','thoughtSignature':"
	    "'d2Vpci5tYWtlci5k'},{'text':'So'},{'functionCall':{'id':'c','name':'f',"
	    "'args':{'a':1}}}],'role':'model'},'finishReason':'STOP','index':0}],"
	    "'usageMetadata':{'promptTokenCount':9,'cachedContentTokenCount':4,"
	    "'candidatesTokenCount':4,'thoughtsTokenCount':5,'totalTokenCount':18,"
	    "'promptTokensDetails':[{'modality':'TEXT','tokenCount':9}]},"
	    "'modelVersion':'m','responseId':'i'}");
	assert_answer(OPENAI, GEMINI,
	    "{'choices':[{'index':0,'finish_reason':'length','logprobs':{'content':[{"
	    "'token':'a','logprob':-0.25,'top_logprobs':[{'token':'b','logprob':-2}]}]},"
	    "'message':{'content':'a','tool_calls':[{'id':'c','function':{'name':'f',"
	    "'arguments':'{\\'a\\':'}}]}}]}",
	    "{'candidates':[{'content':{'parts':[{'text':'a'},{'functionCall':{'id':'c',"
	    "'name':'f','args':{'_raw':'{\\'a\\':'}}}],'role':'model'},'finishReason':"
	    "'MAX_TOKENS','index':0,'logprobsResult':{'topCandidates':[{'candidates':[{"
	    "'token':'b','logProbability':-2}]}],'chosenCandidates':[{'token':'a',"
	    "'logProbability':-0.25}]}}],'modelVersion':'some-model','responseId':"
	    "'req-1'}");
}

TEST(ends_have_words)
{
	static const struct {
		const char *gemini, *openai;
	} cases[] = {{"'STOP'", "stop"}, {"1", "stop"}, {"'MAX_TOKENS'", "length"},
	    {"2", "length"}, {"'SAFETY'", "content_filter"},
	    {"'RECITATION'", "content_filter"}, {"'SPII'", "content_filter"},
	    {"'IMAGE_SAFETY'", "content_filter"}, {"'WHAT_COMES_LATER'", "stop"},
	    {"99", "stop"}};
	char text[200], want[60];

	for (size_t i = 0; i < COUNT(cases); i++) {
		(void)snprintf(text, sizeof(text),
		    "{'candidates':[{'content':{},'finishReason':%s}]}", cases[i].gemini);
		(void)snprintf(
		    want, sizeof(want), "'finish_reason':'%s'", cases[i].openai);
		assert_int_equal(try_answer(GEMINI, OPENAI, json_of(text)), ERR_OK);
		if (slice_search(text_of(buf_slice(&case_body)), slice_str(want)) ==
		    case_body.len)
			fail_msg("%s is no %s", cases[i].gemini, cases[i].openai);
	}
	assert_int_equal(try_answer(GEMINI, OPENAI,
			     json_of("{'promptFeedback':{'blockReason':'OTHER'}}")),
	    ERR_OK);
	assert_true(slice_search(text_of(buf_slice(&case_body)),
			S("'finish_reason':'content_filter'")) < case_body.len);
}

/* Calls have no ids in older models: they get some, always the same. */
TEST(calls_without_ids_get_some)
{
	static const char text[] =
	    "{'responseId':'i','candidates':[{'index':1,'content':{'parts':["
	    "{'functionCall':{'name':'f'}},{'functionCall':{'name':'f'}}]}}]}";
	struct slice first;
	size_t at;

	assert_int_equal(try_answer(GEMINI, OPENAI, json_of(text)), ERR_OK);
	first = text_of(buf_slice(&case_body));
	at = slice_search(first, S("'id':'call_gm_"));
	assert_true(at < first.len);
	assert_true(slice_search(first, S("_1_0'")) < first.len);
	assert_true(slice_search(first, S("_1_1'")) < first.len);
	assert_true(slice_search(first, S("'arguments':'{}'")) < first.len);
	assert_int_equal(try_answer(GEMINI, OPENAI, json_of(text)), ERR_OK);
	assert_slice(text_of(buf_slice(&case_body)), first);
}

/* --- streams --- */

#define NAMES	     ",'modelVersion':'m','responseId':'i'}\r\n\r\n"
#define TOLD(parts)  "data: {'candidates':[{'content':{'parts':[" parts
#define EVENT(parts) TOLD(parts) "],'role':'model'},'index':0}]" NAMES
#define END(reason)                                                                      \
	TOLD("{'text':''}") "],'role':'model'},'finishReason':'" reason "','index':0}]"
#define USAGE                                                                            \
	",'usageMetadata':{'promptTokenCount':5,'candidatesTokenCount':6,"               \
	"'totalTokenCount':11,'promptTokensDetails':[{'modality':'TEXT','tokenCount':"   \
	"5}]}"

#define STREAM(signature)                                                                \
	EVENT("{'text':'hm','thought':true}")                                            \
	EVENT("{'text':'','thoughtSignature':'" signature "'}")                          \
	EVENT("{'text':'So'}")                                                           \
	EVENT("{'functionCall':{'id':'c','name':'f','args':{'a':1}}}")                   \
	END("STOP") USAGE NAMES

static const char stream[] = STREAM("c2ln");

#define CHUNK(delta, finish)                                                             \
	"data: {'id':'i','object':'chat.completion.chunk','created':1700000000,"         \
	"'model':'m','choices':[{'index':0,'delta':{" delta "},'finish_reason':" finish  \
	"}]}\n\n"
#define CHUNK_USAGE                                                                      \
	"data: {'id':'i','object':'chat.completion.chunk','created':1700000000,'model':" \
	"'m','choices':[],'usage':{'prompt_tokens':5,'completion_tokens':6,"             \
	"'total_tokens':11,'prompt_tokens_details':{'cached_tokens':0,'audio_tokens':0}" \
	",'completion_tokens_details':{'reasoning_tokens':0,'audio_tokens':0}}}\n\n"
#define DONE  "data: [DONE]\n\n"
#define NULLS "null"

TEST(a_stream_told_to_openai)
{
	assert_stream(GEMINI, OPENAI, stream,
	    CHUNK("'role':'assistant','content':''", NULLS)
		CHUNK("'reasoning_content':'hm'", NULLS) CHUNK(
		    "'reasoning_details':[{'type':'reasoning.encrypted','index':0,'data':"
		    "'" SEALED "'}]",
		    NULLS) CHUNK("'content':'So'", NULLS)
		    CHUNK(
			"'tool_calls':[{'index':0,'id':'c','type':'function','function':{"
			"'name':'f','arguments':''}}]",
			NULLS) CHUNK("'tool_calls':[{'index':0,'function':{'arguments':'{"
				     "\\'a\\':1}'}}]",
			NULLS) CHUNK("", "'tool_calls'") CHUNK_USAGE DONE);
}

/* Who is told does not matter: a signature has its maker's name before it. */
TEST(a_stream_comes_back)
{
	assert_stream(GEMINI, GEMINI, stream, STREAM("d2Vpci5tYWtlci5jMmxu"));
}

/* What Claude says in pieces goes as one where Gemini has it whole. */
static const char claude[] =
    "data: {'type':'message_start','message':{'id':'i','model':'m','usage':{"
    "'input_tokens':5}}}\n\n"
    "data: {'type':'content_block_start','index':0,'content_block':{'type':'thinking',"
    "'thinking':''}}\n\n"
    "data: {'type':'content_block_delta','index':0,'delta':{'type':'thinking_delta',"
    "'thinking':'hm'}}\n\n"
    "data: {'type':'content_block_delta','index':0,'delta':{'type':'signature_delta',"
    "'signature':'s'}}\n\n"
    "data: {'type':'content_block_stop','index':0}\n\n"
    "data: {'type':'content_block_start','index':1,'content_block':{'type':'tool_use',"
    "'id':'c','name':'f','input':{}}}\n\n"
    "data: {'type':'content_block_delta','index':1,'delta':{'type':'input_json_delta',"
    "'partial_json':'{\\'a\\':'}}\n\n"
    "data: {'type':'content_block_delta','index':1,'delta':{'type':'input_json_delta',"
    "'partial_json':'1}'}}\n\n"
    "data: {'type':'content_block_stop','index':1}\n\n"
    "data: {'type':'message_delta','delta':{'stop_reason':'tool_use'},'usage':{"
    "'input_tokens':5,'output_tokens':6}}\n\n"
    "data: {'type':'message_stop'}\n\n";

TEST(a_stream_told_to_gemini)
{
	assert_stream(CLAUDE, GEMINI, claude,
	    EVENT("{'text':'hm','thought':true}")
		EVENT("{'text':'','thought':true,'thoughtSignature':'d2Vpci5tYWtlci5z'}")
		    EVENT("{'functionCall':{'id':'c','name':'f','args':{'a':1}}}")
			END("STOP") USAGE NAMES);
}

/* Of a stream that is cut no end is told. */
TEST(a_stream_may_end_early)
{
	assert_stream(GEMINI, OPENAI, EVENT("{'text':'So'}"),
	    CHUNK("'role':'assistant','content':''", NULLS) CHUNK("'content':'So'", NULLS)
		DONE);
}

TEST(alternatives_are_told_apart)
{
	assert_stream(GEMINI, GEMINI,
	    "data: {'candidates':[{'index':1,'content':{'parts':[{'text':'b'}]}},"
	    "{'index':0,'content':{'parts':[{'text':'a'}]}}]" NAMES
	    "data: {'candidates':[{'index':1,'finishReason':'MAX_TOKENS'}]" NAMES,
	    TOLD("{'text':'b'}") "],'role':'model'},'index':1}]" NAMES
		TOLD("{'text':'a'}") "],'role':'model'},'index':0}]" NAMES TOLD(
		    "{'text':''}") "],'role':'model'},'finishReason':'MAX_TOKENS',"
				   "'index':1}]" NAMES);
}

TEST(a_prompt_that_is_blocked_is_an_answer)
{
	assert_stream(GEMINI, OPENAI,
	    "data: {'promptFeedback':{'blockReason':'SAFETY'}" NAMES,
	    CHUNK("'role':'assistant','content':''", NULLS) CHUNK("", "'content_filter'")
		DONE);
}

TEST(tokens_of_a_stream_have_probabilities)
{
	assert_stream(GEMINI, OPENAI,
	    TOLD("{'text':'a'}") "]},'logprobsResult':{'chosenCandidates':[{'token':'a',"
				 "'logProbability':-0.5}]}}]" NAMES,
	    CHUNK("'role':'assistant','content':''",
		NULLS) "data: "
		       "{'id':'i','object':'chat.completion.chunk','created':1700000000,"
		       "'model':'m','choices':[{'index':0,'delta':{'content':'a'},'"
		       "logprobs':{"
		       "'content':[{'token':'a','logprob':-0.5,'bytes':null,'top_"
		       "logprobs':[]}]},"
		       "'finish_reason':null}]}\n\n" DONE);
}

TEST(events_are_looked_at)
{
	struct event_facts f = event_facts(GEMINI, "", false, "{oh");

	assert_false(f.readable);
	f = event_facts(
	    GEMINI, "", false, "{'candidates':[{'content':{'parts':[{'text':'a'}]}}]}");
	assert_true(f.readable && f.has_token);
	f = event_facts(GEMINI, "", false,
	    "{'candidates':[{'content':{'parts':[{'text':''}]},'finishReason':'STOP'},"
	    "{'finishReason':'STOP'}],'usageMetadata':{'promptTokenCount':1}}");
	assert_false(f.has_token || f.usage_only);
	assert_int_equal(f.finishes, 2);
	assert_slice(usage_text(&f.reply.usage), S("input=1"));
	f = event_facts(GEMINI, "", false, "{'usageMetadata':{'promptTokenCount':1}}");
	assert_true(f.usage_only);
	f = event_facts(GEMINI, "", false, "{'promptFeedback':{'blockReason':'OTHER'}}");
	assert_true(f.finishes > 8);
	assert_false(f.is_fault);
	f = event_facts(GEMINI, "", false, "{'error':{'code':503}}");
	assert_true(f.is_fault);
}

/* --- faults --- */

TEST(errors_are_told_apart)
{
	static const struct {
		unsigned status;
		const char *text;
		enum err err;
		unsigned retry_ms;
	} cases[] = {
	    {400, "{'error':{'code':400,'message':'m','status':'INVALID_ARGUMENT'}}",
		ERR_UP_CALLER, 0},
	    {400,
		"[{'error':{'code':400,'message':'API key not valid.','status':"
		"'INVALID_ARGUMENT','details':[{'reason':'API_KEY_INVALID'}]}}]",
		ERR_UP_CREDENTIAL, 0},
	    {400, "{'error':{'message':'User location','status':'FAILED_PRECONDITION'}}",
		ERR_UP_CREDENTIAL, 0},
	    {400,
		"{'error':{'message':'The input token count (9) exceeds the maximum "
		"number of tokens allowed (8).','status':'INVALID_ARGUMENT'}}",
		ERR_CONTEXT_LENGTH, 0},
	    {404, "{'error':{'message':'m','status':'NOT_FOUND'}}", ERR_UP_MISSING, 0},
	    {429,
		"{'error':{'message':'Check your plan and billing','status':"
		"'RESOURCE_EXHAUSTED','details':[{'retryDelay':'34.5s'}]}}",
		ERR_RATE_LIMITED, 34500},
	    {429,
		"{'error':{'message':'quota','status':'RESOURCE_EXHAUSTED','details':[{"
		"'violations':[{'quotaId':'GenerateRequestsPerDayPerProject'}]}]}}",
		ERR_UP_QUOTA, 0},
	    {503, "{'error':{'message':'m','status':'UNAVAILABLE'}}", ERR_UP_5XX, 0},
	};
	struct fault f;

	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(
		    fault_of(GEMINI, cases[i].status, cases[i].text, &f), cases[i].err);
		assert_int_equal(f.retry_after_ms, cases[i].retry_ms);
		assert_true(f.message.len > 0);
	}
}

TEST(errors_are_told)
{
	struct fault f = {.message = S("a 'b'"), .status = 429, .retry_after_ms = 1200};

	buf_clear(&case_body);
	dialect_gemini.write_fault(&f, &case_body);
	assert_slice(buf_slice(&case_body),
	    S("{\"error\":{\"code\":429,\"message\":\"a 'b'\",\"status\":"
	      "\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":"
	      "\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"2s\"}]}}"));
	f = (struct fault){.message = S("m"), .type = S("UNAVAILABLE")};
	buf_clear(&case_body);
	dialect_gemini.write_fault_event(&f, &case_body);
	assert_slice(buf_slice(&case_body),
	    S("data: {\"error\":{\"code\":502,\"message\":\"m\",\"status\":"
	      "\"UNAVAILABLE\"}}\r\n\r\n"));
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

TEST(replies_survive_torture)
{
	static const char answer[] =
	    "{'candidates':[{'content':{'parts':[{'text':'hm','thought':true,"
	    "'thoughtSignature':'c2ln'},{'functionCall':{'name':'f','args':{'a':1}}}]},"
	    "'logprobsResult':{'chosenCandidates':[{'token':'a'}]}}]}";

	survives(GEMINI, OPENAI, stream, stream_by_byte);
	survives(GEMINI, GEMINI, stream, stream_by_byte);
	survives(CLAUDE, GEMINI, claude, stream_by_byte);
	survives(GEMINI, OPENAI, answer, try_answer);
	survives(GEMINI, GEMINI, answer, try_answer);
	survives(OPENAI, GEMINI,
	    "{'choices':[{'logprobs':{'content':[{'token':'a','logprob':-1}]},'message':"
	    "{'content':'a','tool_calls':[{'id':'c','function':{'name':'f','arguments':"
	    "'{}'}}]}}]}",
	    try_answer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(a_chat_is_looked_at),
	    CASE(what_is_to_be_embedded_is_counted),
	    CASE(what_asks_for_nothing_is_refused),
	    CASE(what_is_wanted_stands_in_the_path),
	    CASE(models_are_changed_wherever_they_stand),
	    CASE(each_token_is_counted_once),
	    CASE(tiers_are_told_in_two_ways),
	    CASE(of_a_list_the_last_usage_counts),
	    CASE(answers_come_back_as_they_were),
	    CASE(an_answer_told_to_openai),
	    CASE(an_answer_told_to_gemini),
	    CASE(ends_have_words),
	    CASE(calls_without_ids_get_some),
	    CASE(a_stream_told_to_openai),
	    CASE(a_stream_comes_back),
	    CASE(a_stream_told_to_gemini),
	    CASE(a_stream_may_end_early),
	    CASE(alternatives_are_told_apart),
	    CASE(a_prompt_that_is_blocked_is_an_answer),
	    CASE(tokens_of_a_stream_have_probabilities),
	    CASE(events_are_looked_at),
	    CASE(errors_are_told_apart),
	    CASE(errors_are_told),
	    CASE(replies_survive_torture),
	};

	return cmocka_run_group_tests_name("gemini_reply", tests, NULL, NULL);
}
