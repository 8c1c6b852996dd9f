#include "loop/loop.h"

#include "core/clock.h"
#include "loop/signals.h"
#include "test.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static struct loop *loop;

static int
start(void **state)
{
	(void)state;
	return loop_new(&loop) == ERR_OK ? 0 : -1;
}

static int
stop(void **state)
{
	(void)state;
	loop_drain(loop);
	loop_free(loop);
	return 0;
}

/* What happened, a letter each. */
static char story[64];

static void
tell(void *letter)
{
	size_t n = strlen(story);

	assert_true(n + 1 < sizeof(story));
	story[n] = *(const char *)letter;
	story[n + 1] = '\0';
}

static void
tell_and_stop(void *letter)
{
	tell(letter);
	loop_stop(loop);
}

static char a = 'a', b = 'b', c = 'c';

TEST(tasks_run_once_and_in_order)
{
	struct task one, two, three;

	story[0] = '\0';
	task_init(&one, tell, &a);
	task_init(&two, tell_and_stop, &b);
	task_init(&three, tell, &c);
	loop_defer(loop, &one);
	loop_defer(loop, &two);
	loop_defer(loop, &one);
	loop_defer(loop, &three);
	task_cancel(&three);
	task_cancel(&three);
	assert_string_equal(story, ""); /* not before the end of the turn */
	loop_run(loop);
	assert_string_equal(story, "ab");
}

static struct task again;

static void
put_off_another(void *arg)
{
	tell(arg);
	loop_defer(loop, &again);
}

TEST(a_task_put_off_by_a_task_runs_in_the_same_turn)
{
	struct task one;

	story[0] = '\0';
	task_init(&one, put_off_another, &a);
	task_init(&again, tell, &b);
	loop_defer(loop, &one);
	loop_stop(loop);
	loop_run(loop); /* stopped before: no turn at all */
	assert_string_equal(story, "");
	loop_drain(loop);
	assert_string_equal(story, "ab");
	loop_free(loop);
	assert_int_equal(loop_new(&loop), ERR_OK); /* for the teardown */
}

TEST(timers_fire_in_their_order)
{
	struct timer one, two;
	uint64_t from = loop_now(loop), wall = loop_unix_ms(loop);

	story[0] = '\0';
	timer_init(&one, loop_wheel(loop), tell_and_stop, &b);
	timer_init(&two, loop_wheel(loop), tell, &a);
	timer_set(&one, from + 10);
	timer_set(&two, from + 2);
	loop_run(loop);
	assert_string_equal(story, "ab");
	assert_in_range(loop_now(loop) - from, 10, 5000);
	assert_in_range(loop_unix_ms(loop) - wall, 10, 5000);
	assert_in_range(
	    loop_unix_ms(loop), clock_unix_ms() - 1000, clock_unix_ms() + 1000);
}

TEST(each_loop_has_its_own_generator)
{
	struct loop *other;
	unsigned same = 0;

	assert_int_equal(loop_new(&other), ERR_OK);
	for (unsigned i = 0; i < 10; i++)
		same += random_below(loop_random(loop), 1u << 30) ==
			random_below(loop_random(other), 1u << 30);
	assert_true(same < 10);
	loop_drain(other);
	loop_free(other);
	loop_free(NULL);
}

/* --- mail --- */

#define SENDERS 4
#define LETTERS 1000

static struct sender {
	pthread_t thread;
	unsigned id;
	struct letter {
		struct mail mail;
		unsigned number;
		struct sender *from;
	} letters[LETTERS];
	unsigned got;
} senders[SENDERS];

static unsigned got;

static void
receive(void *arg)
{
	struct letter *l = arg;

	assert_int_equal(l->number, l->from->got++);
	if (++got == SENDERS * LETTERS)
		loop_stop(loop);
}

static void *
post(void *arg)
{
	struct sender *s = arg;

	for (unsigned i = 0; i < LETTERS; i++) {
		s->letters[i].number = i;
		s->letters[i].from = s;
		s->letters[i].mail.fn = receive;
		s->letters[i].mail.arg = &s->letters[i];
		loop_post(loop, &s->letters[i].mail);
	}
	return NULL;
}

TEST(mail_of_many_threads_arrives_in_order)
{
	for (unsigned i = 0; i < SENDERS; i++)
		assert_int_equal(
		    pthread_create(&senders[i].thread, NULL, post, &senders[i]), 0);
	loop_run(loop);
	for (unsigned i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
	assert_int_equal(got, SENDERS * LETTERS);
}

TEST(mail_under_way_at_the_end_is_run)
{
	struct mail m = {.fn = tell, .arg = &a};

	story[0] = '\0';
	loop_post(loop, &m);
	loop_stop(loop);
	loop_run(loop);
	loop_drain(loop);
	assert_string_equal(story, "a");
	loop_free(loop);
	assert_int_equal(loop_new(&loop), ERR_OK);
}

TEST(mail_may_be_read_before_the_loop_runs)
{
	struct mail m = {.fn = tell, .arg = &a};

	story[0] = '\0';
	loop_read_mail(loop);
	loop_post(loop, &m);
	loop_read_mail(loop);
	assert_string_equal(story, "a");
	loop_read_mail(loop);
	assert_string_equal(story, "a");
}

TEST(signals_are_events)
{
	struct signal_watch *s = signal_start(loop, SIGUSR1, tell_and_stop, &a);
	struct signal_watch *other = signal_start(loop, SIGUSR2, tell, &b);

	story[0] = '\0';
	assert_true(s != NULL && other != NULL);
	assert_int_equal(kill(getpid(), SIGUSR1), 0);
	loop_run(loop);
	assert_string_equal(story, "a");
	assert_int_equal(kill(getpid(), SIGUSR1), 0);
	loop_run(loop); /* again, after it was stopped */
	assert_string_equal(story, "aa");
	signal_stop(s);
	signal_stop(other);
	signal_stop(NULL);
}

static void *
stop_it(void *arg)
{
	(void)usleep(2000);
	loop_stop(arg);
	return NULL;
}

TEST(any_thread_may_stop_it)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, stop_it, loop), 0);
	loop_run(loop);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(tasks_run_once_and_in_order),
	    CASE(a_task_put_off_by_a_task_runs_in_the_same_turn),
	    CASE(timers_fire_in_their_order),
	    CASE(each_loop_has_its_own_generator),
	    CASE(mail_of_many_threads_arrives_in_order),
	    CASE(mail_under_way_at_the_end_is_run),
	    CASE(mail_may_be_read_before_the_loop_runs),
	    CASE(signals_are_events),
	    CASE(any_thread_may_stop_it),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
