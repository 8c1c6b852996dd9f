/* Uses of engines from any thread, configurations, programs. */
#include "engine_world.h"

/* --- uses --- */

TEST(a_withdrawn_use_is_not_answered)
{
	struct world *w = *state;
	struct user early, late, other;
	int pid;

	add_model(w, "slow", 1);
	configure(w);
	begin(w, &early, "slow"); /* before the supervisor hears of it */
	engine_use_stop(&early.use);
	for (unsigned i = 0; i < 10; i++)
		(void)uv_run(loop_uv(w->loop), UV_RUN_ONCE);
	assert_int_equal(starts(w, "slow", &pid), 0);
	begin(w, &late, "slow"); /* while it waits */
	begin(w, &other, "slow");
	UNTIL(w, starts(w, "slow", &pid) == 1);
	engine_use_stop(&late.use);
	{
		char path[PATH_MAX];

		file_of(w, "slow", ".go", path);
		(void)close(open(path, O_CREAT | O_WRONLY, 0600));
	}
	assert_int_equal(outcome(w, &other), ERR_OK);
	assert_int_equal(early.ran + late.ran, 0);
	engine_use_stop(&other.use);
}

static void
stop_inside(void *arg, enum err why)
{
	struct user *u = arg;

	u->err = why;
	engine_use_stop(&u->use);
	u->ran++;
}

/* One loop of another thread, which uses the engine again and again, and withdraws
 * every second use at once. */
struct worker {
	pthread_t thread;
	struct engine *engine;
	struct loop *loop;
	struct user user, withdrawn;
	unsigned left;
	atomic_bool done;
};

static void
on_worker_use(void *arg, enum err why)
{
	struct worker *k = arg;

	stop_inside(&k->user, why);
	if (why != ERR_OK || --k->left == 0) {
		loop_stop(k->loop);
		return;
	}
	k->withdrawn.use =
	    (struct engine_use){k->loop, .fn = on_use, .arg = &k->withdrawn};
	engine_use_start(k->engine, &k->withdrawn.use);
	k->user.use = (struct engine_use){k->loop, .fn = on_worker_use, .arg = k};
	engine_use_start(k->engine, &k->user.use);
	engine_use_stop(&k->withdrawn.use);
	if (k->left % 8 == 0)
		engine_suspect(k->engine);
}

static void *
work(void *arg)
{
	struct worker *k = arg;

	if (loop_new(&k->loop) != ERR_OK)
		abort();
	k->left = 200;
	k->user.use = (struct engine_use){k->loop, .fn = on_worker_use, .arg = k};
	engine_use_start(k->engine, &k->user.use);
	loop_run(k->loop);
	loop_drain(k->loop);
	loop_free(k->loop);
	atomic_store(&k->done, true);
	return NULL;
}

TEST(other_threads_use_it)
{
	struct world *w = *state;
	struct worker workers[3] = {0};
	int pid;

	for (unsigned i = 0; i < 3; i++) {
		workers[i].engine = engine_of(w, "tiny");
		assert_int_equal(
		    pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (unsigned i = 0; i < 3; i++) {
		UNTIL(w, atomic_load(&workers[i].done));
		(void)pthread_join(workers[i].thread, NULL);
		assert_int_equal(workers[i].user.err, ERR_OK);
		assert_int_equal(workers[i].left, 0);
		assert_int_equal(workers[i].withdrawn.ran, 0);
	}
	assert_int_equal(starts(w, "tiny", &pid), 1);
}

/* --- configurations --- */

TEST(an_engine_outlives_a_configuration_that_keeps_it)
{
	struct world *w = *state;
	struct engine *e = engine_of(w, "tiny");
	struct user u, v;
	int pid = 0;

	use(w, &u, "tiny");
	(void)starts(w, "tiny", &pid);
	add_model(w, "other", 1);
	configure(w);
	assert_ptr_equal(engine_of(w, "tiny"), e);
	assert_ptr_not_equal(engine_of(w, "other"), e);
	assert_true(is_alive(pid));
	/* Another context is another engine; the old one goes once it is unused. */
	w->models[0].context_tok = 200;
	configure(w);
	assert_ptr_not_equal(engine_of(w, "tiny"), e);
	use(w, &v, "tiny");
	assert_int_equal(get(&u, "/x", u.use.key), 200);
	assert_int_not_equal(u.use.host.port, v.use.host.port);
	engine_use_stop(&u.use);
	UNTIL(w, !is_alive(pid));
	assert_int_equal(get(&v, "/x", v.use.key), 200);
	engine_use_stop(&v.use);
	assert_null(offer_of(w, "tiny")->missing);
}

/* --- the other program --- */

TEST(the_launcher_says_where_it_listens)
{
	struct world *w = *state;
	struct user u;
	char path[PATH_MAX], text[ENGINE_WHY_MAX], self[PATH_MAX];
	char *old_path = slice_dup(slice_str(getenv("PATH"))),
	     *cache = getenv("XDG_CACHE_HOME");
	int pid = 0;

	cache = cache == NULL ? NULL : slice_dup(slice_str(cache));
	(void)snprintf(self, sizeof(self), "%s", w->config.options.local_engine);
	(void)snprintf(path, sizeof(path), "mkdir -p %s/weir/engine/bin", w->dir);
	assert_int_equal(system(path), 0);
	(void)snprintf(path, sizeof(path), "%s/weir/engine/bin/python", w->dir);
	assert_int_equal(symlink(self, path), 0);
	(void)setenv("PATH", w->dir, 1);
	(void)setenv("XDG_CACHE_HOME", w->dir, 1);
	set_program(w, "");
	configure(w);
	assert_true(engine_available(&w->config, text));
	assert_true(slice_starts(slice_str(text), S("llama.cpp of /tmp/")));
	use(w, &u, "tiny");
	assert_int_equal(starts(w, "tiny", &pid), 1);
	assert_int_equal(get(&u, "/x", u.use.key), 200);
	assert_int_equal(get(&u, "/x", ""), 401);
	engine_use_stop(&u.use);
	(void)setenv("PATH", old_path, 1);
	if (cache == NULL)
		(void)unsetenv("XDG_CACHE_HOME");
	else
		(void)setenv("XDG_CACHE_HOME", cache, 1);
	free(old_path);
	free(cache);
}

/* --- weir is killed --- */

TEST(an_engine_ends_when_weir_is_killed)
{
	char command[PATH_MAX + 20], dir[64], self[PATH_MAX] = "";
	struct world *w = *state;
	int engine = 0, fds[2];
	pid_t parent;
	FILE *from;

	(void)snprintf(self, sizeof(self), "%s", w->config.options.local_engine);
	assert_int_equal(pipe(fds), 0);
	parent = fork();
	assert_true(parent >= 0);
	if (parent == 0) {
		(void)dup2(fds[1], 1);
		(void)execl(self, "test", "parent", (char *)NULL);
		_exit(1);
	}
	(void)close(fds[1]);
	from = fdopen(fds[0], "r");
	assert_int_equal(fscanf(from, "%d %63s", &engine, dir), 2);
	(void)fclose(from);
	assert_true(is_alive(engine));
	assert_int_equal(kill(parent, SIGKILL), 0);
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	UNTIL(w, !is_alive(engine));
	(void)snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

TEST(a_child_without_its_parent_does_not_begin)
{
	char name[] = "engine-child", parent[] = "1", program[] = "/bin/true";
	char *no_program[] = {name, parent, NULL};
	char *orphan[] = {name, parent, program, NULL};
	int status = 0;
	pid_t child = fork();

	(void)state;
	if (child == 0 && close(2) == 0)
		_exit(engine_child_main(2, no_program) == 2 ? engine_child_main(3, orphan)
							    : 9);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
}

static const struct CMUnitTest tests[] = {
    CASE(a_withdrawn_use_is_not_answered),
    CASE(other_threads_use_it),
    CASE(an_engine_outlives_a_configuration_that_keeps_it),
    CASE(the_launcher_says_where_it_listens),
    CASE(an_engine_ends_when_weir_is_killed),
    CASE(a_child_without_its_parent_does_not_begin),
};

ENGINE_WORLD_MAIN(tests)
