#include "net/stream.h"

#include "net/listener.h"
#include "net/stream_uv.h"
#include "test.h"
#include "torture.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Real sockets on the loopback: one side is the stream under test, the other a
 * plain socket of the test's own, `peer`.
 */

static struct loop *loop;
static struct listener *listener;
static struct stream *stream;
static int peer;
static bool silent; /* the peer does not close before the loop has ended */

/* What the stream told since the last run. */
static struct {
	char data[1000];
	size_t bytes;
	unsigned ends, drains;
	enum err why;
	bool close_on_data;
} told;

static void
on_data(void *arg, struct slice bytes)
{
	(void)arg;
	for (size_t i = 0; i < bytes.len; i++, told.bytes++)
		if (told.bytes < sizeof(told.data))
			told.data[told.bytes] = bytes.ptr[i];
	if (told.close_on_data) {
		stream_close(stream);
		stream = NULL;
	}
	loop_stop(loop);
}

static void
on_end(void *arg, enum err why)
{
	(void)arg;
	told.ends++;
	told.why = why;
	loop_stop(loop);
}

static void
on_drain(void *arg)
{
	(void)arg;
	told.drains++;
	loop_stop(loop);
}

static const struct stream_events events = {on_data, on_end, on_drain};

static void
stop_loop(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

/* Runs the loop until something is told, or for some ms. */
static void
run_for(uint64_t ms)
{
	struct timer timer;

	timer_init(&timer, loop_wheel(loop), stop_loop, NULL);
	timer_set(&timer, loop_now(loop) + ms);
	loop_run(loop);
	timer_stop(&timer);
}

static void
on_client(void *arg, struct stream *s, const struct address *from)
{
	(void)arg;
	assert_true(address_is_loopback(from));
	assert_ptr_equal(stream_loop(s), loop);
	stream = s;
	loop_stop(loop);
}

static int
start(void **state)
{
	struct address at;
	char why[128];

	(void)state;
	memset(&told, 0, sizeof(told));
	silent = false;
	assert_int_equal(loop_new(&loop), ERR_OK);
	assert_int_equal(address_parse(S("127.0.0.1:0"), &at), ERR_OK);
	assert_int_equal(
	    listener_open(loop, &at, on_client, NULL, &listener, why), ERR_OK);
	at = listener_address(listener);
	peer = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(peer, &at.sa.any, address_len(&at)), 0);
	loop_run(loop);
	stream_attend(stream, &events, NULL);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	if (stream != NULL)
		stream_close(stream);
	listener_close(listener);
	if (peer >= 0 && !silent)
		(void)close(peer);
	loop_drain(loop);
	loop_free(loop);
	return silent ? close(peer) : 0;
}

static void
peer_sends(const char *text)
{
	assert_int_equal(write(peer, text, strlen(text)), strlen(text));
}

static enum err
send_text(struct slice text)
{
	return stream_write(stream, &text, 1);
}

TEST(bytes_come_in)
{
	peer_sends("hello");
	assert_int_equal(told.bytes, 0); /* not before the loop runs */
	run_for(5000);
	assert_slice(slice_of(told.data, told.bytes), S("hello"));
	assert_int_equal(told.ends, 0);
}

TEST(parts_go_out_in_order)
{
	const struct slice parts[] = {
	    S("he"), S(""), S("llo"), slice_of(NULL, 0), S("!")};
	char got[10];

	assert_int_equal(stream_write(stream, parts, 5), ERR_OK);
	assert_int_equal(stream_write(stream, parts, 0), ERR_OK);
	assert_int_equal(stream_queued(stream), 0);
	assert_int_equal(recv(peer, got, 6, MSG_WAITALL), 6);
	assert_memory_equal(got, "hello!", 6);
}

TEST(a_paused_stream_reads_nothing)
{
	stream_pause(stream);
	peer_sends("later");
	run_for(20);
	assert_int_equal(told.bytes, 0);
	stream_resume(stream);
	run_for(5000);
	assert_slice(slice_of(told.data, told.bytes), S("later"));
}

TEST(the_peers_end_is_told_once)
{
	assert_int_equal(shutdown(peer, SHUT_WR), 0);
	run_for(5000);
	assert_int_equal(told.ends, 1);
	assert_int_equal(told.why, ERR_EOF);
	run_for(20);
	assert_int_equal(told.ends, 1);
	assert_int_equal(send_text(S("still")), ERR_OK); /* one side may go on */
}

TEST(a_reset_is_told)
{
	struct linger now = {1, 0};

	assert_int_equal(setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	assert_int_equal(close(peer), 0);
	peer = -1;
	run_for(5000);
	assert_int_equal(told.ends, 1);
	assert_int_equal(told.why, ERR_RESET);
	assert_int_equal(send_text(S("x")), ERR_RESET);
}

TEST(a_stream_may_be_closed_by_its_own_data)
{
	told.close_on_data = true;
	peer_sends("hello");
	run_for(5000);
	assert_int_equal(told.bytes, 5);
	run_for(20);
	assert_int_equal(told.ends, 0); /* and then says nothing more */
}

/* Writes until the kernel takes no more; returns how much that was. */
static size_t
write_until_queued(char *block, size_t len)
{
	size_t total = 0;

	while (stream_queued(stream) == 0) {
		memset(block, (int)('a' + (total / len) % 26), len);
		assert_int_equal(send_text(slice_of(block, len)), ERR_OK);
		total += len;
	}
	memset(block, 'X', len); /* what is queued is a copy */
	return total;
}

/* Reads `total` bytes at the peer's side while the loop runs; they are checked. */
static void
read_all(size_t total, size_t block)
{
	char bytes[65536];

	for (size_t at = 0; at < total;) {
		ssize_t n = recv(peer, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (n < 0)
			run_for(1);
		for (ssize_t i = 0; i < n; i++, at++)
			assert_int_equal(bytes[i], 'a' + (at / block) % 26);
	}
}

TEST(what_the_kernel_does_not_take_is_queued)
{
	static char block[100000];
	size_t total = write_until_queued(block, sizeof(block));

	assert_int_equal(told.drains, 0);
	read_all(total, sizeof(block));
	while (told.drains == 0)
		run_for(5000);
	assert_int_equal(stream_queued(stream), 0);
	assert_int_equal(told.drains, 1);
	assert_int_equal(told.ends, 0);
}

TEST(the_peer_may_go_while_bytes_are_queued)
{
	static char block[100000];

	(void)write_until_queued(block, sizeof(block));
	assert_int_equal(send_text(S("more")), ERR_OK);
	assert_int_equal(send_text(S("and more")), ERR_OK);
	assert_int_equal(close(peer), 0);
	peer = -1;
	for (unsigned i = 0; i < 5; i++)
		run_for(20);
	assert_int_equal(told.ends, 1); /* however many writes failed */
	assert_int_equal(told.why, ERR_RESET);
	assert_int_equal(told.drains, 0);
}

TEST(finish_sends_what_is_queued)
{
	static char block[100000];
	size_t total = write_until_queued(block, sizeof(block));
	char byte;

	stream_finish(stream);
	stream = NULL;
	read_all(total, sizeof(block));
	while (recv(peer, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN)
		run_for(5);
	assert_int_equal(recv(peer, &byte, 1, 0), 0); /* the end */
	assert_int_equal(told.drains + told.ends, 0);
}

/* The peer goes on talking: our last words must not be lost by a reset. */
TEST(finish_lets_the_peer_read_our_last_words)
{
	char got[10];

	peer_sends("some request");
	assert_int_equal(send_text(S("goodbye")), ERR_OK);
	stream_finish(stream);
	stream = NULL;
	for (unsigned i = 0; i < 5; i++) {
		peer_sends("more and more");
		run_for(5);
	}
	assert_int_equal(recv(peer, got, 7, MSG_WAITALL), 7);
	assert_memory_equal(got, "goodbye", 7);
	assert_int_equal(recv(peer, got, 1, 0), 0);
	assert_int_equal(told.bytes, 0);
}

TEST(a_silent_peer_does_not_hold_up_the_end)
{
	silent = true;
	stream_finish(stream);
	stream = NULL;
}

TEST(another_owner_may_take_over)
{
	static const struct stream_events none = {NULL, NULL, NULL};

	stream_attend(stream, &none, NULL);
	stream_attend(stream, &events, NULL);
	peer_sends("x");
	run_for(5000);
	assert_int_equal(told.bytes, 1);
}

TEST(no_memory_to_queue_is_told)
{
	static char block[100000];
	enum err e;

	(void)write_until_queued(block, sizeof(block));
	torture_start(1, true);
	e = send_text(slice_of(block, sizeof(block)));
	assert_true(torture_stop());
	assert_int_equal(e, ERR_NOMEM);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(bytes_come_in),
	    CASE(parts_go_out_in_order),
	    CASE(a_paused_stream_reads_nothing),
	    CASE(the_peers_end_is_told_once),
	    CASE(a_reset_is_told),
	    CASE(a_stream_may_be_closed_by_its_own_data),
	    CASE(what_the_kernel_does_not_take_is_queued),
	    CASE(the_peer_may_go_while_bytes_are_queued),
	    CASE(finish_sends_what_is_queued),
	    CASE(finish_lets_the_peer_read_our_last_words),
	    CASE(a_silent_peer_does_not_hold_up_the_end),
	    CASE(another_owner_may_take_over),
	    CASE(no_memory_to_queue_is_told),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
