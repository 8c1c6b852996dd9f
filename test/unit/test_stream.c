#include "net/stream.h"

#include "net/listener.h"
#include "net/stream_uv.h"
#include "test.h"

#include <sys/socket.h>
#include <unistd.h>

/*
 * Real sockets on the loopback: one side is the stream under test, the other a
 * plain blocking socket of the test's own.
 */

static struct loop *loop;
static struct listener *listener;
static struct stream *stream;
static int peer;

static void
on_client(void *arg, struct stream *s, const struct address *from)
{
	(void)arg;
	assert_true(address_is_loopback(from));
	stream = s;
	loop_stop(loop);
}

static int
start(void **state)
{
	struct address at;
	char why[128];

	(void)state;
	assert_int_equal(loop_new(&loop), ERR_OK);
	assert_int_equal(address_parse(S("127.0.0.1:0"), &at), ERR_OK);
	assert_int_equal(
	    listener_open(loop, &at, on_client, NULL, &listener, why), ERR_OK);
	at = listener_address(listener);
	peer = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(peer, &at.sa.any, address_len(&at)), 0);
	loop_run(loop);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	listener_close(listener);
	loop_drain(loop);
	loop_free(loop);
	return close(peer);
}

TEST(a_silent_peer_does_not_hold_up_the_end)
{
	stream_finish(stream); /* and the peer neither reads nor closes */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(a_silent_peer_does_not_hold_up_the_end),
	};

	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
