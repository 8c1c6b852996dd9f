/*
 * test: what every unit test includes: cmocka with what it needs, and the
 * asserts that it lacks. A test is written
 *
 *	TEST(what_must_hold)
 *	{
 *		assert_slice(slice_head(S("abc"), 2), S("ab"));
 *	}
 */
#ifndef UNIT_TEST_H
#define UNIT_TEST_H

#include "core/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Last of all: it wants those above. */
#include <cmocka.h>

/* A cmocka test without use for its state. */
#define TEST(name) static void name(void **state __attribute__((unused)))

/* Byte-wise equality, with both texts in the message. */
#define assert_slice(got, want) test_same_slice((got), (want), __FILE__, __LINE__)

static inline void
test_same_slice(struct slice got, struct slice want, const char *file, int line)
{
	if (slice_eq(got, want))
		return;
	print_error("got  (%zu bytes) \"%.*s\"\nwant (%zu bytes) \"%.*s\"\n", got.len,
	    SLICE_ARGS(got), want.len, SLICE_ARGS(want));
	_fail(file, line);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
