/*
 * The journal: what is written down when, and what happens when it is full. That each
 * intent has its row at the end holds for all scenarios (world_free).
 */
#include "world.h"

#define USAGE(fresh, cached, out) ((struct tokens){fresh, cached, out})
#define COST			  135000000 /* of USAGE(400, 600, 50) */
#define OPTIONS                                                                          \
	"upstream: {connect: 500ms, first_token: 5s, idle: 10s, total: 60s}\n"           \
	"route: {explore: 0%, breaker_failures: 100}\n"

TEST(an_intent_is_there_while_a_host_is_asked)
{
	struct world *w = world_new(OPTIONS);

	world_host(w, "a", after(1000, answer("hello", USAGE(400, 600, 50))));
	world_ask(w, "acme/large:preferred");
	assert_int_equal(world_open_intents(w), 0); /* nothing has gone out yet */
	world_run_until(w, 900);
	assert_true(world_is_asking(w, "a"));
	assert_int_equal(world_open_intents(w), 1);
	world_run_until(w, 1100);
	assert_reply(w, 200, "hello");
	assert_int_equal(world_open_intents(w), 0);
	assert_ledger(w, 1, COST);
	world_free(w);
}

/* Nothing went out, so nothing can be owed. */
TEST(a_host_that_is_not_reached_has_no_intent)
{
	static const struct script slow = {.connect_ms = 10000};
	struct world *w = world_new(OPTIONS);

	world_host(w, "a", &slow);
	world_ask(w, "acme/large:preferred");
	world_run_until(w, 400);
	assert_int_equal(world_open_intents(w), 0);
	world_run_until(w, 60000);
	world_free(w);
}

TEST(two_hosts_are_one_row)
{
	struct world *w = world_new(OPTIONS);

	world_host(w, "a", fault(500, NULL, "one"));
	world_host(w, "b", after(1000, answer("hello", USAGE(400, 600, 50))));
	world_ask(w, "acme/large:preferred");
	world_run_until(w, 900);
	assert_int_equal(world_open_intents(w), 1);
	world_run_until(w, 1200);
	assert_reply(w, 200, "hello");
	assert_ledger(w, 1, COST);
	world_free(w);
}

/* Longer than what is read whole, so it goes out as it comes. */
static const struct script *
long_reply(void)
{
	static const char text[] = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
				   "content-length: 25\r\n\r\n"
				   "{\"id\":\"x\",\"choices\":[]}  ";

	return pieces(slice_str(text), sizeof(text) - 10, false, true);
}

static const struct script *
script_of(unsigned i)
{
	switch (i) {
	case 0: return answer("hello", USAGE(400, 600, 50));
	case 1: return fault(400, NULL, "no");
	case 2: return fault(500, NULL, "no");
	case 3: return long_reply();
	case 4: return stream_of("hello", USAGE(400, 600, 50), 1);
	default: return cut_stream("hello", 2);
	}
}

/* The row is there before the last that the caller gets, whatever that is. */
TEST(the_row_comes_before_the_last_byte)
{
	for (unsigned i = 0; i < 6; i++) {
		struct world *w = world_new("upstream: {reply_bytes: 0, attempts: 1}\n"
					    "route: {explore: 0%}");

		world_host(w, "a", script_of(i));
		world_connect(w);
		world_watch_writes(w);
		if (i >= 4)
			world_ask_stream(w, "acme/large:preferred", "");
		else
			world_ask(w, "acme/large:preferred");
		world_run_until(w, 1000);
		if (!world_ended(w) || world_rows_before_end(w) != 1)
			fail_msg("case %u: %.*s", i, SLICE_ARGS(world_head(w)));
		world_free(w);
	}
}

TEST(a_full_journal_refuses)
{
	struct world *w = world_new(OPTIONS);

	world_host(w, "a", answer("hello", USAGE(400, 600, 50)));
	world_ask(w, "acme/large:preferred");
	world_run_until(w, 100);
	assert_reply(w, 200, "hello");
	world_fill_journal(w);
	world_ask(w, "acme/large:preferred");
	world_run_until(w, 200);
	assert_reply(w, 503, "journal is full");
	assert_slice(world_field(w, "retry-after"), S("1"));
	assert_int_equal(world_requests(w, "a"), 1);
	assert_ledger(w, 1, COST);
	world_free(w);
}

/* Who was let in before it was full gets his answer, and his row. */
TEST(what_was_let_in_is_recorded)
{
	struct world *w = world_new(OPTIONS);

	world_host(w, "a", after(1000, stream_of("hello", USAGE(400, 600, 50), 1)));
	world_ask_stream(w, "acme/large:preferred", "");
	world_run_until(w, 500);
	world_fill_journal(w);
	world_run_until(w, 2000);
	assert_reply(w, 200, "[DONE]");
	assert_ledger(w, 1, COST);
	assert_int_equal(world_unrecorded(w), 0);
	world_free(w);
}

/* A journal that has no room for even one record more. */
TEST(or_it_goes_on_and_counts)
{
	struct world *w = world_new(OPTIONS "journal: {on_full: go_on}");
	unsigned answers = 0;

	world_host(w, "a", answer("hello", USAGE(400, 600, 50)));
	world_ask(w, "acme/large:preferred");
	world_run_until(w, 100);
	world_fill_journal(w);
	while (world_unrecorded(w) == 0) {
		assert_true(answers < 10);
		world_ask(w, "acme/large:preferred");
		world_run_until(w, 200 + 100 * ++answers);
		assert_reply(w, 200, "hello");
	}
	assert_int_equal(world_requests(w, "a"), 1 + answers);
	assert_ledger(w, answers, COST); /* the last one has none */
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_intent_is_there_while_a_host_is_asked),
	    cmocka_unit_test(a_host_that_is_not_reached_has_no_intent),
	    cmocka_unit_test(two_hosts_are_one_row),
	    cmocka_unit_test(the_row_comes_before_the_last_byte),
	    cmocka_unit_test(a_full_journal_refuses),
	    cmocka_unit_test(what_was_let_in_is_recorded),
	    cmocka_unit_test(or_it_goes_on_and_counts),
	};

	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
