/*
 * signals: a signal as an event of a loop.
 */
#ifndef LOOP_SIGNALS_H
#define LOOP_SIGNALS_H

#include "loop/loop.h"

struct signal_watch;

/* Calls fn(arg) on the loop for each signal of that number. NULL when out of memory. */
struct signal_watch *signal_start(struct loop *l, int number, task_fn *fn, void *arg);

/* fn does not run any more. NULL does nothing. */
void signal_stop(struct signal_watch *s);

#endif
