#include "main/table.h"

#include "core/version.h"
#include "main/command.h"
#include "test.h"
#include "torture.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* What a table prints; command_print is main.c's otherwise. */
static struct buf printed;

void
command_print(struct slice text)
{
	buf_add(&printed, text);
}

static int
setup(void **state __attribute__((unused)))
{
	buf_init(&printed, 1u << 20);
	return setenv("COLUMNS", "40", 1);
}

static int
teardown(void **state __attribute__((unused)))
{
	buf_free(&printed);
	return unsetenv("COLUMNS");
}

static void
cells(struct table *t, const char *const *texts, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		table_cell(t, slice_str(texts[i]));
}

#define CELLS(t, ...)                                                                    \
	cells((t), (const char *const[]){__VA_ARGS__},                                   \
	    sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static const char *const titles[] = {"model", ">n", "why"};

static void
assert_printed(const char *want)
{
	assert_slice(buf_slice(&printed), slice_str(want));
}

TEST(columns_are_as_wide_as_what_is_in_them)
{
	struct table t;

	table_init(&t, 3, titles);
	CELLS(&t, "acme/large", "7", "cheap");
	CELLS(&t, "b", "1000", "");
	table_print(&t);
	/* Numbers stand at the right, and nothing is behind the last column. */
	assert_printed("model          n  why\n"
		       "acme/large     7  cheap\n"
		       "b           1000  \n");
}

TEST(a_table_without_rows_is_its_titles)
{
	struct table t;

	table_init(&t, 3, titles);
	table_print(&t);
	assert_printed("model  n  why\n");
}

TEST(numbers_are_cells)
{
	struct table t;

	table_init(&t, 3, titles);
	CELLS(&t, "a");
	table_number(&t, UINT64_MAX);
	CELLS(&t, "b");
	table_print(&t);
	assert_printed("model                     n  why\n"
		       "a      18446744073709551615  b\n");
}

/* The widest column of text is cut until the screen holds it all. */
TEST(what_is_too_wide_is_cut)
{
	struct table t;

	table_init(&t, 3, titles);
	CELLS(
	    &t, "a-model-with-a-long-name-indeed", "123456", "and a reason that is long");
	CELLS(&t, "short", "1", "x");
	table_print(&t);
	assert_printed("model                 n  why\n"
		       "a-model-with-a…  123456  and a reason t…\n"
		       "short                 1  x\n");
}

/* A number is never cut, and no column to less than eight. */
TEST(a_screen_that_is_too_narrow_is_passed)
{
	struct table t;

	assert_int_equal(setenv("COLUMNS", "21", 1), 0);
	table_init(&t, 3, titles);
	CELLS(&t, "123456789", "1234567890123456", "123456789");
	CELLS(&t, "12345678", "1", "12345678");
	table_print(&t);
	assert_printed("model                    n  why\n"
		       "1234567…  1234567890123456  1234567…\n"
		       "12345678                 1  12345678\n");
}

/* Where nothing is stated: the terminal's on which the test may run. */
static size_t
usual_width(void)
{
	struct winsize w;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col : 80;
}

TEST(the_width_is_the_screens)
{
	static const struct {
		const char *columns;
		size_t width;
	} cases[] = {
	    {"30", 30}, {"60", 60}, {"21", 21}, {"20", 0}, {"", 0}, {"x", 0}, {NULL, 0}};

	for (size_t i = 0; i < COUNT(cases); i++) {
		static char much[200];
		static const char *const one[] = {"a"};
		struct table t;

		buf_clear(&printed);
		assert_int_equal(cases[i].columns == NULL
				     ? unsetenv("COLUMNS")
				     : setenv("COLUMNS", cases[i].columns, 1),
		    0);
		memset(much, 'x', sizeof(much) - 1);
		table_init(&t, 1, one);
		table_cell(&t, slice_str(much));
		table_print(&t);
		/* "a", the cut text with its ellipsis of three bytes, two newlines */
		assert_int_equal(printed.len,
		    2 + (cases[i].width == 0 ? usual_width() : cases[i].width) + 2 + 1);
	}
}

TEST(characters_count_and_not_bytes)
{
	struct table t;

	table_init(&t, 3, titles);
	CELLS(&t, "äöü", "1", "a");
	CELLS(&t, "abcd", "2", "€");
	table_print(&t);
	assert_printed("model  n  why\n"
		       "äöü    1  a\n"
		       "abcd   2  €\n");
	buf_clear(&printed);
	assert_int_equal(setenv("COLUMNS", "22", 1), 0);
	table_init(&t, 3, titles);
	CELLS(&t, "äöüäöüäöüäöü", "1", "x");
	table_print(&t);
	assert_printed("model         n  why\n"
		       "äöüäöüäöüäöü  1  x\n");
	buf_clear(&printed);
	assert_int_equal(setenv("COLUMNS", "21", 1), 0);
	table_init(&t, 3, titles);
	CELLS(&t, "äöüäöüäöüäöüäö", "1", "xyz");
	table_print(&t);
	assert_printed("model          n  why\n"
		       "äöüäöüäöüäöü…  1  xyz\n");
}

/* A text of a caller's stays in its cell and does nothing to the terminal. */
TEST(control_characters_are_shown_as_question_marks)
{
	struct table t;

	table_init(&t, 3, titles);
	table_cell(&t, slice_of("a\0b\x1b[1m\n\x7f", 9));
	CELLS(&t, "1",
	    "\xc2\x9b"
	    "1m\xc2\xa0|");
	table_print(&t);
	assert_printed("model      n  why\n"
		       "a?b?[1m??  1  ?1m\xc2\xa0|\n");
}

TEST(a_table_may_be_dropped)
{
	struct table t;

	table_init(&t, 3, titles);
	CELLS(&t, "a", "1", "b");
	table_done(&t);
	assert_int_equal(printed.len, 0);
	table_done(&t);
}

/* --- version --- */

/* Three numbers, as `make` reads them out of the header. */
TEST(the_version_is_semantic)
{
	struct slice rest = S(WEIR_VERSION);

	for (unsigned i = 0; i < 3; i++) {
		uint64_t n;

		assert_true(slice_u64(slice_cut(&rest, '.'), &n));
	}
	assert_null(rest.ptr);
}

static enum err
print_it(void *arg)
{
	struct table t;

	(void)arg;
	buf_free(&printed);
	buf_init(&printed, 1u << 20);
	table_init(&t, 3, titles);
	CELLS(&t, "a", "1", "b");
	table_print(&t);
	buf_free(&printed);
	return ERR_OK;
}

/* Without memory less is printed: that is all. */
TEST(survives_torture)
{
	assert_true(torture(print_it, NULL) >= 3);
}

#define RUN(case) cmocka_unit_test_setup_teardown(case, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    RUN(columns_are_as_wide_as_what_is_in_them),
	    RUN(a_table_without_rows_is_its_titles),
	    RUN(numbers_are_cells),
	    RUN(what_is_too_wide_is_cut),
	    RUN(a_screen_that_is_too_narrow_is_passed),
	    RUN(the_width_is_the_screens),
	    RUN(characters_count_and_not_bytes),
	    RUN(control_characters_are_shown_as_question_marks),
	    RUN(a_table_may_be_dropped),
	    RUN(the_version_is_semantic),
	    RUN(survives_torture),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
