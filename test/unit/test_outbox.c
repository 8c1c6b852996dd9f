#include "core/outbox.h"

#include "core/clock.h"
#include "test.h"
#include "torture.h"

#include <pthread.h>
#include <unistd.h>

#define FOREVER_MS 60000 /* longer than any test waits: something else must wake it */

static struct slice
take(struct outbox *o)
{
	struct slice got;

	assert_true(outbox_take(o, FOREVER_MS, &got));
	return got;
}

static bool
put(struct outbox *o, const char *text)
{
	struct slice s = slice_str(text);

	return outbox_put(o, &s, 1);
}

static void
start(struct outbox *o, size_t max, unsigned linger_ms)
{
	assert_int_equal(outbox_init(o, max, linger_ms), ERR_OK);
}

TEST(all_records_are_taken_at_once_and_in_order)
{
	const struct slice parts[] = {S("a"), S(""), S("bc"), S("d\n")};
	struct outbox o;

	start(&o, 100, 1);
	assert_true(put(&o, "first\n"));
	assert_true(outbox_put(&o, parts, 4));
	assert_slice(take(&o), S("first\nabcd\n"));
	assert_true(put(&o, "third\n"));
	assert_slice(take(&o), S("third\n"));
	outbox_done(&o);
}

TEST(an_empty_record_is_no_failure)
{
	struct outbox o;

	start(&o, 100, 1);
	assert_true(put(&o, ""));
	assert_true(outbox_put(&o, NULL, 0));
	outbox_close(&o);
	assert_false(put(&o, ""));
	outbox_done(&o);
}

TEST(take_comes_back_empty_when_the_time_is_over)
{
	struct outbox o;
	struct slice got = S("before");

	start(&o, 100, FOREVER_MS);
	assert_true(outbox_take(&o, 1, &got));
	assert_int_equal(got.len, 0);
	outbox_done(&o);
}

TEST(a_record_that_does_not_fit_is_refused_whole)
{
	const struct slice parts[] = {S("12345"), S("678901")};
	struct outbox o;

	start(&o, 10, 1);
	assert_true(outbox_has_room(&o, 10));
	assert_false(outbox_has_room(&o, 11));
	assert_false(outbox_has_room(&o, SIZE_MAX));
	assert_false(outbox_put(&o, parts, 2));
	assert_true(put(&o, "1234"));
	assert_true(outbox_has_room(&o, 6));
	assert_false(outbox_has_room(&o, 7));
	assert_false(put(&o, "1234567"));
	assert_true(put(&o, "567890")); /* the refusal does not stick */
	assert_slice(take(&o), S("1234567890"));
	assert_true(outbox_has_room(&o, 10));
	assert_true(put(&o, "1234567890")); /* both buffers have the ceiling */
	outbox_done(&o);
}

TEST(close_lets_the_rest_be_taken)
{
	struct outbox o;
	struct slice got;

	start(&o, 100, FOREVER_MS);
	assert_true(put(&o, "last"));
	assert_false(outbox_is_closed(&o));
	outbox_close(&o);
	assert_true(outbox_is_closed(&o));
	assert_false(put(&o, "more"));
	assert_false(outbox_has_room(&o, 1));
	assert_slice(take(&o), S("last")); /* without lingering */
	assert_false(outbox_take(&o, FOREVER_MS, &got));
	assert_int_equal(got.len, 0);
	assert_false(outbox_take(&o, FOREVER_MS, &got));
	outbox_done(&o);
}

TEST(hurry_ends_the_lingering)
{
	struct outbox o;

	start(&o, 100, FOREVER_MS);
	assert_true(put(&o, "now"));
	outbox_hurry(&o);
	assert_slice(take(&o), S("now"));
	outbox_hurry(&o); /* with nothing there, take comes back empty */
	assert_int_equal(take(&o).len, 0);
	outbox_done(&o);
}

TEST(a_buffer_that_fills_up_ends_the_lingering)
{
	struct outbox o;

	start(&o, 10, FOREVER_MS);
	assert_true(put(&o, "123456"));
	assert_slice(take(&o), S("123456"));
	outbox_done(&o);
}

TEST(lingering_gathers_records)
{
	uint64_t from = clock_mono_ms();
	struct outbox o;

	start(&o, 100, 20);
	assert_true(put(&o, "a"));
	assert_slice(take(&o), S("a"));
	assert_in_range(clock_mono_ms() - from, 19, 5000);
	outbox_done(&o);
}

static void *
wake_it(void *arg)
{
	struct outbox *o = arg;

	(void)usleep(5000); /* so that, mostly, the consumer is waiting already */
	assert_true(put(o, "wake"));
	return NULL;
}

TEST(a_record_wakes_the_consumer)
{
	struct outbox o;
	pthread_t t;

	start(&o, 100, 1);
	assert_int_equal(pthread_create(&t, NULL, wake_it, &o), 0);
	assert_slice(take(&o), S("wake"));
	assert_int_equal(pthread_join(t, NULL), 0);
	outbox_done(&o);
}

#define PRODUCERS 4
#define RECORDS	  3000

struct producer {
	struct outbox *outbox;
	pthread_t thread;
	unsigned id, refused;
};

/* Puts "<id> <number>\n"; the one who is refused tries again. */
static void *
produce(void *arg)
{
	struct producer *p = arg;
	char text[32];

	for (unsigned i = 0; i < RECORDS; i++) {
		int n = snprintf(text, sizeof(text), "%u %u\n", p->id, i);
		const struct slice parts[] = {
		    slice_of(text, 2), slice_of(text + 2, (size_t)n - 2)};

		while (!outbox_put(p->outbox, parts, 2)) {
			p->refused++;
			(void)usleep(100);
		}
	}
	return NULL;
}

static void *
consume(void *arg)
{
	struct outbox *o = arg;
	static unsigned next[PRODUCERS];
	struct slice got;

	while (outbox_take(o, FOREVER_MS, &got)) {
		while (got.len > 0) {
			struct slice line = slice_cut(&got, '\n');
			uint64_t number = 0;
			unsigned id = (unsigned)(line.ptr[0] - '0');

			assert_true(id < PRODUCERS);
			assert_true(slice_u64(slice_from(line, 2), &number));
			assert_int_equal(number, next[id]++);
		}
	}
	for (unsigned i = 0; i < PRODUCERS; i++)
		assert_int_equal(next[i], RECORDS);
	return NULL;
}

TEST(many_threads_lose_and_mix_nothing)
{
	struct producer producers[PRODUCERS] = {0};
	struct outbox o;
	pthread_t consumer;

	start(&o, 2000, 1);
	assert_int_equal(pthread_create(&consumer, NULL, consume, &o), 0);
	for (unsigned i = 0; i < PRODUCERS; i++) {
		producers[i].outbox = &o;
		producers[i].id = i;
		assert_int_equal(
		    pthread_create(&producers[i].thread, NULL, produce, &producers[i]),
		    0);
	}
	for (unsigned i = 0; i < PRODUCERS; i++)
		assert_int_equal(pthread_join(producers[i].thread, NULL), 0);
	outbox_close(&o);
	assert_int_equal(pthread_join(consumer, NULL), 0);
	outbox_done(&o);
}

static enum err
put_much(void *arg)
{
	static const char record[100] = "r";
	struct slice s = slice_of(record, sizeof(record)), got;
	unsigned put_count = 0;
	struct outbox o;

	(void)arg;
	if (outbox_init(&o, 10000, 1) != ERR_OK)
		return ERR_NOMEM;
	for (unsigned i = 0; i < 50; i++)
		put_count += outbox_put(&o, &s, 1);
	outbox_close(&o);
	(void)outbox_take(&o, 0, &got);
	assert_int_equal(got.len, put_count * sizeof(record));
	outbox_done(&o);
	return put_count == 50 ? ERR_OK : ERR_NOMEM;
}

TEST(survives_torture)
{
	assert_true(torture(put_much, NULL) >= 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_records_are_taken_at_once_and_in_order),
	    cmocka_unit_test(an_empty_record_is_no_failure),
	    cmocka_unit_test(take_comes_back_empty_when_the_time_is_over),
	    cmocka_unit_test(a_record_that_does_not_fit_is_refused_whole),
	    cmocka_unit_test(close_lets_the_rest_be_taken),
	    cmocka_unit_test(hurry_ends_the_lingering),
	    cmocka_unit_test(a_buffer_that_fills_up_ends_the_lingering),
	    cmocka_unit_test(lingering_gathers_records),
	    cmocka_unit_test(a_record_wakes_the_consumer),
	    cmocka_unit_test(many_threads_lose_and_mix_nothing),
	    cmocka_unit_test(survives_torture),
	};

	return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
