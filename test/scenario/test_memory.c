/*
 * Stories in which the n-th allocation fails, for every n: the request may fail, in an
 * orderly way; nothing crashes, nothing leaks, and the next request is answered.
 */
#include "torture.h"
#include "world.h"

#define USAGE(fresh, cached, out) ((struct tokens){fresh, cached, out})
#define OPTIONS                                                                          \
	"upstream: {first_token: 5s, idle: 10s, total: 60s, attempts: 3}\n"              \
	"route: {explore: 0%, breaker_failures: 100}"

typedef void story_fn(struct world *w);

static void
plain(struct world *w)
{
	world_host(w, "a", answer("hello", USAGE(400, 600, 50)));
	world_connect(w);
}

static void
failover(struct world *w)
{
	world_host(w, "a", fault(500, NULL, "oops"));
	world_host(w, "b", refused());
	world_host(w, "c", answer("hello", USAGE(400, 600, 50)));
	world_connect(w);
}

static void
stream(struct world *w)
{
	world_host(w, "a", cut_stream("abc", 0));
	world_host(w, "b", stream_of("hello", USAGE(400, 600, 50), 1));
	world_connect(w);
}

static void
cut(struct world *w)
{
	world_host(w, "a", cut_stream("abc", 2));
	world_connect(w);
}

static void
callers_fault(struct world *w)
{
	world_host(w, "a", fault(400, NULL, "no"));
	world_connect(w);
}

/* Tells the story once with the n-th allocation failing; false: there was none. */
static bool
tell(story_fn *story, bool as_stream, size_t n)
{
	struct world *w = world_new(OPTIONS);
	bool failed;

	story(w);
	torture_start(n, false);
	if (as_stream)
		world_ask_stream(w, "acme/large:preferred",
		    ",\"provider\":{\"sort\":\"price\",\"ignore\":[\"groq\"]}");
	else
		world_ask(w, "acme/large:preferred");
	world_run_until(w, 30000);
	failed = torture_calm();
	if (!world_ended(w))
		fail_msg("allocation %zu: the caller waits for ever", n);
	/* Nothing was broken for good. */
	world_host(w, "a", answer("well", USAGE(1, 0, 1)));
	world_connect(w);
	world_ask(w, "acme/large:preferred");
	world_run_until(w, 60000);
	assert_reply(w, 200, "");
	world_free(w);
	(void)torture_stop();
	return failed;
}

/* What is made once, and kept for as long as the process lives, is there afterwards. */
static void
warm(story_fn *story)
{
	struct world *w = world_new(OPTIONS);

	story(w);
	world_ask(w, "acme/large:preferred");
	world_run_until(w, 30000);
	world_free(w);
}

static void
tell_all(story_fn *story, bool as_stream)
{
	size_t n = 1;

	warm(story);
	while (tell(story, as_stream, n))
		n++;
	assert_true(n > 5); /* it took memory at all */
}

TEST(plain_answer)
{
	tell_all(plain, false);
}

TEST(failing_over)
{
	tell_all(failover, false);
}

TEST(a_stream_that_fails_over)
{
	tell_all(stream, true);
}

TEST(a_stream_that_is_cut)
{
	tell_all(cut, true);
}

TEST(a_fault_of_the_callers)
{
	tell_all(callers_fault, false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain_answer),
	    cmocka_unit_test(failing_over),
	    cmocka_unit_test(a_stream_that_fails_over),
	    cmocka_unit_test(a_stream_that_is_cut),
	    cmocka_unit_test(a_fault_of_the_callers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
