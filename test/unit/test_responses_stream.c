/*
 * Streams of OpenAI's Responses: into deltas, however the bytes come, and out of them.
 */
#include "translate_case.h"

#include <ctype.h>

#define R &dialect_responses
#define C &dialect_openai
#define A &dialect_anthropic

/* --- in --- */

#define EVENT(type, members) "data: {'type':'response." type "'," members "}\n\n"
#define BEGIN                                                                            \
	"event: response.created\n" EVENT("created",                                     \
	    "'response':{'id':'resp_1','created_at':5,'model':'m','output':"             \
	    "[]}") EVENT("in_progress", "'response':{'id':'resp_1'}")
#define ADDED(n, item)                                                                   \
	EVENT("output_item.added", "'output_index':" #n ",'item':{" item "}")
#define DONE(n, item) EVENT("output_item.done", "'output_index':" #n ",'item':{" item "}")
#define TEXT(n, c, t)                                                                    \
	EVENT("output_text.delta",                                                       \
	    "'output_index':" #n ",'content_index':" #c ",'delta':'" t "'")
#define ARGUMENTS(n, t)                                                                  \
	EVENT("function_call_arguments.delta", "'output_index':" #n ",'delta':'" t "'")
/* Items in braces. */
#define COMPLETED(output)                                                                \
	EVENT("completed", "'response':{'status':'completed','output':[" output "]}")
#define MESSAGE(t) "'type':'message','content':[{'type':'output_text','text':'" t "'}]"
#define CALL(id, name, t)                                                                \
	"'type':'function_call','call_id':'" id "','name':'" name "','arguments':'" t "'"

static void
assert_deltas(const char *text, const char *want)
{
	const struct case_answer c = {.from = R, .to = C, .text = text};

	case_assert_stream(c, true, want);
}

/* The same, without the start and the end that each has. */
static void
assert_parts(const char *events, const char *want)
{
	char text[8000], whole[2000];
	struct case_answer c = {.from = R, .to = C, .text = text};
	struct case_told told;

	(void)snprintf(text, sizeof(text), BEGIN "%s", events);
	(void)snprintf(whole, sizeof(whole), "start(resp_1,m,5) %send", want);
	assert_int_equal(case_write_stream(&c, true, &told), ERR_OK);
	case_assert_text(told.text, whole, text);
}

TEST(text_and_refusal)
{
	assert_deltas(BEGIN ADDED(0, "'type':'message','content':[]") TEXT(0, 0, "a")
			  TEXT(0, 0, "") TEXT(0, 0, "\\u00e9") DONE(0,
			      MESSAGE("a\\u00e9")) COMPLETED("{" MESSAGE("a\\u00e9") "}"),
	    "start(resp_1,m,5) <text a \\u00e9> finish(1,completed) end");
	assert_parts(
	    ADDED(0, "'type':'message'") TEXT(0, 0, "a") TEXT(0, 1, "b")
		EVENT("refusal.delta", "'output_index':0,'content_index':2,'delta':'no'")
		    DONE(0, "'type':'message'") COMPLETED(""),
	    "<text a> <text b> <refusal no> finish(1,completed) ");
}

TEST(probabilities_of_tokens)
{
	assert_parts(EVENT("output_text.delta", "'delta':'a','logprobs':[{'token':'a'}]")
			 COMPLETED(""),
	    "<text a[{'content':[{'token':'a'}],'refusal':null}]> finish(1,completed) ");
}

TEST(what_was_thought)
{
	static const char summary[] =
	    ADDED(0, "'type':'reasoning','encrypted_content':'gFirst'")
		EVENT("reasoning_summary_text.delta",
		    "'output_index':0,'summary_index':0,'delta':'t'")
		    EVENT("reasoning_summary_text.delta",
			"'output_index':0,'summary_index':1,'delta':'u'")
			DONE(0, "'type':'reasoning','encrypted_content':'gLast'")
			    COMPLETED("");
	static const char both[] = EVENT(
	    "reasoning_text.delta", "'output_index':0,'content_index':0,'delta':'t'")
	    EVENT("reasoning_summary_text.delta",
		"'output_index':0,'summary_index':0,'delta':'u'")
		DONE(0, "'type':'reasoning'") COMPLETED("");

	assert_parts(summary, "<thought t \\n\\n u signed:gLast> finish(1,completed) ");
	assert_parts(both, "<thought t> finish(1,completed) ");
	/* Not shown, or not told at all. */
	assert_parts(ADDED(0, "'type':'reasoning'")
			 DONE(0, "'type':'reasoning','encrypted_content':'gA'")
			     ADDED(1, "'type':'reasoning'")
				 DONE(1, "'type':'reasoning','summary':[]") COMPLETED(""),
	    "<thought sealed:gA> finish(1,completed) ");
	assert_parts(DONE(0, "'type':'reasoning','summary':[{'text':'t'},{'text':'u'}],"
			     "'encrypted_content':'gA'") COMPLETED(""),
	    "<thought t \\n\\n u signed:gA> finish(1,completed) ");
}

TEST(calls)
{
	assert_deltas(BEGIN ADDED(0, CALL("c1", "f", "")) ARGUMENTS(0, "{")
			  ARGUMENTS(0, "}") DONE(0, CALL("c1", "f", "{}"))
			      ADDED(1, CALL("c2", "g", "")) DONE(1, CALL("c2", "g", "{}"))
				  COMPLETED(""),
	    "start(resp_1,m,5) <call(c1,f) { }> <call(c2,g) {}> finish(3,completed) end");
	/* Without its begin. */
	assert_parts(ARGUMENTS(0, "{") ARGUMENTS(0, "}") DONE(0, CALL("c1", "f", "{}"))
			 COMPLETED(""),
	    "<call(c1,f) {}> finish(3,completed) ");
}

/* Items that overlap are told one behind the other, each whole. */
TEST(items_that_overlap)
{
	static const char late[] =
	    "<call(c1,f) 1 2> <call(c2,g) 34> finish(3,completed) ";

	assert_parts(ADDED(0, CALL("c1", "f", "")) ADDED(1, CALL("c2", "g", ""))
			 ARGUMENTS(0, "1") ARGUMENTS(1, "3") ARGUMENTS(0, "2")
			     DONE(0, CALL("c1", "f", "12")) ARGUMENTS(1, "4")
				 DONE(1, CALL("c2", "g", "34")) COMPLETED(""),
	    late);
	assert_parts(
	    ADDED(0, CALL("c1", "f", "")) ADDED(1, CALL("c2", "g", "")) ARGUMENTS(0, "1")
		ARGUMENTS(1, "3") ARGUMENTS(0, "2") ARGUMENTS(1, "4") DONE(
		    1, CALL("c2", "g", "34")) DONE(0, CALL("c1", "f", "12"))
		    COMPLETED("{" CALL("c1", "f", "12") "},{" CALL("c2", "g", "34") "}"),
	    late);
	assert_parts(ADDED(0, "'type':'message'") TEXT(0, 0, "a")
			 ADDED(1, "'type':'message'") TEXT(1, 0, "x") TEXT(0, 0, "b")
			     DONE(0, MESSAGE("ab")) TEXT(1, 0, "y") DONE(1, MESSAGE("xy"))
				 COMPLETED(""),
	    "<text a b> <text xy> finish(1,completed) ");
}

/* Some hosts tell only what is done, or only the end. */
TEST(what_did_not_come_by_pieces)
{
	assert_parts(DONE(0, MESSAGE("a")) DONE(1, CALL("c", "f", "{}")) COMPLETED(""),
	    "<text a> <call(c,f) {}> finish(3,completed) ");
	assert_parts(
	    COMPLETED("{'type':'reasoning','summary':[{'text':'t'}]},{" MESSAGE(
		"a") "},{'type':'x'},{'type':'image_generation_call','result':'QUJD'}"),
	    "<thought t> <text a> <image image/png:QUJD> finish(1,completed) ");
	/* What was told already is not told again. */
	assert_parts(TEXT(0, 0, "a") COMPLETED("{" MESSAGE("a") "},{" MESSAGE("b") "}"),
	    "<text a> <text b> finish(1,completed) ");
	/* More items than are counted. */
	assert_parts(TEXT(300, 0, "a") DONE(300, MESSAGE("a")) COMPLETED(""),
	    "finish(1,completed) ");
}

TEST(how_streams_end)
{
	assert_deltas(BEGIN TEXT(0, 0, "a")
			  EVENT("incomplete", "'response':{'status':'incomplete',"
					      "'incomplete_details':{'reason':"
					      "'max_output_tokens'}}") "data: [DONE]\n\n",
	    "start(resp_1,m,5) <text a> finish(2,incomplete) end");
	/* Without its end, or with that of chat. */
	assert_deltas(
	    BEGIN TEXT(0, 0, "a") "data: [DONE]\n\n", "start(resp_1,m,5) <text a> end");
	assert_deltas(BEGIN TEXT(0, 0, "a"), "start(resp_1,m,5) <text a> end");
	/* Nothing behind it counts, nor what is not known. */
	assert_deltas(BEGIN ": comment\n\n" EVENT("web_search_call.searching", "'x':1")
			  EVENT("new", "'y':2") COMPLETED("") TEXT(0, 0, "b"),
	    "start(resp_1,m,5) finish(1,completed) end");
	/* Without its begin; the event's name instead of the type. */
	assert_deltas("event: response.output_text.delta\ndata: {'delta':'a'}\n\n"
		      "event: response.completed\ndata: {'response':{'id':'r'}}\n\n",
	    "start(,,0) <text a> finish(1,) end");
}

/* --- out --- */

/* The events of a stream in short: name, and what follows its number. */
static void
shorten(char *text)
{
	char *to = text;

	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		char *found = strstr(line, "'sequence_number':");

		if (strncmp(line, "event: ", 7) == 0)
			continue;
		assert_true(strncmp(line, "data: {'type':'", 15) == 0);
		line += 15;
		while (*line != '\'')
			*to++ = *line++;
		*to++ = ' ';
		assert_non_null(found);
		for (found += 18; isdigit((unsigned char)*found); found++)
			*to++ = *found;
		*to++ = '\n';
	}
	*to = '\0';
}

static const char chat[] =
    "data: {'id':'x-5','created':9,'model':'m-1','choices':[{'index':0,'delta':{'role':"
    "'assistant','reasoning_content':'t'}}]}\n\n"
    "data: {'choices':[{'index':0,'delta':{'reasoning_content':'u'}}]}\n\n"
    "data: {'choices':[{'index':0,'delta':{'content':'a'}},{'index':1,'delta':{'content':"
    "'other'}}]}\n\n"
    "data: {'choices':[{'index':0,'delta':{'content':'b'}}]}\n\n"
    "data: {'choices':[{'index':0,'delta':{'tool_calls':[{'index':0,'id':'c1','function':"
    "{'name':'f','arguments':'{}'}},{'index':1,'id':'c2','function':{'name':'g'}}]}}]}"
    "\n\n"
    "data: {'choices':[{'index':0,'delta':{},'finish_reason':'tool_calls'}]}\n\n"
    "data: {'choices':[],'usage':{'prompt_tokens':3,'completion_tokens':2}}\n\n"
    "data: [DONE]\n\n";

TEST(events_in_their_order_with_their_numbers)
{
	const struct case_answer c = {.from = C, .to = R, .text = chat};
	struct case_told told;

	assert_int_equal(case_write_stream(&c, false, &told), ERR_OK);
	shorten(told.text);
	assert_string_equal(told.text, "response.created 0\n"
				       "response.in_progress 1\n"
				       "response.output_item.added 2\n"
				       "response.reasoning_summary_part.added 3\n"
				       "response.reasoning_summary_text.delta 4\n"
				       "response.reasoning_summary_text.delta 5\n"
				       "response.reasoning_summary_text.done 6\n"
				       "response.reasoning_summary_part.done 7\n"
				       "response.output_item.done 8\n"
				       "response.output_item.added 9\n"
				       "response.content_part.added 10\n"
				       "response.output_text.delta 11\n"
				       "response.output_text.delta 12\n"
				       "response.output_text.done 13\n"
				       "response.content_part.done 14\n"
				       "response.output_item.done 15\n"
				       "response.output_item.added 16\n"
				       "response.function_call_arguments.delta 17\n"
				       "response.function_call_arguments.done 18\n"
				       "response.output_item.done 19\n"
				       "response.output_item.added 20\n"
				       "response.function_call_arguments.delta 21\n"
				       "response.function_call_arguments.done 22\n"
				       "response.output_item.done 23\n"
				       "response.completed 24\n");
}

/* The event of that type, for the n-th time. */
static void
assert_event(const struct case_told *told, const char *type, unsigned n, const char *want)
{
	char head[100];
	const char *at = told->text;

	(void)snprintf(head, sizeof(head), "event: response.%s\n", type);
	for (unsigned i = 0; i <= n; i++) {
		at = strstr(i == 0 ? at : at + 1, head);
		assert_non_null(at);
	}
	at += strlen(head) + 6;
	if (strncmp(at, want, strlen(want)) != 0 || at[strlen(want)] != '\n')
		fail_msg("%.1500s\nnot %s", at, want);
}

TEST(events_tell_what_and_where)
{
	const struct case_answer c = {.from = C, .to = R, .text = chat};
	struct case_told t;

	assert_int_equal(case_write_stream(&c, false, &t), ERR_OK);
	assert_event(&t, "output_item.added", 0,
	    "{'type':'response.output_item.added','sequence_number':2,'output_index':0,"
	    "'item':{'id':'rs_77_0','type':'reasoning','summary':[]}}");
	assert_event(&t, "reasoning_summary_part.added", 0,
	    "{'type':'response.reasoning_summary_part.added','sequence_number':3,"
	    "'item_id':'rs_77_0','output_index':0,'summary_index':0,'part':{'type':"
	    "'summary_text','text':''}}");
	assert_event(&t, "reasoning_summary_text.delta", 1,
	    "{'type':'response.reasoning_summary_text.delta','item_id':'rs_77_0',"
	    "'output_index':0,'summary_index':0,'sequence_number':5,'delta':'u'}");
	assert_event(&t, "reasoning_summary_text.done", 0,
	    "{'type':'response.reasoning_summary_text.done','sequence_number':6,"
	    "'item_id':'rs_77_0','output_index':0,'summary_index':0,'text':'tu'}");
	assert_event(&t, "output_item.done", 0,
	    "{'type':'response.output_item.done','sequence_number':8,'output_index':0,"
	    "'item':{'id':'rs_77_0','type':'reasoning','summary':[{'type':"
	    "'summary_text','text':'tu'}],'encrypted_content':'weir.acme..s'}}");
	assert_event(&t, "output_text.delta", 1,
	    "{'type':'response.output_text.delta','item_id':'msg_77_1','output_index':1,"
	    "'content_index':0,'sequence_number':12,'delta':'b','logprobs':[]}");
	assert_event(&t, "content_part.done", 0,
	    "{'type':'response.content_part.done','sequence_number':14,'item_id':"
	    "'msg_77_1','output_index':1,'content_index':0,'part':{'type':'output_text',"
	    "'annotations':[],'logprobs':[],'text':'ab'}}");
	assert_event(&t, "output_item.added", 2,
	    "{'type':'response.output_item.added','sequence_number':16,'output_index':2,"
	    "'item':{'id':'fc_77_2','type':'function_call','status':'in_progress',"
	    "'call_id':'c1','name':'f','arguments':''}}");
	assert_event(&t, "function_call_arguments.delta", 1,
	    "{'type':'response.function_call_arguments.delta','item_id':'fc_77_3',"
	    "'output_index':3,'sequence_number':21,'delta':'{}'}");
	assert_event(&t, "function_call_arguments.done", 0,
	    "{'type':'response.function_call_arguments.done','sequence_number':18,"
	    "'item_id':'fc_77_2','output_index':2,'name':'f','arguments':'{}'}");
}

/* The last event has all of it, and what was asked. */
TEST(the_end_tells_it_whole)
{
	const struct case_answer c = {.from = C,
	    .to = R,
	    .text = chat,
	    .asked = "{'model':'m','input':'a','instructions':'be'}"};
	const char *end;
	struct case_told t;

	assert_int_equal(case_write_stream(&c, false, &t), ERR_OK);
	end = strstr(t.text, "event: response.completed\n");
	assert_non_null(end);
	assert_null(strstr(t.text, "[DONE]"));
	assert_non_null(strstr(end, "'response':{'id':'x-5','object':'response',"
				    "'created_at':9,'status':'completed'"));
	assert_non_null(strstr(end, "'model':'m-1','instructions':'be',"));
	assert_non_null(strstr(end, "'usage':{'input_tokens':3,"));
	assert_non_null(strstr(end,
	    "'output':[{'id':'rs_77_0','type':'reasoning','summary':[{'type':"
	    "'summary_text','text':'tu'}],'encrypted_content':'weir.acme..s'},{'id':"
	    "'msg_77_1','type':'message','status':'completed','role':'assistant',"
	    "'content':[{'type':'output_text','annotations':[],'logprobs':[],'text':'ab'}"
	    "]},{'id':'fc_77_2','type':'function_call','status':'completed','call_id':"
	    "'c1','name':'f','arguments':'{}'},{'id':'fc_77_3','type':'function_call',"
	    "'status':'completed','call_id':'c2','name':'g','arguments':'{}'}]}}\n\n"));
}

/* Read back, it is what it was. */
TEST(what_is_told_is_read_the_same)
{
	struct case_answer c = {.from = C, .to = R, .text = chat};
	struct case_told bytes, deltas;

	assert_int_equal(case_write_stream(&c, false, &bytes), ERR_OK);
	c = (struct case_answer){.from = R, .to = C, .text = bytes.text};
	assert_int_equal(case_write_stream(&c, true, &deltas), ERR_OK);
	assert_string_equal(deltas.text,
	    "start(x-5,m-1,9) <thought t u signed:weir.acme..s> <text a b> <call(c1,f) "
	    "{}> <call(c2,g) {}> finish(3,completed) end");
}

/* Whatever a host says behind its mark. */
TEST(nothing_is_told_behind_the_end)
{
	const struct case_answer c = {.from = C,
	    .to = R,
	    .text = "data: {'id':'x','choices':[{'index':0,'delta':{'content':'a'}}]}\n\n"
		    "data: [DONE]\n\ndata: {'choices':[{'index':0,'delta':{'content':"
		    "'b'}}]}\n\ndata: [DONE]\n\n"};

	case_assert_stream(c, true, "start(x,,0) <text a> end");
}

TEST(several_parts_refusals_and_an_incomplete_end)
{
	static const struct case_answer c = {.from = C,
	    .to = R,
	    .text = "data: {'choices':[{'index':0,'delta':{'content':'a'},'logprobs':"
		    "{'content':[{'token':'a'}]}}]}\n\ndata: {'choices':[{'index':0,"
		    "'delta':{'content':'b'},'logprobs':{'content':[{'token':'b'},"
		    "{'token':'c'}]}}]}\n\ndata: {'choices':[{'index':0,'delta':"
		    "{'refusal':'no'},'finish_reason':'length'}]}\n\ndata: [DONE]\n\n"};
	struct case_told t;

	assert_int_equal(case_write_stream(&c, false, &t), ERR_OK);
	assert_event(&t, "output_text.delta", 0,
	    "{'type':'response.output_text.delta','item_id':'msg_77_0','output_index':0,"
	    "'content_index':0,'sequence_number':4,'delta':'a','logprobs':[{'token':'a'}]"
	    "}");
	assert_event(&t, "output_text.done", 0,
	    "{'type':'response.output_text.done','sequence_number':6,'item_id':"
	    "'msg_77_0','output_index':0,'content_index':0,'text':'ab','logprobs':["
	    "{'token':'a'},{'token':'b'},{'token':'c'}]}");
	assert_event(&t, "refusal.delta", 0,
	    "{'type':'response.refusal.delta','item_id':'msg_77_0','output_index':0,"
	    "'content_index':1,'sequence_number':9,'delta':'no'}");
	assert_event(&t, "output_item.done", 0,
	    "{'type':'response.output_item.done','sequence_number':12,'output_index':0,"
	    "'item':{'id':'msg_77_0','type':'message','status':'incomplete','role':"
	    "'assistant','content':[{'type':'output_text','annotations':[],'logprobs':["
	    "{'token':'a'},{'token':'b'},{'token':'c'}],'text':'ab'},{'type':'refusal',"
	    "'refusal':'no'}]}}");
	assert_non_null(strstr(t.text, "event: response.incomplete\n"));
	assert_non_null(
	    strstr(t.text, "'incomplete_details':{'reason':'max_output_tokens'}"));
}

TEST(signatures_have_their_marks)
{
	static const struct case_answer thought = {.from = A,
	    .to = R,
	    .text =
		"data: {'type':'content_block_start','content_block':{'type':'thinking'}}"
		"\n\ndata: {'type':'content_block_delta','delta':{'type':"
		"'signature_delta','signature':'gA'}}\n\ndata: {'type':"
		"'content_block_stop'}\n\ndata: {'type':'content_block_start',"
		"'content_block':{'type':'redacted_thinking','data':'gB'}}\n\ndata: "
		"{'type':'content_block_stop'}\n\ndata: {'type':'message_stop'}\n\n"};
	static const struct case_answer call = {.from = C,
	    .to = R,
	    .text = "data: {'choices':[{'index':0,'delta':{'tool_calls':[{'index':0,"
		    "'id':'c','function':{'name':'f','arguments':'{}'},'extra_content':"
		    "{'google':{'thought_signature':'gC'}}}]}}]}\n\n"};
	struct case_told t;

	assert_int_equal(case_write_stream(&thought, false, &t), ERR_OK);
	assert_non_null(strstr(t.text, "'output':[{'id':'rs_77_0','type':'reasoning',"
				       "'summary':[],'encrypted_content':"
				       "'weir.acme.gA.s'},{'id':'rs_77_1','type':"
				       "'reasoning','summary':[],'encrypted_content':"
				       "'weir.acme.gB'}]"));
	assert_int_equal(case_write_stream(&call, false, &t), ERR_OK);
	assert_non_null(strstr(t.text, "'output':[{'id':'rs_77_0','type':'reasoning',"
				       "'summary':[],'encrypted_content':"
				       "'weir.acme.gC.c'},{'id':'fc_77_1','type':"
				       "'function_call','status':'completed','call_id':"
				       "'c','name':'f','arguments':'{}'}]"));
}

/* --- out, from deltas of its own --- */

struct writing {
	struct answer_plan plan;
	void *out;
	struct buf to;
};

static void
writing_start(struct writing *w)
{
	*w = (struct writing){
	    .plan = {.id = S("req_7"), .model = S("m"), .provider = "acme", .unix_s = 5},
	    .out = calloc(1, dialect_responses.chat->out_bytes)};
	assert_non_null(w->out);
	buf_init(&w->to, 64u << 20);
}

static void
put(struct writing *w, struct delta d)
{
	dialect_responses.chat->out_delta(w->out, &w->plan, &d, &w->to);
}

static bool
told(const struct writing *w, struct slice what)
{
	return slice_search(buf_slice(&w->to), what) < w->to.len;
}

static void
writing_done(struct writing *w)
{
	dialect_responses.chat->out_done(w->out);
	buf_free(&w->to);
	free(w->out);
}

TEST(a_picture_is_an_item)
{
	struct writing w;

	writing_start(&w);
	put(&w, (struct delta){.kind = DELTA_OPEN, .part = PART_IMAGE});
	put(&w, (struct delta){
		    .kind = DELTA_DATA, .text = S("QUJD"), .type = S("image/png")});
	put(&w, (struct delta){.kind = DELTA_CLOSE});
	put(&w, (struct delta){.kind = DELTA_OPEN, .part = PART_AUDIO});
	put(&w, (struct delta){.kind = DELTA_DATA, .text = S("QUJD")});
	put(&w, (struct delta){.kind = DELTA_CLOSE});
	put(&w, (struct delta){.kind = DELTA_FINISH, .finish = FINISH_STOP});
	put(&w, (struct delta){.kind = DELTA_END});
	assert_true(told(&w, S("event: response.image_generation_call.completed\n")));
	assert_true(told(&w, S("\"output\":[{\"id\":\"ig_7_0\",\"type\":"
			       "\"image_generation_call\",\"status\":\"completed\","
			       "\"result\":\"QUJD\"}]}}\n\n")));
	writing_done(&w);
}

TEST(a_fault_ends_it)
{
	struct writing w;

	writing_start(&w);
	put(&w, (struct delta){.kind = DELTA_START});
	put(&w, (struct delta){.kind = DELTA_OPEN, .part = PART_TEXT});
	put(&w, (struct delta){.kind = DELTA_TEXT, .text = S("a")});
	buf_clear(&w.to);
	put(&w, (struct delta){
		    .kind = DELTA_FAULT, .message = S("the \"end\""), .code = S("c")});
	put(&w, (struct delta){.kind = DELTA_TEXT, .text = S("b")});
	put(&w, (struct delta){.kind = DELTA_END});
	assert_true(slice_starts(buf_slice(&w.to),
	    S("event: error\ndata: {\"type\":\"error\",\"sequence_number\":5,\"code\":"
	      "\"c\",\"message\":\"the \\\"end\\\"\",\"param\":null,\"error\":{\"type\":"
	      "\"server_error\",\"code\":\"c\",\"message\":\"the \\\"end\\\"\","
	      "\"param\":null}}\n\nevent: response.failed\ndata: {\"type\":"
	      "\"response.failed\",\"sequence_number\":6,\"response\":{\"id\":"
	      "\"resp_7\"")));
	assert_true(told(&w, S("\"status\":\"failed\"")));
	assert_true(
	    told(&w, S("\"error\":{\"code\":\"c\",\"message\":\"the \\\"end\\\"\"}")));
	assert_true(slice_ends(buf_slice(&w.to), S("\"output\":[]}}\n\n")));
	writing_done(&w);
}

/* What is kept of an answer has a ceiling. */
TEST(an_answer_without_end_ends)
{
	char piece[1u << 16];
	struct writing w;
	unsigned n = 0;

	memset(piece, 'a', sizeof(piece));
	writing_start(&w);
	put(&w, (struct delta){.kind = DELTA_OPEN, .part = PART_TEXT});
	while (!told(&w, S("response.failed"))) {
		assert_true(n++ < 300);
		buf_clear(&w.to);
		put(&w, (struct delta){
			    .kind = DELTA_TEXT, .text = slice_of(piece, sizeof(piece))});
	}
	assert_int_equal(n, 257); /* 16 MiB */
	assert_true(told(&w, S("answer_too_long")));
	assert_true(slice_ends(buf_slice(&w.to), S("\"output\":[]}}\n\n")));
	buf_clear(&w.to);
	put(&w, (struct delta){.kind = DELTA_CLOSE});
	put(&w, (struct delta){.kind = DELTA_END});
	assert_int_equal(w.to.len, 0);
	writing_done(&w);
}

/* Of items as well: what is told of them then is JSON, without half of one. */
TEST(items_without_end_end)
{
	char piece[1u << 20];
	struct writing w;
	struct slice told_last;
	struct json j;
	unsigned n = 0;

	memset(piece, 'a', sizeof(piece));
	writing_start(&w);
	while (!told(&w, S("response.failed"))) {
		assert_true(n++ < 30);
		buf_clear(&w.to);
		put(&w, (struct delta){.kind = DELTA_OPEN, .part = PART_REASONING});
		put(&w, (struct delta){
			    .kind = DELTA_TEXT, .text = slice_of(piece, sizeof(piece))});
		put(&w, (struct delta){.kind = DELTA_CLOSE});
	}
	assert_int_equal(n, 16);
	told_last = buf_slice(&w.to);
	told_last = slice_from(
	    told_last, slice_search(told_last, S("event: response.failed\ndata: ")) + 29);
	json_init(&j, 1000);
	assert_int_equal(json_parse(&j, told_last, JSON_KEEP_ALL), ERR_OK);
	json_free(&j);
	writing_done(&w);
}

/* --- memory --- */

static enum err
write_it(void *arg)
{
	struct case_told t;
	enum err e = case_write_stream(arg, false, &t);

	/* A stream that could not be kept says so itself. */
	return e == ERR_OK && strstr(t.text, "out_of_memory") != NULL ? ERR_NOMEM : e;
}

TEST(memory_may_fail_anywhere)
{
	struct case_answer c = {.from = C, .to = R, .text = chat};

	assert_true(torture(write_it, &c) > 0);
	c.from = R;
	c.to = C;
	c.text =
	    BEGIN EVENT("output_text.delta", "'delta':'a','logprobs':[1]") COMPLETED("");
	assert_true(torture(write_it, &c) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_and_refusal),
	    cmocka_unit_test(probabilities_of_tokens),
	    cmocka_unit_test(what_was_thought),
	    cmocka_unit_test(calls),
	    cmocka_unit_test(items_that_overlap),
	    cmocka_unit_test(what_did_not_come_by_pieces),
	    cmocka_unit_test(how_streams_end),
	    cmocka_unit_test(events_in_their_order_with_their_numbers),
	    cmocka_unit_test(events_tell_what_and_where),
	    cmocka_unit_test(the_end_tells_it_whole),
	    cmocka_unit_test(what_is_told_is_read_the_same),
	    cmocka_unit_test(nothing_is_told_behind_the_end),
	    cmocka_unit_test(several_parts_refusals_and_an_incomplete_end),
	    cmocka_unit_test(signatures_have_their_marks),
	    cmocka_unit_test(a_picture_is_an_item),
	    cmocka_unit_test(a_fault_ends_it),
	    cmocka_unit_test(an_answer_without_end_ends),
	    cmocka_unit_test(items_without_end_end),
	    cmocka_unit_test(memory_may_fail_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
