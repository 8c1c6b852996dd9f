/*
 * wheel: timers that are set far more often than they fire. Setting, moving
 * and stopping one takes constant time and no memory; moving one to a later
 * time, which every byte of a stream does, is a single store: the wheel finds
 * out when it comes by the old place.
 *
 * Pure: the caller says what time it is. One thread.
 */
#ifndef LOOP_WHEEL_H
#define LOOP_WHEEL_H

#include "core/list.h"

#include <stdint.h>

#define WHEEL_LEVELS 5
#define WHEEL_SLOTS  64
#define WHEEL_NEVER  UINT64_MAX

typedef void timer_fn(void *arg);

/* Embedded in its owner; the members are the wheel's. */
struct timer {
	struct link link;
	struct wheel *wheel;
	uint64_t deadline_ms; /* when it fires; WHEEL_NEVER: stopped */
	uint64_t placed_ms;   /* the time for which it hangs in the wheel */
	timer_fn *fn;
	void *arg;
	unsigned char level, slot; /* where it hangs */
};

struct wheel {
	uint64_t now_ms;	     /* up to here everything was fired */
	uint64_t busy[WHEEL_LEVELS]; /* a bit for each slot that is not empty */
	struct link slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

/* An empty wheel at now_ms. */
void wheel_init(struct wheel *w, uint64_t now_ms);

/* Fires what is due at now_ms or before; a timer is stopped before its fn runs. */
void wheel_advance(struct wheel *w, uint64_t now_ms);

/* A time not after the next timer's deadline; WHEEL_NEVER when none is set. */
uint64_t wheel_next(const struct wheel *w);

/* A stopped timer that will call fn(arg). */
void timer_init(struct timer *t, struct wheel *w, timer_fn *fn, void *arg);

/* Sets or moves it; a deadline in the past fires at the next advance. */
void timer_set(struct timer *t, uint64_t deadline_ms);

/* fn does not run after this. Legal for a stopped timer. */
void timer_stop(struct timer *t);

/* Is it set? */
static inline int
timer_is_set(const struct timer *t)
{
	return t->deadline_ms != WHEEL_NEVER;
}

#endif
