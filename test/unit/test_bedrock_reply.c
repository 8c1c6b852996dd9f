#include "dialect_case.h"

#define BEDROCK &dialect_bedrock
#define OPENAI	&dialect_openai
#define CLAUDE	&dialect_anthropic

/* --- what is asked --- */

static struct arena memory;

TEST(a_request_is_looked_at)
{
	struct ask ask;

	arena_init(&memory, NULL, 0, 10000);
	assert_int_equal(
	    try_ask(BEDROCK, OP_CHAT,
		"{'system':[{'text':'S'}],'inferenceConfig':{'maxTokens':7},'toolConfig':"
		"{"
		"'tools':[{}]},'outputConfig':{'textFormat':{}},'messages':[{'content':[{"
		"'image':{'x':1}},{'toolResult':{'content':[{'image':{'x':2}},{'text':'a'"
		"}"
		"]}},{'audio':{}}]}]}",
		&memory, &ask),
	    ERR_OK);
	assert_int_equal(ask.needs, CAP_TOOLS | CAP_VISION | CAP_STRUCTURED | CAP_AUDIO);
	assert_int_equal(ask.max_output_tok, 7);
	assert_int_equal(ask.answers, 1);
	assert_int_equal(ask.prompt_parts, 3);
	/* messages, system and tools, without the media */
	assert_int_equal(ask.prompt_bytes, 106 + 14 + 4 - 7 - 7 - 2);
	/* The name and whether events are wanted stand in the path. */
	assert_int_equal(ask.model.len, 0);
	assert_false(ask.stream);
	assert_int_equal(try_ask(BEDROCK, OP_CHAT, "[]", &memory, &ask), ERR_BAD_REQUEST);
	assert_int_equal(
	    try_ask(BEDROCK, OP_CHAT, "{'messages':1}", &memory, &ask), ERR_BAD_REQUEST);
	assert_string_equal(case_param, "messages");
	arena_free(&memory);
}

TEST(the_model_stands_in_the_path)
{
	buf_clear(&case_body);
	dialect_bedrock.put_target(
	    OP_CHAT, S("us.amazon.nova-lite_v1:0"), false, &case_body);
	assert_slice(
	    buf_slice(&case_body), S("/model/us.amazon.nova-lite_v1%3A0/converse"));
	buf_clear(&case_body);
	dialect_bedrock.put_target(OP_CHAT, S("arn:aws:x/y z"), true, &case_body);
	assert_slice(
	    buf_slice(&case_body), S("/model/arn%3Aaws%3Ax%2Fy%20z/converse-stream"));
}

/* --- usage --- */

static void
assert_usage(const char *usage, const char *want)
{
	char text[400];
	struct reply_facts f;

	(void)snprintf(text, sizeof(text),
	    "{'output':{},'serviceTier':{'type':'flex'},'usage':%s}", usage);
	f = reply_facts(BEDROCK, text);
	assert_slice(usage_text(&f.usage), slice_str(want));
	assert_false(f.is_fault);
}

TEST(cached_tokens_are_apart)
{
	assert_usage(
	    "{'inputTokens':3,'outputTokens':4,'totalTokens':7}", "input=3 output=4");
	assert_usage("{'inputTokens':3,'outputTokens':4,'cacheReadInputTokens':100,"
		     "'cacheWriteInputTokens':50}",
	    "input=3 cached_input=100 cache_write=50 output=4");
	assert_usage("{'inputTokens':3,'outputTokens':4,'cacheWriteInputTokens':50,"
		     "'cacheDetails':[{'ttl':'1h','inputTokens':20},{'ttl':'5m',"
		     "'inputTokens':30}]}",
	    "input=3 cache_write=30 cache_write_1h=20 output=4");
	assert_usage("{'inputTokens':3,'outputTokens':4,'cacheDetails':[{'ttl':'1h',"
		     "'inputTokens':20},{'ttl':'5m','inputTokens':30}]}",
	    "input=3 cache_write=30 cache_write_1h=20 output=4");
	assert_usage("{'inputTokens':3,'cacheWriteInputTokens':5,'cacheDetails':[{'ttl':"
		     "'1h','inputTokens':20}]}",
	    "input=3 cache_write_1h=5");
	assert_usage("{}", "unknown");
	assert_true(reply_facts(BEDROCK, "{'usage':{}}").is_fault);
}

/* --- answers --- */

TEST(answers_come_back_as_they_were)
{
	static const char *const same[] = {
	    "{'metrics':{'latencyMs':5},'output':{'message':{'role':'assistant','content'"
	    ":"
	    "[{'text':'a'},{'toolUse':{'toolUseId':'c','name':'f','input':{}}}]}},"
	    "'stopReason':'tool_use','usage':{'inputTokens':1,'x':{}}}",
	    "{'output':{'message':{'role':'assistant','content':[{'unknown':1},{"
	    "'reasoningContent':{'reasoningText':{'text':'hm'}}}],'x':null}},"
	    "'stopReason':'end_turn','trace':{}}",
	};

	for (size_t i = 0; i < COUNT(same); i++)
		assert_answer(BEDROCK, BEDROCK, same[i], same[i]);
	assert_int_equal(
	    try_answer(BEDROCK, OPENAI, json_of("{'message':'no'}")), ERR_BAD_REPLY);
	assert_int_equal(try_answer(BEDROCK, OPENAI,
			     json_of("{'output':{'message':{'content':'a'}}}")),
	    ERR_BAD_REPLY);
}

TEST(an_answer_told_to_anthropic)
{
	assert_answer(BEDROCK, CLAUDE,
	    "{'output':{'message':{'role':'assistant','content':[{'reasoningContent':{"
	    "'reasoningText':{'text':'hm','signature':'s'}}},{'reasoningContent':{"
	    "'redactedContent':'AAEC'}},{'citationsContent':{'content':[{'text':'a'},{"
	    "'text':'b'}],'citations':[]}},{'toolUse':{'toolUseId':'c','name':'f',"
	    "'input':{'a':1}}}]}},'stopReason':'stop_sequence',"
	    "'additionalModelResponseFields':{'stop_sequence':'x'},'usage':{"
	    "'inputTokens':3,'outputTokens':4,'cacheReadInputTokens':5}}",
	    "{'id':'req-1','type':'message','role':'assistant','model':'some-model',"
	    "'content':[{'type':'thinking','thinking':'hm','signature':'weir.maker.s'},{"
	    "'type':'redacted_thinking','data':'weir.maker.AAEC'},{'type':'text','text':"
	    "'ab'},{'type':'tool_use','id':'c','name':'f','input':{'a':1}}],"
	    "'stop_reason':'stop_sequence','stop_sequence':'x','usage':{'input_tokens':3,"
	    "'cache_creation_input_tokens':0,'cache_read_input_tokens':5,'output_tokens':"
	    "4}}");
	/* What ended it may stand where the model's own events have it. */
	assert_answer(BEDROCK, CLAUDE,
	    "{'output':{'message':{'role':'assistant','content':[{'text':'a'}]}},"
	    "'stopReason':'stop_sequence','additionalModelResponseFields':{'delta':{"
	    "'stop_sequence':'x'}}}",
	    "{'id':'req-1','type':'message','role':'assistant','model':'some-model',"
	    "'content':[{'type':'text','text':'a'}],'stop_reason':'stop_sequence',"
	    "'stop_sequence':'x','usage':{'input_tokens':0,'cache_creation_input_tokens'"
	    ":0,'cache_read_input_tokens':0,'output_tokens':0}}");
}

TEST(an_answer_told_to_bedrock)
{
	assert_answer(CLAUDE, BEDROCK,
	    "{'id':'i','content':[{'type':'thinking','thinking':'hm','signature':'s'},{"
	    "'type':'redacted_thinking','data':'AB'},{'type':'text','text':''},{'type':"
	    "'text','text':'So'},{'type':'tool_use','id':'c','name':'f','input':{'a':1}}"
	    "],'stop_reason':'stop_sequence','stop_sequence':'x','usage':{'input_tokens':"
	    "3,'cache_read_input_tokens':5,'cache_creation':{"
	    "'ephemeral_5m_input_tokens':6,'ephemeral_1h_input_tokens':7},"
	    "'output_tokens':4}}",
	    "{'output':{'message':{'role':'assistant','content':[{'reasoningContent':{"
	    "'reasoningText':{'text':'hm','signature':'weir.maker.s'}}},{"
	    "'reasoningContent':{'redactedContent':'d2Vpci5tYWtlci5BQg=='}},{'text':"
	    "'So'},{'toolUse':{'toolUseId':'c','name':'f','input':{'a':1}}}]}},"
	    "'stopReason':'stop_sequence','usage':{'inputTokens':3,'outputTokens':4,"
	    "'totalTokens':25,'cacheReadInputTokens':5,'cacheWriteInputTokens':13,"
	    "'cacheDetails':[{'ttl':'1h','inputTokens':7},{'ttl':'5m','inputTokens':6}]},"
	    "'metrics':{'latencyMs':0},'additionalModelResponseFields':{'stop_sequence':"
	    "'x','delta':{'stop_sequence':'x'}}}");
	/* Arguments of an answer that was cut are cut. */
	assert_answer(OPENAI, BEDROCK,
	    "{'choices':[{'finish_reason':'length','message':{'tool_calls':[{'id':'c',"
	    "'function':{'name':'f','arguments':'{\\'a'}},{'id':'d','function':{'name':"
	    "'g','arguments':''}}]}}]}",
	    "{'output':{'message':{'role':'assistant','content':[{'toolUse':{'toolUseId':"
	    "'c','name':'f','input':{'_raw':'{\\'a'}}},{'toolUse':{'toolUseId':'d',"
	    "'name':'g','input':{}}}]}},'stopReason':'max_tokens','usage':{"
	    "'inputTokens':0,'outputTokens':0,'totalTokens':0,'cacheReadInputTokens':0,"
	    "'cacheWriteInputTokens':0},'metrics':{'latencyMs':0}}");
}

TEST(ends_have_words)
{
	static const struct {
		const char *bedrock, *openai;
	} cases[] = {{"end_turn", "stop"}, {"stop_sequence", "stop"},
	    {"tool_use", "tool_calls"}, {"max_tokens", "length"},
	    {"model_context_window_exceeded", "length"},
	    {"guardrail_intervened", "content_filter"},
	    {"content_filtered", "content_filter"}, {"malformed_model_output", "error"},
	    {"malformed_tool_use", "error"}, {"something_new", "stop"}};
	char from[200], want[100];

	for (size_t i = 0; i < COUNT(cases); i++) {
		(void)snprintf(from, sizeof(from),
		    "{'output':{'message':{'content':[]}},'stopReason':'%s'}",
		    cases[i].bedrock);
		assert_int_equal(try_answer(BEDROCK, OPENAI, json_of(from)), ERR_OK);
		(void)snprintf(
		    want, sizeof(want), "'finish_reason':'%s'", cases[i].openai);
		assert_true(slice_search(text_of(buf_slice(&case_body)),
				slice_str(want)) < case_body.len);
	}
}

/* --- streams --- */

static const char stream[] =
    "messageStart {'p':'abc','role':'assistant'}\n"
    "contentBlockDelta {'contentBlockIndex':0,'delta':{'reasoningContent':{'text':'hm'}}"
    "}\n"
    "contentBlockDelta {'contentBlockIndex':0,'delta':{'reasoningContent':{'signature':"
    "'s'}}}\n"
    "contentBlockStop {'contentBlockIndex':0}\n"
    "contentBlockDelta {'contentBlockIndex':1,'delta':{'text':''}}\n"
    "contentBlockDelta {'contentBlockIndex':1,'delta':{'text':'So'},'p':'ab'}\n"
    "contentBlockStop {'contentBlockIndex':1}\n"
    "contentBlockStart {'contentBlockIndex':2,'start':{'toolUse':{'toolUseId':'c',"
    "'name':'f'}}}\n"
    "contentBlockDelta {'contentBlockIndex':2,'delta':{'toolUse':{'input':''}}}\n"
    "contentBlockDelta {'contentBlockIndex':2,'delta':{'toolUse':{'input':'{\\'a\\':'}}}"
    "\n"
    "contentBlockDelta {'contentBlockIndex':2,'delta':{'toolUse':{'input':'1}'}}}\n"
    "contentBlockStop {'contentBlockIndex':2}\n"
    "messageStop {'stopReason':'tool_use'}\n"
    "metadata {'usage':{'inputTokens':5,'outputTokens':6},'metrics':{}}\n";

#define CHUNK(delta, finish)                                                             \
	"data: {'id':'req-1','object':'chat.completion.chunk','created':1700000000,"     \
	"'model':'some-model','choices':[{'index':0,'delta':{" delta                     \
	"},'finish_reason':" finish "}]}\n\n"

TEST(a_stream_told_to_openai)
{
	assert_stream(BEDROCK, OPENAI, stream,
	    CHUNK("'role':'assistant','content':''", "null")
		CHUNK("'reasoning_content':'hm'", "null") CHUNK(
		    "'reasoning_details':[{'type':'reasoning.text','index':0,"
		    "'signature':'weir.maker.s'}]",
		    "null") CHUNK("'content':'So'", "null")
		    CHUNK("'tool_calls':[{'index':0,'id':'c','type':'function',"
			  "'function':{'name':'f','arguments':''}}]",
			"null") CHUNK("'tool_calls':[{'index':0,'function':{'arguments':"
				      "'{\\'a\\':'}}]",
			"null") CHUNK("'tool_calls':[{'index':0,'function':{"
				      "'arguments':'1}'}}]",
			"null") CHUNK("",
			"'tool_calls'") "data: {'id':'req-1','object':"
					"'chat.completion.chunk','created':1700000000,"
					"'model':'some-model','choices':[],'usage':{"
					"'prompt_tokens':5,'completion_tokens':6,"
					"'total_tokens':11,'prompt_tokens_details':{"
					"'cached_tokens':0,'audio_tokens':0},"
					"'completion_tokens_details':{"
					"'reasoning_tokens':0,'audio_tokens':0}}}\n\n"
					"data: [DONE]\n\n");
}

TEST(a_stream_told_to_bedrock)
{
	assert_stream(CLAUDE, BEDROCK,
	    "data: {'type':'message_start','message':{'id':'i'}}\n\n"
	    "data: {'type':'content_block_start','index':0,'content_block':{'type':"
	    "'thinking','thinking':''}}\n\n"
	    "data: {'type':'content_block_delta','index':0,'delta':{'type':"
	    "'thinking_delta','thinking':'hm'}}\n\n"
	    "data: {'type':'content_block_delta','index':0,'delta':{'type':"
	    "'signature_delta','signature':'s'}}\n\n"
	    "data: {'type':'content_block_stop','index':0}\n\n"
	    "data: {'type':'content_block_start','index':1,'content_block':{'type':"
	    "'redacted_thinking','data':'AB'}}\n\n"
	    "data: {'type':'content_block_stop','index':1}\n\n"
	    "data: {'type':'content_block_start','index':2,'content_block':{'type':"
	    "'text','text':''}}\n\n"
	    "data: {'type':'content_block_stop','index':2}\n\n"
	    "data: {'type':'content_block_start','index':3,'content_block':{'type':"
	    "'text','text':''}}\n\n"
	    "data: {'type':'content_block_delta','index':3,'delta':{'type':'text_delta',"
	    "'text':'So'}}\n\n"
	    "data: {'type':'content_block_stop','index':3}\n\n"
	    "data: {'type':'content_block_start','index':4,'content_block':{'type':"
	    "'tool_use','id':'c','name':'f','input':{}}}\n\n"
	    "data: {'type':'content_block_delta','index':4,'delta':{'type':"
	    "'input_json_delta','partial_json':'{}'}}\n\n"
	    "data: {'type':'content_block_stop','index':4}\n\n"
	    "data: {'type':'message_delta','delta':{'stop_reason':'stop_sequence',"
	    "'stop_sequence':'x'},'usage':{'input_tokens':5,'output_tokens':6}}\n\n"
	    "data: {'type':'message_stop'}\n\n",
	    "messageStart {'role':'assistant'}\n"
	    "contentBlockDelta {'contentBlockIndex':0,'delta':{'reasoningContent':{"
	    "'text':'hm'}}}\n"
	    "contentBlockDelta {'contentBlockIndex':0,'delta':{'reasoningContent':{"
	    "'signature':'weir.maker.s'}}}\n"
	    "contentBlockStop {'contentBlockIndex':0}\n"
	    "contentBlockDelta {'contentBlockIndex':1,'delta':{'reasoningContent':{"
	    "'redactedContent':'d2Vpci5tYWtlci5BQg=='}}}\n"
	    "contentBlockStop {'contentBlockIndex':1}\n"
	    "contentBlockDelta {'contentBlockIndex':2,'delta':{'text':'So'}}\n"
	    "contentBlockStop {'contentBlockIndex':2}\n"
	    "contentBlockStart {'contentBlockIndex':3,'start':{'toolUse':{'toolUseId':"
	    "'c','name':'f'}}}\n"
	    "contentBlockDelta {'contentBlockIndex':3,'delta':{'toolUse':{'input':'{}'}}"
	    "}\n"
	    "contentBlockStop {'contentBlockIndex':3}\n"
	    "messageStop {'stopReason':'stop_sequence','additionalModelResponseFields':{"
	    "'stop_sequence':'x','delta':{'stop_sequence':'x'}}}\n"
	    "metadata {'usage':{'inputTokens':5,'outputTokens':6,'totalTokens':11,"
	    "'cacheReadInputTokens':0,'cacheWriteInputTokens':0},'metrics':{'latencyMs':"
	    "0}}\n");
}

TEST(pictures_come_in_pieces)
{
	static const char pictures[] =
	    "messageStart {'role':'assistant'}\n"
	    "contentBlockStart {'contentBlockIndex':0,'start':{'image':{'format':'webp'}}"
	    "}\n"
	    "contentBlockDelta {'contentBlockIndex':0,'delta':{'image':{'source':{"
	    "'bytes':'UklG'}}}}\n"
	    "contentBlockStop {'contentBlockIndex':0}\n"
	    "messageStop {'stopReason':'end_turn'}\n"
	    "metadata {'usage':{'inputTokens':0,'outputTokens':0,'totalTokens':0,"
	    "'cacheReadInputTokens':0,'cacheWriteInputTokens':0},'metrics':{'latencyMs':"
	    "0}}\n";

	assert_stream(BEDROCK, BEDROCK, pictures, pictures);
}

/* Blocks may lack an end, or begin with another index or kind. */
TEST(blocks_never_overlap)
{
	assert_stream(BEDROCK, BEDROCK,
	    "messageStart {}\n"
	    "contentBlockDelta {'contentBlockIndex':0,'delta':{'text':'a'}}\n"
	    "contentBlockDelta {'contentBlockIndex':1,'delta':{'text':'b'}}\n"
	    "contentBlockDelta {'contentBlockIndex':1,'delta':{'reasoningContent':{"
	    "'text':'c'}}}\n"
	    "contentBlockStop {'contentBlockIndex':7}\n"
	    "contentBlockStop {'contentBlockIndex':7}\n",
	    "messageStart {'role':'assistant'}\n"
	    "contentBlockDelta {'contentBlockIndex':0,'delta':{'text':'a'}}\n"
	    "contentBlockStop {'contentBlockIndex':0}\n"
	    "contentBlockDelta {'contentBlockIndex':1,'delta':{'text':'b'}}\n"
	    "contentBlockStop {'contentBlockIndex':1}\n"
	    "contentBlockDelta {'contentBlockIndex':2,'delta':{'reasoningContent':{"
	    "'text':'c'}}}\n"
	    "contentBlockStop {'contentBlockIndex':2}\n"
	    "messageStop {'stopReason':'end_turn'}\n"
	    "metadata {'usage':{'inputTokens':0,'outputTokens':0,'totalTokens':0,"
	    "'cacheReadInputTokens':0,'cacheWriteInputTokens':0},'metrics':{'latencyMs':"
	    "0}}\n");
}

TEST(events_are_looked_at)
{
	struct event_facts f;

	f = event_facts(BEDROCK, "contentBlockDelta", false, "{'delta':{'text':''}}");
	assert_false(f.has_token);
	f = event_facts(BEDROCK, "contentBlockDelta", false, "{'delta':{'text':'a'}}");
	assert_true(f.has_token);
	f = event_facts(
	    BEDROCK, "contentBlockDelta", false, "{'delta':{'toolUse':{'input':''}}}");
	assert_false(f.has_token);
	f = event_facts(
	    BEDROCK, "contentBlockDelta", false, "{'delta':{'reasoningContent':{}}}");
	assert_true(f.has_token);
	f = event_facts(BEDROCK, "contentBlockStart", false, "{'start':{'toolUse':{}}}");
	assert_true(f.has_token);
	f = event_facts(BEDROCK, "messageStop", false, "{}");
	assert_int_equal(f.finishes, 1);
	assert_false(f.is_done);
	f = event_facts(BEDROCK, "metadata", false,
	    "{'usage':{'inputTokens':1,'outputTokens':2},'serviceTier':{'type':'flex'}}");
	assert_true(f.is_done);
	assert_slice(usage_text(&f.reply.usage), S("input=1 output=2"));
	f = event_facts(BEDROCK, "throttlingException", true, "{'message':'slow'}");
	assert_true(f.is_fault && f.readable);
	assert_int_equal(f.fault_status, 429);
	f = event_facts(BEDROCK, "odd", true, "");
	assert_true(f.is_fault);
	assert_int_equal(f.fault_status, 0);
	f = event_facts(BEDROCK, "metadata", false, "{oh");
	assert_false(f.readable);
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
	    {400, "{'message':'The provided model identifier is invalid.'}",
		ERR_UP_MISSING, "The provided model identifier is invalid."},
	    {400, "{'message':'Malformed input request'}", ERR_UP_CALLER,
		"Malformed input request"},
	    {400, "{'message':'Input is too long for requested model.'}",
		ERR_CONTEXT_LENGTH, "Input is too long for requested model."},
	    {403, "{'Message':'You have no access to the model'}", ERR_UP_MISSING,
		"You have no access to the model"},
	    {403, "{'message':'The security token included is invalid'}",
		ERR_UP_CREDENTIAL, "The security token included is invalid"},
	    {403, "{'message':'no'}", ERR_UP_CREDENTIAL, "no"},
	    {404, "{'message':'end of life'}", ERR_UP_MISSING, "end of life"},
	    {408, "{'message':'m'}", ERR_UP_TIMEOUT, "m"},
	    {424, "{'message':'m'}", ERR_UP_5XX, "m"},
	    {429, "{'message':'m'}", ERR_RATE_LIMITED, "m"},
	    {503, "{'message':'m'}", ERR_UP_5XX, "m"},
	    {400, "{'__type':'ServiceQuotaExceededException','message':'m'}",
		ERR_RATE_LIMITED, "m"},
	    {200, "{'__type':'com.amazon#ThrottlingException:http://x','message':'m'}",
		ERR_RATE_LIMITED, "m"},
	    {200, "{'message':'m'}", ERR_UP_5XX, "m"},
	};
	struct fault f;

	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(
		    fault_of(BEDROCK, cases[i].status, cases[i].text, &f), cases[i].err);
		assert_slice(f.message, slice_str(cases[i].message));
	}
}

TEST(errors_have_names)
{
	static const struct {
		unsigned status;
		const char *name, *event;
	} cases[] = {{400, "ValidationException", "validationException"},
	    {401, "UnrecognizedClientException", "validationException"},
	    {403, "AccessDeniedException", "validationException"},
	    {404, "ResourceNotFoundException", "validationException"},
	    {413, "ValidationException", "validationException"},
	    {429, "ThrottlingException", "throttlingException"},
	    {499, "ValidationException", "validationException"},
	    {500, "InternalServerException", "internalServerException"},
	    {502, "ServiceUnavailableException", "modelStreamErrorException"},
	    {503, "ServiceUnavailableException", "serviceUnavailableException"},
	    {504, "ModelTimeoutException", "modelStreamErrorException"}};
	char want[100];

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fault f = {.message = S("m"), .status = cases[i].status};

		buf_clear(&case_body);
		dialect_bedrock.write_fault(&f, &case_body);
		(void)snprintf(
		    want, sizeof(want), "{'__type':'%s','message':'m'}", cases[i].name);
		assert_json(buf_slice(&case_body), want);
		buf_clear(&case_body);
		dialect_bedrock.write_fault_event(&f, &case_body);
		(void)snprintf(
		    want, sizeof(want), "!%s {'message':'m'}\n", cases[i].event);
		assert_json(frames_text(buf_slice(&case_body)), want);
	}
}

TEST(replies_survive_torture)
{
	struct case_torture t = {BEDROCK, OPENAI, {NULL, 0}, stream_by_byte};
	struct buf sent;
	char *copy;

	buf_init(&sent, 100000);
	frames_of(json_of(stream), &sent);
	t.text = buf_slice(&sent);
	assert_true(torture(case_run, &t) > 0);
	t.to = BEDROCK;
	assert_true(torture(case_run, &t) > 0);
	buf_free(&sent);
	copy = slice_dup(json_of(
	    "{'content':[{'type':'redacted_thinking','data':'d'},{'type':'tool_use','id':"
	    "'c','name':'f','input':{}}]}"));
	t = (struct case_torture){CLAUDE, BEDROCK, slice_str(copy), try_answer};
	assert_non_null(copy);
	assert_true(torture(case_run, &t) > 0);
	free(copy);
	copy = slice_dup(json_of("{'output':{'message':{'content':[{'citationsContent':{"
				 "'content':[{'text':'a'}]}},{'x':1}]}}}"));
	t = (struct case_torture){BEDROCK, CLAUDE, slice_str(copy), try_answer};
	assert_non_null(copy);
	assert_true(torture(case_run, &t) > 0);
	t.to = BEDROCK;
	assert_true(torture(case_run, &t) > 0);
	free(copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(a_request_is_looked_at),
	    CASE(the_model_stands_in_the_path),
	    CASE(cached_tokens_are_apart),
	    CASE(answers_come_back_as_they_were),
	    CASE(an_answer_told_to_anthropic),
	    CASE(an_answer_told_to_bedrock),
	    CASE(ends_have_words),
	    CASE(a_stream_told_to_openai),
	    CASE(a_stream_told_to_bedrock),
	    CASE(pictures_come_in_pieces),
	    CASE(blocks_never_overlap),
	    CASE(events_are_looked_at),
	    CASE(errors_are_told_apart),
	    CASE(errors_have_names),
	    CASE(replies_survive_torture),
	};

	return cmocka_run_group_tests_name("bedrock_reply", tests, NULL, NULL);
}
