#include "net/upstream.h"

#include "test.h"
#include "torture.h"

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

/* The pool against a plain listening socket of the test's own. */

static struct loop *loop;
static struct upstream_pool *pool;
static struct upstream_limits limits;
static struct host host;
static int listening;
static char loopback[] = "127.0.0.1";

static struct {
	struct upstream_wait wait;
	struct upstream *up;
	enum err why;
	unsigned calls;
} asked;

static void
on_answer(void *arg, struct upstream *up, enum err why)
{
	(void)arg;
	assert_int_equal(up == NULL, why != ERR_OK);
	asked.up = up;
	asked.why = why;
	asked.calls++;
	loop_stop(loop);
}

static void
stop_loop(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

static void
run_for(uint64_t ms)
{
	struct timer timer;

	timer_init(&timer, loop_wheel(loop), stop_loop, NULL);
	timer_set(&timer, loop_now(loop) + ms);
	loop_run(loop);
	timer_stop(&timer);
}

/* Nobody attends the connection; the callbacks must not be called. */
static void
no_data(void *arg, struct slice bytes)
{
	(void)arg;
	(void)bytes;
	fail();
}

static void
no_end(void *arg, enum err why)
{
	(void)arg;
	(void)why;
	fail();
}

static const struct stream_events quiet = {no_data, no_end, NULL};

static void
ask(void)
{
	asked.calls = 0;
	asked.wait.fn = on_answer;
	assert_int_equal(upstream_connect(pool, &host, &asked.wait), ERR_OK);
	assert_int_equal(asked.calls, 0); /* later */
}

/* A new connection that the caller attends. */
static struct upstream *
connect_one(void)
{
	ask();
	run_for(5000);
	assert_int_equal(asked.calls, 1);
	assert_int_equal(asked.why, ERR_OK);
	stream_attend(upstream_stream(asked.up), &quiet, NULL);
	return asked.up;
}

static int
start(void **state)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);

	(void)state;
	listening = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(listening, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(listening, 16), 0);
	assert_int_equal(getsockname(listening, (struct sockaddr *)&at, &len), 0);
	host = (struct host){loopback, ntohs(at.sin_port), NULL};
	limits = (struct upstream_limits){2000, 2000, 10000, 2};
	assert_int_equal(loop_new(&loop), ERR_OK);
	pool = upstream_pool_new(loop, &limits);
	return pool == NULL;
}

static int
stop(void **state)
{
	(void)state;
	upstream_pool_free(pool);
	loop_drain(loop);
	loop_free(loop);
	return close(listening);
}

TEST(a_connection_is_made_and_used_again)
{
	struct upstream *up;

	assert_null(upstream_take(pool, &host));
	up = connect_one();
	assert_false(upstream_is_reused(up));
	upstream_give(up);
	assert_int_equal(upstream_idle_count(pool), 1);
	assert_ptr_equal(upstream_take(pool, &host), up);
	assert_true(upstream_is_reused(up));
	assert_int_equal(upstream_idle_count(pool), 0);
	assert_null(upstream_take(pool, &host));
	upstream_drop(up);
}

TEST(hosts_do_not_share_connections)
{
	struct host other_port = host, other_name = host;
	char name[] = "127.0.0.2";

	other_port.port = (uint16_t)(host.port ^ 1);
	other_name.name = name;
	upstream_give(connect_one());
	assert_null(upstream_take(pool, &other_port));
	assert_null(upstream_take(pool, &other_name));
	assert_int_equal(upstream_idle_count(pool), 1);
}

TEST(the_newest_comes_first_and_only_so_many_are_kept)
{
	struct upstream *a = connect_one(), *b = connect_one(), *c = connect_one();

	upstream_give(a);
	upstream_give(b);
	upstream_give(c); /* one too many: closed */
	assert_int_equal(upstream_idle_count(pool), 2);
	assert_ptr_equal(upstream_take(pool, &host), b);
	assert_ptr_equal(upstream_take(pool, &host), a);
	upstream_drop(a);
	upstream_drop(b);
}

TEST(idle_ones_are_closed_in_time)
{
	limits.idle_ms = 20;
	upstream_give(connect_one());
	assert_int_equal(upstream_idle_count(pool), 1);
	run_for(60);
	assert_int_equal(upstream_idle_count(pool), 0);
	limits.idle_ms = 0;
	upstream_give(connect_one()); /* not kept at all */
	assert_int_equal(upstream_idle_count(pool), 0);
}

TEST(one_in_use_is_not_closed_by_its_idle_time)
{
	struct upstream *up;

	limits.idle_ms = 20;
	up = connect_one();
	upstream_give(up);
	assert_ptr_equal(upstream_take(pool, &host), up);
	stream_attend(upstream_stream(up), &quiet, NULL);
	run_for(60);
	limits.idle_ms = 10000;
	upstream_give(up);
	assert_int_equal(upstream_idle_count(pool), 1);
}

TEST(one_that_the_host_closes_or_talks_on_is_dropped)
{
	struct upstream *up = connect_one();
	int theirs = accept(listening, NULL, NULL);

	upstream_give(up);
	assert_int_equal(close(theirs), 0);
	run_for(20);
	assert_int_equal(upstream_idle_count(pool), 0);
	up = connect_one();
	theirs = accept(listening, NULL, NULL);
	upstream_give(up);
	assert_int_equal(write(theirs, "x", 1), 1);
	run_for(20);
	assert_int_equal(upstream_idle_count(pool), 0);
	assert_int_equal(close(theirs), 0);
}

TEST(a_refusal_says_why)
{
	int other = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);

	/* Bound but not listening: nobody else gets the port. */
	assert_int_equal(bind(other, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(other, (struct sockaddr *)&at, &len), 0);
	host.port = ntohs(at.sin_port);
	ask();
	run_for(5000);
	assert_int_equal(asked.calls, 1);
	assert_int_equal(asked.why, ERR_CONNECT);
	assert_non_null(strstr(asked.wait.why, "connect to 127.0.0.1"));
	assert_non_null(strstr(asked.wait.why, "refused"));
	assert_int_equal(close(other), 0);
}

TEST(a_name_that_is_none_says_so)
{
	char name[] = "no-such-host.invalid";

	host.name = name;
	limits.connect_ms = 3000;
	ask();
	run_for(5000);
	assert_int_equal(asked.calls, 1);
	/* Where no resolver answers at all, the time is over. */
	assert_true(asked.why == ERR_DNS || asked.why == ERR_CONNECT_TIMEOUT);
	assert_non_null(strstr(asked.wait.why, name));
}

TEST(a_name_is_resolved)
{
	char name[] = "localhost";

	host.name = name;
	upstream_give(connect_one());
	upstream_drop(connect_one()); /* now it is known at once */
	assert_int_equal(upstream_idle_count(pool), 1);
}

TEST(what_is_cancelled_is_not_answered)
{
	char name[] = "localhost";

	ask();
	upstream_cancel(&asked.wait);
	run_for(20);
	assert_int_equal(asked.calls, 0);
	host.name = name; /* while it is being resolved */
	ask();
	upstream_cancel(&asked.wait);
	upstream_cancel(&asked.wait);
	run_for(100);
	assert_int_equal(asked.calls, 0);
}

TEST(a_host_that_does_not_answer_times_out)
{
	char name[] = "192.0.2.1"; /* TEST-NET-1, RFC 5737 */

	host.name = name;
	limits.connect_ms = 50;
	ask();
	run_for(5000);
	assert_int_equal(asked.calls, 1);
	/* Where there is no network at all, the kernel says so at once. */
	assert_true(asked.why == ERR_CONNECT_TIMEOUT || asked.why == ERR_CONNECT);
}

static enum err
connect_and_give(void *arg)
{
	enum err e = ERR_NOMEM;
	struct upstream_pool *p = upstream_pool_new(loop, &limits);

	(void)arg;
	asked.calls = 0;
	asked.wait.fn = on_answer;
	if (p != NULL)
		e = upstream_connect(p, &host, &asked.wait);
	if (e == ERR_OK) {
		run_for(5000);
		assert_int_equal(asked.calls, 1);
		/* No memory on the way looks like any failure of this host. */
		e = asked.why == ERR_CONNECT ? ERR_NOMEM : asked.why;
		if (asked.up != NULL)
			upstream_give(asked.up);
	}
	upstream_pool_free(p);
	run_for(1); /* closed handles are freed in the next turn */
	return e;
}

TEST(survives_torture)
{
	assert_true(torture(connect_and_give, NULL) >= 5);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(a_connection_is_made_and_used_again),
	    CASE(hosts_do_not_share_connections),
	    CASE(the_newest_comes_first_and_only_so_many_are_kept),
	    CASE(idle_ones_are_closed_in_time),
	    CASE(one_in_use_is_not_closed_by_its_idle_time),
	    CASE(one_that_the_host_closes_or_talks_on_is_dropped),
	    CASE(a_refusal_says_why),
	    CASE(a_name_that_is_none_says_so),
	    CASE(a_name_is_resolved),
	    CASE(what_is_cancelled_is_not_answered),
	    CASE(a_host_that_does_not_answer_times_out),
	    CASE(survives_torture),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("upstream", tests, NULL, NULL);
}
