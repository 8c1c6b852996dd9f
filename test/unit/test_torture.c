#include "torture.h"

#include "test.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* The torture must be able to fail: cases that do wrong, and what it says. */

static enum err
three_blocks(void *arg)
{
	void *a = malloc(10), *b = calloc(2, 10), *c = a == NULL ? NULL : realloc(a, 20);
	bool ok = a != NULL && b != NULL && c != NULL;

	(void)arg;
	free(c == NULL ? a : c);
	free(b);
	return ok ? ERR_OK : ERR_NOMEM;
}

TEST(counts_every_allocation)
{
	assert_int_equal(torture(three_blocks, NULL), 3);
}

static enum err
asks_for_nothing(void *arg)
{
	(*(unsigned *)arg)++;
	return ERR_OK;
}

TEST(a_case_without_memory_runs_once_a_way)
{
	unsigned runs = 0;

	assert_int_equal(torture(asks_for_nothing, &runs), 0);
	assert_int_equal(runs, 2);
}

TEST(one_fails_or_all_behind_it_too)
{
	void *p[4];

	for (int all = 0; all < 2; all++) {
		torture_start(2, all);
		for (unsigned i = 0; i < 4; i++)
			p[i] = malloc(1);
		for (unsigned i = 0; i < 4; i++) {
			bool fails = i == 1 || (all && i > 1);

			assert_int_equal(p[i] == NULL, fails);
			free(p[i]);
		}
		assert_int_equal(torture_count(), 4);
		assert_true(torture_stop());
	}
}

TEST(realloc_that_fails_keeps_the_block)
{
	char *p, *q;

	torture_start(2, false);
	p = torture_malloc(8);
	assert_non_null(p);
	memcpy(p, "content", 8);
	q = torture_realloc(p, 1000);
	assert_null(q);
	assert_string_equal(p, "content");
	torture_free(p);
	assert_true(torture_stop());
}

TEST(blocks_of_before_may_be_given_back)
{
	void *before = malloc(10);

	torture_start(0, false);
	free(before);
	assert_false(torture_stop());
}

static enum err
says_full(void *arg)
{
	void *p = malloc(1);

	(void)arg;
	free(p);
	return p == NULL ? ERR_FULL : ERR_OK;
}

static enum err
leaks_on_failure(void *arg)
{
	void **kept = arg;
	void *p = malloc(1), *q = malloc(1);

	if (p != NULL && q == NULL) {
		*kept = p;
		return ERR_NOMEM;
	}
	free(p);
	free(q);
	return p == NULL ? ERR_NOMEM : ERR_OK;
}

static enum err
never_works(void *arg)
{
	(void)arg;
	return ERR_NOMEM;
}

static enum err
keeps_a_block(void *arg)
{
	*(void **)arg = malloc(1);
	return *(void **)arg == NULL ? ERR_NOMEM : ERR_OK;
}

/* Does the torture object? A failed test can't be caught, so a child fails. */
static bool
objects(torture_fn *fn)
{
	void *kept = NULL;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)setenv("CMOCKA_TEST_ABORT", "1", 1);
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(0);
		(void)torture(fn, &kept);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

TEST(finds_what_is_wrong)
{
	assert_true(objects(says_full));
	assert_true(objects(leaks_on_failure));
	assert_true(objects(never_works));
	assert_true(objects(keeps_a_block));
	assert_false(objects(three_blocks));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(counts_every_allocation),
	    cmocka_unit_test(a_case_without_memory_runs_once_a_way),
	    cmocka_unit_test(one_fails_or_all_behind_it_too),
	    cmocka_unit_test(realloc_that_fails_keeps_the_block),
	    cmocka_unit_test(blocks_of_before_may_be_given_back),
	    cmocka_unit_test(finds_what_is_wrong),
	};

	return cmocka_run_group_tests_name("torture", tests, NULL, NULL);
}
