/*
 * torture: a case run again and again with memory failing at every place where
 * it asks for some. First the n-th allocation alone fails, then the n-th and
 * all behind it, for n = 1, 2, ... until the case runs through untouched.
 *
 *	static enum err
 *	read_it(void *arg)
 *	{
 *		struct json j;
 *		enum err e;
 *
 *		json_init(&j, 100);
 *		e = json_parse(&j, *(struct slice *)arg, JSON_KEEP_ALL);
 *		if (e == ERR_OK)
 *			assert_true(json_is(&j, 0, JSON_OBJECT));
 *		json_free(&j);
 *		return e;
 *	}
 *	...
 *	assert_true(torture(read_it, &text) > 0);
 *
 * It works by -Wl,--wrap on malloc, calloc, realloc and free, so it sees the
 * calls of weir's own code and not those inside shared libraries; the functions
 * for libuv and OpenSSL below bring those in. Only allocations of the thread
 * that called torture() fail.
 */
#ifndef UNIT_TORTURE_H
#define UNIT_TORTURE_H

#include "core/err.h"

#include <stddef.h>

/*
 * The case: OK when all went as it should, which it checks itself, or the error
 * that it was told. Gives back all memory that it took, in either case. Does
 * the same allocations each time.
 */
typedef enum err torture_fn(void *arg);

/*
 * Tortures the case; returns how many allocations it makes. Fails the test when
 * the case leaks or gives back what it does not own, when it reports another
 * error than NOMEM, when it reports one without need, or does not come to
 * its end.
 */
size_t torture(torture_fn *fn, void *arg);

/*
 * The pieces, for cases that can't be a function: from torture_start(n) on the
 * n-th allocation fails (0: none), and with `all` every one behind it too.
 * torture_stop() ends that, returns whether one failed, and fails the test when
 * memory taken in between is still held.
 */
void torture_start(size_t n, bool all);
bool torture_stop(void);

/* From here on no allocation fails; what is held is still watched. Returns whether
 * one failed. */
bool torture_calm(void);

/* How many allocations there were since torture_start(). */
size_t torture_count(void);

/* For uv_replace_allocator() and CRYPTO_set_mem_functions(). */
void *torture_malloc(size_t n);
void *torture_calloc(size_t n, size_t size);
void *torture_realloc(void *p, size_t n);
void torture_free(void *p);

#endif
