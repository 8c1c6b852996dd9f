#include "torture.h"

#include "test.h"

#include <stdlib.h>

#define ROUNDS_MAX 20000
#define HELD_MAX   (1u << 16) /* a power of two */

/* Made by the linker: __wrap_x is called for x, and __real_x is x. */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void __wrap_free(void *p);

static _Thread_local struct {
	bool on, all, failed;
	size_t count, fail_at;
} state;

/*
 * What was taken since the start and not given back, by address: open
 * addressing, and an entry given back leaves a stone that keeps the way open.
 */
static void *held[HELD_MAX];
static size_t held_count;
static char stone;

static size_t
slot_of(const void *p)
{
	uintptr_t bits = (uintptr_t)p >> 4;

	return (size_t)((bits * 0x9e3779b97f4a7c15u) >> 40) & (HELD_MAX - 1);
}

static void
hold(void *p)
{
	size_t i = slot_of(p);

	if (!state.on || p == NULL)
		return;
	if (held_count >= HELD_MAX / 2)
		fail_msg("torture: more than %u blocks are held", HELD_MAX / 2);
	while (held[i] != NULL && held[i] != &stone)
		i = (i + 1) & (HELD_MAX - 1);
	held[i] = p;
	held_count++;
}

static void
release(const void *p)
{
	size_t i = slot_of(p);

	if (!state.on || p == NULL)
		return;
	while (held[i] != NULL && held[i] != p)
		i = (i + 1) & (HELD_MAX - 1);
	if (held[i] == NULL)
		return; /* from before the start, or of another thread */
	held[i] = &stone;
	held_count--;
}

static bool
must_fail(void)
{
	if (!state.on)
		return false;
	state.count++;
	if (state.count != state.fail_at && !(state.all && state.failed))
		return false;
	state.failed = true;
	return true;
}

void *
__wrap_malloc(size_t n)
{
	void *p = must_fail() ? NULL : __real_malloc(n);

	hold(p);
	return p;
}

void *
__wrap_calloc(size_t n, size_t size)
{
	void *p = must_fail() ? NULL : __real_calloc(n, size);

	hold(p);
	return p;
}

void *
__wrap_realloc(void *p, size_t n)
{
	void *moved;

	if (must_fail())
		return NULL;
	release(p);
	moved = __real_realloc(p, n);
	hold(moved);
	return moved;
}

void
__wrap_free(void *p)
{
	release(p);
	__real_free(p);
}

void *
torture_malloc(size_t n)
{
	return __wrap_malloc(n);
}

void *
torture_calloc(size_t n, size_t size)
{
	return __wrap_calloc(n, size);
}

void *
torture_realloc(void *p, size_t n)
{
	return __wrap_realloc(p, n);
}

void
torture_free(void *p)
{
	__wrap_free(p);
}

void
torture_start(size_t n, bool all)
{
	memset(held, 0, sizeof(held));
	held_count = 0;
	state.count = 0;
	state.fail_at = n;
	state.all = all;
	state.failed = false;
	state.on = true;
}

bool
torture_stop(void)
{
	state.on = false;
	if (held_count > 0)
		fail_msg("torture: with allocation %zu%s failing, %zu blocks leak",
		    state.fail_at, state.all ? " and all behind it" : "", held_count);
	return state.failed;
}

bool
torture_calm(void)
{
	state.fail_at = 0;
	state.all = false;
	return state.failed;
}

size_t
torture_count(void)
{
	return state.count;
}

/* One round; false when no allocation failed in it. */
static bool
round_of(torture_fn *fn, void *arg, size_t n, bool all)
{
	enum err e;

	torture_start(n, all);
	e = fn(arg);
	if (!torture_stop()) {
		if (e != ERR_OK)
			fail_msg("torture: untouched, the case says %s", err_name(e));
		return false;
	}
	if (e != ERR_OK && e != ERR_NOMEM)
		fail_msg("torture: with allocation %zu failing, the case says %s", n,
		    err_name(e));
	return true;
}

size_t
torture(torture_fn *fn, void *arg)
{
	size_t n = 1;

	while (round_of(fn, arg, n, false)) {
		if (++n == ROUNDS_MAX)
			fail_msg("torture: no end after %d rounds", ROUNDS_MAX);
	}
	n = 1;
	while (round_of(fn, arg, n, true))
		n++;
	return state.count;
}
