#include "core/log.h"

#include "core/random.h"
#include "test.h"
#include "json/tape.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* A file without a name to log into; read_file() gives what is in it. */
static int
open_file(void)
{
	char name[] = "/tmp/weir-test-log-XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	assert_int_equal(unlink(name), 0);
	return fd;
}

static struct slice
read_file(int fd, char *to, size_t cap)
{
	ssize_t n = pread(fd, to, cap, 0);

	assert_in_range(n, 0, cap - 1);
	to[n] = '\0';
	assert_int_equal(close(fd), 0);
	return slice_of(to, (size_t)n);
}

TEST(levels_hold_back_what_is_below)
{
	char text[1000];
	struct slice got;
	int fd = open_file();

	log_setup(LOG_WARN, LOG_TEXT);
	assert_true(log_wants(LOG_ERROR));
	assert_true(log_wants(LOG_WARN));
	assert_false(log_wants(LOG_INFO));
	assert_int_equal(log_start(fd), ERR_OK);
	log_event(LOG_INFO, "no");
	log_event(LOG_WARN, "yes %d", 1);
	log_setup(LOG_DEBUG, LOG_TEXT);
	log_event(LOG_DEBUG, "yes %d", 2);
	log_stop();
	got = read_file(fd, text, sizeof(text));
	/* "2026-01-31T23:59:59.123Z warn yes 1\n" and the other line */
	assert_int_equal(got.ptr[24], ' ');
	assert_slice(slice_from(slice_cut(&got, '\n'), 25), S("warn yes 1"));
	assert_slice(slice_from(slice_cut(&got, '\n'), 25), S("debug yes 2"));
	assert_int_equal(got.len, 0);
}

TEST(a_line_stays_one_line)
{
	char text[3000], message[1500];
	struct slice got, line;
	int fd = open_file();

	memset(message, 'm', sizeof(message));
	message[sizeof(message) - 1] = '\0';
	log_setup(LOG_INFO, LOG_TEXT);
	assert_int_equal(log_start(fd), ERR_OK);
	log_event(LOG_INFO, "%s", "a\nb\r\tc\x1b[0m\x7f\"\\");
	log_event(LOG_INFO, "%s", message); /* is cut */
	log_line(S("whole line\n"));
	log_stop();
	got = read_file(fd, text, sizeof(text));
	assert_slice(slice_from(slice_cut(&got, '\n'), 25), S("info a b  c [0m \"\\"));
	line = slice_cut(&got, '\n');
	assert_in_range(line.len, 900, 1100);
	assert_slice(slice_cut(&got, '\n'), S("whole line"));
	assert_int_equal(got.len, 0);
}

/* Each line must be JSON, whatever bytes the message brings. */
static void
check_json_lines(struct slice got, unsigned lines)
{
	struct json j;

	json_init(&j, 100);
	for (; lines > 0; lines--) {
		struct slice line = slice_cut(&got, '\n');

		if (json_parse(&j, line, JSON_KEEP_ALL) != ERR_OK)
			fail_msg("%s at %zu: %.*s", j.why, j.error_at, SLICE_ARGS(line));
		assert_true(json_is(&j, json_get(&j, 0, S("time")), JSON_STRING));
		assert_true(json_equals(&j, json_get(&j, 0, S("level")), S("info")));
		assert_true(json_is(&j, json_get(&j, 0, S("message")), JSON_STRING));
	}
	assert_int_equal(got.len, 0);
	json_free(&j);
}

TEST(json_lines_are_json)
{
	char text[2000];
	int fd = open_file();

	log_setup(LOG_INFO, LOG_JSON);
	assert_int_equal(log_format_now(), LOG_JSON);
	assert_int_equal(log_start(fd), ERR_OK);
	log_event(LOG_INFO, "%s", "plain");
	log_event(LOG_INFO, "%s", "a\nb\r\t\"c\"\\d\x01\x7f");
	log_event(LOG_INFO, "%s", "gr\xc3\xbc\xc3\x9f");
	log_stop();
	check_json_lines(read_file(fd, text, sizeof(text)), 3);
}

TEST(json_lines_are_utf8)
{
	char text[8000], message[1003];
	int fd = open_file();

	log_setup(LOG_INFO, LOG_JSON);
	assert_int_equal(log_start(fd), ERR_OK);
	log_event(LOG_INFO, "%s", "\xff\xc3(\xed\xa0\x80\xe2\x82");
	for (unsigned shift = 0; shift < 3; shift++) { /* one of them is cut inside */
		memset(message, 'm', shift);
		for (unsigned i = shift; i + 3 < sizeof(message); i += 3)
			memcpy(message + i, "\xe2\x82\xac", 4);
		log_event(LOG_INFO, "%s", message);
	}
	log_stop();
	check_json_lines(read_file(fd, text, sizeof(text)), 4);
}

TEST(without_a_thread_lines_go_to_stderr)
{
	char text[200];
	int fd = open_file(), saved = dup(2);

	log_setup(LOG_INFO, LOG_TEXT);
	assert_int_equal(dup2(fd, 2), 2);
	log_event(LOG_INFO, "early");
	assert_int_equal(log_start(open_file()), ERR_OK);
	log_event(LOG_INFO, "elsewhere");
	log_stop();
	log_stop(); /* once more does nothing */
	log_line(S("late\n"));
	assert_int_equal(dup2(saved, 2), 2);
	assert_int_equal(close(saved), 0);
	assert_slice(
	    slice_from(read_file(fd, text, sizeof(text)), 25), S("info early\nlate\n"));
}

static void *
read_to_end(void *arg)
{
	char bytes[65536];
	size_t *total = arg;
	ssize_t n;

	while ((n = read((int)*total, bytes, sizeof(bytes))) > 0)
		*(total + 1) += (size_t)n;
	return NULL;
}

TEST(a_reader_that_sleeps_costs_lines_not_time)
{
	char line[1000];
	size_t reader[2] = {0, 0}; /* its descriptor, the bytes it got */
	uint64_t before = log_dropped(), put = 0;
	pthread_t thread;
	int pipes[2];

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	assert_int_equal(pipe(pipes), 0);
	log_setup(LOG_INFO, LOG_TEXT);
	assert_int_equal(log_start(pipes[1]), ERR_OK);
	for (; log_dropped() - before < 100; put++)
		log_line(slice_of(line, sizeof(line)));
	reader[0] = (size_t)pipes[0];
	assert_int_equal(pthread_create(&thread, NULL, read_to_end, reader), 0);
	log_stop();
	assert_int_equal(close(pipes[1]), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(reader[1], (put - (log_dropped() - before)) * sizeof(line));
	assert_in_range(put, 1000, 10000); /* about a megabyte was held */
	assert_int_equal(close(pipes[0]), 0);
}

static void *
talk(void *arg)
{
	for (unsigned i = 0; i < 200; i++)
		log_event(LOG_INFO, "thread %u line %u", *(unsigned *)arg, i);
	return NULL;
}

TEST(threads_do_not_mix_their_lines)
{
	static char text[100000];
	unsigned ids[4] = {0, 1, 2, 3}, next[4] = {0};
	pthread_t threads[4];
	struct slice got;
	int fd = open_file();

	log_setup(LOG_INFO, LOG_TEXT);
	assert_int_equal(log_start(fd), ERR_OK);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, talk, &ids[i]), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	log_stop();
	got = read_file(fd, text, sizeof(text));
	while (got.len > 0) {
		struct slice line = slice_from(slice_cut(&got, '\n'), 25);
		char want[40];
		unsigned id = (unsigned)(line.ptr[12] - '0');

		assert_true(id < 4);
		(void)snprintf(
		    want, sizeof(want), "info thread %u line %u", id, next[id]++);
		assert_slice(line, slice_str(want));
	}
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(next[i], 200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(levels_hold_back_what_is_below),
	    cmocka_unit_test(a_line_stays_one_line),
	    cmocka_unit_test(json_lines_are_json),
	    cmocka_unit_test(json_lines_are_utf8),
	    cmocka_unit_test(without_a_thread_lines_go_to_stderr),
	    cmocka_unit_test(a_reader_that_sleeps_costs_lines_not_time),
	    cmocka_unit_test(threads_do_not_mix_their_lines),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
