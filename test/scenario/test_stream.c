/*
 * Streams: held back until the first token, relayed as they come, ended as they end.
 */
#include "world.h"

#define USAGE(fresh, cached, out) ((struct tokens){fresh, cached, out})
#define COST			  135000000 /* of USAGE(400, 600, 50) */
#define OPTIONS                                                                          \
	"upstream: {first_token: 5s, idle: 10s, total: 60s, hold_time: 20s}\n"           \
	"route: {explore: 0%, breaker_failures: 100}"

static unsigned
count(const char *body, const char *what)
{
	unsigned n = 0;

	while ((body = strstr(body, what)) != NULL) {
		body += strlen(what);
		n++;
	}
	return n;
}

/* Nothing goes out before the first token; then each event when it comes. */
TEST(events_go_out_as_they_come)
{
	struct world *w = world_new(OPTIONS);

	world_host(w, "a", stream_of("abc", USAGE(400, 600, 50), 1000));
	world_ask_stream(w, "acme/large", "");
	world_run_until(w, 900);
	assert_int_equal(world_status(w), 0);
	world_run_until(w, 1100);
	assert_reply(w, 200, "\"content\":\"a\"");
	assert_int_equal(count(world_body(w), "data: "), 2); /* the role came before */
	world_run_until(w, 2100);
	assert_int_equal(count(world_body(w), "data: "), 3);
	assert_false(world_ended(w));
	world_run_until(w, 4100);
	assert_true(world_ended(w));
	assert_reply(w, 200, "data: [DONE]\n\n");
	assert_ledger(w, 1, COST);
	world_free(w);
}

/* The usage was asked for by weir: the caller does not see it, the ledger does. */
TEST(usage_that_weir_asked_for_is_withheld)
{
	struct world *w = world_new(OPTIONS);

	world_host(w, "a", stream_of("abc", USAGE(400, 600, 50), 1));
	world_ask_stream(w, "acme/large", "");
	world_run_until(w, 100);
	assert_non_null(
	    strstr(world_sent(w, "a"), "\"stream_options\":{\"include_usage\":true}"));
	assert_null(strstr(world_body(w), "usage"));
	assert_ledger(w, 1, COST);
	world_ask_stream(w, "acme/large", ",\"stream_options\":{\"include_usage\":true}");
	world_run_until(w, 200);
	assert_non_null(strstr(world_body(w), "\"choices\":[],\"usage\""));
	world_free(w);
}

/* Cut before the first token: another host answers and nobody notices. */
TEST(a_cut_before_the_first_token_fails_over)
{
	struct world *w = world_new(OPTIONS);

	world_host(w, "a", cut_stream("abc", 0));
	world_host(w, "b", stream_of("hello", USAGE(400, 600, 50), 1));
	world_ask_stream(w, "acme/large:preferred", "");
	world_run_until(w, 100);
	assert_reply(w, 200, "[DONE]");
	assert_attempts(w, "a:CUT_REPLY b:OK");
	assert_ledger(w, 1, COST);
	world_free(w);
}

/* Cut after it: nothing is sent twice; the stream ends with an error and not as if it
 * were complete. What was told is estimated and marked partial. */
TEST(a_cut_after_the_first_token_is_told)
{
	struct world *w = world_new(OPTIONS);

	world_host(w, "a", cut_stream("abc", 2));
	world_host(w, "b", stream_of("never", USAGE(1, 0, 1), 1));
	world_ask_stream(w, "acme/large:preferred", "");
	world_run_until(w, 100);
	assert_true(world_ended(w));
	assert_reply(w, 200, "\"code\":\"stream_cut\"");
	assert_null(strstr(world_body(w), "[DONE]"));
	assert_int_equal(world_requests(w, "b"), 0);
	assert_outcome(w, "CUT_STREAM", true);
	world_free(w);
}

TEST(a_stall_is_told_after_the_idle_limit)
{
	struct world *w = world_new(OPTIONS);

	world_host(w, "a", stalled_stream("abc", 2));
	world_ask_stream(w, "acme/large", "");
	world_run_until(w, 10000);
	assert_false(world_ended(w));
	world_run_until(w, 10100);
	assert_true(world_ended(w));
	assert_reply(w, 200, "stream_stalled");
	assert_outcome(w, "STALLED", true);
	assert_false(world_is_asking(w, "a"));
	world_free(w);
}

/* An error instead of an answer, in a stream of status 200: another host. */
TEST(an_error_event_before_the_first_token_fails_over)
{
	struct world *w = world_new(OPTIONS);

	world_host(w, "a",
	    raw(1, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
		   "data: {\"error\":{\"message\":\"overloaded\",\"code\":503}}\n\n"));
	world_host(w, "b", stream_of("hello", USAGE(400, 600, 50), 1));
	world_ask_stream(w, "acme/large:preferred", "");
	world_run_until(w, 100);
	assert_reply(w, 200, "[DONE]");
	assert_attempts(w, "a:ERROR_EVENT b:OK");
	world_free(w);
}

/* The caller hangs up: the host is let go at once, and what was told is paid for. */
TEST(a_caller_who_hangs_up_ends_the_call)
{
	struct world *w = world_new(OPTIONS);

	world_host(w, "a", stream_of("abcdefgh", USAGE(400, 600, 50), 100));
	world_ask_stream(w, "acme/large", "");
	world_run_until(w, 350);
	assert_true(world_is_asking(w, "a"));
	world_hang_up(w);
	assert_false(world_is_asking(w, "a"));
	assert_outcome(w, "CLIENT_GONE", true);
	assert_attempts(w, "a:CLIENT_GONE");
	world_free(w);
}

/* Before the answer too. */
TEST(a_caller_who_hangs_up_early_ends_the_call)
{
	struct world *w = world_new(OPTIONS);

	world_host(w, "a", after(1000, answer("late", USAGE(1, 0, 1))));
	world_ask(w, "acme/large");
	world_run_until(w, 500);
	world_hang_up(w);
	assert_false(world_is_asking(w, "a"));
	assert_outcome(w, "CLIENT_GONE", true);
	assert_ledger(w, 1, -1);
	world_free(w);
}

/* One who does not read stops the host from sending more. */
TEST(a_slow_reader_slows_the_host)
{
	static char big[70000];
	struct world *w = world_new(OPTIONS);
	const struct script *first;

	memset(big, 'x', sizeof(big) - 1);
	first = stream_of("abcdefgh", USAGE(400, 600, 50), 10);
	world_host(w, "a", first);
	(void)snprintf(big, 300,
	    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: "
	    "140300\r\n\r\n"
	    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n: ");
	big[strlen(big)] = ' ';
	memcpy(big + sizeof(big) - 4, "\n\n", 3);
	world_host(w, "a", raw(1, big));
	world_ask_stream(w, "acme/large", "");
	world_stop_reading(w);
	world_run_until(w, 100);
	/* The close that follows is not seen while reading is paused. */
	assert_true(world_is_asking(w, "a"));
	world_read_on(w);
	world_run_until(w, 200);
	assert_false(world_is_asking(w, "a"));
	world_free(w);
}

/* Held back for too long: the head goes out with comments, and no host is tried any
 * more. */
TEST(held_back_for_long_it_goes_out_with_comments)
{
	struct world *w = world_new("upstream: {first_token: 60s, hold_time: 2s, "
				    "comment_time: 3s, idle: 100s}");

	world_host(w, "a", after(9000, stream_of("abc", USAGE(400, 600, 50), 1)));
	world_host(w, "b", answer("never", USAGE(1, 0, 1)));
	world_ask_stream(w, "acme/large:preferred", "");
	world_run_until(w, 1900);
	assert_int_equal(world_status(w), 0);
	world_run_until(w, 8500);
	assert_int_equal(world_status(w), 200);
	assert_int_equal(count(world_body(w), ": keep-alive\n\n"), 2);
	world_run_until(w, 10000);
	assert_reply(w, 200, "[DONE]");
	assert_ledger(w, 1, COST);
	world_free(w);
}

TEST(held_back_and_then_failed_is_told_in_the_stream)
{
	struct world *w = world_new("upstream: {first_token: 5s, hold_time: 2s}");

	world_host(w, "a", silent());
	world_host(w, "b", answer("never", USAGE(1, 0, 1)));
	world_ask_stream(w, "acme/large:preferred", "");
	world_run_until(w, 6000);
	assert_true(world_ended(w));
	assert_reply(w, 200, "first_token_timeout");
	assert_int_equal(world_requests(w, "b"), 0);
	world_free(w);
}

/* A provider that answers with JSON where a stream was asked for. */
TEST(json_instead_of_a_stream_is_passed)
{
	struct world *w = world_new(OPTIONS);

	world_host(w, "a", answer("hello", USAGE(400, 600, 50)));
	world_ask_stream(w, "acme/large", "");
	world_run_until(w, 100);
	assert_reply(w, 200, "\"content\":\"hello\"");
	assert_ledger(w, 1, COST);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(events_go_out_as_they_come),
	    cmocka_unit_test(usage_that_weir_asked_for_is_withheld),
	    cmocka_unit_test(a_cut_before_the_first_token_fails_over),
	    cmocka_unit_test(a_cut_after_the_first_token_is_told),
	    cmocka_unit_test(a_stall_is_told_after_the_idle_limit),
	    cmocka_unit_test(an_error_event_before_the_first_token_fails_over),
	    cmocka_unit_test(a_caller_who_hangs_up_ends_the_call),
	    cmocka_unit_test(a_caller_who_hangs_up_early_ends_the_call),
	    cmocka_unit_test(a_slow_reader_slows_the_host),
	    cmocka_unit_test(held_back_for_long_it_goes_out_with_comments),
	    cmocka_unit_test(held_back_and_then_failed_is_told_in_the_stream),
	    cmocka_unit_test(json_instead_of_a_stream_is_passed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
