#include "loop/wheel.h"

#include "core/random.h"
#include "test.h"

#include <stdbool.h>

/* --- single cases --- */

struct alarm {
	struct timer timer;
	struct wheel *wheel;
	unsigned fired;
	uint64_t fired_ms;
	bool again; /* sets itself for one ms later, once */
};

static void
ring(void *arg)
{
	struct alarm *a = arg;

	assert_false(timer_is_set(&a->timer));
	a->fired++;
	a->fired_ms = a->wheel->now_ms;
	if (a->again)
		timer_set(&a->timer, a->wheel->now_ms + 1);
	a->again = false;
}

static void
make(struct alarm *a, struct wheel *w)
{
	*a = (struct alarm){.wheel = w};
	timer_init(&a->timer, w, ring, a);
}

TEST(fires_at_its_deadline_and_not_before)
{
	static const uint64_t spans[] = {1, 2, 63, 64, 65, 100, 4095, 4096, 4097, 262143,
	    262144, 16777215, 16777216, 1u << 30, (1u << 30) + 1, 100u << 26};
	static const uint64_t starts[] = {0, 1, 63, 64, 4095, 123456789, 1u << 30};

	for (size_t s = 0; s < COUNT(starts); s++) {
		for (size_t i = 0; i < COUNT(spans); i++) {
			struct wheel w;
			struct alarm a;

			wheel_init(&w, starts[s]);
			make(&a, &w);
			timer_set(&a.timer, starts[s] + spans[i]);
			assert_true(timer_is_set(&a.timer));
			wheel_advance(&w, starts[s] + spans[i] - 1);
			assert_int_equal(a.fired, 0);
			wheel_advance(&w, starts[s] + spans[i]);
			assert_int_equal(a.fired, 1);
			assert_false(timer_is_set(&a.timer));
			assert_true(wheel_next(&w) == WHEEL_NEVER);
		}
	}
}

TEST(the_past_fires_at_the_next_advance)
{
	struct wheel w;
	struct alarm a;

	wheel_init(&w, 1000);
	make(&a, &w);
	timer_set(&a.timer, 10);
	assert_int_equal(a.fired, 0);
	wheel_advance(&w, 1001);
	assert_int_equal(a.fired, 1);
	timer_set(&a.timer, w.now_ms);
	wheel_advance(&w, 5000);
	assert_int_equal(a.fired, 2);
}

TEST(moves_later_and_earlier)
{
	struct wheel w;
	struct alarm a;

	wheel_init(&w, 0);
	make(&a, &w);
	timer_set(&a.timer, 100);
	timer_set(&a.timer, 5000);
	wheel_advance(&w, 4999);
	assert_int_equal(a.fired, 0);
	timer_set(&a.timer, 9000);
	timer_set(&a.timer, 5500);
	wheel_advance(&w, 5499);
	assert_int_equal(a.fired, 0);
	wheel_advance(&w, 5500);
	assert_int_equal(a.fired, 1);
	assert_int_equal(a.fired_ms, 5500);
}

TEST(stopped_ones_are_silent)
{
	struct wheel w;
	struct alarm a;

	wheel_init(&w, 0);
	make(&a, &w);
	timer_stop(&a.timer); /* legal when it is not set */
	timer_set(&a.timer, 10);
	timer_stop(&a.timer);
	assert_false(timer_is_set(&a.timer));
	assert_true(wheel_next(&w) == WHEEL_NEVER);
	wheel_advance(&w, 100);
	assert_int_equal(a.fired, 0);
	timer_set(&a.timer, 200); /* and may be set again */
	wheel_advance(&w, 200);
	assert_int_equal(a.fired, 1);
}

TEST(a_callback_may_set_its_own_timer)
{
	struct wheel w;
	struct alarm a;

	wheel_init(&w, 0);
	make(&a, &w);
	a.again = true;
	timer_set(&a.timer, 10);
	wheel_advance(&w, 10);
	assert_int_equal(a.fired, 1);
	assert_true(timer_is_set(&a.timer));
	wheel_advance(&w, 11);
	assert_int_equal(a.fired, 2);
}

struct stopper {
	struct timer timer;
	struct timer *victims[2];
};

static void
stop_both(void *arg)
{
	struct stopper *s = arg;

	timer_stop(s->victims[0]);
	timer_stop(s->victims[1]);
}

TEST(a_callback_may_stop_others_of_the_same_moment)
{
	struct wheel w;
	struct alarm a, b, c;
	struct stopper s;

	wheel_init(&w, 0);
	make(&a, &w);
	make(&b, &w);
	make(&c, &w);
	timer_init(&s.timer, &w, stop_both, &s);
	s.victims[0] = &b.timer;
	s.victims[1] = &a.timer;
	timer_set(&a.timer, 10);
	timer_set(&s.timer, 10);
	timer_set(&b.timer, 10);
	timer_set(&c.timer, 10);
	wheel_advance(&w, 10);
	assert_int_equal(a.fired, 1); /* it was first */
	assert_int_equal(b.fired, 0);
	assert_int_equal(c.fired, 1);
	assert_true(wheel_next(&w) == WHEEL_NEVER);
}

TEST(a_clock_that_stands_or_goes_back_does_nothing)
{
	struct wheel w;
	struct alarm a;

	wheel_init(&w, 1000);
	make(&a, &w);
	timer_set(&a.timer, 1010);
	wheel_advance(&w, 1005);
	wheel_advance(&w, 1005);
	wheel_advance(&w, 900);
	assert_int_equal(w.now_ms, 1005);
	assert_int_equal(a.fired, 0);
	wheel_advance(&w, 1010);
	assert_int_equal(a.fired, 1);
}

/* --- against a list of deadlines --- */

#define TIMERS 60

static struct world {
	struct wheel wheel;
	struct random random;
	struct naive {
		struct timer timer;
		uint64_t due; /* WHEEL_NEVER: not set */
	} timers[TIMERS];
	uint64_t last_fired;
	unsigned fired;
	bool firing; /* a callback runs */
} world;

/* A span from some ms to some weeks, all magnitudes equally likely. */
static uint64_t
some_span(void)
{
	uint64_t max = (uint64_t)1 << random_below(&world.random, 33);

	return random_below(&world.random, max + 1);
}

static void
set_or_stop_one(void)
{
	struct naive *n = &world.timers[random_below(&world.random, TIMERS)];
	uint64_t now = world.wheel.now_ms, deadline;

	if (random_below(&world.random, 4) == 0) {
		timer_stop(&n->timer);
		n->due = WHEEL_NEVER;
		return;
	}
	deadline = now + some_span();
	if (random_below(&world.random, 8) == 0)
		deadline = random_below(&world.random, now + 1);
	/* One that is about to fire at this very moment still does: no news. */
	if (deadline == now && world.firing)
		deadline++;
	timer_set(&n->timer, deadline);
	n->due = deadline > now ? deadline : now + 1;
}

static void
on_naive(void *arg)
{
	struct naive *n = arg;

	assert_false(timer_is_set(&n->timer));
	assert_true(n->due == world.wheel.now_ms);
	assert_true(n->due >= world.last_fired);
	world.last_fired = n->due;
	world.fired++;
	n->due = WHEEL_NEVER;
	world.firing = true;
	for (uint64_t i = random_below(&world.random, 3); i > 0; i--)
		set_or_stop_one();
	world.firing = false;
}

static uint64_t
earliest(void)
{
	uint64_t min = WHEEL_NEVER;

	for (unsigned i = 0; i < TIMERS; i++) {
		assert_int_equal(timer_is_set(&world.timers[i].timer),
		    world.timers[i].due != WHEEL_NEVER);
		if (world.timers[i].due < min)
			min = world.timers[i].due;
	}
	return min;
}

static void
check_next(void)
{
	uint64_t min = earliest(), next = wheel_next(&world.wheel);

	assert_true(next <= min);
	assert_true(next > world.wheel.now_ms);
	assert_int_equal(next == WHEEL_NEVER, min == WHEEL_NEVER);
}

static void
advance_some(void)
{
	uint64_t min = earliest(), to = world.wheel.now_ms + some_span();

	/* Often just to, or just before, the first deadline. */
	if (min != WHEEL_NEVER && random_below(&world.random, 2) == 0)
		to = min - random_below(&world.random, 2);
	wheel_advance(&world.wheel, to);
	assert_true(world.wheel.now_ms == to);
	assert_true(earliest() > to);
}

TEST(agrees_with_a_list_of_deadlines)
{
	for (unsigned seed = 0; seed < 20; seed++) {
		random_seed(&world.random, seed);
		world.last_fired = 0;
		wheel_init(&world.wheel, some_span());
		for (unsigned i = 0; i < TIMERS; i++) {
			timer_init(&world.timers[i].timer, &world.wheel, on_naive,
			    &world.timers[i]);
			world.timers[i].due = WHEEL_NEVER;
		}
		for (unsigned i = 0; i < 2000; i++) {
			for (uint64_t n = random_below(&world.random, 10); n > 0; n--)
				set_or_stop_one();
			check_next();
			advance_some();
			check_next();
		}
	}
	assert_true(world.fired > 10000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fires_at_its_deadline_and_not_before),
	    cmocka_unit_test(the_past_fires_at_the_next_advance),
	    cmocka_unit_test(moves_later_and_earlier),
	    cmocka_unit_test(stopped_ones_are_silent),
	    cmocka_unit_test(a_callback_may_set_its_own_timer),
	    cmocka_unit_test(a_callback_may_stop_others_of_the_same_moment),
	    cmocka_unit_test(a_clock_that_stands_or_goes_back_does_nothing),
	    cmocka_unit_test(agrees_with_a_list_of_deadlines),
	};

	return cmocka_run_group_tests_name("wheel", tests, NULL, NULL);
}
