/* Engines start, are watched, and end. */
#include "engine_world.h"

/* --- starting --- */

TEST(starts_on_first_use_and_is_shared)
{
	struct world *w = *state;
	struct user a, b, c;
	int pid;

	assert_int_equal(starts(w, "tiny", &pid), 0);
	begin(w, &a, "tiny");
	begin(w, &b, "tiny");
	assert_int_equal(outcome(w, &a), ERR_OK);
	assert_int_equal(outcome(w, &b), ERR_OK);
	use(w, &c, "tiny");
	assert_int_equal(starts(w, "tiny", &pid), 1);
	assert_true(is_alive(pid));
	assert_int_equal(a.use.host.port, b.use.host.port);
	assert_string_equal(a.use.key, b.use.key);
	assert_int_equal(strlen(a.use.key), 40);
	assert_int_equal(get(&a, "/x", a.use.key), 200);
	assert_int_equal(get(&b, "/x", "wrong"), 401);
	engine_use_stop(&a.use);
	engine_use_stop(&b.use);
	assert_int_equal(get(&c, "/x", c.use.key), 200);
	engine_use_stop(&c.use);
}

TEST(ends_in_a_session_of_its_own)
{
	struct world *w = *state;
	struct user u;
	int pid = 0;

	use(w, &u, "tiny");
	(void)starts(w, "tiny", &pid);
	assert_int_equal(getsid(pid), pid);
	assert_int_equal(getpgid(pid), pid);
	engine_use_stop(&u.use);
}

TEST(a_killed_engine_is_started_again_on_the_next_use)
{
	struct world *w = *state;
	struct user u, v;
	int first, second;

	use(w, &u, "tiny");
	assert_int_equal(starts(w, "tiny", &first), 1);
	assert_int_equal(kill(first, SIGKILL), 0);
	UNTIL(w, engine_of(w, "tiny")->state == ENGINE_DOWN);
	assert_int_equal(get(&u, "/x", u.use.key), 0);
	assert_int_equal(starts(w, "tiny", &second), 1);
	use(w, &v, "tiny");
	assert_int_equal(starts(w, "tiny", &second), 2);
	assert_int_equal(get(&v, "/x", v.use.key), 200);
	engine_use_stop(&u.use);
	engine_use_stop(&v.use);
}

/* The next use comes before the death is known: it is told the old address, fails,
 * says so, and comes again, as the request machine does. */
TEST(a_suspect_that_is_dead_is_replaced)
{
	struct world *w = *state;
	struct user u, v;
	int pid = 0;

	use(w, &u, "tiny");
	(void)get(&u, "/die", u.use.key);
	engine_suspect(engine_of(w, "tiny"));
	begin(w, &v, "tiny");
	engine_use_stop(&u.use);
	assert_int_equal(outcome(w, &v), ERR_OK);
	assert_int_equal(starts(w, "tiny", &pid), 2);
	assert_int_equal(get(&v, "/x", v.use.key), 200);
	engine_use_stop(&v.use);
}

TEST(a_suspect_that_is_well_goes_on)
{
	struct world *w = *state;
	struct user u, v;
	int pid;

	use(w, &u, "tiny");
	engine_suspect(engine_of(w, "tiny"));
	engine_suspect(engine_of(w, "tiny"));
	use(w, &v, "tiny");
	assert_int_equal(starts(w, "tiny", &pid), 1);
	engine_use_stop(&u.use);
	engine_use_stop(&v.use);
}

/* Stopped by SIGSTOP it takes connections and says nothing: that is no life either. */
TEST(a_suspect_that_hangs_is_killed)
{
	struct world *w = *state;
	struct user u, v;
	int first = 0, second = 0;

	w->engines->check_ms = 50;
	use(w, &u, "tiny");
	(void)starts(w, "tiny", &first);
	assert_int_equal(kill(first, SIGSTOP), 0);
	engine_suspect(engine_of(w, "tiny"));
	use(w, &v, "tiny");
	assert_int_equal(starts(w, "tiny", &second), 2);
	assert_false(is_alive(first));
	engine_use_stop(&u.use);
	engine_use_stop(&v.use);
}

TEST(a_dying_engine_fails_the_use_with_its_words)
{
	struct world *w = *state;
	struct user u, v;
	int pid;

	add_model(w, "dies", 1);
	configure(w);
	begin(w, &u, "dies");
	assert_int_equal(outcome(w, &u), ERR_ENGINE);
	assert_string_equal(u.use.why, "dies: its engine exited with status 3: "
				       "error: no tensor 'blk.0'");
	assert_int_equal(starts(w, "dies", &pid), 3);
	/* From then on a use has one try, after the pause. */
	begin(w, &v, "dies");
	assert_int_equal(outcome(w, &v), ERR_ENGINE);
	assert_int_equal(starts(w, "dies", &pid), 4);
	assert_int_equal(engine_of(w, "dies")->deaths, 4);
	engine_use_stop(&u.use);
	engine_use_stop(&v.use);
}

TEST(a_start_that_takes_too_long_fails)
{
	struct world *w = *state;
	struct user u;

	add_model(w, "deaf", 1);
	w->config.options.local_start = 100;
	configure(w);
	begin(w, &u, "deaf");
	assert_int_equal(outcome(w, &u), ERR_ENGINE);
	assert_string_equal(
	    u.use.why, "deaf: its engine was not ready within local.start (100 ms)");
	engine_use_stop(&u.use);
	UNTIL(w, engine_of(w, "deaf")->state == ENGINE_DOWN);
}

TEST(without_a_program_it_says_what_to_do)
{
	struct world *w = *state;
	struct user u;
	char text[ENGINE_WHY_MAX];

	set_program(w, "off");
	configure(w);
	assert_string_equal(offer_of(w, "tiny")->missing,
	    "local models are switched off (local.engine: off)");
	assert_false(engine_available(&w->config, text));
	assert_string_equal(text, offer_of(w, "tiny")->missing);
	begin(w, &u, "tiny");
	assert_int_equal(outcome(w, &u), ERR_ENGINE);
	assert_string_equal(u.use.why, text);
	engine_use_stop(&u.use);
	set_program(w, "/no/such/llama-server");
	assert_false(engine_available(&w->config, text));
	assert_string_equal(text, "local.engine names no program that can be run");
	set_program(w, "/proc/self/exe");
	assert_true(engine_available(&w->config, text));
	assert_string_equal(text, "llama-server /proc/self/exe");
}

/* --- ending --- */

TEST(an_idle_engine_is_ended)
{
	struct world *w = *state;
	struct user u;
	int pid = 0;

	w->config.options.local_idle = 30;
	configure(w);
	use(w, &u, "tiny");
	(void)starts(w, "tiny", &pid);
	for (uint64_t end = clock_mono_ms() + 90; clock_mono_ms() < end;)
		(void)uv_run(loop_uv(w->loop), UV_RUN_ONCE);
	assert_true(is_alive(pid)); /* it is in use */
	engine_use_stop(&u.use);
	UNTIL(w, engine_of(w, "tiny")->state == ENGINE_DOWN);
	assert_false(is_alive(pid));
	use(w, &u, "tiny");
	assert_int_equal(starts(w, "tiny", &pid), 2);
	engine_use_stop(&u.use);
}

/* A world with "tiny" running, and no memory for "large" beside it. */
static void
crowd(struct world *w, struct user *u)
{
	const long large = 64 << 20;

	add_model(w, "large", large);
	configure(w);
	use(w, u, "tiny");
	w->config.options.local_memory =
	    (uint64_t)large + engine_bytes(engine_of(w, "tiny")) / 2;
	configure(w);
}

TEST(memory_is_taken_from_the_unused)
{
	struct world *w = *state;
	struct user u, v;
	int tiny = 0, pid;

	crowd(w, &u);
	(void)starts(w, "tiny", &tiny);
	engine_use_stop(&u.use);
	begin(w, &v, "large");
	assert_int_equal(outcome(w, &v), ERR_OK);
	assert_false(is_alive(tiny));
	assert_int_equal(starts(w, "large", &pid), 1);
	engine_use_stop(&v.use);
}

TEST(memory_is_not_taken_from_those_in_use)
{
	struct world *w = *state;
	struct user u, v, gone;
	int tiny = 0, pid;

	crowd(w, &u);
	(void)starts(w, "tiny", &tiny);
	begin(w, &v, "large");
	begin(w, &gone, "large");
	UNTIL(w, engine_of(w, "large")->state == ENGINE_WANTED);
	engine_use_stop(&gone.use);
	assert_true(is_alive(tiny));
	engine_use_stop(&u.use);
	assert_int_equal(outcome(w, &v), ERR_OK);
	assert_int_equal(gone.ran, 0);
	assert_false(is_alive(tiny));
	assert_int_equal(starts(w, "large", &pid), 1);
	engine_use_stop(&v.use);
}

TEST(what_never_fits_is_refused)
{
	struct world *w = *state;
	struct user u;

	add_model(w, "large", 64 << 20);
	w->config.options.local_memory = 32 << 20;
	configure(w);
	begin(w, &u, "large");
	assert_int_equal(outcome(w, &u), ERR_ENGINE);
	assert_string_equal(
	    u.use.why, "large takes 64 MiB or more, and local.memory is 32 MiB");
	engine_use_stop(&u.use);
}

TEST(stopping_ends_all_and_fails_those_that_wait)
{
	struct world *w = *state;
	struct user u, v, late;
	int tiny = 0, slow = 0;

	add_model(w, "slow", 1);
	configure(w);
	use(w, &u, "tiny");
	begin(w, &v, "slow");
	UNTIL(w, starts(w, "slow", &slow) == 1);
	(void)starts(w, "tiny", &tiny);
	stop_all(w);
	assert_int_equal(outcome(w, &v), ERR_STOPPING);
	assert_false(is_alive(tiny));
	assert_false(is_alive(slow));
	begin(w, &late, "tiny");
	assert_int_equal(outcome(w, &late), ERR_STOPPING);
	engine_use_stop(&u.use);
	engine_use_stop(&v.use);
	engine_use_stop(&late.use);
	for (unsigned i = 0; i < 10; i++)
		(void)uv_run(loop_uv(w->loop), UV_RUN_ONCE);
	assert_int_equal(w->stopped, 1);
}

TEST(one_that_ignores_sigterm_is_killed)
{
	struct world *w = *state;
	struct user u;
	int pid = 0;

	add_model(w, "stubborn", 1);
	configure(w);
	use(w, &u, "stubborn");
	(void)starts(w, "stubborn", &pid);
	engine_use_stop(&u.use);
	stop_all(w);
	assert_false(is_alive(pid));
}

static const struct CMUnitTest tests[] = {
    CASE(starts_on_first_use_and_is_shared),
    CASE(ends_in_a_session_of_its_own),
    CASE(a_killed_engine_is_started_again_on_the_next_use),
    CASE(a_suspect_that_is_dead_is_replaced),
    CASE(a_suspect_that_is_well_goes_on),
    CASE(a_suspect_that_hangs_is_killed),
    CASE(a_dying_engine_fails_the_use_with_its_words),
    CASE(a_start_that_takes_too_long_fails),
    CASE(without_a_program_it_says_what_to_do),
    CASE(an_idle_engine_is_ended),
    CASE(memory_is_taken_from_the_unused),
    CASE(memory_is_not_taken_from_those_in_use),
    CASE(what_never_fits_is_refused),
    CASE(stopping_ends_all_and_fails_those_that_wait),
    CASE(one_that_ignores_sigterm_is_killed),
};

ENGINE_WORLD_MAIN(tests)
