/*
 * Failover: what happens when a candidate fails, by the kind of its failure.
 */
#include "world.h"

#define USAGE(fresh, cached, out) ((struct tokens){fresh, cached, out})
#define COST			  135000000 /* of USAGE(400, 600, 50) */

/* No waiting for breakers, few attempts; the order is that of the hosts. */
#define OPTIONS                                                                          \
	"upstream: {connect: 500ms, first_token: 5s, idle: 10s, total: 60s, attempts: "  \
	"3}\n"                                                                           \
	"route: {explore: 0%, breaker_failures: 100}"

/* The first host is slow to its first byte: the second answers, the first is closed,
 * and the caller is billed once. */
TEST(first_token_limit_fails_over)
{
	struct world *w = world_new(OPTIONS);

	world_host(w, "a", silent());
	world_host(w, "b", stream_of("hello", USAGE(400, 600, 50), 1));
	world_ask_stream(w, "acme/large:preferred", "");
	world_run_until(w, 4999);
	assert_int_equal(world_status(w), 0);
	assert_true(world_is_asking(w, "a"));
	world_run_until(w, 5100);
	assert_reply(w, 200, "[DONE]");
	assert_false(world_is_asking(w, "a"));
	assert_attempts(w, "a:FIRST_TOKEN b:OK");
	assert_ledger(w, 1, COST);
	world_free(w);
}

/* So it is by default, too: the head of the reply is held back for longer than that. */
TEST(first_token_limit_fails_over_by_default)
{
	struct world *w = world_new("route: {explore: 0%}");

	world_host(w, "a", after(60100, stream_of("late", USAGE(1, 0, 1), 1)));
	world_host(w, "b", stream_of("hello", USAGE(400, 600, 50), 1));
	world_ask_stream(w, "acme/large:preferred", "");
	world_run_until(w, 61000);
	assert_reply(w, 200, "[DONE]");
	assert_attempts(w, "a:FIRST_TOKEN b:OK");
	world_free(w);
}

TEST(a_host_that_refuses_is_passed_over)
{
	struct world *w = world_new(OPTIONS);

	world_host(w, "a", refused());
	world_host(w, "b", no_such_host());
	world_host(w, "c", answer("hello", USAGE(400, 600, 50)));
	world_ask(w, "acme/large:preferred");
	world_run_until(w, 100);
	assert_reply(w, 200, "hello");
	assert_attempts(w, "a:CONNECT b:DNS c:OK");
	assert_slice(world_field(w, "x-weir-attempts"), S("3"));
	assert_slice(world_field(w, "x-weir-cost-usd"), S("0.000135"));
	assert_ledger(w, 1, COST);
	world_free(w);
}

/* Three attempts are all; the fourth host is not asked. */
TEST(attempts_are_bounded)
{
	struct world *w = world_new(OPTIONS);

	world_host(w, "a", fault(500, NULL, "one"));
	world_host(w, "b", fault(502, NULL, "two"));
	world_host(w, "c", fault(503, NULL, "three"));
	world_host(w, "d", answer("never", USAGE(1, 0, 1)));
	world_ask(w, "acme/large:preferred");
	world_run_until(w, 1000);
	assert_reply(w, 502, "c: c answered 503: three");
	assert_attempts(w, "a:UP_5XX b:UP_5XX c:UP_5XX");
	assert_int_equal(world_requests(w, "d"), 0);
	assert_ledger(w, 1, -1);
	world_free(w);
}

/* What the caller did wrong is told in the provider's words, and tried nowhere else. */
TEST(the_callers_fault_is_his)
{
	struct world *w = world_new(OPTIONS);

	world_host(w, "a", fault(422, "x-extra: kept", "temperature is too high"));
	world_host(w, "b", answer("never", USAGE(1, 0, 1)));
	world_ask(w, "acme/large:preferred");
	world_run_until(w, 100);
	assert_reply(w, 422, "{\"error\":{\"message\":\"temperature is too high\"}}");
	assert_slice(world_field(w, "x-extra"), S("kept"));
	assert_int_equal(world_requests(w, "b"), 0);
	assert_outcome(w, "UP_CALLER", false);
	world_free(w);
}

/* A prompt that is too long goes to a longer context, and only there. */
TEST(too_long_goes_to_a_longer_context)
{
	struct world *w = world_new(OPTIONS);
	const struct script *too_long =
	    fault(400, NULL, "This model's maximum context length is 8192 tokens");

	world_host(w, "a", too_long);
	world_host(w, "b", answer("never", USAGE(1, 0, 1)));
	world_host(w, "c", answer("hello", USAGE(400, 600, 50)));
	world_context(w, "a", 8192);
	world_context(w, "b", 4096);
	world_context(w, "c", 131072);
	world_ask(w, "acme/large:preferred");
	world_run_until(w, 100);
	assert_reply(w, 200, "hello");
	assert_attempts(w, "a:CONTEXT_LENGTH c:OK");
	world_free(w);
}

TEST(too_long_everywhere_is_the_providers_own_400)
{
	struct world *w = world_new(OPTIONS);

	world_host(w, "a", fault(400, NULL, "maximum context length is 8192"));
	world_host(w, "b", fault(400, NULL, "maximum context length is 9000"));
	world_context(w, "a", 8192);
	world_context(w, "b", 9000);
	world_ask(w, "acme/large:preferred");
	world_run_until(w, 100);
	assert_reply(w, 400, "maximum context length is 8192");
	assert_attempts(w, "a:CONTEXT_LENGTH b:CONTEXT_LENGTH");
	world_free(w);
}

/* One host, limited for two seconds: the same one again, after its Retry-After. */
TEST(the_only_host_is_tried_again_after_its_retry_after)
{
	struct world *w = world_new(OPTIONS);

	world_host(w, "a", fault(429, "retry-after: 2", "slow down"));
	world_then(w, "a", answer("hello", USAGE(400, 600, 50)));
	world_ask(w, "acme/large");
	world_run_until(w, 1990);
	assert_int_equal(world_status(w), 0);
	assert_int_equal(world_requests(w, "a"), 1);
	world_run_until(w, 2100);
	assert_reply(w, 200, "hello");
	assert_attempts(w, "a:RATE_LIMITED a:OK");
	assert_ledger(w, 1, COST);
	world_free(w);
}

/* Longer than anyone waits: the caller is told when to come again, and so is the next. */
TEST(a_long_retry_after_is_the_callers)
{
	struct world *w = world_new(OPTIONS);

	world_host(w, "a", fault(429, "retry-after: 120", "slow down"));
	world_ask(w, "acme/large");
	world_run_until(w, 100);
	assert_reply(w, 429, "rate_limit_exceeded");
	assert_slice(world_field(w, "retry-after"), S("120"));
	world_ask(w, "acme/large");
	world_run_until(w, 20000);
	assert_reply(w, 429, "rate limited");
	assert_int_equal(world_requests(w, "a"), 1);
	assert_ledger(w, 1, -1); /* the second was never sent */
	world_free(w);
}

/* A single host with a passing trouble: again, after a pause that is not long. */
TEST(the_only_host_is_tried_again)
{
	struct world *w = world_new(OPTIONS);

	world_host(w, "a", fault(500, NULL, "oops"));
	world_then(w, "a", answer("hello", USAGE(400, 600, 50)));
	world_ask(w, "acme/large");
	world_run_until(w, 20);
	assert_int_equal(world_status(w), 0);
	world_run_until(w, 1000);
	assert_reply(w, 200, "hello");
	assert_attempts(w, "a:UP_5XX a:OK");
	world_free(w);
}

/* Its key is refused: nothing to try again. */
TEST(a_refused_key_is_not_tried_again)
{
	struct world *w = world_new(OPTIONS);

	world_host(w, "a", fault(401, NULL, "bad key"));
	world_ask(w, "acme/large");
	world_run_until(w, 5000);
	assert_reply(w, 502, "provider_refused_credential");
	assert_int_equal(world_requests(w, "a"), 1);
	world_free(w);
}

/* Time is up for all attempts together. */
TEST(the_total_limit_ends_it)
{
	struct world *w = world_new("upstream: {total: 3s, first_token: 60s}");

	world_host(w, "a", silent());
	world_host(w, "b", answer("never", USAGE(1, 0, 1)));
	world_ask(w, "acme/large:preferred");
	world_run_until(w, 2999);
	assert_int_equal(world_status(w), 0);
	world_run_until(w, 3001);
	assert_reply(w, 504, "request_timeout");
	assert_outcome(w, "TOTAL_TIME", false);
	assert_false(world_is_asking(w, "a"));
	world_free(w);
}

/* The breaker opens after failures in a row; then the host is not asked, until one
 * request probes it. */
TEST(a_breaker_opens_and_is_probed)
{
	struct world *w = world_new("upstream: {attempts: 2}\nroute: {explore: 0%, "
				    "breaker_failures: 2, breaker_open: 5s}");

	world_host(w, "a", fault(500, NULL, "oops"));
	world_host(w, "b", answer("hello", USAGE(400, 600, 50)));
	for (unsigned i = 0; i < 4; i++) {
		world_ask(w, "acme/large:preferred");
		world_run_until(w, 100 * (i + 1));
		assert_reply(w, 200, "hello");
	}
	assert_int_equal(world_requests(w, "a"), 2);
	world_host(w, "a", answer("well again", USAGE(400, 600, 50)));
	world_run_until(w, 6000);
	world_ask(w, "acme/large:preferred");
	world_run_until(w, 6100);
	assert_reply(w, 200, "well again");
	assert_ledger(w, 5, COST);
	world_free(w);
}

/* A kept connection that the host had closed: sent again on a fresh one, which is not
 * a second attempt. */
TEST(a_stale_connection_is_no_failure)
{
	struct world *w = world_new(OPTIONS);

	world_host(w, "a", answer("one", USAGE(400, 600, 50)));
	world_then(w, "a", raw(0, ""));
	world_then(w, "a", answer("two", USAGE(400, 600, 50)));
	world_ask(w, "acme/large");
	world_run_until(w, 100);
	assert_reply(w, 200, "one");
	world_ask(w, "acme/large");
	world_run_until(w, 200);
	assert_reply(w, 200, "two");
	assert_attempts(w, "a:OK");
	assert_int_equal(world_connections(w, "a"), 2);
	world_free(w);
}

/* On a fresh connection the same is a failure. */
TEST(a_close_before_the_reply_is_a_failure)
{
	struct world *w = world_new(OPTIONS);

	world_host(w, "a", raw(0, ""));
	world_host(w, "b", answer("hello", USAGE(400, 600, 50)));
	world_ask(w, "acme/large:preferred");
	world_run_until(w, 100);
	assert_reply(w, 200, "hello");
	assert_attempts(w, "a:EOF b:OK");
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(first_token_limit_fails_over),
	    cmocka_unit_test(first_token_limit_fails_over_by_default),
	    cmocka_unit_test(a_host_that_refuses_is_passed_over),
	    cmocka_unit_test(attempts_are_bounded),
	    cmocka_unit_test(the_callers_fault_is_his),
	    cmocka_unit_test(too_long_goes_to_a_longer_context),
	    cmocka_unit_test(too_long_everywhere_is_the_providers_own_400),
	    cmocka_unit_test(the_only_host_is_tried_again_after_its_retry_after),
	    cmocka_unit_test(a_long_retry_after_is_the_callers),
	    cmocka_unit_test(the_only_host_is_tried_again),
	    cmocka_unit_test(a_refused_key_is_not_tried_again),
	    cmocka_unit_test(the_total_limit_ends_it),
	    cmocka_unit_test(a_breaker_opens_and_is_probed),
	    cmocka_unit_test(a_stale_connection_is_no_failure),
	    cmocka_unit_test(a_close_before_the_reply_is_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
